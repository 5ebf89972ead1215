"""Range-Doppler geometry: orbit, ellipsoid, ground to radar and radar to ground.

Everything is float64. Angles of ground points are degrees, as in a DEM; times are seconds; lengths are metres.
At one zero-Doppler time the ground lies in the plane through the satellite at right angles to its velocity; a point of
that plane is ``p + R (cos(a) down + sin(a) right)`` with range ``R`` and look angle ``a``. Range and zero Doppler hold
by construction, so that radar to ground is one equation in ``a``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

Floats = npt.NDArray[np.float64]

SEMI_MAJOR = 6378137.0
"""WGS 84, m."""
FLATTENING = 1.0 / 298.257223563
"""WGS 84."""
ECCENTRICITY_2 = FLATTENING * (2.0 - FLATTENING)
"""Square of the first eccentricity."""

_SEMI_MINOR = SEMI_MAJOR * (1.0 - FLATTENING)
_SECOND_ECCENTRICITY_2 = ECCENTRICITY_2 / (1.0 - ECCENTRICITY_2)
DEGREE = math.pi / 180.0
"""rad."""
_TIME_STEP = 1e-10


class OrbitArc(NamedTuple):
    """Piecewise polynomial of an orbit: position is ``sum_k coefficients[piece, axis, k] u**k``.

    ``u = (time - centre[piece]) / half_width[piece]``; a piece is valid between two neighbouring edges.

    Attributes
    ----------
    edges : ndarray of float64, (piece + 1,)
        Times, s, ascending.
    centre, half_width : ndarray of float64, (piece,)
        Origin and scale of the abscissa, s.
    coefficients : ndarray of float64, (piece, 3, power)
        m, Earth-fixed.
    """

    edges: Floats
    centre: Floats
    half_width: Floats
    coefficients: Floats


@kernel
def orbit_state(arc: OrbitArc, time: float) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Position, velocity and acceleration at one time, by Horner's rule; the end pieces serve beyond the edges."""
    piece = 0
    while piece < len(arc.centre) - 1 and time > arc.edges[piece + 1]:
        piece += 1
    scale = 1.0 / arc.half_width[piece]
    u = (time - arc.centre[piece]) * scale
    c = arc.coefficients[piece]
    px = py = pz = vx = vy = vz = ax = ay = az = 0.0
    for k in range(c.shape[1] - 1, -1, -1):
        ax = ax * u + vx
        ay = ay * u + vy
        az = az * u + vz
        vx = vx * u + px
        vy = vy * u + py
        vz = vz * u + pz
        px = px * u + c[0, k]
        py = py * u + c[1, k]
        pz = pz * u + c[2, k]
    twice = 2.0 * scale * scale
    return px, py, pz, vx * scale, vy * scale, vz * scale, ax * twice, ay * twice, az * twice


@kernel
def orbit_states(arc: OrbitArc, time: Floats) -> Floats:
    """Position, velocity and acceleration, (time, 3, 3), m, m/s, m/s2."""
    out = np.empty((len(time), 3, 3))
    for i in range(len(time)):
        state = orbit_state(arc, time[i])
        for k in range(9):
            out[i, k // 3, k % 3] = state[k]
    return out


@kernel
def ecef_of(latitude: float, longitude: float, height: float) -> tuple[float, float, float]:
    """Earth-fixed coordinates of a geodetic position (degrees, m)."""
    sin_lat = math.sin(latitude * DEGREE)
    cos_lat = math.cos(latitude * DEGREE)
    normal = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_2 * sin_lat * sin_lat)
    rho = (normal + height) * cos_lat
    z = (normal * (1.0 - ECCENTRICITY_2) + height) * sin_lat
    return rho * math.cos(longitude * DEGREE), rho * math.sin(longitude * DEGREE), z


