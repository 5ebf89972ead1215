"""Tables and maps that a user of the simulated Heze region would bring: nothing in them is truth about its motion.

Sites are put where coherence is good, as a user who has seen the points would put them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import LineString, MultiPoint, Polygon, box
from shapely.geometry.base import BaseGeometry

from subside.conventions import DAYS_PER_YEAR
from subside.io.atomic import atomic_path, write_json
from subside.io.vectors import write_geopackage_layers
from subside.model.points import GEOGRAPHIC, transform
from subside.ops.corridor.chainage import CorridorLine
from subside.ops.simulate.heze import CRS, FIRST_DAY, FRAME, LAST_DAY, LINE, HezeGround
from subside.ops.simulate.heze_cover import CLASS_NAMES, CLASSES, SEGMENT_SIZE
from subside.ops.simulate.heze_variants import Variant
from subside.ops.simulate.region import Floats

_VERTEX_STEP: Final = 0.1
"""Between vertices of the line, km."""

_SITE_REACH: Final = 0.45
"""Distance along the line within which a site is put where measurements can be hoped for, km."""

# Shares of the stretch of a variant at which sites are wanted: rural outside the zones, urban in zone 1, mining in 2.
_RURAL: Final = (0.06, 0.2, 0.35, 0.5, 0.65, 0.8, 0.94)
_URBAN: Final = (0.2, 0.4, 0.6, 0.8)
_MINING: Final = (0.15, 0.4, 0.65, 0.88)


def write_inputs(folder: Path, chosen: Variant, ground: HezeGround) -> None:
    """Write the line, sites, series, land cover, areas, mines, faults and structures of a variant.

    Parameters
    ----------
    folder : Path
        Made if missing.
    chosen : Variant
        What is seen; sites and land cover are kept to it.
    ground : HezeGround
        The ground.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_line(folder / "line.geojson", ground)
    _csv(folder / "sites.csv", sites(chosen, ground))
    _write_series(folder, ground)
    _write_layer(folder / "landcover.gpkg", *_land_cover(chosen, ground), column="class")
    _write_layer(folder / "areas.gpkg", *_areas(ground), column="name")
    _write_layer(folder / "mines.gpkg", *_mines(ground), column="name")
    _write_layer(folder / "faults.gpkg", *_faults(ground), column="name")
    _csv(folder / "structures.csv", _structures(ground))


def _csv(path: Path, frame: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False)


def _write_layer(path: Path, names: Sequence[str], shapes: Sequence[BaseGeometry], *, column: str) -> None:
    """Write shapes given in the region's frame (m) as one layer in map coordinates."""

    def to_map(xy: Floats) -> Floats:
        return np.column_stack(FRAME.to_map(xy[:, 0], xy[:, 1]))

    placed = [shapely.transform(s, to_map) for s in shapes]
    write_geopackage_layers(path, {path.stem: (placed, pd.DataFrame({column: list(names)}))}, crs=CRS)


def line_vertices() -> Floats:
    """Chainages in the plane of the region at which the line that is written has vertices, km."""
    return np.arange(0.0, LINE.length / 1000 + _VERTEX_STEP / 2, _VERTEX_STEP)


def ground_chainage(ground: HezeGround) -> Floats:
    """Chainages of the vertices as a user of the line counts them: length on the ellipsoid, km, (vertex,)."""
    vertices = np.column_stack(ground.line_position(line_vertices()))
    return CorridorLine.from_geometry(LineString(vertices), crs=CRS).along / 1000


def _write_line(path: Path, ground: HezeGround) -> None:
    longitude, latitude = transform(*ground.line_position(line_vertices()), source=CRS, target=GEOGRAPHIC)
    coordinates = [[round(float(a), 8), round(float(b), 8)] for a, b in zip(longitude, latitude, strict=True)]
    feature = {
        "type": "Feature",
        "properties": {"name": "simulated railway"},
        "geometry": {"type": "LineString", "coordinates": coordinates},
    }
    write_json(path, {"type": "FeatureCollection", "features": [feature]})


def _stretches(chosen: Variant, ground: HezeGround, kind: str) -> list[tuple[float, float]]:
    """Chainages of one kind of ground within the stretch that is seen, km."""
    first, last = chosen.chainage
    one, two = ground.layout.zone_1, ground.layout.zone_2
    parts = {
        "rural": [(first, one[0] - 1.0), (one[1] + 0.8, two[0] - 1.2), (two[1] + 1.5, last)],
        "urban": [one],
        "mining": [(two[0] + 0.3, two[1] - 0.3)],
    }[kind]
    cut = [(max(a, first + 0.2), min(b, last - 0.2)) for a, b in parts]
    return [(a, b) for a, b in cut if b > a]


