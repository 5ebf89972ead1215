"""Displacement of bins in time: acceleration and annual amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.stats import t as student

from subside.conventions import DAYS_PER_YEAR
from subside.model.series_rows import read_rows, row_blocks
from subside.ops.cells import lines_of_rows
from subside.ops.corridor.profile import Profile
from subside.ops.corridor.tracks import TrackRates

FloatArray = npt.NDArray[np.float64]

_LEAST_DATES: Final = 12
_LEAST_YEARS: Final = 1.5
_SPARE: Final = 3
_NORMAL_95: Final = 1.959964
_TRIALS: Final = np.concatenate([np.arange(0.0, 0.9, 0.05), [0.9, 0.93, 0.95]])


@dataclass(frozen=True)
class BinSeries:
    """Behaviour in time of each bin; NaN where no track has a series long enough.

    Attributes
    ----------
    acceleration, acceleration_std : ndarray of float64, (bin,)
        m/yr2; negative is faster and faster sinking.
    amplitude, amplitude_std : ndarray of float64, (bin,)
        Half the range of the annual motion, m. The amplitude of pure noise is about 1.25 of its standard deviation.
    years : float
        Length of the period that all tracks observed, yr; NaN where no track has dates.
    first_date, last_date : str
        That period; empty where not known.
    """

    acceleration: FloatArray
    acceleration_std: FloatArray
    amplitude: FloatArray
    amplitude_std: FloatArray
    years: float
    first_date: str
    last_date: str


def fit_bin_series(tracks: Sequence[TrackRates], profile: Profile) -> BinSeries:
    """Fit a parabola and an annual term to the mean series of every bin.

    The series of the points of a bin are averaged with the weights of its rate. The standard deviations are those of
    least squares with the bin's own residual under first-order autoregression, whose coefficient is the one that makes
    residuals of successive dates as alike as their median over the bins: residuals are less alike than the noise they
    are left of. They hold for 95 % intervals of 1.96 of them (Student's t). Tracks are combined by inverse variance.

    Parameters
    ----------
    tracks : sequence of TrackRates
        Those of the profile.
    profile : Profile
        Bins, members and weights.

    Returns
    -------
    BinSeries
    """
    n = profile.bins.n_bins
    total, weight = np.zeros((3, n)), np.zeros((3, n))
    for k, track in enumerate(tracks):
        years = track.points.years
        if len(years) < _LEAST_DATES or years[-1] < _LEAST_YEARS:
            continue
        value, variance = _fit(_mean_series(track, profile, k), _calendar(track.points.dates))
        usable = np.isfinite(value) & (variance > 0)
        total += np.where(usable, value / np.where(usable, variance, 1.0), 0.0)
        weight += np.where(usable, 1.0 / np.where(usable, variance, 1.0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(weight > 0, total / weight, np.nan)
        std = np.where(weight > 0, 1.0 / np.sqrt(weight), np.nan)
    years_seen, first, last = common_period(tracks)
    return BinSeries(
        mean[0],
        std[0],
        np.hypot(mean[1], mean[2]),
        np.sqrt(0.5 * (std[1] ** 2 + std[2] ** 2)),
        years_seen,
        first,
        last,
    )


def common_period(tracks: Sequence[TrackRates]) -> tuple[float, str, str]:
    """Years that all tracks with dates observed, and their first and last date; NaN and empty without dates.

    Parameters
    ----------
    tracks : sequence of TrackRates
        Tracks; those without dates do not count.

    Returns
    -------
    years : float
        NaN where tracks do not overlap or have no dates.
    first, last : str
        ISO dates.
    """
    dated = [t.points.dates for t in tracks if len(t.points.dates) > 1]
    if not dated:
        return float("nan"), "", ""
    first, last = max(d[0] for d in dated), min(d[-1] for d in dated)
    if last <= first:
        return float("nan"), "", ""
    days = (last - first).astype("timedelta64[D]").astype(np.float64)
    return float(days / DAYS_PER_YEAR), str(first), str(last)


def _calendar(dates: npt.NDArray[np.datetime64]) -> FloatArray:
    """Years since 2000, so that the phases of tracks agree."""
    days = (dates - np.datetime64("2000-01-01")).astype("timedelta64[D]").astype(np.float64)
    result: FloatArray = days / DAYS_PER_YEAR
    return result


def _mean_series(track: TrackRates, profile: Profile, k: int) -> FloatArray:
    """Weighted mean displacement of each bin, (bin, date); NaN where a date has no value.

    As :meth:`subside.ops.cells.CellMembers.mean_series`: lines are averaged over all points, departures by date.
    """
    n_bins, n_dates = profile.bins.n_bins, len(track.points.dates)
    total, weight = np.zeros((n_bins, n_dates)), np.zeros((n_bins, n_dates))
    lines, years = np.zeros((n_bins, 3)), track.points.years
    for rows in row_blocks(np.flatnonzero(profile.bin_of[k] >= 0), n_dates=n_dates):
        series = read_rows(track.points.displacement, rows).astype(np.float64) * track.factor[rows, None]
        offset, slope = lines_of_rows(series, years)
        held = np.isfinite(slope)
        has = np.isfinite(series) & held[:, None]
        weights = (profile.weights[k][rows], (profile.bin_of[k][rows], np.arange(len(rows))))
        matrix = csr_array(weights, shape=(n_bins, len(rows)))
        total += matrix @ np.where(has, series - offset[:, None] - slope[:, None] * years, 0.0)
        weight += matrix @ has.astype(np.float64)
        lines += matrix @ np.where(held[:, None], np.stack([offset, slope, held], axis=1), 0.0)
    departure = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
    mean = np.divide(lines[:, :2], lines[:, 2:], out=np.full((n_bins, 2), np.nan), where=lines[:, 2:] > 0)
    result: FloatArray = departure + mean[:, :1] + mean[:, 1:] * years
    return result


def _fit(series: FloatArray, years: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Acceleration and the two annual terms, and their variances, (3, bin)."""
    t = years - years.mean()
    angle = 2 * np.pi * years
    design = np.column_stack([np.ones(len(t)), t, 0.5 * t**2, np.cos(angle), np.sin(angle)])
    has = np.isfinite(series)
    enough = has.sum(axis=1) >= design.shape[1] + _SPARE
    value, variance = np.full((3, len(series)), np.nan), np.full((3, len(series)), np.nan)
    if not enough.any():
        return value, variance
    y, w = np.where(has, series, 0.0)[enough], has[enough].astype(np.float64)
    normal = np.einsum("bd,di,dj->bij", w, design, design, optimize=True)
    inverse = np.linalg.pinv(normal)
    beta = np.einsum("bij,bj->bi", inverse, y @ design)
    residual = (y - beta @ design.T) * w
    square = (residual**2).sum(axis=1) / (w.sum(axis=1) - design.shape[1])
    power = (residual**2).sum(axis=1)
    lagged = (residual[:, 1:] * residual[:, :-1]).sum(axis=1) / np.maximum(power, 1e-30)
    factor = _autocorrelation_factor(design, float(np.median(lagged)))
    value[:, enough] = beta[:, 2:].T
    diagonal = np.einsum("bii->bi", inverse)[:, 2:]
    variance[:, enough] = (diagonal * square[:, None] * factor).T
    return value, variance


def _autocorrelation_factor(design: FloatArray, lagged: float) -> FloatArray:
    """Variance of the terms under the autoregression whose residuals would be as alike, over that of white ones, (3,).

    Residuals of a fit are less alike than the noise, and smaller: both are taken from the projection of the fit.
    They also tell their variance from fewer free values (Satterthwaite), so that 1.96 becomes Student's quantile.
    """
    n, p = design.shape
    inverse = np.linalg.pinv(design.T @ design)
    left = np.eye(n) - design @ inverse @ design.T
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    like, factor = np.empty(len(_TRIALS)), np.empty((len(_TRIALS), p))
    for k, r in enumerate(_TRIALS):
        noise = r**lag
        shown = left @ noise @ left
        like[k] = np.trace(shown, offset=1) / np.trace(shown)
        spread = inverse @ design.T @ noise @ design @ inverse
        factor[k] = np.diag(spread) / np.diag(inverse) * (n - p) / np.trace(shown)
        freedom = np.trace(shown) ** 2 / np.sum(shown**2)
        factor[k] *= (student.ppf(0.975, freedom) / _NORMAL_95) ** 2
    rank = np.interp(lagged, np.maximum.accumulate(like), np.arange(len(_TRIALS)))
    result: FloatArray = np.array([np.interp(rank, np.arange(len(_TRIALS)), f) for f in factor.T[2:]])
    return result
