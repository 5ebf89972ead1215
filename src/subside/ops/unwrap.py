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
from subside.kernels.arcs import ambiguities, fit_temporal_model, search_chain, wrapped_differences
from subside.kernels.flow import components, curl, integrate
from subside.ops.closure import Loops, check_closure, closure_histogram, find_loops, pair_constants
from subside.ops.flow_solver import FlowSolver, ShortestPathSolver, objective
from subside.ops.triangulation import Triangulation, triangulate

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

ARC_BLOCK = 16384
"""Arcs modelled at a time."""

POINT_BLOCK = 65536
"""Points whose closure is checked at a time."""

COST_SCALE = 1000
"""Integer cost of a cycle squared on an arc of 1 rad noise."""

COST_LIMIT = 1_000_000
"""Largest integer cost: noise below 0.03 rad counts the same."""

N_ITERATIONS = 3
"""Least-squares steps of the temporal model."""

_DOUBTFUL_COHERENCE = 0.8
"""Arcs less coherent than this are fitted again from the rate over consecutive dates."""

_MIN_COHERENCE = 0.05


@dataclass(frozen=True)
class UnwrapOptions:
    """Choices of the unwrapping.

    Attributes
    ----------
    time_window_days : float
        Shortest half period of motion along an arc that the prediction follows, days, > 0. Faster motion counts
        as noise.
    max_baseline_slope : float
        Largest difference of look-angle error along an arc that is searched for, rad per m of perpendicular
        baseline, >= 0; 0.02 is some 47 m of height for Sentinel-1. 0 switches the term off.
    peak_margin : float
        Height of a periodogram's peak above other lobes for the search to count, 0 to 1.
    max_arc_noise : float
        Arcs noisier than this (circular standard deviation, rad) join nothing: points reached only over such arcs
        are flagged ``ISOLATED_COMPONENT``.
    """

    time_window_days: float = 365.0
    max_baseline_slope: float = 0.02
    peak_margin: float = 0.1
    max_arc_noise: float = 1.5

    def __post_init__(self) -> None:
        """Validate."""
        _check.in_range(1.0, 1e6, time_window_days=self.time_window_days)
        _check.in_range(0.0, 10.0, max_baseline_slope=self.max_baseline_slope)
        _check.in_range(0.0, 1.0, peak_margin=self.peak_margin)
        _check.in_range(0.1, 10.0, max_arc_noise=self.max_arc_noise)


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
        _check.finite(phase=self.phase)


@dataclass(frozen=True)
class ArcModel:
    """Temporal model shared by all arcs.

    Attributes
    ----------
    design : ndarray of float32, (coefficient, pair)
        Phase of each pair per unit of each coefficient: linear motion, slow motion, and last, when baselines are
        known, the perpendicular baseline in m.
    solver : ndarray of float32, (coefficient, pair)
        Rows of its pseudo-inverse.
    chain, chain_sign : ndarray, (link, 2)
        Pairs (or differences of two) that join consecutive dates; int32 and float32.
    link_bperp : ndarray of float32, (link,)
        Their baselines, m; zero when unknown.
    rate_solver : ndarray of float32, (link,)
        Row that turns phases of the links into the coefficient of linear motion.
    trials : ndarray of float32, (trial,)
        Trial slopes with baseline, rad/m; empty when there is nothing to search.
    trial_cos, trial_sin : ndarray of float32, (trial, link)
        Tables of the search.
    peak_margin : float
        See :class:`UnwrapOptions`.
    n_dates : int
        Number of dates.
    """

    design: F32
    solver: F32
    chain: I32
    chain_sign: F32
    link_bperp: F32
    rate_solver: F32
    trials: F32
    trial_cos: F32
    trial_sin: F32
    peak_margin: float
    n_dates: int


@dataclass(frozen=True)
class ArcStatistics:
    """Temporal model of each arc.

    Attributes
    ----------
    coefficients : ndarray of float32, (arc, coefficient)
        Of :attr:`ArcModel.design`; the predicted gradient of pair k is ``coefficients @ design[:, k]``, rad.
    sigma : ndarray of float32, (arc,)
        Noise of the gradient about its prediction, rad: circular standard deviation
        ``sqrt(-2 ln R)``, which grows without bound toward pure noise (2.4 at most here).
    """

    coefficients: F32
    sigma: F32


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


