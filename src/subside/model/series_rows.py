"""Series of points that stay where they are and are read some rows at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError

IntArray = npt.NDArray[np.int64]
FloatRows = npt.NDArray[np.float32]

ROWS_AT_A_TIME: Final = 65_536
"""Rows read together; the chunks of the store have as many."""

_CACHE_BYTES: Final = 48 << 20


class SeriesRows(Protocol):
    """A (point, date) array that is read some rows at a time: numpy and zarr arrays both are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read rows as a numpy array; the key is a slice of rows."""


@dataclass(frozen=True)
class CachedRows:
    """A (point, date) array on disk with the blocks read last kept in memory, 48 MB of them at most.

    Rows of one place lie in few blocks: sites, benchmarks and the map ask for the same ones again and again.

    Attributes
    ----------
    rows : array-like, (point, date)
        Read by slices that begin at multiples of :data:`ROWS_AT_A_TIME`.
    """

    rows: SeriesRows
    _blocks: OrderedDict[int, FloatRows] = field(default_factory=OrderedDict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points and dates."""
        return tuple(self.rows.shape)

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Always float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        """Return the number of points."""
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> Any:
        """Read a slice of rows, or chosen rows."""
        return _by_key(self, key)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all rows."""
        return np.asarray(self[:], dtype)

    def block(self, number: int) -> FloatRows:
        """Rows from ``number * ROWS_AT_A_TIME`` on, not to be written to."""
        with self._lock:
            found = self._blocks.get(number)
            if found is None:
                start = number * ROWS_AT_A_TIME
                found = np.asarray(self.rows[start : min(start + ROWS_AT_A_TIME, self.shape[0])], np.float32)
                found.flags.writeable = False
                most = max(1, _CACHE_BYTES // max(ROWS_AT_A_TIME * self.shape[1] * 4, 1))
                while len(self._blocks) >= most:
                    self._blocks.popitem(last=False)
                self._blocks[number] = found
            self._blocks.move_to_end(number)
            return found


@dataclass(frozen=True)
class SelectedRows:
    """Some rows of a (point, date) array, read when they are asked for.

    Attributes
    ----------
    base : array-like, (point, date)
        What is selected from; never another selection, see :func:`select_rows`.
    rows : ndarray of int64, (row,)
        Row numbers of ``base``.
    """

    base: SeriesRows
    rows: IntArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows selected and dates."""
        return (len(self.rows), *self.base.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Always float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        """Return the number of rows selected."""
        return len(self.rows)

    def __getitem__(self, key: Any, /) -> Any:
        """Read a slice of rows, or chosen rows."""
        return _by_key(self, key)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all rows."""
        return np.asarray(self[:], dtype)


def _by_key(array: SeriesRows, key: Any) -> Any:
    first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
    index = np.arange(array.shape[0])[first]
    found = read_rows(array, np.atleast_1d(index).astype(np.int64))
    found = found if np.ndim(index) else found[0]
    if not rest:
        return found
    return found[(slice(None), *rest)] if np.ndim(index) else found[rest]


def select_rows(array: SeriesRows, rows: IntArray) -> SeriesRows:
    """Choose rows without reading them; a selection of a selection refers to what lies below both.

    Parameters
    ----------
    array : array-like, (point, date)
        Read by slices.
    rows : ndarray of int64, (row,)
        Row numbers, in any order.

    Returns
    -------
    array-like of float32, (row, date)

    Raises
    ------
    ArgumentError
        For a row that is not there.
    """
    n = array.shape[0]
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise ArgumentError(f"`rows` must lie in 0 to {n - 1}, got {rows.min()} to {rows.max()}")
    if isinstance(array, SelectedRows):
        return SelectedRows(array.base, array.rows[rows])
    return SelectedRows(array, rows)


def read_rows(array: SeriesRows, rows: IntArray) -> FloatRows:
    """Read chosen rows of a series array, each block of it once.

    Parameters
    ----------
    array : array-like, (point, date)
        Read by slices.
    rows : ndarray of int64, (row,)
        Row numbers in any order.

    Returns
    -------
    ndarray of float32, (row, date)
    """
    if isinstance(array, SelectedRows):
        return read_rows(array.base, array.rows[rows])
    if isinstance(array, np.ndarray):
        return np.asarray(array[rows], np.float32)
    result = np.empty((len(rows), array.shape[1]), np.float32)
    is_ascending = bool(np.all(rows[1:] >= rows[:-1]))
    order = None if is_ascending else np.argsort(rows, kind="stable")
    ascending = rows if order is None else rows[order]
    edges = np.flatnonzero(np.diff(ascending // ROWS_AT_A_TIME)) + 1
    for first, last in zip([0, *edges.tolist()], [*edges.tolist(), len(rows)], strict=True):
        if last > first:
            number = int(ascending[first]) // ROWS_AT_A_TIME
            block, start = _block(array, number), number * ROWS_AT_A_TIME
            result[slice(first, last) if order is None else order[first:last]] = block[ascending[first:last] - start]
    return result


def _block(array: SeriesRows, number: int) -> FloatRows:
    if isinstance(array, CachedRows):
        return array.block(number)
    start = number * ROWS_AT_A_TIME
    return np.asarray(array[start : min(start + ROWS_AT_A_TIME, array.shape[0])], np.float32)


def row_blocks(rows: IntArray, *, n_dates: int, most_bytes: int = 32 << 20) -> Iterator[IntArray]:
    """Cut row numbers into runs whose series take a given number of bytes as float64.

    Parameters
    ----------
    rows : ndarray of int64, (row,)
        Row numbers.
    n_dates : int
        Dates of the series.
    most_bytes : int
        Of one run.

    Yields
    ------
    ndarray of int64
        Successive parts of ``rows``.
    """
    step = max(1, most_bytes // max(8 * n_dates, 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
