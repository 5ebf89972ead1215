"""Longitudinal slope and curvature over standard chords, with what could be detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.ops.corridor.bins import Bins
from subside.ops.corridor.profile import Profile

FloatArray = npt.NDArray[np.float64]

NORMAL_95: Final = 1.959964
SLOPE_CHORDS: Final = (20.0, 32.7, 100.0, 200.0)
"""Chords of slopes, m: a slab, a girder, two of track geometry."""
RADIUS_CHORDS: Final = (100.0, 200.0)
"""Chords of mid-chord ordinates, m."""


@dataclass(frozen=True)
class ChordValues:
    """One quantity over the chord that starts at the middle of every bin; NaN where an end has no points.

    Attributes
    ----------
    chord : float
        m.
    chainage : ndarray of float64, (bin,)
        Middle of the chord, m.
    value, std : ndarray of float64, (bin,)
        Slope a year (1/yr, positive where the rate rises with chainage) or curvature a year (1/m/yr, positive where
        the line hollows).
    mdc : ndarray of float64, (bin,)
        Minimum detectable change a year: 1.96 standard deviations.
    crosses_joint : ndarray of bool, (bin,)
        Whether a joint of structures lies inside the chord: the value is a difference between structures.
    """

    chord: float
    chainage: FloatArray
    value: FloatArray
    std: FloatArray
    mdc: FloatArray
    crosses_joint: npt.NDArray[np.bool_]


def chord_slopes(profile: Profile, chord: float) -> ChordValues:
    r"""Slope of the rate over a chord: :math:`(v(x + B) - v(x)) / B`.

    The chord starts at the middle :math:`x` of a bin. Ends between the middles of two bins are interpolated linearly
    between these two, never across a joint or a bin without points. The variance is that of the difference under the
    covariance of the bins; the datum cancels. Times the years it is the slope of the settlement.

    Parameters
    ----------
    profile : Profile
        Bins; for short chords make them short.
    chord : float
        ``B``, m.

    Returns
    -------
    ChordValues
        All NaN where the chord is shorter than a bin.

    Raises
    ------
    ArgumentError
        If the chord is not positive.
    """
    _check.in_range(1e-3, 1e6, chord=chord)
    return _combination(profile, chord, ((0.0, -1.0 / chord), (1.0, 1.0 / chord)))


def chord_curvature(profile: Profile, chord: float) -> ChordValues:
    r"""Curvature from the mid-chord ordinate: :math:`8 f / C^2`, :math:`f = (v_- + v_+)/2 - v_0`.

    The radius that the settlement of ``t`` years adds to the line is :math:`1 / (\kappa t)`.

    Parameters
    ----------
    profile : Profile
        Bins.
    chord : float
        ``C``, m.

    Returns
    -------
    ChordValues
        All NaN where half the chord is shorter than a bin.

    Raises
    ------
    ArgumentError
        If the chord is not positive.
    """
    _check.in_range(1e-3, 1e6, chord=chord)
    scale = 8.0 / chord**2
    return _combination(profile, chord, ((0.0, 0.5 * scale), (0.5, -scale), (1.0, 0.5 * scale)))


@dataclass(frozen=True)
class JointDifferences:
    """Difference of the rates on the two sides of each joint of structures.

    Attributes
    ----------
    chainage : ndarray of float64, (joint,)
        m.
    value, std : ndarray of float64, (joint,)
        Rate after the joint minus that before it, m/yr; NaN where a side has no points.
    before, after : ndarray of str, (joint,)
        Kinds of structure.
    """

    chainage: FloatArray
    value: FloatArray
    std: FloatArray
    before: npt.NDArray[Any]
    after: npt.NDArray[Any]


def joint_differences(profile: Profile) -> JointDifferences:
    """Difference of the rates of the two bins that meet at each joint.

    Parameters
    ----------
    profile : Profile
        Bins cut at joints.

    Returns
    -------
    JointDifferences
    """
    bins, errors = profile.bins, profile.errors
    left = np.flatnonzero(np.diff(bins.segment) != 0)
    right = left + 1
    apart = bins.centre[right] - bins.centre[left]
    variance = errors.std[left] ** 2 + errors.std[right] ** 2 - 2 * errors.covariance(left, right, apart)
    return JointDifferences(
        bins.end[left],
        profile.rate[right] - profile.rate[left],
        np.sqrt(np.maximum(variance, 0.0)),
        bins.structure[left],
        bins.structure[right],
    )


def _combination(profile: Profile, chord: float, terms: tuple[tuple[float, float], ...]) -> ChordValues:
    bins = profile.bins
    n = bins.n_bins
    unknown = np.full(n, np.nan)
    middle = bins.centre + 0.5 * chord
    if chord / (len(terms) - 1) < bins.step * (1 - 1e-9):
        return ChordValues(chord, middle, unknown, unknown.copy(), unknown.copy(), np.zeros(n, bool))
    index, weight = [], []
    for share, factor in terms:
        rows, parts = _interpolation(bins, np.isfinite(profile.rate), bins.centre + share * chord)
        index += [rows, np.minimum(rows + 1, n - 1)]
        weight += [factor * (1 - parts), factor * parts]
    rows, weights = np.stack(index), np.stack(weight)
    used = weights != 0
    rate = np.where(used, profile.rate[rows], 0.0)
    value = (weights * rate).sum(axis=0)
    variance = np.zeros(n)
    for a in range(len(rows)):
        for b in range(len(rows)):
            both = used[a] & used[b] & np.isfinite(value)
            i, j = rows[a][both], rows[b][both]
            apart = np.abs(bins.centre[i] - bins.centre[j])
            variance[both] += weights[a][both] * weights[b][both] * profile.errors.covariance(i, j, apart)
    std = np.where(np.isfinite(value), np.sqrt(np.maximum(variance, 0.0)), np.nan)
    end = np.clip(bins.bin_of(bins.centre + chord), 0, n - 1)
    return ChordValues(chord, middle, value, std, NORMAL_95 * std, bins.segment != bins.segment[end])


def _interpolation(
    bins: Bins, known: npt.NDArray[np.bool_], chainage: FloatArray
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Lower of the two bins around each chainage and the weight of the upper one; NaN where neither may be used."""
    n, centre = bins.n_bins, bins.centre
    home = bins.bin_of(chainage)
    low = np.clip(np.searchsorted(centre, chainage, side="right") - 1, 0, max(n - 2, 0))
    high = np.minimum(low + 1, n - 1)
    part = np.clip((chainage - centre[low]) / np.maximum(centre[high] - centre[low], 1e-12), 0.0, 1.0)
    part = np.where(np.abs(part) < 1e-9, 0.0, np.where(np.abs(part - 1) < 1e-9, 1.0, part))
    across = bins.segment[low] != bins.segment[high]
    part = np.where(across, (home == high).astype(np.float64), part)
    usable = (home >= 0) & (known[low] | (part == 1)) & (known[high] | (part == 0))
    return low, np.where(usable, part, np.nan)


def radius_of(curvature: FloatArray, years: float) -> FloatArray:
    """Radius, m, of a curvature a year after some years; infinite where it is straight."""
    if not years > 0:
        raise ArgumentError(f"`years` must be positive, got {years}")
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / (np.abs(curvature) * years), np.float64)
