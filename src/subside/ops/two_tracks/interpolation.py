"""Series moved to other dates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def interpolate(
    series: npt.NDArray[np.floating],
    dates: npt.NDArray[np.datetime64],
    wanted: npt.NDArray[np.datetime64],
    *,
    max_gap_days: float,
) -> tuple[FloatArray, IntArray]:
    """Interpolate series linearly between dates; nothing is extrapolated, and no gap longer than a limit is bridged.

    Parameters
    ----------
    series : ndarray of float, (row, date)
        NaN is a gap, and makes NaN of what rests on it.
    dates, wanted : ndarray of datetime64[D]
        Ascending.
    max_gap_days : float
        Longest gap bridged, days.

    Returns
    -------
    ndarray of float64, (row, found), and ndarray of int64, (found,)
        Values at those of ``wanted`` that can be reached, and their indices.
    """
    have, want = (d.astype("datetime64[D]").astype(np.float64) for d in (dates, wanted))
    left = np.clip(np.searchsorted(have, want, side="right") - 1, 0, len(have) - 1)
    exact = have[left] == want
    right = np.where(exact, left, np.minimum(left + 1, len(have) - 1))
    gap = have[right] - have[left]
    index = np.flatnonzero((want >= have[0]) & (want <= have[-1]) & (gap <= max_gap_days))
    share = np.divide(want - have[left], gap, out=np.zeros(len(want)), where=gap > 0)[index]
    values = series[:, left[index]] * (1 - share) + series[:, right[index]] * share
    return np.asarray(values, np.float64), index
