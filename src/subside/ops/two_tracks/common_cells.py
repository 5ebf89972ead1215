"""Cells that two tracks share: rates, errors and series of both in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet
from subside.ops.cells import CellMeans, CellMembers, Grid, cell_means, occupied_cells
from subside.ops.point_covariance import ErrorCorrelation, fit_error_correlation, independent_errors
from subside.ops.two_tracks.common_rates import VerticalRates, vertical_rates
from subside.ops.two_tracks.interpolation import interpolate
from subside.ops.two_tracks.statistics import robust_spread

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_CELLS: Final = 10
"""Fewest cells that are compared."""

UNKNOWN: Final = "unknown"
"""Label of cells whose class is not known."""

_LEAST_FOR_CORRELATION: Final = 50
_LEAST_SHARED_DATES: Final = 3


@dataclass(frozen=True)
class CommonCells:
    """Cells that both tracks cover; rates are vertical, m/yr, differences second minus first.

    Attributes
    ----------
    easting, northing : ndarray of float64, (cell,)
        Centres, m.
    first, second : CellMeans
        Mean vertical rates.
    difference, difference_std : ndarray of float64, (cell,)
        ``difference_std`` from the errors of the points and their scatter in the cells; NaN is unknown. What filter
        windows may hide is hidden from both tracks alike and is not in it.
    hidden : ndarray of float64, (cell,)
        Covariance of the errors of both tracks from that, (m/yr)^2.
    coherence : ndarray of float64, (cell,)
        Mean temporal coherence of the track where it is lower; NaN is unknown.
    kind : ndarray of str, (cell,)
        ``PS``, ``DS``, ``mixed`` or ``unknown``.
    series_rmse : ndarray of float64, (cell,), or None
        Root mean square difference of the vertical series about their common mean, m; None where a track has none.
    """

    easting: FloatArray
    northing: FloatArray
    first: CellMeans
    second: CellMeans
    difference: FloatArray
    difference_std: FloatArray
    hidden: FloatArray
    coherence: FloatArray
    kind: npt.NDArray[Any]
    series_rmse: FloatArray | None


@dataclass(frozen=True)
class TrackOnCells:
    """A track in the common coordinate system, its rates, errors and members of the common cells."""

    points: PointSet
    rates: VerticalRates
    usable: npt.NDArray[np.bool_]
    correlation: ErrorCorrelation
    members: CellMembers

    def hidden(self) -> FloatArray:
        """Error of each cell from what filter windows may hide, m/yr, (cell,): alike for all points of a cell."""
        return self.members.mean(self.rates.representation_std)

    def means(self, std: FloatArray, spacing: float) -> CellMeans:
        """Mean vertical rates of the cells with one definition of the standard deviation of the points."""
        return cell_means(
            self.members,
            np.where(self.usable, self.rates.velocity, 0.0),
            std,
            kind=self.points.kind,
            correlation=self.correlation,
            spacing=spacing,
        )


def on_common_cells(
    first: PointSet,
    second: PointSet,
    *,
    grid: Grid,
    span: tuple[np.datetime64, np.datetime64] | None,
    min_points: int,
    sigma: str,
) -> tuple[tuple[TrackOnCells, TrackOnCells], IntArray]:
    """Rates of both tracks, and the cells they share.

    Parameters
    ----------
    first, second : PointSet
        In one coordinate system.
    grid : Grid
        Cells.
    span : tuple of datetime64, or None
        Dates the rates are refitted over.
    min_points : int
        Points of each track that a cell needs.
    sigma : {"auto", "stated", "temporal"}
        See :func:`subside.ops.two_tracks.common_rates.vertical_rates`.

    Returns
    -------
    tuple of TrackOnCells, and ndarray of int64, (cell,)
        Tracks, and codes of the cells, ascending.

    Raises
    ------
    ArgumentError
        If they share fewer than 10 cells.
    """
    prepared = []
    for points in (first, second):
        rates = vertical_rates(points, span, sigma=sigma)
        usable = (points.flags == 0) & np.isfinite(rates.velocity)
        prepared.append((points, rates, usable, grid.code(points.easting, points.northing)))
    found = [occupied_cells(code, usable, min_points=min_points) for _, _, usable, code in prepared]
    shared = np.intersect1d(found[0], found[1], assume_unique=True)
    if len(shared) < LEAST_CELLS:
        raise ArgumentError(
            f"`first` and `second` must share at least {LEAST_CELLS} cells of {grid.spacing:g} m with {min_points} "
            f"or more points each, got {len(shared)} of {len(found[0])} and {len(found[1])}: {_where(first, second)}"
        )
    tracks = [
        TrackOnCells(
            points, rates, usable, error_correlation(points, usable), CellMembers.of(np.where(usable, code, -1), shared)
        )
        for points, rates, usable, code in prepared
    ]
    return (tracks[0], tracks[1]), shared


def _where(first: PointSet, second: PointSet) -> str:
    boxes = [
        f"{p.name} lies at {p.longitude.min():.3f} to {p.longitude.max():.3f} E, {p.latitude.min():.3f} to "
        f"{p.latitude.max():.3f} N"
        for p in (first, second)
    ]
    return "; ".join(boxes) + ". Take a larger spacing if they overlap"


def error_correlation(points: PointSet, usable: npt.NDArray[np.bool_]) -> ErrorCorrelation:
    """Correlation of the errors of usable points; none is assumed where they are fewer than 50."""
    if np.count_nonzero(usable) < _LEAST_FOR_CORRELATION:
        return independent_errors()
    return fit_error_correlation(points if usable.all() else points.subset(usable))


def average_cells(
    pair: tuple[TrackOnCells, TrackOnCells], grid: Grid, code: IntArray, *, max_gap_days: float
) -> CommonCells:
    """Mean rates, errors and series of both tracks in the cells they share.

    Parameters
    ----------
    pair : tuple of TrackOnCells
        From :func:`on_common_cells`.
    grid : Grid
        Cells.
    code : ndarray of int64, (cell,)
        The shared ones.
    max_gap_days : float
        Series are not interpolated over longer gaps.

    Returns
    -------
    CommonCells
    """
    easting, northing = grid.centre(code)
    means = [t.means(t.rates.std, grid.spacing) for t in pair]
    hidden = np.prod([np.minimum(t.hidden(), m.std) for t, m in zip(pair, means, strict=True)], axis=0)
    coherence = np.fmin(*(t.members.mean(t.points.coherence) for t in pair))
    return CommonCells(
        easting,
        northing,
        means[0],
        means[1],
        means[1].mean - means[0].mean,
        np.sqrt(means[0].std ** 2 + means[1].std ** 2 - 2 * hidden),
        hidden,
        coherence,
        _kinds(pair),
        _series_rmse(pair, max_gap_days) if all(t.points.has_series for t in pair) else None,
    )


def _kinds(pair: tuple[TrackOnCells, TrackOnCells]) -> npt.NDArray[Any]:
    """What the points of both tracks in a cell are."""
    counts = {
        k: sum((t.members.total((t.points.kind == k) * 1.0) for t in pair), np.zeros(pair[0].members.n_cells))
        for k in PointKind
    }
    n = sum(counts.values(), np.zeros(pair[0].members.n_cells))
    result = np.full(len(n), "mixed", dtype=object)
    for kind, name in ((PointKind.PS, "PS"), (PointKind.DS, "DS"), (PointKind.UNKNOWN, UNKNOWN)):
        result[counts[kind] == n] = name
    return result


def _series_rmse(pair: tuple[TrackOnCells, TrackOnCells], max_gap_days: float) -> FloatArray:
    """Root mean square difference of vertical series about its mean, second interpolated to the dates of first."""
    one, other = (t.members.mean_series(t.points, np.where(t.usable, 1.0 / t.points.los[:, 2], np.nan)) for t in pair)
    at_first, index = interpolate(other, pair[1].points.dates, pair[0].points.dates, max_gap_days=max_gap_days)
    d = one[:, index].astype(np.float64) - at_first
    known = np.isfinite(d)
    n = known.sum(axis=1)
    total = np.where(known, d, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (total**2).sum(axis=1) / n - (total.sum(axis=1) / n) ** 2
    return np.where(n >= _LEAST_SHARED_DATES, np.sqrt(np.maximum(variance, 0.0)), np.nan)


def nearest_difference(pair: tuple[TrackOnCells, TrackOnCells], limit: float) -> tuple[float, float]:
    """Spread, plain and robust, of the difference of nearest points of the two tracks over root 2, m/yr.

    Points farther apart than ``limit``, m, are not compared; NaN for fewer than ten pairs.
    """
    places = [np.column_stack([t.points.easting, t.points.northing])[t.usable] for t in pair]
    distance, index = cKDTree(places[1]).query(places[0], distance_upper_bound=limit)
    near = np.isfinite(distance)
    if np.count_nonzero(near) < LEAST_CELLS:
        return np.nan, np.nan
    one, other = (t.rates.velocity[t.usable] for t in pair)
    d = other[index[near]] - one[near]
    return float(np.std(d) / np.sqrt(2)), robust_spread(d) / float(np.sqrt(2))
