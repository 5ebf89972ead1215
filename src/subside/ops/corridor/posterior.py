"""Samples of a field given noisy means of cells: a Gaussian process whose size and length the cells tell."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

FloatArray = npt.NDArray[np.float64]

_FIT_CELLS: Final = 300
_LENGTHS: Final = (100.0, 300.0, 1000.0, 3000.0, 10_000.0)
_SIZES: Final = (1e-3, 0.03, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
_LEVEL: Final = 10.0
_JITTER: Final = 1e-9


def posterior_samples(
    values: FloatArray, covariance: FloatArray, position: FloatArray, *, n: int, seed: int = 0
) -> FloatArray:
    r"""Samples of the truth of cells given their means.

    The truth is a constant of unknown value and a Gaussian process with Matern-3/2 covariance :math:`A^2 (1 + r)
    e^{-r}`, :math:`r = \sqrt 3 h / \ell` (Rasmussen and Williams 2006, ch. 4 and 5). Amplitude and length are those of
    greatest marginal likelihood on a grid, from 300 cells at an even stride. Samples are a draw of the prior plus the
    gain times what data differ from the draw and a draw of errors (Matheron's rule; Wilson et al. 2021, JMLR 22): they
    scatter as the truth may, not as the data do.

    Parameters
    ----------
    values : ndarray of float64, (cell,)
        Means, finite.
    covariance : ndarray of float64, (cell, cell)
        Of their errors.
    position : ndarray of float64, (cell, 2)
        m.
    n, seed : int
        Number of samples and their seed.

    Returns
    -------
    ndarray of float64, (n, cell)
        Unit of the values.
    """
    scale = float(np.sqrt(np.var(values) + np.mean(np.diag(covariance)) + np.finfo(np.float64).tiny))
    y, noise = (values - values.mean()) / scale, covariance / scale**2 + _JITTER * np.eye(len(values))
    rows = np.arange(0, len(values), max(-(-len(values) // _FIT_CELLS), 1))
    prior = _fitted(y[rows], noise[np.ix_(rows, rows)], position[rows])
    field = _prior(position, *prior)
    rng = np.random.default_rng(seed)
    truth = cholesky(field + _JITTER * np.eye(len(y)), lower=True) @ rng.standard_normal((len(y), n))
    error = cholesky(noise, lower=True) @ rng.standard_normal((len(y), n))
    sample = truth + field @ cho_solve(cho_factor(field + noise, lower=True), y[:, None] - truth - error)
    result: FloatArray = values.mean() + scale * sample.T
    return result


def _prior(position: FloatArray, size: float, length: float) -> FloatArray:
    r = np.sqrt(3.0) * np.hypot(*(np.subtract.outer(c, c) for c in position.T)) / length
    result: FloatArray = size * (1.0 + r) * np.exp(-r) + _LEVEL
    return result


def _fitted(y: FloatArray, noise: FloatArray, position: FloatArray) -> tuple[float, float]:
    """Variance and length of greatest marginal likelihood."""
    trials = []
    for length in _LENGTHS:
        shape = _prior(position, 1.0, length) - _LEVEL
        for size in _SIZES:
            factor = cholesky(size * shape + _LEVEL + noise, lower=True)
            white = solve_triangular(factor, y, lower=True)
            trials.append((-0.5 * float(white @ white) - float(np.log(np.diag(factor)).sum()), size, length))
    return max(trials)[1:]
