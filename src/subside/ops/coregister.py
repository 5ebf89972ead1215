"""One burst of a date on the grid of the reference burst: deramp, resample, reramp, flatten, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.deramp import deramp_tile, reramp_tile
from subside.kernels.resample import (
    AZIMUTH_TAPS,
    RANGE_TAPS,
    RUN,
    azimuth_pass,
    evaluate_offsets,
    interpolation_weights,
    range_pass,
)
from subside.model.offsets import OffsetModel
from subside.ops.tops import TopsModel

FloatArray = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]
ReadBurst = Callable[[slice, slice], Complex64]
"""``read(lines, samples)``: complex64 samples of a burst, slices in lines and samples of the burst."""

TILE_LINES = 256
"""Output lines of a tile: constant, because the last bits of a result depend on it."""

HALO = 8
"""Lines of height a tile needs above and below itself."""

_BAND_MARGIN = 1.03
_STRIP = 1024
_SLACK = 3


@dataclass(frozen=True)
class Shift:
    """Where an image lies: actual minus predicted from annotation and orbit.

    Attributes
    ----------
    azimuth : float
        Lines.
    range : float
        Samples.
    """

    azimuth: float = 0.0
    range: float = 0.0


@dataclass(frozen=True)
class _Weights:
    """Interpolation tables of the two passes."""

    azimuth: npt.NDArray[np.float32]
    azimuth_slope: npt.NDArray[np.float32]
    range: npt.NDArray[np.float32]
    range_slope: npt.NDArray[np.float32]


@lru_cache(maxsize=16)
def _weights(azimuth_band: float, range_band: float, window_coefficient: float) -> _Weights:
    return _Weights(
        *interpolation_weights(AZIMUTH_TAPS, azimuth_band, window_coefficient),
        *interpolation_weights(RANGE_TAPS, range_band, window_coefficient),
    )


def weights_of(model: TopsModel) -> _Weights:
    """Interpolation tables for the spectrum of a burst, its azimuth band widened by 3 % for a centroid off centre."""
    azimuth = round(model.azimuth_bandwidth * model.line_interval * _BAND_MARGIN, 4)
    return _weights(
        min(azimuth, 0.95), round(model.range_bandwidth / model.range_sampling_rate, 4), model.window_coefficient
    )


def offsets_at(
    offsets: OffsetModel, *, line: npt.ArrayLike, sample: npt.ArrayLike, height: npt.ArrayLike
) -> FloatArray:
    """Evaluate offsets on the lattice of ``line`` and ``sample``.

    Parameters
    ----------
    offsets : OffsetModel
    line : array_like of float, (line,)
    sample : array_like of float, (sample,)
        Reference burst.
    height : array_like of float, broadcast to (line, sample)
        m.

    Returns
    -------
    ndarray of float64, (3, line, sample)
        Azimuth offset (lines), range offset (samples), range difference (m).
    """
    grid = CubicSpline(offsets.line, offsets.coefficients, axis=2)(np.asarray(line, np.float64))
    grid = CubicSpline(offsets.sample, grid, axis=3)(np.asarray(sample, np.float64))
    u = (np.asarray(height, np.float64) - offsets.height_origin) / offsets.height_scale
    return np.asarray(np.polynomial.polynomial.polyval(u, np.moveaxis(grid, 1, 0), tensor=False))


def _zero_invalid(tile: Complex64, model: TopsModel, lines: slice, samples: slice) -> None:
    """Set to zero what lies outside the valid window of the burst."""
    (first, last), (left, right) = model.valid_lines, model.valid_samples
    tile[: max(first - lines.start, 0)] = 0
    tile[max(last + 1 - lines.start, 0) :] = 0
    tile[:, : max(left - samples.start, 0)] = 0
    tile[:, max(right + 1 - samples.start, 0) :] = 0


def copy_burst_tile(read: ReadBurst, model: TopsModel, *, lines: slice, samples: slice) -> Complex64:
    """Tile of the reference date: its samples as they are, zero outside the valid window.

    Parameters
    ----------
    read : callable
        ``read(lines, samples)`` gives complex64 samples.
    model : TopsModel
        Of the reference burst.
    lines, samples : slice
        Inside the burst.

    Returns
    -------
    ndarray of complex64, (line, sample)
    """
    tile = np.array(read(lines, samples), np.complex64)
    _zero_invalid(tile, model, lines, samples)
    return tile


@dataclass(frozen=True)
class _Source:
    """The part of the other burst that a tile needs, zero where the burst has no data."""

    data: Complex64
    first_line: int
    first_sample: int

    @classmethod
    def read(
        cls, read: ReadBurst, model: TopsModel, rows: tuple[float, float], columns: tuple[float, float]
    ) -> _Source:
        """Read between two positions (lines, samples of the burst) and what the taps reach beyond."""
        first = int(np.floor(rows[0])) - AZIMUTH_TAPS // 2 - _SLACK
        last = int(np.ceil(rows[1])) + AZIMUTH_TAPS // 2 + _SLACK
        left = int(np.floor(columns[0])) - RANGE_TAPS // 2 - _SLACK
        right = int(np.ceil(columns[1])) + RANGE_TAPS // 2 + _SLACK + RUN
        data = np.zeros((last - first + 1, right - left + 1), np.complex64)
        inside = (max(first, model.valid_lines[0]), min(last, model.valid_lines[1]) + 1)
        across = (max(left, model.valid_samples[0]), min(right, model.valid_samples[1]) + 1)
        if inside[0] < inside[1] and across[0] < across[1]:
            part = (slice(inside[0] - first, inside[1] - first), slice(across[0] - left, across[1] - left))
            data[part] = read(slice(*inside), slice(*across))
        return cls(data, first, left)


class _OffsetRows:
    """Piecewise cubics of an offset model on consecutive lines, for any run of samples."""

    def __init__(self, offsets: OffsetModel, lines: FloatArray) -> None:
        self._step = float(offsets.sample[1] - offsets.sample[0])
        self._first = float(offsets.sample[0])
        self._origin, self._scale = offsets.height_origin, offsets.height_scale
        cubic = CubicSpline(offsets.sample, CubicSpline(offsets.line, offsets.coefficients, axis=2)(lines), axis=3)
        scaled = cubic.c[::-1] * self._step ** np.arange(4)[:, None, None, None, None]
        self._rows = np.ascontiguousarray(np.transpose(scaled, (4, 1, 2, 3, 0)))
        """(line, interval, quantity, power, 4)"""

    def __call__(self, first_sample: int, height: npt.NDArray[np.float32]) -> FloatArray:
        """Offsets from ``first_sample`` on, (3, line, sample)."""
        n_intervals, n_samples = self._rows.shape[1], height.shape[1]
        out = np.empty((3, *height.shape))
        nodes = self._first + self._step * np.arange(n_intervals + 1)
        edges = np.clip(np.ceil(nodes - first_sample), 0, n_samples).astype(np.int64)
        edges[0], edges[-1] = 0, n_samples
        evaluate_offsets(
            self._rows, edges, first_sample - self._first, self._step, height, self._origin, self._scale, out
        )
        return out


def resample_burst_tile(
    read: ReadBurst,
    model: TopsModel,
    *,
    offsets: OffsetModel,
    height_tile: npt.NDArray[np.float32],
    lines: slice,
    samples: slice,
    shift: Shift | None = None,
) -> Complex64:
    """Resample one tile of a burst to the reference grid and flatten it.

    ``out(l, s) = I{z exp(j D)}(l', s') exp(-j D(l', s')) exp(+j 4 pi (R - R_ref) / wavelength)`` with ``D`` the
    deramping phase of the burst itself and ``l' = l + azimuth offset + shift.azimuth``, ``s'`` alike. ``I`` is a
    least-squares interpolator of ``RANGE_TAPS`` by ``AZIMUTH_TAPS`` samples.

    Parameters
    ----------
    read : callable
        ``read(lines, samples)`` gives complex64 samples of the burst of this date; called once, inside the valid
        window, or not at all where the tile lies outside it.
    model : TopsModel
        Of the burst of this date.
    offsets : OffsetModel
        Of this date against the reference burst.
    height_tile : ndarray of float32, (line + 2 HALO, sample)
        Heights of the reference grid, m, with ``HALO`` more lines above and below. NaN is unknown.
    lines, samples : slice
        The tile in lines and samples of the reference burst; at most ``TILE_LINES`` lines.
    shift : Shift, optional
        Actual position minus the predicted one. Zero by default.

    Returns
    -------
    ndarray of complex64, (line, sample)
        Zero where the height is unknown or the taps touch samples outside the valid window of the burst.

    Raises
    ------
    ArgumentError
        If the tile has more than ``TILE_LINES`` lines or ``height_tile`` another shape.
    """
    shift = shift or Shift()
    n_lines, n_samples = lines.stop - lines.start, samples.stop - samples.start
    if not 0 < n_lines <= TILE_LINES or n_samples < 1:
        raise ArgumentError(
            f"`lines` must hold 1 to {TILE_LINES} lines and `samples` some samples, got {lines}, {samples}"
        )
    _check.shape((n_lines + 2 * HALO, n_samples), height_tile=height_tile)
    known = height_tile[np.isfinite(height_tile)]
    out = np.zeros((n_lines, n_samples), np.complex64)
    if known.size == 0:
        return out
    box = _bounds(offsets, lines, samples, (float(known.min()), float(known.max())))
    columns = (box[1, 0] + samples.start + shift.range, box[1, 1] + samples.stop + shift.range)
    source = _Source.read(
        read, model, (box[0, 0] + lines.start + shift.azimuth, box[0, 1] + lines.stop + shift.azimuth), columns
    )
    if not source.data.any():
        return out
    with_halo = np.arange(lines.start - HALO, lines.stop + HALO, dtype=np.float64)
    rows = _OffsetRows(offsets, with_halo)
    for start in range(0, n_samples, _STRIP):
        stop = min(start + _STRIP, n_samples)
        height = np.ascontiguousarray(height_tile[:, start:stop], np.float32)
        spare = -(stop - start) % RUN
        if spare:
            height = np.pad(height, ((0, 0), (0, spare)), mode="edge")
        field = rows(samples.start + start, height)
        field[0] += shift.azimuth
        field[1] += shift.range
        _resample_strip(source, model, field, height, (lines.start, samples.start + start), out[:, start:stop])
    return out


def _bounds(offsets: OffsetModel, lines: slice, samples: slice, heights: tuple[float, float]) -> FloatArray:
    """Least and greatest azimuth and range offset over a tile, (2, 2)."""
    line = np.linspace(lines.start, lines.stop, 5)
    sample = np.linspace(samples.start, samples.stop, 33)
    both = np.stack([offsets_at(offsets, line=line, sample=sample, height=h)[:2].reshape(2, -1) for h in heights])
    return np.stack([both.min((0, 2)), both.max((0, 2))], axis=1)


def _resample_strip(
    source: _Source,
    model: TopsModel,
    field: FloatArray,
    height: npt.NDArray[np.float32],
    corner: tuple[int, int],
    out: Complex64,
) -> None:
    """Resample a strip whose working arrays stay in the cache."""
    weights = weights_of(model)
    n_lines = len(out)
    width = height.shape[1]
    drift = field[1, len(height) // 2]
    nearest = int(np.floor(field[1].min())) + corner[1] - RANGE_TAPS // 2 - 1
    furthest = int(np.ceil(field[1].max())) + corner[1] + width + RANGE_TAPS // 2 + 1
    left = max(nearest - source.first_sample, 0)
    right = max(min(furthest - source.first_sample, source.data.shape[1]), left + 1)
    data = source.data[:, left:right]
    columns = source.first_sample + np.arange(left, right)

    real, imaginary = np.empty(data.shape, np.float32), np.empty(data.shape, np.float32)
    first_time = (source.first_line - model.mid_line) * model.line_interval
    deramp_tile(data, first_time, model.line_interval, model.phase_coefficients(columns), real, imaginary)

    between = np.empty((2, len(data), width), np.float32)
    first_row = corner[0] - HALO
    range_pass(
        real, imaginary, float(source.first_line - first_row), field[0], field[1],
        float(corner[1] - source.first_sample - left), weights.range, weights.range_slope, between[0], between[1],
    )  # fmt: skip
    inner = slice(HALO, HALO + n_lines)
    azimuth = field[0, inner]
    after = np.empty((2, n_lines, width), np.float32)
    azimuth_pass(
        between[0], between[1], float(corner[0] - source.first_line), azimuth,
        weights.azimuth, weights.azimuth_slope, after[0], after[1],
    )  # fmt: skip

    centre = corner[1] + np.arange(width) + drift
    phase = model.phase_coefficients(centre)
    slope = model.phase_coefficients(centre + 0.5) - model.phase_coefficients(centre - 0.5)
    reramp_tile(
        after[0], after[1], azimuth, field[1, inner], field[2, inner], height[inner], drift,
        corner, _limits(model), 2.0 / model.wavelength, model.mid_line, model.line_interval, phase, slope, out,
    )  # fmt: skip


def _limits(model: TopsModel) -> tuple[float, float, float, float]:
    """First and last line and sample that may be interpolated."""
    half, other = AZIMUTH_TAPS // 2 - 1, AZIMUTH_TAPS // 2
    near, far = RANGE_TAPS // 2, RANGE_TAPS // 2 + 1
    return (
        float(model.valid_lines[0] + half), float(model.valid_lines[1] - other + 1),
        float(model.valid_samples[0] + near), float(model.valid_samples[1] - far + 1),
    )  # fmt: skip
