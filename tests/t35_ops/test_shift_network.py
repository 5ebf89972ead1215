"""Shifts of pairs and dates: recovery, cycles, stated precision, false alarms, outliers."""

import numpy as np
import pytest
from scipy import fft

from subside.errors import ArgumentError
from subside.ops.range_shift import RANGE_SEARCH, RangeSpectra, range_spectra, range_sums
from subside.ops.shift_network import estimate_network
from subside.ops.shift_sums import N_BINS, SearchOptions, ShiftSums, bin_sums, estimate_pairs
from subside.ops.spectral_diversity import AZIMUTH_SEARCH, OverlapLooks, along_track_trend, esd_sums
from tops_burst import MODEL

IW1, IW2 = 4775.0 * 2.0555563e-3, 4009.0 * 2.0555563e-3
"""Cycles per line of shift."""


def phasors(shift: float, frequency: float, std: float, *, n: int, rng, offset: float = 0.0) -> ShiftSums:
    """One cluster of window phases of known precision."""
    bins = np.arange(n) % N_BINS
    f = frequency * (1.0 + 0.025 * (2 * bins / (N_BINS - 1) - 1))
    phase = 2 * np.pi * f * shift + offset + std * rng.normal(size=n)
    return bin_sums(f, np.exp(1j * phase), np.full(n, 1 / std**2), bins=bins, coherence=0.5)


def network(
    shifts: np.ndarray, pairs: np.ndarray, *, std: float, n: int, rng, clusters=(IW1, IW1, IW2, IW2)
) -> ShiftSums:
    return ShiftSums.stacked(
        [ShiftSums.stacked([phasors(shifts[j] - shifts[i], f, std, n=n, rng=rng) for f in clusters]) for i, j in pairs]
    )


def neighbours(n_dates: int, reach: int = 3) -> np.ndarray:
    every = [(i, j) for i in range(n_dates) for j in range(i + 1, min(i + 1 + reach, n_dates))]
    return np.array(every, np.int32)


def speckle(rng, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * np.sqrt(0.5)


def looks_of(dates: np.ndarray, second: np.ndarray, shift: np.ndarray, separation: np.ndarray) -> list[OverlapLooks]:
    """Two looks of several dates whose azimuth shift turns the first."""
    return [
        OverlapLooks(
            (a * np.exp(-2j * np.pi * separation * y)).astype(np.complex64), b.astype(np.complex64), separation
        )
        for a, b, y in zip(dates, second, shift, strict=True)
    ]


def test_network_of_many_dates_finds_cycles_and_states_its_precision() -> None:
    rng = np.random.default_rng(0)
    n_dates = 40
    pairs = neighbours(n_dates)
    errors, sigmas = [], []
    for _ in range(4):
        truth = rng.normal(0, 0.035, n_dates)
        truth -= truth[17]
        assert np.abs(truth[pairs[:, 1]] - truth[pairs[:, 0]]).max() > 0.5 / IW1
        found = estimate_network(
            network(truth, pairs, std=0.5, n=128, rng=rng),
            pairs,
            n_dates=n_dates,
            reference=17,
            options=SearchOptions(max_shift=0.25, prior_std=0.05),
        )
        assert found.is_estimated.all()
        assert found.shift[17] == found.sigma[17] == 0.0
        errors.append(np.delete(found.shift - truth, 17))
        sigmas.append(np.delete(found.sigma, 17))
    ratio = np.ravel(errors) / np.ravel(sigmas)
    assert np.abs(errors).max() < 3e-3
    assert 0.8 < np.sqrt(np.mean(ratio**2)) < 1.25


def test_two_swaths_settle_the_cycle_that_one_leaves_open() -> None:
    rng = np.random.default_rng(1)
    shift = 0.0635
    both = ShiftSums.stacked(
        [ShiftSums.stacked([phasors(shift, f, 0.5, n=256, rng=rng) for f in (IW1, IW1, IW2, IW2)])]
    )
    found = estimate_pairs(both, AZIMUTH_SEARCH)
    assert found.shift[0] == pytest.approx(shift, abs=4 * found.sigma[0])
    assert found.sigma[0] < 5e-4
    narrow = bin_sums(
        np.full(256, IW1),
        np.exp(2j * np.pi * IW1 * shift + 0.5j * rng.normal(size=256)),
        np.full(256, 4.0),
        bins=np.arange(256) % N_BINS,
        coherence=0.5,
    )
    alone = estimate_pairs(ShiftSums.stacked([ShiftSums.stacked([narrow])]), AZIMUTH_SEARCH)
    assert alone.shift[0] == pytest.approx(shift - 1 / IW1, abs=1e-3)


@pytest.mark.parametrize("coherence", [0.9, 0.4])
def test_precision_of_a_pair_from_pixels(coherence: float) -> None:
    rng = np.random.default_rng(2)
    separation = np.linspace(0.975, 1.025, 400) * IW1
    errors, sigmas = [], []
    for _ in range(60):
        common = speckle(rng, 2, 1, 80, 400)
        noise = speckle(rng, 2, 2, 80, 400)
        z = np.sqrt(coherence) * common + np.sqrt(1 - coherence) * noise
        earlier, later = looks_of(z[0], z[1], np.array([0.0, 0.013]), separation)
        sums = ShiftSums.stacked([ShiftSums.stacked([esd_sums(earlier, later, n_looks_per_pixel=1.0)])])
        found = estimate_pairs(sums, AZIMUTH_SEARCH)
        errors.append(found.shift[0] - 0.013)
        sigmas.append(found.sigma[0])
        assert sums.coherence[0, 0] == pytest.approx(coherence, abs=0.03)
    bound = np.sqrt((1 - coherence**2) / (80 * 400 * coherence**2)) / (2 * np.pi * IW1)
    rms = np.sqrt(np.mean(np.square(errors)))
    assert abs(np.mean(errors)) < 3.5 * rms / np.sqrt(60)
    assert 0.75 < rms / np.mean(sigmas) < 1.3
    assert rms < 1.35 * bound


def test_dates_share_their_noise_and_sigma_knows() -> None:
    rng = np.random.default_rng(3)
    n_dates, separation = 5, np.linspace(0.975, 1.025, 160) * IW1
    pairs = neighbours(n_dates)
    errors, sigmas = [], []
    for _ in range(40):
        z = np.sqrt(0.6) * speckle(rng, 2, 1, 40, 160) + np.sqrt(0.4) * speckle(rng, 2, n_dates, 40, 160)
        looks = looks_of(z[0], z[1], np.zeros(n_dates), separation)
        sums = ShiftSums.stacked(
            [ShiftSums.stacked([esd_sums(looks[i], looks[j], n_looks_per_pixel=1.0, window=(5, 5))]) for i, j in pairs]
        )
        found = estimate_network(sums, pairs, n_dates=n_dates, reference=0, options=AZIMUTH_SEARCH)
        errors.append(found.shift[1:])
        sigmas.append(found.sigma[1:])
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(sigmas)))
    assert 0.8 < ratio < 1.25


