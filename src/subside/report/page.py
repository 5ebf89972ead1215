"""A document in one HTML file: holds its pictures and its style, needs no network and no script, prints well."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from subside.errors import ArgumentError, ProjectError
from subside.figures.style import FigureResult
from subside.io.atomic import atomic_path
from subside.report.content import Block, Bullets, Chapter, DataTable, Fact, Paragraph, Picture, Warned, Words
from subside.report.style_sheet import STYLE

_MEDIA: Final = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
_LONG: Final = 32
"""Characters above which a cell is prose."""

_SILENT: Final = ("", "–", "unknown")
"""Cells that say nothing about their column."""

_TEXT_CLASS: Final = ' class="text"'


@dataclass(frozen=True)
class TitleBlock:
    """Head of a document.

    Attributes
    ----------
    title : str
        Title.
    subtitle : str
        One line below it.
    facts : sequence of (str, str)
        Name and value: period, tracks, date, version.
    """

    title: str
    subtitle: str = ""
    facts: Sequence[tuple[str, str]] = ()


@dataclass
class _Numbering:
    """Running numbers of figures and tables that bring none."""

    figures: int = 0
    tables: int = 0

    def next_figure(self) -> str:
        self.figures += 1
        return str(self.figures)

    def next_table(self) -> str:
        self.tables += 1
        return str(self.tables)


def write_page(path: Path, head: TitleBlock, chapters: Sequence[Chapter]) -> Path:
    """Write a document.

    Parameters
    ----------
    path : Path
        File to write; replaced whole if it exists.
    head : TitleBlock
        Title and what is under it.
    chapters : sequence of Chapter
        Chapters in order; each gets a line in the contents.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ArgumentError
        For a picture that is neither PNG, JPEG nor SVG.
    ProjectError
        If a picture cannot be read or the file cannot be written.
    """
    numbering = _Numbering()
    body = "\n".join(_chapter(c, (k,), numbering) for k, c in enumerate(chapters, start=1))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(head.title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"{_head(head)}\n{_contents(chapters)}\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _head(head: TitleBlock) -> str:
    facts = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in head.facts)
    subtitle = f'<p class="subtitle">{escape(head.subtitle)}</p>' if head.subtitle else ""
    listed = f"<dl>{facts}</dl>" if facts else ""
    return f"<header>\n<h1>{escape(head.title)}</h1>\n{subtitle}\n{listed}\n</header>"


def _contents(chapters: Sequence[Chapter]) -> str:
    items = "".join(f'<li><a href="#s{k}">{escape(c.title)}</a></li>' for k, c in enumerate(chapters, start=1))
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _chapter(chapter: Chapter, place: tuple[int, ...], numbering: _Numbering) -> str:
    level = min(len(place) + 1, 4)
    anchor = "s" + "-".join(map(str, place))
    number = ".".join(map(str, place))
    classes = ' class="page"' if chapter.starts_page else ""
    parts = [f'<h{level}><span class="no">{number}</span> {escape(chapter.title)}</h{level}>']
    parts += [_block(block, numbering) for block in chapter.blocks]
    parts += [_chapter(part, (*place, k), numbering) for k, part in enumerate(chapter.parts, start=1)]
    return f'<section id="{anchor}"{classes}>\n' + "\n".join(parts) + "\n</section>"


def _block(block: Block, numbering: _Numbering) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_words(block.words)}</p>"
    if isinstance(block, Warned):
        return f'<p class="warned" role="note"><strong>Note.</strong> {_words(block.words)}</p>'
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{_words(item)}</li>" for item in block.items) + "</ul>"
    if isinstance(block, DataTable):
        return _table(block, numbering)
    return _picture(block, numbering)


def _words(words: Words) -> str:
    return "".join(_word(word) for word in words)


def _word(word: str | Fact) -> str:
    if isinstance(word, str):
        return escape(word)
    trace = word.trace
    title = f"{trace.file}: {trace.key} [{trace.digest[:12] or 'no digest'}]"
    return (
        f'<span class="fact" title="{escape(title)}" data-file="{escape(trace.file)}" data-key="{escape(trace.key)}" '
        f'data-digest="{escape(trace.digest)}">{escape(word.text)}</span>'
    )


def _plain(cell: str | Fact | Words) -> str:
    words = cell if isinstance(cell, tuple) else (cell,)
    return "".join(w if isinstance(w, str) else w.text for w in words)


def _cell(cell: str | Fact | Words, *, is_text: bool) -> str:
    html = _words(cell if isinstance(cell, tuple) else (cell,))
    name = "words" if len(_plain(cell)) > _LONG else "text" if is_text else ""
    return f'<td class="{name}">{html}</td>' if name else f"<td>{html}</td>"


def _is_text(column: Sequence[str | Fact | Words]) -> bool:
    """Whether a column holds words rather than numbers."""
    cells = [plain for cell in column if (plain := _plain(cell).strip()) not in _SILENT]
    return sum(cell[0].isalpha() for cell in cells) > len(cells) / 2


def _table(table: DataTable, numbering: _Numbering) -> str:
    label = ""
    if table.is_numbered:
        label = f"<b>Table {table.number or numbering.next_table()}.</b> "
    name = "scroll dense" if table.is_dense else "scroll"
    caption = f'<p class="caption">{label}{escape(table.caption)}</p>' if table.caption else ""
    are_text = [_is_text([row[k] for row in table.rows]) for k in range(len(table.header))]
    head = "".join(
        f'<th scope="col"{_TEXT_CLASS if t else ""}>{escape(h)}</th>'
        for h, t in zip(table.header, are_text, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(_cell(c, is_text=t) for c, t in zip(row, are_text, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'{caption}<div class="{name}" role="region" aria-label="{escape(table.caption or "Table")}" tabindex="0">'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _picture(picture: Picture, numbering: _Numbering) -> str:
    number = picture.number or numbering.next_figure()
    caption = escape(picture.caption)
    trace = picture.trace
    data = "" if trace is None else f' data-file="{escape(trace.file)}" data-digest="{escape(trace.digest)}"'
    return (
        f'<figure id="figure-{number}"{data}><div class="scroll"><img alt="Figure {number}. {caption}" '
        f'src="{_data_uri(picture.source)}"></div>'
        f"<figcaption><b>Figure {number}.</b> {caption}</figcaption></figure>"
    )


def _data_uri(source: FigureResult | Path) -> str:
    if isinstance(source, FigureResult):
        stream = io.BytesIO()
        source.figure.savefig(stream, format="png", metadata={"Software": None})
        media, content = "image/png", stream.getvalue()
    else:
        if source.suffix.lower() not in _MEDIA:
            raise ArgumentError(f"a picture must be a {', '.join(_MEDIA)} file, got {source}")
        try:
            media, content = _MEDIA[source.suffix.lower()], source.read_bytes()
        except OSError as error:
            raise ProjectError(f"{source} could not be read ({error.strerror}). Run the study again.") from error
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
