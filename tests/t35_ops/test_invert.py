import numpy as np
import pytest

from oracles_series import small_network
from subside.errors import ArgumentError
from subside.model.network import design_matrix
from subside.ops.invert import coherence_weights, invert_network, network_covariance

N_DATES = 20
PAIRS = small_network(N_DATES)


def _consistent(n, seed=0):
    series = np.random.default_rng(seed).normal(0, 5, (n, N_DATES))
    series -= series[:, :1]
    return series, (series[:, PAIRS[:, 1]] - series[:, PAIRS[:, 0]]).astype(np.float32)


def test_consistent_pairs_give_back_their_dates_with_any_weights_and_gaps():
    series, u = _consistent(50)
    rng = np.random.default_rng(1)
    u[rng.random(u.shape) < 0.1] = np.nan
    for weights in (None, rng.uniform(0.1, 2, len(PAIRS)), rng.uniform(0.1, 2, u.shape)):
        result = invert_network(u, PAIRS, N_DATES, weights=weights)
        assert result.phase.dtype == np.float32
        known = np.isfinite(result.phase)
        assert known.mean() > 0.99
        np.testing.assert_allclose(result.phase[known], series[known], atol=2e-5)
        assert result.residual_rms.max() < 1e-5
        np.testing.assert_array_equal(result.n_pairs, np.isfinite(u).sum(axis=1))


def test_sinking_point_has_rising_phase():
    phase = np.linspace(0, 4, N_DATES)
    u = (phase[PAIRS[:, 1]] - phase[PAIRS[:, 0]]).astype(np.float32)[None]
    assert (np.diff(invert_network(u, PAIRS, N_DATES).phase[0]) > 0).all()


def test_noise_propagates_as_the_covariance_says():
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.3, 3, len(PAIRS))
    u = (rng.normal(size=(20000, len(PAIRS))) / np.sqrt(weights)).astype(np.float32)
    result = invert_network(u, PAIRS, N_DATES, weights=weights)
    expected = network_covariance(PAIRS, N_DATES, weights=weights)
    assert expected[0].max() == 0
    np.testing.assert_allclose(np.cov(result.phase.T)[1:, 1:], expected[1:, 1:], rtol=0.12)
    unweighted = invert_network(u, PAIRS, N_DATES).phase
    assert unweighted[:, -1].var() > 1.1 * result.phase[:, -1].var()
    # Weighted residual squares have pairs - dates + 1 degrees of freedom.
    dof = len(PAIRS) - N_DATES + 1
    assert np.mean(result.residual_rms**2) * weights.sum() == pytest.approx(dof, rel=0.02)


def test_points_do_not_know_each_other():
    _, u = _consistent(100, seed=3)
    u += np.random.default_rng(4).normal(size=u.shape).astype(np.float32)
    u[::7, 3] = np.nan
    whole = invert_network(u, PAIRS, N_DATES)
    for rows in (np.arange(41, 100), np.arange(100)[::-1], np.arange(7, 8)):
        part = invert_network(u[rows], PAIRS, N_DATES)
        np.testing.assert_array_equal(part.phase, whole.phase[rows])
        np.testing.assert_array_equal(part.residual_rms, whole.residual_rms[rows])


def test_zero_weight_is_a_gap():
    rng = np.random.default_rng(5)
    u = rng.normal(size=(8, len(PAIRS))).astype(np.float32)
    weights = np.ones(len(PAIRS))
    weights[6] = 0
    gap = u.copy()
    gap[:, 6] = np.nan
    np.testing.assert_array_equal(
        invert_network(u, PAIRS, N_DATES, weights=weights).phase, invert_network(gap, PAIRS, N_DATES).phase
    )


def test_dates_beyond_a_break_are_not_invented():
    series, u = _consistent(2)
    u[1, (PAIRS[:, 0] < 10) & (PAIRS[:, 1] >= 10)] = np.nan
    phase = invert_network(u, PAIRS, N_DATES).phase
    assert np.isfinite(phase[0]).all()
    assert np.isnan(phase[1, 10:]).all()
    np.testing.assert_allclose(phase[1, :10], series[1, :10], atol=2e-5)


def test_split_network_leaves_the_far_part_unknown_and_has_no_covariance():
    pairs = np.array([(0, 1), (2, 3)])
    assert np.isnan(invert_network(np.ones((3, 2), np.float32), pairs, 4).phase[:, 2:]).all()
    with pytest.raises(ArgumentError, match="join all 4 dates"):
        network_covariance(pairs, 4)


def test_covariance_is_that_of_the_normal_equations():
    covariance = network_covariance(PAIRS, N_DATES)
    g = design_matrix(PAIRS, N_DATES)[:, 1:]
    np.testing.assert_allclose(covariance[1:, 1:] @ (g.T @ g), np.eye(N_DATES - 1), atol=1e-9)


def test_no_points_is_an_empty_series():
    assert invert_network(np.empty((0, len(PAIRS)), np.float32), PAIRS, N_DATES).phase.shape == (0, N_DATES)


def test_coherence_weights_follow_the_phase_variance():
    weights = coherence_weights(np.array([0.2, 0.5, 0.8, np.nan]))
    assert weights.mean() == pytest.approx(1)
    assert weights[2] / weights[1] == pytest.approx((0.64 / 0.36) / (0.25 / 0.75))
    assert weights[3] == pytest.approx(weights[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": PAIRS[:, ::-1]}, "earlier, later"),
        ({"pairs": PAIRS[:-1]}, "`unwrapped` must have shape"),
        ({"n_dates": 5}, "indices below 5"),
        ({"weights": -np.ones(len(PAIRS))}, "`weights` must not be negative"),
        ({"weights": np.ones((3, len(PAIRS)))}, "`weights` must have 2 points"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {"pairs": PAIRS, "n_dates": N_DATES, "weights": None} | change
    u = np.zeros((2, len(PAIRS)), np.float32)
    with pytest.raises(ArgumentError, match=message):
        invert_network(u, arguments["pairs"], arguments["n_dates"], weights=arguments["weights"])
