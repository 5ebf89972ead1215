"""Wrapped interferograms of a piece of a stack: looks, and how fast their fringes turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex64]

_SMOOTH: Final = 5
"""Side of the window of the phase-difference estimator, multilooked pixels."""
_LEAST_COHERENCE: Final = 0.25


@dataclass(frozen=True)
class LookedPair:
    """A multilooked interferogram.

    Attributes
    ----------
    interferogram : ndarray of complex64, (azimuth, range)
        Sum of ``s_i conj(s_j)`` over the looks, over the root of the product of the powers; its angle is the wrapped
        phase, its length the coherence.
    days : float
        From the earlier to the later date.
    """

    interferogram: ComplexArray
    days: float


def look_pair(first: ComplexArray, second: ComplexArray, *, looks: tuple[int, int], days: float) -> LookedPair:
    """Form an interferogram of two images and average it over looks.

    Parameters
    ----------
    first, second : ndarray of complex64, (line, sample)
        Earlier and later image. Zero or NaN is no data.
    looks : tuple of int
        Lines and samples of a look; what is left at the ends is not used.
    days : float
        Between the images.

    Returns
    -------
    LookedPair

    Raises
    ------
    ArgumentError
        If the piece is smaller than one look.
    """
    shape = tuple(n // k for n, k in zip(first.shape, looks, strict=True))
    if min(shape) < 1:
        raise ArgumentError(f"`looks` must fit into the piece, got {looks} for {first.shape}")
    a, b = np.nan_to_num(first), np.nan_to_num(second)

    def total(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        cut = values[: shape[0] * looks[0], : shape[1] * looks[1]]
        return np.asarray(cut.reshape(shape[0], looks[0], shape[1], looks[1]).sum(axis=(1, 3)))

    product = total(a * np.conj(b))
    power = np.sqrt(total(np.abs(a) ** 2) * total(np.abs(b) ** 2))
    looked = np.divide(product, power, out=np.zeros(shape, np.complex64), where=power > 0)
    return LookedPair(looked.astype(np.complex64), float(days))


@dataclass(frozen=True)
class FringeRate:
    """How fast the phase turns along the ground, from several pairs.

    Attributes
    ----------
    azimuth, range : ndarray of float64, (azimuth, range)
        Gradient of the line-of-sight rate along each axis, (m/yr)/m, positive toward the satellite; NaN where no pair
        is coherent.
    std : ndarray of float64, (azimuth, range)
        Standard deviation of either, from the weighted scatter of the pairs over ``n - 1`` with the effective number
        ``n = (sum w)^2 / sum w^2``; NaN with fewer than two pairs.
    coherence : ndarray of float64, (azimuth, range)
        Mean coherence of the pairs.
    """

    azimuth: FloatArray
    range: FloatArray
    std: FloatArray
    coherence: FloatArray

    @property
    def size(self) -> FloatArray:
        """Length of the gradient, (m/yr)/m."""
        return np.hypot(self.azimuth, self.range)


def fringe_rate(
    pairs: list[LookedPair], *, spacing: tuple[float, float], wavelength: float, turn_limit: float = 0.5
) -> FringeRate:
    """Estimate the gradient of the rate from the fringes of several interferograms.

    The phase difference of neighbouring looks, averaged as a phasor over five by five of them, is free of unwrapping
    as long as it is less than half a cycle from look to look. Pairs are averaged from the shortest to the longest with
    weights ``(days c)^2``, what a steady motion and phase noise ask for; a look of a longer pair is left out where the
    rate known from the shorter ones predicts too much of a turn for it. Where the shortest pair is beyond half a cycle
    itself, the rate is folded and cannot be told.

    Parameters
    ----------
    pairs : list of LookedPair
        Of one shape.
    spacing : tuple of float
        Distance of looks along azimuth and ground range, m.
    wavelength : float
        m.
    turn_limit : float
        Share of half a cycle that the predicted turn from look to look may take up; the rest is for noise.

    Returns
    -------
    FringeRate

    Raises
    ------
    ArgumentError
        Without pairs.
    """
    if not pairs:
        raise ArgumentError("`pairs` must hold at least one interferogram, got none")
    shape = pairs[0].interferogram.shape
    total = np.zeros((2, *shape))
    squares = np.zeros((2, *shape))
    weight, weight_squares, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    coherence = np.zeros(shape)
    scale = -wavelength / (4.0 * np.pi)
    steps = np.reshape(spacing, (2, 1, 1))
    for pair in sorted(pairs, key=lambda one: one.days):
        length = np.abs(pair.interferogram)
        coherence += length / len(pairs)
        years = pair.days / DAYS_PER_YEAR
        known_rate = np.divide(total, weight, out=np.zeros(total.shape), where=weight > 0)
        turn = np.abs(known_rate * steps * years / scale).max(axis=0)
        usable = (ndimage.uniform_filter(length, _SMOOTH) > _LEAST_COHERENCE) & (turn <= turn_limit * np.pi)
        w = np.where(usable, (pair.days * length) ** 2, 0.0)
        weight += w
        weight_squares += w**2
        count += usable
        for axis in (0, 1):
            rate = _turn(pair.interferogram, axis) / spacing[axis] * scale / years
            total[axis] += w * rate
            squares[axis] += w * rate**2
    known = weight > 0
    mean = np.divide(total, weight, out=np.full(total.shape, np.nan), where=known)
    spread = np.divide(squares, weight, out=np.full(total.shape, np.nan), where=known) - mean**2
    surplus = np.divide(weight**2, weight_squares, out=np.ones(shape), where=weight_squares > 0) - 1.0
    enough = (count >= 2) & (surplus > 0)
    variance = np.maximum(spread, 0.0).mean(axis=0)
    std = np.sqrt(np.divide(variance, surplus, out=np.full(shape, np.nan), where=enough))
    return FringeRate(mean[0], mean[1], std, coherence)


def _turn(interferogram: ComplexArray, axis: int) -> FloatArray:
    """Phase from look to look along an axis, rad, averaged as a phasor."""
    product = np.zeros_like(interferogram)
    ahead = [slice(None)] * 2
    behind = [slice(None)] * 2
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    product[tuple(behind)] = interferogram[tuple(ahead)] * np.conj(interferogram[tuple(behind)])
    smooth = ndimage.uniform_filter(product.real, _SMOOTH) + 1j * ndimage.uniform_filter(product.imag, _SMOOTH)
    result: FloatArray = np.angle(smooth)
    return result
