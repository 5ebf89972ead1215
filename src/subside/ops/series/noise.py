"""Noise of one displacement series: a white part and a part that is remembered, at irregular dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, null_space, solve_triangular
from scipy.stats import trim_mean

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

_MEMORIES: Final = (15.0, 30.0, 60.0, 120.0, 240.0)
_SHARES: Final = (0.25, 0.5, 0.75, 0.95)
_GRID: Final = ((0.0, 0.0), *((m, s) for m in _MEMORIES for s in _SHARES))
_LEAST_DOF: Final = 3.0
_RARE: Final = 0.01
_TRIMMED: Final = 0.1
_WHITE_ODDS: Final = 3.0
_EPOCH: Final = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class SeriesNoise:
    """Covariance ``variance * ((1 - share) * I + share * exp(-|t_i - t_j| / memory))``.

    Attributes
    ----------
    days : ndarray of float64, (date,)
        Days, any origin.
    variance : float
        Squared unit of the series.
    memory : float
        Time in which correlation falls to 1/e, days; 0 where the noise is white.
    share : float
        Part of the variance that is remembered, 0 to 1.
    """

    days: FloatArray
    variance: float
    memory: float
    share: float

    @property
    def correlation(self) -> FloatArray:
        """Correlation of the noise, (date, date)."""
        return _correlation(self.days, self.memory, self.share)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the noise, (date, date), squared unit of the series."""
        result: FloatArray = self.variance * self.correlation
        return result

    @property
    def n_effective(self) -> float:
        """Independent dates that would determine a mean as well."""
        ones = np.ones(len(self.days))
        return float(ones @ np.linalg.solve(self.correlation, ones))

    def whiten(self, columns: FloatArray) -> FloatArray:
        """Columns divided by the lower Cholesky factor of the correlation, same shape."""
        factor = np.linalg.cholesky(self.correlation)
        result: FloatArray = solve_triangular(factor, columns, lower=True)
        return result

    def dof(self, n_parameters: int) -> float:
        """Degrees of freedom left by a model, counted in effective dates."""
        return max(self.n_effective - n_parameters, _LEAST_DOF)


def days_of(dates: Dates) -> FloatArray:
    """Days since 1 January 1970, (date,)."""
    result: FloatArray = (np.asarray(dates, "datetime64[D]") - _EPOCH).astype(np.float64)
    return result


def trend_columns(days: FloatArray, degree: int = 1) -> FloatArray:
    """Powers 0 to ``degree`` of the years since mid-series, (date, degree + 1)."""
    years = (days - days.mean()) / DAYS_PER_YEAR
    result: FloatArray = np.vander(years, degree + 1, increasing=True)
    return result


def annual_columns(days: FloatArray, harmonics: int = 1) -> FloatArray:
    """Cosine and sine of the year (and its parts) counted from 1 January 1970, (date, 2 harmonics)."""
    angle = 2 * np.pi * np.outer(days / DAYS_PER_YEAR, np.arange(1, harmonics + 1))
    result: FloatArray = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(days), -1)
    return result


def fit_noise(days: FloatArray, values: FloatArray, design: FloatArray) -> SeriesNoise:
    """Fit the noise that a linear model leaves by restricted maximum likelihood on a grid of memories and shares.

    The likelihood is that of the residuals in the space the model leaves, so that the parameters of the model do not
    bias the variance (Patterson and Thompson 1971, Biometrika). Dates may be spaced in any way.

    Parameters
    ----------
    days : ndarray of float64, (date,)
        Days, ascending.
    values : ndarray of float64, (date,)
        Finite.
    design : ndarray of float64, (date, parameter)
        Full rank.

    Returns
    -------
    SeriesNoise

    Raises
    ------
    ArgumentError
        If fewer than four dates are left over by the model.
    """
    return likely_noises(days, values, design)[0][0]


