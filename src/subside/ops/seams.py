"""Phase jumps of an interferogram at the cuts between bursts: zero where the dates are aligned in azimuth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.ops.burst_lattice import BurstLattice

FloatArray = npt.NDArray[np.float64]

WINDOW: Final = (10, 32)
"""Lines and samples of a window."""

N_WINDOWS: Final = 4
"""Windows across a cut, two on either side."""

REACH: Final = N_WINDOWS // 2 * WINDOW[0]
"""Lines needed on either side of a cut."""

COEFFICIENTS: Final = (0.5, -1.5, 1.5, -0.5)
"""Phases of the windows in the jump: the step at the cut less the mean slope on either side."""

_MIN_POWER: Final = 10.0
"""Looks times squared mean phasor, which noise passes with probability exp(-10)."""


@dataclass(frozen=True)
class Seam:
    """Line of the merged grid on which one burst of a swath follows another.

    Attributes
    ----------
    swath : str
    earlier, later : int
        Ids of the bursts before and after the cut.
    line : int
        First merged line of the later burst.
    samples : slice
        Merged samples of the cut.
    """

    swath: str
    earlier: int
    later: int
    line: int
    samples: slice


def burst_seams(lattice: BurstLattice) -> tuple[Seam, ...]:
    """Cuts between bursts with enough lines on either side to measure a jump.

    Parameters
    ----------
    lattice : BurstLattice
        The merged grid.

    Returns
    -------
    tuple of Seam
        By swath, then line.
    """
    return tuple(_seams(lattice))


def _seams(lattice: BurstLattice) -> Iterator[Seam]:
    for a, b in pairwise(lattice.bursts):
        line = b.line + b.lines.start
        is_joined = a.swath == b.swath and a.line + a.lines.stop == line
        if is_joined and min(a.lines.stop - a.lines.start, b.lines.stop - b.lines.start) >= REACH:
            left = max(a.sample + a.samples.start, b.sample + b.samples.start)
            right = min(a.sample + a.samples.stop, b.sample + b.samples.stop)
            if right - left >= WINDOW[1]:
                yield Seam(a.swath, a.burst_id, b.burst_id, line, slice(left, right))


def window_jumps(
    earlier: npt.NDArray[np.complexfloating],
    later: npt.NDArray[np.complexfloating],
    *,
    n_looks_per_pixel: float,
) -> tuple[FloatArray, FloatArray]:
    """Measure the phase jump of a pair across the middle line of a patch.

    ``jump = (p_3 - p_2) - ((p_2 - p_1) + (p_4 - p_3)) / 2`` with ``p_k`` the mean direction of the interferogram over
    window ``k`` across the cut, each difference taken as the phase of a product; the second term takes away the slope
    of deformation and atmosphere. A shift of ``y`` lines of the later date that is left makes it ``-2 pi dF y``, with
    ``dF`` the Doppler of the earlier burst minus that of the later one, cycles per line.

    Every pixel counts alike, however bright: in the side lobes of a strong target the phase runs with the difference
    of the Doppler centroids of the dates, and would weigh more than the ground around it.

    Parameters
    ----------
    earlier, later : ndarray of complex, (2 * REACH, sample)
        Two dates around a cut between lines ``REACH - 1`` and ``REACH``; zero or NaN is no data.
    n_looks_per_pixel : float
        Independent looks of a pixel.

    Returns
    -------
    jump : ndarray of float64, (window,)
        rad, -pi to pi; NaN where a window is not coherent or half of it has no data.
    variance : ndarray of float64, (window,)
        rad^2, from the scatter of the pixels about the mean of their window; infinite where ``jump`` is NaN.

    Raises
    ------
    ArgumentError
        If the patches are not of one shape with ``2 * REACH`` lines.
    """
    _check.shape(earlier.shape, later=later)
    _check.in_range(1e-3, 1.0, n_looks_per_pixel=n_looks_per_pixel)
    if earlier.ndim != 2 or len(earlier) != 2 * REACH:
        raise ArgumentError(f"`earlier` must have {2 * REACH} lines, got shape {earlier.shape}")
    n = earlier.shape[1] // WINDOW[1]
    product = (earlier * np.conj(later))[:, : n * WINDOW[1]].reshape(N_WINDOWS, WINDOW[0], n, WINDOW[1])
    size = np.abs(product)
    is_known = np.isfinite(size) & (size > 0)
    phasor = np.where(is_known, product, 0.0) / np.where(is_known, size, 1.0)
    n_known = is_known.sum((1, 3))
    total = phasor.sum((1, 3), dtype=np.complex128)
    power = n_looks_per_pixel * np.abs(total) ** 2 / np.maximum(n_known, 1)
    usable = ((power > _MIN_POWER) & (n_known >= 0.5 * WINDOW[0] * WINDOW[1])).all(0)
    mean = total / np.where(total != 0, np.abs(total), 1.0)
    scatter = ((phasor * np.conj(mean)[:, None, :, None]).imag ** 2).sum((1, 3), dtype=np.float64)
    variance = scatter / (n_looks_per_pixel * np.where(usable, np.abs(total) ** 2, 1.0))
    step = np.angle(total[1:] * np.conj(total[:-1]))
    jump = np.angle(np.exp(1j * (step[1] - 0.5 * (step[0] + step[2]))))
    combined = np.einsum("k,kn->n", np.square(COEFFICIENTS), variance)
    return np.where(usable, jump, np.nan), np.where(usable, combined, np.inf)


def mean_jump(jump: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Mean direction of the jumps along a cut, weighted by their inverse variances, and its expected deviation.

    Parameters
    ----------
    jump, variance : ndarray of float64, (window,)
        Of :func:`window_jumps`.

    Returns
    -------
    jump, sigma : float
        rad; NaN when no window is coherent.
    """
    known = np.isfinite(jump) & (variance > 0) & np.isfinite(variance)
    if not known.any():
        return np.nan, np.nan
    weight = 1.0 / variance[known]
    return float(np.angle(weight @ np.exp(1j * jump[known]))), float(1.0 / np.sqrt(weight.sum()))
