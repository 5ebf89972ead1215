"""Figure 1: where the study is. Line, areas, sites, and what each track covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from subside.errors import ArgumentError
from subside.figures.geographic import (
    HALO,
    Extent,
    MapShape,
    MapSites,
    draw_lines,
    draw_sites,
    extent_of,
    frame_geographic,
    north_arrow,
    scale_bar,
)
from subside.figures.style import CATEGORIES, INK, FigureResult, new_figure, number

_FILLS = ("#f1e3c8", "#dfe6d3", "#e4dcec", "#d7e5ea", "#f0d9d4")


@dataclass(frozen=True)
class MapBackground:
    """A grey picture below the map: shaded relief, mean amplitude, land cover.

    Attributes
    ----------
    image : ndarray of float, (row, column)
        First row in the north; NaN is left white.
    extent : Extent
        Outer edges of the picture.
    source : str
        What it shows, for the legend.
    """

    image: npt.NDArray[np.floating[Any]]
    extent: Extent
    source: str


@dataclass(frozen=True)
class StudyAreaInput:
    """What the map of the study area shows; every part may be empty, not all.

    Attributes
    ----------
    tracks : tuple of MapShape
        Outline of the acquisitions, or of the points, of each track.
    lines : tuple of MapShape
        Railway, road, levee.
    areas : tuple of MapShape
        City, airport, coalfield: outlines of polygons.
    sites : tuple of MapSites
        Places looked at in detail.
    background : MapBackground or None
        Optional picture.
    """

    tracks: tuple[MapShape, ...] = ()
    lines: tuple[MapShape, ...] = ()
    areas: tuple[MapShape, ...] = ()
    sites: tuple[MapSites, ...] = ()
    background: MapBackground | None = None


def study_area_figure(data: StudyAreaInput) -> FigureResult:
    """Draw the study area with graticule, scale bar and north arrow; nothing is fetched from a network.

    Parameters
    ----------
    data : StudyAreaInput
        What to show.

    Returns
    -------
    FigureResult
        Numbers: extent, areas covered by each track, length of each line.

    Raises
    ------
    ArgumentError
        If there is nothing to show.
    """
    shapes = (*data.tracks, *data.lines, *data.areas)
    if not shapes and not data.sites:
        raise ArgumentError("`data` must hold a track, a line, an area or a site, got none")
    extent = extent_of([(s.longitude, s.latitude) for s in shapes] + [(g.longitude, g.latitude) for g in data.sites])
    width = 8.6
    figure = new_figure(width, float(np.clip(0.86 * width * extent.ratio + 1.6, 4.0, 9.0)), "Study area")
    axes = figure.add_subplot()
    frame_geographic(axes, extent)
    if data.background is not None:
        _draw_background(axes, data.background)
    handles = _draw_areas(axes, data.areas) + _draw_tracks(axes, data.tracks)
    handles += draw_lines(axes, data.lines) + draw_sites(axes, data.sites)
    length = scale_bar(axes, extent)
    north_arrow(axes)
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(4, max(1, len(handles))),
        fontsize=8,
        frameon=False,
        labelcolor=INK,
    )
    if data.background is not None:
        axes.set_title(f"background: {data.background.source}", fontsize=8, color=INK, loc="right")
    numbers = {
        "extent_deg": [number(v) for v in (extent.west, extent.east, extent.south, extent.north)],
        "scale_bar_km": length,
        "tracks": [{"name": s.name, "area_km2": number(_area_km2(s))} for s in data.tracks],
        "lines": [{"name": s.name, "length_km": number(_length_km(s))} for s in data.lines],
        "areas": [{"name": s.name, "area_km2": number(_area_km2(s))} for s in data.areas],
        "sites": {g.kind: list(g.names) for g in data.sites},
        "background": data.background.source if data.background else None,
    }
    return FigureResult(figure, numbers)


def _draw_background(axes: Axes, background: MapBackground) -> None:
    e = background.extent
    low, high = np.nanpercentile(background.image, [2, 98])
    axes.imshow(
        background.image,
        extent=(e.west, e.east, e.south, e.north),
        cmap="Greys_r",
        vmin=float(low) - 0.8 * float(high - low),
        vmax=float(high),
        aspect=e.aspect,
        zorder=0,
        interpolation="bilinear",
    )


def _draw_areas(axes: Axes, areas: tuple[MapShape, ...]) -> list[Any]:
    handles = []
    for k, area in enumerate(areas):
        corners = np.column_stack([area.longitude, area.latitude])
        patch = Polygon(
            corners, closed=True, facecolor=_FILLS[k % len(_FILLS)], edgecolor=INK, lw=0.7, alpha=0.85, zorder=3
        )
        patch.set_label(area.name)
        handles.append(axes.add_patch(patch))
        top = int(np.argmax(area.latitude))
        axes.annotate(
            area.name,
            (float(area.longitude[top]), float(area.latitude[top])),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            ha="center",
            va="bottom",
            style="italic",
            zorder=11,
            path_effects=list(HALO),
        )
    return handles


def _draw_tracks(axes: Axes, tracks: tuple[MapShape, ...]) -> list[Any]:
    handles = []
    for k, track in enumerate(tracks):
        colour = CATEGORIES[k % len(CATEGORIES)]
        closed = np.r_[np.arange(len(track.longitude)), 0]
        (drawn,) = axes.plot(
            track.longitude[closed],
            track.latitude[closed],
            color=colour,
            lw=1.8,
            ls=("-", (0, (6, 2)), (0, (2, 1.5)))[k % 3],
            label=track.name,
            zorder=8,
        )
        handles.append(drawn)
    return handles


def _metric(shape: MapShape) -> npt.NDArray[np.float64]:
    """Coordinates in km on a tangent plane, good to a part in a thousand over a scene."""
    middle = np.radians(0.5 * (shape.latitude.min() + shape.latitude.max()))
    east = (shape.longitude - shape.longitude.min()) * 111.195 * np.cos(middle)
    return np.column_stack([east, (shape.latitude - shape.latitude.min()) * 111.195])


def _area_km2(shape: MapShape) -> float:
    return float(shapely.Polygon(_metric(shape)).area) if len(shape.longitude) > 2 else 0.0


def _length_km(shape: MapShape) -> float:
    return float(shapely.LineString(_metric(shape)).length)
