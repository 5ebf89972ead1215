"""Limits along a line: certain exceedance is said under any noise, noise alone is not, joints are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corridor_points import ORIGIN, as_track, correlation, make_points, straight
from subside.ops.corridor.bins import Structure, make_bins
from subside.ops.corridor.limits import Limit
from subside.ops.corridor.profile import make_profile
from subside.studies.corridor_analysis import CorridorContext, analyse_corridor
from subside.studies.corridor_limits import LimitResult, compare_limits
from subside.studies.corridor_parameters import CorridorParameters
from subside.studies.corridor_summary import limit_row

LINE = straight(10_000.0)
STEP = [Structure(0.0, 5000.0, "subgrade"), Structure(5000.0, 10_000.0, "bridge")]


def _step(limit: Limit, *, sigma: float, step: float = -0.020) -> LimitResult:
    """Result of a limit for a step of the rate at km 5, where subgrade meets a bridge."""
    points = make_points(
        LINE,
        lambda s: step * (s > 5000),
        n_dates=60,
        density=400,
        half_width=150,
        sigma=sigma,
        shared=correlation((0.0, 0.0)),
    )
    context = CorridorContext(structures=STEP, limits=[limit])
    return analyse_corridor([points], LINE, parameters=CorridorParameters(), context=context).limits[0]


@pytest.mark.parametrize("sigma", [0.0001, 0.0005, 0.0015])
def test_a_difference_many_sigma_beyond_its_limit_is_certain_whatever_the_noise_at_the_horizon(sigma: float) -> None:
    found = _step(Limit("joint", "difference", 5.0, "mm", ("joint",)), sigma=sigma)
    assert found.growth[0] == pytest.approx(-0.020, abs=5 * found.growth_std[0])
    assert not found.is_blind.any()
    assert found.exceedance.probability_now[0] > 0.999 and found.exceedance.probability_horizon[0] > 0.999
    assert found.exceedance.years_median[0] == pytest.approx(0.25, rel=0.05)


def test_a_difference_that_noise_may_have_made_cannot_be_checked() -> None:
    found = _step(Limit("joint", "difference", 5.0, "mm", ("joint",)), sigma=0.0015, step=-0.002)
    assert found.is_blind.all() and np.isnan(found.exceedance.probability_now).all()


def test_noise_alone_makes_no_more_than_one_line_in_twenty_look_exceeded() -> None:
    shared = correlation((0.2, 0.2))
    line = straight(4000.0)
    bins = make_bins(line, 20.0)
    said, n_noisy, n_naive = [], 0, 0
    for seed in range(40):
        points = make_points(line, np.zeros_like, seed=seed, density=400, half_width=150, sigma=0.004, shared=shared)
        fine = make_profile([as_track(points, line, shared)], bins, half_width=150.0)
        (found,) = compare_limits(
            fine,
            fine,
            [Limit("slope", "slope", 0.6, "permille")],
            parameters=CorridorParameters(),
            years=4.0,
            has_structures=False,
        )
        is_noisy = 1.96 * found.growth_std * 14.0 > 0.6e-3
        n_noisy += int(is_noisy.sum())
        n_naive += int(((np.abs(found.growth) - 1.96 * found.growth_std) * 14.0 > 0.6e-3)[is_noisy].sum())
        said.append(bool((is_noisy & ~found.is_blind).any()))
    assert n_noisy > 4000 and n_naive > 20
    assert np.mean(said) <= 0.12


def test_one_wrong_point_makes_no_slope_certain() -> None:
    shared, line = correlation((0.0, 0.0)), straight(4000.0)
    limit = Limit("slope", "slope", 0.6, "permille")
    results = []
    for n_wrong in (1, 4):
        points = make_points(line, np.zeros_like, density=800, half_width=150, sigma=0.002, shared=shared)
        s = points.easting - ORIGIN[0]
        wrong = np.flatnonzero((s > 2000) & (s < 2020))[:n_wrong]
        points = replace(points, velocity=np.where(np.isin(np.arange(len(s)), wrong), 0.030, points.velocity))
        points = points.subset(np.isin(np.arange(len(s)), wrong) | (s < 2000) | (s > 2020))
        fine = make_profile([as_track(points, line, shared)], make_bins(line, 20.0), half_width=150.0)
        (found,) = compare_limits(fine, fine, [limit], parameters=CorridorParameters(), years=4.0, has_structures=False)
        near = np.abs(found.chainage - 2010) < 40
        assert (np.abs(found.growth[near]) / found.growth_std[near]).max() > 5
        results.append((found.exceedance.probability_now[near] > 0.9).any())
    assert results == [False, True]


@pytest.mark.parametrize("kinds", [("joint",), ("subgrade", "joint"), ("subgrade", "bridge", "joint"), ()])
def test_a_limit_of_joints_and_of_structures_is_checked_at_both(kinds: tuple[str, ...]) -> None:
    found = _step(Limit("difference", "difference", 5.0, "mm", kinds), sigma=0.0001)
    likely = found.exceedance.probability_now > 0.5
    assert found.chainage[likely].tolist() == [5000.0] and found.is_joint[likely].all()
    assert found.is_joint.sum() == 1 and found.width[found.is_joint].tolist() == [0.0]
    compared = np.isfinite(found.exceedance.probability_now) | found.is_blind
    length = {("joint",): 0.0, ("subgrade", "joint"): 5000.0}.get(kinds, 10_000.0)
    # A quarter of the chords has an end without points.
    assert 0.65 * length <= found.width[compared].sum() <= length
    assert found.chainage[compared & ~found.is_joint].max(initial=0.0) <= length
    assert (np.diff(found.chainage) >= 0).all()
    assert np.isnan(found.chord) == (kinds == ("joint",))


def test_a_limit_within_structures_leaves_the_joint_between_them_out() -> None:
    found = _step(Limit("piers", "difference", 5.0, "mm", ("subgrade", "bridge")), sigma=0.0001)
    assert np.isnan(found.exceedance.probability_now[found.is_joint]).all() and not found.is_blind[found.is_joint].any()
    assert not (found.exceedance.probability_now > 0.5).any()


def test_joints_are_counted_beside_lengths() -> None:
    limit = Limit("joint", "difference", 5.0, "mm", ("joint",))
    exceeded, blind, fine = (
        limit_row(_step(limit, sigma=s, step=g)) for s, g in ((0.0015, -0.020), (0.0015, -0.002), (0.0001, 0.0))
    )
    counts = ("n_joints", "n_joints_now", "n_joints_horizon", "n_joints_checked", "n_joints_not_checkable")
    assert [exceeded[c] for c in counts] == [1, 1, 1, 1, 0]
    assert [blind[c] for c in counts] == [1, 0, 0, 0, 1]
    assert [fine[c] for c in counts] == [1, 0, 0, 1, 0]
    assert np.isnan(exceeded["length_now"])
    both = limit_row(_step(Limit("all", "difference", 5.0, "mm", ("subgrade", "joint")), sigma=0.0001))
    assert (
        [both[c] for c in counts] == [1, 1, 1, 1, 0] and 0 < both["length_checked"] <= 5000 and both["length_now"] == 0
    )
    settled = limit_row(_step(Limit("settlement", "settlement", 5.0, "mm", ("bridge",)), sigma=0.0001))
    assert [settled[c] for c in counts] == [None] * 5 and settled["length_now"] == pytest.approx(5000, rel=0.02)
