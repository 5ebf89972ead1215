"""What a track of SAFE products holds before it is a stack: acquisitions, DEM, and the grid they will be merged on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from subside.io.acquisitions import acquisition_from_json, acquisition_to_json
from subside.io.store import GEOMETRY_SAMPLES, TrackStore
from subside.kernels.geometry import OrbitArc
from subside.model.acquisition import Acquisition
from subside.model.dem import Dem
from subside.ops.burst_lattice import BurstLattice, Overlap, burst_lattice
from subside.ops.geometry import BurstGeometry, acquisition_arc, burst_geometry

ENOUGH_OVERLAP = 2048
"""Samples of overlap inside the area that suffice to measure shifts of a thousandth of a line."""


@dataclass(frozen=True)
class TrackInput:
    """Everything the coregistration starts from.

    Attributes
    ----------
    acquisitions : tuple of Acquisition
        By date.
    reference : Acquisition
        The one whose grid the stack is on.
    dem : Dem
        Ellipsoidal heights over all bursts used.
    lattice : BurstLattice
        The merged grid, cropped to the area of interest.
    heights : tuple of float
        Lowest and highest height of the DEM, m.
    arcs : mapping of str to OrbitArc
        Orbit of each date.
    """

    acquisitions: tuple[Acquisition, ...]
    reference: Acquisition
    dem: Dem
    lattice: BurstLattice
    heights: tuple[float, float]
    arcs: Mapping[str, OrbitArc]

    def geometry_of(self, acquisition: Acquisition, swath: str, burst_id: int) -> BurstGeometry:
        """Join a burst of a date with its orbit."""
        return burst_geometry(acquisition, swath, burst_id=burst_id, arc=self.arcs[acquisition.date])

    def merged_geometry(self) -> tuple[BurstGeometry, int, int]:
        """A burst of the reference in whose lines and samples any merged pixel can be written, and its place."""
        first = self.lattice.bursts[0]
        return self.geometry_of(self.reference, first.swath, first.burst_id), first.line, first.sample


def frozen_lattice(reference: Acquisition, facts: Mapping[str, Any]) -> BurstLattice:
    """Build the merged grid again from what the import decided.

    Parameters
    ----------
    reference : Acquisition
        The reference date.
    facts : mapping
        ``bursts`` (swath, id), and ``lines`` and ``samples`` of the window of their grid that is kept.
    """
    lattice = burst_lattice(reference, [(str(s), int(b)) for s, b in facts["bursts"]])
    return lattice.cropped(slice(*facts["lines"]), slice(*facts["samples"]))


@lru_cache(maxsize=1)
def _load(path: Path, digest: str) -> TrackInput:
    store = TrackStore(path)
    facts = store.read_attributes("acquisitions")
    records = store.read_attributes("acquisitions/records")
    acquisitions = tuple(acquisition_from_json(records[date]) for date in facts["dates"])
    reference = acquisitions[facts["dates"].index(facts["reference_date"])]
    dem_facts = store.read_attributes("acquisitions")["dem"]
    dem = Dem(store.read("acquisitions/height"), **dem_facts)
    heights = (float(np.nanmin(dem.height)) - 50.0, float(np.nanmax(dem.height)) + 50.0)
    arcs = {a.date: acquisition_arc(a) for a in acquisitions}
    return TrackInput(acquisitions, reference, dem, frozen_lattice(reference, facts["lattice"]), heights, arcs)


def load_input(store: TrackStore) -> TrackInput:
    """Read acquisitions, DEM and grid, once per worker process."""
    state = store.stage_state("acquisitions") or {"digest": ""}
    return _load(store.path, str(state["digest"]))


def overlaps_to_use(lattice: BurstLattice) -> tuple[Overlap, ...]:
    """Burst overlaps that shifts are measured on: their parts inside the grid, or all where that is too little."""
    inside = []
    for o in lattice.overlaps:
        left, right = max(o.sample, 0), min(o.sample + o.samples.stop - o.samples.start, lattice.n_samples)
        height = o.lines.stop - o.lines.start
        if left < right and o.line >= 0 and o.line + height <= lattice.n_lines:
            start = o.samples.start + left - o.sample
            inside.append(replace(o, samples=slice(start, start + right - left), sample=left))
    enough = sum(o.samples.stop - o.samples.start for o in inside) >= ENOUGH_OVERLAP
    return tuple(inside) if enough else lattice.overlaps


def identity(acquisition: Acquisition) -> dict[str, Any]:
    """What an acquisition is, wherever its files lie: for digests."""
    plain = acquisition_to_json(acquisition)
    for swath in plain["swaths"].values():
        for burst in swath["bursts"]:
            burst["file"] = re.split(r"[/!]", burst["file"])[-1]
    return plain


def frozen_shifts(store: TrackStore) -> dict[str, tuple[float, float, float, float]]:
    """Shifts of dates measured before the last import: azimuth, range, and their standard deviations, by date.

    They stay as they are, so that adding a date changes no image that is there.
    """
    shifts = store.read_attributes("acquisitions").get("shifts", {})
    known = {date: [np.nan if v is None else float(v) for v in values] for date, values in shifts.items()}
    return {date: (v[0], v[1], v[2], v[3]) for date, v in known.items()}


def merged_blocks(shape: tuple[int, int], lines_per_block: int) -> list[tuple[str, tuple[slice, slice]]]:
    """Blocks of the merged grid: bands of lines by strips of samples."""
    return [
        (
            f"lines_{top}_samples_{left}",
            (
                slice(top, min(top + lines_per_block, shape[0])),
                slice(left, min(left + GEOMETRY_SAMPLES, shape[1])),
            ),
        )
        for top in range(0, shape[0], lines_per_block)
        for left in range(0, shape[1], GEOMETRY_SAMPLES)
    ]
