"""Repeat orbits of a simulated track and the timing of its bursts: every date as an acquisition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.kernels.geometry import ground_at_height, orbit_states, to_geodetic
from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath
from subside.ops.geometry import FIRST_LOOK_ANGLE
from subside.ops.orbit_arc import fit_orbit
from subside.ops.simulate.tops_spec import (
    HAMMING,
    LINE_INTERVAL,
    RADAR_FREQUENCY,
    RANGE_SAMPLING_RATE,
    SWATHS,
    WAVELENGTH,
    TopsSpec,
)

Floats = npt.NDArray[np.float64]

NODAL_PERIOD: Final = 12 * 86_400 / 175
"""s: 175 orbits in 12 days."""

RELATIVE_ORBIT: Final = 40
"""Of the simulated track."""

_NODE_RATE = 2.0 * np.pi / 86_400.0
_FIRST_ORBIT = 20_062
_FIRST_OFFSET = 73
_NODE_OF_DAY = 36_802.3
_FROM_NODE = 564.8
_VECTOR_STEP = 10.0
_VECTOR_SPAN = 300.0
_PREAMBLE = 2.299849
_MID_BURST = 0.832 + 0.539
_NUMBERING_CYCLE = 2.758273


@dataclass(frozen=True)
class Elements:
    """Sun-synchronous repeat orbit, Earth-fixed: a Kepler ellipse with its perigee in the north.

    Attributes
    ----------
    semi_major : float
        m.
    inclination : float
        rad.
    node : float
        Longitude of the ascending node at time 0, rad.
    eccentricity : float
    """

    semi_major: float = 7_070_950.0
    inclination: float = float(np.radians(98.182))
    node: float = 0.0
    eccentricity: float = 0.00118

    def states(self, time: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Earth-fixed position (time, 3), m, and velocity, m/s, at seconds since the ascending node."""
        t = np.atleast_1d(np.asarray(time, np.float64))
        motion, e = 2.0 * np.pi / NODAL_PERIOD, self.eccentricity
        at_node = 2.0 * np.arctan(np.sqrt((1 - e) / (1 + e)) * np.tan(-0.25 * np.pi))
        mean = at_node - e * np.sin(at_node) + motion * t
        anomaly = mean.copy()
        for _ in range(6):
            anomaly -= (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
        rate = motion / (1 - e * np.cos(anomaly))
        minor = self.semi_major * np.sqrt(1 - e**2)
        # the perigee lies a quarter turn after the node: (along perigee, ahead) is (sine, -cosine) of the plane
        along, ahead = self.semi_major * (np.cos(anomaly) - e), minor * np.sin(anomaly)
        along_rate, ahead_rate = -self.semi_major * np.sin(anomaly) * rate, minor * np.cos(anomaly) * rate
        sine, cosine = np.sin(self.inclination), np.cos(self.inclination)
        place = np.stack([-ahead, along * cosine, along * sine], axis=-1)
        speed = np.stack([-ahead_rate, along_rate * cosine, along_rate * sine], axis=-1)
        turn = self.node - _NODE_RATE * t
        c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]

        def turned(v: Floats) -> Floats:
            return np.concatenate([c * v[:, :1] - s * v[:, 1:2], s * v[:, :1] + c * v[:, 1:2], v[:, 2:]], axis=1)

        position, velocity = turned(place), turned(speed)
        velocity[:, 0] += _NODE_RATE * position[:, 1]
        velocity[:, 1] -= _NODE_RATE * position[:, 0]
        return position, velocity


@dataclass(frozen=True)
class Pass:
    """One date as it is flown and timed.

    Attributes
    ----------
    elements : Elements
        Orbit.
    node_time : float
        Of the ascending node, s since midnight.
    synchronisation : float
        Start of the burst pattern on the ground after the nominal one, lines.
    jumps : ndarray of int, (swath, burst)
        Whole lines by which bursts start off their regular time.
    doppler : ndarray of float64, (swath, burst, 3)
        Doppler polynomials: Hz, Hz/s, Hz/s2.
    """

    elements: Elements
    node_time: float
    synchronisation: float
    jumps: npt.NDArray[np.int64]
    doppler: Floats


def _rounded(time: float) -> float:
    """To the microsecond, as times are annotated."""
    return round(time * 1e6) / 1e6


def nominal_pass(spec: TopsSpec) -> Pass:
    """Fly the middle of the tube, over the place the scene asks for, with regular bursts."""
    shape = (len(spec.imaging.swaths), spec.imaging.n_bursts)
    plain = Pass(Elements(), _NODE_OF_DAY, 0.0, np.zeros(shape, np.int64), np.zeros((*shape, 3)))
    acquisition = make_acquisition(spec, plain, np.datetime64("2018-01-08"))
    _, longitude, _ = _middle(spec, acquisition)
    elements = replace(plain.elements, node=float(np.radians(spec.relief.longitude - longitude)))
    return replace(plain, elements=elements)


