"""Shifts of all dates from phases that are proportional to the shift of a pair: the solver of both image axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from subside import _check
from subside.errors import ArgumentError
from subside.ops.shift_sums import (
    PairShifts,
    SearchOptions,
    ShiftSums,
    flattened,
    pair_shifts,
    periodograms,
    trial_shifts,
)

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

PHASE_FLOOR = 0.05
"""rad: 3 degrees, the phase a cluster may differ by without losing weight."""

_HUBER = 2.0


@dataclass(frozen=True)
class NetworkShifts:
    """Shift of every date, actual minus predicted, zero at the reference.

    Attributes
    ----------
    shift, sigma : ndarray of float64, (date,)
        Pixels. Dates that the coherent pairs do not join to the reference keep shift 0 and sigma NaN.
    is_estimated : ndarray of bool, (date,)
        False where the geometry alone stands.
    pairs : PairShifts
        Each pair on its own.
    pair_residual : ndarray of float64, (pair,)
        Pair estimate minus network, less whole cycles, pixels; NaN for pairs that are not used.
    cluster_phase : ndarray of float64, (pair, cluster)
        Phase left, rad; NaN without data.
    cluster_shift : ndarray of float64, (date, cluster)
        What the cluster alone would add to the shift of a date, pixels; NaN where it cannot tell.
    cluster_coherence : ndarray of float64, (pair, cluster)
    """

    shift: FloatArray
    sigma: FloatArray
    is_estimated: BoolArray
    pairs: PairShifts
    pair_residual: FloatArray
    cluster_phase: FloatArray
    cluster_shift: FloatArray
    cluster_coherence: FloatArray


def _tree(pairs: IntArray, strength: FloatArray, shift: FloatArray, n_dates: int, reference: int) -> FloatArray:
    """Shifts along the strongest spanning tree from the reference; NaN where no pair of positive strength leads."""
    y = np.full(n_dates, np.nan)
    y[reference] = 0.0
    order = np.argsort(-strength, kind="stable")
    order = order[strength[order] > 0]
    found = True
    while found:
        found = False
        for k in order:
            i, j = pairs[k]
            if np.isnan(y[i]) != np.isnan(y[j]):
                if np.isnan(y[j]):
                    y[j] = y[i] + shift[k]
                else:
                    y[i] = y[j] - shift[k]
                found = True
                break
    return y


@dataclass(frozen=True)
class _System:
    """Gradient and curvature of the likelihood of the network at given shifts."""

    pairs: IntArray
    sums: ShiftSums
    free: npt.NDArray[np.intp]
    n_dates: int

    def parts(self, y: FloatArray) -> tuple[FloatArray, FloatArray, ComplexArray]:
        """Slope and curvature of each pair and bin, (pair, cluster, bin), and the phasors turned back."""
        f = 2 * np.pi * self.sums.frequency
        difference = (y[self.pairs[:, 1]] - y[self.pairs[:, 0]])[:, None, None]
        turned = self.sums.first * np.exp(-1j * f * difference)
        return f * turned.imag, f * f * turned.real, turned

    def gradient(self, per_pair: FloatArray) -> FloatArray:
        """Sum of signed pair values by date, (date, ...)."""
        out = np.zeros((self.n_dates, *per_pair.shape[1:]))
        np.add.at(out, self.pairs[:, 1], per_pair)
        np.subtract.at(out, self.pairs[:, 0], per_pair)
        return out

    def curvature(self, per_pair: FloatArray) -> FloatArray:
        """Hessian by date from the curvature of the pairs."""
        out = np.zeros((self.n_dates, self.n_dates))
        i, j = self.pairs.T
        np.add.at(out, (i, i), per_pair)
        np.add.at(out, (j, j), per_pair)
        np.subtract.at(out, (i, j), per_pair)
        np.subtract.at(out, (j, i), per_pair)
        return out


@dataclass(frozen=True)
class _Search:
    """Moves of single dates to other cycles."""

    system: _System
    likelihood: tuple[CubicSpline, ...]
    max_shift: float
    moves: FloatArray
    prior_std: float

    def _of(self, k: int, difference: FloatArray) -> FloatArray:
        """Log-likelihood of pair ``k``; past the greatest shift as at it."""
        return np.asarray(self.likelihood[k](np.clip(difference, -self.max_shift, self.max_shift)))

    def polished(self, y: FloatArray) -> FloatArray:
        """Climb the joint likelihood without leaving its lobe: curvatures that bound it from below."""
        free = self.system.free
        y = y.copy()
        for _ in range(50):
            slope, _, turned = self.system.parts(y)
            bound = ((2 * np.pi * self.system.sums.frequency) ** 2 * np.abs(turned)).sum((1, 2))
            gradient = self.system.gradient(slope.sum((1, 2)))[free]
            step = np.linalg.lstsq(self.system.curvature(bound)[np.ix_(free, free)], gradient, rcond=1e-12)[0]
            y[free] += step
            if np.max(np.abs(step), initial=0.0) < 1e-7:
                break
        return y

    def climb(self, start: FloatArray) -> tuple[FloatArray, float]:
        """Polish and move dates in turn until none moves; shifts and their log-posterior."""
        y = self.polished(start)
        pairs = self.system.pairs
        touching = [np.flatnonzero((pairs == d).any(1)) for d in range(len(y))]
        for _ in range(20):
            moved = False
            for d in map(int, self.system.free):
                trial = np.append(0.0, self.moves) + y[d]
                score: FloatArray = -0.5 * (trial / self.prior_std) ** 2
                for k in map(int, touching[d]):
                    i, j = pairs[k]
                    score = score + self._of(k, trial - y[i] if j == d else y[j] - trial)
                best = int(np.argmax(score))
                if score[best] > score[0] + 1e-6 * abs(score[0]):
                    y[d], moved = trial[best], True
            y = self.polished(y)
            if not moved:
                break
        _, _, turned = self.system.parts(y)
        return y, float(turned.real.sum() - 0.5 * np.sum((y / self.prior_std) ** 2))


def _cluster_scale(
    sums: ShiftSums, turned: ComplexArray, pairs_difference: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Phase left in each cluster and its standard deviation, (pair, cluster); NaN without data."""
    total = turned.sum(-1)
    height = np.where(sums.square.sum(-1) > 0, total.real, np.nan)
    back = sums.second * np.exp(-4j * np.pi * sums.frequency * pairs_difference[:, None, None])
    scatter = 0.5 * (sums.square.sum(-1) - back.sum(-1).real)
    with np.errstate(divide="ignore", invalid="ignore"):
        std = np.sqrt(np.maximum(scatter, 0.0)) / np.abs(height)
    return np.where(np.isfinite(height), np.angle(total), np.nan), std