def _basis(days: F64, window: float) -> F64:
    span = float(days[-1] - days[0])
    x = (days - days[0]) / span
    orders = np.arange(1, int(span // window) + 1)
    return np.column_stack([x, np.cos(np.pi * x[:, None] * orders)])


def _chain(pairs: I32, n_dates: int) -> tuple[I32, F32]:
    index = {(int(i), int(j)): k for k, (i, j) in enumerate(pairs)}

    def phase_between(i: int, j: int) -> tuple[int, int] | None:
        if (i, j) in index:
            return index[i, j], 1
        return (index[j, i], -1) if (j, i) in index else None

    links: list[tuple[int, int, int, int]] = []
    for i in range(n_dates - 1):
        direct = phase_between(i, i + 1)
        if direct is not None:
            links.append((direct[0], -1, direct[1], 0))
            continue
        for m in range(n_dates):
            first, second = phase_between(i, m), phase_between(m, i + 1)
            if first is not None and second is not None:
                links.append((first[0], second[0], first[1], second[1]))
                break
    if len(links) < n_dates - 1:
        links = [(k, -1, 1, 0) for k in range(len(pairs))]
    table = np.array(links)
    return table[:, :2].astype(np.int32), table[:, 2:].astype(np.float32)


def arc_model(pairs: I32, days: F64, *, bperp: F64 | None, options: UnwrapOptions) -> ArcModel:
    """Build the temporal model of a network.

    Parameters
    ----------
    pairs : ndarray of int32, (pair, 2)
        Date indices, earlier first.
    days : ndarray of float64, (date,)
        Days since the first date, ascending.
    bperp : ndarray of float64, (pair,), or None
        Perpendicular baselines, m; None is unknown and leaves the look-angle term out.
    options : UnwrapOptions

    Returns
    -------
    ArcModel

    Raises
    ------
    ArgumentError
        When shapes disagree or values are not finite.
    """
    _check.shape((None, 2), pairs=pairs)
    _check.finite(days=days)
    if len(days) < 2 or np.any(np.diff(days) <= 0):
        raise ArgumentError(f"`days` must be at least two ascending values, got {days!r}")
    basis = _basis(days, options.time_window_days)
    columns = basis[pairs[:, 1]] - basis[pairs[:, 0]]
    chain, chain_sign = _chain(pairs, len(days))
    trials = np.empty(0)
    link_bperp = np.zeros(len(chain))
    if bperp is not None and options.max_baseline_slope > 0:
        _check.shape((len(pairs),), bperp=bperp)
        _check.finite(bperp=bperp)
        columns = np.column_stack([columns, bperp])
        link_bperp = chain_sign[:, 0] * bperp[chain[:, 0]]
        link_bperp += np.where(chain[:, 1] >= 0, chain_sign[:, 1] * bperp[chain[:, 1]], 0.0)
        step = np.pi / max(2.0 * float(np.ptp(link_bperp)), 1e-9)
        n = int(min(options.max_baseline_slope // step, 1000))
        trials = step * np.arange(-n, n + 1)
    solver = np.linalg.pinv(columns, rcond=1e-6)
    angle = trials[:, None] * link_bperp
    change = chain_sign[:, 0] * columns[chain[:, 0], 0]
    change += np.where(chain[:, 1] >= 0, chain_sign[:, 1] * columns[chain[:, 1], 0], 0.0)
    return ArcModel(
        np.ascontiguousarray(columns.T, np.float32),
        np.ascontiguousarray(solver, np.float32),
        chain,
        chain_sign,
        link_bperp.astype(np.float32),
        (change / np.sum(change**2)).astype(np.float32),
        trials.astype(np.float32),
        np.cos(angle).astype(np.float32),
        np.sin(angle).astype(np.float32),
        options.peak_margin,
        len(days),
    )


def arc_statistics(phase: F32, arcs: I32, *, model: ArcModel) -> ArcStatistics:
    """Fit the temporal model of a block of arcs.

    The fit starts from no motion; where that leaves much noise it starts again from the rate over consecutive
    dates, which holds for gradients that only the longer pairs alias, and the clearly better one is taken.

    Parameters
    ----------
    phase : ndarray of float32, (point, pair)
        Wrapped phase of all points, rad, finite.
    arcs : ndarray of int32, (arc, 2)
        The block; :data:`ARC_BLOCK` arcs keep it within some tens of megabytes.
    model : ArcModel

    Returns
    -------
    ArcStatistics
    """
    _check.shape((None, model.design.shape[1]), phase=phase)
    difference = wrapped_differences(phase, arcs)
    m = model
    slope, rate = search_chain(
        difference,
        m.chain,
        m.chain_sign,
        m.link_bperp,
        m.rate_solver,
        m.trial_cos,
        m.trial_sin,
        m.trials,
        m.peak_margin,
    )
    start = np.zeros((len(arcs), len(m.design)), np.float32)
    if len(m.trials) > 1:
        start[:, -1] = slope
    coefficients, coherence = fit_temporal_model(difference, start, m.design, m.solver, N_ITERATIONS)
    doubtful = np.flatnonzero(coherence < _DOUBTFUL_COHERENCE)
    start[:, 0] = rate
    other, gained = fit_temporal_model(difference[doubtful], start[doubtful], m.design, m.solver, N_ITERATIONS)
    is_better = gained > coherence[doubtful] + model.peak_margin
    coefficients[doubtful[is_better]] = other[is_better]
    coherence[doubtful[is_better]] = gained[is_better]
    n_free = max(model.n_dates - 1 - len(model.design), 1)
    # Power of the mean phasor of n independent angles exceeds that of the population by (1 - R^2) / n.
    power = (n_free * coherence.astype(np.float64) ** 2 - 1.0) / max(n_free - 1, 1)
    sigma = np.sqrt(-np.log(np.clip(power, _MIN_COHERENCE**2, 1.0)))
    return ArcStatistics(coefficients, sigma.astype(np.float32))


def all_arc_statistics(phase: F32, arcs: I32, *, model: ArcModel) -> ArcStatistics:
    """Fit the temporal model of all arcs, block by block."""
    parts = [
        arc_statistics(phase, arcs[first : first + ARC_BLOCK], model=model) for first in range(0, len(arcs), ARC_BLOCK)
    ]
    return ArcStatistics(np.concatenate([p.coefficients for p in parts]), np.concatenate([p.sigma for p in parts]))


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
    ``((r + f)**2 - r**2) / sigma**2``, the log likelihood ratio of a Gaussian gradient, and the flow of least
    cost that closes every triangle is taken.

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
    sigma = statistics.sigma.astype(np.float64)
    weight = np.clip(np.rint(COST_SCALE / np.maximum(sigma, 1e-3) ** 2), 1, COST_LIMIT).astype(np.int32)
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
    cycles = np.empty(points.phase.shape, np.int16)
    cost = np.zeros(len(points.pairs), np.int64)
    residues = np.zeros(len(points.pairs), np.int64)
    for k in range(len(points.pairs)):
        one = unwrap_pair(points.phase[:, k], mesh, statistics=statistics, model=model, pair=k, solver=solver)
        cycles[:, k] = one.cycles
        cost[k], residues[k] = one.objective, one.n_residues
    loops = find_loops(points.pairs, len(points.days))
    blocks = [slice(i, i + POINT_BLOCK) for i in range(0, mesh.n_points, POINT_BLOCK)]
    histogram = sum(
        (closure_histogram(loops, phase=points.phase[b], cycles=cycles[b]) for b in blocks),
        start=np.zeros((loops.n_loops, 31), np.int32),
    )
    constants = pair_constants(loops, histogram=histogram)
    is_suspect = np.zeros(mesh.n_points, bool)
    failed = np.zeros((2, loops.n_loops), np.int64)
    n_corrections = 0
    for b in blocks:
        done = check_closure(loops, phase=points.phase[b], cycles=cycles[b], constants=constants)
        cycles[b], is_suspect[b] = done.cycles, done.is_suspect
        failed += np.stack([done.n_failed, done.n_failed_after])
        n_corrections += int(done.n_repaired.sum())
    flags = np.where(is_suspect, PointFlag.UNWRAP_SUSPECT, 0).astype(np.uint16)
    flags[isolated_points(mesh, sigma=statistics.sigma, options=options)] |= np.uint16(PointFlag.ISOLATED_COMPONENT)
    return UnwrapResult(
        mesh,
        (points.phase + 2.0 * np.pi * cycles).astype(np.float32),
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
