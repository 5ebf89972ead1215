"""Tables of points in the store: written per tile, gathered in order, read by columns or by rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.io.store import POINT_ROWS, TrackStore
from subside.model.network import Network
from subside.model.stack import bperp_at
from subside.stages.network import load_network

PAIR_COLUMNS = 8
"""Pairs of a chunk of a (point, pair) array: one writer handles whole chunks of columns."""

BAND_PIXELS = 4_000_000
"""Pixels of a geometry field read at once: 32 MB, one read of a long and narrow track, a few of a wide one."""


@dataclass(frozen=True)
class Column:
    """One column of a point table.

    Attributes
    ----------
    name : str
        Array name.
    units : str
        Unit.
    """

    name: str
    units: str


def write_tile(
    store: TrackStore,
    group: str,
    columns: Mapping[Column, npt.NDArray[Any]],
    phase: npt.NDArray[np.float32] | None = None,
) -> None:
    """Write the points of one tile into its own group; a tile without points writes empty arrays."""
    for column, values in columns.items():
        store.write(f"{group}/{column.name}", values, dims=("point",), units=column.units)
    if phase is not None:
        array = store.create_array(
            f"{group}/phase",
            phase.shape,
            dtype=np.float32,
            chunks=(POINT_ROWS, PAIR_COLUMNS),
            dims=("point", "pair"),
            units="rad",
        )
        if phase.size:
            array[...] = phase


def gather_tiles(store: TrackStore, stage: str, tiles: Sequence[str], columns: Sequence[Column]) -> int:
    """Join the tiles of a stage into whole arrays ordered by (azimuth, range).

    Reads one column, or eight pairs, at a time, so that memory stays a few times one column.

    Parameters
    ----------
    store : TrackStore
        The track.
    stage : str
        Group; tiles are ``stage/<tile>``.
    tiles : sequence of str
        Tile names, in any fixed order.
    columns : sequence of Column
        Columns to join; ``phase`` is joined besides.

    Returns
    -------
    int
        Number of points.
    """

    def read(name: str) -> npt.NDArray[Any]:
        return np.concatenate([store.read(f"{stage}/{t}/{name}") for t in tiles])

    order = np.lexsort((read("range"), read("azimuth")))
    for column in columns:
        store.write(f"{stage}/{column.name}", read(column.name)[order], dims=("point",), units=column.units)
    sources = [store.array(f"{stage}/{t}/phase") for t in tiles]
    n_pairs = sources[0].shape[1]
    target = store.create_array(
        f"{stage}/phase",
        (len(order), n_pairs),
        dtype=np.float32,
        chunks=(POINT_ROWS, PAIR_COLUMNS),
        dims=("point", "pair"),
        units="rad",
    )
    for start in range(0, n_pairs, PAIR_COLUMNS):
        stop = min(start + PAIR_COLUMNS, n_pairs)
        if len(order):
            target[:, start:stop] = np.concatenate([s[:, start:stop] for s in sources if s.shape[0]])[order]
    return len(order)


def point_blocks(n_points: int) -> list[tuple[str, tuple[int, int]]]:
    """Blocks of points that are whole chunks."""
    return [
        (f"points_{k}", (start, min(start + POINT_ROWS, n_points)))
        for k, start in enumerate(range(0, n_points, POINT_ROWS))
    ]


def column_blocks(n_pairs: int) -> list[tuple[str, tuple[int, int]]]:
    """Blocks of pairs that are whole chunks."""
    return [
        (f"pairs_{k}", (start, min(start + PAIR_COLUMNS, n_pairs)))
        for k, start in enumerate(range(0, n_pairs, PAIR_COLUMNS))
    ]


def n_points_of(store: TrackStore) -> int:
    """Number of selected points; 0 before the selection has run."""
    return int(store.array("select/azimuth").shape[0]) if store.has("select/azimuth") else 0


def used_pairs(store: TrackStore) -> npt.NDArray[np.int32]:
    """Date indices of the pairs that enter the processing, (pair, 2)."""
    return load_network(store).used


def used_network(store: TrackStore) -> tuple[Network, npt.NDArray[np.int32]]:
    """Network and its used pairs."""
    network = load_network(store)
    return network, network.used


def date_bperp(store: TrackStore) -> npt.NDArray[np.float64] | None:
    """Perpendicular baselines of the dates at the corners, m, (date, 2, 2); None is unknown."""
    bperp = store.stack_attributes()["bperp"]
    return None if bperp is None else np.array(bperp, dtype=np.float64)


def pair_bperp(store: TrackStore, pairs: npt.NDArray[np.int32]) -> npt.NDArray[np.float64] | None:
    """Perpendicular baseline of each pair at mid-scene, m, (pair,); None is unknown."""
    corners = date_bperp(store)
    if corners is None:
        return None
    mean = corners.mean(axis=(1, 2))
    return np.asarray(mean[pairs[:, 1]] - mean[pairs[:, 0]])


def point_bperp(store: TrackStore, rows: slice) -> npt.NDArray[np.float64] | None:
    """Perpendicular baseline of each date at a block of points, m, (point, date); None is unknown."""
    corners = date_bperp(store)
    if corners is None:
        return None
    lines, samples = store.stack_attributes()["shape"]
    return bperp_at(corners, store.array("select/azimuth")[rows], store.array("select/range")[rows], (lines, samples))


def point_geometry(store: TrackStore, field: str) -> npt.NDArray[np.float64] | None:
    """Read a geometry field at the selected points, (point,); None when it is unknown."""
    if not store.knows(field):
        return None
    source = store.geometry_array(field)
    azimuth, range_ = store.read("select/azimuth"), store.read("select/range")
    result = np.full(len(azimuth), np.nan)
    bands = list(_bands(source.shape, source.chunks[0]))
    rows = np.searchsorted(azimuth, [band.start for band in bands] + [source.shape[0]])
    for band, first, last in zip(bands, rows[:-1], rows[1:], strict=True):
        if last > first:
            result[first:last] = source[band][azimuth[first:last] - band.start, range_[first:last]]
    return result


def _bands(shape: tuple[int, ...], chunk_lines: int) -> Iterator[slice]:
    """Lines read together: whole chunks, as many as :data:`BAND_PIXELS` holds, at least one."""
    n_lines, n_samples = shape
    step = chunk_lines * max(1, BAND_PIXELS // (chunk_lines * n_samples))
    for start in range(0, n_lines, step):
        yield slice(start, min(start + step, n_lines))


def height_factor(store: TrackStore) -> npt.NDArray[np.float64] | None:
    """Height per look-angle error at each point, ``wavelength R sin(incidence) / (4 pi)``, m per (rad/m).

    None when slant range or incidence is unknown.
    """
    slant_range, incidence = point_geometry(store, "slant_range"), point_geometry(store, "incidence_angle")
    if slant_range is None or incidence is None:
        return None
    wavelength = store.stack_attributes()["wavelength"]
    return np.asarray(wavelength * slant_range * np.sin(incidence) / (4 * np.pi))


def scene_height_factor(store: TrackStore) -> float | None:
    """:func:`height_factor` at mid-scene, before there are points; None when geometry is unknown."""
    if not (store.knows("slant_range") and store.knows("incidence_angle")):
        return None
    lines, samples = store.stack_attributes()["shape"]
    slant_range = float(store.geometry_array("slant_range")[lines // 2, samples // 2])
    incidence = float(store.geometry_array("incidence_angle")[lines // 2, samples // 2])
    factor = store.stack_attributes()["wavelength"] * slant_range * np.sin(incidence) / (4 * np.pi)
    return float(factor) if np.isfinite(factor) else None
