"""Two tracks checked against each other on a common grid, as vertical rates and as series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.points import PointSet
from subside.ops.cells import Grid
from subside.ops.resampling import (
    LEAST_BLOCKS,
    Bootstrap,
    SpatialCorrelation,
    block_size,
    block_stretch,
    spatial_blocks,
    spatial_correlation,
)
from subside.ops.two_tracks import strata
from subside.ops.two_tracks.common_cells import (
    UNKNOWN,
    CommonCells,
    TrackOnCells,
    average_cells,
    nearest_difference,
    on_common_cells,
)
from subside.ops.two_tracks.common_rates import VerticalRates, common_span
from subside.ops.two_tracks.sensitivity import Sensitivity, sensitivity
from subside.ops.two_tracks.sigma_calibration import Calibration, calibrations
from subside.ops.two_tracks.statistics import AgreementStatistics, agreement_statistics

FloatArray = npt.NDArray[np.float64]
LandClasses = Callable[[FloatArray, FloatArray, str], npt.NDArray[Any]]
"""Label of land at places: easting, northing, coordinate system to an array of str."""

Distances = Callable[[FloatArray, FloatArray, str], FloatArray]
"""Distance of places to something, m: easting, northing, coordinate system to an array."""

COHERENCE_EDGES: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Edges of classes of temporal coherence (the lower of the two tracks)."""

RATE_EDGES: Final = (-0.040, -0.020, -0.010, -0.005, -0.002, 0.002, 0.005)
"""Edges of classes of vertical rate, m/yr."""

DISTANCE_EDGES: Final = (1e3, 3e3, 10e3, 30e3, 100e3)
"""Edges of classes of distance to the nearest reference, line, site or area, m."""


@dataclass(frozen=True)
class AgreementOptions:
    """How tracks are compared.

    Attributes
    ----------
    min_points : int
        Points of each track that a cell needs.
    offset : float
        Cell centres are at ``(k + offset) * spacing``.
    span : {"common", "given"}
        Refit the rates over the dates both tracks cover, or take them as given.
    sigma : {"auto", "stated", "temporal"}
        Standard deviation used for cells and the Deming line (:func:`.common_rates.vertical_rates`).
    remove_plane : bool
        Report, besides, what is left after a plane is taken out of the difference.
    block : float or None
        Side of the blocks of the bootstrap, m; None is the range of the difference or the reach of the errors,
        whichever is longer.
    n_draws, seed : int
        Of the bootstrap.
    max_gap_days : float
        Series are not interpolated over longer gaps.
    """

    min_points: int = 1
    offset: float = 0.0
    span: str = "common"
    sigma: str = "auto"
    remove_plane: bool = False
    block: float | None = None
    n_draws: int = 1000
    seed: int = 0
    max_gap_days: float = 90.0

    def __post_init__(self) -> None:
        """Validate choices and ranges."""
        if self.min_points < 1:
            raise ArgumentError(f"`min_points` must be at least 1, got {self.min_points}")
        if self.span not in ("common", "given"):
            raise ArgumentError(f'`span` must be "common" or "given", got {self.span!r}')


@dataclass(frozen=True)
class TrackAgreement:
    """Result of :func:`compare_tracks`.

    Attributes
    ----------
    spacing : float
        Of the cells, m.
    crs : str
        Coordinate system of the cells.
    cells : CommonCells
        What is compared.
    statistics : AgreementStatistics
        Over all cells.
    without_plane : AgreementStatistics or None
        The same after a plane was taken out of the difference, if asked.
    plane : tuple of float or None
        That plane: at the middle of the cells, m/yr, and its slopes east and north, 1/yr.
    calibration : tuple of Calibration
        Definitions that are known for both tracks.
    strata : tuple of Stratum
        By kind, coherence, rate, land and distance to the reference and other things, as far as known.
    sensitivity : Sensitivity
        What horizontal motion does to the difference.
    span : tuple of datetime64, or None
        Dates the rates were refitted over; None where they were taken as given.
    first, second : VerticalRates
        Rates by point.
    usable : tuple of int
        Points of each track that were used.
    empirical : tuple of float
        Standard deviation of the difference of single points of the two tracks, nearest to each other within half a
        cell, over root 2, m/yr: plain and robust.
    reach : float
        Distance over which errors of points are alike, m, the longer of the tracks.
    correlation : SpatialCorrelation
        Of the difference.
    notes : tuple of str
        What could not be known, in words.
    """

    spacing: float
    crs: str
    cells: CommonCells
    statistics: AgreementStatistics
    without_plane: AgreementStatistics | None
    plane: tuple[float, float, float] | None
    calibration: tuple[Calibration, ...]
    strata: tuple[strata.Stratum, ...]
    sensitivity: Sensitivity
    span: tuple[np.datetime64, np.datetime64] | None
    first: VerticalRates
    second: VerticalRates
    usable: tuple[int, int]
    empirical: tuple[float, float]
    reach: float
    correlation: SpatialCorrelation
    notes: tuple[str, ...]


