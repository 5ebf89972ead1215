"""Classes of displacement series: still, linear, curved, bent or broken, with the weight of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.series_rows import SeriesRows
from subside.ops.series.noise import (
    Dates,
    FloatArray,
    SeriesNoise,
    annual_columns,
    days_of,
    pooled_noises,
    trend_columns,
)
from subside.ops.time_model import SEASON_MIN_SPAN_DAYS

LEAST_DATES: Final = 16
"""Fewest dates of a series that is classed."""

_EDGE: Final = 5
_BREAK_COST: Final = 2.0
_BLOCK: Final = 16_384
_FLEXIBLE: Final = 5
_FEW: Final = 8
_POOL: Final = 80
"""Series that the memory of the noise is read off."""
_PLAIN: Final = 0.05
"""Weight of constant and line above which a series is one of them."""


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
    noise_memory, noise_share : float
        Memory of the noise that is most likely, days, and the share of its variance that is remembered.
    """

    label: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float32]
    break_index: npt.NDArray[np.int16]
    noise_memory: float
    noise_share: float


def classify_series(dates: Dates, series: SeriesRows) -> SeriesClasses:
    """Class series by the Bayesian information criterion.

    Six models are fitted to every series by least squares: constant, line, parabola, line with a bend, with a step, and
    with both; an annual motion is part of each, so that a season is not taken for a break (Berti et al. 2013, Nat.
    Hazards Earth Syst. Sci. 13, who test in turn). Weights are ``exp(-BIC / 2)``, normalised. A break costs two
    parameters beside its columns, for the search over its date. Noise of successive dates is alike, and noise that is
    remembered for months looks like a parabola: series and models are whitened by each noise that is likely, pooled
    over a sample of the series (:func:`subside.ops.series.noise.pooled_noises`), and the weights are averaged. The
    noise is what a season and a polynomial of the fifth degree leave, which bends are not noise to; of fewer than eight
    series, which cannot tell such a polynomial from a long memory, what a parabola leaves. A series is a constant or a
    line unless the two together weigh less than 0.05.

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
    days, n = days_of(dates), series.shape[0]
    sample = _sample(series)
    noises = pooled_noises(days, sample, _smooth(days, _FLEXIBLE if len(sample) >= _FEW else 2))
    models = [_Models.at(days, noise) for noise, _ in noises]
    weight, breaks = np.full((n, 6), np.nan, np.float32), np.full((n, 3), -1, np.int16)
    for start in range(0, n, _BLOCK):
        block = np.asarray(series[start : start + _BLOCK], np.float64)
        whole = np.isfinite(block).all(axis=1)
        rows = start + np.flatnonzero(whole)
        if not len(rows):
            continue
        found = [model.compared(block[whole]) for model in models]
        weight[rows] = sum(p * own for (own, _), (_, p) in zip(found, noises, strict=True))
        breaks[rows] = found[0][1]
    known = np.isfinite(weight[:, 0])
    label = np.full(n, SeriesClass.UNKNOWN, np.int8)
    label[known] = _labels(weight[known])
    best = np.argmax(weight[known, 3:], axis=1)
    index = np.full(n, -1, np.int16)
    index[known] = breaks[known, best]
    return SeriesClasses(label, weight, index, noises[0][0].memory, noises[0][0].share)


def _labels(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Class of greatest weight; a constant or a line unless they are implausible."""
    is_plain = weight[:, :2].sum(axis=1) > _PLAIN
    result: npt.NDArray[np.int64] = np.where(is_plain, np.argmax(weight[:, :2], axis=1), np.argmax(weight, axis=1))
    return result


def _sample(series: SeriesRows) -> FloatArray:
    """Some whole series of every block."""
    starts = range(0, series.shape[0], _BLOCK)
    each = -(-_POOL // max(len(starts), 1))
    found = [np.asarray(series[k : k + 2 * each], np.float64) for k in starts]
    found = [rows[np.isfinite(rows).all(axis=1)][:each] for rows in found]
    return np.concatenate(found) if found else np.zeros((0, series.shape[1]))


def _smooth(days: FloatArray, degree: int) -> FloatArray:
    """Powers 0 to ``degree`` and an annual motion, if it can be told."""
    is_seasonal = float(days[-1] - days[0]) >= SEASON_MIN_SPAN_DAYS
    annual = annual_columns(days) if is_seasonal else np.zeros((len(days), 0))
    return np.column_stack([trend_columns(days, degree), annual])


@dataclass(frozen=True)
class _Models:
    """Orthonormal columns of every model, whitened."""

    whitener: FloatArray
    base: FloatArray
    slope: FloatArray
    bend: FloatArray
    bends: FloatArray
    steps: FloatArray
    extra: FloatArray
    first: int
    n_parameters: FloatArray

    @classmethod
    def at(cls, days: FloatArray, noise: SeriesNoise) -> _Models:
        whitener = noise.whiten(np.eye(len(days)))
        powers = whitener @ _smooth(days, 2)
        base = np.linalg.qr(np.delete(powers, (1, 2), axis=1))[0]
        slope = _beyond(powers[:, 1:2], base)
        linear = np.column_stack([base, slope])
        knots = np.arange(_EDGE, len(days) - _EDGE + 1)
        middle = (days[knots] + days[knots - 1]) / 2
        bends = _beyond(whitener @ np.maximum(np.subtract.outer(days, middle), 0.0), linear)
        steps = _beyond(whitener @ (np.subtract.outer(days, middle) > 0), linear)
        extra = bends - steps * np.einsum("ij,ij->j", steps, bends)
        extra /= np.linalg.norm(extra, axis=0)
        k = base.shape[1]
        count = k + np.array([0, 1, 2, 2 + _BREAK_COST, 2 + _BREAK_COST, 3 + _BREAK_COST])
        return cls(whitener, base, slope, _beyond(powers[:, 2:3], linear), bends, steps, extra, int(knots[0]), count)

    def compared(self, y: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Weights of the six models, and the date of each of the three breaks."""
        logs, breaks = self.residuals(y @ self.whitener.T)
        n = len(self.whitener)
        bic = n * logs + self.n_parameters * np.log(n)
        weight = np.exp(-0.5 * (bic - bic.min(axis=1, keepdims=True)))
        return weight / weight.sum(axis=1, keepdims=True), breaks

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


def _beyond(columns: FloatArray, basis: FloatArray) -> FloatArray:
    """Parts of columns perpendicular to an orthonormal basis, each of length 1."""
    left = columns - basis @ (basis.T @ columns)
    result: FloatArray = left / np.linalg.norm(left, axis=0)
    return result
