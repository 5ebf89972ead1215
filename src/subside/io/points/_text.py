"""Delimited text as columns: opened plain or inside a zip, read in blocks, faults told by row."""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.csv

from subside.io.codes import refuse

UNKNOWN_CELLS: Final = ("", "NaN", "nan", "NA", "null", "NULL", "None")
"""Cells that mean that a value is unknown."""

_BLOCK_BYTES: Final = 4 << 20
_ROW: Final = re.compile(r"Row #(\d+): ?(.*)", re.DOTALL)
_CAST: Final = re.compile(r"column #(\d+).*invalid value '(.*)'", re.DOTALL)
_DECIMAL_COMMA: Final = re.compile(r"^\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*$")
_CHUNK: Final = 1 << 22


def file_digest(path: Path) -> str:
    """Digest of the bytes of a file.

    Raises
    ------
    InputFileError
        S101 if there is no such file.
    """
    if not path.is_file():
        refuse("S101", path, "the path must be that of a file, got nothing there")
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class TextTable:
    """A table in a text file whose header has been read.

    Attributes
    ----------
    path : Path
        The file, or the zip that holds it.
    member : str or None
        Name inside the zip.
    names : tuple of str
        Header, in order.
    delimiter : str
        ``,``, ``;`` or a tab.
    decimal_point : str
        ``.``, or ``,`` where the first row has such numbers between other delimiters.
    """

    path: Path
    member: str | None
    names: tuple[str, ...]
    delimiter: str
    decimal_point: str = "."

    @property
    def label(self) -> str:
        """File, and member of a zip, for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def demand_unique(self) -> None:
        """Refuse a header with a column twice.

        Raises
        ------
        InputFileError
            S140 for a date, S138 for another column.
        """
        twice = [n for n, k in Counter(self.names).items() if k > 1]
        if twice:
            code = "S140" if all(n.lstrip("DS_").isdigit() for n in twice) else "S138"
            refuse(code, self.label, f"columns must be there once, got {', '.join(twice[:5])} repeated")

    def blocks(self, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        """Read columns some rows at a time.

        Parameters
        ----------
        types : mapping of str to pyarrow.DataType
            Columns wanted and their types.

        Yields
        ------
        pyarrow.RecordBatch
            Columns in the order of ``types``; an empty cell is null.

        Raises
        ------
        InputFileError
            S142 for a cell of another type or a row of another length, S141 for a damaged file, S143 for no row.
        """
        n_rows = 0
        with text_faults(self.label, self.names), _open(self.path, self.member) as stream:
            reader = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False, column_names=list(self.names), skip_rows=1, block_size=_BLOCK_BYTES
                ),
                parse_options=pyarrow.csv.ParseOptions(delimiter=self.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict(types),
                    decimal_point=self.decimal_point,
                    include_columns=list(types),
                    null_values=list(UNKNOWN_CELLS),
                    quoted_strings_can_be_null=True,
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                n_rows += batch.num_rows
                yield batch
        if not n_rows:
            refuse("S143", self.label, "there must be rows below the header, got none")


@contextmanager
def text_faults(label: str, names: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn the faults of the libraries that read a text file into numbered ones."""
    try:
        yield
    except pa.ArrowInvalid as error:
        found = _ROW.search(str(error))
        if found is None and "Could not skip" in str(error):
            refuse("S143", label, "there must be rows below the header, got none")
        if found is None:
            refuse("S142", label, f"cells must be those of a table, got: {error}")
        cast = _CAST.search(str(error))
        if cast and names:
            refuse("S142", label, f"line {found[1]}: `{names[int(cast[1])]}` must be a number, got {cast[2]!r}")
        refuse("S142", label, f"line {found[1]}: {found[2][:120]}")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        refuse("S141", label, f"the archive must be whole, got: {error}")


def open_text(path: Path) -> TextTable:
    """Read the header of a CSV file, or of the one CSV file in a zip.

    Parameters
    ----------
    path : Path
        File.

    Returns
    -------
    TextTable

    Raises
    ------
    InputFileError
        S101 not found, S141 damaged zip, S143 empty, S137 no text.
    """
    if not path.is_file():
        refuse("S101", path, "the path must be that of a file, got nothing there")
    with text_faults(str(path)):
        member = _csv_member(path) if is_zip(path) else None
        with _open(path, member) as stream:
            line, row = stream.readline(), stream.readline()
    if not line.strip():
        refuse("S143", path, "there must be a header line, got an empty file")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        refuse("S137", path, "the header must be text in UTF-8, got other bytes")
    delimiter = max(",;\t", key=text.count)
    if "\r" in text:
        refuse("S142", path, "lines must end in LF or CR LF, got CR alone", "Save the file with the line ends of Unix")
    names = tuple(name.strip() for name in next(csv.reader([text], delimiter=delimiter)))
    return TextTable(path, member, names, delimiter, _decimal_point(row, delimiter))


def _decimal_point(row: bytes, delimiter: str) -> str:
    cells = [] if delimiter == "," else row.decode("utf-8", "replace").strip().split(delimiter)
    with_comma = any(_DECIMAL_COMMA.match(cell) for cell in cells)
    with_point = any(_DECIMAL_COMMA.match(cell.replace(".", ",")) for cell in cells if "," not in cell)
    return "," if with_comma and not with_point else "."


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does, or has its suffix."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04" or path.suffix.lower() == ".zip"


def read_member(path: Path, suffix: str) -> bytes | None:
    """Bytes of the one member of a zip with a suffix; None where there is none."""
    with text_faults(str(path)), zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(suffix)]
        return archive.read(names[0]) if len(names) == 1 else None


def _csv_member(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".csv")]
    if len(names) != 1:
        refuse("S137", path, f"a zip must hold one CSV file, got {len(names)}", "Unpack it and give one of the files")
    return names[0]


@contextmanager
def _open(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    if member is None:
        with path.open("rb") as stream:
            yield stream
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield stream
