"""Points from files: layouts found from content, units to SI, malformed input refused by number."""

from __future__ import annotations

import errno
import logging
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from subside.errors import ArgumentError, InputFileError, ProjectError
from subside.io.export import export
from subside.io.points import _spool as spool
from subside.io.points import read_points
from subside.io.schema import PointTable, TableAttributes
from subside.model.points import PointKind
from subside.model.series_rows import CachedRows, read_rows

DATES = ("20200103", "20200115", "20200127", "20200208")
HEADER = "longitude,latitude,velocity,velocity_std,los_east,los_north,los_up,D20200103,D20200115,D20200127"
ROW = "115.5,35.2,-12.5,0.8,-0.62,-0.1,0.778,0.0,-0.5,"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(path: Path, **options: object) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        read_points(path, **options)  # type: ignore[arg-type]
    return caught.value


def our_table(n: int = 50, *, unplaced: int = 0) -> PointTable:
    rng = np.random.default_rng(3)
    series = np.concatenate([np.zeros((n, 1)), rng.normal(0, 0.01, (n, 3))], axis=1)
    series[1, 2] = np.nan
    longitude = 115.5 + 0.001 * np.arange(n)
    longitude[:unplaced] = np.nan
    points = {
        "azimuth_index": np.arange(n),
        "range_index": np.arange(n) + 7,
        "flags": np.arange(n) % 3,
        "longitude": longitude,
        "latitude": np.full(n, 35.2),
        "height": np.full(n, 55.25),
        "los_east": np.full(n, -0.62),
        "los_north": np.full(n, -0.1),
        "los_up": np.full(n, 0.778),
        "velocity": rng.normal(-0.02, 0.01, n),
        "velocity_std": np.full(n, 0.001),
        "temporal_coherence": rng.uniform(0.5, 1, n),
    }
    attributes = TableAttributes(
        wavelength=0.0555,
        heading_deg=347.0,
        sigma_definition="a sigma",
        datum="a datum",
        reference_areas=({"name": "area 1"},),
        provenance={"filter": {"extent_m": 270.0}},
    )
    return PointTable.from_si(
        "T142",
        DATES,
        points=points,
        displacement=series,
        displacement_std=np.full(series.shape, 0.002),
        attributes=attributes,
    )


def test_our_parquet_comes_back_in_si_with_its_facts(tmp_path: Path) -> None:
    table = our_table()
    got = read_points(export("parquet", table, tmp_path / "a.parquet"))
    assert (got.name, got.n_points, got.crs) == ("T142", 50, "EPSG:32650")
    assert (got.source.wavelength, got.source.heading_deg, got.source.filter_extent) == (0.0555, 347.0, 270.0)
    assert (got.source.sigma_definition, got.source.datum) == ("a sigma", "a datum")
    assert got.source.facts["reference_areas"] == [{"name": "area 1"}]
    assert got.displacement[:].dtype == np.float32
    np.testing.assert_allclose(got.displacement[:], table.displacement_si[:], atol=1e-8)
    assert np.isnan(got.displacement[1:2][0, 2])
    np.testing.assert_allclose(got.displacement_std[:], 0.002, rtol=1e-6)
    np.testing.assert_allclose(got.velocity, table.columns["velocity"] / 1000, rtol=1e-6)
    np.testing.assert_array_equal(got.flags, np.arange(50) % 3)
    assert got.point_id[0] == "T142-000000-000007"
    assert str(got.dates[1]) == "2020-01-15"
    assert len(got.source.digest) == 32


def test_our_csv_agrees_with_our_parquet_within_its_decimals(tmp_path: Path) -> None:
    table = our_table()
    one = read_points(export("parquet", table, tmp_path / "a.parquet"))
    two = read_points(export("csv", table, tmp_path / "a.csv"), name="T142")
    np.testing.assert_allclose(two.velocity, one.velocity, atol=0.6e-6)
    np.testing.assert_allclose(two.displacement[:], one.displacement[:], atol=0.6e-6)
    np.testing.assert_allclose(two.easting, one.easting, atol=0.02)
    assert two.source.datum.startswith("unknown")


