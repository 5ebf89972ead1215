"""Adaptive filtering and candidates of a tile."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.special import exp1
from scipy.stats import ks_2samp

from subside.errors import ArgumentError, UnknownQuantityError
from subside.ops.adaptive import (
    AdaptiveOptions,
    CandidateRule,
    Candidates,
    FilterMethod,
    SceneCalibration,
    amplitude_calibration,
    critical_threshold,
    effective_dates,
    extract_tile,
    speckle_correlation_area,
)
from subside.ops.homogeneous import HomogeneityTest, anderson_darling_critical, glrt_critical
from subside.ops.simulate import (
    AtmosphereSpec,
    DeformationSpec,
    DemErrorSpec,
    LandClass,
    LandCover,
    SceneSpec,
    SimulatedScene,
    Stratum,
    scene,
    simulate,
)
from subside.ops.simulate.speckle import ImpulseResponse
from subside.ops.spectral import SpectralSupport, range_band

EVERYTHING = (slice(None), slice(None))


def short_pairs(n_dates: int, lag: int = 3) -> np.ndarray:
    return np.array([(i, j) for i in range(n_dates) for j in range(i + 1, min(i + lag + 1, n_dates))], np.int32)


def quiet(spec: SceneSpec) -> SceneSpec:
    """Without motion, height error or delay, so that only coherence sets the phase error."""
    return replace(
        spec,
        deformation=DeformationSpec(),
        dem_error=DemErrorSpec(0.0, 150.0, 0.0),
        atmosphere=AtmosphereSpec((0.0, 0.0), 0.0, 0.0),
    )


def uniform_scene(land: LandClass, n_dates: int, size: int, seed: int = 1) -> SimulatedScene:
    spec = scene("reference", lines=size, samples=size, n_dates=n_dates)
    return simulate(quiet(replace(spec, speckle=replace(spec.speckle, classes=(land,)))), seed=seed)


@pytest.fixture(scope="module")
def reference() -> SimulatedScene:
    return simulate(quiet(scene("reference", lines=120, samples=120)), seed=3)


@pytest.fixture(scope="module")
def calibration(reference: SimulatedScene) -> SceneCalibration:
    slc = reference.stack.slc
    return SceneCalibration(amplitude_calibration(slc).mean, speckle_correlation_area(slc))


def extract(of: SimulatedScene, calibration: SceneCalibration, **options: object) -> Candidates:
    return extract_tile(
        of.stack.slc,
        short_pairs(of.stack.n_dates),
        core=EVERYTHING,
        options=AdaptiveOptions(**options),
        calibration=calibration,
    )


def kept(of: SimulatedScene, found: Candidates, stratum: Stratum) -> float:
    is_there = of.truth.stratum == stratum
    return float(np.sum(is_there[found.azimuth, found.range]) / is_there.sum())


def phase_error(of: SimulatedScene, found: Candidates) -> np.ndarray:
    pairs, phase = short_pairs(of.stack.n_dates), of.truth.phase
    truth = (phase[pairs[:, 1]] - phase[pairs[:, 0]])[:, found.azimuth, found.range].T
    return np.angle(np.exp(1j * (found.phase - truth)))


# critical values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 12, 30, 60])
@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.001])
def test_the_threshold_is_the_exact_one_of_scipy(n: int, alpha: float) -> None:
    t = critical_threshold(n, alpha)

    def p_value(k: int) -> float:
        return float(ks_2samp(np.arange(n), np.arange(k, n + k) - 0.5, method="exact").pvalue)

    if t < n:
        assert p_value(t) <= alpha
    assert t == 1 or p_value(t - 1) > alpha


def test_fewer_effective_dates_raise_every_critical_value() -> None:
    assert critical_threshold(60, 0.001) == 22
    steps = [critical_threshold(60, 0.001, e) for e in (60.0, 42.0, 25.0, 9.3, 2.0)]
    assert steps == sorted(steps)
    assert steps[-1] == 60
    assert abs(critical_threshold(60, 0.001, 30.0) - 2 * critical_threshold(30, 0.001)) <= 1
    assert anderson_darling_critical(40, 0.01, 20.0) == pytest.approx(2 * anderson_darling_critical(40, 0.01))
    assert glrt_critical(40, 0.01, 10.0) > glrt_critical(40, 0.01)


@pytest.mark.parametrize(
    ("gamma", "tau", "nominal", "at_least"),
    [((0.0, 0.0), 120.0, 0.0016, 0.0), ((0.9, 0.0), 120.0, 0.09, 0.02), ((0.5, 0.5), 120.0, 0.3, 0.08)],
)
def test_false_rejections_by_coherence_before_and_after_calibration(
    gamma: tuple[float, float], tau: float, nominal: float, at_least: float
) -> None:
    """Level 0.001: coherent dates break it, the effective number of dates restores it."""
    from subside.kernels.homogeneity import count_neighbours
    from subside.ops.homogeneous import homogeneous_neighbours

    land = LandClass(LandCover.BARE, 1.0, -11.0, 0.0, 0.0, (gamma[0],) * 2, (gamma[1],) * 2, tau, 0.0)
    of = uniform_scene(land, 30, 90)
    slc = np.asarray(of.stack.slc)
    effective = effective_dates(slc, correlation_area=2.8)
    amplitude = np.abs(slc)
    rates = []
    for n in (np.inf, effective):
        masks = homogeneous_neighbours(amplitude, HomogeneityTest.KS, half=(9, 6), alpha=0.001, effective_dates=n)
        rates.append(1 - (count_neighbours(masks)[9:-9, 6:-6].mean() - 1) / 246)
    assert at_least <= rates[0] <= nominal
    assert rates[1] < 0.004
    assert rates[0] < 0.0016 or rates[1] < rates[0] / 10


def test_effective_dates_of_noise_is_all_of_them() -> None:
    land = LandClass(LandCover.VEGETATION, 1.0, -11.0, 0.0, 0.0)
    slc = np.asarray(uniform_scene(land, 20, 64).stack.slc)
    assert effective_dates(slc, correlation_area=2.87) > 19.0
    assert effective_dates(np.zeros((5, 40, 40), np.complex64)) == 5


# calibration ---------------------------------------------------------------------------------------------------


def test_amplitude_sums_add_up_over_bands_and_skip_no_data(reference: SimulatedScene) -> None:
    slc = np.array(reference.stack.slc)
    slc[1, :5] = 0
    slc[2, 7, 7] = np.nan
    whole = amplitude_calibration(slc)
    joined = amplitude_calibration(slc[:, :50]) + amplitude_calibration(slc[:, 50:])
    np.testing.assert_array_equal(whole.count, joined.count)
    np.testing.assert_allclose(whole.mean, joined.mean, rtol=1e-7)
    assert whole.count[1] == 115 * 120
    assert whole.count[2] == 120 * 120 - 1
    assert whole.mean[0] == pytest.approx(np.abs(slc[0]).astype(float).mean(), rel=1e-6)
    assert np.isnan(amplitude_calibration(np.zeros((1, 4, 4), np.complex64)).mean[0])


def test_the_correlation_area_is_that_of_the_impulse_response() -> None:
    land = LandClass(LandCover.VEGETATION, 1.0, -11.0, 0.0, 0.0)
    of = uniform_scene(land, 12, 128)
    response = ImpulseResponse.of(of.spec.speckle.impulse, (128, 128)).transfer.astype(float) ** 2
    correlation = np.fft.ifft2(response)
    expected = float(np.sum(np.abs(correlation / correlation[0, 0]) ** 2))
    assert expected > 2
    assert speckle_correlation_area(np.asarray(of.stack.slc)) == pytest.approx(expected, rel=0.06)
    white = np.random.default_rng(0).normal(size=(6, 64, 64, 2)).astype(np.float32).view(np.complex64)[..., 0]
    assert speckle_correlation_area(white) == pytest.approx(1.0, abs=0.05)


# tiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(FilterMethod))
def test_a_pixel_is_the_same_in_every_tile(
    reference: SimulatedScene, calibration: SceneCalibration, method: FilterMethod
) -> None:
    slc = np.array(reference.stack.slc)
    slc[4, 60:64, 55:58] = np.nan
    slc[:, 20, 20] = 0
    calibration = replace(calibration, spectral=SpectralSupport(range_band(reference.stack)))
    options, pairs = AdaptiveOptions(filter_method=method), short_pairs(30, 2)
    whole = extract_tile(slc, pairs, core=EVERYTHING, options=options, calibration=calibration)
    parts = []
    for a in (slice(0, 37), slice(37, 120)):
        for r in (slice(0, 64), slice(64, 120)):
            outer = [
                slice(max(0, s.start - h), min(120, s.stop + h)) for s, h in zip((a, r), options.halo, strict=True)
            ]
            inner = tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip((a, r), outer, strict=True))
            found = extract_tile(
                slc[:, outer[0], outer[1]], pairs, core=inner, options=options, calibration=calibration
            )
            offset = {"azimuth": found.azimuth + outer[0].start, "range": found.range + outer[1].start}
            parts.append(replace(found, **offset))
    order = np.lexsort((np.concatenate([p.range for p in parts]), np.concatenate([p.azimuth for p in parts])))
    assert len(whole) > 1000
    assert not np.any((whole.azimuth >= 60) & (whole.azimuth < 64) & (whole.range >= 55) & (whole.range < 58))
    for f in fields(Candidates):
        joined = np.concatenate([getattr(p, f.name) for p in parts])[order]
        np.testing.assert_array_equal(joined, getattr(whole, f.name), err_msg=f.name)
        assert joined.dtype == getattr(whole, f.name).dtype


def test_candidates_are_sorted_finite_and_typed(reference: SimulatedScene, calibration: SceneCalibration) -> None:
    found = extract(reference, calibration)
    key = found.azimuth.astype(np.int64) * 1000 + found.range
    assert np.all(np.diff(key) > 0)
    assert found.phase.dtype == np.float32
    assert np.all(np.abs(found.phase) <= np.float32(np.pi))
    assert found.n_shp.dtype == np.int16
    np.testing.assert_allclose(
        found.n_looks[found.is_filtered], found.n_shp[found.is_filtered] / calibration.correlation_area, rtol=1e-5
    )
    assert np.all(found.n_looks[~found.is_filtered] == 1)


def test_an_empty_core_and_a_scene_of_no_data_give_no_candidates(calibration: SceneCalibration) -> None:
    for slc, core in (
        (np.zeros((30, 30, 30), np.complex64), EVERYTHING),
        (np.full((30, 30, 30), np.nan, np.complex64), EVERYTHING),
        (np.ones((30, 30, 30), np.complex64), (slice(3, 3), slice(0, 5))),
    ):
        found = extract_tile(slc, short_pairs(30), core=core, options=AdaptiveOptions(), calibration=calibration)
        assert len(found) == 0
        assert found.phase.shape == (0, 84)


def test_pixels_with_few_neighbours_or_very_stable_keep_their_own_phase(
    reference: SimulatedScene, calibration: SceneCalibration
) -> None:
    found, pairs = extract(reference, calibration), short_pairs(30)
    own = ~found.is_filtered
    assert own.sum() > 200
    assert found.is_filtered.sum() > 2000
    expected = (found.n_shp > 18) & (found.amplitude_difference_dispersion >= 0.25)
    np.testing.assert_array_equal(found.is_filtered, expected)
    pixels = reference.stack.slc[:, found.azimuth[own], found.range[own]]
    raw = np.angle(pixels[pairs[:, 0]] * np.conj(pixels[pairs[:, 1]])).T
    np.testing.assert_array_equal(found.phase[own], raw)


# what it buys --------------------------------------------------------------------------------------------------


def test_the_coherence_rule_keeps_twice_the_distributed_scatterers(
    reference: SimulatedScene, calibration: SceneCalibration
) -> None:
    raw = extract(reference, calibration, candidate_rule=CandidateRule.RAW_DISPERSION)
    coherent = extract(reference, calibration)
    assert kept(reference, coherent, Stratum.DISTRIBUTED) > 0.85
    assert kept(reference, raw, Stratum.DISTRIBUTED) < 0.6
    assert kept(reference, coherent, Stratum.POINT) > 0.98


def test_filtering_lowers_the_phase_error_of_distributed_scatterers(
    reference: SimulatedScene, calibration: SceneCalibration
) -> None:
    rms = {}
    for method in (FilterMethod.NONE, FilterMethod.ADAPTIVE):
        found = extract(reference, calibration, filter_method=method, candidate_rule=CandidateRule.RAW_DISPERSION)
        chosen = reference.truth.stratum[found.azimuth, found.range] == Stratum.DISTRIBUTED
        chosen &= ~reference.truth.ps_influenced[found.azimuth, found.range]
        rms[method] = np.sqrt(np.mean(phase_error(reference, found)[chosen] ** 2))
    assert rms[FilterMethod.NONE] > 1.0
    assert rms[FilterMethod.ADAPTIVE] < 0.45


def test_pure_noise_passes_the_coherence_rule_at_no_more_than_the_stated_rate() -> None:
    of = simulate(scene("noise", lines=160, samples=160), seed=5)
    calibration = SceneCalibration(amplitude_calibration(of.stack.slc).mean, speckle_correlation_area(of.stack.slc))
    n_pixels = 160 * 160
    for rate in (0.01, 0.001):
        found = extract(of, calibration, coherence_false_rate=rate, min_coherence=0.0)
        assert found.is_filtered.sum() <= rate * n_pixels * 1.5
        assert np.all(found.is_filtered)
    loose = extract(of, calibration, coherence_false_rate=0.1, min_coherence=0.0)
    assert 0 < loose.is_filtered.sum() < 0.1 * n_pixels
    assert len(extract(of, calibration)) == 0
    raw = extract(of, calibration, candidate_rule=CandidateRule.RAW_DISPERSION)
    assert len(raw) > 0.05 * n_pixels


def test_shp_coherence_is_the_mean_share_of_the_frozen_part() -> None:
    """Power ``E/2`` frozen, ``1/2`` fresh: at unit power a pixel's coherence averages ``1 - e E1(1)`` = 0.404."""
    land = LandClass(LandCover.BARE, 1.0, -11.0, 0.0, 0.0, (0.5, 0.5), (0.5, 0.5))
    of = uniform_scene(land, 20, 64)
    area = speckle_correlation_area(np.asarray(of.stack.slc))
    found = extract(of, SceneCalibration(amplitude_calibration(of.stack.slc).mean, area))
    assert found.is_filtered.sum() > 3000
    truth = 1 - np.e * exp1(1.0)
    assert np.sqrt(np.mean(found.shp_coherence[found.is_filtered] ** 2)) == pytest.approx(truth, abs=0.03)


