"""Limits of settlement, slope and radius along the line: what is exceeded already, what may be, and the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from subside.report.common import Column, paragraph, table_of
from subside.report.content import Block, Fact, Warned, Words
from subside.report.numbers import LENGTH_KM, shown, with_unit
from subside.report.results import Rows, StudyResults, sentence

_LIKELY: Final = 0.5
"""Probability of exceeding a limit from which the summary names it."""

_WATCHED: Final = 0.05
"""Probability from which a limit that is not named is counted."""

_CHANCE: Final = "probability_horizon_max"


def limits_said(results: StudyResults) -> list[Words]:
    """Limits that are likelier exceeded than not, now or at the horizon, the worst first."""
    risky = [(key, row) for key, row in results.rows("limits") if max(_chances(row)) >= _WATCHED]
    risky.sort(
        key=lambda item: (
            *(-round(chance, 2) for chance in _chances(item[1])),
            *(-(item[1].get(n) or 0.0) for n in ("length_horizon", "n_joints_horizon")),
        )
    )
    named = [item for item in risky if max(_chances(item[1])) > _LIKELY]
    is_any_verified = any(row.get("is_verified") for _, row in named)
    found = [_limit_said(results, key, row, is_checked=not is_any_verified) for key, row in named]
    if named and not is_any_verified:
        found.append(("None of the limits named here is verified against the standard itself.",))
    if named:
        found.append(("What the ground had sunk before the first common date is not known and counts as none.",))
    if len(risky) > len(named):
        count = "one more limit" if len(risky) == len(named) + 1 else f"{len(risky) - len(named)} more limits"
        found.append(
            (
                f"For {count} the probability of being exceeded by the horizon is between {_WATCHED:g} and {_LIKELY:g} "
                "somewhere; the chapter on the line lists them all.",
            )
        )
    return [f for f in found if f]


def _chances(row: Mapping[str, Any]) -> tuple[float, float]:
    """Greatest probabilities of exceeding a limit now and at the horizon; 0 where unknown."""
    now, horizon = (row.get(name) for name in ("probability_now_max", _CHANCE))
    return float(now or 0.0), float(horizon or 0.0)


def _limit_said(results: StudyResults, key: str, row: Mapping[str, Any], *, is_checked: bool) -> Words | None:
    checked = "" if is_checked or row.get("is_verified") else " This limit is not verified against the standard."
    now, later = (_where_exceeded(results, key, row, when) for when in ("now", "horizon"))
    first = results.value("first_date")
    since = f" by the motion since {first}" if first else ""
    chance = _chance(results, key, row, "now")
    said = sentence("already exceeded ", *now, since, " (greatest probability ", chance, "); ") if now else None
    already: Words = said or ()
    where: Words = ("more likely than not exceeded ", *later, "; ") if later else ()
    horizon = results.trace("parameters.horizon")
    years = (results.content.get("parameters") or {}).get("horizon")
    when: Words = (
        ("within ", Fact(with_unit(shown(years), "years"), horizon), " of the last image")
        if isinstance(years, (int, float))
        else ("by the end of the horizon",)
    )
    return sentence(
        f"{str(row.get('name') or 'a limit').capitalize()} (",
        results.fact_of(f"{key}.value", row.get("value"), unit=(1.0, _unit(row))),
        "): ",
        *already,
        *when,
        ", motion going on as observed: ",
        *where,
        "greatest probability along the line ",
        _chance(results, key, row, "horizon"),
        f".{checked}",
    )


def _chance(results: StudyResults, key: str, row: Mapping[str, Any], when: str) -> Fact | None:
    name = f"probability_{when}_max"
    return results.fact_of(f"{key}.{name}", row.get(name))


def _where_exceeded(results: StudyResults, key: str, row: Mapping[str, Any], when: str) -> Words:
    """Length of line and number of joints where a limit is likelier exceeded than not; empty for nowhere."""
    length, joints = row.get(f"length_{when}"), row.get(f"n_joints_{when}")
    over: Words = ()
    if isinstance(length, (int, float)) and length > 0:
        over = sentence("over ", results.fact_of(f"{key}.length_{when}", length, unit=LENGTH_KM), " of line") or ()
    at: Words = ()
    if isinstance(joints, int) and joints > 0:
        plural = " joint" if joints == 1 else " joints"
        at = sentence("at ", results.fact_of(f"{key}.n_joints_{when}", joints), plural) or ()
    return (*over, " and ", *at) if over and at else (*over, *at)


def _unit(row: Mapping[str, Any]) -> str:
    """Unit of a limit as printed."""
    unit = str(row.get("unit") or "")
    angle = "rad" if "angle" in str(row.get("name")) else ""
    return {"permille": "‰", "1": angle}.get(unit, unit)


def limit_blocks(results: StudyResults) -> list[Block]:
    """Table of the limits, of those at joints, and what they rest on."""
    rows: Rows = [(key, {**row, "unit": _unit(row)}) for key, row in results.rows("limits")]
    blocks = table_of(
        results,
        rows,
        (
            Column("limit", ("name",)),
            Column("value", ("value",)),
            Column("unit", ("unit",)),
            Column("P now", ("probability_now_max",)),
            Column("P at the horizon", ("probability_horizon_max",)),
            Column("beyond it now (km)", ("length_now",), LENGTH_KM),
            Column("at the horizon (km)", ("length_horizon",), LENGTH_KM),
            Column("not checkable (km)", ("length_not_checkable",), LENGTH_KM),
            Column(_soonest(results), ("years_median_min",), None, 1),
            Column("verified", ("is_verified",)),
            Column("source", ("source",)),
        ),
        caption="Limits compared with: greatest probability along the line of exceeding each, length over which that "
        "is more than one half, length where noise could exceed it by the horizon, so that it cannot be checked, "
        "and median time from the first common date until the first place reaches it (less than the years observed: "
        "it is reached).",
        file="limits.csv",
    )
    blocks += table_of(
        results,
        [r for r in rows if r[1].get("n_joints")],
        (
            Column("limit", ("name",)),
            Column("value", ("value",)),
            Column("unit", ("unit",)),
            Column("joints", ("n_joints",)),
            Column("beyond it now", ("n_joints_now",)),
            Column("at the horizon", ("n_joints_horizon",)),
            Column("checked", ("n_joints_checked",)),
            Column("not checkable", ("n_joints_not_checkable",)),
        ),
        caption="Limits on the difference between two structures, as numbers of joints, which have no length: where it "
        "is likelier than not beyond the limit, checked, and too noisy to be checked. The other joints have no points.",
        file="limits.csv",
    )
    blocks += paragraph(
        (str(results.value("limits_assumption")),) if rows and results.value("limits_assumption") else None
    )
    unchecked = [r for _, r in rows if not r.get("is_verified")]
    if unchecked:
        is_none = len(unchecked) == len(rows)
        count = "None of the limits is" if is_none else f"{len(unchecked)} of {len(rows)} limits are not"
        text = (
            f"{count} verified against the standard itself. Check them before a decision rests on them; the file of "
            "limits is yours to edit."
        )
        blocks.append(Warned((text,)))
    return blocks


def _soonest(results: StudyResults) -> str:
    first = results.value("first_date")
    return f"soonest (years from {first})" if first else "soonest (years from the first date)"
