"""Rain and groundwater by the month: what may drive the season of a displacement series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.ops.series.noise import Dates, FloatArray, days_of

DriverKind = Literal["rain", "depth", "level"]

LEAST_MONTHS: Final = 24
"""Fewest known months from which a mean year and departures from it can be told."""

_DAILY: Final = 10.0
_WHOLE_MONTH: Final = 0.8
_MONTHS: Final = 12


@dataclass(frozen=True)
class Driver:
    """Monthly series split into a straight line, a mean year and departures from both.

    Attributes
    ----------
    name : str
        Column or file it came from.
    kind : {"rain", "depth", "level"}
        Rain (mm a month), depth to water below ground or level of water (m).
    months : ndarray of datetime64[M], (month,)
        Every month from the first to the last, none left out.
    values : ndarray of float64, (month,)
        NaN is a month without data.
    usual : ndarray of float64, (month,)
        Line and mean year.
    anomaly : ndarray of float64, (month,)
        ``values - usual``; 0 in a month without data, which so carries no evidence.
    spread : ndarray of float64, (12,)
        Standard deviation of the departures by month of the year, smoothed over three months.
    trend : float
        Slope of the line, unit per year.
    """

    name: str
    kind: DriverKind
    months: npt.NDArray[np.datetime64]
    values: FloatArray
    usual: FloatArray
    anomaly: FloatArray
    spread: FloatArray
    trend: float

    @property
    def sign(self) -> float:
        """Sign of the motion that more of it causes: rain and a high level lift the ground, a deep level does not."""
        return -1.0 if self.kind == "depth" else 1.0

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return "mm/month" if self.kind == "rain" else "m"

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Months with data, (month,)."""
        return np.isfinite(self.values)

    @property
    def middles(self) -> FloatArray:
        """Days since 1970 of the middles of the months, (month,)."""
        return _middles(self.months)

    def padded(self, first: np.datetime64, last: np.datetime64) -> Driver:
        """The same with at least the months from ``first`` to ``last``, those added being without data."""
        start = min(self.months[0], first.astype("datetime64[M]") - 1)
        end = max(self.months[-1], last.astype("datetime64[M]") + 1)
        months = np.arange(start, end + 1)
        values = np.full(len(months), np.nan)
        at = int((self.months[0] - start).astype(int))
        values[at : at + len(self.months)] = self.values
        return _split(self.name, self.kind, months, values)

    def weights(self, days: FloatArray) -> FloatArray:
        """Matrix that reads the series at days between the middles of the months, (day, month)."""
        middle = self.middles
        k = np.clip(np.searchsorted(middle, days, side="right") - 1, 0, len(middle) - 2)
        share = np.clip((days - middle[k]) / (middle[k + 1] - middle[k]), 0.0, 1.0)
        result = np.zeros((len(days), len(middle)))
        rows = np.arange(len(days))
        result[rows, k] = 1.0 - share
        result[rows, k + 1] += share
        return result


def monthly_driver(name: str, kind: DriverKind, dates: Dates, values: FloatArray) -> Driver:
    """Bring readings to months.

    Daily rain (more than ten readings in a usual month) is summed, scaled to the length of the month where a fifth of
    the days or fewer are missing, else the month is without data. Monthly rain is taken as it is. Levels are averaged.

    Parameters
    ----------
    name : str
        Column or file.
    kind : {"rain", "depth", "level"}
        What it is.
    dates : ndarray of datetime64[D], (reading,)
        Any order; a month may be given by any of its days.
    values : ndarray of float64, (reading,)
        mm of rain, or m; NaN is no reading.

    Returns
    -------
    Driver

    Raises
    ------
    ArgumentError
        For negative rain, rain given twice for a date, or fewer than 24 known months.
    """
    known = np.isfinite(values)
    when, value = np.asarray(dates, "datetime64[D]")[known], np.asarray(values, np.float64)[known]
    if kind == "rain" and np.any(value < 0):
        raise ArgumentError(f"`{name}` must hold rain of 0 mm or more, got {value.min():g}")
    month = when.astype("datetime64[M]")
    if len(np.unique(month)) < LEAST_MONTHS:
        raise ArgumentError(
            f"`{name}` must hold at least {LEAST_MONTHS} months to tell a mean year from departures, "
            f"got {len(np.unique(month))}"
        )
    if kind == "rain" and len(np.unique(when)) < len(when):
        raise ArgumentError(f"`{name}` must give rain once for a date, got {len(when) - len(np.unique(when))} repeats")
    months = np.arange(month.min(), month.max() + 1)
    index = (month - months[0]).astype(np.int64)
    count = np.bincount(index, minlength=len(months)).astype(np.float64)
    total = np.bincount(index, value, minlength=len(months))
    found = count > 0
    monthly = np.full(len(months), np.nan)
    if kind != "rain":
        monthly[found] = total[found] / count[found]
    elif np.median(count[found]) > _DAILY:
        length = np.diff(days_of(np.append(months, months[-1] + 1)))
        whole = count >= _WHOLE_MONTH * length
        monthly[whole] = total[whole] * length[whole] / count[whole]
    else:
        if count.max() > 1:
            raise ArgumentError(f"`{name}` must hold daily or monthly rain, got up to {count.max():.0f} a month")
        monthly[found] = total[found]
    return _split(name, kind, months, monthly)


def missing_months(driver: Driver, first: np.datetime64, last: np.datetime64) -> list[str]:
    """Months from ``first`` to ``last`` that are without data, ``YYYY-MM``."""
    wanted = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
    return [str(m) for m in wanted[~np.isin(wanted, driver.months[driver.is_known])]]


def _split(name: str, kind: DriverKind, months: npt.NDArray[np.datetime64], values: FloatArray) -> Driver:
    known = np.isfinite(values)
    years = _middles(months) / 365.25
    origin = float(years[known].mean())
    of_year = months.astype(np.int64) % _MONTHS
    dummies = (of_year[:, None] == np.arange(_MONTHS)).astype(np.float64)
    # Rain has no line: a trend of a few years of rain is chance, and part of what is to be compared.
    columns = dummies if kind == "rain" else np.column_stack([dummies, years - origin])
    fitted, *_ = np.linalg.lstsq(columns[known], values[known], rcond=None)
    usual = columns @ fitted
    anomaly = np.where(known, values - usual, 0.0)
    squares = dummies[known].T @ anomaly[known] ** 2
    freedom = np.maximum(dummies[known].sum(axis=0) - 1.0, 0.0)
    spread2 = sum(np.roll(squares, k) for k in (-1, 0, 1)) / np.maximum(
        sum(np.roll(freedom, k) for k in (-1, 0, 1)), 1.0
    )
    trend = 0.0 if kind == "rain" else float(fitted[-1])
    return Driver(name, kind, months, values, usual, anomaly, np.sqrt(spread2), trend)


def _middles(months: npt.NDArray[np.datetime64]) -> FloatArray:
    start = days_of(months)
    result: FloatArray = (start + days_of(months + 1)) / 2.0
    return result
