"""Points against GNSS and levelling: double differences along the line of sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.points import transform
from subside.ops.geodesy import GroundSeries, compare_ground, compare_vertical
from two_tracks import CRS, ORIGIN, bowl, drift, los_of, make_track

LOS = los_of(39.0, 349.0)
PLACES = {"A": (500.0, 500.0), "B": (3000.0, 1500.0), "C": (5200.0, 2300.0), "D": (1500.0, 2500.0)}


def station(name: str, place: tuple[float, float], rng, *, noise: float = 0.003, height_only: bool = False):
    dates = np.datetime64("2015-06-01") + (30 * np.arange(48)).astype("timedelta64[D]")
    years = (dates - dates[0]).astype(float) / 365.25
    x, y = (np.array(v) for v in place)
    motion = np.column_stack([drift(x, y) * years, np.zeros_like(years), bowl(x, y) * years])
    motion += noise * rng.standard_normal(motion.shape)
    if height_only:
        motion[:, :2] = np.nan
    lon, lat = transform([place[0] + ORIGIN[0]], [place[1] + ORIGIN[1]], source=CRS, target="EPSG:4326")
    return GroundSeries(name, float(lon[0]), float(lat[0]), dates, motion)


@pytest.fixture(scope="module")
def points():
    track = make_track("a", np.random.default_rng(1), los=LOS, up=bowl, east=drift, n=1500, scale=0.003)
    shifted = np.array(track.displacement) + np.float32(0.05) * track.years[None, :].astype(np.float32)
    return replace(track, displacement=shifted)


def test_gnss_is_projected_and_the_datum_cancels(points) -> None:
    rng = np.random.default_rng(2)
    found = compare_ground(points, [station(n, p, rng) for n, p in PLACES.items()], radius=300.0, reference="A")
    assert found.reference == "A" and found.names == ("B", "C", "D")
    np.testing.assert_allclose(
        found.distance, [np.hypot(p[0] - 500, p[1] - 500) for p in list(PLACES.values())[1:]], atol=1
    )
    true = [LOS[2] * bowl(*map(np.array, p)) + LOS[0] * drift(*map(np.array, p)) for p in PLACES.values()]
    np.testing.assert_allclose(found.ground, np.array(true[1:]) - true[0], atol=2.5e-3)
    assert np.ptp(found.ground) > 0.01
    assert found.rmse < 2.5e-3 and found.mae <= found.rmse and found.pearson > 0.95
    assert 0.1 < found.z_rms < 2.0


def test_errors_are_as_stated() -> None:
    """Monte Carlo over scenes: differences over their standard deviations scatter by about 1, and not less than 0.6."""
    z = []
    for seed in range(10):
        rng = np.random.default_rng(100 + seed)
        flat = lambda x, y: np.zeros_like(x + y)  # noqa: E731
        track = make_track("a", rng, los=LOS, up=flat, east=flat, n=250, scale=0.004)
        still = [replace_motion(station(n, p, rng), rng) for n, p in PLACES.items()]
        found = compare_ground(track, still, radius=500.0, reference="A")
        z += list(found.difference / found.std)
    assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.35


def replace_motion(series: GroundSeries, rng) -> GroundSeries:
    return replace(series, displacement=0.003 * rng.standard_normal(series.displacement.shape))


def test_levelling_is_taken_along_the_line_of_sight_and_said_to_be_height_only(points) -> None:
    rng = np.random.default_rng(3)
    found = compare_ground(
        points, [station(n, p, rng, height_only=True) for n, p in PLACES.items()], radius=300.0, reference="A"
    )
    assert all(s.is_height_only for s in found.stations)
    b = next(s for s in found.stations if s.name == "B")
    assert b.ground == pytest.approx(LOS[2] * float(bowl(np.array(3000.0), np.array(1500.0))), abs=2e-3)


def test_stations_without_points_or_dates_are_left_out_with_the_reason(points) -> None:
    rng = np.random.default_rng(4)
    good = [station(n, p, rng) for n, p in PLACES.items()]
    far = replace(good[0], name="far", latitude=good[0].latitude + 1.0)
    early = replace(good[1], name="early", dates=good[1].dates - np.timedelta64(4000, "D"))
    found = compare_ground(points, [*good, far, early], radius=300.0)
    reasons = {s.name: s.reason for s in found.stations if s.reason}
    assert reasons["far"].startswith("no point within 300 m") and "fewer than three dates" in reasons["early"]
    assert len(found.names) == 3 and found.reference in PLACES
    with pytest.raises(ArgumentError, match=r"at least two that can be compared, got 0 .*far: no point"):
        compare_ground(points, [far])
    with pytest.raises(ArgumentError, match="`reference` must be a station"):
        compare_ground(points, good, radius=300.0, reference="Z")
    with pytest.raises(ArgumentError, match="`radius`"):
        compare_ground(points, good, radius=0.0)


def test_two_sides_together_give_up_although_the_ground_moves_east() -> None:
    rng = np.random.default_rng(8)
    looks = (los_of(39.0, 349.0), los_of(39.0, 191.0))
    tracks = [
        make_track(n, rng, los=v, up=bowl, east=drift, n=1500, scale=0.003) for n, v in zip("ab", looks, strict=True)
    ]
    stations = [station(n, p, rng) for n, p in PLACES.items()]
    each = [compare_ground(t, stations, radius=300.0) for t in tracks]
    both, is_split = compare_vertical(tracks, each, stations, reference="A")
    assert is_split
    up = [float(bowl(*map(np.array, p))) for p in PLACES.values()]
    np.testing.assert_allclose(both.ground, np.array(up[1:]) - up[0], atol=2.5e-3)
    assert both.rmse < 2.5e-3
    assert 0.1 < both.z_rms < 2.0
    alone, is_split = compare_vertical([tracks[0], tracks[0]], [each[0], each[0]], stations, reference="A")
    assert not is_split
    # one side takes the eastward drift for a vertical one
    east = np.array([float(drift(*map(np.array, p))) for p in PLACES.values()]) * looks[0][0] / looks[0][2]
    np.testing.assert_allclose(alone.difference, east[1:] - east[0], atol=3e-3)
    with pytest.raises(ArgumentError, match="two or more"):
        compare_vertical(tracks[:1], each[:1], stations)
