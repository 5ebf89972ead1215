"""Places of a class: their spread is found beside noise, and pairs of places do not know the air they share."""

from __future__ import annotations

import numpy as np
import pytest

from subside.ops.series.driver import monthly_driver
from subside.ops.series.places import PlaceSeries, mean_of_places, place_means, spread_of_places
from subside.ops.series.sites import SiteSeries

DATES = np.datetime64("2015-07-15") + (24 * np.arange(66)).astype("timedelta64[D]")
YEARS = (DATES - np.datetime64("1970-01-01")).astype(float) / 365.25
MONTHS = np.datetime64("2014-07") + np.arange(80)
HEAD = monthly_driver(
    "level",
    "level",
    MONTHS.astype("datetime64[D]") + 14,
    0.5
    * np.cos(2 * np.pi * ((MONTHS.astype("datetime64[D]") + 14 - np.datetime64("1970-01-01")).astype(int) / 365.25)),
)


def _places(spread: float, rng: np.random.Generator, n: int = 45) -> PlaceSeries:
    storage = 0.006 + spread * rng.standard_normal(n)
    motion = storage[:, None] * 0.5 * np.cos(2 * np.pi * YEARS) - 0.01 * YEARS
    return PlaceSeries(DATES, motion + 0.003 * rng.standard_normal(motion.shape))


@pytest.mark.parametrize("spread", [0.0, 0.003])
def test_the_spread_of_places_is_found_beside_their_noise(spread: float) -> None:
    rng = np.random.default_rng(1)
    found = [spread_of_places((_places(spread, rng), _places(spread, rng)), HEAD, 0.0) for _ in range(20)]
    assert {n for n, _ in found} == {45}
    assert np.median([s for _, s in found]) == pytest.approx(spread, abs=0.0004)


def test_few_places_tell_no_spread() -> None:
    rng = np.random.default_rng(2)
    n, spread = spread_of_places((_places(0.003, rng, 7),), HEAD, 0.0)
    assert n == 7
    assert np.isnan(spread)
    assert spread_of_places((), HEAD, 0.0)[0] == 0


def test_places_are_means_of_cells_with_enough_points_and_count_once() -> None:
    motion = np.arange(10.0)[:, None] + np.zeros((10, 4))
    motion[4, 2] = np.nan
    east = np.array([1.0, 2, 3, 4, 5, 11, 12, 13, 25, 26])
    cells = place_means(motion, east, np.zeros(10), side=10.0, fewest=3)
    assert set(cells) == {(0, 0), (1, 0)}
    np.testing.assert_allclose(cells[0, 0], 1.5)
    zero = np.zeros(len(DATES))
    series = SiteSeries("a", "t", DATES, zero, zero + 1, zero.astype(int), 1.0, np.zeros(0, int), np.zeros(0), "up", "")
    places = _places(0.0, np.random.default_rng(3))
    found = mean_of_places(series, places)
    np.testing.assert_allclose(np.diff(found.displacement), np.diff(places.motion.mean(axis=0)), atol=1e-12)
    assert np.median(found.std[1:]) == pytest.approx(0.003 / np.sqrt(45), rel=0.1)
    assert mean_of_places(series, PlaceSeries(DATES, places.motion[:7])) is series
