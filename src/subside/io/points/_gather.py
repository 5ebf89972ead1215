"""Blocks of a table gathered into arrays, and the checks every layout of points goes through."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj

from subside.conventions import MM_PER_M
from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.points._spool import RowSpool, is_infinite_at
from subside.model.series_rows import SeriesRows

log = logging.getLogger("subside")

FloatArray = npt.NDArray[np.float64]

DATE_NAME: Final = re.compile(r"^[Dd]?_?(\d{8})$")
"""Column of a date: ``YYYYMMDD``, ``DYYYYMMDD`` or ``D_YYYYMMDD``, perhaps followed by a unit."""

_LOS_TOLERANCE: Final = 0.02
_HORIZONTAL_LIMIT: Final = 89.0
_INCIDENCE_RANGE: Final = (5.0, 85.0)


@dataclass(frozen=True)
class Gathered:
    """A table in memory.

    Attributes
    ----------
    columns : dict of str to ndarray, (row,)
        float64 (NaN is unknown), int64, or object (str).
    series : dict of str to array-like of float32, (row, date)
        Date columns by group, m; in memory where they are small, else on disk and read by rows.
    """

    columns: dict[str, npt.NDArray[Any]]
    series: dict[str, SeriesRows]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))


def gather(
    blocks: Iterable[pa.RecordBatch],
    *,
    columns: Sequence[str],
    series: Mapping[str, Sequence[str]],
    scale: float = MM_PER_M,
) -> Gathered:
    """Gather record batches; date columns become float32 rows in metres, one block in memory at a time.

    Parameters
    ----------
    blocks : iterable of pyarrow.RecordBatch
        Blocks with the columns named.
    columns : sequence of str
        Columns kept by themselves.
    series : mapping of str to sequence of str
        Groups of date columns, in the order of the dates.
    scale : float
        Units of the file in a metre.

    Returns
    -------
    Gathered
    """
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in columns}
    rows = {name: RowSpool(len(days)) for name, days in series.items()}
    for block in blocks:
        for name in columns:
            parts[name].append(as_array(block.column(name)))
        for group, names in series.items():
            values = np.empty((block.num_rows, len(names)), np.float32)
            for index, name in enumerate(names):
                np.divide(block.column(name).to_numpy(zero_copy_only=False), scale, out=values[:, index])
            rows[group].add(values)
    return Gathered({k: _joined(v) for k, v in parts.items()}, {k: v.rows() for k, v in rows.items()})


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Join parts and let go of each, so that memory holds the result and little more."""
    if len(parts) == 1:
        return parts.pop()
    result = np.empty((sum(len(p) for p in parts), *parts[0].shape[1:]), parts[0].dtype)
    start = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        result[start : start + len(part)] = part
        start += len(part)
    return result


