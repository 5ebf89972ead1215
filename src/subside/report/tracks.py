"""Facts of the tracks: Table 1, and methods and quality written from what the stages left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.conventions import FLAG_DESCRIPTIONS, MM_PER_M, PointFlag
from subside.io.store import TrackStore
from subside.model.stack import parse_dates
from subside.ops.network import NOT_NEEDED
from subside.stages.catalogue import STAGES
from subside.stages.network import date_days
from subside.stages.products import provenance
from subside.stages.tables import point_geometry

_CORNERS: Final = ((0, 0), (0, -1), (-1, -1), (-1, 0))


@dataclass(frozen=True)
class StageFacts:
    """What a finished stage left.

    Attributes
    ----------
    name, title : str
        Stage.
    state : str
        ``done``, ``stale``, ...; empty where it was not asked for.
    digest, version, subside : str
        Of the result, of the stage, of the package that ran it.
    parameters, facts : mapping
        JSON values.
    """

    name: str
    title: str
    state: str
    digest: str
    version: str
    subside: str
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class TrackFacts:
    """A track in numbers; None and empty are unknown.

    Attributes
    ----------
    name : str
        Track.
    sensor, relative_orbit, swaths, pass_direction : str
        As the source says; the pass from the heading where it does not.
    dates : tuple of str
        ``YYYYMMDD``.
    reference_date : str
        ``YYYYMMDD``.
    heading_deg : float or None
        Clockwise from north.
    incidence_deg : tuple of float or None
        Least, mean, greatest over the points (or the scene).
    line_of_sight : tuple of float or None
        Mean unit vector from ground to satellite: east, north, up.
    wavelength, azimuth_spacing, range_spacing : float
        m.
    bperp_m : tuple of float or None
        Least and greatest perpendicular baseline of a used pair.
    longest_pair_days, longest_gap_days : float or None
        Longest used pair; longest time between neighbouring dates.
    pairs : mapping of str to int
        Kept, added, dropped, bridges.
    points : mapping of str to int
        All, default set, PS, DS of the default set.
    flagged : mapping of str to int
        Points by flag, in words.
    areas : tuple of mapping
        Reference areas.
    sigma_definition, datum : str
        In words.
    stack_digest : str
        Of the images, or of the acquisitions where these are not a stack yet.
    median_sigma_mm_yr : float or None
        Of the default set.
    outline : tuple of float arrays, or None
        Longitude and latitude of the corners of the scene.
    stages : tuple of StageFacts
        In the order of the chain.
    source : mapping
        What the import was asked for.
    findings : tuple of str
        What the import repaired or could not know.
    """

    name: str
    sensor: str
    relative_orbit: str
    swaths: str
    pass_direction: str
    dates: tuple[str, ...]
    reference_date: str
    heading_deg: float | None
    incidence_deg: tuple[float, float, float] | None
    line_of_sight: tuple[float, float, float] | None
    wavelength: float
    azimuth_spacing: float
    range_spacing: float
    bperp_m: tuple[float, float] | None = None
    longest_pair_days: float | None = None
    longest_gap_days: float | None = None
    pairs: Mapping[str, int] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)
    flagged: Mapping[str, int] = field(default_factory=dict)
    areas: tuple[Mapping[str, Any], ...] = ()
    sigma_definition: str = ""
    datum: str = ""
    stack_digest: str = ""
    median_sigma_mm_yr: float | None = None
    outline: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None
    stages: tuple[StageFacts, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether there are rates."""
        return bool(self.points)

    def digest_of(self, stage: str) -> str:
        """Digest of a stage, or of the stack; empty where it is not finished."""
        if stage == "stack":
            return self.stack_digest
        return next((s.digest for s in self.stages if s.name == stage), "")


def track_facts(store: TrackStore, *, status: Sequence[Mapping[str, Any]] = ()) -> TrackFacts:
    """Gather what is known of a track.

    Parameters
    ----------
    store : TrackStore
        Track; it need not be finished.
    status : sequence of mapping, optional
        Rows of :func:`subside.stages.session.status_of`, for the state of each stage.

    Returns
    -------
    TrackFacts

    Raises
    ------
    ProjectError
        If nothing was imported.
    """
    facts = store.stack_attributes()
    source = facts["source"]
    dates = tuple(facts["dates"])
    heading = _finite(source.get("heading"))
    return TrackFacts(
        name=store.name,
        sensor=str(source.get("sensor") or "unknown"),
        relative_orbit=str(source.get("track") or ""),
        swaths=_swaths(facts),
        pass_direction=str(source.get("pass") or _pass_of(heading)),
        dates=dates,
        reference_date=facts["reference_date"],
        heading_deg=heading,
        incidence_deg=_incidence(store),
        line_of_sight=_line_of_sight(store),
        wavelength=facts["wavelength"],
        azimuth_spacing=facts["azimuth_spacing"],
        range_spacing=facts["range_spacing"],
        longest_gap_days=_longest_gap(dates),
        outline=_outline(store),
        stack_digest=str((store.stage_state("stack") or store.stage_state("acquisitions") or {}).get("digest", "")),
        stages=_stages(store, status),
        source=facts.get("request") or {},
        findings=tuple(f"{f['code']} {f['message']}" for f in facts.get("findings") or ()),
        **_network_facts(store),
        **_point_facts(store),
    )


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _pass_of(heading: float | None) -> str:
    """A satellite that flies north is on an ascending pass."""
    if heading is None:
        return "unknown"
    return "ascending" if math.cos(math.radians(heading)) > 0 else "descending"


