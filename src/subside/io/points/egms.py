"""Products of the European Ground Motion Service: levels 2a, 2b (line of sight) and 3 (up or east), both generations.

Column names of the first releases (``height``, ``height_wgs84``, ``rmse``) and the present ones are read, with ``,``
or ``;`` between cells, plain or zipped. Every native column is kept in its own unit, so that a product can be written
back byte for byte.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from subside.conventions import MM_PER_M, SENTINEL1_WAVELENGTH
from subside.io.codes import refuse
from subside.io.export._files import atomic_file
from subside.io.export.egms import rate_and_std
from subside.io.points._gather import (
    DATE_NAME,
    FloatArray,
    Gathered,
    as_array,
    check_finite,
    check_finite_series,
    check_los,
    check_positions,
    dates_of,
    demand,
    gather,
)
from subside.io.points._text import TextTable, file_digest, is_zip, open_text, read_member
from subside.model.points import GEOGRAPHIC, PointKind, PointSet, PointSource, transform
from subside.model.series_rows import SeriesRows

EGMS_CRS: Final = "EPSG:3035"
"""Projected system of the products, ETRS89 LAEA."""

_ALIASES: Final[Mapping[str, str]] = {"height": "height_ortho", "height_wgs84": "height_ellipse", "rmse": "rmse_ts"}
_TEXT: Final = ("pid", "cluster_label", "mp_type")
_INTEGER: Final = ("line", "pixel")
_LEVEL_2: Final = ("latitude", "longitude", "los_east", "los_north", "los_up", "temporal_coherence", "track_angle")
_NUMBERS: Final = frozenset(
    (
        *_LEVEL_2,
        *("easting", "northing", "height_ortho", "height_ellipse", "rmse_ts", "amplitude_dispersion"),
        *("incidence_angle", "mean_velocity", "mean_velocity_std", "acceleration", "acceleration_std"),
        *("seasonality", "seasonality_std", "gnss_velocity"),
        *("gnss_velocity_n", "gnss_velocity_e", "gnss_velocity_u"),
    )
)
_FILE_NAME: Final = re.compile(r"EGMS_(L2[ab])_(\d{3})_(\d{4})_(IW\d)|EGMS_(L3)_(\w+?)_100km_([EU])")
_COMPONENTS: Final[Mapping[str, tuple[float, float, float]]] = {"U": (0.0, 0.0, 1.0), "E": (1.0, 0.0, 0.0)}
_DATUM: Final[Mapping[str, str]] = {
    "L2": "unknown: the file does not say whether rates are calibrated",
    "L2a": "relative to the reference of the product (basic, not calibrated)",
    "L2b": "calibrated by the GNSS velocity model of the service",
    "L3": "calibrated by the GNSS velocity model of the service, split into up and east",
}
_SIGMA_RECOMPUTED: Final = (
    "formal, of white noise about a line and a yearly term: recomputed from the series by the definition of the "
    "product, which writes it rounded to 0.1 mm/yr"
)
_SIGMA_READ: Final = "formal, of white noise, as written by the product; 0.0 (below its rounding) is unknown"
_BLOCK: Final = 8192
_MAX_DECIMALS: Final = 6
_POSITION_TOLERANCE: Final = 5.0


@dataclass(frozen=True)
class EgmsProduct:
    """One product as it was read.

    Attributes
    ----------
    points : PointSet
        The points in SI units; easting and northing as in the file (EPSG:3035).
    level : str
        ``L2a``, ``L2b``, ``L3``; ``L2`` where neither XML, file name nor GNSS velocities tell.
    header : tuple of str
        Column names in the order of the file, dates included.
    columns : mapping of str to ndarray, (point,)
        Every column before the dates under its name in the file, in its unit; NaN is an empty cell.
    delimiter : str
        ``,`` or ``;``.
    series_decimals : int
        Decimals of the displacements, mm.
    facts : mapping
        Of the XML: level, track, burst, facility, production date, versions, numbers of images.
    xml : bytes or None
        The XML itself.
    """

    points: PointSet
    level: str
    header: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]]
    delimiter: str
    series_decimals: int
    facts: Mapping[str, Any]
    xml: bytes | None

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column by its present name, whichever generation the file is of.

        Raises
        ------
        InputFileError
            S138 if the product has none.
        """
        own = next((n for n in self.columns if _ALIASES.get(n, n) == name), None)
        if own is None:
            refuse("S138", self.points.source.label, f"columns must hold {name}, got none")
        return self.columns[own]


def is_egms(names: tuple[str, ...]) -> bool:
    """Whether a header is that of a product of the service."""
    return {"pid", "mean_velocity", "easting", "northing"} <= set(names)


