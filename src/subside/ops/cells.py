"""Means of points in the cells of a regular grid, with errors that know that neighbours are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from subside import _check
from subside.errors import ArgumentError
from subside.model.points import PointSet, read_rows
from subside.ops.point_covariance import ErrorCorrelation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BLOCK: Final = 65_536
_NODES: Final = 24
_FARTHEST_CELL: Final = 2**30


@dataclass(frozen=True)
class Grid:
    """Square cells of a projected plane.

    Attributes
    ----------
    spacing : float
        Side of a cell, m.
    offset : float
        Cell centres are at ``(k + offset) * spacing``: 0 puts them at multiples of the spacing, 0.5 halfway.
    """

    spacing: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Validate ranges."""
        if not (np.isfinite(self.spacing) and self.spacing > 0):
            raise ArgumentError(f"`spacing` must be positive, got {self.spacing}")
        _check.in_range(0.0, 1.0, offset=self.offset)

    def code(self, easting: FloatArray, northing: FloatArray) -> IntArray:
        """Number of the cell that holds each point; the same in every set of points."""
        column, row = (
            np.floor(c / self.spacing - self.offset + 0.5).astype(np.int64) + _FARTHEST_CELL
            for c in (easting, northing)
        )
        result: IntArray = row * (2 * _FARTHEST_CELL) + column
        return result

    def centre(self, code: IntArray) -> tuple[FloatArray, FloatArray]:
        """Easting and northing of the centre of cells, m."""
        row, column = np.divmod(code, 2 * _FARTHEST_CELL)
        east, north = ((k - _FARTHEST_CELL + self.offset) * self.spacing for k in (column, row))
        return np.asarray(east, np.float64), np.asarray(north, np.float64)


@dataclass(frozen=True)
class CellMembers:
    """Which points are in which cells, cells in the order they were asked for.

    Attributes
    ----------
    cell : ndarray of int64, (point,)
        Cell of each point; -1 is none.
    n_cells : int
        Number of cells.
    count : ndarray of int64, (cell,)
        Points in each.
    """

    cell: IntArray
    n_cells: int
    count: IntArray

    @classmethod
    def of(cls, codes: IntArray, wanted: IntArray) -> CellMembers:
        """Points by cell: ``codes`` of the points, ``wanted`` codes of the cells, ascending."""
        position = np.minimum(np.searchsorted(wanted, codes), max(len(wanted) - 1, 0))
        cell = np.where(wanted[position] == codes, position, -1) if len(wanted) else np.full(len(codes), -1)
        return cls(cell, len(wanted), np.bincount(cell[cell >= 0], minlength=len(wanted)))

    def total(self, values: FloatArray) -> FloatArray:
        """Sum of a value of the points in each cell, (cell,)."""
        inside = self.cell >= 0
        return np.asarray(np.bincount(self.cell[inside], values[inside], self.n_cells), np.float64)

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of a value over the points in each cell where it is known; NaN where it is not known at all."""
        known = np.isfinite(values)
        count = self.total(known.astype(np.float64))
        total = self.total(np.where(known, values, 0.0))
        result: FloatArray = np.divide(total, count, out=np.full(self.n_cells, np.nan), where=count > 0)
        return result

    def mean_series(self, points: PointSet, factor: FloatArray) -> npt.NDArray[np.float32]:
        """Mean of displacement times a factor of each point, (cell, date); NaN where no point has the date.

        The line of every point is averaged over all points, and what it departs from its line over those that have the
        date: a gap of some points does not make the mean jump. Points without half of the dates are left out.
        """
        n_dates = len(points.dates)
        total = np.zeros((self.n_cells, n_dates), np.float32)
        count = np.zeros((self.n_cells, n_dates), np.float32)
        lines, years = np.zeros((self.n_cells, 3)), points.years
        rows = np.flatnonzero((self.cell >= 0) & np.isfinite(factor))
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            values = read_rows(points.displacement, part) * factor[part, None].astype(np.float32)
            known = np.isfinite(values)
            offset, slope = lines_of_rows(values, years)
            held = np.isfinite(slope)
            parts, known = np.stack([offset, slope, held], axis=1), known & held[:, None]
            sums = sparse.csr_array(
                (np.ones(len(part), np.float32), (self.cell[part], np.arange(len(part)))),
                shape=(self.n_cells, len(part)),
            )
            line = offset[:, None] + slope[:, None] * years
            total += sums @ np.where(known, values - line, 0.0).astype(np.float32)
            count += sums @ known.astype(np.float32)
            lines += sums @ np.where(held[:, None], parts, 0.0)
        departure = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        with np.errstate(invalid="ignore"):
            mean = lines[:, :2] / lines[:, 2:]
        return np.asarray(departure + mean[:, :1] + mean[:, 1:] * years, np.float32)


def lines_of_rows(values: npt.NDArray[np.floating], years: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Line of least squares of each row over the dates it has.

    Parameters
    ----------
    values : ndarray of float, (row, date)
        NaN is a gap.
    years : ndarray of float64, (date,)
        Times, yr.

    Returns
    -------
    offset, slope : ndarray of float64, (row,)
        At time 0, and per yr; NaN for rows with fewer than two dates or half of them.
    """
    known = np.isfinite(values)
    n = known.sum(axis=1)
    y = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t_mean, y_mean = known @ years / n, y.sum(axis=1) / n
        spread = known @ years**2 - n * t_mean**2
        slope = (y @ years - n * t_mean * y_mean) / spread
    enough = (n >= 2) & (2 * n >= len(years))
    offset = y_mean - slope * t_mean
    return np.where(enough, offset, np.nan), np.where(enough, slope, np.nan)


