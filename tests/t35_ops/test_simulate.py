"""The simulator against the physics it claims."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats

from subside.errors import ArgumentError
from subside.model.stack import bperp_at
from subside.ops.simulate import (
    SCENE_NAMES,
    AtmosphereSpec,
    Bowl,
    DeformationSpec,
    DemErrorSpec,
    LandClass,
    LandCover,
    Season,
    SeasonSpec,
    Step,
    Stratum,
    scene,
    simulate,
)
from subside.ops.simulate.fields import plane_coordinates, turbulence
from subside.ops.simulate.speckle import ImpulseResponse, place_points

STILL = DeformationSpec()
FLAT = DemErrorSpec(correlated_std=0.0, point_std=0.0)
CALM = AtmosphereSpec(turbulent_rms=(0.0, 0.0), stratified_std=0.0, ramp_std=0.0)


def plain(*, lines=64, samples=64, n_dates=8, classes, **parts):
    """A reference scene with nothing in it but what is asked for."""
    base = scene("reference", lines=lines, samples=samples, n_dates=n_dates)
    speckle = replace(base.speckle, classes=tuple(classes), **parts.pop("speckle", {}))
    quiet = {"deformation": STILL, "dem_error": FLAT, "atmosphere": CALM}
    return replace(base, speckle=speckle, **(quiet | parts))


def pair_coherence(a, b):
    return (a * b.conj()).sum() / np.sqrt((np.abs(a) ** 2).sum() * (np.abs(b) ** 2).sum())


DISTRIBUTED = LandClass(LandCover.BARE, 1.0, -11.0, 0.0, 0.0, (0.8, 0.8), (0.3, 0.3), 60.0, 0.0)


class TestTemporalCoherence:
    def test_realised_matrix_is_the_requested_one(self):
        spec = plain(lines=200, samples=200, n_dates=6, classes=[DISTRIBUTED], speckle={"nesz_db": -21.0})
        got = simulate(spec, seed=3)
        slc, days = got.stack.slc, got.truth.days
        snr = 10.0
        # 40,000 pixels hold about 13,000 independent samples: standard error below 0.009.
        for i in range(6):
            for j in range(i + 1, 6):
                lag = days[j] - days[i]
                wanted = (0.3 + 0.5 * np.exp(-lag / 60.0)) * snr / (1 + snr)
                assert abs(pair_coherence(slc[i], slc[j]) - wanted) < 0.03
                np.testing.assert_allclose(got.truth.coherence.of_pair(i, j), wanted, rtol=1e-5)

    def test_amplitude_is_frozen_with_the_phase(self):
        spec = plain(lines=200, samples=200, n_dates=3, classes=[DISTRIBUTED])
        slc = simulate(spec, seed=4).stack.slc
        power = np.abs(slc) ** 2
        gamma = 0.3 + 0.5 * np.exp(-24 / 60.0)
        # Gaussian fields: intensity correlation is the squared coherence.
        assert np.corrcoef(power[0].ravel(), power[1].ravel())[0, 1] == pytest.approx(gamma**2, abs=0.04)

    def test_noise_has_none(self):
        slc = simulate(scene("noise", lines=150, samples=150, n_dates=4), seed=1).stack.slc
        assert abs(pair_coherence(slc[0], slc[1])) < 0.03

    def test_season_breaks_coherence_at_its_peak(self):
        season = SeasonSpec(swing=0.9, dip=0.8, peak_day=200.0)
        farm = replace(DISTRIBUTED, cover=LandCover.FARMLAND, season=season)
        got = simulate(plain(lines=150, samples=150, n_dates=16, classes=[farm]), seed=5)
        slc = got.stack.slc
        realised = np.array([abs(pair_coherence(slc[k], slc[k + 1])) for k in range(15)])
        expected = np.array([got.truth.coherence.of_pair(k, k + 1)[0, 0] for k in range(15)])
        np.testing.assert_allclose(realised, expected, atol=0.04)
        day = got.truth.days[:-1] + 12 + 7
        winter, summer = realised[day < 60].mean(), realised[np.abs(day - 200) < 40].mean()
        assert winter - summer > 0.2

    def test_seeds_of_noise_and_neighbours_differ(self):
        spec = plain(classes=[DISTRIBUTED])
        assert abs(pair_coherence(simulate(spec, seed=1).stack.slc[0], simulate(spec, seed=2).stack.slc[0])) < 0.1


@pytest.fixture(scope="module")
def field():
    response = ImpulseResponse.of(scene("reference").speckle.impulse, (600, 600))
    return response.image(response.noise(np.random.default_rng(0)))


class TestSpeckle:
    def test_amplitude_is_rayleigh(self, field):
        amplitude = np.abs(field[::5, ::5]).ravel()
        assert np.mean(np.abs(field) ** 2) == pytest.approx(1.0, abs=0.01)
        assert stats.kstest(amplitude, stats.rayleigh(scale=np.sqrt(0.5)).cdf).pvalue > 1e-3

    def test_width_is_that_of_the_hamming_band(self, field):
        for axis, fraction in ((0, 313 / 486.49), (1, 48.3 / 64.35)):
            # Autocorrelation is the transform of |H|^2, integrated here on a fine grid of its own.
            f = np.linspace(-fraction / 2, fraction / 2, 20001)
            power = (0.75 + 0.25 * np.cos(2 * np.pi * f / fraction)) ** 2
            for lag in (1, 2, 3):
                wanted = (power * np.cos(2 * np.pi * f * lag)).sum() / power.sum()
                a = field[lag:] if axis == 0 else field[:, lag:]
                b = field[:-lag] if axis == 0 else field[:, :-lag]
                assert pair_coherence(a, b).real == pytest.approx(wanted, abs=0.01)

    def test_looks_are_fewer_than_pixels(self, field):
        power = np.abs(field) ** 2
        means = power[:570, :598].reshape(30, 19, 46, 13).mean(axis=(1, 3))
        looks = 1 / means.var()
        area = 1.0
        for fraction in (313 / 486.49, 48.3 / 64.35):
            f = np.linspace(-fraction / 2, fraction / 2, 20001)
            p = (0.75 + 0.25 * np.cos(2 * np.pi * f / fraction)) ** 2
            p /= p.sum()
            lags = np.arange(-12, 13)
            area *= ((p[:, None] * np.cos(2 * np.pi * f[:, None] * lags)).sum(0) ** 2).sum()
        assert looks == pytest.approx(247 / area, rel=0.12)
        assert area > 2.0

    def test_point_response_peaks_at_its_pixel(self):
        city = LandClass(LandCover.URBAN, 1.0, -10.0, 0.0, 0.03)
        got = simulate(plain(classes=[city], speckle={"point_to_clutter_db": (16.0, 16.0)}), seed=2)
        truth = got.truth
        peak = truth.point_to_clutter[truth.stratum == Stratum.POINT]
        assert 10 * np.log10(np.median(peak)) == pytest.approx(16.0, abs=0.5)
        az, rg = np.argwhere(truth.stratum == Stratum.POINT)[5]
        assert truth.ps_influenced[max(az - 1, 0), rg] or truth.ps_influenced[az + 1, rg]
        assert not truth.ps_influenced[az, rg]

    def test_points_are_apart_and_as_many_as_asked(self):
        mask = place_points(np.random.default_rng(1), np.full((400, 400), 0.05))
        assert mask.mean() == pytest.approx(0.05, abs=0.003)
        assert not (mask[1:] & mask[:-1]).any()
        assert not (mask[1:, 1:] & mask[:-1, :-1]).any()


class TestPhase:
    CITY = LandClass(LandCover.URBAN, 1.0, -10.0, 0.0, 0.03)
    BRIGHT = MappingProxyType({"point_to_clutter_db": (40.0, 40.0)})

    def pair_phase(self, got, i, j):
        is_point = got.truth.stratum == Stratum.POINT
        slc = got.stack.slc
        return np.angle(slc[i] * slc[j].conj())[is_point], is_point

    def test_sinking_point_has_positive_pair_phase(self):
        sink = DeformationSpec(rates=(Bowl(0.5, 0.5, 50.0, -0.05),))
        got = simulate(plain(classes=[self.CITY], speckle=self.BRIGHT, deformation=sink), seed=1)
        phase, is_point = self.pair_phase(got, 0, 1)
        moved = 0.05 * 24 / 365.25
        assert phase.mean() == pytest.approx(4 * np.pi / got.stack.wavelength * moved, abs=0.01)
        assert phase.mean() > 0.3
        assert got.truth.displacement[1][is_point].mean() == pytest.approx(-moved, rel=0.01)

    def test_height_error_follows_the_baseline(self):
        rough = DemErrorSpec(correlated_std=5.0, point_std=5.0)
        got = simulate(plain(classes=[self.CITY], speckle=self.BRIGHT, dem_error=rough), seed=1)
        stack = got.stack
        i, j = int(stack.mean_bperp().argmin()), int(stack.mean_bperp().argmax())
        first, last = sorted((i, j))
        phase, is_point = self.pair_phase(got, first, last)
        az, rg = np.nonzero(is_point)
        bperp = bperp_at(stack.bperp, az, rg, stack.shape)
        slant = stack.geometry["slant_range"][is_point]
        incidence = stack.geometry["incidence_angle"][is_point]
        wanted = 4 * np.pi / stack.wavelength * (bperp[:, last] - bperp[:, first])
        wanted = wanted * got.truth.dem_error[is_point] / (slant * np.sin(incidence))
        assert wanted.std() > 0.5
        assert np.abs(np.angle(np.exp(1j * (phase - wanted)))).mean() < 0.05
        assert np.all(stack.bperp[stack.reference_index] == 0)

    def test_point_phase_is_the_truth_within_its_noise(self):
        base = scene("reference", lines=128, samples=128, n_dates=8)
        base = replace(base, speckle=replace(base.speckle, classes=(self.CITY,)))
        got = simulate(base, seed=9)
        is_point = (got.truth.stratum == Stratum.POINT) & (got.truth.point_to_clutter > 10)
        slc, phase = got.stack.slc[:, is_point], got.truth.phase[:, is_point]
        residue = np.angle(slc[0] * slc[1:].conj() * np.exp(-1j * (phase[1:] - phase[0])))
        # A pair's noise is two dates of 1 / sqrt(2 ratio).
        wanted = np.sqrt(1 / got.truth.point_to_clutter[is_point])
        assert is_point.sum() > 100
        ratio = np.sqrt(np.mean(residue**2) / np.mean(wanted**2))
        assert 0.9 < ratio < 1.3

    def test_distributed_phase_is_the_truth(self):
        base = scene("reference", lines=128, samples=128, n_dates=4)
        ground = replace(DISTRIBUTED, gamma_0=(0.98, 0.98), gamma_inf=(0.9, 0.9))
        got = simulate(replace(base, speckle=replace(base.speckle, classes=(ground,))), seed=9)
        phase = got.truth.phase
        turned = got.stack.slc[0] * got.stack.slc[3].conj() * np.exp(-1j * (phase[3] - phase[0]))
        blocks = turned.reshape(8, 16, 8, 16).sum(axis=(1, 3))
        assert np.std(phase[3] - phase[0]) > 0.3
        assert np.abs(np.angle(blocks)).max() < 0.15

    def test_phase_bias_does_not_close_only_where_asked(self):
        farm = replace(DISTRIBUTED, fading_phase_rate=6.0)
        spec = plain(lines=256, samples=256, n_dates=3, classes=[farm])

        def closure(spec):
            s = simulate(spec, seed=6).stack.slc
            mean = [(s[i] * s[j].conj()).mean() for i, j in ((0, 1), (1, 2), (0, 2))]
            return np.angle(mean[0] * mean[1] * mean[2].conj())

        f = [0.3 + 0.5 * np.exp(-t / 60 + 1j * 6.0 * t / 365.25) for t in (24.0, 48.0)]
        wanted = 2 * np.angle(f[0]) - np.angle(f[1])
        assert wanted > 0.05
        assert abs(closure(spec)) < 0.015
        assert closure(replace(spec, is_phase_biased=True)) == pytest.approx(wanted, abs=0.015)

    def test_parts_add_up_and_motion_has_season_and_step(self):
        motion = DeformationSpec(
            rates=(Bowl(0.5, 0.5, 0.2, -0.06),),
            seasons=(Season(Bowl(0.5, 0.5, 9.0, 0.005), 0.0),),
            steps=(Step(Bowl(0.5, 0.5, 0.2, -0.02), 0.5),),
        )
        ground = DISTRIBUTED
        quiet = {"deformation": motion, "atmosphere": AtmosphereSpec()}
        got = simulate(plain(lines=65, samples=65, n_dates=30, classes=[ground], **quiet), seed=2)
        truth = got.truth
        parts = truth.atmosphere_phase + truth.ramp_phase
        parts = parts - 4 * np.pi / truth.wavelength * truth.displacement
        np.testing.assert_allclose(truth.phase, parts, atol=1e-4)
        day = 7 + truth.days
        wave = 0.005 * (np.sin(2 * np.pi * day / 365.25) - np.sin(2 * np.pi * 7 / 365.25))
        series = -0.06 * truth.days / 365.25 + wave - 0.02 * (truth.days > truth.days[-1] / 2)
        np.testing.assert_allclose(truth.displacement[:, 32, 32], series, atol=1e-4)
        assert truth.velocity[32, 32] == pytest.approx(-0.06, abs=1e-4)


class TestAtmosphere:
    def test_structure_function_rises_as_two_thirds(self):
        geometry = scene("reference").geometry
        lags = np.array([8, 16, 32, 64])
        structure = np.zeros(len(lags))
        for seed in range(12):
            field = turbulence(np.random.default_rng(seed), geometry, 0.7)
            structure += [np.mean((field[k:] - field[:-k]) ** 2) for k in lags]
        slope = np.polyfit(np.log(lags), np.log(structure), 1)[0]
        assert slope == pytest.approx(2 / 3, abs=0.08)

    def test_is_isotropic_on_the_ground(self):
        geometry = scene("chain", lines=128, samples=512).geometry
        az = rg = 0.0
        for seed in range(12):
            field = turbulence(np.random.default_rng(seed), geometry, 0.7)
            az += np.mean((field[10:] - field[:-10]) ** 2)
            step = round(140.0 / geometry.range_spacing)
            rg += np.mean((field[:, step:] - field[:, :-step]) ** 2)
        assert az / rg == pytest.approx(1.0, abs=0.15)

    def test_rms_ramp_and_stratification_are_as_asked(self):
        air = AtmosphereSpec((0.5, 0.5), 0.0, 1.0)
        got = simulate(plain(n_dates=40, classes=[DISTRIBUTED], atmosphere=air), seed=8)
        az, rg = (c.ravel() for c in np.broadcast_arrays(*plane_coordinates(got.spec.geometry)))
        design = np.stack([np.ones_like(az), az, rg], axis=1)
        values = got.truth.atmosphere_phase.reshape(40, -1).T.astype(float)
        residue = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        np.testing.assert_allclose(residue.std(axis=0), 0.5, rtol=1e-3)
        ramp = got.truth.ramp_phase
        ends = np.concatenate([(ramp[:, -1] - ramp[:, 0])[:, 0], (ramp[:, :, -1] - ramp[:, :, 0])[:, 0]])
        assert ends.std() == pytest.approx(1.0, abs=0.25)

        air = AtmosphereSpec((0.0, 0.0), 0.01, 0.0)
        got = simulate(plain(n_dates=10, classes=[DISTRIBUTED], atmosphere=air), seed=8)
        height = got.stack.geometry["height"].ravel()
        for phase in got.truth.atmosphere_phase:
            assert abs(np.corrcoef(phase.ravel(), height)[0, 1]) > 0.999


class TestScenes:
    def test_reference_has_the_stated_strata(self):
        truth = simulate(scene("reference", n_dates=3), seed=0).truth
        share = np.bincount(truth.stratum.ravel(), minlength=3) / truth.stratum.size
        np.testing.assert_allclose(share, [0.45, 0.50, 0.05], atol=0.01)
        assert truth.velocity.min() == pytest.approx(-0.060, abs=2e-3)
        assert truth.dem_error[truth.stratum == 2].std() == pytest.approx(5.0, abs=0.5)
        pixels = np.bincount(truth.segment.ravel())
        assert np.sqrt(np.median(pixels)) * 14 > 150
        assert np.median(truth.coherence.tau_days[truth.stratum == 1]) == pytest.approx(120, rel=0.2)

    def test_reference_amplitude_dispersion_selects_as_measured(self):
        """StaMPS' candidate rule took 34 % of the distributed and 97 % of the point scatterers."""
        got = simulate(scene("reference"), seed=1)
        a = np.abs(got.stack.slc)
        a /= a.mean(axis=(1, 2), keepdims=True)
        pairs = [(i, j) for i in range(30) for j in range(i + 1, min(i + 4, 30))]
        assert len(pairs) == 84
        numerator = np.sqrt(sum((a[i] - a[j]) ** 2 for i, j in pairs) / 84)
        low = numerator / (sum(a[i] + a[j] for i, j in pairs) / 168) < 0.6
        alone = ~got.truth.ps_influenced
        assert low[got.truth.stratum == Stratum.POINT].mean() == pytest.approx(0.97, abs=0.02)
        assert low[(got.truth.stratum == Stratum.DISTRIBUTED) & alone].mean() == pytest.approx(0.34, abs=0.05)

    def test_chain_has_gaps_and_sentinel_1_sampling(self):
        spec = scene("chain", lines=32, samples=64)
        got = simulate(spec, seed=0)
        assert (np.diff(got.truth.days) > 84).sum() == 2
        slant = np.diff(got.stack.geometry["slant_range"][0])
        assert slant.mean() == pytest.approx(2.33, abs=0.01)
        assert got.stack.azimuth_spacing == 14.0

    def test_geometry_is_consistent(self):
        stack = simulate(scene("chain", lines=40, samples=200, n_dates=3), seed=0).stack
        g = {k: np.asarray(v, dtype=float) for k, v in stack.geometry.items()}
        np.testing.assert_allclose(g["los_east"] ** 2 + g["los_north"] ** 2 + g["los_up"] ** 2, 1, atol=1e-6)
        np.testing.assert_allclose(np.arccos(g["los_up"]), g["incidence_angle"], atol=1e-5)
        assert (g["los_east"] < 0).all() and (np.diff(g["longitude"], axis=1) > 0).all()
        metres = np.array([111_320 * np.cos(np.radians(35.25)), 110_950])
        across = np.array(
            [g["longitude"][20, -1] - g["longitude"][20, 0], g["latitude"][20, -1] - g["latitude"][20, 0]]
        )
        along = np.array([g["longitude"][-1, 9] - g["longitude"][0, 9], g["latitude"][-1, 9] - g["latitude"][0, 9]])
        assert np.hypot(*(across * metres)) == pytest.approx(199 * stack.range_spacing, rel=0.005)
        assert np.hypot(*(along * metres)) == pytest.approx(39 * 14, rel=0.005)
        # Towards the satellite is against the direction of growing range.
        toward = np.array([g["los_east"][20, 100], g["los_north"][20, 100]])
        assert toward @ (across * metres) < 0
        assert abs(toward @ (along * metres)) < 1

    def test_same_seed_same_bits(self):
        spec = scene("demo", lines=40, samples=60, n_dates=5)
        a, b, c = (simulate(spec, seed=s) for s in (7, 7, 8))
        assert np.array_equal(a.stack.slc, b.stack.slc)
        assert np.array_equal(a.truth.phase, b.truth.phase)
        assert not np.array_equal(a.stack.slc, c.stack.slc)
        assert a.stack.slc.dtype == np.complex64 and np.isfinite(a.stack.slc).all()

    @pytest.mark.parametrize("name", SCENE_NAMES)
    def test_every_scene_runs_small(self, name):
        got = simulate(scene(name, lines=32, samples=48, n_dates=4), seed=0)
        assert got.stack.slc.shape == (4, 32, 48)

    def test_refusals(self):
        with pytest.raises(ArgumentError, match="name"):
            scene("moon")
        with pytest.raises(ArgumentError, match="at least 16"):
            scene("demo", lines=3)
        with pytest.raises(ArgumentError, match="n_dates"):
            scene("demo", n_dates=2)
        with pytest.raises(ArgumentError, match="add up to 1"):
            plain(classes=[replace(DISTRIBUTED, fraction=0.5)])
        with pytest.raises(ArgumentError, match="gamma_0"):
            plain(classes=[replace(DISTRIBUTED, gamma_0=(0.2, 0.8))])