def as_array(column: pa.Array) -> npt.NDArray[Any]:
    """Arrow column as numpy: text as object, integers as int64, numbers as float64 with NaN for null."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
    if pa.types.is_integer(column.type) and not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def dates_of(names: Sequence[str], label: str) -> npt.NDArray[np.datetime64]:
    """Dates of date columns (``YYYYMMDD`` with or without a letter), checked.

    Raises
    ------
    InputFileError
        S140 for what is no day, repeated, or out of order.
    """
    days = [re.sub(r"\D", "", n)[:8] for n in names]
    try:
        dates = np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in days], dtype="datetime64[D]")
    except ValueError:
        refuse("S140", label, f"date columns must be days YYYYMMDD, got {_first_bad_day(days)}")
    check_dates(dates, label)
    return dates


def _first_bad_day(days: Sequence[str]) -> str:
    for day in days:
        try:
            np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}")
        except ValueError:
            return day
    return "none"


def check_dates(dates: npt.NDArray[np.datetime64], label: str) -> None:
    """Refuse dates that are not ascending and unique (S140)."""
    wrong = np.flatnonzero(np.diff(dates) <= np.timedelta64(0, "D"))
    if len(wrong):
        a, b = dates[wrong[0]], dates[wrong[0] + 1]
        what = "repeated" if a == b else "out of order"
        refuse("S140", label, f"dates must be ascending and unique, got {b} {what} after {a}")


def check_positions(longitude: FloatArray, latitude: FloatArray, label: str) -> None:
    """Refuse positions that are unknown or out of range (S139); rows count from 1 below the header."""
    is_wrong = ~(np.abs(latitude) <= _HORIZONTAL_LIMIT) | ~(np.abs(longitude) <= 360.0)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        refuse(
            "S139",
            label,
            f"longitude and latitude must be degrees with |latitude| <= {_HORIZONTAL_LIMIT:g}, got "
            f"({longitude[row]:g}, {latitude[row]:g}) in row {row + 1} of the data ({int(is_wrong.sum())} such)",
        )


def check_los(los: FloatArray, label: str) -> None:
    """Refuse lines of sight that are no unit vectors pointing up (S144); unknown ones pass."""
    length = np.linalg.norm(los, axis=1)
    is_wrong = (np.abs(length - 1.0) > _LOS_TOLERANCE) | (los[:, 2] <= 0)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        east, north, up = los[row]
        refuse(
            "S144",
            label,
            f"the line of sight must be a unit vector that points up, got ({east:g}, {north:g}, {up:g}) of length "
            f"{length[row]:.3f} in row {row + 1} of the data ({int(is_wrong.sum())} such)",
        )


def check_finite(values: npt.NDArray[Any], name: str, label: str) -> None:
    """Refuse infinite values (S142); NaN is unknown and passes."""
    if np.isinf(values).any():
        row = int(np.argwhere(np.isinf(values))[0, 0])
        refuse("S142", label, f"`{name}` must be finite or empty, got an infinite value in row {row + 1} of the data")


def check_finite_series(rows: SeriesRows, label: str) -> None:
    """Refuse infinite displacements (S142), some rows at a time; NaN is a gap and passes."""
    row = is_infinite_at(rows)
    if row is not None:
        refuse(
            "S142", label, f"`displacement` must be finite or empty, got an infinite value in row {row + 1} of the data"
        )


def known_std(std: FloatArray, name: str, label: str) -> FloatArray:
    """Standard deviations, those of exactly 0 (rounded away) unknown and said; negative ones refused (S150)."""
    check_finite(std, name, label)
    if (std < 0).any():
        row = int(np.flatnonzero(std < 0)[0])
        refuse("S150", label, f"`{name}` must not be negative, got {std[row]:g} in row {row + 1} of the data")
    n_zero = int((std == 0).sum())
    if n_zero:
        log.warning("%s: `%s` of %d points is 0, which no measurement has: taken as unknown", label, name, n_zero)
    return np.where(std > 0, std, np.nan)


def check_incidence(incidence: FloatArray, label: str) -> None:
    """Refuse incidence angles that cannot be degrees of a side-looking radar (S144)."""
    low, high = _INCIDENCE_RANGE
    is_wrong = (incidence < low) | (incidence > high)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        got = f"{incidence[row]:g} in row {row + 1} of the data"
        refuse("S144", label, f"incidence angles must be degrees between {low:g} and {high:g}, got {got}")


def los_of_angles(incidence_deg: npt.ArrayLike, heading_deg: npt.ArrayLike) -> FloatArray:
    """Line of sight of a right-looking radar, (point, 3), from ground to satellite.

    ``(-sin(a) cos(h), sin(a) sin(h), cos(a))`` with incidence ``a`` and heading ``h`` clockwise from north.

    Parameters
    ----------
    incidence_deg, heading_deg : array-like, (point,)
        Degree.

    Returns
    -------
    ndarray of float64, (point, 3)
        East, north, up.
    """
    incidence, heading = np.broadcast_arrays(np.radians(incidence_deg), np.radians(heading_deg))
    across = np.sin(incidence)
    return np.stack([-across * np.cos(heading), across * np.sin(heading), np.cos(incidence)], axis=-1)


def check_projected(crs: str | None) -> None:
    """Refuse a coordinate system that is not known, or not projected in metres; None passes.

    Raises
    ------
    ArgumentError
    """
    if crs is None:
        return
    try:
        system = pyproj.CRS(crs)
    except pyproj.exceptions.CRSError as error:
        raise ArgumentError(f"`crs` must be a known coordinate system such as EPSG:32650, got {crs!r}") from error
    if not system.is_projected or any(axis.unit_name != "metre" for axis in system.axis_info[:2]):
        raise ArgumentError(f"`crs` must be projected in metres such as EPSG:32650, got {crs!r} ({system.name})")


def demand(names: Sequence[str], required: Sequence[str], label: str) -> None:
    """Refuse a table that lacks columns (S138)."""
    missing = [n for n in required if n not in names]
    if missing:
        refuse("S138", label, f"columns must hold {', '.join(required)}, got none of {', '.join(missing)}")
