"""Statistically homogeneous neighbours of every pixel of a window.

Every test returns bit masks of one layout. With a window of ``2 half_azimuth + 1`` lines and
``2 half_range + 1`` samples, the neighbour at offset ``(i, j)`` owns bit
``(i + half_azimuth) * (2 half_range + 1) + j + half_range`` of the ``n_words`` 64-bit words of its pixel
(bit ``b`` is bit ``b % 64`` of word ``b // 64``). The centre bit of a usable pixel is always set. Windows are
cut at the edges of the array. An unusable pixel (sorted samples not all positive and finite) has an empty mask
and is nobody's neighbour. Relations are symmetric, so every unordered pair of pixels is visited once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

_BLOCK = 256
"""Samples of range handled at a time: two sorted blocks of 60 dates fit the first two caches."""


def n_words(half_azimuth: int, half_range: int) -> int:
    """Number of 64-bit words that hold the mask of one window."""
    return -(-(2 * half_azimuth + 1) * (2 * half_range + 1) // 64)


def merge_exchange_network(n: int) -> npt.NDArray[np.int32]:
    """Comparators of the merge-exchange sorting network.

    Parameters
    ----------
    n : int
        Values to sort.

    Returns
    -------
    ndarray of int32, (comparator, 2)
        Positions to compare and exchange, in order; Knuth, The Art of Computer Programming 3, 5.2.2M.
    """
    comparators: list[tuple[int, int]] = []
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top
    while p > 0 and n > 1:
        q, r, d = top, 0, p
        while True:
            comparators += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return np.array(comparators, dtype=np.int32).reshape(-1, 2)


@kernel
def _sort_planes(amplitude: Any, network: Any, planes: Any) -> None:
    n_dates, n_azimuth, n_range = amplitude.shape
    is_bad = np.empty(n_range, np.bool_)
    infinity = np.float32(np.inf)
    for a in range(n_azimuth):
        row = planes[a]
        is_bad[:] = False
        for k in range(n_dates):
            source = amplitude[k, a]
            for r in range(n_range):
                is_bad[r] |= not (source[r] > 0.0 and source[r] < infinity)
        for k in range(n_dates):
            source = amplitude[k, a]
            target = row[k]
            for r in range(n_range):
                target[r] = infinity if is_bad[r] else source[r]
        for start in range(0, n_range, _BLOCK):
            stop = min(start + _BLOCK, n_range)
            for c in range(network.shape[0]):
                low = row[network[c, 0], start:stop]
                high = row[network[c, 1], start:stop]
                for r in range(stop - start):
                    x = low[r]
                    y = high[r]
                    low[r] = min(x, y)
                    high[r] = max(x, y)


def sort_dates(amplitude: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sort the samples of every pixel over the dates.

    Parameters
    ----------
    amplitude : ndarray of float32, (date, azimuth, range)
        Calibrated amplitude. Zero, negative, infinite or NaN is no data.

    Returns
    -------
    ndarray of float32, (azimuth, date, range)
        Ascending along the date axis; +infinity throughout where any date has no data.
    """
    n_dates, n_azimuth, n_range = amplitude.shape
    planes = np.empty((n_azimuth, n_dates, n_range), np.float32)
    _sort_planes(amplitude, merge_exchange_network(n_dates), planes)
    return planes


@kernel(inline="always")
def _set_bits(words: Any, passed: Any, bit: int, start: int) -> None:
    plane = words[bit >> 6]
    shift = np.uint64(bit & 63)
    for r in range(passed.shape[0]):
        plane[start + r] |= np.uint64(passed[r]) << shift


@kernel
def _ks_planes(planes: Any, half_azimuth: int, half_range: int, threshold: int, words: Any) -> None:
    n_azimuth, n_dates, n_range = planes.shape
    width = 2 * half_range + 1
    centre = half_azimuth * width + half_range
    n_tests = n_dates - threshold + 1
    rejected = np.empty(_BLOCK, np.int32)
    for a in range(n_azimuth):
        for block in range(0, n_range, _BLOCK):
            for da in range(min(half_azimuth + 1, n_azimuth - a)):
                for dr in range(-half_range if da else 1, half_range + 1):
                    start = max(block, -dr)
                    n = min(block + _BLOCK, n_range, n_range - dr) - start
                    if n <= 0:
                        continue
                    out = rejected[:n]
                    out[:] = 0
                    k = 0
                    while k + 2 <= n_tests:
                        x0 = planes[a, k, start : start + n]
                        x1 = planes[a, k + 1, start : start + n]
                        u0 = planes[a, k + threshold - 1, start : start + n]
                        u1 = planes[a, k + threshold, start : start + n]
                        y0 = planes[a + da, k, start + dr : start + dr + n]
                        y1 = planes[a + da, k + 1, start + dr : start + dr + n]
                        v0 = planes[a + da, k + threshold - 1, start + dr : start + dr + n]
                        v1 = planes[a + da, k + threshold, start + dr : start + dr + n]
                        for r in range(n):
                            out[r] |= (y0[r] > u0[r]) | (x0[r] > v0[r]) | (y1[r] > u1[r]) | (x1[r] > v1[r])
                        k += 2
                    if k < n_tests:
                        x0 = planes[a, k, start : start + n]
                        u0 = planes[a, k + threshold - 1, start : start + n]
                        y0 = planes[a + da, k, start + dr : start + dr + n]
                        v0 = planes[a + da, k + threshold - 1, start + dr : start + dr + n]
                        for r in range(n):
                            out[r] |= (y0[r] > u0[r]) | (x0[r] > v0[r])
                    for r in range(n):
                        out[r] = 1 - out[r]
                    offset = da * width + dr
                    _set_bits(words[:, a], out, centre + offset, start)
                    _set_bits(words[:, a + da], out, centre - offset, start + dr)


