"""EGMS CSV: header, decimals, and definitions held against a published product."""

from __future__ import annotations

import io
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest

from subside.io.export import export
from subside.io.export.egms import HEADER, pids, series_models
from subside.io.schema import PointTable, TableAttributes

WAVELENGTH_MM = 55.46576
DATES = tuple(str(np.datetime64("2020-01-03") + np.timedelta64(24 * k, "D")).replace("-", "") for k in range(40))
L2B_HEADER = (
    "pid,mp_type,latitude,longitude,easting,northing,height_ortho,height_ellipse,line,pixel,rmse_ts,"
    "temporal_coherence,amplitude_dispersion,incidence_angle,track_angle,los_east,los_north,los_up,"
    "mean_velocity,mean_velocity_std,acceleration,acceleration_std,seasonality,seasonality_std,gnss_velocity"
)
PRODUCTS = ("EGMS_L2b_022_0845_IW2_VV_2020_2024_1", "EGMS_L2b_117_0227_IW2_VV_2020_2024_1")


def published(name: str) -> pd.DataFrame:
    default = Path(__file__).parents[2] / ".." / "shared" / "data"
    path = Path(os.environ.get("SUBSIDE_DATA", default)) / "egms" / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with zipfile.ZipFile(path) as archive:
        return pd.read_csv(io.BytesIO(archive.read(f"{name}.csv")), dtype={"pid": str})


def table_of(series_m: np.ndarray, dates: tuple[str, ...] = DATES, **points: np.ndarray) -> PointTable:
    n = len(series_m)
    columns = {
        "longitude": np.full(n, 13.171103),
        "latitude": np.full(n, 38.690708),
        "height": np.full(n, -3.04),
        "azimuth_index": np.arange(n),
        "range_index": np.full(n, 4670),
        "incidence_angle": np.full(n, math.radians(37.312)),
        "los_east": np.full(n, 0.594),
        "los_north": np.full(n, -0.12),
        "los_up": np.full(n, 0.795),
        "velocity": np.zeros(n),
        "temporal_coherence": np.full(n, 0.5),
        "amplitude_difference_dispersion": np.full(n, 0.3),
        "flags": np.zeros(n),
        **points,
    }
    attributes = TableAttributes(wavelength=WAVELENGTH_MM / 1000, heading_deg=191.42)
    return PointTable.from_si("T022", dates, points=columns, displacement=series_m, attributes=attributes)


def known_series() -> tuple[np.ndarray, np.ndarray]:
    """Series (point, date) in m with rate, acceleration and season known, without noise."""
    days = 24.0 * np.arange(len(DATES))
    t = days / 365.0
    annual = np.stack([np.cos(2 * np.pi * t) - 1, np.sin(2 * np.pi * t)])
    mm = np.stack([-7.0 * t, 4.0 * t + 3.0 * annual[0] + 4.0 * annual[1], 2.0 * t + 0.5 * 3.0 * t**2])
    return (mm - mm[:, :1]) / 1000.0, days


def test_header_decimals_and_empty_fields(tmp_path: Path) -> None:
    path = export("egms", table_of(known_series()[0]), tmp_path / "a.csv")
    lines = path.read_text().splitlines()
    assert lines[0] == f"{L2B_HEADER},{','.join(DATES)}"
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert first["latitude"] == "38.690708"
    assert first["longitude"] == "13.171103"
    assert len(first["easting"].partition(".")[2]) == len(first["northing"].partition(".")[2]) == 2
    # The published point with these coordinates, which are rounded to a micro-degree.
    assert float(first["easting"]) == pytest.approx(4598603.43, abs=0.08)
    assert float(first["northing"]) == pytest.approx(1739722.18, abs=0.08)
    assert first["height_ellipse"] == "-3.0"
    assert first["incidence_angle"] == "37.31"
    assert first["track_angle"] == "191.42"
    assert first["los_north"] == "-0.120"
    assert first["line"] == "0"
    assert first["pixel"] == "4670"
    assert first["mean_velocity"] == "-7.0"
    assert first[DATES[-1]] == f"{-7 * 24 * 39 / 365:.1f}"
    unknown = [k for k, v in first.items() if v == ""]
    assert unknown == ["mp_type", "height_ortho", "amplitude_dispersion", "gnss_velocity"]
    assert "nan" not in path.read_text().lower()


def test_definitions_recover_known_terms() -> None:
    series, days = known_series()
    columns = series_models(series * 1000, days, WAVELENGTH_MM).columns
    assert columns["mean_velocity"][0] == pytest.approx(-7.0, abs=1e-9)
    assert columns["temporal_coherence"][0] == pytest.approx(1.0)
    assert columns["seasonality"][1] == pytest.approx(5.0, abs=1e-9)
    assert columns["mean_velocity"][1] == pytest.approx(4.0, abs=1e-9)
    assert columns["acceleration"][2] == pytest.approx(3.0, abs=1e-9)
    assert columns["rmse_ts"] == pytest.approx(0.0, abs=1e-9)


