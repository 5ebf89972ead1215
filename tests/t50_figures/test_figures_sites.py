"""Figures of sites draw what they are given and say so in numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.figures.sites import DriverCurve, LagCurve, SiteCurve, drivers_figure, lag_figure, site_series_figure
from subside.figures.storage import LoopCurve, storage_figure

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
