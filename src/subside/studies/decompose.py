"""``subside decompose``: east and up from tracks that look from different sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console

from subside.conventions import MM_PER_M
from subside.figures.decompose import east_up_figure, east_up_series_figure
from subside.io.vectors import write_geopackage_layers
from subside.model.points import PointSet
from subside.ops.two_tracks.decompose import MAX_INFLATION, DecomposeOptions, EastUp, EastUpSeries, decompose
from subside.ops.two_tracks.sensitivity import most_apart
from subside.studies.output import StudyFolder, StudyParameters
from subside.studies.tracks import squares

_SQUARE_MM = MM_PER_M**2


class DecomposeParameters(StudyParameters):
    """Grid, rates and time axis of the split into east and up."""

    grid: float = Field(100.0, ge=5, le=5000, description="side of a cell, m (100 m: EGMS Ortho)")
    grid_offset: float = Field(
        0.5, ge=0, lt=1, description="cell centres are at (k + offset) times the side: 0.5 EGMS, 0 multiples of it"
    )
    min_points: int = Field(
        3, ge=1, le=1000, description="points of all tracks together that a cell needs, each having one (EGMS: 3)"
    )
    span: Literal["common", "given"] = Field(
        "common", description="refit the rates over the dates all tracks cover, or take them as given"
    )
    sigma: Literal["auto", "stated", "temporal"] = Field(
        "auto", description="standard deviation of the points, as for `subside tracks`"
    )
    step_days: float = Field(
        12.0, ge=0, le=366, description="spacing of the common time axis, days; 0 leaves out the series"
    )
    max_gap_days: float = Field(
        90.0, gt=0, description="longest gap that series are interpolated over, days (EGMS: 90)"
    )
    max_inflation: float = Field(
        MAX_INFLATION,
        ge=1,
        description="a geometry that makes errors of east or up more than this many times those of the tracks is "
        "refused",
    )

    rate_limit: float = Field(
        0.0, ge=0, le=10, description="half-range of the colours of the maps of rates, m/yr; 0 takes it from the data"
    )

    def options(self) -> DecomposeOptions:
        """The same for the split."""
        return DecomposeOptions(
            min_points=self.min_points,
            offset=self.grid_offset,
            span=self.span,
            sigma=self.sigma,
            step_days=self.step_days,
            max_gap_days=self.max_gap_days,
            max_inflation=self.max_inflation,
        )


def run_decompose(
    ascending: PointSet,
    descending: PointSet,
    *,
    parameters: DecomposeParameters,
    out: Path,
    console: Console,
    more: Sequence[PointSet] = (),
) -> dict[str, Any]:
    """Split tracks into east and up; leave ``cells.csv``, series, ``cells.gpkg``, figures and ``summary.json``.

    Parameters
    ----------
    ascending, descending : PointSet
        Tracks that look from different sides, in any order; cells in the coordinate system of ``ascending``.
    parameters : DecomposeParameters
        Choices.
    out : Path
        Folder to fill.
    console : Console
        Where results go.
    more : sequence of PointSet
        Further tracks.

    Returns
    -------
    dict
        Content of ``summary.json``; units are in the names.

    Raises
    ------
    ArgumentError, UnknownQuantityError
        As :func:`subside.ops.two_tracks.decompose.decompose`.
    """
    tracks = (ascending, descending, *more)
    folder = StudyFolder(
        out,
        "decompose",
        f"East and up from {', '.join(t.name for t in tracks)}",
        parameters=parameters.model_dump(mode="json"),
    )
    for track in tracks:
        folder.add_points(track)
    result = decompose(ascending, descending, spacing=parameters.grid, options=parameters.options(), more=more)
    if result.series is None and parameters.step_days > 0:
        note = "a track has no displacement series: rates only"
        folder.warn(note)
        console.print(f"[yellow]{note}[/]")
    out.mkdir(parents=True, exist_ok=True)
    _write_tables(folder, result)
    maps = east_up_figure(result, rate_limit=parameters.rate_limit)
    folder.save_figure("east_up", maps, "Up and east rates and their standard deviations.")
    if result.series is not None:
        folder.save_figure(
            "east_up_series", east_up_series_figure(result), "Up and east displacement: spread over the cells by date."
        )
    console.print(
        f"{len(result.up):,} cells: median up {np.median(result.up) * MM_PER_M:+.2f}, east "
        f"{np.median(result.east) * MM_PER_M:+.2f} mm/yr; north motion is taken for zero, each mm/yr of it adds "
        f"{np.median(result.east_per_north):+.3f} to east and {np.median(result.up_per_north):+.3f} to up"
    )
    return folder.finish(_summary(result, tracks))


def cells_table(result: EastUp) -> pd.DataFrame:
    """Cells with up and east rates in mm/yr and their covariance."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return pd.DataFrame(
        {
            "easting": result.easting,
            "northing": result.northing,
            **{f"n_{letters[k]}": n for k, n in enumerate(result.count.T)},
            "up_velocity": result.up * MM_PER_M,
            "up_velocity_std": result.up_std * MM_PER_M,
            "east_velocity": result.east * MM_PER_M,
            "east_velocity_std": result.east_std * MM_PER_M,
            "covariance": result.covariance * _SQUARE_MM,
            "correlation": result.correlation,
            "up_per_north": result.up_per_north,
            "east_per_north": result.east_per_north,
        }
    )


