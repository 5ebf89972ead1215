"""Footprints of bursts, and the window of a burst that an area of interest needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.geometry import ground_at_height, to_geodetic
from subside.ops.geometry import FIRST_LOOK_ANGLE, BurstGeometry, radar_coordinates

Floats = npt.NDArray[np.float64]

_EDGE_STEP: Final = 5e-4
_MAX_EDGE_POINTS: Final = 4000
_BORDER_POINTS: Final = 200
_PADDING: Final = (8, 48)


@dataclass(frozen=True)
class BurstWindow:
    """Rectangle of a burst, both ends inclusive.

    Attributes
    ----------
    first_line, last_line, first_sample, last_sample : int
        Within the valid window of the burst.
    """

    first_line: int
    last_line: int
    first_sample: int
    last_sample: int


def _sides(geometry: BurstGeometry, n: int) -> list[tuple[Floats, Floats]]:
    """Lines and samples of the four sides of the valid window, ``n`` pixels each, in order around it."""
    burst = geometry.burst
    along = np.linspace(burst.first_line, burst.last_line, n, endpoint=False)
    across = np.linspace(burst.first_sample, burst.last_sample, n, endpoint=False)
    ends = np.array([[burst.first_line, burst.first_sample], [burst.last_line, burst.last_sample]], np.float64)
    return [
        (ends[:1, 0], across),
        (along, ends[1:, 1]),
        (ends[1:, 0], ends[:, 1].sum() - across),
        (ends[:, 0].sum() - along, ends[:1, 1]),
    ]


def burst_footprint(geometry: BurstGeometry, *, height: float = 0.0, n_per_side: int = 8) -> Floats:
    """Outline the valid window of a burst on the ground.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    height : float
        Ellipsoidal height of the ground, m; 100 m move the outline by 100 to 170 m across track.
    n_per_side : int
        Vertices per side, 1 or more.

    Returns
    -------
    ndarray of float64, (4 n_per_side + 1, 2)
        Longitude and latitude, degrees; the last vertex repeats the first.
    """
    _check.in_range(1, 10000, n_per_side=n_per_side)
    point = np.concatenate(
        [
            ground_at_height(
                geometry.slow_time(line), geometry.slant_range(sample), float(height), geometry.arc, FIRST_LOOK_ANGLE
            ).reshape(-1, 3)
            for line, sample in _sides(geometry, n_per_side)
        ]
    )
    outline = np.ascontiguousarray(to_geodetic(point)[:, 1::-1])
    return np.concatenate([outline, outline[:1]])


def _is_inside(point: Floats, polygon: Floats) -> npt.NDArray[np.bool_]:
    """Whether points (point, 2) lie in a polygon (vertex, 2), by the parity of crossings of a ray."""
    x, y = point[:, :1], point[:, 1:]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return np.asarray(np.count_nonzero(spans & (x < crossing), axis=1) % 2 == 1)


def _dense(polygon: Floats) -> Floats:
    """Points along the edges of a polygon, its vertices among them."""
    parts = []
    for start, stop in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        n = min(int(np.abs(stop - start).max() / _EDGE_STEP) + 1, _MAX_EDGE_POINTS)
        parts.append(start + np.linspace(0.0, 1.0, n, endpoint=False)[:, None] * (stop - start))
    return np.concatenate(parts)


def burst_window(
    geometry: BurstGeometry, polygon: npt.ArrayLike, *, heights: tuple[float, float]
) -> BurstWindow | None:
    """Find the lines and samples of a burst that an area of interest needs.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    polygon : array-like, (vertex, 2)
        Longitude and latitude of the area, degrees, open or closed, edges straight in degrees.
    heights : tuple of float
        Lowest and highest ellipsoidal height in the area, m.

    Returns
    -------
    BurstWindow or None
        Holds every valid pixel whose ground lies in the area at any height between the two, and up to 8 lines and 48
        samples more. None when the area misses the valid window of the burst.

    Raises
    ------
    ArgumentError
        If the polygon has fewer than three vertices or is not finite, or the heights do not ascend.
    """
    area = np.asarray(polygon, np.float64)
    if area.ndim != 2 or area.shape[1:] != (2,) or len(area) < 3 or not np.all(np.isfinite(area)):
        raise ArgumentError(f"`polygon` must have shape (vertex >= 3, 2) and be finite, got shape {area.shape}")
    lowest, highest = heights
    if not -1000.0 <= lowest <= highest <= 10000.0:
        raise ArgumentError(f"`heights` must ascend within -1000 and 10000 m, got {heights}")
    burst = geometry.burst
    border = [np.broadcast_arrays(line, sample) for line, sample in _sides(geometry, _BORDER_POINTS)]
    line, sample = (np.concatenate([side[k] for side in border]) for k in range(2))
    lines, samples = [], []
    for height in (lowest, highest):
        outline = burst_footprint(geometry, height=height, n_per_side=_BORDER_POINTS)[:-1]
        turned = area.copy()
        turned[:, 0] = outline[0, 0] + (area[:, 0] - outline[0, 0] + 180.0) % 360.0 - 180.0
        unwrapped = outline.copy()
        unwrapped[:, 0] = outline[0, 0] + (outline[:, 0] - outline[0, 0] + 180.0) % 360.0 - 180.0
        inside = _is_inside(unwrapped, turned)
        lines.append(line[inside])
        samples.append(sample[inside])
        edge = _dense(turned)
        seen = radar_coordinates(geometry, edge[:, 1], longitude=edge[:, 0], height=np.full(len(edge), float(height)))
        with np.errstate(invalid="ignore"):
            is_valid = (seen.line >= burst.first_line - _PADDING[0]) & (seen.line <= burst.last_line + _PADDING[0])
            is_valid &= seen.sample >= burst.first_sample - _PADDING[1]
            is_valid &= seen.sample <= burst.last_sample + _PADDING[1]
        lines.append(seen.line[is_valid])
        samples.append(seen.sample[is_valid])
    line, sample = np.concatenate(lines), np.concatenate(samples)
    if line.size == 0:
        return None
    return BurstWindow(
        max(int(np.floor(line.min())) - _PADDING[0], burst.first_line),
        min(int(np.ceil(line.max())) + _PADDING[0], burst.last_line),
        max(int(np.floor(sample.min())) - _PADDING[1], burst.first_sample),
        min(int(np.ceil(sample.max())) + _PADDING[1], burst.last_sample),
    )
