"""Three-dimensional unwrapping: arcs in time, integer flow in space, closure over the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.conventions import PointFlag
from subside.errors import ProjectError
from subside.io.store import POINT_ROWS, TrackStore
from subside.ops import closure
from subside.ops import unwrap as unwrap_op
from subside.ops.arc_model import ARC_BLOCK, ArcModel, ArcStatistics, UnwrapOptions, all_arc_statistics, arc_model
from subside.ops.triangulation import Triangulation, triangulate
from subside.stages.network import date_days
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import PAIR_COLUMNS, column_blocks, n_points_of, pair_bperp, point_blocks, used_pairs

ARC_ROWS = 8 * ARC_BLOCK
"""Arcs of a block; a whole number of chunks of the arc arrays."""


class UnwrapParameters(Parameters):
    """Temporal model of the arcs and what counts as joined."""

    time_window_days: float = Field(
        365.0, gt=0, description="shortest half period of motion along an arc that the prediction follows, days"
    )
    max_baseline_slope: float = Field(
        0.02, ge=0, description="largest look-angle error along an arc that is searched, rad per m of baseline"
    )
    peak_margin: float = Field(0.1, ge=0, le=1, description="height of the periodogram's peak above other lobes")
    max_arc_noise: float = Field(1.5, gt=0, description="noise above which an arc joins nothing, rad")

    def options(self) -> UnwrapOptions:
        """Return the same as the operation takes it."""
        return UnwrapOptions(**self.model_dump())


def load_triangulation(store: TrackStore) -> Triangulation:
    """Read the triangulation of the selected points."""
    names = [f.name for f in fields(Triangulation)]
    return Triangulation(**{n: store.read(f"unwrap/triangulation/{n}") for n in names})


def _write_triangulation(store: TrackStore, mesh: Triangulation) -> None:
    for f in fields(Triangulation):
        values = getattr(mesh, f.name)
        dims = tuple("ends" if k else f.name for k in range(values.ndim))
        store.write(f"unwrap/triangulation/{f.name}", values, dims=dims)


@lru_cache(maxsize=1)
def _inputs(path: Path, digest: str) -> tuple[Triangulation, npt.NDArray[np.float32]]:
    """Triangulation and phases, once per worker process."""
    store = TrackStore(path)
    return load_triangulation(store), store.read("select/phase")


@lru_cache(maxsize=1)
def _statistics(path: Path, digest: str) -> ArcStatistics:
    store = TrackStore(path)
    return ArcStatistics(store.read("unwrap/arc_coefficients"), store.read("unwrap/arc_sigma"))


def _model(store: TrackStore, options: UnwrapOptions) -> ArcModel:
    pairs = used_pairs(store)
    return arc_model(pairs, date_days(store), bperp=pair_bperp(store, pairs), options=options)


def _fit_arcs(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    mesh, phase = _inputs(store.path, common["digest"])
    rows = slice(*block)
    found = all_arc_statistics(phase, mesh.arcs[rows], model=_model(store, common["options"]))
    store.array("unwrap/arc_coefficients")[rows] = found.coefficients
    store.array("unwrap/arc_sigma")[rows] = found.sigma
    return {}


def _unwrap_columns(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    mesh, phase = _inputs(store.path, common["digest"])
    statistics = _statistics(store.path, common["digest"])
    model = _model(store, common["options"])
    cycles = np.empty((mesh.n_points, block[1] - block[0]), dtype=np.int16)
    objective, residues = [], []
    columns = np.ascontiguousarray(phase[:, slice(*block)].T)
    for column, pair in enumerate(range(*block)):
        one = unwrap_op.unwrap_pair(columns[column], mesh, statistics=statistics, model=model, pair=pair)
        cycles[:, column] = one.cycles
        objective.append(one.objective)
        residues.append(one.n_residues)
    store.array("unwrap/raw_cycles")[:, slice(*block)] = cycles
    return {"objective": objective, "residues": residues}


def _close(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    rows = slice(*block)
    phase = store.array("select/phase")[rows]
    loops = closure.find_loops(used_pairs(store), len(store.stack_attributes()["dates"]))
    done = closure.check_closure(
        loops,
        phase=phase,
        cycles=store.array("unwrap/raw_cycles")[rows],
        constants=np.asarray(common["constants"], dtype=np.int32),
    )
    store.array("unwrap/phase")[rows] = (phase + 2.0 * np.pi * done.cycles).astype(np.float32)
    store.array("unwrap/is_suspect")[rows] = done.is_suspect
    n_open, pair_points = closure.open_loops(loops, phase=phase, cycles=done.cycles)
    store.array("unwrap/n_open_loops")[rows] = n_open
    return {
        "pair_points": pair_points.tolist(),
        "failed": done.n_failed.tolist(),
        "failed_after": done.n_failed_after.tolist(),
        "repaired": int(done.n_repaired.sum()),
        "suspect": int(done.is_suspect.sum()),
    }


def _histogram(store: TrackStore, loops: closure.Loops) -> npt.NDArray[np.int32]:
    phase, cycles = store.array("select/phase"), store.array("unwrap/raw_cycles")
    total: npt.NDArray[np.int32] | None = None
    for _, block in point_blocks(phase.shape[0]):
        rows = slice(*block)
        part = closure.closure_histogram(loops, phase=phase[rows], cycles=cycles[rows])
        total = part if total is None else total + part
    if total is None:
        raise ProjectError("there are no points to check")
    return total


def _create_arrays(store: TrackStore, mesh: Triangulation, n_pairs: int, n_coefficients: int) -> None:
    n = mesh.n_points
    store.create_array(
        "unwrap/arc_coefficients",
        (mesh.n_arcs, n_coefficients),
        dtype=np.float32,
        chunks=(ARC_ROWS, n_coefficients),
        dims=("arc", "coefficient"),
        units="rad per unit of the temporal model",
    )
    store.create_array(
        "unwrap/arc_sigma", (mesh.n_arcs,), dtype=np.float32, chunks=(ARC_ROWS,), dims=("arc",), units="rad"
    )
    store.create_array(
        "unwrap/raw_cycles",
        (n, n_pairs),
        dtype=np.int16,
        chunks=(POINT_ROWS, PAIR_COLUMNS),
        dims=("point", "pair"),
        units="cycle",
    )
    store.create_array(
        "unwrap/phase",
        (n, n_pairs),
        dtype=np.float32,
        chunks=(POINT_ROWS, PAIR_COLUMNS),
        dims=("point", "pair"),
        units="rad",
    )
    for name, dtype in (("n_open_loops", np.int16), ("is_suspect", bool)):
        store.create_array(f"unwrap/{name}", (n,), dtype=dtype, chunks=(POINT_ROWS,), dims=("point",), units="1")


def _run(context: StageContext) -> dict[str, Any]:
    store, options = context.store, context.parameters.options()
    n_points = n_points_of(store)
    if n_points < 3:
        raise ProjectError(
            f"only {n_points} points were selected: unwrapping needs at least 3. Look at `subside show PROJECT "
            "selection`; the scene may be noise, or the thresholds of `extract` and `select` too strict."
        )
    pairs = used_pairs(store)
    model = _model(store, options)
    if not (context.is_resumed and store.has("unwrap/is_suspect")):
        mesh = triangulate(store.read("select/easting"), store.read("select/northing"))
        _write_triangulation(store, mesh)
        _create_arrays(store, mesh, len(pairs), len(model.design))
    n_arcs = store.array("unwrap/arc_sigma").shape[0]
    digest = (store.stage_state("unwrap.begun") or {})["digest"]
    common = {"options": options, "digest": digest}
    resident = n_points * (4 * len(pairs) + 120) + 4 * n_arcs * len(model.design)
    context.run_blocks(
        _fit_arcs,
        [(f"arcs_{k}", (a, min(a + ARC_ROWS, n_arcs))) for k, a in enumerate(range(0, n_arcs, ARC_ROWS))],
        common=common,
        block_bytes=resident // 4 + ARC_BLOCK * len(pairs) * 16,
        label="unwrap: arcs in time",
    )
    solved = context.run_blocks(
        _unwrap_columns,
        column_blocks(len(pairs)),
        common=common,
        block_bytes=resident // 4 + n_arcs * 60 + n_points * 2 * PAIR_COLUMNS,
        label="unwrap: flow in space",
    )
    _inputs.cache_clear()
    _statistics.cache_clear()
    loops = closure.find_loops(pairs, len(store.stack_attributes()["dates"]))
    constants = closure.pair_constants(loops, histogram=_histogram(store, loops))
    closed = context.run_blocks(
        _close,
        point_blocks(n_points),
        common={"constants": np.asarray(constants).tolist()},
        block_bytes=min(n_points, POINT_ROWS) * (len(pairs) * 16 + loops.n_loops * 2),
        label="unwrap: closure",
    )
    return _finish(store, options, (loops, solved, closed), n_points)


def _finish(store: TrackStore, options: UnwrapOptions, parts: tuple[Any, ...], n_points: int) -> dict[str, Any]:
    loops, solved, closed = parts
    isolated = unwrap_op.isolated_points(
        load_triangulation(store), sigma=store.read("unwrap/arc_sigma"), options=options
    )
    flags = np.where(store.read("unwrap/is_suspect"), int(PointFlag.UNWRAP_SUSPECT), 0).astype(np.uint16)
    flags[isolated] |= np.uint16(PointFlag.ISOLATED_COMPONENT)
    store.write("unwrap/flags", flags, dims=("point",))
    failed = np.sum([c["failed"] for c in closed.values()], axis=0) / n_points
    after = np.sum([c["failed_after"] for c in closed.values()], axis=0) / n_points
    store.write("unwrap/loop_misclosed", np.stack([failed, after]), dims=("when", "loop"))
    shares = np.sum([c["pair_points"] for c in closed.values()], axis=0) / n_points
    store.write("unwrap/pair_open_share", shares, dims=("pair",))
    residues = [r for part in solved.values() for r in part["residues"]]
    store.write("unwrap/residues", np.array(residues, dtype=np.int64), dims=("pair",))
    return {
        "points": n_points,
        "loops": loops.n_loops,
        "misclosed": float(failed.mean()) if loops.n_loops else 0.0,
        "misclosed_after_repair": float(after.mean()) if loops.n_loops else 0.0,
        "repaired": sum(c["repaired"] for c in closed.values()),
        "suspect": sum(c["suspect"] for c in closed.values()),
        "isolated": int(isolated.sum()),
    }


def _memory(store: TrackStore, parameters: UnwrapParameters) -> int:
    n_points = n_points_of(store)
    n_pairs = len(used_pairs(store)) if store.has("network/earlier") else 4 * len(store.stack_attributes()["dates"])
    return int(n_points * (4 * n_pairs + 700) + min(n_points, POINT_ROWS) * n_pairs * 16)


STAGE = Stage(
    name="unwrap",
    title="arcs in time, integer flow in space, closure over the network",
    inputs=("stack", "network", "select"),
    parameters=UnwrapParameters,
    version=2,
    run=_run,
    memory=_memory,
)
