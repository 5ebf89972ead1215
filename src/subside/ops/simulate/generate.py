"""Make the images of a simulated scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.model.stack import Stack
from subside.ops.simulate import fields
from subside.ops.simulate.geometry import View, make_baselines, make_dates, make_view
from subside.ops.simulate.spec import SceneSpec, Stratum
from subside.ops.simulate.speckle import FadingMemory, ImpulseResponse, place_points
from subside.ops.simulate.truth import CoherenceTruth, SimulatedScene, Truth

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_STREAMS = ("relief", "baselines", "land", "points", "height_error", "frozen", "dates")


def day_of_year(dates: npt.NDArray[np.datetime64]) -> Float64:
    """Days since the start of the year of the first date, (date,)."""
    start = dates[0].astype("datetime64[Y]").astype("datetime64[D]")
    result: Float64 = (dates - start).astype("timedelta64[D]").astype(np.float64)
    return result


@dataclass(frozen=True)
class Ground:
    """Layout of the scene: land cover, points and coherence."""

    stratum: npt.NDArray[np.uint8]
    cover: npt.NDArray[np.uint8]
    segment: npt.NDArray[np.int32]
    power: Float32
    point_amplitude: npt.NDArray[np.complex64]
    coherence: CoherenceTruth
    drift_rate: Float32


def _season_curves(spec: SceneSpec, dates: npt.NDArray[np.datetime64]) -> tuple[Float64, Float64]:
    """Decorrelation clock and visibility of each class, (class, date)."""
    day = day_of_year(dates)
    omega = 2 * np.pi / DAYS_PER_YEAR
    clock, visibility = [], []
    for c in spec.speckle.classes:
        argument = omega * (day - c.season.peak_day)
        clock.append(day + c.season.swing / omega * np.sin(argument))
        visibility.append(1 - c.season.dip * (1 + np.cos(argument)) / 2)
    return np.array(clock), np.array(visibility)


def _make_ground(
    spec: SceneSpec,
    dates: npt.NDArray[np.datetime64],
    rngs: dict[str, np.random.Generator],
    response: ImpulseResponse,
) -> Ground:
    rng, classes = rngs["land"], spec.speckle.classes
    segment = fields.segments(rng, spec.geometry, spec.speckle.segment_size)
    of_segment = fields.assign_classes(rng, segment, classes)
    n = len(of_segment)

    def column(name: str) -> Float64:
        return np.array([getattr(c, name) for c in classes], dtype=np.float64)[of_segment]

    power_db = column("backscatter_db") + column("backscatter_std_db") * rng.standard_normal(n)
    gamma_0, gamma_inf = (
        column(name)[:, 0] + np.diff(column(name), axis=1)[:, 0] * rng.random(n) for name in ("gamma_0", "gamma_inf")
    )
    tau = column("tau_days") * np.exp(column("tau_spread") * rng.standard_normal(n))
    is_noise = gamma_0 == 0
    tau[is_noise] = np.inf
    drift = column("fading_phase_rate") if spec.is_phase_biased else np.zeros(n)

    def spread(values: Float64) -> Float32:
        return values.astype(np.float32)[segment]

    is_point = place_points(rngs["points"], column("point_fraction")[segment])
    low, high = spec.speckle.point_to_clutter_db
    ratio = 10 ** (rngs["points"].uniform(low, high, is_point.shape) / 10)
    power = spread(10 ** (power_db / 10))
    turn = np.exp(2j * np.pi * rngs["points"].random(is_point.shape))
    point = np.where(is_point, np.sqrt(ratio * power) / response.peak * turn, 0).astype(np.complex64)

    stratum = np.where(is_noise[segment], Stratum.NOISE, Stratum.DISTRIBUTED).astype(np.uint8)
    stratum[is_point] = Stratum.POINT
    covers = np.array([c.cover for c in classes], dtype=np.uint8)
    clock, visibility = _season_curves(spec, dates)
    coherence = CoherenceTruth(
        gamma_0=spread(gamma_0),
        gamma_inf=spread(gamma_inf),
        tau_days=spread(tau),
        snr=power / np.float32(10 ** (spec.speckle.nesz_db / 10)),
        class_index=of_segment.astype(np.uint8)[segment],
        clock=clock,
        visibility=visibility,
    )
    return Ground(stratum, covers[of_segment][segment], segment, power, point, coherence, spread(drift / DAYS_PER_YEAR))


def _displacement(spec: SceneSpec, dates: npt.NDArray[np.datetime64]) -> tuple[Float32, Float32]:
    """Velocity (azimuth, range) m/yr and displacement (date, azimuth, range) m, zero at the first date."""
    day = day_of_year(dates)
    days = day - day[0]
    g, d = spec.geometry, spec.deformation
    velocity = sum((fields.bowl_field(b, g) for b in d.rates), np.zeros((g.lines, g.samples)))
    terms = [(days / DAYS_PER_YEAR, velocity)]
    for s in d.seasons:
        wave = np.sin(2 * np.pi * (day - s.zero_day) / DAYS_PER_YEAR)
        terms.append((wave - wave[0], fields.bowl_field(s.bowl, g)))
    terms += [((days > s.time * days[-1]).astype(float), fields.bowl_field(s.bowl, g)) for s in d.steps]
    out = np.zeros((len(dates), g.lines, g.samples), dtype=np.float32)
    for curve, shape in terms:
        out += curve.astype(np.float32)[:, None, None] * shape.astype(np.float32)
    return velocity.astype(np.float32), out


def _height_phase_factor(spec: SceneSpec, view: View, corners: Float64) -> Float32:
    """Phase per metre of height error on one date, rad/m, from its corner baselines (2, 2)."""
    g = spec.geometry
    u = np.linspace(0, 1, g.lines)[:, None]
    v = np.linspace(0, 1, g.samples)[None, :]
    bperp = (1 - u) * ((1 - v) * corners[0, 0] + v * corners[0, 1]) + u * ((1 - v) * corners[1, 0] + v * corners[1, 1])
    slant, incidence = view.arrays["slant_range"], view.arrays["incidence_angle"]
    result: Float64 = 4 * np.pi / g.wavelength * bperp / (slant * np.sin(incidence))
    return result.astype(np.float32)


@dataclass(frozen=True)
class DateStreams:
    """Random numbers of one date."""

    fading: np.random.Generator
    fresh: np.random.Generator
    delay: np.random.Generator

    @classmethod
    def of(cls, seed: np.random.SeedSequence) -> DateStreams:
        """Spawn the streams of a date from its seed."""
        return cls(*(np.random.default_rng(s) for s in seed.spawn(3)))


def _delay(spec: SceneSpec, rng: np.random.Generator, relief: Float64) -> tuple[Float32, Float32]:
    """Atmosphere and ramp of one date, rad."""
    g, a = spec.geometry, spec.atmosphere
    rms = rng.uniform(*a.turbulent_rms)
    atmosphere = fields.turbulence(rng, g, rms) + a.stratified_std * rng.standard_normal() * relief
    slope = a.ramp_std * rng.standard_normal(2)
    az, rg = fields.plane_coordinates(g)
    return atmosphere.astype(np.float32), (slope[0] * az + slope[1] * rg).astype(np.float32)


@dataclass(frozen=True)
class Clutter:
    """Amplitudes of the parts of the clutter on the padded grid."""

    response: ImpulseResponse
    ground: Ground
    frozen: npt.NDArray[np.complex64]
    memory: FadingMemory

    def pad(self, field: Float32) -> Float32:
        """Extend a field of the scene to the padded grid."""
        return self.response.pad(field, is_repeated=True)

    def reflectivity(self, index: int, streams: DateStreams, days: Float64) -> npt.NDArray[np.complex64]:
        """Clutter and thermal noise of a date before its phase, unit clutter power times backscatter."""
        c = self.ground.coherence
        previous = max(index - 1, 0)
        lag = (c.clock[:, index] - c.clock[:, previous]).astype(np.float32)[c.class_index]
        drift = self.ground.drift_rate * np.float32(days[index] - days[previous])
        white = self.response.noise(streams.fading)
        fading = self.memory.step(white, self.pad(np.exp(-lag / c.tau_days)), self.pad(drift))
        seen = c.gamma_inf * c.visibility[:, index].astype(np.float32)[c.class_index]
        fresh_share = 1 - (c.gamma_0 - c.gamma_inf) - seen
        out = self.pad(np.sqrt(self.ground.power * seen)) * self.frozen
        out += self.pad(np.sqrt(self.ground.power * (c.gamma_0 - c.gamma_inf))) * fading
        fresh = self.response.noise(streams.fresh)
        noise_power = self.ground.power * (fresh_share + 1 / c.snr)
        out += self.pad(np.sqrt(noise_power)) * fresh
        return out


def simulate(spec: SceneSpec, *, seed: int) -> SimulatedScene:
    """Simulate a coregistered, flattened single-look stack with known answers.

    The image of a date is the ground's complex reflectivity, turned by ``exp(-j phase)`` and put through the
    impulse response of the sensor. Clutter is circular Gaussian: a permanent part, a fading part (first-order
    autoregression over dates) and a part drawn anew on each date; point scatterers are single samples before
    the impulse response, so that their neighbours carry their main lobe and side lobes. Thermal noise has the
    same bandwidth.

    Parameters
    ----------
    spec : SceneSpec
        From :func:`scene`, or one's own.
    seed : int
        Non-negative. Equal seeds give equal bits, whatever the number of threads.

    Returns
    -------
    SimulatedScene
        ``stack.slc`` complex64 (date, azimuth, range), in memory with its truth: about
        ``24 * n_dates * lines * samples`` bytes in all.

    Raises
    ------
    ArgumentError
        From the spec, when it cannot be simulated.
    """
    seeds = dict(zip(_STREAMS, np.random.SeedSequence(seed).spawn(len(_STREAMS)), strict=True))
    rngs = {name: np.random.default_rng(seeds[name]) for name in _STREAMS[:-1]}
    streams = [DateStreams.of(s) for s in seeds["dates"].spawn(spec.dates.n_dates)]
    g = spec.geometry
    dates = make_dates(spec.dates)
    reference = len(dates) // 2
    bperp = make_baselines(spec.dates, reference, rngs["baselines"])
    view = make_view(g, rngs["relief"])
    response = ImpulseResponse.of(spec.speckle.impulse, (g.lines, g.samples))
    ground = _make_ground(spec, dates, rngs, response)
    is_point = ground.stratum == Stratum.POINT
    rng = rngs["height_error"]
    smooth = fields.correlated(rng, g, spec.dem_error.correlated_std, spec.dem_error.correlation_length)
    white = spec.dem_error.point_std * rng.standard_normal(smooth.shape)
    ground_error = smooth.astype(np.float32)
    dem_error = np.where(is_point, smooth + white, smooth).astype(np.float32)

    velocity, displacement = _displacement(spec, dates)
    days = (dates - dates[0]).astype("timedelta64[D]").astype(np.float64)
    shape = displacement.shape
    slc = np.empty(shape, dtype=np.complex64)
    phase, atmosphere, ramp = (np.empty(shape, dtype=np.float32) for _ in range(3))
    relief = view.arrays["height"].astype(np.float64) - g.mean_height
    clutter = Clutter(response, ground, response.noise(rngs["frozen"]), FadingMemory())
    for k, stream in enumerate(streams):
        atmosphere[k], ramp[k] = _delay(spec, stream.delay, relief)
        factor = _height_phase_factor(spec, view, bperp[k])
        common = np.float32(-4 * np.pi / g.wavelength) * displacement[k] + atmosphere[k] + ramp[k]
        phase[k] = common + factor * dem_error
        gain = np.float32(10 ** (spec.speckle.gain_std_db * stream.delay.standard_normal() / 20))
        scatter = clutter.reflectivity(k, stream, days)
        scatter *= np.exp(-1j * clutter.pad(common + factor * ground_error))
        scatter += response.pad(ground.point_amplitude * np.exp(-1j * phase[k]), is_repeated=False)
        slc[k] = gain * response.image(scatter)

    points = response.image(response.pad(ground.point_amplitude, is_repeated=False))
    truth = Truth(
        stratum=ground.stratum,
        land_cover=ground.cover,
        segment=ground.segment,
        point_to_clutter=(np.abs(points) ** 2 / ground.power).astype(np.float32),
        velocity=velocity,
        displacement=displacement,
        dem_error=dem_error,
        phase=phase,
        atmosphere_phase=atmosphere,
        ramp_phase=ramp,
        coherence=ground.coherence,
        days=days,
        wavelength=g.wavelength,
        spacing=(g.azimuth_spacing, g.range_spacing),
    )
    stack = Stack(
        slc=slc,
        dates=dates,
        reference_date=dates[reference],
        wavelength=g.wavelength,
        azimuth_spacing=g.azimuth_spacing,
        range_spacing=g.range_spacing,
        geometry=view.arrays,
        bperp=bperp,
        attributes={"sensor": "simulated", "heading": g.heading, "scene": spec.name, "seed": seed},
    )
    return SimulatedScene(spec, seed, stack, truth)
