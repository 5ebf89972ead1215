"""Tracks combined: their biases, their disagreement, and the covariance of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import t as student

from subside.ops.corridor.grouped import GroupedMeans

FloatArray = npt.NDArray[np.float64]

_DISAGREEMENT_LENGTH: Final = 1000.0
"""Length over which what two tracks disagree beyond their errors is taken to be alike (motion sideways), m."""

_ITERATIONS: Final = 20
_SETTLED: Final = 1e-7
_FARTHEST: Final = 3.0
_LARGEST_DATUM: Final = 0.005


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
    r"""Constant bias of each track and what tracks disagree beyond their errors.

    The disagreement is the :math:`\tau^2` at which :math:`\sum r^2 / (\sigma^2 + \tau^2)` equals its degrees of
    freedom (Paule and Mandel 1982, J. Res. NBS 87), with residuals beyond three standard deviations drawn in; the bias
    is a median weighted by :math:`1 / \sqrt{\sigma^2 + \tau^2}`. Tracks may be of unequal quality.

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
    bias, between2 = np.zeros(n_tracks), 0.0
    for _ in range(_ITERATIONS):
        fresh = _fresh_bias(r, v, bias, between2)
        between2 = _surplus(r - fresh[:, None], v)
        moved, bias = float(np.max(np.abs(fresh - bias))), fresh
        if moved < _SETTLED:
            break
    residual, w = _residual(r - bias[:, None], v, between2)
    total = w.sum(axis=1)
    count = np.array([_effective_number(row[np.isfinite(row)]) for row in residual])
    own = np.where(total > 0, np.isfinite(r).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan) / count * np.pi / 2
    variance = own * (1.0 - 2.0 / n_tracks) + np.nansum(own) / n_tracks**2
    return bias, np.sqrt(variance), float(np.sqrt(between2))


def _residual(rate: FloatArray, variance: FloatArray, between2: float) -> tuple[FloatArray, FloatArray]:
    """Of each track from the weighted mean of tracks, and the weights, (track, bin); NaN and 0 where it is absent."""
    present = np.isfinite(rate)
    w = np.where(present, 1.0 / (np.where(present, variance, 1.0) + between2), 0.0)
    residual = np.where(present, rate - np.nansum(w * np.where(present, rate, 0.0), axis=0) / w.sum(axis=0), np.nan)
    return residual, w


def _fresh_bias(rate: FloatArray, variance: FloatArray, bias: FloatArray, between2: float) -> FloatArray:
    """Weighted median of what each track differs by from the mean of the tracks, sum zero."""
    residual, w = _residual(rate - bias[:, None], variance, between2)
    fresh = np.array(
        [_weighted_median(x[np.isfinite(x)], np.sqrt(u[np.isfinite(x)])) for x, u in zip(residual, w, strict=True)]
    )
    result: FloatArray = bias + fresh - np.mean(bias + fresh)
    return result


def _weighted_median(values: FloatArray, weight: FloatArray) -> float:
    if not len(values):
        return 0.0
    order = np.argsort(values)
    running = np.cumsum(weight[order]) - 0.5 * weight[order]
    return float(np.interp(0.5 * weight.sum(), running, values[order]))


def _surplus(rate: FloatArray, variance: FloatArray) -> float:
    """Variance beyond errors with which the weighted squares are as many as their degrees of freedom."""
    present = np.isfinite(rate)
    dof: int = int(present.sum()) - rate.shape[1] - (len(rate) - 1)

    def excess(between2: float) -> float:
        residual, w = _residual(rate, variance, between2)
        z2 = w[present] * residual[present] ** 2
        expected = (1.0 - w / w.sum(axis=0))[present]
        return float(np.minimum(z2, _FARTHEST**2 * expected).sum()) - dof

    if dof < 1 or excess(0.0) <= 0:
        return 0.0
    high: float = np.nanmax(rate**2) + np.nanmax(variance)
    return float(brentq(excess, 0.0, high)) if excess(high) < 0 else float(high)


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


def datum_shifts(std: float, n_tracks: int, n: int) -> FloatArray:
    """Quantiles at equal steps of the error of the mean datum, as few tracks tell it.

    The standard deviation rests on ``K - 1`` differences of tracks, so that the error over it is Student's t with as
    many degrees of freedom: with two tracks, 95 % lie within 12.7 standard deviations (two reference areas that move
    alike agree by chance, and their difference does not show it). Errors beyond 5 mm/yr are not drawn: reference areas
    that move faster would be seen to.

    Parameters
    ----------
    std : float
        From :func:`datum_std`, m/yr.
    n_tracks, n : int
        Tracks, and quantiles wanted.

    Returns
    -------
    ndarray of float64, (n,)
        m/yr, ascending; 0 for one track, which tells nothing of its datum.
    """
    if n_tracks < 2:
        return np.zeros(n)
    quantiles = student.ppf((np.arange(n) + 0.5) / n, n_tracks - 1)
    result: FloatArray = np.clip(std * quantiles, -_LARGEST_DATUM, _LARGEST_DATUM)
    return result


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
