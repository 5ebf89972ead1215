"""Enhanced spectral diversity: azimuth shifts from ground that two bursts see at different Doppler frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.kernels.looks import window_looks
from subside.model.offsets import OffsetModel
from subside.ops.burst_lattice import Overlap
from subside.ops.coregister import offsets_at
from subside.ops.shift_sums import N_BINS, SearchOptions, ShiftSums, bin_sums, phase_weight
from subside.ops.tops import TopsModel

FloatArray = npt.NDArray[np.float64]

WINDOW: Final = (10, 20)
"""Lines and samples averaged before the looks are compared."""

AZIMUTH_SEARCH: Final = SearchOptions(max_shift=0.2, prior_std=0.05)
"""Precise orbits leave at most 0.05 line; a cycle is 0.10 to 0.12 line."""

_VARIANCE_FLOOR = 0.01
"""rad^2: no window counts for more than a phase error of 0.1 rad allows, however coherent."""


@dataclass(frozen=True)
class OverlapLooks:
    """Both looks of one date at an overlap, on the grid of the reference, flattened.

    Attributes
    ----------
    first, second : ndarray of complex64, (line, sample)
        From the earlier and the later burst. Zero is no data.
    separation : ndarray of float64, (sample,)
        Doppler of the first look minus that of the second, cycles per line.
    """

    first: npt.NDArray[np.complex64]
    second: npt.NDArray[np.complex64]
    separation: FloatArray

    def __post_init__(self) -> None:
        """Validate shapes."""
        _check.shape(self.first.shape, second=self.second)
        _check.shape((self.first.shape[1],), separation=self.separation)


def doppler_separation(
    overlap: Overlap, models: tuple[TopsModel, TopsModel], *, offsets: tuple[OffsetModel, OffsetModel] | None = None
) -> FloatArray:
    """Doppler frequency of the first look minus that of the second at the samples of an overlap.

    ``f(t_b, tau) - f(t_b+1, tau)`` at the middle line; it does not depend on the line.

    Parameters
    ----------
    overlap : Overlap
    models : tuple of TopsModel
        Of the earlier and the later burst of one date.
    offsets : tuple of OffsetModel, optional
        Of that date against the two reference bursts; none for the reference date.

    Returns
    -------
    ndarray of float64, (sample,)
        Cycles per line.
    """
    sample = np.arange(overlap.samples.start, overlap.samples.stop, dtype=np.float64)
    doppler = []
    for k, lines in enumerate((overlap.lines, overlap.second_lines)):
        line, at = np.full_like(sample, 0.5 * (lines.start + lines.stop - 1)), sample
        if offsets is not None:
            moved = offsets_at(offsets[k], line=line[:1], sample=sample, height=offsets[k].height_origin)[:, 0]
            line, at = line + moved[0], sample + moved[1]
        doppler.append(models[k].instantaneous_doppler(line, at))
    return np.asarray((doppler[0] - doppler[1]) * models[0].line_interval)


def esd_sums(
    earlier: OverlapLooks, later: OverlapLooks, *, n_looks_per_pixel: float, window: tuple[int, int] = WINDOW
) -> ShiftSums:
    """Sums of one pair over one overlap for :func:`subside.ops.shift_network.estimate_network`.

    The interferogram of each look is averaged over windows, ``I_1`` and ``I_2``; a shift ``y`` lines of the later date
    against the earlier gives ``arg(I_1 conj(I_2)) = 2 pi dF y`` with ``dF`` the mean separation of the two dates.
    Weights are the inverse variances of that phase, ``(1 - c^2) / (2 L c^2)`` of each look, bias of the coherence
    removed, so that windows without coherence count for nothing.

    Parameters
    ----------
    earlier, later : OverlapLooks
        Two dates on the same pixels.
    n_looks_per_pixel : float
        Independent looks of a pixel (``TopsModel.n_looks_per_pixel``).
    window : tuple of int
        Lines and samples.

    Returns
    -------
    ShiftSums
        Of one cluster; windows are binned by range, where the separation varies.
    """
    _check.shape(earlier.first.shape, later=later.first)
    _check.in_range(1e-3, 1.0, n_looks_per_pixel=n_looks_per_pixel)
    window = (min(window[0], earlier.first.shape[0]), min(window[1], earlier.first.shape[1]))
    products, powers = window_looks(earlier.first, later.first, earlier.second, later.second, *window)
    n_columns = products.shape[2]
    looks = powers[4] * n_looks_per_pixel
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.nan_to_num(np.abs(products) ** 2 / (powers[0:4:2] * powers[1:4:2]))
    g, variance = phase_weight(square, looks)
    usable = (powers[4] >= 0.5 * window[0] * window[1]) & np.isfinite(variance).all(0)
    weight = np.where(usable, 1.0 / np.maximum(variance.sum(0), _VARIANCE_FLOOR), 0.0)
    separation = 0.5 * (earlier.separation + later.separation)[: n_columns * window[1]]
    frequency = np.broadcast_to(separation.reshape(n_columns, window[1]).mean(1), weight.shape)
    bins = np.broadcast_to(np.arange(n_columns) * min(N_BINS, n_columns) // max(n_columns, 1), weight.shape)
    full = powers[4] > 0
    return bin_sums(
        frequency.ravel(),
        (products[0] * np.conj(products[1])).ravel(),
        weight.ravel(),
        bins=bins.ravel().astype(np.intp),
        coherence=float(np.sqrt(g[:, full].mean())) if full.any() else np.nan,
    )


def along_track_trend(cluster_shift: FloatArray, time: FloatArray) -> FloatArray:
    """Slope of the shift each overlap adds, by date: an orbit drift or the ionosphere, not a rigid shift.

    Parameters
    ----------
    cluster_shift : ndarray of float64, (date, cluster)
        Of :class:`subside.ops.shift_network.NetworkShifts`, lines; NaN is ignored.
    time : ndarray of float64, (cluster,)
        Zero-Doppler time of each overlap, s.

    Returns
    -------
    ndarray of float64, (date,)
        Lines per second; NaN with fewer than two times.
    """
    out = np.full(len(cluster_shift), np.nan)
    for d, row in enumerate(cluster_shift):
        known = np.isfinite(row)
        if known.any() and np.ptp(time[known]) > 0:
            centred = time[known] - time[known].mean()
            out[d] = float(centred @ row[known] / (centred @ centred))
    return out
