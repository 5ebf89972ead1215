"""Closure of unwrapped interferograms around the loops of their network: check, flag, repair what is proved."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.closure import LIMIT, count_misclosures, misclosure, repair_pairs

MAX_LOOP = 8
"""Longest loop checked, pairs: the wrapped sum of filtered phase grows with the length and loses its meaning."""


@dataclass(frozen=True)
class Loops:
    """Loops of an interferogram network: all triplets, and short cycles where triplets do not reach.

    Attributes
    ----------
    offsets : ndarray of int32, (loop + 1,)
        Start of each loop in ``pairs`` and ``signs``.
    pairs : ndarray of int32, (entry,)
        Pair indices along each loop.
    signs : ndarray of int8, (entry,)
        +1 where the pair is walked from its earlier to its later date.
    pair_offsets, pair_loops : ndarray of int32, (pair + 1,), (entry,)
        Loops of each pair, compressed by rows.
    pair_signs : ndarray of int8, (entry,)
        Sense in which the pair is walked in each.
    """

    offsets: npt.NDArray[np.int32]
    pairs: npt.NDArray[np.int32]
    signs: npt.NDArray[np.int8]
    pair_offsets: npt.NDArray[np.int32]
    pair_loops: npt.NDArray[np.int32]
    pair_signs: npt.NDArray[np.int8]

    @property
    def n_loops(self) -> int:
        """Number of loops."""
        return len(self.offsets) - 1

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return len(self.pair_offsets) - 1

    @property
    def is_checked(self) -> npt.NDArray[np.bool_]:
        """Whether each pair is in some loop, (pair,)."""
        return np.diff(self.pair_offsets) > 0


@dataclass(frozen=True)
class ClosureBlock:
    """Closure of a block of points.

    Attributes
    ----------
    cycles : ndarray of int16, (point, pair)
        Whole cycles to add to the wrapped phase, constants and repairs included.
    is_suspect : ndarray of bool, (point,)
        Whether some loop fails and could not be repaired.
    n_repaired : ndarray of int32, (pair,)
        Points repaired in each pair.
    n_failed, n_failed_after : ndarray of int32, (loop,)
        Points where each loop fails, before and after repair.
    """

    cycles: npt.NDArray[np.int16]
    is_suspect: npt.NDArray[np.bool_]
    n_repaired: npt.NDArray[np.int32]
    n_failed: npt.NDArray[np.int32]
    n_failed_after: npt.NDArray[np.int32]


def _shortest_way(
    neighbours: list[list[tuple[int, int]]], start: int, end: int, without: int
) -> list[tuple[int, int]] | None:
    came: dict[int, tuple[int, int]] = {start: (-1, -1)}
    queue = deque([start])
    while queue and end not in came:
        u = queue.popleft()
        for v, pair in neighbours[u]:
            if pair != without and v not in came:
                came[v] = (u, pair)
                queue.append(v)
    if end not in came:
        return None
    way, v = [], end
    while v != start:
        u, pair = came[v]
        way.append((pair, 1 if u < v else -1))
        v = u
    return way[::-1]


def _triplets(pairs: npt.NDArray[np.int32]) -> list[list[tuple[int, int]]]:
    index = {(int(i), int(j)): k for k, (i, j) in enumerate(pairs)}
    after: dict[int, list[int]] = {}
    for i, j in index:
        after.setdefault(i, []).append(j)
    return [
        [(index[i, j], 1), (index[j, k], 1), (index[i, k], -1)]
        for i in sorted(after)
        for j in sorted(after[i])
        for k in sorted(after.get(j, []))
        if (i, k) in index
    ]


class _Span:
    """Row space of the loops so far, by elimination; entries stay small integers in double precision."""

    def __init__(self, n_pairs: int) -> None:
        self.rows: list[tuple[int, npt.NDArray[np.float64]]] = []
        self.n_pairs = n_pairs

    def add(self, loop: list[tuple[int, int]]) -> bool:
        row = np.zeros(self.n_pairs)
        for pair, sign in loop:
            row[pair] += sign
        for pivot, other in self.rows:
            row -= row[pivot] * other
        pivot = int(np.argmax(np.abs(row)))
        if abs(row[pivot]) < 1e-6:
            return False
        self.rows.append((pivot, row / row[pivot]))
        return True


def find_loops(pairs: npt.NDArray[np.int32], n_dates: int) -> Loops:
    """Loops whose closure is checked: every triplet, then the shortest cycle of each pair where it adds a condition.

    Parameters
    ----------
    pairs : ndarray of int32, (pair, 2)
        Date indices, earlier first, unique.
    n_dates : int
        Number of dates.

    Returns
    -------
    Loops
        Of at most 8 pairs each; a pair in no loop (a bridge) cannot be checked.
    """
    _check.shape((None, 2), pairs=pairs)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(n_dates)]
    for k, (i, j) in enumerate(pairs.tolist()):
        neighbours[i].append((j, k))
        neighbours[j].append((i, k))
    loops = _triplets(pairs)
    span = _Span(len(pairs))
    for loop in loops:
        span.add(loop)
    for k, (i, j) in enumerate(pairs.tolist()):
        way = _shortest_way(neighbours, i, j, k)
        if way is None or not 3 <= len(way) < MAX_LOOP:
            continue
        loop = [*way, (k, -1)]
        if span.add(loop):
            loops.append(loop)
    entries = [entry for loop in loops for entry in loop]
    owner = np.repeat(np.arange(len(loops)), [len(loop) for loop in loops]).astype(np.int32)
    flat = np.array([pair for pair, _ in entries], dtype=np.int32)
    signs = np.array([sign for _, sign in entries], dtype=np.int8)
    offsets = np.append(0, np.cumsum([len(loop) for loop in loops])).astype(np.int32)
    order = np.argsort(flat, kind="stable")
    pair_offsets = np.append(0, np.cumsum(np.bincount(flat, minlength=len(pairs)))).astype(np.int32)
    return Loops(offsets, flat, signs, pair_offsets, owner[order], signs[order])


def closure_histogram(
    loops: Loops, *, phase: npt.NDArray[np.float32], cycles: npt.NDArray[np.int16]
) -> npt.NDArray[np.int32]:
    """Count the misclosures of a block of points, to be summed over blocks.

    Parameters
    ----------
    loops : Loops
    phase : ndarray of float32, (point, pair)
        Wrapped phase, rad.
    cycles : ndarray of int16, (point, pair)
        Whole cycles added in unwrapping.

    Returns
    -------
    ndarray of int32, (loop, 31)
        Points by misclosure from -15 to 15 cycles.
    """
    _check.shape((len(phase), loops.n_pairs), cycles=cycles)
    values = misclosure(phase, cycles, loops.offsets, loops.pairs, loops.signs)
    counts: npt.NDArray[np.int32] = count_misclosures(values)
    return counts


def pair_constants(loops: Loops, *, histogram: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """Constant of each pair, whole cycles, that makes every loop close at most points.

    Unwrapping fixes each interferogram up to a constant. Pairs are taken as they come with constant 0, as long as
    no loop determines them; a loop with one pair left determines it from its most frequent misclosure.

    Parameters
    ----------
    loops : Loops
    histogram : ndarray of int32, (loop, 31)
        From :func:`closure_histogram`, summed over all points.

    Returns
    -------
    ndarray of int16, (pair,)
        To be added to the cycles of every point.
    """
    if histogram.shape != (loops.n_loops, 2 * LIMIT + 1):
        raise ArgumentError(f"`histogram` must have shape {(loops.n_loops, 2 * LIMIT + 1)}, got {histogram.shape}")
    usual = histogram.argmax(axis=1) - LIMIT
    constant = np.zeros(loops.n_pairs, np.int64)
    is_open = np.ones(loops.n_pairs, bool)
    for pair in range(loops.n_pairs):
        queue = deque([(pair, 0)] if is_open[pair] else [])
        while queue:
            k, value = queue.popleft()
            if not is_open[k]:
                continue
            is_open[k] = False
            constant[k] = value
            queue.extend(_determined(loops, k, constant, is_open, usual))
    return constant.astype(np.int16)


def _determined(
    loops: Loops,
    pair: int,
    constant: npt.NDArray[np.int64],
    is_open: npt.NDArray[np.bool_],
    usual: npt.NDArray[np.int64],
) -> list[tuple[int, int]]:
    found = []
    for t in loops.pair_loops[loops.pair_offsets[pair] : loops.pair_offsets[pair + 1]]:
        entries = slice(loops.offsets[t], loops.offsets[t + 1])
        members, signs = loops.pairs[entries], loops.signs[entries].astype(np.int64)
        left = np.flatnonzero(is_open[members])
        if len(left) == 1:
            rest = int(usual[t] + np.sum(signs * constant[members] * ~is_open[members]))
            found.append((int(members[left[0]]), int(-rest * signs[left[0]])))
    return found


def check_closure(
    loops: Loops,
    *,
    phase: npt.NDArray[np.float32],
    cycles: npt.NDArray[np.int16],
    constants: npt.NDArray[np.int16],
) -> ClosureBlock:
    """Add the constants of the pairs, check every loop at a block of points, and repair what is proved.

    Parameters
    ----------
    loops : Loops
    phase : ndarray of float32, (point, pair)
        Wrapped phase, rad, finite.
    cycles : ndarray of int16, (point, pair)
        Whole cycles added in unwrapping.
    constants : ndarray of int16, (pair,)
        From :func:`pair_constants`.

    Returns
    -------
    ClosureBlock
    """
    _check.shape((len(phase), loops.n_pairs), cycles=cycles)
    shifted = (cycles + constants).astype(np.int16)
    values = misclosure(phase, shifted, loops.offsets, loops.pairs, loops.signs)
    correction, is_suspect = repair_pairs(values, loops.n_pairs, loops.pair_offsets, loops.pair_loops, loops.pair_signs)
    shifted += correction
    is_repaired = correction.any(axis=1)
    failed = np.count_nonzero(values, axis=0).astype(np.int32)
    failed_after = np.count_nonzero(values[~is_repaired], axis=0).astype(np.int32)
    return ClosureBlock(
        shifted, is_suspect, np.count_nonzero(correction, axis=0).astype(np.int32), failed, failed_after
    )


def open_loops(
    loops: Loops, *, phase: npt.NDArray[np.float32], cycles: npt.NDArray[np.int16]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Count the loops that do not close.

    Parameters
    ----------
    loops : Loops
    phase : ndarray of float32, (point, pair)
        Wrapped phase, rad, finite.
    cycles : ndarray of int16, (point, pair)
        Whole cycles added, constants and repairs included.

    Returns
    -------
    n_open : ndarray of int16, (point,)
        Open loops at each point.
    n_points : ndarray of int64, (pair,)
        Points where the pair is in an open loop.
    """
    is_open = misclosure(phase, cycles, loops.offsets, loops.pairs, loops.signs) != 0
    n_points = np.zeros(loops.n_pairs, np.int64)
    for pair in range(loops.n_pairs):
        mine = loops.pair_loops[loops.pair_offsets[pair] : loops.pair_offsets[pair + 1]]
        n_points[pair] = np.count_nonzero(is_open[:, mine].any(axis=1))
    return is_open.sum(axis=1).astype(np.int16), n_points
