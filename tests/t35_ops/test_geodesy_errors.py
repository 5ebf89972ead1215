"""Errors of the comparison with the ground, by simulation: walks of monuments, short spans, few levellings, seasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.points import transform
from subside.ops.geodesy import GroundSeries, compare_ground
from subside.ops.station_rates import fit_station, station_std
from two_tracks import CRS, ORIGIN, los_of, make_track

LOS = los_of(39.0, 349.0)
PLACES = {"A": (500.0, 500.0), "B": (3000.0, 1500.0), "C": (5200.0, 2300.0), "D": (1500.0, 2500.0)}
FIRST = np.datetime64("2016-01-01")


def _flat(x, y):
    return np.zeros_like(x + y)


def _place(name: str, dates, displacement) -> GroundSeries:
    x, y = PLACES[name]
    lon, lat = transform([x + ORIGIN[0]], [y + ORIGIN[1]], source=CRS, target="EPSG:4326")
    return GroundSeries(name, float(lon[0]), float(lat[0]), dates, displacement)


def _daily(name: str, rng, *, walk: float, days: int = 828) -> GroundSeries:
    steps = walk / np.sqrt(365.25) * rng.standard_normal((days, 3))
    return _place(name, FIRST + np.arange(days), np.cumsum(steps, axis=0) + 0.003 * rng.standard_normal((days, 3)))


def _levelled(name: str, dates, up) -> GroundSeries:
    return _place(name, dates, np.column_stack([np.full((len(dates), 2), np.nan), up]))


def _three_epochs(name: str, rng) -> GroundSeries:
    return _levelled(
        name, np.array(["2016-01-15", "2017-01-10", "2018-02-01"], "datetime64[D]"), 0.003 * rng.standard_normal(3)
    )


def _half_yearly(name: str, rng) -> GroundSeries:
    """Four heights with the season of the points of ``make_track`` in them; each station has days of its own."""
    dates = FIRST + 9 + 50 * list(PLACES).index(name) + (182 * np.arange(4)).astype("timedelta64[D]")
    season = 0.003 / LOS[2] * np.sin(2 * np.pi * (dates - FIRST).astype(float) / 365.25)
    return _levelled(name, dates, season + 0.001 * rng.standard_normal(4))


def _strong(dates) -> np.ndarray:
    return 0.01 * np.cos(2 * np.pi * (dates - FIRST).astype(float) / 365.25)


def _held(make: Callable[..., GroundSeries], n: int, *, walk: float = 0.0) -> float:
    z: list[float] = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        track = make_track("a", rng, los=LOS, up=_flat, east=_flat, n=250, scale=0.001)
        found = compare_ground(track, [make(name, rng) for name in PLACES], radius=500.0, walk=walk)
        z += list(found.difference / found.std)
    return float(np.mean(np.abs(z) < 1.96))


@pytest.mark.parametrize(
    "days", [828, pytest.param(600, marks=pytest.mark.slow), pytest.param(400, marks=pytest.mark.slow), 250]
)
def test_errors_are_those_of_the_dates_in_common(days: int) -> None:
    assert 0.90 <= _held(lambda name, rng: _daily(name, rng, walk=0.0, days=days), 150 if days == 400 else 60) <= 0.98


def test_walks_of_monuments_are_part_of_the_error() -> None:
    assert 0.90 <= _held(lambda name, rng: _daily(name, rng, walk=0.001), 120, walk=0.001) <= 0.98
    assert _held(lambda name, rng: _daily(name, rng, walk=0.001), 8) < 0.7


def test_three_levellings_tell_their_error_together() -> None:
    assert 0.90 <= _held(_three_epochs, 60) <= 0.98


def test_few_levellings_are_rid_of_the_season_of_the_points() -> None:
    assert 0.90 <= _held(_half_yearly, 60) <= 0.98
    rng = np.random.default_rng(4)
    track = make_track("a", rng, los=LOS, up=_flat, east=_flat, n=250, scale=0.001)
    track = replace(track, displacement=(np.asarray(track.displacement) + LOS[2] * _strong(track.dates)).astype("f4"))
    mild = [_half_yearly(name, rng) for name in PLACES]
    stations = [replace(s, displacement=s.displacement + _strong(s.dates)[:, None] * (0, 0, 1)) for s in mild]
    found = compare_ground(track, stations, radius=500.0)
    bare = [fit_station(s.along(LOS), (s.dates - FIRST).astype(float) / 365.25).rate for s in stations]
    assert all(s.is_season_taken for s in found.stations)
    assert np.std(bare) > 2 * np.std([s.ground for s in found.stations])


def test_variance_of_a_walk_is_that_of_its_slope() -> None:
    rng = np.random.default_rng(1)
    years = np.sort(rng.uniform(0, 3, 200))
    steps = np.sqrt(np.diff(years, prepend=0.0))
    fits = [fit_station(np.cumsum(steps * rng.standard_normal(200)), years) for _ in range(400)]
    assert np.std([f.rate for f in fits]) == pytest.approx(fits[0].walk_gain, rel=0.1)


def test_stated_errors_are_a_floor_and_used_alone_where_nothing_else_tells() -> None:
    years = np.array([0.0, 1.0])
    assert np.isnan(station_std([fit_station(np.array([0.0, 0.01]), years)], walk=0.0)).all()
    stated = fit_station(np.array([0.0, 0.01]), years, std=np.array([0.002, 0.002]))
    assert station_std([stated], walk=0.0)[0] == pytest.approx(0.002 * np.sqrt(2))
    many = np.linspace(0, 3, 40)
    quiet = fit_station(1e-6 * np.random.default_rng(2).standard_normal(40), many, std=np.full(40, 0.003))
    assert station_std([quiet], walk=0.0)[0] == pytest.approx(0.003 * quiet.gain)
    with pytest.raises(ArgumentError, match="`walk`"):
        station_std([quiet], walk=-1.0)
    with pytest.raises(ArgumentError, match="two dates"):
        fit_station(np.zeros(1), np.zeros(1))


def test_a_station_that_shares_too_few_dates_is_left_out_with_the_reason() -> None:
    rng = np.random.default_rng(3)
    track = make_track("a", rng, los=LOS, up=_flat, east=_flat, n=250, scale=0.001)
    short = _place("D", FIRST + np.arange(28), 0.003 * rng.standard_normal((28, 3)))
    found = compare_ground(track, [*(_daily(n, rng, walk=0.0) for n in "ABC"), short], radius=500.0)
    assert {s.name: s.reason for s in found.stations}["D"].startswith("the points have too few dates")
    assert len(found.names) == 2
