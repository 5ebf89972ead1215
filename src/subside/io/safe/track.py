"""All dates of a track: one track only, the same ground under the same burst number, gaps made known."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicHermiteSpline

from subside.errors import ArgumentError
from subside.io.codes import refuse
from subside.io.safe.joining import join_slices
from subside.io.safe.numbering import BURST_CYCLE, N_BURST_IDS
from subside.io.safe.slices import Slice, read_slices
from subside.io.stacks.source import Finding
from subside.model.acquisition import Acquisition, Swath

MAX_SYNCHRONISATION = 10.0
"""Lines by which bursts of two dates may start apart on the ground before a finding is made of it."""

_KNOWN_BAD = {
    "20250430": "bursts of S1A start far from their usual places (disclaimer 273 of the Sentinel-1 Mission "
    "Performance Cluster)",
}
_N_TRACKS = 175


def known_problem(acquisition: Acquisition) -> str | None:
    """Return what is known to be wrong with the data of that day, or None."""
    return _KNOWN_BAD.get(acquisition.date) if acquisition.mission == "S1A" else None


def _at_start(acquisition: Acquisition, swath: Swath) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    orbit = acquisition.orbit
    state = CubicHermiteSpline(orbit.time, orbit.position, orbit.velocity)
    raw = np.array([b.sensing_time for b in swath.bursts])
    return state(raw), state.derivative()(raw)


def burst_synchronisation(reference: Acquisition, other: Acquisition) -> dict[str, dict[int, float]]:
    """Return by how many lines the bursts of another date start later on the ground than those of the reference.

    The position of the satellite at the raw start of a burst is compared along track, Earth-fixed. Synchronised
    dates of a track agree to a few lines; more than about :data:`MAX_SYNCHRONISATION` costs common bandwidth.

    Parameters
    ----------
    reference, other : Acquisition
        Dates of one track.

    Returns
    -------
    dict of str to dict of int to float
        Lines by burst number, by swath; bursts both dates have.
    """
    found: dict[str, dict[int, float]] = {}
    for name in sorted(set(reference.swaths) & set(other.swaths)):
        ours, theirs = reference.swaths[name], other.swaths[name]
        position, velocity = _at_start(reference, ours)
        there, _ = _at_start(other, theirs)
        places = {b.burst_id: there[k] for k, b in enumerate(theirs.bursts)}
        speed = np.linalg.norm(velocity, axis=1)
        found[name] = {
            b.burst_id: float(
                (places[b.burst_id] - position[k]) @ velocity[k] / speed[k] ** 2 / ours.azimuth_time_interval
            )
            for k, b in enumerate(ours.bursts)
            if b.burst_id in places
        }
    return found


def _shift_of_numbers(reference: Acquisition, other: Acquisition) -> int | None:
    """Return what to add to the numbers of another date so that they name the ground of the reference."""
    shifts = []
    for name in sorted(set(reference.swaths) & set(other.swaths)):
        ours, theirs = reference.swaths[name], other.swaths[name]
        position, velocity = _at_start(reference, ours)
        there, _ = _at_start(other, theirs)
        cycle = _cycle(ours)
        for k, burst in enumerate(theirs.bursts):
            along = np.einsum("ij,ij->i", there[k] - position, velocity) / np.einsum("ij,ij->i", velocity, velocity)
            nearest = int(np.argmin(np.abs(along)))
            if abs(along[nearest]) < cycle / 2:
                shifts.append(ours.bursts[nearest].burst_id - burst.burst_id)
    return Counter(shifts).most_common(1)[0][0] if shifts else None


def _cycle(swath: Swath) -> float:
    if len(swath.bursts) < 2:
        return BURST_CYCLE
    first, last = swath.bursts[0], swath.bursts[-1]
    return (last.sensing_time - first.sensing_time) / (last.burst_id - first.burst_id)


def _renumbered(acquisition: Acquisition, shift: int) -> Acquisition:
    swaths = {
        name: dataclasses.replace(
            swath,
            bursts=tuple(
                dataclasses.replace(b, burst_id=(b.burst_id + shift - 1) % N_BURST_IDS + 1) for b in swath.bursts
            ),
        )
        for name, swath in acquisition.swaths.items()
    }
    return dataclasses.replace(acquisition, swaths=swaths)


def _n_bursts(acquisition: Acquisition) -> int:
    return sum(len(s.bursts) for s in acquisition.swaths.values())


def _confirm_numbers(
    acquisitions: Sequence[Acquisition], numbered: Sequence[bool], files: Sequence[Path]
) -> tuple[list[Acquisition], list[Finding]]:
    """Confirm by position that equal numbers are equal ground; computed numbers give way to annotated ones."""
    order = sorted(range(len(acquisitions)), key=lambda k: (not numbered[k], -_n_bursts(acquisitions[k]), k))
    anchor = order[0]
    confirmed, findings = list(acquisitions), []
    agreed = [anchor]
    for k in order[1:]:
        shift = next(
            (s for a in agreed if (s := _shift_of_numbers(confirmed[a], confirmed[k])) is not None),
            None,
        )
        if shift and numbered[k]:
            problem = f"annotated burst numbers must name the ground they name on {confirmed[anchor].date}"
            refuse("S127", files[k], f"{problem}, got numbers that are off by {shift}")
        if shift:
            confirmed[k] = _renumbered(confirmed[k], shift)
            message = f"burst numbers computed for {confirmed[k].date} moved by {shift} to agree with their position"
            findings.append(Finding("W124", str(files[k]), message))
        if shift is not None and _n_bursts(confirmed[k]) > 0 and len(agreed) < 4:
            agreed.append(k)
    return confirmed, findings


def _check_synchronisation(acquisitions: Sequence[Acquisition], files: Sequence[Path]) -> list[Finding]:
    findings = []
    reference = max(acquisitions, key=_n_bursts)
    apart = {k: _median_lines(reference, a) for k, a in enumerate(acquisitions)}
    known = [v for v in apart.values() if v is not None]
    middle = float(np.median(known)) if known else 0.0
    for k, acquisition in enumerate(acquisitions):
        lines, problem = apart[k], known_problem(acquisition)
        if problem:
            findings.append(Finding("W123", str(files[k]), f"{acquisition.date}: {problem}"))
        if lines is not None and abs(lines - middle) > MAX_SYNCHRONISATION:
            message = f"bursts of {acquisition.date} start {lines - middle:+.1f} lines from those of the other dates"
            findings.append(Finding("W123", str(files[k]), message))
    return findings


def _median_lines(reference: Acquisition, other: Acquisition) -> float | None:
    lines = [v for swath in burst_synchronisation(reference, other).values() for v in swath.values()]
    return float(np.median(lines)) if lines else None


def _check_complete(acquisitions: Sequence[Acquisition], files: Sequence[Path]) -> list[Finding]:
    """Name the bursts a date lacks: gaps in its own numbers, and what most of the other dates have."""
    findings = []
    held = [{name: {b.burst_id for b in s.bursts} for name, s in a.swaths.items()} for a in acquisitions]
    names = sorted({name for one in held for name in one})
    for name in names:
        count = Counter(number for one in held for number in one.get(name, set()))
        usual = {number for number, n in count.items() if 2 * n > len(acquisitions)}
        for k, one in enumerate(held):
            own = one.get(name, set())
            gaps = set(range(min(own), max(own) + 1)) - own if own and max(own) - min(own) < N_BURST_IDS // 2 else set()
            lacking = sorted((usual | gaps) - own)
            if lacking:
                what = f"{acquisitions[k].date} lacks bursts {_ranges(lacking)} of {name}"
                message = f"{what}; they stay without data on that date"
                findings.append(Finding("W120", str(files[k]), message))
    return findings


def _ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers as ``3-5, 8``."""
    breaks = np.flatnonzero(np.diff(numbers) > 1) + 1
    runs = np.split(np.asarray(numbers), breaks)
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs)


