"""One product of a data take: its annotations, its measurement files, its burst numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from subside._check import in_range
from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.safe.annotation import Annotation, Manifest, Time, read_annotation, read_manifest
from subside.io.safe.container import Container, find_products
from subside.io.safe.measurement import check_measurement
from subside.io.safe.numbering import burst_numbers, node_offset, settle_node

SWATHS = ("IW1", "IW2", "IW3")
POLARISATIONS = ("VV", "VH", "HH", "HV")


@dataclass(frozen=True)
class Slice:
    """One product, read.

    Attributes
    ----------
    container : Container
        The product.
    manifest : Manifest
        Processor version, relative orbit and data take.
    annotations : mapping of str to Annotation
        By swath; swaths without bursts (burst-extracted products) are left out.
    numbers : mapping of str to tuple of int
        Burst numbers, by swath, in the order of the annotation.
    """

    container: Container
    manifest: Manifest
    annotations: Mapping[str, Annotation]
    numbers: Mapping[str, tuple[int, ...]]

    @property
    def mission(self) -> str:
        """``"S1A"`` ... ``"S1D"``."""
        return next(iter(self.annotations.values())).mission

    @property
    def start(self) -> Time:
        """Time of the first line of the earliest burst."""
        return min(b.time for a in self.annotations.values() for b in a.bursts)

    @property
    def is_numbered(self) -> bool:
        """Whether the burst numbers are annotated ones."""
        return all(b.burst_id is not None for a in self.annotations.values() for b in a.bursts)


def _tokens(member: str) -> tuple[str, str]:
    words = member.rpartition("/")[2].lower().split("-")
    return (words[1].upper(), words[3].upper()) if len(words) >= 9 and words[2] == "slc" else ("", "")


def _read_slice(container: Container, polarisation: str, swaths: tuple[str, ...], is_measured: bool) -> Slice | None:
    members = {m: _tokens(m) for m in container.members("annotation", ".xml")}
    if not members:
        refuse("S102", container.address("annotation"), "must hold the annotation of the swaths, got none")
    offered = sorted({p for _, p in members.values()} & set(POLARISATIONS))
    if polarisation not in offered:
        refuse("S126", container.path, f"polarisation {polarisation} must be in {container.name}, got {offered}")
    annotations: dict[str, Annotation] = {}
    for member, (swath, of) in members.items():
        if of != polarisation or swath not in swaths:
            continue
        annotation = read_annotation(container, member)
        if (annotation.swath, annotation.polarisation) != (swath, of):
            found = f"{annotation.swath} {annotation.polarisation}"
            refuse("S109", container.address(member), f"swath and polarisation must be {swath} {of}, got {found}")
        if annotation.bursts:
            annotations[swath] = annotation
    if not annotations:
        return None
    _check_measured(container, annotations, polarisation, swaths, is_measured)
    manifest = read_manifest(container)
    earliest = min(annotations.values(), key=lambda a: a.bursts[0].time)
    start = earliest.bursts[0].time
    offset = settle_node(node_offset(earliest), manifest.is_crossing)
    ordered = {s: annotations[s] for s in sorted(annotations)}
    numbers = {s: burst_numbers(a, manifest.relative_orbit, start, offset) for s, a in ordered.items()}
    return Slice(container=container, manifest=manifest, annotations=ordered, numbers=numbers)


def _check_measured(
    container: Container,
    annotations: Mapping[str, Annotation],
    polarisation: str,
    swaths: tuple[str, ...],
    is_measured: bool,
) -> None:
    files = container.members("measurement", ".tiff")
    lone = [m for m in files if _tokens(m)[1] == polarisation and _tokens(m)[0] in set(swaths) - set(annotations)]
    read = [_tokens(m) for m in container.members("annotation", ".xml")]
    for member in lone:
        if _tokens(member) not in read:
            refuse("S102", container.address(member), "must have its annotation beside it, got none")
    if is_measured:
        for annotation in annotations.values():
            check_measurement(annotation, files)


def read_slices(
    paths: Sequence[Path],
    *,
    polarisation: str = "VV",
    swaths: tuple[str, ...] | None = None,
    is_measured: bool = True,
) -> tuple[Slice, ...]:
    """Read the products in the files and folders given, each by itself.

    Parameters
    ----------
    paths : sequence of Path
        SAFE folders, zips, and folders that hold either.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.
    swaths : tuple of str, optional
        Some of ``"IW1"``, ``"IW2"``, ``"IW3"``; all of them by default.
    is_measured : bool
        Demand the measurement files, whole. Without, annotations are read by themselves.

    Returns
    -------
    tuple of Slice
        Sorted by start. Products that hold no burst of the swaths wanted are left out.

    Raises
    ------
    ArgumentError
        If ``polarisation`` or ``swaths`` is not one of the names above.
    InputFileError
        S101, S102, S103, S109, S121, S126.
    """
    wanted = SWATHS if swaths is None else tuple(swaths)
    in_range(1, len(SWATHS), n_swaths=len(wanted))
    if not set(wanted) <= set(SWATHS):
        raise ArgumentError(f"`swaths` must be some of {SWATHS}, got {wanted}")
    if polarisation not in POLARISATIONS:
        raise ArgumentError(f"`polarisation` must be one of {POLARISATIONS}, got {polarisation!r}")
    read = (_read_slice(c, polarisation, wanted, is_measured) for c in find_products(paths))
    found = sorted((s for s in read if s is not None), key=lambda s: (s.start, s.container.name))
    if not found:
        refuse("S126", paths[0], f"products must hold bursts of {', '.join(wanted)}, got none")
    return tuple(found)
