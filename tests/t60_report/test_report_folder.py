"""The folder of the report holds whole files only, whatever a killed process left in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from subside.report import project as making
from subside.studies.project import Outcome


def _dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_report_left_half_written_goes(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "run_studies", lambda *_: [Outcome("basins", False, "it was not asked for")])
    (done / "report").mkdir()
    (done / "results").mkdir(exist_ok=True)
    dead = _dead()
    torn = [
        done / "report" / f".index.partial-{dead}.html",
        done / "results" / f".score.partial-{dead}.json",
        done / f".subside.partial-{dead}.toml",
    ]
    of_another = done / "report" / f".rates.partial-{os.getppid()}.png"
    for file in (*torn, of_another):
        file.write_bytes(b"half")
    assert making.write_report(done, Console(quiet=True)) == [done / "report" / "index.html"]
    assert not any(file.exists() for file in torn)
    assert of_another.exists(), "a process that runs still writes its own"
    assert {"index.html", "rates.png", "networks.png"} <= {p.name for p in (done / "report").iterdir()}
