"""Figures of mining basins: what is drawn and the numbers beside it."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from subside.errors import ArgumentError
from subside.figures.basins import (
    BasinMapInput,
    FringeRateInput,
    GalleryInput,
    GalleryPair,
    RiskInput,
    basin_map_figure,
    fringe_rate_figure,
    gallery_figure,
    risk_figure,
    smooth_outline,
)

LONGITUDE, LATITUDE = np.meshgrid(np.linspace(115.0, 115.03, 20), np.linspace(35.0, 35.02, 15))


def test_a_gallery_shows_each_pair_once(tmp_path) -> None:
    phase = np.full(LONGITUDE.shape, 0.5)
    phase[0, 0] = np.nan
    pairs = [GalleryPair(f"pair {k}", phase, np.full(phase.shape, 0.1 * k), LONGITUDE, LATITUDE) for k in range(4)]
    result = gallery_figure(GalleryInput("a", pairs, 0.0277))
    assert [p["title"] for p in result.numbers["pairs"]] == [f"pair {k}" for k in range(4)]
    assert result.numbers["pairs"][3]["mean_coherence"] == pytest.approx(0.3)
    assert sum(axes.get_visible() for axes in result.figure.axes) == 5
    result.figure.savefig(tmp_path / "gallery.png")
    with pytest.raises(ArgumentError, match="pairs"):
        gallery_figure(GalleryInput("a", [], 0.0277))


def test_fringe_rates_count_what_is_beyond_the_limit(tmp_path) -> None:
    gradient = np.zeros(LONGITUDE.shape)
    gradient[:, :5] = 2e-3
    gradient[0] = np.nan
    result = fringe_rate_figure(FringeRateInput("t", LONGITUDE, LATITUDE, gradient, 1e-3))
    assert result.numbers["share_beyond_limit"] == pytest.approx(0.25)
    assert result.numbers["share_known"] == pytest.approx(14 / 15)
    result.figure.savefig(tmp_path / "fringes.png")
    unknown = fringe_rate_figure(FringeRateInput("t", LONGITUDE, LATITUDE, np.full(LONGITUDE.shape, np.nan), 1e-3))
    assert unknown.numbers["share_beyond_limit"] is None


def test_risk_is_drawn_a_panel_a_track(tmp_path) -> None:
    rng = np.random.default_rng(0)
    east, north = rng.uniform(0, 5000, (2, 400))
    risky = np.hypot(east - 2500, north - 2500) < 800
    shape = shapely.Point(2500, 2500).buffer(800)
    result = risk_figure([RiskInput(n, east, north, risky, risky * 0.9, [shape]) for n in ("a", "b")])
    assert result.numbers["tracks"]["b"]["share"] == pytest.approx(risky.mean())
    assert risky.any()
    result.figure.savefig(tmp_path / "risk.png")
    with pytest.raises(ArgumentError, match="tracks"):
        risk_figure([])


def test_the_map_draws_basins_and_layers(tmp_path) -> None:
    rate = np.full((30, 40), -0.002)
    rate[10:20, 10:20] = -0.06
    basin = shapely.box(1000, 1000, 2000, 2000)
    layers = [
        ("mine", shapely.box(1200, 1200, 1800, 1800)),
        ("fault", shapely.LineString([(0, 0), (4000, 3000)])),
        ("well", shapely.Point(500, 500)),
    ]
    result = basin_map_figure(BasinMapInput(0.0, 0.0, 100.0, rate, [("1", "primary", basin)], layers))
    assert result.numbers["n_basins"] == 1
    assert result.numbers["scale_mm_yr"] >= 60
    result.figure.savefig(tmp_path / "map.png")


def test_smoothing_keeps_the_size_and_thin_shapes() -> None:
    steps = shapely.union_all([shapely.box(100 * k, 100 * k, 100 * k + 500, 100 * k + 500) for k in range(6)])
    smooth = smooth_outline(steps, 100.0)
    assert smooth.area == pytest.approx(steps.area, rel=0.08)
    assert smooth.length < steps.length
