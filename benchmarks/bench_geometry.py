"""Cost of the geometry in nanoseconds per point, one thread.

``python -m pytest benchmarks/bench_geometry.py`` (pytest-benchmark timed by ``time.process_time``). For comparison: a
geo2rdr of three Newton steps on a polynomial of degree 9 takes 190 ns, a burst of 30 million pixels passes memory
(three float64 results) in about 20 ns per pixel.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import oracles_geometry as oracle
from subside.kernels.geometry import geo2rdr
from subside.model.dem import Dem
from subside.ops.baselines import baselines
from subside.ops.burst_offsets import offset_model
from subside.ops.geometry import BurstGeometry, burst_geometry, flat_ground, ground_grid, line_of_sight, visibility
from subside.ops.orbit_arc import fit_orbit

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=2, max_time=1.0, calibration_precision=1)
LINES = np.arange(700.0, 716.0)
SAMPLES = np.arange(0.0, 20000.0)


def report(benchmark, points: int) -> None:
    benchmark.extra_info["ns_per_point"] = round(benchmark.stats.stats.min / points * 1e9, 1)


@pytest.fixture(scope="module")
def burst() -> BurstGeometry:
    return burst_geometry(oracle.acquisition(oracle.CircularOrbit()), "IW2", burst_id=7)


@pytest.fixture(scope="module", params=[0.0, 0.1, 0.4])
def dem(request: pytest.FixtureRequest, burst: BurstGeometry) -> Dem:
    slope = request.param
    middle = flat_ground(burst, 0.0, lines=[750.0], samples=[10000.0])
    return oracle.dem_around(
        middle.latitude.item(),
        middle.longitude.item(),
        half=0.9,
        step=1 / 3600,
        relief=lambda north, east: slope * (400 * np.sin(east / 400) + 700 * np.cos(north / 700)),
    )


def test_ground_grid(benchmark, burst: BurstGeometry, dem: Dem) -> None:
    found = benchmark(ground_grid, burst, dem, lines=LINES, samples=SAMPLES)
    assert np.isfinite(found.height).all()
    report(benchmark, found.height.size)


def test_visibility(benchmark, burst: BurstGeometry, dem: Dem) -> None:
    benchmark(visibility, burst, dem, lines=LINES, samples=SAMPLES)
    report(benchmark, len(LINES) * len(SAMPLES))


@pytest.mark.parametrize("n_vectors", [4, 6])
def test_geo2rdr(benchmark, burst: BurstGeometry, n_vectors: int) -> None:
    ground = flat_ground(burst, 300.0, lines=LINES, samples=SAMPLES)
    arc = fit_orbit(burst.acquisition.orbit, (oracle.PASS - 20, oracle.PASS + 20), n_vectors=n_vectors)
    benchmark(geo2rdr, ground.latitude, ground.longitude, ground.height, arc)
    report(benchmark, ground.height.size)


def test_line_of_sight(benchmark, burst: BurstGeometry) -> None:
    ground = flat_ground(burst, 300.0, lines=LINES, samples=SAMPLES)
    benchmark(line_of_sight, burst, ground)
    report(benchmark, ground.height.size)


def test_baselines(benchmark, burst: BurstGeometry) -> None:
    ground = flat_ground(burst, 300.0, lines=LINES[::8], samples=SAMPLES[::8])
    benchmark(baselines, burst, ground, secondary=burst.arc)
    report(benchmark, ground.height.size)


def test_offset_model_per_burst(benchmark, burst: BurstGeometry) -> None:
    benchmark(offset_model, burst, burst, heights=(-500.0, 5000.0))
    report(benchmark, 1)
