"""Where bursts lie on the ground, from the geolocation grid of the annotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.io.safe.annotation import read_grid
from subside.io.safe.container import read_address
from subside.model.acquisition import Acquisition

_N_SIDE = 5


@dataclass(frozen=True)
class GeolocationGrid:
    """Points of the geolocation grids of one swath, slices one after the other.

    Attributes
    ----------
    time : ndarray of float64, (point,)
        Annotated azimuth time, s since the epoch of the acquisition; it holds a term that depends on range.
    line, sample : ndarray of float64, (point,)
        Line and sample of the measurement file.
    slant_range_time : ndarray of float64, (point,)
        Two-way, s.
    latitude, longitude : ndarray of float64, (point,)
        Degrees.
    height : ndarray of float64, (point,)
        m above the WGS 84 ellipsoid.
    incidence_angle : ndarray of float64, (point,)
        rad.
    """

    time: npt.NDArray[np.float64]
    line: npt.NDArray[np.float64]
    sample: npt.NDArray[np.float64]
    slant_range_time: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    height: npt.NDArray[np.float64]
    incidence_angle: npt.NDArray[np.float64]


def _annotation_address(measurement: str) -> str:
    head, _, name = measurement.rpartition("measurement")
    return f"{head}annotation{name.removesuffix('.tiff')}.xml"


def _since(epoch: np.datetime64, microseconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((microseconds - float(epoch.astype("datetime64[us]").astype(np.int64))) / 1e6)


def read_geolocation(acquisition: Acquisition, swath: str) -> GeolocationGrid:
    """Read the geolocation grid of a swath.

    Parameters
    ----------
    acquisition : Acquisition
        One date, its products still where they were.
    swath : str
        ``"IW1"``, ``"IW2"`` or ``"IW3"``.

    Returns
    -------
    GeolocationGrid
        All points of all slices.

    Raises
    ------
    ArgumentError
        If the acquisition does not hold that swath.
    InputFileError
        S102, S103, S109 where an annotation cannot be read.
    """
    if swath not in acquisition.swaths:
        raise ArgumentError(f"`swath` must be one of {sorted(acquisition.swaths)}, got {swath!r}")
    files = dict.fromkeys(_annotation_address(b.file) for b in acquisition.swaths[swath].bursts)
    grids = [read_grid(read_address(f), f) for f in files]
    joined = {key: np.concatenate([g[key] for g in grids]) for key in grids[0]}
    joined["time"] = _since(acquisition.epoch, joined["time"])
    joined["incidence_angle"] = np.radians(joined["incidence_angle"])
    return GeolocationGrid(**joined)


def burst_footprints(acquisition: Acquisition, swath: str) -> dict[int, npt.NDArray[np.float64]]:
    """Return the outline of the valid window of every burst of a swath.

    Interpolated in the geolocation grid, linearly in time and sample; good to about 100 m, and to some hundred where
    heights change, or where a tool cut the burst out and left the grid as it was.

    Parameters
    ----------
    acquisition : Acquisition
        One date, its products still where they were.
    swath : str
        ``"IW1"``, ``"IW2"`` or ``"IW3"``.

    Returns
    -------
    dict of int to ndarray of float64, (vertex, 2)
        Longitude and latitude in degrees by burst number, closed (first vertex repeated). Longitudes continue past
        180 where a burst lies across that meridian.

    Raises
    ------
    ArgumentError
        If the acquisition does not hold that swath.
    InputFileError
        S102, S103, S109 where an annotation cannot be read.
    """
    grid = read_geolocation(acquisition, swath)
    within = acquisition.swaths[swath]
    samples = np.unique(grid.sample)
    n_rows = len(grid.sample) // len(samples)

    rows = np.argsort(grid.time.reshape(n_rows, -1)[:, 0], kind="stable")

    time = grid.time.reshape(n_rows, -1)[rows].mean(axis=1)
    longitude = np.degrees(np.unwrap(np.radians(grid.longitude.reshape(n_rows, -1)[rows].ravel())))
    places = np.stack([longitude, grid.latitude.reshape(n_rows, -1)[rows].ravel()], axis=-1)
    places = places.reshape(n_rows, len(samples), 2)
    outlines = {}
    for burst in within.bursts:
        along = within.slow_time(burst, np.array([burst.first_line, burst.last_line], float))
        across = np.linspace(burst.first_sample, burst.last_sample, _N_SIDE)
        top, bottom = (_interpolated(places, time, samples, t, across) for t in along)
        outlines[burst.burst_id] = np.concatenate([top, bottom[::-1], top[:1]])
    return outlines


def _interpolated(
    places: npt.NDArray[np.float64],
    time: npt.NDArray[np.float64],
    samples: npt.NDArray[np.float64],
    at: float,
    across: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    row = int(np.clip(np.searchsorted(time, at) - 1, 0, len(time) - 2))
    weight = (at - time[row]) / (time[row + 1] - time[row])
    line = places[row] * (1 - weight) + places[row + 1] * weight
    return np.stack([np.interp(across, samples, line[:, k]) for k in range(2)], axis=-1)
