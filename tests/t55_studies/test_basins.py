"""The study of basins, on a project with images and on points from memory."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from rich.console import Console

from subside.errors import ArgumentError
from subside.io.project import Project
from subside.model.points import PointSet, PointSource
from subside.stages.point_sources import track_points
from subside.studies import basin_boxes
from subside.studies.basins import BasinsFiles, BasinsParameters, run_basins


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def memory_points(*, lost_middle: bool) -> PointSet:
    """A mined bowl of 0.15 m/yr in calm ground; the name is of no track."""
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-2500, 2500, (2, 8000))
    distance = np.hypot(x, y)
    rate = (-0.6 if lost_middle else -0.15) * np.exp(-np.pi * distance**2 / 600**2) + 0.001 * rng.standard_normal(
        len(x)
    )
    keep = distance > 350 if lost_middle else distance >= 0
    n = int(keep.sum())
    return PointSet.from_geographic(
        "given",
        longitude=115.45 + x[keep] / 91_000,
        latitude=35.25 + y[keep] / 110_950,
        source=PointSource("given", wavelength=0.0555),
        columns={
            "velocity": rate[keep],
            "velocity_std": np.full(n, 0.001),
            "los": np.tile([0.0, 0.0, 1.0], (n, 1)),
            "dates": np.datetime64("2017-01-01") + 12 * np.arange(60),
        },
    )


def test_a_project_with_images_gives_galleries(finished: Path, tmp_path: Path) -> None:
    project = Project.open(finished)
    points = [track_points(project.track(name), label=name) for name in project.track_names()]
    geometry = points[0]
    box = (
        float(geometry.longitude.min()),
        float(geometry.latitude.min()),
        float(geometry.longitude.max()),
        float(geometry.latitude.max()),
    )
    out = tmp_path / "out"
    summary = run_basins(
        finished,
        points,
        parameters=BasinsParameters(boxes=(box,), threshold=0.005),
        out=out,
        console=quiet(),
        files=BasinsFiles(),
    )
    assert (out / "gallery_a.png").exists()
    assert json.loads((out / "gallery_a.json").read_text())["pairs"]
    assert (out / f"fringes_a_{points[0].name}.png").exists()
    assert {f["key"] for f in summary["figures"]} >= {"risk", "basins", "gallery_a"}
    assert json.loads((out / "summary.json").read_text())["results"] == summary["results"]


@pytest.mark.parametrize("boxes", ["given", "found"])
def test_of_a_box_too_large_for_a_gallery_the_middle_is_shown(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boxes: str
) -> None:
    monkeypatch.setattr(basin_boxes, "_MOST_PIXELS", 3_000)
    project = Project.open(finished)
    points = [track_points(project.track(name), label=name) for name in project.track_names()]
    place = points[0].longitude, points[0].latitude
    whole = tuple(float(v) for v in (place[0].min(), place[1].min(), place[0].max(), place[1].max()))
    points = [replace(p, velocity=np.full(p.n_points, -0.05)) for p in points]
    parameters = BasinsParameters(boxes=(whole,) if boxes == "given" else ())
    run_basins(finished, points, parameters=parameters, out=tmp_path, console=quiet(), files=BasinsFiles())
    written = json.loads((tmp_path / "summary.json").read_text())
    assert (tmp_path / "gallery_a.png").exists()
    (message,) = [w for w in written["warnings"] if f"box a holds more pixels of {points[0].name}" in w]
    assert "its middle is shown" in message


@pytest.mark.parametrize("lost_middle", [False, True])
def test_points_from_memory(finished: Path, tmp_path: Path, lost_middle: bool) -> None:
    points = memory_points(lost_middle=lost_middle)
    out = tmp_path / "out"
    parameters = BasinsParameters(fit_panels=True, boxes=((115.44, 35.24, 115.46, 35.26),))
    summary = run_basins(finished, [points], parameters=parameters, out=out, console=quiet(), files=BasinsFiles())
    results = summary["results"]
    assert results["n_primary"] == results["n_basins"] == 1
    table = pd.read_csv(out / "basins.csv")
    if not lost_middle:
        assert table.area_km2[0] == pytest.approx(0.6**2 * np.log(15), rel=0.25)
    assert table.is_lower_bound[0] == (results["basins"][0]["risk_share"] > 0.05 or lost_middle)
    assert any("no gallery" in w for w in summary["warnings"])
    if lost_middle:
        assert results["basins"][0]["panel"] is None
        assert any("no mined panel is fitted to basin 1" in w for w in summary["warnings"])
    else:
        assert results["basins"][0]["peak_rate"] == pytest.approx(-0.15, abs=0.015)
    rules = pd.read_csv(out / "rules.csv")
    assert set(rules.basin) == {1}


def test_points_are_needed_and_boxes_must_not_be_empty(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="points"):
        run_basins(finished, [], parameters=BasinsParameters(), out=tmp_path, console=quiet(), files=BasinsFiles())
    with pytest.raises(ArgumentError, match="west < east"):
        run_basins(
            finished,
            [memory_points(lost_middle=False)],
            parameters=BasinsParameters(boxes=((2.0, 0.0, 1.0, 1.0),)),
            out=tmp_path,
            console=quiet(),
            files=BasinsFiles(),
        )


def test_the_mask_names_its_track(finished: Path, tmp_path: Path) -> None:
    pyogrio = pytest.importorskip("pyogrio")
    points = memory_points(lost_middle=False)
    rng = np.random.default_rng(0)
    rough = np.where(
        np.hypot(points.easting - np.median(points.easting), points.northing - np.median(points.northing)) < 400
    )
    points.velocity[rough] += 0.1 * rng.integers(-2, 3, len(rough[0]))
    run_basins(finished, [points], parameters=BasinsParameters(), out=tmp_path, console=quiet(), files=BasinsFiles())
    meta, _, shapes, columns = pyogrio.raw.read(tmp_path / "basins.gpkg", layer="risk")
    assert list(meta["fields"]) == ["track"]
    assert set(columns[0]) == {"given"}
    assert sum(s.area for s in shapely.from_wkb(shapes)) > 1e5
