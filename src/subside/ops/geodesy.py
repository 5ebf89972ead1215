"""Points against GNSS and levelling: double differences along the line of sight, with one function of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.point_covariance import ErrorCorrelation, robust_mean
from subside.ops.two_tracks.common_cells import error_correlation
from subside.ops.two_tracks.common_rates import fit_span, fit_values, vertical_rates
from subside.ops.two_tracks.sensitivity import sensitivity

FloatArray = npt.NDArray[np.float64]

_LEAST_DATES: Final = 3
_LEAST_STATIONS: Final = 2
_SPLIT_DEG: Final = 30.0


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
    rate_std : float
        Standard deviation of the rate along the line of sight, m/yr; NaN takes that of the residuals of the fit.
    """

    name: str
    longitude: float
    latitude: float
    dates: npt.NDArray[np.datetime64]
    displacement: FloatArray
    rate_std: float = np.nan

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


@dataclass(frozen=True)
class StationRate:
    """Rates at a station, along the line of sight, m/yr, over the dates both have.

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
        Root mean square of difference over standard deviation; 1 is right.
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
) -> GroundComparison:
    """Compare rates of points with those of stations on the ground.

    The motion of a station is projected to the mean line of sight of the points around it, never the other way round;
    both are fitted with a line and an annual term over the dates that both cover. Differences are taken to one station,
    so that the datum of neither matters (double differences, as in the requirement test of OPERA and in Terrafirma).

    Parameters
    ----------
    points : PointSet
        One track; points with flags are left out.
    stations : sequence of GroundSeries
        GNSS or levelling.
    radius : float
        Points within it stand for the station, m.
    reference : str, optional
        Station that the others are relative to; None takes the one with the most certain difference.
    sigma : {"auto", "stated", "temporal"}
        Standard deviation of the points (:func:`subside.ops.two_tracks.common_rates.vertical_rates`).

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
    rates = tuple(_station(points, s, usable, std, (radius, correlation)) for s in stations)
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
) -> tuple[GroundComparison, bool]:
    """Compare the vertical rates that several tracks give together with those of stations.

    At every station that all tracks see, their rates along the lines of sight are solved for east and up (north is
    taken for zero), weighted by their variances, if the lines are 30 degrees or more apart; else they are divided by
    the vertical part and averaged, as if nothing moved sideways. The ground is the vertical part of the station over
    the dates of all tracks, fitted with the same function of time. Errors of tracks are taken as independent.

    Parameters
    ----------
    tracks : sequence of PointSet
        Two or more.
    comparisons : sequence of GroundComparison
        Of each track with the stations (:func:`compare_ground`).
    stations : sequence of GroundSeries
        The same.
    reference : str, optional
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
    is_split = max(angles) >= _SPLIT_DEG
    design = looks[:, [2, 0]] if is_split else looks[:, [2]]
    spans = [t.dates[[0, -1]] for t in tracks if t.has_series]
    span = (max(s[0] for s in spans), min(s[1] for s in spans)) if spans else None
    rates = []
    for k, series in enumerate(stations):
        seen = [c.stations[k] for c in comparisons]
        joined = replace(seen[0], n_points=sum(s.n_points for s in seen))
        missing = next((f"{t.name}: {s.reason}" for t, s in zip(tracks, seen, strict=True) if s.reason), "")
        if missing:
            rates.append(_without(joined, missing))
            continue
        std = np.array([s.points_std for s in seen])
        covariance = np.linalg.inv((design / std[:, None]).T @ (design / std[:, None]))
        up = float((covariance @ design.T @ (np.array([s.points for s in seen]) / std**2))[0])
        ground = _upward(series, span)
        joined = replace(joined, points=up, points_std=float(np.sqrt(covariance[0, 0])))
        rates.append(
            _without(joined, "fewer than three dates in common with the points")
            if ground is None
            else replace(joined, ground=ground[0], ground_std=ground[1])
        )
    used = [r for r in rates if not r.reason]
    if len(used) < _LEAST_STATIONS:
        raise ArgumentError(f"`stations` must hold at least two that all tracks see, got {len(used)}")
    return _differences(tuple(rates), _reference(used, reference)), is_split


def _upward(series: GroundSeries, span: tuple[np.datetime64, np.datetime64] | None) -> tuple[float, float] | None:
    """Vertical rate of a station and its standard deviation, m/yr; None for fewer than three dates."""
    up = series.displacement[:, 2]
    known = np.isfinite(up)
    if span is not None:
        known &= (series.dates >= span[0]) & (series.dates <= span[1])
    if np.count_nonzero(known) < _LEAST_DATES:
        return None
    dates = series.dates[known]
    years = (dates - dates[0]).astype("timedelta64[D]").astype(np.float64) / DAYS_PER_YEAR
    rate, formal = fit_values(up[known], years)
    return rate, series.rate_std if np.isfinite(series.rate_std) else formal


def _station(
    points: PointSet,
    station: GroundSeries,
    usable: npt.NDArray[np.bool_],
    std: FloatArray,
    around: tuple[float, ErrorCorrelation],
) -> StationRate:
    radius, correlation = around
    place = transform([station.longitude], [station.latitude], source=GEOGRAPHIC, target=points.crs)
    east, north = float(place[0][0]), float(place[1][0])
    near = np.flatnonzero(usable & (np.hypot(points.easting - east, points.northing - north) <= radius))
    unknown = StationRate(station.name, east, north, len(near), np.nan, np.nan, np.nan, np.nan, station.is_height_only)
    if not len(near):
        return _without(unknown, f"no point within {radius:g} m")
    los = points.los[near].mean(axis=0)
    dates, along = station.dates, station.along(los)
    known = np.isfinite(along)
    span: tuple[np.datetime64, np.datetime64] | None = None
    if points.has_series:
        span = (max(points.dates[0], dates[0]), min(points.dates[-1], dates[-1]))
        known &= (dates >= span[0]) & (dates <= span[1])
    if np.count_nonzero(known) < _LEAST_DATES:
        return _without(unknown, "fewer than three dates in common with the points")
    years = (dates[known] - dates[known][0]).astype("timedelta64[D]").astype(np.float64) / DAYS_PER_YEAR
    rate, formal = fit_values(along[known], years)
    rates = points.velocity[near] if span is None else fit_span(points.subset(near), *span).velocity
    rate_known = np.isfinite(rates) & np.isfinite(std[near])
    if not rate_known.any():
        return _without(unknown, "no point there has a rate over the dates in common and a standard deviation")
    chosen = near[rate_known]
    mean = robust_mean(
        rates[rate_known],
        std[chosen],
        correlation.matrix(points.easting[chosen], points.northing[chosen], points.kind[chosen]),
    )
    return StationRate(
        station.name,
        east,
        north,
        len(chosen),
        rate,
        station.rate_std if np.isfinite(station.rate_std) else formal,
        mean.mean,
        mean.std,
        station.is_height_only,
    )


def _without(station: StationRate, reason: str) -> StationRate:
    return replace(station, reason=reason)


def _reference(used: Sequence[StationRate], wanted: str | None) -> StationRate:
    if wanted is None:
        return min(used, key=lambda r: np.hypot(r.points_std, np.nan_to_num(r.ground_std)))
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
    error = [
        np.sqrt(sum(np.nan_to_num(v) ** 2 for s in (o, reference) for v in (s.points_std, s.ground_std)))
        for o in others
    ]
    std, difference = np.array(error), points - ground
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
        z_rms=float(np.sqrt(np.mean((difference / std) ** 2))),
    )
