"""Chapter on the line: coverage, zones, slopes and curvature against limits, polygons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from subside.report.common import paragraph, pictures, table_of
from subside.report.content import Block, Warned, Words
from subside.report.numbers import LENGTH_KM, LENGTH_MM, RATE
from subside.report.results import StudyResults, lookup, sentence

_ZONES = ("zones", "zones.zones", "zones.table")
_LIMITS = ("limits", "standards", "exceedance")
_WATCHED = 0.05
"""Probability of exceeding a limit from which the summary names it."""

_COUNTED = ("no zone", "one zone", "two zones", "three zones", "four zones", "five zones")


def corridor_blocks(results: StudyResults) -> list[Block]:
    """What the corridor study found along the line."""
    blocks = paragraph(
        sentence("The line is ", results.fact("line.length", "length", unit=LENGTH_KM), " long."),
        sentence(
            "Within the corridor there are ",
            results.fact("coverage.n_points", "n_points", "points"),
            " points, ",
            results.fact("coverage.density", "density", "density_per_km2", "coverage.density_per_km2"),
            ".",
        ),
        sentence(
            "The longest stretch without a point is ",
            results.fact("coverage.longest_uncovered", "longest_uncovered", "longest_gap", unit=LENGTH_KM),
            ".",
        ),
    )
    blocks += paragraph(_zones_said(results), _rule_said(results))
    blocks += pictures(results)
    blocks += _zone_table(results)
    blocks += _slopes(results)
    blocks += _limits(results)
    blocks += _densities(results)
    blocks += _areas(results)
    return blocks


def corridor_findings(results: StudyResults) -> list[Words]:
    """What the summary of the report says about the line."""
    found = [_zones_said(results)]
    found += [_zone_said(results, key, row) for key, row in results.rows(*_ZONES)]
    return [f for f in found if f]


def uncovered_said(results: StudyResults) -> Words | None:
    """How long the line is without a point."""
    return sentence(
        "The longest stretch of the line without a measurement point is ",
        results.fact("coverage.longest_uncovered", "longest_uncovered", "longest_gap", unit=LENGTH_KM),
        "; nothing is known about the ground there.",
    )


def watch_list(results: StudyResults) -> list[Words]:
    """Limits that are likely exceeded at the horizon, and what is uncovered."""
    found: list[Words] = []
    for key, row in results.rows(*_LIMITS):
        name, chance = lookup(row, ("probability_horizon_max", "max_probability_horizon", "probability_horizon"))
        if isinstance(chance, (int, float)) and chance >= _WATCHED:
            fact = results.fact_of(f"{key}.{name}", chance)
            unit = str(row.get("unit") or "")
            value = results.fact_of(f"{key}.value", row.get("value"), unit=(1.0, unit))
            checked = row.get("is_verified", row.get("verified"))
            tail = "" if checked else " This limit is not verified against the standard."
            said = sentence(
                f"{str(row.get('name') or 'a limit').capitalize()} (",
                value,
                "): the greatest probability along the line of exceeding it by the end of the horizon is ",
                fact,
                f".{tail}",
            )
            found += [said] if said else []
    last = uncovered_said(results)
    return found + ([last] if last else [])


def _zones_said(results: StudyResults) -> Words | None:
    rows = results.rows(*_ZONES)
    total = results.fact(
        "zones.total_length", "total_length", "affected_length", "total.length", "affected", unit=LENGTH_KM
    )
    interval = results.fact("total_interval", "affected_interval", "zones.total_interval", unit=LENGTH_KM)
    if total is None:
        return None
    count = _COUNTED[len(rows)] if len(rows) < len(_COUNTED) else f"{len(rows)} zones"
    tail: Words = () if interval is None else (" (95 % interval ", interval, ")")
    return ("The line runs through ", count, " of sinking ground, ", total, " in all", *tail, ".")


def _rule_said(results: StudyResults) -> Words | None:
    rule = results.value("rule", "zones.rule", "zone_rule")
    if isinstance(rule, str):
        return (f"The rule: {rule}",)
    return sentence(
        "A zone is where the line sinks faster than ",
        results.fact("rule.threshold", "zones.rule.threshold", "zone_rule.threshold", unit=RATE),
        " for ",
        results.fact("rule.min_length", "zones.rule.min_length", "zone_rule.min_length", unit=LENGTH_KM),
        " or more.",
    )


def _zone_said(results: StudyResults, key: str, row: Mapping[str, Any]) -> Words | None:
    rows = [(key, row)]

    def one(*names: str, unit: tuple[float, str]) -> Any:
        cell = results.column(rows, *names, unit=unit, decimals=1)[0]
        return None if cell == "–" else cell

    number = int(key.rsplit(".", 1)[-1]) + 1 if key.rsplit(".", 1)[-1].isdigit() else row.get("name")
    return sentence(
        f"{row.get('name') or f'Zone {number}'}: from km ",
        one("start", "start_km", unit=LENGTH_KM),
        " to km ",
        one("end", "end_km", unit=LENGTH_KM),
        ", mean rate ",
        one("mean", "mean_rate", "rate", unit=RATE),
        " mm/yr, lowest ",
        one("lowest", "lowest_rate", "minimum", unit=RATE),
        " mm/yr.",
    )


def _zone_table(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows(*_ZONES),
        (
            ("zone", ("name", "zone", "number"), None),
            ("start (km)", ("start", "start_km"), LENGTH_KM),
            ("start, 95 % (km)", ("start_interval",), LENGTH_KM),
            ("from (km)", ("start_low",), LENGTH_KM),
            ("to (km)", ("start_high",), LENGTH_KM),
            ("end (km)", ("end", "end_km"), LENGTH_KM),
            ("end, 95 % (km)", ("end_interval",), LENGTH_KM),
            ("from (km)", ("end_low",), LENGTH_KM),
            ("to (km)", ("end_high",), LENGTH_KM),
            ("length (km)", ("length",), LENGTH_KM),
            ("mean rate (mm/yr)", ("mean", "mean_rate", "rate"), RATE),
            ("lowest rate (mm/yr)", ("lowest", "lowest_rate"), RATE),
            ("rates of the bins (mm/yr)", ("range", "rate_range"), RATE),
            ("fastest bin (mm/yr)", ("bin_low",), RATE),
            ("slowest bin (mm/yr)", ("bin_high",), RATE),
            ("probability", ("probability",), None),
            ("share certain", ("certain_share",), None),
            ("uncovered (km)", ("uncovered",), LENGTH_KM),
        ),
        caption="Zones of sinking ground along the line; chainage from its start, rates vertical, negative is sinking.",
        file="zones.csv",
    )


def _slopes(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("chords", "slopes", "slopes.chords"),
        (
            ("chord (m)", ("chord", "name"), None),
            ("steepest slope (‰)", ("slope_max", "max_slope", "steepest", "slope"), (1e3, "‰")),
            ("at (km)", ("slope_at", "at", "at_chainage"), LENGTH_KM),
            ("σ (‰)", ("slope_std", "std"), (1e3, "‰")),
            ("least detectable slope (‰)", ("slope_mdc", "mdc_slope", "mdc"), (1e3, "‰")),
            ("smallest radius (km)", ("radius_min", "min_radius", "radius"), LENGTH_KM),
            ("largest detectable radius (km)", ("radius_mdc", "mdc_radius"), LENGTH_KM),
            ("bins above detection", ("n_detected", "detected"), None),
        ),
        caption="Longitudinal slope and curvature grown over the observed time, by chord, with what can be detected.",
        file="slopes.csv",
    )


def _limits(results: StudyResults) -> list[Block]:
    rows = results.rows(*_LIMITS)
    blocks = table_of(
        results,
        rows,
        (
            ("limit", ("name", "limit"), None),
            ("quantity", ("quantity",), None),
            ("value", ("value",), None),
            ("unit", ("unit",), None),
            ("greatest probability now", ("probability_now_max", "probability_now", "max_probability_now"), None),
            (
                "greatest probability at the horizon",
                ("probability_horizon_max", "probability_horizon", "max_probability_horizon"),
                None,
            ),
            ("length likely beyond it now (km)", ("length_now", "exceeded_length_now", "length_exceeded"), LENGTH_KM),
            ("at the horizon (km)", ("length_horizon", "exceeded_length_horizon"), LENGTH_KM),
            ("soonest, median (years)", ("years_median_min", "years_min", "soonest_years"), None),
            ("source", ("source",), None),
            ("verified", ("is_verified", "verified"), None),
        ),
        caption="Limits compared with; each with its source and whether that source was checked.",
        file="limits.csv",
    )
    unchecked = [r for _, r in rows if (r.get("is_verified") if "is_verified" in r else r.get("verified")) is False]
    if unchecked:
        is_none = len(unchecked) == len(rows)
        count = "None of the limits is" if is_none else f"{len(unchecked)} of {len(rows)} limits are not"
        text = (
            f"{count} verified against the standard itself. Check them before a decision rests on them; the file of "
            "limits is yours to edit."
        )
        blocks.append(Warned((text,)))
    return blocks


def _densities(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("density_by_class", "classes", "land_classes", "coverage.classes"),
        (
            ("land class", ("name", "class", "label"), None),
            ("area (km²)", ("area", "area_km2"), (1e-6, "km²")),
            ("points", ("n_points", "points", "n"), None),
            ("per km²", ("density", "density_per_km2"), None),
            ("PS", ("n_ps", "ps"), None),
            ("DS", ("n_ds", "ds"), None),
        ),
        caption="Points by class of land in the corridor; density depends on the class and on the coherence threshold.",
        file="density.csv",
    )


def _areas(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("areas", "polygons"),
        (
            ("area", ("name",), None),
            ("size (km²)", ("area", "area_km2"), (1e-6, "km²")),
            ("points", ("n_points", "points", "n"), None),
            ("per km²", ("density", "density_per_km2"), None),
            ("mean rate (mm/yr)", ("mean", "mean_rate", "rate"), RATE),
            ("σ (mm/yr)", ("std", "mean_std", "rate_std"), RATE),
            ("rates of the points, 1–99 % (mm/yr)", ("range", "rate_range"), RATE),
            ("lowest (mm/yr)", ("lowest", "minimum", "p01", "rate_p01"), RATE),
            ("highest (mm/yr)", ("highest", "maximum", "p99", "rate_p99"), RATE),
            ("affected share", ("affected_share", "share_affected"), None),
            ("displacement (mm)", ("displacement",), LENGTH_MM),
        ),
        caption="The same statistics for areas.",
        file="areas.csv",
    )
