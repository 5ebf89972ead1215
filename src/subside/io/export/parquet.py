"""GeoParquet 1.1: every point, every column, unknown is null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyproj

from subside.io.export._arrow import GEOMETRY, arrow_schema, metadata_json, table_batches
from subside.io.export._files import atomic_file
from subside.io.schema import PointTable


def write_parquet(table: PointTable, path: Path) -> None:
    """Write a table as GeoParquet 1.1, a row group a batch.

    Parameters
    ----------
    table : PointTable
        Points, flagged ones included.
    path : Path
        File to write; replaced whole if it exists.

    Raises
    ------
    ProjectError
        If the file cannot be written.

    Notes
    -----
    Geometry is a WKB point in OGC:CRS84 (longitude, latitude on WGS 84); the height above the ellipsoid is a
    column. File metadata: ``geo`` (GeoParquet) and ``subside`` (schema, units, sign, provenance; JSON).
    """
    metadata = {"geo": json.dumps(_geo(table)), "subside": metadata_json(table)}
    schema = arrow_schema(table, metadata=metadata)
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in table_batches(table, schema):
            writer.write_batch(batch, row_group_size=batch.num_rows)


def _geo(table: PointTable) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": pyproj.CRS("OGC:CRS84").to_json_dict(),
        "edges": "planar",
    }
    longitude, latitude = table.columns["longitude"], table.columns["latitude"]
    is_known = np.isfinite(longitude) & np.isfinite(latitude)
    if is_known.any():
        x, y = longitude[is_known], latitude[is_known]
        column["bbox"] = [float(x.min()), float(y.min()), float(x.max()), float(y.max())]
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
