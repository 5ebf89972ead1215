"""Sums over windows of the two looks at an overlap of bursts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

C64 = npt.NDArray[np.complex64]
C128 = npt.NDArray[np.complex128]
F64 = npt.NDArray[np.float64]


@kernel
def window_looks(a_i: C64, a_j: C64, b_i: C64, b_j: C64, n_lines: int, n_samples: int) -> tuple[C128, F64]:
    """Interferograms and powers of two looks, summed over windows that tile the overlap.

    Parameters
    ----------
    a_i, a_j : ndarray of complex64, (line, sample)
        First look of two dates. Zero is no data.
    b_i, b_j : ndarray of complex64, (line, sample)
        Second look.
    n_lines, n_samples : int
        Size of a window; what is left at the ends is not used.

    Returns
    -------
    interferograms : ndarray of complex128, (2, window line, window sample)
        ``sum a_i conj(a_j)`` and ``sum b_i conj(b_j)`` over pixels where all four hold data.
    powers : ndarray of float64, (5, window line, window sample)
        Sums of ``|a_i|^2, |a_j|^2, |b_i|^2, |b_j|^2`` and the number of pixels.
    """
    shape = (a_i.shape[0] // n_lines, a_i.shape[1] // n_samples)
    products = np.zeros((2, *shape), np.complex128)
    powers = np.zeros((5, *shape), np.float64)
    for i in range(shape[0] * n_lines):
        p = i // n_lines
        for q in range(shape[1]):
            first, second = 0j, 0j
            pa, pb, pc, pd, n = 0.0, 0.0, 0.0, 0.0, 0
            for s in range(q * n_samples, (q + 1) * n_samples):
                ai, aj, bi, bj = a_i[i, s], a_j[i, s], b_i[i, s], b_j[i, s]
                wa = ai.real * ai.real + ai.imag * ai.imag
                wb = aj.real * aj.real + aj.imag * aj.imag
                wc = bi.real * bi.real + bi.imag * bi.imag
                wd = bj.real * bj.real + bj.imag * bj.imag
                if wa > 0 and wb > 0 and wc > 0 and wd > 0:
                    first += ai * np.conj(aj)
                    second += bi * np.conj(bj)
                    pa += wa
                    pb += wb
                    pc += wc
                    pd += wd
                    n += 1
            products[0, p, q] += first
            products[1, p, q] += second
            powers[0, p, q] += pa
            powers[1, p, q] += pb
            powers[2, p, q] += pc
            powers[3, p, q] += pd
            powers[4, p, q] += n
    return products, powers