def _middle(spec: TopsSpec, acquisition: Acquisition) -> tuple[float, float, float]:
    """Latitude, longitude (degrees) and height (m) of the middle of the scene."""
    swath = acquisition.swaths[spec.imaging.swaths[-1]]
    time = 0.5 * (acquisition.start + acquisition.stop)
    arc = fit_orbit(acquisition.orbit, (time - 20.0, time + 20.0))
    reach = np.array([0.5 * SPEED_OF_LIGHT * swath.slant_range_time])
    point = ground_at_height(np.array([time]), reach, spec.relief.mean, arc, FIRST_LOOK_ANGLE)[0]
    latitude, longitude, height = (float(v) for v in to_geodetic(point)[0])
    return latitude, longitude, height


def displaced(elements: Elements, spec: TopsSpec, *, perpendicular: float, parallel: float, tilt: float) -> Elements:
    """Move an orbit in its zero-Doppler plane.

    Parameters
    ----------
    elements : Elements
        Nominal orbit.
    spec : TopsSpec
        Where the baselines are meant.
    perpendicular, parallel : float
        Baseline at mid-scene, m.
    tilt : float
        Change of inclination, rad, which lets the baseline vary along the track.

    Returns
    -------
    Elements
        With the baselines to first order.
    """
    time = np.array([_FROM_NODE + 0.5 * spec.imaging.n_bursts * spec.imaging.cycle])
    position, velocity = (v[0] for v in elements.states(time))
    down, ahead = -position / np.linalg.norm(position), velocity / np.linalg.norm(velocity)
    right = np.cross(down, ahead)
    look = np.cos(FIRST_LOOK_ANGLE) * down + np.sin(FIRST_LOOK_ANGLE) * right
    across = np.cross(look, ahead)
    axes = np.stack([across, -look])

    def moved(change: Elements) -> Floats:
        return np.asarray(axes @ (change.states(time)[0][0] - position))

    step = (1e-6, 10.0)
    columns = [
        moved(replace(elements, node=elements.node + step[0])) / step[0],
        moved(replace(elements, semi_major=elements.semi_major + step[1])) / step[1],
    ]
    tilted = replace(elements, inclination=elements.inclination + tilt)
    wanted = np.array([perpendicular, parallel]) - moved(tilted)
    node, semi_major = np.linalg.solve(np.stack(columns, axis=1), wanted)
    return replace(tilted, node=elements.node + node, semi_major=elements.semi_major + semi_major)


def draw_passes(spec: TopsSpec, nominal: Pass, *, rng: np.random.Generator) -> list[Pass]:
    """Draw orbit, timing and Doppler of every date."""
    n, imaging = spec.dates.n_dates, spec.imaging
    perpendicular = rng.normal(0.0, spec.dates.bperp_std, n)
    while np.any(outside := np.abs(perpendicular) > spec.dates.bperp_limit):
        perpendicular[outside] = rng.normal(0.0, spec.dates.bperp_std, int(outside.sum()))
    parallel, tilt = rng.normal(0.0, 8.0, n), rng.normal(0.0, 2e-6, n)
    shape = nominal.jumps.shape
    passes = []
    for k in range(n):
        elements = displaced(nominal.elements, spec, perpendicular=perpendicular[k], parallel=parallel[k], tilt=tilt[k])
        centre = imaging.doppler_std * (rng.standard_normal() + 0.3 * rng.standard_normal(shape))
        slope = 2e4 * imaging.doppler_std * rng.standard_normal(shape)
        curve = 1e8 * imaging.doppler_std * rng.standard_normal(shape)
        jumps = rng.integers(-imaging.start_jitter, imaging.start_jitter, shape, endpoint=True)
        jumps[0, 0] = 0
        passes.append(
            Pass(
                elements,
                _rounded(nominal.node_time + rng.uniform(-0.4, 0.4)),
                float(np.clip(imaging.synchronisation_std * rng.standard_normal(), -3.0, 3.0)),
                jumps,
                np.stack([centre, slope, curve], axis=-1),
            )
        )
    return passes


def _burst_numbers(spec: TopsSpec) -> int:
    """Number of the first burst of every swath (Sentinel-1 Level 1 Detailed Algorithm Definition, 9.25)."""
    since = _FROM_NODE + SWATHS["IW1"].sensing_lag + _MID_BURST + (RELATIVE_ORBIT - 1) * NODAL_PERIOD
    return int(np.floor((since - _PREAMBLE) / _NUMBERING_CYCLE)) + 1


def orbit_vectors(flown: Pass, time: Floats) -> Orbit:
    """State vectors at seconds since midnight, rounded to the micrometre as in an orbit file."""
    position, velocity = flown.elements.states(time - flown.node_time)
    return Orbit(time, np.round(position, 6), np.round(velocity, 6), "POEORB", "")


