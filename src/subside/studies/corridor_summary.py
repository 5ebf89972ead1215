"""Results of the study of a line for ``summary.json``, SI units."""

from __future__ import annotations

from typing import Any

import numpy as np

from subside.conventions import MM_PER_M
from subside.ops.corridor.limits import CONTINUATION
from subside.ops.corridor.slopes import ChordValues, radius_of
from subside.ops.corridor.zones import Zone
from subside.studies.corridor_analysis import CorridorAnalysis
from subside.studies.corridor_limits import LimitResult
from subside.studies.corridor_parameters import CorridorParameters
from subside.studies.corridor_tables import zone_point_rates

_M2_PER_KM2 = 1e6
_BY_CHANCE = 0.05


def summarise(a: CorridorAnalysis, name: str, parameters: CorridorParameters) -> dict[str, Any]:
    """Collect the results of a line.

    Parameters
    ----------
    a : CorridorAnalysis
        Results.
    name : str
        Of the line.
    parameters : CorridorParameters
        Choices.

    Returns
    -------
    dict
        Lengths and chainages in m, rates in m/yr, areas in m2 (densities per km2), slopes without unit; NaN is unknown.
    """
    profile = a.profile
    known = np.isfinite(profile.rate)
    return {
        "line": {
            "name": name,
            "length": a.line.length,
            "chainage_start": a.line.chainage_start,
            "chainage_end": a.line.chainage_end,
            "crs": a.crs,
            "plane_scale": a.line.plane_scale,
        },
        "component": sorted({t.component for t in a.tracks}),
        "years": a.years,
        "first_date": a.series.first_date,
        "last_date": a.series.last_date,
        "coverage": _coverage(a),
        "density_by_class": _classes(a),
        "tracks": [
            {
                "name": t.name,
                "component": t.component,
                "n_points": int(t.positions.within(parameters.half_width).sum()),
                "bias": b,
                "bias_std": s,
                "error_correlation": t.correlation.basis,
                "error_reach": t.correlation.reach,
            }
            for t, b, s in zip(a.tracks, profile.bias, profile.bias_std, strict=True)
        ],
        "profile": {
            "bin_length": profile.bins.step,
            "n_bins": profile.bins.n_bins,
            "n_empty": int(np.count_nonzero(~known)),
            "rate_lowest": _extreme(profile.rate, np.nanmin),
            "rate_highest": _extreme(profile.rate, np.nanmax),
            "std_median": _extreme(profile.std, np.nanmedian),
            "between_std": profile.between_std,
            "datum_std": profile.datum_std,
        },
        "rule": a.zones.rule.text(),
        "zones": [{**_zone(z), **_points_of(a, z), "label": _span(a, z)} for z in a.zones.zones],
        "total_length": a.zones.total_length,
        "total_interval": [a.zones.total_low, a.zones.total_high],
        "chords": _chords(a),
        "limits": [limit_row(r) for r in a.limits],
        "limits_assumption": CONTINUATION,
        "detectability": [
            {
                "depth": d.depth,
                "wavelength": d.wavelength,
                "points": d.kind,
                "window": d.window,
                "is_detectable": d.result.is_detectable,
                "reasons": list(d.result.reasons),
                "slope": d.result.slope,
                "mdc": d.result.mdc,
            }
            for d in a.dips
        ],
        "areas": [
            {
                "name": p.name,
                "area": p.area_km2 * _M2_PER_KM2,
                "covered_area": p.covered_km2 * _M2_PER_KM2,
                "n_points": p.n_points if p.covered_km2 else None,
                "density": p.per_km2,
                "mean": p.mean,
                "std": p.mean_std,
                "lowest": p.lowest,
                "highest": p.highest,
                "p05": p.p05,
                "median": p.median,
                "p95": p.p95,
                "affected_area": p.affected_km2 * _M2_PER_KM2,
                "affected_interval": [p.affected_low * _M2_PER_KM2, p.affected_high * _M2_PER_KM2],
                "affected_share": p.affected_km2 / p.occupied_km2 if p.occupied_km2 else np.nan,
            }
            for p in a.polygons
        ],
        "statements": list(a.statements),
    }


def _extreme(values: Any, of: Any) -> float:
    return float(of(values)) if np.isfinite(values).any() else float("nan")


def _coverage(a: CorridorAnalysis) -> dict[str, Any]:
    whole = [d for d in a.coverage.densities if d.kind == "all" and d.land == "all"]
    total = whole[-1]
    return {
        "n_points": total.n_points,
        "area": total.area_km2 * _M2_PER_KM2,
        "density_per_km2": total.per_km2,
        "by_track": [
            {"name": d.track, "n_points": d.n_points, "density": d.per_km2} for d in whole if d.track != "all"
        ],
        "longest_uncovered": a.coverage.longest_uncovered,
        "uncovered": a.coverage.uncovered,
        "reach": a.coverage.reach,
        "outside": a.coverage.outside,
        "nearest_point": a.coverage.nearest,
        "occupied_cells": a.coverage.occupied_cells,
        "n_cells": a.coverage.n_cells,
    }


def _classes(a: CorridorAnalysis) -> list[dict[str, Any]]:
    """Density of each land class over all tracks, and by track."""
    label = "all" if len(a.tracks) > 1 else a.tracks[0].name
    found = {(d.land, d.kind): d for d in a.coverage.densities if d.track == label}
    rows = []
    for land in dict.fromkeys(d.land for d in a.coverage.densities):
        d = found[land, "all"]
        kinds = {k: found[land, k].n_points if (land, k) in found else 0 for k in ("PS", "DS")}
        rows.append(
            {
                "name": land,
                "area": d.area_km2 * _M2_PER_KM2,
                "n_points": d.n_points,
                "density": d.per_km2,
                "n_ps": kinds["PS"],
                "n_ds": kinds["DS"],
            }
        )
    return rows