def _swaths(facts: Mapping[str, Any]) -> str:
    bursts = (facts.get("frame") or {}).get("bursts") or ()
    return ", ".join(sorted({str(b[0]) for b in bursts}))


def _longest_gap(dates: Sequence[str]) -> float | None:
    if len(dates) < 2:
        return None
    return float(np.diff(parse_dates(list(dates)).astype("datetime64[D]")).astype(np.int64).max())


def _corner_values(store: TrackStore, field_: str) -> npt.NDArray[np.float64] | None:
    if field_ not in store.geometry_fields():
        return None
    array = store.geometry_array(field_)
    values = np.array([float(array[k]) for k in ((i % array.shape[0], j % array.shape[1]) for i, j in _CORNERS)])
    return values if np.isfinite(values).all() else None


def _outline(store: TrackStore) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    longitude, latitude = _corner_values(store, "longitude"), _corner_values(store, "latitude")
    return None if longitude is None or latitude is None else (longitude, latitude)


def _of_points(store: TrackStore, name: str) -> npt.NDArray[np.float64] | None:
    """A geometry field at the points, at the corners where there are no points yet; None where unknown."""
    values = point_geometry(store, name) if store.has("select/azimuth") else _corner_values(store, name)
    if values is None:
        return None
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return known if known.size else None


def _incidence(store: TrackStore) -> tuple[float, float, float] | None:
    values = _of_points(store, "incidence_angle")
    if values is None:
        return None
    degrees = np.degrees(values)
    return float(degrees.min()), float(degrees.mean()), float(degrees.max())


def _line_of_sight(store: TrackStore) -> tuple[float, float, float] | None:
    parts = [_of_points(store, f"los_{axis}") for axis in ("east", "north", "up")]
    if any(p is None for p in parts):
        return None
    mean = np.array([p.mean() for p in parts if p is not None])
    east, north, up = (mean / np.linalg.norm(mean)).tolist()
    return east, north, up


def _network_facts(store: TrackStore) -> dict[str, Any]:
    if not store.has("network/earlier"):
        return {}
    notes = store.read_attributes("network")
    words, reasons = np.array(notes["status"]), np.array(notes["reason"])
    is_used = words != "dropped"
    bperp = store.read("network/bperp")[is_used]
    days = date_days(store)
    length = (days[store.read("network/later")] - days[store.read("network/earlier")])[is_used]
    known = bperp[np.isfinite(bperp)]
    return {
        "pairs": {
            "kept": int((words == "kept").sum()),
            "added": int((words == "added").sum()),
            "dropped": int(((words == "dropped") & (reasons != NOT_NEEDED)).sum()),
            "not_needed": int((reasons == NOT_NEEDED).sum()),
            "bridges": int((store.read("network/is_bridge") & is_used).sum()),
        },
        "bperp_m": (float(known.min()), float(known.max())) if len(known) else None,
        "longest_pair_days": float(length.max()) if len(length) else None,
    }


def _point_facts(store: TrackStore) -> dict[str, Any]:
    if store.stage_state("rates") is None:
        return {}
    flags, is_filtered = store.read("rates/flags"), store.read("select/is_filtered")
    is_default = flags == 0
    sigma = store.read("rates/velocity_std")[is_default]
    sigma = sigma[np.isfinite(sigma)]
    notes = store.read_attributes("rates")
    areas = store.read_attributes("reference").get("areas") or ()
    return {
        "points": {
            "all": len(flags),
            "default": int(is_default.sum()),
            "ps": int((is_default & ~is_filtered).sum()),
            "ds": int((is_default & is_filtered).sum()),
        },
        "flagged": {
            d.description: int(((flags & int(d.flag)) != 0).sum())
            for d in FLAG_DESCRIPTIONS
            if d.flag != PointFlag.ALIAS_RISK
        },
        "areas": tuple({k: v for k, v in a.items() if k != "point_rows"} for a in areas),
        "sigma_definition": str(notes.get("sigma", "")),
        "datum": str(notes.get("datum", "")),
        "median_sigma_mm_yr": float(np.median(sigma) * MM_PER_M) if len(sigma) else None,
    }


def _stages(store: TrackStore, status: Sequence[Mapping[str, Any]]) -> tuple[StageFacts, ...]:
    left = provenance(store)
    states = {row["stage"]: str(row["state"]) for row in status}
    found = []
    for stage in STAGES:
        if stage.name == "stack" and "facts" not in (left.get("stack") or {}):
            continue
        if left.get(stage.name):
            state = left[stage.name]
            found.append(
                StageFacts(
                    stage.name,
                    stage.title,
                    states.get(stage.name, ""),
                    str(state["digest"]),
                    str(state.get("version", "")),
                    str(state.get("subside", "")),
                    state.get("parameters") or {},
                    state.get("facts") or {},
                )
            )
    return tuple(found)
