"""Checks of reader options and facts shared by the readers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.conventions import SENTINEL1_WAVELENGTH
from subside.io.codes import refuse
from subside.io.stacks.source import BandReader

_DATE = re.compile(r"(?<!\d)((?:19|20)\d{6})(?!\d)")


def dates_in(name: str) -> list[str]:
    """Return every ``YYYYMMDD`` in a file name, in order."""
    return [d for d in _DATE.findall(name) if 1 <= int(d[4:6]) <= 12 and 1 <= int(d[6:8]) <= 31]


def check_options(fmt: str, options: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Refuse an option the format does not have.

    Raises
    ------
    InputFileError
        S116.
    """
    allowed = sorted(allowed)
    for name in options:
        if name not in allowed:
            refuse("S116", fmt, f"option {name!r} must be one of {allowed}")


def excluded(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the option ``exclude_dates`` as a set."""
    value = options.get("exclude_dates") or ()
    if isinstance(value, str) or any(len(dates_in(str(d))) != 1 for d in value):
        refuse("S116", "exclude_dates", f"must be a list of YYYYMMDD dates, got {value!r}")
    return frozenset(str(d) for d in value)


def positive(options: Mapping[str, Any], name: str) -> float | None:
    """Return a positive number option, or None where it is absent."""
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        refuse("S116", name, f"must be a positive number, got {value!r}")
    return float(value)


def wavelength_option(options: Mapping[str, Any]) -> float | None:
    """Return the wavelength stated by ``wavelength`` (m) or ``sensor``, or None."""
    value = positive(options, "wavelength")
    if value is not None:
        return value
    sensor = options.get("sensor")
    if sensor is None:
        return None
    if str(sensor).lower().replace("-", "").replace(" ", "").startswith("sentinel1"):
        return SENTINEL1_WAVELENGTH
    return refuse("S116", "sensor", f"must be 'Sentinel-1' (give wavelength for others), got {sensor!r}")


def geotransform_option(options: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """Return ``geotransform``: lon0, dlon, lat0, dlat in degrees, from the centre of pixel (0, 0)."""
    value = options.get("geotransform")
    if value is None:
        return None
    if not isinstance(value, Sequence) or len(value) != 4 or not np.all(np.isfinite(np.asarray(value, float))):
        refuse("S116", "geotransform", f"must be [lon0, dlon, lat0, dlat] in degrees, got {value!r}")
    lon0, dlon, lat0, dlat = (float(v) for v in value)
    if not (abs(lat0) <= 90 and dlon != 0 and dlat != 0):
        refuse("S116", "geotransform", f"must have |lat0| <= 90 and steps that are not zero, got {value!r}")
    return lon0, dlon, lat0, dlat


def grid_geometry(geotransform: tuple[float, float, float, float], shape: tuple[int, int]) -> dict[str, BandReader]:
    """Return readers of longitude and latitude of a grid regular in degrees."""
    lon0, dlon, lat0, dlat = geotransform

    def longitude(rows: slice) -> npt.NDArray[np.float64]:
        n = len(range(*rows.indices(shape[0])))
        return np.broadcast_to(lon0 + dlon * np.arange(shape[1]), (n, shape[1])).copy()

    def latitude(rows: slice) -> npt.NDArray[np.float64]:
        lines = np.arange(*rows.indices(shape[0]))
        return np.broadcast_to((lat0 + dlat * lines)[:, None], (len(lines), shape[1])).copy()

    return {"longitude": longitude, "latitude": latitude}


def metres_per_degree(latitude: float) -> tuple[float, float]:
    """Return metres per degree of longitude and of latitude on the WGS 84 ellipsoid at a latitude in degrees."""
    a, e2 = 6378137.0, 0.00669437999014
    phi = np.deg2rad(latitude)
    w = np.sqrt(1 - e2 * np.sin(phi) ** 2)
    east = np.pi / 180 * a * np.cos(phi) / w
    north = np.pi / 180 * a * (1 - e2) / w**3
    return float(east), float(north)


def grid_spacing(longitude: BandReader, latitude: BandReader, shape: tuple[int, int]) -> tuple[float, float] | None:
    """Mean distance between lines and between samples on the ground, m, over the inner 80 %; None where unknown."""
    if min(shape) < 2:
        return None
    (top, bottom), (left, right) = ((n // 10, n - 1 - n // 10) for n in shape)
    lines = [slice(k, k + 1) for k in (top, bottom)]
    lon, lat = (np.concatenate([np.asarray(r(k), np.float64) for k in lines]) for r in (longitude, latitude))
    known = np.isfinite(lat)
    if not known.any():
        return None
    east, north = metres_per_degree(float(np.median(lat[known])))
    down = np.hypot((lon[1] - lon[0]) * east, (lat[1] - lat[0]) * north) / (bottom - top)
    across = np.hypot((lon[:, right] - lon[:, left]) * east, (lat[:, right] - lat[:, left]) * north) / (right - left)
    steps = [d[np.isfinite(d)] for d in (down, across)]
    return (float(np.median(steps[0])), float(np.median(steps[1]))) if all(map(len, steps)) else None


def single_source(sources: Sequence[Path], fmt: str) -> Path:
    """Return the one source folder of a format that takes exactly one.

    Raises
    ------
    InputFileError
        S101.
    """
    if len(sources) != 1 or not sources[0].is_dir():
        refuse("S101", ", ".join(map(str, sources)) or "(no source)", f"format {fmt} takes one existing folder")
    return sources[0]
