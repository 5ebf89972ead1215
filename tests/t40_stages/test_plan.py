"""Digests: a changed parameter re-runs exactly the stages that depend on it, and the plan says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import digests
from pydantic import Field

from subside.errors import BudgetError, ProjectError
from subside.stages import catalogue, runner
from subside.stages.catalogue import STAGES, stages_between
from subside.stages.executor import BASELINE_BYTES, Executor, Resources
from subside.stages.runner import COREGISTRATION, Action, check_budget, make_plan
from subside.stages.session import open_session, status_of
from subside.stages.stage import Parameters, Stage, stage_digest

OWN = {s.name for s in STAGES} - set(COREGISTRATION)
"""Stages of a track that came coregistered."""

DEPENDENTS = {
    "survey.max_gap_days=60": OWN,
    "network.min_links=3": OWN - {"survey"},
    "select.random_density=1.0": {"select", "unwrap", "invert", "correct", "reference", "rates"},
    "invert.weights='equal'": {"invert", "correct", "reference", "rates"},
    "correct.ramp_cell=400.0": {"correct", "reference", "rates"},
    "rates.seasonal='no'": {"rates"},
}


@pytest.mark.parametrize("override", DEPENDENTS)
def test_a_parameter_makes_exactly_its_dependents_stale(finished: Path, override: str) -> None:
    steps = open_session(finished, None, [override]).steps()
    stale = {s.stage.name for s in steps if s.action is Action.RUN}
    assert stale == DEPENDENTS[override]
    assert {s.stage.name for s in steps if s.action is Action.DONE} == OWN - stale
    stage, _, rest = override.partition(".")
    why = {s.stage.name: s.why for s in steps}
    assert rest.partition("=")[0] in why[stage] and "->" in why[stage]
    assert all(why[name] == "an input changed" for name in stale - {stage})


def test_nothing_is_stale_after_a_run_and_running_again_changes_nothing(done: Path, run_project: Any) -> None:
    before = {f: f.stat().st_mtime_ns for f in (done / "tracks").rglob("*") if f.is_file()}
    assert {s.stage.name for s in open_session(done, None, []).steps() if s.action is Action.DONE} == OWN
    run_project(done)
    assert before == {f: f.stat().st_mtime_ns for f in (done / "tracks").rglob("*") if f.is_file()}


def test_a_raised_version_is_named(finished: Path) -> None:
    session = open_session(finished, None, [])
    stages = [replace(s, version=s.version + 1) if s.name == "invert" else s for s in STAGES]
    steps = {s.stage.name: s for s in make_plan(session.store, stages, session.parameters)}
    assert steps["unwrap"].action is Action.DONE
    version = next(s.version for s in STAGES if s.name == "invert")
    assert f"version {version} -> {version + 1}" in steps["invert"].why
    assert steps["rates"].why == "an input changed"


def test_a_track_never_run_says_so(imported: Path) -> None:
    steps = open_session(imported, None, []).steps()
    assert [s.stage.name for s in steps] == [s.name for s in STAGES if s.name in OWN]
    assert {s.action for s in steps} == {Action.RUN}
    assert {s.why for s in steps} == {"never run"} and all(s.memory >= BASELINE_BYTES for s in steps)


def test_from_recomputes_from_there_on_to_the_same_bits(done: Path, run_project: Any) -> None:
    truth = digests(done)
    store = open_session(done, None, []).store
    kept = (store.path / ".state" / "correct.json").stat().st_mtime_ns
    redone = (store.path / ".state" / "reference.json").stat().st_mtime_ns
    run_project(done, first="reference")
    assert (store.path / ".state" / "correct.json").stat().st_mtime_ns == kept
    assert (store.path / ".state" / "reference.json").stat().st_mtime_ns > redone
    assert digests(done) == truth


def test_to_stops_and_status_tells(fresh: Path, run_project: Any) -> None:
    run_project(fresh, last="network")
    rows = {r["stage"]: r for r in status_of(open_session(fresh, None, []))}
    assert rows["network"]["state"] == "done" and rows["network"]["facts"]["kept"] > 0
    assert rows["extract"]["state"] == "run" and "facts" not in rows["extract"]
    json.dumps(rows, allow_nan=False)


def test_a_kill_inside_forget_does_not_resume_on_half_of_the_data(
    done: Path, run_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that allows a resume goes before the data, so that what is left is never taken for results."""
    from subside.io import store as store_module

    session = open_session(done, None, [])
    truth = digests(done)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store_module.shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            session.store.forget_stage("invert")
    session.store.array("invert/phase")[...] = np.float32(7.0)
    step = next(s for s in session.steps() if s.stage.name == "invert")
    assert step.action is Action.RUN
    run_project(done)
    assert digests(done) == truth


