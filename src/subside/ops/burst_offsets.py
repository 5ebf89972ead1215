"""Offsets of one date against the reference from orbits alone, for every height."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError
from subside.kernels.geometry import closest_approach, ground_at_height
from subside.model.offsets import N_QUANTITIES, OffsetModel
from subside.ops.geometry import FIRST_LOOK_ANGLE, BurstGeometry

Floats = npt.NDArray[np.float64]

GRID: Final = (8, 24)
"""Lines and samples of the coarse grid: cubic splines on it err by less than 3e-6 line, sample and metre."""

N_NODES: Final = 4
"""Heights per model: a cubic errs by less than 2e-6 m over 5.5 km of height and 450 m of baseline."""


def offset_model(reference: BurstGeometry, secondary: BurstGeometry, *, heights: tuple[float, float]) -> OffsetModel:
    """Model where the ground of a reference burst lies in the same burst of another date.

    For every node of a coarse grid and every node height the ground point at that ellipsoidal height is found with the
    reference orbit, and its zero-Doppler time and range with the orbit of the other date.

    Parameters
    ----------
    reference, secondary : BurstGeometry
        The same burst (swath and burst id) on two dates. They may be the same date, then all offsets are zero.
    heights : tuple of float
        Lowest and highest ellipsoidal height the model will be asked for, m, ascending, within -1000 and 10 000.

    Returns
    -------
    OffsetModel
        Against the direct computation, at heights within ``heights``: below 1e-5 line, 1e-5 sample and 1e-5 m of range
        difference (0.002 rad) for baselines up to 300 m.

    Raises
    ------
    ArgumentError
        If the heights do not ascend, the bursts differ, or the orbit of the secondary does not cover the burst.
    """
    lowest, highest = heights
    if not -1000.0 <= lowest < highest <= 10000.0:
        raise ArgumentError(f"`heights` must ascend within -1000 and 10000 m, got {heights}")
    if (reference.swath.name, reference.burst.burst_id) != (secondary.swath.name, secondary.burst.burst_id):
        raise ArgumentError(
            f"`secondary` must be burst {reference.burst.burst_id} of {reference.swath.name}, "
            f"got {secondary.burst.burst_id} of {secondary.swath.name}"
        )
    line = np.linspace(0.0, reference.swath.lines_per_burst - 1.0, GRID[0])
    sample = np.linspace(0.0, reference.swath.samples_per_burst - 1.0, GRID[1])
    origin = 0.5 * (lowest + highest)
    scale = 0.5 * (highest - lowest)
    node = np.cos(np.pi * (np.arange(N_NODES) + 0.5) / N_NODES)
    slow_time, slant_range = reference.slow_time(line), reference.slant_range(sample)
    time = np.empty((N_NODES, len(line), len(sample)))
    other_range = np.empty_like(time)
    for k, height in enumerate(origin + scale * node):
        point = ground_at_height(slow_time, slant_range, height, reference.arc, FIRST_LOOK_ANGLE)
        seen = closest_approach(point.reshape(-1, 3), secondary.arc)
        time[k], other_range[k] = (v.reshape(time.shape[1:]) for v in seen)
    if not np.all(np.isfinite(time)):
        raise ArgumentError(
            f"`secondary` ({secondary.acquisition.date}) must see burst {reference.burst.burst_id} of "
            f"{reference.swath.name} within the span of its orbit {secondary.acquisition.orbit.file}"
        )
    swath = secondary.swath
    offsets = np.empty((N_QUANTITIES, *time.shape))
    offsets[0] = (time - secondary.burst.time) / swath.azimuth_time_interval - line[:, None]
    offsets[1] = (2.0 * other_range / SPEED_OF_LIGHT - swath.slant_range_time) * swath.range_sampling_rate - sample
    offsets[2] = other_range - slant_range
    to_powers = np.linalg.inv(np.vander(node, increasing=True))
    coefficients = np.einsum("kn,qnls->qkls", to_powers, offsets)
    return OffsetModel(line, sample, origin, scale, np.ascontiguousarray(coefficients))
