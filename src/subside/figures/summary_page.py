"""A page in one file: text, tables and figures of a run, readable without a network on any screen."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from subside.errors import ArgumentError
from subside.io.atomic import atomic_path

_STYLE: Final = """
:root{--ink:#22272e;--muted:#5b6470;--line:#dfe3e8;--accent:#1f6f8b;--page:#f5f6f8;--card:#fff}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:.4rem 0 1rem}
h2{font-size:1.15rem;margin:0 0 .5rem}
nav{display:flex;flex-wrap:wrap;gap:.35rem 1rem;margin:0 0 1.2rem;font-size:.92rem}
a{color:var(--accent)}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem;margin:0 0 1rem}
p{margin:.3rem 0 .8rem;max-width:75ch}
figure{margin:.6rem 0}
img{display:block;width:100%;height:auto}
@media (max-width:640px){img{min-width:680px}}
figcaption{color:var(--muted);font-size:.9rem;margin-top:.35rem}
.scroll{overflow-x:auto;margin:.4rem 0 .9rem}
table{border-collapse:collapse;font-size:.92rem;min-width:50%}
th,td{padding:.3rem .75rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{border-bottom:2px solid var(--muted);font-weight:600}
th:first-child,td:first-child{text-align:left;padding-left:0}
td{font-variant-numeric:tabular-nums}
td.words{white-space:normal;text-align:left;min-width:16rem}
@media (max-width:640px){th,td{padding:.3rem .45rem}td:first-child{white-space:normal;min-width:0}}
@media print{body{background:#fff}section{break-inside:avoid}}
""".strip()

_LONG: Final = 32
"""Characters above which a cell is prose."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    header : sequence of str
        Column names with their units.
    rows : sequence of sequence of str
        Cells, as many a row as the header has.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        """Refuse ragged rows."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ArgumentError(f"`rows` must have {len(self.header)} cells each, got {list(row)!r}")


@dataclass(frozen=True)
class PageFigure:
    """A figure and what it shows.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Figure.
    caption : str
        Said below it, and to those who cannot see it.
    """

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Section:
    """One section of a page, drawn in the order of its fields.

    Attributes
    ----------
    title : str
        Heading.
    paragraphs : sequence of str
        Plain text.
    tables : sequence of Table
        Tables.
    figures : sequence of PageFigure
        Figures.
    """

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[PageFigure] = ()


def write_summary(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write a page that holds its pictures and its style.

    Parameters
    ----------
    path : Path
        File to write; replaced whole if it exists.
    title : str
        Title of the page.
    sections : sequence of Section
        Sections in order.

    Raises
    ------
    ProjectError
        If the file cannot be written.
    """
    links = "".join(f'<a href="#s{k}">{escape(s.title)}</a>' for k, s in enumerate(sections))
    body = "\n".join(_section(s, f"s{k}") for k, s in enumerate(sections))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n</main>\n</body>\n</html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _section(section: Section, anchor: str) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(text)}</p>" for text in section.paragraphs]
    parts += [_table(table) for table in section.tables]
    parts += [_figure(figure) for figure in section.figures]
    return f'<section id="{anchor}">\n' + "\n".join(parts) + "\n</section>"


def _cell(text: str, longest: int | None = None) -> str:
    """A cell; text longer than ``longest`` wraps."""
    is_long = longest is not None and len(text) > longest
    return f'<td class="words">{escape(text)}</td>' if is_long else f"<td>{escape(text)}</td>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = "\n".join("<tr>" + _cell(row[0]) + "".join(_cell(c, _LONG) for c in row[1:]) + "</tr>" for row in table.rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>'


def _figure(figure: PageFigure) -> str:
    stream = io.BytesIO()
    figure.figure.savefig(stream, format="png", metadata={"Software": None})
    picture = base64.b64encode(stream.getvalue()).decode("ascii")
    caption = escape(figure.caption, quote=True)
    return (
        f'<figure><div class="scroll"><img alt="{caption}" src="data:image/png;base64,{picture}"></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
