"""Numba kernels for CPUs: explicit SIMD on blocks of 64 neurons."""
