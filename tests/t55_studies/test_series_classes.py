"""Mean series of land classes are of ground well inside the class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from subside.io.vectors import Polygons
from subside.model.points import PointSet, PointSource
from subside.ops.series.combine import relative_series
from subside.ops.simulate.heze_drivers import Drivers
from subside.studies.series_classes import classes_of

DATES = np.datetime64("2015-07-15") + (24 * np.arange(66)).astype("timedelta64[D]")
DEGREE = 1 / 111_320.0


def _region(air: float) -> tuple[PointSet, Polygons]:
    """Fields 40 km by 2 km that move by season, a town of 1 km every 5 km that does not, farms that go with fields."""
    rng = np.random.default_rng(1)
    towns = [(5000 * k + 2000.0, 500.0, 5000 * k + 3000.0, 1500.0) for k in range(10)]
    farms = [(x, y, x + 80.0, y + 80.0) for x in np.arange(200.0, 50_000.0, 1000.0) for y in (100.0, 1800.0)]
    east = np.concatenate([rng.uniform(0, 50_000, 3000), *(rng.uniform(f[0], f[2], 6) for f in farms)])
    north = np.concatenate([rng.uniform(0, 2000, 3000), *(rng.uniform(f[1], f[3], 6) for f in farms)])
    in_town = np.any([(east > a) & (east < c) & (north > b) & (north < d) for a, b, c, d in towns], axis=0)
    season = Drivers(5).seasonal_motion(DATES)
    motion = ~in_town[:, None] * season + 0.003 * rng.standard_normal((len(east), len(DATES)))
    motion += air * rng.standard_normal(len(DATES)) * east[:, None] / 50_000
    motion -= motion[:, :1]
    boxes = [shapely.box(*(np.array(b) * DEGREE + np.array([3.0, 0.0, 3.0, 0.0]))) for b in towns + farms]
    country = shapely.box(2.9, -0.1, 3.6, 0.1)
    cover = Polygons(("",) * (len(boxes) + 1), ("urban",) * len(boxes) + ("farmland",), (*boxes, country), "digest")
    points = PointSet.from_geographic(
        "A040",
        longitude=3.0 + east * DEGREE,
        latitude=north * DEGREE,
        source=PointSource("A040"),
        columns={
            "dates": DATES,
            "velocity": np.zeros(len(east)),
            "displacement": motion.astype(np.float32),
            "displacement_std": np.full(motion.shape, 0.003, np.float32),
            "los": np.tile([0.6, -0.1, 1.0], (len(east), 1)),
        },
    )
    return points, cover


@pytest.mark.parametrize("air", [0.0, 0.02])
def test_farms_in_the_fields_do_not_take_the_season_of_fields_relative_to_towns(air: float) -> None:
    points, cover = _region(air)
    said: list[str] = []
    found = {a.series.site: a for a in classes_of([points], cover, "urban", said.append)}
    season = Drivers(5).seasonal_motion(DATES)
    season = season - season.mean()
    relative = found["farmland relative to urban"]
    assert (relative.series.displacement @ season) / (season @ season) == pytest.approx(1.0, abs=0.05)
    assert len(relative.places[0].motion) >= 8
    assert not any("patches" in s for s in said)


def test_places_are_as_small_as_makes_the_mean_most_certain() -> None:
    points, cover = _region(0.0)
    rng = np.random.default_rng(3)
    east = (points.longitude - 3.0) / DEGREE
    walks = np.cumsum(0.002 * rng.standard_normal((501, 66)), axis=0)
    air = walks[np.clip(east / 100.0, 0, 500).astype(int)]
    rough = replace(points, displacement=(np.asarray(points.displacement) + air).astype(np.float32))
    found = {a.series.site: a for a in classes_of([rough], cover, "urban", lambda _: None)}
    relative = found["farmland relative to urban"]
    assert len(relative.places[0].motion) >= 15
    whole = relative_series(found["all farmland"].series, found["all urban"].series, name="whole")
    season = Drivers(5).seasonal_motion(DATES)
    wrong = [s.displacement - season for s in (relative.series, whole)]
    assert np.std(wrong[0]) < 0.7 * np.std(wrong[1])


def test_a_class_on_mixed_ground_is_not_compared() -> None:
    points, cover = _region(0.0)
    east = (np.asarray(points.longitude) - 3.0) / DEGREE
    strips = [
        shapely.box(3.0 + x * DEGREE, 0.0, 3.0 + (x + 60.0) * DEGREE, 2000 * DEGREE) for x in range(0, 50_000, 500)
    ]
    mixed = Polygons(
        ("",) * (len(strips) + len(cover.geometries)),
        ("bare",) * len(strips) + tuple(cover.classes),
        (*strips, *cover.geometries),
        "digest",
    )
    said: list[str] = []
    found = {a.series.site: a for a in classes_of([points], mixed, "urban", said.append)}
    assert np.any(east % 500 < 60) and any("bare" in s and "patches" in s for s in said)
    assert not found["bare relative to urban"].is_compared
    assert found["farmland relative to urban"].is_compared and found["all urban"].is_compared
