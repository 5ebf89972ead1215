"""Tables and map layers of the study of a line, in export units (mm, mm/yr, permille, km)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from subside.conventions import MM_PER_M
from subside.io.layer_parts import Layer
from subside.model.points import GEOGRAPHIC, PointKind, transform
from subside.ops.corridor.polygons import PolygonStatistics
from subside.ops.corridor.slopes import NORMAL_95, ChordValues, radius_of
from subside.studies.corridor_analysis import CorridorAnalysis

FloatArray = npt.NDArray[np.float64]

_PERMILLE: Final = 1000.0
_FEW: Final = 3
_WHOLE: Final = 0.995
_POINTS_AT_A_TIME: Final = 131_072


def bins_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a bin: rate, interval, motion in time, slopes, side difference, zone, flags."""
    bins, profile = a.profile.bins, a.profile
    x, y = a.line.position_at(bins.centre)
    lon, lat = transform(x, y, source=a.crs, target=GEOGRAPHIC)
    rate, std = profile.rate * MM_PER_M, profile.std * MM_PER_M
    zone = np.zeros(bins.n_bins, np.int64)
    for k, z in enumerate(a.zones.zones, start=1):
        zone[(bins.centre >= z.start) & (bins.centre <= z.end)] = k
    columns: dict[str, Any] = {
        "chainage_start_m": bins.start,
        "chainage_end_m": bins.end,
        "chainage": [a.line.label(c) for c in bins.start],
        "easting": x,
        "northing": y,
        "longitude": lon,
        "latitude": lat,
        "structure": bins.structure,
        "segment": bins.segment,
        "n_points": profile.n_points,
        "min_distance_m": profile.min_distance,
        "rate_mm_yr": rate,
        "rate_std_mm_yr": std,
        "rate_low_mm_yr": rate - NORMAL_95 * std,
        "rate_high_mm_yr": rate + NORMAL_95 * std,
        "smooth_rate_mm_yr": a.smooth.mean * MM_PER_M,
        "smooth_std_mm_yr": np.hypot(a.smooth.std, profile.datum_std) * MM_PER_M,
        "cumulative_mm": rate * a.years,
        "cumulative_std_mm": std * a.years,
        "acceleration_mm_yr2": a.series.acceleration * MM_PER_M,
        "acceleration_std_mm_yr2": a.series.acceleration_std * MM_PER_M,
        "seasonal_amplitude_mm": a.series.amplitude * MM_PER_M,
        "seasonal_amplitude_std_mm": a.series.amplitude_std * MM_PER_M,
        "side_difference_mm_yr": a.sides.difference * MM_PER_M,
        "side_difference_std_mm_yr": a.sides.std * MM_PER_M,
        "zone_probability": a.zones.probability,
        "zone": zone,
    }
    at = np.clip(a.fine.bins.bin_of(bins.centre), 0, a.fine.bins.n_bins - 1)
    for chord in a.slopes:
        columns |= {k: v[at] for k, v in _slope_columns(chord).items()}
    for chord in a.curvature:
        columns |= {
            k: v[at] for k, v in _curvature_columns(chord, a.years).items() if not k.startswith("curvature_mdc")
        }
    for track, row, error in zip(a.tracks, profile.track_rate, profile.track_std, strict=True):
        columns[f"rate_{track.name}_mm_yr"] = row * MM_PER_M
        columns[f"rate_std_{track.name}_mm_yr"] = error * MM_PER_M
    columns["flags"] = np.where(
        profile.n_points == 0, "no points", np.where(profile.n_points < _FEW, f"fewer than {_FEW} points", "")
    )
    return pd.DataFrame(columns)


def _name(chord: float) -> str:
    return f"{chord:g}".replace(".", "_")


def _slope_columns(chord: ChordValues) -> dict[str, npt.NDArray[Any]]:
    n = _name(chord.chord)
    return {
        f"slope_{n}m_permille_yr": chord.value * _PERMILLE,
        f"slope_{n}m_std_permille_yr": chord.std * _PERMILLE,
    }


def _curvature_columns(chord: ChordValues, years: float) -> dict[str, npt.NDArray[Any]]:
    n = _name(chord.chord)
    known = np.isfinite(years)
    radius = radius_of(chord.value, years) if known else np.full(len(chord.value), np.nan)
    smallest = radius_of(np.abs(chord.value) + NORMAL_95 * chord.std, years) if known else radius
    return {
        f"curvature_{n}m_per_km_yr": chord.value * 1e3,
        f"curvature_{n}m_std_per_km_yr": chord.std * 1e3,
        f"curvature_mdc_{n}m_per_km_yr": chord.mdc * 1e3,
        f"radius_{n}m_km": radius / 1e3,
        f"radius_low_{n}m_km": smallest / 1e3,
    }


