"""StaMPS trees as SNAP and GAMMA export them: single reference (``rslc``, ``diff0``, ``geo``) and small baselines.

Single reference ``m``: the interferogram file holds ``s_m conj(s_d)`` without flat-earth and topographic phase, so the
flattened image of a date is ``|rslc_d| exp(j (arg rslc_m - arg diff_md))`` and ``s_m = rslc_m``. With unfiltered
single-look interferograms this is ``rslc_d`` with the geometric phase removed, its speckle untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks._binary import RawRaster, check_raster, complex_dtype, finite_or_zero
from subside.io.stacks._options import check_options, dates_in, excluded, grid_spacing, single_source
from subside.io.stacks.gamma_par import (
    RadarGeometry,
    corner_baselines,
    line_of_sight,
    radar_geometry,
    read_base,
    read_par,
)
from subside.io.stacks.small_baselines import date_baselines, spanning_tree, tree_findings
from subside.io.stacks.source import BandReader, Finding, StackSource

OPTIONS = ("byte_order", "vertical_baseline", "exclude_dates", "reference_date")
"""Options of the format, see :func:`open_snap`."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class _Tree:
    """Files of an export by date and by pair."""

    root: Path
    rslc: Mapping[str, Path]
    diff: Mapping[Pair, Path]
    is_small_baselines: bool


@dataclass(frozen=True)
class _Setup:
    """What the options say."""

    byte_order: str
    vertical: str
    reference: str | None


def open_snap(sources: Sequence[Path], **options: Any) -> StackSource:
    """Open a StaMPS tree of SNAP or GAMMA.

    Parameters
    ----------
    sources : sequence of Path
        One folder: the one that holds ``rslc``, ``diff0`` and ``geo``, or ``SMALL_BASELINES`` and ``geo``.
    **options
        ``byte_order`` ``'big'`` (default) or ``'little'`` of all binary files; ``vertical_baseline`` ``'auto'``
        (default), ``'down'`` or ``'up'``, see :func:`subside.io.stacks.gamma_par.read_base`; ``exclude_dates`` list of
        dates to leave out; ``reference_date`` for a small-baseline tree whose ``geo`` files carry no date.

    Returns
    -------
    StackSource
        Opened and checked; pixels are read on demand.

    Raises
    ------
    InputFileError
        S101 to S112 and S116.
    """
    check_options("snap", options, OPTIONS)
    setup = _setup(options)
    tree = _find_tree(single_source(sources, "snap"), excluded(options))
    reference = _reference_date(tree, setup.reference)
    dates = tuple(sorted(tree.rslc))
    geometry, findings = radar_geometry(read_par(_par_of(tree.rslc[reference])))
    dtype = complex_dtype(geometry.image_format, setup.byte_order)
    slc = {d: RawRaster(tree.rslc[d], geometry.shape, dtype) for d in dates}
    diff = {p: RawRaster(f, geometry.shape, np.dtype(f"{setup.byte_order}c8")) for p, f in tree.diff.items()}
    _check_shapes(tree, dates, geometry.shape)
    for raster in (*slc.values(), *diff.values()):
        findings += check_raster(raster)
    edges = spanning_tree(tuple(diff), dates, reference, tree.root)
    reader = _SlcReader(dates, reference, slc, diff, edges)
    if tree.is_small_baselines:
        findings += tree_findings(diff, edges, geometry.shape, tree.root)
    fields, geo_findings = _geo_fields(tree.root / "geo", geometry, setup.byte_order)
    bperp, base_findings = _baselines(tree, dates, reference, geometry, setup.vertical)
    return StackSource(
        dates=dates,
        reference_date=reference,
        shape=geometry.shape,
        wavelength=geometry.wavelength,
        azimuth_spacing=_azimuth_spacing(fields, geometry, tree.root),
        range_spacing=_ground_range_spacing(fields, geometry),
        read_slc=reader.read,
        geometry=fields,
        bperp=bperp,
        n_looks=geometry.n_looks,
        attributes={
            "sensor": geometry.sensor,
            "heading": geometry.heading,
            "producer": "StaMPS small-baseline tree" if tree.is_small_baselines else "StaMPS single-reference tree",
            "slant_range_spacing": geometry.range_spacing,
            "height_datum": "not stated by the source",
        },
        findings=(*findings, *geo_findings, *base_findings),
    )


