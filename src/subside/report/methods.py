"""Table 1, and methods and quality of the processing, written from the provenance of the tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from subside.conventions import MM_PER_M
from subside.report.content import Block, Bullets, Chapter, DataTable, Fact, Paragraph, Trace, Warned, Words
from subside.report.numbers import shown, with_unit
from subside.report.results import joined, sentence
from subside.report.tracks import TrackFacts

_UNKNOWN: Final = "unknown"

SIGN_NOTE: Final = (
    "Line-of-sight rates and displacements are positive toward the satellite, vertical ones positive upward: "
    "sinking ground is negative and drawn red, rising ground positive and drawn blue."
)


def _fact(track: TrackFacts, stage: str, key: str, text: str) -> str | Fact:
    if text == _UNKNOWN:
        return text
    file = f"tracks/{track.name}.zarr/" + ("stack" if stage == "stack" else f".state/{stage}.json")
    return Fact(text, Trace(file, key, track.digest_of(stage)))


def _number(
    track: TrackFacts, stage: str, key: str, value: Any, unit: str = "", decimals: int | None = None
) -> str | Fact:
    return _fact(track, stage, key, with_unit(shown(value, decimals=decimals), unit))


def day(stamp: str) -> str:
    """``YYYYMMDD`` as ``YYYY-MM-DD``."""
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}" if len(stamp) == 8 and stamp.isdigit() else stamp


def table_one(tracks: Sequence[TrackFacts]) -> DataTable:
    """Table of the data, a column a track.

    Parameters
    ----------
    tracks : sequence of TrackFacts
        Tracks.

    Returns
    -------
    DataTable
        What is not known says so.
    """
    rows: tuple[tuple[str, Callable[[TrackFacts], str | Fact]], ...] = (
        ("sensor", lambda t: t.sensor),
        ("relative orbit", lambda t: t.relative_orbit or _UNKNOWN),
        ("sub-swath", lambda t: t.swaths or _UNKNOWN),
        ("time span", lambda t: f"{day(t.dates[0])} to {day(t.dates[-1])}" if t.dates else _UNKNOWN),
        ("number of acquisitions", lambda t: _number(t, "stack", "dates", len(t.dates))),
        ("longest gap between acquisitions", lambda t: _number(t, "stack", "dates", t.longest_gap_days, "days")),
        ("reference date", lambda t: day(t.reference_date)),
        ("orbit direction", lambda t: t.pass_direction),
        ("heading, clockwise from north", lambda t: _number(t, "stack", "source.heading", t.heading_deg, "°")),
        ("incidence angle at the points: mean (range)", _incidence),
        ("line of sight: east, north, up", _line_of_sight),
        ("wavelength", lambda t: _number(t, "stack", "wavelength", t.wavelength * 100, "cm")),
        (
            "pixel spacing on the ground, azimuth × range",
            lambda t: f"{shown(t.azimuth_spacing)} × {shown(t.range_spacing)} m",
        ),
        ("interferograms used", _pairs_used),
        ("perpendicular baselines of these", _baselines),
        ("longest interval of these", lambda t: _number(t, "network", "bperp", t.longest_pair_days, "days")),
        ("points: all / default set", _points),
        ("default set: PS / DS", _kinds),
        ("reference areas kept / found", _areas),
        ("median σ of the rates, line of sight", lambda t: median_sigma(t) or _UNKNOWN),
        ("digest of the rates", lambda t: t.digest_of("rates")[:12] or "not finished"),
    )
    body = [(label, *(read(t) for t in tracks)) for label, read in rows]
    return DataTable(
        "The data of each track and what was made of them.", ("", *(t.name for t in tracks)), body, number="1"
    )


def median_sigma(track: TrackFacts) -> str | Fact | None:
    """Median standard deviation of the rates of the default set; None where unknown."""
    if track.median_sigma_mm_yr is None:
        return None
    return _number(track, "rates", "facts.velocity_std_median_mm_yr", track.median_sigma_mm_yr, "mm/yr")


def _incidence(track: TrackFacts) -> str | Fact:
    if track.incidence_deg is None:
        return _UNKNOWN
    low, mean, high = track.incidence_deg
    return _fact(track, "stack", "incidence_angle", f"{mean:.1f}° ({low:.1f} to {high:.1f}°)")


def _line_of_sight(track: TrackFacts) -> str | Fact:
    if track.line_of_sight is None:
        return _UNKNOWN
    return _fact(
        track,
        "stack",
        "los_east, los_north, los_up",
        ", ".join(f"{v:+.3f}" for v in track.line_of_sight).replace("-", "−"),
    )


def _pairs_used(track: TrackFacts) -> str | Fact:
    if not track.pairs:
        return _UNKNOWN
    p = track.pairs
    bridges = f"; {p['bridges']} of them the only link" if p["bridges"] else ""
    candidates = f"; {p['not_needed']} candidates beyond the limits not needed" if p["not_needed"] else ""
    text = f"{p['kept'] + p['added']} ({p['dropped']} dropped, {p['added']} added{bridges}{candidates})"
    return _fact(track, "network", "facts", text)


def _baselines(track: TrackFacts) -> str | Fact:
    if track.bperp_m is None:
        return _UNKNOWN
    return _fact(track, "network", "bperp", f"{shown(round(track.bperp_m[0]))} to {shown(round(track.bperp_m[1]))} m")


def _points(track: TrackFacts) -> str | Fact:
    if not track.points:
        return "not finished"
    return _fact(track, "rates", "facts", f"{shown(track.points['all'])} / {shown(track.points['default'])}")


def _kinds(track: TrackFacts) -> str | Fact:
    if not track.points:
        return "not finished"
    return _fact(track, "select", "is_filtered", f"{shown(track.points['ps'])} / {shown(track.points['ds'])}")


def _areas(track: TrackFacts) -> str | Fact:
    if not track.areas:
        return _UNKNOWN
    kept = sum(bool(a.get("is_kept")) for a in track.areas)
    return _fact(track, "reference", "areas", f"{kept} / {len(track.areas)}")


def methods_chapter(tracks: Sequence[TrackFacts]) -> Chapter:
    """Methods and quality of the processing of each track.

    Parameters
    ----------
    tracks : sequence of TrackFacts
        Tracks; an unfinished one says what is missing.

    Returns
    -------
    Chapter
    """
    intro = Paragraph(
        (
            "This chapter is written from the records that each processing stage left; none of it is typed by hand. "
            f"{SIGN_NOTE} Longitude and latitude are WGS 84; lengths and areas are measured in a projected system "
            "in metres, named where it is used. A year is 365.25 days. A value that is not known is called unknown, "
            "never replaced by zero.",
        )
    )
    return Chapter("Methods and quality", [intro], [_track_part(t) for t in tracks], starts_page=True)


def _track_part(track: TrackFacts) -> Chapter:
    blocks: list[Block] = []
    if not track.is_finished:
        blocks.append(Warned((f"The rates of track {track.name} are not finished; this section ends where it does.",)))
    said = joined([_said_of_source(track), _said_of_points(track), _said_of_reference(track)])
    blocks.append(Paragraph(said))
    if track.sigma_definition:
        blocks.append(Paragraph((f"Standard deviations: {track.sigma_definition}.",)))
    if track.findings:
        blocks.append(Paragraph(("On import, this was repaired or could not be known:",)))
        blocks.append(Bullets([(text,) for text in track.findings]))
    if track.areas:
        blocks.append(_area_table(track))
    if track.points:
        blocks.append(_flag_table(track))
    if track.stages:
        blocks.append(_stage_table(track))
    return Chapter(f"Track {track.name}", blocks)


def _said_of_source(track: TrackFacts) -> Words:
    kind = track.source.get("format") or ("simulation" if "scene" in track.source else "")
    origin = f" The images came by the route “{kind}”." if kind else ""
    simulated = " They are simulated, not observed." if "scene" in track.source else ""
    return (f"Track {track.name}: {len(track.dates)} images.{origin}{simulated}",)


def _said_of_points(track: TrackFacts) -> Words | None:
    facts = {s.name: s.facts for s in track.stages}
    candidates = (facts.get("extract") or {}).get("candidates")
    kept = track.points.get("all")
    first = sentence(
        "Of ",
        None if candidates is None else _number(track, "extract", "facts.candidates", candidates),
        " candidate pixels ",
        None if kept is None else _number(track, "select", "facts.points", kept),
        " passed the coherence test",
    )
    if first is None:
        return None
    expected = (facts.get("select") or {}).get("expected_false")
    tail: Words = (
        (" (about ", _number(track, "select", "facts.expected_false", expected), " of them expected by chance)")
        if isinstance(expected, (int, float)) and math.isfinite(expected)
        else ()
    )
    default = _number(track, "rates", "facts.default_set", track.points["default"])
    return (
        *first,
        *tail,
        ", and ",
        default,
        " carry no quality flag: the default set, from which figures also leave out "
        "what the study of basins marks as at risk of aliasing.",
    )


def _said_of_reference(track: TrackFacts) -> Words | None:
    return (track.datum,) if track.datum else None


def _area_table(track: TrackFacts) -> DataTable:
    rows = []
    for k, area in enumerate(track.areas):
        rate, spread = area.get("residual_rate"), area.get("residual_rate_std")
        rows.append(
            (
                str(area.get("name", k + 1)),
                _number(track, "reference", f"areas.{k}.n_points", area.get("n_points")),
                _fact(track, "reference", f"areas.{k}.residual_rate", f"{_mm(rate)} ± {_mm(spread)}"),
                _fact(
                    track,
                    "reference",
                    f"areas.{k}.rate_change_without",
                    _mm(area.get("rate_change_without")),
                ),
                "kept" if area.get("is_kept") else f"rejected: {area.get('reason') or 'no reason kept'}",
            )
        )
    header = (
        "area",
        "points",
        "own rate against the others (mm/yr, ± σ)",
        "change of all rates without it (mm/yr)",
        "verdict",
    )
    return DataTable(f"Reference areas of track {track.name}.", header, rows)


def _mm(value: Any) -> str:
    return shown(value * MM_PER_M) if isinstance(value, (int, float)) and math.isfinite(value) else _UNKNOWN


def _flag_table(track: TrackFacts) -> DataTable:
    n = track.points["all"]
    rows = [
        (text, _number(track, "rates", "flags", count), f"{100 * count / n:.1f} %" if n else _UNKNOWN)
        for text, count in track.flagged.items()
    ]
    return DataTable(
        f"Points of track {track.name} outside the default set, by flag; a point may carry several.",
        ("flag", "points", "share"),
        rows,
    )


def _stage_table(track: TrackFacts) -> DataTable:
    rows = [
        (
            f"{s.name} (v{s.version}, subside {s.subside})" + (f", {s.state}" if s.state not in ("", "done") else ""),
            s.title,
            _listed(s.parameters),
            _listed(s.facts),
            s.digest[:12],
        )
        for s in track.stages
    ]
    header = ("stage", "what it does", "parameters", "facts it left", "digest")
    return DataTable(f"Processing of track {track.name}, stage by stage.", header, rows)


def _listed(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{k} {_value(v)}" for k, v in values.items()) or "none"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + _listed(value) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value[:12]) + (", …" if len(value) > 12 else "") + "]"
    return shown(value)
