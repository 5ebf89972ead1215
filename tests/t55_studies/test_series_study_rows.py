"""Rows of the study of sites: what several tracks have no number of, and coefficients that may be zero."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from subside.ops.series.driver import monthly_driver
from subside.ops.series.sites import SiteSeries
from subside.ops.series.storage import ElasticStorage, Response
from subside.studies.output import plain
from subside.studies.series_rows import Analysed, site_result, site_row
from subside.studies.series_storage import (
    Storage,
    _elastic_words,
    _is_positive,
    _loop,
    _untold,
    storage_result,
    storage_row,
)

DATES = np.datetime64("2016-01-01") + 24 * np.arange(60).astype("timedelta64[D]")
ZERO = np.zeros(60)
SERIES = SiteSeries(
    "bare", "t40", DATES, ZERO, ZERO + 0.001, np.full(60, 7), 1.2, np.arange(7), np.full(7, 1 / 7), "up", "given"
)
SEVERAL = replace(SERIES, track="t40 + t142", rows=np.zeros(0, np.int64), weights=np.zeros(0))


def test_a_series_of_several_tracks_has_no_number_of_points_rather_than_none() -> None:
    one, several = Analysed(SERIES, "bare", True), Analysed(SEVERAL, "bare", True)
    assert site_result(one)["n_points"] == 7 and site_result(several)["n_points"] is None
    assert json.loads(json.dumps(plain(site_result(several))))["n_points"] is None
    table = pd.DataFrame([site_row(one), site_row(several)]).to_csv(index=False, float_format="%.3f").splitlines()
    assert [row.split(",")[5] for row in table] == ["n_points", "7", ""]


def _storage(value: float, std: float, *, is_class: bool, is_claimed: bool = True, spread: float = 0.001) -> Storage:
    months = np.datetime64("2015-01-01", "M") + np.arange(90)
    heads = 5.0 + np.sin(2 * np.pi * np.arange(90) / 12) + 0.2 * np.random.default_rng(1).standard_normal(90)
    head = monthly_driver("shallow_level", "level", months.astype("datetime64[D]"), heads)
    response = Response(value, std, (value - 2 * std, value + 2 * std), 10.0)
    elastic = ElasticStorage(response, response, 1.0, 0.001, 0.05, DATES, ZERO, ZERO)
    item = Analysed(SERIES, "bare", True, is_class=is_class)
    return Storage(item, head, elastic, None, is_claimed, "related", "not looked for", 22 if is_class else 0, spread)


def test_a_class_whose_places_may_have_none_is_claimed_as_a_relation_only() -> None:
    unsure = _storage(0.0027, 0.003, is_class=True)
    assert unsure.is_determined is False
    assert _untold(unsure) == "related, but the coefficient of a place is not told from zero: "
    assert storage_row(unsure)["elastic_claimed"] is True and storage_row(unsure)["elastic_told_from_zero"] is False
    assert storage_result(unsure)["is_elastic_told_from_zero"] is False
    assert _loop(unsure).verdict.startswith("elastic: not told from zero (-")


def test_a_site_whose_coefficient_may_be_zero_is_not_claimed() -> None:
    unsure, sure = (_storage(0.0066, std, is_class=False) for std in (0.005, 0.001))
    assert unsure.elastic is not None and sure.elastic is not None
    assert not _is_positive(unsure.item, unsure.elastic) and _is_positive(sure.item, sure.elastic)
    place = _storage(0.0066, 0.005, is_class=True)
    assert place.elastic is not None and _is_positive(place.item, place.elastic)
    words = _elastic_words(unsure.elastic, 0.03, 0.05, is_claimed=False)
    assert words.startswith("not claimed") and words.endswith("not told from zero") and "0.03" in words
    assert "do not follow" in _elastic_words(unsure.elastic, 0.3, 0.05, is_claimed=False)


def test_a_coefficient_told_from_zero_keeps_its_words() -> None:
    sure = _storage(0.0066, 0.0005, is_class=True)
    assert sure.is_determined is True and _untold(sure) == ""
    assert _loop(sure).verdict.startswith("elastic storage 0.0066 (")


@pytest.mark.parametrize("more", [{"spread": np.nan}, {"is_claimed": False}], ids=["no interval", "not claimed"])
def test_without_an_interval_or_a_claim_nothing_is_said_of_zero(more: dict[str, float]) -> None:
    untold = _storage(0.0027, 0.003, is_class=True, **more)
    assert untold.is_determined is None and _untold(untold) == ""
    assert storage_row(untold)["elastic_told_from_zero"] == ""
