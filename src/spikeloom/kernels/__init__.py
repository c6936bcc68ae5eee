"""Compiled kernels, by device: arrays in, arrays out."""
