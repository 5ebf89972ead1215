"""Storage coefficients of sites and groups against heads of groundwater: what is claimed, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from subside.errors import ArgumentError
from subside.figures.storage import LoopCurve, storage_figure
from subside.ops.series.changes import RateChanges
from subside.ops.series.driver import Driver
from subside.ops.series.longterm import LongTermStorage, head_changes, long_term_storage
from subside.ops.series.noise import FloatArray, days_of
from subside.ops.series.places import spread_of_places
from subside.ops.series.storage import ElasticStorage, elastic_storage
from subside.studies.output import StudyFolder
from subside.studies.series_rows import Analysed, adjusted_p

RULE: Final = (
    "an elastic storage coefficient is claimed only where departures of the ground from its usual season follow those "
    "of the head (test of the lag): two annual cycles always agree at some lag; lasting changes are claimed only "
    "where ground and head change their rates together; the ratio of two straight trends is never evidence; every "
    "coefficient is relative to the reference areas, that of a class relative to another is the difference of theirs, "
    "and what processing takes of a wide season is missing in it; places of a class differ, so that its interval is "
    "that of one of its places, not of its mean; where that interval holds 0 the relation is claimed, the size of the "
    "coefficient is not; at a site nothing is claimed then"
)
"""What is claimed, for the summary and the report."""

_MOST_SHOWN: Final = 4
_TAIL: Final = 0.025


@dataclass(frozen=True)
class Storage:
    """What one series and one head say of storage.

    Attributes
    ----------
    item : Analysed
        Series.
    head : Driver
        Head.
    elastic : ElasticStorage or None
        None where it cannot be told.
    long_term : LongTermStorage or None
        None where it cannot be told.
    is_elastic_claimed : bool
        Whether the departures are related at the stated rate of false claims.
    elastic_reason, long_term_reason : str
        Why or why not.
    n_places : int
        Places that a mean of a land class is of; 0 for a site or group of sites.
    spread : float
        Standard deviation of the true coefficients of the places, m per m; NaN where it cannot be told.
    """

    item: Analysed
    head: Driver
    elastic: ElasticStorage | None
    long_term: LongTermStorage | None
    is_elastic_claimed: bool
    elastic_reason: str
    long_term_reason: str
    n_places: int = 0
    spread: float = np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the elastic coefficient of the ground: of a place of a land class, of a site itself.

        NaN for a land class whose places do not tell how much they differ.
        """
        if self.elastic is None or (self.item.is_class and not np.isfinite(self.spread)):
            return np.nan, np.nan
        if not self.item.is_class:
            return self.elastic.whole.interval
        whole = self.elastic.whole
        half = float(stats.t.ppf(1 - _TAIL, self.n_places - 1)) * float(np.hypot(whole.std, self.spread))
        low, high = whole.interval
        return min(low, whole.value - half), max(high, whole.value + half)

    @property
    def is_determined(self) -> bool | None:
        """Whether a coefficient that is claimed is told from zero; None where none is claimed or has no interval."""
        low, high = self.interval
        if not self.is_elastic_claimed or not np.isfinite(low) or not np.isfinite(high):
            return None
        return not low <= 0 <= high

    @property
    def is_inelastic(self) -> bool | None:
        """Whether lasting changes move the ground more than the elastic coefficient explains; None is unknown."""
        if not self.is_elastic_claimed or self.elastic is None or self.long_term is None:
            return None
        if not self.long_term.is_claimed or not np.isfinite(self.long_term.bend_interval[0]):
            return None
        return self.long_term.bend_interval[0] > self.interval[1]


def storage_of(
    analysed: Sequence[Analysed], heads: Sequence[Driver], *, head_std: float, max_lag: float, alpha: float, seed: int
) -> list[Storage]:
    """Compare every series that is compared at all with every head.

    Parameters
    ----------
    analysed : sequence of Analysed
        With lags and changes.
    heads : sequence of Driver
        Depths or levels.
    head_std, max_lag, alpha, seed
        As :func:`subside.ops.series.storage.elastic_storage` and
        :func:`subside.ops.series.longterm.head_changes`.

    Returns
    -------
    list of Storage
    """
    found = []
    bends: dict[tuple[str, str, str], RateChanges] = {}
    for head in heads:
        adjusted = adjusted_p(analysed, head.name)
        for item in (a for a in analysed if a.is_compared):
            first, last = item.series.dates[[0, -1]]
            key = (head.name, str(first), str(last))
            if key not in bends:
                bends[key] = head_changes(head, first, last, alpha=alpha, seed=seed)
            elastic, why = _elastic(item, head, (head_std, max_lag, alpha))
            p = adjusted.get(id(item), np.nan)
            lasting, lasting_why = _long_term(item, head, bends[key], alpha)
            is_claimed = elastic is not None and bool(p <= alpha) and _is_positive(item, elastic)
            words = why or _elastic_words(elastic, p, alpha, is_claimed=is_claimed)
            n, spread = spread_of_places(item.places, head, elastic.whole.lag) if elastic else (0, np.nan)
            if is_claimed:
                words += _places_words(item, n, spread)
            storage = Storage(item, head, elastic, lasting, is_claimed, words, lasting_why, n, spread)
            found.append(replace(storage, elastic_reason=_untold(storage) + words))
    return found


