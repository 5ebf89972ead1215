"""Homogeneous pixels, adaptive filtering and the choice of candidates, one tile at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import chi2, gamma
from scipy.stats import f as f_distribution

from subside import _check
from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.coherence import amplitude_difference_dispersion, filter_pairs
from subside.kernels.homogeneity import (
    ad_neighbours,
    count_neighbours,
    glrt_neighbours,
    ks_neighbours,
    sort_dates,
    window_masks,
)
from subside.ops.spectral import SpectralSupport, common_band_phase

_LINES = 16
"""Lines of a tile whose candidates are examined together; bounds the memory, changes no bit."""


class HomogeneityTest(StrEnum):
    """Test of whether two pixels have the same amplitude distribution."""

    KS = "ks"
    ANDERSON_DARLING = "anderson_darling"
    GLRT = "glrt"


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
    """

    window: tuple[int, int] = (19, 13)
    alpha: float = 0.001
    test: HomogeneityTest = HomogeneityTest.KS
    min_homogeneous: int = 18
    filter_method: FilterMethod = FilterMethod.ADAPTIVE
    dispersion_threshold: float = 0.6
    candidate_rule: CandidateRule = CandidateRule.COHERENCE
    coherence_false_rate: float = 0.001
    min_coherence: float = 0.25

    def __post_init__(self) -> None:
        """Validate ranges."""
        _check.odd_window(window=self.window)
        low = 0.001 if self.test is HomogeneityTest.ANDERSON_DARLING else 1e-6
        _check.in_range(low, 0.25, alpha=self.alpha)
        _check.in_range(1, self.window[0] * self.window[1], min_homogeneous=self.min_homogeneous)
        _check.in_range(0.0, 10.0, dispersion_threshold=self.dispersion_threshold)
        _check.in_range(1e-6, 0.5, coherence_false_rate=self.coherence_false_rate)
        _check.in_range(0.0, 1.0, min_coherence=self.min_coherence)

    @property
    def halo(self) -> tuple[int, int]:
        """Lines and samples a tile needs on every side of its core."""
        return self.window[0] // 2, self.window[1] // 2


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
    """

    amplitude: npt.NDArray[np.float64]
    correlation_area: float = 1.0
    effective_dates: float = np.inf

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
class AmplitudeSum:
    """Accumulating form of the amplitude calibration.

    Attributes
    ----------
    total : ndarray of float64, (date,)
        Sum of the amplitude over valid pixels.
    count : ndarray of int64, (date,)
        Number of valid pixels.
    """

    total: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]

    def __add__(self, other: AmplitudeSum) -> AmplitudeSum:
        """Join two parts of a scene."""
        return AmplitudeSum(self.total + other.total, self.count + other.count)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean amplitude of each date, (date,); NaN for a date without a valid pixel."""
        return np.divide(self.total, self.count, out=np.full(len(self.total), np.nan), where=self.count > 0)


def amplitude_calibration(slc: npt.NDArray[np.complex64]) -> AmplitudeSum:
    """Sum and count the amplitude of every date over its valid pixels.

    Parameters
    ----------
    slc : ndarray of complex64, (date, azimuth, range)
        A band of the stack; zero or NaN is no data.

    Returns
    -------
    AmplitudeSum
        To be added over bands, always in the same order, then ``.mean``.
    """
    total = np.empty(len(slc))
    count = np.empty(len(slc), np.int64)
    for k, image in enumerate(slc):
        amplitude = np.abs(image)
        valid = np.isfinite(amplitude) & (amplitude > 0)
        total[k] = amplitude.sum(where=valid, dtype=np.float64)
        count[k] = np.count_nonzero(valid)
    return AmplitudeSum(total, count)


