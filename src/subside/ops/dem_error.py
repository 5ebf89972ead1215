"""Height of each point above the DEM, estimated jointly with the motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from subside import _check
from subside.errors import ArgumentError
from subside.ops.corrections import Rows
from subside.ops.noise_model import NoiseModel
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import estimate_noise

FloatArray = npt.NDArray[np.float64]

_BLOCK: Final = 32768

_CLIPPED_MEAN: Final = 0.98511
"""Mean of ``min(z^2, 9)`` for a standard normal z."""


@dataclass(frozen=True)
class DemGeometry:
    """What turns a height into phase.

    Attributes
    ----------
    bperp : ndarray of float, (date,) or (point, date)
        Perpendicular baseline of each date relative to any one date, m.
    slant_range : ndarray of float, (point,)
        m.
    incidence_angle : ndarray of float, (point,)
        rad.
    wavelength : float
        m.
    """

    bperp: npt.NDArray[np.floating]
    slant_range: npt.NDArray[np.floating]
    incidence_angle: npt.NDArray[np.floating]
    wavelength: float

    def sensitivity(self, rows: Rows) -> FloatArray:
        """Phase per metre of height relative to the first date, rad/m, (point, date).

        ``4 pi / wavelength * (bperp_t - bperp_0) / (R sin(incidence))``.
        """
        baseline = np.asarray(self.bperp if self.bperp.ndim == 1 else self.bperp[rows], np.float64)
        relative = baseline - baseline[..., :1]
        lever = np.asarray(self.slant_range, np.float64)[rows] * np.sin(
            np.asarray(self.incidence_angle, np.float64)[rows]
        )
        result: FloatArray = (4 * np.pi / self.wavelength) * relative / lever[:, None]
        return result

    def mean_baseline(self) -> FloatArray:
        """Baseline averaged over the points, m, (date,)."""
        b = np.asarray(self.bperp, np.float64)
        return b if b.ndim == 1 else np.asarray(np.nanmean(b, axis=0), np.float64)


@dataclass(frozen=True)
class DemErrorTerm:
    """Height of each point above the DEM, relative to the scene.

    Attributes
    ----------
    dem_error : ndarray of float32, (point,)
        m; NaN where it could not be estimated (the term is then zero).
    dem_error_std : ndarray of float32, (point,)
        Posterior standard deviation, m; never above ``prior_std``.
    prior_std : float
        Standard deviation of the prior, m.
    geometry : DemGeometry
        Baselines, ranges and incidence angles used.
    """

    dem_error: npt.NDArray[np.float32]
    dem_error_std: npt.NDArray[np.float32]
    prior_std: float
    geometry: DemGeometry

    @property
    def kind(self) -> Literal["dem_error"]:
        """The effect."""
        return "dem_error"

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Phase of the DEM error at the points named, rad, (point, date); 0 where it is not known."""
        height = np.nan_to_num(self.dem_error[rows].astype(np.float64))
        lever = np.nan_to_num(self.geometry.sensitivity(rows))
        return (height[:, None] * lever).astype(np.float32)

    def displacement_sensitivity(self, rows: Rows) -> FloatArray:
        """Apparent displacement per metre of height, m/m, (point, date)."""
        return -self.geometry.wavelength / (4 * np.pi) * self.geometry.sensitivity(rows)


