"""Every figure: the numbers behind it, its colours and signs, and inputs that are thin or unknown."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from typing import Any

import numpy as np
import pytest
from figure_inputs import bowl, make_dates, make_inputs, make_network, make_positions
from matplotlib.colors import to_rgb

from subside.errors import ArgumentError
from subside.figures import FIGURES
from subside.figures import maps as maps_module
from subside.figures.maps import PointPositions, Scale, draw_points
from subside.figures.motion import (
    PointValueFigureInput,
    SeriesFigureInput,
    VelocityFigureInput,
    dem_error_figure,
    series_figure,
    velocity_figure,
    velocity_std_figure,
)
from subside.figures.network import coherence_figure, network_figure
from subside.figures.points import candidates_figure, homogeneity_figure, selection_figure
from subside.figures.recovery import RecoveryFigureInput, recovery_figure
from subside.figures.reference import RampsFigureInput, ReferenceFigureInput, ramps_figure, reference_figure
from subside.figures.stack import AmplitudeFigureInput, amplitude_figure, pairs_figure
from subside.figures.style import (
    MOTION,
    NO_DATA,
    FigureResult,
    motion_norm,
    new_figure,
    number,
    summary,
    symmetric_limit,
)
from subside.figures.unwrapping import unwrapping_figure


def drawn(result: FigureResult) -> np.ndarray:
    """The picture, (row, column, 3), 0 to 1."""
    result.figure.set_dpi(50)
    result.figure.canvas.draw()
    return np.asarray(result.figure.canvas.buffer_rgba())[..., :3] / 255.0


def texts(result: FigureResult) -> str:
    found = result.figure.findobj(lambda a: hasattr(a, "get_text"))
    return "\n".join(a.get_text() for a in found)


@pytest.mark.parametrize("key", list(FIGURES))
def test_every_figure_draws_and_carries_json_numbers(key: str, inputs: dict[str, Any]) -> None:
    spec = FIGURES[key]
    assert isinstance(inputs[key], spec.input_type)
    result = spec.draw(inputs[key])
    assert drawn(result).std() > 0.02
    assert json.loads(json.dumps(result.numbers, allow_nan=False)) == result.numbers


def test_pyplot_is_never_touched(inputs: dict[str, Any]) -> None:
    velocity_figure(inputs["velocity"])
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_motion_colours_are_red_for_sinking_and_blue_for_rising() -> None:
    norm = motion_norm(10.0)
    for value in (-10.0, -6.0, -3.0):
        red, _, blue = MOTION(norm(value))[:3]
        assert red > blue + 0.05
        red, _, blue = MOTION(norm(-value))[:3]
        assert blue > red + 0.05
    red, green, blue = MOTION(norm(0.0))[:3]
    assert max(red, green, blue) - min(red, green, blue) < 0.06


@pytest.mark.parametrize(("velocity", "channel"), [(-0.02, 0), (0.02, 2)])
def test_a_sinking_map_comes_out_red_and_a_rising_one_blue(velocity: float, channel: int) -> None:
    positions = make_positions(500)
    data = VelocityFigureInput(positions, np.full(500, velocity), limit=0.03)
    result = velocity_figure(data)
    scatter = result.figure.axes[0].collections[0]
    scatter.update_scalarmappable()
    colour = scatter.get_facecolors()[0][:3]
    assert np.argmax(colour) == channel
    assert np.abs(drawn(result) - np.asarray(colour)).sum(axis=2).min() < 0.02


def test_positive_pair_phase_is_drawn_red(inputs: dict[str, Any]) -> None:
    n = 400
    phase = np.linspace(-5, 5, n)
    data = dataclasses.replace(
        inputs["unwrapping"],
        positions=make_positions(n),
        n_open_loops=np.zeros(n),
        wrapped=np.angle(np.exp(1j * phase)),
        unwrapped=phase,
    )
    scatter = unwrapping_figure(data).figure.axes[1].collections[0]
    scatter.update_scalarmappable()
    away, toward = scatter.get_facecolors()[-1], scatter.get_facecolors()[0]
    assert away[0] > away[2]
    assert toward[2] > toward[0]


def test_range_unit_and_sign_are_printed(inputs: dict[str, Any]) -> None:
    words = texts(velocity_figure(dataclasses.replace(inputs["velocity"], limit=0.02)))
    assert "±20" in words
    assert "mm/yr" in words
    assert "toward the satellite" in words


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3.2, -4.9], 6), ([0.011], 0.015), ([], 1), ([0.0, np.nan], 1), ([30.0], 30), ([-0.3], 0.3)],
)
def test_symmetric_limit_is_a_round_number_that_holds_the_values(values: list[float], expected: float) -> None:
    assert symmetric_limit(np.array(values, float)) == pytest.approx(expected)


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ArgumentError, match="limit"):
        motion_norm(0.0)


def test_numbers_refuse_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        FigureResult(new_figure(2, 2, ""), {"a": math.nan})
    assert number(math.nan) is None
    assert summary(np.array([1.0, np.nan, 3.0])) == {
        "n": 3,
        "n_unknown": 1,
        "minimum": 1.0,
        "p05": 1.1,
        "median": 2.0,
        "p95": 2.9,
        "maximum": 3.0,
        "mean": 2.0,
    }


def test_velocity_numbers_are_mm_per_year_of_the_default_set() -> None:
    positions = make_positions(5)
    velocity = np.array([-0.010, 0.002, 0.004, np.nan, 0.5])
    result = velocity_figure(VelocityFigureInput(positions, velocity, np.array([0, 0, 0, 0, 2])))
    numbers = result.numbers
    assert numbers["velocity"]["minimum"] == -10.0
    assert numbers["velocity"]["median"] == 2.0
    assert numbers["velocity"]["n_unknown"] == 1
    assert numbers["n_flagged"] == 1
    assert numbers["limit"] == 10.0
    assert sum(numbers["histogram"]["counts"]) == 3
    assert result.figure.axes[0].collections[0].get_array().tolist() == [-10.0, 2.0, 4.0]


def test_a_shared_limit_counts_what_lies_beyond() -> None:
    velocity = np.array([-0.010, 0.002, 0.004])
    result = velocity_figure(VelocityFigureInput(make_positions(3), velocity, limit=0.003))
    assert result.numbers["limit"] == 3.0
    assert result.numbers["n_beyond_limit"] == 2
    assert sum(result.numbers["histogram"]["counts"]) == 3


def test_sigma_and_height_error_keep_their_units() -> None:
    positions = make_positions(3)
    spread = velocity_std_figure(PointValueFigureInput(positions, np.array([0.001, 0.002, 0.003])))
    assert spread.numbers["velocity_std"]["median"] == 2.0
    height = dem_error_figure(PointValueFigureInput(positions, np.array([-4.0, 1.0, 2.0])))
    assert height.numbers["dem_error"]["minimum"] == -4.0
    assert height.numbers["limit"] == 4.0


def test_network_numbers_match_the_network() -> None:
    data = make_network(12)
    numbers = network_figure(data).numbers
    status = np.array([s.value for s in data.network.status])
    assert numbers["n_kept"] == int((status == "kept").sum())
    assert numbers["n_dropped"] == int((status == "dropped").sum()) > 0
    assert sum(numbers["links"].values()) == 2 * int((status != "dropped").sum())
    pair = numbers["pairs"][7]
    i, j = data.network.earlier[7], data.network.later[7]
    assert (pair["earlier"], pair["later"]) == (data.dates[i], data.dates[j])
    assert pair["days"] == 12.0 * (j - i)
    assert pair["bperp_m"] == pytest.approx(data.bperp[j] - data.bperp[i], rel=1e-5)
    assert numbers["pairs"][5]["coherence"] is None


def test_network_segments_join_the_dates_of_their_pairs() -> None:
    data = make_network(8)
    axes = network_figure(data).figure.axes[0]
    segments = np.concatenate([np.array(c.get_segments()) for c in axes.collections if hasattr(c, "get_segments")])
    dates = axes.collections[-2].get_offsets()
    ends = {(round(float(t), 6), round(float(b), 6)) for t, b in dates}
    assert len(segments) == len(data.network.earlier)
    assert {(round(float(t), 6), round(float(b), 6)) for s in segments for t, b in s} <= ends


def test_unknown_baselines_are_said_and_not_drawn() -> None:
    data = make_network(8)
    unknown = dataclasses.replace(data.network, bperp=np.full(len(data.network.bperp), np.nan))
    result = network_figure(dataclasses.replace(data, network=unknown, bperp=None))
    assert "baselines unknown" in texts(result)
    assert result.numbers["pairs"][0]["bperp_m"] is None
    assert result.numbers["bperp_m"] == {}


def test_coherence_matrix_and_medians(inputs: dict[str, Any]) -> None:
    data = inputs["coherence"]
    result = coherence_figure(data)
    matrix = result.figure.axes[0].images[0].get_array()
    assert matrix[data.earlier[0], data.later[0]] == pytest.approx(data.coherence[0])
    assert matrix[data.later[0], data.earlier[0]] == pytest.approx(data.coherence[0])
    days = np.array([p["days"] for p in result.numbers["pairs"]])
    first = result.numbers["median_by_days"][0]
    chosen = (days == 12) & np.isfinite(data.coherence)
    assert first["days"] == 12.0
    assert first["n_pairs"] == int(chosen.sum())
    assert first["median"] == pytest.approx(np.median(data.coherence[chosen]), rel=1e-5)


def test_homogeneity_share_above_the_threshold() -> None:
    data = make_inputs(200)["homogeneity"]
    data = dataclasses.replace(data, n_shp=np.r_[np.full(50, 18.0), np.full(100, 19.0), np.full(50, np.nan)])
    numbers = homogeneity_figure(data).numbers
    assert numbers["share_filtered"] == pytest.approx(100 / 150, rel=1e-5)
    assert numbers["n_shp"]["n_unknown"] == 50


def test_candidates_are_counted_by_kind(inputs: dict[str, Any]) -> None:
    data = inputs["candidates"]
    numbers = candidates_figure(data).numbers
    assert numbers["n_filtered"] == int(data.is_filtered.sum())
    counts = numbers["shp_coherence"]
    assert sum(counts["filtered"]["counts"]) == numbers["n_filtered"]
    assert sum(counts["unfiltered"]["counts"]) == numbers["n"] - numbers["n_filtered"]
    unknown = dataclasses.replace(data, shp_coherence=np.full(len(data.is_filtered), np.nan))
    result = candidates_figure(unknown)
    assert result.numbers["shp_coherence"] is None
    assert "unknown" in texts(result)


def test_random_phase_is_scaled_where_there_is_no_signal(inputs: dict[str, Any]) -> None:
    data = inputs["selection"]
    numbers = selection_figure(data).numbers
    is_low = np.array(data.bin_edges[:-1]) < 0.3
    low = np.histogram(data.gamma, data.bin_edges)[0][is_low].sum()
    assert np.array(numbers["random"])[is_low].sum() == pytest.approx(low, rel=1e-4)
    assert numbers["n_selected"] == int(data.is_selected.sum()) == sum(numbers["selected"])
    assert numbers["flags"]["unwrap_suspect"] == int((data.flags == 2).sum()) > 0


def test_unwrapping_share_of_open_points(inputs: dict[str, Any]) -> None:
    data = inputs["unwrapping"]
    numbers = unwrapping_figure(data).numbers
    assert numbers["share_of_points_open"] == pytest.approx((data.n_open_loops > 0).mean(), rel=1e-5)
    assert len(numbers["pair_error_share"]) == len(data.pair_error_share)


def test_series_are_millimetres_with_bands_of_95_percent() -> None:
    dates = make_dates(4)
    series = np.array([[0.0, -0.001, -0.002, np.nan]])
    data = SeriesFigureInput(dates, ("a",), series, np.array([[0.0, 0.001, 0.001, np.nan]]))
    result = series_figure(data)
    row = result.numbers["series"][0]
    assert row["displacement"] == [0.0, -1.0, -2.0, None]
    assert row["displacement_std"] == [0.0, 1.0, 1.0, None]
    band = result.figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(-2 - 1.96, abs=1e-3)


def test_ramps_are_millimetres_a_kilometre() -> None:
    data = RampsFigureInput(make_dates(2), np.array([0.0, 1e-6]), np.array([2e-7, np.nan]))
    numbers = ramps_figure(data).numbers
    assert numbers["along_azimuth"] == [0.0, 1.0]
    assert numbers["along_range"] == [0.2, None]


def test_reference_table_and_rejected_areas(inputs: dict[str, Any]) -> None:
    data = inputs["reference"]
    result = reference_figure(data)
    rows = result.numbers["areas"]
    assert [r["residual"] for r in rows] == [0.2, -0.4, 0.1, -3.1]
    assert rows[0]["residual_std"] == 0.4
    assert [r["is_rejected"] for r in rows] == [False, False, False, True]
    assert result.numbers["datum"] == "unknown"
    assert "R3 (rejected)" in texts(result)


def test_recovery_scores_by_stratum_on_all_points() -> None:
    truth = np.zeros(40_000)
    rng = np.random.default_rng(5)
    stratum = np.repeat([0, 1], 20_000)
    estimated = np.where(stratum == 0, rng.normal(0.001, 0.002, 40_000), rng.normal(0, 0.001, 40_000))
    spread = np.where(stratum == 0, 0.002, 0.0005)
    data = RecoveryFigureInput(("a", "b", "c"), stratum, estimated, truth, spread)
    rows = {r["stratum"]: r for r in recovery_figure(data).numbers["strata"]}
    assert rows["a"]["n_points"] == 20_000
    assert rows["a"]["bias"] == pytest.approx(1.0, abs=0.06)
    assert rows["a"]["rmse"] == pytest.approx(math.sqrt(5.0), abs=0.06)
    assert rows["b"]["coverage_95"] == pytest.approx(0.673, abs=0.02)
    assert rows["c"] == {"stratum": "c", "n_points": 0, "bias": None, "rmse": None, "coverage_95": None}


def test_amplitude_is_decibels_and_no_data_is_counted() -> None:
    image = np.array([[1.0, 10.0], [0.0, np.nan]])
    numbers = amplitude_figure(AmplitudeFigureInput(image, 14.0, 2.33, 3)).numbers
    assert numbers["amplitude_db"]["maximum"] == 20.0
    assert numbers["amplitude_db"]["minimum"] == 0.0
    assert numbers["share_without_data"] == 0.5


def test_pairs_gallery_lists_every_pair(inputs: dict[str, Any]) -> None:
    numbers = pairs_figure(inputs["pairs"]).numbers
    assert numbers["n_pairs"] == 14
    assert [p["is_used"] for p in numbers["pairs"]].index(False) == 2


def blank(value: Any) -> Any:
    """The same input with every float array unknown."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.full(value.shape, np.nan)
    return value


