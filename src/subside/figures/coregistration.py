"""Figures of the geometry of a coregistration: bursts over the DEM, baselines, layover and shadow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LightSource, ListedColormap
from matplotlib.dates import date2num
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    GRID,
    INK,
    MUTED,
    NO_DATA,
    SECOND,
    SINKING,
    FigureResult,
    date_axis,
    dress,
    legend,
    new_figure,
    number,
    say,
    summary,
    tidy_dates,
)

BURST_USES: Final = ("merged", "overlap only", "not used")
"""What a burst of the reference date is read for."""

_MAX_BURST_LABELS: Final = 40


@dataclass(frozen=True)
class BurstFootprint:
    """Valid window of a burst on the ground.

    Attributes
    ----------
    swath : str
    burst_id : int
    longitude, latitude : ndarray of float64, (vertex,)
        Degrees, around the window.
    use : str
        One of :data:`BURST_USES`.
    """

    swath: str
    burst_id: int
    longitude: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    use: str


@dataclass(frozen=True)
class BurstsFigureInput:
    """Bursts of the reference date over the DEM.

    Attributes
    ----------
    height : ndarray of float, (row, column)
        m, rows from north to south, thinned for drawing; NaN is unknown.
    extent : tuple of float
        West, east, south, north edge of the heights, degrees.
    footprints : tuple of BurstFootprint
        By swath, then time.
    grid : ndarray of float64, (vertex, 2)
        Outline of the merged grid, longitude and latitude.
    area : ndarray of float64, (vertex, 2), or None
        Outline of the area of interest; None where none was given.
    reference_date : str
        ``YYYYMMDD``.
    shape : tuple of int
        Lines and samples of the merged grid.
    """

    height: npt.NDArray[np.floating]
    extent: tuple[float, float, float, float]
    footprints: tuple[BurstFootprint, ...]
    grid: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64] | None
    reference_date: str
    shape: tuple[int, int]


@dataclass(frozen=True)
class BaselinesFigureInput:
    """Baselines of every date against the reference.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    reference_date : str
    perpendicular, parallel : ndarray of float64, (date,)
        m at mid-scene; NaN is unknown.
    """

    dates: tuple[str, ...]
    reference_date: str
    perpendicular: npt.NDArray[np.float64]
    parallel: npt.NDArray[np.float64]


@dataclass(frozen=True)
class VisibilityFigureInput:
    """Layover and shadow.

    Attributes
    ----------
    share : ndarray of float, (4, row, column)
        Share of the pixels of a cell that are unknown, in shadow, plain, in layover; NaN is no cell.
    pixel_share : ndarray of float, (4,)
        The same over all pixels.
    azimuth_spacing, range_spacing : float
        Size of a cell on the ground, m.
    """

    share: npt.NDArray[np.floating]
    pixel_share: npt.NDArray[np.floating]
    azimuth_spacing: float
    range_spacing: float


def bursts_figure(data: BurstsFigureInput) -> FigureResult:
    """Draw the bursts of the reference date, the merged grid and the area of interest over the shaded DEM.

    Parameters
    ----------
    data : BurstsFigureInput
        Footprints and heights.

    Returns
    -------
    FigureResult
        Numbers: a row a burst with its use and corners' box, size of the grid, quantiles of the height.
    """
    lon, lat = _reach(data)
    aspect = 1.0 / max(float(np.cos(np.radians(np.mean(lat)))), 0.05)
    ratio = (lat[1] - lat[0]) * aspect / (lon[1] - lon[0])
    height = float(np.clip(6.0 * ratio, 3.6, 9.0))
    width = float(np.clip(height / ratio, 2.2, 6.6)) + 3.2
    figure = new_figure(width, height + 0.9, f"Bursts of {data.reference_date}")
    axes = figure.add_subplot()
    dress(axes, xlabel="longitude (°)", ylabel="latitude (°)", grid=False)
    axes.set_facecolor(NO_DATA)
    _draw_relief(axes, data, aspect)
    swaths = sorted({f.swath for f in data.footprints})
    colours = {s: CATEGORIES[k % len(CATEGORIES)] for k, s in enumerate(swaths)}
    for k, footprint in enumerate(data.footprints):
        _draw_footprint(axes, footprint, colours[footprint.swath], has_label=len(data.footprints) <= _MAX_BURST_LABELS)
        if k == 0:
            axes.set_aspect(aspect)
    axes.plot(*_closed(data.grid), color=INK, lw=1.8)
    if data.area is not None:
        axes.plot(*_closed(data.area), color=SINKING, lw=1.8, ls="--")
    axes.set_xlim(*lon)
    axes.set_ylim(*lat)
    axes.locator_params(nbins=5)
    axes.ticklabel_format(useOffset=False)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colours[s], lw=1.6, label=f"{s}: {_count(data, s)} bursts") for s in swaths
    ]
    handles.append(Line2D([], [], color=INK, lw=1.8, label=f"merged grid, {data.shape[0]} × {data.shape[1]}"))
    if any(f.use == BURST_USES[1] for f in data.footprints):
        handles.append(Line2D([], [], color=MUTED, lw=1.2, ls="--", label="read for its overlap only"))
    if any(f.use == BURST_USES[2] for f in data.footprints):
        handles.append(Line2D([], [], color=MUTED, lw=0.9, ls=":", label="not used"))
    if data.area is not None:
        handles.append(Line2D([], [], color=SINKING, lw=1.8, ls="--", label="area of interest"))
    handles.append(Patch(facecolor=NO_DATA, label="no height read"))
    legend(axes, handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    return FigureResult(figure, _burst_numbers(data))


def _closed(outline: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.append(outline[:, 0], outline[0, 0]), np.append(outline[:, 1], outline[0, 1])


def _count(data: BurstsFigureInput, swath: str) -> int:
    return sum(f.swath == swath and f.use != BURST_USES[2] for f in data.footprints)


def _reach(data: BurstsFigureInput) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of the map in longitude and latitude: the bursts used, the grid and the area, and a margin."""
    used = [f for f in data.footprints if f.use != BURST_USES[2]]
    out = []
    for k, name in enumerate(("longitude", "latitude")):
        parts = [getattr(f, name) for f in used] + [data.grid[:, k]] + ([] if data.area is None else [data.area[:, k]])
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else data.extent[2 * k : 2 * k + 2]
        margin = 0.04 * (high - low) or 0.01
        out.append((low - margin, high + margin))
    return out[0], out[1]


