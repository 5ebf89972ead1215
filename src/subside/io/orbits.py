"""Orbit files of Sentinel-1 (EOF): found by satellite and validity, read around the scene only."""

from __future__ import annotations

import dataclasses
import gzip
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from subside.errors import InputFileError
from subside.io.codes import refuse
from subside.io.stacks.source import Finding
from subside.model.acquisition import Acquisition, Orbit

MARGIN = 60.0
"""Seconds of state vectors wanted before the first and after the last line."""

_NAME = re.compile(
    r"(?P<mission>S1[A-D])_OPER_AUX_(?P<kind>POEORB|RESORB)_OPOD_(?P<created>\d{8}T\d{6})"
    r"_V(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})",
    re.IGNORECASE,
)
_SUFFIXES = (".eof", ".eof.zip", ".eof.gz")
_TIME = re.compile(rb"<UTC>\s*UTC=([0-9T:.\-]{19,26})\s*</UTC>")
_VECTOR = re.compile(rb"<OSV>.*?</OSV>", re.DOTALL)
_FIELDS = ("X", "Y", "Z", "VX", "VY", "VZ")
_MAX_GAP = 1.5
_HEADER_BYTES = 4096


@dataclass(frozen=True)
class OrbitFile:
    """An orbit file by its name or header.

    Attributes
    ----------
    path : Path
        The file.
    mission, kind : str
        ``"S1A"`` ... and ``"POEORB"`` or ``"RESORB"``.
    created : str
        ``YYYYMMDDThhmmss``.
    start, stop : datetime64[s]
        Validity.
    """

    path: Path
    mission: str
    kind: str
    created: str
    start: np.datetime64
    stop: np.datetime64

    def covers(self, start: np.datetime64, stop: np.datetime64) -> bool:
        """Whether the validity holds a span."""
        return bool(self.start <= start and stop <= self.stop)


def _moment(text: str) -> np.datetime64:
    return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:15]}", "s")


def _contents(path: Path) -> bytes:
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as file:
                return file.read()
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                inside = [n for n in archive.namelist() if n.upper().endswith(".EOF")]
                if len(inside) != 1:
                    refuse("S109", path, f"zip of an orbit file must hold one .EOF, got {len(inside)}")
                return archive.read(inside[0])
        return path.read_bytes()
    except FileNotFoundError:
        refuse("S101", path, "must exist")
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        refuse("S103", path, f"must be readable to its end, got: {error}")


def _described(path: Path) -> OrbitFile | None:
    """Mission, kind and validity by the name of the file, or by the name its header gives."""
    found = _NAME.search(path.name)
    if found is None:
        try:
            found = _NAME.search(_contents(path)[:_HEADER_BYTES].decode("ascii", "replace"))
        except InputFileError:
            return None
    if found is None:
        return None
    mission, kind, created = found["mission"].upper(), found["kind"].upper(), found["created"]
    return OrbitFile(path, mission, kind, created, _moment(found["start"]), _moment(found["stop"]))


def _vectors(contents: bytes, path: Path, first: np.datetime64, last: np.datetime64) -> list[ET.Element]:
    """Return the state vectors from one time to another; the rest of the file is not parsed."""
    low, high = str(first).encode(), str(last).encode()
    wanted = []
    for match in _VECTOR.finditer(contents):
        time = _TIME.search(contents, match.start(), match.end())
        if time is None:
            refuse("S109", path, f"`UTC` of a state vector must read UTC=YYYY-MM-DDThh:mm:ss, got {match[0][:80]!r}")
        if low <= time[1] <= high:
            wanted.append(match[0])
    try:
        return [ET.fromstring(text) for text in wanted]
    except ET.ParseError as error:
        refuse("S109", path, f"state vectors must be XML, got: {error}")


def _table(elements: list[ET.Element], path: Path) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    try:
        times = [np.datetime64((e.findtext("UTC") or "").strip().removeprefix("UTC="), "us") for e in elements]
        values = np.array([[float(e.findtext(name) or "") for name in _FIELDS] for e in elements])
    except ValueError as error:
        refuse("S109", path, f"state vectors must be numbers, got: {error}")
    if not np.all(np.isfinite(values)):
        refuse("S109", path, "state vectors must be finite, got NaN")
    array = np.array(times, dtype="datetime64[us]")
    order = np.unique(array, return_index=True)[1]
    return array[order], values[order]


def _check_cover(times: npt.NDArray[np.datetime64], path: Path, first: np.datetime64, last: np.datetime64) -> None:
    if not len(times) or times[0] > first or times[-1] < last:
        held = f"{times[0]} to {times[-1]}" if len(times) else "none there"
        refuse("S128", path, f"state vectors must reach from {first} to {last}, got {held}")
    steps = np.diff(times).astype(np.int64) / 1e6
    if len(steps) > 2 and steps.max() > _MAX_GAP * np.median(steps):
        refuse("S128", path, f"state vectors must be {np.median(steps):g} s apart, got a gap of {steps.max():g} s")


