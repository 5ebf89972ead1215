"""`subside show` of a track that came as SAFE products, and of one that came coregistered."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from subside.cli.app import app
from subside.cli.showing_coregistration import seam_pairs
from subside.io.project import Project
from subside.ops.seams import burst_seams
from subside.stages.acquisitions import load_input

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
TINY = DATA / "safe-synthetic" / "tiny"
DATES = ("20171227", "20180108", "20180120")
COREGISTRATION = ("bursts", "visibility", "esd", "esd-residual", "esd-coherence", "seams")


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)


def numbers(project: Path, key: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    found = invoke("show", project, key, "--json")
    assert found.exit_code == 0, (key, found.exception)
    return json.loads(found.stdout, parse_constant=refuse)


def import_words(project: Path, *more: object) -> tuple[object, ...]:
    products = sorted(TINY.glob("*.SAFE"))
    places = ("--orbits", TINY / "orbits", "--dem", TINY / "dem.tif")
    return "import", project, "--track", "t40", "--format", "safe", *products, *places, *more


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, subside_command: Any) -> Path:
    """Three dates, imported and brought to a stack."""
    if not TINY.is_dir():
        pytest.skip(f"no data in {TINY}; set SUBSIDE_DATA")
    project = tmp_path_factory.mktemp("show") / "project"
    for words in (("init", project), import_words(project), ("run", project, "--to", "stack", "--workers", "1")):
        ran = subside_command(*words, timeout=300)
        assert ran.returncode == 0, ran.stderr
    return project


@pytest.fixture(scope="module")
def truth(tiny: Path) -> dict[str, Any]:
    return json.loads((TINY / "truth.json").read_text())


@pytest.mark.parametrize("key", [*COREGISTRATION, "baselines"])
def test_every_key_draws(key: str, tiny: Path, tmp_path: Path) -> None:
    picture = tmp_path / f"{key}.png"
    found = invoke("show", tiny, key, picture)
    assert found.exit_code == 0, found.exception
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_shifts_are_those_injected(tiny: Path, truth: dict[str, Any]) -> None:
    found = numbers(tiny, "esd")
    assert set(found) == {"reference", "dates", "pairs"}
    assert found["reference"] == "20180108"
    assert list(found["dates"]) == list(DATES)
    injected = {d["date"]: (d["az_shift_lines"], d["rg_shift_samples"]) for d in truth["dates"]}
    assert max(abs(a) for a, _ in injected.values()) > 0.02
    for date, row in found["dates"].items():
        assert set(row) == {"azimuth_shift", "azimuth_sigma", "range_shift", "range_sigma"}
        assert abs(row["azimuth_shift"] - injected[date][0]) <= 4 * row["azimuth_sigma"] + 1e-9
        assert abs(row["range_shift"] - injected[date][1]) <= 0.01
    assert found["dates"]["20180108"] == dict.fromkeys(found["dates"]["20180108"], 0.0)
    for row in found["pairs"]:
        expected = injected[row["later"]][0] - injected[row["earlier"]][0]
        assert row["is_coherent"] and 0.5 < row["coherence"] < 1
        assert abs(row["azimuth_shift"] - expected) <= 6 * row["azimuth_sigma"]
        network = [found["dates"][row[e]]["azimuth_shift"] for e in ("earlier", "later")]
        assert row["azimuth_shift"] - row["azimuth_residual"] == pytest.approx(network[1] - network[0], abs=1e-6)


def test_baselines_are_those_of_the_truth_at_mid_scene(tiny: Path) -> None:
    from scipy.interpolate import RegularGridInterpolator

    found = numbers(tiny, "baselines")
    assert list(found) == list(DATES)
    lattice = load_input(Project.open(tiny).track(None)).lattice
    middle = 0.5 * (lattice.n_lines - 1), 0.5 * (lattice.n_samples - 1)
    burst = next(b for b in lattice.bursts if b.line + b.lines.start <= middle[0] < b.line + b.lines.stop)
    index = lattice.bursts.index(burst)
    grid = np.load(TINY / "truth_grid.npz")
    axes = grid[f"IW2_b{index}_line"], grid[f"IW2_b{index}_sample"]

    def at(name: str) -> float:
        values = grid[f"IW2_b{index}_{name}"]
        return float(RegularGridInterpolator(axes, values)((middle[0] - burst.line, middle[1] - burst.sample)))

    for date, row in found.items():
        assert set(row) == {"perpendicular", "parallel"}
        assert row["perpendicular"] == pytest.approx(at(f"{date}_bperp"), abs=0.01)
        slant_range = at(f"{date}_range") - at(f"{date}_defo_range")
        assert row["parallel"] == pytest.approx(at("20180108_range") - slant_range, abs=0.03)
    assert abs(found["20171227"]["perpendicular"]) > 10 and abs(found["20171227"]["parallel"]) > 1


def test_spectral_diversity_is_removed(tiny: Path, truth: dict[str, Any]) -> None:
    found = numbers(tiny, "esd-residual")
    assert found["rms_before"] > 5 * found["rms_after"] > 0
    assert {w["swath"] for w in found["windows"]} == {"IW2"}
    assert len(found["windows"]) == len(found["pairs"][0]["before"]) == 2
    shift = {d["date"]: d["az_shift_lines"] for d in truth["dates"]}
    for pair, row in zip(truth["pairs"], found["pairs"], strict=True):
        assert (pair["ref"], pair["sec"]) == (row["earlier"], row["later"])
        expected = 2 * np.pi * (shift[row["later"]] - shift[row["earlier"]]) / pair["esd_cycle_lines"]["IW2"]
        apart = np.angle(np.exp(1j * (np.array(row["before"]) - expected)))
        assert np.max(np.abs(apart)) < 0.1
    coherence = numbers(tiny, "esd-coherence")
    assert coherence["joint_after"]["mean"] > coherence["joint_before"]["mean"]
    assert coherence["joint_after"]["mean"] == pytest.approx(coherence["single_look_after"]["mean"], rel=0.01)


def test_seams_show_a_step_that_is_there_and_no_other(tiny: Path, tmp_path: Path) -> None:
    before = numbers(tiny, "seams")
    assert [(c["earlier_burst"], c["later_burst"]) for c in before["cuts"]] == [(102000, 102001), (102001, 102002)]
    assert before["rms_in_sigma"] < 2
    assert before["max_jump"] < 0.25
    project = Path(shutil.copytree(tiny, tmp_path / "project"))
    store = Project.open(project).track(None)
    seam = burst_seams(load_input(store).lattice)[0]
    slc = store.array("stack/slc")
    slc[2, seam.line :] = slc[2, seam.line :] * np.exp(0.8j).astype(np.complex64)
    after = numbers(project, "seams")
    for old, new in zip(before["pairs"], after["pairs"], strict=True):
        step = -0.8 if new["later"] == "20180120" else 0.0
        assert new["jump"][0] - old["jump"][0] == pytest.approx(step, abs=1e-3)
        assert new["jump"][1] == pytest.approx(old["jump"][1], abs=1e-3)
    assert after["max_jump"] > 0.6


def test_bursts_within_an_area_of_interest(tiny: Path, tmp_path: Path) -> None:
    whole = numbers(tiny, "bursts")
    assert {b["use"] for b in whole["bursts"]} == {"merged"}
    box = whole["bursts"][0]
    middle = 0.5 * (box["west"] + box["east"]), 0.5 * (box["south"] + box["north"])
    area = ",".join(f"{v:.5f}" for v in (middle[0] - 1e-3, middle[1] - 5e-3, middle[0] + 1e-3, middle[1] + 5e-3))
    project = tmp_path / "project"
    assert invoke("init", project).exit_code == 0
    found = invoke(*import_words(project, "--aoi", area))
    assert found.exit_code == 0, found.exception
    cropped = numbers(project, "bursts")
    assert [b["use"] for b in cropped["bursts"]] == ["merged", "overlap only", "not used"]
    assert cropped["grid"]["lines"] < whole["grid"]["lines"]
    outline = np.array(cropped["grid"]["outline"])
    assert np.all(np.abs(outline.mean(0) - middle) < 3e-3)
    early = invoke("show", project, "esd")
    assert early.exit_code != 0 and "needs stage `alignment`" in str(early.exception)


@pytest.mark.parametrize("key", COREGISTRATION)
def test_a_track_that_came_coregistered_says_why_there_is_none(key: str, imported: Path) -> None:
    found = invoke("show", imported, key)
    assert found.exit_code != 0
    assert "came already coregistered" in str(found.exception)
    assert repr(key) in str(found.exception)


def test_baselines_of_a_track_that_came_coregistered(imported: Path) -> None:
    found = numbers(imported, "baselines")
    facts = Project.open(imported).track(None).stack_attributes()
    assert list(found) == list(facts["dates"])
    for row, corners in zip(found.values(), facts["bperp"], strict=True):
        assert row["parallel"] is None
        assert row["perpendicular"] == pytest.approx(np.mean(corners), rel=1e-5, abs=1e-9)


def test_seam_pairs_hold_the_reference_and_the_neighbours_in_order_of_time() -> None:
    dates = ("20180101", "20180113", "20180206", "20180125")
    pairs = seam_pairs(dates, "20180113")
    assert [(dates[i], dates[j]) for i, j in pairs.tolist()] == [
        ("20180101", "20180113"),
        ("20180113", "20180125"),
        ("20180113", "20180206"),
        ("20180125", "20180206"),
    ]
