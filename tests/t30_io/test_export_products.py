"""Exports: the schema, and every format read back by another library with the numbers that went in."""

from __future__ import annotations

import errno
import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import rasterio
import shapely

from subside.errors import ArgumentError, ProjectError, UnknownQuantityError
from subside.io.export import FORMATS, export
from subside.io.export import geopackage as geopackage_module
from subside.io.export.geotiff import grid_points, write_geotiff
from subside.io.schema import POINT_COLUMNS, PointTable, TableAttributes, point_ids, table_columns

N = 240
DATES = tuple(str(np.datetime64("2020-01-03") + np.timedelta64(24 * k, "D")).replace("-", "") for k in range(20))

ISSUE_ORDER = [
    "point_id",
    "longitude",
    "latitude",
    "height",
    "azimuth_index",
    "range_index",
    "incidence_angle",
    "los_east",
    "los_north",
    "los_up",
    "velocity",
    "velocity_std",
    "temporal_coherence",
    "amplitude_difference_dispersion",
    "n_shp",
    "dem_error",
    "dem_error_std",
    "flags",
]


class CountingRows:
    """A (point, date) array that remembers which rows were read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.reads: list[slice] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __getitem__(self, key: slice) -> np.ndarray:
        self.reads.append(key)
        return self.values[key]


def si_points(n: int = N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    index = np.arange(n)
    return {
        "longitude": 13.15 + 0.0005 * (index % 20),
        "latitude": 38.69 + 0.0004 * (index // 20),
        "height": rng.normal(60, 10, n),
        "azimuth_index": index // 20 + 100,
        "range_index": index % 20 + 4000,
        "incidence_angle": np.full(n, math.radians(37.31)),
        "los_east": np.full(n, 0.594),
        "los_north": np.full(n, -0.12),
        "los_up": np.full(n, 0.795),
        "velocity": np.linspace(-0.02, 0.005, n),
        "velocity_std": np.linspace(0.0005, 0.002, n),
        "temporal_coherence": np.linspace(0.2, 1.0, n),
        "n_shp": np.where(index % 4, 20.0 + index % 7, np.nan),
        "flags": np.where(index % 10 == 3, 2, 0),
    }


def si_series(n: int = N) -> np.ndarray:
    rng = np.random.default_rng(8)
    days = 24.0 * np.arange(len(DATES))
    series = np.linspace(-0.02, 0.005, n)[:, None] * days / 365.25 + rng.normal(0, 0.002, (n, len(DATES)))
    return series - series[:, :1]


def make_table(**changes: Any) -> PointTable:
    points = si_points()
    points.update(changes.pop("points", {}))
    series = si_series()
    arguments: dict[str, Any] = {
        "points": {k: v for k, v in points.items() if v is not None},
        "displacement": series,
        "displacement_std": np.abs(series) * 0.1,
        "attributes": TableAttributes(
            wavelength=0.05546576,
            heading_deg=191.42,
            sigma_definition="temporally correlated noise",
            provenance={"source": "test"},
        ),
    }
    return PointTable.from_si("T022", DATES, **{**arguments, **changes})


@pytest.fixture(scope="module")
def table() -> PointTable:
    return make_table()


def test_the_columns_are_those_of_the_issue_in_order() -> None:
    names = [c.name for c in table_columns(["20200103", "20200127"])]
    assert names == [
        *ISSUE_ORDER,
        "kind",
        "velocity_std_representation",
        "D20200103",
        "D20200127",
        "S20200103",
        "S20200127",
    ]
    assert all(c.unit or c.name in ("point_id", "kind") for c in table_columns(["20200103"]))


def test_from_si_turns_metres_and_radians_into_millimetres_and_degrees(table: PointTable) -> None:
    assert table.columns["velocity"][0] == pytest.approx(-20.0)
    assert table.columns["velocity_std"][-1] == pytest.approx(2.0)
    assert table.columns["incidence_angle"][0] == pytest.approx(37.31, abs=1e-5)
    (batch,) = table.batches()
    assert batch.displacement == pytest.approx(si_series() * 1000, abs=1e-4)
    assert np.isnan(table.columns["dem_error"]).all()


def test_identifiers_depend_on_track_and_pixel_alone() -> None:
    assert point_ids("T1", np.array([7, 1_234_567]), np.array([20, 3])).tolist() == [
        "T1-000007-000020",
        "T1-1234567-000003",
    ]
    shuffled = make_table(points={k: v[::-1] for k, v in si_points().items()})
    (a,), (b,) = make_table().batches(), shuffled.batches()
    assert sorted(a.point_id) == sorted(b.point_id)
    assert len(set(a.point_id)) == N


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"points": {"latitude": np.full(N, 91.0)}}, "`latitude` must lie in"),
        ({"points": {"temporal_coherence": np.full(N, 1.2)}}, "`temporal_coherence` must lie in"),
        ({"points": {"velocity": np.full(N, np.inf)}}, "`velocity` must lie in"),
        ({"points": {"velocity_std": np.full(N, -0.001)}}, "`velocity_std` must lie in"),
        ({"points": {"azimuth_index": np.full(N, np.nan)}}, "`azimuth_index` must lie in"),
        ({"points": {"flags": None}}, "got none for"),
        ({"points": {"azimuth_index": np.zeros(N)}}, "each pixel once"),
        ({"points": {"speed": np.zeros(N)}}, "columns of the schema"),
        ({"points": {"height": np.zeros(3)}}, "`height` must have shape"),
        ({"displacement": np.zeros((N, 3))}, "`displacement` must have shape"),
        ({"displacement_std": np.zeros((N, 3))}, "`displacement_std` must have shape"),
    ],
)
def test_what_breaks_the_schema_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        make_table(**changes)


def test_a_series_that_does_not_start_at_zero_is_refused() -> None:
    with pytest.raises(ArgumentError, match="zero at the first date 20200103"):
        list(make_table(displacement=si_series() + 0.001).batches())


@pytest.mark.parametrize("dates", [("20200103", "20200103"), ("20200127", "20200103"), ("2020013", "20200203")])
def test_dates_are_checked(dates: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match="dates"):
        PointTable.from_si("T", dates, points=si_points(), displacement=np.zeros((N, 2)))


def test_batches_read_each_row_once_and_few_at_a_time() -> None:
    rows = CountingRows(si_series())
    table = make_table(displacement=rows)
    batches = list(table.batches(100))
    assert [(r.start, r.stop) for r in rows.reads] == [(0, 100), (100, 200), (200, 240)]
    assert np.concatenate([b.displacement for b in batches]) == pytest.approx(si_series() * 1000, abs=1e-4)


@pytest.fixture(scope="module")
def folder(table: PointTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("products")
    for name, fmt in FORMATS.items():
        export(name, table, folder / f"{name}{fmt.suffix}")
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{n}{f.suffix}" for n, f in FORMATS.items())
    return folder


def test_parquet_is_read_by_geopandas_with_the_schema(folder: Path, table: PointTable) -> None:
    frame = geopandas.read_parquet(folder / "parquet.parquet")
    assert list(frame.columns) == [c.name for c in table_columns(DATES)] + ["geometry"]
    assert frame.crs == pyproj.CRS("OGC:CRS84")
    assert len(frame) == N
    assert frame.geometry.x.to_numpy() == pytest.approx(si_points()["longitude"], abs=1e-12)
    assert frame.geometry.y.to_numpy() == pytest.approx(si_points()["latitude"], abs=1e-12)
    assert frame["velocity"].to_numpy() == pytest.approx(si_points()["velocity"] * 1000, rel=1e-6)
    assert frame[f"D{DATES[5]}"].to_numpy() == pytest.approx(si_series()[:, 5] * 1000, rel=1e-5, abs=1e-5)
    assert frame[f"S{DATES[5]}"].to_numpy() == pytest.approx(np.abs(si_series()[:, 5]) * 100, rel=1e-5, abs=1e-5)
    assert (frame[f"D{DATES[0]}"] == 0).all()
    assert (frame["flags"] != 0).sum() == N // 10


def test_parquet_types_nulls_and_metadata(folder: Path, table: PointTable) -> None:
    file = pq.ParquetFile(folder / "parquet.parquet")
    schema = file.schema_arrow
    for column in table_columns(DATES):
        assert str(schema.field(column.name).type) == {"float32": "float", "float64": "double"}.get(
            column.dtype, column.dtype
        )
        assert schema.field(column.name).metadata[b"unit"].decode() == column.unit
    data = file.read()
    assert data["dem_error"].null_count == N
    assert data["n_shp"].null_count == N // 4
    assert data["velocity"].null_count == 0
    geo = json.loads(schema.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["bbox"] == pytest.approx([13.15, 38.69, 13.1595, 38.6944])
    facts = json.loads(schema.metadata[b"subside"])
    assert facts["track"] == "T022"
    assert facts["columns"]["velocity"]["unit"] == "mm/yr"
    assert "toward the satellite" in facts["columns"]["DYYYYMMDD"]["sign"]
    assert facts["sigma_definition"] == "temporally correlated noise"
    assert facts["provenance"] == {"source": "test"}


def test_parquet_streams_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = CountingRows(si_series())
    table = make_table(displacement=rows)
    monkeypatch.setattr(PointTable.batches, "__defaults__", (64,))
    export("parquet", table, tmp_path / "a.parquet")
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [64, 64, 64, 48]
    assert max(r.stop - r.start for r in rows.reads) == 64
    assert file.read()["velocity"].to_numpy() == pytest.approx(table.columns["velocity"])


def test_unknown_coordinates_are_null_geometries(tmp_path: Path) -> None:
    longitude = si_points()["longitude"].copy()
    longitude[3] = np.nan
    export("parquet", make_table(points={"longitude": longitude}), tmp_path / "some.parquet")
    frame = geopandas.read_parquet(tmp_path / "some.parquet")
    assert frame.geometry.isna().to_numpy().nonzero()[0].tolist() == [3]
    assert frame.geometry.x[4] == pytest.approx(longitude[4])
    export("parquet", make_table(points={"longitude": None, "latitude": None}), tmp_path / "none.parquet")
    frame = geopandas.read_parquet(tmp_path / "none.parquet")
    assert frame.geometry.isna().all()
    assert len(frame) == N


def test_geopackage_fields_open_in_insar_explorer(folder: Path) -> None:
    info = pyogrio.read_info(folder / "gpkg.gpkg")
    names = list(info["fields"])
    assert info["geometry_type"] == "Point"
    assert pyproj.CRS(info["crs"]) == pyproj.CRS("EPSG:4326")
    assert [n for n in names if n in ("velocity", "VEL", "mean_velocity")] == ["velocity"]
    import re

    dated = [n for n in names if re.match(r"^D(\d{8})$", n) or re.match(r"(\d{8})$", n) or re.match(r"^D_(\d{8})$", n)]
    assert dated == [f"D{d}" for d in DATES]
    assert names == [c.name for c in table_columns(DATES)]
    assert json.loads(info["layer_metadata"]["subside"])["track"] == "T022"


def test_geopackage_values_nulls_and_comments(folder: Path) -> None:
    frame = pyogrio.read_dataframe(folder / "gpkg.gpkg")
    assert len(frame) == N
    assert frame["velocity"].to_numpy() == pytest.approx(si_points()["velocity"] * 1000, rel=1e-6)
    assert frame[f"D{DATES[-1]}"].to_numpy() == pytest.approx(si_series()[:, -1] * 1000, rel=1e-5)
    assert frame["n_shp"].isna().sum() == N // 4
    assert frame.geometry.y.to_numpy() == pytest.approx(si_points()["latitude"])
    with sqlite3.connect(folder / "gpkg.gpkg") as database:
        rows = dict(database.execute("SELECT column_name, description FROM gpkg_data_columns").fetchall())
    assert "[mm/yr] positive toward the satellite" in rows["velocity"]


def test_geopackage_moves_sigma_to_its_own_layer_when_fields_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: PointTable
) -> None:
    monkeypatch.setattr(geopackage_module, "MAX_FIELDS", len(POINT_COLUMNS) + len(DATES))
    export("gpkg", table, tmp_path / "wide.gpkg")
    layers = {
        str(n): list(pyogrio.read_info(tmp_path / "wide.gpkg", layer=n)["fields"])
        for n, _ in pyogrio.list_layers(tmp_path / "wide.gpkg")
    }
    assert list(layers) == ["points", "displacement_std"]
    assert f"D{DATES[3]}" in layers["points"]
    assert layers["displacement_std"] == ["point_id", *(f"S{d}" for d in DATES)]
    monkeypatch.setattr(geopackage_module, "MAX_FIELDS", len(POINT_COLUMNS) + len(DATES) - 1)
    with pytest.raises(ProjectError, match="Export to parquet"):
        export("gpkg", table, tmp_path / "too_wide.gpkg")


def test_an_sqlite_table_holds_the_fields_allowed(tmp_path: Path) -> None:
    n_dates = (geopackage_module.MAX_FIELDS - len(POINT_COLUMNS)) // 2
    start = np.datetime64("1992-01-01")
    dates = [str(start + np.timedelta64(k, "D")).replace("-", "") for k in range(n_dates)]
    points = {k: v[:2] for k, v in si_points().items()}
    wide = PointTable.from_si("T", dates, points=points, displacement=np.zeros((2, n_dates)))
    export("gpkg", wide, tmp_path / "wide.gpkg")
    fields = pyogrio.read_info(tmp_path / "wide.gpkg")["fields"]
    assert len(fields) == len(POINT_COLUMNS) + 2 * n_dates > 1990


def test_csv_is_the_schema_in_plain_text(folder: Path) -> None:
    lines = (folder / "csv.csv").read_text().splitlines()
    assert lines[0] == ",".join(c.name for c in table_columns(DATES))
    assert "nan" not in "\n".join(lines).lower()
    frame = pd.read_csv(folder / "csv.csv")
    assert len(frame) == N
    assert frame["velocity"].to_numpy() == pytest.approx(si_points()["velocity"] * 1000, abs=0.00051)
    assert frame["longitude"].to_numpy() == pytest.approx(si_points()["longitude"], abs=1e-7)
    assert frame["dem_error"].isna().all()
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert first["velocity"] == "-20.000"
    assert first["n_shp"] == ""
    assert first["point_id"] == "T022-000100-004000"


def test_geotiff_cells_hold_the_means_of_the_default_set(folder: Path, table: PointTable) -> None:
    with rasterio.open(folder / "geotiff.tif") as raster:
        assert raster.descriptions == ("velocity", "velocity_std", "temporal_coherence", "n_points")
        assert raster.units == ("mm/yr", "mm/yr", "1", "1")
        assert raster.crs == rasterio.CRS.from_epsg(32633)
        assert raster.res == (50.0, 50.0)
        assert raster.transform.c % 50 == 0
        assert raster.transform.f % 50 == 0
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert json.loads(raster.tags()["subside"])["track"] == "T022"
        assert "toward" in raster.tags(1)["sign"]
        bands = raster.read()
        inverse = ~raster.transform
    points = si_points()
    keep = points["flags"] == 0
    to_utm = pyproj.Transformer.from_crs(4326, 32633, always_xy=True)
    x, y = to_utm.transform(points["longitude"][keep], points["latitude"][keep])
    column = np.floor(inverse.a * x + inverse.c).astype(int)
    row = np.floor(inverse.e * y + inverse.f).astype(int)
    assert bands[3].sum() == keep.sum()
    velocity, spread = points["velocity"][keep] * 1000, points["velocity_std"][keep] * 1000
    crowded = 0
    for cell in {(int(r), int(c)) for r, c in zip(row, column, strict=True)}:
        inside = (row == cell[0]) & (column == cell[1])
        crowded += inside.sum() > 1
        assert bands[0][cell] == pytest.approx(velocity[inside].mean(), rel=1e-5)
        assert bands[1][cell] == pytest.approx(spread[inside].mean(), rel=1e-5)
        assert bands[3][cell] == inside.sum()
    assert crowded > 5
    assert np.isnan(bands[0][bands[3] == 0]).all()
    assert (bands[3] == 0).any()


def test_geotiff_points_on_cell_edges_belong_to_one_cell(table: PointTable) -> None:
    grid = grid_points(table, cell_size=100.0)
    assert grid.count().sum() == (si_points()["flags"] == 0).sum()
    assert grid.cell.min() >= 0
    assert grid.cell.max() < grid.shape[0] * grid.shape[1]


def test_geotiff_refuses_a_grid_beyond_measure(
    table: PointTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subside.io.export.geotiff.MAX_CELLS", 100)
    with pytest.raises(ArgumentError, match="larger cell"):
        write_geotiff(table, tmp_path / "a.tif", cell_size=1.0)


@pytest.mark.parametrize("fmt", ["geotiff", "egms"])
def test_formats_that_need_coordinates_say_so(fmt: str, tmp_path: Path) -> None:
    nowhere = make_table(points={"longitude": None, "latitude": None})
    with pytest.raises(UnknownQuantityError, match="parquet or csv"):
        export(fmt, nowhere, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fmt", ["parquet", "gpkg", "csv"])
def test_a_table_without_points_is_a_file_without_rows(fmt: str, tmp_path: Path) -> None:
    points = {k: v[:0] for k, v in si_points().items()}
    empty = PointTable.from_si("T", DATES, points=points, displacement=np.zeros((0, len(DATES))))
    path = export(fmt, empty, tmp_path / f"a.{fmt}")
    read: dict[str, Callable[[Path], Any]] = {
        "parquet": geopandas.read_parquet,
        "gpkg": pyogrio.read_dataframe,
        "csv": pd.read_csv,
    }
    assert len(read[fmt](path)) == 0


def test_an_unknown_format_is_named(table: PointTable, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="parquet"):
        export("shapefile", table, tmp_path / "a.shp")


@pytest.mark.parametrize("fmt", list(FORMATS))
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    fmt: str, table: PointTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"old{FORMATS[fmt].suffix}"
    path.write_text("old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("subside.io.export._files.os.fsync", full)
    with pytest.raises(ProjectError, match=f"{path.name}.*No space left"):
        export(fmt, table, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("fmt", list(FORMATS))
def test_an_existing_file_is_replaced_whole(fmt: str, table: PointTable, tmp_path: Path) -> None:
    path = tmp_path / f"a{FORMATS[fmt].suffix}"
    path.write_text("x" * 5_000_000)
    export(fmt, table, path)
    assert path.stat().st_size < 2_000_000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_raster_cut_short_at_closing_is_noticed(
    table: PointTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rasterio.shutil

    whole = rasterio.shutil.copy

    def cut(source: Path, target: Path, **options: Any) -> None:
        whole(source, target, **options)
        target.write_bytes(target.read_bytes()[:-3000])

    monkeypatch.setattr(rasterio.shutil, "copy", cut)
    with pytest.raises(ProjectError, match="cannot write"):
        export("geotiff", table, tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


def test_a_geopackage_without_its_index_is_noticed(
    table: PointTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pyogrio.write_arrow

    def no_index(*arguments: Any, **options: Any) -> None:
        whole(*arguments, **options, SPATIAL_INDEX="NO")

    monkeypatch.setattr(pyogrio, "write_arrow", no_index)
    with pytest.raises(ProjectError, match="incomplete"):
        export("gpkg", table, tmp_path / "a.gpkg")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_said(table: PointTable, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="it is a folder"):
        export("csv", table, tmp_path)


def test_wkb_matches_shapely() -> None:
    from subside.io.export._arrow import wkb_points

    x, y = np.array([1.5, np.nan, -3.25]), np.array([2.0, 5.0, 4.5])
    made = wkb_points(x, y)
    assert made.type == pa.binary()
    assert made.to_pylist() == [shapely.Point(1.5, 2).wkb, None, shapely.Point(-3.25, 4.5).wkb]
