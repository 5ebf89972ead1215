import numpy as np
import pytest

from oracles_series import RAD_TO_M, WAVELENGTH
from subside.errors import ArgumentError
from subside.ops.dem_error import DemErrorTerm, DemGeometry
from subside.ops.noise_model import NoiseModel, unknown_noise
from subside.ops.rates import fit_rates
from subside.ops.representation import with_representation
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import estimate_noise

DAYS = 12.0 * np.arange(60)
YEARS = DAYS / 365.25
LINEAR = TimeModel(seasonal="no")


def _noise(n, covariance=None, scale=1.0):
    """Noise model of one class with a given covariance (white 1e-6 if none)."""
    white = 1e-6
    chain = np.zeros((60, 60)) if covariance is None else covariance - white * np.eye(60)
    return NoiseModel(
        DAYS,
        np.zeros(n, np.int16),
        np.array([white]),
        chain[None],
        np.ones(60),
        np.full((n, 2), scale, np.float32),
        np.array([n]),
    )


def test_noise_free_motion_is_recovered_with_every_term():
    velocity = np.array([-0.02, 0.0, 0.011])
    step = np.array([0.004, -0.01, 0.0])
    amplitude, phase = np.array([0.003, 0.006, 0.001]), np.array([0.3, 2.0, 5.5])
    displacement = velocity[:, None] * YEARS + step[:, None] * (DAYS >= 300)
    displacement += amplitude[:, None] * np.cos(2 * np.pi * YEARS - phase[:, None])
    rates = fit_rates(displacement, DAYS, noise=_noise(3), model=TimeModel(seasonal="yes", steps=(300.0,)))
    np.testing.assert_allclose(rates.velocity, velocity, atol=1e-7)
    np.testing.assert_allclose(rates.steps[:, 0], step, atol=1e-7)
    np.testing.assert_allclose(rates.seasonal_amplitude, amplitude, rtol=1e-5)
    np.testing.assert_allclose(rates.seasonal_phase, phase, rtol=1e-4)
    assert rates.is_seasonal.all() and rates.residual_rms.max() < 1e-7


def test_unknown_noise_gives_ordinary_least_squares_without_sigma():
    rng = np.random.default_rng(11)
    series = rng.normal(size=(6, 4)) * 0.003
    noise = unknown_noise(6, DAYS[:4])
    rates = fit_rates(series, DAYS[:4], noise=noise)
    np.testing.assert_allclose(rates.velocity, np.polyfit(YEARS[:4], series.T, 1)[0], rtol=1e-5)
    assert np.isnan(rates.velocity_std).all() and np.isnan(rates.velocity_std_correlated).all()
    assert np.isfinite(rates.velocity_std_formal).all()
    spread = noise.displacement_std(slice(0, 6))
    assert (spread[:, 0] == 0).all() and np.isnan(spread[:, 1:]).all()


def test_generalised_least_squares_and_its_variance():
    rng = np.random.default_rng(0)
    walk = np.minimum.outer(YEARS, YEARS) * 1e-4 + 1e-6 * np.eye(60)
    displacement = rng.normal(size=(5, 60)) * 0.003
    rates = fit_rates(displacement, DAYS, noise=_noise(5, walk, scale=2.0), model=LINEAR)
    design = np.column_stack([np.ones(60), YEARS])
    cofactor = np.linalg.inv(design.T @ np.linalg.inv(walk) @ design)
    expected = displacement @ np.linalg.inv(walk) @ design @ cofactor
    np.testing.assert_allclose(rates.velocity, expected[:, 1], rtol=1e-5)
    np.testing.assert_allclose(rates.velocity_std_correlated, np.sqrt(2 * cofactor[1, 1]), rtol=1e-5)
    residual = displacement - expected @ design.T
    formal = np.sqrt(np.sum(residual**2, axis=1) / 58 * np.linalg.inv(design.T @ design)[1, 1])
    np.testing.assert_allclose(rates.velocity_std_formal, formal, rtol=1e-5)
    np.testing.assert_allclose(rates.residual_rms, np.sqrt(np.mean(residual**2, axis=1)), rtol=1e-5)
    assert np.isnan(rates.seasonal_amplitude).all() and rates.steps.shape == (5, 0)
    inflated = fit_rates(displacement, DAYS, noise=_noise(5, walk, scale=2.0), model=LINEAR, inflation=np.full(5, 1.5))
    np.testing.assert_allclose(inflated.velocity_std, 1.5 * rates.velocity_std_correlated, rtol=1e-6)