def slopes_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a short bin: slope and curvature over the chords that start at its middle, sigma, what is detectable."""
    bins = a.fine.bins
    columns: dict[str, Any] = {
        "chainage_m": bins.centre,
        "chainage": [a.line.label(c) for c in bins.centre],
        "line_azimuth_deg": a.line.azimuth_at(bins.centre),
        "structure": bins.structure,
        "n_points": a.fine.n_points,
        "rate_mm_yr": a.fine.rate * MM_PER_M,
        "rate_std_mm_yr": a.fine.std * MM_PER_M,
    }
    for chord in a.slopes:
        n = _name(chord.chord)
        columns |= _slope_columns(chord)
        columns[f"slope_{n}m_permille"] = chord.value * a.years * _PERMILLE
        columns[f"slope_mdc_{n}m_permille"] = chord.mdc * a.years * _PERMILLE
        columns[f"slope_{n}m_is_detected"] = np.abs(chord.value) > chord.mdc
        columns[f"slope_{n}m_crosses_joint"] = chord.crosses_joint
    for chord in a.curvature:
        n = _name(chord.chord)
        columns |= _curvature_columns(chord, a.years)
        columns[f"curvature_{n}m_is_detected"] = np.abs(chord.value) > chord.mdc
        columns[f"curvature_{n}m_crosses_joint"] = chord.crosses_joint
    return pd.DataFrame(columns)


def zones_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a zone."""
    rows = []
    for k, z in enumerate(a.zones.zones, start=1):
        ends = a.line.position_at(np.array([z.start, z.end]))
        lon, lat = transform(*ends, source=a.crs, target=GEOGRAPHIC)
        low, middle, high = zone_point_rates(a, z.start, z.end) * MM_PER_M
        rows.append(
            {
                "zone": k,
                "start_m": z.start,
                "start_low_m": z.start_low,
                "start_high_m": z.start_high,
                "end_m": z.end,
                "end_low_m": z.end_low,
                "end_high_m": z.end_high,
                "start": a.line.label(z.start),
                "end": a.line.label(z.end),
                "length_m": z.length,
                "is_start_open": z.is_start_open,
                "is_end_open": z.is_end_open,
                "start_longitude": lon[0],
                "start_latitude": lat[0],
                "end_longitude": lon[1],
                "end_latitude": lat[1],
                "mean_mm_yr": z.mean * MM_PER_M,
                "lowest_mm_yr": z.lowest * MM_PER_M,
                "bin_p05_mm_yr": z.bin_low * MM_PER_M,
                "bin_p95_mm_yr": z.bin_high * MM_PER_M,
                "point_p05_mm_yr": low,
                "point_median_mm_yr": middle,
                "point_p95_mm_yr": high,
                "probability": z.probability,
                "certain_share": z.certain_share,
                "uncovered_m": z.uncovered,
            }
        )
    return pd.DataFrame(rows, columns=None if rows else ["zone", "start_m", "end_m", "length_m", "probability"])


def zone_point_rates(a: CorridorAnalysis, start: float, end: float) -> FloatArray:
    """5, 50 and 95 % quantiles of the points of the profile between two chainages, m/yr."""
    found = []
    for k, track in enumerate(a.tracks):
        s = track.positions.chainage
        held = (a.profile.bin_of[k] >= 0) & (s >= start) & (s <= end)
        found.append(track.rate[held] - a.profile.bias[k])
    values = np.concatenate(found)
    return np.quantile(values, [0.05, 0.5, 0.95]) if len(values) else np.full(3, np.nan)


def gaps_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a stretch without points, longest first."""
    gaps = a.coverage.gaps
    start, end = np.array([g.start for g in gaps]), np.array([g.end for g in gaps])
    lon, lat = transform(*a.line.position_at(0.5 * (start + end)), source=a.crs, target=GEOGRAPHIC)
    return pd.DataFrame(
        {
            "start_m": start,
            "end_m": end,
            "start": [a.line.label(c) for c in start],
            "end": [a.line.label(c) for c in end],
            "length_m": end - start,
            "longitude": lon,
            "latitude": lat,
            "is_outside_data": [g.is_outside for g in gaps],
        }
    )


def densities_table(a: CorridorAnalysis) -> pd.DataFrame:
    """Points per km2 by track, kind and land class."""
    return pd.DataFrame(
        [
            {
                "track": d.track,
                "kind": d.kind,
                "land": d.land,
                "n_points": d.n_points,
                "area_km2": d.area_km2,
                "points_per_km2": d.per_km2,
            }
            for d in a.coverage.densities
        ]
    )


def polygons_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a polygon."""
    return pd.DataFrame(
        [
            {
                "name": p.name,
                "area_km2": p.area_km2,
                "covered_km2": p.covered_km2,
                "coverage": _coverage_words(p),
                "n_points": p.n_points if p.covered_km2 > 0 else pd.NA,
                "points_per_km2": p.per_km2,
                "occupied_km2": p.occupied_km2,
                "mean_mm_yr": p.mean * MM_PER_M,
                "mean_std_mm_yr": p.mean_std * MM_PER_M,
                "lowest_mm_yr": p.lowest * MM_PER_M,
                "p05_mm_yr": p.p05 * MM_PER_M,
                "median_mm_yr": p.median * MM_PER_M,
                "p95_mm_yr": p.p95 * MM_PER_M,
                "highest_mm_yr": p.highest * MM_PER_M,
                "affected_km2": p.affected_km2,
                "affected_low_km2": p.affected_low,
                "affected_high_km2": p.affected_high,
            }
            for p in a.polygons
        ]
    )


