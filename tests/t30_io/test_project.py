"""The project folder and its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from subside.errors import ProjectError
from subside.io.project import Project


def test_a_project_is_made_once_and_opened(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "p", "[survey]\nmax_bperp = 100.0\n")
    assert Project.open(tmp_path / "p") == made
    assert made.configuration() == {"survey": {"max_bperp": 100.0}}
    assert type(made.configuration()["survey"]) is dict
    with pytest.raises(ProjectError, match="exists already"):
        Project.create(tmp_path / "p", "")
    with pytest.raises(ProjectError, match="subside init"):
        Project.open(tmp_path / "q")


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "p", "[survey]\nmax_bperp = \n")
    with pytest.raises(ProjectError, match=r"subside.toml is not valid TOML.*line 2"):
        made.configuration()


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    for path in (tmp_path / "f", tmp_path / "f" / "g"):
        with pytest.raises(ProjectError, match="could not be written"):
            Project.create(path, "")
        with pytest.raises(ProjectError, match="is not a project"):
            Project.open(path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-a", ".a", "a b", "x" * 65])
def test_track_names_are_good_file_names(tmp_path: Path, name: str) -> None:
    made = Project.create(tmp_path / "p", "")
    with pytest.raises(ProjectError, match="track name"):
        made.new_track(name)


def test_a_track_is_named_only_where_there_are_several(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "p", "")
    with pytest.raises(ProjectError, match="no track yet"):
        made.track(None)
    made.new_track("b").create()
    assert made.track(None).name == "b"
    made.new_track("a").create()
    assert made.track_names() == ["a", "b"]
    with pytest.raises(ProjectError, match=r"several tracks.*a, b"):
        made.track(None)
    with pytest.raises(ProjectError, match=r"no track 'c'.*a, b"):
        made.track("c")
    assert made.track("a").path == made.path / "tracks" / "a.zarr"
