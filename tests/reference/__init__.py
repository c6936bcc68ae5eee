"""Tests of spikeloom.reference."""
