"""Series of a large file of points, kept on disk as binary rows while they are used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ProjectError
from subside.model.series_rows import CachedRows, SeriesRows

FloatRows = npt.NDArray[np.float32]

KEPT_BYTES: Final = 64 << 20
"""Series of fewer bytes stay in memory."""


class SpooledRows:
    """A (point, date) array of float32 in a temporary file without a name, which goes with the process.

    Read with ``pread``, not mapped: pages of a mapped file count as memory of the process.
    """

    def __init__(self, stream: IO[bytes], n_rows: int, n_dates: int) -> None:
        self._stream = stream
        self.shape: tuple[int, ...] = (n_rows, n_dates)

    def __getitem__(self, key: slice, /) -> FloatRows:
        """Read a slice of rows."""
        start, stop, step = key.indices(self.shape[0])
        n, width = max(stop - start, 0), 4 * self.shape[1]
        found = bytearray(n * width)
        view, at = memoryview(found), 0
        while at < len(found):
            got = os.preadv(self._stream.fileno(), [view[at:]], start * width + at)
            if not got:
                raise ProjectError("the temporary file of the series is shorter than it was: run the command again")
            at += got
        rows: FloatRows = np.frombuffer(found, np.float32).reshape(n, self.shape[1])
        return rows[::step]


class RowSpool:
    """Collects rows, in memory while they are few and on disk beyond.

    Parameters
    ----------
    n_dates : int
        Dates of a row.
    kept_bytes : int
        Rows of fewer bytes stay in memory.
    """

    def __init__(self, n_dates: int, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._n_dates, self._kept_bytes = n_dates, kept_bytes
        self._parts: list[FloatRows] = []
        self._n_bytes = self._n_rows = 0
        self._stream: IO[bytes] | None = None

    def add(self, rows: FloatRows) -> None:
        """Add rows, (row, date).

        Raises
        ------
        ProjectError
            If the disk of temporary files is full.
        """
        self._parts.append(rows)
        self._n_bytes += rows.nbytes
        self._n_rows += len(rows)
        if self._n_bytes > self._kept_bytes:
            self._flush()

    def _flush(self) -> None:
        try:
            if self._stream is None:
                self._stream = tempfile.TemporaryFile(prefix="subside-series-", buffering=0)  # noqa: SIM115
            for rows in self._parts:
                _write_all(self._stream, np.ascontiguousarray(rows, np.float32))
        except OSError as error:
            raise ProjectError(
                f"{tempfile.gettempdir()}: the displacement series of {self._n_rows} points could not be kept there: "
                f"{os.strerror(error.errno) if error.errno else error}. Free space there, or set TMPDIR to a folder "
                "with more."
            ) from error
        self._parts = []

    def rows(self) -> SeriesRows:
        """All rows added, (row, date): an array, or a file read by rows."""
        if self._stream is None:
            return _joined(self._parts, self._n_dates)
        self._flush()
        return CachedRows(SpooledRows(self._stream, self._n_rows, self._n_dates))


def _write_all(stream: IO[bytes], rows: FloatRows) -> None:
    view = memoryview(rows.data).cast("B") if rows.size else memoryview(b"")
    while len(view):
        view = view[stream.write(view) :]


def _joined(parts: Sequence[FloatRows], n_dates: int) -> FloatRows:
    if not parts:
        return np.empty((0, n_dates), np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def is_infinite_at(rows: SeriesRows, *, step: int = 8192) -> int | None:
    """First row with an infinite value, or None; some rows at a time."""
    for start in range(0, rows.shape[0], step):
        found: Any = np.isinf(rows[start : start + step]).any(axis=1)
        if found.any():
            return start + int(np.argmax(found))
    return None
