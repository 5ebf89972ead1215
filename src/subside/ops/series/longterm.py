"""Long-term motion against long-term head: what two trends say (little), and what bends of both say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.ops.series.changes import RateChanges, rate_changes
from subside.ops.series.decomposition import decompose_series
from subside.ops.series.driver import Driver
from subside.ops.series.noise import Dates, FloatArray, annual_columns, days_of, fit_noise, generalised, trend_columns

_TAIL: Final = 0.025
_EDGE: Final = 5
Interval = tuple[float, float]

_WHERE_FOUND: Final = 0.5
"""Part of a series in which most bends are found, its middle."""


@dataclass(frozen=True)
class LongTermStorage:
    """Response of the ground to lasting changes of the head, elastic and inelastic together, m per m.

    Attributes
    ----------
    head_rate, head_rate_std : float
        Of the head over the dates of the series, m/yr, positive up.
    trend_ratio : float
        Rate of the ground over that of the head: what the storage coefficient would be if the head were the only cause
        of the trend. No evidence that it is. NaN where the head has no significant trend.
    trend_interval : tuple of float
        Its 95 % interval, from the errors of both rates.
    head_bends : ndarray of datetime64[D], (bend,)
        Bends of the head.
    bend_date : datetime64[D]
        Bend of the head that the ground shares; NaT where there is none.
    bend_ratio : float
        Change of the rate of the ground over that of the head there; NaN where there is none.
    bend_interval : tuple of float
        Its 95 % interval.
    window_days : float
        Bends of ground and head this near are taken for one; NaN where one of them has none.
    is_claimed : bool
        Whether the ground is held to follow the lasting changes of the head.
    reason : str
        Why or why not.
    """

    head_rate: float
    head_rate_std: float
    trend_ratio: float
    trend_interval: Interval
    head_bends: Dates
    bend_date: np.datetime64
    bend_ratio: float
    bend_interval: Interval
    window_days: float
    is_claimed: bool
    reason: str


def head_changes(head: Driver, first: np.datetime64, last: np.datetime64, *, alpha: float, seed: int) -> RateChanges:
    """Bends of a head between two dates, by :func:`subside.ops.series.changes.rate_changes`, positive up.

    Parameters
    ----------
    head : Driver
        Depth or level.
    first, last : datetime64[D]
        Dates of the motion it is compared with.
    alpha : float
        Probability of a first bend where there is none.
    seed : int
        Of the simulations.

    Returns
    -------
    RateChanges
    """
    dates, values = _months(head, first, last)
    return rate_changes(dates, values, alpha=alpha, seed=seed)


def long_term_storage(
    dates: Dates,
    motion: FloatArray,
    head: Driver,
    *,
    changes: RateChanges,
    bends: RateChanges,
    alpha: float = 0.05,
) -> LongTermStorage:
    """Compare lasting changes of the ground with those of the head.

    Two straight lines always have a ratio, whatever moves the ground: it is given with an interval of the errors of
    both (Fieller 1954, J. R. Stat. Soc. B 16) and never claimed. Evidence is a change of both rates, of one sign, at
    one time. Bends are found in the middle of a series rather than near its ends: with ``k`` of the ground and ``m`` of
    the head within half of the ``T`` days in which they are looked for, bends at random come within ``w`` days of each
    other with the right sign in ``2 k m w / T`` of cases; ``w`` is what makes that ``alpha``. The ratio is that of the
    hinges fitted to both at the bend of the head, each beside a line and a season. It holds what is elastic and what is
    not; the first is known from :func:`subside.ops.series.storage.elastic_storage`.

    Parameters
    ----------
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    motion : ndarray of float64, (date,)
        Vertical, up, m; NaN is a gap.
    head : Driver
        Depth or level of the water.
    changes, bends : RateChanges
        Of the motion and of the head (:func:`head_changes`).
    alpha : float
        Probability of a claim where bends of both are unrelated.

    Returns
    -------
    LongTermStorage

    Raises
    ------
    ArgumentError
        If the head is rain, or it or the motion is too short.
    """
    _check.in_range(0.001, 0.5, alpha=alpha)
    if head.kind == "rain":
        raise ArgumentError(f"`head` must be a depth or level of water, got {head.kind} ({head.name})")
    used = np.isfinite(motion)
    when, y = np.asarray(dates, "datetime64[D]")[used], np.asarray(motion, np.float64)[used]
    if len(when) < 4 * _EDGE:
        raise ArgumentError(f"`motion` must hold at least {4 * _EDGE} dates, got {len(when)}")
    months, level = _months(head, when[0], when[-1])
    if np.count_nonzero(np.isfinite(level)) < 4 * _EDGE:
        raise ArgumentError(
            f"`{head.name}` must hold at least {4 * _EDGE} months within the series, got "
            f"{np.count_nonzero(np.isfinite(level))}"
        )
    water, ground = decompose_series(months, level), decompose_series(when, y)
    quantile = float(stats.t.ppf(1 - _TAIL, min(water.dof, ground.dof)))
    trend = _ratio((ground.rate, ground.rate_std), (water.rate, water.rate_std), quantile)
    pair, window = _shared_bend(when, changes, bends, alpha)
    none = np.datetime64("NaT", "D")
    bend: tuple[float, Interval] = (np.nan, (np.nan, np.nan))
    if pair is not None:
        known = np.isfinite(level)
        above, below = _hinge(when, y, pair), _hinge(months[known], level[known], pair)
        bend = _ratio(above[:2], below[:2], float(stats.t.ppf(1 - _TAIL, min(above[2], below[2]))))
    return LongTermStorage(
        water.rate,
        water.rate_std,
        *trend,
        bends.dates,
        none if pair is None else pair,
        *bend,
        window,
        pair is not None,
        _reason(pair, window, (len(changes.dates), len(bends.dates)), alpha),
    )


def _months(head: Driver, first: np.datetime64, last: np.datetime64) -> tuple[Dates, FloatArray]:
    """Middles of the months between two dates, and the head, positive up; NaN is a month without one."""
    dates = np.datetime64("1970-01-01", "D") + np.round(head.middles).astype("timedelta64[D]")
    inside = (dates >= first) & (dates <= last)
    return dates[inside], head.sign * head.values[inside]


def _ratio(above: tuple[float, float], below: tuple[float, float], quantile: float) -> tuple[float, Interval]:
    """Ratio of two independent values with its interval of Fieller; NaN where the lower one is not significant."""
    (a, sa), (b, sb) = above, below
    lead = b * b - (quantile * sb) ** 2
    if lead <= 0:
        return np.nan, (np.nan, np.nan)
    root = quantile * np.sqrt(max(sa**2 * lead + (a * sb) ** 2, 0.0))
    return a / b, (float((a * b - root) / lead), float((a * b + root) / lead))


def _shared_bend(
    when: Dates, changes: RateChanges, bends: RateChanges, alpha: float
) -> tuple[np.datetime64 | None, float]:
    """Bend of the head nearest to one of the ground of its sign and within the window, and the window, days."""
    n = len(changes.dates) * len(bends.dates)
    if not n:
        return None, np.nan
    reach = float((when[-_EDGE - 1] - when[_EDGE]).astype(int))
    window = alpha * _WHERE_FOUND * reach / n
    apart = np.abs(np.subtract.outer(days_of(bends.dates), days_of(changes.dates)))
    is_alike = np.sign(bends.change)[:, None] == np.sign(changes.change)[None]
    apart = np.where(is_alike, apart, np.inf)
    if not apart.min() <= window:
        return None, window
    return bends.dates[int(np.argmin(apart.min(axis=1)))], window


def _hinge(when: Dates, values: FloatArray, date: np.datetime64) -> tuple[float, float, float]:
    """Change of the rate at a date beside a line and a season, its standard deviation, and degrees of freedom."""
    days = days_of(when)
    hinge = np.maximum(days - float(days_of(np.array([date]))[0]), 0.0) / DAYS_PER_YEAR
    design = np.column_stack([trend_columns(days), annual_columns(days), hinge])
    noise = fit_noise(days, values, design)
    row = generalised(design, noise)[-1]
    return float(row @ values), float(np.sqrt(row @ noise.covariance @ row)), noise.dof(design.shape[1])


def _reason(pair: np.datetime64 | None, window: float, count: tuple[int, int], alpha: float) -> str:
    trends = "two straight lines always have a ratio, which is no evidence that one causes the other"
    if pair is not None:
        return (
            f"ground and head change their rates together, by {pair} (within {window:.0f} days and with one sign, "
            f"which unrelated bends are in {alpha:g} of cases)"
        )
    if not np.isfinite(window):
        straight = [name for name, n in zip(("the ground", "the head"), count, strict=True) if not n]
        return f"no relation claimed: {' and '.join(straight)} did not change the rate; {trends}"
    rule = f"no bends of ground and head within {window:.0f} days of each other with one sign"
    return f"no relation claimed: {rule}; {trends}"
