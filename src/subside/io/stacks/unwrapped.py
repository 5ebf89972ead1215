"""Stacks of unwrapped interferograms on a map grid: GeoTIFF, or raw GAMMA floats with a DEM parameter file.

The phase of GAMMA is positive where the range grows from the first date to the second: the project's sign. Zero is no
data. What geometry there is comes from image headers (``*.par``), a lookup table from map to radar (``*.lt``, pairs of
range and azimuth index), a DEM and baseline files, and is unknown where they are absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks._binary import RawRaster, check_raster, check_reader
from subside.io.stacks._geotiff import GdalRaster, open_raster, position_readers
from subside.io.stacks._options import (
    check_options,
    dates_in,
    excluded,
    grid_geometry,
    grid_spacing,
    positive,
    wavelength_option,
)
from subside.io.stacks.gamma_par import (
    ParFile,
    RadarGeometry,
    line_of_sight,
    radar_geometry,
    read_base,
    read_par,
)
from subside.io.stacks.source import BandReader, Finding, UnwrappedSource

OPTIONS = (
    "wavelength",
    "sensor",
    "azimuth_spacing",
    "range_spacing",
    "exclude_dates",
    "positive_phase",
    "vertical_baseline",
)
"""Options of the format, see :func:`open_unwrapped`."""

_UNWRAPPED = re.compile(r"(^|[_.\-])(unw|unwrapped)([_.\-]|$)", re.IGNORECASE)
_COHERENCE = re.compile(r"(^|[_.\-])(cc|cor|corr|coh|coherence)([_.\-]|$)", re.IGNORECASE)
_HEIGHT = re.compile(r"(^|[_.\-])(dem|hgt|height)([_.\-]|$)", re.IGNORECASE)
_RASTERS = (".tif", ".tiff", ".vrt")
_RAW = (".unw", ".cc", ".cor", ".dem")
_WAVELENGTH_TOLERANCE = 1e-4
_INCIDENCE_TOLERANCE = np.deg2rad(0.5)
_FIT_SIZE = 64

Pair = tuple[str, str]


@dataclass(frozen=True)
class _Files:
    """Files of a stack by what they hold."""

    root: Path
    unwrapped: Mapping[Pair, Path]
    coherence: Mapping[Pair, Path]
    base: Mapping[Pair, Path]
    height: Path | None
    headers: tuple[Path, ...]
    map_header: Path | None
    lookup: Path | None


@dataclass(frozen=True)
class _Plane:
    """One raster on the map grid, whatever its container."""

    path: Path
    shape: tuple[int, int]
    read: BandReader
    gdal: GdalRaster | None


def open_unwrapped(sources: Sequence[Path], **options: Any) -> UnwrappedSource:
    """Open a stack of unwrapped interferograms.

    Parameters
    ----------
    sources : sequence of Path
        Folders (searched deeply) and files. Names hold the two dates and ``unw`` or ``cc``/``cor``/``coh``;
        further ``*dem*`` (heights), ``*.par`` of GAMMA (image headers, ``*base.par`` per pair, ``*dem.par`` of the
        map for raw files) and ``*.lt`` (lookup table).
    **options
        ``wavelength`` (m) or ``sensor``; ``azimuth_spacing`` and ``range_spacing`` (line and sample on the ground, m)
        if the grid has no coordinates; ``positive_phase`` ``'away'`` (default: positive where the range grows) or
        ``'toward'``; ``vertical_baseline`` as for the format snap; ``exclude_dates``.

    Returns
    -------
    UnwrappedSource
        Opened and checked; pixels are read on demand.

    Raises
    ------
    InputFileError
        S101 to S111, S113, S114 and S116.
    """
    check_options("unwrapped", options, OPTIONS)
    sign = _sign(options)
    files = _sort_files(sources, excluded(options))
    names = sorted(files.unwrapped, key=sorted)
    dates = tuple(sorted({d for p in names for d in p}))
    pairs = np.array([sorted(map(dates.index, p)) for p in names], np.int32)
    signs = [sign if p[0] < p[1] else -sign for p in names]
    planes, coherences, findings = _open_planes(files, names)
    shape = planes[0].shape
    position = _position(planes[0], files)
    radar, radar_findings = _radar(files)
    fields, lookup, field_findings = _fields(files, shape, radar)
    bperp, base_findings = _baselines(files, names, radar, lookup, options)
    wavelength, wave_findings = _wavelength(files, options, planes[0], radar)
    azimuth_spacing, range_spacing = _spacing(options, position, shape, files.root)
    incidence_findings = _compare_incidence(planes[0], fields, shape)
    if not position:
        findings.append(
            Finding("W203", str(planes[0].path), "no coordinate system: longitude and latitude are unknown")
        )

    def read_unwrapped(k: int, rows: slice) -> npt.NDArray[np.float32]:
        values = planes[k].read(rows).astype(np.float32)
        values[(values == 0) | ~np.isfinite(values)] = np.nan
        return values * np.float32(signs[k])

    return UnwrappedSource(
        dates=dates,
        pairs=pairs,
        shape=shape,
        wavelength=wavelength,
        azimuth_spacing=azimuth_spacing,
        range_spacing=range_spacing,
        read_unwrapped=read_unwrapped,
        read_coherence=_coherence_reader(coherences),
        geometry={**position, **fields},
        bperp=bperp,
        attributes=_attributes(radar),
        findings=(
            *findings,
            *radar_findings,
            *field_findings,
            *base_findings,
            *wave_findings,
            *incidence_findings,
        ),
    )


def _sign(options: Mapping[str, Any]) -> int:
    value = options.get("positive_phase", "away")
    if value not in ("away", "toward"):
        refuse("S116", "positive_phase", f"must be 'away' or 'toward', got {value!r}")
    return 1 if value == "away" else -1


def _attributes(radar: RadarGeometry | None) -> dict[str, Any]:
    known = {} if radar is None else {"sensor": radar.sensor, "heading": radar.heading}
    return {"producer": "unwrapped interferograms", "grid": "map", "height_datum": "not stated by the source", **known}


def _sort_files(sources: Sequence[Path], left_out: frozenset[str]) -> _Files:
    found: list[Path] = []
    for source in sources:
        found += sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    kinds: dict[str, dict[Pair, Path]] = {"unwrapped": {}, "coherence": {}, "base": {}}
    for path in found:
        dates, kind = dates_in(path.name), _kind(path)
        if kind is None or len(dates) != 2 or not left_out.isdisjoint(dates):
            continue
        pair = (dates[0], dates[1])
        if pair in kinds[kind] or pair[::-1] in kinds[kind]:
            refuse("S104", path, f"one {kind} file per pair is allowed, got {kinds[kind].get(pair, path).name} too")
        kinds[kind][pair] = path
    if not kinds["unwrapped"]:
        refuse("S101", sources[0], "must hold unwrapped interferograms named with two dates and unw")
    single = [p for p in found if p.suffix == ".par" and len(dates_in(p.name)) == 1]
    heights = [p for p in found if len(dates_in(p.name)) < 2 and p.suffix in (*_RASTERS, ".dem") and _named(_HEIGHT, p)]
    map_headers = [p for p in single if _named(_HEIGHT, p)] + [p for p in found if p.suffix == ".dem_par"]
    return _Files(
        root=sources[0],
        unwrapped=kinds["unwrapped"],
        coherence=kinds["coherence"],
        base=kinds["base"],
        height=heights[0] if heights else None,
        headers=tuple(p for p in single if not _named(_HEIGHT, p)),
        map_header=map_headers[0] if map_headers else None,
        lookup=next((p for p in found if p.suffix == ".lt"), None),
    )


def _named(pattern: re.Pattern[str], path: Path) -> bool:
    return pattern.search(path.name) is not None


def _kind(path: Path) -> str | None:
    """What a file named with two dates holds."""
    if path.name.endswith(("base.par", ".base")):
        return "base"
    if path.suffix.lower() not in (*_RASTERS, *_RAW):
        return None
    if _named(_UNWRAPPED, path):
        return "unwrapped"
    return "coherence" if _named(_COHERENCE, path) else None


def _open_plane(path: Path, files: _Files) -> tuple[_Plane, list[Finding]]:
    """Open and check one raster on the map grid."""
    if path.suffix.lower() in _RASTERS:
        gdal = open_raster(path)

        def read_filled(rows: slice) -> npt.NDArray[np.float32]:
            return np.nan_to_num(gdal.read_float(rows), nan=0.0) if _nan_is_nodata(gdal) else gdal.read(rows)

        return _Plane(path, gdal.shape, gdal.read_float, gdal), check_reader(path, read_filled, gdal.shape[0])
    if files.map_header is None:
        refuse("S115", path, "a raw file needs the *dem.par or *.dem_par of its map grid")
    par = read_par(files.map_header)
    raster = RawRaster(path, (par.count("nlines"), par.count("width")), np.dtype(">f4"))
    return _Plane(path, raster.shape, raster.read, None), check_raster(raster)


def _nan_is_nodata(gdal: GdalRaster) -> bool:
    return gdal.nodata is not None and bool(np.isnan(gdal.nodata))


def _open_planes(files: _Files, names: Sequence[Pair]) -> tuple[list[_Plane], list[_Plane], list[Finding]]:
    """Interferograms and coherences of all pairs on one grid; no coherences unless every pair has one."""
    findings: list[Finding] = []

    def opened(path: Path) -> _Plane:
        plane, found = _open_plane(path, files)
        findings.extend(found)
        return plane

    planes = [opened(files.unwrapped[p]) for p in names]
    cohs = {frozenset(p): f for p, f in files.coherence.items()}
    missing = [p for p in names if frozenset(p) not in cohs]
    coherences = [] if missing else [opened(cohs[frozenset(p)]) for p in names]
    if missing:
        message = f"coherence of {len(missing)} of {len(names)} pairs missing (first {'_'.join(missing[0])}): unknown"
        findings.append(Finding("W206", str(files.root), message))
    for plane in (*planes, *coherences):
        if plane.shape != planes[0].shape:
            refuse("S104", plane.path, f"lines, samples must be {planes[0].shape} as of the first, got {plane.shape}")
        if plane.gdal and planes[0].gdal and not np.allclose(plane.gdal.transform, planes[0].gdal.transform, atol=1e-9):
            refuse("S104", plane.path, "geotransform must equal that of the first interferogram")
    return planes, coherences, findings


def _coherence_reader(planes: Sequence[_Plane]) -> Callable[[int, slice], npt.NDArray[np.float32]] | None:
    """Reader of coherence from 0 to 1; bytes from 0 to 255 are scaled."""
    if not planes:
        return None

    def read(k: int, rows: slice) -> npt.NDArray[np.float32]:
        plane = planes[k]
        values = plane.read(rows).astype(np.float32)
        values[~np.isfinite(values)] = np.nan
        is_byte = plane.gdal is not None and plane.gdal.read(slice(0, 1)).dtype == np.uint8
        return values / np.float32(255) if is_byte else values

    return read


def _position(plane: _Plane, files: _Files) -> dict[str, BandReader]:
    if plane.gdal is not None:
        return position_readers(plane.gdal)
    if files.map_header is None:
        return {}
    par = read_par(files.map_header)
    if par.text("DEM_projection", "EQA") != "EQA":
        return {}
    dlon, dlat = par.number("post_lon"), par.number("post_lat")
    start = (par.number("corner_lon"), dlon, par.number("corner_lat"), dlat)
    return grid_geometry(start, plane.shape)


def _radar(files: _Files) -> tuple[RadarGeometry | None, list[Finding]]:
    """Image header the lookup table belongs to, else the first image header."""
    if not files.headers:
        return None, [Finding("W204", str(files.root), "no image header *.par: viewing geometry is unknown")]
    candidates = [read_par(p) for p in files.headers]
    images = [p for p in candidates if "near_range_slc" in p.values]
    if not images:
        return None, [
            Finding("W204", str(files.root), "no image header with near_range_slc: viewing geometry is unknown")
        ]
    date = dates_in(files.lookup.name) if files.lookup else []
    return radar_geometry(min(images, key=lambda p: _header_rank(p, date)))


def _header_rank(par: ParFile, lookup_date: list[str]) -> tuple[bool, bool, str]:
    """Smaller is better: same date as the lookup table, multilooked, then name."""
    is_multilooked = par.number("range_looks", 1.0) * par.number("azimuth_looks", 1.0) > 1
    return dates_in(par.path.name) != lookup_date, not is_multilooked, par.path.name


def _lookup_readers(path: Path, shape: tuple[int, int]) -> tuple[dict[str, BandReader], list[Finding]]:
    """Readers of range and azimuth index of map pixels, NaN where there is none."""
    rasters = [RawRaster(path, shape, np.dtype(">f4"), n_bands=2, band=b) for b in (0, 1)]
    findings = check_raster(rasters[0])

    def reader(band: int) -> BandReader:
        def read(rows: slice) -> npt.NDArray[np.float64]:
            both = [r.read(rows).astype(np.float64) for r in rasters]
            both[band][(both[0] == 0) & (both[1] == 0)] = np.nan
            return both[band]

        return read

    return {"range": reader(0), "azimuth": reader(1)}, findings


def _fields(
    files: _Files, shape: tuple[int, int], radar: RadarGeometry | None
) -> tuple[dict[str, BandReader], dict[str, BandReader], list[Finding]]:
    """Geometry fields, lookup readers and findings."""
    fields: dict[str, BandReader] = {}
    findings: list[Finding] = []
    if files.height is None:
        findings.append(Finding("W202", str(files.root), "no *dem.tif: heights are unknown"))
    else:
        plane, found = _open_plane(files.height, files)
        if plane.shape != shape:
            refuse("S104", plane.path, f"lines, samples must be {shape} as of the interferograms, got {plane.shape}")
        findings += found
        fields["height"] = plane.read
    if files.lookup is None or radar is None:
        if radar is not None:
            findings.append(Finding("W204", str(files.root), "no lookup table *.lt: viewing geometry is unknown"))
        return fields, {}, findings
    lookup, found = _lookup_readers(files.lookup, shape)
    return fields | _viewing(radar, lookup["range"], fields.get("height")), lookup, findings + found


def _viewing(radar: RadarGeometry, range_index: BandReader, height: BandReader | None) -> dict[str, BandReader]:
    def slant_range(rows: slice) -> npt.NDArray[np.float64]:
        return radar.slant_range(range_index(rows))

    def incidence(rows: slice) -> npt.NDArray[np.float64]:
        h = np.nan_to_num(height(rows).astype(np.float64)) if height else 0.0
        return radar.incidence_angle(slant_range(rows), h)

    def component(name: str) -> BandReader:
        return lambda rows: line_of_sight(incidence(rows), radar.heading)[name]

    fields: dict[str, BandReader] = {"slant_range": slant_range, "incidence_angle": incidence}
    return fields | {name: component(name) for name in ("los_east", "los_north", "los_up")}


def _baselines(
    files: _Files,
    names: Sequence[Pair],
    radar: RadarGeometry | None,
    lookup: Mapping[str, BandReader],
    options: Mapping[str, Any],
) -> tuple[npt.NDArray[np.float64] | None, list[Finding]]:
    """Corner baselines of every pair (later minus earlier), or None with the reason."""
    found = {frozenset(p): (p, f) for p, f in files.base.items()}
    missing = [p for p in names if frozenset(p) not in found]
    if missing or radar is None or not lookup:
        lacking = (
            f"baseline files of {len(missing)} of {len(names)} pairs" if missing else "image header or lookup table"
        )
        return None, [Finding("W201", str(files.root), f"{lacking} missing: baselines are unknown")]
    vertical = options.get("vertical_baseline", "auto")
    if vertical not in ("auto", "down", "up"):
        refuse("S116", "vertical_baseline", f"must be 'auto', 'down' or 'up', got {vertical!r}")
    seconds, look, design = _sampled_view(radar, lookup, files)
    findings: list[Finding] = []
    corners = np.empty((len(names), 2, 2))
    for k, name in enumerate(names):
        pair, path = found[frozenset(name)]
        baseline, repaired = read_base(path, vertical)
        findings += repaired
        values = baseline.perpendicular(seconds, look) * (1 if pair[0] < pair[1] else -1)
        corners[k] = np.linalg.lstsq(design, values, rcond=None)[0].reshape(2, 2)
    return corners, findings


def _sampled_view(
    radar: RadarGeometry, lookup: Mapping[str, BandReader], files: _Files
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Seconds from the middle line, look angle and bilinear design at pixels spread over the map."""
    plane, _ = _open_plane(next(iter(files.unwrapped.values())), files)
    n_lines, n_samples = plane.shape
    lines = np.unique(np.linspace(0, n_lines - 1, _FIT_SIZE).astype(int))
    samples = np.unique(np.linspace(0, n_samples - 1, _FIT_SIZE).astype(int))
    range_, azimuth = (
        np.concatenate([lookup[n](slice(i, i + 1))[:, samples] for i in lines]) for n in ("range", "azimuth")
    )
    u, v = np.meshgrid(lines / max(n_lines - 1, 1), samples / max(n_samples - 1, 1), indexing="ij")
    known = np.isfinite(range_)
    if np.count_nonzero(known) < 4:
        refuse("S106", files.lookup, "lookup table must map at least four pixels")
    u, v = u[known], v[known]
    design = np.stack([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v], axis=1)
    seconds = (azimuth[known] - (radar.shape[0] / 2 - 0.5)) * radar.baseline_rate_time
    return seconds, radar.look_angle(radar.slant_range(range_[known])), design


