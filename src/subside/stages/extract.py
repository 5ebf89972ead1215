"""Pass 2 over the stack: homogeneous neighbours, adaptive filtering, candidates with their pair phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.io.store import CHUNK_LINES, CHUNK_SAMPLES, TrackStore
from subside.ops import adaptive
from subside.ops.calibration import effective_dates, speckle_correlation_area
from subside.ops.spectral import SpectralSupport, range_band
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import Column, used_pairs, write_tile

TILE_LINES, TILE_SAMPLES = 128, 1024
"""Core of a tile. Fixed: the memory granted decides how many are in flight, never their size."""

COLUMNS = {
    "azimuth": Column("azimuth", "1"),
    "range": Column("range", "1"),
    "n_shp": Column("n_shp", "1"),
    "n_looks": Column("n_looks", "1"),
    "amplitude_difference_dispersion": Column("amplitude_difference_dispersion", "1"),
    "shp_coherence": Column("shp_coherence", "1"),
    "is_filtered": Column("is_filtered", "1"),
}


class ExtractParameters(Parameters):
    """Homogeneous pixels, filter and candidate rule."""

    window: tuple[int, int] = Field((19, 13), description="search window, lines and samples, odd (Zhu et al. 2020)")
    alpha: float = Field(0.001, gt=0, lt=0.5, description="significance level of the homogeneity test")
    use_effective_dates: bool = Field(
        False,
        description="calibrate the test for dates that are not independent: fewer false rejections of coherent "
        "scatterers, but weak points join their surroundings",
    )
    test: adaptive.HomogeneityTest = Field(adaptive.HomogeneityTest.KS, description="homogeneity test")
    min_homogeneous: int = Field(18, ge=1, description="filter where more pixels than this are homogeneous (ibid.)")
    filter_method: adaptive.FilterMethod = Field(adaptive.FilterMethod.ADAPTIVE, description="how the phase is formed")
    dispersion_threshold: float = Field(
        0.6, gt=0, description="largest amplitude-difference dispersion of a candidate (ibid.)"
    )
    candidate_rule: adaptive.CandidateRule = Field(
        adaptive.CandidateRule.COHERENCE, description="what else admits a candidate"
    )
    coherence_false_rate: float = Field(
        0.001, gt=0, lt=0.5, description="share of filtered pure-noise pixels the coherence rule admits"
    )
    min_coherence: float = Field(0.3, ge=0, le=1, description="smallest neighbourhood coherence it admits")
    point_dispersion: float = Field(
        0.25, ge=0, description="pixels of a smaller dispersion keep their own phase, whatever their neighbours"
    )

    def options(self) -> adaptive.AdaptiveOptions:
        """Return the same as the operation takes it."""
        return adaptive.AdaptiveOptions(**self.model_dump(exclude={"use_effective_dates"}))


def tiles(shape: tuple[int, int]) -> list[tuple[str, tuple[int, int]]]:
    """Names and first pixels of the tiles of a scene."""
    return [
        (f"tile_{i}_{j}", (a, r))
        for i, a in enumerate(range(0, shape[0], TILE_LINES))
        for j, r in enumerate(range(0, shape[1], TILE_SAMPLES))
    ]


def _with_halo(start: int, length: int, halo: int, total: int) -> tuple[slice, slice]:
    stop = min(start + length, total)
    outer = slice(max(0, start - halo), min(stop + halo, total))
    return outer, slice(start - outer.start, stop - outer.start)


def _extract_tile(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    options: adaptive.AdaptiveOptions = common["options"]
    slc = store.array("stack/slc")
    lines, core_lines = _with_halo(block[0], TILE_LINES, options.halo[0], slc.shape[1])
    samples, core_samples = _with_halo(block[1], TILE_SAMPLES, options.halo[1], slc.shape[2])
    found = adaptive.extract_tile(
        slc[:, lines, samples],
        np.asarray(common["pairs"], dtype=np.int32),
        core=(core_lines, core_samples),
        options=options,
        calibration=common["calibration"],
    )
    columns: dict[Column, npt.NDArray[Any]] = {COLUMNS[n]: getattr(found, n) for n in COLUMNS}
    columns[COLUMNS["azimuth"]] = (found.azimuth + lines.start).astype(np.int32)
    columns[COLUMNS["range"]] = (found.range + samples.start).astype(np.int32)
    write_tile(store, f"extract/tile_{block[0] // TILE_LINES}_{block[1] // TILE_SAMPLES}", columns, found.phase)
    return {"candidates": len(found), "filtered": int(found.is_filtered.sum())}


def _calibrate(store: TrackStore, options: adaptive.AdaptiveOptions) -> adaptive.SceneCalibration:
    """Estimate the scene-wide numbers from at most nine fixed samples of the stack."""
    slc = store.array("stack/slc")
    sizes = [min(n, w) for n, w in zip(slc.shape[1:], (96, 192), strict=True)]
    starts = [sorted({round(f * (n - w)) for f in (0.1, 0.5, 0.9)}) for n, w in zip(slc.shape[1:], sizes, strict=True)]
    samples = [slc[:, a : a + sizes[0], r : r + sizes[1]] for a in starts[0] for r in starts[1]]
    support = None
    if options.filter_method is adaptive.FilterMethod.SPECTRAL:
        support = SpectralSupport(range_band(store.open_stack()))
    area = float(np.mean([speckle_correlation_area(sample) for sample in samples]))
    dates = [effective_dates(sample, window=options.window, correlation_area=area) for sample in samples]
    return adaptive.SceneCalibration(
        store.read("survey/mean_amplitude"),
        correlation_area=area,
        effective_dates=float(np.median(dates)),
        spectral=support,
    )


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    options = parameters.options()
    pairs = used_pairs(store)
    calibration = _calibrate(store, options)
    measured_dates = calibration.effective_dates
    if not parameters.use_effective_dates:
        calibration = replace(calibration, effective_dates=np.inf)
    blocks = tiles(tuple(store.stack_attributes()["shape"]))
    results = context.run_blocks(
        _extract_tile,
        blocks,
        common={"options": options, "pairs": pairs.tolist(), "calibration": calibration},
        block_bytes=_block_bytes(store, parameters),
        label="extract",
    )
    return {
        "candidates": sum(r["candidates"] for r in results.values()),
        "filtered": sum(r["filtered"] for r in results.values()),
        "correlation_area": calibration.correlation_area,
        "effective_dates": measured_dates,
    }


def _block_bytes(store: TrackStore, parameters: ExtractParameters) -> int:
    facts = store.stack_attributes()
    n_dates, (lines, samples) = len(facts["dates"]), facts["shape"]
    n_pairs = len(used_pairs(store)) if store.has("network/earlier") else 4 * n_dates
    halo = parameters.options().halo
    tile = (min(lines, TILE_LINES) + 2 * halo[0], min(samples, TILE_SAMPLES) + 2 * halo[1])
    core = min(lines, TILE_LINES) * min(samples, TILE_SAMPLES)
    read = 8 * n_dates * (tile[0] + CHUNK_LINES) * (tile[1] + CHUNK_SAMPLES)
    working = tile[0] * tile[1] * (16 * n_dates + 48) + tile[1] * (19 * 4 * (2 * n_pairs + n_dates) + 16 * 24 * n_pairs)
    return int(read + working + 8 * core * n_pairs)


STAGE = Stage(
    name="extract",
    title="homogeneous neighbours, adaptive filter, candidates",
    inputs=("stack", "survey", "network"),
    parameters=ExtractParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
)