def _is_positive(item: Analysed, elastic: ElasticStorage) -> bool:
    """Whether the ground rises with the head: for sure at a site; of a land class, whose places differ, in the mean."""
    return elastic.whole.value > 0 if item.is_class else elastic.whole.interval[0] > 0


def _untold(s: Storage) -> str:
    """Said before all else of a land class that follows the head, where the coefficient of a place may be zero."""
    if s.is_determined is not False:
        return ""
    return "related, but the coefficient of a place is not told from zero: "


def _vertical(item: Analysed) -> FloatArray:
    if not np.isfinite(item.up):
        raise ArgumentError("`motion` must be vertical, and the line of sight is unknown")
    return item.series.displacement / item.up


def _elastic(item: Analysed, head: Driver, options: tuple[float, float, float]) -> tuple[ElasticStorage | None, str]:
    head_std, max_lag, alpha = options
    try:
        motion = _vertical(item)
        return elastic_storage(item.series.dates, motion, head, head_std=head_std, max_lag=max_lag, alpha=alpha), ""
    except ArgumentError as error:
        return None, f"not estimated: {error}"


def _long_term(item: Analysed, head: Driver, bends: RateChanges, alpha: float) -> tuple[LongTermStorage | None, str]:
    if item.changes is None:
        return None, "not estimated: bends were not looked for"
    scaled = RateChanges(
        item.changes.dates, item.changes.change / item.up, item.changes.change_std / item.up, item.changes.p_values
    )
    try:
        motion = _vertical(item)
        found = long_term_storage(item.series.dates, motion, head, changes=scaled, bends=bends, alpha=alpha)
    except ArgumentError as error:
        return None, f"not estimated: {error}"
    return found, found.reason


def _elastic_words(elastic: ElasticStorage | None, p: float, alpha: float, *, is_claimed: bool) -> str:
    if elastic is None or not np.isfinite(p):
        return "not claimed: departures from the usual season were not compared"
    if not is_claimed and p <= alpha:
        return (
            f"not claimed: departures from the usual season follow those of the head (adjusted p = {p:.2g}), but the "
            "coefficient is not told from zero"
        )
    if not is_claimed:
        return (
            f"not claimed: departures of the ground from its usual season do not follow those of the head "
            f"(adjusted p = {p:.2g}, limit {alpha:g}); annual cycles alone are no evidence"
        )
    words = f"departures from the usual season follow those of the head (adjusted p = {p:.2g})"
    if not np.isfinite(elastic.departures.value):
        return f"{words}; the departures are too small beside the error of the heads for a coefficient of their own"
    low, high = elastic.departures.interval
    if not elastic.agrees:
        return (
            f"{words}; they alone give {low:.2g} to {high:.2g}: something else moves the ground with the seasons, and "
            "that interval is the one to use"
        )
    return f"{words}; they alone give {low:.2g} to {high:.2g}, which agrees"


def _places_words(item: Analysed, n: int, spread: float) -> str:
    if not item.is_class:
        return ""
    if not np.isfinite(spread):
        return f"; {n} places do not tell how much the ground of the class differs: no interval is given"
    return f"; {n} places of the class scatter by {spread:.2g} m/m beyond their errors, which the interval holds"


def storage_row(s: Storage) -> dict[str, Any]:
    """Row of ``storage.csv``; coefficients are m of vertical motion per m of head, empty where not claimed."""
    series, elastic, lasting = s.item.series, s.elastic, s.long_term
    row: dict[str, Any] = {
        "site": series.site,
        "group": s.item.group,
        "is_group_mean": s.item.is_group,
        "track": series.track,
        "head": s.head.name,
        "elastic_claimed": s.is_elastic_claimed,
        "elastic_told_from_zero": "" if s.is_determined is None else s.is_determined,
    }
    claimed = elastic if s.is_elastic_claimed else None
    row["elastic_storage"] = claimed.whole.value if claimed else np.nan
    row["elastic_storage_low"], row["elastic_storage_high"] = s.interval if claimed else (np.nan, np.nan)
    mean = claimed.whole.interval if claimed else (np.nan, np.nan)
    row["elastic_storage_of_mean_low"], row["elastic_storage_of_mean_high"] = mean
    row["n_places"], row["spread_of_places"] = s.n_places, s.spread if claimed else np.nan
    row["elastic_lag_days"] = claimed.whole.lag if claimed else np.nan
    row |= _response("elastic_storage_of_departures", claimed.departures if claimed else None)
    row["departures_agree"] = claimed.agrees if claimed else ""
    row["head_annual_range_m"] = elastic.head_range if elastic else np.nan
    row["head_error_m"] = elastic.head_std if elastic else np.nan
    row["head_rate_m_yr"] = lasting.head_rate if lasting else np.nan
    row["head_rate_std_m_yr"] = lasting.head_rate_std if lasting else np.nan
    for name, k in (("low", 0), ("high", 1)):
        row[f"ratio_of_trends_{name}"] = lasting.trend_interval[k] if lasting else np.nan
    row["ratio_of_trends"] = lasting.trend_ratio if lasting else np.nan
    row["lasting_claimed"] = bool(lasting and lasting.is_claimed)
    row["bend_date"] = str(lasting.bend_date) if lasting and lasting.is_claimed else ""
    row["lasting_storage"] = lasting.bend_ratio if lasting else np.nan
    row["lasting_storage_low"] = lasting.bend_interval[0] if lasting else np.nan
    row["lasting_storage_high"] = lasting.bend_interval[1] if lasting else np.nan
    row["more_than_elastic"] = "" if s.is_inelastic is None else s.is_inelastic
    row["elastic_reason"], row["lasting_reason"] = s.elastic_reason, s.long_term_reason
    return row


