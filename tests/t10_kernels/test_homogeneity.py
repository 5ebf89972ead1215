"""Homogeneity kernels against scipy and naive loops."""

import numpy as np
import pytest
from scipy.stats import anderson_ksamp, ks_2samp

from subside.kernels.homogeneity import (
    ad_neighbours,
    count_neighbours,
    glrt_neighbours,
    ks_neighbours,
    merge_exchange_network,
    n_words,
    sort_dates,
)
from subside.ops.homogeneous import critical_threshold, homogeneous_neighbours

HALF = (2, 3)


def unpack(masks: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """Bits as (azimuth, range, window line, window sample)."""
    n = (2 * half[0] + 1) * (2 * half[1] + 1)
    bits = np.array([(masks[..., b // 64] >> np.uint64(b % 64)) & np.uint64(1) for b in range(n)], dtype=bool)
    return np.moveaxis(bits, 0, -1).reshape(*masks.shape[:2], 2 * half[0] + 1, 2 * half[1] + 1)


def naive(amplitude: np.ndarray, half: tuple[int, int], rejects) -> np.ndarray:
    _, n_azimuth, n_range = amplitude.shape
    usable = np.all(np.isfinite(amplitude) & (amplitude > 0), axis=0)
    out = np.zeros((n_azimuth, n_range, 2 * half[0] + 1, 2 * half[1] + 1), bool)
    for a, r, i, j in np.ndindex(out.shape):
        b, s = a + i - half[0], r + j - half[1]
        if 0 <= b < n_azimuth and 0 <= s < n_range and usable[a, r] and usable[b, s]:
            out[a, r, i, j] = (a, r) == (b, s) or not rejects(amplitude[:, a, r], amplitude[:, b, s])
    return out


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    """Two brightnesses, ties, and pixels without data."""
    rng = np.random.default_rng(5)
    amplitude = rng.rayleigh(size=(17, 9, 11)).astype(np.float32)
    amplitude[:, :, 6:] *= 1.8
    amplitude = np.round(amplitude, 2) + np.float32(0.01)
    amplitude[3, 4, 5] = np.nan
    amplitude[:, 0, 0] = 0.0
    amplitude[8, 8, 10] = np.inf
    return amplitude


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 30, 61])
def test_the_network_sorts_every_zero_one_sequence_drawn(n: int) -> None:
    rng = np.random.default_rng(n)
    columns = (rng.random((n, 2000)) < rng.random(2000)).astype(int)
    for low, high in merge_exchange_network(n):
        pair = columns[[low, high]]
        columns[low], columns[high] = pair.min(0), pair.max(0)
    assert np.all(np.diff(columns, axis=0) >= 0)


@pytest.mark.parametrize("shape", [(30, 3, 300), (7, 2, 5), (61, 1, 257)])
def test_dates_are_sorted(shape: tuple[int, int, int]) -> None:
    amplitude = np.random.default_rng(0).rayleigh(size=shape).astype(np.float32)
    np.testing.assert_array_equal(sort_dates(amplitude), np.sort(amplitude, axis=0).transpose(1, 0, 2))


def test_a_pixel_missing_one_date_is_infinite_throughout(field: np.ndarray) -> None:
    planes = sort_dates(field)
    usable = np.all(np.isfinite(field) & (field > 0), axis=0)
    assert (~usable).sum() == 3
    assert np.all(np.isinf(planes.transpose(0, 2, 1)[~usable]))
    assert np.all(np.isfinite(planes.transpose(0, 2, 1)[usable]))


@pytest.mark.parametrize("threshold", [1, 6, 8, 17])
def test_ks_masks_equal_scipy_and_edges_are_cut_not_dropped(field: np.ndarray, threshold: int) -> None:
    def rejects(x: np.ndarray, y: np.ndarray) -> bool:
        return round(ks_2samp(x, y).statistic * len(x)) >= threshold

    masks = ks_neighbours(sort_dates(field), *HALF, threshold)
    expected = naive(field, HALF, rejects)
    np.testing.assert_array_equal(unpack(masks, HALF), expected)
    np.testing.assert_array_equal(count_neighbours(masks), expected.sum((2, 3)))
    assert count_neighbours(masks)[0, 10] > 0


def test_ks_masks_equal_scipy_over_several_words_and_blocks() -> None:
    rng = np.random.default_rng(2)
    amplitude = rng.rayleigh(size=(12, 3, 530)).astype(np.float32)
    half = (2, 20)
    assert n_words(*half) == 4
    bits = unpack(ks_neighbours(sort_dates(amplitude), *half, 6), half)
    for _ in range(600):
        a, i, j = rng.integers(0, 3), rng.integers(0, 5), rng.integers(0, 41)
        r = rng.choice([0, 5, 254, 255, 256, 257, 511, 512, 529, rng.integers(0, 530)])
        b, s = a + i - 2, r + j - 20
        inside = 0 <= b < 3 and 0 <= s < 530
        if (b, s) == (a, r):
            continue
        expected = inside and round(ks_2samp(amplitude[:, a, r], amplitude[:, b, s]).statistic * 12) < 6
        assert bits[a, r, i, j] == expected


def test_masks_are_symmetric(field: np.ndarray) -> None:
    for masks in (
        ks_neighbours(sort_dates(field), *HALF, 7),
        ad_neighbours(sort_dates(field), *HALF, 2.5),
        glrt_neighbours(sort_dates(field), *HALF, 0.5),
    ):
        bits = unpack(masks, HALF)
        for a, r, i, j in zip(*np.nonzero(bits), strict=True):
            assert bits[a + i - HALF[0], r + j - HALF[1], 2 * HALF[0] - i, 2 * HALF[1] - j]


def test_a_threshold_that_cannot_be_is_refused(field: np.ndarray) -> None:
    for bad in (0, 18):
        with pytest.raises(ValueError, match="threshold"):
            ks_neighbours(sort_dates(field), *HALF, bad)


def test_anderson_darling_masks_equal_scipy() -> None:
    rng = np.random.default_rng(7)
    amplitude = rng.rayleigh(size=(20, 5, 6)).astype(np.float32)
    amplitude[:, :, 3:] *= 1.5
    critical, n = 3.0, 20

    def rejects(x: np.ndarray, y: np.ndarray) -> bool:
        pooled = np.sort(np.concatenate([x, y]))
        m = np.arange(1, 2 * n)
        below = np.searchsorted(np.sort(x), pooled[:-1], side="right")
        return np.sum((2 * n * below - m * n) ** 2 / (m * (2 * n - m))) / n**2 >= critical

    bits = unpack(ad_neighbours(sort_dates(amplitude), 1, 2, critical), (1, 2))
    expected = naive(amplitude, (1, 2), rejects)
    np.testing.assert_array_equal(bits, expected)
    assert 0.02 < 1 - expected.sum() / naive(amplitude, (1, 2), lambda x, y: False).sum() < 0.98


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
def test_anderson_darling_level_agrees_with_scipy(level: float) -> None:
    from subside.ops.homogeneous import anderson_darling_critical

    n, rng = 25, np.random.default_rng(3)
    for shift in np.linspace(0.8, 2.5, 15):
        x, y = rng.rayleigh(size=n).astype(np.float32), (shift * rng.rayleigh(size=n)).astype(np.float32)
        planes = sort_dates(np.stack([x, y], axis=1)[:, None, :])
        mask = ad_neighbours(planes, 0, 1, anderson_darling_critical(n, level))
        result = anderson_ksamp([x.astype(float), y.astype(float)], midrank=False)
        index = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001].index(level)
        is_kept = count_neighbours(mask)[0, 0] == 2
        assert is_kept == (result.statistic < result.critical_values[index])


def test_glrt_masks_equal_the_likelihood_ratio() -> None:
    rng = np.random.default_rng(8)
    amplitude = rng.rayleigh(size=(12, 5, 6)).astype(np.float32)
    ratio = 0.4
    bound = 2 * np.log((1 + np.exp(ratio)) / 2) - ratio

    def rejects(x: np.ndarray, y: np.ndarray) -> bool:
        p, q = np.mean(x.astype(float) ** 2), np.mean(y.astype(float) ** 2)
        return 2 * np.log((p + q) / 2) - np.log(p) - np.log(q) > bound

    bits = unpack(glrt_neighbours(sort_dates(amplitude), 1, 2, ratio), (1, 2))
    expected = naive(amplitude, (1, 2), rejects)
    np.testing.assert_array_equal(bits, expected)
    assert not expected[2, 3].all()


@pytest.mark.parametrize("test", ["ks", "anderson_darling", "glrt"])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_false_alarms_equal_the_level_on_independent_dates(test: str, alpha: float) -> None:
    """Separate pairs of pixels, so that the count is binomial; KS levels are discrete."""
    from subside.ops.homogeneous import HomogeneityTest, _tail_probability

    n_dates, n_pairs = 30, 40_000
    amplitude = np.random.default_rng(11).rayleigh(size=(n_dates, n_pairs, 2)).astype(np.float32)
    masks = homogeneous_neighbours(amplitude, HomogeneityTest(test), half=(0, 1), alpha=alpha)
    rejected = int(np.sum(count_neighbours(masks)[:, 0] == 1))
    level = alpha
    if test == "ks":
        level = _tail_probability(critical_threshold(n_dates, alpha), n_dates, np.inf)
        assert 0.4 * alpha < level <= alpha
    sigma = np.sqrt(level * (1 - level) * n_pairs)
    slack = 0.08 * level * n_pairs if test == "anderson_darling" else 0.0
    assert abs(rejected - level * n_pairs) < 4 * sigma + slack
