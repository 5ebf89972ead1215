"""What temporal coherence phase noise reaches on a network, and the thresholds that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.kernels.gamma import fit_look_angle

_CHUNK = 20_000
_N_BINS = 100


@dataclass(frozen=True)
class TrialSlopes:
    """Trial look-angle errors of the periodogram.

    Attributes
    ----------
    trial : ndarray of float32, (trial,)
        rad/m, symmetric about zero, an eighth of a cycle apart across the baseline range.
    carrier : ndarray of complex64, (trial, pair)
        ``exp(-j trial bperp)`` at the mean baseline.
    bperp : ndarray of float32, (pair,)
        Mean baseline of each pair, m; zero where unknown.
    """

    trial: npt.NDArray[np.float32]
    carrier: npt.NDArray[np.complex64]
    bperp: npt.NDArray[np.float32]

    @property
    def resolution(self) -> float:
        """Slope that turns one cycle across the baseline range, rad/m; infinite for a single trial."""
        if len(self.trial) == 1:
            return float("inf")
        return float(2 * np.pi / np.ptp(self.bperp))


def trial_slopes(bperp: npt.NDArray[np.float64] | None, n_pairs: int, max_look_angle_error: float) -> TrialSlopes:
    """Trial slopes for a network.

    Parameters
    ----------
    bperp : ndarray of float64, (pair,), or None
        Mean perpendicular baseline of the pairs, m. None, or baselines without spread, gives the single
        trial 0.
    n_pairs : int
        Number of pairs.
    max_look_angle_error : float
        Largest slope searched, rad/m.

    Returns
    -------
    TrialSlopes
        Trials reach at least ``max_look_angle_error`` on both sides.
    """
    mean = np.zeros(n_pairs) if bperp is None else np.asarray(bperp, np.float64)
    spread = float(np.ptp(mean))
    if not spread > 0:
        return TrialSlopes(np.zeros(1, np.float32), np.ones((1, n_pairs), np.complex64), np.zeros(n_pairs, np.float32))
    step = np.pi / 4 / spread
    reach = int(np.ceil(max_look_angle_error / step))
    trial = step * np.arange(-reach, reach + 1)
    carrier = np.exp(-1j * trial[:, None] * mean[None, :])
    return TrialSlopes(trial.astype(np.float32), carrier.astype(np.complex64), mean.astype(np.float32))


@dataclass(frozen=True)
class RandomCoherence:
    """Sorted temporal coherences of pure phase noise on one network.

    Attributes
    ----------
    closing : ndarray of float32, (draw,)
        One uniform phase per date, differenced per pair: single-look noise.
    independent : ndarray of float32, (draw,)
        One uniform phase per pair: multilooked noise, whose triplets do not close.
    """

    closing: npt.NDArray[np.float32]
    independent: npt.NDArray[np.float32]


def random_coherence(
    pairs: npt.NDArray[np.integer], n_dates: int, *, slopes: TrialSlopes, n_random: int = 50_000, seed: int = 2006
) -> RandomCoherence:
    """Distribution of temporal coherence, after the fit of a look-angle error, of pixels without signal.

    Parameters
    ----------
    pairs : ndarray of int, (pair, 2)
        Date indices.
    n_dates : int
        Number of dates.
    slopes : TrialSlopes
        Trials used on the data.
    n_random : int
        Draws of each kind.
    seed : int
        Of the generator.

    Returns
    -------
    RandomCoherence
        Depends on the network only: compute it once for all tiles.
    """
    if n_random < 1000:
        raise ArgumentError(f"`n_random` must be at least 1000, got {n_random}")
    generator = np.random.default_rng(seed)
    patch = np.ones((1, len(pairs)), np.complex64)
    row = np.zeros(_CHUNK, np.int64)
    kinds: list[npt.NDArray[np.float32]] = []
    for closes in (True, False):
        parts = []
        for start in range(0, n_random, _CHUNK):
            n = min(_CHUNK, n_random - start)
            turns = generator.random((n, n_dates if closes else len(pairs)), dtype=np.float32)
            phase = turns[:, pairs[:, 1]] - turns[:, pairs[:, 0]] if closes else turns
            phase = np.float32(2 * np.pi) * phase
            parts.append(fit_look_angle(phase, patch, row[:n], slopes.bperp[None], slopes.trial, slopes.carrier)[1])
        kinds.append(np.sort(np.concatenate(parts)))
    return RandomCoherence(*kinds)


def noise_probability(coherence: npt.NDArray[np.float32], noise: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Share of pure noise among pixels of the same temporal coherence, 0 to 1.

    Parameters
    ----------
    coherence : ndarray of float32, (pixel,)
        Measured, 0 to 1.
    noise : ndarray of float32, (draw,)
        Sorted coherences of pure noise.

    Returns
    -------
    ndarray of float32, (pixel,)
        Ratio of histograms of 0.01, the noise scaled so that both hold as much below the median of the
        noise; 1 below that median, smoothed over 0.07.
    """
    edges = np.linspace(0, 1, _N_BINS + 1)
    found = np.histogram(coherence, edges)[0].astype(np.float64)
    expected = np.histogram(noise, edges)[0].astype(np.float64)
    median = noise[len(noise) // 2]
    expected *= float((coherence < median).sum()) / max(float((noise < median).sum()), 1.0)
    ratio = np.minimum(expected / np.maximum(found, 1), 1)
    low = int(median * _N_BINS)
    ratio[:low] = 1
    m = np.arange(-3, 4)
    taps = np.exp(-0.5 * (2.5 * m / 3) ** 2)
    padded = np.concatenate([np.ones(3), ratio, np.full(3, ratio[-1])])
    smooth = np.convolve(padded, taps / taps.sum(), mode="valid")
    centre = 0.5 * (edges[1:] + edges[:-1])
    return np.interp(coherence, centre, smooth).astype(np.float32)


def noise_threshold(
    coherence: npt.NDArray[np.float32],
    noise: npt.NDArray[np.float32],
    *,
    allowed: float,
    max_false_rate: float,
) -> float:
    """Coherence above which at most ``allowed`` of these pixels are expected to be noise.

    Parameters
    ----------
    coherence : ndarray of float32, (pixel,)
        Measured on pixels whose patch phase is independent of them.
    noise : ndarray of float32, (draw,)
        Sorted coherences of pure noise.
    allowed : float
        Expected number of noise pixels let through.
    max_false_rate : float
        Largest share of the noise let through even where little noise is present.

    Returns
    -------
    float
        Quantile of ``noise``. The noise present is taken as twice the pixels below the median of ``noise``.
    """
    n_noise = 2 * int((coherence < noise[len(noise) // 2]).sum())
    rate = min(allowed / n_noise, max_false_rate) if n_noise else max_false_rate
    return float(np.quantile(noise, 1 - rate))
