"""Straight lines through points whose both coordinates are noisy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]

MOMENTS = ("x", "y", "xx", "yy", "xy")
"""Order of the moments that :func:`deming_line` takes."""


def moments(x: FloatArray, y: FloatArray) -> FloatArray:
    """Columns whose means are the moments of :data:`MOMENTS`, (value, 5)."""
    result: FloatArray = np.stack([x, y, x * x, y * y, x * y], axis=1)
    return result


def deming_line(means: FloatArray, ratio: float) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of ``y = intercept + slope x`` where both x and y have errors.

    ``slope = (syy - k sxx + sqrt((syy - k sxx)^2 + 4 k sxy^2)) / (2 sxy)`` with ``k`` the variance of the errors of y
    over that of x (Deming 1943; Fuller 1987). Least squares of y on x, which takes x for exact, has a slope that is too
    flat by the share of noise in the variance of x.

    Parameters
    ----------
    means : ndarray of float64, (..., 5)
        Means of :func:`moments`; of draws of them for intervals.
    ratio : float
        ``k``, variance of the error of y over that of x, positive.

    Returns
    -------
    slope, intercept : ndarray of float64, (...)
        NaN where x and y are not correlated.

    Raises
    ------
    ArgumentError
        If ``ratio`` is not positive and finite.
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise ArgumentError(f"`ratio` must be positive and finite, got {ratio}")
    x, y, xx, yy, xy = np.moveaxis(np.asarray(means, np.float64), -1, 0)
    sxx, syy, sxy = xx - x * x, yy - y * y, xy - x * y
    excess = syy - ratio * sxx
    root = np.hypot(excess, 2 * np.sqrt(ratio) * sxy)
    is_level = sxy == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(is_level, np.nan, (excess + root) / np.where(is_level, 1.0, 2 * sxy))
        return slope, y - slope * x
