"""Stretches of line that sink faster than a threshold, with the uncertainty of their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from subside.errors import ArgumentError
from subside.ops.corridor.bins import Bins
from subside.ops.corridor.combine import datum_shifts
from subside.ops.corridor.profile import Profile
from subside.ops.corridor.smooth import SmoothProfile

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_TAIL: Final = 0.025
_LEAST: Final = 1e-9
_SHIFTS: Final = 200


@dataclass(frozen=True)
class ZoneRule:
    """What makes a zone.

    Attributes
    ----------
    threshold : float
        Sinking rate, m/yr, positive: the ends are where the smooth rate crosses ``-threshold``.
    release : float
        Share of the threshold (hysteresis): stretches below the threshold belong together where the rate between them
        stays below ``-release * threshold`` for no more than ``max_gap``.
    max_gap : float
        Longest gap between two stretches, or stretch without points, that a zone bridges, m.
    min_length : float
        Shortest zone, m.
    confidence : float
        Somewhere over at least a quarter of ``min_length`` the probability of being beyond the threshold must reach
        this.
    """

    threshold: float = 0.010
    release: float = 0.7
    max_gap: float = 1000.0
    min_length: float = 1000.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Validate ranges."""
        if not (self.threshold > 0 and 0 < self.release <= 1 and self.max_gap >= 0 and self.min_length >= 0):
            raise ArgumentError(f"`threshold` must be > 0, `release` in (0, 1], lengths >= 0, got {self}")
        if not 0.5 <= self.confidence < 1:
            raise ArgumentError(f"`confidence` must lie in [0.5, 1), got {self.confidence}")

    def text(self) -> str:
        """The rule in a sentence."""
        return (
            f"A zone is a stretch of line whose smooth rate is below -{1e3 * self.threshold:g} mm/yr over at least "
            f"{self.min_length:g} m. Stretches at most {self.max_gap:g} m apart are one zone where the rate between "
            f"them stays below -{1e3 * self.threshold * self.release:g} mm/yr. Over at least "
            f"{self.min_length / 4:g} m of it the probability of sinking faster than the threshold is "
            f"{100 * self.confidence:g} % or more."
        )


@dataclass(frozen=True)
class Zone:
    """A stretch that sinks faster than the threshold; rates in m/yr, chainages and lengths in m.

    Attributes
    ----------
    start, end : float
        Chainage where the smooth rate crosses the threshold.
    start_low, start_high, end_low, end_high : float
        95 % interval of each end: where the probability of being beyond the threshold passes 2.5 and 97.5 %, over
        the errors of the bins and of the datum that they share (:func:`.combine.datum_shifts`). The other end of the
        zone, where no place of it is certain.
    is_start_open, is_end_open : bool
        Whether the zone ends there because the line or the points do, not because the rate crosses.
    mean, lowest : float
        Mean and most negative smooth rate.
    mean_std, lowest_std : float
        Their standard deviations, the datum included; that of the lowest does not know that it was chosen.
    bin_low, bin_high : float
        5 and 95 % of the rates of its bins.
    probability : float
        That the mean rate of the zone is beyond the threshold.
    certain_share : float
        Share of the zone's length where the probability is at least the confidence of the rule.
    uncovered : float
        Length of bins without points inside.
    """

    start: float
    end: float
    start_low: float
    start_high: float
    end_low: float
    end_high: float
    is_start_open: bool
    is_end_open: bool
    mean: float
    mean_std: float
    lowest: float
    lowest_std: float
    bin_low: float
    bin_high: float
    probability: float
    certain_share: float
    uncovered: float

    @property
    def length(self) -> float:
        """Length, m."""
        return self.end - self.start


@dataclass(frozen=True)
class Zones:
    """Zones of a line.

    Attributes
    ----------
    zones : tuple of Zone
        In the order of chainage.
    total_length : float
        Sum of the lengths, m.
    total_low, total_high : float
        95 % interval of the length beyond the threshold within reach of the zones, m, over the errors of the bins
        and of the datum that they share.
    probability : ndarray of float64, (bin,)
        That the bin sinks faster than the threshold.
    rule : ZoneRule
        The rule.
    """

    zones: tuple[Zone, ...]
    total_length: float
    total_low: float
    total_high: float
    probability: FloatArray
    rule: ZoneRule