def _draw_relief(axes: Axes, data: BurstsFigureInput, aspect: float) -> None:
    """Shade the heights from the north-west; relief is exaggerated so that gentle ground shows."""
    height = np.asarray(data.height, np.float64)
    known = np.isfinite(height)
    if not known.any():
        say(axes, "the DEM holds no height here")
        return
    west, east, south, north = data.extent
    step_y = (north - south) / height.shape[0] * 111_000.0
    step_x = (east - west) / height.shape[1] * 111_000.0 / aspect
    slope = np.hypot(*np.gradient(np.where(known, height, height[known].mean()), step_y, step_x))
    exaggeration = float(np.clip(0.4 / max(float(np.quantile(slope, 0.95)), 1e-6), 1.0, 50.0))
    shade = LightSource(315, 45).hillshade(
        np.where(known, height, height[known].mean()), vert_exag=exaggeration, dx=step_x, dy=step_y
    )
    # Kept light, so that footprints and ids stand out; the edge of a void casts no shade.
    edge = np.hypot(*np.gradient(known.astype(np.float64))) > 0
    picture = np.ma.masked_where(~known | edge, 0.55 + 0.45 * shade)
    axes.imshow(
        picture, extent=data.extent, cmap="gray", vmin=0.0, vmax=1.0, aspect=aspect, interpolation="antialiased"
    )


def _draw_footprint(axes: Axes, footprint: BurstFootprint, colour: str, *, has_label: bool) -> None:
    lon, lat = _closed(np.stack([footprint.longitude, footprint.latitude], axis=1))
    styles = {"merged": ("-", 1.6), "overlap only": ("--", 1.2), "not used": (":", 0.9)}
    style, width = styles[footprint.use]
    is_used = footprint.use != BURST_USES[2]
    axes.plot(lon, lat, color=colour if is_used else MUTED, ls=style, lw=width)
    if is_used:
        axes.fill(lon, lat, color=colour, alpha=0.08, lw=0)
    if has_label and is_used:
        axes.text(
            float(np.mean(footprint.longitude)),
            float(np.mean(footprint.latitude)),
            f"{footprint.swath}\n{footprint.burst_id}",
            ha="center",
            va="center",
            fontsize=7.5,
            color=colour,
            fontweight="bold",
            clip_on=True,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )


def _degree(value: float) -> float | None:
    """Degrees to about a metre."""
    return round(float(value), 5) if np.isfinite(value) else None


def _burst_numbers(data: BurstsFigureInput) -> dict[str, Any]:
    return {
        "reference_date": data.reference_date,
        "grid": {
            "lines": data.shape[0],
            "samples": data.shape[1],
            "outline": [[_degree(c) for c in v] for v in data.grid],
        },
        "height_m": summary(data.height),
        "bursts": [
            {
                "swath": f.swath,
                "burst_id": f.burst_id,
                "use": f.use,
                "west": _degree(np.min(f.longitude)),
                "east": _degree(np.max(f.longitude)),
                "south": _degree(np.min(f.latitude)),
                "north": _degree(np.max(f.latitude)),
            }
            for f in data.footprints
        ],
    }


