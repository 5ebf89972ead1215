"""Sites and seasons: mean series, trend and season, lags behind rain and groundwater, changes and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from rich.console import Console

from subside.conventions import MM_PER_M
from subside.errors import ArgumentError
from subside.io.tables import Sites, TimeTable
from subside.io.vectors import Polygons
from subside.model.points import PointSet
from subside.ops.point_covariance import ErrorCorrelation
from subside.ops.series.changes import rate_changes
from subside.ops.series.classes import SeriesClass, classify_series
from subside.ops.series.decomposition import decompose_series
from subside.ops.series.driver import Driver, missing_months, monthly_driver
from subside.ops.series.lag import lag_behind
from subside.ops.series.sites import group_mean, mean_series, points_near
from subside.studies.output import StudyFolder, StudyParameters
from subside.studies.series_classes import classes_of, date_correlation
from subside.studies.series_figures import save_series_figures
from subside.studies.series_rows import Analysed, adjusted_p, lag_result, lag_row, site_result, site_row
from subside.studies.series_storage import RULE, storage_of, storage_result, write_storage

UNGROUPED = "sites"
"""Group of the sites without a class."""


class SeriesParameters(StudyParameters):
    """How series of sites are made and read."""

    radius: float = Field(
        50.0, ge=1, le=5000, description="Points up to this distance of a site are averaged, m (Zhu et al. 2020)."
    )
    component: Literal["los", "up"] = Field(
        "los", description="Line of sight, or vertical as if nothing moved sideways (divided by los_up)."
    )
    trend: Literal["linear", "smooth"] = Field("linear", description="Straight line, or local line.")
    bandwidth_days: float = Field(
        365.25, ge=182, le=3660, description="Half-width of the window of the smooth trend, days."
    )
    max_lag: float = Field(
        180.0, ge=30, le=183, description="Longest lag searched, days; beyond half a year a lag looks like a lead."
    )
    alpha: float = Field(
        0.05,
        ge=0.002,
        le=0.5,
        description="Probability of claiming any lag (or a first bend) where there is none, over all series compared "
        "with one driver (Holm 1979).",
    )
    head_std: float = Field(
        0.05,
        ge=0,
        le=10,
        description="Error of a monthly head, m: of the reading, and of the well standing for the ground of the site.",
    )
    n_surrogates: int = Field(999, ge=499, le=20000, description="Phase-random surrogates of a test.")
    most_changes: int = Field(3, ge=0, le=6, description="Most bends of a series.")
    datum_class: str = Field(
        "urban",
        description="land class that others are compared with besides: the difference of two classes does not know the "
        "reference areas, which may have a season of their own",
    )
    point_classes: bool = Field(False, description="Write the class of the series of every point.")
    seed: int = Field(1, ge=0, description="Seed of surrogates and simulated noise.")


def run_series(
    points: Sequence[PointSet],
    *,
    sites: Sites,
    parameters: SeriesParameters,
    out: Path,
    console: Console,
    rain: TimeTable | None = None,
    groundwater: TimeTable | None = None,
    land: Polygons | None = None,
) -> dict[str, Any]:
    """Make the series of sites and compare them with rain and groundwater.

    Parameters
    ----------
    points : sequence of PointSet
        Tracks; those without series are left out with a warning.
    sites : Sites
        Named places with classes.
    parameters : SeriesParameters
        How.
    out : Path
        Folder to fill.
    console : Console
        For warnings.
    rain, groundwater : TimeTable, optional
        What may drive the motion.
    land : Polygons, optional
        Land cover: the mean series of all points of each class, of each track and of the tracks together, are
        compared too.

    Returns
    -------
    dict
        Content of ``summary.json``.

    Raises
    ------
    ArgumentError
        If no track has series of points that are not flagged.
    """
    folder = StudyFolder(out, "series", "Sites and seasons", parameters=parameters.model_dump())

    def warn(message: str) -> None:
        console.print(f"warning: {message}", style="yellow", markup=False, highlight=False)
        folder.warn(message)

    tracks = []
    for track in points:
        folder.add_points(track)
        used = track.default_set()
        if not track.has_series:
            warn(f"{track.source.label} has no displacement series and is left out")
        elif not used.n_points:
            warn(f"{track.source.label} has no point left that is not flagged, and is left out")
        else:
            tracks.append(used)
    if not tracks:
        raise ArgumentError(
            "`points` must have displacement series (three dates or more) of points that are not flagged in one track "
            "at least"
        )
    drivers = [*_drivers(rain, warn), *_drivers(groundwater, warn)]
    analysed = [a for track in tracks for a in _series_of(track, sites, parameters, warn)]
    if land is not None:
        analysed += classes_of(tracks, land, parameters.datum_class, warn)
    for item in analysed:
        _analyse(item, parameters, warn)
    for driver in drivers:
        _compare(analysed, driver, parameters, warn)
    storages = storage_of(
        analysed,
        [d for d in drivers if d.kind != "rain"],
        head_std=parameters.head_std,
        max_lag=parameters.max_lag,
        alpha=parameters.alpha,
        seed=parameters.seed,
    )
    _write(folder, analysed, drivers, parameters)
    write_storage(folder, storages)
    if parameters.point_classes:
        _write_classes(folder, tracks)
    save_series_figures(folder, analysed, drivers, parameters)
    storage = [storage_result(s) for s in storages if s.item.is_group] or [storage_result(s) for s in storages]
    return folder.finish({**_results(analysed, sites, drivers, parameters), "storage": storage, "storage_rule": RULE})


def _drivers(table: TimeTable | None, warn: Any) -> list[Driver]:
    found: list[Driver] = []
    if table is None:
        return found
    for name, values in table.values.items():
        is_rain = table.quantity == "rain"
        kind: Literal["rain", "depth", "level"] = (
            "rain" if is_rain else ("level" if name.endswith("level") else "depth")
        )
        try:
            found.append(monthly_driver(name, kind, table.times, values * (MM_PER_M if is_rain else 1.0)))
        except ArgumentError as error:
            warn(f"{name} is not compared: {error}")
    return found


def _series_of(track: PointSet, sites: Sites, parameters: SeriesParameters, warn: Any) -> list[Analysed]:
    correlation = date_correlation(track, warn)
    found: list[Analysed] = []
    for name, kind, longitude, latitude in zip(sites.name, sites.kind, sites.longitude, sites.latitude, strict=True):
        rows, nearest = points_near(track, float(longitude), float(latitude), radius=parameters.radius)
        if not len(rows):
            warn(
                f"site {name} has no point of {track.name} within {parameters.radius:g} m; the nearest is "
                f"{nearest:.0f} m away"
            )
            continue
        series = mean_series(track, rows, correlation, site=str(name), component=parameters.component)
        found.append(Analysed(series, str(kind) or UNGROUPED, False, up=_up(track, rows, parameters.component)))
    return [*found, *_groups(track, found, correlation)]


def _groups(track: PointSet, found: list[Analysed], correlation: ErrorCorrelation) -> list[Analysed]:
    made = []
    for group in dict.fromkeys(a.group for a in found):
        members = [a.series for a in found if a.group == group]
        if len(members) > 1:
            mean = group_mean(track, members, correlation, name=f"mean of {group}")
            made.append(Analysed(mean, group, True, up=_up(track, mean.rows, mean.component)))
    return made


def _up(track: PointSet, rows: npt.NDArray[np.int64], component: str) -> float:
    return float(np.mean(track.los[rows, 2])) if component == "los" else 1.0


def _analyse(item: Analysed, parameters: SeriesParameters, warn: Any) -> None:
    series = item.series
    try:
        item.parts = decompose_series(
            series.dates, series.displacement, trend=parameters.trend, bandwidth_days=parameters.bandwidth_days
        )
        if parameters.most_changes:
            item.changes = rate_changes(
                series.dates,
                series.displacement,
                alpha=parameters.alpha,
                most=parameters.most_changes,
                n_simulations=parameters.n_surrogates,
                seed=parameters.seed,
            )
        known = np.isfinite(series.displacement)
        item.classes = classify_series(series.dates[known], series.displacement[None, known])
    except ArgumentError as error:
        warn(f"{series.site} ({series.track}) is not fully analysed: {error}")


def _compare(analysed: list[Analysed], driver: Driver, parameters: SeriesParameters, warn: Any) -> None:
    known = [a.series.dates for a in analysed]
    if known:
        first, last = min(d[0] for d in known), max(d[-1] for d in known)
        missing = missing_months(driver, first, last)
        if missing:
            warn(
                f"{driver.name} is without data in {len(missing)} months of the series ({', '.join(missing[:6])}"
                f"{', ...' if len(missing) > 6 else ''}); they stand at their usual value and are no evidence"
            )
    refused: dict[str, list[str]] = {}
    for item in (a for a in analysed if a.is_compared):
        try:
            item.lags[driver.name] = lag_behind(
                item.series.dates,
                item.series.displacement,
                driver,
                max_lag=parameters.max_lag,
                alpha=parameters.alpha,
                n_surrogates=parameters.n_surrogates,
                seed=parameters.seed,
            )
        except ArgumentError as error:
            refused.setdefault(str(error), []).append(f"{item.series.site} ({item.series.track})")
    for reason, names in refused.items():
        who = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        warn(f"not compared with {driver.name}: {who}: {reason}")


def _write(folder: StudyFolder, analysed: list[Analysed], drivers: list[Driver], parameters: SeriesParameters) -> None:
    rows = [
        pd.DataFrame(
            {
                "site": a.series.site,
                "group": a.group,
                "track": a.series.track,
                "date": [str(t) for t in a.series.dates],
                "displacement_mm": a.series.displacement * MM_PER_M,
                "std_mm": a.series.std * MM_PER_M,
                "n": a.series.n,
                "trend_mm": a.parts.trend * MM_PER_M if a.parts else np.nan,
                "seasonal_mm": a.parts.seasonal * MM_PER_M if a.parts else np.nan,
                "remainder_mm": a.parts.remainder * MM_PER_M if a.parts else np.nan,
            }
        )
        for a in analysed
    ]
    if not rows:
        return
    folder.write_table("site_series.csv", pd.concat(rows), "Mean series of sites and groups with their parts")
    folder.write_table("sites.csv", pd.DataFrame([site_row(a) for a in analysed]), "Rate, season, changes and class")
    lags = [
        lag_row(a, driver, adjusted_p(analysed, driver.name).get(id(a), np.nan), parameters.alpha)
        for driver in drivers
        for a in analysed
        if driver.name in a.lags
    ]
    if lags:
        folder.write_table("lags.csv", pd.DataFrame(lags), "Lag behind rain and groundwater", decimals=4)


def _write_classes(folder: StudyFolder, tracks: list[PointSet]) -> None:
    for track in tracks:
        found = classify_series(track.dates, track.displacement)
        table = pd.DataFrame(
            {"point_id": track.point_id, "series_class": [SeriesClass(int(k)).name.lower() for k in found.label]}
        )
        for kind in (k for k in SeriesClass if k >= 0):
            table[f"probability_{kind.name.lower()}"] = found.weight[:, kind]
        has_break = found.label >= SeriesClass.BILINEAR
        dates = track.dates[np.maximum(found.break_index, 0)].astype(str)
        table["break_date"] = np.where(has_break, dates, "")
        folder.write_table(f"point_classes_{track.name}.csv", table, f"Class of the series of each point, {track.name}")


def _results(
    analysed: list[Analysed], sites: Sites, drivers: list[Driver], parameters: SeriesParameters
) -> Mapping[str, Any]:
    with_points = {a.series.site for a in analysed if not a.is_group}
    return {
        "n_sites": len(sites.name),
        "sites_without_points": [str(n) for n in sites.name if str(n) not in with_points],
        "radius": parameters.radius,
        "sites": [site_result(a) for a in analysed],
        "lags": _lag_results(analysed, drivers, parameters.alpha),
        "lag_rule": (
            "a lag is claimed only where departures from the usual season follow those of the driver more closely than "
            "surrogates with the same mean year and spectrum; annual cycles alone are no evidence"
        ),
        "class_rule": (
            "classes allow for a mean season only; wet and dry years can make ground that follows the rain look "
            "quadratic or bilinear, which is then no evidence that its trend changed"
        ),
    }


def _lag_results(analysed: list[Analysed], drivers: list[Driver], alpha: float) -> list[dict[str, Any]]:
    """Lags of the means of groups, or of the sites where there are no groups."""
    shown = [a for a in analysed if a.is_group] or analysed
    return [
        lag_result(a, driver, adjusted_p(analysed, driver.name)[id(a)], alpha)
        for driver in drivers
        for a in shown
        if driver.name in a.lags
    ]
