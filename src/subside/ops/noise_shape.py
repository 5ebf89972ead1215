"""Shape of the covariance of residuals: how much of it is white by date and how much accumulates in time.

Everything happens in the space the motion model leaves, on moment matrices of (date x date) size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_N_ITERATIONS: Final = 24
_SHARES: Final = np.concatenate([[0.0], np.geomspace(1e-3, 0.5, 40), 1 - np.geomspace(0.5, 1e-3, 40)[1:]])
_FACTOR_LIMITS: Final = (0.05, 10.0)
_LEAST_WHITE: Final = 0.05
_N_REWEIGHTS: Final = 3
_LEAST_GAIN: Final = 0.02
_REWEIGH: Final = 6
_WILD: Final = 5.0


@dataclass(frozen=True)
class Shapes:
    """Covariance of each class, ``white * diag(factor) + chain``.

    Attributes
    ----------
    white : ndarray of float64, (class,)
        White variance, squared unit of the samples.
    chain : ndarray of float64, (class, date, date)
        Covariance of the part that accumulates, squared unit.
    factor : ndarray of float64, (date,)
        Relative white variance of the dates, mean 1.
    minus_log : float
        Twice the negative log restricted likelihood of all samples, up to a constant.
    """

    white: FloatArray
    chain: FloatArray
    factor: FloatArray
    minus_log: float


def fit_shapes(
    samples: list[FloatArray],
    basis: FloatArray,
    candidates: FloatArray,
    *,
    date_factor: FloatArray | None = None,
    chains: FloatArray | None = None,
) -> Shapes:
    """Fit ``white * diag(date_factor) + chain`` to the residuals of each class.

    Without ``chains`` each candidate in turn is the shape of the accumulating part of all classes, its share
    in each class maximises the restricted likelihood of the moment matrix of the class, and the candidate
    of greatest likelihood is taken, the first one unless another is clearly better. With ``chains`` the
    accumulating part is known and the white variance is what the mean square of the residuals leaves to it.
    Residuals wilder than five times the median are held to that. The relative variances of the dates are common
    to the classes and are the fixed point of the score equation of the restricted likelihood (iterated MINQUE;
    Searle, Casella and McCulloch 1992, ch. 11). A class has an accumulating part only if it raises twice the log
    likelihood of a sample by 0.02: less can be the chance of a scene's few independent atmospheres.

    Parameters
    ----------
    samples : list of ndarray of float64, (sample, residual dimension)
        Residuals of each class in the basis.
    basis : ndarray of float64, (date, residual dimension)
        Orthonormal, perpendicular to the motion model.
    candidates : ndarray of float64, (candidate, date, date)
        Possible covariances of the accumulating part, any scale.
    date_factor : ndarray of float64, (date,), optional
        Known relative white variances; None estimates them.
    chains : ndarray of float64, (class, date, date), optional
        Known covariance of the accumulating part of each class, squared unit.

    Returns
    -------
    Shapes
    """
    if chains is not None:
        return _iterate(samples, basis, None, chains, date_factor)
    empty = np.zeros((len(samples), len(basis), len(basis)))
    tried = [_iterate(samples, basis, candidate, empty, date_factor) for candidate in candidates]
    handicap = _LEAST_GAIN * sum(len(y) for y in samples)
    return min(tried, key=lambda shapes: shapes.minus_log + (0.0 if shapes is tried[0] else handicap))


def _iterate(
    samples: list[FloatArray],
    basis: FloatArray,
    candidate: FloatArray | None,
    chains: FloatArray,
    date_factor: FloatArray | None,
) -> Shapes:
    n_dates, m = basis.shape
    moments = [_moment(y, np.eye(m)) for y in samples]
    factor = np.ones(n_dates) if date_factor is None else date_factor
    white, chain = np.ones(len(samples)), chains.copy()
    minus_log = 0.0
    n_iterations = _N_ITERATIONS if date_factor is None else _N_REWEIGHTS
    for step in range(n_iterations):
        plain = basis.T @ (factor[:, None] * basis)
        found, expected = np.zeros(n_dates), np.zeros(n_dates)
        minus_log = 0.0
        for c, moment in enumerate(moments):
            if candidate is None:
                white[c], chain[c] = _white_left(moment, plain, chains[c], basis)
            else:
                white[c], chain[c] = _best_share(moment, plain, candidate, basis)
            covariance = white[c] * plain + basis.T @ chain[c] @ basis
            inverse = np.linalg.inv(covariance)
            minus_log += len(samples[c]) * float(np.linalg.slogdet(covariance)[1] + np.sum(inverse * moment))
            project = basis @ inverse
            weight = len(samples[c]) * white[c]
            found += weight * np.sum((project @ moment) * project, axis=1)
            expected += weight * np.sum(project * basis, axis=1)
            if date_factor is not None or step % _REWEIGH == _REWEIGH - 1:
                moments[c] = _moment(samples[c], covariance)
        if date_factor is None and step < n_iterations - 1:
            factor = factor * (found / np.maximum(expected, 1e-300))
            factor = np.clip(factor / factor.mean(), *_FACTOR_LIMITS)
            factor /= factor.mean()
    return Shapes(white, chain, factor, minus_log)


def tame_weights(level: FloatArray) -> FloatArray:
    """Weights that hold each value to five times the median: ``min(1, 5 median / level)``."""
    limit = _WILD * float(np.median(level))
    return np.asarray(np.minimum(1.0, limit / np.maximum(level, 1e-300)), np.float64)


def _moment(y: FloatArray, covariance: FloatArray) -> FloatArray:
    weights = tame_weights(np.einsum("pi,ij,pj->p", y, np.linalg.inv(covariance), y, optimize=True))
    result: FloatArray = y.T @ (y * weights[:, None]) / len(y)
    return result


def _white_left(
    moment: FloatArray, plain: FloatArray, chain: FloatArray, basis: FloatArray
) -> tuple[float, FloatArray]:
    total = max(float(np.trace(moment)), 1e-300)
    known = float(np.einsum("ti,ts,si->", basis, chain, basis))
    allowed = (1 - _LEAST_WHITE) * total
    if known > allowed:
        chain = chain * (allowed / known)
        known = allowed
    return (total - known) / float(np.trace(plain)), chain


def _best_share(
    moment: FloatArray, plain: FloatArray, candidate: FloatArray, basis: FloatArray
) -> tuple[float, FloatArray]:
    """White variance and accumulating covariance of greatest restricted likelihood for a moment matrix."""
    lower = np.linalg.cholesky(plain)
    whiten = np.linalg.solve(lower, basis.T)
    relative, vectors = np.linalg.eigh(whiten @ candidate @ whiten.T)
    turned = vectors.T @ np.linalg.inv(lower)
    power = np.sum((turned @ moment) * turned, axis=1)
    unit = float(relative.mean())
    shares = _SHARES
    share, level, reached = 0.0, 1.0, 0.0
    white_only, white_level = 0.0, 1.0
    for _ in range(3):
        variance = (1 - shares)[:, None] + shares[:, None] * (relative / unit)
        levels = (power / variance).mean(axis=1)
        minus_log = len(power) * np.log(levels) + np.log(variance).sum(axis=1)
        if shares is _SHARES:
            white_only, white_level = float(minus_log[0]), float(levels[0])
        k = int(np.argmin(minus_log))
        share, level, reached = float(shares[k]), float(levels[k]), float(minus_log[k])
        shares = np.linspace(shares[max(k - 1, 0)], shares[min(k + 1, len(shares) - 1)], 21)
    if white_only - reached < _LEAST_GAIN:
        return white_level, np.zeros_like(candidate)
    return level * (1 - share), candidate * (level * share / unit)