def read_egms(path: str | Path, *, name: str | None = None, table: TextTable | None = None) -> EgmsProduct:
    """Read a product of level 2a, 2b or 3, CSV or zip.

    Parameters
    ----------
    path : str or Path
        File. The XML is taken from the zip, or from beside the CSV.
    name : str, optional
        Name of the track; None takes it from the XML or the file name.
    table : TextTable, optional
        The same file with its header read.

    Returns
    -------
    EgmsProduct

    Raises
    ------
    InputFileError
        S101, S137 to S144: see ``docs/reference/codes.md``.

    Notes
    -----
    ``velocity_std`` of the points is recomputed from the series by the definition of the product (see
    :mod:`subside.io.export.egms`), because the column is rounded to 0.1 mm/yr and can read 0.0. The column itself is
    in :attr:`EgmsProduct.columns`.
    """
    file = Path(path)
    table = table or open_text(file)
    table.demand_unique()
    xml = _xml_of(file)
    facts = _xml_facts(xml, file)
    stated, component = _level(table, facts)
    days = [n for n in table.names if DATE_NAME.match(n)]
    others = [n for n in table.names if n not in set(days)]
    canonical = [_ALIASES.get(n, n) for n in others]
    demand(canonical, _LEVEL_2 if not component else (), table.label)
    dates = dates_of(days, table.label)
    types = {**{n: _type(n) for n in others}, **dict.fromkeys(days, pa.float64())}
    decimals = _Decimals(days)
    got = gather(decimals.watch(table.blocks(types)), columns=others, series={"d": days})
    by_name = {_ALIASES.get(n, n): v for n, v in got.columns.items()}
    level = stated or ("L2b" if np.isfinite(by_name.get("gnss_velocity", np.nan)).any() else "L2")
    source = PointSource(
        label=file.name,
        digest=file_digest(file),
        wavelength=SENTINEL1_WAVELENGTH if not component else np.nan,
        heading_deg=_heading(by_name["track_angle"]) if not component else np.nan,
        datum=_DATUM.get(level, _DATUM["L2"]),
        facts={"product": f"EGMS {level}", **facts},
    )
    points = _points(
        name or _track_name(file, facts), by_name, dates=dates, got=got, source=source, component=component
    )
    return EgmsProduct(points, level, table.names, got.columns, table.delimiter, decimals.most, facts, xml)


def write_egms_product(product: EgmsProduct, path: str | Path) -> Path:
    """Write a product back: same header, order, decimals and line ends; with ``.zip`` also its XML.

    Parameters
    ----------
    product : EgmsProduct
        As read.
    path : str or Path
        ``.csv`` or ``.zip``; replaced whole if it exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ProjectError
        If the file cannot be written.
    """
    target = Path(path)
    with atomic_file(target) as temporary:
        if target.suffix.lower() == ".zip":
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                if product.xml is not None:
                    archive.writestr(f"{target.stem}.xml", product.xml)
                with archive.open(f"{target.stem}.csv", "w", force_zip64=True) as stream:
                    _write_rows(product, stream)
        else:
            with temporary.open("wb") as plain:
                _write_rows(product, plain)
    return target


