"""Figures keep the numbers of the paper wherever they stand, and a missing one is said to be so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_studies import fake_track, make_figures
from page_reader import Page

from subside.report.agreement import agreement_blocks
from subside.report.compose import ReportContents, chapters_of, compose_report
from subside.report.content import Chapter, DataTable, Picture
from subside.report.corridor import corridor_blocks, watch_list
from subside.report.numbers import chance
from subside.report.paper import SHOWN, numbered, paper_numbers
from subside.report.places import series_blocks
from subside.report.results import load_studies
from subside.studies.output import StudyFolder


def _figures(out: Path, study: str, keys: list[str], warnings: tuple[str, ...] = ()) -> None:
    folder = StudyFolder(out / study, study, f"The study {study}")
    for key in keys:
        folder.save_figure(key, make_figures()[0], f"What {key} shows.")
    for warning in warnings:
        folder.warn(warning)
    folder.finish({"n_sites": 3, "n_basins": 1, "n_primary": 1, "n_secondary": 0})


def _listed(contents: ReportContents) -> dict[str, tuple[str, str]]:
    table = chapters_of(contents)[-1].parts[0].blocks[1]
    assert isinstance(table, DataTable)
    return {str(row[0]): (str(row[2]), str(row[3])) for row in table.rows}


def test_sites_share_a_number_by_letters_and_mining_has_its_own() -> None:
    keys = ["sites_rural", "sites_urban", "sites_mining", "drivers", "lags"]
    found = {"sites_rural": "6a", "sites_urban": "6b", "sites_mining": "8", "drivers": "7"}
    assert paper_numbers("series", keys) == found
    assert paper_numbers("series", ["sites_all"]) == {"sites_all": "6"}
    assert paper_numbers("basins", ["risk", "gallery_a", "gallery_c"]) == {"gallery_a": "9"}
    assert paper_numbers("strange", ["gallery_a", "corridor"]) == {}
    many = paper_numbers("series", [f"sites_{k}" for k in range(28)])
    assert len(set(many.values())) == 28 and many["sites_27"] == "6ab"


def test_a_number_is_given_once_and_the_rest_are_counted_apart() -> None:
    figure = make_figures()[0]
    four = Picture(figure, "a", number="4")
    table = DataTable("t", ("a",), [("1",)])
    made = numbered([Chapter("A", [four, Picture(figure, "b"), table], [Chapter("B", [four, table])])])
    blocks = [*made[0].blocks, *made[0].parts[0].blocks]
    assert [b.number for b in blocks if isinstance(b, Picture)] == ["4", "S1", "S2"]
    assert [b.number for b in blocks if isinstance(b, DataTable)] == ["2", "3"]


def test_the_list_leads_to_each_figure_and_tells_why_one_is_missing(tmp_path: Path) -> None:
    _figures(tmp_path, "series", ["sites_rural", "sites_urban", "drivers"])
    _figures(tmp_path, "basins", ["gallery_b"], ("there is no gallery of box a: no images there",))
    contents = ReportContents(
        "T",
        "2026-11-28",
        tracks=(fake_track(),),
        studies=load_studies(tmp_path),
        absent={"tracks": "two tracks are needed"},
        rates=Picture(make_figures()[0], "Rates.", number="3"),
    )
    listed = _listed(contents)
    assert list(listed) == list(SHOWN)
    assert listed["Table 1"] == ("Table 1", "2") and listed["Figure 3"] == ("Figure 3", "3")
    assert listed["Figure 6"] == ("Figure 6a, 6b", "7") and listed["Figure 7"] == ("Figure 7", "7")
    assert listed["Figure 10"] == ("Figure 10", "8")
    assert listed["Figure 4"] == ("not made", "two tracks are needed")
    assert listed["Figure 8"][0] == "not made" and "mining" in listed["Figure 8"][1]
    assert listed["Figure 9"] == ("not made", "there is no gallery of box a: no images there")
    assert listed["Figure 5"] == ("not made", "`subside corridor` was not run")
    html = compose_report(contents, tmp_path / "r.html").read_text()
    assert html.index("<b>Figure 6b.") < html.index("<b>Figure 7.") < html.index("<b>Figure 10.")
    assert all(f'id="figure-{n}"' in html for n in ("3", "6a", "6b", "7", "10"))


def test_without_tracks_no_table_is_called_the_first(tmp_path: Path) -> None:
    contents = ReportContents("T", "2026-11-28")
    assert _listed(contents)["Table 1"][0] == "not made"
    assert "Table 1." not in compose_report(contents, tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no GNSS or levelling is given", "No GNSS or levelling was given: the rates are not checked"),
        ("it could not be made: no station", "failed (it could not be made: no station): the rates are not checked"),
    ],
)
def test_the_summary_says_what_the_ground_says(tmp_path: Path, why: str, said: str) -> None:
    contents = ReportContents("T", "2026-11-28", absent={"geodesy": why})
    assert said in Page(compose_report(contents, tmp_path / "r.html").read_text()).words.split("What to watch")[0]


def test_a_comparison_with_the_ground_is_in_the_summary(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "geodesy", "geodesy", "S1-40 against GNSS")
    folder.finish({"n_stations": 7, "rmse_mm_yr": 1.84, "z_rms": 1.12, "reference": "HZ01", "radius_m": 100.0})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words.split("What to watch")[0]
    assert "(S1-40 against GNSS): rates relative to one station differ by 1.84\u00a0mm/yr" in words
    assert "7 stations" in words and "1.12 times" in words and "not checked" not in words


def test_joint_rates_are_called_vertical_and_each_track_has_a_row(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "geodesy", "geodesy", "all tracks against GNSS")
    one = {"n_stations": 7, "rmse_mm_yr": 1.84, "bias_mm_yr": 0.2, "z_rms": 1.12}
    rows = [{"track": "t40", "component": "line of sight", **one}, {"track": "t40 + t61", "component": "up", **one}]
    folder.finish({**one, "reference": "HZ01", "radius_m": 100.0, "component": "up, split from east", "tracks": rows})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words
    assert "were compared, vertical (up, split from east), both relative to station HZ01" in words
    assert "were compared, along the line of sight" not in words
    assert "t40 + t61" in words and "Each track and all together" in words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (2.3e-204, "< 0.001"), (1.0, "> 0.999"), (0.243, "0.24"), (0.0641, "0.064"), (0.9973, "0.997")],
)
def test_no_probability_is_nought_or_certain(value: float, text: str) -> None:
    assert chance(value) == text


def test_ground_that_no_track_covers_is_not_called_covered(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "corridor", "corridor", "The line")
    coverage = {"n_points": 10, "outside": 143_400.0, "longest_uncovered": 10.0, "uncovered": 143_200.0, "reach": 100.0}
    folder.finish({"coverage": coverage})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words
    assert "The tracks do not cover 143.4\u00a0km of the line: nothing is known about the ground there." in words
    assert "Where they do, the longest stretch of the line without a measurement point within 100\u00a0m is" in words
    unchanged = replace(contents, studies=())
    assert "do not cover" not in Page(compose_report(unchanged, tmp_path / "s.html").read_text()).words


@pytest.mark.parametrize(("uncovered", "is_said"), [(50.0, True), (0.0, False)])
def test_a_zone_with_a_hole_may_sink_faster_than_is_said(tmp_path: Path, uncovered: float, is_said: bool) -> None:
    zone = {"start": 1e3, "end": 3e3, "mean": -0.03, "lowest": -0.05, "uncovered": uncovered}
    folder = StudyFolder(tmp_path / "corridor", "corridor", "The line")
    folder.finish({"zones": [zone], "total_length": 2e3})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words
    assert ("0.05\u00a0km of it in bins without a usable point: the ground may sink faster there" in words) is is_said


def test_what_is_exceeded_already_is_not_told_as_future(tmp_path: Path) -> None:
    limit = {"quantity": "settlement", "value": 15.0, "unit": "mm", "source": "s", "is_verified": False}
    now = {**limit, "name": "now", "probability_now_max": 0.9999, "probability_horizon_max": 0.99991}
    later = {**limit, "name": "later", "probability_now_max": 0.01, "probability_horizon_max": 1.0}
    rare = {**limit, "name": "rare", "probability_now_max": 0.01, "probability_horizon_max": 0.09}
    rows = [
        {**rare, "length_now": 0.0, "length_horizon": 0.0},
        {**later, "length_now": 0.0, "length_horizon": 2e3},
        {**now, "length_now": 19e3, "length_horizon": 21e3, "years_median_min": 0.2},
    ]
    folder = StudyFolder(tmp_path / "corridor", "corridor", "The line")
    folder.finish({"limits": rows, "first_date": "2015-07-18"})
    results = load_studies(tmp_path)[0]
    said = ["".join(str(getattr(w, "text", w)) for w in words) for words in watch_list(results)]
    assert said[0].startswith("Now (15") and "already exceeded over 19" in said[0] and "since 2015-07-18" in said[0]
    assert said[1].startswith("Later") and "already" not in said[1]
    assert not any(s.startswith("Rare") for s in said) and any(s.startswith("For one more limit ") for s in said)
    assert any("before the first common date" in s for s in said)
    tables = [b for b in corridor_blocks(results) if isinstance(b, DataTable)]
    assert any("soonest (years from 2015-07-18)" in t.header for t in tables)


def test_r_within_a_class_of_rates_is_left_out(tmp_path: Path) -> None:
    row = {"n_cells": 90, "bias_mm_yr": 0.1, "sigma_mm_yr": 1.0}
    strata = [
        {**row, "by": "rate", "label": "-40 to -20 mm/yr", "r": -0.84},
        {**row, "by": "land", "label": "urban", "r": 0.97},
    ]
    statistics = {"pearson": {"value": 0.99, "low": None, "high": None}, "rmse_mm_yr": {"value": 1.8}}
    StudyFolder(tmp_path / "tracks", "tracks", "Two tracks").finish({"strata": strata, "statistics": statistics})
    table = next(b for b in agreement_blocks(load_studies(tmp_path)[0]) if isinstance(b, DataTable))
    first, second = ([str(getattr(c, "text", c)) for c in line] for line in table.rows)
    assert first[1] == "−40 to −20 mm/yr" and "−0.84" not in first and "–" in first
    assert "0.97" in second
    assert "95 % intervals" not in table.caption


def test_a_zone_at_the_edge_of_the_data_is_at_least_as_long(tmp_path: Path) -> None:
    zone = {"start": 1e3, "end": 3e3, "mean": -0.03, "mean_std": 0.001, "lowest": -0.05, "is_start_open": True}
    StudyFolder(tmp_path / "corridor", "corridor", "The line").finish({"zones": [zone], "total_length": 2e3})
    blocks = corridor_blocks(load_studies(tmp_path)[0])
    words = "".join(str(getattr(w, "text", w)) for b in blocks for w in getattr(b, "words", ()))
    assert "at least 2" in words and "within what the data cover" in words
    table = next(b for b in blocks if isinstance(b, DataTable))
    assert "start" in [str(cell) for cell in table.rows[0]]


def test_limits_at_joints_are_counted(tmp_path: Path) -> None:
    limit = {"quantity": "difference", "value": 5.0, "unit": "mm", "source": "s", "is_verified": False}
    lengths = {"length_now": None, "length_horizon": None, "length_not_checkable": None}
    counts = {"n_joints_now": 0, "n_joints_horizon": 1, "n_joints_checked": 4, "n_joints_not_checkable": 7}
    joint = {**limit, **lengths, **counts, "name": "step", "probability_horizon_max": 0.9, "n_joints": 12}
    slope = {**limit, "name": "piers", "length_horizon": 2000.0, "probability_horizon_max": 0.8, "n_joints": None}
    StudyFolder(tmp_path / "corridor", "corridor", "The line").finish({"limits": [joint, slope]})
    results = load_studies(tmp_path)[0]
    first, second = ("".join(str(getattr(w, "text", w)) for w in said) for said in watch_list(results)[:2])
    assert "more likely than not exceeded at 1 joint; greatest probability" in first
    assert "more likely than not exceeded over 2" in second and "joint" not in second
    (table,) = [b for b in corridor_blocks(results) if isinstance(b, DataTable) and "joints" in b.header]
    assert [[str(getattr(c, "text", c)) for c in row[3:]] for row in table.rows] == [["12", "0", "1", "4", "7"]]


def test_a_lag_of_several_tracks_is_said_once(tmp_path: Path) -> None:
    def lag(track: str, days: float) -> dict[str, object]:
        row = {"group": "bare", "track": track, "driver": "shallow_depth", "is_claimed": True, "lag_days": days}
        return {**row, "lag_interval_days": [days - 3, days + 3]}

    folder = StudyFolder(tmp_path / "series", "series", "Sites")
    folder.finish({"lags": [lag("t40", 58.0), lag("t142", 60.0), lag("t40 + t142", 59.0)]})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words.split("How sure")[0]
    assert "Departures of “bare” (t40 + t142) from its usual season follow those of shallow groundwater head" in words
    assert "with a lag of 59\u00a0days (95 % interval 56 to 62" in words
    assert "one is claimed for t40 and t142 by itself too" in words and words.count("usual season follow") == 1


@pytest.mark.parametrize(("low", "said"), [(0.9, "come from resampling blocks"), (None, "no intervals are given")])
def test_intervals_that_do_not_exist_are_not_announced(tmp_path: Path, low: float | None, said: str) -> None:
    folder = StudyFolder(tmp_path / "tracks", "tracks", "Two tracks")
    pearson = {"value": 0.95, "low": low, "high": None if low is None else 0.97}
    folder.finish({"statistics": {"n_effective": 4.96, "block_m": 39_000.0, "pearson": pearson, "n_cells": 100}})
    contents = ReportContents("T", "2026-11-28", studies=load_studies(tmp_path))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words
    assert said in words and "The cells count as 5.0 independent ones." in words
    assert ("in brackets" in words) == (low is not None)


def test_storage_coefficients_have_a_table_and_what_is_not_claimed_stays_empty(tmp_path: Path) -> None:
    none = [float("nan")] * 2
    row = {"track": "t40", "head": "shallow_depth", "ratio_of_trends": 0.021, "is_lasting_claimed": False}
    row |= {"lasting_storage": float("nan"), "lasting_storage_interval": none}
    claimed = {"elastic_storage": 0.0066, "elastic_storage_interval": [0.0011, 0.0121], "n_places": 45}
    bare = {"elastic_storage": float("nan"), "elastic_storage_interval": none, "n_places": None}
    storage = [
        {"group": "farmland relative to urban", **row, **claimed, "is_elastic_claimed": True, "elastic_reason": "yes"},
        {"group": "mean of mining", **row, **bare, "is_elastic_claimed": False, "elastic_reason": "not claimed"},
    ]
    StudyFolder(tmp_path / "series", "series", "Sites").finish({"storage": storage, "storage_rule": "places differ"})
    blocks = series_blocks(load_studies(tmp_path)[0])
    (table,) = [b for b in blocks if isinstance(b, DataTable)]
    cells = [dict(zip(table.header, (str(getattr(c, "text", c)) for c in r), strict=True)) for r in table.rows]
    assert cells[0]["elastic (m/m)"] == "0.0066" and cells[0]["95 %, of a place"] == "0.0011 to 0.0121"
    assert cells[0]["places"] == "45" and cells[0]["ratio of trends (m/m), no evidence"] == "0.0210"
    assert cells[1]["elastic (m/m)"] == "–" and cells[1]["why"] == "not claimed"
    assert any("places differ" in str(getattr(b, "words", "")) for b in blocks)
