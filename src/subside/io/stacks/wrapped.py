"""Wrapped single-reference stacks: amplitudes and interferograms with one common date, in HDF5, GeoTIFF or raw files.

An interferogram named ``A_B`` holds ``s_A conj(s_B)``. With ``m`` the common date, ``s_m`` is its amplitude and
``s_d = amplitude_d exp(-j phase)`` for ``m_d``, ``amplitude_d exp(+j phase)`` for ``d_m``: the products then equal the
interferograms. In an HDF5 file ``phase`` is that of ``reference conj(date)`` for every date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks._binary import RawRaster, check_raster, check_reader, check_sample, finite_or_zero, sampled_rows
from subside.io.stacks._geotiff import open_raster, position_readers
from subside.io.stacks._options import (
    check_options,
    dates_in,
    excluded,
    geotransform_option,
    grid_geometry,
    grid_spacing,
    positive,
    wavelength_option,
)
from subside.io.stacks.source import BandReader, Finding, StackSource

OPTIONS = (
    "wavelength",
    "sensor",
    "geotransform",
    "azimuth_spacing",
    "range_spacing",
    "n_looks",
    "shape",
    "byte_order",
    "exclude_dates",
)
"""Options of the format, see :func:`open_wrapped`."""

_ENL_WINDOW = 9
_ENL_DATES = 5
_GAIN = re.compile(r"10\*\*\(\(([-+0-9.eE]+)\s*\+\s*([-+0-9.eE]+)\*q\)/20\)")
_RASTERS = (".tif", ".tiff", ".vrt")
_INTERFEROGRAMS = (*_RASTERS, ".int")
_AMPLITUDES = (*_RASTERS, ".amp")
_PACKED = (".gz", ".bz2", ".xz", ".zip")


@dataclass(frozen=True)
class _Opened:
    """A stack of either kind, before the options are applied."""

    path: Path
    dates: tuple[str, ...]
    reference: str
    shape: tuple[int, int]
    read_slc: Callable[[int, slice], npt.NDArray[np.complex64]]
    wavelength: float | None = None
    position: Mapping[str, BandReader] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def open_wrapped(sources: Sequence[Path], **options: Any) -> StackSource:
    """Open a wrapped single-reference stack.

    Parameters
    ----------
    sources : sequence of Path
        One HDF5 file with ``dates`` and either ``slc``, or ``amplitude`` and ``phase``, or the same quantised as
        ``amplitude_q`` and ``phase_q`` with their ``decode`` attributes, each (date, line, sample); or folders and
        files of interferograms ``<date>_<date>.{tif,int}`` (complex, or phase in rad) and amplitudes
        ``<date>.{tif,amp}``. Amplitudes may be absent if the interferograms are complex: those of a date are then
        the size of its interferogram.
    **options
        ``wavelength`` (m) or ``sensor``; ``geotransform`` (lon0, dlon, lat0, dlat) in degrees at the centre of pixel
        (0, 0); ``azimuth_spacing`` and ``range_spacing`` (line and sample on the ground, m); ``n_looks``; for raw
        files ``shape`` (lines, samples) and ``byte_order`` ``'little'`` (default) or ``'big'``; ``exclude_dates``.

    Returns
    -------
    StackSource
        Opened and checked; baselines, heights and viewing angles are unknown.

    Raises
    ------
    InputFileError
        S101 to S110 and S113 to S118.
    """
    check_options("wrapped", options, OPTIONS)
    is_hdf5 = len(sources) == 1 and sources[0].suffix.lower() in (".h5", ".hdf5", ".he5", ".nc")
    opened = _open_hdf5(sources[0], options) if is_hdf5 else _open_files(sources, options)
    wavelength = wavelength_option(options) or opened.wavelength
    if wavelength is None:
        refuse("S113", opened.path, "wavelength must be in the file or given as an option")
    transform = geotransform_option(options)
    position = grid_geometry(transform, opened.shape) if transform else opened.position
    azimuth_spacing, range_spacing = _spacing(options, position, opened)
    findings = [*opened.findings, *_unknown(opened, position)]
    n_looks = positive(options, "n_looks")
    if n_looks is None:
        n_looks = _estimate_looks(opened)
        message = f"number of looks estimated as {n_looks:.1f} (a lower bound)"
        findings.append(Finding("W205", str(opened.path), message))
    return StackSource(
        dates=opened.dates,
        reference_date=opened.reference,
        shape=opened.shape,
        wavelength=wavelength,
        azimuth_spacing=azimuth_spacing,
        range_spacing=range_spacing,
        read_slc=opened.read_slc,
        geometry=position,
        bperp=None,
        n_looks=max(n_looks, 1.0),
        attributes={"producer": "wrapped single-reference stack", "single_reference": True, **opened.notes},
        findings=tuple(findings),
    )


def _spacing(options: Mapping[str, Any], position: Mapping[str, BandReader], opened: _Opened) -> tuple[float, float]:
    found = grid_spacing(position["longitude"], position["latitude"], opened.shape) if position else None
    azimuth = positive(options, "azimuth_spacing") or (found[0] if found else None)
    range_ = positive(options, "range_spacing") or (found[1] if found else None)
    if azimuth is None or range_ is None:
        refuse("S114", opened.path, f"pixel spacing must be known{_noted(opened)}")
    return azimuth, range_


def _noted(opened: _Opened) -> str:
    notes = [f"{k}: {v}" for k, v in opened.notes.items() if "location" in k or "spacing" in k]
    return f" (the file notes {'; '.join(notes)})" if notes else ""


def _unknown(opened: _Opened, position: Mapping[str, BandReader]) -> list[Finding]:
    path = str(opened.path)
    found = [
        Finding("W201", path, "the format holds no baselines: they are unknown"),
        Finding("W202", path, "the format holds no heights: they are unknown"),
        Finding("W204", path, "the format holds no viewing geometry: incidence angle and line of sight are unknown"),
    ]
    if not position:
        found.append(Finding("W203", path, f"longitude and latitude are unknown{_noted(opened)}"))
    return found


def _estimate_looks(opened: _Opened) -> float:
    """Median over windows of mean(I)^2 / var(I) on bands of a few dates."""
    window, n_lines = _ENL_WINDOW, opened.shape[0]
    if min(opened.shape) < window:
        return 1.0
    estimates = []
    for k in np.unique(np.linspace(0, len(opened.dates) - 1, _ENL_DATES).astype(int)):
        for row in sampled_rows(n_lines):
            first = min(row, n_lines - window)
            intensity = np.abs(opened.read_slc(int(k), slice(first, first + window))).astype(np.float64) ** 2
            n = intensity.shape[1] // window
            blocks = intensity[:, : n * window].reshape(window, n, window).transpose(1, 0, 2).reshape(n, -1)
            blocks = blocks[np.all(blocks > 0, axis=1)]
            variance = blocks.var(axis=1, ddof=1)
            estimates.append(blocks.mean(axis=1)[variance > 0] ** 2 / variance[variance > 0])
    found = np.concatenate(estimates)
    return max(float(np.median(found)), 1.0) if len(found) else 1.0


# ------------------------------------------------------------------------------------------------------------- HDF5


def _open_hdf5(path: Path, options: Mapping[str, Any]) -> _Opened:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        refuse("S103", path, f"must be a complete HDF5 file, got: {error}")
    with file:
        layout = _Layout.of(path, file)
        dates = _hdf5_dates(path, file)
        facts = {str(k): _plain(v) for k, v in file.attrs.items()}
        shape = file[layout.names[0]].shape
    if len(shape) != 3 or shape[0] != len(dates):
        refuse("S104", path, f"`{layout.names[0]}` must be ({len(dates)}, line, sample), got {shape}")
    left_out = excluded(options)
    kept = sorted((d, k) for k, d in enumerate(dates) if d not in left_out)
    reference = str(facts.get("reference_date", "")) or kept[0][0]
    if reference not in [d for d, _ in kept]:
        refuse("S110", path, f"attribute reference_date must be one of the dates kept, got {reference!r}")
    planes = [k for _, k in kept]

    def read(date_index: int, rows: slice) -> npt.NDArray[np.complex64]:
        try:
            with h5py.File(path, "r") as opened:
                return finite_or_zero(layout.slc(opened, planes[date_index], rows))
        except OSError as error:
            refuse("S103", path, f"plane {planes[date_index]} must be readable, got: {error}")

    findings = _checked_planes(path, layout, kept, int(shape[1]))
    wave = next((facts[k] for k in ("wavelength_m", "wavelength", "WAVELENGTH") if k in facts), None)
    return _Opened(
        path=path,
        dates=tuple(d for d, _ in kept),
        reference=reference,
        shape=(int(shape[1]), int(shape[2])),
        read_slc=read,
        wavelength=None if wave is None else float(wave),
        notes={k: str(v) for k, v in facts.items() if isinstance(v, str)},
        findings=tuple(findings),
    )


def _checked_planes(path: Path, layout: _Layout, kept: Sequence[tuple[str, int]], n_lines: int) -> list[Finding]:
    """Check a sample of every plane as stored."""
    findings: list[Finding] = []
    rows = sampled_rows(n_lines)
    with h5py.File(path, "r") as file:
        for date, plane in kept:
            for name in layout.names:
                where = Path(f"{path}:{name}[{date}]")
                try:
                    sample = np.asarray(file[name][plane, rows])
                except OSError as error:
                    refuse("S103", where, f"plane must be readable, got: {error}")
                findings += check_sample(where, sample, may_be_zero=name.startswith("phase"))
    return findings


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def _hdf5_dates(path: Path, file: h5py.File) -> list[str]:
    name = next((n for n in ("dates", "date") if n in file), None)
    if name is None:
        refuse("S110", path, "dataset `dates` must be present")
    dates = [_plain(v) if isinstance(v, bytes) else str(v) for v in file[name][...]]
    bad = [d for d in dates if dates_in(d) != [d]]
    if bad or len(set(dates)) != len(dates) or len(dates) < 2:
        refuse("S110", path, f"`{name}` must be at least two distinct YYYYMMDD, got {bad or dates}")
    return dates


@dataclass(frozen=True)
class _Layout:
    """How an HDF5 file stores its images."""

    names: tuple[str, ...]
    gain: tuple[float, float] | None = None

    @classmethod
    def of(cls, path: Path, file: h5py.File) -> _Layout:
        """Recognise the layout."""
        if "slc" in file:
            return cls(("slc",))
        if {"amplitude", "phase"} <= file.keys():
            return cls(("amplitude", "phase"))
        if {"amplitude_q", "phase_q"} <= file.keys():
            text = str(_plain(file["amplitude_q"].attrs.get("decode", "")))
            match = _GAIN.search(text.replace(" ", ""))
            if match is None:
                refuse("S109", path, f"`amplitude_q` attribute decode must read 10**((a + b*q)/20), got {text!r}")
            return cls(("amplitude_q", "phase_q"), (float(match[1]), float(match[2])))
        return refuse("S101", path, f"datasets must be slc, or amplitude and phase, got {sorted(file.keys())}")

    def slc(self, file: h5py.File, plane: int, rows: slice) -> npt.NDArray[np.complex64]:
        """Read one band of one date."""
        if len(self.names) == 1:
            return np.asarray(file[self.names[0]][plane, rows]).astype(np.complex64)
        amplitude, phase = (np.asarray(file[n][plane, rows]) for n in self.names)
        if self.gain is not None:
            amplitude = 10 ** ((self.gain[0] + self.gain[1] * amplitude.astype(np.float64)) / 20)
            phase = phase.astype(np.float64) * (2 * np.pi / 256)
        result: npt.NDArray[np.complex64] = (amplitude * np.exp(-1j * phase)).astype(np.complex64)
        return result


# ------------------------------------------------------------------------------------------------------------ files


@dataclass(frozen=True)
class _FileReader:
    """Reads images from interferogram and amplitude files."""

    dates: tuple[str, ...]
    reference: str
    interferograms: Mapping[str, BandReader]
    is_conjugate: Mapping[str, bool]
    amplitudes: Mapping[str, BandReader]

    def raw(self, date_index: int, rows: slice) -> npt.NDArray[np.complex64]:
        date = self.dates[date_index]
        if date == self.reference:
            own = self.amplitudes[date](rows) if date in self.amplitudes else self._mean_size(rows)
            return np.abs(own).astype(np.complex64)
        values = self.interferograms[date](rows)
        phase = np.angle(values) if np.iscomplexobj(values) else values
        amplitude = np.abs(self.amplitudes[date](rows) if date in self.amplitudes else values)
        sign = 1j if self.is_conjugate[date] else -1j
        amplitude = np.where(values == 0, 0, amplitude) if np.iscomplexobj(values) else amplitude
        result: npt.NDArray[np.complex64] = (amplitude * np.exp(sign * phase)).astype(np.complex64)
        return result

    def read(self, date_index: int, rows: slice) -> npt.NDArray[np.complex64]:
        return finite_or_zero(self.raw(date_index, rows))

    def _mean_size(self, rows: slice) -> npt.NDArray[Any]:
        total = sum(np.abs(read(rows)).astype(np.float64) for read in self.interferograms.values())
        return np.asarray(total) / len(self.interferograms)


def _listed(sources: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        files += sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    return files


def _open_files(sources: Sequence[Path], options: Mapping[str, Any]) -> _Opened:
    files = _listed(sources)
    left_out = excluded(options)
    pairs, singles = _sorted_files(files, left_out)
    if not pairs:
        packed = [p for p in files if p.suffix in _PACKED and dates_in(p.name)]
        if packed:
            refuse("S117", packed[0], "file must not be compressed")
        refuse("S101", sources[0], "must hold interferograms <date>_<date>.tif or .int")
    common = set.intersection(*(set(p) for p in pairs))
    if not common or (len(pairs) > 1 and len(common) != 1):
        refuse("S118", sources[0], f"every interferogram must share one date, got {len(pairs)} without one")
    reference = min(common)
    by_date = {(p[1] if p[0] == reference else p[0]): p for p in pairs}
    dates = tuple(sorted([reference, *by_date]))
    _check_amplitudes(dates, singles, sources[0])
    readers: dict[str, BandReader] = {}
    amplitudes: dict[str, BandReader] = {}
    findings: list[Finding] = []
    shapes: dict[Path, tuple[int, int]] = {}
    for date, pair in by_date.items():
        readers[date], shapes[pairs[pair]], found = _open_one(pairs[pair], options, is_complex=True)
        findings += found
    for date, path in singles.items():
        if date in dates:
            amplitudes[date], shapes[path], found = _open_one(path, options, is_complex=False)
            findings += found
    first = pairs[by_date[min(by_date)]]
    for path, shape in shapes.items():
        if shape != shapes[first]:
            refuse("S104", path, f"lines, samples must be {shapes[first]} as of {first.name}, got {shape}")
    reader = _FileReader(dates, reference, readers, {d: p[1] == reference for d, p in by_date.items()}, amplitudes)
    return _Opened(
        path=sources[0],
        dates=dates,
        reference=reference,
        shape=shapes[first],
        read_slc=reader.read,
        wavelength=_rsc_number(first, "WAVELENGTH"),
        position=position_readers(open_raster(first)) if first.suffix.lower() in _RASTERS else {},
        findings=tuple(findings),
    )


def _sorted_files(
    files: Sequence[Path], left_out: frozenset[str]
) -> tuple[dict[tuple[str, str], Path], dict[str, Path]]:
    """Interferograms by pair and amplitudes by date."""
    pairs: dict[tuple[str, str], Path] = {}
    singles: dict[str, Path] = {}
    for path in files:
        dates = dates_in(path.name)
        if not left_out.isdisjoint(dates):
            continue
        if len(dates) == 2 and path.suffix.lower() in _INTERFEROGRAMS and dates[0] != dates[1]:
            pairs[dates[0], dates[1]] = path
        elif len(dates) == 1 and path.suffix.lower() in _AMPLITUDES:
            singles[dates[0]] = path
    return pairs, singles


def _check_amplitudes(dates: Sequence[str], singles: Mapping[str, Path], folder: Path) -> None:
    """All dates have an amplitude, or none has; none is without an interferogram."""
    missing = [d for d in dates if d not in singles]
    if singles and missing:
        refuse("S102", folder, f"amplitude of date {missing[0]} must exist, since others do ({len(missing)} missing)")
    extra = sorted(set(singles) - set(dates))
    if extra:
        refuse("S102", singles[extra[0]], f"an interferogram with date {extra[0]} must exist, since its amplitude does")


def _open_one(
    path: Path, options: Mapping[str, Any], *, is_complex: bool
) -> tuple[BandReader, tuple[int, int], list[Finding]]:
    if path.suffix.lower() in _RASTERS:
        gdal = open_raster(path)
        found = check_reader(path, gdal.read, gdal.shape[0])
        return gdal.read, gdal.shape, found
    order = options.get("byte_order", "little")
    if order not in ("little", "big"):
        refuse("S116", "byte_order", f"must be 'little' or 'big', got {order!r}")
    dtype = np.dtype(("<" if order == "little" else ">") + ("c8" if is_complex else "f4"))
    raster = RawRaster(path, _raw_shape(path, options), dtype)
    return raster.read, raster.shape, check_raster(raster)


def _raw_shape(path: Path, options: Mapping[str, Any]) -> tuple[int, int]:
    given = options.get("shape")
    if given is not None:
        if len(given) != 2 or any(int(n) != n or n < 1 for n in given):
            refuse("S116", "shape", f"must be two positive integers (lines, samples), got {given!r}")
        return int(given[0]), int(given[1])
    lines, samples = _rsc_number(path, "FILE_LENGTH"), _rsc_number(path, "WIDTH")
    if not lines or not samples:
        refuse("S115", path, f"lines and samples must be known; {path.name}.rsc is not there or lacks them")
    return int(lines), int(samples)


def _rsc_number(path: Path, key: str) -> float | None:
    """Value of a key in the ``.rsc`` header beside a raw file, None where there is none."""
    header = path.with_name(path.name + ".rsc")
    if not header.is_file():
        return None
    for line in header.read_text().splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == key:
            try:
                return float(words[1])
            except ValueError:
                refuse("S109", header, f"field `{key}` must be a number, got {words[1]!r}")
    return None
