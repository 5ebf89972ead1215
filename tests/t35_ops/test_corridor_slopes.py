"""Slope and curvature of a dip: exact numbers, recovery within intervals, what cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest

from corridor_points import as_track, correlation, make_points, straight
from subside.errors import ArgumentError
from subside.ops.corridor.bins import Structure, make_bins
from subside.ops.corridor.dips import (
    Sampling,
    chord_values,
    dip_detectability,
    mean_spacing,
    point_values,
    window_along,
)
from subside.ops.corridor.profile import make_profile
from subside.ops.corridor.slopes import chord_curvature, chord_slopes, joint_differences, radius_of

YEARS = 4.0
DEPTH, WAVELENGTH = 0.055, 200.0
SHARED = correlation((0.3, 0.3), (200.0, 5000.0))


def test_point_and_chord_values_of_the_reference_dip() -> None:
    point = point_values(0.055, 200.0)
    assert point.slope == pytest.approx(np.pi * 0.055 / 200.0) and round(1e3 * point.slope, 2) == 0.86
    assert point.radius == pytest.approx(36_841, abs=5)
    chord = chord_values(0.055, 200.0, 100.0)
    assert chord.slope == pytest.approx(0.55e-3, rel=1e-12)
    assert chord.radius == pytest.approx(45_454.5, abs=0.1)
    assert round(1e3 * point_values(0.042, 60.0).slope, 1) == 2.2
    assert round(point_values(0.018, 40.0).radius / 1e3, 1) == 4.5


def test_chord_values_are_those_of_the_curve() -> None:
    x = np.linspace(-200, 200, 400_001)
    dip = lambda at: -0.5 * DEPTH * (1 + np.cos(2 * np.pi * at / WAVELENGTH))  # noqa: E731
    for chord in (20.0, 32.7, 60.0, 100.0, 150.0):
        wanted = chord_values(DEPTH, WAVELENGTH, chord)
        slope = np.abs(dip(x + chord) - dip(x)).max() / chord
        ordinate = np.abs(0.5 * (dip(x) + dip(x + chord)) - dip(x + chord / 2)).max()
        if chord <= 100:
            assert wanted.slope == pytest.approx(slope, rel=1e-6)
        assert wanted.radius == pytest.approx(chord**2 / 8 / ordinate, rel=1e-6)
    with pytest.raises(ArgumentError, match="`chord` must lie in"):
        chord_values(DEPTH, WAVELENGTH, 300.0)
    with pytest.raises(ArgumentError, match="must be positive"):
        point_values(-1.0, 100.0)


def _dip(s: np.ndarray) -> np.ndarray:
    """Rate whose settlement over the years is the dip, in the middle of the line."""
    u = s - 1000.0
    return np.where(np.abs(u) <= WAVELENGTH / 2, -0.5 * DEPTH * (1 + np.cos(2 * np.pi * u / WAVELENGTH)), 0.0) / YEARS


def test_the_dip_is_recovered_where_points_carry_it() -> None:
    line = straight(2000.0)
    bins = make_bins(line, 10.0)
    slope_hits, radius_hits, best, sharpest = [], [], [], []
    for seed in range(30):
        track = as_track(
            make_points(line, _dip, seed=seed, density=8000, half_width=40, sigma=0.001, shared=SHARED), line, SHARED
        )
        profile = make_profile([track], bins, half_width=40.0)
        slope, bend = chord_slopes(profile, 100.0), chord_curvature(profile, 100.0)
        # The flank from the rim at 900 m to the bottom at 1000 m, and the chord whose middle is the bottom.
        at = int(np.argmin(np.abs(slope.chainage - 955.0)))
        start = bins.centre[at]
        true_slope = (_dip(start + 100.0) - _dip(start)) * YEARS / 100.0
        assert true_slope == pytest.approx(-0.55e-3, rel=0.02)
        slope_hits.append(abs(slope.value[at] * YEARS - true_slope) < 1.96 * slope.std[at] * YEARS)
        best.append(slope.value[at] * YEARS)
        low = int(np.argmin(np.abs(bend.chainage - 1005.0)))
        radius_hits.append(abs(bend.value[low] * YEARS - 1 / 45_454.5) < 1.96 * bend.std[low] * YEARS)
        sharpest.append(bend.value[low] * YEARS)
        assert abs(slope.value[at]) > slope.mdc[at]
    assert np.mean(best) == pytest.approx(-0.55e-3, abs=0.02e-3)
    assert 1 / np.mean(sharpest) == pytest.approx(45_454.5, rel=0.05)
    assert np.mean(slope_hits) >= 0.85 and np.mean(radius_hits) >= 0.85


def test_intervals_of_slopes_cover_and_false_detections_are_as_rare_as_stated() -> None:
    line = straight(3000.0)
    bins = make_bins(line, 20.0)
    pulls, bends = [], []
    for seed in range(25):
        track = as_track(
            make_points(line, np.zeros_like, seed=seed, density=1500, half_width=150, shared=SHARED), line, SHARED
        )
        profile = make_profile([track], bins, half_width=150.0)
        for chord in (20.0, 32.7, 100.0):
            found = chord_slopes(profile, chord)
            pulls.append(found.value[np.isfinite(found.value)] / found.std[np.isfinite(found.value)])
        found = chord_curvature(profile, 100.0)
        bends.append(found.value[np.isfinite(found.value)] / found.std[np.isfinite(found.value)])
    for z in (np.concatenate(pulls), np.concatenate(bends)):
        assert 0.90 <= np.mean(np.abs(z) < 1.96) <= 0.98
        assert len(z) > 1000


def test_a_chord_shorter_than_a_bin_is_refused_by_nan_and_gaps_are_not_bridged() -> None:
    line = straight(1000.0)
    points = make_points(line, np.zeros_like, density=3000, half_width=100)
    s = points.easting - points.easting.min()
    track = as_track(points.subset((s < 400) | (s > 500)), line)
    profile = make_profile([track], make_bins(line, 20.0), half_width=100.0)
    assert np.isnan(chord_slopes(profile, 10.0).value).all()
    assert np.isnan(chord_curvature(profile, 30.0).value).all()
    found = chord_slopes(profile, 32.7)
    starts = profile.bins.centre
    near_hole = (starts > 375) & (starts < 495)
    assert np.isnan(found.value[near_hole]).all()
    assert np.isfinite(found.value[starts < 340]).mean() > 0.9


def test_interpolation_stops_at_joints() -> None:
    line = straight(400.0)
    structures = [Structure(0.0, 200.0, "bridge"), Structure(200.0, 400.0, "subgrade")]
    bins = make_bins(line, 20.0, structures=structures)
    track = as_track(
        make_points(line, lambda s: np.where(s < 200, 0.0, -0.010), density=30_000, half_width=60, sigma=1e-5), line
    )
    profile = make_profile([track], bins, half_width=60.0)
    found = chord_slopes(profile, 32.7)
    inside = ~found.crosses_joint & np.isfinite(found.value)
    assert np.abs(found.value[inside]).max() < 1e-5
    across = found.crosses_joint & np.isfinite(found.value)
    np.testing.assert_allclose(found.value[across], -0.010 / 32.7, rtol=0.02)
    joints = joint_differences(profile)
    assert joints.chainage.tolist() == [200.0]
    assert joints.value[0] == pytest.approx(-0.010, abs=5 * joints.std[0])
    assert (joints.before[0], joints.after[0]) == ("bridge", "subgrade")


def test_eighteen_millimetres_over_forty_metres_is_below_what_this_sampling_can_see() -> None:
    sampling = Sampling(bin_length=20.0, spacing=8.0, bin_std=0.005, window=5.0)
    deep = dip_detectability(0.055, 200.0, sampling)
    short = dip_detectability(0.018, 40.0, sampling)
    assert deep.is_detectable and deep.reasons == ()
    assert deep.slope == pytest.approx(0.55e-3, rel=0.03)
    assert not short.is_detectable
    assert any("quarter of the wavelength" in r for r in short.reasons)
    assert any("does not exceed the minimum detectable" in r for r in short.reasons)
    filtered = dip_detectability(0.055, 200.0, Sampling(20.0, 8.0, 0.005, 265.0))
    assert not filtered.is_detectable and filtered.attenuation == 0.0
    assert dip_detectability(0.055, 200.0, Sampling(20.0, np.inf, 0.005, 5.0)).is_detectable is False
    # sqrt(2) 5 mm over 20, 32.7 and 200 m: 0.35, 0.22 and 0.035 permille.
    for chord, sigma in ((20.0, 0.35), (32.7, 0.22), (200.0, 0.035)):
        mdc = dip_detectability(0.01, 2 * chord, sampling).mdc
        assert 1e3 * mdc / 1.959964 == pytest.approx(sigma, rel=0.02)


def test_the_spacing_of_points_is_that_where_there_are_points() -> None:
    rng = np.random.default_rng(0)
    s = rng.uniform(0, 5000, 500)
    assert mean_spacing(s, (0.0, 5000.0)) == pytest.approx(10.0, rel=0.01)
    assert mean_spacing(s, (0.0, 20_000.0)) == pytest.approx(10.0, rel=0.01)
    both = np.concatenate([s, 15_000 + s])
    assert mean_spacing(both, (0.0, 20_000.0)) == pytest.approx(10.0, rel=0.01)
    sparse = rng.uniform(0, 1_000_000, 5000)
    assert mean_spacing(sparse, (0.0, 1_000_000.0)) == pytest.approx(200.0, rel=0.06)
    assert mean_spacing(np.array([5000.0]), (0.0, 10_000.0)) == 10_000.0


def test_the_window_along_a_line_depends_on_its_direction() -> None:
    window = (265.0, 50.0)
    assert window_along(347.0, 347.0, window) == pytest.approx(265.0)
    assert window_along(77.0, 347.0, window) == pytest.approx(50.0)
    assert 50.0 < window_along(30.0, 347.0, window) < 265.0
    np.testing.assert_allclose(radius_of(np.array([1e-5, 0.0]), 2.0), [50_000.0, np.inf])
    with pytest.raises(ArgumentError, match="`years` must be positive"):
        radius_of(np.array([1.0]), 0.0)
