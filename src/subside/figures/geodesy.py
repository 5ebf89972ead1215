"""Figure of points against GNSS or levelling, line of sight, mm/yr."""

from __future__ import annotations

import numpy as np

from subside.conventions import MM_PER_M
from subside.figures.style import (
    ACCENT,
    INK,
    LOS_NOTE,
    MUTED,
    NORMAL_95,
    FigureResult,
    dress,
    legend,
    new_figure,
    number,
    numbers_of,
)
from subside.ops.geodesy import GroundComparison

_KILOMETRE = 1000.0


def ground_figure(comparison: GroundComparison, *, name: str, kind: str, sign: str = LOS_NOTE) -> FigureResult:
    """Draw rates of points against those of stations, and their differences against distance.

    Parameters
    ----------
    comparison : GroundComparison
        Double differences.
    name : str
        Name of the track.
    kind : str
        ``GNSS`` or ``levelling``.
    sign : str
        Sign of the rates, in words.

    Returns
    -------
    FigureResult
        Numbers: rates and differences by station, mm/yr, and their statistics.
    """
    c = comparison
    ground, points, difference, bar = (v * MM_PER_M for v in (c.ground, c.points, c.difference, NORMAL_95 * c.std))
    figure = new_figure(10.0, 4.5, f"{name} against {kind}, relative to {c.reference} (mm/yr, {sign})")
    left, right = figure.subplots(1, 2)
    dress(left, title="a  rates relative to the reference", xlabel=f"{kind} (mm/yr)", ylabel=f"{name} (mm/yr)")
    ends = np.array([min(ground.min(), points.min()), max(ground.max(), points.max())])
    ends = ends + np.array([-1, 1]) * max(0.1 * float(np.ptp(ends)), 0.5)
    left.plot(ends, ends, color=MUTED, ls="--", lw=1.0, label="1 : 1")
    left.errorbar(ground, points, yerr=bar, fmt="o", ms=4, color=ACCENT, ecolor=ACCENT, elinewidth=0.8, label="95 %")
    left.set_xlim(ends)
    words = [f"MAE {c.mae * MM_PER_M:.2f} mm/yr", f"RMSE {c.rmse * MM_PER_M:.2f} mm/yr", f"rms z {c.z_rms:.2f}"]
    if np.isfinite(c.pearson):
        words.append(f"R {c.pearson:.2f}")
    left.text(0.03, 0.97, "\n".join(words), transform=left.transAxes, va="top", fontsize=8, color=INK)
    legend(left, loc="lower right")
    dress(
        right, title="b  difference by distance", xlabel="distance to the reference (km)", ylabel="difference (mm/yr)"
    )
    right.axhline(0.0, color=MUTED, lw=1.0)
    right.errorbar(c.distance / _KILOMETRE, difference, yerr=bar, fmt="o", ms=4, color=ACCENT, elinewidth=0.8)
    if len(c.names) <= 25:
        for station, x, y in zip(c.names, c.distance / _KILOMETRE, difference, strict=True):
            right.annotate(station, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7, color=INK)
    return FigureResult(
        figure,
        {
            "unit": "mm/yr",
            "reference": c.reference,
            "stations": list(c.names),
            "distance_m": numbers_of(c.distance),
            "ground": numbers_of(ground),
            "points": numbers_of(points),
            "difference": numbers_of(difference),
            "mae": number(c.mae * MM_PER_M),
            "rmse": number(c.rmse * MM_PER_M),
            "pearson": number(c.pearson),
            "z_rms": number(c.z_rms),
        },
    )
