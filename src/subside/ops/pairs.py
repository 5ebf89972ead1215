"""Suitability of each date as reference image, and the pairs worth surveying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int32]


@dataclass(frozen=True)
class QualityIndex:
    """Suitability of each date as the reference image.

    Attributes
    ----------
    index : ndarray of float64, (date,)
        Sum over dates of the product of the temporal, perpendicular and Doppler factors; higher is better.
    best : int
        Position of the largest (the earliest of equals).
    """

    index: Floats
    best: int


def quality_index(
    days: Floats,
    *,
    bperp: Floats | None = None,
    doppler_centroid: Floats | None = None,
    critical: tuple[float, float, float] = (1800.0, 1100.0, 1380.0),
) -> QualityIndex:
    """Rate each date as reference image.

    Parameters
    ----------
    days : ndarray, (date,)
        Acquisition times, days.
    bperp : ndarray, (date,), optional
        Perpendicular baselines, m. Unknown baselines leave their factor at 1.
    doppler_centroid : ndarray, (date,), optional
        Doppler centroid of each date, Hz. Unknown leaves its factor at 1.
    critical : tuple of float
        Temporal (days), perpendicular (m) and Doppler (Hz) separation at which coherence is taken to vanish.

    Returns
    -------
    QualityIndex
        The index and its maximum.

    Notes
    -----
    ``rho_m = sum_i (1 - |T_i - T_m|/T_c)+ (1 - |B_i - B_m|/B_c)+ (1 - |F_i - F_m|/F_c)+``, the thermal factor
    being constant (Hooper et al. 2007, eq. 2; Zhu et al. 2020, section 3).
    """
    product = np.ones((len(days), len(days)))
    for values, limit in zip((days, bperp, doppler_centroid), critical, strict=True):
        if values is not None:
            _check.finite(values=np.asarray(values))
            product *= np.clip(1.0 - np.abs(values[:, None] - values[None, :]) / limit, 0.0, None)
    index = product.sum(axis=1)
    return QualityIndex(index, int(np.argmax(index)))


def admissible(
    days: Floats, bperp: Floats | None, *, max_bperp: float, max_gap_days: float
) -> tuple[Pairs, npt.NDArray[np.bool_]]:
    """List the pairs worth surveying.

    Parameters
    ----------
    days : ndarray, (date,)
        Acquisition times, days, ascending.
    bperp : ndarray, (date,), or None
        Perpendicular baselines, m; None is unknown and limits by time only.
    max_bperp, max_gap_days : float
        Limits of a regular pair, m and days.

    Returns
    -------
    pairs : ndarray of int32, (pair, 2)
        Regular pairs and candidates for bridging, sorted.
    is_regular : ndarray of bool, (pair,)
        Whether the pair is within both limits. The others are bridging candidates: each date's next three dates
        beyond the limits, and its neighbours one year later, where long-lived coherence may join what a gap parts.
    """
    _check.in_range(0.0, float("inf"), max_bperp=max_bperp)
    _check.in_range(0.0, float("inf"), max_gap_days=max_gap_days)
    n = len(days)
    earlier, later = np.triu_indices(n, k=1)
    gap = days[later] - days[earlier]
    is_regular = gap <= max_gap_days
    if bperp is not None:
        is_regular &= np.abs(bperp[later] - bperp[earlier]) <= max_bperp
    beyond_before = np.concatenate([[0], np.cumsum(~is_regular)])[np.searchsorted(earlier, earlier)]
    rank = np.cumsum(~is_regular) - beyond_before
    is_bridging = ~is_regular & ((rank <= 3) | (np.abs(gap - 365.0) <= 24.0))
    keep = is_regular | is_bridging
    pairs = np.stack([earlier[keep], later[keep]], axis=1).astype(np.int32)
    return pairs, is_regular[keep]
