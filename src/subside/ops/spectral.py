"""Common-band (spectral) filtering, as standard small-baseline processing does it, for comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.spectral import band_pixels
from subside.model.stack import Stack

HALF_TAPS = 16
"""Half length of the band filters, pixels: a tile needs as wide a halo."""


@dataclass(frozen=True)
class Band:
    """Where the images of a stack have their spectrum along one axis.

    Attributes
    ----------
    centre : ndarray of float64, (date,)
        Centre of the band, cycles per pixel, relative to the reference date's.
    width : float
        Processed bandwidth over sampling frequency, in (0, 1].
    hamming : float
        Coefficient of the window over the band, 0.5 (Hann) to 1 (none).
    """

    centre: npt.NDArray[np.float64]
    width: float
    hamming: float = 0.75

    def __post_init__(self) -> None:
        """Validate ranges; refuse unknown centres."""
        if not np.all(np.isfinite(self.centre)):
            raise UnknownQuantityError(
                "`centre` of the band must be known for every date; use another filter or supply what is missing"
            )
        _check.in_range(0.01, 1.0, width=self.width)
        _check.in_range(0.5, 1.0, hamming=self.hamming)


@dataclass(frozen=True)
class SpectralSupport:
    """Bands of a stack along both axes.

    Attributes
    ----------
    range : Band
        Shifted by the perpendicular baseline.
    azimuth : Band or None
        Shifted by the Doppler centroid; None leaves the azimuth spectrum alone.
    """

    range: Band
    azimuth: Band | None = None


def range_band(
    stack: Stack,
    *,
    bandwidth: float = 48.3e6,
    sampling_frequency: float = 64.345238e6,
    hamming: float = 0.75,
) -> Band:
    """Range band of every date over flat ground.

    ``shift = c * bperp / (wavelength * slant_range * tan(incidence))`` in Hz (Gatelli et al. 1994), positive with the
    package's sign of the baseline: the range to a date of positive baseline grows faster across the swath.

    Parameters
    ----------
    stack : Stack
        Its baselines, incidence and slant range at mid-scene.
    bandwidth, sampling_frequency : float
        Processed range bandwidth and sampling frequency, Hz; Sentinel-1 IW2.
    hamming : float
        Coefficient of the window.

    Returns
    -------
    Band
        Cycles per sample.

    Raises
    ------
    UnknownQuantityError
        If baselines, incidence angle or slant range are unknown.
    """
    missing = [name for name in ("incidence_angle", "slant_range") if name not in stack.geometry]
    if stack.bperp is None:
        missing.append("bperp")
    if missing:
        raise UnknownQuantityError(f"spectral filtering needs {missing}, unknown for this track; use another filter")
    middle = (stack.shape[0] // 2, stack.shape[1] // 2)
    incidence = float(np.asarray(stack.geometry["incidence_angle"][middle]))
    slant_range = float(np.asarray(stack.geometry["slant_range"][middle]))
    shift = SPEED_OF_LIGHT * stack.mean_bperp() / (stack.wavelength * slant_range * np.tan(incidence))
    return Band(shift / sampling_frequency, bandwidth / sampling_frequency, hamming)


def azimuth_band(
    doppler_centroid: npt.NDArray[np.float64] | None,
    *,
    bandwidth: float = 313.0,
    sampling_frequency: float = 486.4863,
    hamming: float = 0.75,
) -> Band:
    """Azimuth band of every date.

    Parameters
    ----------
    doppler_centroid : ndarray of float64, (date,), or None
        Hz, relative to the reference date's; NaN or None is unknown.
    bandwidth, sampling_frequency : float
        Processed azimuth bandwidth and sampling frequency, Hz; Sentinel-1 IW2.
    hamming : float
        Coefficient of the window.

    Returns
    -------
    Band
        Cycles per line.

    Raises
    ------
    UnknownQuantityError
        If the Doppler centroid of any date is unknown.
    """
    if doppler_centroid is None or not np.all(np.isfinite(doppler_centroid)):
        raise UnknownQuantityError(
            "azimuth spectral filtering needs the Doppler centroid of every date; leave the azimuth band out"
        )
    return Band(np.asarray(doppler_centroid, np.float64) / sampling_frequency, bandwidth / sampling_frequency, hamming)


def common_bandwidth(band: Band, pairs: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Share of the bandwidth that both images of a pair have.

    Parameters
    ----------
    band : Band
        Along one axis.
    pairs : ndarray of int32, (pair, 2)
        Date indices.

    Returns
    -------
    ndarray of float64, (pair,)
        ``1 - |shift| / bandwidth``, 0 to 1. The paper needs more than 0.95 to go without spectral filtering.
    """
    shift = np.abs(band.centre[pairs[:, 1]] - band.centre[pairs[:, 0]])
    return np.maximum(1.0 - shift / band.width, 0.0)