def _setup(options: Mapping[str, Any]) -> _Setup:
    order = options.get("byte_order", "big")
    if order not in ("big", "little"):
        refuse("S116", "byte_order", f"must be 'big' or 'little', got {order!r}")
    vertical = options.get("vertical_baseline", "auto")
    if vertical not in ("auto", "down", "up"):
        refuse("S116", "vertical_baseline", f"must be 'auto', 'down' or 'up', got {vertical!r}")
    reference = options.get("reference_date")
    return _Setup(">" if order == "big" else "<", vertical, None if reference is None else str(reference))


def _par_of(slc: Path) -> Path:
    return slc.with_name(slc.name + ".par")


def _find_tree(root: Path, left_out: frozenset[str]) -> _Tree:
    small = root / "SMALL_BASELINES"
    top = small if (small / "rslc").is_dir() else root
    if small.is_dir() and top is root:
        found_slc, found_diff = sorted(small.glob("*/*.rslc")), sorted(small.glob("*/*.diff"))
    else:
        found_slc, found_diff = sorted((top / "rslc").glob("*.rslc")), sorted((top / "diff0").glob("*.diff"))
    if not found_slc or not found_diff:
        refuse("S101", root, "folder must hold rslc/*.rslc and diff0/*.diff, or SMALL_BASELINES/*/*.{rslc,diff}")
    rslc: dict[str, Path] = {}
    for path in found_slc:
        date = dates_in(path.name)
        if len(date) != 1:
            refuse("S110", path, "name must be YYYYMMDD.rslc")
        if date[0] not in left_out:
            rslc.setdefault(date[0], path)
    diff: dict[Pair, Path] = {}
    for path in found_diff:
        pair = dates_in(path.name)
        if len(pair) != 2 or pair[0] == pair[1]:
            refuse("S110", path, "name must be YYYYMMDD_YYYYMMDD.diff")
        if left_out.isdisjoint(pair):
            diff[pair[0], pair[1]] = path
    tree = _Tree(root, rslc, diff, small.is_dir())
    _check_complete(tree)
    return tree


def _check_complete(tree: _Tree) -> None:
    """Every date of a pair has an image, every image a pair."""
    if len(tree.rslc) < 2:
        refuse("S110", tree.root, f"at least two dates must be there, got {sorted(tree.rslc)}")
    in_pairs = {d for pair in tree.diff for d in pair}
    for date in sorted(in_pairs - tree.rslc.keys()):
        pair = next(p for p in tree.diff if date in p)
        missing = next(iter(tree.rslc.values())).with_name(f"{date}.rslc")
        refuse("S102", missing, f"image of date {date} must exist, since {tree.diff[pair].name} uses it")
    for date in sorted(tree.rslc.keys() - in_pairs):
        folder = next(iter(tree.diff.values())).parent
        refuse("S102", folder, f"an interferogram with date {date} must exist, since {tree.rslc[date].name} does")


def _reference_date(tree: _Tree, wanted: str | None) -> str:
    common = set.intersection(*(set(p) for p in tree.diff))
    if not tree.is_small_baselines:
        if len(tree.diff) > 1 and len(common) != 1:
            refuse(
                "S118", tree.root / "diff0", f"every pair must share one date, got {len(tree.diff)} pairs without one"
            )
        return next(iter(tree.diff))[0] if len(common) != 1 else common.pop()
    named = [d for p in sorted((tree.root / "geo").glob("*.lon")) for d in dates_in(p.name)]
    for candidate in (wanted, *named):
        if candidate in tree.rslc:
            return str(candidate)
    if wanted is not None:
        refuse("S116", "reference_date", f"must be one of the dates {sorted(tree.rslc)}, got {wanted!r}")
    return min(tree.rslc)


def _check_shapes(tree: _Tree, dates: Sequence[str], shape: tuple[int, int]) -> None:
    for date in dates:
        par = read_par(_par_of(tree.rslc[date]))
        found = (par.count("azimuth_lines"), par.count("range_samples"))
        if found != shape:
            refuse("S104", par.path, f"azimuth_lines, range_samples must be {shape} as of the reference, got {found}")


@dataclass(frozen=True)
class _SlcReader:
    """Reads flattened images of an export."""

    dates: tuple[str, ...]
    reference: str
    slc: Mapping[str, RawRaster]
    diff: Mapping[Pair, RawRaster]
    edges: Mapping[str, tuple[Pair, ...]]

    def read(self, date_index: int, rows: slice) -> npt.NDArray[np.complex64]:
        date = self.dates[date_index]
        own = finite_or_zero(self.slc[date].read(rows))
        if date == self.reference:
            return own
        carried = finite_or_zero(self.slc[self.reference].read(rows))
        here = self.reference
        for pair in self.edges[date]:
            ifg = finite_or_zero(self.diff[pair].read(rows))
            is_forward = pair[0] == here
            carried = carried * (np.conj(ifg) if is_forward else ifg)
            carried = _unit(carried)
            here = pair[1] if is_forward else pair[0]
        return np.abs(own) * carried


