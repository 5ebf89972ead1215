import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.reference import adjust_reference
from subside.ops.reference_areas import (
    ReferenceSearch,
    areas_from_labels,
    distance_to_areas,
    find_reference_areas,
    half_sample_mode,
)
from subside.ops.time_model import TimeModel

SIDE = 6000.0
DAYS = 12.0 * np.arange(60)
YEARS = DAYS / 365.25
BOWL = (4300.0, 4200.0)


@pytest.fixture(scope="module")
def scene():
    """4000 points, a bowl over a quarter of the scene, a common signal at every date."""
    rng = np.random.default_rng(5)
    easting, northing = rng.uniform(0, SIDE, (2, 4000))
    rate = -0.03 * np.exp(-((easting - BOWL[0]) ** 2 + (northing - BOWL[1]) ** 2) / (2 * 700.0**2))
    common = rng.normal(0, 0.01, len(DAYS))
    noise = rng.uniform(0.001, 0.004, (4000, 1)) * rng.normal(size=(4000, len(DAYS)))
    displacement = rate[:, None] * YEARS + common + noise
    displacement -= displacement[:, :1]
    return easting, northing, rate, displacement.astype(np.float32)


@pytest.fixture(scope="module")
def areas(scene):
    return find_reference_areas(scene[3], DAYS, position=scene[:2])


def _groups(n_areas, rng, per_area=15, scatter=0.002):
    values = scatter * rng.normal(size=(n_areas * per_area, len(DAYS)))
    labels = np.repeat(np.arange(n_areas), per_area)
    position = (1000.0 * labels, 300.0 * (labels % 3))
    return values, areas_from_labels(labels, position)


def test_areas_are_quiet_spread_and_outside_the_bowl(scene, areas):
    easting, northing, rate, displacement = scene
    assert 5 <= len(areas) <= 9
    for area in areas:
        assert abs(rate[area.points].mean()) < 0.001
        assert np.ptp(easting[area.points]) < 250 and np.ptp(northing[area.points]) < 250
        assert area.easting == pytest.approx(easting[area.points].mean())
    centres = np.array([(a.easting, a.northing) for a in areas])
    assert np.ptp(centres, axis=0).min() > SIDE / 2
    residual = displacement - displacement.mean(axis=0)
    members = np.concatenate([a.points for a in areas])
    assert residual[members].std(axis=1).mean() < residual.std(axis=1).mean()


def test_areas_are_the_same_every_time(scene, areas):
    again = find_reference_areas(scene[3].copy(), DAYS, position=scene[:2])
    assert [a.points.tolist() for a in again] == [a.points.tolist() for a in areas]


def test_ineligible_points_and_gaps_are_not_used(scene, areas):
    eligible = np.ones(4000, bool)
    eligible[areas[0].points] = False
    displacement = scene[3].copy()
    displacement[areas[1].points, 7] = np.nan
    found = find_reference_areas(displacement, DAYS, position=scene[:2], eligible=eligible)
    used = np.concatenate([a.points for a in found])
    assert not np.isin(used, np.concatenate([areas[0].points, areas[1].points])).any()


def test_a_sparse_scene_still_has_areas(scene):
    rows = np.arange(0, 4000, 40)
    position = (scene[0][rows], scene[1][rows])
    assert len(find_reference_areas(scene[3][rows], DAYS, position=position)) >= 3
    with pytest.raises(ArgumentError, match="got none"):
        find_reference_areas(scene[3][rows], DAYS, position=position, eligible=np.zeros(100, bool))


def test_reference_takes_the_common_signal_off(scene, areas):
    adjusted = adjust_reference(scene[3], DAYS, areas=areas)
    assert all(row.is_kept for row in adjusted.table)
    np.testing.assert_allclose(adjusted.weights @ scene[3], adjusted.offset, atol=1e-7)
    assert adjusted.weights.sum() == pytest.approx(1) and adjusted.offset[0] == 0
    left = scene[3] - adjusted.offset
    rates = left @ (YEARS - YEARS.mean()) / np.sum((YEARS - YEARS.mean()) ** 2)
    assert np.abs(rates - scene[2]).mean() < 0.0006
    steady = np.abs(scene[2]) < 1e-4
    assert np.abs(left[steady].mean(axis=0)).max() < 0.002 < np.abs(scene[3][steady].mean(axis=0)).max()
    assert "unknown" in adjusted.datum


def test_one_moving_area_is_found_and_rejected():
    values, areas = _groups(6, np.random.default_rng(1))
    values[areas[2].points] += 0.004 * YEARS
    adjusted = adjust_reference(values, DAYS, areas=areas)
    assert [row.is_kept for row in adjusted.table] == [True, True, False, True, True, True]
    row = adjusted.table[2]
    assert "moves by +4" in row.reason and row.residual_rate == pytest.approx(0.004, abs=0.0004)
    assert adjusted.weights[areas[2].points].max() == 0
    assert abs(adjusted.table[0].residual_rate) < 0.0005
    assert [a.name for a in adjusted.kept] == ["area 1", "area 2", "area 4", "area 5", "area 6"]


