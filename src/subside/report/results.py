"""Summaries that studies left, read so that each number keeps its source and a missing one is just missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from subside.errors import ProjectError
from subside.io.atomic import read_json
from subside.report.content import Fact, Picture, Trace, Words
from subside.report.numbers import SUFFIXES, chance, is_chance, places_of, shown, unit_of, with_unit
from subside.report.paper import paper_numbers

SUMMARY: Final = "summary.json"
_FEWEST: Final = ("study", "results")

Unit = tuple[float, str]
"""Factor and name of a unit."""

Rows = list[tuple[str, Mapping[str, Any]]]
"""Key and content of each row of a list in a summary."""

Cell = str | Fact | Words
"""A cell of a table."""


@dataclass(frozen=True)
class StudyResults:
    """What one study left.

    Attributes
    ----------
    name : str
        Name of its folder.
    folder : Path
        Where its files are.
    content : mapping
        Its ``summary.json``.
    digest : str
        Of that file.
    """

    name: str
    folder: Path
    content: Mapping[str, Any]
    digest: str

    @property
    def study(self) -> str:
        """Name of the command that made it."""
        return str(self.content["study"])

    @property
    def title(self) -> str:
        """What was done, in a line."""
        return str(self.content.get("title") or self.study)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the study left out and why."""
        return tuple(str(w) for w in self.content.get("warnings") or ())

    def trace(self, key: str) -> Trace:
        """Source of a place in the summary."""
        return Trace(f"{self.name}/{SUMMARY}", key, self.digest)

    def find(self, *keys: str) -> tuple[str, Any]:
        """First of several dotted keys under ``results`` that holds something: key and value; ("", None) if none."""
        name, value = lookup(self.content["results"], keys)
        return (f"results.{name}", value) if name else ("", None)

    def value(self, *keys: str) -> Any:
        """Value of the first of several keys that holds something; None if none does."""
        return self.find(*keys)[1]

    def rows(self, *keys: str) -> Rows:
        """Key and content of each row of a list of objects, or of each entry of an object of objects."""
        key, value = self.find(*keys)
        if isinstance(value, Mapping):
            return [(f"{key}.{k}", {"name": k, **v}) for k, v in value.items() if isinstance(v, Mapping)]
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [(f"{key}.{k}", v) for k, v in enumerate(value) if isinstance(v, Mapping)]
        return []

    def fact(self, *keys: str, unit: Unit | None = None, decimals: int | None = None) -> Fact | None:
        """Number of the first of several keys that holds one, with its unit; None if none does.

        Parameters
        ----------
        *keys : str
            Dotted places under ``results``; a unit suffix may be left out.
        unit : (float, str), optional
            Factor and unit where the name carries none.
        decimals : int, optional
            Fixed number of decimals.
        """
        for wanted in keys:
            key, value = self.find(wanted)
            fact = self.fact_of(key, value, unit=unit, decimals=decimals) if key else None
            if fact is not None:
                return fact
        return None

    def fact_of(self, key: str, value: Any, *, unit: Unit | None = None, decimals: int | None = None) -> Fact | None:
        """Fact of a value read at a key; None where it is unknown or more than one value.

        Two numbers in a list are an interval; ``value``, ``low`` and ``high`` an estimate with its 95 % interval;
        ``value`` and ``std`` one with its standard deviation.
        """
        scale, name = unit_of(key)
        if not name and unit is not None:
            scale, name = unit
        text = chance(value) if _is_number(value) and is_chance(key) else _text_of(value, scale, decimals)
        return None if text is None else Fact(with_unit(text, name), self.trace(key))

    def column(self, rows: Rows, *names: str, unit: Unit | None = None, decimals: int | None = None) -> list[Cell]:
        """Cells of one column of a table of rows: the first of several names that holds a number in each."""
        cells: list[Cell] = []
        for key, row in rows:
            name, value = _pair_or_one(row, names)
            scale, word = unit_of(name)
            if name and _is_number(value) and is_chance(name):
                text: str | None = chance(value)
            else:
                text = None if not name else _text_of(value, scale if word or unit is None else unit[0], decimals)
            if text is None or isinstance(value, (str, bool)):
                cells.append(text or "–")
            else:
                cells.append(Fact(text, self.trace(f"{key}.{name}".replace(":", ", "))))
        return cells

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Key and picture of each figure whose file is there."""
        figures = self.content.get("figures") or ()
        numbers = paper_numbers(self.study, [str(f["key"]) for f in figures])
        for figure in figures:
            file = self.folder / str(figure["file"])
            if file.is_file():
                trace = Trace(f"{self.name}/{figure['key']}.json", "", self.digest)
                key = str(figure["key"])
                yield key, Picture(file, str(figure.get("caption") or key), trace, numbers.get(key, ""))

    def scalars(self) -> Iterator[tuple[str, Fact]]:
        """Every single value under ``results`` with its key, lists of more than two left out."""
        for key, value in _leaves(self.content["results"], "results"):
            fact = self.fact_of(key, value)
            if fact is not None:
                yield key, fact


def at(content: Any, key: str) -> Any:
    """Value at a dotted key of nested objects and lists; None where there is none."""
    for part in key.split("."):
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, Sequence) and not isinstance(content, str) and part.isdigit():
            content = content[int(part)] if int(part) < len(content) else None
        else:
            return None
    return content


def lookup(content: Any, keys: Sequence[str]) -> tuple[str, Any]:
    """First of several dotted keys that holds something, with or without a unit suffix; ("", None) if none does."""
    for key in keys:
        for suffix in ("", *SUFFIXES):
            value = at(content, key + suffix)
            if value is not None:
                return key + suffix, value
    return "", None


def _pair_or_one(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """As :func:`lookup`; a name ``low:high`` is the interval between two values of the row."""
    for name in names:
        low, separator, high = name.partition(":")
        if not separator:
            found, value = lookup(row, (name,))
            if found:
                return found, value
        elif _is_number(row.get(low)) and _is_number(row.get(high)):
            return name, [row[low], row[high]]
    return "", None


def _text_of(value: Any, scale: float, decimals: int | None) -> str | None:
    """Text of a number, an interval or an estimate; None for anything else."""
    if isinstance(value, Mapping) and _is_number(value.get("value")):
        return _estimate_text(value, scale, decimals)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2 or not all(_is_number(v) for v in value):
            return None
        places = decimals if decimals is not None else places_of(abs(value[1] - value[0]) * abs(scale))
        return " to ".join(shown(float(v) * scale, decimals=places) for v in value)
    if _is_number(value):
        return shown(value * scale if scale != 1.0 else value, decimals=decimals)
    return shown(value) if isinstance(value, (str, bool)) else None


def _estimate_text(value: Mapping[str, Any], scale: float, decimals: int | None) -> str:
    """Estimate with its interval or standard deviation, all with two digits of the uncertainty."""
    interval = value.get("interval") or [value.get("low"), value.get("high")]
    std = value.get("std")
    if all(_is_number(v) for v in interval):
        places = decimals if decimals is not None else places_of(0.5 * abs(interval[1] - interval[0]) * abs(scale))
        ends = " to ".join(shown(float(v) * scale, decimals=places) for v in interval)
        return f"{shown(float(value['value']) * scale, decimals=places)} ({ends})"
    if std is not None and _is_number(std):
        places = decimals if decimals is not None else places_of(abs(std * scale))
        return " ± ".join(shown(float(v) * scale, decimals=places) for v in (value["value"], std))
    return shown(float(value["value"]) * scale, decimals=decimals)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _leaves(content: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and not _is_number(content.get("value")):
        for name, value in content.items():
            yield from _leaves(value, f"{key}.{name}")
    else:
        yield key, content


def load_study(folder: Path) -> StudyResults:
    """Read the summary of a study.

    Raises
    ------
    ProjectError
        If there is none, or it is none of a study.
    """
    file = folder / SUMMARY
    content = read_json(file)
    if content is None:
        raise ProjectError(f"{folder} holds no {SUMMARY}: the study was not run or not finished. Run it again.")
    if not isinstance(content, Mapping) or any(k not in content for k in _FEWEST):
        raise ProjectError(f"{file} must hold {' and '.join(_FEWEST)} of a study. Run the study again.")
    if not isinstance(content["results"], Mapping):
        raise ProjectError(f"`results` in {file} must be an object. Run the study again.")
    digest = hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    return StudyResults(folder.name, folder, content, digest)


def load_studies(folder: Path) -> tuple[StudyResults, ...]:
    """Read every finished study directly under a folder, by name."""
    return tuple(load_study(p.parent) for p in sorted(folder.glob(f"*/{SUMMARY}")))


def sentence(*parts: str | Fact | None) -> Words | None:
    """Words of a sentence; None where a number of it is missing, so that the sentence is left out."""
    return None if any(p is None for p in parts) else tuple(p for p in parts if p is not None)


def joined(sentences: Sequence[Words | None]) -> Words:
    """Sentences that could be said, a space between them."""
    said = [s for s in sentences if s]
    words: list[str | Fact] = []
    for k, one in enumerate(said):
        words.extend(([" "] if k else []) + list(one))
    return tuple(words)
