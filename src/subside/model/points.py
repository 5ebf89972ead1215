"""Points of one track with their rates, series and errors: what the studies read, wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.series_rows import SeriesRows, read_rows, select_rows

__all__ = [
    "GEOGRAPHIC",
    "LOS_NAMES",
    "PointKind",
    "PointSet",
    "PointSource",
    "SeriesRows",
    "read_rows",
    "transform",
    "utm_of",
]

FloatArray = npt.NDArray[np.float64]

GEOGRAPHIC: Final = "EPSG:4326"
"""Longitude and latitude, WGS 84."""

_HORIZONTAL_LIMIT: Final = 89.0


class PointKind(IntEnum):
    """What a point is made of."""

    UNKNOWN = 0
    PS = 1
    DS = 2


@dataclass(frozen=True)
class PointSource:
    """Where points came from.

    Attributes
    ----------
    label : str
        ``PROJECT:TRACK`` or the file name.
    digest : str
        Of the stage or the file, so that a number can be traced to it.
    wavelength : float
        m; NaN is unknown.
    heading_deg : float
        Flight direction clockwise from north, degree; NaN is unknown.
    sigma_definition : str
        Which standard deviation ``velocity_std`` is, in words.
    datum : str
        What the rates are relative to, in words.
    filter_extent : float
        Longest distance over which two points can share a filter window, m; 0 where points are not filtered or it is
        not known.
    facts : mapping
        JSON values worth keeping: reference areas, parameters.
    """

    label: str
    digest: str = ""
    wavelength: float = np.nan
    heading_deg: float = np.nan
    sigma_definition: str = "unknown"
    datum: str = "unknown"
    filter_extent: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PointSet:
    """Measurement points of one track, SI units, positive toward the satellite.

    Attributes
    ----------
    name : str
        Name of the track.
    dates : ndarray of datetime64[D], (date,)
        Ascending; empty where there are rates only.
    longitude, latitude : ndarray of float64, (point,)
        WGS 84, degree.
    easting, northing : ndarray of float64, (point,)
        In ``crs``, m.
    crs : str
        A projected coordinate system in metres, such as ``EPSG:32650``.
    los : ndarray of float64, (point, 3)
        Unit vector from the ground to the satellite: east, north, up. NaN is unknown.
    velocity, velocity_std : ndarray of float64, (point,)
        Line-of-sight rate and its standard deviation, m/yr; NaN is unknown.
    velocity_std_representation : ndarray of float64, (point,)
        Part of ``velocity_std`` for what averaging over the filter window may hide, m/yr; windows of other tracks hide
        the same. 0 where points were not averaged or it is not known.
    displacement : array-like of float, (point, date)
        Line-of-sight displacement, m, read by slices of rows. NaN is a gap.
    displacement_std : array-like of float, (point, date), or None
        Standard deviation relative to the first date, m. None is unknown.
    kind : ndarray of uint8, (point,)
        :class:`PointKind`.
    coherence : ndarray of float64, (point,)
        Temporal coherence, 0 to 1; NaN is unknown.
    height : ndarray of float64, (point,)
        m; NaN is unknown.
    flags : ndarray of int32, (point,)
        Quality bits; 0 is the default set.
    point_id : ndarray of str, (point,)
        Identifiers.
    source : PointSource
        Where the points came from.
    """

    name: str
    dates: npt.NDArray[np.datetime64]
    longitude: FloatArray
    latitude: FloatArray
    easting: FloatArray
    northing: FloatArray
    crs: str
    los: FloatArray
    velocity: FloatArray
    velocity_std: FloatArray
    velocity_std_representation: FloatArray
    displacement: SeriesRows
    displacement_std: SeriesRows | None
    kind: npt.NDArray[np.uint8]
    coherence: FloatArray
    height: FloatArray
    flags: npt.NDArray[np.int32]
    point_id: npt.NDArray[Any]
    source: PointSource

    def __post_init__(self) -> None:
        """Check shapes and the order of the dates."""
        n = len(self.velocity)
        for name in _PER_POINT:
            got = getattr(self, name).shape
            wanted = (n, 3) if name == "los" else (n,)
            if got != wanted:
                raise ArgumentError(f"`{name}` must have shape {wanted}, got {got}")
        for name in ("displacement", "displacement_std"):
            rows = getattr(self, name)
            if rows is not None and tuple(rows.shape) != (n, len(self.dates)):
                raise ArgumentError(f"`{name}` must have shape {(n, len(self.dates))}, got {tuple(rows.shape)}")
        if len(self.dates) and np.any(np.diff(self.dates) <= np.timedelta64(0, "D")):
            raise ArgumentError("`dates` must be ascending and unique")

    @classmethod
    def from_geographic(
        cls,
        name: str,
        *,
        longitude: npt.ArrayLike,
        latitude: npt.ArrayLike,
        crs: str | None = None,
        source: PointSource,
        columns: Mapping[str, Any],
    ) -> PointSet:
        """Make a set from longitude and latitude; what ``columns`` lacks is unknown.

        Parameters
        ----------
        name : str
            Name of the track.
        longitude, latitude : array-like, (point,)
            Degree, finite.
        crs : str, optional
            Projected system for easting and northing; None takes the UTM zone of the middle of the points.
        source : PointSource
            Where the points came from.
        columns : mapping
            Any of the other attributes; ``velocity`` is required.

        Returns
        -------
        PointSet

        Raises
        ------
        ArgumentError
            For a coordinate out of range, an unknown column, or no points.
        """
        lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
        if not len(lon):
            raise ArgumentError(f"`{name}` must hold at least one point, got none")
        if not (np.isfinite(lon).all() and np.all(np.abs(lat) <= _HORIZONTAL_LIMIT) and np.all(np.abs(lon) <= 360)):
            raise ArgumentError(f"`longitude` and `latitude` of {name} must be finite degrees with |latitude| <= 89")
        strange = set(columns) - {f.name for f in fields(cls)}
        if strange:
            raise ArgumentError(f"`columns` must name attributes of PointSet, got {sorted(strange)}")
        system = crs or utm_of(float(np.median(lon)), float(np.median(lat)))
        easting, northing = transform(lon, lat, source=GEOGRAPHIC, target=system)
        n = len(lon)
        unknown = np.full(n, np.nan)
        values: dict[str, Any] = {
            "dates": np.zeros(0, "datetime64[D]"),
            "los": np.full((n, 3), np.nan),
            "velocity_std": unknown,
            "velocity_std_representation": np.zeros(n),
            "displacement_std": None,
            "kind": np.zeros(n, np.uint8),
            "coherence": unknown,
            "height": unknown,
            "flags": np.zeros(n, np.int32),
            **columns,
        }
        if "point_id" not in values:
            values["point_id"] = np.array([f"{name}-{k}" for k in range(n)], dtype=object)
        if "displacement" not in values:
            values["displacement"] = np.full((n, len(values["dates"])), np.nan, np.float32)
        return cls(
            name=name,
            longitude=lon,
            latitude=lat,
            easting=easting,
            northing=northing,
            crs=system,
            source=source,
            **values,
        )

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self.velocity)

    @property
    def years(self) -> FloatArray:
        """Years since the first date, (date,)."""
        days = (self.dates - self.dates[:1]).astype("timedelta64[D]").astype(np.float64)
        result: FloatArray = days / DAYS_PER_YEAR
        return result

    @property
    def has_series(self) -> bool:
        """Whether there are displacement series (three dates or more)."""
        return len(self.dates) >= 3

    def mean_los(self) -> FloatArray:
        """Mean line-of-sight unit vector, (3,).

        Raises
        ------
        UnknownQuantityError
            If no point has one.
        """
        known = self.los[np.isfinite(self.los).all(axis=1)]
        if not len(known):
            raise UnknownQuantityError(f"the line of sight of {self.source.label} is unknown: give los columns")
        mean = known.mean(axis=0)
        result: FloatArray = mean / np.linalg.norm(mean)
        return result

    def subset(self, keep: npt.NDArray[Any]) -> PointSet:
        """Points selected by a boolean mask or by row numbers; their series stay where they are until read by rows."""
        rows = np.flatnonzero(keep) if np.asarray(keep).dtype == bool else np.asarray(keep, np.int64)
        changes: dict[str, Any] = {name: getattr(self, name)[rows] for name in _PER_POINT}
        changes["displacement"] = select_rows(self.displacement, rows)
        if self.displacement_std is not None:
            changes["displacement_std"] = select_rows(self.displacement_std, rows)
        return replace(self, **changes)

    def default_set(self) -> PointSet:
        """Points with ``flags == 0`` and a finite rate."""
        return self.subset((self.flags == 0) & np.isfinite(self.velocity))

    def reprojected(self, crs: str) -> PointSet:
        """The same points with easting and northing in another projected system."""
        if crs == self.crs:
            return self
        easting, northing = transform(self.longitude, self.latitude, source=GEOGRAPHIC, target=crs)
        return replace(self, easting=easting, northing=northing, crs=crs)


_PER_POINT: Final = (
    "longitude",
    "latitude",
    "easting",
    "northing",
    "los",
    "velocity",
    "velocity_std",
    "velocity_std_representation",
    "kind",
    "coherence",
    "height",
    "flags",
    "point_id",
)

LOS_NAMES: Final[Mapping[int, str]] = MappingProxyType({0: "los_east", 1: "los_north", 2: "los_up"})
"""Column names of the parts of the line of sight."""


def utm_of(longitude: float, latitude: float) -> str:
    """EPSG code of the UTM zone (WGS 84) of a place."""
    zone = int((longitude + 180.0) // 6.0) % 60 + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def transform(
    first: npt.ArrayLike, second: npt.ArrayLike, *, source: str, target: str
) -> tuple[FloatArray, FloatArray]:
    """Transform coordinates, x (easting, longitude) first in both systems.

    Raises
    ------
    ArgumentError
        For a coordinate system that is not known.
    """
    try:
        transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise ArgumentError(f"`crs` must be a known coordinate system such as EPSG:32650, got {target!r}") from error
    a, b = transformer.transform(np.asarray(first, np.float64), np.asarray(second, np.float64))
    return np.asarray(a, np.float64), np.asarray(b, np.float64)
