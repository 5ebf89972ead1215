"""East and up from two sides: a known field recovered with errors as stated, look-alike tracks refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError, UnknownQuantityError
from subside.ops.two_tracks.decompose import DecomposeOptions, decompose
from two_tracks import ORIGIN, bowl, drift, los_of, make_track, still

ASCENDING, DESCENDING = los_of(39.0, 349.0), los_of(37.3, 191.0)


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    more = 2 * np.arange(0, 35)
    dates = np.datetime64("2016-01-04") + (12 * more).astype("timedelta64[D]")
    return (
        make_track("asc", rng, los=ASCENDING, up=bowl, east=drift, n=1200, scale=0.002),
        make_track("desc", rng, los=DESCENDING, up=bowl, east=drift, n=1200, scale=0.003, dates=dates),
    )


@pytest.fixture(scope="module")
def result(pair):
    return decompose(*pair, spacing=200.0)


def _places(result):
    return result.easting - ORIGIN[0], result.northing - ORIGIN[1]


def test_geometry_of_the_test_is_ascending_and_descending() -> None:
    assert ASCENDING[0] < 0 < DESCENDING[0]


def test_the_field_is_recovered_within_its_errors(result) -> None:
    x, y = _places(result)
    assert len(x) > 350
    for found, std, true in ((result.up, result.up_std, bowl(x, y)), (result.east, result.east_std, drift(x, y))):
        error = found - true
        assert abs(error.mean()) < 2e-4
        assert np.std(error / std) == pytest.approx(1.0, abs=0.2)
        assert 0.90 <= np.mean(np.abs(error) <= 1.96 * std) <= 0.985
        assert np.corrcoef(found, true)[0, 1] > 0.9


def test_covariance_is_that_of_the_errors(result) -> None:
    x, y = _places(result)
    up, east = result.up - bowl(x, y), result.east - drift(x, y)
    assert np.mean(result.correlation) == pytest.approx(np.corrcoef(up, east)[0, 1], abs=0.15)
    assert np.all(np.abs(result.correlation) < 1) and np.ptp(result.correlation) > 0.1
    assert result.inflation[0] == pytest.approx(1.17, abs=0.05) and result.inflation[1] == pytest.approx(0.9, abs=0.05)


def test_covariance_of_a_cell_is_the_inverse_of_its_normal_matrix(result) -> None:
    design = np.stack([ASCENDING[[0, 2]], DESCENDING[[0, 2]]])
    k = 17
    wanted = np.linalg.inv(design.T @ np.diag(result.los_std[k] ** -2.0) @ design)
    found = np.array(
        [
            [result.east_std[k] ** 2, result.covariance[k]],
            [result.covariance[k], result.up_std[k] ** 2],
        ]
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_north_motion_enters_as_stated(pair, result) -> None:
    """Motion of 10 mm/yr to the north, seen by both tracks and taken for zero."""
    moved = [replace(p, velocity=p.velocity + 0.01 * p.los[:, 1]) for p in pair]
    options = DecomposeOptions(span="given", step_days=0)
    shaken = decompose(*moved, spacing=200.0, options=options)
    quiet = decompose(*pair, spacing=200.0, options=options)
    np.testing.assert_allclose(shaken.up - quiet.up, 0.01 * result.up_per_north, atol=1e-9)
    np.testing.assert_allclose(shaken.east - quiet.east, 0.01 * result.east_per_north, atol=1e-9)
    assert abs(np.median(result.up_per_north)) > 0.1 > abs(np.median(result.east_per_north))


def test_series_follow_the_rates_without_extrapolation(pair, result) -> None:
    series = result.series
    assert series.dates[0] == pair[1].dates[0] and series.dates[-1] <= pair[0].dates[-1]
    assert np.all(series.dates <= pair[1].dates[-1])
    assert np.all(np.diff(series.dates) == np.timedelta64(12, "D"))
    years = (series.dates - series.dates[0]).astype(float) / 365.25
    centred = years - years.mean()
    for values, rate in ((series.up, result.up), (series.east, result.east)):
        assert not np.isnan(values).any() and np.all(values[:, 0] == 0)
        slope = values @ centred / (centred @ centred)
        assert np.corrcoef(slope, rate)[0, 1] > 0.95
        assert np.std(slope - rate) < 0.5 * np.std(rate)
    x, y = _places(result)
    annual = 0.003 * np.sin(2 * np.pi * (series.dates - np.datetime64("2016-01-01")).astype(float) / 365.25)
    seen = annual - annual[0]
    motion = bowl(x, y)[:, None] * years
    up_of_annual = np.linalg.solve(np.stack([ASCENDING[[0, 2]], DESCENDING[[0, 2]]]), np.ones(2))[1]
    error = series.up - motion - up_of_annual * seen
    stated = series.up_std[:, 1:]
    assert np.std(error[:, 1:] / stated) == pytest.approx(0.9, abs=0.2)
    assert np.all(series.up_std[:, 0] == 0)


def test_a_long_gap_is_left_out_of_the_series(pair) -> None:
    keep = np.r_[0:10, 20:35]
    gapped = replace(pair[1], dates=pair[1].dates[keep], displacement=np.array(pair[1].displacement)[:, keep])
    found = decompose(pair[0], gapped, spacing=200.0).series
    gap = (found.dates > gapped.dates[9]) & (found.dates < gapped.dates[10])
    assert not gap.any() and found.dates[-1] > gapped.dates[10]


def test_tracks_of_one_side_are_refused_with_the_reason(pair) -> None:
    rng = np.random.default_rng(4)
    other = make_track("asc2", rng, los=los_of(33.8, 347.0), up=bowl, east=still, n=300)
    first = make_track("asc1", rng, los=los_of(43.8, 347.0), up=bowl, east=still, n=300)
    with pytest.raises(UnknownQuantityError, match="too much alike to tell east from up") as caught:
        decompose(first, other)
    message = str(caught.value)
    assert "incidence 43.8 and 33.8 degrees" in message and "+0.282 v_east +0.065 v_north" in message
    assert "6.5 times in east and 5.1 times in up" in message
    allowed = decompose(first, other, spacing=500.0, options=DecomposeOptions(max_inflation=10.0))
    assert allowed.inflation[0] > 6
    with pytest.raises(UnknownQuantityError, match="grow inf times"):
        decompose(pair[0], pair[0])


def test_three_tracks_leave_a_misfit_and_smaller_errors(pair, result) -> None:
    rng = np.random.default_rng(6)
    third = make_track("asc3", rng, los=los_of(44.0, 348.0), up=bowl, east=drift, n=1200, scale=0.002)
    found = decompose(*pair, spacing=200.0, more=[third], options=DecomposeOptions(step_days=0))
    assert found.count.shape[1] == 3 and found.series is None
    assert np.median(found.up_std) < np.median(result.up_std)
    assert np.sqrt(np.mean(found.misfit**2)) == pytest.approx(1.0, abs=0.2)
    assert np.isnan(result.misfit).all()


def test_cells_need_every_track_and_enough_points(pair) -> None:
    found = decompose(*pair, spacing=200.0, options=DecomposeOptions(min_points=8, step_days=0))
    assert np.all(found.count.min(axis=1) >= 1) and found.count.sum(axis=1).min() == 8
    np.testing.assert_allclose(found.easting % 200.0, 100.0)
    away = replace(pair[1], easting=pair[1].easting + 1e5)
    with pytest.raises(ArgumentError, match="must share cells of 200 m"):
        decompose(pair[0], away, spacing=200.0)


def test_unknown_errors_stay_unknown(pair) -> None:
    bare = [
        replace(p, dates=p.dates[:0], displacement=np.zeros((p.n_points, 0)), velocity_std=np.full(p.n_points, np.nan))
        for p in pair
    ]
    found = decompose(*bare, spacing=200.0)
    assert np.isnan(found.up_std).all() and np.isfinite(found.up).all() and found.series is None
    assert found.sigma == ("unknown", "unknown")


def test_what_windows_hide_is_up_and_not_east(pair, result) -> None:
    """Both tracks miss the same vertical motion: the error of up is as large as that of each, east does not know it."""
    hidden = 0.004
    tracks = []
    for points in pair:
        part = np.full(points.n_points, hidden) * points.los[:, 2]
        tracks.append(
            replace(points, velocity_std=np.hypot(points.velocity_std, part), velocity_std_representation=part)
        )
    found = decompose(*tracks, spacing=200.0)
    many = found.count.min(axis=1) >= 2
    assert np.median(found.up_std[many]) == pytest.approx(hidden, rel=0.1)
    assert np.median(found.east_std[many]) < 0.3 * hidden
    assert np.median(found.east_std) < 2.0 * np.median(result.east_std)
