"""Phase on a grid of cells: accumulation, and the transfer function of the adaptive low-pass filter.

Arrays are float32 or complex64; no argument may hold NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel


@kernel(fastmath=True)
def accumulate_cells(
    phase: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float32],
    look_angle_error: npt.NDArray[np.float32],
    bperp: npt.NDArray[np.float32],
    cell: npt.NDArray[np.int64],
    n_cells: int,
) -> npt.NDArray[np.complex64]:
    """Sum ``weight exp(j (phase - K bperp))`` of the pixels of each cell.

    Parameters
    ----------
    phase : ndarray of float32, (pixel, pair)
        Wrapped pair phase, rad.
    weight, look_angle_error : ndarray of float32, (pixel,)
        Weight, and ``K`` in rad/m.
    bperp : ndarray of float32, (1 or pixel, pair)
        Perpendicular baseline of the pairs, m.
    cell : ndarray of int64, (pixel,)
        Cell of each pixel, 0 to ``n_cells - 1``.
    n_cells : int
        Number of cells.

    Returns
    -------
    ndarray of complex64, (cell, pair)
        Sums, in the order of the pixels.
    """
    n, n_pairs = phase.shape
    total = np.zeros((n_cells, n_pairs), np.complex64)
    one_baseline = bperp.shape[0] == 1
    for i in range(n):
        w = weight[i]
        if w == np.float32(0):
            continue
        at = 0 if one_baseline else i
        c = cell[i]
        for k in range(n_pairs):
            angle = phase[i, k] - look_angle_error[i] * bperp[at, k]
            total[c, k] += np.complex64(complex(w * math.cos(angle), w * math.sin(angle)))
    return total


@kernel(is_inner=True)
def _median(values: npt.NDArray[np.float32]) -> float:
    """Upper median of the values, reordering them (quickselect)."""
    target = len(values) // 2
    low = 0
    high = len(values) - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                held = values[i]
                values[i] = values[j]
                values[j] = held
                i += 1
                j -= 1
        if target <= j:
            high = j
        elif target >= i:
            low = i
        else:
            break
    return float(values[target])


@kernel(fastmath=True)
def apply_clap_transfer(
    spectrum: npt.NDArray[np.complex64],
    low_pass: npt.NDArray[np.float32],
    smoother: npt.NDArray[np.float32],
    alpha: float,
    beta: float,
) -> None:
    """Multiply spectra in place by ``beta max((A / median A)^alpha - 1, 0) + low_pass``.

    ``A`` is the modulus of the spectrum, smoothed by ``smoother`` along both axes with the zero frequency
    in the middle and zero outside (combined low-pass and adaptive phase filter, Hooper 2006, thesis
    ch. 2.3). The median is taken over every second frequency of both axes, which the smoothing makes as
    good as all of them. A spectrum that is zero throughout stays zero.

    Parameters
    ----------
    spectrum : ndarray of complex64, (batch, size, size)
        Two-dimensional transforms in the order of the discrete Fourier transform, contiguous; ``size`` even.
    low_pass : ndarray of float32, (size, size)
        Fixed part of the transfer function, same order.
    smoother : ndarray of float32, (tap,)
        Symmetric, odd length; its scale does not matter.
    alpha, beta : float
        Exponent and weight of the adaptive part.
    """
    n_batch, size, _ = spectrum.shape
    half = size // 2
    reach = len(smoother) // 2
    modulus = np.zeros((size + 2 * reach, size), np.float32)
    line = np.zeros(size + 2 * reach, np.float32)
    smooth = np.empty((size, size), np.float32)
    ranked = np.empty(half * half, np.float32)
    exponent = np.float32(alpha)
    weight = np.float32(beta)
    zero = np.float32(0)
    one = np.float32(1)
    for n in range(n_batch):
        for a in range(size):
            row = (a + half) % size + reach
            for b in range(half):
                value = spectrum[n, a, b]
                modulus[row, b + half] = math.sqrt(value.real * value.real + value.imag * value.imag)
            for b in range(half):
                value = spectrum[n, a, b + half]
                modulus[row, b] = math.sqrt(value.real * value.real + value.imag * value.imag)
        for a in range(size):
            for b in range(size):
                line[b + reach] = zero
                smooth[a, b] = zero
            for t in range(2 * reach + 1):
                w = smoother[t]
                for b in range(size):
                    line[b + reach] += w * modulus[a + t, b]
            for t in range(2 * reach + 1):
                w = smoother[t]
                for b in range(size):
                    smooth[a, b] += w * line[b + t]
        for a in range(half):
            for b in range(half):
                ranked[a * half + b] = smooth[2 * a, 2 * b]
        middle = np.float32(_median(ranked))
        if middle <= zero:
            continue
        scale = one / middle
        for a in range(size):
            for b in range(size):
                ratio = smooth[a, b] * scale
                if exponent == np.float32(2):
                    ratio = ratio * ratio
                elif exponent != one:
                    ratio = ratio**exponent
                smooth[a, b] = weight * max(ratio - one, zero)
        for a in range(size):
            row = (a + half) % size
            for b in range(half):
                spectrum[n, a, b] *= low_pass[a, b] + smooth[row, b + half]
            for b in range(half):
                spectrum[n, a, b + half] *= low_pass[a, b + half] + smooth[row, b]


@kernel
def evaluate_block(spectrum: npt.NDArray[np.complex64], wave: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    """Evaluate inverse transforms at a square block of positions only.

    Parameters
    ----------
    spectrum : ndarray of complex64, (batch, size, size)
        Two-dimensional transforms.
    wave : ndarray of complex64, (position, size)
        ``exp(2 pi j position frequency) / size`` of the positions wanted, the same along both axes.

    Returns
    -------
    ndarray of complex64, (position ** 2, batch)
        ``sum_ab spectrum[a, b] wave[p, a] wave[q, b]`` in row ``p * positions + q``.

    Notes
    -----
    In real arithmetic, positions innermost: vector code without reordered sums. The compiler shares its product of
    complex numbers between kernels, with the rounding of the first that asked for it, so that last bits of complex
    code depend on what was compiled before.
    """
    n_batch, size, _ = spectrum.shape
    n = len(wave)
    result = np.zeros((n * n, n_batch), np.complex64)
    real = np.ascontiguousarray(wave.real.T)
    imag = np.ascontiguousarray(wave.imag.T)
    x = np.empty(n, np.float32)
    y = np.empty(n, np.float32)
    for k in range(n_batch):
        for a in range(size):
            x[:] = 0
            y[:] = 0
            for b in range(size):
                value = spectrum[k, a, b]
                for q in range(n):
                    x[q] += value.real * real[b, q] - value.imag * imag[b, q]
                    y[q] += value.real * imag[b, q] + value.imag * real[b, q]
            for q in range(n):
                for p in range(n):
                    total = result[p * n + q, k]
                    whole = total.real + (x[q] * real[a, p] - y[q] * imag[a, p])
                    turned = total.imag + (x[q] * imag[a, p] + y[q] * real[a, p])
                    result[p * n + q, k] = complex(whole, turned)
    return result
