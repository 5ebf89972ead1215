"""The interferogram network of a track."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError


class PairStatus(StrEnum):
    """What became of a pair."""

    KEPT = "kept"
    DROPPED = "dropped"
    ADDED = "added"


@dataclass(frozen=True)
class Network:
    """Pairs considered, what became of each and why.

    Attributes
    ----------
    days : ndarray of float64, (date,)
        Days since the first date.
    earlier, later : ndarray of int32, (pair,)
        Date indices, ``earlier < later``, sorted by (earlier, later), unique.
    bperp : ndarray of float64, (pair,)
        Perpendicular baseline of the pair, m; NaN is unknown.
    coherence : ndarray of float64, (pair,)
        Mean surveyed coherence, 0 to 1; NaN was not surveyed.
    status : tuple of PairStatus, (pair,)
        Kept, dropped, or added beyond the limits.
    reason : tuple of str, (pair,)
        Why, in words with numbers.
    is_bridge : ndarray of bool, (pair,)
        Whether removing this used pair would split the network.
    """

    days: npt.NDArray[np.float64]
    earlier: npt.NDArray[np.int32]
    later: npt.NDArray[np.int32]
    bperp: npt.NDArray[np.float64]
    coherence: npt.NDArray[np.float64]
    status: tuple[PairStatus, ...]
    reason: tuple[str, ...]
    is_bridge: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Validate lengths and order."""
        n = len(self.earlier)
        for name in ("later", "bperp", "coherence", "status", "reason", "is_bridge"):
            if len(getattr(self, name)) != n:
                raise ArgumentError(f"`{name}` must have {n} pairs, got {len(getattr(self, name))}")
        if n and not np.all(self.earlier < self.later):
            raise ArgumentError("`earlier` must be before `later` in every pair")

    @property
    def is_used(self) -> npt.NDArray[np.bool_]:
        """Whether each pair enters the processing."""
        return np.array([s is not PairStatus.DROPPED for s in self.status], dtype=bool)

    @property
    def used(self) -> npt.NDArray[np.int32]:
        """Date indices of the used pairs, (used pair, 2)."""
        keep = self.is_used
        return np.stack([self.earlier[keep], self.later[keep]], axis=1).astype(np.int32)

    @property
    def n_dates(self) -> int:
        """Number of dates."""
        return len(self.days)


def design_matrix(pairs: npt.NDArray[np.integer], n_dates: int) -> npt.NDArray[np.float64]:
    """Incidence matrix of a network: -1 at the earlier date, +1 at the later.

    Parameters
    ----------
    pairs : ndarray of int, (pair, 2)
        Date indices.
    n_dates : int
        Number of dates.

    Returns
    -------
    ndarray of float64, (pair, date)
        So that ``pair phase = G @ date phase`` with date phase ``4 pi / wavelength * R``.
    """
    matrix = np.zeros((len(pairs), n_dates))
    rows = np.arange(len(pairs))
    matrix[rows, pairs[:, 0]] = -1.0
    matrix[rows, pairs[:, 1]] = 1.0
    return matrix
