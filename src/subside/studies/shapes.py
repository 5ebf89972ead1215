"""Shapes of files in the coordinate system of the points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from subside.model.points import GEOGRAPHIC, transform


def projected(geometry: Any, crs: str) -> Any:
    """Move a geometry from longitude and latitude into a projected system, m."""

    def move(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transform(xy[:, 0], xy[:, 1], source=GEOGRAPHIC, target=crs))

    return shapely.transform(geometry, move)
