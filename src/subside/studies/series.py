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
from subside.figures import sites as site_figures
from subside.io.tables import Sites, TimeTable
from subside.io.vectors import Polygons
from subside.model.points import PointSet
from subside.ops.point_covariance import ErrorCorrelation
from subside.ops.series.changes import rate_changes
from subside.ops.series.classes import SeriesClass, classify_series
from subside.ops.series.decomposition import decompose_series
from subside.ops.series.driver import Driver, missing_months, monthly_driver
from subside.ops.series.lag import LagResult, lag_behind
from subside.ops.series.sites import group_mean, mean_series, points_near
from subside.studies.output import StudyFolder, StudyParameters
from subside.studies.series_classes import classes_of, date_correlation
from subside.studies.series_rows import Analysed, adjusted_p, holds, lag_result, lag_row, site_result, site_row
from subside.studies.series_storage import RULE, storage_of, storage_result, write_storage

UNGROUPED = "sites"
"""Group of the sites without a class."""

_RESIDUAL_DRIVERS = 4
_NOTES = {
    "los": "line of sight, + toward the satellite",
    "up": "vertical if nothing moves sideways, + up",
    "los+up": "line of sight, + toward the satellite; panels called vertical: + up, if nothing moves sideways",
}


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
    _figures(folder, analysed, drivers, parameters)
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


def _curve(a: Analysed, *, zero: np.datetime64 | None = None) -> site_figures.SiteCurve:
    """Series without its trend, or, where a date is given, less the value of its trend there."""
    series, parts = a.series, a.parts
    values, model = series.displacement, None
    if parts is not None and zero is not None:
        days = (series.dates - series.dates[0]).astype("timedelta64[D]").astype(np.float64)
        at = float((zero - series.dates[0]).astype("timedelta64[D]").astype(np.float64))
        known = np.isfinite(parts.trend)
        start = float(np.interp(at, days[known], parts.trend[known]))
        values, model = values - start, parts.trend + parts.seasonal - start
    elif parts is not None:
        values, model = values - parts.trend, parts.seasonal
    elif zero is None:
        values = values - np.nanmean(values)
    return site_figures.SiteCurve(
        series.site,
        series.track,
        series.dates,
        values,
        series.std,
        model,
        int(np.median(series.n)),
        is_relative=" relative to " in series.site,
        component=series.component,
    )


def _sites_figure(
    folder: StudyFolder, group: str, shown: Sequence[Analysed], parameters: SeriesParameters, note: str
) -> None:
    """Series of one class of sites, all zero on their trend at one date: no track hangs on its first image."""
    zero = max(a.series.dates[0] for a in shown).astype("datetime64[D]")
    figure = site_figures.site_series_figure(
        [_curve(a, zero=zero) for a in shown],
        title=f"Displacement of sites: {group}",
        sign_note=f"{note}; zero: trend on {zero}",
    )
    caption = f"Mean series within {parameters.radius:g} m, {group}. On {zero}, when all have begun, each is set to "
    caption += "zero on its fitted trend, so that tracks do not stand apart by the noise of their first images."
    unfitted = [f"{a.series.site} ({a.series.track})" for a in shown if a.parts is None]
    if unfitted:
        caption += f" Without a fitted trend, and zero at the first image: {', '.join(unfitted)}."
    folder.save_figure(f"sites_{_plain(group)}", figure, caption)


def _figures(
    folder: StudyFolder, analysed: list[Analysed], drivers: list[Driver], parameters: SeriesParameters
) -> None:
    note = _NOTES[parameters.component]
    for group in dict.fromkeys(a.group for a in analysed if not a.is_group):
        _sites_figure(folder, group, [a for a in analysed if a.group == group and not a.is_group], parameters, note)
    means = [a for a in analysed if a.is_group and a.is_compared] or [a for a in analysed if not a.is_group][
        :_RESIDUAL_DRIVERS
    ]
    shown_drivers = [
        site_figures.DriverCurve(
            d.name, d.middles.astype("timedelta64[D]") + np.datetime64("1970-01-01"), d.values, d.kind
        )
        for d in sorted(drivers, key=lambda d: d.kind == "rain")
    ]
    if means:
        figure = site_figures.drivers_figure(
            shown_drivers,
            [_curve(a) for a in means],
            title="Motion and what may drive it",
            sign_note=_NOTES["+".join(sorted({a.series.component for a in means}))],
        )
        caption = "Groundwater, rain, and the motion left of the trend."
        if any(" relative to " in a.series.site for a in means):
            caption += " Each difference of two classes has a scale of its own; all other motion shares one."
        folder.save_figure("drivers", figure, caption)
    shown = []
    for d in drivers:
        adjusted = adjusted_p(analysed, d.name)
        for a in means:
            if d.name in a.lags:
                is_claimed = holds(a.lags[d.name], adjusted[id(a)], parameters.alpha)
                shown.append(_lag_curve(a, a.lags[d.name], is_claimed=is_claimed))
    if shown:
        folder.save_figure(
            "lags",
            site_figures.lag_figure(shown, title="Lag of departures from the usual season"),
            _lag_caption(shown),
        )


def _lag_caption(shown: Sequence[site_figures.LagCurve]) -> str:
    drawn = site_figures.drawn_lags(shown)
    n_claimed = sum(c.is_claimed for c in drawn)
    n_others, n_left = len(drawn) - n_claimed, len(shown) - len(drawn)
    caption = "Correlation of departures from the usual season against the lag; p is that of each test alone."
    if not n_left:
        return caption
    if n_claimed:
        claimed = "1 relation that is claimed" if n_claimed == 1 else f"{n_claimed} relations that are claimed"
        chosen = f"Drawn are {claimed} and the {n_others} others of the smallest p"
    else:
        chosen = f"No relation is claimed: drawn are the {n_others} of the smallest p"
    return f"{caption} {chosen}; {n_left} {'is' if n_left == 1 else 'are'} not drawn. All are in the table lags.csv."


def _lag_curve(a: Analysed, lag: LagResult, *, is_claimed: bool) -> site_figures.LagCurve:
    return site_figures.LagCurve(
        f"{a.series.site}, {a.series.track}",
        lag.driver,
        lag.lags,
        lag.correlation,
        lag.band,
        lag.threshold,
        lag.lag,
        lag.interval,
        lag.p_value,
        is_claimed,
    )


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower())


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