def test_gaps_give_least_squares_on_the_dates_present():
    rng = np.random.default_rng(1)
    walk = np.minimum.outer(YEARS, YEARS) * 1e-4 + 1e-6 * np.eye(60)
    displacement = rng.normal(size=(4, 60)) * 0.003
    displacement[1, 20:35] = np.nan
    displacement[2, 2:] = np.nan
    rates = fit_rates(displacement, DAYS, noise=_noise(4, walk), model=LINEAR)
    here = np.isfinite(displacement[1])
    design = np.column_stack([np.ones(60), YEARS])[here]
    inverse = np.linalg.inv(walk[np.ix_(here, here)])
    cofactor = np.linalg.inv(design.T @ inverse @ design)
    assert rates.velocity[1] == pytest.approx((cofactor @ design.T @ inverse @ displacement[1, here])[1], rel=1e-4)
    assert rates.velocity_std[1] == pytest.approx(np.sqrt(cofactor[1, 1]), rel=1e-4)
    assert np.isnan(rates.velocity[2]) and np.isnan(rates.velocity_std[2]) and np.isnan(rates.residual_rms[2])
    whole = fit_rates(displacement[[0, 3]], DAYS, noise=_noise(2, walk), model=LINEAR)
    np.testing.assert_allclose(rates.velocity[[0, 3]], whole.velocity, rtol=1e-6)


