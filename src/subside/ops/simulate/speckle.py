"""Bandlimited speckle with a temporal memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from subside.ops.simulate.spec import ImpulseSpec

MARGIN = 16
"""Pixels added around the scene, so that the circular filter does not carry one edge to the other."""


def _axis_response(n: int, fraction: float, hamming: float) -> npt.NDArray[np.float64]:
    f = fft.fftfreq(n)
    inside = np.abs(f) <= fraction / 2
    return np.where(inside, hamming + (1 - hamming) * np.cos(2 * np.pi * f / fraction), 0.0)


@dataclass(frozen=True)
class ImpulseResponse:
    """Transfer function of the focused image, of unit noise gain, on a padded grid.

    Attributes
    ----------
    shape : tuple of int
        Lines and samples of the scene.
    transfer : ndarray of float32, (padded azimuth, padded range)
        Such that filtered white noise keeps its variance.
    peak : float
        Value of the impulse response at its peak.
    """

    shape: tuple[int, int]
    transfer: npt.NDArray[np.float32]
    peak: float

    @classmethod
    def of(cls, spec: ImpulseSpec, shape: tuple[int, int]) -> ImpulseResponse:
        """Build the response for a scene of ``shape`` pixels."""
        padded = tuple(fft.next_fast_len(n + 2 * MARGIN) for n in shape)
        az = _axis_response(padded[0], spec.azimuth_fraction, spec.hamming)
        rg = _axis_response(padded[1], spec.range_fraction, spec.hamming)
        transfer = np.outer(az, rg)
        transfer /= np.sqrt(np.mean(transfer**2))
        return cls(shape, transfer.astype(np.float32), float(transfer.mean()))

    def noise(self, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
        """Draw white circular Gaussian noise of unit power on the padded grid."""
        draw = rng.standard_normal((*self.transfer.shape, 2), dtype=np.float32)
        result: npt.NDArray[np.complex64] = draw.view(np.complex64)[..., 0] * np.float32(np.sqrt(0.5))
        return result

    def pad(self, field: npt.NDArray[Any], *, is_repeated: bool) -> npt.NDArray[Any]:
        """Extend a scene-sized field to the padded grid, repeating its edges or with zeros."""
        widths = [(MARGIN, p - n - MARGIN) for p, n in zip(self.transfer.shape, self.shape, strict=True)]
        return np.pad(field, widths, mode="edge") if is_repeated else np.pad(field, widths)

    def image(self, reflectivity: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Focus a padded reflectivity and cut out the scene."""
        spectrum = fft.fft2(reflectivity, workers=1)
        spectrum *= self.transfer
        image = fft.ifft2(spectrum, workers=1, overwrite_x=True)
        lines, samples = self.shape
        result: npt.NDArray[np.complex64] = image[MARGIN : MARGIN + lines, MARGIN : MARGIN + samples]
        return result.astype(np.complex64, copy=False)


def place_points(rng: np.random.Generator, fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Choose point scatterers at a local density, no two of them adjacent.

    Candidates are the local maxima of white noise over 3 x 3 pixels (one pixel in nine), of which a random
    share ``9 fraction`` is taken.
    """
    white = rng.random(fraction.shape)
    is_peak = white == ndimage.maximum_filter(white, size=3, mode="nearest")
    result: npt.NDArray[np.bool_] = is_peak & (rng.random(fraction.shape) < 9.0 * fraction)
    return result


@dataclass
class FadingMemory:
    """Unit-power speckle with the memory of a first-order autoregression.

    Attributes
    ----------
    state : ndarray of complex64, or None
        The speckle of the last date.
    """

    state: npt.NDArray[np.complex64] | None = None

    def step(
        self,
        white: npt.NDArray[np.complex64],
        memory: npt.NDArray[np.float32],
        drift: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.complex64]:
        """Go to the next date.

        Parameters
        ----------
        white : ndarray of complex64
            Fresh noise of unit power.
        memory : ndarray of float32
            Coherence with the last date, 0 to 1 (ignored at the first).
        drift : ndarray of float32
            Phase gained since the last date, rad, in the sense of a growing range.

        Returns
        -------
        ndarray of complex64
            Speckle of this date, unit power.
        """
        if self.state is None:
            self.state = white
        else:
            turn = (memory * np.exp(-1j * drift)).astype(np.complex64)
            self.state = turn * self.state + np.sqrt(1 - memory**2, dtype=np.float32) * white
        return self.state
