"""The report of a project: one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from subside import __version__
from subside.report.caveats import caveats_chapter
from subside.report.content import Block, Chapter, DataTable, Fact, Paragraph, Picture, facts_of
from subside.report.figure_list import figures_chapter
from subside.report.methods import day, methods_chapter
from subside.report.page import TitleBlock, write_page
from subside.report.paper import numbered
from subside.report.results import StudyResults
from subside.report.sections import data_chapter, rates_chapter, study_chapters, summary_chapter, warnings_said
from subside.report.tracks import TrackFacts


@dataclass(frozen=True)
class ReportContents:
    """What a report is written from; every part may be missing.

    Attributes
    ----------
    title : str
        Title, such as "Ground motion along the Rizhao-Lankao railway".
    date : str
        Day of the report, ``YYYY-MM-DD``.
    subtitle : str
        One line below the title.
    tracks : tuple of TrackFacts
        Tracks of the project.
    studies : tuple of StudyResults
        What the studies left (:func:`subside.report.results.load_studies`).
    absent : mapping of str to str
        Why a study was not made, by its command; said in its chapter.
    study_area, networks, rates : Picture or None
        Figures 1, 2 and 3.
    rate_limit_mm_yr : float or None
        Half-range of the one scale of rates.
    crs : str
        Projected coordinate system of lengths and areas; empty is unknown.
    notes : tuple of str
        Sentences of whoever asked for the report, put at its head.
    warnings : tuple of str
        What went wrong on the way.
    """

    title: str
    date: str
    subtitle: str = ""
    tracks: tuple[TrackFacts, ...] = ()
    studies: tuple[StudyResults, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    study_area: Picture | None = None
    networks: Picture | None = None
    rates: Picture | None = None
    rate_limit_mm_yr: float | None = None
    crs: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def compose_report(contents: ReportContents, out: Path) -> Path:
    """Write the report as one HTML file that needs no network.

    Every number of the text carries its file, its place in it and its digest as attributes, and the appendix lists
    them all.

    Parameters
    ----------
    contents : ReportContents
        What to write about.
    out : Path
        HTML file; replaced whole if it exists.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ProjectError
        If a figure cannot be read or the file cannot be written.
    """
    return write_page(out, _head(contents), chapters_of(contents))


def chapters_of(contents: ReportContents) -> list[Chapter]:
    """Chapters of the report in order, the appendix last."""
    tracks, studies = contents.tracks, contents.studies
    summary = summary_chapter(tracks, studies, contents.notes, why=contents.absent)
    summary = Chapter(summary.title, [*summary.blocks, *warnings_said(contents.warnings)], summary.parts)
    chapters = [
        summary,
        data_chapter(tracks, _given(contents.study_area), _given(contents.networks)),
        rates_chapter(tracks, _given(contents.rates), contents.rate_limit_mm_yr),
        *study_chapters(studies, contents.absent),
        caveats_chapter(tracks, studies),
        methods_chapter(tracks),
    ]
    chapters = numbered(chapters)
    return [*chapters, _appendix(chapters, studies, contents.absent)]


def _given(picture: Picture | None) -> list[Block]:
    return [] if picture is None else [picture]


def _head(contents: ReportContents) -> TitleBlock:
    dates = sorted(d for t in contents.tracks for d in t.dates)
    facts = [
        ("Period", f"{day(dates[0])} to {day(dates[-1])}" if dates else "see the inputs of each study"),
        ("Tracks", ", ".join(_named(t) for t in contents.tracks) or "point files"),
        ("Studies", ", ".join(s.name for s in contents.studies) or "none"),
        ("Coordinates", f"WGS 84; lengths in {contents.crs}" if contents.crs else "WGS 84"),
        ("Date of this report", contents.date),
        ("Software", f"subside {__version__}"),
    ]
    return TitleBlock(contents.title, contents.subtitle, facts)


def _named(track: TrackFacts) -> str:
    incidence = f", {track.incidence_deg[1]:.1f}°" if track.incidence_deg else ""
    return f"{track.name} ({track.pass_direction}{incidence})"


def _appendix(chapters: Sequence[Chapter], studies: Sequence[StudyResults], why: Mapping[str, str]) -> Chapter:
    intro = Paragraph(
        (
            "Each number of the text by the chapter that prints it first and the place in the file it was read from, "
            "with the start of the digest of the file or stage; the digests in full are below. File names "
            "are relative to the folders of the results and of the project. Digests of files are BLAKE2b of their "
            "bytes, 128 bits.",
        )
    )
    return Chapter(
        "Appendix: figures, and where each number comes from",
        starts_page=True,
        parts=[
            figures_chapter(chapters, studies, why),
            Chapter("Numbers", [intro, _number_table(chapters)]),
            Chapter("Digests", [_digest_table(chapters)]),
            Chapter("Studies, their inputs and parameters", _study_tables(studies)),
        ],
    )


def _number_table(chapters: Sequence[Chapter]) -> DataTable:
    """Numbers side by side that stand side by side in their file."""
    seen: set[Fact] = set()
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for k, chapter in enumerate(chapters, start=1):
        for fact in facts_of(chapter):
            if fact not in seen:
                seen.add(fact)
                place, _, name = fact.trace.key.rpartition(".")
                row = (str(k), fact.trace.file, place, fact.trace.digest[:12])
                found.setdefault(row, []).append(f"{name}: {fact.text}")
    rows = [(*row[:3], "; ".join(numbers), row[3]) for row, numbers in found.items()]
    header = ("chapter", "file", "place", "numbers", "digest")
    return DataTable("", header, rows, is_numbered=False, is_dense=True)


def _digest_table(chapters: Sequence[Chapter]) -> DataTable:
    traces = (fact.trace for chapter in chapters for fact in facts_of(chapter))
    rows = sorted({(trace.file, trace.digest or "none") for trace in traces})
    return DataTable("", ("file", "digest"), rows, is_numbered=False)


def _study_tables(studies: Sequence[StudyResults]) -> list[Block]:
    if not studies:
        return [Paragraph(("No study was made.",))]
    inputs: list[tuple[str, str, str, str, str]] = []
    files: list[tuple[str, str, str]] = []
    parameters: list[tuple[str, str, str]] = []
    for study in studies:
        files.append((study.name, "summary.json", f"numbers of the study, digest {study.digest}"))
        for entry in study.content.get("inputs") or ():
            points = entry.get("n_points")
            what = (
                f"{points} points, {entry.get('sigma_definition', 'σ unknown')}" if points else str(entry.get("kind"))
            )
            inputs.append(
                (study.name, str(entry.get("kind")), str(entry.get("label")), what, str(entry.get("digest") or "none"))
            )
        files += [
            (study.name, str(f.get("file")), str(f.get("description") or "")) for f in study.content.get("files") or ()
        ]
        parameters += [(study.name, str(k), str(v)) for k, v in sorted((study.content.get("parameters") or {}).items())]
    blocks: list[Block] = []
    if inputs:
        header = ("study", "kind", "input", "what it holds", "digest")
        blocks.append(DataTable("Inputs of the studies.", header, inputs, is_numbered=False))
    if parameters:
        blocks.append(
            DataTable("Parameters.", ("study", "parameter", "value"), parameters, is_numbered=False, is_dense=True)
        )
    blocks.append(DataTable("Files.", ("study", "file", "what it holds"), files, is_numbered=False))
    return blocks
