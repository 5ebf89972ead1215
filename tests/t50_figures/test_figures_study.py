"""Maps of the study area, networks of all tracks, and rates of all tracks on one scale."""

from __future__ import annotations

import numpy as np
import pytest
from figure_inputs import make_network

from subside.errors import ArgumentError
from subside.figures.geographic import MapBox, MapShape, MapSites, extent_of, hull_of
from subside.figures.study_area import MapBackground, StudyAreaInput, study_area_figure
from subside.figures.style import FigureResult
from subside.figures.track_networks import TrackNetworksInput, track_networks_figure
from subside.figures.track_rates import TrackRates, TrackRatesInput, track_rates_figure

SQUARE = MapShape("square", np.array([115.0, 115.1, 115.1, 115.0]), np.array([35.0, 35.0, 35.1, 35.1]))
LINE = MapShape("railway", np.array([115.0, 115.1]), np.array([35.0, 35.0]))


def drawn(result: FigureResult) -> None:
    result.figure.canvas.draw()


def rates(name: str, *, factor: float = 1.0, n: int = 500) -> TrackRates:
    rng = np.random.default_rng(3)
    lon, lat = 115.0 + 0.1 * rng.random(n), 35.0 + 0.1 * rng.random(n)
    return TrackRates(name, lon, lat, factor * rng.normal(0, 0.01, n))


def test_the_map_of_the_area_measures_what_it_shows() -> None:
    sites = (MapSites("rural", ("R1",), np.array([115.05]), np.array([35.05])),)
    background = MapBackground(
        np.random.default_rng(0).random((20, 30)), extent_of([(SQUARE.longitude, SQUARE.latitude)]), "relief"
    )
    result = study_area_figure(StudyAreaInput((SQUARE,), (LINE,), (SQUARE,), sites, background))
    drawn(result)
    width = 0.1 * 111.195 * np.cos(np.radians(35.05))
    assert result.numbers["tracks"][0]["area_km2"] == pytest.approx(width * 11.1195, rel=2e-3)
    assert result.numbers["lines"][0]["length_km"] == pytest.approx(0.1 * 111.195 * np.cos(np.radians(35.0)), rel=1e-3)
    assert result.numbers["sites"] == {"rural": ["R1"]}
    assert 0.1 < result.numbers["scale_bar_km"] / width < 0.3


def test_an_empty_map_is_refused() -> None:
    with pytest.raises(ArgumentError, match="got none"):
        study_area_figure(StudyAreaInput())
    with pytest.raises(ArgumentError, match="two vertices"):
        MapShape("dot", np.array([1.0]), np.array([1.0]))


def test_outline_of_points() -> None:
    rng = np.random.default_rng(5)
    lon = np.r_[0.0, 1.0, 1.0, 0.0, 0.1 + 0.8 * rng.random(50), np.nan]
    lat = np.r_[0.0, 0.0, 1.0, 1.0, 0.1 + 0.8 * rng.random(50), 0.5]
    hull = hull_of(lon, lat, "track")
    assert {(x, y) for x, y in zip(hull.longitude, hull.latitude, strict=True)} == {(0, 0), (1, 0), (1, 1), (0, 1)}
    with pytest.raises(ArgumentError, match="three points"):
        hull_of(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "track")


def test_networks_share_their_axes_and_keep_their_counts() -> None:
    inputs = {"S1-40": make_network(30), "S1-142": make_network(16)}
    result = track_networks_figure(TrackNetworksInput(inputs))
    drawn(result)
    first, second = result.figure.axes
    assert first.get_ylim() == second.get_ylim() and first.get_xlim() == second.get_xlim()
    for name, data in inputs.items():
        numbers = result.numbers["tracks"][name]
        assert numbers["n_used"] == numbers["n_kept"] + numbers["n_added"] == int(data.network.is_used.sum())
        assert numbers["n_dates"] == len(data.dates)
    with pytest.raises(ArgumentError, match="got none"):
        track_networks_figure(TrackNetworksInput({}))


def test_rates_share_one_scale_whatever_their_spread() -> None:
    pair = (rates("S1-40"), rates("S1-142", factor=0.1))
    result = track_rates_figure(TrackRatesInput(pair, (LINE,), (MapBox("a", 115.02, 35.02, 115.04, 35.05),)))
    drawn(result)
    panels = [a for a in result.figure.axes if a.collections and "points" in a.get_title(loc="left")]
    limits = {c.get_clim() for a in panels for c in a.collections if c.get_array() is not None}
    limit = result.numbers["limit_mm_yr"]
    assert len(panels) == 2 and limits == {(-limit, limit)}
    assert result.numbers["tracks"]["S1-40"]["p95"] == pytest.approx(
        10 * result.numbers["tracks"]["S1-142"]["p95"], rel=1e-4
    )
    assert panels[0].get_xlim() == panels[1].get_xlim()
    given = track_rates_figure(TrackRatesInput(pair, limit_mm_yr=80.0))
    assert given.numbers["limit_mm_yr"] == 80.0


def test_many_points_and_one_track() -> None:
    result = track_rates_figure(TrackRatesInput((rates("S1-40", n=60_000),)))
    drawn(result)
    assert result.numbers["tracks"]["S1-40"]["n"] == 60_000
    with pytest.raises(ArgumentError, match="got none"):
        track_rates_figure(TrackRatesInput(()))
