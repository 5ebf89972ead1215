"""Layover and shadow against rays cast from the satellite in plain numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import oracles_geometry as oracle
from subside.kernels.geometry import ground_at_height, to_geodetic, zero_doppler_plane
from subside.kernels.terrain import Terrain
from subside.kernels.visibility import visible_crossings
from subside.ops.orbit_arc import fit_orbit

RANGES = 830e3 + np.arange(-250.0, 250.0) * 2.33


@pytest.fixture(scope="module")
def arc():
    return fit_orbit(oracle.CircularOrbit().vectors(), (oracle.PASS - 30, oracle.PASS + 30))


def _terrain(arc, relief):
    middle = ground_at_height(np.array([oracle.PASS]), np.array([830e3]), 0.0, arc, 0.6)[0]
    lat, lon, _ = to_geodetic(middle)[0]
    dem = oracle.dem_around(lat, lon, half=0.12, step=1 / 3600, relief=relief)
    return Terrain(dem.height, dem.latitude, dem.longitude, dem.latitude_step, dem.longitude_step)


def _rays(arc, terrain):
    """Crossings per range from the first hit of every ray: no walk along the ground, no running maximum."""
    position, down, right = zero_doppler_plane(arc, oracle.PASS)
    n, m = terrain.height.shape
    surface = RegularGridInterpolator(
        (terrain.latitude + terrain.latitude_step * np.arange(n), terrain.longitude + np.arange(m) / 3600),
        terrain.height.astype(float),
        bounds_error=False,
        fill_value=-1e4,
    )
    middle = ground_at_height(np.array([oracle.PASS]), np.array([830e3]), 0.0, arc, 0.6)[0, 0] - position
    centre = np.arctan2(middle @ right, middle @ down)
    angle = centre + np.arange(-2400, 2400) * 1.2e-6
    reach = 830e3 + np.arange(-1600.0, 1600.0, 4.0)
    direction = np.cos(angle)[:, None] * down + np.sin(angle)[:, None] * right
    point = position + reach[None, :, None] * direction[:, None]
    geodetic = to_geodetic(point.reshape(-1, 3))
    above = (geodetic[:, 2] - surface(geodetic[:, :2])).reshape(len(angle), -1)
    first = np.argmax(above < 0, axis=1)
    rows = np.arange(len(angle))
    high, low = above[rows, first - 1], above[rows, first]
    hit = reach[first - 1] + 4.0 * high / (high - low)
    hit[first == 0] = np.nan
    count = np.zeros(len(RANGES), int)
    for a, b in pairwise(hit):
        if abs(b - a) < 12.0:
            count += (min(a, b) <= RANGES) & (max(a, b) > RANGES)
    return count


def _count(arc, terrain, margin=3000.0):
    return visible_crossings(np.array([oracle.PASS]), RANGES, arc, terrain, 0.6, 10.0, margin)[0]


def test_plain_ground(arc):
    np.testing.assert_array_equal(_count(arc, _terrain(arc, None)), 1)
    gentle = _terrain(arc, lambda north, east: 60 * np.sin(east / 400) + 0 * north)
    np.testing.assert_array_equal(_count(arc, gentle), 1)


@pytest.mark.parametrize("height", [190.0, 300.0])
def test_ridge_against_rays(arc, height):
    def ridge(north, east):
        return height * np.exp(-((east / 90.0) ** 2)) + 0 * north

    terrain = _terrain(arc, ridge)
    got, expected = _count(arc, terrain), _rays(arc, terrain)
    assert np.count_nonzero(expected >= 2) > 20 and np.count_nonzero(expected == 1) > 100
    assert np.count_nonzero(expected == 0) > 20
    for low, high in ((0, 0), (1, 1), (2, 99)):
        is_expected = (expected >= low) & (expected <= high)
        assert np.count_nonzero(is_expected != ((got >= low) & (got <= high))) <= 8


def test_unknown_ground_is_marked(arc):
    terrain = _terrain(arc, None)
    half = terrain.height.shape[1] // 2
    terrain.height[:, half - 5 : half + 5] = np.nan
    got = _count(arc, terrain)
    assert 60 < np.count_nonzero(got == -1) < 220
    assert set(np.unique(got)) == {-1, 1}
