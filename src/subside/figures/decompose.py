"""Figures of east and up rates from tracks that look from different sides."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from subside.conventions import MM_PER_M
from subside.figures.style import (
    ACCENT,
    INK,
    MOTION,
    MUTED,
    SECOND,
    SPREAD,
    FigureResult,
    dress,
    legend,
    motion_norm,
    new_figure,
    number,
    numbers_of,
    robust_norm,
    say,
    summary,
    symmetric_limit,
)
from subside.figures.tracks import draw_cells
from subside.ops.two_tracks.decompose import EastUp

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def east_up_figure(result: EastUp, *, rate_limit: float = 0.0) -> FigureResult:
    """Map up and east rates with their standard deviations.

    Parameters
    ----------
    result : EastUp
        Rates of the cells.
    rate_limit : float
        Half-range of the colours of both rates, m/yr; 0 takes each from the data.

    Returns
    -------
    FigureResult
        Numbers: scales and summaries, mm/yr.
    """
    places = (result.easting, result.northing)
    ratio = float(np.ptp(result.northing)) / max(float(np.ptp(result.easting)), 1.0)
    height = float(np.clip(2 * (3.6 * ratio + 0.75) + 0.5, 5.0, 12.0))
    figure = new_figure(10.4, height, f"Up and east rates, {len(result.up):,} cells of {result.spacing:g} m")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    numbers: dict[str, Any] = {"unit": "mm/yr", "crs": result.crs}
    rows = (("up", "+ up", result.up, result.up_std), ("east", "+ to the east", result.east, result.east_std))
    for (rate_axes, std_axes), (name, sign, rate, std) in zip(panels, rows, strict=True):
        values, spread = rate * MM_PER_M, std * MM_PER_M
        limit = rate_limit * MM_PER_M or symmetric_limit(values, share=0.98)
        label = f"{name} (mm/yr, {sign}), ±{limit:g}"
        draw_cells(
            rate_axes, places, values, spacing=result.spacing, look=(MOTION, motion_norm(limit), label), title=name
        )
        draw_cells(
            std_axes,
            places,
            spread,
            spacing=result.spacing,
            look=(SPREAD, robust_norm(spread, low=0.0), f"σ of {name} (mm/yr)"),
            title=f"standard deviation of {name}",
        )
        numbers |= {name: summary(values), f"{name}_std": summary(spread), f"{name}_limit": limit}
    for axes in panels[0]:
        axes.set_xlabel("")
    for axes in panels[:, 1]:
        axes.set_ylabel("")
    return FigureResult(figure, numbers)


def east_up_series_figure(result: EastUp) -> FigureResult:
    """Draw up and east displacement over time: median and spread over the cells, and the cell that moves most.

    Parameters
    ----------
    result : EastUp
        Rates and series of the cells.

    Returns
    -------
    FigureResult
        Numbers: quantiles by epoch, mm.
    """
    figure = new_figure(10.4, 4.4, "Up and east displacement over time")
    panels = figure.subplots(1, 2)
    series = result.series
    numbers: dict[str, Any] = {"unit": "mm"}
    if series is None:
        for axes in panels:
            dress(axes)
            say(axes, "no series")
        return FigureResult(figure, numbers)
    dates = series.dates.astype("datetime64[D]")
    numbers["dates"] = [str(d) for d in dates]
    rows = (("up", series.up, series.up_std, result.up), ("east", series.east, series.east_std, result.east))
    for axes, (name, values, std, rate) in zip(panels, rows, strict=True):
        scaled = np.asarray(values, np.float64) * MM_PER_M
        quantiles = np.full((len(_QUANTILES), len(dates)), np.nan)
        known = np.isfinite(scaled).any(axis=0)
        quantiles[:, known] = np.nanquantile(scaled[:, known], _QUANTILES, axis=0)
        fastest = int(np.nanargmax(np.abs(rate)))
        error = np.nan_to_num(np.asarray(std[fastest], np.float64) * MM_PER_M)
        dress(axes, title=name, ylabel=f"{name} (mm, relative to {dates[0]})")
        axes.fill_between(
            dates, quantiles[0], quantiles[-1], color=ACCENT, alpha=0.15, lw=0, label="5 to 95 % of cells"
        )
        axes.fill_between(dates, quantiles[1], quantiles[-2], color=ACCENT, alpha=0.3, lw=0, label="25 to 75 %")
        axes.plot(dates, quantiles[2], color=ACCENT, lw=1.6, label="median")
        axes.fill_between(dates, scaled[fastest] - error, scaled[fastest] + error, color=SECOND, alpha=0.2, lw=0)
        axes.plot(dates, scaled[fastest], color=SECOND, lw=0.9,
                  label=f"fastest cell, {rate[fastest] * MM_PER_M:+.1f} mm/yr, ±σ")  # fmt: skip
        axes.axhline(0, color=MUTED, lw=0.6)
        axes.tick_params(axis="x", labelcolor=INK)
        legend(axes, loc="best", fontsize=7.5)
        numbers[name] = {f"q{round(100 * q)}": numbers_of(v) for q, v in zip(_QUANTILES, quantiles, strict=True)}
        numbers[f"{name}_fastest_rate_mm_yr"] = number(rate[fastest] * MM_PER_M)
    return FigureResult(figure, numbers)
