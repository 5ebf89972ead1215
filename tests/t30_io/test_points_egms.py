"""EGMS products: both column generations, level 3, and the published product read, recomputed and written back."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from subside.errors import ArgumentError, InputFileError
from subside.io.export.egms import HEADER, rate_and_std, series_models
from subside.io.points import read_points
from subside.io.points.egms import read_egms, write_egms_product
from subside.model.points import PointKind

PRODUCTS = ("EGMS_L2b_022_0845_IW2_VV_2020_2024_1", "EGMS_L2b_117_0227_IW2_VV_2020_2024_1")
WAVELENGTH_MM = 55.46576
DAYS = tuple(str(np.datetime64("2020-01-03") + 12 * k).replace("-", "") for k in range(40))
PLACE = "13.171103,4598603.43,1739722.18"
OLD = (
    "pid,cluster_label,mp_type,latitude,longitude,easting,northing,height,height_wgs84,line,pixel,rmse,"
    "temporal_coherence,amplitude_dispersion,incidence_angle,track_angle,los_east,los_north,los_up,mean_velocity,"
    "mean_velocity_std,acceleration,acceleration_std,seasonality,seasonality_std"
)
XML = b"<BURST><product_level>L2b</product_level><track>022</track><dem><version>X</version></dem></BURST>"


def row(pid: str = "166ax5Ofja", *, series: str, place: str = PLACE, gnss: str = ",-1.6", mp: str = "0") -> str:
    body = f"-46.6,-3.0,1217,4670,2.4,0.86,0.48,37.31,191.42,0.594,-0.12,0.795,-2.1,0.1,0.24,0.19,1.0,0.2{gnss}"
    return f"{pid},{mp},38.690708,{place},{body},{series}"


def series_text(rate: float = -2.0) -> str:
    """A line of known rate (mm/yr) in steps that the decimals carry, with noise that is known."""
    t = 12.0 * np.arange(len(DAYS)) / 365.0
    noise = np.where(np.arange(len(DAYS)) % 2, 0.3, -0.3)
    return ",".join(str(round(float(v), 1)) for v in rate * t + noise)


def product(tmp_path: Path, *rows: str, name: str = f"{PRODUCTS[0]}.csv", header: str = "") -> Path:
    path = tmp_path / name
    lines = [header or f"{','.join(HEADER)},{','.join(DAYS)}", *rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(path: Path) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        read_points(path)
    return caught.value


def test_present_generation(tmp_path: Path) -> None:
    path = product(tmp_path, row(series=series_text()), row("166ax5Ofjb", series=series_text(3.0), mp="120"))
    got = read_points(path)
    assert (got.name, got.crs) == ("T022", "EPSG:3035")
    assert (got.easting[0], got.northing[0]) == (4598603.43, 1739722.18)
    assert got.velocity[0] == pytest.approx(-0.0021) and got.height[0] == -3.0 and got.coherence[0] == 0.86
    assert got.kind.tolist() == [PointKind.PS, PointKind.DS]
    assert got.source.heading_deg == 191.42 and got.source.wavelength == 0.05546576
    assert got.source.datum.startswith("calibrated")
    slope = np.polyfit(got.years, got.displacement[:][0], 1)[0]
    assert slope == pytest.approx(-0.002, abs=2e-4)
    assert 0.05e-3 < got.velocity_std[0] < 0.15e-3
    assert read_points(path, crs="EPSG:32633", name="x").crs == "EPSG:32633"
    with pytest.raises(ArgumentError, match="`los`"):
        read_points(path, los=(0.0, 0.0, 1.0))


def test_first_generation_with_semicolons_comes_back_as_it_was(tmp_path: Path) -> None:
    text = row(series=series_text(), gnss="").replace(",0,", ",17,0,", 1)
    path = product(
        tmp_path, text.replace(",", ";"), name="merged.csv", header=f"{OLD},{','.join(DAYS)}".replace(",", ";")
    )
    got = read_egms(path)
    assert got.level == "L2" and got.points.source.datum.startswith("unknown") and got.points.name == "merged"
    assert got.column("rmse_ts")[0] == 2.4 and got.column("height_ellipse")[0] == -3.0
    assert got.columns["cluster_label"][0] == "17"
    assert write_egms_product(got, tmp_path / "b.csv").read_bytes() == path.read_bytes()


def test_level_3(tmp_path: Path) -> None:
    header = (
        "pid,easting,northing,height_ortho,rmse_ts,mean_velocity,mean_velocity_std,acceleration,acceleration_std,"
        f"seasonality,seasonality_std,gnss_velocity_n,gnss_velocity_e,gnss_velocity_u,{','.join(DAYS)}"
    )
    line = f"1abc,4598650,1739750,12.0,1.0,-2.0,0.1,0.1,0.1,0.5,0.1,1.0,2.0,-0.3,{series_text()}"
    for component, los in (("U", [0, 0, 1]), ("E", [1, 0, 0])):
        name = f"EGMS_L3_E45N17_100km_{component}_2020_2024_1.csv"
        got = read_points(product(tmp_path, line, name=name, header=header))
        assert got.los[0].tolist() == los and got.name == f"E45N17-{component}"
        assert got.latitude[0] == pytest.approx(38.691, abs=2e-3)
    error = refused(product(tmp_path, line, name="renamed.csv", header=header))
    assert error.code == "S137" and "level 3" in error.problem


def test_zip_with_xml_and_damage(tmp_path: Path) -> None:
    text = product(tmp_path, *(row(f"p{k:09d}", series=series_text(k / 100)) for k in range(300))).read_bytes()
    path = tmp_path / f"{PRODUCTS[0]}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{PRODUCTS[0]}.xml", XML)
        archive.writestr(f"{PRODUCTS[0]}.csv", text)
    got = read_egms(path)
    assert got.facts == {"product_level": "L2b", "track": "022", "dem_version": "X"} and got.points.n_points == 300
    again = write_egms_product(got, tmp_path / "out" / path.name)
    with zipfile.ZipFile(again) as archive:
        assert archive.read(f"{PRODUCTS[0]}.csv") == text and archive.read(f"{PRODUCTS[0]}.xml") == XML
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert refused(path).code == "S141"
    hole = bytearray(whole)
    hole[len(whole) // 2 : len(whole) // 2 + 40] = bytes(40)
    path.write_bytes(hole)
    assert refused(path).code in ("S141", "S142")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("38.690708", "98.690708"), "S139", "98.69"),
        (("38.690708", ""), "S139", "nan"),
        (("38.690708", "38.790708"), "S139", "m apart in row 1"),
        (("0.594", "0.994"), "S144", "length"),
        ((",0.86,", ",high,"), "S142", "`temporal_coherence` must be a number, got 'high'"),
    ],
)  # fmt: skip
def test_malformed_cells(tmp_path: Path, change: tuple[str, str], code: str, words: str) -> None:
    error = refused(product(tmp_path, row(series=series_text()).replace(*change)))
    assert error.code == code and words in error.problem


def test_malformed_header_and_xml(tmp_path: Path) -> None:
    header = f"{','.join(HEADER)},{','.join(DAYS)}"
    line = row(series=series_text())
    assert refused(product(tmp_path, line, header=header.replace(DAYS[3], DAYS[2]))).code == "S140"
    assert refused(product(tmp_path, line, header=header.replace(DAYS[3], "20200104"))).code == "S140"
    assert "track_angle" in refused(product(tmp_path, line, header=header.replace("track_angle", "angle"))).problem
    path = product(tmp_path, line)
    path.with_suffix(".xml").write_text("<BURST><track>")
    assert refused(path).code == "S141"


def test_rate_and_std_are_those_of_the_models() -> None:
    rng = np.random.default_rng(1)
    days = 12.0 * np.arange(40)
    series = rng.normal(0, 2, (5, 40)) + np.outer(np.arange(5.0), days / 365)
    fit = rate_and_std(series, days)
    assert fit is not None
    models = series_models(series, days, WAVELENGTH_MM).columns
    np.testing.assert_array_equal(fit[0], models["mean_velocity"])
    np.testing.assert_array_equal(fit[1], models["mean_velocity_std"])
    assert rate_and_std(series[:, :3], days[:3]) is None


def published(name: str) -> Path:
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("SUBSIDE_DATA", default)) / "egms" / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


@pytest.mark.data
@pytest.mark.parametrize("name", PRODUCTS)
def test_published_product_is_written_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    path = published(name)
    got = read_egms(path)
    with zipfile.ZipFile(path) as archive:
        wanted = archive.read(f"{name}.csv")
    assert write_egms_product(got, tmp_path / "a.csv").read_bytes() == wanted
    assert got.level == "L2b" and got.facts["product_level"] == "L2b"
    assert (got.points.n_points, len(got.points.dates)) in ((11590, 210), (11759, 207))


ROUNDING = {
    "mean_velocity": 0.1,
    "mean_velocity_std": 0.0505,
    "acceleration": 0.0105,
    "acceleration_std": 0.006,
    "seasonality": 0.056,
    "seasonality_std": 0.0505,
    "rmse_ts": 0.055,
    "temporal_coherence": 0.006,
}
"""Largest difference that the decimals allow: half a unit of the column, and what the rounding of the series to 0.1 mm
(0.029 mm rms) moves: 0.0022 mm/yr2 of the acceleration (1 sigma), 0.002 mm of the rms residual, 0.004 mm of the
seasonality. A velocity is rounded before and after that of the GNSS model is added, so twice half a unit."""


@pytest.mark.data
@pytest.mark.parametrize("name", PRODUCTS)
def test_published_columns_are_recomputed_on_every_point(name: str) -> None:
    got = read_egms(published(name))
    series = np.asarray(got.points.displacement[:], np.float64) * 1000
    days = (got.points.dates - got.points.dates[0]).astype(np.float64)
    models = series_models(series, days, WAVELENGTH_MM).columns
    for column, tolerance in ROUNDING.items():
        off = np.abs(models[column] - got.column(column))
        assert (off <= tolerance).mean() == 1.0, f"{column}: {np.mean(off <= tolerance):.5f} within, {off.max():.4f}"
        assert np.ptp(got.column(column)) > 2 * tolerance, "a column that hardly varies tests nothing"
    assert np.abs(got.points.velocity_std * 1000 - got.column("mean_velocity_std")).max() <= 0.0505
