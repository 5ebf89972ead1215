"""How far places that share a mean series differ in their motion per head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.ops.series.driver import Driver
from subside.ops.series.noise import Dates, FloatArray, days_of, trend_columns
from subside.ops.series.sites import SiteSeries
from subside.ops.series.storage import levels, reading

FEWEST_PLACES: Final = 8
"""Places from which their spread can be told."""


@dataclass(frozen=True)
class PlaceSeries:
    """Series of the places of a land class in one track.

    Attributes
    ----------
    dates : ndarray of datetime64[D], (date,)
        Of the track.
    motion : ndarray of float64, (place, date)
        Vertical, up, m, finite; any zero.
    """

    dates: Dates
    motion: FloatArray


def place_means(
    motion: FloatArray, easting: FloatArray, northing: FloatArray, *, side: float, fewest: int
) -> dict[tuple[int, int], FloatArray]:
    """Mean series of the points in each cell of a grid, by cell.

    Parameters
    ----------
    motion : ndarray of float64, (point, date)
        m; a point with a gap is left out.
    easting, northing : ndarray of float64, (point,)
        m.
    side : float
        Of a cell, m.
    fewest : int
        Points of a cell that is used.

    Returns
    -------
    dict of tuple of int to ndarray, (date,)
    """
    known = np.isfinite(motion).all(axis=1)
    cell: npt.NDArray[np.int64] = np.floor(np.column_stack([easting, northing])[known] / side).astype(np.int64)
    keys, place = np.unique(cell, axis=0, return_inverse=True)
    place = place.ravel()
    count = np.bincount(place, minlength=len(keys))
    total = np.zeros((len(keys), motion.shape[1]))
    np.add.at(total, place, motion[known])
    return {(int(k[0]), int(k[1])): t / n for k, t, n in zip(keys, total, count, strict=True) if n >= fewest}


def mean_of_places(series: SiteSeries, places: PlaceSeries) -> SiteSeries:
    """The series with the mean of its places as its displacement, every place counting once.

    The standard deviation is that of the scatter of the places on each date; what they share is not in it.

    Parameters
    ----------
    series : SiteSeries
        Of the same ground and dates.
    places : PlaceSeries
        Its places.

    Returns
    -------
    SiteSeries
        As given for fewer than eight places.
    """
    n = len(places.motion)
    if n < FEWEST_PLACES:
        return series
    level = places.motion - places.motion.mean(axis=1, keepdims=True)
    mean, std = level.mean(axis=0), level.std(axis=0, ddof=1) / np.sqrt(n)
    std[0] = 0.0
    return replace(series, displacement=mean - mean[0], std=std, n_effective=float(n))


def spread_of_places(places: tuple[PlaceSeries, ...], head: Driver, lag: float) -> tuple[int, float]:
    """Number of places and the standard deviation of their true motion per head, m per m.

    The slope of each place on the head ``lag`` days earlier, both without their straight lines, scatters by its own
    error and by what sets places apart: ``tau^2 = var(S) - mean(s^2)`` (DerSimonian and Laird 1986, Controlled Clinical
    Trials 7, with equal weights). Errors ``s`` are those of white noise; noise that is remembered makes ``tau`` too
    large rather than too small.

    Parameters
    ----------
    places : tuple of PlaceSeries
        One a track; places of all tracks count.
    head : Driver
        Depth or level.
    lag : float
        Days.

    Returns
    -------
    n : int
        Places of the track with most of them.
    spread : float
        NaN for fewer than eight.
    """
    slopes, variances = [], []
    for track in places:
        days = days_of(track.dates)
        reach = np.timedelta64(int(lag) + 1, "D")
        padded = head.padded(track.dates[0] - reach, track.dates[-1] + reach)
        read = reading(padded, days - lag) @ levels(padded)[0]
        line = trend_columns(days)
        take = line @ np.linalg.pinv(line)
        x, y = read - take @ read, track.motion - track.motion @ take.T
        slope = y @ x / (x @ x)
        left = y - slope[:, None] * x
        slopes.append(slope)
        variances.append(np.sum(left**2, axis=1) / max(len(x) - 3, 1) / (x @ x))
    n = max((len(s) for s in slopes), default=0)
    if n < FEWEST_PLACES:
        return n, np.nan
    every, error = np.concatenate(slopes), np.concatenate(variances)
    return n, float(np.sqrt(max(float(np.var(every, ddof=1) - error.mean()), 0.0)))
