"""A track of the simulated Heze region at point level: wrapped phases of points, with noise measured on images.

The images of the small variant, put through the chain, gave the noise of each kind of point by the interval of a pair
and how much of it does not close in triplets (:data:`NOISE`). Here each point is drawn with that noise: a fresh part
and a part with memory that belong to dates and close, and a part that belongs to pairs and does not. Points are
independent of each other; on images, filtered neighbours share pixels, which this level does not show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.model.network import Network
from subside.model.points import PointKind
from subside.ops.network import NetworkOptions, SurveyedPairs, build_network
from subside.ops.pairs import admissible
from subside.ops.simulate.heze import FRAME
from subside.ops.simulate.heze_cover import CLASS_NAMES, CLASSES, PIXEL_AREA, SEEN
from subside.ops.simulate.heze_track import Places, TrackModel
from subside.ops.simulate.region import Floats

HALF_WIDTH: Final = 3.0
"""Of the corridor in which points are made, km (Zhu et al. 2020, section 4.2)."""

_POINT_DENSITY: Final = {c.cover.name.lower(): c.point_fraction / PIXEL_AREA * 1e6 for c in CLASSES}
"""Scatterers a track sees per square kilometre of each cover."""


@dataclass(frozen=True)
class StratumNoise:
    """Noise of one kind of point.

    Attributes
    ----------
    cover : str
        Land cover.
    kind : PointKind
        Point or distributed scatterer.
    density : tuple of float
        Points per square kilometre of this cover, by track.
    pair_std : tuple of float
        Standard deviation of the phase of pairs of 12, 24, ... 84 days, rad.
    closure_std : float
        Standard deviation of the sum of the phase errors around triplets, rad.
    spread : float
        Log standard deviation of the noise from point to point.
    """

    cover: str
    kind: PointKind
    density: tuple[float, float]
    pair_std: tuple[float, ...]
    closure_std: float
    spread: float

    @property
    def parts(self) -> tuple[float, float, float]:
        """Variances of a pair's own error, of a date's fresh error and of its error with memory, rad2.

        A triplet sums three errors of pairs; what is left of the pair of 12 days is fresh, and the growth from 12
        to 84 days is that of the part with memory.
        """
        own = self.closure_std**2 / 3
        first, last = self.pair_std[0] ** 2, self.pair_std[-1] ** 2
        grown = np.exp(-12.0 / MEMORY_DAYS) - np.exp(-84.0 / MEMORY_DAYS)
        slow = max(last - first, 0.0) / (2 * grown)
        fresh = max((first - own) / 2 - slow * (1 - np.exp(-12.0 / MEMORY_DAYS)), 0.0)
        return own, fresh, slow

    def pair_variance(self, days: npt.ArrayLike) -> Floats:
        """Variance of the phase of pairs by their interval in days, rad2."""
        own, fresh, slow = self.parts
        return np.asarray(own + 2 * fresh + 2 * slow * (1 - np.exp(-np.asarray(days, np.float64) / MEMORY_DAYS)))


MEMORY_DAYS: Final = 150.0
"""Time in which the slow part of a date's error is forgotten, days."""

_PS, _DS = PointKind.PS, PointKind.DS

NOISE: Final[tuple[StratumNoise, ...]] = (
    StratumNoise("urban", _PS, (832.0, 775.0), (0.193, 0.201, 0.199, 0.208, 0.210, 0.213, 0.218), 0.039, 0.43),
    StratumNoise("urban", _DS, (557.7, 407.4), (0.256, 0.279, 0.265, 0.285, 0.283, 0.300, 0.302), 0.150, 0.25),
    StratumNoise("farmland", _PS, (33.0, 29.0), (0.292, 0.302, 0.320, 0.326, 0.334, 0.353, 0.369), 0.161, 0.45),
    StratumNoise("farmland", _DS, (304.3, 222.3), (0.277, 0.306, 0.321, 0.365, 0.388, 0.468, 0.490), 0.368, 0.22),
    StratumNoise("bare", _PS, (72.0, 60.0), (0.243, 0.259, 0.262, 0.287, 0.281, 0.285, 0.301), 0.155, 0.41),
    StratumNoise("bare", _DS, (460.1, 336.1), (0.268, 0.280, 0.278, 0.310, 0.310, 0.328, 0.350), 0.240, 0.20),
)
"""Measured on the points that the chain keeps of the small variant with seed 0: selected phases less true ones, mean
of both tracks (``t40``: 1,005 points and 86,054 distributed scatterers). Densities of points are those measured;
those of distributed scatterers are thinned, in proportion, to the 473 and 375 points a km2 of Zhu et al. (2020)."""


