"""Points against GNSS and levelling: double differences along the line of sight, with one function of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, PointSet, read_rows, transform
from subside.ops.point_covariance import ErrorCorrelation, robust_mean
from subside.ops.series.noise import annual_columns
from subside.ops.station_rates import MONUMENT_WALK, StationFit, fit_station, station_std
from subside.ops.two_tracks.common_cells import error_correlation
from subside.ops.two_tracks.common_rates import fit_span, season_columns, vertical_rates
from subside.ops.two_tracks.sensitivity import SAME_SIDE_DEG, sensitivity

FloatArray = npt.NDArray[np.float64]

_LEAST_DATES: Final = 3
_LEAST_STATIONS: Final = 2
_FEW_DATES: Final = "fewer than three dates in common with the points"
_EPOCH: Final = np.datetime64("2000-01-01")


@dataclass(frozen=True)
class GroundSeries:
    """Repeated positions of a station or a benchmark.

    Attributes
    ----------
    name : str
        Name.
    longitude, latitude : float
        WGS 84, degree.
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    displacement : ndarray of float64, (date, 3)
        East, north, up, m. East and north NaN: only heights are known (levelling), and the rest is taken for zero.
    std : ndarray of float64, (date, 3), optional
        Stated standard deviations of the same, m; NaN is unknown. Errors are never taken as smaller.
    """

    name: str
    longitude: float
    latitude: float
    dates: npt.NDArray[np.datetime64]
    displacement: FloatArray
    std: FloatArray | None = None

    def __post_init__(self) -> None:
        """Check shapes and the order of the dates."""
        if self.displacement.shape != (len(self.dates), 3):
            raise ArgumentError(
                f"`displacement` of {self.name} must have shape {(len(self.dates), 3)}, got {self.displacement.shape}"
            )
        if len(self.dates) and np.any(np.diff(self.dates) <= np.timedelta64(0, "D")):
            raise ArgumentError(f"`dates` of {self.name} must be ascending and unique")

    @property
    def is_height_only(self) -> bool:
        """Whether horizontal motion is unknown."""
        return not bool(np.isfinite(self.displacement[:, :2]).any())

    def along(self, los: FloatArray) -> FloatArray:
        """Displacement along a line of sight, m, (date,)."""
        vector = np.where(np.isfinite(los), los, 0.0)
        if self.is_height_only:
            return np.asarray(self.displacement[:, 2] * vector[2], np.float64)
        return np.asarray(self.displacement @ vector, np.float64)

    def std_along(self, los: FloatArray) -> FloatArray | None:
        """Stated standard deviation along a line of sight, m, (date,); None where none is stated."""
        if self.std is None:
            return None
        vector = np.where(np.isfinite(los), los, 0.0)
        parts = self.std[:, 2:] * vector[2:] if self.is_height_only else self.std * vector
        return np.asarray(np.linalg.norm(parts, axis=1), np.float64)


@dataclass(frozen=True)
class StationRate:
    """Rates at a station, m/yr, along the line of sight (or vertical, of several tracks), over the dates both have.

    Attributes
    ----------
    name : str
        Station.
    easting, northing : float
        m, in the coordinate system of the points.
    n_points : int
        Points within the radius.
    ground, ground_std, points, points_std : float
        Rates; NaN is unknown.
    is_height_only : bool
        Whether horizontal motion of the station was taken for zero.
    season : tuple of float
        Cosine and sine of the year in the mean of the points, m, counted from 2000; NaN where they do not carry one.
    is_season_taken : bool
        Whether the season of the points was taken off the station, whose few dates carry none.
    reason : str
        Why it was left out; empty where it was used.
    """

    name: str
    easting: float
    northing: float
    n_points: int
    ground: float
    ground_std: float
    points: float
    points_std: float
    is_height_only: bool
    season: tuple[float, float] = (np.nan, np.nan)
    is_season_taken: bool = False
    reason: str = ""


@dataclass(frozen=True)
class GroundComparison:
    """Double differences: points minus ground, station minus reference station.

    Attributes
    ----------
    stations : tuple of StationRate
        All, those left out too.
    reference : str
        Station that the differences are relative to.
    names : tuple of str
        Other stations that were used.
    distance : ndarray of float64, (station,)
        To the reference, m.
    ground, points, difference, std : ndarray of float64, (station,)
        Rates relative to the reference and their difference, m/yr.
    mae, rmse, bias, pearson : float
        Of the differences, m/yr; correlation of the two relative rates, NaN for fewer than three stations.
    z_rms : float
        Root mean square of difference over standard deviation, of those known; 1 is right, NaN where none is known.
    """

    stations: tuple[StationRate, ...]
    reference: str
    names: tuple[str, ...]
    distance: FloatArray
    ground: FloatArray
    points: FloatArray
    difference: FloatArray
    std: FloatArray
    mae: float
    rmse: float
    bias: float
    pearson: float
    z_rms: float


def compare_ground(
    points: PointSet,
    stations: Sequence[GroundSeries],
    *,
    radius: float = 200.0,
    reference: str | None = None,
    sigma: str = "auto",
    walk: float = MONUMENT_WALK,
) -> GroundComparison:
    """Compare rates of points with those of stations on the ground.

    The motion of a station is projected to the mean line of sight of the points around it, never the other way round;
    both are fitted with a line and an annual term over the dates that both cover. A station whose dates are too few for
    an annual term (levelling above all) is rid of that of the points around it first. Differences are taken to one
    station, so that the datum of neither matters (double differences, as in the requirement test of OPERA and in
    Terrafirma).

    Parameters
    ----------
    points : PointSet
        One track; points with flags are left out.
    stations : sequence of GroundSeries
        GNSS or levelling.
    radius : float
        Points within it stand for the station, m.
    reference : str, optional
        Station that the others are relative to; None takes the one of smallest error.
    sigma : {"auto", "stated", "temporal"}
        Standard deviation of the points (:func:`subside.ops.two_tracks.common_rates.vertical_rates`).
    walk : float
        Random walk of the monuments, m per root year (:func:`subside.ops.station_rates.station_std`).

    Returns
    -------
    GroundComparison

    Raises
    ------
    ArgumentError
        If fewer than two stations can be used, with the reason for each, or the reference is not among them.
    UnknownQuantityError
        If lines of sight are unknown.
    """
    if not radius > 0:
        raise ArgumentError(f"`radius` must be positive, got {radius}")
    usable = (points.flags == 0) & np.isfinite(points.velocity) & np.isfinite(points.los).all(axis=1)
    correlation = error_correlation(points, usable)
    std = vertical_rates(points, None, sigma=sigma).std * points.los[:, 2]
    seen = [_station(points, s, usable, std, (radius, correlation)) for s in stations]
    rates = _with_errors(seen, walk)
    used = [r for r in rates if not r.reason]
    if len(used) < _LEAST_STATIONS:
        reasons = "; ".join(f"{r.name}: {r.reason}" for r in rates if r.reason)
        raise ArgumentError(f"`stations` must hold at least two that can be compared, got {len(used)} ({reasons})")
    return _differences(rates, _reference(used, reference))


def compare_vertical(
    tracks: Sequence[PointSet],
    comparisons: Sequence[GroundComparison],
    stations: Sequence[GroundSeries],
    *,
    reference: str | None = None,
    walk: float = MONUMENT_WALK,
) -> tuple[GroundComparison, bool]:
    """Compare the vertical rates that several tracks give together with those of stations.

    At every station that all tracks see, their rates along the lines of sight are solved for east and up (north is
    taken for zero), weighted by their variances, if the lines are 30 degrees or more apart; else they are divided by
    the vertical part and averaged, as if nothing moved sideways. The ground is the vertical part of the station over
    the dates of all tracks, fitted with the same function of time; each track's own rate is over the dates it shares
    with the station. Errors of tracks are taken as independent.

    Parameters
    ----------
    tracks : sequence of PointSet
        Two or more.
    comparisons : sequence of GroundComparison
        Of each track with the stations (:func:`compare_ground`).
    stations : sequence of GroundSeries
        The same.
    reference, walk
        As for :func:`compare_ground`.

    Returns
    -------
    GroundComparison
        Vertical rates.
    bool
        Whether east and up were split.

    Raises
    ------
    ArgumentError
        For fewer than two tracks, or fewer than two stations that all of them see.
    """
    if len(tracks) < _LEAST_STATIONS:
        raise ArgumentError(f"`tracks` must be two or more, got {len(tracks)}")
    looks = np.stack([t.mean_los() for t in tracks])
    angles = [sensitivity(looks[0], look).angle_deg for look in looks[1:]]
    is_split = max(angles) >= SAME_SIDE_DEG
    design = looks[:, [2, 0]] if is_split else looks[:, [2]]
    spans = [t.dates[[0, -1]] for t in tracks if t.has_series]
    span = (max(s[0] for s in spans), min(s[1] for s in spans)) if spans else None
    found: list[tuple[StationRate, StationFit | None]] = []
    for k, series in enumerate(stations):
        seen = [c.stations[k] for c in comparisons]
        joined = replace(seen[0], n_points=sum(s.n_points for s in seen))
        missing = next((f"{t.name}: {s.reason}" for t, s in zip(tracks, seen, strict=True) if s.reason), "")
        if missing:
            found.append((_without(joined, missing), None))
            continue
        std = np.array([s.points_std for s in seen])
        covariance = np.linalg.inv((design / std[:, None]).T @ (design / std[:, None]))
        up = float((covariance @ design.T @ (np.array([s.points for s in seen]) / std**2))[0])
        season = np.mean([np.array(s.season) / look[2] for s, look in zip(seen, looks, strict=True)], axis=0)
        fit, is_taken = _fit(series, np.array([0.0, 0.0, 1.0]), span, season)
        joined = replace(
            joined,
            points=up,
            points_std=float(np.sqrt(covariance[0, 0])),
            season=(float(season[0]), float(season[1])),
            is_season_taken=is_taken,
        )
        found.append((joined if fit else _without(joined, _FEW_DATES), fit))
    rates = _with_errors(found, walk)
    used = [r for r in rates if not r.reason]
    if len(used) < _LEAST_STATIONS:
        raise ArgumentError(f"`stations` must hold at least two that all tracks see, got {len(used)}")
    return _differences(rates, _reference(used, reference)), is_split


def _with_errors(found: Sequence[tuple[StationRate, StationFit | None]], walk: float) -> tuple[StationRate, ...]:
    """Stations with the rates of their fits and errors that know of each other."""
    fits = [fit for _, fit in found if fit is not None]
    errors = iter(station_std(fits, walk=walk)) if fits else iter(())
    return tuple(
        station if fit is None else replace(station, ground=fit.rate, ground_std=float(next(errors)))
        for station, fit in found
    )


def _years(dates: npt.NDArray[np.datetime64]) -> FloatArray:
    result: FloatArray = (dates - _EPOCH).astype("timedelta64[D]").astype(np.float64) / DAYS_PER_YEAR
    return result


def _fit(
    series: GroundSeries,
    los: FloatArray,
    span: tuple[np.datetime64, np.datetime64] | None,
    season: FloatArray,
) -> tuple[StationFit | None, bool]:
    """Fit of a station over a span, and whether the season of the points was taken off; None for too few dates."""
    values, std = series.along(los), series.std_along(los)
    known = np.isfinite(values)
    if span is not None:
        known &= (series.dates >= span[0]) & (series.dates <= span[1])
    if np.count_nonzero(known) < _LEAST_DATES:
        return None, False
    years, values = _years(series.dates[known]), values[known]
    takes = not season_columns(years).shape[1] and bool(np.isfinite(season).all())
    if takes:
        values = values - annual_columns(years * DAYS_PER_YEAR) @ season
    return fit_station(values, years, std=None if std is None else std[known]), takes


def _season(points: PointSet, rows: npt.NDArray[np.int64]) -> FloatArray:
    """Cosine and sine of the year in the mean of some points, m; NaN where their dates do not carry one."""
    if not points.has_series:
        return np.full(2, np.nan)
    series = read_rows(points.displacement, rows).astype(np.float64)
    known = np.isfinite(series).all(axis=0)
    years = _years(points.dates[known])
    if not season_columns(years).shape[1]:
        return np.full(2, np.nan)
    design = np.column_stack([np.ones(len(years)), years - years.mean(), annual_columns(years * DAYS_PER_YEAR)])
    return np.asarray(np.linalg.lstsq(design, series[:, known].mean(axis=0), rcond=None)[0][2:], np.float64)


def _rates_over(
    points: PointSet, std: FloatArray, span: tuple[np.datetime64, np.datetime64] | None, season: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rates of points over a span, and their errors: as white ones grow from all dates to those of the span.

    The season is taken off where the dates of the span are too few to carry it.
    """
    if span is None:
        return points.velocity, std
    inside = points.dates[(points.dates >= span[0]) & (points.dates <= span[1])]
    whole = fit_span(points, points.dates[0], points.dates[-1])
    if np.isfinite(season).all() and not season_columns(_years(inside)).shape[1]:
        series = (
            read_rows(points.displacement, np.arange(points.n_points))
            - annual_columns(_years(points.dates) * DAYS_PER_YEAR) @ season
        )
        points = replace(points, displacement=series.astype(np.float32))
    part = fit_span(points, *span)
    return part.velocity, std * part.formal_std / whole.formal_std


