"""``subside basins``: mining basins, their fringes, and where motion is too steep to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pydantic import Field
from rich.console import Console

from subside.conventions import DAYS_PER_YEAR, MM_PER_M, SENTINEL1_WAVELENGTH, PointFlag
from subside.errors import ArgumentError
from subside.figures.basins import (
    BasinMapInput,
    RiskInput,
    basin_map_figure,
    risk_figure,
)
from subside.io.project import Project
from subside.io.vectors import read_lines, read_polygons, read_wells, write_geopackage_layers
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.basins.aliasing import AliasOptions, AliasRisk, alias_risk
from subside.ops.basins.classify import BasinKind, ClassifiedBasin, KindRules, Surroundings, classify_basins
from subside.ops.basins.outline import OutlineRule, RateGrid, outline_basins, rate_grid
from subside.ops.basins.probability_integral import PanelFit
from subside.ops.point_covariance import fit_error_correlation, independent_errors
from subside.stages.point_sources import pair_spans, track_arcs
from subside.studies.basin_galleries import GalleryChoices, save_galleries
from subside.studies.basin_panels import fit_panels
from subside.studies.output import StudyFolder, StudyParameters
from subside.studies.shapes import projected

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BasinsFiles:
    """Layers a user may know; None is unknown.

    Attributes
    ----------
    mines, faults, wells : Path or None
        Polygons, lines, points.
    """

    mines: Path | None = None
    faults: Path | None = None
    wells: Path | None = None


class BasinsParameters(StudyParameters):
    """Outlines, kinds, risk of aliasing and galleries."""

    cell: float = Field(100.0, ge=20, le=2000, description="side of a cell of the rate map, m")
    threshold: float = Field(0.010, gt=0, le=1, description="sinking rate at the edge of a basin, m/yr")
    min_area: float = Field(60_000.0, gt=0, description="smallest basin, m2")
    allowance: float = Field(
        0.5, gt=0, le=1, description="share of a quarter wavelength that motion may take up; the rest is for noise"
    )
    roughness: float = Field(5.0, ge=1, le=100, description="scatter of rates that is not noise, times the usual one")
    risk_share: float = Field(0.2, ge=0, le=1, description="share of a basin at risk that makes it primary")
    cumulative: float = Field(
        0.5, gt=0, description="subsidence in four years beyond which mining is direct, m (Zhu et al. 2020, sect. 5.2)"
    )
    linearity: float = Field(0.9, ge=0, le=1, description="share of a secondary basin's trend that is a straight line")
    reach: float = Field(
        10_000.0, gt=0, description="distance of a secondary basin from a mine or primary basin, m (3 to 7 km: ibid.)"
    )
    margin: float = Field(
        500.0, gt=0, description="gap that still joins a basin to a mine or primary basin, m: radius of influence"
    )
    fault_reach: float = Field(500.0, gt=0, description="ground this near counts as along a fault, m")
    boxes: tuple[tuple[float, float, float, float], ...] = Field(
        (), description="west, south, east, north of galleries, degree; empty: around the two basins most at risk"
    )
    looks: tuple[int, int] = Field((2, 8), description="lines and samples averaged in galleries and fringe rates")
    gallery_days: tuple[float, float] = Field((12.0, 60.0), description="spans of the pairs of a gallery, days")
    rate_limit: float = Field(
        0.0, ge=0, le=10, description="half-range of the colours of the map, m/yr; 0 takes it from the data"
    )
    fit_panels: bool = Field(False, description="fit a mined panel to each primary basin (probability integral)")


def run_basins(
    project: Path,
    points: Sequence[PointSet],
    *,
    parameters: BasinsParameters,
    out: Path,
    console: Console,
    files: BasinsFiles,
) -> dict[str, Any]:
    """Find basins and leave tables, a GeoPackage, figures and ``summary.json``.

    Parameters
    ----------
    project : Path
        Project folder; tracks that hold images give galleries and fringe rates.
    points : sequence of PointSet
        Tracks of the project, named as there.
    parameters : BasinsParameters
        Choices.
    out : Path
        Folder to fill.
    console : Console
        Where results and warnings go.
    files : BasinsFiles
        Layers.

    Returns
    -------
    dict
        Content of ``summary.json``; SI units.

    Raises
    ------
    ArgumentError
        Without points.
    UnknownQuantityError
        If no line of sight is known.
    InputFileError
        For a layer that cannot be read.
    """
    if not points:
        raise ArgumentError("`points` must hold at least one point set, got none")
    out.mkdir(parents=True, exist_ok=True)
    folder = StudyFolder(out, "basins", "Mining basins", parameters=parameters.model_dump(mode="json"))
    crs = points[0].crs
    tracks = [p.reprojected(crs) for p in points]
    for track in tracks:
        folder.add_points(track)
        track.mean_los()
    around = _surroundings(files, crs, folder)
    opened = Project.open(project)
    options = AliasOptions(allowance=parameters.allowance, roughness=parameters.roughness)
    risks = [_risk(opened, t, options) for t in tracks]
    tracks = [_flagged(t, r) for t, r in zip(tracks, risks, strict=True)]
    grid = rate_grid(tracks, [r.is_at_risk for r in risks], cell=parameters.cell)
    found = _classified(tracks, grid, around, (parameters, folder, console))
    fits, refused = fit_panels(tracks, found) if parameters.fit_panels else ({}, [])
    for message in refused:
        _tell(message, folder, console)
    mask = [_mask(t, r) for t, r in zip(tracks, risks, strict=True)]
    _write(folder, found, fits, dict(zip([t.name for t in tracks], mask, strict=True)), crs)
    _figures(folder, (tracks, risks, mask), grid, found, around, rate_limit=parameters.rate_limit)
    shown = GalleryChoices(parameters.boxes, parameters.looks, parameters.gallery_days, parameters.cell)
    for message in save_galleries(folder, opened, tracks, found, shown):
        _tell(message, folder, console)
    for k, one in enumerate(found, start=1):
        area, fastest, risk = one.basin.area / 1e6, one.basin.peak_rate * MM_PER_M, 100 * one.basin.risk_share
        console.print(f"basin {k}: {one.kind}, {area:.2f} km2, fastest {fastest:.0f} mm/yr, {risk:.0f} % at risk")
    return folder.finish(_summary(tracks, risks, found, fits))


def _flagged(track: PointSet, risk: AliasRisk) -> PointSet:
    """The same with the points at risk under the rules of this study, and no others, out of the default set."""
    bit = np.int32(PointFlag.ALIAS_RISK)
    flags = np.where(risk.is_at_risk, track.flags | bit, track.flags & ~bit)
    return replace(track, flags=flags.astype(np.int32))


def _tell(message: str, folder: StudyFolder, console: Console) -> None:
    console.print(message, style="yellow", markup=False, highlight=False)
    folder.warn(message)


def _risk(project: Project, track: PointSet, options: AliasOptions) -> AliasRisk:
    if track.name not in project.track_names():
        return alias_risk(track, options=options)
    store = project.track(track.name)
    return alias_risk(track, pair_days=pair_spans(store), arcs=track_arcs(store, track), options=options)


def _surroundings(files: BasinsFiles, crs: str, folder: StudyFolder) -> Surroundings:
    layers: dict[str, tuple[Any, ...]] = {}
    for name, read in (("mines", read_polygons), ("faults", read_lines)):
        path = getattr(files, name)
        if path is not None:
            layer = read(path)
            folder.add_file(path, name, layer.digest)
            layers[name] = tuple(projected(g, crs) for g in layer.geometries)
    if files.wells is not None:
        wells = read_wells(files.wells)
        folder.add_file(files.wells, "wells", wells.digest)
        east, north = transform(wells.longitude, wells.latitude, source=GEOGRAPHIC, target=crs)
        layers["wells"] = tuple(shapely.points(east, north))
    return Surroundings(**layers)


def _years(tracks: Sequence[PointSet]) -> float:
    spans = [
        float((t.dates[-1] - t.dates[0]).astype("timedelta64[D]").astype(float)) for t in tracks if len(t.dates) > 1
    ]
    return max(spans, default=0.0) / DAYS_PER_YEAR


def _classified(
    tracks: Sequence[PointSet],
    grid: RateGrid,
    around: Surroundings,
    choices: tuple[BasinsParameters, StudyFolder, Console],
) -> list[ClassifiedBasin]:
    parameters, folder, console = choices
    try:
        correlation = fit_error_correlation(tracks[0].default_set())
    except ArgumentError as error:
        correlation = independent_errors()
        message = f"errors of points are taken as independent, so that volumes look too certain: {error}"
        _tell(message, folder, console)
    years = _years(tracks)
    rule = OutlineRule(threshold=-parameters.threshold, min_area=parameters.min_area)
    basins = outline_basins(grid, tracks, rule=rule, correlation=correlation, years=years)
    rules = KindRules(
        risk_share=parameters.risk_share,
        cumulative=parameters.cumulative,
        linearity=parameters.linearity,
        reach=parameters.reach,
        margin=parameters.margin,
        fault_reach=parameters.fault_reach,
    )
    found = classify_basins(basins, years=years, around=around, rules=rules)
    unexplained = [str(k) for k, one in enumerate(found, start=1) if one.kind == BasinKind.UNEXPLAINED]
    if unexplained:
        message = (
            f"mining as given does not explain {'basin' if len(unexplained) == 1 else 'basins'} "
            f"{', '.join(unexplained)}: look for groundwater, loads or mines that the layers lack (rules.csv says why)"
        )
        _tell(message, folder, console)
    return found


def _mask(track: PointSet, risk: AliasRisk) -> list[Any]:
    """Outlines of the points at risk of a track."""
    rows = risk.is_at_risk
    if not rows.any():
        return []
    merged = shapely.union_all(
        shapely.buffer(shapely.points(track.easting[rows], track.northing[rows]), 40.0, quad_segs=4)
    )
    return [p for p in shapely.get_parts(merged.simplify(5.0)) if p.area >= 10_000.0]


def _write(
    folder: StudyFolder,
    found: Sequence[ClassifiedBasin],
    fits: dict[int, PanelFit],
    masks: dict[str, list[Any]],
    crs: str,
) -> None:
    table = pd.DataFrame([_row(k, one, fits.get(k)) for k, one in enumerate(found, start=1)])
    folder.write_table("basins.csv", table, "basins: place, size, rates in mm/yr, kind and distances in m")
    rules = [
        {
            "basin": k,
            "kind": str(one.kind),
            "rule": o.rule,
            "speaks_for": str(o.speaks_for),
            "value": o.value,
            "is_met": o.is_met,
        }
        for k, one in enumerate(found, start=1)
        for o in one.outcomes
    ]
    folder.write_table("rules.csv", pd.DataFrame(rules), "which rule gave which kind")
    layers: dict[str, Any] = {}
    if found:
        layers["basins"] = ([one.basin.outline for one in found], table)
    shapes = [s for mask in masks.values() for s in mask]
    if shapes:
        names = [name for name, mask in masks.items() for _ in mask]
        layers["risk"] = (shapes, pd.DataFrame({"track": names}))
    if layers:
        path = folder.note_file("basins.gpkg", "outlines of basins and of the mask of aliasing")
        write_geopackage_layers(path, layers, crs=crs)


def _row(k: int, one: ClassifiedBasin, fit: PanelFit | None) -> dict[str, Any]:
    b = one.basin
    row = {
        "basin": k,
        "kind": str(one.kind),
        "easting": b.easting,
        "northing": b.northing,
        "area_km2": b.area / 1e6,
        "peak_rate_mm_yr": b.peak_rate * MM_PER_M,
        "is_lower_bound": b.is_lower_bound,
        "lost_km2": b.lost_area / 1e6,
        "volume_rate_m3_yr": b.volume_rate,
        "volume_rate_std_m3_yr": b.volume_rate_std,
        "cumulative_mm": b.cumulative * MM_PER_M,
        "elongation": b.elongation,
        "azimuth_deg": b.azimuth_deg,
        "linearity": b.linearity,
        "risk_share": b.risk_share,
        "mine_distance_m": one.mine_distance,
        "mine_share": one.mine_share,
        "fault_distance_m": one.fault_distance,
        "well_distance_m": one.well_distance,
        "fault_share": one.fault_share,
        "fault_p_value": one.fault_p_value,
    }
    if fit is not None:
        row |= {f"panel_{n}": v for n, v in vars(fit.panel).items()}
        row |= {f"panel_{n}_std": v for n, v in vars(fit.std).items()}
    return row


def _figures(
    folder: StudyFolder,
    parts: tuple[Sequence[PointSet], Sequence[AliasRisk], Sequence[Sequence[Any]]],
    grid: RateGrid,
    found: Sequence[ClassifiedBasin],
    around: Surroundings,
    *,
    rate_limit: float,
) -> None:
    inputs = [RiskInput(t.name, t.easting, t.northing, r.is_at_risk, r.load, m) for t, r, m in zip(*parts, strict=True)]
    folder.save_figure(
        "risk",
        risk_figure(inputs),
        "Points around which whole cycles may be lost (red); they are left out of every average.",
    )
    layers = [("mine", s) for s in around.mines] + [("fault", s) for s in around.faults]
    layers += [("well", s) for s in around.wells]
    shapes = [(str(k), str(one.kind), one.basin.outline) for k, one in enumerate(found, start=1)]
    data = BasinMapInput(grid.easting, grid.northing, grid.cell, grid.rate, shapes, layers, rate_limit)
    folder.save_figure(
        "basins",
        basin_map_figure(data),
        "Median vertical rates in cells, mm/yr, negative (red) sinks, and the basins outlined: solid primary, dashed "
        f"secondary, dotted unexplained{_layer_words(around)}.",
    )


def _layer_words(around: Surroundings) -> str:
    """Layers that were given and have something in them, for a caption."""
    given = [name for name in ("mines", "faults", "wells") if len(getattr(around, name))]
    if not given:
        return ""
    words = f"{', '.join(given[:-1])} and {given[-1]}" if len(given) > 1 else given[0]
    return f"; with the {words} given"


def _reason(one: ClassifiedBasin) -> str:
    """Rules of its kind that are met; those of a secondary basin that are not, where none explains it."""
    spoken = BasinKind.SECONDARY if one.kind == BasinKind.UNEXPLAINED else one.kind
    silent = [o.rule for o in one.outcomes if not o.is_applied and o.speaks_for == spoken]
    if one.kind == BasinKind.UNEXPLAINED:
        unmet = [o.rule for o in one.outcomes if o.is_applied and o.speaks_for == spoken and not o.is_met]
        return "; ".join(["not met: " + "; ".join(unmet), *silent])
    return "; ".join([*(o.rule for o in one.outcomes if o.is_met and o.speaks_for == one.kind), *silent])


def _summary(
    tracks: Sequence[PointSet],
    risks: Sequence[AliasRisk],
    found: Sequence[ClassifiedBasin],
    fits: dict[int, PanelFit],
) -> dict[str, Any]:
    wavelength = tracks[0].source.wavelength
    n_risk = sum(int(r.is_at_risk.sum()) for r in risks)
    n_all = sum(t.n_points for t in tracks)
    return {
        "n_basins": len(found),
        "n_primary": sum(one.kind == "primary" for one in found),
        "n_secondary": sum(one.kind == "secondary" for one in found),
        "n_unexplained": sum(one.kind == "unexplained" for one in found),
        "fringe": (wavelength if np.isfinite(wavelength) else SENTINEL1_WAVELENGTH) / 2.0,
        "aliasing": {
            "share_points": n_risk / n_all,
            "n_points": n_risk,
            "by_track": [
                {
                    "name": t.name,
                    "n_points": t.n_points,
                    "n_at_risk": int(r.is_at_risk.sum()),
                    "n_wall": int(r.is_wall.sum()),
                    "n_steep": int(r.is_steep.sum()),
                    "n_rough": int(r.is_rough.sum()),
                    "n_open": int(r.is_open.sum()),
                    "n_closed": int(r.is_closed.sum()),
                    "n_void": int(r.is_void.sum()),
                    "pair_days": r.pair_days,
                }
                for t, r in zip(tracks, risks, strict=True)
            ],
        },
        "basins": [
            {
                "name": f"basin {k}",
                "kind": str(one.kind),
                "reason": _reason(one),
                "area": one.basin.area,
                "peak_rate": one.basin.peak_rate,
                "is_lower_bound": one.basin.is_lower_bound,
                "lost_area": one.basin.lost_area,
                "volume_rate": one.basin.volume_rate,
                "volume_rate_std": one.basin.volume_rate_std,
                "cumulative": one.basin.cumulative,
                "linearity": one.basin.linearity,
                "risk_share": one.basin.risk_share,
                "mine_distance": one.mine_distance,
                "mine_share": one.mine_share,
                "fault_distance": one.fault_distance,
                "fault_share": one.fault_share,
                "fault_p_value": one.fault_p_value,
                "panel": None if k not in fits else vars(fits[k].panel),
            }
            for k, one in enumerate(found, start=1)
        ],
    }