def test_steady_areas_are_all_kept_at_the_stated_rate():
    rejected = 0
    for seed in range(20):
        values, areas = _groups(5, np.random.default_rng(seed), scatter=0.004)
        rejected += sum(not row.is_kept for row in adjust_reference(values, DAYS, areas=areas, min_rate=0.0).table)
    assert rejected <= 2, "1 % of 20 sets is 0.2"


def test_rate_without_an_area_is_what_leaving_it_out_does():
    values, areas = _groups(4, np.random.default_rng(3))
    values[areas[1].points] += 0.0004 * YEARS
    model = TimeModel(seasonal="no")
    full = adjust_reference(values, DAYS, areas=areas, model=model)
    less = adjust_reference(values, DAYS, areas=tuple(a for k, a in enumerate(areas) if k != 1), model=model)
    assert all(row.is_kept for row in full.table)
    years = YEARS - YEARS.mean()
    change = (full.offset - less.offset) @ years / (years @ years)
    assert full.table[1].rate_change_without == pytest.approx(change, abs=2e-5)
    assert abs(change) > 5e-5


def test_a_season_in_one_area_is_reported():
    values, areas = _groups(5, np.random.default_rng(4))
    values[areas[3].points] += 0.003 * np.sin(2 * np.pi * YEARS)
    table = adjust_reference(values, DAYS, areas=areas).table
    assert table[3].seasonal_p_value < 1e-6
    assert table[3].seasonal_amplitude == pytest.approx(0.003, rel=0.25)
    assert min(row.seasonal_p_value for k, row in enumerate(table) if k != 3) > table[3].seasonal_p_value * 100


def test_an_area_that_scatters_is_rejected():
    values, areas = _groups(5, np.random.default_rng(6))
    values[areas[4].points] += 0.02 * np.random.default_rng(7).normal(size=len(DAYS))
    table = adjust_reference(values, DAYS, areas=areas).table
    assert [row.is_kept for row in table] == [True] * 4 + [False] and "scatters" in table[4].reason


def test_a_single_area_is_used_untested():
    values, areas = _groups(1, np.random.default_rng(8))
    adjusted = adjust_reference(values, DAYS, areas=areas)
    assert adjusted.table[0].is_kept and np.isnan(adjusted.table[0].residual_rate)
    np.testing.assert_allclose(adjusted.offset, values.mean(axis=0) - values[:, 0].mean(), atol=1e-15)


def test_two_areas_are_compared_and_kept():
    values, areas = _groups(2, np.random.default_rng(9))
    table = adjust_reference(values, DAYS, areas=areas).table
    assert all(row.is_kept for row in table)
    assert table[0].residual_rate == pytest.approx(-table[1].residual_rate)
    assert 0 < table[0].residual_rate_std < 0.002


def test_too_few_dates_to_test_areas_keep_them_all():
    values, areas = _groups(5, np.random.default_rng(6))
    values[areas[4].points] += 0.02 * np.random.default_rng(7).normal(size=len(DAYS))
    assert not adjust_reference(values, DAYS, areas=areas).table[4].is_kept
    short = adjust_reference(values[:, :5], DAYS[:5], areas=areas)
    assert all(row.is_kept and np.isnan(row.residual_rate_std) for row in short.table)
    means = np.stack([values[a.points, :5].mean(axis=0) for a in areas])
    others = (short.weights[:, None] * values[:, :5]).sum(axis=0)
    np.testing.assert_allclose(short.offset, others - others[0], atol=1e-12)
    weight = np.array([short.weights[a.points].sum() for a in areas])
    rest = np.where(np.arange(5) == 4, 0, weight) / weight[:4].sum()
    rate = np.polyfit(YEARS[:5], means[4] - rest @ means, 1)[0]
    assert short.table[4].residual_rate == pytest.approx(rate)


def test_points_with_gaps_do_not_enter_the_mean():
    values, areas = _groups(3, np.random.default_rng(10))
    values[0, 5] = np.nan
    adjusted = adjust_reference(values, DAYS, areas=areas)
    assert adjusted.table[0].n_points == 14 and adjusted.weights[0] == 0
    values[areas[0].points, 5] = np.nan
    assert len(adjust_reference(values, DAYS, areas=areas).table) == 2
    with pytest.raises(ArgumentError, match="without gaps"):
        adjust_reference(np.full_like(values, np.nan), DAYS, areas=areas)


def test_distance_and_labels():
    areas = areas_from_labels(np.array([0, 0, -1, 2]), (np.array([0.0, 2, 50, 10]), np.zeros(4)))
    assert [a.name for a in areas] == ["area 1", "area 3"]
    np.testing.assert_allclose(distance_to_areas((np.array([1.0, 8]), np.array([3.0, 0])), areas), [3, 2])
    with pytest.raises(ArgumentError, match="at least one point"):
        areas_from_labels(np.array([-1]), (np.zeros(1), np.zeros(1)))
    with pytest.raises(ArgumentError, match="must be positive"):
        ReferenceSearch(cell=0)


def test_mode_is_where_most_are():
    values = np.concatenate([np.random.default_rng(0).normal(1, 0.1, 300), np.linspace(2, 9, 200)])
    mode, width = half_sample_mode(values)
    assert mode == pytest.approx(1, abs=0.1) and 0.05 < width < 0.3
    assert half_sample_mode(np.array([4.0]))[0] == 4
