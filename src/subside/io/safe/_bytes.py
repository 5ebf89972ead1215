"""Bytes of a file, of a stored zip member, or of a deflated one, at any offset."""

from __future__ import annotations

import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.safe.container import split_address

_CHECKPOINT = 16 << 20
_CHUNK = 1 << 18
_PIECE = 4 << 20
_LOCAL_HEADER = 30
_N_KEPT = 6


class ByteSource(Protocol):
    """Random access to the bytes of one file."""

    size: int

    def read(self, offset: int, count: int) -> npt.NDArray[np.uint8]:
        """Return ``count`` bytes from ``offset``; fewer at the end of the file."""
        ...


class MappedFile:
    """A file, or a member stored in a zip without compression: mapped, nothing copied."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self.path, self.start, self.size = path, start, size

    def read(self, offset: int, count: int) -> npt.NDArray[np.uint8]:
        """Return a view on the mapped file."""
        count = max(min(count, self.size - offset), 0)
        if count == 0:
            return np.empty(0, np.uint8)
        return np.memmap(self.path, np.uint8, "r", offset=self.start + offset, shape=(count,))


class DeflatedMember:
    """A compressed member of a zip, inflated in memory from the nearest point passed before.

    The state of the inflater is kept every 16 MiB (about 50 kB each), so that reading forward costs what inflating
    costs, and reading back costs 16 MiB at most. The checksum is compared whenever the end is reached.
    """

    def __init__(self, path: Path, start: int, info: zipfile.ZipInfo) -> None:
        self.path, self.start, self.packed, self.size = path, start, info.compress_size, info.file_size
        self._name, self._sum = info.filename, info.CRC
        self._lock = threading.Lock()
        self._points: list[tuple[int, int, int, Any]] = [(0, 0, 0, zlib.decompressobj(-zlib.MAX_WBITS))]

    def read(self, offset: int, count: int) -> npt.NDArray[np.uint8]:
        """Inflate the bytes asked for."""
        count = max(min(count, self.size - offset), 0)
        out = np.empty(count, np.uint8)
        with self._lock:
            try:
                filled = self._inflate(offset, out)
            except (zlib.error, OSError) as error:
                refuse("S103", self.path, f"{self._name} must inflate, got: {error}")
        if filled < count:
            refuse("S103", self.path, f"{self._name} must inflate to {self.size} bytes, got {offset + filled}")
        return out

    def _inflate(self, offset: int, out: npt.NDArray[np.uint8]) -> int:
        at, consumed, checksum, state = max((p for p in self._points if p[0] <= offset), key=lambda p: p[0])
        state, end = state.copy(), offset + len(out)
        with self.path.open("rb") as file:
            file.seek(self.start + consumed)
            while at < end:
                fed = state.unconsumed_tail or file.read(min(_CHUNK, self.packed - consumed))
                consumed += 0 if state.unconsumed_tail else len(fed)
                inflated = state.decompress(fed, _PIECE)
                piece = np.frombuffer(inflated, np.uint8)
                if not inflated and not fed:
                    break
                low, high = max(offset - at, 0), min(end - at, len(piece))
                if low < high:
                    out[at + low - offset : at + high - offset] = piece[low:high]
                at += len(piece)
                checksum = zlib.crc32(inflated, checksum)
                if at - self._points[-1][0] >= _CHECKPOINT:
                    self._points.append((at, consumed, checksum, state.copy()))
        if at >= self.size and (at, checksum) != (self.size, self._sum):
            refuse("S103", self.path, f"{self._name} must have checksum {self._sum:08x}, got {checksum:08x}")
        return max(min(at, end) - offset, 0)


_KEPT: OrderedDict[tuple[str, int, int], DeflatedMember] = OrderedDict()
_KEPT_LOCK = threading.Lock()


def _member(path: Path, name: str) -> ByteSource:
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(name)
        with path.open("rb") as file:
            file.seek(info.header_offset)
            header = file.read(_LOCAL_HEADER)
        lengths = struct.unpack("<HH", header[26:30])
    except (zipfile.BadZipFile, KeyError, OSError, struct.error) as error:
        refuse("S103", path, f"zip must hold {name} whole, got: {error}")
    start = info.header_offset + _LOCAL_HEADER + sum(lengths)
    if start + info.compress_size > path.stat().st_size:
        refuse("S103", path, f"zip must hold {start + info.compress_size} bytes for {name}, got {path.stat().st_size}")
    if info.compress_type == zipfile.ZIP_STORED:
        return MappedFile(path, start, info.file_size)
    if info.compress_type != zipfile.ZIP_DEFLATED:
        refuse("S117", path, f"{name} must be stored or deflated, got method {info.compress_type}")
    key = (f"{path}!{name}", path.stat().st_mtime_ns, info.file_size)
    with _KEPT_LOCK:
        kept = _KEPT.pop(key, None) or DeflatedMember(path, start, info)
        _KEPT[key] = kept
        while len(_KEPT) > _N_KEPT:
            _KEPT.popitem(last=False)
    return kept


def open_bytes(address: str) -> ByteSource:
    """Open a file by its address (a path, or ``archive.zip!member``).

    Raises
    ------
    InputFileError
        S102 (not there), S103 (broken zip), S117 (a compression other than deflate).
    """
    path, member = split_address(address)
    if not path.exists():
        refuse("S102", address, "must exist")
    if member is not None:
        return _member(path, member)
    return MappedFile(path, 0, path.stat().st_size)
