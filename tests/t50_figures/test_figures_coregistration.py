"""Figures of the coregistration: their numbers, units and marks, on inputs with known answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from coregistration_inputs import (
    CYCLE,
    make_bursts,
    make_coregistration_inputs,
    make_overlaps,
    make_seams,
    make_shifts,
)

from subside.figures import FIGURES
from subside.figures.coregistration import baselines_figure, bursts_figure, visibility_figure
from subside.figures.diversity import joint_coherence, overlap_coherence_figure, overlap_phase_figure
from subside.figures.seams import seams_figure
from subside.figures.shifts import shifts_figure, spread_days
from subside.figures.style import FigureResult

KEYS = ("bursts", "baselines", "visibility", "esd", "esd-residual", "esd-coherence", "seams")


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return make_coregistration_inputs()


def texts(result: FigureResult) -> str:
    return "\n".join(a.get_text() for a in result.figure.findobj(lambda a: hasattr(a, "get_text")))


def draw(result: FigureResult) -> np.ndarray:
    result.figure.set_dpi(50)
    result.figure.canvas.draw()
    return np.asarray(result.figure.canvas.buffer_rgba())[..., :3] / 255.0


@pytest.mark.parametrize("key", KEYS)
def test_coregistration_comes_first_in_the_catalogue(key: str, figures: dict[str, Any]) -> None:
    keys = list(FIGURES)
    assert keys.index(key) < keys.index("amplitude")
    assert isinstance(figures[key], FIGURES[key].input_type)


@pytest.mark.parametrize("key", KEYS)
def test_text_stays_inside_the_picture(key: str, figures: dict[str, Any]) -> None:
    """Words cut at the border would be dark pixels on it."""
    picture = draw(FIGURES[key].draw(figures[key]))
    for border in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert border.min() > 0.9


def test_baselines_are_the_ones_given_and_unknown_ones_are_none(figures: dict[str, Any]) -> None:
    data = figures["baselines"]
    numbers = baselines_figure(data).numbers
    assert list(numbers) == list(data.dates)
    for k, date in enumerate(data.dates):
        assert set(numbers[date]) == {"perpendicular", "parallel"}
        assert numbers[date]["perpendicular"] == pytest.approx(data.perpendicular[k], rel=1e-5)
        assert numbers[date]["parallel"] == pytest.approx(data.parallel[k], rel=1e-5)
    unknown = dataclasses.replace(data, parallel=np.full(9, np.nan))
    result = baselines_figure(unknown)
    assert {row["parallel"] for row in result.numbers.values()} == {None}
    assert result.numbers[data.dates[0]]["perpendicular"] is not None
    assert "parallel baselines are not known" in texts(result)
    assert f"reference {data.reference_date}" in texts(baselines_figure(data))


def test_every_burst_is_listed_with_its_use_and_box() -> None:
    data = make_bursts()
    numbers = bursts_figure(data).numbers
    assert len(numbers["bursts"]) == 27
    assert [b["use"] for b in numbers["bursts"][:9]] == [
        "not used", "overlap only", "merged", "merged", "merged", "merged", "overlap only", "not used", "not used",
    ]  # fmt: skip
    for row, footprint in zip(numbers["bursts"], data.footprints, strict=True):
        assert row["west"] == pytest.approx(footprint.longitude.min(), abs=1e-5)
        assert row["north"] == pytest.approx(footprint.latitude.max(), abs=1e-5)
    assert numbers["height_m"]["n_unknown"] == 200 * 12
    words = texts(bursts_figure(data))
    assert "IW2\n83973" in words
    assert "83978" not in words
    assert "area of interest" in words
    assert "area of interest" not in texts(bursts_figure(dataclasses.replace(data, area=None)))


def test_bursts_not_used_do_not_widen_the_map() -> None:
    data = make_bursts()
    far = dataclasses.replace(data.footprints[0], latitude=data.footprints[0].latitude - 20.0, use="not used")
    limits = [
        bursts_figure(d).figure.axes[0].get_ylim()
        for d in (data, dataclasses.replace(data, footprints=(*data.footprints, far)))
    ]
    assert limits[0] == limits[1]


def test_visibility_counts_and_colours(figures: dict[str, Any]) -> None:
    data = figures["visibility"]
    result = visibility_figure(data)
    assert result.numbers["layover_share"] == pytest.approx(10 * 50 / (120 * 90), rel=1e-4)
    assert result.numbers["shadow_share"] == pytest.approx(4 * 20 / (120 * 90), rel=1e-4)
    assert sum(result.numbers.values()) == pytest.approx(1.0, abs=1e-4)
    drawn = result.figure.axes[0].images[0].get_array()
    assert (drawn[45, 30], drawn[72, 30], drawn[0, 1], drawn[100, 80]) == (3, 1, 0, 2)


def test_shift_numbers_have_the_promised_shape() -> None:
    data = make_shifts()
    numbers = shifts_figure(data).numbers
    assert list(numbers) == ["reference", "dates", "pairs"]
    assert numbers["reference"] == data.reference_date
    for k, date in enumerate(data.dates):
        row = numbers["dates"][date]
        assert list(row) == ["azimuth_shift", "azimuth_sigma", "range_shift", "range_sigma"]
        assert row["azimuth_shift"] == pytest.approx(data.azimuth_shift[k], rel=1e-5)
        assert row["range_shift"] == pytest.approx(data.range_shift[k], rel=1e-5)
    assert numbers["dates"][data.dates[1]]["azimuth_sigma"] is None
    assert numbers["dates"][data.reference_date]["azimuth_shift"] == 0.0
    for row, i, j in zip(numbers["pairs"], data.pairs.earlier, data.pairs.later, strict=True):
        assert (row["earlier"], row["later"]) == (data.dates[i], data.dates[j])
        assert row["is_coherent"] == (1 not in (i, j))
        if row["is_coherent"]:
            expected = data.azimuth_shift[j] - data.azimuth_shift[i]
            assert row["azimuth_shift"] - row["azimuth_residual"] == pytest.approx(expected, abs=1e-7)
        else:
            assert row["azimuth_shift"] is None and row["azimuth_residual"] is None


def test_a_date_without_measurement_is_marked_and_the_others_have_bars() -> None:
    result = shifts_figure(make_shifts())
    words = texts(result)
    assert "not measured: geometry alone" in words
    assert "azimuth shift (lines)" in words and "range shift (samples)" in words
    assert "not coherent, not used: 4" in words
    bars = result.figure.axes[0].containers[0].lines[2][0].get_segments()
    assert len(bars) == 8
    assert np.ptp(bars[0][:, 1]) == pytest.approx(4 * 2e-4)


def test_alignment_removes_the_phase_and_leaves_the_drift() -> None:
    data = make_overlaps()
    numbers = overlap_phase_figure(data).numbers
    assert numbers["rms_before"] > 0.5 > 0.05 > numbers["rms_after"] > 0
    assert numbers["rms_after"] == pytest.approx(np.sqrt(np.mean(data.phase_after**2)), rel=1e-5)
    slopes = {d: row["trend_per_second"] for d, row in numbers["dates"].items()}
    assert max(slopes, key=lambda d: abs(slopes[d])) == data.dates[2]
    assert slopes[data.dates[2]] == pytest.approx(1e-4)
    assert len(numbers["windows"]) == len(numbers["pairs"][0]["before"]) == 6
    assert numbers["pairs"][3]["after"] == pytest.approx(data.phase_after[3].tolist(), rel=1e-5)


def test_joint_coherence_is_that_of_the_mean_of_two_phasors() -> None:
    rng = np.random.default_rng(1)
    coherence, phase = rng.uniform(0, 1, 50), rng.uniform(-np.pi, np.pi, 50)
    mean = np.abs(coherence * np.exp(0.5j * phase) + coherence * np.exp(-0.5j * phase)) / 2
    assert joint_coherence(coherence, phase) == pytest.approx(mean, abs=1e-12)


def test_coherence_of_both_looks_rises_where_half_a_cycle_was_left() -> None:
    data = make_overlaps()
    before = data.phase_before.copy()
    before[0] = np.pi
    result = overlap_coherence_figure(dataclasses.replace(data, phase_before=before))
    row = result.numbers["pairs"][0]
    assert row["joint_before"] == pytest.approx([0.0] * 6, abs=1e-6)
    assert row["joint_after"] == pytest.approx(row["single_look_after"], rel=0.01)
    assert result.numbers["joint_after"]["mean"] > result.numbers["joint_before"]["mean"] + 0.05
    assert result.numbers["single_look_before"] == result.numbers["single_look_after"]
    dots = np.concatenate([c.get_offsets() for c in result.figure.axes[0].collections])
    assert np.all(dots[:, 1] > dots[:, 0] - 0.02)


def test_seam_numbers() -> None:
    data = make_seams()
    jump = data.jump.copy()
    jump[2, 3], jump[4, 1] = -0.9, np.nan
    result = seams_figure(dataclasses.replace(data, jump=jump))
    numbers = result.numbers
    assert numbers["max_jump"] == pytest.approx(0.9)
    assert numbers["rms_jump"] == pytest.approx(np.sqrt(np.nanmean(jump**2)), rel=1e-5)
    assert numbers["n_unknown"] == 1
    assert numbers["pairs"][4]["jump"][1] is None
    assert numbers["pairs"][2]["max_jump"] == pytest.approx(0.9)
    assert sum(numbers["in_sigma"]["counts"]) == jump.size - 1
    assert seams_figure(data).numbers["rms_in_sigma"] == pytest.approx(1.0, abs=0.25)
    low, high = result.figure.axes[0].get_ylim()
    assert low < -0.9 and high > 0.9


def test_pairs_of_one_time_span_stand_side_by_side() -> None:
    days = np.array([12.0, 24.0, 12.0, 36.0, 12.0, 24.0])
    spread = spread_days(days)
    assert len(np.unique(spread)) == len(days)
    assert np.all(np.abs(spread - days) <= 3.0 + 1e-9)
    assert spread[3] == 36.0
    assert spread_days(np.array([12.0])) == pytest.approx([12.0])


@pytest.mark.parametrize("key", ["esd", "esd-residual", "esd-coherence", "seams"])
def test_a_full_track_draws(key: str) -> None:
    """63 dates and 96 windows or 24 cuts."""
    data = {
        "esd": lambda: make_shifts(63, n_windows=96),
        "seams": lambda: make_seams(63, n_cuts=24),
    }.get(key, lambda: make_overlaps(63, n_windows=96))()
    result = FIGURES[key].draw(data)
    assert draw(result).std() > 0.02
    labels = [t.get_text() for a in result.figure.axes for t in (*a.get_xticklabels(), *a.get_yticklabels())]
    assert len([t for t in labels if t]) < 150


@pytest.mark.parametrize("n", [0, 1])
def test_no_pair_and_a_single_one(n: int) -> None:
    data = make_overlaps()
    rows = ("earlier", "later", "phase_before", "phase_after", "coherence_before", "coherence_after")
    cut = dataclasses.replace(data, **{f: getattr(data, f)[:n] for f in rows})
    draw(overlap_phase_figure(cut))
    draw(overlap_coherence_figure(cut))
    seams = make_seams()
    draw(
        seams_figure(
            dataclasses.replace(seams, **{f: getattr(seams, f)[:n] for f in ("earlier", "later", "jump", "sigma")})
        )
    )
    draw(seams_figure(dataclasses.replace(seams, cuts=(), jump=seams.jump[:, :0], sigma=seams.sigma[:, :0])))
    shifts = make_shifts()
    pairs = type(shifts.pairs)(**{f.name: getattr(shifts.pairs, f.name)[:n] for f in dataclasses.fields(shifts.pairs)})
    draw(shifts_figure(dataclasses.replace(shifts, pairs=pairs)))


def test_the_phase_of_a_cycle_is_the_one_of_the_inputs() -> None:
    data = make_overlaps()
    i, j = data.earlier, data.later
    expected = 2 * np.pi / CYCLE * (data.window_shift[j] - data.window_shift[i])
    assert data.phase_after == pytest.approx(expected)
