"""Trend and season, bends, classes and means of sites."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.points import PointSet, PointSource
from subside.ops.point_covariance import ErrorCorrelation, independent_errors
from subside.ops.series.changes import rate_changes
from subside.ops.series.classes import SeriesClass, classify_series
from subside.ops.series.decomposition import decompose_series
from subside.ops.series.sites import mean_series, points_near

DATES = np.datetime64("2015-07-15") + np.delete(24 * np.arange(66), [20, 21, 40]).astype("timedelta64[D]")
YEARS = (DATES - DATES[0]).astype(float) / 365.25
OF_YEAR = (DATES - np.datetime64("1970-01-01")).astype(float) / 365.25


@pytest.mark.parametrize("trend", ["linear", "smooth"])
def test_trend_and_season_are_recovered_with_intervals_that_hold(trend: str) -> None:
    rng = np.random.default_rng(4)
    n, covered = 60, np.zeros(3)
    for _ in range(n):
        y = -0.02 * YEARS + 0.003 * np.cos(2 * np.pi * (OF_YEAR - 250 / 365.25))
        y = y + 0.002 * rng.standard_normal(len(DATES))
        y[5] = np.nan
        found = decompose_series(DATES, y, trend=trend)
        covered[0] += abs(found.rate + 0.02) < 1.96 * found.rate_std
        covered[1] += found.season.interval[0] <= 0.003 <= found.season.interval[1]
        covered[2] += abs(found.season.peak_day - 250) < found.season.peak_half_width
        used = found.used
        np.testing.assert_allclose((found.trend + found.seasonal + found.remainder)[used], y[used])
    assert np.all(covered >= 0.87 * n)


def test_no_season_in_noise() -> None:
    rng = np.random.default_rng(5)
    p = [decompose_series(DATES, 0.002 * rng.standard_normal(len(DATES))).season.p_value for _ in range(60)]
    assert np.mean(np.array(p) < 0.05) <= 0.12


def test_bends_are_found_where_they_are_and_rarely_elsewhere() -> None:
    rng = np.random.default_rng(6)
    bent = -0.02 * YEARS - 0.04 * np.maximum(YEARS - 2.0, 0) + 0.003 * np.sin(2 * np.pi * YEARS)
    found = rate_changes(DATES, bent + 0.002 * rng.standard_normal(len(DATES)), n_simulations=199)
    assert len(found.dates) == 1
    assert abs((found.dates[0] - DATES[0]).astype(int) / 365.25 - 2.0) < 0.2
    assert found.change[0] == pytest.approx(-0.04, abs=4 * found.change_std[0])
    straight = [
        len(rate_changes(DATES, 0.002 * rng.standard_normal(len(DATES)), n_simulations=99, most=1).dates)
        for _ in range(40)
    ]
    assert sum(straight) <= 6


def test_classes() -> None:
    rng = np.random.default_rng(7)
    season = 0.004 * np.sin(2 * np.pi * YEARS)
    shapes = {
        SeriesClass.UNCORRELATED: 0.0 * YEARS,
        SeriesClass.LINEAR: -0.02 * YEARS,
        SeriesClass.QUADRATIC: -0.02 * YEARS - 0.008 * YEARS**2,
        SeriesClass.BILINEAR: -0.05 * np.maximum(YEARS - 2.2, 0),
        SeriesClass.STEP: -0.01 * YEARS - 0.03 * (YEARS > 2.2),
        SeriesClass.STEP_AND_BEND: -0.03 * (YEARS > 1.8) - 0.05 * np.maximum(YEARS - 1.8, 0),
    }
    for kind, motion in shapes.items():
        found = classify_series(DATES, motion + season + 0.002 * rng.standard_normal((300, len(DATES))))
        assert np.mean(found.label == kind) > 0.85, kind
        np.testing.assert_allclose(found.weight.sum(axis=1), 1.0, rtol=1e-5)
    gap = np.zeros((2, len(DATES)))
    gap[0, 3] = np.nan
    assert classify_series(DATES, gap).label[0] == SeriesClass.UNKNOWN
    with pytest.raises(ArgumentError, match="16 dates"):
        classify_series(DATES[:5], gap[:, :5])


@pytest.mark.parametrize("memory", [0.0, 60.0, 240.0])
@pytest.mark.parametrize("together", [False, True])
def test_seasonal_ground_is_seldom_called_curved_whatever_the_noise_remembers(memory: float, together: bool) -> None:
    dates = np.delete(DATES, [*range(25, 33), 50])
    days = (dates - DATES[0]).astype(float)
    factor = np.exp(-np.abs(np.subtract.outer(days, days)) / memory) if memory else np.eye(len(days))
    noise = 0.002 * np.random.default_rng(12).standard_normal((60, len(days))) @ np.linalg.cholesky(factor).T
    y = -0.004 * days / 365.25 + 0.005 * np.cos(2 * np.pi * (days / 365.25 - 0.3)) + noise
    found = classify_series(dates, y).label if together else [classify_series(dates, r[None]).label[0] for r in y]
    assert np.mean(np.array(found) >= SeriesClass.QUADRATIC) <= 0.1  # it was 0.06 for white noise, 0.45 for 240 days


def _points(shared: float) -> PointSet:
    rng = np.random.default_rng(8)
    noise = np.sqrt(shared) * rng.standard_normal(len(DATES)) + np.sqrt(1 - shared) * rng.standard_normal(
        (12, len(DATES))
    )
    return PointSet.from_geographic(
        "a",
        longitude=115.4 + 1e-5 * np.arange(12),
        latitude=np.full(12, 35.2),
        source=PointSource("a"),
        columns={
            "dates": DATES,
            "velocity": np.zeros(12),
            "displacement": (0.003 * noise).astype(np.float32),
            "displacement_std": np.full(noise.shape, 0.003, np.float32),
        },
    )


def test_error_bars_of_means_know_what_neighbours_share() -> None:
    points = _points(0.6)
    rows, nearest = points_near(points, 115.4, 35.2, radius=50.0)
    assert len(rows) == 12
    assert nearest < 1.0
    shared = ErrorCorrelation(np.array([1e5]), np.full((3, 1), 0.6), np.zeros(0), np.zeros((3, 0)), "given")
    honest = mean_series(points, rows, shared, site="x")
    naive = mean_series(points, rows, independent_errors(), site="x")
    scatter = honest.displacement.std()
    assert honest.std[1:].mean() == pytest.approx(scatter, rel=0.3)
    assert naive.std[1:].mean() < 0.6 * scatter
    assert honest.n_effective < 2.5
    assert points_near(points, 115.5, 35.2, radius=50.0)[0].size == 0
    with pytest.raises(ArgumentError, match="line of sight is unknown"):
        mean_series(points, rows, shared, site="x", component="up")
