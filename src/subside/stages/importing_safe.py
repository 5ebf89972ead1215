"""Import of SAFE products: acquisitions, orbits, DEM and the merged grid into the store; pixels stay where they are."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from subside import __version__
from subside.errors import ArgumentError
from subside.io.acquisitions import acquisition_from_json, acquisition_to_json
from subside.io.codes import refuse
from subside.io.dem import open_dem, stated_datum
from subside.io.orbits import choose_orbit
from subside.io.safe import read_acquisitions
from subside.io.stacks import Finding
from subside.io.store import TrackStore, content_digest
from subside.kernels.geometry import to_ecef
from subside.model.acquisition import Acquisition
from subside.model.dem import Dem
from subside.ops.baselines import baselines, rate_acquisitions
from subside.ops.burst_lattice import BurstLattice, burst_lattice
from subside.ops.burst_window import BurstWindow, burst_window
from subside.ops.geometry import BurstGeometry, GroundGrid, acquisition_arc, burst_geometry, flat_ground
from subside.ops.orbit_arc import MANOEUVRE_RESIDUAL, leave_one_out
from subside.stages.acquisitions import frozen_lattice, identity, overlaps_to_use
from subside.stages.runner import COREGISTRATION
from subside.stages.safe_request import SafeRequest, read_area

log = logging.getLogger("subside")

Bounds = tuple[float, float, float, float]
"""West, south, east, north, degrees."""

_MARGIN = 0.003
"""Degrees of DEM beyond the area, so that its edges can be interpolated."""

_HEIGHT_MARGIN = 30.0
"""m by which the ground may lie beyond the heights of the DEM."""


def _with_orbits(
    acquisitions: Sequence[Acquisition], request: SafeRequest
) -> tuple[tuple[Acquisition, ...], list[Finding]]:
    chosen: list[Acquisition] = []
    findings: list[Finding] = []
    for acquisition in acquisitions:
        one, found = choose_orbit(acquisition, request.orbits)
        fallback = [f for f in found if f.code == "W126"]
        if fallback and request.orbits is not None and not request.annotation_orbits:
            refuse("S135", fallback[0].file, fallback[0].message)
        findings += found
        apart = leave_one_out(one.orbit, (one.start, one.stop))
        if apart > MANOEUVRE_RESIDUAL:
            message = f"{one.date}: a state vector lies {1000 * apart:.0f} mm from the curve of its neighbours"
            findings.append(Finding("W129", one.orbit.file, message))
        chosen.append(one)
    return tuple(chosen), findings


def _usual_bursts(acquisitions: Sequence[Acquisition]) -> set[tuple[str, int]]:
    held = [{(n, b.burst_id) for n, s in a.swaths.items() for b in s.bursts} for a in acquisitions]
    return {key for key in set().union(*held) if 2 * sum(key in h for h in held) > len(held)}


def choose_reference(acquisitions: Sequence[Acquisition], wanted: str | None) -> int:
    """Choose the reference date: best quality index among the dates that hold the usual bursts.

    Raises
    ------
    ArgumentError
        If ``wanted`` is not one of the dates.
    """
    dates = [a.date for a in acquisitions]
    if wanted is not None:
        if wanted not in dates:
            raise ArgumentError(f"`reference_date` must be one of {dates}, got {wanted!r}")
        return dates.index(wanted)
    usual = _usual_bursts(acquisitions)
    held = np.array(
        [sum((n, b.burst_id) in usual for n, s in a.swaths.items() for b in s.bursts) for a in acquisitions]
    )
    index = rate_acquisitions(acquisitions).index
    return int(np.argmax(np.where(held == held.max(), index, -np.inf)))


def _served(
    reference: Acquisition,
    bursts: Sequence[tuple[str, int]],
    area: npt.NDArray[np.float64],
    heights: tuple[float, float],
) -> dict[tuple[str, int], BurstWindow]:
    arc = acquisition_arc(reference)
    found = {}
    for swath, burst_id in bursts:
        window = burst_window(burst_geometry(reference, swath, burst_id=burst_id, arc=arc), area, heights=heights)
        if window is not None:
            found[swath, burst_id] = window
    return found


def _with_neighbours(served: Sequence[tuple[str, int]], bursts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Bursts before and after those that serve the area: spectral diversity needs overlaps."""
    wanted = set(served)
    for swath, burst_id in served:
        wanted |= {(swath, burst_id - 1), (swath, burst_id + 1)} & set(bursts)
    return sorted(wanted)


