"""How well points cover a corridor: density, occupied cells, uncovered lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from subside import _check
from subside.errors import ArgumentError
from subside.model.points import PointKind
from subside.ops.corridor.chainage import CorridorLine
from subside.ops.corridor.tracks import TrackRates

FloatArray = npt.NDArray[np.float64]

_STATION: Final = 10.0
"""Distance of the places on the line whose nearest point is looked up, m."""

_KM2: Final = 1e6


@dataclass(frozen=True)
class Density:
    """Points per area.

    Attributes
    ----------
    track : str
        Track, or ``all``.
    kind : str
        ``PS``, ``DS``, ``unknown`` or ``all``.
    land : str
        Land class, or ``all``.
    n_points : int
        Points.
    area_km2 : float
        Area of the corridor (in the land class) inside the footprint of the data, km2.
    """

    track: str
    kind: str
    land: str
    n_points: int
    area_km2: float

    @property
    def per_km2(self) -> float:
        """Points per km2; NaN where there is no area."""
        return self.n_points / self.area_km2 if self.area_km2 > 0 else float("nan")


@dataclass(frozen=True)
class Gap:
    """A stretch of line without a point near it.

    Attributes
    ----------
    start, end : float
        Chainage, m.
    is_outside : bool
        Whether it lies outside the footprint of the data; a stretch that crosses its edge is two gaps.
    """

    start: float
    end: float
    is_outside: bool

    @property
    def length(self) -> float:
        """Length, m."""
        return self.end - self.start


@dataclass(frozen=True)
class Coverage:
    """How well points cover a corridor.

    Attributes
    ----------
    densities : tuple of Density
        By track, kind and land class.
    gaps : tuple of Gap
        Stretches with no point within ``reach``, cut at the edge of the footprint, longest first.
    reach : float
        m.
    longest_uncovered : float
        Longest gap inside the footprint, m.
    uncovered : float
        Length of all gaps, m.
    outside : float
        Length of the line outside the footprint, m.
    nearest : float
        Distance from the line to the nearest point, m.
    occupied_cells, n_cells : int
        Cells with a point whose middle lies in the corridor inside the footprint, and the area of that in cells.
    """

    densities: tuple[Density, ...]
    gaps: tuple[Gap, ...]
    reach: float
    longest_uncovered: float
    uncovered: float
    outside: float
    nearest: float
    occupied_cells: int
    n_cells: int


def footprint_of(easting: FloatArray, northing: FloatArray) -> Any:
    """Convex hull of points as a shapely geometry."""
    return shapely.MultiPoint(np.column_stack([easting, northing])).convex_hull


def corridor_area(line: CorridorLine, half_width: float) -> Any:
    """The corridor: the line widened to both sides, ending square at its ends."""
    _check.in_range(1.0, 1e6, half_width=half_width)
    return line.geometry.buffer(half_width, cap_style="flat", join_style="round")


def measure_coverage(
    tracks: Sequence[TrackRates],
    line: CorridorLine,
    *,
    half_width: float,
    reach: float = 100.0,
    cell: float = 100.0,
    land: Mapping[str, Any] | None = None,
) -> Coverage:
    """Density of points by track, kind and land class, and where the line has none.

    Areas are those of the corridor inside the convex hull of the track's points, so that a line that leaves the data
    does not dilute the density. A density is comparable only with one of the same kinds of points, processing and
    cover.

    Parameters
    ----------
    tracks : sequence of TrackRates
        One or more.
    line : CorridorLine
        The line.
    half_width : float
        Half-width of the corridor, m.
    reach : float
        A place of the line is covered when a point lies within this distance, m.
    cell : float
        Side of the cells that are counted, m.
    land : mapping of str to shapely geometry, optional
        Areas of land classes, in the coordinates of the line.

    Returns
    -------
    Coverage

    Raises
    ------
    ArgumentError
        Without tracks or with lengths that are not positive.
    """
    if not tracks:
        raise ArgumentError("`tracks` must hold at least one track, got none")
    _check.in_range(1.0, 1e6, reach=reach)
    _check.in_range(1.0, 1e6, cell=cell)
    corridor = corridor_area(line, half_width)
    hulls = [footprint_of(t.points.easting, t.points.northing) for t in tracks]
    inside = [t.positions.within(half_width) for t in tracks]
    densities = _densities(tracks, inside, hulls, corridor, land or {})
    xy = np.concatenate([np.column_stack([t.points.easting, t.points.northing]) for t in tracks])
    near = np.concatenate(inside)
    footprint = shapely.union_all(hulls)
    gaps, outside, nearest = _gaps(line, xy, footprint, reach)
    cells = np.unique(np.floor(xy[near] / cell).astype(np.int64), axis=0) if near.any() else np.zeros((0, 2))
    region = shapely.intersection(corridor, footprint)
    shapely.prepare(region)
    occupied = shapely.contains_xy(region, (cells + 0.5) * cell) if len(cells) else np.zeros(0, bool)
    return Coverage(
        densities=densities,
        gaps=tuple(sorted(gaps, key=lambda g: -g.length)),
        reach=float(reach),
        longest_uncovered=max((g.length for g in gaps if not g.is_outside), default=0.0),
        uncovered=float(sum(g.length for g in gaps)),
        outside=outside,
        nearest=nearest,
        occupied_cells=int(np.count_nonzero(occupied)),
        n_cells=round(region.area / cell**2),
    )


def _densities(
    tracks: Sequence[TrackRates],
    inside: Sequence[npt.NDArray[np.bool_]],
    hulls: Sequence[Any],
    corridor: Any,
    land: Mapping[str, Any],
) -> tuple[Density, ...]:
    rows: list[Density] = []
    areas = {"all": None, **land}
    totals = {(k, c): 0 for c in areas for k in ("all", "PS", "DS", "unknown")}
    covered = {c: shapely.Polygon() for c in areas}
    for track, near, hull in zip(tracks, inside, hulls, strict=True):
        points = np.column_stack([track.points.easting, track.points.northing])[near]
        kind = track.points.kind[near]
        for name, geometry in areas.items():
            area = shapely.intersection(corridor, hull)
            if geometry is not None:
                area = shapely.intersection(area, geometry)
                shapely.prepare(geometry)
            held = np.ones(len(points), bool) if geometry is None else shapely.contains_xy(geometry, points)
            covered[name] = shapely.union(covered[name], area)
            for label, wanted in _KINDS:
                n = int(np.count_nonzero(held if wanted is None else held & (kind == wanted)))
                totals[label, name] += n
                rows.append(Density(track.name, label, name, n, area.area / _KM2))
    if len(tracks) > 1:
        rows += [Density("all", k, c, n, covered[c].area / _KM2) for (k, c), n in totals.items()]
    return tuple(r for r in rows if r.kind == "all" or r.n_points > 0)


_KINDS: Final = (
    ("all", None),
    ("PS", PointKind.PS),
    ("DS", PointKind.DS),
    ("unknown", PointKind.UNKNOWN),
)


def _gaps(line: CorridorLine, xy: FloatArray, footprint: Any, reach: float) -> tuple[list[Gap], float, float]:
    """Uncovered stretches, the length outside the footprint, and the distance to the nearest point."""
    n = max(int(np.ceil(line.length / _STATION)), 1)
    edges = np.linspace(line.chainage_start, line.chainage_end, n + 1)
    middle = 0.5 * (edges[:-1] + edges[1:])
    x, y = line.position_at(middle)
    distance, _ = cKDTree(xy).query(np.column_stack([x, y]))
    shapely.prepare(footprint)
    beyond = ~shapely.contains_xy(footprint, x, y)
    bare = distance > reach
    state = np.where(bare, np.where(beyond, 2, 1), 0)
    starts = np.flatnonzero(np.diff(state, prepend=-1))
    gaps = [
        Gap(float(edges[a]), float(edges[b]), bool(beyond[a]))
        for a, b in zip(starts, np.append(starts[1:], n), strict=True)
        if bare[a]
    ]
    return gaps, float(beyond.mean() * line.length), float(distance.min())


@dataclass(frozen=True)
class DensityAlong:
    """Points per km2 along a line.

    Attributes
    ----------
    edges : ndarray of float64, (step + 1,)
        Chainage, m.
    per_km2 : mapping of str to ndarray of float64, (step,)
        By class: land classes where they are known (``elsewhere`` for the rest), else kinds of points.
    by : str
        ``land`` or ``kind``.
    """

    edges: FloatArray
    per_km2: Mapping[str, FloatArray]
    by: str


def density_along(
    tracks: Sequence[TrackRates],
    line: CorridorLine,
    *,
    half_width: float,
    step: float = 1000.0,
    land: Mapping[str, Any] | None = None,
) -> DensityAlong:
    """Count the points of the corridor by stretch of line and class.

    Parameters
    ----------
    tracks : sequence of TrackRates
        One or more.
    line : CorridorLine
        The line.
    half_width : float
        Half-width of the corridor, m.
    step : float
        Length of a stretch, m.
    land : mapping of str to shapely geometry, optional
        Areas of land classes.

    Returns
    -------
    DensityAlong
        Points over the area of the whole stretch, whatever its cover: the classes add up to the density.
    """
    _check.in_range(1.0, 1e6, step=step)
    edges = np.append(np.arange(line.chainage_start, line.chainage_end - 1e-6, step), line.chainage_end)
    area = np.diff(edges) * 2 * half_width / _KM2
    near = [t.positions.within(half_width) for t in tracks]
    chainage = np.concatenate([t.positions.chainage[k] for t, k in zip(tracks, near, strict=True)])
    counts: dict[str, FloatArray] = {}
    if land:
        xy = np.concatenate(
            [np.column_stack([t.points.easting, t.points.northing])[k] for t, k in zip(tracks, near, strict=True)]
        )
        rest = np.ones(len(xy), bool)
        for name, geometry in land.items():
            shapely.prepare(geometry)
            held = shapely.contains_xy(geometry, xy) & rest
            rest &= ~held
            counts[name] = np.histogram(chainage[held], edges)[0] / area
        counts["elsewhere"] = np.histogram(chainage[rest], edges)[0] / area
        return DensityAlong(edges, counts, "land")
    kind = np.concatenate([t.points.kind[k] for t, k in zip(tracks, near, strict=True)])
    for label, wanted in _KINDS[1:]:
        if np.any(kind == wanted):
            counts[label] = np.histogram(chainage[kind == wanted], edges)[0] / area
    return DensityAlong(edges, counts, "kind")
