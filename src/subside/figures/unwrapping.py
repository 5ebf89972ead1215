"""Figure of the unwrapping: what closes, what does not, and one pair before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize

from subside.figures.maps import PointPositions, Scale, draw_points, map_figure_size
from subside.figures.style import (
    ACCENT,
    MOTION,
    PHASE,
    SPREAD,
    FigureResult,
    dress,
    motion_norm,
    new_figure,
    number,
    numbers_of,
    say,
    summary,
    symmetric_limit,
)


@dataclass(frozen=True)
class UnwrappingFigureInput:
    """Unwrapped phase and its closure.

    Attributes
    ----------
    positions : PointPositions
        Points.
    n_open_loops : ndarray, (point,)
        Loops of interferograms whose integers do not close at the point; NaN is unknown.
    pair_error_share : ndarray, (pair,)
        Share of points of each pair that take part in an open loop, 0 to 1; NaN is unknown.
    pair_title : str
        Dates of the example pair.
    wrapped, unwrapped : ndarray, (point,)
        Phase of the example pair, rad; NaN is unknown.
    """

    positions: PointPositions
    n_open_loops: npt.NDArray[np.floating]
    pair_error_share: npt.NDArray[np.floating]
    pair_title: str
    wrapped: npt.NDArray[np.floating]
    unwrapped: npt.NDArray[np.floating]


def unwrapping_figure(data: UnwrappingFigureInput) -> FigureResult:
    """Draw an example pair wrapped and unwrapped, the open loops a point, and the errors a pair.

    Parameters
    ----------
    data : UnwrappingFigureInput
        Phases and closure.

    Returns
    -------
    FigureResult
        Numbers: share of points with an open loop, errors a pair, quantiles of the example.
    """
    loops = np.asarray(data.n_open_loops, np.float64)
    shares = np.asarray(data.pair_error_share, np.float64)
    height = 2.0 * map_figure_size(data.positions, width=4.2) + 1.4
    figure = new_figure(11.0, float(np.clip(height, 6.5, 12.0)), "Unwrapping")
    axes = figure.subplots(2, 2)
    unwrapped = np.asarray(data.unwrapped, np.float64)
    centred = unwrapped - (np.nanmedian(unwrapped) if np.isfinite(unwrapped).any() else 0.0)
    wrapped_scale = Scale(PHASE, Normalize(-math.pi, math.pi), "wrapped phase (rad)", is_cyclic=True)
    draw_points(axes[0, 0], data.positions, data.wrapped, scale=wrapped_scale, title=f"{data.pair_title}, wrapped")
    # A positive pair phase is motion away from the satellite, so the scale of motion is turned round.
    phase_scale = Scale(
        MOTION.reversed(),
        motion_norm(symmetric_limit(centred)),
        "phase less its median (rad), + away",
    )
    draw_points(axes[0, 1], data.positions, centred, scale=phase_scale, title="unwrapped")
    known = loops[np.isfinite(loops)]
    open_share = float((known > 0).mean()) if known.size else None
    title = "open loops" if open_share is None else f"open loops: {100 * open_share:.2f} % of points"
    top = max(float(np.quantile(known, 0.999)), 1.0) if known.size else 1.0
    draw_points(
        axes[1, 0],
        data.positions,
        loops,
        scale=Scale(SPREAD, Normalize(0, top), "loops that do not close"),
        title=title,
    )
    panel = axes[1, 1]
    dress(panel, title="by pair", xlabel="interferogram, sorted", ylabel="points in an open loop (%)")
    if np.isfinite(shares).any():
        ordered = np.sort(shares[np.isfinite(shares)])[::-1] * 100.0
        panel.bar(np.arange(len(ordered)), ordered, width=1.0, color=ACCENT)
        panel.set_xlim(-0.5, len(ordered) - 0.5)
    else:
        say(panel, "closure by pair is unknown")
    numbers = {
        "share_of_points_open": number(open_share),
        "n_open_loops": summary(loops),
        "pair_error_share": numbers_of(shares),
        "example_pair": data.pair_title,
        "example_unwrapped_rad": summary(unwrapped),
    }
    return FigureResult(figure, numbers)
