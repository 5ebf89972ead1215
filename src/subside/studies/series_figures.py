"""Figures of the study of sites: series by class, drivers, lags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from subside.figures import sites as site_figures
from subside.ops.series.driver import Driver
from subside.ops.series.lag import LagResult
from subside.studies.output import StudyFolder
from subside.studies.series_rows import Analysed, adjusted_p, holds

_RESIDUAL_DRIVERS = 4
_NOTES = {
    "los": "line of sight, + toward the satellite",
    "up": "vertical if nothing moves sideways, + up",
    "los+up": "line of sight, + toward the satellite; panels called vertical: + up, if nothing moves sideways",
}


class FigureChoices(Protocol):
    """What figures need of the parameters of the study."""

    @property
    def radius(self) -> float:
        """Within which points are of a site, m."""

    @property
    def alpha(self) -> float:
        """Probability of a claim where there is nothing."""

    @property
    def component(self) -> Literal["los", "up"]:
        """Of the series of sites."""


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
    folder: StudyFolder, group: str, shown: Sequence[Analysed], choices: FigureChoices, note: str
) -> None:
    """Series of one class of sites, all zero on their trend at one date: no track hangs on its first image."""
    zero = max(a.series.dates[0] for a in shown).astype("datetime64[D]")
    figure = site_figures.site_series_figure(
        [_curve(a, zero=zero) for a in shown],
        title=f"Displacement of sites: {group}",
        sign_note=f"{note}; zero: trend on {zero}",
    )
    caption = f"Mean series within {choices.radius:g} m, {group}. On {zero}, when all have begun, each is set to "
    caption += "zero on its fitted trend, so that tracks do not stand apart by the noise of their first images."
    unfitted = [f"{a.series.site} ({a.series.track})" for a in shown if a.parts is None]
    if unfitted:
        caption += f" Without a fitted trend, and zero at the first image: {', '.join(unfitted)}."
    folder.save_figure(f"sites_{_plain(group)}", figure, caption)


def save_series_figures(
    folder: StudyFolder, analysed: list[Analysed], drivers: list[Driver], choices: FigureChoices
) -> None:
    """Sites by class, what may drive them, and the lags.

    Parameters
    ----------
    folder : StudyFolder
        Where figures go.
    analysed : list of Analysed
        Series.
    drivers : list of Driver
        Rain and groundwater.
    choices : FigureChoices
        Of the study.
    """
    note = _NOTES[choices.component]
    for group in dict.fromkeys(a.group for a in analysed if not a.is_group):
        _sites_figure(folder, group, [a for a in analysed if a.group == group and not a.is_group], choices, note)
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
                is_claimed = holds(a.lags[d.name], adjusted[id(a)], choices.alpha)
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
