"""The merged grid of all bursts and swaths: one lattice of integers, and which burst serves which rectangle of it.

All bursts of an acquisition share one azimuth lattice and all swaths one range lattice, so merging is index
arithmetic. Cuts come from the reference date alone and stay as they are when dates are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from subside.errors import ArgumentError
from subside.model.acquisition import Acquisition, Burst, Swath

LATTICE_TOLERANCE = 0.02
"""How far a burst may lie off the common lattice, pixels."""


@dataclass(frozen=True)
class PlacedBurst:
    """One reference burst on the merged grid.

    Attributes
    ----------
    swath : str
    burst_id : int
    line, sample : int
        Merged line and sample of line 0 and sample 0 of the burst; may be negative.
    lines, samples : slice
        What the burst serves, in lines and samples of the burst.
    valid_lines, valid_samples : slice
        Its whole valid window.
    """

    swath: str
    burst_id: int
    line: int
    sample: int
    lines: slice
    samples: slice
    valid_lines: slice
    valid_samples: slice


@dataclass(frozen=True)
class Overlap:
    """Ground seen by two consecutive bursts of a swath.

    Attributes
    ----------
    swath : str
    first, second : int
        Ids of the bursts, in the order of time.
    n_lines_apart : int
        Line of the first burst that lies on line 0 of the second.
    lines : slice
        Lines of the first burst; minus ``n_lines_apart``, of the second.
    samples : slice
        Valid in both.
    line, sample : int
        Merged line and sample of the first line and sample of the overlap.
    """

    swath: str
    first: int
    second: int
    n_lines_apart: int
    lines: slice
    samples: slice
    line: int
    sample: int

    @property
    def second_lines(self) -> slice:
        """The lines of the overlap in the second burst."""
        return slice(self.lines.start - self.n_lines_apart, self.lines.stop - self.n_lines_apart)


@dataclass(frozen=True)
class Rectangle:
    """Part of a merged window that one burst serves.

    Attributes
    ----------
    swath : str
    burst_id : int
    burst_lines, burst_samples : slice
        In lines and samples of the burst.
    lines, samples : slice
        In lines and samples of the window.
    """

    swath: str
    burst_id: int
    burst_lines: slice
    burst_samples: slice
    lines: slice
    samples: slice


@dataclass(frozen=True)
class BurstLattice:
    """The merged grid.

    Attributes
    ----------
    start : float
        Zero-Doppler time of merged line 0, s since the epoch of the reference.
    line_interval : float
        s.
    slant_range_time : float
        Two-way fast time of merged sample 0, s.
    range_sampling_rate : float
        Hz.
    n_lines, n_samples : int
        Size.
    bursts : tuple of PlacedBurst
        By swath, then time.
    overlaps : tuple of Overlap
        By swath, then time.
    """

    start: float
    line_interval: float
    slant_range_time: float
    range_sampling_rate: float
    n_lines: int
    n_samples: int
    bursts: tuple[PlacedBurst, ...]
    overlaps: tuple[Overlap, ...]

    def placed(self, swath: str, burst_id: int) -> PlacedBurst:
        """Return the burst of that swath and id.

        Raises
        ------
        ArgumentError
            If the lattice does not hold it.
        """
        for burst in self.bursts:
            if (burst.swath, burst.burst_id) == (swath, burst_id):
                return burst
        raise ArgumentError(f"the lattice has no burst {burst_id} of {swath}")

    def rectangles(self, lines: slice, samples: slice) -> Iterator[Rectangle]:
        """Parts of a merged window and the burst that serves each; no two overlap, what is left has no data."""
        for burst in self.bursts:
            top = max(lines.start, burst.line + burst.lines.start)
            bottom = min(lines.stop, burst.line + burst.lines.stop)
            left = max(samples.start, burst.sample + burst.samples.start)
            right = min(samples.stop, burst.sample + burst.samples.stop)
            if top < bottom and left < right:
                yield Rectangle(
                    burst.swath,
                    burst.burst_id,
                    slice(top - burst.line, bottom - burst.line),
                    slice(left - burst.sample, right - burst.sample),
                    slice(top - lines.start, bottom - lines.start),
                    slice(left - samples.start, right - samples.start),
                )

    def cropped(self, lines: slice, samples: slice) -> BurstLattice:
        """The same lattice reduced to a window: bursts that serve none of it go, every overlap stays.

        Raises
        ------
        ArgumentError
            If the window holds no pixel of the lattice.
        """
        lines = slice(max(lines.start, 0), min(lines.stop, self.n_lines))
        samples = slice(max(samples.start, 0), min(samples.stop, self.n_samples))
        if lines.start >= lines.stop or samples.start >= samples.stop:
            raise ArgumentError(
                f"the window must meet the grid of {self.n_lines} x {self.n_samples}, got {lines}, {samples}"
            )
        kept = []
        for burst in self.bursts:
            moved = replace(burst, line=burst.line - lines.start, sample=burst.sample - samples.start)
            top, left = max(moved.lines.start, -moved.line), max(moved.samples.start, -moved.sample)
            bottom = min(moved.lines.stop, lines.stop - lines.start - moved.line)
            right = min(moved.samples.stop, samples.stop - samples.start - moved.sample)
            if top < bottom and left < right:
                kept.append(replace(moved, lines=slice(top, bottom), samples=slice(left, right)))
        return replace(
            self,
            start=self.start + lines.start * self.line_interval,
            slant_range_time=self.slant_range_time + samples.start / self.range_sampling_rate,
            n_lines=lines.stop - lines.start,
            n_samples=samples.stop - samples.start,
            bursts=tuple(kept),
            overlaps=tuple(
                replace(o, line=o.line - lines.start, sample=o.sample - samples.start) for o in self.overlaps
            ),
        )


def _whole(value: float, what: str) -> int:
    """Round a lattice position that must be whole."""
    nearest = round(value)
    if abs(value - nearest) > LATTICE_TOLERANCE:
        raise ArgumentError(
            f"`acquisition` must have its bursts on one lattice, got {what} {value - nearest:+.3f} pixels off; "
            f"slices processed by different software versions cannot be joined"
        )
    return nearest


@dataclass(frozen=True)
class _Column:
    """A swath before the cuts: merged line of each burst, merged sample of sample 0."""

    swath: Swath
    bursts: tuple[Burst, ...]
    line: tuple[int, ...]
    sample: int

    @property
    def first(self) -> int:
        """First merged sample valid in every burst."""
        return self.sample + max(b.first_sample for b in self.bursts)

    @property
    def stop(self) -> int:
        return self.sample + min(b.last_sample for b in self.bursts) + 1


def _columns(acquisition: Acquisition, wanted: Sequence[tuple[str, int]] | None) -> list[_Column]:
    chosen = {
        name: tuple(b for b in swath.bursts if wanted is None or (name, b.burst_id) in wanted)
        for name, swath in acquisition.swaths.items()
    }
    swaths = sorted(
        (acquisition.swaths[name] for name, bursts in chosen.items() if bursts), key=lambda s: s.slant_range_time
    )
    if not swaths:
        raise ArgumentError("`acquisition` must hold at least one of the bursts wanted, got none")
    origin = min(chosen[s.name][0].time for s in swaths)
    first = swaths[0]
    columns = []
    for swath in swaths:
        bursts = chosen[swath.name]
        lines = tuple(
            _whole((b.time - origin) / first.azimuth_time_interval, f"burst {b.burst_id} of {swath.name}")
            for b in bursts
        )
        sample = (swath.slant_range_time - first.slant_range_time) * first.range_sampling_rate
        columns.append(_Column(swath, bursts, lines, _whole(sample, swath.name)))
    return columns


def _overlaps(column: _Column) -> list[Overlap]:
    found = []
    for (a, line_a), (b, line_b) in pairwise(zip(column.bursts, column.line, strict=True)):
        apart = line_b - line_a
        lines = slice(max(a.first_line, b.first_line + apart), min(a.last_line, b.last_line + apart) + 1)
        samples = slice(max(a.first_sample, b.first_sample), min(a.last_sample, b.last_sample) + 1)
        if lines.start < lines.stop and samples.start < samples.stop:
            found.append(
                Overlap(
                    column.swath.name, a.burst_id, b.burst_id, apart, lines, samples,
                    line_a + lines.start, column.sample + samples.start,
                )
            )  # fmt: skip
    return found


def _served_lines(column: _Column) -> list[slice]:
    """Lines each burst serves: its valid window, cut in the middle of each overlap."""
    top = [b.first_line for b in column.bursts]
    stop = [b.last_line + 1 for b in column.bursts]
    for i, (line_a, line_b) in enumerate(pairwise(column.line)):
        apart = line_b - line_a
        if stop[i] > top[i + 1] + apart:
            cut = (stop[i] + top[i + 1] + apart) // 2
            stop[i], top[i + 1] = cut, cut - apart
    return [slice(a, b) for a, b in zip(top, stop, strict=True)]


def burst_lattice(acquisition: Acquisition, bursts: Sequence[tuple[str, int]] | None = None) -> BurstLattice:
    """Place the bursts of the reference date on one lattice and cut them in the middle of their overlaps.

    Bursts meet at the middle line of what both hold, swaths at the middle sample; every cut thus keeps half an
    overlap (more than 50 lines, 250 samples) from the edge of the data, more than dates of a track ever differ.

    Parameters
    ----------
    acquisition : Acquisition
        The reference date.
    bursts : sequence of (swath, burst id), optional
        Those to place; all by default.

    Returns
    -------
    BurstLattice
        Just large enough for what the bursts serve.

    Raises
    ------
    ArgumentError
        If no burst is wanted, or a burst lies off the common lattice by more than ``LATTICE_TOLERANCE``.
    """
    columns = _columns(acquisition, bursts)
    left = [c.first for c in columns]
    stop = [c.stop for c in columns]
    for i in range(len(columns) - 1):
        if stop[i] > left[i + 1]:
            left[i + 1] = stop[i] = (stop[i] + left[i + 1]) // 2
    placed, overlaps = [], []
    for column, start, end in zip(columns, left, stop, strict=True):
        overlaps += _overlaps(column)
        for burst, line, lines in zip(column.bursts, column.line, _served_lines(column), strict=True):
            placed.append(
                PlacedBurst(
                    column.swath.name, burst.burst_id, line, column.sample, lines,
                    slice(start - column.sample, end - column.sample),
                    slice(burst.first_line, burst.last_line + 1), slice(burst.first_sample, burst.last_sample + 1),
                )
            )  # fmt: skip
    n_lines = max(p.line + p.lines.stop for p in placed)
    swath = columns[0].swath
    whole = BurstLattice(
        start=min(c.bursts[0].time for c in columns),
        line_interval=swath.azimuth_time_interval,
        slant_range_time=swath.slant_range_time,
        range_sampling_rate=swath.range_sampling_rate,
        n_lines=n_lines,
        n_samples=int(np.max(stop)),
        bursts=tuple(placed),
        overlaps=tuple(overlaps),
    )
    top = min(p.line + p.lines.start for p in placed)
    return whole.cropped(slice(top, n_lines), slice(int(np.min(left)), int(np.max(stop))))
