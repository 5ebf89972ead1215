"""State of one track: a zarr v3 folder, a commit marker for each block, a digest for each finished stage.

Layout of ``tracks/<name>.zarr``::

    stack/slc                               written by import or by the stage `stack`, date by date
    stack/ or geometry/<geometry field>     written by import or by the stage `geometry`
    acquisitions                            facts of a track that came as SAFE products, before it is a stack
    <stage>/<array>                         written by one stage
    <stage>/tile_<i>/<array>                where the length of a block is not known beforehand
    .state/<stage>.json                     digest, facts and timing of a finished stage
    .state/<stage>/<block>.json             commit markers of the stage's blocks, written after their data

A block is a whole number of chunks and has one writer. A marker counts only under the digest it was made for.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from subside.errors import ProjectError
from subside.io.atomic import disk_error, read_json, write_json
from subside.model.stack import GEOMETRY_FIELDS, Stack, parse_dates

log = logging.getLogger("subside")

SHARD_LINES = 256
CHUNK_LINES = 64
CHUNK_SAMPLES = 1024
GEOMETRY_SAMPLES = 4096
"""Samples of a chunk of a geometry field, and of a block of the stages that write them."""
POINT_ROWS = 65536
"""Rows of a chunk of a point array; blocks of points are multiples of it."""

FORMAT_VERSION = 1


def content_digest(array: npt.NDArray[Any]) -> str:
    """Digest of the bytes, dtype and shape of an array."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class TrackStore:
    """Access to the state of one track.

    Attributes
    ----------
    path : Path
        The ``.zarr`` folder. Instances are cheap, hold no handle, and travel to workers.
    """

    path: Path

    @property
    def name(self) -> str:
        """Track name."""
        return self.path.name.removesuffix(".zarr")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to this track; a killed process leaves no lock.

        Raises
        ------
        ProjectError
            When another process holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / f".{self.name}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ProjectError(
                    f"another subside process works on track {self.name!r}. Wait for it, or stop it: what it has "
                    "committed is kept."
                ) from error
            except OSError as error:
                log.debug("no lock on this file system: %s", error)
            yield

    def create(self) -> None:
        """Make the folder, or check that an existing one has a known format.

        Raises
        ------
        ProjectError
            When the format is newer than this version knows.
        """
        group = zarr.open_group(self.path, mode="a")
        version = group.attrs.setdefault("subside_format", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise ProjectError(
                f"{self.path} has format {version!r}, this version reads {FORMAT_VERSION}. Import the track again."
            )

    def create_array(
        self,
        name: str,
        shape: Sequence[int],
        *,
        dtype: npt.DTypeLike,
        chunks: Sequence[int],
        dims: Sequence[str],
        units: str,
    ) -> zarr.Array:
        """Create (or replace) a compressed array with named dimensions and a unit.

        Parameters
        ----------
        name : str
            ``stage/array``.
        shape, chunks : sequence of int
            Lengths; a zero length is allowed.
        dtype : dtype-like
            Element type; floats are filled with NaN.
        dims : sequence of str
            Dimension names.
        units : str
            Unit, ``"1"`` if none.
        """
        kind = np.dtype(dtype).kind
        fill: Any = np.nan if kind in "fc" else (0 if kind in "iub" else None)
        return zarr.create_array(
            self.path,
            name=name,
            shape=tuple(shape),
            dtype=dtype,
            chunks=tuple(max(1, min(c, n) if n else 1) for c, n in zip(chunks, shape, strict=True)),
            dimension_names=list(dims),
            attributes={"units": units},
            fill_value=fill,
            overwrite=True,
        )

    def write(self, name: str, values: npt.NDArray[Any], *, dims: Sequence[str], units: str = "1") -> None:
        """Write a whole array at once, chunked by :data:`POINT_ROWS` rows."""
        values = np.asarray(values)
        array = self.create_array(
            name,
            values.shape,
            dtype=values.dtype,
            chunks=(POINT_ROWS, *values.shape[1:]),
            dims=dims,
            units=units,
        )
        if values.size:
            array[...] = values

    def array(self, name: str) -> zarr.Array:
        """Open an array.

        Raises
        ------
        ProjectError
            When it does not exist.
        """
        try:
            return zarr.open_array(self.path / name, mode="r+")
        except (FileNotFoundError, KeyError) as error:
            raise ProjectError(
                f"{self.path} holds no `{name}`. Run the stage that makes it: `subside status` says which."
            ) from error

    def read(self, name: str) -> npt.NDArray[Any]:
        """Read a whole point-sized array."""
        return np.asarray(self.array(name)[...])

    def has(self, name: str) -> bool:
        """Whether an array or group exists."""
        return (self.path / name / "zarr.json").is_file()

    def members(self, group: str) -> list[str]:
        """Names of the arrays directly under a group, sorted."""
        folder = self.path / group
        if not folder.is_dir():
            return []
        return sorted(p.parent.name for p in folder.glob("*/zarr.json"))

    def write_attributes(self, group: str, attributes: Mapping[str, Any]) -> None:
        """Set JSON attributes of a group, making it if need be."""
        zarr.open_group(self.path, path=group, mode="a").attrs.update(dict(attributes))

    def read_attributes(self, group: str) -> dict[str, Any]:
        """Return the attributes of a group; empty when there is no such group."""
        if not self.has(group):
            return {}
        return dict(zarr.open_group(self.path, path=group, mode="r").attrs)

    def remove(self, group: str) -> None:
        """Delete a group with all it holds."""
        shutil.rmtree(self.path / group, ignore_errors=True)

    # -- stage state ---------------------------------------------------------------------------------

    def stage_state(self, stage: str) -> dict[str, Any] | None:
        """Digest, facts and timing of a finished stage; None when it is not finished."""
        state = read_json(self.path / ".state" / f"{stage}.json")
        return state if isinstance(state, dict) else None

    def finish_stage(self, stage: str, state: Mapping[str, Any]) -> None:
        """Record that a stage is finished. The last write of a stage."""
        write_json(self.path / ".state" / f"{stage}.json", dict(state))

    def forget_stage(self, stage: str) -> None:
        """Remove the records, the markers and the data of a stage, in that order.

        A kill in between leaves a stage that starts anew, never one that resumes on half of its data.
        """
        for record in (f"{stage}.json", f"{stage}.begun.json"):
            (self.path / ".state" / record).unlink(missing_ok=True)
        shutil.rmtree(self.path / ".state" / stage, ignore_errors=True)
        self.remove(stage)

    def reopen_stage(self, stage: str) -> None:
        """Remove the record that a stage is finished and keep its data, which is about to change in place."""
        (self.path / ".state" / f"{stage}.json").unlink(missing_ok=True)

    def block_marker(self, stage: str, block: str, digest: str) -> dict[str, Any] | None:
        """Return what a committed block left in its marker, or None if it is not committed under this digest."""
        marker = read_json(self.path / ".state" / stage / f"{block}.json")
        return marker["result"] if isinstance(marker, dict) and marker.get("digest") == digest else None

    def commit_block(self, stage: str, block: str, digest: str, result: Mapping[str, Any]) -> None:
        """Mark a block as written. Called after its data."""
        write_json(self.path / ".state" / stage / f"{block}.json", {"digest": digest, "result": dict(result)})

    # -- the stack -----------------------------------------------------------------------------------

    def create_stack(self, n_dates: int, shape: tuple[int, int], attributes: Mapping[str, Any]) -> None:
        """Make the (uncompressed, sharded) arrays of a stack of the given size.

        One shard is one date by 256 lines by the full width: writing goes by date, reading by tile of lines,
        and both touch few files. Noise does not compress, so the codec is off.
        """
        lines, samples = shape
        chunk = (1, CHUNK_LINES, min(CHUNK_SAMPLES, -(-samples // 8) * 8))
        width = -(-samples // chunk[2]) * chunk[2]
        try:
            zarr.create_array(
                self.path,
                name="stack/slc",
                shape=(n_dates, lines, samples),
                dtype="complex64",
                chunks=chunk,
                shards=(1, SHARD_LINES, width),
                compressors=None,
                fill_value=0,
                dimension_names=["date", "azimuth", "range"],
                attributes={"units": "1"},
                overwrite=True,
            )
        except OSError as error:
            raise disk_error(self.path, error) from error
        self.write_attributes("stack", attributes)

    def create_geometry(self, field: str, shape: tuple[int, int]) -> zarr.Array:
        """Make the array of one geometry field (float64 for longitude and latitude)."""
        dtype = "float64" if field in ("longitude", "latitude", "slant_range") else "float32"
        return self.create_array(
            f"{self._geometry_group}/{field}",
            shape,
            dtype=dtype,
            chunks=(SHARD_LINES, GEOMETRY_SAMPLES),
            dims=("azimuth", "range"),
            units=GEOMETRY_FIELDS[field].split(",")[0],
        )

    def stack_attributes(self) -> dict[str, Any]:
        """Facts of the stack: as imported, or as the acquisitions of the track will make it.

        Raises
        ------
        ProjectError
            When nothing has been imported.
        """
        facts = self.read_attributes("stack") or self.read_attributes("acquisitions")
        if not facts:
            raise ProjectError(f"{self.path} holds no stack. Run `subside import` first.")
        return facts

    def knows(self, field: str) -> bool:
        """Whether a geometry field is known, or will be once the stage `geometry` has run."""
        return self.has(f"stack/{field}") or self.has("acquisitions")

    def geometry_fields(self) -> list[str]:
        """Names of the geometry fields that are there, in the order of ``GEOMETRY_FIELDS``."""
        return [f for f in GEOMETRY_FIELDS if self.has(f"{self._geometry_group}/{f}")]

    def geometry_array(self, field: str) -> zarr.Array:
        """Open a geometry field.

        Raises
        ------
        ProjectError
            When it is unknown or not made yet.
        """
        return self.array(f"{self._geometry_group}/{field}")

    @property
    def _geometry_group(self) -> str:
        return "geometry" if self.has("acquisitions") else "stack"

    def open_stack(self) -> Stack:
        """Open the stack lazily: pixels stay on disk until sliced."""
        facts = self.stack_attributes()
        bperp = facts["bperp"]
        return Stack(
            slc=self.array("stack/slc"),
            dates=parse_dates(facts["dates"]),
            reference_date=parse_dates([facts["reference_date"]])[0],
            wavelength=facts["wavelength"],
            azimuth_spacing=facts["azimuth_spacing"],
            range_spacing=facts["range_spacing"],
            geometry={f: self.geometry_array(f) for f in self.geometry_fields()},
            bperp=None if bperp is None else np.array(bperp, dtype=np.float64),
            n_looks=facts["n_looks"],
            attributes=facts["source"],
        )
