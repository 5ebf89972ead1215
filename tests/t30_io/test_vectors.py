"""Lines, polygons and places: systems, kinds of geometry, parts that join, layers written whole."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.geometry import LineString, MultiLineString, MultiPoint, Point, Polygon

from subside.errors import ArgumentError, InputFileError, ProjectError
from subside.io.vectors import (
    read_line,
    read_lines,
    read_places,
    read_polygons,
    read_wells,
    write_geopackage_layers,
)

UTM = "EPSG:32650"
LINE = LineString([(400000, 3900000), (401000, 3900500), (403000, 3901000)])


def save(
    path: Path, shapes: list[object], *, crs: str | None = UTM, driver: str | None = None, **columns: object
) -> Path:
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path, driver=driver)
    return path


def code_of(read: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(InputFileError) as caught:
        read()
    return caught.value.code, caught.value.problem


def metres(line: LineString) -> LineString:
    return geopandas.GeoSeries([line], crs="EPSG:4326").to_crs(UTM).iloc[0]


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".kml"])
def test_a_line_from_every_format(tmp_path: Path, suffix: str) -> None:
    driver = {".kml": "KML"}.get(suffix)
    got = read_line(save(tmp_path / f"a{suffix}", [LINE], driver=driver, name=["North line"]))
    assert got.name == "North line" and len(got.digest) == 32
    assert 115.5 < got.geometry.coords[0][0] < 116.5
    assert shapely.hausdorff_distance(metres(got.geometry), LINE) < 0.1
    assert metres(got.geometry).coords[0] == pytest.approx(LINE.coords[0], abs=0.1)


def test_heights_and_other_geometry_are_passed_over(tmp_path: Path) -> None:
    shape = LineString([(*c, 50.0) for c in LINE.coords])
    got = read_line(save(tmp_path / "a.geojson", [Point(400000, 3900000), shape], name=["yard", "line"]))
    assert got.name == "line" and not got.geometry.has_z


def test_parts_join_end_to_end_whatever_their_order_and_direction(tmp_path: Path) -> None:
    x = np.linspace(0, 10_000, 101)
    whole = LineString(np.stack([400000 + x, 3900000 + 300 * np.sin(x / 2000)], axis=1))
    c = np.array(whole.coords)
    parts = [LineString(c[40:71]), LineString(c[70:][::-1]), LineString(c[:21][::-1]), LineString(c[20:41])]
    for shapes in (parts, [MultiLineString(parts)]):
        got = metres(read_line(save(tmp_path / "a.gpkg", shapes)).geometry)
        assert got.length == pytest.approx(whole.length, rel=1e-6)
        assert len(got.coords) == 101
        assert got.coords[0] == pytest.approx(c[0], abs=0.01) and got.coords[-1] == pytest.approx(c[-1], abs=0.01)


def test_gaps_and_branches_are_refused_with_their_place(tmp_path: Path) -> None:
    apart = [LineString([(400000, 3900000), (401000, 3900000)]), LineString([(401250, 3900000), (402000, 3900000)])]
    code, problem = code_of(lambda: read_line(save(tmp_path / "a.gpkg", apart)))
    assert code == "S149" and "gap of 250 m at longitude" in problem
    branch = [
        *apart[:1],
        LineString([(401000, 3900000), (402000, 3900000)]),
        LineString([(401000, 3900000), (401000, 3902000)]),
    ]
    assert code_of(lambda: read_line(save(tmp_path / "b.gpkg", branch)))[0] == "S149"


def test_a_file_without_a_system_needs_one(tmp_path: Path) -> None:
    path = save(tmp_path / "a.shp", [LINE])
    path.with_suffix(".prj").unlink()
    code, problem = code_of(lambda: read_line(path))
    assert code == "S147"
    with pytest.raises(InputFileError, match="--line-crs EPSG"):
        read_line(path)
    assert shapely.hausdorff_distance(metres(read_line(path, crs=UTM).geometry), LINE) < 0.1
    with pytest.raises(ArgumentError, match="EPSG:99999"):
        read_line(path, crs="EPSG:99999")
    code, problem = code_of(lambda: read_line(path, crs="EPSG:4326"))
    assert code == "S139" and "longitude 400000 to 403000" in problem
    stated = save(tmp_path / "b.gpkg", [LINE])
    assert read_line(stated, crs=UTM).geometry.equals(read_line(stated).geometry)
    with pytest.raises(ArgumentError, match="must be left out"):
        read_line(stated, crs="EPSG:32649")


def test_geojson_without_a_system_is_wgs84_unless_another_is_given(tmp_path: Path) -> None:
    def geojson(coordinates: list[tuple[float, float]]) -> Path:
        path = tmp_path / "a.geojson"
        path.write_text(json.dumps({"type": "LineString", "coordinates": coordinates}))
        return path

    assert read_line(geojson([(115.5, 35.0), (115.6, 35.1)])).geometry.coords[0] == (115.5, 35.0)
    path = geojson([tuple(c) for c in LINE.coords])
    assert code_of(lambda: read_line(path))[0] == "S139"
    assert shapely.hausdorff_distance(metres(read_line(path, crs=UTM).geometry), LINE) < 0.1


def test_wrong_kind_empty_and_damaged(tmp_path: Path) -> None:
    points = save(tmp_path / "p.gpkg", [Point(400000, 3900000)])
    code, problem = code_of(lambda: read_line(points))
    assert code == "S148" and "Point" in problem
    assert code_of(lambda: read_polygons(points))[0] == "S148"
    lines = save(tmp_path / "l.gpkg", [LINE])
    assert code_of(lambda: read_places(lines))[0] == "S148"
    empty = tmp_path / "e.geojson"
    empty.write_text('{"type": "FeatureCollection", "features": []}')
    assert code_of(lambda: read_line(empty))[0] == "S143"
    whole = lines.read_bytes()
    cut = tmp_path / "c.gpkg"
    cut.write_bytes(whole[:2000])
    assert code_of(lambda: read_line(cut))[0] == "S141"
    (tmp_path / "t.geojson").write_text('{"type": "LineString", "coordinates": [[115.5, 35')
    assert code_of(lambda: read_line(tmp_path / "t.geojson"))[0] == "S141"
    assert code_of(lambda: read_line(tmp_path / "none.gpkg"))[0] == "S101"
    point = save(tmp_path / "z.gpkg", [LineString([(4e5, 39e5), (4e5, 39e5)])])
    assert code_of(lambda: read_line(point))[0] == "S148"


def test_polygons_with_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    square = Polygon([(400000, 3900000), (401000, 3900000), (401000, 3901000), (400000, 3901000)])
    bow = Polygon([(400000, 3900000), (401000, 3901000), (401000, 3900000), (400000, 3901000)])
    path = save(tmp_path / "a.gpkg", [square, bow, None], Name=["city", None, "x"], cover=["urban", "rural", "y"])
    with caplog.at_level(logging.WARNING, "subside"):
        got = read_polygons(path, class_column="cover")
    assert got.names == ("city", "area 2") and got.classes == ("urban", "rural")
    assert all(g.is_valid for g in got.geometries) and "1 polygons" in caplog.text
    area = geopandas.GeoSeries(list(got.geometries), crs="EPSG:4326").to_crs(UTM).area
    assert area.to_numpy() == pytest.approx([1e6, 0.5e6], rel=1e-3)
    assert read_polygons(path).classes == ("", "")
    flat = Polygon([(400000, 3900000), (401000, 3900000), (400000, 3900000)])
    assert read_polygons(save(tmp_path / "f.gpkg", [square, flat], name=["a", "b"])).names == ("a",)
    assert code_of(lambda: read_polygons(save(tmp_path / "g.gpkg", [flat])))[0] == "S148"
    code, problem = code_of(lambda: read_polygons(path, class_column="kind"))
    assert code == "S138" and "cover" in problem


def test_faults_need_not_join_and_wells_keep_their_columns(tmp_path: Path) -> None:
    far = LineString([(410000, 3900000), (411000, 3900000)])
    got = read_lines(save(tmp_path / "f.gpkg", [LINE, far], name=["F1", ""]))
    assert got.names == ("F1", "line 2") and len(got.geometries) == 2
    wells = save(
        tmp_path / "w.gpkg",
        [Point(4e5, 39e5), MultiPoint([(4e5, 39e5), (5e5, 39e5)])],
        name=["w1", "w2"],
        Depth_m=[50.0, 80.0],
    )
    places = read_wells(wells)
    assert places.names == ("w1", "w2", "w2") and places.columns["depth_m"].tolist() == [50, 80, 80]
    assert places.longitude[2] == pytest.approx(117.0, abs=1e-6)


def test_all_layers_of_a_file_are_read(tmp_path: Path) -> None:
    square = Polygon([(400000, 3900000), (401000, 3900000), (401000, 3901000)])
    tables = {
        "city": ([square], pd.DataFrame({"name": ["city"]})),
        "lines": ([LINE], pd.DataFrame({"name": ["line"]})),
        "mines": ([square], pd.DataFrame({"name": ["mine"]})),
    }
    path = write_geopackage_layers(tmp_path / "a.gpkg", tables, crs=UTM)
    assert read_polygons(path).names == ("city", "mine")
    assert read_line(path).name == "line"


def test_a_layer_in_parts_is_the_layer_at_once(tmp_path: Path) -> None:
    places = [Point(4e5 + k, 39e5) for k in range(7)]
    table = pd.DataFrame({"rate": np.arange(7.0), "label": list("abcdefg")})
    other = ([LINE], pd.DataFrame({"name": ["line"]}))
    parts = ((places[k : k + 3], table[k : k + 3]) for k in (0, 3, 6))
    whole = write_geopackage_layers(tmp_path / "w.gpkg", {"points": (places, table), "line": other}, crs=UTM)
    apart = write_geopackage_layers(tmp_path / "p.gpkg", {"points": parts, "line": other}, crs=UTM)
    for layer in ("points", "line"):
        a, b = (pyogrio.read_dataframe(path, layer=layer) for path in (whole, apart))
        assert a.equals(b) and a.crs == b.crs
    empty = ([], table[:0])
    write_geopackage_layers(tmp_path / "e.gpkg", {"a": iter([empty]), "b": iter([empty, (places, table)])}, crs=UTM)
    assert [pyogrio.read_info(tmp_path / "e.gpkg", layer=name)["features"] for name in "ab"] == [0, 7]
    with pytest.raises(ArgumentError, match="one part or more"):
        write_geopackage_layers(tmp_path / "n.gpkg", {"points": iter(())}, crs=UTM)
    with pytest.raises(ArgumentError, match="got 7 for 6 rows"):
        write_geopackage_layers(apart, {"points": iter([(places[:1], table[:1]), (places, table[1:])])}, crs=UTM)
    assert pyogrio.read_info(apart, layer="points")["features"] == 7


def test_layers_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    table = pd.DataFrame({"rate": [1.5, np.nan], "is_good": [True, False], "label": ["a", None], "n": [1, 2]})
    layers = {
        "bins": ([LINE, None], table),
        "zones": ([], pd.DataFrame({"start": np.zeros(0), "name": np.zeros(0, dtype=object)})),
    }
    path = write_geopackage_layers(tmp_path / "out" / "a.gpkg", layers, crs=UTM)
    assert [name for name, _ in pyogrio.list_layers(path)] == ["bins", "zones"]
    got = pyogrio.read_dataframe(path, layer="bins")
    assert got.crs.to_epsg() == 32650 and got.rate[0] == 1.5 and np.isnan(got.rate[1])
    assert len(pyogrio.read_dataframe(path, layer="zones")) == 0
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="a geometry a row"):
        write_geopackage_layers(path, {"bins": ([LINE], table)}, crs=UTM)
    with pytest.raises(ProjectError, match="cannot write"):
        write_geopackage_layers(path, {"bins": ([LINE, None], table.assign(fid=["x", "y"]))}, crs=UTM)
    with pytest.raises(ArgumentError, match="at least one layer"):
        write_geopackage_layers(path, {}, crs=UTM)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["a.gpkg"]
