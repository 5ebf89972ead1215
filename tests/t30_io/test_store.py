"""The state of a track: arrays, markers, records, files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from subside.errors import ProjectError
from subside.io.atomic import atomic_path, disk_error, read_json, write_json
from subside.io.store import POINT_ROWS, TrackStore, content_digest
from subside.model.stack import GEOMETRY_FIELDS

FACTS = {
    "dates": ["20180108", "20180120"],
    "reference_date": "20180120",
    "wavelength": 0.0555,
    "azimuth_spacing": 14.0,
    "range_spacing": 3.5,
    "bperp": None,
    "n_looks": 1.0,
    "source": {"heading": 190.0},
}


@pytest.fixture
def store(tmp_path: Path) -> TrackStore:
    made = TrackStore(tmp_path / "tracks" / "t.zarr")
    made.create()
    return made


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int16, np.uint16, bool])
def test_arrays_come_back_with_dtype_dims_and_units(store: TrackStore, dtype: type) -> None:
    values = (np.arange(12).reshape(4, 3) % 2).astype(dtype)
    store.write("stage/a", values, dims=("point", "date"), units="m")
    found = store.read("stage/a")
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, values)
    array = store.array("stage/a")
    assert array.attrs["units"] == "m" and array.metadata.dimension_names == ("point", "date")
    assert store.members("stage") == ["a"] and store.name == "t"


def test_empty_arrays_and_replacement(store: TrackStore) -> None:
    store.write("s/a", np.zeros((0, 3), np.float32), dims=("point", "date"))
    assert store.read("s/a").shape == (0, 3)
    store.write("s/a", np.ones(5), dims=("point",))
    np.testing.assert_array_equal(store.read("s/a"), np.ones(5))
    array = store.create_array("s/b", (POINT_ROWS + 1,), dtype="f4", chunks=(POINT_ROWS,), dims=("point",), units="1")
    assert array.chunks == (POINT_ROWS,) and np.isnan(store.read("s/b")).all()


def test_what_is_missing_is_named(store: TrackStore) -> None:
    with pytest.raises(ProjectError, match=r"no `rates/velocity`.*subside status"):
        store.array("rates/velocity")
    with pytest.raises(ProjectError, match="subside import"):
        store.stack_attributes()
    assert not store.has("rates") and store.members("rates") == [] and store.read_attributes("rates") == {}


def test_a_newer_format_is_refused(store: TrackStore) -> None:
    store.create()
    zarr.open_group(store.path, mode="a").attrs["subside_format"] = 99
    with pytest.raises(ProjectError, match="format 99"):
        store.create()


def test_a_marker_counts_only_under_its_digest(store: TrackStore) -> None:
    store.commit_block("s", "b1", "digest", {"n": 3})
    assert store.block_marker("s", "b1", "digest") == {"n": 3}
    assert store.block_marker("s", "b1", "other") is None
    assert store.block_marker("s", "b2", "digest") is None


def test_forgetting_removes_record_markers_and_data_of_one_stage(store: TrackStore) -> None:
    for stage in ("s", "s2"):
        store.write(f"{stage}/a", np.ones(3), dims=("point",))
        store.commit_block(stage, "b", "d", {})
        store.finish_stage(f"{stage}.begun", {"digest": "d"})
        store.finish_stage(stage, {"digest": "d"})
    store.forget_stage("s")
    assert store.stage_state("s") is None and store.stage_state("s.begun") is None
    assert store.block_marker("s", "b", "d") is None and not store.has("s/a")
    assert store.stage_state("s2") and store.block_marker("s2", "b", "d") == {} and store.has("s2/a")


def test_the_stack_opens_lazily_with_what_is_known(store: TrackStore) -> None:
    store.create_stack(2, (300, 70), FACTS)
    values = np.arange(2 * 300 * 70, dtype=np.float32).reshape(2, 300, 70).astype(np.complex64)
    store.array("stack/slc")[...] = values
    store.create_geometry("height", (300, 70))[...] = 5.0
    stack = store.open_stack()
    assert not isinstance(stack.slc, np.ndarray)
    np.testing.assert_array_equal(stack.slc[:, 250:260, 3:9], values[:, 250:260, 3:9])
    assert set(stack.geometry) == {"height"} == set(store.geometry_fields()) and stack.bperp is None
    assert set(GEOMETRY_FIELDS) >= set(stack.geometry)
    assert (stack.reference_index, stack.n_looks, stack.attributes["heading"]) == (1, 1.0, 190.0)


def test_a_digest_sees_bytes_dtype_and_shape() -> None:
    base = np.arange(6, dtype=np.int32)
    variants = [base, base.astype(np.int64), base.reshape(2, 3), base + 1, base.view(np.float32)]
    assert len({content_digest(v) for v in variants}) == len(variants)
    assert content_digest(base) == content_digest(np.arange(12, dtype=np.int32)[:6].copy())
    assert content_digest(np.arange(12, dtype=np.int32)[::2]) == content_digest(base * 2)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.json"
    write_json(target, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".json" and temporary.parent == target.parent
        raise ZeroDivisionError
    assert read_json(target) == {"a": 1}
    assert [p.name for p in target.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS])
def test_a_failed_write_says_what_to_do(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(ProjectError, match=r"could not be written.*run the same command again"),
        atomic_path(tmp_path / "a"),
    ):
        raise OSError(number, "x")
    assert "everything committed so far is kept" in str(disk_error(tmp_path, OSError(number, "x")))


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="could not be written"), atomic_path(tmp_path / "file" / "a.json"):
        raise AssertionError("not reached")


def test_json_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ProjectError, match="not valid JSON"):
        read_json(tmp_path / "a.json")
    assert read_json(tmp_path / "none.json") is None
    write_json(tmp_path / "b.json", {"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "b.json").read_text())) == ["a", "b"]
