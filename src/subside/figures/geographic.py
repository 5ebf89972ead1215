"""Maps in longitude and latitude: frame with graticule, scale bar, north arrow, lines, areas, boxes and sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib.patheffects as effects
import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from subside.errors import ArgumentError
from subside.figures.style import CATEGORIES, GRID, INK, dress

FloatArray = npt.NDArray[np.float64]

HALO: Final = (effects.withStroke(linewidth=2.2, foreground="white"),)
"""White rim that keeps words and lines legible on any background."""

_METRES_PER_DEGREE: Final = 111_195.0
_MARKERS: Final = ("^", "s", "D", "o", "v", "P")


@dataclass(frozen=True)
class MapShape:
    """A line or an outline on a map.

    Attributes
    ----------
    name : str
        Written in the legend.
    longitude, latitude : ndarray of float64, (vertex,)
        Degree, WGS 84.
    """

    name: str
    longitude: FloatArray
    latitude: FloatArray

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if len(self.longitude) != len(self.latitude) or len(self.longitude) < 2:
            raise ArgumentError(f"`{self.name}` must have two vertices or more with longitude and latitude each")


@dataclass(frozen=True)
class MapBox:
    """A rectangle on a map.

    Attributes
    ----------
    name : str
        Short name written at its corner.
    west, south, east, north : float
        Degree.
    """

    name: str
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class MapSites:
    """Named places of one kind.

    Attributes
    ----------
    kind : str
        Written in the legend.
    names : tuple of str, (site,)
        Written beside each.
    longitude, latitude : ndarray of float64, (site,)
        Degree.
    """

    kind: str
    names: tuple[str, ...]
    longitude: FloatArray
    latitude: FloatArray


@dataclass(frozen=True)
class Extent:
    """Limits of a map, degree."""

    west: float
    east: float
    south: float
    north: float

    @property
    def aspect(self) -> float:
        """Length of a degree of latitude over that of one of longitude."""
        return 1.0 / max(math.cos(math.radians(0.5 * (self.south + self.north))), 0.05)

    @property
    def ratio(self) -> float:
        """Height over width on the ground."""
        return (self.north - self.south) * self.aspect / (self.east - self.west)

    @property
    def width_km(self) -> float:
        """Width on the ground, km."""
        return (self.east - self.west) * _METRES_PER_DEGREE / self.aspect / 1e3


def extent_of(parts: Sequence[tuple[FloatArray, FloatArray]], *, margin: float = 0.05) -> Extent:
    """Extent that holds every longitude and latitude given, with a margin as a share of its size.

    Raises
    ------
    ArgumentError
        If nothing is finite.
    """
    lon = np.concatenate([np.asarray(p[0], np.float64).ravel() for p in parts]) if parts else np.zeros(0)
    lat = np.concatenate([np.asarray(p[1], np.float64).ravel() for p in parts]) if parts else np.zeros(0)
    known = np.isfinite(lon + lat)
    if not known.any():
        raise ArgumentError("a map must show at least one place with finite longitude and latitude, got none")
    west, east, south, north = lon[known].min(), lon[known].max(), lat[known].min(), lat[known].max()
    pad = margin * max(east - west, north - south, 1e-3)
    return Extent(float(west - pad), float(east + pad), float(south - pad), float(north + pad))


def hull_of(longitude: FloatArray, latitude: FloatArray, name: str) -> MapShape:
    """Convex outline of points, closed.

    Parameters
    ----------
    longitude, latitude : ndarray, (point,)
        Degree; NaN is ignored.
    name : str
        Of the outline.

    Raises
    ------
    ArgumentError
        If fewer than three points are known or all lie on a line.
    """
    known = np.isfinite(longitude + latitude)
    hull = shapely.convex_hull(shapely.multipoints(np.column_stack([longitude[known], latitude[known]])))
    if hull.geom_type != "Polygon":
        raise ArgumentError(f"`{name}` must have three points off a line to have an outline")
    corners = shapely.get_coordinates(hull)
    return MapShape(name, corners[:, 0], corners[:, 1])


def frame_geographic(axes: Axes, extent: Extent, *, title: str = "") -> None:
    """Set the limits of a map, true proportions and a graticule with degrees at its ends."""
    dress(axes, title=title, grid=False)
    axes.set_xlim(extent.west, extent.east)
    axes.set_ylim(extent.south, extent.north)
    axes.set_aspect(extent.aspect, adjustable="box")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _degrees(v, "E", "W")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _degrees(v, "N", "S")))
    axes.grid(True, color=GRID, linewidth=0.5, linestyle=(0, (4, 3)))
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_linewidth(0.6)


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.6g}° {positive if value >= 0 else negative}"


def scale_bar(axes: Axes, extent: Extent) -> float:
    """Draw a scale bar at the lower left, about a quarter of the map long; returns its length in km."""
    wanted = extent.width_km / 4.0
    power = 10.0 ** math.floor(math.log10(wanted))
    length = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= wanted)
    degrees = length * 1e3 / _METRES_PER_DEGREE * extent.aspect
    width, height = extent.east - extent.west, extent.north - extent.south
    x, y = extent.west + 0.05 * width, extent.south + 0.045 * height
    thick = 0.012 * min(height, width / extent.aspect)
    for k, colour in enumerate((INK, "white")):
        axes.add_patch(
            Rectangle((x + k * degrees / 2, y), degrees / 2, thick, facecolor=colour, edgecolor=INK, lw=0.7, zorder=20)
        )
    for share, text in ((0.0, "0"), (1.0, f"{length:g} km")):
        axes.annotate(
            text,
            (x + share * degrees, y + thick),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=INK,
            zorder=20,
            path_effects=list(HALO),
        )
    return length


def north_arrow(axes: Axes) -> None:
    """Draw an arrow to the north at the upper right."""
    axes.annotate(
        "N",
        xy=(0.965, 0.965),
        xytext=(0.965, 0.845),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontsize=9,
        fontweight="bold",
        color=INK,
        zorder=20,
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.3, "shrinkA": 0, "shrinkB": 0},
        path_effects=list(HALO),
    )


def draw_lines(axes: Axes, lines: Sequence[MapShape]) -> list[Any]:
    """Draw lines in ink on a white rim; returns the handles for a legend."""
    handles = []
    for k, line in enumerate(lines):
        (drawn,) = axes.plot(
            line.longitude,
            line.latitude,
            color=INK,
            lw=1.8,
            ls=("-", (0, (5, 2)))[k % 2],
            label=line.name,
            zorder=12,
            path_effects=[effects.withStroke(linewidth=3.4, foreground="white")],
        )
        handles.append(drawn)
    return handles


def draw_boxes(axes: Axes, boxes: Sequence[MapBox]) -> None:
    """Draw rectangles with their names."""
    for box in boxes:
        axes.add_patch(
            Rectangle(
                (box.west, box.south),
                box.east - box.west,
                box.north - box.south,
                fill=False,
                edgecolor=INK,
                lw=1.4,
                zorder=14,
                path_effects=[effects.withStroke(linewidth=3.0, foreground="white")],
            )
        )
        axes.annotate(
            box.name,
            (box.west, box.north),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=10,
            fontweight="bold",
            color=INK,
            zorder=15,
            path_effects=list(HALO),
        )


def draw_sites(axes: Axes, sites: Sequence[MapSites]) -> list[Any]:
    """Draw named places, a marker and colour a kind; returns the handles for a legend."""
    handles = []
    for k, group in enumerate(sites):
        drawn = axes.scatter(
            group.longitude,
            group.latitude,
            s=34,
            marker=_MARKERS[k % len(_MARKERS)],
            color=CATEGORIES[(k + 1) % len(CATEGORIES)],
            edgecolors="white",
            linewidths=0.7,
            zorder=16,
            label=group.kind,
        )
        handles.append(drawn)
        for name, lon, lat in zip(group.names, group.longitude, group.latitude, strict=True):
            axes.annotate(
                name,
                (float(lon), float(lat)),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7.5,
                color=INK,
                zorder=17,
                path_effects=list(HALO),
            )
    return handles
