"""Solve pair phases for date phases, point by point, and regressions whose series have gaps.

The normal matrix of a network is a weighted graph Laplacian with the first date grounded. Dates sorted in
time give it a narrow profile (a row reaches back only to the earliest date it is paired with), so a Cholesky
factor inside that profile costs a small multiple of the number of pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

LANES = 32
"""Points solved side by side, so that the innermost loop runs over points."""


def profile_starts(pairs: npt.NDArray[np.integer], n_dates: int) -> npt.NDArray[np.int64]:
    """First column of each row of the profile of the grounded normal matrix.

    Parameters
    ----------
    pairs : ndarray of int, (pair, 2)
        Date indices, earlier first.
    n_dates : int
        Number of dates.

    Returns
    -------
    ndarray of int64, (date - 1,)
        Row and column ``r`` stand for date ``r + 1``.
    """
    starts = np.arange(n_dates - 1, dtype=np.int64)
    inner = pairs[:, 0] > 0
    np.minimum.at(starts, pairs[inner, 1] - 1, pairs[inner, 0].astype(np.int64) - 1)
    return starts


@kernel
def solve_common(
    unwrapped: Any,
    weights: Any,
    first: Any,
    second: Any,
    starts: Any,
    series: Any,
    rms: Any,
) -> None:
    """Weighted least squares with one set of weights and no gaps; writes ``series`` and ``rms``.

    Parameters
    ----------
    unwrapped : ndarray of float32, (point, pair)
        Unwrapped phase, rad, finite.
    weights : ndarray of float64, (pair,)
        Positive.
    first, second : ndarray of int32, (pair,)
        Dates of each pair; every date is connected to date 0.
    starts : ndarray of int64, (date - 1,)
        From :func:`profile_starts`.
    series : ndarray of float32, (point, date)
        Output, rad, 0 at date 0.
    rms : ndarray of float32, (point,)
        Output, weighted root mean square of the pair residuals, rad.
    """
    n_points, n_pairs = unwrapped.shape
    n = len(starts)
    factor = np.zeros((n, n))
    total = 0.0
    for k in range(n_pairs):
        i, j, w = first[k] - 1, second[k] - 1, weights[k]
        total += w
        factor[j, j] += w
        if i >= 0:
            factor[i, i] += w
            factor[j, i] -= w
    for r in range(n):
        for c in range(starts[r], r + 1):
            value = factor[r, c]
            for m in range(max(starts[r], starts[c]), c):
                value -= factor[r, m] * factor[c, m]
            factor[r, c] = np.sqrt(value) if r == c else value / factor[c, c]
    x = np.zeros((n + 1, LANES))
    misfit = np.zeros(LANES)
    for p0 in range(0, n_points, LANES):
        lanes = min(LANES, n_points - p0)
        x[:] = 0.0
        misfit[:] = 0.0
        for k in range(n_pairs):
            i, j, w = first[k], second[k], weights[k]
            for q in range(lanes):
                u = w * unwrapped[p0 + q, k]
                x[i, q] -= u
                x[j, q] += u
        x[0, :] = 0.0
        for r in range(n):
            for c in range(starts[r], r):
                f = factor[r, c]
                for q in range(LANES):
                    x[r + 1, q] -= f * x[c + 1, q]
            inverse = 1.0 / factor[r, r]
            for q in range(LANES):
                x[r + 1, q] *= inverse
        for r in range(n - 1, -1, -1):
            inverse = 1.0 / factor[r, r]
            for q in range(LANES):
                x[r + 1, q] *= inverse
            for c in range(starts[r], r):
                f = factor[r, c]
                for q in range(LANES):
                    x[c + 1, q] -= f * x[r + 1, q]
        for k in range(n_pairs):
            i, j, w = first[k], second[k], weights[k]
            for q in range(lanes):
                residual = unwrapped[p0 + q, k] - (x[j, q] - x[i, q])
                misfit[q] += w * residual * residual
        for q in range(lanes):
            for d in range(n + 1):
                series[p0 + q, d] = x[d, q]
            rms[p0 + q] = np.sqrt(misfit[q] / total)


@kernel
def solve_weighted(
    unwrapped: Any,
    weights: Any,
    first: Any,
    second: Any,
    starts: Any,
    series: Any,
    rms: Any,
    n_used: Any,
) -> None:
    """Weighted least squares with weights and gaps of each point's own.

    Parameters
    ----------
    unwrapped : ndarray of float32, (point, pair)
        Unwrapped phase, rad; NaN is a gap.
    weights : ndarray of float32, (point, pair) or (1, pair)
        A weight that is not positive, or NaN, is a gap.
    first, second : ndarray of int32, (pair,)
        Dates of each pair.
    starts : ndarray of int64, (date - 1,)
        From :func:`profile_starts`.
    series : ndarray of float32, (point, date)
        Output, rad, 0 at date 0, NaN at dates no chain of valid pairs joins to date 0.
    rms : ndarray of float32, (point,)
        Output, weighted root mean square of the residuals of the pairs used, rad; NaN where none is.
    n_used : ndarray of int32, (point,)
        Output, number of pairs used.
    """
    n_points, n_pairs = unwrapped.shape
    n = len(starts)
    per_point = len(weights) > 1
    normal = np.zeros((n, n))
    x = np.zeros(n + 1)
    reached = np.zeros(n + 1, np.bool_)
    valid = np.zeros(n_pairs)
    for p in range(n_points):
        row = p if per_point else 0
        for k in range(n_pairs):
            w = weights[row, k]
            if w > 0.0 and np.isfinite(unwrapped[p, k]) and np.isfinite(w):
                valid[k] = w
            else:
                valid[k] = 0.0
        reached[:] = False
        reached[0] = True
        growing = True
        while growing:
            growing = False
            for k in range(n_pairs):
                if valid[k] > 0.0 and reached[first[k]] != reached[second[k]]:
                    reached[first[k]] = True
                    reached[second[k]] = True
                    growing = True
        for r in range(n):
            for c in range(starts[r], r + 1):
                normal[r, c] = 0.0
            if not reached[r + 1]:
                normal[r, r] = 1.0
        x[:] = 0.0
        used = 0
        total = 0.0
        for k in range(n_pairs):
            w = valid[k]
            if w == 0.0 or not reached[first[k]]:
                valid[k] = 0.0
                continue
            used += 1
            total += w
            i, j = first[k] - 1, second[k] - 1
            u = w * unwrapped[p, k]
            normal[j, j] += w
            x[j + 1] += u
            if i >= 0:
                normal[i, i] += w
                normal[j, i] -= w
                x[i + 1] -= u
        for r in range(n):
            for c in range(starts[r], r + 1):
                value = normal[r, c]
                for m in range(max(starts[r], starts[c]), c):
                    value -= normal[r, m] * normal[c, m]
                normal[r, c] = np.sqrt(value) if r == c else value / normal[c, c]
            value = x[r + 1]
            for c in range(starts[r], r):
                value -= normal[r, c] * x[c + 1]
            x[r + 1] = value / normal[r, r]
        for r in range(n - 1, -1, -1):
            x[r + 1] /= normal[r, r]
            for c in range(starts[r], r):
                x[c + 1] -= normal[r, c] * x[r + 1]
        misfit = 0.0
        for k in range(n_pairs):
            if valid[k] > 0.0:
                residual = unwrapped[p, k] - (x[second[k]] - x[first[k]])
                misfit += valid[k] * residual * residual
        for d in range(n + 1):
            series[p, d] = x[d] if reached[d] else np.nan
        rms[p] = np.sqrt(misfit / total) if used > 0 else np.nan
        n_used[p] = used


@kernel
def regress_gaps(
    values: Any,
    design: Any,
    covariance: Any,
    out: Any,
    variance: Any,
    quadratic: Any,
    n_valid: Any,
) -> None:
    """Generalised least squares of series with gaps, one covariance for all points.

    Parameters
    ----------
    values : ndarray of float64, (point, date)
        NaN is a gap.
    design : ndarray of float64, (date, parameter)
        Regressors.
    covariance : ndarray of float64, (date, date)
        Positive definite.
    out : ndarray of float64, (point, parameter)
        Output, ``(X' C^-1 X)^-1 X' C^-1 y`` over the dates present; NaN where they do not determine it.
    variance : ndarray of float64, (point, parameter)
        Output, diagonal of ``(X' C^-1 X)^-1``.
    quadratic : ndarray of float64, (point,)
        Output, ``r' C^-1 r`` of the residual.
    n_valid : ndarray of int32, (point,)
        Output, number of dates present.
    """
    n_points, n_dates = values.shape
    n_par = design.shape[1]
    low = np.zeros((n_dates, n_dates))
    z = np.zeros((n_dates, n_par + 1))
    normal = np.zeros((n_par + 1, n_par + 1))
    inverse = np.zeros((n_par, n_par))
    present = np.zeros(n_dates, np.int64)
    for p in range(n_points):
        n = 0
        for d in range(n_dates):
            if np.isfinite(values[p, d]):
                present[n] = d
                n += 1
        n_valid[p] = n
        out[p] = np.nan
        variance[p] = np.nan
        quadratic[p] = np.nan
        if n <= n_par:
            continue
        for a in range(n):
            for b in range(a + 1):
                value = covariance[present[a], present[b]]
                for m in range(b):
                    value -= low[a, m] * low[b, m]
                low[a, b] = np.sqrt(value) if a == b else value / low[b, b]
            for c in range(n_par + 1):
                value = values[p, present[a]] if c == n_par else design[present[a], c]
                for m in range(a):
                    value -= low[a, m] * z[m, c]
                z[a, c] = value / low[a, a]
        singular = False
        for a in range(n_par + 1):
            for b in range(a + 1):
                value = 0.0
                for m in range(n):
                    value += z[m, a] * z[m, b]
                size = value
                for m in range(b):
                    value -= normal[a, m] * normal[b, m]
                if a == b:
                    if a < n_par and value <= 1e-10 * size:
                        singular = True
                    normal[a, a] = np.sqrt(max(value, 0.0))
                else:
                    normal[a, b] = value / normal[b, b] if normal[b, b] > 0.0 else 0.0
        if singular:
            continue
        quadratic[p] = normal[n_par, n_par] ** 2
        for c in range(n_par):
            for a in range(c, n_par):
                value = 1.0 if a == c else 0.0
                for m in range(c, a):
                    value -= normal[a, m] * inverse[m, c]
                inverse[a, c] = value / normal[a, a]
        for c in range(n_par):
            estimate = 0.0
            spread = 0.0
            for a in range(c, n_par):
                estimate += inverse[a, c] * normal[n_par, a]
                spread += inverse[a, c] ** 2
            out[p, c] = estimate
            variance[p, c] = spread
