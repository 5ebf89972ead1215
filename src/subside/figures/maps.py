"""Maps of points: longitude and latitude where known, pixels of the stack elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize

from subside.errors import ArgumentError
from subside.figures.style import NO_DATA, colour_bar, dress, say

SCATTER_POINTS: Final = 40_000
"""Above this many points a map is drawn from cell means."""

CELLS_ACROSS: Final = 700
"""Cells on the longer side of a map drawn from cell means, at most."""

POINTS_PER_CELL: Final = 1.5
"""Points in a cell, on average, where the points do not fill the finest cells."""


@dataclass(frozen=True)
class PointPositions:
    """Where points are.

    Attributes
    ----------
    azimuth_index, range_index : ndarray of int, (point,)
        Pixel in the stack.
    longitude, latitude : ndarray of float64, (point,), or None
        Degree, WGS 84; NaN or None is unknown.
    azimuth_spacing, range_spacing : float
        Pixel spacing on the ground, m, for the proportions of a map in pixels.
    """

    azimuth_index: npt.NDArray[np.integer[Any]]
    range_index: npt.NDArray[np.integer[Any]]
    longitude: npt.NDArray[np.float64] | None = None
    latitude: npt.NDArray[np.float64] | None = None
    azimuth_spacing: float = 1.0
    range_spacing: float = 1.0

    def __post_init__(self) -> None:
        """Validate lengths."""
        n = len(self.azimuth_index)
        for name in ("range_index", "longitude", "latitude"):
            values = getattr(self, name)
            if values is not None and len(values) != n:
                raise ArgumentError(f"`{name}` must have {n} points, got {len(values)}")

    @property
    def is_geographic(self) -> bool:
        """Whether any point has longitude and latitude."""
        return (
            self.longitude is not None
            and self.latitude is not None
            and bool(np.isfinite(self.longitude + self.latitude).any())
        )

    @property
    def across(self) -> npt.NDArray[np.float64]:
        """Horizontal map coordinate, (point,)."""
        if self.is_geographic and self.longitude is not None:
            return self.longitude
        return self.range_index.astype(np.float64)

    @property
    def along(self) -> npt.NDArray[np.float64]:
        """Vertical map coordinate, (point,)."""
        if self.is_geographic and self.latitude is not None:
            return self.latitude
        return self.azimuth_index.astype(np.float64)

    def aspect(self) -> float:
        """Length of a vertical unit over that of a horizontal one on the map."""
        if not self.is_geographic:
            return self.azimuth_spacing / self.range_spacing
        return float(1.0 / max(np.cos(np.radians(np.nanmean(self.along))), 0.05))

    def subset(self, keep: npt.NDArray[np.bool_]) -> PointPositions:
        """The points where ``keep`` holds."""
        return PointPositions(
            self.azimuth_index[keep],
            self.range_index[keep],
            None if self.longitude is None else self.longitude[keep],
            None if self.latitude is None else self.latitude[keep],
            self.azimuth_spacing,
            self.range_spacing,
        )


@dataclass(frozen=True)
class Scale:
    """Colour scale of a map.

    Attributes
    ----------
    colours : Colormap
        Colours.
    norm : Normalize
        Range.
    label : str
        Quantity, sign and unit.
    is_cyclic : bool
        Whether values are angles in radians, to be averaged as such.
    """

    colours: Colormap
    norm: Normalize
    label: str
    is_cyclic: bool = False


def draw_points(
    axes: Axes,
    positions: PointPositions,
    values: npt.NDArray[np.floating],
    *,
    scale: Scale,
    title: str = "",
    has_bar: bool = True,
) -> Any:
    """Draw a value at each point.

    Parameters
    ----------
    axes : Axes
        Panel.
    positions : PointPositions
        Where.
    values : ndarray, (point,)
        What; NaN is not drawn.
    scale : Scale
        Colours and range; the label, with its range, goes beside the colour bar.
    title : str
        Title of the panel.
    has_bar : bool
        Whether the panel has a colour bar of its own.

    Returns
    -------
    ScalarMappable or None
        For a colour bar shared by panels; None where there was nothing to draw.
    """
    across, along = positions.across, positions.along
    is_drawn = np.isfinite(across) & np.isfinite(along) & np.isfinite(values)
    frame_map(axes, positions, title=title)
    if not is_drawn.any():
        say(axes, "no point to draw")
        return None
    x, y, v = across[is_drawn], along[is_drawn], np.asarray(values, np.float64)[is_drawn]
    if len(x) <= SCATTER_POINTS:
        size = float(np.clip(30_000.0 / len(x), 0.6, 40.0))
        drawn = axes.scatter(x, y, c=v, s=size, cmap=scale.colours, norm=scale.norm, linewidths=0, rasterized=True)
    else:
        drawn = _draw_cells(axes, x, y, v, scale=scale, aspect=positions.aspect())
    if has_bar:
        colour_bar(axes, drawn, scale.label)
    return drawn


def _draw_cells(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    v: npt.NDArray[np.float64],
    *,
    scale: Scale,
    aspect: float,
) -> Any:
    """Draw cell means of many points as an image."""
    width, height = float(np.ptp(x)), float(np.ptp(y)) * aspect
    cell = max(math.sqrt(width * height * POINTS_PER_CELL / len(x)), max(width, height) / CELLS_ACROSS)
    cell = cell or 1.0
    step_x, step_y = (_snapped(step, axis) for step, axis in ((cell, x), (cell / aspect, y)))
    column = ((x - x.min()) / step_x).astype(np.int64)
    row = ((y - y.min()) / step_y).astype(np.int64)
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    flat = row * shape[1] + column
    image = _cell_means(flat, v, shape[0] * shape[1], is_cyclic=scale.is_cyclic).reshape(shape)
    left, bottom = float(x.min()), float(y.min())
    extent = (left, left + shape[1] * step_x, bottom, bottom + shape[0] * step_y)
    is_downward = axes.yaxis_inverted()
    drawn = axes.imshow(
        image,
        extent=extent,
        origin="lower",
        cmap=scale.colours,
        norm=scale.norm,
        interpolation="nearest",
        aspect=aspect,
    )
    if is_downward:
        axes.set_ylim(extent[3], extent[2])
    return drawn


def _snapped(step: float, coordinate: npt.NDArray[np.float64]) -> float:
    """Whole pixels for pixel coordinates, so that no row or column of cells stays empty."""
    return max(1.0, round(step)) if np.array_equal(coordinate, np.rint(coordinate)) else step


def _cell_means(
    cell: npt.NDArray[np.int64], values: npt.NDArray[np.float64], n_cells: int, *, is_cyclic: bool
) -> npt.NDArray[np.float64]:
    """Mean of the values in each cell, that of the direction for angles; NaN where there is none."""
    count = np.bincount(cell, minlength=n_cells)
    if is_cyclic:
        sine, cosine = (np.bincount(cell, f(values), n_cells) for f in (np.sin, np.cos))
        angle: npt.NDArray[np.float64] = np.where(count > 0, np.arctan2(sine, cosine), np.nan)
        return angle
    total = np.bincount(cell, values, n_cells)
    mean: npt.NDArray[np.float64] = np.divide(total, count, out=np.full(n_cells, np.nan), where=count > 0)
    return mean


def frame_map(axes: Axes, positions: PointPositions, *, title: str) -> None:
    """Label a panel as a map of these points and give it true proportions."""
    if positions.is_geographic:
        dress(axes, title=title, xlabel="longitude (°)", ylabel="latitude (°)", grid=False)
        axes.ticklabel_format(useOffset=False)
    else:
        dress(axes, title=title, xlabel="range (samples)", ylabel="azimuth (lines)", grid=False)
        axes.invert_yaxis()
    axes.locator_params(nbins=5)
    axes.set_facecolor(NO_DATA)
    axes.set_aspect(positions.aspect(), adjustable="box")


def map_figure_size(positions: PointPositions, *, width: float) -> float:
    """Height in inches that suits a map of these points drawn about ``width`` inches wide."""
    x, y = positions.across, positions.along
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not len(x) or not len(y) or np.ptp(x) == 0:
        return width * 0.8
    ratio = np.ptp(y) * positions.aspect() / np.ptp(x)
    return float(np.clip(width * ratio, 3.2, 9.0))