def _heights_of(dem: Dem) -> tuple[float, float]:
    return float(np.nanmin(dem.height)) - _HEIGHT_MARGIN, float(np.nanmax(dem.height)) + _HEIGHT_MARGIN


def _decide_lattice(
    reference: Acquisition, usual: set[tuple[str, int]], request: SafeRequest
) -> tuple[BurstLattice, dict[str, Any]]:
    """The merged grid and the facts it can be built from again."""
    bursts = [(n, b.burst_id) for n, s in reference.swaths.items() for b in s.bursts if (n, b.burst_id) in usual]
    if request.aoi is None:
        lattice = burst_lattice(reference, bursts)
        window = (slice(0, lattice.n_lines), slice(0, lattice.n_samples))
    else:
        area = read_area(request.aoi)
        dem, _ = _read_dem(request, (*area.min(axis=0), *area.max(axis=0)))
        served = _served(reference, bursts, area, _heights_of(dem))
        if not served:
            refuse("S136", request.aoi, f"must meet the bursts of {reference.date}, got an area outside all of them")
        bursts = _with_neighbours(list(served), bursts)
        lattice = burst_lattice(reference, bursts)
        window = _crop(lattice, served)
    facts = {
        "bursts": [list(b) for b in bursts],
        "lines": [window[0].start, window[0].stop],
        "samples": [window[1].start, window[1].stop],
    }
    return lattice.cropped(*window), facts


def _crop(lattice: BurstLattice, served: Mapping[tuple[str, int], BurstWindow]) -> tuple[slice, slice]:
    placed = [(lattice.placed(*key), window) for key, window in served.items()]
    lines = [p.line + w.first_line for p, w in placed], [p.line + w.last_line + 1 for p, w in placed]
    samples = [p.sample + w.first_sample for p, w in placed], [p.sample + w.last_sample + 1 for p, w in placed]
    return (
        slice(max(min(lines[0]), 0), min(max(lines[1]), lattice.n_lines)),
        slice(max(min(samples[0]), 0), min(max(samples[1]), lattice.n_samples)),
    )


def _ground_bounds(reference: Acquisition, lattice: BurstLattice, heights: tuple[float, float]) -> Bounds:
    """Box on the ground that holds the merged grid and the overlaps used, at heights between two."""
    arc = acquisition_arc(reference)
    first = lattice.bursts[0]
    geometry = burst_geometry(reference, first.swath, burst_id=first.burst_id, arc=arc)
    boxes = [(0, lattice.n_lines - 1, 0, lattice.n_samples - 1)]
    for o in overlaps_to_use(lattice):
        height, width = o.lines.stop - o.lines.start, o.samples.stop - o.samples.start
        boxes.append((o.line, o.line + height - 1, o.sample, o.sample + width - 1))
    grounds = [
        flat_ground(
            geometry,
            height,
            lines=np.linspace(top, bottom, 9) - first.line,
            samples=np.linspace(left, right, 9) - first.sample,
        )
        for top, bottom, left, right in boxes
        for height in heights
    ]
    longitude, latitude = (np.stack([getattr(g, n) for g in grounds]) for n in ("longitude", "latitude"))
    return (
        float(longitude.min()) - _MARGIN,
        float(latitude.min()) - _MARGIN,
        float(longitude.max()) + _MARGIN,
        float(latitude.max()) + _MARGIN,
    )


def _dem_under(request: SafeRequest, reference: Acquisition, lattice: BurstLattice) -> tuple[Dem, tuple[Finding, ...]]:
    """DEM under the merged grid: its heights say where on the ground the grid lies."""
    dem, _ = _read_dem(request, _ground_bounds(reference, lattice, (0.0, 1.0)))
    return _read_dem(request, _ground_bounds(reference, lattice, _heights_of(dem)))


def _read_dem(request: SafeRequest, bounds: Bounds) -> tuple[Dem, tuple[Finding, ...]]:
    datum = request.vertical_datum or stated_datum(request.dem)
    return open_dem(request.dem, bounds=bounds, vertical_datum=datum, geoid=request.geoid)


