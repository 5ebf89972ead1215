"""Averaging kernels against plain numpy."""

import numpy as np
import pytest

from subside.kernels.coherence import amplitude_difference_dispersion, filter_pairs
from subside.kernels.homogeneity import glrt_neighbours, sort_dates

HALF = (3, 2)
PAIRS = np.array([[0, 1], [0, 4], [1, 2], [2, 3], [2, 5], [3, 4], [4, 5]], np.int32)


def scatter(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed).normal(size=(*shape, 2)).astype(np.float32)
    return draw.view(np.complex64)[..., 0]


@pytest.fixture(scope="module")
def tile() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    slc = scatter((6, 12, 10))
    slc[2, 5, 5] = np.nan
    slc[:, 0, 3] = 0
    masks = glrt_neighbours(sort_dates(np.abs(slc)), *HALF, 0.6)
    weight = np.random.default_rng(1).uniform(0.5, 2, slc.shape[1:]).astype(np.float32)
    weight[5, 5] = np.nan
    return slc, weight, masks


def oracle(slc: np.ndarray, weight: np.ndarray, mask: np.ndarray, at: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    width = 2 * HALF[1] + 1
    bits = [b for b in range((2 * HALF[0] + 1) * width) if (int(mask[b // 64]) >> (b % 64)) & 1]
    a = np.array([at[0] + b // width - HALF[0] for b in bits], int)
    r = np.array([at[1] + b % width - HALF[1] for b in bits], int)
    pixels, w = slc[:, a, r].astype(np.complex128), weight[a, r].astype(float)
    first, second = pixels[PAIRS[:, 0]], pixels[PAIRS[:, 1]]
    power = (w * np.abs(pixels) ** 2).sum(1)
    total = (w * first * np.conj(second)).sum(1)
    return total / np.sqrt(power[PAIRS[:, 0]] * power[PAIRS[:, 1]]), power / max(len(bits), 1)


def test_filtered_pairs_equal_plain_sums_everywhere(tile: tuple[np.ndarray, ...]) -> None:
    slc, weight, masks = tile
    azimuth, range_ = (x.astype(np.int32) for x in np.nonzero(masks.any(axis=2)))
    assert len(azimuth) == 12 * 10 - 2
    got, power = filter_pairs(slc, weight, masks, HALF, azimuth, range_, PAIRS)
    sizes = set()
    for c, at in enumerate(zip(azimuth, range_, strict=True)):
        expected, expected_power = oracle(slc, weight, masks[at], at)
        np.testing.assert_allclose(got[c], expected, atol=3e-6)
        np.testing.assert_allclose(power[c], expected_power, rtol=3e-6)
        sizes.add(int(sum(bin(int(w)).count("1") for w in masks[at])))
    assert len(sizes) > 10


def test_candidates_may_skip_lines(tile: tuple[np.ndarray, ...]) -> None:
    slc, weight, masks = tile
    azimuth, range_ = np.array([0, 0, 11], np.int32), np.array([0, 9, 4], np.int32)
    got, _ = filter_pairs(slc, weight, masks, HALF, azimuth, range_, PAIRS)
    for c in range(3):
        at = (azimuth[c], range_[c])
        np.testing.assert_allclose(got[c], oracle(slc, weight, masks[at], at)[0], atol=3e-6)


def test_an_empty_mask_gives_nan_and_no_candidate_gives_nothing(tile: tuple[np.ndarray, ...]) -> None:
    slc, weight, masks = tile
    where = np.array([5], np.int32)
    got, power = filter_pairs(slc, weight, masks, HALF, where, where, PAIRS)
    assert np.all(np.isnan(got))
    assert np.all(np.isnan(power))
    none = np.empty(0, np.int32)
    assert filter_pairs(slc, weight, masks, HALF, none, none, PAIRS)[0].shape == (0, len(PAIRS))


def test_a_known_phase_comes_out_with_its_sign(tile: tuple[np.ndarray, ...]) -> None:
    """Range grows by a quarter turn each date: s_k = exp(-j k pi/2), so a pair of lag 1 has phase +pi/2."""
    _, _, masks = tile
    frozen = scatter((1, 12, 10), 3) * np.exp(-0.5j * np.pi * np.arange(6))[:, None, None]
    one = np.ones((12, 10), np.float32)
    at = np.array([6], np.int32)
    got, _ = filter_pairs(frozen.astype(np.complex64), one, masks, HALF, at, at, PAIRS)
    lag = PAIRS[:, 1] - PAIRS[:, 0]
    np.testing.assert_allclose(got[0], np.exp(0.5j * np.pi * lag), atol=1e-5)


def test_dispersion_equals_its_formula() -> None:
    amplitude = np.random.default_rng(4).rayleigh(size=(6, 4, 7)).astype(np.float32)
    amplitude[3, 1, 1] = np.nan
    amplitude[:, 2, 2] = 0
    a = amplitude.astype(float)
    first, second = a[PAIRS[:, 0]], a[PAIRS[:, 1]]
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(np.mean((first - second) ** 2, 0)) / (np.mean(first + second, 0) / 2)
    got = amplitude_difference_dispersion(amplitude, PAIRS)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert np.isnan(got[1, 1])
    assert np.isnan(got[2, 2])
    assert np.isfinite(got).sum() == 26


def test_dispersion_of_independent_speckle_has_its_textbook_value() -> None:
    amplitude = np.random.default_rng(6).rayleigh(size=(200, 10, 10)).astype(np.float32)
    pairs = np.stack([np.arange(0, 200, 2), np.arange(1, 200, 2)], axis=1).astype(np.int32)
    got = amplitude_difference_dispersion(amplitude, pairs)
    assert got.mean() == pytest.approx(np.sqrt(2 * (4 / np.pi - 1)), abs=0.01)
