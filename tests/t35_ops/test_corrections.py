import numpy as np
import pytest

from oracles_series import RAD_TO_M, WAVELENGTH, make_scene, turbulence
from subside.errors import ArgumentError
from subside.ops.atmosphere import estimate_atmosphere
from subside.ops.dem_error import DemGeometry, fit_dem_error
from subside.ops.ramps import fit_ramps, tilt_rate, tilt_std
from subside.ops.uncertainty import noise_classes

ALL = slice(None)


@pytest.fixture(scope="module")
def scene():
    return make_scene(11, n_points=2500)


def _geometry(scene, bperp=None):
    n = len(scene.phase)
    return DemGeometry(
        scene.bperp if bperp is None else bperp, np.full(n, 850e3), np.full(n, np.radians(39)), WAVELENGTH
    )


def _rate(series, days):
    years = days / 365.25 - (days / 365.25).mean()
    return series @ years / (years @ years)


def test_planes_are_recovered_exactly_where_there_is_nothing_else(scene):
    rng = np.random.default_rng(0)
    slopes = rng.normal(0, 1e-3, (len(scene.days), 2))
    slopes[0] = 0
    plane = np.column_stack([scene.easting, scene.northing]) @ slopes.T
    phase = plane + rng.normal(size=len(scene.days))
    phase -= phase[:, :1]
    term = fit_ramps(phase, scene.days, easting=scene.easting, northing=scene.northing)
    np.testing.assert_allclose(term.slopes, slopes, atol=1e-9)
    left = phase - term.phase(ALL)
    assert np.ptp(left, axis=0).max() < 1e-4
    np.testing.assert_array_equal(term.phase(ALL)[:, 0], 0)
    np.testing.assert_array_equal(term.phase(slice(5, 9)), term.phase(ALL)[5:9])
    assert term.kind == "ramp"


def test_a_wide_bowl_is_not_eaten():
    side = 6000.0
    rng = np.random.default_rng(1)
    easting, northing = rng.uniform(0, side, (2, 3000))
    days = 12.0 * np.arange(40)
    bowl = -0.05 * np.exp(-((easting - 0.8 * side) ** 2 + (northing - 0.75 * side) ** 2) / (2 * 900.0**2))
    truth = bowl[:, None] * days / 365.25 / RAD_TO_M
    ramps = np.column_stack([easting, northing]) @ rng.normal(0, 1.5 / side, (40, 2)).T
    phase = truth + ramps + 0.3 * rng.normal(size=truth.shape)
    term = fit_ramps(phase, days, easting=easting, northing=northing)
    eaten = _rate(term.phase(ALL) - ramps, days) * RAD_TO_M
    plain = fit_ramps(phase, days, easting=easting, northing=northing, weights=np.ones(3000))
    eaten_plain = _rate(plain.phase(ALL) - ramps, days) * RAD_TO_M
    assert np.ptp(eaten_plain) > 0.02, "plain least squares must lose much of this bowl, or nothing is tested"
    assert np.ptp(eaten) < 0.002
    assert term.weights[bowl < -0.02].max() == 0


def test_weights_put_a_truth_through_the_same_operator(scene):
    term = fit_ramps(scene.phase, scene.days, easting=scene.easting, northing=scene.northing)
    parts = [scene.truth / RAD_TO_M, scene.phase - scene.truth / RAD_TO_M]
    again = [
        fit_ramps(p, scene.days, easting=scene.easting, northing=scene.northing, weights=term.weights).slopes
        for p in parts
    ]
    np.testing.assert_allclose(again[0] + again[1], term.slopes, atol=1e-9)


def test_ramps_on_a_mask_ignore_the_rest(scene):
    mask = scene.easting < np.median(scene.easting)
    changed = scene.phase.copy()
    changed[~mask] += 7.0
    one, two = (
        fit_ramps(p, scene.days, easting=scene.easting, northing=scene.northing, mask=mask).slopes
        for p in (scene.phase, changed)
    )
    np.testing.assert_array_equal(one, two)


def test_points_with_gaps_have_no_say_in_ramps(scene):
    phase = scene.phase.copy()
    phase[:50, 3] = np.nan
    term = fit_ramps(phase, scene.days, easting=scene.easting, northing=scene.northing)
    assert term.weights[:50].max() == 0 and np.isfinite(term.slopes).all()


