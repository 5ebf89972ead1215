"""Statistics of two noisy measurements of one field, each with an interval from blocks of space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from subside.ops.resampling import LEAST_BLOCKS, Bootstrap
from subside.ops.two_tracks.deming import deming_line, moments

FloatArray = npt.NDArray[np.float64]

NORMAL_95: Final = 1.959964
"""Half-width of a 95 % interval of a normal distribution, standard deviations."""

_MAD: Final = 1.4826
_ROBUST_DRAWS: Final = 300
_ROBUST_VALUES: Final = 30_000
_BOUNDS: Final = {"r": (-1.0, 1.0), "spearman": (-1.0, 1.0), "rmse": (0.0, np.inf), "sigma": (0.0, np.inf)}
_MOMENT_NAMES: Final = ("r", "spearman", "rmse", "bias", "sigma", "slope", "intercept")


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        NaN is unknown; the ends are NaN where the blocks are too few for an interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AgreementStatistics:
    """How two measurements of the same cells agree; differences are second minus first.

    Attributes
    ----------
    n : int
        Cells.
    n_effective : float
        Independent differences whose mean would be as certain.
    n_blocks : int
        Blocks that the intervals rest on.
    block_size : float
        Side of a block, m.
    pearson, spearman : Estimate
        Correlation of values and of ranks.
    rmse, bias, sigma : Estimate
        Root mean square, mean and standard deviation about the mean of the difference.
    mad, robust_sigma : Estimate
        Median absolute deviation about the median, and 1.4826 times it.
    sigma_per_track : Estimate
        ``sigma / sqrt(2)``: of one track, if both are alike and their errors independent.
    limits : tuple of Estimate
        Limits of agreement, ``bias -+ 1.96 sigma`` (Bland and Altman 1986).
    slope, intercept : Estimate
        Deming line of second against first.
    error_ratio : float
        Variance of the errors of second over that of first, used for the line.
    least_squares_slope : float
        Of second on first, for comparison: too flat by the noise of first.
    """

    n: int
    n_effective: float
    n_blocks: int
    block_size: float
    pearson: Estimate
    spearman: Estimate
    rmse: Estimate
    bias: Estimate
    sigma: Estimate
    mad: Estimate
    robust_sigma: Estimate
    sigma_per_track: Estimate
    limits: tuple[Estimate, Estimate]
    slope: Estimate
    intercept: Estimate
    error_ratio: float
    least_squares_slope: float


def agreement_statistics(
    first: FloatArray, second: FloatArray, *, bootstrap: Bootstrap, error_ratio: float, n_effective: float = np.nan
) -> AgreementStatistics:
    """Compare two measurements of the same cells.

    Parameters
    ----------
    first, second : ndarray of float64, (cell,)
        Finite, one unit.
    bootstrap : Bootstrap
        Blocks of the cells.
    error_ratio : float
        Variance of the errors of ``second`` over that of ``first``.
    n_effective : float
        Independent differences (:func:`subside.ops.resampling.spatial_correlation`), passed on.

    Returns
    -------
    AgreementStatistics
        Spearman's interval keeps the ranks of the whole sample.
    """
    difference = second - first
    columns = np.column_stack([moments(first, second), moments(rankdata(first), rankdata(second))])
    value = _from_moments(columns.mean(axis=0), error_ratio)
    draws = _from_moments(bootstrap.means(columns), error_ratio)

    def estimate(of: Callable[[dict[str, FloatArray]], FloatArray]) -> Estimate:
        return Estimate(float(of(value)), *bootstrap.interval(of(draws), float(of(value))))

    mad = _mad(difference, bootstrap)
    named = {name: estimate(itemgetter(name)) for name in _MOMENT_NAMES}
    named |= {name: _within(named[name], *ends) for name, ends in _BOUNDS.items()}
    return AgreementStatistics(
        n=len(first),
        n_effective=n_effective,
        n_blocks=bootstrap.n_blocks,
        block_size=bootstrap.size,
        pearson=named["r"],
        spearman=named["spearman"],
        rmse=named["rmse"],
        bias=named["bias"],
        sigma=named["sigma"],
        mad=mad,
        robust_sigma=Estimate(*(_MAD * v for v in (mad.value, mad.low, mad.high))),
        sigma_per_track=estimate(lambda m: m["sigma"] / np.sqrt(2)),
        limits=(
            estimate(lambda m: m["bias"] - NORMAL_95 * m["sigma"]),
            estimate(lambda m: m["bias"] + NORMAL_95 * m["sigma"]),
        ),
        slope=named["slope"],
        intercept=named["intercept"],
        error_ratio=error_ratio,
        least_squares_slope=float(value["least_squares"]),
    )


def _within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The estimate with its interval held to values that are possible."""
    return Estimate(estimate.value, *(float(np.clip(v, least, most)) for v in (estimate.low, estimate.high)))


def _from_moments(means: FloatArray, error_ratio: float) -> dict[str, FloatArray]:
    x, y, xx, yy, xy = np.moveaxis(means[..., :5], -1, 0)
    sxx, syy, sxy = xx - x * x, yy - y * y, xy - x * y
    square = np.maximum(xx + yy - 2 * xy, 0.0)
    slope, intercept = deming_line(means[..., :5], error_ratio)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "r": sxy / np.sqrt(sxx * syy),
            "spearman": _correlation(means[..., 5:]),
            "rmse": np.sqrt(square),
            "bias": y - x,
            "sigma": np.sqrt(np.maximum(square - (y - x) ** 2, 0.0)),
            "slope": slope,
            "intercept": intercept,
            "least_squares": sxy / sxx,
        }


def _correlation(means: FloatArray) -> FloatArray:
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    result: FloatArray = (xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y))
    return result


def robust_spread(values: FloatArray) -> float:
    """1.4826 times the median absolute deviation about the median; NaN for no values."""
    known = values[np.isfinite(values)]
    return _MAD * float(np.median(np.abs(known - np.median(known)))) if known.size else np.nan


def _mad(values: FloatArray, bootstrap: Bootstrap) -> Estimate:
    """Median absolute deviation with its interval; draws are taken of 30,000 values at most."""
    mad = float(np.median(np.abs(values - np.median(values))))
    if bootstrap.n_blocks < LEAST_BLOCKS:
        return Estimate(mad, np.nan, np.nan)
    thinned = np.random.default_rng(bootstrap.seed).permutation(len(values))[:_ROBUST_VALUES]
    order = thinned[np.argsort(values[thinned], kind="stable")]
    ascending = values[order]

    def statistic(weights: FloatArray) -> float:
        deviation = np.abs(ascending - _weighted_median(ascending, weights))
        again = np.argsort(deviation, kind="stable")
        return _weighted_median(deviation[again], weights[again])

    own = bootstrap.rows(order)
    return Estimate(mad, *own.interval(own.draws(statistic, n_draws=min(bootstrap.n_draws, _ROBUST_DRAWS)), mad))


def _weighted_median(ascending: FloatArray, weights: FloatArray) -> float:
    cumulative = np.cumsum(weights)
    return float(ascending[min(np.searchsorted(cumulative, 0.5 * cumulative[-1]), len(ascending) - 1)])
