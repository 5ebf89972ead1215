"""Shift of every date against its annotation and orbit: spectral diversity in azimuth, cross-spectra in range."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.io.safe import open_burst
from subside.io.store import TrackStore
from subside.model.acquisition import Acquisition
from subside.ops.burst_lattice import Overlap
from subside.ops.burst_offsets import offset_model
from subside.ops.coregister import HALO, Shift, copy_burst_tile, resample_burst_tile
from subside.ops.geometry import ground_grid
from subside.ops.range_shift import RANGE_SEARCH, range_spectra, range_sums
from subside.ops.shift_network import NetworkShifts, estimate_network
from subside.ops.shift_sums import ShiftSums
from subside.ops.spectral_diversity import AZIMUTH_SEARCH, OverlapLooks, along_track_trend, doppler_separation, esd_sums
from subside.ops.tops import TopsModel, tops_model
from subside.stages.acquisitions import TrackInput, frozen_shifts, load_input, overlaps_to_use
from subside.stages.stage import Parameters, Stage, StageContext

log = logging.getLogger("subside")

WINDOW_SAMPLES = 1024
"""Samples of a window of an overlap: a block."""

N_PASSES = 2
"""The second pass finds what the first left, and is what the figures show as residual."""

SUM_FIELDS = ("frequency", "first", "second", "square", "coherence")


class AlignmentParameters(Parameters):
    """Pairs and windows of the estimation."""

    neighbours: int = Field(3, ge=1, description="later dates each date is compared with")
    windows_per_overlap: int = Field(
        4, ge=1, description=f"windows of {WINDOW_SAMPLES} samples per burst overlap, spread evenly"
    )
    max_residual: float = Field(
        5e-4, gt=0, description="shift left after the second pass that is worth a warning, lines"
    )


@dataclass(frozen=True)
class _Request:
    """What the blocks of one pass share."""

    pairs: npt.NDArray[np.int32]
    shifts: tuple[Shift, ...]
    number: int


def alignment_pairs(n_dates: int, neighbours: int) -> npt.NDArray[np.int32]:
    """Each date with its next ones, (pair, 2)."""
    return np.array(
        [(i, j) for i in range(n_dates) for j in range(i + 1, min(i + 1 + neighbours, n_dates))], dtype=np.int32
    )


def overlap_windows(overlaps: Sequence[Overlap], per_overlap: int) -> list[Overlap]:
    """Cut each overlap into windows of samples and keep some, evenly spread."""
    windows = []
    for overlap in overlaps:
        width = overlap.samples.stop - overlap.samples.start
        n = max(1, width // WINDOW_SAMPLES)
        edges = np.linspace(0, width, n + 1).astype(int)
        chosen = np.unique(np.linspace(0, n - 1, min(n, per_overlap)).round().astype(int))
        for k in chosen:
            left, right = int(edges[k]), int(edges[k + 1])
            windows.append(
                replace(
                    overlap,
                    samples=slice(overlap.samples.start + left, overlap.samples.start + right),
                    sample=overlap.sample + left,
                )
            )
    return windows


def _heights(track: TrackInput, overlap: Overlap) -> npt.NDArray[np.float32]:
    geometry = track.geometry_of(track.reference, overlap.swath, overlap.first)
    lines = np.arange(overlap.lines.start - HALO, overlap.lines.stop + HALO, dtype=np.float64)
    samples = np.arange(overlap.samples.start, overlap.samples.stop, dtype=np.float64)
    return ground_grid(geometry, track.dem, lines=lines, samples=samples).height.astype(np.float32)


def _has_bursts(acquisition: Acquisition, overlap: Overlap) -> bool:
    swath = acquisition.swaths.get(overlap.swath)
    return swath is not None and {overlap.first, overlap.second} <= {b.burst_id for b in swath.bursts}


def _looks(
    track: TrackInput, acquisition: Acquisition, overlap: Overlap, heights: npt.NDArray[np.float32], shift: Shift
) -> tuple[OverlapLooks, TopsModel]:
    swath = acquisition.swaths[overlap.swath]
    tiles, models, offsets = [], [], []
    for burst_id, lines in ((overlap.first, overlap.lines), (overlap.second, overlap.second_lines)):
        burst = swath.burst(burst_id)
        model = tops_model(acquisition, overlap.swath, burst)
        read = open_burst(acquisition, overlap.swath, burst_id).read
        models.append(model)
        if acquisition.date == track.reference.date:
            tiles.append(copy_burst_tile(read, model, lines=lines, samples=overlap.samples))
            continue
        offset = offset_model(
            track.geometry_of(track.reference, overlap.swath, burst_id),
            track.geometry_of(acquisition, overlap.swath, burst_id),
            heights=track.heights,
        )
        tiles.append(
            resample_burst_tile(
                read,
                model,
                offsets=offset,
                height_tile=heights,
                lines=lines,
                samples=overlap.samples,
                shift=shift,
            )
        )
        offsets.append(offset)
    moved = (offsets[0], offsets[1]) if offsets else None
    separation = doppler_separation(overlap, (models[0], models[1]), offsets=moved)
    return OverlapLooks(tiles[0], tiles[1], separation), models[0]


def _measure(store: TrackStore, block: tuple[int, Overlap], common: Mapping[str, Any]) -> dict[str, Any]:
    """Sums of every pair over one window of one overlap."""
    number, overlap = block
    request: _Request = common["request"]
    track = load_input(store)
    heights = _heights(track, overlap)
    looks: dict[int, Any] = {}
    for d, acquisition in enumerate(track.acquisitions):
        if d in request.pairs and _has_bursts(acquisition, overlap):
            both, model = _looks(track, acquisition, overlap, heights, request.shifts[d])
            looks[d] = (both, [range_spectra(t, model) for t in (both.first, both.second)], model)
    azimuth, range_ = [], []
    for i, j in request.pairs.tolist():
        if i in looks and j in looks:
            (a, a_spectra, model), (b, b_spectra, _) = looks[i], looks[j]
            azimuth.append(esd_sums(a, b, n_looks_per_pixel=model.n_looks_per_pixel))
            range_.append(ShiftSums.stacked([range_sums(p, q) for p, q in zip(a_spectra, b_spectra, strict=True)]))
        else:
            azimuth.append(ShiftSums.empty())
            range_.append(ShiftSums.stacked([ShiftSums.empty(), ShiftSums.empty()]))
    for axis, sums in (("azimuth", azimuth), ("range", range_)):
        stacked = ShiftSums.stacked(sums)
        for field in SUM_FIELDS:
            values = getattr(stacked, field)
            dims = ("pair", "look", "bin")[: values.ndim] if axis == "range" else ("pair", "bin")[: values.ndim]
            store.write(f"alignment/pass_{request.number}/window_{number}/{axis}_{field}", values, dims=dims)
    return {"dates": len(looks)}


def _gather(store: TrackStore, number: int, n_windows: int, axis: str) -> ShiftSums:
    """Sums of all windows, (pair, cluster, bin)."""
    parts = []
    for window in range(n_windows):
        group = f"alignment/pass_{number}/window_{window}"
        fields = {f: store.read(f"{group}/{axis}_{f}") for f in SUM_FIELDS}
        if axis == "azimuth":
            fields = {f: v[:, None] for f, v in fields.items()}
        parts.append(fields)
    return ShiftSums(*(np.concatenate([p[f] for p in parts], axis=1) for f in SUM_FIELDS))


def _added(before: tuple[Shift, ...], azimuth: NetworkShifts, range_: NetworkShifts) -> tuple[Shift, ...]:
    return tuple(
        Shift(s.azimuth + float(a), s.range + float(r))
        for s, a, r in zip(before, azimuth.shift, range_.shift, strict=True)
    )


@dataclass(frozen=True)
class _Pass:
    """What one pass found, and the shifts with it."""

    azimuth: NetworkShifts
    range: NetworkShifts
    shifts: tuple[Shift, ...]


def _passes(
    context: StageContext, track: TrackInput, windows: Sequence[Overlap], pairs: npt.NDArray[np.int32]
) -> Iterator[_Pass]:
    store = context.store
    known = frozen_shifts(store)
    dates = [a.date for a in track.acquisitions]
    reference = dates.index(track.reference.date)
    shifts = tuple(Shift(*known[d][:2]) if d in known else Shift() for d in dates)
    for number in range(N_PASSES):
        context.run_blocks(
            _measure,
            [(f"pass_{number}_window_{k}", (k, w)) for k, w in enumerate(windows)],
            common={"request": _Request(pairs, shifts, number)},
            block_bytes=_block_bytes(store, context.parameters),
            label=f"alignment: pass {number + 1} of {N_PASSES}",
        )
        found = [
            estimate_network(
                _gather(store, number, len(windows), axis),
                pairs,
                n_dates=len(dates),
                reference=reference,
                options=search,
            )
            for axis, search in (("azimuth", AZIMUTH_SEARCH), ("range", RANGE_SEARCH))
        ]
        fixed = np.array([d in known for d in dates])
        azimuth, range_ = (replace(f, shift=np.where(fixed, 0.0, f.shift)) for f in found)
        shifts = _added(shifts, azimuth, range_)
        _write_diagnostics(store, number, azimuth, range_)
        yield _Pass(azimuth, range_, shifts)


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    track = load_input(store)
    dates = [a.date for a in track.acquisitions]
    windows = overlap_windows(overlaps_to_use(track.lattice), parameters.windows_per_overlap)
    pairs = alignment_pairs(len(dates), parameters.neighbours)
    store.write("alignment/pairs", pairs, dims=("pair", "end"))
    if not windows:
        log.warning(
            "alignment: the bursts used have no overlap, so that azimuth shifts cannot be measured; the geometry "
            "of orbits and DEM stands alone. Give products that hold the next burst as well."
        )
        _write_shifts(
            store, tuple(Shift() for _ in dates), np.full((2, len(dates)), np.nan), np.zeros(len(dates), bool)
        )
        return {"windows": 0, "dates_aligned": 0}
    *_, last = _passes(context, track, windows, pairs)
    sigma = np.stack([last.azimuth.sigma, last.range.sigma])
    estimated = last.azimuth.is_estimated & last.range.is_estimated
    left = float(np.max(np.abs(last.azimuth.shift)))
    time = np.array([w.line for w in windows], np.float64) * track.lattice.line_interval
    store.write("alignment/azimuth_trend", along_track_trend(last.azimuth.cluster_shift, time), dims=("date",))
    known = frozen_shifts(store)
    for d, date in enumerate(dates):
        if date in known:
            sigma[:, d] = known[date][2:]
    _write_shifts(store, last.shifts, sigma, estimated)
    lost = [d for d, e in zip(dates, estimated, strict=True) if not e]
    if lost:
        log.warning(
            "alignment: overlaps of %s are too incoherent with every other date; the geometry of orbits and DEM "
            "stands alone there",
            ", ".join(lost),
        )
    if left > parameters.max_residual:
        log.warning("alignment: the second pass still moved a date by %.1e lines", left)
    return {
        "windows": len(windows),
        "pairs": len(pairs),
        "dates_aligned": int(estimated.sum()),
        "azimuth_shift_max": max(abs(s.azimuth) for s in last.shifts),
        "azimuth_sigma_median": float(np.nanmedian(sigma[0])),
        "second_pass_max": left,
    }


def _write_shifts(
    store: TrackStore, shifts: tuple[Shift, ...], sigma: npt.NDArray[np.float64], estimated: npt.NDArray[np.bool_]
) -> None:
    values = np.array([(s.azimuth, s.range) for s in shifts]).T
    for axis, name, units in ((0, "azimuth", "line"), (1, "range", "sample")):
        store.write(f"alignment/{name}_shift", values[axis], dims=("date",), units=units)
        store.write(f"alignment/{name}_sigma", sigma[axis], dims=("date",), units=units)
    store.write("alignment/is_estimated", estimated, dims=("date",))


def _write_diagnostics(store: TrackStore, number: int, azimuth: NetworkShifts, range_: NetworkShifts) -> None:
    group = f"alignment/pass_{number}"
    for axis, found in (("azimuth", azimuth), ("range", range_)):
        store.write(f"{group}/{axis}_pair_shift", found.pairs.shift, dims=("pair",))
        store.write(f"{group}/{axis}_pair_sigma", found.pairs.sigma, dims=("pair",))
        store.write(f"{group}/{axis}_pair_is_coherent", found.pairs.is_coherent, dims=("pair",))
        store.write(f"{group}/{axis}_pair_residual", found.pair_residual, dims=("pair",))
        store.write(f"{group}/{axis}_cluster_phase", found.cluster_phase, dims=("pair", "cluster"), units="rad")
        store.write(f"{group}/{axis}_cluster_shift", found.cluster_shift, dims=("date", "cluster"))
        store.write(f"{group}/{axis}_cluster_coherence", found.cluster_coherence, dims=("pair", "cluster"))


def _block_bytes(store: TrackStore, parameters: AlignmentParameters) -> int:
    n_dates = len(store.stack_attributes()["dates"])
    pixels = 160 * 2 * WINDOW_SAMPLES
    return int(pixels * (2 * 2 * 8 * n_dates + 400)) + int(store.stack_attributes().get("dem_bytes", 0))


STAGE = Stage(
    name="alignment",
    title="azimuth shift by spectral diversity and range shift by cross-spectra, over a network of pairs",
    inputs=("acquisitions",),
    parameters=AlignmentParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
)
