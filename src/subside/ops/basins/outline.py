"""Basins outlined on a grid of vertical rates, with what can be measured of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from scipy import ndimage, stats

from subside.errors import ArgumentError
from subside.model.points import PointSet, read_rows
from subside.ops.basins.gaps import CellRates, carried, footprint, void_of, volume
from subside.ops.point_covariance import ErrorCorrelation

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_FEWEST_SERIES: Final = 8
_FEW_AT_RISK: Final = 0.01


@dataclass(frozen=True)
class RateGrid:
    """Vertical rates on square cells.

    Attributes
    ----------
    easting, northing : float
        Lower left corner, m.
    cell : float
        Side, m.
    rate, std : ndarray of float64, (row, column)
        Median of the points and its standard deviation, m/yr; row 0 in the south; NaN where there is none.
    count, used : ndarray of int64, (row, column)
        Points of all tracks, and those of them that gave the rate.
    risk : ndarray of float64, (row, column)
        Share of points at risk of aliasing; NaN without points.
    """

    easting: float
    northing: float
    cell: float
    rate: FloatArray
    std: FloatArray
    count: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]
    risk: FloatArray


def rate_grid(tracks: Sequence[PointSet], risks: Sequence[BoolArray], *, cell: float) -> RateGrid:
    """Median vertical rate of all tracks on cells; points at risk count as present, not as rates.

    Parameters
    ----------
    tracks : sequence of PointSet
        In one coordinate system, with lines of sight.
    risks : sequence of ndarray of bool, (point,)
        Points at risk of each track.
    cell : float
        Side, m.

    Returns
    -------
    RateGrid

    Raises
    ------
    ArgumentError
        If there is no point.
    """
    easting = np.concatenate([t.easting for t in tracks])
    northing = np.concatenate([t.northing for t in tracks])
    if not len(easting):
        raise ArgumentError("`tracks` must hold points, got none")
    up = np.concatenate([t.velocity / t.los[:, 2] for t in tracks])
    std = np.concatenate([t.velocity_std / t.los[:, 2] for t in tracks])
    risk = np.concatenate(list(risks))
    good = np.concatenate([t.flags == 0 for t in tracks]) & ~risk & np.isfinite(up)
    left, bottom = (np.floor(v.min() / cell) * cell for v in (easting, northing))
    column, row = (((v - o) / cell).astype(np.int64) for v, o in ((easting, left), (northing, bottom)))
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    flat = row * shape[1] + column
    n_cells = shape[0] * shape[1]
    count = np.bincount(flat, minlength=n_cells)
    at_risk = np.bincount(flat, risk, n_cells)
    rate, spread = _medians(flat[good], up[good], std[good], n_cells)
    share = np.divide(at_risk, count, out=np.full(n_cells, np.nan), where=count > 0)
    return RateGrid(
        float(left),
        float(bottom),
        cell,
        rate.reshape(shape),
        spread.reshape(shape),
        count.reshape(shape),
        np.bincount(flat[good], minlength=n_cells).reshape(shape),
        share.reshape(shape),
    )


def _medians(
    flat: npt.NDArray[np.int64], values: FloatArray, std: FloatArray, n_cells: int
) -> tuple[FloatArray, FloatArray]:
    """Median of each cell, and the median standard deviation of its points: neighbours err alike."""
    median, spread = np.full(n_cells, np.nan), np.full(n_cells, np.nan)
    for out, of in ((median, values), (spread, std)):
        order = np.lexsort((of, flat))
        cells, first, n = np.unique(flat[order], return_index=True, return_counts=True)
        ordered = of[order]
        out[cells] = (ordered[first + (n - 1) // 2] + ordered[first + n // 2]) / 2.0
    return median, spread


@dataclass(frozen=True)
class Basin:
    """One basin.

    Attributes
    ----------
    outline : shapely geometry
        In the coordinate system of the points.
    area : float
        m2.
    easting, northing : float
        Of its middle, weighted by the rate, m.
    peak_rate : float
        Fastest cell, m/yr; a lower bound of the sinking where ``is_lower_bound``.
    has_void : bool
        Whether it encloses ground without points that sparseness does not explain.
    volume_rate, volume_rate_std : float
        Sum of rate times area without voids and ground at risk, m3/yr, and its standard deviation: errors, and what
        lies between points.
    elongation : float
        Longest over shortest axis, 1 is round.
    azimuth_deg : float
        Of the longest axis, clockwise from north, 0 to 180.
    risk_share : float
        Share of its points at risk of aliasing.
    cumulative : float
        Motion at the fastest cell over the dates, m.
    linearity : float
        Share of the trend of its mean series that a straight line explains: 1 where a cubic is no better than a line
        beyond chance (F test, 1 %), else the variance explained by the line over that by the cubic. Noise does not
        lower it. NaN without series.
    void : shapely geometry or None
        Ground without points that sparseness does not explain.
    lost_area : float
        Voids and cells at risk, whose rates are not known, m2: the volume leaves them out.
    """

    outline: Any
    area: float
    easting: float
    northing: float
    peak_rate: float
    has_void: bool
    volume_rate: float
    volume_rate_std: float
    elongation: float
    azimuth_deg: float
    risk_share: float
    cumulative: float
    linearity: float
    void: Any = None
    lost_area: float = 0.0

    @property
    def is_lower_bound(self) -> bool:
        """Whether part of its ground is lost or a hundredth of its points at risk: more may sink, and faster."""
        return self.lost_area > 0.0 or self.risk_share > _FEW_AT_RISK


@dataclass(frozen=True)
class OutlineRule:
    """What a basin is.

    Attributes
    ----------
    threshold : float
        Vertical rate at its edge, m/yr, negative.
    min_area : float
        m2.
    risk_share : float
        Share of points at risk that makes a cell part of a basin whatever its rate.
    """

    threshold: float = -0.010
    min_area: float = 60_000.0
    risk_share: float = 0.5

    def __post_init__(self) -> None:
        """Check the sign."""
        if not self.threshold < 0:
            raise ArgumentError(f"`threshold` must be negative, got {self.threshold}")


def outline_basins(
    grid: RateGrid, tracks: Sequence[PointSet], *, rule: OutlineRule, correlation: ErrorCorrelation, years: float
) -> list[Basin]:
    """Outline ground that sinks faster than a threshold, or that is at risk of aliasing.

    Rates are carried two cells into gaps, not beyond the points. Gaps inside a basin that are larger than the gaps of
    the ground around it explain are its voids.

    Parameters
    ----------
    grid : RateGrid
        Rates.
    tracks : sequence of PointSet
        For the series of each basin.
    rule : OutlineRule
        What a basin is.
    correlation : ErrorCorrelation
        Of the errors of points.
    years : float
        Time span of the dates.

    Returns
    -------
    list of Basin
        Largest volume first.
    """
    filled = carried(grid.rate)
    risky = np.nan_to_num(grid.risk) >= rule.risk_share
    sinking = ((np.nan_to_num(filled, nan=0.0) < rule.threshold) & footprint(grid.count > 0)) | risky
    closed = ndimage.binary_closing(np.pad(sinking, 1), structure=np.ones((3, 3)))[1:-1, 1:-1]
    whole = ndimage.binary_fill_holes(closed)
    labels, n = ndimage.label(whole, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:] * grid.cell**2
    basins = [
        _measured(grid, (labels == k + 1, whole, risky), tracks, (rule, correlation, years))
        for k in range(n)
        if sizes[k] >= rule.min_area and np.any(sinking & (labels == k + 1))
    ]
    return sorted(basins, key=lambda b: b.volume_rate if np.isfinite(b.volume_rate) else 0.0)


def _measured(
    grid: RateGrid,
    masks: tuple[BoolArray, BoolArray, BoolArray],
    tracks: Sequence[PointSet],
    choices: tuple[OutlineRule, ErrorCorrelation, float],
) -> Basin:
    inside, sinking, risky = masks
    rule, correlation, years = choices
    rows, columns = np.nonzero(inside)
    east = np.asarray(grid.easting + (columns + 0.5) * grid.cell, np.float64)
    north = np.asarray(grid.northing + (rows + 0.5) * grid.cell, np.float64)
    outline = _joined(grid, inside)
    rate, risk = grid.rate[inside], grid.risk[inside]
    known = np.isfinite(rate)
    depth = np.where(known & (rate < 0), -np.nan_to_num(rate), 0.0)
    weight = depth if depth.sum() > 0 else np.ones(len(east))
    centre = float(np.average(east, weights=weight)), float(np.average(north, weights=weight))
    elongation, azimuth = _axes(east, north, grid.cell)
    void = void_of(grid.count, inside, sinking)
    cells = CellRates(grid.rate, grid.std, grid.used, grid.cell)
    lost = inside & (void | risky)
    volume_rate, volume_std = volume(cells, inside & ~lost, correlation=correlation, edge=rule.threshold)
    return Basin(
        outline=outline,
        area=float(len(east)) * grid.cell**2,
        easting=centre[0],
        northing=centre[1],
        peak_rate=float(np.nanmin(rate)) if known.any() else np.nan,
        has_void=bool(void.any()),
        volume_rate=volume_rate,
        volume_rate_std=volume_std,
        elongation=elongation,
        azimuth_deg=azimuth,
        risk_share=float(np.nansum(risk * grid.count[inside]) / max(int(grid.count[inside].sum()), 1)),
        cumulative=float(np.nanmin(rate)) * years if known.any() else np.nan,
        linearity=_linearity(tracks, outline),
        void=_joined(grid, void) if void.any() else None,
        lost_area=float(lost.sum()) * grid.cell**2,
    )


def _joined(grid: RateGrid, cells: BoolArray) -> Any:
    rows, columns = np.nonzero(cells)
    west, south = grid.easting + columns * grid.cell, grid.northing + rows * grid.cell
    return shapely.union_all(shapely.box(west, south, west + grid.cell, south + grid.cell))


def _axes(east: FloatArray, north: FloatArray, cell: float) -> tuple[float, float]:
    covariance = np.cov(np.stack([east, north])) + np.eye(2) * cell**2 / 12.0 if len(east) > 1 else np.eye(2)
    values, vectors = np.linalg.eigh(covariance)
    azimuth = float(np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1])) % 180.0)
    return float(np.sqrt(values[1] / values[0])), azimuth


def _linearity(tracks: Sequence[PointSet], outline: Any) -> float:
    """Least share over the tracks of the mean series' trend that a line explains."""
    shapely.prepare(outline)
    shares = []
    for track in tracks:
        if not track.has_series or len(track.dates) < _FEWEST_SERIES:
            continue
        rows = np.flatnonzero((track.flags == 0) & shapely.contains_xy(outline, track.easting, track.northing))
        if not len(rows):
            continue
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 500)).astype(np.int64))]
        rows_read = read_rows(track.displacement, chosen).astype(np.float64)
        count = np.isfinite(rows_read).sum(axis=0)
        known = count > 0
        years, values = track.years[known], np.nansum(rows_read, axis=0)[known] / count[known]
        if len(values) >= _FEWEST_SERIES:
            shares.append(_line_share(years, values))
    return float(min(shares)) if shares else float("nan")


_SIGNIFICANCE: Final = 0.01


def _line_share(years: FloatArray, values: FloatArray) -> float:
    """Variance that a line explains over that of a cubic; 1 where the cubic is no better beyond chance."""
    x = 2.0 * (years - years[0]) / (years[-1] - years[0]) - 1.0
    left = [float(np.sum((values - np.polyval(np.polyfit(x, values, degree), x)) ** 2)) for degree in (0, 1, 3)]
    freedom = len(values) - 4
    if left[1] <= 1e-12 * left[0]:
        return 1.0
    ratio = (left[1] - left[2]) / 2.0 / max(left[2] / freedom, 1e-300)
    if stats.f.sf(ratio, 2, freedom) > _SIGNIFICANCE:
        return 1.0
    return (left[0] - left[1]) / (left[0] - left[2])
