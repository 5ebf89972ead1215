"""Rates of motion and their standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f as f_distribution

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.inversion import regress_gaps
from subside.ops.dem_error import DemErrorTerm
from subside.ops.noise_model import NoiseModel
from subside.ops.time_model import RATE, TimeModel

FloatArray = npt.NDArray[np.float64]

_BLOCK = 32768


@dataclass(frozen=True)
class Rates:
    """Motion of each point; NaN where the series does not determine it.

    Attributes
    ----------
    velocity : ndarray of float32, (point,)
        m/yr, line of sight, + toward the satellite, relative to the reference areas.
    velocity_std : ndarray of float32, (point,)
        The printed one, m/yr: ``velocity_std_correlated`` times the empirical inflation of the stratum, and with
        ``velocity_std_representation`` in quadrature.
    velocity_std_formal : ndarray of float32, (point,)
        From the residuals as if dates were independent and alike, m/yr. Too small; for comparison only.
    velocity_std_correlated : ndarray of float32, (point,)
        From the noise model (white by date, accumulated in time, DEM error), m/yr.
    velocity_std_representation : ndarray of float32, (point,)
        For motion that varies inside the filter window, m/yr; 0 until
        :func:`subside.ops.representation.with_representation` sets it.
    seasonal_amplitude : ndarray of float32, (point,)
        m; NaN where the series is too short for an annual term.
    seasonal_phase : ndarray of float32, (point,)
        rad: the annual term peaks at ``phase / (2 pi)`` years after the first date, in [0, 2 pi).
    seasonal_p_value : ndarray of float32, (point,)
        Probability of an annual term at least as strong by chance (F test).
    is_seasonal : ndarray of bool, (point,)
        Whether the velocity was fitted with the annual term.
    steps : ndarray of float32, (point, step)
        Jump at each step of the model, m.
    residual_rms : ndarray of float32, (point,)
        Root mean square of what the model leaves, m.
    """

    velocity: npt.NDArray[np.float32]
    velocity_std: npt.NDArray[np.float32]
    velocity_std_formal: npt.NDArray[np.float32]
    velocity_std_correlated: npt.NDArray[np.float32]
    velocity_std_representation: npt.NDArray[np.float32]
    seasonal_amplitude: npt.NDArray[np.float32]
    seasonal_phase: npt.NDArray[np.float32]
    seasonal_p_value: npt.NDArray[np.float32]
    is_seasonal: npt.NDArray[np.bool_]
    steps: npt.NDArray[np.float32]
    residual_rms: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Fit:
    """Generalised least squares of one design for one class."""

    design: FloatArray
    covariance: FloatArray
    estimator: FloatArray
    cofactor: FloatArray
    whiten: FloatArray

    @classmethod
    def of(cls, design: FloatArray, covariance: FloatArray) -> _Fit:
        inverse = np.asarray(np.linalg.inv(covariance), np.float64)
        cofactor = np.asarray(np.linalg.inv(design.T @ inverse @ design), np.float64)
        whiten = np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), np.float64)
        return cls(design, covariance, np.asarray(cofactor @ design.T @ inverse, np.float64), cofactor, whiten)

    def solve(self, block: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Parameters, variance of the rate at scale 1, residual quadratic form, dates present."""
        parameters = block @ self.estimator.T
        rate_variance = np.full(len(block), self.cofactor[RATE, RATE])
        residual = (block - parameters @ self.design.T) @ self.whiten.T
        quadratic = np.einsum("pd,pd->p", residual, residual)
        present = np.full(len(block), float(block.shape[1]))
        gaps = np.flatnonzero(~np.isfinite(quadratic))
        if len(gaps):
            out = np.empty((len(gaps), self.design.shape[1]))
            variance, square = np.empty_like(out), np.empty(len(gaps))
            n_valid = np.empty(len(gaps), np.int32)
            regress_gaps(block[gaps], self.design, self.covariance, out, variance, square, n_valid)
            parameters[gaps], rate_variance[gaps] = out, variance[:, RATE]
            quadratic[gaps], present[gaps] = square, n_valid
        return parameters, rate_variance, quadratic, present


