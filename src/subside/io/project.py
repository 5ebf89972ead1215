"""The project folder: ``subside.toml``, ``tracks/``, ``results/``, ``logs/``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from subside.errors import ProjectError
from subside.io.atomic import atomic_path
from subside.io.store import TrackStore

CONFIGURATION = "subside.toml"
_TRACK_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")


@dataclass(frozen=True)
class Project:
    """A project folder.

    Attributes
    ----------
    path : Path
        The folder that holds ``subside.toml``.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open an existing project.

        Raises
        ------
        ProjectError
            When there is no ``subside.toml``.
        """
        if not (path / CONFIGURATION).is_file():
            raise ProjectError(f"{path} is not a project: it has no {CONFIGURATION}. Run `subside init {path}`.")
        return cls(path.resolve())

    @classmethod
    def create(cls, path: Path, configuration: str) -> Project:
        """Make a project folder with its configuration file.

        Raises
        ------
        ProjectError
            When the folder already holds a project.
        """
        if (path / CONFIGURATION).exists():
            raise ProjectError(f"{path / CONFIGURATION} exists already. Edit it, or choose another folder.")
        with atomic_path(path / CONFIGURATION) as temporary:
            temporary.write_text(configuration, encoding="utf-8")
        (path / "tracks").mkdir(exist_ok=True)
        return cls(path.resolve())

    @property
    def results(self) -> Path:
        """Folder of exports and figures."""
        return self.path / "results"

    @property
    def logs(self) -> Path:
        """Folder of run logs."""
        return self.path / "logs"

    def configuration(self) -> dict[str, Any]:
        """Parse ``subside.toml``.

        Raises
        ------
        ProjectError
            When it is not valid TOML; the message carries line and column.
        """
        file = self.path / CONFIGURATION
        try:
            return tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
        except TOMLKitError as error:
            raise ProjectError(f"{file} is not valid TOML: {error}. Mend that line.") from error

    def track_names(self) -> list[str]:
        """Names of the tracks, sorted."""
        return sorted(p.name.removesuffix(".zarr") for p in (self.path / "tracks").glob("*.zarr"))

    def new_track(self, name: str) -> TrackStore:
        """Return the store of a track that may not exist yet.

        Raises
        ------
        ProjectError
            For a name that would not be a good file name.
        """
        if not _TRACK_NAME.match(name):
            raise ProjectError(
                f"track name must be letters, digits, '-' or '_' (64 at most, no leading sign), got {name!r}"
            )
        return TrackStore(self.path / "tracks" / f"{name}.zarr")

    def track(self, name: str | None) -> TrackStore:
        """Return the store of an existing track; None means the only one.

        Raises
        ------
        ProjectError
            When the track does not exist, or several do and none was named.
        """
        names = self.track_names()
        if not names:
            raise ProjectError(f"{self.path} has no track yet. Run `subside import {self.path} --track NAME ...`.")
        if name is None:
            if len(names) > 1:
                raise ProjectError(f"this project has several tracks: name one with --track ({', '.join(names)})")
            name = names[0]
        if name not in names:
            raise ProjectError(f"no track {name!r} in {self.path}; it has {', '.join(names)}")
        return TrackStore(self.path / "tracks" / f"{name}.zarr")
