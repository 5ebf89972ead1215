"""Points that repeat another point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def _best_of_group(group: npt.NDArray[np.int64], coherence: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether each point has the highest coherence of its group, the first of equals."""
    order = np.lexsort((np.arange(len(group)), -coherence.astype(np.float64), group))
    first = np.ones(len(order), bool)
    first[1:] = group[order][1:] != group[order][:-1]
    best = np.zeros(len(order), bool)
    best[order[first]] = True
    return best


def duplicate_coordinates(
    easting: npt.NDArray[np.float64], northing: npt.NDArray[np.float64], coherence: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Points that share their coordinates with a point of higher temporal coherence.

    Parameters
    ----------
    easting, northing : ndarray of float64, (point,)
        m; compared exactly. Points with NaN coordinates are never duplicates.
    coherence : ndarray of float32, (point,)
        0 to 1.

    Returns
    -------
    ndarray of bool, (point,)
        All but the most coherent (the first of equals) of each coordinate.
    """
    known = np.isfinite(easting) & np.isfinite(northing)
    result = np.zeros(len(easting), bool)
    if known.any():
        _, group = np.unique(np.stack([easting[known], northing[known]], 1), axis=0, return_inverse=True)
        result[known] = ~_best_of_group(group.reshape(-1).astype(np.int64), coherence[known])
    return result
