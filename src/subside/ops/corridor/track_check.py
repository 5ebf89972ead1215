"""Errors of bins checked by the tracks against each other, from place to place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.ops.corridor.bins import Bins
from subside.ops.corridor.combine import BinErrors, combined_errors
from subside.ops.corridor.grouped import GroupedMeans
from subside.ops.point_covariance import OWN_LENGTH

FloatArray = npt.NDArray[np.float64]

_LAGS: Final = (40.0, 100.0)
"""Distances of the bins whose rates are differenced, m: within a filter window, and farther than most reach."""
_AROUND: Final = 1500.0
"""Differences at most this far away tell of a bin, m."""
_FEWEST: Final = 40
_MEDIAN_OF_SQUARE: Final = 0.4549


def checked_by_tracks(means: Sequence[GroupedMeans], lengths: Sequence[FloatArray], bins: Bins) -> list[GroupedMeans]:
    r"""Widen the short-range errors of bins where tracks differ from bin to bin by more than these say.

    Standard deviations and their correlation are those of a kind of point over the whole scene; filter windows are
    longer along the azimuth than across, and neighbours are more alike on fields than in towns. What two tracks differ
    by changes over 40 m and 100 m by the errors of both,

    .. math:: z = \frac{d_{i+m} - d_i}{\sqrt{\mathrm{var}(d_{i+m} - d_i)}}, \qquad d = v_1 - v_2 ,

    and the motion cancels. The larger of the medians of :math:`z^2` over 1.5 km to either side, over that of a normal
    variable, is the factor on the variance of all components up to 125 m, never less than 1. What windows hide from
    both tracks alike does not show.

    Parameters
    ----------
    means : sequence of GroupedMeans
        Of the bins, one a track.
    lengths : sequence of ndarray of float64
        Of the components of each track's correlation, m.
    bins : Bins
        Where.

    Returns
    -------
    list of GroupedMeans
        As given for a single track, and where fewer than 40 differences are near.
    """
    if len(means) < 2:
        return list(means)
    one = np.ones((1, bins.n_bins))
    errors = [
        combined_errors([m], [own], np.where(np.isfinite(m.mean), one, 0.0), 0.0)
        for m, own in zip(means, lengths, strict=True)
    ]
    factor = np.ones(bins.n_bins)
    for step in {max(round(lag / bins.step), 1) for lag in _LAGS}:
        found = [
            _squares(means[a].mean - means[b].mean, (errors[a], errors[b]), bins, step)
            for a, b in combinations(range(len(means)), 2)
        ]
        chainage, square = (np.concatenate([f[k] for f in found]) for k in (0, 1))
        factor = np.maximum(factor, _running(chainage, square, bins.centre))
    return [_widened(m, own, factor) for m, own in zip(means, lengths, strict=True)]


def _squares(
    difference: FloatArray, errors: tuple[BinErrors, BinErrors], bins: Bins, step: int
) -> tuple[FloatArray, FloatArray]:
    """Places and squares of the scaled changes of a difference over some bins, within one structure."""
    i = np.arange(bins.n_bins - step) if bins.n_bins > step else np.zeros(0, np.int64)
    j = i + step
    use = np.isfinite(difference[i] + difference[j]) & (bins.segment[i] == bins.segment[j])
    i, j = i[use], j[use]
    apart = bins.centre[j] - bins.centre[i]
    variance = sum((e.std[i] ** 2 + e.std[j] ** 2 - 2 * e.covariance(i, j, apart) for e in errors), np.zeros(len(i)))
    good = variance > 0
    square = (difference[j] - difference[i])[good] ** 2 / variance[good]
    return 0.5 * (bins.centre[i] + bins.centre[j])[good], square


def _running(chainage: FloatArray, square: FloatArray, at: FloatArray) -> FloatArray:
    order = np.argsort(chainage)
    chainage, square = chainage[order], square[order]
    first, last = (np.searchsorted(chainage, at + side * _AROUND) for side in (-1, 1))
    factor = np.ones(len(at))
    for k in np.flatnonzero(last - first >= _FEWEST):
        factor[k] = max(float(np.median(square[first[k] : last[k]])) / _MEDIAN_OF_SQUARE, 1.0)
    return factor


def _widened(means: GroupedMeans, lengths: FloatArray, factor: FloatArray) -> GroupedMeans:
    is_short = lengths <= OWN_LENGTH
    shared = np.where(is_short, means.shared * factor[:, None], means.shared)
    own = means.own * factor
    return replace(means, shared=shared, own=own, std=np.sqrt(shared.sum(axis=1) + own))
