"""Figures of the report from a project and from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from fake_studies import fake_track

from subside.figures.geographic import MapBox
from subside.model.points import PointSet, PointSource
from subside.report.own_figures import (
    MapContext,
    networks_picture,
    rates_picture,
    shapes_of,
    sites_of,
    study_area_picture,
)
from subside.stages.session import open_session


def points(name: str) -> PointSet:
    rng = np.random.default_rng(2)
    n = 200
    velocity = rng.normal(0, 0.01, n)
    flags = np.where(np.arange(n) < 20, 2, 0).astype(np.int32)
    return PointSet.from_geographic(
        name,
        longitude=115 + 0.1 * rng.random(n),
        latitude=35 + 0.1 * rng.random(n),
        source=PointSource(name),
        columns={"velocity": velocity, "flags": flags},
    )


def test_shapes_and_sites() -> None:
    hole = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (2, 1), (2, 2)]])
    many = shapely.MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 3)]])
    shapes = shapes_of(["city", "line"], [hole, many])
    assert [(s.name, len(s.longitude)) for s in shapes] == [("city", 5), ("line", 2), ("line", 2)]
    sites = sites_of(["a", "b", "c"], ["rural", "urban", "rural"], [1, 2, 3], [4, 5, 6])
    assert [(s.kind, s.names) for s in sites] == [("rural", ("a", "c")), ("urban", ("b",))]


def test_the_rates_of_the_default_set_are_drawn() -> None:
    box = MapContext(boxes=(MapBox("a", 115.0, 35.0, 115.02, 35.02),))
    picture = rates_picture([points("S1-40")], [fake_track()], context=box, limit_mm_yr=30.0)
    assert picture is not None and "(a)" in picture.caption
    numbers = picture.source.numbers  # type: ignore[union-attr]
    assert numbers["limit_mm_yr"] == 30.0 and numbers["tracks"]["S1-40"]["n"] == 180
    assert rates_picture([]) is None


def test_the_area_is_drawn_from_points_where_there_is_no_track(finished: Path) -> None:
    picture = study_area_picture([], [points("file")])
    assert picture is not None
    assert picture.source.numbers["tracks"][0]["name"] == "file, points"  # type: ignore[union-attr]
    assert study_area_picture([], []) is None


def test_the_network_of_a_project(finished: Path, imported: Path) -> None:
    store = open_session(finished, None, []).store
    picture = networks_picture([store])
    assert picture is not None
    numbers = picture.source.numbers["tracks"]["simulated"]  # type: ignore[union-attr]
    facts = store.stage_state("network")["facts"]  # type: ignore[index]
    assert (numbers["n_kept"], numbers["n_added"]) == (facts["kept"], facts["added"])
    assert networks_picture([open_session(imported, None, []).store]) is None
