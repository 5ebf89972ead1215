"""Point sets: shapes, projections, rows read in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.points import PointSet, PointSource, read_rows, utm_of


def _set(n: int = 10, **columns) -> PointSet:
    lon, lat = 115.4 + 0.001 * np.arange(n), 35.2 + 0.001 * np.arange(n)
    return PointSet.from_geographic(
        "a", longitude=lon, latitude=lat, source=PointSource("file.csv"), columns={"velocity": np.zeros(n), **columns}
    )


def test_projection_is_the_utm_zone_and_can_be_changed() -> None:
    points = _set()
    assert points.crs == "EPSG:32650" == utm_of(115.45, 35.25) and utm_of(-70.0, -33.0) == "EPSG:32719"
    degree = np.hypot(np.diff(points.easting), np.diff(points.northing))
    np.testing.assert_allclose(degree, np.hypot(0.001 * 91_000, 0.001 * 110_950), rtol=0.01)
    other = points.reprojected("EPSG:32649").reprojected("EPSG:32650")
    np.testing.assert_allclose(other.easting, points.easting, atol=1e-4)
    with pytest.raises(ArgumentError, match="EPSG:99999"):
        points.reprojected("EPSG:99999")


def test_what_is_not_given_is_unknown() -> None:
    points = _set()
    assert not points.has_series and np.isnan(points.velocity_std).all() and len(points.years) == 0
    with pytest.raises(UnknownQuantityError, match=r"file\.csv"):
        points.mean_los()


def test_subset_takes_series_along() -> None:
    dates = np.datetime64("2020-01-01") + np.arange(4).astype("timedelta64[D]")
    series = np.arange(40, dtype=np.float32).reshape(10, 4)
    points = _set(dates=dates, displacement=series, flags=np.arange(10, dtype=np.int32) % 2)
    part = points.subset(np.array([7, 1, 4]))
    np.testing.assert_array_equal(part.displacement, series[[7, 1, 4]])
    assert part.point_id.tolist() == ["a-7", "a-1", "a-4"]
    assert points.default_set().n_points == 5
    np.testing.assert_array_equal(read_rows(series, np.zeros(0, np.int64)), np.zeros((0, 4)))


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"velocity": np.zeros(3)}, "`velocity_std`|`longitude`"),
        ({"wrong": 1}, "wrong"),
        ({"displacement": np.zeros((10, 2))}, "displacement"),
        ({"dates": np.array(["2020-01-02", "2020-01-01"], "datetime64[D]")}, "ascending"),
    ],
)
def test_bad_sets_are_refused(columns, match) -> None:
    with pytest.raises(ArgumentError, match=match):
        _set(**columns)
    with pytest.raises(ArgumentError, match="latitude"):
        PointSet.from_geographic(
            "a", longitude=[0.0], latitude=[95.0], source=PointSource("a"), columns={"velocity": np.zeros(1)}
        )
