"""Tracks combined: their biases, their disagreement, and the covariance of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.ops.corridor.grouped import GroupedMeans

FloatArray = npt.NDArray[np.float64]

_DISAGREEMENT_LENGTH: Final = 1000.0
"""Length over which what two tracks disagree beyond their errors is taken to be alike (motion sideways), m."""


@dataclass(frozen=True)
class BinErrors:
    """Covariance of the errors of bins: ``sum_k a_ik a_jk exp(-|s_i - s_j| / L_k)`` and own noise on the diagonal.

    Attributes
    ----------
    amplitude : ndarray of float64, (bin, component)
        ``a``, unit of the values; NaN where a bin is empty.
    lengths : ndarray of float64, (component,)
        ``L``, m.
    own : ndarray of float64, (bin,)
        Variance of the noise that no two bins share.
    """

    amplitude: FloatArray
    lengths: FloatArray
    own: FloatArray

    @property
    def std(self) -> FloatArray:
        """Standard deviation of each bin."""
        result: FloatArray = np.sqrt((self.amplitude**2).sum(axis=1) + self.own)
        return result

    def levelled(self) -> BinErrors:
        """The same with one amplitude a component, the median, and what a bin has beyond it as own noise.

        Under errors that are shared but of unequal size the best estimate lies outside the range of the data (the
        puzzle of Peelle; D'Agostini 1994, Nucl. Instrum. Meth. A 346): sizes known as roughly as these must not be
        trusted so far.
        """
        known = np.isfinite(self.own)
        if not known.any() or not len(self.lengths):
            return self
        level = np.median(self.amplitude[known], axis=0)
        beyond = np.maximum(self.amplitude**2 - level**2, 0.0).sum(axis=1)
        return BinErrors(np.where(known[:, None], level, np.nan), self.lengths, self.own + beyond)

    def covariance(
        self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], distance: FloatArray
    ) -> FloatArray:
        """Covariance of pairs of bins, same shape as the arguments; distance in m."""
        result = np.where(first == second, self.own[first], 0.0)
        for k, length in enumerate(self.lengths):
            result = result + self.amplitude[first, k] * self.amplitude[second, k] * np.exp(-distance / length)
        return result


def track_biases(rate: FloatArray, std: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Constant bias of each track and what tracks disagree beyond their errors.

    Parameters
    ----------
    rate, std : ndarray of float64, (track, bin)
        Of each track; NaN where it has no points.

    Returns
    -------
    bias, bias_std : ndarray of float64, (track,)
        Sum zero; NaN standard deviation where there are fewer than three bins in common.
    between : float
        Excess standard deviation from bin to bin.
    """
    n_tracks = len(rate)
    both = np.isfinite(rate).sum(axis=0) > 1
    if n_tracks == 1 or np.count_nonzero(both) < 3:
        return np.zeros(n_tracks), np.full(n_tracks, np.nan), 0.0
    r, v = rate[:, both], std[:, both] ** 2
    present = np.isfinite(r)
    bias, between2 = np.zeros(n_tracks), 0.0
    for _ in range(20):
        w = np.where(present, 1.0 / (v + between2), 0.0)
        centre = np.nansum(w * (r - bias[:, None]), axis=0) / w.sum(axis=0)
        residual = np.where(present, r - centre, np.nan)
        fresh = np.nanmedian(residual, axis=1)
        fresh -= fresh.mean()
        spread = np.where(present, residual - fresh[:, None], np.nan)
        dof = present.sum() - r.shape[1] - (n_tracks - 1)
        robust = np.minimum(np.abs(spread), 3 * np.sqrt(v + between2))
        surplus = np.nansum(robust**2) / max(dof, 1) - np.nansum(v) / present.sum()
        between2 = max(float(surplus), 0.0)
        if np.max(np.abs(fresh - bias)) < 1e-7:
            break
        bias = fresh
    scale = np.sqrt(np.nanmean(v, axis=1) + between2)
    n_effective = np.array([_effective_number(row[np.isfinite(row)]) for row in spread])
    return bias, scale * np.sqrt(np.pi / 2 / n_effective), float(np.sqrt(between2))


def _effective_number(series: FloatArray) -> float:
    """Independent values in a series, from its autocorrelation up to the first lag where it is not positive."""
    centred = series - series.mean()
    power = float(centred @ centred)
    total = 1.0
    for lag in range(1, len(series) // 2):
        correlation = float(centred[lag:] @ centred[:-lag]) / power if power > 0 else 0.0
        if correlation <= 0:
            break
        total += 2.0 * correlation
    return max(len(series) / total, 1.0)


def track_shares(std: FloatArray, between: float) -> FloatArray:
    """Weight of each track in each bin, (track, bin); 0 where it has no points."""
    weight = np.where(np.isfinite(std), 1.0 / np.where(np.isfinite(std), std**2 + between**2, 1.0), 0.0)
    total = weight.sum(axis=0)
    result: FloatArray = weight / np.where(total > 0, total, 1.0)
    return result


def datum_std(bias: FloatArray) -> float:
    """Standard deviation of the mean datum as far as the biases of tracks tell it; 0 for one track."""
    n = len(bias)
    return float(np.sqrt((bias**2).sum() / (n * (n - 1)))) if n > 1 else 0.0


def combined_errors(
    means: Sequence[GroupedMeans], lengths_of: Sequence[FloatArray], share: FloatArray, between: float
) -> BinErrors:
    """Errors of the combination: components of all tracks side by side, and the disagreement as one more."""
    n_bins = share.shape[1]
    known = share.sum(axis=0) > 0
    amplitude: list[Any] = []
    lengths: list[float] = []
    own = np.zeros(n_bins)
    for k, (m, track_lengths) in enumerate(zip(means, lengths_of, strict=True)):
        present = share[k] > 0
        used = np.flatnonzero(np.nan_to_num(m.shared).any(axis=0))
        part = np.where(present[:, None], np.sqrt(np.nan_to_num(m.shared[:, used])) * share[k][:, None], 0.0)
        amplitude.append(part)
        lengths += track_lengths[used].tolist()
        own += np.where(present, share[k] ** 2 * np.nan_to_num(m.own), 0.0)
    if between > 0:
        amplitude.append((between * np.sqrt((share**2).sum(axis=0)))[:, None])
        lengths.append(_DISAGREEMENT_LENGTH)
    stacked = np.concatenate(amplitude, axis=1) if amplitude else np.zeros((n_bins, 0))
    return BinErrors(
        np.where(known[:, None], stacked, np.nan), np.array(lengths, np.float64), np.where(known, own, np.nan)
    )
