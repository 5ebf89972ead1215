"""An orbit known in closed form, acquisitions on it, and radar geometry in plain numpy."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from subside.conventions import SPEED_OF_LIGHT
from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath
from subside.model.dem import Dem

EARTH_RATE = 7.2921159e-5
RADIUS = 7.0708e6
ORBIT_RATE = np.sqrt(3.986004418e14 / RADIUS**3)
INCLINATION = np.radians(98.18)
A, F = 6378137.0, 1 / 298.257223563
E2 = F * (2 - F)
PASS = 40000.0
"""Time of the pass over the middle of the scene, s."""


class CircularOrbit:
    """Circular orbit seen from the turning Earth, `cross` and `radial` metres off that over `longitude` at `PASS`."""

    def __init__(self, *, phase: float = 35.0, longitude: float = 20.0, cross: float = 0.0, radial: float = 0.0):
        self.radius, self.cross, self.node, self.phase = RADIUS, 0.0, 0.0, np.radians(phase)
        p = self.state(PASS)[0]
        self.node = np.radians(longitude) - np.arctan2(p[1], p[0])
        self.radius, self.cross = RADIUS + radial, cross

    def state(self, time) -> np.ndarray:
        """Position, velocity, acceleration, (..., 3, 3): the last two differentiated by hand."""
        t = np.asarray(time, float) - PASS
        u = self.phase + ORBIT_RATE * t
        ci, si = np.cos(INCLINATION), np.sin(INCLINATION)
        normal = np.array([0.0, -si, ci])
        inertial = np.stack(
            [
                self.radius * np.stack([np.cos(u), ci * np.sin(u), si * np.sin(u)], -1) + self.cross * normal,
                self.radius * ORBIT_RATE * np.stack([-np.sin(u), ci * np.cos(u), si * np.cos(u)], -1),
                -self.radius * ORBIT_RATE**2 * np.stack([np.cos(u), ci * np.sin(u), si * np.sin(u)], -1),
            ],
            -2,
        )
        w = EARTH_RATE
        angle = self.node - w * t
        c, s, o, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
        turn = np.stack([np.stack([c, -s, o], -1), np.stack([s, c, o], -1), np.stack([o, o, one], -1)], -2)
        rate = -w * np.stack([np.stack([-s, -c, o], -1), np.stack([c, -s, o], -1), np.stack([o, o, o], -1)], -2)
        second = w * w * np.stack([np.stack([-c, s, o], -1), np.stack([-s, -c, o], -1), np.stack([o, o, o], -1)], -2)
        r, v, a = (inertial[..., k, :, None] for k in range(3))
        return np.stack(
            [(turn @ r)[..., 0], (rate @ r + turn @ v)[..., 0], (second @ r + 2 * rate @ v + turn @ a)[..., 0]], -2
        )

    def vectors(self, start: float = PASS - 100, stop: float = PASS + 100, step: float = 10.0) -> Orbit:
        """State vectors as a file gives them."""
        time = np.arange(start, stop + 1e-6, step)
        states = self.state(time)
        return Orbit(time, states[:, 0].copy(), states[:, 1].copy(), "POEORB", "synthetic.EOF")


def acquisition(orbit: CircularOrbit, *, near: float = 800e3, start: float = PASS, date: str = "2020-01-02"):
    """One swath named IW2 of 1500 lines by 20 000 samples, one burst with id 7."""
    zero = RangePolynomial(0.0, (0.0,))
    swath = Swath(
        "IW2", 2 * near / SPEED_OF_LIGHT, 64.345238126e6, 2.0555563e-3, 1500, 20000, 0.0277, 56.5e6, 327e6, 0.75, 0.6,
        (Burst(7, start, start + 1.0, 20, 1479, 100, 19899, zero, zero, "", 0),),
    )  # fmt: skip
    return Acquisition(
        np.datetime64(date, "s"), "S1A", 1, 1, True, "VV", "003.91", 5.405e9, {"IW2": swath}, orbit.vectors(), ("x",)
    )


def ecef(latitude, longitude, height) -> np.ndarray:
    """Earth-fixed coordinates of geodetic ones (degrees, m)."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    n = A / np.sqrt(1 - E2 * np.sin(lat) ** 2)
    rho = (n + height) * np.cos(lat)
    return np.stack([rho * np.cos(lon), rho * np.sin(lon), (n * (1 - E2) + height) * np.sin(lat)], -1)


def closest_approach(orbit: CircularOrbit, point: np.ndarray) -> tuple[float, float]:
    """Zero-Doppler time and range on the exact orbit."""

    def doppler(time: float) -> float:
        p, v, _ = orbit.state(time)
        return float((point - p) @ v)

    time = brentq(doppler, PASS - 90, PASS + 90, xtol=1e-13, rtol=1e-15)
    return time, float(np.linalg.norm(point - orbit.state(time)[0]))


def keys(values: np.ndarray, row: float, column: float) -> float:
    """Cubic convolution with a = -1/2, from its kernel."""

    def weight(x: float) -> float:
        x = abs(x)
        if x < 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    i, j = int(np.floor(row)), int(np.floor(column))
    return sum(
        weight(row - m) * weight(column - n) * float(values[m, n])
        for m in range(i - 1, i + 3)
        for n in range(j - 1, j + 3)
    )


def dem_around(latitude: float, longitude: float, *, half: float, step: float = 1 / 1200, relief=None) -> Dem:
    """DEM centred on a point; `relief(northing, easting)` in metres from there gives the heights."""
    n = int(half / step)
    lat = latitude + step * np.arange(n, -n - 1, -1)
    lon = longitude + step * np.arange(-n, n + 1)
    north = (lat - latitude)[:, None] * 111e3
    east = (lon - longitude)[None] * 111e3 * np.cos(np.radians(latitude))
    height = np.zeros((2 * n + 1, 2 * n + 1)) + (0.0 if relief is None else relief(north, east))
    return Dem(height.astype(np.float32), lat[0], (lon[0] + 180) % 360 - 180, -step, step, "synthetic")
