"""Look-angle fit against a direct loop over pixels and trials."""

from __future__ import annotations

import numpy as np
import pytest

from subside.kernels.gamma import fit_look_angle


def _naive(phase, patch, bperp, trial, carrier_bperp):
    """Slope and coherence of one pixel, float64: best trial, then one centred least-squares step."""
    psi = np.exp(1j * phase) * np.conj(patch / np.abs(patch))
    sums = np.array([np.sum(psi * np.exp(-1j * t * carrier_bperp)) for t in trial])
    k0 = trial[np.argmax(np.abs(sums))]
    turned = psi * np.exp(-1j * k0 * bperp)
    rest = np.angle(turned * np.conj(turned.sum()))
    centred = bperp - bperp.mean()
    k1 = k0 + centred @ (rest - rest.mean()) / (centred @ centred)
    options = [(np.abs(np.sum(psi * np.exp(-1j * k * bperp))) / len(psi), k) for k in (k0, k1)]
    return max(options)[::-1]


@pytest.fixture
def network():
    rng = np.random.default_rng(5)
    bperp = rng.normal(0, 80, 40).astype(np.float32)
    step = np.pi / 4 / np.ptp(bperp)
    trial = (step * np.arange(-9, 10)).astype(np.float32)
    return rng, bperp, trial, np.exp(-1j * trial[:, None] * bperp[None]).astype(np.complex64)


@pytest.mark.parametrize("per_pixel", [False, True])
def test_equals_direct_loop(network, per_pixel):
    rng, bperp, trial, carrier = network
    n = 60
    phase = rng.uniform(-np.pi, np.pi, (n, 40)).astype(np.float32)
    patch = (rng.normal(size=(7, 40)) + 1j * rng.normal(size=(7, 40))).astype(np.complex64)
    row = rng.integers(0, 7, n)
    own = bperp[None] + (rng.normal(0, 3, (n, 1)) if per_pixel else np.zeros((1, 1)))
    own = (own * (rng.uniform(0.97, 1.03, (n, 1)) if per_pixel else 1)).astype(np.float32)
    slope, coherence = fit_look_angle(phase, patch, row, own, trial, carrier)
    for i in range(n):
        b = own[i if per_pixel else 0].astype(float)
        k, gamma = _naive(phase[i].astype(float), patch[row[i]], b, trial.astype(float), bperp.astype(float))
        assert slope[i] == pytest.approx(k, abs=2e-6)
        assert coherence[i] == pytest.approx(gamma, abs=2e-5)


def test_recovers_injected_slope_and_constant(network):
    rng, bperp, trial, carrier = network
    true = rng.uniform(0.95 * trial[0], 0.95 * trial[-1], 200)
    constant = rng.uniform(-np.pi, np.pi, 200)
    clean = constant[:, None] + true[:, None] * bperp[None]
    patch = np.ones((1, 40), np.complex64)
    row = np.zeros(200, np.int64)
    slope, coherence = fit_look_angle(clean.astype(np.float32), patch, row, bperp[None], trial, carrier)
    assert np.abs(true).max() > 0.01
    np.testing.assert_allclose(slope, true, atol=1e-5)
    np.testing.assert_allclose(coherence, 1, atol=1e-5)

    noisy = clean + rng.normal(0, 0.5, clean.shape)
    slope, coherence = fit_look_angle(noisy.astype(np.float32), patch, row, bperp[None], trial, carrier)
    expected_std = 0.5 / np.sqrt(np.sum((bperp - bperp.mean()) ** 2))
    assert np.std(slope - true) == pytest.approx(expected_std, rel=0.25)
    assert coherence.mean() == pytest.approx(np.exp(-0.125), abs=0.015)


def test_patch_phase_is_removed_whatever_its_modulus(network):
    rng, bperp, trial, carrier = network
    angle = rng.uniform(-np.pi, np.pi, (1, 40))
    patch = (rng.uniform(0.1, 50, (1, 40)) * np.exp(1j * angle)).astype(np.complex64)
    phase = (angle + 0.004 * bperp).astype(np.float32)
    slope, coherence = fit_look_angle(phase, patch, np.zeros(1, np.int64), bperp[None], trial, carrier)
    assert slope[0] == pytest.approx(0.004, abs=1e-5)
    assert coherence[0] == pytest.approx(1, abs=1e-5)


def test_empty_patch_and_single_trial(network):
    rng, bperp, _, _ = network
    phase = rng.uniform(-np.pi, np.pi, (3, 40)).astype(np.float32)
    one = np.zeros(1, np.float32), np.ones((1, 40), np.complex64)
    row = np.zeros(3, np.int64)
    slope, coherence = fit_look_angle(phase, np.zeros((1, 40), np.complex64), row, bperp[None], *one)
    assert not coherence.any()
    slope, coherence = fit_look_angle(phase, np.ones((1, 40), np.complex64), row, bperp[None], *one)
    np.testing.assert_allclose(coherence, np.abs(np.exp(1j * phase).mean(axis=1)), atol=1e-6)
    assert not slope.any()
