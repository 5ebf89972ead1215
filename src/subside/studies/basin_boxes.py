"""Interferograms of a box of the ground, read from the images of a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.figures.basins import GalleryPair
from subside.io.store import TrackStore
from subside.ops.basins.fringes import FringeRate, LookedPair, fringe_rate, look_pair
from subside.stages.network import load_network
from subside.stages.tables import date_bperp

FloatArray = npt.NDArray[np.float64]

_STEP: Final = 8
"""Pixels between those whose place is looked at to find the box."""
_MOST: Final = 6
_MOST_PIXELS: Final = 4_000_000
_LEAST_COHERENCE: Final = 0.2


@dataclass(frozen=True)
class Box:
    """A rectangle of longitude and latitude.

    Attributes
    ----------
    west, south, east, north : float
        Degree.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        """Refuse an empty box."""
        if not (self.west < self.east and self.south < self.north):
            raise ArgumentError(f"`boxes` must be west < east and south < north, in degrees, got {self}")


@dataclass(frozen=True)
class BoxPairs:
    """Multilooked interferograms of a box.

    Attributes
    ----------
    track : str
        Track.
    wavelength : float
        m.
    spacing : tuple of float
        Distance of looks along azimuth and range, m.
    longitude, latitude : ndarray of float64, (azimuth, range)
        Of the looks, degree.
    pairs : list of LookedPair
        Interferograms.
    titles : list of str
        Track, dates and perpendicular baseline of each.
    shown : float
        Share of the pixels of the box that they show, 1 unless it holds too many.
    """

    track: str
    wavelength: float
    spacing: tuple[float, float]
    longitude: FloatArray
    latitude: FloatArray
    pairs: list[LookedPair]
    titles: list[str]
    shown: float

    @property
    def median_days(self) -> float:
        """Median span of the pairs, days."""
        return float(np.median([p.days for p in self.pairs]))

    def gallery(self) -> list[GalleryPair]:
        """The same as pictures; looks without coherence are left blank."""
        shown = []
        for pair, title in zip(self.pairs, self.titles, strict=True):
            coherence = np.abs(pair.interferogram).astype(np.float64)
            phase = np.where(coherence >= _LEAST_COHERENCE, np.angle(pair.interferogram), np.nan)
            shown.append(GalleryPair(title, phase, coherence, self.longitude, self.latitude))
        return shown

    def fringe_rate(self) -> FringeRate:
        """Gradient of the rate from all pairs."""
        return fringe_rate(self.pairs, spacing=self.spacing, wavelength=self.wavelength)


def read_box(store: TrackStore, box: Box, *, looks: tuple[int, int], days: tuple[float, float]) -> BoxPairs | None:
    """Form interferograms of a box; None where the track has no images, or no pair of such a span.

    Parameters
    ----------
    store : TrackStore
        Track.
    box : Box
        Where.
    looks : tuple of int
        Lines and samples to average.
    days : tuple of float
        Shortest and longest span of a pair.

    Returns
    -------
    BoxPairs or None
        Six pairs at most: the most coherent of each sixth of the time span. Of a box of more than 4 million pixels the
        middle.
    """
    window = _window(store, box, looks)
    chosen = _chosen(store, days)
    if window is None or not chosen:
        return None
    (lines, samples), shown = _middle(window, looks)
    facts = store.stack_attributes()
    network, slc = load_network(store), store.array("stack/slc")
    corners = date_bperp(store)
    bperp = None if corners is None else corners.mean(axis=(1, 2))
    images: dict[int, Any] = {}
    pairs, titles = [], []
    for k in chosen:
        i, j = int(network.earlier[k]), int(network.later[k])
        for date in (i, j):
            if date not in images:
                images[date] = np.asarray(slc[date, lines, samples])
        span = float(network.days[j] - network.days[i])
        pairs.append(look_pair(images[i], images[j], looks=looks, days=span))
        baseline = "" if bperp is None else f", B⊥ {bperp[j] - bperp[i]:.0f} m"
        titles.append(f"{store.name} {facts['dates'][i]}-{facts['dates'][j]}, {span:.0f} d{baseline}")
    place = [_looked(np.asarray(store.geometry_array(n)[lines, samples]), looks) for n in ("longitude", "latitude")]
    spacing = (facts["azimuth_spacing"] * looks[0], facts["range_spacing"] * looks[1])
    return BoxPairs(store.name, facts["wavelength"], spacing, place[0], place[1], pairs, titles, shown)


def _looked(values: npt.NDArray[Any], looks: tuple[int, int]) -> FloatArray:
    shape = (values.shape[0] // looks[0], values.shape[1] // looks[1])
    cut = values[: shape[0] * looks[0], : shape[1] * looks[1]].astype(np.float64)
    result: FloatArray = cut.reshape(shape[0], looks[0], shape[1], looks[1]).mean(axis=(1, 3))
    return result


def _window(store: TrackStore, box: Box, looks: tuple[int, int]) -> tuple[slice, slice] | None:
    """Lines and samples that hold the box."""
    if not (store.has("stack/slc") and store.knows("longitude") and store.knows("latitude")):
        return None
    n_lines, n_samples = store.stack_attributes()["shape"]
    longitude, latitude = (np.asarray(store.geometry_array(n)[::_STEP, ::_STEP]) for n in ("longitude", "latitude"))
    inside = (longitude >= box.west) & (longitude <= box.east) & (latitude >= box.south) & (latitude <= box.north)
    if not inside.any():
        return None
    rows, columns = np.nonzero(inside)
    found = []
    for index, n, look in ((rows, n_lines, looks[0]), (columns, n_samples, looks[1])):
        start, stop = max(int(index.min()) * _STEP - _STEP, 0), min(int(index.max()) * _STEP + _STEP, n)
        if stop - start < 8 * look:
            return None
        found.append(slice(start, stop))
    return found[0], found[1]


def _middle(window: tuple[slice, slice], looks: tuple[int, int]) -> tuple[tuple[slice, slice], float]:
    """The window, or as much about its middle as a gallery can show, and the share of it that this is."""
    sizes = [w.stop - w.start for w in window]
    n_pixels = sizes[0] * sizes[1]
    if n_pixels <= _MOST_PIXELS:
        return window, 1.0
    factor = np.sqrt(_MOST_PIXELS / n_pixels)
    kept = [max(int(n * factor), look) for n, look in zip(sizes, looks, strict=True)]
    starts = [w.start + (n - k) // 2 for w, n, k in zip(window, sizes, kept, strict=True)]
    first, second = (slice(start, start + k) for start, k in zip(starts, kept, strict=True))
    return (first, second), kept[0] * kept[1] / n_pixels


def _chosen(store: TrackStore, days: tuple[float, float]) -> list[int]:
    """Pairs of a span: of each sixth of the time, the most coherent."""
    if not store.has("network/earlier"):
        return []
    network = load_network(store)
    span = network.days[network.later] - network.days[network.earlier]
    usable = np.flatnonzero(network.is_used & (span >= days[0]) & (span <= days[1]))
    if not len(usable):
        return []
    edges = np.linspace(network.days[0], network.days[-1] + 1, _MOST + 1)
    when = np.searchsorted(edges, network.days[network.earlier[usable]], side="right")
    coherence = np.nan_to_num(network.coherence[usable])
    best = [usable[when == w][int(np.argmax(coherence[when == w]))] for w in np.unique(when)]
    return [int(k) for k in best]
