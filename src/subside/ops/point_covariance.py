"""Correlation of the errors of neighbouring points, and means that know it.

Points near each other share filter windows and atmosphere, so that their errors are alike and the mean of ``n`` of
them is less certain than one over the root of ``n``. The correlation is read off the data: what a motion model leaves
of the displacement series is noise whose spatial correlation is that of the rate errors, as far as the noise components
have one temporal spectrum. They have not: decorrelation accumulates in time, is shared within a filter window at most,
and weighs more in a rate than in the residuals, which are chiefly atmosphere. The share of each part in the errors of
rates is therefore read off the rates of near points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from subside import _check
from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet, read_rows
from subside.ops.near_rates import NearRates, near_rates

FloatArray = npt.NDArray[np.float64]

_SAMPLE: Final = 3000
_PARTNERS: Final = 4
_LENGTHS_PER_DECADE: Final = 4
_N_LAGS: Final = 14
_LEAST_LAG: Final = 20.0
_LEAST_PAIRS: Final = 30
OWN_LENGTH: Final = 125.0
"""Components of shorter lengths belong to scatterers and filter windows, longer ones to the atmosphere, m."""
_TOO_FAR_APART: Final = -0.15
_LEAST_POINTS: Final = 50
_REACH: Final = 0.05
_OF_SERIES: Final = "residuals of the displacement series"
_HUBER: Final = 1.345
_MAD: Final = 1.4826
_ITERATIONS: Final = 20
_ROWS_AT_A_TIME: Final = 16_384
_GOLDEN_ANGLE: Final = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class ErrorCorrelation:
    """Correlation of the errors of two points ``h`` metres apart: ``sum_k sqrt(a_ki a_kj) exp(-h / L_k)``.

    A point's correlation with itself is 1; what the shares ``a`` of its kind lack of 1 is noise of its own. The form
    is positive semidefinite for any shares in [0, 1] whose sum over ``k`` does not exceed 1.

    Attributes
    ----------
    lengths : ndarray of float64, (component,)
        ``L``, m.
    shares : ndarray of float64, (kind, component)
        ``a`` of each :class:`PointKind`.
    lag : ndarray of float64, (lag,)
        Middle of the distance classes of the empirical correlation, m.
    empirical : ndarray of float64, (kind, lag)
        What the shares were fitted to; NaN where pairs are few.
    basis : str
        What it was read off, in words.
    """

    lengths: FloatArray
    shares: FloatArray
    lag: FloatArray
    empirical: FloatArray
    basis: str

    def matrix(self, easting: FloatArray, northing: FloatArray, kind: npt.NDArray[np.uint8]) -> FloatArray:
        """Correlation of the errors of some points.

        Parameters
        ----------
        easting, northing : ndarray of float64, (point,)
            m.
        kind : ndarray of uint8, (point,)
            :class:`PointKind`.

        Returns
        -------
        ndarray of float64, (point, point)
            1 on the diagonal.
        """
        distance = np.hypot(np.subtract.outer(easting, easting), np.subtract.outer(northing, northing))
        amplitude = np.sqrt(self.shares[kind])
        result = np.zeros_like(distance)
        for k, length in enumerate(self.lengths):
            result += np.outer(amplitude[:, k], amplitude[:, k]) * np.exp(-distance / length)
        np.fill_diagonal(result, 1.0)
        return result

    def at(self, distance: npt.ArrayLike, kind: PointKind = PointKind.UNKNOWN) -> FloatArray:
        """Correlation of two different points of a kind at a distance in m, same shape."""
        h = np.asarray(distance, np.float64)
        result: FloatArray = np.exp(-h[..., None] / self.lengths) @ self.shares[kind]
        return result

    @property
    def reach(self) -> float:
        """Distance at which the correlation of every kind has fallen below 0.05, m; 0 where it always is."""
        trial = np.geomspace(1.0, 20.0 * float(self.lengths.max(initial=1.0)), 400)
        is_above = np.array([self.at(trial, k) >= _REACH for k in PointKind]).any(axis=0)
        return float(trial[is_above][-1]) if is_above.any() else 0.0


def independent_errors() -> ErrorCorrelation:
    """Errors that are not correlated at all."""
    n = len(PointKind)
    return ErrorCorrelation(np.ones(1), np.zeros((n, 1)), np.zeros(0), np.zeros((n, 0)), "assumed independent")


def fit_error_correlation(points: PointSet, *, max_distance: float | None = None) -> ErrorCorrelation:
    """Read the spatial correlation of errors off the residuals of displacement series.

    A parabola and an annual term are taken out of the series of 3000 points of each kind and of partners at distances
    up to a third of the extent; the normalised products of the residuals of pairs of points of one kind, averaged in
    logarithmic classes of distance, are fitted by non-negative shares of exponentials. Those up to 125 m, and one
    factor of the others, are then found anew from the rates of near points (:mod:`subside.ops.near_rates`). Without
    series the rates themselves are used after a plane is taken out: motion is then part of the correlation, which is
    overstated.

    Parameters
    ----------
    points : PointSet
        Points; flagged ones should have been left out.
    max_distance : float, optional
        Longest distance used, m; None is a third of the extent of the points.

    Returns
    -------
    ErrorCorrelation
        Kinds with too few pairs take that of all points together.

    Raises
    ------
    ArgumentError
        For fewer than 50 points with a rate.
    """
    rows = np.flatnonzero(np.isfinite(points.velocity))
    if len(rows) < _LEAST_POINTS:
        raise ArgumentError(
            f"`points` must hold at least {_LEAST_POINTS} points with a rate to tell how their errors are correlated, "
            f"got {len(rows)}"
        )
    extent = float(np.hypot(np.ptp(points.easting[rows]), np.ptp(points.northing[rows])))
    farthest = max(max_distance or extent / 3.0, 4 * _LEAST_LAG)
    lags = np.geomspace(_LEAST_LAG, farthest, _N_LAGS + 1)
    kind = points.kind[rows]
    pairs = _pairs_by_kind(points.easting[rows], points.northing[rows], kind, lags)
    first, second, lag_index = pairs.T
    sampled, place = np.unique(pairs[:, :2].ravel(), return_inverse=True)
    residual, basis = _residuals(points, rows[sampled])
    product = np.empty(len(first))
    for pair in _slices(len(first)):
        a, b = place[::2][pair], place[1::2][pair]
        product[pair] = np.einsum("ij,ij->i", residual[a], residual[b])
    middle = np.sqrt(lags[1:] * lags[:-1])
    lengths = np.geomspace(_LEAST_LAG, farthest, max(int(np.log10(farthest / _LEAST_LAG) * _LENGTHS_PER_DECADE), 2))
    together = _by_lag(product, lag_index, np.ones(len(first), bool))
    empirical = np.tile(together, (len(PointKind), 1))
    for k in (PointKind.PS, PointKind.DS):
        own = _by_lag(product, lag_index, (kind[first] == k) & (kind[second] == k))
        empirical[k] = np.where(np.isfinite(own), own, together)
    shares = np.array([_shares(row, middle, lengths) for row in empirical])
    if basis == _OF_SERIES:
        together_near = _near_rates(points, rows)
        for k in PointKind:
            near = together_near if k == PointKind.UNKNOWN else _near_rates(points, rows[kind == k])
            shares[k] = _apportioned(shares[k], lengths, near if len(near.lag) else together_near)
    return ErrorCorrelation(lengths, shares, middle, empirical, basis)


def _near_rates(points: PointSet, rows: npt.NDArray[np.int64]) -> NearRates:
    place = (points.easting[rows], points.northing[rows])
    return near_rates(*place, points.velocity[rows], points.velocity_std[rows])


def _pairs_by_kind(
    easting: FloatArray, northing: FloatArray, kind: npt.NDArray[np.uint8], lags: FloatArray
) -> npt.NDArray[np.int64]:
    """Pairs of points of one kind and their class of distance, (pair, 3)."""
    found = []
    for k in np.unique(kind):
        mine = np.flatnonzero(kind == k)
        pairs = np.column_stack(_pairs(easting[mine], northing[mine], lags))
        pairs[:, :2] = mine[pairs[:, :2]]
        found.append(pairs)
    return np.concatenate(found)


def _pairs(
    easting: FloatArray, northing: FloatArray, lags: FloatArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of points spread over the distance classes: partners in directions that turn by the golden angle."""
    tree = cKDTree(np.column_stack([easting, northing]))
    seeds = np.unique(np.linspace(0, len(easting) - 1, _SAMPLE).astype(np.int64))
    found = []
    for k in range(len(lags) - 1):
        for draw in range(_PARTNERS):
            share = (draw + 0.5) / _PARTNERS
            radius = lags[k] + share * (lags[k + 1] - lags[k])
            angle = _GOLDEN_ANGLE * (np.arange(len(seeds)) + draw * 0.37)
            target = np.column_stack(
                [easting[seeds] + radius * np.cos(angle), northing[seeds] + radius * np.sin(angle)]
            )
            _, partner = tree.query(target, workers=1)
            found.append(np.column_stack([seeds, partner]))
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    distance = np.hypot(*(c[pairs[:, 0]] - c[pairs[:, 1]] for c in (easting, northing)))
    index = np.searchsorted(lags, distance, side="right") - 1
    keep = (pairs[:, 0] != pairs[:, 1]) & (distance < lags[-1])
    return pairs[keep, 0], pairs[keep, 1], np.maximum(index[keep], 0)


