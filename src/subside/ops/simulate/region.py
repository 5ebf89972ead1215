"""A region of ground: shapes, random fields and patterns that are functions of position, one truth for all tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from subside.errors import ArgumentError

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_LINE_STEP = 10.0
"""Spacing of the table of arc lengths, m."""


def hashed(seed: int, salt: int, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Draw a uniform number for each cell of a lattice, the same wherever and whenever it is asked for.

    Parameters
    ----------
    seed, salt : int
        Of the region and of the quantity.
    first, second : array-like of int
        Cell numbers.

    Returns
    -------
    ndarray of float64
        In [0, 1), by the finaliser of splitmix64 (Steele, Lea and Flood 2014, OOPSLA).
    """
    a = np.asarray(first, np.int64).astype(np.uint64)
    b = np.asarray(second, np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = np.full(np.broadcast_shapes(a.shape, b.shape), np.uint64(seed) * _MIX[0] + np.uint64(salt), np.uint64)
        for part in (a, b):
            mixed = (mixed ^ part) + _MIX[0]
            mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[1]
            mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[2]
            mixed = mixed ^ (mixed >> np.uint64(31))
    result: Floats = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return result


@dataclass(frozen=True)
class FourierField:
    """A stationary Gaussian field of unit variance and covariance ``exp(-(r/length)**2)``, known at any place.

    A sum of cosines with random wavenumbers and phases (Shinozuka and Jan 1972, Journal of Sound and Vibration).

    Attributes
    ----------
    seed : int
        Non-negative.
    salt : int
        Tells fields of one region apart.
    length : float
        Correlation length, m.
    n_waves : int
        Number of cosines.
    """

    seed: int
    salt: int
    length: float
    n_waves: int = 96

    @cached_property
    def _waves(self) -> tuple[Floats, Floats, Floats]:
        rng = np.random.default_rng([self.seed, self.salt])
        k = rng.standard_normal((2, self.n_waves)) * np.sqrt(2.0) / self.length
        return k[0], k[1], rng.uniform(0, 2 * np.pi, self.n_waves)

    def at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Evaluate the field at positions in metres."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        total = np.zeros(x.shape)
        for kx, ky, phase in zip(*self._waves, strict=True):
            total += np.cos(kx * x + ky * y + phase)
        result: Floats = total * np.sqrt(2.0 / self.n_waves)
        return result


@dataclass(frozen=True)
class Frame:
    """Right-handed frame of a region: ``x`` along an axis, ``y`` to its left, from a point of the map.

    Attributes
    ----------
    easting, northing : float
        Origin, m.
    azimuth : float
        Of the axis, degrees clockwise from the north of the map grid.
    convergence : float
        True azimuth less grid azimuth at the origin, degrees.
    """

    easting: float
    northing: float
    azimuth: float
    convergence: float = 0.0

    @property
    def _axis(self) -> tuple[float, float]:
        angle = np.radians(self.azimuth)
        return float(np.sin(angle)), float(np.cos(angle))

    def to_frame(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Turn map coordinates into frame coordinates, m."""
        de = np.asarray(easting, np.float64) - self.easting
        dn = np.asarray(northing, np.float64) - self.northing
        sin, cos = self._axis
        return de * sin + dn * cos, -de * cos + dn * sin

    def to_map(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Turn frame coordinates into map coordinates, m."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        sin, cos = self._axis
        return self.easting + x * sin - y * cos, self.northing + x * cos + y * sin

    def turn(self, along: Floats, left: Floats) -> tuple[Floats, Floats]:
        """Turn a vector of the frame into its parts toward true east and true north."""
        angle = np.radians(self.azimuth + self.convergence)
        sin, cos = float(np.sin(angle)), float(np.cos(angle))
        return along * sin - left * cos, along * cos + left * sin


@dataclass(frozen=True)
class CurvedLine:
    """A gently bent line along the axis of a frame: ``y = sum a sin(2 pi x / l + p)``.

    Attributes
    ----------
    start : float
        ``x`` of chainage 0, m.
    length : float
        Along the line, m.
    waves : tuple of (float, float, float)
        Amplitude (m), wavelength (m) and phase (rad).
    """

    start: float
    length: float
    waves: tuple[tuple[float, float, float], ...]

    def offset(self, x: npt.ArrayLike) -> Floats:
        """``y`` of the line, m."""
        x = np.asarray(x, np.float64)
        return np.asarray(sum((a * np.sin(2 * np.pi * x / w + p) for a, w, p in self.waves), np.zeros(x.shape)))

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        margin = 60_000.0
        x = np.arange(self.start - margin, self.start + self.length + margin, _LINE_STEP)
        s = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(self.offset(x))))])
        return x, s - np.interp(self.start, x, s)

    def chainage(self, x: npt.ArrayLike) -> Floats:
        """Length along the line from its start to the place with the given ``x``, m; continued beyond the ends."""
        table_x, table_s = self._table
        return np.interp(np.asarray(x, np.float64), table_x, table_s)

    def position(self, chainage: npt.ArrayLike) -> tuple[Floats, Floats]:
        """``x`` and ``y`` of a chainage, m."""
        table_x, table_s = self._table
        x = np.interp(np.asarray(chainage, np.float64), table_s, table_x)
        return x, self.offset(x)


@dataclass(frozen=True)
class Panel:
    """Subsidence over a mined rectangle after the probability-integral method (Liu and Liao 1965; Litwiniszyn 1956).

    Subsidence is ``W0 F(x) G(y)`` with ``F = (erf(q (x - start)) - erf(q (x - face))) / 2``, ``q = sqrt(pi) / r``, and
    the same across; horizontal motion is ``b r grad W``, toward the middle.

    Attributes
    ----------
    x, y : float
        Middle of the starting edge, m.
    length, width : float
        Along and across the advance, m.
    subsidence : float
        ``W0``, m; a rate (m/yr) where the shape is used for one.
    radius : float
        Radius of influence ``r``, m.
    horizontal : float
        Ratio ``b`` of horizontal motion to ``r`` times tilt.
    first_day, speed : float
        Day on which the face starts, and its advance, m/day.
    """

    x: float
    y: float
    length: float
    width: float
    subsidence: float
    radius: float
    horizontal: float = 0.3
    first_day: float = 0.0
    speed: float = 3.0

    def __post_init__(self) -> None:
        """Refuse a panel without extent."""
        if min(self.length, self.width, self.radius) <= 0:
            raise ArgumentError(f"`length`, `width` and `radius` must be positive, got {self}")

    def reaches(self, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
        """Places where the finished panel moves the ground by more than about a millionth of ``W0``."""
        far = 3.0 * self.radius
        inside = (x > self.x - far) & (x < self.x + self.length + far)
        return np.asarray(inside & (np.abs(y - self.y) < self.width / 2 + far))

    def advanced(self, day: float) -> float:
        """Length mined by a day, m."""
        return float(np.clip((day - self.first_day) * self.speed, 0.0, self.length))

    def motion(self, x: Floats, y: Floats, mined: float) -> tuple[Floats, Floats, Floats]:
        """Motion along, left and up (m, or m/yr) when ``mined`` metres of the panel are out."""
        q = np.sqrt(np.pi) / self.radius
        edges_x, edges_y = (x - self.x, x - self.x - mined), (y - self.y + self.width / 2, y - self.y - self.width / 2)
        f, df = _step_pair(edges_x, q)
        g, dg = _step_pair(edges_y, q)
        scale = self.horizontal * self.radius * self.subsidence
        return scale * df * g, scale * f * dg, -self.subsidence * f * g


def _step_pair(edges: tuple[Floats, Floats], q: float) -> tuple[Floats, Floats]:
    """Half the difference of two error functions, and its derivative."""
    value = 0.5 * (special.erf(q * edges[0]) - special.erf(q * edges[1]))
    slope = q / np.sqrt(np.pi) * (np.exp(-((q * edges[0]) ** 2)) - np.exp(-((q * edges[1]) ** 2)))
    return np.asarray(value), np.asarray(slope)


@dataclass(frozen=True)
class JitteredCells:
    """Voronoi cells of a jittered lattice of seeds.

    Attributes
    ----------
    seed, salt : int
        Of the random numbers.
    size : float
        Spacing of the lattice, m.
    jitter : float
        Largest shift of a seed, fraction of the spacing, at most 0.5.
    """

    seed: int
    salt: int
    size: float
    jitter: float = 0.42

    def seed_of(self, column: npt.ArrayLike, row: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Position of the seed of a cell, m."""
        shift = [self.jitter * (2 * hashed(self.seed, self.salt + k, column, row) - 1) for k in (0, 1)]
        x = (np.asarray(column) + 0.5 + shift[0]) * self.size
        return np.asarray(x), np.asarray((np.asarray(row) + 0.5 + shift[1]) * self.size)

    def neighbours(self, x: Floats, y: Floats) -> list[tuple[Whole, Whole]]:
        """Columns and rows of the nine lattice cells around places."""
        column, row = (np.floor(np.asarray(v) / self.size).astype(np.int64) for v in (x, y))
        return [(column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]

    def cell_of(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Whole, Whole]:
        """Column and row of the cell whose seed is nearest, of the nine around."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        nearest = np.full(x.shape, np.inf)
        column, row = np.zeros(x.shape, np.int64), np.zeros(x.shape, np.int64)
        for i, j in self.neighbours(x, y):
            sx, sy = self.seed_of(i, j)
            distance = (x - sx) ** 2 + (y - sy) ** 2
            closer = distance < nearest
            nearest = np.where(closer, distance, nearest)
            column, row = np.where(closer, i, column), np.where(closer, j, row)
        return column, row
