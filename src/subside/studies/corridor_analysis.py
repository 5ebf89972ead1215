"""Everything the study of a line computes, before it is written or drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.points import PointKind, PointSet
from subside.ops.corridor.bin_series import BinSeries, common_period, fit_bin_series
from subside.ops.corridor.bins import Structure, make_bins
from subside.ops.corridor.chainage import CorridorLine, locate_points, self_crossings
from subside.ops.corridor.coverage import Coverage, DensityAlong, density_along, measure_coverage
from subside.ops.corridor.dips import Detectability, Sampling, dip_detectability, mean_spacing, window_along
from subside.ops.corridor.limits import Limit
from subside.ops.corridor.polygons import PolygonStatistics, TrackDatum, polygon_statistics
from subside.ops.corridor.profile import Profile, SideDifference, make_profile, side_difference
from subside.ops.corridor.slopes import ChordValues, chord_curvature, chord_slopes
from subside.ops.corridor.smooth import SmoothProfile, smooth_profile
from subside.ops.corridor.tracks import TrackRates, same_component, vertical_rates
from subside.ops.corridor.zones import Zones, find_zones
from subside.ops.point_covariance import fit_error_correlation, independent_errors
from subside.studies.corridor_limits import LimitResult, compare_limits
from subside.studies.corridor_parameters import CorridorParameters

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DipResult:
    """Whether a dip could be seen by one kind of points.

    Attributes
    ----------
    depth, wavelength : float
        m.
    kind : str
        ``PS`` or ``DS``.
    window : float
        Averaging along the line, m.
    result : Detectability
        The judgement.
    """

    depth: float
    wavelength: float
    kind: str
    window: float
    result: Detectability


@dataclass(frozen=True)
class CorridorAnalysis:
    """Results along the line.

    Attributes
    ----------
    line, crs : CorridorLine, str
        The line and its coordinate system.
    tracks : tuple of TrackRates
        Points.
    coverage, along : Coverage, DensityAlong
        Density and gaps.
    profile, smooth, zones : Profile, SmoothProfile, Zones
        Rates.
    series : BinSeries
        Acceleration and season.
    sides : SideDifference
        Left minus right.
    fine : Profile
        Short bins for slopes.
    slopes, curvature : tuple of ChordValues
        By chord, each starting at the middle of a short bin.
    limits : tuple of LimitResult
        Limits.
    dips : tuple of DipResult
        Detectability.
    polygons : tuple of PolygonStatistics
        Areas.
    years : float
        Observed, yr; NaN unknown.
    messages : tuple of str
        What is wrong or left out, in words.
    statements : tuple of str
        What a reader must know to read the numbers.
    """

    line: CorridorLine
    crs: str
    tracks: tuple[TrackRates, ...]
    coverage: Coverage
    along: DensityAlong
    profile: Profile
    smooth: SmoothProfile
    zones: Zones
    series: BinSeries
    sides: SideDifference
    fine: Profile
    slopes: tuple[ChordValues, ...]
    curvature: tuple[ChordValues, ...]
    limits: tuple[LimitResult, ...]
    dips: tuple[DipResult, ...]
    polygons: tuple[PolygonStatistics, ...]
    years: float
    messages: tuple[str, ...]
    statements: tuple[str, ...]


@dataclass(frozen=True)
class CorridorContext:
    """What a line runs through, geometries in its coordinate system.

    Attributes
    ----------
    polygons : sequence of (name, geometry)
        Areas to report on.
    land : mapping of str to geometry
        Land classes.
    structures : sequence of Structure
        By chainage.
    limits : sequence of Limit
        To compare with.
    """

    polygons: Sequence[tuple[str, Any]] = ()
    land: Mapping[str, Any] = field(default_factory=dict)
    structures: Sequence[Structure] = ()
    limits: Sequence[Limit] = ()


def analyse_corridor(
    points: Sequence[PointSet], line: CorridorLine, *, parameters: CorridorParameters, context: CorridorContext
) -> CorridorAnalysis:
    """Compute everything along a line.

    Parameters
    ----------
    points : sequence of PointSet
        Tracks, in the coordinate system of the line; their default sets are used.
    line : CorridorLine
        The line.
    parameters : CorridorParameters
        Choices.
    context : CorridorContext
        Polygons, land, structures, limits.

    Returns
    -------
    CorridorAnalysis
        A line outside the data gives empty results and a message, not an error.
    """
    messages: list[str] = []
    tracks = tuple(_track(p, line, parameters, messages) for p in points)
    same_component(tracks)
    _note_crossings(line, messages)
    _note_structures(line, context.structures, messages)
    coverage = measure_coverage(
        tracks, line, half_width=parameters.half_width, reach=parameters.reach, cell=parameters.cell, land=context.land
    )
    _note_outside(line, coverage, tracks, parameters, messages)
    bins = make_bins(line, min(parameters.bin_length, line.length), structures=context.structures)
    profile = make_profile(tracks, bins, half_width=parameters.track_half_width)
    smooth = smooth_profile(profile, length=parameters.smoothing_length)
    short = make_bins(line, min(parameters.slope_bin, line.length), structures=context.structures)
    fine = make_profile(tracks, short, half_width=parameters.slope_half_width)
    years = parameters.observed_years or common_period(tracks)[0]
    if not np.isfinite(years):
        messages.append(
            "The points have no common period of dates, so that settlement, limits and detectability are not known: "
            "only values a year are given. State observed_years to have them."
        )
    datum = TrackDatum(profile.bias, float(np.nan_to_num(profile.between_std)), profile.datum_std)
    return CorridorAnalysis(
        line=line,
        crs=points[0].crs,
        tracks=tracks,
        coverage=coverage,
        along=density_along(tracks, line, half_width=parameters.half_width, land=context.land),
        profile=profile,
        smooth=smooth,
        zones=find_zones(profile, smooth, rule=parameters.zone_rule()),
        series=fit_bin_series(tracks, profile),
        sides=side_difference(tracks, bins, half_width=parameters.track_half_width),
        fine=fine,
        slopes=tuple(chord_slopes(fine, c) for c in parameters.slope_chords),
        curvature=tuple(chord_curvature(fine, c) for c in parameters.radius_chords),
        limits=compare_limits(
            profile,
            fine,
            context.limits,
            parameters=parameters,
            years=years,
            has_structures=bool(context.structures),
        ),
        dips=_dips(fine, tracks, line, parameters, years),
        polygons=tuple(
            polygon_statistics(name, shape, tracks, datum=datum, threshold=parameters.threshold, cell=parameters.cell)
            for name, shape in context.polygons
        ),
        years=float(years),
        messages=tuple(messages),
        statements=_statements(line, tracks, profile, context),
    )


def _track(points: PointSet, line: CorridorLine, parameters: CorridorParameters, messages: list[str]) -> TrackRates:
    good = points.default_set()
    if not good.n_points:
        raise ArgumentError(
            f"`points` of {points.name} must hold points without flags and with a rate, got none of {points.n_points}"
        )
    factor, std, component = vertical_rates(good)
    reach = max(parameters.half_width, parameters.track_half_width, parameters.slope_half_width)
    positions = locate_points(line, (good.easting, good.northing), max_distance=reach)
    if component == "line of sight":
        messages.append(
            f"{points.name}: the line of sight is unknown, so that its rates are along the line of sight, not vertical."
        )
    try:
        correlation = fit_error_correlation(good)
    except ArgumentError as error:
        correlation = independent_errors()
        messages.append(f"{points.name}: errors of points are taken as independent, intervals are too short: {error}")
    return TrackRates(points.name, good, good.velocity * factor, std, factor, component, correlation, positions)


def _note_crossings(line: CorridorLine, messages: list[str]) -> None:
    crossings = self_crossings(line)
    if crossings:
        places = ", ".join(f"{line.label(c.first)} = {line.label(c.second)}" for c in crossings[:10])
        more = f" and {len(crossings) - 10} more" if len(crossings) > 10 else ""
        messages.append(f"The line meets itself at {places}{more}; points there belong to the nearest part.")


def _note_structures(line: CorridorLine, structures: Sequence[Structure], messages: list[str]) -> None:
    off = [s for s in structures if s.end <= line.chainage_start or s.start >= line.chainage_end]
    if off:
        low, high = min(s.start for s in off), max(s.end for s in off)
        effect = ": no limit of a structure applies anywhere" if len(off) == len(structures) else ""
        messages.append(
            f"{len(off)} of {len(structures)} structures ({line.label(low)} to {line.label(high)}) lie off the line, "
            f"which runs from {line.label(line.chainage_start)} to {line.label(line.chainage_end)}{effect}. Check "
            "`chainage_start` and `is_reversed`."
        )


def _note_outside(
    line: CorridorLine,
    coverage: Coverage,
    tracks: Sequence[TrackRates],
    parameters: CorridorParameters,
    messages: list[str],
) -> None:
    if not any(t.positions.within(parameters.half_width).any() for t in tracks):
        messages.append(
            f"No point lies within {parameters.half_width:g} m of the line; the nearest is "
            f"{coverage.nearest / 1e3:.1f} km away. Check the coordinate system of the line. Rates, zones and slopes "
            "along it are unknown."
        )
    elif coverage.outside > parameters.reach:
        outside = [g for g in coverage.gaps if g.is_outside]
        places = ", ".join(f"{line.label(g.start)} to {line.label(g.end)}" for g in outside[:5])
        messages.append(
            f"The line leaves the data over {coverage.outside / 1e3:.1f} km"
            + (f" ({places})" if places else "")
            + "; nothing is said there."
        )


def _dips(
    fine: Profile, tracks: Sequence[TrackRates], line: CorridorLine, parameters: CorridorParameters, years: float
) -> tuple[DipResult, ...]:
    if not np.isfinite(years) or not np.isfinite(fine.rate).any():
        return ()
    near = [t.positions.within(parameters.slope_half_width) for t in tracks]
    kinds = np.concatenate([t.points.kind[n] for t, n in zip(tracks, near, strict=True)])
    chainage = np.concatenate([t.positions.chainage[n] for t, n in zip(tracks, near, strict=True)])
    ends = (line.chainage_start, line.chainage_end)
    found = []
    for depth, wavelength in parameters.dips:
        chord = max(0.5 * wavelength, parameters.slope_bin)
        std = chord_slopes(fine, chord).std
        known = np.isfinite(std)
        bin_std = float(np.median(std[known])) * chord / np.sqrt(2.0) * years if known.any() else np.inf
        for label, is_kind in (("PS", kinds != PointKind.DS), ("DS", kinds == PointKind.DS)):
            if not is_kind.any():
                continue
            window = _window(tracks, line.mean_azimuth, parameters, is_filtered=label == "DS")
            sampling = Sampling(parameters.slope_bin, mean_spacing(chainage[is_kind], ends), bin_std, window)
            judged = dip_detectability(depth, wavelength, sampling)
            found.append(DipResult(depth, wavelength, label, window, judged))
    return tuple(found)


def _window(
    tracks: Sequence[TrackRates], azimuth: float, parameters: CorridorParameters, *, is_filtered: bool
) -> float:
    """Averaging along the line, m: the longest of the tracks."""
    found = []
    for track in tracks:
        source = track.points.source
        extent = parameters.resolution
        if is_filtered and min(parameters.filter_window) > 0:
            extent = parameters.filter_window
        elif is_filtered and source.filter_extent > 0:
            found.append(source.filter_extent)
            continue
        heading = source.heading_deg
        found.append(window_along(azimuth, heading, extent) if np.isfinite(heading) else max(extent))
    return max(found)


def _ended(words: str) -> str:
    """Words as a sentence of their own."""
    return f"{words.rstrip('.')}."


def _statements(
    line: CorridorLine, tracks: Sequence[TrackRates], profile: Profile, context: CorridorContext
) -> tuple[str, ...]:
    percent = 100.0 * (line.plane_scale - 1.0)
    found = [
        f"Chainage is length on the ellipsoid, counted from {line.label(line.chainage_start)} at the start; in the "
        f"plane of {tracks[0].points.crs} the line is {abs(percent):.3f} % {'longer' if percent > 0 else 'shorter'}. "
        "Posts of a line at height are farther apart by 0.016 % for every km of height; broken chains are not known."
    ]
    if any(t.component == "vertical" for t in tracks):
        found.append(
            "Vertical rates are line-of-sight rates divided by the vertical part of the line of sight: nothing is "
            "taken to move sideways."
        )
    for track in tracks:
        found.append(
            f"{track.name}: {_ended(track.points.source.sigma_definition)} {_ended(track.points.source.datum)} Errors "
            f"of neighbours are correlated ({track.correlation.basis}), below 0.05 beyond "
            f"{track.correlation.reach:.0f} m."
        )
    if len(tracks) > 1:
        biases = ", ".join(f"{t.name} {1e3 * b:+.2f}" for t, b in zip(tracks, profile.bias, strict=True))
        found.append(
            f"Biases taken off the tracks, mm/yr: {biases}; disagreement beyond errors "
            f"{1e3 * profile.between_std:.2f} mm/yr; both are part of the intervals."
        )
    else:
        found.append("One track: its datum uncertainty is not known and not part of the intervals.")
    if context.limits and not context.structures:
        found.append(
            "No table of structures was given: every limit is applied to the whole line, and no difference across a "
            "joint of structures is known."
        )
    elif context.limits:
        bins = profile.bins
        unknown = float((bins.end - bins.start)[bins.structure == ""].sum())
        if unknown > 0:
            length = f"{unknown / 1e3:.1f} km" if unknown >= 100 else f"{unknown:.0f} m"
            found.append(f"The table of structures leaves {length} of the line out: limits are not compared there.")
    return tuple(found)
