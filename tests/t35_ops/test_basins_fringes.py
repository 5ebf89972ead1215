"""Fringe rates against ramps of known gradient."""

from __future__ import annotations

import numpy as np
import pytest

from subside.conventions import DAYS_PER_YEAR, SENTINEL1_WAVELENGTH
from subside.errors import ArgumentError
from subside.ops.basins.fringes import LookedPair, fringe_rate, look_pair

SHAPE, SPACING = (40, 60), (28.0, 18.0)
INNER = (slice(6, -6), slice(6, -6))


def ramp(
    gradient: tuple[float, float], days: float, *, noise: float = 0.0, rng: np.random.Generator | None = None
) -> LookedPair:
    """Pair over ground whose rate grows by ``gradient`` a metre along azimuth and range."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    rate = gradient[0] * SPACING[0] * row + gradient[1] * SPACING[1] * column
    phase = -4 * np.pi / SENTINEL1_WAVELENGTH * rate * days / DAYS_PER_YEAR
    if rng is not None:
        phase = phase + noise * rng.standard_normal(SHAPE)
    return LookedPair((0.8 * np.exp(1j * phase)).astype(np.complex64), days)


def test_a_ramp_is_found_with_its_sign() -> None:
    found = fringe_rate(
        [ramp((2e-4, -3e-4), d) for d in (12, 24, 36)], spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH
    )
    np.testing.assert_allclose(found.azimuth[INNER], 2e-4, rtol=1e-3)
    np.testing.assert_allclose(found.range[INNER], -3e-4, rtol=1e-3)
    np.testing.assert_allclose(found.size[INNER], np.hypot(2e-4, 3e-4), rtol=1e-3)
    assert np.nanmax(found.std[INNER]) < 1e-6


def test_long_pairs_that_fold_are_left_out() -> None:
    """At this gradient 12 days turn by 0.25 of half a cycle a look, 60 days by 1.25: folded."""
    step = 0.25 * SENTINEL1_WAVELENGTH / 4 / (12 / DAYS_PER_YEAR)
    gradient = step / SPACING[1]
    pairs = [ramp((0.0, gradient), d) for d in (60, 12, 60)]
    alone = fringe_rate(pairs[:1], spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH)
    assert np.all(alone.range[INNER] < 0)
    found = fringe_rate(pairs, spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH)
    np.testing.assert_allclose(found.range[INNER], gradient, rtol=1e-3)
    assert np.isnan(found.std[INNER]).all()


def test_what_the_shortest_pair_folds_is_lost() -> None:
    gradient = 1.2 * SENTINEL1_WAVELENGTH / 4 / (12 / DAYS_PER_YEAR) / SPACING[1]
    found = fringe_rate([ramp((0.0, gradient), 12)], spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH)
    assert np.all(found.range[INNER] < 0)


def test_the_standard_deviation_is_that_of_repeats() -> None:
    rng = np.random.default_rng(0)
    values, sigmas = [], []
    for _ in range(60):
        pairs = [ramp((0.0, 1e-4), d, noise=0.6, rng=rng) for d in (12, 24, 24, 36, 36, 48)]
        found = fringe_rate(pairs, spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH)
        values.append([found.azimuth[20, 30], found.range[20, 30]])
        sigmas.append(found.std[20, 30])
    spread = np.sqrt(np.mean(np.var(values, axis=0)))
    assert np.mean(values, axis=0)[1] == pytest.approx(1e-4, abs=4 * spread / np.sqrt(60))
    assert 0.6 < np.sqrt(np.mean(np.square(sigmas))) / spread < 1.6


def test_incoherent_ground_is_unknown() -> None:
    weak = LookedPair(np.full(SHAPE, 0.05, np.complex64), 12.0)
    assert np.isnan(fringe_rate([weak], spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH).size).all()


def test_looks_are_normalised_and_too_many_are_refused() -> None:
    rng = np.random.default_rng(1)
    image = (rng.standard_normal((20, 40)) + 1j * rng.standard_normal((20, 40))).astype(np.complex64)
    pair = look_pair(image, image * np.exp(-0.7j).astype(np.complex64), looks=(2, 8), days=12.0)
    assert pair.interferogram.shape == (10, 5)
    np.testing.assert_allclose(np.abs(pair.interferogram), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.angle(pair.interferogram), 0.7, atol=1e-5)
    with pytest.raises(ArgumentError, match="looks"):
        look_pair(image[:2], image[:2], looks=(4, 4), days=12.0)
    with pytest.raises(ArgumentError, match="pairs"):
        fringe_rate([], spacing=SPACING, wavelength=SENTINEL1_WAVELENGTH)
