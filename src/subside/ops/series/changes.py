"""Changes of the rate of a displacement series: bends found one at a time, each tested against simulated noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.ops.series.noise import (
    Dates,
    FloatArray,
    SeriesNoise,
    annual_columns,
    days_of,
    generalised,
    likely_noises,
    trend_columns,
)
from subside.ops.time_model import SEASON_MIN_SPAN_DAYS

_EDGE: Final = 5
_FLEXIBLE: Final = 2


@dataclass(frozen=True)
class RateChanges:
    """Bends of a series.

    Attributes
    ----------
    dates : ndarray of datetime64[D], (bend,)
        Ascending.
    change, change_std : ndarray of float64, (bend,)
        Rate after less rate before, m/yr, given the dates.
    p_values : ndarray of float64, (test,)
        Of each bend in the order found, and of the first one rejected.
    """

    dates: npt.NDArray[np.datetime64]
    change: FloatArray
    change_std: FloatArray
    p_values: FloatArray


def rate_changes(
    dates: Dates,
    values: FloatArray,
    *,
    alpha: float = 0.05,
    most: int = 3,
    n_simulations: int = 999,
    seed: int = 1,
) -> RateChanges:
    """Find bends of a continuous piecewise line beside an annual motion.

    The bend that explains most is added as long as noise of the fitted covariance explains as much at any of the
    candidate dates in less than ``alpha`` of the simulations (a parametric bootstrap of the largest F statistic;
    Andrews 1993, Econometrica 61, for the problem). The noise is what a parabola and the season leave, so
    that bends are not called noise; how long it is remembered is poorly known, so that every simulation draws its
    memory from what the series allows. Five dates lie on each side of a bend and between bends.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    values : ndarray of float64, (date,)
        m; NaN is a gap.
    alpha : float
        Probability of a first bend where there is none.
    most : int
        Most bends.
    n_simulations : int
        Simulated series of a test.
    seed : int
        Of the simulations.

    Returns
    -------
    RateChanges
    """
    _check.in_range(1.0 / (n_simulations + 1), 0.5, alpha=alpha)
    used = np.isfinite(values)
    when, y = np.asarray(dates, "datetime64[D]")[used], np.asarray(values, np.float64)[used]
    days = days_of(when)
    empty = np.zeros(0)
    if len(y) < 4 * _EDGE:
        return RateChanges(when[:0], empty, empty, empty)
    annual = annual_columns(days) if days[-1] - days[0] >= SEASON_MIN_SPAN_DAYS else np.zeros((len(days), 0))
    likely = likely_noises(days, y, np.column_stack([trend_columns(days, _FLEXIBLE), annual]))
    noise = likely[0][0]
    base = np.column_stack([trend_columns(days), annual])
    hinges = np.maximum(np.subtract.outer(days, days), 0.0) / DAYS_PER_YEAR
    candidates = np.arange(_EDGE, len(days) - _EDGE)
    rng = np.random.default_rng(seed)
    simulated = noise.whiten(_drawn(likely, n_simulations, rng))
    white_y = noise.whiten(y[:, None])
    chosen: list[int] = []
    p_values: list[float] = []
    while len(chosen) < most and len(candidates):
        fixed = np.linalg.qr(noise.whiten(np.column_stack([base, hinges[:, chosen]])))[0]
        columns = _left(noise.whiten(hinges[:, candidates]), fixed)
        columns /= np.linalg.norm(columns, axis=0)
        gain, largest = _gains(_left(white_y, fixed), columns)
        _, by_chance = _gains(_left(simulated, fixed), columns)
        p_values.append(float((1 + np.count_nonzero(by_chance >= largest[0])) / (n_simulations + 1)))
        if p_values[-1] > alpha:
            break
        chosen.append(int(candidates[np.argmax(gain[:, 0])]))
        candidates = candidates[np.abs(candidates - chosen[-1]) >= _EDGE]
    chosen.sort()
    if not chosen:
        return RateChanges(when[:0], empty, empty, np.array(p_values))
    hat = generalised(np.column_stack([base, hinges[:, chosen]]), noise)[base.shape[1] :]
    std = np.sqrt(np.diag(hat @ noise.covariance @ hat.T))
    return RateChanges(when[chosen], hat @ y, std, np.array(p_values))


def _drawn(likely: list[tuple[SeriesNoise, float]], n: int, rng: np.random.Generator) -> FloatArray:
    """Simulated noise, (date, n), each of a memory drawn by its probability; only its form matters."""
    counts = rng.multinomial(n, [p for _, p in likely])
    parts = [
        np.linalg.cholesky(noise.correlation) @ rng.standard_normal((len(noise.days), k))
        for (noise, _), k in zip(likely, counts, strict=True)
        if k
    ]
    result: FloatArray = np.concatenate(parts, axis=1)
    return result


def _left(columns: FloatArray, basis: FloatArray) -> FloatArray:
    result: FloatArray = columns - basis @ (basis.T @ columns)
    return result


def _gains(series: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of the squares that each candidate explains, (candidate, series), and the largest, (series,)."""
    share = (columns.T @ series) ** 2 / np.maximum(np.einsum("ij,ij->j", series, series), np.finfo(np.float64).tiny)
    return share, share.max(axis=0)
