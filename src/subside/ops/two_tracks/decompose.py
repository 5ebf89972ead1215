"""East and up from tracks that look from different sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.points import PointSet
from subside.ops.cells import CellMembers, Grid, cell_means, occupied_cells
from subside.ops.two_tracks.common_cells import error_correlation
from subside.ops.two_tracks.common_rates import fit_span, vertical_rates
from subside.ops.two_tracks.interpolation import interpolate
from subside.ops.two_tracks.sensitivity import most_apart

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_INFLATION: Final = 4.0
"""Standard deviation of east or up, over that of the line-of-sight rates, above which a split is refused."""

_SQUARE: Final = 2


@dataclass(frozen=True)
class DecomposeOptions:
    """How tracks are split into east and up.

    Attributes
    ----------
    min_points : int
        Points of all tracks together that a cell needs; each track must have one.
    offset : float
        Cell centres are at ``(k + offset) * spacing``; EGMS has 0.5.
    span : {"common", "given"}
        Refit the rates over the dates all tracks cover, or take them as given.
    sigma : {"auto", "stated", "temporal"}
        Standard deviation of the points (:func:`subside.ops.two_tracks.common_rates.vertical_rates`).
    step_days : float
        Spacing of the common time axis, days; 0 leaves the series out.
    max_gap_days : float
        Series are not interpolated over longer gaps.
    max_inflation : float
        A split that amplifies errors more is refused.
    """

    min_points: int = 3
    offset: float = 0.5
    span: str = "common"
    sigma: str = "auto"
    step_days: float = 12.0
    max_gap_days: float = 90.0
    max_inflation: float = MAX_INFLATION

    def __post_init__(self) -> None:
        """Validate choices and ranges."""
        if self.min_points < 1:
            raise ArgumentError(f"`min_points` must be at least 1, got {self.min_points}")
        if self.span not in ("common", "given"):
            raise ArgumentError(f'`span` must be "common" or "given", got {self.span!r}')
        _check.in_range(0.0, 366.0, step_days=self.step_days)


@dataclass(frozen=True)
class EastUpSeries:
    """East and up of cells over time; see :func:`decompose`.

    Attributes
    ----------
    dates : ndarray of datetime64[D], (epoch,)
        Regular axis; epochs that a track cannot reach are left out.
    east, up : ndarray of float32, (cell, epoch)
        m, 0 at the first epoch; NaN where a track has a gap.
    east_std, up_std, covariance : ndarray of float32, (cell, epoch)
        Relative to the first epoch, m and m^2, as if the errors of dates were independent; NaN is unknown.
    """

    dates: npt.NDArray[np.datetime64]
    east: npt.NDArray[np.float32]
    up: npt.NDArray[np.float32]
    east_std: npt.NDArray[np.float32]
    up_std: npt.NDArray[np.float32]
    covariance: npt.NDArray[np.float32]


@dataclass(frozen=True)
class EastUp:
    """East and up rates of cells; north motion is taken for zero.

    Attributes
    ----------
    spacing : float
        Side of a cell, m.
    crs : str
        Coordinate system of the cells.
    easting, northing : ndarray of float64, (cell,)
        Centres, m.
    count : ndarray of int64, (cell, track)
        Points.
    los_velocity, los_std : ndarray of float64, (cell, track)
        Mean line-of-sight rates, m/yr.
    east, up, east_std, up_std : ndarray of float64, (cell,)
        m/yr; standard deviations NaN where those of points are unknown.
    covariance : ndarray of float64, (cell,)
        Of east and up, m^2/yr^2.
    east_per_north, up_per_north : ndarray of float64, (cell,)
        What north motion of 1 adds to east and up.
    misfit : ndarray of float64, (cell,)
        Root mean square residual over its standard deviation; NaN for two tracks, which leave none.
    inflation : tuple of float
        Median standard deviation of east and of up for line-of-sight rates of standard deviation 1.
    sigma : tuple of str
        Which standard deviation was used for each track.
    series : EastUpSeries or None
        None where a track has no series or none were asked for.
    """

    spacing: float
    crs: str
    easting: FloatArray
    northing: FloatArray
    count: IntArray
    los_velocity: FloatArray
    los_std: FloatArray
    east: FloatArray
    up: FloatArray
    east_std: FloatArray
    up_std: FloatArray
    covariance: FloatArray
    east_per_north: FloatArray
    up_per_north: FloatArray
    misfit: FloatArray
    inflation: tuple[float, float]
    sigma: tuple[str, ...]
    series: EastUpSeries | None

    @property
    def correlation(self) -> FloatArray:
        """Correlation of the errors of east and up, (cell,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            result: FloatArray = self.covariance / (self.east_std * self.up_std)
        return result


@dataclass(frozen=True)
class _Prepared:
    """A track in the common coordinate system with its line-of-sight rates."""

    points: PointSet
    velocity: FloatArray
    std: FloatArray
    hidden: FloatArray
    usable: npt.NDArray[np.bool_]
    code: IntArray
    sigma: str


def decompose(
    ascending: PointSet,
    descending: PointSet,
    *,
    spacing: float = 100.0,
    options: DecomposeOptions | None = None,
    more: Sequence[PointSet] = (),
) -> EastUp:
    """Split line-of-sight rates and series into east and up, cell by cell.

    In each cell the mean rates of the tracks are ``d_k = e_k east + u_k up``, weighed by their errors; north motion, of
    which tracks of polar orbits see little, is taken for zero (Wright et al. 2004). Series are interpolated to one
    axis of time and split in the same way.

    Parameters
    ----------
    ascending, descending : PointSet
        Tracks that look from different sides, in any order. The cells are in the coordinate system of ``ascending``.
    spacing : float
        Side of a cell, m.
    options : DecomposeOptions, optional
        How to split.
    more : sequence of PointSet
        Further tracks; a cell then needs points of every one.

    Returns
    -------
    EastUp

    Raises
    ------
    UnknownQuantityError
        If a line of sight is unknown, or the tracks look too much alike to tell east from up.
    ArgumentError
        If no cell has points of every track, or the tracks share no time.
    """
    how = options or DecomposeOptions()
    tracks = [t.reprojected(ascending.crs) for t in (ascending, descending, *more)]
    _refuse_alike(tracks, how.max_inflation)
    span = _span(tracks) if how.span == "common" else None
    grid = Grid(spacing, how.offset)
    prepared = [_prepare(t, grid, span, how.sigma) for t in tracks]
    code = _shared(prepared, how.min_points)
    if not len(code):
        raise ArgumentError(
            f"tracks must share cells of {spacing:g} m with {how.min_points} or more points to be split, got none: "
            + "; ".join(f"{t.name} at {t.longitude.mean():.3f} E, {t.latitude.mean():.3f} N" for t in tracks)
        )
    members = [CellMembers.of(np.where(p.usable, p.code, -1), code) for p in prepared]
    means = [
        cell_means(
            m,
            np.where(p.usable, p.velocity, 0.0),
            p.std,
            kind=p.points.kind,
            correlation=error_correlation(p.points, p.usable),
            spacing=spacing,
        )
        for m, p in zip(members, prepared, strict=True)
    ]
    rates = np.stack([m.mean for m in means], axis=1)
    std = np.stack([m.std for m in means], axis=1)
    los = np.stack(
        [
            np.stack([m.mean(p.points.los[:, k]) for k in range(3)], axis=1)
            for m, p in zip(members, prepared, strict=True)
        ],
        axis=1,
    )
    hidden = np.stack([m.mean(p.hidden) for m, p in zip(members, prepared, strict=True)], axis=1)
    split = _Split.of(los, std, hidden)
    solution = split.solve(rates)
    easting, northing = grid.centre(code)
    return EastUp(
        spacing=spacing,
        crs=ascending.crs,
        easting=easting,
        northing=northing,
        count=np.stack([m.count for m in members], axis=1),
        los_velocity=rates,
        los_std=std,
        east=solution[:, 0],
        up=solution[:, 1],
        east_std=np.sqrt(split.covariance[:, 0, 0]),
        up_std=np.sqrt(split.covariance[:, 1, 1]),
        covariance=split.covariance[:, 0, 1],
        east_per_north=split.solve(los[:, :, 1])[:, 0],
        up_per_north=split.solve(los[:, :, 1])[:, 1],
        misfit=split.misfit(rates, solution, std),
        inflation=split.inflation,
        sigma=tuple(p.sigma for p in prepared),
        series=_series(prepared, members, split, std / _point_std(prepared, members), how),
    )


def _refuse_alike(tracks: Sequence[PointSet], limit: float) -> None:
    """Refuse tracks from which east and up cannot be told, with the numbers."""
    los = np.stack([t.mean_los() for t in tracks])
    design = los[:, [0, 2]]
    spread = np.linalg.svd(design, compute_uv=False)
    inflation = np.sqrt(np.diag(np.linalg.inv(design.T @ design))) if spread[-1] > 1e-6 else np.full(2, np.inf)
    if inflation.max() <= limit:
        return
    *_, pair = most_apart(list(los))
    angles = " and ".join(f"{a:.1f}" for a in pair.incidence_deg)
    raise UnknownQuantityError(
        f"{' and '.join(t.name for t in tracks)} look too much alike to tell east from up (lines of sight at most "
        f"{pair.angle_deg:.1f} degrees apart, incidence {angles} degrees): errors of the rates would grow "
        f"{inflation[0]:.1f} times in east and {inflation[1]:.1f} times in up, more than the limit of {limit:g}. "
        f"Their vertical rates differ by {pair.east:+.3f} v_east {pair.north:+.3f} v_north. Compare them with "
        "`subside tracks`, or give one ascending and one descending track."
    )


def _span(tracks: Sequence[PointSet]) -> tuple[np.datetime64, np.datetime64] | None:
    """Dates that all tracks cover; None where one has no series."""
    if not all(t.has_series for t in tracks):
        return None
    start, end = max(t.dates[0] for t in tracks), min(t.dates[-1] for t in tracks)
    if end <= start:
        spans = ", ".join(f"{t.name} {t.dates[0]} to {t.dates[-1]}" for t in tracks)
        raise ArgumentError(f"tracks must overlap in time to be split into east and up, got {spans}")
    return start, end


def _prepare(points: PointSet, grid: Grid, span: tuple[np.datetime64, np.datetime64] | None, sigma: str) -> _Prepared:
    rates = vertical_rates(points, span, sigma=sigma)
    up = points.los[:, 2]
    usable = (points.flags == 0) & np.isfinite(rates.velocity) & np.isfinite(points.los).all(axis=1)
    code = grid.code(points.easting, points.northing)
    return _Prepared(
        points, rates.velocity * up, rates.std * up, rates.representation_std * up, usable, code, rates.sigma
    )


def _shared(prepared: Sequence[_Prepared], min_points: int) -> IntArray:
    """Codes of cells with a point of every track and enough of all."""
    found = [occupied_cells(p.code, p.usable, min_points=1) for p in prepared]
    together = np.concatenate([p.code[p.usable] for p in prepared])
    shared = occupied_cells(together, np.ones(len(together), np.bool_), min_points=min_points)
    for codes in found:
        shared = np.intersect1d(shared, codes, assume_unique=True)
    return shared


@dataclass(frozen=True)
class _Split:
    """Weighted least squares for east and up in each cell."""

    design: FloatArray
    operator: FloatArray
    covariance: FloatArray
    inflation: tuple[float, float]

    @classmethod
    def of(cls, los: FloatArray, std: FloatArray, hidden: FloatArray) -> _Split:
        """Lines of sight (cell, track, 3) and standard deviations (cell, track); unknown ones weigh alike.

        ``hidden`` is the part of these (cell, track) that filter windows hide from all tracks alike.
        """
        design = los[:, :, [0, 2]]
        is_known: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(std) & (std > 0), axis=1)
        weight = np.where(is_known[:, None], 1.0 / np.where(is_known[:, None], std, 1.0) ** 2, 1.0)
        normal = np.einsum("cki,ck,ckj->cij", design, weight, design)
        operator = np.einsum("cij,ckj,ck->cik", np.linalg.inv(normal), design, weight)
        variance = np.where(is_known[:, None], std**2, np.nan)
        common = np.fmin(hidden, np.nan_to_num(std))
        alike = np.einsum("cik,ck->ci", operator, common)
        covariance = np.einsum("cik,ck,cjk->cij", operator, variance - common**2, operator)
        covariance += alike[:, :, None] * alike[:, None, :]
        plain = np.sqrt(np.einsum("cik,cik->ci", operator, operator))
        median = np.median(plain, axis=0)
        return cls(design, operator, covariance, (float(median[0]), float(median[1])))

    def solve(self, values: FloatArray) -> FloatArray:
        """East and up (cell, 2) of line-of-sight values (cell, track)."""
        result: FloatArray = np.einsum("cik,ck->ci", self.operator, values)
        return result

    def misfit(self, values: FloatArray, solution: FloatArray, std: FloatArray) -> FloatArray:
        """Residual over its expectation, (cell,)."""
        spare = values.shape[1] - _SQUARE
        if not spare:
            return np.full(len(values), np.nan)
        residual = values - np.einsum("cki,ci->ck", self.design, solution)
        result: FloatArray = np.sqrt(np.sum((residual / std) ** 2, axis=1) / spare)
        return result


