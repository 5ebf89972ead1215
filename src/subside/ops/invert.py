"""From unwrapped pair phases to one phase per date: network least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.inversion import profile_starts, solve_common, solve_weighted
from subside.model.network import design_matrix


@dataclass(frozen=True)
class Series:
    """Date phases of the points.

    Attributes
    ----------
    phase : ndarray of float32, (point, date)
        rad, ``4 pi / wavelength`` times the range increase since the first date; 0 at the first date; NaN
        where no chain of valid pairs joins the date to the first one.
    residual_rms : ndarray of float32, (point,)
        Weighted root mean square of the pair residuals, rad; NaN where no pair is valid. It is zero for
        points whose pairs close exactly (unfiltered ones), whatever their noise.
    n_pairs : ndarray of int32, (point,)
        Number of pairs used.
    """

    phase: npt.NDArray[np.float32]
    residual_rms: npt.NDArray[np.float32]
    n_pairs: npt.NDArray[np.int32]


def invert_network(
    unwrapped: npt.NDArray[np.float32],
    pairs: npt.NDArray[np.integer],
    n_dates: int,
    *,
    weights: npt.NDArray[np.floating] | None = None,
) -> Series:
    """Invert pair phases to date phases by weighted least squares, each point on its own.

    Minimises ``sum_k w_k (u_k - s_j(k) + s_i(k))^2`` with ``s_0 = 0`` (Berardino et al. 2002, without the
    velocity constraint: a network in one piece needs none). Points without gaps and common weights share one
    factorisation; the others are factorised one by one. The result of a point depends on that point only.

    Parameters
    ----------
    unwrapped : ndarray of float32, (point, pair)
        Unwrapped phase, rad. NaN is a gap.
    pairs : ndarray of int, (pair, 2)
        Date indices, earlier < later.
    n_dates : int
        Number of dates, at least 2.
    weights : ndarray of float, (pair,) or (point, pair), optional
        Inverse variances (any common scale); a weight of 0 or NaN is a gap. None weighs all pairs alike.

    Returns
    -------
    Series

    Raises
    ------
    ArgumentError
        If shapes disagree, a pair does not name two dates in order, or a weight is negative.
    """
    first, second, weight = _normalise(unwrapped, pairs, n_dates, weights)
    values = np.ascontiguousarray(unwrapped, dtype=np.float32)
    n_points, n_pairs = values.shape
    ordered = np.stack([first, second], axis=1)
    starts = profile_starts(ordered, n_dates)
    phase = np.empty((n_points, n_dates), np.float32)
    rms = np.empty(n_points, np.float32)
    n_used = np.full(n_points, n_pairs, np.int32)
    common = len(weight) == 1 and bool(np.all(weight > 0)) and _is_connected(ordered, n_dates)
    # A sum is NaN or infinite wherever a term is, and a finite row never overflows float64.
    whole = np.isfinite(values.sum(axis=1, dtype=np.float64)) if common else np.zeros(n_points, bool)
    if whole.all() and n_points:
        solve_common(values, weight[0].astype(np.float64), first, second, starts, phase, rms)
        return Series(phase, rms, n_used)
    for rows, is_whole in ((np.flatnonzero(whole), True), (np.flatnonzero(~whole), False)):
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            part = np.empty((len(block), n_dates), np.float32)
            part_rms = np.empty(len(block), np.float32)
            part_used = np.full(len(block), n_pairs, np.int32)
            data = values[block]
            if is_whole:
                solve_common(data, weight[0].astype(np.float64), first, second, starts, part, part_rms)
            else:
                w = weight if len(weight) == 1 else weight[block]
                solve_weighted(data, w, first, second, starts, part, part_rms, part_used)
            phase[block], rms[block], n_used[block] = part, part_rms, part_used
    return Series(phase, rms, n_used)


_BLOCK = 65536


def network_covariance(
    pairs: npt.NDArray[np.integer], n_dates: int, *, weights: npt.NDArray[np.floating] | None = None
) -> npt.NDArray[np.float64]:
    """Covariance of the date phases of :func:`invert_network` for independent pair noise.

    Parameters
    ----------
    pairs : ndarray of int, (pair, 2)
        Date indices.
    n_dates : int
        Number of dates.
    weights : ndarray of float, (pair,), optional
        Inverse variances of the pairs, 1/rad^2; None is 1.

    Returns
    -------
    ndarray of float64, (date, date)
        ``(G' W G)^-1`` with the first date grounded (its row and column zero), rad^2.

    Raises
    ------
    ArgumentError
        If the network is in more than one piece.
    """
    if not _is_connected(np.asarray(pairs), n_dates):
        raise ArgumentError(f"`pairs` must join all {n_dates} dates; bridge the network first")
    w = np.ones(len(pairs)) if weights is None else np.asarray(weights, np.float64)
    matrix = design_matrix(np.asarray(pairs), n_dates)[:, 1:]
    covariance = np.zeros((n_dates, n_dates))
    covariance[1:, 1:] = np.linalg.inv(matrix.T @ (w[:, None] * matrix))
    return covariance


def _normalise(
    unwrapped: npt.NDArray[np.float32],
    pairs: npt.NDArray[np.integer],
    n_dates: int,
    weights: npt.NDArray[np.floating] | None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    index = np.asarray(pairs)
    _check.shape((None, 2), pairs=index)
    _check.shape((None, len(index)), unwrapped=unwrapped)
    if n_dates < 2 or len(index) == 0:
        raise ArgumentError(f"`n_dates` must be at least 2 with a pair, got {n_dates} and {len(index)} pairs")
    if np.any(index[:, 0] >= index[:, 1]) or index.min() < 0 or index.max() >= n_dates:
        raise ArgumentError(f"`pairs` must be (earlier, later) indices below {n_dates}, got {index.tolist()}")
    weight = np.ones(len(index)) if weights is None else np.asarray(weights)
    if weight.ndim == 1:
        weight = weight[None]
    elif len(weight) != len(unwrapped):
        raise ArgumentError(f"`weights` must have {len(unwrapped)} points, got {len(weight)}")
    _check.shape((None, len(index)), weights=weight)
    if np.any(weight < 0):
        raise ArgumentError(f"`weights` must not be negative, got {float(np.nanmin(weight))}")
    first, second = np.ascontiguousarray(index.T.astype(np.int32))
    return first, second, np.ascontiguousarray(weight, dtype=np.float32)


def _is_connected(pairs: npt.NDArray[np.integer], n_dates: int) -> bool:
    label = np.arange(n_dates)
    for i, j in pairs:
        if label[i] != label[j]:
            label[label == label[j]] = label[i]
    return bool(np.all(label == label[0]))


def coherence_weights(coherence: npt.NDArray[np.floating], *, noise_level: float = 0.0) -> npt.NDArray[np.float64]:
    """Relative weights of pairs from their mean coherence.

    ``w = g^2 / (1 - g^2)``, the inverse phase variance of many looks (Rodriguez and Martin 1992, eq. 55) up to a
    common factor, with ``g^2`` the squared coherence above the level that noise shows in the same estimator.

    Parameters
    ----------
    coherence : ndarray of float, (pair,)
        Mean coherence, 0 to 1. NaN gets the median weight.
    noise_level : float
        Mean coherence of pure noise in the same estimator, 0 to 1.

    Returns
    -------
    ndarray of float64, (pair,)
        Positive, mean 1.
    """
    _check.in_range(0.0, 1.0, noise_level=noise_level)
    square = np.asarray(coherence, np.float64) ** 2
    signal = np.clip((square - noise_level**2) / (1.0 - noise_level**2 + 1e-12), 0.0025, 0.98)
    weights = signal / (1.0 - signal)
    middle = np.nanmedian(weights) if np.isfinite(weights).any() else 1.0
    weights = np.where(np.isfinite(weights), weights, middle)
    return np.asarray(weights / weights.mean())
