"""Dates from pairs: spanning trees, closure of the pairs outside them, baselines of dates from baselines of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.stacks._binary import RawRaster, finite_or_zero, sampled_rows
from subside.io.stacks.source import Finding

Pair = tuple[str, str]

_ROUGH_CLOSURE = 0.1
_LEAST_CLOSURE_COHERENCE = 0.5


def spanning_tree(
    pairs: Sequence[Pair], dates: Sequence[str], reference: str, root: Path
) -> dict[str, tuple[Pair, ...]]:
    """Return for each date the pairs that lead to it from the reference, over as few pairs as possible.

    Raises
    ------
    InputFileError
        S111 if a date cannot be reached.
    """
    paths: dict[str, tuple[Pair, ...]] = {reference: ()}
    queue = [reference]
    while queue:
        here = queue.pop(0)
        for pair in sorted(pairs):
            if here not in pair:
                continue
            there = pair[1] if pair[0] == here else pair[0]
            if there not in paths:
                paths[there] = (*paths[here], pair)
                queue.append(there)
    unreached = [d for d in dates if d not in paths]
    if unreached:
        refuse("S111", root, f"pairs must join every date to {reference}, got no way to {unreached}")
    return paths


def _walk(path: Sequence[Pair], start: str) -> list[tuple[Pair, bool]]:
    """Pairs of a path with whether each is walked forward."""
    here, steps = start, []
    for pair in path:
        is_forward = pair[0] == here
        steps.append((pair, is_forward))
        here = pair[1] if is_forward else pair[0]
    return steps


def _phase_along(
    path: Sequence[Pair], start: str, ifgs: Mapping[Pair, npt.NDArray[np.complex64]]
) -> npt.NDArray[np.complex64]:
    """Unit phasor of ``s_start conj(s_end)`` along a path."""
    total = np.ones_like(next(iter(ifgs.values())))
    for pair, is_forward in _walk(path, start):
        step = ifgs[pair] if is_forward else np.conj(ifgs[pair])
        size = np.abs(step)
        total = total * np.divide(step, size, out=np.zeros_like(step), where=size > 0)
    return total


def tree_findings(
    diff: Mapping[Pair, RawRaster], edges: Mapping[str, tuple[Pair, ...]], shape: tuple[int, int], root: Path
) -> list[Finding]:
    """Check the closure of the pairs outside the spanning tree on sampled lines.

    Returns
    -------
    list of Finding
        W109 if loops close only roughly.

    Raises
    ------
    InputFileError
        S112 if they do not close at all.
    """
    in_tree = {p for path in edges.values() for p in path}
    outside = [p for p in diff if p not in in_tree]
    if not outside:
        return []
    reference = next(d for d, path in edges.items() if not path)
    closures: dict[Pair, list[npt.NDArray[np.complex64]]] = {p: [] for p in outside}
    for row in sampled_rows(shape[0]):
        ifgs = {p: finite_or_zero(r.read(slice(row, row + 1))) for p, r in diff.items()}
        to = {d: _phase_along(path, reference, ifgs) for d, path in edges.items()}
        for p in outside:
            loop = to[p[0]] * ifgs[p] * np.conj(to[p[1]])
            closures[p].append(loop[loop != 0] / np.abs(loop[loop != 0]))
    return _judge({p: np.concatenate(c) for p, c in closures.items()}, root)


def _judge(closures: Mapping[Pair, npt.NDArray[np.complex64]], root: Path) -> list[Finding]:
    known = {p: c for p, c in closures.items() if len(c)}
    if not known:
        return []
    coherence = {p: float(np.abs(c.mean())) for p, c in known.items()}
    worst = min(coherence, key=coherence.__getitem__)
    offset = float(np.angle(known[worst].mean()))
    rms = float(np.sqrt(np.mean(np.angle(np.concatenate(list(known.values()))) ** 2)))
    where = f"{len(known)} pairs outside the spanning tree; worst {worst[0]}_{worst[1]}"
    numbers = f"coherence {coherence[worst]:.2f}, mean {offset:+.2f} rad; rms of all {rms:.3f} rad"
    if coherence[worst] < _LEAST_CLOSURE_COHERENCE:
        refuse("S112", root, f"loops must close to zero, got {where} with {numbers}")
    if rms > _ROUGH_CLOSURE:
        return [Finding("W109", str(root), f"closure of {where}: {numbers}")]
    return []


def date_baselines(
    pairs: Sequence[Pair], values: npt.NDArray[np.float64], dates: Sequence[str], reference: str
) -> npt.NDArray[np.float64]:
    """Least-squares baselines of dates from those of pairs (second minus first), zero at the reference.

    Parameters
    ----------
    pairs : sequence of pair of str
        Dates of each pair, in the order of the file.
    values : ndarray, (pair, 2, 2)
        Baselines, m.
    dates : sequence of str
        All dates.
    reference : str
        Date that gets zero.

    Returns
    -------
    ndarray of float64, (date, 2, 2)
        m.
    """
    index = {d: k for k, d in enumerate(dates)}
    matrix = np.zeros((len(pairs) + 1, len(dates)))
    for row, (first, second) in enumerate(pairs):
        matrix[row, index[first]], matrix[row, index[second]] = -1.0, 1.0
    matrix[-1, index[reference]] = 1.0
    right = np.concatenate([values.reshape(len(pairs), 4), np.zeros((1, 4))])
    solved: npt.NDArray[np.float64] = np.linalg.lstsq(matrix, right, rcond=None)[0]
    solved -= solved[index[reference]]
    return solved.reshape(len(dates), 2, 2)
