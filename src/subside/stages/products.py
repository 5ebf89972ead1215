"""The finished points of a track as a table ready for export."""

from __future__ import annotations

from typing import Any

import numpy as np

from subside.errors import ProjectError
from subside.io.schema import PointTable, TableAttributes
from subside.io.store import TrackStore
from subside.stages.catalogue import STAGES
from subside.stages.point_sources import filter_extent, point_kinds, track_flags
from subside.stages.tables import point_geometry


def provenance(store: TrackStore) -> dict[str, Any]:
    """Digest, version, parameters and facts of every finished stage, and what the import left of the stack."""
    result: dict[str, Any] = {"stack": store.stage_state("stack"), "source": store.stack_attributes()["request"]}
    for stage in STAGES:
        state = store.stage_state(stage.name)
        if state is not None and "facts" in state:
            result[stage.name] = {k: state[k] for k in ("digest", "version", "subside", "parameters", "facts")}
    return result


def point_table(store: TrackStore) -> PointTable:
    """Build the export table of a track; quantities that are unknown stay null.

    Raises
    ------
    ProjectError
        When the rates are not finished.
    """
    if store.stage_state("rates") is None:
        raise ProjectError(f"track {store.name!r} has no finished rates. Run `subside run` first.")
    facts = store.stack_attributes()
    points: dict[str, Any] = {
        "azimuth_index": store.read("select/azimuth"),
        "range_index": store.read("select/range"),
        "kind": point_kinds(store),
        "flags": track_flags(store),
        "velocity": store.read("rates/velocity"),
        "velocity_std": store.read("rates/velocity_std"),
        "velocity_std_representation": store.read("rates/velocity_std_representation"),
        "temporal_coherence": store.read("select/temporal_coherence"),
        "amplitude_difference_dispersion": store.read("select/amplitude_difference_dispersion"),
        "n_shp": store.read("select/n_shp"),
    }
    for field in ("longitude", "latitude", "height", "incidence_angle", "los_east", "los_north", "los_up"):
        values = point_geometry(store, field)
        if values is not None:
            points[field] = values
    for field in ("dem_error", "dem_error_std"):
        if store.has(f"correct/{field}"):
            points[field] = store.read(f"correct/{field}")
    if store.stack_attributes().get("provides"):
        points["n_shp"] = np.full(len(points["flags"]), np.nan)
    notes = store.read_attributes("rates")
    return PointTable.from_si(
        store.name,
        facts["dates"],
        points=points,
        displacement=store.array("reference/displacement"),
        displacement_std=store.array("rates/displacement_std"),
        attributes=_attributes(store, notes),
    )


def _known(value: Any) -> Any:
    """What the data cannot tell (the season of a short series) is null in metadata."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _attributes(store: TrackStore, notes: dict[str, Any]) -> TableAttributes:
    facts = store.stack_attributes()
    areas = [
        {k: _known(v) for k, v in a.items() if k != "point_rows"} for a in store.read_attributes("reference")["areas"]
    ]
    return TableAttributes(
        wavelength=facts["wavelength"],
        heading_deg=float(facts["source"].get("heading", np.nan)),
        datum=notes["datum"],
        reference_areas=areas,
        sigma_definition=notes["sigma"],
        provenance={**provenance(store), "filter": {"extent_m": filter_extent(store)}},
    )
