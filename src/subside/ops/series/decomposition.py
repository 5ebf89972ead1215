"""Trend, annual motion and remainder of a displacement series at irregular dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import optimize, stats

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.ops.series.noise import (
    Dates,
    FloatArray,
    SeriesNoise,
    annual_columns,
    days_of,
    fit_noise,
    generalised,
    trend_columns,
)
from subside.ops.time_model import SEASON_MIN_SPAN_DAYS

LEAST_DATES: Final = 12
"""Fewest dates of a series that is decomposed."""

_LEAST_IN_WINDOW: Final = 8
_TAIL: Final = 0.025


@dataclass(frozen=True)
class Season:
    """Annual motion ``amplitude * cos(2 pi (t - peak) / year)``.

    Attributes
    ----------
    coefficients : ndarray of float64, (2,)
        Cosine and sine parts counted from 1 January 1970, m.
    covariance : ndarray of float64, (2, 2)
        Of the coefficients, m².
    amplitude : float
        Corrected for the upward bias of the length of a noisy vector, m; 0 where noise explains it.
    interval : tuple of float
        95 % interval of the amplitude, m; starts at 0 where the motion is not significant.
    peak_day : float
        Day of the year (0 is 1 January) of the highest position.
    peak_half_width : float
        Half-width of its 95 % interval, days; NaN where any day is possible.
    p_value : float
        Of the F test that there is no annual motion.
    """

    coefficients: FloatArray
    covariance: FloatArray
    amplitude: float
    interval: tuple[float, float]
    peak_day: float
    peak_half_width: float
    p_value: float


@dataclass(frozen=True)
class Decomposition:
    """Parts of a series; their sum is the series.

    Attributes
    ----------
    used : ndarray of bool, (date,)
        Dates with a value; the others have NaN in the remainder.
    trend, seasonal, remainder : ndarray of float64, (date,)
        m. The trend and the season are the model at every date.
    rate, rate_std : float
        Slope of the trend, m/yr.
    acceleration, acceleration_std : float
        Second derivative of a parabola fitted beside the season, m/yr².
    acceleration_p : float
        Of the test that it is zero.
    season : Season or None
        None where the series is too short to tell it from the trend.
    noise : SeriesNoise
        Of the used dates.
    dof : float
        Degrees of freedom in effective dates.
    trend_form : str
        What the trend is, in words.
    """

    used: np.ndarray[tuple[int], np.dtype[np.bool_]]
    trend: FloatArray
    seasonal: FloatArray
    remainder: FloatArray
    rate: float
    rate_std: float
    acceleration: float
    acceleration_std: float
    acceleration_p: float
    season: Season | None
    noise: SeriesNoise
    dof: float
    trend_form: str

    @property
    def rate_interval(self) -> tuple[float, float]:
        """95 % interval of the rate, m/yr, of Student's t with the effective degrees of freedom."""
        half = float(stats.t.ppf(1 - _TAIL, self.dof)) * self.rate_std
        return self.rate - half, self.rate + half


def decompose_series(
    dates: Dates,
    values: FloatArray,
    *,
    trend: Literal["linear", "smooth"] = "linear",
    bandwidth_days: float = 365.25,
) -> Decomposition:
    """Split a series into trend, annual motion and remainder.

    With a linear trend all parameters are generalised least-squares ones under noise that is partly remembered
    (:func:`fit_noise`). With a smooth one the trend is a local line with an Epanechnikov kernel of half-width
    ``bandwidth_days`` and the annual part is estimated from what the smoother leaves of the series and of the annual
    columns (Speckman 1988, J. R. Stat. Soc. B 50). Nothing is resampled: gaps stay gaps.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    values : ndarray of float64, (date,)
        Displacement, m; NaN is a gap.
    trend : {"linear", "smooth"}
        Form of the trend.
    bandwidth_days : float
        Half-width of the window of the smooth trend, days; half a year at least, else it would follow the season.

    Returns
    -------
    Decomposition

    Raises
    ------
    ArgumentError
        For fewer than 12 dates, or a bandwidth out of range.
    """
    used = np.isfinite(values)
    if np.count_nonzero(used) < LEAST_DATES:
        raise ArgumentError(
            f"`values` must hold at least {LEAST_DATES} dates to tell trend from season, got {np.count_nonzero(used)}"
        )
    _check.in_range(182.0, 3660.0, bandwidth_days=bandwidth_days)
    days, known = days_of(dates), values[used]
    t = days[used]
    is_seasonal = float(t[-1] - t[0]) >= SEASON_MIN_SPAN_DAYS
    annual = annual_columns(t) if is_seasonal else np.zeros((len(t), 0))
    powers = trend_columns(t, 3)
    noise = fit_noise(t, known, np.column_stack([powers[:, :2] if trend == "linear" else powers, annual]))
    centre = float(t.mean())
    if trend == "linear":
        hat = generalised(np.column_stack([powers[:, :2], annual]), noise)
        season_hat, slope_hat, form = hat[2:], hat[1], "straight line"
        coefficients = hat[:2] @ known
        line = coefficients[0] + coefficients[1] * (days - centre) / DAYS_PER_YEAR
        n_parameters = 2.0 + annual.shape[1]
    else:
        smoother = _local_lines(t, t, bandwidth_days)
        season_hat = _speckman(smoother, annual)
        slope_hat = np.linalg.pinv(powers[:, :2])[1] @ smoother @ (np.eye(len(t)) - annual @ season_hat)
        line = _local_lines(days, t, bandwidth_days) @ (known - annual @ (season_hat @ known))
        n_parameters = float(np.trace(smoother)) + annual.shape[1]
        form = f"local line, window half-width {bandwidth_days:.0f} days"
    dof = noise.dof(round(n_parameters))
    season = season_of(season_hat, known, noise, dof) if is_seasonal else None
    seasonal = annual_columns(days) @ season.coefficients if season else np.zeros(len(days))
    curve = _curvature(t, known, annual)
    return Decomposition(
        used,
        line,
        seasonal,
        np.where(used, values - line - seasonal, np.nan),
        float(slope_hat @ known),
        float(np.sqrt(slope_hat @ noise.covariance @ slope_hat)),
        *curve,
        season,
        noise,
        dof,
        form,
    )


