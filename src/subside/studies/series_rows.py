"""Rows of the tables of sites: what was read off a series, in the units of an export and of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from subside.conventions import MM_PER_M
from subside.ops.series.changes import RateChanges
from subside.ops.series.classes import SeriesClass, SeriesClasses
from subside.ops.series.decomposition import Decomposition
from subside.ops.series.driver import Driver
from subside.ops.series.lag import LagResult, holm
from subside.ops.series.places import PlaceSeries
from subside.ops.series.sites import SiteSeries


@dataclass
class Analysed:
    """A mean series and what was read off it; the series of a land class that stand behind others are not compared.

    ``up`` is the vertical part of the line of sight, which the series are divided by where a vertical motion is wanted;
    1 for a vertical series. ``places`` are the vertical series of the places that the mean of a land class is of.
    """

    series: SiteSeries
    group: str
    is_group: bool
    is_class: bool = False
    is_compared: bool = True
    up: float = 1.0
    places: tuple[PlaceSeries, ...] = ()
    parts: Decomposition | None = None
    changes: RateChanges | None = None
    classes: SeriesClasses | None = None
    lags: dict[str, LagResult] = field(default_factory=dict)


def adjusted_p(analysed: Sequence[Analysed], driver: str) -> dict[int, float]:
    """P-values of one driver, adjusted for sites, groups and land classes apart: these answer different questions."""
    result: dict[int, float] = {}
    for kind in ((False, False), (True, False), (True, True)):
        family = [a for a in analysed if (a.is_group, a.is_class) == kind and driver in a.lags]
        for item, p in zip(family, holm([a.lags[driver].p_value for a in family]), strict=True):
            result[id(item)] = float(p)
    return result


def site_row(a: Analysed) -> dict[str, Any]:
    """Row of ``sites.csv``; a series of several tracks has no number of points, since theirs are not the same."""
    series, parts = a.series, a.parts
    row: dict[str, Any] = {
        "site": series.site,
        "group": a.group,
        "is_group_mean": a.is_group,
        "track": series.track,
        "component": series.component,
        "n_points": len(series.rows) or pd.NA,
        "n_effective": series.n_effective,
        "sigma_basis": series.sigma_basis,
    }
    if parts is not None:
        season = parts.season
        row |= {
            "velocity_mm_yr": parts.rate * MM_PER_M,
            "velocity_std_mm_yr": parts.rate_std * MM_PER_M,
            "velocity_low_mm_yr": parts.rate_interval[0] * MM_PER_M,
            "velocity_high_mm_yr": parts.rate_interval[1] * MM_PER_M,
            "acceleration_mm_yr2": parts.acceleration * MM_PER_M,
            "acceleration_std_mm_yr2": parts.acceleration_std * MM_PER_M,
            "acceleration_p": parts.acceleration_p,
            "trend_form": parts.trend_form,
            "noise_mm": np.sqrt(parts.noise.variance) * MM_PER_M,
            "noise_memory_days": parts.noise.memory,
            "noise_remembered_share": parts.noise.share,
            "effective_dates": parts.noise.n_effective,
        }
        if season is not None:
            row |= {
                "seasonal_amplitude_mm": season.amplitude * MM_PER_M,
                "seasonal_amplitude_low_mm": season.interval[0] * MM_PER_M,
                "seasonal_amplitude_high_mm": season.interval[1] * MM_PER_M,
                "seasonal_peak_day": season.peak_day,
                "seasonal_peak_half_width_days": season.peak_half_width,
                "seasonal_p": season.p_value,
            }
    if a.changes is not None:
        row["change_dates"] = " ".join(str(t) for t in a.changes.dates)
        row["change_mm_yr"] = " ".join(f"{c * MM_PER_M:.1f}" for c in a.changes.change)
        row["change_p"] = a.changes.p_values[0] if len(a.changes.p_values) else np.nan
    if a.classes is not None:
        row["series_class"] = SeriesClass(int(a.classes.label[0])).name.lower()
        for kind, weight in zip([k for k in SeriesClass if k >= 0], a.classes.weight[0], strict=True):
            row[f"probability_{kind.name.lower()}"] = float(weight)
    return row


def lag_row(a: Analysed, driver: Driver, adjusted: float, alpha: float) -> dict[str, Any]:
    """Row of ``lags.csv``."""
    lag = a.lags[driver.name]
    claimed = holds(lag, adjusted, alpha)
    reason = lag.reason
    if lag.is_claimed and not claimed:
        reason = f"no lag claimed: one of several series compared (adjusted p = {adjusted:.2g}, limit {alpha:g})"
    return {
        "site": a.series.site,
        "group": a.group,
        "is_group_mean": a.is_group,
        "track": a.series.track,
        "driver": driver.name,
        "driver_kind": driver.kind,
        "claimed": claimed,
        "lag_days": lag.lag,
        "lag_low_days": lag.interval[0],
        "lag_high_days": lag.interval[1],
        "lag_open_end": lag.open_end if claimed else "",
        "gain_mm_per_unit": lag.gain * MM_PER_M,
        "driver_unit": driver.unit,
        "driver_trend_unit_per_yr": driver.trend if driver.kind != "rain" else np.nan,
        "p_value": lag.p_value,
        "p_adjusted": adjusted,
        "correlation": float(lag.correlation[lag.lags >= 0].max()),
        "correlation_limit": lag.threshold,
        "cycle_lag_days": lag.cycle_lag,
        "cycle_lag_half_width_days": lag.cycle_half_width,
        "cycle_correlation": lag.cycle_correlation,
        "n_dates": lag.n_used,
        "n_missing_months": lag.n_missing_months,
        "reason": reason,
    }


def holds(lag: LagResult, adjusted: float, alpha: float) -> bool:
    """Whether a lag is claimed, several series having been compared."""
    return lag.is_claimed and adjusted <= alpha


def site_result(a: Analysed) -> dict[str, Any]:
    """The same for the summary, SI units."""
    parts, season = a.parts, a.parts.season if a.parts else None
    row: dict[str, Any] = {
        "site": a.series.site,
        "group": a.group,
        "is_group_mean": a.is_group,
        "track": a.series.track,
        "n_points": len(a.series.rows) or None,
        "n_effective": a.series.n_effective,
    }
    if parts is not None:
        row |= {
            "rate": parts.rate,
            "rate_std": parts.rate_std,
            "rate_interval": list(parts.rate_interval),
            "acceleration": parts.acceleration,
            "acceleration_std": parts.acceleration_std,
        }
    if season is not None:
        row |= {
            "seasonal_amplitude": season.amplitude,
            "seasonal_amplitude_interval": list(season.interval),
            "seasonal_peak_day": season.peak_day,
            "seasonal_p_value": season.p_value,
        }
    if a.changes is not None:
        row |= {"n_changes": len(a.changes.dates), "change_dates": [str(t) for t in a.changes.dates]}
    if a.classes is not None:
        row["series_class"] = SeriesClass(int(a.classes.label[0])).name.lower().replace("_", " ")
        row["class_probability"] = float(np.max(a.classes.weight[0]))
    return row


def lag_result(a: Analysed, driver: Driver, adjusted: float, alpha: float) -> dict[str, Any]:
    """Lag of one series for the summary; ``group`` is the name of the series."""
    row = lag_row(a, driver, adjusted, alpha)
    return {
        "group": a.series.site,
        "track": a.series.track,
        "driver": driver.name,
        "driver_kind": driver.kind,
        "lag_days": row["lag_days"],
        "lag_interval_days": [row["lag_low_days"], row["lag_high_days"]],
        "lag_open_end": row["lag_open_end"],
        "cycle_lag_days": row["cycle_lag_days"],
        "correlation": row["correlation"],
        "p_value": row["p_adjusted"],
        "is_claimed": row["claimed"],
        "reason": row["reason"],
    }