def _residuals(points: PointSet, rows: npt.NDArray[np.int64]) -> tuple[FloatArray, str]:
    """Residuals of the rows in units that make a normalised product a correlation, zero where a series has gaps."""
    n_dates = len(points.dates)
    if n_dates >= 12:
        years = points.years - points.years.mean()
        design = np.column_stack([np.ones(n_dates), years, years**2])
        if np.ptp(years) >= 1.5:
            design = np.column_stack([design, np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)])
        fit = np.linalg.pinv(design).T
        series = np.empty((len(rows), n_dates))
        for part in _slices(len(rows)):
            values = read_rows(points.displacement, rows[part]).astype(np.float64)
            values -= values @ fit @ design.T
            values[~np.isfinite(values).all(axis=1)] = 0.0
            series[part] = _normalised(values)
        if np.count_nonzero(series.any(axis=1)) >= _LEAST_POINTS:
            return series, _OF_SERIES
    plane = np.column_stack([np.ones(len(rows)), points.easting[rows], points.northing[rows]])
    plane[:, 1:] -= plane[:, 1:].mean(axis=0)
    rates = points.velocity[rows] - plane @ np.linalg.lstsq(plane, points.velocity[rows], rcond=None)[0]
    spread = _MAD * np.median(np.abs(rates - np.median(rates)))
    scaled = np.clip((rates - np.median(rates)) / spread if spread > 0 else rates * 0.0, -3.0, 3.0)
    return scaled[:, None], "rates about a plane; motion is part of it"


