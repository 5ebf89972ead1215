"""Chapter on what the data cannot tell, from the lines of sight, the dates and the studies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from subside.report.content import Bullets, Chapter, Fact, Paragraph, Trace, Words
from subside.report.corridor import uncovered_said
from subside.report.numbers import shown, with_unit
from subside.report.results import StudyResults
from subside.report.tracks import TrackFacts


def caveats_chapter(tracks: Sequence[TrackFacts], studies: Sequence[StudyResults]) -> Chapter:
    """What no reader may take from the numbers.

    Parameters
    ----------
    tracks : sequence of TrackFacts
        Tracks; what their lines of sight hide is computed from their vectors.
    studies : sequence of StudyResults
        Studies, for what they left uncovered.

    Returns
    -------
    Chapter
    """
    intro = Paragraph(("These limits hold whatever the figures look like.",))
    items: list[Words] = [w for t in tracks for w in _sideways(t)]
    items += [w for a, b in combinations(tracks, 2) for w in _hidden(a, b)]
    items += _datum(tracks)
    items += _aliasing(tracks)
    items += [w for t in tracks for w in _gaps(t)]
    items += _uncovered(studies)
    items.append(
        (
            "A point is what reflects the radar: a roof, a rail, a fence, or the ground of a field averaged over its "
            "neighbours. It need not be the track bed; motion of a structure on its own is part of it.",
        )
    )
    return Chapter("What the data cannot tell", [intro, Bullets(items)])


def _los_fact(track: TrackFacts, text: str) -> Fact:
    return Fact(text, Trace(f"tracks/{track.name}.zarr/stack", "los_east, los_north, los_up", track.stack_digest))


def _sideways(track: TrackFacts) -> list[Words]:
    if track.line_of_sight is None:
        return [(f"The line of sight of {track.name} is unknown, and with it what motion to the side would do.",)]
    east, north, up = track.line_of_sight
    return [
        (
            f"Track {track.name} measures along its line of sight only. If the ground moved 10 mm/yr to the east, its "
            "vertical rate would be wrong by ",
            _los_fact(track, f"{shown(10 * east / up, decimals=1)}\u00a0mm/yr"),
            "; 10 mm/yr to the north, by ",
            _los_fact(track, f"{shown(10 * north / up, decimals=1)}\u00a0mm/yr"),
            ".",
        )
    ]


def _hidden(first: TrackFacts, second: TrackFacts) -> list[Words]:
    if first.line_of_sight is None or second.line_of_sight is None:
        return []
    a, b = first.line_of_sight, second.line_of_sight
    east, north = b[0] / b[2] - a[0] / a[2], b[1] / b[2] - a[1] / a[2]
    text = f"A motion v to the east shows as a difference of vertical rates ({second.name} less {first.name}) of "
    tail: Words = (
        "v, and one to the north as ",
        _los_fact(second, shown(north, decimals=3)),
        " v. Agreement of the tracks to within s therefore does not exclude eastward motion of up to s divided by ",
        _los_fact(first, shown(abs(east), decimals=2)),
        ".",
    )
    return [(text, _los_fact(first, shown(east, decimals=2)), " ", *tail)]


def _datum(tracks: Sequence[TrackFacts]) -> list[Words]:
    said = {t.datum for t in tracks if t.datum}
    return [
        (
            f"{text} A motion common to the whole scene is invisible, and so is any motion of the reference areas "
            "that they share.",
        )
        for text in sorted(said)
    ]


def _aliasing(tracks: Sequence[TrackFacts]) -> list[Words]:
    """One sentence for all tracks of a wavelength."""
    first = {t.wavelength: t for t in reversed(tracks)}
    return [_aliased(first[w], [t.name for t in tracks if t.wavelength == w]) for w in reversed(first)]


def _aliased(track: TrackFacts, names: Sequence[str]) -> Words:
    trace = Trace(f"tracks/{track.name}.zarr/stack", "wavelength", track.stack_digest)
    quarter = Fact(with_unit(shown(track.wavelength * 1e3 / 4, decimals=0), "mm"), trace)
    return (
        f"{', '.join(names)}: where neighbouring points move apart by more than ",
        quarter,
        " along the line of sight between two linked dates, whole cycles can be lost and the rate comes out too "
        "small, as over active longwalls. Such places are marked where the mining study finds them; elsewhere "
        "integer closure is the only guard.",
    )


def _gaps(track: TrackFacts) -> list[Words]:
    if track.longest_gap_days is None:
        return []
    trace = Trace(f"tracks/{track.name}.zarr/stack", "dates", track.stack_digest)
    return [
        (
            f"{track.name}: the longest time without an image is ",
            Fact(with_unit(shown(round(track.longest_gap_days)), "days"), trace),
            ". What came and went within it, or within the usual interval, is not seen.",
        )
    ]


def _uncovered(studies: Sequence[StudyResults]) -> list[Words]:
    return [w for s in studies if s.study == "corridor" if (w := uncovered_said(s))]
