"""``subside corridor``: a railway or any other line, from points to zones, slopes and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from rich.console import Console

from subside.errors import ArgumentError
from subside.figures.corridor import CorridorFigureInput, Site, corridor_figure, span_words
from subside.figures.corridor_details import (
    LimitsFigureInput,
    SlopesFigureInput,
    density_figure,
    limits_figure,
    slopes_figure,
)
from subside.io.standards import Limit as StandardLimit
from subside.io.standards import Quantity as StandardQuantity
from subside.io.standards import Standards, read_standards
from subside.io.tables import read_sites, read_structures
from subside.io.vectors import Polygons, read_line, read_polygons, write_geopackage_layers
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.corridor.bins import Structure
from subside.ops.corridor.chainage import CorridorLine
from subside.ops.corridor.limits import Limit, Quantity
from subside.studies import corridor_tables as tables
from subside.studies.corridor_analysis import CorridorAnalysis, CorridorContext, analyse_corridor
from subside.studies.corridor_parameters import CorridorParameters
from subside.studies.corridor_summary import summarise
from subside.studies.output import StudyFolder
from subside.studies.shapes import projected

_QUANTITIES: Final[dict[StandardQuantity, tuple[Quantity, str]]] = {
    StandardQuantity.SETTLEMENT: ("settlement", "mm"),
    StandardQuantity.DIFFERENTIAL: ("difference", "mm"),
    StandardQuantity.SLOPE: ("slope", "permille"),
    StandardQuantity.ANGLE: ("slope", "1"),
    StandardQuantity.RADIUS: ("radius", "m"),
    StandardQuantity.RATE: ("rate", "mm/yr"),
}


@dataclass(frozen=True)
class CorridorFiles:
    """Files that the study of a line reads besides the points; None leaves out what needs one.

    Attributes
    ----------
    line : Path
        The line.
    line_crs : str or None
        Its coordinate system, where the file states none.
    polygons : Path or None
        Areas to report on.
    land : Path or None
        Land cover polygons with classes.
    structures : Path or None
        CSV of structures by chainage.
    standards : Path or None
        Limits; None takes those shipped.
    sites : Path or None
        Named places, drawn as triangles.
    """

    line: Path
    line_crs: str | None = None
    polygons: Path | None = None
    land: Path | None = None
    structures: Path | None = None
    standards: Path | None = None
    sites: Path | None = None


def run_corridor(
    points: Sequence[PointSet],
    *,
    files: CorridorFiles,
    parameters: CorridorParameters,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Study a line and leave tables, a GeoPackage, figures and ``summary.json``.

    Parameters
    ----------
    points : sequence of PointSet
        Tracks; the coordinate system of the first is that of the study.
    files : CorridorFiles
        The line and what goes with it.
    parameters : CorridorParameters
        Choices.
    out : Path
        Folder to fill.
    console : Console
        Where progress and warnings go.

    Returns
    -------
    dict
        Content of ``summary.json``: results in SI units.

    Raises
    ------
    ArgumentError
        Without points, or for points without standard deviations.
    InputFileError
        For a file that cannot be read as what it should be.
    """
    if not points:
        raise ArgumentError("`points` must hold at least one point set, got none")
    out.mkdir(parents=True, exist_ok=True)
    folder = StudyFolder(out, "corridor", "Ground motion along a line", parameters=parameters.model_dump(mode="json"))
    crs = points[0].crs
    tracks = [p.reprojected(crs) for p in points]
    for track in tracks:
        folder.add_points(track)
    line, name = _read_line(files, parameters, crs, folder)
    folder.title = f"Ground motion along {name}"
    context, notes = _read_context(files, parameters, crs, folder)
    console.print(f"{name}: {line.length / 1e3:.1f} km, {sum(t.n_points for t in tracks):,} points")
    analysis = analyse_corridor(tracks, line, parameters=parameters, context=context)
    for message in (*notes, *analysis.messages):
        console.print(f"[yellow]{message}[/]")
        folder.warn(message)
    _write_tables(folder, analysis, parameters)
    _write_figures(folder, analysis, parameters, _read_sites(files, crs, folder))
    for k, zone in enumerate(analysis.zones.zones, start=1):
        console.print(
            f"zone {k}: {line.label(zone.start)} to {line.label(zone.end)}, {zone.length / 1e3:.1f} km, "
            f"mean {zone.mean * 1e3:.1f}, lowest {zone.lowest * 1e3:.1f} mm/yr"
        )
    if not analysis.zones.zones:
        console.print("no zone")
    return folder.finish(summarise(analysis, name, parameters))


