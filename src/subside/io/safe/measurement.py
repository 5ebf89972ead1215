"""Pixels of bursts, straight from the measurement files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.safe._bytes import open_bytes
from subside.io.safe._tiff import TiffLayout, read_layout
from subside.io.safe.annotation import Annotation
from subside.io.safe.container import split_address
from subside.model.acquisition import Acquisition

_BAND = 128
_SAMPLE_BYTES = 4


@lru_cache(maxsize=64)
def _layout(address: str, changed: int) -> TiffLayout:
    return read_layout(open_bytes(address), address)


def _known_layout(address: str) -> TiffLayout:
    path, _ = split_address(address)
    return _layout(address, path.stat().st_mtime_ns if path.exists() else 0)


def check_measurement(annotation: Annotation, files: Sequence[str]) -> None:
    """Check that the measurement file of an annotation is there and whole, without reading its samples.

    Parameters
    ----------
    annotation : Annotation
        With at least one burst.
    files : sequence of str
        Files in ``measurement/`` of the product.

    Raises
    ------
    InputFileError
        S102 (not there), S103 (shorter than the annotation says), S104 (another size).
    """
    container, member = annotation.container, annotation.measurement
    address = container.address(member)
    if member not in files:
        refuse("S102", address, f"must exist for {annotation.swath} {annotation.polarisation}")
    size, shape = container.size(member), (annotation.lines_per_burst, annotation.samples_per_burst)
    needed = annotation.bursts[-1].byte_offset + shape[0] * shape[1] * _SAMPLE_BYTES
    if size >= needed:
        return
    # A file written again by other software starts elsewhere than the annotation says.
    layout = _known_layout(address)
    if layout.offset is not None:
        needed = layout.offset + len(annotation.bursts) * shape[0] * layout.shape[1] * _SAMPLE_BYTES
        if size < needed:
            refuse("S103", address, f"size must be {needed} bytes for {len(annotation.bursts)} bursts, got {size}")
    if layout.shape[0] < len(annotation.bursts) * shape[0] or layout.shape[1] < shape[1]:
        wanted = (len(annotation.bursts) * shape[0], shape[1])
        refuse("S104", address, f"lines and samples must be {wanted}, got {layout.shape}")


@dataclass(frozen=True)
class BurstPixels:
    """The samples of one burst, read on demand.

    Attributes
    ----------
    address : str
        The measurement file: a path, or ``archive.zip!member``.
    shape : tuple of int
        Lines and samples of the burst, invalid ones included.
    line_offset : int
        Line of the file at which the burst begins.
    layout : TiffLayout
        Layout of the file.
    """

    address: str
    shape: tuple[int, int]
    line_offset: int
    layout: TiffLayout

    def read(self, lines: slice = slice(None), samples: slice = slice(None)) -> npt.NDArray[np.complex64]:
        """Read a window.

        Parameters
        ----------
        lines, samples : slice
            Of the burst, step 1; the whole burst by default.

        Returns
        -------
        ndarray of complex64, (line, sample)
            Digital numbers as the processor wrote them; zero outside the valid window.

        Raises
        ------
        InputFileError
            S103 where the file is cut off or cannot be decoded.
        """
        first, last, step = lines.indices(self.shape[0])
        left, right, stride = samples.indices(self.shape[1])
        if step != 1 or stride != 1:
            raise ArgumentError(f"`lines` and `samples` must have step 1, got {lines} and {samples}")
        out = np.empty((max(last - first, 0), max(right - left, 0)), np.complex64)
        if out.size == 0:
            return out
        if self.layout.offset is None:
            self._decode(out, first, left)
        else:
            self._convert(out, first, left)
        return out

    def _convert(self, out: npt.NDArray[np.complex64], first: int, left: int) -> None:
        source = open_bytes(self.address)
        row = self.layout.shape[1] * _SAMPLE_BYTES
        parts = out.view(np.float32)
        for begin in range(0, len(out), _BAND):
            n = min(_BAND, len(out) - begin)
            offset = (self.layout.offset or 0) + (self.line_offset + first + begin) * row
            raw = source.read(offset, n * row)
            if len(raw) < n * row:
                refuse("S103", self.address, f"file must hold {offset + n * row} bytes, got {offset + len(raw)}")
            stored = raw.view(self.layout.dtype).reshape(n, 2 * self.layout.shape[1])
            parts[begin : begin + n] = stored[:, 2 * left : 2 * left + parts.shape[1]]

    def _decode(self, out: npt.NDArray[np.complex64], first: int, left: int) -> None:
        path, member = split_address(self.address)
        name = str(path) if member is None else f"/vsizip/{path}/{member}"
        window = Window(left, self.line_offset + first, out.shape[1], out.shape[0])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(name) as dataset:
                    values: npt.NDArray[Any] = dataset.read(1, window=window)
        except RasterioError as error:
            refuse("S103", self.address, f"lines of the burst must be readable, got: {error}")
        out[:] = values


def open_burst(acquisition: Acquisition, swath: str, burst: int) -> BurstPixels:
    """Open the samples of one burst; nothing is read but the header of the file.

    Uncompressed files, and members stored in a zip without compression, are mapped and converted at the speed of
    memory. Members of a compressed zip are inflated in memory: the first burst asked for costs the inflation of
    everything before it in its file, going forward from there costs that of the bytes passed, and going back 16 MiB
    at most, as long as no more than six such files are read by turns. Whatever else GDAL reads (tiled, compressed or
    floating point TIFFs) goes through it.

    Parameters
    ----------
    acquisition : Acquisition
        One date.
    swath : str
        ``"IW1"``, ``"IW2"`` or ``"IW3"``.
    burst : int
        Burst number.

    Returns
    -------
    BurstPixels
        Reader of windows of the burst.

    Raises
    ------
    ArgumentError
        If the acquisition does not hold that swath or burst.
    InputFileError
        S102 (file gone), S103 (cut off), S104 (not the size of the annotation), S117.
    """
    if swath not in acquisition.swaths:
        raise ArgumentError(f"`swath` must be one of {sorted(acquisition.swaths)}, got {swath!r}")
    within = acquisition.swaths[swath]
    record = within.burst(burst)
    layout = _known_layout(record.file)
    shape = (within.lines_per_burst, within.samples_per_burst)
    if layout.shape[0] < record.line_offset + shape[0] or layout.shape[1] < shape[1]:
        wanted = (record.line_offset + shape[0], shape[1])
        refuse("S104", record.file, f"lines and samples must be at least {wanted}, got {layout.shape}")
    return BurstPixels(address=record.file, shape=shape, line_offset=record.line_offset, layout=layout)
