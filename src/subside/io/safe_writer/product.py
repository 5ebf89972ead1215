"""What a SAFE product is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.io.safe_writer._xml import utc
from subside.model.acquisition import Acquisition, Orbit, Swath

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GridPoints:
    """Geolocation grid of one swath, row by row.

    Attributes
    ----------
    line, sample : ndarray of float64, (point,)
        Of the measurement file.
    time : ndarray of float64, (point,)
        Zero-Doppler time, s since the epoch.
    slant_range_time : ndarray of float64, (point,)
        Two-way, s.
    latitude, longitude : ndarray of float64, (point,)
        Degrees.
    height : ndarray of float64, (point,)
        m above the WGS 84 ellipsoid.
    incidence_angle, elevation_angle : ndarray of float64, (point,)
        Degrees.
    """

    line: Floats
    sample: Floats
    time: Floats
    slant_range_time: Floats
    latitude: Floats
    longitude: Floats
    height: Floats
    incidence_angle: Floats
    elevation_angle: Floats

    @property
    def n_columns(self) -> int:
        """Points in a row."""
        return len(np.unique(self.sample))


@dataclass(frozen=True)
class SafeProduct:
    """One date of one track as a SAFE product.

    Attributes
    ----------
    acquisition : Acquisition
        Swaths and bursts; its times are annotated to the microsecond, its polarisation and mission give the names.
    annotated_orbit : Orbit
        State vectors of the annotation.
    orbit_file : str
        Name of the orbit file the manifest gives.
    node_time : float
        Of the ascending node, s since the epoch.
    grids : mapping of str to GridPoints
        By swath.
    data_take : int
        Identity of the data take.
    """

    acquisition: Acquisition
    annotated_orbit: Orbit
    orbit_file: str
    node_time: float
    grids: Mapping[str, GridPoints]
    data_take: int

    def __post_init__(self) -> None:
        """Check that each swath has bursts and a grid."""
        for name, swath in self.acquisition.swaths.items():
            if not swath.bursts or name not in self.grids:
                raise ArgumentError(f"`acquisition` must hold bursts and `grids` a grid for {name}, got none")

    def utc(self, seconds: float) -> str:
        """UTC of seconds since the epoch."""
        return utc(self.acquisition.epoch, seconds)

    def span(self, swath: Swath) -> tuple[float, float]:
        """Time of the first and last line of a swath, s since the epoch."""
        last = swath.bursts[-1].time + (swath.lines_per_burst - 1) * swath.azimuth_time_interval
        return swath.bursts[0].time, last

    @property
    def name(self) -> str:
        """Name of the product, without ``.SAFE``."""
        a = self.acquisition
        start, stop = (_compact(self.utc(t)).upper() for t in (a.start, a.stop))
        head = f"{a.mission}_IW_SLC__1SS{a.polarisation[0]}_{start}_{stop}_{a.absolute_orbit:06d}_{self.data_take:06X}"
        return f"{head}_{_checksum(head.encode()):04X}"

    def stem(self, swath: str) -> str:
        """Name of the annotation and measurement files of a swath, without suffix."""
        a = self.acquisition
        start, stop = (_compact(self.utc(t)) for t in self.span(a.swaths[swath]))
        words = (a.mission, swath, "slc", a.polarisation, start, stop, f"{a.absolute_orbit:06d}")
        return "-".join([*words, f"{self.data_take:06x}", self.image_number(swath)]).lower()

    def image_number(self, swath: str) -> str:
        """Number of the image in the product."""
        return f"{list(self.acquisition.swaths).index(swath) + 1:03d}"


def _compact(text: str) -> str:
    return text[:19].replace("-", "").replace(":", "").lower()


def _checksum(content: bytes) -> int:
    """CRC-16 (CCITT, start 0xFFFF)."""
    crc = 0xFFFF
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc
