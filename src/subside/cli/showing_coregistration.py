"""Inputs of the figures of the coregistration, read from the store of a track."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ProjectError, UnknownQuantityError
from subside.figures.coregistration import (
    BURST_USES,
    BaselinesFigureInput,
    BurstFootprint,
    BurstsFigureInput,
    VisibilityFigureInput,
)
from subside.figures.diversity import OverlapsFigureInput, OverlapWindow
from subside.figures.seams import SeamsFigureInput
from subside.figures.shifts import ShiftPairs, ShiftsFigureInput
from subside.io.store import CHUNK_SAMPLES, SHARD_LINES, TrackStore
from subside.ops.baselines import baselines
from subside.ops.burst_lattice import Overlap
from subside.ops.geometry import BurstGeometry, flat_ground
from subside.ops.seams import REACH, WINDOW, burst_seams, mean_jump, window_jumps
from subside.ops.tops import tops_model
from subside.stages.acquisitions import TrackInput, frozen_shifts, load_input, overlaps_to_use
from subside.stages.alignment import N_PASSES, overlap_windows
from subside.stages.safe_request import read_area
from subside.stages.tables import date_bperp

_DEM_CELLS: Final = 900
_VISIBILITY_CELLS: Final = 700
_SEAM_STRIPS: Final = 8
_LAST: Final = f"alignment/pass_{N_PASSES - 1}"


def require_acquisitions(store: TrackStore, key: str) -> None:
    """Refuse figures of the coregistration for a track that did not come as SAFE products.

    Raises
    ------
    ProjectError
        Saying what the track was imported from.
    """
    if not store.has("acquisitions"):
        origin = store.stack_attributes().get("request", {}).get("format", "a coregistered stack")
        raise ProjectError(
            f"figure {key!r} shows how dates were coregistered, and track {store.name!r} came already coregistered "
            f"({origin}): bursts and shifts are not known. Import SAFE products: `subside import --format safe`"
        )


def _outline(geometry: BurstGeometry, lines: slice, samples: slice, height: float) -> npt.NDArray[np.float64]:
    """Longitude and latitude around a window of a burst, (vertex, 2), degrees, on flat ground."""
    ground = flat_ground(
        geometry,
        height,
        lines=np.linspace(lines.start, lines.stop - 1.0, 9),
        samples=np.linspace(samples.start, samples.stop - 1.0, 9),
    )
    grid = np.stack([ground.longitude, ground.latitude], axis=-1)
    return np.concatenate([grid[0, :-1], grid[:-1, -1], grid[-1, :0:-1], grid[:0:-1, 0]])


def _footprints(store: TrackStore, track: TrackInput, height: float) -> tuple[BurstFootprint, ...]:
    served = {(b.swath, b.burst_id) for b in track.lattice.bursts}
    read = {(o.swath, b) for o in overlaps_to_use(track.lattice) for b in (o.first, o.second)}
    found = []
    for name, swath in sorted(track.reference.swaths.items()):
        for burst in swath.bursts:
            key = (name, burst.burst_id)
            use = BURST_USES[0] if key in served else BURST_USES[1] if key in read else BURST_USES[2]
            lines = slice(burst.first_line, burst.last_line + 1)
            samples = slice(burst.first_sample, burst.last_sample + 1)
            outline = _outline(track.geometry_of(track.reference, name, burst.burst_id), lines, samples, height)
            found.append(BurstFootprint(name, burst.burst_id, outline[:, 0], outline[:, 1], use))
    return tuple(found)


def _bursts(store: TrackStore) -> BurstsFigureInput:
    track = load_input(store)
    dem, lattice = track.dem, track.lattice
    step = -(-max(dem.height.shape) // _DEM_CELLS)
    thin = dem.height[step // 2 :: step, step // 2 :: step]
    west = dem.longitude - 0.5 * dem.longitude_step
    north = dem.latitude - 0.5 * dem.latitude_step
    extent = (
        west,
        west + thin.shape[1] * step * dem.longitude_step,
        north + thin.shape[0] * step * dem.latitude_step,
        north,
    )
    height = float(np.nanmean(dem.height))
    geometry, line, sample = track.merged_geometry()
    grid = _outline(geometry, slice(-line, lattice.n_lines - line), slice(-sample, lattice.n_samples - sample), height)
    aoi = store.read_attributes("acquisitions")["request"]["aoi"]
    area = None if aoi is None else read_area(aoi)
    return BurstsFigureInput(
        thin, extent, _footprints(store, track, height), grid, area, track.reference.date,
        (lattice.n_lines, lattice.n_samples),
    )  # fmt: skip


def _baselines(store: TrackStore) -> BaselinesFigureInput:
    if not store.has("acquisitions"):
        facts = store.stack_attributes()
        corners = date_bperp(store)
        unknown = np.full(len(facts["dates"]), np.nan)
        perpendicular = unknown if corners is None else corners.mean(axis=(1, 2))
        return BaselinesFigureInput(tuple(facts["dates"]), facts["reference_date"], perpendicular, unknown)
    track = load_input(store)
    geometry, line, sample = track.merged_geometry()
    ground = flat_ground(
        geometry,
        float(np.nanmean(track.dem.height)),
        lines=[0.5 * (track.lattice.n_lines - 1) - line],
        samples=[0.5 * (track.lattice.n_samples - 1) - sample],
    )
    found = [baselines(geometry, ground, secondary=track.arcs[a.date]) for a in track.acquisitions]
    return BaselinesFigureInput(
        tuple(a.date for a in track.acquisitions),
        track.reference.date,
        np.array([b.perpendicular[0, 0] for b in found]),
        np.array([b.parallel[0, 0] for b in found]),
    )


def _visibility(store: TrackStore) -> VisibilityFigureInput:
    seen = store.array("geometry/visibility")
    facts = store.stack_attributes()
    lines, samples = seen.shape
    spacing = facts["azimuth_spacing"], facts["range_spacing"]
    cell = max(lines * spacing[0], samples * spacing[1]) / _VISIBILITY_CELLS
    rows, columns = max(1, round(cell / spacing[0])), max(1, round(cell / spacing[1]))
    shape = (-(-lines // rows), -(-samples // columns))
    counts = np.zeros((4, *shape))
    row_of, column_of = np.arange(lines) // rows, np.arange(samples) // columns
    for top in range(0, lines, SHARD_LINES):
        band = np.clip(np.asarray(seen[top : top + SHARD_LINES]), -1, 2) + 1
        flat = (row_of[top : top + SHARD_LINES, None] - row_of[top]) * shape[1] + column_of
        first, n_rows = row_of[top], row_of[min(top + SHARD_LINES, lines) - 1] - row_of[top] + 1
        for kind in range(4):
            found = np.bincount(flat[band == kind], minlength=n_rows * shape[1])
            counts[kind, first : first + n_rows] += found.reshape(n_rows, shape[1])
    total = counts.sum(axis=0)
    return VisibilityFigureInput(
        counts / total, counts.sum(axis=(1, 2)) / total.sum(), rows * spacing[0], columns * spacing[1]
    )


# -- alignment ---------------------------------------------------------------------------------------


def _alignment_dates(store: TrackStore, track: TrackInput) -> tuple[str, ...]:
    dates = tuple(a.date for a in track.acquisitions)
    n_aligned = store.array("alignment/azimuth_shift").shape[0]
    if n_aligned != len(dates):
        raise ProjectError(
            f"the alignment of track {store.name!r} must cover its {len(dates)} dates, got {n_aligned}: "
            "dates were added since; `subside run` first"
        )
    return dates


def _windows(store: TrackStore, track: TrackInput) -> list[Overlap]:
    parameters = (store.stage_state("alignment") or {})["parameters"]
    return overlap_windows(overlaps_to_use(track.lattice), parameters["windows_per_overlap"])


def _named(track: TrackInput, windows: list[Overlap]) -> tuple[OverlapWindow, ...]:
    return tuple(
        OverlapWindow(w.swath, w.first, w.second, w.line * track.lattice.line_interval, w.sample) for w in windows
    )


def _pair_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    known = np.isfinite(values)
    return np.where(known.any(1), np.where(known, values, 0.0).sum(1) / np.maximum(known.sum(1), 1), np.nan)


def _shift_pairs(store: TrackStore, azimuth: npt.NDArray[np.float64], range_: npt.NDArray[np.float64]) -> ShiftPairs:
    """What each pair says: network and residual of the last pass, so that whole cycles are those of the network."""
    pairs = store.read("alignment/pairs")
    unknown = np.full(len(pairs), np.nan)
    if not store.has(f"{_LAST}/azimuth_pair_shift"):
        return ShiftPairs(pairs[:, 0], pairs[:, 1], *(unknown,) * 5, np.zeros(len(pairs), bool), unknown, unknown)
    residuals = [store.read(f"{_LAST}/{axis}_pair_residual") for axis in ("azimuth", "range")]
    shifts = [s[pairs[:, 1]] - s[pairs[:, 0]] + r for s, r in zip((azimuth, range_), residuals, strict=True)]
    return ShiftPairs(
        earlier=pairs[:, 0],
        later=pairs[:, 1],
        azimuth_shift=shifts[0],
        azimuth_sigma=store.read(f"{_LAST}/azimuth_pair_sigma"),
        range_shift=shifts[1],
        range_sigma=store.read(f"{_LAST}/range_pair_sigma"),
        coherence=_pair_mean(store.read(f"{_LAST}/azimuth_cluster_coherence")),
        is_coherent=store.read(f"{_LAST}/azimuth_pair_is_coherent"),
        azimuth_residual=residuals[0],
        range_residual=residuals[1],
    )


def _esd(store: TrackStore) -> ShiftsFigureInput:
    track = load_input(store)
    dates = _alignment_dates(store, track)
    windows = _named(track, _windows(store, track))
    shifts = {n: store.read(f"alignment/{n}") for n in ("azimuth_shift", "azimuth_sigma", "range_shift", "range_sigma")}
    left = np.full((len(dates), len(windows)), np.nan)
    if windows:
        left = store.read(f"{_LAST}/azimuth_cluster_shift")
    return ShiftsFigureInput(
        dates=dates,
        reference_date=track.reference.date,
        **shifts,
        windows=tuple(w.label for w in windows),
        window_shift=left,
        pairs=_shift_pairs(store, shifts["azimuth_shift"], shifts["range_shift"]),
    )


def _phase_before(store: TrackStore, dates: tuple[str, ...], n_windows: int) -> npt.NDArray[np.float64]:
    """Phase with the geometry alone; shifts kept from an earlier import, which the first pass starts from, put back."""
    pairs = store.read("alignment/pairs")
    known = frozen_shifts(store)
    start = np.array([known[d][0] if d in known else 0.0 for d in dates])
    difference = (start[pairs[:, 1]] - start[pairs[:, 0]])[:, None]
    out = np.full((len(pairs), n_windows), np.nan)
    for k in range(n_windows):
        group = f"alignment/pass_0/window_{k}"
        turn = np.exp(2j * np.pi * store.read(f"{group}/azimuth_frequency") * difference)
        total = (store.read(f"{group}/azimuth_first") * turn).sum(axis=1)
        out[:, k] = np.where(total != 0, np.angle(total), np.nan)
    return out


def _overlaps(store: TrackStore) -> OverlapsFigureInput:
    track = load_input(store)
    dates = _alignment_dates(store, track)
    windows = _named(track, _windows(store, track))
    if not windows:
        raise UnknownQuantityError(
            f"the bursts used of track {store.name!r} have no overlap, so that spectral diversity is not known"
        )
    pairs = store.read("alignment/pairs")
    return OverlapsFigureInput(
        dates=dates,
        earlier=pairs[:, 0],
        later=pairs[:, 1],
        windows=windows,
        phase_before=_phase_before(store, dates, len(windows)),
        phase_after=store.read(f"{_LAST}/azimuth_cluster_phase"),
        coherence_before=store.read("alignment/pass_0/azimuth_cluster_coherence"),
        coherence_after=store.read(f"{_LAST}/azimuth_cluster_coherence"),
        window_shift=store.read(f"{_LAST}/azimuth_cluster_shift"),
        trend=store.read("alignment/azimuth_trend"),
    )


# -- seams -------------------------------------------------------------------------------------------


def seam_pairs(dates: tuple[str, ...], reference_date: str) -> npt.NDArray[np.int32]:
    """The reference with each date, and each date with the next, (pair, 2), earlier first."""
    order = np.argsort(dates, kind="stable").tolist()
    rank = {d: k for k, d in enumerate(order)}
    reference = dates.index(reference_date)
    found = set(pairwise(order))
    found |= {tuple(sorted((reference, d), key=rank.__getitem__)) for d in order if d != reference}
    return np.array(sorted(found, key=lambda p: (rank[p[0]], rank[p[1]])), dtype=np.int32).reshape(-1, 2)


def _strips(samples: slice) -> list[slice]:
    """Parts of a cut to read: as wide as a chunk, at most ``_SEAM_STRIPS``, evenly spread."""
    left = np.arange(samples.start // CHUNK_SAMPLES, -(-samples.stop // CHUNK_SAMPLES)) * CHUNK_SAMPLES
    parts = [slice(max(int(a), samples.start), min(int(a) + CHUNK_SAMPLES, samples.stop)) for a in left]
    parts = [p for p in parts if p.stop - p.start >= WINDOW[1]]
    chosen = np.unique(np.linspace(0, len(parts) - 1, min(len(parts), _SEAM_STRIPS)).round().astype(int))
    return [parts[k] for k in chosen]


def _seams(store: TrackStore) -> SeamsFigureInput:
    track = load_input(store)
    facts = store.stack_attributes()
    dates, slc = tuple(facts["dates"]), store.array("stack/slc")
    pairs = seam_pairs(dates, track.reference.date)
    seams = burst_seams(track.lattice)
    jump, sigma = np.full((2, len(pairs), len(seams)), np.nan)
    for c, seam in enumerate(seams):
        swath = track.reference.swaths[seam.swath]
        looks = tops_model(track.reference, seam.swath, swath.burst(seam.later)).n_looks_per_pixel
        parts: list[list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]] = [[] for _ in pairs]
        for strip in _strips(seam.samples):
            patch = np.stack([slc[d, seam.line - REACH : seam.line + REACH, strip] for d in range(len(dates))])
            for k, (i, j) in enumerate(pairs.tolist()):
                parts[k].append(window_jumps(patch[i], patch[j], n_looks_per_pixel=looks))
        for k, found in enumerate(parts):
            jump[k, c], sigma[k, c] = mean_jump(*(np.concatenate(v) for v in zip(*found, strict=True)))
    return SeamsFigureInput(
        dates,
        track.reference.date,
        pairs[:, 0],
        pairs[:, 1],
        tuple((s.swath, s.earlier, s.later, s.line) for s in seams),
        jump,
        sigma,
    )


INPUTS: Final[dict[str, Callable[[TrackStore], Any]]] = {
    "bursts": _bursts,
    "baselines": _baselines,
    "visibility": _visibility,
    "esd": _esd,
    "esd-residual": _overlaps,
    "esd-coherence": _overlaps,
    "seams": _seams,
}
"""Readers by key of the figure."""
