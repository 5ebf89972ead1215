"""Where the ground of a reference burst lies in that of another date: smooth in line and sample, exact in height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError

N_QUANTITIES = 3
"""Azimuth offset, range offset, range difference."""


@dataclass(frozen=True)
class OffsetModel:
    """Offsets of one date against the reference over one burst.

    At fixed height the offsets are so smooth that a coarse grid holds them; relief enters through the height of each
    pixel, as a polynomial: ``offset(line, sample, h) = sum_k coefficients[:, k](line, sample) * u**k`` with
    ``u = (h - height_origin) / height_scale``, and the coefficients interpolated by cubic splines in line and sample.

    Attributes
    ----------
    line : ndarray of float64, (grid_line,)
        Lines of the reference burst, uniform, ascending, covering the burst.
    sample : ndarray of float64, (grid_sample,)
        Samples of the reference burst, uniform, ascending, covering the burst.
    height_origin, height_scale : float
        m.
    coefficients : ndarray of float64, (3, power, grid_line, grid_sample)
        Azimuth offset (lines: line in the other burst minus line in the reference burst, the start times of both
        bursts included), range offset (samples, alike), and range difference (m: range of the date minus range of
        the reference, from orbits and ground, never from annotated fast times).
    """

    line: npt.NDArray[np.float64]
    sample: npt.NDArray[np.float64]
    height_origin: float
    height_scale: float
    coefficients: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        """Validate shapes."""
        expected = (N_QUANTITIES, len(self.line), len(self.sample))
        shape = self.coefficients.shape
        if len(shape) != 4 or (shape[0], *shape[2:]) != expected or min(len(self.line), len(self.sample)) < 4:
            raise ArgumentError(
                f"`coefficients` must have shape (3, power, grid_line >= 4, grid_sample >= 4), got {shape} "
                f"for {len(self.line)} lines and {len(self.sample)} samples"
            )
