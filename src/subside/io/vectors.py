"""Lines, polygons and places: read from any vector file to longitude and latitude, and written as GeoPackage."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import pyogrio.errors
import pyproj
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.export._files import atomic_file
from subside.io.layer_parts import Layer, write_layer, write_parts
from subside.io.points._text import file_digest
from subside.model.points import GEOGRAPHIC, transform, utm_of

log = logging.getLogger("subside")

JOIN_TOLERANCE: Final = 1.0
"""Parts of a line join where their ends are nearer than this, m."""

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "lines": ("LineString", "MultiLineString", "LinearRing"),
    "polygons": ("Polygon", "MultiPolygon"),
    "points": ("Point", "MultiPoint"),
}
_GEOJSON: Final = (".geojson", ".json")
_CRS_MEMBER: Final = re.compile(rb'"crs"\s*:')


@dataclass(frozen=True)
class LineFile:
    """One line, such as the axis of a railway.

    Attributes
    ----------
    geometry : shapely.LineString
        Longitude and latitude, degree, in the direction of its first part.
    name : str
        From a column ``name``, else the file name.
    digest : str
        Of the file.
    """

    geometry: LineString
    name: str
    digest: str


@dataclass(frozen=True)
class Polygons:
    """Polygons with names and classes.

    Attributes
    ----------
    names, classes : tuple of str
        Of each polygon; an unnamed one is ``area 1``, ``area 2``, ..., a class that is not given is empty.
    geometries : tuple of shapely geometry
        Polygons or multipolygons in longitude and latitude, valid.
    digest : str
        Of the file.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    geometries: tuple[BaseGeometry, ...]
    digest: str


@dataclass(frozen=True)
class Lines:
    """Lines that need not join, such as faults.

    Attributes
    ----------
    names : tuple of str
        An unnamed one is ``line 1``, ``line 2``, ...
    geometries : tuple of shapely geometry
        Lines or multilines in longitude and latitude.
    digest : str
        Of the file.
    """

    names: tuple[str, ...]
    geometries: tuple[BaseGeometry, ...]
    digest: str


@dataclass(frozen=True)
class Places:
    """Points on the map, such as wells.

    Attributes
    ----------
    names : tuple of str
        An unnamed one is ``place 1``, ``place 2``, ...
    longitude, latitude : ndarray of float64, (place,)
        WGS 84, degree.
    columns : pandas.DataFrame
        The other columns of the file.
    digest : str
        Of the file.
    """

    names: tuple[str, ...]
    longitude: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    columns: pd.DataFrame
    digest: str


def read_line(path: str | Path, *, crs: str | None = None) -> LineFile:
    """Read one line; parts that join end to end become one.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or KML.
    crs : str, optional
        Coordinate system, where the file states none (GeoJSON without one is WGS 84 by RFC 7946).

    Returns
    -------
    LineFile
        Heights are dropped; geometries that are no lines are passed over.

    Raises
    ------
    InputFileError
        S101 not found, S141 damaged, S143 empty, S147 no coordinate system, S139 positions out of range, S148 no
        line, S149 parts that do not join within 1 m.
    ArgumentError
        For an unknown ``crs``, or one that contradicts the file.
    """
    file = Path(path)
    frame = _read(file, "lines", crs)
    parts = [part for part in shapely.get_parts(np.array(frame.geometry)) if part.length > 0]
    if not parts:
        refuse("S148", file, "the line must have a length, got none")
    named = [n for n in _texts(frame, "name") if n]
    return LineFile(_joined(parts, file), named[0] if named else file.stem, _digest(file))


def read_polygons(path: str | Path, *, crs: str | None = None, class_column: str | None = None) -> Polygons:
    """Read polygons: land cover, a city, an airport, a coalfield, mine workings.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or KML.
    crs : str, optional
        Coordinate system, where the file states none.
    class_column : str, optional
        Column of the classes; None takes ``class`` where there is one.

    Returns
    -------
    Polygons
        Invalid polygons are made valid, which is logged.

    Raises
    ------
    InputFileError
        S101, S138 (no such class column), S139, S141, S143, S147, S148.
    ArgumentError
        As :func:`read_line`.
    """
    file = Path(path)
    frame = _read(file, "polygons", crs)
    if class_column is not None and class_column.lower() not in _lower(frame):
        others = ", ".join(str(c) for c in frame.columns if c != "geometry")
        refuse("S138", file, f"columns must hold the class {class_column!r}, got {others or 'none'}")
    shapes = np.array(frame.geometry)
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes[broken] = [_polygonal(shapely.make_valid(shape)) for shape in shapes[broken]]
        empty = shapely.is_empty(shapes)
        log.warning("%s: %d polygons break their rules and were made valid", file, int((broken & ~empty).sum()))
        if empty.any():
            log.warning("%s: %d polygons without an area are left out", file, int(empty.sum()))
        if empty.all():
            refuse("S148", file, "polygons must have an area, got none that has")
        frame, shapes = frame[~empty], shapes[~empty]
    return Polygons(_names(frame, "area"), tuple(_texts(frame, class_column or "class")), tuple(shapes), _digest(file))