def _station(
    points: PointSet,
    station: GroundSeries,
    usable: npt.NDArray[np.bool_],
    std: FloatArray,
    around: tuple[float, ErrorCorrelation],
) -> tuple[StationRate, StationFit | None]:
    radius, correlation = around
    place = transform([station.longitude], [station.latitude], source=GEOGRAPHIC, target=points.crs)
    east, north = float(place[0][0]), float(place[1][0])
    near = np.flatnonzero(usable & (np.hypot(points.easting - east, points.northing - north) <= radius))
    found = StationRate(station.name, east, north, len(near), np.nan, np.nan, np.nan, np.nan, station.is_height_only)
    if not len(near):
        return _without(found, f"no point within {radius:g} m"), None
    season = _season(points, near)
    span = None
    if points.has_series:
        span = (max(points.dates[0], station.dates[0]), min(points.dates[-1], station.dates[-1]))
    fit, is_taken = _fit(station, points.los[near].mean(axis=0), span, season)
    if fit is None:
        return _without(found, _FEW_DATES), None
    try:
        rates, errors = _rates_over(points.subset(near), std[near], span, season)
    except ArgumentError:
        return _without(found, "the points have too few dates in common with it for a rate"), None
    known = np.isfinite(rates) & np.isfinite(errors)
    if not known.any():
        return _without(found, "no point there has a rate over the dates in common and a standard deviation"), None
    chosen = near[known]
    mean = robust_mean(
        rates[known],
        errors[known],
        correlation.matrix(points.easting[chosen], points.northing[chosen], points.kind[chosen]),
    )
    return (
        replace(
            found,
            n_points=len(chosen),
            points=mean.mean,
            points_std=mean.std,
            season=(float(season[0]), float(season[1])),
            is_season_taken=is_taken,
        ),
        fit,
    )


