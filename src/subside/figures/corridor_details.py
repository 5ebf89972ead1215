"""Along the chainage of a line: slope and curvature, density of points, time to limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm

from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    GRID,
    INK,
    MUTED,
    NO_DATA,
    SECOND,
    SINKING,
    SPREAD,
    FigureResult,
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

_WIDTH = 8.8
"""Of a figure, inches: type of 8 points is printed with 6 in a column of 170 mm."""
_TITLE = 70
"""Letters of a title in one line."""
_FEW_PLACES = 100


@dataclass(frozen=True)
class SlopesFigureInput:
    """What slopes and curvature are drawn from.

    Attributes
    ----------
    slopes, curvature : sequence of ChordValues
        A year.
    years : float
        By which they are multiplied: the observed period; NaN draws them a year.
    limits : sequence of (Limit, float)
        Limits of slope and radius and the chord each is meant for, m; drawn as lines.
    prefix : str
        Of the chainage.
    span : tuple of float or None
        Chainages between which to draw, m; None draws every chord.
    part : str
        Which part of the line that is, in words for the title.
    """

    slopes: Sequence[ChordValues]
    curvature: Sequence[ChordValues]
    years: float
    limits: Sequence[tuple[Limit, float]] = ()
    prefix: str = "DK"
    span: tuple[float, float] | None = None
    part: str = ""


def titled(title: str, part: str) -> str:
    """A title and which part of the line is shown, in two lines where one would be cut."""
    if not part:
        return title
    return f"{title},{' ' if len(title) + len(part) < _TITLE else chr(10)}{part}"


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
    figure = new_figure(
        _WIDTH, 1.2 + 1.55 * max(len(rows), 1), titled(f"Slope and curvature of the settlement {per}", data.part)
    )
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
    x = chord.chainage / 1e3
    axes.vlines(x, -mdc, mdc, color=GRID, lw=0.7, rasterized=True, label="not detectable (1.96 σ)")
    axes.plot(
        x[seen], value[seen], ls="none", marker=".", ms=4, mew=0, color=SINKING, label="detected", rasterized=True
    )
    reach = max(float(np.nanquantile(mdc, 0.9)) * 1.6, float(np.quantile(np.abs(value[known]), 0.999)) * 1.15)
    axes.set_ylim(-reach, reach)
    wanted = "slope" if name == "slope" else "radius"
    for limit, meant in data.limits:
        level = limit.level()[0] * 1e3
        if limit.quantity == wanted and abs(meant - chord.chord) < 0.5 and level < reach:
            axes.axhline(level, color=SECOND, lw=0.8, ls="--")
            axes.axhline(-level, color=SECOND, lw=0.8, ls="--")
    axes.set_xlim(*(np.array(data.span) / 1e3 if data.span else (x[0], x[-1])))
    legend(axes, loc="upper right", ncols=2, bbox_to_anchor=(1.0, 1.22), markerscale=2)
    worst = int(np.nanargmax(np.abs(value)))
    result |= {
        "n": int(known.sum()),
        "n_detected": int(seen.sum()),
        "largest": number(value[worst]),
        "largest_at_km": number(chord.chainage[worst] / 1e3),
    }
    if name == "curvature":
        result["smallest_radius_km"] = number(float(radius_of(chord.value[worst : worst + 1], years)[0]) / 1e3)
    return result


def density_figure(
    along: DensityAlong,
    coverage: Coverage,
    *,
    prefix: str = "DK",
    span: tuple[float, float] | None = None,
    part: str = "",
) -> FigureResult:
    """Draw the density of points along the line by class, and the stretches without points.

    Parameters
    ----------
    along : DensityAlong
        By stretch and class.
    coverage : Coverage
        Gaps and totals.
    prefix : str
        Of the chainage.
    span : tuple of float, optional
        Chainages between which to draw, m; None is the whole line.
    part : str
        Which part of the line that is, in words for the title.

    Returns
    -------
    FigureResult
        Points per km2.
    """
    figure = new_figure(_WIDTH, 4.4, titled("Density of points along the line", part))
    axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    edges = along.edges / 1e3
    base = np.zeros(len(edges) - 1)
    for k, (name, values) in enumerate(along.per_km2.items()):
        colour = CATEGORIES[k % len(CATEGORIES)]
        axes.stairs(base + values, edges, baseline=base, fill=True, color=colour, alpha=0.85, label=name)
        base = base + values
    dress(axes, ylabel="points per km²", title=f"by {along.by}")
    if along.per_km2:
        legend(axes, loc="lower right", ncols=min(len(along.per_km2), 6), bbox_to_anchor=(1.0, 0.98))
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
    strip.set_xlim(*(np.array(span) / 1e3 if span else (edges[0], edges[-1])))
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
        Chainages between which to draw, m.
    prefix : str
        Of the chainage.
    part : str
        Which part of the line that is, in words for the title.
    blind_joints : sequence of ndarray of float64
        Of each limit, chainages of the joints of structures at which it cannot be checked, m.
    """

    chainage: Sequence[FloatArray]
    limits: Sequence[Limit]
    exceedance: Sequence[Exceedance]
    horizon: float
    observed: float
    span: tuple[float, float]
    prefix: str = "DK"
    part: str = ""
    blind_joints: Sequence[FloatArray] = ()