@dataclass(frozen=True)
class _Frame:
    """Reference geometry of the merged grid."""

    reference: Acquisition
    lattice: BurstLattice
    dem: Dem

    def ground(self, lines: Sequence[float], samples: Sequence[float]) -> tuple[BurstGeometry, GroundGrid]:
        """Ground under merged lines and samples at the mean height."""
        first = self.lattice.bursts[0]
        geometry = burst_geometry(self.reference, first.swath, burst_id=first.burst_id)
        ground = flat_ground(
            geometry,
            float(np.nanmean(self.dem.height)),
            lines=np.asarray(lines, np.float64) - first.line,
            samples=np.asarray(samples, np.float64) - first.sample,
        )
        return geometry, ground

    def spacing(self) -> tuple[float, float]:
        """Spacing of lines and of samples on the ground at mid-scene, m."""
        line, sample = 0.5 * self.lattice.n_lines, 0.5 * self.lattice.n_samples
        _, ground = self.ground((line - 50, line + 50), (sample - 50, sample + 50))
        corner = to_ecef(ground.latitude.ravel(), ground.longitude.ravel(), ground.height.ravel()).reshape(2, 2, 3)
        along = np.linalg.norm(corner[1, 0] - corner[0, 0]) / 100
        across = np.linalg.norm(corner[0, 1] - corner[0, 0]) / 100
        return float(along), float(across)

    def baselines(self, acquisitions: Sequence[Acquisition]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Perpendicular baselines at the corners, (date, 2, 2), and parallel ones at mid-scene, (date,), m."""
        lines, samples = self.lattice.n_lines - 1.0, self.lattice.n_samples - 1.0
        geometry, ground = self.ground((0.0, 0.5 * lines, lines), (0.0, 0.5 * samples, samples))
        found = [baselines(geometry, ground, secondary=acquisition_arc(a)) for a in acquisitions]
        perpendicular = np.stack([b.perpendicular[::2, ::2] for b in found])
        return perpendicular, np.array([b.parallel[1, 1] for b in found])


def _digest(content: Any) -> str:
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def _kept_shifts(
    store: TrackStore, facts: Mapping[str, Any], acquisitions: Sequence[Acquisition]
) -> dict[str, list[float | None]]:
    """Shifts of the dates that are there, to be kept as they are where grid, annotation and orbit are the same.

    A shift is measured against annotation and orbit: with a better orbit file it has to be measured again.
    """
    before = store.read_attributes("acquisitions")
    if before.get("frame") != facts["frame"]:
        return {}
    records = store.read_attributes("acquisitions/records")
    same = {
        a.date
        for a in acquisitions
        if a.date in records and identity(acquisition_from_json(records[a.date])) == identity(a)
    }
    is_as_before = same == set(before["dates"]) == {a.date for a in acquisitions}
    known = dict(before["shifts"]) if is_as_before else _measured_shifts(store, before)
    return {date: values for date, values in known.items() if date in same}


def _measured_shifts(store: TrackStore, before: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Shifts of the dates of the import before, with their standard deviations."""
    if store.stage_state("alignment") is None:
        return dict(before["shifts"])
    names = ("azimuth_shift", "range_shift", "azimuth_sigma", "range_sigma")
    values = [store.read(f"alignment/{n}") for n in names]
    return {d: [float(v[k]) if np.isfinite(v[k]) else None for v in values] for k, d in enumerate(before["dates"])}


def _earlier_import(store: TrackStore, request: SafeRequest, dates: Sequence[str]) -> Mapping[str, Any] | None:
    """Facts of an import that this one only adds dates to."""
    before = store.read_attributes("acquisitions")
    if not before or before["request_frame"] != request.frame() or not set(before["dates"]) <= set(dates):
        return None
    is_other = request.reference_date not in (None, before["reference_date"])
    return None if is_other else before


def import_safe(store: TrackStore, request: SafeRequest) -> str:
    """Bring SAFE products into a track; the stages `geometry`, `alignment` and `stack` make a stack of them.

    Repeated with more products, the reference date, the merged grid and the shifts of the dates that are there stay
    as they are, so that only the new dates are resampled.

    Parameters
    ----------
    store : TrackStore
        Where to.
    request : SafeRequest
        What to read.

    Returns
    -------
    str
        Digest of what was imported.

    Raises
    ------
    InputFileError
        With the code of the first fault found, before anything is written.
    """
    acquisitions, findings = read_acquisitions(
        list(request.sources), polarisation=request.polarisation, swaths=request.swaths
    )
    if len(acquisitions) < 2:
        refuse("S110", request.sources[0], f"must hold at least two dates, got {[a.date for a in acquisitions]}")
    acquisitions, of_orbits = _with_orbits(acquisitions, request)
    dates = [a.date for a in acquisitions]
    before = _earlier_import(store, request, dates)
    if before is None:
        reference = acquisitions[choose_reference(acquisitions, request.reference_date)]
        lattice, lattice_facts = _decide_lattice(reference, _usual_bursts(acquisitions), request)
    else:
        reference = acquisitions[dates.index(before["reference_date"])]
        lattice_facts = before["lattice"]
        lattice = frozen_lattice(reference, lattice_facts)
    dem, of_dem = _dem_under(request, reference, lattice)
    every = [*findings, *of_orbits, *of_dem]
    for finding in every:
        log.info("finding: %s", finding)
    frame = _Frame(reference, lattice, dem)
    facts = _facts(frame, acquisitions, request, every)
    facts |= {"lattice": lattice_facts, "request_frame": request.frame()}
    facts["frame"] = _digest([identity(reference), content_digest(dem.height), lattice_facts])
    facts["shifts"] = _kept_shifts(store, facts, acquisitions)
    return _write(store, facts, acquisitions, dem)


def _facts(
    frame: _Frame, acquisitions: Sequence[Acquisition], request: SafeRequest, findings: Sequence[Finding]
) -> dict[str, Any]:
    azimuth_spacing, range_spacing = frame.spacing()
    perpendicular, parallel = frame.baselines(acquisitions)
    dem = {k: v for k, v in vars(frame.dem).items() if k != "height"}
    reference = frame.reference
    return {
        "dates": [a.date for a in acquisitions],
        "reference_date": reference.date,
        "wavelength": reference.wavelength,
        "azimuth_spacing": azimuth_spacing,
        "range_spacing": range_spacing,
        "shape": [frame.lattice.n_lines, frame.lattice.n_samples],
        "bperp": perpendicular.tolist(),
        "bpar": parallel.tolist(),
        "n_looks": 1.0,
        "source": {
            "sensor": "Sentinel-1",
            "track": reference.relative_orbit,
            "pass": "ascending" if reference.is_ascending else "descending",
            "polarisation": reference.polarisation,
            "heading": float(np.degrees(frame.ground((0.0, 1.0), (0.0, 1.0))[0].heading)),
            "products": {a.date: list(a.products) for a in acquisitions},
            "orbits": {a.date: a.orbit.file for a in acquisitions},
            "dem": frame.dem.source,
        },
        "findings": [{"code": f.code, "file": str(f.file), "message": f.message} for f in findings],
        "request": request.as_json(),
        "dem": dem,
        "dem_bytes": int(frame.dem.height.nbytes),
    }


def _write(store: TrackStore, facts: dict[str, Any], acquisitions: Sequence[Acquisition], dem: Dem) -> str:
    digest = _digest([facts["frame"], [identity(a) for a in acquisitions], facts["shifts"]])
    store.create()
    if store.read_attributes("acquisitions").get("frame") == facts["frame"]:
        store.reopen_stage("acquisitions")
    else:
        for stage in (*COREGISTRATION, "acquisitions"):
            store.forget_stage(stage)
        store.write("acquisitions/height", dem.height, dims=("row", "column"), units="m")
    store.write_attributes("acquisitions/records", {a.date: acquisition_to_json(a) for a in acquisitions})
    store.write_attributes("acquisitions", facts)
    store.finish_stage("acquisitions", {"digest": digest, "frame": facts["frame"], "subside": __version__})
    log.info(
        "imported %d dates of track %s, reference %s, %d x %d pixels as track %s",
        len(acquisitions), facts["source"]["track"], facts["reference_date"], *facts["shape"], store.name,
    )  # fmt: skip
    return digest
