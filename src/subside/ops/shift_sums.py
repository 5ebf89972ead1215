"""Sums of phasors whose phase is proportional to a shift, and the shift of single pairs: for both image axes.

A pair of dates gives phasors ``u`` whose phase is ``2 pi F (y_j - y_i)``: ``F`` cycles per pixel of shift, one value
per bin. Sums of ``w u`` over the windows of a bin hold all there is to know, so that the network needs no pixel again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
BoolArray = npt.NDArray[np.bool_]

N_BINS = 32
"""Bins of a cluster; what is not used has no weight."""

STEPS_PER_CYCLE = 16
"""Trial shifts in a cycle of the fastest bin."""


@dataclass(frozen=True)
class ShiftSums:
    """Sums of one pair over one cluster (an overlap), or of many: leading axes are free.

    Attributes
    ----------
    frequency : ndarray of float64, (..., N_BINS)
        ``F``, cycles per pixel of shift.
    first : ndarray of complex128, (..., N_BINS)
        ``sum w u``, ``|u| = 1``, ``w`` the inverse variance of the phase of ``u`` (1/rad^2).
    second : ndarray of complex128, (..., N_BINS)
        ``sum w^2 u^2``.
    square : ndarray of float64, (..., N_BINS)
        ``sum w^2``.
    coherence : ndarray of float64, (...,)
        Mean coherence of the windows, bias removed; NaN without any.
    """

    frequency: FloatArray
    first: ComplexArray
    second: ComplexArray
    square: FloatArray
    coherence: FloatArray

    @classmethod
    def stacked(cls, parts: Sequence[ShiftSums]) -> ShiftSums:
        """Join along a new first axis."""
        fields = ("frequency", "first", "second", "square", "coherence")
        return cls(*(np.stack([getattr(p, f) for p in parts]) for f in fields))

    @classmethod
    def empty(cls) -> ShiftSums:
        """A cluster a pair has no data in."""
        zero = np.zeros(N_BINS)
        return cls(zero, zero.astype(complex), zero.astype(complex), zero, np.asarray(np.nan))


def bin_sums(
    frequency: FloatArray, phasor: ComplexArray, weight: FloatArray, *, bins: npt.NDArray[np.intp], coherence: float
) -> ShiftSums:
    """Sum windows into the bins of one cluster.

    Parameters
    ----------
    frequency : ndarray of float64, (window,)
        Cycles per pixel of shift.
    phasor : ndarray of complex128, (window,)
        Of any length; 0 has no weight.
    weight : ndarray of float64, (window,)
        Inverse variance of the phase, 1/rad^2.
    bins : ndarray of intp, (window,)
        Bin of each window, below N_BINS.
    coherence : float
        Mean over the cluster.

    Returns
    -------
    ShiftSums
        Of one cluster.
    """
    size = np.abs(phasor)
    weight = np.where(size > 0, weight, 0.0)
    u = phasor / np.where(size > 0, size, 1.0)

    def total(values: npt.NDArray[np.floating]) -> FloatArray:
        return np.asarray(np.bincount(bins, values, N_BINS), np.float64)

    def complex_total(values: ComplexArray) -> ComplexArray:
        return np.asarray(total(values.real) + 1j * total(values.imag))

    mass = total(weight)
    mean = total(weight * frequency) / np.where(mass > 0, mass, 1.0)
    return ShiftSums(
        mean, complex_total(weight * u), complex_total(weight**2 * u**2), total(weight**2), np.asarray(coherence)
    )


def phase_weight(coherence_square: npt.ArrayLike, n_looks: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Bias-free squared coherence and variance of the phase of a window.

    ``g = (L c^2 - 1) / (L - 1)``, not below 0; ``var = (1 - g) / (2 L g)``, infinite at ``g = 0``.
    """
    looks = np.maximum(np.asarray(n_looks, np.float64), 1.0 + 1e-6)
    g = np.clip((looks * np.asarray(coherence_square) - 1.0) / (looks - 1.0), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return g, np.asarray((1.0 - g) / (2.0 * looks * g))


@dataclass(frozen=True)
class SearchOptions:
    """Where shifts are sought.

    Attributes
    ----------
    max_shift : float
        Greatest shift of a pair, pixels.
    prior_std : float
        Standard deviation of the shift of a date before it is measured, pixels. It chooses between cycles that the
        data cannot tell apart and nothing else.
    false_alarm : float
        Probability that a pair without coherence passes.
    """

    max_shift: float
    prior_std: float
    false_alarm: float = 1e-3

    def __post_init__(self) -> None:
        """Validate ranges."""
        _check.in_range(1e-6, 100.0, max_shift=self.max_shift)
        _check.in_range(1e-6, 100.0, prior_std=self.prior_std)
        _check.in_range(1e-12, 0.5, false_alarm=self.false_alarm)


@dataclass(frozen=True)
class PairShifts:
    """Each pair on its own.

    Attributes
    ----------
    shift, sigma : ndarray of float64, (pair,)
        Later minus earlier date, pixels; NaN without data, sigma also with a single window.
    p_value : ndarray of float64, (pair,)
        Bound of the probability of as strong a peak without coherence.
    is_coherent : ndarray of bool, (pair,)
        ``p_value`` below ``false_alarm``.
    """

    shift: FloatArray
    sigma: FloatArray
    p_value: FloatArray
    is_coherent: BoolArray


def _rotated(first: ComplexArray, frequency: FloatArray, shift: FloatArray | float) -> ComplexArray:
    return np.asarray(first * np.exp(-2j * np.pi * frequency * shift))


def trial_shifts(sums: ShiftSums, options: SearchOptions) -> FloatArray:
    """Odd number of trial shifts, 0 in the middle."""
    fastest = float(np.max(np.abs(sums.frequency), initial=0.0)) or 1.0
    n = int(np.ceil(options.max_shift * fastest * STEPS_PER_CYCLE))
    return np.linspace(-options.max_shift, options.max_shift, 2 * max(n, 8) + 1)


def periodograms(sums: ShiftSums, grid: FloatArray) -> FloatArray:
    """Log-likelihood of trial shifts, (pair, trial)."""
    n_pairs = len(sums.first)
    out = np.empty((n_pairs, len(grid)))
    for k in range(n_pairs):
        used = sums.square[k] > 0
        turn = np.exp(-2j * np.pi * np.multiply.outer(sums.frequency[k][used], grid))
        out[k] = (sums.first[k][used] @ turn).real
    return out


def _newton(sums: ShiftSums, k: int, start: float) -> tuple[float, float]:
    """Stationary point of one pair's likelihood near ``start``, and its sandwich variance."""
    f, first = 2 * np.pi * sums.frequency[k], sums.first[k]
    y = start
    for _ in range(20):
        turned = first * np.exp(-1j * f * y)
        curvature = float(np.sum(f * f * turned.real))
        if curvature <= 0:
            break
        step = float(np.sum(f * turned.imag)) / curvature
        y += step
        if abs(step) < 1e-10:
            break
    turned = first * np.exp(-1j * f * y)
    curvature = float(np.sum(f * f * turned.real))
    scatter = 0.5 * np.sum(f * f * (sums.square[k] - (sums.second[k] * np.exp(-2j * f * y)).real))
    return y, float(scatter) / curvature**2 if curvature > 0 else np.nan


def estimate_pairs(sums: ShiftSums, options: SearchOptions) -> PairShifts:
    """Shift of each pair: highest peak of its periodogram, then the root of its slope.

    The peak is that of ``Re sum w u exp(-2 pi j F y)``; at the root ``Im sum F w u exp(-2 pi j F y) = 0``, which for
    one frequency is the argmin of eq. 1 of the paper. The variance is that of the observed scatter of windows
    about the estimate. Without coherence ``|sum w u|^2 / sum w^2`` is exponential, so that a peak of height ``T``
    standard deviations is passed with a probability of at most ``n exp(-T^2 / 2)`` for ``n`` cycles searched.

    Parameters
    ----------
    sums : ShiftSums
        (pair, cluster, N_BINS).
    options : SearchOptions

    Returns
    -------
    PairShifts
    """
    flat = flattened(sums)
    grid = trial_shifts(flat, options)
    return pair_shifts(flat, grid, periodograms(flat, grid), options)


def flattened(sums: ShiftSums) -> ShiftSums:
    """All clusters of a pair as one, (pair, bin)."""
    if sums.first.ndim != 3:
        raise ArgumentError(f"`sums` must have shape (pair, cluster, bin), got {sums.first.shape}")
    n = len(sums.first)
    return ShiftSums(
        sums.frequency.reshape(n, -1), sums.first.reshape(n, -1), sums.second.reshape(n, -1),
        sums.square.reshape(n, -1), sums.coherence,
    )  # fmt: skip


def _peaks(posterior: FloatArray) -> npt.NDArray[np.intp]:
    """Trial shifts that may be nearest to the highest peak: local maxima not far below the highest."""
    before, after = np.append(-np.inf, posterior[:-1]), np.append(posterior[1:], -np.inf)
    top = float(posterior.max())
    return np.flatnonzero((posterior >= before) & (posterior >= after) & (posterior >= top - 0.05 * abs(top) - 1e-9))


def pair_shifts(flat: ShiftSums, grid: FloatArray, likelihood: FloatArray, options: SearchOptions) -> PairShifts:
    """:func:`estimate_pairs` with what the network needs besides."""
    n = len(flat.first)
    shift, variance, p_value = np.full(n, np.nan), np.full(n, np.nan), np.ones(n)
    prior = 0.25 * (grid / options.prior_std) ** 2
    cycles = 1.0 + np.ceil(2.0 * options.max_shift * np.max(np.abs(flat.frequency), initial=0.0))
    for k in range(n):
        power = float(flat.square[k].sum())
        if power <= 0:
            continue
        best, height = -np.inf, 0.0
        for start in _peaks(likelihood[k] - prior):
            y, square = _newton(flat, k, float(grid[start]))
            top = float(_rotated(flat.first[k], flat.frequency[k], y).sum().real)
            if top - 0.25 * (y / options.prior_std) ** 2 > best:
                best, height = top - 0.25 * (y / options.prior_std) ** 2, top
                shift[k], variance[k] = y, square
        p_value[k] = min(1.0, cycles * np.exp(-(max(height, 0.0) ** 2) / power))
    sigma = np.sqrt(np.where(variance > 0, variance, np.nan))
    return PairShifts(shift, sigma, p_value, p_value < options.false_alarm)
