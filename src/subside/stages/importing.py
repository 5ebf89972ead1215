"""Import: stream a source into the store date by date, resumable, with a digest over what was written."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track as progress_over

from subside import __version__
from subside.errors import ArgumentError
from subside.io.atomic import disk_error
from subside.io.codes import refuse
from subside.io.stacks import StackSource, UnwrappedSource, open_stack
from subside.io.store import POINT_ROWS, SHARD_LINES, TrackStore, content_digest
from subside.model.network import Network, PairStatus, design_matrix
from subside.model.stack import parse_dates
from subside.ops.network import find_bridges
from subside.stages.importing_safe import import_safe
from subside.stages.network import write_network
from subside.stages.safe_request import option_of, safe_request
from subside.stages.tables import PAIR_COLUMNS, column_blocks

log = logging.getLogger("subside")

UNWRAPPED_PROVIDES = ("survey", "network", "extract", "select", "unwrap")
"""Stages whose results come with a stack of unwrapped interferograms."""


def _facts(source: StackSource | UnwrappedSource, request: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(source, StackSource):
        reference, bperp, n_looks = source.reference_date, source.bperp, float(source.n_looks)
    else:
        reference, bperp, n_looks = source.dates[0], _date_baselines(source), None
    return {
        "dates": list(source.dates),
        "reference_date": reference,
        "wavelength": float(source.wavelength),
        "azimuth_spacing": float(source.azimuth_spacing),
        "range_spacing": float(source.range_spacing),
        "shape": list(source.shape),
        "bperp": None if bperp is None else bperp.tolist(),
        "n_looks": n_looks,
        "source": json.loads(json.dumps(dict(source.attributes), default=str)),
        "findings": [{"code": f.code, "file": str(f.file), "message": f.message} for f in source.findings],
        "request": dict(request),
    }


def _date_baselines(source: UnwrappedSource) -> npt.NDArray[np.float64] | None:
    """Baselines of the dates relative to the first one, least squares from those of the pairs, (date, 2, 2)."""
    if source.bperp is None or not np.isfinite(source.bperp).all():
        return None
    design = design_matrix(source.pairs, len(source.dates))[:, 1:]
    solved = np.linalg.lstsq(design, source.bperp.reshape(len(source.pairs), 4), rcond=None)[0]
    result = np.zeros((len(source.dates), 2, 2))
    result[1:] = solved.reshape(-1, 2, 2)
    return result


def _request_digest(facts: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _bands(n_lines: int) -> list[slice]:
    return [slice(k, min(k + SHARD_LINES, n_lines)) for k in range(0, n_lines, SHARD_LINES)]


def import_stack(store: TrackStore, source: StackSource, *, request: Mapping[str, Any], console: Console) -> str:
    """Stream a stack of single-look (or wrapped) images into the store.

    Parameters
    ----------
    store : TrackStore
        Where to.
    source : StackSource
        An opened, checked source.
    request : mapping
        What the user asked for (format, paths, options): part of the digest.
    console : Console
        Where the progress goes.

    Returns
    -------
    str
        Digest of the stack, taken over the digests of its bands.

    Raises
    ------
    InputFileError
        When a date turns out to be empty; what was written stays and the same command resumes.
    """
    facts = _facts(source, request)
    digest = _request_digest(facts)
    begun = store.stage_state("stack.begun")
    store.create()
    _forget_acquisitions(store)
    if begun is None or begun["digest"] != digest:
        store.forget_stage("stack")
        store.create_stack(len(source.dates), source.shape, facts)
        store.finish_stage("stack.begun", {"digest": digest})
    slc = store.array("stack/slc")
    digests: list[Mapping[str, Any]] = []
    jobs = [("date_" + d, k) for k, d in enumerate(source.dates)]
    for name, k in progress_over(jobs, description="import", console=console):
        marker = store.block_marker("stack", name, digest)
        if marker is None:
            marker = _import_date(source, slc, k)
            store.commit_block("stack", name, digest, marker)
        digests.append(marker)
    for field, read in sorted(source.geometry.items()):
        marker = store.block_marker("stack", field, digest)
        if marker is None:
            marker = _import_geometry(store, field, source.shape, read)
            store.commit_block("stack", field, digest, marker)
        digests.append(marker)
    return _finish(store, facts, digests)


def _forget_acquisitions(store: TrackStore) -> None:
    """A track of that name may have been one of SAFE products before."""
    for stage in ("geometry", "alignment", "acquisitions"):
        store.forget_stage(stage)


def _import_date(source: StackSource, slc: Any, k: int) -> dict[str, Any]:
    digests = []
    valid = 0
    for band in _bands(source.shape[0]):
        values = np.asarray(source.read_slc(k, band), dtype=np.complex64)
        values = np.where(np.isfinite(values), values, np.complex64(0))
        valid += int(np.count_nonzero(values))
        try:
            slc[k, band] = values
        except OSError as error:
            raise disk_error(slc.store.root, error) from error
        digests.append(content_digest(values))
    if valid == 0:
        refuse("S106", source.dates[k], "a date must hold valid samples, got none")
    return {"digests": digests, "valid": valid}


def _import_geometry(store: TrackStore, field: str, shape: tuple[int, int], read: Any) -> dict[str, Any]:
    array = store.create_geometry(field, shape)
    digests = []
    for band in _bands(shape[0]):
        values: npt.NDArray[Any] = np.asarray(read(band)).astype(array.dtype)
        array[band] = values
        digests.append(content_digest(values))
    return {"digests": digests}


def _finish(store: TrackStore, facts: Mapping[str, Any], digests: list[Mapping[str, Any]]) -> str:
    content = json.dumps({"facts": facts, "blocks": [d["digests"] for d in digests]}, sort_keys=True, default=str)
    digest = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
    store.finish_stage("stack", {"digest": digest, "subside": __version__})
    return digest


def import_unwrapped(
    store: TrackStore, source: UnwrappedSource, *, request: Mapping[str, Any], console: Console
) -> str:
    """Bring a stack of unwrapped interferograms into the store; it enters at ``invert``.

    Every pixel with at least one valid interferogram becomes a point. Parameters and return value as
    :func:`import_stack`.
    """
    facts = {**_facts(source, request), "provides": list(UNWRAPPED_PROVIDES)}
    store.create()
    _forget_acquisitions(store)
    for stage in ("stack", *UNWRAPPED_PROVIDES):
        store.forget_stage(stage)
    store.write_attributes("stack", facts)
    digests: list[Mapping[str, Any]] = []
    for field, read in sorted(source.geometry.items()):
        digests.append(_import_geometry(store, field, source.shape, read))
    n_pairs = len(source.pairs)
    whole = slice(0, source.shape[0])
    is_valid = np.zeros(source.shape, dtype=bool)
    for k in range(n_pairs):
        is_valid |= np.isfinite(source.read_unwrapped(k, whole))
    azimuth, range_ = np.nonzero(is_valid)
    constants = _pair_constants(source, is_valid)
    store.write("unwrap/pair_constant", constants, dims=("pair",), units="rad")
    phase = store.create_array(
        "unwrap/phase",
        (len(azimuth), n_pairs),
        dtype=np.float32,
        chunks=(POINT_ROWS, PAIR_COLUMNS),
        dims=("point", "pair"),
        units="rad",
    )
    coherence_sum = np.zeros(len(azimuth))
    mean_coherence = np.full(n_pairs, np.nan)
    for _, (start, stop) in progress_over(column_blocks(n_pairs), description="import", console=console):
        columns = [source.read_unwrapped(j, whole)[is_valid] for j in range(start, stop)]
        block = (np.stack(columns, axis=1) - constants[start:stop]).astype(np.float32)
        phase[:, start:stop] = block
        digests.append({"digests": [content_digest(block)]})
        if source.read_coherence is not None:
            for j in range(start, stop):
                values = np.asarray(source.read_coherence(j, whole)[is_valid], dtype=np.float64)
                mean_coherence[j] = float(np.nanmean(values))
                coherence_sum += np.nan_to_num(values)
    _write_unwrapped_points(store, source, (azimuth, range_), coherence_sum / n_pairs)
    _write_unwrapped_network(store, source, mean_coherence)
    return _finish(store, facts, digests)


def _pair_constants(source: UnwrappedSource, is_valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Mean of each pair over the pixels valid in all of them, rad: an unwrapped interferogram has a free constant.

    The mean over one common set of pixels is the same operator for every pair, so that the pairs stay consistent.
    """
    whole = slice(0, source.shape[0])
    common = is_valid.copy()
    for k in range(len(source.pairs)):
        common &= np.isfinite(source.read_unwrapped(k, whole))
    if not common.any():
        refuse("S119", "unwrapped interferograms", "at least one pixel must be valid in all of them, got none")
    return np.array([source.read_unwrapped(k, whole)[common].mean(dtype=np.float64) for k in range(len(source.pairs))])


