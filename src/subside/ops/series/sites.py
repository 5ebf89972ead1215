"""Mean displacement series of the points around named sites, with error bars that know what neighbours share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.point_covariance import ErrorCorrelation, robust_mean
from subside.ops.series.noise import Dates, FloatArray, annual_columns, days_of, trend_columns

Component = Literal["los", "up"]

_LEAST_SHARE: Final = 0.5


@dataclass(frozen=True)
class SiteSeries:
    """Mean series of a site in one track.

    Attributes
    ----------
    site, track : str
        Names.
    dates : ndarray of datetime64[D], (date,)
        Of the track.
    displacement, std : ndarray of float64, (date,)
        Mean motion since the first date and its standard deviation, m; positive toward the satellite or up. NaN is a
        date without points.
    n : ndarray of int64, (date,)
        Points with a value.
    n_effective : float
        Independent points that would be as certain, median over the dates.
    rows : ndarray of int64, (point,)
        Points of the set.
    weights : ndarray of float64, (point,)
        Mean weight of each point, sum 1.
    component : str
        ``los`` or ``up``.
    sigma_basis : str
        What the standard deviations of the points are, in words.
    """

    site: str
    track: str
    dates: Dates
    displacement: FloatArray
    std: FloatArray
    n: npt.NDArray[np.int64]
    n_effective: float
    rows: npt.NDArray[np.int64]
    weights: FloatArray
    component: str
    sigma_basis: str


def points_near(
    points: PointSet, longitude: float, latitude: float, *, radius: float
) -> tuple[npt.NDArray[np.int64], float]:
    """Points within a radius of a place, and the distance of the nearest point.

    Parameters
    ----------
    points : PointSet
        Points; flagged ones should have been left out.
    longitude, latitude : float
        WGS 84, degree.
    radius : float
        m.

    Returns
    -------
    rows : ndarray of int64, (point,)
    nearest : float
        m; infinite for a set without points.

    Raises
    ------
    ArgumentError
        For a radius that is not in 1 m to 5 km.
    """
    _check.in_range(1.0, 5000.0, radius=radius)
    x, y = transform([longitude], [latitude], source=GEOGRAPHIC, target=points.crs)
    distance = np.hypot(points.easting - x[0], points.northing - y[0])
    return np.flatnonzero(distance <= radius), float(distance.min(initial=np.inf))


def correlation_of_dates(fitted: ErrorCorrelation) -> ErrorCorrelation:
    """Correlation of the errors of single dates, from that of errors of rates.

    Errors of a date are chiefly atmosphere, which near points share; those of rates hold more of what accumulates at
    each scatterer alone, and less correlation is left in them. Means of series need the first: non-negative shares are
    fitted to the correlation of residuals by distance, before it was reduced to what near rates allow.

    Parameters
    ----------
    fitted : ErrorCorrelation
        Of :func:`subside.ops.point_covariance.fit_error_correlation`.

    Returns
    -------
    ErrorCorrelation
        The same where there were no residuals of series.
    """
    if not np.isfinite(fitted.empirical).any():
        return fitted
    shares = np.zeros_like(fitted.shares)
    for k, row in enumerate(fitted.empirical):
        known = np.isfinite(row)
        if known.any():
            found, _ = nnls(np.exp(-fitted.lag[known, None] / fitted.lengths), np.clip(row[known], 0.0, 1.0))
            shares[k] = found / max(float(found.sum()), 1.0)
    return replace(fitted, shares=shares)


def mean_series(
    points: PointSet,
    rows: npt.NDArray[np.int64],
    correlation: ErrorCorrelation,
    *,
    site: str,
    component: Component = "los",
) -> SiteSeries:
    """Robust mean of the series of some points, date by date.

    Each series is first brought to zero mean, so that the noise of its first date does not set it apart from its
    neighbours; the Huber mean of every date has the standard deviation of the whole covariance of the points
    (:func:`robust_mean`), and the mean series starts at zero.

    Parameters
    ----------
    points : PointSet
        With series.
    rows : ndarray of int64, (point,)
        Points of the site, one at least.
    correlation : ErrorCorrelation
        Of the errors of points.
    site : str
        Name.
    component : {"los", "up"}
        ``up`` divides by the vertical part of the line of sight, as if nothing moved sideways.

    Returns
    -------
    SiteSeries

    Raises
    ------
    ArgumentError
        For no points, no series, or ``up`` where the line of sight is unknown.
    """
    if not len(rows) or not points.has_series:
        raise ArgumentError(f"`rows` of {site} must name points with series, got {len(rows)} points")
    here = points.subset(rows)
    y = np.asarray(here.displacement, np.float64)
    std, basis = _std(here, y)
    if component == "up":
        up = here.los[:, 2:3]
        if not np.all(np.isfinite(up)):
            raise ArgumentError(f"`component` must be los for {points.source.label}, whose line of sight is unknown")
        y, std = y / up, std / up
    known = np.isfinite(y)
    offset = np.sum(np.where(known, y, 0.0), axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    level = y - offset
    rho = correlation.matrix(here.easting, here.northing, here.kind)
    n_dates = len(points.dates)
    mean, sigma, effective = (np.full(n_dates, np.nan) for _ in range(3))
    weights = np.zeros(len(rows))
    for k in range(n_dates):
        at = np.flatnonzero(known[:, k])
        if not len(at):
            continue
        found = robust_mean(level[at, k], std[at, k], rho[np.ix_(at, at)])
        mean[k], sigma[k], effective[k] = found.mean, found.std, found.n_effective
        weights[at] += found.weights
    first = int(np.argmax(np.isfinite(mean)))
    sigma[first] = 0.0
    return SiteSeries(
        site,
        points.name,
        points.dates,
        mean - mean[first],
        sigma,
        known.sum(axis=0),
        float(np.nanmedian(effective)),
        np.asarray(rows, np.int64),
        weights / weights.sum(),
        component,
        basis,
    )


def group_mean(
    points: PointSet, series: Sequence[SiteSeries], correlation: ErrorCorrelation, *, name: str
) -> SiteSeries:
    """Mean of the sites of a group in one track, every site counting once.

    The standard deviation scales that of the sites by what their points share, from the correlation between all points
    of all sites; that sites move differently is not an error and is not part of it.

    Parameters
    ----------
    points : PointSet
        Track of the series.
    series : sequence of SiteSeries
        Sites of the group, one at least, all of the track.
    correlation : ErrorCorrelation
        Of the errors of points.
    name : str
        Of the group.

    Returns
    -------
    SiteSeries
    """
    if not series or len({s.track for s in series}) > 1:
        raise ArgumentError(f"`series` of {name} must be sites of one track, got {sorted({s.track for s in series})}")
    rows = np.concatenate([s.rows for s in series])
    site = np.repeat(np.arange(len(series)), [len(s.rows) for s in series])
    spread = np.zeros((len(series), len(rows)))
    spread[site, np.arange(len(rows))] = np.concatenate([s.weights for s in series])
    shared = spread @ correlation.matrix(points.easting[rows], points.northing[rows], points.kind[rows]) @ spread.T
    own = np.sqrt(np.diag(shared))
    between = shared / np.outer(own, own)
    values, std = np.stack([s.displacement for s in series]), np.stack([s.std for s in series])
    known = np.isfinite(values)
    count = known.sum(axis=0)
    held = np.where(known, std, 0.0)
    total = np.einsum("it,ij,jt->t", held, between, held)
    mean = np.sum(np.where(known, values, 0.0), axis=0) / np.maximum(count, 1)
    enough = count >= _LEAST_SHARE * len(series)
    return SiteSeries(
        name,
        points.name,
        points.dates,
        np.where(enough, mean, np.nan),
        np.where(enough, np.sqrt(total) / np.maximum(count, 1), np.nan),
        np.sum([s.n for s in series], axis=0),
        float(np.sum([s.n_effective for s in series])),
        rows,
        spread.sum(axis=0) / len(series),
        series[0].component,
        series[0].sigma_basis,
    )


def _std(here: PointSet, y: FloatArray) -> tuple[FloatArray, str]:
    """Standard deviations of every value, m, positive everywhere."""
    if here.displacement_std is not None:
        std = np.asarray(here.displacement_std, np.float64)
        positive = np.where(std > 0, std, np.nan)
        if np.isfinite(positive).any():
            typical = float(np.nanmedian(positive))
            return np.where(np.isfinite(positive), positive, typical), "displacement_std of the points"
    days = days_of(here.dates)
    design = np.column_stack([trend_columns(days, 2), annual_columns(days)])
    if len(days) <= 2 * design.shape[1] or (days[-1] - days[0]) < 1.5 * DAYS_PER_YEAR:
        design = design[:, :2]
    filled = np.where(np.isfinite(y), y, np.nanmean(y, axis=1, keepdims=True))
    left = filled - filled @ np.linalg.pinv(design).T @ design.T
    rms = np.sqrt(np.sum(left**2, axis=1, keepdims=True) / max(len(days) - design.shape[1], 1))
    floor = max(float(np.median(rms)) * 0.1, 1e-6)
    return np.repeat(np.maximum(rms * np.sqrt(2.0), floor), len(days), axis=1), "scatter about trend and season"
