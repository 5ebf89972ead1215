"""Raw rasters read band by band, and the checks made on a sample of them before anything long starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks.source import Finding

_SAMPLED_LINES = 12
_PLAUSIBLE = (1e-12, 1e12)


@dataclass(frozen=True)
class RawRaster:
    """A raster of fixed sample type in one file without compression.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        Lines and samples.
    dtype : numpy dtype
        Sample type with its byte order; a structured pair ``('re', 'im')`` of int16 is a short complex sample.
    n_bands, band : int
        Bands in the file and the one wanted.
    scheme : str
        ``BIP``, ``BIL`` or ``BSQ``.
    offset : int
        Bytes before the first sample.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_bands: int = 1
    band: int = 0
    scheme: Literal["BIP", "BIL", "BSQ"] = "BIP"
    offset: int = 0

    @property
    def n_bytes(self) -> int:
        """Size the file must have."""
        return self.offset + self.shape[0] * self.shape[1] * self.n_bands * self.dtype.itemsize

    def raw(self, rows: slice) -> npt.NDArray[Any]:
        """Read a band of lines as it is stored, (line, sample)."""
        first, last, _ = rows.indices(self.shape[0])
        n_lines, width, item = max(last - first, 0), self.shape[1], self.dtype.itemsize
        if self.scheme == "BSQ" or self.n_bands == 1:
            start = (self.band * self.shape[0] + first) * width
            return self._at(start * item, n_lines * width).reshape(n_lines, width)
        block = self._at(first * width * self.n_bands * item, n_lines * width * self.n_bands)
        if self.scheme == "BIL":
            return block.reshape(n_lines, self.n_bands, width)[:, self.band]
        return block.reshape(n_lines, width, self.n_bands)[:, :, self.band]

    def _at(self, start: int, count: int) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = np.fromfile(self.path, self.dtype, count, offset=self.offset + start)
        if len(values) != count:
            refuse("S103", self.path, f"size must be {self.n_bytes} bytes, got {self.path.stat().st_size}")
        return values

    def read(self, rows: slice) -> npt.NDArray[Any]:
        """Read a band of lines in native byte order; complex becomes complex64."""
        return native(self.raw(rows))


def native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values in native byte order, complex as complex64."""
    if values.dtype.names:
        result = np.empty(values.shape, np.complex64)
        result.real, result.imag = values["re"], values["im"]
        return result
    if values.dtype.kind == "c":
        return values.astype(np.complex64)
    return values.astype(values.dtype.newbyteorder("="))


def complex_dtype(image_format: str, byte_order: str) -> np.dtype[Any]:
    """Return the dtype of GAMMA's ``FCOMPLEX`` or ``SCOMPLEX`` in a byte order (``'>'`` or ``'<'``)."""
    if image_format == "SCOMPLEX":
        return np.dtype([("re", f"{byte_order}i2"), ("im", f"{byte_order}i2")])
    return np.dtype(f"{byte_order}c8")


def finite_or_zero(values: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    """Set samples that are not finite to zero (no data), in place."""
    values[~np.isfinite(values)] = 0
    return values


def _plausible(values: npt.NDArray[np.floating[Any]]) -> float:
    """Fraction of values that are zero, NaN or of a size a measurement has."""
    size = np.abs(values.astype(np.float64))
    low, high = _PLAUSIBLE
    return float(np.mean((size == 0) | np.isnan(size) | ((size >= low) & (size <= high))))


def _parts(raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Real view of complex samples in the byte order stored."""
    if raw.dtype.kind == "c":
        real = np.dtype(f"f{raw.dtype.itemsize // 2}").newbyteorder(raw.dtype.byteorder)
        return np.ascontiguousarray(raw).view(real)
    return raw


def check_size(raster: RawRaster) -> None:
    """Refuse a file that is missing, truncated or of another size.

    Raises
    ------
    InputFileError
        S102, S103 or S104.
    """
    if not raster.path.is_file():
        refuse("S102", raster.path, "file must exist")
    size, wanted = raster.path.stat().st_size, raster.n_bytes
    grid = f"{raster.shape[0]} lines x {raster.shape[1]} samples x {raster.n_bands * raster.dtype.itemsize} bytes"
    if size < wanted:
        refuse("S103", raster.path, f"size must be {wanted} bytes ({grid}), got {size}")
    if size > wanted:
        refuse("S104", raster.path, f"size must be {wanted} bytes ({grid}), got {size}")


def _check_byte_order(raster: RawRaster, sample: npt.NDArray[Any]) -> None:
    if raster.dtype.names or raster.dtype.kind not in "fc":
        return
    parts = _parts(sample)
    with np.errstate(invalid="ignore"):
        stated, other = _plausible(parts), _plausible(parts.view(parts.dtype.newbyteorder("S")))
    if stated >= 0.9:
        return
    numbers = (
        f"{stated:.0%} of the sampled values are plausible numbers as {raster.dtype.str}, {other:.0%} in the other"
    )
    refuse("S105" if other >= 0.9 else "S107", raster.path, numbers)


def check_raster(raster: RawRaster, *, may_be_zero: bool = False) -> list[Finding]:
    """Check size, byte order, zeros and NaN of a raw raster on lines spread over it.

    Parameters
    ----------
    raster : RawRaster
        The raster.
    may_be_zero : bool
        Whether a raster of zeros is legitimate (heights of the sea).

    Returns
    -------
    list of Finding
        W107 when some samples are not numbers.

    Raises
    ------
    InputFileError
        S102 to S108.
    """
    check_size(raster)
    rows = sampled_rows(raster.shape[0])
    sample = np.concatenate([raster.raw(slice(r, r + 1)) for r in rows])
    _check_byte_order(raster, sample)
    return check_sample(raster.path, native(sample), may_be_zero=may_be_zero)


def sampled_rows(n_lines: int) -> list[int]:
    """Lines looked at in a check: evenly spread, neither first nor last where there are enough."""
    n = min(_SAMPLED_LINES, n_lines)
    return [int((k + 0.5) * n_lines / n) for k in range(n)]


def check_reader(
    path: Path, read: Callable[[slice], npt.NDArray[Any]], n_lines: int, *, may_be_zero: bool = False
) -> list[Finding]:
    """Make the checks of :func:`check_sample` through any reader of bands."""
    sample = np.concatenate([read(slice(r, r + 1)) for r in sampled_rows(n_lines)])
    return check_sample(path, sample, may_be_zero=may_be_zero)


def check_sample(path: Path, values: npt.NDArray[Any], *, may_be_zero: bool = False) -> list[Finding]:
    """Refuse a sample of a file that holds no data or mostly NaN; report a few NaN.

    Raises
    ------
    InputFileError
        S106 or S108.
    """
    bad = ~np.isfinite(values)
    n_bad = int(np.count_nonzero(bad))
    if n_bad > values.size // 2:
        refuse("S108", path, f"{n_bad} of {values.size} sampled values are NaN or infinite")
    if not may_be_zero and not np.any(values[~bad]):
        refuse("S106", path, f"all {values.size} sampled values are zero")
    if n_bad:
        message = f"{n_bad} of {values.size} sampled values are NaN or infinite; such samples are read as no data"
        return [Finding("W107", str(path), message)]
    return []
