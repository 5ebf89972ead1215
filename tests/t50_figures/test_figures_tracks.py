"""Figures of two tracks and of east and up: numbers on them are those of the statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.conventions import MM_PER_M
from subside.figures.decompose import east_up_figure, east_up_series_figure
from subside.figures.tracks import (
    agreement_figure,
    bland_altman_figure,
    calibration_figure,
    difference_map_figure,
)
from subside.ops.two_tracks.agreement import AgreementOptions, compare_tracks
from subside.ops.two_tracks.decompose import DecomposeOptions, decompose
from two_tracks import bowl, drift, los_of, make_track

NAMES = ("asc", "desc")


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(9)
    return [
        make_track(n, rng, los=los, up=bowl, east=drift, n=500, scale=0.003)
        for n, los in zip(NAMES, (los_of(39.0, 349.0), los_of(37.3, 191.0)), strict=True)
    ]


@pytest.fixture(scope="module")
def result(pair):
    return compare_tracks(*pair, spacing=200.0, options=AgreementOptions(n_draws=200))


def _texts(figure) -> str:
    return "\n".join(t.get_text() for a in figure.axes for t in a.texts)


def test_statistics_are_printed_and_the_lines_are_where_they_belong(result) -> None:
    made = agreement_figure(result, names=NAMES)
    s = result.statistics
    text = _texts(made.figure)
    assert f"r = {s.pearson.value:.2f}" in text and f"RMSE = {s.rmse.value * MM_PER_M:.2f}" in text
    assert f"mean = {s.bias.value * MM_PER_M:.2f}" in text
    scatter = made.figure.axes[0]
    one, deming = scatter.lines
    np.testing.assert_array_equal(one.get_xdata(), one.get_ydata())
    rise = np.ptp(deming.get_ydata()) / np.ptp(deming.get_xdata())
    assert rise == pytest.approx(abs(s.slope.value))
    assert sum(made.numbers["histogram"]["counts"]) == s.n
    assert made.numbers["sigma"]["value"] == pytest.approx(s.sigma.value * MM_PER_M, rel=1e-4)
    made.figure.canvas.draw()


def test_the_map_has_every_cell_and_a_symmetric_scale(result) -> None:
    made = difference_map_figure(result, names=NAMES)
    image = made.figure.axes[0].images[0]
    assert np.isfinite(np.ma.filled(image.get_array(), np.nan)).sum() == result.statistics.n
    assert image.norm.vmin == -image.norm.vmax == -made.numbers["limit"]
    left, right, bottom, top = image.get_extent()
    assert left * 1e3 == pytest.approx(result.cells.easting.min() - 100.0)
    assert bottom * 1e3 == pytest.approx(result.cells.northing.min() - 100.0)
    assert right > left and top > bottom


def test_limits_of_agreement_hold_most_cells(result) -> None:
    made = bland_altman_figure(result, names=NAMES)
    assert 0.9 < made.numbers["share_within"] <= 1.0
    assert made.numbers["lower_limit"]["value"] < made.numbers["bias"]["value"] < made.numbers["upper_limit"]["value"]


def test_calibration_has_a_row_a_definition_and_a_stratum(result) -> None:
    rows = calibration_figure(result).numbers["rows"]
    assert {r["label"] for r in rows if r["by"] == "definition"} == {"formal", "stated", "temporal", "with scatter"}
    assert any(r["by"] == "coherence" for r in rows)
    bare = replace(result, calibration=(), strata=())
    assert calibration_figure(bare).numbers["rows"] == []


def test_east_and_up_are_mapped_and_drawn_over_time(pair) -> None:
    found = decompose(*pair, spacing=300.0)
    maps = east_up_figure(found)
    assert maps.numbers["up"]["n"] == len(found.up)
    assert maps.numbers["up"]["median"] == pytest.approx(np.median(found.up) * MM_PER_M, rel=1e-4)
    titles = [a.get_title(loc="left") for a in maps.figure.axes]
    assert titles[:4] == ["up", "standard deviation of up", "east", "standard deviation of east"]
    series = east_up_series_figure(found)
    assert len(series.numbers["dates"]) == len(found.series.dates)
    assert series.numbers["up"]["q50"][0] == 0.0
    none = decompose(*pair, spacing=300.0, options=DecomposeOptions(step_days=0))
    assert "up" not in east_up_series_figure(none).numbers