def _read(path: Path, first: np.datetime64, last: np.datetime64, epoch: np.datetime64) -> tuple[Orbit, list[str]]:
    contents = _contents(path)
    if b"</Earth_Explorer_File>" not in contents[-_HEADER_BYTES:]:
        refuse("S103", path, "orbit file must end with </Earth_Explorer_File>, got a file cut off")
    # A step either side, so that vectors on a 10 s grid still enclose the margin.
    step = np.timedelta64(11, "s")
    elements = _vectors(contents, path, first - step, last + step)
    times, values = _table(elements, path) if elements else (np.empty(0, "datetime64[us]"), np.empty((0, 6)))
    _check_cover(times, path, first, last)
    named = _described(path)
    since = (times - epoch.astype("datetime64[us]")).astype(np.int64) / 1e6
    kind = named.kind if named else "RESORB"
    orbit = Orbit(since, values[:, :3].copy(), values[:, 3:].copy(), kind, path.name)
    return orbit, [q for q in ((e.findtext("Quality") or "").strip() for e in elements) if q != "NOMINAL"]


def read_orbit_file(path: Path, *, epoch: np.datetime64, start: float, stop: float, margin: float = MARGIN) -> Orbit:
    """Read the state vectors around a scene.

    Parameters
    ----------
    path : Path
        POEORB or RESORB file, ``.EOF``, ``.EOF.zip`` or ``.EOF.gz``. The count the file gives is not looked at.
    epoch : datetime64[s]
        Times of the result count from here.
    start, stop : float
        First and last line, s since ``epoch``.
    margin : float
        Seconds of vectors wanted before and after.

    Returns
    -------
    Orbit
        Vectors that enclose ``[start - margin, stop + margin]``, ITRF, m and m/s.

    Raises
    ------
    InputFileError
        S101 (not there), S103 (cut off), S109 (malformed), S128 (does not cover, or has a gap).
    """
    first, last = _span(epoch, start - margin, stop + margin)
    return _read(Path(path), first, last, epoch)[0]


def _span(epoch: np.datetime64, start: float, stop: float) -> tuple[np.datetime64, np.datetime64]:
    base = epoch.astype("datetime64[us]")
    first, last = (base + np.timedelta64(round(t * 1e6), "us") for t in (start, stop))
    return cast("np.datetime64", first), cast("np.datetime64", last)


def find_orbit_files(directory: Path) -> tuple[OrbitFile, ...]:
    """List the orbit files of a folder (at any depth), or the one file given, sorted by path.

    Raises
    ------
    InputFileError
        S101 where the folder or file does not exist.
    """
    path = Path(directory)
    if not path.exists():
        refuse("S101", path, "must exist")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    named = (_described(p) for p in files if p.name.lower().endswith(_SUFFIXES))
    return tuple(f for f in named if f is not None)


def choose_orbit(
    acquisition: Acquisition, directory: Path | None, *, margin: float = MARGIN
) -> tuple[Acquisition, tuple[Finding, ...]]:
    """Give an acquisition the best orbit there is.

    Precise before restituted, the newest first among files of one kind, and the annotation's own vectors where no
    file serves; that last is never silent.

    Parameters
    ----------
    acquisition : Acquisition
        One date.
    directory : Path or None
        Folder of orbit files, or one file; None where there is none.
    margin : float
        Seconds of vectors wanted before the first and after the last line.

    Returns
    -------
    Acquisition
        With the orbit chosen.
    tuple of Finding
        W125 (a file set aside), W126 (orbit of the annotation used), W127 (vectors not nominal).

    Raises
    ------
    InputFileError
        S101 where ``directory`` does not exist.
    """
    first, last = _span(acquisition.epoch, acquisition.start - margin, acquisition.stop + margin)
    files = () if directory is None else find_orbit_files(directory)
    serving = [f for f in files if f.mission == acquisition.mission and f.covers(first, last)]
    serving.sort(key=lambda f: (f.created, f.path), reverse=True)
    serving.sort(key=lambda f: f.kind != "POEORB")
    findings: list[Finding] = []
    for file in serving:
        try:
            orbit, qualities = _read(file.path, first, last, acquisition.epoch)
        except InputFileError as error:
            findings.append(Finding("W125", str(file.path), f"for {acquisition.date}: {error.problem} ({error.code})"))
            continue
        if qualities:
            message = f"{len(qualities)} of {len(orbit.time)} state vectors are {', '.join(sorted(set(qualities)))}"
            findings.append(Finding("W127", str(file.path), f"for {acquisition.date}: {message}"))
        return dataclasses.replace(acquisition, orbit=orbit), tuple(findings)
    findings.append(_fallback(acquisition, directory, files, (first, last)))
    return acquisition, tuple(findings)


def _fallback(
    acquisition: Acquisition,
    directory: Path | None,
    files: tuple[OrbitFile, ...],
    span: tuple[np.datetime64, np.datetime64],
) -> Finding:
    wanted = f"{acquisition.mission} from {span[0].astype('datetime64[s]')} to {span[1].astype('datetime64[s]')}"
    own = [f for f in files if f.mission == acquisition.mission]
    if directory is None:
        why = "no folder of orbit files was given"
    elif not own:
        why = f"none of {len(files)} orbit files is of {acquisition.mission}"
    else:
        near = min(own, key=lambda f: max(f.start - span[0], span[1] - f.stop))
        why = f"the nearest file, {near.path.name}, holds {near.start} to {near.stop}"
    message = f"{acquisition.date} keeps the orbit of its annotation; an orbit file of {wanted} is needed, {why}"
    return Finding("W126", str(directory or acquisition.products[0]), message)
