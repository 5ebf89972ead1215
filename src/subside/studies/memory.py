"""Memory that a study needs, told and compared with the budget before the study starts."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from subside.errors import BudgetError
from subside.io.project import Project
from subside.stages.executor import BASELINE_BYTES

_LOADING_BYTES: Final = 650
"""Bytes a point of reading a track of a project: the risk of aliasing is told on the arcs between all points."""

POINT_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "tracks": _LOADING_BYTES,
        "decompose": _LOADING_BYTES,
        "corridor": 800,
        "series": 700,
        "basins": 700,
        "geodesy": _LOADING_BYTES,
        "report": 1100,
    }
)
"""Bytes a point in memory by study: columns, those of the default set, and what is made of them.

Bounds on the peak of the resident size. Measured to the end, in brackets what :func:`check_memory` asks for:

* reading one track of 0.92 million points and 61 dates 1.13 GB (1.14);
* ``tracks``, two tracks of 2.1 million points 1.6 GB (2.0);
* ``corridor``, the same track 1.2 GB (1.3); two tracks of 2.1 million points 1.9 GB (2.3) in all but the writing of
  the map, which took 3.0 GB when it was written at once and stays below 1.9 in parts (seen on the one track);
* ``series``, the same two tracks 1.7 GB (2.1), 2.4 before the fit of correlations went by blocks.

``decompose``, ``basins``, ``geodesy`` and ``report`` have not been measured: they are set from reading and from the
studies they are like, ``report`` from the largest study and the points of all tracks kept between studies.
"""

DATE_BYTES: Final = 1_500_000
"""Bytes a date and track: the blocks of series read last, and what is computed of one block."""

_LEAST_ROW: Final = 40


def check_memory(study: str, specs: Iterable[str | Path], *, memory: int, console: Console) -> int:
    """Say what a study needs, and refuse a budget below it.

    ``baseline + points x bytes a point + dates x bytes a date``, over all sets of points. Series are read by blocks,
    so that their length counts only through the blocks.

    Parameters
    ----------
    study : str
        Command, one of :data:`POINT_BYTES`.
    specs : iterable of str or Path
        ``PROJECT:TRACK``, ``PROJECT:*`` or files, as the study takes them.
    memory : int
        Budget, bytes.
    console : Console
        Where the need is told.

    Returns
    -------
    int
        Bytes needed.

    Raises
    ------
    BudgetError
        If the budget is smaller.
    """
    sizes = [size for spec in specs for size in set_sizes(spec)]
    n_points = sum(n for n, _ in sizes)
    need = BASELINE_BYTES + POINT_BYTES[study] * n_points + DATE_BYTES * sum(d for _, d in sizes)
    console.print(f"{study}: {n_points:,} points, needs about {need / 1e9:.2f} GB", highlight=False)
    if need > memory:
        raise BudgetError(
            f"`{study}` needs about {need / 1e9:.2f} GB for {n_points:,} points, got --memory {memory / 1e9:.2f} GB. "
            "Grant more, or give fewer points: a track cropped at import, or a file of a part."
        )
    return need


def set_sizes(spec: str | Path) -> list[tuple[int, int]]:
    """Points and dates of each set that a name stands for; those of text are estimated from its size.

    What cannot be found or read counts as nothing: reading it says what is wrong.
    """
    path = Path(spec)
    if path.is_file():
        return [_file_size(path)]
    folder, colon, track = (str(path), ":", "") if path.is_dir() else str(spec).rpartition(":")
    if not (colon and Path(folder).is_dir()):
        return []
    project = Project.open(Path(folder))
    names = project.track_names() if track in ("", "*") else [track]
    stores = [project.track(name) for name in names]
    shapes = [s.array("reference/displacement").shape for s in stores if s.has("reference/displacement")]
    return [(int(n), int(d)) for n, d in shapes]


def _file_size(path: Path) -> tuple[int, int]:
    try:
        with path.open("rb") as stream:
            is_parquet = stream.read(4) == b"PAR1"
        if is_parquet:
            footer = pq.read_metadata(path)
            return footer.num_rows, footer.num_columns // 2
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                largest = max(archive.infolist(), key=lambda member: member.file_size)
                with archive.open(largest) as text:
                    return _text_size([text.readline() for _ in range(20)], largest.file_size)
        with path.open("rb") as plain:
            return _text_size([plain.readline() for _ in range(20)], path.stat().st_size)
    except (OSError, ValueError, zipfile.BadZipFile, pa.ArrowException):
        return 0, 0


def _text_size(lines: list[bytes], n_bytes: int) -> tuple[int, int]:
    rows = [line for line in lines[1:] if line.strip()]
    if not rows:
        return 0, 0
    width = max(sum(map(len, rows)) / len(rows), _LEAST_ROW)
    return int(n_bytes / width), max(rows[0].count(b","), rows[0].count(b";"))
