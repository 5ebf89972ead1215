"""Lag of ground motion behind rain or groundwater, claimed only where more than two annual cycles agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.ops.series.decomposition import Season, season_of
from subside.ops.series.driver import Driver, missing_months
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
from subside.ops.series.surrogates import phase_random

LEAST_DATES: Final = 24
"""Fewest dates of a series that is compared with a driver."""

LEAST_YEARS: Final = 2.5
"""Shortest series that is compared with a driver: each month of the year more than twice on average."""

_HARMONICS: Final = 2
_FLAT: Final = 1e-6
_MOST_MISSING: Final = 1 / 3
_WIDEST: Final = 0.5


@dataclass(frozen=True)
class LagResult:
    """What a series and a driver have in common.

    Attributes
    ----------
    driver : str
        Name of the driver.
    lags : ndarray of float64, (lag,)
        Trial lags, days, both signs; the motion follows the driver at positive ones.
    correlation : ndarray of float64, (lag,)
        Partial correlation of the motion with the departures of the driver from its mean year, sign made physical:
        positive is uplift after more rain or a shallower level.
    band : ndarray of float64, (2, lag)
        2.5 and 97.5 % quantiles of it in surrogates.
    threshold : float
        Level that the largest of a surrogate's correlations at lags of 0 or more exceeds with the stated probability.
    p_value : float
        Share of surrogates whose largest correlation is at least that of the data.
    lag : float
        Lag of greatest likelihood, days; NaN where the correlation has the wrong sign at every lag.
    interval : tuple of float
        95 % profile-likelihood interval of the lag, days; it ends where the search does, at 0 and the longest lag.
    gain : float
        Motion per unit of the driver, m per mm/month or m per m.
    cycle_lag, cycle_half_width : float
        Lag that brings the annual harmonic of the driver onto that of the motion, days in (-183, 183], and the
        half-width of its 95 % interval; NaN where the motion has no significant annual harmonic. Two annual cycles
        always have such a lag: it is no evidence that one drives the other.
    cycle_correlation : float
        Largest correlation at lags of 0 or more with the season left in, which always looks good.
    n_used, n_missing_months : int
        Dates used, and months among those needed that are without data.
    is_claimed : bool
        Whether the motion is held to follow the driver.
    reason : str
        Why or why not, with what cannot be said.
    """

    driver: str
    lags: FloatArray
    correlation: FloatArray
    band: FloatArray
    threshold: float
    p_value: float
    lag: float
    interval: tuple[float, float]
    gain: float
    cycle_lag: float
    cycle_half_width: float
    cycle_correlation: float
    n_used: int
    n_missing_months: int
    is_claimed: bool
    reason: str

    @property
    def open_end(self) -> str:
        """What an interval that ends at the edge of the search does not exclude, in words; empty where none does."""
        return _open_end(self.interval, float(self.lags[-1]))


@dataclass(frozen=True)
class _Problem:
    """Whitened series, nuisance columns and the driver padded to every lag."""

    days: FloatArray
    values: FloatArray
    driver: Driver
    noise: SeriesNoise
    nuisance: FloatArray

    @cached_property
    def whitener(self) -> FloatArray:
        """Inverse of the lower Cholesky factor of the correlation of the noise."""
        return self.noise.whiten(np.eye(len(self.days)))

    def at(self, lag: float, *anomalies: npt.NDArray[Any]) -> list[tuple[FloatArray, FloatArray, float]]:
        """Correlation and slope of each column of each array at a lag, and the squared length of what is explained."""
        weights = self.driver.weights(self.days - lag)
        fixed = self.whitener @ np.column_stack([self.nuisance, weights @ self.driver.usual])
        u, s, _ = np.linalg.svd(fixed / np.linalg.norm(fixed, axis=0), full_matrices=False)
        basis = u[:, s > _FLAT * s[0]]
        y = self.whitener @ self.values
        y -= basis @ (basis.T @ y)
        heard = weights.any(axis=0) & self.driver.is_known
        read = self.whitener @ weights[:, heard]
        read -= basis @ (basis.T @ read)
        y2 = float(y @ y)
        return [(*self._compared(y, read, columns[heard], y2), y2) for columns in anomalies]

    def _compared(
        self, y: FloatArray, read: FloatArray, anomalies: npt.NDArray[Any], y2: float
    ) -> tuple[FloatArray, FloatArray]:
        x = read.astype(anomalies.dtype) @ anomalies
        x2 = np.einsum("ij,ij->j", x, x).astype(np.float64)
        product = self.driver.sign * ((y @ read).astype(x.dtype) @ anomalies).astype(np.float64)
        scale = np.maximum(x2, np.finfo(np.float32).tiny)
        return product / np.sqrt(scale * max(y2, np.finfo(np.float64).tiny)), product / scale


def lag_behind(
    dates: Dates,
    values: FloatArray,
    driver: Driver,
    *,
    max_lag: float = 180.0,
    step: float = 6.0,
    alpha: float = 0.05,
    n_surrogates: int = 999,
    seed: int = 1,
) -> LagResult:
    """Test whether a displacement series follows a driver, and by how many days.

    The series is modelled by a line, an annual and a semi-annual harmonic, the mean year of the driver with a
    coefficient of its own, and the departures of the driver from its mean year, all lagged; noise is partly remembered.
    Only the departures are evidence, since any two annual cycles agree at some lag. The largest correlation with them
    over lags from 0 to ``max_lag`` is compared with that of phase-random surrogates searched in the same way, so that
    the choice of the lag is paid for. Months without data stand at their usual value.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    values : ndarray of float64, (date,)
        Displacement, m, positive up or toward the satellite; NaN is a gap.
    driver : Driver
        Rain or groundwater.
    max_lag : float
        Longest lag searched, days, up to half a year (a longer one cannot be told from a shorter lead).
    step : float
        Spacing of the lags, days.
    alpha : float
        Probability of a claim where there is nothing.
    n_surrogates : int
        Number of surrogates.
    seed : int
        Of the surrogates.

    Returns
    -------
    LagResult

    Raises
    ------
    ArgumentError
        For a series that is too short, a driver that covers less than two thirds of the months needed, or parameters
        out of range.
    """
    _check.in_range(30.0, 183.0, max_lag=max_lag)
    _check.in_range(1.0, 15.0, step=step)
    _check.in_range(1.0 / (n_surrogates + 1), 0.5, alpha=alpha)
    problem, n_missing = _problem(dates, values, driver, max_lag)
    rng = np.random.default_rng(seed)
    n_steps = int(max_lag // step)
    lags: FloatArray = step * np.arange(-n_steps, n_steps + 1, dtype=np.float64)
    problem = _with_noise_beside(problem, lags[lags >= 0])
    anomalies = np.column_stack([problem.driver.anomaly, phase_random(problem.driver, n_surrogates, rng)])
    drawn = anomalies[:, 1:].astype(np.float32)
    both = [problem.at(lag, anomalies[:, :1], drawn) for lag in lags]
    own = [f[0] for f in both]
    r = np.column_stack([[f[0][0] for f in own], [f[1][0] for f in both]])
    after = lags >= 0
    largest = r[after].max(axis=0)
    p = float((1 + np.count_nonzero(largest[1:] >= largest[0])) / (n_surrogates + 1))
    residual = np.array([f[2] * (1 - max(f[0][0], 0.0) ** 2) for f in own])[after]
    lag, interval = _profile(lags[after], residual, len(problem.days) - problem.nuisance.shape[1] - 5.0)
    positive = bool(largest[0] > 0)
    slope = float(problem.at(lag, anomalies[:, :1])[0][1][0]) * driver.sign if positive else np.nan
    season = _season(problem)
    cycle = _cycle_lag(problem, season)
    claimed, reason = _verdict(p, alpha, lag, interval, max_lag=max_lag, cycle=cycle)
    if claimed:
        reason += _edge_words(lags, r[:, 0], interval)
    return LagResult(
        driver.name,
        lags,
        r[:, 0],
        np.quantile(r[:, 1:], [0.025, 0.975], axis=1),
        float(np.quantile(largest[1:], 1 - alpha)),
        p,
        lag if positive else np.nan,
        interval,
        slope,
        *cycle,
        _cycle_correlation(problem, lags[after]),
        len(problem.days),
        n_missing,
        claimed,
        reason,
    )


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """P-values adjusted for being several (Holm 1979, Scand. J. Stat. 6), NaN staying NaN, same shape."""
    p = np.asarray(p_values, np.float64)
    result = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return result


def _problem(dates: Dates, values: FloatArray, driver: Driver, max_lag: float) -> tuple[_Problem, int]:
    known = np.isfinite(values)
    when, y = np.asarray(dates, "datetime64[D]")[known], np.asarray(values, np.float64)[known]
    span = float((when[-1] - when[0]).astype(int)) / DAYS_PER_YEAR if len(when) else 0.0
    if len(when) < LEAST_DATES or span < LEAST_YEARS:
        raise ArgumentError(
            f"`values` must hold at least {LEAST_DATES} dates over {LEAST_YEARS} years to compare departures from the "
            f"usual season, got {len(when)} dates over {span:.1f} years"
        )
    first, last = when[0] - np.timedelta64(int(max_lag), "D"), when[-1] + np.timedelta64(int(max_lag), "D")
    needed = len(np.arange(when[0].astype("datetime64[M]"), when[-1].astype("datetime64[M]") + 1))
    missing = missing_months(driver, when[0], when[-1])
    if len(missing) > _MOST_MISSING * needed:
        raise ArgumentError(
            f"`{driver.name}` must cover two thirds of the {needed} months of the series, {len(missing)} are without "
            f"data ({missing[0]} the first)"
        )
    days = days_of(when)
    nuisance = np.column_stack([trend_columns(days), annual_columns(days, _HARMONICS)])
    return _Problem(days, y, driver.padded(first, last), fit_noise(days, y, nuisance), nuisance), len(missing)


def _with_noise_beside(problem: _Problem, lags: FloatArray) -> _Problem:
    """The same with the noise that is left beside the driver at its best lag, which is so not called noise."""
    anomaly = problem.driver.anomaly[:, None]
    best = lags[int(np.argmax([problem.at(lag, anomaly)[0][0][0] for lag in lags]))]
    weights = problem.driver.weights(problem.days - best)
    beside = np.column_stack([problem.nuisance, weights @ problem.driver.usual, weights @ anomaly])
    beside /= np.linalg.norm(beside, axis=0)
    u, s, _ = np.linalg.svd(beside, full_matrices=False)
    return replace(problem, noise=fit_noise(problem.days, problem.values, u[:, s > _FLAT * s[0]]))


def _profile(lags: FloatArray, residual: FloatArray, dof: float) -> tuple[float, tuple[float, float]]:
    """Lag of least residual, a parabola through the three lowest, and the hull of the lags not worse by F(1, dof)."""
    k = int(np.argmin(residual))
    lag = float(lags[k])
    if 0 < k < len(lags) - 1:
        a, b, c = residual[k - 1 : k + 2]
        bend = a - 2 * b + c
        lag += float(0.5 * (a - c) / bend * (lags[1] - lags[0])) if bend > 0 else 0.0
    level = residual[k] * (1 + stats.f.ppf(0.95, 1, dof) / dof)
    inside = np.flatnonzero(residual <= level)
    return lag, (
        _crossing(lags, residual, level, int(inside[0]), -1),
        _crossing(lags, residual, level, int(inside[-1]), 1),
    )


def _crossing(lags: FloatArray, residual: FloatArray, level: float, k: int, way: int) -> float:
    """Where the profile crosses the level beyond lag ``k``, linear between the trial lags."""
    if not 0 <= k + way < len(lags):
        return float(lags[k])
    share = (level - residual[k]) / (residual[k + way] - residual[k])
    return float(lags[k] + way * share * (lags[1] - lags[0]))


def _season(problem: _Problem) -> Season:
    design = problem.nuisance
    hat = generalised(design, problem.noise)[2:4]
    return season_of(hat, problem.values, problem.noise, problem.noise.dof(design.shape[1]))


def _cycle_lag(problem: _Problem, season: Season) -> tuple[float, float]:
    """Lag at which the annual harmonic of the lagged driver, read at the dates, has the phase of the motion's."""
    if season.p_value > 0.05 or not np.isfinite(season.peak_half_width):
        return np.nan, np.nan
    hat = generalised(problem.nuisance, problem.noise)[2:4]
    series = problem.driver.usual + problem.driver.anomaly
    motion = problem.driver.sign * complex(*season.coefficients)

    def ahead(lag: float) -> float:
        """Phase by which the motion is later than the driver lagged so, rad in (-pi, pi]."""
        c = complex(*(hat @ problem.driver.weights(problem.days - lag) @ series))
        return float(np.angle(motion * np.conj(c)))

    lag = ahead(0.0) / (2 * np.pi) * DAYS_PER_YEAR
    reach = 20.0
    if ahead(lag - reach) > 0 > ahead(lag + reach):
        lag = float(optimize.brentq(ahead, lag - reach, lag + reach, xtol=0.01))
    half = DAYS_PER_YEAR / 2
    return half - (half - lag) % DAYS_PER_YEAR, season.peak_half_width


