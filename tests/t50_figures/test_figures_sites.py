"""Figures of sites draw what they are given and say so in numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from subside.figures.sites import (
    DriverCurve,
    LagCurve,
    SiteCurve,
    drawn_lags,
    drivers_figure,
    lag_figure,
    site_series_figure,
)
from subside.figures.storage import LoopCurve, storage_figure
from subside.figures.style import FigureResult
from subside.studies.series_figures import _lag_caption, _sites_figure, save_series_figures

DATES = np.datetime64("2016-01-10") + 24 * np.arange(40).astype("timedelta64[D]")
MONTHS = np.arange("2016-01", "2019-01", dtype="datetime64[M]").astype("datetime64[D]") + 15
LAGS = np.arange(-60.0, 61.0, 6.0)


def _curve(site: str, track: str, *, is_modelled: bool = True) -> SiteCurve:
    values = 1e-3 * np.arange(40.0)
    values[3] = np.nan
    return SiteCurve(site, track, DATES, values, np.full(40, 0.002), 1e-3 * np.arange(40.0) if is_modelled else None, 7)


def _lag(*, is_claimed: bool) -> LagCurve:
    band = np.stack([np.full(len(LAGS), -0.3), np.full(len(LAGS), 0.3)])
    return LagCurve("mean of rural", "shallow_depth", LAGS, LAGS / 100, band, 0.4, 48.0, (40.0, 55.0), 0.01, is_claimed)


def test_sites_stand_in_a_panel_each_with_a_model_line_for_each_track() -> None:
    curves = [_curve("R1", "a"), _curve("R1", "b"), _curve("R2", "a", is_modelled=False), _curve("R3", "a")]
    made = site_series_figure(curves, title="t", sign_note="line of sight")
    panels = [axes for axes in made.figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == [
        "R1  (n = 7, 7)",
        "R2  (n = 7)",
        "R3  (n = 7)",
    ]
    colours = {
        line.get_label(): line.get_color()
        for line in panels[0].lines
        if str(line.get_label()).startswith("trend and season")
    }
    assert set(colours) == {"trend and season, a", "trend and season, b"}
    assert len(set(colours.values())) == 2
    series = made.numbers["series"]
    assert series[0]["displacement"][2] == pytest.approx(2.0)
    assert series[0]["displacement"][3] is None
    assert series[2]["model"] is None


def test_no_site_is_said() -> None:
    made = site_series_figure([], title="t", sign_note="up")
    assert any("no site has points" in text.get_text() for axes in made.figure.axes for text in axes.texts)


def test_depth_is_drawn_downward_and_missing_rain_is_shaded() -> None:
    rain = np.full(36, 50.0)
    rain[[4, 9]] = np.nan
    drivers = [
        DriverCurve("shallow_depth", MONTHS, np.linspace(4, 6, 36), "depth"),
        DriverCurve("rain", MONTHS, rain, "rain"),
    ]
    made = drivers_figure(drivers, [_curve("mean of rural", "a")], title="t", sign_note="line of sight")
    depth, bars, motion = made.figure.axes
    assert depth.yaxis_inverted()
    assert len(bars.patches) == 36 + 2
    assert not motion.yaxis_inverted()
    assert made.numbers["drivers"][1]["values"][4] is None


def test_a_lag_is_written_only_where_it_is_claimed() -> None:
    made = lag_figure([_lag(is_claimed=True), _lag(is_claimed=False)], title="t")
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in made.figure.axes]
    assert "48 d (40 to 55)" in titles[0]
    assert "no lag claimed" in titles[1] and "48" not in titles[1]
    assert [c["is_claimed"] for c in made.numbers["curves"]] == [True, False]
    assert lag_figure([], title="t").numbers == {"curves": []}


def _loop(slope: float) -> LoopCurve:
    head = np.sin(np.arange(40.0))
    return LoopCurve(
        "mean of rural",
        "well",
        DATES,
        head,
        0.006 * head,
        head - 5,
        0.006 * head,
        slope,
        (0.005, 0.007),
        12.0,
        0.01,
        "v",
        "t",
    )


def test_a_loop_has_its_line_only_where_a_coefficient_is_claimed() -> None:
    made = storage_figure([_loop(0.006), _loop(np.nan)], title="t")
    claimed, _, unclaimed, _ = made.figure.axes[:4]
    line = next(line for line in claimed.lines if line.get_label() == "elastic")
    np.testing.assert_allclose(line.get_xdata() / line.get_ydata(), 6.0)
    assert not [line for line in unclaimed.lines if line.get_label() == "elastic"]
    assert made.numbers["curves"][0]["elastic"] == pytest.approx(0.006)
    assert made.numbers["curves"][1]["elastic"] is None
    assert storage_figure([], title="t").numbers["curves"] == []
    bare = replace(_loop(np.nan), head=np.zeros(0), motion=np.zeros(0))
    assert sum(bool(axes.get_xlabel()) for axes in storage_figure([bare], title="t").figure.axes) == 1
    words = [t.get_text() for axes in storage_figure([_loop(0.006), bare], title="t").figure.axes for t in axes.texts]
    assert "no estimate about the trends" in words


PRINTED = 6.7
"""Width of a column of the report, inches."""


def _is_inside(figure) -> bool:  # type: ignore[no-untyped-def]
    """Whether no title leaves the figure or meets that of the panel beside it."""
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for a in figure.axes for t in (a.title, a._left_title) if t.get_text()]
    meet = any(p.overlaps(q) for k, p in enumerate(boxes) for q in boxes[:k])
    return not meet and all(p.x0 >= 0 and p.x1 <= figure.bbox.x1 for p in boxes)


def test_of_many_lags_the_claimed_and_four_more_are_drawn_and_none_is_lost() -> None:
    name = "farmland relative to urban, t40 + t142"
    curves = [replace(_lag(is_claimed=k == 7), name=name, p_value=0.9 - 0.05 * k) for k in range(9)]
    assert [round(c.p_value, 2) for c in drawn_lags(curves)] == [0.55, 0.5, 0.6, 0.65, 0.7]
    made = lag_figure(curves, title="t")
    panels = [axes for axes in made.figure.axes if axes.get_visible()]
    assert len(panels) == 5
    assert all(axes.get_title(loc="left").startswith(f"{name}\nbehind shallow depth: ") for axes in panels)
    assert len(made.numbers["curves"]) == 9
    assert [c["is_drawn"] for c in made.numbers["curves"]] == [False, False, False, False, *[True] * 5]
    assert _is_inside(made.figure)
    lowest = [axes.xaxis.get_tick_params()["labelbottom"] for axes in panels]
    assert lowest == [False, False, False, True, True]


def test_a_difference_of_classes_has_its_own_scale_and_every_track_is_in_the_legend() -> None:
    small = np.full(40, 1e-4)
    relative = replace(
        _curve("farmland relative to urban", "a + b"), displacement=small, model=small, std=small, is_relative=True
    )
    curves = [_curve("mean of rural", "a"), _curve("mean of urban", "b"), replace(relative, component="up")]
    made = drivers_figure([], curves, title="t", sign_note="line of sight")
    first, second, third = made.figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert third.get_ylim()[1] < 0.05 * first.get_ylim()[1]
    assert "own scale" in third.get_ylabel() and "own scale" not in first.get_ylabel()
    assert third.get_title(loc="left").endswith("vertical") and "vertical" not in first.get_title(loc="left")
    entries = {text.get_text() for text in made.figure.legends[0].get_texts()}
    assert {"a", "b", "a + b"} <= entries
    assert made.numbers["series"][2]["component"] == "up"


def test_titles_of_loops_are_neither_cut_nor_met_by_others() -> None:
    long = replace(_loop(0.006), name="farmland relative to urban, t40 + t142", head_name="shallow depth")
    made = storage_figure([long, long], title="t")
    assert "\ntrend and all\n" in made.figure.axes[1].get_title(loc="left")
    assert _is_inside(made.figure)


def test_type_is_printed_with_six_points_at_least() -> None:
    sites = [_curve(f"R{k}", "a") for k in range(9)]
    many = [_curve(f"mean {k}", "a") for k in range(9)]
    figures = [
        site_series_figure(sites, title="t", sign_note="up").figure,
        drivers_figure([], many, title="t", sign_note="up").figure,
        lag_figure([_lag(is_claimed=False)] * 4, title="t").figure,
        storage_figure([_loop(0.006)] * 4, title="t").figure,
    ]
    for figure in figures:
        assert 8.0 * PRINTED / figure.get_figwidth() >= 6.0
        assert figure.get_figheight() <= 11.0


class _Folder:
    """Keeps what a study would save."""

    def __init__(self) -> None:
        self.saved: dict[str, tuple[FigureResult, str]] = {}

    def save_figure(self, key: str, result: FigureResult, caption: str) -> None:
        self.saved[key] = (result, caption)


def _analysed(track: str, first: int, offset: float, *, is_fitted: bool = True) -> Any:
    """A series that sinks by 24 mm a date, with the error of its first image in all the others."""
    dates = DATES[first:]
    line = -0.024 * np.arange(first, 40.0) + offset
    series = SimpleNamespace(
        site="M1", track=track, dates=dates, displacement=line, std=line * 0, n=np.ones(40), component="los"
    )
    parts = SimpleNamespace(trend=line, seasonal=0.001 * np.cos(np.arange(first, 40.0)))
    return SimpleNamespace(series=series, parts=parts if is_fitted else None)


def test_tracks_of_a_site_meet_on_their_trends_at_the_first_date_of_all() -> None:
    folder: Any = _Folder()
    radius: Any = SimpleNamespace(radius=50.0)
    shown = [_analysed("a", 0, 0.011), _analysed("b", 2, 0.048)]
    _sites_figure(folder, "mining", shown, radius, "line of sight")
    result, caption = folder.saved["sites_mining"]
    first, second = result.numbers["series"]
    assert first["displacement"][2] == pytest.approx(0.0, abs=1e-9)
    assert first["displacement"][0] == pytest.approx(48.0)
    np.testing.assert_allclose(first["displacement"][2:], second["displacement"], atol=1e-6)
    assert first["model"][2] == pytest.approx(np.cos(2), rel=1e-4)
    assert f"On {DATES[2]}" in caption and "Without a fitted trend" not in caption
    assert f"zero: trend on {DATES[2]}" in result.numbers["unit"]
    _sites_figure(folder, "mining", [*shown, _analysed("c", 0, 0.003, is_fitted=False)], radius, "line of sight")
    result, caption = folder.saved["sites_mining"]
    assert result.numbers["series"][2]["displacement"][0] == pytest.approx(3.0)
    assert "zero at the first image: M1 (c)." in caption


def test_the_caption_says_how_many_lags_are_not_drawn() -> None:
    few = [_lag(is_claimed=False)] * 4
    assert "not drawn" not in _lag_caption(few)
    many = _lag_caption([_lag(is_claimed=True), *[_lag(is_claimed=False) for _ in range(9)]])
    assert "1 relation that is claimed and the 4 others" in many and "5 are not drawn" in many
    none = _lag_caption([_lag(is_claimed=False) for _ in range(5)])
    assert "No relation is claimed: drawn are the 4 of the smallest p; 1 is not drawn" in none


def test_motion_of_both_kinds_is_told_apart_in_the_note_and_own_scales_in_the_caption() -> None:
    folder: Any = _Folder()
    parameters: Any = SimpleNamespace(component="los", radius=50.0, alpha=0.05)
    means = [_analysed("a", 0, 0.0), _analysed("a + b", 0, 0.0)]
    for mean, site, component in zip(means, ("mean of rural", "bare relative to urban"), ("los", "up"), strict=True):
        mean.series.site, mean.series.component = site, component
        mean.group, mean.is_group, mean.is_compared, mean.lags = site, True, True, {}
    save_series_figures(folder, means, [], parameters)
    result, caption = folder.saved["drivers"]
    assert "panels called vertical: + up" in result.numbers["unit"]
    assert [c["component"] for c in result.numbers["series"]] == ["los", "up"]
    assert "has a scale of its own" in caption
    save_series_figures(folder, means[:1], [], parameters)
    result, caption = folder.saved["drivers"]
    assert "vertical" not in result.numbers["unit"] and "own" not in caption
