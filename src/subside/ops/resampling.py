"""Intervals and effective sample sizes of statistics over space, where neighbours are alike.

Blocks longer than the range of correlation are drawn with replacement instead of single values (Hall 1985; Lahiri
2003), so that a field with few independent patches has wide intervals however many cells it is cut into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import nnls

from subside import _check
from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_BLOCKS: Final = 8
"""Fewest blocks from which an interval is stated."""

_SAMPLE: Final = 2500
_DRAWS_AT_A_TIME: Final = 100
_LEAST_DRAWS: Final = 20
_MOST_BLOCKS: Final = 2000
_WANTED_BLOCKS: Final = 16
_CAUGHT: Final = 0.9
_N_LAGS: Final = 24
_LEAST_PAIRS: Final = 50
_REACH: Final = 0.05
_PAIRS: Final = 60_000
_STRETCH_SAMPLE: Final = 1000
_STEP: Final = 1.15
_LENGTHS: Final = 12
_FARTHEST: Final = 0.5


@dataclass(frozen=True)
class SpatialCorrelation:
    """Correlation of the values of a field at a distance: ``sum_k a_k exp(-h / L_k)``, 1 at distance 0.

    Attributes
    ----------
    lengths, shares : ndarray of float64, (component,)
        ``L``, m, and ``a``; what the shares lack of 1 is the nugget.
    lag, empirical : ndarray of float64, (lag,)
        Distance, m, and correlation found at it; NaN where pairs are few.
    range : float
        Distance at which the correlation has fallen to 0.05, m; 0 where it is never above.
    catch : float
        Distance within which nine tenths of the variance of the mean come about, m: correlation that is weak but
        reaches far counts here.
    n_effective : float
        Independent values whose mean would be as certain, ``n^2 / sum_ij rho_ij``.
    """

    lengths: FloatArray
    shares: FloatArray
    lag: FloatArray
    empirical: FloatArray
    range: float
    catch: float
    n_effective: float


def spatial_blocks(easting: FloatArray, northing: FloatArray, size: float) -> IntArray:
    """Number square blocks of the plane.

    Parameters
    ----------
    easting, northing : ndarray of float64, (value,)
        m.
    size : float
        Side of a block, m.

    Returns
    -------
    ndarray of int64, (value,)
        Block of each value, from 0 without gaps.

    Raises
    ------
    ArgumentError
        If ``size`` is not positive.
    """
    if not size > 0:
        raise ArgumentError(f"`size` must be positive, got {size}")
    column, row = (np.floor((c - c.min(initial=np.inf)) / size).astype(np.int64) for c in (easting, northing))
    code = row * (column.max(initial=0) + 1) + column
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class Bootstrap:
    """Draws of blocks of space with replacement, the same for the same seed.

    Attributes
    ----------
    blocks : ndarray of int64, (row,)
        From :func:`spatial_blocks`.
    size : float
        Side of a block, m; NaN where it is not told.
    stretch : float
        Factor on the distance of the ends of an interval from the estimate, for what the blocks miss
        (:func:`block_stretch`).
    n_draws, seed : int
        Number of draws and seed of the draws.
    """

    blocks: IntArray
    size: float = np.nan
    stretch: float = 1.0
    n_draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate ranges."""
        _check.in_range(1, 1_000_000, n_draws=self.n_draws)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.blocks.max(initial=-1)) + 1

    def rows(self, keep: npt.NDArray[Any]) -> Bootstrap:
        """Draws of some of the rows; blocks left without a row are not drawn."""
        return replace(self, blocks=np.unique(self.blocks[keep], return_inverse=True)[1].astype(np.int64))

    def _counts(self, n_draws: int) -> Iterator[IntArray]:
        """How often each block is drawn: (some draws, block)."""
        rng = np.random.default_rng(self.seed)
        chance = np.full(self.n_blocks, 1.0 / self.n_blocks)
        for start in range(0, n_draws, _DRAWS_AT_A_TIME):
            yield rng.multinomial(self.n_blocks, chance, size=min(_DRAWS_AT_A_TIME, n_draws - start))

    def draws(self, statistic: Callable[[FloatArray], npt.ArrayLike], *, n_draws: int | None = None) -> FloatArray:
        """Draws of a statistic that takes the weight of each row, (draw, ...)."""
        counts = self._counts(n_draws or self.n_draws)
        return np.array([statistic(d[self.blocks].astype(np.float64)) for part in counts for d in part], np.float64)

    def means(self, columns: FloatArray) -> FloatArray:
        """Draws of the means of columns (row, column), from which any function of moments follows, (draw, column)."""
        totals = np.stack([np.bincount(self.blocks, c, self.n_blocks) for c in columns.T], axis=1)
        size = np.bincount(self.blocks, minlength=self.n_blocks).astype(np.float64)
        parts = [counts @ np.column_stack([totals, size]) for counts in self._counts(self.n_draws)]
        drawn = np.concatenate(parts)
        result: FloatArray = drawn[:, :-1] / drawn[:, -1:]
        return result

    def interval(self, draws: npt.NDArray[np.floating], value: float, *, level: float = 0.95) -> tuple[float, float]:
        """Interval of a statistic from its draws.

        Percentiles are moved outwards as Student's t asks for few blocks (expanded percentiles, Hesterberg 2015).

        Parameters
        ----------
        draws : ndarray of float, (draw,)
            NaN is ignored.
        value : float
            The estimate.
        level : float
            Nominal coverage.

        Returns
        -------
        tuple of float
            Ends; NaN with fewer than :data:`LEAST_BLOCKS` blocks, from which no interval can be told.
        """
        known = np.atleast_1d(np.asarray(draws, np.float64))
        known = known[np.isfinite(known)]
        n = self.n_blocks
        if n < LEAST_BLOCKS or known.size < _LEAST_DRAWS:
            return np.nan, np.nan
        wide = stats.t.ppf(0.5 + level / 2, n - 1) * np.sqrt(n / (n - 1.0))
        tail = float(stats.norm.cdf(-wide))
        low, high = np.quantile(known, [tail, 1.0 - tail])
        return value + self.stretch * (float(low) - value), value + self.stretch * (float(high) - value)


