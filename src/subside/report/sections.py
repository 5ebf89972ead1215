"""Chapters of the report from tracks and studies: the summary first, then each study in the order of the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from subside.report.agreement import agreement_blocks, agreement_findings, decomposition_blocks
from subside.report.common import study_chapter
from subside.report.content import Block, Bullets, Chapter, Paragraph, Warned, Words
from subside.report.corridor import corridor_blocks, corridor_findings, watch_list
from subside.report.methods import SIGN_NOTE, day, median_sigma, table_one
from subside.report.paper import PAPER
from subside.report.places import (
    basins_blocks,
    basins_findings,
    geodesy_blocks,
    geodesy_findings,
    series_blocks,
    series_findings,
)
from subside.report.results import StudyResults, joined
from subside.report.tracks import TrackFacts

STUDIES: Final[Mapping[str, tuple[str, Callable[[StudyResults], list[Block]]]]] = {
    "tracks": ("Do the tracks agree?", agreement_blocks),
    "decompose": ("East and up", decomposition_blocks),
    "corridor": ("Along the line", corridor_blocks),
    "series": ("Sites and seasons", series_blocks),
    "basins": ("Mining", basins_blocks),
    "geodesy": ("Comparison with measurements on the ground", geodesy_blocks),
}
"""Title and writer of the chapter of each study, in the order of the report."""

NOT_RUN: Final[Mapping[str, str]] = {
    "tracks": "comparing two tracks needs two of them; run `subside tracks`.",
    "decompose": "east and up need an ascending and a descending track; run `subside decompose`.",
    "corridor": "it needs the line as a file; run `subside corridor`.",
    "series": "it needs a table of sites; run `subside series`.",
    "basins": "run `subside basins`.",
    "geodesy": "no GNSS or levelling was given.",
}
"""What is said of a study that is not there and whose reason is not known."""


def summary_chapter(
    tracks: Sequence[TrackFacts],
    studies: Sequence[StudyResults],
    notes: Sequence[str] = (),
    *,
    why: Mapping[str, str] | None = None,
) -> Chapter:
    """One page for who reads no more: what was found, how sure, what to watch.

    Parameters
    ----------
    tracks : sequence of TrackFacts
        Tracks.
    studies : sequence of StudyResults
        Studies.
    notes : sequence of str
        Sentences of whoever asked for the report, put first.
    why : mapping of str to str, optional
        Reason why a study was not made, by its command.

    Returns
    -------
    Chapter
    """
    blocks: list[Block] = [Paragraph((note,)) for note in notes]
    blocks.append(Paragraph((f"{_basis(tracks)} {SIGN_NOTE}",)))
    found = _each(studies, {"corridor": corridor_findings, "series": series_findings, "basins": basins_findings})
    sure = _each(studies, {"tracks": agreement_findings}) + _sigmas(tracks)
    sure += _each(studies, {"geodesy": geodesy_findings}) or [_no_ground((why or {}).get("geodesy", ""))]
    watch = _each(studies, {"corridor": watch_list})
    warnings = sum(len(s.warnings) for s in studies)
    parts = [
        Chapter("What was found", _list(found, "No study of a line or of sites was made, so no finding is stated.")),
        Chapter("How sure", _list(sure, "Nothing was made that could tell: no comparison, no standard deviations.")),
        Chapter("What to watch", _list(watch, "No limit is given that could be exceeded.")),
    ]
    if warnings:
        words = "warning was" if warnings == 1 else "warnings were"
        parts[-1] = Chapter(
            parts[-1].title,
            [*parts[-1].blocks, Warned((f"{warnings} {words} raised by the studies; each stands in its chapter.",))],
        )
    return Chapter("Summary", blocks, parts)


def _list(items: Sequence[Words], otherwise: str) -> list[Block]:
    return [Bullets(items)] if items else [Paragraph((otherwise,))]


def _each(studies: Sequence[StudyResults], writers: Mapping[str, Callable[[StudyResults], list[Words]]]) -> list[Words]:
    return [words for study, write in writers.items() for s in studies if s.study == study for words in write(s)]


def _basis(tracks: Sequence[TrackFacts]) -> str:
    if not tracks:
        return "No track of a project stands behind this report; the points came as files."
    dates = sorted(d for t in tracks for d in t.dates)
    count = sum(len(t.dates) for t in tracks)
    word = "track" if len(tracks) == 1 else "tracks"
    span = f" between {day(dates[0])} and {day(dates[-1])}" if dates else ""
    simulated = " They are simulated, not observed." if any("scene" in t.source for t in tracks) else ""
    return f"This rests on {count} radar images of {len(tracks)} {word}{span}.{simulated}"


def _sigmas(tracks: Sequence[TrackFacts]) -> list[Words]:
    return [
        (f"The median standard deviation of the line-of-sight rates of {t.name} is ", fact, ".")
        for t in tracks
        if (fact := median_sigma(t)) is not None
    ]


def _no_ground(why: str) -> Words:
    failed = f" ({why})" if why.startswith("it could not be made") else ""
    said = (
        "A comparison with GNSS or levelling was asked for and failed" if failed else "No GNSS or levelling was given"
    )
    return (f"{said}{failed}: the rates are not checked against any measurement on the ground.",)


def data_chapter(tracks: Sequence[TrackFacts], before: Sequence[Block], after: Sequence[Block]) -> Chapter:
    """What was measured and from what: Table 1 between the map of the area and the networks."""
    blocks: list[Block] = list(before)
    if tracks:
        blocks.append(table_one(tracks))
    else:
        blocks.append(
            Paragraph(("The points came as files, not from tracks of a project: there is no table of data.",))
        )
    blocks += after
    blocks.append(
        Paragraph(
            (
                f"Table 1 and Figures 1 to 10 have the numbers of their counterparts in {PAPER}; figures "
                "S1, S2, … have none there. The appendix lists them, and why one is missing.",
            )
        )
    )
    blocks += [
        Warned((f"Track {t.name} is not finished: its rates are not part of this report.",))
        for t in tracks
        if not t.is_finished
    ]
    return Chapter("What was measured, and from what", blocks, starts_page=True)


def rates_chapter(tracks: Sequence[TrackFacts], pictures: Sequence[Block], limit_mm_yr: float | None) -> Chapter:
    """Rates of the tracks on the one scale of the report."""
    scale = (
        f"Every map of rates in this report uses one scale of colours, ±{limit_mm_yr:g} mm/yr, red for sinking or away "
        "from the satellite; what is beyond takes the end colour. Along the line of sight on the maps below, vertical "
        "on those of the later chapters. "
        if limit_mm_yr
        else ""
    )
    text = f"{scale}Rates along two lines of sight are not the same quantity; they are compared in the next chapter."
    blocks: list[Block] = [Paragraph((text if len(tracks) > 1 else scale or "Rates are along the line of sight.",))]
    blocks += pictures or [Warned(("There is no map of rates: no track is finished.",))]
    return Chapter("Rates", blocks, starts_page=True)


def study_chapters(studies: Sequence[StudyResults], why: Mapping[str, str]) -> list[Chapter]:
    """A chapter for each kind of study, made or not.

    Parameters
    ----------
    studies : sequence of StudyResults
        Studies.
    why : mapping of str to str
        Reason why a study was not made, by its command.

    Returns
    -------
    list of Chapter
        Studies of a kind that is not known here get a chapter with their bare results.
    """
    chapters = []
    for study, (title, write) in STUDIES.items():
        mine = [s for s in studies if s.study == study]
        chapters.append(study_chapter(title, mine, write, why_absent=why.get(study) or NOT_RUN[study]))
    strange = [s for s in studies if s.study not in STUDIES]
    return chapters + [study_chapter(s.title, [s], lambda _: [], why_absent="") for s in strange]


def warnings_said(warnings: Sequence[str]) -> list[Block]:
    """Warnings of the report as a whole."""
    return [Warned(joined([(w,)])) for w in warnings]
