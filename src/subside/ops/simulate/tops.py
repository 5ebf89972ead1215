"""Images of a simulated TOPS track: every burst of every date on its own grid, as a processor would write it.

The ground is a lattice of scatterers (:mod:`subside.ops.simulate.tops_ground`). A burst is made by the inverse of
coregistration: each scatterer is turned by its range difference, motion and delay, taken to the baseband of the burst,
filtered to the band of the processor in both axes, and interpolated to the lines and samples of the date, where the
carrier of the burst is put back by its own annotation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from subside.errors import ArgumentError
from subside.model.acquisition import Acquisition
from subside.model.dem import Dem
from subside.ops.burst_offsets import offset_model
from subside.ops.coregister import offsets_at
from subside.ops.geometry import BurstGeometry, burst_geometry, ground_grid
from subside.ops.simulate.geometry import make_dates
from subside.ops.simulate.speckle import FadingMemory
from subside.ops.simulate.tops_ground import (
    LINE_MARGIN,
    SAMPLE_MARGIN,
    Delays,
    Lattice,
    Layout,
    Motion,
    coarse_values,
    height_factor,
    make_delays,
    make_dems,
    make_lattice,
    make_layout,
    make_motion,
    season_curves,
)
from subside.ops.simulate.tops_orbit import draw_passes, make_acquisition, nominal_pass
from subside.ops.simulate.tops_spec import WAVELENGTH, TopsSpec
from subside.ops.tops import TopsModel, tops_model

Floats = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]

TILE_SAMPLES = 512
"""Samples of a burst made at a time; one tile takes about 350 MB. What the tails of the impulse response bring from
beyond the halo of a tile is left out: 33 dB below the image beside the joint of two tiles."""

_STRIP = 32
_UP = 2
_ORDER = 5
_REACH = 12
_TURNS = 4.0 * np.pi / WAVELENGTH
_STREAMS = ("passes", "shifts", "heights", "land", "delays")
_FROZEN, _FADING, _FRESH = 0, 1, 2


@dataclass(frozen=True)
class TopsTrack:
    """A simulated track before its images are made.

    Attributes
    ----------
    spec : TopsSpec
        What was asked for.
    seed : int
        Of the random numbers.
    dates : ndarray of datetime64[D], (date,)
        Dates.
    nominal : Acquisition
        The pass that the lattice of the ground belongs to; no image is made of it.
    acquisitions : tuple of Acquisition
        Each date, as annotated, with the vectors of its orbit file.
    node_times : tuple of float
        Of the ascending node before each date, s since its midnight.
    azimuth_shift, range_shift : ndarray of float64, (date,)
        Actual minus annotated position of the images, lines and samples.
    gain : ndarray of float64, (date,)
        Amplitude gain.
    lattice : Lattice
        Of the ground.
    layout : Layout
        Land cover and points.
    motion : Motion
        Of the ground.
    delays : Delays
        Of the dates.
    height_factor : ndarray of float64, (date, node line, node sample)
        Phase per metre of height, rad/m, on the coarse nodes of the lattice.
    true_dem, given_dem : Dem
        Heights of the ground, and those handed out.
    """

    spec: TopsSpec
    seed: int
    dates: npt.NDArray[np.datetime64]
    nominal: Acquisition
    acquisitions: tuple[Acquisition, ...]
    node_times: tuple[float, ...]
    azimuth_shift: Floats
    range_shift: Floats
    gain: Floats
    lattice: Lattice
    layout: Layout
    motion: Motion
    delays: Delays
    height_factor: Floats
    true_dem: Dem
    given_dem: Dem


def make_track(spec: TopsSpec, *, seed: int) -> TopsTrack:
    """Draw everything of a track but its images.

    Parameters
    ----------
    spec : TopsSpec
        From :func:`subside.ops.simulate.tops_scene`, or one's own.
    seed : int
        Non-negative. Equal seeds give equal bits.

    Returns
    -------
    TopsTrack
        To be passed to :func:`simulate_bursts`.
    """
    seeds = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    rng = {name: np.random.default_rng(s) for name, s in zip(_STREAMS, seeds, strict=True)}
    dates = make_dates(spec.dates)
    flown = nominal_pass(spec)
    nominal = make_acquisition(spec, flown, dates[0])
    passes = draw_passes(spec, flown, rng=rng["passes"])
    acquisitions = tuple(make_acquisition(spec, p, d) for p, d in zip(passes, dates, strict=True))
    lattice = make_lattice(nominal)
    true_dem, given_dem = make_dems(spec, nominal, rng=rng["heights"])
    shifts, n = rng["shifts"], len(dates)
    return TopsTrack(
        spec=spec,
        seed=seed,
        dates=dates,
        nominal=nominal,
        acquisitions=acquisitions,
        node_times=tuple(p.node_time for p in passes),
        azimuth_shift=spec.imaging.azimuth_shift_std * shifts.standard_normal(n),
        range_shift=spec.imaging.range_shift_std * shifts.standard_normal(n),
        gain=10 ** (spec.speckle.gain_std_db * shifts.standard_normal(n) / 20),
        lattice=lattice,
        layout=make_layout(spec, lattice, rng=rng["land"]),
        motion=make_motion(spec, lattice, dates),
        delays=make_delays(spec, lattice, rng=rng["delays"]),
        height_factor=np.stack([height_factor(lattice, nominal, a, spec.relief.mean) for a in acquisitions]),
        true_dem=true_dem,
        given_dem=given_dem,
    )


@dataclass(frozen=True)
class BurstImage:
    """Part of a burst as the processor writes it.

    Attributes
    ----------
    date : int
        Position in the dates of the track.
    swath : str
        Name.
    burst : int
        Position in the bursts of the swath.
    samples : slice
        Samples of the burst it holds, all lines.
    pixels : ndarray of int16, (line, sample, 2)
        I and Q, digital numbers; zero outside the valid window.
    """

    date: int
    swath: str
    burst: int
    samples: slice
    pixels: npt.NDArray[np.int16]


def band_response(n: int, fraction: float, hamming: float) -> Floats:
    """Hamming window over a fraction of the sampled band, (n,), in the order of the transform."""
    f = fft.fftfreq(n)
    return np.where(np.abs(f) <= fraction / 2, hamming + (1 - hamming) * np.cos(2 * np.pi * f / fraction), 0.0)


@dataclass(frozen=True)
class _Focus:
    """Transfer function of one swath on the transform grid of a tile, of unit noise gain."""

    shape: tuple[int, int]
    transfer: npt.NDArray[np.float32]
    peak: float

    @classmethod
    def of(cls, model: TopsModel, shape: tuple[int, int]) -> _Focus:
        padded = fft.next_fast_len(shape[0]), fft.next_fast_len(shape[1])
        azimuth = band_response(padded[0], model.azimuth_bandwidth * model.line_interval, model.window_coefficient)
        across = band_response(padded[1], model.range_bandwidth / model.range_sampling_rate, model.window_coefficient)
        transfer = np.outer(azimuth, across)
        transfer /= np.sqrt(np.mean(transfer**2))
        return cls(shape, transfer.astype(np.float32), float(transfer.mean()))

    def oversampled(self, scatter: Complex64) -> Complex64:
        """Focus the scatterers, :data:`_UP` times as dense as they are."""
        n, m = self.transfer.shape
        spectrum = fft.fft2(scatter, s=(n, m), workers=1) * self.transfer
        wide = np.zeros((_UP * n, _UP * m), np.complex64)
        a, b = n // 2, m // 2
        for rows, to_rows in ((slice(0, a), slice(0, a)), (slice(a, n), slice(_UP * n - (n - a), _UP * n))):
            for columns, to in ((slice(0, b), slice(0, b)), (slice(b, m), slice(_UP * m - (m - b), _UP * m))):
                wide[to_rows, to] = spectrum[rows, columns]
        image = fft.ifft2(wide, workers=1, overwrite_x=True)
        image *= np.float32(_UP**2)
        result: Complex64 = image[: _UP * self.shape[0], : _UP * self.shape[1]]
        return result


def _turn(phase: Floats) -> Complex64:
    """``exp(-j phase)``, the phase reduced in double precision."""
    reduced = (phase - 2 * np.pi * np.rint(phase / (2 * np.pi))).astype(np.float32)
    return np.asarray(np.exp(np.complex64(-1j) * reduced), np.complex64)


class _Tile:
    """Some columns of one burst of the lattice, on all dates in order."""

    def __init__(self, track: TopsTrack, swath: str, burst: int, columns: slice) -> None:
        self.track, self.swath, self.burst, self.columns = track, swath, burst, columns
        of = track.nominal.swaths[swath]
        self.geometry = burst_geometry(track.nominal, swath, burst_id=of.bursts[burst].burst_id)
        self.model = tops_model(track.nominal, swath, of.bursts[burst])
        place = track.lattice.place(track.nominal, swath, burst)
        first = (place[1] + columns.start - SAMPLE_MARGIN) // _STRIP
        last = -(-min(place[1] + columns.stop + SAMPLE_MARGIN, track.lattice.n_samples) // _STRIP)
        self.strips = range(first, last)
        self.lines = np.arange(-LINE_MARGIN, of.lines_per_burst + LINE_MARGIN, dtype=np.float64)
        self.samples = np.arange(first * _STRIP, last * _STRIP, dtype=np.float64) - place[1]
        self.shape = (len(self.lines), len(self.samples))
        self.place = place
        self.memory = FadingMemory()
        self._lay_ground()

    def _lay_ground(self) -> None:
        track, layout = self.track, self.track.layout
        ground = ground_grid(self.geometry, track.true_dem, lines=self.lines, samples=self.samples)
        self.height = ground.height
        self.line = self.lines + self.place[0]
        self.sample = self.samples + self.place[1]
        rows = self.line.astype(np.int64)
        columns = np.minimum(self.sample.astype(np.int64), track.lattice.n_samples - 1)
        self.segment = layout.segment[np.ix_(rows, columns)]
        self.spread = track.motion.spread(self.line[:, None], self.sample)
        self.carrier = self.model.deramp_phase(self.lines[:, None], self.samples)
        self.focus = _Focus.of(self.model, self.shape)
        inside = (
            (layout.point_line >= rows[0]) & (layout.point_line <= rows[-1])
            & (layout.point_sample >= columns[0]) & (layout.point_sample <= columns[-1])
        )  # fmt: skip
        self.at_point = layout.point_line[inside] - rows[0], layout.point_sample[inside] - columns[0]
        power = layout.power[self.segment[self.at_point]]
        self.point_amplitude = np.sqrt(layout.point_ratio[inside] * power) / self.focus.peak
        self.point_phase, self.point_height = layout.point_phase[inside], layout.point_height[inside]
        self.frozen = self._white(_FROZEN, 0)

    def _white(self, kind: int, date: int) -> Complex64:
        """Unit-power noise; a strip of columns is the same in every tile that holds it."""
        swath = list(self.track.nominal.swaths).index(self.swath)
        parts = []
        for strip in self.strips:
            key = (kind, swath, self.burst, strip, date)
            rng = np.random.default_rng(np.random.SeedSequence(self.track.seed, spawn_key=(1000, *key)))
            parts.append(rng.standard_normal((self.shape[0], _STRIP, 2), np.float32))
        joined = np.concatenate(parts, axis=1).view(np.complex64)[..., 0]
        return joined * np.float32(np.sqrt(0.5))

    def _clutter(self, date: int) -> Complex64:
        """Speckle and thermal noise of a date."""
        layout, spec = self.track.layout, self.track.spec
        clock, visibility = season_curves(spec.speckle.classes, self.track.dates)
        of = layout.class_index
        lag = clock[of, date] - clock[of, max(date - 1, 0)]
        memory = np.exp(-lag / layout.tau_days)
        seen = layout.gamma_inf * visibility[of, date]
        fading = layout.gamma_0 - layout.gamma_inf
        noise = layout.power * (1 - fading - seen) + 10 ** (spec.speckle.nesz_db / 10)

        def spread(values: Floats) -> npt.NDArray[np.float32]:
            held: npt.NDArray[np.float32] = values.astype(np.float32)[self.segment]
            return held

        still = np.zeros(self.shape, np.float32)
        fleeting = self.memory.step(self._white(_FADING, date), spread(memory), still)
        out = spread(np.sqrt(layout.power * seen)) * self.frozen
        out += spread(np.sqrt(layout.power * fading)) * fleeting
        out += spread(np.sqrt(noise)) * self._white(_FRESH, date)
        return np.asarray(out, np.complex64)

    def image(self, date: int) -> npt.NDArray[np.int16]:
        """Pixels of the columns on a date, all lines."""
        track = self.track
        acquisition = track.acquisitions[date]
        of = acquisition.swaths[self.swath]
        other = burst_geometry(acquisition, self.swath, burst_id=of.bursts[self.burst].burst_id)
        model = tops_model(acquisition, self.swath, of.bursts[self.burst])
        offset = self._offsets(date, other)
        carrier = model.deramp_phase(self.lines[:, None] + offset[0], self.samples + offset[1])
        phase = _TURNS * (offset[2] - np.tensordot(track.motion.curve[:, date], self.spread, 1))
        phase += sum(track.delays.at(date, self.line[:, None], self.sample, self.height))
        clutter = self._clutter(date)
        clutter *= _turn(phase + self.carrier - carrier)
        at = self.line[self.at_point[0]], self.sample[self.at_point[1]]
        factor = coarse_values(track.height_factor[date], *at)
        own = phase[self.at_point] + factor * self.point_height - carrier[self.at_point] - self.point_phase
        clutter[self.at_point] += (self.point_amplitude * _turn(own)).astype(np.complex64)
        return self._written(date, model, clutter, offset)

    def _offsets(self, date: int, other: BurstGeometry) -> Floats:
        """Where scatterers lie in the image, less where they lie on the lattice, and range difference."""
        low, high = float(np.nanmin(self.height)) - 1.0, float(np.nanmax(self.height)) + 1.0
        model = offset_model(self.geometry, other, heights=(low, high))
        offset = offsets_at(model, line=self.lines, sample=self.samples, height=self.height)
        offset[0] += self.track.azimuth_shift[date]
        offset[1] += self.track.range_shift[date]
        reach = np.abs(offset[:2]).max(axis=(1, 2))
        if reach[0] > LINE_MARGIN - _REACH or reach[1] > SAMPLE_MARGIN - _REACH:
            raise ArgumentError(
                f"images must lie within {LINE_MARGIN - _REACH} lines and {SAMPLE_MARGIN - _REACH} samples of the "
                f"nominal pass, got {reach[0]:.1f} and {reach[1]:.1f}; draw smaller baselines or shifts"
            )
        return offset

    def _written(self, date: int, model: TopsModel, scatter: Complex64, offset: Floats) -> npt.NDArray[np.int16]:
        (first, last), (left, right) = model.valid_lines, model.valid_samples
        lines = np.arange(first, last + 1, dtype=np.float64)
        begin, end = max(left, self.columns.start), min(right + 1, self.columns.stop)
        samples = np.arange(begin, end, dtype=np.float64)
        at = np.broadcast_arrays(lines[:, None], samples)
        where = [at[0] - self.lines[0], at[1] - self.samples[0]]
        origin = [w.copy() for w in where]
        for _ in range(3):
            moved = [ndimage.map_coordinates(offset[k], where, order=1, mode="nearest") for k in range(2)]
            where = [origin[k] - moved[k] for k in range(2)]
        fine = self.focus.oversampled(scatter)
        base = ndimage.map_coordinates(fine, [_UP * w for w in where], order=_ORDER, mode="nearest")
        base = base * _turn(model.deramp_phase(lines[:, None], samples))
        base *= np.float32(self.track.gain[date] * digital_scale(self.track))
        n_lines = self.track.nominal.swaths[self.swath].lines_per_burst
        out = np.zeros((n_lines, self.columns.stop - self.columns.start, 2), np.int16)
        target = out[first : last + 1, begin - self.columns.start : end - self.columns.start]
        target[:] = np.clip(np.rint(np.stack([base.real, base.imag], axis=-1)), -32767, 32767)
        return out


def digital_scale(track: TopsTrack) -> float:
    """Digital numbers per unit amplitude."""
    mean = float(np.median(track.layout.power))
    return float(track.spec.imaging.amplitude / np.sqrt(0.5 * mean))


def simulate_bursts(
    track: TopsTrack, *, progress: Callable[[str, int, int], None] | None = None
) -> Iterator[BurstImage]:
    """Make the images of a track, burst by burst and in each the dates in order.

    Clutter is circular Gaussian, drawn for each burst by itself, because two bursts of an overlap see the ground in
    bands that have nothing in common; points, motion, heights and delays are common to all bursts.

    Parameters
    ----------
    track : TopsTrack
        From :func:`make_track`.
    progress : callable, optional
        Called with swath, burst and date before each image.

    Yields
    ------
    BurstImage
        Every tile of every burst on every date once.

    Raises
    ------
    ArgumentError
        If a date lies too far from the nominal pass.

    Notes
    -----
    The interpolation is exact to -60 dB: a quintic spline on data oversampled twice.
    """
    for swath, of in track.nominal.swaths.items():
        for burst in range(len(of.bursts)):
            for start in range(0, of.samples_per_burst, TILE_SAMPLES):
                columns = slice(start, min(start + TILE_SAMPLES, of.samples_per_burst))
                tile = _Tile(track, swath, burst, columns)
                for date in range(len(track.dates)):
                    if progress is not None:
                        progress(swath, burst, date)
                    yield BurstImage(date, swath, burst, columns, tile.image(date))
