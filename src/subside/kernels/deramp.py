"""Azimuth phase of a TOPS burst: taken off on integer lines, put back at real-valued positions.

Phases are float64 and in turns, so that the reduction to one cycle is a rounding; only the reduced angle is float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
C64 = npt.NDArray[np.complex64]

_PI = np.float32(np.pi)
_ONE = np.float32(1.0)
_S3, _S5, _S7, _S9, _S11 = (np.float32(v) for v in (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800))
_C2, _C4, _C6, _C8, _C10, _C12 = (
    np.float32(v) for v in (-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600)
)


@kernel(inline="always")
def _rotation(turns: float) -> tuple[np.float32, np.float32]:
    """Cosine and sine of a phase in turns; half-angle polynomials on [-pi/2, pi/2], error below 4e-7."""
    u = np.float32(turns - np.rint(turns)) * _PI
    q = u * u
    s = u * (_ONE + q * (_S3 + q * (_S5 + q * (_S7 + q * (_S9 + q * _S11)))))
    c = _ONE + q * (_C2 + q * (_C4 + q * (_C6 + q * (_C8 + q * (_C10 + q * _C12)))))
    return c * c - s * s, np.float32(2.0) * s * c


@kernel
def deramp_tile(data: C64, first_time: float, line_interval: float, phase: F64, real: F32, imaginary: F32) -> None:
    """Multiply by ``exp(+2 pi j (c0 + c1 t + c2 t^2))`` on every line ``t`` of a tile.

    Parameters
    ----------
    data : ndarray of complex64, (line, sample)
        Burst samples, finite.
    first_time, line_interval : float
        Time of the first row relative to mid-burst, and between rows, s.
    phase : ndarray of float64, (3, sample)
        ``c0, c1, c2`` of each column, turns, turns/s, turns/s2.
    real, imaginary : ndarray of float32, (line, >= sample)
        Written in the columns of ``data``.
    """
    n_lines, n_samples = data.shape
    c0, c1, c2 = phase[0], phase[1], phase[2]
    for i in range(n_lines):
        t = first_time + i * line_interval
        row, re, im = data[i], real[i], imaginary[i]
        for s in range(n_samples):
            c, q = _rotation(c0[s] + t * (c1[s] + t * c2[s]))
            a, b = row[s].real, row[s].imag
            re[s] = a * c - b * q
            im[s] = a * q + b * c


@kernel
def reramp_tile(
    real: F32,
    imaginary: F32,
    azimuth: F64,
    shift: F64,
    range_difference: F64,
    height: F32,
    drift: F64,
    corner: tuple[int, int],
    limits: tuple[float, float, float, float],
    turns_per_metre: float,
    mid_line: float,
    line_interval: float,
    phase: F64,
    slope: F64,
    out: C64,
) -> None:
    """Put the azimuth phase back at real-valued positions and add the phase of the range difference.

    ``out = z exp(2 pi j (r - P))`` with ``P = c0 + d0 x + t (c1 + d1 x) + t^2 (c2 + d2 x)`` at
    ``t = (line - mid_line) line_interval`` and ``x`` the distance of the sample from where ``c`` was taken.

    Parameters
    ----------
    real, imaginary : ndarray of float32, (line, >= sample)
        Resampled, deramped; finite.
    azimuth, shift, range_difference : ndarray of float64, (line, >= sample)
        Line and sample in the other burst minus line and sample in the reference burst; m.
    height : ndarray of float32, (line, >= sample)
        NaN gives 0.
    drift : ndarray of float64, (>= sample,)
        The shift at which ``phase`` was taken.
    corner : tuple of int
        Line and sample of the first pixel in the reference burst.
    limits : tuple of float
        First and last line and sample of the other burst that can be interpolated; 0 outside.
    turns_per_metre : float
        ``r`` of a metre of range difference.
    mid_line, line_interval : float
        Line of ``t = 0``; s per line.
    phase, slope : ndarray of float64, (3, >= sample)
        ``c`` and ``d``; turns, and per sample.
    out : ndarray of complex64, (line, sample)
        Written.
    """
    n_lines, n_samples = out.shape
    c0, c1, c2, d0, d1, d2 = phase[0], phase[1], phase[2], slope[0], slope[1], slope[2]
    first_line, last_line, first_sample, last_sample = limits
    for i in range(n_lines):
        re, im, row = real[i], imaginary[i], out[i]
        az, rg, extra, ground = azimuth[i], shift[i], range_difference[i], height[i]
        start = corner[0] + i
        for s in range(n_samples):
            line = start + az[s]
            sample = corner[1] + s + rg[s]
            x = rg[s] - drift[s]
            t = (line - mid_line) * line_interval
            turns = extra[s] * turns_per_metre - (c0[s] + d0[s] * x + t * (c1[s] + d1[s] * x + t * (c2[s] + d2[s] * x)))
            c, q = _rotation(turns)
            inside = (line >= first_line) & (line <= last_line) & (sample >= first_sample) & (sample <= last_sample)
            keep = np.float32(inside & (ground[s] == ground[s]))
            row[s] = complex(keep * (re[s] * c - im[s] * q), keep * (re[s] * q + im[s] * c))
