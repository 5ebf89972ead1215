"""What is scored: the points of a chain and what it did to their rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError


@dataclass(frozen=True)
class ScoredPoints:
    """What the chain says of its points. Only those with ``flags == 0`` are scored.

    Attributes
    ----------
    azimuth, range : ndarray of int, (point,)
        Pixel of the stack.
    flags : ndarray of int, (point,)
        :class:`subside.conventions.PointFlag`.
    velocity, velocity_std : ndarray of float, (point,)
        Line-of-sight rate and its standard deviation, m/yr, positive toward the satellite; NaN is unknown.
    series : ndarray of float, (point, date), optional
        Displacement ``-wavelength / (4 pi)`` times the inverted phase before any correction, m.
    dem_error : ndarray of float, (point,), optional
        Estimated height error, m; NaN is unknown.
    is_filtered : ndarray of bool, (point,), optional
        Whether the phase was averaged over neighbours; missing means all were.
    support_noise : ndarray of float, (point,), optional
        Share of noise pixels among the neighbours averaged; missing means the share over the whole window.
    unwrapped, observed : ndarray of float, (point, pair), optional
        Unwrapped phase, and the wrapped phase it was made from, rad.
    pairs : ndarray of int, (pair, 2), optional
        Date indices of the pairs.
    """

    azimuth: npt.NDArray[np.integer[Any]]
    range: npt.NDArray[np.integer[Any]]
    flags: npt.NDArray[np.integer[Any]]
    velocity: npt.NDArray[np.floating[Any]]
    velocity_std: npt.NDArray[np.floating[Any]]
    series: npt.NDArray[np.floating[Any]] | None = None
    dem_error: npt.NDArray[np.floating[Any]] | None = None
    is_filtered: npt.NDArray[np.bool_] | None = None
    support_noise: npt.NDArray[np.floating[Any]] | None = None
    unwrapped: npt.NDArray[np.floating[Any]] | None = None
    observed: npt.NDArray[np.floating[Any]] | None = None
    pairs: npt.NDArray[np.integer[Any]] | None = None

    def __post_init__(self) -> None:
        """Check that every array has one row a point."""
        n = len(self.azimuth)
        for name, value in vars(self).items():
            if value is not None and name != "pairs" and len(value) != n:
                raise ArgumentError(f"`{name}` must have {n} points, got {len(value)}")
        together = [x is None for x in (self.unwrapped, self.observed, self.pairs)]
        if any(together) and not all(together):
            raise ArgumentError("`unwrapped`, `observed` and `pairs` must be given together")

    def subset(self, keep: npt.NDArray[np.bool_]) -> ScoredPoints:
        """Take the points where ``keep`` is true."""
        arrays = {k: v if v is None or k == "pairs" else np.asarray(v)[keep] for k, v in vars(self).items()}
        return ScoredPoints(**arrays)


@dataclass(frozen=True)
class TruthReference:
    """What the chain did to its rates, to be done to the true ones.

    Attributes
    ----------
    weights : ndarray of float, (point,), optional
        Weights of the points in the reference areas; rates are relative to their weighted mean.
        Missing is the mean of all points.
    is_deramped : bool
        Whether a plane was removed on each date.
    ramp_weights : ndarray of float, (point,), optional
        Weights of the points in the fit of the plane; missing is equal weights.
    distance : ndarray of float, (point,), optional
        Distance to the reference, m. Missing is the distance to the nearest point of positive weight.
    """

    weights: npt.NDArray[np.floating[Any]] | None = None
    is_deramped: bool = False
    ramp_weights: npt.NDArray[np.floating[Any]] | None = None
    distance: npt.NDArray[np.floating[Any]] | None = None

    def subset(self, keep: npt.NDArray[np.bool_]) -> TruthReference:
        """Take the points where ``keep`` is true."""
        arrays = {
            k: None if (v := getattr(self, k)) is None else np.asarray(v)[keep]
            for k in ("weights", "ramp_weights", "distance")
        }
        return TruthReference(is_deramped=self.is_deramped, **arrays)