def _slices(n: int) -> Iterator[slice]:
    """Rows taken at a time, so that what is made of series is never in memory several times over."""
    for start in range(0, n, _ROWS_AT_A_TIME):
        yield slice(start, start + _ROWS_AT_A_TIME)


def _normalised(series: FloatArray) -> FloatArray:
    norm = np.linalg.norm(series, axis=1, keepdims=True)
    result: FloatArray = np.divide(series, norm, out=np.zeros_like(series), where=norm > 0)
    return result


def _apportioned(shares: FloatArray, lengths: FloatArray, near: NearRates) -> FloatArray:
    """Shares of one kind that explain how near rates differ; the long ones keep their proportions.

    ``2 r(h) - r(s) / 2`` of the second differences is linear in the shares: those of short lengths and one factor of
    all long ones are found by non-negative least squares. Rates that differ by more than stated errors can say that
    these are too small, and nothing about correlation: the shares of the residuals stay.
    """
    if not len(near.lag) or np.average(near.shared, weights=near.count) < _TOO_FAR_APART:
        return shares
    is_long = lengths > OWN_LENGTH
    columns = 2 * np.exp(-near.lag[:, None] / lengths) - 0.5 * np.exp(-near.span[:, None] / lengths)
    design = np.column_stack([columns[:, ~is_long], columns[:, is_long] @ shares[is_long]])
    root = np.sqrt(near.count)
    found, _ = nnls(design * root[:, None], near.shared * root)
    result = shares.copy()
    result[~is_long] = found[:-1]
    result[is_long] *= found[-1]
    scaled: FloatArray = result / max(float(result.sum()), 1.0)
    return scaled


