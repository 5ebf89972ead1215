"""Storage of an aquifer from the motion of the ground and the head: what is elastic, from the season and departures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from subside import _check
from subside.errors import ArgumentError
from subside.ops.series.decomposition import season_of
from subside.ops.series.driver import Driver
from subside.ops.series.lag import LEAST_DATES, LEAST_YEARS
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

_HARMONICS: Final = 2
_TAIL: Final = 0.025
_LEAST_SIGNAL: Final = 2.0
_THIRD_DIFFERENCES: Final = 20.0
_FLAT: Final = 1e-6
_CHORD: Final = 1.0 / 12.0
"""Mean shortfall of straight lines between months below a smooth curve, in second differences."""


@dataclass(frozen=True)
class Response:
    """Motion per head.

    Attributes
    ----------
    value : float
        m of vertical motion per m of head; positive: the ground rises with the head.
    std : float
        Same unit; knows the noise of the motion, the error of the heads and how well the lag is known.
    interval : tuple of float
        95 %, of Student's t with the effective dates left over.
    lag : float
        Delay of the motion behind the head at which the two agree best, days.
    """

    value: float
    std: float
    interval: tuple[float, float]
    lag: float


@dataclass(frozen=True)
class ElasticStorage:
    """Elastic skeletal storage coefficient ``S_ke`` (dimensionless: m per m) of the ground below a place.

    Attributes
    ----------
    whole : Response
        From all that varies about a straight line: the season and the departures from it.
    departures : Response
        From departures from the usual season alone: not touched by another cause with a season. NaN where they are no
        larger than the error of the heads.
    head_range : float
        Twice the annual amplitude of the head, m.
    head_season_p : float
        Of the head being without an annual motion.
    head_std : float
        Error of a monthly head that was allowed for, m.
    dates : ndarray of datetime64[D], (date,)
        Used.
    head, motion : ndarray of float64, (date,)
        Head read ``whole.lag`` days earlier and vertical motion, both without their straight lines, m.
    """

    whole: Response
    departures: Response
    head_range: float
    head_season_p: float
    head_std: float
    dates: Dates
    head: FloatArray
    motion: FloatArray

    @property
    def agrees(self) -> bool:
        """Whether the departures allow the value of the whole; if not, something else moves the ground by season."""
        low, high = self.departures.interval
        return bool(low <= self.whole.value <= high)


@dataclass(frozen=True)
class _Problem:
    days: FloatArray
    motion: FloatArray
    fixed: FloatArray
    head: Driver
    signal: FloatArray
    variance: FloatArray


def elastic_storage(
    dates: Dates,
    motion: FloatArray,
    head: Driver,
    *,
    head_std: float = 0.05,
    max_lag: float = 180.0,
    step: float = 6.0,
    alpha: float = 0.05,
) -> ElasticStorage:
    """Estimate how far the ground rises and falls with the head within the year and from year to year.

    ``u(t) = a + b t + S h(t - L) + e(t)``, with the head without its line. Both sides are noisy: least squares takes
    the head for exact and its slope is too flat. Here ``S = x'My / (x'Mx - tr M C)`` with the weight ``M`` of the noise
    of the motion beside the line, and the covariance ``C`` of the errors of the heads as they are read between months
    (adjusted least squares; Fuller 1987, Measurement Error Models, section 2.2; the line of Deming for one ratio of
    errors). ``M`` is of noise that is partly remembered. What each lag gives is averaged by its likelihood, so that a
    lag that is poorly known widens the interval. Straight lines between months cut the crests of the head, which would
    make the slope too steep: a twelfth of the second difference is taken off each month. A month without a head stands
    at its usual value, with the spread of that month of the year as its error. An error larger than third differences
    of the heads allow is lowered to that.

    That there is a relation at all is not tested here: two annual cycles always agree at some lag. The test is that of
    :func:`subside.ops.series.lag.lag_behind` on departures from the usual season.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    motion : ndarray of float64, (date,)
        Vertical, up, m; NaN is a gap.
    head : Driver
        Depth or level of the water.
    head_std : float
        Standard deviation of the error of a monthly head, m: of reading, and of standing for the ground here.
    max_lag, step : float
        Lags tried, 0 to ``max_lag`` in steps, days.
    alpha : float
        Limit of the probability of a head without a season being called seasonal.

    Returns
    -------
    ElasticStorage

    Raises
    ------
    ArgumentError
        If the head is rain, has no season, varies no more than its error, or the series is too short.
    """
    _check.in_range(0.0, 10.0, head_std=head_std)
    if head.kind == "rain":
        raise ArgumentError(f"`head` must be a depth or level of water, got {head.kind} ({head.name})")
    used = np.isfinite(motion)
    when, y = np.asarray(dates, "datetime64[D]")[used], np.asarray(motion, np.float64)[used]
    years = float((when[-1] - when[0]).astype(int)) / 365.25 if len(when) else 0.0
    if len(when) < LEAST_DATES or years < LEAST_YEARS:
        raise ArgumentError(
            f"`motion` must hold at least {LEAST_DATES} dates over {LEAST_YEARS} years for a storage coefficient, got "
            f"{len(when)} dates over {years:.1f} years"
        )
    p_season, head_range = _head_season(head)
    if p_season > alpha:
        raise ArgumentError(
            f"`{head.name}` must have a season for an elastic storage coefficient: none is significant "
            f"(p = {p_season:.2g}, limit {alpha:g})"
        )
    reach = np.timedelta64(int(max_lag) + 1, "D")
    padded = head.padded(when[0] - reach, when[-1] + reach)
    error = min(head_std, _roughness(head))
    line, departure = levels(padded)
    unheard = np.where(padded.is_known, error, padded.spread[padded.months.astype(np.int64) % 12])
    days = days_of(when)
    lags = np.arange(0.0, max_lag + 0.5 * step, step)
    trend = trend_columns(days)
    whole = _response(_Problem(days, y, trend, padded, line, unheard**2), lags)
    seasonal = np.column_stack([trend, annual_columns(days, _HARMONICS)])
    try:
        own = _response(_Problem(days, y, seasonal, padded, departure, unheard**2), lags)
    except ArgumentError:
        own = Response(np.nan, np.nan, (np.nan, np.nan), np.nan)
    read = reading(padded, days - whole.lag) @ line
    take = trend @ np.linalg.pinv(trend)
    return ElasticStorage(
        whole,
        own,
        head_range,
        p_season,
        error,
        when,
        read - take @ read,
        y - take @ y,
    )


def levels(head: Driver) -> tuple[FloatArray, FloatArray]:
    """Head without its line, and its departures from the usual season, positive up, m, (month,)."""
    years = head.middles / 365.25
    line = head.trend * (years - years.mean())
    return head.sign * (head.usual - line + head.anomaly), head.sign * head.anomaly


def _head_season(head: Driver) -> tuple[float, float]:
    """P-value of a head without a season, and twice its annual amplitude."""
    known = head.is_known
    days = head.middles[known]
    design = np.column_stack([trend_columns(days), annual_columns(days)])
    noise = fit_noise(days, head.values[known], design)
    season = season_of(generalised(design, noise)[2:], head.values[known], noise, noise.dof(design.shape[1]))
    return season.p_value, 2.0 * season.amplitude


def reading(head: Driver, days: FloatArray) -> FloatArray:
    """Matrix that reads monthly heads at days, without the loss of straight lines between them, (day, month)."""
    n = len(head.months)
    second = np.eye(n, k=1) - 2 * np.eye(n) + np.eye(n, k=-1)
    second[[0, -1]] = 0.0
    result: FloatArray = head.weights(days) @ (np.eye(n) - _CHORD * second)
    return result


def _roughness(head: Driver) -> float:
    """Standard deviation of white noise that third differences of the departures allow, m."""
    third = np.diff(np.where(head.is_known, head.anomaly, np.nan), 3)
    third = third[np.isfinite(third)]
    return float(np.sqrt(np.mean(third**2) / _THIRD_DIFFERENCES)) if len(third) else 0.0


def _response(problem: _Problem, lags: FloatArray) -> Response:
    """Slope at every lag, averaged by the likelihood of the lags."""
    white = SeriesNoise(problem.days, 1.0, 0.0, 0.0)
    misfit = np.array([_slope(problem, white, lag)[2] for lag in lags])
    read = reading(problem.head, problem.days - lags[int(np.argmin(misfit))]) @ problem.signal
    beside = np.column_stack([problem.fixed, read / max(float(np.linalg.norm(read)), 1e-300)])
    noise = fit_noise(problem.days, problem.motion, beside)
    dof = noise.dof(beside.shape[1] + 1)
    found = np.array([_slope(problem, noise, lag) for lag in lags])
    weight = (found[:, 2] / found[:, 2].min()) ** (-0.5 * (len(problem.days) - beside.shape[1] - 1))
    weight /= weight.sum()
    value = float(weight @ found[:, 0])
    std = float(np.sqrt(weight @ (found[:, 1] + (found[:, 0] - value) ** 2)))
    half = float(stats.t.ppf(1 - _TAIL, dof)) * std
    return Response(value, std, (value - half, value + half), float(lags[int(np.argmin(found[:, 2]))]))


def _slope(problem: _Problem, noise: SeriesNoise, lag: float) -> tuple[float, float, float]:
    """Slope, its variance, and the squares that are left, at a lag."""
    weights = reading(problem.head, problem.days - lag)
    columns = np.column_stack([problem.fixed, weights @ problem.signal, problem.motion])
    columns = noise.whiten(np.column_stack([columns, weights * np.sqrt(problem.variance)]))
    n = problem.fixed.shape[1]
    basis = np.linalg.qr(columns[:, :n])[0]
    left = columns[:, n:] - basis @ (basis.T @ columns[:, n:])
    left /= np.sqrt(noise.variance)
    x, y, error = left[:, 0], left[:, 1], left[:, 2:]
    square, product = float(x @ x), float(x @ y)
    lost = float(np.sum(error**2))
    true = square - lost
    if true * _LEAST_SIGNAL < square or square < _FLAT * float(columns[:, n] @ columns[:, n]):
        raise ArgumentError(
            f"`{problem.head.name}` must vary more than its error at the dates of the series to give a storage "
            f"coefficient: {lost / max(square, 1e-300):.0%} of its variance may be error"
        )
    slope = product / true
    both = float(np.sum((error.T @ error) ** 2))
    return slope, (square + slope**2 * both) / true**2, float(y @ y) - product**2 / square
