"""Subsidence over a mined rectangle by the probability-integral method, and its fit to vertical rates.

With ``q = sqrt(pi) / r``, ``F(x) = (erf(q (x + a)) - erf(q (x - a))) / 2`` over the half-length ``a`` and ``G(y)`` over
the half-width, subsidence is ``W F G``, tilt its gradient, curvature the gradient of the tilt; horizontal motion is
``b r`` times the tilt, strain ``b r`` times the curvature (Litwiniszyn 1956; He et al. 1994).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from subside.errors import ArgumentError, UnknownQuantityError

FloatArray = npt.NDArray[np.float64]

_FEWEST: Final = 20
_STARTS: Final = (0.0, 45.0, 90.0, 135.0)
"""Azimuths from which the fit starts, degree."""
_LEAST_COVERED: Final = 0.5
_NAMES: Final = ("easting", "northing", "length", "width", "azimuth_deg", "subsidence", "radius")


@dataclass(frozen=True)
class MinedPanel:
    """A mined rectangle and how it shows at the surface.

    Attributes
    ----------
    easting, northing : float
        Of its middle, m.
    length, width : float
        m.
    azimuth_deg : float
        Of its length, clockwise from north.
    subsidence : float
        ``W``, greatest subsidence of a panel of infinite extent, m (or m/yr), positive down.
    radius : float
        Radius of influence ``r``, m: depth over the tangent of the angle of draw.
    """

    easting: float
    northing: float
    length: float
    width: float
    azimuth_deg: float
    subsidence: float
    radius: float


@dataclass(frozen=True)
class SurfaceMotion:
    """What a panel does at places, unit of the panel's subsidence.

    Attributes
    ----------
    up : ndarray of float64, (place,)
        Negative: sinking.
    tilt : ndarray of float64, (place, 2)
        Gradient of ``up`` along east and north, per m.
    curvature : ndarray of float64, (place, 2)
        Second derivatives of ``up`` along and across the panel, per m2.
    horizontal : ndarray of float64, (place, 2)
        East and north, toward the middle.
    strain : ndarray of float64, (place, 2)
        Along and across the panel, positive is extension, per m.
    """

    up: FloatArray
    tilt: FloatArray
    curvature: FloatArray
    horizontal: FloatArray
    strain: FloatArray


def surface_motion(
    panel: MinedPanel, easting: FloatArray, northing: FloatArray, *, horizontal_ratio: float = 0.3
) -> SurfaceMotion:
    """Evaluate the probability-integral model.

    Parameters
    ----------
    panel : MinedPanel
        The panel.
    easting, northing : ndarray of float64, (place,)
        m.
    horizontal_ratio : float
        ``b``, horizontal motion over radius times tilt (0.2 to 0.4: He et al. 1994).

    Returns
    -------
    SurfaceMotion
    """
    sin, cos = np.sin(np.radians(panel.azimuth_deg)), np.cos(np.radians(panel.azimuth_deg))
    de, dn = easting - panel.easting, northing - panel.northing
    along, across = de * sin + dn * cos, de * cos - dn * sin
    q = np.sqrt(np.pi) / panel.radius
    f, df, ddf = _profile(along, panel.length / 2.0, q)
    g, dg, ddg = _profile(across, panel.width / 2.0, q)
    scale = -panel.subsidence
    tilt_along, tilt_across = scale * df * g, scale * f * dg
    tilt = np.stack([tilt_along * sin + tilt_across * cos, tilt_along * cos - tilt_across * sin], axis=-1)
    curvature = np.stack([scale * ddf * g, scale * f * ddg], axis=-1)
    ratio = horizontal_ratio * panel.radius
    return SurfaceMotion(scale * f * g, tilt, curvature, -ratio * tilt, -ratio * curvature)


def _profile(x: FloatArray, half: float, q: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    first, last = q * (x + half), q * (x - half)
    value = 0.5 * (special.erf(first) - special.erf(last))
    bell = np.exp(-(first**2)), np.exp(-(last**2))
    slope = q / np.sqrt(np.pi) * (bell[0] - bell[1])
    bend = -2.0 * q**2 / np.sqrt(np.pi) * (first * bell[0] - last * bell[1])
    return np.asarray(value), np.asarray(slope), np.asarray(bend)


@dataclass(frozen=True)
class PanelFit:
    """A fitted panel.

    Attributes
    ----------
    panel : MinedPanel
        Estimate; ``subsidence`` in m/yr.
    std : MinedPanel
        Standard deviation of each value.
    residual_rms : float
        m/yr.
    n_points : int
        Rates used.
    """

    panel: MinedPanel
    std: MinedPanel
    residual_rms: float
    n_points: int


def fit_panel(
    easting: FloatArray, northing: FloatArray, up: FloatArray, std: FloatArray, *, max_condition: float = 1e5
) -> PanelFit:
    """Fit a panel to vertical rates by bounded least squares with a soft loss against outliers.

    Four azimuths are tried as a start; the length is the longer side.

    Parameters
    ----------
    easting, northing : ndarray of float64, (point,)
        m.
    up, std : ndarray of float64, (point,)
        Vertical rate and its standard deviation, m/yr; finite.
    max_condition : float
        Condition number of the scaled normal equations beyond which the data are said not to hold the panel.

    Returns
    -------
    PanelFit

    Raises
    ------
    ArgumentError
        For fewer than 20 points.
    UnknownQuantityError
        If the points leave out the middle of the basin, or cannot tell its parameters apart.
    """
    if not (np.isfinite(up).all() and np.isfinite(std).all() and np.all(std > 0)):
        raise ArgumentError("`up` and `std` must be finite and `std` positive: leave out rates that are not known")
    if len(up) < _FEWEST:
        raise ArgumentError(f"`up` must hold at least {_FEWEST} rates, got {len(up)}")
    deepest = np.argsort(up)[: max(len(up) // 20, 3)]
    centre = np.array([np.median(easting[deepest]), np.median(northing[deepest])])
    depth = max(float(-np.quantile(up, 0.02)), 1e-3)
    half = up < -0.5 * depth
    reach = float(np.sqrt(np.cov(easting[half], northing[half]).trace())) if half.sum() > 2 else 200.0
    scale = np.array([reach, reach, reach, reach, 30.0, depth, reach])
    low = np.array([*(centre - 3 * reach), 0.2 * reach, 0.2 * reach, -180.0, 0.2 * depth, 0.1 * reach])
    high = np.array([*(centre + 3 * reach), 12 * reach, 12 * reach, 360.0, 20.0 * depth, 6.0 * reach])

    def residual(values: FloatArray) -> FloatArray:
        return (surface_motion(MinedPanel(*values), easting, northing).up - up) / std

    tries = []
    for azimuth in _STARTS:
        start = np.array([*centre, 2.0 * reach, 1.6 * reach, azimuth, 1.3 * depth, 0.8 * reach])
        tries.append(
            least_squares(
                residual, np.clip(start, low, high), bounds=(low, high), x_scale=scale, loss="soft_l1", f_scale=2.0
            )
        )
    found = min(tries, key=lambda one: float(one.cost))
    scaled = found.jac * scale
    values = np.linalg.svd(scaled, compute_uv=False)
    covered = _covered_share(found.x, easting, northing)
    condition = float((values[0] / max(values[-1], 1e-300)) ** 2)
    if covered < _LEAST_COVERED or condition > max_condition:
        raise UnknownQuantityError(
            "the rates do not determine a mined panel: trusted points cover "
            f"{100 * covered:.0f} % of the ground within half a radius of influence ({found.x[6] / 2:.0f} m) of the "
            f"middle of the basin, {100 * _LEAST_COVERED:.0f} % are needed; condition {condition:.2g}. The middle of a "
            "basin that is lost to aliasing cannot be "
            "reconstructed."
        )
    covariance = np.linalg.inv(scaled.T @ scaled) * np.outer(scale, scale)
    spread = max(float(np.mean(found.fun**2)) * len(up) / (len(up) - len(_NAMES)), 1.0)
    rms = float(np.sqrt(np.mean((found.fun * std) ** 2)))
    estimate, sigma = found.x.copy(), np.sqrt(np.diag(covariance) * spread)
    if estimate[2] < estimate[3]:
        estimate[[2, 3]], sigma[[2, 3]] = estimate[[3, 2]], sigma[[3, 2]]
        estimate[4] += 90.0
    estimate[4] %= 180.0
    return PanelFit(MinedPanel(*map(float, estimate)), MinedPanel(*map(float, sigma)), rms, len(up))


def _covered_share(values: FloatArray, easting: FloatArray, northing: FloatArray) -> float:
    """Share of the ground within half a radius of the middle that has a point within a quarter of a radius."""
    radius = values[6]
    steps = np.arange(-4, 5) / 8.0
    x, y = (v.ravel() * radius for v in np.meshgrid(steps, steps))
    inside = np.hypot(x, y) <= 0.5 * radius
    nodes = np.column_stack([values[0] + x[inside], values[1] + y[inside]])
    distance, _ = cKDTree(np.column_stack([easting, northing])).query(nodes)
    return float(np.mean(distance <= 0.25 * radius))
