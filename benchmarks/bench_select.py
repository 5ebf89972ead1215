"""Cost of the selection: ``pytest benchmarks/bench_select.py`` on 70,000 candidates and 84 pairs."""

from __future__ import annotations

import numpy as np
import pytest

from subside.ops.patch_phase import ClapOptions, filter_grid, predict_without
from subside.ops.select import SelectInput, SelectOptions, network_noise, select


def make_candidates(n_side: int = 400, *, n_dates: int = 30, links: int = 3, fraction: float = 0.44) -> SelectInput:
    """Half points, half noise on 14 m pixels, over a plane and a bowl; nine in ten count as filtered."""
    rng = np.random.default_rng(0)
    azimuth, range_ = np.nonzero(rng.random((n_side, n_side)) < fraction)
    n = len(azimuth)
    x, y = range_ / n_side - 0.5, azimuth / n_side - 0.5
    days = np.arange(n_dates) * 24.0
    pairs = np.array([(i, i + d) for i in range(n_dates) for d in range(1, links + 1) if i + d < n_dates], np.int32)
    bperp = rng.normal(0, 50, n_dates)
    rate = 4 * np.pi / 0.0555 * 0.06 / 365.25 * np.exp(-(x**2 + y**2) / 0.03)
    slope = rng.normal(0, 0.002, n)
    is_noise = rng.random(n) < 0.5
    date = np.empty((n, n_dates), np.float32)
    for t in range(n_dates):
        ramp = rng.normal(0, np.pi / 2, 2)
        date[:, t] = rate * days[t] + ramp[0] * x + ramp[1] * y + slope * bperp[t] + rng.normal(0, 0.4, n)
    date[is_noise] = rng.uniform(-np.pi, np.pi, (int(is_noise.sum()), n_dates))
    phase = date[:, pairs[:, 1]] - date[:, pairs[:, 0]]
    return SelectInput(
        easting=range_ * 14.0,
        northing=azimuth * 14.0,
        azimuth=azimuth.astype(np.int32),
        range=range_.astype(np.int32),
        phase=(phase - 2 * np.pi * np.rint(phase / (2 * np.pi))).astype(np.float32),
        bperp=(bperp[pairs[:, 1]] - bperp[pairs[:, 0]]).astype(np.float32),
        dispersion=rng.uniform(0.2, 0.6, n).astype(np.float32),
        is_filtered=rng.random(n) < 0.9,
        shp_coherence=np.full(n, 0.5, np.float32),
        n_shp=np.full(n, 60, np.int32),
        pairs=pairs,
        n_dates=n_dates,
        window=(19, 13),
        azimuth_spacing=14.0,
        range_spacing=14.0,
        height_per_look_angle=2361.0,
    )


@pytest.fixture(scope="module")
def candidates() -> SelectInput:
    return make_candidates()


def test_bench_noise(benchmark, candidates) -> None:
    benchmark.pedantic(network_noise, args=(candidates,), rounds=2, warmup_rounds=1)


def test_bench_select(benchmark, candidates) -> None:
    noise = network_noise(candidates)
    result = benchmark.pedantic(select, args=(candidates,), kwargs={"noise": noise}, rounds=2, warmup_rounds=1)
    assert 0.3 < result.is_selected.mean() < 0.6


def test_bench_filter_grid(benchmark) -> None:
    rng = np.random.default_rng(1)
    grid = (rng.normal(size=(84, 112, 112)) + 1j * rng.normal(size=(84, 112, 112))).astype(np.complex64)
    benchmark.pedantic(filter_grid, args=(grid, ClapOptions()), kwargs={"cell_size": 50.0}, rounds=2, warmup_rounds=1)


def test_bench_prediction(benchmark) -> None:
    rng = np.random.default_rng(1)
    grid = (rng.normal(size=(84, 112, 112)) + 1j * rng.normal(size=(84, 112, 112))).astype(np.complex64)
    benchmark.pedantic(
        predict_without,
        args=(grid, np.arange(784), (6, 4), SelectOptions().reestimation),
        kwargs={"cell_size": 50.0},
        rounds=2,
        warmup_rounds=1,
    )