def speckle_correlation_area(slc: npt.NDArray[np.complex64], *, max_lag: int = 4) -> float:
    """Pixels per independent look, from the autocorrelation of the speckle.

    ``sum over lags of |rho(lag)|**2`` with ``rho`` the complex autocorrelation of the images, each pixel divided by
    its root mean square over the dates so that bright targets do not dominate, less the expectation of
    ``|rho|**2`` for uncorrelated samples.

    Parameters
    ----------
    slc : ndarray of complex64, (date, azimuth, range)
        A sample of the scene, at least 4 ``max_lag`` pixels in each direction.
    max_lag : int
        Largest lag, pixels.

    Returns
    -------
    float
        At least 1.
    """
    _check.shape((None, None, None), slc=slc)
    _check.in_range(1, min(slc.shape[1:]) // 4, max_lag=max_lag)
    power = np.mean(np.abs(slc) ** 2, axis=0, dtype=np.float64)
    valid = np.isfinite(power) & (power > 0)
    scale = np.where(valid, 1.0 / np.sqrt(np.where(valid, power, 1.0)), 0.0).astype(np.float32)
    area = 1.0
    n_azimuth, n_range = power.shape
    sums = {(i, j): 0.0 for i in range(max_lag + 1) for j in range(-max_lag, max_lag + 1) if i or j > 0}
    for image in slc:
        sample = np.where(valid, image, 0) * scale
        energy = np.abs(sample) ** 2
        for i, j in sums:
            a0, a1 = (
                sample[: n_azimuth - i, max(0, -j) : n_range - max(0, j)],
                sample[i:, max(0, j) : n_range + min(0, j)],
            )
            e0, e1 = (
                energy[: n_azimuth - i, max(0, -j) : n_range - max(0, j)],
                energy[i:, max(0, j) : n_range + min(0, j)],
            )
            square = abs(np.vdot(a1, a0)) ** 2 / max(float(e0.sum()) * float(e1.sum()), 1e-30)
            noise = float(np.vdot(e0, e1)) / max(float(e0.sum()) * float(e1.sum()), 1e-30)
            sums[i, j] += max(square - noise, 0.0)
    for value in sums.values():
        area += 2.0 * value / len(slc)
    return float(area)


def _tail_probability(threshold: int, n_dates: int, effective_dates: float) -> float:
    """Probability that the two-sample statistic reaches ``threshold / n_dates`` for two samples of one law."""
    n = min(effective_dates, float(n_dates))
    step = threshold * n / n_dates
    terms = np.arange(1, int(np.floor(n / step)) + 1)
    logs = 2 * gammaln(n + 1) - gammaln(n - terms * step + 1) - gammaln(n + terms * step + 1)
    return float(2 * np.sum((-1.0) ** (terms - 1) * np.exp(logs)))


def critical_threshold(n_dates: int, alpha: float, effective_dates: float = np.inf) -> int:
    """Smallest integer ``t`` such that rejecting at ``D >= t / n_dates`` has level ``alpha`` at most.

    ``P(D >= t/n) = 2 sum_k (-1)**(k-1) C(2n, n - k t) / C(2n, n)`` for two samples of ``n`` (Gnedenko and
    Korolyuk 1951), with ``n`` and ``t`` scaled to the effective number of dates.

    Parameters
    ----------
    n_dates : int
        Number of dates, at least 2.
    alpha : float
        Level, 0 to 1.
    effective_dates : float
        Temporally independent dates, 1 to ``n_dates`` (more counts as ``n_dates``).

    Returns
    -------
    int
        1 to ``n_dates``; ``n_dates`` (total separation) if no threshold reaches the level.
    """
    _check.in_range(2, 10_000, n_dates=n_dates)
    _check.in_range(0.0, 1.0, alpha=alpha)
    for threshold in range(1, n_dates):
        if _tail_probability(threshold, n_dates, effective_dates) <= alpha:
            return threshold
    return n_dates


_AD_LEVELS = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
_AD_B0 = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
_AD_B1 = np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
_AD_B2 = np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])


