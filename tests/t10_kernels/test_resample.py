"""Deramping, interpolation and looks against plain numpy."""

import numpy as np
import pytest

from subside.kernels.deramp import deramp_tile, reramp_tile
from subside.kernels.looks import window_looks
from subside.kernels.resample import (
    AZIMUTH_TAPS,
    N_FRACTIONS,
    RANGE_TAPS,
    RUN,
    azimuth_pass,
    evaluate_offsets,
    interpolation_weights,
    range_pass,
)

RNG = np.random.default_rng(5)


def noise(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(np.complex64)


def split(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)


def worst_error(weights: np.ndarray, bandwidth: float, a: float = 0.75) -> float:
    """Greatest mean-square error of any fraction on a Hamming-weighted band, dB."""
    n_taps = weights.shape[1]
    f = np.linspace(-bandwidth / 2, bandwidth / 2, 201)
    power = (a + (1 - a) * np.cos(2 * np.pi * f / bandwidth)) ** 2
    taps = np.arange(n_taps) - (n_taps // 2 - 1)
    worst = 0.0
    for entry in range(0, N_FRACTIONS + 1, 256):
        phase = np.exp(2j * np.pi * np.multiply.outer(taps - entry / N_FRACTIONS, f))
        worst = max(worst, float((np.abs(weights[entry] @ phase - 1) ** 2 @ power) / power.sum()))
    return 10 * np.log10(worst)


def best_kaiser(n_taps: int, bandwidth: float) -> float:
    taps = np.arange(n_taps) - (n_taps // 2 - 1)
    distance = taps - np.arange(N_FRACTIONS + 1)[:, None] / N_FRACTIONS
    errors = []
    for beta in np.arange(2.0, 7.0, 0.5):
        w = np.sinc(distance) * np.i0(beta * np.sqrt(np.maximum(0, 1 - (2 * distance / n_taps) ** 2)))
        errors.append(worst_error(w / w.sum(1, keepdims=True), bandwidth))
    return min(errors)


@pytest.mark.parametrize(
    ("bandwidth", "n_taps", "limit"),
    [(0.878, 12, -34), (0.878, 16, -41), (0.751, 12, -54), (0.751, 16, -69), (0.672, 8, -48)],
)
def test_weights_beat_the_best_kaiser_window(bandwidth: float, n_taps: int, limit: float) -> None:
    weights, _ = interpolation_weights(n_taps, bandwidth, 0.75)
    error = worst_error(weights, bandwidth)
    assert error < limit
    assert error < best_kaiser(n_taps, bandwidth) - 0.5


def test_weights_pass_constants_and_samples_unchanged() -> None:
    weights, slope = interpolation_weights(16, 0.878, 0.75)
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(slope.sum(1), 0.0, atol=2e-6)
    np.testing.assert_allclose(weights[0], np.eye(16)[7], atol=1e-6)
    np.testing.assert_allclose(weights[-1], np.eye(16)[8], atol=1e-6)
    change = (weights[1001].astype(float) - weights[999]) * N_FRACTIONS / 2
    np.testing.assert_allclose(slope[1000], change, atol=2e-3)


def test_deramp_is_the_quadratic_phase() -> None:
    n, m = 40, 70
    z = noise(n, m)
    phase = np.stack([RNG.normal(size=m), 30 * RNG.normal(size=m), np.linspace(-880, -840, m)])
    real, imaginary = np.zeros((n, m + 9), np.float32), np.zeros((n, m + 9), np.float32)
    deramp_tile(z, -1.5, 2e-3, phase, real, imaginary)
    t = -1.5 + 2e-3 * np.arange(n)[:, None]
    expected = z * np.exp(2j * np.pi * (phase[0] + t * phase[1] + t**2 * phase[2]))
    np.testing.assert_allclose(real[:, :m] + 1j * imaginary[:, :m], expected, atol=4e-6)


def test_reramp_undoes_it_at_real_positions_and_masks() -> None:
    n, m, mid, dt = 40, 70, 700.0, 2e-3
    z = noise(n, m)
    phase = np.stack([RNG.normal(size=m), 30 * RNG.normal(size=m), np.linspace(-880, -840, m)])
    slope = np.stack([1e-4 * np.ones(m), 1e-3 * np.ones(m), np.full(m, 2e-3)])
    azimuth, shift = 3.3 + 0.1 * RNG.normal(size=(2, n, m))
    difference = 50 * RNG.normal(size=(n, m))
    height = np.zeros((n, m), np.float32)
    height[3, 4] = np.nan
    drift = shift[n // 2].copy()
    corner, limits = (100, 200), (108.0, 1e9, 215.0, 1e9)
    out = np.empty((n, m), np.complex64)
    reramp_tile(*split(z), azimuth, shift, difference, height, drift, corner, limits, 36.0, mid, dt, phase, slope, out)
    line, sample = corner[0] + np.arange(n)[:, None] + azimuth, corner[1] + np.arange(m) + shift
    t, x = (line - mid) * dt, shift - drift
    turns = sum((phase[k] + slope[k] * x) * t**k for k in range(3))
    expected = z * np.exp(2j * np.pi * (36.0 * difference - turns))
    keep = (line >= limits[0]) & (sample >= limits[2]) & np.isfinite(height)
    assert 0 < keep.sum() < keep.size - 1
    np.testing.assert_allclose(out, np.where(keep, expected, 0), atol=1e-5)


@pytest.mark.parametrize("relief", [0.0, 0.2], ids=["smooth", "steep"])
def test_range_pass_interpolates_at_the_shift_of_the_line_it_serves(relief: float) -> None:
    weights, slope = interpolation_weights(RANGE_TAPS, 0.7, 0.75)
    n_rows, n_lines, n_samples = 12, 20, RUN
    f = 0.7 * RNG.uniform(-0.5, 0.5, 9)
    amplitude = RNG.normal(size=9) + 1j * RNG.normal(size=9)

    def signal(position: np.ndarray) -> np.ndarray:
        return np.exp(2j * np.pi * position[..., None] * f) @ amplitude

    source = np.repeat(signal(np.arange(n_samples + 60.0))[None], n_rows, 0).astype(np.complex64)
    azimuth = np.full((n_lines, n_samples), 5.25)
    ramp = np.linspace(-2, 3, n_lines)[:, None] + 1e-3 * np.arange(n_samples)
    shift = ramp + relief * RNG.uniform(-1, 1, n_samples)
    real, imaginary = np.empty((2, n_rows, n_samples), np.float32)
    range_pass(*split(source), 9.0, azimuth, shift, 30.0, weights, slope, real, imaginary)
    line = np.arange(n_rows) + 9.0 - 5.25
    served = np.stack([np.interp(line, np.arange(n_lines), column) for column in shift.T], 1)
    expected = signal(30.0 + np.arange(n_samples) + served)
    error = real + 1j * imaginary - expected
    assert np.sqrt(np.mean(np.abs(error) ** 2) / np.mean(np.abs(expected) ** 2)) < 1.5e-3


@pytest.mark.parametrize("relief", [0.0, 0.2], ids=["smooth", "steep"])
def test_azimuth_pass_interpolates_lines(relief: float) -> None:
    weights, slope = interpolation_weights(AZIMUTH_TAPS, 0.6, 0.75)
    n_rows, n_lines = 60, 30
    f = 0.6 * RNG.uniform(-0.4, 0.4, 9)
    amplitude = RNG.normal(size=9) + 1j * RNG.normal(size=9)

    def signal(position: np.ndarray) -> np.ndarray:
        return np.exp(2j * np.pi * position[..., None] * f) @ amplitude

    source = np.repeat(signal(np.arange(float(n_rows)))[:, None], RUN, 1).astype(np.complex64)
    azimuth = 2.4 + 1e-5 * np.arange(RUN) + relief * RNG.uniform(-1, 1, (n_lines, RUN))
    real, imaginary = np.empty((2, n_lines, RUN), np.float32)
    azimuth_pass(*split(source), 10.0, azimuth, weights, slope, real, imaginary)
    expected = signal(np.arange(n_lines)[:, None] + 10.0 + azimuth)
    error = real + 1j * imaginary - expected
    assert np.sqrt(np.mean(np.abs(error) ** 2) / np.mean(np.abs(expected) ** 2)) < 4e-3


def test_offsets_are_piecewise_cubics_and_polynomials() -> None:
    n, m, n_intervals = 5, 90, 3
    rows = RNG.normal(size=(n, n_intervals, 3, 4, 4))
    height = RNG.uniform(0, 400, (n, m)).astype(np.float32)
    height[2, 7] = np.nan
    first, step = 12.0, 40.0
    edges = np.array([0, 28, 68, m])
    out = np.empty((3, n, m))
    evaluate_offsets(rows, edges, first, step, height, 200.0, 150.0, out)
    position = (first + np.arange(m)) / step
    interval = np.repeat(np.arange(3), np.diff(edges))
    u = np.nan_to_num((height.astype(float) - 200.0) / 150.0)
    cubic = np.einsum("lsqpk,sk->qpls", rows[:, interval], (position - interval)[:, None] ** np.arange(4))
    expected = sum(cubic[:, p] * u**p for p in range(4))
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


def test_window_looks_sum_where_all_four_hold_data() -> None:
    a, b, c, d = (noise(13, 31) for _ in range(4))
    a[2, 3] = b[2, 5] = c[7, 9] = d[11, 11] = 0
    products, powers = window_looks(a, b, c, d, 4, 10)
    assert products.shape == (2, 3, 3)
    good = (a != 0) & (b != 0) & (c != 0) & (d != 0)

    def cells(values: np.ndarray) -> np.ndarray:
        return np.where(good, values, 0)[:12, :30].reshape(3, 4, 3, 10).sum((1, 3))

    np.testing.assert_allclose(products[0], cells(a * np.conj(b)), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(products[1], cells(c * np.conj(d)), rtol=1e-5, atol=1e-4)
    for k, z in enumerate((a, b, c, d)):
        np.testing.assert_allclose(powers[k], cells(np.abs(z) ** 2), rtol=1e-5)
    assert powers[4].sum() == good[:12, :30].sum()
