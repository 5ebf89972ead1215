"""Statistics of the points in a polygon: a city, an airport, a coalfield."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from scipy import ndimage

from subside import _check
from subside.errors import ArgumentError
from subside.ops.basins.gaps import footprint
from subside.ops.corridor.combine import BinErrors, combined_errors, datum_shifts, track_shares
from subside.ops.corridor.grouped import FEWEST_IN_GROUP
from subside.ops.corridor.posterior import posterior_samples
from subside.ops.corridor.profile import FEWEST_GROUPS, group_excess, track_means
from subside.ops.corridor.tracks import TrackRates

FloatArray = npt.NDArray[np.float64]

_MOST_CELLS: Final = 1200
_DRAWS: Final = 400
_SQUARES: Final = (1, 2, 4)
_AROUND: Final = 5.0
"""Cells around a polygon whose points tell that its edge is covered."""

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
    covered_km2 : float
        Area of the polygon in cells between points, km2; 0 where no data are. Notches of a cell at the edge of the
        data are filled, gaps inside counted (:func:`subside.ops.basins.gaps.footprint`); cells at the edge count whole.
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
        Area of the occupied cells that sink faster than the threshold, median and 95 % interval of samples of the
        truth, km2. The datum that all cells share is drawn once a sample (:func:`.combine.datum_shifts`); of one
        track's datum, or of an error that all tracks have in common, they know nothing.
    """

    name: str
    area_km2: float
    covered_km2: float
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
        """Points per km2 of the covered part; NaN where nothing is covered."""
        return self.n_points / self.covered_km2 if self.covered_km2 > 0 else float("nan")


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
    fields. Cell means scatter more than the truth, and so do counts of them beyond a threshold: the affected area comes
    from 400 samples of the truth given the cell means (:func:`.posterior.posterior_samples`), on 1200 cells at an even
    stride where there are more.

    Where points scatter more than their standard deviations say, in squares that hold ten points, else five, every
    cell takes that scatter: cells of few points cannot tell their own.

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
    covered = _covered_area(polygon, tracks, cell) / _M2_PER_KM2
    if not len(rates):
        return PolygonStatistics(name, area, covered, 0, 0.0, *([np.nan] * 10))
    rate, errors, position = _cells(tracks, held, datum, cell)
    stride = max(-(-len(rate) // _MOST_CELLS), 1)
    rows = np.arange(0, len(rate), stride)
    covariance = _covariance(errors, rows, position[rows])
    sample = posterior_samples(rate[rows], covariance, position[rows], n=_DRAWS)
    shift = np.random.default_rng(1).permutation(datum_shifts(datum.datum_std, len(tracks), _DRAWS))
    each = cell**2 / _M2_PER_KM2
    beyond = (sample + shift[:, None] < -threshold).mean(axis=1) * len(rate) * each
    low, affected, high = np.quantile(beyond, [0.025, 0.5, 0.975])
    quantiles = np.quantile(rates, [0.05, 0.5, 0.95])
    return PolygonStatistics(
        name=name,
        area_km2=area,
        covered_km2=covered,
        n_points=len(rates),
        occupied_km2=len(rate) * each,
        mean=float(rate.mean()),
        mean_std=float(np.sqrt(covariance.mean() + datum.datum_std**2)),
        lowest=float(rate.min()),
        highest=float(rate.max()),
        p05=float(quantiles[0]),
        median=float(quantiles[1]),
        p95=float(quantiles[2]),
        affected_km2=float(affected),
        affected_low=float(low),
        affected_high=float(high),
    )


def _covered_area(polygon: Any, tracks: Sequence[TrackRates], cell: float) -> float:
    """Area of the polygon in cells between points of any track, m2; points around it tell that its edge is covered."""
    west, south, east, north = shapely.bounds(polygon)
    margin = _AROUND * cell
    xy = np.concatenate([np.column_stack([t.points.easting, t.points.northing]) for t in tracks])
    near = (
        np.abs(xy - (0.5 * (west + east), 0.5 * (south + north)))
        <= (
            0.5 * (east - west) + margin,
            0.5 * (north - south) + margin,
        )
    ).all(axis=1)
    if not near.any():
        return 0.0
    index = np.floor(xy[near] / cell).astype(np.int64)
    corner = index.min(axis=0)
    occupied = np.zeros(np.ptp(index, axis=0) + 3, dtype=bool)
    occupied[tuple((index - corner).T + 1)] = True
    occupied = ndimage.binary_closing(occupied, structure=np.ones((3, 3)))
    left, bottom = ((np.argwhere(footprint(occupied)) + corner - 1) * cell).T
    return float(
        shapely.area(shapely.intersection(polygon, shapely.box(left, bottom, left + cell, bottom + cell))).sum()
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
        means.append(track_means(track, group, len(occupied), least_excess=_excess(track, h, cell)))
    rate, std = np.stack([m.mean for m in means]), np.stack([m.std for m in means])
    share = track_shares(std, datum.between_std)
    combined: FloatArray = np.nansum(share * (rate - datum.bias[:, None]), axis=0)
    errors = combined_errors(means, [t.correlation.lengths for t in tracks], share, datum.between_std)
    position = np.asarray((occupied + 0.5) * cell, np.float64)
    return combined, errors, position


def _excess(track: TrackRates, held: npt.NDArray[np.bool_], cell: float) -> float:
    """Usual scatter of points beyond their errors in the smallest squares that hold ten points (else five) often."""
    for least, side in product((2 * FEWEST_IN_GROUP, FEWEST_IN_GROUP), _SQUARES):
        column, row = (np.floor(c / (side * cell)) for c in (track.points.easting[held], track.points.northing[held]))
        _, number, count = np.unique(np.column_stack([column, row]), axis=0, return_inverse=True, return_counts=True)
        if np.count_nonzero(count >= least) >= FEWEST_GROUPS:
            group = np.full(track.points.n_points, -1)
            group[held] = number.ravel()
            return group_excess(track, group)
    return 0.0


def _covariance(errors: BinErrors, rows: npt.NDArray[np.int64], position: FloatArray) -> FloatArray:
    distance = np.hypot(*(np.subtract.outer(c, c) for c in position.T))
    first, second = np.meshgrid(rows, rows, indexing="ij")
    return errors.covariance(first, second, distance)
