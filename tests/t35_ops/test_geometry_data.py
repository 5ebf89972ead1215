"""Geometry against real annotations and orbits, ISCE2's baselines, and the truth of the synthetic products."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline

from sentinel1_files import ANNOTATION, SMALL, T108, need, read_dem, read_eof, read_product, small_products
from subside.conventions import SPEED_OF_LIGHT
from subside.kernels.geometry import orbit_states
from subside.ops.baselines import baselines, rate_acquisitions, scene_baselines
from subside.ops.burst_offsets import offset_model
from subside.ops.geometry import (
    acquisition_arc,
    bistatic_shift,
    burst_geometry,
    flat_ground,
    ground_grid,
    radar_coordinates,
)
from subside.ops.orbit_arc import MANOEUVRE_RESIDUAL, fit_orbit, leave_one_out

pytestmark = pytest.mark.data

READER = ANNOTATION / "s1-reader"
ORBITS = {
    "S1A_OPER_AUX_POEORB_OPOD_20210304T033926_V20141003T225944_20141005T005944.EOF": "20141004T031312",
    "S1A_OPER_AUX_POEORB_OPOD_20220917T081749_V20220827T225942_20220829T005942.EOF": "20220828T042306",
    "S1A_OPER_AUX_POEORB_OPOD_20221019T082002_V20220928T225942_20220930T005942.EOF": "20220929T201107",
}
MANOEUVRE = "S1A_OPER_AUX_POEORB_OPOD_20221031T083817_V20221010T225942_20221012T005942.EOF"
WHOLE = ["20200511T135117", "20220828T042306", "20220929T201107", "20221011T162212", "20221024T184148"]


# ---- real orbits


def _epoch_and_span(name: str, text: str):
    start = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:]}", "us")
    epoch = start.astype("datetime64[D]")
    first = float((start - epoch) / np.timedelta64(1, "s"))
    return read_eof(READER / name, epoch), (first, first + 27.0)


@pytest.mark.parametrize("name", ORBITS)
def test_clean_arcs_to_microns(name):
    orbit, span = _epoch_and_span(name, ORBITS[name])
    assert leave_one_out(orbit, span) < 2e-4
    time = np.linspace(*span, 400)
    four, six = (orbit_states(fit_orbit(orbit, span, n_vectors=n), time) for n in (4, 6))
    assert np.abs(four[:, 0] - six[:, 0]).max() < 5e-6
    assert np.abs(four[:, 1] - six[:, 1]).max() < 5e-6
    # a cubic would be wrong by a quarter of a millimetre: the agreement above is not vacuous
    k = int(np.searchsorted(orbit.time, span[0]))
    step = orbit.time[k + 1] - orbit.time[k]
    p, v = orbit.position[k : k + 2], orbit.velocity[k : k + 2]
    cubic = p.mean(axis=0) + step / 8 * (v[0] - v[1])
    exact = orbit_states(fit_orbit(orbit, span), np.array([orbit.time[k] + step / 2]))[0, 0]
    assert 1e-4 < np.linalg.norm(cubic - exact) < 4e-4


def test_manoeuvre_of_11_october_2022_is_found():
    orbit, span = _epoch_and_span(MANOEUVRE, "20221011T162212")
    assert leave_one_out(orbit, span) > 5 * MANOEUVRE_RESIDUAL


# ---- geolocation grids


def _check_grid(product, arc, grids):
    for name, grid in grids.items():
        swath = product.swaths[name]
        geometry = burst_geometry(product, name, burst_id=0, arc=arc)
        seen = radar_coordinates(geometry, grid.latitude, longitude=grid.longitude, height=grid.height)
        assert np.abs(seen.slow_time - grid.slow_time).max() < 3e-6
        assert np.abs(seen.slant_range - 0.5 * SPEED_OF_LIGHT * grid.fast_time).max() < 1e-3
        assert np.ptp(grid.height) > 0 and np.ptp(grid.slow_time) > 20
        if "IW2" in product.swaths:
            row = grid.line < len(swath.bursts) * swath.lines_per_burst - 1
            index = (grid.line // swath.lines_per_burst).astype(int)[row]
            line_time = np.array([swath.bursts[i].time for i in index])
            line_time = line_time + (grid.line[row] - index * swath.lines_per_burst) * swath.azimuth_time_interval
            term = bistatic_shift(product, grid.fast_time[row])
            assert np.abs(seen.slow_time[row] - line_time - term).max() < 3e-6 and np.ptp(term) > 1e-4


@pytest.mark.parametrize("date", ["20250406", "20250418"])
def test_geolocation_grid_of_t108(date):
    product, grids = read_product(next(need(T108).glob(f"*SLC__1SDV_{date}T*.SAFE")))
    assert sorted(grids) == ["IW1", "IW2", "IW3"]
    _check_grid(product, acquisition_arc(product), grids)


@pytest.mark.parametrize("start", WHOLE)
def test_geolocation_grids_of_other_tracks(start):
    product, grids = read_product(next(need(READER).glob(f"*_{start}_*.zip")))
    _check_grid(product, acquisition_arc(product), grids)


# ---- baselines of ISCE2


def test_baselines_of_isce2():
    reference, secondary = (
        read_product(next(need(T108).glob(f"*SLC__1SDV_{d}T*.SAFE")))[0] for d in ("20250406", "20250418")
    )
    table = (T108 / "topsProc.xml").read_text()
    arcs = [acquisition_arc(a) for a in (reference, secondary)]
    for k in (1, 2, 3):
        for which, burst in (("first", 0), ("last", 8)):
            geometry = burst_geometry(reference, f"IW{k}", burst_id=burst, arc=arcs[0])
            middle = [0.5 * geometry.swath.lines_per_burst], [0.5 * geometry.swath.samples_per_burst]
            ground = flat_ground(geometry, 0.0, lines=middle[0], samples=middle[1])
            got = baselines(geometry, ground, secondary=arcs[1])
            tags = (f"<IW-{k}_B{kind}_at_midrange_for_{which}_common_burst>" for kind in ("perp", "par"))
            expected = [float(re.search(tag + r"([-.\d]+)<", table).group(1)) for tag in tags]
            assert got.perpendicular.item() == pytest.approx(expected[0], abs=0.05)
            assert got.parallel.item() == pytest.approx(expected[1], abs=0.05)
    scene = scene_baselines([reference, secondary], reference=0)
    assert scene.perpendicular[1] == pytest.approx(-121.5, abs=1.0)


def evaluate(model, line, sample, height):
    """Offsets on a lattice, splines by scipy."""
    u = (height - model.height_origin) / model.height_scale
    return [
        sum(RectBivariateSpline(model.line, model.sample, c, s=0)(line, sample) * u**k for k, c in enumerate(q))
        for q in model.coefficients
    ]


@pytest.mark.parametrize("swath", ["IW1", "IW2", "IW3"])
def test_offset_model_of_a_real_pair(swath):
    reference, secondary = (
        burst_geometry(read_product(next(need(T108).glob(f"*SLC__1SDV_{d}T*.SAFE")))[0], swath, burst_id=4)
        for d in ("20250406", "20250418")
    )
    model = offset_model(reference, secondary, heights=(-500.0, 5000.0))
    line = np.linspace(3.0, reference.swath.lines_per_burst - 5.0, 31)
    sample = np.linspace(11.0, reference.swath.samples_per_burst - 7.0, 61)
    for height in (-480.0, 700.0, 3300.0, 4990.0):
        ground = flat_ground(reference, height, lines=line, samples=sample)
        seen = radar_coordinates(secondary, ground.latitude, longitude=ground.longitude, height=ground.height)
        got = evaluate(model, line, sample, height)
        np.testing.assert_allclose(got[0], seen.line - line[:, None], atol=1e-5, rtol=0)
        np.testing.assert_allclose(got[1], seen.sample - sample, atol=1e-5, rtol=0)
        np.testing.assert_allclose(got[2], seen.slant_range - reference.slant_range(sample), atol=1e-5, rtol=0)


# ---- synthetic truth


@pytest.fixture(scope="module")
def small():
    products = [read_product(safe, orbit_file=eof)[0] for safe, eof in small_products()]
    truth = json.loads((SMALL / "truth.json").read_text())
    assert [p.date for p in products] == [d["date"] for d in truth["dates"]]
    return products, truth, np.load(SMALL / "truth_grid.npz"), read_dem(SMALL / "dem.tif")


def test_targets_are_predicted(small):
    products, truth, _, _ = small
    n = 0
    arcs = [acquisition_arc(p) for p in products]
    for target in truth["targets"]:
        for product, arc, observed in zip(products, arcs, target["obs"], strict=True):
            for place in observed["inside"]:
                geometry = burst_geometry(product, place["swath"], burst_id=place["burst"], arc=arc)
                height = target["h"] + observed["uplift"]
                seen = radar_coordinates(geometry, target["lat"], longitude=target["lon"], height=height)
                assert float(seen.line) == pytest.approx(place["line_predicted"], abs=1e-4)
                assert float(seen.sample) == pytest.approx(place["sample_predicted"], abs=1e-4)
                assert float(seen.slant_range) == pytest.approx(observed["range"], abs=1e-4)
                n += 1
    assert n == 152


def test_annotation_orbit_shows_its_error(small):
    truth = small[1]
    product = read_product(small_products()[0][0])[0]
    place = truth["targets"][0]["obs"][0]["inside"][0]
    geometry = burst_geometry(product, place["swath"], burst_id=place["burst"])
    target = truth["targets"][0]
    seen = radar_coordinates(geometry, target["lat"], longitude=target["lon"], height=target["h"])
    assert 1e-3 < abs(float(seen.sample) - place["sample_predicted"]) < 0.02


@pytest.mark.parametrize("key", [f"IW{s}_b{b}" for s in (1, 2) for b in range(3)])
def test_offsets_and_baselines_on_the_truth_grid(small, key):
    products, truth, grid, dem = small
    swath, burst = key[:3], int(key[-1])
    geometries = [burst_geometry(p, swath, burst_id=burst) for p in products]
    reference = geometries[1]
    line, sample = grid[f"{key}_line"].astype(float), grid[f"{key}_sample"].astype(float)
    ground = ground_grid(reference, dem, lines=line, samples=sample)
    np.testing.assert_allclose(ground.height, grid[f"{key}_h"], atol=0.02)
    np.testing.assert_allclose(ground.latitude, grid[f"{key}_lat"], atol=3e-7)
    np.testing.assert_allclose(ground.longitude, grid[f"{key}_lon"], atol=3e-7)
    assert np.ptp(ground.height) > 150
    for k, secondary in enumerate(geometries):
        date = f"{key}_{truth['dates'][k]['date']}"
        model = offset_model(reference, secondary, heights=(0.0, 800.0))
        offset = evaluate(model, line, sample, ground.height)
        shifts = truth["dates"][k]
        np.testing.assert_allclose(
            offset[0] + line[:, None], grid[f"{date}_line"] - shifts["az_shift_lines"], atol=2e-5
        )
        np.testing.assert_allclose(offset[1] + sample, grid[f"{date}_sample"] - shifts["rg_shift_samples"], atol=2e-5)
        ahead = grid[f"{date}_range"] - grid[f"{key}_{truth['reference_date']}_range"]
        np.testing.assert_allclose(offset[2], ahead, atol=2e-5)
        got = baselines(reference, ground, secondary=secondary.arc)
        np.testing.assert_allclose(got.perpendicular, grid[f"{date}_bperp"], atol=1e-3)
        assert k == 1 or np.abs(got.perpendicular).min() > 30
        # law of cosines with the true ranges
        near = reference.slant_range(sample)
        length = got.parallel**2 + got.perpendicular**2
        far = near + ahead
        np.testing.assert_allclose(got.parallel, (near**2 + length - far**2) / (2 * near), atol=1e-3)


@pytest.mark.parametrize("swath", ["IW1", "IW2"])
def test_baselines_in_the_middle_of_small(small, swath):
    products, truth, _, dem = small
    geometry = burst_geometry(products[1], swath, burst_id=1)
    lines, samples = [geometry.swath.lines_per_burst // 2], [geometry.swath.samples_per_burst // 2]
    ground = ground_grid(geometry, dem, lines=lines, samples=samples)
    for product, date in zip(products, truth["dates"], strict=True):
        got = baselines(geometry, ground, secondary=acquisition_arc(product))
        assert got.perpendicular.item() == pytest.approx(date["swaths"][swath]["b_perp"], abs=1e-4)
        assert got.parallel.item() == pytest.approx(date["swaths"][swath]["b_par"], abs=1e-4)


def test_reference_image_of_small(small):
    products = small[0]
    rating = rate_acquisitions(products)
    np.testing.assert_allclose(rating.index, [3.6689, 3.7887, 3.7089, 3.7852], atol=1.5e-4)
    assert products[rating.best].date == "20180108"