def season_of(hat: FloatArray, values: FloatArray, noise: SeriesNoise, dof: float) -> Season:
    """Annual motion from its estimator.

    The F test compares the coefficients with their covariance. The interval of the amplitude inverts the noncentral F
    distribution of that statistic; the interval of the peak is Fieller's: all angles at which the part of the vector
    across them is not significant.

    Parameters
    ----------
    hat : ndarray of float64, (2, date)
        Turns the series into cosine and sine coefficients.
    values : ndarray of float64, (date,)
        m.
    noise : SeriesNoise
        Of the series.
    dof : float
        Degrees of freedom of its variance.

    Returns
    -------
    Season
    """
    coefficients = hat @ values
    covariance = hat @ noise.covariance @ hat.T
    length2 = float(coefficients @ coefficients)
    variance = float(np.trace(covariance)) / 2
    statistic = float(coefficients @ np.linalg.solve(covariance, coefficients)) / 2 if variance > 0 else np.inf
    low, high = (_noncentrality(statistic, dof, q) for q in (1 - _TAIL, _TAIL))
    scale = np.sqrt(variance)
    angle = float(np.arctan2(coefficients[1], coefficients[0]))
    across = np.array([-np.sin(angle), np.cos(angle)])
    ratio = (
        stats.t.ppf(1 - _TAIL, dof) * np.sqrt(max(across @ covariance @ across, 0.0)) / max(np.sqrt(length2), 1e-300)
    )
    return Season(
        coefficients,
        covariance,
        float(np.sqrt(max(length2 - 2 * variance, 0.0))),
        (float(scale * np.sqrt(low)), float(scale * np.sqrt(high))) if variance > 0 else (np.sqrt(length2),) * 2,
        float(angle / (2 * np.pi) * DAYS_PER_YEAR % DAYS_PER_YEAR),
        float(np.arcsin(ratio) / (2 * np.pi) * DAYS_PER_YEAR) if ratio < 1 else np.nan,
        float(stats.f.sf(statistic, 2, dof)),
    )


def _noncentrality(statistic: float, dof: float, quantile: float) -> float:
    """Noncentrality at which the F statistic (2, dof) has this cumulative probability; 0 where even 0 is too large."""
    if not np.isfinite(statistic) or stats.f.cdf(statistic, 2, dof) <= quantile:
        return 0.0
    top = 4.0 * statistic + 40.0
    while stats.ncf.cdf(statistic, 2, dof, top) > quantile:
        top *= 2.0
    return float(optimize.brentq(lambda x: stats.ncf.cdf(statistic, 2, dof, x) - quantile, 1e-9, top, xtol=1e-6))


def _curvature(t: FloatArray, values: FloatArray, annual: FloatArray) -> tuple[float, float, float]:
    """Acceleration, its standard deviation, and the p-value of zero."""
    design = np.column_stack([trend_columns(t, 2), annual])
    noise = fit_noise(t, values, design)
    hat = 2.0 * generalised(design, noise)[2]
    value, std = float(hat @ values), float(np.sqrt(hat @ noise.covariance @ hat))
    p = float(2 * stats.t.sf(abs(value) / std, noise.dof(design.shape[1]))) if std > 0 else 0.0
    return value, std, p


def _local_lines(at: FloatArray, days: FloatArray, bandwidth: float) -> FloatArray:
    """Matrix of the local-line smoother, (len(at), date); a window is widened to hold eight dates."""
    distance = np.abs(np.subtract.outer(at, days))
    nth = np.sort(distance, axis=1)[:, min(_LEAST_IN_WINDOW, len(days)) - 1]
    width = np.maximum(bandwidth, 1.01 * nth)[:, None]
    weight = np.clip(1.0 - (distance / width) ** 2, 0.0, None)
    offset = np.subtract.outer(at, days) / width
    s0, s1, s2 = (np.sum(weight * offset**k, axis=1, keepdims=True) for k in range(3))
    result: FloatArray = weight * (s2 - s1 * offset) / (s0 * s2 - s1**2)
    return result


def _speckman(smoother: FloatArray, annual: FloatArray) -> FloatArray:
    left = np.eye(len(smoother)) - smoother
    result: FloatArray = np.linalg.pinv(left @ annual) @ left
    return result