@kernel
def vertical(rho: float, z: float) -> tuple[float, float, float]:
    """Sine and cosine of the geodetic latitude, and the ellipsoidal height (Bowring 1976, two passes)."""
    rho = max(rho, 1e-9)
    tangent = z / (rho * (1.0 - FLATTENING))
    for _ in range(2):
        cosine = 1.0 / math.sqrt(1.0 + tangent * tangent)
        sine = tangent * cosine
        tangent = (z + _SECOND_ECCENTRICITY_2 * _SEMI_MINOR * sine * sine * sine) / (
            rho - ECCENTRICITY_2 * SEMI_MAJOR * cosine * cosine * cosine
        )
        latitude_tangent = tangent
        tangent *= 1.0 - FLATTENING
    cos_lat = 1.0 / math.sqrt(1.0 + latitude_tangent * latitude_tangent)
    sin_lat = latitude_tangent * cos_lat
    height = rho * cos_lat + z * sin_lat - SEMI_MAJOR * math.sqrt(1.0 - ECCENTRICITY_2 * sin_lat * sin_lat)
    return sin_lat, cos_lat, height


@kernel
def to_ecef(latitude: Floats, longitude: Floats, height: Floats) -> Floats:
    """Earth-fixed coordinates, (point, 3), m, of geodetic positions (degrees, m), each (point,). NaN stays NaN."""
    out = np.empty((len(latitude), 3))
    for i in range(len(latitude)):
        out[i, 0], out[i, 1], out[i, 2] = ecef_of(latitude[i], longitude[i], height[i])
    return out


@kernel
def to_geodetic(position: Floats) -> Floats:
    """Latitude and longitude (degrees) and height (m), (point, 3), of Earth-fixed positions (point, 3), m."""
    out = np.empty_like(position)
    for i in range(len(position)):
        x, y, z = position[i]
        sin_lat, cos_lat, height = vertical(math.hypot(x, y), z)
        out[i, 0] = math.atan2(sin_lat, cos_lat) / DEGREE
        out[i, 1] = math.atan2(y, x) / DEGREE
        out[i, 2] = height
    return out


@kernel
def _zero_doppler(arc: OrbitArc, x: float, y: float, z: float, start: float) -> tuple[float, float]:
    """Time and range of the closest approach to a point, from a first guess of the time; NaN outside the arc.

    Newton's rule on ``(x - p(t)) . v(t) = 0`` with the acceleration in the derivative.
    """
    first = arc.edges[0]
    last = arc.edges[-1]
    time = start
    for _ in range(20):
        px, py, pz, vx, vy, vz, ax, ay, az = orbit_state(arc, time)
        dx = x - px
        dy = y - py
        dz = z - pz
        value = dx * vx + dy * vy + dz * vz
        slope = dx * ax + dy * ay + dz * az - (vx * vx + vy * vy + vz * vz)
        step = -value / slope
        if abs(step) < _TIME_STEP:
            # the range is stationary here: what is left of the step changes it by less than 1e-12 m
            time += step
            if first <= time <= last:
                return time, math.sqrt(dx * dx + dy * dy + dz * dz)
            return math.nan, math.nan
        moved = min(max(time + step, first - 1.0), last + 1.0)
        if moved == time:
            break
        time = moved
    return math.nan, math.nan


@kernel
def geo2rdr(latitude: Floats, longitude: Floats, height: Floats, arc: OrbitArc) -> tuple[Floats, Floats]:
    """Zero-Doppler time and range of ground points.

    Parameters
    ----------
    latitude, longitude, height : ndarray of float64, (row, column)
        Degrees and m. Each row starts at the middle of the arc and goes on from its left neighbour.
    arc : OrbitArc
        Orbit.

    Returns
    -------
    time, slant_range : ndarray of float64, (row, column)
        s and m; NaN where an input is NaN or the closest approach is outside the arc.
    """
    time = np.empty(latitude.shape)
    slant_range = np.empty(latitude.shape)
    middle = 0.5 * (arc.edges[0] + arc.edges[-1])
    for i in range(latitude.shape[0]):
        start = middle
        for j in range(latitude.shape[1]):
            if math.isnan(latitude[i, j] + longitude[i, j] + height[i, j]):
                time[i, j] = math.nan
                slant_range[i, j] = math.nan
                continue
            x, y, z = ecef_of(latitude[i, j], longitude[i, j], height[i, j])
            time[i, j], slant_range[i, j] = _zero_doppler(arc, x, y, z, start)
            if not math.isnan(time[i, j]):
                start = time[i, j]
    return time, slant_range


