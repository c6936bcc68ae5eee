"""Tests of spikeloom.neurons."""
