"""Bursts against the ground: where pixels are, where points are, look vectors, layover and shadow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError, UnknownQuantityError
from subside.kernels.geometry import OrbitArc, geo2rdr, ground_at_height, orbit_states, to_geodetic
from subside.kernels.terrain import Terrain, look_vectors, rdr2geo
from subside.kernels.visibility import visible_crossings
from subside.model.acquisition import Acquisition, Burst, Swath
from subside.model.dem import Dem
from subside.ops.orbit_arc import DEFAULT_VECTORS, fit_orbit

Floats = npt.NDArray[np.float64]

ORBIT_MARGIN: Final = 20.0
"""Seconds of orbit kept before the first and after the last line, where the vectors reach so far."""

FIRST_LOOK_ANGLE: Final = 0.6
"""Look angle from which iterations start, rad: the middle of the IW swaths."""

WALK_SPACING: Final = 10.0
"""Step on the ground of the walk that finds layover and shadow, m."""


@dataclass(frozen=True)
class BurstGeometry:
    """One burst with the orbit polynomial of its acquisition.

    Attributes
    ----------
    acquisition : Acquisition
        The date.
    swath : Swath
        One of its swaths.
    burst : Burst
        One of its bursts. Lines and samples outside the burst are allowed in every function that takes this type.
    arc : OrbitArc
        Orbit, :data:`ORBIT_MARGIN` beyond the acquisition.
    """

    acquisition: Acquisition
    swath: Swath
    burst: Burst
    arc: OrbitArc

    def slow_time(self, lines: Floats) -> Floats:
        """Zero-Doppler time of lines, s since the epoch."""
        return self.swath.slow_time(self.burst, lines)

    def slant_range(self, samples: Floats) -> Floats:
        """Slant range of samples, m."""
        return 0.5 * SPEED_OF_LIGHT * self.swath.fast_time(samples)

    @property
    def middle_time(self) -> float:
        """Zero-Doppler time of the middle of the burst, s since the epoch."""
        return self.burst.time + 0.5 * (self.swath.lines_per_burst - 1) * self.swath.azimuth_time_interval

    @property
    def heading(self) -> float:
        """Direction of flight over the ground at mid-burst, rad clockwise from north, as the turning Earth sees it."""
        position, velocity = orbit_states(self.arc, np.array([self.middle_time]))[0, :2]
        east = np.array([-position[1], position[0], 0.0]) / np.hypot(position[0], position[1])
        north = np.cross(position / np.linalg.norm(position), east)
        return float(np.arctan2(velocity @ east, velocity @ north))


def acquisition_arc(acquisition: Acquisition, *, n_vectors: int = DEFAULT_VECTORS) -> OrbitArc:
    """Fit the orbit of an acquisition, with a margin as far as the vectors reach.

    Parameters
    ----------
    acquisition : Acquisition
        The date; its orbit must cover every line.
    n_vectors : {4, 6}
        See :func:`subside.ops.orbit_arc.fit_orbit`.

    Raises
    ------
    ArgumentError
        If the vectors do not cover the acquisition.
    """
    time = acquisition.orbit.time
    start = min(max(acquisition.start - ORBIT_MARGIN, time[0]), acquisition.start)
    stop = max(min(acquisition.stop + ORBIT_MARGIN, time[-1]), acquisition.stop)
    return fit_orbit(acquisition.orbit, (start, stop), n_vectors=n_vectors)


def burst_geometry(
    acquisition: Acquisition, swath: str, *, burst_id: int, arc: OrbitArc | None = None
) -> BurstGeometry:
    """Join a burst with the orbit of its acquisition.

    Parameters
    ----------
    acquisition : Acquisition
        The date.
    swath : str
        Name of a swath the acquisition has.
    burst_id : int
        Id of a burst the swath has.
    arc : OrbitArc, optional
        From :func:`acquisition_arc`, to fit the orbit once for many bursts.

    Raises
    ------
    ArgumentError
        If the swath or burst is not there, or the orbit does not cover the acquisition.
    """
    if swath not in acquisition.swaths:
        raise ArgumentError(f"`swath` must be one of {sorted(acquisition.swaths)}, got {swath!r}")
    chosen = acquisition.swaths[swath]
    return BurstGeometry(acquisition, chosen, chosen.burst(burst_id), arc or acquisition_arc(acquisition))


def as_terrain(dem: Dem) -> Terrain:
    """Heights of a DEM in the form the kernels take."""
    return Terrain(
        np.ascontiguousarray(dem.height, np.float32),
        float(dem.latitude),
        float(dem.longitude),
        float(dem.latitude_step),
        float(dem.longitude_step),
    )


@dataclass(frozen=True)
class GroundGrid:
    """Ground under lines and samples of a burst.

    Attributes
    ----------
    lines, samples : ndarray of float64, (line,) and (sample,)
        Of the burst.
    latitude, longitude : ndarray of float64, (line, sample)
        Degrees, WGS 84. NaN where the DEM is unknown.
    height : ndarray of float64, (line, sample)
        m above the ellipsoid.
    """

    lines: Floats
    samples: Floats
    latitude: Floats
    longitude: Floats
    height: Floats


def _axis(**named: npt.ArrayLike) -> Floats:
    name, value = next(iter(named.items()))
    array = np.asarray(value, np.float64)
    if array.ndim != 1 or array.size == 0 or not np.all(np.isfinite(array)) or np.any(np.diff(array) <= 0):
        raise ArgumentError(f"`{name}` must be a 1-D ascending array of finite numbers, got shape {array.shape}")
    return array


def ground_grid(geometry: BurstGeometry, dem: Dem, *, lines: npt.ArrayLike, samples: npt.ArrayLike) -> GroundGrid:
    """Find the ground under lines and samples of a burst.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    dem : Dem
        Ellipsoidal heights; interpolated by cubic convolution.
    lines, samples : array-like, (line,) and (sample,)
        Ascending. Zero-Doppler time is ``burst.time + line * interval``, without a bistatic term.

    Returns
    -------
    GroundGrid
        Points whose range and zero-Doppler time are exact and whose height is that of the DEM to 1e-6 m on plain
        ground and 1e-4 m where the terrain is folded. NaN within two postings of a void or of the edge of the DEM; on
        the far side of a void also where the point at the last known height would lie in it.
        In layover one of the crossings is returned; :func:`visibility` marks such pixels.

    Raises
    ------
    ArgumentError
        If lines or samples do not ascend.

    Notes
    -----
    One block of 256 lines of a full burst takes 140 MB; a line does not depend on the other lines, so blocks of lines
    give the same bits as the whole.
    """
    lines = _axis(lines=lines)
    samples = _axis(samples=samples)
    latitude, longitude, height = rdr2geo(
        geometry.slow_time(lines), geometry.slant_range(samples), geometry.arc, as_terrain(dem), FIRST_LOOK_ANGLE
    )
    return GroundGrid(lines, samples, latitude, longitude, height)


def flat_ground(geometry: BurstGeometry, height: float, *, lines: npt.ArrayLike, samples: npt.ArrayLike) -> GroundGrid:
    """Find the ground under lines and samples of a burst as if it lay at one ellipsoidal height.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    height : float
        m above the ellipsoid, -1000 to 10 000.
    lines, samples : array-like, (line,) and (sample,)
        Ascending.

    Returns
    -------
    GroundGrid
        Points at that height; none is NaN.

    Raises
    ------
    ArgumentError
        If lines or samples do not ascend or the height is out of range.
    """
    lines = _axis(lines=lines)
    samples = _axis(samples=samples)
    _check.in_range(-1000.0, 10000.0, height=height)
    point = ground_at_height(
        geometry.slow_time(lines), geometry.slant_range(samples), float(height), geometry.arc, FIRST_LOOK_ANGLE
    )
    geodetic = to_geodetic(point.reshape(-1, 3)).reshape(point.shape)
    return GroundGrid(lines, samples, *(np.ascontiguousarray(geodetic[..., k]) for k in range(3)))


@dataclass(frozen=True)
class RadarCoordinates:
    """Where ground points lie in a burst.

    Attributes
    ----------
    slow_time : ndarray of float64
        Zero-Doppler time, s since the epoch of the acquisition. NaN where the orbit does not see the point.
    slant_range : ndarray of float64
        m.
    line, sample : ndarray of float64
        Of the burst; unlimited, so a point outside the burst has a line or sample outside.
    """

    slow_time: Floats
    slant_range: Floats
    line: Floats
    sample: Floats


def radar_coordinates(
    geometry: BurstGeometry, latitude: npt.ArrayLike, *, longitude: npt.ArrayLike, height: npt.ArrayLike
) -> RadarCoordinates:
    """Find lines and samples of ground points.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    latitude, longitude, height : array-like
        Degrees and m above the ellipsoid, one shape; NaN stays NaN.

    Returns
    -------
    RadarCoordinates
        In the shape of the inputs.

    Notes
    -----
    Newton's rule on ``(x - p(t)) . v(t) = 0`` with the acceleration in the derivative, to 1e-10 s.
    """
    values = [np.asarray(v, np.float64) for v in (latitude, longitude, height)]
    shape = values[0].shape
    if any(v.shape != shape for v in values):
        raise ArgumentError(
            f"`latitude`, `longitude` and `height` must have one shape, got {[v.shape for v in values]}"
        )
    rows = [np.atleast_2d(v) if v.ndim < 2 else v.reshape(-1, shape[-1]) for v in values]
    slow_time, slant_range = (v.reshape(shape) for v in geo2rdr(rows[0], rows[1], rows[2], geometry.arc))
    swath = geometry.swath
    return RadarCoordinates(
        slow_time,
        slant_range,
        (slow_time - geometry.burst.time) / swath.azimuth_time_interval,
        (2.0 * slant_range / SPEED_OF_LIGHT - swath.slant_range_time) * swath.range_sampling_rate,
    )


def bistatic_shift(acquisition: Acquisition, fast_time: npt.ArrayLike) -> Floats:
    """Azimuth time to add to a line's time for absolute positions: ``(tau - tau_mid) / 2``.

    Parameters
    ----------
    acquisition : Acquisition
        Must hold swath IW2, whose middle sample is the origin for all swaths.
    fast_time : array-like
        Two-way fast time, s.

    Returns
    -------
    ndarray of float64
        s, -0.26e-3 to 0.28e-3. It is equal on all dates of a track and cancels in interferometry; the annotated
        geolocation grid contains it in every version of the processor from 2.36 to 3.91.

    Raises
    ------
    UnknownQuantityError
        Without swath IW2.
    """
    if "IW2" not in acquisition.swaths:
        raise UnknownQuantityError(
            "the bistatic term refers to the middle of IW2, which this acquisition does not hold"
        )
    middle = acquisition.swaths["IW2"]
    origin = middle.slant_range_time + middle.samples_per_burst / (2.0 * middle.range_sampling_rate)
    return np.asarray(0.5 * (np.asarray(fast_time, np.float64) - origin))


@dataclass(frozen=True)
class LookVectors:
    """Unit vectors from ground to satellite, and what follows from them.

    Attributes
    ----------
    east, north, up : ndarray of float64, (line, sample)
        1. NaN where the ground is unknown.
    incidence_angle : ndarray of float64, (line, sample)
        Between the look vector and the ellipsoid's normal, rad.
    """

    east: Floats
    north: Floats
    up: Floats
    incidence_angle: Floats


def line_of_sight(geometry: BurstGeometry, ground: GroundGrid) -> LookVectors:
    """Compute look vectors at the ground of a burst.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst ``ground`` was found for.
    ground : GroundGrid
        Points.

    Returns
    -------
    LookVectors
        Toward the satellite at the zero-Doppler time of each line.
    """
    satellite = orbit_states(geometry.arc, geometry.slow_time(ground.lines))[:, 0]
    east, north, up = look_vectors(ground.latitude, ground.longitude, ground.height, np.ascontiguousarray(satellite))
    return LookVectors(east, north, up, np.arccos(np.clip(up, -1.0, 1.0)))


def visibility(
    geometry: BurstGeometry, dem: Dem, *, lines: npt.ArrayLike, samples: npt.ArrayLike, margin: float = 8000.0
) -> npt.NDArray[np.int16]:
    """Count the visible stretches of terrain that share each pixel: layover and shadow.

    Parameters
    ----------
    geometry : BurstGeometry
        The burst.
    dem : Dem
        Ellipsoidal heights; should reach ``margin`` beyond the samples, or slopes out there are not seen.
    lines, samples : array-like, (line,) and (sample,)
        Ascending; samples uniform.
    margin : float
        Ground distance walked before the first and after the last sample, m, at least 0.

    Returns
    -------
    ndarray of int16, (line, sample)
        0 in shadow, 1 on plain ground, 2 or more in layover, -1 where the DEM is unknown.

    Raises
    ------
    ArgumentError
        If lines or samples do not ascend, or samples are not uniform or fewer than two.
    """
    lines = _axis(lines=lines)
    samples = _axis(samples=samples)
    steps = np.diff(samples)
    if steps.size == 0 or not np.allclose(steps, steps[0]):
        raise ArgumentError(f"`samples` must be at least two and uniform, got {samples.size}")
    _check.in_range(0.0, 1e5, margin=margin)
    return visible_crossings(
        geometry.slow_time(lines),
        geometry.slant_range(samples),
        geometry.arc,
        as_terrain(dem),
        FIRST_LOOK_ANGLE,
        WALK_SPACING,
        float(margin),
    )
