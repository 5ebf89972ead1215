"""Points that others (or we) wrote to a file, read into one type; the layout is found from the content."""

from __future__ import annotations

from pathlib import Path

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.points._gather import check_projected
from subside.io.points._parquet import is_parquet, open_parquet
from subside.io.points._text import open_text
from subside.io.points.columns import Los, is_points, read_columns
from subside.io.points.egms import is_egms, read_egms
from subside.io.points.stamps import is_stamps, read_stamps
from subside.model.points import PointSet

__all__ = ["check_projected", "read_points"]


def read_points(
    path: str | Path, *, crs: str | None = None, name: str | None = None, los: Los | None = None
) -> PointSet:
    """Read measurement points from a file.

    Parameters
    ----------
    path : str or Path
        GeoParquet or CSV exported here; EGMS L2a, L2b or L3 (CSV or zip); StaMPS-Visualizer CSV; any CSV or parquet
        with place, rate and line of sight (``docs/how-to/bring-your-own-points.md``).
    crs : str, optional
        Projected system for easting and northing. None keeps that of the file (EGMS: EPSG:3035), else takes the UTM
        zone.
    name : str, optional
        Name of the track; None takes it from the file.
    los : tuple of float, optional
        Line of sight (east, north, up) from the ground to the satellite, for a file that does not hold it.

    Returns
    -------
    PointSet
        SI units, positive toward the satellite; series as float32, on disk and read by rows where they are more than
        64 MB. What the file does not hold is unknown.

    Raises
    ------
    InputFileError
        S101, S137 to S147: see ``docs/reference/codes.md``.
    ArgumentError
        For a ``crs`` that is unknown or not in metres, or ``los`` with a file that has its own.
    """
    check_projected(crs)
    file = Path(path)
    if not file.is_file():
        refuse("S101", file, "the path must be that of a file of points, got nothing there")
    if is_parquet(file):
        parquet = open_parquet(file)
        if not is_points(parquet.names):
            refuse("S137", file, f"columns must hold a place and a velocity, got {', '.join(parquet.names[:8])}")
        return read_columns(parquet, path=file, crs=crs, name=name, los=los, facts=parquet.facts)
    table = open_text(file)
    if is_stamps(table.names):
        return read_stamps(table, crs=crs, name=name, los=los)
    if is_egms(table.names):
        if los is not None:
            raise ArgumentError(f"`los` must be left out for an EGMS product, which states it, got {los}")
        points = read_egms(file, name=name, table=table).points
        return points.reprojected(crs) if crs else points
    if not is_points(table.names):
        refuse("S137", file, f"the header must be that of a known layout, got {', '.join(table.names[:8])}")
    return read_columns(table, path=file, crs=crs, name=name, los=los)
