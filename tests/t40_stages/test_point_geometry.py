"""Geometry at points: the values of their pixels, in few reads however long and narrow the track is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from subside.io.store import TrackStore
from subside.stages import tables
from subside.stages.tables import point_geometry

SHAPES = [(5000, 1), (700, 30), (3, 9000)]


def _store(path: Path, shape: tuple[int, int], n_points: int) -> tuple[TrackStore, np.ndarray]:
    store, rng = TrackStore(path / "t.zarr"), np.random.default_rng(2)
    store.create()
    field = rng.standard_normal(shape)
    store.create_geometry("longitude", shape)[...] = field
    pixel = np.sort(rng.choice(field.size, n_points, replace=False))
    for name, values in zip(("azimuth", "range"), np.divmod(pixel, shape[1]), strict=True):
        store.write(f"select/{name}", values.astype(np.int32), dims=("point",))
    return store, field.ravel()[pixel]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [1, 20_000, tables.BAND_PIXELS])
def test_every_point_has_the_value_of_its_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], pixels: int
) -> None:
    monkeypatch.setattr(tables, "BAND_PIXELS", pixels)
    store, expected = _store(tmp_path, shape, 900)
    np.testing.assert_array_equal(point_geometry(store, "longitude"), expected)
    assert point_geometry(store, "latitude") is None


def test_a_long_and_narrow_track_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, expected = _store(tmp_path, (20_000, 1), 5000)
    reads: list[Any] = []
    read = zarr.Array.__getitem__

    def counted(array: zarr.Array, key: Any) -> Any:
        reads.append(key)
        return read(array, key)

    monkeypatch.setattr(zarr.Array, "__getitem__", counted)
    np.testing.assert_array_equal(point_geometry(store, "longitude"), expected)
    assert len(reads) == 3, "one of the field, one each of azimuth and range"


def test_no_points_and_points_of_some_lines_only(tmp_path: Path) -> None:
    store, _ = _store(tmp_path, (600, 4), 0)
    assert point_geometry(store, "longitude").shape == (0,)