def _coverage_words(p: PolygonStatistics) -> str:
    if p.covered_km2 == 0:
        return "not covered"
    return "whole" if p.covered_km2 > _WHOLE * p.area_km2 else "in part"


def limits_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a limit and place where it applies and a value is known; no probability where it cannot be checked."""
    parts = []
    for found in a.limits:
        e = found.exceedance
        known = np.isfinite(found.growth)
        parts.append(
            pd.DataFrame(
                {
                    "limit": found.limit.name,
                    "quantity": found.limit.quantity,
                    "value": found.limit.value,
                    "unit": found.limit.unit,
                    "chord_m": np.where(found.is_joint, np.nan, found.chord)[known],
                    "is_joint": found.is_joint[known],
                    "is_checkable": ~found.is_blind[known],
                    "chainage_m": found.chainage[known],
                    "chainage": [a.line.label(c) for c in found.chainage[known]],
                    "probability_now": e.probability_now[known],
                    "probability_horizon": e.probability_horizon[known],
                    "years_median": e.years_median[known],
                    "years_p05": e.years_05[known],
                    "years_p95": e.years_95[known],
                    "is_verified": found.limit.is_verified,
                }
            )
        )
    columns = ["limit", "quantity", "value", "unit", "chainage_m", "probability_now", "probability_horizon"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def detectability_table(a: CorridorAnalysis) -> pd.DataFrame:
    """One row a dip and kind of points."""
    return pd.DataFrame(
        [
            {
                "depth_mm": d.depth * MM_PER_M,
                "wavelength_m": d.wavelength,
                "points": d.kind,
                "window_m": d.window,
                "is_detectable": d.result.is_detectable,
                "slope_permille": d.result.slope * _PERMILLE,
                "slope_mdc_permille": d.result.mdc * _PERMILLE,
                "attenuation": d.result.attenuation,
                "reasons": "; ".join(d.result.reasons),
            }
            for d in a.dips
        ]
    )


def map_layers(a: CorridorAnalysis, half_width: float) -> dict[str, Layer | Iterator[Layer]]:
    """Layers of the GeoPackage: points in parts, bins, zones and gaps, in the coordinate system of the line."""
    bins = bins_table(a)
    zones, gaps = zones_table(a), gaps_table(a)
    return {
        "points": _point_parts(a, half_width),
        "bins": ([a.line.part(s, e) for s, e in zip(bins.chainage_start_m, bins.chainage_end_m, strict=True)], bins),
        "zones": ([a.line.part(z.start, z.end) for z in a.zones.zones], zones),
        "gaps": ([a.line.part(g.start, g.end) for g in a.coverage.gaps], gaps),
    }


def _point_parts(a: CorridorAnalysis, half_width: float) -> Iterator[Layer]:
    """Points within the half-width, :data:`_POINTS_AT_A_TIME` of them; one empty part where there are none."""
    parts = [
        (track, held[start : start + _POINTS_AT_A_TIME])
        for track in a.tracks
        for held in (np.flatnonzero(track.positions.within(half_width)),)
        for start in range(0, len(held), _POINTS_AT_A_TIME)
    ]
    kinds = np.array([k.name for k in PointKind], dtype=object)
    for track, held in parts or [(a.tracks[0], np.zeros(0, np.int64))]:
        p = track.points
        table = pd.DataFrame(
            {
                "track": track.name,
                "point_id": p.point_id[held].astype(str),
                "kind": kinds[p.kind[held]],
                "longitude": p.longitude[held],
                "latitude": p.latitude[held],
                "chainage_m": track.positions.chainage[held],
                "offset_m": track.positions.offset[held],
                "rate_mm_yr": track.rate[held] * MM_PER_M,
                "rate_std_mm_yr": track.std[held] * MM_PER_M,
                "component": track.component,
            }
        )
        yield list(shapely.points(p.easting[held], p.northing[held])), table
