"""Named additive terms of the date series: ramps, DEM error, atmosphere.

``corrected = phase - sum of terms``. A term never changes the series; it says what it would take away.
Every term is zero at the first date, as the series are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from subside import _check
from subside.errors import ArgumentError
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import NoiseModel, estimate_noise

FloatArray = npt.NDArray[np.float64]
Rows = slice | npt.NDArray[np.int64]

_BLOCK: Final = 32768
_MAD: Final = 1.4826
_BISQUARE: Final = 4.685
_N_REWEIGHT: Final = 40


class Term(Protocol):
    """What every correction offers."""

    @property
    def kind(self) -> Literal["ramp", "dem_error", "atmosphere"]:
        """Which effect the term stands for."""

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Phase of the points named, rad, (point, date)."""


@dataclass(frozen=True)
class RampTerm:
    """A plane per date.

    Attributes
    ----------
    easting, northing : ndarray of float64, (point,)
        Position relative to ``centre``, m.
    centre : tuple of float
        Easting and northing where the planes are zero, m.
    slopes : ndarray of float64, (date, 2)
        Phase per metre of easting and northing, unit of the series per m; 0 at the first date.
    weights : ndarray of float64, (point,)
        Weight of each point in every plane, sum 1; give them back to :func:`fit_ramps` to put another series
        (a model, a truth) through the same operator.
    """

    easting: FloatArray
    northing: FloatArray
    centre: tuple[float, float]
    slopes: FloatArray
    weights: FloatArray

    @property
    def kind(self) -> Literal["ramp"]:
        """The effect."""
        return "ramp"

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Planes at the points named, (point, date)."""
        position = np.column_stack([self.easting[rows], self.northing[rows]])
        return (position @ self.slopes.T).astype(np.float32)


def fit_ramps(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    easting: FloatArray,
    northing: FloatArray,
    mask: npt.NDArray[np.bool_] | None = None,
    weights: FloatArray | None = None,
    cell: float = 300.0,
) -> RampTerm:
    """Fit a plane to every date with one set of robust weights.

    The weights come from the rates: a plane is fitted to the rates of the points by iteratively reweighted
    least squares (absolute deviations first, then Tukey's bisquare), so that what moves differently from the
    scene, a bowl above all, has no say in the plane of any date. Every cell of the scene has the same weight,
    however many points it holds. With common weights the planes are one linear operator on the series, and the
    tilt in time that remains is the robust one. A motion that is itself a plane over the whole mask cannot be told
    from a ramp.

    Parameters
    ----------
    phase : ndarray of float, (point, date)
        Series; any unit. NaN is a gap: a point with gaps has no weight.
    days : ndarray of float64, (date,)
        Days since the first date.
    easting, northing : ndarray of float64, (point,)
        Position, m.
    mask : ndarray of bool, (point,), optional
        Points that may have weight (reference areas); None is all.
    weights : ndarray of float64, (point,), optional
        Weights of an earlier term, used as they are; ``mask`` is then ignored.
    cell : float
        Side of the cells of equal weight, m.

    Returns
    -------
    RampTerm

    Raises
    ------
    ArgumentError
        If fewer than three cells in general position have a point.
    """
    _check.shape((None, len(days)), phase=phase)
    n_points = len(phase)
    _check.shape((n_points,), easting=easting)
    _check.shape((n_points,), northing=northing)
    if weights is None:
        usable = np.isfinite(phase).all(axis=1) & (np.ones(n_points, bool) if mask is None else mask)
        weights = _ramp_weights(phase, days, np.column_stack([easting, northing]), usable, cell)
    total = float(weights.sum())
    if not total > 0:
        raise ArgumentError(f"`weights` must have a positive sum, got {total}")
    share = weights / total
    centre = (float(share @ easting), float(share @ northing))
    east, north = easting - centre[0], northing - centre[1]
    position = np.column_stack([east, north])
    inverse = np.linalg.pinv(position.T @ (share[:, None] * position))
    moment = np.zeros((2, len(days)))
    rows = np.flatnonzero(share > 0)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        moment += (share[part, None] * position[part]).T @ np.asarray(phase[part], np.float64)
    return RampTerm(east, north, centre, (inverse @ moment).T, share)


def _ramp_weights(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    position: FloatArray,
    usable: npt.NDArray[np.bool_],
    cell: float,
) -> FloatArray:
    rows = np.flatnonzero(usable)
    code = np.floor((position[rows] - position.min(axis=0)) / cell).astype(np.int64)
    _, member, count = np.unique(code, axis=0, return_inverse=True, return_counts=True)
    member = member.reshape(-1)
    if len(count) < 3:
        raise ArgumentError(f"`phase` must have points without gaps in at least 3 cells, got {len(count)}")
    design = np.column_stack([np.ones(len(days)), days - days.mean()])
    estimator = np.linalg.pinv(design)[1]
    rate = np.concatenate(
        [np.asarray(phase[rows[a : a + _BLOCK]], np.float64) @ estimator for a in range(0, len(rows), _BLOCK)]
    )
    centre = np.stack([np.bincount(member, position[rows, k]) / count for k in (0, 1)], axis=1)
    centre -= centre.mean(axis=0)
    order = np.argsort(rate, kind="stable")
    order = order[np.argsort(member[order], kind="stable")]
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    median = 0.5 * (rate[order[first + (count - 1) // 2]] + rate[order[first + count // 2]])
    plane = np.column_stack([np.ones(len(count)), centre / max(float(np.abs(centre).max()), 1.0)])
    if np.linalg.matrix_rank(plane) < 3:
        raise ArgumentError("`easting, northing` must not lie on one line")
    trust = _robust_plane(plane, median, np.sqrt(np.minimum(count, 20.0)))
    weights = np.zeros(len(phase))
    weights[rows] = (trust / count)[member]
    return weights


def _robust_plane(design: FloatArray, values: FloatArray, prior: FloatArray) -> FloatArray:
    """Weights of a bisquare fit started from least absolute deviations."""
    weight = prior.copy()
    residual = values
    for step in range(_N_REWEIGHT):
        root = np.sqrt(weight)
        coefficient = np.linalg.lstsq(root[:, None] * design, root * values, rcond=None)[0]
        residual = values - design @ coefficient
        scale = max(_MAD * float(np.median(np.abs(residual - np.median(residual)))), 1e-12)
        if step < _N_REWEIGHT // 2:
            weight = prior / np.maximum(np.abs(residual) / scale, 0.05)
        else:
            weight = prior * np.clip(1 - (residual / (_BISQUARE * scale)) ** 2, 0, None) ** 2
    return weight


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
        If shapes disagree, baselines are not finite or do not vary, or ``prior_std`` is not positive.
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


_CLIPPED_MEAN: Final = 0.98511
"""Mean of ``min(z^2, 9)`` for a standard normal z."""


@dataclass(frozen=True)
class AtmosphereTerm:
    """Spatially smooth, temporally rough part of the series.

    Attributes
    ----------
    values : ndarray of float32, (point, date)
        rad; 0 at the first date and where the series has a gap.
    """

    values: npt.NDArray[np.float32]

    @property
    def kind(self) -> Literal["atmosphere"]:
        """The effect."""
        return "atmosphere"

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Phase of the atmosphere at the points named, rad, (point, date)."""
        return self.values[rows]


def estimate_atmosphere(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    easting: FloatArray,
    northing: FloatArray,
    model: TimeModel | None = None,
    wavelength: float = 1000.0,
    window_days: float = 90.0,
) -> AtmosphereTerm:
    """Estimate the atmosphere of each date: smooth in space, rough in time, blind to the time model.

    The time model is fitted and taken away first, then a Gaussian mean over neighbouring dates (the date itself
    left out of its own mean), then the rest is smoothed in space over cells. Last the time model is fitted
    to the result and taken away, so that the term holds no part of a linear or annual motion. It smooths series
    for the eye; rates do not change, so their noise must be estimated *before* this term is removed.

    Parameters
    ----------
    phase : ndarray of float, (point, date)
        Deramped series, rad; points with a gap get zero and have no say.
    days : ndarray of float64, (date,)
        Days since the first date.
    easting, northing : ndarray of float64, (point,)
        Position, m.
    model : TimeModel, optional
        Motion to protect; default linear and annual where the dates allow.
    wavelength : float
        Standard deviation of the spatial Gaussian, m.
    window_days : float
        Standard deviation of the temporal Gaussian, days.

    Returns
    -------
    AtmosphereTerm

    Raises
    ------
    ArgumentError
        If shapes disagree or a length is not positive.
    """
    _check.shape((None, len(days)), phase=phase)
    if not (wavelength > 0 and window_days > 0):
        raise ArgumentError(f"`wavelength, window_days` must be positive, got {wavelength}, {window_days}")
    model = model or TimeModel()
    design = model.fullest(days)
    keep = np.eye(len(days)) - design @ np.linalg.pinv(design)
    near = np.exp(-0.5 * ((days[:, None] - days[None]) / window_days) ** 2)
    np.fill_diagonal(near, 0.0)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-300)
    rough = (np.eye(len(days)) - near) @ keep
    whole = np.isfinite(phase).all(axis=1)
    size = wavelength / 3
    position = np.column_stack([easting, northing])
    code = np.floor((position - position.min(axis=0)) / size).astype(np.int64)
    shape = tuple(code.max(axis=0) + 1)
    flat = code[:, 0] * shape[1] + code[:, 1]
    n_cells = int(shape[0] * shape[1])
    members = np.flatnonzero(whole)
    count = np.bincount(flat[members], minlength=n_cells).astype(np.float64).reshape(shape)
    presence = gaussian_filter(count, 3.0, mode="constant")
    smooth = np.zeros((len(days), n_cells), np.float32)
    for t in range(len(days)):
        residual = _apply_rows(phase, members, rough[t])
        total = np.bincount(flat[members], residual, minlength=n_cells).reshape(shape)
        smoothed = gaussian_filter(total, 3.0, mode="constant") / np.maximum(presence, 1e-12)
        smooth[t] = smoothed.reshape(-1)
    smooth = (keep @ smooth).astype(np.float32)
    smooth -= smooth[:1]
    values = np.zeros(phase.shape, np.float32)
    for start in range(0, len(members), _BLOCK):
        rows = members[start : start + _BLOCK]
        values[rows] = smooth[:, flat[rows]].T
    return AtmosphereTerm(values)


def _apply_rows(phase: npt.NDArray[np.floating], members: npt.NDArray[np.int64], weights: FloatArray) -> FloatArray:
    result = np.empty(len(members))
    for start in range(0, len(members), _BLOCK):
        rows = members[start : start + _BLOCK]
        result[start : start + len(rows)] = phase[rows] @ weights
    return result
