"""Compare the points of a chain with the truth of the scene they were made from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.ops.score.inputs import ScoredPoints, TruthReference
from subside.ops.score.results import (
    CellScore,
    Coverage,
    Group,
    GroupScore,
    NoiseScore,
    Score,
    UnwrapScore,
)
from subside.ops.simulate.spec import Stratum
from subside.ops.simulate.truth import Truth

Float = npt.NDArray[np.float64]

NORMAL_95 = 1.959963984540054
"""Half-width of the central 95 % of a normal distribution, in standard deviations."""

NOISE_SUPPORT = 0.95
"""Share of noise pixels from which a filter support counts as all but noise."""

_CODES = {Group.NOISE: 0, Group.DISTRIBUTED: 1, Group.POINT: 2, Group.SIDE_LOBE: 3}


def _design(truth: Truth, azimuth: npt.NDArray[Any], range_: npt.NDArray[Any]) -> Float:
    lines, samples = truth.stratum.shape
    return np.stack([np.ones(len(azimuth)), azimuth / lines - 0.5, range_ / samples - 0.5], axis=1)


def _deramped(values: Float, design: Float, weights: Float | None = None) -> Float:
    """Remove the weighted least-squares plane of each column; fewer points than unknowns leave zeros."""
    root = np.ones(len(values)) if weights is None else np.sqrt(weights)
    columns = values.reshape(len(values), -1)
    fit = np.linalg.lstsq(design * root[:, None], columns * root[:, None], rcond=None)[0]
    result: Float = (columns - design @ fit).reshape(values.shape)
    return result


def _slope(series: Float, days: Float) -> Float:
    """Least-squares slope of each row, per year."""
    t = (days - days.mean()) / DAYS_PER_YEAR
    result: Float = series @ t / (t @ t)
    return result


def _rms(values: Float) -> float:
    values = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def pixel_groups(truth: Truth) -> npt.NDArray[np.uint8]:
    """Classify pixels: 0 noise, 1 distributed, 2 point, 3 side lobe of a point; (azimuth, range)."""
    code = truth.stratum.copy()
    code[truth.ps_influenced] = _CODES[Group.SIDE_LOBE]
    return code


def _noise_share(truth: Truth, points: ScoredPoints, window: tuple[int, int]) -> Float:
    """Share of noise pixels in the support of each point, 0 to 1."""
    is_noise = (pixel_groups(truth) == _CODES[Group.NOISE]).astype(np.float64)
    at = (points.azimuth, points.range)
    if points.support_noise is not None:
        share: Float = np.asarray(points.support_noise, dtype=np.float64)
    else:
        inside = ndimage.uniform_filter(np.ones_like(is_noise), window, mode="constant")
        share = (ndimage.uniform_filter(is_noise, window, mode="constant") / inside)[at]
    if points.is_filtered is None:
        return share
    result: Float = np.where(points.is_filtered, share, is_noise[at])
    return result


def _slope_errors(truth: Truth, points: ScoredPoints, design: Float) -> Float:
    """Slope of the series less that of the true phase, m/yr, (point,); NaN without a series."""
    if points.series is None:
        return np.full(len(points.azimuth), np.nan)
    true = truth.phase[:, points.azimuth, points.range].T.astype(np.float64)
    difference = np.asarray(points.series, np.float64) + true * (truth.wavelength / (4 * np.pi))
    finite = np.isfinite(difference).all(axis=1)
    out = np.full(len(difference), np.nan)
    if finite.any():
        out[finite] = _slope(_deramped(difference[finite], design[finite]), truth.days)
    return out


def _rate_errors(truth: Truth, points: ScoredPoints, design: Float, reference: TruthReference) -> Float:
    """Rate less the true rate, the latter through the same ramp removal and reference, m/yr, (point,)."""
    true = truth.velocity[points.azimuth, points.range].astype(np.float64)
    if reference.is_deramped:
        weights = reference.ramp_weights
        true = _deramped(true, design, None if weights is None else np.asarray(weights, np.float64))
    velocity = np.asarray(points.velocity, np.float64)
    if reference.weights is None:
        error: Float = velocity - true
        return error - error[np.isfinite(error)].mean() if np.isfinite(error).any() else error
    weights = np.asarray(reference.weights, np.float64)
    result: Float = velocity - (true - weights @ true / weights.sum())
    return result


def _cells(truth: Truth, points: ScoredPoints, size: float) -> CellScore:
    points = points.subset(np.isfinite(points.velocity))
    if len(points.azimuth) == 0:
        return CellScore(size, 0, *(float("nan") for _ in range(4)))
    spacing = truth.spacing
    row = (points.azimuth * spacing[0] // size).astype(np.int64)
    column = (points.range * spacing[1] // size).astype(np.int64)
    _, cell = np.unique(row * (column.max() + 1) + column, return_inverse=True)

    def mean(values: npt.NDArray[Any], weights: Float) -> Float:
        result: Float = np.bincount(cell, weights * values) / np.bincount(cell, weights)
        return result

    equal = np.ones(len(cell))
    design = _design(truth, mean(points.azimuth, equal), mean(points.range, equal))
    estimate = np.asarray(points.velocity, np.float64)
    true = truth.velocity[points.azimuth, points.range].astype(np.float64)
    delay = (truth.atmosphere_phase + truth.ramp_phase)[:, points.azimuth, points.range].T.astype(np.float64)
    delay = _deramped(delay, _design(truth, points.azimuth, points.range))
    floor = _slope(delay, truth.days) * (truth.wavelength / (4 * np.pi))
    std = np.asarray(points.velocity_std, np.float64)
    usable = np.isfinite(std) & (std > 0)
    precise = 1 / np.where(usable, std, std[usable].max()) ** 2 if usable.any() else equal
    error = _deramped(mean(estimate - true, equal), design)
    true_mean = _deramped(mean(true, equal), design)
    correlation = np.corrcoef(true_mean + error, true_mean)[0, 1] if len(error) > 3 else np.nan
    return CellScore(
        size=size,
        n_cells=len(error),
        rmse=_rms(error),
        weighted_rmse=_rms(_deramped(mean(estimate - true, precise), design)),
        correlation=float(correlation),
        floor=_rms(_deramped(mean(floor, equal), design)),
    )


def _wrap(phase: Float) -> Float:
    result: Float = phase - 2 * np.pi * np.round(phase / (2 * np.pi))
    return result


def _unwrapping(truth: Truth, points: ScoredPoints) -> UnwrapScore | None:
    if points.unwrapped is None or points.observed is None or points.pairs is None:
        return None
    phase = truth.phase[:, points.azimuth, points.range]
    n_values = n_wrong = 0
    for k, (earlier, later) in enumerate(points.pairs):
        true = (phase[later] - phase[earlier]).astype(np.float64)
        noise = _wrap(points.observed[:, k] - true)
        cycles = np.rint((points.unwrapped[:, k] - true - noise) / (2 * np.pi))
        cycles = cycles[np.isfinite(cycles)].astype(np.int64)
        if cycles.size:
            counts = np.bincount(cycles - cycles.min())
            n_values += int(cycles.size)
            n_wrong += int(cycles.size - counts.max())
    return UnwrapScore(n_values, n_wrong)


def _distances(truth: Truth, points: ScoredPoints, reference: TruthReference) -> Float:
    if reference.distance is not None:
        return np.asarray(reference.distance, np.float64)
    if reference.weights is None:
        return np.zeros(len(points.azimuth))
    where = np.stack([points.azimuth * truth.spacing[0], points.range * truth.spacing[1]], axis=1)
    distance: Float = cKDTree(where[np.asarray(reference.weights) > 0]).query(where)[0]
    return distance


def _coverage(
    code: npt.NDArray[np.uint8], error: Float, std: Float, distance: Float, edges: tuple[float, ...]
) -> tuple[Coverage, ...]:
    usable = np.isfinite(error) & np.isfinite(std) & (std > 0)
    covered = usable & (np.abs(error) <= NORMAL_95 * std)
    rows = []
    for group in Group:
        for low, high in pairwise(edges):
            inside = usable & (code == _CODES[group]) & (distance >= low) & (distance < high)
            rows.append(Coverage(group, (low, high), int(inside.sum()), int((inside & covered).sum())))
    return tuple(rows)


def _group_score(group: Group, n_pixels: int, slope: Float, rate: Float, heights: tuple[Float, Float]) -> GroupScore:
    finite = np.isfinite(slope)
    estimated, true = heights
    known = np.isfinite(estimated)
    return GroupScore(
        group=group,
        n_pixels=n_pixels,
        n_points=len(slope),
        slope_rmse=_rms(slope),
        slope_median=float(np.median(np.abs(slope[finite]))) if finite.any() else float("nan"),
        velocity_rmse=_rms(rate),
        dem_error_rmse=float(np.std((estimated - true)[known])) if known.any() else float("nan"),
        dem_error_prior=float(np.std(true)) if len(true) else float("nan"),
    )


def true_rates(truth: Truth, points: ScoredPoints, *, reference: TruthReference) -> Float:
    """True linear rates put through the reference and ramp removal of a chain.

    Parameters
    ----------
    truth : Truth
        Of the scene.
    points : ScoredPoints
        Points wanted, flagged ones included.
    reference : TruthReference
        What was done to the rates.

    Returns
    -------
    ndarray of float64, (point,)
        m/yr, positive toward the satellite.
    """
    design = _design(truth, points.azimuth, points.range)
    return np.asarray(points.velocity, np.float64) - _rate_errors(truth, points, design, reference)


def score_chain(
    truth: Truth,
    points: ScoredPoints,
    *,
    reference: TruthReference | None = None,
    window: tuple[int, int] = (19, 13),
    cell_size: float = 100.0,
    distance_edges: tuple[float, ...] = (0.0, 1000.0, 2500.0, np.inf),
) -> Score:
    """Compare the points of a chain with the truth of the scene they were made from.

    Parameters
    ----------
    truth : Truth
        Of the scene.
    points : ScoredPoints
        Results; those with a flag set are left out.
    reference : TruthReference, optional
        What was done to the rates; by default they are compared about their mean.
    window : tuple of int
        Window of the neighbours (azimuth, range), pixels; tells noise with a coherent support from noise without.
    cell_size : float
        Side of the cells rates are averaged on, m.
    distance_edges : tuple of float
        Limits of the classes of distance to the reference, m, ascending.

    Returns
    -------
    Score
        Every figure in SI units; NaN where something needed was not given.

    Raises
    ------
    ArgumentError
        If no point has ``flags == 0`` or a point lies outside the scene.
    """
    keep = np.asarray(points.flags) == 0
    if not keep.any():
        raise ArgumentError("`points` must hold at least one point with flags == 0, got none")
    shape = truth.stratum.shape
    if points.azimuth.max() >= shape[0] or points.range.max() >= shape[1]:
        raise ArgumentError(f"`points` must lie within the scene of {shape} pixels")
    points = points.subset(keep)
    reference = (TruthReference() if reference is None else reference).subset(keep)
    design = _design(truth, points.azimuth, points.range)
    codes = pixel_groups(truth)
    code = codes[points.azimuth, points.range]
    slope = _slope_errors(truth, points, design)
    rate = _rate_errors(truth, points, design, reference)
    true_height = truth.dem_error[points.azimuth, points.range].astype(np.float64)
    unknown = np.full(len(code), np.nan)
    height = unknown if points.dem_error is None else np.asarray(points.dem_error, np.float64)

    def of_group(group: Group) -> GroupScore:
        n_pixels = int(np.count_nonzero(codes == _CODES[group]))
        inside = code == _CODES[group]
        heights = (height[inside], true_height[inside])
        return _group_score(group, n_pixels, slope[inside], rate[inside], heights)

    on_noise = code == _CODES[Group.NOISE]
    is_lone = on_noise & (_noise_share(truth, points, window) >= NOISE_SUPPORT)
    is_bleeding = on_noise & ~is_lone
    noise = NoiseScore(
        n_points=len(code),
        n_noise=int(on_noise.sum()),
        n_lone=int(is_lone.sum()),
        n_bleeding=int(is_bleeding.sum()),
        bleeding_slope_rmse=_rms(slope[is_bleeding]),
    )
    on_distributed = truth.stratum == Stratum.DISTRIBUTED
    std = np.asarray(points.velocity_std, np.float64)
    distance = _distances(truth, points, reference)
    return Score(
        groups=tuple(of_group(g) for g in Group),
        distributed_kept=float(on_distributed[points.azimuth, points.range].sum() / max(on_distributed.sum(), 1)),
        noise=noise,
        cells=_cells(truth, points, cell_size),
        unwrapping=_unwrapping(truth, points),
        coverage=_coverage(code, rate, std, distance, distance_edges),
    )


def pool_coverage(scores: Iterable[Score]) -> tuple[Coverage, ...]:
    """Add up the coverage of several scenes, class by class.

    Parameters
    ----------
    scores : iterable of Score
        Of scenes scored with the same distance classes.

    Returns
    -------
    tuple of Coverage
        Sums over the scenes.
    """
    sums: dict[tuple[Group, tuple[float, float]], tuple[int, int]] = {}
    for score in scores:
        for c in score.coverage:
            n, k = sums.get((c.group, c.distance), (0, 0))
            sums[c.group, c.distance] = (n + c.n_points, k + c.n_covered)
    return tuple(Coverage(group, distance, n, k) for (group, distance), (n, k) in sums.items())
