"""What lies under a simulated track: heights, land cover, points, motion, delays, on the lattice of its nominal pass.

The lattice has the line and sample spacing of the images. It begins :data:`LINE_MARGIN` lines and
:data:`SAMPLE_MARGIN` samples before the first burst of the nominal pass and ends as far behind the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside.conventions import DAYS_PER_YEAR, SPEED_OF_LIGHT
from subside.kernels.geometry import closest_approach, ground_at_height
from subside.model.acquisition import Acquisition
from subside.model.dem import Dem
from subside.ops.geometry import FIRST_LOOK_ANGLE, acquisition_arc, burst_geometry, flat_ground
from subside.ops.orbit_arc import fit_orbit
from subside.ops.simulate import fields
from subside.ops.simulate.spec import Bowl, GeometrySpec, LandClass
from subside.ops.simulate.speckle import place_points
from subside.ops.simulate.tops_spec import LINE_INTERVAL, RANGE_SAMPLING_RATE, WAVELENGTH, TopsSpec

Floats = npt.NDArray[np.float64]

LINE_MARGIN: Final = 48
SAMPLE_MARGIN: Final = 64
"""Pixels of ground before the first and after the last burst and sample of the nominal pass."""

COARSE: Final = (16, 64)
"""Lines and samples between the nodes of delays and of the height factor."""

_LINE_SPACING = 13.98
_EARTH_DEGREE = 111_320.0
_HEIGHT_STEP = 100.0
_DEM_MARGIN = 0.02


@dataclass(frozen=True)
class Lattice:
    """The lattice of the ground.

    Attributes
    ----------
    start : float
        Zero-Doppler time of line 0, s since the epoch of the nominal pass.
    slant_range_time : float
        Two-way fast time of sample 0, s.
    n_lines, n_samples : int
        Size.
    spacing : tuple of float
        On the ground along azimuth and range, m.
    """

    start: float
    slant_range_time: float
    n_lines: int
    n_samples: int
    spacing: tuple[float, float]

    def place(self, acquisition: Acquisition, swath: str, burst: int) -> tuple[int, int]:
        """Line and sample of the first pixel of a burst of the nominal pass."""
        of = acquisition.swaths[swath]
        line = (of.bursts[burst].time - self.start) / LINE_INTERVAL
        return round(line), round((of.slant_range_time - self.slant_range_time) * RANGE_SAMPLING_RATE)

    def coarse(self) -> tuple[Floats, Floats]:
        """Lines and samples of the coarse nodes, past the last pixel."""
        lines = np.arange(0.0, self.n_lines + 3 * COARSE[0], COARSE[0])
        return lines, np.arange(0.0, self.n_samples + 3 * COARSE[1], COARSE[1])

    def as_geometry(self, step: tuple[int, int] = (1, 1), shape: tuple[int, int] | None = None) -> GeometrySpec:
        """Size and spacing for random fields."""
        lines, samples = shape or (self.n_lines, self.n_samples)
        return GeometrySpec(
            lines=lines,
            samples=samples,
            azimuth_spacing=self.spacing[0] * step[0],
            range_spacing=self.spacing[1] * step[1],
        )


def make_lattice(nominal: Acquisition) -> Lattice:
    """Lay the lattice around the bursts of the nominal pass."""
    swaths = sorted(nominal.swaths.values(), key=lambda s: s.slant_range_time)
    start = nominal.start - LINE_MARGIN * LINE_INTERVAL
    fast = swaths[0].slant_range_time - SAMPLE_MARGIN / RANGE_SAMPLING_RATE
    last = swaths[-1].slant_range_time + swaths[-1].samples_per_burst / RANGE_SAMPLING_RATE
    return Lattice(
        start=start,
        slant_range_time=fast,
        n_lines=round((nominal.stop - start) / LINE_INTERVAL) + 1 + LINE_MARGIN,
        n_samples=round((last - fast) * RANGE_SAMPLING_RATE) + SAMPLE_MARGIN,
        spacing=(_LINE_SPACING, swaths[0].range_spacing / float(np.sin(swaths[0].incidence_mid_swath))),
    )


@dataclass(frozen=True)
class Layout:
    """Land cover and points; what is constant in a segment is held once a segment.

    Attributes
    ----------
    segment : ndarray of int32, (line, sample)
        Land-cover segment.
    power, gamma_0, gamma_inf, tau_days : ndarray of float64, (segment,)
        Backscatter, coherence at zero and long lags, decay time (days, infinite for noise).
    class_index : ndarray of int64, (segment,)
        Position in the classes of the spec.
    point_line, point_sample : ndarray of int64, (point,)
        Where point scatterers are.
    point_ratio : ndarray of float64, (point,)
        Peak power over that of the clutter.
    point_phase, point_height : ndarray of float64, (point,)
        Phase, rad, and height above the ground around, m.
    """

    segment: npt.NDArray[np.int32]
    power: Floats
    gamma_0: Floats
    gamma_inf: Floats
    tau_days: Floats
    class_index: npt.NDArray[np.int64]
    point_line: npt.NDArray[np.int64]
    point_sample: npt.NDArray[np.int64]
    point_ratio: Floats
    point_phase: Floats
    point_height: Floats


def make_layout(spec: TopsSpec, lattice: Lattice, *, rng: np.random.Generator) -> Layout:
    """Draw land cover and points."""
    classes, geometry = spec.speckle.classes, lattice.as_geometry()
    segment = fields.segments(rng, geometry, spec.speckle.segment_size)
    of_segment = fields.assign_classes(rng, segment, classes)
    n = len(of_segment)

    def column(name: str) -> Floats:
        return np.array([getattr(c, name) for c in classes], dtype=np.float64)[of_segment]

    def uniform(name: str) -> Floats:
        low, high = column(name).T
        return np.asarray(low + (high - low) * rng.random(n))

    power_db = column("backscatter_db") + column("backscatter_std_db") * rng.standard_normal(n)
    gamma_0, gamma_inf = uniform("gamma_0"), uniform("gamma_inf")
    tau = column("tau_days") * np.exp(column("tau_spread") * rng.standard_normal(n))
    tau[gamma_0 == 0] = np.inf
    line, sample = np.nonzero(place_points(rng, column("point_fraction")[segment]))
    ratio = 10 ** (rng.uniform(*spec.speckle.point_to_clutter_db, len(line)) / 10)
    return Layout(
        segment=segment,
        power=10 ** (power_db / 10),
        gamma_0=gamma_0,
        gamma_inf=gamma_inf,
        tau_days=tau,
        class_index=of_segment.astype(np.int64),
        point_line=line,
        point_sample=sample,
        point_ratio=ratio,
        point_phase=rng.uniform(-np.pi, np.pi, len(line)),
        point_height=spec.dem_error.point_std * rng.standard_normal(len(line)),
    )


def season_curves(classes: tuple[LandClass, ...], dates: npt.NDArray[np.datetime64]) -> tuple[Floats, Floats]:
    """Decorrelation clock (days) and visibility of each class, (class, date)."""
    start = dates[0].astype("datetime64[Y]").astype("datetime64[D]")
    day = (dates - start).astype("timedelta64[D]").astype(np.float64)
    omega = 2 * np.pi / DAYS_PER_YEAR
    clock, seen = [], []
    for c in classes:
        angle = omega * (day - c.season.peak_day)
        clock.append(day + c.season.swing / omega * np.sin(angle))
        seen.append(1 - c.season.dip * (1 + np.cos(angle)) / 2)
    return np.array(clock), np.array(seen)


@dataclass(frozen=True)
class Motion:
    """Line-of-sight motion as Gaussians in space times curves in time.

    Attributes
    ----------
    shape : ndarray of float64, (term, 5)
        Line and sample of the centre, radius in lines and in samples, amplitude (m/yr or m).
    curve : ndarray of float64, (term, date)
        What the amplitude is multiplied by on each date, zero at the first.
    is_rate : ndarray of bool, (term,)
        Whether the term is steady.
    """

    shape: Floats
    curve: Floats
    is_rate: npt.NDArray[np.bool_]

    def spread(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> Floats:
        """Each term at lines and samples (broadcast), (term, ...)."""
        line, sample = np.asarray(line, np.float64), np.asarray(sample, np.float64)
        out = [
            amplitude * np.exp(-0.5 * ((line - a) / ra) ** 2) * np.exp(-0.5 * ((sample - b) / rb) ** 2)
            for a, b, ra, rb, amplitude in self.shape
        ]
        return np.array(out) if out else np.zeros((0, *np.broadcast_shapes(line.shape, sample.shape)))


def make_motion(spec: TopsSpec, lattice: Lattice, dates: npt.NDArray[np.datetime64]) -> Motion:
    """Place the motion of the spec on the lattice."""
    start = dates[0].astype("datetime64[Y]").astype("datetime64[D]")
    day = (dates - start).astype("timedelta64[D]").astype(np.float64)
    days = day - day[0]
    size = lattice.n_lines * lattice.spacing[0], lattice.n_samples * lattice.spacing[1]

    def gaussian(bowl: Bowl) -> tuple[float, ...]:
        radius = bowl.radius * min(size)
        centre = bowl.azimuth * lattice.n_lines, bowl.range * lattice.n_samples
        return (*centre, radius / lattice.spacing[0], radius / lattice.spacing[1], bowl.amplitude)

    rows = [(gaussian(b), days / DAYS_PER_YEAR, True) for b in spec.deformation.rates]
    for season in spec.deformation.seasons:
        wave = np.sin(2 * np.pi * (day - season.zero_day) / DAYS_PER_YEAR)
        rows.append((gaussian(season.bowl), wave - wave[0], False))
    for step in spec.deformation.steps:
        rows.append((gaussian(step.bowl), (days > step.time * days[-1]).astype(np.float64), False))
    return Motion(
        shape=np.array([r[0] for r in rows], np.float64).reshape(len(rows), 5),
        curve=np.array([r[1] for r in rows], np.float64).reshape(len(rows), len(days)),
        is_rate=np.array([r[2] for r in rows], np.bool_),
    )


@dataclass(frozen=True)
class Delays:
    """Propagation delays on the coarse nodes of the lattice.

    Attributes
    ----------
    turbulent, ramp : ndarray of float64, (date, node line, node sample)
        rad, in the sense of a growing range.
    stratified : ndarray of float64, (date,)
        rad per metre of height above the mean of the relief.
    mean_height : float
        m.
    """

    turbulent: Floats
    ramp: Floats
    stratified: Floats
    mean_height: float

    def at(self, date: int, line: npt.ArrayLike, sample: npt.ArrayLike, height: Floats) -> tuple[Floats, Floats]:
        """Atmosphere and ramp of a date, rad, at lines and samples of the lattice and heights, m."""
        stratified = self.stratified[date] * (height - self.mean_height)
        turbulent, ramp = (coarse_values(nodes[date], line, sample) for nodes in (self.turbulent, self.ramp))
        return turbulent + stratified, ramp


def coarse_values(nodes: Floats, line: npt.ArrayLike, sample: npt.ArrayLike) -> Floats:
    """Values of coarse nodes, by cubic splines, at lines and samples of the lattice (broadcast)."""
    row, column = np.broadcast_arrays(np.asarray(line) / COARSE[0], np.asarray(sample) / COARSE[1])
    return np.asarray(ndimage.map_coordinates(nodes, [row, column], order=3, mode="nearest"))


def make_delays(spec: TopsSpec, lattice: Lattice, *, rng: np.random.Generator) -> Delays:
    """Draw the delays of every date."""
    a, n = spec.atmosphere, spec.dates.n_dates
    lines, samples = lattice.coarse()
    geometry = lattice.as_geometry(COARSE, (len(lines), len(samples)))
    rms = rng.uniform(*a.turbulent_rms, n)
    turbulent = np.stack([fields.turbulence(rng, geometry, float(r)) for r in rms])
    along, across = fields.plane_coordinates(geometry)
    slope = a.ramp_std * rng.standard_normal((n, 2, 1, 1))
    return Delays(
        turbulent, slope[:, 0] * along + slope[:, 1] * across, a.stratified_std * rng.standard_normal(n),
        spec.relief.mean,
    )  # fmt: skip


def height_factor(lattice: Lattice, nominal: Acquisition, date: Acquisition, height: float) -> Floats:
    """Phase per metre of height at constant nominal line and sample, rad/m, (node line, node sample).

    ``4 pi / wavelength`` times the derivative of the range of the date less that of the nominal pass.
    """
    lines, samples = lattice.coarse()
    time = lattice.start + lines * LINE_INTERVAL
    reach = 0.5 * SPEED_OF_LIGHT * (lattice.slant_range_time + samples / RANGE_SAMPLING_RATE)
    span = (float(time[0]) - 5.0, float(time[-1]) + 5.0)
    arc, other = fit_orbit(nominal.orbit, span), acquisition_arc(date)
    low, high = (
        closest_approach(ground_at_height(time, reach, h, arc, FIRST_LOOK_ANGLE).reshape(-1, 3), other)[1]
        for h in (height, height + _HEIGHT_STEP)
    )
    return np.asarray(4 * np.pi / WAVELENGTH * ((high - low) / _HEIGHT_STEP).reshape(len(lines), len(samples)))


def make_dems(spec: TopsSpec, nominal: Acquisition, *, rng: np.random.Generator) -> tuple[Dem, Dem]:
    """Draw the true heights of the ground and the elevation model that is handed out.

    Returns
    -------
    true, given : Dem
        One grid; the model is the truth less a correlated error, to the centimetre.
    """
    corners = []
    for name, swath in nominal.swaths.items():
        for burst in (swath.bursts[0], swath.bursts[-1]):
            geometry = burst_geometry(nominal, name, burst_id=burst.burst_id)
            lines = np.linspace(-200.0, swath.lines_per_burst + 200.0, 3)
            samples = np.linspace(-200.0, swath.samples_per_burst + 200.0, 3)
            for level in (-150.0, 700.0):
                ground = flat_ground(geometry, level, lines=lines, samples=samples)
                corners.append(np.stack([ground.latitude.ravel(), ground.longitude.ravel()]))
    place = np.concatenate(corners, axis=1)
    step = spec.relief.posting
    south, west = (np.floor((place.min(axis=1) - _DEM_MARGIN) / step) * step).tolist()
    north, east = (np.ceil((place.max(axis=1) + _DEM_MARGIN) / step) * step).tolist()
    shape = (round((north - south) / step), round((east - west) / step))
    cell = step * _EARTH_DEGREE
    grid = GeometrySpec(
        lines=shape[0],
        samples=shape[1],
        azimuth_spacing=cell,
        range_spacing=cell * float(np.cos(np.radians(spec.relief.latitude))),
    )
    height = spec.relief.mean + fields.correlated(rng, grid, spec.relief.std, spec.relief.length)
    error = fields.correlated(rng, grid, spec.dem_error.correlated_std, spec.dem_error.correlation_length)
    true, given = height.astype(np.float32), (np.round((height - error) * 100) / 100).astype(np.float32)
    place_of = (north - step / 2, west + step / 2, -step, step)
    return Dem(true, *place_of, "simulated truth"), Dem(given, *place_of, "simulated, WGS 84 ellipsoid")
