"""Figures of a corridor: drawn, with the numbers they show, for full and empty inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from corridor_points import CRS, as_track, bowls, make_points, straight
from subside.figures.corridor import CorridorFigureInput, Site, corridor_figure, span_words
from subside.figures.corridor_details import (
    LimitsFigureInput,
    SlopesFigureInput,
    density_figure,
    limits_figure,
    slopes_figure,
)
from subside.figures.labels import MapLabel, rows_of, write_labels
from subside.figures.style import new_figure
from subside.ops.corridor.bins import make_bins
from subside.ops.corridor.coverage import density_along, measure_coverage
from subside.ops.corridor.limits import Limit, exceedance
from subside.ops.corridor.profile import make_profile
from subside.ops.corridor.slopes import chord_curvature, chord_slopes
from subside.ops.corridor.smooth import smooth_profile
from subside.ops.corridor.zones import find_zones

LINE = straight(70e3, 60.0)


@pytest.fixture(scope="module")
def data() -> CorridorFigureInput:
    tracks = [as_track(make_points(LINE, bowls, seed=k, density=60, name="AB"[k]), LINE) for k in range(2)]
    profile = make_profile(tracks, make_bins(LINE, 100.0), half_width=150.0)
    smooth = smooth_profile(profile)
    x, y = LINE.position_at(np.array([20e3, 50e3]))
    sites = [Site("U1", "urban", x[0], y[0]), Site("M1", "mining", x[1], y[1] + 400)]
    return CorridorFigureInput(LINE, CRS, tracks, 500.0, 150.0, profile, smooth, find_zones(profile, smooth), sites)


def _is_drawn(result, path: Path) -> bool:  # type: ignore[no-untyped-def]
    result.figure.savefig(path, dpi=40)
    return path.stat().st_size > 4_000


def test_map_and_profile(data: CorridorFigureInput, tmp_path: Path) -> None:
    result = corridor_figure(data)
    assert _is_drawn(result, tmp_path / "a.png")
    numbers = result.numbers
    assert len(numbers["zones"]) == 2
    assert numbers["zones"][0]["start_km"] == pytest.approx(10.0, abs=0.5)
    middle = int(np.argmin(np.abs(np.array(numbers["chainage_km"]) - 20.0)))
    assert numbers["smooth_mm_yr"][middle] == pytest.approx(-40, abs=3)
    assert numbers["component"] == "vertical"
    titles = [a.get_title(loc="left") for a in result.figure.axes]
    assert any(t.startswith("a ") for t in titles) and any(t.startswith("c ") for t in titles)
    labels = [c.get_xlabel() for a in result.figure.axes for c in a.child_axes]
    assert any("longitude" in t for t in labels)


def test_a_line_without_points_is_drawn(data: CorridorFigureInput, tmp_path: Path) -> None:
    away = []
    for track in data.tracks:
        far = np.full(track.points.n_points, np.nan)
        away.append(replace(track, positions=replace(track.positions, chainage=far, offset=far)))
    profile = make_profile(away, data.profile.bins, half_width=150.0)
    smooth = smooth_profile(profile)
    empty = replace(data, tracks=away, profile=profile, smooth=smooth, zones=find_zones(profile, smooth), sites=())
    result = corridor_figure(empty)
    assert _is_drawn(result, tmp_path / "a.png")
    assert result.numbers["zones"] == [] and result.numbers["rate_mm_yr"][5] is None


@pytest.mark.slow
def test_a_northward_line_gets_latitudes(tmp_path: Path) -> None:
    line = straight(20e3, 5.0)
    track = as_track(make_points(line, bowls, density=100), line)
    profile = make_profile([track], make_bins(line, 100.0), half_width=150.0)
    smooth = smooth_profile(profile)
    given = CorridorFigureInput(line, CRS, [track], 500.0, 150.0, profile, smooth, find_zones(profile, smooth))
    result = corridor_figure(given)
    assert _is_drawn(result, tmp_path / "a.png")
    assert any("latitude" in c.get_xlabel() for a in result.figure.axes for c in a.child_axes)


def test_slopes_with_detectable_minimum(data: CorridorFigureInput, tmp_path: Path) -> None:
    slopes = [chord_slopes(data.profile, c) for c in (20.0, 200.0)]
    bends = [chord_curvature(data.profile, 200.0)]
    limit = Limit("gradient", "slope", 0.1, "permille")
    result = slopes_figure(SlopesFigureInput(slopes, bends, 4.0, [(limit, 200.0)]))
    assert _is_drawn(result, tmp_path / "a.png")
    short, long, bend = result.numbers["panels"]
    assert short["n"] == 0 and long["n"] > 100
    worst = np.nanmax(np.abs(slopes[1].value)) * 4.0 * 1e3
    assert abs(long["largest"]) == pytest.approx(worst, rel=1e-4)
    assert long["n_detected"] == np.count_nonzero(np.abs(slopes[1].value) > slopes[1].mdc)
    assert bend["smallest_radius_km"] > 0
    assert slopes_figure(SlopesFigureInput(slopes, bends, np.nan)).numbers["years"] is None


def test_density_and_gaps(data: CorridorFigureInput, tmp_path: Path) -> None:
    coverage = measure_coverage(data.tracks, LINE, half_width=500.0)
    result = density_figure(density_along(data.tracks, LINE, half_width=500.0), coverage)
    assert _is_drawn(result, tmp_path / "a.png")
    assert set(result.numbers["per_km2"]) == {"PS", "DS"}
    total = np.sum([np.mean(v) for v in result.numbers["per_km2"].values()])
    assert total == pytest.approx(120, rel=0.1)


def test_times_to_limits(data: CorridorFigureInput, tmp_path: Path) -> None:
    limits = [Limit("settlement of a subgrade", "settlement", 15.0, "mm"), Limit("rate", "rate", 5.0, "mm/yr")]
    found = [
        exceedance(data.profile.rate, data.profile.std, limit=k, years_observed=4.0, years_horizon=14.0) for k in limits
    ]
    centre = data.profile.bins.centre
    result = limits_figure(LimitsFigureInput([centre, centre], limits, found, 14.0, 4.0, (0.0, 70e3)))
    assert _is_drawn(result, tmp_path / "a.png")
    (only,) = result.numbers["limits"]
    assert only["earliest_median_years"] == pytest.approx(15 / 80, abs=0.03)
    assert limits_figure(LimitsFigureInput([], [], [], 14.0, 4.0, (0.0, 1.0))).numbers["limits"] == []


def test_names_of_limits_are_in_lines_and_what_is_left_out_is_told(data: CorridorFigureInput) -> None:
    names = ["uniform post-construction settlement, ballastless subgrade, vertical curve still met", "word " * 40]
    limits = [Limit(n, "settlement", 30.0, "mm") for n in names]
    found = [
        exceedance(data.profile.rate, data.profile.std, limit=k, years_observed=4.0, years_horizon=14.0) for k in limits
    ]
    centre = data.profile.bins.centre
    result = limits_figure(LimitsFigureInput([centre] * 2, limits, found, 14.0, 4.0, (0.0, 70e3)))
    strips, below = result.figure.axes[:2]
    first, second = (t.get_text() for t in strips.get_yticklabels())
    assert first.endswith("still met") and second.endswith(" …")
    assert all(len(t.splitlines()) <= 3 for t in (first, second))
    assert "post-construction" in below.get_title(loc="left")


def test_type_is_printed_with_six_points_and_titles_are_not_cut(data: CorridorFigureInput) -> None:
    coverage = measure_coverage(data.tracks, LINE, half_width=500.0)
    part = "DK154+230 to DK194+228 of 1150 km"
    slopes = [chord_slopes(data.profile, 200.0)]
    figures = [
        corridor_figure(data).figure,
        slopes_figure(SlopesFigureInput(slopes, [], 4.0, part=part)).figure,
        density_figure(density_along(data.tracks, LINE, half_width=500.0), coverage, part=part).figure,
        limits_figure(LimitsFigureInput([], [], [], 14.0, 4.0, (0.0, 1.0), part=part)).figure,
    ]
    for figure in figures:
        shrink = 6.7 / figure.get_figwidth()
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
        assert min(sizes) * shrink >= 6.0
        figure.draw_without_rendering()
        assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1


def test_the_stretch_with_points_is_drawn_and_the_colours_can_be_given(data: CorridorFigureInput) -> None:
    few = []
    for track in data.tracks:
        s = track.positions.chainage
        away = np.where((s > 8e3) & (s < 20e3), track.positions.offset, np.nan)
        few.append(replace(track, positions=replace(track.positions, offset=away)))
    x, y = LINE.position_at(np.array([10e3, 10.02e3, 10.04e3]))
    sites = [Site(f"R{k}", "rural", float(a), float(b)) for k, (a, b) in enumerate(zip(x, y, strict=True))]
    part = replace(data, tracks=few, sites=sites, rate_limit=0.05)
    assert part.span == pytest.approx((7.3e3, 20.7e3), abs=100.0)
    assert data.span == pytest.approx((0.0, 70e3)) and span_words(LINE, data.span) == ""
    result = corridor_figure(part)
    assert "of 70 km" in result.figure.get_suptitle()
    picture = next(c for a in result.figure.axes for c in a.collections if c.get_array() is not None)
    assert picture.norm.vmax == pytest.approx(50.0)
    written = [t.get_text() for t in result.figure.axes[0].texts]
    assert {"R0", "R1", "R2"} <= set(written)


def test_words_do_not_cover_each_other() -> None:
    figure = new_figure(6.0, 4.0, "words")
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    wanted = [MapLabel(f"place {k}", 0.5 + 0.002 * k, 0.5, "black") for k in range(60)]
    written = write_labels(axes, wanted)
    assert 8 <= len(written) < 60, "some must find room and some must not"
    figure.canvas.draw()
    boxes = [Text.get_window_extent(t) for t in axes.texts]  # without their lines
    assert len(boxes) == len(written)
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert not any(a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1 for a, b in pairs)
    assert rows_of([0.1, 0.9, 0.15], [0.2, 0.2, 0.2]) == [0, 0, 1]
    assert write_labels(axes, []) == []
