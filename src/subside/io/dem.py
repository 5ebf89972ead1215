"""Elevation models: any raster GDAL reads, to ellipsoidal heights on a geographic grid over the area of interest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.fill import fillnodata
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from scipy import ndimage

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.stacks.source import Finding
from subside.model.dem import Dem

Bounds = tuple[float, float, float, float]
"""West, south, east, north, degrees."""

DATUMS = ("ellipsoid", "geoid")
MAX_VOID = 400
"""Cells of a void that is filled: 600 m across at a posting of 30 m."""

_PAD = 3
_SENTINELS = (-32768.0, -32767.0, -9999.0)
_HEIGHTS = (-500.0, 9000.0)
_UNDULATIONS = (-120.0, 120.0)
_M_PER_DEGREE = 111_320.0
_WGS84 = "EPSG:4326"
_N_SIDE = 21
_SIDES = ("west", "south", "east", "north")
_SLACK_CELLS = 0.51
_SLACK_METRES = 1.0
_WARP_TOLERANCE = 0.02
_SEARCH_CELLS = 40.0
_FEET = ("ft", "foot", "feet", "us survey foot")


@dataclass(frozen=True)
class _Raster:
    """A raster and the horizontal part of its coordinate system."""

    dataset: Any
    horizontal: pyproj.CRS
    has_geoid_heights: bool
    nodata: float | None


@contextmanager
def _opened(path: Path, what: str) -> Iterator[_Raster]:
    if not Path(path).exists():
        refuse("S101", path, f"{what} must exist")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
    except RasterioError as error:
        refuse("S107", path, f"{what} must be a raster GDAL reads, got: {error}")
    with dataset:
        if dataset.crs is None or dataset.transform.is_identity:
            refuse("S133", path, f"{what} must have a coordinate system and a position, got {dataset.crs}")
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
        parts = crs.sub_crs_list if crs.is_compound else [crs]
        vertical = [p for p in parts if p.is_vertical]
        horizontal = parts[0].to_2d() if len(parts[0].axis_info) > 2 else parts[0]
        nodata = dataset.nodata
        if nodata is None and dataset.dtypes[0] == "int16":
            nodata = _SENTINELS[0]
        yield _Raster(dataset, horizontal, bool(vertical), nodata)


def _apply(transform: Affine, column: Any, row: Any) -> tuple[Any, Any]:
    """Map coordinates of columns and rows."""
    return (
        transform.a * column + transform.b * row + transform.c,
        transform.d * column + transform.e * row + transform.f,
    )


def _is_geographic(raster: _Raster) -> bool:
    transform = raster.dataset.transform
    is_upright = transform.b == 0 and transform.d == 0 and transform.a > 0 > transform.e
    return bool(is_upright and raster.horizontal.equals(pyproj.CRS(_WGS84), ignore_axis_order=True))


def _edge(bounds: Bounds) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    west, south, east, north = bounds
    along, up = np.linspace(west, east, _N_SIDE), np.linspace(south, north, _N_SIDE)
    return {
        "west": (np.full(_N_SIDE, west), up),
        "south": (along, np.full(_N_SIDE, south)),
        "east": (np.full(_N_SIDE, east), up),
        "north": (along, np.full(_N_SIDE, north)),
    }


def _check_cover(raster: _Raster, path: Path, bounds: Bounds) -> None:
    """Refuse a raster that does not hold the edge of the area, side by side with the distance that is missing."""
    dataset = raster.dataset
    to_raster = pyproj.Transformer.from_crs(_WGS84, raster.horizontal, always_xy=True)
    to_degrees = pyproj.Transformer.from_crs(raster.horizontal, _WGS84, always_xy=True)
    missing: dict[str, float] = {}
    for side, (longitude, latitude) in _edge(bounds).items():
        easting, northing = to_raster.transform(longitude, latitude)
        column, row = _apply(~dataset.transform, np.asarray(easting), np.asarray(northing))
        held = np.clip(column, 0, dataset.width), np.clip(row, 0, dataset.height)
        if max(np.abs(held[0] - column).max(), np.abs(held[1] - row).max()) <= _SLACK_CELLS:
            continue
        nearest = to_degrees.transform(*_apply(dataset.transform, *held))
        gap = {
            "west": np.asarray(nearest[0]) - longitude,
            "south": np.asarray(nearest[1]) - latitude,
            "east": longitude - np.asarray(nearest[0]),
            "north": latitude - np.asarray(nearest[1]),
        }[side]
        stretch = _M_PER_DEGREE * (np.cos(np.radians(latitude)) if side in ("west", "east") else 1.0)
        missing[side] = float(np.max(gap * stretch))
    short = {side: metres for side, metres in missing.items() if metres > _SLACK_METRES}
    if short:
        listed = ", ".join(f"{metres / 1000:.2f} km short in the {side}" for side, metres in short.items())
        area = ", ".join(f"{side} {value:.4f}" for side, value in zip(_SIDES, bounds, strict=True))
        refuse("S130", path, f"DEM must cover {area}, got one that is {listed}")


def _window(transform: Affine, shape: tuple[int, int], bounds: Bounds) -> Window:
    west, south, east, north = bounds
    left, top = _apply(~transform, west, north)
    right, bottom = _apply(~transform, east, south)
    first_column, first_row = max(math.floor(left) - _PAD, 0), max(math.floor(top) - _PAD, 0)
    last_column, last_row = min(math.ceil(right) + _PAD, shape[1]), min(math.ceil(bottom) + _PAD, shape[0])
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def _warped_grid(raster: _Raster, bounds: Bounds) -> tuple[Affine, int, int]:
    """Square cells of the size that cells of the raster have in the middle of the area."""
    west, south, east, north = bounds
    to_raster = pyproj.Transformer.from_crs(_WGS84, raster.horizontal, always_xy=True)
    to_degrees = pyproj.Transformer.from_crs(raster.horizontal, _WGS84, always_xy=True)
    easting, northing = to_raster.transform((west + east) / 2, (south + north) / 2)
    transform = raster.dataset.transform
    column, row = _apply(~transform, easting, northing)
    longitude, latitude = to_degrees.transform(
        *_apply(transform, column + np.array([0.0, 1.0, 0.0]), row + np.array([0.0, 0.0, 1.0]))
    )
    shrink = math.cos(math.radians((south + north) / 2))
    sides = np.hypot((longitude[1:] - longitude[0]) * shrink, latitude[1:] - latitude[0])
    step = float(sides.min())
    left, top = west - _PAD * step, north + _PAD * step
    width = math.ceil((east - left) / step) + _PAD
    height = math.ceil((top - south) / step) + _PAD
    return Affine(step, 0.0, left, 0.0, -step, top), width, height


def _read_window(raster: _Raster, path: Path, bounds: Bounds) -> tuple[npt.NDArray[np.float32], Affine]:
    """Heights as the file has them, float32 with NaN for voids, and the transform of their cell corners."""
    dataset = raster.dataset
    try:
        if _is_geographic(raster):
            window = _window(dataset.transform, dataset.shape, bounds)
            corner = _apply(dataset.transform, window.col_off, window.row_off)
            transform = Affine(dataset.transform.a, 0.0, corner[0], 0.0, dataset.transform.e, corner[1])
            values = dataset.read(1, window=window).astype(np.float32)
        else:
            transform, width, height = _warped_grid(raster, bounds)
            with WarpedVRT(
                dataset,
                src_crs=raster.horizontal.to_wkt(),
                crs=_WGS84,
                transform=transform,
                width=width,
                height=height,
                resampling=Resampling.cubic,
                src_nodata=raster.nodata,
                nodata=math.nan,
                dtype="float32",
                tolerance=_WARP_TOLERANCE,
            ) as warped:
                values = warped.read(1)
    except RasterioError as error:
        refuse("S103", path, f"raster must be readable over the area, got: {error}")
    void = ~np.isfinite(values)
    for sentinel in _SENTINELS:
        void |= values == np.float32(sentinel)
    if raster.nodata is not None:
        void |= values == np.float32(raster.nodata)
    values[void] = np.nan
    scale, offset = dataset.scales[0], dataset.offsets[0]
    if (scale, offset) != (1.0, 0.0):
        values = (values * scale + offset).astype(np.float32)
    return values, transform


def _fill(heights: npt.NDArray[np.float32], path: Path) -> tuple[npt.NDArray[np.float32], list[Finding]]:
    """Fill small voids by inverse distance from their rims; large ones stay NaN."""
    void = np.isnan(heights)
    if not void.any():
        return heights, []
    labels, n = ndimage.label(void, structure=np.ones((3, 3), int))
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    is_small = sizes <= MAX_VOID
    is_small[0] = False
    fill = is_small[labels]
    findings = []
    if fill.any():
        filled = fillnodata(np.where(void, 0, heights), mask=~void, max_search_distance=_SEARCH_CELLS)
        heights = np.where(fill, filled, heights).astype(np.float32)
        message = f"{int(fill.sum())} cells in {int(is_small.sum())} voids were filled from their neighbours"
        findings.append(Finding("W128", str(path), message))
    left = int(np.isnan(heights).sum())
    if left:
        share = 100.0 * left / heights.size
        message = f"{left} cells ({share:.1f} %) lie in voids of more than {MAX_VOID} cells and stay unknown"
        findings.append(Finding("W220", str(path), message))
    return heights, findings


def _check_heights(heights: npt.NDArray[np.float32], raster: _Raster, path: Path) -> None:
    units = (raster.dataset.units[0] or "").lower()
    if units in _FEET:
        refuse("S131", path, f"heights must be in metres, got {units!r}")
    low, high = float(np.fmin.reduce(heights, axis=None)), float(np.fmax.reduce(heights, axis=None))
    if math.isnan(low):
        refuse("S106", path, "DEM must hold heights in the area, got voids only")
    if low < _HEIGHTS[0] or high > _HEIGHTS[1]:
        n = int(np.count_nonzero((heights < _HEIGHTS[0]) | (heights > _HEIGHTS[1])))
        limits = f"{_HEIGHTS[0]:g} and {_HEIGHTS[1]:g} m"
        refuse("S131", path, f"heights must lie between {limits}, got {low:g} to {high:g} m ({n} cells outside)")


def _resample_axis(values: npt.NDArray[np.float32], at: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float32]:
    """Linear interpolation of a grid at fractional indices along one axis."""
    low = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 2)
    weight = np.asarray(at - low, np.float32)
    weight = weight[:, None] if axis == 0 else weight
    first = np.take(values, low, axis=axis)
    return np.asarray(first + (np.take(values, low + 1, axis=axis) - first) * weight, dtype=np.float32)


def _undulations(
    path: Path, latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Undulations of the geoid at the nodes of a grid, m, (latitude, longitude), bilinear."""
    with _opened(path, "geoid grid") as raster:
        dataset = raster.dataset
        transform = dataset.transform
        if transform.b or transform.d or not raster.horizontal.is_geographic:
            refuse("S132", path, f"geoid grid must be on longitude and latitude, got {raster.horizontal.name}")
        if longitude[-1] > dataset.bounds.right and longitude[0] - 360 >= dataset.bounds.left:
            longitude = longitude - 360
        elif longitude[0] < dataset.bounds.left and longitude[-1] + 360 <= dataset.bounds.right:
            longitude = longitude + 360
        column = (longitude - transform.c) / transform.a - 0.5
        row = (latitude - transform.f) / transform.e - 0.5
        lowest, highest = min(column.min(), row.min()), (column.max() - dataset.width, row.max() - dataset.height)
        if lowest < -_SLACK_CELLS or max(highest) > _SLACK_CELLS - 1:
            held = ", ".join(f"{v:.2f}" for v in dataset.bounds)
            area = f"{longitude[0]:.2f}, {latitude[-1]:.2f}, {longitude[-1]:.2f}, {latitude[0]:.2f}"
            refuse("S132", path, f"geoid grid must cover {area} (west, south, east, north), got {held}")
        first = max(int(row.min()) - 1, 0), max(int(column.min()) - 1, 0)
        last = min(int(row.max()) + 3, dataset.height), min(int(column.max()) + 3, dataset.width)
        values = dataset.read(1, window=Window(first[1], first[0], last[1] - first[1], last[0] - first[0]))
        grid = np.asarray(values * dataset.scales[0] + dataset.offsets[0], np.float32)
        if dataset.nodata is not None:
            grid[values == dataset.nodata] = np.nan
    found = _resample_axis(_resample_axis(grid, row - first[0], 0), column - first[1], 1)
    low, high = float(np.min(found)), float(np.max(found))
    if not (low >= _UNDULATIONS[0] and high <= _UNDULATIONS[1]):
        refuse("S132", path, f"undulations must lie between -120 and 120 m, got {low:g} to {high:g}")
    return found


