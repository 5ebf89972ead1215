"""The layout of a measurement TIFF: where its samples lie, if they lie in one piece."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.safe._bytes import ByteSource

Order = Literal["<", ">"]
"""Byte order of a file, as struct and numpy write it."""

_TYPES = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "u8", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 16: "u8", 17: "i8"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES = 256, 257, 258, 259, 273, 277
_ROWS, _FORMAT = 278, 339
_COMPLEX_INT = 5
_SAMPLE_BYTES = 4
_ORDERS: dict[bytes, Order] = {b"II": "<", b"MM": ">"}


@dataclass(frozen=True)
class TiffLayout:
    """Layout of the first image of a TIFF.

    Attributes
    ----------
    shape : tuple of int
        Lines and samples.
    dtype : numpy dtype
        int16 in the byte order of the file.
    offset : int or None
        Byte of the first sample where all samples are complex int16, uncompressed and in one piece; None where they
        are not and a TIFF library has to read them.
    """

    shape: tuple[int, int]
    dtype: np.dtype[np.int16]
    offset: int | None


def _directory(source: ByteSource, order: Order, is_big: bool) -> dict[int, tuple[int, int, bytes]]:
    head = "Q" if is_big else "I"
    start = struct.unpack(f"{order}{head}", source.read(8 if is_big else 4, 8 if is_big else 4).tobytes())[0]
    counted, entry = ("Q", f"{order}HHQ8s") if is_big else ("H", f"{order}HHI4s")
    width = struct.calcsize(f"{order}{counted}")
    n = struct.unpack(f"{order}{counted}", source.read(start, width).tobytes())[0]
    raw = source.read(start + width, n * struct.calcsize(entry)).tobytes()
    return {tag: (kind, count, value) for tag, kind, count, value in struct.iter_unpack(entry, raw)}


def _values(source: ByteSource, order: Order, entry: tuple[int, int, bytes]) -> npt.NDArray[Any]:
    kind, count, value = entry
    dtype = np.dtype(_TYPES[kind]).newbyteorder(order)
    size = dtype.itemsize * count
    if size <= len(value):
        return np.frombuffer(value[:size], dtype)
    where = int(np.frombuffer(value, np.dtype(f"u{len(value)}").newbyteorder(order))[0])
    return np.frombuffer(source.read(where, size).tobytes(), dtype)


def read_layout(source: ByteSource, file: str) -> TiffLayout:
    """Read the layout of a TIFF.

    Raises
    ------
    InputFileError
        S103 where the header is cut off or is not one of a TIFF.
    """
    try:
        magic = source.read(0, 4).tobytes()
        order = _ORDERS[magic[:2]]
        is_big = struct.unpack(f"{order}H", magic[2:])[0] == 43
        entries = _directory(source, order, is_big)
        read = {
            tag: _values(source, order, entries[tag]).astype(np.int64) for tag in entries if entries[tag][0] in _TYPES
        }
        shape = (int(read[_HEIGHT][0]), int(read[_WIDTH][0]))
        row = shape[1] * _SAMPLE_BYTES
        is_plain = (
            _OFFSETS in read
            and list(read[_BITS]) == [32]
            and int(read.get(_COMPRESSION, [1])[0]) == 1
            and int(read.get(_SAMPLES, [1])[0]) == 1
            and int(read[_FORMAT][0]) == _COMPLEX_INT
        )
        offset = None
        if is_plain:
            per_strip = min(int(read.get(_ROWS, [shape[0]])[0]), shape[0])
            offsets = read[_OFFSETS]
            expected = offsets[0] + np.arange(len(offsets)) * per_strip * row
            is_whole = len(offsets) == -(-shape[0] // per_strip) and bool(np.all(offsets == expected))
            offset = int(offsets[0]) if is_whole else None
    except (KeyError, IndexError, ValueError, struct.error) as error:
        refuse("S103", file, f"header of the TIFF must be whole, got {error!r}")
    return TiffLayout(shape=shape, dtype=np.dtype(np.int16).newbyteorder(order), offset=offset)
