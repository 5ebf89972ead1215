"""Plausible inputs of the figures of the coregistration, with known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from subside.figures.coregistration import (
    BaselinesFigureInput,
    BurstFootprint,
    BurstsFigureInput,
    VisibilityFigureInput,
)
from subside.figures.diversity import OverlapsFigureInput, OverlapWindow
from subside.figures.seams import SeamsFigureInput
from subside.figures.shifts import ShiftPairs, ShiftsFigureInput

CYCLE = 0.104
"""Lines of shift in a cycle of phase."""


def _dates(n: int) -> tuple[str, ...]:
    start = np.datetime64("2019-01-05")
    return tuple(str(start + np.timedelta64(12 * k, "D")).replace("-", "") for k in range(n))


def _pairs(n: int) -> np.ndarray:
    return np.array([(i, j) for i in range(n) for j in range(i + 1, min(i + 4, n))])


def make_bursts(n_bursts: int = 9) -> BurstsFigureInput:
    rows, columns = np.mgrid[0:200, 0:220]
    height = 150 * np.sin(rows / 17.0) * np.cos(columns / 23.0) + 400
    height[:, :12] = np.nan
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    footprints = []
    for s in range(3):
        for k in range(n_bursts):
            box = square * (0.85, 0.2) + (11.0 + 0.8 * s, 44.0 + 0.18 * k + 0.05 * s)
            box[:, 0] -= 0.2 * (box[:, 1] - 44.0)
            use = ("merged", "overlap only", "not used")[0 if 2 <= k < 6 else 1 if k in (1, 6) else 2]
            footprints.append(BurstFootprint(f"IW{s + 1}", 83970 + k, box[:, 0], box[:, 1], use))
    grid = square * (2.4, 0.8) + (10.9, 44.4)
    area = square * (1.6, 0.5) + (11.3, 44.5)
    return BurstsFigureInput(height, (10.6, 13.8, 43.9, 45.8), tuple(footprints), grid, area, "20190225", (5400, 61000))


def make_shifts(n: int = 9, *, n_windows: int = 6) -> ShiftsFigureInput:
    rng = np.random.default_rng(8)
    pairs = _pairs(n)
    azimuth, range_ = rng.normal(0, 0.03, n), rng.normal(0, 0.1, n)
    azimuth[n // 2] = range_[n // 2] = 0.0
    sigma = np.full(n, 2e-4)
    sigma[1] = np.nan
    azimuth[1] = 0.0
    residual = rng.normal(0, 3e-4, len(pairs))
    is_coherent = ~(pairs == 1).any(1)
    residual[~is_coherent] = np.nan
    i, j = pairs.T
    return ShiftsFigureInput(
        _dates(n), _dates(n)[n // 2], azimuth, sigma, range_, sigma * 5,
        tuple(f"IW{1 + k % 3} 8397{k % 9}/{k % 9 + 1}" for k in range(n_windows)),
        rng.normal(0, 4e-4, (n, n_windows)),
        ShiftPairs(
            i, j, azimuth[j] - azimuth[i] + residual, np.full(len(pairs), 3e-4), range_[j] - range_[i],
            np.full(len(pairs), 1e-3), rng.uniform(0.2, 0.9, len(pairs)), is_coherent, residual, residual,
        ),
    )  # fmt: skip


def make_overlaps(n: int = 9, *, n_windows: int = 6) -> OverlapsFigureInput:
    """Shifts of 0.02 line rms that the alignment finds but for a drift of 1e-4 line per second on date 2."""
    rng = np.random.default_rng(9)
    dates, pairs = _dates(n), _pairs(n)
    windows = tuple(
        OverlapWindow(f"IW{1 + k % 3}", 83970 + k // 3, 83971 + k // 3, 2.75 * (k // 3) + 0.9 * (k % 3), 300 * k)
        for k in range(n_windows)
    )
    time = np.array([w.time for w in windows])
    shift = rng.normal(0, 0.02, n)
    left = rng.normal(0, 1e-4, (n, n_windows))
    trend = np.zeros(n)
    trend[2] = 1e-4
    left += trend[:, None] * (time - time.mean())
    turn = 2 * np.pi / CYCLE
    i, j = pairs.T
    after = turn * (left[j] - left[i])
    before = np.angle(np.exp(1j * (after + turn * (shift[j] - shift[i])[:, None])))
    coherence = np.broadcast_to(rng.uniform(0.2, 0.9, (len(pairs), 1)), before.shape)
    return OverlapsFigureInput(dates, i, j, windows, before, after, coherence, coherence, left, trend)


def make_seams(n: int = 9, *, n_cuts: int = 5) -> SeamsFigureInput:
    rng = np.random.default_rng(10)
    dates = _dates(n)
    reference = n // 2
    pairs = sorted(
        {(k, k + 1) for k in range(n - 1)} | {tuple(sorted((reference, k))) for k in range(n) if k != reference}
    )
    i, j = np.array(pairs).T
    sigma = rng.uniform(0.02, 0.08, (len(pairs), n_cuts))
    cuts = tuple((f"IW{1 + k % 3}", 83970 + k // 3, 83971 + k // 3, 1400 * (k // 3 + 1)) for k in range(n_cuts))
    return SeamsFigureInput(dates, dates[reference], i, j, cuts, sigma * rng.normal(0, 1, sigma.shape), sigma)


def make_visibility() -> VisibilityFigureInput:
    kind = np.full((120, 90), 2)
    kind[40:50, 10:60], kind[70:74, 20:40], kind[:, :3] = 3, 1, 0
    share = (np.arange(4)[:, None, None] == kind).astype(float)
    return VisibilityFigureInput(share, share.mean((1, 2)), 140.0, 160.0)


def make_coregistration_inputs() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    dates = _dates(9)
    perpendicular, parallel = rng.normal(0, 60, 9), rng.normal(0, 10, 9)
    perpendicular[4] = parallel[4] = 0.0
    overlaps = make_overlaps()
    return {
        "bursts": make_bursts(),
        "baselines": BaselinesFigureInput(dates, dates[4], perpendicular, parallel),
        "visibility": make_visibility(),
        "esd": make_shifts(),
        "esd-residual": overlaps,
        "esd-coherence": overlaps,
        "seams": make_seams(),
    }