def find_zones(profile: Profile, smooth: SmoothProfile, *, rule: ZoneRule | None = None) -> Zones:
    """Find the stretches that sink faster than a threshold.

    Parameters
    ----------
    profile : Profile
        Bins.
    smooth : SmoothProfile
        Smooth rate of the same bins.
    rule : ZoneRule, optional
        Default: 10 mm/yr over 1 km.

    Returns
    -------
    Zones
        Probabilities hold the standard deviation of the datum as the tracks show it, intervals of ends and of the
        total length its distribution too. With one track neither holds an error of the datum; with more they hold
        none that all tracks have in common (one area of reference for all).
    """
    rule = rule or ZoneRule()
    bins = profile.bins
    covered = _covered(bins, np.isfinite(profile.rate), rule.max_gap)
    mean = np.where(covered, smooth.mean, np.nan)
    std = np.sqrt(smooth.std**2 + profile.datum_std**2)
    with np.errstate(invalid="ignore"):
        probability = np.where(covered, ndtr((-rule.threshold - smooth.mean) / std), np.nan)
    wide = _wide_probability(profile, smooth, rule, covered)
    runs = _bridged(_runs(mean < -rule.threshold), mean, bins, rule)
    found = []
    for first, last in runs:
        zone = _zone((first, last), profile, smooth, mean, (probability, wide), rule)
        if zone.length >= rule.min_length and _is_certain(probability[first : last + 1], bins, first, rule):
            found.append(zone)
    low, high = _total_interval(found, profile, smooth, rule, covered)
    return Zones(tuple(found), float(sum(z.length for z in found)), low, high, probability, rule)


def _wide_probability(profile: Profile, smooth: SmoothProfile, rule: ZoneRule, covered: BoolArray) -> FloatArray:
    """Probability of being beyond the threshold, over the distribution of the datum that few tracks tell."""
    total = np.zeros(profile.bins.n_bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        for shift in datum_shifts(profile.datum_std, len(profile.bias), _SHIFTS):
            total += ndtr((-rule.threshold - shift - smooth.mean) / smooth.std)
    result: FloatArray = np.where(covered, total / _SHIFTS, np.nan)
    return result


def _runs(mask: BoolArray) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    change = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(change == 1).tolist(), (np.flatnonzero(change == -1) - 1).tolist(), strict=True))


def _covered(bins: Bins, known: BoolArray, max_gap: float) -> BoolArray:
    """Bins with points, and those in stretches without that are short enough to look across."""
    covered = known.copy()
    for first, last in _runs(~known):
        is_inner = first > 0 and last < bins.n_bins - 1
        if is_inner and bins.end[last] - bins.start[first] <= max_gap:
            covered[first : last + 1] = True
    return covered


def _bridged(runs: list[tuple[int, int]], mean: FloatArray, bins: Bins, rule: ZoneRule) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined:
            before = joined[-1][1]
            between = mean[before + 1 : first]
            is_short = bins.start[first] - bins.end[before] <= rule.max_gap
            if is_short and np.all(between < -rule.release * rule.threshold):
                joined[-1] = (joined[-1][0], last)
                continue
        joined.append((first, last))
    return joined


def _is_certain(probability: FloatArray, bins: Bins, first: int, rule: ZoneRule) -> bool:
    width = (bins.end - bins.start)[first : first + len(probability)]
    runs = _runs(probability >= rule.confidence)
    return any(width[a : b + 1].sum() >= min(rule.min_length / 4, width.sum()) for a, b in runs)


def _crossing(profile: Profile, mean: FloatArray, inside: int, outside: int, level: float) -> tuple[float, bool]:
    """Chainage where the rate crosses a level between neighbouring bins; the bin's edge where nothing is known."""
    bins = profile.bins
    edge = float(bins.start[inside] if outside < inside else bins.end[inside])
    if not 0 <= outside < bins.n_bins or not np.isfinite(mean[outside]):
        return edge, True
    if bins.segment[inside] != bins.segment[outside]:
        return edge, False
    share = (level - mean[inside]) / (mean[outside] - mean[inside])
    return float(bins.centre[inside] + share * (bins.centre[outside] - bins.centre[inside])), False


