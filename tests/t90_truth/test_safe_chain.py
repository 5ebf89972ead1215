"""From simulated SAFE products to displacement, against the truth they were made from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from subside.io.project import Project
from subside.io.store import TrackStore
from subside.ops.burst_lattice import BurstLattice
from subside.ops.score import Group
from subside.ops.seams import burst_seams
from subside.ops.simulate.spec import Stratum
from subside.ops.simulate.truth import Truth
from subside.stages.acquisitions import load_input
from subside.stages.simulating import compare_rates, score_track
from subside.stages.simulating_safe import load_tops_truth, simulate_safe, truth_of_track

FULL = {"size": "3x280", "dates": 12, "seed": 1}
JUMP_LINES = 250
"""Either side of a seam: the noise of a jump is then 0.015 rad, a quarter of what a thousandth of a line makes."""


@dataclass(frozen=True)
class Run:
    """A finished track and its truth."""

    project: Path
    store: TrackStore
    made: Path
    truth: Truth
    reference: int


def _run(root: Path, scene: str, command: Callable[..., Any], last: str | None, **scene_options: Any) -> Run:
    made, project = root / "made", root / "project"
    simulate_safe(made, scene, console=Console(file=io.StringIO()), **scene_options)
    words: list[tuple[object, ...]] = [
        ("init", project),
        (
            "import", project, "--track", "t", "--format", "safe", made, "--orbits", made / "orbits",
            "--dem", made / "dem.tif",
        ),
        ("run", project, *(("--to", last) if last else ())),
    ]  # fmt: skip
    for step in words:
        ran = command(*step, timeout=1800)
        assert ran.returncode == 0, ran.stderr
    store = Project.open(project).track("t")
    facts = store.read_attributes("acquisitions")
    assert facts["findings"] == []
    reference = facts["dates"].index(facts["reference_date"])
    return Run(project, store, made, truth_of_track(store, made / "truth.zarr"), reference)


def _flattened(run: Run, earlier: int, later: int) -> np.ndarray:
    """Pair with its true phase taken off, (azimuth, range)."""
    slc, phase = run.store.array("stack/slc"), run.truth.phase
    pair = np.asarray(slc[earlier]) * np.conj(np.asarray(slc[later]))
    return pair * np.exp(-1j * (phase[later] - phase[earlier]))


def _coherence(run: Run, pair: np.ndarray, earlier: int, later: int, where: np.ndarray) -> float:
    slc = run.store.array("stack/slc")
    power = [float((np.abs(np.asarray(slc[k])[where]) ** 2).sum()) for k in (earlier, later)]
    return float(np.abs(pair[where].sum()) / np.sqrt(power[0] * power[1]))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, subside_command: Callable[..., Any]) -> Run:
    root = tmp_path_factory.mktemp("tiny")
    return _run(root, "safe-tiny", subside_command, "stack", size=None, dates=3, seed=2)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, subside_command: Callable[..., Any]) -> Run:
    return _run(tmp_path_factory.mktemp("full"), "safe", subside_command, None, **FULL)


def _check_shifts(run: Run, *, azimuth: float, range_: float) -> None:
    true = load_tops_truth(run.made / "truth.zarr").shifts_against(run.reference)
    for name, expected, limit in zip(("azimuth", "range"), true, (azimuth, range_), strict=True):
        assert np.abs(expected).max() > 2 * limit, "the shifts must be large against the limit"
        assert np.abs(run.store.read(f"alignment/{name}_shift") - expected).max() < limit, name
    assert run.store.read("alignment/is_estimated").all()


def test_short_bursts_come_out_aligned_with_the_true_phase(tiny: Run) -> None:
    _check_shifts(tiny, azimuth=5e-3, range_=0.04)
    ground = tiny.truth.stratum == Stratum.DISTRIBUTED
    for earlier, later in ((0, 1), (1, 2), (0, 2)):
        pair = _flattened(tiny, earlier, later)
        ground &= pair != 0
        assert np.abs(np.angle(pair[ground].sum())) < 0.03
        expected = float(tiny.truth.coherence.of_pair(earlier, later)[ground].mean())
        assert _coherence(tiny, pair, earlier, later, ground) > expected - 0.05 > 0.3
        noise = (tiny.truth.stratum == Stratum.NOISE) & ~tiny.truth.ps_influenced & (pair != 0)
        assert _coherence(tiny, pair, earlier, later, noise) < 0.1


def test_points_of_short_bursts_are_where_the_truth_says(tiny: Run) -> None:
    amplitude = np.abs(np.asarray(tiny.store.array("stack/slc")[tiny.reference]))
    line, sample = np.nonzero((tiny.truth.stratum == Stratum.POINT) & (tiny.truth.point_to_clutter > 15))
    inner = (line > 2) & (sample > 2) & (line < amplitude.shape[0] - 3) & (sample < amplitude.shape[1] - 3)
    line, sample = line[inner], sample[inner]
    inside = amplitude[line, sample] > 0
    line, sample = line[inside], sample[inside]
    near = np.stack([amplitude[line + i, sample + j] for i in (-2, 0, 2) for j in (-2, 0, 2)])
    assert len(line) > 50
    assert np.mean(np.argmax(near, axis=0) == 4) > 0.9


def _jumps(run: Run, lattice: BurstLattice, later: int) -> list[float]:
    """Phase below less phase above each cut of a burst, in the pair of the reference with another date, rad."""
    pair = _flattened(run, run.reference, later)
    pair = np.where(run.truth.stratum == Stratum.DISTRIBUTED, pair / np.maximum(np.abs(pair), 1e-9), 0)
    jumps = []
    for seam in burst_seams(lattice):
        below, above = (pair[seam.line + k :][:JUMP_LINES, seam.samples].sum() for k in (0, -JUMP_LINES))
        jumps.append(float(np.angle(below * above.conj())))
    return jumps


@pytest.mark.slow
def test_shifts_of_full_bursts(full: Run, subside_command: Callable[..., Any]) -> None:
    _check_shifts(full, azimuth=3e-4, range_=0.01)
    shown = json.loads(subside_command("show", full.project, "esd", "--json").stdout)
    azimuth = load_tops_truth(full.made / "truth.zarr").shifts_against(full.reference)[0]
    for k, date in enumerate(full.store.read_attributes("acquisitions")["dates"]):
        assert shown["dates"][date]["azimuth_shift"] == pytest.approx(azimuth[k], abs=3e-4)


@pytest.mark.slow
def test_no_jump_at_the_seams_of_bursts(full: Run) -> None:
    lattice = load_input(full.store).lattice
    jumps = np.array([_jumps(full, lattice, k) for k in range(len(full.truth.days)) if k != full.reference])
    assert jumps.shape == (11, 4)
    assert np.abs(np.median(jumps, axis=0)).max() < 0.03
    assert np.percentile(np.abs(jumps), 95) < 0.05


@pytest.mark.slow
def test_phase_of_every_kind_of_ground(full: Run) -> None:
    for earlier, later in ((0, 1), (4, 6), (9, 11)):
        pair = _flattened(full, earlier, later)
        for stratum, limit in ((Stratum.DISTRIBUTED, 0.02), (Stratum.POINT, 0.05)):
            where = (full.truth.stratum == stratum) & (pair != 0)
            assert np.abs(np.angle(pair[where].sum())) < limit
            expected = float(full.truth.coherence.of_pair(earlier, later)[where].mean())
            assert _coherence(full, pair, earlier, later, where) > expected - 0.03


@pytest.mark.slow
def test_rates_in_the_bowls(full: Run) -> None:
    compared = compare_rates(full.store, full.truth)
    error = compared.estimated - compared.true
    moving = np.abs(compared.true - np.median(compared.true)) > 0.010
    kinds = np.array(compared.strata)[compared.stratum]
    assert compared.true.min() < -0.050 and moving.sum() > 5_000
    for kind in ("DS", "PS"):
        chosen = moving & (kinds == kind)
        assert chosen.sum() > 300
        assert np.sqrt(np.mean((error[chosen] - np.median(error)) ** 2)) < 3e-3, kind
    deepest = np.argsort(compared.true)[:500]
    assert np.median(compared.estimated[deepest]) == pytest.approx(np.median(compared.true[deepest]), abs=5e-3)


@pytest.mark.slow
def test_score_of_the_whole_road(full: Run) -> None:
    score = score_track(full.store, full.truth)
    groups = {g.group: g for g in score.groups}
    for group, kept, slope in ((Group.POINT, 0.6, 2e-3), (Group.DISTRIBUTED, 0.4, 3e-3)):
        found = groups[group]
        assert found.n_points > kept * found.n_pixels
        assert found.slope_rmse < slope
        assert found.dem_error_rmse < found.dem_error_prior
    assert score.unwrapping is not None and score.unwrapping.n_wrong < 5e-4 * score.unwrapping.n_values
    assert score.noise.n_lone < 1e-3 * score.noise.n_points
