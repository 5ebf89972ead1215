"""Selection: patch phase against direct transforms, noise against its stated rate, injected points recovered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.conventions import PointFlag
from subside.errors import ArgumentError
from subside.ops.patch_phase import BLOCK, ClapOptions, cell_grid, filter_grid, predict_without
from subside.ops.random_phase import noise_probability, noise_threshold, random_coherence, trial_slopes
from subside.ops.select import SelectInput, SelectOptions, network_noise, select, tile_plan
from subside.ops.weed import duplicate_coordinates

N_DATES = 20
PAIRS = np.array([(i, j) for i in range(N_DATES) for j in range(i + 1, min(i + 4, N_DATES))], np.int32)
DATE_BPERP = np.random.default_rng(8).normal(0, 50, N_DATES)
BPERP = (DATE_BPERP[PAIRS[:, 1]] - DATE_BPERP[PAIRS[:, 0]]).astype(np.float32)
OPTIONS = SelectOptions(n_random=20_000)
HEIGHT_PER_LOOK_ANGLE = 2361.0


# --- a small world: smooth phase, points on it, noise between them ------------------------------------------


def _pairs_of(date_phase):
    return date_phase[..., PAIRS[:, 1]] - date_phase[..., PAIRS[:, 0]]


def _smooth(shape, rng, rms=1.0, cutoff=0.005):
    large = tuple(max(n, 130) for n in shape)
    field = np.empty((N_DATES, *shape))
    frequency = np.hypot(np.fft.fftfreq(large[0])[:, None], np.fft.fftfreq(large[1])[None])
    for k in range(N_DATES):
        f = np.fft.ifft2(np.fft.fft2(rng.normal(size=large)) * np.exp(-((frequency / cutoff) ** 2))).real
        field[k] = (rms * f / f.std())[: shape[0], : shape[1]]
    return field


def _candidates(azimuth, range_, phase, **changes):
    n = len(azimuth)
    wrapped = np.angle(np.exp(1j * phase)).astype(np.float32)
    values = {
        "easting": range_ * 14.0,
        "northing": azimuth * 14.0,
        "azimuth": azimuth.astype(np.int32),
        "range": range_.astype(np.int32),
        "phase": wrapped,
        "bperp": BPERP,
        "dispersion": np.full(n, 0.5, np.float32),
        "is_filtered": np.zeros(n, bool),
        "shp_coherence": np.full(n, np.nan, np.float32),
        "n_shp": np.ones(n, np.int32),
        "pairs": PAIRS,
        "n_dates": N_DATES,
        "window": (19, 13),
        "azimuth_spacing": 14.0,
        "range_spacing": 14.0,
        "height_per_look_angle": HEIGHT_PER_LOOK_ANGLE,
    }
    return SelectInput(**(values | changes))


def _world(seed=0, shape=(130, 130), share=0.25, point_share=0.5, noise=0.35):
    """Candidates of a scene of points and closing noise, with what is true of them."""
    rng = np.random.default_rng(seed)
    smooth = _smooth(shape, rng)
    azimuth, range_ = np.nonzero(rng.random(shape) < share)
    is_point = rng.random(len(azimuth)) < point_share
    slope = rng.uniform(-0.007, 0.007, len(azimuth))
    date = smooth[:, azimuth, range_].T + slope[:, None] * DATE_BPERP + rng.normal(0, noise, (len(azimuth), N_DATES))
    date[~is_point] = rng.uniform(-np.pi, np.pi, (np.count_nonzero(~is_point), N_DATES))
    return _candidates(azimuth, range_, _pairs_of(date)), is_point, slope


@pytest.fixture(scope="module")
def world():
    return _world()


@pytest.fixture(scope="module")
def noise(world):
    return network_noise(world[0], options=OPTIONS)


@pytest.fixture(scope="module")
def selection(world, noise):
    return select(world[0], options=OPTIONS, noise=noise)


# --- patch phase ---------------------------------------------------------------------------------------------


def _random_grid(seed, rows, columns, n_pairs=2, occupied=0.7):
    rng = np.random.default_rng(seed)
    grid = rng.normal(size=(n_pairs, rows, columns)) + 1j * rng.normal(size=(n_pairs, rows, columns)) + 1
    return (grid * (rng.random((rows, columns)) < occupied)).astype(np.complex64)


def _naive_gain(spectrum, options):
    """Transfer of one window by its definition, float64."""
    size = options.size
    taps = np.exp(-0.5 * (2.5 * np.arange(-3, 4) / 3) ** 2)
    kernel = np.outer(taps, taps)
    modulus = np.pad(np.abs(np.fft.fftshift(spectrum)), 3)
    smooth = np.array([[np.sum(kernel * modulus[a : a + 7, b : b + 7]) for b in range(size)] for a in range(size)])
    some = np.sort(smooth[::2, ::2].ravel())
    adaptive = np.fft.ifftshift(np.maximum((smooth / some[len(some) // 2]) ** options.alpha - 1, 0))
    fall = 1 / (1 + (np.fft.fftfreq(size, 50.0) * options.low_pass_wavelength) ** 10)
    return options.beta * adaptive + np.outer(fall, fall)


@pytest.mark.parametrize("shape", [(24, 24), (31, 45), (9, 60)])
def test_filtered_grid_equals_definition(shape):
    grid = _random_grid(1, *shape)
    options = ClapOptions()
    got = filter_grid(grid, options, cell_size=50.0)
    full = np.zeros((2, max(shape[0], 24), max(shape[1], 24)), complex)
    full[:, : shape[0], : shape[1]] = grid
    expected = np.zeros_like(full)
    t = np.concatenate([np.arange(12), np.arange(12)[::-1]])
    for r in sorted({min(6 * i, full.shape[1] - 24) for i in range(20)}):
        for c in sorted({min(6 * i, full.shape[2] - 24) for i in range(20)}):
            for k in range(2):
                spectrum = np.fft.fft2(full[k, r : r + 24, c : c + 24], s=(32, 32))
                part = np.fft.ifft2(spectrum * _naive_gain(spectrum, options))[:24, :24]
                expected[k, r : r + 24, c : c + 24] += part * (t[:, None] + t[None, :] + 1e-6)
    expected = expected[:, : shape[0], : shape[1]]
    assert got.shape == grid.shape
    np.testing.assert_allclose(got, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("margin", [(0, 0), (6, 4)])
def test_prediction_equals_definition(margin):
    grid = _random_grid(2, 40, 24)
    options = ClapOptions(alpha=2.0, beta=1.0, low_pass_wavelength=1200.0)
    across = 24 // BLOCK
    blocks = np.array([0, 5, 5 * across + 2, 10 * across - 1])
    got = predict_without(grid, blocks, margin, options, cell_size=50.0)
    padded = np.pad(grid.astype(complex), ((0, 0), (32, 32), (32, 32)))
    before = (32 - BLOCK) // 2
    for n, block in enumerate(blocks):
        r, c = BLOCK * (block // across) + 32 - before, BLOCK * (block % across) + 32 - before
        a, b = margin
        for k in range(2):
            window = padded[k, r : r + 32, c : c + 32].copy()
            window[before - a : before + BLOCK + a, before - b : before + BLOCK + b] = 0
            spectrum = np.fft.fft2(window)
            value = np.fft.ifft2(spectrum * _naive_gain(spectrum, options))
            expected = value[before : before + BLOCK, before : before + BLOCK].ravel()
            np.testing.assert_allclose(got[n, :, k], expected, atol=1e-3 * np.abs(value).max())


def test_prediction_ignores_what_it_leaves_out():
    grid = _random_grid(3, 40, 40)
    changed = grid.copy()
    block = np.array([5 * (40 // BLOCK) + 5])
    rows = slice(5 * BLOCK - 3, 6 * BLOCK + 3)
    changed[:, rows, rows] = 100
    margin, options = (3, 3), ClapOptions()
    before = predict_without(grid, block, margin, options, cell_size=50.0)
    assert np.array_equal(before, predict_without(changed, block, margin, options, cell_size=50.0))
    changed[:, 5 * BLOCK - 4, 5 * BLOCK] += 1
    assert not np.array_equal(before, predict_without(changed, block, margin, options, cell_size=50.0))


def test_margin_beyond_the_window_is_refused():
    with pytest.raises(ArgumentError, match="`margin` must be below"):
        predict_without(_random_grid(4, 8, 8), np.array([0]), (14, 0), ClapOptions(), cell_size=50.0)


def test_cells_are_those_of_the_scene():
    azimuth, range_ = np.array([0, 3, 100, 399]), np.array([7, 900, 20, 30])
    whole = cell_grid(azimuth, range_, (14.0, 3.7), 50.0)
    part = cell_grid(azimuth[1:], range_[1:], (14.0, 3.7), 50.0)
    for grid, rest in ((whole, slice(None)), (part, slice(1, None))):
        np.testing.assert_array_equal(grid.row + grid.first[0], ((azimuth[rest] + 0.5) * 14 // 50))
        np.testing.assert_array_equal(grid.column + grid.first[1], ((range_[rest] + 0.5) * 3.7 // 50))
        assert grid.shape[0] % BLOCK == grid.shape[1] % BLOCK == grid.first[0] % BLOCK == 0
        assert grid.row.max() < grid.shape[0]
        assert grid.column.max() < grid.shape[1]
        assert np.array_equal(
            grid.block * BLOCK**2 + grid.place_in_block,
            ((grid.row // BLOCK) * (grid.shape[1] // BLOCK) + grid.column // BLOCK) * BLOCK**2
            + grid.row % BLOCK * BLOCK
            + grid.column % BLOCK,
        )


# --- what noise reaches --------------------------------------------------------------------------------------


def test_random_coherence_follows_theory_without_a_slope():
    slopes = trial_slopes(None, len(PAIRS), 0.01)
    assert len(slopes.trial) == 1
    noise = random_coherence(PAIRS, N_DATES, slopes=slopes, n_random=20_000)
    for kind in (noise.closing, noise.independent):
        assert np.all(np.diff(kind) >= 0)
        assert np.mean(kind.astype(float) ** 2) == pytest.approx(1 / len(PAIRS), rel=0.05)
    share = np.mean(noise.independent > 0.3)
    assert share == pytest.approx(np.exp(-len(PAIRS) * 0.09), rel=0.25)
    assert np.quantile(noise.closing, 0.999) > np.quantile(noise.independent, 0.999)
    again = random_coherence(PAIRS, N_DATES, slopes=slopes, n_random=20_000)
    assert np.array_equal(noise.closing, again.closing)


def test_searching_a_slope_raises_the_noise():
    fitted = random_coherence(PAIRS, N_DATES, slopes=trial_slopes(BPERP, len(PAIRS), 0.0085), n_random=5000)
    fixed = random_coherence(PAIRS, N_DATES, slopes=trial_slopes(None, len(PAIRS), 0.0), n_random=5000)
    assert np.median(fitted.closing) > 1.2 * np.median(fixed.closing)


def test_trials_cover_the_range_an_eighth_of_a_cycle_apart():
    slopes = trial_slopes(BPERP, len(PAIRS), 0.0085)
    assert slopes.trial[-1] >= 0.0085
    assert slopes.trial[0] == -slopes.trial[-1]
    np.testing.assert_allclose(np.diff(slopes.trial) * np.ptp(BPERP), np.pi / 4, rtol=1e-3)
    assert slopes.resolution == pytest.approx(2 * np.pi / np.ptp(BPERP))


def test_threshold_and_probability_of_a_known_mixture():
    rng = np.random.default_rng(4)
    noise = np.sort(rng.rayleigh(0.1, 50_000)).astype(np.float32)
    found = np.concatenate([rng.rayleigh(0.1, 20_000), rng.normal(0.8, 0.05, 30_000)]).astype(np.float32)
    threshold = noise_threshold(found, noise, allowed=40, max_false_rate=0.01)
    assert 15 <= np.count_nonzero(found[:20_000] > threshold) <= 75
    assert threshold == pytest.approx(0.1 * np.sqrt(-2 * np.log(40 / 20_000)), rel=0.03)
    strict = noise_threshold(found[20_000:], noise, allowed=40, max_false_rate=0.01)
    assert strict == pytest.approx(np.quantile(noise, 0.99), rel=1e-3)
    probability = noise_probability(found, noise)
    assert probability[found < 0.1].min() > 0.99
    assert probability[found > 0.6].max() < 0.01


# --- selection -----------------------------------------------------------------------------------------------


def test_points_are_found_with_their_look_angle(world, selection):
    _, is_point, slope = world
    assert np.count_nonzero(is_point) > 1500
    assert selection.is_selected[is_point].mean() > 0.97
    error = (selection.look_angle_error - slope)[is_point & selection.is_selected]
    assert np.std(slope[is_point]) > 0.0035
    assert np.std(error) < 1.5 * 0.35 / np.sqrt(np.sum((DATE_BPERP - DATE_BPERP.mean()) ** 2))
    assert np.array_equal(selection.is_selected, selection.flags == 0)
    assert 1 <= selection.iterations <= OPTIONS.max_iterations


def test_noise_stays_below_the_threshold_at_the_stated_rate(world, selection, noise):
    _, is_point, _ = world
    n_noise = np.count_nonzero(~is_point)
    let_through = np.count_nonzero(selection.is_selected & ~is_point)
    assert selection.false_rate_unfiltered <= OPTIONS.max_false_rate
    assert let_through <= selection.n_expected_false + 4 * np.sqrt(selection.n_expected_false) + 1
    density = selection.n_expected_false / (130 * 130 * 14e-3**2)
    assert density < 1.3 * OPTIONS.random_density
    gamma = selection.gamma[~is_point]
    assert np.median(gamma) == pytest.approx(np.median(noise.closing), rel=0.1)
    assert n_noise * 0.003 < np.count_nonzero(gamma > np.quantile(noise.closing, 0.99)) < n_noise * 0.025


def _shared_noise(seed=1, shape=(150, 150), window=(19, 13)):
    """Pure noise averaged over overlapping windows: neighbours share it."""
    rng = np.random.default_rng(seed)
    single = rng.normal(size=(N_DATES, *shape)) + 1j * rng.normal(size=(N_DATES, *shape))
    azimuth, range_ = np.nonzero(rng.random(shape) < 0.2)
    phase = np.empty((len(azimuth), len(PAIRS)))
    taps = [np.r_[np.ones(w), np.zeros(n - w)] for w, n in zip(window, shape, strict=True)]
    transfer = np.fft.fft(taps[0])[:, None] * np.fft.fft(taps[1])[None]
    for k, (i, j) in enumerate(PAIRS):
        product = np.fft.ifft2(np.fft.fft2(single[i] * np.conj(single[j])) * transfer)
        phase[:, k] = np.angle(np.roll(product, (-(window[0] // 2), -(window[1] // 2)), (0, 1)))[azimuth, range_]
    return azimuth, range_, phase


def test_noise_shared_by_filter_windows_does_not_look_coherent(noise):
    azimuth, range_, phase = _shared_noise()
    every = np.ones(len(azimuth), bool)
    shared = _candidates(azimuth, range_, phase, is_filtered=every, n_shp=np.full(len(azimuth), 247))
    naive = select(replace(shared, window=(1, 1)), options=OPTIONS, noise=noise)
    assert np.median(naive.gamma) > 2.5 * np.median(noise.independent)
    mended = select(shared, options=replace(OPTIONS, min_filtered_coherence=0.0), noise=noise)
    assert np.median(mended.gamma) == pytest.approx(np.median(noise.independent), rel=0.12)
    edge = np.minimum(np.minimum(azimuth, 149 - azimuth), np.minimum(range_, 149 - range_)) < 15
    assert np.count_nonzero(edge) > 1000
    assert np.median(mended.gamma[edge]) == pytest.approx(np.median(noise.independent), rel=0.12)
    assert mended.false_rate_filtered <= OPTIONS.max_false_rate
    assert np.count_nonzero(mended.is_selected) <= mended.n_expected_false + 4 * np.sqrt(mended.n_expected_false) + 1
    default = select(shared, options=OPTIONS, noise=noise)
    assert np.mean(default.is_selected) < 0.002


def test_filtered_points_must_meet_the_quality_demand(noise):
    candidates, is_point, _ = _world(seed=4, point_share=1.0, noise=0.6)
    filtered = replace(candidates, is_filtered=np.ones(len(is_point), bool), window=(3, 3))
    strict = select(filtered, options=replace(OPTIONS, min_filtered_coherence=0.65), noise=noise)
    assert np.all(strict.threshold >= 0.65)
    assert 0.05 < np.mean(strict.is_selected) < 0.95
    assert np.array_equal(strict.is_selected, strict.gamma > strict.threshold)


def test_incomplete_rows_are_left_out(world, selection, noise):
    candidates, is_point, _ = world
    phase = candidates.phase.copy()
    lost, empty_date, zero_once = np.flatnonzero(is_point)[:3]
    phase[lost, 4] = np.nan
    phase[empty_date, (PAIRS == 6).any(axis=1)] = 0
    phase[zero_once, 2] = 0
    got = select(replace(candidates, phase=phase), options=OPTIONS, noise=noise)
    for i in (lost, empty_date):
        assert np.isnan(got.gamma[i])
        assert not got.is_selected[i]
        assert got.flags[i] & PointFlag.LOW_COHERENCE
    assert got.is_selected[zero_once]
    assert np.count_nonzero(np.isnan(got.gamma)) == 2
    assert np.mean(got.is_selected == selection.is_selected) > 0.995
    nothing = select(replace(candidates, phase=np.full_like(phase, np.nan)), options=OPTIONS)
    assert not nothing.is_selected.any()


def test_repeatable_to_the_bit(world, selection):
    again = select(world[0], options=OPTIONS)
    assert np.array_equal(again.gamma, selection.gamma)
    assert np.array_equal(again.flags, selection.flags)


def test_unknown_baselines_fit_no_slope(world):
    candidates, is_point, slope = world
    flat = candidates.phase - (slope[:, None] * BPERP[None]).astype(np.float32) * is_point[:, None]
    got = select(
        replace(candidates, phase=flat, bperp=None, height_per_look_angle=None, dispersion=np.full(len(flat), np.nan)),
        options=OPTIONS,
    )
    assert np.isnan(got.look_angle_error).all()
    assert got.is_selected[is_point].mean() > 0.97
    assert np.count_nonzero(got.is_selected & ~is_point) <= 4 * got.n_expected_false + 5


def test_baselines_per_candidate_agree_with_common_ones(world, selection, noise):
    candidates = world[0]
    own = np.ascontiguousarray(np.broadcast_to(BPERP, candidates.phase.shape))
    got = select(replace(candidates, bperp=own), options=OPTIONS, noise=noise)
    np.testing.assert_allclose(got.gamma, selection.gamma, atol=2e-3)


@pytest.mark.parametrize("shape", [(12, 200), (20, 20)])
def test_scenes_narrower_than_a_window_work(shape, noise):
    candidates, is_point, _ = _world(seed=2, shape=shape, share=0.6, point_share=0.9)
    got = select(candidates, options=OPTIONS, noise=noise)
    assert np.isfinite(got.gamma).all()
    assert got.is_selected[is_point].mean() > 0.9


def test_tiles_cover_the_scene_once():
    options = replace(OPTIONS, core_cells=10, halo_cells=4)
    plan = tile_plan((130, 300), (14.0, 3.7), options=options)
    seen = np.zeros((130, 300), int)
    for tile in plan:
        (a0, a1), (r0, r1) = tile.core
        seen[a0:a1, r0:r1] += 1
        assert tile.halo[0][0] == max(0, a0 - 15)
        assert tile.halo[1][1] == min(300, r1 + 55)
    assert np.all(seen == 1)
    assert len(plan) == 4 * 3


def test_tile_agrees_with_the_whole_scene(world, selection, noise):
    candidates, is_point, _ = world
    inside = (candidates.azimuth < 112) & (candidates.range < 112)
    names = ("easting", "northing", "azimuth", "range", "phase", "dispersion", "is_filtered", "shp_coherence", "n_shp")
    part = replace(candidates, **{n: getattr(candidates, n)[inside] for n in names})
    tile = select(part, options=OPTIONS, noise=noise)
    core = (part.azimuth < 56) & (part.range < 56)
    assert np.count_nonzero(core) > 500
    assert np.mean(tile.is_selected[core] == selection.is_selected[inside][core]) > 0.98
    assert np.abs(tile.gamma - selection.gamma[inside])[core & is_point[inside]].mean() < 0.02


# --- repeated points -----------------------------------------------------------------------------------------


def test_repeated_coordinates_keep_the_most_coherent():
    easting = np.array([0.0, 1.0, 0.0, 0.0, np.nan, np.nan])
    northing = np.array([5.0, 5.0, 5.0, 6.0, 0.0, 0.0])
    coherence = np.array([0.5, 0.9, 0.7, 0.1, 0.3, 0.3], np.float32)
    expected = [True, False, False, False, False, False]
    assert duplicate_coordinates(easting, northing, coherence).tolist() == expected


def test_duplicates_are_flagged(world, noise):
    candidates, is_point, _ = world
    a, b = np.flatnonzero(is_point)[[10, 11]]
    easting, northing = candidates.easting.copy(), candidates.northing.copy()
    easting[b], northing[b] = easting[a], northing[a]
    got = select(replace(candidates, easting=easting, northing=northing), options=OPTIONS, noise=noise)
    assert bool(got.flags[a] & PointFlag.ADJACENT_DUPLICATE) != bool(got.flags[b] & PointFlag.ADJACENT_DUPLICATE)
    assert got.is_selected[a] != got.is_selected[b]
    assert not got.flags[np.argsort(got.gamma)[-1]] & PointFlag.ADJACENT_DUPLICATE


# --- refusals ------------------------------------------------------------------------------------------------


def test_wrong_input_is_refused(world):
    candidates = world[0]
    for change, message in (
        ({"phase": candidates.phase[:, :-1]}, "`pairs` must have shape"),
        ({"phase": candidates.phase.astype(np.float64)}, "`phase` must have dtype"),
        ({"n_dates": 5}, "`pairs` must be date indices"),
        ({"height_per_look_angle": None}, "`height_per_look_angle` must be positive"),
        ({"bperp": np.full(len(PAIRS), np.nan, np.float32)}, "`bperp` must be finite"),
        ({"window": (18, 13)}, "`window` must be two odd"),
        ({"azimuth_spacing": 0.0}, "`azimuth_spacing` must lie in"),
    ):
        with pytest.raises(ArgumentError, match=message):
            replace(candidates, **change)
    with pytest.raises(ArgumentError, match="`cell_size` must lie in"):
        SelectOptions(cell_size=-1.0)
    with pytest.raises(ArgumentError, match="multiple of 4"):
        ClapOptions(window=22)


# --- Sentinel-1 speckle --------------------------------------------------------------------------------------


def _simulated(name, seed, size, options):
    from subside.model.stack import bperp_at
    from subside.ops.adaptive import SceneCalibration, amplitude_calibration, extract_tile, speckle_correlation_area
    from subside.ops.simulate import scene, simulate

    simulated = simulate(scene(name, lines=size, samples=size), seed=seed)
    stack = simulated.stack
    slc = np.asarray(stack.slc)
    n = stack.n_dates
    pairs = np.array([(i, j) for i in range(n) for j in range(i + 1, min(i + 4, n))], np.int32)
    calibration = SceneCalibration(amplitude_calibration(slc).mean, speckle_correlation_area(slc))
    core = (slice(0, size), slice(0, size))
    found = extract_tile(slc, pairs, core=core, options=options, calibration=calibration)
    date = bperp_at(stack.bperp, found.azimuth, found.range, stack.shape)
    candidates = SelectInput(
        easting=found.range * stack.range_spacing,
        northing=found.azimuth * stack.azimuth_spacing,
        azimuth=found.azimuth,
        range=found.range,
        phase=found.phase,
        bperp=(date[:, pairs[:, 1]] - date[:, pairs[:, 0]]).astype(np.float32),
        dispersion=found.amplitude_difference_dispersion,
        is_filtered=found.is_filtered,
        shp_coherence=found.shp_coherence,
        n_shp=found.n_shp,
        pairs=pairs,
        n_dates=n,
        window=(19, 13),
        azimuth_spacing=stack.azimuth_spacing,
        range_spacing=stack.range_spacing,
        height_per_look_angle=HEIGHT_PER_LOOK_ANGLE,
    )
    return candidates, simulated.truth


@pytest.mark.slow
@pytest.mark.parametrize("is_filtered", [False, True])
def test_false_selection_on_sentinel1_speckle(is_filtered):
    """Pure noise with the Sentinel-1 impulse response, through the filter or not, every pixel a candidate."""
    from subside.ops.adaptive import AdaptiveOptions, FilterMethod

    if is_filtered:
        extract = AdaptiveOptions(coherence_false_rate=0.5, min_coherence=0.0, dispersion_threshold=9.0)
    else:
        extract = AdaptiveOptions(filter_method=FilterMethod.NONE, dispersion_threshold=9.0)
    candidates, _ = _simulated("noise", 3, 200, extract)
    assert len(candidates.phase) > 4000
    assert np.mean(candidates.is_filtered == is_filtered) > 0.95
    options = SelectOptions(min_filtered_coherence=0.0)
    got = select(candidates, options=options)
    stated = got.false_rate_filtered if is_filtered else got.false_rate_unfiltered
    assert 0 < stated < 0.005
    expected = stated * len(candidates.phase)
    assert np.count_nonzero(got.is_selected) <= expected + 4 * np.sqrt(expected)
    assert np.mean(got.gamma > SelectOptions().min_filtered_coherence) < 0.001


@pytest.mark.slow
def test_reference_scene_keeps_scatterers_and_not_noise():
    from scipy import ndimage

    from subside.ops.adaptive import AdaptiveOptions

    candidates, truth = _simulated("reference", 11, 300, AdaptiveOptions())
    got = select(candidates)
    stratum = truth.stratum[candidates.azimuth, candidates.range]
    kept = [np.count_nonzero(got.is_selected & (stratum == s)) / np.count_nonzero(truth.stratum == s) for s in (1, 2)]
    assert kept[0] > 0.45
    assert kept[1] > 0.97
    is_noise = ((truth.stratum == 0) & ~truth.ps_influenced).astype(float)
    share = ndimage.uniform_filter(is_noise, (19, 13), mode="nearest")[candidates.azimuth, candidates.range]
    share = np.where(candidates.is_filtered, share, 1.0)
    lone = (is_noise[candidates.azimuth, candidates.range] == 1) & (share >= 0.95) & got.is_selected
    assert np.count_nonzero(lone) <= 0.001 * np.count_nonzero(got.is_selected)