def _by_lag(product: FloatArray, lag_index: npt.NDArray[np.int64], keep: npt.NDArray[np.bool_]) -> FloatArray:
    count = np.bincount(lag_index[keep], minlength=_N_LAGS)
    total = np.bincount(lag_index[keep], product[keep], minlength=_N_LAGS)
    result: FloatArray = np.where(count >= _LEAST_PAIRS, total / np.maximum(count, 1), np.nan)
    return result


def _shares(empirical: FloatArray, lag: FloatArray, lengths: FloatArray) -> FloatArray:
    known = np.isfinite(empirical)
    if not known.any():
        return np.zeros(len(lengths))
    matrix = np.exp(-lag[known, None] / lengths)
    shares, _ = nnls(matrix, np.clip(empirical[known], 0.0, 1.0))
    total = shares.sum()
    result: FloatArray = shares / max(total, 1.0)
    return result


@dataclass(frozen=True)
class RobustMean:
    """Mean of values with correlated errors.

    Attributes
    ----------
    mean : float
        Huber mean, unit of the values.
    std : float
        From the whole covariance, unit of the values; what the values scatter beyond their errors is added.
    n_effective : float
        Independent values of the mean variance that would be as certain.
    excess : float
        Standard deviation by which the values scatter beyond their errors, unit of the values.
    weights : ndarray of float64, (value,)
        Of each value, sum 1.
    """

    mean: float
    std: float
    n_effective: float
    excess: float
    weights: FloatArray


def robust_mean(values: FloatArray, std: FloatArray, correlation: FloatArray) -> RobustMean:
    """Huber mean of values whose errors are correlated.

    Weights are one over the variance (errors and excess scatter), less for values beyond 1.345 of it (Huber 1964).
    The variance is ``w' C w``: with correlated errors it does not fall as one over ``n``. Excess scatter (real
    differences between scatterers) is the robust variance about the mean beyond what errors explain (DerSimonian and
    Laird 1986), taken as independent from value to value.

    Parameters
    ----------
    values, std : ndarray of float64, (value,)
        Values and their standard deviations, one unit; finite, ``std`` positive.
    correlation : ndarray of float64, (value, value)
        Of the errors (:meth:`ErrorCorrelation.matrix`).

    Returns
    -------
    RobustMean

    Raises
    ------
    ArgumentError
        For no values, or shapes that disagree.
    """
    n = len(values)
    if n == 0:
        raise ArgumentError("`values` must hold at least one value, got none")
    _check.shape((n,), std=std)
    _check.shape((n, n), correlation=correlation)
    covariance = correlation * np.outer(std, std)
    shared = (covariance.sum() - np.trace(covariance)) / (n * (n - 1)) if n > 1 else 0.0
    within = max(float(np.mean(std**2)) - shared, 0.0)
    centre = float(np.median(values))
    scatter = _MAD * float(np.median(np.abs(values - centre))) * _small_sample(n)
    excess2 = max(scatter**2 - within, 0.0) if n > 2 else 0.0
    variance = std**2 + excess2
    for _ in range(_ITERATIONS):
        z = np.abs(values - centre) / np.sqrt(variance)
        weights = np.minimum(1.0, _HUBER / np.maximum(z, 1e-12)) / variance
        weights /= weights.sum()
        moved = float(weights @ values)
        if abs(moved - centre) <= 1e-9 * float(np.sqrt(variance.min())):
            break
        centre = moved
    total = float(weights @ covariance @ weights + excess2 * (weights @ weights))
    return RobustMean(
        float(weights @ values),
        float(np.sqrt(total)),
        float(np.mean(variance) / total),
        float(np.sqrt(excess2)),
        weights,
    )


def _small_sample(n: int) -> float:
    """Factor that makes the median absolute deviation of few normal values unbiased (Croux and Rousseeuw 1992)."""
    return n / (n - 0.8) if n > 1 else 1.0