def _point_std(prepared: Sequence[_Prepared], members: Sequence[CellMembers]) -> FloatArray:
    """Root mean square standard deviation of the rates of the points in each cell, (cell, track)."""
    squares = [m.mean(p.std**2) for m, p in zip(members, prepared, strict=True)]
    result: FloatArray = np.sqrt(np.stack(squares, axis=1))
    return result


def _series(
    prepared: Sequence[_Prepared],
    members: Sequence[CellMembers],
    split: _Split,
    averaging: FloatArray,
    how: DecomposeOptions,
) -> EastUpSeries | None:
    """Split interpolated series; ``averaging``: standard deviation of a mean over that of a point, (cell, track)."""
    span = _span([p.points for p in prepared])
    if span is None or how.step_days <= 0:
        return None
    n_steps = int((span[1] - span[0]).astype("timedelta64[D]").astype(int) // how.step_days) + 1
    days = np.round(np.arange(n_steps) * how.step_days).astype("timedelta64[D]")
    axis = span[0].astype("datetime64[D]") + days
    moved, index = [], np.arange(n_steps)
    for p, m in zip(prepared, members, strict=True):
        mean = m.mean_series(p.points, np.where(p.usable, 1.0, np.nan))
        values, reached = interpolate(mean, p.points.dates, axis, max_gap_days=how.max_gap_days)
        full = np.full((len(mean), n_steps), np.nan)
        full[:, reached] = values
        moved.append(full)
        index = np.intersect1d(index, reached, assume_unique=True)
    los = np.stack([m[:, index] - m[:, index[:1]] for m in moved], axis=1)
    solution = np.einsum("cik,cke->cie", split.operator, los)
    variance = np.stack([_date_variance(p, m) for p, m in zip(prepared, members, strict=True)], axis=1) * averaging**2
    change = 2.0 * np.einsum("cik,ck,cjk->cij", split.operator, variance, split.operator)
    later = (np.arange(len(index)) > 0).astype(np.float64)
    east, up = (np.sqrt(change[:, k, k])[:, None] * later for k in range(_SQUARE))
    parts = (solution[:, 0], solution[:, 1], east, up, change[:, 0, 1][:, None] * later)
    return EastUpSeries(axis[index], *(np.asarray(v, np.float32) for v in parts))


def _date_variance(prepared: _Prepared, members: CellMembers) -> FloatArray:
    """Mean variance of the residuals of the points' series about a line and an annual term, m^2, (cell,)."""
    points = prepared.points
    fit = fit_span(points, points.dates[0], points.dates[-1])
    return members.mean(np.where(prepared.usable, fit.residual_std, np.nan) ** 2)