def _huber(phase: FloatArray, std: FloatArray) -> FloatArray:
    """Weight of each cluster: 1 while its phase stays within what noise, the floor and the pair's spread allow."""
    spread = np.array([np.nanmedian(np.abs(row)) if np.isfinite(row).any() else 0.0 for row in phase])
    scale = np.sqrt(np.nan_to_num(std, posinf=np.pi) ** 2 + np.maximum(PHASE_FLOOR, 1.4826 * spread)[:, None] ** 2)
    return np.asarray(np.nan_to_num(np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(phase), 1e-12))))


def _solve(system: _System, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Robust Newton iteration; shifts, cluster weights, covariance of the free dates."""
    free = system.free
    weight = np.ones(system.sums.first.shape[:2])
    for _ in range(30):
        slope, bend, turned = system.parts(y)
        phase, std = _cluster_scale(system.sums, turned, y[system.pairs[:, 1]] - y[system.pairs[:, 0]])
        weight = _huber(phase, std)
        curvature = system.curvature((weight * bend.sum(-1)).sum(-1))[np.ix_(free, free)]
        gradient = system.gradient((weight * slope.sum(-1)).sum(-1))[free]
        step = np.linalg.lstsq(curvature, gradient, rcond=1e-12)[0]
        y = y.copy()
        y[free] += step
        if np.max(np.abs(step), initial=0.0) < 1e-9:
            break
    slope, bend, turned = system.parts(y)
    phase, std = _cluster_scale(system.sums, turned, y[system.pairs[:, 1]] - y[system.pairs[:, 0]])
    inverse = np.linalg.pinv(system.curvature((weight * bend.sum(-1)).sum(-1))[np.ix_(free, free)])
    score = system.gradient(weight[..., None] * slope)[free].reshape(len(free), -1)
    score = score[:, np.any(score != 0, axis=0)]
    n = max(score.shape[1], 2)
    covariance = inverse @ (score @ score.T) @ inverse * (n / (n - 1.0))
    known = np.isfinite(phase) & (std > 0)
    excess = 1.4826 * float(np.median(np.abs(phase[known]) / std[known])) if known.sum() >= 8 else 1.0
    return y, weight, np.asarray(covariance * max(1.0, excess) ** 2)


def estimate_network(
    sums: ShiftSums, pairs: IntArray, *, n_dates: int, reference: int, options: SearchOptions
) -> NetworkShifts:
    """Shift of every date from all pairs at once, whole cycles included.

    The joint likelihood ``sum_ij Re sum w u exp(-2 pi j F (y_j - y_i))`` is climbed from the strongest spanning
    tree and from zero, dates being moved to other cycles one at a time; the better end is polished by Newton steps
    with Huber's weights of clusters. Nothing is ever unwrapped; clusters of different ``F`` settle the cycle. The
    covariance is the sandwich of scores summed over pairs bin by bin, because pairs that share a date share its
    noise; it grows with the spread of clusters beyond their own noise.

    Parameters
    ----------
    sums : ShiftSums
        (pair, cluster, N_BINS).
    pairs : ndarray of int32, (pair, 2)
        Date indices (earlier, later).
    n_dates, reference : int
        Number of dates, and the one whose shift is zero.
    options : SearchOptions

    Returns
    -------
    NetworkShifts
        Dates that no chain of coherent pairs joins to the reference are flagged, never refused.

    Raises
    ------
    ArgumentError
        If ``pairs`` does not match ``sums`` or names dates that do not exist.
    """
    pairs = np.asarray(pairs, np.int32)
    if pairs.shape != (len(sums.first), 2) or (pairs.size and not 0 <= pairs.min() <= pairs.max() < n_dates):
        raise ArgumentError(
            f"`pairs` must hold ({len(sums.first)}, 2) indices below {n_dates}, got shape {pairs.shape}"
        )
    _check.in_range(0, n_dates - 1, reference=reference)
    flat = flattened(sums)
    grid = trial_shifts(flat, options)
    likelihood = periodograms(flat, grid)
    single = pair_shifts(flat, grid, likelihood, options)
    strength = np.where(single.is_coherent, -np.log(np.maximum(single.p_value, 1e-300)), 0.0)
    strength = np.where(single.is_coherent & (single.sigma > 0), 1.0 / single.sigma**2, strength)
    tree = _tree(pairs, strength, single.shift, n_dates, reference)
    is_estimated = np.isfinite(tree)
    used = single.is_coherent & is_estimated[pairs].all(1)
    start = np.where(is_estimated, tree, 0.0)
    free = np.flatnonzero(is_estimated & (np.arange(n_dates) != reference))
    y, sigma = np.zeros(n_dates), np.where(is_estimated, 0.0, np.nan)
    kept = ShiftSums(sums.frequency[used], sums.first[used], sums.second[used], sums.square[used], sums.coherence[used])
    system = _System(pairs[used], kept, free, n_dates)
    if len(free):
        fine = np.linspace(-options.max_shift, options.max_shift, 4 * (len(grid) - 1) + 1)
        splines = tuple(CubicSpline(grid, likelihood[k]) for k in np.flatnonzero(used))
        search = _Search(system, splines, options.max_shift, fine, options.prior_std)
        ends = [search.climb(s) for s in (start, np.zeros(n_dates))]
        best = max(ends, key=lambda end: end[1])[0]
        y, _, covariance = _solve(system, best)
        sigma[free] = np.sqrt(np.diag(covariance))
    return _dressed(sums, system, used, single, (y, sigma, is_estimated))


def _dressed(
    sums: ShiftSums,
    system: _System,
    used: BoolArray,
    single: PairShifts,
    found: tuple[FloatArray, FloatArray, BoolArray],
) -> NetworkShifts:
    """Residuals and diagnostics of a solved network."""
    y, sigma, is_estimated = found
    n_clusters = sums.first.shape[1]
    _, _, turned = system.parts(y)
    difference = y[system.pairs[:, 1]] - y[system.pairs[:, 0]]
    phase = np.full((len(used), n_clusters), np.nan)
    phase[used] = _cluster_scale(system.sums, turned, difference)[0]
    residual = np.full(len(used), np.nan)
    mass = np.abs(system.sums.first).sum((1, 2))
    frequency = (np.abs(system.sums.first) * system.sums.frequency).sum((1, 2)) / np.where(mass > 0, mass, 1.0)
    raw = single.shift[used] - difference
    cycle = 1.0 / np.where(frequency > 0, frequency, np.inf)
    residual[used] = raw - np.where(np.isfinite(cycle), cycle * np.rint(raw * frequency), 0.0)
    size = np.abs(turned)
    total = np.abs(turned.sum(-1))
    turns = 2 * np.pi * (size * system.sums.frequency).sum(-1) / np.where(total > 0, size.sum(-1), 1.0)
    pull, bend = total * turns * np.nan_to_num(phase[used]), total * turns**2
    alone = np.full((len(y), n_clusters), np.nan)
    for c in range(n_clusters):
        curvature = system.curvature(bend[:, c])[np.ix_(system.free, system.free)]
        told = np.diag(curvature) > 0
        if told.any():
            part = np.linalg.pinv(curvature[np.ix_(told, told)])
            alone[system.free[told], c] = part @ system.gradient(pull[:, c])[system.free[told]]
    return NetworkShifts(y, sigma, is_estimated, single, residual, phase, alone, np.asarray(sums.coherence))
