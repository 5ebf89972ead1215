"""A smooth rate along a line under noisy, correlated bins: a Gaussian process solved as a Markov chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.linalg.lapack import dtbtrs

from subside import _check
from subside.ops.corridor.profile import Profile

FloatArray = npt.NDArray[np.float64]

_DRAWS: Final = 400
_TOGETHER: Final = 50
_NUGGET: Final = 1e-10
_LEAST_OWN: Final = 1e-12


@dataclass(frozen=True)
class SmoothProfile:
    """Posterior of the rate in every bin, bins without points included (their interval says how little is known).

    Attributes
    ----------
    mean, std : ndarray of float64, (bin,)
        m/yr; the datum is not part of the standard deviation.
    draws : ndarray of float64, (draw, bin)
        Samples of the posterior, m/yr.
    length : float
        Length of the Matern covariance, m.
    amplitude : float
        Its standard deviation, m/yr.
    """

    mean: FloatArray
    std: FloatArray
    draws: FloatArray
    length: float
    amplitude: float


def smooth_profile(profile: Profile, *, length: float = 1000.0, seed: int = 0) -> SmoothProfile:
    r"""Posterior mean of the rate along the line given the bins and the covariance of their errors.

    The rate is a Gaussian process with Matern-3/2 covariance :math:`A^2 (1 + r) e^{-r}`, :math:`r = \sqrt 3 h /
    \ell`, which is once differentiable and follows steep flanks (Rasmussen and Williams 2006, ch. 4); :math:`A` is the
    root mean square of the bins. The errors of the bins are sums of exponential covariances and own noise
    (:class:`subside.ops.corridor.profile.BinErrors`). Both are Markov along the line, so that the precision of all
    states is banded and the posterior is exact at a cost linear in the number of bins (Hartikainen and Sarkka 2010,
    IEEE MLSP). Errors are taken as equally large in all bins as far as bins share them. The rate starts anew at every
    joint of structures: nothing is smoothed across; errors are not cut.

    Parameters
    ----------
    profile : Profile
        Bins with rates.
    length : float
        Smoothing length, m.
    seed : int
        Of the samples.

    Returns
    -------
    SmoothProfile
        NaN where no bin has points at all.

    Raises
    ------
    ArgumentError
        If ``length`` is not positive.
    """
    _check.in_range(1.0, 1e6, length=length)
    rate, bins = profile.rate, profile.bins
    known = np.isfinite(rate)
    n = bins.n_bins
    if not known.any():
        empty = np.full(n, np.nan)
        return SmoothProfile(empty, empty.copy(), np.full((_DRAWS, n), np.nan), length, np.nan)
    amplitude = float(np.sqrt(np.mean(rate[known] ** 2)))
    errors = profile.errors.levelled()
    noise = np.where(known, np.maximum(errors.own, _LEAST_OWN), 1.0)
    amplitude = max(amplitude, float(np.sqrt(np.median(noise))))
    loading = np.column_stack(
        [np.full(n, amplitude), np.zeros(n), np.where(known[:, None], np.nan_to_num(errors.amplitude), 0.0)]
    )
    step = np.diff(bins.centre)
    joint = np.diff(bins.segment) != 0
    band = _precision(step, joint, length, errors.lengths)
    m = loading.shape[1]
    weight = np.where(known, 1.0 / noise, 0.0)
    _add_blocks(band, np.einsum("i,ij,ik->ijk", weight, loading, loading), m)
    right = (loading * (weight * np.where(known, rate, 0.0))[:, None]).ravel()
    factor = cholesky_banded(band, lower=True)
    mean = cho_solve_banded((factor, True), right).reshape(n, m)[:, 0] * amplitude
    rng = np.random.default_rng(seed)
    sample = np.empty((_DRAWS, n))
    for start in range(0, _DRAWS, _TOGETHER):
        normal = rng.standard_normal((n * m, _TOGETHER))
        solved = dtbtrs(factor, normal, uplo="L", trans="T")[0].reshape(n, m, _TOGETHER)
        sample[start : start + _TOGETHER] = amplitude * solved[:, 0].T
    std = np.sqrt(np.mean(sample**2, axis=0))
    return SmoothProfile(mean, std, mean + sample, float(length), amplitude)


def _precision(step: FloatArray, joint: npt.NDArray[np.bool_], length: float, lengths: FloatArray) -> FloatArray:
    """Banded precision (lower form) of states (rate, slope, one per error component) of unit variance."""
    n, m = len(step) + 1, 2 + len(lengths)
    transition, cover = np.zeros((n - 1, m, m)), np.zeros((n - 1, m, m))
    r = np.sqrt(3.0) * step / length
    decay = np.where(joint, 0.0, np.exp(-r))
    matern = decay[:, None, None] * np.stack([np.stack([1 + r, r], -1), np.stack([-r, 1 - r], -1)], -2)
    transition[:, :2, :2] = matern
    cover[:, :2, :2] = np.eye(2) - matern @ np.swapaxes(matern, 1, 2)
    for k, long in enumerate(lengths):
        phi = np.exp(-step / long)
        transition[:, 2 + k, 2 + k], cover[:, 2 + k, 2 + k] = phi, -np.expm1(-2.0 * step / long)
    cover += _NUGGET * np.eye(m)
    inverse = np.linalg.inv(cover)
    band = np.zeros((2 * m, n * m))
    diagonal = np.zeros((n, m, m))
    diagonal[0] = np.eye(m)
    coupled = inverse @ transition
    diagonal[1:] += inverse
    diagonal[:-1] += np.swapaxes(transition, 1, 2) @ coupled
    _add_blocks(band, diagonal, m)
    column = np.arange(n - 1) * m
    for a in range(m):
        for b in range(m):
            band[m + a - b, column + b] += -coupled[:, a, b]
    return band


def _add_blocks(band: FloatArray, blocks: npt.NDArray[Any], m: int) -> None:
    column = np.arange(len(blocks)) * m
    for a in range(m):
        for b in range(a + 1):
            band[a - b, column + b] += blocks[:, a, b]
