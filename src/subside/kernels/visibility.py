"""Layover and shadow: how many visible stretches of terrain share the range of a pixel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel
from subside.kernels.geometry import DEGREE, OrbitArc, look_angle_at_height, vertical, zero_doppler_plane
from subside.kernels.terrain import Terrain, terrain_height

Floats = npt.NDArray[np.float64]


@kernel
def _profile_point(
    terrain: Terrain, position: Floats, down: Floats, right: Floats, depth: float, angle: float, radius: float
) -> tuple[float, float, float]:
    """Where a radius of the zero-Doppler plane meets the terrain: distances along ``down`` and ``right``, and radius.

    The plane's centre lies ``depth`` below the satellite; ``radius`` is a first guess. NaN where unknown.
    """
    sine = math.sin(angle)
    cosine = math.cos(angle)
    for _ in range(6):
        along_down = depth - radius * cosine
        along_right = radius * sine
        x = position[0] + along_down * down[0] + along_right * right[0]
        y = position[1] + along_down * down[1] + along_right * right[1]
        z = position[2] + along_down * down[2] + along_right * right[2]
        sin_lat, cos_lat, height = vertical(math.sqrt(x * x + y * y), z)
        ground = terrain_height(terrain, math.atan2(sin_lat, cos_lat) / DEGREE, math.atan2(y, x) / DEGREE)[0]
        step = ground - height
        radius += step
        if math.isnan(step) or abs(step) < 1e-2:
            break
    return depth - radius * cosine, radius * sine, radius


@kernel
def visible_crossings(
    time: Floats,
    slant_range: Floats,
    arc: OrbitArc,
    terrain: Terrain,
    first_angle: float,
    spacing: float,
    margin: float,
) -> npt.NDArray[np.int16]:
    """How many visible stretches of terrain have the range of each pixel: 0 shadow, 1 plain, 2 or more layover.

    The terrain is walked from near to far in the zero-Doppler plane of each line. A stretch is visible when its look
    angle exceeds that of all terrain nearer to the nadir; it counts for the samples between the ranges of its ends.

    Parameters
    ----------
    time : ndarray of float64, (line,)
        Zero-Doppler times, s.
    slant_range : ndarray of float64, (sample,)
        m, uniform, ascending, at least two.
    arc : OrbitArc
        Orbit.
    terrain : Terrain
        Heights.
    first_angle : float
        Rough look angle, rad, to start from.
    spacing : float
        Step of the walk on the ground, m.
    margin : float
        Ground distance walked before the first and beyond the last sample, m.

    Returns
    -------
    ndarray of int16, (line, sample)
        Crossings; -1 where the terrain within the walk was unknown at this range.
    """
    n_samples = len(slant_range)
    count = np.zeros((len(time), n_samples), np.int16)
    per_metre = 1.0 / (slant_range[1] - slant_range[0])
    for i in range(len(time)):
        position, down, right = zero_doppler_plane(arc, time[i])
        depth = -(position[0] * down[0] + position[1] * down[1] + position[2] * down[2])
        near = look_angle_at_height(position, down, right, slant_range[0], 0.0, first_angle)
        far = look_angle_at_height(position, down, right, slant_range[-1], 0.0, near)
        near_across = slant_range[0] * math.sin(near)
        far_across = slant_range[-1] * math.sin(far)
        radius = math.hypot(near_across, depth - slant_range[0] * math.cos(near))
        first = math.asin(near_across / radius) - margin / radius
        last = math.asin(far_across / radius) + margin / radius
        n_steps = math.ceil((last - first) * radius / spacing)
        widest = -math.inf
        before_range = math.nan
        was_visible = False
        known = radius
        for k in range(n_steps + 1):
            along_down, along_right, found = _profile_point(
                terrain, position, down, right, depth, first + k * spacing / radius, known
            )
            reach = math.hypot(along_down, along_right)
            look = math.atan2(along_right, along_down)
            is_visible = look > widest
            if math.isnan(reach):
                lost = first + k * spacing / radius
                at = math.hypot(depth - known * math.cos(lost), known * math.sin(lost))
                sample = int((at - slant_range[0]) * per_metre)
                wide = int(spacing * per_metre) + 1
                for j in range(max(sample - wide, 0), min(sample + wide + 1, n_samples)):
                    if count[i, j] == 0:
                        count[i, j] = -1
            else:
                known = found
                if is_visible and was_visible and not math.isnan(before_range):
                    low = math.ceil((min(reach, before_range) - slant_range[0]) * per_metre)
                    high = math.ceil((max(reach, before_range) - slant_range[0]) * per_metre)
                    for j in range(max(low, 0), min(high, n_samples)):
                        count[i, j] = max(count[i, j], 0) + 1
                if is_visible:
                    widest = look
            was_visible = is_visible
            before_range = reach
    return count
