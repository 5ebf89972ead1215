"""One Sentinel-1 IW acquisition of a track: orbit, swaths, bursts, and the polynomials that describe them.

Times are float64 seconds since ``Acquisition.epoch`` (midnight UTC of the day the first line was taken), so that an
acquisition that crosses midnight has times above 86 400 and nothing else happens. Fast times are two-way, seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError


@dataclass(frozen=True)
class Orbit:
    """State vectors of the satellite, Earth-fixed.

    Attributes
    ----------
    time : ndarray of float64, (vector,)
        Seconds since the epoch of the acquisition, ascending.
    position : ndarray of float64, (vector, 3)
        m, ITRF.
    velocity : ndarray of float64, (vector, 3)
        m/s, ITRF.
    source : str
        ``"POEORB"``, ``"RESORB"`` or ``"annotation"``.
    file : str
        Name of the file the vectors came from.
    """

    time: npt.NDArray[np.float64]
    position: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    source: str
    file: str

    def __post_init__(self) -> None:
        """Validate shapes and order."""
        n = len(self.time)
        if self.position.shape != (n, 3) or self.velocity.shape != (n, 3):
            raise ArgumentError(f"`position` and `velocity` must have shape ({n}, 3), got {self.position.shape}")
        if n < 4 or np.any(np.diff(self.time) <= 0):
            raise ArgumentError(f"`time` must hold at least four ascending vectors, got {n}")


@dataclass(frozen=True)
class RangePolynomial:
    """A polynomial in two-way fast time, as annotated for one azimuth time.

    Attributes
    ----------
    origin : float
        Two-way fast time the coefficients refer to, s. The Doppler centroid and the FM rate have their own.
    coefficients : tuple of float
        Ascending powers of ``fast_time - origin``: Hz, Hz/s, Hz/s2 (Doppler) or Hz/s, ... (FM rate).
    """

    origin: float
    coefficients: tuple[float, ...]

    def __call__(self, fast_time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Evaluate at two-way fast times, s."""
        return np.asarray(np.polynomial.polynomial.polyval(fast_time - self.origin, np.asarray(self.coefficients)))


@dataclass(frozen=True)
class Burst:
    """One burst of one swath.

    Attributes
    ----------
    burst_id : int
        Relative burst number of the mission (the same ground on every date of a track).
    time : float
        Zero-Doppler time of line 0 (invalid lines included), s since the epoch.
    sensing_time : float
        Raw time of the first echo, s since the epoch.
    first_line, last_line : int
        First and last valid line, inclusive.
    first_sample, last_sample : int
        First and last sample valid on every valid line, inclusive.
    doppler : RangePolynomial
        Doppler centroid (``dataDcPolynomial`` nearest to the middle of the burst), Hz.
    fm_rate : RangePolynomial
        Azimuth FM rate nearest to the middle of the burst, Hz/s, negative.
    file : str
        Measurement file: a path, or ``archive.zip!member`` for a zipped product.
    line_offset : int
        Line of the file at which the burst begins.
    """

    burst_id: int
    time: float
    sensing_time: float
    first_line: int
    last_line: int
    first_sample: int
    last_sample: int
    doppler: RangePolynomial
    fm_rate: RangePolynomial
    file: str
    line_offset: int

    def __post_init__(self) -> None:
        """Validate the valid window."""
        if not 0 <= self.first_line <= self.last_line or not 0 <= self.first_sample <= self.last_sample:
            raise ArgumentError(f"burst {self.burst_id} must have a valid window, got {self}")


