"""Figures of sites: series in small panels, what drives them, and the lag behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from textwrap import fill
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from subside.conventions import MM_PER_M
from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    MUTED,
    NORMAL_95,
    SECOND,
    FigureResult,
    dress,
    new_figure,
    number,
    numbers_of,
    say,
    tidy_dates,
)

FloatArray = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

_WIDTH: Final = 8.8
"""Of a full figure, inches: type of 8 points is printed with 6 in a column of 170 mm."""
_HEIGHT: Final = 11.0
"""What a page takes at that size of type, inches."""
_MOST_UNCLAIMED: Final = 4


@dataclass(frozen=True)
class SiteCurve:
    """Series of a site in one track.

    Attributes
    ----------
    site, track : str
        Names.
    dates : ndarray of datetime64, (date,)
        Dates.
    displacement, std : ndarray of float64, (date,)
        m; NaN is unknown.
    model : ndarray of float64, (date,), or None
        Trend and season, m.
    n : int
        Points.
    is_relative : bool
        Whether it is the difference of two classes, which is much smaller than the series of either.
    component : {"los", "up"}
        Line of sight or vertical.
    """

    site: str
    track: str
    dates: Dates
    displacement: FloatArray
    std: FloatArray
    model: FloatArray | None = None
    n: int = 0
    is_relative: bool = False
    component: str = "los"


@dataclass(frozen=True)
class DriverCurve:
    """Rain or groundwater.

    Attributes
    ----------
    name : str
        Title of the panel.
    dates : ndarray of datetime64, (month,)
        Middles of the months.
    values : ndarray of float64, (month,)
        mm a month for rain, else m; NaN is without data.
    kind : str
        ``rain``, ``depth`` or ``level``.
    """

    name: str
    dates: Dates
    values: FloatArray
    kind: str


@dataclass(frozen=True)
class LagCurve:
    """Lag correlation of one series.

    Attributes
    ----------
    name, driver : str
        Series and driver.
    lags, correlation : ndarray of float64, (lag,)
        Days, and correlation of departures from the usual season.
    band : ndarray of float64, (2, lag)
        95 % of the surrogates at each lag.
    threshold : float
        Level the largest correlation must exceed.
    lag : float
        Lag found, days.
    interval : tuple of float
        Its 95 % interval, days.
    p_value : float
        Of the test.
    is_claimed : bool
        Whether a lag is claimed.
    """

    name: str
    driver: str
    lags: FloatArray
    correlation: FloatArray
    band: FloatArray
    threshold: float
    lag: float
    interval: tuple[float, float]
    p_value: float
    is_claimed: bool


def site_series_figure(curves: Sequence[SiteCurve], *, title: str, sign_note: str) -> FigureResult:
    """Draw the series of sites in panels of one scale, tracks apart, with 95 % bars (the paper's Figs. 6 and 8).

    Parameters
    ----------
    curves : sequence of SiteCurve
        In the order of the panels.
    title : str
        Of the figure.
    sign_note : str
        Component and sign, such as ``line of sight, + toward the satellite``.

    Returns
    -------
    FigureResult
        Numbers: the series and their σ, mm.
    """
    sites = list(dict.fromkeys(c.site for c in curves))
    tracks = list(dict.fromkeys(c.track for c in curves))
    n_columns = min(max(len(sites), 1), 3)
    n_rows = max(math.ceil(len(sites) / n_columns), 1)
    figure = new_figure(max((_WIDTH - 0.4) / 3 * n_columns + 0.4, 6.0), 1.9 * n_rows + 1.5, title)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True).ravel()
    for k, axes in enumerate(panels):
        if k >= len(sites):
            axes.set_visible(k == 0)
            continue
        here = [c for c in curves if c.site == sites[k]]
        counts = ", ".join(str(c.n) for c in here)
        dress(axes, title=f"{sites[k]}  (n = {counts})", ylabel="mm" if k % n_columns == 0 else "")
        axes.axhline(0.0, color=MUTED, lw=0.7)
        for curve in here:
            _draw(axes, curve, CATEGORIES[tracks.index(curve.track) % len(CATEGORIES)])
        tidy_dates(axes)
        axes.xaxis.set_tick_params(labelbottom=k + n_columns >= len(sites))
    if curves:
        handles, labels = _legend_entries(panels[: len(sites)])
        _foot(figure, handles, labels, f"{sign_note}; bars ±1.96 σ")
    else:
        say(panels[0], "no site has points")
    return FigureResult(figure, {"unit": f"mm, {sign_note}", "series": [_numbers(c) for c in curves]})


def drivers_figure(
    drivers: Sequence[DriverCurve], residuals: Sequence[SiteCurve], *, title: str, sign_note: str
) -> FigureResult:
    """Draw groundwater, rain and the motion left of the trend one below the other (the paper's Fig. 7).

    Panels of motion share one scale; the difference of two classes has its own.

    Parameters
    ----------
    drivers : sequence of DriverCurve
        Depth is drawn downward.
    residuals : sequence of SiteCurve
        Series without their trend; ``site`` is the title of the panel, tracks of one site share it.
    title : str
        Of the figure.
    sign_note : str
        Component and sign of the motion.

    Returns
    -------
    FigureResult
        Numbers: everything drawn.
    """
    groups = list(dict.fromkeys(c.site for c in residuals))
    tracks = list(dict.fromkeys(c.track for c in residuals))
    n = max(len(drivers) + len(groups), 1)
    figure = new_figure(_WIDTH, min(1.65 * n + 1.2, max(0.95 * n + 1.2, _HEIGHT)), title)
    panels = figure.subplots(n, 1, squeeze=False, sharex=True).ravel()
    letters = [*ascii_lowercase, *(2 * letter for letter in ascii_lowercase)]
    for letter, axes, driver in zip(letters, panels, drivers, strict=False):
        label = "mm/month" if driver.kind == "rain" else ("depth (m)" if driver.kind == "depth" else "level (m)")
        dress(axes, title=f"({letter})  {_words(driver.name)}", ylabel=label)
        if driver.kind == "rain":
            axes.bar(driver.dates, np.nan_to_num(driver.values), width=24.0, color=ACCENT)
            for when in driver.dates[~np.isfinite(driver.values)]:
                axes.axvspan(when - np.timedelta64(15, "D"), when + np.timedelta64(15, "D"), color="#eceff2", lw=0)
        else:
            axes.plot(driver.dates, driver.values, color=ACCENT, lw=1.2, marker="o", ms=2.4)
            if driver.kind == "depth":
                axes.invert_yaxis()
    is_mixed = len({c.component for c in residuals}) > 1
    motion = panels[len(drivers) :]
    for letter, axes, group in zip(letters[len(drivers) :], motion, groups, strict=False):
        here = [c for c in residuals if c.site == group]
        unit = "mm\n(own scale)" if here[0].is_relative else "mm"
        kind = ", vertical" if is_mixed and here[0].component == "up" else ""
        dress(axes, title=f"({letter})  {group}, trend removed{kind}", ylabel=unit)
        axes.axhline(0.0, color=MUTED, lw=0.7)
        for curve in here:
            colour = CATEGORIES[tracks.index(curve.track) % len(CATEGORIES)]
            value, band = curve.displacement * MM_PER_M, NORMAL_95 * curve.std * MM_PER_M
            axes.fill_between(curve.dates, value - band, value + band, color=colour, alpha=0.18, linewidth=0)
            axes.plot(curve.dates, value, color=colour, lw=1.0, marker="o", ms=2.4, label=curve.track)
            if curve.model is not None:
                label = f"annual motion, {curve.track}"
                axes.plot(curve.dates, curve.model * MM_PER_M, color=colour, lw=1.6, ls="--", label=label)
        axes.locator_params(axis="y", nbins=4)
    relative = {c.site for c in residuals if c.is_relative}
    _share_scale([axes for axes, group in zip(motion, groups, strict=False) if group not in relative])
    if residuals:
        handles, labels = _legend_entries(motion)
        _foot(figure, handles, labels, f"{sign_note}; band ±1.96 σ", n_columns=min(len(tracks), 4))
    tidy_dates(panels[-1])
    numbers = {
        "drivers": [
            {"name": d.name, "kind": d.kind, "dates": [str(t)[:10] for t in d.dates], "values": numbers_of(d.values)}
            for d in drivers
        ],
        "unit": f"mm, {sign_note}",
        "series": [_numbers(c) for c in residuals],
    }
    return FigureResult(figure, numbers)


def drawn_lags(curves: Sequence[LagCurve]) -> list[LagCurve]:
    """Lags that are claimed, and of the others the four with the smallest p, in that order.

    Parameters
    ----------
    curves : sequence of LagCurve
        All that were compared.

    Returns
    -------
    list of LagCurve
        Those that :func:`lag_figure` draws.
    """
    others = sorted((c for c in curves if not c.is_claimed), key=lambda c: c.p_value)
    return [*(c for c in curves if c.is_claimed), *others[:_MOST_UNCLAIMED]]


def _lag_words(curve: LagCurve) -> str:
    """Lag and interval; one that ends with the search is open to that side."""
    low, high = curve.interval
    if low <= 0:
        return f"{high:.0f} d or less"
    if high >= curve.lags[-1]:
        return f"{low:.0f} d or more"
    return f"{curve.lag:.0f} d ({low:.0f} to {high:.0f})"


def lag_figure(curves: Sequence[LagCurve], *, title: str) -> FigureResult:
    """Draw the correlation of departures from the usual season against the lag, with the band of surrogates.

    Parameters
    ----------
    curves : sequence of LagCurve
        All that were compared; those of :func:`drawn_lags` are drawn, one a panel.
    title : str
        Of the figure.

    Returns
    -------
    FigureResult
        Numbers: all curves, and whether each is drawn.
    """
    given, curves = curves, drawn_lags(curves)
    n_columns = min(max(len(curves), 1), 2)
    n_rows = max(math.ceil(len(curves) / n_columns), 1)
    figure = new_figure(_WIDTH if n_columns > 1 else 6.0, 2.4 * n_rows + 1.0, title)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True).ravel()
    for k, axes in enumerate(panels):
        if k >= len(curves):
            axes.set_visible(k == 0)
            continue
        curve = curves[k]
        verdict = _lag_words(curve) if curve.is_claimed else "no lag claimed"
        dress(
            axes,
            title=f"{fill(curve.name, 52)}\nbehind {_words(curve.driver)}: {verdict}, p = {curve.p_value:.2g}",
            xlabel="lag (days), + the motion follows" if k + n_columns >= len(curves) else "",
            ylabel="correlation of departures" if k % n_columns == 0 else "",
        )
        axes.title.set_fontsize(9.0)
        axes.xaxis.set_tick_params(labelbottom=k + n_columns >= len(curves))
        axes.axhline(0.0, color=MUTED, lw=0.7)
        axes.axvline(0.0, color=MUTED, lw=0.7)
        axes.fill_between(curve.lags, *curve.band, color=MUTED, alpha=0.22, linewidth=0, label="95 % of surrogates")
        axes.hlines(curve.threshold, 0, curve.lags[-1], color=SECOND, lw=1.2, ls="--", label="limit of the largest")
        if curve.is_claimed:
            axes.axvspan(*curve.interval, color=ACCENT, alpha=0.18, lw=0, label="95 % interval of the lag")
        axes.plot(curve.lags, curve.correlation, color=ACCENT, lw=1.6, label="data")
    if curves:
        handles, labels = _legend_entries(panels[: len(curves)])
        figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=8, frameon=False)
    else:
        say(panels[0], "nothing to compare")
    numbers = [
        {
            "name": c.name,
            "driver": c.driver,
            "lags_days": numbers_of(c.lags),
            "correlation": numbers_of(c.correlation),
            "band": [numbers_of(b) for b in c.band],
            "threshold": number(c.threshold),
            "lag_days": number(c.lag),
            "interval_days": numbers_of(np.array(c.interval)),
            "p_value": number(c.p_value),
            "is_claimed": c.is_claimed,
            "is_drawn": any(c is one for one in curves),
        }
        for c in given
    ]
    return FigureResult(figure, {"curves": numbers})


def _draw(axes: Axes, curve: SiteCurve, colour: str) -> None:
    value, bar = curve.displacement * MM_PER_M, NORMAL_95 * curve.std * MM_PER_M
    axes.errorbar(
        curve.dates,
        value,
        yerr=np.nan_to_num(bar),
        fmt="o",
        ms=2.4,
        lw=0,
        elinewidth=0.6,
        color=colour,
        ecolor=colour,
        alpha=0.85,
        label=curve.track,
    )
    if curve.model is not None:
        label = f"trend and season, {curve.track}"
        axes.plot(curve.dates, curve.model * MM_PER_M, color=colour, lw=1.2, label=label)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _legend_entries(panels: npt.NDArray[np.object_]) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _foot(figure: Figure, handles: list[Any], labels: list[str], note: str, *, n_columns: int = 4) -> None:
    """Legend below a figure, and the sign and the bars in its title, where they cannot meet."""
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=n_columns,
        fontsize=8,
        frameon=False,
        title=note,
        title_fontsize=8,
        alignment="left",
    )


def _share_scale(panels: Sequence[Axes]) -> None:
    if len(panels):
        limits = np.array([axes.get_ylim() for axes in panels])
        for axes in panels:
            axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _numbers(curve: SiteCurve) -> dict[str, Any]:
    return {
        "site": curve.site,
        "track": curve.track,
        "n": curve.n,
        "component": curve.component,
        "dates": [str(t)[:10] for t in curve.dates],
        "displacement": numbers_of(curve.displacement * MM_PER_M),
        "std": numbers_of(curve.std * MM_PER_M),
        "model": None if curve.model is None else numbers_of(curve.model * MM_PER_M),
    }
