"""The summary page holds everything it shows."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from subside.errors import ArgumentError
from subside.figures.motion import velocity_figure
from subside.figures.summary_page import PageFigure, Section, Table, write_summary

VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Fails on a tag closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


@pytest.fixture(scope="module")
def page(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "summary.html"
    figure = PageFigure(velocity_figure(inputs["velocity"]).figure, 'rates "before" <reference>')
    sections = [
        Section("Recovered & true", ["95 % < 2 mm/yr"], [Table(["stratum", "rms (mm/yr)"], [["PS", "0.41"]])]),
        Section("Velocity", figures=[figure]),
    ]
    write_summary(path, "Demo <chain>", sections)
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_escaped(page: str) -> None:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.cells == ["stratum", "rms (mm/yr)", "PS", "0.41"]
    assert "<title>Demo &lt;chain&gt;</title>" in page
    assert "95 % &lt; 2 mm/yr" in page
    assert 'alt="rates &quot;before&quot; &lt;reference&gt;"' in page


def test_the_page_needs_no_network_and_no_second_file(page: str) -> None:
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "http" not in page
    assert "@import" not in page
    picture = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    assert picture
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")


def test_the_page_fits_a_narrow_screen(page: str) -> None:
    assert 'name="viewport" content="width=device-width' in page
    assert "img{display:block;width:100%" in page
    assert page.count('class="scroll"><table') == page.count("<table") == 1
    assert page.count('class="scroll"><img') == page.count("<img") == 1


def test_links_lead_to_sections(page: str) -> None:
    targets = re.findall(r'href="#(s\d+)"', page)
    assert targets == re.findall(r'<section id="(s\d+)"', page) == ["s0", "s1"]


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(ArgumentError, match="2 cells"):
        Table(["a", "b"], [["1"]])


def test_nothing_is_left_beside_the_page(inputs: dict[str, Any], tmp_path: Path) -> None:
    write_summary(tmp_path / "a.html", "A", [])
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
