"""Chapter on how far the tracks agree, and on east and up where their geometries allow it."""

from __future__ import annotations

from typing import Any

from subside.report.common import Column, paragraph, pictures, table_of
from subside.report.content import Block, Words
from subside.report.numbers import RATE
from subside.report.results import StudyResults, sentence


def agreement_blocks(results: StudyResults) -> list[Block]:
    """Two tracks compared on a common grid."""
    s = _Statistics(results)
    blocks = paragraph(
        sentence(
            "Rates of both tracks were brought to the vertical, each with its own line of sight, and compared on ",
            s.fact("n"),
            " cells",
            s.grid(),
            " in which both have points.",
        ),
        sentence(
            "Neighbouring cells share errors; the intervals below (95 %, in brackets) come from resampling whole "
            "blocks, and the cells count as ",
            s.fact("n_effective"),
            " independent ones.",
        ),
    )
    blocks += paragraph(
        sentence("Pearson’s correlation is ", s.fact("pearson", "r"), "."),
        sentence("Spearman’s rank correlation is ", s.fact("spearman"), "."),
        sentence("The root-mean-square difference is ", s.fact("rmse", unit=RATE), "."),
        sentence("The mean difference (bias) is ", s.fact("bias", unit=RATE), "."),
        sentence(
            "The standard deviation of the difference is ",
            s.fact("sigma", "sigma_difference", "std", unit=RATE),
            ".",
        ),
        sentence(
            "Shared evenly, that is ",
            s.fact("sigma_per_track", unit=RATE),
            " for one track.",
        ),
        _limits(s),
        sentence(
            "The Deming line, which allows for errors in both tracks, has slope ",
            s.fact("slope", "deming_slope", "deming.slope"),
            " and intercept ",
            s.fact("intercept", "deming_intercept", "deming.intercept", unit=RATE),
            ".",
        ),
    )
    blocks += paragraph(*_calibration(results))
    blocks += paragraph(*_sensitivity(results))
    blocks += pictures(results)
    blocks += table_of(
        results,
        results.rows("strata"),
        (
            Column("by", ("by",)),
            Column("class", ("label", "name", "class")),
            Column("cells", ("n", "n_cells")),
            Column("r", ("pearson", "r")),
            Column("bias (mm/yr)", ("bias",), RATE),
            Column("σ of the difference (mm/yr)", ("sigma",), RATE),
            Column("RMSE (mm/yr)", ("rmse",), RATE),
            Column("σ expected (mm/yr)", ("predicted",), RATE),
            Column("observed / expected", ("calibration", "ratio")),
        ),
        caption="Agreement by class of the cells, with 95 % intervals in brackets.",
        file="strata.csv",
    )
    return blocks


def agreement_findings(results: StudyResults) -> list[Words]:
    """What the summary of the report says about the agreement."""
    s = _Statistics(results)
    found = [
        sentence(
            "The two tracks, processed independently, give vertical rates that correlate with r = ",
            s.fact("pearson", "r"),
            " and differ by ",
            s.fact("rmse", unit=RATE),
            " (root mean square) on ",
            s.fact("n"),
            " common cells.",
        )
    ]
    return [f for f in found if f]


class _Statistics:
    """Statistics of a comparison wherever its summary keeps them."""

    def __init__(self, results: StudyResults) -> None:
        self.results = results

    def fact(self, *names: str, unit: tuple[float, str] | None = None) -> Any:
        keys = [f"{place}{name}" for name in names for place in ("statistics.", "agreement.", "")]
        return self.results.fact(*keys, unit=unit)

    def grid(self) -> str:
        spacing = self.results.content.get("parameters", {}).get("grid") or self.results.value("spacing")
        return f" of {spacing:g} m" if isinstance(spacing, (int, float)) else ""


def _limits(s: _Statistics) -> Words | None:
    rows = s.results.value("statistics.limits", "limits", "statistics.limits_of_agreement", "limits_of_agreement")
    both = sentence(
        "95 % of the cells differ by between ",
        s.fact("limits.0", "limits_of_agreement.0", "limit_low", unit=RATE),
        " and ",
        s.fact("limits.1", "limits_of_agreement.1", "limit_high", unit=RATE),
        " (limits of agreement).",
    )
    return both if rows is not None or both else None


def _calibration(results: StudyResults) -> list[Words | None]:
    said: list[Words | None] = []
    for key, row in results.rows("calibration"):
        definition = str(row.get("definition") or row.get("name") or "")
        cells = results.column([(key, row)], "predicted", unit=RATE)
        ratio = results.column([(key, row)], "ratio")
        if definition and ratio[0] != "–" and not isinstance(ratio[0], tuple) and not isinstance(cells[0], tuple):
            said.append(
                sentence(
                    f"With the “{definition}” standard deviations of the points, a difference of ",
                    cells[0],
                    " mm/yr is expected; the observed one is ",
                    ratio[0],
                    " times that.",
                )
            )
    return said


def _sensitivity(results: StudyResults) -> list[Words | None]:
    east = results.fact("sensitivity.east", "sensitivity.east_factor")
    north = results.fact("sensitivity.north", "sensitivity.north_factor")
    angle = results.fact("sensitivity.angle_deg", "sensitivity.angle")
    return [
        sentence(
            "The comparison takes the motion to be vertical. A motion v to the east would appear as a difference of ",
            east,
            " v between the tracks, and one to the north as ",
            north,
            " v; horizontal motion that stays below this is not excluded by the agreement.",
        ),
        sentence("The lines of sight of the tracks are ", angle, " apart."),
    ]


def decomposition_blocks(results: StudyResults) -> list[Block]:
    """East and up from two passes, or the reason why they cannot be told apart."""
    refused = results.value("refused", "reason")
    blocks: list[Block] = []
    if refused is not None:
        blocks += paragraph((f"East and up were not separated: {refused}",))
    blocks += paragraph(
        sentence("East and up were separated on ", results.fact("n_cells", "cells", "n"), " cells."),
        sentence("The median σ is ", results.fact("up_std_median", "median_up_std", unit=RATE), " for up"),
        sentence("and ", results.fact("east_std_median", "median_east_std", unit=RATE), " for east."),
        sentence("Up rates lie between ", results.fact("up_range", "up_p01_p99", unit=RATE), "."),
        sentence("East rates lie between ", results.fact("east_range", "east_p01_p99", unit=RATE), "."),
    )
    return blocks + pictures(results)
