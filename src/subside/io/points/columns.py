"""Any table of points by the names of its columns: our own exports, and CSV or parquet of others.

Names are taken without regard to case. Units are those of our exports (mm, mm/yr, degrees) unless the name ends in
another: ``velocity_m_yr``, ``D20200103_cm``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.points._gather import (
    FloatArray,
    Gathered,
    check_finite,
    check_finite_series,
    check_incidence,
    check_los,
    check_positions,
    dates_of,
    gather,
    known_std,
    los_of_angles,
)
from subside.io.points._text import file_digest
from subside.model.points import GEOGRAPHIC, LOS_NAMES, PointKind, PointSet, PointSource, transform
from subside.model.series_rows import select_rows

log = logging.getLogger("subside")

Los = tuple[float, float, float]

NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "longitude": ("longitude", "lon"),
        "latitude": ("latitude", "lat"),
        "easting": ("easting",),
        "northing": ("northing",),
        "velocity": ("velocity", "vel", "mean_velocity"),
        "velocity_std": ("velocity_std", "vel_std", "v_stdev", "mean_velocity_std"),
        "velocity_std_representation": ("velocity_std_representation",),
        "coherence": ("temporal_coherence", "coherence", "coher"),
        "height": ("height", "height_ellipse"),
        "flags": ("flags",),
        "point_id": ("point_id", "pid", "code", "id"),
        "effective_area": ("mp_type", "eff_area"),
        "kind": ("kind",),
        "los_east": ("los_east",),
        "los_north": ("los_north",),
        "los_up": ("los_up",),
        "incidence": ("incidence_angle", "incidence"),
        "heading": ("heading", "track_angle", "heading_deg"),
    }
)
"""Names that a column may have, in order of preference."""

_RATE_UNITS: Final[Mapping[str, float]] = {"_mm_yr": 1000.0, "_cm_yr": 100.0, "_m_yr": 1.0}
_SERIES_UNITS: Final[Mapping[str, float]] = {"_mm": 1000.0, "_cm": 100.0, "_m": 1.0}
_SERIES: Final = re.compile(r"^([ds]?)_?(\d{8})(_mm|_cm|_m)?$")
_LOS: Final = tuple(LOS_NAMES.values())


class Table(Protocol):
    """Text or parquet: names, and blocks of chosen columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns in order."""

    @property
    def label(self) -> str:
        """Name for messages."""

    def demand_unique(self) -> None:
        """Refuse a column that is there twice."""

    def blocks(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        """Read columns some rows at a time."""


@dataclass(frozen=True)
class _Layout:
    """Which columns of a table hold what."""

    own: Mapping[str, str]
    rate_scale: float
    dates: npt.NDArray[np.datetime64]
    series: Mapping[str, tuple[str, ...]]
    series_scale: float


def is_points(names: Sequence[str]) -> bool:
    """Whether a header has a place and a rate."""
    lower = {_without_unit(n.lower()) for n in names}

    def has(quantity: str) -> bool:
        return bool(lower & set(NAMES[quantity]))

    return has("velocity") and (has("longitude") or has("easting"))


def read_columns(
    table: Table,
    *,
    path: Path,
    crs: str | None,
    name: str | None,
    los: Los | None,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> PointSet:
    """Read points from a table by the names of its columns.

    Parameters
    ----------
    table : Table
        Text or parquet.
    path : Path
        The file.
    crs : str or None
        Projected system of easting and northing; needed where there is no longitude and latitude.
    name : str or None
        Name of the track.
    los : tuple of float or None
        Line of sight (east, north, up) of all points, for a file without.
    facts : mapping
        What an export of this package wrote about the table.

    Returns
    -------
    PointSet
        Rows without a position are left out, logged and counted in the facts of the source.

    Raises
    ------
    InputFileError
        S138 to S147: see ``docs/reference/codes.md``.
    ArgumentError
        For ``los`` with a file that has its own.
    """
    table.demand_unique()
    layout = _layout(table, crs)
    types = {
        **{column: _type(quantity) for quantity, column in layout.own.items()},
        **{column: pa.float64() for group in layout.series.values() for column in group},
    }
    got = gather(
        table.blocks(types), columns=list(layout.own.values()), series=layout.series, scale=layout.series_scale
    )
    values = {quantity: got.columns[column] for quantity, column in layout.own.items()}
    longitude, latitude = _positions(values, crs)
    keep = np.isfinite(longitude) & np.isfinite(latitude)
    if not keep.any():
        refuse("S139", table.label, "at least one point must have a position, got none")
    if not keep.all():
        log.warning("%s: %d points without a position are left out", table.label, int((~keep).sum()))
        values = {quantity: column[keep] for quantity, column in values.items()}
        left = np.flatnonzero(keep)
        got = Gathered({}, {group: select_rows(rows, left) for group, rows in got.series.items()})
        longitude, latitude = longitude[keep], latitude[keep]
    check_positions(longitude, latitude, table.label)
    check_finite(values["velocity"], layout.own["velocity"], table.label)
    check_finite_series(got.series["d"], table.label)
    track = name or str(facts.get("track") or path.stem)
    return PointSet.from_geographic(
        track,
        longitude=longitude,
        latitude=latitude,
        crs=crs,
        source=_source(path, facts, values, n_left_out=int((~keep).sum())),
        columns={
            **_optional(values),
            "dates": layout.dates,
            "los": _los(values, los, table.label),
            "velocity": values["velocity"] / layout.rate_scale,
            **_velocity_std(values, layout, table.label),
            "displacement": got.series["d"],
            "displacement_std": got.series.get("s"),
        },
    )


def _without_unit(name: str) -> str:
    for unit in _RATE_UNITS:
        if name.endswith(unit):
            return name.removesuffix(unit)
    return name


def _layout(table: Table, crs: str | None) -> _Layout:
    by_lower = {n.lower(): n for n in table.names}
    bare: dict[str, str] = {}
    for lower in by_lower:
        if _without_unit(lower) in bare:
            other = by_lower[bare[_without_unit(lower)]]
            refuse("S138", table.label, f"a rate must be there once, got {other} and {by_lower[lower]}")
        bare[_without_unit(lower)] = lower
    own, units = {}, {}
    for quantity, choices in NAMES.items():
        found = next((bare[c] for c in choices if c in bare), None)
        if found:
            own[quantity] = by_lower[found]
            units[quantity] = next((u for u in _RATE_UNITS if found.endswith(u)), "_mm_yr")
    _demand_place(own, table, crs)
    if "velocity_std" in units and units["velocity_std"] != units["velocity"]:
        refuse(
            "S145", table.label, f"rate and its error must have one unit, got {own['velocity']}, {own['velocity_std']}"
        )
    return _Layout(own, _RATE_UNITS[units["velocity"]], *_series(table))


def _demand_place(own: Mapping[str, str], table: Table, crs: str | None) -> None:
    missing = [n for n in ("longitude", "latitude") if n not in own]
    if "velocity" not in own:
        missing.append("velocity")
    if "easting" in own and "northing" in own and "longitude" not in own and "latitude" not in own:
        missing = [n for n in missing if n == "velocity"]
        if crs is None:
            refuse("S147", table.label, "easting and northing must come with a coordinate system, got none", "State it")
    if missing:
        refuse("S138", table.label, f"columns must hold longitude, latitude and velocity, got no {', '.join(missing)}")


def _series(table: Table) -> tuple[npt.NDArray[np.datetime64], dict[str, tuple[str, ...]], float]:
    found = [(n, m) for n in table.names if (m := _SERIES.match(n.lower()))]
    units = {m[3] or "_mm" for _, m in found}
    if len(units) > 1:
        refuse("S145", table.label, f"columns of dates must have one unit, got {', '.join(sorted(units))}")
    groups = {g: tuple(n for n, m in found if (m[1] or "d") == g) for g in ("d", "s")}
    dates = dates_of(groups["d"], table.label)
    if not groups["s"]:
        del groups["s"]
    elif not np.array_equal(dates_of(groups["s"], table.label), dates):
        refuse("S140", table.label, "standard deviations (S columns) must have the dates of the displacements")
    return dates, groups, _SERIES_UNITS[units.pop() if units else "_mm"]


def _type(quantity: str) -> pa.DataType:
    return pa.string() if quantity in ("point_id", "effective_area", "kind") else pa.float64()


def _positions(values: Mapping[str, npt.NDArray[Any]], crs: str | None) -> tuple[FloatArray, FloatArray]:
    if "longitude" in values:
        return values["longitude"], values["latitude"]
    longitude, latitude = transform(values["easting"], values["northing"], source=str(crs), target=GEOGRAPHIC)
    is_placed = np.isfinite(longitude) & np.isfinite(latitude)
    return np.where(is_placed, longitude, np.nan), np.where(is_placed, latitude, np.nan)


def _los(values: Mapping[str, npt.NDArray[Any]], los: Los | None, label: str) -> FloatArray:
    n = len(values["velocity"])
    if all(part in values for part in _LOS):
        found = np.stack([values[part] for part in _LOS], axis=1)
    elif "incidence" in values and "heading" in values:
        check_incidence(values["incidence"], label)
        found = los_of_angles(values["incidence"], values["heading"])
    else:
        found = np.tile(np.array(los if los is not None else (np.nan,) * 3), (n, 1))
        check_los(found, label)
        return found
    if los is not None:
        raise ArgumentError(f"`los` must be left out where the file has the line of sight, got {los} for {label}")
    check_los(found, label)
    return found


def _velocity_std(values: Mapping[str, npt.NDArray[Any]], layout: _Layout, label: str) -> dict[str, FloatArray]:
    if "velocity_std" not in values:
        return {}
    std = known_std(values["velocity_std"], layout.own["velocity_std"], label)
    hidden = values.get("velocity_std_representation", np.zeros(len(std)))
    return {
        "velocity_std": std / layout.rate_scale,
        "velocity_std_representation": np.nan_to_num(hidden) / layout.rate_scale,
    }


def _optional(values: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {k: values[k] for k in ("coherence", "height", "point_id") if k in values}
    if "flags" in values:
        result["flags"] = np.nan_to_num(values["flags"]).astype(np.int32)
    if "effective_area" in values:
        area = pd.to_numeric(pd.Series(values["effective_area"], dtype=object), errors="coerce").to_numpy(np.float64)
        result["kind"] = _kinds(area == 0, area > 0)
    if "kind" in values:
        result["kind"] = _kinds(*(values["kind"] == kind.name for kind in (PointKind.PS, PointKind.DS)))
    return result


def _kinds(is_ps: npt.NDArray[np.bool_], is_ds: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.select([is_ps, is_ds], [PointKind.PS, PointKind.DS], PointKind.UNKNOWN).astype(np.uint8)


def _source(
    path: Path, facts: Mapping[str, Any], values: Mapping[str, npt.NDArray[Any]], *, n_left_out: int
) -> PointSource:
    heading = facts.get("heading_deg")
    if heading is None and "heading" in values and np.isfinite(values["heading"]).any():
        heading = float(np.nanmedian(values["heading"]) % 360.0)
    kept: dict[str, Any] = {k: facts[k] for k in ("reference_areas", "provenance") if facts.get(k)}
    if n_left_out:
        kept["n_without_position"] = n_left_out
    return PointSource(
        label=path.name,
        digest=file_digest(path),
        wavelength=facts["wavelength_m"] if facts.get("wavelength_m") else np.nan,
        heading_deg=np.nan if heading is None else heading,
        sigma_definition=facts.get("sigma_definition") or "as written in the file, which does not define it",
        datum=facts.get("datum") or "unknown: the file does not say what rates are relative to",
        filter_extent=float(facts.get("provenance", {}).get("filter", {}).get("extent_m") or 0.0),
        facts=kept,
    )
