"""Common-band filtering."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.spectral import band_pixels
from subside.ops.simulate import scene, simulate
from subside.ops.spectral import (
    HALF_TAPS,
    Band,
    SpectralSupport,
    azimuth_band,
    band_taps,
    common_band_phase,
    common_bandwidth,
    range_band,
)

PAIRS = np.array([[0, 1], [1, 2]], np.int32)


def speckle_pair(shift: float, width: float = 0.75, n: int = 4096, rows: int = 24) -> np.ndarray:
    """One ground seen through two windows of the spectrum ``shift`` apart, (2, rows, n)."""
    rng = np.random.default_rng(1)
    ground = np.fft.fft(rng.normal(size=(rows, n)) + 1j * rng.normal(size=(rows, n)))
    f = np.fft.fftfreq(n)
    out = []
    for centre in (-shift / 2, shift / 2):
        offset = (f - centre) / width
        window = np.where(np.abs(offset) <= 0.5, 0.75 + 0.25 * np.cos(2 * np.pi * offset), 0)
        out.append(np.fft.ifft(ground * window))
    return np.array(out).astype(np.complex64)


def coherence(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(np.vdot(b, a)) / np.sqrt(np.vdot(a, a).real * np.vdot(b, b).real))


def test_band_pixels_equal_a_separable_convolution() -> None:
    rng = np.random.default_rng(0)
    image = (rng.normal(size=(20, 23)) + 1j * rng.normal(size=(20, 23))).astype(np.complex64)
    along, across = (rng.normal(size=n) + 1j * rng.normal(size=n) for n in (5, 7))
    expected = convolve1d(convolve1d(image, across, axis=1, mode="constant"), along, axis=0, mode="constant")
    azimuth, range_ = (x.ravel().astype(np.int32) for x in np.indices(image.shape))
    got = band_pixels(image, along.astype(np.complex64), across.astype(np.complex64), azimuth, range_)
    np.testing.assert_allclose(got, expected.ravel(), atol=2e-4)


def test_spectral_filtering_restores_the_coherence_a_shift_took() -> None:
    shift = 0.2
    images = speckle_pair(shift)
    band = Band(np.array([-shift / 2, shift / 2]), 0.75)
    taps = band_taps(band, PAIRS[:1])
    n = images.shape[2]
    at = np.arange(HALF_TAPS, n - HALF_TAPS, 3, dtype=np.int32)
    one = np.ones(1, np.complex64)
    rows = np.repeat(np.arange(images.shape[1], dtype=np.int32), len(at))
    columns = np.tile(at, images.shape[1])
    filtered = [band_pixels(images[side], one, taps[0, side], rows, columns) for side in (0, 1)]
    before = coherence(images[0], images[1])
    assert before < 0.8
    assert coherence(*filtered) > 0.98
    wrong = [band_pixels(images[side], one, taps[0, 1 - side], rows, columns) for side in (0, 1)]
    assert coherence(*wrong) < 0.9


def test_no_shift_leaves_the_phase_alone() -> None:
    images = speckle_pair(0.0, n=256, rows=40)
    support = SpectralSupport(Band(np.zeros(2), 0.75))
    azimuth, range_ = (x.ravel().astype(np.int32) for x in np.mgrid[5:35, 40:200])
    turned = np.stack([images[0], images[1] * np.exp(-0.7j)]).astype(np.complex64)
    phase = common_band_phase(turned, PAIRS[:1], (azimuth, range_), support=support)
    power = np.abs(images[0][azimuth, range_])
    assert np.all(np.abs(phase[power > 0.3 * power.mean(), 0] - 0.7) < 1e-3)


def test_the_range_band_shifts_as_gatelli_says_and_needs_geometry() -> None:
    stack = simulate(scene("reference", lines=16, samples=16, n_dates=5), seed=1).stack
    band = range_band(stack)
    bperp = stack.mean_bperp()
    incidence = float(stack.geometry["incidence_angle"][8, 8])
    expected = 299792458.0 * bperp / (stack.wavelength * 850e3 * np.tan(incidence)) / 64.345238e6
    np.testing.assert_allclose(band.centre, expected, rtol=1e-3)
    with pytest.raises(UnknownQuantityError, match="bperp"):
        range_band(replace(stack, bperp=None))
    with pytest.raises(UnknownQuantityError, match="slant_range"):
        range_band(replace(stack, geometry={"incidence_angle": stack.geometry["incidence_angle"]}))


def test_common_bandwidth_of_sentinel_baselines_is_above_95_percent() -> None:
    stack = simulate(scene("reference", lines=16, samples=16), seed=2).stack
    pairs = np.array([[i, i + 1] for i in range(29)], np.int32)
    share = common_bandwidth(range_band(stack), pairs)
    assert share.min() > 0.94
    assert share.mean() > 0.97
    assert share.max() < 1.0
    np.testing.assert_allclose(common_bandwidth(Band(np.array([0.0, 0.1]), 0.5), PAIRS[:1]), 0.8)


def test_unknown_doppler_is_refused() -> None:
    for unknown in (None, np.array([0.0, np.nan])):
        with pytest.raises(UnknownQuantityError, match="Doppler"):
            azimuth_band(unknown)
    assert azimuth_band(np.array([0.0, 48.64863])).centre[1] == pytest.approx(0.1)


def test_a_pair_without_common_band_is_refused() -> None:
    with pytest.raises(ArgumentError, match="common band"):
        band_taps(Band(np.array([0.0, 0.9, 0.0]), 0.75), PAIRS)