def test_points_without_position_are_left_out_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = export("parquet", our_table(unplaced=4), tmp_path / "a.parquet")
    with caplog.at_level(logging.WARNING, "subside"):
        got = read_points(path)
    assert got.n_points == 46 and got.displacement.shape == (46, 4)
    assert got.source.facts["n_without_position"] == 4
    assert "4 points without a position" in caplog.text
    np.testing.assert_array_equal(got.flags, np.arange(4, 50) % 3)
    assert refused(export("parquet", our_table(unplaced=50), tmp_path / "b.parquet")).code == "S139"


def test_damaged_and_foreign_parquet(tmp_path: Path) -> None:
    whole = export("parquet", our_table(), tmp_path / "a.parquet").read_bytes()
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole[: len(whole) // 2])
    assert refused(cut).code == "S141"
    hole = bytearray(whole)
    hole[200:2500] = bytes(2300)
    cut.write_bytes(hole)
    assert refused(cut).code in ("S141", "S142")
    import pandas as pd

    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "b.parquet")
    assert refused(tmp_path / "b.parquet").code == "S137"


def test_generic_csv(tmp_path: Path) -> None:
    got = read_points(write(tmp_path / "north line.csv", HEADER, ROW + "-1.5", ROW))
    assert got.name == "north line"
    np.testing.assert_allclose(got.velocity, -0.0125)
    np.testing.assert_allclose(got.velocity_std, 0.0008)
    np.testing.assert_allclose(got.displacement[:], [[0, -0.0005, -0.0015], [0, -0.0005, np.nan]], rtol=1e-6)
    np.testing.assert_array_equal(got.los[0], [-0.62, -0.1, 0.778])
    assert np.isnan(got.coherence).all() and (got.kind == PointKind.UNKNOWN).all()


@pytest.mark.parametrize(
    ("rate", "value", "series", "moved"),
    [("VEL", "-12.5", "20200103", "1.5"), ("velocity_m_yr", "-0.0125", "D20200103_m", "0.0015"),
     ("mean_velocity_cm_yr", "-1.25", "D_20200103_cm", "0.15")],
)  # fmt: skip
def test_units_of_names(tmp_path: Path, rate: str, value: str, series: str, moved: str) -> None:
    path = write(tmp_path / "a.csv", f"LON;LAT;{rate};{series}", f"115.5;35.2;{value};{moved}")
    got = read_points(path)
    assert got.velocity[0] == pytest.approx(-0.0125)
    assert got.displacement[:][0, 0] == pytest.approx(0.0015)
    assert np.isnan(got.los).all()


def test_a_standard_deviation_of_zero_is_unknown_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", "lon,lat,velocity,velocity_std", "115,35,1,0.0", "115,35,1,0.5")
    with caplog.at_level(logging.WARNING, "subside"):
        got = read_points(path)
    assert np.isnan(got.velocity_std[0]) and got.velocity_std[1] == pytest.approx(0.0005)
    assert "of 1 points is 0" in caplog.text


def test_angles_and_options_give_the_line_of_sight(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "lon,lat,velocity,incidence_angle,heading", "115.5,35.2,-1,38.97,-8.94")
    got = read_points(path)
    np.testing.assert_allclose(got.los[0], [-0.621, -0.098, 0.777], atol=6e-4)
    assert got.source.heading_deg == pytest.approx(351.06)
    with pytest.raises(ArgumentError, match="`los`"):
        read_points(path, los=(-0.6, 0.0, 0.8))
    bare = write(tmp_path / "b.csv", "lon,lat,velocity", "115.5,35.2,-1")
    np.testing.assert_allclose(read_points(bare, los=(-0.6, 0.0, 0.8)).los[0], [-0.6, 0.0, 0.8])
    assert refused(bare, los=(33.0, 347.0, 1.0)).code == "S144"


