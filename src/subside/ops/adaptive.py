"""Homogeneous pixels, adaptive filtering and the choice of candidates, one tile at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, gamma

from subside import _check
from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.coherence import amplitude_difference_dispersion, filter_pairs
from subside.kernels.homogeneity import count_neighbours
from subside.ops.calibration import AmplitudeSum, amplitude_calibration, effective_dates, speckle_correlation_area
from subside.ops.homogeneous import HomogeneityTest, critical_threshold, homogeneous_neighbours
from subside.ops.spectral import HALF_TAPS, SpectralSupport, common_band_phase

__all__ = [
    "AdaptiveOptions",
    "AmplitudeSum",
    "CandidateRule",
    "Candidates",
    "FilterMethod",
    "HomogeneityTest",
    "SceneCalibration",
    "amplitude_calibration",
    "critical_threshold",
    "effective_dates",
    "extract_tile",
    "mean_coherence",
    "noise_coherence",
    "speckle_correlation_area",
]

_LINES = 16
"""Lines of a tile whose candidates are examined together; bounds the memory, changes no bit."""

_PAIRS_PER_FREE_PAIR = 1.3
"""Pairs per degree of freedom of the mean squared coherence of noise, an upper bound: measured 0.9 to 1.2."""


class FilterMethod(StrEnum):
    """How the phase of a candidate is formed."""

    ADAPTIVE = "adaptive"
    BOXCAR = "boxcar"
    SPECTRAL = "spectral"
    NONE = "none"


class CandidateRule(StrEnum):
    """What admits a pixel besides a raw amplitude-difference dispersion below the threshold."""

    RAW_DISPERSION = "raw_dispersion"
    FILTERED_DISPERSION = "filtered_dispersion"
    COHERENCE = "coherence"


@dataclass(frozen=True)
class AdaptiveOptions:
    """Options of the extraction.

    Attributes
    ----------
    window : tuple of int
        Lines and samples of the search window, odd.
    alpha : float
        Significance level of the homogeneity test, 1e-6 to 0.25 (0.001 to 0.25 for Anderson-Darling).
    test : HomogeneityTest
        Homogeneity test.
    min_homogeneous : int
        Filter where more pixels than this are homogeneous, the pixel itself counted.
    filter_method : FilterMethod
        How the phase is formed.
    dispersion_threshold : float
        Largest raw amplitude-difference dispersion of a candidate.
    candidate_rule : CandidateRule
        What else admits a candidate.
    coherence_false_rate : float
        Share of filtered pure-noise pixels that the coherence rule admits.
    min_coherence : float
        Smallest neighbourhood coherence of a candidate admitted by the coherence rule.
    point_dispersion : float
        Pixels with a raw dispersion below this keep their own phase, whatever their neighbours.
    """

    window: tuple[int, int] = (19, 13)
    alpha: float = 0.001
    test: HomogeneityTest = HomogeneityTest.KS
    min_homogeneous: int = 18
    filter_method: FilterMethod = FilterMethod.ADAPTIVE
    dispersion_threshold: float = 0.6
    candidate_rule: CandidateRule = CandidateRule.COHERENCE
    coherence_false_rate: float = 0.001
    min_coherence: float = 0.3
    point_dispersion: float = 0.25

    def __post_init__(self) -> None:
        """Validate ranges; accept the names of choices for the choices."""
        for name, kind in (
            ("test", HomogeneityTest),
            ("filter_method", FilterMethod),
            ("candidate_rule", CandidateRule),
        ):
            value = getattr(self, name)
            if value not in list(kind):
                raise ArgumentError(f"`{name}` must be one of {[str(k) for k in kind]}, got {value!r}")
            object.__setattr__(self, name, kind(value))
        _check.odd_window(window=self.window)
        low = 0.001 if self.test is HomogeneityTest.ANDERSON_DARLING else 1e-6
        _check.in_range(low, 0.25, alpha=self.alpha)
        _check.in_range(1, self.window[0] * self.window[1], min_homogeneous=self.min_homogeneous)
        _check.in_range(0.0, 10.0, dispersion_threshold=self.dispersion_threshold)
        _check.in_range(1e-6, 0.5, coherence_false_rate=self.coherence_false_rate)
        _check.in_range(0.0, 1.0, min_coherence=self.min_coherence)
        _check.in_range(0.0, self.dispersion_threshold, point_dispersion=self.point_dispersion)

    @property
    def half(self) -> tuple[int, int]:
        """Half sizes of the window, lines and samples."""
        return self.window[0] // 2, self.window[1] // 2

    @property
    def halo(self) -> tuple[int, int]:
        """Lines and samples a tile needs on every side of its core."""
        reach = HALF_TAPS if self.filter_method is FilterMethod.SPECTRAL else 0
        return max(self.half[0], reach), max(self.half[1], reach)

    def may_filter(self, n_shp: npt.NDArray[np.int16], dispersion: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Tell which pixels are averaged over their neighbours."""
        if self.filter_method in (FilterMethod.NONE, FilterMethod.SPECTRAL):
            return np.zeros(n_shp.shape, bool)
        if self.filter_method is FilterMethod.BOXCAR:
            return n_shp > 0
        result: npt.NDArray[np.bool_] = (n_shp > self.min_homogeneous) & ~(dispersion < self.point_dispersion)
        return result


