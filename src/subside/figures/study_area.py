"""Figure 1: where the study is. Line, areas, sites, and what each track covers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from subside.errors import ArgumentError
from subside.figures.geographic import (
    Extent,
    MapBox,
    MapShape,
    MapSites,
    draw_boxes,
    draw_lines,
    draw_sites,
    extent_of,
    frame_geographic,
    north_arrow,
    scale_bar,
)
from subside.figures.labels import MapLabel, write_labels
from subside.figures.style import CATEGORIES, INK, FigureResult, new_figure, number

_FILLS = ("#f1e3c8", "#dfe6d3", "#e4dcec", "#d7e5ea", "#f0d9d4")
_SMALL: Final = 0.35
"""Share of the whole below which what the tracks cover gets a panel of its own."""


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
    scene = _scene(data, extent)
    width = 8.6
    heights = [float(np.clip(0.86 * width * e.ratio, 2.0, 7.4)) for e in ([extent, scene] if scene else [extent])]
    figure = new_figure(width, max(sum(heights) + 0.8 + 0.8 * len(heights), 4.0), "Study area")
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    handles = _draw_panel(panels[-1], data, scene or extent, is_labelled=True)
    if scene:
        _draw_panel(panels[0], replace(data, sites=()), extent, is_labelled=False)
        draw_boxes(panels[0], [MapBox("b", scene.west, scene.south, scene.east, scene.north)])
        for axes, title in zip(panels, ("a  The line", "b  What the tracks cover"), strict=True):
            axes.set_title(title, fontsize=9.5, color=INK, loc="left")
    axes = panels[0]
    length = scale_bar(axes, extent)
    north_arrow(axes)
    if scene:
        scale_bar(panels[-1], scene)
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(4, max(1, len(handles))),
        fontsize=8,
        frameon=False,
        labelcolor=INK,
    )
    write_labels(panels[-1], _labels(data, scene or extent))
    if data.background is not None:
        axes.set_title(f"background: {data.background.source}", fontsize=8, color=INK, loc="right")
    numbers = {
        "extent_deg": [number(v) for v in (extent.west, extent.east, extent.south, extent.north)],
        "is_zoomed": scene is not None,
        "scale_bar_km": length,
        "tracks": [{"name": s.name, "area_km2": number(_area_km2(s))} for s in data.tracks],
        "lines": [{"name": s.name, "length_km": number(_length_km(s))} for s in data.lines],
        "areas": [{"name": s.name, "area_km2": number(_area_km2(s))} for s in data.areas],
        "sites": {g.kind: list(g.names) for g in data.sites},
        "background": data.background.source if data.background else None,
    }
    return FigureResult(figure, numbers)


def _scene(data: StudyAreaInput, whole: Extent) -> Extent | None:
    """Extent of tracks and sites where it is small against the whole; None where one panel will do."""
    if not data.tracks:
        return None
    places = [(t.longitude, t.latitude) for t in data.tracks] + [(g.longitude, g.latitude) for g in data.sites]
    scene = extent_of(places, margin=0.12)
    across = (scene.east - scene.west) / (whole.east - whole.west)
    along = (scene.north - scene.south) / (whole.north - whole.south)
    return scene if max(across, along) < _SMALL else None


def _draw_panel(axes: Axes, data: StudyAreaInput, extent: Extent, *, is_labelled: bool) -> list[Any]:
    frame_geographic(axes, extent)
    if data.background is not None:
        _draw_background(axes, data.background)
    handles = _draw_areas(axes, data.areas) + _draw_tracks(axes, data.tracks) + draw_lines(axes, data.lines)
    if is_labelled:
        handles += draw_sites(axes, tuple(replace(g, names=("",) * len(g.names)) for g in data.sites))
    axes.set_xlim(extent.west, extent.east)
    axes.set_ylim(extent.south, extent.north)
    return handles


def _labels(data: StudyAreaInput, extent: Extent) -> list[MapLabel]:
    """Names of areas where they lie in the picture, then of sites."""
    frame = shapely.box(extent.west, extent.south, extent.east, extent.north)
    labels = []
    for area in data.areas:
        corners = np.column_stack([area.longitude, area.latitude])
        seen = shapely.intersection(shapely.make_valid(shapely.polygons(corners)), frame)
        if not seen.is_empty:
            place = shapely.point_on_surface(seen)
            labels.append(MapLabel(area.name, float(place.x), float(place.y), INK, 8.5))
    for group in data.sites:
        for name, x, y in zip(group.names, group.longitude, group.latitude, strict=True):
            labels.append(MapLabel(name, float(x), float(y), INK))
    return labels


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
