"""Series of whole classes of ground, and of several tracks together: less noise than any place of one track has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.points import PointSet
from subside.ops.point_covariance import ErrorCorrelation
from subside.ops.series.noise import annual_columns, days_of, trend_columns
from subside.ops.series.sites import Component, SiteSeries, mean_series

_MOST_POINTS: Final = 400
"""Points of a class that stand for it: their errors are alike beyond that."""


def class_series(
    points: PointSet,
    is_member: npt.NDArray[np.bool_],
    correlation: ErrorCorrelation,
    *,
    name: str,
    component: Component = "up",
) -> SiteSeries:
    """Mean series of all points of a class of ground.

    Points are taken evenly over the ground (one of each cell of a grid that holds about four hundred), so that dense
    places do not speak for the others.

    Parameters
    ----------
    points : PointSet
        With series; flagged points should have been left out.
    is_member : ndarray of bool, (point,)
        Points of the class, one at least.
    correlation : ErrorCorrelation
        Of the errors of points.
    name : str
        Of the class.
    component : {"los", "up"}
        As for :func:`mean_series`.

    Returns
    -------
    SiteSeries

    Raises
    ------
    ArgumentError
        If the class has no point, or the points no series.
    """
    rows = np.flatnonzero(is_member)
    if not len(rows):
        raise ArgumentError(f"`is_member` of {name} must hold at least one point, got none")
    return mean_series(points, spread_points(points, rows), correlation, site=name, component=component)


def spread_points(points: PointSet, rows: npt.NDArray[np.int64], most: int = _MOST_POINTS) -> npt.NDArray[np.int64]:
    """One point of each cell, the cells as large as leaves no more than are wanted, (point,) of ``rows``."""
    east, north = points.easting[rows], points.northing[rows]
    cell = 25.0
    while True:
        key = np.column_stack([np.floor(east / cell), np.floor(north / cell)]).astype(np.int64)
        _, first = np.unique(key, axis=0, return_index=True)
        if len(first) <= most:
            return rows[np.sort(first)]
        cell *= 1.3


def relative_series(series: SiteSeries, datum: SiteSeries, *, name: str) -> SiteSeries:
    """Motion of one class or place relative to another of the same track: free of the reference, and of its season.

    Reference areas may move with the seasons like the ground that is studied; the difference of two classes does not
    know them, and what both share of the atmosphere goes too. The standard deviation takes both as independent, which
    is too large for classes that lie among each other.

    Parameters
    ----------
    series, datum : SiteSeries
        Of one track and component.
    name : str
        Of the result.

    Returns
    -------
    SiteSeries

    Raises
    ------
    ArgumentError
        If the two are not of one track and component.
    """
    if series.track != datum.track or series.component != datum.component:
        raise ArgumentError(f"`datum` of {name} must be of {series.track} and {series.component}, got {datum.track}")
    moved = series.displacement - datum.displacement
    first = int(np.argmax(np.isfinite(moved)))
    return replace(
        series,
        site=name,
        displacement=moved - moved[first],
        std=np.hypot(series.std, datum.std),
        n=np.minimum(series.n, datum.n),
        n_effective=min(series.n_effective, datum.n_effective),
    )


def combine_tracks(series: Sequence[SiteSeries], *, name: str) -> SiteSeries:
    """Put series of one place or class from several tracks on one time axis.

    Each track starts from a zero of its own: offsets are estimated together with a common straight line and annual
    term, and taken off. Where two tracks have the same date their values are averaged by their variances.

    Parameters
    ----------
    series : sequence of SiteSeries
        Two at least, of one component.
    name : str
        Of the place or class.

    Returns
    -------
    SiteSeries
        ``track`` joins the names; without rows, since points of several sets stand behind it.

    Raises
    ------
    ArgumentError
        For fewer than two series, or mixed components.
    """
    if len(series) < 2 or len({s.component for s in series}) > 1:
        raise ArgumentError(f"`series` of {name} must be two or more of one component, got {len(series)}")
    track = np.concatenate([np.full(len(s.dates), k) for k, s in enumerate(series)])
    dates = np.concatenate([s.dates for s in series])
    values = np.concatenate([s.displacement for s in series])
    std = np.concatenate([np.where(s.std > 0, s.std, np.nanmedian(s.std[s.std > 0])) for s in series])
    known = np.isfinite(values) & np.isfinite(std)
    days = days_of(dates - dates.min() + np.datetime64("1970-01-01", "D"))
    own = (track[:, None] == np.arange(len(series))).astype(np.float64)
    design = np.column_stack([own, trend_columns(days)[:, 1:], annual_columns(days)])
    weight = np.where(known, 1.0 / std, 0.0)
    terms = np.linalg.lstsq(design * weight[:, None], np.where(known, values, 0.0) * weight, rcond=None)[0]
    level = np.where(known, values - own @ terms[: len(series)], 0.0)
    axis, place = np.unique(dates, return_inverse=True)
    total = np.bincount(place, weight**2, len(axis))
    mean = np.divide(
        np.bincount(place, weight**2 * level, len(axis)), total, out=np.full(len(axis), np.nan), where=total > 0
    )
    sigma = np.divide(1.0, np.sqrt(total), out=np.full(len(axis), np.nan), where=total > 0)
    first = int(np.argmax(np.isfinite(mean)))
    return SiteSeries(
        name,
        " + ".join(s.track for s in series),
        axis,
        mean - mean[first],
        sigma,
        np.bincount(place, np.concatenate([s.n for s in series]), len(axis)).astype(np.int64),
        float(np.sum([s.n_effective for s in series])),
        np.zeros(0, np.int64),
        np.zeros(0),
        series[0].component,
        series[0].sigma_basis,
    )
