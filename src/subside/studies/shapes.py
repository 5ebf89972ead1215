"""Shapes of files in the coordinate system of the points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from subside.model.points import GEOGRAPHIC, transform

FloatArray = npt.NDArray[np.float64]


def projected(geometry: Any, crs: str) -> Any:
    """Move a geometry from longitude and latitude into a projected system, m."""

    def move(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transform(xy[:, 0], xy[:, 1], source=GEOGRAPHIC, target=crs))

    return shapely.transform(geometry, move)


def distances_to(geometries: Sequence[Any]) -> Callable[[FloatArray, FloatArray, str], FloatArray]:
    """Distance of places, in a system they name, to the nearest of some shapes in longitude and latitude, m.

    Parameters
    ----------
    geometries : sequence of shapely geometry
        Points, lines or polygons; a place inside a polygon is at 0.

    Returns
    -------
    callable
        ``(easting, northing, crs)`` to an array of the same length.
    """

    def distance(easting: FloatArray, northing: FloatArray, crs: str) -> FloatArray:
        moved = np.array([projected(g, crs) for g in geometries], dtype=object)
        tree = shapely.STRtree(moved)
        places = shapely.points(easting, northing)
        nearest = tree.nearest(places)
        shapely.prepare(moved)
        return np.asarray(shapely.distance(moved[nearest], places), np.float64)

    return distance
