"""Bursts against the ground on an orbit known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from scipy.interpolate import RectBivariateSpline

import oracles_geometry as oracle
from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.geometry import geo2rdr, orbit_states
from subside.ops.baselines import baselines, rate_acquisitions, scene_baselines
from subside.ops.burst_offsets import offset_model
from subside.ops.burst_window import burst_footprint, burst_window
from subside.ops.geometry import (
    acquisition_arc,
    bistatic_shift,
    burst_geometry,
    flat_ground,
    ground_grid,
    line_of_sight,
    radar_coordinates,
    visibility,
)
from subside.ops.orbit_arc import MANOEUVRE_RESIDUAL, fit_orbit, leave_one_out

REFERENCE = oracle.CircularOrbit()


@pytest.fixture(scope="module")
def reference():
    return burst_geometry(oracle.acquisition(REFERENCE), "IW2", burst_id=7)


def other(cross=0.0, radial=0.0, longitude=20.0, start=oracle.PASS + 0.0123, date="2020-01-14"):
    orbit = oracle.CircularOrbit(cross=cross, radial=radial, longitude=longitude)
    return burst_geometry(oracle.acquisition(orbit, start=start, date=date), "IW2", burst_id=7)


# ---- orbit


@pytest.mark.parametrize("n_vectors", [4, 6])
def test_orbit_to_microns(n_vectors):
    arc = fit_orbit(REFERENCE.vectors(), (oracle.PASS - 40, oracle.PASS + 33), n_vectors=n_vectors)
    time = np.linspace(oracle.PASS - 40, oracle.PASS + 33, 500)
    got, exact = orbit_states(arc, time), REFERENCE.state(time)
    np.testing.assert_allclose(got[:, 0], exact[:, 0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(got[:, 1], exact[:, 1], atol=1e-6, rtol=0)
    np.testing.assert_allclose(got[:, 2], exact[:, 2], atol=1e-5, rtol=0)


def test_orbit_is_never_extrapolated_nor_overfitted():
    orbit = REFERENCE.vectors()
    for span in ((orbit.time[0] - 0.1, orbit.time[5]), (orbit.time[5], orbit.time[-1] + 0.1), (5.0, 5.0)):
        with pytest.raises(ArgumentError, match="covers the scene"):
            fit_orbit(orbit, span)
    with pytest.raises(ArgumentError, match="4 or 6"):
        fit_orbit(orbit, (oracle.PASS, oracle.PASS + 1), n_vectors=8)


@pytest.mark.parametrize("at", [-14.0, 0.0, 13.0])
def test_manoeuvre_is_found(at):
    clean = REFERENCE.vectors()
    span = (oracle.PASS - 15, oracle.PASS + 15)
    assert leave_one_out(clean, span) < 1e-4
    burn = np.maximum(clean.time - (oracle.PASS + at), 0.0)[:, None] * np.array([0.0, 0.0, 0.01])
    moved = replace(clean, position=clean.position + burn, velocity=clean.velocity + (burn > 0) * [0.0, 0.0, 0.01])
    assert leave_one_out(moved, span) > MANOEUVRE_RESIDUAL
    far = replace(clean, position=clean.position.copy())
    far.position[0] += 10.0
    assert leave_one_out(far, span) < 1e-4


# ---- ground and back


def test_ground_grid_returns_to_its_pixels(reference):
    middle = flat_ground(reference, 0.0, lines=[750.0], samples=[10000.0])
    dem = oracle.dem_around(
        middle.latitude.item(),
        middle.longitude.item(),
        half=0.2,
        relief=lambda n, e: 700 + 400 * np.sin(n / 600) * np.sin(e / 900),
    )
    lines, samples = np.arange(700.0, 800, 20), np.arange(9000.0, 11000, 7)
    ground = ground_grid(reference, dem, lines=lines, samples=samples)
    assert np.ptp(ground.height) > 600
    seen = radar_coordinates(reference, ground.latitude, longitude=ground.longitude, height=ground.height)
    np.testing.assert_allclose(seen.line, np.broadcast_to(lines[:, None], seen.line.shape), atol=1e-6)
    np.testing.assert_allclose(seen.sample, np.broadcast_to(samples, seen.line.shape), atol=1e-6)
    assert np.all(visibility(reference, dem, lines=lines[:1], samples=samples) >= 1)


def test_line_of_sight(reference):
    ground = flat_ground(reference, 200.0, lines=[0.0, 1499.0], samples=[0.0, 9000.0, 19999.0])
    look = line_of_sight(reference, ground)
    np.testing.assert_allclose(look.east**2 + look.north**2 + look.up**2, 1.0, atol=1e-12)
    np.testing.assert_allclose(np.cos(look.incidence_angle), look.up, atol=1e-12)
    assert np.all(np.diff(look.incidence_angle, axis=1) > 0) and np.all(look.east < 0)  # ascending, looking right
    # moving the ground along the look vector shortens the range by as much, and does not move it in azimuth
    step = 10.0
    u = np.stack([look.east, look.north, look.up], -1)
    p, q = np.radians(ground.latitude), np.radians(ground.longitude)
    east = np.stack([-np.sin(q), np.cos(q), 0 * q], -1)
    north = np.stack([-np.sin(p) * np.cos(q), -np.sin(p) * np.sin(q), np.cos(p)], -1)
    up = np.stack([np.cos(p) * np.cos(q), np.cos(p) * np.sin(q), np.sin(p)], -1)
    point = oracle.ecef(ground.latitude, ground.longitude, ground.height)
    point = point + step * (u[..., :1] * east + u[..., 1:2] * north + u[..., 2:] * up)
    expected = [oracle.closest_approach(REFERENCE, x) for x in point.reshape(-1, 3)]
    before = reference.slant_range(ground.samples)
    np.testing.assert_allclose([r for _, r in expected], np.tile(before, 2) - step, atol=2e-6)
    np.testing.assert_allclose([t for t, _ in expected], np.repeat(reference.slow_time(ground.lines), 3), atol=1e-9)


def test_heading_is_the_direction_of_the_track(reference):
    p = REFERENCE.state(reference.middle_time + np.array([-0.5, 0.5]))[:, 0]
    lat = np.degrees(np.arcsin(p[:, 2] / np.linalg.norm(p, axis=1)))
    lon = np.degrees(np.arctan2(p[:, 1], p[:, 0]))
    expected = np.arctan2(np.diff(lon)[0] * np.cos(np.radians(lat.mean())), np.diff(lat)[0])
    assert reference.heading == pytest.approx(expected, abs=1e-5)
    assert -0.3 < reference.heading < -0.1


def test_bistatic_term_is_zero_in_the_middle_of_iw2(reference):
    swath = reference.swath
    middle = swath.slant_range_time + 10000 / swath.range_sampling_rate
    np.testing.assert_allclose(bistatic_shift(reference.acquisition, [middle, middle + 2e-4]), [0, 1e-4], atol=1e-15)
    without = replace(reference.acquisition, swaths={"IW1": replace(swath, name="IW1")})
    with pytest.raises(UnknownQuantityError, match="IW2"):
        bistatic_shift(without, 5e-3)


def test_arguments_are_checked(reference):
    with pytest.raises(ArgumentError, match="IW3"):
        burst_geometry(reference.acquisition, "IW3", burst_id=7)
    with pytest.raises(ArgumentError, match="no burst 8"):
        burst_geometry(reference.acquisition, "IW2", burst_id=8)
    with pytest.raises(ArgumentError, match="ascending"):
        flat_ground(reference, 0.0, lines=[2.0, 1.0], samples=[0.0])
    with pytest.raises(ArgumentError, match="one shape"):
        radar_coordinates(reference, [1.0, 2.0], longitude=[1.0], height=[0.0])
    short = replace(reference.acquisition.orbit, time=reference.acquisition.orbit.time + 105)
    with pytest.raises(ArgumentError, match="covers the scene"):
        acquisition_arc(replace(reference.acquisition, orbit=short))


# ---- offsets


def evaluate(model, line, sample, height):
    """Splines by scipy, powers by hand: what the docstring of the model says."""
    u = (height - model.height_origin) / model.height_scale
    return np.array(
        [
            sum(RectBivariateSpline(model.line, model.sample, c, s=0).ev(line, sample) * u**k for k, c in enumerate(q))
            for q in model.coefficients
        ]
    )


@pytest.mark.parametrize(
    ("cross", "radial", "longitude"), [(420.0, 0.0, 20.0), (-300.0, 250.0, 20.0), (0.0, -620.0, 20.0001)]
)
def test_offset_model_equals_the_direct_computation(reference, cross, radial, longitude):
    secondary = other(cross, radial, longitude)
    model = offset_model(reference, secondary, heights=(-500.0, 5000.0))
    rng = np.random.default_rng(5)
    line, sample, height = rng.uniform(0, 1499, 40), rng.uniform(0, 19999, 40), rng.uniform(-500, 5000, 40)
    expected = np.empty((3, 40))
    for k in range(40):
        ground = flat_ground(reference, height[k], lines=line[k : k + 1], samples=sample[k : k + 1])
        seen = radar_coordinates(secondary, ground.latitude, longitude=ground.longitude, height=ground.height)
        ahead = seen.slant_range - reference.slant_range(ground.samples)
        expected[:, k] = seen.line.item() - line[k], seen.sample.item() - sample[k], ahead.item()
    scene = scene_baselines([reference.acquisition, secondary.acquisition], reference=0).perpendicular[1]
    assert 250 < abs(scene) < 500 and np.ptp(expected[2]) > 15
    np.testing.assert_allclose(evaluate(model, line, sample, height), expected, atol=1e-5, rtol=0)
    # an independent road for one point: the exact orbits, no polynomial, no grid
    ground = flat_ground(reference, 1500.0, lines=[400.0], samples=[5000.0])
    point = oracle.ecef(ground.latitude, ground.longitude, ground.height)[0, 0]
    orbit = oracle.CircularOrbit(cross=cross, radial=radial, longitude=longitude)
    time, slant_range = oracle.closest_approach(orbit, point)
    got = evaluate(model, 400.0, 5000.0, 1500.0).ravel()
    swath = secondary.swath
    assert got[0] == pytest.approx((time - secondary.burst.time) / swath.azimuth_time_interval - 400, abs=1e-5)
    assert got[2] == pytest.approx(slant_range - reference.slant_range(np.float64(5000.0)), abs=1e-5)
    assert got[1] == pytest.approx(got[2] * 2 * swath.range_sampling_rate / SPEED_OF_LIGHT, abs=1e-5)


def test_offsets_against_itself_are_zero(reference):
    model = offset_model(reference, reference, heights=(0.0, 100.0))
    assert np.abs(model.coefficients).max() < 2e-7


def test_start_time_and_near_range_enter_the_offsets(reference):
    base = other(100.0)
    late = replace(base, burst=replace(base.burst, time=base.burst.time + 3 * base.swath.azimuth_time_interval))
    wide = replace(late, swath=replace(late.swath, slant_range_time=late.swath.slant_range_time - 2 / 64.345238126e6))
    a, b = (offset_model(reference, s, heights=(0.0, 1000.0)).coefficients for s in (base, wide))
    np.testing.assert_allclose(b[0, 0] - a[0, 0], -3.0, atol=1e-7)
    np.testing.assert_allclose(b[1, 0] - a[1, 0], 2.0, atol=1e-7)
    np.testing.assert_allclose(b[2], a[2], atol=1e-7)


def test_offset_arguments(reference):
    with pytest.raises(ArgumentError, match="ascend"):
        offset_model(reference, reference, heights=(100.0, 100.0))
    foreign = replace(reference, burst=replace(reference.burst, burst_id=9))
    with pytest.raises(ArgumentError, match="burst 7 of IW2, got 9"):
        offset_model(reference, foreign, heights=(0.0, 100.0))
    away = other(start=oracle.PASS, longitude=60.0)
    away = replace(away, arc=fit_orbit(oracle.CircularOrbit(phase=70.0).vectors(), (oracle.PASS - 5, oracle.PASS + 5)))
    with pytest.raises(ArgumentError, match="within the span of its orbit"):
        offset_model(reference, away, heights=(0.0, 100.0))


# ---- baselines


@pytest.mark.parametrize(("cross", "radial"), [(150.0, 0.0), (-150.0, 0.0), (0.0, 120.0), (60.0, -200.0)])
def test_baseline_is_the_derivative_of_range_by_height(reference, cross, radial):
    secondary = other(cross, radial)
    lines, samples = [0.0, 1400.0], [0.0, 9000.0, 19999.0]
    ground = flat_ground(reference, 100.0, lines=lines, samples=samples)
    got = baselines(reference, ground, secondary=secondary.arc)
    look = line_of_sight(reference, ground)
    ranges = []
    for height in (80.0, 120.0):
        raised = flat_ground(reference, height, lines=lines, samples=samples)
        seen = geo2rdr(raised.latitude, raised.longitude, raised.height, secondary.arc)[1]
        ranges.append(seen - reference.slant_range(ground.samples))
    slope = (ranges[1] - ranges[0]) / 40.0
    expected = slope * reference.slant_range(ground.samples) * np.sin(look.incidence_angle)
    assert np.all(np.abs(expected) > 50)
    np.testing.assert_allclose(got.perpendicular, expected, rtol=2e-3)
    np.testing.assert_allclose(got.parallel, -0.5 * (ranges[0] + ranges[1]), atol=0.05)


def test_law_of_cosines(reference):
    secondary = other(140.0, 90.0)
    ground = flat_ground(reference, 0.0, lines=[700.0], samples=[10000.0])
    got = baselines(reference, ground, secondary=secondary.arc)
    point = oracle.ecef(ground.latitude, ground.longitude, ground.height)[0, 0]
    second = oracle.CircularOrbit(cross=140.0, radial=90.0)
    (t1, r1), (t2, r2) = (oracle.closest_approach(o, point) for o in (REFERENCE, second))
    b = np.linalg.norm(second.state(t2)[0] - REFERENCE.state(t1)[0])
    cosine = (r1**2 + b**2 - r2**2) / (2 * r1 * b)
    assert got.parallel.item() == pytest.approx(b * cosine, abs=1e-4)
    assert abs(got.perpendicular.item()) == pytest.approx(b * np.sqrt(1 - cosine**2), abs=1e-4)


def test_scene_baselines_are_antisymmetric_and_unseen_dates_are_named(reference):
    dates = [reference.acquisition, other(150.0).acquisition]
    forth, back = (scene_baselines(dates, reference=k).perpendicular for k in (0, 1))
    assert forth[0] == back[1] == 0 and forth[1] == pytest.approx(-back[0], abs=0.05) and abs(forth[1]) > 90
    elsewhere = oracle.acquisition(oracle.CircularOrbit(phase=75.0), date="2020-02-07")
    with pytest.raises(ArgumentError, match="20200207"):
        scene_baselines([dates[0], elsewhere], reference=0)
    with pytest.raises(ArgumentError, match="one swath"):
        rate_acquisitions([])


# ---- footprint and window


def _area(kind, reference):
    ground = flat_ground(reference, 0.0, lines=[300.0, 700.0], samples=[4000.0, 9000.0])
    lon, lat = ground.longitude, ground.latitude
    if kind == "inside":
        return np.array(
            [[lon[0, 0], lat[0, 0]], [lon[0, 1], lat[0, 1]], [lon[1, 1], lat[1, 1]], [lon[1, 0], lat[1, 0]]]
        )
    if kind == "triangle over the edge":
        return np.array([[lon[0, 0], lat[0, 0]], [lon[0, 0] - 3, lat[0, 0] - 3], [lon[0, 0] + 1, lat[0, 0] - 3]])
    if kind == "box":
        return np.array([[24.2, 35.5], [25.5, 35.5], [25.5, 35.7], [24.2, 35.7]])
    return np.array([[0.0, 0.0], [60.0, 0.0], [60.0, 70.0], [0.0, 70.0]])


@pytest.mark.parametrize("kind", ["inside", "triangle over the edge", "box", "everything"])
def test_window_holds_every_pixel_of_the_area(reference, kind):
    area = _area(kind, reference)
    burst = reference.burst
    lines = np.linspace(burst.first_line, burst.last_line, 150)
    samples = np.linspace(burst.first_sample, burst.last_sample, 400)
    inside = np.zeros((150, 400), bool)
    for height in (0.0, 300.0, 600.0):
        ground = flat_ground(reference, height, lines=lines, samples=samples)
        points = np.stack([ground.longitude.ravel(), ground.latitude.ravel()], -1)
        inside |= Outline(area).contains_points(points).reshape(inside.shape)
    window = burst_window(reference, area, heights=(0.0, 600.0))
    assert inside.any() and window is not None
    row, column = lines[inside.any(axis=1)], samples[inside.any(axis=0)]
    assert window.first_line <= row[0] and window.last_line >= row[-1]
    assert window.first_sample <= column[0] and window.last_sample >= column[-1]
    assert row[0] - window.first_line < 20 and window.last_line - row[-1] < 20
    assert column[0] - window.first_sample < 150 and window.last_sample - column[-1] < 150
    if kind == "everything":
        assert (window.first_line, window.last_line) == (burst.first_line, burst.last_line)
        assert (window.first_sample, window.last_sample) == (burst.first_sample, burst.last_sample)
    else:
        assert np.count_nonzero(~inside.any(axis=0)) > 20


def test_area_elsewhere_has_no_window(reference):
    area = _area("inside", reference)
    assert burst_window(reference, area + np.array([2.5, 0.0]), heights=(0.0, 600.0)) is None
    assert burst_window(reference, area + np.array([0.0, -40.0]), heights=(0.0, 600.0)) is None
    turned = burst_window(reference, area + np.array([360.0, 0.0]), heights=(0.0, 600.0))
    assert turned == burst_window(reference, area, heights=(0.0, 600.0))
    with pytest.raises(ArgumentError, match="vertex >= 3"):
        burst_window(reference, area[:2], heights=(0.0, 600.0))
    with pytest.raises(ArgumentError, match="ascend"):
        burst_window(reference, area, heights=(600.0, 0.0))


def test_footprint_is_the_border_of_the_valid_window(reference):
    outline = burst_footprint(reference, height=250.0, n_per_side=4)
    assert outline.shape == (17, 2)
    np.testing.assert_array_equal(outline[0], outline[-1])
    seen = radar_coordinates(reference, outline[::4, 1], longitude=outline[::4, 0], height=np.full(5, 250.0))
    np.testing.assert_allclose(seen.line, [20, 20, 1479, 1479, 20], atol=1e-5)
    np.testing.assert_allclose(seen.sample, [100, 19899, 19899, 100, 100], atol=1e-5)
