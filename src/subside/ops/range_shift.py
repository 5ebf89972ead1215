"""Range shifts of pairs from the slope of the cross-spectrum: spectral diversity along range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.signal.windows import tukey

from subside import _check
from subside.ops.shift_sums import SearchOptions, ShiftSums, bin_sums, phase_weight
from subside.ops.tops import TopsModel

SEGMENT: Final = 64
"""Samples of a spectrum."""

RANGE_SEARCH: Final = SearchOptions(max_shift=1.0, prior_std=0.3)
"""Delays of the troposphere and orbits leave at most 0.1 sample."""

_BLOCK_LINES = 48
_BAND = 0.9
_VARIANCE_FLOOR = 0.01
_TAPER = tukey(SEGMENT, 0.25, sym=False).astype(np.float32)
"""Without it the sidelobes of a segment pull frequencies to the middle of the band and shifts 2 % toward zero."""


@dataclass(frozen=True)
class RangeSpectra:
    """Spectra of the segments of one look of one date.

    Attributes
    ----------
    spectra : ndarray of complex64, (block, line, segment, 2, bin)
        At positive and negative frequencies; zero where a segment has a gap.
    frequency : ndarray of float64, (bin,)
        Cycles per sample, of the positive ones.
    looks_per_line : float
        Independent looks of a line.
    """

    spectra: npt.NDArray[np.complex64]
    frequency: npt.NDArray[np.float64]
    looks_per_line: float


def range_spectra(tile: npt.NDArray[np.complex64], model: TopsModel) -> RangeSpectra:
    """Spectra of one look at an overlap (or of any tile), once per date.

    Parameters
    ----------
    tile : ndarray of complex64, (line, sample)
        Flattened, on the grid of the reference. Zero is no data.
    model : TopsModel
        Gives the bandwidths.

    Returns
    -------
    RangeSpectra
    """
    _check.dtype(np.complex64, tile=tile)
    n_blocks = max(1, tile.shape[0] // _BLOCK_LINES)
    per_block, n_segments = tile.shape[0] // n_blocks, tile.shape[1] // SEGMENT
    cut = tile[: n_blocks * per_block, : n_segments * SEGMENT].reshape(n_blocks, per_block, n_segments, SEGMENT)
    gap = (cut == 0).any(-1)
    last = int(0.5 * _BAND * SEGMENT * model.range_bandwidth / model.range_sampling_rate)
    wanted = np.arange(1, last + 1)
    spectrum = np.asarray(fft.fft(cut * _TAPER, axis=-1))
    pair = np.stack([spectrum[..., wanted], spectrum[..., -wanted]], axis=-2)
    pair[gap] = 0
    looks = model.n_looks_per_pixel * model.range_sampling_rate / model.range_bandwidth
    return RangeSpectra(np.asarray(pair, np.complex64), wanted / SEGMENT, min(looks, 1.0))


def range_sums(earlier: RangeSpectra, later: RangeSpectra) -> ShiftSums:
    """Sums of one pair over one tile for :func:`subside.ops.shift_network.estimate_network`.

    The cross-spectrum ``X(f) = sum_lines S_i conj(S_j)`` of a block has the phase ``2 pi f r + c`` for a shift of ``r``
    samples of the later date; ``X(f) conj(X(-f))`` has ``2 pi (2 f) r``, whatever phase ``c`` the block has.

    Parameters
    ----------
    earlier, later : RangeSpectra
        Two dates on the same pixels.

    Returns
    -------
    ShiftSums
        Of one cluster, one bin per frequency.
    """
    a, b = earlier.spectra, later.spectra
    _check.shape(a.shape, later=b)
    both = (a[..., 0, 0] != 0) & (b[..., 0, 0] != 0)
    a, b = np.where(both[..., None, None], a, 0), np.where(both[..., None, None], b, 0)
    cross = np.einsum("bls...,bls...->bs...", a, np.conj(b)).astype(np.complex128)
    power = (
        np.einsum("bls...,bls...->bs...", a, np.conj(a)).real * np.einsum("bls...,bls...->bs...", b, np.conj(b)).real
    )
    looks = both.sum(1)[..., None, None] * earlier.looks_per_line
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.nan_to_num(np.abs(cross) ** 2 / power)
    g, variance = phase_weight(square, looks)
    total = variance.sum(-2)
    weight = np.where(np.isfinite(total), 1.0 / np.maximum(total, _VARIANCE_FLOOR), 0.0)
    n_bins = len(earlier.frequency)
    bins = np.broadcast_to(np.arange(n_bins), weight.shape)
    full = both.any(1)
    return bin_sums(
        np.broadcast_to(2.0 * earlier.frequency, weight.shape).ravel(),
        (cross[..., 0, :] * np.conj(cross[..., 1, :])).ravel(),
        weight.ravel(),
        bins=bins.ravel().astype(np.intp),
        coherence=float(np.sqrt(g[full].mean())) if full.any() else np.nan,
    )
