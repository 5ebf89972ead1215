"""Figures of what the series are freed from and relative to: the planes removed, the reference areas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.conventions import MM_PER_M
from subside.figures.maps import PointPositions, Scale, draw_points, map_figure_size
from subside.figures.style import (
    ACCENT,
    INK,
    LOS_NOTE,
    MOTION,
    MUTED,
    NORMAL_95,
    SECOND,
    SINKING,
    FigureResult,
    date_axis,
    dress,
    legend,
    motion_norm,
    new_figure,
    number,
    numbers_of,
    say,
    symmetric_limit,
    tidy_dates,
)


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