def test_the_annual_term_is_chosen_by_test():
    rng = np.random.default_rng(2)
    n = 4000
    displacement = 0.001 * rng.normal(size=(n, 60)) + 0.01 * YEARS
    displacement[: n // 2] += 0.002 * np.cos(2 * np.pi * YEARS - 1.0)
    rates = fit_rates(displacement, DAYS, noise=_noise(n))
    assert rates.is_seasonal[: n // 2].mean() > 0.99
    assert 0.005 < rates.is_seasonal[n // 2 :].mean() < 0.016
    assert np.quantile(rates.seasonal_p_value[n // 2 :], 0.3) == pytest.approx(0.3, abs=0.03)
    assert np.median(rates.seasonal_amplitude[: n // 2]) == pytest.approx(0.002, rel=0.1)
    z = (rates.velocity - 0.01) / rates.velocity_std
    assert np.std(z) == pytest.approx(1, abs=0.03)


def test_short_series_have_no_annual_term():
    days = DAYS[:40]
    values = np.random.default_rng(3).normal(size=(30, 40)) * 0.002
    noise = estimate_noise(values, days, classes=np.zeros(30, int), model=TimeModel(seasonal="yes"))
    rates = fit_rates(values, days, noise=noise, model=TimeModel(seasonal="yes"))
    assert np.isnan(rates.seasonal_p_value).all() and not rates.is_seasonal.any()


def test_a_removed_dem_error_leaves_its_doubt_in_the_rate():
    rng = np.random.default_rng(4)
    bperp = np.linspace(-100, 100, 60) + rng.normal(0, 10, 60)
    geometry = DemGeometry(bperp, np.full(2, 850e3), np.full(2, 0.68), WAVELENGTH)
    dem = DemErrorTerm(np.zeros(2, np.float32), np.array([0.0, 3.0], np.float32), 4.0, geometry)
    rates = fit_rates(np.zeros((2, 60)), DAYS, noise=_noise(2), model=LINEAR, dem=dem)
    years = YEARS - YEARS.mean()
    lever = RAD_TO_M * 4 * np.pi / WAVELENGTH * (bperp - bperp[0]) / (850e3 * np.sin(0.68))
    extra = np.sqrt(rates.velocity_std[1].astype(float) ** 2 - rates.velocity_std[0].astype(float) ** 2)
    assert extra == pytest.approx(abs(lever @ years / (years @ years)) * 3.0, rel=1e-3)
    assert extra > rates.velocity_std[0]


def test_rates_do_not_depend_on_the_other_points():
    rng = np.random.default_rng(5)
    values = 0.002 * rng.normal(size=(50, 60))
    values[3, 4] = np.nan
    whole = fit_rates(values, DAYS, noise=_noise(50))
    part = fit_rates(values[3:20], DAYS, noise=_noise(17))
    np.testing.assert_allclose(part.velocity, whole.velocity[3:20], rtol=1e-6)
    np.testing.assert_allclose(part.velocity_std, whole.velocity_std[3:20], rtol=1e-6)


def _bowl_rates(n, true_of, seed=6):
    rng = np.random.default_rng(seed)
    easting, northing = rng.uniform(0, 4000, (2, n))
    values = true_of(easting, northing)[:, None] * YEARS + 0.002 * rng.normal(size=(n, 60))
    is_filtered = np.arange(n) % 3 > 0
    rates = fit_rates(values, DAYS, noise=_noise(n, 4e-6 * np.eye(60)), model=LINEAR)
    more = {"position": (easting, northing), "is_filtered": is_filtered, "window_std": 80.0}
    return easting, northing, rates, with_representation(rates, **more), is_filtered


def test_motion_inside_the_window_widens_the_errors_of_filtered_points():
    # A Gaussian bowl of 220 m seen through a Gaussian window of 80 m.
    def seen(e, n, spread=220.0**2 + 80.0**2):
        return -0.05 * 220.0**2 / spread * np.exp(-((e - 2000) ** 2 + (n - 2000) ** 2) / (2 * spread))

    easting, northing, before, after, is_filtered = _bowl_rates(8000, seen)
    error = before.velocity - seen(easting, northing, 220.0**2)
    inside = is_filtered & (np.hypot(easting - 2000, northing - 2000) < 300)
    at_rest = np.hypot(easting - 2000, northing - 2000) > 1200
    share = [np.mean(np.abs(error / rates.velocity_std)[inside] < 1.96) for rates in (before, after)]
    assert share[0] < 0.5 and share[1] > 0.85
    np.testing.assert_array_less(after.velocity_std[at_rest], 1.25 * before.velocity_std[at_rest])
    assert np.median(after.velocity_std[at_rest & is_filtered] / before.velocity_std[at_rest & is_filtered]) < 1.02
    np.testing.assert_array_equal(after.velocity_std[~is_filtered], before.velocity_std[~is_filtered])
    np.testing.assert_allclose(
        after.velocity_std, np.hypot(before.velocity_std, after.velocity_std_representation), rtol=1e-6
    )
    np.testing.assert_array_equal(after.velocity, before.velocity)


def test_an_even_gradient_or_unknown_rates_do_not_widen_errors():
    _, _, before, after, _ = _bowl_rates(4000, lambda e, n: 2e-6 * e)
    assert np.median(after.velocity_std / before.velocity_std) < 1.03
    nothing = fit_rates(np.full((3, 60), np.nan), DAYS, noise=_noise(3), model=LINEAR)
    more = {"position": (np.arange(3.0), np.arange(3.0)), "is_filtered": np.ones(3, bool)}
    assert np.isnan(with_representation(nothing, window_std=50.0, **more).velocity_std).all()
    with pytest.raises(ArgumentError, match="window_std"):
        with_representation(nothing, window_std=0.0, **more)


def test_wrong_arguments_are_named():
    with pytest.raises(ArgumentError, match="`displacement`"):
        fit_rates(np.zeros((3, 50)), DAYS, noise=_noise(3))
    with pytest.raises(ArgumentError, match="`class_index`"):
        fit_rates(np.zeros((3, 60)), DAYS, noise=_noise(4))
    for bad in ({"seasonal": "maybe"}, {"alpha": 0.0}):
        with pytest.raises(ArgumentError):
            TimeModel(**bad)
    with pytest.raises(ArgumentError, match="apart from each other"):
        TimeModel(steps=(301.0, 302.0)).design(DAYS, is_seasonal=False)
    with pytest.raises(ArgumentError, match="more than 2 dates"):
        LINEAR.design(DAYS[:2], is_seasonal=False)