def _response(
    frequency: npt.NDArray[np.float64], centre: float, width: float, hamming: float
) -> npt.NDArray[np.float64]:
    offset = (frequency - centre) / width
    inside = np.abs(offset) <= 0.5
    return np.where(inside, hamming + (1 - hamming) * np.cos(2 * np.pi * offset), 0.0)


def band_taps(band: Band, pairs: npt.NDArray[np.int32]) -> npt.NDArray[np.complex64]:
    """Filters that give both images of a pair their common band under one window.

    Parameters
    ----------
    band : Band
        Along one axis.
    pairs : ndarray of int32, (pair, 2)
        Date indices.

    Returns
    -------
    ndarray of complex64, (pair, 2, tap)
        Taps for the earlier and the later image, ``2 HALF_TAPS + 1`` of them, the middle one of no delay:
        the transform of new window over old window inside the common band, tapered by a Hann window.

    Raises
    ------
    ArgumentError
        If a pair has no common band.
    """
    shared = common_bandwidth(band, pairs)
    if np.any(shared <= 0):
        raise ArgumentError(
            f"`pairs` must have a common band to be filtered, got none for {pairs[shared <= 0].tolist()}"
        )
    n = 1024
    frequency = np.arange(-n // 2, n // 2) / n
    tap = np.arange(-HALF_TAPS, HALF_TAPS + 1)
    kernel = np.exp(2j * np.pi * np.outer(tap, frequency)) / n * np.hanning(len(tap) + 2)[1:-1, None]
    taps = np.empty((len(pairs), 2, len(tap)), np.complex64)
    for k, pair in enumerate(pairs):
        middle = float(band.centre[pair].mean())
        new = _response(frequency, middle, band.width * shared[k], band.hamming)
        for side, date in enumerate(pair):
            old = _response(frequency, float(band.centre[date]), band.width, band.hamming)
            taps[k, side] = kernel @ np.divide(new, old, out=np.zeros(n), where=(new > 0) & (old > 0))
    return taps


def common_band_phase(
    slc: npt.NDArray[np.complex64],
    pairs: npt.NDArray[np.int32],
    pixels: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    *,
    support: SpectralSupport,
) -> npt.NDArray[np.float32]:
    """Pair phase of pixels after common-band filtering of both images.

    Parameters
    ----------
    slc : ndarray of complex64, (date, azimuth, range)
        Tile with a halo of ``HALF_TAPS``; NaN counts as zero, as does what lies beyond the tile.
    pairs : ndarray of int32, (pair, 2)
        Date indices.
    pixels : tuple of ndarray of int32, (pixel,)
        Azimuth and range in the tile.
    support : SpectralSupport
        Bands.

    Returns
    -------
    ndarray of float32, (pixel, pair)
        Phase, rad.
    """
    _check.shape((len(support.range.centre), None, None), slc=slc)
    clean = np.where(np.isfinite(slc), slc, 0).astype(np.complex64)
    range_taps = band_taps(support.range, pairs)
    if support.azimuth is None:
        azimuth_taps = np.ones((len(pairs), 2, 1), np.complex64)
    else:
        azimuth_taps = band_taps(support.azimuth, pairs)
    phase = np.empty((len(pixels[0]), len(pairs)), np.float32)
    for k, (first, second) in enumerate(pairs):
        a = band_pixels(clean[first], azimuth_taps[k, 0], range_taps[k, 0], pixels[0], pixels[1])
        b = band_pixels(clean[second], azimuth_taps[k, 1], range_taps[k, 1], pixels[0], pixels[1])
        phase[:, k] = np.angle(a * np.conj(b))
    return phase
