"""Chainage and offset against a loop over segments."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from corridor_points import ORIGIN, straight
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, transform
from subside.ops.corridor.bins import Structure, make_bins
from subside.ops.corridor.chainage import CorridorLine, chainage_label, locate_points, self_crossings


def _wiggly(n: int, length: float) -> CorridorLine:
    s = np.linspace(0, length, n)
    return CorridorLine.from_geometry(
        shapely.LineString(np.column_stack([s, 800 * np.sin(s / 3000) + 200 * np.sin(s / 500)])),
        chainage_start=12_000.0,
    )


def _oracle(line: CorridorLine, x: float, y: float) -> tuple[float, float]:
    """Nearest place on the line by trying every segment; the side by angles at the foot."""
    best = (np.inf, 0.0, 0.0)
    for k in range(len(line.vertices) - 1):
        a, b = line.vertices[k], line.vertices[k + 1]
        t = min(max(np.dot([x - a[0], y - a[1]], b - a) / np.dot(b - a, b - a), 0), 1)
        foot = a + t * (b - a)
        d = np.hypot(x - foot[0], y - foot[1])
        if d < best[0] - 1e-9:
            eps = 1e-3
            s = line.along[k] + t * np.hypot(*(b - a))
            before = np.column_stack(line.position_at(line.chainage_start + s - eps))[0]
            after = np.column_stack(line.position_at(line.chainage_start + s + eps))[0]
            turn = (after[0] - before[0]) * (y - foot[1]) - (after[1] - before[1]) * (x - foot[0])
            best = (d, line.chainage_start + s, d if turn >= 0 else -d)
    return best[1], best[2]


def test_chainage_and_offset_equal_those_of_a_loop_over_segments() -> None:
    line = _wiggly(200, 20_000.0)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 20_000, 400), rng.uniform(-2500, 2500, 400)
    got = locate_points(line, (x, y), max_distance=1500.0)
    wanted = np.array([_oracle(line, a, b) for a, b in zip(x, y, strict=True)])
    near = np.abs(wanted[:, 1]) <= 1500
    assert 100 < near.sum() < 400
    assert np.array_equal(np.isfinite(got.chainage), near)
    np.testing.assert_allclose(got.chainage[near], wanted[near, 0], atol=1e-6)
    np.testing.assert_allclose(got.offset[near], wanted[near, 1], atol=1e-6)
    assert (wanted[near, 1] > 0).any() and (wanted[near, 1] < 0).any()


def test_the_side_is_right_at_a_sharp_corner() -> None:
    line = CorridorLine.from_geometry(shapely.LineString([(0, 0), (100, 0), (20, 60)]))
    got = locate_points(line, (np.array([130.0, 110.0, 60.0]), np.array([5.0, -20.0, 10.0])))
    assert got.offset[0] < 0 and got.offset[1] < 0 and got.offset[2] > 0


def test_points_before_and_after_the_line_are_beyond_it() -> None:
    line = straight(1000.0)
    x = ORIGIN[0] + np.array([-50.0, 500.0, 1050.0])
    got = locate_points(line, (x, np.full(3, ORIGIN[1] + 10)))
    assert got.is_beyond.tolist() == [True, False, True]
    assert got.within(100.0).tolist() == [False, True, False]
    assert got.offset[1] == pytest.approx(10.0)


@pytest.mark.slow
def test_a_million_points_are_referred_to_a_long_line_in_seconds(record_property: pytest.FixtureRequest) -> None:
    import time

    line = _wiggly(4000, 150_000.0)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 150_000, 1_000_000), rng.uniform(-10_000, 10_000, 1_000_000)
    began = time.process_time()
    got = locate_points(line, (x, y), max_distance=3000.0)
    took = time.process_time() - began
    record_property("seconds", took)  # type: ignore[operator]
    assert np.isfinite(got.chainage).sum() > 250_000
    assert took < 20.0


def test_crossings_are_found_with_both_chainages() -> None:
    line = CorridorLine.from_geometry(
        shapely.LineString([(0, 0), (1000, 0), (1000, 500), (500, 500), (500, -500)]), chainage_start=100.0
    )
    (crossing,) = self_crossings(line)
    assert (crossing.easting, crossing.northing) == (500.0, 0.0)
    assert crossing.first == pytest.approx(600.0) and crossing.second == pytest.approx(100 + 1000 + 500 + 500 + 500)
    assert self_crossings(straight(1000.0)) == ()
    loop = locate_points(line, (np.array([510.0]), np.array([200.0])))
    assert loop.chainage[0] == pytest.approx(100 + 2000 + 300)


@pytest.mark.parametrize("second", [[(10, 0), (30, 0)], [(30, 0), (10.5, 0)]])
def test_parts_are_joined_where_a_line_is_read_and_nowhere_else(second: list[tuple[float, float]]) -> None:
    with pytest.raises(ArgumentError, match="one LineString, got MultiLineString"):
        CorridorLine.from_geometry(shapely.MultiLineString([[(0, 0), (10, 0)], second]))


def test_what_is_no_line_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must have a length"):
        CorridorLine.from_geometry(shapely.LineString([(1, 1), (1, 1)]))
    with pytest.raises(ArgumentError, match="one LineString, got Point"):
        CorridorLine.from_geometry(shapely.Point(0, 0))


@pytest.mark.parametrize(
    ("chainage", "text"),
    [(12_345.4, "DK12+345"), (0.0, "DK0+000"), (999.6, "DK1+000"), (-120.0, "DK-0+120"), (np.nan, "DK?")],
)
def test_a_chainage_reads_like_a_milepost(chainage: float, text: str) -> None:
    assert chainage_label(chainage) == text


def test_a_reversed_line_counts_from_its_other_end() -> None:
    line = CorridorLine.from_geometry(shapely.LineString([(0, 0), (100, 0)]), is_reversed=True)
    got = locate_points(line, (np.array([90.0]), np.array([5.0])))
    assert got.chainage[0] == pytest.approx(10.0) and got.offset[0] == pytest.approx(-5.0)


def test_bins_are_cut_at_joints() -> None:
    line = straight(1000.0)
    bins = make_bins(line, 100.0, structures=[Structure(250.0, 420.0, "bridge", "B1")])
    assert {250.0, 420.0} <= set(bins.start.round(6))
    np.testing.assert_allclose(bins.start[1:], bins.end[:-1])
    assert bins.end[-1] == pytest.approx(1000.0) and bins.start[0] == 0
    assert set(bins.structure[(bins.centre > 250) & (bins.centre < 420)]) == {"bridge"}
    assert [len(set(bins.segment[k])) for k in (bins.centre < 250, bins.centre > 420)] == [1, 1]
    assert len(set(bins.segment)) == 3
    assert bins.bin_of(np.array([-1.0, 0.0, 249.0, 251.0, 1000.0, np.nan])).tolist() == [-1, 0, 2, 3, 11, -1]
    with pytest.raises(ArgumentError, match="must not overlap"):
        make_bins(line, 100.0, structures=[Structure(0, 300, "a"), Structure(200, 400, "b")])
    with pytest.raises(ArgumentError, match="`step` must lie in"):
        make_bins(line, 5000.0)


@pytest.mark.parametrize(
    ("crs", "ends", "scale"),
    [
        ("EPSG:3035", ((-8.0, 40.0), (-3.0, 40.0)), 1.0027),
        ("EPSG:3035", ((12.5, 37.5), (15.5, 37.5)), 1.0076),
        ("EPSG:32650", ((115.2, 34.6), (116.2, 35.6)), 0.9998),
        ("EPSG:32650", ((110.0, 35.0), (124.0, 35.0)), 1.0013),
    ],
)
def test_chainage_is_length_on_the_ellipsoid_and_azimuth_counts_from_true_north(
    crs: str, ends: tuple[tuple[float, float], tuple[float, float]], scale: float
) -> None:
    geod = pyproj.Geod(ellps="WGS84")
    between = np.array(geod.npts(*ends[0], *ends[1], 399))
    lon, lat = np.vstack([ends[0], between, ends[1]]).T
    x, y = transform(lon, lat, source=GEOGRAPHIC, target=crs)
    # Few vertices: the scale changes along the segments between them.
    line = CorridorLine.from_geometry(shapely.LineString(np.column_stack([x, y])[::20]), crs=crs, chainage_start=500.0)
    wanted = 500.0 + np.array([geod.inv(*ends[0], a, b)[2] for a, b in zip(lon, lat, strict=True)])
    assert line.length == pytest.approx(wanted[-1] - 500.0, rel=2e-5)
    assert line.plane_scale == pytest.approx(scale, abs=1e-4)
    found = locate_points(line, (x, y))
    np.testing.assert_allclose(found.chainage, wanted, rtol=2e-5, atol=1.0)
    east, north = line.position_at(wanted)
    assert np.hypot(east - x, north - y)[::20].max() < 15.0
    forward = geod.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[0] % 360
    assert np.abs(line.azimuth_at(0.5 * (wanted[1:] + wanted[:-1])) - forward).max() < 0.3
    middle = geod.inv(lon[200], lat[200], lon[201], lat[201])[0] % 360
    assert line.mean_azimuth == pytest.approx(middle, abs=0.3)


def test_a_crossing_has_both_chainages_on_the_ellipsoid() -> None:
    x, y = transform([9.0], [53.0], source=GEOGRAPHIC, target="EPSG:3035")
    path = np.array([(0, 0), (9000, 0), (9000, 500), (4500, 500), (4500, -500)], float) + np.column_stack([x, y])
    line = CorridorLine.from_geometry(shapely.LineString(path), crs="EPSG:3035")
    (crossing,) = self_crossings(line)
    at = np.column_stack(line.position_at(np.array([crossing.first, crossing.second])))
    np.testing.assert_allclose(at, np.tile([crossing.easting, crossing.northing], (2, 1)), atol=1e-3)