def sites(chosen: Variant, ground: HezeGround) -> pd.DataFrame:
    """Place R1-R7 (farmland), U1-U4 (city) and M1-M4 (coalfield) within 400 m of the line in the seen stretch.

    A site is put on the segment of its kind of cover that keeps its coherence best, of those near where it is
    wanted: where a user would look for points.
    """
    rows = []
    for kind, letter, shares in (("rural", "R", _RURAL), ("urban", "U", _URBAN), ("mining", "M", _MINING)):
        parts = _stretches(chosen, ground, kind)
        if not parts:
            continue
        lengths = np.array([b - a for a, b in parts])
        ends = np.concatenate([[0.0], np.cumsum(lengths)])
        for number, share in enumerate(shares, start=1):
            along = share * ends[-1]
            part = int(np.clip(np.searchsorted(ends, along, side="right") - 1, 0, len(parts) - 1))
            apart = ends[-1] * np.diff(shares).min()
            reach = min(_SITE_REACH, 0.45 * apart)
            easting, northing = _best_place(ground, kind, parts[part][0] + along - ends[part], reach)
            longitude, latitude = transform(easting, northing, source=CRS, target=GEOGRAPHIC)
            rows.append((f"{letter}{number}", round(float(longitude), 6), round(float(latitude), 6), kind))
    return pd.DataFrame(rows, columns=["name", "longitude", "latitude", "class"])


def _best_place(ground: HezeGround, kind: str, chainage: float, reach: float) -> tuple[float, float]:
    along, across = np.meshgrid(np.linspace(-1, 1, 31), np.linspace(-1, 1, 25))
    u = chainage + along * reach
    easting, northing = ground.line_position(u, across * 0.4)
    segments = ground.cover.segments(easting, northing)
    name = np.array(CLASS_NAMES)[segments.class_index]
    is_open = ground.cover.open_country(easting, northing) > 0.9
    suits = (name == "farmland") & is_open if kind == "rural" else np.isin(name, ("urban", "bare"))
    # The mean of the segment's coherence over its surroundings keeps sites off the edges of segments.
    score = np.where(suits, segments.gamma_inf, 0.0)
    inner = score[1:-1, 1:-1] + score[:-2, 1:-1] + score[2:, 1:-1] + score[1:-1, :-2] + score[1:-1, 2:]
    row, column = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return float(easting[row + 1, column + 1]), float(northing[row + 1, column + 1])


def _write_series(folder: Path, ground: HezeGround) -> None:
    drivers = ground.drivers
    months = drivers.months
    text = [str(m) for m in months]
    _csv(folder / "rain.csv", pd.DataFrame({"date": text, "rain_mm": np.round(drivers.rain, 1)}))
    gauged = np.asarray(months.astype("datetime64[D]") + np.timedelta64(14, "D"), "datetime64[D]")[6:59]
    whole = float((LAST_DAY - FIRST_DAY).astype(np.float64)) / DAYS_PER_YEAR
    shallow, deep = drivers.groundwater(gauged, whole)
    frame = pd.DataFrame(
        {
            "date": [str(d) for d in gauged],
            "shallow_depth_m": np.round(shallow, 2),
            "deep_depth_m": np.round(deep, 2),
        }
    )
    _csv(folder / "groundwater.csv", frame)


def _land_cover(chosen: Variant, ground: HezeGround) -> tuple[list[str], list[BaseGeometry]]:
    """Segments as Voronoi polygons joined by class, the rivers cut out, in the frame."""
    extent = chosen.extent
    frame = box(extent.x[0], extent.y[0], extent.x[1], extent.y[1])
    margin = 3 * SEGMENT_SIZE
    columns, rows = (
        np.arange(np.floor((a - margin) / SEGMENT_SIZE), np.ceil((b + margin) / SEGMENT_SIZE), dtype=np.int64)
        for a, b in (extent.x, extent.y)
    )
    x, y = (v.ravel() for v in ground.cover.seeds(*np.meshgrid(columns, rows)))
    cells = shapely.get_parts(shapely.voronoi_polygons(MultiPoint(np.column_stack([x, y])), ordered=True))
    index = ground.cover.class_of_cells(*(v.ravel() for v in np.meshgrid(columns, rows)))
    rivers = _rivers(chosen, ground)
    names: list[str] = []
    shapes: list[BaseGeometry] = []
    for k, name in enumerate(CLASS_NAMES):
        joined = shapely.union_all(cells[index == k])
        if CLASSES[k].cover.name == "WATER":
            joined = shapely.union(joined, rivers)
        else:
            joined = shapely.difference(joined, rivers)
        for part in shapely.get_parts(shapely.intersection(joined, frame)):
            if part.geom_type == "Polygon" and part.area > 1.0:
                names.append(name)
                shapes.append(part)
    return names, shapes


