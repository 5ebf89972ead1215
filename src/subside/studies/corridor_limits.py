"""Limits along a line: where each applies, what the data say there, and where they are too noisy to say anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from subside.ops.corridor.bins import Bins
from subside.ops.corridor.limits import Exceedance, Limit, exceedance
from subside.ops.corridor.profile import Profile
from subside.ops.corridor.slopes import NORMAL_95, chord_curvature, chord_slopes, joint_differences
from subside.studies.corridor_parameters import CorridorParameters

FloatArray = npt.NDArray[np.float64]

_JOINT: Final = "joint"
"""Word by which a limit applies to the bins beside a joint of structures."""

_FEWEST: Final = 3
"""Points in every bin behind a value that stands out of noise: of fewer, none can be told to be wrong."""

_FALSE_ALARM: Final = 0.05
"""Probability that noise alone makes one or more of the places that cannot be checked look exceeded."""


@dataclass(frozen=True)
class LimitResult:
    """A limit along the line.

    Attributes
    ----------
    limit : Limit
        The limit.
    chord : float
        Chord over which a slope, radius or a difference within a structure was taken, m; NaN for others.
    chainage, width : ndarray of float64, (place,)
        Middle and length of each place, m; ascending. A joint has no length.
    is_joint : ndarray of bool, (place,)
        Whether the place is a joint of structures, at which their difference counts, rather than a stretch of line.
    applies : ndarray of bool, (place,)
        Whether the limit is meant there.
    is_blind : ndarray of bool, (place,)
        Whether the data cannot check the limit there: noise alone may reach it by the horizon, and what is measured
        does not stand out of the noise beyond it.
    growth, growth_std : ndarray of float64, (place,)
        Per year, SI; NaN where the limit does not apply or nothing is known.
    exceedance : Exceedance
        Probabilities and times; NaN where the limit does not apply or cannot be checked.
    """

    limit: Limit
    chord: float
    chainage: FloatArray
    width: FloatArray
    is_joint: npt.NDArray[np.bool_]
    applies: npt.NDArray[np.bool_]
    is_blind: npt.NDArray[np.bool_]
    growth: FloatArray
    growth_std: FloatArray
    exceedance: Exceedance


@dataclass(frozen=True)
class _Places:
    """What a limit is compared with: growth a year by place, and whether the limit applies there."""

    chainage: FloatArray
    width: FloatArray
    is_joint: npt.NDArray[np.bool_]
    applies: npt.NDArray[np.bool_]
    growth: FloatArray
    std: FloatArray
    n_points: npt.NDArray[np.int64]


def compare_limits(
    profile: Profile,
    fine: Profile,
    limits: Sequence[Limit],
    *,
    parameters: CorridorParameters,
    years: float,
    has_structures: bool,
) -> tuple[LimitResult, ...]:
    r"""Compare the motion along a line with limits.

    A limit that counts either way is *blind* at a place where noise alone may reach it by the horizon,
    :math:`1.96\,\sigma t > L`, unless the measured growth lies beyond it by more than noise makes anywhere:
    :math:`(|\hat g| - z \sigma) t > L`, with :math:`z` such that noise reaches it at one or more of the noisy places
    in 5 % of all lines (Sidak 1967), and every bin behind it holds three points or more, so that one wrong point cannot
    have made it. A limit that counts one way has its noise in its probability.

    Parameters
    ----------
    profile, fine : Profile
        Bins for settlement and rates; short bins for slopes.
    limits : sequence of Limit
        To compare with.
    parameters : CorridorParameters
        Chords and horizon.
    years : float
        Observed, yr; NaN unknown.
    has_structures : bool
        Whether structures are known; without them every limit applies everywhere.

    Returns
    -------
    tuple of LimitResult
        One a limit; none where the years are not known.
    """
    if not np.isfinite(years):
        return ()
    horizon = years + parameters.horizon
    found = []
    for limit in limits:
        chord, places = _values(limit, profile, fine, parameters, has_structures)
        blind = places.applies & _is_blind(limit, places, horizon)
        usable = places.applies & ~blind
        growth, std = np.where(places.applies, (places.growth, places.std), np.nan)
        result = exceedance(
            np.where(usable, growth, np.nan), std, limit=limit, years_observed=years, years_horizon=horizon
        )
        found.append(
            LimitResult(
                limit=limit,
                chord=chord,
                chainage=places.chainage,
                width=places.width,
                is_joint=places.is_joint,
                applies=places.applies,
                is_blind=blind,
                growth=growth,
                growth_std=std,
                exceedance=result,
            )
        )
    return tuple(found)


def _is_blind(limit: Limit, places: _Places, years: float) -> npt.NDArray[np.bool_]:
    level, is_two_sided = limit.level()
    is_noisy = places.applies & (NORMAL_95 * places.std * years > level)
    n = max(int(np.count_nonzero(is_noisy)), 1)
    far = float(ndtri(0.5 + 0.5 * (1.0 - _FALSE_ALARM) ** (1.0 / n)))
    stands_out = (np.abs(places.growth) - far * places.std) * years > level
    result: npt.NDArray[np.bool_] = is_noisy & ~(stands_out & (places.n_points >= _FEWEST)) & is_two_sided
    return result


def _values(
    limit: Limit, profile: Profile, fine: Profile, parameters: CorridorParameters, has_structures: bool
) -> tuple[float, _Places]:
    """Chord and values that a limit is compared with."""
    if limit.quantity in ("settlement", "rate"):
        where = _where(profile.bins, limit, has_structures)
        return np.nan, _stretches(profile, profile.bins.centre, where, (profile.rate, profile.std), 0.0)
    is_radius = limit.quantity == "radius"
    default = parameters.radius_limit_chord if is_radius else parameters.slope_limit_chord
    chord = limit.chord if np.isfinite(limit.chord) else default
    if limit.quantity == "difference":
        return _differences(limit, profile, fine, chord, has_structures)
    values = chord_curvature(fine, chord) if is_radius else chord_slopes(fine, chord)
    where = _where(fine.bins, limit, has_structures)
    return chord, _stretches(fine, values.chainage, where, (values.value, values.std), chord)


def _stretches(
    profile: Profile,
    chainage: FloatArray,
    applies: npt.NDArray[np.bool_],
    values: tuple[FloatArray, FloatArray],
    chord: float,
) -> _Places:
    bins = profile.bins
    # The end of a chord is interpolated between two bins.
    reach = np.searchsorted(bins.centre, bins.centre + chord - 1e-6) - np.arange(bins.n_bins)
    after = np.pad(profile.n_points, (0, int(reach.max())), constant_values=np.iinfo(np.int64).max)
    fewest = np.lib.stride_tricks.sliding_window_view(after, int(reach.max()) + 1).min(axis=1)
    return _Places(chainage, bins.end - bins.start, np.zeros(bins.n_bins, bool), applies, *values, fewest)


def _differences(
    limit: Limit, profile: Profile, fine: Profile, chord: float, has_structures: bool
) -> tuple[float, _Places]:
    """Differences at joints where joints are named, over the chord within the structures that are named, or both."""
    joints = joint_differences(profile)
    n = len(joints.chainage)
    is_named = np.full(n, _JOINT in limit.applies_to or not limit.applies_to)
    left = np.flatnonzero(np.diff(profile.bins.segment) != 0)
    fewest = np.minimum(profile.n_points[left], profile.n_points[left + 1])
    at_joints = _Places(joints.chainage, np.zeros(n), np.ones(n, bool), is_named, joints.value, joints.std, fewest)
    if set(limit.applies_to) == {_JOINT}:
        return np.nan, at_joints
    values = chord_slopes(fine, chord)
    within = replace(limit, applies_to=tuple(w for w in limit.applies_to if w != _JOINT))
    where = _where(fine.bins, within, has_structures) & ~values.crosses_joint
    stretches = _stretches(fine, values.chainage, where, (chord * values.value, chord * values.std), chord)
    both = [np.concatenate([getattr(p, f.name) for p in (stretches, at_joints)]) for f in fields(_Places)]
    order = np.argsort(both[0], kind="stable")
    return chord, _Places(*(column[order] for column in both))


def _where(bins: Bins, limit: Limit, has_structures: bool) -> npt.NDArray[np.bool_]:
    """Bins where a limit applies; everywhere where no structures are known."""
    if not has_structures:
        return np.ones(bins.n_bins, bool)
    applies = limit.applies(bins.structure.tolist())
    if _JOINT in limit.applies_to:
        joint = np.flatnonzero(np.diff(bins.segment) != 0)
        applies[np.concatenate([joint, joint + 1])] = True
    return applies
