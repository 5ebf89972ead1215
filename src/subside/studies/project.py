"""The studies of a project: which can be made from its ``[study]`` table, which are up to date, and making the rest."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel
from rich.console import Console

from subside import __version__
from subside.errors import ProjectError, SubsideError
from subside.figures.style import symmetric_limit
from subside.io.atomic import read_json, remove_partial, write_json
from subside.io.project import CONFIGURATION, Project
from subside.io.tables import read_series_table, read_sites
from subside.io.vectors import read_polygons
from subside.model.points import PointSet
from subside.ops.two_tracks.sensitivity import SAME_SIDE_DEG, most_apart
from subside.stages.point_sources import load_points
from subside.studies.basins import BasinsFiles, BasinsParameters, run_basins
from subside.studies.corridor import CorridorFiles, run_corridor
from subside.studies.corridor_parameters import CorridorParameters
from subside.studies.decompose import DecomposeParameters, run_decompose
from subside.studies.geodesy import GROUND_KINDS, GeodesyParameters, run_geodesy, run_geodesy_tracks
from subside.studies.inputs import StudyInputs, load_inputs, load_study_parameters
from subside.studies.output import SUMMARY, StudyParameters
from subside.studies.series import SeriesParameters, run_series
from subside.studies.tracks import TracksFiles, TracksParameters, run_tracks

log = logging.getLogger("subside")

REQUEST: Final = "request.json"
"""What a finished study was asked for; it is current while that is the same."""


@dataclass(frozen=True)
class ProjectStudy:
    """A project seen by its studies.

    Attributes
    ----------
    project : Project
        The folder.
    configuration : mapping
        Its ``subside.toml``.
    inputs : StudyInputs
        The ``[study]`` table.
    """

    project: Project
    configuration: Mapping[str, Any]
    inputs: StudyInputs

    @classmethod
    def open(cls, path: Path) -> ProjectStudy:
        """Open a project and validate its ``[study]`` table.

        Raises
        ------
        ProjectError
            If there is no project, a name is not known, or a file that is named does not exist.
        """
        project = Project.open(path)
        configuration = project.configuration()
        file = project.path / CONFIGURATION
        inputs = load_inputs(configuration, file=file)
        opened = cls(project, configuration, inputs)
        for name in _FILES:
            found = opened.file(name)
            if found is not None and not found.is_file():
                what = "is a folder" if found.is_dir() else "does not exist"
                raise ProjectError(f"{file}: `study.{name}` must name a file, {found} {what}")
        for study, made in STUDIES.items():
            load_study_parameters(made.parameters, study, configuration, file=file, given={})
        return opened

    def file(self, name: str) -> Path | None:
        """File of the ``[study]`` table, or None."""
        return self.inputs.path(name, self.project.path)

    @property
    def track_names(self) -> tuple[str, ...]:
        """Tracks to study, the order of the ``[study]`` table first."""
        return self.inputs.track_names or tuple(self.project.track_names())

    @cached_property
    def points(self) -> tuple[PointSet, ...]:
        """Points of the tracks, in the coordinate system of the first."""
        loaded: list[PointSet] = []
        for name in self.track_names:
            crs = loaded[0].crs if loaded else None
            label = f"{self.project.path.name}:{name}"
            points = load_points(f"{self.project.path}:{name}", crs=crs, name=name)
            log.info("study: %s, %d points of %s", label, points.n_points, points.crs)
            loaded.append(points)
        return tuple(loaded)

    def folder(self, study: str) -> Path:
        """Where a study leaves its results."""
        return self.project.results / study

    def parameters(self, study: str) -> Any:
        """Parameters of a study from its table."""
        file = self.project.path / CONFIGURATION
        found = load_study_parameters(STUDIES[study].parameters, study, self.configuration, file=file, given={})
        if getattr(found, "rate_limit", None) == 0:
            return found.model_copy(update={"rate_limit": self.rate_limit})
        return found

    @cached_property
    def rate_limit(self) -> float:
        """Half-range of the one scale of rates, m/yr, from the points of all tracks."""
        return symmetric_limit(np.concatenate([p.velocity[p.flags == 0] for p in self.points]) * 100.0) / 100.0

    def digest(self, study: str) -> str:
        """Digest of all that a study is made from: the whole ``[study]`` table, its files, parameters and points."""
        files = {name: _file_digest(path) for name in _FILES if (path := self.file(name)) is not None}
        content = {
            "study": study,
            "subside": __version__,
            "parameters": self.parameters(study).model_dump(mode="json"),
            "inputs": self.inputs.model_dump(mode="json"),
            "points": [[p.name, p.crs, p.source.digest] for p in self.points],
            "files": files,
        }
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


_FILES: Final = (
    "line",
    "sites",
    "rain",
    "groundwater",
    "land_cover",
    "areas",
    "structures",
    "standards",
    "mines",
    "faults",
    "wells",
    "gnss",
    "levelling",
)


_SIDECARS: Final = (".shx", ".dbf", ".prj", ".cpg")
"""Files beside a ``.shp`` that hold its attributes and its coordinate system."""


def _file_digest(path: Path) -> list[str]:
    beside = [path.with_suffix(s) for s in _SIDECARS] if path.suffix.lower() == ".shp" else []
    files = [path, *(file for file in beside if file.is_file())]
    return [f"{file.suffix} {hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()}" for file in files]


@dataclass(frozen=True)
class Study:
    """One study of the catalogue.

    Attributes
    ----------
    title : str
        What it does, in a line.
    parameters : type
        Parameter model, table ``[study.NAME]``.
    absent : callable
        Why it cannot be made for a project, in words; empty when it can.
    run : callable
        ``run(project_study, parameters, out, console)``.
    """

    title: str
    parameters: type[StudyParameters]
    absent: Callable[[ProjectStudy], str]
    run: Callable[[ProjectStudy, Any, Path, Console], Any]


def _needs_two(study: ProjectStudy) -> str:
    n = len(study.track_names)
    return "" if n >= 2 else f"two tracks are needed to be compared, and there is {n}"


def _needs_two_sides(study: ProjectStudy) -> str:
    missing = _needs_two(study)
    if missing:
        return missing
    i, j, found = most_apart([p.mean_los() for p in study.points])
    if found.angle_deg >= SAME_SIDE_DEG:
        return ""
    first, second = study.points[i], study.points[j]
    return (
        f"{', '.join(p.name for p in study.points)} look from the same side (at most {found.angle_deg:.0f} degrees "
        f"apart), so east and up cannot be told apart: the difference in vertical rate of {first.name} and "
        f"{second.name} holds {abs(found.east):.2f} of an east and {abs(found.north):.3f} of a north motion"
    )


def _needs(name: str, what: str) -> Callable[[ProjectStudy], str]:
    return lambda study: "" if study.file(name) else f"no {what} is given: set `study.{name}` in {CONFIGURATION}"


def _needs_ground(study: ProjectStudy) -> str:
    has = study.file("gnss") or study.file("levelling")
    return "" if has else f"no GNSS or levelling is given: set `study.gnss` or `study.levelling` in {CONFIGURATION}"


def _tracks(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    first, second = study.points[:2]
    land, line, sites, areas = (study.file(name) for name in ("land_cover", "line", "sites", "areas"))
    files = TracksFiles(land, line, study.inputs.line_crs or None, sites, areas)
    run_tracks(first, second, parameters=parameters, out=out, console=console, files=files)


def _decompose(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    first, second, *more = study.points
    run_decompose(first, second, parameters=parameters, out=out, console=console, more=more)


def corridor_files(study: ProjectStudy) -> CorridorFiles:
    """Files of the study of the line."""
    line = study.file("line")
    if line is None:
        raise ProjectError(f"no line is given: set `study.line` in {CONFIGURATION}")
    return CorridorFiles(
        line=line,
        line_crs=study.inputs.line_crs or None,
        polygons=study.file("areas"),
        land=study.file("land_cover"),
        structures=study.file("structures"),
        standards=study.file("standards"),
        sites=study.file("sites"),
    )


def _corridor(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    run_corridor(study.points, files=corridor_files(study), parameters=parameters, out=out, console=console)


def _series(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    sites, rain, groundwater, land = (study.file(name) for name in ("sites", "rain", "groundwater", "land_cover"))
    if sites is None:
        raise ProjectError(f"no sites are given: set `study.sites` in {CONFIGURATION}")
    run_series(
        study.points,
        sites=read_sites(sites),
        parameters=parameters,
        out=out,
        console=console,
        rain=None if rain is None else read_series_table(rain, quantity="rain"),
        groundwater=None if groundwater is None else read_series_table(groundwater, quantity="groundwater"),
        land=None if land is None else read_polygons(land),
    )


def _basins(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    files = BasinsFiles(*(study.file(name) for name in ("mines", "faults", "wells")))
    run_basins(study.project.path, study.points, parameters=parameters, out=out, console=console, files=files)


def _geodesy(study: ProjectStudy, parameters: Any, out: Path, console: Console) -> None:
    for kind in GROUND_KINDS:
        file = study.file(kind)
        if file is None:
            continue
        if len(study.points) > 1:
            run_geodesy_tracks(study.points, file, kind=kind, parameters=parameters, out=out, console=console)
            continue
        for points in study.points:
            folder = out / f"{points.name}-{kind}"
            run_geodesy(points, file, kind=kind, parameters=parameters, out=folder, console=console)


STUDIES: Final[Mapping[str, Study]] = {
    "tracks": Study("two tracks checked against each other", TracksParameters, _needs_two, _tracks),
    "decompose": Study("east and up from two sides", DecomposeParameters, _needs_two_sides, _decompose),
    "basins": Study("mining basins, fringes and the risk of aliasing", BasinsParameters, lambda _: "", _basins),
    "corridor": Study("the line: profile, zones, slopes", CorridorParameters, _needs("line", "line"), _corridor),
    "series": Study("sites, seasons, rain and groundwater", SeriesParameters, _needs("sites", "site"), _series),
    "geodesy": Study("comparison with GNSS and levelling", GeodesyParameters, _needs_ground, _geodesy),
}
"""Studies by command, in the order they are made."""


def study_models() -> dict[str, tuple[str, type[BaseModel]]]:
    """Tables of ``subside.toml`` that belong to the studies: title and parameter model by name."""
    own = {f"study.{name}": (study.title, study.parameters) for name, study in STUDIES.items()}
    return {"study": ("what the studies are made of", StudyInputs), **own}


@dataclass(frozen=True)
class Outcome:
    """What became of one study.

    Attributes
    ----------
    name : str
        Study.
    is_made : bool
        Whether its results are there and current.
    why : str
        ``made``, ``up to date``, or why it is absent.
    """

    name: str
    is_made: bool
    why: str


def run_studies(study: ProjectStudy, console: Console, *, names: Sequence[str] = ()) -> list[Outcome]:
    """Make every study that can be made and is not up to date; one that fails leaves the others alone.

    Parameters
    ----------
    study : ProjectStudy
        The project.
    console : Console
        Where progress goes.
    names : sequence of str
        Studies wanted; empty is all.

    Returns
    -------
    list of Outcome
        One a study, in the order of :data:`STUDIES`.
    """
    outcomes = []
    for k, (name, made) in enumerate(STUDIES.items(), start=1):
        if names and name not in names:
            continue
        console.print(f"[bold]study {k} of {len(STUDIES)}: {name}[/], {made.title}")
        outcome = _outcome(study, name, made, console)
        log.info("study %s: %s", name, outcome.why)
        console.print(f"{name}: {outcome.why}", markup=False, highlight=False)
        outcomes.append(outcome)
    return outcomes


def _outcome(study: ProjectStudy, name: str, made: Study, console: Console) -> Outcome:
    out = study.folder(name)
    try:
        missing = made.absent(study)
        if missing:
            _forget(out)
            return Outcome(name, False, missing)
        wanted = study.digest(name)
        if (read_json(out / REQUEST) or {}).get("digest") == wanted:
            return Outcome(name, True, "up to date")
        _forget(out)
        made.run(study, study.parameters(name), out, console)
        write_json(out / REQUEST, {"digest": wanted})
    except SubsideError as error:
        _forget(out)
        log.warning("study %s could not be made: %s", name, error)
        return Outcome(name, False, f"it could not be made: {error}")
    except (ValueError, ArithmeticError) as error:
        _forget(out)
        log.exception("study %s could not be made", name)
        return Outcome(name, False, f"it could not be made: {type(error).__name__}: {error} (the log has the details)")
    return Outcome(name, True, "made")


def _forget(out: Path) -> None:
    """Results of another request must not be taken for this one's; what a killed process left half written goes."""
    for folder in {out, *(file.parent for file in out.rglob(".*.partial-*"))}:
        remove_partial(folder)
    for file in (out / REQUEST, *out.rglob(SUMMARY)):
        file.unlink(missing_ok=True)