def _check_one_track(groups: Sequence[Sequence[Slice]]) -> None:
    first = groups[0][0]
    for group in groups[1:]:
        other = group[0]
        apart = (other.manifest.relative_orbit - first.manifest.relative_orbit) % _N_TRACKS
        is_neighbour = apart in (1, _N_TRACKS - 1) and _share_bursts(groups[0], group)
        if apart and not is_neighbour:
            tracks = Counter(g[0].manifest.relative_orbit for g in groups)
            listed = ", ".join(f"{t} ({n} dates)" for t, n in sorted(tracks.items()))
            refuse("S124", other.container.path, f"all products must be of one relative orbit, got {listed}")


def _share_bursts(group: Sequence[Slice], other: Sequence[Slice]) -> bool:
    ours = {(n, k) for s in group for n, numbers in s.numbers.items() for k in numbers}
    return any((n, k) in ours for s in other for n, numbers in s.numbers.items() for k in numbers)


def _grouped(slices: Sequence[Slice]) -> list[list[Slice]]:
    groups: dict[tuple[str, str], list[Slice]] = {}
    for one in slices:
        groups.setdefault((one.mission, one.manifest.data_take), []).append(one)
    return sorted(groups.values(), key=lambda g: g[0].start)


def _check_one_a_day(acquisitions: Sequence[Acquisition], files: Sequence[Path]) -> None:
    days: dict[str, int] = {}
    for k, acquisition in enumerate(acquisitions):
        if acquisition.date in days:
            both = f"{acquisitions[days[acquisition.date]].products[0]} and {acquisition.products[0]}"
            refuse("S125", files[k], f"each day must have one data take, got {both}")
        days[acquisition.date] = k


def read_acquisitions(
    paths: Sequence[Path],
    *,
    polarisation: str = "VV",
    swaths: tuple[str, ...] | None = None,
    is_measured: bool = True,
) -> tuple[tuple[Acquisition, ...], tuple[Finding, ...]]:
    """Read all dates of one track from SAFE folders and zips.

    Parameters
    ----------
    paths : sequence of Path
        SAFE folders, zips of them, and folders that hold either.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.
    swaths : tuple of str, optional
        Some of ``"IW1"``, ``"IW2"``, ``"IW3"``; all of them by default.
    is_measured : bool
        Demand the measurement files, whole; False reads annotations by themselves.

    Returns
    -------
    tuple of Acquisition
        By date. Slices of a data take are joined; the orbit is that of the annotation.
    tuple of Finding
        W120 to W124.

    Raises
    ------
    ArgumentError
        If ``polarisation`` or ``swaths`` is not one of the names above, or ``paths`` is empty.
    InputFileError
        S101 to S104, S109, S120 to S127.
    """
    if not paths:
        raise ArgumentError("`paths` must name at least one SAFE folder or zip, got none")
    groups = _grouped(read_slices(paths, polarisation=polarisation, swaths=swaths, is_measured=is_measured))
    _check_one_track(groups)
    joined = [join_slices(group) for group in groups]
    files = [group[0].container.path for group in groups]
    findings = [f for _, found in joined for f in found]
    acquisitions = [a for a, _ in joined]
    _check_one_a_day(acquisitions, files)
    numbered = [all(s.is_numbered for s in group) for group in groups]
    acquisitions, moved = _confirm_numbers(acquisitions, numbered, files)
    findings += moved
    findings += _check_complete(acquisitions, files)
    findings += _check_synchronisation(acquisitions, files)
    return tuple(acquisitions), tuple(findings)
