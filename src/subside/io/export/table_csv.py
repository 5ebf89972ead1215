"""Comma-separated text: the columns of the schema, plain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from subside.io.export._arrow import GEOMETRY, arrow_schema, table_batches
from subside.io.export._files import atomic_file
from subside.io.schema import PointTable, table_columns

_DIGITS: Final = 24
"""Digits of a fixed-point number, decimals included."""


def write_table_csv(table: PointTable, path: Path) -> None:
    """Write a table as CSV: one header line, ``,`` between fields, empty where unknown.

    Parameters
    ----------
    table : PointTable
        Points, flagged ones included.
    path : Path
        File to write; replaced whole if it exists.

    Raises
    ------
    ProjectError
        If the file cannot be written.
    """
    columns = table_columns(table.dates)
    schema = arrow_schema(table)
    schema = schema.remove(schema.get_field_index(GEOMETRY))
    decimals = [c.decimals for c in columns]
    batches = (b.columns for b in table_batches(table, schema))
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        write_lines(stream, [c.name for c in columns], batches, decimals)


def write_lines(
    stream: BinaryIO,
    names: Sequence[str],
    batches: Iterable[Sequence[pa.Array]],
    decimals: Sequence[int],
) -> None:
    """Write batches of Arrow columns as CSV lines, floats with a fixed number of decimals, null empty."""
    stream.write((",".join(names) + "\n").encode())
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    for batch in batches:
        fixed = [_fixed_point(a, d) for a, d in zip(batch, decimals, strict=True)]
        pyarrow.csv.write_csv(pa.RecordBatch.from_arrays(fixed, names=list(names)), stream, options)


def _fixed_point(array: pa.Array, decimals: int) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    rounded = pc.round(pc.cast(array, pa.float64()), ndigits=decimals)
    return pc.cast(rounded, pa.decimal128(_DIGITS, decimals))
