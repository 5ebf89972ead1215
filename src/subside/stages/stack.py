"""Full resampling: every burst once, onto the merged grid, flattened; date by date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.safe import open_burst
from subside.io.store import GEOMETRY_SAMPLES, SHARD_LINES, TrackStore
from subside.model.acquisition import Acquisition
from subside.ops.burst_lattice import Rectangle
from subside.ops.burst_offsets import offset_model
from subside.ops.coregister import HALO, TILE_LINES, Shift, copy_burst_tile, resample_burst_tile
from subside.ops.tops import tops_model
from subside.stages.acquisitions import TrackInput, identity, load_input
from subside.stages.stage import Parameters, Stage, StageContext

BAND_LINES = 4 * SHARD_LINES
"""Lines of a block: whole shards, so that a block has its files to itself."""


class StackParameters(Parameters):
    """Nothing to choose: grid and shifts come from the stages before."""


def _shift_of(store: TrackStore, date: int) -> Shift:
    return Shift(
        float(store.array("alignment/azimuth_shift")[date]),
        float(store.array("alignment/range_shift")[date]),
    )


def _height_tile(store: TrackStore, lines: slice, samples: slice) -> npt.NDArray[np.float32]:
    """Heights of a rectangle of the merged grid with a halo of lines; the border repeats at the edge of the grid."""
    heights = store.geometry_array("height")
    wanted = np.clip(np.arange(lines.start - HALO, lines.stop + HALO), 0, heights.shape[0] - 1)
    band = np.asarray(heights[wanted[0] : wanted[-1] + 1, samples])
    return np.ascontiguousarray(band[wanted - wanted[0]], np.float32)


def _fill(
    store: TrackStore, track: TrackInput, acquisition: Acquisition, top: int, part: Rectangle, shift: Shift
) -> npt.NDArray[np.complex64] | None:
    swath = acquisition.swaths.get(part.swath)
    if swath is None or part.burst_id not in {b.burst_id for b in swath.bursts}:
        return None
    burst = swath.burst(part.burst_id)
    read = open_burst(acquisition, part.swath, part.burst_id).read
    model = tops_model(acquisition, part.swath, burst)
    if acquisition.date == track.reference.date:
        return copy_burst_tile(read, model, lines=part.burst_lines, samples=part.burst_samples)
    offsets = offset_model(
        track.geometry_of(track.reference, part.swath, part.burst_id),
        track.geometry_of(acquisition, part.swath, part.burst_id),
        heights=track.heights,
    )
    merged = slice(top + part.lines.start, top + part.lines.stop)
    return resample_burst_tile(
        read,
        model,
        offsets=offsets,
        height_tile=_height_tile(store, merged, part.samples),
        lines=part.burst_lines,
        samples=part.burst_samples,
        shift=shift,
    )


def _resample_band(store: TrackStore, block: tuple[int, slice], common: Mapping[str, Any]) -> dict[str, Any]:
    date, band = block
    track = load_input(store)
    acquisition = track.acquisitions[date]
    shift = _shift_of(store, date)
    slc = store.array("stack/slc")
    n_valid = 0
    for top in range(band.start, band.stop, TILE_LINES):
        lines = slice(top, min(top + TILE_LINES, band.stop))
        out = np.zeros((lines.stop - lines.start, slc.shape[2]), np.complex64)
        for part in track.lattice.rectangles(lines, slice(0, slc.shape[2])):
            tile = _fill(store, track, acquisition, top, part, shift)
            if tile is not None:
                out[part.lines, part.samples] = tile
        slc[date, lines] = out
        n_valid += int(np.count_nonzero(out))
    return {"valid": n_valid}


def _date_digests(store: TrackStore, track: TrackInput) -> list[str]:
    """What the pixels of each date depend on: unchanged for a date when another one is added."""
    frame = store.read_attributes("acquisitions")["frame"]
    digests = []
    for k, acquisition in enumerate(track.acquisitions):
        shift = _shift_of(store, k)
        content = [frame, identity(acquisition), shift.azimuth, shift.range, STAGE.version]
        digests.append(hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest())
    return digests


def _run(context: StageContext) -> dict[str, Any]:
    store = context.store
    track = load_input(store)
    facts = store.read_attributes("acquisitions")
    shape = (track.lattice.n_lines, track.lattice.n_samples)
    dates = list(facts["dates"])
    before = store.read_attributes("stack") if store.has("stack/slc") else {}
    made = list(before.get("dates", []))
    if made and made == dates[: len(made)] and before["frame"] == facts["frame"]:
        store.array("stack/slc").resize((len(dates), *shape))
    elif not (context.is_resumed and store.has("stack/slc")):
        store.forget_stage("stack")
        store.create_stack(len(dates), shape, {})
    kept = {k: v for k, v in facts.items() if k not in ("lattice", "dem", "shifts", "dem_bytes")}
    store.write_attributes("stack", kept)
    digests = _date_digests(store, track)
    bands = [slice(a, min(a + BAND_LINES, shape[0])) for a in range(0, shape[0], BAND_LINES)]
    blocks = [(f"date_{d}_lines_{b.start}", (k, b)) for k, d in enumerate(dates) for b in bands]
    done = context.run_blocks(
        _resample_band,
        blocks,
        common={},
        block_bytes=_block_bytes(store, context.parameters),
        label="stack: resample",
        digest={f"date_{d}_lines_{b.start}": digests[k] for k, d in enumerate(dates) for b in bands},
    )
    valid = {d: sum(done[f"date_{d}_lines_{b.start}"]["valid"] for b in bands) for d in dates}
    for date, n in valid.items():
        if n == 0:
            refuse("S106", date, "a date must have valid samples on the merged grid, got none")
    least = min(valid.values()) / (shape[0] * shape[1])
    return {"dates": len(dates), "lines": shape[0], "samples": shape[1], "valid_share_min": least}


def _block_bytes(store: TrackStore, parameters: StackParameters) -> int:
    facts = store.stack_attributes()
    width = facts["shape"][1]
    return int(TILE_LINES * width * (8 + 8 + 8 + 4) + TILE_LINES * min(width, GEOMETRY_SAMPLES) * 60) + int(
        facts.get("dem_bytes", 0)
    )


STAGE = Stage(
    name="stack",
    title="every burst resampled once onto the merged grid, flattened",
    inputs=("acquisitions", "frame", "geometry", "alignment"),
    parameters=StackParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
    keeps_blocks=True,
)