@kernel
def _finish(words: Any, is_usable: Any, centre: int, masks: Any) -> None:
    n_word, n_azimuth, n_range = words.shape
    for a in range(n_azimuth):
        for w in range(n_word):
            own = np.uint64(1) << np.uint64(centre & 63) if w == centre >> 6 else np.uint64(0)
            for r in range(n_range):
                masks[a, r, w] = words[w, a, r] | own if is_usable[a, r] else np.uint64(0)


def _masks(
    words: npt.NDArray[np.uint64], is_usable: npt.NDArray[np.bool_], half_azimuth: int, half_range: int
) -> npt.NDArray[np.uint64]:
    masks = np.empty((*words.shape[1:], words.shape[0]), np.uint64)
    _finish(words, is_usable, half_azimuth * (2 * half_range + 1) + half_range, masks)
    return masks


def ks_neighbours(
    planes: npt.NDArray[np.float32], half_azimuth: int, half_range: int, threshold: int
) -> npt.NDArray[np.uint64]:
    """Neighbours that the two-sample Kolmogorov-Smirnov test does not reject.

    For sorted samples ``x, y`` of equal size ``n`` the statistic reaches ``threshold / n`` exactly when some
    ``y[i] > x[i + threshold - 1]`` or ``x[i] > y[i + threshold - 1]`` (0-based; ties included).

    Parameters
    ----------
    planes : ndarray of float32, (azimuth, date, range)
        From :func:`sort_dates`.
    half_azimuth, half_range : int
        Half sizes of the window, lines and samples.
    threshold : int
        Reject at ``D >= threshold / n_dates``; 1 to ``n_dates``.

    Returns
    -------
    ndarray of uint64, (azimuth, range, word)
        Bit masks as laid out in this module's head.
    """
    n_azimuth, n_dates, n_range = planes.shape
    if not 1 <= threshold <= n_dates:
        raise ValueError(f"`threshold` must lie in [1, {n_dates}], got {threshold}")
    words = np.zeros((n_words(half_azimuth, half_range), n_azimuth, n_range), np.uint64)
    _ks_planes(planes, half_azimuth, half_range, threshold, words)
    return _masks(words, planes[:, 0, :] < np.inf, half_azimuth, half_range)


@kernel
def _ad_statistic(x: Any, y: Any) -> float:
    n = x.shape[0]
    total = 2 * n
    i = 0
    j = 0
    statistic = 0.0
    for m in range(1, total):
        if j >= n or (i < n and x[i] <= y[j]):
            i += 1
        else:
            j += 1
        excess = float(i * total - m * n)
        statistic += excess * excess / (float(m) * float(total - m))
    return statistic / (float(n) * float(n))


@kernel
def _ad_pixels(samples: Any, half_azimuth: int, half_range: int, critical: float, words: Any) -> None:
    n_azimuth, n_range, _ = samples.shape
    width = 2 * half_range + 1
    centre = half_azimuth * width + half_range
    for a in range(n_azimuth):
        for r in range(n_range):
            x = samples[a, r]
            if not x[0] < np.inf:
                continue
            for da in range(min(half_azimuth + 1, n_azimuth - a)):
                for dr in range(-half_range if da else 1, half_range + 1):
                    if r + dr < 0 or r + dr >= n_range:
                        continue
                    y = samples[a + da, r + dr]
                    if not y[0] < np.inf or _ad_statistic(x, y) >= critical:
                        continue
                    ahead = centre + da * width + dr
                    behind = centre - da * width - dr
                    words[ahead >> 6, a, r] |= np.uint64(1) << np.uint64(ahead & 63)
                    words[behind >> 6, a + da, r + dr] |= np.uint64(1) << np.uint64(behind & 63)


