"""Zones: ends, lengths, intervals, false alarms; the smooth profile against dense algebra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corridor_points import ZONES, as_track, bowls, correlation, make_points, straight
from subside.errors import ArgumentError
from subside.ops.corridor.bins import Structure, make_bins
from subside.ops.corridor.profile import make_profile
from subside.ops.corridor.smooth import smooth_profile
from subside.ops.corridor.zones import ZoneRule, find_zones

LINE = straight(70e3)
BINS = make_bins(LINE, 50.0)


def _zones(seed: int, sigma: float, density: float, rate=bowls):  # type: ignore[no-untyped-def]
    tracks = [
        as_track(make_points(LINE, rate, seed=2 * seed + k, sigma=sigma, density=density, half_width=150), LINE)
        for k in range(2)
    ]
    profile = make_profile(tracks, BINS, half_width=150.0)
    smooth = smooth_profile(profile, length=1000.0)
    return find_zones(profile, smooth), profile, smooth


def test_the_markov_chain_gives_the_posterior_of_dense_algebra() -> None:
    line = straight(3_000.0)
    bins = make_bins(line, 50.0, structures=[Structure(1000.0, 1725.0, "bridge")])
    track = as_track(make_points(line, lambda s: -0.02 * np.sin(s / 600), half_width=150, density=250), line)
    profile = make_profile([track], bins, half_width=150.0)
    smooth = smooth_profile(profile, length=500.0)
    known = np.flatnonzero(np.isfinite(profile.rate))
    assert 0 < len(known) < bins.n_bins
    h = np.abs(np.subtract.outer(bins.centre, bins.centre))
    r = np.sqrt(3) * h / 500.0
    same = np.equal.outer(bins.segment, bins.segment)
    prior = smooth.amplitude**2 * (1 + r) * np.exp(-r) * same
    i, j = np.meshgrid(known, known, indexing="ij")
    noise = profile.errors.levelled().covariance(i, j, h[i, j])
    gain = prior[:, known] @ np.linalg.inv(prior[np.ix_(known, known)] + noise)
    np.testing.assert_allclose(smooth.mean, gain @ profile.rate[known], atol=2e-6)
    std = np.sqrt(np.diag(prior - gain @ prior[known]))
    np.testing.assert_allclose(smooth.std, std, rtol=0.15)
    assert np.corrcoef(smooth.draws[:, 3], smooth.draws[:, 4])[0, 1] > 0.5


def test_a_step_at_a_joint_is_not_smoothed() -> None:
    line = straight(4_000.0)
    step = lambda s: np.where(s < 2000, 0.0, -0.03)  # noqa: E731
    track = as_track(make_points(line, step, half_width=150, density=400), line)
    cut = make_bins(line, 50.0, structures=[Structure(0.0, 2000.0, "bridge"), Structure(2000.0, 4000.0, "subgrade")])
    jumps = []
    for bins in (cut, make_bins(line, 50.0)):
        smooth = smooth_profile(make_profile([track], bins, half_width=150.0), length=1000.0)
        at = np.searchsorted(bins.start, 2000.0)
        jumps.append(smooth.mean[at] - smooth.mean[at - 1])
    assert jumps[0] == pytest.approx(-0.03, abs=0.002)
    assert abs(jumps[1]) < 0.018


@pytest.mark.parametrize(("sigma", "density"), [pytest.param(0.001, 400.0, marks=pytest.mark.slow), (0.002, 100.0)])
def test_ends_and_lengths_of_zones(sigma: float, density: float) -> None:
    missed, covered, totals, total_hits = [], [], [], 0
    for seed in range(6):
        found, _, _ = _zones(seed, sigma, density)
        assert len(found.zones) == 2
        for zone, (start, end) in zip(found.zones, ZONES, strict=True):
            missed += [zone.start - start, zone.end - end]
            covered += [zone.start_low <= start <= zone.start_high, zone.end_low <= end <= zone.end_high]
            assert zone.probability > 0.99
            assert not zone.is_start_open and not zone.is_end_open
        totals.append(found.total_length - 35e3)
        total_hits += found.total_low <= 35e3 <= found.total_high
    assert np.max(np.abs(missed)) < 500.0, missed
    assert np.max(np.abs(totals)) < 1000.0
    assert np.mean(covered) >= 0.85
    assert total_hits >= 4


def test_rates_of_zones() -> None:
    found, _, _ = _zones(3, 0.0015, 200.0)
    wide, steep = found.zones
    assert wide.lowest == pytest.approx(-0.040, abs=0.003) and steep.lowest == pytest.approx(-0.080, abs=0.003)
    inside = (BINS.centre > 10e3) & (BINS.centre < 30e3)
    assert wide.mean == pytest.approx(bowls(BINS.centre[inside]).mean(), abs=0.002)
    assert wide.bin_low < wide.mean < wide.bin_high


@pytest.mark.parametrize(("sigma", "n"), [(0.001, 1), (0.003, 2), pytest.param(0.003, 20, marks=pytest.mark.slow)])
def test_a_stable_line_has_no_zone(sigma: float, n: int) -> None:
    for seed in range(n):
        found, _, _ = _zones(seed + 50, sigma, 150.0, rate=lambda s: 0.002 * np.sin(s / 4000))
        assert found.zones == () and found.total_length == 0.0
        assert (found.total_low, found.total_high) == (0.0, 0.0)


def test_hysteresis_gap_and_length() -> None:
    def two(s: np.ndarray) -> np.ndarray:
        middle = -0.015 * np.exp(-(((s - 20e3) / 1500) ** 4)) - 0.015 * np.exp(-(((s - 24e3) / 1500) ** 4))
        return middle - 0.008 * ((s > 19e3) & (s < 25e3)) * (np.abs(s - 22e3) < 700)

    tracks = [as_track(make_points(LINE, two, seed=5, sigma=0.0005, density=300, half_width=150), LINE)]
    profile = make_profile(tracks, BINS, half_width=150.0)
    smooth = smooth_profile(profile, length=500.0)
    joined = find_zones(profile, smooth, rule=ZoneRule(max_gap=2500.0, release=0.3))
    parted = find_zones(profile, smooth, rule=ZoneRule(max_gap=100.0))
    assert len(joined.zones) == 1 and len(parted.zones) == 2
    assert find_zones(profile, smooth, rule=ZoneRule(min_length=10_000.0)).zones == ()
    assert "10 mm/yr" in joined.rule.text()
    with pytest.raises(ArgumentError, match="`threshold` must be > 0"):
        ZoneRule(threshold=-0.01)


def test_a_zone_that_runs_into_a_stretch_without_points_is_open() -> None:
    points = make_points(LINE, bowls, seed=1, density=300, half_width=150)
    s = points.easting - points.easting.min()
    track = as_track(points.subset((s < 15e3) | (s > 40e3)), LINE)
    profile = make_profile([track], BINS, half_width=150.0)
    found = find_zones(profile, smooth_profile(profile))
    assert found.zones[0].is_end_open and not found.zones[0].is_start_open
    assert found.zones[0].end == pytest.approx(15e3, abs=100)


def test_no_points_give_no_zone() -> None:
    track = as_track(make_points(LINE, bowls, seed=1, density=50, half_width=150), LINE)
    away = replace(track, positions=replace(track.positions, offset=track.positions.offset + 1000))
    profile = make_profile([away], BINS, half_width=150.0)
    assert not np.isfinite(profile.rate).any()
    smooth = smooth_profile(profile)
    assert np.isnan(smooth.mean).all() and find_zones(profile, smooth).zones == ()


def _under_datums(seed: int, datum: float):  # type: ignore[no-untyped-def]
    """Two tracks over a bowl of 20 km whose rates refer to areas that move by themselves."""
    line = straight(20e3)
    bins = make_bins(line, 100.0)
    moved = np.random.default_rng(seed).normal(0.0, datum, 2)
    shared = correlation((0.2, 0.0))
    tracks = [
        as_track(
            make_points(
                line,
                lambda s: -0.030 * np.exp(-np.log(3) * ((s - 10e3) / 5e3) ** 2),
                seed=2 * seed + k,
                density=100,
                half_width=150,
                bias=float(moved[k]),
                shared=shared,
            ),
            line,
            shared,
        )
        for k in range(2)
    ]
    profile = make_profile(tracks, bins, half_width=150.0)
    return find_zones(profile, smooth_profile(profile, length=2000.0))


_SMALL_DATUM = pytest.mark.xfail(
    strict=True, reason="Student's t of one degree of freedom is wider than datums of 0.5 mm/yr under noise need: 99 %"
)


@pytest.mark.parametrize("datum", [pytest.param(0.0005, marks=[pytest.mark.slow, _SMALL_DATUM]), 0.0015])
def test_intervals_hold_the_reference_areas_of_the_tracks(datum: float) -> None:
    ends, total = [], []
    for seed in range(80):
        found = _under_datums(seed, datum)
        (zone,) = found.zones
        ends += [zone.start_low <= 5e3 <= zone.start_high, zone.end_low <= 15e3 <= zone.end_high]
        total.append(found.total_low <= 10e3 <= found.total_high)
    assert 0.90 <= np.mean(ends) <= 0.98, np.mean(ends)
    assert 0.90 <= np.mean(total) <= 0.98, np.mean(total)


def test_an_end_that_is_nowhere_certain_stays_within_its_zone() -> None:
    line = straight(20e3)
    points = make_points(line, lambda s: -0.0112 * ((s > 8e3) & (s < 12e3)), density=60, half_width=150, sigma=0.004)
    profile = make_profile([as_track(points, line)], make_bins(line, 100.0), half_width=150.0)
    found = find_zones(profile, smooth_profile(profile), rule=ZoneRule(confidence=0.6, min_length=500.0))
    assert found.zones and any(z.certain_share > 0 for z in found.zones)
    for zone in found.zones:
        assert zone.start_high <= zone.end + 100.0 and zone.end_low >= zone.start - 100.0


@pytest.mark.slow
def test_intervals_of_ends_and_total_cover() -> None:
    hits, total = [], []
    for seed in range(60):
        found, _, _ = _zones(seed + 200, 0.002, 200.0)
        for zone, (start, end) in zip(found.zones, ZONES, strict=True):
            hits += [zone.start_low <= start <= zone.start_high, zone.end_low <= end <= zone.end_high]
        total.append(found.total_low <= 35e3 <= found.total_high)
    assert 0.90 <= np.mean(hits) <= 1.0, np.mean(hits)
    assert np.mean(total) >= 0.88, np.mean(total)
