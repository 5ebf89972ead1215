"""Limits: probabilities that come true as often as stated, times that are quantiles, units."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.corridor.limits import Limit, exceedance

SETTLEMENT = Limit("settlement", "settlement", 15.0, "mm", ("subgrade",), "made up", True)
SLOPE = Limit("slope", "slope", 1.0, "permille")


@pytest.mark.parametrize(("limit", "scale"), [(SETTLEMENT, 0.006), (SLOPE, 0.0003)])
def test_probabilities_come_true_as_often_as_they_say(limit: Limit, scale: float) -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    truth = rng.uniform(-2 * scale, 2 * scale, n)
    std = rng.uniform(0.1, 0.5, n) * scale
    estimate = truth + std * rng.standard_normal(n)
    middle = np.abs(estimate) < 1.2 * scale
    found = exceedance(estimate[middle], std[middle], limit=limit, years_observed=2.0, years_horizon=5.0)
    level, two_sided = limit.level()
    grown = (np.abs(truth) if two_sided else -truth)[middle] * 5.0
    happened = grown > level
    edges = np.linspace(0, 1, 11)
    bins = np.digitize(found.probability_horizon, edges[1:-1])
    for k in range(10):
        held = bins == k
        if held.sum() > 300:
            assert happened[held].mean() == pytest.approx(found.probability_horizon[held].mean(), abs=0.035)
    assert 0.05 < happened.mean() < 0.95
    assert (found.probability_now <= found.probability_horizon + 1e-12).all()


@pytest.mark.parametrize(("limit", "scale"), [(SETTLEMENT, 0.006), (SLOPE, 0.0003)])
def test_times_are_quantiles_of_the_time(limit: Limit, scale: float) -> None:
    rng = np.random.default_rng(1)
    growth, std = np.array([-1.0, -0.5, -0.1, 0.5]) * scale, np.full(4, 0.2 * scale)
    found = exceedance(growth, std, limit=limit, years_observed=2.0, years_horizon=5.0)
    level, two_sided = limit.level()
    for k in range(4):
        drawn = growth[k] + std[k] * rng.standard_normal(400_000)
        up = np.abs(drawn) if two_sided else -drawn
        time = np.where(up > 0, level / np.where(up > 0, up, 1), np.inf)
        for q, got in ((0.05, found.years_05[k]), (0.5, found.years_median[k]), (0.95, found.years_95[k])):
            assert np.mean(time <= got) == pytest.approx(q, abs=0.003) or (np.isinf(got) and np.mean(time < 1e300) < q)


def test_a_certain_rate_reaches_its_limit_on_time() -> None:
    found = exceedance(
        np.array([-0.005, 0.004, np.nan]), np.full(3, 1e-9), limit=SETTLEMENT, years_observed=2.0, years_horizon=3.5
    )
    assert found.years_median[0] == pytest.approx(3.0, abs=1e-5)
    assert found.probability_now[0] == 0.0 and found.probability_horizon[0] == 1.0
    assert np.isinf(found.years_median[1]) and found.probability_horizon[1] == 0.0
    assert np.isnan(found.years_median[2]) and np.isnan(found.probability_now[2])


def test_radius_and_rate() -> None:
    radius = Limit("radius", "radius", 49.0, "km")
    assert radius.level() == (pytest.approx(1 / 49_000.0), True)
    found = exceedance(np.array([1 / 98_000.0]), np.array([1e-12]), limit=radius, years_observed=1.0, years_horizon=3.0)
    assert found.years_median[0] == pytest.approx(2.0, rel=1e-4)
    rate = Limit("rate", "rate", 10.0, "mm/yr")
    found = exceedance(np.array([-0.012]), np.array([0.001]), limit=rate, years_observed=1.0, years_horizon=3.0)
    assert found.probability_now[0] == pytest.approx(0.97725, abs=1e-4) and np.isnan(found.years_median[0])


def test_limits_check_their_unit_value_and_place() -> None:
    with pytest.raises(ArgumentError, match="`unit` of limit 'x' must be one of"):
        Limit("x", "settlement", 15.0, "km")
    with pytest.raises(ArgumentError, match="`quantity`"):
        Limit("x", "twist", 15.0, "mm")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must be positive"):
        Limit("x", "settlement", -15.0, "mm")
    with pytest.raises(ArgumentError, match="years_horizon"):
        exceedance(np.zeros(1), np.ones(1), limit=SLOPE, years_observed=5.0, years_horizon=2.0)
    assert SETTLEMENT.applies(["subgrade", "bridge", ""]).tolist() == [True, False, False]
    assert SLOPE.applies(["subgrade", ""]).tolist() == [True, True]
    assert SETTLEMENT.si_value == pytest.approx(0.015)
