"""Points against GNSS or levelling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from rich.console import Console

from subside.conventions import MM_PER_M
from subside.errors import ArgumentError, UnknownQuantityError
from subside.figures.geodesy import ground_figure
from subside.io.tables import StationTable, read_gnss, read_levelling
from subside.model.points import PointSet
from subside.ops.geodesy import GroundComparison, GroundSeries, compare_ground, compare_vertical
from subside.studies.output import StudyFolder, StudyParameters

GroundKind = Literal["gnss", "levelling"]

GROUND_KINDS: Final[tuple[GroundKind, ...]] = ("gnss", "levelling")
"""What points can be compared with."""

_WORD: Final = {"gnss": "GNSS", "levelling": "levelling"}


class GeodesyParameters(StudyParameters):
    """Comparison of points with stations on the ground."""

    radius: float = Field(200.0, gt=0, le=10_000, description="points within it stand for a station, m")
    reference: str = Field("", description="station the others are relative to; empty: the one known best")
    sigma: Literal["auto", "stated", "temporal"] = Field(
        "auto", description="standard deviation of the points, as for `subside tracks`"
    )
    monument_walk: float = Field(
        1.3,
        ge=0,
        le=100,
        description="random walk of the monuments, mm per root year (mean of Langbein and Johnson 1997); 0 stand still",
    )


def ground_series(table: StationTable) -> list[GroundSeries]:
    """Stations of a table; levelled heights have no horizontal part."""
    result = []
    for k, name in enumerate(table.name):
        values, dates = table.values[name], table.times[name]
        unknown = np.full(len(dates), np.nan)
        up = values["height"] if table.quantity == "levelling" else values["up"]
        parts: list[npt.NDArray[np.float64]] = [values.get("east", unknown), values.get("north", unknown), up]
        named = ("", "", "std") if table.quantity == "levelling" else ("east_std", "north_std", "up_std")
        std = np.stack([values.get(n, unknown) for n in named], axis=1)
        result.append(
            GroundSeries(
                name,
                float(table.longitude[k]),
                float(table.latitude[k]),
                dates,
                np.stack(parts, axis=1) - _first_known(parts),
                std if np.isfinite(std).any() else None,
            )
        )
    return result


def _first_known(parts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """First known value of each component, (3,); 0 where none is known."""
    first = [p[np.isfinite(p)][:1] for p in parts]
    return np.array([float(f[0]) if len(f) else 0.0 for f in first])


def run_geodesy(
    points: PointSet,
    file: Path,
    *,
    kind: GroundKind,
    parameters: GeodesyParameters,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Compare points with GNSS or levelling; leave ``stations.csv``, a figure and ``summary.json``.

    Parameters
    ----------
    points : PointSet
        One track.
    file : Path
        Table of positions or heights (:func:`subside.io.tables.read_gnss`, :func:`subside.io.tables.read_levelling`).
    kind : {"gnss", "levelling"}
        What the table holds.
    parameters : GeodesyParameters
        Choices.
    out : Path
        Folder to fill.
    console : Console
        Where results and warnings go.

    Returns
    -------
    dict
        Content of ``summary.json``; units are in the names.

    Raises
    ------
    InputFileError
        For a table that cannot be read.
    ArgumentError, UnknownQuantityError
        As :func:`subside.ops.geodesy.compare_ground`.
    """
    table = read_gnss(file) if kind == "gnss" else read_levelling(file)
    return _track(points, (file, table), kind=kind, parameters=parameters, out=out, console=console)[1]


def _track(
    points: PointSet,
    source: tuple[Path, StationTable],
    *,
    kind: GroundKind,
    parameters: GeodesyParameters,
    out: Path,
    console: Console,
) -> tuple[GroundComparison, dict[str, Any]]:
    """One track against a table that was read; the comparison and the content of its summary."""
    word = _WORD[kind]
    file, table = source
    folder = StudyFolder(out, "geodesy", f"{points.name} against {word}", parameters=parameters.model_dump(mode="json"))
    folder.add_points(points)
    folder.add_file(file, kind, table.digest)
    result = compare_ground(
        points,
        ground_series(table),
        radius=parameters.radius,
        reference=parameters.reference or None,
        sigma=parameters.sigma,
        walk=parameters.monument_walk / MM_PER_M,
    )
    notes = [f"{s.name} is left out: {s.reason}" for s in result.stations if s.reason]
    if kind == "levelling":
        notes.append("levelling sees heights only: horizontal motion is taken for zero along the line of sight")
    notes += _season_notes(result)
    for note in notes:
        folder.warn(note)
        console.print(f"[yellow]{note}[/]")
    out.mkdir(parents=True, exist_ok=True)
    folder.write_table(
        "stations.csv",
        stations_table(result),
        "rates along the line of sight, mm/yr: of the station, of the points around it, and double differences to the "
        "reference station",
    )
    folder.save_figure(
        "ground", ground_figure(result, name=points.name, kind=word), f"Rates of {points.name} against {word}."
    )
    console.print(
        f"{len(result.names)} stations relative to {result.reference}: MAE {result.mae * MM_PER_M:.2f}, RMSE "
        f"{result.rmse * MM_PER_M:.2f} mm/yr, rms of difference over sigma {result.z_rms:.2f}"
    )
    summary = {**_numbers(result), "component": "line of sight", "radius_m": parameters.radius}
    return result, folder.finish(summary)


