"""What the viewer shows of a project: its tracks, and the line, areas and sites of its ``[study]`` table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from subside.errors import ArgumentError, ProjectError
from subside.io.tables import read_sites
from subside.io.vectors import LineFile, read_line, read_polygons
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.corridor.chainage import CorridorLine, locate_points
from subside.ops.point_covariance import ErrorCorrelation, fit_error_correlation
from subside.stages.point_sources import row_places
from subside.studies.project import ProjectStudy
from subside.viewer.data import FloatArray, ViewerData

log = logging.getLogger("subside")


def project_data(path: Path) -> ViewerData:
    """Gather the points of a project and what its studies refer to.

    Parameters
    ----------
    path : Path
        Project folder with finished rates.

    Returns
    -------
    ViewerData
        Series stay on disk. Points farther from the line than the half-width of the study of the line have no
        chainage. The correlation of errors is that fitted to the residuals of the series of points without a flag.

    Raises
    ------
    ProjectError
        For a folder that is no project, has no track, or whose rates are not finished.
    InputFileError
        For a file of the ``[study]`` table that cannot be used.
    """
    study = ProjectStudy.open(path)
    if not study.track_names:
        raise ProjectError(f"{path} has no track yet. Run `subside import {path} --track NAME ...`.")
    points = study.points
    line_file, areas_file, sites_file = (study.file(name) for name in ("line", "areas", "sites"))
    line = None if line_file is None else read_line(line_file, crs=study.inputs.line_crs or None)
    areas = None if areas_file is None else read_polygons(areas_file)
    sites = None if sites_file is None else read_sites(sites_file)
    data = ViewerData.from_points(
        points,
        line=None if line is None else shapely.get_coordinates(line.geometry),
        polygons=None if areas is None else dict(zip(areas.names, areas.geometries, strict=True)),
        sites=None
        if sites is None
        else {
            str(n): (float(x), float(y)) for n, x, y in zip(sites.name, sites.longitude, sites.latitude, strict=True)
        },
        chainage=None if line is None else _chainage(study, line, points),
    )
    title = study.inputs.title or Path(path).resolve().name
    return (
        data.titled(title)
        .with_correlation([_correlation(p) for p in points])
        .with_references(_references(study, points))
        .watched(_watch(study, points))
    )


def _watch(study: ProjectStudy, points: Sequence[PointSet]) -> Callable[[], bool]:
    """Whether the rates of every track are still those the points were read from."""
    wanted = {name: one.source.digest for one, name in zip(points, study.track_names, strict=True)}

    def is_current() -> bool:
        try:
            states = {name: study.project.track(name).stage_state("rates") for name in wanted}
        except (ProjectError, OSError):
            return False
        return all(state is not None and str(state["digest"]) == wanted[name] for name, state in states.items())

    return is_current


def _chainage(study: ProjectStudy, line: LineFile, points: Sequence[PointSet]) -> list[tuple[FloatArray, FloatArray]]:
    parameters = study.parameters("corridor")
    located = []
    for one in points:
        crs = one.crs

        def move(xy: Any, crs: str = crs) -> Any:
            return np.column_stack(transform(xy[:, 0], xy[:, 1], source=GEOGRAPHIC, target=crs))

        axis = CorridorLine.from_geometry(
            shapely.transform(line.geometry, move),
            crs=one.crs,
            chainage_start=parameters.chainage_start,
            prefix=parameters.chainage_prefix,
            is_reversed=parameters.is_reversed,
        )
        found = locate_points(axis, (one.easting, one.northing), max_distance=parameters.half_width)
        beyond = np.where(found.is_beyond, np.nan, 0.0)
        located.append((found.chainage + beyond, found.offset + beyond))
    return located


def _correlation(points: PointSet) -> ErrorCorrelation | None:
    unflagged = replace(points, velocity=np.where(points.flags == 0, points.velocity, np.nan))
    try:
        return fit_error_correlation(unflagged)
    except ArgumentError as error:
        log.warning("%s: the correlation of errors is left unknown: %s", points.name, error)
        return None


def _references(study: ProjectStudy, points: Sequence[PointSet]) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for one, name in zip(points, study.track_names, strict=True):
        store = study.project.track(name)
        longitude, latitude = row_places(store, one)
        for area in store.read_attributes("reference").get("areas", []):
            rows = np.array(area["point_rows"], np.int64)
            place = (float(np.nanmean(longitude[rows])), float(np.nanmean(latitude[rows])))
            if area.get("is_kept", True) and np.isfinite(place).all():
                places[f"{one.name} {area['name']}"] = place
    return places
