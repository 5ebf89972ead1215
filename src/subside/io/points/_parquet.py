"""Parquet as columns, read in blocks, with the facts that an export of this package leaves in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from subside.io.codes import refuse

_ROWS: Final = 32_768


@dataclass(frozen=True)
class ParquetTable:
    """A parquet file whose footer has been read.

    Attributes
    ----------
    path : Path
        File.
    names : tuple of str
        Columns, in order.
    facts : mapping
        What an export of this package wrote about the table; empty for another file.
    """

    path: Path
    names: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """File name for messages."""
        return str(self.path)

    def demand_unique(self) -> None:
        """Columns of a parquet file of this reader are there once."""

    def blocks(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        """Read columns some rows at a time; number columns keep their width, others are cast.

        Raises
        ------
        InputFileError
            S142 for a column of another type, S141 for a damaged file, S143 for no row.
        """
        n_rows = 0
        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=_ROWS, columns=list(types)):
                    n_rows += batch.num_rows
                    yield pa.RecordBatch.from_arrays(
                        [self._cast(batch.column(name), name, wanted) for name, wanted in types.items()],
                        names=list(types),
                    )
        except (pa.ArrowInvalid, OSError) as error:
            refuse("S141", self.path, f"the file must be whole, got: {error}")
        if not n_rows:
            refuse("S143", self.path, "there must be rows, got none")

    def _cast(self, column: pa.Array, name: str, wanted: pa.DataType) -> pa.Array:
        if pa.types.is_floating(wanted) and pa.types.is_floating(column.type):
            return column
        try:
            return column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            refuse("S142", self.path, f"column `{name}` must hold {wanted}, got {column.type}")


def is_parquet(path: Path) -> bool:
    """Whether a file begins as parquet does, or has its suffix."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1" or path.suffix.lower() in (".parquet", ".geoparquet")


def open_parquet(path: Path) -> ParquetTable:
    """Read the footer of a parquet file.

    Raises
    ------
    InputFileError
        S141 for a file that breaks off or is no parquet.
    """
    try:
        schema = pq.read_schema(path)
        facts = json.loads((schema.metadata or {}).get(b"subside", b"{}"))
    except (pa.ArrowInvalid, OSError, json.JSONDecodeError) as error:
        refuse("S141", path, f"the file must be whole parquet, got: {error}")
    return ParquetTable(path, tuple(schema.names), facts)
