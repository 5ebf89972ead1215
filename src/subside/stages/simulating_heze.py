"""The simulated Heze region as a project: two tracks, the tables a user would bring, and the truth set aside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Console

from subside import __version__
from subside.conventions import SENTINEL1_WAVELENGTH
from subside.errors import ArgumentError
from subside.io.atomic import read_json, write_json
from subside.io.project import Project
from subside.io.stacks import StackSource
from subside.io.store import TrackStore
from subside.model.stack import format_dates
from subside.ops.simulate.heze import FRAME, HezeGround
from subside.ops.simulate.heze_images import Strip, StripImages
from subside.ops.simulate.heze_track import HEADING, Places, TrackModel, line_of_sight
from subside.ops.simulate.heze_variants import Variant, variant
from subside.ops.simulate.point_level import NOISE, PointLevel
from subside.ops.simulate.region import Floats
from subside.stages.catalogue import STAGES
from subside.stages.configuration import default_toml
from subside.stages.heze_inputs import write_inputs
from subside.stages.importing import import_stack
from subside.stages.importing_points import import_points

log = logging.getLogger("subside")

TRUTH: Final = "truth"
INPUTS: Final = "inputs"
_PROFILE_STEP: Final = 0.025
"""Spacing of the true profile along the line, km."""
_LIMIT: Final = -0.010
"""Rate at which a zone begins, m/yr (Zhu et al. 2020, section 4.2)."""


@dataclass(frozen=True)
class HezeTruth:
    """What is true of a simulated Heze project, evaluated anew from what its folder ``truth`` describes.

    Attributes
    ----------
    variant : Variant
        Which.
    seed : int
        Of everything random.
    ground : HezeGround
        Motion, cover, drivers: ``displacement``, ``linear_rate``, ``line_profile``, ``season_size``.
    tracks : dict of str to TrackModel
        Delays, height errors and view of each track.
    """

    variant: Variant
    seed: int
    ground: HezeGround
    tracks: dict[str, TrackModel]

    def strip(self, track: str) -> Strip:
        """Pixels of a track made at image level: ``map_position``, ``phase``, ``stratum``, ``points``."""
        if self.variant.is_point_level:
            raise ArgumentError(f"`track` must be one made of images, got {track!r} of the variant {self.variant.name}")
        return Strip(self.tracks[track])

    def zones(self) -> list[dict[str, float]]:
        """True zones along the line, where it sinks by 10 mm/yr or more: ends, length (km), rates (m/yr)."""
        return true_zones(self.ground)

    def los_displacement(self, track: str, easting: Floats, northing: Floats) -> Floats:
        """Line-of-sight motion since the first date of a track, m toward the satellite, (point, date)."""
        model = self.tracks[track]
        places = model.places(easting, northing)
        return np.stack([model.displacement(k, places) for k in range(len(model.spec.dates))], axis=-1)

    def los_rate(self, track: str, easting: Floats, northing: Floats) -> Floats:
        """Least-squares line-of-sight rate over the dates of a track, m/yr, (point,)."""
        model = self.tracks[track]
        places = model.places(easting, northing)
        rate = self.ground.linear_rate(easting, northing, model.spec.dates)
        return np.asarray((rate * np.moveaxis(places.los, 0, -1)).sum(axis=-1))


def true_zones(ground: HezeGround) -> list[dict[str, float]]:
    """Find where the ground under the line sinks by 10 mm/yr or more, to 25 m."""
    chainage = np.arange(0.0, 150.0 + _PROFILE_STEP / 2, _PROFILE_STEP)
    rate = ground.line_profile(chainage)
    is_in = np.concatenate([[False], rate <= _LIMIT * (1 - 1e-6), [False]])
    first, last = np.flatnonzero(np.diff(is_in.astype(int)) == 1), np.flatnonzero(np.diff(is_in.astype(int)) == -1)
    zones = []
    for a, b in zip(first, last, strict=True):
        ends = [_crossing(chainage, rate, k) for k in (int(a) - 1, int(b) - 1)]
        zones.append(
            {
                "start_km": ends[0],
                "end_km": ends[1],
                "length_km": ends[1] - ends[0],
                "fastest_m_yr": float(rate[a:b].min()),
                "slowest_m_yr": float(rate[a:b].max()),
            }
        )
    return zones


def _crossing(chainage: Floats, rate: Floats, k: int) -> float:
    """Chainage between samples ``k`` and ``k + 1`` at which the rate is the limit, km."""
    if not 0 <= k < len(rate) - 1:
        return float(chainage[int(np.clip(k, 0, len(rate) - 1))])
    share = (_LIMIT - rate[k]) / (rate[k + 1] - rate[k])
    return float(chainage[k] + np.clip(share, 0.0, 1.0) * _PROFILE_STEP)


def strip_source(strip: Strip) -> StackSource:
    """Present a strip as a source of the import: images are made one date at a time, never all in memory."""
    images = StripImages(strip)
    made: dict[int, npt.NDArray[np.complex64]] = {}
    count = [0]

    def read_slc(date: int, lines: slice) -> npt.NDArray[np.complex64]:
        while count[0] <= date:
            made.clear()
            made[count[0]] = images.next()
            count[0] += 1
        if date not in made:
            raise ArgumentError(f"`date` must not go back, got {date} after {count[0] - 1}")
        return made[date][lines]

    spec = strip.model.spec
    return StackSource(
        dates=tuple(format_dates(spec.dates)),
        reference_date=spec.reference,
        shape=strip.shape,
        wavelength=SENTINEL1_WAVELENGTH,
        azimuth_spacing=strip.spacing[0],
        range_spacing=strip.spacing[1],
        read_slc=read_slc,
        geometry=_geometry(strip.model, images.places),
        bperp=spec.bperp,
        n_looks=1.0,
        attributes={"sensor": "simulated", "heading": HEADING, "scene": "heze", "level": "single-look images"},
    )


def _geometry(model: TrackModel, places: Places) -> dict[str, Callable[[slice], npt.NDArray[np.floating[Any]]]]:
    def position(k: int) -> Callable[[slice], Floats]:
        def read(lines: slice) -> Floats:
            return model.geographic(_rows(places, lines))[k]

        return read

    def component(k: int) -> Callable[[slice], Floats]:
        return lambda lines: line_of_sight(places.incidence[lines])[k]

    return {
        "longitude": position(0),
        "latitude": position(1),
        "height": lambda lines: places.height[lines],
        "incidence_angle": lambda lines: places.incidence[lines],
        "slant_range": lambda lines: places.slant_range[lines],
        "los_east": component(0),
        "los_north": component(1),
        "los_up": component(2),
    }


def _rows(places: Places, lines: slice) -> Places:
    values = (places.x, places.y, places.slant_range, places.incidence, places.height, places.height_error)
    x, y, slant_range, incidence, height, height_error = (v[lines] for v in values)
    return Places(x, y, slant_range, incidence, height, height_error, places.motion)


def simulate_heze(out: Path, name: str, *, seed: int, console: Console) -> HezeTruth:
    """Make a project of the simulated Heze region with the tracks ``t40`` and ``t142``.

    Parameters
    ----------
    out : Path
        Folder to make: the project, ``inputs`` (what a user would bring) and ``truth`` (which no stage and no study
        reads).
    name : {"small", "corridor", "line"}
        Variant; ``line`` is made at point level.
    seed : int
        Non-negative; equal seeds give equal bits.
    console : Console
        Where progress goes.

    Returns
    -------
    HezeTruth
        As :func:`load_heze_truth` returns it later.

    Raises
    ------
    ArgumentError
        For an unknown variant.
    """
    chosen = variant(name)
    project = Project.create(out, default_toml(STAGES, out.name))
    ground, models = chosen.models(seed)
    truth = HezeTruth(chosen, seed, ground, {m.spec.name: m for m in models})
    write_truth(out / TRUTH, truth)
    with console.status("writing the inputs of the study"):
        write_inputs(out / INPUTS, chosen, ground)
    for model in models:
        store = project.new_track(model.spec.name)
        request = {"scene": f"heze-{name}", "seed": seed, "track": model.spec.name}
        make = _make_points if chosen.is_point_level else _make_images
        make(store, model, request, console)
    return truth


def _make_images(store: TrackStore, model: TrackModel, request: Mapping[str, Any], console: Console) -> None:
    with console.status(f"simulating track {model.spec.name}"):
        source = strip_source(Strip(model))
    import_stack(store, source, request=request, console=console)
    log.info("made track %s: %d dates, %d x %d pixels", model.spec.name, len(source.dates), *source.shape)


def _make_points(store: TrackStore, model: TrackModel, request: Mapping[str, Any], console: Console) -> None:
    with console.status(f"simulating the points of track {model.spec.name}"):
        points = PointLevel(model).make()
    import_points(store, model, points, request=request, console=console)
    easting, northing = FRAME.to_map(points.places.x, points.places.y)
    folder = store.path.parent.parent / TRUTH
    np.savez_compressed(
        folder / f"{model.spec.name}_points.npz",
        easting=easting,
        northing=northing,
        kind=points.kind,
        cover=np.array([s.cover for s in NOISE])[points.stratum],
        identity=points.identity,
        height_error=points.places.height_error,
    )
    log.info("made track %s: %d dates, %d points", model.spec.name, len(model.spec.dates), len(points.kind))


def write_truth(folder: Path, truth: HezeTruth) -> None:
    """Write what :func:`load_heze_truth` needs, the true zones and the true profile of the line."""
    folder.mkdir(parents=True, exist_ok=True)
    chainage = np.arange(0.0, 150.0 + _PROFILE_STEP / 2, _PROFILE_STEP)
    write_json(
        folder / "truth.json",
        {
            "subside": __version__,
            "variant": truth.variant.name,
            "seed": truth.seed,
            "ground": truth.ground.describe(),
            "zones": truth.zones(),
            "chainage_seen_km": list(truth.variant.chainage),
            "rain_lag_days": 60.0,
        },
    )
    np.savez_compressed(
        folder / "line_profile.npz", chainage_km=chainage, up_rate_m_yr=truth.ground.line_profile(chainage)
    )


def load_heze_truth(out: Path) -> HezeTruth:
    """Read the truth beside a project made by :func:`simulate_heze`.

    Raises
    ------
    ArgumentError
        When there is none.
    """
    described = read_json(out / TRUTH / "truth.json")
    if not isinstance(described, dict):
        raise ArgumentError(f"`{out}` must hold truth/truth.json; only simulated Heze projects do")
    chosen, seed = variant(described["variant"]), int(described["seed"])
    ground, models = chosen.models(seed)
    return HezeTruth(chosen, seed, ground, {m.spec.name: m for m in models})
