"""Orbit, ellipsoid, zero Doppler and terrain against closed forms, brute force and plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

import oracles_geometry as oracle
from subside.kernels.geometry import (
    OrbitArc,
    closest_approach,
    geo2rdr,
    ground_at_height,
    orbit_states,
    to_ecef,
    to_geodetic,
)
from subside.kernels.terrain import Terrain, look_vectors, rdr2geo, terrain_heights
from subside.ops.orbit_arc import fit_orbit

ANGLE = 0.6


@pytest.fixture(scope="module")
def orbit() -> oracle.CircularOrbit:
    return oracle.CircularOrbit()


@pytest.fixture(scope="module")
def arc(orbit) -> OrbitArc:
    return fit_orbit(orbit.vectors(), (oracle.PASS - 40, oracle.PASS + 40))


def test_horner_equals_polynomials():
    rng = np.random.default_rng(0)
    edges = np.array([0.0, 10.0, 20.0])
    arc = OrbitArc(edges, np.array([4.0, 17.0]), np.array([15.0, 12.0]), rng.normal(size=(2, 3, 8)))
    time = np.array([-1.0, 0.0, 3.3, 9.999, 10.001, 19.0, 21.0])
    got = orbit_states(arc, time)
    for i, t in enumerate(time):
        piece = int(t > 10)
        u = np.polynomial.Polynomial([-arc.centre[piece] / arc.half_width[piece], 1 / arc.half_width[piece]])
        for axis in range(3):
            p = np.polynomial.Polynomial(arc.coefficients[piece, axis])(u)
            np.testing.assert_allclose(got[i, :, axis], [p(t), p.deriv()(t), p.deriv(2)(t)], rtol=1e-11, atol=1e-12)


def test_geodetic_and_back():
    lat, lon, height = np.meshgrid([-90.0, -89.9999, -52, -1e-9, 0, 17, 45, 83, 90], [-180, -3.0, 0, 90, 179.5],
                                   [-5e3, 0, 300, 9e3, 7e5], indexing="ij")  # fmt: skip
    lat, lon, height = lat.ravel(), lon.ravel(), height.ravel()
    point = to_ecef(lat, lon, height)
    np.testing.assert_allclose(point, oracle.ecef(lat, lon, height), atol=2e-9)
    got = to_geodetic(point)
    np.testing.assert_allclose(got[:, 0], lat, atol=1e-12)
    np.testing.assert_allclose(got[:, 2], height, atol=5e-9)
    np.testing.assert_allclose(to_ecef(*(got[:, k].copy() for k in range(3))), point, atol=5e-9)
    assert np.isnan(to_ecef(np.array([np.nan]), np.array([1.0]), np.array([0.0]))).any()


def test_zero_doppler_meets_the_exact_orbit(orbit, arc):
    rng = np.random.default_rng(1)
    middle = orbit.state(oracle.PASS)[0]
    lat, lon, _ = to_geodetic(middle[None])[0]
    lat = lat + rng.uniform(-1, 1, (3, 20))
    lon = lon + rng.uniform(3, 8, (3, 20))
    height = rng.uniform(-400, 8000, (3, 20))
    time, slant_range = geo2rdr(lat, lon, height, arc)
    expected = np.array([oracle.closest_approach(orbit, p) for p in oracle.ecef(lat, lon, height).reshape(-1, 3)])
    np.testing.assert_allclose(time.ravel(), expected[:, 0], atol=1e-9, rtol=0)
    np.testing.assert_allclose(slant_range.ravel(), expected[:, 1], atol=1e-6, rtol=0)
    assert np.ptp(time) > 15
    again = closest_approach(to_ecef(lat.ravel(), lon.ravel(), height.ravel()), arc)
    np.testing.assert_allclose(again[0], time.ravel(), atol=3e-11, rtol=0)


def test_points_beyond_the_arc_and_unknown_points_are_nan(orbit, arc):
    lat, lon, _ = to_geodetic(orbit.state(oracle.PASS)[0][None])[0]
    lat = lat + np.array([[0.0, 8.0, np.nan, 0.1, -80.0]])
    time, slant_range = geo2rdr(lat, lon + np.full((1, 5), 5.0), np.zeros((1, 5)), arc)
    np.testing.assert_array_equal(np.isnan(time), [[False, True, True, False, True]])
    np.testing.assert_array_equal(np.isnan(slant_range), np.isnan(time))


def test_fixed_height_point_has_its_range_time_and_height(arc):
    time = oracle.PASS + np.array([-3.0, 0.0, 5.0])
    slant_range = np.array([790e3, 850e3, 960e3])
    for height in (-500.0, 0.0, 5000.0):
        point = ground_at_height(time, slant_range, height, arc, ANGLE).reshape(-1, 3)
        np.testing.assert_allclose(to_geodetic(point)[:, 2], height, atol=2e-6)
        t, r = closest_approach(point, arc)
        np.testing.assert_allclose(t.reshape(3, 3), np.repeat(time[:, None], 3, 1), atol=1e-10, rtol=0)
        np.testing.assert_allclose(r.reshape(3, 3), np.repeat(slant_range[None], 3, 0), atol=1e-8, rtol=0)
        state = orbit_states(arc, t)
        right = np.cross(state[:, 1], state[:, 0])
        assert np.all(np.sum((point - state[:, 0]) * right, axis=1) > 0)
    assert np.isnan(ground_at_height(time[:1], np.array([600e3]), 0.0, arc, ANGLE)).all()


def test_cubic_convolution():
    rng = np.random.default_rng(2)
    heights = rng.normal(0, 100, (12, 15)).astype(np.float32)
    terrain = Terrain(heights, 40.0, 10.0, -0.25, 0.5)
    row, column = rng.uniform(1, 9.99, 200), rng.uniform(1, 12.99, 200)
    got = terrain_heights(terrain, 40.0 - 0.25 * row, 10.0 + 0.5 * column)
    expected = [oracle.keys(heights, r, c) for r, c in zip(row, column, strict=True)]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    outside = terrain_heights(terrain, np.array([40.1, 39.9, 39.0, np.nan]), np.array([12.0, 12.0, 16.9, 12.0]))
    assert np.isnan(outside).all()


def _scene(arc, relief, half=0.3, step=1 / 1200):
    lat, lon, _ = to_geodetic(ground_at_height(np.array([oracle.PASS]), np.array([830e3]), 0.0, arc, ANGLE)[0])[0]
    dem = oracle.dem_around(lat, lon, half=half, step=step, relief=relief)
    return Terrain(dem.height, dem.latitude, dem.longitude, dem.latitude_step, dem.longitude_step)


def _hills(north, east):
    return 900 + 300 * np.sin(north / 900) * np.cos(east / 1400) + 200 * np.sin(east / 700)


def test_ground_point_closes(arc):
    terrain = _scene(arc, _hills)
    time = oracle.PASS + np.linspace(-1, 1, 7)
    slant_range = 830e3 + np.arange(-900.0, 900.0) * 2.33
    lat, lon, height = rdr2geo(time, slant_range, arc, terrain, ANGLE)
    assert np.ptp(height) > 700 and np.isfinite(height).all()
    ground = terrain_heights(terrain, lat.ravel(), lon.ravel()).reshape(height.shape)
    np.testing.assert_allclose(height, ground, atol=2e-5)
    t, r = geo2rdr(lat, lon, height, arc)
    np.testing.assert_allclose(t, np.broadcast_to(time[:, None], t.shape), atol=1e-9, rtol=0)
    np.testing.assert_allclose(r, np.broadcast_to(slant_range, r.shape), atol=1e-6, rtol=0)
    # lines do not depend on each other: a block gives the bits of the whole
    block = rdr2geo(time[3:5], slant_range, arc, terrain, ANGLE)
    for whole, part in zip((lat, lon, height), block, strict=True):
        np.testing.assert_array_equal(whole[3:5], part)


def test_ground_point_closes_in_layover(arc):
    def cliffs(north, east):
        return 600 + 500 * np.tanh(np.sin(east / 900) * 6) + 0 * north

    terrain = _scene(arc, cliffs, step=1 / 3600, half=0.12)
    time = np.array([oracle.PASS, oracle.PASS + 0.1])
    slant_range = 830e3 + np.arange(-800.0, 800.0) * 2.33
    lat, lon, height = rdr2geo(time, slant_range, arc, terrain, ANGLE)
    ground = terrain_heights(terrain, lat.ravel(), lon.ravel()).reshape(height.shape)
    assert np.isfinite(height).all() and np.any(np.diff(height) > 50)
    np.testing.assert_allclose(height, ground, atol=1e-3)
    r = geo2rdr(lat, lon, height, arc)[1]
    np.testing.assert_allclose(r, np.broadcast_to(slant_range, r.shape), atol=1e-6, rtol=0)


def test_voids_stay_local(arc):
    terrain = _scene(arc, _hills)
    holed = terrain.height.copy()
    n = holed.shape[0] // 2
    holed[n - 6 : n + 7, n - 6 : n + 7] = np.nan
    time, slant_range = np.array([oracle.PASS]), 830e3 + np.arange(-900.0, 900.0) * 2.33
    whole = rdr2geo(time, slant_range, arc, terrain, ANGLE)
    got = rdr2geo(time, slant_range, arc, terrain._replace(height=holed), ANGLE)
    is_void = np.isnan(got[2][0])
    row = (whole[0][0] - terrain.latitude) / terrain.latitude_step - n
    column = (whole[1][0] - terrain.longitude) / terrain.longitude_step - n
    touches = (np.abs(row) < 9) & (np.abs(column) < 18)
    assert is_void.any() and not np.any(is_void & ~touches)
    assert np.all(is_void[(np.abs(row) < 7) & (np.abs(column) < 7)])
    for k in range(3):
        np.testing.assert_allclose(got[k][0][~is_void], whole[k][0][~is_void], atol=1e-4)
        np.testing.assert_array_equal(np.isnan(got[k][0]), is_void)
    outside = rdr2geo(time, slant_range + 60e3, arc, terrain, ANGLE)
    assert np.isnan(np.stack(outside)).all()


def test_terrain_across_the_date_line():
    orbit = oracle.CircularOrbit()
    lon = to_geodetic(
        ground_at_height(np.array([oracle.PASS]), np.array([830e3]), 0.0,
                         fit_orbit(orbit.vectors(), (oracle.PASS - 9, oracle.PASS + 9)), ANGLE)[0]
    )[0, 1]  # fmt: skip
    time, slant_range = np.array([oracle.PASS]), 830e3 + np.arange(-300.0, 300.0) * 2.33
    both = []
    for shift in (0.0, 179.988 - lon):
        arc = fit_orbit(oracle.CircularOrbit(longitude=20 + shift).vectors(), (oracle.PASS - 30, oracle.PASS + 30))
        both.append(rdr2geo(time, slant_range, arc, _scene(arc, _hills), ANGLE))
    assert np.sign(both[1][1]).min() < 0 < np.sign(both[1][1]).max()
    np.testing.assert_allclose(both[0][0], both[1][0], atol=1e-9)
    np.testing.assert_allclose(both[0][2], both[1][2], atol=1e-3)


def test_look_vectors(arc):
    rng = np.random.default_rng(3)
    time = oracle.PASS + np.array([0.0, 1.0])
    lat, lon, height = rng.uniform(30, 36, (2, 9)), rng.uniform(22, 27, (2, 9)), rng.uniform(0, 3000, (2, 9))
    height[1, 4] = np.nan
    satellite = orbit_states(arc, time)[:, 0].copy()
    east, north, up = look_vectors(lat, lon, height, satellite)
    u = satellite[:, None] - oracle.ecef(lat, lon, height)
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    p, q = np.radians(lat), np.radians(lon)
    axes = (
        (east, np.stack([-np.sin(q), np.cos(q), 0 * q], -1)),
        (north, np.stack([-np.sin(p) * np.cos(q), -np.sin(p) * np.sin(q), np.cos(p)], -1)),
        (up, np.stack([np.cos(p) * np.cos(q), np.cos(p) * np.sin(q), np.sin(p)], -1)),
    )
    for got, axis in axes:
        np.testing.assert_allclose(got, np.sum(u * axis, axis=-1), atol=1e-14)
    assert np.isnan(east[1, 4]) and np.isfinite(east).sum() == 17
