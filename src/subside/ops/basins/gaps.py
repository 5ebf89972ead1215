"""Ground without points: which gaps sparseness explains, and volumes over the others with what they may be off by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from subside.ops.point_covariance import ErrorCorrelation

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_GROW: Final = 2
"""Cells by which the field is carried into gaps between points."""
_KERNEL: Final = np.ones((3, 3))
_LEVEL: Final = 0.001
"""Expected number of gaps of chance beyond which a gap is no void."""
_LEAST_VOID: Final = 4
"""Cells of the smallest void."""
_AROUND: Final = 20
"""Ground around a basin that tells how gaps are there, cells at the least."""
_LEAST_CALM: Final = 100
_TAIL: Final = 0.03
"""Share of the ground in the largest gaps from which the decline of gaps with their area is read."""
_MOST_CELLS: Final = 800
_WITHIN: Final = 1 / 3
"""Variance of rates within a cell over the mean square of its differences from the next cells: 1/3 at a step that cuts
the cell anywhere, 1/9 on a ramp."""
_MOST_INDEPENDENT: Final = 2
"""Points beyond which the median of a cell that a step cuts gets no nearer to its mean."""
_MEDIAN: Final = np.pi / 2
"""Variance of a median over that of a mean."""
_MEAN_SEPARATION: Final = 0.5214
"""Mean distance of two places of a square, sides."""


def carried(rate: FloatArray) -> FloatArray:
    """Rates with the mean of the neighbours in cells up to two cells from a known one.

    Parameters
    ----------
    rate : ndarray of float64, (row, column)
        NaN where unknown.

    Returns
    -------
    ndarray of float64, (row, column)
        NaN beyond two cells, and where fewer than two neighbours are known.
    """
    return _passes(rate)[-1][0]


def _passes(rate: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Field after each pass, and the number of neighbours that went into the cells grown in it."""
    fields = [(rate, np.zeros(rate.shape))]
    for _ in range(_GROW):
        field = fields[-1][0]
        known = np.isfinite(field)
        total = ndimage.convolve(np.nan_to_num(field), _KERNEL, mode="constant")
        n = ndimage.convolve(known.astype(float), _KERNEL, mode="constant")
        grown = np.divide(total, n, out=np.full(rate.shape, np.nan), where=n >= 2)
        fields.append((np.where(known, field, grown), n))
    return fields


def footprint(occupied: BoolArray) -> BoolArray:
    """Cells between the first and the last occupied one of their row and of their column.

    Parameters
    ----------
    occupied : ndarray of bool, (row, column)
        Cells with points.

    Returns
    -------
    ndarray of bool, (row, column)
    """
    spans = [
        np.maximum.accumulate(occupied, axis) & np.flip(np.maximum.accumulate(np.flip(occupied, axis), axis), axis)
        for axis in (0, 1)
    ]
    found: BoolArray = spans[0] & spans[1]
    return found


def void_of(count: IntArray, inside: BoolArray, others: BoolArray) -> BoolArray:
    """Ground of a basin that lacks points beyond what the gaps of the ground around it explain.

    With ``n`` points a unit of area spread at random, a disc of area ``A`` is empty with the probability
    ``exp(-n A)``. Points in clusters leave larger gaps, so that ``n`` is read off the gaps themselves: off the share of
    the calm ground around the basin whose empty disc reaches the largest 3 % of areas. A disc is part of a void where
    fewer than 0.001 as large are expected in the whole basin, and where it holds five cells at the least.

    Parameters
    ----------
    count : ndarray of int64, (row, column)
        Points of each cell.
    inside : ndarray of bool, (row, column)
        The basin.
    others : ndarray of bool, (row, column)
        All ground that sinks, this basin included; it says nothing on calm ground.

    Returns
    -------
    ndarray of bool, (row, column)
        Cells of voids.
    """
    area, distance = _empty_discs((count == 0) & ndimage.binary_erosion(inside))
    density = _gap_density(count, inside, others)
    expected = inside.sum() * np.exp(-density * area)
    is_centre = (expected < _LEVEL) & (area > _LEAST_VOID)
    if not is_centre.any():
        return np.zeros(inside.shape, np.bool_)
    reach = float(distance[is_centre].min())
    found: BoolArray = (ndimage.distance_transform_edt(~is_centre) < reach) & (count == 0) & inside
    return found


