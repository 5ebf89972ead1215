"""Rates along a line: robust means of bins, tracks combined, with the covariance of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.ops.corridor.bins import Bins
from subside.ops.corridor.combine import BinErrors, combined_errors, datum_std, track_biases, track_shares
from subside.ops.corridor.gradient import bin_gradient
from subside.ops.corridor.grouped import GroupedMeans, GroupRows, grouped_means
from subside.ops.corridor.track_check import checked_by_tracks
from subside.ops.corridor.tracks import TrackRates

FloatArray = npt.NDArray[np.float64]

_STRETCH: Final = 100.0
FEWEST_GROUPS: Final = 20
"""Fewest groups of points that tell how much points usually scatter."""

_CHANCE: Final = 0.25
_LEAST_APART: Final = 0.05
"""Least part of the variance of a bin that tracks do not share."""


@dataclass(frozen=True)
class Profile:
    """Rates along a line. A bin without points is NaN and stays so.

    Attributes
    ----------
    bins : Bins
        Where.
    rate : ndarray of float64, (bin,)
        Tracks combined, relative to the mean of their data, m/yr.
    std : ndarray of float64, (bin,)
        Of the rate, with the disagreement of the tracks and the uncertainty of their datum, m/yr.
    n_points : ndarray of int64, (bin,)
        Points of all tracks.
    min_distance : ndarray of float64, (bin,)
        Distance from the line to the nearest point beside the bin, m.
    track_rate, track_std : ndarray of float64, (track, bin)
        Each track by itself, bias included, m/yr.
    bias, bias_std : ndarray of float64, (track,)
        Constant by which each track differs from the mean of the tracks, m/yr; 0 and NaN for a single track.
    between_std : float
        What the tracks disagree from bin to bin beyond their errors, m/yr; NaN for a single track.
    datum_std : float
        Standard deviation of the common datum as far as the biases tell it, m/yr; 0 for a single track, whose datum
        uncertainty is not known.
    errors : BinErrors
        Covariance of the bins without the datum.
    weights : tuple of ndarray of float64, (point,)
        For each track, weight of each point in its bin.
    bin_of : tuple of ndarray of int64, (point,)
        For each track, the bin of each point; -1 is none.
    share : ndarray of float64, (track, bin)
        Weight of each track in the combination.
    """

    bins: Bins
    rate: FloatArray
    std: FloatArray
    n_points: npt.NDArray[np.int64]
    min_distance: FloatArray
    track_rate: FloatArray
    track_std: FloatArray
    bias: FloatArray
    bias_std: FloatArray
    between_std: float
    datum_std: float
    errors: BinErrors
    weights: tuple[FloatArray, ...]
    bin_of: tuple[npt.NDArray[np.int64], ...]
    share: FloatArray


def make_profile(tracks: Sequence[TrackRates], bins: Bins, *, half_width: float) -> Profile:
    r"""Robust rate of every bin from the points of all tracks beside it.

    Each track gives a Huber mean per bin with its standard deviation from the covariance of the points. Tracks have
    datums of their own and see other parts of a sideways motion: a constant bias of each track (sum zero) and the
    excess scatter :math:`\tau^2` of bin differences beyond their errors (:func:`.combine.track_biases`) are estimated,
    the tracks are weighted by :math:`1 / (\sigma^2 + \tau^2)`, and the uncertainty of the datum,
    :math:`\sum b_k^2 / (K (K - 1))`, is part of the standard deviation. With one track the datum uncertainty is not
    known and not included.

    Where tracks differ from bin to bin by more than their errors say, these are widened
    (:func:`.track_check.checked_by_tracks`).

    This is done twice: the gradients between the bins of the first time (:func:`bin_gradient`) refer the points to the
    middles of their bins, without which bins whose points lie to one side would be wrong on steep flanks. What the
    error of a gradient adds is part of the bin's own variance.

    Parameters
    ----------
    tracks : sequence of TrackRates
        One or more.
    bins : Bins
        Bins along the line.
    half_width : float
        Points at most this far from the line count, m.

    Returns
    -------
    Profile

    Raises
    ------
    ArgumentError
        Without tracks.
    """
    if not tracks:
        raise ArgumentError("`tracks` must hold at least one track, got none")
    members = tuple(_members(t, bins, half_width) for t in tracks)
    excess = [usual_excess(t, half_width=half_width) for t in tracks]
    first = _combine(tracks, [t.rate for t in tracks], members, bins, excess)
    gradient, gradient_std = bin_gradient(bins, first.rate, first.errors)
    ahead = [_ahead(t, m, bins) for t, m in zip(tracks, members, strict=True)]
    referred = [t.rate - gradient[m] * d for t, m, d in zip(tracks, members, ahead, strict=True)]
    found = _combine(tracks, referred, members, bins, excess)
    errors = replace(found.errors, own=found.errors.own + (gradient_std * _mean_ahead(found, members, ahead)) ** 2)
    means, bias = found.means, found.bias
    datum = datum_std(bias)
    nearest = np.full(bins.n_bins, np.inf)
    for track in tracks:
        side = ~track.positions.is_beyond & np.isfinite(track.positions.chainage)
        index = bins.bin_of(track.positions.chainage[side])
        np.minimum.at(nearest, index[index >= 0], np.abs(track.positions.offset[side][index >= 0]))
    return Profile(
        bins=bins,
        rate=found.rate,
        std=np.sqrt(errors.std**2 + datum**2),
        n_points=np.sum([m.n for m in means], axis=0).astype(np.int64),
        min_distance=np.where(np.isfinite(nearest), nearest, np.nan),
        track_rate=np.stack([m.mean for m in means]),
        track_std=np.stack([m.std for m in means]),
        bias=bias,
        bias_std=found.bias_std,
        between_std=found.between if len(tracks) > 1 else np.nan,
        datum_std=datum,
        errors=errors,
        weights=tuple(m.weights for m in means),
        bin_of=members,
        share=found.share,
    )


@dataclass(frozen=True)
class _Combined:
    means: list[GroupedMeans]
    rate: FloatArray
    bias: FloatArray
    bias_std: FloatArray
    between: float
    share: FloatArray
    errors: BinErrors


def _combine(
    tracks: Sequence[TrackRates],
    rates: Sequence[FloatArray],
    members: Sequence[npt.NDArray[np.int64]],
    bins: Bins,
    excess: Sequence[float],
) -> _Combined:
    """Means of the bins of each track and their combination.

    What filter windows hide is hidden from all tracks alike: it is no disagreement and does not average out.
    """
    means = [
        track_means(replace(t, rate=r), g, bins.n_bins, least_excess=e)
        for t, r, g, e in zip(tracks, rates, members, excess, strict=True)
    ]
    means = checked_by_tracks(means, [t.correlation.lengths for t in tracks], bins)
    rate, std = np.stack([m.mean for m in means]), np.stack([m.std for m in means])
    hidden = np.stack([_hidden(t, m, g) for t, m, g in zip(tracks, means, members, strict=True)])
    alike = np.fmin.reduce(np.where(np.isfinite(std), hidden, np.nan), axis=0)
    apart = np.sqrt(np.maximum(std**2 - np.nan_to_num(alike) ** 2, _LEAST_APART * std**2))
    bias, bias_std, between = track_biases(rate, apart)
    share = track_shares(std, between)
    known = np.isfinite(rate).any(axis=0)
    mean = np.where(known, np.nansum(share * (rate - bias[:, None]), axis=0), np.nan)
    errors = combined_errors(means, [t.correlation.lengths for t in tracks], share, between)
    together = np.nansum(share * hidden, axis=0) ** 2 - np.nansum((share * hidden) ** 2, axis=0)
    errors = replace(errors, own=errors.own + np.maximum(together, 0.0))
    return _Combined(means, mean, bias, bias_std, between, share, errors)


def _hidden(track: TrackRates, means: GroupedMeans, member: npt.NDArray[np.int64]) -> FloatArray:
    """Part of the error of each bin that is what filter windows may hide, m/yr; at most the whole."""
    held = member >= 0
    part = means.weights[held] * (track.points.velocity_std_representation * track.factor)[held]
    return np.fmin(np.bincount(member[held], part, minlength=len(means.mean)), np.nan_to_num(means.std))


def _ahead(track: TrackRates, member: npt.NDArray[np.int64], bins: Bins) -> FloatArray:
    """Distance of each point along the line from the middle of its bin, m; 0 for points of no bin."""
    result: FloatArray = np.where(member >= 0, track.positions.chainage - bins.centre[member], 0.0)
    return result


def _mean_ahead(found: _Combined, members: Sequence[npt.NDArray[np.int64]], ahead: Sequence[FloatArray]) -> FloatArray:
    """Distance of the weighted middle of the points of each bin from its middle, m."""
    total = np.zeros(found.share.shape[1])
    for means, member, distance, share in zip(found.means, members, ahead, found.share, strict=True):
        held = member >= 0
        total += share * np.bincount(member[held], means.weights[held] * distance[held], minlength=len(total))
    return total


@dataclass(frozen=True)
class SideDifference:
    """Left minus right of a line; NaN where a side has no points.

    Attributes
    ----------
    difference, std : ndarray of float64, (bin,)
        m/yr; left is positive offset.
    n_left, n_right : ndarray of int64, (bin,)
        Points.
    """

    difference: FloatArray
    std: FloatArray
    n_left: npt.NDArray[np.int64]
    n_right: npt.NDArray[np.int64]


def side_difference(tracks: Sequence[TrackRates], bins: Bins, *, half_width: float) -> SideDifference:
    """Mean rate left of the line minus that right of it, per bin.

    Errors that both sides share (components of the correlation longer than a bin is wide) cancel in the difference;
    tracks are combined by inverse variance, and a bias of a track cancels within it.

    Parameters
    ----------
    tracks : sequence of TrackRates
        One or more.
    bins : Bins
        Bins along the line.
    half_width : float
        Width of each side, m.

    Returns
    -------
    SideDifference
    """
    total, weight = np.zeros(bins.n_bins), np.zeros(bins.n_bins)
    counts = np.zeros((2, bins.n_bins), np.int64)
    for track in tracks:
        member = _members(track, bins, half_width)
        side = (track.positions.offset < 0).astype(np.int64)
        paired = np.where(member >= 0, 2 * member + side, -1)
        excess = usual_excess(track, half_width=half_width)
        means = track_means(track, paired, 2 * bins.n_bins, least_excess=excess)
        left, right = slice(0, None, 2), slice(1, None, 2)
        separation = np.exp(-half_width / track.correlation.lengths)
        shared = 2.0 * (np.sqrt(means.shared[left] * means.shared[right]) * separation).sum(axis=1)
        variance = np.maximum(means.std[left] ** 2 + means.std[right] ** 2 - shared, means.own[left] + means.own[right])
        both = np.isfinite(variance) & (variance > 0)
        total[both] += (means.mean[left] - means.mean[right])[both] / variance[both]
        weight[both] += 1.0 / variance[both]
        counts += np.stack([means.n[left], means.n[right]])
    with np.errstate(divide="ignore", invalid="ignore"):
        return SideDifference(
            np.where(weight > 0, total / weight, np.nan),
            np.where(weight > 0, 1.0 / np.sqrt(weight), np.nan),
            counts[0],
            counts[1],
        )


def _members(track: TrackRates, bins: Bins, half_width: float) -> npt.NDArray[np.int64]:
    index = bins.bin_of(track.positions.chainage)
    result: npt.NDArray[np.int64] = np.where(track.positions.within(half_width), index, -1)
    return result


def usual_excess(track: TrackRates, *, half_width: float) -> float:
    """Median scatter beyond errors of the points in stretches of 100 m beside the line, m/yr.

    Where standard deviations are too small (formal ones often are by a factor of some units) bins of few points cannot
    tell: each takes at least what stretches with five points or more scatter. Where they are right it is 0.

    Parameters
    ----------
    track : TrackRates
        Points.
    half_width : float
        Points at most this far from the line count, m.

    Returns
    -------
    float
        0 where fewer than 20 stretches have five points, or the scatter exceeds the variance of the points by less
        than a quarter.
    """
    held = track.positions.within(half_width)
    if not held.any():
        return 0.0
    chainage = track.positions.chainage
    group = np.full(len(chainage), -1)
    group[held] = np.floor((chainage[held] - chainage[held].min()) / _STRETCH)
    return group_excess(track, group)


def group_excess(track: TrackRates, group: npt.NDArray[np.int64]) -> float:
    """Median scatter beyond errors of the points in groups of five or more, m/yr, as :func:`usual_excess`."""
    surplus = track_means(track, group, int(group.max(initial=-1)) + 1).surplus
    known = np.isfinite(surplus)
    if known.sum() < FEWEST_GROUPS:
        return 0.0
    usual = float(np.median(surplus[known]))
    return float(np.sqrt(usual)) if usual > _CHANCE * float(np.median(track.std[group >= 0] ** 2)) else 0.0


def track_means(
    track: TrackRates, group: npt.NDArray[np.int64], n_groups: int, *, least_excess: float = 0.0
) -> GroupedMeans:
    """Huber mean rate of groups of points of a track; a negative group is none."""
    p = track.points
    rows = GroupRows(track.rate, track.std, p.easting, p.northing, p.kind, group)
    return grouped_means(rows, n_groups, correlation=track.correlation, least_excess=least_excess)
