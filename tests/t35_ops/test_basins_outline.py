"""Outlines and volumes of basins against simulated ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet, PointSource
from subside.ops.basins.gaps import void_of
from subside.ops.basins.outline import Basin, OutlineRule, outline_basins, rate_grid
from subside.ops.point_covariance import ErrorCorrelation, independent_errors

UP = np.array([0.0, 0.0, 1.0])
DATES = np.datetime64("2017-01-01") + 24 * np.arange(40)


def scene(
    rate: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], **more: object
) -> PointSet:
    n = len(x)
    points = PointSet.from_geographic(
        "t",
        longitude=115.45 + x / 91_000,
        latitude=35.25 + y / 110_950,
        source=PointSource("t"),
        columns={"velocity": rate, "velocity_std": np.full(n, 0.001), "los": np.tile(UP, (n, 1))} | more,
    )
    return replace(points, easting=x, northing=y)


def lattice(step: float = 20.0, size: float = 4000.0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, y = np.meshgrid(np.arange(step / 2, size, step), np.arange(step / 2, size, step))
    return x.ravel(), y.ravel()


def outlined(points: PointSet, **rule: float) -> list[Basin]:
    grid = rate_grid([points], [np.zeros(points.n_points, bool)], cell=100.0)
    return outline_basins(
        grid, [points], rule=OutlineRule(**rule), correlation=independent_errors(), years=float(points.years[-1])
    )


def test_area_volume_axes_and_lines() -> None:
    rng = np.random.default_rng(0)
    x, y = lattice()
    inside = (np.abs(x - 2000) < 800) & (np.abs(y - 2000) < 400)
    rate = np.where(inside, -0.05, 0.0) + 0.001 * rng.standard_normal(len(x))
    years = (DATES - DATES[0]).astype(float) / 365.25
    series = rate[:, None] * years + 0.004 * rng.standard_normal((len(x), len(DATES)))
    (basin,) = outlined(scene(rate, x, y, dates=DATES, displacement=series))
    assert basin.area == pytest.approx(1600 * 800, rel=0.02)
    assert basin.volume_rate == pytest.approx(-0.05 * 1600 * 800, rel=0.03)
    assert basin.peak_rate == pytest.approx(-0.05, abs=0.001)
    assert basin.elongation == pytest.approx(2.0, rel=0.05)
    assert basin.azimuth_deg == pytest.approx(90.0, abs=2.0)
    assert (basin.easting, basin.northing) == pytest.approx((2000, 2000), abs=20)
    assert not basin.has_void
    assert basin.linearity > 0.99
    assert basin.cumulative == pytest.approx(-0.05 * years[-1], abs=0.01)


def strewn(per_km2: float, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return tuple(rng.uniform(0, 4000, (2, rng.poisson(per_km2 * 16))))


@pytest.mark.parametrize("per_km2", [50, 100, 200, 400])
def test_the_volume_of_sparse_points_is_the_whole_one_and_as_certain_as_stated(per_km2: float) -> None:
    true = -0.05 * np.pi * 1000**2
    found, z, voids = [], [], 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x, y = strewn(per_km2, rng)
        rate = np.where(np.hypot(x - 2000, y - 2000) < 1000, -0.05, 0.0) + 0.001 * rng.standard_normal(len(x))
        basin = outlined(scene(rate, x, y, dates=DATES))[0]
        found.append(basin.volume_rate / true)
        z.append((basin.volume_rate - true) / basin.volume_rate_std)
        voids += basin.has_void
    assert np.mean(found) == pytest.approx(1.0, abs=0.015)
    assert np.mean(np.abs(z) < 1.96) >= 0.84
    assert 0.5 < np.std(z) < 1.4
    assert voids <= 1


def test_errors_that_neighbours_share_make_the_volume_less_certain() -> None:
    n = len(PointKind)
    shared = ErrorCorrelation(np.array([800.0]), np.full((n, 1), 0.9), np.zeros(0), np.zeros((n, 0)), "made")
    rng = np.random.default_rng(1)
    x, y = strewn(100, np.random.default_rng(0))
    root = np.linalg.cholesky(shared.matrix(x, y, np.zeros(len(x), np.uint8)))
    true = np.where(np.hypot(x - 2000, y - 2000) < 1000, -0.05, 0.0)
    std = np.full(len(x), 0.004)
    volumes, stated = [], []
    for _ in range(30):
        points = scene(true + 0.004 * root @ rng.standard_normal(len(x)), x, y, dates=DATES, velocity_std=std)
        grid = rate_grid([points], [np.zeros(len(x), bool)], cell=100.0)
        basin = outline_basins(grid, [points], rule=OutlineRule(), correlation=shared, years=3.0)[0]
        volumes.append(basin.volume_rate)
        stated.append(basin.volume_rate_std)
    assert 0.6 < np.std(volumes) / np.median(stated) < 1.4
    alone = outlined(points)[0].volume_rate_std
    assert np.median(stated) > 1.5 * alone


def test_ground_at_risk_and_voids_are_not_in_the_volume() -> None:
    x, y = lattice()
    distance = np.hypot(x - 2000, y - 2000)
    points = scene(np.where(distance < 1000, -0.05, 0.0), x, y, dates=DATES)
    grid = rate_grid([points], [distance < 500], cell=100.0)
    (basin,) = outline_basins(grid, [points], rule=OutlineRule(), correlation=independent_errors(), years=3.0)
    assert basin.volume_rate == pytest.approx(-0.05 * np.pi * (1000**2 - 500**2), rel=0.06)
    assert not basin.has_void
    assert basin.is_lower_bound
    assert basin.lost_area == pytest.approx(np.pi * 500**2, rel=0.1)


def test_a_basin_ends_with_the_points() -> None:
    x, y = lattice()
    seen = (y > 1500) & (y < 2500) & (np.abs(x - 2000) < 1500)
    rate = np.where(np.hypot(x - 2000, y - 2000) < 1000, -0.05, 0.0)
    far = np.array([10.0, 3990.0])
    east, north, rates = np.append(x[seen], far), np.append(y[seen], far), np.append(rate[seen], [0.0, 0.0])
    (basin,) = outlined(scene(rates, east, north, dates=DATES))
    assert basin.outline.bounds[1] >= 1400
    assert basin.outline.bounds[3] <= 2600
    assert not basin.is_lower_bound


@pytest.mark.parametrize(("per_km2", "radius"), [(50, 470), (100, 370), (200, 270), (400, 210)])
def test_sparse_ground_holds_a_void_only_where_a_hole_was_made(per_km2: float, radius: float) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, y = strewn(per_km2, rng)
        distance = np.hypot(x - 2000, y - 2000)
        keep = distance > radius
        basin = outlined(scene(np.where(distance < 1000, -0.05, 0.0)[keep], x[keep], y[keep], dates=DATES))[0]
        assert basin.has_void
        assert basin.void.contains(shapely.Point(2000, 2000).buffer(0.4 * radius))
        assert basin.void.area < 2 * np.pi * radius**2


@pytest.mark.parametrize("clusters", [0, 5])
def test_gaps_of_chance_and_between_clusters_are_no_voids(clusters: int) -> None:
    n_voids = 0
    row, column = np.mgrid[:80, :80]
    inside = np.hypot(row - 39.5, column - 39.5) < 10
    for seed in range(60):
        rng = np.random.default_rng(seed)
        places = rng.uniform(0, 80, (2, rng.poisson(100 * 64 / max(clusters, 1))))
        if clusters:
            size = rng.poisson(clusters, places.shape[1])
            places = np.repeat(places, size, axis=1) + rng.standard_normal((2, size.sum()))
            places = places[:, ((places >= 0) & (places < 80)).all(axis=0)]
        count, _, _ = np.histogram2d(*places, bins=80, range=[[0, 80], [0, 80]])
        n_voids += void_of(count.astype(np.int64), inside, inside).any()
    assert n_voids <= 4


def test_a_hole_is_a_void() -> None:
    x, y = lattice()
    distance = np.hypot(x - 2000, y - 2000)
    keep = distance > 400
    (basin,) = outlined(scene(np.where(distance < 1000, -0.05, 0.0)[keep], x[keep], y[keep], dates=DATES))
    assert basin.has_void
    assert basin.area == pytest.approx(np.pi * 1000**2, rel=0.05)


def test_noise_does_not_bend_a_slow_basin_but_a_step_does() -> None:
    years = (DATES - DATES[0]).astype(float) / 365.25
    x, y = lattice(100.0)
    rate = np.where(np.hypot(x - 2000, y - 2000) < 900, -0.015, 0.0)
    n_straight = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shared = 0.012 * rng.standard_normal(len(DATES))
        (basin,) = outlined(scene(rate, x, y, dates=DATES, displacement=rate[:, None] * years + shared))
        n_straight += basin.linearity >= 0.9
    assert n_straight >= 28
    step = np.where(rate[:, None] < 0, -0.2 * (years > years.mean()), 0.0)
    (basin,) = outlined(scene(rate, x, y, dates=DATES, displacement=step))
    assert basin.linearity < 0.9


def test_small_ground_is_no_basin_and_the_threshold_sinks() -> None:
    x, y = lattice()
    small = scene(np.where(np.hypot(x - 2000, y - 2000) < 100, -0.05, 0.0), x, y, dates=DATES)
    assert outlined(small) == []
    assert len(outlined(small, min_area=10_000.0)) == 1
    with pytest.raises(ArgumentError, match="threshold"):
        OutlineRule(threshold=0.01)
