"""Land classes of places, from polygons."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from subside.io.vectors import Polygons
from subside.model.points import GEOGRAPHIC, transform

FloatArray = npt.NDArray[np.float64]

OUTSIDE: Final = "outside"
"""Label of places that no polygon covers."""


def land_classes(cover: Polygons, easting: FloatArray, northing: FloatArray, crs: str) -> npt.NDArray[Any]:
    """Class of the first polygon that covers each place.

    Parameters
    ----------
    cover : Polygons
        Polygons with classes; one without a class goes by its name.
    easting, northing : ndarray of float64, (place,)
        In ``crs``, m.
    crs : str
        Coordinate system of the places.

    Returns
    -------
    ndarray of str, (place,)
    """
    longitude, latitude = transform(easting, northing, source=crs, target=GEOGRAPHIC)
    labels = np.array([c or n for c, n in zip(cover.classes, cover.names, strict=True)], dtype=object)
    tree = shapely.STRtree(list(cover.geometries))
    place, polygon = tree.query(shapely.points(longitude, latitude), predicate="intersects")
    found = np.full(len(longitude), len(labels), np.int64)
    np.minimum.at(found, place, polygon)
    result: npt.NDArray[Any] = np.append(labels, OUTSIDE)[found]
    return result
