"""Physical description of a simulated scene."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from subside.conventions import SENTINEL1_WAVELENGTH
from subside.errors import ArgumentError


class Stratum(IntEnum):
    """What kind of scatterer a pixel truly is."""

    NOISE = 0
    DISTRIBUTED = 1
    POINT = 2


class LandCover(IntEnum):
    """Kind of ground a segment is made of."""

    WATER = 0
    FARMLAND = 1
    BARE = 2
    URBAN = 3
    VEGETATION = 4


@dataclass(frozen=True)
class DatesSpec:
    """Acquisition dates and perpendicular baselines.

    Attributes
    ----------
    n_dates : int
        Number of dates, at least 3.
    start : str
        First date, YYYYMMDD.
    interval_days : int
        Days between dates.
    gaps : tuple of (float, int)
        Position in the sequence (0 to 1) of a longer interval, and its length in days.
    bperp_std, bperp_limit : float
        Normal distribution of the perpendicular baseline, m, and the bound it is redrawn within.
    """

    n_dates: int = 30
    start: str = "20170108"
    interval_days: int = 24
    gaps: tuple[tuple[float, int], ...] = ()
    bperp_std: float = 50.0
    bperp_limit: float = 150.0


@dataclass(frozen=True)
class GeometrySpec:
    """Sampling and viewing geometry: a right-looking radar on a circular orbit over a sphere.

    Attributes
    ----------
    lines, samples : int
        Size of the scene in pixels.
    azimuth_spacing, range_spacing : float
        Pixel spacing on the ground along azimuth and ground range, m.
    longitude, latitude : float
        Centre of the scene, degrees.
    heading : float
        Of the satellite, degrees clockwise from north.
    incidence_angle : float
        At mid-scene, rad.
    slant_range : float
        At mid-scene, m.
    wavelength : float
        m.
    mean_height, relief : float
        Mean and standard deviation of the reference height, m.
    relief_length : float
        Correlation length of the height, m.
    """

    lines: int = 400
    samples: int = 400
    azimuth_spacing: float = 14.0
    range_spacing: float = 14.0
    longitude: float = 115.45
    latitude: float = 35.25
    heading: float = 347.0
    incidence_angle: float = 0.6806784082777885
    slant_range: float = 850_000.0
    wavelength: float = SENTINEL1_WAVELENGTH
    mean_height: float = 50.0
    relief: float = 4.0
    relief_length: float = 2000.0


@dataclass(frozen=True)
class ImpulseSpec:
    """Impulse response of the focused image: a Hamming window over part of the sampled band.

    Attributes
    ----------
    azimuth_fraction, range_fraction : float
        Processed bandwidth over sampling frequency, in (0, 1].
        Sentinel-1 IW2: 313 Hz of 486.49 Hz, 48.3 MHz of 64.35 MHz.
    hamming : float
        Coefficient of the window (0.75 for Sentinel-1 IW; 1 is no window).
    """

    azimuth_fraction: float = 313.0 / 486.49
    range_fraction: float = 48.3 / 64.35
    hamming: float = 0.75


@dataclass(frozen=True)
class SeasonSpec:
    """Seasonal coherence of a land cover.

    The decorrelation clock of the fading part runs at ``1 + swing cos(2 pi (t - peak)/year)`` days a day, and
    the visible share of the permanent part is ``1 - dip (1 + cos(2 pi (t - peak)/year))/2``.

    Attributes
    ----------
    swing : float
        0 (none) to 1 (no decorrelation half a year away from the peak).
    dip : float
        0 (none) to 1 (nothing of the permanent part visible at the peak).
    peak_day : float
        Day of the year of fastest decorrelation.
    """

    swing: float = 0.0
    dip: float = 0.0
    peak_day: float = 200.0


@dataclass(frozen=True)
class LandClass:
    """One land cover: how much of it, how bright, and how it keeps its coherence.

    Coherence at lag ``dt`` is ``g_inf + (g_0 - g_inf) exp(-dt/tau)`` before season and thermal noise.

    Attributes
    ----------
    cover : LandCover
        Which.
    fraction : float
        Of the scene's area, 0 to 1; fractions add up to 1.
    backscatter_db, backscatter_std_db : float
        Mean and segment-to-segment standard deviation of the backscatter, dB.
    point_fraction : float
        Pixels that are point scatterers, 0 to 0.1.
    gamma_0, gamma_inf : tuple of float
        Uniform range over segments of the coherence at zero lag and at long lags;
        ``gamma_0 = (0, 0)`` is noise.
    tau_days, tau_spread : float
        Median and log-standard-deviation over segments of the decay time.
    season : SeasonSpec
        Seasonal coherence.
    fading_phase_rate : float
        Drift of the fading part's phase, rad/yr, applied where the scene's ``is_phase_biased`` is set.
    """

    cover: LandCover
    fraction: float
    backscatter_db: float
    backscatter_std_db: float
    point_fraction: float
    gamma_0: tuple[float, float] = (0.0, 0.0)
    gamma_inf: tuple[float, float] = (0.0, 0.0)
    tau_days: float = 120.0
    tau_spread: float = 0.6
    season: SeasonSpec = SeasonSpec()
    fading_phase_rate: float = 0.0

    @property
    def is_noise(self) -> bool:
        """Whether no two dates are coherent."""
        return self.gamma_0[1] == 0.0


@dataclass(frozen=True)
class SpeckleSpec:
    """Land cover, point scatterers and noise of the images.

    Attributes
    ----------
    classes : tuple of LandClass
        Fractions add up to 1.
    segment_size : float
        Mean side of a land-cover segment, m.
    point_to_clutter_db : tuple of float
        Uniform range of a point's peak power over that of its pixel's clutter, dB.
    nesz_db : float
        Noise-equivalent backscatter, dB.
    gain_std_db : float
        Standard deviation of the gain of an image, dB.
    impulse : ImpulseSpec
        Impulse response.
    """

    classes: tuple[LandClass, ...]
    segment_size: float = 250.0
    point_to_clutter_db: tuple[float, float] = (3.0, 16.0)
    nesz_db: float = -40.0
    gain_std_db: float = 0.0
    impulse: ImpulseSpec = ImpulseSpec()


@dataclass(frozen=True)
class Bowl:
    """A Gaussian in space: ``amplitude exp(-r**2 / (2 radius**2))``.

    Attributes
    ----------
    azimuth, range : float
        Centre as a fraction of the scene.
    radius : float
        As a fraction of the scene's shorter side on the ground.
    amplitude : float
        m/yr for a rate, m for a season or a step; positive toward the satellite.
    """

    azimuth: float
    range: float
    radius: float
    amplitude: float


@dataclass(frozen=True)
class Season:
    """Yearly motion ``bowl sin(2 pi (t - zero_day)/year)``.

    Attributes
    ----------
    bowl : Bowl
        Amplitude in space, m.
    zero_day : float
        Day of the year of the upward zero crossing.
    """

    bowl: Bowl
    zero_day: float


@dataclass(frozen=True)
class Step:
    """A sudden displacement.

    Attributes
    ----------
    bowl : Bowl
        Size in space, m.
    time : float
        When, as a fraction of the stack's time span.
    """

    bowl: Bowl
    time: float


@dataclass(frozen=True)
class DeformationSpec:
    """Line-of-sight motion of the ground.

    Attributes
    ----------
    rates : tuple of Bowl
        Steady motion, m/yr.
    seasons : tuple of Season
        Yearly motion.
    steps : tuple of Step
        Sudden motion.
    """

    rates: tuple[Bowl, ...] = ()
    seasons: tuple[Season, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class DemErrorSpec:
    """Error of the reference height.

    Attributes
    ----------
    correlated_std, correlation_length : float
        Everywhere, Gaussian covariance, m.
    point_std : float
        White, on point scatterers only, m.
    """

    correlated_std: float = 3.5
    correlation_length: float = 150.0
    point_std: float = 3.6


@dataclass(frozen=True)
class AtmosphereSpec:
    """Propagation delay and orbit error of each date.

    Attributes
    ----------
    turbulent_rms : tuple of float
        Uniform range over dates of the rms over the scene about its own plane, rad;
        two-dimensional power spectrum k^-8/3.
    stratified_std : float
        Standard deviation over dates of the phase per metre of height, rad/m.
    ramp_std : float
        Standard deviation over dates of the phase across the scene, along each axis, rad.
    """

    turbulent_rms: tuple[float, float] = (0.35, 1.05)
    stratified_std: float = 0.0
    ramp_std: float = 1.5707963267948966


@dataclass(frozen=True)
class SceneSpec:
    """Every physical parameter of a simulated scene.

    Attributes
    ----------
    name : str
        Of the scene.
    dates : DatesSpec
        Dates and baselines.
    geometry : GeometrySpec
        Size, sampling, viewing.
    speckle : SpeckleSpec
        Land cover, points, noise.
    deformation : DeformationSpec
        Motion.
    dem_error : DemErrorSpec
        Height error.
    atmosphere : AtmosphereSpec
        Delay and orbit error.
    is_phase_biased : bool
        Whether the fading part of each class drifts in phase at its ``fading_phase_rate``. Against the
        permanent part this gives averaged short-lag pairs a phase that long-lag pairs do not have, so that
        averaged triplets do not close.
    """

    name: str
    dates: DatesSpec
    geometry: GeometrySpec
    speckle: SpeckleSpec
    deformation: DeformationSpec
    dem_error: DemErrorSpec
    atmosphere: AtmosphereSpec
    is_phase_biased: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.dates.n_dates < 3:
            raise ArgumentError(f"`n_dates` must be at least 3, got {self.dates.n_dates}")
        if min(self.geometry.lines, self.geometry.samples) < 16:
            raise ArgumentError(
                f"`lines` and `samples` must be at least 16, got {self.geometry.lines} and {self.geometry.samples}"
            )
        total = sum(c.fraction for c in self.speckle.classes)
        if abs(total - 1.0) > 1e-6:
            raise ArgumentError(f"`classes` must have fractions that add up to 1, got {total}")
        for c in self.speckle.classes:
            if not 0.0 <= c.point_fraction <= 0.1:
                raise ArgumentError(f"`point_fraction` must lie in [0, 0.1], got {c.point_fraction}")
            if c.gamma_0[0] < c.gamma_inf[1] or c.gamma_0[1] > 1.0:
                raise ArgumentError(
                    f"`gamma_0` must lie between the largest `gamma_inf` and 1, got {c.gamma_0} {c.gamma_inf}"
                )
