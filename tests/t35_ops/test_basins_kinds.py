"""Kinds of basins: what is over mining, what is tied to it, and what it does not explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from subside.model.points import PointSet, PointSource
from subside.ops.basins.classify import BasinKind, KindRules, Surroundings, classify_basins
from subside.ops.basins.outline import Basin, OutlineRule, RateGrid, outline_basins, rate_grid
from subside.ops.point_covariance import independent_errors

FloatArray = npt.NDArray[np.float64]


def strewn_rates(rate: FloatArray, x: FloatArray, y: FloatArray) -> tuple[RateGrid, list[PointSet]]:
    points = PointSet.from_geographic(
        "t",
        longitude=115.45 + x / 91_000,
        latitude=35.25 + y / 110_950,
        source=PointSource("t"),
        columns={
            "velocity": rate,
            "velocity_std": np.full(len(x), 0.001),
            "los": np.tile([0.0, 0.0, 1.0], (len(x), 1)),
        },
    )
    points = replace(points, easting=x, northing=y)
    return rate_grid([points], [np.zeros(len(x), bool)], cell=100.0), [points]


def basin_at(x: float, y: float, **more: object) -> Basin:
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
OVER = shapely.box(-200, -200, 200, 200)
TROUGH = {"elongation": 3.0, "azimuth_deg": 90.0}
LEASE = shapely.box(-20_000, -20_000, 20_000, 20_000)


@pytest.mark.parametrize(
    ("changes", "x", "mines", "kind"),
    [
        ({"risk_share": 0.3}, 0.0, (), BasinKind.PRIMARY),
        ({"peak_rate": -0.2}, 0.0, (), BasinKind.PRIMARY),
        ({"has_void": True, "void": OVER}, 0.0, (MINE,), BasinKind.PRIMARY),
        ({"has_void": True, "void": OVER}, 0.0, (LEASE,), BasinKind.PRIMARY),
        ({"has_void": True, "void": shapely.box(2000, 0, 2200, 200)}, 0.0, (MINE,), BasinKind.SECONDARY),
        ({"has_void": True, "void": OVER}, 0.0, (), BasinKind.UNEXPLAINED),
        ({}, 0.0, (MINE,), BasinKind.SECONDARY),
        ({}, 1_200.0, (MINE,), BasinKind.SECONDARY),
        ({}, 1_900.0, (MINE,), BasinKind.UNEXPLAINED),
        ({}, 8_000.0, (MINE,), BasinKind.UNEXPLAINED),
        (TROUGH, 2_500.0, (MINE,), BasinKind.SECONDARY),
        (TROUGH, 2_500.0, (MINE, shapely.box(2000, 1500, 2500, 2000)), BasinKind.SECONDARY),
        (TROUGH, 8_000.0, (MINE,), BasinKind.UNEXPLAINED),
        ({**TROUGH, "azimuth_deg": 30.0}, 2_500.0, (MINE,), BasinKind.UNEXPLAINED),
        ({**TROUGH, "elongation": 1.3}, 2_500.0, (MINE,), BasinKind.UNEXPLAINED),
        ({"linearity": 0.7}, 0.0, (MINE,), BasinKind.UNEXPLAINED),
        ({"linearity": np.nan}, 0.0, (MINE,), BasinKind.UNEXPLAINED),
        ({}, 0.0, (), BasinKind.UNEXPLAINED),
    ],
)
def test_kinds(changes: dict[str, float], x: float, mines: tuple[object, ...], kind: BasinKind) -> None:
    (found,) = classify_basins(
        [basin_at(x, 0.0, **changes)], years=4.0, around=Surroundings(mines=mines), rules=KindRules()
    )
    assert found.kind == kind
    assert np.isnan(found.fault_p_value)
    if kind != BasinKind.UNEXPLAINED:
        assert any(o.is_met and o.speaks_for == kind for o in found.outcomes)


def test_ground_that_adjoins_a_primary_basin_is_secondary() -> None:
    found = classify_basins(
        [basin_at(0, 0, risk_share=0.5), basin_at(1400, 0), basin_at(5000, 0)],
        years=4.0,
        around=Surroundings(),
        rules=KindRules(),
    )
    assert [one.kind for one in found] == [BasinKind.PRIMARY, BasinKind.SECONDARY, BasinKind.UNEXPLAINED]


def test_lost_ground_and_points_at_risk_make_a_lower_bound() -> None:
    assert not basin_at(0, 0).is_lower_bound
    assert not basin_at(0, 0, risk_share=0.001).is_lower_bound
    assert basin_at(0, 0, risk_share=0.02).is_lower_bound
    assert basin_at(0, 0, lost_area=1e4).is_lower_bound


def test_a_lower_bound_does_not_say_that_a_basin_sinks_little() -> None:
    around = Surroundings(mines=(MINE,))
    lost = basin_at(0, 0, lost_area=6e5)
    assert lost.is_lower_bound
    found, whole = (
        classify_basins([b], years=4.0, around=around, rules=KindRules())[0] for b in (lost, basin_at(0, 0))
    )
    assert found.kind == whole.kind == BasinKind.SECONDARY
    untold = [o for o in found.outcomes if not o.is_applied]
    assert [o.speaks_for for o in untold] == [BasinKind.PRIMARY, BasinKind.SECONDARY]
    assert all(o.is_met is None and o.rule.endswith("(not applied: the rate is a lower bound)") for o in untold)
    assert all(o.value == pytest.approx(0.16) for o in untold)
    assert [o.is_met for o in whole.outcomes if "in four years" in o.rule] == [False, True]
    assert all(o.is_applied for o in whole.outcomes)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"peak_rate": -0.2}, BasinKind.PRIMARY),
        ({"linearity": 0.7}, BasinKind.UNEXPLAINED),
        ({"peak_rate": np.nan}, BasinKind.UNEXPLAINED),
    ],
)
def test_of_a_lower_bound_all_other_rules_hold(changes: dict[str, float], kind: BasinKind) -> None:
    basin = basin_at(0, 0, lost_area=6e5, **changes)
    (found,) = classify_basins([basin], years=4.0, around=Surroundings(mines=(MINE,)), rules=KindRules())
    assert found.kind == kind


def test_a_long_belt_that_holds_a_small_panel_is_not_its_primary_basin() -> None:
    belt = replace(
        basin_at(0, 0, has_void=True, void=OVER, elongation=9.0, azimuth_deg=90.0),
        outline=shapely.box(-7500, -750, 7500, 750),
    )
    (found,) = classify_basins([belt], years=4.0, around=Surroundings(mines=(MINE,)), rules=KindRules())
    assert found.mine_share < 0.3
    assert found.kind == BasinKind.SECONDARY


def test_ground_along_a_fault_is_tied_to_mining_within_reach_only() -> None:
    fault = shapely.LineString([(3_000, -3_000), (3_400, 3_000)])
    far = shapely.LineString([(-40_000, -40_000), (-40_000, 40_000)])
    long = replace(basin_at(3_200, 0), outline=fault.buffer(200))
    around = Surroundings(mines=(MINE,), faults=(fault, far))
    (found,) = classify_basins([long], years=4.0, around=around, rules=KindRules())
    assert found.kind == BasinKind.SECONDARY
    (found,) = classify_basins([long], years=4.0, around=around, rules=KindRules(reach=1_000.0))
    assert found.kind == BasinKind.UNEXPLAINED
    beside = replace(basin_at(6_000, 0), outline=shapely.affinity.translate(long.outline, 2_800, 0))
    (found,) = classify_basins([beside], years=4.0, around=around, rules=KindRules())
    assert found.kind == BasinKind.UNEXPLAINED


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


def test_a_calm_basin_over_a_mine_is_not_primary_for_its_sparse_points() -> None:
    around = Surroundings(mines=(shapely.box(1900, 1900, 2100, 2100),))
    errors = independent_errors()
    for per_km2 in (100, 150, 200):
        for seed in range(6):
            rng = np.random.default_rng(seed)
            x, y = rng.uniform(0, 4000, (2, rng.poisson(per_km2 * 16)))
            rate = np.where(np.hypot(x - 2000, y - 2000) < 800, -0.02, 0.0) + 0.001 * rng.standard_normal(len(x))
            basins = outline_basins(*strewn_rates(rate, x, y), rule=OutlineRule(), correlation=errors, years=2.6)
            found = classify_basins(basins, years=2.6, around=around, rules=KindRules())
            assert all(one.kind != BasinKind.PRIMARY for one in found)