@dataclass(frozen=True)
class CellMeans:
    """Mean of the points in each cell.

    Attributes
    ----------
    mean, std : ndarray of float64, (cell,)
        Unit of the values; ``std`` NaN where that of a point is unknown.
    count : ndarray of int64, (cell,)
        Points in the cell.
    scatter : float
        Standard deviation of points about their cell beyond their errors (different scatterers), pooled over the cells,
        unit of the values. It is part of ``std``.
    amplitude : ndarray of float64, (cell, component)
        Root of the covariance with other cells by component of the error correlation: cells ``h`` apart share
        ``sum_k amplitude_ik amplitude_jk exp(-h / L_k)``.
    """

    mean: FloatArray
    std: FloatArray
    count: IntArray
    scatter: float
    amplitude: FloatArray


def cell_means(
    members: CellMembers,
    values: FloatArray,
    std: FloatArray,
    *,
    kind: npt.NDArray[np.uint8],
    correlation: ErrorCorrelation,
    spacing: float,
) -> CellMeans:
    """Mean of the points in each cell and its standard deviation from their covariance.

    The variance of the mean of ``n`` points is ``sum_ij s_i s_j rho_ij / n^2``. Each component ``exp(-h / L)`` of the
    correlation is replaced by its mean over pairs of places in a square of the size of a cell, so that the sum is a
    square of sums and costs nothing. To it comes the variance of points about their cell beyond what errors
    explain, over ``n``: two tracks see different scatterers.

    Parameters
    ----------
    members : CellMembers
        Points by cell.
    values, std : ndarray of float64, (point,)
        Finite values; NaN in ``std`` is unknown.
    kind : ndarray of uint8, (point,)
        :class:`~subside.model.points.PointKind`.
    correlation : ErrorCorrelation
        Of the errors of two points.
    spacing : float
        Side of a cell, m.

    Returns
    -------
    CellMeans
    """
    n = members.count.astype(np.float64)
    weight = np.sqrt(correlation.shares[kind]) * std[:, None]
    within = _mean_within(correlation.lengths, spacing)
    squares = members.total(std**2)
    sums = np.stack([members.total(w) for w in weight.T], axis=1)
    own = np.stack([members.total(w**2) for w in weight.T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = (sums**2 - own) @ within
        mean = members.total(values) / n
        error2 = (squares + shared) / n**2
        amplitude = sums / n[:, None]
        scatter2 = _scatter(members, values - mean[members.cell], squares=squares, shared=shared)
        return CellMeans(mean, np.sqrt(error2 + scatter2 / n), members.count, float(np.sqrt(scatter2)), amplitude)


def _mean_within(lengths: FloatArray, spacing: float) -> FloatArray:
    """Mean of ``exp(-h / L)`` over pairs of places in a square, (component,)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    step, w = (nodes + 1) / 2, weights / 2
    density = 2 * (1 - step) * w
    h = spacing * np.hypot(step[:, None], step[None, :])
    result: FloatArray = np.einsum("i,j,ijk->k", density, density, np.exp(-h[..., None] / lengths))
    return result


def _scatter(members: CellMembers, deviation: FloatArray, *, squares: FloatArray, shared: FloatArray) -> float:
    """Variance of points about their cell beyond their errors, pooled over cells of two points or more."""
    deviation = np.where(members.cell >= 0, deviation, 0.0)
    n = members.count.astype(np.float64)
    found = members.total(deviation**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = squares - (squares + shared) / n
    known = (n > 1) & np.isfinite(expected)
    if not known.any():
        return 0.0
    freedom = float(np.sum(n[known] - 1))
    return max(float(np.sum(found[known] - expected[known])) / freedom, 0.0)


def occupied_cells(codes: IntArray, usable: npt.NDArray[np.bool_], *, min_points: int) -> IntArray:
    """Codes of the cells with at least ``min_points`` usable points, ascending."""
    found, count = np.unique(codes[usable], return_counts=True)
    result: IntArray = found[count >= min_points]
    return result