def baselines_figure(data: BaselinesFigureInput) -> FigureResult:
    """Draw perpendicular and parallel baselines over time, the reference date marked.

    Parameters
    ----------
    data : BaselinesFigureInput
        The baselines.

    Returns
    -------
    FigureResult
        Numbers: ``perpendicular`` and ``parallel`` by date, m; None is unknown.
    """
    when = np.asarray(date2num(date_axis(data.dates)))
    order = np.argsort(when, kind="stable")
    figure = new_figure(9.5, 5.6, f"Baselines against {data.reference_date}, at mid-scene")
    panels = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    rows = (("perpendicular", data.perpendicular, ACCENT), ("parallel", data.parallel, SECOND))
    for axes, (name, values, colour) in zip(panels, rows, strict=True):
        dress(axes, ylabel=f"{name} (m)")
        if not np.isfinite(values).any():
            say(axes, f"{name} baselines are not known for this track")
            continue
        axes.axhline(0.0, color=MUTED, lw=0.8)
        axes.plot(when[order], values[order], color=GRID, lw=1.0, zorder=1)
        axes.scatter(when, values, s=24, color=colour, linewidths=0, zorder=3)
        if data.reference_date in data.dates:
            k = data.dates.index(data.reference_date)
            axes.scatter(
                when[k], values[k], s=110, facecolors="none", edgecolors=SINKING, linewidths=1.5, zorder=4,
                label=f"reference {data.reference_date}",
            )  # fmt: skip
        axes.margins(0.04, 0.12)
    if panels[0].get_legend_handles_labels()[0]:
        legend(panels[0], loc="best")
    panels[1].xaxis_date()
    tidy_dates(panels[1])
    numbers = {
        d: {"perpendicular": number(b), "parallel": number(p)}
        for d, b, p in zip(data.dates, data.perpendicular, data.parallel, strict=True)
    }
    return FigureResult(figure, numbers)


VISIBILITY_CLASSES: Final = ("height unknown", "shadow", "plain", "layover")
_MAX_RATIO: Final = 4.0
"""Beyond this ratio of its sides a map is stretched to be legible."""

_VISIBILITY_COLOURS: Final = (NO_DATA, "#22272e", "#eef1e6", "#c2703d")


def visibility_figure(data: VisibilityFigureInput) -> FigureResult:
    """Draw where terrain is laid over itself or lies in shadow.

    Parameters
    ----------
    data : VisibilityFigureInput
        Shares by cell; a cell shows the class that most of its pixels have.

    Returns
    -------
    FigureResult
        Numbers: share of the pixels of each class.
    """
    share = np.asarray(data.share, np.float64)
    aspect = data.azimuth_spacing / data.range_spacing
    rows, columns = share.shape[1:]
    ratio = rows * aspect / max(columns, 1)
    height = float(np.clip(6.0 * ratio, 3.0, 9.0))
    width = float(np.clip(height / max(ratio, 1e-6), 2.2, 6.6)) + 2.8
    is_narrow = not 1 / _MAX_RATIO <= ratio <= _MAX_RATIO
    figure = new_figure(width, height + 0.9, "Layover and shadow")
    axes = figure.add_subplot()
    dress(axes, xlabel="range (km)", ylabel="azimuth (km)", grid=False)
    known = np.isfinite(share).all(0)
    if known.any():
        kind = np.ma.masked_where(~known, np.argmax(np.nan_to_num(share), axis=0))
        axes.imshow(
            kind,
            cmap=ListedColormap(_VISIBILITY_COLOURS),
            norm=BoundaryNorm(np.arange(-0.5, 4.0), 4),
            extent=(0.0, columns * data.range_spacing / 1e3, rows * data.azimuth_spacing / 1e3, 0.0),
            aspect="auto" if is_narrow else "equal",
            interpolation="nearest",
        )
        axes.locator_params(nbins=5)
        axes.locator_params(axis="x", nbins=3 if is_narrow else 5)
    else:
        say(axes, "not known")
    texts = [f"{n}: {100 * s:.3g} %" for n, s in zip(VISIBILITY_CLASSES, data.pixel_share, strict=True)]
    handles = [
        Patch(facecolor=c, edgecolor=MUTED, lw=0.5, label=t) for c, t in zip(_VISIBILITY_COLOURS, texts, strict=True)
    ]
    legend(axes, handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    names = ("unknown", "shadow", "plain", "layover")
    numbers = {f"{n}_share": number(s) for n, s in zip(names, data.pixel_share, strict=True)}
    return FigureResult(figure, numbers)