def ad_neighbours(
    planes: npt.NDArray[np.float32], half_azimuth: int, half_range: int, critical: float
) -> npt.NDArray[np.uint64]:
    """Neighbours that the two-sample Anderson-Darling test does not reject.

    Statistic ``A2 = 1/n**2 * sum_m (2 n M_m - m n)**2 / (m (2 n - m))``, ``m = 1 .. 2 n - 1``, ``M_m`` the
    number of samples of the first pixel among the ``m`` smallest (Pettitt 1976; Scholz and Stephens 1987, eq. 3
    for two samples). Ties between pixels count as if the first pixel's sample were the smaller.

    Parameters
    ----------
    planes : ndarray of float32, (azimuth, date, range)
        From :func:`sort_dates`.
    half_azimuth, half_range : int
        Half sizes of the window, lines and samples.
    critical : float
        Reject at ``A2 >= critical``.

    Returns
    -------
    ndarray of uint64, (azimuth, range, word)
        Bit masks as laid out in this module's head.
    """
    n_azimuth, _, n_range = planes.shape
    words = np.zeros((n_words(half_azimuth, half_range), n_azimuth, n_range), np.uint64)
    samples = np.ascontiguousarray(planes.transpose(0, 2, 1))
    _ad_pixels(samples, half_azimuth, half_range, critical, words)
    return _masks(words, planes[:, 0, :] < np.inf, half_azimuth, half_range)


@kernel
def _log_intensity(planes: Any, level: Any) -> None:
    n_azimuth, n_dates, n_range = planes.shape
    for a in range(n_azimuth):
        for r in range(n_range):
            total = 0.0
            for k in range(n_dates):
                total += np.float64(planes[a, k, r]) ** 2
            level[a, r] = np.log(total / n_dates)


@kernel
def _level_pixels(level: Any, half_azimuth: int, half_range: int, critical: float, words: Any) -> None:
    n_azimuth, n_range = level.shape
    width = 2 * half_range + 1
    centre = half_azimuth * width + half_range
    passed = np.empty(n_range, np.int32)
    for a in range(n_azimuth):
        for da in range(min(half_azimuth + 1, n_azimuth - a)):
            for dr in range(-half_range if da else 1, half_range + 1):
                start = max(0, -dr)
                n = min(n_range, n_range - dr) - start
                if n <= 0:
                    continue
                out = passed[:n]
                x = level[a, start : start + n]
                y = level[a + da, start + dr : start + dr + n]
                for r in range(n):
                    out[r] = abs(x[r] - y[r]) <= critical
                offset = da * width + dr
                _set_bits(words[:, a], out, centre + offset, start)
                _set_bits(words[:, a + da], out, centre - offset, start + dr)


def glrt_neighbours(
    planes: npt.NDArray[np.float32], half_azimuth: int, half_range: int, critical: float
) -> npt.NDArray[np.uint64]:
    """Neighbours that the likelihood-ratio test of equal Rayleigh scale does not reject.

    For equal sample sizes the generalised likelihood ratio ``2 ln((I_x + I_y) / 2) - ln I_x - ln I_y`` of the mean
    intensities grows with ``|ln I_x - ln I_y|``, which is what is compared.

    Parameters
    ----------
    planes : ndarray of float32, (azimuth, date, range)
        From :func:`sort_dates`.
    half_azimuth, half_range : int
        Half sizes of the window, lines and samples.
    critical : float
        Reject at ``|ln I_x - ln I_y| > critical``.

    Returns
    -------
    ndarray of uint64, (azimuth, range, word)
        Bit masks as laid out in this module's head.
    """
    n_azimuth, _, n_range = planes.shape
    level = np.empty((n_azimuth, n_range), np.float64)
    _log_intensity(planes, level)
    words = np.zeros((n_words(half_azimuth, half_range), n_azimuth, n_range), np.uint64)
    _level_pixels(level, half_azimuth, half_range, critical, words)
    return _masks(words, planes[:, 0, :] < np.inf, half_azimuth, half_range)


@kernel
def _count(masks: Any, counts: Any) -> None:
    one = np.uint64(0x5555555555555555)
    two = np.uint64(0x3333333333333333)
    four = np.uint64(0x0F0F0F0F0F0F0F0F)
    for a in range(masks.shape[0]):
        for r in range(masks.shape[1]):
            total = 0
            for w in range(masks.shape[2]):
                v = masks[a, r, w]
                v = v - ((v >> np.uint64(1)) & one)
                v = (v & two) + ((v >> np.uint64(2)) & two)
                v = (v + (v >> np.uint64(4))) & four
                total += int((v * np.uint64(0x0101010101010101)) >> np.uint64(56))
            counts[a, r] = total


def count_neighbours(masks: npt.NDArray[np.uint64]) -> npt.NDArray[np.int16]:
    """Set bits of each mask, the pixel itself included.

    Parameters
    ----------
    masks : ndarray of uint64, (azimuth, range, word)
        Bit masks.

    Returns
    -------
    ndarray of int16, (azimuth, range)
        Number of homogeneous pixels; 0 where the pixel is unusable.
    """
    counts = np.empty(masks.shape[:2], np.int16)
    _count(masks, counts)
    return counts