def _series_table(result: EastUp, series: EastUpSeries, name: str) -> pd.DataFrame:
    values = np.asarray(getattr(series, name), np.float64) * MM_PER_M
    std = np.asarray(getattr(series, f"{name}_std"), np.float64)[:, -1] * MM_PER_M
    table = pd.DataFrame(values, columns=[str(d).replace("-", "") for d in series.dates])
    table.insert(0, "easting", result.easting)
    table.insert(1, "northing", result.northing)
    table.insert(2, "std", std)
    return table


def _write_tables(folder: StudyFolder, result: EastUp) -> None:
    table = cells_table(result)
    folder.write_table(
        "cells.csv",
        table,
        f"cells of {result.spacing:g} m in {result.crs}: centres, points of each track, up and east rates and standard "
        "deviations in mm/yr, covariance in mm2/yr2, what north motion of 1 adds",
    )
    if result.series is not None:
        for name in ("up", "east"):
            folder.write_table(
                f"{name}_series.csv",
                _series_table(result, result.series, name),
                f"{name} displacement of the cells by date, mm, relative to the first date; std: of a later date, mm",
                decimals=2,
            )
    path = folder.note_file("cells.gpkg", "the cells as squares, mm/yr")
    shapes = squares(result.easting, result.northing, result.spacing)
    write_geopackage_layers(path, {"cells": (shapes, table)}, crs=result.crs)


def _summary(result: EastUp, tracks: Sequence[PointSet]) -> dict[str, Any]:
    *_, pair = most_apart([t.mean_los() for t in tracks])
    series = result.series
    return {
        "crs": result.crs,
        "grid_m": result.spacing,
        "n_cells": len(result.up),
        "n_points": {t.name: int(n) for t, n in zip(tracks, result.count.sum(axis=0), strict=True)},
        "sigma_used": dict(zip((t.name for t in tracks), result.sigma, strict=True)),
        "up_mm_yr": _spread(result.up),
        "east_mm_yr": _spread(result.east),
        "up_std_mm_yr": _spread(result.up_std),
        "east_std_mm_yr": _spread(result.east_std),
        "median_correlation": float(np.nanmedian(result.correlation))
        if np.isfinite(result.correlation).any()
        else None,
        "error_inflation": {"east": result.inflation[0], "up": result.inflation[1]},
        "north_neglected": {
            "east_per_north": float(np.median(result.east_per_north)),
            "up_per_north": float(np.median(result.up_per_north)),
        },
        "lines_of_sight_apart_deg": pair.angle_deg,
        "median_misfit": float(np.nanmedian(result.misfit)) if np.isfinite(result.misfit).any() else None,
        "series": None
        if series is None
        else {"first": str(series.dates[0]), "last": str(series.dates[-1]), "n_epochs": len(series.dates)},
    }


def _spread(values: Any) -> dict[str, float] | None:
    known = np.asarray(values)[np.isfinite(values)] * MM_PER_M
    if not known.size:
        return None
    low, median, high = np.quantile(known, [0.05, 0.5, 0.95])
    return {"p05": float(low), "median": float(median), "p95": float(high)}
