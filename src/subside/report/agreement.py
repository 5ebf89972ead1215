"""Chapters on how far the tracks agree, and on east and up where their geometries allow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from subside.report.common import Column, paragraph, pictures, table_of
from subside.report.content import Block, Fact, Words
from subside.report.results import Rows, StudyResults, sentence


def agreement_blocks(results: StudyResults) -> list[Block]:
    """Two tracks compared on a common grid."""
    s = _Statistics(results)
    blocks = paragraph(
        sentence(
            "Rates of both tracks were brought to the vertical, each with its own line of sight, and compared on ",
            s.fact("n_cells"),
            " cells of ",
            results.fact("grid_m"),
            " in which both have points; differences are second minus first.",
        ),
        _blocks_said(s),
    )
    blocks += paragraph(
        sentence("Pearson’s correlation is ", s.fact("pearson"), "."),
        sentence("Spearman’s rank correlation is ", s.fact("spearman"), "."),
        sentence("The root-mean-square difference is ", s.fact("rmse"), "."),
        sentence("The mean difference (bias) is ", s.fact("bias"), "."),
        sentence("The standard deviation of the difference is ", s.fact("sigma"), "."),
        sentence("Shared evenly, that is ", s.fact("sigma_per_track"), " for one track."),
        sentence(
            "95 % of the cells differ by between ",
            s.fact("lower_limit"),
            " and ",
            s.fact("upper_limit"),
            " (limits of agreement).",
        ),
        sentence(
            "The Deming line, which allows for errors in both tracks, has slope ",
            s.fact("deming_slope"),
            " and intercept ",
            s.fact("deming_intercept"),
            ".",
        ),
        sentence(
            "The series of the tracks differ by ",
            results.fact("series_rmse_median_mm"),
            " (root mean square over the dates, median of the cells).",
        ),
    )
    said = results.value("sensitivity.sentence")
    blocks += paragraph((str(said),) if said else None)
    blocks += pictures(results)
    return blocks + _sigmas(results) + _strata(results)


def _blocks_said(s: _Statistics) -> Words | None:
    """What the intervals come from; without any, that there are none."""
    count: Words = (
        "The cells count as ",
        s.fact("n_effective", decimals=1) or "an unknown number of",
        " independent ones",
    )
    if s.results.value("statistics.pearson.low") is None:
        return sentence(
            "Neighbouring cells share errors over so far that blocks of ",
            s.fact("block_m"),
            " are too few to be resampled: no intervals are given, and the numbers below stand without their "
            "uncertainty. ",
            *count,
            ".",
        )
    return sentence(
        "Neighbouring cells share errors: the intervals below (95 %, in brackets) come from resampling blocks of ",
        s.fact("block_m"),
        ". ",
        *count,
        ".",
    )


def _sigmas(results: StudyResults) -> list[Block]:
    return table_of(
        results,
        results.rows("sigmas"),
        (
            Column("σ of a point", ("definition",)),
            Column("first (mm/yr)", ("first_mm_yr",)),
            Column("second (mm/yr)", ("second_mm_yr",)),
            Column("σ of the difference expected (mm/yr)", ("predicted_sigma_of_difference_mm_yr",)),
            Column("observed / expected", ("observed_over_predicted",)),
            Column("same, robust", ("robust_observed_over_predicted",)),
        ),
        caption="Standard deviations of the points, by definition, against what the difference of the tracks shows: "
        "1 means that they say what they should.",
    )


def _strata(results: StudyResults) -> list[Block]:
    has_intervals = results.value("statistics.pearson.low") is not None
    rows: Rows = [
        (key, _of_rates(row) if row.get("by") == "rate" else dict(row)) for key, row in results.rows("strata")
    ]
    return table_of(
        results,
        rows,
        (
            Column("by", ("by",)),
            Column("class", ("label",)),
            Column("cells", ("n_cells",)),
            Column("r", ("r",), None, 2),
            Column("bias (mm/yr)", ("bias_mm_yr",), None, 2),
            Column("95 %", ("bias_low_mm_yr:bias_high_mm_yr",), None, 2),
            Column("σ of the difference (mm/yr)", ("sigma_mm_yr",), None, 2),
            Column("95 %", ("sigma_low_mm_yr:sigma_high_mm_yr",), None, 2),
            Column("σ expected (mm/yr)", ("predicted_sigma_mm_yr",), None, 2),
            Column("observed / expected", ("calibration",), None, 2),
            Column("95 %", ("calibration_low:calibration_high",), None, 2),
        ),
        caption="Agreement by class of the cells"
        + ("; 95 % intervals where there are blocks enough for them." if has_intervals else ".")
        + " Within a class of rates r means nothing and is left out.",
        file="strata.csv",
    )


def _of_rates(row: Mapping[str, Any]) -> dict[str, Any]:
    """A class of rates as printed: its ends are negative numbers, and within it r means nothing."""
    return {**row, "r": None, "label": str(row.get("label", "")).replace("-", "−")}


def agreement_findings(results: StudyResults) -> list[Words]:
    """What the summary of the report says about the agreement."""
    s = _Statistics(results)
    found = [
        sentence(
            "The vertical rates of the two tracks correlate with r = ",
            s.fact("pearson"),
            " and differ by ",
            s.fact("rmse"),
            " (root mean square) on ",
            s.fact("n_cells"),
            " common cells.",
        ),
        None
        if results.value("statistics.pearson.low") is not None
        else ("How certain these two numbers are is not known: errors are alike over too much of the scene.",),
        _trusted(results),
    ]
    return [f for f in found if f]


def _trusted(results: StudyResults) -> Words | None:
    """Whether the σ of the points, as they came, say what the difference of the tracks shows."""
    for key, row in results.rows("sigmas"):
        if row.get("definition") == "stated":
            return sentence(
                "That difference scatters ",
                results.fact_of(f"{key}.observed_over_predicted", row.get("observed_over_predicted")),
                " times as much as the standard deviations of the points predict (1 would be as they say).",
            )
    return None


class _Statistics:
    """Statistics of a comparison."""

    def __init__(self, results: StudyResults) -> None:
        self.results = results

    def fact(self, name: str, decimals: int | None = None) -> Fact | None:
        return self.results.fact(f"statistics.{name}", decimals=decimals)


def decomposition_blocks(results: StudyResults) -> list[Block]:
    """East and up from two passes."""
    blocks = paragraph(
        sentence(
            "East and up were separated on ",
            results.fact("n_cells"),
            " cells of ",
            results.fact("grid_m"),
            "; the lines of sight are ",
            results.fact("lines_of_sight_apart_deg"),
            " apart.",
        ),
        sentence(
            "Motion to the north was taken for zero: 1 mm/yr of it would add ",
            results.fact("north_neglected.east_per_north", unit=(1.0, "mm/yr")),
            " to east and ",
            results.fact("north_neglected.up_per_north", unit=(1.0, "mm/yr")),
            " to up.",
        ),
    )
    rows: Rows = [(key, {"name": word, **value}) for word, key, value in _spreads(results)]
    blocks += table_of(
        results,
        rows,
        (
            Column("quantity (mm/yr)", ("name",)),
            Column("5 %", ("p05",)),
            Column("median", ("median",)),
            Column("95 %", ("p95",)),
        ),
        caption="Spread over the cells: rates up (+) and east (+), and their standard deviations.",
    )
    return blocks + pictures(results)


def _spreads(results: StudyResults) -> list[tuple[str, str, dict[str, float]]]:
    names = {"up_mm_yr": "up", "east_mm_yr": "east", "up_std_mm_yr": "σ of up", "east_std_mm_yr": "σ of east"}
    found = []
    for key, word in names.items():
        value = results.value(key)
        if isinstance(value, dict):
            found.append((word, f"results.{key}", value))
    return found
