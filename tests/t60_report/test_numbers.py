"""Numbers as text."""

from __future__ import annotations

import math
from typing import Any

import pytest

from subside.report.numbers import places_of, shown, unit_of, with_unit
from subside.report.results import lookup


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (math.nan, "unknown"),
        (True, "yes"),
        (232984, "232\u202f984"),
        (-0.4, "−0.4"),
        (0.953, "0.953"),
        (81.04, "81"),
        (1234.5, "1\u202f234"),
        (2.0e-9, "2e−09"),
        (0.0, "0"),
    ],
)
def test_three_digits_and_true_signs(value: Any, text: str) -> None:
    assert shown(value) == text


def test_units_come_from_names() -> None:
    assert unit_of("statistics.rmse_mm_yr") == (1.0, "mm/yr")
    assert unit_of("rmse_m_yr") == (1e3, "mm/yr")
    assert unit_of("zones.0.start_km") == (1.0, "km")
    assert unit_of("limits_mm_yr.0") == (1.0, "mm/yr")
    assert unit_of("lag_days_low") == (1.0, "days")
    assert unit_of("pearson") == (1.0, "")
    assert with_unit("unknown", "mm") == "unknown"


def test_two_digits_of_the_uncertainty() -> None:
    assert [places_of(s) for s in (0.4, 0.018, 12.0, 250.0, 0.0)] == [2, 3, 0, 0, 3]


def test_a_name_is_found_with_its_unit() -> None:
    assert lookup({"a": {"rmse_mm_yr": 2.0}}, ("rmse", "a.rmse")) == ("a.rmse_mm_yr", 2.0)
    assert lookup({"a": None}, ("a",)) == ("", None)
