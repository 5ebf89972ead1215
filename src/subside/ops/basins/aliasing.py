"""Where motion is too steep for points and pairs: whole cycles may be lost there, and rates come out too small.

Between neighbouring points a pair of images carries at most half a cycle, a quarter of a wavelength along the line of
sight. Rates that broke this limit are folded: they can look calm. So the gradient is not judged where the points are
alone, but by what folding leaves behind as well: rates that scatter about their neighbourhood far beyond the noise of
the scene, points whose loops do not close, and voids ringed by steep motion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from subside import _check
from subside.conventions import DAYS_PER_YEAR, SENTINEL1_WAVELENGTH, PointFlag
from subside.errors import ArgumentError
from subside.model.points import PointSet

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_BLOCK: Final = 50_000
_MAD: Final = 1.4826
_UNTRUSTED: Final = int(PointFlag.UNWRAP_SUSPECT | PointFlag.ISOLATED_COMPONENT)
_FEWEST: Final = 30


@dataclass(frozen=True)
class AliasOptions:
    """Rules of the mask.

    Attributes
    ----------
    allowance : float
        Share of the quarter wavelength that motion may take up; the rest is for noise.
    neighbours : int
        Points of a neighbourhood.
    roughness : float
        Scatter of rates about a plane through their neighbourhood that is not noise, as a multiple of the usual one.
    untrusted_share : float
        Share of points with open loops in a neighbourhood that puts it at risk, where motion also takes up a quarter of
        the allowance: loops stay open for want of coherence as well.
    least_load : float
        Scatter below this share of the limit, times the allowance, is noise however calm the rest of the scene is.
    cell : float
        Side of the cells in which voids are looked for, m.
    void : float
        Shortest side of a void, m, in whole cells.
    seed_share : float
        Share of a neighbourhood that must show a reason for the reason of one point to count: a lone one is an outlier.
    growth_share : float
        Share of a neighbourhood at risk that puts a point at risk too: what is folded can look calm.
    """

    allowance: float = 0.5
    neighbours: int = 16
    roughness: float = 5.0
    untrusted_share: float = 0.5
    least_load: float = 0.1
    cell: float = 50.0
    void: float = 150.0
    seed_share: float = 0.2
    growth_share: float = 0.3

    def __post_init__(self) -> None:
        """Check ranges."""
        _check.in_range(0.05, 1.0, allowance=self.allowance)
        _check.in_range(6, 200, neighbours=self.neighbours)
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
    is_steep, is_rough, is_open, is_void : ndarray of bool, (point,)
        The reasons: measured gradient beyond the limit; rates that scatter; loops that do not close; edge of a void
        ringed by steep motion.
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
    is_steep: BoolArray
    is_rough: BoolArray
    is_open: BoolArray
    is_void: BoolArray
    gradient: FloatArray
    load: FloatArray
    limit: float
    pair_days: float


def alias_risk(
    points: PointSet, *, pair_days: npt.NDArray[np.floating] | None = None, options: AliasOptions | None = None
) -> AliasRisk:
    """Find points around which motion may be too steep for the pairs to carry.

    A pair of ``T`` days between points ``d`` metres apart carries ``gradient d T < wavelength / 4``. ``T`` is the
    median span of the pairs: the arcs of a network are unwrapped with the help of its shorter pairs, so that the limit
    is neither that of the shortest nor of the longest.

    Parameters
    ----------
    points : PointSet
        All points of a track, flagged ones included: the flags are evidence.
    pair_days : ndarray of float, (pair,), optional
        Spans of the pairs used, days. None takes the intervals between dates.
    options : AliasOptions, optional
        Rules.

    Returns
    -------
    AliasRisk
        All false, with an unknown gradient, for sets of fewer than 30 points.

    Raises
    ------
    ArgumentError
        If neither pairs nor two dates are known.
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
        return AliasRisk(never, never, never, never, never, unknown, unknown, limit, span)
    place = np.column_stack([points.easting[known], points.northing[known]])
    fits = _Neighbourhoods.fit(place, points.velocity[known], rules.neighbours)
    untrusted = (points.flags[known] & _UNTRUSTED) != 0
    load = fits.gradient * fits.spacing / limit
    is_steep = load > rules.allowance
    usual = _usual_roughness(fits.roughness, points.kind[known])
    least = rules.allowance * limit * rules.least_load
    is_rough = fits.roughness > np.maximum(rules.roughness * usual, least)
    is_open = _share(fits.tree, place, untrusted, rules.neighbours) > rules.untrusted_share
    is_open &= load > rules.allowance / 4.0
    is_void = _void_edges(place, fits.gradient, limit=limit, rules=rules)
    own = is_steep | is_rough | is_open | is_void
    spread = own & (_share(fits.tree, place, own, rules.neighbours) > rules.seed_share)
    around = _share(fits.tree, place, spread, rules.neighbours) > rules.growth_share
    return AliasRisk(
        is_at_risk=_scattered(spread | around, known, n),
        is_steep=_scattered(is_steep, known, n),
        is_rough=_scattered(is_rough, known, n),
        is_open=_scattered(is_open, known, n),
        is_void=_scattered(is_void, known, n),
        gradient=_scattered_values(fits.gradient, known, n),
        load=_scattered_values(load, known, n),
        limit=limit,
        pair_days=span,
    )


