"""Chainage and lateral offset of points along a polyline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from subside import _check
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, transform

FloatArray = npt.NDArray[np.float64]

_LONGEST: Final = 1000.0
"""Longest segment over which the scale of a projection and the direction of north are taken as constant, m."""


@dataclass(frozen=True)
class CorridorLine:
    """A polyline in the projected coordinate system of the points, with its chainage as length on the ellipsoid.

    Attributes
    ----------
    vertices : ndarray of float64, (vertex, 2)
        Easting and northing, m.
    along : ndarray of float64, (vertex,)
        Length from the first vertex, m: on the ellipsoid where the coordinate system was given, else in the plane.
    azimuth : ndarray of float64, (vertex - 1,)
        Direction of each segment, degree clockwise from true north; from grid north without a coordinate system.
    chainage_start : float
        Chainage of the first vertex, m: the number on the mileposts.
    prefix : str
        Letters before a printed chainage.
    """

    vertices: FloatArray
    along: FloatArray
    azimuth: FloatArray
    chainage_start: float = 0.0
    prefix: str = "DK"

    @classmethod
    def from_geometry(
        cls,
        geometry: Any,
        *,
        crs: str | None = None,
        chainage_start: float = 0.0,
        prefix: str = "DK",
        is_reversed: bool = False,
    ) -> CorridorLine:
        """Make a line of a shapely LineString in projected metres.

        Parameters
        ----------
        geometry : shapely LineString
            Parts are joined where a line is read (:func:`subside.io.vectors.read_line`).
        crs : str, optional
            Its coordinate system: lengths and directions are then those on the ellipsoid (WGS 84), which the plane of a
            projection changes by up to some per mille and degrees. None takes the plane as it is.
        chainage_start : float
            Chainage of the start of the line, m.
        prefix : str
            Letters before a printed chainage.
        is_reversed : bool
            Whether chainage counts from the last vertex.

        Returns
        -------
        CorridorLine

        Raises
        ------
        ArgumentError
            If the geometry is not one line or has no length, or the coordinate system is not known.
        """
        if geometry is None or geometry.geom_type != "LineString" or geometry.is_empty:
            kind = "nothing" if geometry is None else geometry.geom_type
            raise ArgumentError(f"`geometry` must be one LineString, got {kind}: join its parts end to end")
        xy = shapely.get_coordinates(geometry)
        if is_reversed:
            xy = xy[::-1]
        _check.finite(geometry=xy)
        step = np.hypot(*np.diff(xy, axis=0).T)
        xy = xy[np.concatenate([[True], step > 0])]
        if len(xy) < 2:
            raise ArgumentError("`geometry` must have a length, got a line whose vertices coincide")
        if crs is None:
            east, north = np.diff(xy, axis=0).T
            length, azimuth = np.hypot(east, north), np.degrees(np.arctan2(east, north))
        else:
            xy = shapely.get_coordinates(shapely.segmentize(shapely.LineString(xy), _LONGEST))
            lon, lat = transform(xy[:, 0], xy[:, 1], source=crs, target=GEOGRAPHIC)
            azimuth, _, length = pyproj.Geod(ellps="WGS84").inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
        along = np.concatenate([[0.0], np.cumsum(length)])
        return cls(np.ascontiguousarray(xy), along, np.asarray(azimuth) % 360.0, float(chainage_start), prefix)

    @property
    def length(self) -> float:
        """Length of the line, m."""
        return float(self.along[-1])

    @property
    def chainage_end(self) -> float:
        """Chainage of the last vertex, m."""
        return self.chainage_start + self.length

    @property
    def plane_scale(self) -> float:
        """Length in the plane of the coordinate system over the length along the line."""
        return float(np.hypot(*np.diff(self.vertices, axis=0).T).sum()) / self.length

    @property
    def mean_azimuth(self) -> float:
        """Direction from the start to the end, degree clockwise from north; the mean of the segments by length."""
        angle, length = np.radians(self.azimuth), np.diff(self.along)
        return float(np.degrees(np.arctan2(length @ np.sin(angle), length @ np.cos(angle)))) % 360.0

    @property
    def geometry(self) -> Any:
        """The line as a shapely LineString."""
        return shapely.LineString(self.vertices)

    def position_at(self, chainage: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Easting and northing at chainages, m; beyond the ends the ends."""
        s = np.asarray(chainage, np.float64) - self.chainage_start
        return (
            np.asarray(np.interp(s, self.along, self.vertices[:, 0])),
            np.asarray(np.interp(s, self.along, self.vertices[:, 1])),
        )

    def azimuth_at(self, chainage: npt.ArrayLike) -> FloatArray:
        """Direction of the line at chainages, degree clockwise from north."""
        s = np.asarray(chainage, np.float64) - self.chainage_start
        segment = np.clip(np.searchsorted(self.along, s, side="right") - 1, 0, len(self.along) - 2)
        result: FloatArray = self.azimuth[segment]
        return result

    def part(self, start: float, end: float) -> Any:
        """The stretch between two chainages as a shapely LineString."""
        a, b = (float(np.clip(c - self.chainage_start, 0.0, self.length)) for c in (start, end))
        inside = (self.along > a) & (self.along < b)
        s = np.concatenate([[a], self.along[inside], [b]]) + self.chainage_start
        return shapely.LineString(np.column_stack(self.position_at(s)))

    def label(self, chainage: float) -> str:
        """Chainage in the form of mileposts, such as ``DK12+345``."""
        return chainage_label(chainage, prefix=self.prefix)


