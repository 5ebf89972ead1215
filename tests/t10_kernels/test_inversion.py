import numpy as np
import pytest

from subside.kernels.inversion import LANES, profile_starts, regress_gaps, solve_common, solve_weighted


def _network(rng, n_dates=12):
    pairs = {(i, i + lag) for i in range(n_dates) for lag in (1, 2) if i + lag < n_dates} | {(0, 9), (3, 11)}
    return np.array(sorted(pairs), np.int32)


def _incidence(pairs, n_dates):
    matrix = np.zeros((len(pairs), n_dates))
    for k, (i, j) in enumerate(pairs):
        matrix[k, i], matrix[k, j] = -1, 1
    return matrix


def _least_squares(u, w, pairs, n_dates):
    """One point: dates joined to date 0 by valid pairs, solved by lstsq; the others NaN."""
    valid = np.isfinite(u) & (w > 0)
    reached = {0}
    while True:
        more = {d for p, v in zip(pairs, valid, strict=True) if v and set(p) & reached for d in p} - reached
        if not more:
            break
        reached |= more
    use = np.array([v and p[0] in reached for p, v in zip(pairs, valid, strict=True)])
    dates = sorted(reached - {0})
    series = np.full(n_dates, np.nan)
    series[0] = 0.0
    rms = np.nan
    if use.any():
        root = np.sqrt(w[use])
        matrix = _incidence(pairs, n_dates)[use][:, dates]
        solution = np.linalg.lstsq(root[:, None] * matrix, root * u[use], rcond=None)[0]
        series[dates] = solution
        rms = np.sqrt(np.sum(w[use] * (u[use] - matrix @ solution) ** 2) / w[use].sum())
    return series, rms, int(use.sum())


def test_profile_reaches_back_to_the_earliest_partner():
    pairs = np.array([(0, 1), (0, 4), (1, 3), (2, 3), (3, 4)])
    np.testing.assert_array_equal(profile_starts(pairs, 5), [0, 1, 0, 2])


def test_common_weights_equal_the_normal_equations():
    rng = np.random.default_rng(1)
    pairs = _network(rng)
    n = 2 * LANES + 5
    u = rng.normal(0, 3, (n, len(pairs))).astype(np.float32)
    w = rng.uniform(0.2, 3, len(pairs))
    series, rms = np.full((n, 12), np.nan, np.float32), np.full(n, np.nan, np.float32)
    first, second = np.ascontiguousarray(pairs.T)
    solve_common(u, w, first, second, profile_starts(pairs, 12), series, rms)
    for p in (0, LANES - 1, LANES, n - 1):
        expected, expected_rms, _ = _least_squares(u[p].astype(float), w, pairs, 12)
        np.testing.assert_allclose(series[p], expected, atol=2e-6)
        np.testing.assert_allclose(rms[p], expected_rms, rtol=1e-6)
    assert rms.min() > 0.5


@pytest.mark.parametrize("gap_share", [0.0, 0.1, 0.75])
@pytest.mark.parametrize("per_point", [False, True])
def test_own_weights_and_gaps_equal_least_squares_on_what_is_reachable(gap_share, per_point):
    rng = np.random.default_rng(2)
    pairs = _network(rng)
    n = 60
    u = rng.normal(0, 3, (n, len(pairs))).astype(np.float32)
    u[rng.random(u.shape) < gap_share] = np.nan
    w = rng.uniform(0.2, 3, (n if per_point else 1, len(pairs))).astype(np.float32)
    w[0, 4] = 0.0
    series, rms = np.empty((n, 12), np.float32), np.empty(n, np.float32)
    used = np.empty(n, np.int32)
    first, second = np.ascontiguousarray(pairs.T)
    solve_weighted(u, w, first, second, profile_starts(pairs, 12), series, rms, used)
    n_unreachable = 0
    for p in range(n):
        expected, expected_rms, expected_used = _least_squares(
            u[p].astype(float), w[p if per_point else 0].astype(float), pairs, 12
        )
        np.testing.assert_allclose(series[p], expected, atol=1e-5)
        np.testing.assert_allclose(rms[p], expected_rms, rtol=1e-5, atol=1e-6)
        assert used[p] == expected_used
        n_unreachable += np.isnan(expected).sum()
    assert (n_unreachable > 20) == (gap_share == 0.75)


def test_nothing_valid_gives_nothing():
    pairs = np.array([(0, 1), (1, 2)], np.int32)
    first, second = np.ascontiguousarray(pairs.T)
    series, rms, used = np.empty((1, 3), np.float32), np.empty(1, np.float32), np.empty(1, np.int32)
    u, w = np.array([[np.nan, 1.0]], np.float32), np.ones((1, 2), np.float32)
    solve_weighted(u, w, first, second, profile_starts(pairs, 3), series, rms, used)
    np.testing.assert_array_equal(series, [[0, np.nan, np.nan]])
    assert np.isnan(rms[0]) and used[0] == 0


def test_regression_with_gaps_equals_generalised_least_squares():
    rng = np.random.default_rng(3)
    n_dates, n = 14, 20
    design = np.column_stack([np.ones(n_dates), np.arange(n_dates), rng.normal(size=n_dates)])
    root = rng.normal(size=(n_dates, n_dates))
    covariance = root @ root.T + np.eye(n_dates)
    values = rng.normal(size=(n, n_dates))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, :] = np.nan
    values[0, :3] = 1.0
    out, variance = np.empty((n, 3)), np.empty((n, 3))
    quadratic, n_valid = np.empty(n), np.empty(n, np.int32)
    regress_gaps(values, design, covariance, out, variance, quadratic, n_valid)
    assert np.isnan(out[0]).all() and np.isnan(quadratic[0]) and n_valid[0] == 3
    for p in range(1, n):
        here = np.isfinite(values[p])
        x, y, inverse = design[here], values[p, here], np.linalg.inv(covariance[np.ix_(here, here)])
        cofactor = np.linalg.inv(x.T @ inverse @ x)
        beta = cofactor @ x.T @ inverse @ y
        np.testing.assert_allclose(out[p], beta, rtol=1e-8)
        np.testing.assert_allclose(variance[p], np.diagonal(cofactor), rtol=1e-8)
        np.testing.assert_allclose(quadratic[p], (y - x @ beta) @ inverse @ (y - x @ beta), rtol=1e-8)
        assert n_valid[p] == here.sum()


def test_regression_refuses_what_the_dates_do_not_determine():
    design = np.column_stack([np.ones(6), [0, 0, 0, 0, 1, 1]]).astype(float)
    values = np.array([[1.0, 2.0, 3.0, 4.0, np.nan, np.nan]])
    out, variance, quadratic = np.empty((1, 2)), np.empty((1, 2)), np.empty(1)
    regress_gaps(values, design, np.eye(6), out, variance, quadratic, np.empty(1, np.int32))
    assert np.isnan(out).all() and np.isnan(quadratic).all()