def test_projected_positions_need_a_system(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "easting,northing,velocity", "363000,3896000,-1")
    assert refused(path).code == "S147"
    got = read_points(path, crs="EPSG:32650")
    assert got.easting[0] == pytest.approx(363000, abs=0.01)
    with pytest.raises(ArgumentError, match="EPSG:99999"):
        read_points(path, crs="EPSG:99999")
    with pytest.raises(ArgumentError, match="metres"):
        read_points(path, crs="EPSG:4326")


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ([], "S143", "empty"),
        ([HEADER], "S143", "none"),
        (["a,b,c", "1,2,3"], "S137", "a, b, c"),
        (["longitude,velocity", "1,2"], "S138", "latitude"),
        ([HEADER, ROW + "1", ROW + "x"], "S142", "line 3: `D20200127` must be a number, got 'x'"),
        ([HEADER, ROW + "1", "115.5,35.2"], "S142", "line 3"),
        ([HEADER, ROW.replace("35.2", "95.2") + "1"], "S139", "95.2"),
        ([HEADER, ROW.replace("115.5", "NaN") + "1"], "S139", "none"),
        ([HEADER, ROW.replace("0.778", "0.9") + "1"], "S144", "length 1.097"),
        ([HEADER, ROW.replace("-0.62,-0.1,0.778", "0.62,0.1,-0.778") + "1"], "S144", "points up"),
        ([HEADER.replace("D20200115", "D20200103"), ROW + "1"], "S140", "D20200103"),
        ([HEADER.replace("D20200115", "D20200303"), ROW + "1"], "S140", "out of order"),
        ([HEADER.replace("D20200115", "D20201315"), ROW + "1"], "S140", "20201315"),
        ([HEADER.replace("velocity_std", "longitude"), ROW + "1"], "S138", "longitude"),
        ([HEADER.replace("velocity_std", "vel"), ROW + "1"], "", ""),
        ([HEADER.replace("velocity_std", "velocity_m_yr"), ROW + "1"], "S138", "velocity"),
        ([HEADER.replace("velocity_std", "velocity_std_m_yr"), ROW + "1"], "S145", "one unit"),
        ([HEADER.replace("D20200115", "D20200115_m"), ROW + "1"], "S145", "one unit"),
        ([HEADER, ROW + "inf"], "S142", "infinite value in row 1"),
        ([HEADER, ROW.replace("-12.5", "inf") + "1"], "S142", "`velocity` must be finite"),
        ([HEADER, ROW.replace("0.8,", "-0.8,") + "1"], "S150", "negative"),
        (["lon,lat,velocity,incidence_angle,heading", "115,35,1,0.68,347"], "S144", "degrees between"),
    ],
)  # fmt: skip
def test_malformed_csv(tmp_path: Path, lines: list[str], code: str, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    if not code:
        assert read_points(path).velocity[0] == pytest.approx(-0.0125)
        return
    error = refused(path)
    assert error.code == code, str(error)
    assert words in error.problem


def test_missing_file_folder_and_other_bytes(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.csv").code == "S101"
    assert refused(tmp_path).code == "S101"
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe\x00\x01" * 50)
    assert refused(tmp_path / "a.bin").code == "S137"
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no archive")
    assert refused(tmp_path / "a.zip").code == "S141"
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr("b.csv", HEADER)
    assert "got 2" in refused(tmp_path / "two.zip").problem


def datenum(date: str) -> float:
    return (np.datetime64(date) - np.datetime64("1970-01-01")).astype(int) + 719529 - 1


def test_stamps_visualizer(tmp_path: Path) -> None:
    days = [datenum("2019-05-01"), datenum("2019-05-13"), datenum("2019-06-30")]
    header = ",".join(f"export_res_{k}" for k in range(1, 7))
    lines = [header, f"115.4,35.1,NaN,{days[0]},{days[1]},{days[2]}", "115.5,35.2,-12.5,0,-1.5,-2.25"]
    got = read_points(write(tmp_path / "stamps.csv", *lines), los=(-0.6, 0.0, 0.8))
    assert [str(d) for d in got.dates] == ["2019-05-01", "2019-05-13", "2019-06-30"]
    assert got.n_points == 1 and got.velocity[0] == -0.0125
    np.testing.assert_allclose(got.displacement[:], [[0, -0.0015, -0.00225]], rtol=1e-6)
    assert got.source.facts["reference_longitude_latitude"] == [115.4, 35.1]
    assert got.mean_los() == pytest.approx([-0.6, 0, 0.8])
    lines[1] = f"115.4,35.1,NaN,{days[1]},{days[0]},{days[2]}"
    assert refused(write(tmp_path / "b.csv", *lines)).code == "S140"
    lines[1] = "115.4,35.1,NaN,20190501,20190513,20190630"
    assert "MATLAB" in refused(write(tmp_path / "c.csv", *lines)).problem
    assert refused(write(tmp_path / "d.csv", *lines[:2])).code == "S143"


def test_many_blocks_keep_their_order(tmp_path: Path) -> None:
    """More text than a block holds: rows must not be lost or shuffled at the seams."""
    n = 120_000
    velocity = np.arange(n) * 0.001
    lines = [f"{115 + k * 1e-6:.6f},35.2,{v:.3f},0.0,{-v:.3f}" for k, v in enumerate(velocity)]
    path = write(tmp_path / "a.csv", "lon,lat,velocity,20200101,20200113", *lines)
    assert path.stat().st_size > 4 << 20
    got = read_points(path)
    np.testing.assert_allclose(got.velocity * 1000, velocity, atol=6e-4)
    np.testing.assert_allclose(got.displacement[:][:, 1] * 1000, -velocity, atol=6e-4)
    assert math.isclose(got.longitude[-1], 115 + (n - 1) * 1e-6, abs_tol=1e-6)


def test_series_of_a_large_file_are_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_ours(tmp_path)
    small = read_points(path)
    assert isinstance(small.displacement, np.ndarray)
    monkeypatch.setattr(spool.RowSpool.__init__, "__kwdefaults__", {"kept_bytes": 100})
    large = read_points(path)
    assert isinstance(large.displacement, CachedRows) and isinstance(large.displacement_std, CachedRows)
    np.testing.assert_array_equal(large.displacement[:], small.displacement)
    np.testing.assert_array_equal(large.displacement_std[:], small.displacement_std)
    part = large.subset(np.arange(0, 50, 3))
    np.testing.assert_array_equal(read_rows(part.displacement, np.array([4, 1])), small.displacement[[12, 3]])
    unplaced = read_points(export("parquet", our_table(unplaced=5), tmp_path / "b.parquet"))
    np.testing.assert_array_equal(unplaced.displacement[:], small.displacement[5:])


def write_ours(folder: Path) -> Path:
    return export("parquet", our_table(), folder / "a.parquet")


def test_no_room_for_the_series_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_ours(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.RowSpool.__init__, "__kwdefaults__", {"kept_bytes": 100})
    monkeypatch.setattr(spool, "_write_all", full)
    with pytest.raises(ProjectError, match=r"No space left.*TMPDIR"):
        read_points(path)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_numbers_with_a_decimal_comma(tmp_path: Path, delimiter: str) -> None:
    lines = [line.replace(",", delimiter).replace(".", ",") for line in (HEADER, ROW, ROW)]
    got = read_points(write(tmp_path / "a.csv", *lines))
    expected = read_points(write(tmp_path / "b.csv", HEADER, ROW, ROW))
    assert got.velocity[0] == expected.velocity[0] == -0.0125 and got.longitude[1] == 115.5
    np.testing.assert_array_equal(got.displacement, expected.displacement)
    mixed = [HEADER.replace(",", delimiter), ROW.replace(",", delimiter).replace("0.8", "0,8", 1)]
    assert "0,8" in refused(write(tmp_path / "c.csv", *mixed)).problem


@pytest.mark.parametrize(("encoding", "end"), [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-8-sig", "\r\n")])
def test_marks_and_line_ends_of_other_systems(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "a.csv").write_bytes((HEADER + end + ROW + end + end + ROW + end).encode(encoding))
    got = read_points(tmp_path / "a.csv")
    assert got.n_points == 2 and got.longitude[0] == 115.5 and np.isnan(got.displacement[1, 2])


def test_carriage_returns_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((HEADER + "\r" + ROW + "\r").encode())
    assert refused(tmp_path / "a.csv").code == "S142"
