"""Two tracks against each other: known errors recovered, known motion not taken for error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError, UnknownQuantityError
from subside.ops.cells import CellMembers, Grid, cell_means
from subside.ops.point_covariance import ErrorCorrelation, independent_errors
from subside.ops.resampling import Bootstrap, block_size, block_stretch, spatial_blocks, spatial_correlation
from subside.ops.two_tracks.agreement import AgreementOptions, compare_tracks
from subside.ops.two_tracks.common_rates import common_span, fit_span, vertical_rates
from subside.ops.two_tracks.deming import deming_line, moments
from subside.ops.two_tracks.interpolation import interpolate
from subside.ops.two_tracks.sensitivity import sensitivity
from subside.ops.two_tracks.statistics import agreement_statistics
from two_tracks import bowl, drift, los_of, make_track, noise, still

FIRST, SECOND = los_of(43.8, 347.0), los_of(33.8, 347.0)
QUICK = AgreementOptions(n_draws=300)


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(11)
    return (
        make_track("a", rng, los=FIRST, up=bowl, east=still, n=1000),
        make_track("b", rng, los=SECOND, up=bowl, east=still, n=1000, scale=0.006),
    )


@pytest.fixture(scope="module")
def result(pair):
    return compare_tracks(*pair, spacing=100.0, options=replace(QUICK, remove_plane=True))


def test_sensitivity_of_the_heze_geometry() -> None:
    found = sensitivity(FIRST, SECOND)
    assert found.east == pytest.approx(0.283, abs=0.002)
    assert found.north == pytest.approx(0.065, abs=0.001)
    assert found.hidden_east(0.005) == pytest.approx(0.0177, abs=2e-4)
    assert "could hide 17.7 mm/yr of uniform east-west motion" in found.sentence(0.005)
    assert found.east_inflation > 6 > found.up_inflation > 4
    with pytest.raises(UnknownQuantityError, match="`los_first`"):
        sensitivity([np.nan, 0, 1], SECOND)


def test_errors_of_the_points_predict_the_difference(result) -> None:
    """Stated standard deviations are true here: observed over predicted is 1 within a fifth."""
    stated = next(c for c in result.calibration if c.definition == "stated")
    assert stated.ratio.value == pytest.approx(1.0, abs=0.2)
    assert stated.ratio.low < 1.0 < stated.ratio.high
    years = np.arange(70) * 12 / 365.25
    formal = np.array([0.004 / FIRST[2], 0.006 / SECOND[2]]) / np.sqrt(np.sum((years - years.mean()) ** 2))
    assert stated.first == pytest.approx(formal[0], rel=0.05) and stated.second == pytest.approx(formal[1], rel=0.05)
    assert result.statistics.sigma.value == pytest.approx(stated.predicted, rel=0.2)
    assert result.first.sigma == result.second.sigma == "stated"


def test_motion_hidden_from_both_tracks_is_not_in_their_difference() -> None:
    """Windows that average over a narrow bowl are wrong by the same in both tracks: the difference does not know it."""
    rng = np.random.default_rng(12)
    hidden = 0.003

    def smoothed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return bowl(x, y) + hidden * np.sin(2 * np.pi * x / 3000.0) * np.sqrt(2)

    tracks = []
    for name, los in (("a", FIRST), ("b", SECOND)):
        made = make_track(name, rng, los=los, up=smoothed, east=still, n=2500)
        part = np.full(made.n_points, hidden * los[2])
        tracks.append(replace(made, velocity_std=np.hypot(made.velocity_std, part), velocity_std_representation=part))
    told = compare_tracks(*tracks, spacing=50.0, options=QUICK)
    stated, formal = (next(c for c in told.calibration if c.definition == d) for d in ("stated", "formal"))
    assert stated.first > 3 * formal.first
    assert stated.predicted == pytest.approx(formal.predicted, rel=0.15)
    nothing = [replace(t, velocity_std_representation=np.zeros(t.n_points)) for t in tracks]
    untold = compare_tracks(*nothing, spacing=50.0, options=QUICK)
    assert next(c for c in untold.calibration if c.definition == "stated").predicted > 3 * stated.predicted
    np.testing.assert_allclose(told.cells.hidden, hidden**2, rtol=0.02)
    assert np.all(told.cells.first.std >= hidden)


def test_the_field_is_seen_by_both(result) -> None:
    s = result.statistics
    assert s.n > 200 and s.pearson.value > 0.95 and s.spearman.value > 0.7
    assert s.slope.low < 1.0 < s.slope.high and s.slope.high - s.slope.low < 0.2
    assert abs(s.bias.value) < 0.0006 and s.bias.low < s.bias.value < s.bias.high
    assert s.limits[0].value == pytest.approx(s.bias.value - 1.96 * s.sigma.value, rel=1e-3)
    assert s.rmse.value == pytest.approx(np.hypot(s.bias.value, s.sigma.value))
    assert s.sigma_per_track.value == pytest.approx(s.sigma.value / np.sqrt(2))
    assert s.robust_sigma.value == pytest.approx(s.sigma.value, rel=0.2)
    assert 50 < s.n_effective < s.n


def test_understated_errors_are_found_out(pair) -> None:
    halved = [replace(p, velocity_std=p.velocity_std / 3) for p in pair]
    found = compare_tracks(*halved, spacing=100.0, options=replace(QUICK, sigma="stated"))
    ratio = next(c for c in found.calibration if c.definition == "stated").ratio
    assert ratio.low > 2.0
    assert compare_tracks(*halved, spacing=100.0, options=QUICK).first.sigma == "temporal"


def test_strata_add_up_and_see_worse_points(pair) -> None:
    rng = np.random.default_rng(5)
    second = pair[1]
    worse = second.coherence < 0.7
    shaken = replace(second, velocity=second.velocity + np.where(worse, 0.006, 0.0) * rng.standard_normal(len(worse)))
    label = lambda e, n, crs: np.where(e > np.median(e), "city", "field")  # noqa: E731
    found = compare_tracks(
        pair[0],
        shaken,
        spacing=100.0,
        options=replace(QUICK, span="given"),
        land=label,
        reference=np.array([[500_000.0, 3_900_000.0]]),
    )
    by = {}
    for s in found.strata:
        by.setdefault(s.by, []).append(s)
    assert set(by) == {"kind", "coherence", "rate", "land", "distance to reference"}
    assert all(sum(s.n for s in rows) == found.statistics.n for rows in by.values())
    assert {s.label for s in by["land"]} == {"city", "field"}
    low = next(s for s in by["coherence"] if s.label == "0.50 to 0.60")
    high = next(s for s in by["coherence"] if s.label == "0.70 to 0.80")
    assert low.sigma.value > 1.5 * high.sigma.value


def test_east_motion_shows_as_the_sensitivity_says() -> None:
    rng = np.random.default_rng(12)
    east = lambda x, y: np.full_like(x + y, 0.02)  # noqa: E731
    tracks = [make_track(n, rng, los=v, up=bowl, east=east, scale=0.002) for n, v in (("a", FIRST), ("b", SECOND))]
    found = compare_tracks(*tracks, spacing=150.0, options=QUICK)
    assert found.statistics.bias.value == pytest.approx(0.02 * found.sensitivity.east, abs=3e-4)


def test_a_plane_is_removed_only_if_asked(pair, result) -> None:
    x = (pair[1].easting - pair[1].easting.mean()) / 6000.0
    tilted = replace(pair[1], velocity=pair[1].velocity + 0.01 * x)
    options = replace(QUICK, span="given")
    plain = compare_tracks(pair[0], tilted, spacing=100.0, options=options)
    assert plain.without_plane is None and plain.plane is None
    found = compare_tracks(pair[0], tilted, spacing=100.0, options=replace(options, remove_plane=True))
    assert found.plane[1] * 6000.0 * SECOND[2] == pytest.approx(0.01, rel=0.1)
    assert found.without_plane.sigma.value < 0.7 * found.statistics.sigma.value
    assert result.without_plane.sigma.value == pytest.approx(result.statistics.sigma.value, rel=0.03)


def test_rates_are_refitted_over_the_common_span() -> None:
    """A rate that changes half way is no disagreement where both tracks are fitted over one span."""
    rng = np.random.default_rng(13)
    long = np.datetime64("2016-01-01") + (12 * np.arange(140)).astype("timedelta64[D]")
    first = make_track("a", rng, los=FIRST, up=bowl, east=still, dates=long, scale=0.002)
    years = (long - long[0]).astype(float) / 365.25
    late = np.where(years > 2.3, 0.02 * (years - 2.3), 0.0) * FIRST[2]
    first = replace(first, displacement=(first.displacement + late).astype(np.float32), velocity=first.velocity + 0.008)
    second = make_track("b", rng, los=SECOND, up=bowl, east=still, scale=0.002)
    given = compare_tracks(first, second, spacing=150.0, options=replace(QUICK, span="given"))
    common = compare_tracks(first, second, spacing=150.0, options=QUICK)
    assert common.span == (second.dates[0], second.dates[-1])
    assert abs(common.statistics.bias.value) < 3e-4 < 5e-3 < abs(given.statistics.bias.value)
    assert np.nanmedian(common.cells.series_rmse) < 0.006


def test_identical_tracks_agree_wholly(pair) -> None:
    found = compare_tracks(pair[0], pair[0], spacing=100.0, options=QUICK)
    s = found.statistics
    assert s.pearson.value == pytest.approx(1.0) and s.rmse.value == 0.0 and s.slope.value == pytest.approx(1.0)
    assert found.sensitivity.east == 0.0 and "any east-west motion" in found.sensitivity.sentence(0.001)
    assert np.nanmax(found.cells.series_rmse) < 1e-6


def test_tracks_that_cannot_be_compared_are_refused(pair) -> None:
    away = replace(pair[1], easting=pair[1].easting + 50_000.0)
    with pytest.raises(ArgumentError, match=r"share at least 10 cells of 100 m .* got 0"):
        compare_tracks(pair[0], away, spacing=100.0)
    with pytest.raises(UnknownQuantityError, match="has no lines of sight"):
        compare_tracks(pair[0], replace(pair[1], los=np.full_like(pair[1].los, np.nan)), spacing=100.0)
    with pytest.raises(ArgumentError, match="got 1 of 1"):
        compare_tracks(*pair, spacing=1e6)
    later = replace(pair[1], dates=pair[1].dates + np.timedelta64(9000, "D"))
    with pytest.raises(ArgumentError, match="must overlap in time"):
        compare_tracks(pair[0], later, spacing=100.0)
    with pytest.raises(ArgumentError, match="`span` must be"):
        AgreementOptions(span="both")


def test_rates_without_series_are_compared_as_given_and_it_is_said(pair) -> None:
    bare = [
        replace(p, dates=p.dates[:0], displacement=np.zeros((p.n_points, 0)), velocity_std=np.full(p.n_points, np.nan))
        for p in pair
    ]
    found = compare_tracks(*bare, spacing=100.0, options=QUICK)
    assert found.cells.series_rmse is None and found.calibration == () and np.isnan(found.cells.difference_std).all()
    assert any("no displacement series" in n for n in found.notes)
    assert any("takes the errors of both tracks for alike" in n for n in found.notes)
    assert found.statistics.pearson.value > 0.9


def test_rates_as_given_need_no_dates(pair) -> None:
    few = replace(pair[0], dates=pair[0].dates[:3], displacement=np.asarray(pair[0].displacement)[:, :3])
    found = vertical_rates(few, None)
    assert found.sigma == "stated" and np.isnan(found.autocorrelation) and np.isnan(found.temporal_std).all()
    np.testing.assert_allclose(found.velocity, few.velocity / few.los[:, 2])
    with pytest.raises(ArgumentError, match="compare the rates as given"):
        vertical_rates(few, (few.dates[0], few.dates[-1]))


def test_a_gap_of_some_points_does_not_make_the_mean_series_jump(pair) -> None:
    track = pair[0].subset(np.arange(60))
    rate = np.where(np.arange(60) < 30, -0.04, 0.0)
    series = (rate[:, None] * track.years).astype(np.float32)
    series[:30, -3:] = np.nan
    series[0, 2:] = np.nan
    members = CellMembers(np.zeros(60, np.int64), 1, np.array([60]))
    got = members.mean_series(replace(track, displacement=series), np.ones(60))[0]
    np.testing.assert_allclose(got, rate[1:].mean() * track.years, atol=1e-6)
    series[:, 5] = np.nan
    assert np.isnan(members.mean_series(replace(track, displacement=series), np.ones(60))[0, 5])


def test_flagged_points_are_left_out(pair) -> None:
    spoilt = pair[1].velocity.copy()
    spoilt[::3] += 1.0
    flags = np.zeros(pair[1].n_points, np.int32)
    flags[::3] = 2
    found = compare_tracks(
        pair[0], replace(pair[1], velocity=spoilt, flags=flags), spacing=100.0, options=replace(QUICK, span="given")
    )
    assert found.statistics.sigma.value < 0.01 and found.usable[1] == 666


def test_intervals_hold_the_truth() -> None:
    """Monte Carlo: bias, sigma and slope are inside their 95 % intervals in 88 to 100 % of 80 draws."""
    rng = np.random.default_rng(21)
    xy = rng.uniform(0, 1, (350, 2)) * (9000, 4000)
    field = 3.0 * noise(rng, xy, share=1.0, length=1000.0, n=1)[:, 0]
    errors = noise(rng, xy, share=0.5, length=250.0, n=160)
    held = {"bias": 0, "sigma": 0, "slope": 0}
    for k in range(80):
        x, y = field + errors[:, k], field + 0.7 + 1.5 * errors[:, 80 + k]
        found = spatial_correlation(y - x, *xy.T)
        blocks = spatial_blocks(*xy.T, block_size(found, *xy.T, least=100.0))
        bootstrap = Bootstrap(blocks, stretch=block_stretch(found, *xy.T, blocks), n_draws=300, seed=k)
        s = agreement_statistics(x, y, bootstrap=bootstrap, error_ratio=2.25)
        for name, true in (("bias", 0.7), ("sigma", np.hypot(1, 1.5)), ("slope", 1.0)):
            estimate = getattr(s, name)
            held[name] += int(estimate.low <= true <= estimate.high)
    assert all(70 <= n <= 80 for n in held.values()), held
    assert sum(held.values()) < 240, "intervals that always hold say nothing"


def test_deming_is_right_where_least_squares_is_flat() -> None:
    rng = np.random.default_rng(31)
    truth = 2.0 * rng.standard_normal(20_000)
    x, y = truth + rng.standard_normal(20_000), 0.5 + 1.2 * truth + 0.7 * rng.standard_normal(20_000)
    means = moments(x, y).mean(axis=0)
    slope, intercept = deming_line(means, 0.49)
    assert float(slope) == pytest.approx(1.2, abs=0.02) and float(intercept) == pytest.approx(0.5, abs=0.03)
    assert np.polyfit(x, y, 1)[0] < 1.0
    back, _ = deming_line(moments(y, x).mean(axis=0), 1 / 0.49)
    assert float(back) == pytest.approx(1 / float(slope))
    with pytest.raises(ArgumentError, match="`ratio` must be positive"):
        deming_line(means, 0.0)


def test_mean_of_a_cell_knows_that_neighbours_are_alike() -> None:
    """Monte Carlo against :func:`cell_means`: the scatter of means of 8 points in a 50 m cell."""
    rng = np.random.default_rng(41)
    grid, n_cells = Grid(50.0), 40
    xy = np.concatenate([rng.uniform(-25, 25, (8, 2)) + np.array([1000.0 * k, 0.0]) for k in range(n_cells)])
    code = grid.code(*xy.T)
    members = CellMembers.of(code, np.unique(code))
    assert members.n_cells == n_cells and np.all(members.count == 8)
    lengths, share = np.array([60.0]), 0.7
    correlation = ErrorCorrelation(lengths, np.full((3, 1), share), np.zeros(0), np.zeros((3, 0)), "known")
    draws = 0.002 * noise(rng, xy, share=share, length=60.0, n=400)
    kind, std = np.zeros(len(xy), np.uint8), np.full(len(xy), 0.002)
    means = np.array([members.mean(d) for d in draws.T])
    args = {"kind": kind, "correlation": correlation, "spacing": 50.0}
    stated = np.array([cell_means(members, d, std, **args).std.mean() for d in draws.T[:40]]).mean()
    assert stated == pytest.approx(means.std(), rel=0.08)
    args["correlation"] = independent_errors()
    naive = np.array([cell_means(members, d, std, **args) for d in draws.T[:1]])[0]
    assert naive.std.mean() < 0.6 * means.std()


def test_scatter_within_cells_is_recovered() -> None:
    rng = np.random.default_rng(42)
    code = np.repeat(np.arange(500), 6)
    members = CellMembers.of(code, np.arange(500))
    values = rng.standard_normal(3000) * np.hypot(0.003, 0.002)
    args = {"kind": np.zeros(3000, np.uint8), "correlation": independent_errors(), "spacing": 50.0}
    found = cell_means(members, values, np.full(3000, 0.002), **args)
    assert found.scatter == pytest.approx(0.003, rel=0.1)
    assert found.std.mean() == pytest.approx(np.hypot(0.003, 0.002) / np.sqrt(6), rel=0.05)


def test_cells_are_centred_where_asked() -> None:
    easting, northing = np.array([-24.0, 24.0, 26.0]), np.array([0.0, 0.0, 49.0])
    for offset, wanted in ((0.0, [0.0, 0.0, 50.0]), (0.5, [-25.0, 25.0, 25.0])):
        grid = Grid(50.0, offset)
        np.testing.assert_allclose(grid.centre(grid.code(easting, northing))[0], wanted)
    with pytest.raises(ArgumentError, match="`spacing` must be positive"):
        Grid(0.0)


def test_interpolation_bridges_no_long_gap_and_does_not_extrapolate() -> None:
    dates = np.array(["2020-01-01", "2020-01-13", "2020-08-01"], "datetime64[D]")
    wanted = np.array(["2019-12-31", "2020-01-01", "2020-01-07", "2020-01-13", "2020-03-01", "2020-08-02"], "M8[D]")
    values, index = interpolate(np.array([[0.0, 12.0, 30.0]]), dates, wanted, max_gap_days=90.0)
    np.testing.assert_array_equal(index, [1, 2, 3])
    np.testing.assert_allclose(values, [[0.0, 6.0, 12.0]])


def test_rates_of_series_with_gaps_are_those_of_least_squares(pair) -> None:
    points = pair[0].subset(np.arange(6))
    series = np.array(points.displacement)
    series[1, 5:15] = np.nan
    series[2, :50] = np.nan
    points = replace(points, displacement=series)
    fit = fit_span(points, points.dates[0], points.dates[-1])
    years = (points.dates - points.dates[0]).astype(float) / 365.25
    design = np.column_stack([np.ones(70), years, np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)])
    for k in (0, 1):
        known = np.isfinite(series[k])
        assert fit.velocity[k] == pytest.approx(np.linalg.lstsq(design[known], series[k, known], rcond=None)[0][1])
    assert np.isnan(fit.velocity[2]) and fit.is_seasonal
    assert common_span(pair[0], pair[1]) == (pair[0].dates[0], pair[0].dates[-1])


def test_a_drift_east_is_no_error_of_one_geometry() -> None:
    """The same geometry twice sees east motion alike: it cancels."""
    rng = np.random.default_rng(51)
    tracks = [make_track(n, rng, los=FIRST, up=bowl, east=drift, scale=0.002) for n in "ab"]
    assert abs(compare_tracks(*tracks, spacing=150.0, options=QUICK).statistics.bias.value) < 2e-4
