"""Baselines between acquisitions, and the rating of acquisitions as reference image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError
from subside.kernels.geometry import OrbitArc, closest_approach, ground_at_height, orbit_states, to_ecef
from subside.model.acquisition import Acquisition
from subside.ops.geometry import FIRST_LOOK_ANGLE, BurstGeometry, GroundGrid, acquisition_arc
from subside.ops.pairs import QualityIndex, quality_index

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Baselines:
    """Baseline of a date against the reference.

    Attributes
    ----------
    perpendicular : ndarray of float64
        m, positive when the slant range of the date grows faster with height than the reference's; this is the sign of
        ISCE2 as well, ``((x - p_ref) x (p_date - p_ref)) . v_ref``. NaN where the ground is unknown.
    parallel : ndarray of float64
        m, along the look vector of the reference toward the ground: range of the reference minus range of the date to
        first order.
    """

    perpendicular: Floats
    parallel: Floats


def baselines(reference: BurstGeometry, ground: GroundGrid, *, secondary: OrbitArc) -> Baselines:
    """Compute baselines at pixels of a reference burst.

    Parameters
    ----------
    reference : BurstGeometry
        The burst.
    ground : GroundGrid
        Ground of pixels of it.
    secondary : OrbitArc
        Orbit of the other date, :func:`subside.ops.geometry.acquisition_arc`.

    Returns
    -------
    Baselines
        Each (line, sample).

    Notes
    -----
    With ``B = p_2 - p_1`` between the two zero-Doppler positions, ``cos(alpha) = (r_1^2 + B^2 - r_2^2) / (2 r_1 B)``,
    ``parallel = B cos(alpha)`` and ``|perpendicular| = B sin(alpha)``; evaluated as the projection on the look vector
    and on the normal to it in the plane of the two positions and the ground, which is the same and keeps its digits.
    """
    shape = ground.latitude.shape
    state = orbit_states(reference.arc, reference.slow_time(ground.lines))[:, None]
    point = to_ecef(ground.latitude.ravel(), ground.longitude.ravel(), ground.height.ravel()).reshape(*shape, 3)
    return _baselines(state, point, secondary)


def _baselines(state: Floats, point: Floats, secondary: OrbitArc) -> Baselines:
    """Baselines at Earth-fixed points (..., 3) from states of the reference (..., 3, 3) that broadcast against them."""
    time, _ = closest_approach(np.ascontiguousarray(point.reshape(-1, 3)), secondary)
    first, velocity = state[..., 0, :], state[..., 1, :]
    second = orbit_states(secondary, time)[:, 0].reshape(point.shape)
    look = point - first
    look /= np.linalg.norm(look, axis=-1, keepdims=True)
    between = second - first
    moment = np.cross(look, between)
    sign = np.sign(np.sum(moment * velocity, axis=-1))
    return Baselines(sign * np.linalg.norm(moment, axis=-1), np.sum(between * look, axis=-1))


def _middle(acquisition: Acquisition) -> tuple[float, float]:
    """Zero-Doppler time, s, and slant range, m, of the middle of all swaths."""
    swaths = acquisition.swaths.values()
    near = min(s.slant_range_time for s in swaths)
    far = max(s.slant_range_time + (s.samples_per_burst - 1) / s.range_sampling_rate for s in swaths)
    return 0.5 * (acquisition.start + acquisition.stop), 0.25 * SPEED_OF_LIGHT * (near + far)


def scene_baselines(acquisitions: Sequence[Acquisition], *, reference: int, height: float = 0.0) -> Baselines:
    """Compute baselines of every date at the middle of the scene.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        Dates of one track.
    reference : int
        Position of the reference date; the middle of its swaths and time is the middle of the scene.
    height : float
        Ellipsoidal height of the ground there, m. 100 m change a baseline by 1e-4 of itself.

    Returns
    -------
    Baselines
        Each (date,), zero at the reference.

    Raises
    ------
    ArgumentError
        If a date does not see the middle of the reference's scene.
    """
    arcs = [acquisition_arc(a) for a in acquisitions]
    time, slant_range = _middle(acquisitions[reference])
    point = ground_at_height(
        np.array([time]), np.array([slant_range]), float(height), arcs[reference], FIRST_LOOK_ANGLE
    )[0]
    state = orbit_states(arcs[reference], np.array([time]))
    each = [_baselines(state, point, arc) for arc in arcs]
    perpendicular = np.array([b.perpendicular[0] for b in each])
    if not np.all(np.isfinite(perpendicular)):
        lost = [a.date for a, b in zip(acquisitions, perpendicular, strict=True) if not np.isfinite(b)]
        raise ArgumentError(
            f"`acquisitions` must all see the middle of {acquisitions[reference].date}, which {lost} do not; "
            "they are of another track or slice"
        )
    return Baselines(perpendicular, np.array([b.parallel[0] for b in each]))


def rate_acquisitions(
    acquisitions: Sequence[Acquisition], *, critical: tuple[float, float, float] = (1800.0, 1100.0, 1380.0)
) -> QualityIndex:
    """Rate acquisitions as reference image by time, baseline and Doppler centroid.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        Dates of one track, at least one; all must hold one swath in common.
    critical : tuple of float
        See :func:`subside.ops.pairs.quality_index`.

    Returns
    -------
    QualityIndex
        In the order of ``acquisitions``. The Doppler centroid of a date is the mean over bursts of the centroid at
        mid-range of the first common swath.

    Raises
    ------
    ArgumentError
        If no swath is common, or the dates do not see one ground.
    """
    common = sorted(set.intersection(*(set(a.swaths) for a in acquisitions)) if acquisitions else ())
    if not common:
        raise ArgumentError("`acquisitions` must be at least one and hold one swath in common")
    start = np.array([a.epoch.astype("datetime64[s]").astype(np.float64) + a.start for a in acquisitions])
    centroid = []
    for acquisition in acquisitions:
        swath = acquisition.swaths[common[0]]
        middle = swath.fast_time(np.array([0.5 * swath.samples_per_burst]))
        centroid.append(np.mean([b.doppler(middle)[0] for b in swath.bursts]))
    return quality_index(
        (start - start[0]) / 86400.0,
        bperp=scene_baselines(acquisitions, reference=0).perpendicular,
        doppler_centroid=np.array(centroid),
        critical=critical,
    )
