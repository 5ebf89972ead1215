"""How much the rates of near points differ, against their stated errors.

Motion changes little over a few window lengths, errors of scatterers do: the rate of a point less the mean of two on
opposite sides of it, from which an even gradient of motion cancels, holds what its error does not share with theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from subside import _check

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SAMPLE: Final = 4000
_DIRECTIONS: Final = 3
_OFF_TARGET: Final = 0.35
_LEAST_TRIPLES: Final = 40
_LEAST_LAG: Final = 20.0
_WINDOW: Final = 160.0
_SPACINGS: Final = 3.0
_STEP: Final = 1.5
_MAD: Final = 1.4826
_GOLDEN_ANGLE: Final = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class NearRates:
    """Second differences of the rates of near points in units of their stated errors.

    Attributes
    ----------
    lag, span : ndarray of float64, (lag,)
        Median distance of the outer points from the middle one and from each other, m.
    shared : ndarray of float64, (lag,)
        ``2 r(lag) - r(span) / 2`` with ``r`` the correlation of errors: what the robust variance of
        ``v_i - (v_j + v_k) / 2`` lacks of the 1.5 of independent errors. Below zero where the rates differ by more than
        stated errors can.
    count : ndarray of int64, (lag,)
        Triples.
    """

    lag: FloatArray
    span: FloatArray
    shared: FloatArray
    count: IntArray


def near_rates(easting: FloatArray, northing: FloatArray, rate: FloatArray, std: FloatArray) -> NearRates:
    """Compare the rates of points with those of two on opposite sides, at distances up to some window lengths.

    Parameters
    ----------
    easting, northing : ndarray of float64, (point,)
        m.
    rate, std : ndarray of float64, (point,)
        One unit; points without a finite rate and a positive ``std`` have no part.

    Returns
    -------
    NearRates
        Distances at which fewer than 40 triples are found are left out.
    """
    _check.shape((len(easting),), northing=northing)
    _check.shape((len(easting),), rate=rate)
    _check.shape((len(easting),), std=std)
    known = np.flatnonzero(np.isfinite(rate) & (std > 0))
    if len(known) < _LEAST_TRIPLES:
        return NearRates(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    xy = np.column_stack([easting[known], northing[known]])
    tree = cKDTree(xy)
    start = np.unique(np.linspace(0, len(known) - 1, min(len(known), _SAMPLE)).astype(np.int64))
    spacing = float(np.median(tree.query(xy[start], k=2)[0][:, 1]))
    farthest = max(_WINDOW, _SPACINGS * spacing)
    radius = _LEAST_LAG * _STEP ** np.arange(int(np.log(farthest / _LEAST_LAG) / np.log(_STEP)) + 1)
    found = []
    for r in radius:
        triples = _triples(tree, xy, start, float(r))
        if len(triples) < _LEAST_TRIPLES:
            continue
        i, j, k = known[triples].T
        difference = rate[i] - (rate[j] + rate[k]) / 2
        scaled = difference / np.sqrt((std[i] ** 2 + std[j] ** 2 + std[k] ** 2) / 3)
        outer = np.hypot(*(xy[triples[:, 1]] - xy[triples[:, 2]]).T)
        inner = np.hypot(*(xy[triples[:, 1]] - xy[triples[:, 0]]).T)
        variance = (_MAD * float(np.median(np.abs(scaled)))) ** 2
        found.append((float(np.median(inner)), float(np.median(outer)), 1.5 - variance, len(triples)))
    columns = np.array(found).reshape(-1, 4)
    return NearRates(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3].astype(np.int64))


def _triples(tree: cKDTree, xy: FloatArray, start: IntArray, radius: float) -> IntArray:
    """A point and the nearest ones to two opposite places a radius away; directions turn by the golden angle."""
    found = []
    for turn in range(_DIRECTIONS):
        angle = _GOLDEN_ANGLE * (np.arange(len(start)) + 0.37 * turn)
        step = radius * np.column_stack([np.cos(angle), np.sin(angle)])
        off, sides = zip(*(tree.query(xy[start] + sign * step) for sign in (1, -1)), strict=True)
        near = (off[0] <= _OFF_TARGET * radius) & (off[1] <= _OFF_TARGET * radius)
        distinct = (sides[0] != sides[1]) & (sides[0] != start) & (sides[1] != start)
        found.append(np.column_stack([start, *sides])[near & distinct])
    return np.concatenate(found).astype(np.int64)