def _zone(z: Zone) -> dict[str, Any]:
    return {
        "start": z.start,
        "start_low": z.start_low,
        "start_high": z.start_high,
        "is_start_open": z.is_start_open,
        "end": z.end,
        "end_low": z.end_low,
        "end_high": z.end_high,
        "is_end_open": z.is_end_open,
        "length": z.length,
        "mean": z.mean,
        "mean_std": z.mean_std,
        "lowest": z.lowest,
        "lowest_std": z.lowest_std,
        "bin_low": z.bin_low,
        "bin_high": z.bin_high,
        "probability": z.probability,
        "certain_share": z.certain_share,
        "uncovered": z.uncovered,
    }


def _points_of(a: CorridorAnalysis, z: Zone) -> dict[str, Any]:
    low, middle, high = zone_point_rates(a, z.start, z.end)
    return {"point_low": low, "point_median": middle, "point_high": high}


def _span(a: CorridorAnalysis, z: Zone) -> str:
    rates = f"{z.bin_low * MM_PER_M:.0f} to {z.bin_high * MM_PER_M:.0f} mm/yr"
    return f"{a.line.label(z.start)} to {a.line.label(z.end)}, {z.length / 1e3:.1f} km, {rates}"


def _chords(a: CorridorAnalysis) -> list[dict[str, Any]]:
    """Largest slope and smallest radius over each chord, of the settlement over the observed years.

    The largest of those that stand out of their noise; where none does, the one that comes nearest to. One in twenty
    places stands out by chance.
    """
    slopes = [{"chord": v.chord, "quantity": "slope", **_slope_row(a, v)} for v in a.slopes]
    return slopes + [{"chord": v.chord, "quantity": "radius", **_radius_row(a, v)} for v in a.curvature]


def _worst(values: ChordValues) -> int | None:
    size = np.abs(values.value)
    if not np.isfinite(size).any():
        return None
    is_detected = size > values.mdc
    return int(np.nanargmax(np.where(is_detected, size, np.nan) if is_detected.any() else size / values.std))


def _counts(values: ChordValues) -> dict[str, Any]:
    n = int(np.count_nonzero(np.isfinite(values.value)))
    return {
        "n_values": n,
        "n_detected": int(np.count_nonzero(np.abs(values.value) > values.mdc)),
        "n_by_chance": _BY_CHANCE * n,
    }


def _slope_row(a: CorridorAnalysis, values: ChordValues) -> dict[str, Any]:
    k = _worst(values)
    if k is None:
        return {"slope_max": np.nan, **_counts(values)}
    return {
        "slope_max": abs(float(values.value[k])) * a.years,
        "slope_at": float(values.chainage[k]),
        "slope_std": float(values.std[k]) * a.years,
        "slope_mdc": float(values.mdc[k]) * a.years,
        "slope_is_detected": bool(np.abs(values.value[k]) > values.mdc[k]),
        **_counts(values),
    }


def _radius_row(a: CorridorAnalysis, values: ChordValues) -> dict[str, Any]:
    k = _worst(values)
    if k is None or not np.isfinite(a.years):
        return {"radius_min": np.nan, **_counts(values)}
    size = np.abs(values.value[k])
    return {
        "radius_min": float(radius_of(values.value[k : k + 1], a.years)[0]),
        "radius_at": float(values.chainage[k]),
        "radius_low": float(radius_of(np.array([size + values.mdc[k]]), a.years)[0]),
        "radius_mdc": float(radius_of(values.mdc[k : k + 1], a.years)[0]),
        "radius_is_detected": bool(size > values.mdc[k]),
        **_counts(values),
    }


def limit_row(r: LimitResult) -> dict[str, Any]:
    """Summarise a limit: lengths of the stretches where it is meant, numbers of the joints; NaN or None for neither.

    Parameters
    ----------
    r : LimitResult
        The limit along the line.

    Returns
    -------
    dict
        Lengths in m; ``now`` and ``horizon`` is where the probability of exceeding it is more than one half.
    """
    e = r.exceedance
    timed = e.years_median[np.isfinite(e.years_median)]
    found = {
        "now": e.probability_now > 0.5,
        "horizon": e.probability_horizon > 0.5,
        "checked": np.isfinite(e.probability_now),
        "not_checkable": r.is_blind,
    }
    stretches, joints = r.applies & ~r.is_joint, r.applies & r.is_joint
    return {
        "name": r.limit.name,
        "quantity": r.limit.quantity,
        "value": r.limit.value,
        "unit": r.limit.unit,
        "chord": r.chord,
        "applies_to": list(r.limit.applies_to),
        "probability_now_max": _extreme(e.probability_now, np.nanmax),
        "probability_horizon_max": _extreme(e.probability_horizon, np.nanmax),
        **{f"length_{k}": float(r.width[v & stretches].sum()) if stretches.any() else np.nan for k, v in found.items()},
        "n_joints": int(joints.sum()) or None,
        **{f"n_joints_{k}": int((v & joints).sum()) if joints.any() else None for k, v in found.items()},
        "years_median_min": float(timed.min()) if len(timed) else np.nan,
        "source": r.limit.source,
        "is_verified": r.limit.is_verified,
    }
