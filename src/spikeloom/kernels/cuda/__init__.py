"""GPU kernels, in Triton: tensors in, tensors out.

Each is launched by a function of the same module, which says what goes in. The layout of all data is that of
`kernels.cpu`: rows are sample-major, r = b * T + t; bits are words of 64 neurons, `[N / 64, B * T]`; weights lie in
blocks of 64 neurons or in whole rows, and come with the strides that say which.
"""
