"""Cost of homogeneous neighbours, filtering and extraction, in pixels per CPU-second.

``python -m pytest benchmarks/bench_homogeneity.py`` (pytest-benchmark timed by ``time.process_time``).
"""

import time

import numpy as np
import pytest

from subside.kernels.coherence import amplitude_difference_dispersion, filter_pairs
from subside.kernels.homogeneity import ad_neighbours, glrt_neighbours, ks_neighbours, sort_dates
from subside.ops.adaptive import AdaptiveOptions, SceneCalibration, amplitude_calibration, extract_tile
from subside.ops.simulate import scene, simulate

HALF = (9, 6)
SIZE = 256
pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=2, max_time=1.0, calibration_precision=1)


def pairs_of(n_dates: int, n_pairs: int) -> np.ndarray:
    every = [(j, i) for lag in range(1, n_dates) for i in range(n_dates - lag) for j in (i, i + lag)]
    flat = np.array([v for v, _ in every], np.int32).reshape(-1, 2)[:n_pairs]
    return flat[np.lexsort((flat[:, 1], flat[:, 0]))]


@pytest.fixture(scope="module", params=[30, 60])
def amplitude(request: pytest.FixtureRequest) -> np.ndarray:
    return np.random.default_rng(0).rayleigh(size=(request.param, SIZE, SIZE)).astype(np.float32)


def report(benchmark, pixels: int) -> None:
    benchmark.extra_info["pixels_per_cpu_second"] = round(pixels / benchmark.stats.stats.min)


def test_sorting(benchmark, amplitude: np.ndarray) -> None:
    benchmark(sort_dates, amplitude)
    report(benchmark, SIZE * SIZE)


def test_ks(benchmark, amplitude: np.ndarray) -> None:
    planes = sort_dates(amplitude)
    benchmark(ks_neighbours, planes, *HALF, {30: 15, 60: 22}[len(amplitude)])
    report(benchmark, SIZE * SIZE)


def test_glrt(benchmark, amplitude: np.ndarray) -> None:
    planes = sort_dates(amplitude)
    benchmark(glrt_neighbours, planes, *HALF, 0.6)
    report(benchmark, SIZE * SIZE)


def test_anderson_darling(benchmark, amplitude: np.ndarray) -> None:
    planes = sort_dates(amplitude[:, :48, :48])
    benchmark(ad_neighbours, planes, *HALF, 6.5)
    report(benchmark, 48 * 48)


def test_dispersion(benchmark, amplitude: np.ndarray) -> None:
    benchmark(amplitude_difference_dispersion, amplitude, pairs_of(len(amplitude), 3 * len(amplitude)))
    report(benchmark, SIZE * SIZE)


def test_filtering_190_pairs_over_172_neighbours(benchmark) -> None:
    rng = np.random.default_rng(1)
    slc = rng.normal(size=(60, 96, 140, 2)).astype(np.float32).view(np.complex64)[..., 0]
    masks = np.zeros((96, 140, 4), np.uint64)
    chosen = rng.permutation(19 * 13)[:172]
    for bit in chosen:
        masks[9:-9, 6:-6, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
    azimuth, range_ = (x.astype(np.int32) for x in np.nonzero(masks.any(axis=2)))
    weight = np.ones((96, 140), np.float32)
    benchmark(filter_pairs, slc, weight, masks, HALF, azimuth, range_, pairs_of(60, 190))
    report(benchmark, len(azimuth))


def test_extraction_of_the_reference_scene(benchmark) -> None:
    slc = np.asarray(simulate(scene("reference"), seed=0).stack.slc)
    calibration = SceneCalibration(amplitude_calibration(slc).mean, 2.7)
    benchmark.pedantic(
        extract_tile,
        args=(slc, pairs_of(30, 84)),
        kwargs={"core": (slice(None), slice(None)), "options": AdaptiveOptions(), "calibration": calibration},
        rounds=2,
        warmup_rounds=1,
    )
    report(benchmark, slc[0].size)
