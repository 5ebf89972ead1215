"""How often what is stated of a series is false, in many simulated ones: claims of a lag, bends, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from subside.ops.series.changes import rate_changes
from subside.ops.series.decomposition import decompose_series
from subside.ops.series.driver import monthly_driver
from subside.ops.series.lag import lag_behind
from subside.ops.simulate.heze_drivers import Drivers

pytestmark = pytest.mark.slow

DATES = np.datetime64("2015-07-15") + np.delete(24 * np.arange(66), [20, 21, 40]).astype("timedelta64[D]")
DAYS = (DATES - DATES[0]).astype(float)
YEARS = DAYS / 365.25


def _noise(std: float, memory: float, n: int, seed: int):
    factor = np.exp(-np.abs(np.subtract.outer(DAYS, DAYS)) / memory) if memory else np.eye(len(DAYS))
    return std * (np.linalg.cholesky(factor) @ np.random.default_rng(seed).standard_normal((len(DAYS), n))).T


def _rain(seed: int):
    drivers = Drivers(seed)
    return drivers, monthly_driver("rain", "rain", drivers.months.astype("datetime64[D]"), drivers.rain)


@pytest.mark.parametrize(("std", "memory"), [(0.002, 0.0), (0.003, 100.0)])
def test_a_city_is_said_to_follow_the_rain_in_one_of_twenty_at_most(std: float, memory: float) -> None:
    claims = sum(
        lag_behind(DATES, -0.03 * YEARS + noise, _rain(k)[1], n_surrogates=99, step=12.0).is_claimed
        for k, noise in enumerate(_noise(std, memory, 500, 21))
    )
    assert 2 <= claims <= 36  # 25 stated; binomial 99 % of 5 % is 13 to 38, a claim needs a narrow interval as well


def test_the_interval_of_a_lag_of_two_months_holds_whether_claimed_or_not() -> None:
    n, held, claimed = 300, np.zeros(300, bool), np.zeros(300, bool)
    for k, noise in enumerate(_noise(0.002, 0.0, n, 22)):
        drivers, rain = _rain(k)
        found = lag_behind(
            DATES, -0.004 * YEARS + drivers.seasonal_motion(DATES) + noise, rain, n_surrogates=99, step=12.0
        )
        held[k], claimed[k] = found.interval[0] <= 60 <= found.interval[1], found.is_claimed
    assert 0.7 < claimed.mean() < 0.95
    assert 0.90 <= held.mean() <= 0.99
    assert 0.90 <= held[claimed].mean() <= 0.99


@pytest.mark.parametrize("memory", [0.0, 100.0])
def test_rate_intervals_hold_with_and_without_memory(memory: float) -> None:
    held = 0
    for noise in _noise(0.002, memory, 300, 11):
        low, high = decompose_series(DATES, noise - 0.02 * YEARS).rate_interval
        held += low <= -0.02 <= high
    assert 0.90 <= held / 300 <= 0.98


@pytest.mark.parametrize("memory", [0.0, 30.0, 100.0])
def test_bends_are_found_in_straight_series_as_rarely_as_stated(memory: float) -> None:
    false = sum(
        len(rate_changes(DATES, noise, n_simulations=199, most=1).dates) > 0 for noise in _noise(0.002, memory, 300, 31)
    )
    assert 2 <= false <= 24  # 15 stated