def _without(station: StationRate, reason: str) -> StationRate:
    return replace(station, reason=reason)


def _reference(used: Sequence[StationRate], wanted: str | None) -> StationRate:
    if wanted is None:
        return min(used, key=lambda r: np.nan_to_num(np.hypot(r.points_std, r.ground_std), nan=np.inf))
    for station in used:
        if station.name == wanted:
            return station
    raise ArgumentError(
        f"`reference` must be a station that can be compared ({[r.name for r in used]}), got {wanted!r}"
    )


def _differences(stations: tuple[StationRate, ...], reference: StationRate) -> GroundComparison:
    others = [s for s in stations if not s.reason and s is not reference]
    ground = np.array([s.ground - reference.ground for s in others])
    points = np.array([s.points - reference.points for s in others])
    std = np.array([np.linalg.norm([v for s in (o, reference) for v in (s.points_std, s.ground_std)]) for o in others])
    difference = points - ground
    z = (difference / std)[std > 0]
    is_varied = len(others) > 2 and bool(np.std(ground) > 0 and np.std(points) > 0)
    return GroundComparison(
        stations=stations,
        reference=reference.name,
        names=tuple(o.name for o in others),
        distance=np.array([np.hypot(o.easting - reference.easting, o.northing - reference.northing) for o in others]),
        ground=ground,
        points=points,
        difference=difference,
        std=std,
        mae=float(np.mean(np.abs(difference))),
        rmse=float(np.sqrt(np.mean(difference**2))),
        bias=float(np.mean(difference)),
        pearson=float(np.corrcoef(ground, points)[0, 1]) if is_varied else np.nan,
        z_rms=float(np.sqrt(np.mean(z**2))) if len(z) else np.nan,
    )
