"""Fetch products, orbits and heights with the libraries made for it (the extra ``subside[download]``)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import shapely

from subside.errors import SubsideError
from subside.io.atomic import atomic_path

Bounds = tuple[float, float, float, float]

DEM_NAME = "glo_30"
"""Copernicus DEM GLO-30, turned into ellipsoidal heights."""

_MARGIN = 0.1
"""Degrees of heights around the area: bursts that serve spectral diversity reach beyond it."""


class DownloadError(SubsideError):
    """A library is missing, or a server did not give what was asked for."""


@dataclass(frozen=True)
class Search:
    """Which products.

    Attributes
    ----------
    area : Polygon
        Longitude and latitude, degrees.
    relative_orbit : int
        Track.
    start, stop : str
        First and last day, ``YYYY-MM-DD``.
    polarisation : str
        ``"VV"`` or ``"HH"``: products that hold it.
    """

    area: shapely.Polygon
    relative_orbit: int
    start: str
    stop: str
    polarisation: str = "VV"


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DownloadError(
            f"downloading needs the library {name}: install it with pip install 'subside[download]'"
        ) from error


def find_products(search: Search) -> Any:
    """Search the archive of the Alaska Satellite Facility for single-look products.

    Returns
    -------
    ASFSearchResults
        A list with a ``download`` method; each item has ``properties``.

    Raises
    ------
    DownloadError
        If the library is missing, the server does not answer, or nothing is found.
    """
    asf = _library("asf_search")
    polarisations = {"VV": ["VV", "VV+VH"], "HH": ["HH", "HH+HV"]}
    if search.polarisation not in polarisations:
        raise DownloadError(f"`polarisation` must be VV or HH, got {search.polarisation!r}")
    try:
        results = asf.geo_search(
            platform="SENTINEL-1",
            processingLevel="SLC",
            beamMode="IW",
            polarization=polarisations[search.polarisation],
            intersectsWith=search.area.wkt,
            relativeOrbit=search.relative_orbit,
            start=f"{search.start}T00:00:00Z",
            end=f"{search.stop}T23:59:59Z",
        )
    except asf.exceptions.ASFError as error:
        raise DownloadError(f"the search at the Alaska Satellite Facility failed: {error}") from error
    if not len(results):
        raise DownloadError(
            f"no product of track {search.relative_orbit} from {search.start} to {search.stop} meets the area; "
            "check the track, the dates, and that longitude comes before latitude"
        )
    return results


def fetch_products(results: Any, folder: Path) -> list[Path]:
    """Download products, skipping those that are there; needs an Earthdata login in ``~/.netrc``.

    Raises
    ------
    DownloadError
        When a download fails; what came before stays.
    """
    asf = _library("asf_search")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        results.download(path=str(folder), session=asf.ASFSession())
    except asf.exceptions.ASFError as error:
        raise DownloadError(
            f"a product could not be downloaded: {error}. An Earthdata login is needed in ~/.netrc "
            "(machine urs.earthdata.nasa.gov login NAME password WORD)"
        ) from error
    return sorted(folder.glob("*.zip"))


def fetch_orbits(products: Sequence[Path], folder: Path) -> list[Path]:
    """Download the precise orbit of each product, the restituted one where it is not out yet.

    Raises
    ------
    DownloadError
        When neither is there for a product.
    """
    download = _library("eof.download")
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    for product in products:
        files: list[Any] = []
        reasons = []
        for kind in ("precise", "restituted"):
            try:
                files = list(download.download_eofs(sentinel_file=str(product), save_dir=str(folder), orbit_type=kind))
            except (OSError, ValueError, RuntimeError) as error:
                reasons.append(f"{kind}: {error}")
            if files:
                break
        if not files:
            raise DownloadError(f"no orbit file was found for {product.name} ({'; '.join(reasons) or 'none listed'})")
        found += [Path(f) for f in files]
    return sorted(set(found))


def fetch_dem(bounds: Bounds, file: Path) -> Path:
    """Download heights above the ellipsoid and write them with their datum stated.

    Parameters
    ----------
    bounds : tuple of float
        West, south, east, north of the area, degrees; a tenth of a degree is added around it.
    file : Path
        GeoTIFF to write.
    """
    stitcher = _library("dem_stitcher")
    west, south, east, north = bounds
    wanted = [west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN]
    heights, profile = stitcher.stitch_dem(wanted, dem_name=DEM_NAME, dst_ellipsoidal_height=True)
    profile = {**profile, "driver": "GTiff", "compress": "deflate"}
    with atomic_path(file) as temporary, rasterio.open(temporary, "w", **profile) as dataset:
        dataset.write(heights, 1)
        dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=f"{DEM_NAME}, heights above the WGS 84 ellipsoid (m)")
    return file