def limits_figure(data: LimitsFigureInput) -> FigureResult:
    """Draw when limits are reached along the line.

    Above: a strip a limit, coloured by the median year in which it is reached. Below: median and 5 to 95 % of the limit
    on settlement that is likely exceeded over the greatest length.

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
    numbers: dict[str, Any] = {"horizon_years": number(data.horizon), "limits": []}
    title = titled("Years until limits are reached, motion continuing", data.part)
    figure = new_figure(_WIDTH, 4.2 + 0.47 * len(timed), title)
    if not timed:
        say(figure.add_subplot(), "no limit on settlement, difference, slope or radius was given")
        return FigureResult(figure, numbers)
    strips, below = figure.subplots(2, 1, sharex=True, height_ratios=[0.47 * len(timed) + 0.2, 2.6])
    _limit_strips(strips, data, timed)
    likely = {k: int(np.count_nonzero(data.exceedance[k].probability_horizon > 0.5)) for k in timed}
    settling = [k for k in timed if data.limits[k].quantity == "settlement"] or timed
    _limit_band(below, data, max(settling, key=lambda k: likely[k]))
    for k in timed:
        years = data.exceedance[k].years_median
        finite = years[np.isfinite(years)]
        numbers["limits"].append(
            {
                "name": data.limits[k].name,
                "n": int(np.count_nonzero(np.isfinite(data.exceedance[k].probability_horizon))),
                "n_likely_by_horizon": likely[k],
                "earliest_median_years": number(finite.min()) if len(finite) else None,
            }
        )
    return FigureResult(figure, numbers)


def _limit_words(limit: Limit) -> str:
    sign = "≥" if limit.quantity == "radius" else "≤"
    unit = "" if limit.unit == "1" else f" {limit.unit}"
    mark = "" if limit.is_verified else " *"
    value = f"{limit.value:,.0f}" if limit.value >= 1000 else f"{limit.value:.3g}"
    return f"{limit.quantity} {sign} {value}{unit}{mark}: {limit.name}"


def _lines(words: str, width: int) -> str:
    """Words in three lines at most; dots say that there are more."""
    return "\n".join(wrap(words, width, max_lines=3, placeholder=" …"))


def _limit_strips(axes: Axes, data: LimitsFigureInput, timed: Sequence[int]) -> None:
    """Soonest median of each limit in columns of the line; grey is later than the scale, white unknown or not meant."""
    n = _n_columns(data)
    edges = np.linspace(data.span[0], data.span[1], n + 1)
    soonest = np.full((len(timed), n), np.nan)
    for row, k in enumerate(timed):
        years = data.exceedance[k].years_median
        s = data.chainage[k]
        known = np.isfinite(data.exceedance[k].probability_horizon) & (s >= edges[0]) & (s <= edges[-1])
        column = np.clip(np.searchsorted(edges, data.chainage[k][known], side="right") - 1, 0, n - 1)
        found = np.full(n, np.inf)
        np.minimum.at(found, column, np.where(np.isnan(years[known]), np.inf, years[known]))
        here = np.bincount(column, minlength=n) > 0
        soonest[row, here] = found[here]
    scale = BoundaryNorm([0, data.observed, *(data.observed + data.horizon * np.array([0.25, 0.5, 1, 2]))], 256)
    colours = SPREAD.reversed().with_extremes(over=GRID, bad="white")
    picture = axes.pcolormesh(
        edges / 1e3, np.arange(len(timed) + 1), soonest, cmap=colours, norm=scale, rasterized=True
    )
    for row, k in enumerate(timed):
        joints = data.blind_joints[k] / 1e3 if data.blind_joints else np.zeros(0)
        axes.plot(joints, np.full(len(joints), row + 0.5), ls="none", marker="x", ms=4, mew=0.9, color=MUTED)
    axes.set_xlim(edges[0] / 1e3, edges[-1] / 1e3)
    axes.set_yticks(np.arange(len(timed)) + 0.5, [_lines(_limit_words(data.limits[k]), 38) for k in timed])
    axes.set_ylim(len(timed), 0)
    dress(
        axes,
        title="Soonest median (white: not meant, no points, not checkable;\n×: joint not checkable; * not verified)",
        grid=False,
    )
    axes.tick_params(axis="y", labelsize=8, length=0)
    bar = axes.figure.colorbar(picture, ax=axes, pad=0.015, aspect=18, extend="max", format="%.0f")
    bar.set_label("years from the\nfirst common date", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)


def _n_columns(data: LimitsFigureInput) -> int:
    """Columns no narrower than places are apart, so that no stripes come of bins."""
    apart = [float(np.median(np.diff(s))) for s in data.chainage if len(s) > _FEW_PLACES]
    return int(np.clip((data.span[1] - data.span[0]) / (1.05 * max(apart, default=1.0)), 20, 500))


def _limit_band(axes: Axes, data: LimitsFigureInput, k: int) -> None:
    found, x = data.exceedance[k], data.chainage[k] / 1e3
    ceiling = data.observed + 2.0 * data.horizon
    known = np.isfinite(found.probability_horizon) & (found.years_05 < ceiling)
    high = np.minimum(found.years_95, ceiling)
    axes.vlines(x[known], found.years_05[known], high[known], color=NO_DATA, lw=0.8, rasterized=True, label="5 to 95 %")
    shown = known & (found.years_median < ceiling)
    axes.plot(x[shown], found.years_median[shown], ls="none", marker=".", ms=3, color=SINKING, label="median")
    axes.axhline(data.horizon, color=SECOND, lw=0.9, ls="--", label="horizon")
    axes.axhspan(0, data.observed, color=ACCENT, alpha=0.10, lw=0, label="observed")
    axes.set_ylim(0, ceiling)
    axes.set_xlim(data.span[0] / 1e3, data.span[1] / 1e3)
    dress(axes, title=_lines(_limit_words(data.limits[k]), 80), xlabel=f"chainage, km ({data.prefix})", ylabel="years")
    legend(axes, loc="lower right", ncols=4, bbox_to_anchor=(1.0, 1.06), markerscale=2)
