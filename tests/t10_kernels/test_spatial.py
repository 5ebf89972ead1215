"""Cell sums and the adaptive transfer function against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from subside.kernels.spatial import accumulate_cells, apply_clap_transfer, evaluate_block


@pytest.mark.parametrize("per_pixel", [False, True])
def test_cell_sums(per_pixel):
    rng = np.random.default_rng(1)
    n, n_pairs, n_cells = 500, 12, 30
    phase = rng.uniform(-np.pi, np.pi, (n, n_pairs)).astype(np.float32)
    weight = rng.random(n, dtype=np.float32)
    weight[::7] = 0
    slope = rng.normal(0, 0.005, n).astype(np.float32)
    bperp = rng.normal(0, 100, (n if per_pixel else 1, n_pairs)).astype(np.float32)
    cell = rng.integers(0, n_cells - 1, n)
    got = accumulate_cells(phase, weight, slope, bperp, cell, n_cells)
    expected = np.zeros((n_cells, n_pairs), complex)
    np.add.at(expected, cell, weight[:, None] * np.exp(1j * (phase - slope[:, None] * bperp.astype(float))))
    np.testing.assert_allclose(got, expected, atol=2e-5)
    assert not got[-1].any()


def _naive_transfer(spectrum, low_pass, smoother, alpha, beta):
    size = len(low_pass)
    reach = len(smoother) // 2
    modulus = np.pad(np.abs(np.fft.fftshift(spectrum)), reach)
    smooth = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            box = modulus[a : a + 2 * reach + 1, b : b + 2 * reach + 1]
            smooth[a, b] = np.sum(np.outer(smoother, smoother) * box)
    sparse = np.sort(smooth[::2, ::2].ravel())
    ratio = np.fft.ifftshift(smooth / sparse[len(sparse) // 2])
    return spectrum * (low_pass + beta * np.maximum(ratio**alpha - 1, 0))


@pytest.mark.parametrize(("size", "alpha"), [(32, 1.0), (32, 2.0), (16, 0.7), (40, 1.0)])
def test_transfer(size, alpha):
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(3, size, size)) + 1j * rng.normal(size=(3, size, size))
    fringe = np.exp(2j * np.pi * np.add.outer(3 * np.arange(size), 2 * np.arange(size)) / size)
    spectrum = np.fft.fft2(noise + 0.5 * fringe).astype(np.complex64)
    low_pass = rng.random((size, size), dtype=np.float32)
    smoother = np.exp(-0.5 * np.linspace(-2.5, 2.5, 7) ** 2).astype(np.float32)
    got = spectrum.copy()
    apply_clap_transfer(got, low_pass, smoother, alpha, 0.3)
    for before, after in zip(spectrum, got, strict=True):
        np.testing.assert_allclose(after, _naive_transfer(before, low_pass, smoother, alpha, 0.3), rtol=3e-4, atol=1e-2)
    gain = np.abs(got[0, 3, 2] / spectrum[0, 3, 2]) - low_pass[3, 2]
    assert gain > 5 * np.median(np.abs(got[0] / spectrum[0]) - low_pass)


def test_subsampled_median_is_the_median():
    rng = np.random.default_rng(3)
    size = 32
    smoother = np.exp(-0.5 * np.linspace(-2.5, 2.5, 7) ** 2)
    ratios = []
    for _ in range(40):
        modulus = np.pad(rng.rayleigh(size=(size, size)), 3)
        lines = np.stack([modulus[k : k + size] for k in range(7)]).T @ smoother
        smooth = np.stack([lines[k : k + size] for k in range(7)]).T @ smoother
        ratios.append(np.median(smooth[::2, ::2]) / np.median(smooth))
    assert np.max(np.abs(np.array(ratios) - 1)) < 0.03


def test_empty_spectrum_stays_empty():
    spectrum = np.zeros((1, 16, 16), np.complex64)
    apply_clap_transfer(spectrum, np.ones((16, 16), np.float32), np.ones(7, np.float32), 1.0, 0.3)
    assert not spectrum.any()


def test_block_of_an_inverse_transform():
    rng = np.random.default_rng(6)
    window = (rng.normal(size=(5, 32, 32)) + 1j * rng.normal(size=(5, 32, 32))).astype(np.complex64)
    positions = np.arange(14, 18)
    wave = np.exp(2j * np.pi * np.outer(positions, np.fft.fftfreq(32))) / 32
    got = evaluate_block(np.fft.fft2(window).astype(np.complex64), wave.astype(np.complex64))
    np.testing.assert_allclose(got, window[:, 14:18, 14:18].reshape(5, 16).T, atol=1e-5)
