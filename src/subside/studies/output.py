"""The folder of a study: tables, figures and ``summary.json``, each whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from subside import __version__
from subside.figures.style import FigureResult
from subside.io.atomic import atomic_path, disk_error, remove_partial, write_json
from subside.model.points import PointSet

SUMMARY = "summary.json"


class StudyParameters(BaseModel):
    """Base of the parameter model of a study: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass
class StudyFolder:
    """Collects what a study leaves and writes the summary last.

    Attributes
    ----------
    path : Path
        Folder to fill; made if missing.
    study : str
        Name of the command.
    title : str
        What was done, in a line.
    inputs : list of dict
        Label, digest and facts of each input.
    parameters : dict
        JSON values.
    files, figures : list of dict
        File name and what it holds.
    warnings : list of str
        What was left out and why, in the words of the message the user saw.
    """

    path: Path
    study: str
    title: str
    inputs: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, str]] = field(default_factory=list)
    figures: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Take away the summary of an earlier run, which must not vouch for files of this one, and its torn files."""
        _forget(self.path / SUMMARY)
        remove_partial(self.path)

    def add_points(self, points: PointSet) -> None:
        """Note a point set among the inputs."""
        source = points.source
        self.inputs.append(
            {
                "kind": "points",
                "name": points.name,
                "label": source.label,
                "digest": source.digest,
                "n_points": points.n_points,
                "n_dates": len(points.dates),
                "first_date": str(points.dates[0]) if len(points.dates) else None,
                "last_date": str(points.dates[-1]) if len(points.dates) else None,
                "sigma_definition": source.sigma_definition,
                "datum": source.datum,
            }
        )

    def add_file(self, path: Path, kind: str, digest: str) -> None:
        """Note a file among the inputs."""
        self.inputs.append({"kind": kind, "label": path.name, "digest": digest})

    def write_table(self, name: str, table: pd.DataFrame, description: str, *, decimals: int = 3) -> Path:
        """Write a table as CSV; floats with a fixed number of decimals, unknown values empty."""
        path = self.path / name
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, float_format=f"%.{decimals}f")
        self.files.append({"file": name, "description": description})
        return path

    def note_file(self, name: str, description: str) -> Path:
        """Register a file that a writer of its own makes; returns where it must appear."""
        self.files.append({"file": name, "description": description})
        return self.path / name

    def save_figure(self, key: str, result: FigureResult, caption: str) -> Path:
        """Save a figure as ``KEY.png`` and its numbers as ``KEY.json``."""
        path = self.path / f"{key}.png"
        with atomic_path(path) as temporary:
            result.figure.savefig(temporary)
        write_json(self.path / f"{key}.json", result.numbers)
        self.figures.append({"key": key, "file": path.name, "caption": caption})
        return path

    def warn(self, message: str) -> None:
        """Keep a warning for the summary; the caller has shown it."""
        self.warnings.append(message)

    def finish(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Write ``summary.json``; its presence means that the study is whole."""
        content = plain(
            {
                "study": self.study,
                "title": self.title,
                "subside": __version__,
                "inputs": self.inputs,
                "parameters": self.parameters,
                "results": dict(results),
                "files": self.files,
                "figures": self.figures,
                "warnings": self.warnings,
            }
        )
        write_json(self.path / SUMMARY, content)
        return dict(content)


def _forget(path: Path) -> None:
    """Remove a summary, if there is one.

    Raises
    ------
    ProjectError
        If the folder cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error


def plain(content: Any) -> Any:
    """Python objects for JSON, which knows no NaN: a number that is not finite becomes null."""
    if isinstance(content, Mapping):
        return {str(k): plain(v) for k, v in content.items()}
    if isinstance(content, (np.ndarray, np.generic)):
        return plain(content.tolist())
    if isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        return [plain(v) for v in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content if isinstance(content, (str, int, float, bool, type(None))) else str(content)
