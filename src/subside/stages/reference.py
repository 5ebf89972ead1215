"""Reference areas: found or given, adjusted together, tested; series relative to them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import BaseModel, ConfigDict, Field

from subside.errors import ProjectError, UnknownQuantityError
from subside.io.store import POINT_ROWS, TrackStore
from subside.ops.reference import AreaResidual, adjust_reference
from subside.ops.reference_areas import (
    ReferenceArea,
    ReferenceSearch,
    areas_from_labels,
    find_reference_areas,
)
from subside.ops.time_model import TimeModel
from subside.stages.correct import load_dem_term, noise_blocker, ramp_phase
from subside.stages.network import date_days
from subside.stages.stage import Parameters, Stage, StageContext
from subside.stages.tables import n_points_of, point_geometry


class GivenArea(BaseModel):
    """A reference area of the user's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="label in the table of areas")
    polygon: tuple[tuple[float, float], ...] = Field(min_length=3, description="corners: longitude, latitude, degrees")


class ReferenceParameters(Parameters):
    """Where the reference is taken."""

    areas: tuple[GivenArea, ...] = Field((), description="areas to use; none given: they are found")
    cell: float = Field(250.0, gt=0, description="side of a found area, m")
    min_points: int = Field(8, ge=1, description="fewest points in a found area")
    n_tiles: int = Field(3, ge=1, description="the scene is cut into this many by as many; each gives one area")
    significance: float = Field(0.01, gt=0, lt=0.5, description="level of the test that rejects an area that moves")


def point_flags(store: TrackStore) -> npt.NDArray[np.uint16]:
    """Flags of selection and unwrapping together, (point,)."""
    return np.asarray(store.read("select/flags") | store.read("unwrap/flags"), dtype=np.uint16)


def _given(store: TrackStore, areas: tuple[GivenArea, ...]) -> tuple[ReferenceArea, ...]:
    longitude, latitude = point_geometry(store, "longitude"), point_geometry(store, "latitude")
    if longitude is None or latitude is None:
        raise UnknownQuantityError(
            "`reference.areas` are in longitude and latitude, which are unknown for this track; leave them out"
        )
    labels = np.full(len(longitude), -1)
    for k, area in enumerate(areas):
        inside = shapely.contains_xy(shapely.Polygon(area.polygon), longitude, latitude)
        if not inside.any():
            raise ProjectError(
                f"`reference.areas`: no point lies in area {area.name!r}; check that corners are longitude, latitude"
            )
        labels[inside] = k
    found = areas_from_labels(labels, (store.read("select/easting"), store.read("select/northing")))
    return tuple(
        ReferenceArea(given.name, a.easting, a.northing, a.points) for given, a in zip(areas, found, strict=True)
    )


def corrected_displacement(store: TrackStore) -> npt.NDArray[np.float32]:
    """Series less ramps and DEM error, m toward the satellite, (point, date); not yet referenced."""
    scale = -store.stack_attributes()["wavelength"] / (4 * np.pi)
    values = store.read("invert/phase")
    dem = load_dem_term(store)
    for start in range(0, len(values), POINT_ROWS):
        rows = slice(start, start + POINT_ROWS)
        values[rows] -= ramp_phase(store, rows)
        if dem is not None:
            values[rows] -= dem.phase(rows)
        values[rows] *= scale
    return values


def _has_whole(displacement: npt.NDArray[np.float32], rows: npt.NDArray[Any]) -> bool:
    is_whole = np.asarray(np.isfinite(displacement).all(axis=1))
    return bool(is_whole[rows].any())


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    days = date_days(store)
    displacement = corrected_displacement(store)
    if parameters.areas:
        areas = _given(store, parameters.areas)
        if not any(_has_whole(displacement, a.points) for a in areas):
            raise ProjectError(
                "`reference.areas`: no point in these areas has a value at every date. Choose other areas, "
                "or give none: they are then found."
            )
    else:
        eligible = point_flags(store) == 0
        if not _has_whole(displacement, eligible):
            raise ProjectError(
                f"no reference area can be found: {len(eligible)} points, {int(eligible.sum())} without a flag, 0 of "
                "these with a value at every date. Look at `subside show PROJECT unwrapping` for the reason."
            )
        areas = find_reference_areas(
            displacement,
            days,
            position=(store.read("select/easting"), store.read("select/northing")),
            eligible=eligible,
            search=ReferenceSearch(parameters.cell, parameters.min_points, parameters.n_tiles),
        )
    adjusted = adjust_reference(displacement, days, areas=areas, significance=parameters.significance)
    displacement -= adjusted.offset.astype(np.float32)
    array = store.create_array(
        "reference/displacement",
        displacement.shape,
        dtype=np.float32,
        chunks=(POINT_ROWS, displacement.shape[1]),
        dims=("point", "date"),
        units="m",
    )
    array[...] = displacement
    store.write("reference/offset", adjusted.offset, dims=("date",), units="m")
    store.write("reference/weights", adjusted.weights, dims=("point",))
    store.write_attributes("reference", {"datum": adjusted.datum, "areas": [_row(r) for r in adjusted.table]})
    blocker = noise_blocker(days, TimeModel(), n_more=0)
    return {
        "areas": len(adjusted.table),
        "rejected": sum(not r.is_kept for r in adjusted.table),
        **({"tested": f"none, {blocker}"} if blocker else {}),
        "datum": "unknown: rates are relative to the mean of the areas",
    }


def _row(residual: AreaResidual) -> dict[str, Any]:
    row = asdict(residual)
    area = row.pop("area")
    points = area.pop("points")
    return {**area, **row, "point_rows": [int(p) for p in points]}


def _memory(store: TrackStore, parameters: ReferenceParameters) -> int:
    return n_points_of(store) * (len(store.stack_attributes()["dates"]) * 20 + 200)


STAGE = Stage(
    name="reference",
    title="reference areas, found or given, adjusted together and tested",
    inputs=("stack", "invert", "correct", "select", "unwrap"),
    parameters=ReferenceParameters,
    version=1,
    run=_run,
    memory=_memory,
)