def _wavelength(
    files: _Files, options: Mapping[str, Any], plane: _Plane, radar: RadarGeometry | None
) -> tuple[float, list[Finding]]:
    tag = plane.gdal.tags.get("WAVELENGTH_METRES") if plane.gdal else None
    tagged = float(tag) if tag else None
    value = wavelength_option(options) or (radar.wavelength if radar else tagged)
    if value is None:
        refuse("S113", files.root, "wavelength must be in an image header or given as an option")
    if tagged is not None and abs(tagged / value - 1) > _WAVELENGTH_TOLERANCE:
        message = f"tag WAVELENGTH_METRES is {tagged:.8f} m; {value:.8f} m is used (image header or option)"
        return value, [Finding("W108", str(plane.path), message)]
    return value, []


def _compare_incidence(plane: _Plane, fields: Mapping[str, BandReader], shape: tuple[int, int]) -> list[Finding]:
    tag = plane.gdal.tags.get("INCIDENCE_DEGREES") if plane.gdal else None
    if tag is None or "incidence_angle" not in fields:
        return []
    here = fields["incidence_angle"](slice(shape[0] // 2, shape[0] // 2 + 1))
    here = here[np.isfinite(here)]
    if not len(here) or abs(np.deg2rad(float(tag)) - np.median(here)) <= _INCIDENCE_TOLERANCE:
        return []
    used = np.rad2deg(np.median(here))
    message = f"tag INCIDENCE_DEGREES is {float(tag):.2f}; at mid-crop the lookup table gives {used:.2f} degrees"
    return [Finding("W110", str(plane.path), message)]


def _spacing(
    options: Mapping[str, Any], position: Mapping[str, BandReader], shape: tuple[int, int], root: Path
) -> tuple[float, float]:
    found = grid_spacing(position["longitude"], position["latitude"], shape) if position else None
    azimuth = positive(options, "azimuth_spacing") or (found[0] if found else None)
    range_ = positive(options, "range_spacing") or (found[1] if found else None)
    if azimuth is None or range_ is None:
        refuse("S114", root, "the grid has no coordinates and the pixel spacing is not given")
    return azimuth, range_