def likely_noises(days: FloatArray, values: FloatArray, design: FloatArray) -> list[tuple[SeriesNoise, float]]:
    """Every memory and share of the grid of :func:`fit_noise` with its probability, the most likely first.

    Three quarters of the prior probability are white noise, the rest is spread evenly over the rest of the grid.

    Parameters
    ----------
    days : ndarray of float64, (date,)
        Days, ascending.
    values : ndarray of float64, (date,)
        Finite.
    design : ndarray of float64, (date, parameter)
        Full rank.

    Returns
    -------
    list of tuple of SeriesNoise and float
        The first is that of greatest likelihood; probabilities sum to 1.

    Raises
    ------
    ArgumentError
        If fewer than four dates are left over by the model.
    """
    _check.shape((len(days),), values=values)
    if not (null_space(design.T).T @ values).any():
        return [(SeriesNoise(days, 0.0, 0.0, 0.0), 1.0)]
    quadratic, scores = _scores(days, values[:, None], design)
    weight = _probabilities(scores[:, 0])
    return [
        (SeriesNoise(days, float(quadratic[k, 0]), *_GRID[k]), float(weight[k]))
        for k in np.argsort(scores[:, 0], kind="stable")
    ]


def pooled_noises(days: FloatArray, series: FloatArray, design: FloatArray) -> list[tuple[SeriesNoise, float]]:
    """Noises of unit variance with their probabilities, of several series that have one memory and share.

    The log-likelihoods of :func:`likely_noises` are averaged over the series without the tenth at either end, so that
    no few broken ones rule, and counted as often as there are series. Noises of less than a hundredth are left out.

    Parameters
    ----------
    days : ndarray of float64, (date,)
        Days, ascending.
    series : ndarray of float64, (series, date)
        Finite; none gives white noise.
    design : ndarray of float64, (date, parameter)
        Full rank.

    Returns
    -------
    list of tuple of SeriesNoise and float
        The most likely first; probabilities sum to 1.
    """
    moving = series[(np.abs(series @ null_space(design.T)) > 0).any(axis=1)] if len(series) else series
    if not len(moving):
        return [(SeriesNoise(days, 1.0, 0.0, 0.0), 1.0)]
    scores = _scores(days, moving.T, design)[1]
    together = len(moving) * trim_mean(scores - scores[0], _TRIMMED, axis=1)
    weight = _probabilities(together)
    kept = [k for k in np.argsort(-weight, kind="stable") if weight[k] >= _RARE]
    return [(SeriesNoise(days, 1.0, *_GRID[k]), float(weight[k] / weight[kept].sum())) for k in kept]


def _scores(days: FloatArray, columns: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variance and -2 log of the restricted likelihood of every noise of the grid, (noise, series)."""
    basis = null_space(design.T)
    left = basis.shape[1]
    if left < 4:
        raise ArgumentError(f"`values` must hold at least {design.shape[1] + 4} dates, got {len(days)}")
    residual = basis.T @ columns
    quadratic, scores = np.zeros((2, len(_GRID), columns.shape[1]))
    for k, (memory, share) in enumerate(_GRID):
        factor = cho_factor(basis.T @ _correlation(days, memory, share) @ basis, lower=True)
        quadratic[k] = np.einsum("ij,ij->j", residual, cho_solve(factor, residual)) / left
        scores[k] = left * np.log(quadratic[k]) + 2 * float(np.log(np.diag(factor[0])).sum())
    return quadratic, scores


def _probabilities(scores: FloatArray) -> FloatArray:
    weight: FloatArray = np.exp(-0.5 * (scores - scores.min()))
    weight[0] *= _WHITE_ODDS * (len(_GRID) - 1)
    weight /= weight.sum()
    return weight


def generalised(design: FloatArray, noise: SeriesNoise) -> FloatArray:
    """Matrix that turns a series into the generalised least-squares parameters, (parameter, date)."""
    white = noise.whiten(design)
    factor = np.linalg.cholesky(noise.correlation)
    half = np.linalg.pinv(white)
    result: FloatArray = solve_triangular(factor, half.T, lower=True, trans=1).T
    return result


def _correlation(days: FloatArray, memory: float, share: float) -> FloatArray:
    identity: FloatArray = np.eye(len(days))
    if share == 0.0:
        return identity
    result: FloatArray = (1 - share) * identity + share * np.exp(-np.abs(np.subtract.outer(days, days)) / memory)
    return result
