"""Series of classes of ground and of several tracks: offsets go, motion and its errors stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet, PointSource
from subside.ops.point_covariance import independent_errors
from subside.ops.series.combine import class_series, combine_tracks, relative_series
from subside.ops.series.sites import SiteSeries


def _series(track: str, first: str, offset: float, rng: np.random.Generator, n: int = 60) -> SiteSeries:
    dates = np.datetime64(first) + (24 * np.arange(n)).astype("timedelta64[D]")
    years = (dates - np.datetime64("2016-01-01")).astype(float) / 365.25
    moved = -0.02 * years + 0.005 * np.sin(2 * np.pi * years) + offset + 0.002 * rng.standard_normal(n)
    std = np.full(n, 0.002)
    std[0] = 0.0
    return SiteSeries("x", track, dates, moved, std, np.full(n, 5), 4.0, np.arange(3), np.ones(3) / 3, "up", "stated")


def test_tracks_are_joined_on_one_level() -> None:
    rng = np.random.default_rng(1)
    jumps = []
    for _ in range(40):
        both = combine_tracks(
            [_series("a", "2016-01-04", 0.0, rng), _series("b", "2016-01-11", 0.05, rng)], name="all farmland"
        )
        years = (both.dates - np.datetime64("2016-01-01")).astype(float) / 365.25
        true = -0.02 * years + 0.005 * np.sin(2 * np.pi * years)
        error = both.displacement - true
        is_a = np.isin(both.dates, _series("a", "2016-01-04", 0.0, rng).dates)
        jumps.append(error[is_a].mean() - error[~is_a].mean())
    assert both.track == "a + b" and len(both.dates) == 120 and np.all(np.diff(both.dates) > np.timedelta64(0, "D"))
    assert np.std(jumps) < 0.0006 and abs(np.mean(jumps)) < 0.0003
    assert np.allclose(both.std, 0.002)


def test_a_date_of_both_tracks_is_averaged() -> None:
    rng = np.random.default_rng(2)
    both = combine_tracks([_series("a", "2016-01-04", 0.0, rng), _series("b", "2016-01-04", 0.01, rng)], name="x")
    assert len(both.dates) == 60 and np.allclose(both.std, 0.002 / np.sqrt(2)) and np.all(both.n == 10)


def test_mixed_or_single_series_are_refused() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(ArgumentError, match="two or more"):
        combine_tracks([_series("a", "2016-01-04", 0.0, rng)], name="x")


def test_class_mean_is_not_that_of_its_densest_place() -> None:
    rng = np.random.default_rng(4)
    n_dense, n_rest = 3000, 300
    lon = 115.4 + np.concatenate([rng.uniform(0, 0.001, n_dense), rng.uniform(0.01, 0.1, n_rest)])
    lat = 35.2 + np.concatenate([rng.uniform(0, 0.001, n_dense), rng.uniform(0.0, 0.05, n_rest)])
    dates = np.datetime64("2016-01-01") + (24 * np.arange(30)).astype("timedelta64[D]")
    rate = np.where(np.arange(n_dense + n_rest) < n_dense, -0.05, 0.0)
    years = 24 * np.arange(30) / 365.25
    points = PointSet.from_geographic(
        "a",
        longitude=lon,
        latitude=lat,
        source=PointSource("a"),
        columns={
            "velocity": rate,
            "los": np.tile([-0.6, -0.1, 0.79], (len(lon), 1)),
            "dates": dates,
            "displacement": (rate[:, None] * years + 0.001 * rng.standard_normal((len(lon), 30))).astype(np.float32),
            "kind": np.full(len(lon), PointKind.DS, np.uint8),
        },
    )
    series = class_series(points, np.ones(len(lon), bool), independent_errors(), name="all")
    assert abs(series.displacement[-1]) < 0.005 and len(series.rows) <= 400
    with pytest.raises(ArgumentError, match="at least one"):
        class_series(points, np.zeros(len(lon), bool), independent_errors(), name="none")


def test_relative_motion_does_not_know_the_reference() -> None:
    a = _series("a", "2016-01-04", 0.0, np.random.default_rng(5))
    b = _series("a", "2016-01-04", 0.0, np.random.default_rng(6))
    drift = 0.01 * np.sin(np.arange(60))
    plain = relative_series(a, b, name="x")
    moved = [replace(s, displacement=s.displacement + drift) for s in (a, b)]
    other = relative_series(*moved, name="x")
    np.testing.assert_allclose(other.displacement, plain.displacement, atol=1e-12)
    assert plain.displacement[0] == 0 and np.allclose(plain.std[1:], 0.002 * np.sqrt(2))
    with pytest.raises(ArgumentError, match="must be of a"):
        relative_series(a, replace(b, track="b"), name="x")
