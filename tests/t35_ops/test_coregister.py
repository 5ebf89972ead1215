"""The signal model of a burst, and resampling of signals whose value is known anywhere."""

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.offsets import OffsetModel
from subside.ops.coregister import HALO, Shift, copy_burst_tile, offsets_at, resample_burst_tile
from tops_burst import FAST, LINES, MODEL, SAMPLES


class Tones:
    """A burst whose deramped signal is a sum of tones of the band, known at any position."""

    def __init__(self, n: int = 60, seed: int = 3) -> None:
        rng = np.random.default_rng(seed)
        bands = (MODEL.azimuth_bandwidth * MODEL.line_interval, MODEL.range_bandwidth / MODEL.range_sampling_rate)
        self.f = rng.uniform(-0.5, 0.5, (2, n)) * np.array(bands)[:, None]
        window = np.prod([0.75 + 0.25 * np.cos(2 * np.pi * f / b) for f, b in zip(self.f, bands, strict=True)], 0)
        self.amplitude = window * (rng.normal(size=n) + 1j * rng.normal(size=n))
        self.n_read = 0

    def at(self, line: np.ndarray, sample: np.ndarray) -> np.ndarray:
        total = np.zeros(np.broadcast_shapes(line.shape, sample.shape), complex)
        for a, u, v in zip(self.amplitude, *self.f, strict=True):
            total += a * np.exp(2j * np.pi * (u * line + v * sample))
        return total * np.exp(-1j * MODEL.deramp_phase(line, sample))

    def read(self, lines: slice, samples: slice) -> np.ndarray:
        self.n_read += 1
        assert lines.start >= MODEL.valid_lines[0]
        assert lines.stop <= MODEL.valid_lines[1] + 1
        assert samples.start >= MODEL.valid_samples[0]
        assert samples.stop <= MODEL.valid_samples[1] + 1
        line = np.arange(lines.start, lines.stop, dtype=float)[:, None]
        return self.at(line, np.arange(samples.start, samples.stop, dtype=float)[None]).astype(np.complex64)


def offset_field(scale: float = 1.0) -> OffsetModel:
    line, sample = np.linspace(0, LINES - 1, 8), np.linspace(0, SAMPLES - 1, 12)
    grid = np.zeros((3, 3, 8, 12))
    grid[0, 0] = 3.27 + 1e-5 * line[:, None] + 7e-6 * sample
    grid[1, 0] = -37.3 + 1e-5 * line[:, None] + 1e-3 * sample + 1e-8 * sample**2
    grid[2, 0] = -90.0 + 2e-3 * sample
    grid[0, 1], grid[1, 1], grid[2, 1] = 1e-3, 0.4, 1.0
    grid[1, 2], grid[2, 2] = 2e-3, 3e-3
    return OffsetModel(line, sample, 200.0, 200.0, scale * grid)


def heights(lines: slice, samples: slice, relief: float = 150.0) -> np.ndarray:
    line = np.arange(lines.start - HALO, lines.stop + HALO)[:, None]
    sample = np.arange(samples.start, samples.stop)[None]
    return (200.0 + relief * np.sin(line / 40.0) * np.cos(sample / 90.0)).astype(np.float32)


def expected(tones: Tones, offsets: OffsetModel, height: np.ndarray, lines: slice, samples: slice, shift: Shift):
    line, sample = np.arange(lines.start, lines.stop), np.arange(samples.start, samples.stop)
    field = offsets_at(offsets, line=line, sample=sample, height=height[HALO:-HALO])
    value = tones.at(line[:, None] + field[0] + shift.azimuth, sample + field[1] + shift.range)
    return value * np.exp(4j * np.pi * field[2] / MODEL.wavelength)


def test_instantaneous_doppler_is_the_slope_of_the_ramp() -> None:
    line, sample = np.array([30.0, 751.0, 1470.0])[:, None], np.array([100.0, 1999.5, 3900.0])
    step = 0.01
    change = MODEL.deramp_phase(line + step, sample) - MODEL.deramp_phase(line - step, sample)
    doppler = -change / (2 * np.pi * 2 * step * MODEL.line_interval)
    np.testing.assert_allclose(MODEL.instantaneous_doppler(line, sample), doppler, atol=1e-3)
    assert np.all(MODEL.doppler_rate(sample) > 1500)


def test_doppler_rate_follows_steering_and_fm_rate() -> None:
    fast = MODEL.slant_range_time + 700.0 / MODEL.range_sampling_rate
    ka = -2290.0 + 4.4e5 * (fast - FAST) - 8e7 * (fast - FAST) ** 2
    assert MODEL.doppler_rate(700.0) == pytest.approx(ka * 7597.0 / (ka - 7597.0), rel=1e-12)
    assert MODEL.reference_time(SAMPLES / 2) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("relief", [0.0, 150.0])
