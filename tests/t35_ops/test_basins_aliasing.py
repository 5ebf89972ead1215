"""Points at risk of aliasing, against simulated bowls whose aliased arcs are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import Delaunay

from subside.conventions import DAYS_PER_YEAR, SENTINEL1_WAVELENGTH, PointFlag
from subside.errors import ArgumentError
from subside.model.points import PointSet, PointSource
from subside.ops.basins.aliasing import AliasOptions, alias_risk

PAIRS = np.repeat([12.0, 24, 36, 48, 60, 72, 84], 20)


def points_at(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], velocity: npt.NDArray[np.float64]) -> PointSet:
    return PointSet.from_geographic(
        "t",
        longitude=115.45 + x / 91_000,
        latitude=35.25 + y / 110_950,
        source=PointSource("t", wavelength=SENTINEL1_WAVELENGTH),
        columns={"velocity": velocity},
    )


def folded_bowl(
    density: float, depth: float, radius: float, rng: np.random.Generator
) -> tuple[PointSet, npt.NDArray[np.bool_]]:
    """A bowl of which aliased points are off by whole cycles, and which those are."""
    n = int(density * 9)
    x, y = rng.uniform(-1500, 1500, (2, n))
    rate = -depth * np.exp(-(x**2 + y**2) / 2 / radius**2)
    years = np.median(PAIRS) / DAYS_PER_YEAR
    triangles = Delaunay(np.column_stack([x, y])).simplices
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    aliased = np.zeros(n, bool)
    aliased[edges[np.abs(np.diff(rate[edges], axis=1)[:, 0]) > SENTINEL1_WAVELENGTH / 4 / years].ravel()] = True
    fold = SENTINEL1_WAVELENGTH / 2 / years
    measured = rate + 0.002 * rng.standard_normal(n)
    measured[aliased] += fold * np.round(rng.uniform(0, np.abs(rate[aliased]) / fold))
    return points_at(x, y, measured), aliased


def test_aliased_points_are_found_and_calm_ground_is_not() -> None:
    rng = np.random.default_rng(0)
    n_aliased = n_found = n_calm = n_false = 0
    for density in (400, 1000, 3000):
        for depth, radius in ((0.4, 170), (0.9, 170), (0.9, 400)):
            points, aliased = folded_bowl(density, depth, radius, rng)
            found = alias_risk(points, pair_days=PAIRS).is_at_risk
            n_aliased += aliased.sum()
            n_found += found[aliased].sum()
            middle = np.hypot(points.easting - points.easting.mean(), points.northing - points.northing.mean())
            calm = middle > 4 * radius
            n_calm += calm.sum()
            n_false += found[calm].sum()
    assert n_aliased > 300
    assert n_found >= 0.9 * n_aliased
    assert n_calm > 10_000
    assert n_false <= 0.02 * n_calm


def test_a_wide_urban_bowl_is_not_at_risk() -> None:
    rng = np.random.default_rng(1)
    n = 20_000
    x, y = rng.uniform(-15_000, 15_000, n), rng.uniform(-10_000, 10_000, n)
    rate = -0.04 * np.exp(-(x**2 + y**2) / 2 / 7000**2) + 0.0015 * rng.standard_normal(n)
    assert alias_risk(points_at(x, y, rate), pair_days=PAIRS).is_at_risk.mean() <= 0.02


def test_the_limit_is_a_quarter_wavelength_over_a_pair() -> None:
    x, y = (v.ravel() for v in np.meshgrid(np.arange(20) * 50.0, np.arange(20) * 50.0))
    found = alias_risk(points_at(x, y, 1e-4 * x), pair_days=np.array([36.0, 36.0, 36.0]))
    assert found.pair_days == 36.0
    assert found.limit == pytest.approx(SENTINEL1_WAVELENGTH / 4 * DAYS_PER_YEAR / 36)
    np.testing.assert_allclose(found.gradient, 1e-4, rtol=0.01)
    inside = (x > 100) & (x < 800) & (y > 100) & (y < 800)
    mean_arc = 50.0 * (2.0 + np.sqrt(2.0)) / 3.0
    assert found.load[inside].mean() == pytest.approx(1e-4 * mean_arc / found.limit, rel=0.02)
    assert found.load[inside].max() <= 1e-4 * 50 * np.sqrt(2.0) / found.limit


@pytest.mark.parametrize(("slope", "expected"), [(2e-3, True), (5e-5, False)])
def test_a_void_is_suspect_where_its_edge_is_steep_even_beside_open_ground(slope: float, expected: bool) -> None:
    """A void that is joined to the outside by the other one does not hide the steep one."""
    x, y = (v.ravel() for v in np.meshgrid(np.arange(0, 3000, 12.5), np.arange(0, 1500, 12.5)))
    distance = np.hypot(x - 2250, y - 750)
    outside = (x < 1200) & (y > 500)
    keep = (distance > 200) & ~outside
    rate = -slope * 60 * np.exp(-(distance**2) / 2 / 250**2) * 10
    found = alias_risk(
        points_at(x[keep], y[keep], rate[keep]), pair_days=PAIRS, options=AliasOptions(allowance=0.5, roughness=100)
    )
    assert found.is_void[(distance[keep] < 215)].any() == expected
    assert not found.is_void[x[keep] < 1300].any()


def test_the_smallest_void_is_the_documented_one() -> None:
    x, y = (v.ravel() for v in np.meshgrid(np.arange(0, 2000, 25.0), np.arange(0, 2000, 25.0)))
    for side, expected in ((100, False), (150, True)):
        keep = ~((x >= 1000) & (x < 1000 + side) & (y >= 1000) & (y < 1000 + side))
        points = points_at(x[keep], y[keep], 2e-3 * x[keep])
        local = replace(points, easting=x[keep], northing=y[keep])
        assert alias_risk(local, pair_days=PAIRS).is_void.any() == expected


def test_open_loops_alone_are_not_aliasing() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 1000, (2, 1000))
    calm = points_at(x, y, 0.001 * rng.standard_normal(1000))
    flags = np.full(1000, int(PointFlag.UNWRAP_SUSPECT), np.int32)
    assert not alias_risk(replace(calm, flags=flags), pair_days=PAIRS).is_at_risk.any()


def test_few_points_say_nothing_and_an_unknown_span_is_refused() -> None:
    few = points_at(np.arange(5.0), np.arange(5.0), np.zeros(5))
    found = alias_risk(few, pair_days=PAIRS)
    assert not found.is_at_risk.any()
    assert np.isnan(found.gradient).all()
    with pytest.raises(ArgumentError, match="pair_days"):
        alias_risk(few)
