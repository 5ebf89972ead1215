"""The files of a SAFE product, in a folder or inside a zip."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from subside.io.codes import refuse

MEMBER = "!"
"""Stands between a zip and the member in it."""

_ZIPPED = re.compile(rf"(.*?\.zip){MEMBER}(.+)", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"S1[A-D]_IW_SLC__1S[SD][VH]_\d{8}T\d{6}_\d{8}T\d{6}_\d{6}_[0-9A-F]{6}_[0-9A-F]{4}", re.IGNORECASE)


def split_address(address: str) -> tuple[Path, str | None]:
    """Path of a file, or path of the zip and name of the member in it."""
    found = _ZIPPED.match(address)
    return (Path(found[1]), found[2]) if found else (Path(address), None)


@dataclass(frozen=True)
class Container:
    """One SAFE product.

    Attributes
    ----------
    name : str
        Name of the product, without ``.SAFE``.
    path : Path
        The folder that holds ``manifest.safe``, or the zip.
    root : str
        Folder of the product inside the zip, ``""`` or ending in ``/``. Not used for folders.
    is_zip : bool
        Whether ``path`` is a zip.
    """

    name: str
    path: Path
    root: str
    is_zip: bool

    @cached_property
    def _sizes(self) -> dict[str, int]:
        if not self.is_zip:
            files = (p for p in self.path.rglob("*") if p.is_file())
            return {p.relative_to(self.path).as_posix(): p.stat().st_size for p in files}
        with _opened(self.path) as archive:
            inside = (i for i in archive.infolist() if i.filename.startswith(self.root) and not i.is_dir())
            return {i.filename[len(self.root) :]: i.file_size for i in inside}

    def members(self, folder: str, suffix: str) -> list[str]:
        """Return the files directly in a folder of the product, sorted, relative to the product."""
        found = (m for m in self._sizes if m.rpartition("/")[0] == folder and m.lower().endswith(suffix))
        return sorted(m for m in found if not m.rpartition("/")[2].startswith("."))

    def size(self, member: str) -> int:
        """Bytes of a file once unpacked."""
        return self._sizes[member]

    def address(self, member: str) -> str:
        """Where a file is: a path, or ``archive.zip!member``."""
        return f"{self.path}{MEMBER}{self.root}{member}" if self.is_zip else str(self.path / member)

    def read(self, member: str) -> bytes:
        """Return the contents of a file.

        Raises
        ------
        InputFileError
            S103 where it cannot be read whole.
        """
        return read_address(self.address(member))


def read_address(address: str) -> bytes:
    """Return the contents of a file given by its address.

    Raises
    ------
    InputFileError
        S102 where it does not exist, S103 where it cannot be read whole.
    """
    path, member = split_address(address)
    try:
        if member is None:
            return path.read_bytes()
        with _opened(path) as archive:
            return archive.read(member)
    except (FileNotFoundError, KeyError):
        refuse("S102", address, "must exist beside its companions")
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        refuse("S103", address, f"must be readable to its end, got: {error}")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        refuse("S103", path, f"must be a whole zip archive, got: {error}")


def _of_folder(path: Path) -> Container:
    name = path.name.removesuffix(".SAFE")
    return Container(name=name, path=path.absolute(), root="", is_zip=False)


def _of_zip(path: Path) -> list[Container]:
    with _opened(path) as archive:
        names = archive.namelist()
    found = [n for n in names if n.rpartition("/")[2] == "manifest.safe" and not n.startswith("__MACOSX")]
    roots = sorted(n.removesuffix("manifest.safe") for n in found)
    named = [(r, r.rstrip("/").rpartition("/")[2].removesuffix(".SAFE") or path.stem) for r in roots]
    return [Container(name=n, path=path.absolute(), root=r, is_zip=True) for r, n in named]


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and _NAME.search(path.name) is not None


def _in_folder(path: Path) -> list[Container]:
    manifests = sorted(p for p in path.rglob("manifest.safe") if p.is_file())
    folders = [_of_folder(p.parent) for p in manifests]
    zips = [c for z in sorted(path.rglob("*")) if _is_zip(z) for c in _of_zip(z)]
    bare = [p for p in sorted(path.rglob("*.SAFE")) if p.is_dir() and not (p / "manifest.safe").exists()]
    if bare:
        refuse("S102", bare[0] / "manifest.safe", "must exist in a SAFE folder")
    return [c for c in (*folders, *zips) if _NAME.fullmatch(c.name)]


def find_products(paths: Sequence[Path]) -> tuple[Container, ...]:
    """Find the IW SLC products in the files and folders given.

    Parameters
    ----------
    paths : sequence of Path
        SAFE folders, zips of them, and folders that hold either at any depth. Products of other kinds inside a
        folder are passed over; given by themselves they are refused.

    Returns
    -------
    tuple of Container
        Sorted by name; a product found twice (as folder and as zip) is kept once, the folder first.

    Raises
    ------
    InputFileError
        S101 (nothing there), S102 (no manifest), S103 (broken zip), S121 (not an IW SLC product).
    """
    found: list[Container] = []
    for path in map(Path, paths):
        if not path.exists():
            refuse("S101", path, "must exist")
        here = _in_folder(path) if path.is_dir() and not (path / "manifest.safe").exists() else _given(path)
        if not here:
            refuse("S101", path, "must hold SAFE folders or zips of Sentinel-1 IW SLC products, got none")
        found += here
    kept: dict[str, Container] = {}
    for container in sorted(found, key=lambda c: (c.name, c.is_zip)):
        kept.setdefault(container.name, container)
    return tuple(kept.values())


def _given(path: Path) -> list[Container]:
    if not path.is_dir() and path.suffix.lower() != ".zip":
        refuse("S121", path, "must be a SAFE folder, a zip of one, or a folder that holds them, got another file")
    here = [_of_folder(path)] if path.is_dir() else _of_zip(path)
    if not here:
        refuse("S121", path, "must hold manifest.safe, got none")
    for container in here:
        if not _NAME.fullmatch(container.name):
            refuse("S121", path, f"name of the product must read S1x_IW_SLC__1S..., got {container.name!r}")
    return here
