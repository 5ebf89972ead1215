"""Where motion is too steep for points and pairs: whole cycles may be lost there, and rates come out too small.

Between neighbouring points a pair of images carries at most half a cycle, a quarter of a wavelength along the line of
sight. Rates that broke this limit are folded: they can look calm, and patches that were cut off keep a smooth inside.
So arcs whose rates differ by more than the pairs carry are walls, and what walls and steep or rough ground close off
from the rest is at risk with them; as are loops that do not close beside such ground, and voids ringed by steep motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside import _check
from subside.conventions import DAYS_PER_YEAR, SENTINEL1_WAVELENGTH, PointFlag
from subside.errors import ArgumentError
from subside.model.points import PointSet
from subside.ops.basins.arc_graph import ArcGraph, Arcs

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_UNTRUSTED: Final = int(PointFlag.UNWRAP_SUSPECT | PointFlag.ISOLATED_COMPONENT)
_FEWEST: Final = 30
_LONG: Final = 0.9
"""Quantile of the spans of the pairs: a point is lost when its long pairs are, and its short ones alone do not help."""

_SEEDS: Final = 0.05
"""Share of a patch of open loops that must be at risk for another reason."""


@dataclass(frozen=True)
class AliasOptions:
    """Rules of the mask.

    Attributes
    ----------
    allowance : float
        Share of the quarter wavelength that motion may take up; the rest is for noise.
    roughness : float
        Scatter of rates about a plane through their neighbourhood that is not noise, as a multiple of the usual one.
    untrusted_share : float
        Share of points with open loops in a neighbourhood that puts it at risk, where it is joined to ground that is at
        risk for another reason: loops stay open for want of coherence as well.
    least_load : float
        Scatter below this share of the limit, times the allowance, is noise however calm the rest of the scene is.
    cell : float
        Side of the cells in which voids are looked for, m.
    void : float
        Shortest side of a void, m, in whole cells.
    seed_share : float
        Share of a neighbourhood that must show a reason for the reason of one point to count, a lone one being an
        outlier; and of the arcs at a point that must be walls.
    growth_share : float
        Share of a neighbourhood at risk that puts a point at risk too: what is folded can look calm.
    """

    allowance: float = 0.5
    roughness: float = 5.0
    untrusted_share: float = 0.3
    least_load: float = 0.1
    cell: float = 50.0
    void: float = 150.0
    seed_share: float = 0.2
    growth_share: float = 0.3

    def __post_init__(self) -> None:
        """Check ranges."""
        _check.in_range(0.05, 1.0, allowance=self.allowance)
        _check.in_range(1.0, 100.0, roughness=self.roughness)
        _check.in_range(0.0, 1.0, untrusted_share=self.untrusted_share)
        _check.in_range(0.0, 1.0, least_load=self.least_load)
        _check.in_range(1.0, 10_000.0, cell=self.cell)
        _check.in_range(self.cell, 100_000.0, void=self.void)
        _check.in_range(0.0, 1.0, seed_share=self.seed_share)
        _check.in_range(0.0, 1.0, growth_share=self.growth_share)


@dataclass(frozen=True)
class AliasRisk:
    """Points around which cycles may be lost, and why.

    Attributes
    ----------
    is_at_risk : ndarray of bool, (point,)
        Any of the reasons, in the neighbourhood too.
    is_wall, is_steep, is_rough, is_open, is_closed, is_void : ndarray of bool, (point,)
        The reasons: steps to neighbours beyond the limit; gradient of the plane beyond it; rates that scatter; loops
        that do not close, beside such ground; closed off from the largest part of the scene; edge of a void ringed by
        steep motion.
    gradient : ndarray of float64, (point,)
        Rate gradient of the plane through the neighbourhood, (m/yr)/m; NaN where it is not known.
    load : ndarray of float64, (point,)
        Motion between neighbouring points over a pair, as a share of the quarter wavelength.
    limit : float
        Gradient times spacing over which half a cycle is reached in a pair, m/yr.
    pair_days : float
        Span of the pairs that was taken, days.
    """

    is_at_risk: BoolArray
    is_wall: BoolArray
    is_steep: BoolArray
    is_rough: BoolArray
    is_open: BoolArray
    is_closed: BoolArray
    is_void: BoolArray
    gradient: FloatArray
    load: FloatArray
    limit: float
    pair_days: float


def alias_risk(
    points: PointSet,
    *,
    pair_days: npt.NDArray[np.floating] | None = None,
    arcs: Arcs | None = None,
    options: AliasOptions | None = None,
) -> AliasRisk:
    """Find points around which motion may be too steep for the pairs to carry.

    A pair of ``T`` days carries a difference of rates of ``wavelength / (4 T)`` between neighbours. ``T`` is the
    span that one pair in ten exceeds; across voids the median, as gradients at their edge are noisier than steps.

    Parameters
    ----------
    points : PointSet
        All points of a track, flagged ones included: the flags are evidence.
    pair_days : ndarray of float, (pair,), optional
        Spans of the pairs used, days. None takes the intervals between dates.
    arcs : ndarray of int, (arc, 2), optional
        Neighbouring points, as a triangulation joined them; None triangulates. Points whose rate is NaN drop out.
    options : AliasOptions, optional
        Rules.

    Returns
    -------
    AliasRisk
        All false, with an unknown gradient, for sets of fewer than 30 points.

    Raises
    ------
    ArgumentError
        If neither pairs nor two dates are known, or arcs name points that are not there.
    """
    rules = options or AliasOptions()
    span = _span(points, pair_days)
    wavelength = points.source.wavelength if np.isfinite(points.source.wavelength) else SENTINEL1_WAVELENGTH
    limit = wavelength / 4.0 * DAYS_PER_YEAR / span
    n = points.n_points
    known = np.flatnonzero(np.isfinite(points.velocity))
    if len(known) < _FEWEST:
        never = np.zeros(n, bool)
        unknown = np.full(n, np.nan)
        return AliasRisk(never, never, never, never, never, never, never, unknown, unknown, limit, span)
    graph = ArcGraph.of(points.easting[known], points.northing[known], _known_arcs(arcs, known, n))
    rate = points.velocity[known]
    planes = graph.planes(rate)
    load = planes.gradient * graph.spacing / limit
    is_steep = load > rules.allowance
    usual = _usual_roughness(planes.scatter, points.kind[known])
    is_rough = planes.scatter > np.maximum(rules.roughness * usual, rules.allowance * limit * rules.least_load)
    is_void = _void_edges(graph.place, planes.gradient, limit=limit * span / _span(points, pair_days, 0.5), rules=rules)
    breaks = np.abs(rate[graph.arcs[:, 1]] - rate[graph.arcs[:, 0]]) > rules.allowance * limit
    is_wall = graph.arc_share(breaks) > rules.seed_share
    own = is_steep | is_rough | is_void
    rim = is_wall | (own & (graph.share(own) > rules.seed_share))
    rim |= graph.share(rim) > rules.growth_share
    is_closed = _closed_off(graph, rim, breaks)
    untrusted = (points.flags[known] & _UNTRUSTED) != 0
    is_open = _joined(graph, graph.wide_share(untrusted) > rules.untrusted_share, rim | is_closed)
    return AliasRisk(
        is_at_risk=_scattered(rim | is_closed | is_open, known, n),
        is_wall=_scattered(is_wall, known, n),
        is_steep=_scattered(is_steep, known, n),
        is_rough=_scattered(is_rough, known, n),
        is_open=_scattered(is_open, known, n),
        is_closed=_scattered(is_closed, known, n),
        is_void=_scattered(is_void, known, n),
        gradient=_scattered_values(planes.gradient, known, n),
        load=_scattered_values(load, known, n),
        limit=limit,
        pair_days=span,
    )


def _closed_off(graph: ArcGraph, rim: BoolArray, breaks: BoolArray) -> BoolArray:
    """Points that no chain of arcs without a wall joins to the largest part of the scene, the rim left out."""
    passes = ~breaks & ~np.asarray(rim[graph.arcs].any(axis=1))
    label = graph.parts(passes)
    size = np.bincount(label[~rim], minlength=int(label.max()) + 1)
    return np.asarray((label != int(np.argmax(size))) & ~rim & (graph.spacing > 0))


def _joined(graph: ArcGraph, is_one: BoolArray, seed: BoolArray) -> BoolArray:
    """Points of a property in a connected patch of it that holds or touches seeds, not just a few."""
    either = is_one | seed
    label = graph.parts(np.asarray(either[graph.arcs].all(axis=1)))
    holds = np.bincount(label, seed) > _SEEDS * np.bincount(label)
    return np.asarray(is_one & holds[label])


def _known_arcs(arcs: Arcs | None, known: npt.NDArray[np.int64], n: int) -> Arcs | None:
    if arcs is None:
        return None
    if arcs.ndim != 2 or arcs.shape[1] != 2 or (len(arcs) and not 0 <= int(arcs.min()) <= int(arcs.max()) < n):
        raise ArgumentError(f"`arcs` must be pairs of indices of the {n} points, got shape {arcs.shape}")
    if len(known) == n:
        return arcs
    row = np.full(n, -1, np.int64)
    row[known] = np.arange(len(known))
    moved = row[arcs]
    return np.asarray(moved[(moved >= 0).all(axis=1)])


def _span(points: PointSet, pair_days: npt.NDArray[np.floating] | None, quantile: float = _LONG) -> float:
    if pair_days is not None and len(pair_days):
        return float(np.quantile(pair_days, quantile))
    if len(points.dates) >= 2:
        return float(np.median(np.diff(points.dates).astype("timedelta64[D]").astype(np.float64)))
    raise ArgumentError(
        "`pair_days` must be given for points without dates: the limit depends on the span of the pairs"
    )


def _scattered(values: BoolArray, rows: npt.NDArray[np.int64], n: int) -> BoolArray:
    result = np.zeros(n, bool)
    result[rows] = values
    return result


def _scattered_values(values: FloatArray, rows: npt.NDArray[np.int64], n: int) -> FloatArray:
    result = np.full(n, np.nan)
    result[rows] = values
    return result


def _usual_roughness(roughness: FloatArray, kind: npt.NDArray[np.uint8]) -> FloatArray:
    """Median scatter of the kind of each point."""
    result = np.empty(len(roughness))
    for k in np.unique(kind):
        result[kind == k] = np.median(roughness[kind == k])
    return result


def _void_edges(place: FloatArray, gradient: FloatArray, *, limit: float, rules: AliasOptions) -> BoolArray:
    """Points at the edge of voids across which the gradient of the edge would break the limit.

    The edge is judged piece by piece: ground outside the scene joins voids that have nothing to do with each other.
    """
    index = ((place - place.min(axis=0)) / rules.cell).astype(np.int64)
    shape = tuple(index.max(axis=0) + 1)
    flat = np.ravel_multi_index((index[:, 0], index[:, 1]), shape)
    occupied = (np.bincount(flat, minlength=shape[0] * shape[1]) > 0).reshape(shape)
    side = max(round(rules.void / rules.cell), 1)
    void = ndimage.binary_opening(~occupied, structure=np.ones((side, side), bool))
    if not void.any():
        return np.zeros(len(place), bool)
    is_steep = gradient * rules.void > rules.allowance * limit
    steep = np.zeros(shape).ravel()
    np.maximum.at(steep, flat, is_steep.astype(np.float64))
    edge = ndimage.maximum_filter(void, size=2 * (side // 2 + 1) + 1) & occupied
    reach = 2 * side + 1
    n_edge = ndimage.uniform_filter(edge.astype(np.float64), reach, mode="constant")
    n_steep = ndimage.uniform_filter(edge * steep.reshape(shape), reach, mode="constant")
    is_bad = edge & (n_steep > 0.5 * n_edge)
    result: BoolArray = is_bad.ravel()[flat]
    return result
