"""Spatially correlated phase of each pair on a grid of cells, with and without the pixel's own neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from subside.errors import ArgumentError
from subside.kernels.spatial import apply_clap_transfer, evaluate_block

Complex = npt.NDArray[np.complex64]

BLOCK = 4
"""Cells of a re-estimation block along each axis: they share one transform."""


@dataclass(frozen=True)
class ClapOptions:
    """Combined low-pass and adaptive phase filter on the grid of cells.

    Attributes
    ----------
    window : int
        Cells of a filter window along each axis, a multiple of 4.
    pad : int
        Zero cells added to a window before its transform; ``window + pad`` is even and at least 8.
    alpha, beta : float
        Exponent and weight of the adaptive part.
    low_pass_wavelength : float
        Wavelength at which the fixed part falls to one half, m.
    """

    window: int = 24
    pad: int = 8
    alpha: float = 1.0
    beta: float = 0.3
    low_pass_wavelength: float = 800.0

    def __post_init__(self) -> None:
        """Validate."""
        if self.window < 8 or self.window % 4:
            raise ArgumentError(f"`window` must be a multiple of 4 and at least 8, got {self.window}")
        if self.pad < 0 or self.size % 2:
            raise ArgumentError(f"`window + pad` must be even with `pad` >= 0, got {self.window} + {self.pad}")
        if not (self.alpha > 0 and self.beta >= 0 and self.low_pass_wavelength > 0):
            raise ArgumentError(
                "`alpha` and `low_pass_wavelength` must be positive and `beta` not negative, got "
                f"{self.alpha}, {self.low_pass_wavelength} and {self.beta}"
            )

    @property
    def size(self) -> int:
        """Length of the transform along each axis."""
        return self.window + self.pad


@dataclass(frozen=True)
class CellGrid:
    """Square cells in the radar frame, aligned to the scene so that tiles agree on them.

    Attributes
    ----------
    shape : tuple of int
        Cells along azimuth and range.
    first : tuple of int
        Scene-wide index of the first cell along each axis, a multiple of :data:`BLOCK`.
    row, column : ndarray of int64, (pixel,)
        Cell of each pixel.
    """

    shape: tuple[int, int]
    first: tuple[int, int]
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]

    @property
    def cell(self) -> npt.NDArray[np.int64]:
        """Row-major index of the cell of each pixel."""
        return self.row * self.shape[1] + self.column

    @property
    def block(self) -> npt.NDArray[np.int64]:
        """Row-major index of the re-estimation block of each pixel."""
        return (self.row // BLOCK) * (self.shape[1] // BLOCK) + self.column // BLOCK

    @property
    def place_in_block(self) -> npt.NDArray[np.int64]:
        """Row-major index of the cell of each pixel within its block."""
        return (self.row % BLOCK) * BLOCK + self.column % BLOCK


def cell_grid(
    azimuth: npt.NDArray[np.integer], range_: npt.NDArray[np.integer], spacing: tuple[float, float], size: float
) -> CellGrid:
    """Assign pixels to cells of ``size`` metres, counted from line 0 and sample 0.

    Parameters
    ----------
    azimuth, range_ : ndarray of int, (pixel,)
        Pixel; at least one.
    spacing : tuple of float
        Ground spacing of lines and samples, m.
    size : float
        Side of a cell, m.

    Returns
    -------
    CellGrid
        Whole number of blocks along each axis.
    """
    index = [
        np.floor((np.asarray(p, np.float64) + 0.5) * (s / size)).astype(np.int64)
        for p, s in zip((azimuth, range_), spacing, strict=True)
    ]
    first = [int(i.min()) // BLOCK * BLOCK for i in index]
    shape = [-(-(int(i.max()) + 1 - f) // BLOCK) * BLOCK for i, f in zip(index, first, strict=True)]
    return CellGrid((shape[0], shape[1]), (first[0], first[1]), index[0] - first[0], index[1] - first[1])


def _low_pass(options: ClapOptions, cell_size: float) -> npt.NDArray[np.float32]:
    frequency = np.fft.fftfreq(options.size, cell_size)
    one = 1.0 / (1.0 + (frequency * options.low_pass_wavelength) ** 10)
    return np.outer(one, one).astype(np.float32)


def _gaussian(n: int) -> npt.NDArray[np.float32]:
    m = np.arange(n) - (n - 1) / 2
    taps: npt.NDArray[np.float32] = np.exp(-0.5 * (2.5 * m / ((n - 1) / 2)) ** 2).astype(np.float32)
    return taps


def _starts(length: int, window: int) -> list[int]:
    step = window // 4
    return [min(s, length - window) for s in range(0, length - window + step, step)]


def filter_grid(grid: Complex, options: ClapOptions, *, cell_size: float) -> Complex:
    """Filter each pair's grid in overlapping windows (StaMPS' CLAP; any grid size).

    Parameters
    ----------
    grid : ndarray of complex64, (pair, row, column)
        Weighted phasor sums; zero where nothing is known.
    options : ClapOptions
        Filter.
    cell_size : float
        Side of a cell, m.

    Returns
    -------
    ndarray of complex64, (pair, row, column)
        Only the argument carries meaning. Grids smaller than a window are padded with zeros.

    Notes
    -----
    Hooper, A. (2006), *Persistent scatterer radar interferometry for crustal deformation studies and
    modeling of volcanic deformation*, ch. 2.3. Windows step by a quarter of their length and are weighted
    by the sum of two triangles; a window that would overrun the border is moved back with its weights.
    """
    n_pairs, rows, columns = grid.shape
    window = options.window
    full = np.zeros((n_pairs, max(rows, window), max(columns, window)), np.complex64)
    full[:, :rows, :columns] = grid
    total = np.zeros_like(full)
    ramp = np.minimum(np.arange(window), np.arange(window)[::-1]).astype(np.float32)
    weight = ramp[:, None] + ramp[None, :] + np.float32(1e-6)
    low_pass, smoother = _low_pass(options, cell_size), _gaussian(7)
    for r in _starts(full.shape[1], window):
        for c in _starts(full.shape[2], window):
            part = full[:, r : r + window, c : c + window]
            if not part.any():
                continue
            spectrum = fft.fft2(part, s=(options.size, options.size), workers=1)
            apply_clap_transfer(spectrum, low_pass, smoother, options.alpha, options.beta)
            part = fft.ifft2(spectrum, overwrite_x=True, workers=1)[:, :window, :window]
            total[:, r : r + window, c : c + window] += weight * part
    return np.ascontiguousarray(total[:, :rows, :columns])


def predict_without(
    grid: Complex,
    block: npt.NDArray[np.int64],
    margin: tuple[int, int],
    options: ClapOptions,
    *,
    cell_size: float,
) -> Complex:
    """Patch phase of the cells of blocks from a window in which the block and a margin are set to zero.

    Parameters
    ----------
    grid : ndarray of complex64, (pair, row, column)
        Weighted phasor sums; whole numbers of blocks along both axes.
    block : ndarray of int64, (block,)
        Row-major indices of the blocks wanted.
    margin : tuple of int
        Cells beyond the block that are excluded too, along azimuth and range, at the border of the grid as
        elsewhere: a smaller margin there lets noise that shares filter windows look coherent.
    options : ClapOptions
        Filter; one window of ``options.size`` cells centred on the block, no padding.
    cell_size : float
        Side of a cell, m.

    Returns
    -------
    ndarray of complex64, (block, BLOCK ** 2, pair)
        Filtered value at the block's cells in row-major order; zero where the window is empty.

    Raises
    ------
    ArgumentError
        If the margin leaves nothing of the window.
    """
    n_pairs, _, columns = grid.shape
    size = options.size
    before = (size - BLOCK) // 2
    if max(margin) >= before:
        raise ArgumentError(
            f"`margin` must be below {before} cells for a window of {size}, got {margin}: use larger cells"
        )
    padded = np.pad(grid, ((0, 0), (size, size), (size, size)))
    low_pass, smoother = _low_pass(options, cell_size), _gaussian(7)
    position = np.outer(np.arange(before, before + BLOCK), np.fft.fftfreq(size))
    wave: Complex = (np.exp(2j * np.pi * position) / size).astype(np.complex64)
    hole = [slice(before - m, before + BLOCK + m) for m in margin]
    across = columns // BLOCK
    result: Complex = np.zeros((len(block), BLOCK**2, n_pairs), np.complex64)
    for column in np.unique(block % across):
        c = BLOCK * int(column) - before + size
        strip = np.array(padded[:, :, c : c + size])
        whole = fft.fft(strip, axis=2, workers=1)
        strip[:, :, hole[1]] = 0
        pierced = fft.fft(strip, axis=2, workers=1, overwrite_x=True)
        for n in np.flatnonzero(block % across == column):
            r = BLOCK * (int(block[n]) // across) - before + size
            window = np.array(whole[:, r : r + size])
            window[:, hole[0]] = pierced[:, r + hole[0].start : r + hole[0].stop]
            spectrum = fft.fft(window, axis=1, workers=1, overwrite_x=True)
            apply_clap_transfer(spectrum, low_pass, smoother, options.alpha, options.beta)
            result[n] = evaluate_block(spectrum, wave)
    return result
