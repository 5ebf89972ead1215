"""Figure 3: the rates of all tracks side by side on one scale, with the line and the boxes looked at in detail."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from subside.conventions import MM_PER_M
from subside.errors import ArgumentError
from subside.figures.geographic import (
    FloatArray,
    MapBox,
    MapShape,
    draw_boxes,
    draw_lines,
    extent_of,
    frame_geographic,
    north_arrow,
    scale_bar,
)
from subside.figures.maps import PointPositions, Scale, draw_points
from subside.figures.style import INK, LOS_NOTE, MOTION, FigureResult, motion_norm, new_figure, number, symmetric_limit
from subside.figures.style import summary as summary_of


@dataclass(frozen=True)
class TrackRates:
    """Rates of one track.

    Attributes
    ----------
    name : str
        Name of the track.
    longitude, latitude : ndarray of float64, (point,)
        Degree.
    velocity : ndarray of float64, (point,)
        m/yr, positive toward the satellite; NaN is not drawn.
    note : str
        Written behind the name: pass, incidence angle.
    """

    name: str
    longitude: FloatArray
    latitude: FloatArray
    velocity: FloatArray
    note: str = ""


@dataclass(frozen=True)
class TrackRatesInput:
    """Rates of the tracks and what is drawn over them.

    Attributes
    ----------
    tracks : tuple of TrackRates
        A panel each.
    lines : tuple of MapShape
        Railway and the like.
    boxes : tuple of MapBox
        Named rectangles looked at in detail elsewhere.
    limit_mm_yr : float or None
        Half-range of the one scale, mm/yr; None takes it from the rates.
    quantity : str
        What the rates are, with their sign.
    """

    tracks: tuple[TrackRates, ...]
    lines: tuple[MapShape, ...] = ()
    boxes: tuple[MapBox, ...] = ()
    limit_mm_yr: float | None = None
    quantity: str = field(default=f"line-of-sight rate (mm/yr), {LOS_NOTE}")


def track_rates_figure(data: TrackRatesInput) -> FigureResult:
    """Draw the rates of each track on the same extent and the same colour scale.

    Parameters
    ----------
    data : TrackRatesInput
        Rates.

    Returns
    -------
    FigureResult
        Numbers: the scale, and count and quantiles of the rates of each track, mm/yr.

    Raises
    ------
    ArgumentError
        If there is no track.
    """
    if not data.tracks:
        raise ArgumentError("`tracks` must hold at least one track, got none")
    rates = [np.asarray(t.velocity, np.float64) * MM_PER_M for t in data.tracks]
    limit = data.limit_mm_yr or symmetric_limit(np.concatenate(rates))
    scale = Scale(MOTION, motion_norm(limit), data.quantity)
    extent = extent_of([(t.longitude, t.latitude) for t in data.tracks], margin=0.03)
    n = len(data.tracks)
    is_wide = extent.ratio < 0.55
    shape = (n, 1) if is_wide else (1, n)
    width = 8.8 if is_wide else 4.9 * n + 0.6
    panel = (0.85 * width if is_wide else 4.2) * extent.ratio + 0.6
    figure = new_figure(width, float(np.clip(panel * shape[0] + 1.1, 4.0, 13.0)), "Rates of the tracks, one scale")
    panels = np.atleast_1d(figure.subplots(*shape, squeeze=True))
    drawn = None
    for k, (axes, track, values) in enumerate(zip(panels, data.tracks, rates, strict=True)):
        positions = PointPositions(
            np.zeros(len(values), np.int64), np.zeros(len(values), np.int64), track.longitude, track.latitude
        )
        mappable = draw_points(axes, positions, values, scale=scale, has_bar=False)
        drawn = mappable if mappable is not None else drawn
        note = f", {track.note}" if track.note else ""
        count = int(np.isfinite(values).sum())
        frame_geographic(axes, extent, title=f"({chr(97 + k)}) {track.name}{note}: {count:,} points")
        axes.set_facecolor("#eceff2")
        draw_lines(axes, data.lines)
        draw_boxes(axes, data.boxes)
        scale_bar(axes, extent)
        north_arrow(axes)
    if drawn is not None:
        bar = figure.colorbar(
            drawn, ax=list(panels), orientation="horizontal", shrink=0.6, aspect=40, pad=0.02, extend="both"
        )
        bar.set_label(f"{data.quantity}; scale ±{limit:g} mm/yr", fontsize=8.5, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
        bar.outline.set_linewidth(0.4)
    if data.lines:
        panels[0].legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
    numbers = {
        "limit_mm_yr": number(limit),
        "tracks": {t.name: summary_of(v) for t, v in zip(data.tracks, rates, strict=True)},
        "boxes": {b.name: [number(v) for v in (b.west, b.east, b.south, b.north)] for b in data.boxes},
    }
    return FigureResult(figure, numbers)
