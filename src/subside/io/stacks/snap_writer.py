"""Writes a stack as the single-reference StaMPS tree that SNAP exports, with correct header values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.errors import ProjectError, UnknownQuantityError
from subside.io.stacks.gamma_par import earth_radius_at
from subside.model.stack import Stack, format_dates

_BAND = 512
_GRAVITATIONAL_PARAMETER = 3.986004418e14
_NEEDED = ("longitude", "latitude", "height", "incidence_angle", "slant_range")


def write_snap_tree(stack: Stack, path: Path) -> None:
    """Write ``rslc``, ``diff0`` and ``geo`` of a stack, one band of one date at a time.

    The ``.rslc`` hold the flattened images, so their own products equal the ``.diff``. ``.base`` follow GAMMA
    (N downward, precision baseline equal to the initial one), so StaMPS' formula gives the right baselines.

    Parameters
    ----------
    stack : Stack
        With perpendicular baselines, the geometry fields longitude, latitude, height, incidence_angle and
        slant_range, and the attribute ``heading`` (degrees).
    path : Path
        Folder to create; must not exist or be empty.

    Raises
    ------
    UnknownQuantityError
        If baselines, a field or the heading is unknown.
    ProjectError
        If the folder exists and is not empty.
    """
    missing = [n for n in _NEEDED if n not in stack.geometry]
    if stack.bperp is None:
        missing.append("bperp")
    if "heading" not in stack.attributes:
        missing.append("attributes['heading']")
    if missing:
        raise UnknownQuantityError(f"`stack` must know {missing} to be written as a SNAP tree")
    if path.exists() and any(path.iterdir()):
        raise ProjectError(f"`path` must be new or empty, got {path}; choose another folder")
    for folder in ("rslc", "diff0", "geo"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    dates = format_dates(stack.dates)
    reference = dates[stack.reference_index]
    header = _header(stack)
    for k, date in enumerate(dates):
        _write_images(stack, k, path, reference, date)
        (path / "rslc" / f"{date}.rslc.par").write_text(_par_text(header, date))
    for k, date in enumerate(dates):
        if date != reference:
            text = _base_text(stack.bperp[k], header)  # type: ignore[index]
            (path / "diff0" / f"{reference}_{date}.base").write_text(text)
    names = {"longitude": f"{reference}.lon", "latitude": f"{reference}.lat", "height": "elevation_dem.rdc"}
    for field, name in names.items():
        with (path / "geo" / name).open("wb") as file:
            for rows in _bands(stack.shape[0]):
                np.asarray(stack.geometry[field][rows]).astype(">f4").tofile(file)


def _bands(n_lines: int) -> list[slice]:
    return [slice(first, min(first + _BAND, n_lines)) for first in range(0, n_lines, _BAND)]


def _write_images(stack: Stack, k: int, path: Path, reference: str, date: str) -> None:
    m = stack.reference_index
    diff_path = path / "diff0" / f"{reference}_{date}.diff"
    with (path / "rslc" / f"{date}.rslc").open("wb") as file:
        for rows in _bands(stack.shape[0]):
            np.asarray(stack.slc[k, rows]).astype(">c8").tofile(file)
    if k == m:
        return
    with diff_path.open("wb") as file:
        for rows in _bands(stack.shape[0]):
            ifg = np.asarray(stack.slc[m, rows]) * np.conj(np.asarray(stack.slc[k, rows]))
            ifg.astype(">c8").tofile(file)


def _header(stack: Stack) -> dict[str, Any]:
    """Values of the image headers; radii such that range gives back the incidence angle at mid-scene."""
    line, width = stack.shape[0] // 2, stack.shape[1]
    at = {n: np.asarray(stack.geometry[n][slice(line, line + 1)], np.float64)[0] for n in _NEEDED}
    middle = width // 2
    r, latitude = at["slant_range"], float(at["latitude"][middle])
    radius = earth_radius_at(latitude)
    ground = radius + float(at["height"][middle])
    cosine = np.cos(at["incidence_angle"][middle])
    orbit = float(np.sqrt(ground**2 + r[middle] ** 2 + 2 * ground * r[middle] * cosine))
    speed = np.sqrt(_GRAVITATIONAL_PARAMETER / orbit) * radius / orbit
    line_time = float(stack.azimuth_spacing / speed)
    return {
        "title": "subside",
        "sensor": str(stack.attributes.get("sensor", "UNKNOWN")),
        "lines": stack.shape[0],
        "samples": width,
        "latitude": latitude,
        "longitude": float(at["longitude"][middle]),
        "heading": float(stack.attributes["heading"]),
        "range_spacing": float((r[-1] - r[0]) / (width - 1)),
        "azimuth_spacing": stack.azimuth_spacing,
        "frequency": SPEED_OF_LIGHT / stack.wavelength,
        "line_time": line_time,
        "orbit": orbit,
        "radius": radius,
        "near": float(r[0]),
        "centre": float((r[0] + r[-1]) / 2),
        "far": float(r[-1]),
    }


def _par_text(header: dict[str, Any], date: str) -> str:
    h = header
    duration = (h["lines"] - 1) * h["line_time"]
    rows = [
        ("title", h["title"]),
        ("sensor", h["sensor"]),
        ("date", f"{date[:4]}  {int(date[4:6])}  {int(date[6:8])}"),
        ("start_time", f"{0.0:.6f}\ts"),
        ("center_time", f"{duration / 2:.6f}\ts"),
        ("end_time", f"{duration:.6f}\ts"),
        ("azimuth_line_time", repr(h["line_time"])),
        ("range_samples", h["samples"]),
        ("azimuth_lines", h["lines"]),
        ("range_looks", 1),
        ("azimuth_looks", 1),
        ("image_format", "FCOMPLEX"),
        ("image_geometry", "SLANT_RANGE"),
        ("center_latitude", f"{h['latitude']!r}\tdegrees"),
        ("center_longitude", f"{h['longitude']!r}\tdegrees"),
        ("heading", f"{h['heading']!r}\tdegrees"),
        ("range_pixel_spacing", f"{h['range_spacing']:.9f}\tm"),
        ("azimuth_pixel_spacing", f"{h['azimuth_spacing']:.9f}\tm"),
        ("radar_frequency", f"{h['frequency']!r}\tHz"),
        ("prf", f"{1 / h['line_time']!r}\tHz"),
        ("sar_to_earth_center", f"{h['orbit']:.6f}\tm"),
        ("earth_radius_below_sensor", f"{h['radius']:.6f}\tm"),
        ("earth_semi_major_axis", "6378137.0\tm"),
        ("earth_semi_minor_axis", "6356752.3142\tm"),
        ("near_range_slc", f"{h['near']:.6f}\tm"),
        ("center_range_slc", f"{h['centre']:.6f}\tm"),
        ("far_range_slc", f"{h['far']:.6f}\tm"),
        ("number_of_state_vectors", 0),
    ]
    return "".join(f"{key}:\t{value}\n" for key, value in rows)


def _base_text(corners: npt.NDArray[np.float64], header: dict[str, Any]) -> str:
    """Baseline components whose perpendicular parts at the corners are those given (project sign)."""
    h = header
    r = np.array([h["near"], h["far"]])
    look = np.arccos((h["orbit"] ** 2 + r**2 - h["radius"] ** 2) / (2 * h["orbit"] * r))
    matrix = np.stack([-np.cos(look), np.sin(look)], axis=1)
    first, last = (np.linalg.lstsq(matrix, corners[row], rcond=None)[0] for row in (0, 1))
    mean, rate = (first + last) / 2, (last - first) / max((h["lines"] - 1) * h["line_time"], 1e-12)
    vector = f"0.0000000\t{mean[0]:.10f}\t{mean[1]:.10f}\tm   m   m"
    speed = f"0.0000000\t{rate[0]:.10f}\t{rate[1]:.10f}\tm/s   m/s   m/s"
    return (
        f"initial_baseline(TCN):\t{vector}\ninitial_baseline_rate:\t{speed}\n"
        f"precision_baseline(TCN):\t{vector}\nprecision_baseline_rate:\t{speed}\n"
        "unwrap_phase_constant:\t0.00000     radians\n"
    )
