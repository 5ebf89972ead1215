"""The study of a line from files to folder: found zones, tables, and every way a line can go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from rich.console import Console

from corridor_points import CRS, ORIGIN, ZONES, bowls, make_points, straight
from subside.errors import ArgumentError, InputFileError
from subside.ops.corridor.bins import Structure
from subside.ops.corridor.limits import Limit
from subside.studies.corridor import CorridorFiles, limits_of, run_corridor
from subside.studies.corridor_analysis import CorridorAnalysis, CorridorContext, analyse_corridor
from subside.studies.corridor_parameters import CorridorParameters

LINE = straight(70e3)
PARAMETERS = CorridorParameters(half_width=500.0, bin_length=100.0, speed_km_h=350.0, chainage_start=1000.0)


def _save(geometry, path: Path, **columns) -> Path:  # type: ignore[no-untyped-def]
    geopandas.GeoDataFrame(columns, geometry=geometry, crs=CRS).to_file(path)
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("corridor")
    middle = shapely.Point(ORIGIN[0] + 20e3, ORIGIN[1])
    far = shapely.Point(ORIGIN[0] + 20e3, ORIGIN[1] + 50e3)
    (folder / "structures.csv").write_text(
        "chainage_start_m,chainage_end_m,kind,name\n1000,31000,subgrade,S\n31000,35000,bridge,B\n"
    )
    (folder / "sites.csv").write_text("name,longitude,latitude,class\nU1,115.9,35.24,urban\n")
    files = CorridorFiles(
        _save([LINE.geometry], folder / "line.gpkg", name=["railway"]),
        polygons=_save([middle.buffer(450), far.buffer(400)], folder / "areas.gpkg", name=["city", "far away"]),
        land=_save(
            [
                shapely.box(ORIGIN[0] - 5e3, ORIGIN[1] - 5e3, ORIGIN[0] + 30e3, ORIGIN[1] + 5e3),
                shapely.box(ORIGIN[0] + 30e3, ORIGIN[1] - 5e3, ORIGIN[0] + 80e3, ORIGIN[1] + 5e3),
            ],
            folder / "land.gpkg",
            **{"class": ["urban", "rural"]},
        ),
        structures=folder / "structures.csv",
        sites=folder / "sites.csv",
    )
    tracks = [
        make_points(LINE, bowls, seed=k, density=100, half_width=500, n_dates=40, name=name, bias=0.001 * k)
        for k, name in enumerate(("S1-40", "S1-142"))
    ]
    out = folder / "out"
    console = Console(record=True, width=200)
    content = run_corridor(tracks, files=files, parameters=PARAMETERS, out=out, console=console)
    return content, out, console.export_text()


def test_zones_are_found_and_said(study) -> None:  # type: ignore[no-untyped-def]
    content, out, said = study
    results = content["results"]
    assert len(results["zones"]) == 2
    for zone, (start, end) in zip(results["zones"], ZONES, strict=True):
        assert zone["start"] == pytest.approx(start + 1000, abs=500)
        assert zone["end"] == pytest.approx(end + 1000, abs=500)
    assert results["total_length"] == pytest.approx(35e3, abs=1000)
    low, high = results["total_interval"]
    assert low < results["total_length"] < high + 500
    assert "zone 2: DK4" in said
    zones = pd.read_csv(out / "zones.csv")
    assert zones.lowest_mm_yr.tolist() == pytest.approx([-40, -80], abs=3)
    assert zones.start_longitude[0] < zones.end_longitude[0]
    assert results["line"]["length"] == pytest.approx(70e3, rel=1e-3)


def test_the_folder_is_whole(study) -> None:  # type: ignore[no-untyped-def]
    content, out, _ = study
    assert json.loads((out / "summary.json").read_text()) == content
    for entry in content["files"] + content["figures"]:
        assert (out / entry["file"]).stat().st_size > 0, entry
    assert {f["key"] for f in content["figures"]} == {"corridor", "slopes", "density", "limits"}
    layers = {name for name, _ in pyogrio.list_layers(out / "corridor.gpkg")}
    assert layers == {"points", "bins", "zones", "gaps"}
    points = pyogrio.read_dataframe(out / "corridor.gpkg", layer="points")
    assert len(points) == content["results"]["coverage"]["n_points"]
    bins = pyogrio.read_dataframe(out / "corridor.gpkg", layer="bins")
    assert set(bins.geom_type) == {"LineString"}
    kinds = {i["kind"] for i in content["inputs"]}
    assert kinds == {"points", "line", "polygons", "land", "structures", "standards", "sites"}


def test_bins_carry_every_quantity(study) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = study
    bins = pd.read_csv(out / "bins.csv")
    wanted = {"rate_low_mm_yr", "cumulative_mm", "acceleration_mm_yr2", "seasonal_amplitude_mm", "min_distance_m"}
    wanted |= {"side_difference_mm_yr", "slope_32_7m_permille_yr", "radius_200m_km", "zone_probability", "flags"}
    assert wanted <= set(bins.columns)
    assert set(bins.structure.dropna()) == {"subgrade", "bridge"}
    truth = bowls(0.5 * (bins.chainage_start_m + bins.chainage_end_m).to_numpy() - 1000) * 1e3
    known = bins.rate_mm_yr.notna()
    assert (known == (bins.n_points > 0)).all()
    steady = known & (np.abs(np.gradient(truth)) < 1.0)
    hit = ((bins.rate_low_mm_yr < truth) & (truth < bins.rate_high_mm_yr))[steady]
    assert hit.mean() > 0.85
    assert bins.chainage[0] == "DK1+000"


def test_density_by_land_class_and_areas(study) -> None:  # type: ignore[no-untyped-def]
    content, out, _ = study
    results = content["results"]
    classes = {c["name"]: c for c in results["density_by_class"]}
    total = classes["urban"]["n_points"] + classes["rural"]["n_points"]
    assert total == pytest.approx(classes["all"]["n_points"], abs=3)
    assert classes["all"]["density"] == pytest.approx(200, rel=0.05)
    assert classes["urban"]["area"] == pytest.approx(30e6, rel=0.02)
    city, away = results["areas"]
    assert city["mean"] == pytest.approx(-0.040, abs=0.003) and city["affected_share"] == 1.0
    assert away["n_points"] is None and away["covered_area"] == 0 and away["mean"] is None
    near, far = pd.read_csv(out / "polygons.csv").itertuples()
    assert near.coverage == "whole" and near.points_per_km2 == pytest.approx(near.n_points / near.area_km2, rel=0.01)
    assert far.coverage == "not covered" and far.covered_km2 == 0
    assert np.isnan(far.n_points) and np.isnan(far.points_per_km2)


def test_limits_apply_where_they_are_meant_and_say_whether_they_are_verified(study) -> None:  # type: ignore[no-untyped-def]
    content, out, _ = study
    limits = {x["name"]: x for x in content["results"]["limits"]}
    assert limits and all(x["source"] for x in limits.values())
    assert not any(x["is_verified"] for x in limits.values())
    table = pd.read_csv(out / "limits.csv")
    subgrade = table[table.limit == "post-construction settlement, ballastless subgrade"]
    assert subgrade.chainage_m.max() < 31_000
    middle = subgrade[(subgrade.chainage_m > 18_000) & (subgrade.chainage_m < 24_000)]
    assert (middle.probability_now > 0.99).all()
    assert middle.years_median.median() == pytest.approx(15 / 39, rel=0.15)
    piers = limits["settlement difference of adjacent piers, ballastless"]
    assert piers["length_not_checkable"] > 0.5 * (piers["length_not_checkable"] + piers["length_checked"])
    assert piers["length_not_checkable"] + piers["length_checked"] <= 4000


def test_what_cannot_be_seen_is_said(study) -> None:  # type: ignore[no-untyped-def]
    content, _, _ = study
    dips = [d for d in content["results"]["detectability"] if d["wavelength"] == 40.0]
    assert dips and not any(d["is_detectable"] for d in dips)
    assert all(d["reasons"] for d in dips)
    assert any("divided by the vertical part" in s for s in content["results"]["statements"])


def test_a_line_longer_than_its_data_is_judged_by_the_part_that_has_points() -> None:
    points = make_points(straight(4e3), np.zeros_like, density=400, half_width=150, sigma=5e-4, n_dates=40)
    judged = [
        [
            d.result.is_detectable
            for d in analyse_corridor([points], line, parameters=PARAMETERS, context=CorridorContext()).dips
            if d.wavelength == 200.0 and d.kind == "PS"
        ]
        for line in (straight(4e3), straight(20e3))
    ]
    assert judged == [[True], [True]]


def test_structures_off_the_line_are_said(study) -> None:  # type: ignore[no-untyped-def]
    line = straight(4e3)
    points = make_points(line, np.zeros_like, density=100, half_width=150, n_dates=10)
    limit = Limit("settlement", "settlement", 15.0, "mm", ("subgrade",))

    def said(*structures: Structure) -> CorridorAnalysis:
        context = CorridorContext(structures=structures, limits=[limit])
        return analyse_corridor([points], line, parameters=PARAMETERS, context=context)

    off = said(Structure(100e3, 120e3, "subgrade"))
    (message,) = [m for m in off.messages if "structures" in m]
    assert message.startswith("1 of 1 structures (DK100+000 to DK120+000) lie off the line, which runs from DK0+000")
    assert "no limit of a structure applies anywhere" in message and not np.isfinite(off.limits[0].growth).any()
    partly = said(Structure(100e3, 120e3, "subgrade"), Structure(1000.0, 4000.0, "subgrade"))
    assert any("1 of 2 structures" in m and "anywhere" not in m for m in partly.messages)
    assert any("leaves 1.0 km of the line out" in s for s in partly.statements)
    whole = said(Structure(0.0, 4000.0, "subgrade"))
    assert not any("tructures" in m for m in (*whole.messages, *whole.statements))
    assert any("leaves 36.0 km of the line out" in s for s in study[0]["results"]["statements"])


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subside.studies.corridor._write_figures", lambda *_: None)


def _run(line: Path, out: Path, tracks=None, **more):  # type: ignore[no-untyped-def]
    parameters = more.pop("parameters", PARAMETERS)
    given = tracks or [make_points(straight(10e3), lambda s: np.zeros(len(s)), density=100, half_width=300)]
    console = Console(record=True, width=250)
    return run_corridor(
        given, files=CorridorFiles(line, **more), parameters=parameters, out=out, console=console
    ), console.export_text()


def test_a_line_outside_the_data_leaves_the_rest_of_the_study(tmp_path: Path) -> None:
    away = shapely.transform(straight(10e3).geometry, lambda xy: xy + np.array([0.0, 40e3]))
    area = _save([shapely.box(ORIGIN[0], ORIGIN[1] - 300, ORIGIN[0] + 5e3, ORIGIN[1] + 300)], tmp_path / "a.gpkg")
    content, said = _run(_save([away], tmp_path / "line.gpkg"), tmp_path / "out", polygons=area)
    message = next(w for w in content["warnings"] if "No point lies within 500 m" in w)
    assert "the nearest is 39.7 km away" in message and "No point lies within 500 m" in said
    assert content["results"]["zones"] == [] and content["results"]["total_length"] == 0
    assert content["results"]["areas"][0]["n_points"] > 100
    assert (tmp_path / "out" / "corridor.png").exists()


@pytest.mark.usefixtures("no_figures")
def test_a_line_that_crosses_itself_is_studied_and_said(tmp_path: Path) -> None:
    x, y = ORIGIN
    loop = shapely.LineString([(x, y), (x + 5000, y), (x + 5000, y + 200), (x + 2500, y + 200), (x + 2500, y - 200)])
    content, _ = _run(_save([loop], tmp_path / "line.gpkg"), tmp_path / "out")
    assert any("The line meets itself at DK3+501 = DK8+902" in w for w in content["warnings"])


@pytest.mark.usefixtures("no_figures")
def test_a_line_without_a_coordinate_system_is_refused_unless_it_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "line.shp"
    geopandas.GeoDataFrame({"name": ["a"]}, geometry=[straight(10e3).geometry], crs=CRS).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(InputFileError, match="S147"):
        _run(path, tmp_path / "out")
    content, _ = _run(path, tmp_path / "out", line_crs=CRS)
    assert content["results"]["line"]["length"] == pytest.approx(10e3, rel=1e-3)


@pytest.mark.usefixtures("no_figures")
def test_rates_without_dates_or_line_of_sight_are_said_so(tmp_path: Path) -> None:
    from dataclasses import replace

    points = make_points(straight(10e3), lambda s: np.zeros(len(s)), density=100, half_width=300)
    blind = replace(points, los=np.full_like(points.los, np.nan))
    content, _ = _run(_save([straight(10e3).geometry], tmp_path / "line.gpkg"), tmp_path / "out", tracks=[blind])
    assert any("no common period of dates" in w for w in content["warnings"])
    assert any("along the line of sight, not vertical" in w for w in content["warnings"])
    assert content["results"]["component"] == ["line of sight"]
    assert content["results"]["limits"] == [] and content["results"]["years"] is None
    with_years, _ = _run(
        tmp_path / "line.gpkg",
        tmp_path / "again",
        tracks=[points],
        parameters=PARAMETERS.model_copy(update={"observed_years": 4.0}),
    )
    assert with_years["results"]["limits"] and with_years["results"]["years"] == 4.0


@pytest.mark.usefixtures("no_figures")
def test_no_points_are_refused_and_few_are_taken_as_independent(tmp_path: Path) -> None:
    line = _save([straight(10e3).geometry], tmp_path / "line.gpkg")
    with pytest.raises(ArgumentError, match="at least one point set"):
        run_corridor([], files=CorridorFiles(line), parameters=PARAMETERS, out=tmp_path / "o", console=Console())
    points = make_points(straight(10e3), lambda s: np.zeros(len(s)), density=100, half_width=300)
    content, _ = _run(line, tmp_path / "few", tracks=[points.subset(np.arange(30))])
    assert any("taken as independent" in w for w in content["warnings"])


def test_a_limit_that_depends_on_an_unknown_speed_is_left_out_and_said() -> None:
    from subside.io.standards import read_standards

    limits, notes = limits_of(read_standards(), CorridorParameters())
    fast, none = limits_of(read_standards(), CorridorParameters(speed_km_h=350.0, track_type="ballastless"))
    assert any("depends on the speed" in n for n in notes) and none == []
    radius = next(x for x in fast if x.quantity == "radius")
    assert radius.si_value == pytest.approx(0.4 * 350**2)
    assert not any("ballasted" in x.name for x in fast) and any("ballasted" in x.name for x in limits)