def _season_notes(result: GroundComparison) -> list[str]:
    """What was done about the season at stations whose dates carry none."""
    used = [s for s in result.stations if not s.reason]
    taken = [s.name for s in used if s.is_season_taken]
    left = [s.name for s in used if not s.is_season_taken and not np.isfinite(s.season).all()]
    notes = []
    if taken:
        notes.append(f"too few dates for a season at {', '.join(taken)}: that of the points around was taken off")
    if left:
        notes.append(f"no season is known from the points at {', '.join(left)}: it may be part of rates of few dates")
    return notes


def _numbers(result: GroundComparison) -> dict[str, Any]:
    return {
        "reference": result.reference,
        "n_stations": len(result.names),
        "mae_mm_yr": result.mae * MM_PER_M,
        "rmse_mm_yr": result.rmse * MM_PER_M,
        "bias_mm_yr": result.bias * MM_PER_M,
        "pearson": result.pearson,
        "z_rms": result.z_rms,
    }


def run_geodesy_tracks(
    tracks: Sequence[PointSet],
    file: Path,
    *,
    kind: GroundKind,
    parameters: GeodesyParameters,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Compare several tracks, each in ``NAME-KIND``, and what they give together, in ``joint-KIND``.

    Together: vertical rates (:func:`subside.ops.geodesy.compare_vertical`) in ``stations.csv`` and a figure, and
    ``tracks.csv``, a row a track and one for all. A track that cannot be compared is left out with a warning.

    Parameters
    ----------
    tracks : sequence of PointSet
        Two or more, of different names.
    file, kind, parameters, out, console
        As :func:`run_geodesy`.

    Returns
    -------
    dict
        Content of ``summary.json`` of the joint comparison, or of the one track that can be compared.

    Raises
    ------
    InputFileError, ArgumentError
        As :func:`run_geodesy`, if no track can be compared.
    """
    word = _WORD[kind]
    table = read_gnss(file) if kind == "gnss" else read_levelling(file)
    stations = ground_series(table)
    folder = StudyFolder(
        out / f"joint-{kind}", "geodesy", f"all tracks against {word}", parameters=parameters.model_dump(mode="json")
    )
    folder.add_file(file, kind, table.digest)
    used: list[PointSet] = []
    found: list[GroundComparison] = []
    made: list[dict[str, Any]] = []
    for own in tracks:
        points = own if not used else own.reprojected(used[0].crs)
        try:
            own_out = out / f"{points.name}-{kind}"
            result, summary = _track(
                points, (file, table), kind=kind, parameters=parameters, out=own_out, console=console
            )
        except (ArgumentError, UnknownQuantityError) as error:
            folder.warn(f"{points.name} is left out: {error}")
            console.print(f"[yellow]{points.name} is left out: {error}[/]")
            continue
        used.append(points)
        found.append(result)
        made.append(summary)
        folder.add_points(points)
    try:
        joint, is_split = compare_vertical(
            used, found, stations, reference=parameters.reference or None, walk=parameters.monument_walk / MM_PER_M
        )
    except ArgumentError as error:
        if not made:
            raise
        console.print(f"[yellow]the tracks are not compared together: {error}[/]")
        return made[0]
    how = "up, split from east" if is_split else "up, as if nothing moved sideways"
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_table("stations.csv", stations_table(joint), f"vertical rates ({how}), mm/yr, of stations and points")
    own_rows = [
        {"track": p.name, "component": "line of sight", **_numbers(f)} for p, f in zip(used, found, strict=True)
    ]
    rows = [*own_rows, {"track": " + ".join(p.name for p in used), "component": how, **_numbers(joint)}]
    folder.write_table("tracks.csv", pd.DataFrame(rows), "agreement of each track and of all together, mm/yr")
    figure = ground_figure(joint, name="all tracks", kind=word, sign=how)
    folder.save_figure("ground", figure, f"Vertical rates of all tracks together ({how}) against {word}.")
    console.print(
        f"together, {how}: RMSE {joint.rmse * MM_PER_M:.2f} mm/yr, rms of difference over sigma {joint.z_rms:.2f}"
    )
    return folder.finish({**_numbers(joint), "component": how, "tracks": rows, "radius_m": parameters.radius})


def stations_table(result: GroundComparison) -> pd.DataFrame:
    """A row a station, mm/yr; differences are relative to the reference station."""
    relative = {name: k for k, name in enumerate(result.names)}
    rows = []
    for s in result.stations:
        k = relative.get(s.name)
        rows.append(
            {
                "name": s.name,
                "easting": s.easting,
                "northing": s.northing,
                "n_points": s.n_points,
                "ground": s.ground * MM_PER_M,
                "ground_std": s.ground_std * MM_PER_M,
                "points": s.points * MM_PER_M,
                "points_std": s.points_std * MM_PER_M,
                "distance_m": np.nan if k is None else result.distance[k],
                "difference": np.nan if k is None else result.difference[k] * MM_PER_M,
                "difference_std": np.nan if k is None else result.std[k] * MM_PER_M,
                "left_out": s.reason,
            }
        )
    return pd.DataFrame(rows)
