"""Figures of a track: read the store, fill the inputs of the figure, draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.cli.showing_coregistration import INPUTS, require_acquisitions
from subside.errors import ProjectError, UnknownQuantityError
from subside.figures import FIGURES, FigureResult
from subside.figures.maps import PointPositions
from subside.figures.motion import PointValueFigureInput, SeriesFigureInput, VelocityFigureInput
from subside.figures.network import CoherenceFigureInput
from subside.figures.points import CandidatesFigureInput, HomogeneityFigureInput, SelectionFigureInput
from subside.figures.recovery import RecoveryFigureInput
from subside.figures.reference import RampsFigureInput, ReferenceArea, ReferenceFigureInput
from subside.figures.stack import AmplitudeFigureInput, PairsFigureInput
from subside.figures.unwrapping import UnwrappingFigureInput
from subside.io.atomic import atomic_path
from subside.io.schema import point_ids
from subside.io.store import TrackStore
from subside.model.stack import parse_dates
from subside.ops.survey import survey_windows
from subside.report.own_figures import network_input
from subside.stages import extract
from subside.stages.network import load_network
from subside.stages.runner import COREGISTRATION
from subside.stages.simulating import TRUTH, compare_rates, load_truth
from subside.stages.tables import point_geometry, used_pairs

_GALLERY: Final = 12
_SERIES: Final = 6
_OF_ACQUISITIONS: Final = ("acquisitions", *COREGISTRATION)
_ALWAYS: Final = ("import", "truth")


def figure_keys(store: TrackStore | None = None) -> list[tuple[str, str]]:
    """Key and title of every figure, or of those a track can have, in the order of the processing."""
    left_out = () if store is None or store.has("acquisitions") else _OF_ACQUISITIONS
    return [(key, spec.title) for key, spec in FIGURES.items() if spec.needs not in left_out]


def make_figure(store: TrackStore, key: str) -> FigureResult:
    """Draw a figure of a track.

    Raises
    ------
    ProjectError
        For an unknown key, when the stage it needs is not finished, or for a figure of the coregistration of a track
        that came coregistered.
    """
    spec = FIGURES.get(key)
    if spec is None:
        raise ProjectError(f"no figure is called {key!r}; there are {', '.join(FIGURES)}")
    if spec.needs in _OF_ACQUISITIONS:
        require_acquisitions(store, key)
    if spec.needs not in _ALWAYS and store.stage_state(spec.needs) is None and not _is_provided(store, spec.needs):
        raise ProjectError(f"figure {key!r} needs stage `{spec.needs}`, which is not finished: `subside run` first")
    return spec.draw(_INPUTS[key](store))


def _is_provided(store: TrackStore, stage: str) -> bool:
    return stage in store.stack_attributes().get("provides", ())


def _need(store: TrackStore, name: str, what: str) -> npt.NDArray[Any]:
    if not store.has(name):
        raise UnknownQuantityError(f"{what} is not known for track {store.name!r}")
    return store.read(name)


def _facts(store: TrackStore) -> tuple[tuple[str, ...], float, float]:
    facts = store.stack_attributes()
    return tuple(facts["dates"]), facts["azimuth_spacing"], facts["range_spacing"]


def _positions(store: TrackStore) -> PointPositions:
    _, azimuth_spacing, range_spacing = _facts(store)
    return PointPositions(
        store.read("select/azimuth"),
        store.read("select/range"),
        point_geometry(store, "longitude"),
        point_geometry(store, "latitude"),
        azimuth_spacing,
        range_spacing,
    )


def _window_steps(store: TrackStore) -> tuple[float, float]:
    _, azimuth_spacing, range_spacing = _facts(store)
    parameters = (store.stage_state("survey") or {})["parameters"]
    lines, samples = store.stack_attributes()["shape"]
    windows = survey_windows(
        (lines, samples),
        (azimuth_spacing, range_spacing),
        extent=parameters["window_extent"],
        max_windows=parameters["max_windows"],
    )
    return windows.stride[0] * azimuth_spacing, windows.stride[1] * range_spacing


def _amplitude(store: TrackStore) -> AmplitudeFigureInput:
    amplitude = _need(store, "survey/amplitude", "the amplitude")
    return AmplitudeFigureInput(amplitude, *_window_steps(store), n_dates=len(_facts(store)[0]))


def _coherence(store: TrackStore) -> CoherenceFigureInput:
    network = load_network(store)
    threshold = None
    if store.has("survey/noise_level"):
        threshold = float(store.read("survey/noise_level")[0])
    return CoherenceFigureInput(_facts(store)[0], network.earlier, network.later, network.coherence, threshold)


def _pairs(store: TrackStore) -> PairsFigureInput:
    network, dates = load_network(store), _facts(store)[0]
    interferograms = store.array("survey/interferogram") if store.has("survey/interferogram") else None
    if interferograms is None:
        raise UnknownQuantityError(f"track {store.name!r} came without wrapped interferograms")
    order = np.argsort(np.nan_to_num(network.coherence), kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(_GALLERY, len(order))).round().astype(int)]
    phase = np.stack([np.angle(interferograms[int(k)]) for k in chosen])
    titles = tuple(f"{dates[network.earlier[k]]} {dates[network.later[k]]}" for k in chosen)
    return PairsFigureInput(titles, phase, network.coherence[chosen], network.is_used[chosen], *_window_steps(store))


def _candidates_table(store: TrackStore) -> dict[str, npt.NDArray[Any]]:
    lines, samples = store.stack_attributes()["shape"]
    names = [name for name, _ in extract.tiles((lines, samples))]
    return {c: np.concatenate([store.read(f"extract/{n}/{c}") for n in names]) for c in extract.COLUMNS}


def _candidate_positions(store: TrackStore, table: dict[str, npt.NDArray[Any]]) -> PointPositions:
    _, azimuth_spacing, range_spacing = _facts(store)
    return PointPositions(
        table["azimuth"], table["range"], azimuth_spacing=azimuth_spacing, range_spacing=range_spacing
    )


def _stage_parameter(store: TrackStore, stage: str, name: str) -> Any:
    return (store.stage_state(stage) or {})["parameters"][name]


def _homogeneity(store: TrackStore) -> HomogeneityFigureInput:
    table = _candidates_table(store)
    threshold = _stage_parameter(store, "extract", "min_homogeneous")
    return HomogeneityFigureInput(_candidate_positions(store, table), table["n_shp"], threshold)


def _candidates(store: TrackStore) -> CandidatesFigureInput:
    table = _candidates_table(store)
    return CandidatesFigureInput(
        _candidate_positions(store, table),
        table["amplitude_difference_dispersion"],
        table["shp_coherence"],
        table["is_filtered"],
        _stage_parameter(store, "extract", "dispersion_threshold"),
    )


def _selection(store: TrackStore) -> SelectionFigureInput:
    _, azimuth_spacing, range_spacing = _facts(store)
    edges = np.linspace(0.0, 1.0, 51)
    noise = _need(store, "select/noise_closing", "the coherence of noise")
    thresholds = store.read("select/threshold")
    return SelectionFigureInput(
        PointPositions(
            store.read("select/candidate/azimuth"),
            store.read("select/candidate/range"),
            azimuth_spacing=azimuth_spacing,
            range_spacing=range_spacing,
        ),
        store.read("select/candidate/temporal_coherence"),
        store.read("select/candidate/is_selected"),
        edges,
        np.histogram(noise, edges)[0],
        float(np.median(thresholds)) if len(thresholds) else None,
        store.read("select/flags"),
    )


def _unwrapping(store: TrackStore) -> UnwrappingFigureInput:
    pairs, dates = used_pairs(store), _facts(store)[0]
    open_loops = _need(store, "unwrap/n_open_loops", "the closure of the unwrapping")
    shares = _need(store, "unwrap/pair_open_share", "the closure of the unwrapping")
    gaps = parse_dates(list(dates))[pairs[:, 1]] - parse_dates(list(dates))[pairs[:, 0]]
    k = int(np.argmax(gaps))
    return UnwrappingFigureInput(
        _positions(store),
        open_loops,
        shares,
        f"{dates[pairs[k, 0]]} {dates[pairs[k, 1]]}",
        np.asarray(store.array("select/phase")[:, k]),
        np.asarray(store.array("unwrap/phase")[:, k]),
    )


def _flags(store: TrackStore) -> npt.NDArray[np.uint16]:
    return np.asarray(store.read("rates/flags"))


def _dem_error(store: TrackStore) -> PointValueFigureInput:
    return PointValueFigureInput(_positions(store), _need(store, "correct/dem_error", "the DEM error"))


def _ramps(store: TrackStore) -> RampsFigureInput:
    scale = -store.stack_attributes()["wavelength"] / (4 * np.pi)
    slopes = store.read("correct/ramp_slopes") * scale
    return RampsFigureInput(_facts(store)[0], slopes[:, 1], slopes[:, 0])


def _reference(store: TrackStore) -> ReferenceFigureInput:
    positions = _positions(store)
    lon, lat = positions.longitude, positions.latitude
    areas = []
    for row in store.read_attributes("reference")["areas"]:
        points = np.array(row["point_rows"])
        across = positions.range_index if lon is None or lat is None else lon
        along = positions.azimuth_index if lon is None or lat is None else lat
        areas.append(
            ReferenceArea(
                row["name"],
                float(across[points].mean()),
                float(along[points].mean()),
                row["n_points"],
                row["residual_rate"],
                row["residual_rate_std"],
                row["rate_change_without"],
                not row["is_kept"],
            )
        )
    displacement = store.array("reference/displacement")
    years = (parse_dates(list(_facts(store)[0])) - parse_dates([_facts(store)[0][0]])[0]).astype(float) / 365.25
    years -= years.mean()
    velocity = np.concatenate(
        [displacement[k : k + 65536] @ (years / (years @ years)) for k in range(0, displacement.shape[0], 65536)]
    )
    return ReferenceFigureInput(positions, velocity, tuple(areas))


def _series(store: TrackStore) -> SeriesFigureInput:
    """Points of the default set at even steps of the ranked velocities."""
    good = np.flatnonzero((_flags(store) == 0) & np.isfinite(store.read("rates/velocity")))
    ranked = good[np.argsort(store.read("rates/velocity")[good], kind="stable")]
    chosen = np.sort(ranked[np.linspace(0, len(ranked) - 1, min(_SERIES, len(ranked))).round().astype(int)])
    ids = point_ids(store.name, store.read("select/azimuth")[chosen], store.read("select/range")[chosen])
    rows = [int(k) for k in chosen]
    return SeriesFigureInput(
        _facts(store)[0],
        tuple(str(i) for i in ids),
        np.stack([store.array("reference/displacement")[k] for k in rows]),
        np.stack([store.array("rates/displacement_std")[k] for k in rows]),
    )


def _velocity(store: TrackStore) -> VelocityFigureInput:
    return VelocityFigureInput(_positions(store), store.read("rates/velocity"), _flags(store))


def _velocity_std(store: TrackStore) -> PointValueFigureInput:
    return PointValueFigureInput(_positions(store), store.read("rates/velocity_std"), _flags(store))


def _quality(store: TrackStore) -> PointValueFigureInput:
    values = store.read("select/temporal_coherence")
    if not np.isfinite(values).any():
        raise UnknownQuantityError(f"temporal coherence is not known for track {store.name!r}")
    return PointValueFigureInput(_positions(store), values, _flags(store))


def truth_path(store: TrackStore) -> Path:
    """Where the truth of a simulated project lies."""
    return store.path.parent.parent / TRUTH


def _recovery(store: TrackStore) -> RecoveryFigureInput:
    truth = load_truth(truth_path(store))
    rates = compare_rates(store, truth)
    return RecoveryFigureInput(rates.strata, rates.stratum, rates.estimated, rates.true, rates.std)


_INPUTS: Final[dict[str, Callable[[TrackStore], Any]]] = {
    **INPUTS,
    "amplitude": _amplitude,
    "coherence": _coherence,
    "network": network_input,
    "pairs": _pairs,
    "homogeneity": _homogeneity,
    "candidates": _candidates,
    "selection": _selection,
    "unwrapping": _unwrapping,
    "dem-error": _dem_error,
    "ramps": _ramps,
    "reference": _reference,
    "series": _series,
    "velocity": _velocity,
    "velocity-std": _velocity_std,
    "quality": _quality,
    "recovery": _recovery,
}


def save_figure(result: FigureResult, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    if path.suffix.lower() != ".png":
        raise ProjectError(f"figures are written as .png, got {path}")
    with atomic_path(path) as temporary:
        result.figure.savefig(temporary)
