"""CSV of the StaMPS-Visualizer: one row for the reference and the dates, then a row a point."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from subside.conventions import MM_PER_M
from subside.io.codes import refuse
from subside.io.points._gather import as_array, check_dates, check_los, check_positions, gather
from subside.io.points._text import TextTable, file_digest
from subside.model.points import PointSet, PointSource

_HEADER: Final = re.compile(r"^export_res_?\d+$")
_UNIX_EPOCH: Final = 719_528
"""Days from 0000-01-01 to 1970-01-01: the MATLAB day number less one, as the file holds it."""

_EARLIEST, _LATEST = np.datetime64("1990-01-01"), np.datetime64("2100-01-01")


def is_stamps(names: tuple[str, ...]) -> bool:
    """Whether a header is that of an export for the StaMPS-Visualizer."""
    return len(names) >= 3 and all(_HEADER.match(n) for n in names)


def read_stamps(
    table: TextTable, *, crs: str | None, name: str | None, los: tuple[float, float, float] | None
) -> PointSet:
    """Read a StaMPS-Visualizer CSV.

    The first row below the header is reference longitude, reference latitude, NaN and the dates as MATLAB day numbers
    less one; the others are longitude, latitude, velocity (mm/yr) and displacements (mm), positive toward the
    satellite as StaMPS has them.

    Parameters
    ----------
    table : TextTable
        File with its header read.
    crs : str or None
        Projected system wanted.
    name : str or None
        Name of the track.
    los : tuple of float or None
        Line of sight (east, north, up), which the file does not hold; None leaves it unknown.

    Returns
    -------
    PointSet

    Raises
    ------
    InputFileError
        S139 to S144: see ``docs/reference/codes.md``.
    """
    table.demand_unique()
    first = _FirstRow()
    got = gather(
        first.split(table.blocks(dict.fromkeys(table.names, pa.float64()))),
        columns=table.names[:3],
        series={"d": table.names[3:]},
    )
    longitude, latitude, velocity = (got.columns[n] for n in table.names[:3])
    if not len(velocity):
        refuse("S143", table.label, "there must be points below the row of dates, got none")
    check_positions(longitude, latitude, table.label)
    direction = np.tile(np.array(los if los is not None else (np.nan,) * 3), (len(velocity), 1))
    check_los(direction, table.label)
    reference = [float(v) if np.isfinite(v) else None for v in first.values[:2]]
    return PointSet.from_geographic(
        name or table.path.stem,
        longitude=longitude,
        latitude=latitude,
        crs=crs,
        source=PointSource(
            label=table.path.name,
            digest=file_digest(table.path),
            datum="relative to the reference of the StaMPS export",
            facts={"reference_longitude_latitude": reference},
        ),
        columns={
            "dates": _dates(first.values[3:], table.label),
            "los": direction,
            "velocity": velocity / MM_PER_M,
            "displacement": got.series["d"],
        },
    )


class _FirstRow:
    """Takes the first row off a run of blocks."""

    def __init__(self) -> None:
        self.values: npt.NDArray[np.float64] = np.zeros(0)

    def split(self, blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in blocks:
            if len(self.values):
                yield block
            else:
                self.values = np.array([as_array(c)[0] for c in block.slice(0, 1).columns], np.float64)
                yield block.slice(1)


def _dates(numbers: npt.NDArray[np.float64], label: str) -> npt.NDArray[np.datetime64]:
    if not np.isfinite(numbers).all():
        refuse("S140", label, "the first row must hold a day number for every date, got an empty cell")
    days = np.round(numbers).astype(np.int64) - _UNIX_EPOCH
    dates: npt.NDArray[np.datetime64] = np.datetime64("1970-01-01") + days.astype("timedelta64[D]")
    if np.any((dates < _EARLIEST) | (dates > _LATEST)):
        strange = dates[(dates < _EARLIEST) | (dates > _LATEST)][0]
        refuse("S140", label, f"day numbers must be those of MATLAB less one (1990 to 2100), got {strange}")
    check_dates(dates, label)
    return dates
