"""``subside tracks``: two tracks checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pydantic import Field
from rich.console import Console

from subside.conventions import MM_PER_M
from subside.figures.tracks import (
    agreement_figure,
    bland_altman_figure,
    calibration_figure,
    difference_map_figure,
    estimate_numbers,
    stratum_numbers,
)
from subside.io.tables import read_sites
from subside.io.vectors import read_line, read_polygons, write_geopackage_layers
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.two_tracks.agreement import AgreementOptions, Distances, LandClasses, TrackAgreement, compare_tracks
from subside.ops.two_tracks.statistics import AgreementStatistics
from subside.studies.land import land_classes
from subside.studies.output import StudyFolder, StudyParameters
from subside.studies.shapes import distances_to


class TracksParameters(StudyParameters):
    """Grid, rates and intervals of the comparison of two tracks."""

    grid: float = Field(50.0, ge=5, le=5000, description="side of a cell, m (50 m: Zhu et al., Heze section, Fig. 4)")
    grid_offset: float = Field(
        0.0, ge=0, lt=1, description="cell centres are at (k + offset) times the side: 0 multiples of it, 0.5 EGMS"
    )
    min_points: int = Field(1, ge=1, le=1000, description="points of each track that a cell needs")
    span: Literal["common", "given"] = Field(
        "common", description="refit the rates over the dates both tracks cover, or take them as given"
    )
    sigma: Literal["auto", "stated", "temporal"] = Field(
        "auto",
        description="standard deviation of the points: as stated; of residuals correlated in time; the stated one "
        "unless the other is more than a fifth larger",
    )
    remove_plane: bool = Field(False, description="report also what is left without a plane in the difference")
    block: float = Field(
        0.0, ge=0, description="side of the blocks of the bootstrap, m; 0 is the range of the difference, found from it"
    )
    n_draws: int = Field(1000, ge=100, le=100_000, description="draws of the bootstrap")
    seed: int = Field(0, ge=0, description="seed of the draws")
    max_gap_days: float = Field(
        90.0, gt=0, description="longest gap that series are interpolated over, days (EGMS: 90)"
    )
    reference: tuple[tuple[float, float], ...] = Field(
        (), description="longitude and latitude of reference areas, degree, for strata by distance; empty: not known"
    )

    def options(self) -> AgreementOptions:
        """The same for the comparison."""
        return AgreementOptions(
            min_points=self.min_points,
            offset=self.grid_offset,
            span=self.span,
            sigma=self.sigma,
            remove_plane=self.remove_plane,
            block=self.block or None,
            n_draws=self.n_draws,
            seed=self.seed,
            max_gap_days=self.max_gap_days,
        )


@dataclass(frozen=True)
class TracksFiles:
    """Files for strata; None leaves them out.

    Attributes
    ----------
    land : Path or None
        Land cover polygons with classes.
    line : Path or None
        Line that distances are measured to.
    line_crs : str or None
        Its coordinate system, where the file names none.
    sites : Path or None
        Named sites.
    areas : Path or None
        Named polygons.
    """

    land: Path | None = None
    line: Path | None = None
    line_crs: str | None = None
    sites: Path | None = None
    areas: Path | None = None


def run_tracks(
    first: PointSet,
    second: PointSet,
    *,
    parameters: TracksParameters,
    out: Path,
    console: Console,
    files: TracksFiles | None = None,
) -> dict[str, Any]:
    """Compare two tracks and leave ``cells.csv``, ``strata.csv``, ``cells.gpkg``, figures and ``summary.json``.

    Parameters
    ----------
    first, second : PointSet
        Tracks with lines of sight; differences are second minus first, cells in the coordinate system of ``first``.
    parameters : TracksParameters
        Choices.
    out : Path
        Folder to fill.
    console : Console
        Where results and warnings go.
    files : TracksFiles, optional
        Land cover, line, sites and areas, for strata.

    Returns
    -------
    dict
        Content of ``summary.json``; units are in the names.

    Raises
    ------
    ArgumentError, UnknownQuantityError
        As :func:`subside.ops.two_tracks.agreement.compare_tracks`.
    InputFileError
        For a file that cannot be read.
    """
    folder = StudyFolder(
        out, "tracks", f"{second.name} checked against {first.name}", parameters=parameters.model_dump(mode="json")
    )
    folder.add_points(first)
    folder.add_points(second)
    given = files or TracksFiles()
    result = compare_tracks(
        first,
        second,
        spacing=parameters.grid,
        options=parameters.options(),
        land=_land(given.land, folder),
        reference=_reference(parameters, first.crs),
        distances=_distances(given, folder),
    )
    for note in result.notes:
        folder.warn(note)
        console.print(f"[yellow]{note}[/]")
    out.mkdir(parents=True, exist_ok=True)
    _write_tables(folder, result)
    _write_figures(folder, result, (first.name, second.name))
    s = result.statistics
    console.print(
        f"{s.n:,} cells: r {s.pearson.value:.2f}, RMSE {s.rmse.value * MM_PER_M:.2f}, bias "
        f"{s.bias.value * MM_PER_M:+.2f}, sigma of the difference {s.sigma.value * MM_PER_M:.2f} mm/yr"
    )
    sentence = result.sensitivity.sentence(s.sigma.value)
    console.print(sentence)
    return folder.finish(_summary(result, first, second, sentence))


def _land(path: Path | None, folder: StudyFolder) -> LandClasses | None:
    if path is None:
        return None
    cover = read_polygons(path)
    folder.add_file(path, "land", cover.digest)
    return lambda easting, northing, crs: land_classes(cover, easting, northing, crs)


def _distances(files: TracksFiles, folder: StudyFolder) -> dict[str, Distances]:
    """Distances to the line, to the nearest site and to the nearest area, as far as given."""
    found: dict[str, Distances] = {}
    if files.line is not None:
        line = read_line(files.line, crs=files.line_crs)
        folder.add_file(files.line, "line", line.digest)
        found["line"] = distances_to([line.geometry])
    if files.sites is not None:
        sites = read_sites(files.sites)
        folder.add_file(files.sites, "sites", sites.digest)
        found["sites"] = distances_to(list(shapely.points(sites.longitude, sites.latitude)))
    if files.areas is not None:
        areas = read_polygons(files.areas)
        folder.add_file(files.areas, "areas", areas.digest)
        found |= {name: distances_to([g]) for name, g in zip(areas.names, areas.geometries, strict=True)}
    return found


def _reference(parameters: TracksParameters, crs: str) -> npt.NDArray[np.float64] | None:
    if not parameters.reference:
        return None
    places = np.asarray(parameters.reference, np.float64)
    return np.column_stack(transform(places[:, 0], places[:, 1], source=GEOGRAPHIC, target=crs))


def cells_table(result: TrackAgreement) -> pd.DataFrame:
    """Cells with vertical rates in mm/yr and series misfit in mm."""
    c = result.cells
    table = pd.DataFrame(
        {
            "easting": c.easting,
            "northing": c.northing,
            "n_first": c.first.count,
            "n_second": c.second.count,
            "velocity_first": c.first.mean * MM_PER_M,
            "velocity_first_std": c.first.std * MM_PER_M,
            "velocity_second": c.second.mean * MM_PER_M,
            "velocity_second_std": c.second.std * MM_PER_M,
            "difference": c.difference * MM_PER_M,
            "difference_std": c.difference_std * MM_PER_M,
            "coherence": c.coherence,
            "kind": c.kind,
        }
    )
    if c.series_rmse is not None:
        table["series_rmse"] = c.series_rmse * MM_PER_M
    return table


def squares(easting: npt.NDArray[np.float64], northing: npt.NDArray[np.float64], spacing: float) -> list[Any]:
    """Outlines of cells."""
    half = spacing / 2
    return list(shapely.box(easting - half, northing - half, easting + half, northing + half))


def _write_tables(folder: StudyFolder, result: TrackAgreement) -> None:
    table = cells_table(result)
    folder.write_table(
        "cells.csv",
        table,
        f"cells of {result.spacing:g} m in {result.crs}: centres, points, vertical rates and standard deviations in "
        "mm/yr, difference second minus first, root mean square difference of the series in mm",
    )
    folder.write_table(
        "strata.csv",
        pd.DataFrame([stratum_numbers(s) for s in result.strata]),
        "agreement by class of cells, mm/yr, with 95 % intervals",
    )
    path = folder.note_file("cells.gpkg", "the cells as squares, mm/yr")
    shapes = squares(result.cells.easting, result.cells.northing, result.spacing)
    write_geopackage_layers(path, {"cells": (shapes, table)}, crs=result.crs)


def _write_figures(folder: StudyFolder, result: TrackAgreement, names: tuple[str, str]) -> None:
    folder.save_figure(
        "agreement",
        agreement_figure(result, names=names),
        f"Vertical rates of {names[0]} and {names[1]} in common cells, mm/yr, negative sinks: (a) scatter with the "
        f"Deming line, colour counting cells; (b) their difference, {names[1]} less {names[0]}, against what the "
        "errors of the points predict.",
    )
    folder.save_figure(
        "difference_map",
        difference_map_figure(result, names=names),
        f"Difference of the vertical rates, {names[1]} less {names[0]}, cell by cell, mm/yr. Its colours have a scale "
        "of their own: on that of the rates a difference could not be seen.",
    )
    intervals = "" if np.isnan(result.statistics.pearson.low) else " and their 95 % intervals"
    folder.save_figure(
        "limits_of_agreement",
        bland_altman_figure(result, names=names),
        f"Difference ({names[1]} less {names[0]}) against mean of the vertical rates, mm/yr, with the limits of "
        f"agreement{intervals}; colour counts cells.",
    )
    folder.save_figure(
        "calibration",
        calibration_figure(result),
        "Observed over predicted standard deviation of the difference, by definition and by class; grey: 0.8 to 1.25.",
    )


def statistics_numbers(s: AgreementStatistics) -> dict[str, Any]:
    """Statistics as JSON values, rates in mm/yr."""
    rates = {
        "rmse": s.rmse,
        "bias": s.bias,
        "mad": s.mad,
        "sigma": s.sigma,
        "robust_sigma": s.robust_sigma,
        "sigma_per_track": s.sigma_per_track,
        "lower_limit": s.limits[0],
        "upper_limit": s.limits[1],
        "deming_intercept": s.intercept,
    }
    plain = {"pearson": s.pearson, "spearman": s.spearman, "deming_slope": s.slope}
    return {
        "n_cells": s.n,
        "n_effective": s.n_effective,
        "n_blocks": s.n_blocks,
        "block_m": s.block_size,
        "error_variance_ratio": s.error_ratio,
        "least_squares_slope": s.least_squares_slope,
        **{name: estimate_numbers(e) for name, e in plain.items()},
        **{f"{name}_mm_yr": estimate_numbers(e, scale=MM_PER_M) for name, e in rates.items()},
    }


def _summary(result: TrackAgreement, first: PointSet, second: PointSet, sentence: str) -> dict[str, Any]:
    pair = zip((first, second), (result.first, result.second), result.usable, strict=True)
    series = result.cells.series_rmse
    return {
        "crs": result.crs,
        "grid_m": result.spacing,
        "span": None if result.span is None else [str(d) for d in result.span],
        "tracks": [
            {
                "name": points.name,
                "n_points": points.n_points,
                "n_used": used,
                "n_dates": rates.n_dates,
                "sigma_used": rates.sigma,
                "sigma_stated_is": points.source.sigma_definition,
                "has_annual_term": rates.is_seasonal,
                "autocorrelation": rates.autocorrelation,
            }
            for points, rates, used in pair
        ],
        "statistics": statistics_numbers(result.statistics),
        "without_plane": None if result.without_plane is None else statistics_numbers(result.without_plane),
        "plane_mm_yr_per_km": None if result.plane is None else [s * 1e6 for s in result.plane[1:]],
        "sigmas": [
            {
                "definition": c.definition,
                "first_mm_yr": c.first * MM_PER_M,
                "second_mm_yr": c.second * MM_PER_M,
                "predicted_sigma_of_difference_mm_yr": c.predicted * MM_PER_M,
                "observed_over_predicted": estimate_numbers(c.ratio),
                "robust_observed_over_predicted": c.robust_ratio,
            }
            for c in result.calibration
        ],
        "empirical_sigma_of_a_point_mm_yr": {
            "plain": result.empirical[0] * MM_PER_M,
            "robust": result.empirical[1] * MM_PER_M,
        },
        "scatter_within_cells_mm_yr": [
            result.cells.first.scatter * MM_PER_M,
            result.cells.second.scatter * MM_PER_M,
        ],
        "series_rmse_median_mm": None if series is None else float(np.nanmedian(series)) * MM_PER_M,
        "difference_correlation_range_m": result.correlation.range,
        "error_reach_m": result.reach,
        "sensitivity": {
            "east": result.sensitivity.east,
            "north": result.sensitivity.north,
            "angle_deg": result.sensitivity.angle_deg,
            "incidence_deg": list(result.sensitivity.incidence_deg),
            "sentence": sentence,
        },
        "strata": [stratum_numbers(s) for s in result.strata],
    }
