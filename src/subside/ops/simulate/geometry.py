"""Dates, baselines and viewing geometry of a simulated scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.model.stack import parse_dates
from subside.ops.simulate import fields
from subside.ops.simulate.spec import DatesSpec, GeometrySpec

EARTH_RADIUS = 6_371_000.0
"""Radius of the sphere that stands in for the Earth in the range equations, m."""

_WGS84_A = 6_378_137.0
_WGS84_E2 = 6.694379990141e-3


def make_dates(spec: DatesSpec) -> npt.NDArray[np.datetime64]:
    """List the acquisition dates, (date,) datetime64[D]."""
    steps = np.full(spec.n_dates - 1, spec.interval_days)
    for position, length in spec.gaps:
        steps[min(int(position * len(steps)), len(steps) - 1)] = length
    days = np.concatenate([[0], np.cumsum(steps)])
    result: npt.NDArray[np.datetime64] = parse_dates([spec.start])[0] + days.astype("timedelta64[D]")
    return result


@dataclass(frozen=True)
class View:
    """Viewing geometry of every pixel.

    Attributes
    ----------
    arrays : dict of str to ndarray of float32 or float64, (azimuth, range)
        The fields a stack carries.
    """

    arrays: dict[str, npt.NDArray[np.float64] | npt.NDArray[np.float32]]


def view_angles(
    slant_range: float, incidence: float, ground: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Slant range (m) and incidence angle (rad) at ground ranges (m) from a place where both are known.

    On the sphere of :data:`EARTH_RADIUS`, from a circular orbit.
    """
    re, r0, inc0 = EARTH_RADIUS, slant_range, incidence
    orbit = np.sqrt(re**2 + r0**2 + 2 * re * r0 * np.cos(inc0))
    centre = np.arcsin(r0 * np.sin(inc0) / orbit)
    slant = np.sqrt(re**2 + orbit**2 - 2 * re * orbit * np.cos(centre + ground / re))
    return slant, np.arccos((orbit**2 - re**2 - slant**2) / (2 * re * slant))


def _ranges(geometry: GeometrySpec) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Slant range (m) and incidence angle (rad) of each sample, on the sphere."""
    ground = (np.arange(geometry.samples) - (geometry.samples - 1) / 2) * geometry.range_spacing
    return view_angles(geometry.slant_range, geometry.incidence_angle, np.asarray(ground, np.float64))


def make_view(geometry: GeometrySpec, rng: np.random.Generator) -> View:
    """Compute position and line of sight of every pixel over a smooth random relief."""
    slant, incidence = _ranges(geometry)
    shape = (geometry.lines, geometry.samples)
    heading, look = np.radians(geometry.heading), np.radians(geometry.heading + 90.0)
    along = (np.arange(geometry.lines) - (geometry.lines - 1) / 2)[:, None] * geometry.azimuth_spacing
    across = (np.arange(geometry.samples) - (geometry.samples - 1) / 2)[None, :] * geometry.range_spacing
    east = along * np.sin(heading) + across * np.sin(look)
    north = along * np.cos(heading) + across * np.cos(look)
    sin_lat = np.sin(np.radians(geometry.latitude))
    prime = _WGS84_A / np.sqrt(1 - _WGS84_E2 * sin_lat**2)
    meridian = prime * (1 - _WGS84_E2) / (1 - _WGS84_E2 * sin_lat**2)
    latitude = geometry.latitude + np.degrees(north / meridian)
    longitude = geometry.longitude + np.degrees(east / (prime * np.cos(np.radians(latitude))))
    height = geometry.mean_height + fields.correlated(rng, geometry, geometry.relief, geometry.relief_length)

    def row(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(np.broadcast_to(values, shape)).astype(np.float32)

    return View(
        {
            "height": height.astype(np.float32),
            "longitude": longitude,
            "latitude": latitude,
            "incidence_angle": row(incidence),
            "los_east": row(-np.sin(incidence) * np.sin(look)),
            "los_north": row(-np.sin(incidence) * np.cos(look)),
            "los_up": row(np.cos(incidence)),
            "slant_range": np.ascontiguousarray(np.broadcast_to(slant, shape)),
        }
    )


def make_baselines(spec: DatesSpec, reference_index: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw perpendicular baselines at the corners of the scene, m, (date, 2, 2), zero at the reference date.

    A date's baseline is normal, redrawn within the limit, and changes by about 1 % over the scene.
    """
    mean = rng.normal(0.0, spec.bperp_std, spec.n_dates)
    while np.any(outside := np.abs(mean) > spec.bperp_limit):
        mean[outside] = rng.normal(0.0, spec.bperp_std, int(outside.sum()))
    slope = rng.normal(0.0, 0.01, (spec.n_dates, 2)) * spec.bperp_std
    sign = np.array([-0.5, 0.5])
    corners = mean[:, None, None] + slope[:, 0, None, None] * sign[:, None] + slope[:, 1, None, None] * sign[None, :]
    result: npt.NDArray[np.float64] = corners - corners[reference_index]
    return result
