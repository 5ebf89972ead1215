"""What the page asks for: a manifest, columns of all points, and blocks of series.

Columns are little-endian arrays without a header. Positions are metres of a Mercator projection that is true to scale
at the origin: conformal, north straight up, and inverted by the page for the readout.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from subside import __version__
from subside.conventions import FLAG_DESCRIPTIONS, MM_PER_M, PointFlag
from subside.errors import ArgumentError
from subside.figures.style import CATEGORIES, LOS_NOTE, MOTION, NO_DATA, QUALITY, SPREAD, number, symmetric_limit
from subside.model.points import PointKind, PointSet, SeriesRows
from subside.ops.point_covariance import ErrorCorrelation
from subside.ops.series.sites import correlation_of_dates

FloatArray = npt.NDArray[np.float64]

EARTH_RADIUS: Final = 6_378_137.0
"""Radius of the sphere of the local Mercator projection, m."""

BLOCK_ROWS: Final = 1024
"""Points in a block of series."""

_SLAB_ROWS: Final = 65_536
_SLABS_KEPT: Final = 4
_GEOGRAPHIC_LIMIT: Final = 85.0
_COLOURS: Final = 256

COLUMN_TYPES: Final[Mapping[str, str]] = {
    "xy": "<f4",
    "rate": "<f4",
    "sigma": "<f4",
    "coherence": "<f4",
    "height": "<f4",
    "kind": "|u1",
    "flags": "<i4",
    "chainage": "<f4",
    "offset": "<f4",
}
"""Columns by name and how their numbers are laid out; ``xy`` holds two a point."""


@dataclass(frozen=True)
class Origin:
    """Place where the local Mercator projection has x = y = 0 and is true to scale.

    Attributes
    ----------
    longitude, latitude : float
        WGS 84, degree.
    """

    longitude: float
    latitude: float

    def project(self, longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Project degrees to metres: ``x = R cos(lat0) dlon``, ``y = R cos(lat0) (psi(lat) - psi(lat0))``.

        ``psi`` is the isometric latitude of the sphere (Snyder 1987, USGS Professional Paper 1395, eq. 7-1, 7-2).
        """
        scale = EARTH_RADIUS * math.cos(math.radians(self.latitude))
        east = (np.asarray(longitude, np.float64) - self.longitude + 180.0) % 360.0 - 180.0
        psi = np.arctanh(np.sin(np.radians(np.asarray(latitude, np.float64))))
        north = psi - math.atanh(math.sin(math.radians(self.latitude)))
        return np.asarray(scale * np.radians(east)), np.asarray(scale * north)


