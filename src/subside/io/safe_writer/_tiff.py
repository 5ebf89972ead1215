"""Measurement TIFF: complex int16, one line a strip, uncompressed, with the geolocation grid as tie points."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_SHORT, _LONG, _ASCII, _DOUBLE = 3, 4, 2, 12
_KINDS = {_SHORT: "<u2", _LONG: "<u4", _DOUBLE: "<f8"}
_GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)


def _encoded(kind: int, value: Any) -> tuple[int, bytes]:
    if kind == _ASCII:
        raw = str(value).encode("ascii") + b"\0"
        return len(raw), raw
    array = np.atleast_1d(np.asarray(value)).astype(_KINDS[kind])
    return array.size, array.tobytes()


def tiff_header(shape: tuple[int, int], *, tie_points: npt.NDArray[np.float64], description: str, date: str) -> bytes:
    """Everything before the first sample.

    Parameters
    ----------
    shape : tuple of int
        Lines and samples.
    tie_points : ndarray of float64, (point, 6)
        Sample, line, 0, longitude, latitude, height.
    description : str
        What the image is.
    date : str
        ``YYYY:MM:DD hh:mm:ss``.

    Returns
    -------
    bytes
        Little-endian; the samples follow without a gap.
    """
    lines, samples = shape
    entries = [
        (256, _LONG, samples), (257, _LONG, lines), (258, _SHORT, 32), (259, _SHORT, 1), (262, _SHORT, 1),
        (270, _ASCII, description), (273, _LONG, np.zeros(lines)), (277, _SHORT, 1), (278, _LONG, 1),
        (279, _LONG, np.full(lines, 4 * samples)), (284, _SHORT, 1), (305, _ASCII, "subside"), (306, _ASCII, date),
        (339, _SHORT, 5), (33922, _DOUBLE, tie_points), (34735, _SHORT, _GEO_KEYS),
    ]  # fmt: skip
    place = 8 + 2 + 12 * len(entries) + 4
    directory, blocks, offsets_at = b"", [], 0
    for tag, kind, value in entries:
        count, raw = _encoded(kind, value)
        field = raw.ljust(4, b"\0")
        if len(raw) > 4:
            field = struct.pack("<I", place)
            if tag == 273:
                offsets_at = place
            blocks.append(raw.ljust(len(raw) + len(raw) % 2, b"\0"))
            place += len(blocks[-1])
        directory += struct.pack("<HHI", tag, kind, count) + field
    header = b"II" + struct.pack("<HIH", 42, 8, len(entries)) + directory + struct.pack("<I", 0) + b"".join(blocks)
    offsets = (len(header) + 4 * samples * np.arange(lines)).astype("<u4").tobytes()
    return header[:offsets_at] + offsets + header[offsets_at + len(offsets) :]
