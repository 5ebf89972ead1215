"""Chapter on the line: coverage, zones, slopes and curvature against limits, areas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from subside.report.common import Column, paragraph, pictures, table_of
from subside.report.content import Block, Bullets, Fact, Words
from subside.report.corridor_limits import limit_blocks, limits_said
from subside.report.numbers import LENGTH_KM, RATE
from subside.report.results import Rows, StudyResults, joined, sentence

_COUNTED: Final = ("no zone", "one zone", "two zones", "three zones", "four zones", "five zones")
_COUNTS: Final = (
    Column("chords", ("n_values",)),
    Column("above detection", ("n_detected",)),
    Column("of them by chance, about", ("n_by_chance",), None, 0),
)
_PERMILLE: Final = (1e3, "‰")
_KM2: Final = (1e-6, "km²")


def corridor_blocks(results: StudyResults) -> list[Block]:
    """What the corridor study found along the line."""
    blocks = paragraph(
        _line_said(results),
        sentence(
            "Within the corridor there are ",
            results.fact("coverage.n_points"),
            " points of all tracks together, ",
            results.fact("coverage.density_per_km2"),
            " of the area that the tracks cover.",
        ),
        uncovered_said(results),
        sentence(
            "In all, ",
            results.fact("coverage.uncovered", unit=LENGTH_KM, decimals=1),
            " of the line have no point within ",
            results.fact("coverage.reach", unit=(1.0, "m")),
            ".",
        ),
        sentence(
            "The median σ of the rate of a bin of ",
            results.fact("profile.bin_length", unit=(1.0, "m")),
            " is ",
            results.fact("profile.std_median", unit=RATE),
            ".",
        ),
    )
    rule = results.value("rule")
    blocks += paragraph(_zones_said(results), (rule.replace(" -", " −"),) if isinstance(rule, str) else None)
    blocks += _zone_table(results)
    blocks += pictures(results)
    blocks += _chords(results) + _detectability(results) + limit_blocks(results)
    blocks += _densities(results) + _areas(results)
    statements = results.value("statements")
    if isinstance(statements, list) and statements:
        blocks += paragraph(("To read these numbers:",))
        blocks.append(Bullets([(str(s),) for s in statements]))
    return blocks


def corridor_findings(results: StudyResults) -> list[Words]:
    """What the summary of the report says about the line."""
    found = [_zones_said(results)]
    found += [_zone_said(results, k, key, row) for k, (key, row) in enumerate(results.rows("zones"), start=1)]
    return [f for f in found if f]


def uncovered_said(results: StudyResults) -> Words | None:
    """How much of the line the tracks do not reach, and how long it is without a point where they do."""
    outside = results.value("coverage.outside")
    has_outside = isinstance(outside, (int, float)) and outside > 0
    beyond = sentence(
        "The tracks do not cover ",
        results.fact("coverage.outside", unit=LENGTH_KM, decimals=1),
        " of the line: nothing is known about the ground there.",
    )
    where = "Where they do, the" if has_outside else "The"
    reach = results.fact("coverage.reach", unit=(1.0, "m"))
    near: Words = () if reach is None else (" within ", reach)
    gap = sentence(
        f"{where} longest stretch of the line without a measurement point",
        *near,
        " is ",
        results.fact("coverage.longest_uncovered", unit=LENGTH_KM, decimals=2),
        "; the ground of such a stretch is not known.",
    )
    return joined([beyond if has_outside else None, gap]) or None


def watch_list(results: StudyResults) -> list[Words]:
    """Limits that are likelier exceeded than not, now or at the horizon, the worst first, and what is uncovered."""
    uncovered = uncovered_said(results)
    return [*limits_said(results), *([uncovered] if uncovered else [])]


def _line_said(results: StudyResults) -> Words | None:
    name = results.value("line.name")
    called = f" ({name})" if name else ""
    return sentence(f"The line{called} is ", results.fact("line.length", unit=LENGTH_KM), " long.")


def _zones_said(results: StudyResults) -> Words | None:
    total = results.fact("total_length", unit=LENGTH_KM)
    if total is None:
        return None
    rows = results.rows("zones")
    if not rows:
        return ("No stretch of the line sinks fast and long enough to be called a zone.",)
    count = _COUNTED[len(rows)] if len(rows) < len(_COUNTED) else f"{len(rows)} zones"
    is_open = any(_opens(row) for _, row in rows)
    interval = None if is_open else results.fact("total_interval", unit=LENGTH_KM)
    tail: Words = () if interval is None else (" (95 % interval ", interval, ")")
    least, within = ("at least ", " within what the data cover") if is_open else ("", " in all")
    return ("The line runs through ", count, " of sinking ground, ", least, total, within, *tail, ".")


def _zone_said(results: StudyResults, number: int, key: str, row: Mapping[str, Any]) -> Words | None:
    def one(name: str, unit: tuple[float, str], decimals: int = 1) -> Fact | None:
        return results.fact_of(f"{key}.{name}", row.get(name), unit=unit, decimals=decimals)

    both = results.column([(key, row)], "bin_low:bin_high", unit=RATE, decimals=0)[0]
    middle: Words = ("; 90 % of its bins from ", both, " mm/yr") if isinstance(both, Fact) else ()
    ends = [
        word for word, flag in (("begins before", "is_start_open"), ("goes on beyond", "is_end_open")) if row.get(flag)
    ]
    tail = f" It {' and '.join(ends)} what the data cover." if ends else ""
    bare = one("uncovered", LENGTH_KM, 2) if row.get("uncovered") else None
    hidden: Words = (
        (" ", bare, " of it in bins without a usable point: the ground may sink faster there.") if bare else ()
    )

    def rate(name: str) -> tuple[str | Fact | None, ...]:
        std = one(f"{name}_std", RATE)
        return (one(name, RATE),) if std is None else (one(name, RATE), " (σ ", std, ")")

    return sentence(
        f"Zone {number}, km ",
        one("start", (1e-3, "")),
        " to km ",
        one("end", (1e-3, "")),
        ": mean rate ",
        *rate("mean"),
        ", fastest place ",
        *rate("lowest"),
        *middle,
        f".{tail}",
        *hidden,
    )


def _zone_table(results: StudyResults) -> list[Block]:
    rows: Rows = [
        (key, {"zone": str(k), "opens": _opens(row), **_without_open_intervals(row)})
        for k, (key, row) in enumerate(results.rows("zones"), 1)
    ]
    return table_of(
        results,
        rows,
        (
            Column("zone", ("zone",)),
            Column("start (km)", ("start",), LENGTH_KM, 2),
            Column("95 % (km)", ("start_low:start_high",), LENGTH_KM, 2),
            Column("end (km)", ("end",), LENGTH_KM, 2),
            Column("95 % (km)", ("end_low:end_high",), LENGTH_KM, 2),
            Column("open end", ("opens",)),
            Column("length (km)", ("length",), LENGTH_KM, 2),
            Column("mean (mm/yr)", ("mean",), RATE, 1),
            Column("σ (mm/yr)", ("mean_std",), RATE, 1),
            Column("fastest place (mm/yr)", ("lowest",), RATE, 1),
            Column("σ (mm/yr)", ("lowest_std",), RATE, 1),
            Column("bins, 5 to 95 % (mm/yr)", ("bin_low:bin_high",), RATE, 1),
            Column("points, 5 to 95 % (mm/yr)", ("point_low:point_high",), RATE, 1),
            Column("probability of sinking beyond the threshold", ("probability",)),
            Column("uncovered (km)", ("uncovered",), LENGTH_KM),
        ),
        caption="Zones of sinking ground along the line; chainage from its start, rates in mm/yr, negative is sinking. "
        "An end that is open lies at the edge of the data: the zone may go on. σ of the fastest place does not know "
        "that it was chosen among many.",
        file="zones.csv",
    )


def _without_open_intervals(row: Mapping[str, Any]) -> dict[str, Any]:
    """A zone whose ends at the edge of the data have no interval: where it ends is not known."""
    gone = {f"{side}_{bound}" for side in ("start", "end") if row.get(f"is_{side}_open") for bound in ("low", "high")}
    return {k: v for k, v in row.items() if k not in gone}


def _opens(row: Mapping[str, Any]) -> str:
    return " and ".join(side for side in ("start", "end") if row.get(f"is_{side}_open"))


def _chords(results: StudyResults) -> list[Block]:
    rows = results.rows("chords")
    years = results.fact("years", unit=(1.0, "years"), decimals=1)
    blocks = paragraph(
        sentence(
            "Slope and curvature are those that the settlement of the ",
            years,
            " observed has added; what the line was built with is not known here. A value below the least detectable "
            "one (1.96 σ) is not told from zero; of values of nothing one in twenty lies above it.",
        )
        if rows
        else None
    )
    blocks += table_of(
        results,
        [r for r in rows if r[1].get("quantity") == "slope"],
        (
            Column("chord (m)", ("chord",)),
            Column("steepest that is detected (‰)", ("slope_max",), _PERMILLE),
            Column("σ (‰)", ("slope_std",), _PERMILLE),
            Column("at (km)", ("slope_at",), LENGTH_KM, 2),
            Column("least detectable there (‰)", ("slope_mdc",), _PERMILLE),
            Column("detected", ("slope_is_detected",)),
            *_COUNTS,
        ),
        caption="Longitudinal slope by chord. Where none is detected the one that comes nearest to it is given.",
        file="slopes.csv",
    )
    return blocks + table_of(
        results,
        [r for r in rows if r[1].get("quantity") == "radius"],
        (
            Column("chord (m)", ("chord",)),
            Column("smallest radius that is detected (km)", ("radius_min",), LENGTH_KM),
            Column("at least, 95 % (km)", ("radius_low",), LENGTH_KM),
            Column("at (km)", ("radius_at",), LENGTH_KM, 2),
            Column("largest detectable there (km)", ("radius_mdc",), LENGTH_KM),
            Column("detected", ("radius_is_detected",)),
            *_COUNTS,
        ),
        caption="Radius of vertical curvature by chord. Where none is detected the one that comes nearest to it is "
        "given.",
        file="slopes.csv",
    )


def _detectability(results: StudyResults) -> list[Block]:
    rows: Rows = [
        (key, {**row, "why": "; ".join(str(r) for r in row.get("reasons") or ())})
        for key, row in results.rows("detectability")
    ]
    return table_of(
        results,
        rows,
        (
            Column("dip (mm)", ("depth",), (1e3, "mm")),
            Column("wavelength (m)", ("wavelength",)),
            Column("points", ("points",)),
            Column("filter window (m)", ("window",)),
            Column("seen", ("is_detectable",)),
            Column("its slope (‰)", ("slope",), _PERMILLE),
            Column("least detectable (‰)", ("mdc",), _PERMILLE),
            Column("why not", ("why",)),
        ),
        caption="Dips known from other lines, and whether this sampling would show them.",
        file="detectability.csv",
    )


def _densities(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("density_by_class"),
        (
            Column("land class", ("name",)),
            Column("area (km²)", ("area",), _KM2),
            Column("points", ("n_points",)),
            Column("per km²", ("density",)),
            Column("PS", ("n_ps",)),
            Column("DS", ("n_ds",)),
        ),
        caption="Points by class of land in the corridor; density depends on the class and on the coherence threshold.",
        file="density.csv",
    )


def _areas(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("areas"),
        (
            Column("area", ("name",)),
            Column("size (km²)", ("area",), _KM2),
            Column("covered (km²)", ("covered_area",), _KM2),
            Column("points", ("n_points",)),
            Column("per km² covered", ("density",)),
            Column("mean (mm/yr)", ("mean",), RATE, 1),
            Column("σ of the mean (mm/yr)", ("std",), RATE, 1),
            Column("points, 5 to 95 % (mm/yr)", ("p05:p95",), RATE, 1),
            Column("cells, lowest to highest (mm/yr)", ("lowest:highest",), RATE, 1),
            Column("affected (km²)", ("affected_area",), _KM2),
            Column("95 % (km²)", ("affected_interval",), _KM2),
            Column("share of the covered part", ("affected_share",)),
        ),
        caption="Areas: city, airport, coalfield; what no track covers has no figures. Rates of points from the 5 to "
        "the 95 % quantile; affected is the area beyond the threshold.",
        file="polygons.csv",
    )
