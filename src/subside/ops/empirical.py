"""Rates of pairs of points against the noise model: how far apart they are, and how far they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from subside.ops.reference_areas import half_sample_mode
from subside.ops.time_model import RATE, TimeModel
from subside.ops.uncertainty import LocalPairs, dates_needed, estimate_noise

FloatArray = npt.NDArray[np.float64]

_SAMPLE: Final = 2000
_LEAST_PAIRS: Final = 100
_MAD: Final = 1.4826
_CALM: Final = 2.5
_PAIR: Final = (-1.0, 1.0)
_TRIPLE: Final = (1.0, -0.5, -0.5)
_GOLDEN_ANGLE: Final = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class EmpiricalErrors:
    """Spread of the rate differences of pairs of points too far apart to share a filter window.

    Attributes
    ----------
    distance : ndarray of float64, (distance class,)
        Nominal distance of the pairs, m.
    n_pairs : ndarray of int64, (stratum, distance class)
        Pairs found; stratum 0 unfiltered, 1 filtered.
    velocity_spread : ndarray of float64, (stratum, distance class)
        Robust standard deviation (1.4826 MAD) of the differences over sqrt(2), unit of the series per year;
        real differences of motion are in it. NaN where pairs are few.
    ratio : ndarray of float64, (stratum, distance class)
        Robust standard deviation of rates over the one a noise model fitted to the same series gives them, of a
        point against the mean of two on opposite sides (an even gradient of motion cancels), among points of
        cells that move as most do. NaN where such triples, or the dates of the series, are few.
    inflation : ndarray of float64, (stratum,)
        Factor to apply to the modelled standard deviation: the ratio of the nearest class with enough
        triples, where it exceeds 1 by more than chance; never below 1.
    """

    distance: FloatArray
    n_pairs: npt.NDArray[np.int64]
    velocity_spread: FloatArray
    ratio: FloatArray
    inflation: FloatArray

    def velocity_std(
        self, is_filtered: npt.NDArray[np.bool_], distance: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float32]:
        """Spread of the stratum at the distance of each point from the reference.

        Parameters
        ----------
        is_filtered : ndarray of bool, (point,)
            Stratum.
        distance : ndarray of float, (point,)
            Distance to the nearest reference area, m.

        Returns
        -------
        ndarray of float32, (point,)
            Unit of the series per year; NaN where the stratum has too few pairs.
        """
        result = np.full(len(is_filtered), np.nan, np.float32)
        for stratum in (0, 1):
            known = np.isfinite(self.velocity_spread[stratum])
            rows = np.asarray(is_filtered).astype(int) == stratum
            if known.any():
                result[rows] = np.interp(
                    np.asarray(distance, np.float64)[rows],
                    self.distance[known],
                    self.velocity_spread[stratum, known],
                )
        return result


def empirical_errors(
    values: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    position: tuple[FloatArray, FloatArray],
    is_filtered: npt.NDArray[np.bool_],
    model: TimeModel,
    sensitivity: FloatArray | None = None,
    networks: tuple[FloatArray | None, FloatArray | None] = (None, None),
    min_separation: float = 500.0,
) -> EmpiricalErrors:
    """Compare rates of pairs of points of one stratum at several distances.

    Distances start at the separation beyond which no two points share a filter window and double up to half
    the scene. Points are taken at an even stride and their partners in directions that turn by the golden
    angle, so that the sample is the same every time.

    Parameters
    ----------
    values : ndarray of float, (point, date)
        Referenced series, atmosphere in them.
    days : ndarray of float64, (date,)
        Days since the first date.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    is_filtered : ndarray of bool, (point,)
        Stratum of each point.
    model : TimeModel
        Motion.
    sensitivity : ndarray of float64, (date,), optional
        As in :func:`estimate_noise`.
    networks : tuple of ndarray of float64, (date, date), or None
        The ``network`` of unfiltered and of filtered points as in :func:`estimate_noise`, so that what is tested is
        the model whose standard deviations are inflated; None where pair phases close.
    min_separation : float
        Distance beyond which filter windows do not overlap, m.

    Returns
    -------
    EmpiricalErrors
    """
    xy = np.column_stack(position).astype(np.float64)
    extent = float(np.hypot(*np.ptp(xy, axis=0))) if len(xy) else 0.0
    n_steps = max(1, int(np.floor(np.log2(max(extent / 2 / min_separation, 1.0)))) + 1)
    distance = np.asarray(min_separation * 2.0 ** np.arange(n_steps), np.float64)
    whole = np.isfinite(values).all(axis=1)
    calm = np.zeros(len(whole), bool)
    if whole.any():
        calm[whole] = _calm(values[whole], days, xy[whole], model, min_separation)
    stratum = np.asarray(is_filtered).astype(int)
    motions = tuple(_Motion(days, model, sensitivity, shape) for shape in networks)
    slope = np.linalg.pinv(motions[0].design)[RATE]
    has_noise = len(days) >= dates_needed(model, days, n_more=int(sensitivity is not None))
    shape = (2, n_steps)
    count, n_triples = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    spread, ratio = np.full(shape, np.nan), np.full(shape, np.nan)
    for s in (0, 1):
        for k, radius in enumerate(distance):
            pair = _partners(xy, np.flatnonzero(whole & (stratum == s)), float(radius))
            if len(pair) >= _LEAST_PAIRS:
                count[s, k] = len(pair)
                spread[s, k] = _robust_std(_combine(values, pair, _PAIR) @ slope) / np.sqrt(2)
            triple = _triples(xy, np.flatnonzero(calm & (stratum == s)), float(radius))
            if has_noise and len(triple) >= _LEAST_PAIRS:
                n_triples[s, k] = len(triple)
                ratio[s, k] = _robust_std(_scores(_combine(values, triple, _TRIPLE), motions[s]))
    return EmpiricalErrors(distance, count, spread, ratio, _inflation(ratio, n_triples))


def _robust_std(values: FloatArray) -> float:
    return _MAD * float(np.median(np.abs(values - np.median(values))))


def _combine(
    values: npt.NDArray[np.floating], rows: npt.NDArray[np.int64], coefficients: tuple[float, ...]
) -> FloatArray:
    result = np.zeros((len(rows), values.shape[1]))
    for column, coefficient in enumerate(coefficients):
        result += coefficient * values[rows[:, column]]
    return result


@dataclass(frozen=True)
class _Motion:
    """What :func:`estimate_noise` is told besides the series."""

    days: FloatArray
    model: TimeModel
    sensitivity: FloatArray | None
    network: FloatArray | None

    @property
    def design(self) -> FloatArray:
        full = self.model.fullest(self.days)
        return full if self.sensitivity is None else np.column_stack([full, self.sensitivity])


def _scores(series: FloatArray, motion: _Motion) -> FloatArray:
    """Rates of series of one class over the standard deviations that their own noise model gives them."""
    noise = estimate_noise(
        series,
        motion.days,
        classes=np.zeros(len(series), np.int16),
        model=motion.model,
        sensitivity=motion.sensitivity,
        network=motion.network,
    )
    design, inverse = motion.design, np.linalg.inv(noise.covariance(0))
    estimator = inverse @ design @ np.linalg.inv(design.T @ inverse @ design)[:, RATE]
    rate = series @ estimator
    return np.asarray(rate / np.sqrt(noise.variance_of(estimator, 0, np.arange(len(series)))), np.float64)


def _calm(
    values: npt.NDArray[np.floating], days: FloatArray, xy: FloatArray, model: TimeModel, cell: float
) -> npt.NDArray[np.bool_]:
    """Points of cells whose median rate is the one most cells have."""
    rate = values @ np.linalg.pinv(model.fullest(days))[RATE]
    code = np.floor((xy - xy.min(axis=0)) / cell).astype(np.int64)
    _, member = np.unique(code, axis=0, return_inverse=True)
    member = member.reshape(-1)
    order = np.lexsort((rate, member))
    size = np.bincount(member)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    median = rate[order[first + (size - 1) // 2]]
    mode, width = half_sample_mode(median)
    return np.asarray((np.abs(median - mode) <= _CALM * width)[member], bool)


def local_pairs(
    position: tuple[FloatArray, FloatArray],
    classes: npt.NDArray[np.integer],
    *,
    is_averaged: npt.NDArray[np.bool_],
    min_separation: float,
) -> LocalPairs:
    """Pair averaged points of one class with a near one they share no filter window with.

    Only pair phases that were averaged over pixels fail to close, so only their noise accumulates along the chain
    of pairs; the others have none and are in no pair.

    Parameters
    ----------
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    classes : ndarray of int, (point,)
        Classes of like decorrelation (:func:`subside.ops.uncertainty.noise_classes` without distance).
    is_averaged : ndarray of bool, (point,)
        Whether the interferometric phase of the point is an average over pixels (filtered or multilooked).
    min_separation : float
        Distance beyond which filter windows do not overlap, m.

    Returns
    -------
    LocalPairs
        Pairs one to one and a half times ``min_separation`` apart, each once.
    """
    xy = np.column_stack(position).astype(np.float64)
    own = np.where(is_averaged, classes, -1).astype(np.int16)
    found = [_partners(xy, np.flatnonzero(own == c), min_separation) for c in np.unique(own[own >= 0])]
    return LocalPairs(np.concatenate([np.empty((0, 2), np.int64), *found]), own)


def _partners(xy: FloatArray, members: npt.NDArray[np.int64], radius: float) -> npt.NDArray[np.int64]:
    """Pairs of members about a radius apart, each unordered pair once."""
    if len(members) < 2:
        return np.empty((0, 2), np.int64)
    start = members
    if len(members) > _SAMPLE:
        start = members[np.linspace(0, len(members) - 1, _SAMPLE).astype(np.int64)]
    angle = _GOLDEN_ANGLE * np.arange(len(start))
    aim = xy[start] + 1.2 * radius * np.column_stack([np.cos(angle), np.sin(angle)])
    _, nearest = cKDTree(xy[members]).query(aim)
    partner = members[nearest]
    apart = np.hypot(*(xy[partner] - xy[start]).T)
    keep = (apart >= radius) & (apart <= 1.5 * radius)
    pair = np.sort(np.column_stack([start[keep], partner[keep]]), axis=1)
    return np.unique(pair, axis=0)


def _triples(xy: FloatArray, members: npt.NDArray[np.int64], radius: float) -> npt.NDArray[np.int64]:
    """A member and two others on opposite sides of it, about a radius away."""
    if len(members) < 3:
        return np.empty((0, 3), np.int64)
    start = members
    if len(members) > _SAMPLE:
        start = members[np.linspace(0, len(members) - 1, _SAMPLE).astype(np.int64)]
    angle = _GOLDEN_ANGLE * np.arange(len(start))
    step = 1.2 * radius * np.column_stack([np.cos(angle), np.sin(angle)])
    tree = cKDTree(xy[members])
    sides = [members[tree.query(xy[start] + sign * step)[1]] for sign in (1, -1)]
    keep = np.ones(len(start), bool)
    for side in sides:
        apart = np.hypot(*(xy[side] - xy[start]).T)
        keep &= (apart >= radius) & (apart <= 1.5 * radius)
    middle = (xy[sides[0]] + xy[sides[1]]) / 2
    keep &= np.hypot(*(middle - xy[start]).T) <= 0.3 * radius
    return np.column_stack([start, *sides])[keep]


def _inflation(ratio: FloatArray, n_triples: npt.NDArray[np.int64]) -> FloatArray:
    result = np.ones(len(ratio))
    for stratum in range(len(ratio)):
        known = np.flatnonzero(np.isfinite(ratio[stratum]))
        if len(known):
            k = known[0]
            chance = 2.0 / np.sqrt(n_triples[stratum, k])
            if ratio[stratum, k] > 1 + chance:
                result[stratum] = ratio[stratum, k]
    return result