def _interval(bins: Bins, probability: FloatArray, run: tuple[int, int], direction: int) -> tuple[float, float]:
    """Chainages around an end where the probability passes 97.5 and 2.5 %, inner first."""
    first, last = run
    inner = last if direction > 0 else first
    outer = inner + direction
    while first <= inner - direction <= last and not probability[inner] >= 1 - _TAIL:
        inner -= direction
    while 0 <= outer < bins.n_bins and probability[outer] > _TAIL:
        outer += direction
    return (
        _passing(bins, probability, (inner, inner + direction), 1 - _TAIL),
        _passing(bins, probability, (outer, outer - direction), _TAIL),
    )


def _passing(bins: Bins, probability: FloatArray, pair: tuple[int, int], level: float) -> float:
    """Chainage between two neighbouring bins where the probit passes a level; the first bin where it does not."""
    at, other = (int(np.clip(k, 0, bins.n_bins - 1)) for k in pair)
    z, beyond = ndtri(np.clip(probability[[at, other]], _LEAST, 1 - _LEAST))
    wanted = float(ndtri(level))
    if not np.isfinite(z + beyond) or z == beyond or (z - wanted) * (beyond - wanted) > 0:
        return float(bins.centre[at])
    share = (wanted - z) / (beyond - z)
    return float(bins.centre[at] + share * (bins.centre[other] - bins.centre[at]))


def _zone(
    run: tuple[int, int],
    profile: Profile,
    smooth: SmoothProfile,
    mean: FloatArray,
    probabilities: tuple[FloatArray, FloatArray],
    rule: ZoneRule,
) -> Zone:
    bins, (first, last), (probability, wide) = profile.bins, run, probabilities
    start, open_start = _crossing(profile, mean, first, first - 1, -rule.threshold)
    end, open_end = _crossing(profile, mean, last, last + 1, -rule.threshold)
    start_inner, start_outer = _interval(bins, wide, run, -1)
    end_inner, end_outer = _interval(bins, wide, run, 1)
    inside = slice(first, last + 1)
    width = (bins.end - bins.start)[inside]
    sample = smooth.draws[:, inside] @ width / width.sum()
    spread = float(np.sqrt(sample.var() + profile.datum_std**2))
    average = float(mean[inside] @ width / width.sum())
    rates = profile.rate[inside]
    known = np.isfinite(rates)
    low, high = np.quantile(rates[known], [0.05, 0.95]) if known.any() else (np.nan, np.nan)
    return Zone(
        start=start,
        end=end,
        start_low=min(start_outer, start),
        start_high=max(start_inner, start),
        end_low=min(end_inner, end),
        end_high=max(end_outer, end),
        is_start_open=open_start,
        is_end_open=open_end,
        mean=average,
        mean_std=spread,
        lowest=float(mean[inside].min()),
        lowest_std=float(np.hypot(smooth.draws[:, first + int(np.argmin(mean[inside]))].std(), profile.datum_std)),
        bin_low=float(low),
        bin_high=float(high),
        probability=float(ndtr((-rule.threshold - average) / spread)) if spread > 0 else 1.0,
        certain_share=float(width[probability[inside] >= rule.confidence].sum() / width.sum()),
        uncovered=float(width[~known].sum()),
    )


def _total_interval(
    zones: list[Zone], profile: Profile, smooth: SmoothProfile, rule: ZoneRule, covered: BoolArray
) -> tuple[float, float]:
    """Length beyond the threshold in and next to the zones over samples of the posterior and of the datum."""
    if not zones:
        return 0.0, 0.0
    bins = profile.bins
    near = np.zeros(bins.n_bins, bool)
    for z in zones:
        near |= (bins.end > min(z.start_low, z.start - rule.max_gap)) & (
            bins.start < max(z.end_high, z.end + rule.max_gap)
        )
    near &= covered
    shift = np.random.default_rng(1).permutation(datum_shifts(profile.datum_std, len(profile.bias), len(smooth.draws)))
    beyond = smooth.draws[:, near] + shift[:, None] < -rule.threshold
    total = beyond @ (bins.end - bins.start)[near]
    low, high = np.quantile(total, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