def chainage_label(chainage: float, *, prefix: str = "DK") -> str:
    """Print a chainage, m, as kilometres and metres: ``DK12+345``; before the origin ``DK-0+120``.

    Parameters
    ----------
    chainage : float
        m; rounded to the metre. NaN gives ``DK?``.
    prefix : str
        Letters in front.

    Returns
    -------
    str
    """
    if not np.isfinite(chainage):
        return f"{prefix}?"
    metres = round(abs(chainage))
    sign = "-" if chainage < 0 and metres else ""
    return f"{prefix}{sign}{metres // 1000}+{metres % 1000:03d}"


@dataclass(frozen=True)
class LinePositions:
    """Points referred to a line; NaN where a point is farther than was asked for.

    Attributes
    ----------
    chainage : ndarray of float64, (point,)
        Chainage of the foot of the perpendicular, m.
    offset : ndarray of float64, (point,)
        Distance to the line in the plane of the coordinate system, m, positive on the left when looking in the
        direction of chainage.
    is_beyond : ndarray of bool, (point,)
        Whether the point lies before the start or after the end of the line, so that no perpendicular meets it.
    """

    chainage: FloatArray
    offset: FloatArray
    is_beyond: npt.NDArray[np.bool_]

    def within(self, half_width: float) -> npt.NDArray[np.bool_]:
        """Points beside the line within a distance, m."""
        result: npt.NDArray[np.bool_] = (np.abs(self.offset) <= half_width) & ~self.is_beyond
        return result