def _span(points: PointSet, pair_days: npt.NDArray[np.floating] | None) -> float:
    if pair_days is not None and len(pair_days):
        return float(np.median(pair_days))
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


@dataclass(frozen=True)
class _Neighbourhoods:
    """Planes through the rates of the nearest points of each point.

    ``gradient`` is that of the plane, ``roughness`` the robust scatter about it, ``spacing`` the median distance to
    the six nearest points.
    """

    tree: cKDTree
    gradient: FloatArray
    roughness: FloatArray
    spacing: FloatArray

    @classmethod
    def fit(cls, place: FloatArray, rate: FloatArray, n_neighbours: int) -> _Neighbourhoods:
        tree = cKDTree(place)
        gradient, roughness, spacing = (np.empty(len(place)) for _ in range(3))
        for rows in _blocks(len(place)):
            distance, index = tree.query(place[rows], k=min(n_neighbours + 1, len(place)))
            offset = place[index] - place[rows, None, :]
            values = rate[index]
            slope, scatter = _planes(offset, values)
            gradient[rows] = np.hypot(slope[:, 0], slope[:, 1])
            roughness[rows] = scatter
            spacing[rows] = np.median(distance[:, 1:7], axis=1)
        return cls(tree, gradient, roughness, spacing)


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _BLOCK):
        yield slice(start, min(start + _BLOCK, n))


def _planes(offset: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least-squares planes of many small sets, one reweighting against outliers; slope and scatter (1.4826 MAD)."""
    scale = np.maximum(np.abs(offset).max(axis=(1, 2), keepdims=True), 1e-9)
    design = np.concatenate([np.ones((*values.shape, 1)), offset / scale], axis=2)
    weights = np.ones_like(values)
    for _ in range(2):
        weighted = design * weights[..., None]
        normal = np.einsum("pki,pkj->pij", weighted, design) + 1e-9 * np.eye(3)
        terms = np.linalg.solve(normal, np.einsum("pki,pk->pi", weighted, values)[..., None])[..., 0]
        residual = np.abs(values - np.einsum("pki,pi->pk", design, terms))
        scatter = _MAD * np.median(residual, axis=1)
        weights = 1.0 / np.maximum(residual / np.maximum(2.0 * scatter[:, None], 1e-12), 1.0)
    return terms[:, 1:] / scale[:, 0, :], scatter


def _usual_roughness(roughness: FloatArray, kind: npt.NDArray[np.uint8]) -> FloatArray:
    """Median scatter of the kind of each point."""
    result = np.empty(len(roughness))
    for k in np.unique(kind):
        result[kind == k] = np.median(roughness[kind == k])
    return result


def _share(tree: cKDTree, place: FloatArray, is_one: BoolArray, n_neighbours: int) -> FloatArray:
    """Share of a property among each point and its nearest points."""
    result = np.zeros(len(place))
    if not is_one.any():
        return result
    for rows in _blocks(len(place)):
        _, index = tree.query(place[rows], k=min(n_neighbours + 1, len(place)))
        result[rows] = is_one[index].mean(axis=1)
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
