"""Chapters on sites and seasons, on mining, and on measurements on the ground."""

from __future__ import annotations

from subside.report.common import paragraph, pictures, table_of
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
            ("site", ("name", "site"), None),
            ("class", ("group", "class", "kind"), None),
            ("track", ("track",), None),
            ("points", ("n_points", "points", "n"), None),
            ("count as", ("n_effective",), None),
            ("rate (mm/yr)", ("rate", "velocity", "trend"), RATE),
            ("σ (mm/yr)", ("rate_std", "velocity_std", "trend_std"), RATE),
            ("season, half range (mm)", ("seasonal_amplitude", "amplitude", "season.amplitude"), LENGTH_MM),
            ("highest on day of year", ("seasonal_peak_day", "peak_day", "season.peak_day"), None),
            ("p of no season", ("seasonal_p_value", "season.p_value"), None),
            ("kind of series", ("series_class", "model", "classification.label", "best"), None),
            ("its probability", ("class_probability", "probability", "classification.probability"), None),
            ("change points", ("n_changes", "change_points"), None),
            ("acceleration (mm/yr²)", ("acceleration",), (1e3, "mm/yr²")),
        ),
        caption="Sites: trend and season of the mean series, signs as the study says.",
        file="sites.csv",
    )
    blocks += table_of(
        results,
        results.rows(*_LAGS),
        (
            ("group", ("group", "site", "name"), None),
            ("follows", ("driver", "cause", "against"), None),
            ("lag (days)", ("lag_days", "lag"), None),
            ("95 % (days)", ("lag_interval_days", "lag_interval"), None),
            ("correlation", ("correlation", "r"), None),
            ("p value", ("p_value", "p"), None),
            ("claimed", ("is_claimed", "is_significant", "claimed"), None),
            ("why", ("reason", "verdict"), None),
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
            ("basin", ("name", "basin", "id", "number"), None),
            ("kind", ("kind", "class"), None),
            ("rule", ("reason", "rule"), None),
            ("area (km²)", ("area", "area_km2"), (1e-6, "km²")),
            ("fringes a year", ("fringes_per_year", "fringe_rate"), None),
            ("greatest rate (mm/yr)", ("peak_rate", "lowest", "rate"), RATE),
            ("sunk in all (mm)", ("cumulative", "total", "peak_displacement"), LENGTH_MM),
            ("linear share", ("linearity",), None),
            ("share at risk", ("risk_share", "aliased_share"), None),
            ("distance to mine (m)", ("mine_distance", "distance_to_mine"), None),
            ("distance to fault (m)", ("fault_distance", "distance_to_fault"), None),
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
            ("from", ("first", "from", "name", "station"), None),
            ("to", ("second", "to", "reference"), None),
            ("distance (km)", ("distance",), (1e-3, "km")),
            ("ground (mm/yr)", ("ground", "geodetic", "gnss", "levelling"), RATE),
            ("satellite (mm/yr)", ("insar", "satellite", "los"), RATE),
            ("difference (mm/yr)", ("difference",), RATE),
            ("σ of it (mm/yr)", ("difference_std", "std"), RATE),
            ("points", ("n_points",), None),
        ),
        caption="Comparison with measurements on the ground.",
    )
    return blocks
