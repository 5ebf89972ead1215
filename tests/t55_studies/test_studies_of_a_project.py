"""Studies of a project: what can be made is made once, what cannot says why, one failure leaves the others alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from subside.errors import ProjectError
from subside.io.store import TrackStore
from subside.stages.configuration import with_values
from subside.stages.tables import point_geometry
from subside.studies.project import STUDIES, ProjectStudy, run_studies

CONSOLE = Console(quiet=True)


@pytest.fixture
def project(done: Path) -> Path:
    """A finished project with the tracks `simulated` and `other`, a line through them and one site."""
    shutil.copytree(done / "tracks" / "simulated.zarr", done / "tracks" / "other.zarr")
    store = TrackStore(done / "tracks" / "simulated.zarr")
    lon, lat = point_geometry(store, "longitude"), point_geometry(store, "latitude")
    assert lon is not None and lat is not None
    line = {
        "type": "LineString",
        "coordinates": [[float(lon.min()), float(lat.mean())], [float(lon.max()), float(lat.mean())]],
    }
    (done / "line.geojson").write_text(
        json.dumps({"type": "Feature", "geometry": line, "properties": {"name": "line"}})
    )
    (done / "sites.csv").write_text(f"name,longitude,latitude,class\nR1,{lon[0]:.6f},{lat[0]:.6f},rural\n")
    _configure(done, title="a line", track_names=["simulated", "other"], line="line.geojson")
    return done


def _configure(project: Path, **values: Any) -> None:
    file = project / "subside.toml"
    file.write_text(with_values(file.read_text(), "study", values))


def _made(outcomes: Any) -> dict[str, bool]:
    return {o.name: o.is_made for o in outcomes}


def test_what_can_be_made_is_made_once_and_the_rest_says_why(project: Path) -> None:
    names = ("tracks", "decompose", "corridor", "series", "geodesy")
    first = run_studies(ProjectStudy.open(project), CONSOLE, names=names)
    assert _made(first) == {"tracks": True, "decompose": False, "corridor": True, "series": False, "geodesy": False}
    why = {o.name: o.why for o in first}
    assert "same side" in why["decompose"] and "study.sites" in why["series"] and "study.gnss" in why["geodesy"]
    assert (project / "results" / "corridor" / "summary.json").is_file()
    again = {o.name: o.why for o in run_studies(ProjectStudy.open(project), CONSOLE, names=names)}
    assert again["tracks"] == again["corridor"] == "up to date"


def test_a_change_makes_only_what_depends_on_it_stale(project: Path) -> None:
    before = {name: ProjectStudy.open(project).digest(name) for name in ("tracks", "corridor")}
    file = project / "subside.toml"
    file.write_text(file.read_text() + "\n[study.corridor]\nbin_length = 100.0\n")
    changed = {name: ProjectStudy.open(project).digest(name) for name in before}
    assert changed["tracks"] == before["tracks"] and changed["corridor"] != before["corridor"]
    (project / "line.geojson").write_text((project / "line.geojson").read_text() + "\n")
    assert ProjectStudy.open(project).digest("corridor") != changed["corridor"]


def test_a_line_that_cannot_be_read_leaves_the_other_studies_alone(project: Path) -> None:
    run_studies(ProjectStudy.open(project), CONSOLE, names=("corridor",))
    (project / "line.geojson").write_text("not a line")
    outcomes = {o.name: o for o in run_studies(ProjectStudy.open(project), CONSOLE, names=("tracks", "corridor"))}
    assert outcomes["tracks"].is_made and not outcomes["corridor"].is_made
    assert "line.geojson" in outcomes["corridor"].why
    assert not (project / "results" / "corridor" / "summary.json").exists(), "the summary of another line stayed"


def test_one_track_is_not_compared(done: Path) -> None:
    outcomes = run_studies(ProjectStudy.open(done), CONSOLE, names=("tracks",))
    assert "two tracks are needed" in outcomes[0].why


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[study]\nlien = "a.gpkg"\n', "study.lien"),
        ('[study]\nline = "nowhere.gpkg"\n', "nowhere.gpkg does not exist"),
        ("[study.corridor]\nhalf_width = -1.0\n", "study.corridor.half_width"),
        ("[study]\ncorridor = 3\n", "study.corridor"),
    ],
)
def test_mistakes_of_the_configuration_are_named(done: Path, text: str, match: str) -> None:
    file = done / "subside.toml"
    file.write_text(file.read_text() + "\n" + text)
    with pytest.raises(ProjectError, match=match):
        ProjectStudy.open(done)


def test_every_study_has_a_table_of_its_own() -> None:
    assert all(s.parameters.model_fields for s in STUDIES.values())
