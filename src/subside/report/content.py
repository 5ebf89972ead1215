"""What a report is made of: sentences whose numbers know where they came from, tables, figures, chapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from subside.errors import ArgumentError
from subside.figures.style import FigureResult


@dataclass(frozen=True)
class Trace:
    """Where a number came from.

    Attributes
    ----------
    file : str
        File it was read from, relative to the results.
    key : str
        Place in that file.
    digest : str
        Of that file or stage.
    """

    file: str
    key: str
    digest: str


@dataclass(frozen=True)
class Fact:
    """A number as it is printed, with its unit, and where it came from.

    Attributes
    ----------
    text : str
        Number and unit.
    trace : Trace
        Its source.
    """

    text: str
    trace: Trace


Words = tuple["str | Fact", ...]
"""A sentence: words and numbers in order."""


@dataclass(frozen=True)
class Paragraph:
    """Prose.

    Attributes
    ----------
    words : tuple of str or Fact
        In order; nothing is put in between.
    """

    words: Words


@dataclass(frozen=True)
class Warned:
    """A warning that a reader must not miss.

    Attributes
    ----------
    words : tuple of str or Fact
        What it says.
    """

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list.

    Attributes
    ----------
    items : sequence of Words
        Its points.
    """

    items: Sequence[Words]


@dataclass(frozen=True)
class DataTable:
    """A table.

    Attributes
    ----------
    caption : str
        What it holds; numbered by the page where ``is_numbered``.
    header : sequence of str
        Column names with units.
    rows : sequence of sequence of str, Fact or Words
        As many cells a row as the header has.
    is_numbered : bool
        Whether it counts as a table of the report.
    number : str
        Printed before the caption; empty is the next one of the page.
    is_dense : bool
        Whether it is a register that is looked up rather than read.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | Fact | Words]]
    is_numbered: bool = True
    number: str = ""
    is_dense: bool = False

    def __post_init__(self) -> None:
        """Refuse ragged rows."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ArgumentError(f"`rows` must have {len(self.header)} cells each, got {list(row)!r}")


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes
    ----------
    source : FigureResult or Path
        A figure to draw, or a PNG or SVG file.
    caption : str
        What it shows, with sign and unit.
    trace : Trace or None
        Where its numbers are.
    number : str
        Printed before the caption; empty is the next one of the page.
    """

    source: FigureResult | Path
    caption: str
    trace: Trace | None = None
    number: str = ""


Block = Paragraph | Warned | Bullets | DataTable | Picture


@dataclass(frozen=True)
class Chapter:
    """A heading with what is under it.

    Attributes
    ----------
    title : str
        Heading.
    blocks : sequence of Block
        Content in order.
    parts : sequence of Chapter
        Sections under headings of the next level.
    starts_page : bool
        Whether it begins a page in print.
    """

    title: str
    blocks: Sequence[Block] = ()
    parts: Sequence[Chapter] = ()
    starts_page: bool = False


def facts_of(chapter: Chapter) -> Iterator[Fact]:
    """Numbers of a chapter and its parts, in the order of reading."""
    for block in chapter.blocks:
        yield from _facts_of_block(block)
    for part in chapter.parts:
        yield from facts_of(part)


def _facts_of_block(block: Block) -> Iterator[Fact]:
    if isinstance(block, (Paragraph, Warned)):
        sentences: Sequence[str | Fact | Words] = [block.words]
    elif isinstance(block, Bullets):
        sentences = list(block.items)
    elif isinstance(block, DataTable):
        sentences = [cell for row in block.rows for cell in row]
    else:
        return
    for words in sentences:
        for word in words if isinstance(words, tuple) else (words,):
            if isinstance(word, Fact):
                yield word
