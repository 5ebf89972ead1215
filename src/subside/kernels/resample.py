"""Band-limited interpolation of a tile at smoothly varying positions, in two one-dimensional passes.

Positions hardly change from one pixel to the next, so a run of pixels shares its whole offset and one entry of the
weight table; what each pixel deviates from that entry is met by the derivative of the weights. A run that deviates
more than ``_TURN`` (steep relief) takes an entry per pixel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

RANGE_TAPS = 16
AZIMUTH_TAPS = 8

RANGE_RUN = 32
RUN = 128
"""Pixels that share a table entry in range and azimuth; work arrays are a whole number of ``RUN`` wide."""

N_FRACTIONS = 2048
"""Table entries per sample."""

_TURN = 1.0 / 24.0


def interpolation_weights(
    n_taps: int, bandwidth: float, window_coefficient: float, noise: float = 1e-6
) -> tuple[F32, F32]:
    """Weights that interpolate a band-limited signal with the least mean-square error.

    With ``r`` the autocorrelation of a signal of spectrum ``(a + (1 - a) cos(2 pi f / B))^2, |f| < B / 2``, the
    weights ``w(x)`` at fraction ``x`` solve ``R w = r(x)`` (``R_kl = r(k - l)``, ``r_k = r(k - x)``) under
    ``sum(w) = 1``: what the windowed sinc approximates, optimal for the taps it has.

    Parameters
    ----------
    n_taps : int
        A multiple of 4.
    bandwidth : float
        ``B``, cycles per sample, in (0, 1).
    window_coefficient : float
        ``a`` of the generalised Hamming window, in [0.5, 1].
    noise : float
        White part of the spectrum, of the signal's power: bounds the gain of noise outside the band.

    Returns
    -------
    weights, slope : ndarray of float32, (fraction + 1, n_taps)
        At fractions ``0, 1 / N_FRACTIONS, ..., 1`` of the way from tap ``n_taps / 2 - 1`` to the next, and their
        derivative per sample.
    """
    nodes, quadrature = np.polynomial.legendre.leggauss(64)
    frequency = 0.5 * bandwidth * nodes
    power = (
        quadrature * (window_coefficient + (1 - window_coefficient) * np.cos(2 * np.pi * frequency / bandwidth)) ** 2
    )
    power /= power.sum()
    taps = np.arange(n_taps) - (n_taps // 2 - 1)
    inside = np.cos(2 * np.pi * np.subtract.outer(taps, taps)[..., None] * frequency) @ power
    inside[np.diag_indices(n_taps)] += noise
    fraction = np.arange(N_FRACTIONS + 1) / N_FRACTIONS
    angle = 2 * np.pi * (taps[:, None] - fraction)[..., None] * frequency
    target = np.cos(angle) @ power
    target[n_taps // 2 - 1, 0] += noise
    target[n_taps // 2, -1] += noise
    change = (2 * np.pi * frequency * np.sin(angle)) @ power
    solved = np.linalg.solve(inside, np.column_stack([target, change, np.ones(n_taps)]))
    one = solved[:, -1:] / solved[:, -1].sum()
    weights, slope = solved[:, : N_FRACTIONS + 1], solved[:, N_FRACTIONS + 1 : -1]
    weights = weights + one * (1.0 - weights.sum(0))
    slope = slope - one * slope.sum(0)
    return np.ascontiguousarray(weights.T, np.float32), np.ascontiguousarray(slope.T, np.float32)


@kernel
def evaluate_offsets(
    rows: F64,
    edges: npt.NDArray[np.int64],
    first: float,
    step: float,
    height: F32,
    origin: float,
    scale: float,
    out: F64,
) -> None:
    """Evaluate offsets that are piecewise cubic in the sample and polynomial in height.

    Parameters
    ----------
    rows : ndarray of float64, (line, interval, quantity, power, 4)
        Coefficients of the cubics on each line, ascending in ``(sample - node) / step``.
    edges : ndarray of int64, (interval + 1,)
        First column of each interval of the spline grid, then the number of columns.
    first, step : float
        Distance of column 0 from the first node, and between nodes, samples.
    height : ndarray of float32, (line, sample)
        m; NaN counts as ``origin``.
    origin, scale : float
        m.
    out : ndarray of float64, (quantity, line, sample)
        Written.
    """
    n_lines, n_intervals, n_quantities, n_powers, _ = rows.shape
    n_samples = height.shape[1]
    u = np.empty(n_samples, np.float64)
    inverse_scale, inverse_step = 1.0 / scale, 1.0 / step
    for i in range(n_lines):
        for s in range(n_samples):
            h = float(height[i, s])
            u[s] = (h - origin) * inverse_scale if h == h else 0.0
        for q in range(n_quantities):
            for b in range(n_intervals):
                start, stop = edges[b], edges[b + 1]
                if start == stop:
                    continue
                offset = (first + start) * inverse_step - b
                row, power = out[q, i, start:stop], u[start:stop]
                a = rows[i, b, q]
                for p in range(n_powers - 1, -1, -1):
                    a0, a1, a2, a3 = a[p, 0], a[p, 1], a[p, 2], a[p, 3]
                    if p == n_powers - 1:
                        for s in range(len(row)):
                            t = offset + s * inverse_step
                            row[s] = a0 + t * (a1 + t * (a2 + t * a3))
                    else:
                        for s in range(len(row)):
                            t = offset + s * inverse_step
                            row[s] = row[s] * power[s] + (a0 + t * (a1 + t * (a2 + t * a3)))


@kernel(fastmath=True, is_inner=True)
def _along(source: F32, weights: F32, slope: F32, deviation: F32, out: F32) -> None:
    """``out[c] = sum_k (w_k + d_c w'_k) source[c + k]`` over a run of :data:`RANGE_RUN`, four taps at a time."""
    for c in range(RANGE_RUN):
        out[c] = np.float32(0.0)
    for k in range(0, RANGE_TAPS, 4):
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        s0, s1, s2, s3 = slope[k], slope[k + 1], slope[k + 2], slope[k + 3]
        for c in range(RANGE_RUN):
            d = deviation[c]
            out[c] += ((w0 + d * s0) * source[c + k] + (w1 + d * s1) * source[c + k + 1]) + (
                (w2 + d * s2) * source[c + k + 2] + (w3 + d * s3) * source[c + k + 3]
            )


@kernel(fastmath=True, is_inner=True)
def _across(source: F32, i: int, j: int, weights: F32, slope: F32, deviation: F32, out: F32) -> None:
    """``out[c] = sum_k (w_k + d_c w'_k) source[i + k, j + c]`` over a run of :data:`RUN`, four taps at a time."""
    for k in range(0, AZIMUTH_TAPS, 4):
        r0, r1 = source[i + k, j : j + RUN], source[i + k + 1, j : j + RUN]
        r2, r3 = source[i + k + 2, j : j + RUN], source[i + k + 3, j : j + RUN]
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        s0, s1, s2, s3 = slope[k], slope[k + 1], slope[k + 2], slope[k + 3]
        if k == 0:
            for c in range(RUN):
                out[c] = np.float32(0.0)
        for c in range(RUN):
            d = deviation[c]
            out[c] += ((w0 + d * s0) * r0[c] + (w1 + d * s1) * r1[c]) + ((w2 + d * s2) * r2[c] + (w3 + d * s3) * r3[c])


@kernel(is_inner=True)
def _deviations(position: F64, deviation: F32) -> tuple[int, int, bool]:
    """Split the positions of a run into whole part, table entry and deviation from both.

    Returns the whole part ``base`` (of ``position[c] - c``), the entry, and whether the run turns too fast for both.
    """
    n = len(position)
    middle = position[n // 2] - n // 2
    base = np.floor(middle)
    entry = np.rint((middle - base) * N_FRACTIONS)
    start = base + entry / N_FRACTIONS
    widest = 0.0
    for c in range(n):
        d = position[c] - c - start
        deviation[c] = d
        widest = max(widest, abs(d))
    return int(base), int(entry), widest > _TURN


@kernel
def range_pass(
    real: F32,
    imaginary: F32,
    first_line: float,
    azimuth: F64,
    shift: F64,
    origin: float,
    weights: F32,
    slope: F32,
    out_real: F32,
    out_imaginary: F32,
) -> None:
    """Resample every input line along range, at the offsets of the output line it will serve.

    Parameters
    ----------
    real, imaginary : ndarray of float32, (input line, input sample)
        Zero outside the data.
    first_line : float
        Input row 0 minus output row 0, both in their own bursts, lines.
    azimuth : ndarray of float64, (output line, sample)
        Line in the other burst minus line in the reference burst.
    shift : ndarray of float64, (output line, sample)
        Sample in the other burst minus sample in the reference burst; a whole number of runs wide, finite.
    origin : float
        Column 0 of the output minus column 0 of the input.
    weights, slope : ndarray of float32, (N_FRACTIONS + 1, RANGE_TAPS)
    out_real, out_imaginary : ndarray of float32, (input line, sample)
        Written; 0 where the taps leave the input.
    """
    n_rows, n_columns = real.shape
    n_lines, n_samples = shift.shape
    left = RANGE_TAPS // 2 - 1
    position = np.empty(RANGE_RUN, np.float64)
    deviation = np.empty(RANGE_RUN, np.float32)
    for r in range(n_rows):
        for b in range(0, n_samples, RANGE_RUN):
            line = min(max(r + first_line - azimuth[n_lines // 2, b + RANGE_RUN // 2], 0.0), n_lines - 1.0)
            i = min(int(line), n_lines - 2)
            a = line - i
            for c in range(RANGE_RUN):
                position[c] = c + (1.0 - a) * shift[i, b + c] + a * shift[i + 1, b + c]
            base, entry, turns = _deviations(position, deviation)
            start = b + base + int(origin) - left
            if not turns and start >= 0 and start + RANGE_RUN + RANGE_TAPS <= n_columns + 1:
                stop = start + RANGE_RUN + RANGE_TAPS - 1
                w, v = weights[entry], slope[entry]
                _along(real[r, start:stop], w, v, deviation, out_real[r, b : b + RANGE_RUN])
                _along(imaginary[r, start:stop], w, v, deviation, out_imaginary[r, b : b + RANGE_RUN])
                continue
            for c in range(RANGE_RUN):
                whole = np.floor(position[c])
                e = int(np.rint((position[c] - whole) * N_FRACTIONS))
                j = b + int(origin) + int(whole) - left
                re = np.float32(0.0)
                im = np.float32(0.0)
                if j >= 0 and j + RANGE_TAPS <= n_columns:
                    for k in range(RANGE_TAPS):
                        re += weights[e, k] * real[r, j + k]
                        im += weights[e, k] * imaginary[r, j + k]
                out_real[r, b + c] = re
                out_imaginary[r, b + c] = im


@kernel
def azimuth_pass(
    real: F32,
    imaginary: F32,
    first_line: float,
    azimuth: F64,
    weights: F32,
    slope: F32,
    out_real: F32,
    out_imaginary: F32,
) -> None:
    """Resample along azimuth what :func:`range_pass` made.

    Parameters
    ----------
    real, imaginary : ndarray of float32, (input line, sample)
    first_line : float
        Output row 0 minus input row 0, both in their own bursts, lines.
    azimuth : ndarray of float64, (output line, sample)
        Line in the other burst minus line in the reference burst; a whole number of runs wide, finite.
    weights, slope : ndarray of float32, (N_FRACTIONS + 1, AZIMUTH_TAPS)
    out_real, out_imaginary : ndarray of float32, (output line, sample)
        Written; 0 where the taps leave the input.
    """
    n_rows = real.shape[0]
    n_lines, n_samples = azimuth.shape
    left = AZIMUTH_TAPS // 2 - 1
    position = np.empty(RUN, np.float64)
    deviation = np.empty(RUN, np.float32)
    for i in range(n_lines):
        for b in range(0, n_samples, RUN):
            for c in range(RUN):
                position[c] = c + i + first_line + azimuth[i, b + c]
            base, entry, turns = _deviations(position, deviation)
            start = base - left
            if not turns and start >= 0 and start + AZIMUTH_TAPS <= n_rows:
                _across(real, start, b, weights[entry], slope[entry], deviation, out_real[i, b : b + RUN])
                _across(imaginary, start, b, weights[entry], slope[entry], deviation, out_imaginary[i, b : b + RUN])
                continue
            for c in range(RUN):
                value = position[c] - c
                whole = np.floor(value)
                e = int(np.rint((value - whole) * N_FRACTIONS))
                j = int(whole) - left
                re = np.float32(0.0)
                im = np.float32(0.0)
                if j >= 0 and j + AZIMUTH_TAPS <= n_rows:
                    for k in range(AZIMUTH_TAPS):
                        re += weights[e, k] * real[j + k, b + c]
                        im += weights[e, k] * imaginary[j + k, b + c]
                out_real[i, b + c] = re
                out_imaginary[i, b + c] = im
