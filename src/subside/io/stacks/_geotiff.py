"""Rasters GDAL reads, band by band, and the position of their pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from subside.io.codes import refuse
from subside.io.stacks.source import BandReader


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            yield dataset


@dataclass(frozen=True)
class GdalRaster:
    """One band of a file GDAL reads.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        Lines and samples.
    band : int
        Band, from 0.
    nodata : float or None
        Value that means no data in the file.
    transform : tuple of float
        Affine coefficients (a, b, c, d, e, f) of pixel corner to map coordinates; identity where there is none.
    crs : str or None
        Coordinate system, None where there is none.
    tags : mapping
        Metadata of the file.
    """

    path: Path
    shape: tuple[int, int]
    band: int
    nodata: float | None
    transform: tuple[float, ...]
    crs: str | None
    tags: Mapping[str, str]

    def read(self, rows: slice) -> npt.NDArray[Any]:
        """Read a band of lines, (line, sample), in the type of the file."""
        first, last, _ = rows.indices(self.shape[0])
        try:
            with _opened(self.path) as dataset:
                window = Window(0, first, self.shape[1], last - first)
                values: npt.NDArray[Any] = dataset.read(self.band + 1, window=window)
        except RasterioError as error:
            refuse("S103", self.path, f"lines {first} to {last} must be readable, got: {error}")
        return values

    def read_float(self, rows: slice) -> npt.NDArray[np.float32]:
        """Read a band of lines as float32, NaN where the file has its no-data value."""
        raw = self.read(rows)
        values: npt.NDArray[np.float32] = raw.astype(np.float32)
        if self.nodata is not None:
            values[raw == self.nodata] = np.nan
        return values


def open_raster(path: Path, band: int = 0) -> GdalRaster:
    """Open a file with GDAL.

    Raises
    ------
    InputFileError
        S102 if it is missing, S109 if GDAL cannot read it or it has too few bands.
    """
    if not path.is_file():
        refuse("S102", path, "file must exist")
    try:
        with _opened(path) as d:
            if band >= d.count:
                refuse("S109", path, f"must have at least {band + 1} bands, got {d.count}")
            crs = None if d.crs is None else d.crs.to_wkt()
            nodata = None if d.nodata is None else float(d.nodata)
            return GdalRaster(path, (d.height, d.width), band, nodata, tuple(d.transform)[:6], crs, dict(d.tags()))
    except RasterioError as error:
        return refuse("S109", path, f"must be a raster GDAL can read, got: {error}")


def position_readers(raster: GdalRaster) -> dict[str, BandReader]:
    """Readers of longitude and latitude of pixel centres, empty where the file has no coordinate system."""
    if raster.crs is None:
        return {}

    def read(rows: slice) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        a, b, c, d, e, f = raster.transform
        line = np.arange(*rows.indices(raster.shape[0]))[:, None] + 0.5
        sample = np.arange(raster.shape[1])[None, :] + 0.5
        east, north = a * sample + b * line + c, d * sample + e * line + f
        lon, lat = transform_points(raster.crs, "EPSG:4326", east.ravel(), north.ravel())
        return np.asarray(lon).reshape(east.shape), np.asarray(lat).reshape(east.shape)

    return {"longitude": lambda rows: read(rows)[0], "latitude": lambda rows: read(rows)[1]}
