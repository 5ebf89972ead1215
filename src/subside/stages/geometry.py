"""Where every pixel of the merged grid lies on the ground, and how it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from subside.io.store import GEOMETRY_SAMPLES, SHARD_LINES, TrackStore
from subside.model.stack import GEOMETRY_FIELDS
from subside.ops.geometry import ground_grid, line_of_sight, visibility
from subside.stages.acquisitions import load_input, merged_blocks
from subside.stages.stage import Parameters, Stage, StageContext


class GeometryParameters(Parameters):
    """Nothing to choose: orbits, DEM and grid come with the import."""


def _locate(store: TrackStore, block: tuple[slice, slice], common: Mapping[str, Any]) -> dict[str, Any]:
    track = load_input(store)
    geometry, line, sample = track.merged_geometry()
    lines = np.arange(block[0].start, block[0].stop, dtype=np.float64) - line
    samples = np.arange(block[1].start, block[1].stop, dtype=np.float64) - sample
    ground = ground_grid(geometry, track.dem, lines=lines, samples=samples)
    look = line_of_sight(geometry, ground)
    slant_range = np.broadcast_to(geometry.slant_range(samples), ground.height.shape)
    fields = {
        "height": ground.height,
        "longitude": ground.longitude,
        "latitude": ground.latitude,
        "incidence_angle": look.incidence_angle,
        "los_east": look.east,
        "los_north": look.north,
        "los_up": look.up,
        "slant_range": slant_range,
    }
    for name, values in fields.items():
        store.geometry_array(name)[block] = values
    seen = visibility(geometry, track.dem, lines=lines, samples=samples)
    store.array("geometry/visibility")[block] = seen
    return {
        "unknown": int(np.count_nonzero(~np.isfinite(ground.height))),
        "shadow": int(np.count_nonzero(seen == 0)),
        "layover": int(np.count_nonzero(seen > 1)),
    }


def _run(context: StageContext) -> dict[str, Any]:
    store = context.store
    lattice = load_input(store).lattice
    shape = (lattice.n_lines, lattice.n_samples)
    if not (context.is_resumed and store.has("geometry/visibility")):
        for name in GEOMETRY_FIELDS:
            store.create_geometry(name, shape)
        store.create_array(
            "geometry/visibility",
            shape,
            dtype=np.int16,
            chunks=(SHARD_LINES, GEOMETRY_SAMPLES),
            dims=("azimuth", "range"),
            units="1",
        )
    done = context.run_blocks(
        _locate,
        merged_blocks(shape, SHARD_LINES),
        common={},
        block_bytes=_block_bytes(store, context.parameters),
        label="geometry",
    )
    total = {k: sum(r[k] for r in done.values()) for k in ("unknown", "shadow", "layover")}
    n_pixels = shape[0] * shape[1]
    return {"pixels": n_pixels, **{f"{k}_share": v / n_pixels for k, v in total.items()}}


def _block_bytes(store: TrackStore, parameters: GeometryParameters) -> int:
    facts = store.stack_attributes()
    pixels = min(facts["shape"][0], SHARD_LINES) * min(facts["shape"][1], GEOMETRY_SAMPLES)
    return int(200 * pixels) + int(facts.get("dem_bytes", 0))


STAGE = Stage(
    name="geometry",
    title="height, position and look vector of every pixel, from the orbit of the reference and the DEM",
    inputs=("frame",),
    parameters=GeometryParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
)
