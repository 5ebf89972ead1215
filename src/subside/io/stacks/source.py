"""What a reader hands to the import stage: facts now, pixels band by band on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.stack import GEOMETRY_FIELDS, parse_dates

BandReader = Callable[[slice], npt.NDArray[np.floating[Any]]]
"""Reads a band of lines: ``reader(slice(first, last))`` gives (line, sample), NaN where unknown."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with or missing from an input that did not stop the import.

    Attributes
    ----------
    code : str
        Number in :data:`subside.io.codes.CODES`, ``W1xx`` repaired or ``W2xx`` unknown.
    file : str
        The file concerned.
    message : str
        What was wrong and what was substituted, with the numbers.
    """

    code: str
    file: str
    message: str

    def __str__(self) -> str:
        """Code, file and message in one line."""
        return f"[{self.code}] {self.file}: {self.message}"


def _check_geometry(geometry: Mapping[str, BandReader]) -> None:
    for name in geometry:
        if name not in GEOMETRY_FIELDS:
            raise ArgumentError(f"`geometry` must name fields of {sorted(GEOMETRY_FIELDS)}, got {name!r}")


def _check_positive(**named: float) -> None:
    for name, value in named.items():
        if not value > 0:
            raise ArgumentError(f"`{name}` must be positive, got {value!r}")


@dataclass(frozen=True)
class StackSource:
    """A coregistered stack on disk, opened and checked, not yet read.

    Attributes
    ----------
    dates : tuple of str, (date,)
        ``YYYYMMDD``, ascending and unique.
    reference_date : str
        Date whose geometry the stack is in.
    shape : tuple of int
        Lines and samples.
    wavelength : float
        m.
    azimuth_spacing, range_spacing : float
        Pixel spacing on the ground along azimuth and along ground range, m.
    read_slc : callable
        ``read_slc(date_index, slice(first, last))`` gives complex64 (line, sample): flattened single-look complex,
        so that ``s_i * conj(s_j)`` is the interferogram of the project's sign; zero is no data.
    geometry : mapping of str to callable
        Readers of fields of :data:`subside.model.stack.GEOMETRY_FIELDS`; an absent one is unknown.
        NaN where a pixel has no value.
    bperp : ndarray of float64, (date, 2, 2), or None
        Perpendicular baseline relative to ``reference_date`` at the corners, m, sign of
        :mod:`subside.conventions`. None is unknown.
    n_looks : float
        Equivalent number of looks of a sample, 1 or more.
    attributes : mapping
        Facts worth keeping (sensor, heading in degrees, producer, notes), JSON types only.
    findings : tuple of Finding
        What was repaired and what is unknown.
    """

    dates: tuple[str, ...]
    reference_date: str
    shape: tuple[int, int]
    wavelength: float
    azimuth_spacing: float
    range_spacing: float
    read_slc: Callable[[int, slice], npt.NDArray[np.complex64]]
    geometry: Mapping[str, BandReader] = field(default_factory=dict)
    bperp: npt.NDArray[np.float64] | None = None
    n_looks: float = 1.0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Validate everything that needs no pixel."""
        parse_dates(list(self.dates))
        if len(self.dates) < 2:
            raise ArgumentError(f"`dates` must be at least two, got {self.dates}")
        if self.reference_date not in self.dates:
            raise ArgumentError(f"`reference_date` must be one of the dates, got {self.reference_date!r}")
        if self.bperp is not None and self.bperp.shape != (len(self.dates), 2, 2):
            raise ArgumentError(f"`bperp` must have shape ({len(self.dates)}, 2, 2), got {self.bperp.shape}")
        _check_geometry(self.geometry)
        _check_positive(
            wavelength=self.wavelength,
            azimuth_spacing=self.azimuth_spacing,
            range_spacing=self.range_spacing,
            n_looks=self.n_looks,
        )


@dataclass(frozen=True)
class UnwrappedSource:
    """A stack of unwrapped interferograms on disk, opened and checked, not yet read.

    Attributes
    ----------
    dates : tuple of str, (date,)
        ``YYYYMMDD``, ascending and unique.
    pairs : ndarray of int32, (pair, 2)
        Date indices (earlier, later), sorted.
    shape : tuple of int
        Lines and samples of the grid.
    wavelength : float
        m.
    azimuth_spacing, range_spacing : float
        Spacing of lines and of samples on the ground, m. On a map grid these run south and east.
    read_unwrapped : callable
        ``read_unwrapped(pair_index, slice(first, last))`` gives float32 (line, sample), rad, project sign
        (positive where the range grows), NaN is no data. Each pair has its own arbitrary constant.
    read_coherence : callable or None
        Same for coherence, 0 to 1. None is unknown.
    geometry : mapping of str to callable
        As in :class:`StackSource`.
    bperp : ndarray of float64, (pair, 2, 2), or None
        Perpendicular baseline of each pair (later minus earlier) at the corners of the grid, m. None is unknown.
    attributes : mapping
        Facts worth keeping, JSON types only.
    findings : tuple of Finding
        What was repaired and what is unknown.
    """

    dates: tuple[str, ...]
    pairs: npt.NDArray[np.int32]
    shape: tuple[int, int]
    wavelength: float
    azimuth_spacing: float
    range_spacing: float
    read_unwrapped: Callable[[int, slice], npt.NDArray[np.float32]]
    read_coherence: Callable[[int, slice], npt.NDArray[np.float32]] | None = None
    geometry: Mapping[str, BandReader] = field(default_factory=dict)
    bperp: npt.NDArray[np.float64] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Validate everything that needs no pixel."""
        parse_dates(list(self.dates))
        if self.pairs.ndim != 2 or self.pairs.shape[1] != 2 or not np.all(self.pairs[:, 0] < self.pairs[:, 1]):
            raise ArgumentError(f"`pairs` must be (pair, 2) with the earlier date first, got {self.pairs.tolist()}")
        if self.pairs.min() < 0 or self.pairs.max() >= len(self.dates):
            raise ArgumentError(f"`pairs` must be indices of {len(self.dates)} dates, got {self.pairs.tolist()}")
        if self.bperp is not None and self.bperp.shape != (len(self.pairs), 2, 2):
            raise ArgumentError(f"`bperp` must have shape ({len(self.pairs)}, 2, 2), got {self.bperp.shape}")
        _check_geometry(self.geometry)
        _check_positive(
            wavelength=self.wavelength, azimuth_spacing=self.azimuth_spacing, range_spacing=self.range_spacing
        )
