"""Runs of the whole chain on simulated scenes, through the stages a user has."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from subside.ops.score import Score
from subside.stages.executor import Resources
from subside.stages.session import Session, open_session, run_session
from subside.stages.simulating import load_truth, score_track, simulate_to

Chain = Callable[..., tuple[Session, Score]]


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Simulate, run and score: ``chain(scene, size=..., dates=..., seed=..., overrides=...)``."""

    def run(scene: str, *, size: str | None = None, dates: int | None = None, seed: int = 1, overrides=()):
        out: Path = tmp_path_factory.mktemp(scene) / "project"
        quiet = Console(file=io.StringIO())
        simulate_to(out, scene, size=size, dates=dates, seed=seed, layout="project", console=quiet)
        session = open_session(out, None, overrides)
        run_session(session, Resources(workers=2), quiet)
        return session, score_track(session.store, load_truth(out / "truth.zarr"))

    return run
