"""List of the figures of the paper: where each is in the report, or why it was not made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from subside.report.content import Block, Chapter, DataTable, Paragraph, Picture
from subside.report.paper import PAPER, SHOWN
from subside.report.results import StudyResults

_STUDY: Final[Mapping[str, str]] = {
    "Figure 4": "tracks",
    "Figure 5": "corridor",
    "Figure 6": "series",
    "Figure 7": "series",
    "Figure 8": "series",
    "Figure 9": "basins",
    "Figure 10": "basins",
}
_WITHOUT: Final[Mapping[str, str]] = {
    "Table 1": "the points came as files, not from tracks of a project",
    "Figure 1": "neither an outline of a track nor a line, areas or sites are known",
    "Figure 2": "no track has a network of interferograms",
    "Figure 3": "no track is finished",
    "Figure 4": "the study left no such figure",
    "Figure 5": "the study left no such figure",
    "Figure 6": "no site away from mining has a point",
    "Figure 7": "neither rain nor groundwater is given",
    "Figure 8": "no site of kind “mining” has a point",
    "Figure 9": "no basin was outlined and no box given",
    "Figure 10": "no second basin was outlined and no second box given",
}
"""Why a figure is missing although its study was made."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def figures_chapter(chapters: Sequence[Chapter], studies: Sequence[StudyResults], why: Mapping[str, str]) -> Chapter:
    """List of the figures of the paper with their place here, or why one was not made, and of the further figures.

    Parameters
    ----------
    chapters : sequence of Chapter
        Chapters with numbers (:func:`numbered`), in order.
    studies : sequence of StudyResults
        Studies made, whose warnings may tell why.
    why : mapping of str to str
        Reason why a study was not made, by its command.

    Returns
    -------
    Chapter
    """
    places: dict[str, list[tuple[str, int]]] = {}
    further = []
    for k, chapter in enumerate(chapters, start=1):
        for block in _blocks(chapter):
            if isinstance(block, Picture) and block.number.startswith("S"):
                further.append((f"Figure {block.number}", str(k), block.caption))
            elif isinstance(block, Picture):
                places.setdefault(f"Figure {block.number.rstrip(_LETTERS)}", []).append((block.number, k))
            elif isinstance(block, DataTable) and block.number == "1":
                places["Table 1"] = [("1", k)]
    rows = [
        (name, shown, *(_place(name, places[name]) if name in places else ("not made", _reason(name, studies, why))))
        for name, shown in SHOWN.items()
    ]
    intro = Paragraph(
        (
            f"Table 1 and Figures 1 to 10 have the numbers of their counterparts in {PAPER} wherever they stand here; "
            "letters tell several of one number apart. What the paper has no counterpart of is numbered S1, S2, … in "
            "the order of reading.",
        )
    )
    header = (f"in {PAPER}", "what it shows", "here", "chapter, or why it was not made")
    blocks: list[Block] = [intro, DataTable("", header, rows, is_numbered=False)]
    if further:
        blocks.append(DataTable("Further figures.", ("figure", "chapter", "what it shows"), further, is_numbered=False))
    return Chapter("Figures by the numbers of the paper", blocks)


def _blocks(chapter: Chapter) -> Iterator[Block]:
    yield from chapter.blocks
    for part in chapter.parts:
        yield from _blocks(part)


def _place(name: str, found: Sequence[tuple[str, int]]) -> tuple[str, str]:
    kind = name.split()[0]
    return f"{kind} {', '.join(number for number, _ in found)}", ", ".join(
        str(k) for k in sorted({k for _, k in found})
    )


def _reason(name: str, studies: Sequence[StudyResults], why: Mapping[str, str]) -> str:
    study = _STUDY.get(name, "")
    made = [s for s in studies if s.study == study]
    if study and not made:
        return why.get(study) or f"`subside {study}` was not run"
    if name in ("Figure 9", "Figure 10"):
        box = f"box {'a' if name == 'Figure 9' else 'b'}:"
        told = next((w for s in made for w in s.warnings if box in w), "")
        return told or _WITHOUT[name]
    return _WITHOUT[name]
