"""Writing a product so that a reader sees the whole file or none, whichever library writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyogrio.errors
import rasterio.errors
from rasterio._err import CPLE_BaseError

from subside.errors import ProjectError
from subside.io.atomic import atomic_path

_LIBRARY_ERRORS = (
    OSError,
    pa.ArrowException,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FieldError,
    pyogrio.errors.FeatureError,
    rasterio.errors.RasterioError,
    CPLE_BaseError,
)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to; flush and rename it when the block succeeds.

    Parameters
    ----------
    path : Path
        File wanted. An existing file is replaced, whole, at the end.

    Yields
    ------
    Path
        Name to write to, with the same suffix.

    Raises
    ------
    ProjectError
        If the file cannot be written (disk full, no permission, a folder of that name); what was there before
        is left as it was, and nothing else stays behind.
    """
    if path.is_dir():
        raise ProjectError(f"cannot write {path}: it is a folder. Give the name of a file.")
    try:
        with atomic_path(path) as temporary:
            try:
                yield temporary
                with temporary.open("rb+") as handle:
                    os.fsync(handle.fileno())
            finally:
                _remove_side_files(temporary)
    except _LIBRARY_ERRORS as error:
        raise ProjectError(
            f"cannot write {path}: {error}. Check the folder and the free space, then export again."
        ) from error


def _remove_side_files(temporary: Path) -> None:
    """Remove what libraries leave next to the file they write (journals, scratch rasters)."""
    for side_file in temporary.parent.glob(f"{temporary.name}?*"):
        side_file.unlink(missing_ok=True)
