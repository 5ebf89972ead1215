"""Density, gaps and statistics of polygons against numbers known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import shapely

from corridor_points import ORIGIN, as_track, correlation, make_points, straight
from subside.errors import ArgumentError
from subside.ops.corridor.coverage import density_along, measure_coverage
from subside.ops.corridor.polygons import TrackDatum, polygon_statistics

LINE = straight(10_000.0)
NO_BIAS = TrackDatum(np.zeros(1))


def _still(s: np.ndarray) -> np.ndarray:
    return np.zeros(len(s))


def _box(x0: float, y0: float, x1: float, y1: float):  # type: ignore[no-untyped-def]
    return shapely.box(ORIGIN[0] + x0, ORIGIN[1] + y0, ORIGIN[0] + x1, ORIGIN[1] + y1)


def test_density_by_kind_track_and_land() -> None:
    points = make_points(LINE, _still, density=300, half_width=2000)
    track = as_track(points, LINE)
    land = {"urban": _box(0, -3000, 4000, 3000), "rural": _box(4000, -3000, 20_000, 3000)}
    found = measure_coverage([track], LINE, half_width=1000.0, land=land)
    table = {(d.kind, d.land): d for d in found.densities}
    assert table["all", "all"].area_km2 == pytest.approx(20.0, rel=0.01)
    assert table["all", "all"].per_km2 == pytest.approx(300, rel=0.06)
    assert table["PS", "all"].per_km2 == pytest.approx(120, rel=0.12)
    assert table["PS", "all"].n_points + table["DS", "all"].n_points == table["all", "all"].n_points
    assert table["all", "urban"].area_km2 == pytest.approx(8.0, rel=0.01)
    assert table["all", "urban"].n_points + table["all", "rural"].n_points == table["all", "all"].n_points
    inside = (np.abs(points.northing - ORIGIN[1]) <= 1000) & (points.easting >= ORIGIN[0])
    assert table["all", "all"].n_points == pytest.approx(inside.sum(), abs=12)
    along = density_along([track], LINE, half_width=1000.0, step=1000.0)
    assert along.by == "kind" and sum(along.per_km2.values()).mean() == pytest.approx(300, rel=0.06)
    by_land = density_along([track], LINE, half_width=1000.0, step=1000.0, land=land)
    assert by_land.per_km2["urban"][:4].min() > 200 and by_land.per_km2["urban"][4:].max() == 0


def test_two_tracks_add_up_and_cells_are_counted() -> None:
    a, b = (as_track(make_points(LINE, _still, seed=k, density=100, name="AB"[k]), LINE) for k in range(2))
    found = measure_coverage([a, b], LINE, half_width=400.0)
    total = next(d for d in found.densities if d.track == "all" and d.kind == "all")
    assert total.n_points == sum(d.n_points for d in found.densities if d.track in "AB" and d.kind == "all")
    assert 0.6 * found.n_cells < found.occupied_cells <= found.n_cells * 1.05


def test_gaps_and_the_longest_uncovered_length() -> None:
    points = make_points(LINE, _still, density=2000, half_width=300)
    s = points.easting - ORIGIN[0]
    track = as_track(points.subset(~((s > 3000) & (s < 4000)) & ~((s > 7000) & (s < 7400))), LINE)
    found = measure_coverage([track], LINE, half_width=300.0, reach=100.0)
    assert [round(g.length, -2) for g in found.gaps[:2]] == [800.0, 200.0]
    assert found.longest_uncovered == pytest.approx(800, abs=60)
    assert found.gaps[0].start == pytest.approx(3100, abs=40) and not found.gaps[0].is_outside
    assert found.outside < 30


def test_a_line_that_leaves_the_data_is_said_so() -> None:
    points = make_points(LINE, _still, density=500, half_width=300)
    track = as_track(points.subset(points.easting < ORIGIN[0] + 6000), LINE)
    found = measure_coverage([track], LINE, half_width=300.0)
    assert found.outside == pytest.approx(4000, abs=50)
    assert found.gaps[0].is_outside and found.longest_uncovered < 500
    whole = next(d for d in found.densities if d.kind == "all")
    assert whole.per_km2 == pytest.approx(500, rel=0.1)


def test_a_gap_is_cut_where_the_data_end() -> None:
    line = straight(20_000.0)
    points = make_points(line, _still, density=500, half_width=600)
    s, off = points.easting - ORIGIN[0], points.northing - ORIGIN[1]
    track = as_track(points.subset((s < 4000) | ((s < 10_000) & (np.abs(off) > 300))), line)
    found = measure_coverage([track], line, half_width=600.0)
    outside, inside = found.gaps[:2]
    assert outside.is_outside and (outside.start, outside.end) == (pytest.approx(10_000, abs=60), 20_000.0)
    assert not inside.is_outside and (inside.start, inside.end) == (pytest.approx(4050, abs=60), outside.start)
    assert found.longest_uncovered == inside.length == pytest.approx(5950, abs=100)
    assert found.uncovered == pytest.approx(15_950, abs=100) and found.outside == pytest.approx(outside.length, abs=1)


def test_statistics_of_a_polygon() -> None:
    bowl = lambda s: np.where((s > 4000) & (s < 6000), -0.030, 0.0)  # noqa: E731
    track = as_track(make_points(LINE, bowl, density=800, half_width=1000), LINE)
    city = _box(4000, -900, 7000, 900)
    found = polygon_statistics("city", city, [track], datum=NO_BIAS)
    assert found.area_km2 == pytest.approx(5.4)
    assert found.per_km2 == pytest.approx(800, rel=0.05)
    assert found.mean == pytest.approx(-0.020, abs=3 * found.mean_std + 0.0005)
    assert found.affected_km2 == pytest.approx(3.6, abs=0.1)
    assert found.affected_low <= 3.6 <= found.affected_high + 0.05
    assert found.p05 < -0.028 and found.p95 > -0.003 and found.lowest < -0.028
    nothing = polygon_statistics("sea", _box(50_000, 0, 51_000, 1000), [track], datum=NO_BIAS)
    assert (
        nothing.n_points == nothing.covered_km2 == 0
        and np.isnan(nothing.per_km2)
        and np.isnan(nothing.mean)
        and np.isnan(nothing.affected_km2)
    )
    with pytest.raises(ArgumentError, match="must be a polygon"):
        polygon_statistics("line", LINE.geometry, [track], datum=NO_BIAS)


@pytest.mark.parametrize("turn", [0.0, 35.0])
def test_the_density_of_a_polygon_is_that_of_its_covered_part(turn: float) -> None:
    line = straight(10_000.0)
    track = as_track(make_points(line, _still, density=800, half_width=500), line)
    points, middle = track.points, (ORIGIN[0] + 5000.0, ORIGIN[1])
    strip = shapely.affinity.rotate(
        shapely.MultiPoint(np.column_stack([points.easting, points.northing])), turn, middle
    )
    east, north = shapely.get_coordinates(strip).T
    track = replace(track, points=replace(points, easting=east, northing=north))
    wide = _box(3000, -5000, 7000, 5000)
    found = polygon_statistics("city", wide, [track], datum=NO_BIAS)
    length = 4.0 / np.cos(np.radians(turn))
    assert found.area_km2 == pytest.approx(40.0)
    assert found.covered_km2 == pytest.approx(length, rel=0.12)
    assert found.per_km2 == pytest.approx(800, rel=0.12)
    away = polygon_statistics("airport", _box(3000, 2500, 4000, 4500), [track], datum=NO_BIAS)
    assert away.covered_km2 == away.n_points == 0 and np.isnan(away.per_km2)


def test_the_mean_of_a_polygon_is_covered_by_its_interval() -> None:
    shared = correlation((0.2, 0.4), (150.0, 2000.0))
    pulls = []
    for seed in range(60):
        line = straight(3000.0)
        track = as_track(make_points(line, _still, seed=seed, density=150, shared=shared), line, shared)
        found = polygon_statistics("box", _box(0, -500, 3000, 500), [track], datum=NO_BIAS)
        pulls.append(found.mean / found.mean_std)
    assert 0.88 <= np.mean(np.abs(pulls) < 1.96) <= 1.0
    assert 0.7 < np.std(pulls) < 1.3


@pytest.mark.parametrize(
    ("rate", "share"), [(lambda s: 0.0 * s - 0.006, 0.0), (lambda s: -0.020 * s / 4000, 0.5)], ids=["calm", "ramp"]
)
def test_the_area_affected_is_covered_by_its_interval(rate: Callable[[np.ndarray], np.ndarray], share: float) -> None:
    shared = correlation((0.2, 0.2), (150.0, 5000.0))
    line = straight(4000.0)
    hits, found = [], []
    for seed in range(40):
        track = as_track(make_points(line, rate, seed=seed, density=150, sigma=0.003, shared=shared), line, shared)
        box = polygon_statistics("box", _box(0, -500, 4000, 500), [track], datum=NO_BIAS)
        true = share * box.occupied_km2
        hits.append(box.affected_low - 0.01 <= true <= box.affected_high + 0.01)
        found.append(box.affected_km2 - true)
    assert np.mean(hits) >= 0.90, np.mean(hits)
    assert abs(np.mean(found)) < 0.05, np.mean(found)


def test_the_area_affected_holds_the_reference_areas_of_the_tracks() -> None:
    shared = correlation((0.0, 0.0))
    line = straight(4000.0)
    hits = []
    for seed in range(60):
        moved = np.random.default_rng(seed).normal(0.0, 0.0015, 2)
        tracks = []
        for k in range(2):
            points = make_points(line, lambda s: -0.020 * s / 4000, seed=2 * seed + k, density=80, shared=shared)
            track = as_track(points, line, shared)
            tracks.append(replace(track, rate=track.rate + moved[k]))
        half = 0.5 * float(moved[0] - moved[1])
        datum = TrackDatum(np.array([half, -half]), 0.0, abs(half))
        box = polygon_statistics("box", _box(0, -500, 4000, 500), tracks, datum=datum, cell=200.0)
        hits.append(box.affected_low <= 0.5 * box.occupied_km2 <= box.affected_high)
    assert 0.90 <= np.mean(hits) <= 0.99, np.mean(hits)


def test_standard_deviations_that_are_too_small_widen_the_mean_of_a_polygon() -> None:
    shared, line = correlation((0.0, 0.0)), straight(4000.0)
    pulls = []
    for seed in range(60):
        track = as_track(make_points(line, _still, seed=seed, density=100, sigma=0.003, shared=shared), line, shared)
        formal = replace(track, std=track.std / 3)
        few = polygon_statistics("box", _box(0, -500, 4000, 500), [formal], datum=NO_BIAS)
        pulls.append(few.mean / few.mean_std)
    assert np.mean(np.abs(pulls) < 1.96) >= 0.90, np.mean(np.abs(pulls) < 1.96)
