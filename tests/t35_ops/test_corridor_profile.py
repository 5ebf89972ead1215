"""Rates of bins: against the plain mean, their intervals, tracks and sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corridor_points import as_track, correlation, make_points, straight
from subside.errors import ArgumentError
from subside.ops.corridor.bin_series import fit_bin_series
from subside.ops.corridor.bins import make_bins
from subside.ops.corridor.combine import track_biases
from subside.ops.corridor.grouped import GroupRows, grouped_means
from subside.ops.corridor.profile import make_profile, side_difference, track_means, usual_excess
from subside.ops.corridor.tracks import same_component, vertical_rates
from subside.ops.point_covariance import robust_mean


def _flat(s: np.ndarray) -> np.ndarray:
    return np.full(len(s), -0.004)


def test_grouped_means_equal_robust_means_one_by_one() -> None:
    rng = np.random.default_rng(0)
    n, shared = 900, correlation()
    group = rng.integers(-1, 60, n)
    group[group == 17] = 16
    values, std = rng.normal(0, 2, n), rng.uniform(0.5, 2, n)
    values[::50] += 30
    x, y = rng.uniform(0, 2000, n), rng.uniform(0, 300, n)
    kind = rng.integers(0, 3, n).astype(np.uint8)
    got = grouped_means(GroupRows(values, std, x, y, kind, group), 60, correlation=shared)
    for g in range(60):
        rows = np.flatnonzero(group == g)
        if not len(rows):
            assert g == 17 and np.isnan(got.mean[g]) and got.n[g] == 0
            continue
        wanted = robust_mean(values[rows], std[rows], shared.matrix(x[rows], y[rows], kind[rows]))
        assert got.mean[g] == pytest.approx(wanted.mean, abs=1e-7)
        assert got.std[g] == pytest.approx(wanted.std, rel=1e-6)
        np.testing.assert_allclose(got.weights[rows], wanted.weights, atol=1e-7)
        assert got.shared[g].sum() + got.own[g] == pytest.approx(wanted.std**2, rel=1e-6)


def test_intervals_of_bins_cover_the_truth() -> None:
    line = straight(8_000.0)
    bins = make_bins(line, 50.0)
    hits, pulls, plain = [], [], []
    for seed in range(40):
        track = as_track(make_points(line, _flat, seed=seed, half_width=150, density=400), line)
        profile = make_profile([track], bins, half_width=150.0)
        known = np.isfinite(profile.rate)
        z = (profile.rate[known] + 0.004) / profile.std[known]
        hits.append(np.mean(np.abs(z) < 1.96))
        pulls.append(z)
        plain.append(np.mean(np.abs(z) * profile.std[known] < 1.96 * 0.0015 / np.sqrt(profile.n_points[known])))
    coverage = np.mean(hits)
    assert 0.90 <= coverage <= 0.98, coverage
    assert np.mean(plain) < 0.80, "errors that neighbours share must matter in this test"
    assert 0.85 < np.std(np.concatenate(pulls)) < 1.15


@pytest.mark.slow
def test_covariance_between_bins_is_that_of_their_errors() -> None:
    line = straight(2_000.0)
    bins = make_bins(line, 100.0)
    shared = correlation((0.3, 0.4), (300.0, 3000.0))
    errors, predicted = [], []
    for seed in range(100):
        track = as_track(make_points(line, _flat, seed=seed, half_width=150, density=400, shared=shared), line, shared)
        profile = make_profile([track], bins, half_width=150.0)
        errors.append(profile.rate + 0.004)
        i, j = np.zeros(20, np.int64), np.arange(20)
        predicted.append(profile.errors.covariance(i, j, np.abs(bins.centre - bins.centre[0])))
    sample = np.nanmean(np.array(errors)[:, :1] * np.array(errors), axis=0)
    model = np.nanmean(predicted, axis=0)
    assert model[10] > 0.25 * model[0]
    np.testing.assert_allclose(sample, model, atol=0.25 * model[0])


def test_a_bin_without_points_stays_unknown() -> None:
    line = straight(3_000.0)
    points = make_points(line, _flat, half_width=150, density=400)
    hole = (points.easting - points.easting.min() > 1000) & (points.easting - points.easting.min() < 1400)
    track = as_track(points.subset(~hole), line)
    profile = make_profile([track], make_bins(line, 50.0), half_width=150.0)
    empty = (profile.bins.start > 1060) & (profile.bins.end < 1340)
    assert empty.sum() > 3
    assert np.isnan(profile.rate[empty]).all() and (profile.n_points[empty] == 0).all()
    assert np.isfinite(profile.rate[~empty]).mean() > 0.9


def test_the_bias_between_tracks_is_found_and_part_of_the_interval() -> None:
    line = straight(20_000.0)
    bins = make_bins(line, 50.0)
    shared = correlation((0.2, 0.0))
    a = as_track(make_points(line, _flat, seed=1, half_width=150, shared=shared), line, shared)
    b = as_track(make_points(line, _flat, seed=2, half_width=150, shared=shared, bias=0.003, name="B"), line, shared)
    profile = make_profile([a, b], bins, half_width=150.0)
    difference = profile.bias[1] - profile.bias[0]
    assert difference == pytest.approx(0.003, abs=4 * 2 * profile.bias_std[0])
    assert 2 * profile.bias_std[0] < 0.0004
    assert profile.datum_std == pytest.approx(abs(difference) / 2)
    alone = make_profile([a], bins, half_width=150.0)
    assert alone.datum_std == 0.0 and np.isnan(alone.bias_std[0])
    covered = np.abs(profile.rate + 0.004) < 1.96 * profile.std
    assert covered[np.isfinite(profile.rate)].mean() > 0.90


def test_tracks_that_disagree_from_place_to_place_get_wider_intervals() -> None:
    line = straight(20_000.0)
    bins = make_bins(line, 50.0)
    shared = correlation((0.0, 0.0))
    a = as_track(make_points(line, _flat, seed=1, half_width=150, shared=shared, density=400), line, shared)
    b = as_track(
        make_points(
            line, lambda s: _flat(s) + 0.004 * np.sin(s / 700), seed=2, half_width=150, shared=shared, density=400
        ),
        line,
        shared,
    )
    profile = make_profile([a, b], bins, half_width=150.0)
    assert 0.0012 < profile.between_std < 0.003
    same = make_profile(
        [a, as_track(make_points(line, _flat, seed=2, half_width=150, shared=shared, density=400), line, shared)],
        bins,
        half_width=150.0,
    )
    assert same.between_std < 0.0004
    assert np.nanmedian(profile.std) > 1.5 * np.nanmedian(same.std)


@pytest.mark.parametrize("sigma", [(1.0, 1.0), (1.0, 3.0), (1.0, 10.0)])
@pytest.mark.parametrize("between", [0.0, 2.0])
def test_disagreement_and_bias_of_tracks_of_unequal_quality(sigma: tuple[float, float], between: float) -> None:
    rng = np.random.default_rng(3)
    found, pulls = [], []
    for _ in range(100):
        std = np.array(sigma)[:, None] * rng.uniform(0.5, 1.5, (2, 400))
        rate = rng.normal(0, 10, 400) + np.hypot(std, between) * rng.standard_normal((2, 400))
        rate += np.array([[1.0], [-1.0]])
        bias, bias_std, tau = track_biases(rate, std)
        assert bias.sum() == pytest.approx(0.0, abs=1e-9)
        found.append(tau)
        pulls.append((bias[0] - 1.0) / bias_std[0])
    if between:
        assert np.sqrt(np.mean(np.square(found))) == pytest.approx(between, rel=0.12)
    else:
        assert np.median(found) < 0.1 * np.hypot(*sigma), np.median(found)
    assert 0.8 < np.std(pulls) < 1.2, np.std(pulls)


def test_a_poor_track_does_not_spoil_a_good_one() -> None:
    line = straight(10_000.0)
    bins = make_bins(line, 50.0)
    shared = correlation((0.2, 0.0))
    rms, coverage = [], []
    for seed in range(4):
        good = as_track(make_points(line, _flat, seed=seed, half_width=150, sigma=0.001, shared=shared), line, shared)
        poor = make_points(line, _flat, seed=seed + 90, half_width=150, sigma=0.005, shared=shared, name="B")
        both = make_profile([good, as_track(poor, line, shared)], bins, half_width=150.0)
        alone = make_profile([good], bins, half_width=150.0)
        common = np.isfinite(both.rate) & np.isfinite(alone.rate)
        error = both.rate - both.rate[common].mean()
        rms.append((np.std(error[common]), np.std(alone.rate[common])))
        coverage.append(np.mean(np.abs(error[common]) < 1.96 * both.errors.std[common]))
    assert np.mean(rms, axis=0)[0] < 1.03 * np.mean(rms, axis=0)[1]
    assert 0.90 <= np.mean(coverage) <= 0.98, coverage


def test_sides_that_move_apart_are_told_apart() -> None:
    line = straight(10_000.0)
    bins = make_bins(line, 200.0)
    points = make_points(line, _flat, half_width=150, density=400)
    track = as_track(points, line)
    tilted = track.rate + np.where(track.positions.offset > 0, 0.002, 0.0)
    from dataclasses import replace

    found = side_difference([replace(track, rate=tilted)], bins, half_width=150.0)
    none = side_difference([track], bins, half_width=150.0)
    assert np.nanmean(found.difference) == pytest.approx(0.002, abs=0.0004)
    z = none.difference / none.std
    assert np.mean(np.abs(z[np.isfinite(z)]) < 1.96) > 0.86
    assert 0.6 < np.nanstd(z) < 1.25
    assert (found.n_left + found.n_right).sum() == (np.abs(track.positions.offset) <= 150).sum()


def test_acceleration_and_season_of_bins() -> None:
    line = straight(3_000.0)
    points = make_points(line, _flat, half_width=150, density=300, n_dates=70, shared=correlation((0.0, 0.0)))
    years = points.years
    from dataclasses import replace

    up = points.los[:, 2:]
    bent = replace(points, displacement=np.asarray(points.displacement + up * 0.5 * -0.003 * years**2, np.float32))
    for given, wanted in ((points, 0.0), (bent, -0.003)):
        track = as_track(given, line)
        profile = make_profile([track], make_bins(line, 100.0), half_width=150.0)
        got = fit_bin_series([track], profile)
        assert np.nanmedian(got.acceleration) == pytest.approx(wanted, abs=0.0003)
        z = (got.acceleration - wanted) / got.acceleration_std
        assert 0.6 < np.nanstd(z) < 1.4
        assert np.nanmedian(got.amplitude) == pytest.approx(0.004 / float(points.los[0, 2]), rel=0.1)
        assert got.years == pytest.approx(years[-1])
    short = fit_bin_series([as_track(make_points(line, _flat), line)], profile)
    assert np.isnan(short.acceleration).all() and np.isnan(short.years)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_acceleration_under_noise_that_is_alike_in_time_gives_few_false_alarms(rho: float) -> None:
    from dataclasses import replace

    line = straight(6_000.0)
    bins = make_bins(line, 50.0)
    points = make_points(line, _flat, half_width=150, density=300, n_dates=60)
    bin_of = ((points.easting - points.easting.min()) // 50).astype(int)
    z = []
    for seed in range(6):
        white = np.random.default_rng(seed).standard_normal((bin_of.max() + 1, 60))
        noise = np.empty_like(white)
        noise[:, 0] = white[:, 0]
        for k in range(1, 60):
            noise[:, k] = rho * noise[:, k - 1] + np.sqrt(1 - rho**2) * white[:, k]
        series = np.asarray(points.displacement + 0.003 * noise[bin_of], np.float32)
        track = as_track(replace(points, displacement=series), line)
        got = fit_bin_series([track], make_profile([track], bins, half_width=150.0))
        z.append(got.acceleration / got.acceleration_std)
    pulls = np.concatenate(z)
    pulls = pulls[np.isfinite(pulls)]
    assert 0.90 <= np.mean(np.abs(pulls) < 1.96) <= 0.98, np.mean(np.abs(pulls) < 1.96)
    assert 0.85 < np.std(pulls) < 1.15, np.std(pulls)


def test_points_that_end_early_are_no_acceleration() -> None:
    from dataclasses import replace

    line = straight(2_000.0)
    points = make_points(line, _flat, half_width=150, density=400, n_dates=60, shared=correlation((0.0, 0.0)))
    fast = np.arange(points.n_points) % 2 == 0
    series = np.asarray(points.displacement + np.where(fast, -0.03, 0.0)[:, None] * points.years, np.float32)
    series[fast, -15:] = np.nan
    track = as_track(replace(points, displacement=series), line)
    got = fit_bin_series([track], make_profile([track], make_bins(line, 200.0), half_width=150.0))
    assert np.nanmean(np.abs(got.acceleration / got.acceleration_std) < 1.96) > 0.7
    assert np.nanmax(np.abs(got.acceleration)) < 0.002


def test_line_of_sight_becomes_vertical_only_where_it_is_known() -> None:
    from dataclasses import replace

    points = make_points(straight(1000.0), _flat)
    factor, std, component = vertical_rates(points)
    assert component == "vertical"
    np.testing.assert_allclose(factor, 1 / points.los[:, 2])
    np.testing.assert_allclose(std, 0.0015)
    blind = replace(points, los=np.full_like(points.los, np.nan))
    factor, _, component = vertical_rates(blind)
    assert component == "line of sight" and (factor == 1).all()
    mixed = [as_track(points, straight(1000.0)), as_track(blind, straight(1000.0))]
    same_component(mixed[:1] * 2)
    same_component(mixed[1:] * 2)
    with pytest.raises(ArgumentError, match="must all have lines of sight, or none"):
        same_component(mixed)
    with pytest.raises(ArgumentError, match="upward part"):
        vertical_rates(replace(points, los=np.tile([1.0, 0.0, 0.0], (points.n_points, 1))))
    with pytest.raises(ArgumentError, match="velocity_std"):
        vertical_rates(replace(points, velocity_std=np.full(points.n_points, np.nan)))


def test_standard_deviations_that_are_too_small_are_found_out() -> None:
    from dataclasses import replace

    line = straight(10_000.0)
    bins = make_bins(line, 20.0)
    shared = correlation((0.0, 0.0))
    honest = as_track(make_points(line, _flat, half_width=150, density=400, shared=shared), line, shared)
    formal = replace(honest, std=honest.std / 5)
    assert usual_excess(honest, half_width=150.0) < 0.0005
    assert usual_excess(formal, half_width=150.0) == pytest.approx(0.0015, rel=0.25)
    profile = make_profile([formal], bins, half_width=150.0)
    known = np.isfinite(profile.rate)
    assert np.median(profile.n_points[known]) < 4
    z = (profile.rate[known] + 0.004) / profile.std[known]
    assert 0.88 <= np.mean(np.abs(z) < 1.96) <= 0.98


def test_points_to_one_side_of_their_bins_do_not_tilt_a_steep_flank() -> None:
    line = straight(4_000.0)
    bins = make_bins(line, 50.0)
    errors, plain = [], []
    for seed in range(8):
        points = make_points(
            line, lambda s: -0.00035 * np.abs(s - 2000.0), seed=seed, sigma=0.001, half_width=150, density=4000
        )
        s = points.easting - points.easting.min()
        track = as_track(points.subset(s % 50 < 15), line)
        profile = make_profile([track], bins, half_width=150.0)
        away = np.isfinite(profile.rate) & (np.abs(bins.centre - 2000) > 100) & (bins.centre > 100)
        away &= bins.centre < 3900
        mean = track_means(track, profile.bin_of[0], bins.n_bins).mean
        true = -0.00035 * np.abs(bins.centre - 2000.0)
        errors.append((profile.rate - true)[away] / profile.std[away])
        plain.append(np.mean(np.abs(mean - true)[away]))
    z = np.concatenate(errors)
    assert np.mean(plain) > 0.005, "the points must lie so that a plain mean is wrong"
    assert np.mean(np.abs(z) < 1.96) > 0.90 and np.std(z) < 1.2


def test_what_windows_hide_from_every_track_does_not_average_out() -> None:
    line, hidden = straight(8_000.0), 0.003
    tracks = []
    for seed in (1, 2):
        points = make_points(
            line,
            lambda s: -0.004 + hidden * np.sqrt(2) * np.sin(2 * np.pi * s / 2000.0),
            seed=seed,
            half_width=150,
            density=400,
            sigma=0.0005,
        )
        part = hidden * points.los[:, 2]
        points = replace(points, velocity_std=np.hypot(points.velocity_std, part), velocity_std_representation=part)
        tracks.append(as_track(points, line))
    profile = make_profile(tracks, make_bins(line, 50.0), half_width=150.0)
    known = np.isfinite(profile.rate) & (profile.share > 0).all(axis=0)
    error = profile.rate[known] + 0.004
    assert np.sqrt(np.mean(error**2)) == pytest.approx(hidden, rel=0.1)
    single = np.sqrt(np.mean(make_profile(tracks[:1], profile.bins, half_width=150.0).std[known] ** 2))
    assert np.sqrt(np.mean(profile.errors.std[known] ** 2)) > 0.9 * single
    assert profile.between_std < 0.3 * hidden
