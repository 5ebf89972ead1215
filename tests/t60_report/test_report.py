"""The report is one whole file, its numbers are those of the studies, and what is missing is said."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fake_studies import fake_track, write_corridor
from page_reader import Page

from subside.errors import ProjectError
from subside.report.compose import ReportContents, chapters_of, compose_report
from subside.report.content import facts_of
from subside.report.results import StudyResults, at, load_studies, load_study
from subside.studies.output import StudyFolder


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def by_name(contents: ReportContents, name: str) -> StudyResults:
    return next(s for s in contents.studies if s.name == name)


def test_tags_balance_and_headings_nest(page: Page) -> None:
    assert page.open == []
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert len({title for _, title in page.headings}) == len(page.headings)


def test_no_request_leaves_the_file(html: str, page: Page) -> None:
    assert not re.search(r"\b(?:src|href)=\"(?!data:|#)", html)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert "@import" not in html and "url(" not in html
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_links_lead_somewhere(page: Page) -> None:
    targets = [a["href"][1:] for t, a in page.tags if t == "a" and a.get("href")]
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(targets) == 12
    assert set(targets) <= set(ids) and len(ids) == len(set(ids))


def test_each_figure_has_words_and_a_picture(html: str, page: Page) -> None:
    pictures = [a for t, a in page.tags if t == "img"]
    assert len(pictures) == 6 == html.count("<figcaption>") == html.count("<figure ")
    assert all(len(a["alt"] or "") > 12 for a in pictures)
    for attrs in pictures:
        content = (attrs["src"] or "").split("base64,")[1]
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert re.findall(r"<figcaption><b>Figure (\w+)", html) == ["1", "2", "3", "S1", "S2", "S3"]


def test_tables_and_pictures_scroll_by_themselves(page: Page) -> None:
    assert {tag for tag, _ in page.wrapped} == {"table", "img"}
    assert all(is_wrapped for _, is_wrapped in page.wrapped)


def test_each_number_is_that_of_its_file(page: Page, contents: ReportContents, results: Path) -> None:
    seen = 0
    for attrs, text in page.facts:
        file, key = attrs["data-file"] or "", attrs["data-key"] or ""
        if not file.endswith("/summary.json"):
            continue
        study = by_name(contents, file.split("/")[0])
        assert attrs["data-digest"] == study.digest
        value = at(json.loads((results / file).read_text()), key.split(", ")[0])
        assert value is not None, key
        middle = value["value"] if isinstance(value, dict) else value[0] if isinstance(value, list) else value
        shown = float(re.match(r"[−\d.\u202f]+", text)[0].replace("−", "-").replace("\u202f", ""))  # type: ignore[index]
        factors = [shown / middle] if middle else [1.0]
        assert any(abs(factors[0] / f - 1) < 0.06 for f in (1.0, 1e3, 1e-3, 1e-6)), (text, key, middle)
        seen += 1
    assert seen > 40


def test_the_summary_says_what_was_found(page: Page) -> None:
    words = page.words
    assert "The line runs through two zones of sinking ground, 35.2\u00a0km in all (95 % interval 34.4" in words
    assert (
        "Zone 2, km 112.0 to km 127.1: mean rate −46.0\u00a0mm/yr, fastest place −81.0\u00a0mm/yr; 90 % of its bins "
        "from −77 to −18 mm/yr."
    ) in words
    assert "correlate with r = 0.953 (0.931 to 0.968) and differ by 2.91 (2.50 to 3.30)\u00a0mm/yr" in words
    assert "Departures of “mean of rural” (S1-40) from its usual season follow those of rain with a lag of 61" in words
    assert "(95 % interval 50 to 72\u00a0days)" in words
    assert "No lag is claimed for “mean of urban” behind rain." in words
    assert "without a series: R9." in words
    assert "longest stretch of the line without a measurement point is 1.21\u00a0km" in words


def test_unverified_limits_are_called_so(page: Page) -> None:
    assert "None of the limits is verified against the standard itself." in page.words
    summary = page.words.split("1 Summary")[1].split("2 What was measured")[0]
    assert "None of the limits named here is verified against the standard itself." in summary


def test_warnings_and_absent_studies_are_said(page: Page) -> None:
    assert "The line leaves the data between km 0.0 and km 1.2" in page.words
    assert "1 warning was raised by the studies" in page.words
    assert "both tracks are ascending & cannot be split." in page.words
    assert "This part was not made: run subside basins." in page.words


def test_what_the_lines_of_sight_hide_comes_from_the_vectors(page: Page) -> None:
    first, second = fake_track().line_of_sight, fake_track("S1-142", incidence=33.8).line_of_sight
    assert first and second
    east = second[0] / second[2] - first[0] / first[2]
    assert east == pytest.approx(0.28, abs=0.01)
    assert f"(S1-142 less S1-40) of {east:.2f} v" in page.words
    rejected = [w for w in ("rejected: moves against the others", "W101 slc.par: pixel spacing") if w in page.words]
    assert len(rejected) == 2


def test_the_appendix_lists_every_number(contents: ReportContents) -> None:
    chapters = chapters_of(contents)
    facts = {f for c in chapters[:-1] for f in facts_of(c)}
    table = chapters[-1].parts[1].blocks[1]
    listed = {
        (text, file, f"{place}.{name}".lstrip("."))
        for _, file, place, numbers, _ in table.rows  # type: ignore[union-attr]
        for name, text in (n.split(": ", 1) for n in str(numbers).split("; "))
    }
    assert {(f.text.split("; ")[0], f.trace.file, f.trace.key) for f in facts} <= listed
    assert all(f.trace.digest for f in facts)
    full = {row for row in chapters[-1].parts[2].blocks[0].rows}  # type: ignore[union-attr]
    assert {(f.trace.file, f.trace.digest) for f in facts} == full


def test_text_is_escaped(html: str) -> None:
    assert "<title>Ground motion along &lt;the&gt; line</title>" in html
    assert "<the>" not in html


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    words = Page(compose_report(ReportContents("Nothing", "2026-11-28"), tmp_path / "r.html").read_text()).words
    assert words.count("This part was not made:") == 6
    assert "no finding is stated" in words and "no table of data" in words and "no map of rates" in words
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_an_unfinished_track_is_named(contents: ReportContents, tmp_path: Path) -> None:
    track = replace(fake_track(), points={}, stages=(), areas=(), sigma_definition="", median_sigma_mm_yr=None)
    made = compose_report(replace(contents, tracks=(track,), rates=None), tmp_path / "r.html")
    words = Page(made.read_text()).words
    assert "Track S1-40 is not finished: its rates are not part of this report." in words
    assert "not finished" in words and "There is no map of rates" in words


def test_results_of_unknown_names_are_still_shown(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "results" / "strange", "strange", "Something new")
    folder.finish({"deep": {"rmse_mm_yr": 1.25}, "many": [1, 2, 3, 4]})
    contents = ReportContents("New", "2026-11-28", studies=load_studies(tmp_path / "results"))
    page = Page(compose_report(contents, tmp_path / "r.html").read_text())
    assert "Something new" in page.words
    assert ("1.25\u00a0mm/yr", "results.deep.rmse_mm_yr") in [(t, a["data-key"]) for a, t in page.facts]


def test_a_missing_number_leaves_out_its_sentence_only(tmp_path: Path) -> None:
    write_corridor(tmp_path / "results" / "corridor")
    file = tmp_path / "results" / "corridor" / "summary.json"
    content = json.loads(file.read_text())
    del content["results"]["coverage"], content["results"]["zones"][0]["mean"]
    file.write_text(json.dumps(content))
    contents = ReportContents("Part", "2026-11-28", studies=load_studies(tmp_path / "results"))
    words = Page(compose_report(contents, tmp_path / "r.html").read_text()).words
    assert "None" not in words.replace("None of the", "") and "nan" not in words
    assert "longest stretch" not in words
    assert "Zone 1" not in words.split("How sure")[0] and "Zone 2" in words.split("How sure")[0]


def test_a_folder_without_a_summary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"holds no summary\.json"):
        load_study(tmp_path)
    (tmp_path / "summary.json").write_text('{"study": "tracks"}')
    with pytest.raises(ProjectError, match="must hold study and results"):
        load_study(tmp_path)