def test_too_few_cells_for_a_plane():
    line = np.arange(50.0) * 100
    with pytest.raises(ArgumentError, match="one line"):
        fit_ramps(np.zeros((50, 6)), np.arange(6.0), easting=line, northing=line)
    with pytest.raises(ArgumentError, match="at least 3 cells"):
        fit_ramps(np.zeros((50, 6)), np.arange(6.0), easting=line * 0, northing=line * 0)


def _dem(scene, **more):
    ramp = fit_ramps(scene.phase, scene.days, easting=scene.easting, northing=scene.northing)
    return fit_dem_error(
        scene.phase - ramp.phase(ALL),
        scene.days,
        geometry=_geometry(scene),
        classes=noise_classes(scene.is_filtered, scene.coherence),
        **more,
    )


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_dem_error_is_no_worse_than_its_prior_and_knows_how_good_it_is(seed):
    scene = make_scene(seed, n_points=2000)
    term = _dem(scene)
    error = term.dem_error - (scene.height - np.median(scene.height))
    assert np.sqrt(np.mean(error**2)) < scene.height.std()
    assert 0.6 * scene.height.std() < term.prior_std < 1.6 * scene.height.std()
    assert (term.dem_error_std <= term.prior_std + 1e-6).all()
    assert 0.7 < np.sqrt(np.mean((error / term.dem_error_std) ** 2)) < 1.3
    assert np.corrcoef(term.dem_error, scene.height)[0, 1] > 0.4


def test_quiet_series_give_the_height_itself():
    scene = make_scene(14, n_points=800, atmosphere=(0.02, 0.02), ramp=0.0, pair_noise=0.02)
    term = _dem(scene)
    error = term.dem_error - scene.height
    assert np.std(error) < 0.45 * scene.height.std()
    sensitivity = term.geometry.sensitivity(ALL)[0]
    expected = 4 * np.pi / WAVELENGTH * (scene.bperp - scene.bperp[0]) / (850e3 * np.sin(np.radians(39)))
    np.testing.assert_allclose(sensitivity, expected)
    np.testing.assert_allclose(term.phase(ALL)[5], expected * term.dem_error[5], rtol=1e-5)
    np.testing.assert_allclose(term.displacement_sensitivity(ALL)[0], RAD_TO_M * expected)


def test_no_height_error_gives_almost_none():
    scene = make_scene(15, n_points=1500, height_std=0.01)
    term = _dem(scene)
    assert np.sqrt(np.mean(term.dem_error**2)) < 2.0


def test_baselines_of_each_point_are_used():
    scene = make_scene(16, n_points=600, atmosphere=(0.05, 0.05), ramp=0.0, pair_noise=0.05)
    bperp = np.tile(scene.bperp, (600, 1))
    bperp[300:] *= 0.5
    lever = 4 * np.pi / WAVELENGTH / (850e3 * np.sin(np.radians(39)))
    phase = scene.phase.copy()
    phase[300:] -= 0.5 * lever * scene.height[300:, None] * (scene.bperp - scene.bperp[0])
    term = fit_dem_error(
        phase,
        scene.days,
        geometry=_geometry(scene, bperp),
        classes=np.zeros(600, int),
        prior_std=5.0,
    )
    for half in (slice(0, 300), slice(300, 600)):
        trust = 1 - (term.dem_error_std[half] / term.prior_std) ** 2
        assert np.polyfit(scene.height[half], term.dem_error[half] / trust, 1)[0] == pytest.approx(1, abs=0.15)
    assert np.median(term.dem_error_std[300:]) > 1.3 * np.median(term.dem_error_std[:300])


def test_unknown_geometry_is_unknown_height_and_no_phase(scene):
    geometry = _geometry(scene)
    geometry.slant_range[7] = np.nan
    term = fit_dem_error(
        scene.phase, scene.days, geometry=geometry, classes=np.zeros(len(scene.phase), int), prior_std=4.0
    )
    assert np.isnan(term.dem_error[7]) and np.isfinite(np.delete(term.dem_error, 7)).all()
    np.testing.assert_array_equal(term.phase(ALL)[7], 0)


@pytest.mark.parametrize(
    ("bperp", "prior", "message"),
    [(np.zeros(30), None, "must vary"), (np.full(30, np.nan), None, "finite"), (None, -1.0, "must be positive")],
)
def test_dem_error_refuses(scene, bperp, prior, message):
    with pytest.raises(ArgumentError, match=message):
        fit_dem_error(
            scene.phase,
            scene.days,
            geometry=_geometry(scene, bperp),
            classes=np.zeros(len(scene.phase), int),
            prior_std=prior,
        )