def read_lines(path: str | Path, *, crs: str | None = None) -> Lines:
    """Read lines that need not join, such as faults.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or KML.
    crs : str, optional
        Coordinate system, where the file states none.

    Returns
    -------
    Lines

    Raises
    ------
    InputFileError
        S101, S139, S141, S143, S147, S148.
    ArgumentError
        As :func:`read_line`.
    """
    frame = _read(Path(path), "lines", crs)
    return Lines(_names(frame, "line"), tuple(frame.geometry), _digest(Path(path)))


def read_places(path: str | Path, *, crs: str | None = None) -> Places:
    """Read points on the map with their columns.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or KML; a multipoint is taken apart.
    crs : str, optional
        Coordinate system, where the file states none.

    Returns
    -------
    Places

    Raises
    ------
    InputFileError
        S101, S139, S141, S143, S147, S148.
    ArgumentError
        As :func:`read_line`.
    """
    file = Path(path)
    frame = _read(file, "points", crs).explode(ignore_index=True)
    columns = pd.DataFrame(frame.drop(columns="geometry"))
    columns.columns = pd.Index([str(c).lower() for c in columns.columns])
    return Places(
        _names(frame, "place"),
        np.asarray(frame.geometry.x, np.float64),
        np.asarray(frame.geometry.y, np.float64),
        columns,
        _digest(file),
    )


def read_wells(path: str | Path, *, crs: str | None = None) -> Places:
    """Read wells; as :func:`read_places`."""
    return read_places(path, crs=crs)


def write_geopackage_layers(path: str | Path, layers: Mapping[str, Layer | Iterable[Layer]], *, crs: str) -> Path:
    """Write layers to a GeoPackage, whole or not at all.

    Parameters
    ----------
    path : str or Path
        File; replaced if it exists.
    layers : mapping of str to (geometries, table), or to an iterable of them
        Geometries in ``crs``, one a row of the table; a layer without rows is written empty. A long layer comes in
        parts, with the same columns and one type of geometry, so that it is never in memory as a whole.
    crs : str
        Coordinate system of the geometries.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArgumentError
        If geometries and rows differ in number, no layer is given, or the coordinate system is not known.
    ProjectError
        If the file cannot be written.
    """
    target = Path(path)
    if not layers:
        raise ArgumentError("`layers` must hold at least one layer, got none")
    system = _known_crs(crs)
    with atomic_file(target) as temporary:
        for name, layer in layers.items():
            if isinstance(layer, tuple):
                n_rows = write_layer(temporary, name, layer, crs=system)
            else:
                n_rows = write_parts(temporary, name, layer, crs=system)
            _verify(temporary, name, n_rows)
    return target


def _verify(path: Path, layer: str, n_rows: int) -> None:
    """Look at the written layer: a full disk at closing time goes unreported by the library that writes."""
    if pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"] != n_rows:
        raise OSError(f"layer {layer} is incomplete (was the disk full?)")


def _read(file: Path, kind: str, crs: str | None) -> Any:
    """Geometries of one kind from all layers of a file, in longitude and latitude."""
    if not file.exists():
        refuse("S101", file, f"the path must be that of a vector file with {kind}, got nothing there")
    try:
        layers = [str(name) for name, geometry in pyogrio.list_layers(file) if geometry is not None]
        frames = [pyogrio.read_dataframe(file, layer=layer) for layer in layers]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
        refuse("S141", file, f"the file must be a vector file that is whole, got: {error}")
    found = [frame[frame.geometry.notna() & ~frame.geometry.is_empty] for frame in frames]
    types = sorted({str(t) for frame in found for t in frame.geom_type})
    if not types:
        refuse("S143", file, f"the file must hold {kind}, got no geometry")
    chosen = [frame[frame.geom_type.isin(_KINDS[kind])] for frame in found]
    chosen = [_geographic(frame, file, crs) for frame in chosen if len(frame)]
    if not chosen:
        refuse("S148", file, f"the file must hold {kind}, got {', '.join(types)}")
    joined = pd.concat(chosen, ignore_index=True)
    return geopandas.GeoDataFrame(joined, geometry="geometry", crs=GEOGRAPHIC)


