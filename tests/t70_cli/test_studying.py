"""Commands of the studies: they explain themselves, and their mistakes are one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit
from typer.testing import CliRunner

from subside.cli.app import app
from subside.errors import SubsideError

COMMANDS = ("tracks", "decompose", "corridor", "series", "basins", "geodesy", "standards", "report", "serve")


def _invoke(*words: object) -> Any:
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    found = _invoke(command, "--help")
    assert found.exit_code == 0 and "Usage" in found.stdout


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("tracks", "nowhere.csv", "nor_here.csv", "out"), "S101"),
        (("tracks", "a.csv", "b.csv", "out", "--set", "grid"), "parameter=value"),
        (("tracks", "a.csv", "b.csv", "out", "--set", "gird=5"), "gird"),
        (("tracks", "a.csv", "b.csv", "out", "--grid", "-4"), "grid"),
        (("geodesy", "a.csv", "out"), "neither"),
        (("report", "nowhere"), "is not a project"),
        (("demo", "out", "--scene", "nothing"), "heze-corridor"),
    ],
)
def test_mistakes_are_said_before_any_work(words: tuple[str, ...], match: str) -> None:
    found = _invoke(*words)
    assert isinstance(found.exception, SubsideError), found.output
    assert match in str(found.exception)
    assert not Path("out").exists()


def test_limits_can_be_written_and_read_back(tmp_path: Path) -> None:
    assert _invoke("standards", tmp_path / "limits.toml").exit_code == 0
    content = tomlkit.parse((tmp_path / "limits.toml").read_text()).unwrap()
    from subside.io.standards import read_standards

    assert len(read_standards(tmp_path / "limits.toml").limits) == len(next(iter(content.values())))


def test_one_track_against_itself_from_the_command_line(finished: Path, tmp_path: Path) -> None:
    found = _invoke("tracks", f"{finished}:simulated", f"{finished}:simulated", tmp_path / "out", "--grid", "100")
    assert found.exit_code == 0, found.output
    assert (tmp_path / "out" / "summary.json").is_file() and (tmp_path / "out" / "cells.csv").is_file()


def test_the_report_of_a_project_is_one_file(done: Path) -> None:
    found = _invoke("report", done)
    assert found.exit_code == 0, found.output
    page = (done / "report" / "index.html").read_text(encoding="utf-8")
    assert (
        "Methods and quality" in page
        and "two tracks are needed" in page
        and "http" not in page.replace("http-equiv", "")
    )
