"""Network least squares: from pair phases to one phase per date."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.io.store import POINT_ROWS, TrackStore
from subside.ops.invert import coherence_weights, invert_network
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import point_blocks, used_network


class PairWeights(StrEnum):
    """How pairs are weighed."""

    COHERENCE = "coherence"
    EQUAL = "equal"


class InvertParameters(Parameters):
    """Weights of the inversion."""

    weights: PairWeights = Field(
        PairWeights.COHERENCE, description="weight of a pair: from its mean coherence above noise, or equal"
    )


def pair_weights(store: TrackStore) -> npt.NDArray[np.float64] | None:
    """Weights of the used pairs as the inversion of this track takes them; None is equal weights."""
    state = store.stage_state("invert") or {}
    return _pair_weights(store, InvertParameters.model_validate(state.get("parameters", {})))


def _pair_weights(store: TrackStore, parameters: InvertParameters) -> npt.NDArray[np.float64] | None:
    if parameters.weights is PairWeights.EQUAL:
        return None
    network, _ = used_network(store)
    level = float(store.read("survey/noise_level")[0]) if store.has("survey/noise_level") else 0.0
    return coherence_weights(network.coherence[network.is_used], noise_level=level)


def _invert_block(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    rows = slice(*block)
    weights = common["weights"]
    series = invert_network(
        store.array("unwrap/phase")[rows],
        np.asarray(common["pairs"], dtype=np.int32),
        common["n_dates"],
        weights=None if weights is None else np.asarray(weights),
    )
    store.array("invert/phase")[rows] = series.phase
    store.array("invert/residual_rms")[rows] = series.residual_rms
    store.array("invert/n_pairs")[rows] = series.n_pairs
    known = np.isfinite(series.residual_rms)
    return {
        "square": float(np.sum(series.residual_rms[known].astype(np.float64) ** 2)),
        "known": int(known.sum()),
        "gaps": int(np.count_nonzero(~np.isfinite(series.phase).all(axis=1))),
    }


def _run(context: StageContext) -> dict[str, Any]:
    store = context.store
    _, pairs = used_network(store)
    n_points, n_dates = store.array("unwrap/phase").shape[0], len(store.stack_attributes()["dates"])
    if not (context.is_resumed and store.has("invert/n_pairs")):
        store.create_array(
            "invert/phase",
            (n_points, n_dates),
            dtype=np.float32,
            chunks=(POINT_ROWS, n_dates),
            dims=("point", "date"),
            units="rad",
        )
        for name, dtype, units in (("residual_rms", np.float32, "rad"), ("n_pairs", np.int32, "1")):
            store.create_array(
                f"invert/{name}", (n_points,), dtype=dtype, chunks=(POINT_ROWS,), dims=("point",), units=units
            )
    weights = _pair_weights(store, context.parameters)
    blocks = context.run_blocks(
        _invert_block,
        point_blocks(n_points),
        common={"pairs": pairs.tolist(), "n_dates": n_dates, "weights": None if weights is None else weights.tolist()},
        block_bytes=_memory(store, context.parameters),
        label="invert",
    )
    known = sum(b["known"] for b in blocks.values())
    return {
        "points": n_points,
        "residual_rms_rad": float(np.sqrt(sum(b["square"] for b in blocks.values()) / max(known, 1))),
        "points_with_gaps": sum(b["gaps"] for b in blocks.values()),
    }


def _memory(store: TrackStore, parameters: InvertParameters) -> int:
    n_dates = len(store.stack_attributes()["dates"])
    n_pairs = len(used_network(store)[1]) if store.has("network/earlier") else 4 * n_dates
    return POINT_ROWS * (12 * n_pairs + 16 * n_dates)


STAGE = Stage(
    name="invert",
    title="one phase per date by network least squares",
    inputs=("network", "unwrap"),
    parameters=InvertParameters,
    version=1,
    run=_run,
    memory=_memory,
)