def _unit(values: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    size = np.abs(values)
    result: npt.NDArray[np.complex64] = np.divide(values, size, out=np.zeros_like(values), where=size > 0)
    return result


def _geo_fields(folder: Path, geometry: RadarGeometry, byte_order: str) -> tuple[dict[str, BandReader], list[Finding]]:
    """Readers of longitude, latitude, height and of what follows from slant range."""
    findings: list[Finding] = []
    fields: dict[str, BandReader] = {}
    dtype = np.dtype(f"{byte_order}f4")
    patterns = {"longitude": "*.lon", "latitude": "*.lat", "height": "*dem.rdc"}
    for name, pattern in patterns.items():
        found = sorted(folder.glob(pattern))
        if found:
            raster = RawRaster(found[0], geometry.shape, dtype)
            findings += check_raster(raster, may_be_zero=name == "height")
            fields[name] = _height_reader(raster) if name == "height" else _degree_reader(raster)
    if not {"longitude", "latitude"} <= fields.keys():
        fields.pop("longitude", None)
        fields.pop("latitude", None)
        findings.append(Finding("W203", str(folder), "no *.lon and *.lat: longitude and latitude are unknown"))
    if "height" not in fields:
        findings.append(Finding("W202", str(folder), "no *dem.rdc: heights are unknown"))
    fields.update(_viewing_fields(geometry, fields.get("height")))
    return fields, findings


def _degree_reader(raster: RawRaster) -> BandReader:
    def read(rows: slice) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = raster.read(rows).astype(np.float64)
        values[values == 0] = np.nan
        return values

    return read


def _height_reader(raster: RawRaster) -> BandReader:
    def read(rows: slice) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32] = raster.read(rows).astype(np.float32)
        values[~np.isfinite(values) | (values <= -9999)] = np.nan
        return values

    return read


def _viewing_fields(geometry: RadarGeometry, height: BandReader | None) -> dict[str, BandReader]:
    width = geometry.shape[1]

    def slant_range(rows: slice) -> npt.NDArray[np.float64]:
        n = len(range(*rows.indices(geometry.shape[0])))
        return np.broadcast_to(geometry.slant_range(np.arange(width)), (n, width)).copy()

    def incidence(rows: slice) -> npt.NDArray[np.float64]:
        h = np.nan_to_num(height(rows).astype(np.float64)) if height else 0.0
        return geometry.incidence_angle(slant_range(rows), h)

    def component(name: str) -> BandReader:
        return lambda rows: line_of_sight(incidence(rows), geometry.heading)[name]

    fields: dict[str, BandReader] = {"slant_range": slant_range, "incidence_angle": incidence}
    return fields | {name: component(name) for name in ("los_east", "los_north", "los_up")}


def _azimuth_spacing(fields: Mapping[str, BandReader], geometry: RadarGeometry, root: Path) -> float:
    if np.isfinite(geometry.azimuth_spacing):
        return geometry.azimuth_spacing
    found = None
    if "longitude" in fields:
        found = grid_spacing(fields["longitude"], fields["latitude"], geometry.shape)
    if found is None:
        refuse("S109", root, "azimuth_pixel_spacing is truncated; state vectors or geo/*.lon, *.lat must be there")
    return found[0]


def _ground_range_spacing(fields: Mapping[str, BandReader], geometry: RadarGeometry) -> float:
    middle = geometry.shape[0] // 2
    incidence = fields["incidence_angle"](slice(middle, middle + 1))
    return geometry.range_spacing / float(np.sin(np.median(incidence)))


def _baselines(
    tree: _Tree, dates: tuple[str, ...], reference: str, geometry: RadarGeometry, vertical: str
) -> tuple[npt.NDArray[np.float64] | None, list[Finding]]:
    """Corner baselines of every date, or None with the reason."""
    missing = [p for p in (f.with_suffix(".base") for f in tree.diff.values()) if not p.is_file()]
    if missing:
        message = f"baseline file missing ({len(missing)} of {len(tree.diff)} pairs): baselines are unknown"
        return None, [Finding("W201", str(missing[0]), message)]
    findings: list[Finding] = []
    corners = []
    for path in tree.diff.values():
        baseline, found = read_base(path.with_suffix(".base"), vertical)
        findings += found
        corners.append(corner_baselines(baseline, geometry))
    return date_baselines(tuple(tree.diff), np.array(corners), dates, reference), findings