@dataclass(frozen=True)
class SceneCalibration:
    """Scene-wide numbers that every tile shares, so that tiles agree bit for bit.

    Attributes
    ----------
    amplitude : ndarray of float64, (date,)
        Mean amplitude of each date over valid pixels.
    correlation_area : float
        Pixels per independent look (:func:`speckle_correlation_area`).
    effective_dates : float
        Number of temporally independent dates the homogeneity test may count on.
    spectral : SpectralSupport or None
        Spectral support of the images, for spectral filtering only; None is unknown.
    """

    amplitude: npt.NDArray[np.float64]
    correlation_area: float = 1.0
    effective_dates: float = np.inf
    spectral: SpectralSupport | None = None

    def __post_init__(self) -> None:
        """Validate ranges."""
        if self.amplitude.ndim != 1 or not np.all(self.amplitude > 0) or not np.all(np.isfinite(self.amplitude)):
            raise ArgumentError(
                f"`amplitude` must be positive and finite for every date, got {self.amplitude!r}; "
                "a date without any valid pixel must leave the stack"
            )
        _check.in_range(1.0, 100.0, correlation_area=self.correlation_area)
        _check.in_range(1.0, np.inf, effective_dates=self.effective_dates)


@dataclass(frozen=True)
class Candidates:
    """Candidates of a tile, sorted by (azimuth, range).

    Attributes
    ----------
    azimuth, range : ndarray of int32, (candidate,)
        Position in the tile, halo included.
    n_shp : ndarray of int16, (candidate,)
        Homogeneous pixels, itself counted.
    n_looks : ndarray of float32, (candidate,)
        Effective independent looks of the phase: ``n_shp`` over the speckle correlation area where filtered,
        else 1.
    amplitude_difference_dispersion : ndarray of float32, (candidate,)
        Of the unfiltered amplitudes.
    shp_coherence : ndarray of float32, (candidate,)
        Root mean square over pairs of the coherence over the homogeneous pixels, each scaled to unit power, corrected
        for the bias of few looks, 0 to 1; NaN below 2 looks. Lower than the coherence of the ground where scatterers
        are frozen (0.40 for 0.5 at all lags), because dark pixels count as much as bright ones.
    is_filtered : ndarray of bool, (candidate,)
        Whether the phase is an average over neighbours.
    phase : ndarray of float32, (candidate, pair)
        Pair phase, rad, -pi to pi.
    """

    azimuth: npt.NDArray[np.int32]
    range: npt.NDArray[np.int32]
    n_shp: npt.NDArray[np.int16]
    n_looks: npt.NDArray[np.float32]
    amplitude_difference_dispersion: npt.NDArray[np.float32]
    shp_coherence: npt.NDArray[np.float32]
    is_filtered: npt.NDArray[np.bool_]
    phase: npt.NDArray[np.float32] = field(repr=False)

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.azimuth)


