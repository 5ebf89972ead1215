"""Selection of coherent targets, tile by tile with a halo, gathered in (azimuth, range) order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.io.store import TrackStore
from subside.ops import select as select_op
from subside.ops.patch_phase import ClapOptions
from subside.ops.random_phase import RandomCoherence, random_coherence, trial_slopes
from subside.stages import extract
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import Column, gather_tiles, pair_bperp, scene_height_factor, used_pairs, write_tile

_CARRIED = ("n_shp", "n_looks", "amplitude_difference_dispersion", "shp_coherence", "is_filtered")
_OWN = {
    "azimuth": Column("azimuth", "1"),
    "range": Column("range", "1"),
    "easting": Column("easting", "m"),
    "northing": Column("northing", "m"),
    "temporal_coherence": Column("temporal_coherence", "1"),
    "look_angle_error": Column("look_angle_error", "rad/m"),
    "threshold": Column("threshold", "1"),
    "flags": Column("flags", "1"),
}
_CANDIDATE = (_OWN["azimuth"], _OWN["range"], _OWN["temporal_coherence"], Column("is_selected", "1"))
_MULTILOOK_WINDOW = (3, 3)
"""Pixels of a multilooked stack that may share looks with their neighbours (resampling to a map grid)."""

COLUMNS = (*_OWN.values(), *(extract.COLUMNS[n] for n in _CARRIED))


class SelectParameters(Parameters):
    """Thresholds of the selection."""

    cell_size: float = Field(50.0, gt=0, description="side of a cell of the patch-phase grid, m (Zhu et al. 2020)")
    low_pass_wavelength: float = Field(
        800.0, gt=0, description="wavelength at which the fixed part of the patch-phase filter falls to half, m"
    )
    max_dem_error: float = Field(20.0, ge=0, description="largest height error searched, m")
    max_iterations: int = Field(3, ge=1, description="iterations of coherence and weights at most")
    convergence: float = Field(0.005, gt=0, description="change of the coherence that ends the iteration")
    random_density: float = Field(2.0, gt=0, description="noise points let through per square kilometre")
    max_false_rate: float = Field(0.01, gt=0, lt=0.5, description="share of pure-noise candidates let through at most")
    min_filtered_coherence: float = Field(
        0.4, ge=0, le=1, description="temporal coherence demanded of adaptively filtered pixels"
    )

    def options(self) -> select_op.SelectOptions:
        """Return the same as the operation takes it."""
        values = self.model_dump()
        clap = ClapOptions(low_pass_wavelength=values.pop("low_pass_wavelength"))
        return select_op.SelectOptions(**values, clap=clap)


def _candidates(
    store: TrackStore, halo: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.float32]]:
    """Read the candidates inside a pixel rectangle, in (azimuth, range) order."""
    (first_line, last_line), (first_sample, last_sample) = halo
    names = tuple(extract.COLUMNS)
    parts: dict[str, list[npt.NDArray[Any]]] = {n: [] for n in (*names, "phase")}
    for i in range(first_line // extract.TILE_LINES, (last_line - 1) // extract.TILE_LINES + 1):
        for j in range(first_sample // extract.TILE_SAMPLES, (last_sample - 1) // extract.TILE_SAMPLES + 1):
            group = f"extract/tile_{i}_{j}"
            azimuth, range_ = store.read(f"{group}/azimuth"), store.read(f"{group}/range")
            inside = (azimuth >= first_line) & (azimuth < last_line)
            inside &= (range_ >= first_sample) & (range_ < last_sample)
            for name in parts:
                parts[name].append(store.read(f"{group}/{name}")[inside])
    table = {n: np.concatenate(p) for n, p in parts.items()}
    order = np.lexsort((table["range"], table["azimuth"]))
    phase = table.pop("phase")[order]
    return {n: v[order] for n, v in table.items()}, phase


def _select_tile(store: TrackStore, block: tuple[int, select_op.Tile], common: Mapping[str, Any]) -> dict[str, Any]:
    number, tile = block
    options: select_op.SelectOptions = common["options"]
    table, phase = _candidates(store, tile.halo)
    facts = store.stack_attributes()
    pairs = np.asarray(common["pairs"], dtype=np.int32)
    easting = table["range"] * facts["range_spacing"]
    northing = table["azimuth"] * facts["azimuth_spacing"]
    if len(phase):
        bperp = common["bperp"]
        found = select_op.select(
            select_op.SelectInput(
                easting=easting,
                northing=northing,
                azimuth=table["azimuth"],
                range=table["range"],
                phase=phase,
                bperp=None if bperp is None else np.asarray(bperp, dtype=np.float32),
                dispersion=table["amplitude_difference_dispersion"],
                is_filtered=table["is_filtered"] | common["is_multilooked"],
                shp_coherence=table["shp_coherence"],
                n_shp=table["n_shp"],
                pairs=pairs,
                n_dates=len(facts["dates"]),
                window=tuple(common["window"]),
                azimuth_spacing=facts["azimuth_spacing"],
                range_spacing=facts["range_spacing"],
                height_per_look_angle=common["height_factor"],
            ),
            options=options,
            noise=RandomCoherence(store.read("select/noise_closing"), store.read("select/noise_independent")),
        )
        keep = found.is_selected & _inside(table, tile.core)
        own = (found.gamma, found.look_angle_error, found.threshold, found.flags)
        expected = found.n_expected_false * float(np.mean(_inside(table, tile.core)))
    else:
        keep = np.zeros(0, dtype=bool)
        empty = np.zeros(0, dtype=np.float32)
        own = (empty, empty, empty, np.zeros(0, dtype=np.uint16))
        expected = 0.0
    values = (table["azimuth"], table["range"], easting, northing, *own)
    columns = {c: v[keep] for c, v in zip(_OWN.values(), values, strict=True)}
    columns |= {extract.COLUMNS[n]: table[n][keep] for n in _CARRIED}
    write_tile(store, f"select/tile_{number}", columns, phase[keep])
    core = _inside(table, tile.core)
    seen = (table["azimuth"], table["range"], own[0], keep)
    candidates = {c: v[core] for c, v in zip(_CANDIDATE, seen, strict=True)}
    write_tile(store, f"select/tile_{number}/candidate", candidates)
    return {"points": int(keep.sum()), "expected_false": expected}


def _inside(
    table: Mapping[str, npt.NDArray[Any]], core: tuple[tuple[int, int], tuple[int, int]]
) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (table["azimuth"] >= core[0][0]) & (table["azimuth"] < core[0][1])
    return inside & (table["range"] >= core[1][0]) & (table["range"] < core[1][1])


def _write_noise(
    store: TrackStore,
    pairs: npt.NDArray[np.int32],
    bperp: npt.NDArray[np.float64] | None,
    max_look_angle_error: float,
) -> None:
    """Coherence of pure noise on the network, shared by all tiles."""
    facts = store.stack_attributes()
    slopes = trial_slopes(bperp, len(pairs), max_look_angle_error)
    noise = random_coherence(pairs, len(facts["dates"]), slopes=slopes)
    store.write("select/noise_closing", noise.closing, dims=("draw",))
    store.write("select/noise_independent", noise.independent, dims=("draw",))


def _run(context: StageContext) -> dict[str, Any]:
    store, options = context.store, context.parameters.options()
    facts = store.stack_attributes()
    pairs = used_pairs(store)
    factor = scene_height_factor(store)
    bperp = pair_bperp(store, pairs) if factor is not None else None
    state = store.stage_state("extract") or {}
    plan = select_op.tile_plan(
        tuple(facts["shape"]), (facts["azimuth_spacing"], facts["range_spacing"]), options=options
    )
    is_multilooked = facts["n_looks"] > 1 and state["parameters"]["filter_method"] == "none"
    blocks = [(f"tile_{k}", (k, tile)) for k, tile in enumerate(plan)]
    # Written anew on a resume too: an array that exists may have been cut off before its data.
    _write_noise(store, pairs, bperp, options.max_dem_error / factor if factor else 0.0)
    results = context.run_blocks(
        _select_tile,
        blocks,
        common={
            "options": options,
            "pairs": pairs.tolist(),
            "bperp": None if bperp is None else bperp.tolist(),
            "height_factor": factor,
            "window": _MULTILOOK_WINDOW if is_multilooked else state["parameters"]["window"],
            "is_multilooked": is_multilooked,
        },
        block_bytes=_block_bytes(store, context.parameters),
        label="select",
    )
    if not store.has("select/gathered"):
        gather_tiles(store, "select", [name for name, _ in blocks], COLUMNS)
        for column in _CANDIDATE:
            parts = [store.read(f"select/{name}/candidate/{column.name}") for name, _ in blocks]
            store.write(f"select/candidate/{column.name}", np.concatenate(parts), dims=("candidate",))
        store.write("select/gathered", np.ones(1, dtype=bool), dims=("one",))
    for name, _ in blocks:
        store.remove(f"select/{name}")
    return {
        "points": sum(r["points"] for r in results.values()),
        "expected_false": float(sum(r["expected_false"] for r in results.values())),
        "look_angle_error": "estimated" if bperp is not None else "skipped: baselines or geometry unknown",
    }


def _block_bytes(store: TrackStore, parameters: SelectParameters) -> int:
    facts = store.stack_attributes()
    options = parameters.options()
    n_pairs = len(used_pairs(store)) if store.has("network/earlier") else 4 * len(facts["dates"])
    cells = (options.core_cells + 2 * options.halo_cells) ** 2
    pixels_per_cell = options.cell_size**2 / (facts["azimuth_spacing"] * facts["range_spacing"])
    pixels = min(cells * pixels_per_cell, facts["shape"][0] * facts["shape"][1])
    return int(0.4 * pixels * n_pairs * 12 + cells * n_pairs * 24)


STAGE = Stage(
    name="select",
    title="coherent targets: look-angle error, temporal coherence, thresholds calibrated on noise",
    inputs=("stack", "network", "extract"),
    parameters=SelectParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
)
