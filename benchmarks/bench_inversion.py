"""Cost of everything after unwrapping: ``pytest benchmarks/bench_inversion.py``.

Peers on the same job, points per CPU-second: three lines of numpy 410,000 and dolphin 200,000 unweighted;
1,000 (MintPy), 150 (dolphin), 1,100 (LiCSBAS, gaps) weighted.
"""

from __future__ import annotations

import numpy as np
import pytest

from subside.ops.dem_error import DemGeometry, fit_dem_error
from subside.ops.empirical import empirical_errors, local_pairs
from subside.ops.invert import invert_network, network_covariance
from subside.ops.ramps import fit_ramps
from subside.ops.rates import fit_rates
from subside.ops.reference import adjust_reference
from subside.ops.reference_areas import find_reference_areas
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import estimate_noise, noise_classes

N_DATES, N_POINTS = 63, 50_000
DAYS = 12.0 * np.arange(N_DATES)
PAIRS = np.array([(i, j) for i in range(N_DATES) for j in range(i + 1, min(i + 4, N_DATES))], np.int32)
WAVELENGTH = 0.05546576


@pytest.fixture(scope="module")
def unwrapped():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(N_POINTS, N_DATES)).cumsum(axis=1)
    noise = 0.5 * rng.normal(size=(N_POINTS, len(PAIRS)))
    return (series[:, PAIRS[:, 1]] - series[:, PAIRS[:, 0]] + noise).astype(np.float32)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(1)
    displacement = (0.004 * rng.normal(size=(N_POINTS, N_DATES))).astype(np.float32)
    displacement -= displacement[:, :1]
    is_filtered = rng.random(N_POINTS) < 0.7
    classes = noise_classes(is_filtered, rng.random(N_POINTS), distance=rng.uniform(0, 1e4, N_POINTS))
    position = (rng.uniform(0, 15e3, N_POINTS), rng.uniform(0, 15e3, N_POINTS))
    return displacement, position, is_filtered, classes


def _points_per_second(benchmark, n: int = N_POINTS) -> None:
    benchmark.extra_info["points_per_second"] = n / benchmark.stats.stats.min


def test_bench_invert_common(benchmark, unwrapped) -> None:
    invert_network(unwrapped[:100], PAIRS, N_DATES)
    benchmark.pedantic(invert_network, args=(unwrapped, PAIRS, N_DATES), rounds=5)
    _points_per_second(benchmark)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_bench_invert_weighted(benchmark, unwrapped, gaps) -> None:
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.5, 2, unwrapped.shape).astype(np.float32)
    values = np.where(rng.random(unwrapped.shape) < gaps, np.float32(np.nan), unwrapped)
    invert_network(values[:100], PAIRS, N_DATES, weights=weights[:100])
    benchmark.pedantic(invert_network, args=(values, PAIRS, N_DATES), kwargs={"weights": weights}, rounds=3)
    _points_per_second(benchmark)


def test_bench_ramps(benchmark, points) -> None:
    displacement, (easting, northing), _, _ = points
    benchmark.pedantic(fit_ramps, args=(displacement, DAYS), kwargs={"easting": easting, "northing": northing})


def test_bench_dem_error(benchmark, points) -> None:
    bperp = np.random.default_rng(3).normal(0, 70, N_DATES)
    geometry = DemGeometry(bperp, np.full(N_POINTS, 850e3), np.full(N_POINTS, 0.68), WAVELENGTH)
    classes = points[2].astype(np.int16)
    benchmark.pedantic(fit_dem_error, args=(points[0] * 220, DAYS), kwargs={"geometry": geometry, "classes": classes})


def test_bench_reference(benchmark, points) -> None:
    displacement, position, _, _ = points

    def run() -> None:
        adjust_reference(displacement, DAYS, areas=find_reference_areas(displacement, DAYS, position=position))

    benchmark.pedantic(run)


def test_bench_noise(benchmark, points) -> None:
    displacement, position, is_filtered, classes = points
    local = local_pairs(position, is_filtered.astype(np.int16), is_averaged=is_filtered, min_separation=300.0)
    more = {"local": local, "network": network_covariance(PAIRS, N_DATES), "model": TimeModel(), "classes": classes}
    benchmark.pedantic(estimate_noise, args=(displacement, DAYS), kwargs=more)


def test_bench_empirical(benchmark, points) -> None:
    displacement, position, is_filtered, _ = points
    more = {"position": position, "is_filtered": is_filtered, "model": TimeModel(), "min_separation": 300.0}
    benchmark.pedantic(empirical_errors, args=(displacement, DAYS), kwargs=more)


def test_bench_rates(benchmark, points) -> None:
    displacement, _, _, classes = points
    noise = estimate_noise(displacement, DAYS, classes=classes, model=TimeModel())
    benchmark.pedantic(fit_rates, args=(displacement, DAYS), kwargs={"noise": noise}, rounds=3)
    _points_per_second(benchmark)
