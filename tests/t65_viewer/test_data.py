"""Bytes that the page reads hold the numbers of the points."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from viewer_support import make_points

from subside.conventions import PointFlag
from subside.errors import ArgumentError
from subside.figures.style import MOTION
from subside.viewer import ViewerData, export_static
from subside.viewer.data import BLOCK_ROWS, COLUMN_TYPES, Origin
from subside.viewer.server import ASSETS, asset
from subside.viewer.static_export import estimated_size, quantise, quantise_std


def decoded(data: ViewerData, k: int, name: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(data.column(k, name), COLUMN_TYPES[name])


def test_columns_hold_the_numbers_of_the_points(two_tracks: ViewerData) -> None:
    points = two_tracks.sets[1]
    np.testing.assert_array_equal(decoded(two_tracks, 1, "rate"), (points.velocity * 1000).astype(np.float32))
    np.testing.assert_array_equal(decoded(two_tracks, 1, "sigma"), (points.velocity_std * 1000).astype(np.float32))
    np.testing.assert_array_equal(decoded(two_tracks, 1, "flags"), points.flags)
    np.testing.assert_array_equal(decoded(two_tracks, 1, "kind"), points.kind)
    assert np.isnan(decoded(two_tracks, 1, "rate")).any(), "an unknown rate stays unknown"
    assert two_tracks.column_names(0) == tuple(COLUMN_TYPES)


def test_positions_are_a_mercator_map_true_to_scale_at_the_origin(two_tracks: ViewerData) -> None:
    points, origin = two_tracks.sets[0], two_tracks.origin
    xy = decoded(two_tracks, 0, "xy").reshape(-1, 2)
    scale = np.cos(np.radians(origin.latitude))
    mercator = pyproj.Proj("+proj=merc +R=6378137")
    x, y = mercator(points.longitude, points.latitude)
    x0, y0 = mercator(origin.longitude, origin.latitude)
    np.testing.assert_allclose(xy[:, 0], (x - x0) * scale, atol=0.01)
    np.testing.assert_allclose(xy[:, 1], (y - y0) * scale, atol=0.01)


def test_the_map_goes_across_the_date_line() -> None:
    x, _ = Origin(179.99, 0.0).project([-179.99], [0.0])
    assert 2000 < x[0] < 2400


class Counted:
    """Rows that note how often they are read."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.values, self.n_reads = values, 0
        self.shape = values.shape

    def __getitem__(self, key: Any) -> Any:
        self.n_reads += 1
        return self.values[key]


def test_blocks_of_series_are_read_a_few_slabs_at_a_time() -> None:
    points = make_points("a", 70_000, seed=5, n_dates=4)
    rows = Counted(np.asarray(points.displacement))
    data = ViewerData.from_points([replace(points, displacement=rows)])
    for b in range(data.n_blocks(0)):
        found, std = data.block(0, b)
        expected = rows.values[b * BLOCK_ROWS : (b + 1) * BLOCK_ROWS] * np.float32(1000)
        np.testing.assert_array_equal(found, expected)
        assert std is not None
        assert std.shape == expected.shape
    assert rows.n_reads == 2, "two slabs of 65,536 rows, each read once"
    assert sum(len(data.identifiers(0, b)) for b in range(data.n_blocks(0))) == 70_000


def test_the_manifest_is_json_with_the_palette_of_the_figures(two_tracks: ViewerData) -> None:
    manifest = json.loads(json.dumps(two_tracks.manifest(), allow_nan=False))
    table = np.frombuffer(base64.b64decode(manifest["palettes"]["motion"]), np.uint8).reshape(256, 3)
    np.testing.assert_allclose(table[0] / 255, MOTION(0.0)[:3], atol=0.003)
    assert table[0, 0] > table[0, 2], "red sinks"
    assert table[-1, 2] > table[-1, 0], "blue rises"
    assert [s["n"] for s in manifest["sets"]] == [3000, 1500]
    assert manifest["rate_limit"] >= 10
    assert set(manifest["layers"]) == {"line", "polygons", "sites"}
    first = two_tracks.sets[0].dates[0]
    assert np.datetime64(manifest["sets"][0]["days"][0], "D") == first


def test_points_at_risk_of_aliasing_carry_the_flag() -> None:
    points = make_points("a", 100, seed=1)
    risk = np.arange(100) < 10
    data = ViewerData.from_points([points], alias_risk=[risk])
    assert np.all(data.sets[0].flags[:10] & PointFlag.ALIAS_RISK)
    np.testing.assert_array_equal(data.sets[0].flags[10:], points.flags[10:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correlation_length_m": 0.0}, "correlation_length_m"),
        ({"correlation_length_m": float("nan")}, "correlation_length_m"),
        ({"line": [(1.0, 2.0)]}, "line"),
        ({"chainage": []}, "chainage"),
        ({"chainage": [(np.zeros(3), np.zeros(3))]}, "chainage"),
        ({"alias_risk": [np.zeros(3, bool)]}, "alias_risk"),
        ({"polygons": {"a": __import__("shapely").Point(0, 0)}}, "polygons"),
    ],
)
def test_what_cannot_be_shown_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ViewerData.from_points([make_points("a", 50, seed=1)], **change)


def test_no_points_and_poles_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least one set"):
        ViewerData.from_points([])
    points = make_points("a", 5, seed=1)
    none = points.subset(np.zeros(5, bool))
    with pytest.raises(ArgumentError, match="none in any set"):
        ViewerData.from_points([none, none])
    with pytest.raises(ArgumentError, match="85 degrees"):
        ViewerData.from_points([replace(points, latitude=np.full(5, 88.0))])


