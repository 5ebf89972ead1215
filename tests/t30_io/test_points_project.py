"""Points of a project: the same as its exports, series left on disk, remedies named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from subside.errors import ArgumentError, InputFileError, ProjectError, UnknownQuantityError
from subside.io.export import export
from subside.io.points import read_points
from subside.io.project import Project
from subside.model.points import PointKind
from subside.stages.point_sources import filter_extent, load_all, load_points, row_places
from subside.stages.products import point_table


def test_a_track_is_what_its_export_says(finished: Path, tmp_path: Path) -> None:
    got = load_points(f"{finished}:simulated")
    store = Project.open(finished).track(None)
    again = read_points(export("parquet", point_table(store), tmp_path / "a.parquet"))
    assert not isinstance(got.displacement, np.ndarray), "series stay on disk"
    for name in ("velocity", "velocity_std", "height", "coherence", "los", "easting"):
        np.testing.assert_allclose(getattr(got, name), getattr(again, name), rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(got.displacement[:], again.displacement[:], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(got.displacement_std[:], again.displacement_std[:], rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(got.flags, again.flags)
    np.testing.assert_array_equal(got.kind, again.kind)
    assert got.point_id.tolist() == again.point_id.tolist()
    assert got.source.digest == store.stage_state("rates")["digest"]
    assert got.source.filter_extent == again.source.filter_extent == filter_extent(store) > 100.0
    assert got.source.heading_deg == 347.0 and got.source.sigma_definition == again.source.sigma_definition
    assert len(got.source.facts["reference_areas"]) >= 1
    is_filtered = store.read("select/is_filtered")
    np.testing.assert_array_equal(got.kind == PointKind.DS, is_filtered)
    assert {*np.unique(got.kind)} <= {PointKind.PS, PointKind.DS}


def test_systems_names_and_every_track(finished: Path) -> None:
    got = load_points(finished, crs="EPSG:3857", name="north")
    assert (got.name, got.crs) == ("north", "EPSG:3857")
    with pytest.raises(ArgumentError, match="metres"):
        load_points(finished, crs="EPSG:4326")
    both = load_all([f"{finished}:*", finished])
    assert [p.name for p in both] == ["simulated", "simulated-2"]


def test_what_is_not_there_is_named(imported: Path, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="PROJECT:TRACK"):
        load_points(tmp_path / "nothing.csv")
    with pytest.raises(ProjectError, match="simulated"):
        load_points(f"{finished}:other")
    with pytest.raises(ProjectError, match="subside run"):
        load_points(imported)
    with pytest.raises(ProjectError, match="is not a project"):
        load_points(tmp_path)


def test_unknown_positions_are_refused_and_lost_ones_left_out(done: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Project.open(done).track(None)
    field = store.geometry_array("latitude")
    whole = load_points(done)
    line = int(np.median(store.read("select/azimuth")))
    field[line : line + 1] = np.nan
    lost = int((store.read("select/azimuth") == line).sum())
    got = load_points(done)
    assert lost > 0 and got.n_points == whole.n_points - lost and got.source.facts["n_without_position"] == lost
    keep = store.read("select/azimuth") != line
    np.testing.assert_array_equal(got.velocity, whole.velocity[keep])
    np.testing.assert_array_equal(got.displacement[:], whole.displacement[:][keep])
    assert "without a position" in caplog.text
    places = row_places(store, got)
    assert all(len(p) == whole.n_points for p in places)
    np.testing.assert_array_equal(places[0][keep], got.longitude)
    assert np.isnan(places[1][~keep]).all() and row_places(store, whole)[0] is whole.longitude
    shutil.rmtree(store.path / "stack" / "latitude")
    with pytest.raises(UnknownQuantityError, match="geotransform"):
        load_points(done)
