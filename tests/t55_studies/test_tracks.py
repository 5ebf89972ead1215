"""Studies of two tracks: what they leave in the folder, on simulated and on real points."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from subside.errors import UnknownQuantityError
from subside.model.points import transform
from subside.studies.decompose import DecomposeParameters, run_decompose
from subside.studies.geodesy import GeodesyParameters, run_geodesy, run_geodesy_tracks
from subside.studies.tracks import TracksFiles, TracksParameters, run_tracks
from two_tracks import CRS, ORIGIN, bowl, drift, los_of, make_track

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
EGMS = [DATA / "egms" / f"EGMS_L2b_{t}_IW2_VV_2020_2024_1.zip" for t in ("117_0227", "022_0845")]


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(19)
    los = (los_of(39.0, 349.0), los_of(37.3, 191.0))
    return [make_track(n, rng, los=v, up=bowl, east=drift, n=500, scale=0.003) for n, v in zip("ab", los, strict=True)]


def _quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_tracks_leaves_tables_figures_and_a_summary(pair, tmp_path: Path) -> None:
    land = tmp_path / "land.geojson"
    corners = [(ORIGIN[0] + x, ORIGIN[1] + y) for x, y in ((0, 0), (3000, 0), (3000, 4000), (0, 4000), (0, 0))]
    lon, lat = transform(*np.array(corners).T, source=CRS, target="EPSG:4326")
    ring = [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]
    feature = {
        "type": "Feature",
        "properties": {"class": "city"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    land.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    console = _quiet()
    parameters = TracksParameters(grid=200.0, n_draws=200, reference=((lon[0], lat[0]),))
    summary = run_tracks(*pair, parameters=parameters, out=tmp_path / "out", console=console, files=TracksFiles(land))
    out = tmp_path / "out"
    cells = pd.read_csv(out / "cells.csv")
    results = summary["results"]
    assert len(cells) == results["statistics"]["n_cells"] > 100
    assert np.all(cells.easting % 200 == 0) and np.all(cells[["n_first", "n_second"]] >= 1)
    np.testing.assert_allclose(cells.difference, cells.velocity_second - cells.velocity_first, atol=2e-3)
    assert results["statistics"]["bias_mm_yr"]["value"] == pytest.approx(cells.difference.mean(), abs=1e-3)
    strata = pd.read_csv(out / "strata.csv")
    assert {"land", "kind", "coherence", "rate", "distance to reference"} == set(strata.by)
    assert {"city", "outside"} == set(strata.label[strata.by == "land"])
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(summary))
    for name in ("agreement", "difference_map", "limits_of_agreement", "calibration"):
        assert (out / f"{name}.png").stat().st_size > 10_000 and (out / f"{name}.json").exists()
    assert (out / "cells.gpkg").stat().st_size > 10_000
    assert "v_east" in console.file.getvalue() and "v_east" in results["sensitivity"]["sentence"]


def test_strata_by_distance_to_a_line_sites_and_areas(pair, tmp_path: Path) -> None:
    def written(name: str, kind: str, corners: list[tuple[float, float]]) -> Path:
        xy = np.array(ORIGIN) + np.array(corners, float)
        places = np.column_stack(transform(*xy.T, source=CRS, target="EPSG:4326")).tolist()
        shape = {"type": kind, "coordinates": [places] if kind == "Polygon" else places}
        feature = {"type": "Feature", "properties": {"name": name}, "geometry": shape}
        (tmp_path / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        return tmp_path / f"{name}.geojson"

    lon, lat = transform([ORIGIN[0]], [ORIGIN[1]], source=CRS, target="EPSG:4326")
    (tmp_path / "sites.csv").write_text(f"name,longitude,latitude\nS1,{lon[0]:.7f},{lat[0]:.7f}\n")
    files = TracksFiles(
        line=written("railway", "LineString", [(0, -500), (0, 9000)]),
        sites=tmp_path / "sites.csv",
        areas=written("airport", "Polygon", [(0, 0), (2000, 0), (2000, 2000), (0, 2000), (0, 0)]),
    )
    parameters = TracksParameters(grid=200.0, n_draws=100)
    summary = run_tracks(*pair, parameters=parameters, out=tmp_path / "out", console=_quiet(), files=files)
    assert {i["kind"] for i in summary["inputs"]} == {"points", "line", "sites", "areas"}
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    strata = pd.read_csv(tmp_path / "out" / "strata.csv").set_index(["by", "label"]).n_cells
    x, y = cells.easting - ORIGIN[0], cells.northing - ORIGIN[1]
    to_area = np.hypot(np.maximum(np.abs(x - 1000) - 1000, 0), np.maximum(np.abs(y - 1000) - 1000, 0))
    for name, distance in (("line", np.abs(x)), ("sites", np.hypot(x, y)), ("airport", to_area)):
        assert abs(strata[f"distance to {name}", "below 1 km"] - np.count_nonzero(distance < 1000)) <= 2, name
        assert abs(strata[f"distance to {name}"].sum() - len(cells)) == 0


def test_decompose_leaves_cells_and_series(pair, tmp_path: Path) -> None:
    summary = run_decompose(*pair, parameters=DecomposeParameters(grid=300.0), out=tmp_path, console=_quiet())
    cells = pd.read_csv(tmp_path / "cells.csv")
    wanted = ["easting", "northing", "n_a", "n_b", "up_velocity", "up_velocity_std", "east_velocity"]
    assert list(cells.columns)[:7] == wanted and len(cells) == summary["results"]["n_cells"]
    assert np.all(cells.easting % 300 == 150)
    x, y = cells.easting.to_numpy() - ORIGIN[0], cells.northing.to_numpy() - ORIGIN[1]
    np.testing.assert_allclose(cells.up_velocity, 1e3 * bowl(x, y), atol=5.0)
    series = pd.read_csv(tmp_path / "up_series.csv")
    assert len(series) == len(cells) and list(series.columns[:4]) == ["easting", "northing", "std", "20160101"]
    assert np.all(series["20160101"] == 0)


def test_decompose_refuses_one_side_and_leaves_nothing(pair, tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    alike = [
        make_track(n, rng, los=los_of(i, 347.0), up=bowl, east=drift, n=200) for n, i in (("c", 43.8), ("d", 33.8))
    ]
    with pytest.raises(UnknownQuantityError, match=r"\+0\.282 v_east \+0\.065 v_north"):
        run_decompose(*alike, parameters=DecomposeParameters(), out=tmp_path / "out", console=_quiet())
    assert not (tmp_path / "out").exists()


def test_geodesy_reads_a_table_and_takes_double_differences(pair, tmp_path: Path) -> None:
    rows = ["station,longitude,latitude,date,east_mm,north_mm,up_mm"]
    for name, x, y in (("A", 500.0, 500.0), ("B", 3000.0, 1500.0), ("C", 5200.0, 2300.0)):
        lon, lat = transform([x + ORIGIN[0]], [y + ORIGIN[1]], source=CRS, target="EPSG:4326")
        for k in range(24):
            day = np.datetime64("2016-01-01") + np.timedelta64(30 * k, "D")
            up, east = (1e3 * f(np.array(x), np.array(y)) * 30 * k / 365.25 for f in (bowl, drift))
            rows.append(f"{name},{lon[0]:.7f},{lat[0]:.7f},{day},{7 + east:.3f},0.0,{100 + up:.3f}")
    file = tmp_path / "gnss.csv"
    file.write_text("\n".join(rows) + "\n")
    parameters = GeodesyParameters(radius=600.0, reference="A")
    summary = run_geodesy(pair[0], file, kind="gnss", parameters=parameters, out=tmp_path / "out", console=_quiet())
    assert summary["results"]["reference"] == "A" and summary["results"]["n_stations"] == 2
    assert summary["results"]["rmse_mm_yr"] < 4.0
    stations = pd.read_csv(tmp_path / "out" / "stations.csv")
    los = pair[0].los[0]
    wanted = 1e3 * (los[2] * bowl(np.array(3000.0), np.array(1500.0)) + los[0] * drift(np.array(3000.0), np.array(0.0)))
    assert stations.ground[1] == pytest.approx(float(wanted), abs=0.05)
    joint = run_geodesy_tracks(pair, file, kind="gnss", parameters=parameters, out=tmp_path / "all", console=_quiet())
    assert joint["results"]["component"] == "up, split from east"
    assert joint["results"]["rmse_mm_yr"] < 4.0
    together = pd.read_csv(tmp_path / "all" / "joint-gnss" / "stations.csv")
    assert together.ground[1] == pytest.approx(1e3 * float(bowl(np.array(3000.0), np.array(1500.0))), abs=0.05)
    rows = pd.read_csv(tmp_path / "all" / "joint-gnss" / "tracks.csv")
    assert rows.track.tolist() == ["a", "b", "a + b"]
    assert (tmp_path / "all" / "a-gnss" / "summary.json").exists()
    still = [pair[0], replace(pair[1], name="c", easting=pair[1].easting + 90_000.0)]
    far, console = tmp_path / "far", _quiet()
    alone = run_geodesy_tracks(still, file, kind="gnss", parameters=parameters, out=far, console=console)
    assert alone["inputs"][0]["name"] == "a"
    assert "c is left out" in console.file.getvalue() and "not compared together" in console.file.getvalue()
    assert not (far / "joint-gnss").exists() and (far / "a-gnss" / "summary.json").exists()


@pytest.fixture(scope="module")
def ustica():
    if not all(f.is_file() for f in EGMS):
        pytest.skip(f"no data in {DATA / 'egms'}; set SUBSIDE_DATA")
    from subside.stages.point_sources import load_points

    return [load_points(f) for f in EGMS]


@pytest.mark.data
def test_real_tracks_agree_as_published_points_do(ustica, tmp_path: Path) -> None:
    """EGMS of Ustica, descending minus ascending, 50 m cells: the known mean, spread and understated formal errors."""
    summary = run_tracks(*ustica, parameters=TracksParameters(grid_offset=0.5), out=tmp_path, console=_quiet())
    s = summary["results"]["statistics"]
    assert s["n_cells"] == pytest.approx(1346, abs=5)
    assert s["bias_mm_yr"]["value"] == pytest.approx(-1.05, abs=0.05)
    assert s["sigma_mm_yr"]["value"] == pytest.approx(1.31, abs=0.03)
    assert s["robust_sigma_mm_yr"]["value"] == pytest.approx(0.91, abs=0.04)
    assert s["bias_mm_yr"]["high"] < -0.6 and s["n_effective"] < 500
    ratios = {row["definition"]: row for row in summary["results"]["sigmas"]}
    assert 5.0 < ratios["formal"]["observed_over_predicted"]["value"] < 7.5
    assert 4.4 < ratios["formal"]["robust_observed_over_predicted"] < 5.5
    assert ratios["temporal"]["observed_over_predicted"]["value"] < ratios["formal"]["observed_over_predicted"]["value"]
    assert summary["results"]["crs"] == "EPSG:3035"
    assert 1.5 < summary["results"]["sensitivity"]["east"] < 1.6


@pytest.mark.data
def test_real_tracks_split_on_the_grid_of_egms(ustica, tmp_path: Path) -> None:
    summary = run_decompose(*ustica, parameters=DecomposeParameters(), out=tmp_path, console=_quiet())
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert np.all(cells.easting % 100 == 50) and np.all(cells.northing % 100 == 50)
    assert summary["results"]["n_cells"] == len(cells) == pytest.approx(631, abs=3)
    assert summary["results"]["up_mm_yr"]["median"] == pytest.approx(-1.56, abs=0.05)
    assert summary["results"]["east_mm_yr"]["median"] == pytest.approx(-0.71, abs=0.05)
    one = cells[(cells.easting == 4597550) & (cells.northing == 1739750)].iloc[0]
    assert one.up_velocity == pytest.approx(-1.7, abs=0.15) and one.east_velocity == pytest.approx(-1.5, abs=0.2)
    assert summary["results"]["series"]["n_epochs"] == 152
