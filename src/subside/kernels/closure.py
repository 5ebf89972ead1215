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

MAX_REPAIRED_SHARE = 0.05
"""Share of a point's pairs that may be repaired: many wrong pairs come from aliased motion, whose errors agree."""


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
def _majority_error(v: I8, loops: I32, signs: I8) -> tuple[int, int]:
    """Error of a pair that most of its loops show, and by how many loops its correction lowers the open ones."""
    best_error, best_gain = 0, 0
    for i in range(loops.size):
        error = signs[i] * v[loops[i]]
        if error == 0:
            continue
        agreeing = 0
        for j in range(loops.size):
            if signs[j] * v[loops[j]] == error:
                agreeing += 1
        gain = 2 * agreeing - loops.size
        if gain > best_gain:
            best_error, best_gain = error, gain
    return best_error, best_gain


@kernel
def repair_pairs(
    values: I8, n_pairs: int, pair_offsets: I32, pair_loops: I32, pair_signs: I8
) -> tuple[I8, npt.NDArray[np.bool_]]:
    """Find the pairs whose cycle error is proved by the loops they are in: majority decoding of the network.

    The triplets of a pair share no other pair, so they are orthogonal checks of it: when more than half of a pair's
    loops (at least two) show the same error, the error is that pair's, provided that fewer than half of these loops
    hold another wrong pair (Massey, J. L., 1963, *Threshold Decoding*, MIT Press). The pair with the largest majority
    is corrected first and the loops are looked at again; every step closes more loops than it opens. A point that would
    need more than one pair in twenty is left alone: motion that aliases makes many errors that outvote the truth.

    Parameters
    ----------
    values : ndarray of int8, (point, loop)
        Misclosures, cycles.
    n_pairs : int
        Number of pairs.
    pair_offsets, pair_loops, pair_signs : ndarray, (pair + 1,), (entry,), (entry,)
        Loops of each pair and the sense the pair is walked in, compressed by rows.

    Returns
    -------
    correction : ndarray of int8, (point, pair)
        Cycles to add.
    is_unexplained : ndarray of bool, (point,)
        Whether some loop stays open; such a point gets no correction.
    """
    n_points, n_loops = values.shape
    correction = np.zeros((n_points, n_pairs), np.int8)
    is_unexplained = np.zeros(n_points, np.bool_)
    v = np.empty(n_loops, np.int8)
    most_repairs = max(1, int(MAX_REPAIRED_SHARE * n_pairs))
    for p in range(n_points):
        n_open = 0
        for t in range(n_loops):
            v[t] = values[p, t]
            n_open += v[t] != 0
        for _ in range(most_repairs):
            if n_open == 0:
                break
            chosen, error, most = -1, 0, 0
            for k in range(n_pairs):
                first, last = pair_offsets[k], pair_offsets[k + 1]
                if last - first < 2:
                    continue
                found, gain = _majority_error(v, pair_loops[first:last], pair_signs[first:last])
                if gain > most:
                    chosen, error, most = k, found, gain
            if chosen < 0:
                break
            correction[p, chosen] -= error
            for i in range(pair_offsets[chosen], pair_offsets[chosen + 1]):
                t = pair_loops[i]
                before = v[t] != 0
                v[t] -= pair_signs[i] * error
                n_open += (v[t] != 0) - before
        if n_open > 0:
            is_unexplained[p] = True
            correction[p, :] = 0
    return correction, is_unexplained
