"""Vertical rates of a track over a span of dates, with the standard deviations that can be claimed for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.points import PointSet, read_rows
from subside.ops.series.noise import annual_columns

FloatArray = npt.NDArray[np.float64]

SEASON_MIN_YEARS: Final = 1.5
"""Shortest span in which an annual term can be told from a rate, years."""

_BLOCK: Final = 32_768
_SEASON_MIN_DATES: Final = 8
_LEAST_DATES: Final = 4
_TEMPORAL_EXCESS: Final = 1.2
_LARGEST_AUTOCORRELATION: Final = 0.95


@dataclass(frozen=True)
class SpanFit:
    """Line and annual term of every point over a span; see :func:`fit_span`.

    Attributes
    ----------
    velocity : ndarray of float64, (point,)
        Line-of-sight rate, m/yr; NaN where more than half of the dates are missing.
    formal_std : ndarray of float64, (point,)
        As if the residuals were white, m/yr.
    residual_std : ndarray of float64, (point,)
        Of the residuals, m.
    autocorrelation : ndarray of float64, (point,)
        Of residuals of consecutive dates.
    n_dates : int
        Dates in the span.
    is_seasonal : bool
        Whether an annual term was fitted.
    """

    velocity: FloatArray
    formal_std: FloatArray
    residual_std: FloatArray
    autocorrelation: FloatArray
    n_dates: int
    is_seasonal: bool

    @property
    def inflation(self) -> float:
        """Factor on the formal standard deviation for residuals that are correlated in time.

        ``sqrt((1 + r) / (1 - r))``, of the mean of a first-order autoregression; ``r`` is the median over
        the points, never taken below 0.
        """
        r = float(np.nanmedian(self.autocorrelation)) if np.isfinite(self.autocorrelation).any() else 0.0
        r = float(np.clip(r, 0.0, _LARGEST_AUTOCORRELATION))
        return float(np.sqrt((1 + r) / (1 - r)))


@dataclass(frozen=True)
class VerticalRates:
    """Line-of-sight rates over the vertical part of the line of sight.

    Attributes
    ----------
    velocity, std : ndarray of float64, (point,)
        m/yr; ``std`` is the one that ``sigma`` names.
    stated_std, formal_std, temporal_std : ndarray of float64, (point,)
        As the points came with, for the span; white; first-order autoregression. NaN is unknown.
    representation_std : ndarray of float64, (point,)
        Part of ``std`` that is what filter windows may hide, m/yr: 0 unless ``std`` is the stated one.
    los : ndarray of float64, (point, 3)
        Lines of sight.
    sigma : {"stated", "temporal", "unknown"}
        Which one ``std`` is.
    autocorrelation : float
        Median lag-one autocorrelation of residuals; NaN without series.
    n_dates : int
        Dates the rates rest on; 0 where they were taken as given.
    is_seasonal : bool
        Whether an annual term was fitted beside them.
    """

    velocity: FloatArray
    std: FloatArray
    stated_std: FloatArray
    formal_std: FloatArray
    temporal_std: FloatArray
    representation_std: FloatArray
    los: FloatArray
    sigma: str
    autocorrelation: float
    n_dates: int
    is_seasonal: bool


def common_span(first: PointSet, second: PointSet) -> tuple[np.datetime64, np.datetime64] | None:
    """First and last date that both tracks cover; None where one has no series.

    Raises
    ------
    ArgumentError
        If the series do not overlap.
    """
    if not (first.has_series and second.has_series):
        return None
    start = max(first.dates[0], second.dates[0])
    end = min(first.dates[-1], second.dates[-1])
    if end <= start:
        raise ArgumentError(
            f"`first` and `second` must overlap in time to be compared, got {first.dates[0]} to {first.dates[-1]} and "
            f"{second.dates[0]} to {second.dates[-1]}"
        )
    return start, end


def fit_span(points: PointSet, start: np.datetime64, end: np.datetime64) -> SpanFit:
    """Fit a line, and an annual term where the span is 1.5 years or longer, by least squares.

    Parameters
    ----------
    points : PointSet
        Points with series; NaN is a gap.
    start, end : datetime64
        First and last date used.

    Returns
    -------
    SpanFit

    Raises
    ------
    ArgumentError
        If the span holds too few dates.
    """
    inside = np.flatnonzero((points.dates >= start) & (points.dates <= end))
    years = (points.dates[inside] - start).astype("timedelta64[D]").astype(np.float64) / DAYS_PER_YEAR
    design = _design(years)
    if len(years) <= design.shape[1] + 1:
        raise ArgumentError(
            f"`{points.name}` must have at least {design.shape[1] + 2} dates from {start} to {end} for a rate, got "
            f"{len(years)}; compare the rates as given instead"
        )
    n = points.n_points
    out = np.full((n, 4), np.nan)
    for first in range(0, n, _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, n))
        values = read_rows(points.displacement, rows)[:, inside].astype(np.float64)
        out[rows] = _fit_block(values, design)
    return SpanFit(out[:, 0], out[:, 1], out[:, 2], out[:, 3], len(years), design.shape[1] > 2)


def season_columns(years: FloatArray) -> FloatArray:
    """Cosine and sine of the year, where dates carry them beside a rate (more than 8 over 1.5 years or longer).

    Parameters
    ----------
    years : ndarray of float64, (date,)
        Times.

    Returns
    -------
    ndarray of float64, (date, 2) or (date, 0)
    """
    if len(years) <= _SEASON_MIN_DATES or float(np.ptp(years)) < SEASON_MIN_YEARS:
        return np.zeros((len(years), 0))
    return annual_columns(years * DAYS_PER_YEAR)


def _design(years: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(years)), years - years.mean(), season_columns(years)])


def _fit_block(values: FloatArray, design: FloatArray) -> FloatArray:
    """Rate, its white std, residual std and lag-one autocorrelation of each row."""
    out = np.full((len(values), 4), np.nan)
    is_present = np.isfinite(values)
    patterns, inverse = np.unique(np.packbits(is_present, axis=1), axis=0, return_inverse=True)
    for k in range(len(patterns)):
        rows = np.flatnonzero(inverse.ravel() == k)
        present = is_present[rows[0]]
        n = int(present.sum())
        if n < max(len(present) // 2, design.shape[1] + 2):
            continue
        x = design[present]
        inverse_normal = np.linalg.inv(x.T @ x)
        y = values[np.ix_(rows, np.flatnonzero(present))]
        beta = y @ x @ inverse_normal
        residual = y - beta @ x.T
        power = np.einsum("ij,ij->i", residual, residual)
        lag_one = np.einsum("ij,ij->i", residual[:, 1:], residual[:, :-1])
        spread = np.sqrt(power / (n - x.shape[1]))
        out[rows, 0] = beta[:, 1]
        out[rows, 1] = spread * np.sqrt(inverse_normal[1, 1])
        out[rows, 2] = spread
        out[rows, 3] = np.divide(lag_one, power, out=np.full(len(rows), np.nan), where=power > 0)
    return out


def vertical_rates(
    points: PointSet, span: tuple[np.datetime64, np.datetime64] | None, *, sigma: str = "auto"
) -> VerticalRates:
    """Rates over a span, divided by the vertical part of each point's line of sight.

    Parameters
    ----------
    points : PointSet
        One track.
    span : tuple of datetime64, or None
        First and last date; the rates are refitted over it. None takes the rates as given.
    sigma : {"auto", "stated", "temporal"}
        Which standard deviation to use. Automatic takes the stated one unless it is unknown, or residuals that are
        correlated in time ask for one that is more than a fifth larger (stated ones are often formal).

    Returns
    -------
    VerticalRates
        A stated standard deviation is scaled to the span by the ratio of the white ones over the span and over all
        dates.

    Raises
    ------
    UnknownQuantityError
        If lines of sight are unknown.
    ArgumentError
        For an unknown choice, or too few dates in the span. Rates as given need no dates: with fewer than
        four only the stated standard deviation is known.
    """
    if sigma not in ("auto", "stated", "temporal"):
        raise ArgumentError(f'`sigma` must be "auto", "stated" or "temporal", got {sigma!r}')
    up = points.los[:, 2]
    if not np.any(np.isfinite(points.los).all(axis=1) & (up > 0)):
        raise UnknownQuantityError(
            f"{points.source.label} has no lines of sight: give columns los_east, los_north and los_up, or incidence "
            "and heading; rates of two tracks cannot be compared without them"
        )
    up = np.where(up > 0, up, np.nan)
    unknown = np.full(points.n_points, np.nan)
    if points.has_series and (span is not None or len(points.dates) >= _LEAST_DATES):
        whole = fit_span(points, points.dates[0], points.dates[-1])
        is_whole = span is None or (span[0] <= points.dates[0] and span[1] >= points.dates[-1])
        fit = whole if is_whole or span is None else fit_span(points, *span)
        formal, temporal = fit.formal_std, fit.formal_std * fit.inflation
        shrink = 1.0 if fit is whole else fit.formal_std / whole.formal_std
        stated, hidden = points.velocity_std * shrink, points.velocity_std_representation * shrink
        velocity = points.velocity if span is None else fit.velocity
        facts = (float(np.nanmedian(fit.autocorrelation)), 0 if span is None else fit.n_dates, fit.is_seasonal)
    else:
        formal, temporal, stated, velocity = unknown, unknown, points.velocity_std, points.velocity
        hidden = points.velocity_std_representation
        facts = (np.nan, 0, False)
    chosen = _choose(stated, temporal) if sigma == "auto" else sigma
    std = {"stated": stated, "temporal": temporal, "unknown": unknown}[chosen]
    if chosen != "stated":
        hidden = np.zeros(points.n_points)
    return VerticalRates(
        velocity / up, std / up, stated / up, formal / up, temporal / up, hidden / up, points.los, chosen, *facts
    )


def _choose(stated: FloatArray, temporal: FloatArray) -> str:
    has_stated, has_temporal = (bool(np.any(np.isfinite(s) & (s > 0))) for s in (stated, temporal))
    if not has_stated:
        return "temporal" if has_temporal else "unknown"
    if not has_temporal:
        return "stated"
    known = np.isfinite(stated) & np.isfinite(temporal) & (stated > 0)
    ratio = float(np.median(temporal[known] / stated[known])) if known.any() else 1.0
    return "temporal" if ratio > _TEMPORAL_EXCESS else "stated"