def test_signal_is_found_at_its_shifted_position(relief: float) -> None:
    tones, offsets, shift = Tones(), offset_field(), Shift(0.041, 0.08)
    lines, samples = slice(300, 420), slice(500, 1900)
    height = heights(lines, samples, relief)
    out = resample_burst_tile(
        tones.read, MODEL, offsets=offsets, height_tile=height, lines=lines, samples=samples, shift=shift
    )
    truth = expected(tones, offsets, height, lines, samples, shift)
    error = 10 * np.log10(np.mean(np.abs(out - truth) ** 2) / np.mean(np.abs(truth) ** 2))
    assert error < -40.0
    assert abs(np.angle(np.sum(out * np.conj(truth)))) < 2e-4
    assert tones.n_read == 1
    wrong = expected(tones, offsets, height, lines, samples, Shift(0.041 + 9e-4, 0.08))
    edge = np.angle(np.sum(out[:20] * np.conj(wrong[:20])))
    slope = 2 * np.pi * MODEL.instantaneous_doppler(310.0, 1200.0) * MODEL.line_interval * 9e-4
    assert edge == pytest.approx(-slope, abs=5e-3)


def test_zero_offset_gives_the_burst_back() -> None:
    tones = Tones()
    lines, samples = slice(700, 760), slice(64, 1500)
    tile = resample_burst_tile(
        tones.read,
        MODEL,
        offsets=offset_field(0.0),
        height_tile=heights(lines, samples),
        lines=lines,
        samples=samples,
    )
    np.testing.assert_allclose(tile, tones.read(lines, samples), atol=2e-5)
    np.testing.assert_array_equal(
        copy_burst_tile(tones.read, MODEL, lines=lines, samples=samples), tones.read(lines, samples)
    )


def test_no_data_outside_the_valid_window_or_without_height() -> None:
    tones, offsets = Tones(), offset_field()
    lines, samples = slice(14, 60), slice(0, 256)
    height = heights(lines, samples)
    height[HALO + 30, 200] = np.nan
    out = resample_burst_tile(tones.read, MODEL, offsets=offsets, height_tile=height, lines=lines, samples=samples)
    line, sample = np.arange(14, 60), np.arange(256)
    field = offsets_at(offsets, line=line, sample=sample, height=np.nan_to_num(height[HALO:-HALO], nan=200.0))
    at_line, at_sample = line[:, None] + field[0], sample + field[1]
    has_taps = (at_line >= 20 + 3) & (at_sample >= 40 + 8)
    has_taps[30, 200] = False
    np.testing.assert_array_equal(out != 0, has_taps)
    truth = expected(tones, offsets, np.nan_to_num(height, nan=200.0), lines, samples, Shift())
    assert np.abs((out - truth)[has_taps]).max() < 0.1 * np.abs(truth).mean()


def test_tile_outside_the_burst_reads_nothing() -> None:
    tones = Tones()
    far = replace(
        offset_field(), coefficients=offset_field().coefficients + np.array([3000.0, 0, 0])[:, None, None, None]
    )
    lines, samples = slice(100, 140), slice(300, 500)
    out = resample_burst_tile(
        tones.read, MODEL, offsets=far, height_tile=heights(lines, samples), lines=lines, samples=samples
    )
    assert not out.any()
    assert tones.n_read == 0


def test_tiles_join_without_a_seam() -> None:
    tones, offsets = Tones(), offset_field()
    samples = slice(500, 900)

    def tile(lines: slice) -> np.ndarray:
        height = heights(lines, samples)
        return resample_burst_tile(tones.read, MODEL, offsets=offsets, height_tile=height, lines=lines, samples=samples)

    whole = tile(slice(300, 460))
    parts = np.concatenate([tile(slice(300, 380)), tile(slice(380, 460))])
    assert np.abs(whole - parts).max() < 3e-3 * np.abs(whole).mean()


def test_wrong_shapes_are_refused() -> None:
    lines, samples = slice(300, 340), slice(500, 600)
    with pytest.raises(ArgumentError, match="height_tile"):
        resample_burst_tile(
            Tones().read,
            MODEL,
            offsets=offset_field(),
            height_tile=np.zeros((40, 100), np.float32),
            lines=lines,
            samples=samples,
        )
    with pytest.raises(ArgumentError, match="`lines`"):
        resample_burst_tile(
            Tones().read,
            MODEL,
            offsets=offset_field(),
            height_tile=np.zeros((40, 100), np.float32),
            lines=slice(0, 300),
            samples=samples,
        )