def _check_datum(raster: _Raster, path: Path, vertical_datum: str | None, geoid: Path | None) -> None:
    says = "heights above a geoid" if raster.has_geoid_heights else "nothing of it"
    if vertical_datum is None:
        refuse("S129", path, f"vertical_datum must be stated, got None; the file says {says}")
    if vertical_datum not in DATUMS:
        raise ArgumentError(f"`vertical_datum` must be one of {DATUMS}, got {vertical_datum!r}")
    if vertical_datum == "geoid" and geoid is None:
        refuse("S129", path, "heights above a geoid need the grid of its undulations, got none")
    if vertical_datum == "ellipsoid" and raster.has_geoid_heights:
        refuse("S129", path, "vertical_datum must agree with the file, got 'ellipsoid' for a file that says geoid")


def stated_datum(path: Path) -> str | None:
    """Return the vertical datum a raster states for itself: by its coordinate system, or in its description.

    Parameters
    ----------
    path : Path
        A raster GDAL reads, with a coordinate system.

    Returns
    -------
    str or None
        ``"ellipsoid"``, ``"geoid"``, or None where it says nothing.

    Raises
    ------
    InputFileError
        S101, S107, S133.
    """
    with _opened(Path(path), "DEM") as raster:
        if raster.has_geoid_heights:
            return "geoid"
        crs = pyproj.CRS.from_wkt(raster.dataset.crs.to_wkt())
        if len(crs.axis_info) > 2:
            return "ellipsoid"
        words = " ".join(str(v) for v in raster.dataset.tags().values()).lower()
    if "ellipsoid" in words and "geoid" not in words:
        return "ellipsoid"
    return "geoid" if "geoid" in words or "egm" in words else None