def test_noise_passes_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(4)
    separation = np.full(200, IW1)
    options = SearchOptions(max_shift=0.2, prior_std=0.05, false_alarm=0.3)
    sums = []
    for _ in range(300):
        z = speckle(rng, 2, 2, 40, 200)
        sums.append(
            ShiftSums.stacked([esd_sums(*looks_of(z[0], z[1], np.zeros(2), separation), n_looks_per_pixel=1.0)])
        )
    passed = estimate_pairs(ShiftSums.stacked(sums), options).is_coherent.sum()
    assert 3 <= passed <= 90 + 3 * np.sqrt(63)


def test_incoherent_date_keeps_its_geometry_and_is_flagged() -> None:
    rng = np.random.default_rng(5)
    pairs = neighbours(6, 2)
    truth = np.array([0.0, 0.01, -0.02, 0.03, 0.005, -0.01])
    parts = []
    for i, j in pairs:
        std = 0.5
        row = [phasors(truth[j] - truth[i], f, std, n=128, rng=rng) for f in (IW1, IW2)]
        if 3 in (i, j):
            n = 128
            noise = np.exp(2j * np.pi * rng.uniform(size=n))
            row = [bin_sums(np.full(n, IW1), noise, np.full(n, 4.0), bins=np.arange(n) % N_BINS, coherence=0.1)] * 2
        parts.append(ShiftSums.stacked(row))
    found = estimate_network(ShiftSums.stacked(parts), pairs, n_dates=6, reference=0, options=AZIMUTH_SEARCH)
    np.testing.assert_array_equal(found.is_estimated, [True, True, True, False, True, True])
    assert found.shift[3] == 0.0
    assert np.isnan(found.sigma[3])
    np.testing.assert_allclose(np.delete(found.shift - truth, 3), 0.0, atol=3e-3)


def test_no_data_at_all_falls_back_for_every_date() -> None:
    pairs = neighbours(3)
    empty = ShiftSums.stacked([ShiftSums.stacked([ShiftSums.empty()] * 2)] * len(pairs))
    found = estimate_network(empty, pairs, n_dates=3, reference=1, options=AZIMUTH_SEARCH)
    np.testing.assert_array_equal(found.is_estimated, [False, True, False])
    np.testing.assert_array_equal(found.shift, 0.0)
    assert np.isnan(found.cluster_phase).all()


