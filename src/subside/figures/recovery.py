"""Figure of a simulated scene: what was recovered against what is true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.conventions import MM_PER_M
from subside.figures.style import (
    CATEGORIES,
    INK,
    LOS_NOTE,
    NORMAL_95,
    FigureResult,
    dress,
    new_figure,
    number,
    say,
)

DRAWN_POINTS = 8_000
"""Points drawn in a panel; numbers use all."""


@dataclass(frozen=True)
class RecoveryFigureInput:
    """Estimated and true velocities of points.

    Attributes
    ----------
    strata : sequence of str
        Names of the strata.
    stratum : ndarray of int, (point,)
        Index into ``strata``.
    estimated, truth : ndarray, (point,)
        m/yr, positive toward the satellite, in the same datum; NaN is unknown.
    estimated_std : ndarray, (point,), or None
        σ of the estimate, m/yr.
    """

    strata: tuple[str, ...]
    stratum: npt.NDArray[np.integer[Any]]
    estimated: npt.NDArray[np.floating]
    truth: npt.NDArray[np.floating]
    estimated_std: npt.NDArray[np.floating] | None = None


def recovery_figure(data: RecoveryFigureInput) -> FigureResult:
    """Draw estimated against true velocity, a panel a stratum.

    Parameters
    ----------
    data : RecoveryFigureInput
        Velocities.

    Returns
    -------
    FigureResult
        Numbers: a row a stratum with count, bias, rms error (mm/yr) and the share of 95 % intervals that hold
        the truth.
    """
    estimated = np.asarray(data.estimated, np.float64) * MM_PER_M
    truth = np.asarray(data.truth, np.float64) * MM_PER_M
    spread = (
        np.full(len(truth), np.nan)
        if data.estimated_std is None
        else np.asarray(data.estimated_std, np.float64) * MM_PER_M
    )
    is_known = np.isfinite(estimated) & np.isfinite(truth)
    n = max(len(data.strata), 1)
    n_columns = min(n, 3)
    n_rows = math.ceil(n / n_columns)
    figure = new_figure(3.7 * n_columns + 0.4, 3.7 * n_rows + 0.7, "Recovered against true velocity")
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    reach = _reach(estimated[is_known], truth[is_known])
    rows = []
    for index, axes in enumerate(panels.ravel()):
        if index >= len(data.strata):
            axes.set_visible(index == 0)
            continue
        chosen = np.flatnonzero(is_known & (np.asarray(data.stratum) == index))
        row = _score(estimated[chosen], truth[chosen], spread[chosen])
        rows.append({"stratum": data.strata[index], **row})
        is_left = index % n_columns == 0
        dress(
            axes,
            title=f"{data.strata[index]}: {len(chosen):,} points",
            xlabel=f"true (mm/yr, {LOS_NOTE})" if index + n_columns >= n else "",
            ylabel="recovered (mm/yr)" if is_left else "",
        )
        axes.xaxis.set_tick_params(labelbottom=index + n_columns >= n)
        axes.set_aspect("equal", adjustable="box")
        axes.set_xlim(reach)
        axes.set_ylim(reach)
        if not len(chosen):
            axes.text(0.5, 0.5, "no point", transform=axes.transAxes, ha="center", fontsize=9, color=INK)
            continue
        drawn = chosen[:: max(len(chosen) // DRAWN_POINTS, 1)]
        colour = CATEGORIES[index % len(CATEGORIES)]
        axes.scatter(truth[drawn], estimated[drawn], s=5, color=colour, alpha=0.35, linewidths=0, rasterized=True)
        axes.plot(reach, reach, color=INK, lw=0.8)
        axes.text(0.03, 0.97, _words(row), transform=axes.transAxes, va="top", fontsize=8, color=INK)
    if not data.strata:
        say(panels[0, 0], "no stratum")
    return FigureResult(figure, {"unit": "mm/yr", "strata": rows})


def _reach(estimated: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> tuple[float, float]:
    if not len(truth):
        return -1.0, 1.0
    low = min(float(truth.min()), float(np.quantile(estimated, 0.002)))
    high = max(float(truth.max()), float(np.quantile(estimated, 0.998)))
    margin = 0.06 * max(high - low, 1.0)
    return low - margin, high + margin


def _score(
    estimated: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], spread: npt.NDArray[np.float64]
) -> dict[str, Any]:
    error = estimated - truth
    has_spread = np.isfinite(spread)
    inside = np.abs(error[has_spread]) <= NORMAL_95 * spread[has_spread]
    return {
        "n_points": len(error),
        "bias": number(error.mean()) if len(error) else None,
        "rmse": number(np.sqrt(np.mean(error**2))) if len(error) else None,
        "coverage_95": number(inside.mean()) if len(inside) else None,
    }


def _words(row: dict[str, Any]) -> str:
    lines = [f"bias {row['bias']:+.2f} mm/yr", f"rms {row['rmse']:.2f} mm/yr"]
    if row["coverage_95"] is not None:
        lines.append(f"95 % holds {100 * row['coverage_95']:.0f} %")
    return "\n".join(lines)
