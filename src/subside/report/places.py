"""Chapters on sites and seasons, on mining, and on measurements on the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from subside.report.common import Column, paragraph, pictures, table_of
from subside.report.content import Block, Warned, Words
from subside.report.numbers import LENGTH_MM, RATE
from subside.report.results import Rows, StudyResults, joined, sentence

_SITES = ("sites",)
_MOST_NAMED: Final = 4
"""Series without a lag that the summary names one by one."""
_LAGS = ("lags", "drivers", "correlations")
_HEADS: Final = ("depth", "level", "head")
_BASINS = ("basins",)
_CURVE = (1e3, "mm/yr²")
_PERCENT = (1e2, "%")


def series_blocks(results: StudyResults) -> list[Block]:
    """Sites, their trends and seasons, and what the seasons follow."""
    empty = results.value("sites_without_points") or []
    blocks = paragraph(
        sentence(
            "At each site the points within ",
            results.fact("radius", unit=(1.0, "m")),
            " were averaged; the error bars allow for what neighbours share: filter windows and air. Displacements "
            "are ",
            _component(results),
            ".",
        ),
        (f"Without a point, and so without a series: {', '.join(map(str, empty))}.",) if empty else None,
    )
    blocks += pictures(results)
    blocks += table_of(
        results,
        results.rows(*_SITES),
        (
            Column("site", ("site",)),
            Column("class", ("group",)),
            Column("track", ("track",)),
            Column("points", ("n_points",)),
            Column("count as", ("n_effective",), None, 1),
            Column("rate (mm/yr)", ("rate",), RATE, 1),
            Column("σ", ("rate_std",), RATE, 1),
            Column("season, half range (mm)", ("seasonal_amplitude",), LENGTH_MM, 1),
            Column("95 %", ("seasonal_amplitude_interval",), LENGTH_MM, 1),
            Column("highest on day of year", ("seasonal_peak_day",), None, 0),
            Column("p of no season", ("seasonal_p_value",)),
            Column("acceleration (mm/yr²)", ("acceleration",), _CURVE, 1),
            Column("σ", ("acceleration_std",), _CURVE, 1),
            Column("bends", ("n_changes",)),
            Column("kind of series", ("series_class",)),
            Column("its probability", ("class_probability",), None, 2),
        ),
        caption=f"Sites and means of groups: trend and season of the mean series, {_component(results)}.",
        file="sites.csv",
    )
    rule = results.value("lag_rule")
    lags: Rows = [(key, {**row, "driver": _driver_words(row)}) for key, row in results.rows(*_LAGS)]
    blocks += paragraph((f"The rule: {rule}.",) if rule else None)
    blocks += table_of(
        results,
        lags,
        (
            Column("series", ("group",)),
            Column("track", ("track",)),
            Column("behind", ("driver",)),
            Column("claimed", ("is_claimed",)),
            Column("lag (days)", ("lag_days",), None, 0),
            Column("95 % (days)", ("lag_interval_days",), None, 0),
            Column("end of the search", ("lag_open_end",)),
            Column("lag of the mean cycle (days)", ("cycle_lag_days",), None, 0),
            Column("correlation", ("correlation",), None, 2),
            Column("p value, adjusted", ("p_value",)),
            Column("why", ("reason",)),
        ),
        caption="Departures from the usual season against those of rain and groundwater; a positive lag is ground that "
        "follows.",
        file="lags.csv",
    )
    return blocks + _storage_blocks(results)


def _storage_blocks(results: StudyResults) -> list[Block]:
    rule = results.value("storage_rule")
    rows: Rows = [
        (key, {**row, "head": _head_words(str(row.get("head"))), "is_elastic_claimed": _claim_words(row)})
        for key, row in results.rows("storage")
    ]
    return [
        *(paragraph((f"Storage coefficients: {rule}.",)) if rule and rows else []),
        *table_of(
            results,
            rows,
            (
                Column("series", ("group",)),
                Column("track", ("track",)),
                Column("head", ("head",)),
                Column("elastic claimed", ("is_elastic_claimed",)),
                Column("elastic (m/m)", ("elastic_storage",), None, 4),
                Column("95 %, of a place", ("elastic_storage_interval",), None, 4),
                Column("places", ("n_places",)),
                Column("why", ("elastic_reason",)),
                Column("ratio of trends (m/m), no evidence", ("ratio_of_trends",), None, 4),
                Column("lasting claimed", ("is_lasting_claimed",)),
                Column("lasting (m/m)", ("lasting_storage",), None, 4),
                Column("95 %", ("lasting_storage_interval",), None, 4),
            ),
            caption="Storage coefficients: m of vertical motion per m of head.",
            file="storage.csv",
        ),
    ]


def _claim_words(row: Mapping[str, Any]) -> Any:
    """Whether an elastic coefficient is claimed; where its interval holds 0 only that it is related."""
    ends = row.get("elastic_storage_interval") or []
    if row.get("is_elastic_claimed") is not True or len(ends) != 2:
        return row.get("is_elastic_claimed")
    if not all(isinstance(v, (int, float)) for v in ends):
        return "related, interval unknown"
    return "related, coefficient undetermined" if ends[0] <= 0 <= ends[1] else True


def _driver_words(row: Mapping[str, Any]) -> str:
    name = str(row.get("driver"))
    is_head = row.get("driver_kind") in ("depth", "level") or name.rpartition("_")[2] in _HEADS
    return _head_words(name) if is_head else name.replace("_", " ")


def _head_words(name: str) -> str:
    """A column of heads as a reader names it: ``shallow_depth`` is shallow groundwater head."""
    first, _, last = name.rpartition("_")
    if last in _HEADS:
        kind = first.replace("_", " ").removesuffix("groundwater").strip()
        return f"{kind} groundwater head".strip()
    return f"groundwater head ({name.replace('_', ' ')})"


def _component(results: StudyResults) -> str:
    is_los = (results.content.get("parameters") or {}).get("component", "los") == "los"
    return "along the line of sight, positive toward the satellite" if is_los else "vertical, positive upward"


def series_findings(results: StudyResults) -> list[Words]:
    """Lags that are claimed, one sentence a series and driver, and those that are not."""
    claimed: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = {}
    unclaimed = []
    for key, row in results.rows(*_LAGS):
        name, driver = str(row.get("group")), _driver_words(row)
        if row.get("is_claimed") is True:
            claimed.setdefault((name, driver), []).append((key, row))
        elif row.get("is_claimed") is False:
            track = f" ({row.get('track')})" if row.get("track") else ""
            unclaimed.append(f"“{name}”{track} behind {driver}")
    found = [_lag_said(results, name, driver, rows) for (name, driver), rows in claimed.items()]
    if len(unclaimed) > _MOST_NAMED:
        found.append((f"No lag is claimed in {len(unclaimed)} other comparisons; the chapter on sites lists them.",))
    elif unclaimed:
        found.append((f"No lag is claimed for {'; '.join(unclaimed)}.",))
    return [f for f in found if f]


def _lag_said(results: StudyResults, name: str, driver: str, rows: Rows) -> Words | None:
    """Lag of the series of most tracks, with the other tracks that claim one."""
    key, row = max(rows, key=lambda item: str(item[1].get("track")).count("+"))
    track = f" ({row.get('track')})" if row.get("track") else ""
    others = [str(other.get("track")) for k, other in rows if k != key]
    also = f"; one is claimed for {' and '.join(others)} by itself too" if others else ""
    start = f"Departures of “{name}”{track} from its usual season follow those of {driver} with a lag of "
    open_end, ends = str(row.get("lag_open_end") or ""), row.get("lag_interval_days")
    if open_end and isinstance(ends, Sequence) and len(ends) == 2:
        k, way = (1, "less") if ends[0] <= 0 else (0, "more")
        end = results.fact_of(f"{key}.lag_interval_days.{k}", ends[k], decimals=0)
        return sentence(start, end, f" or {way} (95 %); {open_end}{also}.")
    interval = results.fact_of(f"{key}.lag_interval_days", ends, decimals=0)
    tail: Words = () if interval is None else (" (95 % interval ", interval, ")")
    lag = results.fact_of(f"{key}.lag_days", row.get("lag_days"), decimals=0)
    return sentence(start, lag, *tail, f"{also}.")


def basins_findings(results: StudyResults) -> list[Words]:
    """Basins that may sink faster than measured, how many there are, and how much ground is not to be trusted."""
    found = [
        *_lower_bounds(results),
        sentence(
            "Basins of sinking ground outlined: ",
            results.fact("n_basins"),
            ", of which ",
            results.fact("n_primary"),
            f" by the stated rules directly over active mining (primary){_unsure(results)}.",
        ),
        sentence(
            "",
            results.fact("aliasing.n_points"),
            " points (",
            results.fact("aliasing.share_points", unit=_PERCENT, decimals=2),
            ") lie where motion may be too steep or too rough to be followed; they are left out of every average.",
        ),
    ]
    return [f for f in found if f]


def _lower_bounds(results: StudyResults) -> list[Words]:
    """One text a basin whose greatest rate is a lower bound."""
    return [_lower_bound(results, key, row) for key, row in results.rows(*_BASINS) if row.get("is_lower_bound") is True]


def _lower_bound(results: StudyResults, key: str, row: Mapping[str, Any]) -> Words:
    name = str(row.get("name", "a basin"))
    name = name[:1].upper() + name[1:]
    rate = results.fact_of(f"{key}.peak_rate", row.get("peak_rate"), unit=RATE, decimals=0)
    most: Words = (
        ("no rate could be measured there.",)
        if rate is None
        else (rate, " is what could be measured, the ground there may sink much faster.")
    )
    lost = results.fact_of(f"{key}.lost_area", row.get("lost_area") or None, unit=(1e-6, "km²"), decimals=2)
    risk = results.fact_of(f"{key}.risk_share", row.get("risk_share"), unit=_PERCENT, decimals=1)
    where: Words = (f"{name} has ground where whole cycles may be lost; ",)
    if lost is not None:
        where = (f"{name} has ", lost, " where whole cycles may be lost; ")
    elif risk is not None:
        where = ("Of the points of ", name[:1].lower() + name[1:], ", ", risk, " lie where whole cycles may be lost; ")
    share = results.fact_of(f"{key}.mine_share", row.get("mine_share") or None, unit=_PERCENT, decimals=0)
    return joined(
        [
            (*where, *most),
            sentence(
                "",
                share,
                f" of it lies at a mine{_mine_zone(results)}.",
            ),
        ]
    )


def _mine_zone(results: StudyResults) -> str:
    """How near to a mine counts as at it: two margins."""
    margin = (results.content.get("parameters") or {}).get("margin")
    return f" (within {2e-3 * margin:g} km)" if isinstance(margin, (int, float)) else ""


def _unsure(results: StudyResults) -> str:
    """Basins that are not primary by a lower bound of their sinking only."""
    rows = [row for _, row in results.rows(*_BASINS) if row.get("is_lower_bound") is True]
    names = [str(row.get("name")) for row in rows if row.get("kind") != "primary"]
    if not names:
        return ""
    return f"; {' and '.join(names)} may hold active mining all the same: only a lower bound of the sinking is known"


def basins_blocks(results: StudyResults) -> list[Block]:
    """Mining: fringes, basins, and where the sampling cannot carry the gradient."""
    blocks = paragraph(
        sentence(
            "In a wrapped interferogram one colour cycle is ",
            results.fact("fringe", "fringe_mm", "cm_per_fringe", unit=(1e2, "cm")),
            " of motion along the line of sight.",
        ),
        sentence(
            "Basins outlined: ",
            results.fact("n_basins", "count"),
            "; primary (directly over mining): ",
            results.fact("n_primary"),
            "; secondary: ",
            results.fact("n_secondary"),
            ".",
        ),
        sentence("Mining as given does not explain ", results.fact("n_unexplained"), " of them."),
    )
    risk = sentence(
        "Where neighbouring pixels differ by more than half a cycle between two dates, whole cycles may be lost and "
        "rates come out too small. ",
        results.fact(
            "aliasing.share_points", "aliasing.share", "aliased_share", "risk_share", unit=_PERCENT, decimals=2
        ),
        " of the points lie in such places and are not to be trusted.",
    )
    if risk:
        blocks.append(Warned(risk))
    blocks += [Warned(words) for words in _lower_bounds(results)]
    blocks += pictures(results)
    blocks += table_of(
        results,
        results.rows(*_BASINS),
        (
            Column("basin", ("name", "basin", "id", "number")),
            Column("kind", ("kind", "class")),
            Column("rule", ("reason", "rule")),
            Column("area (km²)", ("area", "area_km2"), (1e-6, "km²")),
            Column("fringes a year", ("fringes_per_year", "fringe_rate")),
            Column("greatest rate (mm/yr)", ("peak_rate", "lowest", "rate"), RATE),
            Column("rate is a lower bound", ("is_lower_bound",)),
            Column("lost to whole cycles (km²)", ("lost_area",), (1e-6, "km²"), 2),
            Column("sunk in all (mm)", ("cumulative", "total", "peak_displacement"), LENGTH_MM),
            Column("linear share", ("linearity",)),
            Column("share at risk", ("risk_share", "aliased_share")),
            Column(f"share at mines{_mine_zone(results)}", ("mine_share",), None, 2),
            Column("distance to mine (m)", ("mine_distance", "distance_to_mine")),
            Column("distance to fault (m)", ("fault_distance", "distance_to_fault")),
        ),
        caption="Basins and what they are taken for, by the stated rules.",
        file="basins.csv",
    )
    return blocks


def geodesy_blocks(results: StudyResults) -> list[Block]:
    """Double differences against GNSS and levelling."""
    reference = results.value("reference")
    near = f" station {reference}" if reference else " one of them"
    component = str(results.value("component") or "")
    how = f"vertical ({component})" if component.startswith("up") else "along the line of sight"
    blocks = paragraph(
        sentence(
            "Rates of ",
            results.fact("n_stations"),
            " stations on the ground and of the points within ",
            results.fact("radius"),
            f" of each were compared, {how}, both relative to{near}, so that no datum enters.",
        ),
        sentence("The root-mean-square difference is ", results.fact("rmse"), "."),
        sentence("The mean absolute difference is ", results.fact("mae"), "."),
        sentence("The mean difference is ", results.fact("bias"), "."),
        sentence("Pearson’s correlation is ", results.fact("pearson"), "."),
        sentence(
            "Divided by their standard deviations, the differences have a root mean square of ",
            results.fact("z_rms"),
            "; 1 means that these say what they should.",
        ),
    )
    tracks = table_of(
        results,
        results.rows("tracks"),
        (
            Column("tracks", ("track",)),
            Column("component", ("component",)),
            Column("stations", ("n_stations",)),
            Column("root mean square (mm/yr)", ("rmse_mm_yr",), RATE),
            Column("mean (mm/yr)", ("bias_mm_yr",), RATE),
            Column("over σ", ("z_rms",)),
        ),
        caption="Each track and all together against the stations.",
        file="tracks.csv",
    )
    return blocks + tracks + pictures(results)


def geodesy_findings(results: StudyResults) -> list[Words]:
    """What the summary of the report says about measurements on the ground."""
    found = [
        sentence(
            f"Against measurements on the ground ({results.title}): rates relative to one station differ by ",
            results.fact("rmse"),
            " (root mean square, ",
            results.fact("n_stations"),
            " stations).",
        ),
        sentence(
            "These differences are ",
            results.fact("z_rms"),
            " times what their standard deviations predict (1 would be as they say).",
        ),
    ]
    words = joined(found)
    return [words] if words else []
