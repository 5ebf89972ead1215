"""Commands of the studies: points in, a folder of tables, figures and a summary out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from subside.cli.options import Memory, parse_bytes
from subside.errors import ProjectError

if TYPE_CHECKING:
    from subside.studies.output import StudyParameters

console = Console(stderr=True)
commands = typer.Typer()

Spec = Annotated[str, typer.Argument(help="PROJECT:TRACK, or a file: parquet, EGMS CSV or zip, CSV with LOS columns")]
Specs = Annotated[
    list[str], typer.Argument(help="one or several of PROJECT:TRACK, PROJECT:* or a file", metavar="POINTS...")
]
Out = Annotated[Path, typer.Argument(help="folder to fill")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="parameter=value; the parameters are in docs/reference/parameters.md")
]
Land = Annotated[Path | None, typer.Option(help="land cover polygons with a column `class`")]
Vector = Annotated[Path | None, typer.Option(help="GeoPackage, GeoJSON, shapefile or KML")]
SitesFile = Annotated[Path | None, typer.Option(help="named sites: CSV with name, longitude, latitude, class")]


def _parameters(model: type[StudyParameters], name: str, overrides: list[str] | None, **given: Any) -> Any:
    """Parameters of a study that stands alone: options of the command, then ``--set``."""
    from subside.stages.configuration import parse_value
    from subside.studies.inputs import load_study_parameters

    values = {k: v for k, v in given.items() if v is not None}
    for text in overrides or []:
        key, separator, value = text.partition("=")
        if not separator:
            raise ProjectError(f"--set takes parameter=value, got {text!r}")
        values[key.strip()] = parse_value(value)
    return load_study_parameters(model, name, {}, file="", given=values)


def _fits(study: str, specs: Sequence[str | Path], memory: str) -> None:
    """Say what a study needs, and refuse a budget below it before anything is loaded."""
    from subside.studies.memory import check_memory

    check_memory(study, specs, memory=parse_bytes(memory), console=console)


def _said(out: Path) -> None:
    console.print(f"wrote {out}", markup=False, highlight=False)


@commands.command()
def tracks(
    first: Spec,
    second: Spec,
    out: Out,
    grid: Annotated[float | None, typer.Option(help="side of a cell, m; default 50")] = None,
    land: Land = None,
    line: Annotated[Path | None, typer.Option(help="line, for strata by distance to it")] = None,
    line_crs: Annotated[str | None, typer.Option(help="coordinate system of a line whose file names none")] = None,
    sites: SitesFile = None,
    areas: Vector = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Check two tracks against each other: agreement, calibration of the errors, what stays hidden."""
    from subside.stages.point_sources import load_all
    from subside.studies.tracks import TracksFiles, TracksParameters, run_tracks

    parameters = _parameters(TracksParameters, "tracks", set_, grid=grid)
    _fits("tracks", [first, second], memory)
    one, two = _pair(load_all([first, second]))
    files = TracksFiles(land, line, line_crs, sites, areas)
    run_tracks(one, two, parameters=parameters, out=out, console=console, files=files)
    _said(out)


def _pair(sets: Any) -> Any:
    if len(sets) != 2:
        raise ProjectError(f"two tracks are compared, got {len(sets)}: name each as PROJECT:TRACK")
    return sets


