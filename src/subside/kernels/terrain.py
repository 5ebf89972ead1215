"""Radar geometry over terrain: interpolated heights, radar to ground, look vectors.

Everything is float64 except the heights of the terrain, which may hold NaN. Angles of ground points are degrees. At one
zero-Doppler time and range the look angle is the only unknown, and radar to ground is one equation in it: height of the
point equals height of the terrain.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel
from subside.kernels.geometry import (
    DEGREE,
    ECCENTRICITY_2,
    SEMI_MAJOR,
    OrbitArc,
    look_angle_at_height,
    vertical,
    zero_doppler_plane,
)

Floats = npt.NDArray[np.float64]

_GROUND_STEP = 1e-4
_LINEAR_STEP = 0.02
_LARGEST_STEP = 3000.0
_MAX_STEPS = 8
_LOWEST = -600.0
_HIGHEST = 9000.0


class Terrain(NamedTuple):
    """Heights on a geographic grid, as :class:`subside.model.dem.Dem` holds them.

    Attributes
    ----------
    height : ndarray of float32, (row, column)
        m above the ellipsoid, NaN where unknown.
    latitude, longitude : float
        Degrees, centre of the first row and column.
    latitude_step, longitude_step : float
        Degrees; negative and positive.
    """

    height: npt.NDArray[np.float32]
    latitude: float
    longitude: float
    latitude_step: float
    longitude_step: float


@kernel
def terrain_height(terrain: Terrain, latitude: float, longitude: float) -> tuple[float, float, float]:
    """Height and its derivatives along latitude and longitude (m per degree), by cubic convolution (Keys 1981).

    NaN when one of the 4 x 4 heights is unknown or outside.
    """
    offset = longitude - terrain.longitude
    if offset < -180.0:
        offset += 360.0
    elif offset > 180.0:
        offset -= 360.0
    row = (latitude - terrain.latitude) / terrain.latitude_step
    column = offset / terrain.longitude_step
    if not (1.0 <= row < terrain.height.shape[0] - 2 and 1.0 <= column < terrain.height.shape[1] - 2):
        return math.nan, 0.0, 0.0
    i = int(row)
    j = int(column)
    u = column - j
    a = ((2.0 - u) * u - 1.0) * u * 0.5
    b = ((3.0 * u - 5.0) * u * u + 2.0) * 0.5
    c = ((4.0 - 3.0 * u) * u + 1.0) * u * 0.5
    d = (u - 1.0) * u * u * 0.5
    da = ((4.0 - 3.0 * u) * u - 1.0) * 0.5
    db = (9.0 * u - 10.0) * u * 0.5
    dc = ((8.0 - 9.0 * u) * u + 1.0) * 0.5
    dd = (3.0 * u - 2.0) * u * 0.5
    t = row - i
    height = 0.0
    by_row = 0.0
    by_column = 0.0
    for k in range(4):
        if k == 0:
            w = ((2.0 - t) * t - 1.0) * t * 0.5
            dw = ((4.0 - 3.0 * t) * t - 1.0) * 0.5
        elif k == 1:
            w = ((3.0 * t - 5.0) * t * t + 2.0) * 0.5
            dw = (9.0 * t - 10.0) * t * 0.5
        elif k == 2:
            w = ((4.0 - 3.0 * t) * t + 1.0) * t * 0.5
            dw = ((8.0 - 9.0 * t) * t + 1.0) * 0.5
        else:
            w = (t - 1.0) * t * t * 0.5
            dw = (3.0 * t - 2.0) * t * 0.5
        h0 = np.float64(terrain.height[i - 1 + k, j - 1])
        h1 = np.float64(terrain.height[i - 1 + k, j])
        h2 = np.float64(terrain.height[i - 1 + k, j + 1])
        h3 = np.float64(terrain.height[i - 1 + k, j + 2])
        across = a * h0 + b * h1 + c * h2 + d * h3
        height += w * across
        by_row += dw * across
        by_column += w * (da * h0 + db * h1 + dc * h2 + dd * h3)
    return height, by_row / terrain.latitude_step, by_column / terrain.longitude_step


@kernel
def terrain_heights(terrain: Terrain, latitude: Floats, longitude: Floats) -> Floats:
    """Interpolated heights, (point,), m; NaN within two postings of a void or of the edge."""
    out = np.empty(len(latitude))
    for i in range(len(latitude)):
        out[i] = terrain_height(terrain, latitude[i], longitude[i])[0]
    return out


@kernel
def _excess(
    terrain: Terrain,
    position: Floats,
    down: Floats,
    right: Floats,
    slant_range: float,
    angle: float,
    stand_in: float,
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    """Height above the terrain of the point at a range and look angle, with what Newton's rule needs.

    Returns the excess and its derivatives by angle and range; latitude, longitude and height of the point and their
    derivatives by angle; and the terrain's height (NaN when unknown; ``stand_in`` is used for the excess then).
    """
    sine = math.sin(angle)
    cosine = math.cos(angle)
    wx = cosine * down[0] + sine * right[0]
    wy = cosine * down[1] + sine * right[1]
    wz = cosine * down[2] + sine * right[2]
    qx = cosine * right[0] - sine * down[0]
    qy = cosine * right[1] - sine * down[1]
    qz = cosine * right[2] - sine * down[2]
    x = position[0] + slant_range * wx
    y = position[1] + slant_range * wy
    z = position[2] + slant_range * wz
    rho = math.sqrt(x * x + y * y)
    sin_lat, cos_lat, height = vertical(rho, z)
    cos_lon = x / rho
    sin_lon = y / rho
    latitude = math.atan2(sin_lat, cos_lat) / DEGREE
    longitude = math.atan2(y, x) / DEGREE
    ground, by_latitude, by_longitude = terrain_height(terrain, latitude, longitude)
    used = ground
    if math.isnan(ground):
        used = stand_in
        by_latitude = 0.0
        by_longitude = 0.0
    root = 1.0 - ECCENTRICITY_2 * sin_lat * sin_lat
    normal = SEMI_MAJOR / math.sqrt(root)
    per_north = 1.0 / (DEGREE * (normal * (1.0 - ECCENTRICITY_2) / root + height))
    per_east = 1.0 / (DEGREE * (normal + height) * cos_lat)
    outward = cos_lon * qx + sin_lon * qy
    latitude_rate = slant_range * (cos_lat * qz - sin_lat * outward) * per_north
    longitude_rate = slant_range * (cos_lon * qy - sin_lon * qx) * per_east
    height_rate = slant_range * (cos_lat * outward + sin_lat * qz)
    by_angle = height_rate - by_latitude * latitude_rate - by_longitude * longitude_rate
    outward = cos_lon * wx + sin_lon * wy
    by_range = (
        cos_lat * outward
        + sin_lat * wz
        - by_latitude * (cos_lat * wz - sin_lat * outward) * per_north
        - by_longitude * (cos_lon * wy - sin_lon * wx) * per_east
    )
    return (
        height - used,
        by_angle,
        by_range,
        latitude,
        longitude,
        height,
        latitude_rate,
        longitude_rate,
        height_rate,
        ground,
    )


@kernel
def _by_bisection(
    terrain: Terrain,
    position: Floats,
    down: Floats,
    right: Floats,
    slant_range: float,
    start: float,
    stand_in: float,
) -> float:
    """Look angle of a crossing of the terrain, for pixels where Newton's rule finds none (layover, sharp ridges)."""
    low = look_angle_at_height(position, down, right, slant_range, _LOWEST, start)
    high = look_angle_at_height(position, down, right, slant_range, _HIGHEST, start)
    if math.isnan(low) or math.isnan(high):
        return math.nan
    while (high - low) * slant_range > _GROUND_STEP:
        middle = 0.5 * (low + high)
        if _excess(terrain, position, down, right, slant_range, middle, stand_in)[0] < 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def rdr2geo(
    time: Floats, slant_range: Floats, arc: OrbitArc, terrain: Terrain, first_angle: float
) -> tuple[Floats, Floats, Floats]:
    """Ground points of radar coordinates on the terrain.

    Parameters
    ----------
    time : ndarray of float64, (line,)
        Zero-Doppler times, s.
    slant_range : ndarray of float64, (sample,)
        m, ascending. Each line starts at the ellipsoid and goes on from its left neighbour along the slope.
    arc : OrbitArc
        Orbit.
    terrain : Terrain
        Heights.
    first_angle : float
        Rough look angle, rad, to start from.

    Returns
    -------
    latitude, longitude, height : ndarray of float64, (line, sample)
        Degrees and m. NaN where the terrain is unknown. In layover one of the crossings.
    """
    n_lines = len(time)
    n_samples = len(slant_range)
    latitude = np.empty((n_lines, n_samples))
    longitude = np.empty((n_lines, n_samples))
    height = np.empty((n_lines, n_samples))
    for i in range(n_lines):
        position, down, right = zero_doppler_plane(arc, time[i])
        guess = look_angle_at_height(position, down, right, slant_range[0], 0.0, first_angle)
        stand_in = 0.0
        for j in range(n_samples):
            reach = slant_range[j]
            angle = guess
            step = math.nan
            for k in range(_MAX_STEPS + 1):
                if k == _MAX_STEPS:
                    angle = _by_bisection(terrain, position, down, right, reach, guess, stand_in)
                excess, by_angle, by_range, lat, lon, high, lat_rate, lon_rate, high_rate, ground = _excess(
                    terrain, position, down, right, reach, angle, stand_in
                )
                if not math.isnan(ground):
                    stand_in = ground
                step = -excess / by_angle
                if abs(step) * reach < _LINEAR_STEP:
                    break
                if k < _MAX_STEPS:
                    limit = _LARGEST_STEP / reach
                    angle += min(max(step, -limit), limit)
                else:
                    step = 0.0
            is_known = not math.isnan(ground)
            latitude[i, j] = lat + step * lat_rate if is_known else math.nan
            longitude[i, j] = lon + step * lon_rate if is_known else math.nan
            height[i, j] = high + step * high_rate if is_known else math.nan
            guess = angle + step
            if j + 1 < n_samples:
                steepest = max(by_angle, 0.1 * reach)
                guess -= by_range / steepest * (slant_range[j + 1] - reach)
    return latitude, longitude, height