def spatial_correlation(values: FloatArray, easting: FloatArray, northing: FloatArray) -> SpatialCorrelation:
    """Correlation of a field against distance, read off all pairs of up to 2500 values.

    The correlation at a lag is one minus the semivariance over the variance, with values beyond four robust standard
    deviations drawn in; non-negative shares of exponentials are fitted to it, each lag weighing as the root of its
    pairs, up to half of the extent. A field whose variation is longer than that shows as one of that length: it
    is then a trend that this sample cannot tell from noise.

    Parameters
    ----------
    values, easting, northing : ndarray of float64, (value,)
        Field and places, m; finite.

    Returns
    -------
    SpatialCorrelation

    Raises
    ------
    ArgumentError
        For shapes that disagree or fewer than ten values.
    """
    n = len(values)
    _check.shape((n,), easting=easting)
    _check.shape((n,), northing=northing)
    if n < 10:
        raise ArgumentError(f"`values` must hold at least 10 values to tell how they are correlated, got {n}")
    rows = np.sort(np.random.default_rng(0).permutation(n)[:_SAMPLE])
    x = _drawn_in(values[rows])
    first, second = np.triu_indices(len(rows), 1)
    distance = np.hypot(*((c[rows][first] - c[rows][second]) for c in (easting, northing)))
    variance = float(np.mean(x**2))
    if variance == 0 or distance.max(initial=0.0) == 0:
        return SpatialCorrelation(np.ones(1), np.zeros(1), np.zeros(0), np.zeros(0), 0.0, 0.0, float(n))
    edges = _edges(distance)
    index = np.searchsorted(edges, distance, side="right") - 1
    inside = (index >= 0) & (index < _N_LAGS)
    count = np.bincount(index[inside], minlength=_N_LAGS)
    half = 0.5 * (x[first] - x[second])[inside] ** 2
    total = np.bincount(index[inside], half, _N_LAGS)
    empirical = np.where(count >= _LEAST_PAIRS, 1.0 - total / np.maximum(count, 1) / variance, np.nan)
    lag = np.bincount(index[inside], distance[inside], _N_LAGS) / np.maximum(count, 1)
    lengths, shares = _fit(lag, empirical, count, edges)
    thinned = distance[:: max(len(distance) // _PAIRS, 1)]
    used = shares > 0
    rho = np.exp(-thinned[:, None] / lengths[used]) @ shares[used]
    reach = _range(lengths, shares, edges[-1])
    return SpatialCorrelation(
        lengths, shares, lag, empirical, reach, _catch(thinned, rho, n), n / (1.0 + (n - 1) * float(rho.mean()))
    )


def block_size(correlation: SpatialCorrelation, easting: FloatArray, northing: FloatArray, *, least: float) -> float:
    """Side of the blocks of a bootstrap, m: the range of the field or what catches the variance of its mean, if longer.

    Parameters
    ----------
    correlation : SpatialCorrelation
        Of the field.
    easting, northing : ndarray of float64, (value,)
        m.
    least : float
        Shortest side, m.

    Returns
    -------
    float
        Not so long that fewer than 16 blocks would be left, unless ``least`` is, nor so short that there are more
        than 2000.
    """
    size = max(correlation.range, correlation.catch, least)
    while size > least and spatial_blocks(easting, northing, size).max() + 1 < _WANTED_BLOCKS:
        size = max(size / _STEP, least)
    while spatial_blocks(easting, northing, size).max() + 1 > _MOST_BLOCKS:
        size *= _STEP
    return size


def block_stretch(
    correlation: SpatialCorrelation, easting: FloatArray, northing: FloatArray, blocks: IntArray
) -> float:
    """How much too narrow intervals from blocks are, because neighbouring blocks are alike.

    The root of the variance of the mean under the correlation over that which drawing these blocks is expected to show:
    ``1' R 1 / sum_b E (T_b - n_b m)^2`` with ``T_b`` the sum of a block and ``m`` the mean.

    Parameters
    ----------
    correlation : SpatialCorrelation
        Of the field.
    easting, northing : ndarray of float64, (value,)
        m.
    blocks : ndarray of int64, (value,)
        From :func:`spatial_blocks`.

    Returns
    -------
    float
        At least 1.
    """
    n = len(easting)
    rows = np.sort(np.random.default_rng(0).permutation(n)[:_STRETCH_SAMPLE])
    own = np.unique(blocks[rows], return_inverse=True)[1]
    rho = np.zeros((len(rows), len(rows)))
    distance = np.hypot(*(np.subtract.outer(c[rows], c[rows]) for c in (easting, northing)))
    for length, share in zip(correlation.lengths, correlation.shares, strict=True):
        if share > 0:
            rho += share * np.exp(-distance / length)
    np.fill_diagonal(rho, len(rows) / n)
    by_block = np.add.reduceat(rho[np.argsort(own, kind="stable")], np.searchsorted(np.sort(own), np.unique(own)))
    size = np.bincount(own) / len(rows)
    row = by_block.sum(axis=1)
    within = by_block[own, np.arange(len(rows))].sum()
    shown = within - 2 * float(size @ row) + float(size @ size) * float(row.sum())
    return float(np.sqrt(max(float(row.sum()) / shown, 1.0))) if shown > 0 else 1.0


def _catch(distance: FloatArray, rho: FloatArray, n: int) -> float:
    order = np.argsort(distance)
    total = 1.0 + (n - 1) * np.cumsum(rho[order]) / len(rho)
    if total[-1] * _CAUGHT <= 1.0:
        return 0.0
    return float(distance[order][np.searchsorted(total, _CAUGHT * total[-1])])


def _drawn_in(values: FloatArray) -> FloatArray:
    centred = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(centred)))
    if spread > 0:
        centred = np.clip(centred, -4 * spread, 4 * spread)
    result: FloatArray = centred - centred.mean()
    return result