def test_atmosphere_leaves_motion_and_takes_atmosphere():
    rng = np.random.default_rng(3)
    side, n, n_dates = 5600.0, 2000, 30
    easting, northing = rng.uniform(0, side, (2, n))
    days = 24.0 * np.arange(n_dates)
    years = days / 365.25
    field = turbulence(rng, 64, n_dates)
    cell = (easting / side * 32).astype(int), (northing / side * 32).astype(int)
    atmosphere = 0.7 * field[:, cell[0], cell[1]].T
    atmosphere -= atmosphere[:, :1]
    trend = np.exp(-((easting - 2800) ** 2 + (northing - 2800) ** 2) / 2e6)[:, None] * -8.0 * years
    season = 2.0 * (easting / side)[:, None] * np.sin(2 * np.pi * years)
    fit = {"easting": easting, "northing": northing, "wavelength": 600.0}
    quiet = estimate_atmosphere(trend + season, days, **fit).phase(ALL)
    assert np.abs(quiet).max() < 0.01 * np.abs(trend).max()
    mixed = atmosphere + trend + season + 0.3 * rng.normal(size=trend.shape)
    taken = estimate_atmosphere(mixed, days, **fit).phase(ALL)
    np.testing.assert_array_equal(taken[:, 0], 0)
    before = np.std(atmosphere - atmosphere.mean(axis=0), axis=0)[1:].mean()
    left = atmosphere - taken
    assert np.std(left - left.mean(axis=0), axis=0)[1:].mean() < 0.75 * before
    assert np.abs(_rate(taken, days)).max() < 0.02 * np.abs(_rate(trend, days)).max()


def test_atmosphere_of_points_with_gaps_is_zero():
    scene = make_scene(17, n_points=300)
    phase = scene.phase.copy()
    phase[4, 6] = np.nan
    values = estimate_atmosphere(phase, scene.days, easting=scene.easting, northing=scene.northing).values
    assert (values[4] == 0).all() and np.isfinite(values).all() and values[5].std() > 0.05
    with pytest.raises(ArgumentError, match="must be positive"):
        estimate_atmosphere(phase, scene.days, easting=scene.easting, northing=scene.northing, wavelength=0)


def test_drift_of_the_planes_is_told_from_chance() -> None:
    rng = np.random.default_rng(5)
    days = np.cumsum(rng.choice([12.0, 24.0, 36.0], 60))
    days -= days[0]
    rate, noise = np.array([2e-9, 0.0]), 4e-6
    found = []
    for _ in range(300):
        slopes = noise * rng.standard_normal((60, 2)) + rate * days[:, None]
        tilt = tilt_rate(slopes - slopes[0], days)
        found.append((tilt.rate - rate) / tilt.std)
    z = np.array(found)
    assert np.all(np.abs(z.mean(axis=0)) < 0.2) and np.all((z.std(axis=0) > 0.9) & (z.std(axis=0) < 1.12))
    left = tilt.without(slopes - slopes[0], days)
    assert np.all(left[0] == 0) and abs(tilt_rate(left, days).rate[0]) < 1e-15


def test_error_of_a_drift_is_nil_in_the_middle_of_the_reference_not_at_its_areas() -> None:
    """A long strip at 40 degrees to the axes, reference areas at both ends: rates against the truth, plane by plane."""
    rng = np.random.default_rng(6)
    days = 12.0 * np.arange(60)
    along, across = rng.uniform(-17e3, 17e3, 400), rng.uniform(-1.2e3, 1.2e3, 400)
    turn = np.deg2rad(40.0)
    position = (
        along * np.sin(turn) - across * np.cos(turn) + 3e5,
        along * np.cos(turn) + across * np.sin(turn) + 4e6,
    )
    weights = np.where(np.abs(along) > 12e3, 1.0, 0.0)
    axes = np.array([[np.sin(turn), np.cos(turn)], [-np.cos(turn), np.sin(turn)]])
    z = []
    for _ in range(200):
        slopes = (rng.standard_normal((60, 2)) * (1e-7, 3e-6)) @ axes
        tilt = tilt_rate(slopes - slopes[0], days)
        error = tilt.rate @ np.stack(position)
        error -= weights @ error / weights.sum()
        z.append(error / tilt_std(tilt.covariance, position, weights=weights))
    spread = np.std(z, axis=0)
    at_an_end, in_the_middle = np.abs(along) > 12e3, np.abs(along) < 3e3
    assert 0.85 < np.median(spread[at_an_end]) < 1.15 and 0.85 < np.median(spread[in_the_middle]) < 1.15
    assert not tilt_std(np.zeros((2, 2)), position, weights=weights).any()