@pytest.mark.parametrize("key", [k for k in FIGURES if k not in ("network",)])
def test_unknown_everywhere_still_draws(key: str, inputs: dict[str, Any]) -> None:
    data = inputs[key]
    fields = {f.name: blank(getattr(data, f.name)) for f in dataclasses.fields(data)}
    if key == "selection":
        fields["bin_edges"], fields["random_counts"] = data.bin_edges, data.random_counts
    drawn(FIGURES[key].draw(type(data)(**fields)))


POINT_KEYS = (
    "homogeneity",
    "candidates",
    "selection",
    "unwrapping",
    "dem-error",
    "velocity",
    "velocity-std",
    "quality",
)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("key", [*POINT_KEYS, "recovery", "reference"])
def test_no_point_and_a_single_point(key: str, n: int, inputs: dict[str, Any]) -> None:
    data = inputs[key]
    n_points = 4000

    def cut(value: Any) -> Any:
        if isinstance(value, PointPositions):
            return value.subset(np.arange(n_points) < n)
        return value[:n] if isinstance(value, np.ndarray) and len(value) == n_points else value

    fields = {f.name: cut(getattr(data, f.name)) for f in dataclasses.fields(data)}
    if key == "selection":
        fields["flags"] = data.flags[:n]
    if key == "reference":
        fields["areas"] = data.areas[:n]
    drawn(FIGURES[key].draw(type(data)(**fields)))


