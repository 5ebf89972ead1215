"""Limits that engineers set, the probability of exceeding them, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]

Quantity = Literal["settlement", "difference", "rate", "slope", "radius"]

QUANTITIES: Final = ("settlement", "difference", "rate", "slope", "radius")

CONTINUATION: Final = (
    "Motion is taken to continue at the estimated constant rate from the first common date; settlement, slope and "
    "curvature from before that date are not known and count as zero."
)
"""Assumption behind every probability and time of this module."""

_UNITS: Final = {
    "settlement": {"mm": 1e-3, "m": 1.0},
    "difference": {"mm": 1e-3, "m": 1.0},
    "rate": {"mm/yr": 1e-3, "m/yr": 1.0},
    "slope": {"permille": 1e-3, "1": 1.0, "rad": 1.0},
    "radius": {"m": 1.0, "km": 1e3},
}


@dataclass(frozen=True)
class Limit:
    """One limit of a standard.

    Attributes
    ----------
    name : str
        What the limit is called.
    quantity : str
        ``settlement``, ``difference`` (of settlement across a joint), ``rate``, ``slope`` (largest allowed) or
        ``radius`` (smallest allowed).
    value : float
        Positive, in ``unit``.
    unit : str
        ``mm`` or ``m``; ``mm/yr`` or ``m/yr``; ``permille``, ``rad`` or ``1``; ``m`` or ``km``.
    applies_to : tuple of str
        Kinds of structure; empty applies everywhere.
    source : str
        Where the value comes from.
    is_verified : bool
        Whether someone has checked the value against the text of the standard.
    chord : float
        Length over which a slope or radius is meant, m; NaN is not stated.
    """

    name: str
    quantity: Quantity
    value: float
    unit: str
    applies_to: tuple[str, ...] = ()
    source: str = ""
    is_verified: bool = False
    chord: float = np.nan

    def __post_init__(self) -> None:
        """Validate quantity, unit and value."""
        if self.quantity not in QUANTITIES:
            raise ArgumentError(f"`quantity` of limit {self.name!r} must be one of {QUANTITIES}, got {self.quantity!r}")
        if self.unit not in _UNITS[self.quantity]:
            wanted = sorted(_UNITS[self.quantity])
            raise ArgumentError(f"`unit` of limit {self.name!r} must be one of {wanted}, got {self.unit!r}")
        if not (np.isfinite(self.value) and self.value > 0):
            raise ArgumentError(f"`value` of limit {self.name!r} must be positive, got {self.value}")

    @property
    def si_value(self) -> float:
        """The value in m, m/yr, 1 or m."""
        return float(self.value) * _UNITS[self.quantity][self.unit]

    def level(self) -> tuple[float, bool]:
        """Level that the growing quantity must reach, and whether either sign counts.

        Returns
        -------
        level : float
            Settlement and difference, m; rate, m/yr; slope, 1; curvature (the inverse of the radius), 1/m.
        is_two_sided : bool
            Settlement and rate count downward only; differences, slope and curvature either way.
        """
        value = self.si_value
        return (1.0 / value if self.quantity == "radius" else value), self.quantity in ("difference", "slope", "radius")

    def applies(self, kind: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether the limit applies to structures of each kind."""
        if not self.applies_to:
            return np.ones(len(kind), bool)
        return np.isin(np.asarray(kind, dtype=object).astype(str), self.applies_to)


@dataclass(frozen=True)
class Exceedance:
    """How a limit stands; NaN where the rate is unknown.

    Attributes
    ----------
    probability_now : ndarray of float64
        That the limit was exceeded by the end of the observations.
    probability_horizon : ndarray of float64
        That it is exceeded by the horizon.
    years_median, years_05, years_95 : ndarray of float64
        Years from the first common date until the limit is reached: median and 5 to 95 % quantiles; infinity where
        it is never reached with that probability.
    """

    probability_now: FloatArray
    probability_horizon: FloatArray
    years_median: FloatArray
    years_05: FloatArray
    years_95: FloatArray


def exceedance(
    growth: FloatArray, growth_std: FloatArray, *, limit: Limit, years_observed: float, years_horizon: float
) -> Exceedance:
    r"""Probability that a limit is exceeded and the time until it is, motion continuing linearly.

    With growth :math:`g \sim N(\hat g, \sigma^2)` a year and level :math:`L`, the limit is exceeded after :math:`t`
    years where :math:`g t > L` (settlement) or :math:`|g| t > L` (slope, curvature), so that

    .. math:: P(t) = \Phi\left(\frac{\hat g - L/t}{\sigma}\right) \quad\text{or with}\quad
              + \Phi\left(\frac{-\hat g - L/t}{\sigma}\right),

    and the quantiles of the time solve :math:`P(t) = q`. A limit of a rate does not depend on time.

    Parameters
    ----------
    growth, growth_std : ndarray of float64
        Per year: rate (m/yr, negative sinks) for settlement and rate, slope (1/yr) or curvature (1/m/yr); NaN is
        unknown.
    limit : Limit
        The limit.
    years_observed : float
        Length of the observations, yr.
    years_horizon : float
        Years from the first common date to the date asked for.

    Returns
    -------
    Exceedance

    Raises
    ------
    ArgumentError
        If shapes disagree or the years are not positive and ascending.
    """
    g, s = np.asarray(growth, np.float64), np.asarray(growth_std, np.float64)
    if g.shape != s.shape:
        raise ArgumentError(f"`growth_std` must have shape {g.shape}, got {s.shape}")
    if not 0 < years_observed <= years_horizon:
        raise ArgumentError(f"`years_horizon` must be at least `years_observed` > 0, got {years_horizon}")
    level, is_two_sided = limit.level()
    if limit.quantity in ("settlement", "rate"):
        g = -g
    if limit.quantity == "rate":
        p = _probability(g, s, np.full(g.shape, level), is_two_sided)
        unknown = np.full(g.shape, np.nan)
        return Exceedance(p, p.copy(), unknown, unknown.copy(), unknown.copy())
    with np.errstate(divide="ignore", invalid="ignore"):
        times = [level / _upper_quantile(g, s, q, is_two_sided) for q in (0.5, 0.05, 0.95)]
    for t in times:
        t[t <= 0] = np.inf
        t[~np.isfinite(g + s)] = np.nan
    return Exceedance(
        _probability(g, s, np.full(g.shape, level / years_observed), is_two_sided),
        _probability(g, s, np.full(g.shape, level / years_horizon), is_two_sided),
        *times,
    )


def _probability(g: FloatArray, s: FloatArray, level: FloatArray, is_two_sided: bool) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        p = ndtr((g - level) / s)
        if is_two_sided:
            p = p + ndtr((-g - level) / s)
    return np.asarray(p, np.float64)


def _upper_quantile(g: FloatArray, s: FloatArray, q: float, is_two_sided: bool) -> FloatArray:
    """Value that the growth (its magnitude, if two-sided) exceeds with probability ``q``."""
    if not is_two_sided:
        return np.asarray(g + ndtri(1.0 - q) * s, np.float64)
    low, high = np.zeros(g.shape), np.abs(g) + 8.0 * s
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = _probability(g, s, middle, True) > q
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return 0.5 * (low + high)
