"""The commands. Each parses, opens the project and hands over; heavy libraries load inside the command."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from subside.cli import studying
from subside.cli.options import Memory, parse_bytes
from subside.errors import BudgetError, ProjectError, SubsideWarning

if TYPE_CHECKING:
    from subside.stages.executor import Resources

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ground subsidence with tested error bars, from Sentinel-1 to the report.",
)
app.add_typer(studying.commands)
console = Console(stderr=True)

ProjectPath = Annotated[Path, typer.Argument(help="project folder")]
TrackName = Annotated[str | None, typer.Option("--track", help="track name; needed only if there are several")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="stage.parameter=value, as in subside.toml")]
AsJson = Annotated[bool, typer.Option("--json", help="print numbers as JSON on standard output")]
Workers = Annotated[int, typer.Option(help="blocks computed at a time; 0 is one per core")]
Scheduler = Annotated[str | None, typer.Option(help="address of a dask scheduler; default: in this process")]


def _resources(workers: int, memory: str, scheduler: str | None) -> Resources:
    from subside.stages.executor import Resources

    if workers < 0:
        raise BudgetError(f"`--workers` must be 0 or more, got {workers}")
    return Resources(workers or os.cpu_count() or 1, parse_bytes(memory), scheduler)


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(_plain(content), indent=1, default=str, allow_nan=False) + "\n")


def _plain(content: Any) -> Any:
    """Python objects for JSON, which knows no NaN: a number that is not finite becomes null."""
    if isinstance(content, dict):
        return {str(k): _plain(v) for k, v in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(v) for v in content]
    if hasattr(content, "tolist"):
        return _plain(content.tolist())
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, SubsideWarning):
        console.print(f"[yellow]warning:[/] {escape(str(message))}")


@app.callback()
def _setup() -> None:
    warnings.showwarning = _show_warning


@app.command()
def init(project: ProjectPath) -> None:
    """Make a project folder with a commented subside.toml."""
    from subside.io.project import Project
    from subside.stages.catalogue import STAGES
    from subside.stages.configuration import default_toml
    from subside.studies.project import study_models

    created = Project.create(project, default_toml(STAGES, project.name, more=study_models()))
    console.print(f"made {created.path / 'subside.toml'}; next: subside import {project} --track NAME ...")


@app.command("import")
def import_(
    project: ProjectPath,
    source: Annotated[list[Path], typer.Argument(help="folders or files of the stack")],
    track: Annotated[str, typer.Option(help="name to give the track")],
    format_: Annotated[str, typer.Option("--format", help="safe, snap, isce2, wrapped or unwrapped")],
    option: Annotated[
        list[str] | None, typer.Option("--option", help="fact the files do not hold: name=value, see docs")
    ] = None,
    orbits: Annotated[Path | None, typer.Option(help="safe: folder of POEORB and RESORB files")] = None,
    dem: Annotated[Path | None, typer.Option(help="safe: raster of heights")] = None,
    aoi: Annotated[str | None, typer.Option(help="safe: file of polygons, or west,south,east,north in degrees")] = None,
    swaths: Annotated[str | None, typer.Option(help="safe: such as IW1,IW2; default: all")] = None,
    polarisation: Annotated[str | None, typer.Option(help="safe: VV (default), VH, HH or HV")] = None,
) -> None:
    """Read SAFE products, or a stack that is coregistered (or unwrapped) already, into a track."""
    from subside.io.project import Project
    from subside.stages.importing import import_source
    from subside.stages.logs import start_logging

    opened = Project.open(project)
    start_logging(console, opened.logs, " ".join(["import", *sys.argv[2:]]))
    acquisition = {"orbits": orbits, "dem": dem, "aoi": aoi, "swaths": swaths, "polarisation": polarisation}
    import_source(
        opened.new_track(track),
        format_,
        [p.resolve() for p in source],
        options=option or [],
        acquisition={k: v for k, v in acquisition.items() if v is not None},
        console=console,
    )


@app.command()
def download(
    out: Annotated[Path, typer.Argument(help="folder for slc/, orbits/ and dem.tif")],
    aoi: Annotated[str, typer.Option(help="file of polygons, or west,south,east,north in degrees")],
    relative_orbit: Annotated[int, typer.Option(help="track, 1 to 175")],
    start: Annotated[str, typer.Option(help="first day, YYYY-MM-DD")],
    stop: Annotated[str, typer.Option(help="last day, YYYY-MM-DD")],
    polarisation: Annotated[str, typer.Option(help="VV or HH")] = "VV",
    list_: Annotated[bool, typer.Option("--list", help="only list what is there")] = False,
) -> None:
    """Fetch SAFE products, orbit files and a DEM; needs pip install 'subside[download]' and an Earthdata login."""
    import shapely

    from subside.io.download import Search, fetch_dem, fetch_orbits, fetch_products, find_products
    from subside.stages.safe_request import read_area

    area = shapely.Polygon(read_area(aoi))
    results = find_products(Search(area, relative_orbit, start, stop, polarisation))
    for product in results:
        console.print(product.properties["fileID"])
    if list_:
        return
    products = fetch_products(results, out / "slc")
    fetch_orbits(products, out / "orbits")
    fetch_dem(area.bounds, out / "dem.tif")
    console.print(
        f"next: subside import PROJECT --track t{relative_orbit} --format safe {out / 'slc'} --orbits {out / 'orbits'} "
        f"--dem {out / 'dem.tif'} --aoi {aoi} --polarisation {polarisation}"
    )


@app.command()
def plan(
    project: ProjectPath,
    track: TrackName = None,
    set_: Overrides = None,
    memory: Memory = "4GB",
) -> None:
    """Say what would run, why, and what it needs."""
    from subside.stages.session import open_session

    session = open_session(project, track, set_ or [])
    console.print(plan_table(session.steps(), parse_bytes(memory)))


def plan_table(steps: Any, memory: int) -> Table:
    """Lay a plan out as a table."""
    table = Table(title="plan", title_justify="left")
    for heading in ("stage", "action", "why", "needs GB", "last run s"):
        table.add_column(heading)
    for step in steps:
        short = step.memory > memory
        table.add_row(
            step.stage.name,
            str(step.action),
            step.why,
            f"[red]{step.memory / 1e9:.2f}[/]" if short else (f"{step.memory / 1e9:.2f}" if step.memory else ""),
            "" if step.last_seconds is None else f"{step.last_seconds:.1f}",
        )
    return table


@app.command()
def run(
    project: ProjectPath,
    track: TrackName = None,
    from_: Annotated[str | None, typer.Option("--from", help="recompute from this stage on")] = None,
    to: Annotated[str | None, typer.Option(help="stop after this stage")] = None,
    workers: Workers = 0,
    memory: Memory = "4GB",
    scheduler: Scheduler = None,
    set_: Overrides = None,
) -> None:
    """Run every stage whose results are missing or stale; a killed run resumes."""
    from subside.io.project import Project
    from subside.stages.logs import start_logging
    from subside.stages.session import open_session, run_session

    opened = Project.open(project)
    resources = _resources(workers, memory, scheduler)
    log_file = start_logging(console, opened.logs, " ".join(sys.argv[1:]))
    for name in [track] if track or len(opened.track_names()) <= 1 else opened.track_names():
        session = open_session(project, name, set_ or [])
        run_session(session, resources, console, first=from_, last=to)
    console.print(f"log: {log_file}")


@app.command()
def status(project: ProjectPath, track: TrackName = None, json_: AsJson = False) -> None:
    """Say what is done, with the facts each stage left."""
    from subside.io.project import Project
    from subside.stages.session import open_session, status_of

    opened = Project.open(project)
    names = [track] if track else opened.track_names()
    content = {name: status_of(open_session(project, name, [])) for name in names}
    if json_:
        _print_json(content)
        return
    for name, stages in content.items():
        table = Table(title=f"track {name}", title_justify="left")
        for heading in ("stage", "state", "wall s", "CPU s", "peak GB", "facts"):
            table.add_column(heading)
        for row in stages:
            table.add_row(
                row["stage"],
                row["state"],
                *(f"{row[k]:.1f}" if k in row else "" for k in ("wall_seconds", "cpu_seconds")),
                f"{row['peak_bytes'] / 1e9:.2f}" if "peak_bytes" in row else "",
                ", ".join(f"{k}={v}" for k, v in row.get("facts", {}).items()),
            )
        console.print(table)


@app.command()
def estimate(project: ProjectPath, track: TrackName = None, json_: AsJson = False) -> None:
    """Say how much disk, memory and time a run will need."""
    from subside.stages.estimate import estimate_track
    from subside.stages.session import open_session

    content = estimate_track(open_session(project, track, []))
    if json_:
        _print_json(content)
        return
    table = Table(title="estimate", title_justify="left")
    for heading in ("stage", "memory floor GB", "disk GB", "CPU hours"):
        table.add_column(heading)
    for row in content["stages"]:
        table.add_row(row["stage"], *(f"{row[k]:.3g}" for k in ("memory_gb", "disk_gb", "cpu_hours")))
    console.print(table)
    console.print(content["basis"])


@app.command()
def export(
    project: ProjectPath,
    out: Annotated[Path, typer.Argument(help="file to write")],
    format_: Annotated[str, typer.Option("--format", help="parquet, gpkg, egms, csv or geotiff")],
    track: TrackName = None,
) -> None:
    """Write the points of a track in an exchange format."""
    from subside.io.export import export as write
    from subside.io.project import Project
    from subside.stages.products import point_table

    write(format_, point_table(Project.open(project).track(track)), out)
    console.print(f"wrote {out}")


@app.command()
def show(
    project: ProjectPath,
    key: Annotated[str, typer.Argument(help="figure; `list` names them all")],
    out: Annotated[Path | None, typer.Argument(help="PNG to write; default results/KEY.png")] = None,
    track: TrackName = None,
    json_: AsJson = False,
) -> None:
    """Draw a figure of a stage, or print the numbers behind it."""
    from subside.cli.showing import figure_keys, make_figure, save_figure
    from subside.io.project import Project

    if key == "list":
        for name, title in figure_keys():
            sys.stdout.write(f"{name:16s} {title}\n")
        return
    opened = Project.open(project)
    store = opened.track(track)
    result = make_figure(store, key)
    if json_:
        _print_json(result.numbers)
        if out is None:
            return
    path = out or opened.results / f"{store.name}-{key}.png"
    save_figure(result, path)
    console.print(f"wrote {path}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="project or folder to make")],
    scene: Annotated[
        str | None, typer.Option(help="reference, chain, noise or demo (default); for --layout safe: safe or safe-tiny")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="LINESxSAMPLES; for --layout safe: BURSTSxSAMPLES of each swath")
    ] = None,
    dates: Annotated[int | None, typer.Option(help="number of dates")] = None,
    seed: Annotated[int, typer.Option(help="seed; the same seed gives the same bits")] = 1,
    layout: Annotated[
        str, typer.Option(help="project, snap, or safe: SAFE products, orbit files and a DEM as a user downloads them")
    ] = "project",
) -> None:
    """Make a stack or SAFE products with known truth; the truth goes to OUT/truth.zarr, which no stage reads."""
    if layout == "safe":
        from subside.stages.simulating_safe import simulate_safe

        simulate_safe(out, scene or "safe", size=size, dates=dates, seed=seed, console=console)
    else:
        from subside.stages.simulating import simulate_to

        simulate_to(out, scene or "demo", size=size, dates=dates, seed=seed, layout=layout, console=console)
    console.print(f"wrote {out}")


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="folder to make")] = Path("demo"),
    scene: Annotated[
        str,
        typer.Option(
            help="chain: one small track; heze: two small tracks, from images to the report; heze-corridor: 35 km of "
            "line from images; heze-line: 150 km of line from points"
        ),
    ] = "chain",
    workers: Workers = 0,
    memory: Memory = "4GB",
) -> None:
    """Simulate a scene, process it as a user would, and print what was found against what is true."""
    from subside.cli.demonstration import SCENES, run_demo
    from subside.cli.twin import VARIANTS, run_twin

    resources = _resources(workers, memory, None)
    if scene in VARIANTS:
        run_twin(out, scene, resources, console)
    elif scene in SCENES:
        run_demo(out, scene, resources, console)
    else:
        known = ", ".join([*SCENES, *VARIANTS])
        raise ProjectError(f"no demonstration is called {scene!r}; there are {known}")
