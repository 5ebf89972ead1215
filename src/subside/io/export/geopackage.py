"""GeoPackage that opens in the InSAR Explorer of QGIS: ``velocity`` and ``DYYYYMMDD`` fields, mm."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyogrio

from subside.errors import ProjectError
from subside.io.export._arrow import GEOMETRY, arrow_schema, metadata_json, table_batches
from subside.io.export._files import atomic_file
from subside.io.schema import POINT_COLUMNS, PointTable

MAX_FIELDS: Final = 1998
"""Fields of a layer beside its feature id and geometry (an SQLite table has at most 2,000 columns)."""

STD_LAYER: Final = "displacement_std"
"""Layer of the ``SYYYYMMDD`` fields where they do not fit beside the displacements."""


def write_geopackage(table: PointTable, path: Path) -> None:
    """Write a table as a GeoPackage of points.

    Parameters
    ----------
    table : PointTable
        Points, flagged ones included.
    path : Path
        File to write; replaced whole if it exists.

    Raises
    ------
    ProjectError
        If the file cannot be written, or the dates are more than an SQLite table holds.

    Notes
    -----
    The layer ``points`` has all columns of the schema. Above 989 dates the ``SYYYYMMDD`` fields move to a
    second layer ``displacement_std``, joined by ``point_id``.
    """
    n_series = len(table.dates)
    if len(POINT_COLUMNS) + n_series > MAX_FIELDS:
        raise ProjectError(
            f"cannot write {path}: a GeoPackage layer holds {MAX_FIELDS} fields, {n_series} dates need "
            f"{len(POINT_COLUMNS) + n_series}. Export to parquet."
        )
    schema = arrow_schema(table)
    with atomic_file(path) as temporary:
        if len(POINT_COLUMNS) + 2 * n_series <= MAX_FIELDS:
            _write_layer(table, schema, temporary, "points")
            return
        std_names = [f"S{date}" for date in table.dates]
        points = [n for n in schema.names if n not in set(std_names)]
        _write_layer(table, _select(schema, points), temporary, "points")
        _write_layer(table, _select(schema, ["point_id", *std_names, GEOMETRY]), temporary, STD_LAYER)


def _select(schema: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([schema.field(n) for n in names])


def _write_layer(table: PointTable, schema: pa.Schema, path: Path, layer: str) -> None:
    described = pa.schema(
        [f.with_metadata({"GDAL:OGR:comment": _comment(f.metadata)} if f.name != GEOMETRY else {}) for f in schema]
    )
    batches = (b.cast(described) for b in table_batches(table, schema))
    pyogrio.write_arrow(
        pa.RecordBatchReader.from_batches(described, batches),
        path,
        layer=layer,
        driver="GPKG",
        geometry_name=GEOMETRY,
        geometry_type="Point",
        crs="EPSG:4326",
        append=path.exists(),
        layer_metadata={"subside": metadata_json(table)},
    )
    _verify_layer(table, path, layer)


def _verify_layer(table: PointTable, path: Path, layer: str) -> None:
    """Look at the written layer: a full disk at closing time goes unreported by the library that writes."""
    info = pyogrio.read_info(path, layer=layer, force_feature_count=True)
    is_whole = (
        info["features"] == table.n_points
        and info["capabilities"]["fast_spatial_filter"]
        and "subside" in (info["layer_metadata"] or {})
    )
    if not is_whole:
        raise OSError(f"layer {layer} is incomplete (was the disk full?)")


def _comment(metadata: dict[bytes, bytes]) -> str:
    text = {k.decode(): v.decode() for k, v in metadata.items()}
    parts = (text["description"], text["unit"] and f"[{text['unit']}]", text["sign"])
    return " ".join(p for p in parts if p)
