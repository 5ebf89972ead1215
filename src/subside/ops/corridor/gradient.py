"""Gradient of the rate within bins, by which points are referred to the middle of their bin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.ops.corridor.bins import Bins
from subside.ops.corridor.combine import BinErrors

FloatArray = npt.NDArray[np.float64]


def bin_gradient(bins: Bins, rate: FloatArray, errors: BinErrors) -> tuple[FloatArray, FloatArray]:
    r"""Gradient of the rate along the line in each bin, from its neighbours, as far as it is larger than its error.

    Points rarely lie evenly in a bin: where the fastest ground has lost its points, the mean of those left is too slow.
    The gradient is that between the neighbours (or the bin and its only neighbour) on the same side of joints, times
    :math:`\max(0, 1 - \sigma_g^2 / g^2)` (positive-part shrinkage: James and Stein 1961, Proc. 4th Berkeley Symp. 1),
    so that noise alone moves nothing.

    Parameters
    ----------
    bins : Bins
        Bins.
    rate : ndarray of float64, (bin,)
        m/yr; NaN where there are no points.
    errors : BinErrors
        Covariance of the bins.

    Returns
    -------
    gradient, std : ndarray of float64, (bin,)
        1/yr; both 0 where there is no neighbour or the bin is empty.
    """
    n, centre = bins.n_bins, bins.centre
    known = np.isfinite(rate)
    linked = (np.diff(bins.segment) == 0) & known[1:] & known[:-1]
    low, high = np.arange(n), np.arange(n)
    high[:-1] += linked
    low[1:] -= linked
    use = np.flatnonzero(high > low)
    a, b = low[use], high[use]
    distance = centre[b] - centre[a]
    same = np.zeros(len(use))
    variance = errors.covariance(a, a, same) + errors.covariance(b, b, same) - 2 * errors.covariance(a, b, distance)
    slope, slope_variance = (rate[b] - rate[a]) / distance, np.maximum(variance, 0.0) / distance**2
    kept = np.maximum(0.0, 1.0 - slope_variance / np.maximum(slope**2, np.finfo(float).tiny))
    gradient, std = np.zeros(n), np.zeros(n)
    gradient[use], std[use] = slope * kept, np.sqrt(slope_variance) * kept
    return gradient, std
