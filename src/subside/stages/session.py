"""One track with its parameters: what plan, run, status and estimate work on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from subside.errors import ProjectError
from subside.io.project import CONFIGURATION, Project
from subside.io.store import TrackStore
from subside.stages.catalogue import STAGES, stages_between
from subside.stages.configuration import load_parameters
from subside.stages.executor import Executor, Resources
from subside.stages.runner import Action, Step, check_budget, make_plan, run_plan
from subside.stages.stage import Parameters

log = logging.getLogger("subside")


@dataclass(frozen=True)
class Session:
    """A track and the parameters it is to be processed with.

    Attributes
    ----------
    store : TrackStore
        State of the track.
    parameters : mapping
        Parameter model by stage.
    """

    store: TrackStore
    parameters: Mapping[str, Parameters]

    def steps(self) -> list[Step]:
        """Plan of the whole catalogue."""
        return make_plan(self.store, STAGES, self.parameters)


def open_session(project: Path, track: str | None, overrides: Sequence[str]) -> Session:
    """Open a track of a project with its configuration.

    Raises
    ------
    ProjectError
        When project, track, configuration or an override is at fault.
    """
    opened = Project.open(project)
    parameters = load_parameters(STAGES, opened.configuration(), overrides, file=opened.path / CONFIGURATION)
    return Session(opened.track(track), parameters)


def run_session(
    session: Session, resources: Resources, console: Console, *, first: str | None = None, last: str | None = None
) -> None:
    """Run a track.

    Parameters
    ----------
    session : Session
        The track.
    resources : Resources
        What may be used.
    console : Console
        Where progress goes.
    first : str, optional
        Recompute from this stage on, even if its results match.
    last : str, optional
        Stop after this stage.

    Raises
    ------
    ProjectError
        When ``first`` came with the import, or another process works on the track.
    """
    with session.store.locked():
        _run_locked(session, resources, console, first=first, last=last)


def _run_locked(
    session: Session, resources: Resources, console: Console, *, first: str | None, last: str | None
) -> None:
    stages = stages_between(None, last)
    if first is not None:
        wanted = stages_between(first, last)
        own = {s.stage.name for s in session.steps() if s.action is not Action.PROVIDED}
        if first not in own:
            raise ProjectError(
                f"--from {first}: the results of `{first}` came with the import and cannot be recomputed"
            )
        anew = [s for s in wanted if s.name in own]
        check_budget([replace(s, action=Action.RUN) for s in session.steps() if s.stage in anew], resources.memory)
        for stage in anew:
            session.store.forget_stage(stage.name)
    steps = [s for s in session.steps() if s.stage in stages]
    for step in steps:
        log.info("plan: %-10s %-8s %s", step.stage.name, step.action, step.why)
    with Executor(resources, console) as executor:
        run_plan(session.store, steps, session.parameters, executor)


def status_of(session: Session) -> list[dict[str, Any]]:
    """State of each stage with the facts it left, JSON-able."""
    rows: list[dict[str, Any]] = []
    for step in session.steps():
        state = session.store.stage_state(step.stage.name) or {}
        is_current = step.action is Action.DONE
        rows.append(
            {
                "stage": step.stage.name,
                "state": str(step.action) if not is_current else "done",
                "why": step.why,
            }
            | {k: state[k] for k in ("facts", "wall_seconds", "cpu_seconds", "peak_bytes") if k in state}
        )
    return rows