def locate_points(
    line: CorridorLine, position: tuple[FloatArray, FloatArray], *, max_distance: float = np.inf
) -> LinePositions:
    """Refer points to the nearest part of a line.

    The nearest segment is found with a tree of segments. Where the foot falls on a vertex, the side is told by the
    sum of the directions of its two segments, which is right for convex and concave corners alike (Baerentzen and
    Aanaes 2005, IEEE Trans. Vis. Comput. Graph. 11, for surfaces). Where a line crosses itself the nearest part wins.

    Parameters
    ----------
    line : CorridorLine
        The line.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m, finite.
    max_distance : float
        Points farther away get NaN, m.

    Returns
    -------
    LinePositions

    Raises
    ------
    ArgumentError
        If the positions are not finite or ``max_distance`` is not positive.
    """
    if not max_distance > 0:
        raise ArgumentError(f"`max_distance` must be positive, got {max_distance}")
    xy = np.column_stack(position).astype(np.float64)
    _check.finite(position=xy)
    chainage, offset = np.full(len(xy), np.nan), np.full(len(xy), np.nan)
    is_beyond = np.zeros(len(xy), bool)
    rows, segment = _nearest_segments(line, xy, max_distance)
    if not len(rows):
        return LinePositions(chainage, offset, is_beyond)
    start, step = line.vertices[:-1], np.diff(line.vertices, axis=0)
    length, in_plane = np.diff(line.along), np.hypot(*step.T)
    relative = xy[rows] - start[segment]
    share = np.einsum("ij,ij->i", relative, step[segment]) / in_plane[segment] ** 2
    foot = np.clip(share, 0.0, 1.0)
    apart = relative - foot[:, None] * step[segment]
    last = len(length) - 1
    is_beyond[rows] = ((segment == 0) & (share < 0)) | ((segment == last) & (share > 1))
    unit = step / in_plane[:, None]
    direction = unit[segment].copy()
    for at_vertex, other in ((share <= 0, segment - 1), (share >= 1, segment + 1)):
        turn = at_vertex & (other >= 0) & (other <= last)
        direction[turn] += unit[other[turn]]
    side = direction[:, 0] * apart[:, 1] - direction[:, 1] * apart[:, 0]
    chainage[rows] = line.chainage_start + line.along[segment] + foot * length[segment]
    offset[rows] = np.where(side < 0, -1.0, 1.0) * np.hypot(apart[:, 0], apart[:, 1])
    return LinePositions(chainage, offset, is_beyond)


def _nearest_segments(
    line: CorridorLine, xy: FloatArray, max_distance: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of the points within reach and the segment nearest to each."""
    candidates = np.arange(len(xy))
    if np.isfinite(max_distance):
        low, high = line.vertices.min(axis=0) - max_distance, line.vertices.max(axis=0) + max_distance
        candidates = np.flatnonzero(np.all((xy >= low) & (xy <= high), axis=1))
    pairs = np.stack([line.vertices[:-1], line.vertices[1:]], axis=1)
    tree = shapely.STRtree(shapely.linestrings(pairs))
    limit = float(max_distance) if np.isfinite(max_distance) else None
    found = tree.query_nearest(shapely.points(xy[candidates]), max_distance=limit, all_matches=False)
    return candidates[found[0]].astype(np.int64), found[1].astype(np.int64)


@dataclass(frozen=True)
class Crossing:
    """A place where a line meets itself.

    Attributes
    ----------
    first, second : float
        The two chainages of the place, m.
    easting, northing : float
        The place, m.
    """

    first: float
    second: float
    easting: float
    northing: float


def self_crossings(line: CorridorLine) -> tuple[Crossing, ...]:
    """Find where a line meets itself.

    Parameters
    ----------
    line : CorridorLine
        The line.

    Returns
    -------
    tuple of Crossing
        In the order of the first chainage; empty for a simple line. A closed ring meets itself at its ends.
    """
    if line.geometry.is_simple:
        return ()
    segments = shapely.linestrings(np.stack([line.vertices[:-1], line.vertices[1:]], axis=1))
    first, second = shapely.STRtree(segments).query(segments, predicate="intersects")
    apart = second > first + 1
    first, second = first[apart], second[apart]
    place = shapely.get_coordinates(shapely.centroid(shapely.intersection(segments[first], segments[second])))
    length, in_plane = np.diff(line.along), np.hypot(*np.diff(line.vertices, axis=0).T)
    found = {}
    for a, b, (x, y) in zip(first, second, place, strict=True):
        s = [
            line.chainage_start
            + float(line.along[k] + np.hypot(*((x, y) - line.vertices[k])) * length[k] / in_plane[k])
            for k in (a, b)
        ]
        found[round(s[0]), round(s[1])] = Crossing(s[0], s[1], float(x), float(y))
    return tuple(found[k] for k in sorted(found))
