"""Corrections as named additive terms: ramps, DEM error, and on request the atmosphere."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from subside.conventions import DAYS_PER_YEAR, MM_PER_M
from subside.io.store import POINT_ROWS, TrackStore
from subside.model.stack import bperp_at
from subside.ops.atmosphere import estimate_atmosphere
from subside.ops.dem_error import DemErrorTerm, DemGeometry, fit_dem_error
from subside.ops.ramps import TiltRate, fit_ramps, tilt_rate
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import dates_needed, noise_classes
from subside.stages.network import date_days
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import date_bperp, n_points_of, point_geometry

log = logging.getLogger("subside")

_TILT_SIGNIFICANT = 4.0
"""Drift of the planes over its standard deviation that is said to be more than chance."""
_MIN_RAMP_CELLS = 3
"""A plane needs three places."""


class CorrectParameters(Parameters):
    """Which terms are fitted."""

    fit_ramps: bool = Field(True, description="fit a plane to every date, with weights that leave moving areas out")
    keep_tilt_rate: bool = Field(
        False,
        description="leave the part of the planes that is linear in time in the data: along tens of kilometres it is "
        "motion as likely as error; its uncertainty joins the standard deviation of the rates",
    )
    ramp_cell: float = Field(300.0, gt=0, description="side of the cells of equal weight in the ramps, m")
    fit_dem_error: bool = Field(True, description="fit the height error jointly with the motion, with a prior")
    dem_prior_std: float | None = Field(
        None, gt=0, description="standard deviation of the DEM error before the data, m; not set: from the data"
    )
    remove_atmosphere: bool = Field(
        False, description="take the smooth atmosphere off the series (rates and their errors do not use it)"
    )
    atmosphere_wavelength: float = Field(1000.0, gt=0, description="smoothness of the atmosphere in space, m")
    atmosphere_window_days: float = Field(90.0, gt=0, description="roughness of the atmosphere in time, days")


def _dem_blocker(store: TrackStore) -> str:
    missing = [
        name
        for name, known in (
            ("perpendicular baselines", date_bperp(store) is not None),
            ("slant range", store.knows("slant_range")),
            ("incidence angle", store.knows("incidence_angle")),
        )
        if not known
    ]
    return f"unknown: {', '.join(missing)}" if missing else ""


def noise_blocker(days: npt.NDArray[np.float64], model: TimeModel, *, n_more: int) -> str:
    """Why the noise of the series cannot be estimated, in words; empty when it can.

    ``n_more`` counts the unknowns of a series beside those of the model.
    """
    needed = dates_needed(model, days, n_more=n_more)
    return f"{len(days)} dates are too few to tell noise from motion, {needed} are needed" if len(days) < needed else ""


def ramp_phase(store: TrackStore, rows: slice) -> npt.NDArray[np.float32]:
    """Phase of the ramps at a block of points, rad, (point, date)."""
    slopes = store.read("correct/ramp_slopes")
    centre = store.read_attributes("correct")["ramp_centre"]
    position = np.column_stack(
        [store.array("select/easting")[rows] - centre[0], store.array("select/northing")[rows] - centre[1]]
    )
    return np.asarray(position @ slopes.T, dtype=np.float32)


def dem_geometry(store: TrackStore) -> DemGeometry | None:
    """What turns heights into phase at the points; None when baselines or geometry are unknown."""
    if _dem_blocker(store):
        return None
    corners, shape = date_bperp(store), tuple(store.stack_attributes()["shape"])
    azimuth, range_ = store.read("select/azimuth"), store.read("select/range")
    slant_range, incidence = point_geometry(store, "slant_range"), point_geometry(store, "incidence_angle")
    assert corners is not None and slant_range is not None and incidence is not None
    bperp = np.empty((len(azimuth), len(corners)), dtype=np.float32)
    for start in range(0, len(azimuth), POINT_ROWS):
        rows = slice(start, start + POINT_ROWS)
        bperp[rows] = bperp_at(corners, azimuth[rows], range_[rows], (shape[0], shape[1]))
    return DemGeometry(bperp, slant_range, incidence, store.stack_attributes()["wavelength"])


def load_dem_term(store: TrackStore) -> DemErrorTerm | None:
    """Read the DEM-error term; None when it was not fitted."""
    geometry = dem_geometry(store) if store.has("correct/dem_error") else None
    if geometry is None:
        return None
    return DemErrorTerm(
        store.read("correct/dem_error"),
        store.read("correct/dem_error_std"),
        store.read_attributes("correct")["dem_prior_std"],
        geometry,
    )


def _n_ramp_cells(store: TrackStore, phase: npt.NDArray[np.float32], cell: float) -> int:
    position = np.column_stack([store.read("select/easting"), store.read("select/northing")])
    whole = np.isfinite(phase).all(axis=1)
    return len(np.unique(np.floor((position[whole] - position.min(axis=0)) / cell), axis=0))


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    phase = store.read("invert/phase")
    days = date_days(store)
    facts: dict[str, Any] = {}
    attributes: dict[str, Any] = {"ramp_centre": [0.0, 0.0]}
    slopes = np.zeros((len(days), 2))
    weights, tilt_covariance = np.zeros(len(phase)), np.zeros((2, 2))
    n_cells = _n_ramp_cells(store, phase, parameters.ramp_cell)
    if parameters.fit_ramps and n_cells < _MIN_RAMP_CELLS:
        facts["ramps"] = f"skipped, points without gaps lie in {n_cells} cells of {parameters.ramp_cell:g} m only"
    elif parameters.fit_ramps:
        ramp = fit_ramps(
            phase,
            days,
            easting=store.read("select/easting"),
            northing=store.read("select/northing"),
            cell=parameters.ramp_cell,
        )
        tilt = tilt_rate(ramp.slopes, days)
        facts |= _tilt_facts(tilt, store.stack_attributes()["wavelength"])
        if parameters.keep_tilt_rate:
            ramp = replace(ramp, slopes=tilt.without(ramp.slopes, days))
            tilt_covariance = tilt.covariance
        slopes, weights = ramp.slopes, ramp.weights
        attributes["ramp_centre"] = list(ramp.centre)
        for start in range(0, len(phase), POINT_ROWS):
            rows = slice(start, start + POINT_ROWS)
            phase[rows] -= ramp.phase(rows)
        facts["ramp_rad_per_km"] = float(np.sqrt(np.mean(slopes**2)) * 1000)
    store.write_attributes("correct", attributes)
    store.write("correct/ramp_slopes", slopes, dims=("date", "axis"), units="rad/m")
    store.write("correct/ramp_weights", weights, dims=("point",))
    store.write("correct/tilt_covariance", tilt_covariance, dims=("axis", "axis_2"), units="(rad/m/day)^2")
    facts |= _fit_dem(store, phase, parameters)
    if parameters.remove_atmosphere:
        term = estimate_atmosphere(
            phase,
            days,
            easting=store.read("select/easting"),
            northing=store.read("select/northing"),
            wavelength=parameters.atmosphere_wavelength,
            window_days=parameters.atmosphere_window_days,
        )
        store.write("correct/atmosphere", term.values, dims=("point", "date"), units="rad")
        facts["atmosphere_rms_rad"] = float(np.sqrt(np.mean(term.values.astype(np.float64) ** 2)))
    return facts


def _tilt_facts(tilt: TiltRate, wavelength: float) -> dict[str, Any]:
    """Trend of the planes in mm/yr per km, and whether it is beyond chance."""
    scale = wavelength / (4 * np.pi) * MM_PER_M * 1000.0 * DAYS_PER_YEAR
    size, std = float(np.hypot(*tilt.rate)) * scale, float(np.hypot(*tilt.std)) * scale
    if np.any(np.abs(tilt.rate) > _TILT_SIGNIFICANT * tilt.std):
        log.warning(
            "correct: the planes of the dates drift by %.3f mm/yr per km (standard deviation %.3f), more than chance: "
            "removing them may remove motion. With correct.keep_tilt_rate = true the drift stays in the data.",
            size,
            std,
        )
    return {"tilt_mm_yr_per_km": size, "tilt_std_mm_yr_per_km": std}


def _fit_dem(store: TrackStore, phase: npt.NDArray[np.float32], parameters: CorrectParameters) -> dict[str, Any]:
    """Fit the DEM error and take it off ``phase`` in place."""
    if not parameters.fit_dem_error:
        return {"dem_error": "not asked for"}
    days = date_days(store)
    geometry = dem_geometry(store)
    if geometry is None:
        return {"dem_error": f"skipped, {_dem_blocker(store)}"}
    if blocker := noise_blocker(days, TimeModel(), n_more=1):
        return {"dem_error": f"skipped, {blocker}"}
    dem = fit_dem_error(
        phase,
        days,
        geometry=geometry,
        classes=noise_classes(store.read("select/is_filtered"), store.read("select/temporal_coherence")),
        prior_std=parameters.dem_prior_std,
    )
    for name in ("dem_error", "dem_error_std"):
        store.write(f"correct/{name}", getattr(dem, name), dims=("point",), units="m")
    store.write_attributes("correct", {"dem_prior_std": dem.prior_std})
    for start in range(0, len(phase), POINT_ROWS):
        rows = slice(start, start + POINT_ROWS)
        phase[rows] -= dem.phase(rows)
    return {"dem_prior_std_m": dem.prior_std, "dem_error_std_m": float(np.nanmedian(dem.dem_error_std))}


def _memory(store: TrackStore, parameters: CorrectParameters) -> int:
    return n_points_of(store) * (len(store.stack_attributes()["dates"]) * 24 + 200)


STAGE = Stage(
    name="correct",
    title="named terms: a ramp per date, the DEM error, on request the atmosphere",
    inputs=("stack", "invert", "select"),
    parameters=CorrectParameters,
    version=2,
    run=_run,
    memory=_memory,
)
