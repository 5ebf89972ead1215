"""Temporal model of the phase along arcs: what a pair's gradient is expected to be, and how noisy it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]

TWO_PI = np.float32(2.0 * np.pi)
INVERSE_TWO_PI = np.float32(0.5 / np.pi)


@kernel(fastmath=True)
def wrapped_differences(phase: F32, arcs: I32) -> F32:
    """Wrapped phase differences along arcs.

    Parameters
    ----------
    phase : ndarray of float32, (point, pair)
        Wrapped or unwrapped phase, rad, finite.
    arcs : ndarray of int32, (arc, 2)

    Returns
    -------
    ndarray of float32, (arc, pair)
        ``wrap(phase[second] - phase[first])`` in [-pi, pi], rad.
    """
    n_arcs, n_pairs = arcs.shape[0], phase.shape[1]
    out = np.empty((n_arcs, n_pairs), np.float32)
    for e in range(n_arcs):
        first = phase[arcs[e, 0]]
        second = phase[arcs[e, 1]]
        row = out[e]
        for k in range(n_pairs):
            d = second[k] - first[k]
            row[k] = d - TWO_PI * np.rint(d * INVERSE_TWO_PI)
    return out


@kernel(fastmath=True)
def search_chain(
    difference: F32,
    chain: I32,
    chain_sign: F32,
    link_bperp: F32,
    rate_solver: F32,
    trial_cos: F32,
    trial_sin: F32,
    trials: F32,
    margin: float,
) -> tuple[F32, F32]:
    """Start values of the temporal model from chain links, which join consecutive dates so that motion is small.

    The slope ``K`` with perpendicular baseline ``B`` is the peak of ``|sum_c exp(j (d_c - K B_c))| / n`` over links
    ``c`` (Hooper 2008); the best trial counts when it stands above everything outside its lobe by ``margin``,
    otherwise the slope is 0. The rate is ``rate_solver @ wrap(d - K B)``.

    Parameters
    ----------
    difference : ndarray of float32, (arc, pair)
        Wrapped differences, rad, finite.
    chain : ndarray of int32, (link, 2)
        Pair indices; the second is -1 when the link is one pair.
    chain_sign : ndarray of float32, (link, 2)
        Signs of the two.
    link_bperp : ndarray of float32, (link,)
        Baseline of each link, m.
    rate_solver : ndarray of float32, (link,)
        Least-squares row for a linear change.
    trial_cos, trial_sin : ndarray of float32, (trial, link)
        ``cos, sin`` of trial slope times link baseline.
    trials : ndarray of float32, (trial,)
        Trial slopes, rad/m, ascending; one or none means no search.
    margin : float
        Required height above other lobes, 0 to 1.

    Returns
    -------
    slope : ndarray of float32, (arc,)
        rad per m of baseline; the trial's value (least squares refines it).
    rate : ndarray of float32, (arc,)
        In the unit of ``rate_solver``.
    """
    n_arcs, n_links, n_trials = difference.shape[0], chain.shape[0], trials.size
    slope = np.zeros(n_arcs, np.float32)
    rate = np.zeros(n_arcs, np.float32)
    link = np.empty(n_links, np.float32)
    real = np.empty(n_links, np.float32)
    imag = np.empty(n_links, np.float32)
    power = np.empty(n_trials, np.float32)
    for e in range(n_arcs):
        for c in range(n_links):
            link[c] = chain_sign[c, 0] * difference[e, chain[c, 0]]
            if chain[c, 1] >= 0:
                link[c] += chain_sign[c, 1] * difference[e, chain[c, 1]]
        if n_trials > 1:
            for c in range(n_links):
                real[c] = np.cos(link[c])
                imag[c] = np.sin(link[c])
            best = 0
            for t in range(n_trials):
                re = np.float32(0.0)
                im = np.float32(0.0)
                for c in range(n_links):
                    re += real[c] * trial_cos[t, c] + imag[c] * trial_sin[t, c]
                    im += imag[c] * trial_cos[t, c] - real[c] * trial_sin[t, c]
                power[t] = np.sqrt(re * re + im * im) / n_links
                if power[t] > power[best]:
                    best = t
            low = best
            while low > 0 and power[low - 1] < power[low]:
                low -= 1
            high = best
            while high < n_trials - 1 and power[high + 1] < power[high]:
                high += 1
            other = np.float32(0.0)
            for t in range(n_trials):
                if (t < low or t > high) and power[t] > other:
                    other = power[t]
            if power[best] - other > margin:
                slope[e] = trials[best]
        total = np.float32(0.0)
        for c in range(n_links):
            d = link[c] - slope[e] * link_bperp[c]
            d -= TWO_PI * np.rint(d * INVERSE_TWO_PI)
            total += rate_solver[c] * d
        rate[e] = total
    return slope, rate


@kernel(fastmath=True)
def fit_temporal_model(difference: F32, start: F32, design: F32, solver: F32, n_iterations: int) -> tuple[F32, F32]:
    """Fit a linear model of pairs to wrapped differences, and measure the noise left.

    From ``x = start`` repeat ``x += solver @ wrap(d - design @ x)``: least squares on the differences
    unwrapped around the model, under the Nyquist assumption that the first residuals lie within half a cycle.

    Parameters
    ----------
    difference : ndarray of float32, (arc, pair)
        Wrapped differences, rad, finite.
    start : ndarray of float32, (arc, coefficient)
    design : ndarray of float32, (coefficient, pair)
        Model, one row a coefficient.
    solver : ndarray of float32, (coefficient, pair)
        Rows of its pseudo-inverse.
    n_iterations : int

    Returns
    -------
    coefficients : ndarray of float32, (arc, coefficient)
    coherence : ndarray of float32, (arc,)
        ``|mean_k exp(j residual_k)|``, 0 to 1.
    """
    n_arcs, n_pairs = difference.shape
    n_coefficients = design.shape[0]
    coefficients = start.copy()
    coherence = np.empty(n_arcs, np.float32)
    residual = np.empty(n_pairs, np.float32)
    for e in range(n_arcs):
        x = coefficients[e]
        for iteration in range(n_iterations + 1):
            for k in range(n_pairs):
                residual[k] = difference[e, k]
            for c in range(n_coefficients):
                for k in range(n_pairs):
                    residual[k] -= x[c] * design[c, k]
            for k in range(n_pairs):
                residual[k] -= TWO_PI * np.rint(residual[k] * INVERSE_TWO_PI)
            if iteration == n_iterations:
                break
            for c in range(n_coefficients):
                step = np.float32(0.0)
                for k in range(n_pairs):
                    step += solver[c, k] * residual[k]
                x[c] += step
        real = np.float32(0.0)
        imag = np.float32(0.0)
        for k in range(n_pairs):
            real += np.cos(residual[k])
            imag += np.sin(residual[k])
        coherence[e] = np.sqrt(real * real + imag * imag) / n_pairs
    return coefficients, coherence


@kernel
def ambiguities(phase: F32, arcs: I32, prediction: F32) -> tuple[I32, F32]:
    """Whole cycles that bring each arc's phase difference within half a cycle of its prediction.

    Parameters
    ----------
    phase : ndarray of float32, (point,)
        Wrapped phase of one pair, rad, finite.
    arcs : ndarray of int32, (arc, 2)
    prediction : ndarray of float32, (arc,)
        Expected phase gradient, rad.

    Returns
    -------
    cycles : ndarray of int32, (arc,)
        ``phase[second] - phase[first] + 2 pi cycles`` is within pi of the prediction.
    deviation : ndarray of float32, (arc,)
        What it differs by, cycles, -0.5 to 0.5.
    """
    n_arcs = arcs.shape[0]
    cycles = np.empty(n_arcs, np.int32)
    deviation = np.empty(n_arcs, np.float32)
    for e in range(n_arcs):
        off = (phase[arcs[e, 1]] - phase[arcs[e, 0]] - prediction[e]) * INVERSE_TWO_PI
        whole = np.rint(off)
        cycles[e] = -np.int32(whole)
        deviation[e] = off - whole
    return cycles, deviation


@kernel
def local_variance(deviation: F32, sigma: F32, arcs: I32, n_points: int) -> F32:
    """Noise of each arc in one interferogram: its noise in time, scaled by what its surroundings show here.

    Around a point, over the arcs of the point and of its neighbours, the circular variance
    ``v = -2 ln(mean cos(2 pi deviation))`` is compared with ``w = -2 ln(mean exp(-sigma**2 / 2))``, which the noise in
    time leads one to expect; the variance of an arc is ``sigma**2`` times the mean of ``v / w`` at its two points.

    Parameters
    ----------
    deviation : ndarray of float32, (arc,)
        Gradients less their prediction, cycles, -0.5 to 0.5, finite.
    sigma : ndarray of float32, (arc,)
        Noise of each arc over all interferograms, rad, >= 0.
    arcs : ndarray of int32, (arc, 2)
    n_points : int

    Returns
    -------
    ndarray of float32, (arc,)
        rad**2; the ratio is kept within 0.1 to 30.
    """
    own = np.zeros((n_points, 3))
    for e in range(arcs.shape[0]):
        seen = np.cos(2.0 * np.pi * deviation[e])
        expected = np.exp(-0.5 * sigma[e] * sigma[e])
        for s in range(2):
            p = arcs[e, s]
            own[p, 0] += seen
            own[p, 1] += expected
            own[p, 2] += 1.0
    around = own.copy()
    for e in range(arcs.shape[0]):
        for c in range(3):
            around[arcs[e, 0], c] += own[arcs[e, 1], c]
            around[arcs[e, 1], c] += own[arcs[e, 0], c]
    ratio = np.empty(n_points)
    for p in range(n_points):
        n = max(around[p, 2], 1.0)
        seen = min(max(around[p, 0] / n, 0.03), 0.9999)
        expected = min(max(around[p, 1] / n, 0.03), 0.9999)
        ratio[p] = np.log(seen) / np.log(expected)
    out = np.empty(arcs.shape[0], np.float32)
    for e in range(arcs.shape[0]):
        mean = 0.5 * (ratio[arcs[e, 0]] + ratio[arcs[e, 1]])
        out[e] = sigma[e] * sigma[e] * min(max(mean, 0.1), 30.0)
    return out
