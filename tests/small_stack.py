"""The synthetic products, coregistered burst by burst with the functions under test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sentinel1_files import SMALL, need, read_dem, read_product, small_products
from subside.model.acquisition import Acquisition
from subside.ops.burst_lattice import BurstLattice, burst_lattice
from subside.ops.burst_offsets import offset_model
from subside.ops.coregister import HALO, TILE_LINES, Shift, copy_burst_tile, resample_burst_tile
from subside.ops.geometry import acquisition_arc, burst_geometry, ground_grid
from subside.ops.range_shift import RangeSpectra, range_spectra
from subside.ops.spectral_diversity import OverlapLooks, doppler_separation
from subside.ops.tops import TopsModel, tops_model


@dataclass
class SmallStack:
    """Everything about `small` that several tests need."""

    truth: dict
    acquisitions: tuple[Acquisition, ...]
    reference: int
    lattice: BurstLattice
    heights: dict
    offsets: dict
    models: dict

    @property
    def dates(self) -> list[str]:
        return [d["date"] for d in self.truth["dates"]]

    @property
    def n_dates(self) -> int:
        return len(self.acquisitions)

    def reader(self, date: int, swath: str, burst: int):
        entry = self.truth["dates"][date]
        files = entry["swaths"][swath]["files"]
        shape = (entry["swaths"][swath]["lines"], entry["swaths"][swath]["samples"])
        offset = files["offset"] + burst * shape[0] * shape[1] * 4
        raw = np.memmap(SMALL / entry["safe"] / files["tiff"], "<i2", "r", offset, (*shape, 2))

        def read(lines: slice, samples: slice) -> np.ndarray:
            return np.ascontiguousarray(raw[lines, samples], np.float32).view(np.complex64)[..., 0]

        return read

    def tile(
        self, date: int, swath: str, burst: int, lines: slice, samples: slice, shift: Shift | None = None
    ) -> np.ndarray:
        """Any window of a burst on the reference grid, made of tiles of at most TILE_LINES lines."""
        read, model = self.reader(date, swath, burst), self.models[date, swath, burst]
        if date == self.reference:
            return copy_burst_tile(read, model, lines=lines, samples=samples)
        height = np.pad(self.heights[swath, burst], ((HALO, HALO), (0, 0)), mode="edge")
        out = []
        for top in range(lines.start, lines.stop, TILE_LINES):
            part = slice(top, min(top + TILE_LINES, lines.stop))
            out.append(
                resample_burst_tile(
                    read,
                    model,
                    offsets=self.offsets[date, swath, burst],
                    height_tile=height[part.start : part.stop + 2 * HALO, samples],
                    lines=part,
                    samples=samples,
                    shift=shift,
                )
            )
        return np.concatenate(out)

    def looks(self, date: int, overlap, shift: Shift | None = None) -> OverlapLooks:
        pair = (overlap.first, overlap.second)
        first, second = (
            self.tile(date, overlap.swath, b, lines, overlap.samples, shift)
            for b, lines in zip(pair, (overlap.lines, overlap.second_lines), strict=True)
        )
        models = tuple(self.models[date, overlap.swath, b] for b in pair)
        offsets = None if date == self.reference else tuple(self.offsets[date, overlap.swath, b] for b in pair)
        return OverlapLooks(first, second, doppler_separation(overlap, models, offsets=offsets))

    def spectra(self, date: int, overlap, looks: OverlapLooks) -> list[RangeSpectra]:
        model: TopsModel = self.models[date, overlap.swath, overlap.first]
        return [range_spectra(look, model) for look in (looks.first, looks.second)]

    def merged(self, date: int, shift: Shift | None = None) -> np.ndarray:
        out = np.zeros((self.lattice.n_lines, self.lattice.n_samples), np.complex64)
        for r in self.lattice.rectangles(slice(0, self.lattice.n_lines), slice(0, self.lattice.n_samples)):
            out[r.lines, r.samples] = self.tile(date, r.swath, r.burst_id, r.burst_lines, r.burst_samples, shift)
        return out


@lru_cache(maxsize=1)
def small_stack() -> SmallStack:
    """Geometry of `small`, once per session."""
    truth = json.loads(need(SMALL / "truth.json").read_text())
    acquisitions = tuple(read_product(p, orbit_file=o)[0] for p, o in small_products())
    reference = [d["date"] for d in truth["dates"]].index(truth["reference_date"])
    dem = read_dem(SMALL / "dem.tif")
    heights, offsets, models = {}, {}, {}
    arcs = [acquisition_arc(a) for a in acquisitions]
    span = (float(np.nanmin(dem.height)) - 1.0, float(np.nanmax(dem.height)) + 1.0)
    for swath in acquisitions[reference].swaths.values():
        for burst in swath.bursts:
            key = (swath.name, burst.burst_id)
            geometries = [
                burst_geometry(a, swath.name, burst_id=burst.burst_id, arc=arc)
                for a, arc in zip(acquisitions, arcs, strict=True)
            ]
            ground = ground_grid(
                geometries[reference],
                dem,
                lines=np.arange(swath.lines_per_burst),
                samples=np.arange(swath.samples_per_burst),
            )
            heights[key] = ground.height.astype(np.float32)
            for d, (a, g) in enumerate(zip(acquisitions, geometries, strict=True)):
                models[d, *key] = tops_model(a, swath.name, g.burst)
                if d != reference:
                    offsets[d, *key] = offset_model(geometries[reference], g, heights=span)
    return SmallStack(truth, acquisitions, reference, burst_lattice(acquisitions[reference]), heights, offsets, models)
