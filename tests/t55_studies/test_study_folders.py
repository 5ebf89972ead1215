"""Folders of studies: nothing torn is taken as finished, a full disk is said, the budget is kept."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from subside.errors import BudgetError, ProjectError
from subside.figures.style import FigureResult
from subside.io import atomic
from subside.studies.memory import POINT_BYTES, check_memory, set_sizes
from subside.studies.output import SUMMARY, StudyFolder


def test_a_new_run_takes_away_what_vouched_for_the_old_one(tmp_path: Path) -> None:
    StudyFolder(tmp_path, "tracks", "t").finish({})
    gone = tmp_path / f".cells.partial-{2**22 + 7}.csv"
    running = tmp_path / f".cells.partial-{os.getppid()}.csv"
    for file in (gone, running):
        file.write_text("torn")
    StudyFolder(tmp_path, "tracks", "t")
    assert not (tmp_path / SUMMARY).exists() and not gone.exists()
    assert running.exists(), "a file that another process is writing is its own"


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _table(folder: StudyFolder) -> None:
    folder.write_table("a.csv", pd.DataFrame({"a": [2.0]}), "x")


def _figure(folder: StudyFolder) -> None:
    folder.save_figure("a", FigureResult(matplotlib.figure.Figure(), {"k": 1}), "c")


@pytest.mark.parametrize(
    ("write", "patched", "file"),
    [
        (_table, (pd.DataFrame, "to_csv"), "a.csv"),
        (_figure, (matplotlib.figure.Figure, "savefig"), "a.png"),
        (lambda folder: folder.finish({"a": 2}), (atomic.os, "fsync"), SUMMARY),
    ],
)
def test_a_full_disk_names_the_file_and_keeps_what_was_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[StudyFolder], Any],
    patched: tuple[Any, str],
    file: str,
) -> None:
    folder = StudyFolder(tmp_path, "tracks", "t")
    write(folder)
    before = (tmp_path / file).read_bytes()
    monkeypatch.setattr(*patched, _full)
    with pytest.raises(ProjectError, match=rf"{file} could not be written: No space left.*[Ff]ree"):
        write(folder)
    assert (tmp_path / file).read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="could not be written"):
        _table(StudyFolder(tmp_path / "file" / "out", "tracks", "t"))


def test_need_grows_with_the_points_and_is_refused_beyond_the_budget(finished: Path) -> None:
    said = io.StringIO()
    console = Console(file=said, width=200)
    ((n, dates),) = set_sizes(f"{finished}:*")
    assert n > 100 and dates > 10
    assert set_sizes(finished) == set_sizes(f"{finished}:simulated") == [(n, dates)]
    one = check_memory("tracks", [finished], memory=4_000_000_000, console=console)
    two = check_memory("tracks", [finished] * 2, memory=4_000_000_000, console=console)
    assert two - one > POINT_BYTES["tracks"] * n and "GB" in said.getvalue()
    with pytest.raises(BudgetError, match="--memory"):
        check_memory("tracks", [finished], memory=one - 1, console=console)


def test_points_of_text_are_counted_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("lon,lat,velocity,20200101\n" + "115.123456,35.123456,-12.5,0.25\n" * 5000)
    ((n, _),) = set_sizes(path)
    assert abs(n - 5000) < 0.35 * 5000
    path.write_bytes(np.zeros(9, np.uint8).tobytes())
    assert set_sizes(path) == [(0, 0)] and set_sizes(tmp_path / "none") == []