def compare_tracks(
    first: PointSet,
    second: PointSet,
    *,
    spacing: float = 50.0,
    options: AgreementOptions | None = None,
    land: LandClasses | None = None,
    reference: FloatArray | None = None,
    distances: Mapping[str, Distances] | None = None,
) -> TrackAgreement:
    """Compare the vertical rates of two tracks cell by cell.

    Each point's line-of-sight rate is divided by the vertical part of its own line of sight, which assumes that nothing
    moves sideways (:func:`.sensitivity.sensitivity` says what that can hide), and averaged over square
    cells. Rates are refitted over the dates both tracks cover with one function of time, so that a change of rate
    does not pass for an error. Intervals are those of a bootstrap of blocks of space longer than the range of the
    difference.

    Parameters
    ----------
    first, second : PointSet
        Tracks; points with flags or without a rate or a line of sight are left out. The cells are in the coordinate
        system of ``first``.
    spacing : float
        Side of a cell, m.
    options : AgreementOptions, optional
        How to compare.
    land : callable, optional
        Label of land at places, for strata.
    reference : ndarray of float64, (area, 2), optional
        Easting and northing of reference areas, m, for strata by distance.
    distances : mapping of str to callable, optional
        Distance of places to other things (a line, sites, areas), by their name, for strata.

    Returns
    -------
    TrackAgreement

    Raises
    ------
    ArgumentError
        If the tracks share fewer than 10 cells or no time.
    UnknownQuantityError
        If lines of sight are unknown.
    """
    how = options or AgreementOptions()
    second = second.reprojected(first.crs)
    span = common_span(first, second) if how.span == "common" else None
    grid = Grid(spacing, how.offset)
    pair, code = on_common_cells(first, second, grid=grid, span=span, min_points=how.min_points, sigma=how.sigma)
    cells = average_cells(pair, grid, code, max_gap_days=how.max_gap_days)
    whole = spatial_correlation(cells.difference, cells.easting, cells.northing)
    reach = max(t.correlation.reach for t in pair)
    bootstrap = _bootstrap(whole, cells, how, least=max(2 * spacing, reach))
    ratio = _error_ratio(cells)
    without, plane = None, None
    if how.remove_plane:
        plane, left = _plane(cells.difference, cells)
        without = agreement_statistics(
            cells.first.mean,
            cells.first.mean + left,
            bootstrap=bootstrap,
            error_ratio=ratio or 1.0,
            n_effective=spatial_correlation(left, cells.easting, cells.northing).n_effective,
        )
    return TrackAgreement(
        spacing=spacing,
        crs=first.crs,
        cells=cells,
        statistics=agreement_statistics(
            cells.first.mean,
            cells.second.mean,
            bootstrap=bootstrap,
            error_ratio=ratio or 1.0,
            n_effective=whole.n_effective,
        ),
        without_plane=without,
        plane=plane,
        calibration=calibrations(pair, cells, spacing=spacing, bootstrap=bootstrap),
        strata=strata.strata(
            cells.first.mean,
            cells.second.mean,
            cells.difference_std**2,
            classes=_classes(cells, first.crs, land, {**_to_reference(reference), **(distances or {})}),
            bootstrap=bootstrap,
        ),
        sensitivity=sensitivity(first.mean_los(), second.mean_los()),
        span=span,
        first=pair[0].rates,
        second=pair[1].rates,
        usable=(int(pair[0].usable.sum()), int(pair[1].usable.sum())),
        empirical=nearest_difference(pair, 0.5 * spacing),
        reach=reach,
        correlation=whole,
        notes=_notes(pair, whole, bootstrap, has_ratio=ratio is not None, how=how),
    )