def test_unknown_sets_columns_and_blocks_are_refused(two_tracks: ViewerData) -> None:
    for call in (
        lambda: two_tracks.column(2, "rate"),
        lambda: two_tracks.column(0, "nothing"),
        lambda: two_tracks.block(0, 3),
        lambda: two_tracks.block(-1, 0),
        lambda: two_tracks.identifiers(0, 99),
    ):
        with pytest.raises(ArgumentError):
            call()


def test_rounding_for_the_static_export_keeps_a_twentieth_of_a_millimetre() -> None:
    values = np.random.default_rng(1).normal(0, 80, (200, 30))
    values[3, 4] = np.nan
    packed, step = quantise(values)
    back = np.where(packed == -32768, np.nan, packed * step)
    assert step == 0.1
    assert np.nanmax(np.abs(back - values)) <= 0.0500001
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))
    large, coarse = quantise(values * 1000)
    assert coarse > 0.1
    assert np.nanmax(np.abs(large * coarse - values * 1000)[packed != -32768]) <= coarse / 2 * 1.001
    std = np.abs(values)
    packed_std, std_step = quantise_std(std)
    back_std = np.where(packed_std == 255, np.nan, packed_std * std_step)
    assert np.nanmax(np.abs(back_std - std)) <= np.nanmax(std) / 254 / 2 * 1.001
    np.testing.assert_array_equal(np.isnan(back_std), np.isnan(std))
    assert quantise_std(np.full((2, 2), np.nan))[1] > 0


def read_script(path: Path) -> Any:
    found = re.fullmatch(r'subsidePut\("[^"]+",(.*)\);\n', path.read_text("utf-8"), re.DOTALL)
    assert found is not None, path
    return json.loads(found[1])


def test_a_static_export_holds_the_page_and_the_numbers(two_tracks: ViewerData, tmp_path: Path) -> None:
    index = export_static(two_tracks, tmp_path / "map")
    folder = index.parent
    assert {p.name for p in folder.iterdir() if p.is_file()} == set(ASSETS)
    rate = np.frombuffer(base64.b64decode(read_script(folder / "data/0/rate.js")), "<f4")
    np.testing.assert_array_equal(rate, decoded(two_tracks, 0, "rate"))
    block = read_script(folder / "data/1/block/1.js")
    values = np.frombuffer(base64.b64decode(block["displacement"]), "<i2").reshape(-1, 17)
    truth = np.asarray(two_tracks.sets[1].displacement)[BLOCK_ROWS:] * 1000
    known = np.isfinite(truth)
    np.testing.assert_allclose((values * block["step"])[known], truth[known], atol=0.051)
    assert np.all(values[~known] == -32768)
    assert block["ids"] == list(two_tracks.sets[1].point_id[BLOCK_ROWS:])
    size = sum(p.stat().st_size for p in (folder / "data").rglob("*.js"))
    assert 0.7 < estimated_size(two_tracks) / size < 1.3
    export_static(two_tracks, folder)


def test_a_static_export_replaces_nothing_but_its_like(two_tracks: ViewerData, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("keep")
    with pytest.raises(ArgumentError, match="new folder or an earlier export"):
        export_static(two_tracks, tmp_path / "mine")
    assert (tmp_path / "mine/letter.txt").read_text() == "keep"
    with pytest.raises(ArgumentError, match=r"at most 1,000 points, got 4,500 .*subside serve"):
        export_static(two_tracks, tmp_path / "other", max_points=1000)
    assert not (tmp_path / "other").exists()


def test_a_track_without_points_is_shown_beside_others(tmp_path: Path) -> None:
    points = make_points("a", 30, seed=1)
    data = ViewerData.from_points([points.subset(np.zeros(30, bool)), points])
    assert [s["n"] for s in data.manifest()["sets"]] == [0, 30]
    assert data.n_blocks(0) == 0
    assert data.column(0, "xy") == b""
    assert data.origin == ViewerData.from_points([points]).origin
    folder = export_static(data, tmp_path / "map").parent
    assert f'"0/rate@{data.token}"' in (folder / "data/0/rate.js").read_text("utf-8")
    assert read_script(folder / "data/0/rate.js") == ""
    assert not (folder / "data/0/block").exists()


def test_series_that_are_all_unknown_are_exported_as_gaps(tmp_path: Path) -> None:
    points = make_points("a", 30, seed=1)
    gone = np.full((30, 24), np.nan, np.float32)
    data = ViewerData.from_points([replace(points, displacement=gone, displacement_std=gone, velocity=gone[:, 0])])
    json.dumps(data.manifest(), allow_nan=False)
    block = read_script(export_static(data, tmp_path / "map").parent / "data/0/block/0.js")
    assert set(np.frombuffer(base64.b64decode(block["displacement"]), "<i2")) == {-32768}
    assert set(np.frombuffer(base64.b64decode(block["std"]), "u1")) == {255}


def test_points_without_series_are_exported(tmp_path: Path) -> None:
    data = ViewerData.from_points([make_points("rates", 30, seed=1, with_series=False)])
    folder = export_static(data, tmp_path / "map").parent
    assert set(read_script(folder / "data/0/block/0.js")) == {"ids"}


def test_every_file_of_the_page_is_installed_and_small() -> None:
    total = sum(len(asset(name)) for name in ASSETS)
    assert total < 3_000_000
    assert b"permission notice" in asset("deck.LICENSE.txt")
    assert b"permission notice" in asset("uPlot.LICENSE.txt")
    with pytest.raises(ArgumentError):
        asset("../data.py")


def test_own_files_name_no_other_machine() -> None:
    for name in ASSETS:
        if name.startswith(("deck", "uPlot")):
            continue
        text = asset(name).decode()
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), name
        assert "innerHTML" not in text, name
    page = asset("index.html").decode()
    for source in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert source in ASSETS or source == "data:,", source