def test_one_moving_overlap_does_not_pull_the_rest() -> None:
    rng = np.random.default_rng(6)
    pairs = neighbours(5)
    truth = np.array([0.0, 0.004, -0.003, 0.002, 0.001])
    parts = []
    for i, j in pairs:
        moving = 1.2 if j == 3 else -1.2 if i == 3 else 0.0
        row = [phasors(truth[j] - truth[i], f, 0.4, n=256, rng=rng) for f in (IW1,) * 5 + (IW2,) * 6]
        row.append(phasors(truth[j] - truth[i], IW2, 0.4, n=256, rng=rng, offset=moving))
        parts.append(ShiftSums.stacked(row))
    found = estimate_network(ShiftSums.stacked(parts), pairs, n_dates=5, reference=0, options=AZIMUTH_SEARCH)
    plain = 1.2 / (2 * np.pi * IW2) / 12
    assert abs(found.shift[3] - truth[3]) < 0.3 * plain
    assert found.cluster_shift[3, -1] == pytest.approx(1.2 / (2 * np.pi * IW2), rel=0.1)
    into = [k for k, (i, j) in enumerate(pairs) if j == 3]
    assert np.all(found.cluster_phase[into, -1] > 1.0)


def test_trend_along_track() -> None:
    time = np.array([0.0, 2.76, 5.52, 0.9])
    shift = np.stack([1e-4 * time, np.full(4, np.nan), np.array([1.0, np.nan, np.nan, np.nan])])
    slope = along_track_trend(shift, time)
    assert slope[0] == pytest.approx(1e-4)
    assert np.isnan(slope[1:]).all()


def banded(rng, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    f = fft.fftfreq(shape[-1])
    band = MODEL.range_bandwidth / MODEL.range_sampling_rate
    window = np.where(np.abs(f) < band / 2, 0.75 + 0.25 * np.cos(2 * np.pi * f / band), 0.0)
    return fft.fft(speckle(rng, *shape)) * window, f


def spectra_of(spectrum: np.ndarray) -> RangeSpectra:
    return range_spectra(fft.ifft(spectrum).astype(np.complex64), MODEL)


@pytest.mark.parametrize("coherence", [0.95, 0.5])
def test_range_shift_is_recovered_with_its_precision(coherence: float) -> None:
    rng = np.random.default_rng(7)
    errors, sigmas = [], []
    for _ in range(25):
        common, f = banded(rng, 120, 1024)
        one, two = (np.sqrt(1 - coherence) * banded(rng, 120, 1024)[0] for _ in range(2))
        turn = np.exp(-2j * np.pi * f * 0.08 + 1.1j)
        sums = range_sums(
            spectra_of(np.sqrt(coherence) * common + one), spectra_of((np.sqrt(coherence) * common + two) * turn)
        )
        found = estimate_pairs(ShiftSums.stacked([ShiftSums.stacked([sums])]), RANGE_SEARCH)
        assert found.is_coherent[0]
        errors.append(found.shift[0] - 0.08)
        sigmas.append(found.sigma[0])
    rms = np.sqrt(np.mean(np.square(errors)))
    assert rms < {0.95: 1e-3, 0.5: 5e-3}[coherence]
    assert 0.7 < rms / np.mean(sigmas) < 1.45


def test_range_shift_skips_segments_with_gaps() -> None:
    rng = np.random.default_rng(8)
    common, f = banded(rng, 96, 1024)
    earlier = fft.ifft(common).astype(np.complex64)
    later = fft.ifft(common * np.exp(-2j * np.pi * f * 0.05)).astype(np.complex64)
    earlier[:, 700:] = 0
    later[:50, :100] = 0
    sums = range_sums(range_spectra(earlier, MODEL), range_spectra(later, MODEL))
    found = estimate_pairs(ShiftSums.stacked([ShiftSums.stacked([sums])]), RANGE_SEARCH)
    assert found.shift[0] == pytest.approx(0.05, abs=1e-3)


def test_wrong_pairs_are_refused() -> None:
    sums = ShiftSums.stacked([ShiftSums.stacked([ShiftSums.empty()])])
    with pytest.raises(ArgumentError, match="`pairs`"):
        estimate_network(sums, np.array([[0, 5]], np.int32), n_dates=3, reference=0, options=AZIMUTH_SEARCH)
    with pytest.raises(ArgumentError, match="max_shift"):
        SearchOptions(max_shift=0.0, prior_std=1.0)