def test_boxcar_takes_the_whole_window(reference: SimulatedScene, calibration: SceneCalibration) -> None:
    found = extract(reference, calibration, filter_method="boxcar", min_coherence=0.0)
    inside = (found.azimuth >= 9) & (found.azimuth < 111) & (found.range >= 6) & (found.range < 114)
    assert np.all(found.n_shp[inside] == 19 * 13)
    assert found.n_shp[(found.azimuth == 0) & (found.range == 0)] == 10 * 7


def test_filtered_dispersion_admits_little_noise(reference: SimulatedScene, calibration: SceneCalibration) -> None:
    raw = extract(reference, calibration, candidate_rule="raw_dispersion")
    filtered = extract(reference, calibration, candidate_rule="filtered_dispersion")
    gained = kept(reference, filtered, Stratum.DISTRIBUTED) - kept(reference, raw, Stratum.DISTRIBUTED)
    assert 0.01 < gained < 0.2


# refusals ------------------------------------------------------------------------------------------------------


def test_bad_options_are_refused_by_name() -> None:
    for name, value in (
        ("window", (18, 13)),
        ("alpha", 0.5),
        ("min_homogeneous", 0),
        ("test", "chi2"),
        ("filter_method", "goldstein"),
        ("candidate_rule", "all"),
        ("min_coherence", 1.5),
        ("point_dispersion", 0.7),
    ):
        with pytest.raises(ArgumentError, match=name):
            AdaptiveOptions(**{name: value})
    with pytest.raises(ArgumentError, match="alpha"):
        AdaptiveOptions(alpha=1e-4, test="anderson_darling")


def test_bad_calibration_and_pairs_are_refused(reference: SimulatedScene, calibration: SceneCalibration) -> None:
    with pytest.raises(ArgumentError, match="amplitude"):
        SceneCalibration(np.array([1.0, np.nan]))
    with pytest.raises(ArgumentError, match="pairs"):
        extract_tile(
            reference.stack.slc,
            np.array([[0, 30]], np.int32),
            core=EVERYTHING,
            options=AdaptiveOptions(),
            calibration=calibration,
        )
    with pytest.raises(ArgumentError, match="slc"):
        extract_tile(
            reference.stack.slc[:5],
            short_pairs(5),
            core=EVERYTHING,
            options=AdaptiveOptions(),
            calibration=calibration,
        )


def test_spectral_filtering_without_geometry_is_refused(
    reference: SimulatedScene, calibration: SceneCalibration
) -> None:
    with pytest.raises(UnknownQuantityError, match="spectral"):
        extract(reference, calibration, filter_method="spectral")
