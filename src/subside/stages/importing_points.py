"""Import of points that come with a wrapped phase for every pair: such a track enters at ``unwrap``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track as progress_over

from subside import __version__
from subside.conventions import SENTINEL1_WAVELENGTH
from subside.io.store import POINT_ROWS, TrackStore, content_digest
from subside.model.points import PointKind
from subside.model.stack import format_dates
from subside.ops.network import dates_behind_bridges
from subside.ops.simulate.heze_track import AZIMUTH_SPACING, HEADING, TrackModel
from subside.ops.simulate.point_level import WrappedPoints
from subside.stages.network import write_network
from subside.stages.tables import PAIR_COLUMNS, column_blocks

POINTS_PROVIDE: Final = ("survey", "network", "extract", "select")
"""Stages whose results come with points that have wrapped phases."""

_FILTERED_NEIGHBOURS: Final = 60
"""Entered as the number of homogeneous neighbours of a distributed scatterer: it has none at this level."""


def import_points(
    store: TrackStore, model: TrackModel, points: WrappedPoints, *, request: Mapping[str, Any], console: Console
) -> str:
    """Write simulated points as a track of which everything up to ``select`` is given.

    The grid of the track has one line a point and one sample, so that geometry is kept by point.

    Parameters
    ----------
    store : TrackStore
        Where to.
    model : TrackModel
        The track the points were made for.
    points : WrappedPoints
        Positions, kinds, network and phases.
    request : mapping
        What the user asked for: part of the digest.
    console : Console
        Where progress goes.

    Returns
    -------
    str
        Digest of the track.
    """
    facts = _facts(model, points, request)
    store.create()
    for stage in ("geometry", "alignment", "acquisitions", "stack", *POINTS_PROVIDE):
        store.forget_stage(stage)
    store.write_attributes("stack", facts)
    digests = [_write_geometry(store, model, points)]
    _write_columns(store, points)
    n_pairs = points.phase.shape[1]
    array = store.create_array(
        "select/phase",
        points.phase.shape,
        dtype=np.float32,
        chunks=(POINT_ROWS, PAIR_COLUMNS),
        dims=("point", "pair"),
        units="rad",
    )
    for _, (start, stop) in progress_over(column_blocks(n_pairs), description="import", console=console):
        block = np.ascontiguousarray(points.phase[:, start:stop])
        array[:, start:stop] = block
        digests.append(content_digest(block))
    write_network(store, points.network)
    store.write("network/is_behind_bridge", dates_behind_bridges(points.network), dims=("date",))
    content = json.dumps({"facts": facts, "blocks": digests}, sort_keys=True, default=str)
    digest = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
    store.finish_stage("stack", {"digest": digest, "subside": __version__})
    return digest


def _facts(model: TrackModel, points: WrappedPoints, request: Mapping[str, Any]) -> dict[str, Any]:
    spec = model.spec
    mean = spec.bperp.mean(axis=(1, 2), keepdims=True)
    return {
        "dates": format_dates(spec.dates),
        "reference_date": spec.reference,
        "wavelength": SENTINEL1_WAVELENGTH,
        "azimuth_spacing": AZIMUTH_SPACING,
        "range_spacing": spec.range_spacing,
        "shape": [len(points.kind), 1],
        "bperp": np.broadcast_to(mean, spec.bperp.shape).tolist(),
        "n_looks": 1.0,
        "source": {
            "sensor": "simulated",
            "heading": HEADING,
            "scene": "heze",
            "level": "point level: wrapped phases simulated",
        },
        "findings": [],
        "request": dict(request),
        "provides": list(POINTS_PROVIDE),
    }


def _write_geometry(store: TrackStore, model: TrackModel, points: WrappedPoints) -> str:
    places = points.places
    east, north, up = places.los
    fields = {
        "longitude": points.longitude,
        "latitude": points.latitude,
        "height": places.height,
        "incidence_angle": places.incidence,
        "slant_range": places.slant_range,
        "los_east": east,
        "los_north": north,
        "los_up": up,
    }
    digests = []
    for name, values in fields.items():
        array = store.create_geometry(name, (len(values), 1))
        column = values.astype(array.dtype)[:, None]
        array[...] = column
        digests.append(content_digest(column))
    return "".join(digests)


def _write_columns(store: TrackStore, points: WrappedPoints) -> None:
    n = len(points.kind)
    unknown = np.full(n, np.nan, np.float32)
    is_filtered = points.kind == PointKind.DS
    columns: dict[str, tuple[npt.NDArray[Any], str]] = {
        "azimuth": (np.arange(n, dtype=np.int32), "1"),
        "range": (np.zeros(n, np.int32), "1"),
        "easting": (points.places.x, "m"),
        "northing": (points.places.y, "m"),
        "temporal_coherence": (points.coherence, "1"),
        "shp_coherence": (unknown, "1"),
        "n_looks": (unknown, "1"),
        "amplitude_difference_dispersion": (unknown, "1"),
        "look_angle_error": (np.zeros(n, np.float32), "rad/m"),
        "n_shp": (np.where(is_filtered, _FILTERED_NEIGHBOURS, 0).astype(np.int16), "1"),
        "is_filtered": (is_filtered, "1"),
        "flags": (np.zeros(n, np.uint16), "1"),
    }
    for name, (values, units) in columns.items():
        store.write(f"select/{name}", values, dims=("point",), units=units)
