"""Cost of the unwrapping: ``pytest benchmarks/bench_unwrap.py``, or run it for a million points."""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pytest

from subside.ops.arc_model import ArcStatistics, UnwrapOptions, all_arc_statistics, arc_model
from subside.ops.flow_solver import FlowSolver, OrToolsSolver, ShortestPathSolver
from subside.ops.triangulation import triangulate
from subside.ops.unwrap import UnwrapInput, unwrap, unwrap_pair


def make_points(n_side: int, *, n_dates: int = 30, links: int = 3, fraction: float = 0.35) -> UnwrapInput:
    """Points of a lattice over a bowl of 60 mm/yr, ramps and noise of 0.1 to 0.6 rad a date."""
    rng = np.random.default_rng(0)
    azimuth, range_ = np.nonzero(rng.random((n_side, n_side)) < fraction)
    x, y = range_ / n_side - 0.5, azimuth / n_side - 0.5
    days = np.arange(n_dates) * 24.0
    pairs = np.array([(i, i + d) for i in range(n_dates) for d in range(1, links + 1) if i + d < n_dates], np.int32)
    bperp = rng.normal(0, 75, n_dates)
    rate = 4 * np.pi / 0.0555 * 0.06 / 365.25 * np.exp(-(x**2 + y**2) / 0.03)
    noise = rng.uniform(0.1, 0.6, len(x)).astype(np.float32)
    height = rng.normal(0, 0.0015, len(x))
    date_phase = np.empty((n_dates, len(x)), np.float32)
    for t in range(n_dates):
        ramp = rng.normal(0, np.pi / 2, 2)
        date_phase[t] = rate * days[t] + ramp[0] * x + ramp[1] * y + height * bperp[t] + noise * rng.normal(size=len(x))
    phase = np.empty((len(x), len(pairs)), np.float32)
    for k, (i, j) in enumerate(pairs):
        d = date_phase[j] - date_phase[i]
        phase[:, k] = d - 2 * np.pi * np.rint(d / (2 * np.pi))
    return UnwrapInput(range_ * 14.0, azimuth * 14.0, phase, pairs, days, bperp[pairs[:, 1]] - bperp[pairs[:, 0]])


@pytest.fixture(scope="module")
def points() -> UnwrapInput:
    return make_points(400)


def test_bench_triangulate(benchmark, points) -> None:
    benchmark.pedantic(triangulate, args=(points.easting, points.northing), rounds=2)


def test_bench_arcs(benchmark, points) -> None:
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=UnwrapOptions())
    result = benchmark.pedantic(
        all_arc_statistics, args=(points.phase, mesh.arcs), kwargs={"model": model}, rounds=2, warmup_rounds=1
    )
    assert isinstance(result, ArcStatistics)


@pytest.mark.parametrize("solver", [ShortestPathSolver(), OrToolsSolver()], ids=["paths", "ortools"])
def test_bench_flow(benchmark, points, solver: FlowSolver) -> None:
    mesh = triangulate(points.easting, points.northing)
    model = arc_model(points.pairs, points.days, bperp=points.bperp, options=UnwrapOptions())
    statistics = all_arc_statistics(points.phase, mesh.arcs, model=model)
    column = np.ascontiguousarray(points.phase[:, 2])
    benchmark.pedantic(
        unwrap_pair,
        args=(column, mesh),
        kwargs={"statistics": statistics, "model": model, "pair": 2, "solver": solver},
        rounds=2,
        warmup_rounds=1,
    )


def test_bench_unwrap(benchmark, points) -> None:
    benchmark.pedantic(unwrap, args=(points,), rounds=1, warmup_rounds=1)


def main() -> None:
    """Unwrap a lattice of any size and print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1690)
    parser.add_argument("--dates", type=int, default=63)
    parser.add_argument("--links", type=int, default=3)
    given = parser.parse_args()
    unwrap(make_points(40))
    points = make_points(given.side, n_dates=given.dates, links=given.links)
    start = time.process_time()
    result = unwrap(points)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{points.phase.shape[0]} points x {points.phase.shape[1]} pairs: {time.process_time() - start:.1f} CPU-s, "
        f"residues {result.n_residues.mean() / result.triangulation.n_triangles:.4%}, peak {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