def mean_coherence(coherence: npt.NDArray[np.complex64], n_looks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean squared coherence over pairs, corrected for few looks.

    ``mean_k (L |g_k|**2 - 1) / (L - 1)``: zero on average for pure noise.

    Parameters
    ----------
    coherence : ndarray of complex64, (candidate, pair)
        Sample coherence.
    n_looks : ndarray, (candidate,)
        Independent looks.

    Returns
    -------
    ndarray of float64, (candidate,)
        May be slightly negative; NaN below 2 looks.
    """
    square = np.mean(coherence.real.astype(np.float64) ** 2 + coherence.imag.astype(np.float64) ** 2, axis=1)
    enough = n_looks >= 2.0
    looks = np.where(enough, n_looks, 2.0)
    result: npt.NDArray[np.float64] = np.where(enough, (looks * square - 1.0) / (looks - 1.0), np.nan)
    return result


def noise_coherence(n_looks: npt.NDArray[np.float64], n_pairs: int, false_rate: float) -> npt.NDArray[np.float64]:
    """Level of :func:`mean_coherence` that pure noise exceeds at no more than the stated rate.

    Excess of a mean of exponential variables, one for each free pair, over its expectation. On simulated Sentinel-1
    noise the rate found is a tenth to a half of the one stated, because equalised neighbours are worth more looks
    than their number over the correlation area.

    Parameters
    ----------
    n_looks : ndarray, (candidate,)
        Independent looks.
    n_pairs : int
        Number of pairs.
    false_rate : float
        Share of noise pixels above the level.

    Returns
    -------
    ndarray of float64, (candidate,)
        Mean squared coherence.
    """
    shape = n_pairs / _PAIRS_PER_FREE_PAIR
    excess = gamma.isf(false_rate, shape) / shape - 1.0
    looks = np.maximum(np.asarray(n_looks, np.float64), 2.0)
    level: npt.NDArray[np.float64] = excess / (looks - 1.0)
    return level


def _is_steady(
    power: npt.NDArray[np.float32],
    pairs: npt.NDArray[np.int32],
    n_looks: npt.NDArray[np.float64],
    false_rate: float,
) -> npt.NDArray[np.bool_]:
    """Tell where the dispersion of the averaged amplitudes is smaller than that of averaged noise.

    Averaging ``L`` looks of noise leaves ``D**2 = 1 / (2 L)``, as the square of a variable with a degree of
    freedom less than dates.
    """
    amplitude = np.sqrt(power.astype(np.float64))
    first, second = amplitude[:, pairs[:, 0]], amplitude[:, pairs[:, 1]]
    square = np.mean((first - second) ** 2, axis=1) / np.mean((first + second) / 2, axis=1) ** 2
    freedom = power.shape[1] - 1
    result: npt.NDArray[np.bool_] = 2 * n_looks * square < chi2.ppf(false_rate, freedom) / freedom
    return result


def _unit_power_weight(amplitude: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    power = np.einsum("kar,kar->ar", amplitude, amplitude) / np.float32(len(amplitude))
    usable = (power > 0) & np.isfinite(power)
    return np.where(usable, 1 / np.where(usable, power, 1), 0).astype(np.float32)


@dataclass(frozen=True)
class _Tile:
    """What the candidates of a tile are judged on."""

    slc: npt.NDArray[np.complex64]
    weight: npt.NDArray[np.float32]
    masks: npt.NDArray[np.uint64]
    n_shp: npt.NDArray[np.int16]
    dispersion: npt.NDArray[np.float32]
    pairs: npt.NDArray[np.int32]
    options: AdaptiveOptions
    correlation_area: float

    def examine(self, is_wanted: npt.NDArray[np.bool_], first_line: int) -> Candidates:
        """Form phases and keep the candidates among the wanted pixels of some lines."""
        options, pairs = self.options, self.pairs
        lines, samples = np.nonzero(is_wanted)
        azimuth, range_ = (lines + first_line).astype(np.int32), samples.astype(np.int32)
        coherence, power = filter_pairs(self.slc, self.weight, self.masks, options.half, azimuth, range_, pairs)
        n_shp, dispersion = self.n_shp[azimuth, range_], self.dispersion[azimuth, range_]
        looks = np.maximum(n_shp / self.correlation_area, 1.0)
        square = mean_coherence(coherence, looks)
        is_filtered = options.may_filter(n_shp, dispersion)
        is_stable = dispersion < options.dispersion_threshold
        if options.candidate_rule is CandidateRule.COHERENCE:
            floor = noise_coherence(looks, len(pairs), options.coherence_false_rate)
            keep = np.where(is_filtered, square > np.maximum(floor, options.min_coherence**2), is_stable)
        elif options.candidate_rule is CandidateRule.FILTERED_DISPERSION:
            keep = is_stable | (is_filtered & _is_steady(power, pairs, looks, options.coherence_false_rate))
        else:
            keep = is_stable
        azimuth, range_, is_filtered = azimuth[keep], range_[keep], is_filtered[keep]
        alone = self.slc[:, azimuth, range_]
        alone = (alone[pairs[:, 0]] * np.conj(alone[pairs[:, 1]])).T
        return Candidates(
            azimuth=azimuth,
            range=range_,
            n_shp=n_shp[keep],
            n_looks=np.where(is_filtered, looks[keep], 1.0).astype(np.float32),
            amplitude_difference_dispersion=dispersion[keep],
            shp_coherence=np.sqrt(np.maximum(square[keep], 0.0)).astype(np.float32),
            is_filtered=is_filtered,
            phase=np.angle(np.where(is_filtered[:, None], coherence[keep], alone)).astype(np.float32),
        )


def extract_tile(
    slc: npt.NDArray[np.complex64],
    pairs: npt.NDArray[np.int32],
    *,
    core: tuple[slice, slice],
    options: AdaptiveOptions,
    calibration: SceneCalibration,
) -> Candidates:
    """Choose the candidates of a tile and form their pair phases.

    A pixel with more than ``min_homogeneous`` homogeneous pixels and a dispersion of at least ``point_dispersion``
    is averaged over them, every neighbour scaled to unit mean power over the dates so that the flank of a bright
    target does not outweigh the rest; any other pixel keeps its own phase. With the coherence rule an averaged
    pixel is a candidate when its neighbourhood is coherent, one with its own phase when its raw dispersion is
    below the threshold.

    Parameters
    ----------
    slc : ndarray of complex64, (date, azimuth, range)
        Tile with a halo of ``options.halo`` around its core, less where the scene ends. Zero or NaN is no data; a
        pixel with any date missing is no candidate and nobody's neighbour.
    pairs : ndarray of int32, (pair, 2)
        Date indices (earlier, later).
    core : tuple of slice
        Lines and samples of the tile whose candidates are wanted.
    options : AdaptiveOptions
        What to do.
    calibration : SceneCalibration
        Scene-wide numbers; the result of a pixel depends on them and on its window only, to the bit.

    Returns
    -------
    Candidates
        In tile coordinates. Working memory: ``16 date + 48`` bytes for each pixel of the tile (images, amplitude,
        sorted samples, masks), ``4 (2 pair + date)`` for each sample of one window's lines, ``24 pair`` for each
        sample of 16 lines, and the result.

    Raises
    ------
    ArgumentError
        If shapes disagree or pairs index dates that are not there.
    UnknownQuantityError
        If spectral filtering is asked for and ``calibration.spectral`` is unknown.
    """
    _check.shape((len(calibration.amplitude), None, None), slc=slc)
    _check.shape((None, 2), pairs=pairs)
    if len(pairs) == 0 or pairs.min() < 0 or pairs.max() >= len(slc):
        raise ArgumentError(f"`pairs` must index {len(slc)} dates and not be empty, got {pairs.shape}")
    slc = np.ascontiguousarray(slc, np.complex64)
    pairs = np.ascontiguousarray(pairs, np.int32)
    amplitude = np.abs(slc)
    amplitude /= calibration.amplitude.astype(np.float32)[:, None, None]
    masks = homogeneous_neighbours(
        amplitude,
        None if options.filter_method is FilterMethod.BOXCAR else options.test,
        half=options.half,
        alpha=options.alpha,
        effective_dates=calibration.effective_dates,
    )
    tile = _Tile(
        slc=slc,
        weight=_unit_power_weight(amplitude),
        masks=masks,
        n_shp=count_neighbours(masks),
        dispersion=amplitude_difference_dispersion(amplitude, pairs),
        pairs=pairs,
        options=options,
        correlation_area=calibration.correlation_area,
    )
    del amplitude
    is_wanted = np.zeros(masks.shape[:2], bool)
    is_wanted[core] = tile.n_shp[core] > 0
    is_wanted &= (tile.dispersion < options.dispersion_threshold) | options.may_filter(tile.n_shp, tile.dispersion)
    parts = [
        tile.examine(is_wanted[line : line + _LINES], line)
        for line in range(0, len(is_wanted), _LINES)
        if is_wanted[line : line + _LINES].any()
    ]
    found = _joined(parts, len(pairs))
    if options.filter_method is FilterMethod.SPECTRAL:
        if calibration.spectral is None:
            raise UnknownQuantityError(
                "`filter_method` spectral needs the spectral support of the images, which is unknown for this track; "
                "choose another filter or supply perpendicular baselines, incidence and range"
            )
        phase = common_band_phase(slc, pairs, (found.azimuth, found.range), support=calibration.spectral)
        found = replace(found, phase=phase)
    return found


_DTYPES = {
    "azimuth": np.int32,
    "range": np.int32,
    "n_shp": np.int16,
    "n_looks": np.float32,
    "amplitude_difference_dispersion": np.float32,
    "shp_coherence": np.float32,
    "is_filtered": np.bool_,
    "phase": np.float32,
}


def _joined(parts: list[Candidates], n_pairs: int) -> Candidates:
    columns: dict[str, npt.NDArray[Any]] = {}
    for column, dtype in _DTYPES.items():
        empty: npt.NDArray[Any] = np.empty((0, n_pairs) if column == "phase" else 0, dtype)
        columns[column] = np.concatenate([empty, *(getattr(part, column) for part in parts)])
    return Candidates(**columns)
