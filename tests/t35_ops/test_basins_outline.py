"""Outlines, volumes and kinds of basins against simulated ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from subside.errors import ArgumentError
from subside.model.points import PointSet, PointSource
from subside.ops.basins.classify import BasinKind, KindRules, Surroundings, classify_basins
from subside.ops.basins.outline import Basin, OutlineRule, outline_basins, rate_grid
from subside.ops.point_covariance import independent_errors

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
        columns={"velocity": rate, "velocity_std": np.full(n, 0.001), "los": np.tile(UP, (n, 1)), **more},
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


def test_the_volume_is_as_certain_as_stated() -> None:
    x, y = lattice(100.0)
    x, y = x + 0.0, y + 0.0
    inside = np.hypot(x - 2000, y - 2000) < 1000
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rate = np.where(inside, -0.05, 0.0) + 0.001 * rng.standard_normal(len(x))
        (basin,) = outlined(scene(rate, x, y, dates=DATES))
        errors.append((basin.volume_rate + 0.05 * inside.sum() * 1e4) / basin.volume_rate_std)
    assert 0.7 < np.std(errors) < 1.3
    assert abs(np.mean(errors)) < 0.6


def test_a_hole_is_a_void() -> None:
    x, y = lattice()
    distance = np.hypot(x - 2000, y - 2000)
    keep = (distance > 400) | (distance < 0)
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


def basin_at(x: float, y: float, **more: float) -> Basin:
    values = {
        "area": 1e6,
        "easting": x,
        "northing": y,
        "peak_rate": -0.04,
        "has_void": False,
        "volume_rate": -1e4,
        "volume_rate_std": 1e3,
        "elongation": 1.0,
        "azimuth_deg": 0.0,
        "risk_share": 0.0,
        "cumulative": -0.1,
        "linearity": 0.98,
        **more,
    }
    return Basin(outline=shapely.box(x - 500, y - 500, x + 500, y + 500), **values)


MINE = shapely.box(-300, -300, 300, 300)


@pytest.mark.parametrize(
    ("changes", "x", "mines", "kind"),
    [
        ({"risk_share": 0.3}, 0.0, (), BasinKind.PRIMARY),
        ({"peak_rate": -0.2}, 0.0, (), BasinKind.PRIMARY),
        ({"has_void": True}, 0.0, (MINE,), BasinKind.PRIMARY),
        ({"has_void": True}, 0.0, (), BasinKind.UNCLASSIFIED),
        ({}, 0.0, (MINE,), BasinKind.SECONDARY),
        ({}, 8_000.0, (MINE,), BasinKind.SECONDARY),
        ({}, 12_000.0, (MINE,), BasinKind.UNCLASSIFIED),
        ({"linearity": 0.7}, 0.0, (MINE,), BasinKind.UNCLASSIFIED),
        ({"linearity": np.nan}, 0.0, (MINE,), BasinKind.UNCLASSIFIED),
        ({}, 0.0, (), BasinKind.UNCLASSIFIED),
    ],
)
def test_kinds(changes: dict[str, float], x: float, mines: tuple[object, ...], kind: BasinKind) -> None:
    (found,) = classify_basins(
        [basin_at(x, 0.0, **changes)], years=4.0, around=Surroundings(mines=mines), rules=KindRules()
    )
    assert found.kind == kind
    assert np.isnan(found.fault_p_value)
    if kind != BasinKind.UNCLASSIFIED:
        assert any(o.is_met and o.speaks_for == kind for o in found.outcomes)


def test_ground_near_a_primary_basin_is_secondary() -> None:
    found = classify_basins(
        [basin_at(0, 0, risk_share=0.5), basin_at(5000, 0)], years=4.0, around=Surroundings(), rules=KindRules()
    )
    assert [one.kind for one in found] == [BasinKind.PRIMARY, BasinKind.SECONDARY]


def test_basins_placed_at_random_are_along_faults_by_chance_only() -> None:
    rng = np.random.default_rng(5)
    faults = tuple(shapely.LineString([(0, y), (20_000, y + 0.3 * y)]) for y in np.cumsum(rng.uniform(1000, 3000, 10)))
    around = Surroundings(faults=faults)
    bounds = shapely.total_bounds(faults)
    p_values = []
    for _ in range(20):
        x, y = rng.uniform(bounds[0], bounds[2]), rng.uniform(bounds[1], bounds[3])
        (found,) = classify_basins([basin_at(x, y)], years=4.0, around=around, rules=KindRules(), seed=int(x))
        p_values.append(found.fault_p_value)
    sizes = np.array(p_values)
    assert (sizes <= 0.05).mean() <= 0.15
    assert 0.2 < (sizes <= 0.5).mean() < 0.8
    fault = faults[5]
    along = replace(basin_at(fault.centroid.x, fault.centroid.y), outline=fault.segmentize(100).buffer(100))
    (found,) = classify_basins([along], years=4.0, around=around, rules=KindRules())
    assert found.fault_share > 0.99
    assert found.fault_p_value < 0.05
