"""Rates of a track as a corridor uses them: vertical where the line of sight is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.points import PointSet
from subside.ops.corridor.chainage import LinePositions
from subside.ops.point_covariance import ErrorCorrelation

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackRates:
    """Rates of one track as a corridor uses them.

    Attributes
    ----------
    name : str
        Name of the track.
    points : PointSet
        The points, only those with a rate.
    rate, std : ndarray of float64, (point,)
        m/yr, negative sinks.
    factor : ndarray of float64, (point,)
        What the line-of-sight series was multiplied by: ``1 / los_up``, or 1.
    component : str
        ``vertical`` (line of sight divided by its vertical part: nothing moves sideways) or ``line of sight``.
    correlation : ErrorCorrelation
        Of the errors of the points.
    positions : LinePositions
        Of the points along the line.
    """

    name: str
    points: PointSet
    rate: FloatArray
    std: FloatArray
    factor: FloatArray
    component: Literal["vertical", "line of sight"]
    correlation: ErrorCorrelation
    positions: LinePositions


def vertical_rates(points: PointSet) -> tuple[FloatArray, FloatArray, Literal["vertical", "line of sight"]]:
    """Rates along the vertical where the line of sight is known, else along the line of sight.

    Parameters
    ----------
    points : PointSet
        Points of one track.

    Returns
    -------
    factor : ndarray of float64, (point,)
        ``1 / los_up`` of each point (its own, else the track's mean); 1 where the whole track has none.
    std : ndarray of float64, (point,)
        Standard deviation times the factor, m/yr. Points without one take the largest of the track.
    component : str
        Which component the product of rate and factor is.

    Raises
    ------
    ArgumentError
        If no point has a standard deviation, or lines of sight are known but none looks up (an east component).
    """
    up = points.los[:, 2]
    if np.isfinite(up).any() and not (up > 0).any():
        raise ArgumentError(
            f"`los` of {points.name} must have an upward part for rates to tell of sinking, got none above 0: a "
            "component of east or north motion cannot be read as a profile of sinking; give the vertical component "
            "or a line of sight"
        )
    known = np.isfinite(up) & (up > 0)
    component: Literal["vertical", "line of sight"] = "vertical" if known.any() else "line of sight"
    factor = 1.0 / np.where(known, up, np.mean(up[known])) if known.any() else np.ones(points.n_points)
    std = points.velocity_std
    usable = np.isfinite(std) & (std > 0)
    if not usable.any():
        raise ArgumentError(
            f"`velocity_std` of {points.name} must be known for at least one point, got none; without standard "
            "deviations no interval can be given: add the column velocity_std"
        )
    return factor, np.where(usable, std, std[usable].max()) * factor, component


def same_component(tracks: Sequence[TrackRates]) -> None:
    """Refuse tracks of which some are vertical and others along a line of sight that is not known.

    Parameters
    ----------
    tracks : sequence of TrackRates
        Those of one line.

    Raises
    ------
    ArgumentError
        If components differ: their mean would be neither, and their difference no disagreement.
    """
    blind = [t.name for t in tracks if t.component == "line of sight"]
    if 0 < len(blind) < len(tracks):
        raise ArgumentError(
            f"`points` must all have lines of sight, or none, to be combined, got none for {', '.join(blind)}: rates "
            "along an unknown line of sight and vertical ones have no mean; give columns los_east, los_north and "
            "los_up, or leave the set out"
        )
