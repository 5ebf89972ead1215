"""Figure of head against motion: the loop about the trend and the way through all years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from subside.conventions import MM_PER_M
from subside.figures.style import (
    ACCENT,
    INK,
    MUTED,
    QUALITY,
    SECOND,
    FigureResult,
    dress,
    legend,
    new_figure,
    number,
    numbers_of,
    say,
)

FloatArray = npt.NDArray[np.float64]
_TITLE = 58
"""Letters of a line of a title."""
_EPOCH = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class LoopCurve:
    """Head and motion of one place.

    Attributes
    ----------
    name, head_name : str
        What the panels are of.
    dates : ndarray of datetime64[D], (date,)
        Of all arrays.
    head, motion : ndarray of float64, (date,)
        Without their lines, the head read earlier by ``lag``, m, positive up; empty where there is no such estimate.
    level, height : ndarray of float64, (date,)
        Head and vertical motion as they are, m, positive up.
    slope : float
        Elastic storage coefficient; NaN where none is claimed.
    interval : tuple of float
        Its 95 % interval.
    lag : float
        Days.
    trend : float
        Ratio of the two trends; NaN where the head has none.
    verdict, trend_verdict : str
        In short words, for the titles.
    """

    name: str
    head_name: str
    dates: npt.NDArray[np.datetime64]
    head: FloatArray
    motion: FloatArray
    level: FloatArray
    height: FloatArray
    slope: float
    interval: tuple[float, float]
    lag: float
    trend: float
    verdict: str
    trend_verdict: str


def storage_figure(curves: Sequence[LoopCurve], *, title: str) -> FigureResult:
    """Draw head against vertical motion, left about the trends with the elastic slope, right as they are.

    Where no curve has an elastic estimate there is no left column.

    Parameters
    ----------
    curves : sequence of LoopCurve
        One a row.
    title : str
        Of the figure.

    Returns
    -------
    FigureResult
        Numbers: the curves, m.
    """
    n = max(len(curves), 1)
    n_columns = 2 if any(len(c.head) for c in curves) else 1
    figure = new_figure(8.8, min(3.1 * n + 0.9, max(2.55 * n + 0.5, 11.0)), title)
    panels = figure.subplots(n, n_columns, squeeze=False)
    first, last = _ends(curves)
    norm = Normalize(first, last)
    for row, curve in zip(panels, curves, strict=False):
        colours = QUALITY(norm(_years(curve.dates)))
        if n_columns > 1:
            _loop(row[0], curve, colours)
        _path(row[-1], curve, colours)
    if curves:
        bar = figure.colorbar(
            ScalarMappable(norm, QUALITY), ax=panels, shrink=0.5, aspect=30, pad=0.015, ticks=MaxNLocator(integer=True)
        )
        bar.set_label("year", fontsize=8.5, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK)
    else:
        for axes in panels.ravel():
            say(axes, "nothing to compare")
    return FigureResult(figure, {"unit": "m, + up", "curves": [_numbers(c) for c in curves]})


def _loop(axes: Axes, curve: LoopCurve, colours: npt.NDArray[Any]) -> None:
    label = "vertical motion about its trend (mm, + up)"
    title = f"{fill(f'{curve.name} and {curve.head_name}', _TITLE)}\n{curve.verdict}"
    dress(axes, title=title, xlabel=label)
    axes.title.set_fontsize(9.0)
    if not len(curve.head):
        say(axes, "no estimate about the trends")
        axes.set_xlabel("")
        return
    axes.set_ylabel(f"head about its trend,\n{curve.lag:.0f} d earlier (m, + up)", fontsize=8.5, color=INK)
    axes.plot(curve.motion * MM_PER_M, curve.head, color=MUTED, lw=0.5, alpha=0.7)
    axes.scatter(curve.motion * MM_PER_M, curve.head, c=colours, s=14, zorder=3)
    if np.isfinite(curve.slope):
        ends = np.array([curve.head.min(), curve.head.max()])
        axes.plot(curve.slope * ends * MM_PER_M, ends, color=ACCENT, lw=1.8, label="elastic", zorder=4)
        low, high = (s * ends * MM_PER_M for s in curve.interval)
        axes.fill_betweenx(ends, low, high, color=ACCENT, alpha=0.18, lw=0, label="95 %")
        legend(axes, loc="best")


def _path(axes: Axes, curve: LoopCurve, colours: npt.NDArray[Any]) -> None:
    dress(
        axes,
        title=f"{fill(f'{curve.name} and {curve.head_name}', _TITLE)}\ntrend and all\n{curve.trend_verdict}",
        xlabel="vertical motion (mm, + up)",
        ylabel="head (m, + up)",
    )
    axes.title.set_fontsize(9.0)
    axes.plot(curve.height * MM_PER_M, curve.level, color=MUTED, lw=0.5, alpha=0.7)
    axes.scatter(curve.height * MM_PER_M, curve.level, c=colours, s=14, zorder=3)
    if np.isfinite(curve.trend):
        middle = np.nanmean(curve.level)
        ends = np.array([np.nanmin(curve.level), np.nanmax(curve.level)])
        line = (np.nanmean(curve.height) + curve.trend * (ends - middle)) * MM_PER_M
        axes.plot(line, ends, color=SECOND, lw=1.5, ls="--", label="ratio of the trends: no evidence")
        legend(axes, loc="best")


def _years(dates: npt.NDArray[np.datetime64]) -> FloatArray:
    days: FloatArray = (dates - _EPOCH).astype(np.float64)
    result: FloatArray = 1970.0 + days / 365.25
    return result


def _ends(curves: Sequence[LoopCurve]) -> tuple[float, float]:
    years = [_years(c.dates[[0, -1]]) for c in curves] or [np.array([0.0, 1.0])]
    return float(np.min(years)), float(np.max(years))


def _numbers(curve: LoopCurve) -> dict[str, Any]:
    return {
        "name": curve.name,
        "head": curve.head_name,
        "dates": [str(t)[:10] for t in curve.dates],
        "head_about_trend": numbers_of(curve.head),
        "motion_about_trend": numbers_of(curve.motion),
        "level": numbers_of(curve.level),
        "height": numbers_of(curve.height),
        "elastic": number(curve.slope),
        "elastic_interval": numbers_of(np.array(curve.interval)),
        "lag_days": number(curve.lag),
        "trend_ratio": number(curve.trend),
        "verdict": curve.verdict,
    }
