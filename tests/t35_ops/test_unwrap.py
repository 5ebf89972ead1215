"""Unwrapping on points: geometry, exactness of the flow, recovery of truth, closure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.conventions import PointFlag
from subside.errors import ArgumentError
from subside.kernels.arcs import ambiguities, local_variance
from subside.ops.arc_model import UnwrapOptions, all_arc_statistics, arc_model, arc_statistics
from subside.ops.closure import check_closure, closure_histogram, find_loops, pair_constants
from subside.ops.flow_solver import OrToolsSolver, ShortestPathSolver, objective
from subside.ops.triangulation import triangulate
from subside.ops.unwrap import UnwrapInput, unwrap, unwrap_pair

PER_METRE = 4 * np.pi / 0.05546576


def wrap(x):
    return np.angle(np.exp(1j * np.asarray(x, np.float64)))


def lattice(n_azimuth, n_range, fraction=1.0, seed=0):
    rng = np.random.default_rng(seed)
    azimuth, range_ = np.nonzero(rng.random((n_azimuth, n_range)) < fraction)
    return range_ * 2.33, azimuth * 14.0


def make(n=60, fraction=0.4, *, noise=(0.1, 0.6), peak=-0.06, n_dates=20, height=3.0, seed=0):
    """Points over a bowl with ramps, height errors and temporally white noise; and the phase to be found."""
    rng = np.random.default_rng(seed)
    azimuth, range_ = np.nonzero(rng.random((n, n)) < fraction)
    x, y = range_ / n - 0.5, azimuth / n - 0.5
    days = 24.0 * np.arange(n_dates)
    pairs = np.array([(i, i + d) for i in range(n_dates) for d in (1, 2, 3) if i + d < n_dates], np.int32)
    bperp = rng.normal(0, 75, n_dates)
    rate = peak * np.exp(-(x**2 + y**2) / 0.03) / 365.25
    scatter = rng.normal(0, height, len(x)) * PER_METRE / 535e3
    sigma = rng.uniform(*noise, len(x))
    date = np.empty((len(x), n_dates))
    error = np.empty((len(x), n_dates))
    for t in range(n_dates):
        ramp = rng.normal(0, np.pi / 2, 2)
        date[:, t] = -PER_METRE * rate * days[t] + ramp[0] * x + ramp[1] * y + scatter * bperp[t]
        error[:, t] = sigma * rng.normal(size=len(x))
    i, j = pairs.T
    truth = date[:, j] - date[:, i] + wrap(error[:, j] - error[:, i])
    points = UnwrapInput(
        range_ * 14.0, azimuth * 14.0, wrap(truth).astype(np.float32), pairs, days, bperp[j] - bperp[i]
    )
    return points, np.rint((truth - points.phase) / (2 * np.pi)).astype(int)


def errors(cycles, truth):
    difference = cycles - truth
    return difference - np.round(np.median(difference, axis=0)).astype(int)


# --- triangulation


@pytest.mark.parametrize("fraction", [1.0, 0.3])
def test_lattice_gives_a_plane_triangulation(fraction):
    easting, northing = lattice(40, 60, fraction)
    t = triangulate(easting, northing)
    assert t.n_points == len(easting)
    assert t.n_points - t.n_arcs + t.n_triangles == 1  # Euler
    assert np.all(t.arcs[:, 0] < t.arcs[:, 1])
    key = t.arcs[:, 0].astype(np.int64) * t.n_points + t.arcs[:, 1]
    assert np.all(np.diff(key) > 0)
    assert t.is_boundary.sum() == 2 * t.n_arcs - 3 * t.n_triangles
    for s in range(3):
        ends = t.triangles[:, [s, (s + 1) % 3]]
        low_first = np.sort(ends, axis=1)
        np.testing.assert_array_equal(t.arcs[t.triangle_arcs[:, s]], low_first)
        np.testing.assert_array_equal(t.triangle_signs[:, s] == 1, ends[:, 0] < ends[:, 1])
    potential = np.random.default_rng(0).integers(-99, 99, t.n_points)
    gradient = potential[t.arcs[:, 1]] - potential[t.arcs[:, 0]]
    assert not (t.triangle_signs * gradient[t.triangle_arcs]).sum(axis=1).any()
    again = triangulate(easting, northing)
    np.testing.assert_array_equal(t.triangles, again.triangles)


def test_arcs_of_a_lattice_are_short():
    easting, northing = lattice(30, 30)
    t = triangulate(easting, northing)
    inner = ~t.is_boundary
    ends = np.column_stack([easting, northing])[t.arcs[inner]]
    length = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    assert np.quantile(length, 0.9) < 15


def test_dual_flow_moves_curl_from_tail_to_head():
    t = triangulate(*lattice(4, 5))
    for arc in range(t.n_arcs):
        gradient = np.zeros(t.n_arcs, int)
        gradient[arc] = 1
        turned = np.append((t.triangle_signs * gradient[t.triangle_arcs]).sum(axis=1), 0)
        want = np.zeros(t.n_triangles + 1, int)
        want[t.dual_tail[arc]] -= 1
        want[t.dual_head[arc]] += 1
        np.testing.assert_array_equal(turned[:-1], want[:-1])


def test_duplicate_points_are_refused():
    easting, northing = lattice(5, 5)
    easting[7], northing[7] = easting[3], northing[3]
    with pytest.raises(ArgumentError, match=r"`easting, northing` must be different.*1 duplicates.*3 and 7|7 and 3"):
        triangulate(easting, northing)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_refused(bad):
    easting, northing = lattice(5, 5)
    easting[3] = bad
    with pytest.raises(ArgumentError, match="easting"):
        triangulate(easting, northing)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_points_on_a_line_become_a_chain(n):
    along = np.random.default_rng(n).permutation(np.arange(n)) * 30.0
    t = triangulate(0.6 * along, 0.8 * along)
    assert (t.n_arcs, t.n_triangles) == (n - 1, 0)
    np.testing.assert_allclose(np.abs(np.diff(along[t.arcs], axis=1)), 30)


def test_one_point_is_refused():
    with pytest.raises(ArgumentError, match="at least 2 points"):
        triangulate(np.zeros(1), np.zeros(1))


def test_clustered_points_far_apart_are_all_used():
    rng = np.random.default_rng(0)
    towns = rng.uniform(0, 80e3, (20, 1, 2)) + 2.33 * rng.integers(0, 40, (20, 100, 2))
    points = np.unique(towns.reshape(-1, 2), axis=0)
    t = triangulate(*points.T)
    assert t.n_points == len(points)
    assert t.n_points - t.n_arcs + t.n_triangles == 1


# --- the flow


@pytest.mark.parametrize("case", ["sparse", "heavy", "ground"])
def test_production_solver_equals_the_reference(case):
    rng = np.random.default_rng(5)
    for repeat in range(3):
        t = triangulate(*lattice(18, 18, 0.7, seed=repeat))
        weight = rng.integers(1, 5000, t.n_arcs).astype(np.int32)
        offset = np.rint(weight * rng.uniform(-1, 1, t.n_arcs)).astype(np.int32)
        density = {"sparse": 0.02, "heavy": 0.7, "ground": 0.2}[case]
        supply = (rng.random(t.n_triangles) < density) * rng.integers(-2, 3, t.n_triangles)
        if case == "ground":
            supply = np.abs(supply)
        supply = supply.astype(np.int32)
        flows = [
            s.solve(t, weight=weight, offset=offset, supply=supply) for s in (ShortestPathSolver(), OrToolsSolver())
        ]
        costs = [objective(f, weight, offset) for f in flows]
        assert costs[0] == costs[1]
        assert costs[0] > 0
        for flow in flows:
            left = supply + (t.triangle_signs * flow[t.triangle_arcs]).sum(axis=1)
            assert not left.any()
        if case == "ground":
            assert np.abs(flows[0]).max() > 1


def test_costs_outside_their_rule_are_refused():
    t = triangulate(*lattice(3, 3))
    one = np.ones(t.n_arcs, np.int32)
    with pytest.raises(ArgumentError, match="weight, offset"):
        ShortestPathSolver().solve(t, weight=one, offset=2 * one, supply=np.zeros(t.n_triangles, np.int32))


# --- recovery of truth


def test_gradients_below_half_a_cycle_are_recovered_exactly():
    points, truth = make(noise=(0.0, 0.05), peak=-0.3, height=1.0)
    result = unwrap(points)
    assert np.ptp(truth, axis=0).max() >= 2
    assert not errors(result.cycles, truth).any()
    assert result.n_corrections == 0
    assert not result.flags.any()
    assert result.misclosed.max() == 0


def test_noisy_scene_stays_below_the_allowed_error_rate():
    points, truth = make(100)
    result = unwrap(points)
    assert result.n_residues.mean() > 0.5
    assert np.mean(errors(result.cycles, truth) != 0) < 5e-4
    naive = np.rint((points.phase.cumsum(axis=0) - points.phase) / (2 * np.pi))
    assert np.mean(errors(naive.astype(int), truth) != 0) > 0.1


def test_result_is_congruent_with_the_input():
    points, _ = make(30)
    result = unwrap(points)
    np.testing.assert_array_equal(
        result.unwrapped, (points.phase.astype(np.float64) + 2 * np.pi * result.cycles).astype(np.float32)
    )
    assert result.cycles.any()


def test_reference_solver_gives_the_same_objective_on_phase():
    points, _ = make(30, noise=(0.4, 1.2))
    ours, reference = unwrap(points), unwrap(points, solver=OrToolsSolver())
    np.testing.assert_array_equal(ours.objective, reference.objective)
    assert np.count_nonzero(ours.objective) > len(points.pairs) // 2


def test_no_other_integer_field_near_the_result_costs_less():
    points, _ = make(14, noise=(0.5, 1.2))
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=UnwrapOptions())
    statistics = all_arc_statistics(points.phase, mesh.arcs, model=model)
    column = np.ascontiguousarray(points.phase[:, 4])
    best = unwrap_pair(column, mesh, statistics=statistics, model=model, pair=4).cycles
    prediction = statistics.coefficients @ model.design[:, 4]
    deviation = ambiguities(column, mesh.arcs, prediction)[1]
    variance = local_variance(deviation, statistics.sigma, mesh.arcs, mesh.n_points).astype(float)

    def likelihood(cycles):
        field = column + 2 * np.pi * cycles
        gradient = field[mesh.arcs[:, 1]] - field[mesh.arcs[:, 0]]
        return np.sum((gradient - prediction) ** 2 / variance)

    least = likelihood(best)
    rng = np.random.default_rng(0)
    centre = rng.integers(0, mesh.n_points, 300)
    for c in centre:
        reach = rng.uniform(0, 60)
        near = np.hypot(points.easting - points.easting[c], points.northing - points.northing[c]) <= reach
        assert likelihood(best + rng.choice([-1, 1]) * near) >= least - 1e-2 * least


def test_look_angle_error_of_tall_points_is_found():
    points, truth = make(40, noise=(0.05, 0.3), height=15.0)
    known = unwrap(points, options=UnwrapOptions(max_baseline_slope=0.03))
    unknown = unwrap(replace(points, bperp=None))
    wrong = [np.mean(errors(r.cycles, truth) != 0) for r in (known, unknown)]
    assert wrong[1] > 0.002
    assert wrong[0] < 0.1 * wrong[1]
    assert np.median(known.arc_sigma) < 0.6 * np.median(unknown.arc_sigma)


def test_motion_that_only_longer_pairs_alias_is_recovered():
    """Between neighbours the pairs of 72 days change by up to 1.4 cycles, those of 24 days by less than a half."""
    points, truth = make(20, fraction=1.0, noise=(0.0, 0.1), peak=-0.55, height=0.0)
    mesh = triangulate(points.easting, points.northing)
    found = points.phase + 2 * np.pi * truth
    i72 = np.flatnonzero(np.diff(points.pairs, axis=1)[:, 0] == 3)[3]
    gradient = np.abs(found[mesh.arcs[:, 1], i72] - found[mesh.arcs[:, 0], i72])
    assert gradient.max() > 1.2 * np.pi
    result = unwrap(points)
    assert np.mean(errors(result.cycles, truth) != 0) < 0.002


def test_aliased_motion_is_flagged():
    points, truth = make(20, fraction=1.0, noise=(0.0, 0.3), peak=-5.0, height=0.0)
    result = unwrap(points)
    is_wrong = (errors(result.cycles, truth) != 0).any(axis=1)
    assert is_wrong.mean() > 0.02
    assert np.mean(result.flags[is_wrong] != 0) > 0.5


def test_pure_noise_points_are_isolated_and_do_not_harm_others():
    points, truth = make(60)
    rng = np.random.default_rng(8)
    is_noise = rng.random(len(truth)) < 0.05
    phase = points.phase.copy()
    phase[is_noise] = rng.uniform(-np.pi, np.pi, phase[is_noise].shape)
    result = unwrap(replace(points, phase=phase))
    assert np.mean(errors(result.cycles, truth)[~is_noise] != 0) < 1e-3
    isolated = (result.flags & PointFlag.ISOLATED_COMPONENT) > 0
    assert isolated[is_noise].mean() > 0.8
    assert isolated[~is_noise].mean() < 0.01


def test_patch_that_is_incoherent_in_one_pair_does_not_spoil_its_surroundings():
    points, truth = make(80, noise=(0.05, 0.3))
    rng = np.random.default_rng(3)
    pair = 20
    distance = np.hypot(points.easting - 500, points.northing - 500)
    is_patch = distance < 250
    phase = points.phase.copy()
    phase[is_patch, pair] = wrap(phase[is_patch, pair] + rng.normal(0, 2.0, is_patch.sum()))
    wrong = errors(unwrap(replace(points, phase=phase)).cycles, truth)
    assert is_patch.sum() > 300
    assert np.mean(wrong[is_patch, pair] != 0) > 0.1
    assert not wrong[~is_patch].any()
    assert not np.delete(wrong, pair, axis=1).any()


def test_chain_of_points_is_unwrapped():
    points, truth = make(300, fraction=1 / 300, noise=(0.0, 0.2), height=0.0)
    order = np.arange(len(truth))
    line = replace(points, easting=order * 20.0, northing=order * 0.0)
    truth_smooth = np.cumsum(np.full(len(truth), 0.4))
    phase = wrap(truth_smooth[:, None] + np.zeros(len(points.pairs))).astype(np.float32)
    result = unwrap(replace(line, phase=phase))
    np.testing.assert_allclose(np.diff(result.unwrapped, axis=0), 0.4, atol=1e-4)


# --- pieces and blocks


def test_statistics_do_not_depend_on_blocks():
    points, _ = make(30)
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=UnwrapOptions())
    whole = arc_statistics(points.phase, mesh.arcs, model=model)
    parts = [arc_statistics(points.phase, mesh.arcs[i : i + 37], model=model) for i in range(0, mesh.n_arcs, 37)]
    np.testing.assert_array_equal(whole.coefficients, np.concatenate([p.coefficients for p in parts]))
    np.testing.assert_array_equal(whole.sigma, np.concatenate([p.sigma for p in parts]))


def test_arc_sigma_measures_the_noise():
    points, _ = make(60, noise=(0.3, 0.3), height=0.0)
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=UnwrapOptions())
    sigma = arc_statistics(points.phase, mesh.arcs, model=model).sigma
    # Two points, two dates: 0.3 * sqrt(4), less what the fitted coefficients take.
    assert 0.5 < np.median(sigma) < 0.65


def test_model_without_baselines_has_no_slope():
    points, _ = make(20)
    options = UnwrapOptions()
    known = arc_model(points.pairs, points.days, bperp=points.bperp, options=options)
    unknown = arc_model(points.pairs, points.days, bperp=None, options=options)
    assert len(known.design) == len(unknown.design) + 1
    assert len(unknown.trials) == 0


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("time_window_days", 0.0, "time_window_days"),
        ("max_baseline_slope", -1.0, "max_baseline_slope"),
        ("peak_margin", np.nan, "peak_margin"),
        ("max_arc_noise", 0.0, "max_arc_noise"),
    ],
)
def test_options_outside_their_range_are_refused(field, value, message):
    with pytest.raises(ArgumentError, match=message):
        UnwrapOptions(**{field: value})


def test_inputs_that_disagree_are_refused():
    points, _ = make(12)
    with pytest.raises(ArgumentError, match="phase"):
        replace(points, phase=points.phase[:, 1:])
    with pytest.raises(ArgumentError, match="northing"):
        replace(points, northing=points.northing[1:])
    with pytest.raises(ArgumentError, match="pairs"):
        replace(points, days=points.days[:-1])
    broken = points.phase.copy()
    broken[3, 3] = np.nan
    with pytest.raises(ArgumentError, match="`phase` must be finite"):
        replace(points, phase=broken)
    with pytest.raises(ArgumentError, match="bperp"):
        unwrap(replace(points, bperp=points.bperp[1:]))


# --- closure


def test_loops_span_every_cycle_of_a_network_without_triplets():
    ring = np.array([(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (5, 6)], np.int32)
    loops = find_loops(ring, 8)
    assert loops.n_loops == 1
    np.testing.assert_array_equal(loops.is_checked, [True] * 6 + [False] * 2)
    total = np.zeros(8, int)
    for pair, sign in zip(loops.pairs, loops.signs, strict=True):
        total[ring[pair, 1]] += sign
        total[ring[pair, 0]] -= sign
    assert not total.any()


def test_all_triplets_are_loops():
    pairs = np.array([(i, j) for i in range(6) for j in range(i + 1, 6)], np.int32)
    assert find_loops(pairs, 6).n_loops == 20


def test_constants_of_pairs_are_found():
    points, truth = make(30, noise=(0.0, 0.2))
    loops = find_loops(points.pairs, len(points.days))
    shift = np.random.default_rng(0).integers(-3, 4, len(points.pairs))
    shifted = (truth + shift).astype(np.int16)
    histogram = closure_histogram(loops, phase=points.phase, cycles=shifted)
    constants = pair_constants(loops, histogram=histogram)
    block = check_closure(loops, phase=points.phase, cycles=shifted, constants=constants)
    assert np.any(constants)
    assert not block.n_failed.any()
    assert not block.is_suspect.any()


def test_error_of_a_region_in_one_pair_is_repaired():
    points, truth = make(30, noise=(0.0, 0.2))
    loops = find_loops(points.pairs, len(points.days))
    wrong = truth.astype(np.int16)
    region = (points.easting > 200) & (points.northing > 150)
    pair = 17
    wrong[region, pair] += 1
    constants = pair_constants(loops, histogram=closure_histogram(loops, phase=points.phase, cycles=wrong))
    block = check_closure(loops, phase=points.phase, cycles=wrong, constants=constants)
    assert 50 < region.sum() < len(region) / 2
    np.testing.assert_array_equal(errors(block.cycles, truth), 0)
    assert block.n_repaired[pair] == region.sum() == block.n_repaired.sum()
    assert block.n_failed.max() == region.sum()
    assert not block.n_failed_after.any()
    assert not block.is_suspect.any()


def test_errors_that_cannot_be_told_apart_are_flagged():
    points, truth = make(20, noise=(0.0, 0.2))
    loops = find_loops(points.pairs, len(points.days))
    wrong = truth.astype(np.int16)
    pairs = [tuple(p) for p in points.pairs.tolist()]
    wrong[5, [pairs.index(p) for p in ((4, 5), (4, 6), (4, 7))]] += 1
    constants = np.zeros(len(pairs), np.int16)
    block = check_closure(loops, phase=points.phase, cycles=wrong, constants=constants)
    np.testing.assert_array_equal(np.flatnonzero(block.is_suspect), [5])
    np.testing.assert_array_equal(block.cycles, wrong)


def test_points_missing_from_a_lattice_at_random_are_triangulated():
    # Equally spaced points on a hull edge, shifted by a linear recurrence, stay on a line and give folded triangles.
    rng = np.random.default_rng(103)
    for _ in range(5):
        azimuth, range_ = np.nonzero(rng.random((120, 120)) < 0.6)
        mesh = triangulate(range_ * 14.0, azimuth * 14.0)
        assert mesh.n_triangles == 2 * mesh.n_points - 2 - np.count_nonzero(mesh.is_boundary)
