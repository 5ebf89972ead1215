"""Three-dimensional phase unwrapping on sparse points.

Each arc of a triangulation gets a temporal model of its phase, which says what the gradient of every
interferogram should be and how well that is known; an integer flow of least cost then makes the gradients of
each interferogram consistent in space (Hooper 2010; Costantini 1998), and the loops of the network check the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.conventions import PointFlag
from subside.errors import ArgumentError
from subside.kernels.arcs import ambiguities, local_variance
from subside.kernels.flow import components, curl, integrate
from subside.ops.arc_model import ArcModel, ArcStatistics, UnwrapOptions, all_arc_statistics, arc_model, arc_statistics
from subside.ops.closure import Loops, check_closure, closure_histogram, find_loops, pair_constants
from subside.ops.flow_solver import FlowSolver, ShortestPathSolver, objective
from subside.ops.triangulation import Triangulation, triangulate

__all__ = [
    "ArcModel",
    "ArcStatistics",
    "PairSolution",
    "UnwrapInput",
    "UnwrapOptions",
    "UnwrapResult",
    "all_arc_statistics",
    "arc_model",
    "arc_statistics",
    "isolated_points",
    "unwrap",
    "unwrap_pair",
]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

POINT_BLOCK = 65536
"""Points whose closure is checked at a time."""

PAIR_BLOCK = 16
"""Interferograms taken out of the point-major phase at a time."""

COST_SCALE = 10_000
"""Integer cost of a cycle squared on an arc of 1 rad noise."""

COST_LIMIT = 10_000_000
"""Largest integer cost: noise below 0.03 rad counts the same."""


@dataclass(frozen=True)
class UnwrapInput:
    """Points to unwrap.

    Attributes
    ----------
    easting, northing : ndarray of float64, (point,)
        Metric coordinates, m.
    phase : ndarray of float32, (point, pair)
        Wrapped phase, rad, finite.
    pairs : ndarray of int32, (pair, 2)
        Date indices, earlier first.
    days : ndarray of float64, (date,)
        Days since the first date.
    bperp : ndarray of float64, (pair,), or None
        Perpendicular baseline of each pair, m; None is unknown.
    """

    easting: F64
    northing: F64
    phase: F32
    pairs: I32
    days: F64
    bperp: F64 | None = None

    def __post_init__(self) -> None:
        """Validate shapes and values."""
        _check.shape((None, len(self.pairs)), phase=self.phase)
        _check.dtype(np.float32, phase=self.phase)
        _check.shape((len(self.phase),), easting=self.easting)
        _check.shape((len(self.phase),), northing=self.northing)
        _check.shape((len(self.pairs), 2), pairs=self.pairs)
        _check.finite(phase=self.phase)
        if len(self.pairs) == 0 or self.pairs.min() < 0 or self.pairs.max() >= len(self.days):
            raise ArgumentError(f"`pairs` must be indices of the {len(self.days)} `days`, got {self.pairs!r}")


@dataclass(frozen=True)
class PairSolution:
    """One unwrapped interferogram.

    Attributes
    ----------
    cycles : ndarray of int32, (point,)
        Whole cycles to add to the wrapped phase; zero at the first point.
    objective : int
        Cost of the flow.
    n_residues : int
        Triangles whose predicted gradients do not close.
    """

    cycles: I32
    objective: int
    n_residues: int


@dataclass(frozen=True)
class UnwrapResult:
    """Unwrapped points.

    Attributes
    ----------
    triangulation : Triangulation
        Of the points.
    unwrapped : ndarray of float32, (point, pair)
        ``phase + 2 pi cycles``, rad.
    cycles : ndarray of int16, (point, pair)
        Whole cycles added.
    arc_sigma : ndarray of float32, (arc,)
        Noise of each arc, rad.
    flags : ndarray of uint16, (point,)
        ``UNWRAP_SUSPECT`` and ``ISOLATED_COMPONENT``.
    loops : Loops
        Loops of the network.
    misclosed, misclosed_after : ndarray of float64, (loop,)
        Fraction of points where each loop fails, before and after repair.
    n_corrections : int
        Point-pairs repaired by closure.
    n_residues : ndarray of int64, (pair,)
        Residues of each interferogram.
    objective : ndarray of int64, (pair,)
        Cost of the flow of each interferogram.
    """

    triangulation: Triangulation
    unwrapped: F32
    cycles: npt.NDArray[np.int16]
    arc_sigma: F32
    flags: npt.NDArray[np.uint16]
    loops: Loops
    misclosed: F64
    misclosed_after: F64
    n_corrections: int
    n_residues: npt.NDArray[np.int64]
    objective: npt.NDArray[np.int64]

    @property
    def arcs(self) -> I32:
        """Arcs of the triangulation, (arc, 2)."""
        return self.triangulation.arcs


def unwrap_pair(
    phase: F32,
    triangulation: Triangulation,
    *,
    statistics: ArcStatistics,
    model: ArcModel,
    pair: int,
    solver: FlowSolver | None = None,
) -> PairSolution:
    """Unwrap one interferogram.

    An arc's gradient is its wrapped phase difference plus the whole cycles ``n`` that bring it within half a cycle of
    the prediction; ``r`` is what is left, cycles. A flow of ``f`` cycles costs
    ``((r + f)**2 - r**2) / v``, the log likelihood ratio of a Gaussian gradient, and the flow of least cost that
    closes every triangle is taken. The variance ``v`` is that of the arc in time, scaled by the noise around it in
    this interferogram (:func:`subside.kernels.arcs.local_variance`).

    Parameters
    ----------
    phase : ndarray of float32, (point,)
        Wrapped phase of the pair, rad, finite.
    triangulation : Triangulation
    statistics : ArcStatistics
        Of all its arcs.
    model : ArcModel
    pair : int
        Column of the model.
    solver : FlowSolver, optional
        Successive shortest paths by default.

    Returns
    -------
    PairSolution
    """
    t = triangulation
    _check.shape((t.n_points,), phase=phase)
    _check.shape((t.n_arcs,), sigma=statistics.sigma)
    prediction = np.zeros(t.n_arcs, np.float32)
    for c, value in enumerate(model.design[:, pair]):
        prediction += value * statistics.coefficients[:, c]
    gradient, deviation = ambiguities(np.ascontiguousarray(phase), t.arcs, prediction)
    variance = local_variance(deviation, statistics.sigma, t.arcs, t.n_points).astype(np.float64)
    weight = np.clip(np.rint(COST_SCALE / np.maximum(variance, 1e-6)), 1, COST_LIMIT).astype(np.int32)
    offset = np.rint(2.0 * deviation * weight).astype(np.int32)
    supply = curl(gradient, t.triangle_arcs, t.triangle_signs)
    flow = (solver or ShortestPathSolver()).solve(t, weight=weight, offset=offset, supply=supply)
    gradient += flow
    cycles = integrate(gradient, t.tree_point, t.tree_parent, t.tree_arc, t.tree_sign)
    return PairSolution(cycles, objective(flow, weight, offset), int(np.count_nonzero(supply)))


def isolated_points(triangulation: Triangulation, *, sigma: F32, options: UnwrapOptions) -> npt.NDArray[np.bool_]:
    """Points not joined to the largest group by arcs that can be trusted, (point,)."""
    label = components(triangulation.arcs, sigma <= options.max_arc_noise, triangulation.n_points)
    size = np.bincount(label, minlength=triangulation.n_points)
    is_isolated: npt.NDArray[np.bool_] = label != int(np.argmax(size))
    return is_isolated


def unwrap(
    points: UnwrapInput, *, options: UnwrapOptions | None = None, solver: FlowSolver | None = None
) -> UnwrapResult:
    """Unwrap all interferograms of a set of points, in memory.

    Parameters
    ----------
    points : UnwrapInput
    options : UnwrapOptions, optional
    solver : FlowSolver, optional
        Successive shortest paths by default.

    Returns
    -------
    UnwrapResult

    Raises
    ------
    ArgumentError
        For coincident points, shapes that disagree, or values that are not finite.
    """
    options = options or UnwrapOptions()
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=options)
    statistics = all_arc_statistics(points.phase, mesh.arcs, model=model)
    n_pairs = len(points.pairs)
    cycles = np.empty(points.phase.shape, np.int16)
    cost = np.zeros(n_pairs, np.int64)
    residues = np.zeros(n_pairs, np.int64)
    for first in range(0, n_pairs, PAIR_BLOCK):
        columns = np.ascontiguousarray(points.phase[:, first : first + PAIR_BLOCK].T)
        found = np.empty(columns.shape, np.int16)
        for row, phase in enumerate(columns):
            k = first + row
            one = unwrap_pair(phase, mesh, statistics=statistics, model=model, pair=k, solver=solver)
            found[row], cost[k], residues[k] = one.cycles, one.objective, one.n_residues
        cycles[:, first : first + PAIR_BLOCK] = found.T
    loops = find_loops(points.pairs, len(points.days))
    blocks = [slice(i, i + POINT_BLOCK) for i in range(0, mesh.n_points, POINT_BLOCK)]
    histogram = np.zeros((loops.n_loops, 31), np.int32)
    for b in blocks:
        histogram += closure_histogram(loops, phase=points.phase[b], cycles=cycles[b])
    constants = pair_constants(loops, histogram=histogram)
    is_suspect = np.zeros(mesh.n_points, bool)
    failed = np.zeros((2, loops.n_loops), np.int64)
    n_corrections = 0
    unwrapped = np.empty_like(points.phase)
    for b in blocks:
        done = check_closure(loops, phase=points.phase[b], cycles=cycles[b], constants=constants)
        cycles[b], is_suspect[b] = done.cycles, done.is_suspect
        failed += np.stack([done.n_failed, done.n_failed_after])
        n_corrections += int(done.n_repaired.sum())
        unwrapped[b] = points.phase[b] + 2.0 * np.pi * cycles[b]
    flags = np.where(is_suspect, PointFlag.UNWRAP_SUSPECT, 0).astype(np.uint16)
    flags[isolated_points(mesh, sigma=statistics.sigma, options=options)] |= np.uint16(PointFlag.ISOLATED_COMPONENT)
    return UnwrapResult(
        mesh,
        unwrapped,
        cycles,
        statistics.sigma,
        flags,
        loops,
        failed[0] / mesh.n_points,
        failed[1] / mesh.n_points,
        n_corrections,
        residues,
        cost,
    )
