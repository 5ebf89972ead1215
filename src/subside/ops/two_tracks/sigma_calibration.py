"""Standard deviations of points, by several definitions, against what two tracks show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from subside.ops.resampling import Bootstrap
from subside.ops.two_tracks.common_cells import CommonCells, TrackOnCells
from subside.ops.two_tracks.statistics import Estimate, robust_spread

FloatArray = npt.NDArray[np.float64]

_CELL_SAMPLE: Final = 700


@dataclass(frozen=True)
class Calibration:
    """One definition of the standard deviation against what the two tracks show.

    Attributes
    ----------
    definition : {"formal", "stated", "temporal", "with scatter"}
        White residuals; as the points came; first-order autoregression; the one used plus scatter within cells.
    first, second : float
        Median standard deviation of a point's vertical rate, m/yr; NaN is unknown.
    predicted : float
        Standard deviation of the difference of cells about its mean, m/yr.
    ratio : Estimate
        Observed over predicted.
    robust_ratio : float
        1.4826 times the median absolute deviation of the difference over its standard deviation, cell by cell.
    """

    definition: str
    first: float
    second: float
    predicted: float
    ratio: Estimate
    robust_ratio: float


def calibrations(
    pair: tuple[TrackOnCells, TrackOnCells], cells: CommonCells, *, spacing: float, bootstrap: Bootstrap
) -> tuple[Calibration, ...]:
    """Each definition of the standard deviation that both tracks have, against the difference observed.

    Parameters
    ----------
    pair : tuple of TrackOnCells
        Tracks.
    cells : CommonCells
        Their means.
    spacing : float
        Side of a cell, m.
    bootstrap : Bootstrap
        Blocks of the cells.

    Returns
    -------
    tuple of Calibration
    """
    found = []
    for name in ("formal", "stated", "temporal"):
        std = [getattr(t.rates, f"{name}_std") for t in pair]
        if not all(np.isfinite(s[t.usable]).any() for s, t in zip(std, pair, strict=True)):
            continue
        means = [t.means(s, spacing) for t, s in zip(pair, std, strict=True)]
        bare = [np.sqrt(np.maximum(m.std**2 - m.scatter**2 / m.count, 0.0)) for m in means]
        hidden = np.minimum(cells.hidden, bare[0] * bare[1]) if name == "stated" else 0.0
        both = np.sqrt(bare[0] ** 2 + bare[1] ** 2 - 2 * hidden)
        medians = [float(np.nanmedian(s[t.usable])) for t, s in zip(pair, std, strict=True)]
        found.append(_calibration(name, (medians[0], medians[1]), both, cells, (pair, bootstrap)))
    if np.isfinite(cells.difference_std).any():
        medians = [
            float(np.nanmedian(np.hypot(t.rates.std[t.usable], m.scatter)))
            for t, m in zip(pair, (cells.first, cells.second), strict=True)
        ]
        found.append(
            _calibration("with scatter", (medians[0], medians[1]), cells.difference_std, cells, (pair, bootstrap))
        )
    return tuple(found)


def _calibration(
    name: str,
    medians: tuple[float, float],
    std: FloatArray,
    cells: CommonCells,
    context: tuple[tuple[TrackOnCells, TrackOnCells], Bootstrap],
) -> Calibration:
    pair, bootstrap = context
    known = np.isfinite(std) & (std > 0)
    if not known.any():
        return Calibration(name, *medians, np.nan, Estimate(np.nan, np.nan, np.nan), np.nan)
    d, variance = cells.difference[known], std[known] ** 2
    own = bootstrap.rows(known)
    share = 1.0 - _common_share(pair, cells, variance=float(variance.mean()))
    columns = np.stack([d, d * d, variance], axis=1)

    def ratio(m: FloatArray) -> FloatArray:
        result: FloatArray = np.sqrt(np.maximum(m[..., 1] - m[..., 0] ** 2, 0.0) / (m[..., 2] * share))
        return result

    drawn = ratio(own.means(columns))
    value = float(ratio(columns.mean(axis=0)))
    return Calibration(
        name,
        *medians,
        float(np.sqrt(variance.mean() * share)),
        Estimate(value, *own.interval(drawn, value)),
        robust_spread((d - np.median(d)) / np.sqrt(variance * share)),
    )


def _common_share(pair: tuple[TrackOnCells, TrackOnCells], cells: CommonCells, *, variance: float) -> float:
    """Share of the error variance that all cells have in common, which a spread about the mean does not show."""
    rows = np.unique(np.linspace(0, len(cells.easting) - 1, _CELL_SAMPLE).astype(np.int64))
    distance = np.hypot(*(np.subtract.outer(c[rows], c[rows]) for c in (cells.easting, cells.northing)))
    total = 0.0
    for track, means in zip(pair, (cells.first, cells.second), strict=True):
        amplitude = means.amplitude[rows]
        if not np.isfinite(amplitude).all():
            return 0.0
        for k, length in enumerate(track.correlation.lengths):
            if amplitude[:, k].any():
                total += float(amplitude[:, k] @ np.exp(-distance / length) @ amplitude[:, k])
    scale = float(np.mean(cells.difference_std**2))
    used = scale if np.isfinite(scale) and scale > 0 else variance
    return float(np.clip(total / len(rows) ** 2 / used, 0.0, 0.9))