def _bootstrap(
    correlation: SpatialCorrelation, cells: CommonCells, how: AgreementOptions, *, least: float
) -> Bootstrap:
    size = how.block or block_size(correlation, cells.easting, cells.northing, least=least)
    blocks = spatial_blocks(cells.easting, cells.northing, size)
    stretch = block_stretch(correlation, cells.easting, cells.northing, blocks)
    return Bootstrap(blocks, size=size, stretch=stretch, n_draws=how.n_draws, seed=how.seed)


def _notes(
    pair: tuple[TrackOnCells, TrackOnCells],
    correlation: SpatialCorrelation,
    bootstrap: Bootstrap,
    *,
    has_ratio: bool,
    how: AgreementOptions,
) -> tuple[str, ...]:
    """What could not be known, or not as it should."""
    notes = []
    if how.span == "common" and not all(t.points.has_series for t in pair):
        notes.append("a track has no displacement series: rates are taken as given, whatever span they are of")
    if not has_ratio:
        notes.append("standard deviations are unknown: the Deming line takes the errors of both tracks for alike")
    wanted = max(correlation.range, correlation.catch)
    if bootstrap.n_blocks < LEAST_BLOCKS:
        notes.append(
            f"the cells make {bootstrap.n_blocks} blocks of {bootstrap.size:.0f} m, fewer than {LEAST_BLOCKS}: "
            "intervals are unknown"
        )
    elif wanted > 1.01 * bootstrap.size:
        notes.append(
            f"the difference is alike over {wanted:.0f} m, farther than the blocks of {bootstrap.size:.0f} m that the "
            "area allows: intervals are too narrow"
        )
    return tuple(notes)


def _error_ratio(cells: CommonCells) -> float | None:
    """Variance of the errors of the second track over that of the first, over the cells where both are known."""
    known = np.isfinite(cells.difference_std) & (cells.first.std > 0) & (cells.second.std > 0)
    if not known.any():
        return None
    return float(np.mean(cells.second.std[known] ** 2) / np.mean(cells.first.std[known] ** 2))


def _plane(difference: FloatArray, cells: CommonCells) -> tuple[tuple[float, float, float], FloatArray]:
    middle = (cells.easting.mean(), cells.northing.mean())
    design = np.column_stack([np.ones(len(difference)), cells.easting - middle[0], cells.northing - middle[1]])
    beta = np.linalg.lstsq(design, difference, rcond=None)[0]
    return (float(beta[0]), float(beta[1]), float(beta[2])), difference - design @ beta


def _to_reference(reference: FloatArray | None) -> dict[str, Distances]:
    if reference is None or not len(reference):
        return {}
    places = np.asarray(reference, np.float64)

    def distance(easting: FloatArray, northing: FloatArray, _: str) -> FloatArray:
        apart = np.hypot(*(np.subtract.outer(c, places[:, k]) for k, c in enumerate((easting, northing))))
        return np.asarray(apart.min(axis=1), np.float64)

    return {"reference": distance}


def _classes(
    cells: CommonCells, crs: str, land: LandClasses | None, distances: Mapping[str, Distances]
) -> dict[str, tuple[npt.NDArray[Any], list[str]]]:
    mean = 0.5 * (cells.first.mean + cells.second.mean)
    classes: dict[str, tuple[npt.NDArray[Any], list[str]]] = {
        "kind": (cells.kind, ["PS", "DS", "mixed", UNKNOWN]),
        "coherence": strata.classes_of_values(cells.coherence, COHERENCE_EDGES),
        "rate": strata.rate_classes(mean, RATE_EDGES),
    }
    if land is not None:
        labels = np.asarray(land(cells.easting, cells.northing, crs), dtype=object)
        classes["land"] = (labels, sorted({str(label) for label in labels}))
    for name, distance in distances.items():
        classes[f"distance to {name}"] = strata.classes_of_values(
            distance(cells.easting, cells.northing, crs), DISTANCE_EDGES, scale=1e-3, decimals=0, unit="km"
        )
    return classes
