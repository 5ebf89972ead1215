"""Along the chainage of a line: slope and curvature, density of points, time to limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    GRID,
    INK,
    MUTED,
    SECOND,
    SINKING,
    SPREAD,
    FigureResult,
    colour_bar,
    dress,
    legend,
    new_figure,
    number,
    numbers_of,
    say,
)
from subside.ops.corridor.coverage import Coverage, DensityAlong
from subside.ops.corridor.limits import Exceedance, Limit
from subside.ops.corridor.slopes import ChordValues, radius_of

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SlopesFigureInput:
    """What slopes and curvature are drawn from.

    Attributes
    ----------
    chainage : ndarray of float64, (bin,)
        m.
    slopes, curvature : sequence of ChordValues
        A year.
    years : float
        By which they are multiplied: the observed period; NaN draws them a year.
    slope_limits, radius_limits : sequence of Limit
        Drawn as lines.
    prefix : str
        Of the chainage.
    """

    chainage: FloatArray
    slopes: Sequence[ChordValues]
    curvature: Sequence[ChordValues]
    years: float
    slope_limits: Sequence[Limit] = ()
    radius_limits: Sequence[Limit] = ()
    prefix: str = "DK"


def slopes_figure(data: SlopesFigureInput) -> FigureResult:
    """Draw slope and curvature along the line over each chord with the minimum that could be detected.

    Parameters
    ----------
    data : SlopesFigureInput
        Inputs.

    Returns
    -------
    FigureResult
        Slopes in permille, curvature in 1/km, of the settlement over the period; detectable values stand out.
    """
    rows = [("slope", c) for c in data.slopes] + [("curvature", c) for c in data.curvature]
    is_total = bool(np.isfinite(data.years))
    years = data.years if is_total else 1.0
    per = f"over {data.years:.1f} years" if is_total else "a year"
    figure = new_figure(12.0, 1.2 + 1.55 * max(len(rows), 1), f"Slope and curvature of the settlement {per}")
    numbers: dict[str, Any] = {"years": number(data.years), "panels": []}
    first: Axes | None = None
    grid = figure.add_gridspec(max(len(rows), 1), 1)
    for k, (name, chord) in enumerate(rows):
        axes = figure.add_subplot(grid[k], sharex=first)
        first = first or axes
        numbers["panels"].append(_chord_panel(axes, name, chord, data, years))
        if k < len(rows) - 1:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel(f"chainage, km ({data.prefix})", fontsize=8.5, color=INK)
    return FigureResult(figure, numbers)


def _chord_panel(axes: Axes, name: str, chord: ChordValues, data: SlopesFigureInput, years: float) -> dict[str, Any]:
    unit, scale = ("‰", 1e3 * years) if name == "slope" else ("1/km", 1e3 * years)
    value, mdc = chord.value * scale, chord.mdc * scale
    title = f"{name} over {chord.chord:g} m"
    result = {
        "quantity": name,
        "chord_m": number(chord.chord),
        "mdc_median": number(np.nanmedian(mdc)) if np.isfinite(mdc).any() else None,
    }
    dress(axes, title=title, ylabel=unit)
    if not np.isfinite(value).any():
        say(axes, "no two bins with points this far apart, or bins longer than the chord")
        return {**result, "n": 0, "n_detected": 0}
    known = np.isfinite(value)
    seen = known & (np.abs(value) > mdc)
    x = data.chainage / 1e3
    axes.fill_between(x, -mdc, mdc, color=GRID, lw=0, label="not detectable (1.96 σ)")
    axes.plot(
        x[seen], value[seen], ls="none", marker=".", ms=4, mew=0, color=SINKING, label="detected", rasterized=True
    )
    reach = max(float(np.nanquantile(mdc, 0.9)) * 1.6, float(np.quantile(np.abs(value[known]), 0.999)) * 1.15)
    axes.set_ylim(-reach, reach)
    limits = data.slope_limits if name == "slope" else data.radius_limits
    for limit in limits:
        level = limit.level()[0] * 1e3
        if level < reach:
            axes.axhline(level, color=SECOND, lw=0.8, ls="--")
            axes.axhline(-level, color=SECOND, lw=0.8, ls="--")
    axes.set_xlim(x[0], x[-1])
    legend(axes, loc="upper right", ncols=2, bbox_to_anchor=(1.0, 1.22), markerscale=2)
    worst = int(np.nanargmax(np.abs(value)))
    result |= {
        "n": int(known.sum()),
        "n_detected": int(seen.sum()),
        "largest": number(value[worst]),
        "largest_at_km": number(data.chainage[worst] / 1e3),
    }
    if name == "curvature":
        result["smallest_radius_km"] = number(float(radius_of(chord.value[worst], years)) / 1e3)
    return result


def density_figure(along: DensityAlong, coverage: Coverage, *, prefix: str = "DK") -> FigureResult:
    """Draw the density of points along the line by class, and the stretches without points.

    Parameters
    ----------
    along : DensityAlong
        By stretch and class.
    coverage : Coverage
        Gaps and totals.
    prefix : str
        Of the chainage.

    Returns
    -------
    FigureResult
        Points per km2.
    """
    figure = new_figure(12.0, 4.2, "Density of points along the line")
    axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    edges = along.edges / 1e3
    base = np.zeros(len(edges) - 1)
    for k, (name, values) in enumerate(along.per_km2.items()):
        colour = CATEGORIES[k % len(CATEGORIES)]
        axes.stairs(base + values, edges, baseline=base, fill=True, color=colour, alpha=0.85, label=name)
        base = base + values
    dress(axes, ylabel="points per km²", title=f"by {along.by}")
    if along.per_km2:
        legend(axes, loc="upper right", ncols=len(along.per_km2), bbox_to_anchor=(1.0, 1.14))
    else:
        say(axes, "no points in the corridor")
    for gap in coverage.gaps:
        strip.axvspan(gap.start / 1e3, gap.end / 1e3, color=MUTED if gap.is_outside else SINKING, lw=0)
    strip.set_yticks([])
    longest = coverage.longest_uncovered
    dress(
        strip,
        title=f"no point within {coverage.reach:g} m: {coverage.uncovered / 1e3:.2f} km in all, longest inside the "
        f"data {longest / 1e3:.2f} km (grey: outside the data)",
        xlabel=f"chainage, km ({prefix})",
        grid=False,
    )
    strip.set_xlim(edges[0], edges[-1])
    numbers = {
        "chainage_km": numbers_of(edges),
        "per_km2": {k: numbers_of(v) for k, v in along.per_km2.items()},
        "longest_uncovered_m": number(longest),
        "uncovered_m": number(coverage.uncovered),
    }
    return FigureResult(figure, numbers)


@dataclass(frozen=True)
class LimitsFigureInput:
    """What the times to limits are drawn from.

    Attributes
    ----------
    chainage : sequence of ndarray of float64
        Of each limit's places, m.
    limits : sequence of Limit
        Limits.
    exceedance : sequence of Exceedance
        One a limit.
    horizon : float
        Years from the first common date to the date asked for.
    observed : float
        Years observed.
    span : tuple of float
        Chainage of the ends of the line, m.
    prefix : str
        Of the chainage.
    """

    chainage: Sequence[FloatArray]
    limits: Sequence[Limit]
    exceedance: Sequence[Exceedance]
    horizon: float
    observed: float
    span: tuple[float, float]
    prefix: str = "DK"


def limits_figure(data: LimitsFigureInput) -> FigureResult:
    """Draw when each limit is reached along the line: median and 5 to 95 %, and the probability by the horizon.

    Parameters
    ----------
    data : LimitsFigureInput
        Inputs.

    Returns
    -------
    FigureResult
        Years from the first common date.
    """
    timed = [k for k, limit in enumerate(data.limits) if limit.quantity != "rate"]
    figure = new_figure(12.0, 1.4 + 1.7 * max(len(timed), 1), "Years until limits are reached, motion continuing")
    numbers: dict[str, Any] = {"horizon_years": number(data.horizon), "limits": []}
    if not timed:
        say(figure.add_subplot(), "no limit on settlement, slope or radius was given")
        return FigureResult(figure, numbers)
    panels = figure.subplots(len(timed), 1, sharex=True, squeeze=False)[:, 0]
    ceiling = 3.0 * data.horizon
    picture = None
    for axes, k in zip(panels, timed, strict=True):
        limit, found, x = data.limits[k], data.exceedance[k], data.chainage[k] / 1e3
        known = np.isfinite(found.probability_horizon)
        low, high = (np.minimum(v, ceiling) for v in (found.years_05, found.years_95))
        reached = known & (found.years_05 < ceiling)
        axes.vlines(x[reached], low[reached], high[reached], color=GRID, lw=0.8, rasterized=True)
        shown = known & (found.years_median < ceiling)
        picture = axes.scatter(
            x[shown],
            found.years_median[shown],
            c=found.probability_horizon[shown],
            cmap=SPREAD,
            vmin=0,
            vmax=1,
            s=6,
            linewidths=0,
            rasterized=True,
            zorder=3,
        )
        axes.axhline(data.horizon, color=SECOND, lw=0.9, ls="--")
        axes.axhspan(0, data.observed, color=ACCENT, alpha=0.10, lw=0)
        axes.set_ylim(0, ceiling)
        axes.set_xlim(data.span[0] / 1e3, data.span[1] / 1e3)
        verified = "" if limit.is_verified else " (value not verified)"
        sign = "≥" if limit.quantity == "radius" else "≤"
        dress(
            axes, title=f"{limit.name}: {limit.quantity} {sign} {limit.value:g} {limit.unit}{verified}", ylabel="years"
        )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0f}"))
        numbers["limits"].append(
            {
                "name": limit.name,
                "n": int(known.sum()),
                "n_likely_by_horizon": int(np.count_nonzero(found.probability_horizon[known] > 0.5)),
                "earliest_median_years": number(np.nanmin(found.years_median)) if known.any() else None,
            }
        )
    panels[-1].set_xlabel(f"chainage, km ({data.prefix})", fontsize=8.5, color=INK)
    _limits_bar(figure, panels, picture)
    return FigureResult(figure, numbers)


def _limits_bar(figure: Figure, panels: Any, picture: Any) -> None:
    if picture is None:
        return
    if len(panels) == 1:
        colour_bar(panels[0], picture, "probability by the horizon")
        return
    bar = figure.colorbar(picture, ax=list(panels), shrink=0.6, pad=0.015, aspect=32)
    bar.set_label("probability by the horizon (dashed); shaded: observed", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
