"""Rates of stations on the ground, and errors that say what few or daily positions can.

Residuals about a line tell neither how far a monument walks nor, of three dates, how noisy a station is: variances are
drawn to what the stations have in common, and a random walk of the monument is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from subside import _check
from subside.errors import ArgumentError
from subside.ops.two_tracks.common_rates import season_columns

FloatArray = npt.NDArray[np.float64]

MONUMENT_WALK: Final = 0.0013
"""Random walk of a monument, m per root year: mean of the networks of Langbein and Johnson (1997)."""

_PRIOR_FREEDOM: Final = 4.0
_CERTAIN: Final = 0.975
_NORMAL: Final = 1.959964


@dataclass(frozen=True)
class StationFit:
    """Line, and annual term where the dates carry one, of one station.

    Attributes
    ----------
    rate : float
        m/yr.
    gain : float
        Standard deviation of the rate if positions had one of 1 m.
    residual_variance : float
        Of the positions about the fit, m2; NaN without spare dates.
    freedom : int
        Dates less unknowns.
    walk_gain : float
        Standard deviation of the rate if positions walked at random by 1 m per root year.
    stated_std : float
        Of the rate from the stated standard deviations of the positions, m/yr; NaN where none are stated.
    is_seasonal : bool
        Whether the annual term was fitted.
    """

    rate: float
    gain: float
    residual_variance: float
    freedom: int
    walk_gain: float
    stated_std: float
    is_seasonal: bool


def fit_station(values: FloatArray, years: FloatArray, *, std: FloatArray | None = None) -> StationFit:
    """Fit a station by least squares.

    Parameters
    ----------
    values, years : ndarray of float64, (date,)
        Positions, m, finite, and their times; two or more dates.
    std : ndarray of float64, (date,), optional
        Stated standard deviations of the positions, m; NaN is unknown.

    Returns
    -------
    StationFit

    Raises
    ------
    ArgumentError
        For fewer than two dates.
    """
    _check.shape((len(years),), values=values)
    if len(years) < 2:
        raise ArgumentError(f"`years` must hold at least two dates, got {len(years)}")
    season = season_columns(years)
    design = np.column_stack([np.ones(len(years)), years - years.mean(), season])
    inverse = np.linalg.pinv(design)
    spare = len(years) - int(np.linalg.matrix_rank(design))
    residual = values - design @ (inverse @ values)
    known = std is not None and bool(np.isfinite(std).all())
    return StationFit(
        rate=float(inverse[1] @ values),
        gain=float(np.linalg.norm(inverse[1])),
        residual_variance=float(residual @ residual) / spare if spare > 0 else np.nan,
        freedom=spare,
        walk_gain=_walk_gain(inverse[1], years),
        stated_std=float(np.linalg.norm(inverse[1] * std)) if known and std is not None else np.nan,
        is_seasonal=bool(season.shape[1]),
    )


def _walk_gain(weights: FloatArray, years: FloatArray) -> float:
    """Root of ``sum_ij w_i w_j min(t_i, t_j)``, summed over the steps of the walk."""
    later = np.cumsum(weights[::-1])[::-1][1:]
    return float(np.sqrt(np.diff(years) @ later**2))


def station_std(fits: Sequence[StationFit], *, walk: float = MONUMENT_WALK) -> FloatArray:
    """Errors of the rates of stations.

    A station of few dates tells its own variance badly, and the one that seems best is one that is underestimated: the
    variance is ``(f s^2 + 4 s_0^2) / (f + 4)`` with ``f`` its degrees of freedom and ``s_0^2`` the mean over all
    (moderated as by Smyth 2004), widened to what Student's t asks of its degrees of freedom, so that 1.96 standard
    deviations hold 95 %. It is never below what positions are stated to be. To it comes the variance of the slope of a
    monument that walks at random (about ``6 b^2 / (5 T)`` for a line over ``T`` years).

    Parameters
    ----------
    fits : sequence of StationFit
        Of one kind of measurement.
    walk : float
        ``b``, m per root year; 0 for monuments that stand still.

    Returns
    -------
    ndarray of float64, (station,)
        m/yr; NaN where neither residuals of any station nor stated errors tell it.

    Raises
    ------
    ArgumentError
        For a negative ``walk``.
    """
    if not walk >= 0:
        raise ArgumentError(f"`walk` must not be negative, got {walk}")
    freedom = np.array([f.freedom for f in fits], np.float64)
    own = np.array([f.residual_variance if f.freedom > 0 else 0.0 for f in fits])
    common = float(freedom @ own / freedom.sum()) if freedom.sum() > 0 else np.nan
    variance = (freedom * own + _PRIOR_FREEDOM * common) / (freedom + _PRIOR_FREEDOM)
    gain, stated, walks = (np.array([getattr(f, n) for f in fits]) for n in ("gain", "stated_std", "walk_gain"))
    widened = student.ppf(_CERTAIN, np.maximum(np.minimum(freedom + _PRIOR_FREEDOM, freedom.sum()), 1.0)) / _NORMAL
    formal = np.fmax(gain * np.sqrt(variance) * widened, stated)
    result: FloatArray = np.hypot(formal, walk * walks)
    return result
