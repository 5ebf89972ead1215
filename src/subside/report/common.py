"""Parts that the chapters of all studies share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from subside.report.content import Block, Bullets, Chapter, DataTable, Paragraph, Warned, Words
from subside.report.results import Cell, Rows, StudyResults, Unit, joined

MOST_ROWS: Final = 60
"""Rows of a table printed in the report; the rest is in the file that the study wrote."""

_MOST_NOTES: Final = 2
"""Warnings that stand as notes of their own; more are listed."""


class Column(NamedTuple):
    """A column of a table of rows of a summary.

    Attributes
    ----------
    heading : str
        Printed above it, with its unit.
    names : tuple of str
        Names of the value in a row, the first that holds something counts; ``low:high`` is an interval of two.
    unit : (float, str) or None
        Factor and unit where the name carries none.
    decimals : int or None
        Fixed number of decimals.
    """

    heading: str
    names: tuple[str, ...]
    unit: Unit | None = None
    decimals: int | None = None


def absent(title: str, why: str) -> Chapter:
    """Chapter of a study that was not made, with the reason."""
    return Chapter(title, [Warned((f"This part was not made: {why.replace('`', '')}",))])


def study_chapter(
    title: str, studies: Sequence[StudyResults], write: Callable[[StudyResults], list[Block]], *, why_absent: str
) -> Chapter:
    """Chapter of one or more studies of a kind, each under its title where there are several.

    Parameters
    ----------
    title : str
        Heading.
    studies : sequence of StudyResults
        Studies of that kind.
    write : callable
        Turns one into blocks.
    why_absent : str
        Said where there is none.

    Returns
    -------
    Chapter
    """
    if not studies:
        return absent(title, why_absent)
    if len(studies) == 1:
        return Chapter(title, whole(studies[0], write), starts_page=True)
    parts = [Chapter(s.title, whole(s, write)) for s in studies]
    return Chapter(title, parts=parts, starts_page=True)


def whole(results: StudyResults, write: Callable[[StudyResults], list[Block]]) -> list[Block]:
    """Blocks of a study with its warnings; its bare results where nothing of it could be put into words."""
    blocks = write(results)
    if not any(isinstance(b, (Paragraph, DataTable)) for b in blocks):
        blocks = [*bare_results(results), *blocks]
    warnings: list[Words] = [(w.replace("`", ""),) for w in results.warnings]
    if len(warnings) > _MOST_NOTES:
        return [*blocks, Warned((f"{len(warnings)} warnings of this study:",)), Bullets(warnings)]
    return [*blocks, *(Warned(w) for w in warnings)]


def bare_results(results: StudyResults) -> list[Block]:
    """Every single value of a study as a table."""
    facts = list(results.scalars())
    rows = [(key.removeprefix("results."), fact) for key, fact in facts[:MOST_ROWS]]
    if not rows:
        return [Paragraph(("The study left no single numbers; its tables are among the files listed at the end.",))]
    return [DataTable(results.title, ("result", "value"), rows)]


def paragraph(*sentences: Words | None) -> list[Block]:
    """One paragraph of the sentences whose numbers are known; nothing where none is."""
    words = joined(sentences)
    return [Paragraph(words)] if words else []


def pictures(results: StudyResults) -> list[Block]:
    """Figures of a study: those the paper has, in its order of them, where the study makes several; then the others."""
    found = [picture for _, picture in results.pictures()]
    known = sorted((p for p in found if p.number), key=lambda p: (len(p.number.rstrip("abcdefghij")), p.number))
    return [*known, *(p for p in found if not p.number)]


def table_of(
    results: StudyResults, rows: Rows, columns: Iterable[Column], *, caption: str, file: str = ""
) -> list[Block]:
    """Table of rows of a summary; columns that hold nothing are left out.

    Parameters
    ----------
    results : StudyResults
        Their study.
    rows : list of (str, mapping)
        Key and content of each.
    columns : iterable of Column
        What to print; the first names the rows.
    caption : str
        Of the table.
    file : str
        Where the whole table is, said if rows are left out.

    Returns
    -------
    list of Block
        Empty where there are no rows.
    """
    shown = rows if len(rows) <= 1.1 * MOST_ROWS else rows[:MOST_ROWS]
    kept: list[tuple[str, list[Cell]]] = []
    for column in columns:
        cells = results.column(shown, *column.names, unit=column.unit, decimals=column.decimals)
        if any(cell != "–" for cell in cells):
            kept.append((column.heading, cells))
    if not shown or not kept:
        return []
    body = list(zip(*(cells for _, cells in kept), strict=True))
    blocks: list[Block] = [DataTable(caption, [heading for heading, _ in kept], body)]
    if len(rows) > len(shown):
        where = f" in {results.name}/{file}" if file else ""
        blocks.append(Paragraph((f"{len(rows) - len(shown)} more rows are{where or ' in the tables of the study'}.",)))
    return blocks
