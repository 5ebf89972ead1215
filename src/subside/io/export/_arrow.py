"""Point tables as Arrow record batches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from subside.io.schema import POINT_COLUMNS, Column, PointBatch, PointTable, table_columns

GEOMETRY: Final = "geometry"
"""Name of the geometry column."""

_WKB_POINT: Final = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])


def arrow_schema(table: PointTable, *, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """Arrow schema of a table: the columns of the point schema, then the geometry (WKB)."""
    fields = [
        pa.field(
            c.name,
            pa.type_for_alias(c.dtype),
            metadata={"unit": c.unit, "description": c.description, "sign": c.sign, "null": c.null},
        )
        for c in table_columns(table.dates)
    ]
    fields.append(pa.field(GEOMETRY, pa.binary()))
    return pa.schema(fields, metadata=dict(metadata or {}))


def table_batches(table: PointTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Turn a table into record batches with the columns of ``schema``, some points at a time.

    Parameters
    ----------
    table : PointTable
        Points.
    schema : pyarrow.Schema
        :func:`arrow_schema` of the table or a selection of its fields.

    Yields
    ------
    pyarrow.RecordBatch
        Unknown values are null. No more than one batch is in memory.
    """
    names = set(schema.names)
    for batch in table.batches():
        arrays = _batch_arrays(batch, table.dates, names)
        yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)


def _batch_arrays(batch: PointBatch, dates: tuple[str, ...], names: set[str]) -> dict[str, pa.Array]:
    arrays = {"point_id": pa.array(batch.point_id, pa.string())}
    for column in POINT_COLUMNS[1:]:
        arrays[column.name] = nullable(batch.columns[column.name], column)
    for letter, series in (("D", batch.displacement), ("S", batch.displacement_std)):
        for index, date in enumerate(dates):
            if f"{letter}{date}" in names:
                arrays[f"{letter}{date}"] = pa.array(np.ascontiguousarray(series[:, index]), from_pandas=True)
    if GEOMETRY in names:
        arrays[GEOMETRY] = wkb_points(batch.columns["longitude"], batch.columns["latitude"])
    return arrays


def nullable(values: npt.NDArray[Any], column: Column) -> pa.Array:
    """One column as an Arrow array of the schema's type; NaN and None become null."""
    if column.dtype == "int32" and values.dtype != np.int32:
        unknown = np.isnan(values)
        return pa.array(np.where(unknown, 0, values).astype(np.int32), mask=unknown)
    return pa.array(values, pa.type_for_alias(column.dtype), from_pandas=True)


def wkb_points(longitude: npt.NDArray[np.float64], latitude: npt.NDArray[np.float64]) -> pa.Array:
    """Points in well-known binary, null where a coordinate is unknown."""
    records = np.empty(len(longitude), _WKB_POINT)
    records["order"], records["type"] = 1, 1
    records["x"], records["y"] = longitude, latitude
    is_known = np.isfinite(longitude) & np.isfinite(latitude)
    offsets = np.zeros(len(records) + 1, np.int32)
    np.cumsum(np.where(is_known, _WKB_POINT.itemsize, 0), out=offsets[1:])
    validity = np.packbits(is_known, bitorder="little")
    return pa.Array.from_buffers(
        pa.binary(),
        len(records),
        [pa.py_buffer(validity), pa.py_buffer(offsets), pa.py_buffer(records[is_known].tobytes())],
        null_count=int(len(records) - is_known.sum()),
    )


def metadata_json(table: PointTable) -> str:
    """Schema, units and provenance of a table as JSON text."""
    return json.dumps(table.metadata(), sort_keys=True, allow_nan=False)