def _read_line(
    files: CorridorFiles, parameters: CorridorParameters, crs: str, folder: StudyFolder
) -> tuple[CorridorLine, str]:
    read = read_line(files.line, crs=files.line_crs)
    folder.add_file(files.line, "line", read.digest)
    line = CorridorLine.from_geometry(
        projected(read.geometry, crs),
        crs=crs,
        chainage_start=parameters.chainage_start,
        prefix=parameters.chainage_prefix,
        is_reversed=parameters.is_reversed,
    )
    return line, read.name


def _read_context(
    files: CorridorFiles, parameters: CorridorParameters, crs: str, folder: StudyFolder
) -> tuple[CorridorContext, list[str]]:
    areas: list[tuple[str, Any]] = []
    land: dict[str, Any] = {}
    structures: list[Structure] = []
    if files.polygons is not None:
        found = read_polygons(files.polygons)
        folder.add_file(files.polygons, "polygons", found.digest)
        areas = [(n, projected(g, crs)) for n, g in zip(found.names, found.geometries, strict=True)]
    if files.land is not None:
        cover = read_polygons(files.land)
        folder.add_file(files.land, "land", cover.digest)
        land = _by_class(cover, crs)
    if files.structures is not None:
        table = read_structures(files.structures)
        folder.add_file(files.structures, "structures", table.digest)
        structures = [
            Structure(float(a), float(b), str(k), str(n))
            for a, b, k, n in zip(table.start, table.end, table.kind, table.name, strict=True)
        ]
    standards = read_standards(files.standards)
    folder.inputs.append({"kind": "standards", "label": standards.label, "digest": standards.digest})
    limits, notes = limits_of(standards, parameters)
    return CorridorContext(areas, land, structures, limits), notes


def _by_class(cover: Polygons, crs: str) -> dict[str, Any]:
    names = [c or n for c, n in zip(cover.classes, cover.names, strict=True)]
    shapes = [projected(g, crs) for g in cover.geometries]
    return {
        label: shapely.union_all([s for n, s in zip(names, shapes, strict=True) if n == label])
        for label in dict.fromkeys(names)
    }


def limits_of(standards: Standards, parameters: CorridorParameters) -> tuple[list[Limit], list[str]]:
    """Limits of a file that concern the line, and what was left out.

    Parameters
    ----------
    standards : Standards
        Limits as read.
    parameters : CorridorParameters
        Kind of track and speed.

    Returns
    -------
    limits : list of Limit
        In the order of the file.
    notes : list of str
        Limits that depend on a speed that is not known.
    """
    speed = parameters.speed_km_h or None
    limits, notes = [], []
    for entry in standards.limits:
        if not any(entry.holds(s, track=parameters.track_type, speed_km_h=speed) for s in entry.applies_to.structures):
            continue
        value = _value(entry, speed)
        quantity, unit = _QUANTITIES[entry.quantity]
        if not np.isfinite(value):
            notes.append(f"The limit {entry.name!r} depends on the speed: state speed_km_h to have it.")
            continue
        applies = tuple(str(s) for s in entry.applies_to.structures)
        limits.append(Limit(entry.name, quantity, value, unit, applies, entry.source, entry.verified))
    return limits, notes


def _value(entry: StandardLimit, speed: float | None) -> float:
    return entry.limit_si(speed) if isinstance(entry.value, str) else float(entry.value)


