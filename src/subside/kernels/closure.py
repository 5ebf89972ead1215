"""Integer closure of unwrapped interferograms around cycles of the network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

F32 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]

LIMIT = 15
"""Misclosures are kept within this many cycles either way."""


@kernel
def misclosure(phase: F32, cycles: I16, loop_offsets: I32, loop_pairs: I32, loop_signs: I8) -> I8:
    """Whole cycles by which unwrapped pairs fail to close: ``(sum U - wrap(sum phase)) / 2 pi``.

    With ``U = phase + 2 pi n`` this is ``sum n + rint(sum phase / 2 pi)``, sums signed along the loop. A wrapped sum
    that is not zero (filtered phase) does not count.

    Parameters
    ----------
    phase : ndarray of float32, (point, pair)
        Wrapped phase, rad, finite.
    cycles : ndarray of int16, (point, pair)
        ``n``.
    loop_offsets, loop_pairs, loop_signs : ndarray, (loop + 1,), (entry,), (entry,)
        Pairs of each loop and the sense they are walked in, compressed by rows.

    Returns
    -------
    ndarray of int8, (point, loop)
        Clipped to +-15.
    """
    n_points, n_loops = phase.shape[0], loop_offsets.size - 1
    out = np.empty((n_points, n_loops), np.int8)
    for p in range(n_points):
        for t in range(n_loops):
            whole = 0
            part = 0.0
            for i in range(loop_offsets[t], loop_offsets[t + 1]):
                whole += loop_signs[i] * np.int64(cycles[p, loop_pairs[i]])
                part += loop_signs[i] * np.float64(phase[p, loop_pairs[i]])
            total = int(whole + np.rint(part / (2.0 * np.pi)))
            out[p, t] = min(max(total, -LIMIT), LIMIT)
    return out


@kernel
def count_misclosures(values: I8) -> I32:
    """Histogram of misclosures by loop, (loop, 31), from -15 to 15 cycles."""
    out = np.zeros((values.shape[1], 2 * LIMIT + 1), np.int32)
    for p in range(values.shape[0]):
        for t in range(values.shape[1]):
            out[t, values[p, t] + LIMIT] += 1
    return out


@kernel
def repair_pairs(
    values: I8, loop_offsets: I32, loop_pairs: I32, loop_signs: I8, pair_offsets: I32, pair_loops: I32, pair_signs: I8
) -> tuple[I8, npt.NDArray[np.bool_]]:
    """Find the pairs whose cycle error is proved by the loops they are in.

    A pair is a candidate when it is in at least two loops and all of them fail by the same whole number of cycles
    (in the pair's sense). A point is repaired when each failing loop holds exactly one candidate: then that set of
    single errors explains every loop, failing and closing, and no other set of candidates does.

    Parameters
    ----------
    values : ndarray of int8, (point, loop)
        Misclosures, cycles.
    loop_offsets, loop_pairs, loop_signs : ndarray
        Pairs of each loop, compressed by rows.
    pair_offsets, pair_loops, pair_signs : ndarray
        Loops of each pair, compressed by rows.

    Returns
    -------
    correction : ndarray of int8, (point, pair)
        Cycles to add.
    is_unexplained : ndarray of bool, (point,)
        Whether some loop fails and could not be repaired; such a point gets no correction.
    """
    n_points, n_loops = values.shape
    n_pairs = pair_offsets.size - 1
    correction = np.zeros((n_points, n_pairs), np.int8)
    is_unexplained = np.zeros(n_points, np.bool_)
    for p in range(n_points):
        fails = False
        for t in range(n_loops):
            fails = fails or values[p, t] != 0
        if not fails:
            continue
        for k in range(n_pairs):
            first, last = pair_offsets[k], pair_offsets[k + 1]
            if last - first < 2:
                continue
            error = pair_signs[first] * values[p, pair_loops[first]]
            agrees = error != 0
            for i in range(first + 1, last):
                agrees = agrees and pair_signs[i] * values[p, pair_loops[i]] == error
            if agrees:
                correction[p, k] = -error
        for t in range(n_loops):
            n_candidates = 0
            for i in range(loop_offsets[t], loop_offsets[t + 1]):
                if correction[p, loop_pairs[i]] != 0:
                    n_candidates += 1
            if (values[p, t] != 0) != (n_candidates == 1) or n_candidates > 1:
                is_unexplained[p] = True
        if is_unexplained[p]:
            correction[p, :] = 0
    return correction, is_unexplained
