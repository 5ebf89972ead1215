"""The report of a project: studies made, figures of the tracks drawn, all put together."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from subside.conventions import MM_PER_M
from subside.figures.geographic import MapShape
from subside.io.atomic import atomic_path, remove_partial
from subside.io.tables import read_sites
from subside.io.vectors import read_line, read_polygons
from subside.report.compose import ReportContents, compose_report
from subside.report.content import Picture
from subside.report.own_figures import (
    MapContext,
    networks_picture,
    rates_picture,
    shapes_of,
    sites_of,
    study_area_picture,
)
from subside.report.pdf import write_pdf
from subside.report.results import load_study
from subside.report.tracks import track_facts
from subside.stages.session import open_session, status_of
from subside.studies.output import SUMMARY
from subside.studies.project import STUDIES, ProjectStudy, run_studies

REPORT: Final = "report"
"""Folder of the report in a project."""


def write_report(project: Path, console: Console, *, with_pdf: bool = False) -> list[Path]:
    """Make the studies of a project that are missing or stale, and write its report.

    Parameters
    ----------
    project : Path
        Project folder; its tracks must be finished.
    console : Console
        Where progress goes.
    with_pdf : bool
        Print to PDF too.

    Returns
    -------
    list of Path
        Files written: ``report/index.html``, and ``report/report.pdf`` where asked for.

    Raises
    ------
    ProjectError
        If the project, its configuration or a track cannot be used, or a file cannot be written.
    """
    study = ProjectStudy.open(project)
    absent = {o.name: o.why for o in run_studies(study, console) if not o.is_made}
    console.print("report: figures of the tracks")
    folder = study.project.path / REPORT
    for torn in (folder, study.project.results, study.project.path):
        remove_partial(torn)
    contents = _contents(study, absent)
    for key in ("study_area", "networks", "rates"):
        _save(getattr(contents, key), folder / f"{key}.png")
    written = [compose_report(contents, folder / "index.html")]
    if with_pdf:
        written.append(write_pdf(written[0], folder / "report.pdf"))
    return written


def _contents(study: ProjectStudy, absent: dict[str, str]) -> ReportContents:
    stores = [study.project.track(name) for name in study.track_names]
    tracks = tuple(track_facts(s, status=status_of(open_session(study.project.path, s.name, []))) for s in stores)
    context = _map_context(study)
    limit = study.rate_limit * MM_PER_M
    made = [file.parent for name in STUDIES for file in sorted(study.folder(name).rglob(SUMMARY))]
    title = study.inputs.title or study.project.path.name
    return ReportContents(
        title=f"Ground motion along {title}" if study.file("line") else f"Ground motion of {title}",
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        tracks=tracks,
        studies=tuple(load_study(folder) for folder in made),
        absent=absent,
        study_area=study_area_picture(tracks, study.points, context=context),
        networks=networks_picture(stores),
        rates=rates_picture(study.points, tracks, context=context, limit_mm_yr=limit),
        rate_limit_mm_yr=limit,
        crs=study.points[0].crs,
    )


def _save(picture: Picture | None, path: Path) -> None:
    if picture is not None and not isinstance(picture.source, Path):
        with atomic_path(path) as temporary:
            picture.source.figure.savefig(temporary)


def _map_context(study: ProjectStudy) -> MapContext:
    line, areas, sites = (study.file(name) for name in ("line", "areas", "sites"))
    lines: tuple[MapShape, ...] = ()
    if line is not None:
        read = read_line(line, crs=study.inputs.line_crs or None)
        lines = shapes_of([study.inputs.title or read.name], [read.geometry])
    polygons = None if areas is None else read_polygons(areas)
    places = None if sites is None else read_sites(sites)
    return MapContext(
        lines=lines,
        areas=() if polygons is None else shapes_of(polygons.names, polygons.geometries),
        sites=() if places is None else sites_of(places.name, places.kind, places.longitude, places.latitude),
    )
