"""Arc and closure kernels against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from subside.kernels.arcs import ambiguities, fit_temporal_model, local_variance, search_chain, wrapped_differences
from subside.kernels.closure import count_misclosures, misclosure, repair_pairs


def wrap(x):
    return np.angle(np.exp(1j * np.asarray(x, np.float64)))


@pytest.fixture
def arcs():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 40, 100)
    return np.column_stack([first, first + 1 + rng.integers(0, 9, 100)]).astype(np.int32)


def test_wrapped_differences_match_numpy(arcs):
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, (50, 17)).astype(np.float32)
    got = wrapped_differences(phase, arcs)
    want = wrap(phase[arcs[:, 1]].astype(float) - phase[arcs[:, 0]])
    assert got.dtype == np.float32
    np.testing.assert_allclose(wrap(got - want), 0, atol=2e-6)
    assert np.abs(got).max() <= np.pi + 1e-5
    assert np.abs(got).max() > 3


def chain_oracle(link, bperp, rate_solver, trials, margin):
    power = np.abs((np.exp(1j * link)[:, None, :] * np.exp(-1j * trials[:, None] * bperp)).mean(axis=2))
    slope = np.zeros(len(link))
    for e, row in enumerate(power):
        best = int(row.argmax())
        outside = np.ones(len(row), bool)
        for step in (-1, 1):
            i = best
            while 0 <= i + step < len(row) and row[i + step] < row[i]:
                i += step
            outside[min(i, best) : max(i, best) + 1] = False
        other = row[outside].max() if outside.any() else 0.0
        if row[best] - other > margin:
            slope[e] = trials[best]
    return slope, wrap(link - slope[:, None] * bperp) @ rate_solver


def test_search_chain_matches_oracle_and_finds_injected_slopes():
    rng = np.random.default_rng(2)
    n_arcs, n_links = 60, 29
    bperp = rng.normal(0, 100, n_links)
    true = rng.uniform(-0.018, 0.018, n_arcs)
    noise = np.where(np.arange(n_arcs) < 40, 0.4, 3.0)[:, None] * rng.normal(size=(n_arcs, n_links))
    difference = wrap(true[:, None] * bperp + 0.05 + noise).astype(np.float32)
    trials = np.arange(-8, 9) * 0.0025
    rate_solver = np.full(n_links, 1 / n_links)
    chain = np.column_stack([np.arange(n_links), np.full(n_links, -1)]).astype(np.int32)
    sign = np.ones((n_links, 2), np.float32)
    angle = trials[:, None] * bperp
    single = [a.astype(np.float32) for a in (bperp, rate_solver, np.cos(angle), np.sin(angle), trials)]
    slope, rate = search_chain(difference, chain, sign, *single, 0.1)
    want_slope, want_rate = chain_oracle(difference.astype(float), bperp, rate_solver, trials, 0.1)
    np.testing.assert_allclose(slope, want_slope, atol=1e-7)
    np.testing.assert_allclose(rate, want_rate, atol=2e-5)
    assert np.abs(slope - true)[:40].max() < 0.004
    assert np.count_nonzero(slope[40:]) < 10
    assert np.count_nonzero(slope[:40]) > 30


def test_search_chain_joins_pairs_that_share_a_date():
    # Pairs of a star 0-1, 0-2, 0-3: links 1-2 and 2-3 are differences.
    date = np.array([0.0, 0.3, 0.5, 0.9])
    difference = (date[1:] - date[0])[None].astype(np.float32)
    chain = np.array([[0, -1], [1, 0], [2, 1]], np.int32)
    sign = np.array([[1, 0], [1, -1], [1, -1]], np.float32)
    none = np.empty((0, 3), np.float32)
    zero = np.zeros(3, np.float32)
    _, rate = search_chain(
        difference, chain, sign, zero, np.array([1, 10, 100], np.float32), none, none, none[:, 0], 0.1
    )
    np.testing.assert_allclose(rate, 0.3 + 10 * 0.2 + 100 * 0.4, rtol=1e-6)


def test_fit_matches_numpy_and_recovers_coefficients():
    rng = np.random.default_rng(4)
    design = rng.normal(size=(3, 60))
    solver = np.linalg.pinv(design.T)
    true = rng.normal(0, 0.6, (80, 3))
    difference = wrap(true @ design + rng.normal(0, 0.3, (80, 60))).astype(np.float32)
    start = rng.normal(0, 0.1, (80, 3)).astype(np.float32)
    got, coherence = fit_temporal_model(difference, start, design.astype(np.float32), solver.astype(np.float32), 3)
    x = start.astype(float)
    for _ in range(3):
        x = x + wrap(difference - x @ design) @ solver.T
    want = np.abs(np.exp(1j * (difference - x @ design)).mean(axis=1))
    close = np.abs(got - x).max(axis=1) < 1e-4
    assert close.mean() > 0.95  # a residual at half a cycle may wrap either way
    np.testing.assert_allclose(coherence[close], want[close], atol=1e-4)
    right = np.abs(got - true).max(axis=1) < 0.3
    assert right.mean() > 0.6
    np.testing.assert_allclose(coherence[right].mean(), np.exp(-(0.3**2) / 2), atol=0.02)


def test_ambiguities_stay_within_half_a_cycle_of_the_prediction(arcs):
    rng = np.random.default_rng(5)
    phase = rng.uniform(-np.pi, np.pi, 50).astype(np.float32)
    prediction = rng.normal(0, 9, len(arcs)).astype(np.float32)
    cycles, deviation = ambiguities(phase, arcs, prediction)
    gradient = phase[arcs[:, 1]].astype(float) - phase[arcs[:, 0]] + 2 * np.pi * cycles
    np.testing.assert_allclose(deviation, (gradient - prediction) / (2 * np.pi), atol=1e-5)
    assert np.abs(deviation).max() <= 0.5
    assert np.abs(cycles).max() >= 3


def test_local_variance_matches_matrices_and_follows_the_noise(arcs):
    rng = np.random.default_rng(7)
    sigma = rng.uniform(0.2, 0.8, len(arcs)).astype(np.float32)
    loud = arcs[:, 0] < 20
    spread = np.where(loud, 3.0, 1.0) * sigma
    deviation = (wrap(spread * rng.normal(size=len(arcs))) / (2 * np.pi)).astype(np.float32)
    got = local_variance(deviation, sigma, arcs, 50)
    touches = np.zeros((50, len(arcs)))
    touches[arcs.T.ravel(), np.tile(np.arange(len(arcs)), 2)] = 1
    gather = touches + (touches @ touches.T - np.diag(np.diag(touches @ touches.T))) @ touches
    n = np.maximum(gather.sum(axis=1), 1)
    seen = np.clip(gather @ np.cos(2 * np.pi * deviation.astype(float)) / n, 0.03, 0.9999)
    expected = np.clip(gather @ np.exp(-0.5 * sigma.astype(float) ** 2) / n, 0.03, 0.9999)
    ratio = np.log(seen) / np.log(expected)
    want = sigma**2 * np.clip(ratio[arcs].mean(axis=1), 0.1, 30)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert np.median((got / sigma**2)[loud]) > 2 * np.median((got / sigma**2)[arcs[:, 0] > 25])


# Pairs of four dates: 01, 02, 03, 12, 13, 23; all four triplets.
LOOPS = [[0, 3, 1], [0, 4, 2], [1, 5, 2], [3, 5, 4]]
OFFSETS = np.array([0, 3, 6, 9, 12], np.int32)
PAIRS = np.array(LOOPS, np.int32).ravel()
SIGNS = np.array([1, 1, -1] * 4, np.int8)
ORDER = np.argsort(PAIRS, kind="stable")
PAIR_OFFSETS = np.append(0, np.cumsum(np.bincount(PAIRS))).astype(np.int32)
PAIR_LOOPS = (ORDER // 3).astype(np.int32)
PAIR_SIGNS = SIGNS[ORDER]


def closing_points(n, noise=0.0):
    rng = np.random.default_rng(6)
    date = rng.normal(0, 8, (n, 4))
    i, j = np.triu_indices(4, 1)
    truth = date[:, j] - date[:, i] + noise * rng.normal(size=(n, 6))
    phase = wrap(truth).astype(np.float32)
    return phase, np.rint((truth - phase) / (2 * np.pi)).astype(np.int16)


def test_misclosure_is_zero_for_the_truth_and_counts_what_is_added():
    phase, cycles = closing_points(200, noise=0.3)
    values = misclosure(phase, cycles, OFFSETS, PAIRS, SIGNS)
    assert np.abs(cycles).max() > 1
    assert not values.any()
    cycles[:, 4] += 2
    values = misclosure(phase, cycles, OFFSETS, PAIRS, SIGNS)
    np.testing.assert_array_equal(values, np.tile([0, 2, 0, -2], (200, 1)))
    counts = count_misclosures(values)
    np.testing.assert_array_equal(counts.sum(axis=1), 200)
    np.testing.assert_array_equal(counts.argmax(axis=1) - 15, [0, 2, 0, -2])


@pytest.mark.parametrize("pair", range(6))
@pytest.mark.parametrize("error", [-2, 1])
def test_single_error_is_repaired(pair, error):
    phase, cycles = closing_points(5)
    wrong = cycles.copy()
    wrong[2, pair] += error
    values = misclosure(phase, wrong, OFFSETS, PAIRS, SIGNS)
    correction, is_unexplained = repair_pairs(values, 6, PAIR_OFFSETS, PAIR_LOOPS, PAIR_SIGNS)
    assert not is_unexplained.any()
    np.testing.assert_array_equal(wrong + correction, cycles)


def test_two_errors_that_share_a_loop_are_left_and_reported():
    phase, cycles = closing_points(3)
    wrong = cycles.copy()
    wrong[1, 0] += 1
    wrong[1, 3] += 1
    values = misclosure(phase, wrong, OFFSETS, PAIRS, SIGNS)
    correction, is_unexplained = repair_pairs(values, 6, PAIR_OFFSETS, PAIR_LOOPS, PAIR_SIGNS)
    np.testing.assert_array_equal(is_unexplained, [False, True, False])
    assert not correction.any()


def test_error_in_a_single_loop_is_never_repaired():
    # Only the first triplet: any of its three pairs could be wrong.
    phase, cycles = closing_points(2)
    cycles[0, 0] += 1
    values = misclosure(phase, cycles, OFFSETS[:2], PAIRS[:3], SIGNS[:3])
    order = np.argsort(PAIRS[:3])
    offsets = np.append(0, np.cumsum(np.bincount(PAIRS[:3], minlength=6))).astype(np.int32)
    correction, is_unexplained = repair_pairs(values, 6, offsets, np.zeros(3, np.int32), SIGNS[:3][order])
    np.testing.assert_array_equal(is_unexplained, [True, False])
    assert not correction.any()


def majority_oracle(values, loops, n_pairs):
    """The same decoding with plain lists: the pair that closes most loops over those it opens, lowest index first."""
    v = values.astype(int).copy()
    member = [[(t, s) for t, loop in enumerate(loops) for q, s in loop if q == k] for k in range(n_pairs)]
    correction = np.zeros(n_pairs, int)
    for _ in range(n_pairs // 20):
        if not v.any():
            break
        best = (0, 0, 0)
        for k, mine in enumerate(member):
            shown = [s * v[t] for t, s in mine]
            for e in dict.fromkeys(x for x in shown if x):
                gain = 2 * shown.count(e) - len(shown)
                if len(shown) > 1 and gain > best[0]:
                    best = (gain, k, e)
        if not best[0]:
            return np.zeros(n_pairs, int), True
        _, k, e = best
        correction[k] -= e
        for t, s in member[k]:
            v[t] -= s * e
    return (np.zeros(n_pairs, int), True) if v.any() else (correction, False)


def test_several_errors_are_decoded_by_majority_and_hardly_ever_wrongly():
    # Four neighbours ahead, as a network by time makes them, and two pairs of a hundred wrong.
    n_dates = 20
    pairs = [(i, j) for i in range(n_dates) for j in range(i + 1, min(i + 5, n_dates))]
    index = {p: k for k, p in enumerate(pairs)}
    loops = [
        [(index[i, j], 1), (index[j, k], 1), (index[i, k], -1)]
        for i, j in pairs
        for k in range(n_dates)
        if (j, k) in index and (i, k) in index
    ]
    flat = np.array([q for loop in loops for q, _ in loop], np.int32)
    signs = np.array([s for loop in loops for _, s in loop], np.int8)
    order = np.argsort(flat, kind="stable")
    of_pair = np.append(0, np.cumsum(np.bincount(flat))).astype(np.int32)
    rng = np.random.default_rng(9)
    n = 4000
    error = (rng.random((n, len(pairs))) < 0.02) * rng.choice([-1, 1], (n, len(pairs)))
    incidence = np.zeros((len(pairs), len(loops)), int)
    for t, loop in enumerate(loops):
        for q, s in loop:
            incidence[q, t] = s
    values = (error @ incidence).astype(np.int8)
    found, is_unexplained = repair_pairs(values, len(pairs), of_pair, (order // 3).astype(np.int32), signs[order])
    for p in range(60):
        want, left = majority_oracle(values[p], loops, len(pairs))
        np.testing.assert_array_equal(found[p], want)
        assert is_unexplained[p] == left
    is_wrong = (error + found != 0).any(axis=1) & ~is_unexplained
    n_errors = np.count_nonzero(error, axis=1)
    assert np.mean(n_errors > 1) > 0.3
    few = (n_errors > 0) & (n_errors <= len(pairs) // 20)
    assert np.mean(~is_unexplained[few] & ~is_wrong[few]) > 0.95
    assert is_wrong.mean() < 0.005
    assert is_unexplained[n_errors > len(pairs) // 20].mean() > 0.95