def _write_rows(product: EgmsProduct, stream: IO[bytes]) -> None:
    stream.write((product.delimiter.join(product.header) + "\n").encode())
    days = [n for n in product.header if n not in product.columns]
    order = [n for n in product.header if n in product.columns]
    if (*order, *days) != product.header:
        refuse("S138", product.points.source.label, "columns of dates must come last, got others behind them")
    for start in range(0, product.points.n_points, _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = {name: product.columns[name][rows] for name in order}
        mm = np.round(np.asarray(product.points.displacement[rows], np.float64) * MM_PER_M, product.series_decimals)
        frame = pd.concat([pd.DataFrame(block), pd.DataFrame(mm)], axis=1)
        text = frame.to_csv(index=False, header=False, sep=product.delimiter, lineterminator="\n")
        stream.write(text.encode())


def _type(name: str) -> pa.DataType:
    own = _ALIASES.get(name, name)
    if own in _INTEGER:
        return pa.int64()
    return pa.float64() if own in _NUMBERS and name not in _TEXT else pa.string()


class _Decimals:
    """Finds the decimals of the displacements while blocks pass."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self.most = 1

    def watch(self, blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in blocks:
            for name in self._names:
                values = as_array(block.column(name))
                values = values[np.isfinite(values)]
                while self.most < _MAX_DECIMALS and not np.array_equal(np.round(values, self.most), values):
                    self.most += 1
            yield block


def _xml_of(file: Path) -> bytes | None:
    if is_zip(file):
        return read_member(file, ".xml")
    beside = file.with_suffix(".xml")
    return beside.read_bytes() if beside.is_file() else None


def _xml_facts(xml: bytes | None, file: Path) -> dict[str, Any]:
    if xml is None:
        return {}
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        refuse("S141", file, f"the XML beside the table must be well formed, got: {error}")
    facts: dict[str, Any] = {}
    for child in root:
        version = child.find("version")
        if version is not None:
            facts[f"{child.tag}_version"] = version.text
        elif child.tag in ("reference", "dataset"):
            facts[f"{child.tag}_images"] = len(child.findall("image"))
        elif not len(child):
            facts[child.tag] = child.text
    return facts


def _level(table: TextTable, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Level of the product where it is stated, and component of level 3."""
    found = _FILE_NAME.search(table.member or table.path.name)
    if "los_up" in table.names:
        stated = facts.get("product_level") or (found and found[1])
        return str(stated or ""), ""
    component = found[7] if found else None
    if component is None:
        refuse(
            "S137",
            table.label,
            "a product without line of sight must be of level 3 and named EGMS_L3_<tile>_100km_<E or U>_..., got "
            f"{table.member or table.path.name}",
        )
    return "L3", str(component)


def _heading(track_angle: FloatArray) -> float:
    known = track_angle[np.isfinite(track_angle)]
    return float(np.median(known) % 360.0) if len(known) else np.nan


def _track_name(file: Path, facts: Mapping[str, Any]) -> str:
    found = _FILE_NAME.search(file.name)
    if found and found[5]:
        return f"{found[6]}-{found[7]}"
    track = facts.get("track") or (found[2] if found else None)
    return f"T{track}" if track else file.stem


def _points(
    name: str,
    columns: Mapping[str, npt.NDArray[Any]],
    *,
    dates: npt.NDArray[np.datetime64],
    got: Gathered,
    source: PointSource,
    component: str,
) -> PointSet:
    label, displacement = source.label, got.series["d"]
    easting, northing = columns["easting"], columns["northing"]
    if component:
        if not (np.isfinite(easting).all() and np.isfinite(northing).all()):
            refuse("S139", label, "easting and northing must be known for every point, got empty cells")
        longitude, latitude = transform(easting, northing, source=EGMS_CRS, target=GEOGRAPHIC)
        los = np.tile(_COMPONENTS[component], (got.n_rows, 1))
    else:
        longitude, latitude = columns["longitude"], columns["latitude"]
        los = np.stack([columns["los_east"], columns["los_north"], columns["los_up"]], axis=1)
        check_los(los, label)
    check_positions(longitude, latitude, label)
    check_finite(columns["mean_velocity"], "mean_velocity", label)
    check_finite_series(displacement, label)
    std, definition = _velocity_std(columns["mean_velocity_std"], displacement, dates)
    points = PointSet.from_geographic(
        name,
        longitude=longitude,
        latitude=latitude,
        crs=EGMS_CRS,
        source=replace(source, sigma_definition=definition),
        columns={
            "dates": dates,
            "los": los,
            "velocity": columns["mean_velocity"] / MM_PER_M,
            "velocity_std": std,
            "displacement": displacement,
            "kind": _kind(columns.get("mp_type")) if "mp_type" in columns else np.zeros(got.n_rows, np.uint8),
            "coherence": columns.get("temporal_coherence", np.full(got.n_rows, np.nan)),
            "height": columns.get("height_ellipse", columns.get("height_ortho", np.full(got.n_rows, np.nan))),
            "point_id": columns["pid"],
        },
    )
    off = np.hypot(points.easting - easting, points.northing - northing)
    if not np.all(off <= _POSITION_TOLERANCE):
        row = int(np.argmax(~(off <= _POSITION_TOLERANCE)))
        refuse(
            "S139",
            label,
            f"easting and northing (EPSG:3035) must be the place of longitude and latitude within "
            f"{_POSITION_TOLERANCE:g} m, got {off[row]:.1f} m apart in row {row + 1} of the data",
        )
    return replace(points, easting=easting, northing=northing)


def _kind(mp_type: Any) -> npt.NDArray[np.uint8]:
    """Kind from the effective area, m2: 0 is a persistent scatterer, more a distributed one, empty unknown."""
    area = pd.to_numeric(pd.Series(mp_type, dtype=object), errors="coerce").to_numpy(np.float64)
    kind = np.where(area == 0, PointKind.PS, np.where(area > 0, PointKind.DS, PointKind.UNKNOWN))
    return np.asarray(kind, dtype=np.uint8)


def _velocity_std(
    written: FloatArray, displacement: SeriesRows, dates: npt.NDArray[np.datetime64]
) -> tuple[FloatArray, str]:
    days = (dates - dates[:1]).astype(np.float64)
    parts = []
    for start in range(0, displacement.shape[0], _BLOCK):
        fit = rate_and_std(displacement[start : start + _BLOCK].astype(np.float64), days)
        if fit is None:
            return np.where(written > 0, written, np.nan) / MM_PER_M, _SIGMA_READ
        parts.append(fit[1])
    return np.concatenate(parts), _SIGMA_RECOMPUTED
