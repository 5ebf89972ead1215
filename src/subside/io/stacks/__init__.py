"""Readers of stacks made by other processors.

Each reader checks its files on a sample before anything long starts and returns a source that is then read band by
band: :class:`StackSource` for complex images, :class:`UnwrappedSource` for unwrapped interferograms.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from subside.errors import InputRepairWarning, UnknownQuantityWarning
from subside.io.codes import refuse
from subside.io.stacks.isce import open_isce
from subside.io.stacks.snap import open_snap
from subside.io.stacks.snap_writer import write_snap_tree
from subside.io.stacks.source import BandReader, Finding, StackSource, UnwrappedSource
from subside.io.stacks.unwrapped import open_unwrapped
from subside.io.stacks.wrapped import open_wrapped

__all__ = [
    "FORMATS",
    "BandReader",
    "Finding",
    "StackSource",
    "UnwrappedSource",
    "open_stack",
    "write_snap_tree",
]

FORMATS: Mapping[str, Callable[..., StackSource | UnwrappedSource]] = MappingProxyType(
    {"snap": open_snap, "isce2": open_isce, "wrapped": open_wrapped, "unwrapped": open_unwrapped}
)
"""Reader of each format name."""


def open_stack(fmt: str, sources: Sequence[Path], **options: Any) -> StackSource | UnwrappedSource:
    """Open and check a stack.

    Parameters
    ----------
    fmt : {'snap', 'isce2', 'wrapped', 'unwrapped'}
        Layout of the sources.
    sources : sequence of Path
        Files or folders, as the reader of the format asks.
    **options
        Options of the format, documented at ``open_snap``, ``open_isce``, ``open_wrapped``, ``open_unwrapped``.

    Returns
    -------
    StackSource or UnwrappedSource
        The second for ``'unwrapped'``. A warning is issued for each code among its findings.

    Raises
    ------
    InputFileError
        With a code of :data:`subside.io.codes.CODES`, before anything long.

    Warns
    -----
    InputRepairWarning
        A producer's fault was repaired (``W1xx``).
    UnknownQuantityWarning
        Something is not known (``W2xx``).
    """
    if fmt not in FORMATS:
        refuse("S116", "format", f"must be one of {sorted(FORMATS)}, got {fmt!r}")
    if not sources:
        refuse("S101", "(no source)", "at least one file or folder must be given")
    paths = [Path(s) for s in sources]
    for path in paths:
        if not path.exists():
            refuse("S101", path, "source must exist")
    source = FORMATS[fmt](paths, **options)
    for code in sorted({f.code for f in source.findings}):
        same = [f for f in source.findings if f.code == code]
        more = f" (and {len(same) - 1} more)" if len(same) > 1 else ""
        category = InputRepairWarning if code.startswith("W1") else UnknownQuantityWarning
        warnings.warn(f"{same[0]}{more}", category, stacklevel=2)
    return source
