"""Points for the studies: a track of a project, or a file of anybody's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.conventions import PointFlag
from subside.errors import ProjectError, UnknownQuantityError
from subside.io.codes import CODES, refuse
from subside.io.points import check_projected, read_points
from subside.io.project import CONFIGURATION, Project
from subside.io.schema import point_ids
from subside.io.store import TrackStore
from subside.model.points import PointKind, PointSet, PointSource
from subside.model.series_rows import CachedRows
from subside.model.stack import parse_dates
from subside.ops.basins.aliasing import alias_risk
from subside.stages.catalogue import STAGES
from subside.stages.network import date_days
from subside.stages.tables import n_points_of, point_geometry, used_pairs

log = logging.getLogger("subside")

EVERY_TRACK: Final = "*"
"""Name that stands for every track of a project."""

_MULTILOOK_WINDOW: Final = (3, 3)
"""Pixels of a multilooked stack that may share looks, as the selection takes it."""

Los = tuple[float, float, float]


def load_points(
    spec: str | Path, *, crs: str | None = None, name: str | None = None, los: Los | None = None
) -> PointSet:
    """Load one set of points.

    Parameters
    ----------
    spec : str or Path
        ``PROJECT:TRACK``, ``PROJECT`` where it has one track, or a file (see :func:`subside.io.points.read_points`).
    crs : str, optional
        Projected system for easting and northing; None keeps that of the file, else takes the UTM zone.
    name : str, optional
        Name of the track in tables and figures.
    los : tuple of float, optional
        Line of sight (east, north, up) of a file that does not hold it.

    Returns
    -------
    PointSet
        Every point, flagged ones included. Displacements of a project stay on disk until read by rows; rows without
        a position are left out, logged and counted in the facts of the source.

    Raises
    ------
    ProjectError
        For a project or track that is not there or not finished.
    UnknownQuantityError
        If longitude and latitude of a track are unknown.
    InputFileError
        For a file that cannot be used.
    ArgumentError
        For a ``crs`` that is unknown or not in metres.
    """
    check_projected(crs)
    path = Path(spec)
    if path.is_file():
        return read_points(path, crs=crs, name=name, los=los)
    folder, track = _project_of(spec)
    points = track_points(Project.open(folder).track(track), label=str(spec))
    points = points if name is None else replace(points, name=name)
    return points if crs is None else points.reprojected(crs)


def load_all(specs: Sequence[str | Path], *, crs: str | None = None) -> tuple[PointSet, ...]:
    """Load several sets of points; ``PROJECT:*`` is every track of a project, by name.

    Parameters
    ----------
    specs : sequence of str or Path
        As for :func:`load_points`.
    crs : str, optional
        Projected system for all of them.

    Returns
    -------
    tuple of PointSet
        In the order given; a name that comes again gets ``-2``, ``-3``.

    Raises
    ------
    ProjectError, UnknownQuantityError, InputFileError
        As :func:`load_points`.
    """
    result: list[PointSet] = []
    taken: dict[str, int] = {}
    for spec in specs:
        for one in _expanded(spec):
            points = load_points(one, crs=crs)
            taken[points.name] = taken.get(points.name, 0) + 1
            again = taken[points.name]
            result.append(points if again == 1 else replace(points, name=f"{points.name}-{again}"))
    return tuple(result)


def _expanded(spec: str | Path) -> list[str | Path]:
    if not str(spec).endswith(f":{EVERY_TRACK}"):
        return [spec]
    folder = str(spec).removesuffix(f":{EVERY_TRACK}")
    names = Project.open(Path(folder)).track_names()
    if not names:
        raise ProjectError(f"{folder} has no track yet. Run `subside import {folder} --track NAME ...`.")
    return [f"{folder}:{name}" for name in names]


def _project_of(spec: str | Path) -> tuple[Path, str | None]:
    path = Path(spec)
    if path.is_dir():
        return path, None
    folder, colon, track = str(spec).rpartition(":")
    if not (colon and Path(folder).is_dir()):
        refuse(
            "S101",
            spec,
            "points must be PROJECT:TRACK, a project folder with one track, or a file, got nothing of that name",
            f"Give a folder that holds {CONFIGURATION} with the name of a track, or the path of a file",
        )
    return Path(folder), track


def track_points(store: TrackStore, *, label: str) -> PointSet:
    """Points of a finished track; those at risk of aliasing carry a flag besides those of the chain.

    Parameters
    ----------
    store : TrackStore
        The track.
    label : str
        How the user named it.

    Returns
    -------
    PointSet

    Raises
    ------
    ProjectError
        If the rates are not finished.
    UnknownQuantityError
        If longitude and latitude are unknown.
    """
    state = store.stage_state("rates")
    if state is None:
        raise ProjectError(f"track {store.name!r} has no finished rates. Run `subside run` first.")
    longitude, latitude = point_geometry(store, "longitude"), point_geometry(store, "latitude")
    if longitude is None or latitude is None or not np.isfinite(longitude + latitude).any():
        raise UnknownQuantityError(
            f"longitude and latitude of track {store.name!r} are unknown, and a study needs places on the ground. "
            f"{CODES['W203'].remedy}, and import the track again."
        )
    is_placed = np.isfinite(longitude) & np.isfinite(latitude)
    columns = _columns(store)
    source = _source(store, str(state["digest"]), label, n_left_out=int((~is_placed).sum()))
    points = PointSet.from_geographic(
        store.name,
        longitude=np.where(is_placed, longitude, np.median(longitude[is_placed])),
        latitude=np.where(is_placed, latitude, np.median(latitude[is_placed])),
        source=source,
        columns=columns,
    )
    if not is_placed.all():
        log.warning("%s: %d points without a position are left out", label, int((~is_placed).sum()))
        points = points.subset(is_placed)
    risk = alias_risk(points, pair_days=pair_spans(store), arcs=track_arcs(store, points))
    log.info("%s: %d points of %d are at risk of aliasing", label, int(risk.is_at_risk.sum()), points.n_points)
    flags = points.flags | np.where(risk.is_at_risk, int(PointFlag.ALIAS_RISK), 0).astype(np.int32)
    return replace(points, flags=flags)


def row_places(store: TrackStore, points: PointSet) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Longitude and latitude of every row of a track, those without a position included as NaN, (point,) each.

    Parameters
    ----------
    store : TrackStore
        The track.
    points : PointSet
        Its points as :func:`track_points` loads them, which hold the places already where none was left out.
    """
    if points.n_points == n_points_of(store):
        return points.longitude, points.latitude
    unknown = np.full(n_points_of(store), np.nan)
    read = (point_geometry(store, field) for field in ("longitude", "latitude"))
    longitude, latitude = (unknown if values is None else values for values in read)
    return longitude, latitude


