"""Cloud-optimised GeoTIFF of rates and quality on a metric grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.shutil
from rasterio.transform import Affine

from subside import _check
from subside.errors import ArgumentError, UnknownQuantityError
from subside.io.export._arrow import metadata_json
from subside.io.export._files import atomic_file
from subside.io.schema import POINT_COLUMNS, PointTable

CELL_SIZE: Final = 50.0
"""Default cell, m."""

MAX_CELLS: Final = 100_000_000
"""Largest grid written."""

BANDS: Final = ("velocity", "velocity_std", "temporal_coherence", "n_points")
"""Bands in order."""


@dataclass(frozen=True)
class CellGrid:
    """Points gathered in the cells of a north-up metric grid.

    Attributes
    ----------
    epsg : int
        UTM zone on WGS 84 of the middle of the points.
    west, north : float
        Outer corner, m; whole multiples of the cell.
    cell_size : float
        m.
    shape : tuple of int
        Rows and columns.
    point : ndarray of int64, (point in grid,)
        Rows of the table that are in the grid: ``flags == 0`` with known coordinates and velocity.
    cell : ndarray of int64, (point in grid,)
        Flat index of their cells, row by row from the north-west.
    """

    epsg: int
    west: float
    north: float
    cell_size: float
    shape: tuple[int, int]
    point: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]

    def mean(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Mean of the known values in each cell, (row, column); NaN where there is none."""
        inside = values[self.point].astype(np.float64)
        is_known = np.isfinite(inside)
        n_cells = self.shape[0] * self.shape[1]
        total = np.bincount(self.cell[is_known], inside[is_known], n_cells)
        count = np.bincount(self.cell[is_known], minlength=n_cells)
        mean = np.divide(total, count, out=np.full(n_cells, np.nan), where=count > 0)
        cells: npt.NDArray[np.float32] = mean.astype(np.float32).reshape(self.shape)
        return cells

    def count(self) -> npt.NDArray[np.float32]:
        """Points in each cell, (row, column)."""
        counts = np.bincount(self.cell, minlength=self.shape[0] * self.shape[1])
        return counts.astype(np.float32).reshape(self.shape)


def grid_points(table: PointTable, *, cell_size: float = CELL_SIZE) -> CellGrid:
    """Gather the points of the default set in metric cells.

    Parameters
    ----------
    table : PointTable
        Points.
    cell_size : float
        m, 1 to 100,000.

    Returns
    -------
    CellGrid
        The grid spans the points.

    Raises
    ------
    UnknownQuantityError
        If no point with ``flags == 0`` has coordinates and a velocity.
    ArgumentError
        If the grid would exceed :data:`MAX_CELLS` cells.
    """
    _check.in_range(1.0, 100_000.0, cell_size=cell_size)
    c = table.columns
    is_used = (c["flags"] == 0) & np.isfinite(c["longitude"]) & np.isfinite(c["latitude"] + c["velocity"])
    point = np.flatnonzero(is_used)
    if not len(point):
        raise UnknownQuantityError(
            f"a grid needs points with flags == 0, coordinates and velocity; track {table.track} has none. "
            "Export to parquet or csv, which keep every point."
        )
    longitude, latitude = c["longitude"][point], c["latitude"][point]
    epsg = _utm_epsg(float(np.median(longitude)), float(np.median(latitude)))
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    easting, northing = to_utm.transform(longitude, latitude)
    column = np.floor(easting / cell_size).astype(np.int64)
    row = -np.ceil(northing / cell_size).astype(np.int64)
    first_column, first_row = int(column.min()), int(row.min())
    shape = (int(row.max()) - first_row + 1, int(column.max()) - first_column + 1)
    if shape[0] * shape[1] > MAX_CELLS:
        raise ArgumentError(
            f"`cell_size` must give at most {MAX_CELLS} cells, got {shape[0]} x {shape[1]} at {cell_size} m. "
            "Use a larger cell."
        )
    cell = (row - first_row) * shape[1] + (column - first_column)
    return CellGrid(epsg, first_column * cell_size, -first_row * cell_size, cell_size, shape, point, cell)


def _utm_epsg(longitude: float, latitude: float) -> int:
    zone = min(int((longitude + 180.0) // 6.0) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone


def write_geotiff(table: PointTable, path: Path, *, cell_size: float = CELL_SIZE) -> None:
    """Write cell means of the default set as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    table : PointTable
        Points; those with ``flags == 0``, coordinates and a velocity are used.
    path : Path
        File to write; replaced whole if it exists.
    cell_size : float
        m.

    Raises
    ------
    UnknownQuantityError, ArgumentError
        As :func:`grid_points`.
    ProjectError
        If the file cannot be written.

    Notes
    -----
    Float32 bands :data:`BANDS`, NaN for no data, unit in each band's metadata. ``velocity_std`` is the mean
    of the points' σ: the noise of neighbours is taken as wholly shared, so it does not fall with their
    number.
    """
    grid = grid_points(table, cell_size=cell_size)
    profile = {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": len(BANDS),
        "dtype": "float32",
        "crs": f"EPSG:{grid.epsg}",
        "transform": Affine(cell_size, 0.0, grid.west, 0.0, -cell_size, grid.north),
        "nodata": np.nan,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "BIGTIFF": "IF_SAFER",
    }
    with atomic_file(path) as temporary:
        plain = temporary.with_name(f"{temporary.name}.plain.tif")
        with rasterio.open(plain, "w", **profile) as target:
            target.update_tags(subside=metadata_json(table))
            for index, (name, tags) in enumerate(_band_tags().items(), start=1):
                values = grid.count() if name == "n_points" else grid.mean(table.columns[name])
                target.write(values, index)
                target.set_band_description(index, name)
                target.set_band_unit(index, tags["unit"])
                target.update_tags(index, **tags)
        rasterio.shutil.copy(plain, temporary, driver="COG", compress="DEFLATE", overview_resampling="AVERAGE")
        _verify_copy(plain, temporary)


def _verify_copy(source: Path, copy: Path) -> None:
    """Read both files back: a full disk at closing time goes unreported by the library that writes."""
    with rasterio.open(source) as a, rasterio.open(copy) as b:
        for index in range(1, len(BANDS) + 1):
            if a.checksum(index) != b.checksum(index):
                raise OSError("the written raster differs from its source")
            for level in range(len(b.overviews(index))):
                with rasterio.open(copy, overview_level=level) as overview:
                    overview.checksum(index)


def _band_tags() -> dict[str, Mapping[str, str]]:
    tags: dict[str, Mapping[str, str]] = {
        c.name: {"unit": c.unit, "long_name": f"cell mean: {c.description}", "sign": c.sign}
        for c in POINT_COLUMNS
        if c.name in BANDS
    }
    tags["n_points"] = {"unit": "1", "long_name": "points in the cell", "sign": ""}
    return tags