def _empty_discs(empty: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Cells of the largest empty disc about each cell, and its radius, cells."""
    distance = ndimage.distance_transform_edt(np.pad(empty, 1))[1:-1, 1:-1]
    reach = int(np.ceil(distance.max(initial=1.0))) + 1
    steps = np.arange(-reach, reach + 1) ** 2
    squares = np.sort(np.add.outer(steps, steps).ravel())
    area = np.searchsorted(squares, np.rint(distance**2), side="left").astype(np.float64)
    return area, distance


def _gap_density(count: IntArray, inside: BoolArray, others: BoolArray) -> float:
    """Density at which the empty discs of calm ground decline with their area, per cell."""
    rows, columns = np.nonzero(inside)
    reach = max(_AROUND, int(np.ptp(rows)), int(np.ptp(columns)))
    window = tuple(slice(max(int(v.min()) - reach, 0), int(v.max()) + reach + 1) for v in (rows, columns))
    seen = footprint(count[window] > 0)
    calm = seen & ~ndimage.binary_dilation(others[window], iterations=2)
    if calm.sum() < _LEAST_CALM:
        calm = seen
    area = _empty_discs((count[window] == 0) & calm)[0][calm]
    tail = max(float(np.quantile(area, 1.0 - _TAIL)), 1.0)
    share = max(float(np.mean(area >= tail)), 1.0 / len(area))
    return float(-np.log(share) / tail)


@dataclass(frozen=True)
class CellRates:
    """Rates of cells and what they were made of.

    Attributes
    ----------
    rate, std : ndarray of float64, (row, column)
        Median of the points of a cell and the standard deviation of one of them, m/yr; NaN where unknown.
    count : ndarray of int64, (row, column)
        Points that gave the median.
    cell : float
        Side, m.
    """

    rate: FloatArray
    std: FloatArray
    count: IntArray
    cell: float


def volume(cells: CellRates, counted: BoolArray, *, correlation: ErrorCorrelation, edge: float) -> tuple[float, float]:
    """Sum of rate times area over cells with and without points.

    Cells without points take the carried rates; those beyond the reach of these take the mean of the others. The sum
    is then ``sum w_i r_i`` over the cells with points. Its variance is the sum of

    - ``w' C w`` with the covariance ``C`` of errors of points, a median of ``k`` points having the part of its error
      that its points do not share divided by ``k``;
    - ``w_i (w_i - 1) d_i^2`` for what was carried, with ``d_i`` the difference of a cell from the mean of those around
      it beyond the errors (what a jackknife over cells gives);
    - ``w_i^2 D_i^2 / (3 min(k, 2))`` for points that stand for their cell, with ``D_i^2`` the mean square of the
      differences of a cell from each of those around it beyond the errors;
    - ``(sum w_i b_i)^2`` for cells that were counted because their error is negative: ``b`` is the mean error of a rate
      given that it is below the edge.

    Parameters
    ----------
    cells : CellRates
        Rates.
    counted : ndarray of bool, (row, column)
        Ground to sum over.
    correlation : ErrorCorrelation
        Of the errors of points.
    edge : float
        Rate below which ground was counted, m/yr.

    Returns
    -------
    volume, std : float
        m3/yr; NaN where no rate is known.
    """
    fields = _passes(cells.rate)
    filled = fields[-1][0]
    known = counted & np.isfinite(filled)
    if not known.any():
        return float("nan"), float("nan")
    weight = _weights(fields, known) * (counted.sum() / known.sum())
    rows = np.nonzero(weight > 0)
    w, k = weight[rows], np.maximum(cells.count[rows], 1)
    total = float(np.sum(w * cells.rate[rows]))
    std = cells.std[rows]
    if not np.isfinite(std).any():
        return total * cells.cell**2, float("nan")
    std = np.where(np.isfinite(std), std, np.nanmedian(std))
    shared = float(correlation.at(_MEAN_SEPARATION * cells.cell))
    own = std**2 * (shared + (1.0 - shared) * np.where(k > 2, _MEDIAN, 1.0) / k)
    apart, rough = _apart(cells.rate, rows, own)
    carried_part = np.maximum(w * (w - 1.0), 0.0) * apart
    variance = _error_variance(rows, w * std, w**2 * own, correlation, cells.cell)
    variance += float(np.sum(carried_part + w**2 * _WITHIN * rough / np.minimum(k, _MOST_INDEPENDENT)))
    variance += _chosen_low(cells.rate[rows], np.sqrt(own), edge, w) ** 2
    return total * cells.cell**2, float(np.sqrt(variance)) * cells.cell**2


def _chosen_low(rate: FloatArray, std: FloatArray, edge: float, weight: FloatArray) -> float:
    """Mean of the sum of errors of rates that were chosen for being below an edge."""
    chosen = (rate < edge) & (std > 0)
    z = (edge - rate[chosen]) / std[chosen]
    return float(np.sum(weight[chosen] * std[chosen] * stats.norm.pdf(z) / stats.norm.cdf(z)))


def _weights(fields: list[tuple[FloatArray, FloatArray]], counted: BoolArray) -> FloatArray:
    """Weight of each known cell in the sum of the carried field over some cells."""
    weight = counted.astype(np.float64)
    for k in range(_GROW, 0, -1):
        known = np.isfinite(fields[k - 1][0])
        passed_on = np.divide(weight, fields[k][1], out=np.zeros(weight.shape), where=~known & (fields[k][1] >= 2))
        weight = np.where(known, weight + ndimage.convolve(passed_on, _KERNEL, mode="constant"), 0.0)
    return weight


def _apart(rate: FloatArray, rows: tuple[IntArray, ...], own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Square of the difference from the mean of the cells around, and mean square of that from each, beyond errors."""
    known = np.isfinite(rate)
    value = np.nan_to_num(rate)
    found = [np.full(len(own), np.nan), np.full(len(own), np.nan)]
    mine = rate[rows]
    for side in (5, 3):
        around = np.ones((side, side))
        around[side // 2, side // 2] = 0.0
        n, total, squares = (
            ndimage.convolve(v, around, mode="constant")[rows] for v in (known.astype(float), value, value**2)
        )
        enough = n >= 2
        mean, square = total[enough] / n[enough], squares[enough] / n[enough]
        found[0][enough] = (mine[enough] - mean) ** 2 - own[enough] * (1.0 + 1.0 / n[enough])
        found[1][enough] = mine[enough] ** 2 - 2.0 * mine[enough] * mean + square - 2.0 * own[enough]
    typical = [float(np.nanmean(f)) if np.isfinite(f).any() else 0.0 for f in found]
    apart, rough = (np.maximum(np.where(np.isfinite(f), f, t), 0.0) for f, t in zip(found, typical, strict=True))
    return apart, rough


def _error_variance(
    rows: tuple[IntArray, ...], size: FloatArray, own: FloatArray, correlation: ErrorCorrelation, cell: float
) -> float:
    """Variance of a weighted sum over cells whose errors are correlated; a sample of the pairs stands for many."""
    n = len(size)
    chosen = np.unique(np.linspace(0, n - 1, min(n, _MOST_CELLS)).astype(np.int64))
    east, north = (np.asarray(rows[axis][chosen] * cell, np.float64) for axis in (1, 0))
    matrix = correlation.matrix(east, north, np.zeros(len(chosen), np.uint8)) * np.outer(size[chosen], size[chosen])
    pairs = len(chosen) * (len(chosen) - 1)
    shared = float(matrix.sum() - np.trace(matrix)) / pairs if pairs else 0.0
    return float(own.sum()) + n * (n - 1) * max(shared, 0.0)
