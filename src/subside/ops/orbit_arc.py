"""Orbit of a slice as a moving Hermite polynomial, and the test for manoeuvres among the vectors."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.kernels.geometry import OrbitArc
from subside.model.acquisition import Orbit

Floats = npt.NDArray[np.float64]

MANOEUVRE_RESIDUAL: Final = 5e-3
"""A leave-one-out residual above this, m, means that the satellite manoeuvred: vectors of one arc are not smooth."""

DEFAULT_VECTORS: Final = 4
"""Vectors per polynomial: 4 reach 3 micrometres on clean arcs and ring least on a manoeuvre."""


def _hermite(time: Floats, position: Floats, velocity: Floats, centre: float, half_width: float) -> Floats:
    """Coefficients, (3, 2 n), of the polynomial in scaled time through n positions and velocities."""
    u = (time - centre) / half_width
    power = np.arange(2 * len(u))
    values = u[:, None] ** power
    slopes = np.zeros_like(values)
    slopes[:, 1:] = power[1:] * u[:, None] ** (power[1:] - 1)
    # about their mean, so that the digits go to the curvature and not to the radius of the orbit
    origin = position.mean(axis=0)
    right_side = np.concatenate([position - origin, velocity * half_width])
    coefficients = np.linalg.solve(np.concatenate([values, slopes]), right_side)
    coefficients[0] += origin
    return np.asarray(coefficients.T)


def _nearest(time: Floats, centre: float, n: int) -> slice:
    """The n consecutive vectors that lie nearest to a time."""
    first = int(np.searchsorted(time, centre)) - n // 2
    first = min(max(first, 0), len(time) - n)
    return slice(first, first + n)


def fit_orbit(orbit: Orbit, span: tuple[float, float], *, n_vectors: int = DEFAULT_VECTORS) -> OrbitArc:
    """Fit polynomials to an orbit, one per interval between vectors, each through the nearest vectors.

    Parameters
    ----------
    orbit : Orbit
        State vectors.
    span : tuple of float
        First and last time wanted, s since the epoch of the orbit.
    n_vectors : {4, 6}
        Positions and velocities each polynomial passes through; the degree is ``2 n_vectors - 1``.

    Returns
    -------
    OrbitArc
        Pieces that cover the span, continuous in position and velocity. Against eight vectors, orbits of Sentinel-1
        agree to 3 micrometres with four and 1.4 with six; a cubic through two is wrong by 0.2 mm.

    Raises
    ------
    ArgumentError
        If the vectors do not cover the span, are fewer than ``n_vectors``, or ``n_vectors`` is neither 4 nor 6.
    """
    start, stop = span
    time = orbit.time
    if n_vectors not in (4, 6):
        raise ArgumentError(f"`n_vectors` must be 4 or 6, got {n_vectors!r}")
    if not time[0] <= start < stop <= time[-1]:
        raise ArgumentError(
            f"`span` must ascend within the vectors of {orbit.file} ({time[0]:.3f} to {time[-1]:.3f} s), "
            f"got {start:.3f} to {stop:.3f} s; choose an orbit file that covers the scene"
        )
    if len(time) < n_vectors:
        raise ArgumentError(f"`orbit` must hold at least {n_vectors} vectors, got {len(time)}")
    first = int(np.searchsorted(time, start, side="right")) - 1
    last = int(np.searchsorted(time, stop, side="left"))
    edges = time[first : last + 1]
    coefficients = np.empty((last - first, 3, 2 * n_vectors))
    centre = np.empty(last - first)
    half_width = np.empty(last - first)
    for piece in range(last - first):
        chosen = _nearest(time, float(edges[piece : piece + 2].mean()), n_vectors)
        centre[piece] = 0.5 * (time[chosen][0] + time[chosen][-1])
        half_width[piece] = 0.5 * (time[chosen][-1] - time[chosen][0])
        coefficients[piece] = _hermite(
            time[chosen], orbit.position[chosen], orbit.velocity[chosen], centre[piece], half_width[piece]
        )
    return OrbitArc(np.ascontiguousarray(edges), centre, half_width, coefficients)


def leave_one_out(orbit: Orbit, span: tuple[float, float]) -> float:
    """Predict each vector of a span from its neighbours: a manoeuvre shows, a clean arc does not.

    Parameters
    ----------
    orbit : Orbit
        State vectors.
    span : tuple of float
        First and last time, s since the epoch of the orbit. Vectors up to two intervals outside are tested as well,
        because polynomials of the span pass through them.

    Returns
    -------
    float
        Largest distance, m, between a vector and the Hermite polynomial through its two neighbours on either side.
        Above :data:`MANOEUVRE_RESIDUAL` the orbit is not to be trusted to a centimetre.

    Raises
    ------
    ArgumentError
        If no vector of the span has two neighbours on either side.
    """
    time = orbit.time
    first = max(int(np.searchsorted(time, span[0], side="right")) - 2, 2)
    last = min(int(np.searchsorted(time, span[1], side="left")) + 1, len(time) - 3)
    if last < first:
        raise ArgumentError(f"`span` must hold a vector with two neighbours on either side, got {span}")
    worst = 0.0
    for i in range(first, last + 1):
        chosen = np.array([i - 2, i - 1, i + 1, i + 2])
        half_width = 0.5 * (time[i + 2] - time[i - 2])
        predicted = _hermite(time[chosen], orbit.position[chosen], orbit.velocity[chosen], time[i], half_width)[:, 0]
        worst = max(worst, float(np.linalg.norm(predicted - orbit.position[i])))
    return worst
