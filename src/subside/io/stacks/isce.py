"""ISCE2 topsStack: the ``merged`` folder, its XML read without ISCE.

Merged images are flattened already and an interferogram is ``reference conj(secondary)``, so they are the project's
flattened images as they stand. ``baselineGrid.py`` prints the perpendicular baseline positive where the range of the
secondary grows with height, which is the project's sign. ``los.rdr`` holds the incidence angle and the azimuth from
ground to satellite counted from north counter-clockwise, both in degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks._binary import RawRaster, check_raster, check_reader, check_size, finite_or_zero
from subside.io.stacks._geotiff import open_raster
from subside.io.stacks._options import (
    check_options,
    dates_in,
    excluded,
    grid_spacing,
    positive,
    single_source,
    wavelength_option,
)
from subside.io.stacks.source import BandReader, Finding, StackSource

OPTIONS = ("wavelength", "sensor", "azimuth_spacing", "range_spacing", "reference_date", "exclude_dates", "n_looks")
"""Options of the format, see :func:`open_isce`."""

_SAMPLE_TYPES = {"BYTE": "u1", "SHORT": "i2", "INT": "i4", "FLOAT": "f4", "DOUBLE": "f8", "CFLOAT": "c8"}
_JUMP = 3.0


@dataclass(frozen=True)
class _Grid:
    """A grid of the work directory: one band read by lines."""

    path: Path
    shape: tuple[int, int]
    read: Callable[[slice], npt.NDArray[Any]]
    raster: RawRaster | None


def open_isce(sources: Sequence[Path], **options: Any) -> StackSource:
    """Open a topsStack work directory or its ``merged`` folder.

    Parameters
    ----------
    sources : sequence of Path
        One folder: the one that holds ``merged``, or ``merged`` itself.
    **options
        ``wavelength`` (m) or ``sensor`` if ``reference/IW*.xml`` is gone; ``azimuth_spacing``, ``range_spacing``
        (ground, m) if longitude and latitude are gone; ``reference_date`` (default: the date whose baseline grid is
        zero, else the first); ``n_looks`` of the merged images (default 1); ``exclude_dates``.

    Returns
    -------
    StackSource
        Opened and checked; pixels are read on demand.

    Raises
    ------
    InputFileError
        S101 to S110, S113, S114 and S116.
    """
    check_options("isce2", options, OPTIONS)
    root = single_source(sources, "isce2")
    merged = root / "merged" if (root / "merged").is_dir() else root
    images = _images(merged, excluded(options))
    dates = tuple(sorted(images))
    shape = images[dates[0]].shape
    findings: list[Finding] = []
    for grid in images.values():
        if grid.shape != shape:
            refuse("S104", grid.path, f"lines, samples must be {shape} as of {dates[0]}, got {grid.shape}")
        findings += _checked(grid)
    fields, field_findings = _fields(merged / "geom_reference", shape)
    bperp, reference, base_findings = _baselines(merged / "baselines", dates, options)
    header = _SwathHeader.read(merged.parent / "reference")
    wavelength = wavelength_option(options) or header.wavelength
    if wavelength is None:
        refuse("S113", merged.parent / "reference", "radarwavelength must be in IW*.xml or given as an option")
    if header.starting_range is not None and header.range_spacing is not None:
        fields["slant_range"] = _slant_range(header.starting_range, header.range_spacing, shape)
    azimuth_spacing, range_spacing = _spacing(options, fields, shape, merged)
    return StackSource(
        dates=dates,
        reference_date=reference,
        shape=shape,
        wavelength=wavelength,
        azimuth_spacing=azimuth_spacing,
        range_spacing=range_spacing,
        read_slc=lambda k, rows: finite_or_zero(images[dates[k]].read(rows).astype(np.complex64)),
        geometry=fields,
        bperp=bperp,
        n_looks=positive(options, "n_looks") or 1.0,
        attributes={"producer": "ISCE2 topsStack", **_heading(fields, shape)},
        findings=(*findings, *field_findings, *base_findings),
    )


def _images(merged: Path, left_out: frozenset[str]) -> dict[str, _Grid]:
    folders = {p.name: p for p in sorted((merged / "SLC").glob("*")) if p.is_dir() and dates_in(p.name) == [p.name]}
    if not folders:
        refuse("S101", merged / "SLC", "folder must hold one folder YYYYMMDD per date")
    kept = {d: p for d, p in folders.items() if d not in left_out}
    if len(kept) < 2:
        refuse("S110", merged / "SLC", f"at least two dates must be there, got {sorted(kept)}")
    return {d: _open_grid(p / f"{d}.slc") for d, p in kept.items()}


def _open_grid(stem: Path, band: int = 0) -> _Grid:
    """Open ``stem`` or ``stem.full``: the raw file by its XML, else whatever GDAL reads through VRT or HDR."""
    for path in (stem.with_name(stem.name + ".full"), stem):
        xml = path.with_name(path.name + ".xml")
        if path.is_file() and xml.is_file():
            raster = _raster_from_xml(path, xml, band)
            return _Grid(path, raster.shape, raster.read, raster)
        for candidate in (path.with_name(path.name + ".vrt"), path):
            if candidate.is_file():
                return _gdal_grid(candidate, band)
    return refuse("S102", stem, f"{stem.name} or {stem.name}.full must exist with its .xml or .vrt")


def _gdal_grid(path: Path, band: int) -> _Grid:
    raster = open_raster(path, band)
    return _Grid(path, raster.shape, raster.read, None)


def _properties(xml: Path) -> dict[str, str]:
    """Direct properties of an image XML, names in lower case."""
    try:
        root = ElementTree.parse(xml).getroot()
    except ElementTree.ParseError as error:
        refuse("S109", xml, f"must be well-formed XML, got: {error}")
    found: dict[str, str] = {}
    for item in root.iter("property"):
        value = item.find("value")
        if value is not None and value.text:
            found.setdefault(str(item.get("name", "")).lower(), value.text.strip())
    return found


def _raster_from_xml(path: Path, xml: Path, band: int) -> RawRaster:
    properties = _properties(xml)
    missing = [n for n in ("width", "length", "data_type") if n not in properties]
    if missing:
        refuse("S109", xml, f"properties {missing} must be present")
    data_type, scheme = properties["data_type"].upper(), properties.get("scheme", "BIP").upper()
    if data_type not in _SAMPLE_TYPES or scheme not in ("BIP", "BIL", "BSQ"):
        refuse("S109", xml, f"data_type and scheme must be known, got {data_type!r} and {scheme!r}")
    order = ">" if properties.get("byte_order", "l").lower().startswith("b") else "<"
    try:
        shape = (int(properties["length"]), int(properties["width"]))
        n_bands = int(properties.get("number_bands", "1"))
    except ValueError:
        refuse("S109", xml, f"width and length must be integers, got {properties['width']!r}, {properties['length']!r}")
    if band >= n_bands:
        refuse("S109", xml, f"number_bands must be at least {band + 1}, got {n_bands}")
    scheme_name = cast(Literal["BIP", "BIL", "BSQ"], scheme)
    dtype = np.dtype(f"{order}{_SAMPLE_TYPES[data_type]}")
    return RawRaster(path, shape, dtype, n_bands=n_bands, band=band, scheme=scheme_name)


def _checked(grid: _Grid, *, may_be_zero: bool = False) -> list[Finding]:
    if grid.raster is not None:
        return check_raster(grid.raster, may_be_zero=may_be_zero)
    return check_reader(grid.path, grid.read, grid.shape[0], may_be_zero=may_be_zero)


def _fields(folder: Path, shape: tuple[int, int]) -> tuple[dict[str, BandReader], list[Finding]]:
    """Readers of the geometry files that are there, findings for those that are not."""
    wanted = {"height": ("hgt", "W202"), "longitude": ("lon", "W203"), "latitude": ("lat", "W203")}
    fields: dict[str, BandReader] = {}
    findings: list[Finding] = []
    for name, (stem, code) in wanted.items():
        if not _exists(folder / f"{stem}.rdr"):
            findings.append(Finding(code, str(folder / f"{stem}.rdr"), f"file missing: {name} is unknown"))
            continue
        grid = _open_grid(folder / f"{stem}.rdr")
        findings += _on_grid(grid, shape, may_be_zero=name == "height")
        fields[name] = _value_reader(grid, is_height=name == "height")
    if not _exists(folder / "los.rdr"):
        findings.append(Finding("W204", str(folder / "los.rdr"), "file missing: viewing geometry is unknown"))
        return fields, findings
    incidence, azimuth = (_open_grid(folder / "los.rdr", band) for band in (0, 1))
    findings += _on_grid(incidence, shape)
    return fields | _los_fields(incidence, azimuth), findings


def _exists(stem: Path) -> bool:
    return any(stem.with_name(stem.name + s).is_file() for s in ("", ".full", ".vrt", ".full.vrt"))


def _on_grid(grid: _Grid, shape: tuple[int, int], *, may_be_zero: bool = False) -> list[Finding]:
    if grid.shape != shape:
        refuse("S104", grid.path, f"lines, samples must be {shape} as of the images, got {grid.shape}")
    return _checked(grid, may_be_zero=may_be_zero)


def _value_reader(grid: _Grid, *, is_height: bool) -> BandReader:
    def read(rows: slice) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = grid.read(rows).astype(np.float64)
        values[values <= -9999 if is_height else values == 0] = np.nan
        return values

    return read


def _los_fields(incidence: _Grid, azimuth: _Grid) -> dict[str, BandReader]:
    def angles(rows: slice) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        i, a = (np.deg2rad(g.read(rows).astype(np.float64)) for g in (incidence, azimuth))
        i[i == 0] = np.nan
        return i, a

    def east(rows: slice) -> npt.NDArray[np.float64]:
        i, a = angles(rows)
        return -np.sin(i) * np.sin(a)

    def north(rows: slice) -> npt.NDArray[np.float64]:
        i, a = angles(rows)
        return np.sin(i) * np.cos(a)

    return {
        "incidence_angle": lambda rows: angles(rows)[0],
        "los_east": east,
        "los_north": north,
        "los_up": lambda rows: np.cos(angles(rows)[0]),
    }


def _slant_range(start: float, spacing: float, shape: tuple[int, int]) -> BandReader:
    def read(rows: slice) -> npt.NDArray[np.float64]:
        n = len(range(*rows.indices(shape[0])))
        return np.broadcast_to(start + spacing * np.arange(shape[1]), (n, shape[1])).copy()

    return read


def _spacing(
    options: Mapping[str, Any], fields: Mapping[str, BandReader], shape: tuple[int, int], merged: Path
) -> tuple[float, float]:
    found = None
    if {"longitude", "latitude"} <= fields.keys():
        found = grid_spacing(fields["longitude"], fields["latitude"], shape)
    azimuth = positive(options, "azimuth_spacing") or (found[0] if found else None)
    range_ = positive(options, "range_spacing") or (found[1] if found else None)
    if azimuth is None or range_ is None:
        refuse("S114", merged / "geom_reference", "lon.rdr and lat.rdr must hold values, or the spacing be given")
    return azimuth, range_


def _heading(fields: Mapping[str, BandReader], shape: tuple[int, int]) -> dict[str, float]:
    """Flight direction at mid-scene in degrees, from the line of sight of a right-looking satellite."""
    if "los_east" not in fields:
        return {}
    rows = slice(shape[0] // 2, shape[0] // 2 + 1)
    middle = shape[1] // 2
    east, north = (float(fields[n](rows)[0, middle]) for n in ("los_east", "los_north"))
    if not np.isfinite(east + north):
        return {}
    return {"heading": float(np.rad2deg(np.arctan2(north, -east)))}


@dataclass(frozen=True)
class _SwathHeader:
    """Facts of ``reference/IW*.xml``; None is unknown."""

    wavelength: float | None
    starting_range: float | None
    range_spacing: float | None

    @classmethod
    def read(cls, folder: Path) -> _SwathHeader:
        """Read every swath; the nearest starting range counts."""
        swaths = [_properties(p) for p in sorted(folder.glob("IW*.xml"))]

        def values(name: str) -> list[float]:
            return [_number(folder, name, s[name]) for s in swaths if name in s]

        starts, waves = values("startingrange"), values("radarwavelength")
        spacings = values("rangepixelsize")
        return cls(
            wavelength=waves[0] if waves else None,
            starting_range=min(starts) if starts else None,
            range_spacing=spacings[0] if spacings else None,
        )


def _number(path: Path, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 < value < np.inf:
        refuse("S109", path, f"property `{name}` must be a positive number, got {text!r}")
    return value


def _baselines(
    folder: Path, dates: tuple[str, ...], options: Mapping[str, Any]
) -> tuple[npt.NDArray[np.float64] | None, str, list[Finding]]:
    """Corner baselines relative to the reference, the reference, findings."""
    wanted = options.get("reference_date")
    if wanted is not None and str(wanted) not in dates:
        refuse("S116", "reference_date", f"must be one of the dates {list(dates)}, got {wanted!r}")
    missing = [d for d in dates if not _exists(folder / d / d)]
    absent = missing if wanted is None else [d for d in missing if d != str(wanted)]
    if len(missing) > 1 or (absent and absent != [dates[0]]):
        reference = str(wanted) if wanted is not None else dates[0]
        message = f"baseline grids of {len(missing)} of {len(dates)} dates missing: baselines are unknown"
        return None, reference, [Finding("W201", str(folder / missing[0]), message)]
    findings: list[Finding] = []
    corners = np.zeros((len(dates), 2, 2))
    for k, date in enumerate(dates):
        if date not in missing:
            values, found = _corner_values(_open_grid(folder / date / date))
            corners[k] = values
            findings += found
    zero = [*missing, *(d for k, d in enumerate(dates) if not corners[k].any() and d not in missing)]
    reference = str(wanted) if wanted is not None else (zero[0] if zero else dates[0])
    return corners - corners[dates.index(reference)], reference, findings


def _corner_values(grid: _Grid) -> tuple[npt.NDArray[np.float64], list[Finding]]:
    """Values at the corners of the bilinear surface that fits the whole grid best."""
    if grid.raster is not None:
        check_size(grid.raster)
    values = grid.read(slice(0, grid.shape[0])).astype(np.float64)
    if not np.all(np.isfinite(values)):
        refuse("S108", grid.path, f"{np.count_nonzero(~np.isfinite(values))} of {values.size} values are not numbers")
    findings = []
    if _jumps(values):
        sign = 1.0 if values.sum() >= 0 else -1.0
        n_turned = int(np.count_nonzero(np.sign(values) == -sign))
        message = f"{n_turned} of {values.size} values turned to the sign of the majority"
        findings.append(Finding("W111", str(grid.path), message))
        values = sign * np.abs(values)
    u, v = (np.linspace(0, 1, n) if n > 1 else np.zeros(1) for n in grid.shape)
    uu, vv = (a.ravel() for a in np.meshgrid(u, v, indexing="ij"))
    design = np.stack([(1 - uu) * (1 - vv), (1 - uu) * vv, uu * (1 - vv), uu * vv], axis=1)
    solved = np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
    return np.asarray(solved, np.float64).reshape((2, 2)), findings


def _jumps(values: npt.NDArray[np.float64]) -> bool:
    """Whether neighbours differ in sign by far more than sizes differ anywhere; a smooth zero crossing does not."""
    for axis in (0, 1):
        if values.shape[axis] < 3:
            continue
        a, b = (np.take(values, range(k, values.shape[axis] - 1 + k), axis) for k in (0, 1))
        usual = float(np.max(np.abs(np.abs(a) - np.abs(b))))
        if np.any((a * b < 0) & (np.abs(a - b) > _JUMP * usual)):
            return True
    return False