@kernel
def zero_doppler_plane(arc: OrbitArc, time: float) -> tuple[Floats, Floats, Floats]:
    """Position of the satellite, and unit vectors down and to the right at right angles to its velocity."""
    px, py, pz, vx, vy, vz, _, _, _ = orbit_state(arc, time)
    speed = math.sqrt(vx * vx + vy * vy + vz * vz)
    vx /= speed
    vy /= speed
    vz /= speed
    along = px * vx + py * vy + pz * vz
    dx = along * vx - px
    dy = along * vy - py
    dz = along * vz - pz
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    dx /= length
    dy /= length
    dz /= length
    right = np.array((dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx))
    return np.array((px, py, pz)), np.array((dx, dy, dz)), right


@kernel
def look_angle_at_height(
    position: Floats, down: Floats, right: Floats, slant_range: float, height: float, start: float
) -> float:
    """Look angle at which the point at that range has that ellipsoidal height; NaN when the range does not reach it."""
    angle = start
    for _ in range(30):
        sine = math.sin(angle)
        cosine = math.cos(angle)
        x = position[0] + slant_range * (cosine * down[0] + sine * right[0])
        y = position[1] + slant_range * (cosine * down[1] + sine * right[1])
        z = position[2] + slant_range * (cosine * down[2] + sine * right[2])
        rho = math.hypot(x, y)
        sin_lat, cos_lat, found = vertical(rho, z)
        qx = cosine * right[0] - sine * down[0]
        qy = cosine * right[1] - sine * down[1]
        qz = cosine * right[2] - sine * down[2]
        slope = slant_range * (cos_lat * (x * qx + y * qy) / rho + sin_lat * qz)
        if slope < 0.01 * slant_range:
            return math.nan
        step: float = min(max((height - found) / slope, -0.1), 0.1)
        angle = angle + step
        if abs(step) * slant_range < 1e-6:
            return angle
    return math.nan


@kernel
def ground_at_height(time: Floats, slant_range: Floats, height: float, arc: OrbitArc, first_angle: float) -> Floats:
    """Earth-fixed points of radar coordinates at one ellipsoidal height.

    Parameters
    ----------
    time, slant_range : ndarray of float64, (line,) and (sample,)
        Zero-Doppler times, s, and ranges, m.
    height : float
        m.
    arc : OrbitArc
        Orbit.
    first_angle : float
        Rough look angle, rad, to start from.

    Returns
    -------
    ndarray of float64, (line, sample, 3)
        m, to 1e-6 m; NaN where the range does not reach that height.
    """
    out = np.empty((len(time), len(slant_range), 3))
    for i in range(len(time)):
        position, down, right = zero_doppler_plane(arc, time[i])
        for j in range(len(slant_range)):
            reach = slant_range[j]
            angle = look_angle_at_height(position, down, right, reach, height, first_angle)
            for k in range(3):
                out[i, j, k] = position[k] + reach * (math.cos(angle) * down[k] + math.sin(angle) * right[k])
    return out


@kernel
def closest_approach(position: Floats, arc: OrbitArc) -> tuple[Floats, Floats]:
    """Zero-Doppler time (s) and range (m), (point,), of Earth-fixed points (point, 3); NaN outside the arc."""
    time = np.empty(len(position))
    slant_range = np.empty(len(position))
    middle = 0.5 * (arc.edges[0] + arc.edges[-1])
    for i in range(len(position)):
        time[i], slant_range[i] = _zero_doppler(arc, position[i, 0], position[i, 1], position[i, 2], middle)
    return time, slant_range