@dataclass(frozen=True)
class Swath:
    """One swath (IW1, IW2 or IW3) of an acquisition and its bursts in the order of time.

    Attributes
    ----------
    name : str
        ``"IW1"``, ``"IW2"`` or ``"IW3"``.
    slant_range_time : float
        Two-way fast time of sample 0 of every burst, s.
    range_sampling_rate : float
        Hz.
    azimuth_time_interval : float
        Seconds between lines.
    lines_per_burst, samples_per_burst : int
        Size of a burst in the file.
    steering_rate : float
        Antenna steering rate in azimuth, rad/s.
    range_bandwidth, azimuth_bandwidth : float
        Processed bandwidth, Hz.
    window_coefficient : float
        Of the Hamming window of the processor in azimuth (0.70 or 0.75); 0.75 in range.
    incidence_mid_swath : float
        rad.
    bursts : tuple of Burst
        Ascending in time, each burst_id once.
    """

    name: str
    slant_range_time: float
    range_sampling_rate: float
    azimuth_time_interval: float
    lines_per_burst: int
    samples_per_burst: int
    steering_rate: float
    range_bandwidth: float
    azimuth_bandwidth: float
    window_coefficient: float
    incidence_mid_swath: float
    bursts: tuple[Burst, ...]

    def __post_init__(self) -> None:
        """Validate order and identity of the bursts."""
        ids = [b.burst_id for b in self.bursts]
        if len(set(ids)) != len(ids) or np.any(np.diff([b.time for b in self.bursts]) <= 0):
            raise ArgumentError(f"`bursts` of {self.name} must ascend in time with unique ids, got {ids}")

    @property
    def range_spacing(self) -> float:
        """Slant range spacing of samples, m."""
        return SPEED_OF_LIGHT / (2.0 * self.range_sampling_rate)

    def burst(self, burst_id: int) -> Burst:
        """Return the burst of that id.

        Raises
        ------
        ArgumentError
            If the swath does not hold it.
        """
        for burst in self.bursts:
            if burst.burst_id == burst_id:
                return burst
        raise ArgumentError(f"swath {self.name} has no burst {burst_id}; it has {[b.burst_id for b in self.bursts]}")

    def fast_time(self, sample: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Two-way fast time of samples, s."""
        return np.asarray(self.slant_range_time + sample / self.range_sampling_rate)

    def slow_time(self, burst: Burst, line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Zero-Doppler time of lines of a burst, s since the epoch."""
        return np.asarray(burst.time + line * self.azimuth_time_interval)


@dataclass(frozen=True)
class Acquisition:
    """One date of one track: all slices of a data take joined.

    Attributes
    ----------
    epoch : datetime64[s]
        Midnight UTC before the first line; every time of this acquisition counts from here.
    mission : str
        ``"S1A"`` ... ``"S1D"``.
    relative_orbit, absolute_orbit : int
        Of the first slice.
    is_ascending : bool
        Direction of the pass.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.
    ipf_version : str
        Version of ESA's processor, such as ``"003.91"``.
    radar_frequency : float
        Hz.
    swaths : mapping of str to Swath
        By name.
    orbit : Orbit
        The vectors to use: those of an orbit file once one is chosen, of the annotation before.
    products : tuple of str
        Names of the SAFE products that were joined.
    """

    epoch: np.datetime64
    mission: str
    relative_orbit: int
    absolute_orbit: int
    is_ascending: bool
    polarisation: str
    ipf_version: str
    radar_frequency: float
    swaths: Mapping[str, Swath]
    orbit: Orbit
    products: tuple[str, ...]

    @property
    def wavelength(self) -> float:
        """Wavelength, m."""
        return SPEED_OF_LIGHT / self.radar_frequency

    @property
    def start(self) -> float:
        """Time of line 0 of the earliest burst, s since the epoch."""
        return min(s.bursts[0].time for s in self.swaths.values() if s.bursts)

    @property
    def stop(self) -> float:
        """Time of the last line of the latest burst, s since the epoch."""
        return max(
            s.bursts[-1].time + (s.lines_per_burst - 1) * s.azimuth_time_interval
            for s in self.swaths.values()
            if s.bursts
        )

    @property
    def date(self) -> str:
        """``YYYYMMDD`` of the first line."""
        return str(self.epoch.astype("datetime64[D]")).replace("-", "")
