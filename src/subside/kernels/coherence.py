"""Averages over homogeneous neighbours, straight from the single-look images.

No interferogram is stored: the products of the lines that a window spans are kept in a ring, the values of all
pairs of a pixel side by side, and a candidate adds up the rows of its neighbours. The innermost loop runs over
pairs, so the arithmetic of a candidate is the same in every tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

_GROUP = 4
"""Neighbours added in one pass over the accumulators."""

_SEGMENT = 32
"""Samples of range whose products are formed together, so that both sides stay in cache."""


@kernel
def _line_products(slc: Any, line: int, weight: Any, pairs: Any, products: Any) -> None:
    n_dates, _, n_range = slc.shape
    n_pairs = pairs.shape[0]
    for start in range(0, n_range, _SEGMENT):
        stop = min(start + _SEGMENT, n_range)
        for p in range(n_pairs):
            first = slc[pairs[p, 0], line]
            second = slc[pairs[p, 1], line]
            for r in range(start, stop):
                value = first[r] * np.conj(second[r])
                products[r, p] = value.real * weight[line, r]
                products[r, n_pairs + p] = value.imag * weight[line, r]
        for k in range(n_dates):
            image = slc[k, line]
            for r in range(start, stop):
                products[r, 2 * n_pairs + k] = (image[r].real ** 2 + image[r].imag ** 2) * weight[line, r]


@kernel
def _add_group(products: Any, members: Any, length: Any, total: Any) -> None:
    first = np.uint64(members[0]) * length
    second = np.uint64(members[1]) * length
    third = np.uint64(members[2]) * length
    fourth = np.uint64(members[3]) * length
    for k in range(length):
        total[k] += (products[first + k] + products[second + k]) + (products[third + k] + products[fourth + k])


@kernel
def _decode(mask: Any, azimuth: int, range_: int, geometry: Any, members: Any) -> int:
    half_azimuth, half_range, n_lines, n_range = geometry[0], geometry[1], geometry[2], geometry[3]
    bit = 0
    n = 0
    for line in range(azimuth - half_azimuth, azimuth + half_azimuth + 1):
        base = (line % n_lines) * n_range
        for sample in range(range_ - half_range, range_ + half_range + 1):
            members[n] = base + sample
            n += int((mask[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))
            bit += 1
    count = n
    while n % _GROUP:
        members[n] = n_lines * n_range
        n += 1
    return count


@kernel
def _filter(
    slc: Any,
    weight: Any,
    masks: Any,
    geometry: Any,
    azimuth: Any,
    range_: Any,
    pairs: Any,
    ring: Any,
    coherence: Any,
    power: Any,
) -> None:
    n_dates, n_azimuth, n_range = slc.shape
    half_azimuth, n_lines = geometry[0], geometry[2]
    n_pairs = pairs.shape[0]
    length = ring.shape[1]
    flat = ring.reshape(ring.size)
    members = np.empty(masks.shape[2] * 64 + _GROUP, np.int64)
    total = np.empty(length, np.float32)
    scale = np.empty(n_dates, np.float32)
    done = max(azimuth[0] - half_azimuth, 0)
    for c in range(azimuth.shape[0]):
        done = max(done, azimuth[c] - half_azimuth)
        while done <= min(azimuth[c] + half_azimuth, n_azimuth - 1):
            slot = (done % n_lines) * n_range
            _line_products(slc, done, weight, pairs, ring[slot : slot + n_range])
            done += 1
        n = _decode(masks[azimuth[c], range_[c]], azimuth[c], range_[c], geometry, members)
        total[:] = 0.0
        for g in range(0, n, _GROUP):
            _add_group(flat, members[g : g + _GROUP], np.uint64(length), total)
        for k in range(n_dates):
            value = total[2 * n_pairs + k]
            power[c, k] = value / np.float32(n) if n else np.float32(np.nan)
            scale[k] = np.float32(1.0) / np.sqrt(value) if value > 0.0 else np.float32(np.nan)
        for p in range(n_pairs):
            norm = scale[pairs[p, 0]] * scale[pairs[p, 1]]
            coherence[c, p] = complex(total[p] * norm, total[n_pairs + p] * norm)


def filter_pairs(
    slc: npt.NDArray[np.complex64],
    weight: npt.NDArray[np.float32],
    masks: npt.NDArray[np.uint64],
    half: tuple[int, int],
    azimuth: npt.NDArray[np.int32],
    range_: npt.NDArray[np.int32],
    pairs: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.float32]]:
    """Complex coherence of every pair over the homogeneous neighbours of the candidates.

    ``sum_n w(n) s_i(n) conj(s_j(n)) / sqrt(sum_n w(n) |s_i(n)|**2 * sum_n w(n) |s_j(n)|**2)`` over the neighbours
    ``n`` in a candidate's mask, the candidate itself included; its argument is the filtered phase of the pair.

    Parameters
    ----------
    slc : ndarray of complex64, (date, azimuth, range)
        Tile with halo. Pixels in masks must be finite on every date.
    weight : ndarray of float32, (azimuth, range)
        Weight of each pixel; finite and positive in masks.
    masks : ndarray of uint64, (azimuth, range, word)
        From :mod:`subside.kernels.homogeneity`, for the same tile.
    half : tuple of int
        Half sizes of the window, lines and samples.
    azimuth, range_ : ndarray of int32, (candidate,)
        Position in the tile, azimuth ascending.
    pairs : ndarray of int32, (pair, 2)
        Date indices (earlier, later).

    Returns
    -------
    coherence : ndarray of complex64, (candidate, pair)
        Modulus 0 to 1; NaN where a date has no power (an empty mask).
    power : ndarray of float32, (candidate, date)
        Mean of ``w |s|**2`` over the neighbours; NaN for an empty mask.

    Notes
    -----
    A candidate's result depends on its neighbours only, to the bit. Working memory: ``4 (2 pair + date)`` bytes for
    each sample of ``2 half azimuth + 1`` lines.
    """
    n_dates, _, n_range = slc.shape
    coherence = np.empty((len(azimuth), len(pairs)), np.complex64)
    power = np.empty((len(azimuth), n_dates), np.float32)
    if len(azimuth):
        n_lines = 2 * half[0] + 1
        ring = np.zeros((n_lines * n_range + 1, 2 * len(pairs) + n_dates), np.float32)
        geometry = np.array([*half, n_lines, n_range], dtype=np.int64)
        _filter(slc, weight, masks, geometry, azimuth, range_, pairs, ring, coherence, power)
    return coherence, power


@kernel
def _difference_dispersion(amplitude: Any, pairs: Any, out: Any) -> None:
    _, n_azimuth, n_range = amplitude.shape
    square = np.empty(n_range, np.float64)
    total = np.empty(n_range, np.float64)
    for a in range(n_azimuth):
        square[:] = 0.0
        total[:] = 0.0
        for p in range(pairs.shape[0]):
            first = amplitude[pairs[p, 0], a]
            second = amplitude[pairs[p, 1], a]
            for r in range(n_range):
                difference = np.float64(first[r]) - np.float64(second[r])
                square[r] += difference * difference
                total[r] += np.float64(first[r]) + np.float64(second[r])
        for r in range(n_range):
            usable = total[r] > 0.0
            mean = total[r] / (2 * pairs.shape[0]) if usable else 1.0
            out[a, r] = np.sqrt(square[r] / pairs.shape[0]) / mean if usable else np.nan


def amplitude_difference_dispersion(
    amplitude: npt.NDArray[np.float32], pairs: npt.NDArray[np.int32]
) -> npt.NDArray[np.float32]:
    """Amplitude-difference dispersion of every pixel.

    ``D = sqrt(mean_k (a_i - a_j)**2) / (mean_k (a_i + a_j) / 2)`` over the pairs ``k = (i, j)``; the numerator is
    the root mean square of the differences, no mean subtracted (Hooper 2008).

    Parameters
    ----------
    amplitude : ndarray of float32, (date, azimuth, range)
        Calibrated amplitude.
    pairs : ndarray of int32, (pair, 2)
        Date indices.

    Returns
    -------
    ndarray of float32, (azimuth, range)
        NaN where an amplitude in use is NaN or all are zero.
    """
    out = np.empty(amplitude.shape[1:], np.float32)
    _difference_dispersion(amplitude, pairs, out)
    return out
