"""A digital elevation model over the area of interest: ellipsoidal heights on a regular geographic grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError


@dataclass(frozen=True)
class Dem:
    """Heights of the ground.

    Attributes
    ----------
    height : ndarray of float32, (row, column)
        m above the WGS 84 ellipsoid, rows from north to south. NaN where unknown.
    latitude, longitude : float
        Degrees, of the *centre* of the first row and column.
    latitude_step, longitude_step : float
        Degrees from centre to centre; the first is negative, the second positive.
    source : str
        Where the heights came from, vertical datum included.
    """

    height: npt.NDArray[np.float32]
    latitude: float
    longitude: float
    latitude_step: float
    longitude_step: float
    source: str

    def __post_init__(self) -> None:
        """Validate shape and direction."""
        if self.height.ndim != 2 or min(self.height.shape) < 4:
            raise ArgumentError(f"`height` must be a grid of at least 4 x 4, got shape {self.height.shape}")
        if not (self.latitude_step < 0 < self.longitude_step):
            raise ArgumentError(
                f"`latitude_step` must be negative and `longitude_step` positive, "
                f"got {self.latitude_step} and {self.longitude_step}"
            )
