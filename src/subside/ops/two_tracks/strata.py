"""How two tracks agree within classes of cells: kind of points, coherence, rate, land, distance to the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.conventions import MM_PER_M
from subside.ops.resampling import Bootstrap
from subside.ops.two_tracks.common_cells import UNKNOWN
from subside.ops.two_tracks.statistics import Estimate, robust_spread

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]

LEAST_CELLS: Final = 10
"""Cells below which a stratum has counts only."""


@dataclass(frozen=True)
class Stratum:
    """Agreement in one class of cells; differences are second minus first.

    Attributes
    ----------
    by, label : str
        What the class is of, and which one.
    n : int
        Cells.
    n_blocks : int
        Blocks that the intervals rest on.
    pearson : float
        Correlation of the two vertical rates.
    bias, sigma : Estimate
        m/yr.
    robust_sigma, rmse : float
        m/yr.
    predicted : float
        Standard deviation of the difference that the errors of the points predict, m/yr.
    calibration : Estimate
        Observed over predicted; 1 is right, more means that the errors are stated too small.
    """

    by: str
    label: str
    n: int
    n_blocks: int
    pearson: float
    bias: Estimate
    sigma: Estimate
    robust_sigma: float
    rmse: float
    predicted: float
    calibration: Estimate


def strata(
    first: FloatArray,
    second: FloatArray,
    variance: FloatArray,
    *,
    classes: Mapping[str, tuple[Labels, Sequence[str]]],
    bootstrap: Bootstrap,
) -> tuple[Stratum, ...]:
    """Compare two measurements within classes.

    Parameters
    ----------
    first, second : ndarray of float64, (cell,)
        m/yr.
    variance : ndarray of float64, (cell,)
        Predicted variance of the difference; NaN is unknown.
    classes : mapping of str to (ndarray of str (cell,), sequence of str)
        Label of each cell and the order of the labels, by what the classes are of.
    bootstrap : Bootstrap
        Blocks of all cells.

    Returns
    -------
    tuple of Stratum
        Classes without a cell are left out.
    """
    found = []
    for by, (labels, order) in classes.items():
        for label in order:
            rows = np.flatnonzero(labels == label)
            if len(rows):
                found.append(_stratum((by, label), first[rows], second[rows], variance[rows], bootstrap.rows(rows)))
    return tuple(found)


def _stratum(
    name: tuple[str, str], x: FloatArray, y: FloatArray, variance: FloatArray, bootstrap: Bootstrap
) -> Stratum:
    unknown = Estimate(np.nan, np.nan, np.nan)
    n_blocks = bootstrap.n_blocks
    if len(x) < LEAST_CELLS:
        return Stratum(*name, len(x), n_blocks, np.nan, unknown, unknown, np.nan, np.nan, np.nan, unknown)
    d = y - x
    columns = np.stack([d, d * d, np.where(np.isfinite(variance), variance, 0.0), np.isfinite(variance) * 1.0], axis=1)
    value = columns.mean(axis=0)
    drawn = bootstrap.means(columns)

    def estimate(index: int) -> Estimate:
        found = float(_of(value)[index])
        return Estimate(found, *bootstrap.interval(_of(drawn)[index], found))

    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = float(np.cov(x, y)[0, 1] / np.sqrt(np.var(x, ddof=1) * np.var(y, ddof=1)))
    return Stratum(
        *name,
        len(x),
        n_blocks,
        pearson,
        estimate(0),
        estimate(1),
        robust_spread(d),
        float(np.sqrt(np.mean(d**2))),
        float(_of(value)[2]),
        estimate(3),
    )


def _of(means: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Bias, sigma, predicted sigma and their ratio from means of d, d^2, variance and its being known."""
    d, square, variance, known = np.moveaxis(means, -1, 0)
    sigma = np.sqrt(np.maximum(square - d * d, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted = np.sqrt(np.where(known > 0, variance / known, np.nan))
        return d, sigma, predicted, sigma / predicted


def classes_of_values(
    values: FloatArray, edges: Sequence[float], *, scale: float = 1.0, decimals: int = 2, unit: str = ""
) -> tuple[Labels, list[str]]:
    """Class of each value between edges, NaN ``unknown``, and the labels in ascending order.

    Parameters
    ----------
    values : ndarray of float64, (cell,)
        Values.
    edges : sequence of float
        Ascending, unit of the values.
    scale, decimals, unit
        How the edges are written in the labels.
    """
    text = [f"{e * scale:.{decimals}f}" for e in edges]
    suffix = f" {unit}" if unit else ""
    order = [f"below {text[0]}{suffix}"]
    order += [f"{low} to {high}{suffix}" for low, high in pairwise(text)]
    order += [f"above {text[-1]}{suffix}", UNKNOWN]
    index = np.where(np.isfinite(values), np.searchsorted(np.asarray(edges), values, side="right"), len(order) - 1)
    return np.array(order, dtype=object)[index], order


def rate_classes(rates: FloatArray, edges: Sequence[float]) -> tuple[Labels, list[str]]:
    """Class of vertical rates in m/yr, labelled in mm/yr."""
    return classes_of_values(rates, edges, scale=MM_PER_M, decimals=0, unit="mm/yr")
