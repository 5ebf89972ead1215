"""Burst numbers: which ground a burst covers, the same on every date of a track."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicHermiteSpline

from subside.io.safe.annotation import Annotation, Time

ORBIT_PERIOD = 12 * 86_400 / 175
"""Nodal period of Sentinel-1: 175 orbits in 12 days, s."""

BURST_CYCLE = 2.758273
"""Time from burst to burst of one swath that defines the numbers, s."""

N_BURST_IDS = 375_887
"""Bursts of one repeat cycle; numbers run from 1 to here."""

_PREAMBLE = 2.299849
_SWATH_DELAYS = {"IW1": 0.0, "IW2": 0.832, "IW3": 1.910}
_MID_BURST = 0.832 + 0.539
_EARTH_RATE = 7.292115e-5
_ECCENTRICITY = 0.00118
_NODE_TOLERANCE = 0.5
_AT_NODE = 1.0


def time_since_node(position: npt.NDArray[np.float64], velocity: npt.NDArray[np.float64]) -> float:
    """Return the time since the last ascending node of the frozen orbit of Sentinel-1.

    Parameters
    ----------
    position, velocity : ndarray of float64, (3,)
        Earth-fixed, m and m/s.

    Returns
    -------
    float
        Seconds, 0 to :data:`ORBIT_PERIOD`: Kepler's equation with eccentricity 0.00118 and perigee at 90 degrees.
        Within 0.15 s of the annotated node times of real products.
    """
    inertial = velocity + np.cross([0.0, 0.0, _EARTH_RATE], position)
    momentum = np.cross(position, inertial)
    node = np.cross([0.0, 0.0, 1.0], momentum)
    node /= np.linalg.norm(node)
    ahead = np.cross(momentum / np.linalg.norm(momentum), node)
    latitude = math.atan2(float(position @ ahead), float(position @ node))

    def mean_anomaly(true: float) -> float:
        shrink = math.sqrt((1 - _ECCENTRICITY) / (1 + _ECCENTRICITY))
        eccentric = 2 * math.atan(shrink * math.tan(true / 2))
        return eccentric - _ECCENTRICITY * math.sin(eccentric)

    turned = mean_anomaly(latitude - math.pi / 2) - mean_anomaly(-math.pi / 2)
    return turned % (2 * math.pi) / (2 * math.pi) * ORBIT_PERIOD


def seconds(later: npt.ArrayLike, earlier: Time) -> npt.NDArray[np.float64]:
    """Difference of two UTC times, s."""
    difference = np.asarray(later, dtype="datetime64[us]") - earlier
    return np.asarray(difference.astype(np.int64) / 1e6)


def node_offset(annotation: Annotation) -> float:
    """Return the time from the last ascending node to the first burst of an annotation.

    The annotated node time may be one orbit early, and in some products it is wrong by a second or more. It is
    compared with the node the state vectors give: whole orbits are taken off, and where the rest differs by more
    than 0.5 s the vectors are believed.

    Returns
    -------
    float
        Seconds from the node to ``bursts[0].time``, 0 to :data:`ORBIT_PERIOD`.
    """
    start = annotation.bursts[0].time
    times = seconds(annotation.orbit_time, start)
    state = CubicHermiteSpline(times, annotation.orbit[:, :3], annotation.orbit[:, 3:])
    flown = time_since_node(state(0.0), state.derivative()(0.0))
    annotated = float(seconds(start, annotation.node_time))
    annotated -= round((annotated - flown) / ORBIT_PERIOD) * ORBIT_PERIOD
    return annotated if abs(annotated - flown) <= _NODE_TOLERANCE else flown


def settle_node(offset: float, is_crossing: bool) -> float:
    """Settle which orbit a product that starts within a second of the node starts in.

    Parameters
    ----------
    offset : float
        Time from the last node to the first burst, s, 0 to :data:`ORBIT_PERIOD`.
    is_crossing : bool
        Whether the manifest gives another relative orbit for the end of the product than for its start.

    Returns
    -------
    float
        Time from the node that begins the relative orbit of the start, s.
    """
    if is_crossing and offset < _AT_NODE:
        return offset + ORBIT_PERIOD
    if not is_crossing and offset > ORBIT_PERIOD - _AT_NODE:
        return offset - ORBIT_PERIOD
    return offset


def burst_numbers(
    annotation: Annotation, relative_orbit: int, product_start: Time, start_offset: float
) -> tuple[int, ...]:
    """Return the relative burst number of every burst of a swath.

    The annotated number where there is one (processor 3.40 and later). Before, with ``t`` the raw time of a burst
    since the ascending node of relative orbit ``r`` and ``d`` the delay of its swath,
    ``1 + floor((t - d + 0.832 + 0.539 + (r - 1) * T - 2.299849) / 2.758273)``
    (Sentinel-1 Level 1 Detailed Algorithm Definition, S1-TN-MDA-52-7445, section 9.25).

    Parameters
    ----------
    annotation : Annotation
        Of one swath; with at least one burst.
    relative_orbit : int
        At the start of the product, 1 to 175.
    product_start : datetime64
        Time of the first burst of the product, of any swath.
    start_offset : float
        Seconds from the node that begins the relative orbit to ``product_start``.

    Returns
    -------
    tuple of int
        1 to :data:`N_BURST_IDS`.
    """
    if all(b.burst_id is not None for b in annotation.bursts):
        return tuple(int(b.burst_id or 0) for b in annotation.bursts)
    raw = np.array([b.sensing_time for b in annotation.bursts], dtype="datetime64[us]")
    since = start_offset + seconds(raw, product_start) - _SWATH_DELAYS[annotation.swath]
    turns = (since + _MID_BURST + (relative_orbit - 1) * ORBIT_PERIOD - _PREAMBLE) / BURST_CYCLE
    return tuple(int(k) % N_BURST_IDS + 1 for k in np.floor(turns))
