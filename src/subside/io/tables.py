"""Tables a study takes besides points: sites, rain, groundwater, GNSS, levelling, structures.

The unit of a quantity is in the name of its column and is never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from subside.io._cells import Cells, Dates, FloatArray, read_cells
from subside.io.codes import refuse
from subside.io.vectors import read_places

STRUCTURE_KINDS: Final = ("subgrade", "bridge", "tunnel", "station", "culvert")
"""Kinds of structure along a line."""

_SI_PER_UNIT: Final[Mapping[str, float]] = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_LEVEL_NAME: Final = re.compile(r"(^|_)(depth|level)$")
_VECTOR_SUFFIXES: Final = (".gpkg", ".geojson", ".json", ".shp", ".kml")


@dataclass(frozen=True)
class Sites:
    """Named places.

    Attributes
    ----------
    name, kind : ndarray of str, (site,)
        Name, and class (rural, urban, mining, ...); empty where none is given.
    longitude, latitude : ndarray of float64, (site,)
        WGS 84, degree.
    digest : str
        Of the file.
    """

    name: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    longitude: FloatArray
    latitude: FloatArray
    digest: str


@dataclass(frozen=True)
class TimeTable:
    """Values by date.

    Attributes
    ----------
    times : ndarray of datetime64[D], (time,)
        Ascending and unique; a month is its first day.
    values : mapping of str to ndarray of float64, (time,)
        SI units, by the name of the column without its unit; NaN is unknown. Rain is the sum of the step.
    quantity : str
        ``rain`` or ``groundwater``.
    unit : str
        ``m``.
    step : str
        ``month`` or ``day``.
    gaps : tuple of str
        Months (``YYYY-MM``) between the first and the last without a row, or with an unknown value; they are never
        filled. Of daily tables: months with a missing or unknown day (rain), or without any row (groundwater).
    digest : str
        Of the file.
    """

    times: Dates
    values: Mapping[str, FloatArray]
    quantity: str
    unit: str
    step: str
    gaps: tuple[str, ...]
    digest: str

    def monthly(self, name: str) -> tuple[Dates, FloatArray]:
        """One value a month over the whole span: sums of rain, means of levels; NaN where a month has a gap.

        Parameters
        ----------
        name : str
            Column.

        Returns
        -------
        months : ndarray of datetime64[M], (month,)
        values : ndarray of float64, (month,)
        """
        months = self.times.astype("datetime64[M]")
        axis = np.arange(months[0], months[-1] + 1)
        index = (months - months[0]).astype(np.int64)
        count = np.bincount(index, minlength=len(axis))
        total = np.bincount(index, weights=self.values[name], minlength=len(axis))
        result = np.where(count > 0, total if self.quantity == "rain" else total / np.maximum(count, 1), np.nan)
        if self.quantity == "rain" and self.step == "day":
            days = (axis + 1).astype("datetime64[D]") - axis.astype("datetime64[D]")
            result[count < days.astype(np.int64)] = np.nan
        return axis, np.asarray(result, np.float64)


@dataclass(frozen=True)
class StationTable:
    """Repeated measurements at named places (GNSS, levelling).

    Attributes
    ----------
    name : ndarray of str, (station,)
        Station or benchmark, in the order of the file.
    longitude, latitude : ndarray of float64, (station,)
        WGS 84, degree.
    times : mapping of str to ndarray of datetime64[D], (time,)
        Dates of each station, ascending and unique.
    values : mapping of str to mapping of str to ndarray of float64, (time,)
        ``values[station][column]``, m, by the name of the column without its unit; NaN is unknown. A standard
        deviation that the file does not hold is not there.
    quantity : str
        ``gnss`` or ``levelling``.
    digest : str
        Of the file.
    """

    name: tuple[str, ...]
    longitude: FloatArray
    latitude: FloatArray
    times: Mapping[str, Dates]
    values: Mapping[str, Mapping[str, FloatArray]]
    quantity: str
    digest: str


@dataclass(frozen=True)
class Structures:
    """Structures along a line, by chainage.

    Attributes
    ----------
    start, end : ndarray of float64, (structure,)
        Chainage, m; ascending, not overlapping.
    kind, name : ndarray of str, (structure,)
        One of :data:`STRUCTURE_KINDS`; name, empty where none is given.
    digest : str
        Of the file.
    """

    start: FloatArray
    end: FloatArray
    kind: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    digest: str


def read_sites(path: str | Path, *, crs: str | None = None) -> Sites:
    """Read named sites from a CSV (``name, longitude, latitude[, class]``) or a vector file of points.

    Parameters
    ----------
    path : str or Path
        CSV, GeoPackage, GeoJSON, shapefile or KML; vector files have a column ``name`` and may have ``class``.
    crs : str, optional
        Coordinate system of a vector file that does not state one.

    Returns
    -------
    Sites

    Raises
    ------
    InputFileError
        S101, S138, S139, S142, S143, S146 to S148: see ``docs/reference/codes.md``.
    """
    file = Path(path)
    if file.suffix.lower() in _VECTOR_SUFFIXES:
        places = read_places(file, crs=crs)
        frame = places.columns.assign(longitude=places.longitude, latitude=places.latitude)
        table = Cells(file, frame.astype(object).where(frame.notna(), ""), places.digest)
    else:
        table = read_cells(file)
    table.demand("name", "longitude", "latitude")
    longitude, latitude = table.positions()
    names = table.text("name")
    table.demand_text("name", names)
    table.demand_once(pd.DataFrame({"name": names}))
    kind = table.text("class") if table.has("class") else np.full(len(names), "", dtype=object)
    return Sites(names, kind, longitude, latitude, table.digest)


def read_series_table(path: str | Path, *, quantity: str) -> TimeTable:
    """Read rain or groundwater by date.

    Parameters
    ----------
    path : str or Path
        CSV with ``date`` (``YYYY-MM`` or ``YYYY-MM-DD``, one kind in a file). Rain: ``rain_mm`` (or ``_cm``, ``_m``).
        Groundwater: one or several columns whose names end in ``depth_m`` (below ground, down) or ``level_m``
        (height of the water, up), such as ``well3_depth_m``.
    quantity : {"rain", "groundwater"}
        What the table holds.

    Returns
    -------
    TimeTable
        Rows sorted by date; gaps listed and left.

    Raises
    ------
    InputFileError
        S101, S138, S140, S142, S143, S145, S146, S150: see ``docs/reference/codes.md``.
    """
    table = read_cells(Path(path))
    table.demand("date")
    times, step = table.dates("date")
    table.demand_once(pd.DataFrame({"date": times}))
    order = np.argsort(times)
    columns = _value_columns(table, quantity)
    values = {bare: (table.numbers(own) * _SI_PER_UNIT[unit])[order] for own, (bare, unit) in columns.items()}
    if quantity == "rain":
        negative = np.flatnonzero(table.numbers(next(iter(columns))) < 0)
        if len(negative):
            refuse(
                "S150",
                table.path,
                f"rain must not be negative, got a negative value in row {negative[0] + 1} of the data",
            )
    times = times[order]
    return TimeTable(
        times, MappingProxyType(values), quantity, "m", step, _gaps(times, values, quantity, step), table.digest
    )


def read_gnss(path: str | Path) -> StationTable:
    """Read GNSS positions: ``station, longitude, latitude, date, east_mm, north_mm, up_mm[, *_std_mm]``.

    Parameters
    ----------
    path : str or Path
        CSV, a row a station and day; components relative to any constant of the station.

    Returns
    -------
    StationTable

    Raises
    ------
    InputFileError
        S101, S138 to S140, S142, S143, S145, S146: see ``docs/reference/codes.md``.
    """
    return _stations(Path(path), "station", ("east", "north", "up"), quantity="gnss")


def read_levelling(path: str | Path) -> StationTable:
    """Read levelled heights: ``benchmark, longitude, latitude, date, height_m[, std_mm]``.

    Parameters
    ----------
    path : str or Path
        CSV, a row a benchmark and day.

    Returns
    -------
    StationTable
        Values ``height`` and, where given, ``std``.

    Raises
    ------
    InputFileError
        S101, S138 to S140, S142, S143, S145, S146: see ``docs/reference/codes.md``.
    """
    return _stations(Path(path), "benchmark", ("height",), quantity="levelling")


def read_structures(path: str | Path) -> Structures:
    """Read structures along a line: ``chainage_start_m, chainage_end_m, kind[, name]``.

    Parameters
    ----------
    path : str or Path
        CSV; a kind is one of :data:`STRUCTURE_KINDS`.

    Returns
    -------
    Structures
        Sorted by chainage.

    Raises
    ------
    InputFileError
        S101, S138, S142, S143, S150: see ``docs/reference/codes.md``.
    """
    table = read_cells(Path(path))
    table.demand("chainage_start_m", "chainage_end_m", "kind")
    start, end = table.numbers("chainage_start_m"), table.numbers("chainage_end_m")
    kind = np.array([k.lower() for k in table.text("kind")], dtype=object)
    for row, (a, b, k) in enumerate(zip(start, end, kind, strict=True)):
        if not b > a:
            refuse(
                "S150", table.path, f"row {row + 1}: chainage_end_m must be beyond chainage_start_m, got {a:g} to {b:g}"
            )
        if k not in STRUCTURE_KINDS:
            refuse(
                "S150",
                table.path,
                f"kind must be one of {', '.join(STRUCTURE_KINDS)}, got {k!r} in row {row + 1} of the data",
            )
    order = np.argsort(start, kind="stable")
    start, end, kind = start[order], end[order], kind[order]
    overlap = np.flatnonzero(start[1:] < end[:-1])
    if len(overlap):
        k = int(overlap[0])
        refuse("S150", table.path, f"structures must not overlap, got {start[k]:g}-{end[k]:g} and {start[k + 1]:g} m")
    names = table.text("name")[order] if table.has("name") else np.full(len(start), "", dtype=object)
    return Structures(start, end, kind, names, table.digest)


def _split_unit(name: str) -> tuple[str, str | None]:
    bare, _, unit = name.rpartition("_")
    return (bare, unit) if bare and unit in _SI_PER_UNIT else (name, None)


def _value_columns(table: Cells, quantity: str) -> dict[str, tuple[str, str]]:
    """Columns of a series table with their bare names and units."""
    rules: dict[str, tuple[Callable[[str], bool], str]] = {
        "rain": (lambda bare: bare == "rain", "rain_mm"),
        "groundwater": (lambda bare: bool(_LEVEL_NAME.search(bare)), "depth_m or level_m"),
    }
    is_value, wanted = rules[quantity]
    found: dict[str, tuple[str, str]] = {}
    for name in table.frame.columns:
        if name == "date":
            continue
        bare, unit = _split_unit(name)
        stem = re.split(r"_(?:in|inch|ft|feet|km|dm|um)$", bare)[0]
        if unit is None and (is_value(stem) or (quantity == "rain" and stem.startswith("rain"))):
            refuse("S145", table.path, f"`{name}` must end in its unit (_mm, _cm or _m), got {name}")
        if unit is not None and quantity == "groundwater" and not is_value(bare):
            refuse(
                "S145",
                table.path,
                f"`{name}` must say whether it is depth below ground or level of the water (depth_m or level_m)",
            )
        if unit is not None and is_value(bare):
            if bare in [b for b, _ in found.values()]:
                refuse("S138", table.path, f"`{bare}` must be there in one unit, got it again as {name}")
            found[name] = (bare, unit)
    if not found or (quantity == "rain" and len(found) > 1):
        got = ", ".join(map(str, table.frame.columns))
        refuse("S138", table.path, f"columns must hold {wanted} once, got {got}")
    return found


def _gaps(times: Dates, values: Mapping[str, FloatArray], quantity: str, step: str) -> tuple[str, ...]:
    months = times.astype("datetime64[M]")
    axis = np.arange(months[0], months[-1] + 1)
    known = np.all([np.isfinite(v) for v in values.values()], axis=0)
    if quantity == "rain" and step == "day":
        first, last = times[0], times[-1]
        days = np.arange(first, last + 1)
        missing = np.setdiff1d(days, times[known]).astype("datetime64[M]")
        gaps = np.unique(missing)
    else:
        gaps = np.union1d(np.setdiff1d(axis, months), months[~known])
    return tuple(str(m) for m in gaps)


def _stations(path: Path, key: str, components: Sequence[str], *, quantity: str) -> StationTable:
    table = read_cells(path)
    table.demand(key, "longitude", "latitude", "date")
    columns = _station_columns(table, components)
    names = table.text(key)
    table.demand_text(key, names)
    longitude, latitude = table.positions()
    times, _ = table.dates("date")
    table.demand_once(pd.DataFrame({key: names, "date": times}))
    stations = tuple(dict.fromkeys(names.tolist()))
    by_station: dict[str, Dates] = {}
    values: dict[str, Mapping[str, FloatArray]] = {}
    place = np.empty((2, len(stations)))
    data = {bare: table.numbers(own) * _SI_PER_UNIT[unit] for own, (bare, unit) in columns.items()}
    for k, station in enumerate(stations):
        rows = np.flatnonzero(names == station)
        rows = rows[np.argsort(times[rows])]
        if np.ptp(longitude[rows]) > 1e-3 or np.ptp(latitude[rows]) > 1e-3:
            refuse("S139", path, f"{key} {station} must have one position, got several more than 0.001 degree apart")
        place[:, k] = longitude[rows[0]], latitude[rows[0]]
        by_station[station] = times[rows]
        values[station] = MappingProxyType({bare: v[rows] for bare, v in data.items()})
    return StationTable(
        stations, place[0], place[1], MappingProxyType(by_station), MappingProxyType(values), quantity, table.digest
    )


def _station_columns(table: Cells, components: Sequence[str]) -> dict[str, tuple[str, str]]:
    stds = ("std",) if components == ("height",) else tuple(f"{c}_std" for c in components)
    split = {name: _split_unit(name) for name in table.frame.columns}
    found: dict[str, tuple[str, str]] = {}
    for wanted in (*components, *stds):
        own = [(n, u) for n, (bare, u) in split.items() if bare == wanted]
        if any(u is None for _, u in own) or (
            not own and any(re.fullmatch(rf"{wanted}_[a-z]{{1,4}}", n) and n != f"{wanted}_std" for n in split)
        ):
            refuse("S145", table.path, f"`{wanted}` must end in its unit (_mm, _cm or _m)")
        if len(own) > 1:
            refuse("S138", table.path, f"`{wanted}` must be there once, got {', '.join(n for n, _ in own)}")
        if own:
            found[own[0][0]] = (wanted, str(own[0][1]))
        elif wanted in components:
            got: Any = ", ".join(map(str, table.frame.columns))
            refuse("S138", table.path, f"columns must hold {wanted}_mm (or _cm, _m), got none in {got}")
    return found
