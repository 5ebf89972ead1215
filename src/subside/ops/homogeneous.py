"""Which neighbours of a pixel have its amplitude distribution."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import f as f_distribution

from subside import _check
from subside.kernels.homogeneity import ad_neighbours, glrt_neighbours, ks_neighbours, sort_dates


class HomogeneityTest(StrEnum):
    """Test of whether two pixels have the same amplitude distribution."""

    KS = "ks"
    ANDERSON_DARLING = "anderson_darling"
    GLRT = "glrt"


def _tail_probability(threshold: int, n_dates: int, effective_dates: float) -> float:
    """Probability that the two-sample statistic reaches ``threshold / n_dates`` for two samples of one law."""
    n = min(effective_dates, float(n_dates))
    step = threshold * n / n_dates
    terms = np.arange(1, int(np.floor(n / step)) + 1)
    logs = 2 * gammaln(n + 1) - gammaln(n - terms * step + 1) - gammaln(n + terms * step + 1)
    return float(2 * np.sum((-1.0) ** (terms - 1) * np.exp(logs)))


def critical_threshold(n_dates: int, alpha: float, effective_dates: float = np.inf) -> int:
    """Smallest integer ``t`` such that rejecting at ``D >= t / n_dates`` has level ``alpha`` at most.

    ``P(D >= t/n) = 2 sum_k (-1)**(k-1) C(2n, n - k t) / C(2n, n)`` for two samples of ``n`` (Gnedenko and
    Korolyuk 1951), with ``n`` and ``t`` scaled to the effective number of dates.

    Parameters
    ----------
    n_dates : int
        Number of dates, at least 2.
    alpha : float
        Level, 0 to 1.
    effective_dates : float
        Temporally independent dates, 1 to ``n_dates`` (more counts as ``n_dates``).

    Returns
    -------
    int
        1 to ``n_dates``; ``n_dates`` (total separation) if no threshold reaches the level.
    """
    _check.in_range(2, 10_000, n_dates=n_dates)
    _check.in_range(0.0, 1.0, alpha=alpha)
    _check.in_range(1.0, np.inf, effective_dates=effective_dates)
    for threshold in range(1, n_dates):
        if _tail_probability(threshold, n_dates, effective_dates) <= alpha:
            return threshold
    return n_dates


_AD_LEVELS = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
_AD_B0 = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
_AD_B1 = np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
_AD_B2 = np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])


def anderson_darling_critical(n_dates: int, alpha: float, effective_dates: float = np.inf) -> float:
    """Critical value of the two-sample Anderson-Darling statistic.

    Parameters
    ----------
    n_dates : int
        Samples of each pixel.
    alpha : float
        Level, 0.001 to 0.25.
    effective_dates : float
        Temporally independent dates; the statistic grows by ``n_dates / effective_dates``.

    Returns
    -------
    float
        Reject at the statistic or above; percentiles and variance of Scholz and Stephens (1987), table 1 and eq. 4.
    """
    _check.in_range(0.001, 0.25, alpha=alpha)
    levels = _AD_B0 + _AD_B1 + _AD_B2
    standard = float(np.interp(-np.log(alpha), -np.log(_AD_LEVELS), levels))
    total = 2 * n_dates
    inverse = 1.0 / np.arange(1, total)
    h = float(inverse.sum())
    big_h = 2.0 / n_dates
    g = float(sum(inverse[i + 1 :].sum() / (total - i - 1) for i in range(total - 2)))
    a = (4 * g - 6) + (10 - 6 * g) * big_h
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * big_h - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * big_h + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
    return float((1.0 + standard * np.sqrt(variance)) * n_dates / min(effective_dates, n_dates))


def glrt_critical(n_dates: int, alpha: float, effective_dates: float = np.inf) -> float:
    """Critical ``|ln(I_x / I_y)|`` of two mean intensities: the F distribution with ``2 n`` and ``2 n`` degrees."""
    degrees = 2.0 * min(effective_dates, n_dates)
    return float(np.log(f_distribution.isf(alpha / 2, degrees, degrees)))


def homogeneous_neighbours(
    amplitude: npt.NDArray[np.float32],
    test: HomogeneityTest | None,
    *,
    half: tuple[int, int],
    alpha: float = 0.001,
    effective_dates: float = np.inf,
) -> npt.NDArray[np.uint64]:
    """Bit masks of the pixels homogeneous with each pixel of a tile.

    Parameters
    ----------
    amplitude : ndarray of float32, (date, azimuth, range)
        Calibrated amplitude; a pixel with any date zero or NaN is left out.
    test : HomogeneityTest or None
        None takes every usable pixel of the window.
    half : tuple of int
        Half sizes of the window, lines and samples.
    alpha : float
        Level of the test for temporally independent dates.
    effective_dates : float
        Temporally independent dates.

    Returns
    -------
    ndarray of uint64, (azimuth, range, word)
        Layout of :mod:`subside.kernels.homogeneity`.
    """
    _check.shape((None, None, None), amplitude=amplitude)
    planes = sort_dates(np.ascontiguousarray(amplitude, np.float32))
    level = (len(amplitude), alpha, effective_dates)
    if test is None:
        return glrt_neighbours(planes, *half, float(np.finfo(np.float64).max))
    if test is HomogeneityTest.KS:
        return ks_neighbours(planes, *half, critical_threshold(*level))
    if test is HomogeneityTest.ANDERSON_DARLING:
        return ad_neighbours(planes, *half, anderson_darling_critical(*level))
    return glrt_neighbours(planes, *half, glrt_critical(*level))
