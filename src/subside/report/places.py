"""Chapters on sites and seasons, on mining, and on measurements on the ground."""

from __future__ import annotations

from subside.report.common import Column, paragraph, pictures, table_of
from subside.report.content import Block, Warned, Words
from subside.report.numbers import LENGTH_MM, RATE
from subside.report.results import StudyResults, sentence

_SITES = ("sites",)
_LAGS = ("lags", "drivers", "correlations")
_BASINS = ("basins",)
_STATIONS = ("stations", "pairs", "comparisons")


def series_blocks(results: StudyResults) -> list[Block]:
    """Sites, their trends and seasons, and what the seasons follow."""
    blocks = paragraph(
        sentence(
            "At each site the points within ",
            results.fact("radius", unit=(1.0, "m")),
            " were averaged; the error bars know that neighbours share filter windows and air.",
        )
    )
    blocks += pictures(results)
    blocks += table_of(
        results,
        results.rows(*_SITES),
        (
            Column("site", ("name", "site")),
            Column("class", ("group", "class", "kind")),
            Column("track", ("track",)),
            Column("points", ("n_points", "points", "n")),
            Column("count as", ("n_effective",)),
            Column("rate (mm/yr)", ("rate", "velocity", "trend"), RATE),
            Column("σ (mm/yr)", ("rate_std", "velocity_std", "trend_std"), RATE),
            Column("season, half range (mm)", ("seasonal_amplitude", "amplitude", "season.amplitude"), LENGTH_MM),
            Column("highest on day of year", ("seasonal_peak_day", "peak_day", "season.peak_day")),
            Column("p of no season", ("seasonal_p_value", "season.p_value")),
            Column("kind of series", ("series_class", "model", "classification.label", "best")),
            Column("its probability", ("class_probability", "probability", "classification.probability")),
            Column("change points", ("n_changes", "change_points")),
            Column("acceleration (mm/yr²)", ("acceleration",), (1e3, "mm/yr²")),
        ),
        caption="Sites: trend and season of the mean series, signs as the study says.",
        file="sites.csv",
    )
    blocks += table_of(
        results,
        results.rows(*_LAGS),
        (
            Column("group", ("group", "site", "name")),
            Column("follows", ("driver", "cause", "against")),
            Column("lag (days)", ("lag_days", "lag")),
            Column("95 % (days)", ("lag_interval_days", "lag_interval")),
            Column("correlation", ("correlation", "r")),
            Column("p value", ("p_value", "p")),
            Column("claimed", ("is_claimed", "is_significant", "claimed")),
            Column("why", ("reason", "verdict")),
        ),
        caption="Seasons against rain and groundwater; two annual cycles always correlate, hence the test.",
        file="lags.csv",
    )
    return blocks


def series_findings(results: StudyResults) -> list[Words]:
    """Lags that are claimed, and those that are not."""
    found: list[Words | None] = []
    for key, row in results.rows(*_LAGS):
        claimed = next((row[k] for k in ("is_claimed", "is_significant", "claimed") if k in row), None)
        group, driver = row.get("group") or row.get("site") or row.get("name"), row.get("driver") or row.get("against")
        lag = results.column([(key, row)], "lag_days", "lag")[0]
        if claimed is True and lag != "–" and not isinstance(lag, tuple):
            found.append(sentence(f"The season of the group “{group}” follows {driver} with a lag of ", lag, " days."))
        elif claimed is False:
            found.append((f"No lag behind {driver} is claimed for the group “{group}”.",))
    return [f for f in found if f]


def basins_blocks(results: StudyResults) -> list[Block]:
    """Mining: fringes, basins, and where the sampling cannot carry the gradient."""
    blocks = paragraph(
        sentence(
            "In a wrapped interferogram one colour cycle is ",
            results.fact("fringe", "fringe_mm", "cm_per_fringe", unit=(1e2, "cm")),
            " of motion along the line of sight.",
        ),
        sentence("", results.fact("n_basins", "count"), " basins were outlined."),
    )
    risk = sentence(
        "Where neighbouring pixels differ by more than half a cycle between two dates, whole cycles may be lost and "
        "rates come out too small. ",
        results.fact("aliasing.share_points", "aliasing.share", "aliased_share", "risk_share"),
        " of the points lie in such places and are not to be trusted.",
    )
    if risk:
        blocks.append(Warned(risk))
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
            Column("sunk in all (mm)", ("cumulative", "total", "peak_displacement"), LENGTH_MM),
            Column("linear share", ("linearity",)),
            Column("share at risk", ("risk_share", "aliased_share")),
            Column("distance to mine (m)", ("mine_distance", "distance_to_mine")),
            Column("distance to fault (m)", ("fault_distance", "distance_to_fault")),
        ),
        caption="Basins and what they are taken for, by the stated rules.",
        file="basins.csv",
    )
    return blocks


def geodesy_blocks(results: StudyResults) -> list[Block]:
    """Double differences against GNSS and levelling."""
    blocks = paragraph(
        sentence(
            "Rates of the ground measurements and of the points near them were compared as differences between two "
            "places, so that no datum enters: ",
            results.fact("n_pairs", "pairs_compared", "statistics.n", "n"),
            " differences, root mean square ",
            results.fact("rmse", "statistics.rmse", unit=RATE),
            ".",
        )
    )
    blocks += pictures(results)
    blocks += table_of(
        results,
        results.rows(*_STATIONS),
        (
            Column("from", ("first", "from", "name", "station")),
            Column("to", ("second", "to", "reference")),
            Column("distance (km)", ("distance",), (1e-3, "km")),
            Column("ground (mm/yr)", ("ground", "geodetic", "gnss", "levelling"), RATE),
            Column("satellite (mm/yr)", ("insar", "satellite", "los"), RATE),
            Column("difference (mm/yr)", ("difference",), RATE),
            Column("σ of it (mm/yr)", ("difference_std", "std"), RATE),
            Column("points", ("n_points",)),
        ),
        caption="Comparison with measurements on the ground.",
    )
    return blocks