def _edges(distance: FloatArray) -> FloatArray:
    """Classes of distance: logarithmic from the closest per mille of the pairs to half of the extent."""
    farthest = _FARTHEST * float(distance.max())
    nearest = max(float(np.quantile(distance, 1e-3)), 1e-3 * farthest)
    edges: FloatArray = np.concatenate([[0.0], np.geomspace(min(nearest, farthest / 2), farthest, _N_LAGS)])
    return edges


def _fit(lag: FloatArray, empirical: FloatArray, count: IntArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    lengths = np.geomspace(max(float(edges[1]) / 3, 1e-6), float(edges[-1]) / 3, _LENGTHS)
    known = np.isfinite(empirical)
    weight = count[known] ** 0.25
    matrix = np.exp(-lag[known, None] / lengths) * weight[:, None]
    shares, _ = nnls(matrix, np.minimum(empirical[known], 1.0) * weight)
    return lengths, np.asarray(shares / max(float(shares.sum()), 1.0), np.float64)


def _range(lengths: FloatArray, shares: FloatArray, farthest: float) -> float:
    trial = np.geomspace(float(lengths[0]) * 1e-2, farthest, 500)
    is_above = np.exp(-trial[:, None] / lengths) @ shares >= _REACH
    return float(trial[is_above][-1]) if is_above.any() else 0.0
