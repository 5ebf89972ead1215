"""What drives the ground of the simulated Heze region: monthly rain, shallow and deep groundwater."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.ops.simulate.region import Floats

RAIN_LAG_DAYS: Final = 60.0
"""Delay of the rural motion behind the rain (two months, Zhu et al. 2020, section 5.1)."""

SEASON_SIZE: Final = 0.005
"""Half the range of the rural motion, m (ibid.)."""

MONTHLY_RAIN: Final = (8.0, 12.0, 20.0, 33.0, 55.0, 85.0, 178.0, 128.0, 70.0, 40.0, 24.0, 10.0)
"""Mean rain of each month, mm: 663 in the year, 391 from June to August (ibid., section 2.1)."""

DEEP_FALL: Final = 6.0
"""Fall of the deep level from July 2015 to October 2017, m (ibid., section 5.1)."""

_FIRST_MONTH: Final = np.datetime64("2015-01")
_N_MONTHS: Final = 60
_DECELERATION: Final = 0.025
"""Change of the rate over its mean, per year, halved: the rate falls from 1.11 to 0.89 of its mean."""


@dataclass(frozen=True)
class Drivers:
    """Series of the region.

    Attributes
    ----------
    seed : int
        Of the interannual anomalies and of the noise of the gauges.
    """

    seed: int

    @cached_property
    def months(self) -> npt.NDArray[np.datetime64]:
        """January 2015 to December 2019, datetime64[M]."""
        return np.asarray(_FIRST_MONTH + np.arange(_N_MONTHS).astype("timedelta64[M]"))

    @cached_property
    def rain(self) -> Floats:
        """Rain of each month, mm: the climate times anomalies with a spread of a third, mean kept."""
        rng = np.random.default_rng([self.seed, 21])
        anomaly = rng.gamma(9.0, 1 / 9.0, (_N_MONTHS // 12, 12))
        anomaly /= anomaly.mean(axis=0)
        result: Floats = (np.array(MONTHLY_RAIN) * anomaly).ravel()
        return result

    @cached_property
    def _middles(self) -> Floats:
        """Days of the middles of the months since 1 January 2015."""
        start = (self.months.astype("datetime64[D]") - np.datetime64("2015-01-01")).astype(np.float64)
        return start + 15.0

    def rain_at(self, dates: npt.NDArray[np.datetime64], lag_days: float = 0.0) -> Floats:
        """Monthly rain between the middles of the months, ``lag_days`` earlier, mm a month."""
        days = (np.asarray(dates, "datetime64[D]") - np.datetime64("2015-01-01")).astype(np.float64)
        return np.interp(days - lag_days, self._middles, self.rain)

    def seasonal_motion(self, dates: npt.NDArray[np.datetime64]) -> Floats:
        """Vertical motion of the rural ground, m: rises with the rain of two months before, range twice 5 mm."""
        every = np.datetime64("2015-07-01") + np.arange(1614).astype("timedelta64[D]")
        whole = self.rain_at(every, RAIN_LAG_DAYS)
        # The range of a typical year: mean of the yearly maxima and minima.
        years = [whole[k : k + 365] for k in range(0, 4 * 365, 365)]
        size = np.mean([y.max() - y.min() for y in years]) / 2
        return np.asarray(SEASON_SIZE * (self.rain_at(dates, RAIN_LAG_DAYS) - whole.mean()) / size)

    def decline(self, years: npt.ArrayLike, whole: float) -> Floats:
        """Course of the deep decline, years of mean rate: slope 1 on average over ``whole`` years, slowing down."""
        years = np.asarray(years, np.float64)
        middle = whole / 2
        return years - _DECELERATION * ((years - middle) ** 2 - middle**2)

    def groundwater(self, dates: npt.NDArray[np.datetime64], whole: float) -> tuple[Floats, Floats]:
        """Depth of the shallow and of the deep level below ground as gauged, m.

        The shallow level falls by 0.5 m a year and rises with the rain; the deep one follows :meth:`decline`.
        """
        first = np.datetime64("2015-07-01")
        years = (np.asarray(dates, "datetime64[D]") - first).astype(np.float64) / 365.25
        rng = np.random.default_rng([self.seed, 22])
        noise = rng.standard_normal((2, len(years)))
        shallow = 5.2 + 0.5 * years - 120.0 * self.seasonal_motion(dates) + 0.05 * noise[0]
        october = float((np.datetime64("2017-10-15") - first).astype(np.float64)) / 365.25
        deep = 88.0 + DEEP_FALL * self.decline(years, whole) / self.decline(october, whole) + 0.08 * noise[1]
        return np.asarray(shallow), np.asarray(deep)