def _fm_rate(orbit: Orbit, time: float, swath: Swath, height: float) -> RangePolynomial:
    """Azimuth FM rate ``-2 (v.v + (p - x).a) / (lambda R)`` as a parabola in fast time, Hz/s."""
    arc = fit_orbit(orbit, (time - 1.0, time + 1.0))
    sample = np.linspace(0.0, swath.samples_per_burst - 1.0, 9)
    fast = swath.fast_time(sample)
    reach = 0.5 * SPEED_OF_LIGHT * fast
    point = ground_at_height(np.array([time]), reach, height, arc, FIRST_LOOK_ANGLE)[0]
    position, velocity, acceleration = orbit_states(arc, np.array([time]))[0]
    rate = -2.0 * (velocity @ velocity + (position - point) @ acceleration) / (WAVELENGTH * reach)
    scale = fast[-1] - fast[0]
    powers = np.polynomial.polynomial.polyfit((fast - swath.slant_range_time) / scale, rate, 2)
    return RangePolynomial(swath.slant_range_time, tuple(float(c / scale**k) for k, c in enumerate(powers)))


def make_acquisition(spec: TopsSpec, flown: Pass, date: np.datetime64) -> Acquisition:
    """Describe one date as its annotation will, with the vectors of its orbit file."""
    imaging = spec.imaging
    start = _rounded(flown.node_time + _FROM_NODE + flown.synchronisation * LINE_INTERVAL)
    first = np.floor((start - _VECTOR_SPAN) / _VECTOR_STEP) * _VECTOR_STEP + 2.0
    orbit = orbit_vectors(flown, np.arange(first, start + _VECTOR_SPAN, _VECTOR_STEP))
    number = _burst_numbers(spec)
    swaths = {}
    for i, name in enumerate(imaging.swaths):
        timing, valid = SWATHS[name], imaging.valid_lines(name)
        samples_before = i * (imaging.n_samples - imaging.overlap_samples)
        empty = Swath(
            name=name,
            slant_range_time=imaging.slant_range_time + samples_before / RANGE_SAMPLING_RATE,
            range_sampling_rate=RANGE_SAMPLING_RATE,
            azimuth_time_interval=LINE_INTERVAL,
            lines_per_burst=imaging.n_lines(name),
            samples_per_burst=imaging.n_samples,
            steering_rate=float(np.radians(timing.steering_rate)),
            range_bandwidth=timing.range_bandwidth,
            azimuth_bandwidth=timing.azimuth_bandwidth,
            window_coefficient=HAMMING,
            incidence_mid_swath=float(np.radians(36.4)),
            bursts=(),
        )
        bursts = []
        for b in range(imaging.n_bursts):
            regular = round(b * imaging.cycle / LINE_INTERVAL) + round(timing.delay_lines * imaging.burst_scale)
            time = _rounded(start + (regular + int(flown.jumps[i, b])) * LINE_INTERVAL)
            middle = time + 0.5 * empty.lines_per_burst * LINE_INTERVAL
            sensing = start + timing.sensing_lag + timing.sensing_delay * imaging.burst_scale + b * imaging.cycle
            doppler = RangePolynomial(_rounded(imaging.slant_range_time), tuple(float(c) for c in flown.doppler[i, b]))
            bursts.append(
                Burst(
                    burst_id=number + b,
                    time=time,
                    sensing_time=_rounded(sensing),
                    first_line=valid[0],
                    last_line=valid[1],
                    first_sample=6,
                    last_sample=imaging.n_samples - 7,
                    doppler=doppler,
                    fm_rate=_fm_rate(orbit, middle, empty, spec.relief.mean),
                    file="",
                    line_offset=b * empty.lines_per_burst,
                )
            )
        swaths[name] = replace(empty, bursts=tuple(bursts))
    absolute = _absolute_orbit(date)
    return Acquisition(
        epoch=date.astype("datetime64[s]"),
        mission="S1A",
        relative_orbit=RELATIVE_ORBIT,
        absolute_orbit=absolute,
        is_ascending=True,
        polarisation="VV",
        ipf_version="003.91",
        radar_frequency=RADAR_FREQUENCY,
        swaths=swaths,
        orbit=orbit,
        products=(),
    )


def _absolute_orbit(date: np.datetime64) -> int:
    """The orbit of that relative number nearest to 175 orbits in 12 days since one of S1A's passes."""
    days = (date.astype("datetime64[D]") - np.datetime64("2018-01-08")).astype(int)
    flown = _FIRST_ORBIT + days * 175 / 12
    wanted = RELATIVE_ORBIT - 1 + _FIRST_OFFSET
    return int(wanted + 175 * round((flown - wanted) / 175))
