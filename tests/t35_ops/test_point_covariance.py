"""Correlation of the errors of points, and means that know it, against simulated fields."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import cholesky

from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet, PointSource
from subside.ops.point_covariance import fit_error_correlation, independent_errors, robust_mean

N, DATES = 700, 40


def _field(rng: np.random.Generator, easting, northing, shares, lengths, n: int):
    """Unit-variance noise with a known spatial correlation, (point, n)."""
    distance = np.hypot(np.subtract.outer(easting, easting), np.subtract.outer(northing, northing))
    correlation = sum(a * np.exp(-distance / length) for a, length in zip(shares, lengths, strict=True))
    correlation += (1 - sum(shares)) * np.eye(len(easting))
    return cholesky(correlation + 1e-10 * np.eye(len(easting)), lower=True) @ rng.standard_normal((len(easting), n))


def _points(rng, *, shares=(0.3, 0.4), lengths=(80.0, 1500.0), has_series=True) -> PointSet:
    lon = 115.45 + rng.uniform(-0.03, 0.03, N)
    lat = 35.25 + rng.uniform(-0.02, 0.02, N)
    dates = np.datetime64("2016-01-01") + (24 * np.arange(DATES)).astype("timedelta64[D]")
    bare = PointSet.from_geographic(
        "a", longitude=lon, latitude=lat, source=PointSource("a"), columns={"velocity": np.zeros(N)}
    )
    years = 24 * np.arange(DATES) / 365.25
    noise = 0.004 * _field(rng, bare.easting, bare.northing, shares, lengths, DATES)
    rate = -0.02 * np.exp(-((bare.easting - bare.easting.mean()) ** 2) / 2e6)
    series = noise + rate[:, None] * years + 0.005 * np.sin(2 * np.pi * years)
    columns = {"velocity": rate, "kind": np.full(N, PointKind.DS, np.uint8)}
    if has_series:
        columns |= {"dates": dates, "displacement": series.astype(np.float32)}
    return PointSet.from_geographic("a", longitude=lon, latitude=lat, source=PointSource("a"), columns=columns)


def test_correlation_of_residuals_is_recovered_and_motion_is_not_taken_for_it() -> None:
    points = _points(np.random.default_rng(1))
    found = fit_error_correlation(points)
    h = np.array([100.0, 300.0, 1000.0, 1500.0])
    true = 0.3 * np.exp(-h / 80.0) + 0.4 * np.exp(-h / 1500.0)
    np.testing.assert_allclose(found.at(h, PointKind.DS), true, atol=0.06)
    assert found.basis.startswith("residuals")
    assert 1500 < found.reach < 8000


def test_white_errors_have_no_reach() -> None:
    found = fit_error_correlation(_points(np.random.default_rng(2), shares=(0.0, 0.0)))
    assert np.all(found.at([50.0, 500.0]) < 0.06)


def test_without_series_the_rates_serve_and_it_is_said() -> None:
    found = fit_error_correlation(_points(np.random.default_rng(3), has_series=False))
    assert "motion is part of it" in found.basis
    assert found.at(50.0) > 0.5


def test_matrix_is_a_correlation() -> None:
    points = _points(np.random.default_rng(4))
    kind = np.random.default_rng(5).integers(0, 3, N).astype(np.uint8)
    matrix = fit_error_correlation(points).matrix(points.easting, points.northing, kind)
    assert np.all(np.diag(matrix) == 1.0) and np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    np.testing.assert_array_equal(independent_errors().matrix(points.easting, points.northing, kind), np.eye(N))


def test_few_points_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least 50 points"):
        fit_error_correlation(_points(np.random.default_rng(1)).subset(np.arange(20)))


@pytest.mark.parametrize("excess", [0.0, 0.003])
def test_interval_of_a_mean_holds_the_truth_where_root_n_does_not(excess: float) -> None:
    rng = np.random.default_rng(7)
    easting, northing = rng.uniform(0, 300, (2, 60))
    std = rng.uniform(0.001, 0.003, 60)
    distance = np.hypot(np.subtract.outer(easting, easting), np.subtract.outer(northing, northing))
    correlation = 0.6 * np.exp(-distance / 200.0) + 0.4 * np.eye(60)
    root = cholesky(correlation, lower=True)
    held = naive = 0
    trials = 600
    for _ in range(trials):
        values = -0.02 + std * (root @ rng.standard_normal(60)) + excess * rng.standard_normal(60)
        mean = robust_mean(values, std, correlation)
        held += abs(mean.mean + 0.02) < 1.96 * mean.std
        naive += abs(mean.mean + 0.02) < 1.96 * np.std(values) / np.sqrt(60)
    assert 0.92 < held / trials < 0.98
    assert naive / trials < 0.8


def test_mean_resists_outliers_and_counts_what_is_independent() -> None:
    rng = np.random.default_rng(8)
    values, std = -0.02 + 0.001 * rng.standard_normal(40), np.full(40, 0.001)
    values[:4] = 0.2
    mean = robust_mean(values, std, np.eye(40))
    assert abs(mean.mean + 0.02) < 0.001
    alike = -0.019 + 1e-5 * rng.standard_normal(36)
    shared = robust_mean(alike, std[4:], 0.999 * np.ones((36, 36)) + 0.001 * np.eye(36))
    assert shared.n_effective < 1.01 and abs(shared.std - 0.001) < 1e-5
    with pytest.raises(ArgumentError, match="at least one"):
        robust_mean(np.zeros(0), np.zeros(0), np.zeros((0, 0)))


@pytest.mark.parametrize("own", [0.0, 0.5])
def test_noise_that_only_the_rates_hold_lowers_the_correlation(own: float) -> None:
    rng = np.random.default_rng(11)
    points = _points(rng, shares=(0.5, 0.5), lengths=(200.0, 1500.0))
    years = points.years - points.years.mean()
    estimator = years / (years @ years)
    error = (np.asarray(points.displacement, float) @ estimator) - points.velocity
    std = float(error.std()) / np.sqrt(1 - own)
    total = error + np.sqrt(own) * std * rng.standard_normal(N)
    rates = replace(points, velocity=points.velocity + total, velocity_std=np.full(N, std))
    found = fit_error_correlation(rates).at(60.0, PointKind.DS)
    true = (1 - own) * (0.5 * np.exp(-60 / 200.0) + 0.5 * np.exp(-60 / 1500.0))
    assert abs(found - true) < 0.12


def _crowd(rng: np.random.Generator, n: int) -> PointSet:
    """Points of a strip of 6 km by 300 m whose residuals are nearly all atmosphere and whose rates are not.

    The ground slopes by 15 mm/yr in 1 km.
    """
    bare = PointSet.from_geographic(
        "a",
        longitude=115.45 + rng.uniform(0, 6e3 / 91e3, n),
        latitude=35.25 + rng.uniform(0, 300 / 111e3, n),
        source=PointSource("a"),
        columns={"velocity": np.zeros(n), "kind": np.full(n, PointKind.DS, np.uint8)},
    )
    dates = np.datetime64("2016-01-01") + (24 * np.arange(DATES)).astype("timedelta64[D]")
    place = (bare.easting, bare.northing)
    noise = 0.004 * _field(rng, *place, (0.92,), (1500.0,), DATES)
    std = rng.uniform(0.0009, 0.0011, n)
    error = std * _field(rng, *place, (0.35, 0.45), (1500.0, 50.0), 1)[:, 0]
    return replace(
        bare,
        dates=dates,
        displacement=noise.astype(np.float32),
        velocity=error - 1.5e-5 * (bare.easting - bare.easting.min()),
        velocity_std=std,
    )


def test_parts_that_accumulate_are_told_from_the_atmosphere_by_near_rates() -> None:
    h = np.array([25.0, 50.0, 100.0, 200.0, 500.0])
    true = 0.35 * np.exp(-h / 1500.0) + 0.45 * np.exp(-h / 50.0)
    residuals = 0.92 * np.exp(-h / 1500.0)
    found = np.array(
        [fit_error_correlation(_crowd(np.random.default_rng(k), 1700)).at(h, PointKind.DS) for k in range(4)]
    )
    assert np.all(np.abs(found.mean(axis=0) - true) < 0.08)
    assert np.all(np.abs(found.mean(axis=0) - true) < 0.5 * np.abs(residuals - true).max())


def test_stated_errors_that_are_too_small_do_not_make_errors_independent() -> None:
    points = _crowd(np.random.default_rng(9), 900)
    small = replace(points, velocity_std=points.velocity_std / 4)
    assert fit_error_correlation(small).at(200.0, PointKind.DS) > 0.6


def test_points_at_one_place_are_no_error() -> None:
    points = _points(np.random.default_rng(1))
    together = replace(points, easting=np.full(N, 5e5), northing=np.full(N, 3.9e6))
    assert np.isfinite(fit_error_correlation(together).at([50.0])).all()