def _read_sites(files: CorridorFiles, crs: str, folder: StudyFolder) -> list[Site]:
    if files.sites is None:
        return []
    found = read_sites(files.sites)
    folder.add_file(files.sites, "sites", found.digest)
    x, y = transform(found.longitude, found.latitude, source=GEOGRAPHIC, target=crs)
    rows = zip(found.name, found.kind, x, y, strict=True)
    return [Site(str(n), str(k) or "sites", float(a), float(b)) for n, k, a, b in rows]


def _write_tables(folder: StudyFolder, analysis: CorridorAnalysis, parameters: CorridorParameters) -> None:
    written = (
        ("bins.csv", tables.bins_table, "rate, interval, motion in time, slopes and zone of every bin of the line"),
        (
            "zones.csv",
            tables.zones_table,
            "stretches that sink faster than the threshold, intervals of their ends",
        ),
        ("gaps.csv", tables.gaps_table, "stretches of line without a point near them, longest first"),
        ("density.csv", tables.densities_table, "points per km2 by track, kind and land class"),
        (
            "slopes.csv",
            tables.slopes_table,
            "slope and curvature over standard chords, sigma, what is detectable",
        ),
        ("polygons.csv", tables.polygons_table, "statistics of areas"),
        (
            "limits.csv",
            tables.limits_table,
            "probability of exceeding each limit and years until it, by stretch and joint",
        ),
        ("detectability.csv", tables.detectability_table, "whether dips known from the field could be seen here"),
    )
    for name, make, description in written:
        table = make(analysis)
        if len(table) or name in ("zones.csv", "gaps.csv"):
            folder.write_table(name, table, description, decimals=6)
    path = folder.note_file("corridor.gpkg", "layers points, bins, zones and gaps for a map")
    write_geopackage_layers(path, tables.map_layers(analysis, parameters.half_width), crs=analysis.crs)


def _write_figures(
    folder: StudyFolder, analysis: CorridorAnalysis, parameters: CorridorParameters, sites: Sequence[Site]
) -> None:
    a = analysis
    main = CorridorFigureInput(
        a.line,
        a.crs,
        a.tracks,
        parameters.half_width,
        parameters.track_half_width,
        a.profile,
        a.smooth,
        a.zones,
        sites,
        parameters.rate_limit,
    )
    span, part = main.span, span_words(a.line, main.span)
    shown_part = f" Shown is {part}; there are no points elsewhere." if part else ""
    folder.save_figure(
        "corridor",
        corridor_figure(main),
        f"Rates within {parameters.half_width / 1e3:g} km of the line from above (a), straightened (b), and the "
        f"profile of points within {parameters.track_half_width:g} m with the robust rate of bins, its 95 % interval "
        f"and zones (c).{shown_part}",
    )
    shown = [r.limit for r in a.limits]
    slopes = SlopesFigureInput(
        a.slopes,
        a.curvature,
        a.years,
        [(r.limit, r.chord) for r in a.limits if r.limit.quantity in ("slope", "radius")],
        a.line.prefix,
        span,
        part,
    )
    folder.save_figure(
        "slopes",
        slopes_figure(slopes),
        f"Slope and curvature over standard chords; grey: below what can be detected.{shown_part}",
    )
    folder.save_figure(
        "density",
        density_figure(a.along, a.coverage, prefix=a.line.prefix, span=span, part=part),
        f"Points per km² along the line, and gaps.{shown_part}",
    )
    if a.limits:
        limits = LimitsFigureInput(
            [r.chainage for r in a.limits],
            shown,
            [r.exceedance for r in a.limits],
            a.years + parameters.horizon,
            a.years,
            span,
            a.line.prefix,
            part,
            [r.chainage[r.is_joint & r.is_blind] for r in a.limits],
        )
        folder.save_figure(
            "limits",
            limits_figure(limits),
            "Years from the first common date until each limit is reached (median, 5 to 95 %), motion continuing."
            + shown_part,
        )
