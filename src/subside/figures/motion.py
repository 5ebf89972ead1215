"""Figures of what is measured: series, velocities and their quality, the reference areas and the terms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from subside.conventions import MM_PER_M
from subside.figures.maps import PointPositions, Scale, draw_points, map_figure_size
from subside.figures.style import (
    ACCENT,
    INK,
    LOS_NOTE,
    MOTION,
    MUTED,
    QUALITY,
    SECOND,
    SINKING,
    SPREAD,
    FigureResult,
    date_axis,
    dress,
    histogram,
    legend,
    motion_norm,
    new_figure,
    number,
    numbers_of,
    robust_norm,
    say,
    summary,
    symmetric_limit,
    tidy_dates,
)

NORMAL_95 = 1.959964
"""Half-width of a 95 % interval of a normal distribution, in standard deviations."""

MAX_SERIES = 12
"""Series drawn in one figure."""


@dataclass(frozen=True)
class SeriesFigureInput:
    """Displacement series of a few points.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    names : sequence of str, (point,)
        Title of each series.
    displacement : ndarray, (point, date)
        m, positive toward the satellite; NaN is unknown.
    displacement_std : ndarray, (point, date), or None
        m; NaN or None is unknown.
    model : ndarray, (point, date), or None
        Fitted motion, m.
    """

    dates: tuple[str, ...]
    names: tuple[str, ...]
    displacement: npt.NDArray[np.floating]
    displacement_std: npt.NDArray[np.floating] | None = None
    model: npt.NDArray[np.floating] | None = None


@dataclass(frozen=True)
class VelocityFigureInput:
    """Mean velocities.

    Attributes
    ----------
    positions : PointPositions
        Points.
    velocity : ndarray, (point,)
        m/yr, positive toward the satellite; NaN is unknown.
    flags : ndarray of int, (point,), or None
        Quality bits; points with any are left out.
    limit : float or None
        Half-range of the colour scale, m/yr, to share it between maps; None fits this one.
    """

    positions: PointPositions
    velocity: npt.NDArray[np.floating]
    flags: npt.NDArray[np.integer[Any]] | None = None
    limit: float | None = None


@dataclass(frozen=True)
class PointValueFigureInput:
    """One value a point: σ of the velocity (m/yr), temporal coherence, or height error (m).

    Attributes
    ----------
    positions : PointPositions
        Points.
    values : ndarray, (point,)
        SI; NaN is unknown.
    flags : ndarray of int, (point,), or None
        Quality bits; points with any are left out.
    """

    positions: PointPositions
    values: npt.NDArray[np.floating]
    flags: npt.NDArray[np.integer[Any]] | None = None


@dataclass(frozen=True)
class RampsFigureInput:
    """Plane removed at each date.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    along_azimuth, along_range : ndarray, (date,)
        Slope of the removed plane in metres of displacement a metre of ground; NaN is unknown.
    """

    dates: tuple[str, ...]
    along_azimuth: npt.NDArray[np.floating]
    along_range: npt.NDArray[np.floating]


@dataclass(frozen=True)
class ReferenceArea:
    """One reference area and how it agrees with the others.

    Attributes
    ----------
    name : str
        Name.
    across, along : float
        Centre in the coordinates of the map: longitude and latitude, or range and azimuth.
    n_points : int
        Points in it.
    residual, residual_std : float
        Rate against the other areas and its σ, m/yr; NaN is unknown.
    change_without : float
        Median change of all rates if it were left out, m/yr; NaN is unknown.
    is_rejected : bool
        Whether it was found to move.
    """

    name: str
    across: float
    along: float
    n_points: int
    residual: float
    residual_std: float
    change_without: float
    is_rejected: bool


@dataclass(frozen=True)
class ReferenceFigureInput:
    """Reference areas on the velocities.

    Attributes
    ----------
    positions : PointPositions
        Points.
    velocity : ndarray, (point,)
        m/yr, positive toward the satellite; NaN is unknown.
    areas : sequence of ReferenceArea
        Areas found or given.
    """

    positions: PointPositions
    velocity: npt.NDArray[np.floating]
    areas: tuple[ReferenceArea, ...]


def series_figure(data: SeriesFigureInput) -> FigureResult:
    """Draw displacement series with 95 % bands on one scale.

    Parameters
    ----------
    data : SeriesFigureInput
        Series; the first :data:`MAX_SERIES` are drawn.

    Returns
    -------
    FigureResult
        Numbers: the series, their σ and the fitted motion in mm.
    """
    n = min(len(data.names), MAX_SERIES)
    n_columns = min(max(n, 1), 2)
    n_rows = max(math.ceil(n / n_columns), 1)
    figure = new_figure(5.4 * n_columns + 0.6, 1.75 * n_rows + 1.1, f"Displacement along the line of sight, {LOS_NOTE}")
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    when = date_axis(data.dates)
    series = np.asarray(data.displacement, np.float64) * MM_PER_M
    spread = None if data.displacement_std is None else np.asarray(data.displacement_std, np.float64) * MM_PER_M
    model = None if data.model is None else np.asarray(data.model, np.float64) * MM_PER_M
    for index, axes in enumerate(panels.ravel()):
        if index >= n:
            axes.set_visible(False)
            continue
        dress(axes, title=data.names[index], ylabel="mm" if index % n_columns == 0 else "")
        axes.axhline(0.0, color=MUTED, lw=0.7)
        if spread is not None:
            low, high = (series[index] + sign * NORMAL_95 * spread[index] for sign in (-1, 1))
            axes.fill_between(when, low, high, color=ACCENT, alpha=0.2, linewidth=0, label="95 % (±1.96 σ)")
        axes.plot(when, series[index], color=ACCENT, lw=0.8, marker="o", ms=2.6, label="measured")
        if model is not None:
            axes.plot(when, model[index], color=SECOND, lw=1.4, label="fitted")
        tidy_dates(axes)
        axes.xaxis.set_tick_params(labelbottom=index + n_columns >= n)
    if n:
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=3, fontsize=8, frameon=False)
    else:
        panels[0, 0].set_visible(True)
        say(panels[0, 0], "no point to draw")
    numbers = {
        "dates": list(data.dates),
        "unit": f"mm, {LOS_NOTE}",
        "series": [
            {
                "name": name,
                "displacement": numbers_of(series[k]),
                "displacement_std": None if spread is None else numbers_of(spread[k]),
                "model": None if model is None else numbers_of(model[k]),
            }
            for k, name in enumerate(data.names)
        ],
    }
    return FigureResult(figure, numbers)


def _default_set(
    positions: PointPositions, values: npt.NDArray[np.floating], flags: npt.NDArray[np.integer[Any]] | None
) -> tuple[PointPositions, npt.NDArray[np.float64], int]:
    """Points without flags, and how many were left out."""
    known = np.asarray(values, np.float64)
    if flags is None:
        return positions, known, 0
    keep = np.asarray(flags) == 0
    return positions.subset(keep), known[keep], int(np.count_nonzero(~keep))


def _map_and_histogram(
    positions: PointPositions, values: npt.NDArray[np.float64], *, scale: Scale, title: str, subtitle: str
) -> tuple[Figure, Axes, dict[str, Any]]:
    """A map beside the distribution of its values, coloured alike."""
    figure = new_figure(11.0, max(map_figure_size(positions, width=6.4) + 0.8, 4.2), title)
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1.0])
    draw_points(left, positions, values, scale=scale, title=subtitle)
    dress(right, title="distribution", xlabel=scale.label, ylabel="points")
    edges = np.linspace(float(scale.norm.vmin or 0.0), float(scale.norm.vmax or 1.0), 61)
    counts, as_json = histogram(values, edges)
    middles = 0.5 * (edges[:-1] + edges[1:])
    right.bar(middles, counts, width=np.diff(edges), color=scale.colours(scale.norm(middles)))
    right.set_xlim(edges[0], edges[-1])
    return figure, right, as_json


def _counted(values: npt.NDArray[np.float64], n_flagged: int) -> str:
    text = f"{int(np.isfinite(values).sum()):,} points"
    return text + (f" ({n_flagged:,} flagged ones not shown)" if n_flagged else "")


def velocity_figure(data: VelocityFigureInput) -> FigureResult:
    """Draw line-of-sight velocities on a symmetric scale, red for sinking.

    Parameters
    ----------
    data : VelocityFigureInput
        Velocities.

    Returns
    -------
    FigureResult
        Numbers in mm/yr: limit of the scale, quantiles, histogram.
    """
    positions, values, n_flagged = _default_set(data.positions, data.velocity, data.flags)
    velocity = values * MM_PER_M
    limit = symmetric_limit(velocity) if data.limit is None else data.limit * MM_PER_M
    scale = Scale(MOTION, motion_norm(limit), f"LOS velocity (mm/yr), ±{limit:g}, {LOS_NOTE}")
    figure, axes, as_json = _map_and_histogram(
        positions,
        velocity,
        scale=scale,
        title="Line-of-sight velocity",
        subtitle=_counted(velocity, n_flagged),
    )
    axes.axvline(0.0, color=MUTED, lw=0.8)
    axes.set_xlabel("mm/yr", fontsize=8.5)
    is_known = np.isfinite(velocity)
    beyond = int(np.count_nonzero(np.abs(velocity[is_known]) > limit))
    numbers = {
        "unit": f"mm/yr, {LOS_NOTE}",
        "limit": number(limit),
        "n_beyond_limit": beyond,
        "n_flagged": n_flagged,
        "velocity": summary(velocity),
        "histogram": as_json,
    }
    return FigureResult(figure, numbers)


def velocity_std_figure(data: PointValueFigureInput) -> FigureResult:
    """Draw the σ of the velocity.

    Parameters
    ----------
    data : PointValueFigureInput
        σ, m/yr.

    Returns
    -------
    FigureResult
        Numbers in mm/yr.
    """
    positions, values, n_flagged = _default_set(data.positions, data.values, data.flags)
    spread = values * MM_PER_M
    scale = Scale(SPREAD, robust_norm(spread, low=0.0), "σ of the velocity (mm/yr)")
    figure, _, as_json = _map_and_histogram(
        positions, spread, scale=scale, title="σ of the velocity", subtitle=_counted(spread, n_flagged)
    )
    numbers = {
        "unit": "mm/yr",
        "n_flagged": n_flagged,
        "velocity_std": summary(spread),
        "histogram": as_json,
    }
    return FigureResult(figure, numbers)


def quality_figure(data: PointValueFigureInput) -> FigureResult:
    """Draw the temporal coherence.

    Parameters
    ----------
    data : PointValueFigureInput
        Temporal coherence, 0 to 1.

    Returns
    -------
    FigureResult
        Numbers: quantiles and histogram.
    """
    positions, values, n_flagged = _default_set(data.positions, data.values, data.flags)
    scale = Scale(QUALITY, Normalize(0.0, 1.0), "temporal coherence γ")
    figure, _, as_json = _map_and_histogram(
        positions, values, scale=scale, title="Temporal coherence", subtitle=_counted(values, n_flagged)
    )
    numbers = {"n_flagged": n_flagged, "temporal_coherence": summary(values), "histogram": as_json}
    return FigureResult(figure, numbers)


def dem_error_figure(data: PointValueFigureInput) -> FigureResult:
    """Draw the height of the scatterers above the DEM.

    Parameters
    ----------
    data : PointValueFigureInput
        Height error, m.

    Returns
    -------
    FigureResult
        Numbers: quantiles and histogram, m.
    """
    positions, values, n_flagged = _default_set(data.positions, data.values, data.flags)
    limit = symmetric_limit(values)
    scale = Scale(MOTION, motion_norm(limit), f"height error (m), ±{limit:g}, + above the DEM")
    figure, axes, as_json = _map_and_histogram(
        positions, values, scale=scale, title="Height error of the DEM", subtitle=_counted(values, n_flagged)
    )
    axes.set_xlabel("m", fontsize=8.5)
    numbers = {
        "unit": "m, + above the DEM",
        "limit": number(limit),
        "n_flagged": n_flagged,
        "dem_error": summary(values),
        "histogram": as_json,
    }
    return FigureResult(figure, numbers)


def ramps_figure(data: RampsFigureInput) -> FigureResult:
    """Draw the slope of the plane removed at each date.

    Parameters
    ----------
    data : RampsFigureInput
        Slopes.

    Returns
    -------
    FigureResult
        Numbers in mm/km by date.
    """
    when = date_axis(data.dates)
    slopes = {
        "along azimuth": np.asarray(data.along_azimuth, np.float64) * 1e6,
        "along range": np.asarray(data.along_range, np.float64) * 1e6,
    }
    figure = new_figure(9.0, 3.8, "Planes removed")
    axes = figure.add_subplot()
    dress(axes, ylabel=f"slope (mm/km), {LOS_NOTE}")
    axes.axhline(0.0, color=MUTED, lw=0.8)
    for (name, values), colour in zip(slopes.items(), (ACCENT, SECOND), strict=True):
        axes.plot(when, values, color=colour, lw=1.0, marker="o", ms=3.2, label=name)
    tidy_dates(axes)
    legend(axes, loc="best", ncols=2)
    numbers = {
        "unit": "mm/km",
        "dates": list(data.dates),
        **{name.replace(" ", "_"): numbers_of(values) for name, values in slopes.items()},
    }
    return FigureResult(figure, numbers)


def reference_figure(data: ReferenceFigureInput) -> FigureResult:
    """Draw the reference areas on the velocities, and how each agrees with the others.

    Parameters
    ----------
    data : ReferenceFigureInput
        Velocities and areas.

    Returns
    -------
    FigureResult
        Numbers: a row an area, mm/yr.
    """
    velocity = np.asarray(data.velocity, np.float64) * MM_PER_M
    limit = symmetric_limit(velocity)
    figure = new_figure(11.5, max(map_figure_size(data.positions, width=6.0) + 0.8, 4.4), "Reference areas")
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1.0])
    scale = Scale(MOTION, motion_norm(limit), f"LOS velocity (mm/yr), ±{limit:g}, {LOS_NOTE}")
    draw_points(left, data.positions, velocity, scale=scale, title="datum unknown: only relative motion is seen")
    dress(right, title="rate against the other areas", xlabel="mm/yr (bar: 95 %)")
    for row, area in enumerate(data.areas):
        colour = SINKING if area.is_rejected else INK
        marker = "X" if area.is_rejected else "s"
        left.plot(area.across, area.along, marker=marker, ms=9, mfc="white", mec=colour, mew=1.6, ls="none", zorder=5)
        left.annotate(
            area.name,
            (area.across, area.along),
            xytext=(7, 5),
            textcoords="offset points",
            fontsize=8,
            color=colour,
            fontweight="bold",
        )
        reach = NORMAL_95 * area.residual_std * MM_PER_M
        error = reach if math.isfinite(reach) else None
        right.errorbar(area.residual * MM_PER_M, row, xerr=error, fmt=marker, color=colour, ms=5, capsize=3, lw=1.2)
    right.axvline(0.0, color=MUTED, lw=0.8)
    right.set_yticks(
        range(len(data.areas)),
        [f"{a.name}{' (rejected)' if a.is_rejected else ''}\n{a.n_points:,} points" for a in data.areas],
    )
    if data.areas:
        right.set_ylim(len(data.areas) - 0.5, -0.5)
    else:
        say(right, "no reference area")
    numbers = {
        "unit": f"mm/yr, {LOS_NOTE}",
        "datum": "unknown",
        "areas": [
            {
                "name": a.name,
                "n_points": a.n_points,
                "residual": number(a.residual * MM_PER_M),
                "residual_std": number(a.residual_std * MM_PER_M),
                "change_without": number(a.change_without * MM_PER_M),
                "is_rejected": a.is_rejected,
            }
            for a in data.areas
        ],
    }
    return FigureResult(figure, numbers)
