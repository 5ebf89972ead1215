"""Figures 1 to 3 of a report, drawn from the tracks, their points and what is on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from subside.figures.geographic import MapBox, MapShape, MapSites, hull_of
from subside.figures.network import NetworkFigureInput
from subside.figures.study_area import MapBackground, StudyAreaInput, study_area_figure
from subside.figures.style import LOS_NOTE
from subside.figures.track_networks import TrackNetworksInput, track_networks_figure
from subside.figures.track_rates import TrackRates, TrackRatesInput, track_rates_figure
from subside.io.store import TrackStore
from subside.model.network import Network, PairStatus
from subside.model.points import PointSet
from subside.ops.network import NOT_NEEDED
from subside.report.content import Picture
from subside.report.tracks import TrackFacts
from subside.stages.network import load_network
from subside.stages.tables import date_bperp


@dataclass(frozen=True)
class MapContext:
    """What is drawn on every map of the report.

    Attributes
    ----------
    lines, areas : tuple of MapShape
        Railway and the like; city, airport, coalfield.
    sites : tuple of MapSites
        Named places by kind.
    boxes : tuple of MapBox
        Rectangles looked at in detail.
    background : MapBackground or None
        Below the map of the study area.
    """

    lines: tuple[MapShape, ...] = ()
    areas: tuple[MapShape, ...] = ()
    sites: tuple[MapSites, ...] = ()
    boxes: tuple[MapBox, ...] = ()
    background: MapBackground | None = None


def shapes_of(names: Sequence[str], geometries: Sequence[Any]) -> tuple[MapShape, ...]:
    """Shapes to draw from lines and polygons in longitude and latitude, one a part, holes left out."""
    found = []
    for name, geometry in zip(names, geometries, strict=True):
        for part in shapely.get_parts(geometry):
            outline = shapely.get_exterior_ring(part) if part.geom_type == "Polygon" else part
            corners = shapely.get_coordinates(outline)
            if len(corners) >= 2:
                found.append(MapShape(name, corners[:, 0], corners[:, 1]))
    return tuple(found)


def sites_of(
    names: npt.ArrayLike, kinds: npt.ArrayLike, longitude: npt.ArrayLike, latitude: npt.ArrayLike
) -> tuple[MapSites, ...]:
    """Sites grouped by their kind, in the order in which the kinds come."""
    name, kind = np.asarray(names, dtype=object), np.asarray(kinds, dtype=object)
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    groups = []
    for each in dict.fromkeys(kind.tolist()):
        chosen = kind == each
        groups.append(MapSites(str(each) or "sites", tuple(map(str, name[chosen])), lon[chosen], lat[chosen]))
    return tuple(groups)


def study_area_picture(
    tracks: Sequence[TrackFacts], points: Sequence[PointSet], *, context: MapContext | None = None
) -> Picture | None:
    """Figure 1; the outline of a track is that of its images, or of its points where these came as a file."""
    on_map = context or MapContext()
    outlines = {
        t.name: MapShape(f"{t.name}, {len(t.dates)} images", *t.outline) for t in tracks if t.outline is not None
    }
    for p in points:
        if p.name not in outlines:
            outlines[p.name] = hull_of(p.longitude, p.latitude, f"{p.name}, points")
    if not (outlines or on_map.lines or on_map.areas or on_map.sites):
        return None
    data = StudyAreaInput(tuple(outlines.values()), on_map.lines, on_map.areas, on_map.sites, on_map.background)
    caption = (
        "Study area: what each track covers, with the line, areas and sites given. Longitude and latitude, WGS 84."
    )
    return Picture(study_area_figure(data), caption, number="1")


def network_input(store: TrackStore) -> NetworkFigureInput:
    """Network of a track without the bridging candidates that were never needed: they would hide it.

    Raises
    ------
    ProjectError
        If the track has no network yet.
    """
    network = load_network(store)
    keep = np.array([s is not PairStatus.DROPPED for s in network.status])
    keep |= np.array([r != NOT_NEEDED for r in network.reason])
    arrays = {n: getattr(network, n)[keep] for n in ("earlier", "later", "bperp", "coherence", "is_bridge")}
    shown = Network(
        days=network.days,
        status=tuple(s for s, k in zip(network.status, keep, strict=True) if k),
        reason=tuple(r for r, k in zip(network.reason, keep, strict=True) if k),
        **arrays,
    )
    facts, corners = store.stack_attributes(), date_bperp(store)
    bperp = None if corners is None else corners.mean(axis=(1, 2))
    return NetworkFigureInput(shown, tuple(facts["dates"]), bperp, facts["reference_date"])


def networks_picture(stores: Sequence[TrackStore]) -> Picture | None:
    """Figure 2, of the tracks that have a network; None where none has."""
    networks = {s.name: network_input(s) for s in stores if s.has("network/earlier")}
    if not networks:
        return None
    caption = (
        "Interferograms of each track, by date and perpendicular baseline: kept, dropped as too noisy, and added to "
        "keep the network whole. Baselines in metres, relative to the reference image."
    )
    return Picture(track_networks_figure(TrackNetworksInput(networks)), caption, number="2")


def rates_picture(
    points: Sequence[PointSet],
    tracks: Sequence[TrackFacts] = (),
    *,
    context: MapContext | None = None,
    limit_mm_yr: float | None = None,
) -> Picture | None:
    """Figure 3: line-of-sight rates of the default sets on one scale; None without points."""
    if not points:
        return None
    on_map = context or MapContext()
    facts = {t.name: t for t in tracks}
    shown = []
    for p in points:
        keep = (p.flags == 0) & np.isfinite(p.velocity)
        track = facts.get(p.name)
        incidence = f", {track.incidence_deg[1]:.1f}°" if track is not None and track.incidence_deg else ""
        note = f"{track.pass_direction}{incidence}" if track is not None else ""
        shown.append(TrackRates(p.name, p.longitude[keep], p.latitude[keep], p.velocity[keep], note))
    data = TrackRatesInput(tuple(shown), on_map.lines, on_map.boxes, limit_mm_yr)
    boxes = ", ".join(b.name for b in on_map.boxes)
    tail = f" The boxes ({boxes}) are those of the wrapped interferograms shown under Mining." if boxes else ""
    caption = (
        f"Average line-of-sight rates in mm/yr, {LOS_NOTE}: red is away from it. Points without a quality flag.{tail}"
    )
    return Picture(track_rates_figure(data), caption, number="3")
