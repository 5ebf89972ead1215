"""Numerical kernels: arrays in, arrays out; numpy and numba only; no file, no xarray, no threads."""
