"""Bins along a line, cut at the joints of structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.ops.corridor.chainage import CorridorLine

FloatArray = npt.NDArray[np.float64]

_TOUCH: Final = 1e-6
"""Edges closer than this are one, m."""


@dataclass(frozen=True)
class Structure:
    """A stretch of line of one kind of structure.

    Attributes
    ----------
    start, end : float
        Chainage, m.
    kind : str
        ``subgrade``, ``bridge``, ``tunnel``, ``culvert`` or any other word.
    name : str
        Label; may be empty.
    """

    start: float
    end: float
    kind: str
    name: str = ""

    def __post_init__(self) -> None:
        """Check the order of the ends."""
        if not (np.isfinite(self.start) and np.isfinite(self.end) and self.start < self.end):
            raise ArgumentError(f"`start` of structure {self.name!r} must lie before its `end`, got {self}")


@dataclass(frozen=True)
class Bins:
    """Bins along a line.

    Attributes
    ----------
    start, end : ndarray of float64, (bin,)
        Chainage, m; bins follow each other without gaps.
    segment : ndarray of int64, (bin,)
        Number of the stretch between joints; nothing is smoothed from one to another.
    structure : ndarray of str, (bin,)
        Kind of structure; empty is unknown.
    step : float
        Length of a bin that no joint cuts, m.
    """

    start: FloatArray
    end: FloatArray
    segment: npt.NDArray[np.int64]
    structure: npt.NDArray[Any]
    step: float

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.start)

    @property
    def centre(self) -> FloatArray:
        """Chainage of the middles, m, (bin,)."""
        result: FloatArray = 0.5 * (self.start + self.end)
        return result

    def bin_of(self, chainage: FloatArray) -> npt.NDArray[np.int64]:
        """Bin of each chainage; -1 outside and where it is NaN."""
        index = np.searchsorted(self.start, chainage, side="right") - 1
        inside = (chainage >= self.start[0]) & (chainage <= self.end[-1])
        result: npt.NDArray[np.int64] = np.where(inside, np.clip(index, 0, self.n_bins - 1), -1).astype(np.int64)
        return result


def make_bins(line: CorridorLine, step: float, *, structures: Sequence[Structure] = ()) -> Bins:
    """Cut a line into bins of equal length and again at every joint of structures.

    Parameters
    ----------
    line : CorridorLine
        The line.
    step : float
        Length of a bin, m; the last one ends with the line.
    structures : sequence of Structure, optional
        Joints are where one starts or ends; they must not overlap.

    Returns
    -------
    Bins

    Raises
    ------
    ArgumentError
        If ``step`` is not positive and at most the line, or structures overlap.
    """
    if not 0 < step <= line.length:
        raise ArgumentError(f"`step` must lie in (0, {line.length:.1f}] (length of the line), got {step}")
    ordered = sorted(structures, key=lambda s: s.start)
    for a, b in pairwise(ordered):
        if b.start < a.end - _TOUCH:
            raise ArgumentError(f"`structures` must not overlap, got {a} and {b}")
    low, high = line.chainage_start, line.chainage_end
    joints = np.unique([c for s in ordered for c in (s.start, s.end) if low + _TOUCH < c < high - _TOUCH])
    regular = np.append(np.arange(low, high - _TOUCH, step), high)
    edges = np.unique(np.concatenate([regular, joints]))
    edges = edges[np.concatenate([[True], np.diff(edges) > _TOUCH])]
    start, end = edges[:-1], edges[1:]
    centre = 0.5 * (start + end)
    kind = np.full(len(start), "", dtype=object)
    for s in ordered:
        kind[(centre > s.start) & (centre < s.end)] = s.kind
    segment = np.searchsorted(joints, centre).astype(np.int64)
    return Bins(start, end, segment, kind, float(step))
