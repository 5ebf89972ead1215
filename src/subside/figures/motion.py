"""Figures of what is measured: series, and velocities with what they are worth."""

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
    LOS_NOTE,
    MOTION,
    MUTED,
    NORMAL_95,
    QUALITY,
    SECOND,
    SPREAD,
    FigureResult,
    date_axis,
    dress,
    histogram,
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


@dataclass(frozen=True)
class _DefaultSet:
    """Points without flags, their values in the unit shown, and how many points were left out."""

    positions: PointPositions
    values: npt.NDArray[np.float64]
    n_flagged: int

    @property
    def words(self) -> str:
        """Points shown and not shown."""
        text = f"{int(np.isfinite(self.values).sum()):,} points"
        return text + (f" ({self.n_flagged:,} flagged ones not shown)" if self.n_flagged else "")


def _default_set(data: VelocityFigureInput | PointValueFigureInput, unit: float = 1.0) -> _DefaultSet:
    values = np.asarray(data.velocity if isinstance(data, VelocityFigureInput) else data.values, np.float64) * unit
    if data.flags is None:
        return _DefaultSet(data.positions, values, 0)
    keep = np.asarray(data.flags) == 0
    return _DefaultSet(data.positions.subset(keep), values[keep], int(np.count_nonzero(~keep)))


def _map_and_histogram(shown: _DefaultSet, *, scale: Scale, title: str) -> tuple[Figure, Axes, dict[str, Any]]:
    """A map beside the distribution of its values, coloured alike."""
    figure = new_figure(11.0, max(map_figure_size(shown.positions, width=6.4) + 0.8, 4.2), title)
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1.0])
    draw_points(left, shown.positions, shown.values, scale=scale, title=shown.words)
    dress(right, title="distribution", xlabel=scale.label, ylabel="points")
    edges = np.linspace(float(scale.norm.vmin or 0.0), float(scale.norm.vmax or 1.0), 61)
    counts, as_json = histogram(shown.values, edges)
    middles = 0.5 * (edges[:-1] + edges[1:])
    right.bar(middles, counts, width=np.diff(edges), color=scale.colours(scale.norm(middles)))
    right.set_xlim(edges[0], edges[-1])
    return figure, right, as_json


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
    shown = _default_set(data, MM_PER_M)
    velocity = shown.values
    limit = symmetric_limit(velocity) if data.limit is None else data.limit * MM_PER_M
    scale = Scale(MOTION, motion_norm(limit), f"LOS velocity (mm/yr), ±{limit:g}, {LOS_NOTE}")
    figure, axes, as_json = _map_and_histogram(shown, scale=scale, title="Line-of-sight velocity")
    axes.axvline(0.0, color=MUTED, lw=0.8)
    axes.set_xlabel("mm/yr", fontsize=8.5)
    is_known = np.isfinite(velocity)
    beyond = int(np.count_nonzero(np.abs(velocity[is_known]) > limit))
    numbers = {
        "unit": f"mm/yr, {LOS_NOTE}",
        "limit": number(limit),
        "n_beyond_limit": beyond,
        "n_flagged": shown.n_flagged,
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
    shown = _default_set(data, MM_PER_M)
    scale = Scale(SPREAD, robust_norm(shown.values, low=0.0), "σ of the velocity (mm/yr)")
    figure, _, as_json = _map_and_histogram(shown, scale=scale, title="σ of the velocity")
    numbers = {
        "unit": "mm/yr",
        "n_flagged": shown.n_flagged,
        "velocity_std": summary(shown.values),
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
    shown = _default_set(data)
    scale = Scale(QUALITY, Normalize(0.0, 1.0), "temporal coherence γ")
    figure, _, as_json = _map_and_histogram(shown, scale=scale, title="Temporal coherence")
    numbers = {"n_flagged": shown.n_flagged, "temporal_coherence": summary(shown.values), "histogram": as_json}
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
    shown = _default_set(data)
    limit = symmetric_limit(shown.values)
    scale = Scale(MOTION, motion_norm(limit), f"height error (m), ±{limit:g}, + above the DEM")
    figure, axes, as_json = _map_and_histogram(shown, scale=scale, title="Height error of the DEM")
    axes.set_xlabel("m", fontsize=8.5)
    numbers = {
        "unit": "m, + above the DEM",
        "limit": number(limit),
        "n_flagged": shown.n_flagged,
        "dem_error": summary(shown.values),
        "histogram": as_json,
    }
    return FigureResult(figure, numbers)
