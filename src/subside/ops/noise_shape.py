"""Shape of the covariance of residuals: how much of it is white by date and how much accumulates in time.

Everything happens in the space the motion model leaves, on moment matrices of (date x date) size.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_N_ITERATIONS: Final = 30
_SHARES: Final = np.concatenate([[0.0], np.geomspace(1e-3, 0.5, 40), 1 - np.geomspace(0.5, 1e-3, 40)[1:]])
_FACTOR_LIMITS: Final = (0.2, 5.0)
_LEAST_WHITE: Final = 0.05
_REWEIGH: Final = 8
_WILD: Final = 5.0


def fit_shapes(
    samples: list[FloatArray],
    basis: FloatArray,
    candidates: FloatArray,
    *,
    date_factor: FloatArray | None = None,
    chains: FloatArray | None = None,
    shrink: float = 1.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit ``white * diag(date_factor) + chain`` to the residuals of each class.

    Without ``chains`` the share and the candidate that maximise the restricted likelihood of the moment
    matrix are taken (points wilder than five times the median are held to that). With ``chains`` the correlated part is known and the white variance is what the mean
    square of the residuals leaves to it. The relative variance of the dates is common to the classes:
    restricted likelihood again, to the power ``shrink``.

    Parameters
    ----------
    samples : list of ndarray of float64, (sample, residual dimension)
        Residuals of each class in the basis.
    basis : ndarray of float64, (date, residual dimension)
        Orthonormal, perpendicular to the motion model.
    candidates : ndarray of float64, (candidate, date, date)
        Possible covariances of the correlated part, any scale.
    date_factor : ndarray of float64, (date,), optional
        Known relative white variances; None estimates them.
    chains : ndarray of float64, (class, date, date), optional
        Known covariance of the correlated part of each class, squared unit.
    shrink : float
        1 trusts the relative variances found; less draws them towards 1, for series in which each date has few
        independent realisations of the atmosphere.

    Returns
    -------
    white : ndarray of float64, (class,)
        White variance.
    chain : ndarray of float64, (class, date, date)
        Covariance of the correlated part.
    factor : ndarray of float64, (date,)
        Relative white variance, mean 1.
    """
    n_dates, m = basis.shape
    n_classes = len(samples)
    moments = [_moment(y, np.eye(m)) for y in samples]
    size = np.array([len(y) for y in samples], np.float64)
    factor = np.ones(n_dates) if date_factor is None else date_factor
    white = np.ones(n_classes)
    chain = np.zeros((n_classes, n_dates, n_dates)) if chains is None else chains.copy()
    for step in range(_N_ITERATIONS):
        plain = basis.T @ (factor[:, None] * basis)
        found, expected = np.zeros(n_dates), np.zeros(n_dates)
        for c, moment in enumerate(moments):
            if chains is None:
                white[c], chain[c] = _best_shape(moment, plain, candidates, basis)
            else:
                white[c], chain[c] = _white_left(moment, plain, chains[c], basis)
            covariance = white[c] * plain + basis.T @ chain[c] @ basis
            if step % _REWEIGH == _REWEIGH - 1:
                moments[c] = _moment(samples[c], covariance)
            inverse = np.linalg.inv(covariance)
            project = basis @ inverse
            weight = size[c] * white[c]
            found += weight * np.einsum("ti,ij,tj->t", project, moment, project)
            expected += weight * np.einsum("ti,ti->t", project, basis)
        if date_factor is not None:
            continue
        # Minorise-maximise step of a variance component (Zhou et al. 2019).
        factor = factor * np.sqrt(found / np.maximum(expected, 1e-300))
        factor = np.clip(factor / factor.mean(), *_FACTOR_LIMITS)
        factor /= factor.mean()
    if date_factor is None:
        factor = factor**shrink
        factor /= factor.mean()
    return white, chain, factor


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


def _best_shape(
    moment: FloatArray, plain: FloatArray, candidates: FloatArray, basis: FloatArray
) -> tuple[float, FloatArray]:
    """White variance and correlated covariance of greatest restricted likelihood for a moment matrix."""
    lower = np.linalg.cholesky(plain)
    best, white, chain = np.inf, 1.0, candidates[0]
    energy = np.linalg.solve(lower, np.linalg.solve(lower, moment).T)
    for candidate in candidates:
        half = np.linalg.solve(lower, basis.T @ candidate @ basis)
        relative, vectors = np.linalg.eigh(np.linalg.solve(lower, half.T))
        power = np.einsum("ik,ij,jk->k", vectors, energy, vectors)
        unit = relative.mean()
        shares = _SHARES
        for _ in range(3):
            minus_log, level = _minus_log(shares, power, relative / unit)
            k = int(np.argmin(minus_log))
            share, here = float(shares[k]), float(minus_log[k])
            scale = float(level[k])
            shares = np.linspace(shares[max(k - 1, 0)], shares[min(k + 1, len(shares) - 1)], 21)
        if here < best - 1e-9:
            best = here
            white = scale * (1 - share)
            chain = candidate * (scale * share / unit)
    return white, chain


def _minus_log(shares: FloatArray, power: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Twice the negative log restricted likelihood of each share, profiled over the level, and the level."""
    variance = (1 - shares)[:, None] + shares[:, None] * relative
    level = (power / variance).mean(axis=1)
    return len(power) * np.log(level) + np.log(variance).sum(axis=1), level
