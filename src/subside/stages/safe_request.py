"""What a user asks for when importing SAFE products, and the area of interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.errors

from subside.errors import ArgumentError
from subside.io.codes import refuse

_TEXTS = ("orbits", "dem", "aoi", "polarisation", "vertical_datum", "geoid")


@dataclass(frozen=True)
class SafeRequest:
    """What the user asked for.

    Attributes
    ----------
    sources : tuple of Path
        SAFE folders, zips, and folders that hold either.
    orbits : Path or None
        Folder of orbit files.
    dem : Path
        Raster of heights.
    aoi : str or None
        File of polygons, or ``west,south,east,north`` in degrees.
    swaths : tuple of str or None
        Swaths wanted.
    polarisation : str
        ``"VV"`` and the like.
    reference_date : str or None
        ``YYYYMMDD``; chosen by the quality index where it is not given.
    vertical_datum : str or None
        ``"ellipsoid"`` or ``"geoid"``; what the raster states where it is not given.
    geoid : Path or None
        Raster of undulations for ``"geoid"``.
    annotation_orbits : bool
        Whether the orbit of the annotation may stand in for a date that no orbit file covers.
    """

    sources: tuple[Path, ...]
    orbits: Path | None
    dem: Path
    aoi: str | None = None
    swaths: tuple[str, ...] | None = None
    polarisation: str = "VV"
    reference_date: str | None = None
    vertical_datum: str | None = None
    geoid: Path | None = None
    annotation_orbits: bool = False

    def as_json(self) -> dict[str, Any]:
        """What the provenance keeps."""
        return {
            "format": "safe",
            "sources": [str(s) for s in self.sources],
            **{k: None if v is None else str(v) for k, v in vars(self).items() if k in _TEXTS},
            "swaths": list(self.swaths or ()),
        }

    def frame(self) -> dict[str, Any]:
        """What the merged grid depends on."""
        return {k: v for k, v in self.as_json().items() if k not in ("sources", "orbits")}


def read_area(aoi: str) -> npt.NDArray[np.float64]:
    """Read an area of interest.

    Parameters
    ----------
    aoi : str
        ``west,south,east,north`` in degrees, or a file GDAL reads polygons from.

    Returns
    -------
    ndarray of float64, (vertex, 2)
        Longitude and latitude of its convex hull, degrees.

    Raises
    ------
    ArgumentError
        For a box whose sides are out of order.
    InputFileError
        S101 or S134 for a file that holds no polygon.
    """
    parts = aoi.split(",")
    if len(parts) == 4:
        try:
            west, south, east, north = (float(p) for p in parts)
        except ValueError as error:
            raise ArgumentError(f"`--aoi` must be west,south,east,north in degrees or a file, got {aoi!r}") from error
        if not (-180 <= west < east <= 180 and -90 < south < north < 90):
            raise ArgumentError(f"`--aoi` must have west < east and south < north in degrees, got {aoi!r}")
        return np.array([[west, south], [east, south], [east, north], [west, north]])
    if not Path(aoi).exists():
        refuse("S101", aoi, "area of interest must be west,south,east,north or a file that exists")
    try:
        frame = pyogrio.read_dataframe(aoi)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        refuse("S134", aoi, f"must hold polygons, got: {error}")
    if frame.crs is None:
        refuse("S134", aoi, "must state its coordinate system, got none")
    hull = frame.to_crs("EPSG:4326").geometry.union_all().convex_hull
    if hull.geom_type != "Polygon":
        refuse("S134", aoi, f"must hold polygons, got {hull.geom_type}")
    return np.asarray(hull.exterior.coords, dtype=np.float64)[:, :2]


def safe_request(sources: Sequence[Path], given: Mapping[str, Any]) -> SafeRequest:
    """Make a request of what the command line gives.

    Raises
    ------
    ArgumentError
        Without a DEM.
    """
    if "dem" not in given:
        raise ArgumentError("`--dem` must be given with --format safe: a raster of heights over the area, got none")
    swaths = tuple(s.strip().upper() for s in str(given["swaths"]).split(",")) if "swaths" in given else None
    aoi = given.get("aoi")
    return SafeRequest(
        sources=tuple(sources),
        orbits=Path(given["orbits"]).resolve() if "orbits" in given else None,
        dem=Path(given["dem"]).resolve(),
        aoi=str(Path(aoi).resolve()) if aoi is not None and Path(aoi).exists() else aoi,
        swaths=swaths,
        polarisation=str(given.get("polarisation", "VV")).upper(),
    )


def option_of(options: Mapping[str, Any], request: SafeRequest) -> SafeRequest:
    """Apply ``--option`` facts to a request.

    Raises
    ------
    InputFileError
        S116 for an option that is not known, or a value that breaks its rule.
    """
    known = {"reference_date", "vertical_datum", "geoid", "annotation_orbits"}
    for name in sorted(set(options) - known):
        refuse("S116", "option", f"`{name}` is not an option of safe, which knows {', '.join(sorted(known))}")
    values: dict[str, Any] = dict(options)
    if not isinstance(values.get("annotation_orbits", False), bool):
        refuse("S116", "option", f"`annotation_orbits` must be true or false, got {values['annotation_orbits']!r}")
    if "reference_date" in values:
        values["reference_date"] = str(values["reference_date"])
    if "geoid" in values:
        values["geoid"] = Path(values["geoid"]).resolve()
    return replace(request, **values)
