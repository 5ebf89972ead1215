"""Sites, rain, groundwater, GNSS, levelling, structures: units checked, gaps listed, faults numbered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import Point

from subside.errors import InputFileError
from subside.io.standards import Quantity, copy_standards, read_standards, shipped_text
from subside.io.tables import (
    read_gnss,
    read_levelling,
    read_series_table,
    read_sites,
    read_structures,
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def code_of(read: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(InputFileError) as caught:
        read()
    return caught.value.code, caught.value.problem


def rain(path: Path) -> object:
    return read_series_table(path, quantity="rain")


def groundwater(path: Path) -> object:
    return read_series_table(path, quantity="groundwater")


def test_sites_from_csv_and_from_a_map(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Name, Longitude,Latitude,class", "West yard,115.5,35.2,urban", "Mine,115.9,35.3,")
    sites = read_sites(path)
    assert sites.name.tolist() == ["West yard", "Mine"] and sites.kind.tolist() == ["urban", ""]
    assert sites.longitude.tolist() == [115.5, 115.9] and len(sites.digest) == 32
    frame = geopandas.GeoDataFrame({"NAME": ["a"], "Class": ["rural"]}, geometry=[Point(3e5, 4e6)], crs="EPSG:32650")
    frame.to_file(tmp_path / "a.gpkg")
    sites = read_sites(tmp_path / "a.gpkg")
    assert sites.name.tolist() == ["a"] and sites.kind.tolist() == ["rural"]
    assert sites.longitude[0] == pytest.approx(114.78, abs=0.01)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["name,longitude", "a,1"], "S138"),
        (["name,longitude,latitude"], "S143"),
        ([""], "S143"),
        (["name,longitude,latitude", "a,1,2", "a,1,3"], "S146"),
        (["name,longitude,latitude", "a,1,95"], "S139"),
        (["name,longitude,latitude", "a,NaN,35"], "S139"),
        (["name,longitude,latitude", "a,east,35"], "S142"),
        (["name,longitude,latitude", "a,1"], "S142"),
        (["name,longitude,latitude", "a,1,2,3,4"], "S142"),
        (["name,longitude,latitude,Name", "a,1,2,b"], "S138"),
        (["name,longitude,latitude", ",1,2"], "S150"),
    ],
)
def test_malformed_sites(tmp_path: Path, lines: list[str], code: str) -> None:
    assert code_of(lambda: read_sites(write(tmp_path / "a.csv", *lines)))[0] == code
    assert code_of(lambda: read_sites(tmp_path / "none.csv"))[0] == "S101"


def test_monthly_rain_is_sorted_and_its_gaps_are_listed_not_filled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "date,rain_mm", "2018-03,30.5", "2018-01,5", "2018-06,", "2018-05,100")
    table = read_series_table(path, quantity="rain")
    assert table.gaps == ("2018-02", "2018-04", "2018-06") and table.step == "month" and table.unit == "m"
    np.testing.assert_allclose(table.values["rain"], [0.005, 0.0305, 0.1, np.nan])
    months, values = table.monthly("rain")
    assert len(months) == 6
    np.testing.assert_allclose(values, [0.005, np.nan, 0.0305, np.nan, 0.1, np.nan])


def test_daily_rain_is_summed_over_whole_months_only(tmp_path: Path) -> None:
    days = np.arange("2020-01-10", "2020-04-01", dtype="datetime64[D]")
    lines = [f"{d},{1 if d != np.datetime64('2020-02-15') else ''}" for d in days if d != np.datetime64("2020-03-03")]
    table = read_series_table(
        write(tmp_path / "a.csv", "date;rain_cm", *(x.replace(",", ";") for x in lines)), quantity="rain"
    )
    assert table.gaps == ("2020-02", "2020-03")
    assert np.isnan(table.monthly("rain")[1]).all()
    whole = [f"{d},2" for d in np.arange("2020-02-01", "2020-03-01", dtype="datetime64[D]")]
    table = read_series_table(write(tmp_path / "b.csv", "date,rain_mm", *whole), quantity="rain")
    np.testing.assert_allclose(table.monthly("rain")[1], [0.058])
    assert table.gaps == ()


def test_groundwater_says_depth_or_level(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "date,w1_depth_m,level_m,note", "2019-01-03,12.5,30,x", "2019-01-21,12.7,,y")
    table = read_series_table(path, quantity="groundwater")
    assert set(table.values) == {"w1_depth", "level"}
    np.testing.assert_allclose(table.monthly("w1_depth")[1], [12.6])
    assert table.gaps == ("2019-01",)


@pytest.mark.parametrize(
    ("read", "lines", "code", "words"),
    [
        (rain, ["date,rain", "2018-01,3"], "S145", "rain"),
        (rain, ["date,rain_in", "2018-01,3"], "S145", "rain_in"),
        (rain, ["date,rainfall", "2018-01,3"], "S145", "rainfall"),
        (rain, ["date,snow_mm", "2018-01,3"], "S138", "rain_mm"),
        (rain, ["rain_mm", "3"], "S138", "date"),
        (rain, ["date,rain_mm", "2018-01,-3"], "S150", "row 1"),
        (rain, ["date,rain_mm", "2018-01,much"], "S142", "'much'"),
        (rain, ["date,rain_mm", "2018-01,3", "2018-01,4"], "S146", "2018-01-01"),
        (rain, ["date,rain_mm", "2018-01,3", "2018-02-01,4"], "S140", "both"),
        (rain, ["date,rain_mm", "01/2018,3"], "S140", "01/2018"),
        (rain, ["date,rain_mm", "2018-13,3"], "S140", "calendar"),
        (rain, ["date,rain_mm"], "S143", "none"),
        (groundwater, ["date,head_m", "2018-01,3"], "S145", "depth"),
        (groundwater, ["date,depth", "2018-01,3"], "S145", "depth"),
        (groundwater, ["date,depth_ft", "2018-01,3"], "S145", "depth_ft"),
        (groundwater, ["date,note", "2018-01,3"], "S138", "level_m"),
        (groundwater, ["date,depth_m,depth_mm", "2018-01,3,3"], "S138", "again as depth_mm"),
    ],
)  # fmt: skip
def test_malformed_series(
    tmp_path: Path, read: Callable[[Path], object], lines: list[str], code: str, words: str
) -> None:
    found, problem = code_of(lambda: read(write(tmp_path / "a.csv", *lines)))
    assert found == code and words in problem, problem


def test_other_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("date,rain_mm,note\n2018-01,3,\u6cb3\u5357\n".encode("gb18030"))
    assert code_of(lambda: rain(tmp_path / "a.csv"))[0] == "S137"


def test_gnss_and_levelling(tmp_path: Path) -> None:
    head = "station,longitude,latitude,date,east_mm,north_mm,up_mm,up_std_mm"
    path = write(
        tmp_path / "g.csv",
        head,
        "B,115,35,2020-02-01,1,2,-3,0.5",
        "A,116,35,2020-01-01,0,0,0,1",
        "B,115,35,2020-01-01,0,,1,",
    )
    table = read_gnss(path)
    assert table.name == ("B", "A") and table.longitude.tolist() == [115, 116]
    np.testing.assert_allclose(table.values["B"]["up"], [0.001, -0.003])
    assert np.isnan(table.values["B"]["north"][0]) and set(table.values["A"]) == {"east", "north", "up", "up_std"}
    path = write(
        tmp_path / "l.csv", "benchmark,longitude,latitude,date,height_m,std_mm", "BM1,115,35,2020-01-01,41.5,0.6"
    )
    table = read_levelling(path)
    assert table.values["BM1"]["height"][0] == 41.5 and table.values["BM1"]["std"][0] == pytest.approx(0.0006)


@pytest.mark.parametrize(
    ("more", "row", "code"),
    [
        (",up", "B,115,35,2020-02-01,1,2,3", "S145"),
        (",up_in", "B,115,35,2020-02-01,1,2,3", "S145"),
        ("", "B,115,35,2020-02-01,1,2", "S138"),
        (",up_mm,up_m", "B,115,35,2020-02-01,1,2,3,4", "S138"),
        (",up_mm", "B,115,35,2020-02-01,1,2,3\nB,115,35,2020-02-01,1,2,3", "S146"),
        (",up_mm", "B,115,35,2020-02-01,1,2,3\nB,116,35,2020-02-02,1,2,3", "S139"),
    ],
)  # fmt: skip
def test_malformed_stations(tmp_path: Path, more: str, row: str, code: str) -> None:
    head = f"station,longitude,latitude,date,east_mm,north_mm{more}"
    assert code_of(lambda: read_gnss(write(tmp_path / "a.csv", head, row)))[0] == code


def test_structures(tmp_path: Path) -> None:
    head = "chainage_start_m,chainage_end_m,kind,name"
    got = read_structures(write(tmp_path / "a.csv", head, "500,900,Bridge,River", "0,500,subgrade,"))
    assert got.start.tolist() == [0, 500] and got.kind.tolist() == ["subgrade", "bridge"]
    for rows, code in (
        (["0,500,viaduct,"], "S150"),
        (["500,500,bridge,"], "S150"),
        (["0,,bridge,"], "S150"),
        (["0,500,bridge,", "400,600,tunnel,"], "S150"),
        (["0,x,bridge,"], "S142"),
    ):
        assert code_of(lambda rows=rows: read_structures(write(tmp_path / "b.csv", head, *rows)))[0] == code


def test_shipped_standards_claim_nothing_verified() -> None:
    standards = read_standards()
    assert len(standards.limits) >= 14 and not any(limit.verified for limit in standards.limits)
    assert all(limit.source for limit in standards.limits)
    (ballastless, _) = standards.of(Quantity.SETTLEMENT, "subgrade", track="ballastless")
    assert ballastless.limit_si() == pytest.approx(0.015)
    (radius,) = standards.of(Quantity.RADIUS, "subgrade", speed_km_h=350)
    assert radius.limit_si(350) == pytest.approx(49_000) and np.isnan(radius.limit_si())
    at_250 = standards.of(Quantity.SETTLEMENT, "subgrade", track="ballasted", speed_km_h=250)
    assert [limit.limit_si() for limit in at_250] == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value = 15.0", "value = 15.0\nlimit_value = 3", "key 'limit_value' is not known"),
        ("value = 15.0\n", "", "key 'value' is missing"),
        ('unit = "mm"', 'unit = "cm"', "unit of settlement_mm must be 'mm'"),
        ('side = "at_most"', 'side = "at_least"', "side of settlement_mm must be 'at_most', got 'at_least'"),
        ('side = "at_least"', 'side = "at_most"', "side of curve_radius_m must be 'at_least', got 'at_most'"),
        ('quantity = "settlement_mm"', 'quantity = "settlement_cm"', "quantity"),
        ("value = 15.0", "value = -1", "positive"),
        ("value = 15.0", 'value = "0.4*V^2"', "must be a number"),
        ('"0.4*V^2"', '"__import__(1)"', "rule"),
        ("verified = false", "verified = 3", "verified"),
        ("speed_km_h = []", "speed_km_h = [300, 250]", "lowest, highest"),
        ('"subgrade"', '"dam"', "structures"),
        ("[[limit]]", "[extra]\na = 1\n[[limit]]", "extra"),
        ("value = 15.0", "value = = 15.0", "TOML"),
        ("bending angle at a joint", "difference at a joint of subgrade, bridge, tunnel or culvert", "twice"),
    ],
)
def test_edited_standards(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = shipped_text()
    assert old in text
    path = tmp_path / "s.toml"
    path.write_text(text.replace(old, new, 1))
    code, problem = code_of(lambda: read_standards(path))
    assert code == "S151" and words in problem, problem


def test_a_copy_can_be_edited(tmp_path: Path) -> None:
    path = copy_standards(tmp_path / "mine.toml")
    assert read_standards(path).limits == read_standards().limits
    path.write_text(path.read_text().replace("value = 15.0", "value = 12.0"))
    assert read_standards(path).limits[0].limit_si() == pytest.approx(0.012)
    assert read_standards(path).digest != read_standards().digest
    assert code_of(lambda: read_standards(tmp_path / "no.toml"))[0] == "S101"
    path.write_text("")
    assert code_of(lambda: read_standards(path))[0] == "S151"
