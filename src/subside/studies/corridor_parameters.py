"""Parameters of the study of a line."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from subside.ops.corridor.zones import ZoneRule
from subside.studies.output import StudyParameters


class CorridorParameters(StudyParameters):
    """Corridor, bins, zones, chords and limits."""

    half_width: float = Field(
        3000.0, gt=0, le=50_000, description="half-width of the corridor, m (3 km: Zhu et al., Heze section, Fig. 5)"
    )
    bin_length: float = Field(50.0, ge=10, le=1000, description="length of a bin of the profile, m")
    track_half_width: float = Field(
        150.0,
        gt=0,
        le=5000,
        description="points at most this far from the line make the profile, m: a band that holds some points a bin at "
        "100 to 400 points/km2 and is narrow against bowls of kilometres",
    )
    smoothing_length: float = Field(
        1000.0, ge=100, le=20_000, description="length of the covariance of the smooth rate (Matern 3/2), m"
    )
    chainage_start: float = Field(
        0.0, description="chainage of the start of the line, m; the rest is length on the ellipsoid from there"
    )
    chainage_prefix: str = Field("DK", description="letters before a printed chainage")
    is_reversed: bool = Field(False, description="count chainage from the last vertex of the line")
    threshold: float = Field(0.010, gt=0, le=1, description="sinking rate that makes a zone, m/yr")
    release: float = Field(
        0.7, gt=0, le=1, description="hysteresis: share of the threshold below which a gap must stay to be bridged"
    )
    max_gap: float = Field(1000.0, ge=0, description="longest gap between stretches of one zone, m")
    min_length: float = Field(1000.0, ge=0, description="shortest zone, m")
    confidence: float = Field(
        0.95, ge=0.5, lt=1, description="probability of being beyond the threshold that a quarter of min_length needs"
    )
    reach: float = Field(100.0, gt=0, description="a place of the line is covered by a point within this distance, m")
    cell: float = Field(100.0, ge=10, description="side of cells that are counted and that make polygon means, m")
    slope_bin: float = Field(20.0, ge=5, le=500, description="length of a bin for slopes and curvature, m")
    slope_half_width: float = Field(
        150.0, gt=0, le=5000, description="points at most this far from the line make slopes, m"
    )
    slope_chords: tuple[float, ...] = Field(
        (20.0, 32.7, 100.0, 200.0), description="chords of the longitudinal slope, m (slab, girder, track geometry)"
    )
    radius_chords: tuple[float, ...] = Field(
        (100.0, 200.0), description="chords of the mid-chord ordinate that gives the radius, m"
    )
    slope_limit_chord: float = Field(32.7, gt=0, description="chord for limits of slope that state none, m (a girder)")
    radius_limit_chord: float = Field(200.0, gt=0, description="chord for limits of radius that state none, m")
    dips: tuple[tuple[float, float], ...] = Field(
        ((0.055, 200.0), (0.042, 60.0), (0.018, 40.0)),
        description="depth and wavelength of dips whose detectability is judged, m (field cases of high-speed lines: "
        "Zhao 2016, China Railway Science)",
    )
    resolution: tuple[float, float] = Field(
        (20.0, 5.0), description="ground resolution in azimuth and range, m (Sentinel-1 IW)"
    )
    filter_window: tuple[float, float] = Field(
        (0.0, 0.0),
        description="window of the filter of distributed scatterers in azimuth and range, m; 0 takes the longest "
        "distance that the points state in every direction",
    )
    track_type: Literal["any", "ballastless", "ballasted"] = Field(
        "any", description="kind of track; limits of the other kind are left out"
    )
    speed_km_h: float = Field(
        0.0, ge=0, le=600, description="speed of the line for limits that depend on it, km/h; 0 is not known"
    )
    horizon: float = Field(10.0, gt=0, le=200, description="years after the last observation that limits look ahead")
    observed_years: float = Field(
        0.0, ge=0, le=100, description="years observed, for points without dates; 0 takes the dates of the points"
    )

    rate_limit: float = Field(
        0.0, ge=0, le=10, description="half-range of the colours of the map, m/yr; 0 takes it from the data"
    )

    def zone_rule(self) -> ZoneRule:
        """The rule of the zones."""
        return ZoneRule(self.threshold, self.release, self.max_gap, self.min_length, self.confidence)
