"""Lags behind rain: found where they are, not claimed where two annual cycles merely agree."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.series.driver import monthly_driver
from subside.ops.series.lag import holm, lag_behind
from subside.ops.simulate.heze_drivers import Drivers

DATES = np.datetime64("2015-07-15") + np.delete(24 * np.arange(66), [20, 21, 40]).astype("timedelta64[D]")
DAYS = (DATES - DATES[0]).astype(float)
YEARS = DAYS / 365.25
OF_YEAR = (DATES - np.datetime64("1970-01-01")).astype(float) / 365.25


def _rain(seed: int, missing=()):
    drivers = Drivers(seed)
    values = drivers.rain.copy()
    values[list(missing)] = np.nan
    return drivers, monthly_driver("rain", "rain", drivers.months.astype("datetime64[D]"), values)


def test_two_months_are_found_and_intervals_hold() -> None:
    rng = np.random.default_rng(1)
    claimed, errors, covered = 0, [], 0
    n = 30
    for k in range(n):
        drivers, rain = _rain(k)
        motion = -0.01 * YEARS + drivers.seasonal_motion(DATES) + 0.0015 * rng.standard_normal(len(DATES))
        found = lag_behind(DATES, motion, rain, n_surrogates=99)
        claimed += found.is_claimed
        covered += found.interval[0] <= 60 <= found.interval[1]
        if found.is_claimed:
            errors.append(abs(found.lag - 60))
    assert claimed >= 0.8 * n
    assert max(errors) <= 15
    assert covered >= 0.85 * n


@pytest.mark.parametrize("thermal", [0.0, 0.005])
def test_false_claims_are_as_rare_as_stated(thermal: float) -> None:
    rng = np.random.default_rng(2)
    n, claims, cycles = 30, 0, []
    season = thermal * np.cos(2 * np.pi * (OF_YEAR - 260 / 365.25))
    for k in range(n):
        _, rain = _rain(k)
        found = lag_behind(
            DATES, season - 0.03 * YEARS + 0.002 * rng.standard_normal(len(DATES)), rain, n_surrogates=99
        )
        claims += found.is_claimed
        cycles.append(found.cycle_correlation)
    assert claims <= 5  # 5 % of 30 is 1.5; more than 5 has a probability of 0.3 %
    if thermal:
        assert np.median(cycles) > 0.6


def test_depth_has_the_other_sign_and_months_without_data_are_counted() -> None:
    drivers, rain = _rain(3, missing=(20, 33))
    motion = drivers.seasonal_motion(DATES) + 0.001 * np.random.default_rng(3).standard_normal(len(DATES))
    found = lag_behind(DATES, motion, rain, n_surrogates=99)
    assert found.n_missing_months == 2
    assert found.is_claimed
    months = drivers.months.astype("datetime64[D]")
    depth = monthly_driver("depth", "depth", months, 5.0 - 100 * drivers.seasonal_motion(months + 15))
    found = lag_behind(DATES, motion, depth, n_surrogates=99)
    assert found.is_claimed
    assert found.gain < 0
    assert found.lag < 20
    level = monthly_driver("level", "level", months, 5.0 - 100 * drivers.seasonal_motion(months + 15))
    assert not lag_behind(DATES, motion, level, n_surrogates=99).is_claimed


def test_an_interval_that_ends_at_the_edge_of_the_search_is_said_to() -> None:
    drivers, rain = _rain(3)
    months = drivers.months.astype("datetime64[D]")
    motion = drivers.seasonal_motion(DATES) + 0.001 * np.random.default_rng(3).standard_normal(len(DATES))
    later = monthly_driver("level", "level", months, 5.0 + 100 * drivers.seasonal_motion(months + 5))
    found = lag_behind(DATES, motion, later, n_surrogates=99)
    assert found.is_claimed and found.interval[0] == 0.0
    assert found.open_end == "a lead is not excluded"
    assert "3 days or less, a lead is not excluded" in found.reason
    assert "the correlation is largest at a lead of 6 days" in found.reason
    assert "something else drives" not in found.reason
    behind = lag_behind(DATES, motion, rain, n_surrogates=99)
    assert behind.is_claimed and behind.interval[0] > 0.0
    assert behind.open_end == "" and "edge of the search" not in behind.reason


def test_bad_drivers_are_refused() -> None:
    months = Drivers(1).months.astype("datetime64[D]")
    with pytest.raises(ArgumentError, match="24 months"):
        monthly_driver("rain", "rain", months[:10], np.ones(10))
    with pytest.raises(ArgumentError, match="0 mm or more"):
        monthly_driver("rain", "rain", months, np.full(60, -1.0))
    _, rain = _rain(1, missing=range(20, 50))
    with pytest.raises(ArgumentError, match="two thirds"):
        lag_behind(DATES, YEARS, rain, n_surrogates=99)
    with pytest.raises(ArgumentError, match="24 dates"):
        lag_behind(DATES[:10], YEARS[:10], _rain(1)[1], n_surrogates=99)


def test_daily_rain_is_summed_and_short_months_scaled() -> None:
    days = np.arange(np.datetime64("2015-01-01"), np.datetime64("2018-01-01"))
    keep = np.ones(len(days), bool)
    keep[:3] = False
    keep[40:55] = False
    found = monthly_driver("rain", "rain", days[keep], np.full(keep.sum(), 2.0))
    assert found.values[0] == pytest.approx(62.0)
    assert np.isnan(found.values[1])
    assert found.values[2] == pytest.approx(62.0)


def test_holm() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, np.nan, 0.03]), [0.03, 0.06, np.nan, 0.06])
