"""Statistics of the points in a polygon: a city, an airport, a coalfield."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from subside import _check
from subside.errors import ArgumentError
from subside.ops.corridor.combine import BinErrors, combined_errors, track_shares
from subside.ops.corridor.profile import track_means
from subside.ops.corridor.tracks import TrackRates

FloatArray = npt.NDArray[np.float64]

_MOST_CELLS: Final = 1200
_DRAWS: Final = 400
_M2_PER_KM2: Final = 1e6


@dataclass(frozen=True)
class PolygonStatistics:
    """Points of all tracks in a polygon; rates in m/yr, NaN where there are no points.

    Attributes
    ----------
    name : str
        Label.
    area_km2 : float
        Area of the polygon, km2.
    n_points : int
        Points of all tracks.
    occupied_km2 : float
        Area of the cells with points, km2: all statistics speak of these.
    mean, mean_std : float
        Mean over occupied cells and its standard deviation from the covariance of the cells and the datum.
    lowest, highest : float
        Extreme cells.
    p05, median, p95 : float
        Quantiles of the points.
    affected_km2, affected_low, affected_high : float
        Area of the cells that sink faster than the threshold, and its 95 % interval, km2.
    """

    name: str
    area_km2: float
    n_points: int
    occupied_km2: float
    mean: float
    mean_std: float
    lowest: float
    highest: float
    p05: float
    median: float
    p95: float
    affected_km2: float
    affected_low: float
    affected_high: float

    @property
    def per_km2(self) -> float:
        """Points per km2 of the polygon."""
        return self.n_points / self.area_km2


@dataclass(frozen=True)
class TrackDatum:
    """What is known of the datums of the tracks.

    Attributes
    ----------
    bias : ndarray of float64, (track,)
        Taken off the rates of each track, m/yr.
    between_std : float
        What tracks disagree beyond their errors, m/yr; 0 is nothing.
    datum_std : float
        Standard deviation of the common datum, m/yr.
    """

    bias: FloatArray
    between_std: float = 0.0
    datum_std: float = 0.0


def polygon_statistics(
    name: str,
    polygon: Any,
    tracks: Sequence[TrackRates],
    *,
    datum: TrackDatum,
    threshold: float = 0.010,
    cell: float = 100.0,
) -> PolygonStatistics:
    """Density, mean, range and area affected of the points in a polygon.

    Points are averaged in square cells (Huber mean with their covariance), so that dense roofs do not outweigh bare
    fields. The interval of the affected area comes from 400 samples of the truth given the cell means under their
    covariance, on 1200 cells at an even stride where there are more.

    Parameters
    ----------
    name : str
        Label.
    polygon : shapely Polygon or MultiPolygon
        In the coordinates of the points.
    tracks : sequence of TrackRates
        One or more.
    datum : TrackDatum
        From the profile.
    threshold : float
        Sinking rate, m/yr, positive.
    cell : float
        Side of a cell, m.

    Returns
    -------
    PolygonStatistics

    Raises
    ------
    ArgumentError
        If the geometry is no polygon or has no area, or the lengths are not positive.
    """
    if polygon is None or polygon.geom_type not in ("Polygon", "MultiPolygon") or not polygon.area > 0:
        raise ArgumentError(f"`polygon` {name!r} must be a polygon with an area, got {polygon}")
    _check.in_range(1e-6, 10.0, threshold=threshold)
    _check.in_range(1.0, 1e5, cell=cell)
    shapely.prepare(polygon)
    held = [shapely.contains_xy(polygon, t.points.easting, t.points.northing) for t in tracks]
    rates = np.concatenate([t.rate[h] - b for t, h, b in zip(tracks, held, datum.bias, strict=True)])
    area = float(polygon.area) / _M2_PER_KM2
    if not len(rates):
        return PolygonStatistics(name, area, 0, 0.0, *([np.nan] * 10))
    rate, errors, position = _cells(tracks, held, datum, cell)
    stride = max(-(-len(rate) // _MOST_CELLS), 1)
    rows = np.arange(0, len(rate), stride)
    covariance = _covariance(errors, rows, position[rows]) + datum.datum_std**2
    weight = np.full(len(rows), 1.0 / len(rows))
    normal = np.random.default_rng(0).standard_normal((_DRAWS, len(rows)))
    sample = rate[rows] + normal @ np.linalg.cholesky(covariance + 1e-14 * np.eye(len(rows))).T
    each = cell**2 / _M2_PER_KM2
    low, high = np.quantile((sample < -threshold).mean(axis=1), [0.025, 0.975]) * len(rate) * each
    quantiles = np.quantile(rates, [0.05, 0.5, 0.95])
    affected = float(np.count_nonzero(rate < -threshold) * each)
    return PolygonStatistics(
        name=name,
        area_km2=area,
        n_points=len(rates),
        occupied_km2=len(rate) * each,
        mean=float(rate.mean()),
        mean_std=float(np.sqrt(weight @ covariance @ weight)),
        lowest=float(rate.min()),
        highest=float(rate.max()),
        p05=float(quantiles[0]),
        median=float(quantiles[1]),
        p95=float(quantiles[2]),
        affected_km2=affected,
        affected_low=min(float(low), affected),
        affected_high=max(float(high), affected),
    )


def _cells(
    tracks: Sequence[TrackRates], held: Sequence[npt.NDArray[np.bool_]], datum: TrackDatum, cell: float
) -> tuple[FloatArray, BinErrors, FloatArray]:
    """Rates of occupied cells, their errors, and their middles."""
    index = [
        np.column_stack([np.floor(t.points.easting / cell), np.floor(t.points.northing / cell)])[h].astype(np.int64)
        for t, h in zip(tracks, held, strict=True)
    ]
    occupied, number = np.unique(np.concatenate(index), axis=0, return_inverse=True)
    means, start = [], 0
    for track, h in zip(tracks, held, strict=True):
        group = np.full(track.points.n_points, -1)
        count = int(h.sum())
        group[h] = number.ravel()[start : start + count]
        start += count
        means.append(track_means(track, group, len(occupied)))
    rate, std = np.stack([m.mean for m in means]), np.stack([m.std for m in means])
    share = track_shares(std, datum.between_std)
    combined: FloatArray = np.nansum(share * (rate - datum.bias[:, None]), axis=0)
    errors = combined_errors(means, [t.correlation.lengths for t in tracks], share, datum.between_std)
    position = np.asarray((occupied + 0.5) * cell, np.float64)
    return combined, errors, position


def _covariance(errors: BinErrors, rows: npt.NDArray[np.int64], position: FloatArray) -> FloatArray:
    distance = np.hypot(*(np.subtract.outer(c, c) for c in position.T))
    first, second = np.meshgrid(rows, rows, indexing="ij")
    return errors.covariance(first, second, distance)
