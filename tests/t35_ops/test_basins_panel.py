"""The probability-integral panel: derivatives, recovery, refusal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from subside.errors import ArgumentError, UnknownQuantityError
from subside.ops.basins.probability_integral import MinedPanel, fit_panel, surface_motion

TRUTH = MinedPanel(1000.0, 2000.0, 600.0, 350.0, 20.0, 0.30, 160.0)


def places(n: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return rng.uniform(300, 1700, n), rng.uniform(1300, 2700, n)


def test_tilt_strain_and_horizontal_motion_are_derivatives() -> None:
    east, north = places(50, np.random.default_rng(0))
    step = 0.01
    motion = surface_motion(TRUTH, east, north, horizontal_ratio=0.3)
    for axis, (de, dn) in enumerate(((step, 0.0), (0.0, step))):
        ahead, behind = surface_motion(TRUTH, east + de, north + dn), surface_motion(TRUTH, east - de, north - dn)
        np.testing.assert_allclose(motion.tilt[:, axis], (ahead.up - behind.up) / 2 / step, atol=1e-9)
    sin, cos = np.sin(np.radians(20)), np.cos(np.radians(20))
    ahead, behind = (surface_motion(TRUTH, east + s * sin, north + s * cos) for s in (step, -step))
    along = ((ahead.horizontal - behind.horizontal) @ np.array([sin, cos])) / 2 / step
    np.testing.assert_allclose(motion.strain[:, 0], along, atol=1e-9)
    np.testing.assert_allclose(motion.horizontal, -0.3 * 160.0 * motion.tilt)


def test_ground_sinks_by_the_full_amount_over_a_wide_panel() -> None:
    wide = MinedPanel(0.0, 0.0, 5000.0, 5000.0, 0.0, 0.3, 100.0)
    motion = surface_motion(wide, np.zeros(1), np.zeros(1))
    assert motion.up[0] == pytest.approx(-0.3)
    np.testing.assert_allclose(motion.tilt, 0.0, atol=1e-12)


def test_a_panel_is_recovered_within_its_standard_deviations() -> None:
    rng = np.random.default_rng(1)
    pulls = []
    for _ in range(12):
        east, north = places(500, rng)
        up = surface_motion(TRUTH, east, north).up + 0.003 * rng.standard_normal(500)
        fit = fit_panel(east, north, up, np.full(500, 0.003))
        pulls.append(
            [(a - b) / s for a, b, s in zip(*(vars(p).values() for p in (fit.panel, TRUTH, fit.std)), strict=True)]
        )
    size = np.abs(np.array(pulls))
    assert (size < 2.0).mean() > 0.85
    assert size.max() < 5.0
    assert np.sqrt(np.mean(size**2)) > 0.5


@pytest.mark.parametrize("azimuth", [5.0, 80.0, 130.0, 175.0])
def test_the_length_is_the_longer_side_at_any_azimuth(azimuth: float) -> None:
    rng = np.random.default_rng(2)
    truth = MinedPanel(1000.0, 2000.0, 700.0, 250.0, azimuth, 0.3, 140.0)
    east, north = places(600, rng)
    up = surface_motion(truth, east, north).up + 0.002 * rng.standard_normal(600)
    fit = fit_panel(east, north, up, np.full(600, 0.002))
    assert fit.panel.length >= fit.panel.width
    assert abs((fit.panel.azimuth_deg - azimuth + 90) % 180 - 90) < 4.0


def test_a_lost_middle_is_refused_even_with_one_point_in_it() -> None:
    rng = np.random.default_rng(3)
    east, north = places(800, rng)
    up = surface_motion(TRUTH, east, north).up
    keep = np.hypot(east - 1000, north - 2000) > 250
    east, north = np.append(east[keep], 1000.0), np.append(north[keep], 2000.0)
    up = surface_motion(TRUTH, east, north).up + 0.003 * rng.standard_normal(len(east))
    with pytest.raises(UnknownQuantityError, match="cannot be reconstructed"):
        fit_panel(east, north, up, np.full(len(up), 0.003))


def test_unknown_rates_and_few_points_are_refused() -> None:
    values = np.linspace(0.0, 1.0, 19)
    with pytest.raises(ArgumentError, match="at least 20"):
        fit_panel(values, values, -values, np.ones(19))
    with pytest.raises(ArgumentError, match="finite"):
        fit_panel(values, values, np.full(19, np.nan), np.ones(19))
