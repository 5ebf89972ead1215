"""Studies of a project: what can be made is made once, what cannot says why, one failure leaves the others alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
from rich.console import Console

from subside.errors import ProjectError
from subside.io.atomic import read_json
from subside.io.store import TrackStore
from subside.stages.configuration import with_values
from subside.stages.tables import point_geometry
from subside.studies.inputs import StudyInputs
from subside.studies.project import STUDIES, ProjectStudy, run_studies
from two_tracks import bowl, los_of, make_track, still

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


@pytest.mark.parametrize("name", StudyInputs.model_fields)
def test_any_entry_of_the_study_table_makes_a_study_stale(project: Path, name: str) -> None:
    shutil.copy(project / "line.geojson", project / "another.geojson")
    before = ProjectStudy.open(project).digest("corridor")
    other = {"title": "another", "line_crs": "EPSG:32651", "track_names": ["other", "simulated"]}
    _configure(project, **{name: other.get(name, "another.geojson")})
    assert ProjectStudy.open(project).digest("corridor") != before


def test_the_coordinate_system_beside_a_shapefile_counts(project: Path) -> None:
    line = geopandas.read_file(project / "line.geojson")
    line.to_file(project / "line.shp")
    _configure(project, line="line.shp")
    before = ProjectStudy.open(project).digest("corridor")
    assert ProjectStudy.open(project).digest("corridor") == before
    (project / "line.prj").unlink()
    assert ProjectStudy.open(project).digest("corridor") != before


def _tracks_seen_from(*looks: tuple[float, float]) -> Any:
    rng = np.random.default_rng(7)
    points = tuple(
        make_track(f"t{k}", rng, los=los_of(*look), up=bowl, east=still, n=300, size=(1500.0, 1000.0))
        for k, look in enumerate(looks)
    )
    return SimpleNamespace(points=points, track_names=tuple(p.name for p in points))


ASCENDING, STEEPER, DESCENDING = (43.0, -12.0), (34.0, -12.0), (39.0, 192.0)


@pytest.mark.parametrize(
    ("looks", "is_absent"),
    [
        ((ASCENDING, STEEPER), True),
        ((ASCENDING, DESCENDING), False),
        ((ASCENDING, STEEPER, DESCENDING), False),
        ((DESCENDING, ASCENDING, STEEPER), False),
        ((ASCENDING, STEEPER, ASCENDING), True),
    ],
)
def test_east_and_up_are_split_when_any_two_tracks_look_from_two_sides(looks: Any, is_absent: bool) -> None:
    why = STUDIES["decompose"].absent(_tracks_seen_from(*looks))
    assert bool(why) == is_absent
    assert not why or ("at most 9 degrees" in why and "of t0 and t1 holds" in why)


def test_a_third_track_from_the_other_side_is_split_and_its_angle_told(tmp_path: Path) -> None:
    study, made = _tracks_seen_from(ASCENDING, STEEPER, DESCENDING), STUDIES["decompose"]
    summary = made.run(study, made.parameters(step_days=0.0), tmp_path, CONSOLE) or read_json(tmp_path / "summary.json")
    assert set(summary["results"]["n_points"]) == {"t0", "t1", "t2"}
    assert summary["results"]["lines_of_sight_apart_deg"] == pytest.approx(79.9, abs=0.5)


def test_a_file_that_cannot_be_read_leaves_the_other_studies_alone(project: Path) -> None:
    run_studies(ProjectStudy.open(project), CONSOLE, names=("corridor",))
    (project / "structures.csv").write_text("not,structures\n1,2\n")
    _configure(project, structures="structures.csv")
    outcomes = {o.name: o for o in run_studies(ProjectStudy.open(project), CONSOLE, names=("tracks", "corridor"))}
    assert outcomes["tracks"].is_made and not outcomes["corridor"].is_made
    assert "structures.csv" in outcomes["corridor"].why
    assert not (project / "results" / "corridor" / "summary.json").exists(), "the summary of another request stayed"


@pytest.mark.parametrize(
    "error", [ValueError("zero-size array"), OverflowError("too large"), np.linalg.LinAlgError("x")]
)
def test_a_study_that_cannot_be_computed_leaves_the_other_studies_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setitem(STUDIES, "corridor", replace(STUDIES["corridor"], run=fail))
    outcomes = {o.name: o for o in run_studies(ProjectStudy.open(project), CONSOLE, names=("tracks", "corridor"))}
    assert outcomes["tracks"].is_made and not outcomes["corridor"].is_made
    assert outcomes["corridor"].why.startswith(f"it could not be made: {type(error).__name__}: {error}")
    assert not (project / "results" / "corridor" / "request.json").exists()


def test_one_track_is_not_compared(done: Path) -> None:
    outcomes = run_studies(ProjectStudy.open(done), CONSOLE, names=("tracks",))
    assert "two tracks are needed" in outcomes[0].why


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[study]\nlien = "a.gpkg"\n', "study.lien"),
        ('[study]\nline = "nowhere.gpkg"\n', "nowhere.gpkg does not exist"),
        ('[study]\nline = "tracks"\n', "tracks is a folder"),
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
