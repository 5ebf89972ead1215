"""Cost of resampling a burst, in ns per pixel, beside the time to move the bytes a kernel must move.

``python -m pytest benchmarks/bench_coregister.py`` (pytest-benchmark timed by ``time.process_time``). The floor of a
kernel is its bytes per pixel at the speed of ``numpy.copyto`` on arrays larger than the cache.
"""

import time

import numpy as np
import pytest

from subside.kernels.deramp import deramp_tile, reramp_tile
from subside.kernels.looks import window_looks
from subside.kernels.resample import azimuth_pass, evaluate_offsets, interpolation_weights, range_pass
from subside.model.acquisition import RangePolynomial
from subside.model.offsets import OffsetModel
from subside.ops.coregister import HALO, TILE_LINES, Shift, resample_burst_tile
from subside.ops.tops import TopsModel

LINES, STRIP = TILE_LINES + 2 * HALO, 1024
BURST = (1464, 20400)
pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=3, max_time=1.0, calibration_precision=1)


@pytest.fixture(scope="module")
def ns_per_byte() -> float:
    a = np.ones(1 << 25, np.float32)
    b = np.empty_like(a)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        np.copyto(b, a)
        seconds.append(time.process_time() - start)
    return min(seconds) * 1e9 / (2 * a.nbytes)


def report(benchmark, pixels: int, n_bytes: float, ns_per_byte: float) -> None:
    benchmark.extra_info["ns_per_pixel"] = round(benchmark.stats.stats.min * 1e9 / pixels, 2)
    benchmark.extra_info["floor_ns_per_pixel"] = round(n_bytes * ns_per_byte, 2)


def planes(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(np.float32), rng.normal(size=shape).astype(np.float32)


def coefficients(n: int) -> np.ndarray:
    return np.stack([np.zeros(n), np.linspace(-20.0, 20.0, n), np.linspace(-888.0, -844.0, n)])


def smooth_offsets(relief: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    azimuth = 0.3 + 1e-5 * np.arange(STRIP) + np.zeros((LINES, 1))
    return azimuth, 0.4 + 1e-3 * np.arange(STRIP) + relief * np.random.default_rng(1).normal(size=(LINES, STRIP))


def test_deramp(benchmark, ns_per_byte: float) -> None:
    real, imaginary = planes(LINES, STRIP)
    data = (real + 1j * imaginary).astype(np.complex64)
    benchmark(deramp_tile, data, -1.5, 2.0556e-3, coefficients(STRIP), real, imaginary)
    report(benchmark, data.size, 16, ns_per_byte)


def test_offsets(benchmark, ns_per_byte: float) -> None:
    rows = np.random.default_rng(0).normal(size=(LINES, 2, 3, 4, 4))
    height = np.zeros((LINES, STRIP), np.float32)
    out = np.empty((3, LINES, STRIP))
    benchmark(evaluate_offsets, rows, np.array([0, 500, STRIP]), 0.0, 980.0, height, 0.0, 100.0, out)
    report(benchmark, height.size, 4 + 24, ns_per_byte)


@pytest.mark.parametrize("relief", [0.0, 0.05], ids=["smooth", "steep"])
def test_range_pass(benchmark, ns_per_byte: float, relief: float) -> None:
    real, imaginary = planes(LINES, STRIP + 64)
    out = planes(LINES, STRIP)
    azimuth, shift = smooth_offsets(relief)
    tables = interpolation_weights(16, 0.878, 0.75)
    benchmark(range_pass, real, imaginary, 0.0, azimuth, shift, 16.0, *tables, *out)
    report(benchmark, out[0].size, 8 + 16 + 8, ns_per_byte)


def test_azimuth_pass(benchmark, ns_per_byte: float) -> None:
    real, imaginary = planes(LINES, STRIP)
    out = planes(LINES - 16, STRIP)
    azimuth = smooth_offsets()[0][8:-8]
    benchmark(azimuth_pass, real, imaginary, 8.0, azimuth, *interpolation_weights(8, 0.692, 0.75), *out)
    report(benchmark, out[0].size, 8 + 8 + 8, ns_per_byte)


def test_reramp(benchmark, ns_per_byte: float) -> None:
    real, imaginary = planes(LINES, STRIP)
    azimuth, shift = smooth_offsets()
    out = np.empty((LINES, STRIP), np.complex64)
    phase = coefficients(STRIP)
    benchmark(
        reramp_tile, real, imaginary, azimuth, shift, 100 * shift, real, shift[0].copy(), (512, 4096),
        (20.0, 1483.0, 400.0, 22000.0), 36.0, 751.0, 2.0556e-3, phase, 1e-6 * phase, out,
    )  # fmt: skip
    report(benchmark, out.size, 8 + 24 + 4 + 8, ns_per_byte)


def test_window_looks(benchmark, ns_per_byte: float) -> None:
    real, imaginary = planes(120, 8192)
    look = (real + 1j * imaginary).astype(np.complex64)
    benchmark(window_looks, look, look, look, look, 10, 20)
    report(benchmark, look.size, 32, ns_per_byte)


def test_full_burst(benchmark, ns_per_byte: float, tmp_path) -> None:
    """Everything with the file: int16 samples on disk, tiles of the grid into a memory-mapped output."""
    n_lines, n_samples = 1502, 22612
    rng = np.random.default_rng(0)
    row = rng.integers(-90, 90, (1, n_samples, 2)).astype("<i2")
    stored = np.lib.format.open_memmap(tmp_path / "burst.npy", "w+", "<i2", (n_lines, n_samples, 2))
    stored[:] = row
    stored.flush()
    fast = 5.336e-3
    model = TopsModel(
        2.0555563e-3, n_lines / 2, fast, 64.345238126e6, n_samples / 2, 7597.0,
        RangePolynomial(fast, (12.0, -2e4)), RangePolynomial(fast, (-2290.0, 4.4e5, -8e7)), 0.05546576,
        (20, 20 + BURST[0] - 1), (500, 500 + BURST[1] - 1), 56.5e6, 327.0, 0.75,
    )  # fmt: skip
    line, sample = np.linspace(0, n_lines - 1, 8), np.linspace(0, n_samples - 1, 24)
    grid = np.zeros((3, 4, 8, 24))
    grid[0, 0], grid[1, 0], grid[2, 0] = 2.3 + 1e-5 * sample, -37.0 + 1e-3 * sample, -90.0 + 1e-3 * sample
    grid[1, 1], grid[2, 1] = 0.05, 0.1
    offsets = OffsetModel(line, sample, 200.0, 100.0, grid)
    height = (200 + 50 * np.sin(np.arange(n_lines + 2 * HALO) / 90)[:, None] + np.zeros(BURST[1])).astype(np.float32)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.complex64, BURST)

    def read(lines: slice, samples: slice) -> np.ndarray:
        raw = np.load(tmp_path / "burst.npy", mmap_mode="r")[lines, samples]
        return np.ascontiguousarray(raw, np.float32).view(np.complex64)[..., 0]

    def burst() -> None:
        samples = slice(500, 500 + BURST[1])
        for top in range(20, 20 + BURST[0], TILE_LINES):
            lines = slice(top, min(top + TILE_LINES, 20 + BURST[0]))
            tile = resample_burst_tile(
                read, model, offsets=offsets, height_tile=height[top : lines.stop + 2 * HALO],
                lines=lines, samples=samples, shift=Shift(0.01, 0.02),
            )  # fmt: skip
            out[lines.start - 20 : lines.stop - 20] = tile
        out.flush()

    benchmark(burst)
    report(benchmark, BURST[0] * BURST[1], 4 + 4 + 8, ns_per_byte)
