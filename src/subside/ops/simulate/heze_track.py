"""The two tracks over the simulated Heze region: dates, baselines, view, and the phase each place has on each date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside.conventions import SENTINEL1_WAVELENGTH
from subside.errors import ArgumentError
from subside.model.points import GEOGRAPHIC, transform
from subside.ops.simulate import fields
from subside.ops.simulate.geometry import EARTH_RADIUS, view_angles
from subside.ops.simulate.heze import CRS, FRAME, GroundMotion, HezeGround
from subside.ops.simulate.region import Floats
from subside.ops.simulate.spec import GeometrySpec

HEADING: Final = 347.0
"""Of both tracks, degrees (Zhu et al. 2020, Table 1)."""

AZIMUTH_SPACING: Final = 14.0
SLANT_SPACING: Final = 2.33
"""Pixel spacing along azimuth and along slant range, m."""

_ORBIT_HEIGHT: Final = 693_000.0
_UNIT_DAYS: Final = 12
_BPERP_STD, _BPERP_LIMIT = 50.0, 150.0
_TURBULENCE_RMS: Final = (0.35, 1.05)
"""Range over dates of the rms about its own plane of a scene 5.6 km across, rad (that of the other scenes)."""
_TURBULENCE_EXTENT: Final = 5_600.0
_TURBULENCE_OUTER: Final = 60_000.0
"""Extent beyond which turbulence grows no more, m; below, the rms goes with its cube root."""
_RAMP_STD: Final = np.pi / 2 / 40_000.0
"""Of the slope of a date's ramp, rad/m."""
_STRATIFIED_STD: Final = 0.008
"""Of a date's phase per metre of height, rad/m."""


@dataclass(frozen=True)
class TrackSpec:
    """One track.

    Attributes
    ----------
    name : str
        ``t40`` or ``t142``.
    incidence_deg : float
        At mid-scene, degrees (Zhu et al. 2020, Table 1).
    reference : str
        Reference date, YYYYMMDD.
    units_before : int
        Steps of 12 days from the first date to the reference date.
    steps : tuple of int
        Intervals between dates, in steps of 12 days.
    number : int
        0 or 1: which draw decides the scatterers it sees; also enters the random numbers.
    """

    name: str
    incidence_deg: float
    reference: str
    units_before: int
    steps: tuple[int, ...]
    number: int

    @cached_property
    def dates(self) -> npt.NDArray[np.datetime64]:
        """Acquisition dates, datetime64[D]."""
        iso = f"{self.reference[:4]}-{self.reference[4:6]}-{self.reference[6:]}"
        units = np.concatenate([[0], np.cumsum(self.steps)]) - self.units_before
        return np.asarray(np.datetime64(iso) + (units * _UNIT_DAYS).astype("timedelta64[D]"))

    @property
    def reference_index(self) -> int:
        """Position of the reference date."""
        units = np.concatenate([[0], np.cumsum(self.steps)])
        found = np.flatnonzero(units == self.units_before)
        if not len(found):
            raise ArgumentError(f"`steps` of {self.name} must reach the reference date, got {self.steps}")
        return int(found[0])

    @cached_property
    def bperp(self) -> Floats:
        """Perpendicular baselines at the corners, m, (date, 2, 2): facts of the track, the same for every seed."""
        rng = np.random.default_rng([20200801, self.number])
        n = len(self.dates)
        mean = rng.normal(0.0, _BPERP_STD, n)
        mean[self.reference_index] = 0.0
        while np.any(outside := np.abs(mean) > _BPERP_LIMIT):
            mean[outside] = rng.normal(0.0, _BPERP_STD, int(outside.sum()))
        slope = rng.normal(0.0, 0.01, (n, 2)) * _BPERP_STD
        sign = np.array([-0.5, 0.5])
        corners = mean[:, None, None] + slope[:, :1, None] * sign[:, None] + slope[:, 1:, None] * sign
        return np.asarray(corners - corners[self.reference_index])

    @property
    def incidence(self) -> float:
        """At mid-scene, rad."""
        return float(np.radians(self.incidence_deg))

    @property
    def range_spacing(self) -> float:
        """Pixel spacing on the ground along range, m."""
        return float(SLANT_SPACING / np.sin(self.incidence))

    @property
    def slant_range(self) -> float:
        """At mid-scene, m, on the sphere."""
        orbit, cos = EARTH_RADIUS + _ORBIT_HEIGHT, np.cos(self.incidence)
        return float(np.sqrt(orbit**2 - (EARTH_RADIUS * np.sin(self.incidence)) ** 2) - EARTH_RADIUS * cos)


