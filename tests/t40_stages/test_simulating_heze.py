"""The simulated Heze region as a project: inputs, truth, import, and the chain on it."""

import json
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely
from rich.console import Console

from subside.errors import ArgumentError
from subside.io.project import Project
from subside.io.tables import read_series_table, read_sites, read_structures
from subside.io.vectors import read_line, read_lines, read_polygons
from subside.model.points import transform
from subside.ops.simulate import heze_variants
from subside.ops.simulate.heze import FRAME
from subside.ops.simulate.heze_cover import CLASS_NAMES
from subside.ops.simulate.heze_track import Extent
from subside.stages import simulating_heze
from subside.stages.executor import Resources
from subside.stages.heze_inputs import write_inputs
from subside.stages.session import open_session, run_session
from subside.stages.simulating_heze import HezeTruth, load_heze_truth, simulate_heze, strip_source, write_truth
from subside.stages.tables import point_geometry

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    chosen = heze_variants.variant("small")
    ground, _ = chosen.models(0)
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, chosen, ground)
    return folder, ground


class TestInputs:
    def test_are_read_by_the_readers_of_the_studies(self, inputs):
        folder, _ = inputs
        line = read_line(folder / "line.geojson")
        assert line is not None
        assert set(read_polygons(folder / "landcover.gpkg", class_column="class").classes) >= {"urban", "farmland"}
        assert set(read_polygons(folder / "areas.gpkg").names) == {"city", "airport", "coalfield"}
        assert len(read_polygons(folder / "mines.gpkg").names) == 9
        assert len(read_lines(folder / "faults.gpkg").names) == 4
        rain = read_series_table(folder / "rain.csv", quantity="rain")
        assert len(next(iter(rain.values.values()))) == 60
        assert len(read_series_table(folder / "groundwater.csv", quantity="groundwater").values) == 2
        structures = read_structures(folder / "structures.csv")
        # The line is 150 km long in the plane of UTM, and 0.02 % longer on the ground.
        axis = read_line(folder / "line.geojson").geometry
        assert structures.end[-1] == pytest.approx(pyproj.Geod(ellps="WGS84").geometry_length(axis), abs=0.1)
        assert 150_020.0 < structures.end[-1] < 150_050.0 and np.all(structures.start[1:] == structures.end[:-1])

    def test_sites_lie_in_the_strip_on_their_ground(self, inputs):
        folder, ground = inputs
        sites = read_sites(folder / "sites.csv")
        assert list(sites.name[:2]) == ["R1", "R2"] and len(sites.name) == 15

        e, n = transform(sites.longitude, sites.latitude, source="EPSG:4326", target="EPSG:32650")
        u, v = ground.line_coordinates(e, n)
        assert u.min() > 57.6 and u.max() < 64.2 and np.abs(v).max() < 0.45
        rural = np.array([str(s).startswith("R") for s in sites.name])
        assert ground.season_size(e, n)[rural].min() > 0.8
        assert len({(round(a), round(b)) for a, b in zip(e, n, strict=True)}) == 15

    def test_land_cover_agrees_with_the_ground(self, inputs):
        folder, ground = inputs

        polygons = read_polygons(folder / "landcover.gpkg", class_column="class")
        extent = heze_variants.variant("small").extent
        rng = np.random.default_rng(0)
        e, n = FRAME.to_map(rng.uniform(*extent.x, 400), rng.uniform(*extent.y, 400))
        lon, lat = transform(e, n, source="EPSG:32650", target="EPSG:4326")
        true = np.array(CLASS_NAMES)[ground.cover.class_at(e, n)]
        found = np.full(400, "", dtype=object)
        for name, shape in zip(polygons.classes, polygons.geometries, strict=True):
            found[shapely.contains_xy(shape, lon, lat)] = name
        assert np.mean(found == true) > 0.97