def anderson_darling_critical(n_dates: int, alpha: float, effective_dates: float = np.inf) -> float:
    """Critical value of the two-sample Anderson-Darling statistic.

    Parameters
    ----------
    n_dates : int
        Samples of each pixel.
    alpha : float
        Level, 0.001 to 0.25.
    effective_dates : float
        Temporally independent dates; the statistic grows by ``n_dates / effective_dates``.

    Returns
    -------
    float
        Reject at the statistic or above; percentiles and variance of Scholz and Stephens (1987), table 1 and eq. 4.
    """
    _check.in_range(0.001, 0.25, alpha=alpha)
    levels = _AD_B0 + _AD_B1 + _AD_B2
    standard = float(np.interp(-np.log(alpha), -np.log(_AD_LEVELS), levels))
    total = 2 * n_dates
    inverse = 1.0 / np.arange(1, total)
    h = float(inverse.sum())
    big_h = 2.0 / n_dates
    g = float(sum(inverse[i + 1 :].sum() / (total - i - 1) for i in range(total - 2)))
    a = (4 * g - 6) + (10 - 6 * g) * big_h
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * big_h - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * big_h + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
    return float((1.0 + standard * np.sqrt(variance)) * n_dates / min(effective_dates, n_dates))


def glrt_critical(n_dates: int, alpha: float, effective_dates: float = np.inf) -> float:
    """Critical ``|ln(I_x / I_y)|`` of two mean intensities: the F distribution with ``2 n`` and ``2 n`` degrees."""
    degrees = 2.0 * min(effective_dates, n_dates)
    return float(np.log(f_distribution.isf(alpha / 2, degrees, degrees)))


def homogeneous_neighbours(
    amplitude: npt.NDArray[np.float32], options: AdaptiveOptions, *, effective_dates: float = np.inf
) -> npt.NDArray[np.uint64]:
    """Bit masks of the pixels homogeneous with each pixel of a tile.

    Parameters
    ----------
    amplitude : ndarray of float32, (date, azimuth, range)
        Calibrated amplitude; a pixel with any date zero or NaN is left out.
    options : AdaptiveOptions
        Window, test and level.
    effective_dates : float
        Temporally independent dates.

    Returns
    -------
    ndarray of uint64, (azimuth, range, word)
        Layout of :mod:`subside.kernels.homogeneity`.
    """
    _check.shape((None, None, None), amplitude=amplitude)
    n_dates = len(amplitude)
    planes = sort_dates(np.ascontiguousarray(amplitude, np.float32))
    level = (n_dates, options.alpha, effective_dates)
    if options.test is HomogeneityTest.KS:
        return ks_neighbours(planes, *options.halo, critical_threshold(*level))
    if options.test is HomogeneityTest.ANDERSON_DARLING:
        return ad_neighbours(planes, *options.halo, anderson_darling_critical(*level))
    return glrt_neighbours(planes, *options.halo, glrt_critical(*level))


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
        Root mean square over pairs of the coherence over the homogeneous pixels, corrected for the bias of few
        looks, 0 to 1; NaN below 2 looks.
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
    """Level of :func:`mean_coherence` that pure noise exceeds at the stated rate.

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
    looks = np.maximum(np.asarray(n_looks, np.float64), 2.0)
    level: npt.NDArray[np.float64] = norm.isf(false_rate) / ((looks - 1.0) * np.sqrt(n_pairs))
    return level


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
    masks = homogeneous_neighbours(amplitude, options, effective_dates=calibration.effective_dates)
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


def _joined(parts: list[Candidates], n_pairs: int) -> Candidates:
    columns: dict[str, npt.NDArray[Any]] = {}
    for column, dtype in _DTYPES.items():
        empty = np.empty((0, n_pairs) if column == "phase" else 0, dtype)
        columns[column] = np.concatenate([empty, *(getattr(part, column) for part in parts)])
    return Candidates(**columns)
