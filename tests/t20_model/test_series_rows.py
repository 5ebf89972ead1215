"""Series read by rows: no more is read than asked for, each block once, and selections never read at all."""

from __future__ import annotations

import numpy as np
import pytest

import subside.model.series_rows as module
from subside.errors import ArgumentError
from subside.model.series_rows import CachedRows, SelectedRows, read_rows, row_blocks, select_rows

N, DATES = 103, 5
VALUES = np.random.default_rng(2).normal(size=(N, DATES)).astype(np.float32)


class Disk:
    """Counts what is read."""

    def __init__(self) -> None:
        self.reads: list[tuple[int, int]] = []
        self.shape = (N, DATES)

    def __getitem__(self, key: slice) -> np.ndarray:
        start, stop, _ = key.indices(N)
        self.reads.append((start, stop))
        return VALUES[key].astype(np.float64)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 10)
    monkeypatch.setattr(module, "_CACHE_BYTES", 2 * 10 * DATES * 4)


@pytest.mark.parametrize("kind", [Disk, lambda: CachedRows(Disk()), lambda: VALUES, lambda: VALUES.astype(np.float64)])
def test_rows_are_those_asked_for(kind) -> None:
    rng = np.random.default_rng(1)
    for rows in (rng.integers(0, N, 60), np.sort(rng.integers(0, N, 60)), np.arange(N), np.zeros(0, np.int64)):
        got = read_rows(kind(), rows)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, VALUES[rows])
        chosen = select_rows(kind(), rows)
        part = np.flatnonzero(rng.random(len(rows)) < 0.5)
        np.testing.assert_array_equal(read_rows(select_rows(chosen, part), np.arange(len(part))), VALUES[rows[part]])


def test_blocks_are_read_once_and_only_those_with_rows() -> None:
    disk = Disk()
    read_rows(disk, np.array([55, 3, 51, 7, 102, 3]))
    assert disk.reads == [(0, 10), (50, 60), (100, 103)]


def test_selecting_reads_nothing_and_does_not_pile_up() -> None:
    disk = Disk()
    chosen = select_rows(select_rows(select_rows(disk, np.arange(90)), np.arange(0, 90, 3)), np.arange(20))
    assert disk.reads == [] and isinstance(chosen, SelectedRows) and chosen.base is disk
    assert chosen.shape == (20, DATES) and len(chosen) == 20
    np.testing.assert_array_equal(chosen[2:4], VALUES[[6, 9]])
    np.testing.assert_array_equal(chosen[5], VALUES[15])
    np.testing.assert_array_equal(chosen[-1:, 2], VALUES[57:58, 2])
    np.testing.assert_array_equal(np.asarray(chosen), VALUES[:60:3])
    with pytest.raises(ArgumentError, match="102"):
        select_rows(disk, np.array([0, N]))


def test_the_blocks_read_last_stay_and_no_more_than_fit() -> None:
    disk = Disk()
    cached = CachedRows(disk)
    for _ in range(50):
        read_rows(cached, np.array([4, 12]))
    assert disk.reads == [(0, 10), (10, 20)]
    read_rows(cached, np.array([99]))
    read_rows(cached, np.array([12]))
    assert disk.reads[2:] == [(90, 100)], "the block used before is still there"
    read_rows(cached, np.array([4]))
    assert disk.reads[3:] == [(0, 10)], "two blocks fit, the oldest has gone"
    with pytest.raises(ValueError, match="read-only"):
        cached.block(0)[0, 0] = 1.0


def test_runs_hold_every_row_in_order() -> None:
    rows = np.arange(0, 100, 3)
    parts = list(row_blocks(rows, n_dates=DATES, most_bytes=7 * 8 * DATES))
    assert max(len(p) for p in parts) == 7
    np.testing.assert_array_equal(np.concatenate(parts), rows)