def _write_unwrapped_points(
    store: TrackStore,
    source: UnwrappedSource,
    pixels: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    coherence: npt.NDArray[np.float64],
) -> None:
    azimuth, range_ = pixels
    n = len(azimuth)
    unknown = np.full(n, np.nan, dtype=np.float32)
    mean_coherence = unknown if source.read_coherence is None else coherence.astype(np.float32)
    columns: dict[str, tuple[npt.NDArray[Any], str]] = {
        "azimuth": (azimuth.astype(np.int32), "1"),
        "range": (range_.astype(np.int32), "1"),
        "easting": (range_ * source.range_spacing, "m"),
        "northing": (azimuth * source.azimuth_spacing, "m"),
        "temporal_coherence": (unknown, "1"),
        "shp_coherence": (mean_coherence, "1"),
        "n_looks": (unknown, "1"),
        "amplitude_difference_dispersion": (unknown, "1"),
        "look_angle_error": (np.zeros(n, dtype=np.float32), "rad/m"),
        "n_shp": (np.zeros(n, dtype=np.int16), "1"),
        "is_filtered": (np.ones(n, dtype=bool), "1"),
        "flags": (np.zeros(n, dtype=np.uint16), "1"),
    }
    for name, (values, units) in columns.items():
        store.write(f"select/{name}", values, dims=("point",), units=units)
    store.write("unwrap/flags", np.zeros(n, dtype=np.uint16), dims=("point",))