def fit_rates(
    displacement: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    noise: NoiseModel,
    model: TimeModel | None = None,
    dem: DemErrorTerm | None = None,
    inflation: npt.NDArray[np.floating] | None = None,
) -> Rates:
    """Fit the time model by generalised least squares under the noise model.

    ``beta = (X' C^-1 X)^-1 X' C^-1 d`` with ``C`` of the point's class; the variance of the rate is its diagonal
    element under the point's own noise, plus ``(E a)^2 var(h)`` for a removed DEM error ``h`` with sensitivity
    ``a`` (which makes it that of the joint fit). With ``seasonal="auto"`` a point gets the annual term if an F
    test under ``C`` rejects its absence.

    Parameters
    ----------
    displacement : ndarray of float, (point, date)
        Referenced, corrected, m; NaN is a gap.
    days : ndarray of float64, (date,)
        Days since the first date.
    noise : NoiseModel
        Of these series, m.
    model : TimeModel, optional
        Default: linear with annual term by test.
    dem : DemErrorTerm, optional
        The DEM error removed from the series.
    inflation : ndarray of float, (point,), optional
        Empirical factor on the printed standard deviation; None is 1.

    Returns
    -------
    Rates

    Raises
    ------
    ArgumentError
        If shapes disagree or the dates are too few.
    """
    model = model or TimeModel()
    _check.shape((None, len(days)), displacement=displacement)
    n_points = len(displacement)
    _check.shape((n_points,), class_index=noise.class_index)
    if dem is not None and len(dem.dem_error) != n_points:
        raise ArgumentError(f"`dem` must have {n_points} points, got {len(dem.dem_error)}")
    plain = model.design(days, is_seasonal=False)
    full = model.fullest(days)
    out = np.full((8 + len(model.steps), n_points), np.nan, np.float32)
    is_seasonal = np.zeros(n_points, bool)
    for c in range(noise.n_classes):
        covariance = noise.covariance(c)
        fits = (_Fit.of(plain, covariance), _Fit.of(full, covariance))
        members = np.flatnonzero(noise.class_index == c)
        for start in range(0, len(members), _BLOCK):
            rows = members[start : start + _BLOCK]
            block = np.asarray(displacement[rows], np.float64)
            columns, seasonal = _fit_block(
                block,
                fits,
                model,
                [noise.variance_of(f.estimator[RATE], c, rows) / f.cofactor[RATE, RATE] for f in fits],
            )
            if dem is not None:
                lever = dem.displacement_sensitivity(rows) @ np.stack([f.estimator[RATE] for f in fits], axis=1)
                chosen = np.where(seasonal, lever[:, 1], lever[:, 0])
                columns[1] += np.nan_to_num(chosen * dem.dem_error_std[rows]) ** 2
            out[:, rows], is_seasonal[rows] = columns, seasonal
    correlated = np.sqrt(out[1])
    factor = 1.0 if inflation is None else np.asarray(inflation, np.float32)
    return Rates(
        velocity=out[0],
        velocity_std=(correlated * factor).astype(np.float32),
        velocity_std_formal=out[2],
        velocity_std_correlated=correlated,
        velocity_std_representation=np.zeros(n_points, np.float32),
        seasonal_amplitude=out[4],
        seasonal_phase=out[5],
        seasonal_p_value=out[6],
        is_seasonal=is_seasonal,
        steps=np.ascontiguousarray(out[8:].T),
        residual_rms=out[3],
    )


def _fit_block(
    block: FloatArray, fits: tuple[_Fit, _Fit], model: TimeModel, scales: list[FloatArray]
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Columns velocity, its variance, formal std, rms, amplitude, phase, p value, dates, steps."""
    plain, full = fits
    parameters, variance, quadratic, present = plain.solve(block)
    n_plain, n_full = plain.design.shape[1], full.design.shape[1]
    seasonal = np.zeros(len(block), bool)
    columns = np.full((8 + n_plain - 2, len(block)), np.nan)
    fitted = parameters @ plain.design.T
    used = np.full(len(block), float(n_plain))
    formal_unit = _white_rate_variance(plain.design)
    formal = np.full(len(block), formal_unit)
    if n_full > n_plain:
        parameters2, variance2, quadratic2, _ = full.solve(block)
        cosine, sine = parameters2[:, -2], parameters2[:, -1]
        columns[4] = np.hypot(cosine, sine)
        columns[5] = np.mod(np.arctan2(sine, cosine), 2 * np.pi)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = ((quadratic - quadratic2) / 2) / (quadratic2 / (present - n_full))
            columns[6] = f_distribution.sf(ratio, 2, present - n_full)
        seasonal = np.isfinite(variance2) & ((model.seasonal == "yes") | (columns[6] < model.alpha))
        parameters[seasonal] = parameters2[seasonal, :n_plain]
        variance[seasonal] = variance2[seasonal]
        fitted[seasonal] = parameters2[seasonal] @ full.design.T
        used[seasonal] = n_full
        formal[seasonal] = _white_rate_variance(full.design)
    residual = block - fitted
    square = np.nansum(residual**2, axis=1)
    columns[0] = parameters[:, RATE]
    columns[1] = variance * np.where(seasonal, scales[1], scales[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        columns[2] = np.sqrt(square / (present - used) * formal)
        columns[3] = np.sqrt(square / present)
    columns[2:4, ~np.isfinite(columns[0])] = np.nan
    columns[7] = present
    columns[8:] = parameters[:, 2:n_plain].T
    return columns, seasonal


def _white_rate_variance(design: FloatArray) -> float:
    return float(np.linalg.inv(design.T @ design)[RATE, RATE])