@kernel
def look_vectors(
    latitude: Floats, longitude: Floats, height: Floats, satellite: Floats
) -> tuple[Floats, Floats, Floats]:
    """East, north and up of the unit vector from ground to satellite.

    Parameters
    ----------
    latitude, longitude, height : ndarray of float64, (line, sample)
        Degrees and m; NaN gives NaN.
    satellite : ndarray of float64, (line, 3)
        Position of the satellite at each line, m.

    Returns
    -------
    east, north, up : ndarray of float64, (line, sample)
        1.
    """
    east = np.empty(latitude.shape)
    north = np.empty(latitude.shape)
    up = np.empty(latitude.shape)
    for i in range(latitude.shape[0]):
        for j in range(latitude.shape[1]):
            sin_lat = math.sin(latitude[i, j] * DEGREE)
            cos_lat = math.cos(latitude[i, j] * DEGREE)
            sin_lon = math.sin(longitude[i, j] * DEGREE)
            cos_lon = math.cos(longitude[i, j] * DEGREE)
            normal = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_2 * sin_lat * sin_lat)
            rho = (normal + height[i, j]) * cos_lat
            ux = satellite[i, 0] - rho * cos_lon
            uy = satellite[i, 1] - rho * sin_lon
            uz = satellite[i, 2] - (normal * (1.0 - ECCENTRICITY_2) + height[i, j]) * sin_lat
            scale = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
            outward = cos_lon * ux + sin_lon * uy
            east[i, j] = (cos_lon * uy - sin_lon * ux) * scale
            north[i, j] = (cos_lat * uz - sin_lat * outward) * scale
            up[i, j] = (cos_lat * outward + sin_lat * uz) * scale
    return east, north, up
