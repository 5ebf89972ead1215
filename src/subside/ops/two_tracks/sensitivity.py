"""What motion two lines of sight cannot see, or take for something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.conventions import MM_PER_M
from subside.errors import ArgumentError, UnknownQuantityError

FloatArray = npt.NDArray[np.float64]

SAME_SIDE_DEG: Final = 30.0
"""Lines of sight less than this apart, as vectors in space, look from the same side: east and up stay together.

Swaths of one direction that overlap are at most 17 degrees apart (incidences 29 to 46 of Sentinel-1), an ascending and
a descending one at least 50.
"""

_PAIR: Final = 2


@dataclass(frozen=True)
class Sensitivity:
    """Difference of two vertical rates that horizontal motion makes, and how well the pair tells east from up.

    Attributes
    ----------
    east, north : float
        Difference (second minus first) of line-of-sight over its vertical part, for east and north motion of 1.
    angle_deg : float
        Between the lines of sight, degree.
    east_inflation, up_inflation : float
        Standard deviation of east and up from two line-of-sight rates of standard deviation 1; infinite where they
        cannot be told apart.
    east_per_north, up_per_north : float
        What north motion of 1, taken for zero, adds to east and up.
    incidence_deg : tuple of float
        Angle of each line of sight from the vertical, degree.
    """

    east: float
    north: float
    angle_deg: float
    east_inflation: float
    up_inflation: float
    east_per_north: float
    up_per_north: float
    incidence_deg: tuple[float, float]

    def hidden_east(self, sigma: float) -> float:
        """East motion that makes a difference ``sigma`` of the two vertical rates; infinite where none does."""
        return abs(sigma / self.east) if self.east else np.inf

    def sentence(self, sigma: float) -> str:
        """What the pair could hide, for a standard deviation of the difference in m/yr."""
        hidden = self.hidden_east(sigma) * MM_PER_M
        size = f"{hidden:.1f} mm/yr of uniform east-west motion" if np.isfinite(hidden) else "any east-west motion"
        return (
            f"Horizontal motion enters the difference of the two vertical rates as {self.east:+.3f} v_east "
            f"{self.north:+.3f} v_north: a difference of {sigma * MM_PER_M:.2f} mm/yr (its standard deviation) "
            f"could hide {size}."
        )


def sensitivity(los_first: npt.ArrayLike, los_second: npt.ArrayLike) -> Sensitivity:
    """What horizontal motion does to the comparison of two tracks.

    A rate divided by the vertical part of the line of sight is ``v_up + (e / u) v_east + (n / u) v_north``; the
    difference of two tracks has ``e2 / u2 - e1 / u1`` of the east motion (Fuhrmann and Garthwaite 2019).

    Parameters
    ----------
    los_first, los_second : array-like, (3,)
        Unit vectors from the ground to the satellite: east, north, up.

    Returns
    -------
    Sensitivity

    Raises
    ------
    UnknownQuantityError
        If a line of sight is not known.
    """
    a, b = (np.asarray(v, np.float64) for v in (los_first, los_second))
    for name, vector in (("los_first", a), ("los_second", b)):
        _check.shape((3,), **{name: vector})
        if not np.isfinite(vector).all() or vector[2] <= 0:
            raise UnknownQuantityError(f"`{name}` must be a known line of sight that looks up, got {vector.tolist()}")
    design = np.stack([a[[0, 2]], b[[0, 2]]])
    cosine = float(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1.0, 1.0))
    if abs(np.linalg.det(design)) > 1e-9:
        inverse = np.linalg.inv(design)
        inflation = np.linalg.norm(inverse, axis=1)
        per_north = inverse @ np.array([a[1], b[1]])
    else:
        inflation, per_north = np.full(2, np.inf), np.full(2, np.nan)
    return Sensitivity(
        float(b[0] / b[2] - a[0] / a[2]),
        float(b[1] / b[2] - a[1] / a[2]),
        float(np.degrees(np.arccos(cosine))),
        float(inflation[0]),
        float(inflation[1]),
        float(per_north[0]),
        float(per_north[1]),
        (float(np.degrees(np.arccos(a[2]))), float(np.degrees(np.arccos(b[2])))),
    )


def most_apart(los: Sequence[npt.ArrayLike]) -> tuple[int, int, Sensitivity]:
    """Find the two tracks whose lines of sight are farthest apart, and what they can tell.

    Parameters
    ----------
    los : sequence of array-like, (3,)
        A unit vector from the ground to the satellite for each track, two or more.

    Returns
    -------
    int, int
        Rows of the two, ascending; the first such pair where several are as far apart.
    Sensitivity
        Of the two.

    Raises
    ------
    ArgumentError
        For fewer than two.
    UnknownQuantityError
        If a line of sight is not known.
    """
    if len(los) < _PAIR:
        raise ArgumentError(f"`los` must hold two or more lines of sight, got {len(los)}")
    pairs = [(i, j, sensitivity(los[i], los[j])) for i, j in combinations(range(len(los)), 2)]
    return max(pairs, key=lambda pair: pair[2].angle_deg)
