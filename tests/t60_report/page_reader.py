"""Reads a page strictly: tags must balance, and what tests ask about is kept."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Structure of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.facts: list[tuple[dict[str, str | None], str]] = []
        self.wrapped: list[tuple[str, bool]] = []
        self.classes: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag in ("table", "img"):
            self.wrapped.append((tag, any("scroll" in c.split() for c in self.classes)))
        if tag not in VOID:
            self.open.append(tag)
            self.classes.append(values.get("class") or "")
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(tag[1]), ""))
        if values.get("class") == "fact":
            self.facts.append((values, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self.classes.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if self.headings and self.open and any(t in self.open for t in ("h1", "h2", "h3", "h4")):
            level, before = self.headings[-1]
            self.headings[-1] = (level, before + data)
        if self.classes and self.classes[-1] == "fact":
            attrs, before = self.facts[-1]
            self.facts[-1] = (attrs, before + data)

    @property
    def words(self) -> str:
        return "".join(self.text)