def test_a_map_without_coordinates_is_in_pixels_with_lines_downward() -> None:
    positions = make_positions(300, is_geographic=False)
    axes = velocity_figure(VelocityFigureInput(positions, bowl(positions))).figure.axes[0]
    assert axes.get_xlabel() == "range (samples)"
    assert axes.yaxis_inverted()
    assert axes.get_aspect() == pytest.approx(14.0 / 2.33)


def test_a_geographic_map_has_true_proportions() -> None:
    positions = make_positions(300)
    axes = velocity_figure(VelocityFigureInput(positions, bowl(positions))).figure.axes[0]
    assert axes.get_aspect() == pytest.approx(1 / math.cos(math.radians(38.65)), rel=1e-3)
    assert axes.get_facecolor()[:3] == pytest.approx(to_rgb(NO_DATA))


@pytest.mark.parametrize("is_geographic", [True, False])
def test_many_points_are_drawn_as_cell_means_in_place(is_geographic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps_module, "SCATTER_POINTS", 100)
    positions = make_positions(20_000, is_geographic=is_geographic)
    value = bowl(positions) * 1000
    figure = new_figure(6, 6, "")
    axes = figure.add_subplot()
    draw_points(axes, positions, value, scale=Scale(MOTION, motion_norm(30), "v"))
    image = axes.images[0]
    cells = np.ma.filled(image.get_array().astype(float), np.nan)
    left, right, bottom, top = image.get_extent()
    row, column = np.unravel_index(np.nanargmin(cells), cells.shape)
    x = left + (column + 0.5) * (right - left) / cells.shape[1]
    y = bottom + (row + 0.5) * (top - bottom) / cells.shape[0]
    lowest = np.argmin(value)
    assert abs(x - positions.across[lowest]) < 0.05 * np.ptp(positions.across)
    assert abs(y - positions.along[lowest]) < 0.05 * np.ptp(positions.along)
    assert np.nanmin(cells) < -20
    assert axes.yaxis_inverted() is not is_geographic


def test_wrapped_phase_is_averaged_as_an_angle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps_module, "SCATTER_POINTS", 100)
    positions = make_positions(20_000)
    phase = np.where(np.arange(20_000) % 2, math.pi - 0.1, -math.pi + 0.1)
    axes = new_figure(4, 4, "").add_subplot()
    draw_points(axes, positions, phase, scale=Scale(MOTION, motion_norm(4), "p", is_cyclic=True))
    cells = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    assert np.nanmin(np.abs(cells)) > math.pi - 0.11


def test_positions_refuse_lengths_that_differ() -> None:
    with pytest.raises(ArgumentError, match="longitude"):
        PointPositions(np.arange(3), np.arange(3), np.zeros(2), np.zeros(3))


def test_no_reference_area_is_said() -> None:
    positions = make_positions(10)
    result = reference_figure(ReferenceFigureInput(positions, np.zeros(10), ()))
    assert result.numbers["areas"] == []
    assert "no reference area" in texts(result)
