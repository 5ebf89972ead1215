"""Simulated tracks: made, imported like any other, and scored against the truth that no stage reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from subside.errors import ArgumentError
from subside.io.project import Project
from subside.io.stacks import StackSource, write_snap_tree
from subside.io.store import TrackStore
from subside.model.stack import Stack, format_dates
from subside.ops.score import Score, ScoredPoints, TruthReference, pixel_groups, score_chain, true_rates
from subside.ops.simulate import CoherenceTruth, SimulatedScene, Truth, scene, simulate
from subside.stages.catalogue import STAGES
from subside.stages.configuration import default_toml
from subside.stages.importing import import_stack
from subside.stages.tables import used_pairs

TRACK = "simulated"
TRUTH = "truth.zarr"


def source_of(stack: Stack) -> StackSource:
    """Present a stack in memory as a source of the import stage."""
    return StackSource(
        dates=tuple(format_dates(stack.dates)),
        reference_date=format_dates(stack.dates[stack.reference_index : stack.reference_index + 1])[0],
        shape=stack.shape,
        wavelength=stack.wavelength,
        azimuth_spacing=stack.azimuth_spacing,
        range_spacing=stack.range_spacing,
        read_slc=lambda k, lines: np.asarray(stack.slc[k, lines]),
        geometry={name: _band_reader(array) for name, array in stack.geometry.items()},
        bperp=stack.bperp,
        n_looks=stack.n_looks,
        attributes=dict(stack.attributes),
    )


def _band_reader(array: Any) -> Any:
    return lambda lines: np.asarray(array[lines])


def simulate_to(
    out: Path, name: str, *, size: str | None, dates: int | None, seed: int, layout: str, console: Console
) -> SimulatedScene:
    """Simulate a scene and write it as a project with one track, or as a SNAP tree; the truth goes beside.

    SAFE products are written by :func:`subside.stages.simulating_safe.simulate_safe`.

    Parameters
    ----------
    out : Path
        Folder to make.
    name : str
        Scene.
    size : str or None
        ``LINESxSAMPLES``; None is the scene's own.
    dates : int or None
        Number of dates; None is the scene's own.
    seed : int
        Seed.
    layout : {"project", "snap"}
        What to write.
    console : Console
        Where progress goes.

    Raises
    ------
    ArgumentError
        For an unknown layout, scene or malformed size.
    """
    lines, samples = _parse_size(size)
    if layout not in ("project", "snap"):
        raise ArgumentError(f"`layout` must be project or snap, got {layout!r}")
    spec = scene(name, lines=lines, samples=samples, n_dates=dates)
    with console.status(f"simulating scene {name}"):
        made = simulate(spec, seed=seed)
    if layout == "snap":
        write_snap_tree(made.stack, out)
    else:
        project = Project.create(out, default_toml(STAGES, out.name))
        import_stack(
            project.new_track(TRACK),
            source_of(made.stack),
            request={"scene": name, "size": size, "dates": dates, "seed": seed},
            console=console,
        )
    save_truth(made.truth, out / TRUTH)
    return made


def _parse_size(size: str | None) -> tuple[int | None, int | None]:
    if size is None:
        return None, None
    match = re.fullmatch(r"(\d+)x(\d+)", size)
    if match is None:
        raise ArgumentError(f"`--size` must be LINESxSAMPLES such as 400x400, got {size!r}")
    return int(match[1]), int(match[2])


def save_truth(truth: Truth, path: Path) -> None:
    """Write a truth beside the project."""
    store = TrackStore(path)
    store.create()
    for owner, group in ((truth, "truth"), (truth.coherence, "coherence")):
        for f in fields(owner):
            value = getattr(owner, f.name)
            if isinstance(value, np.ndarray):
                store.write(f"{group}/{f.name}", value, dims=[f"dim_{k}" for k in range(value.ndim)])
    store.write_attributes("truth", {"wavelength": truth.wavelength, "spacing": list(truth.spacing)})


def load_truth(path: Path) -> Truth:
    """Read a truth written by :func:`save_truth`."""
    store = TrackStore(path)
    attributes = store.read_attributes("truth")
    if not attributes:
        raise ArgumentError(f"`{path}` must hold a simulated truth; only simulated projects have one")
    coherence = CoherenceTruth(**{f.name: store.read(f"coherence/{f.name}") for f in fields(CoherenceTruth)})
    arrays = {f.name: store.read(f"truth/{f.name}") for f in fields(Truth) if store.has(f"truth/{f.name}")}
    return Truth(
        **arrays,
        coherence=coherence,
        wavelength=attributes["wavelength"],
        spacing=(attributes["spacing"][0], attributes["spacing"][1]),
    )


def _scored(store: TrackStore) -> tuple[ScoredPoints, TruthReference]:
    scale = -store.stack_attributes()["wavelength"] / (4 * np.pi)
    ramp_weights = store.read("correct/ramp_weights")
    points = ScoredPoints(
        azimuth=store.read("select/azimuth"),
        range=store.read("select/range"),
        flags=store.read("rates/flags"),
        velocity=store.read("rates/velocity"),
        velocity_std=store.read("rates/velocity_std"),
        series=store.read("invert/phase") * scale,
        dem_error=store.read("correct/dem_error") if store.has("correct/dem_error") else None,
        is_filtered=store.read("select/is_filtered"),
        unwrapped=store.read("unwrap/phase"),
        observed=store.read("select/phase"),
        pairs=used_pairs(store),
    )
    reference = TruthReference(
        weights=store.read("reference/weights"),
        is_deramped=bool(ramp_weights.any()) and not store.read("correct/tilt_covariance").any(),
        ramp_weights=ramp_weights,
        distance=store.read("rates/distance_to_reference"),
    )
    return points, reference


def score_track(store: TrackStore, truth: Truth) -> Score:
    """Score the finished results of a simulated track.

    The truth is put through the reference areas and the ramp removal of the run.
    """
    points, reference = _scored(store)
    return score_chain(truth, points, reference=reference)


@dataclass(frozen=True)
class RateComparison:
    """Estimated and true rates of the default set.

    Attributes
    ----------
    strata : tuple of str
        Names of the kinds of scatterer.
    stratum : ndarray of int, (point,)
        Position in ``strata``.
    estimated, true, std : ndarray of float64, (point,)
        m/yr; the true rate through the reference and ramp removal of the run.
    """

    strata: tuple[str, ...]
    stratum: npt.NDArray[np.int64]
    estimated: npt.NDArray[np.float64]
    true: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]


def compare_rates(store: TrackStore, truth: Truth) -> RateComparison:
    """Pair the rates of the default set of a simulated track with the true ones."""
    points, reference = _scored(store)
    true = true_rates(truth, points, reference=reference)
    keep = (points.flags == 0) & np.isfinite(points.velocity)
    groups = pixel_groups(truth)[points.azimuth, points.range].astype(np.int64)
    return RateComparison(
        ("noise", "DS", "PS", "PS side lobe"),
        groups[keep],
        np.asarray(points.velocity, np.float64)[keep],
        true[keep],
        np.asarray(points.velocity_std, np.float64)[keep],
    )
