"""Classes of displacement series: still, linear, curved, bent or broken, with the weight of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.series_rows import SeriesRows
from subside.ops.series.noise import Dates, FloatArray, annual_columns, days_of, trend_columns
from subside.ops.time_model import SEASON_MIN_SPAN_DAYS

LEAST_DATES: Final = 16
"""Fewest dates of a series that is classed."""

_EDGE: Final = 5
_BREAK_COST: Final = 2.0
_BLOCK: Final = 16_384
_MOST_PERSISTENT: Final = 0.9
_POOL: Final = 20


class SeriesClass(IntEnum):
    """Form of the motion (Berti et al. 2013)."""

    UNKNOWN = -1
    UNCORRELATED = 0
    LINEAR = 1
    QUADRATIC = 2
    BILINEAR = 3
    STEP = 4
    STEP_AND_BEND = 5


@dataclass(frozen=True)
class SeriesClasses:
    """Classes of some series.

    Attributes
    ----------
    label : ndarray of int8, (series,)
        :class:`SeriesClass` of greatest weight; UNKNOWN where the series has gaps.
    weight : ndarray of float32, (series, 6)
        Approximate probability of each class; NaN where unknown.
    break_index : ndarray of int16, (series,)
        Index of the first date after the break of the best class with one among the three; -1 where unknown.
    persistence : float
        Correlation of the noise of successive dates that the weights allow for.
    """

    label: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float32]
    break_index: npt.NDArray[np.int16]
    persistence: float


def classify_series(dates: Dates, series: SeriesRows) -> SeriesClasses:
    """Class series by the Bayesian information criterion.

    Six models are fitted to every series by least squares: constant, line, parabola, line with a bend, with a step, and
    with both; an annual motion is part of each, so that a season is not taken for a break (Berti et al. 2013, Nat.
    Hazards Earth Syst. Sci. 13, who test in turn). Weights are ``exp(-BIC / 2)``, normalised. A break costs two
    parameters beside its columns, for the search over its date. Noise of successive dates is alike, so that the
    likelihood counts effective dates ``n (1 - r) / (1 + r)``, ``r`` being pooled over the series.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    series : array-like of float, (series, date)
        m, read by slices of rows; a series with a NaN is not classed.

    Returns
    -------
    SeriesClasses

    Raises
    ------
    ArgumentError
        For fewer than 16 dates.
    """
    if tuple(series.shape)[1:] != (len(dates),):
        raise ArgumentError(f"`series` must have shape (any, {len(dates)}), got {tuple(series.shape)}")
    if len(dates) < LEAST_DATES:
        raise ArgumentError(f"`series` must hold at least {LEAST_DATES} dates to be classed, got {len(dates)}")
    models = _Models.at(days_of(dates))
    n = series.shape[0]
    logs, breaks = np.full((n, 6), np.nan, np.float32), np.full((n, 3), -1, np.int16)
    persistence = []
    for start in range(0, n, _BLOCK):
        block = np.asarray(series[start : start + _BLOCK], np.float64)
        whole = np.isfinite(block).all(axis=1)
        rows = start + np.flatnonzero(whole)
        if len(rows):
            logs[rows], breaks[rows] = models.residuals(block[whole])
            persistence.append(models.persistence(block[whole][: 4 * _POOL]))
    r = float(np.median(np.concatenate(persistence))) if persistence else 0.0
    r = float(np.clip(r, 0.0, _MOST_PERSISTENT))
    effective = len(dates) * (1 - r) / (1 + r)
    bic = effective * logs + models.n_parameters * np.log(effective)
    known = np.isfinite(logs[:, 0])
    weight = np.exp(-0.5 * (bic - bic.min(axis=1, keepdims=True))).astype(np.float32)
    weight /= weight.sum(axis=1, keepdims=True)
    label = np.full(n, SeriesClass.UNKNOWN, np.int8)
    label[known] = np.argmax(weight[known], axis=1)
    best = np.argmin(bic[:, 3:][known], axis=1)
    index = np.full(n, -1, np.int16)
    index[known] = breaks[known, best]
    return SeriesClasses(label, weight, index, r)


@dataclass(frozen=True)
class _Models:
    """Orthonormal columns of every model."""

    base: FloatArray
    slope: FloatArray
    bend: FloatArray
    bends: FloatArray
    steps: FloatArray
    extra: FloatArray
    first: int
    n_parameters: FloatArray

    @classmethod
    def at(cls, days: FloatArray) -> _Models:
        is_seasonal = float(days[-1] - days[0]) >= SEASON_MIN_SPAN_DAYS
        annual = annual_columns(days) if is_seasonal else np.zeros((len(days), 0))
        powers = trend_columns(days, 2)
        base = np.linalg.qr(np.column_stack([powers[:, :1], annual]))[0]
        slope = _beyond(powers[:, 1:2], base)
        linear = np.column_stack([base, slope])
        knots = np.arange(_EDGE, len(days) - _EDGE + 1)
        middle = (days[knots] + days[knots - 1]) / 2
        bends = _beyond(np.maximum(np.subtract.outer(days, middle), 0.0), linear)
        steps = _beyond((np.subtract.outer(days, middle) > 0).astype(np.float64), linear)
        extra = bends - steps * np.einsum("ij,ij->j", steps, bends)
        extra /= np.linalg.norm(extra, axis=0)
        k = base.shape[1]
        count = k + np.array([0, 1, 2, 2 + _BREAK_COST, 2 + _BREAK_COST, 3 + _BREAK_COST])
        return cls(base, slope, _beyond(powers[:, 2:], linear), bends, steps, extra, int(knots[0]), count)

    def residuals(self, y: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Log of the residual squares of the six models, and the date of each of the three breaks."""
        left = np.einsum("ij,ij->i", y, y) - np.sum((y @ self.base) ** 2, axis=1)
        line = left - (y @ self.slope)[:, 0] ** 2
        step = (y @ self.steps) ** 2
        gains = ((y @ self.bends) ** 2, step, step + (y @ self.extra) ** 2)
        breaks = np.stack([np.argmax(g, axis=1) for g in gains], axis=1)
        parts = [left, line, line - (y @ self.bend)[:, 0] ** 2, *(line - g.max(axis=1) for g in gains)]
        floor = np.maximum(1e-12 * np.einsum("ij,ij->i", y, y), np.finfo(np.float64).tiny)
        return np.log(np.maximum(np.stack(parts, axis=1), floor[:, None])), breaks + self.first

    def persistence(self, y: FloatArray) -> FloatArray:
        """Correlation of successive residuals of the parabola, corrected for its parameters."""
        columns = np.column_stack([self.base, self.slope, self.bend])
        e = y - (y @ columns) @ columns.T
        power = np.maximum(np.einsum("ij,ij->i", e, e), np.finfo(np.float64).tiny)
        found: FloatArray = np.einsum("ij,ij->i", e[:, 1:], e[:, :-1]) / power
        corrected: FloatArray = found + (columns.shape[1] + 3 * found) / y.shape[1]
        return corrected


def _beyond(columns: FloatArray, basis: FloatArray) -> FloatArray:
    """Parts of columns perpendicular to an orthonormal basis, each of length 1."""
    left = columns - basis @ (basis.T @ columns)
    result: FloatArray = left / np.linalg.norm(left, axis=0)
    return result
