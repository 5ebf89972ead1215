"""The types validate themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.network import Network, PairStatus, design_matrix
from subside.model.stack import Stack, bperp_at, format_dates, parse_dates

DATES = parse_dates(["20180108", "20180120", "20180213"])


def _stack(**more: Any) -> Stack:
    values = {
        "slc": np.zeros((3, 5, 7), np.complex64),
        "dates": DATES,
        "reference_date": DATES[1],
        "wavelength": 0.0555,
        "azimuth_spacing": 14.0,
        "range_spacing": 3.6,
        "geometry": {"height": np.zeros((5, 7))},
        "bperp": np.arange(12.0).reshape(3, 2, 2),
    }
    return Stack(**{**values, **more})


def test_a_stack_knows_its_sizes() -> None:
    stack = _stack()
    assert (stack.n_dates, stack.shape, stack.reference_index) == (3, (5, 7), 1)
    np.testing.assert_array_equal(stack.days, [0.0, 12.0, 36.0])
    np.testing.assert_array_equal(stack.mean_bperp(), [1.5, 5.5, 9.5])
    with pytest.raises(UnknownQuantityError):
        _stack(bperp=None).mean_bperp()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"slc": np.zeros((2, 5, 7))}, "slc"),
        ({"slc": np.zeros((3, 5))}, "slc"),
        ({"dates": DATES[[0, 0, 1]]}, "dates"),
        ({"dates": DATES[[1, 0, 2]]}, "dates"),
        ({"slc": np.zeros((1, 5, 7)), "dates": DATES[:1], "reference_date": DATES[0], "bperp": None}, "at least two"),
        ({"reference_date": np.datetime64("2018-01-09")}, "reference_date"),
        ({"geometry": {"heigth": np.zeros((5, 7))}}, "heigth"),
        ({"geometry": {"height": np.zeros((7, 5))}}, "height"),
        ({"bperp": np.zeros(3)}, "bperp"),
        ({"wavelength": 0.0}, "wavelength"),
        ({"azimuth_spacing": -1.0}, "azimuth_spacing"),
        ({"range_spacing": float("nan")}, "range_spacing"),
        ({"n_looks": 0}, "n_looks"),
    ],
)
def test_a_stack_refuses_what_breaks_its_rules(fault: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        _stack(**fault)


@pytest.mark.parametrize(
    "dates",
    [["2018-01-08"], ["20181301"], ["20180230"], ["2018010"], ["20180108", "20180108"], ["20180120", "20180108"], [""]],
)
def test_what_is_not_an_ascending_date_is_refused(dates: list[str]) -> None:
    with pytest.raises(ArgumentError, match="YYYYMMDD"):
        parse_dates(dates)


def test_dates_survive_a_round_trip() -> None:
    words = ["20160229", "20171231", "20180101"]
    parsed = parse_dates(words)
    assert format_dates(parsed) == words
    assert (parsed[2] - parsed[1]) == np.timedelta64(1, "D")


def test_baselines_are_bilinear_between_the_corners() -> None:
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(4, 2, 2)) * 100
    azimuth, range_ = rng.integers(0, 41, 50), rng.integers(0, 23, 50)
    found = bperp_at(corners, azimuth, range_, (41, 23))
    assert found.shape == (50, 4)
    for p in range(50):
        for d in range(4):
            u, v, c = azimuth[p] / 40, range_[p] / 22, corners[d]
            top, bottom = c[0, 0] + (c[0, 1] - c[0, 0]) * v, c[1, 0] + (c[1, 1] - c[1, 0]) * v
            assert found[p, d] == pytest.approx(top + (bottom - top) * u, abs=1e-9)
    at_corners = bperp_at(corners, np.array([0, 0, 40, 40]), np.array([0, 22, 0, 22]), (41, 23))
    np.testing.assert_allclose(at_corners.T.reshape(4, 2, 2), corners)
    assert np.isfinite(bperp_at(corners, np.array([0]), np.array([0]), (1, 1))).all()


def _network(**more: Any) -> Network:
    values = {
        "days": np.array([0.0, 12, 24]),
        "earlier": np.array([0, 0, 1], np.int32),
        "later": np.array([1, 2, 2], np.int32),
        "bperp": np.zeros(3),
        "coherence": np.full(3, 0.5),
        "status": (PairStatus.KEPT, PairStatus.DROPPED, PairStatus.ADDED),
        "reason": ("a", "b", "c"),
        "is_bridge": np.zeros(3, bool),
    }
    return Network(**{**values, **more})


def test_a_network_uses_what_is_not_dropped() -> None:
    network = _network()
    np.testing.assert_array_equal(network.is_used, [True, False, True])
    np.testing.assert_array_equal(network.used, [[0, 1], [1, 2]])
    assert network.used.dtype == np.int32 and network.n_dates == 3


@pytest.mark.parametrize("name", ["later", "bperp", "coherence", "status", "reason", "is_bridge"])
def test_a_network_needs_columns_of_one_length(name: str) -> None:
    with pytest.raises(ArgumentError, match=name):
        replace(_network(), **{name: getattr(_network(), name)[:2]})


def test_a_network_needs_pairs_in_time_order() -> None:
    with pytest.raises(ArgumentError, match="before"):
        _network(earlier=np.array([1, 0, 1], np.int32), later=np.array([0, 2, 2], np.int32))


def test_the_design_matrix_makes_pair_phase_from_date_phase() -> None:
    """A sinking point: the range grows, the pair phase is positive."""
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    matrix = design_matrix(pairs, 4)
    np.testing.assert_array_equal(matrix, [[-1, 1, 0, 0], [-1, 0, 1, 0], [0, -1, 1, 0]])
    range_phase = np.array([0.0, 0.5, 2.0, 9.0])
    np.testing.assert_allclose(matrix @ range_phase, [0.5, 2.0, 1.5])
