"""Numbers of figures and tables: those of the paper where it has the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from subside.report.content import Block, Chapter, DataTable, Picture

PAPER: Final = "Zhu et al. 2020"
"""Whose figures the numbers follow."""

SHOWN: Final[Mapping[str, str]] = {
    "Table 1": "data of each track",
    "Figure 1": "study area and outlines of the tracks",
    "Figure 2": "networks of interferograms",
    "Figure 3": "average rates of each track",
    "Figure 4": "rates of two tracks against each other, and their difference",
    "Figure 5": "rates along the line: map and profile",
    "Figure 6": "series of sites away from mining",
    "Figure 7": "groundwater, rain, and series without their trend",
    "Figure 8": "series of sites over mining",
    "Figure 9": "wrapped interferograms of the first box",
    "Figure 10": "wrapped interferograms of the second box",
}
"""What each figure and table of the paper shows."""

_FIXED: Final[Mapping[tuple[str, str], str]] = {
    ("tracks", "agreement"): "4",
    ("corridor", "corridor"): "5",
    ("series", "drivers"): "7",
    ("basins", "gallery_a"): "9",
    ("basins", "gallery_b"): "10",
}
_SITES: Final = "sites_"
_MINING: Final = ("mining", "mine", "coal")


def paper_numbers(study: str, keys: Sequence[str]) -> dict[str, str]:
    """Numbers of the figures of a study that the paper has too, by key.

    Parameters
    ----------
    study : str
        Command that made them.
    keys : sequence of str
        Names of its figures, in order.

    Returns
    -------
    dict of str to str
        Several figures of sites under one number carry letters.
    """
    found = {key: number for key in keys if (number := _FIXED.get((study, key)))}
    if study == "series":
        sites = [key for key in keys if key.startswith(_SITES)]
        mining = [key for key in sites if any(word in key.lower() for word in _MINING)]
        found |= _lettered("6", [key for key in sites if key not in mining]) | _lettered("8", mining)
    return found


def _lettered(number: str, keys: Sequence[str]) -> dict[str, str]:
    if len(keys) == 1:
        return {keys[0]: number}
    return {key: number + _letters(k) for k, key in enumerate(keys)}


def _letters(k: int) -> str:
    """The k-th of a, b, ... z, aa, ab, ..."""
    tail = chr(97 + k % 26)
    return tail if k < 26 else _letters(k // 26 - 1) + tail


@dataclass
class _Counter:
    """Numbers given so far; a number of the paper is given once."""

    further: int = 0
    tables: int = 1
    taken: set[str] = field(default_factory=set)

    def figure(self, wanted: str) -> str:
        if not wanted or wanted in self.taken:
            self.further += 1
            wanted = f"S{self.further}"
        self.taken.add(wanted)
        return wanted

    def table(self, wanted: str) -> str:
        if wanted:
            return wanted
        self.tables += 1
        return str(self.tables)


def numbered(chapters: Sequence[Chapter]) -> list[Chapter]:
    """The same chapters with a number on every figure and numbered table.

    Figures that the paper has keep its number, wherever they stand; the others are S1, S2, ... in the order of reading.
    Table 1 is the paper's; the other tables count from 2.
    """
    counter = _Counter()
    return [_numbered(chapter, counter) for chapter in chapters]


def _numbered(chapter: Chapter, counter: _Counter) -> Chapter:
    blocks = [_numbered_block(block, counter) for block in chapter.blocks]
    return replace(chapter, blocks=blocks, parts=[_numbered(part, counter) for part in chapter.parts])


def _numbered_block(block: Block, counter: _Counter) -> Block:
    if isinstance(block, Picture):
        return replace(block, number=counter.figure(block.number))
    if isinstance(block, DataTable) and block.is_numbered:
        return replace(block, number=counter.table(block.number))
    return block
