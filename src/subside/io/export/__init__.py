"""Products a user takes away: one function a format, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from subside.errors import ArgumentError
from subside.io.export.egms import write_egms
from subside.io.export.geopackage import write_geopackage
from subside.io.export.geotiff import write_geotiff
from subside.io.export.parquet import write_parquet
from subside.io.export.table_csv import write_table_csv
from subside.io.schema import PointTable

__all__ = ["FORMATS", "ExportFormat", "export"]


@dataclass(frozen=True)
class ExportFormat:
    """One export format.

    Attributes
    ----------
    name : str
        Name on the command line.
    suffix : str
        Usual file suffix.
    description : str
        What the file holds, in a line.
    write : callable
        ``write(table, path)``.
    """

    name: str
    suffix: str
    description: str
    write: Callable[[PointTable, Path], None]


FORMATS: Final[Mapping[str, ExportFormat]] = MappingProxyType(
    {
        f.name: f
        for f in (
            ExportFormat("parquet", ".parquet", "GeoParquet 1.1, all points and columns", write_parquet),
            ExportFormat("gpkg", ".gpkg", "GeoPackage for QGIS (InSAR Explorer)", write_geopackage),
            ExportFormat("egms", ".csv", "EGMS level 2 CSV, points with flags == 0", write_egms),
            ExportFormat("csv", ".csv", "plain CSV, all points and columns", write_table_csv),
            ExportFormat("geotiff", ".tif", "cloud-optimised GeoTIFF, points with flags == 0", write_geotiff),
        )
    }
)
"""Formats by name."""


def export(fmt: str, table: PointTable, path: str | Path) -> Path:
    """Write a table in a named format.

    Parameters
    ----------
    fmt : str
        One of :data:`FORMATS`.
    table : PointTable
        Points.
    path : str or Path
        File to write; replaced whole if it exists, left as it was if writing fails.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArgumentError
        For an unknown format.
    UnknownQuantityError
        If the format needs a quantity that is not known for this table.
    ProjectError
        If the file cannot be written.
    """
    if fmt not in FORMATS:
        raise ArgumentError(f"`fmt` must be one of {list(FORMATS)}, got {fmt!r}")
    target = Path(path)
    FORMATS[fmt].write(table, target)
    return target