def test_only_whole_unflagged_series_are_written(tmp_path: Path) -> None:
    series, _ = known_series()
    series = np.concatenate([series, series, series])
    series[4, 7] = np.nan
    flags = np.zeros(9)
    flags[2] = 1
    path = export("egms", table_of(series, flags=flags), tmp_path / "a.csv")
    assert pd.read_csv(path)["line"].tolist() == [0, 1, 3, 5, 6, 7, 8]


def test_few_dates_leave_the_terms_they_cannot_tell_empty(tmp_path: Path) -> None:
    dates = DATES[:5]
    path = export("egms", table_of(known_series()[0][:, :5], dates), tmp_path / "a.csv")
    frame = pd.read_csv(path)
    assert frame["mean_velocity"].notna().all()
    assert frame[["acceleration", "seasonality", "rmse_ts"]].isna().all(axis=None)


def test_identifiers_are_ten_characters_and_apart() -> None:
    azimuth, range_ = (a.ravel().astype(np.int32) for a in np.mgrid[0:200, 25_000:25_100])
    made = pids("T022", azimuth, range_)
    assert len(set(made)) == len(made)
    assert all(len(p) == 10 and p.isalnum() for p in made)
    assert pids("T022", azimuth[5:6], range_[5:6]) == made[5:6]
    assert not set(made) & set(pids("T117", azimuth, range_))


@pytest.mark.data
@pytest.mark.parametrize("name", PRODUCTS)
def test_header_is_that_of_the_published_product(name: str) -> None:
    frame = published(name)
    fixed = [c for c in frame.columns if not c.isdigit()]
    assert tuple(fixed) == HEADER
    assert frame["pid"].str.len().eq(10).all()


@pytest.mark.data
@pytest.mark.parametrize("name", PRODUCTS)
def test_definitions_reproduce_the_published_columns(name: str) -> None:
    frame = published(name)
    dates = pd.to_datetime([c for c in frame.columns if c.isdigit()])
    days = (dates - dates[0]).days.to_numpy().astype(float)
    series = frame[[c for c in frame.columns if c.isdigit()]].to_numpy()
    models = series_models(series, days, WAVELENGTH_MM)
    decimals = {"rmse_ts": 1, "acceleration": 2, "acceleration_std": 2, "seasonality": 1, "seasonality_std": 1}
    decimals |= {"mean_velocity_std": 1}
    for column, digits in decimals.items():
        error = np.abs(models.columns[column] - frame[column].to_numpy())
        # Half a unit of the last decimal, and what rounding the series to 0.1 mm adds.
        assert np.quantile(error, 0.99) < 0.8 * 10.0**-digits, column
        assert np.median(error) < 0.27 * 10.0**-digits, column
        assert error.max() < 1.3 * 10.0**-digits, column
    # Velocity and the GNSS velocity added to it are each rounded to 0.1 mm/yr in the product.
    error = models.columns["mean_velocity"] - frame["mean_velocity"].to_numpy()
    assert np.abs(error).max() < 0.105
    assert error.std() < 0.05
    assert np.abs(models.columns["temporal_coherence"] - frame["temporal_coherence"].to_numpy()).max() < 0.03
    assert np.abs(models.at_first_date).max() < 0.08


@pytest.mark.data
def test_coordinates_reproduce_the_published_grid() -> None:
    frame = published(PRODUCTS[0])
    to_laea = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True)
    easting, northing = to_laea.transform(frame["longitude"].to_numpy(), frame["latitude"].to_numpy())
    assert np.hypot(easting - frame["easting"], northing - frame["northing"]).max() < 0.1


@pytest.mark.data
def test_a_published_series_passes_through_our_export(tmp_path: Path) -> None:
    frame = published(PRODUCTS[0]).iloc[:500]
    dates = tuple(c for c in frame.columns if c.isdigit())
    series = frame[list(dates)].to_numpy() / 1000.0
    n = len(frame)
    table = PointTable.from_si(
        "022",
        dates,
        points={
            "longitude": frame["longitude"].to_numpy(),
            "latitude": frame["latitude"].to_numpy(),
            "height": frame["height_ellipse"].to_numpy(),
            "azimuth_index": frame["line"].to_numpy(),
            "range_index": frame["pixel"].to_numpy(),
            "flags": np.zeros(n),
        },
        displacement=series - series[:, :1],
        attributes=TableAttributes(wavelength=WAVELENGTH_MM / 1000),
    )
    ours = pd.read_csv(export("egms", table, tmp_path / "a.csv"))
    for column in ("latitude", "longitude", "easting", "northing", "height_ellipse", "line", "pixel"):
        assert ours[column].to_numpy() == pytest.approx(frame[column].to_numpy(), abs=0.1), column
    assert np.abs(ours[list(dates)].to_numpy() - frame[list(dates)].to_numpy()).max() < 0.16
    assert np.abs(ours["seasonality"].to_numpy() - frame["seasonality"].to_numpy()).max() < 0.11