def fit_dem_error(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    geometry: DemGeometry,
    classes: npt.NDArray[np.integer],
    model: TimeModel | None = None,
    prior_std: float | None = None,
) -> DemErrorTerm:
    """Estimate the DEM error jointly with motion over all dates, with a Gaussian prior.

    ``s = X beta + a h + n`` with ``X`` the time model, ``a`` the height sensitivity of the point, ``n`` with the
    covariance of the noise model of the point's class and ``h`` ~ N(0, prior_std^2). With
    ``P = C^-1 - C^-1 X (X' C^-1 X)^-1 X' C^-1`` the least-squares height is ``a' P s / a' P a`` with variance
    ``a' P C_p P a / (a' P a)^2`` under the point's own covariance; the posterior mean shrinks it by
    ``prior^2 / (prior^2 + variance)``, which is never worse
    than the prior in the mean square. Without a given prior its variance is the one that makes the spread of
    the least-squares heights most likely.

    Parameters
    ----------
    phase : ndarray of float, (point, date)
        Deramped series, rad; NaN is a gap. What is common to all points (median of each date) is taken off
        first: heights are relative to the scene.
    days : ndarray of float64, (date,)
        Days since the first date.
    geometry : DemGeometry
        Baselines, ranges, incidence angles; unknown baselines must be refused before.
    classes : ndarray of int, (point,)
        Noise classes (:func:`subside.ops.uncertainty.noise_classes`, without distance).
    model : TimeModel, optional
        Motion; default linear and annual where the dates allow.
    prior_std : float, optional
        Standard deviation of the DEM error, m; None estimates it, within [0.3, 30].

    Returns
    -------
    DemErrorTerm

    Raises
    ------
    ArgumentError
        If shapes disagree, dates are too few (:func:`subside.ops.uncertainty.dates_needed`), baselines are not
        finite or do not vary, or ``prior_std`` is not positive.
    """
    _check.shape((None, len(days)), phase=phase)
    baseline = geometry.mean_baseline()
    _check.shape((len(days),), bperp=baseline)
    _check.finite(bperp=baseline)
    if float(np.ptp(baseline)) <= 0:
        raise ArgumentError("`bperp` must vary between dates; with one baseline no DEM error can be seen")
    if prior_std is not None and not prior_std > 0:
        raise ArgumentError(f"`prior_std` must be positive, got {prior_std}")
    model = model or TimeModel()
    common = _date_median(phase)
    design = model.fullest(days)
    centred = _Centred(phase, common)
    noise = estimate_noise(centred.all(), days, classes=classes, model=model, sensitivity=baseline - baseline[0])
    height, variance = _least_squares_height(centred, design, geometry, noise)
    prior = prior_std**2 if prior_std is not None else _prior_variance(height, variance)
    trust = prior / (prior + variance)
    return DemErrorTerm(
        (trust * height).astype(np.float32),
        np.sqrt(trust * variance).astype(np.float32),
        float(np.sqrt(prior)),
        geometry,
    )


@dataclass(frozen=True)
class _Centred:
    """Series minus what is common to all points."""

    phase: npt.NDArray[np.floating]
    common: FloatArray

    def rows(self, rows: npt.NDArray[np.int64]) -> FloatArray:
        return np.asarray(self.phase[rows], np.float64) - self.common

    def all(self) -> npt.NDArray[np.float32]:
        return (self.phase - self.common.astype(np.float32)).astype(np.float32)


def _date_median(phase: npt.NDArray[np.floating]) -> FloatArray:
    return np.array([np.nanmedian(phase[:, t]) for t in range(phase.shape[1])], np.float64)


def _least_squares_height(
    series: _Centred, design: FloatArray, geometry: DemGeometry, noise: NoiseModel
) -> tuple[FloatArray, FloatArray]:
    n_points = len(series.phase)
    height, variance = np.full(n_points, np.nan), np.full(n_points, np.nan)
    for c in range(noise.n_classes):
        inverse = np.linalg.inv(noise.covariance(c))
        weighted = inverse @ design
        project = inverse - weighted @ np.linalg.solve(design.T @ weighted, weighted.T)
        members = np.flatnonzero(noise.class_index == c)
        for start in range(0, len(members), _BLOCK):
            rows = members[start : start + _BLOCK]
            lever = geometry.sensitivity(rows)
            filtered = lever @ project
            information = np.einsum("pt,pt->p", filtered, lever)
            score = np.einsum("pt,pt->p", filtered, series.rows(rows))
            with np.errstate(divide="ignore", invalid="ignore"):
                height[rows] = score / information
                variance[rows] = _height_variance(filtered, information, noise, c, rows)
    unknown = ~(np.isfinite(height) & np.isfinite(variance))
    height[unknown] = np.nan
    variance[unknown] = np.nan
    return height, variance


def _height_variance(
    filtered: FloatArray, information: FloatArray, noise: NoiseModel, index: int, rows: npt.NDArray[np.int64]
) -> FloatArray:
    """Variance of ``filtered @ series / information`` under each point's own noise."""
    result = np.zeros(len(rows))
    for part, covariance in enumerate(noise.parts(index)):
        result += noise.scale[rows, part] * np.einsum("pt,pt->p", filtered @ covariance, filtered)
    return result / information**2


def _prior_variance(height: FloatArray, variance: FloatArray) -> float:
    """Variance of the prior at the maximum of the marginal likelihood of the heights."""
    known = np.isfinite(height)
    low, high = 0.3**2, 30.0**2
    if np.count_nonzero(known) < 2:
        return low
    h2, v = height[known] ** 2, variance[known]

    def slope(log_prior: float) -> float:
        total = np.exp(log_prior) + v
        ratio = np.minimum(h2 / total, 9.0)
        return float(np.mean((ratio - _CLIPPED_MEAN) / total))

    if slope(np.log(low)) <= 0:
        return low
    if slope(np.log(high)) >= 0:
        return high
    return float(np.exp(brentq(slope, np.log(low), np.log(high), xtol=1e-6)))
