"""A folder with the page and its numbers that opens by a double click, without a server.

A page opened from disk may load scripts but read no files, so numbers are wrapped in small scripts. Displacements are
rounded to steps of 0.1 mm (more where they do not fit 16 bits), their deviations to 1/254 of the largest of the block.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.io.atomic import disk_error
from subside.viewer.data import BLOCK_ROWS, COLUMN_TYPES, ViewerData
from subside.viewer.server import ASSETS, asset

MAX_STATIC_POINTS: Final = 2_000_000
"""Points that a static export may hold; more are for the server."""

STEP: Final = 0.1
"""Step of displacements where they fit, mm."""

MARK: Final = "data/manifest.js"
"""File by which an earlier export is known."""

_GAP: Final = -32_768
_LARGEST: Final = 32_767
_STD_GAP: Final = 255
_STD_LEVELS: Final = 254


def export_static(data: ViewerData, out: Path, *, max_points: int = MAX_STATIC_POINTS) -> Path:
    """Write a folder whose ``index.html`` opens from disk.

    Parameters
    ----------
    data : ViewerData
        What to show.
    out : Path
        Folder to write; an earlier export there is replaced, anything else is left alone and refused.
    max_points : int
        Largest number of points.

    Returns
    -------
    Path
        ``out/index.html``.

    Raises
    ------
    ArgumentError
        For too many points, or a folder that holds something else.
    ProjectError
        If the folder cannot be written.
    """
    if data.n_points > max_points:
        raise ArgumentError(
            f"a static export holds at most {max_points:,} points, got {data.n_points:,} "
            f"(about {estimated_size(data) / 1e6:,.0f} MB). Look at them with `subside serve`, or export a part."
        )
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARK).is_file())):
        raise ArgumentError(f"`out` must be a new folder or an earlier export, got {out}. Give another name.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        try:
            partial.chmod(0o755)
            _write(data, partial)
            if out.exists():
                shutil.rmtree(out)
            partial.replace(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise disk_error(out, error) from error
    return out / "index.html"


def estimated_size(data: ViewerData) -> int:
    """Bytes of a static export, without the page itself (2.2 MB)."""
    total = 0
    for k, points in enumerate(data.sets):
        columns = sum(np.dtype(COLUMN_TYPES[n]).itemsize * (2 if n == "xy" else 1) for n in data.column_names(k))
        series = len(points.dates) * (3 if points.displacement_std is not None else 2)
        total += points.n_points * ((columns + series) * 4 // 3 + 20)
    return total


def quantise(values: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int16], float]:
    """Round displacements to 16 bits.

    Parameters
    ----------
    values : ndarray of float
        mm; NaN is a gap.

    Returns
    -------
    ndarray of int16, same shape
        Value over the step; -32768 is a gap.
    float
        Step, mm: 0.1, or as much more as the largest value needs.
    """
    known = np.isfinite(values)
    largest = float(np.abs(values[known]).max(initial=0.0))
    step = max(STEP, largest / _LARGEST)
    return np.where(known, np.round(np.where(known, values, 0.0) / step), _GAP).astype("<i2"), step


def quantise_std(values: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.uint8], float]:
    """Round standard deviations to 8 bits: value over the step, 255 is unknown; the step is 1/254 of the largest."""
    known = np.isfinite(values)
    step = float(values[known].max(initial=0.0)) / _STD_LEVELS or 1.0
    return np.where(known, np.round(np.where(known, values, 0.0) / step), _STD_GAP).astype(np.uint8), step


def _write(data: ViewerData, folder: Path) -> None:
    for name in ASSETS:
        (folder / name).write_bytes(asset(name))
    _write_script(folder / MARK, "manifest", data.manifest())
    for k, points in enumerate(data.sets):
        for name in data.column_names(k):
            _write_script(folder / f"data/{k}/{name}.js", f"{k}/{name}@{data.token}", _text(data.column(k, name)))
        for b in range(-(-points.n_points // BLOCK_ROWS)):
            content: dict[str, Any] = {"ids": data.identifiers(k, b)}
            if data.n_blocks(k):
                displacement, std = data.block(k, b)
                packed, step = quantise(displacement)
                content |= {"step": step, "displacement": _text(packed.tobytes())}
                if std is not None:
                    packed_std, std_step = quantise_std(std)
                    content |= {"std_step": std_step, "std": _text(packed_std.tobytes())}
            _write_script(folder / f"data/{k}/block/{b}.js", f"{k}/block/{b}@{data.token}", content)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _write_script(path: Path, key: str, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    path.write_text(f"subsidePut({json.dumps(key)},{text});\n", encoding="utf-8")
