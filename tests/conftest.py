"""Fixtures shared by the floors above ops: tiny simulated projects, made once per session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import subside

SOURCE = Path(subside.__file__).parent.parent
COMMAND = "from subside.cli import main; main()"
TINY = {"size": "140x100", "dates": 12, "seed": 3}
"""Two tiles of `extract`, two blocks of `survey`: the smallest scene with a parallel axis."""


@pytest.fixture(scope="session")
def subside_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""

    def run(*words: object, timeout: float = 120.0, **more: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "200"}
        command = [sys.executable, "-c", COMMAND, *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=environment, check=False, **more
        )

    return run


def run_in_process(path: Path, *, first: str | None = None, last: str | None = None, **resources: object) -> None:
    """Run a project like `subside run`, in this process."""
    from rich.console import Console

    from subside.stages.executor import Resources
    from subside.stages.session import open_session, run_session

    with Path(os.devnull).open("w") as sink:
        session = open_session(path, None, [])
        run_session(session, Resources(**{"workers": 1, **resources}), Console(file=sink), first=first, last=last)


@pytest.fixture(scope="session")
def run_project() -> Callable[..., None]:
    """:func:`run_in_process`."""
    return run_in_process


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny simulated project, imported, no stage run. Copy before changing."""
    from rich.console import Console

    from subside.stages.simulating import simulate_to

    out = tmp_path_factory.mktemp("projects") / "tiny"
    with Path(os.devnull).open("w") as sink:
        simulate_to(out, "demo", layout="project", console=Console(file=sink), **TINY)
    return out


@pytest.fixture(scope="session")
def finished(imported: Path, tmp_path_factory: pytest.TempPathFactory, subside_command: Callable[..., Any]) -> Path:
    """The same after a whole run by the command, which keeps BLAS at one thread. Copy before changing."""
    out = Path(shutil.copytree(imported, tmp_path_factory.mktemp("projects") / "finished"))
    ran = subside_command("run", out, "--workers", "1", timeout=300)
    assert ran.returncode == 0, ran.stderr
    return out


@pytest.fixture
def fresh(imported: Path, tmp_path: Path) -> Path:
    """A copy of the imported project that a test may change."""
    return Path(shutil.copytree(imported, tmp_path / "project"))


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project"))
