"""Figures of a chain against simulated truth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from subside.conventions import MM_PER_M


class Group(StrEnum):
    """How a pixel is counted. Pixels that take their signal from a point's side lobes are neither DS nor noise."""

    POINT = "PS"
    DISTRIBUTED = "DS"
    SIDE_LOBE = "PS side lobe"
    NOISE = "noise"


@dataclass(frozen=True)
class GroupScore:
    """One kind of scatterer.

    Attributes
    ----------
    group : Group
        Which.
    n_pixels, n_points : int
        Pixels of the scene, and scored points among them.
    slope_rmse, slope_median : float
        Rms and median absolute error of a point's least-squares slope over dates against that of its true
        phase, both relative to the same points and deramped on each date, m/yr; NaN without a series.
    velocity_rmse : float
        Rms error of the rate against the true rate put through the same reference, m/yr.
    dem_error_rmse, dem_error_prior : float
        Rms error of the height error, and standard deviation of the true one (the error of not estimating
        it), about their means, m; NaN where unknown.
    """

    group: Group
    n_pixels: int
    n_points: int
    slope_rmse: float
    slope_median: float
    velocity_rmse: float
    dem_error_rmse: float
    dem_error_prior: float

    @property
    def kept(self) -> float:
        """Share of the pixels that are points, 0 to 1; NaN without pixels."""
        return self.n_points / self.n_pixels if self.n_pixels else float("nan")


@dataclass(frozen=True)
class NoiseScore:
    """Points on noise pixels (side lobes of points not counted).

    Attributes
    ----------
    n_points : int
        Scored points of every kind.
    n_noise : int
        Those on noise pixels.
    n_lone : int
        Those on noise pixels whose filter support is all but noise, or that were not filtered.
    n_bleeding : int
        Those on noise pixels whose filter support holds coherent pixels.
    bleeding_slope_rmse : float
        Rms slope error of the latter against the true phase of their own pixel, m/yr; NaN without a series.
    """

    n_points: int
    n_noise: int
    n_lone: int
    n_bleeding: int
    bleeding_slope_rmse: float


@dataclass(frozen=True)
class CellScore:
    """Rates averaged over square cells, a plane removed.

    Attributes
    ----------
    size : float
        Side of a cell, m.
    n_cells : int
        Cells with a point.
    rmse : float
        Rms difference between mean rate and mean true rate of the points, m/yr.
    weighted_rmse : float
        The same with weights ``1 / velocity_std**2`` in the means of both, m/yr.
    correlation : float
        Between deramped mean rates and true ones.
    floor : float
        The rms with the true phase in place of the estimate: slope of atmosphere and ramps, each date
        deramped, on the same cells, m/yr.
    """

    size: float
    n_cells: int
    rmse: float
    weighted_rmse: float
    correlation: float
    floor: float


@dataclass(frozen=True)
class UnwrapScore:
    """Integer errors of unwrapping.

    Attributes
    ----------
    n_values : int
        Points times pairs.
    n_wrong : int
        Those that differ from truth plus wrapped noise, after the commonest integer of the pair is removed.
    """

    n_values: int
    n_wrong: int

    @property
    def share(self) -> float:
        """Wrong values over all, 0 to 1."""
        return self.n_wrong / max(self.n_values, 1)


@dataclass(frozen=True)
class Coverage:
    """How often the 95 % interval of a rate holds the true one.

    Attributes
    ----------
    group : Group
        Kind of scatterer.
    distance : tuple of float
        Class of distance to the reference, m.
    n_points, n_covered : int
        Points with a finite rate and standard deviation, and those whose interval holds the truth.
    """

    group: Group
    distance: tuple[float, float]
    n_points: int
    n_covered: int

    @property
    def share(self) -> float:
        """Covered points over all, 0 to 1; NaN without points."""
        return self.n_covered / self.n_points if self.n_points else float("nan")


@dataclass(frozen=True)
class Row:
    """One line of the printed score.

    Attributes
    ----------
    quantity, group : str
        What, and of which kind of scatterer (empty is all).
    value : float
        In ``unit``.
    unit : str
        As printed.
    """

    quantity: str
    group: str
    value: float
    unit: str


@dataclass(frozen=True)
class Score:
    """The chain against the truth.

    Attributes
    ----------
    groups : tuple of GroupScore
        By kind of scatterer.
    distributed_kept : float
        Share of the distributed scatterers that are points, those under a point's side lobes included, 0 to 1.
    noise : NoiseScore
        Points on noise.
    cells : CellScore
        Rates on cells.
    unwrapping : UnwrapScore or None
        Missing when unwrapped phases were not given.
    coverage : tuple of Coverage
        By kind of scatterer and distance class.
    """

    groups: tuple[GroupScore, ...]
    distributed_kept: float
    noise: NoiseScore
    cells: CellScore
    unwrapping: UnwrapScore | None
    coverage: tuple[Coverage, ...]

    def group(self, group: Group) -> GroupScore:
        """Look up one kind of scatterer."""
        return next(g for g in self.groups if g.group is group)

    def table(self) -> list[Row]:
        """List every figure with its unit, for printing."""
        rows: list[Row] = []
        for g in self.groups:
            rows += [
                Row("points", g.group, g.n_points, ""),
                Row("pixels kept", g.group, 100 * g.kept, "%"),
                Row("slope error against true phase", g.group, MM_PER_M * g.slope_rmse, "mm/yr"),
                Row("median slope error against true phase", g.group, MM_PER_M * g.slope_median, "mm/yr"),
                Row("rate error", g.group, MM_PER_M * g.velocity_rmse, "mm/yr"),
                Row("height error, rms", g.group, g.dem_error_rmse, "m"),
                Row("height error, prior", g.group, g.dem_error_prior, "m"),
            ]
        rows.append(Row("pixels kept, side lobes included", Group.DISTRIBUTED, 100 * self.distributed_kept, "%"))
        n = self.noise
        total = max(n.n_points, 1)
        rows += [
            Row("points on noise", "", 100 * n.n_noise / total, "%"),
            Row("points on noise, support all but noise", "", 100 * n.n_lone / total, "%"),
            Row("points on noise, coherent support", "", 100 * n.n_bleeding / total, "%"),
            Row("slope error of points on noise", "", MM_PER_M * n.bleeding_slope_rmse, "mm/yr"),
        ]
        c = self.cells
        rows += [
            Row(f"rate rmse on {c.size:g} m cells", "", MM_PER_M * c.rmse, "mm/yr"),
            Row(f"rate rmse on {c.size:g} m cells, weighted", "", MM_PER_M * c.weighted_rmse, "mm/yr"),
            Row(f"rate floor on {c.size:g} m cells", "", MM_PER_M * c.floor, "mm/yr"),
            Row(f"rate correlation on {c.size:g} m cells", "", c.correlation, ""),
        ]
        if self.unwrapping is not None:
            rows.append(Row("unwrapping errors", "", 100 * self.unwrapping.share, "%"))
        for v in self.coverage:
            low, high = v.distance
            rows.append(Row(f"95 % interval holds truth, {low:g} to {high:g} m", v.group, 100 * v.share, "%"))
        return rows