def _rivers(chosen: Variant, ground: HezeGround) -> BaseGeometry:
    extent = chosen.extent
    y = np.linspace(extent.y[0] - 500, extent.y[1] + 500, 200)
    parts = []
    for x0 in ground.cover.river_courses(extent.x):
        centre, half = ground.cover.river_course(x0, y)
        sides = [np.column_stack([centre + side * half, y]) for side in (-1, 1)]
        parts.append(Polygon(np.concatenate([sides[0], sides[1][::-1]])))
    return shapely.union_all(parts) if parts else Polygon()


def _along_line(ground: HezeGround, u: Floats, v: Floats) -> Floats:
    """Frame coordinates of chainages and offsets in km."""
    return np.column_stack(FRAME.to_frame(*ground.line_position(u, v)))


def _areas(ground: HezeGround) -> tuple[list[str], list[BaseGeometry]]:
    two = ground.layout.zone_2
    turn = np.linspace(0, 2 * np.pi, 121)[:-1]
    (middle, half), (offset, height) = ground.cover.city
    city = _along_line(ground, middle + half * np.cos(turn), offset + height * np.sin(turn))
    at = ground.airport_centre
    airport = _rectangle(ground, (at[0] - 1.5, at[0] + 1.5), (at[1] - 0.4, at[1] + 0.4))
    coalfield = _rectangle(ground, (two[0] - 0.6, two[1] + 1.0), (-13.5, 9.0))
    return ["city", "airport", "coalfield"], [Polygon(city), airport, coalfield]


def _rectangle(ground: HezeGround, u: tuple[float, float], v: tuple[float, float]) -> Polygon:
    along = np.linspace(*u, 60)
    lower, upper = (_along_line(ground, along, np.full(60, w)) for w in v)
    return Polygon(np.concatenate([lower, upper[::-1]]))


def _mines(ground: HezeGround) -> tuple[list[str], list[BaseGeometry]]:
    names, shapes = [], []
    panels = [(f"{b}{k}", p) for b, rows in ground.panels.items() for k, p in enumerate(rows, start=1)]
    for name, p in [*panels, ("c1", ground.bowl)]:
        names.append(f"panel {name}")
        shapes.append(box(p.x, p.y - p.width / 2, p.x + p.length, p.y + p.width / 2))
    return names, shapes


def _faults(ground: HezeGround) -> tuple[list[str], list[BaseGeometry]]:
    arc = _along_line(ground, *ground.fault)
    at = ground.gallery_chainages[0]
    straight = _along_line(ground, np.full(2, at), np.array([1.5, 8.0]))
    edge = np.linspace(ground.layout.zone_2[0] - 1.0, ground.layout.zone_2[1] + 1.0, 60)
    sides = [_along_line(ground, edge, np.full(60, v)) for v in (ground.layout.belt, -ground.layout.belt)]
    names = ["arc fault", "gallery fault", "basin fault north", "basin fault south"]
    return names, [LineString(c) for c in (arc, straight, *sides)]


def _structures(ground: HezeGround) -> pd.DataFrame:
    """Bridges over the rivers, a viaduct through the city, subgrade between."""
    one = ground.layout.zone_1
    city = (0.8 * one[0] + 0.2 * one[1], 0.2 * one[0] + 0.8 * one[1])
    bridges = [(b - 0.4, b + 0.4, f"river bridge {k}") for k, b in enumerate(ground.cover.river_crossings(), start=1)]
    works = sorted([(city[0], city[1], "city viaduct"), *[b for b in bridges if b[1] < city[0] or b[0] > city[1]]])
    at = 0.0
    rows: list[tuple[float, float, str, str]] = []
    for start, end, name in works:
        if start > at:
            rows.append((at, start, "subgrade", f"subgrade {len(rows) + 1}"))
        rows.append((max(start, 0.0), end, "bridge", name))
        at = end
    rows.append((at, LINE.length / 1000, "subgrade", f"subgrade {len(rows) + 1}"))
    frame = pd.DataFrame(rows, columns=["chainage_start_m", "chainage_end_m", "kind", "name"])
    vertices, counted = line_vertices(), ground_chainage(ground)
    for column in ("chainage_start_m", "chainage_end_m"):
        frame[column] = (1000 * np.interp(frame[column], vertices, counted)).round(1)
    return frame
