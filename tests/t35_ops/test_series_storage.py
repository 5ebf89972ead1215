"""Storage coefficients: recovered with intervals that hold, refused where the heads cannot carry them."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.series.changes import rate_changes
from subside.ops.series.driver import monthly_driver
from subside.ops.series.lag import lag_behind
from subside.ops.series.longterm import head_changes, long_term_storage
from subside.ops.series.storage import elastic_storage

DATES = np.datetime64("2015-07-15") + np.delete(24 * np.arange(66), [20, 21, 40]).astype("timedelta64[D]")
DAYS = (DATES - DATES[0]).astype(float)
DAILY = np.datetime64("2014-01-01") + np.arange(2400)
INSIDE = (DATES - DAILY[0]).astype(int)
MONTHS = np.datetime64("2014-07") + np.arange(66)
STORAGE = 0.006


def _head(rng: np.random.Generator, *, departures: float = 0.35, annual: float = 0.8) -> np.ndarray:
    """Daily head: a decline, a season, and departures remembered for two months."""
    years = (DAILY - DAILY[0]).astype(float) / 365.25
    kernel = np.exp(-np.arange(400) / 60.0)
    x = np.convolve(rng.standard_normal(len(years) + 399), kernel, "valid")
    return -0.5 * years + annual * np.cos(2 * np.pi * (years - 0.7)) + departures * x / x.std()


def _driver(head: np.ndarray, rng: np.random.Generator, error: float, kind: str = "level"):
    month = DAILY.astype("datetime64[M]")
    monthly = np.array([head[month == m].mean() for m in MONTHS]) + error * rng.standard_normal(len(MONTHS))
    values = monthly if kind == "level" else 20.0 - monthly
    return monthly_driver("well", kind, MONTHS.astype("datetime64[D]") + 14, values)


def _noise(rng: np.random.Generator, std: float, memory: float) -> np.ndarray:
    factor = np.exp(-np.abs(np.subtract.outer(DAYS, DAYS)) / memory) if memory else np.eye(len(DAYS))
    return std * np.linalg.cholesky(factor) @ rng.standard_normal(len(DAYS))


def _bent(rate: float, change: float, at: float, days: np.ndarray) -> np.ndarray:
    return (rate * days + change * np.maximum(days - at, 0.0)) / 365.25


def _case(seed: int, *, error: float = 0.05, std: float = 0.002, memory: float = 0.0, lag: int = 20):
    rng = np.random.default_rng([seed, 5])
    head = _head(rng)
    driver = _driver(head, rng, error)
    return -0.01 * DAYS / 365.25 + STORAGE * head[INSIDE - lag] + _noise(rng, std, memory), driver


def test_the_coefficient_and_its_interval_are_right_for_depths_and_levels() -> None:
    n, held, values = 16, np.zeros(2), []
    for k in range(n):
        found = elastic_storage(DATES, *_case(k), step=12.0)
        held += [r.interval[0] <= STORAGE <= r.interval[1] for r in (found.whole, found.departures)]
        values.append((found.whole.value, found.whole.std, found.whole.lag))
    value, std, lag = np.mean(values, axis=0)
    assert value == pytest.approx(STORAGE, rel=0.04)
    assert std < 0.12 * STORAGE
    assert lag == pytest.approx(20.0, abs=6.0)
    assert np.all(held >= 13)
    rng = np.random.default_rng(3)
    head = _head(rng)
    depth = elastic_storage(DATES, STORAGE * head[INSIDE], _driver(head, rng, 0.02, "depth"), head_std=0.02)
    assert depth.whole.value == pytest.approx(STORAGE, rel=0.05)
    assert depth.head_range == pytest.approx(1.6, abs=0.3)
    assert depth.agrees


def test_errors_of_the_heads_do_not_flatten_the_slope() -> None:
    free, known = [], []
    for k in range(6):
        motion, driver = _case(k, error=0.25, std=0.001)
        known.append(elastic_storage(DATES, motion, driver, head_std=0.25, step=12.0).whole.value)
        free.append(elastic_storage(DATES, motion, driver, head_std=0.0, step=12.0).whole.value)
    assert np.mean(known) == pytest.approx(STORAGE, rel=0.05)
    assert np.mean(free) < 0.95 * np.mean(known)


def test_another_cause_with_a_season_is_seen_in_the_departures() -> None:
    motion, driver = _case(4, std=0.0005)
    other = 0.008 * np.cos(2 * np.pi * (DAYS / 365.25 - 0.3))
    assert elastic_storage(DATES, motion, driver).agrees
    assert not elastic_storage(DATES, motion + other, driver).agrees


def test_heads_that_cannot_carry_a_coefficient_are_refused() -> None:
    rng = np.random.default_rng(6)
    motion, driver = _case(6)
    flat = _driver(-0.5 * (DAILY - DAILY[0]).astype(float) / 365.25, rng, 0.05)
    with pytest.raises(ArgumentError, match="must have a season"):
        elastic_storage(DATES, motion, flat)
    with pytest.raises(ArgumentError, match=r"24 dates over 2.5 years"):
        elastic_storage(DATES[:20], motion[:20], driver)
    noisy = _driver(_head(rng, departures=0.0, annual=0.25), rng, 0.3)
    with pytest.raises(ArgumentError, match=r"may be error|must have a season"):
        elastic_storage(DATES, motion, noisy, head_std=0.3)
    rain = monthly_driver("rain", "rain", MONTHS.astype("datetime64[D]"), np.abs(rng.standard_normal(len(MONTHS))))
    with pytest.raises(ArgumentError, match="depth or level"):
        elastic_storage(DATES, motion, rain)


def _bent_case(seed: int, *, is_same: bool):
    rng = np.random.default_rng([seed, 9])
    head = _head(rng, departures=0.2, annual=0.5)
    change = rng.choice([-1, 1]) * rng.uniform(1.0, 2.5)
    head = head + _bent(-0.5, change, rng.uniform(400, 1150), (DAILY - DATES[0]).astype(float))
    driver = _driver(head, rng, 0.05)
    if is_same:
        motion = 0.015 * head[INSIDE]
    else:
        own = rng.choice([-1, 1]) * rng.uniform(0.015, 0.04)
        motion = _bent(-0.02, own, rng.uniform(400, 1150), DAYS) + 0.004 * np.cos(2 * np.pi * DAYS / 365.25)
    motion = motion + _noise(rng, 0.002, 60.0)
    changes = rate_changes(DATES, motion, n_simulations=99)
    bends = head_changes(driver, DATES[0], DATES[-1], alpha=0.05, seed=1)
    return long_term_storage(DATES, motion, driver, changes=changes, bends=bends)


def test_bends_of_both_at_one_time_are_evidence_and_their_ratio_is_right() -> None:
    found = [_bent_case(k, is_same=True) for k in range(8)]
    claimed = [f for f in found if f.is_claimed]
    assert len(claimed) >= 3
    assert sum(f.bend_interval[0] <= 0.015 <= f.bend_interval[1] for f in claimed) >= 0.8 * len(claimed)
    assert all("change their rates together" in f.reason for f in claimed)


def test_two_straight_lines_have_a_ratio_that_is_not_claimed() -> None:
    motion, driver = _case(1)
    straight = -0.03 * DAYS / 365.25 + _noise(np.random.default_rng(1), 0.002, 0.0)
    empty = rate_changes(DATES[:5], straight[:5])
    found = long_term_storage(DATES, straight, driver, changes=empty, bends=empty)
    assert not found.is_claimed
    assert found.trend_interval[0] < found.trend_ratio < found.trend_interval[1]
    assert found.trend_ratio == pytest.approx(-0.03 / found.head_rate, rel=0.1)
    assert "no evidence" in found.reason
    assert np.isnan(found.bend_ratio)
    with pytest.raises(ArgumentError, match="20 dates"):
        long_term_storage(DATES[:5], motion[:5], driver, changes=empty, bends=empty)


@pytest.mark.slow
@pytest.mark.parametrize(("error", "memory", "lag"), [(0.05, 0.0, 20), (0.05, 60.0, 20), (0.2, 0.0, 60)])
def test_intervals_of_the_coefficient_hold(error: float, memory: float, lag: int) -> None:
    n, held = 150, 0
    for k in range(n):
        motion, driver = _case(k, error=error, memory=memory, lag=lag)
        low, high = elastic_storage(DATES, motion, driver, head_std=error, step=12.0).whole.interval
        held += low <= STORAGE <= high
    assert 0.90 <= held / n <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("season", [0.0, 0.005])
def test_ground_that_has_nothing_to_do_with_the_head_is_rarely_claimed(season: float) -> None:
    n, claims = 300, 0
    for k in range(n):
        _, driver = _case(k)
        rng = np.random.default_rng([k, 17])
        motion = season * np.cos(2 * np.pi * (DAYS / 365.25 - rng.random())) + _noise(rng, 0.002, 60.0)
        claims += lag_behind(DATES, motion, driver, n_surrogates=99, step=12.0).p_value <= 0.05
    assert claims <= 24  # 15 stated; binomial 99 % is 24


@pytest.mark.slow
def test_bends_that_are_unrelated_are_rarely_taken_for_related() -> None:
    claims = sum(_bent_case(k, is_same=False).is_claimed for k in range(200))
    assert claims <= 18  # 10 stated; binomial 99 % is 18