def test_results_that_came_with_the_import_survive_from(done: Path, run_project: Any) -> None:
    store = open_session(done, None, []).store
    store.write_attributes("stack", {"provides": ["survey", "network", "extract", "select", "unwrap"]})
    for first in ("select", "stack"):
        with pytest.raises(ProjectError, match="came with the import"):
            run_project(done, first=first)
    assert store.has("stack/slc")
    assert store.has("select/phase") and store.has("unwrap/phase")


class _NoParameters(Parameters):
    level: float = Field(1.0, description="x")


def _stage(name: str, *inputs: str, **more: Any) -> Stage:
    return Stage(name, name, inputs, _NoParameters, 1, lambda c: {}, lambda s, p: 1, **more)


def test_a_stage_that_cannot_run_is_skipped_with_what_depends_on_it(imported: Path) -> None:
    stages = (_stage("a", "stack", requires=lambda store: "heights unknown"), _stage("b", "a"), _stage("c", "stack"))
    parameters = {s.name: _NoParameters() for s in stages}
    store = open_session(imported, None, []).store
    steps = make_plan(store, stages, parameters)
    assert [(s.action, s.why) for s in steps] == [
        (Action.SKIP, "heights unknown"),
        (Action.SKIP, "`a` is skipped"),
        (Action.RUN, "never run"),
    ]


def test_digest_depends_on_each_of_its_parts() -> None:
    stage, inputs = _stage("a", "stack"), {"stack": "x"}
    variants = {
        stage_digest(stage, _NoParameters(), inputs),
        stage_digest(stage, _NoParameters(level=2.0), inputs),
        stage_digest(stage, _NoParameters(), {"stack": "y"}),
        stage_digest(replace(stage, version=2), _NoParameters(), inputs),
        stage_digest(replace(stage, name="b"), _NoParameters(), inputs),
    }
    assert len(variants) == 5
    assert stage_digest(stage, _NoParameters(), inputs) in variants


def test_catalogue_is_in_order_and_ranges_are_checked() -> None:
    seen = {"acquisitions", "frame"}
    for stage in STAGES:
        assert set(stage.inputs) <= seen
        seen.add(stage.name)
    assert [s.name for s in stages_between("invert", "reference")] == ["invert", "correct", "reference"]
    assert stages_between(None, None) == catalogue.STAGES
    for first, last in (("nope", None), (None, "nope"), ("rates", "survey")):
        with pytest.raises(ProjectError, match=r"stage|order"):
            stages_between(first, last)


def test_budget_below_the_least_or_below_a_floor_is_refused_before_work(done: Path, run_project: Any) -> None:
    with pytest.raises(BudgetError, match="at least 1 GB"):
        Resources(memory=999_999_999)
    with pytest.raises(BudgetError, match="workers"):
        Resources(workers=0)
    (select,) = (s for s in open_session(done, None, []).steps() if s.stage.name == "select")
    big = replace(select, action=Action.RUN, memory=5_000_000_000)
    with pytest.raises(BudgetError, match=r"stage `select` needs at least 5\.00 GB"):
        check_budget([big], 4_000_000_000)
    check_budget([replace(big, action=Action.DONE)], 4_000_000_000)


def test_a_floor_known_only_during_the_run_is_compared_before_the_stage(imported: Path) -> None:
    store = open_session(imported, None, []).store
    floors = iter([2_000_000_000])
    stage = Stage("late", "late", ("stack",), _NoParameters, 1, lambda c: {}, lambda s, p: next(floors))
    step = runner.Step(stage, Action.RUN, "never run", "d", 500_000_000)
    from rich.console import Console

    with (
        pytest.raises(BudgetError, match=r"`late` needs at least 2\.45 GB"),
        Executor(Resources(workers=1, memory=1_000_000_000), Console(quiet=True)) as executor,
    ):
        runner.run_plan(store, [step], {"late": _NoParameters()}, executor)
    assert store.stage_state("late.begun") is None


def test_from_with_too_small_a_budget_keeps_the_results(
    done: Path, run_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (invert,) = (s for s in STAGES if s.name == "invert")
    monkeypatch.setattr(type(invert), "memory", property(lambda self: lambda s, p: 9_000_000_000), raising=False)
    store = open_session(done, None, []).store
    with pytest.raises(BudgetError):
        run_project(done, first="invert")
    assert store.stage_state("invert") is not None and store.has("rates/velocity")


def test_two_runs_on_one_track_are_kept_apart(imported: Path, subside_command: Any) -> None:
    store = open_session(imported, None, []).store
    with store.locked():
        done = subside_command("run", imported)
        assert done.returncode != 0
        assert "another subside process works on track" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    with store.locked():
        pass
