"""Columns of the point products: name, dtype, unit, sign, null rule and order, fixed here and nowhere else.

Inside the package quantities are SI; :meth:`PointTable.from_si` is the one place where they become
millimetres and degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from subside.conventions import FLAG_DESCRIPTIONS, MM_PER_M
from subside.errors import ArgumentError
from subside.model.points import PointKind
from subside.model.stack import parse_dates

SCHEMA_VERSION: Final = "1.2"
"""Version of the point schema; the first number changes when a column changes its meaning."""

BATCH_POINTS: Final = 16_384
"""Points handed to a writer at a time."""

TOWARD: Final = "positive toward the satellite (red, negative: sinking or away)"
NEVER_NULL: Final = "never null"
NULL_IF_UNKNOWN: Final = "null where unknown"


@dataclass(frozen=True)
class Column:
    """One column of the point products.

    Attributes
    ----------
    name : str
        Column name in every format.
    dtype : str
        ``string`` or a numpy dtype name.
    unit : str
        Unit, ``1`` for pure numbers, empty for names and codes.
    description : str
        Meaning in words.
    sign : str
        What a positive value means; empty where it cannot be negative or the unit says it.
    null : str
        When the value is null.
    decimals : int
        Decimals written by text formats.
    low, high : float
        Range of a valid value.
    """

    name: str
    dtype: str
    unit: str
    description: str
    sign: str = ""
    null: str = NULL_IF_UNKNOWN
    decimals: int = 3
    low: float = -math.inf
    high: float = math.inf


_FLAG_TEXT = "; ".join(f"{int(d.flag)}: {d.description}" for d in FLAG_DESCRIPTIONS)

POINT_COLUMNS: Final[tuple[Column, ...]] = (
    Column("point_id", "string", "", "track, azimuth index and range index of the pixel", null=NEVER_NULL),
    Column("longitude", "float64", "degree", "WGS 84 longitude", "east", decimals=7, low=-180, high=180),
    Column("latitude", "float64", "degree", "WGS 84 latitude", "north", decimals=7, low=-90, high=90),
    Column("height", "float32", "m", "height above the WGS 84 ellipsoid", "up", decimals=2),
    Column("azimuth_index", "int32", "1", "line in the input stack, from 0", null=NEVER_NULL, low=0),
    Column("range_index", "int32", "1", "sample in the input stack, from 0", null=NEVER_NULL, low=0),
    Column("incidence_angle", "float32", "degree", "incidence angle at the ellipsoid", low=0, high=90),
    Column("los_east", "float32", "1", "unit vector ground to satellite", "east", decimals=5, low=-1, high=1),
    Column("los_north", "float32", "1", "unit vector ground to satellite", "north", decimals=5, low=-1, high=1),
    Column("los_up", "float32", "1", "unit vector ground to satellite", "up", decimals=5, low=-1, high=1),
    Column("velocity", "float32", "mm/yr", "mean line-of-sight velocity", TOWARD),
    Column("velocity_std", "float32", "mm/yr", "standard deviation of the velocity", low=0),
    Column("temporal_coherence", "float32", "1", "coherence of the phase residuals (gamma)", low=0, high=1),
    Column("amplitude_difference_dispersion", "float32", "1", "dispersion of amplitude differences", low=0),
    Column("n_shp", "int32", "1", "statistically homogeneous pixels of the filter window", low=0),
    Column("dem_error", "float32", "m", "height of the scatterer above the DEM", "above the DEM"),
    Column("dem_error_std", "float32", "m", "standard deviation of the height error", low=0),
    Column("flags", "int32", "1", f"quality bits, 0 is the default set. {_FLAG_TEXT}", null=NEVER_NULL, low=0),
    Column("kind", "string", "", "PS: a persistent scatterer, as observed; DS: a distributed one, filtered"),
    Column(
        *("velocity_std_representation", "float32", "mm/yr"),
        "part of velocity_std for what averaging over the filter window may hide",
        low=0,
    ),
)
"""Columns before the dates, in export order."""

_BY_NAME: Final[Mapping[str, Column]] = MappingProxyType({c.name: c for c in POINT_COLUMNS})
_REQUIRED: Final = ("azimuth_index", "range_index", "flags")
_FROM_SI: Final[Mapping[str, float]] = MappingProxyType(
    {
        "velocity": MM_PER_M,
        "velocity_std": MM_PER_M,
        "velocity_std_representation": MM_PER_M,
        "incidence_angle": 180.0 / math.pi,
    }
)
_ROUNDING: Final = 1e-5


def displacement_column(date: str) -> Column:
    """Column of the displacement at one date (``YYYYMMDD``)."""
    return Column(f"D{date}", "float32", "mm", f"line-of-sight displacement at {date}, zero at the first date", TOWARD)


def displacement_std_column(date: str) -> Column:
    """Column of the standard deviation of the displacement at one date (``YYYYMMDD``)."""
    return Column(f"S{date}", "float32", "mm", f"standard deviation of the displacement at {date}", low=0)


def table_columns(dates: Sequence[str]) -> tuple[Column, ...]:
    """All columns of a table with these dates, in export order: points, displacements, their σ."""
    return (
        *POINT_COLUMNS,
        *(displacement_column(d) for d in dates),
        *(displacement_std_column(d) for d in dates),
    )


def point_ids(
    track: str, azimuth_index: npt.NDArray[np.integer[Any]], range_index: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.object_]:
    """Identifiers ``<track>-<azimuth>-<range>``: the same pixel of a track has the same one for ever.

    Parameters
    ----------
    track : str
        Name of the track.
    azimuth_index, range_index : ndarray of int, (point,)
        Pixel in the input stack.

    Returns
    -------
    ndarray of object (str), (point,)
        Six digits an index, more where the index needs them.
    """
    return np.array(
        [f"{track}-{a:06d}-{r:06d}" for a, r in zip(azimuth_index.tolist(), range_index.tolist(), strict=True)],
        dtype=object,
    )


class Rows(Protocol):
    """A (point, date) array that is read some rows at a time: numpy and zarr arrays both are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read a slice of rows as a numpy array."""


@dataclass(frozen=True)
class TableAttributes:
    """Facts about a whole table.

    Attributes
    ----------
    wavelength : float
        m; NaN is unknown.
    heading_deg : float
        Flight direction clockwise from north, degree; NaN is unknown.
    sigma_definition : str
        Which standard deviation the ``*_std`` columns hold, in words.
    datum : str
        What the displacements are relative to, in words.
    reference_areas : sequence of mapping
        One mapping an area, JSON values only.
    provenance : mapping
        Sources, digests, parameters and versions, JSON values only.
    """

    wavelength: float = math.nan
    heading_deg: float = math.nan
    sigma_definition: str = "unknown"
    datum: str = "unknown: displacements are relative to the reference areas"
    reference_areas: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Attributes as JSON values; an unknown number is None."""
        return {
            "wavelength_m": _known(self.wavelength),
            "heading_deg": _known(self.heading_deg),
            "sigma_definition": self.sigma_definition,
            "datum": self.datum,
            "reference_areas": [dict(a) for a in self.reference_areas],
            "provenance": dict(self.provenance),
        }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class PointBatch:
    """Consecutive rows of a table in export units.

    Attributes
    ----------
    rows : slice
        Rows of the table.
    columns : mapping of str to ndarray, (row,)
        Every column of :data:`POINT_COLUMNS` but ``point_id``; NaN is unknown.
    point_id : ndarray of object (str), (row,)
        Identifiers.
    displacement, displacement_std : ndarray of float32, (row, date)
        mm; NaN is unknown.
    """

    rows: slice
    columns: Mapping[str, npt.NDArray[Any]]
    point_id: npt.NDArray[np.object_]
    displacement: npt.NDArray[np.float32]
    displacement_std: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PointTable:
    """Points of one track ready for export.

    Build it with :meth:`from_si`.

    Attributes
    ----------
    track : str
        Name of the track.
    dates : tuple of str
        ``YYYYMMDD``, ascending.
    columns : mapping of str to ndarray, (point,)
        Every column of :data:`POINT_COLUMNS` but ``point_id``, in the unit of the schema; NaN is unknown.
        ``n_shp`` is float64 so that it can be unknown; ``kind`` is object (str), None where unknown.
    displacement_si : array-like, (point, date)
        m, positive toward the satellite, zero at the first date; read by rows.
    displacement_std_si : array-like, (point, date), or None
        m; None is unknown.
    attributes : TableAttributes
        Facts about the table.
    """

    track: str
    dates: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]]
    displacement_si: Rows
    displacement_std_si: Rows | None
    attributes: TableAttributes

    @classmethod
    def from_si(
        cls,
        track: str,
        dates: Sequence[str],
        *,
        points: Mapping[str, npt.ArrayLike],
        displacement: Rows,
        displacement_std: Rows | None = None,
        attributes: TableAttributes | None = None,
    ) -> PointTable:
        """Make a table from quantities in SI units.

        Parameters
        ----------
        track : str
            Name of the track.
        dates : sequence of str
            ``YYYYMMDD``, ascending and unique.
        points : mapping of str to array-like, (point,)
            Columns of :data:`POINT_COLUMNS` but ``point_id``; an absent one is unknown. Pixels and flags
            are required. ``kind`` in numbers of :class:`subside.model.points.PointKind`, ``velocity`` and its two
            standard deviations in m/yr, ``incidence_angle`` in rad, longitude and latitude in degrees, the rest in
            the schema's unit. NaN is unknown.
        displacement : array-like, (point, date)
            m, positive toward the satellite, zero at the first date. Any array that reads row slices.
        displacement_std : array-like, (point, date), optional
            m. None is unknown.
        attributes : TableAttributes, optional
            Facts about the table.

        Returns
        -------
        PointTable
            Per-point columns converted; displacements are converted as rows are read.

        Raises
        ------
        ArgumentError
            For an unknown column, a wrong length, a value outside the range of its column, a repeated
            pixel, or dates that are malformed or out of order.
        """
        parse_dates(list(dates))
        shape = tuple(displacement.shape)
        if len(shape) != 2 or shape[1] != len(dates):
            raise ArgumentError(f"`displacement` must have shape (point, {len(dates)}), got {shape}")
        if displacement_std is not None and tuple(displacement_std.shape) != shape:
            raise ArgumentError(f"`displacement_std` must have shape {shape}, got {displacement_std.shape}")
        strange = sorted(set(points) - set(_BY_NAME) | ({"point_id"} & set(points)))
        if strange:
            raise ArgumentError(f"`points` must name columns of the schema, got {strange}")
        missing = [name for name in _REQUIRED if name not in points]
        if missing:
            raise ArgumentError(f"`points` must hold {list(_REQUIRED)}, got none for {missing}")
        columns = {c.name: _column(c, points.get(c.name), shape[0]) for c in POINT_COLUMNS[1:]}
        pixel = columns["azimuth_index"].astype(np.int64) << 32 | columns["range_index"]
        if len(np.unique(pixel)) != shape[0]:
            raise ArgumentError(f"`points` must hold each pixel once, got {shape[0] - len(np.unique(pixel))} repeated")
        return cls(
            track,
            tuple(dates),
            MappingProxyType(columns),
            displacement,
            displacement_std,
            attributes or TableAttributes(),
        )

    @property
    def n_points(self) -> int:
        """Number of points, flagged ones included."""
        return int(self.displacement_si.shape[0])

    def is_known(self, name: str) -> bool:
        """Whether a per-point column holds at least one value."""
        values = self.columns[name]
        known = values != None if values.dtype == object else np.isfinite(values)  # noqa: E711
        return bool(np.any(known))

    def batches(self, n_points: int = BATCH_POINTS) -> Iterator[PointBatch]:
        """Read the table some points at a time, in order.

        Parameters
        ----------
        n_points : int
            Points a batch.

        Yields
        ------
        PointBatch
            Rows in export units. No more than one batch of displacements is in memory.

        Raises
        ------
        ArgumentError
            If a displacement is not zero at the first date, or one is infinite.
        """
        for start in range(0, self.n_points, n_points):
            rows = slice(start, min(start + n_points, self.n_points))
            displacement = _millimetres(self.displacement_si[rows])
            if displacement.shape[1] and np.any(np.abs(displacement[:, 0]) > _ROUNDING):
                raise ArgumentError(
                    f"`displacement` must be zero at the first date {self.dates[0]}, "
                    f"got up to {np.nanmax(np.abs(displacement[:, 0])):.3g} mm"
                )
            if self.displacement_std_si is None:
                displacement_std = np.full(displacement.shape, np.nan, np.float32)
            else:
                displacement_std = _millimetres(self.displacement_std_si[rows])
            columns = {name: values[rows] for name, values in self.columns.items()}
            ids = point_ids(self.track, columns["azimuth_index"], columns["range_index"])
            yield PointBatch(rows, columns, ids, displacement, displacement_std)

    def metadata(self) -> dict[str, Any]:
        """Schema, units and attributes as JSON values, for the metadata of a file."""
        return {
            "schema_version": SCHEMA_VERSION,
            "track": self.track,
            "n_points": self.n_points,
            "first_date": self.dates[0] if self.dates else None,
            "last_date": self.dates[-1] if self.dates else None,
            "sign": TOWARD,
            "default_set": "flags == 0",
            "columns": {
                c.name: {"unit": c.unit, "description": c.description, "sign": c.sign, "null": c.null}
                for c in (*POINT_COLUMNS, _series_column("D"), _series_column("S"))
            },
            **self.attributes.as_json(),
        }