@dataclass(frozen=True)
class WrappedPoints:
    """Points of a track with a wrapped phase for every pair, to be imported.

    Attributes
    ----------
    longitude, latitude, easting, northing : ndarray of float64, (point,)
        Degrees, and metres in the frame of the scene (ground range, azimuth).
    places : Places
        View, heights.
    kind : ndarray of uint8, (point,)
        :class:`PointKind`.
    stratum : ndarray of uint8, (point,)
        Position in :data:`NOISE`.
    identity : ndarray of int64, (point,)
        Of a point scatterer, the same for both tracks; -1 for distributed ones.
    network : Network
        Pairs.
    phase : ndarray of float32, (point, pair)
        Of the used pairs, rad, wrapped.
    coherence : ndarray of float32, (point,)
        Temporal coherence of the noise.
    """

    longitude: Floats
    latitude: Floats
    places: Places
    kind: npt.NDArray[np.uint8]
    stratum: npt.NDArray[np.uint8]
    identity: npt.NDArray[np.int64]
    network: Network
    phase: npt.NDArray[np.float32]
    coherence: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PointLevel:
    """Points that a track sees within :data:`HALF_WIDTH` of the line.

    Attributes
    ----------
    model : TrackModel
        The track.
    """

    model: TrackModel

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.model.seed, self.model.spec.number, *key])

    @cached_property
    def _drawn(self) -> tuple[Floats, Floats, Floats, npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Easting, northing, own height, stratum and identity, in order of ground range."""
        parts = [*self._scatterers(), *self._distributed()]
        easting, northing, height, stratum, identity = (np.concatenate(v) for v in zip(*parts, strict=True))
        order = np.argsort(FRAME.to_frame(easting, northing)[0], kind="stable")
        return easting[order], northing[order], height[order], stratum[order].astype(np.uint8), identity[order]

    def _near_line(self, easting: Floats, northing: Floats) -> npt.NDArray[np.bool_]:
        u, v = self.model.ground.line_coordinates(easting, northing)
        return np.asarray((np.abs(v) <= HALF_WIDTH) & (u >= 0) & (u <= 150.0))

    def _scatterers(self) -> list[tuple[npt.NDArray[Any], ...]]:
        extent, cover = self.model.extent, self.model.ground.cover
        found = cover.scatterers(extent.x, extent.y)
        draw = found.draw[self.model.spec.number]
        rows = np.flatnonzero((draw < SEEN) & self._near_line(found.easting, found.northing))
        name = np.array(CLASS_NAMES)[cover.class_at(found.easting[rows], found.northing[rows])]
        result: list[tuple[npt.NDArray[Any], ...]] = []
        for k, stratum in enumerate(NOISE):
            if stratum.kind is not PointKind.PS:
                continue
            full = _POINT_DENSITY[stratum.cover]
            own = rows[(name == stratum.cover) & (draw[rows] < SEEN * stratum.density[self.model.spec.number] / full)]
            result.append(
                (
                    found.easting[own],
                    found.northing[own],
                    found.height[own],
                    np.full(len(own), k),
                    found.identity[own],
                )
            )
        return result

    def _distributed(self) -> list[tuple[npt.NDArray[Any], ...]]:
        extent, ground, number = self.model.extent, self.model.ground, self.model.spec.number
        rng = self._rng(72)
        strata = [(k, s) for k, s in enumerate(NOISE) if s.kind is PointKind.DS]
        densest = max(s.density[number] for _, s in strata)
        n = rng.poisson(densest * extent.size[0] * extent.size[1] / 1e6)
        x, y, lot = rng.random((3, n))
        easting, northing = FRAME.to_map(extent.x[0] + x * extent.size[0], extent.y[0] + y * extent.size[1])
        inside = self._near_line(easting, northing)
        easting, northing, lot = easting[inside], northing[inside], lot[inside]
        name = np.array(CLASS_NAMES)[ground.cover.class_at(easting, northing)]
        result: list[tuple[npt.NDArray[Any], ...]] = []
        for k, stratum in strata:
            own = (name == stratum.cover) & (lot < stratum.density[number] / densest)
            none = np.full(int(own.sum()), -1)
            result.append((easting[own], northing[own], np.zeros(len(none)), np.full(len(none), k), none))
        return result

    def network(self) -> Network:
        """Pairs as the stages would choose them, from the coherence that the noise leaves."""
        spec = self.model.spec
        days = (spec.dates - spec.dates[0]).astype(np.float64)
        bperp = spec.bperp.mean(axis=(1, 2))
        pairs, is_regular = admissible(days, bperp, max_bperp=150.0, max_gap_days=84.0)
        counts = np.bincount(self._drawn[3], minlength=len(NOISE))
        gap = days[pairs[:, 1]] - days[pairs[:, 0]]
        coherence = sum(
            (c * np.exp(-s.pair_variance(gap) / 2) for c, s in zip(counts, NOISE, strict=True)), np.zeros(len(pairs))
        )
        survey = SurveyedPairs(days, bperp, pairs, is_regular, coherence / counts.sum(), 0.05, 0.005)
        return build_network(survey, options=NetworkOptions())

    def make(self) -> WrappedPoints:
        """Draw points and phases; holds four bytes a point and pair, and as much again a point and date."""
        easting, northing, height, stratum, identity = self._drawn
        places = self.model.places(easting, northing, height)
        longitude, latitude = self.model.geographic(places)
        network = self.network()
        pairs = network.used
        n, n_dates = len(stratum), len(self.model.spec.dates)
        scale = np.exp(np.array([s.spread for s in NOISE])[stratum] * self._rng(73).standard_normal(n))
        own_std, fresh_std, slow_std = (
            (np.sqrt([s.parts[k] for s in NOISE])[stratum] * scale).astype(np.float32) for k in range(3)
        )
        signal = np.empty((n_dates, n), np.float32)
        noise = np.empty((n_dates, n), np.float32)
        memory = np.zeros(n, np.float32)
        for k in range(n_dates):
            signal[k] = np.mod(self.model.phase(k, places), 2 * np.pi)
            kept = np.exp(-(network.days[k] - network.days[k - 1]) / MEMORY_DAYS) if k else 0.0
            fresh, slow = self._rng(74, k).standard_normal((2, n), dtype=np.float32)
            memory = np.float32(kept) * memory + np.float32(np.sqrt(1 - kept**2)) * slow
            noise[k] = fresh_std * fresh + slow_std * memory
        phase = np.empty((n, len(pairs)), np.float32)
        total = np.zeros(n, np.complex64)
        for column, (i, j) in enumerate(pairs):
            own = own_std * self._rng(75, column).standard_normal(n, dtype=np.float32)
            error = noise[j] - noise[i] + own
            total += np.exp(np.complex64(1j) * error)
            phase[:, column] = np.angle(np.exp(np.complex64(1j) * (signal[j] - signal[i] + error)))
        kind = np.array([s.kind for s in NOISE], np.uint8)[stratum]
        coherence = np.abs(total) / len(pairs)
        return WrappedPoints(
            longitude, latitude, places, kind, stratum, identity, network, phase, coherence.astype(np.float32)
        )
