"""The page holds everything it shows, escaped, numbered and wrapped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_studies import make_figures
from page_reader import Page

from subside.errors import ArgumentError, ProjectError
from subside.report.content import Bullets, Chapter, DataTable, Fact, Paragraph, Picture, Trace, Warned
from subside.report.page import TitleBlock, write_page

FACT = Fact("0.41\u00a0mm/yr", Trace("a/summary.json", 'results."x"', "ab" * 16))


def written(path: Path, *chapters: Chapter) -> str:
    return write_page(path / "a.html", TitleBlock("Demo <chain>", "sub & title"), chapters).read_text(encoding="utf-8")


def test_words_are_escaped_and_numbers_carry_their_source(tmp_path: Path) -> None:
    html = written(tmp_path, Chapter("Recovered & true", [Paragraph(("95 % < ", FACT)), Warned(("<b>",))]))
    page = Page(html)
    assert "<title>Demo &lt;chain&gt;</title>" in html and "95 % &lt; " in html and "&lt;b&gt;" in html
    attrs, text = page.facts[0]
    assert text == FACT.text and attrs["data-key"] == 'results."x"' and attrs["data-digest"] == "ab" * 16
    assert (attrs["title"] or "").startswith("a/summary.json: ")


def test_tables_are_numbered_and_aligned_by_what_they_hold(tmp_path: Path) -> None:
    table = DataTable("Rates.", ("stratum", "kind", "rms"), [("PS", "point", FACT), ("DS", "–", "−1")])
    html = written(tmp_path, Chapter("T", [table, DataTable("", ("a",), [("1",)], is_numbered=False), table]))
    assert re.findall(r"<b>Table (\d)", html) == ["1", "2"]
    assert '<th scope="col" class="text">kind</th><th scope="col">rms</th>' in html
    assert html.count('class="scroll"') == 3 == html.count("<table>")


def test_parts_nest_and_pictures_are_described(tmp_path: Path) -> None:
    figure = make_figures()[0]
    inner = Chapter("Inner", [Picture(figure, 'rates "before" <reference>'), Bullets([("one",), (FACT,)])])
    html = written(tmp_path, Chapter("Outer", parts=[inner], starts_page=True))
    assert [level for level, _ in Page(html).headings] == [1, 2, 3]
    assert 'alt="Figure 1. rates &quot;before&quot; &lt;reference&gt;"' in html
    assert '<section id="s1" class="page">' in html and '<section id="s1-1">' in html


def test_a_picture_must_be_there_and_be_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Run the study again"):
        written(tmp_path, Chapter("F", [Picture(tmp_path / "none.png", "c")]))
    with pytest.raises(ArgumentError, match=r"\.png"):
        written(tmp_path, Chapter("F", [Picture(tmp_path / "none.txt", "c")]))
    assert not list(tmp_path.iterdir())


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(ArgumentError, match="2 cells"):
        DataTable("", ["a", "b"], [["1"]])


def test_the_page_fits_a_narrow_screen_and_paper(tmp_path: Path) -> None:
    html = written(tmp_path, Chapter("A"))
    assert 'name="viewport" content="width=device-width' in html
    assert "@media (max-width:640px)" in html and "@media print" in html and "@page" in html
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
