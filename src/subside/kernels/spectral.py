"""Separable filtering of an image at chosen pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel


@kernel
def _filter_rows(image: Any, taps: Any, out: Any) -> None:
    n_azimuth, n_range = image.shape
    half = taps.shape[0] // 2
    for a in range(n_azimuth):
        for t in range(taps.shape[0]):
            shift = t - half
            for r in range(max(0, shift), min(n_range, n_range + shift)):
                out[a, r] += taps[t] * image[a, r - shift]


@kernel
def _filter_columns(image: Any, taps: Any, azimuth: Any, range_: Any, out: Any) -> None:
    n_azimuth = image.shape[0]
    half = taps.shape[0] // 2
    for p in range(azimuth.shape[0]):
        total = np.complex64(0.0)
        for t in range(taps.shape[0]):
            a = azimuth[p] - (t - half)
            if 0 <= a < n_azimuth:
                total += taps[t] * image[a, range_[p]]
        out[p] = total


def band_pixels(
    image: npt.NDArray[np.complex64],
    azimuth_taps: npt.NDArray[np.complex64],
    range_taps: npt.NDArray[np.complex64],
    azimuth: npt.NDArray[np.int32],
    range_: npt.NDArray[np.int32],
) -> npt.NDArray[np.complex64]:
    """Convolve an image with two filters, along range and along azimuth, at chosen pixels.

    Parameters
    ----------
    image : ndarray of complex64, (azimuth, range)
        Finite; what lies beyond it counts as zero.
    azimuth_taps, range_taps : ndarray of complex64, (tap,)
        Odd lengths, the middle tap of no delay.
    azimuth, range_ : ndarray of int32, (pixel,)
        Where.

    Returns
    -------
    ndarray of complex64, (pixel,)
        ``sum_tu azimuth_taps[t] range_taps[u] image[azimuth - t, range - u]``, ``t, u`` counted from the middle.
    """
    rows = np.zeros_like(image)
    _filter_rows(image, range_taps, rows)
    out = np.empty(len(azimuth), np.complex64)
    _filter_columns(rows, azimuth_taps, azimuth, range_, out)
    return out
