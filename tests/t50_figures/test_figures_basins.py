"""Figures of mining basins: what is drawn and the numbers beside it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

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
from subside.ops.basins.classify import Surroundings
from subside.ops.basins.fringes import LookedPair
from subside.studies.basin_boxes import BoxPairs
from subside.studies.basin_galleries import _fringe_figure
from subside.studies.basins import _layer_words

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


def test_looks_whose_pairs_disagree_are_grey_and_counted(tmp_path) -> None:
    gradient = np.full(LONGITUDE.shape, 2e-4)
    std = np.full(LONGITUDE.shape, 5e-5)
    gradient[:, :4], std[:, :2], std[:, 2:4] = 9e-3, 5e-3, np.nan
    data = FringeRateInput("t", LONGITUDE, LATITUDE, gradient, 1e-3, std)
    result = fringe_rate_figure(data)
    assert result.numbers["share_noise"] == pytest.approx(0.2)
    assert result.numbers["share_known"] == pytest.approx(0.8)
    assert result.numbers["share_beyond_limit"] == 0.0
    (mesh,) = result.figure.axes[0].collections
    assert mesh.norm.vmax == pytest.approx(0.2)
    assert "noise (20.0 % of the looks)" in result.figure.axes[0].get_title(loc="left")
    result.figure.savefig(tmp_path / "noise.png")
    single = FringeRateInput("t", LONGITUDE, LATITUDE, gradient, 1e-3, np.full(std.shape, np.nan))
    assert fringe_rate_figure(single).numbers["share_noise"] == 0.0


@pytest.mark.parametrize(("n_pairs", "words"), [(4, "a tenth of what neighbouring looks carry"), (1, "cannot be told")])
def test_the_caption_of_fringes_says_what_is_grey(n_pairs: int, words: str) -> None:
    rng = np.random.default_rng(3)
    pairs = [LookedPair(np.exp(1j * rng.normal(0, 0.1, LONGITUDE.shape)).astype(np.complex64), 12.0)] * n_pairs
    box = BoxPairs("t40", 0.0555, (28.0, 27.0), LONGITUDE, LATITUDE, pairs, ["p"] * n_pairs, 1.0)
    captions: list[str] = []
    folder: Any = SimpleNamespace(save_figure=lambda key, result, caption: captions.append(caption))
    _fringe_figure(folder, "a", box)
    assert words in captions[0]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((), ""),
        (("mines",), "; with the mines given"),
        (("mines", "faults"), "; with the mines and faults given"),
        (("mines", "faults", "wells"), "; with the mines, faults and wells given"),
    ],
)
def test_the_caption_of_the_map_names_the_layers_that_are_there(layers: tuple[str, ...], words: str) -> None:
    around = Surroundings(**{name: (shapely.Point(0, 0),) for name in layers})
    assert _layer_words(around) == words


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
