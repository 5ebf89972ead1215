"""What is true of a simulated TOPS track, as a function of place. For scoring and tests; an estimator never sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ArgumentError
from subside.kernels.geometry import OrbitArc, geo2rdr, ground_at_height, to_geodetic
from subside.model.acquisition import Orbit
from subside.model.dem import Dem
from subside.ops.geometry import FIRST_LOOK_ANGLE
from subside.ops.orbit_arc import fit_orbit
from subside.ops.simulate.spec import LandClass, Stratum
from subside.ops.simulate.tops import TopsTrack, band_response
from subside.ops.simulate.tops_ground import Delays, Lattice, Layout, Motion, coarse_values, season_curves
from subside.ops.simulate.tops_spec import HAMMING, LINE_INTERVAL, RANGE_SAMPLING_RATE, WAVELENGTH
from subside.ops.simulate.truth import CoherenceTruth, Truth

Floats = npt.NDArray[np.float64]

_STEP = 100.0
_PASSES = 4
_SCALE = 4.0 * np.pi / WAVELENGTH


@dataclass(frozen=True)
class TopsTruth:
    """The truth of a track.

    Attributes
    ----------
    dates : ndarray of datetime64[D], (date,)
        Dates.
    azimuth_shift, range_shift : ndarray of float64, (date,)
        Actual minus annotated position of the images, lines and samples.
    lattice : Lattice
        Of the ground.
    orbit : Orbit
        Of the nominal pass.
    layout : Layout
        Land cover and points.
    cover : ndarray of uint8, (class,)
        :class:`LandCover` of each class.
    clock, visibility : ndarray of float64, (class, date)
        Of the temporal coherence.
    noise_power : float
        Noise-equivalent backscatter.
    motion : Motion
        Of the ground.
    delays : Delays
        Of the dates.
    height_factor : ndarray of float64, (date, node line, node sample)
        Phase per metre of height, rad/m, on the coarse nodes.
    true_height : Dem
        Heights of the ground.
    """

    dates: npt.NDArray[np.datetime64]
    azimuth_shift: Floats
    range_shift: Floats
    lattice: Lattice
    orbit: Orbit
    layout: Layout
    cover: npt.NDArray[np.uint8]
    clock: Floats
    visibility: Floats
    noise_power: float
    motion: Motion
    delays: Delays
    height_factor: Floats
    true_height: Dem

    @property
    def days(self) -> Floats:
        """Days since the first date."""
        return np.asarray((self.dates - self.dates[0]).astype("timedelta64[D]").astype(np.float64))

    def shifts_against(self, date: int) -> tuple[Floats, Floats]:
        """Azimuth (lines) and range (samples) shift of every date against one of them."""
        return self.azimuth_shift - self.azimuth_shift[date], self.range_shift - self.range_shift[date]

    def place(self, longitude: npt.ArrayLike, latitude: npt.ArrayLike, height: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Line and sample of the lattice of ground points (degrees, m above the ellipsoid); NaN stays NaN."""
        values = [np.asarray(v, np.float64) for v in (latitude, longitude, height)]
        shape = values[0].shape
        rows = [v.reshape(-1, shape[-1] if v.ndim else 1) for v in values]
        time, reach = geo2rdr(rows[0], rows[1], rows[2], self._arc())
        line = (time - self.lattice.start) / LINE_INTERVAL
        sample = (2.0 * reach / SPEED_OF_LIGHT - self.lattice.slant_range_time) * RANGE_SAMPLING_RATE
        return line.reshape(shape), sample.reshape(shape)

    def _arc(self) -> OrbitArc:
        half = 0.5 * self.lattice.n_lines * LINE_INTERVAL + 10.0
        middle = self.lattice.start + half - 10.0
        return fit_orbit(self.orbit, (middle - half, middle + half))

    def _per_metre(self) -> tuple[Floats, Floats]:
        """Degrees of latitude and longitude a pixel moves by when its ground rises by a metre, coarse nodes."""
        lines, samples = self.lattice.coarse()
        time = self.lattice.start + lines * LINE_INTERVAL
        reach = 0.5 * SPEED_OF_LIGHT * (self.lattice.slant_range_time + samples / RANGE_SAMPLING_RATE)
        low, high = (
            to_geodetic(ground_at_height(time, reach, h, self._arc(), FIRST_LOOK_ANGLE).reshape(-1, 3))
            for h in (self.delays.mean_height, self.delays.mean_height + _STEP)
        )
        moved = ((high - low) / _STEP).reshape(len(lines), len(samples), 3)
        return moved[..., 0], moved[..., 1]

    def _true_height(self, line: Floats, sample: Floats, given: tuple[Floats, Floats, Floats]) -> Floats:
        """Height of the ground at the range and time of pixels whose longitude, latitude and height are given, m."""
        dem = self.true_height
        longitude, latitude, height = given
        to_north, to_east = (coarse_values(v, line, sample) for v in self._per_metre())
        found = height
        for _ in range(_PASSES):
            row = (latitude + to_north * (found - height) - dem.latitude) / dem.latitude_step
            column = (longitude + to_east * (found - height) - dem.longitude) / dem.longitude_step
            found = ndimage.map_coordinates(dem.height, [row, column], order=3, mode="nearest", output=np.float64)
        return np.asarray(found)

    def on_grid(self, longitude: npt.ArrayLike, latitude: npt.ArrayLike, height: npt.ArrayLike) -> Truth:
        """Truth on the pixels of a stack, whichever date its grid belongs to.

        Parameters
        ----------
        longitude, latitude, height : array-like, (azimuth, range)
            Of the pixels, degrees and m; NaN pixels become noise without motion.

        Returns
        -------
        Truth
            Phases are relative to the elevation model that was handed out; about 8 bytes a pixel and date.
        """
        longitude, latitude, height = (np.asarray(v, np.float64) for v in (longitude, latitude, height))
        if longitude.ndim != 2 or not longitude.shape == latitude.shape == height.shape:
            raise ArgumentError(f"`longitude` must be (azimuth, range) as the others, got {longitude.shape}")
        line, sample = self.place(longitude, latitude, height)
        known = np.isfinite(line)
        line, sample = np.where(known, line, 0.0), np.where(known, sample, 0.0)
        rows = np.clip(np.rint(line), 0, self.lattice.n_lines - 1).astype(np.int64)
        columns = np.clip(np.rint(sample), 0, self.lattice.n_samples - 1).astype(np.int64)
        segment = self.layout.segment[rows, columns]
        is_point, own_height, ratio = self._points(rows, columns, known)
        dem = self.true_height
        nowhere = (dem.longitude, dem.latitude, 0.0)
        place = [np.where(known, v, n) for v, n in zip((longitude, latitude, height), nowhere, strict=True)]
        true_height = self._true_height(line, sample, (place[0], place[1], place[2]))
        dem_error = np.where(known, true_height - place[2], 0.0) + own_height
        shape = (len(self.dates), *line.shape)
        phase, atmosphere = np.empty(shape, np.float32), np.empty(shape, np.float32)
        ramp, moved = np.empty(shape, np.float32), np.empty(shape, np.float32)
        spread = self.motion.spread(line, sample)
        for k in range(len(self.dates)):
            atmosphere[k], ramp[k] = self.delays.at(k, line, sample, true_height)
            moved[k] = np.tensordot(self.motion.curve[:, k], spread, 1)
            factor = coarse_values(self.height_factor[k], line, sample)
            phase[k] = atmosphere[k] + ramp[k] + factor * dem_error - _SCALE * moved[k]
        noise = ~known | (self.layout.gamma_0 == 0)[segment]
        stratum = np.where(noise, Stratum.NOISE, Stratum.DISTRIBUTED).astype(np.uint8)
        stratum[is_point] = Stratum.POINT
        return Truth(
            stratum=stratum,
            land_cover=self.cover[self.layout.class_index[segment]],
            segment=segment,
            point_to_clutter=ratio,
            velocity=spread[self.motion.is_rate].sum(axis=0).astype(np.float32),
            displacement=moved,
            dem_error=dem_error.astype(np.float32),
            phase=phase,
            atmosphere_phase=atmosphere,
            ramp_phase=ramp,
            coherence=self._coherence(segment),
            days=self.days,
            wavelength=WAVELENGTH,
            spacing=self.lattice.spacing,
        )

    def _coherence(self, segment: npt.NDArray[np.int32]) -> CoherenceTruth:
        def spread(values: Floats) -> npt.NDArray[np.float32]:
            return np.asarray(values, np.float32)[segment]

        layout = self.layout
        return CoherenceTruth(
            gamma_0=spread(layout.gamma_0),
            gamma_inf=spread(layout.gamma_inf),
            tau_days=spread(layout.tau_days),
            snr=spread(layout.power / self.noise_power),
            class_index=layout.class_index.astype(np.uint8)[segment],
            clock=self.clock,
            visibility=self.visibility,
        )

    def _points(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.bool_], Floats, npt.NDArray[np.float32]]:
        """Where points are, their own height, and the power of their responses over that of the clutter."""
        layout, shape = self.layout, (self.lattice.n_lines, self.lattice.n_samples)
        own, ratio, is_point = np.zeros(shape), np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
        at = layout.point_line, layout.point_sample
        is_point[at], own[at] = True, layout.point_height
        power = layout.power[layout.segment]
        ratio[at] = layout.point_ratio * power[at]
        for axis, fraction in ((0, 0.65), (1, 0.8)):
            ratio = ndimage.convolve1d(ratio, _response(fraction), axis=axis, mode="constant")
        ratio /= power
        return is_point[rows, columns] & known, own[rows, columns], np.where(known, ratio[rows, columns], 0.0)


def _response(fraction: float) -> Floats:
    """Power of the impulse response of one axis, peak 1, nine samples."""
    response = np.fft.fftshift(np.fft.ifft(band_response(512, fraction, HAMMING)).real)
    return np.asarray((response / response.max())[252:261] ** 2)


def make_truth(track: TopsTrack) -> TopsTruth:
    """Gather the truth of a track."""
    classes: tuple[LandClass, ...] = track.spec.speckle.classes
    clock, visibility = season_curves(classes, track.dates)
    return TopsTruth(
        dates=track.dates,
        azimuth_shift=track.azimuth_shift,
        range_shift=track.range_shift,
        lattice=track.lattice,
        orbit=track.nominal.orbit,
        layout=track.layout,
        cover=np.array([c.cover for c in classes], np.uint8),
        clock=clock,
        visibility=visibility,
        noise_power=10 ** (track.spec.speckle.nesz_db / 10),
        motion=track.motion,
        delays=track.delays,
        height_factor=track.height_factor,
        true_height=track.true_dem,
    )
