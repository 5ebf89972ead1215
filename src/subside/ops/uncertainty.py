"""Noise of displacement series, fitted to what the motion model leaves of them.

The noise of a point is a white part, different from date to date (atmosphere relative to the reference areas,
unfiltered decorrelation; it grows with the distance to the reference without being told to), and a part that
accumulates in time (decorrelation of distributed scatterers carried along a chain of short pairs). The
network's own residuals are not used: they are zero for unfiltered points however noisy they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.kernels.inversion import regress_gaps
from subside.ops.noise_model import NoiseModel
from subside.ops.noise_shape import fit_shapes, tame_weights
from subside.ops.time_model import TimeModel

FloatArray = npt.NDArray[np.float64]

_SAMPLE: Final = 2000
_BLOCK: Final = 32768
_FACTOR_SHRINK: Final = 0.7
_LEAST_SCALE: Final = 0.1
_SPARE_DATES: Final = 4
_MEMORIES: Final = (75.0, 150.0, 300.0, 600.0)
"""Times in which noise may be forgotten that are tried, days."""


def noise_classes(
    is_filtered: npt.NDArray[np.bool_],
    coherence: npt.NDArray[np.floating],
    *,
    distance: npt.NDArray[np.floating] | None = None,
    n_coherence: int = 3,
    n_distance: int = 4,
    min_points: int = 100,
) -> npt.NDArray[np.int16]:
    """Group points whose noise is alike: filtered or not, by coherence, by distance to the reference.

    Parameters
    ----------
    is_filtered : ndarray of bool, (point,)
        Whether the point was averaged over its homogeneous neighbours.
    coherence : ndarray of float, (point,)
        Temporal coherence; NaN sorts highest.
    distance : ndarray of float, (point,), optional
        Distance to the nearest reference area, m.
    n_coherence, n_distance : int
        Groups of equal count, within filtered and unfiltered points each.
    min_points : int
        A smaller class joins its neighbours: first in coherence, then in distance.

    Returns
    -------
    ndarray of int16, (point,)
        Classes numbered from 0 without gaps.
    """
    stratum = np.asarray(is_filtered).astype(np.int64)
    d = np.zeros(len(stratum)) if distance is None else np.asarray(distance, np.float64)
    near = np.zeros(len(stratum), np.int64)
    good = np.zeros(len(stratum), np.int64)
    for s in (0, 1):
        members = np.flatnonzero(stratum == s)
        near[members] = _quantile_group(d[members], n_distance)
        good[members] = _quantile_group(np.asarray(coherence, np.float64)[members], n_coherence)
    code = (stratum * n_distance + near) * (n_coherence + 1) + good + 1
    for coarser in (
        (stratum * n_distance + near) * (n_coherence + 1),
        stratum * n_distance * (n_coherence + 1),
        np.zeros_like(stratum),
    ):
        _, inverse, count = np.unique(code, return_inverse=True, return_counts=True)
        code = np.where(count[inverse] < min_points, coarser, code)
    result: npt.NDArray[np.int16] = np.unique(code, return_inverse=True)[1].astype(np.int16)
    return result


def _quantile_group(values: FloatArray, n_groups: int) -> npt.NDArray[np.int64]:
    if len(values) == 0 or n_groups < 2:
        return np.zeros(len(values), np.int64)
    inner = np.nanquantile(values, np.arange(1, n_groups) / n_groups)
    return np.searchsorted(inner, values, side="right").astype(np.int64)


@dataclass(frozen=True)
class LocalPairs:
    """Pairs of like points near each other but without a filter window in common.

    Attributes
    ----------
    pairs : ndarray of int64, (pair, 2)
        Indices of points; both of one class.
    classes : ndarray of int16, (point,)
        Classes of points whose decorrelation is alike (:func:`noise_classes` without distance); -1 for points
        whose noise does not accumulate.
    """

    pairs: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int16]


def dates_needed(model: TimeModel, days: FloatArray, *, n_more: int = 0) -> int:
    """Fewest dates from which noise can be told from motion: the unknowns of a series and four.

    Parameters
    ----------
    model : TimeModel
        Motion; its fullest design counts.
    days : ndarray of float64, (date,)
        Days since the first date.
    n_more : int
        Further unknowns of a series (the DEM error).

    Returns
    -------
    int
        With fewer, :func:`estimate_noise` refuses; :func:`subside.ops.noise_model.unknown_noise` stands in.
    """
    return int(model.fullest(days).shape[1]) + n_more + _SPARE_DATES


def estimate_noise(
    values: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    classes: npt.NDArray[np.integer],
    model: TimeModel,
    sensitivity: FloatArray | None = None,
    local: LocalPairs | None = None,
    network: FloatArray | None = None,
    date_factor: FloatArray | None = None,
) -> NoiseModel:
    """Fit the noise model to what the time model leaves of the series.

    The shape of each class is found by :func:`subside.ops.noise_shape.fit_shapes`. With ``local`` the part that
    accumulates in time is found first, from differences of near points in which most of the atmosphere
    cancels: in the series themselves one realisation of the atmosphere, shared by all points, hides it. The
    level of a point is its own residual variance, drawn to the class's as far as chance explains the
    difference. Last, the relative variances of the dates are drawn towards 1 (power 0.7), because a date has
    few independent realisations of the atmosphere in a scene.

    Parameters
    ----------
    values : ndarray of float, (point, date)
        Series, referenced; any unit. Atmosphere must still be in them. NaN is a gap; classes are shaped by
        the points without gaps.
    days : ndarray of float64, (date,)
        Days since the first date, ascending.
    classes : ndarray of int, (point,)
        From :func:`noise_classes`, numbered from 0 without gaps.
    model : TimeModel
        Motion; its fullest design is projected out.
    sensitivity : ndarray of float64, (date,), optional
        A further regressor projected out (baseline, any unit), where the DEM error is or was estimated.
    local : LocalPairs, optional
        Pairs for the part that accumulates.
    network : ndarray of float64, (date, date), optional
        Covariance of date phases under independent pair noise
        (:func:`subside.ops.invert.network_covariance`): one more candidate, beside random walks by days
        and by dates and noise with a memory, for the part that accumulates.
    date_factor : ndarray of float64, (date,), optional
        Relative white variances of the dates, where they are known; None estimates them.

    Returns
    -------
    NoiseModel

    Raises
    ------
    ArgumentError
        If shapes disagree, or there are too few dates or points without gaps.
    """
    _check.shape((None, len(days)), values=values)
    _check.shape((len(values),), classes=classes)
    design = model.fullest(days)
    if sensitivity is not None:
        design = np.column_stack([design, sensitivity])
    if len(days) < design.shape[1] + _SPARE_DATES:
        raise ArgumentError(f"`days` must hold at least {design.shape[1] + _SPARE_DATES} dates, got {len(days)}")
    basis = np.linalg.qr(design, mode="complete")[0][:, design.shape[1] :]
    class_index = np.asarray(classes, np.int16)
    n_classes = int(class_index.max(initial=0)) + 1
    enough = basis.shape[1] // 2 + 4 if date_factor is None else 2
    samples = _residual_samples(values, class_index, basis, enough)
    candidates = _candidates(days, network)
    chains = None if local is None else _local_chains(values, class_index, local, basis, candidates)
    shapes = fit_shapes(samples, basis, candidates, date_factor=date_factor, chains=chains)
    noise = NoiseModel(
        np.asarray(days, np.float64),
        class_index,
        shapes.white,
        shapes.chain,
        shapes.factor,
        np.ones((len(values), 2), np.float32),
        np.bincount(class_index, minlength=n_classes),
    )
    noise = _with_levels(noise, values, design)
    if date_factor is None:
        drawn = noise.date_factor**_FACTOR_SHRINK
        noise = replace(noise, date_factor=drawn / drawn.mean())
    return noise


def _candidates(days: FloatArray, network: FloatArray | None) -> FloatArray:
    """Shapes the accumulating part may have.

    Walks by days and by dates (one where dates are evenly spaced); with a network its own, and noise that is forgotten:
    where scatterers keep some coherence for years, errors of a date cannot grow without bound. Pairs add what does not
    close, so that each memory is tried alone and with the network's shape in equal parts. Without a network no memory
    is tried: a few series would take one realisation of the atmosphere for it.
    """
    found = [] if network is None else [network / float(np.trace(network)) * len(days)]
    for clock in ((days - days[0]) / DAYS_PER_YEAR, np.arange(len(days), dtype=np.float64)):
        walk = np.minimum.outer(clock, clock) / clock[-1]
        if not any(np.allclose(walk, known) for known in found):
            found.append(walk)
    if network is not None:
        apart = np.abs(np.subtract.outer(days, days))
        for memory in _MEMORIES:
            fading = np.exp(-apart / memory)
            found += [fading, (found[0] + fading) / 2]
    return np.stack(found)


def _local_chains(
    values: npt.NDArray[np.floating],
    class_index: npt.NDArray[np.int16],
    local: LocalPairs,
    basis: FloatArray,
    candidates: FloatArray,
) -> FloatArray | None:
    """Accumulating part of each class from differences of near points; None where there are too few."""
    if np.all(local.classes < 0):
        return np.zeros((int(class_index.max(initial=0)) + 1, len(basis), len(basis)))
    first, second = local.pairs.T
    whole = np.isfinite(values[first]).all(axis=1) & np.isfinite(values[second]).all(axis=1)
    first, second = first[whole], second[whole]
    present, member = np.unique(local.classes[first], return_inverse=True)
    if len(first) < len(basis):
        return None
    samples = []
    for k in range(len(present)):
        rows = _strided(np.flatnonzero(member == k))
        difference = np.asarray(values[second[rows]], np.float64) - values[first[rows]]
        samples.append(difference @ basis / np.sqrt(2))
    shapes = fit_shapes(samples, basis, candidates)
    by_local = np.tile(shapes.chain.mean(axis=0), (int(local.classes.max()) + 1, 1, 1))
    by_local[present] = shapes.chain
    n_classes = int(class_index.max(initial=0)) + 1
    count = np.zeros((n_classes, len(by_local)))
    has = local.classes >= 0
    np.add.at(count, (class_index[has], local.classes[has]), 1.0)
    share = count / np.maximum(np.bincount(class_index, minlength=n_classes)[:, None], 1)
    result: FloatArray = np.einsum("cl,lts->cts", share, by_local)
    return result


def _residual_samples(
    values: npt.NDArray[np.floating], class_index: npt.NDArray[np.int16], basis: FloatArray, enough: int
) -> list[FloatArray]:
    """Residuals of up to a fixed number of gap-free points of each class, in the residual space."""
    whole = np.concatenate(
        [np.isfinite(values[a : a + _BLOCK]).all(axis=1) for a in range(0, len(values), _BLOCK)] or [[]]
    ).astype(bool)
    everyone = _strided(np.flatnonzero(whole))
    if len(everyone) < enough:
        raise ArgumentError(f"`values` must have at least {enough} points without gaps, got {len(everyone)}")
    samples = []
    for c in range(int(class_index.max(initial=0)) + 1):
        rows = _strided(np.flatnonzero(whole & (class_index == c)))
        rows = rows if len(rows) >= enough else everyone
        samples.append(np.asarray(values[rows], np.float64) @ basis)
    return samples


def _strided(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if len(rows) <= _SAMPLE:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64)]


def _with_levels(noise: NoiseModel, values: npt.NDArray[np.floating], design: FloatArray) -> NoiseModel:
    """Set the level of each class and the two scales of each point.

    In the basis where both parts of the class covariance are diagonal, a residual has variances
    ``alpha a_k + kappa c_k``. The scales are the best linear predictor from the score of their likelihood, with
    prior variances from the spread of the scores over the class. A point wilder than five times the median is
    not of the class: its scales are at least its own level.
    """
    white, chain = noise.white.copy(), noise.chain.copy()
    scale = np.full((len(values), 2), np.nan, np.float32)
    for c in range(noise.n_classes):
        members = np.flatnonzero(noise.class_index == c)
        spectrum = _Spectrum.of(noise, c, design)
        power, gap_level = _class_powers(spectrum, values, members)
        whole = np.isfinite(power).all(axis=1)
        level = np.where(whole, power.sum(axis=1) / spectrum.n, gap_level)
        known = np.isfinite(level)
        if not known.any():
            continue
        tame = np.zeros(len(level))
        tame[known] = tame_weights(level[known])
        mean = float(np.mean(level[known] * tame[known]))
        if mean <= 0:
            continue
        white[c] *= mean
        chain[c] *= mean
        score = 0.5 * (power[whole] / mean - spectrum.share.sum(axis=1))
        scale[members[whole]] = _predict_scales(score, tame[whole] == 1.0, 0.5 * spectrum.share @ spectrum.share.T)
        wild = known & (tame < 1)
        gaps = known & ~whole
        chance = 2.0 / spectrum.n
        between = max(float(np.var(level[tame == 1.0])) / mean**2 - chance, 0.0)
        trust = between / (between + chance)
        scale[members[gaps]] = np.clip(1 + trust * (level[gaps, None] / mean - 1), _LEAST_SCALE, None)
        scale[members[wild]] = np.maximum(scale[members[wild]], level[wild, None] / mean)
    return replace(noise, white=white, chain=chain, scale=scale)


@dataclass(frozen=True)
class _Spectrum:
    """Residual space of a class in the basis where both parts of its covariance are diagonal.

    ``operator`` maps a series to unit-variance components; ``share`` holds the part of each component's
    variance that is white and the part that is accumulated.
    """

    operator: FloatArray
    share: FloatArray
    design: FloatArray
    covariance: FloatArray

    @property
    def n(self) -> int:
        return len(self.operator)

    @classmethod
    def of(cls, noise: NoiseModel, index: int, design: FloatArray) -> _Spectrum:
        covariance = noise.covariance(index)
        basis = np.linalg.qr(design, mode="complete")[0][:, design.shape[1] :]
        lower = np.linalg.cholesky(basis.T @ covariance @ basis)
        whiten = np.linalg.solve(lower, basis.T)
        share, vectors = np.linalg.eigh(whiten @ noise.chain[index] @ whiten.T)
        share = np.clip(share, 0.0, 1.0)
        return cls(vectors.T @ whiten, np.stack([1 - share, share]), design, covariance)


def _class_powers(
    spectrum: _Spectrum, values: npt.NDArray[np.floating], members: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Power of each point's residual by part, and mean residual square of the points with gaps."""
    power = np.full((len(members), 2), np.nan)
    level = np.full(len(members), np.nan)
    for start in range(0, len(members), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(members)))
        block = np.asarray(values[members[part]], np.float64)
        power[part] = (block @ spectrum.operator.T) ** 2 @ spectrum.share.T
        gaps = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(gaps):
            out = np.empty((len(gaps), spectrum.design.shape[1]))
            square, present = np.empty(len(gaps)), np.empty(len(gaps), np.int32)
            regress_gaps(block[gaps], spectrum.design, spectrum.covariance, out, np.empty_like(out), square, present)
            level[start + gaps] = square / np.maximum(present - spectrum.design.shape[1], 1)
    return power, level


def _predict_scales(
    score: FloatArray, is_tame: npt.NDArray[np.bool_], information: FloatArray
) -> npt.NDArray[np.float32]:
    """Scales of the white and accumulated parts of each point, mean about 1."""
    if len(score) < 2:
        return np.ones(score.shape, np.float32)
    spread = np.mean((score[is_tame] - score[is_tame].mean(axis=0)) ** 2, axis=0)
    prior = nnls(information.T**2, np.maximum(spread - np.diagonal(information), 0.0))[0]
    gain = np.diag(prior) @ np.linalg.inv(np.eye(2) + information @ np.diag(prior))
    return np.asarray(np.clip(1 + score @ gain.T, _LEAST_SCALE, None), np.float32)
