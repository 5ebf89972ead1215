"""Simulated tracks as SAFE products: images, orbit files and elevation model on disk, the truth beside them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from subside.errors import ArgumentError
from subside.io.safe_writer import GridPoints, SafeFolder, SafeProduct, orbit_file_name, write_dem, write_orbit_file
from subside.io.store import TrackStore
from subside.kernels.geometry import orbit_states
from subside.model.acquisition import Acquisition, Orbit
from subside.model.dem import Dem
from subside.ops.geometry import acquisition_arc, burst_geometry, ground_grid, line_of_sight
from subside.ops.simulate.tops import TopsTrack, make_track, simulate_bursts
from subside.ops.simulate.tops_ground import Delays, Lattice, Layout, Motion
from subside.ops.simulate.tops_spec import tops_scene
from subside.ops.simulate.tops_truth import TopsTruth, make_truth
from subside.ops.simulate.truth import Truth

TRUTH = "truth.zarr"

_N_COLUMNS = 21
_VECTOR_MARGIN = 65.0
_ORBIT_ERROR = 0.027
"""How far the vectors of the annotation lie along the track from those of the orbit file, m."""

_EARTH_RADIUS = 6_371_000.0
_ARRAYS = ("dates", "azimuth_shift", "range_shift", "cover", "clock", "visibility", "height_factor")


def _grid_points(acquisition: Acquisition, swath: str, dem: Dem) -> GridPoints:
    """Geolocation grid of a swath: the first line of each burst and the last line of the last."""
    of, arc = acquisition.swaths[swath], acquisition_arc(acquisition)
    samples = np.unique(np.round(np.linspace(0.0, of.samples_per_burst - 1.0, _N_COLUMNS)))
    rows = [(burst, 0.0) for burst in of.bursts] + [(of.bursts[-1], of.lines_per_burst - 1.0)]
    columns: dict[str, list[npt.NDArray[np.float64]]] = {f.name: [] for f in fields(GridPoints)}
    for burst, line in rows:
        geometry = burst_geometry(acquisition, swath, burst_id=burst.burst_id, arc=arc)
        ground = ground_grid(geometry, dem, lines=[line], samples=samples)
        look = line_of_sight(geometry, ground)
        satellite = orbit_states(arc, geometry.slow_time(np.array([line])))[0, 0]
        incidence = look.incidence_angle[0]
        # law of sines in the triangle of Earth's centre, satellite and ground
        off_nadir = np.arcsin(_EARTH_RADIUS / np.linalg.norm(satellite) * np.sin(incidence))
        values = {
            "line": np.full(len(samples), burst.line_offset + line),
            "sample": samples,
            "time": np.full(len(samples), geometry.slow_time(np.array([line]))[0]),
            "slant_range_time": of.fast_time(samples),
            "latitude": ground.latitude[0],
            "longitude": ground.longitude[0],
            "height": ground.height[0],
            "incidence_angle": np.degrees(incidence),
            "elevation_angle": np.degrees(off_nadir),
        }
        for name, value in values.items():
            columns[name].append(value)
    return GridPoints(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _annotated(orbit: Orbit, start: float, stop: float) -> Orbit:
    """Vectors around the scene, a little off along the track, as restituted orbits are."""
    near = (orbit.time > start - _VECTOR_MARGIN) & (orbit.time < stop + _VECTOR_MARGIN)
    velocity = orbit.velocity[near]
    ahead = velocity / np.linalg.norm(velocity, axis=1, keepdims=True)
    return Orbit(orbit.time[near], orbit.position[near] + _ORBIT_ERROR * ahead, velocity, "annotation", "annotation")


def describe_product(acquisition: Acquisition, dem: Dem, *, node_time: float) -> SafeProduct:
    """Join what the annotation of a date needs.

    Parameters
    ----------
    acquisition : Acquisition
        The date, with the vectors of its orbit file.
    dem : Dem
        Heights for the geolocation grid.
    node_time : float
        Of the ascending node, s since the epoch.
    """
    grids = {name: _grid_points(acquisition, name, dem) for name in acquisition.swaths}
    swaths = {
        name: replace(of, incidence_mid_swath=float(np.radians(np.mean(grids[name].incidence_angle))))
        for name, of in acquisition.swaths.items()
    }
    return SafeProduct(
        acquisition=replace(acquisition, swaths=swaths),
        annotated_orbit=_annotated(acquisition.orbit, acquisition.start, acquisition.stop),
        orbit_file=orbit_file_name(acquisition),
        node_time=node_time,
        grids=grids,
        data_take=0x23000 + acquisition.absolute_orbit % 0x1000,
    )


def _parse_size(size: str | None) -> tuple[int | None, int | None]:
    if size is None:
        return None, None
    bursts, _, samples = size.partition("x")
    if not (bursts.isdigit() and samples.isdigit()):
        raise ArgumentError(f"`--size` must be BURSTSxSAMPLES of a swath, such as 3x360, got {size!r}")
    return int(bursts), int(samples)


def simulate_safe(
    out: Path, name: str, *, size: str | None, dates: int | None, seed: int, console: Console
) -> TopsTrack:
    """Simulate a track and write it as SAFE products, ``orbits/``, ``dem.tif`` and ``truth.zarr``.

    Parameters
    ----------
    out : Path
        Folder to make.
    name : str
        Scene, see :func:`subside.ops.simulate.tops_spec.tops_scene`.
    size : str or None
        ``BURSTSxSAMPLES`` of each swath; None is the scene's own.
    dates : int or None
        Number of dates; None is the scene's own.
    seed : int
        Seed.
    console : Console
        Where progress goes.

    Raises
    ------
    ArgumentError
        For an unknown scene, a malformed size, or a folder that holds SAFE products already.
    """
    n_bursts, n_samples = _parse_size(size)
    spec = tops_scene(name, n_dates=dates, n_bursts=n_bursts, n_samples=n_samples)
    if any(out.glob("*.SAFE")):
        raise ArgumentError(f"`out` must not hold SAFE products yet, got {out}")
    with console.status(f"simulating scene {name}") as status:
        track = make_track(spec, seed=seed)
        out.mkdir(parents=True, exist_ok=True)
        write_dem(out / "dem.tif", track.given_dem)
        folders = []
        for acquisition, node_time in zip(track.acquisitions, track.node_times, strict=True):
            write_orbit_file(out / "orbits", acquisition, acquisition.orbit)
            folders.append(SafeFolder(out, describe_product(acquisition, track.given_dem, node_time=node_time)))

        def report(swath: str, burst: int, date: int) -> None:
            status.update(f"scene {name}: {swath}, burst {burst + 1}, date {date + 1} of {len(folders)}")

        for image in simulate_bursts(track, progress=report):
            folders[image.date].write(image.swath, image.burst, samples=image.samples, pixels=image.pixels)
        for folder in folders:
            folder.finish()
    save_tops_truth(make_truth(track), out / TRUTH)
    return track


def save_tops_truth(truth: TopsTruth, path: Path) -> None:
    """Write the truth of a track."""
    store = TrackStore(path)
    store.create()
    parts: dict[str, Any] = {name: getattr(truth, name) for name in _ARRAYS}
    parts["dates"] = truth.dates.astype("datetime64[D]").astype(np.int64)
    for owner in ("layout", "motion", "delays", "orbit"):
        part = getattr(truth, owner)
        parts |= {f"{owner}_{f.name}": getattr(part, f.name) for f in fields(part)}
    parts["true_height"] = truth.true_height.height
    facts: dict[str, Any] = {"noise_power": truth.noise_power, "lattice": vars(truth.lattice)}
    facts["dem"] = {k: v for k, v in vars(truth.true_height).items() if k != "height"}
    for name, value in parts.items():
        if isinstance(value, np.ndarray):
            stored = value.astype(np.uint8) if value.dtype == np.bool_ else value
            store.write(f"truth/{name}", stored, dims=[f"dim_{k}" for k in range(value.ndim)])
        else:
            facts[name] = value
    store.write_attributes("truth", facts)


def load_tops_truth(path: Path) -> TopsTruth:
    """Read a truth written by :func:`save_tops_truth`.

    Raises
    ------
    ArgumentError
        Where there is none.
    """
    store = TrackStore(path)
    facts = store.read_attributes("truth")
    if "lattice" not in facts:
        raise ArgumentError(f"`{path}` must hold the truth of simulated SAFE products; only simulated ones have one")

    def part(owner: str, kind: Any) -> Any:
        names = [f.name for f in fields(kind)]
        held = {n: store.read(f"truth/{owner}_{n}") for n in names if store.has(f"truth/{owner}_{n}")}
        return kind(**held, **{n: facts[f"{owner}_{n}"] for n in names if n not in held})

    motion = part("motion", Motion)
    arrays = {name: store.read(f"truth/{name}") for name in _ARRAYS}
    arrays["dates"] = arrays["dates"].astype("datetime64[D]")
    lattice = facts["lattice"]
    return TopsTruth(
        **arrays,
        lattice=Lattice(**{**lattice, "spacing": tuple(lattice["spacing"])}),
        orbit=part("orbit", Orbit),
        layout=part("layout", Layout),
        motion=replace(motion, is_rate=motion.is_rate.astype(np.bool_)),
        delays=part("delays", Delays),
        noise_power=facts["noise_power"],
        true_height=Dem(height=store.read("truth/true_height"), **facts["dem"]),
    )


def truth_of_track(store: TrackStore, path: Path) -> Truth:
    """Truth on the pixels of an imported track whose geometry is done.

    Parameters
    ----------
    store : TrackStore
        The track.
    path : Path
        ``truth.zarr`` beside the simulated products.
    """
    truth = load_tops_truth(path)
    return truth.on_grid(*(store.read(f"geometry/{name}") for name in ("longitude", "latitude", "height")))