def _geographic(frame: Any, file: Path, crs: str | None) -> Any:
    frame = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    stated = None if _is_default_crs(file) and crs is not None else frame.crs
    if stated is None:
        if crs is None:
            refuse("S147", file, "the file must state its coordinate system, got none")
        frame = frame.set_crs(_known_crs(crs), allow_override=True)
    elif crs is not None and not pyproj.CRS(stated).equals(_known_crs(crs), ignore_axis_order=True):
        name = pyproj.CRS(stated).name
        raise ArgumentError(f"`crs` must be left out for {file.name}, which states {name}, got {crs}")
    frame = frame.to_crs(GEOGRAPHIC)
    frame = frame.set_geometry(shapely.force_2d(np.array(frame.geometry)), crs=GEOGRAPHIC)
    west, south, east, north = frame.total_bounds
    if not (np.isfinite(frame.total_bounds).all() and max(-south, north) <= 90 and max(-west, east) <= 360):
        refuse(
            "S139",
            file,
            f"coordinates must be on the Earth, got longitude {west:g} to {east:g}, latitude {south:g} to {north:g}",
            "State the coordinate system the file is in, for a line with --line-crs EPSG:CODE",
        )
    return frame


def _is_default_crs(file: Path) -> bool:
    """Whether WGS 84 is only what GeoJSON means by saying nothing."""
    return file.suffix.lower() in _GEOJSON and not _CRS_MEMBER.search(file.read_bytes())


def _known_crs(crs: str) -> pyproj.CRS:
    try:
        return pyproj.CRS(crs)
    except pyproj.exceptions.CRSError as error:
        raise ArgumentError(f"`crs` must be a known coordinate system such as EPSG:32650, got {crs!r}") from error


def _joined(parts: Sequence[LineString], file: Path) -> LineString:
    """Chain parts by their ends, starting from the first in its own direction."""
    chains = [shapely.get_coordinates(part) for part in parts]
    middle = np.median(np.concatenate(chains), axis=0)
    system = utm_of(float(middle[0]), float(middle[1]))
    ends = np.array([[*c[0], *c[-1]] for c in chains])
    a = np.stack(transform(ends[:, 0], ends[:, 1], source=GEOGRAPHIC, target=system), axis=1)
    b = np.stack(transform(ends[:, 2], ends[:, 3], source=GEOGRAPHIC, target=system), axis=1)
    line, head, tail = chains[0], a[0], b[0]
    left = np.arange(1, len(chains))
    while len(left):
        gaps = np.stack(
            [
                np.linalg.norm(a[left] - tail, axis=1),
                np.linalg.norm(b[left] - tail, axis=1),
                np.linalg.norm(b[left] - head, axis=1),
                np.linalg.norm(a[left] - head, axis=1),
            ]
        )
        way, k = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
        if gaps[way, k] > JOIN_TOLERANCE:
            place = line[-1] if way < 2 else line[0]
            refuse(
                "S149",
                file,
                f"{len(left)} of {len(chains)} parts must join end to end within {JOIN_TOLERANCE:g} m, got a gap of "
                f"{gaps[way, k]:.0f} m at longitude {place[0]:.5f}, latitude {place[1]:.5f}",
            )
        part = left[k]
        piece = chains[part] if way in (0, 2) else chains[part][::-1]
        if way < 2:
            line, tail = np.concatenate([line, piece[1:]]), b[part] if way == 0 else a[part]
        else:
            line, head = np.concatenate([piece[:-1], line]), a[part] if way == 2 else b[part]
        left = np.delete(left, k)
    moved = np.concatenate([[True], np.any(np.diff(line, axis=0) != 0, axis=1)])
    return LineString(line[moved])


def _polygonal(shape: BaseGeometry) -> BaseGeometry:
    parts = [p for p in shapely.get_parts(shape) if p.geom_type in _KINDS["polygons"]]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _lower(frame: Any) -> dict[str, str]:
    return {str(c).lower(): str(c) for c in frame.columns}


def _texts(frame: Any, column: str) -> list[str]:
    own = _lower(frame).get(column.lower())
    if own is None:
        return [""] * len(frame)
    return ["" if pd.isna(v) else str(v).strip() for v in frame[own]]


def _names(frame: Any, what: str) -> tuple[str, ...]:
    return tuple(name or f"{what} {k}" for k, name in enumerate(_texts(frame, "name"), start=1))


def _digest(file: Path) -> str:
    return file_digest(file) if file.is_file() else ""