@dataclass(frozen=True)
class Extent:
    """A rectangle of the region's frame, m: ``x`` is ground range, ``y`` is azimuth.

    Attributes
    ----------
    x, y : tuple of float
        First and last.
    """

    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Along ``x`` and ``y``, m."""
        return self.x[1] - self.x[0], self.y[1] - self.y[0]


@dataclass(frozen=True)
class Places:
    """Where a track looks, with what it needs to know there.

    Attributes
    ----------
    x, y : ndarray of float64, (...)
        Frame position, m.
    slant_range, incidence : ndarray of float64, (...)
        m, rad.
    height, height_error : ndarray of float64, (...)
        Of the elevation model, and of the scatterer above it, m.
    motion : GroundMotion
        Of the ground.
    """

    x: Floats
    y: Floats
    slant_range: Floats
    incidence: Floats
    height: Floats
    height_error: Floats
    motion: GroundMotion

    @property
    def los(self) -> Floats:
        """Unit vectors to the satellite, (3, ...): east, north, up."""
        return line_of_sight(self.incidence)


def line_of_sight(incidence: Floats) -> Floats:
    """Unit vectors from the ground to the satellite, (3, ...), of incidence angles in rad."""
    look = np.radians(HEADING + 90.0)
    sin = np.sin(incidence)
    return np.stack([-sin * np.sin(look), -sin * np.cos(look), np.cos(incidence)])


@dataclass(frozen=True)
class TrackModel:
    """What a track sees of the ground, date by date; everything in it follows from its attributes.

    Attributes
    ----------
    spec : TrackSpec
        The track.
    ground : HezeGround
        The ground.
    extent : Extent
        The scene.
    seed : int
        Of delays and ramps (and of speckle).
    grid : float
        Spacing at which the turbulence is made, m.
    """

    spec: TrackSpec
    ground: HezeGround
    extent: Extent
    seed: int
    grid: float = 50.0

    def places(self, easting: Floats, northing: Floats, own_height: npt.ArrayLike = 0.0) -> Places:
        """Prepare places given by map coordinates; ``own_height`` of scatterers above the ground adds to the error."""
        x, y = FRAME.to_frame(easting, northing)
        middle = (self.extent.x[0] + self.extent.x[1]) / 2
        slant, incidence = view_angles(self.spec.slant_range, self.spec.incidence, x - middle)
        cover = self.ground.cover
        return Places(
            x=x,
            y=y,
            slant_range=slant,
            incidence=incidence,
            height=cover.height(easting, northing),
            height_error=cover.height_error(easting, northing) + np.asarray(own_height, np.float64),
            motion=self.ground.motion(easting, northing),
        )

    def geographic(self, places: Places) -> tuple[Floats, Floats]:
        """Longitude and latitude, degrees."""
        return transform(*FRAME.to_map(places.x, places.y), source=CRS, target=GEOGRAPHIC)

    def _streams(self, date: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 61, self.spec.number, date])

    def delay(self, date: int, places: Places) -> Floats:
        """Turbulence, stratified delay and ramp of a date, rad."""
        rng = self._streams(date)
        size = self.extent.size
        shape = [max(int(np.ceil(s / self.grid)) + 3, 16) for s in size]
        coarse = GeometrySpec(lines=shape[1], samples=shape[0], azimuth_spacing=self.grid, range_spacing=self.grid)
        across = min(max(size), _TURBULENCE_OUTER) / _TURBULENCE_EXTENT
        screen = fields.turbulence(rng, coarse, rng.uniform(*_TURBULENCE_RMS) * across ** (1 / 3))
        per_metre = _STRATIFIED_STD * rng.standard_normal()
        slope = _RAMP_STD * rng.standard_normal(2)
        at = [(places.y - self.extent.y[0]) / self.grid + 1, (places.x - self.extent.x[0]) / self.grid + 1]
        delay = ndimage.map_coordinates(screen, [a.ravel() for a in at], order=1, mode="nearest").reshape(at[0].shape)
        delay += per_metre * (places.height - 50.0)
        delay += slope[0] * (places.x - self.extent.x[0]) + slope[1] * (places.y - self.extent.y[0])
        return np.asarray(delay)

    def height_factor(self, date: int, places: Places) -> Floats:
        """Phase per metre of height, rad/m."""
        c = self.spec.bperp[date]
        u = (places.y - self.extent.y[0]) / self.extent.size[1]
        v = (places.x - self.extent.x[0]) / self.extent.size[0]
        bperp = (1 - u) * ((1 - v) * c[0, 0] + v * c[0, 1]) + u * ((1 - v) * c[1, 0] + v * c[1, 1])
        return np.asarray(4 * np.pi / SENTINEL1_WAVELENGTH * bperp / (places.slant_range * np.sin(places.incidence)))

    def displacement(self, date: int, places: Places) -> Floats:
        """Line-of-sight motion since the first date, m toward the satellite."""
        los = places.los
        return places.motion.along(los, self.spec.dates[date]) - places.motion.along(los, self.spec.dates[0])

    def phase(self, date: int, places: Places) -> Floats:
        """Delay, height error and motion of a date, rad, ``4 pi / wavelength`` times the range."""
        moved = -4 * np.pi / SENTINEL1_WAVELENGTH * self.displacement(date, places)
        return self.delay(date, places) + self.height_factor(date, places) * places.height_error + moved
