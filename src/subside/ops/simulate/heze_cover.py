"""Land cover, heights and point scatterers of the simulated Heze region, as functions of position on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.ops.simulate.region import CurvedLine, Floats, FourierField, Frame, JitteredCells, Whole, hashed
from subside.ops.simulate.scenes import scene
from subside.ops.simulate.spec import LandClass, LandCover

CLASSES: Final[tuple[LandClass, ...]] = scene("chain").speckle.classes
"""Land classes with the coherence of the ``chain`` scene, in the order of every class index here."""

CLASS_NAMES: Final = tuple(c.cover.name.lower() for c in CLASSES)

_REGIONS: Final = ("plain", "village", "city", "coalfield")
_SHARES: Final = np.array(
    [
        # urban, farmland, bare, water, vegetation
        [0.02, 0.78, 0.08, 0.02, 0.10],
        [0.76, 0.04, 0.10, 0.01, 0.09],
        [0.68, 0.08, 0.10, 0.02, 0.12],
        [0.04, 0.66, 0.17, 0.04, 0.09],
    ]
)
_INDEX: Final = {c.cover: k for k, c in enumerate(CLASSES)}
_ORDER: Final = tuple(
    _INDEX[c] for c in (LandCover.URBAN, LandCover.FARMLAND, LandCover.BARE, LandCover.WATER, LandCover.VEGETATION)
)

SEGMENT_SIZE: Final = 200.0
"""Mean side of a land-cover segment, m."""

PIXEL_AREA: Final = 14.0 * 3.70
"""Ground area of a pixel that the point fractions of the classes refer to, m2."""

SEEN: Final = 0.5
"""Probability with which a track sees a point scatterer, so that half of the points of one are points of the other."""

_TILE: Final = 500.0
_RIVER_HALF_WIDTH: Final = 35.0
_RIVER_FIRST, _RIVER_SPACING = 5_200.0, 17_000.0


@dataclass(frozen=True)
class Segments:
    """Backscatter and coherence of the segments that places lie in.

    Attributes
    ----------
    class_index : ndarray of uint8
        Position in :data:`CLASSES`.
    number : ndarray of int64
        Identifies the segment.
    power, gamma_0, gamma_inf, tau_days : ndarray of float32
        Backscatter (linear), coherence at no lag and at long lags, decay time in days (infinite for noise).
    """

    class_index: npt.NDArray[np.uint8]
    number: Whole
    power: npt.NDArray[np.float32]
    gamma_0: npt.NDArray[np.float32]
    gamma_inf: npt.NDArray[np.float32]
    tau_days: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scatterers:
    """Point scatterers on the ground.

    Attributes
    ----------
    easting, northing : ndarray of float64, (point,)
        m.
    height : ndarray of float64, (point,)
        Of the scatterer above the ground, m.
    ratio_db : ndarray of float64, (point,)
        Peak power over that of the clutter of the pixel, dB.
    draw : ndarray of float64, (2, point)
        Uniform; track ``k`` sees the points with ``draw[k] < SEEN``.
    identity : ndarray of int64, (point,)
        The same for both tracks.
    """

    easting: Floats
    northing: Floats
    height: Floats
    ratio_db: Floats
    draw: Floats
    identity: Whole


@dataclass(frozen=True)
class Cover:
    """Land cover of the region.

    Attributes
    ----------
    seed : int
        Of the region.
    frame : Frame
        Of the region.
    line : CurvedLine
        Railway.
    zone_1, zone_2 : tuple of float
        Ends of the zones, km: the city lies around the first, the coalfield around the second.
    """

    seed: int
    frame: Frame
    line: CurvedLine
    zone_1: tuple[float, float]
    zone_2: tuple[float, float]

    @property
    def _cells(self) -> JitteredCells:
        return JitteredCells(self.seed, 31, SEGMENT_SIZE)

    @property
    def _villages(self) -> JitteredCells:
        return JitteredCells(self.seed, 34, 1900.0, 0.3)

    @cached_property
    def _relief(self) -> FourierField:
        return FourierField(self.seed, 12, 2000.0, 48)

    @cached_property
    def _height_error(self) -> FourierField:
        return FourierField(self.seed, 13, 150.0, 160)

    def height(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Height of the reference elevation model, m: a plain at 50 m with a relief of 4 m."""
        return 50.0 + 4.0 * self._relief.at(*self.frame.to_frame(easting, northing))

    def height_error(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Ground less elevation model, m: 3.5 m, correlated over 150 m, the same for both tracks."""
        return 3.5 * self._height_error.at(*self.frame.to_frame(easting, northing))

    # -- where the city, the villages and the coalfield are ------------------------------------------

    def _place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return self.line.chainage(x) / 1000, (y - self.line.offset(x)) / 1000

    @property
    def city(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ellipse of the city: middle and half axis along the line, and across it, km."""
        first, last = self.zone_1
        shift = min(0.8, 0.05 * (last - first))
        return ((first + last) / 2 + shift, (last - first) / 2 - shift), (0.4, 4.6)

    def _beyond_city(self, x: Floats, y: Floats) -> Floats:
        """Distance beyond the edge of the city, km, negative inside."""
        u, v = self._place(x, y)
        (middle, half), (offset, height) = self.city
        return (np.hypot((u - middle) / half, (v - offset) / height) - 1) * height

    def _beyond_coalfield(self, x: Floats, y: Floats) -> Floats:
        u, v = self._place(x, y)
        first, last = self.zone_2
        du = np.maximum(first - 0.6 - u, u - last - 1.0)
        return np.maximum(du, np.maximum(v - 9.0, -13.5 - v))

    def _beyond_village(self, x: Floats, y: Floats) -> Floats:
        """Distance beyond the edge of the nearest village, km; a town in twelve villages."""
        cells = self._villages
        beyond = np.full(np.shape(x), np.inf)
        for i, j in cells.neighbours(x, y):
            cx, cy = cells.seed_of(i, j)
            draw = hashed(self.seed, 36, i, j)
            radius = 0.16 + 0.22 * hashed(self.seed, 37, i, j) + np.where(draw > 0.92, 0.5, 0.0)
            beyond = np.minimum(beyond, np.hypot(x - cx, y - cy) / 1000 - np.where(draw < 0.1, -9.0, radius))
        return beyond

    def open_country(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """1 in open country, 0 in the city, villages and the coalfield; smooth over some 150 m around villages."""
        x, y = self.frame.to_frame(easting, northing)
        share = _rise(self._beyond_village(x, y), 0.15) * _rise(self._beyond_city(x, y), 0.5)
        return np.asarray(share * _rise(self._beyond_coalfield(x, y), 0.5))

    def _region(self, x: Floats, y: Floats) -> npt.NDArray[np.intp]:
        region = np.where(self._beyond_coalfield(x, y) < 0, 3, 0)
        region = np.where(self._beyond_village(x, y) < 0, 1, region)
        return np.asarray(np.where(self._beyond_city(x, y) < 0, 2, region), np.intp)

    # -- segments ------------------------------------------------------------------------------------

    def seeds(self, column: Whole, row: Whole) -> tuple[Floats, Floats]:
        """Frame position of the seeds of segments, m; a segment is the Voronoi cell of its seed."""
        return self._cells.seed_of(column, row)

    def class_of_cells(self, column: Whole, row: Whole) -> npt.NDArray[np.uint8]:
        """Position in :data:`CLASSES` of segments given by lattice column and row, rivers aside."""
        region = self._region(*self._cells.seed_of(column, row))
        drawn = hashed(self.seed, 38, column, row)
        edges = np.cumsum(_SHARES, axis=1)[:, :-1][region]
        position = (drawn[..., None] >= edges).sum(axis=-1)
        return np.asarray(np.array(_ORDER, np.uint8)[position])

    def river_course(self, middle: float, y: Floats) -> tuple[Floats, float]:
        """``x`` of the middle of the river that crosses ``y = 0`` at ``middle``, and its half width, m."""
        return middle + 700 * np.sin(2 * np.pi * y / 6000.0) + 0.25 * y, _RIVER_HALF_WIDTH

    def river_courses(self, x_range: tuple[float, float]) -> list[float]:
        """Where the rivers that may touch a range of ``x`` cross ``y = 0``, m."""
        first, last = (int((x - _RIVER_FIRST) // _RIVER_SPACING) for x in (x_range[0] - 6000.0, x_range[1] + 6000.0))
        return [_RIVER_FIRST + k * _RIVER_SPACING for k in range(first, last + 1)]

    def river_crossings(self) -> list[float]:
        """Chainages at which rivers cross the line, km."""
        x = np.arange(self.line.start, self.line.start + self.line.length, 5.0)
        edge = np.flatnonzero(np.diff(self.river(x, self.line.offset(x)).astype(int)) == 1)
        chainage = self.line.chainage(x[edge]) / 1000
        return [float(c) for c in chainage if c < self.line.length / 1000 - 1]

    def river(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Places in one of the rivers, which cross the line every 17 km."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        course, half = self.river_course(_RIVER_FIRST, y)
        beside = (x - course + _RIVER_SPACING / 2) % _RIVER_SPACING - _RIVER_SPACING / 2
        return np.asarray(np.abs(beside) < half)

    def class_at(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Position in :data:`CLASSES` of the cover at places."""
        return self.segments(easting, northing).class_index

    def segments(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Segments:
        """Look up the segments of places; one segment is one radar target for both tracks."""
        x, y = self.frame.to_frame(easting, northing)
        column, row = self._cells.cell_of(x, y)
        first = (int(column.min(initial=0)), int(row.min(initial=0)))
        width = int(row.max(initial=0)) - first[1] + 1
        flat, inverse = np.unique((column - first[0]) * width + (row - first[1]), return_inverse=True)
        c, r = flat // width + first[0], flat % width + first[1]
        index = self.class_of_cells(c, r)
        values = self._parameters(index, c, r)
        inverse = inverse.reshape(x.shape)
        river, water = self.river(x, y), _INDEX[LandCover.WATER]
        out_class = np.where(river, np.uint8(water), index[inverse])
        of_river = (10 ** (CLASSES[water].backscatter_db / 10), 0.0, 0.0, np.inf)
        spread = [np.where(river, np.float32(w), v[inverse]) for v, w in zip(values, of_river, strict=True)]
        number = np.where(river, -1, ((c + 2**20) * 2**21 + r + 2**20)[inverse])
        return Segments(out_class, number, spread[0], spread[1], spread[2], spread[3])

    def _parameters(
        self, index: npt.NDArray[np.uint8], column: Whole, row: Whole
    ) -> tuple[npt.NDArray[np.float32], ...]:
        def of_class(name: str) -> Floats:
            return np.array([getattr(c, name) for c in CLASSES], np.float64)[index]

        def normal(salt: int) -> Floats:
            one, two = hashed(self.seed, salt, column, row), hashed(self.seed, salt + 1, column, row)
            return np.asarray(np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * two))

        def uniform(name: str, salt: int) -> Floats:
            bounds = of_class(name)
            return np.asarray(bounds[:, 0] + np.diff(bounds, axis=1)[:, 0] * hashed(self.seed, salt, column, row))

        power = 10 ** ((of_class("backscatter_db") + of_class("backscatter_std_db") * normal(41)) / 10)
        gamma_0, gamma_inf = uniform("gamma_0", 43), uniform("gamma_inf", 44)
        tau = of_class("tau_days") * np.exp(of_class("tau_spread") * normal(45))
        tau[gamma_0 == 0] = np.inf
        return tuple(v.astype(np.float32) for v in (power, gamma_0, gamma_inf, tau))

    # -- point scatterers ----------------------------------------------------------------------------

    def scatterers(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> Scatterers:
        """List the point scatterers in a rectangle of the frame (m): Poisson, at the densities of the classes.

        A scatterer exists whatever the rectangle it is asked for by.
        """
        densest = max(c.point_fraction for c in CLASSES) / PIXEL_AREA / SEEN
        columns, rows = (
            np.arange(np.floor(low / _TILE), np.ceil(high / _TILE), dtype=np.int64) for low, high in (x_range, y_range)
        )
        parts = []
        for a in columns.tolist():
            for b in rows.tolist():
                # Seeds must not be negative: tiles are counted from far outside the region.
                rng = np.random.default_rng([self.seed, 51, a + 2**20, b + 2**20])
                n = rng.poisson(densest * _TILE**2)
                drawn = rng.random((6, n))
                height = rng.standard_normal(n)
                identity = ((a + 2**10) * 2**11 + b + 2**10) * 2**16 + np.arange(n)
                parts.append((drawn, height, identity, np.full(n, a), np.full(n, b)))
        drawn = np.concatenate([p[0] for p in parts], axis=1)
        height, identity, i, j = (np.concatenate([p[k] for p in parts]) for k in (1, 2, 3, 4))
        x, y = (i + drawn[0]) * _TILE, (j + drawn[1]) * _TILE
        easting, northing = self.frame.to_map(x, y)
        share = np.array([c.point_fraction for c in CLASSES])[self.class_at(easting, northing)]
        keep = drawn[2] < share / max(c.point_fraction for c in CLASSES)
        keep &= (x >= x_range[0]) & (x < x_range[1]) & (y >= y_range[0]) & (y < y_range[1])
        return Scatterers(
            easting[keep],
            northing[keep],
            3.6 * height[keep],
            3.0 + 13.0 * drawn[3, keep],
            drawn[4:6, keep],
            identity[keep].astype(np.int64),
        )


def _rise(distance: Floats, width: float) -> Floats:
    """0 at and before the edge, 1 from ``width`` beyond it on, smooth."""
    t = np.clip(distance / width, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))
