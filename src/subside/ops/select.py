"""Selection of coherent targets: temporal coherence, look-angle error and calibrated thresholds.

Steps 2 to 4 of StaMPS in small-baseline mode (Hooper et al. 2004; Hooper 2008) with these differences:
cells lie in the radar frame and grids of any size work; the patch phase of the re-estimation leaves out,
for a filtered pixel, every cell whose pixels share filter windows with it; all candidates are re-estimated,
so that the noise among them calibrates the threshold; filtered pixels must also meet a quality demand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.conventions import PointFlag
from subside.kernels.gamma import fit_look_angle
from subside.kernels.spatial import accumulate_cells
from subside.ops.patch_phase import BLOCK, CellGrid, cell_grid, filter_grid, predict_without
from subside.ops.random_phase import (
    RandomCoherence,
    TrialSlopes,
    noise_probability,
    noise_threshold,
    random_coherence,
    trial_slopes,
)
from subside.ops.selection import SelectInput, Selection, SelectOptions, Tile, tile_plan
from subside.ops.weed import duplicate_coordinates

__all__ = [
    "SelectInput",
    "SelectOptions",
    "Selection",
    "Tile",
    "network_noise",
    "select",
    "tile_plan",
]

Float = npt.NDArray[np.float32]

_FIT_CHUNK = 20_000


@dataclass(frozen=True)
class _Usable:
    """Candidates that take part, with what the fits need."""

    index: npt.NDArray[np.int64]
    phase: Float
    bperp: Float
    dispersion: Float
    is_filtered: npt.NDArray[np.bool_]
    grid: CellGrid
    slopes: TrialSlopes


def _is_complete(c: SelectInput) -> npt.NDArray[np.bool_]:
    complete: npt.NDArray[np.bool_] = np.asarray(np.isfinite(c.phase).all(axis=1))
    zero = np.flatnonzero((c.phase == 0).any(axis=1))
    if len(zero):
        joins = np.zeros((len(c.pairs), c.n_dates), np.float32)
        joins[np.arange(len(c.pairs)), c.pairs[:, 0]] = 1
        joins[np.arange(len(c.pairs)), c.pairs[:, 1]] = 1
        degree = joins.sum(axis=0)
        lost = (c.phase[zero] == 0).astype(np.float32) @ joins
        complete[zero[((lost == degree) & (degree > 0)).any(axis=1)]] = False
    return complete


def _slopes(c: SelectInput, options: SelectOptions) -> TrialSlopes:
    mean = None if c.bperp is None else np.atleast_2d(c.bperp).mean(axis=0, dtype=np.float64)
    reach = 0.0 if c.height_per_look_angle is None else options.max_dem_error / c.height_per_look_angle
    return trial_slopes(mean, c.phase.shape[1], reach)


def _usable(c: SelectInput, options: SelectOptions) -> _Usable | None:
    index = np.flatnonzero(_is_complete(c))
    if not len(index):
        return None
    slopes = _slopes(c, options)
    if c.bperp is None or c.bperp.ndim == 1:
        bperp = slopes.bperp[None]
    else:
        bperp = np.ascontiguousarray(c.bperp[index], np.float32)
    spread = c.dispersion[index]
    spread = np.where(np.isfinite(spread) & (spread > 0), spread, np.float32(1)).astype(np.float32)
    grid = cell_grid(c.azimuth[index], c.range[index], (c.azimuth_spacing, c.range_spacing), options.cell_size)
    phase = c.phase if len(index) == len(c.phase) else c.phase[index]
    return _Usable(
        index, np.ascontiguousarray(phase), bperp, spread, np.asarray(c.is_filtered, bool)[index], grid, slopes
    )


def _gridded(u: _Usable, weight: Float, slope: Float) -> npt.NDArray[np.complex64]:
    rows, columns = u.grid.shape
    total = accumulate_cells(u.phase, weight, slope, u.bperp, u.grid.cell, rows * columns)
    return np.ascontiguousarray(total.T).reshape(-1, rows, columns)


def _classes(u: _Usable, noise: RandomCoherence) -> Iterator[tuple[bool, npt.NDArray[np.int64], Float]]:
    for filtered, reference in ((False, noise.closing), (True, noise.independent)):
        members = np.flatnonzero(u.is_filtered == filtered)
        if len(members):
            yield filtered, members, reference


def _iterate(
    u: _Usable, noise: RandomCoherence, options: SelectOptions
) -> tuple[npt.NDArray[np.complex64], Float, int, bool]:
    """Weighted grid of the last iteration, its look-angle errors, iterations done, whether converged."""
    n = len(u.index)
    slope, gamma = np.zeros(n, np.float32), np.zeros(n, np.float32)
    weight = (1 / u.dispersion).astype(np.float32)
    before = 0.0
    converged = False
    done = 0
    while done < options.max_iterations and not converged:
        grid = _gridded(u, weight, slope)
        smooth = filter_grid(grid, options.clap, cell_size=options.cell_size)
        patch = np.ascontiguousarray(smooth.reshape(len(smooth), -1).T)
        slope, found = fit_look_angle(u.phase, patch, u.grid.cell, u.bperp, u.slopes.trial, u.slopes.carrier)
        change = float(np.sqrt(np.mean((found - gamma).astype(np.float64) ** 2)))
        converged = abs(change - before) < options.convergence
        before, gamma, done = change, found, done + 1
        for _, members, reference in _classes(u, noise):
            weight[members] = (1 - noise_probability(gamma[members], reference)) ** 2
    return _gridded(u, weight, slope), slope, done, converged


def _margin(filtered: bool, c: SelectInput, options: SelectOptions) -> tuple[int, int]:
    """Cells beyond the block whose pixels share filter windows with its pixels."""
    if not filtered:
        return 0, 0
    return (
        int(np.ceil((c.window[0] - 1) * c.azimuth_spacing / options.cell_size)),
        int(np.ceil((c.window[1] - 1) * c.range_spacing / options.cell_size)),
    )


def _reestimate(
    u: _Usable, grid: npt.NDArray[np.complex64], c: SelectInput, options: SelectOptions
) -> tuple[Float, Float]:
    slope, gamma = np.zeros(len(u.index), np.float32), np.zeros(len(u.index), np.float32)
    corner = u.grid.place_in_block
    for filtered in (False, True):
        members = np.flatnonzero(u.is_filtered == filtered)
        if not len(members):
            continue
        blocks, at = np.unique(u.grid.block[members], return_inverse=True)
        patch = predict_without(
            grid, blocks, _margin(filtered, c, options), options.reestimation, cell_size=options.cell_size
        )
        patch = patch.reshape(-1, patch.shape[2])
        row = BLOCK**2 * at.reshape(-1).astype(np.int64) + corner[members]
        for start in range(0, len(members), _FIT_CHUNK):
            part = members[start : start + _FIT_CHUNK]
            bperp = u.bperp if len(u.bperp) == 1 else u.bperp[part]
            slope[part], gamma[part] = fit_look_angle(
                u.phase[part], patch, row[start : start + _FIT_CHUNK], bperp, u.slopes.trial, u.slopes.carrier
            )
    return slope, gamma


def _dispersion_line(gamma: Float, dispersion: Float, noise: Float, allowed: float, options: SelectOptions) -> Float:
    """Threshold of unfiltered pixels: a line over dispersion through the thresholds of its bins."""
    n_bins = max(1, len(gamma) // options.dispersion_bin)
    order = np.argsort(dispersion, kind="stable")
    bins = np.array_split(order, n_bins)
    value = np.array(
        [
            noise_threshold(gamma[b], noise, allowed=allowed / n_bins, max_false_rate=options.max_false_rate)
            for b in bins
        ]
    )
    middle = np.array([dispersion[b].mean(dtype=np.float64) for b in bins])
    if n_bins > 1 and np.ptp(middle) > 0:
        slope, intercept = np.polyfit(middle, value, 1)
        if slope > 0:
            line: Float = np.maximum(slope * dispersion + intercept, value.min()).astype(np.float32)
            return line
    single = noise_threshold(gamma, noise, allowed=allowed, max_false_rate=options.max_false_rate)
    return np.full(len(gamma), single, np.float32)


def _threshold(
    u: _Usable, gamma: Float, noise: RandomCoherence, options: SelectOptions
) -> tuple[Float, dict[bool, float], float]:
    """Threshold per usable candidate, false rate per class, expected number of noise candidates let through."""
    area = len(np.unique(u.grid.cell)) * (options.cell_size / 1000) ** 2
    threshold = np.ones(len(gamma), np.float32)
    rate = {False: float("nan"), True: float("nan")}
    expected = 0.0
    for filtered, members, reference in _classes(u, noise):
        g = gamma[members]
        allowed = options.random_density * area * len(members) / len(gamma)
        if filtered:
            lowest = noise_threshold(g, reference, allowed=allowed, max_false_rate=options.max_false_rate)
            line = np.full(len(g), max(lowest, options.min_filtered_coherence), np.float32)
        else:
            line = _dispersion_line(g, u.dispersion[members], reference, allowed, options)
        threshold[members] = line
        above = 1 - np.searchsorted(reference, line, side="right") / len(reference)
        rate[filtered] = float(above.mean())
        expected += rate[filtered] * min(2 * int((g < reference[len(reference) // 2]).sum()), len(g))
    return threshold, rate, expected


def network_noise(candidates: SelectInput, *, options: SelectOptions | None = None) -> RandomCoherence:
    """Coherence of pure noise on the network of these candidates, to share between tiles.

    Parameters
    ----------
    candidates : SelectInput
        Any tile of the track.
    options : SelectOptions
        Height error searched and number of draws.

    Returns
    -------
    RandomCoherence
        Argument ``noise`` of :func:`select`.
    """
    options = options or SelectOptions()
    return random_coherence(
        candidates.pairs,
        candidates.n_dates,
        slopes=_slopes(candidates, options),
        n_random=options.n_random,
    )


def _empty(n: int) -> Selection:
    return Selection(
        gamma=np.full(n, np.nan, np.float32),
        look_angle_error=np.full(n, np.nan, np.float32),
        threshold=np.full(n, np.nan, np.float32),
        is_selected=np.zeros(n, bool),
        flags=np.full(n, int(PointFlag.LOW_COHERENCE), np.uint16),
        iterations=0,
        converged=False,
        false_rate_unfiltered=float("nan"),
        false_rate_filtered=float("nan"),
        n_expected_false=0.0,
    )


def select(
    candidates: SelectInput, *, options: SelectOptions | None = None, noise: RandomCoherence | None = None
) -> Selection:
    """Select coherent targets among candidates.

    Parameters
    ----------
    candidates : SelectInput
        Candidates of a tile with its halo, or of a whole small scene.
    options : SelectOptions
        Parameters; the defaults are those of StaMPS in small-baseline mode where it has them.
    noise : RandomCoherence
        From :func:`network_noise`, so that tiles share it; computed if absent.

    Returns
    -------
    Selection
        Per candidate. The temporal coherence is
        ``gamma = |sum_k exp(j (phi_k - patch_k - K B_k))| / n_pairs`` (Hooper et al. 2004, eq. 4), the patch
        phase being estimated without the candidate's own block of 4 x 4 cells and, for filtered candidates, without
        the cells that share filter windows with them.

    Raises
    ------
    ArgumentError
        For shapes, dtypes or values that break the rules of :class:`SelectInput`.

    Notes
    -----
    Deterministic: the noise draws are seeded and sums run in the order of the candidates.
    Hooper, A., Zebker, H., Segall, P., Kampes, B. (2004), *Geophys. Res. Lett.* 31, L23611.
    Hooper, A. (2008), *Geophys. Res. Lett.* 35, L16302.
    """
    options = options or SelectOptions()
    result = _empty(len(candidates.phase))
    u = _usable(candidates, options)
    if u is None:
        return result
    noise = noise or network_noise(candidates, options=options)
    grid, slope, iterations, converged = _iterate(u, noise, options)
    final_slope, gamma = _reestimate(u, grid, candidates, options)
    threshold, rate, expected = _threshold(u, gamma, noise, options)
    coherent = (gamma > threshold) & (np.abs(final_slope - slope) < u.slopes.resolution)
    repeated = np.zeros(len(gamma), bool)
    at = np.flatnonzero(coherent)
    place = u.index[at]
    repeated[at] = duplicate_coordinates(candidates.easting[place], candidates.northing[place], gamma[at])
    flags = np.where(coherent, 0, int(PointFlag.LOW_COHERENCE)).astype(np.uint16)
    flags[repeated] |= np.uint16(PointFlag.ADJACENT_DUPLICATE)
    if candidates.bperp is not None:
        result.look_angle_error[u.index] = final_slope
    result.gamma[u.index] = gamma
    result.threshold[u.index] = threshold
    result.is_selected[u.index] = coherent & ~repeated
    result.flags[u.index] = flags
    return Selection(
        gamma=result.gamma,
        look_angle_error=result.look_angle_error,
        threshold=result.threshold,
        is_selected=result.is_selected,
        flags=result.flags,
        iterations=iterations,
        converged=converged,
        false_rate_unfiltered=rate[False],
        false_rate_filtered=rate[True],
        n_expected_false=expected,
    )
