"""Coherence of pairs in small windows spread over the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SurveyWindows:
    """Regular grid of small windows in which coherence is surveyed.

    Attributes
    ----------
    size : tuple of int
        Lines and samples of a window.
    stride : tuple of int
        Lines and samples between window starts.
    shape : tuple of int
        Windows along azimuth and range.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    shape: tuple[int, int]


def survey_windows(
    shape: tuple[int, int], spacing: tuple[float, float], *, extent: float = 80.0, max_windows: int = 20_000
) -> SurveyWindows:
    """Lay out the survey: windows of about ``extent`` metres, thinned to ``max_windows``.

    Parameters
    ----------
    shape : tuple of int
        Lines and samples of the stack.
    spacing : tuple of float
        Azimuth and ground range spacing, m.
    extent : float
        Side of a window, m; at least five pixels are taken.
    max_windows : int
        Windows at most; the stride grows to meet it, so that the survey costs the same for any scene.

    Returns
    -------
    SurveyWindows
        The layout, a function of the scene only.
    """
    size = (
        min(max(5, round(extent / spacing[0])), shape[0]),
        min(max(5, round(extent / spacing[1])), shape[1]),
    )
    fit = (max(1, shape[0] // size[0]), max(1, shape[1] // size[1]))
    thinning = max(1.0, np.sqrt(fit[0] * fit[1] / max_windows))
    stride = (int(size[0] * thinning), int(size[1] * thinning))
    return SurveyWindows(size, stride, ((shape[0] - size[0]) // stride[0] + 1, (shape[1] - size[1]) // stride[1] + 1))


@dataclass(frozen=True)
class WindowRow:
    """Survey of one row of windows.

    Attributes
    ----------
    interferogram : ndarray of complex64, (pair, window)
        Mean of ``s_i conj(s_j)`` over the root of the mean powers: its modulus is the coherence estimate, NaN
        where a window holds no valid power.
    noise : ndarray of float32, (pair, window)
        The same modulus with the later image taken from the next window (displaced by half a window where there
        is only one): what pure noise gives.
    amplitude : ndarray of float32, (window,)
        Mean amplitude over dates and pixels.
    amplitude_sum : ndarray of float64, (date,)
        Sum of valid amplitudes.
    amplitude_count : ndarray of int64, (date,)
        Number of valid amplitudes.
    """

    interferogram: npt.NDArray[np.complex64]
    noise: npt.NDArray[np.float32]
    amplitude: npt.NDArray[np.float32]
    amplitude_sum: Floats
    amplitude_count: npt.NDArray[np.int64]


def survey_row(slc: npt.NDArray[np.complex64], pairs: Pairs, *, windows: SurveyWindows) -> WindowRow:
    """Survey one row of windows.

    Parameters
    ----------
    slc : ndarray of complex64, (date, line, sample)
        The lines of the row; NaN counts as no data.
    pairs : ndarray of int, (pair, 2)
        Date indices.
    windows : SurveyWindows
        Layout.

    Returns
    -------
    WindowRow
        Coherence with phase, noise level, and amplitudes for calibration.

    Notes
    -----
    Coherence estimate ``|sum s_i conj(s_j)| / sqrt(sum |s_i|^2 sum |s_j|^2)`` (Bamler and Hartl 1998).
    """
    _check.shape((None, windows.size[0], None), slc=slc)
    starts = np.arange(windows.shape[1]) * windows.stride[1]
    columns = starts[:, None] + np.arange(windows.size[1])
    samples = np.nan_to_num(slc, nan=0.0)[:, :, columns]
    samples = np.ascontiguousarray(samples.transpose(2, 0, 1, 3)).reshape(len(starts), len(slc), -1)
    power = np.einsum("wdn,wdn->wd", samples, samples.conj()).real.astype(np.float64)
    cross = samples @ samples.conj().transpose(0, 2, 1)
    displaced = np.roll(samples, 1, axis=0) if len(starts) > 1 else np.roll(samples, samples.shape[2] // 2, axis=2)
    shifted = samples @ displaced.conj().transpose(0, 2, 1)
    first, second = pairs[:, 0], pairs[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1.0 / np.sqrt(power[:, first] * power[:, second])
        shifted_scale = 1.0 / np.sqrt(power[:, first] * np.roll(power, 1, axis=0)[:, second])
    scale[~np.isfinite(scale)] = np.nan
    shifted_scale[~np.isfinite(shifted_scale)] = np.nan
    amplitude = np.abs(samples)
    return WindowRow(
        interferogram=(cross[:, first, second] * scale).T.astype(np.complex64),
        noise=(np.abs(shifted[:, first, second]) * shifted_scale).T.astype(np.float32),
        amplitude=amplitude.mean(axis=(1, 2)),
        amplitude_sum=amplitude.sum(axis=(0, 2), dtype=np.float64),
        amplitude_count=np.count_nonzero(amplitude, axis=(0, 2)).astype(np.int64),
    )