def track_flags(store: TrackStore) -> npt.NDArray[np.int32]:
    """Flags of every point of a finished track as :func:`track_points` sets them, (point,).

    Points without a position keep those of the chain: whether they are at risk of aliasing is not known.
    """
    flags = store.read("rates/flags").astype(np.int32)
    longitude, latitude = point_geometry(store, "longitude"), point_geometry(store, "latitude")
    if longitude is not None and latitude is not None:
        is_placed = np.isfinite(longitude) & np.isfinite(latitude)
        if is_placed.any():
            flags[is_placed] = track_points(store, label=store.name).flags
    return flags


def point_kinds(store: TrackStore) -> npt.NDArray[np.uint8]:
    """Kind of every point of a track, a number of :class:`PointKind`, (point,): distributed where it was filtered."""
    return np.where(store.read("select/is_filtered"), PointKind.DS, PointKind.PS).astype(np.uint8)


def pair_spans(store: TrackStore) -> npt.NDArray[np.float64]:
    """Days between the dates of each pair a track uses, (pair,)."""
    pairs, days = used_pairs(store), date_days(store)
    return np.asarray(days[pairs[:, 1]] - days[pairs[:, 0]])


def track_arcs(store: TrackStore, points: PointSet) -> npt.NDArray[np.int32] | None:
    """Arcs along which all points of a track were unwrapped, (arc, 2); None where it came unwrapped, or of a part."""
    name = "unwrap/triangulation/arcs"
    is_whole = store.array("select/azimuth").shape[0] == points.n_points
    return np.asarray(store.read(name), np.int32) if is_whole and store.has(name) else None


def _columns(store: TrackStore) -> dict[str, Any]:
    azimuth, range_ = store.read("select/azimuth"), store.read("select/range")
    unknown = np.full(len(azimuth), np.nan)

    def field(name: str) -> npt.NDArray[np.float64]:
        values = point_geometry(store, name)
        return unknown if values is None else values

    return {
        "dates": parse_dates(store.stack_attributes()["dates"]),
        "los": np.stack([field("los_east"), field("los_north"), field("los_up")], axis=1),
        "velocity": store.read("rates/velocity").astype(np.float64),
        "velocity_std": store.read("rates/velocity_std").astype(np.float64),
        "velocity_std_representation": store.read("rates/velocity_std_representation").astype(np.float64),
        "displacement": CachedRows(store.array("reference/displacement")),
        "displacement_std": CachedRows(store.array("rates/displacement_std")),
        "kind": point_kinds(store),
        "coherence": store.read("select/temporal_coherence").astype(np.float64),
        "height": field("height"),
        "flags": store.read("rates/flags").astype(np.int32),
        "point_id": point_ids(store.name, azimuth, range_),
    }


def _source(store: TrackStore, digest: str, label: str, *, n_left_out: int) -> PointSource:
    stack, notes = store.stack_attributes(), store.read_attributes("rates")
    areas = store.read_attributes("reference").get("areas", [])
    facts: dict[str, Any] = {
        "reference_areas": [{k: v for k, v in area.items() if k != "point_rows"} for area in areas],
        "digests": {s.name: state["digest"] for s in STAGES if (state := store.stage_state(s.name))},
    }
    if n_left_out:
        facts["n_without_position"] = n_left_out
    return PointSource(
        label=label,
        digest=digest,
        wavelength=float(stack["wavelength"]),
        heading_deg=float(stack["source"].get("heading", np.nan)),
        sigma_definition=str(notes["sigma"]),
        datum=str(notes["datum"]),
        filter_extent=filter_extent(store),
        facts=facts,
    )


def filter_extent(store: TrackStore) -> float:
    """Longest distance over which two points of a track can share a filter window or looks, m; 0 is none or unknown."""
    stack = store.stack_attributes()
    parameters = (store.stage_state("extract") or {}).get("parameters") or {}
    if parameters.get("filter_method", "none") != "none":
        window = parameters["window"]
    elif (stack.get("n_looks") or 1.0) > 1.0:
        window = _MULTILOOK_WINDOW
    else:
        return 0.0
    return float(np.hypot(window[0] * stack["azimuth_spacing"], window[1] * stack["range_spacing"]))