def _series_column(letter: str) -> Column:
    return (displacement_column if letter == "D" else displacement_std_column)("YYYYMMDD")


def _millimetres(metres: npt.ArrayLike) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = (np.asarray(metres, np.float64) * MM_PER_M).astype(np.float32)
    if np.isinf(values).any():
        raise ArgumentError("`displacement` and `displacement_std` must be finite or NaN, got infinite values")
    return values


def _column(column: Column, given: npt.ArrayLike | None, n_points: int) -> npt.NDArray[Any]:
    """Bring one column to its unit and dtype, checking length and range; absent becomes all NaN."""
    if column.dtype == "string":
        return _kind_names(given, n_points)
    if given is None:
        return np.full(n_points, np.nan, np.float64 if column.dtype == "int32" else column.dtype)
    values = np.asarray(given, np.float64) * _FROM_SI.get(column.name, 1.0)
    if values.shape != (n_points,):
        raise ArgumentError(f"`{column.name}` must have shape ({n_points},), got {values.shape}")
    tolerance = _ROUNDING if math.isfinite(column.high) else 0.0
    bad = (values < column.low - tolerance) | (values > column.high + tolerance) | np.isinf(values)
    if column.null == NEVER_NULL:
        bad |= np.isnan(values)
    if bad.any():
        raise ArgumentError(
            f"`{column.name}` must lie in [{column.low:g}, {column.high:g}] {column.unit} and be "
            f"{column.null}, got {values[bad][0]:g} at point {int(np.flatnonzero(bad)[0])} "
            f"({int(bad.sum())} such)"
        )
    values = np.clip(values, column.low, column.high)
    if column.null == NEVER_NULL:
        return values.astype(np.int32)
    return values if column.dtype == "int32" else values.astype(column.dtype)


def _kind_names(given: npt.ArrayLike | None, n_points: int) -> npt.NDArray[np.object_]:
    numbers = np.zeros(n_points, np.int64) if given is None else np.asarray(given, np.int64)
    if numbers.shape != (n_points,):
        raise ArgumentError(f"`kind` must have shape ({n_points},), got {numbers.shape}")
    if np.any((numbers < 0) | (numbers > max(PointKind))):
        raise ArgumentError(f"`kind` must be a number of PointKind, got {numbers.min()} to {numbers.max()}")
    names = [None if kind == PointKind.UNKNOWN else kind.name for kind in PointKind]
    result: npt.NDArray[np.object_] = np.array(names, dtype=object)[numbers]
    return result