def _cycle_correlation(problem: _Problem, lags: FloatArray) -> float:
    trend = problem.nuisance[:, :2]
    y = problem.values - trend @ np.linalg.pinv(trend) @ problem.values
    series = problem.driver.usual + problem.driver.anomaly
    x = np.stack([problem.driver.weights(problem.days - lag) @ series for lag in lags])
    x -= x.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(x, axis=1) * np.linalg.norm(y)
    return float(np.max(problem.driver.sign * (x @ y) / np.where(norm > 0, norm, np.inf)))


_LEAD: Final = "a lead is not excluded"
_LONGER: Final = "a longer lag is not excluded"


def _open_end(interval: tuple[float, float], last: float) -> str:
    return "; ".join([*([_LEAD] if interval[0] <= 0 else []), *([_LONGER] if interval[1] >= last else [])])


def _edge_words(lags: FloatArray, correlation: FloatArray, interval: tuple[float, float]) -> str:
    """What the edges of the search hide of the lag, and where the motion is most like a driver that it leads."""
    low, high = interval
    words = ""
    if low <= 0:
        words = f"; the interval ends at the edge of the search: {high:.0f} days or less, {_LEAD}"
    elif high >= lags[-1]:
        words = f"; the interval ends at the edge of the search: {low:.0f} days or more, {_LONGER}"
    best = float(lags[int(np.argmax(correlation))])
    return words + (f"; the correlation is largest at a lead of {-best:.0f} days" if low <= 0 and best < 0 else "")


def _verdict(
    p: float, alpha: float, lag: float, interval: tuple[float, float], *, max_lag: float, cycle: tuple[float, float]
) -> tuple[bool, str]:
    has_cycle = np.isfinite(cycle[0])
    if p > alpha:
        words = f"departures from the usual season are not related (p = {p:.2g}, limit {alpha:g})"
        if has_cycle:
            words += (
                f"; the annual cycles are {cycle[0]:.0f} days apart, which any two cycles are by some number of days"
            )
        return False, "no lag claimed: " + words
    if interval[1] - interval[0] > _WIDEST * max_lag or lag >= max_lag - 1:
        return False, (
            f"no lag claimed: departures are related (p = {p:.2g}), but the lag is not determined "
            f"({interval[0]:.0f} to {interval[1]:.0f} days)"
        )
    words = f"departures from the usual season are related (p = {p:.2g})"
    low = -np.inf if interval[0] <= 0 else interval[0]
    if has_cycle and not low - cycle[1] <= cycle[0] <= interval[1] + cycle[1]:
        words += (
            f"; the annual cycle lags by {cycle[0]:.0f} ± {cycle[1]:.0f} days instead, so that something else "
            "drives part of it"
        )
    return True, words
