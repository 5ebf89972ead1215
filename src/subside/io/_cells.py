"""Small tables of text cells: read whole, every cell checked as it is taken, faults told by row."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from subside.io.codes import refuse
from subside.io.points._text import UNKNOWN_CELLS, file_digest

FloatArray = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

_MONTH: Final = re.compile(r"^\d{4}-\d{2}$")
_DAY: Final = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_HORIZONTAL_LIMIT: Final = 89.0


@dataclass(frozen=True)
class Cells:
    """A table of text cells with its file, for messages.

    Attributes
    ----------
    path : Path
        File.
    frame : pandas.DataFrame
        Cells as text, columns in lower case.
    digest : str
        Of the file.
    """

    path: Path
    frame: pd.DataFrame
    digest: str

    def has(self, name: str) -> bool:
        """Whether there is a column."""
        return name in self.frame.columns

    def demand(self, *names: str) -> None:
        """Refuse a table without these columns (S138) or without rows (S143)."""
        missing = [n for n in names if not self.has(n)]
        if missing:
            got = ", ".join(map(str, self.frame.columns)) or "none"
            refuse("S138", self.path, f"columns must hold {', '.join(names)}, got no {', '.join(missing)} in {got}")
        if not len(self.frame):
            refuse("S143", self.path, "there must be rows below the header, got none")

    def text(self, name: str) -> npt.NDArray[np.object_]:
        """Cells of a column without blanks around."""
        return np.array([str(v).strip() for v in self.frame[name]], dtype=object)

    def demand_text(self, name: str, values: npt.NDArray[np.object_]) -> None:
        """Refuse an empty cell (S150)."""
        empty = np.flatnonzero(values == "")
        if len(empty):
            refuse(
                "S150", self.path, f"`{name}` must not be empty, got an empty cell in row {empty[0] + 1} of the data"
            )

    def numbers(self, name: str) -> FloatArray:
        """Cells as numbers, NaN where empty; S142 for text."""
        cells = self.text(name)
        known = ~np.isin(cells.astype(str), UNKNOWN_CELLS)
        values = np.full(len(cells), np.nan)
        values[known] = pd.to_numeric(pd.Series(cells[known], dtype=object), errors="coerce").to_numpy(np.float64)
        wrong = np.flatnonzero(known & ~np.isfinite(values))
        if len(wrong):
            refuse(
                "S142",
                self.path,
                f"`{name}` must be a number, got {cells[wrong[0]]!r} in row {wrong[0] + 1} of the data",
            )
        return values

    def positions(self) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude, degree; S139 where unknown or out of range."""
        longitude, latitude = self.numbers("longitude"), self.numbers("latitude")
        wrong = np.flatnonzero(~((np.abs(latitude) <= _HORIZONTAL_LIMIT) & (np.abs(longitude) <= 360.0)))
        if len(wrong):
            row = int(wrong[0])
            got = f"({longitude[row]:g}, {latitude[row]:g}) in row {row + 1} of the data"
            refuse("S139", self.path, f"longitude and latitude must be degrees with |latitude| <= 89, got {got}")
        return longitude, latitude

    def dates(self, name: str) -> tuple[Dates, str]:
        """Dates and whether they are ``month`` or ``day``; S140 for another spelling, or for both."""
        cells = self.text(name)
        is_month = np.array([bool(_MONTH.match(c)) for c in cells])
        is_day = np.array([bool(_DAY.match(c)) for c in cells])
        wrong = np.flatnonzero(~(is_month | is_day))
        if len(wrong):
            got = f"{cells[wrong[0]]!r} in row {wrong[0] + 1} of the data"
            refuse("S140", self.path, f"`{name}` must be YYYY-MM or YYYY-MM-DD, got {got}")
        if is_month.any() and is_day.any():
            refuse("S140", self.path, f"`{name}` must be months or days throughout, got both")
        try:
            times = np.array(cells.tolist(), dtype="datetime64[D]")
        except ValueError as error:
            refuse("S140", self.path, f"`{name}` must be days of the calendar, got: {error}")
        return times, "month" if is_month.all() else "day"

    def demand_once(self, keys: pd.DataFrame) -> None:
        """Refuse rows with the same keys (S146)."""
        twice = keys.duplicated()
        if twice.any():
            row = int(np.flatnonzero(twice)[0])
            what = ", ".join(f"{k} {str(v)[:10]}" for k, v in keys.iloc[row].items())
            refuse("S146", self.path, f"rows must differ, got {what} again in row {row + 1} of the data")


def read_cells(path: Path) -> Cells:
    """Read every cell as text; names of columns without blanks around and in lower case.

    Raises
    ------
    InputFileError
        S101 not found, S137 no text, S142 rows of another length, S143 empty.
    """
    digest = file_digest(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        refuse("S137", path, "the table must be text in UTF-8, got other bytes", "Save it as CSV in UTF-8")
    head = text.partition("\n")[0]
    rows = [row for row in csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count)) if row]
    if not rows or not head.strip():
        refuse("S143", path, "there must be a header line, got an empty file")
    names = [name.strip().lower() for name in rows[0]]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        refuse("S138", path, f"columns must be there once, got {twice[0]} repeated")
    uneven = next((k for k, row in enumerate(rows) if len(row) != len(names)), None)
    if uneven is not None:
        got = f"{len(rows[uneven])} in row {uneven} of the data"
        refuse("S142", path, f"every row must have the {len(names)} cells of the header, got {got}")
    return Cells(path, pd.DataFrame(rows[1:], columns=names, dtype=object), digest)


def text_digest(text: str) -> str:
    """Digest of a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