class TestTruth:
    def test_is_restored_from_its_folder(self, tmp_path):
        chosen = heze_variants.variant("corridor")
        ground, models = chosen.models(4)
        write_truth(tmp_path / "truth", HezeTruth(chosen, 4, ground, {m.spec.name: m for m in models}))
        again = load_heze_truth(tmp_path)
        assert again.ground == ground and again.tracks["t142"] == models[1]
        first, second = again.zones()
        assert first["start_km"] == pytest.approx(40.0, abs=1e-3) and first["length_km"] == pytest.approx(
            20.0, abs=2e-3
        )
        assert second["length_km"] == pytest.approx(15.0, abs=2e-3)
        assert first["length_km"] + second["length_km"] == pytest.approx(35.0, abs=0.01)
        assert json.loads((tmp_path / "truth/truth.json").read_text())["seed"] == 4

    def test_missing_truth_is_said(self, tmp_path):
        with pytest.raises(ArgumentError, match=r"must hold truth/truth\.json"):
            load_heze_truth(tmp_path)

    def test_los_truth_of_the_tracks_is_one_vertical_motion(self, tmp_path):
        chosen = heze_variants.variant("corridor")
        ground, models = chosen.models(0)
        truth = HezeTruth(chosen, 0, ground, {m.spec.name: m for m in models})
        e, n = ground.line_position(np.array([66.0, 79.6, 83.0]), 0.1)
        vertical = [truth.los_rate(t, e, n) / np.cos(truth.tracks[t].places(e, n).incidence) for t in ("t40", "t142")]
        np.testing.assert_allclose(vertical[0], vertical[1], atol=2e-4)
        assert vertical[0][1] == pytest.approx(-0.080, abs=2e-3)


class TestSource:
    def test_dates_come_in_order_only(self):
        chosen = heze_variants.variant("small")
        _, (model, _) = chosen.models(0)
        strip = simulating_heze.Strip(replace(model, extent=Extent((15_000.0, 15_300.0), (-700.0, -400.0))))
        source = strip_source(strip)
        third = source.read_slc(2, slice(0, 10))
        again = strip_source(strip)
        for k in range(3):
            last = again.read_slc(k, slice(0, 10))
        np.testing.assert_array_equal(third, last)
        with pytest.raises(ArgumentError, match="must not go back"):
            source.read_slc(0, slice(0, 10))


def cut(name, chainage, half_width, monkeypatch):
    """Replace a variant by a cut of it."""
    whole = heze_variants.variant(name)
    monkeypatch.setitem(heze_variants._VARIANTS, name, replace(whole, chainage=chainage, half_width=half_width))


def run(out, track):
    session = open_session(out, track, [])
    run_session(session, Resources(workers=1, memory=3_000_000_000), QUIET)
    return session.store


def errors_of(out, track, store):
    truth = load_heze_truth(out)
    model = truth.tracks[track]

    lon, lat = point_geometry(store, "longitude"), point_geometry(store, "latitude")
    e, n = transform(lon, lat, source="EPSG:4326", target="EPSG:32650")
    good = (store.read("rates/flags") == 0) & np.isfinite(store.read("rates/velocity"))
    true, found = truth.los_rate(track, e, n)[good], store.read("rates/velocity")[good].astype(float)
    u, _ = model.ground.line_coordinates(e, n)
    return u[good], true, found


@pytest.mark.slow
class TestChain:
    def test_small_strip_is_recovered_by_both_tracks(self, tmp_path):
        out = tmp_path / "heze"
        simulate_heze(out, "small", seed=0, console=QUIET)
        for track in ("t40", "t142"):
            store = run(out, track)
            u, true, found = errors_of(out, track, store)
            assert np.corrcoef(true, found)[0, 1] > 0.95
            error = found - true
            error -= np.median(error)
            assert np.sqrt(np.mean(error**2)) < 0.0035
            # A sinking point has a negative rate.
            assert np.median(found[(u > 62.7) & (u < 63.3) & (true < -0.02)]) < -0.02

    def test_points_of_the_line_enter_at_the_unwrapping(self, tmp_path, monkeypatch):
        cut("line", (64.0, 76.0), 3900.0, monkeypatch)
        out = tmp_path / "line"
        simulate_heze(out, "line", seed=0, console=QUIET)
        store = Project.open(out).track("t40")
        assert store.stack_attributes()["source"]["level"] == "point level: wrapped phases simulated"
        store = run(out, "t40")
        _, true, found = errors_of(out, "t40", store)
        assert np.corrcoef(true, found)[0, 1] > 0.9