class _SlabReader:
    """Reads rows of a series array; the slabs read last stay in memory."""

    def __init__(self, rows: SeriesRows) -> None:
        self._rows = rows
        self._slabs: OrderedDict[int, npt.NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        if isinstance(self._rows, np.ndarray):
            return np.asarray(self._rows[start:stop], np.float32)
        with self._lock:
            slab = start // _SLAB_ROWS
            if slab not in self._slabs:
                end = min((slab + 1) * _SLAB_ROWS, self._rows.shape[0])
                self._slabs[slab] = np.asarray(self._rows[slab * _SLAB_ROWS : end], np.float32)
            self._slabs.move_to_end(slab)
            while len(self._slabs) > _SLABS_KEPT:
                self._slabs.popitem(last=False)
            return self._slabs[slab][start - slab * _SLAB_ROWS : stop - slab * _SLAB_ROWS]


@dataclass(frozen=True)
class ViewerData:
    """Points of one or more tracks and what is drawn over them.

    Attributes
    ----------
    sets : tuple of PointSet
        One a track; series are read by rows when they are asked for.
    layers : mapping
        GeoJSON feature collections in longitude and latitude: ``line``, ``polygons``, ``sites``, ``references``.
    chainage : tuple
        Per set a pair of arrays (chainage, offset), m, or None.
    correlation : tuple of ErrorCorrelation or None
        How the errors of two points of a set are correlated; None is unknown.
    title : str
        Heading of the page.
    is_current : callable or None
        Whether the files that series are read from are still those the rates were read from; None is always.
    """

    sets: tuple[PointSet, ...]
    layers: Mapping[str, Mapping[str, Any]]
    chainage: tuple[tuple[FloatArray, FloatArray] | None, ...]
    correlation: tuple[ErrorCorrelation | None, ...]
    title: str = "Ground motion"
    is_current: Callable[[], bool] | None = field(default=None, repr=False, compare=False)
    _readers: dict[tuple[int, str], _SlabReader] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that every list has one entry a set and that the points fit a Mercator map."""
        if not self.sets:
            raise ArgumentError("`sets` must hold at least one set of points, got none")
        if not self.n_points:
            raise ArgumentError("`sets` must hold at least one point, got none in any set")
        for name in ("chainage", "correlation"):
            if len(getattr(self, name)) != len(self.sets):
                raise ArgumentError(f"`{name}` must have {len(self.sets)} entries, got {len(getattr(self, name))}")
        for points, along in zip(self.sets, self.chainage, strict=True):
            if along is not None and any(a.shape != (points.n_points,) for a in along):
                raise ArgumentError(
                    f"`chainage` of {points.name} must be two arrays of {points.n_points} values, "
                    f"got shapes {[a.shape for a in along]}"
                )
            if np.abs(points.latitude).max(initial=0.0) > _GEOGRAPHIC_LIMIT:
                raise ArgumentError(f"`latitude` of {points.name} must be within 85 degrees, the limit of the map")

    @classmethod
    def from_points(
        cls,
        sets: Sequence[PointSet],
        *,
        line: npt.ArrayLike | None = None,
        polygons: Mapping[str, Any] | None = None,
        sites: Mapping[str, tuple[float, float]] | None = None,
        chainage: Sequence[tuple[npt.ArrayLike, npt.ArrayLike] | None] | None = None,
        correlation_length_m: float | None = None,
        alias_risk: Sequence[npt.ArrayLike | None] | None = None,
    ) -> ViewerData:
        """Gather what the page shows.

        Parameters
        ----------
        sets : sequence of PointSet
            One a track.
        line : array-like, (vertex, 2), optional
            Longitude and latitude of the axis, degree.
        polygons : mapping, optional
            Name to polygon: a shapely geometry or an array (vertex, 2) in longitude and latitude, degree.
        sites : mapping, optional
            Name to (longitude, latitude), degree.
        chainage : sequence of pairs, optional
            For each set chainage and offset of its points, m, or None; NaN where a point is not beside the line.
        correlation_length_m : float, optional
            ``L`` of the correlation ``exp(-h / L)`` of the errors of two points ``h`` apart, m. None is unknown:
            the page then says that a mean has the error of its points, an upper bound.
        alias_risk : sequence of array-like of bool, optional
            For each set the points where cycles may be lost, besides those that carry the flag, or None.

        Returns
        -------
        ViewerData

        Raises
        ------
        ArgumentError
            For lists of the wrong length, no points, a length that is not positive, or a line of fewer than two
            vertices.
        """
        correlation: ErrorCorrelation | None = None
        if correlation_length_m is not None:
            correlation = _exponential(correlation_length_m)
        layers: dict[str, Mapping[str, Any]] = {}
        if line is not None:
            xy = np.asarray(line, np.float64)
            if xy.ndim != 2 or xy.shape[1] != 2 or len(xy) < 2 or not np.isfinite(xy).all():
                raise ArgumentError(f"`line` must be two or more finite vertices (vertex, 2), got shape {xy.shape}")
            layers["line"] = _collection([("", shapely.LineString(xy))])
        if polygons:
            layers["polygons"] = _collection([(name, _polygon(name, shape)) for name, shape in polygons.items()])
        if sites:
            layers["sites"] = _collection([(name, shapely.Point(place)) for name, place in sites.items()])
        if alias_risk is not None:
            if len(alias_risk) != len(sets):
                raise ArgumentError(f"`alias_risk` must have {len(sets)} entries, got {len(alias_risk)}")
            sets = [_with_risk(points, risk) for points, risk in zip(sets, alias_risk, strict=True)]
        along = [None] * len(sets) if chainage is None else list(chainage)
        return cls(
            sets=tuple(sets),
            layers=layers,
            chainage=tuple(
                None if a is None else (np.asarray(a[0], np.float64), np.asarray(a[1], np.float64)) for a in along
            ),
            correlation=(correlation,) * len(sets),
        )

    def titled(self, title: str) -> ViewerData:
        """The same under another heading."""
        return replace(self, title=title)

    def with_correlation(self, models: Sequence[ErrorCorrelation | None]) -> ViewerData:
        """The same with a fitted correlation of errors for each set."""
        return replace(self, correlation=tuple(models))

    def with_references(self, areas: Mapping[str, tuple[float, float]]) -> ViewerData:
        """The same with the reference areas drawn: name to (longitude, latitude), degree."""
        shapes = [(name, shapely.Point(place)) for name, place in areas.items()]
        return replace(self, layers={**self.layers, "references": _collection(shapes)})

    def watched(self, is_current: Callable[[], bool]) -> ViewerData:
        """The same with a test of whether the files behind it are still the same."""
        return replace(self, is_current=is_current)

    @cached_property
    def token(self) -> str:
        """Digest of the points and their rates: a page and what it asks for must agree in it."""
        digest = hashlib.blake2b(__version__.encode(), digest_size=12)
        for points in self.sets:
            facts = [points.name, points.source.label, points.source.digest, points.n_points]
            digest.update(json.dumps([*facts, [str(day) for day in points.dates]]).encode())
            for values in (points.longitude, points.latitude, points.velocity, points.velocity_std):
                digest.update(np.ascontiguousarray(values, "<f8").tobytes())
        return digest.hexdigest()

    @property
    def n_points(self) -> int:
        """Points of all sets."""
        return sum(points.n_points for points in self.sets)

    @property
    def origin(self) -> Origin:
        """Middle of the extent of the points."""
        sets = [points for points in self.sets if points.n_points]
        longitude = [f(points.longitude) for points in sets for f in (np.min, np.max)]
        latitude = [f(points.latitude) for points in sets for f in (np.min, np.max)]
        return Origin((min(longitude) + max(longitude)) / 2, (min(latitude) + max(latitude)) / 2)

    def column_names(self, k: int) -> tuple[str, ...]:
        """Columns a set has."""
        along = ("chainage", "offset")
        return tuple(name for name in COLUMN_TYPES if self.chainage[k] is not None or name not in along)

    def column(self, k: int, name: str) -> bytes:
        """One column of a set as bytes, see :data:`COLUMN_TYPES`; rates and their deviations in mm/yr.

        Raises
        ------
        ArgumentError
            For a set or a column that is not there.
        """
        self._check_set(k)
        if name not in self.column_names(k):
            raise ArgumentError(f"`name` must be one of {', '.join(self.column_names(k))}, got {name!r}")
        return np.ascontiguousarray(self._values(k, name), COLUMN_TYPES[name]).tobytes()

    def _values(self, k: int, name: str) -> npt.NDArray[Any]:
        points, along = self.sets[k], self.chainage[k]
        if name == "xy":
            return np.column_stack(self.origin.project(points.longitude, points.latitude))
        if name in ("rate", "sigma"):
            return (points.velocity if name == "rate" else points.velocity_std) * MM_PER_M
        if name in ("chainage", "offset") and along is not None:
            return along[0] if name == "chainage" else along[1]
        values: npt.NDArray[Any] = getattr(points, name)
        return values

    def n_blocks(self, k: int) -> int:
        """Blocks of series of a set; 0 where there are rates only."""
        points = self.sets[k]
        return -(-points.n_points // BLOCK_ROWS) if len(points.dates) else 0

    def block(self, k: int, b: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """Displacement and its standard deviation of one block of points, mm.

        Parameters
        ----------
        k, b : int
            Set and block.

        Returns
        -------
        tuple of ndarray of float32, (row, date)
            NaN is a gap; None where the deviation is unknown.

        Raises
        ------
        ArgumentError
            For a set or block that is not there.
        """
        self._check_block(k, b)
        points = self.sets[k]
        start, stop = b * BLOCK_ROWS, min((b + 1) * BLOCK_ROWS, points.n_points)
        parts: list[npt.NDArray[np.float32] | None] = []
        for name in ("displacement", "displacement_std"):
            rows = getattr(points, name)
            if rows is None:
                parts.append(None)
                continue
            reader = self._readers.setdefault((k, name), _SlabReader(rows))
            parts.append(reader.read(start, stop) * np.float32(MM_PER_M))
        assert parts[0] is not None
        return parts[0], parts[1]

    def identifiers(self, k: int, b: int) -> list[str]:
        """Identifiers of the points of one block."""
        self._check_set(k)
        if not 0 <= b * BLOCK_ROWS < self.sets[k].n_points:
            raise ArgumentError(f"`b` must be a block of {self.sets[k].name}, got {b}")
        return [str(name) for name in self.sets[k].point_id[b * BLOCK_ROWS : (b + 1) * BLOCK_ROWS]]

    def manifest(self) -> dict[str, Any]:
        """All that is small, as JSON values."""
        rates = np.concatenate([points.velocity[points.flags == 0] for points in self.sets])
        origin = self.origin
        return {
            "version": __version__,
            "token": self.token,
            "title": self.title,
            "origin": [origin.longitude, origin.latitude],
            "radius": EARTH_RADIUS,
            "block_rows": BLOCK_ROWS,
            "sign": LOS_NOTE,
            "rate_limit": symmetric_limit(rates, share=0.98) * MM_PER_M if np.isfinite(rates).any() else 1.0,
            "kinds": [{"value": int(kind), "name": _KIND_NAMES[kind]} for kind in PointKind],
            "flags": [
                {"bit": int(f.flag), "name": f.flag.name, "description": f.description} for f in FLAG_DESCRIPTIONS
            ],
            "palettes": {"motion": _palette(MOTION), "quality": _palette(QUALITY), "spread": _palette(SPREAD)},
            "categories": list(CATEGORIES),
            "no_data": NO_DATA,
            "layers": dict(self.layers),
            "sets": [self._set_facts(k) for k in range(len(self.sets))],
        }

    def _set_facts(self, k: int) -> dict[str, Any]:
        points, model = self.sets[k], self.correlation[k]
        return {
            "name": points.name,
            "n": points.n_points,
            "days": points.dates.astype("datetime64[D]").astype(np.int64).tolist(),
            "columns": {name: COLUMN_TYPES[name] for name in self.column_names(k)},
            "n_blocks": self.n_blocks(k),
            "has_std": points.displacement_std is not None,
            "label": points.source.label,
            "digest": points.source.digest,
            "datum": points.source.datum,
            "sigma_definition": points.source.sigma_definition,
            "heading_deg": number(points.source.heading_deg),
            "correlation": None if model is None else _correlation(model),
        }

    def _check_set(self, k: int) -> None:
        if not 0 <= k < len(self.sets):
            raise ArgumentError(f"`k` must be a set from 0 to {len(self.sets) - 1}, got {k}")

    def _check_block(self, k: int, b: int) -> None:
        self._check_set(k)
        if not 0 <= b < self.n_blocks(k):
            raise ArgumentError(f"`b` must be one of the {self.n_blocks(k)} blocks of series, got {b}")


_KIND_NAMES: Final = {
    PointKind.UNKNOWN: "kind unknown",
    PointKind.PS: "persistent scatterer",
    PointKind.DS: "distributed scatterer",
}


def _correlation(model: ErrorCorrelation) -> dict[str, Any]:
    """Shares of rates and of single dates, and how far errors are alike, m."""
    return {
        "lengths": model.lengths.tolist(),
        "shares": model.shares.tolist(),
        "shares_of_dates": correlation_of_dates(model).shares.tolist(),
        "reach": model.reach,
        "basis": model.basis,
    }


def _exponential(length: float) -> ErrorCorrelation:
    if not (math.isfinite(length) and length > 0):
        raise ArgumentError(f"`correlation_length_m` must be positive and finite, got {length}")
    n = len(PointKind)
    return ErrorCorrelation(np.array([float(length)]), np.ones((n, 1)), np.zeros(0), np.zeros((n, 0)), "given")


def _with_risk(points: PointSet, risk: npt.ArrayLike | None) -> PointSet:
    if risk is None:
        return points
    at_risk = np.asarray(risk, bool)
    if at_risk.shape != (points.n_points,):
        raise ArgumentError(f"`alias_risk` of {points.name} must have shape {(points.n_points,)}, got {at_risk.shape}")
    return replace(points, flags=points.flags | np.where(at_risk, int(PointFlag.ALIAS_RISK), 0).astype(np.int32))


def _polygon(name: str, shape: Any) -> Any:
    polygon = shape if isinstance(shape, shapely.Geometry) else shapely.Polygon(np.asarray(shape, np.float64))
    if polygon.geom_type not in ("Polygon", "MultiPolygon") or polygon.is_empty:
        raise ArgumentError(f"`polygons` must be polygons, got {polygon.geom_type} for {name!r}")
    return polygon


def _collection(shapes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": shapely.geometry.mapping(shape)}
        for name, shape in shapes
    ]
    return {"type": "FeatureCollection", "features": features}


def _palette(colours: Any) -> str:
    table = np.round(colours(np.linspace(0, 1, _COLOURS))[:, :3] * 255).astype(np.uint8)
    return base64.b64encode(table.tobytes()).decode("ascii")