def _response(name: str, found: Any) -> dict[str, float]:
    values = (found.value, *found.interval) if found is not None else (np.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def storage_result(s: Storage) -> dict[str, Any]:
    """The same for the summary."""
    row = storage_row(s)
    return {
        "group": row["site"],
        "track": row["track"],
        "head": row["head"],
        "elastic_storage": row["elastic_storage"],
        "elastic_storage_interval": [row["elastic_storage_low"], row["elastic_storage_high"]],
        "n_places": s.n_places or None,
        "is_elastic_claimed": row["elastic_claimed"],
        "is_elastic_told_from_zero": s.is_determined,
        "elastic_reason": row["elastic_reason"],
        "ratio_of_trends": row["ratio_of_trends"],
        "ratio_of_trends_interval": [row["ratio_of_trends_low"], row["ratio_of_trends_high"]],
        "lasting_storage": row["lasting_storage"],
        "lasting_storage_interval": [row["lasting_storage_low"], row["lasting_storage_high"]],
        "is_lasting_claimed": row["lasting_claimed"],
        "lasting_reason": row["lasting_reason"],
    }


def write_storage(folder: StudyFolder, storages: Sequence[Storage]) -> None:
    """Write ``storage.csv`` and its figure; nothing where there is no head."""
    if not storages:
        return
    table = pd.DataFrame([storage_row(s) for s in storages])
    what = "Storage coefficients against heads of groundwater, m of vertical motion per m of head, with 95 % intervals"
    folder.write_table("storage.csv", table, what, decimals=6)
    loops = _shown(storages)
    if loops:
        figure = storage_figure(loops, title="Head and motion of the ground")
        folder.save_figure("storage", figure, "Head against vertical motion: about the trends, and as they are.")


def _shown(storages: Sequence[Storage]) -> list[LoopCurve]:
    """Loops worth drawing: what is claimed first, then means of groups, four at most."""
    usable = [s for s in storages if s.long_term is not None]

    def order(s: Storage) -> tuple[bool, bool]:
        return (not (s.is_elastic_claimed or bool(s.long_term and s.long_term.is_claimed)), not s.item.is_group)

    return [_loop(s) for s in sorted(usable, key=order)[:_MOST_SHOWN]]


def _loop(s: Storage) -> LoopCurve:
    series, elastic, lasting = s.item.series, s.elastic, s.long_term
    motion = _vertical(s.item)
    known = np.isfinite(motion)
    head = s.head.padded(series.dates[0], series.dates[-1])
    level = head.weights(days_of(series.dates[known])) @ np.where(head.is_known, head.values, head.usual) * head.sign
    empty = np.zeros(0)
    verdict = "no elastic coefficient claimed"
    if s.is_elastic_claimed and elastic is not None:
        low, high = s.interval
        ends = f"{low:.2g} to {high:.2g}" if np.isfinite(low) else "interval unknown"
        verdict = f"elastic storage {elastic.whole.value:.2g} ({ends}) m/m"
        if s.is_determined is False:
            verdict = f"elastic: not told from zero ({ends} m/m)"
    trend = lasting.trend_ratio if lasting else np.nan
    lasting_words = "the head has no significant trend"
    if lasting is not None and np.isfinite(trend):
        low, high = lasting.trend_interval
        lasting_words = f"ratio of trends {trend:.2g} ({low:.2g} to {high:.2g}) m/m"
    if lasting is not None and lasting.is_claimed:
        low, high = lasting.bend_interval
        lasting_words = f"bends together: {lasting.bend_ratio:.2g} ({low:.2g} to {high:.2g}) m/m"
    return LoopCurve(
        f"{series.site}, {series.track}",
        s.head.name.replace("_", " "),
        series.dates[known],
        elastic.head if elastic else empty,
        elastic.motion if elastic else empty,
        level,
        motion[known],
        elastic.whole.value if s.is_elastic_claimed and elastic else np.nan,
        s.interval,
        elastic.whole.lag if elastic else np.nan,
        trend,
        verdict,
        lasting_words,
    )
