"""Points joined by the arcs of a triangulation: shares, planes and connected parts, by sums over arcs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Arcs = npt.NDArray[np.integer[Any]]

_SORT_CELL: Final = 300.0
"""Points of a cell of this size (m) are triangulated one after the other, which keeps the search short."""
_JITTER: Final = 0.01
"""Shift of points before triangulation, m: a lattice has ties, and coincident points no triangle."""
_FAR: Final = 5.0
"""Arcs longer than this multiple of the median join no neighbourhood; their steps still count."""


@dataclass(frozen=True)
class Planes:
    """Planes through the values of two rings of arcs around each point.

    Attributes
    ----------
    gradient : ndarray of float64, (point,)
        Length of the gradient, unit of the values per m.
    scatter : ndarray of float64, (point,)
        Weighted rms about the plane, in the unit of the values.
    """

    gradient: FloatArray
    scatter: FloatArray


@dataclass(frozen=True)
class ArcGraph:
    """Points and the arcs between them.

    Attributes
    ----------
    place : ndarray of float64, (point, 2)
        Easting and northing from their mean, m.
    arcs : ndarray of int, (arc, 2)
        Indices of the ends, each arc once.
    """

    place: FloatArray
    arcs: Arcs

    @classmethod
    def of(cls, easting: FloatArray, northing: FloatArray, arcs: Arcs | None = None) -> ArcGraph:
        """Join points by given arcs, or by those of their Delaunay triangulation.

        Parameters
        ----------
        easting, northing : ndarray of float64, (point,)
            m, finite.
        arcs : ndarray of int, (arc, 2), optional
            Arcs that exist already.

        Returns
        -------
        ArcGraph
        """
        place = np.column_stack([easting - easting.mean(), northing - northing.mean()])
        return cls(place, _delaunay_arcs(place) if arcs is None else arcs)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self.place)

    @cached_property
    def length(self) -> FloatArray:
        """Length of each arc, m, (arc,)."""
        ends = self.place[self.arcs]
        return np.asarray(np.hypot(*(ends[:, 1] - ends[:, 0]).T))

    @cached_property
    def _near(self) -> csr_array:
        """Neighbours of each point and the point itself."""
        n = self.n_points
        first, second = self.arcs[self.length <= _FAR * np.median(self.length)].T
        own = np.arange(n)
        rows, columns = np.concatenate([first, second, own]), np.concatenate([second, first, own])
        return csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))

    @cached_property
    def spacing(self) -> FloatArray:
        """Mean length of the arcs at each point, without far ones, m, (point,); 0 where there is none."""
        is_near = self.length <= _FAR * np.median(self.length)
        ends, length = self.arcs[is_near], self.length[is_near]
        total, count = np.zeros(self.n_points), np.zeros(self.n_points)
        for side in (0, 1):
            total += np.bincount(ends[:, side], length, self.n_points)
            count += np.bincount(ends[:, side], minlength=self.n_points)
        return total / np.maximum(count, 1.0)

    def share(self, is_one: BoolArray) -> FloatArray:
        """Share of a property among each point and its neighbours, (point,)."""
        return np.asarray(self._near @ is_one.astype(np.float64) / self._degree)

    def wide_share(self, is_one: BoolArray) -> FloatArray:
        """The same over two rings, near points counted more often, (point,)."""
        near = self._near
        return np.asarray(near @ (near @ is_one.astype(np.float64)) / (near @ self._degree))

    def arc_share(self, is_one: BoolArray) -> FloatArray:
        """Share of the arcs at each point that have a property, (point,); 0 where there is no arc."""
        ones, count = np.zeros(self.n_points), np.zeros(self.n_points)
        for side in (0, 1):
            ones += np.bincount(self.arcs[:, side], is_one, self.n_points)
            count += np.bincount(self.arcs[:, side], minlength=self.n_points)
        return ones / np.maximum(count, 1.0)

    def parts(self, is_open: BoolArray) -> npt.NDArray[np.int64]:
        """Label of the connected part of each point over the arcs that are open, (point,)."""
        first, second = self.arcs[is_open].T
        n = self.n_points
        graph = csr_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
        return np.asarray(connected_components(graph, directed=False)[1], np.int64)

    def planes(self, values: FloatArray) -> Planes:
        """Fit planes by least squares, one reweighting against outliers.

        A point counts in all planes with the weight ``min(1, 2 s / |r|)`` of its residual ``r`` in its own first
        plane, with ``s`` the rms of residuals around it, those beyond six times the median cut.

        Parameters
        ----------
        values : ndarray of float64, (point,)
            Finite.

        Returns
        -------
        Planes
        """
        first = self._fit(values, np.ones(self.n_points))
        size = np.abs(first[1])
        cut = np.minimum(size, 6.0 * np.median(size)) ** 2
        scale = np.sqrt((self._near @ (self._near @ cut)) / (self._near @ self._degree))
        weights = 1.0 / np.maximum(size / np.maximum(2.0 * scale, 1e-12), 1.0)
        gradient, _, scatter = self._fit(values, weights)
        return Planes(gradient, scatter)

    @cached_property
    def _degree(self) -> FloatArray:
        return np.asarray(self._near.sum(axis=1))

    def _fit(self, values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Gradient, residual of each point in its own plane, and rms about the plane."""
        x, y = self.place.T
        terms = [np.ones_like(x), x, y, values, x * x, x * y, y * y, x * values, y * values, values * values]
        sums = self._near @ (self._near @ (np.stack(terms, axis=1) * weights[:, None]))
        _, mx, my, mv, mxx, mxy, myy, mxv, myv, mvv = (sums / sums[:, :1]).T
        xx, xy, yy = mxx - mx * mx, mxy - mx * my, myy - my * my
        xv, yv, vv = mxv - mx * mv, myv - my * mv, mvv - mv * mv
        determinant = np.maximum(xx * yy - xy * xy, 1e-6 * (xx + yy) ** 2 + 1e-12)
        slope_x, slope_y = (yy * xv - xy * yv) / determinant, (xx * yv - xy * xv) / determinant
        residual = values - mv - slope_x * (x - mx) - slope_y * (y - my)
        scatter = np.sqrt(np.maximum(vv - slope_x * xv - slope_y * yv, 0.0))
        return np.hypot(slope_x, slope_y), residual, scatter


def _delaunay_arcs(place: FloatArray) -> npt.NDArray[np.int64]:
    column, row = np.floor(place / _SORT_CELL).astype(np.int64).T
    order = np.lexsort((row, column))
    shift = _JITTER * (np.random.default_rng(len(place)).random(place.shape) - 0.5)
    triangles = order[Delaunay((place + shift)[order]).simplices]
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    key = np.unique(sides.min(axis=1).astype(np.int64) * len(place) + sides.max(axis=1))
    return np.column_stack(np.divmod(key, len(place)))