@commands.command()
def decompose(
    ascending: Spec,
    descending: Spec,
    out: Out,
    grid: Annotated[float | None, typer.Option(help="side of a cell, m; default 100")] = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Split two tracks that look from different sides into east and up, as rates and as series."""
    from subside.stages.point_sources import load_all
    from subside.studies.decompose import DecomposeParameters, run_decompose

    parameters = _parameters(DecomposeParameters, "decompose", set_, grid=grid)
    _fits("decompose", [ascending, descending], memory)
    one, two = _pair(load_all([ascending, descending]))
    run_decompose(one, two, parameters=parameters, out=out, console=console)
    _said(out)


@commands.command()
def corridor(
    points: Specs,
    out: Out,
    line: Annotated[Path, typer.Option(help="railway or other line: GeoPackage, GeoJSON, shapefile or KML")],
    half_width: Annotated[float | None, typer.Option(help="half-width of the corridor, m; default 3000")] = None,
    line_crs: Annotated[str | None, typer.Option(help="coordinate system of a line whose file names none")] = None,
    areas: Vector = None,
    land: Land = None,
    structures: Annotated[Path | None, typer.Option(help="CSV: chainage_start_m, chainage_end_m, kind, name")] = None,
    standards: Annotated[Path | None, typer.Option(help="limits, an edited copy of `subside standards`")] = None,
    sites: SitesFile = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Read points along a line: profile, zones, slopes, curvature, limits, and what is not covered."""
    from subside.stages.point_sources import load_all
    from subside.studies.corridor import CorridorFiles, run_corridor
    from subside.studies.corridor_parameters import CorridorParameters

    parameters = _parameters(CorridorParameters, "corridor", set_, half_width=half_width)
    files = CorridorFiles(line, line_crs, areas, land, structures, standards, sites)
    _fits("corridor", points, memory)
    run_corridor(load_all(points), files=files, parameters=parameters, out=out, console=console)
    _said(out)


@commands.command()
def series(
    points: Specs,
    out: Out,
    sites: Annotated[Path, typer.Option(help="named sites: CSV with name, longitude, latitude, class")],
    rain: Annotated[Path | None, typer.Option(help="CSV: date (YYYY-MM or YYYY-MM-DD), rain_mm")] = None,
    groundwater: Annotated[Path | None, typer.Option(help="CSV: date, columns ending in depth_m or level_m")] = None,
    land: Land = None,
    radius: Annotated[float | None, typer.Option(help="points this near a site are averaged, m; default 50")] = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Series of named sites, their seasons, and what rain and groundwater have to do with them."""
    from subside.io.tables import read_series_table, read_sites
    from subside.io.vectors import read_polygons
    from subside.stages.point_sources import load_all
    from subside.studies.series import SeriesParameters, run_series

    parameters = _parameters(SeriesParameters, "series", set_, radius=radius)
    named = read_sites(sites)
    drivers = {
        quantity: None if file is None else read_series_table(file, quantity=quantity)
        for quantity, file in (("rain", rain), ("groundwater", groundwater))
    }
    cover = None if land is None else read_polygons(land)
    _fits("series", points, memory)
    run_series(load_all(points), sites=named, parameters=parameters, out=out, console=console, land=cover, **drivers)
    _said(out)


@commands.command()
def basins(
    project: Annotated[Path, typer.Argument(help="project folder")],
    out: Out,
    mines: Vector = None,
    faults: Vector = None,
    wells: Vector = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Find mining basins: fringes, where motion is too steep to be sampled, outlines, primary and secondary."""
    from subside.stages.point_sources import load_all
    from subside.studies.basins import BasinsFiles, BasinsParameters, run_basins

    parameters = _parameters(BasinsParameters, "basins", set_)
    _fits("basins", [f"{project}:*"], memory)
    points = load_all([f"{project}:*"])
    run_basins(
        project, points, parameters=parameters, out=out, console=console, files=BasinsFiles(mines, faults, wells)
    )
    _said(out)


@commands.command()
def geodesy(
    points: Specs,
    out: Out,
    gnss: Annotated[Path | None, typer.Option(help="CSV: station, longitude, latitude, date, east_mm, ...")] = None,
    levelling: Annotated[Path | None, typer.Option(help="CSV: benchmark, longitude, latitude, date, height_m")] = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Compare tracks, each and together, with GNSS or levelling by double differences."""
    from subside.stages.point_sources import load_all
    from subside.studies.geodesy import GROUND_KINDS, GeodesyParameters, run_geodesy, run_geodesy_tracks

    given = [(kind, file) for kind, file in zip(GROUND_KINDS, (gnss, levelling), strict=True) if file is not None]
    if len(given) != 1:
        raise ProjectError(f"geodesy needs one of --gnss and --levelling, got {'both' if given else 'neither'}")
    kind, file = given[0]
    parameters = _parameters(GeodesyParameters, "geodesy", set_)
    _fits("geodesy", points, memory)
    sets = load_all(points)
    if len(sets) == 1:
        run_geodesy(sets[0], file, kind=kind, parameters=parameters, out=out, console=console)
    else:
        run_geodesy_tracks(sets, file, kind=kind, parameters=parameters, out=out, console=console)
    _said(out)


@commands.command()
def standards(out: Annotated[Path, typer.Argument(help="TOML file to write")]) -> None:
    """Write the limits that are shipped, each with its source, to be edited."""
    from subside.io.standards import copy_standards

    _said(copy_standards(out))


@commands.command()
def report(
    project: Annotated[Path, typer.Argument(help="project folder")],
    pdf: Annotated[bool, typer.Option("--pdf", help="print the report to PDF too, by an installed Chromium")] = False,
    memory: Memory = "4GB",
) -> None:
    """Make every study of a project that is missing or stale, and write the report an owner reads."""
    import sys

    from subside.io.project import Project
    from subside.report.project import write_report
    from subside.stages.logs import start_logging

    start_logging(console, Project.open(project).logs, " ".join(sys.argv[1:]))
    _fits("report", [f"{project}:*"], memory)
    written = write_report(project, console, with_pdf=pdf)
    for path in written:
        _said(path)


@commands.command()
def serve(
    project: Annotated[Path, typer.Argument(help="project folder")],
    port: Annotated[int, typer.Option(help="port on this machine")] = 8765,
    export: Annotated[Path | None, typer.Option(help="write a folder that opens without a server instead")] = None,
    open_: Annotated[bool, typer.Option("--open", help="open the page in the browser of this machine")] = False,
) -> None:
    """Look at the points of a project on a map in the browser; nothing leaves this machine."""
    from subside.viewer import export_static
    from subside.viewer import serve as serve_data
    from subside.viewer.project import project_data

    data = project_data(project)
    if export is not None:
        export_static(data, export)
        _said(export / "index.html")
        return
    serve_data(
        data,
        port=port,
        open_browser=open_,
        announce=lambda url: console.print(f"{url} (Ctrl-C ends)"),
        remake=lambda: project_data(project),
    )
