"""Huber means of many small groups of points at once, with the errors they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.ops.point_covariance import ErrorCorrelation

FloatArray = npt.NDArray[np.float64]

_HUBER: Final = 1.345
_MAD: Final = 1.4826
_ITERATIONS: Final = 20
_ELEMENTS: Final = 4_000_000
FEWEST_IN_GROUP: Final = 5
"""Fewest values of a group that tell how much they scatter."""


@dataclass(frozen=True)
class GroupRows:
    """Points in groups.

    Attributes
    ----------
    values, std : ndarray of float64, (row,)
        Values and standard deviations, one unit; finite, ``std`` positive.
    easting, northing : ndarray of float64, (row,)
        m.
    kind : ndarray of uint8, (row,)
        :class:`subside.model.points.PointKind`.
    group : ndarray of int64, (row,)
        Group of each row, 0 to ``n_groups - 1``; negative belongs to none.
    """

    values: FloatArray
    std: FloatArray
    easting: FloatArray
    northing: FloatArray
    kind: npt.NDArray[np.uint8]
    group: npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupedMeans:
    """Means of groups; NaN where a group is empty.

    Attributes
    ----------
    mean, std : ndarray of float64, (group,)
        Huber mean and its standard deviation from the whole covariance, unit of the values.
    n : ndarray of int64, (group,)
        Points in the group.
    shared : ndarray of float64, (group, component)
        Variance of the mean that comes from each component of the correlation, squared unit of the values.
    own : ndarray of float64, (group,)
        The rest of the variance: noise that no two groups share.
    surplus : ndarray of float64, (group,)
        What the values scatter beyond their errors, squared unit of the values; negative by chance, NaN for fewer than
        five values.
    weights : ndarray of float64, (row,)
        Weight of each row in its group; 0 for rows of no group.
    """

    mean: FloatArray
    std: FloatArray
    n: npt.NDArray[np.int64]
    shared: FloatArray
    own: FloatArray
    surplus: FloatArray
    weights: FloatArray


def grouped_means(
    rows: GroupRows, n_groups: int, *, correlation: ErrorCorrelation, least_excess: float = 0.0
) -> GroupedMeans:
    """Huber mean of each group, as :func:`subside.ops.point_covariance.robust_mean` gives it.

    The same formula is applied to groups of like size together, so that thousands of bins cost what one costs. The
    variance is kept by component of the correlation, from which the covariance between groups follows.

    Parameters
    ----------
    rows : GroupRows
        Points and their groups.
    n_groups : int
        Number of groups.
    correlation : ErrorCorrelation
        Of the errors of the points.
    least_excess : float
        Scatter beyond errors that every group has at least: few values cannot tell their own, unit of the values.

    Returns
    -------
    GroupedMeans

    Raises
    ------
    ArgumentError
        If a value of a group is not finite.
    """
    inside = np.flatnonzero(rows.group >= 0)
    _check.finite(values=rows.values[inside])
    _check.finite(std=rows.std[inside])
    n_components = len(correlation.lengths)
    count = np.bincount(rows.group[inside], minlength=n_groups).astype(np.int64)
    result = GroupedMeans(
        np.full(n_groups, np.nan),
        np.full(n_groups, np.nan),
        count,
        np.full((n_groups, n_components), np.nan),
        np.full(n_groups, np.nan),
        np.full(n_groups, np.nan),
        np.zeros(len(rows.values)),
    )
    order = inside[np.argsort(rows.group[inside], kind="stable")]
    first = np.concatenate([[0], np.cumsum(count)])
    for chosen, width in _chunks(count):
        slot = np.arange(width)
        is_real = slot < count[chosen, None]
        index = order[np.where(is_real, first[chosen, None] + slot, first[chosen, None])]
        _mean_of_chunk(rows, index, is_real, chosen, (correlation, least_excess), result)
    return result


def _chunks(count: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
    """Groups in order of size, as many together as memory allows."""
    by_size = np.argsort(count, kind="stable")
    by_size = by_size[count[by_size] > 0]
    start = 0
    while start < len(by_size):
        width = int(count[by_size[start]])
        limit = max(int(width * 1.3), width + 2)
        end = min(start + max(_ELEMENTS // limit**2, 1), int(np.searchsorted(count[by_size], limit, side="right")))
        end = max(end, start + 1)
        yield by_size[start:end], int(count[by_size[end - 1]])
        start = end


def _masked_median(values: FloatArray, is_real: npt.NDArray[np.bool_]) -> FloatArray:
    ranked = np.sort(np.where(is_real, values, np.inf), axis=1)
    n = is_real.sum(axis=1)
    at = np.arange(len(values))
    result: FloatArray = 0.5 * (ranked[at, (n - 1) // 2] + ranked[at, n // 2])
    return result


def _mean_of_chunk(
    rows: GroupRows,
    index: npt.NDArray[np.int64],
    is_real: npt.NDArray[np.bool_],
    chosen: npt.NDArray[np.int64],
    noise: tuple[ErrorCorrelation, float],
    result: GroupedMeans,
) -> None:
    correlation, least_excess = noise
    v, n = rows.values[index], is_real.sum(axis=1)
    sigma = np.where(is_real, rows.std[index], 0.0)
    x, y = rows.easting[index], rows.northing[index]
    distance = np.hypot(x[:, :, None] - x[:, None, :], y[:, :, None] - y[:, None, :])
    amplitude = sigma[:, :, None] * np.sqrt(correlation.shares[rows.kind[index]])
    parts = range(len(correlation.lengths))
    common = np.zeros(distance.shape)
    for k in parts:
        if amplitude[:, :, k].any():
            common += _part(distance, amplitude[:, :, k], float(correlation.lengths[k]))
    diagonal = np.einsum("gii->gi", common)
    pairs = np.maximum(n * (n - 1), 1)
    shared = (common.sum(axis=(1, 2)) - diagonal.sum(axis=1)) / pairs
    within = np.maximum((sigma**2).sum(axis=1) / n - shared, 0.0)
    centre = _masked_median(v, is_real)
    small = np.where(n > 1, n / (n - 0.8), 1.0)
    scatter = _MAD * _masked_median(np.abs(v - centre[:, None]), is_real) * small
    surplus = scatter**2 - within
    excess2 = np.maximum(np.where(n > 2, surplus, 0.0), least_excess**2)
    result.surplus[chosen] = np.where(n >= FEWEST_IN_GROUP, surplus, np.nan)
    variance = np.where(is_real, sigma**2 + excess2[:, None], np.inf)
    weights = _huber_weights(v, variance, centre)
    own2 = np.maximum(sigma**2 - diagonal, 0.0) + excess2[:, None]
    own = np.einsum("gi,gi->g", weights**2, own2)
    by_part = np.zeros((len(v), len(correlation.lengths)))
    for k in parts:
        scaled = weights * amplitude[:, :, k]
        if scaled.any():
            by_part[:, k] = np.einsum(
                "gi,gij,gj->g", scaled, np.exp(-distance / float(correlation.lengths[k])), scaled, optimize=True
            )
    result.mean[chosen] = np.einsum("gi,gi->g", weights, v)
    result.shared[chosen], result.own[chosen] = by_part, own
    result.std[chosen] = np.sqrt(by_part.sum(axis=1) + own)
    result.weights[index[is_real]] = weights[is_real]


def _part(distance: FloatArray, amplitude: FloatArray, length: float) -> FloatArray:
    result: FloatArray = np.exp(-distance / length) * amplitude[:, :, None] * amplitude[:, None, :]
    return result


def _huber_weights(values: FloatArray, variance: FloatArray, centre: FloatArray) -> FloatArray:
    root = np.sqrt(variance)
    step = 1e-9 * root.min(axis=1)
    weights = np.zeros(values.shape)
    active = np.ones(len(values), bool)
    for _ in range(_ITERATIONS):
        z = np.abs(values[active] - centre[active, None]) / root[active]
        fresh = np.minimum(1.0, _HUBER / np.maximum(z, 1e-12)) / variance[active]
        fresh /= fresh.sum(axis=1, keepdims=True)
        weights[active] = fresh
        moved = np.einsum("gi,gi->g", fresh, values[active])
        still = np.abs(moved - centre[active]) > step[active]
        centre[active] = np.where(still, moved, centre[active])
        active[np.flatnonzero(active)[~still]] = False
        if not active.any():
            break
    return weights
