"""A coregistered, flattened single-look complex stack and its geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError, UnknownQuantityError

GEOMETRY_FIELDS: Mapping[str, str] = {
    "height": "m, above the WGS 84 ellipsoid",
    "longitude": "degree, WGS 84",
    "latitude": "degree, WGS 84",
    "incidence_angle": "rad, at the ellipsoid",
    "los_east": "1, unit vector ground to satellite",
    "los_north": "1, unit vector ground to satellite",
    "los_up": "1, unit vector ground to satellite",
    "slant_range": "m",
}
"""Per-pixel geometry a stack may carry and its unit; what is absent is unknown."""


class ArrayLike(Protocol):
    """What a stack needs of an array: numpy, zarr and HDF5 arrays all have it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read a slice as a numpy array."""


def parse_dates(dates: list[str]) -> npt.NDArray[np.datetime64]:
    """Turn ``YYYYMMDD`` strings into ``datetime64[D]``, refusing what is not a date or not ascending.

    Raises
    ------
    ArgumentError
        For a malformed date, a duplicate, or dates out of order.
    """
    try:
        parsed = np.array([f"{d[:4]}-{d[4:6]}-{d[6:8]}" for d in dates], dtype="datetime64[D]")
    except ValueError as error:
        raise ArgumentError(f"`dates` must be YYYYMMDD, got {dates!r}") from error
    if any(len(d) != 8 for d in dates) or np.any(np.diff(parsed) <= np.timedelta64(0, "D")):
        raise ArgumentError(f"`dates` must be YYYYMMDD, ascending and unique, got {dates!r}")
    return parsed


def format_dates(dates: npt.NDArray[np.datetime64]) -> list[str]:
    """Turn ``datetime64`` values into ``YYYYMMDD`` strings."""
    return [str(d).replace("-", "") for d in dates.astype("datetime64[D]")]


@dataclass(frozen=True)
class Stack:
    """Flattened single-look complex images of one track.

    Attributes
    ----------
    slc : array-like, complex64, (date, azimuth, range)
        Flat-earth and topographic phase of the reference geometry removed. Zero or NaN is no data.
    dates : ndarray of datetime64[D], (date,)
        Ascending.
    reference_date : datetime64[D]
        Date whose geometry the stack is in; one of ``dates``.
    wavelength : float
        m.
    azimuth_spacing, range_spacing : float
        Pixel spacing on the ground along azimuth and along ground range, m.
    geometry : mapping of str to array-like, (azimuth, range)
        Fields of :data:`GEOMETRY_FIELDS`; an absent one is unknown.
    bperp : ndarray of float64, (date, 2, 2), or None
        Perpendicular baseline relative to ``reference_date``, m, at the four corners
        (first and last line, first and last sample); bilinear between. None is unknown.
    n_looks : float
        Equivalent number of looks of each sample: 1 for single-look data, more for a multilooked stack.
    attributes : mapping
        Facts of the source worth keeping (sensor, heading in degrees, producer, import codes).
    """

    slc: ArrayLike
    dates: npt.NDArray[np.datetime64]
    reference_date: np.datetime64
    wavelength: float
    azimuth_spacing: float
    range_spacing: float
    geometry: Mapping[str, ArrayLike] = field(default_factory=dict)
    bperp: npt.NDArray[np.float64] | None = None
    n_looks: float = 1.0
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate shapes, names and units that can be checked without reading pixels."""
        if len(self.slc.shape) != 3 or self.slc.shape[0] != len(self.dates):
            raise ArgumentError(
                f"`slc` must have shape (date, azimuth, range) with {len(self.dates)} dates, got {self.slc.shape}"
            )
        if len(self.dates) < 2 or np.any(np.diff(self.dates) <= np.timedelta64(0, "D")):
            raise ArgumentError("`dates` must be at least two, ascending and unique")
        if self.reference_date not in self.dates:
            raise ArgumentError(f"`reference_date` must be one of the dates, got {self.reference_date}")
        for name, array in self.geometry.items():
            if name not in GEOMETRY_FIELDS:
                raise ArgumentError(f"`geometry` must name fields of {sorted(GEOMETRY_FIELDS)}, got {name!r}")
            if tuple(array.shape) != tuple(self.slc.shape[1:]):
                raise ArgumentError(f"`geometry[{name!r}]` must have shape {self.slc.shape[1:]}, got {array.shape}")
        if self.bperp is not None and self.bperp.shape != (len(self.dates), 2, 2):
            raise ArgumentError(f"`bperp` must have shape ({len(self.dates)}, 2, 2), got {self.bperp.shape}")
        for name in ("wavelength", "azimuth_spacing", "range_spacing", "n_looks"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"`{name}` must be positive, got {getattr(self, name)}")

    @property
    def n_dates(self) -> int:
        """Number of dates."""
        return int(self.slc.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and samples."""
        return int(self.slc.shape[1]), int(self.slc.shape[2])

    @property
    def days(self) -> npt.NDArray[np.float64]:
        """Days since the first date, (date,)."""
        return np.asarray((self.dates - self.dates[0]).astype("timedelta64[D]").astype(np.float64))

    @property
    def reference_index(self) -> int:
        """Position of the reference date."""
        return int(np.flatnonzero(self.dates == self.reference_date)[0])

    def mean_bperp(self) -> npt.NDArray[np.float64]:
        """Perpendicular baseline of each date at mid-scene, m, (date,).

        Raises
        ------
        UnknownQuantityError
            If baselines are unknown.
        """
        if self.bperp is None:
            raise UnknownQuantityError("perpendicular baselines of this track are unknown")
        return np.asarray(self.bperp.mean(axis=(1, 2)))


def bperp_at(
    corners: npt.NDArray[np.float64],
    azimuth: npt.NDArray[np.integer[Any]],
    range_: npt.NDArray[np.integer[Any]],
    shape: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Interpolate corner baselines to pixels.

    Parameters
    ----------
    corners : ndarray, (date, 2, 2)
        Baselines at first/last line and first/last sample, m.
    azimuth, range_ : ndarray of int, (point,)
        Pixel.
    shape : tuple
        Lines and samples of the stack.

    Returns
    -------
    ndarray of float64, (point, date)
        Baseline, m.
    """
    u = np.asarray(azimuth, np.float64)[:, None] / max(shape[0] - 1, 1)
    v = np.asarray(range_, np.float64)[:, None] / max(shape[1] - 1, 1)
    c = corners[None]
    result: npt.NDArray[np.float64] = (
        c[:, :, 0, 0] * (1 - u) * (1 - v)
        + c[:, :, 0, 1] * (1 - u) * v
        + c[:, :, 1, 0] * u * (1 - v)
        + c[:, :, 1, 1] * u * v
    )
    return result