def open_dem(
    path: Path, *, bounds: Bounds, vertical_datum: str | None, geoid: Path | None = None
) -> tuple[Dem, tuple[Finding, ...]]:
    """Read the heights of an area.

    Only the window of the area is read. A raster on WGS 84 longitude and latitude keeps its cells; any other is warped
    by cubic convolution to cells of its own size. Cells are known by their centres, whether the file calls them areas
    or points.

    Parameters
    ----------
    path : Path
        A raster GDAL reads, with a coordinate system; metres; band 1.
    bounds : tuple of float
        West, south, east, north of the area, degrees, west below east.
    vertical_datum : str or None
        ``"ellipsoid"`` (WGS 84) or ``"geoid"``; None is refused, with what the file says of it.
    geoid : Path, optional
        Raster of undulations (m above the ellipsoid, longitude and latitude) for ``"geoid"``; added bilinearly.

    Returns
    -------
    Dem
        Ellipsoidal heights, float32, over the area and up to three cells around it; NaN in voids of more than
        :data:`MAX_VOID` cells.
    tuple of Finding
        W128 (small voids filled), W220 (large voids left).

    Raises
    ------
    ArgumentError
        If ``bounds`` or ``vertical_datum`` break their rules.
    InputFileError
        S101, S103, S106 (voids only), S107, S129 (datum), S130 (stops short), S131 (absurd heights), S132 (geoid
        grid), S133 (no coordinate system).
    """
    west, south, east, north = bounds
    if not (-180 <= west < east <= 180 and -90 < south < north < 90):
        raise ArgumentError(f"`bounds` must be west < east and south < north in degrees, got {bounds}")
    with _opened(Path(path), "DEM") as raster:
        _check_datum(raster, path, vertical_datum, geoid)
        _check_cover(raster, path, bounds)
        heights, transform = _read_window(raster, path, bounds)
        _check_heights(heights, raster, path)
    heights, findings = _fill(heights, path)
    centre = _apply(transform, 0.5, 0.5)
    datum = "ellipsoid"
    if geoid is not None and vertical_datum == "geoid":
        latitude = np.asarray(centre[1] + np.arange(heights.shape[0]) * transform.e, np.float64)
        longitude = np.asarray(centre[0] + np.arange(heights.shape[1]) * transform.a, np.float64)
        heights = np.add(heights, _undulations(Path(geoid), latitude, longitude))
        datum = f"geoid of {Path(geoid).name}"
    dem = Dem(
        height=np.ascontiguousarray(heights, dtype=np.float32),
        latitude=float(centre[1]),
        longitude=float(centre[0]),
        latitude_step=float(transform.e),
        longitude_step=float(transform.a),
        source=f"{Path(path).name}, heights above the {datum}",
    )
    return dem, tuple(findings)