def _write_unwrapped_network(store: TrackStore, source: UnwrappedSource, coherence: npt.NDArray[np.float64]) -> None:
    pairs = np.asarray(source.pairs, dtype=np.int32)
    stamps = parse_dates(list(source.dates))
    bperp = np.full(len(pairs), np.nan) if source.bperp is None else source.bperp.mean(axis=(1, 2))
    write_network(
        store,
        Network(
            days=(stamps - stamps[0]).astype(np.float64),
            earlier=pairs[:, 0],
            later=pairs[:, 1],
            bperp=bperp,
            coherence=coherence,
            status=(PairStatus.KEPT,) * len(pairs),
            reason=("given",) * len(pairs),
            is_bridge=find_bridges(pairs, len(source.dates)),
        ),
    )


def import_source(
    store: TrackStore,
    format_: str,
    sources: Sequence[Path],
    *,
    options: Sequence[str],
    console: Console,
    acquisition: Mapping[str, Any] | None = None,
) -> str:
    """Open a source of a format, check it, and import it.

    Parameters
    ----------
    store : TrackStore
        Where to.
    format_ : str
        Name of the format.
    sources : sequence of Path
        Folders or files.
    options : sequence of str
        ``name=value`` facts that the files do not hold.
    console : Console
        Where progress goes.
    acquisition : mapping, optional
        Of the format ``safe`` only: ``orbits``, ``dem`` (paths), ``aoi``, ``swaths`` and ``polarisation`` (text).

    Returns
    -------
    str
        Digest of what was imported.

    Raises
    ------
    ArgumentError
        For ``acquisition`` with another format, or ``safe`` without a DEM.
    """
    values = dict(_parse_option(text) for text in options)
    if format_ == "safe":
        with store.locked():
            return import_safe(store, option_of(values, safe_request(sources, acquisition or {})))
    if acquisition:
        names = ", ".join(f"--{name}" for name in sorted(acquisition))
        raise ArgumentError(f"{names} must go with --format safe, got --format {format_}")
    source = open_stack(format_, sources, **values)
    request = {"format": format_, "sources": [str(s) for s in sources], "options": sorted(options)}
    for finding in source.findings:
        log.info("finding: %s", finding)
    with store.locked():
        if isinstance(source, UnwrappedSource):
            digest = import_unwrapped(store, source, request=request, console=console)
        else:
            digest = import_stack(store, source, request=request, console=console)
    log.info("imported %d dates, %d x %d pixels as track %s", len(source.dates), *source.shape, store.name)
    return digest


def _parse_option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ArgumentError(f"`--option` must be name=value, got {text!r}")
    try:
        parsed: Any = json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    if isinstance(parsed, str) and "," in parsed:
        with suppress(ValueError):
            parsed = tuple(float(v) for v in parsed.split(","))
    return name.strip().replace("-", "_"), tuple(parsed) if isinstance(parsed, list) else parsed
