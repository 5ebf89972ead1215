"""Decides what must run and why, runs it, records it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from subside import __version__
from subside.errors import BudgetError, ProjectError
from subside.io.atomic import WRITE_FAILURES, disk_error
from subside.io.store import TrackStore
from subside.stages.executor import BASELINE_BYTES, Executor, Stopwatch
from subside.stages.stage import Parameters, Stage, StageContext, stage_digest

log = logging.getLogger("subside")

COREGISTRATION = ("geometry", "alignment", "stack")
"""Stages that make a stack out of acquisitions: done elsewhere for a track that came coregistered."""


class Action(StrEnum):
    """What the plan says of a stage."""

    DONE = "done"
    RUN = "run"
    RESUME = "resume"
    SKIP = "skip"
    PROVIDED = "provided"


@dataclass(frozen=True)
class Step:
    """One line of a plan.

    Attributes
    ----------
    stage : Stage
        The stage.
    action : Action
        What will happen.
    why : str
        The reason, in words.
    digest : str
        Digest wanted.
    memory : int
        Floor of the stage, bytes of the process tree.
    last_seconds : float or None
        Wall seconds of the last finished run, whatever its parameters.
    """

    stage: Stage
    action: Action
    why: str
    digest: str
    memory: int
    last_seconds: float | None = None


def source_digests(store: TrackStore) -> tuple[dict[str, str], set[str]]:
    """Digests of what was imported, and the stages whose results came with it.

    Returns
    -------
    digests : dict
        ``acquisitions`` and ``frame`` (reference date, DEM and grid) of a track that came as SAFE products; ``stack``
        of one that came coregistered.
    provided : set of str
        Names of stages.

    Raises
    ------
    ProjectError
        When the import did not finish.
    """
    acquisitions = store.stage_state("acquisitions")
    if acquisitions is not None:
        return {name: str(acquisitions[key]) for name, key in (("acquisitions", "digest"), ("frame", "frame"))}, set()
    state = store.stage_state("stack")
    was_resampled_here = state is not None and "version" in state
    if state is None or was_resampled_here:
        raise ProjectError(
            f"track {store.name!r} has no finished import. Run the same `subside import` command again: it resumes."
        )
    return {"stack": str(state["digest"])}, {*COREGISTRATION, *store.stack_attributes().get("provides", ())}


def make_plan(store: TrackStore, stages: Sequence[Stage], parameters: Mapping[str, Parameters]) -> list[Step]:
    """Compare the digest wanted with the digest stored, stage by stage, in order.

    Parameters
    ----------
    store : TrackStore
        The track.
    stages : sequence of Stage
        In an order in which inputs come first.
    parameters : mapping
        Parameter model by stage name.

    Returns
    -------
    list of Step
        One per stage; those that make a stack have no place in the plan of a track that came as one. A stage
        whose inputs will change runs too.
    """
    digests, provided = source_digests(store)
    stages = [s for s in stages if not (s.name in COREGISTRATION and s.name in provided)]
    steps: list[Step] = []
    skipped: dict[str, str] = {}
    for stage in stages:
        if stage.name in provided:
            digests[stage.name] = digests["stack"]
            steps.append(Step(stage, Action.PROVIDED, "came with the import", digests["stack"], 0))
            continue
        digest = stage_digest(stage, parameters[stage.name], {name: digests[name] for name in stage.inputs})
        digests[stage.name] = digest
        blocker = next((f"`{i}` is skipped" for i in stage.inputs if i in skipped), "") or stage.requires(store)
        if blocker:
            skipped[stage.name] = blocker
            steps.append(Step(stage, Action.SKIP, blocker, digest, 0))
            continue
        action, why = _compare(store, stage, parameters[stage.name], digest)
        memory = BASELINE_BYTES + stage.memory(store, parameters[stage.name])
        state = store.stage_state(stage.name)
        steps.append(Step(stage, action, why, digest, memory, state["wall_seconds"] if state else None))
    return steps


def _compare(store: TrackStore, stage: Stage, parameters: Parameters, digest: str) -> tuple[Action, str]:
    state = store.stage_state(stage.name)
    begun = store.stage_state(f"{stage.name}.begun")
    if state is not None and state["digest"] == digest:
        return Action.DONE, "results match"
    if begun is not None and begun["digest"] == digest:
        return Action.RESUME, "an earlier run was interrupted; committed blocks are kept"
    if state is None:
        return Action.RUN, "never run"
    if state["version"] != stage.version:
        return Action.RUN, f"the stage changed (version {state['version']} -> {stage.version})"
    changed = _changed_parameters(state["parameters"], parameters.model_dump(mode="json"))
    return Action.RUN, changed or "an input changed"


def _changed_parameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
    return ", ".join(f"{n}: {before.get(n)!r} -> {now.get(n)!r}" for n in names)


def check_budget(steps: Sequence[Step], memory: int) -> None:
    """Refuse a budget below the floor of a stage that must run.

    Raises
    ------
    BudgetError
        Naming the stage and what it needs.
    """
    for step in steps:
        if step.action in (Action.RUN, Action.RESUME) and step.memory > memory:
            raise BudgetError(
                f"stage `{step.stage.name}` needs at least {step.memory / 1e9:.2f} GB for this track, "
                f"got --memory {memory / 1e9:.2f} GB. Grant more, or crop the track at import."
            )


def run_plan(
    store: TrackStore, steps: Sequence[Step], parameters: Mapping[str, Parameters], executor: Executor
) -> None:
    """Run the steps that must run, in order; each is recorded when it is finished.

    Raises
    ------
    BudgetError
        Before the stage starts, when the budget is below its floor; known floors are compared before any work.
    """
    check_budget(steps, executor.resources.memory)
    for step in steps:
        if step.action is Action.SKIP:
            log.warning("%s: skipped, %s", step.stage.name, step.why)
        elif step.action in (Action.RUN, Action.RESUME):
            # The stages before it may have found more points than the plan knew of.
            memory = BASELINE_BYTES + step.stage.memory(store, parameters[step.stage.name])
            check_budget([replace(step, memory=memory)], executor.resources.memory)
            _run_stage(store, step, parameters[step.stage.name], executor)


def _recordable(value: Any) -> Any:
    """Facts are kept as JSON, which knows no NaN: a number that is not finite becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _run_stage(store: TrackStore, step: Step, parameters: Parameters, executor: Executor) -> None:
    stage, digest = step.stage, step.digest
    is_resumed = step.action is Action.RESUME
    log.info("%s: %s (%s)", stage.name, stage.title, step.why)
    if not is_resumed and not stage.keeps_blocks:
        store.forget_stage(stage.name)
    store.finish_stage(f"{stage.name}.begun", {"digest": digest})
    watch = Stopwatch()
    executor.watch.take_peak()
    context = StageContext(
        store=store,
        parameters=parameters,
        run_blocks=partial(executor.run, store=store, stage=stage.name, digest=digest),
        is_resumed=is_resumed,
    )
    try:
        facts = {k: _recordable(v) for k, v in stage.run(context).items()}
    except OSError as error:
        if error.errno in WRITE_FAILURES:
            raise disk_error(store.path, error) from error
        raise
    wall, cpu = watch.read()
    peak = executor.watch.take_peak()
    store.finish_stage(
        stage.name,
        {
            "digest": digest,
            "version": stage.version,
            "subside": __version__,
            "parameters": parameters.model_dump(mode="json"),
            "facts": facts,
            "wall_seconds": wall,
            "cpu_seconds": cpu,
            "peak_bytes": peak,
        },
    )
    words = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items())
    log.info("%s: done in %.1f s (%.1f CPU-s, peak %.2f GB): %s", stage.name, wall, cpu, peak / 1e9, words)
