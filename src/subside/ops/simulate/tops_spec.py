"""Description of a simulated track in TOPS mode: swaths, timing, orbits, ground, delays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError
from subside.ops.simulate.spec import (
    AtmosphereSpec,
    Bowl,
    DatesSpec,
    DeformationSpec,
    DemErrorSpec,
    LandClass,
    LandCover,
    SpeckleSpec,
)

LINE_INTERVAL: Final = 2.055556299999998e-3
"""Seconds between lines, all swaths."""

RANGE_SAMPLING_RATE: Final = 64.345238126e6
"""Hz."""

RADAR_FREQUENCY: Final = 5.405000454334350e9
"""Hz."""

WAVELENGTH: Final = SPEED_OF_LIGHT / RADAR_FREQUENCY
"""m."""

BURST_CYCLE: Final = 2.758277
"""Raw time from burst to burst of one swath, s."""

HAMMING: Final = 0.75
"""Window coefficient of both spectra."""


@dataclass(frozen=True)
class SwathTiming:
    """What is fixed about a swath of the IW mode.

    Attributes
    ----------
    n_lines : int
        Lines per burst.
    valid_lines : tuple of int
        First and last valid line.
    steering_rate : float
        Degrees per second.
    range_bandwidth, azimuth_bandwidth : float
        Hz.
    sensing_delay : float
        Raw start after that of IW1 in the same cycle, s.
    delay_lines : int
        Zero-Doppler start after that of IW1 in the same cycle, lines.
    sensing_lag : float
        Raw start after the zero-Doppler start of the same burst, s.
    """

    n_lines: int
    valid_lines: tuple[int, int]
    steering_rate: float
    range_bandwidth: float
    azimuth_bandwidth: float
    sensing_delay: float
    delay_lines: int
    sensing_lag: float


SWATHS: Final[Mapping[str, SwathTiming]] = MappingProxyType(
    {
        "IW1": SwathTiming(1502, (20, 1483), 1.590368784, 56.5e6, 327.0, 0.0, 0, 1.135623),
        "IW2": SwathTiming(1513, (26, 1487), 0.97986325, 48.3e6, 313.0, 0.832203, 458, 1.026459),
    }
)
"""The two swaths a scene may have, with the values of mid-latitude products."""


@dataclass(frozen=True)
class ImagingSpec:
    """Swaths, bursts and what differs from date to date in how they are taken.

    Attributes
    ----------
    swaths : tuple of str
        ``("IW1", "IW2")`` or one of them.
    n_bursts : int
        Per swath, at least 2.
    n_samples : int
        Per swath.
    overlap_samples : int
        Samples two swaths share.
    burst_scale : float
        Length of bursts and of the burst cycle in units of the true one. Below 1, bursts are shorter and the spectral
        separation of overlaps shrinks alike: for quick tests.
    slant_range_time : float
        Two-way fast time of the first sample of the first swath, s.
    azimuth_shift_std, range_shift_std : float
        Actual minus predicted position of the images, lines and samples.
    synchronisation_std : float
        Start of the burst pattern on the ground, lines.
    start_jitter : int
        Largest jump of the start of a burst, whole lines.
    doppler_std : float
        Doppler centroid of a date, Hz; bursts of a date deviate by a third of it.
    amplitude : float
        Standard deviation of I and Q of mean ground, digital numbers.
    """

    swaths: tuple[str, ...] = ("IW1", "IW2")
    n_bursts: int = 3
    n_samples: int = 360
    overlap_samples: int = 80
    burst_scale: float = 1.0
    slant_range_time: float = 5.648e-3
    azimuth_shift_std: float = 0.02
    range_shift_std: float = 0.04
    synchronisation_std: float = 1.2
    start_jitter: int = 1
    doppler_std: float = 6.0
    amplitude: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if not self.swaths or set(self.swaths) - set(SWATHS) or list(self.swaths) != sorted(set(self.swaths)):
            raise ArgumentError(f"`swaths` must be some of {tuple(SWATHS)} in order, got {self.swaths}")
        if self.n_bursts < 2:
            raise ArgumentError(f"`n_bursts` must be at least 2, got {self.n_bursts}")
        if self.n_samples < 2 * self.overlap_samples or self.overlap_samples < 32:
            raise ArgumentError(
                f"`n_samples` must be at least twice `overlap_samples` of 32 or more, "
                f"got {self.n_samples} and {self.overlap_samples}"
            )
        if not 0.2 <= self.burst_scale <= 1.0:
            raise ArgumentError(f"`burst_scale` must lie in [0.2, 1], got {self.burst_scale}")

    @property
    def cycle(self) -> float:
        """Raw time from burst to burst, s."""
        return BURST_CYCLE * self.burst_scale

    def n_lines(self, swath: str) -> int:
        """Lines per burst."""
        return round(SWATHS[swath].n_lines * self.burst_scale)

    def valid_lines(self, swath: str) -> tuple[int, int]:
        """First and last valid line of a burst."""
        first, last = (round(v * self.burst_scale) for v in SWATHS[swath].valid_lines)
        return first, last


@dataclass(frozen=True)
class ReliefSpec:
    """Heights of the ground.

    Attributes
    ----------
    mean, std, length : float
        Mean, standard deviation and correlation length, m.
    posting : float
        Of the elevation model, degrees.
    latitude, longitude : float
        Where the scene lies, roughly, degrees.
    """

    mean: float = 180.0
    std: float = 60.0
    length: float = 1500.0
    posting: float = 1.0 / 3600.0
    latitude: float = 35.2
    longitude: float = 115.45


@dataclass(frozen=True)
class TopsSpec:
    """Every parameter of a simulated track in TOPS mode.

    Attributes
    ----------
    name : str
        Of the scene.
    dates : DatesSpec
        Dates and perpendicular baselines.
    imaging : ImagingSpec
        Swaths and bursts.
    relief : ReliefSpec
        Heights.
    speckle : SpeckleSpec
        Land cover, points, noise; the impulse response is that of each swath.
    deformation : DeformationSpec
        Motion, placed as fractions of the merged scene.
    dem_error : DemErrorSpec
        By how much the ground lies above the elevation model that is handed out.
    atmosphere : AtmosphereSpec
        Delays.
    """

    name: str
    dates: DatesSpec
    speckle: SpeckleSpec
    imaging: ImagingSpec = field(default_factory=ImagingSpec)
    relief: ReliefSpec = field(default_factory=ReliefSpec)
    deformation: DeformationSpec = field(default_factory=DeformationSpec)
    dem_error: DemErrorSpec = field(default_factory=DemErrorSpec)
    atmosphere: AtmosphereSpec = field(default_factory=AtmosphereSpec)

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.dates.n_dates < 2:
            raise ArgumentError(f"`n_dates` must be at least 2, got {self.dates.n_dates}")


def _safe() -> TopsSpec:
    classes = (
        LandClass(LandCover.URBAN, 0.22, -7.0, 2.0, 0.03, (0.7, 0.95), (0.45, 0.7), 200.0),
        LandClass(LandCover.BARE, 0.28, -11.0, 1.5, 0.006, (0.6, 0.9), (0.25, 0.5), 120.0),
        LandClass(LandCover.FARMLAND, 0.15, -12.0, 2.0, 0.002, (0.4, 0.8), (0.05, 0.2), 60.0),
        LandClass(LandCover.VEGETATION, 0.35, -10.0, 1.5, 0.0),
    )
    return TopsSpec(
        name="safe",
        dates=DatesSpec(n_dates=12, start="20180108", interval_days=24, bperp_std=60.0, bperp_limit=140.0),
        speckle=SpeckleSpec(classes=classes, segment_size=300.0, nesz_db=-22.0, gain_std_db=0.2),
        deformation=DeformationSpec(
            rates=(Bowl(0.34, 0.5, 0.25, -0.060), Bowl(0.66, 0.35, 0.25, -0.030), Bowl(0.5, 0.75, 0.2, 0.020))
        ),
        dem_error=DemErrorSpec(correlated_std=3.0, correlation_length=300.0, point_std=3.0),
        atmosphere=AtmosphereSpec(turbulent_rms=(0.2, 0.6), stratified_std=0.001, ramp_std=0.8),
    )


def _safe_tiny() -> TopsSpec:
    base = _safe()
    return replace(
        base,
        name="safe-tiny",
        dates=replace(base.dates, n_dates=3, interval_days=12),
        imaging=ImagingSpec(swaths=("IW2",), n_bursts=2, n_samples=200, burst_scale=0.27, range_shift_std=0.15),
        deformation=DeformationSpec(rates=(Bowl(0.5, 0.5, 0.25, -0.060),)),
    )


_SCENES = {"safe": _safe, "safe-tiny": _safe_tiny}

TOPS_SCENE_NAMES: tuple[str, ...] = tuple(_SCENES)
"""Names :func:`tops_scene` knows."""


def tops_scene(
    name: str, *, n_dates: int | None = None, n_bursts: int | None = None, n_samples: int | None = None
) -> TopsSpec:
    """Describe a named track, at its own size or another.

    Parameters
    ----------
    name : str
        ``safe``: IW1 and IW2, three bursts each, 360 samples a swath, 12 dates every 24 days, bowls of -60 and
        -30 mm/yr at the seams of bursts and swaths. ``safe-tiny``: IW2, two bursts of 0.27 of their length, 3 dates.
    n_dates, n_bursts, n_samples : int, optional
        In place of the scene's own.

    Returns
    -------
    TopsSpec
        To be changed with :func:`dataclasses.replace` where needed.

    Raises
    ------
    ArgumentError
        If the name is unknown or the size too small.
    """
    if name not in _SCENES:
        raise ArgumentError(f"`name` must be one of {list(TOPS_SCENE_NAMES)}, got {name!r}")
    spec = _SCENES[name]()
    imaging = replace(
        spec.imaging,
        n_bursts=spec.imaging.n_bursts if n_bursts is None else int(n_bursts),
        n_samples=spec.imaging.n_samples if n_samples is None else int(n_samples),
    )
    dates = replace(spec.dates, n_dates=spec.dates.n_dates if n_dates is None else int(n_dates))
    return replace(spec, imaging=imaging, dates=dates)
