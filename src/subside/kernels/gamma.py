"""Temporal coherence and look-angle error of each pixel by a periodogram over trial slopes.

All arrays are float32 or complex64. No argument may hold NaN: callers drop such rows first.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel


@kernel(fastmath=True)
def fit_look_angle(
    phase: npt.NDArray[np.float32],
    patch: npt.NDArray[np.complex64],
    patch_row: npt.NDArray[np.int64],
    bperp: npt.NDArray[np.float32],
    trial: npt.NDArray[np.float32],
    carrier: npt.NDArray[np.complex64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Fit ``K`` to ``arg(exp(j phase) conj(patch)) = C + K bperp`` and give the coherence of the rest.

    Parameters
    ----------
    phase : ndarray of float32, (pixel, pair)
        Wrapped pair phase, rad.
    patch : ndarray of complex64, (row, pair)
        Spatially correlated part; only its argument is used.
    patch_row : ndarray of int64, (pixel,)
        Row of ``patch`` that belongs to each pixel.
    bperp : ndarray of float32, (1 or pixel, pair)
        Perpendicular baseline of the pairs, m; one row serves all pixels.
    trial : ndarray of float32, (trial,)
        Trial slopes, rad/m.
    carrier : ndarray of complex64, (trial, pair)
        ``exp(-j trial bperp)`` at the mean baseline of the pixels.

    Returns
    -------
    look_angle_error : ndarray of float32, (pixel,)
        Best trial, refined by one least-squares step over baseline with a free constant, rad/m. The step
        is dropped where it lowers the coherence.
    coherence : ndarray of float32, (pixel,)
        ``|sum_k psi_k exp(-j K B_k)| / n_pairs``, 0 to 1; 0 where ``patch`` is zero in every pair.
    """
    n, n_pairs = phase.shape
    n_trials = len(trial)
    slope = np.zeros(n, np.float32)
    coherence = np.zeros(n, np.float32)
    real = np.empty(n_pairs, np.float32)
    imag = np.empty(n_pairs, np.float32)
    rest = np.empty(n_pairs, np.float32)
    carrier_real = np.ascontiguousarray(carrier.real)
    carrier_imag = np.ascontiguousarray(carrier.imag)
    one_baseline = bperp.shape[0] == 1
    zero = np.float32(0)
    for i in range(n):
        row = patch_row[i]
        for k in range(n_pairs):
            p = patch[row, k]
            size = math.sqrt(p.real * p.real + p.imag * p.imag)
            scale = np.float32(1) / size if size > zero else zero
            c = math.cos(phase[i, k]) * scale
            s = math.sin(phase[i, k]) * scale
            real[k] = c * p.real + s * p.imag
            imag[k] = s * p.real - c * p.imag
        best = np.float32(-1)
        best_real = zero
        best_imag = zero
        chosen = 0
        for m in range(n_trials):
            a = zero
            b = zero
            for k in range(n_pairs):
                a += real[k] * carrier_real[m, k] - imag[k] * carrier_imag[m, k]
                b += real[k] * carrier_imag[m, k] + imag[k] * carrier_real[m, k]
            power = a * a + b * b
            if power > best:
                best = power
                best_real = a
                best_imag = b
                chosen = m
        at = 0 if one_baseline else i
        k0 = trial[chosen]
        if n_trials == 1:
            slope[i] = k0
            coherence[i] = math.sqrt(best) / np.float32(n_pairs)
            continue
        if not one_baseline:
            best_real = zero
            best_imag = zero
            for k in range(n_pairs):
                c = np.cos(k0 * bperp[at, k])
                s = np.sin(k0 * bperp[at, k])
                best_real += real[k] * c + imag[k] * s
                best_imag += imag[k] * c - real[k] * s
            best = best_real * best_real + best_imag * best_imag
        mean_rest = zero
        mean_b = zero
        for k in range(n_pairs):
            c = np.cos(k0 * bperp[at, k])
            s = np.sin(k0 * bperp[at, k])
            a = real[k] * c + imag[k] * s
            b = imag[k] * c - real[k] * s
            rest[k] = math.atan2(b * best_real - a * best_imag, a * best_real + b * best_imag)
            mean_rest += rest[k]
            mean_b += bperp[at, k]
        mean_rest /= np.float32(n_pairs)
        mean_b /= np.float32(n_pairs)
        top = zero
        bottom = zero
        for k in range(n_pairs):
            d = bperp[at, k] - mean_b
            top += d * (rest[k] - mean_rest)
            bottom += d * d
        k1 = k0 + top / bottom if bottom > zero else k0
        a = zero
        b = zero
        for k in range(n_pairs):
            c = np.cos(k1 * bperp[at, k])
            s = np.sin(k1 * bperp[at, k])
            a += real[k] * c + imag[k] * s
            b += imag[k] * c - real[k] * s
        power = a * a + b * b
        if power >= best:
            best = power
            k0 = k1
        slope[i] = k0
        coherence[i] = math.sqrt(best) / np.float32(n_pairs)
    return slope, coherence
