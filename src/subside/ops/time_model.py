"""Motion as a function of time: constant, linear, optional annual and step terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError

SEASON_MIN_SPAN_DAYS: Final = 548.0
"""Shortest series in which an annual term can be told from a trend, days (a year and a half)."""

RATE: Final = 1
"""Column of the linear term in every design."""


@dataclass(frozen=True)
class TimeModel:
    """What is fitted to a series of displacement.

    Attributes
    ----------
    seasonal : {"auto", "yes", "no"}
        Annual term: per point by F test, always, never. Series shorter than 1.5 years never have one.
    steps : tuple of float
        Days since the first date at which the position may jump.
    alpha : float
        Significance of the F test of "auto".
    """

    seasonal: Literal["auto", "yes", "no"] = "auto"
    steps: tuple[float, ...] = ()
    alpha: float = 0.01

    def __post_init__(self) -> None:
        """Validate choices and ranges."""
        if self.seasonal not in ("auto", "yes", "no"):
            raise ArgumentError(f'`seasonal` must be "auto", "yes" or "no", got {self.seasonal!r}')
        if not 0 < self.alpha < 1:
            raise ArgumentError(f"`alpha` must lie in (0, 1), got {self.alpha}")

    def can_season(self, days: npt.NDArray[np.float64]) -> bool:
        """Whether an annual term is wanted and the dates can determine it."""
        return (
            self.seasonal != "no"
            and float(days[-1] - days[0]) >= SEASON_MIN_SPAN_DAYS
            and len(days) >= 8 + len(self.steps)
        )

    def design(self, days: npt.NDArray[np.float64], *, is_seasonal: bool) -> npt.NDArray[np.float64]:
        """Columns of the model.

        Parameters
        ----------
        days : ndarray of float64, (date,)
            Days since the first date.
        is_seasonal : bool
            Whether the annual columns are included (always the last two).

        Returns
        -------
        ndarray of float64, (date, parameter)
            Constant, years since mid-series, one 0/1 column per step, then cosine and sine of the year
            counted from the first date.

        Raises
        ------
        ArgumentError
            If there are not more dates than parameters, or a step has no date on one side of it.
        """
        years = np.asarray(days, np.float64) / DAYS_PER_YEAR
        columns = [np.ones(len(years)), years - years.mean()]
        columns += [(days >= step).astype(np.float64) for step in self.steps]
        if is_seasonal:
            angle = 2 * np.pi * (years - years[0])
            columns += [np.cos(angle), np.sin(angle)]
        matrix = np.stack(columns, axis=1)
        if len(years) <= matrix.shape[1]:
            raise ArgumentError(f"`days` must hold more than {matrix.shape[1]} dates, got {len(years)}")
        if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
            raise ArgumentError(f"`steps` must fall between dates, apart from each other, got {self.steps}")
        return matrix

    def fullest(self, days: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Design with every term the dates can determine."""
        return self.design(days, is_seasonal=self.can_season(days))
