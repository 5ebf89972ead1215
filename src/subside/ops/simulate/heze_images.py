"""Single-look images of a strip of the simulated Heze region, made date by date."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from subside.ops.simulate.generate import Clutter, DateStreams, Ground
from subside.ops.simulate.heze import FRAME
from subside.ops.simulate.heze_cover import CLASSES, SEEN
from subside.ops.simulate.heze_track import AZIMUTH_SPACING, Places, TrackModel
from subside.ops.simulate.region import Floats, Whole
from subside.ops.simulate.scenes import scene
from subside.ops.simulate.spec import Stratum
from subside.ops.simulate.speckle import FadingMemory, ImpulseResponse
from subside.ops.simulate.tops_ground import season_curves
from subside.ops.simulate.truth import CoherenceTruth

_SPECKLE = scene("chain").speckle


@dataclass(frozen=True)
class PixelPoints:
    """Point scatterers on the pixels of a strip, in (azimuth, range) order.

    Attributes
    ----------
    azimuth, range : ndarray of int64, (point,)
        Pixel.
    height : ndarray of float64, (point,)
        Above the ground, m.
    ratio_db : ndarray of float64, (point,)
        Peak power over that of the clutter, dB.
    identity : ndarray of int64, (point,)
        Of the scatterer, the same for both tracks.
    """

    azimuth: Whole
    range: Whole
    height: Floats
    ratio_db: Floats
    identity: Whole


@dataclass(frozen=True)
class Strip:
    """Pixels of a track over a rectangle of the region.

    Attributes
    ----------
    model : TrackModel
        The track; the rectangle is its extent.
    """

    model: TrackModel

    @property
    def spacing(self) -> tuple[float, float]:
        """Of pixels along azimuth and ground range, m."""
        return AZIMUTH_SPACING, self.model.spec.range_spacing

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and samples."""
        width, height = self.model.extent.size
        return round(height / self.spacing[0]), round(width / self.spacing[1])

    def frame_position(self, azimuth: npt.ArrayLike, range_: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Frame position of pixels, m."""
        extent = self.model.extent
        x = extent.x[0] + (np.asarray(range_, np.float64) + 0.5) * self.spacing[1]
        return x, extent.y[0] + (np.asarray(azimuth, np.float64) + 0.5) * self.spacing[0]

    def map_position(self, azimuth: npt.ArrayLike, range_: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Easting and northing of pixels, m."""
        return FRAME.to_map(*np.broadcast_arrays(*self.frame_position(azimuth, range_)))

    @cached_property
    def points(self) -> PixelPoints:
        """Scatterers this track sees, each on its pixel; of two on adjacent pixels the brighter one."""
        extent, (lines, samples) = self.model.extent, self.shape
        found = self.model.ground.cover.scatterers(extent.x, extent.y)
        seen = np.flatnonzero(found.draw[self.model.spec.number] < SEEN)
        x, y = FRAME.to_frame(found.easting[seen], found.northing[seen])
        azimuth = np.floor((y - extent.y[0]) / self.spacing[0]).astype(np.int64)
        range_ = np.floor((x - extent.x[0]) / self.spacing[1]).astype(np.int64)
        inside = (azimuth >= 0) & (azimuth < lines) & (range_ >= 0) & (range_ < samples)
        seen, azimuth, range_ = seen[inside], azimuth[inside], range_[inside]
        brightest = np.zeros(self.shape, np.float32)
        ratio = found.ratio_db[seen].astype(np.float32)
        np.maximum.at(brightest, (azimuth, range_), ratio)
        keep = ratio == ndimage.maximum_filter(brightest, size=3, mode="constant")[azimuth, range_]
        order = np.lexsort((range_[keep], azimuth[keep]))
        rows = seen[keep][order]
        return PixelPoints(
            azimuth[keep][order],
            range_[keep][order],
            found.height[rows],
            found.ratio_db[rows],
            found.identity[rows],
        )

    def places(self, azimuth: npt.ArrayLike, range_: npt.ArrayLike) -> Places:
        """What the track needs to know of pixels; the height of a scatterer counts on its own pixel."""
        azimuth, range_ = np.broadcast_arrays(np.asarray(azimuth, np.int64), np.asarray(range_, np.int64))
        points, width = self.points, self.shape[1]
        number = points.azimuth * width + points.range
        wanted = azimuth * width + range_
        at = np.clip(np.searchsorted(number, wanted), 0, max(len(number) - 1, 0))
        own = np.where(number[at] == wanted, points.height[at], 0.0) if len(number) else 0.0
        return self.model.places(*self.map_position(azimuth, range_), own)

    def phase(self, azimuth: npt.ArrayLike, range_: npt.ArrayLike) -> Floats:
        """True phase of pixels on every date, rad, (pixel, date): delay, height error and motion, no noise."""
        places = self.places(azimuth, range_)
        return np.stack([self.model.phase(k, places) for k in range(len(self.model.spec.dates))], axis=-1)

    def stratum(self, azimuth: npt.ArrayLike, range_: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return :class:`Stratum` of pixels."""
        azimuth, range_ = np.broadcast_arrays(np.asarray(azimuth, np.int64), np.asarray(range_, np.int64))
        segments = self.model.ground.cover.segments(*self.map_position(azimuth, range_))
        result = np.where(segments.gamma_0 == 0, Stratum.NOISE, Stratum.DISTRIBUTED).astype(np.uint8)
        is_point = np.zeros(self.shape, bool)
        is_point[self.points.azimuth, self.points.range] = True
        result[is_point[azimuth, range_]] = Stratum.POINT
        return result


class StripImages:
    """Images of a strip, one after the other: the speckle of a date follows from the date before.

    Holds about 150 bytes a pixel, whatever the number of dates.

    Parameters
    ----------
    strip : Strip
        The pixels.
    """

    def __init__(self, strip: Strip) -> None:
        """Lay out the ground."""
        model = strip.model
        self._strip = strip
        self._dates = model.spec.dates
        root = np.random.SeedSequence([model.seed, 62, model.spec.number])
        points_seed, frozen_seed, dates_seed = root.spawn(3)
        self._streams = [DateStreams.of(s) for s in dates_seed.spawn(len(self._dates))]
        lines, samples = strip.shape
        self._response = ImpulseResponse.of(_SPECKLE.impulse, strip.shape)
        azimuth, range_ = np.arange(lines)[:, None], np.arange(samples)[None, :]
        self._places = model.places(*strip.map_position(azimuth, range_))
        ground = self._ground(np.random.default_rng(points_seed))
        frozen = self._response.noise(np.random.default_rng(frozen_seed))
        self._clutter = Clutter(self._response, ground, frozen, FadingMemory())
        self._days = (self._dates - self._dates[0]).astype(np.float64)
        points = strip.points
        self._own_height = points.height
        self._at = (points.azimuth, points.range)
        self._next = 0

    @property
    def places(self) -> Places:
        """Every pixel, without the heights of the point scatterers."""
        return self._places

    def _ground(self, rng: np.random.Generator) -> Ground:
        strip = self._strip
        segments = strip.model.ground.cover.segments(*FRAME.to_map(self._places.x, self._places.y))
        points = strip.points
        amplitude = np.zeros(strip.shape, np.complex64)
        at = (points.azimuth, points.range)
        turn = np.exp(2j * np.pi * rng.random(len(points.height)))
        ratio = 10 ** (points.ratio_db / 10) * segments.power[at]
        amplitude[at] = np.sqrt(ratio) / self._response.peak * turn
        clock, visibility = season_curves(CLASSES, self._dates)
        coherence = CoherenceTruth(
            gamma_0=segments.gamma_0,
            gamma_inf=segments.gamma_inf,
            tau_days=segments.tau_days,
            snr=segments.power / np.float32(10 ** (_SPECKLE.nesz_db / 10)),
            class_index=segments.class_index,
            clock=clock,
            visibility=visibility,
        )
        nothing = np.zeros((1, 1), np.uint8)
        still = np.zeros(strip.shape, np.float32)
        return Ground(nothing, nothing, nothing.astype(np.int32), segments.power, amplitude, coherence, still)

    def next(self) -> npt.NDArray[np.complex64]:
        """Make the image of the next date, (azimuth, range).

        Its point scatterers sit on the phase of the ground plus that of their own height.
        """
        k, model, clutter = self._next, self._strip.model, self._clutter
        self._next += 1
        stream = self._streams[k]
        phase = model.phase(k, self._places)
        gain = np.float32(10 ** (_SPECKLE.gain_std_db * stream.delay.standard_normal() / 20))
        scatter = clutter.reflectivity(k, stream, self._days)
        scatter *= np.exp(np.complex64(-1j) * clutter.pad(phase.astype(np.float32)))
        own = replace(
            self._places,
            x=self._places.x[self._at],
            y=self._places.y[self._at],
            slant_range=self._places.slant_range[self._at],
            incidence=self._places.incidence[self._at],
        )
        turned = np.zeros(self._strip.shape, np.complex64)
        lift = model.height_factor(k, own) * self._own_height
        turned[self._at] = clutter.ground.point_amplitude[self._at] * np.exp(-1j * (phase[self._at] + lift))
        scatter += self._response.pad(turned, is_repeated=False)
        return np.asarray(gain * self._response.image(scatter), np.complex64)
