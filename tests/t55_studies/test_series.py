"""The study of sites: rural ground that follows the rain, a city that does not, a place without points."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from subside.errors import ArgumentError
from subside.io.tables import read_series_table, read_sites
from subside.model.points import PointKind, PointSet, PointSource
from subside.ops.simulate.heze_drivers import Drivers
from subside.studies.series import SeriesParameters, run_series

PLACES = {
    "R1": (115.30, 35.20, "rural"),
    "R2": (115.33, 35.21, "rural"),
    "R3": (115.36, 35.19, "rural"),
    "U1": (115.45, 35.24, "urban"),
    "U2": (115.47, 35.25, "urban"),
    "M1": (115.90, 35.40, "mining"),
    "NOWHERE": (116.50, 35.90, "rural"),
}
RATES = {"rural": -0.004, "urban": -0.03, "mining": -0.06}


def _track(name: str, seed: int, drivers: Drivers) -> PointSet:
    rng = np.random.default_rng(seed)
    dates = np.datetime64("2015-07-15") + np.unique(np.r_[24 * np.arange(66), 12, 300]).astype("timedelta64[D]")
    dates = np.delete(dates, [20, 21, 22, 40])
    years = (dates - dates[0]).astype(float) / 365.25
    lon, lat, motion = [], [], []
    for x, y, kind in list(PLACES.values())[:-1]:
        n = 14
        lon.append(x + rng.uniform(-0.0004, 0.0004, n))
        lat.append(y + rng.uniform(-0.0003, 0.0003, n))
        here = RATES[kind] * years + (drivers.seasonal_motion(dates) if kind == "rural" else 0.0)
        shared = 0.0012 * rng.standard_normal(len(dates))
        motion.append(here + shared + 0.003 * rng.standard_normal((n, len(dates))))
    series = np.concatenate(motion)
    series -= series[:, :1]
    n = len(series)
    return PointSet.from_geographic(
        name,
        longitude=np.concatenate(lon),
        latitude=np.concatenate(lat),
        source=PointSource(name),
        columns={
            "dates": dates,
            "velocity": np.polyfit(years, series.T, 1)[0],
            "displacement": series.astype(np.float32),
            "displacement_std": np.full(series.shape, 0.0032, np.float32),
            "kind": np.full(n, PointKind.DS, np.uint8),
            "los": np.tile([0.6, -0.1, 0.79], (n, 1)),
        },
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("inputs")
    drivers = Drivers(5)
    rows = [f"{name},{x},{y},{kind}" for name, (x, y, kind) in PLACES.items()]
    (folder / "sites.csv").write_text("name,longitude,latitude,class\n" + "\n".join(rows) + "\n")
    months = [str(m) for m in drivers.months]
    rain = [f"{m},{v:.2f}" for k, (m, v) in enumerate(zip(months, drivers.rain, strict=True)) if k not in (30, 44)]
    (folder / "rain.csv").write_text("date,rain_mm\n" + "\n".join(rain) + "\n")
    shallow, _ = drivers.groundwater(drivers.months.astype("datetime64[D]"), 4.3)
    water = [f"{m},{a:.3f}" for m, a in zip(months, shallow, strict=True)]
    (folder / "water.csv").write_text("date,shallow_depth_m\n" + "\n".join(water) + "\n")
    return folder, drivers


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.slow)])
def study(request: pytest.FixtureRequest, files, tmp_path_factory: pytest.TempPathFactory):
    folder, drivers = files
    out = tmp_path_factory.mktemp("out")
    console = Console(record=True, width=200)
    summary = run_series(
        [_track("A040", 1, drivers), _track("A142", 2, drivers)][: request.param],
        sites=read_sites(folder / "sites.csv"),
        parameters=SeriesParameters(point_classes=True, n_surrogates=499),
        out=out,
        console=console,
        rain=read_series_table(folder / "rain.csv", quantity="rain"),
        groundwater=read_series_table(folder / "water.csv", quantity="groundwater"),
    )
    return out, summary, console.export_text(), request.param


def test_rural_ground_follows_the_rain_by_two_months_and_the_city_does_not(study) -> None:
    lags = pd.read_csv(study[0] / "lags.csv")
    rain = lags[lags.driver_kind == "rain"]
    rural = rain[(rain.group == "rural") & rain.is_group_mean]
    assert len(rural) == study[3]
    assert rural.claimed.all()
    np.testing.assert_allclose(rural.lag_days, 60.0, atol=15.0)
    city = rain[rain.group != "rural"]
    assert len(city) == 4 * study[3]
    assert not city.claimed.any()
    assert city.reason.str.startswith("no lag claimed").all()


def test_rates_are_recovered_within_their_intervals(study) -> None:
    sites = pd.read_csv(study[0] / "sites.csv")
    true = sites.group.map(RATES) * 1e3
    z = (sites.velocity_mm_yr - true) / sites.velocity_std_mm_yr
    assert len(z) == 8 * study[3]
    assert np.abs(z).max() < 4
    assert (sites.n_effective < sites.n_points).all()


def test_a_site_without_points_and_missing_rain_are_said_and_the_rest_is_made(study) -> None:
    out, summary, shown, _ = study
    assert summary["results"]["sites_without_points"] == ["NOWHERE"]
    assert "site NOWHERE has no point of A040 within 50 m; the nearest is" in shown
    assert "without data in 2 months" in shown and "2017-07" in shown
    assert any("NOWHERE" in w for w in summary["warnings"])
    for name in ("site_series.csv", "sites.csv", "lags.csv", "point_classes_A040.csv", "drivers.png", "lags.png"):
        assert (out / name).exists(), name
    assert json.loads((out / "summary.json").read_text())["study"] == "series"


def test_storage_is_claimed_where_the_ground_follows_the_head_only(study) -> None:
    out, summary, _, n_tracks = study
    table = pd.read_csv(out / "storage.csv")
    assert set(table["head"]) == {"shallow_depth"}
    rural = table[(table.group == "rural") & table.is_group_mean]
    assert len(rural) == n_tracks
    assert rural.elastic_claimed.all()
    vertical = 1 / 120.0 / 0.79  # the series along the line of sight is 1/120 of the head
    assert (rural.elastic_storage_low < vertical).all()
    assert (rural.elastic_storage_high > vertical).all()
    others = table[table.group != "rural"]
    assert not others.elastic_claimed.any()
    assert others.elastic_storage.isna().all()
    assert others.elastic_reason.str.startswith("not claimed").all()
    assert not table.lasting_claimed.any()
    assert (table.ratio_of_trends_low.notna() == table.ratio_of_trends.notna()).all()
    assert (out / "storage.png").exists()
    assert summary["results"]["storage"][0]["is_elastic_claimed"]


def test_without_drivers_or_series(files, tmp_path) -> None:
    folder, drivers = files
    track = _track("A040", 1, drivers)
    sites = read_sites(folder / "sites.csv")
    parameters = SeriesParameters(component="up", trend="smooth", most_changes=0)
    summary = run_series([track], sites=sites, parameters=parameters, out=tmp_path, console=Console(quiet=True))
    assert summary["results"]["lags"] == []
    assert not (tmp_path / "lags.csv").exists()
    bare = PointSet.from_geographic(
        "bare", longitude=[115.0], latitude=[35.0], source=PointSource("bare"), columns={"velocity": np.zeros(1)}
    )
    with pytest.raises(ArgumentError, match="series"):
        run_series([bare], sites=sites, parameters=parameters, out=tmp_path, console=Console(quiet=True))


def test_a_track_with_all_points_flagged_is_left_out_and_said(files, tmp_path) -> None:
    folder, drivers = files
    track = _track("A040", 1, drivers)
    flagged = replace(_track("D069", 2, drivers), flags=np.ones(track.n_points, np.int32))
    sites = read_sites(folder / "sites.csv")
    parameters = SeriesParameters(most_changes=0)
    made = run_series([flagged, track], sites=sites, parameters=parameters, out=tmp_path, console=Console(quiet=True))
    assert {s["track"] for s in made["results"]["sites"]} == {"A040"}
    assert sum("D069 has no point left that is not flagged" in w for w in made["warnings"]) == 1
    with pytest.raises(ArgumentError, match="not flagged"):
        run_series([flagged], sites=sites, parameters=parameters, out=tmp_path, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("column", "kind"), [("level_crossing_3_depth_m", "depth"), ("depth_gauge_level_m", "level"), ("level_m", "level")]
)
def test_the_end_of_its_name_says_whether_water_is_a_depth_or_a_level(column: str, kind: str, files, tmp_path) -> None:
    folder, drivers = files
    water = (folder / "water.csv").read_text().replace("shallow_depth_m", column)
    (tmp_path / "water.csv").write_text(water)
    made = run_series(
        [_track("A040", 1, drivers)],
        sites=read_sites(folder / "sites.csv"),
        parameters=SeriesParameters(most_changes=0, n_surrogates=499),
        out=tmp_path / "out",
        console=Console(quiet=True),
        groundwater=read_series_table(tmp_path / "water.csv", quantity="groundwater"),
    )
    lags = pd.read_csv(tmp_path / "out" / "lags.csv")
    assert set(lags.driver_kind) == {kind}
    rural = next(s for s in made["results"]["storage"] if s["group"] == "mean of rural")
    assert rural["is_elastic_claimed"] is (kind == "depth"), "a level that falls when the ground rises moves nothing"
