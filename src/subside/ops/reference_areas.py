"""Reference areas: given by labels, or found as the largest set of steady places that move alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from subside import _check
from subside.errors import ArgumentError
from subside.ops.time_model import RATE, TimeModel

FloatArray = npt.NDArray[np.float64]

_MAD: Final = 1.4826
_BLOCK: Final = 32768


@dataclass(frozen=True)
class ReferenceArea:
    """Points taken together as one reference.

    Attributes
    ----------
    name : str
        Label.
    easting, northing : float
        Mean position of the points, m.
    points : ndarray of int64, (member,)
        Indices of the points, ascending.
    """

    name: str
    easting: float
    northing: float
    points: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReferenceSearch:
    """How areas are looked for.

    Attributes
    ----------
    cell : float
        Side of an area, m.
    min_points : int
        Fewest good points in an area; in a sparse scene two thirds of the tiles' median richest cell.
    n_tiles : int
        The scene is cut into ``n_tiles`` by ``n_tiles``; each gives its best area.
    rate_tolerance : float
        A rate this close to the mode of the scene always agrees with it, m/yr.
    """

    cell: float = 250.0
    min_points: int = 8
    n_tiles: int = 3
    rate_tolerance: float = 0.0005

    def __post_init__(self) -> None:
        """Validate ranges."""
        if not (self.cell > 0 and self.min_points >= 1 and self.n_tiles >= 1 and self.rate_tolerance >= 0):
            raise ArgumentError(f"`cell, min_points, n_tiles` must be positive, got {self}")


def areas_from_labels(
    labels: npt.NDArray[np.integer], position: tuple[FloatArray, FloatArray]
) -> tuple[ReferenceArea, ...]:
    """Make areas of points already assigned to them (a user's polygons).

    Parameters
    ----------
    labels : ndarray of int, (point,)
        Area of each point from 0; negative is none.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.

    Returns
    -------
    tuple of ReferenceArea

    Raises
    ------
    ArgumentError
        If no point is in an area.
    """
    if np.max(labels, initial=-1) < 0:
        raise ArgumentError("`labels` must put at least one point in an area; check the polygons' coordinates")
    areas = []
    for label in np.unique(labels[labels >= 0]):
        rows = np.flatnonzero(labels == label)
        east, north = (float(np.mean(axis[rows])) for axis in position)
        areas.append(ReferenceArea(f"area {int(label) + 1}", east, north, rows))
    return tuple(areas)


def find_reference_areas(
    displacement: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    position: tuple[FloatArray, FloatArray],
    eligible: npt.NDArray[np.bool_] | None = None,
    model: TimeModel | None = None,
    search: ReferenceSearch | None = None,
) -> tuple[ReferenceArea, ...]:
    """Find areas of many steady points that move alike, spread over the scene.

    Good points are those whose residual scatter is below the median. Cells with enough of them are candidates;
    the rate most cells agree on is the half-sample mode (Robertson & Cryer 1974) of the cells' rates, and each
    tile of the scene gives the cell nearest to it in rate, steadiest in time and richest in points,
    provided its rate is within three deviations, or the tolerance, of the mode. Nothing is random. The choice is
    of the majority: a scene that moves as a whole looks steady.

    Parameters
    ----------
    displacement : ndarray of float, (point, date)
        Deramped, DEM error removed, m. A point with a gap is not used.
    days : ndarray of float64, (date,)
        Days since the first date.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    eligible : ndarray of bool, (point,), optional
        Points that may serve (no flag); None is all.
    model : TimeModel, optional
        Motion; default linear and annual where the dates allow.
    search : ReferenceSearch, optional
        Sizes and counts.

    Returns
    -------
    tuple of ReferenceArea
        One at least.

    Raises
    ------
    ArgumentError
        If no eligible point is without gaps.
    """
    _check.shape((None, len(days)), displacement=displacement)
    search = search or ReferenceSearch()
    design = (model or TimeModel()).fullest(days)
    usable = np.isfinite(displacement).all(axis=1)
    if eligible is not None:
        usable &= eligible
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        raise ArgumentError("`displacement` must have eligible points without gaps, got none")
    common = np.array([np.median(displacement[rows, t]) for t in range(len(days))], np.float64)
    rate, rms = _point_rates(displacement, rows, design, common)
    xy = np.column_stack(position).astype(np.float64)
    origin = xy.min(axis=0)
    rows, rate, rms, member, centre = _good_cells(rows, rate, rms, xy, origin, search)
    n_cells = len(centre)
    count = np.bincount(member, minlength=n_cells)
    mean = csr_array((1.0 / count[member], (member, np.arange(len(rows)))), shape=(n_cells, len(rows)))
    series = np.zeros((n_cells, len(days)))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        series += mean[:, part] @ (np.asarray(displacement[rows[part]], np.float64) - common)
    parameters = series @ np.linalg.pinv(design).T
    cell_rms = np.sqrt(np.mean((series - parameters @ design.T) ** 2, axis=1))
    cell_rate = parameters[:, RATE]
    mode, width = half_sample_mode(cell_rate)
    score = (
        ((cell_rate - mode) / max(width, search.rate_tolerance / 3)) ** 2
        + (cell_rms / max(float(np.median(cell_rms)), 1e-12)) ** 2
        + np.sqrt(float(np.median(count)) / count)
    )
    apart = np.abs(cell_rate - mode)
    agrees = (apart <= max(3 * width, search.rate_tolerance)) | (apart == apart.min())
    span = np.maximum(np.ptp(xy, axis=0), 1e-9)
    tile = np.minimum((centre - origin) / span * search.n_tiles, search.n_tiles - 1).astype(np.int64)
    tile_code = tile[:, 0] * search.n_tiles + tile[:, 1]
    areas: list[ReferenceArea] = []
    for code in np.unique(tile_code[agrees]):
        cells = np.flatnonzero(agrees & (tile_code == code))
        best = cells[np.argmin(score[cells])]
        points = np.sort(rows[member == best])
        east, north = xy[points].mean(axis=0)
        areas.append(ReferenceArea(f"area {len(areas) + 1}", float(east), float(north), points))
    return tuple(areas)


def _point_rates(
    displacement: npt.NDArray[np.floating],
    rows: npt.NDArray[np.int64],
    design: FloatArray,
    common: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    estimator = np.linalg.pinv(design).T
    rate, rms = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = np.asarray(displacement[rows[part]], np.float64) - common
        parameters = block @ estimator
        rate[part] = parameters[:, RATE]
        rms[part] = np.sqrt(np.mean((block - parameters @ design.T) ** 2, axis=1))
    return rate, rms


def _good_cells(
    rows: npt.NDArray[np.int64],
    rate: FloatArray,
    rms: FloatArray,
    xy: FloatArray,
    origin: FloatArray,
    search: ReferenceSearch,
) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Good points of cells that have enough of them, their cell, and the centre of each cell."""
    good = rms <= np.median(rms)
    code = np.floor((xy[rows] - origin) / search.cell).astype(np.int64)
    width = int(code[:, 1].max()) + 1
    flat = code[:, 0] * width + code[:, 1]
    for _ in range(2):
        names, inverse = np.unique(flat, return_inverse=True)
        order = np.lexsort((rate, ~good, inverse))
        count = np.bincount(inverse, good, minlength=len(names)).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(np.bincount(inverse))[:-1]])
        middle = rate[order[np.minimum(first + np.maximum(count - 1, 0) // 2, len(order) - 1)]]
        apart = np.abs(rate - middle[inverse])
        good &= apart <= 3 * _MAD * max(float(np.median(apart[good])), 1e-12)
    cell = np.stack(np.divmod(names, width), axis=1)
    tile = np.minimum(cell * search.n_tiles // (cell.max(axis=0) + 1), search.n_tiles - 1)
    richest = np.zeros(search.n_tiles**2, np.int64)
    np.maximum.at(richest, tile[:, 0] * search.n_tiles + tile[:, 1], count)
    wanted = min(search.min_points, int(np.median(richest[richest > 0]) * 2 / 3))
    keep = good & (count[inverse] >= max(wanted, 1))
    _, member = np.unique(flat[keep], return_inverse=True)
    count = np.bincount(member)
    centre = np.stack([np.bincount(member, xy[rows[keep], k]) / count for k in (0, 1)], axis=1)
    return rows[keep], rate[keep], rms[keep], member, centre


def half_sample_mode(values: FloatArray) -> tuple[float, float]:
    """Mode by repeated shortest halves, and the deviation the first shortest half implies.

    Parameters
    ----------
    values : ndarray of float64
        At least one finite value.

    Returns
    -------
    mode, width : float
        Robertson and Cryer (1974); ``width`` is half the shortest half over 0.6745, positive.
    """
    ordered = np.sort(values)
    width = 0.0
    first = True
    while len(ordered) > 2:
        half = (len(ordered) + 1) // 2
        lengths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(np.argmin(lengths))
        if first:
            width, first = float(lengths[start]) / 2 / 0.6745, False
        ordered = ordered[start : start + half]
    return float(ordered.mean()), max(width, 1e-9)


def distance_to_areas(
    position: tuple[FloatArray, FloatArray], areas: tuple[ReferenceArea, ...]
) -> npt.NDArray[np.float32]:
    """Distance of each point to the centre of the nearest area.

    Parameters
    ----------
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    areas : tuple of ReferenceArea
        One at least.

    Returns
    -------
    ndarray of float32, (point,)
        m.
    """
    tree = cKDTree(np.array([(a.easting, a.northing) for a in areas]))
    return np.asarray(tree.query(np.column_stack(position))[0], np.float32)
