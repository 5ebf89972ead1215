"""Rates with three standard deviations, and the standard deviation of every displacement."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.conventions import DAYS_PER_YEAR, MM_PER_M, PointFlag
from subside.errors import ProjectError
from subside.io.store import POINT_ROWS, TrackStore
from subside.model.stack import parse_dates
from subside.ops import empirical as empirical_op
from subside.ops import rates as rates_op
from subside.ops import uncertainty
from subside.ops.invert import network_covariance
from subside.ops.noise_model import NoiseModel, unknown_noise
from subside.ops.ramps import tilt_std
from subside.ops.reference import DATUM_NOTE
from subside.ops.reference_areas import ReferenceArea, distance_to_areas
from subside.ops.representation import with_representation
from subside.ops.time_model import TimeModel
from subside.stages.correct import load_dem_term, noise_blocker
from subside.stages.invert import pair_weights
from subside.stages.network import date_days
from subside.stages.reference import point_flags
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import date_bperp, n_points_of, used_pairs

log = logging.getLogger("subside")

FloatArray = npt.NDArray[np.float64]

SIGMA_NOTE = (
    "velocity_std is the standard deviation from temporally correlated noise (white by date, atmosphere included, plus "
    "decorrelation accumulated along the chain of pairs), inflated per stratum where rates of distant pairs of points "
    "scatter more than it predicts, and for filtered points with what averaging over the window may hide"
)


class RatesParameters(Parameters):
    """Time model of the rates."""

    seasonal: Literal["auto", "yes", "no"] = Field(
        "auto", description="annual term: per point by F test, always, never"
    )
    seasonal_alpha: float = Field(0.01, gt=0, lt=1, description="significance of that test")
    steps: tuple[str, ...] = Field((), description="dates (YYYYMMDD) at which the position may jump")


def _model(store: TrackStore, parameters: RatesParameters) -> TimeModel:
    first = parse_dates(store.stack_attributes()["dates"])[0]
    steps = tuple(
        float((parse_dates([d])[0] - first).astype("timedelta64[D]").astype(int)) for d in sorted(parameters.steps)
    )
    return TimeModel(seasonal=parameters.seasonal, steps=steps, alpha=parameters.seasonal_alpha)


def reference_areas(store: TrackStore) -> tuple[ReferenceArea, ...]:
    """Areas that make up the reference."""
    rows = store.read_attributes("reference")["areas"]
    return tuple(
        ReferenceArea(r["name"], r["easting"], r["northing"], np.array(r["point_rows"])) for r in rows if r["is_kept"]
    )


def _window_extent(store: TrackStore) -> tuple[float, float]:
    """Size of the filter window on the ground, m; one pixel where nothing was filtered here."""
    facts = store.stack_attributes()
    window = ((store.stage_state("extract") or {}).get("parameters") or {}).get("window", (1, 1))
    return window[0] * facts["azimuth_spacing"], window[1] * facts["range_spacing"]


def _separation(store: TrackStore) -> float:
    """Distance beyond which no two points share a filter window, m."""
    return float(np.hypot(*_window_extent(store)))


def _sensitivity(store: TrackStore) -> npt.NDArray[np.float64] | None:
    corners = date_bperp(store)
    if corners is None or not store.has("correct/dem_error"):
        return None
    mean = corners.mean(axis=(1, 2))
    return np.asarray(mean - mean[0])


def _tilt_std(store: TrackStore, position: tuple[FloatArray, FloatArray]) -> FloatArray:
    """What a drift of the planes left in the data may be wrong by, m/yr; zero where it was removed with them."""
    covariance = store.read("correct/tilt_covariance")
    scale = float(store.stack_attributes()["wavelength"]) / (4 * np.pi) * DAYS_PER_YEAR
    return scale * tilt_std(covariance, position, weights=store.read("reference/weights").astype(np.float64))


def _run(context: StageContext) -> dict[str, Any]:
    store = context.store
    model = _model(store, context.parameters)
    days = date_days(store)
    displacement = store.read("reference/displacement")
    position = (store.read("select/easting"), store.read("select/northing"))
    is_filtered = store.read("select/is_filtered")
    distance = distance_to_areas(position, reference_areas(store))
    coherence = store.read("select/temporal_coherence")
    if not np.isfinite(coherence).any():
        coherence = store.read("select/shp_coherence")
    sensitivity = _sensitivity(store)
    is_averaged = is_filtered | bool((store.stack_attributes()["n_looks"] or 2.0) > 1.0)
    network = network_covariance(used_pairs(store), len(days), weights=pair_weights(store))
    blocker = noise_blocker(days, model, n_more=int(sensitivity is not None))
    if blocker:
        log.warning("rates: standard deviations stay unknown: %s", blocker)
        noise = unknown_noise(len(displacement), days)
    else:
        local = empirical_op.local_pairs(
            position,
            uncertainty.noise_classes(is_filtered, coherence),
            is_averaged=is_averaged,
            min_separation=_separation(store),
        )
        noise = uncertainty.estimate_noise(
            displacement,
            days,
            classes=uncertainty.noise_classes(is_filtered, coherence, distance=distance),
            model=model,
            sensitivity=sensitivity,
            local=local if len(local.pairs) else None,
            network=network,
        )
    empirical = empirical_op.empirical_errors(
        displacement,
        days,
        position=position,
        is_filtered=is_filtered,
        model=model,
        sensitivity=sensitivity,
        networks=(network if is_averaged.all() else None, network),
        min_separation=_separation(store),
    )
    rates = rates_op.fit_rates(
        displacement,
        days,
        noise=noise,
        model=model,
        dem=load_dem_term(store),
        inflation=empirical.inflation[is_filtered.astype(int)],
    )
    rates = with_representation(
        rates, position=position, is_filtered=is_filtered, window_std=max(_window_extent(store)) / np.sqrt(12.0)
    )
    rates = replace(rates, velocity_std=np.hypot(rates.velocity_std, _tilt_std(store, position)).astype(np.float32))
    _write(store, rates, {"distance_to_reference": (distance, "m")})
    empirical_std = empirical.velocity_std(is_filtered, distance)
    store.write("rates/velocity_std_empirical", empirical_std, dims=("point",), units="m/yr")
    _write_displacement_std(store, noise, displacement.shape)
    flags = point_flags(store)
    if store.has("network/is_behind_bridge") and store.read("network/is_behind_bridge").any():
        flags |= np.uint16(PointFlag.BRIDGED)
    store.write("rates/flags", flags, dims=("point",))
    store.write_attributes(
        "rates",
        {
            "sigma": f"unknown: {blocker}" if blocker else SIGMA_NOTE,
            "datum": DATUM_NOTE,
            "inflation": {"unfiltered": float(empirical.inflation[0]), "filtered": float(empirical.inflation[1])},
            "noise_classes": noise.n_classes,
        },
    )
    good = flags == 0
    if not good.any():
        raise ProjectError("every point is flagged; look at `subside show PROJECT unwrapping` for the reason")
    return {
        "points": len(flags),
        "default_set": int(good.sum()),
        "velocity_p1_mm_yr": float(np.nanpercentile(rates.velocity[good], 1) * MM_PER_M),
        "velocity_p99_mm_yr": float(np.nanpercentile(rates.velocity[good], 99) * MM_PER_M),
        **_spread_facts(rates.velocity_std[good], blocker),
    }


def _spread_facts(velocity_std: npt.NDArray[np.float32], blocker: str) -> dict[str, Any]:
    if blocker:
        return {"velocity_std": f"unknown, {blocker}"}
    return {"velocity_std_median_mm_yr": float(np.nanmedian(velocity_std) * MM_PER_M)}


def _write(store: TrackStore, rates: rates_op.Rates, more: dict[str, tuple[Any, str]]) -> None:
    units = {
        "velocity": "m/yr",
        "velocity_std": "m/yr",
        "velocity_std_formal": "m/yr",
        "velocity_std_correlated": "m/yr",
        "velocity_std_representation": "m/yr",
        "seasonal_amplitude": "m",
        "seasonal_phase": "rad",
        "seasonal_p_value": "1",
        "is_seasonal": "1",
        "residual_rms": "m",
    }
    for name, unit in units.items():
        store.write(f"rates/{name}", getattr(rates, name), dims=("point",), units=unit)
    if rates.steps.shape[1]:
        store.write("rates/steps", rates.steps, dims=("point", "step"), units="m")
    for name, (values, unit) in more.items():
        store.write(f"rates/{name}", values, dims=("point",), units=unit)


def _write_displacement_std(store: TrackStore, noise: NoiseModel, shape: tuple[int, ...]) -> None:
    array = store.create_array(
        "rates/displacement_std",
        shape,
        dtype=np.float32,
        chunks=(POINT_ROWS, shape[1]),
        dims=("point", "date"),
        units="m",
    )
    for start in range(0, shape[0], POINT_ROWS):
        rows = slice(start, min(start + POINT_ROWS, shape[0]))
        array[rows] = noise.displacement_std(rows)


def _memory(store: TrackStore, parameters: RatesParameters) -> int:
    return n_points_of(store) * (len(store.stack_attributes()["dates"]) * 20 + 300)


STAGE = Stage(
    name="rates",
    title="rates with formal, correlated and empirical standard deviations",
    inputs=("stack", "network", "extract", "select", "unwrap", "correct", "reference"),
    parameters=RatesParameters,
    version=3,
    run=_run,
    memory=_memory,
)
