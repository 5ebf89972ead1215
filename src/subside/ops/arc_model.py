"""Temporal model of phase along arcs: what every interferogram's gradient should be, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.arcs import fit_temporal_model, search_chain, wrapped_differences

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

ARC_BLOCK = 16384
"""Arcs modelled at a time."""

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


def _along(chain: I32, chain_sign: F32, value: F64) -> F64:
    second = np.where(chain[:, 1] >= 0, chain_sign[:, 1] * value[chain[:, 1]], 0.0)
    total: F64 = chain_sign[:, 0] * value[chain[:, 0]] + second
    return total


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
    columns: F64 = basis[pairs[:, 1]] - basis[pairs[:, 0]]
    chain, chain_sign = _chain(pairs, len(days))
    trials: F64 = np.empty(0)
    link_bperp: F64 = np.zeros(len(chain))
    if bperp is not None and options.max_baseline_slope > 0:
        _check.shape((len(pairs),), bperp=bperp)
        _check.finite(bperp=bperp)
        columns = np.column_stack([columns, bperp])
        link_bperp = _along(chain, chain_sign, bperp)
        step = np.pi / max(2.0 * float(np.ptp(link_bperp)), 1e-9)
        n = int(min(options.max_baseline_slope // step, 1000))
        trials = np.arange(-n, n + 1, dtype=np.float64) * step
    solver = np.linalg.pinv(columns, rcond=1e-6)
    angle = trials[:, None] * link_bperp
    change = _along(chain, chain_sign, columns[:, 0])
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
