"""Noise of displacement series: a model fitted to the residuals, and a check on pairs of points.

The noise of a point is a white part, different from date to date (atmosphere relative to the reference areas,
unfiltered decorrelation; it grows with the distance to the reference without being told to), and a random
walk (decorrelation of distributed scatterers accumulated along a chain of short pairs). The network's own
residuals are not used: they are zero for unfiltered points however noisy they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from subside import _check
from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.kernels.inversion import regress_gaps
from subside.ops.time_model import RATE, TimeModel

FloatArray = npt.NDArray[np.float64]

_SAMPLE: Final = 4000
_BLOCK: Final = 32768
_N_ITERATIONS: Final = 8
_SHARES: Final = np.concatenate([[0.0], np.geomspace(1e-3, 0.5, 40), 1 - np.geomspace(0.5, 1e-3, 40)[1:]])
_TRIM: Final = 0.02
_FACTOR_LIMITS: Final = (0.2, 5.0)
_FACTOR_SHRINK: Final = 0.7
_MAD: Final = 1.4826
_GOLDEN_ANGLE: Final = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class NoiseModel:
    """Covariance of the noise of each point: ``scale * (white * diag(date_factor) + walk * min(u, u'))``.

    Attributes
    ----------
    days : ndarray of float64, (date,)
        Days since the first date.
    class_index : ndarray of int16, (point,)
        Class of each point.
    white : ndarray of float64, (class,)
        Mean variance of the white part, squared unit of the series.
    walk : ndarray of float64, (class,)
        Variance of the random walk after one unit of its clock.
    clock : ndarray of float64, (class, date)
        Clock ``u`` of the walk: years, or number of dates, whichever explains the class better.
    date_factor : ndarray of float64, (date,)
        Relative white variance of each date, mean 1.
    scale : ndarray of float32, (point,)
        Variance of the point relative to its class; NaN where the series is too short to tell.
    n_points : ndarray of int64, (class,)
        Points the class was estimated from.
    """

    days: FloatArray
    class_index: npt.NDArray[np.int16]
    white: FloatArray
    walk: FloatArray
    clock: FloatArray
    date_factor: FloatArray
    scale: npt.NDArray[np.float32]
    n_points: npt.NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.white)

    def covariance(self, index: int) -> FloatArray:
        """Covariance of a class at scale 1, (date, date), squared unit of the series."""
        clock = self.clock[index]
        result: FloatArray = self.walk[index] * np.minimum.outer(clock, clock)
        result[np.diag_indices(len(clock))] += self.white[index] * self.date_factor
        return result

    def displacement_std(self, points: slice) -> npt.NDArray[np.float32]:
        """Standard deviation of the change since the first date.

        Parameters
        ----------
        points : slice
            Points wanted.

        Returns
        -------
        ndarray of float32, (point, date)
            ``sqrt(scale * (C_tt + C_00 - 2 C_0t))``, unit of the series; 0 at the first date.
        """
        rows = np.empty((self.n_classes, len(self.days)))
        for c in range(self.n_classes):
            cov = self.covariance(c)
            rows[c] = np.diagonal(cov) + cov[0, 0] - 2 * cov[0]
        rows[:, 0] = 0.0
        variance = rows[self.class_index[points]] * self.scale[points, None]
        return np.sqrt(variance).astype(np.float32)


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


def estimate_noise(
    values: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    classes: npt.NDArray[np.integer],
    model: TimeModel,
    sensitivity: FloatArray | None = None,
) -> NoiseModel:
    """Fit the noise model to what the time model leaves of the series.

    Per class, the shape of the covariance (share of the walk, clock) maximises the restricted likelihood of
    the residuals under Tyler weights (each point weighed by the inverse of its own variance, so that wild
    points do not speak for the class). The relative variance of each date is common to all classes and
    estimated by expectation-maximisation. The level of a point is its own residual variance, drawn to
    the class's as far as chance explains the difference.

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

    Returns
    -------
    NoiseModel

    Raises
    ------
    ArgumentError
        If shapes disagree or no class has enough points without gaps.
    """
    _check.shape((None, len(days)), values=values)
    _check.shape((len(values),), classes=classes)
    design = model.fullest(days)
    if sensitivity is not None:
        design = np.column_stack([design, sensitivity])
    if len(days) < design.shape[1] + 4:
        raise ArgumentError(f"`days` must hold at least {design.shape[1] + 4} dates, got {len(days)}")
    basis = np.linalg.qr(design, mode="complete")[0][:, design.shape[1] :]
    class_index = np.asarray(classes, np.int16)
    n_classes = int(class_index.max(initial=0)) + 1
    samples = _residual_samples(values, class_index, n_classes, basis)
    clocks = np.stack([(days - days[0]) / DAYS_PER_YEAR, np.arange(len(days), dtype=np.float64)])
    shapes = _fit_shapes(samples, basis, clocks)
    white, walk, clock, factor = shapes
    noise = NoiseModel(
        np.asarray(days, np.float64),
        class_index,
        white,
        walk,
        clock,
        factor,
        np.ones(len(values), np.float32),
        np.bincount(class_index, minlength=n_classes),
    )
    return _with_levels(noise, values, design)


def _residual_samples(
    values: npt.NDArray[np.floating], class_index: npt.NDArray[np.int16], n_classes: int, basis: FloatArray
) -> list[FloatArray]:
    """Residuals of up to a fixed number of gap-free points of each class, in the residual space."""
    whole = np.concatenate(
        [np.isfinite(values[a : a + _BLOCK]).all(axis=1) for a in range(0, len(values), _BLOCK)] or [[]]
    ).astype(bool)
    enough = basis.shape[1] // 2 + 4
    everyone = _strided(np.flatnonzero(whole))
    if len(everyone) < enough:
        raise ArgumentError(f"`values` must have at least {enough} points without gaps, got {len(everyone)}")
    samples = []
    for c in range(n_classes):
        rows = _strided(np.flatnonzero(whole & (class_index == c)))
        rows = rows if len(rows) >= enough else everyone
        samples.append(np.asarray(values[rows], np.float64) @ basis)
    return samples


def _strided(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if len(rows) <= _SAMPLE:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64)]


def _fit_shapes(
    samples: list[FloatArray], basis: FloatArray, clocks: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """White and walk variance, clock of each class at trace-normalised scale, and the factor of each date."""
    n_dates, m = basis.shape
    walks = [basis.T @ np.minimum.outer(u, u) @ basis for u in clocks]
    factor = np.ones(n_dates)
    white, walk = np.ones(len(samples)), np.zeros(len(samples))
    choice = np.zeros(len(samples), np.int64)
    weights = np.array([len(y) for y in samples], np.float64)
    for _ in range(_N_ITERATIONS):
        plain = basis.T @ (factor[:, None] * basis)
        numerator, denominator = np.zeros(n_dates), 0.0
        for c, y in enumerate(samples):
            inverse = np.linalg.inv(white[c] * plain + walk[c] * walks[choice[c]])
            level = np.einsum("pi,ij,pj->p", y, inverse, y, optimize=True)
            keep = level > 0
            moment = m * (y[keep].T @ (y[keep] / level[keep, None])) / max(np.count_nonzero(keep), 1)
            choice[c], white[c], walk[c] = _best_shape(moment, plain, walks)
            inverse = np.linalg.inv(white[c] * plain + walk[c] * walks[choice[c]])
            project = basis @ inverse
            weight = weights[c] * white[c] * np.trace(inverse @ plain) / m
            prior = white[c] * factor
            spread = np.einsum("ti,ij,tj->t", project, moment, project) - np.einsum("ti,ti->t", project, basis)
            numerator += weight * (factor + prior * factor * spread)
            denominator += weight
        if denominator > 0:
            fresh = np.clip(numerator / denominator, 1e-3, None)
            factor = np.clip(fresh / fresh.mean(), *_FACTOR_LIMITS)
            factor /= factor.mean()
    factor = factor**_FACTOR_SHRINK
    return white, walk, clocks[choice], factor / factor.mean()


def _best_shape(moment: FloatArray, plain: FloatArray, walks: list[FloatArray]) -> tuple[int, float, float]:
    """Clock, white and walk variance of greatest restricted likelihood for a moment matrix."""
    lower = np.linalg.cholesky(plain)
    best = (np.inf, 0, 1.0, 0.0)
    for index, matrix in enumerate(walks):
        half = np.linalg.solve(lower, matrix)
        relative, vectors = np.linalg.eigh(np.linalg.solve(lower, half.T))
        energy = np.linalg.solve(lower, np.linalg.solve(lower, moment).T)
        power = np.einsum("ik,ij,jk->k", vectors, energy, vectors)
        unit = relative.mean()
        variance = (1 - _SHARES)[:, None] + _SHARES[:, None] * relative / unit
        level = (power / variance).mean(axis=1)
        minus_log = len(power) * np.log(level) + np.log(variance).sum(axis=1)
        k = int(np.argmin(minus_log))
        if minus_log[k] < best[0] - 1e-9:
            share = float(_SHARES[k])
            best = (
                float(minus_log[k]),
                index,
                float(level[k] * (1 - share)),
                float(level[k] * share / unit),
            )
    return best[1], best[2], best[3]


def _with_levels(noise: NoiseModel, values: npt.NDArray[np.floating], design: FloatArray) -> NoiseModel:
    """Set the level of each class and point."""
    quadratic, dof = residual_quadratic(noise, values, design)
    with np.errstate(invalid="ignore"):
        level = quadratic / dof
    white, walk = noise.white.copy(), noise.walk.copy()
    scale = np.full(len(values), np.nan, np.float32)
    for c in range(noise.n_classes):
        rows = np.flatnonzero((noise.class_index == c) & np.isfinite(level))
        if len(rows) == 0:
            continue
        ordered = np.sort(level[rows])
        kept = ordered[: max(1, round(len(ordered) * (1 - _TRIM)))]
        mean = float(kept.mean())
        if mean <= 0:
            continue
        white[c] *= mean
        walk[c] *= mean
        chance = 2.0 / dof[rows]
        between = max(float(kept.var()) / mean**2 - float(chance.mean()), 0.0)
        trust = between / (between + chance)
        scale[rows] = np.clip(1 + trust * (level[rows] / mean - 1), 0.1, None)
    return NoiseModel(noise.days, noise.class_index, white, walk, noise.clock, noise.date_factor, scale, noise.n_points)


def residual_quadratic(
    noise: NoiseModel, values: npt.NDArray[np.floating], design: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Residual of a generalised least-squares fit, weighed by the class covariance.

    Parameters
    ----------
    noise : NoiseModel
        Classes and covariances; levels of points are not used.
    values : ndarray of float, (point, date)
        Series; NaN is a gap.
    design : ndarray of float64, (date, parameter)
        Regressors.

    Returns
    -------
    quadratic, dof : ndarray of float64, (point,)
        ``r' C^-1 r``, and dates present minus parameters; NaN where too few dates.
    """
    quadratic = np.full(len(values), np.nan)
    dof = np.full(len(values), np.nan)
    n_par = design.shape[1]
    for c in range(noise.n_classes):
        covariance = noise.covariance(c)
        whiten = np.linalg.inv(np.linalg.cholesky(covariance))
        q, _ = np.linalg.qr(whiten @ design, mode="complete")
        operator = q[:, n_par:].T @ whiten
        members = np.flatnonzero(noise.class_index == c)
        for start in range(0, len(members), _BLOCK):
            rows = members[start : start + _BLOCK]
            block = np.asarray(values[rows], np.float64)
            residual = block @ operator.T
            quadratic[rows] = np.einsum("pk,pk->p", residual, residual)
            dof[rows] = len(design) - n_par
            gaps = np.flatnonzero(~np.isfinite(quadratic[rows]))
            if len(gaps):
                out = np.empty((len(gaps), n_par))
                present = np.empty(len(gaps), np.int32)
                square = np.empty(len(gaps))
                regress_gaps(block[gaps], design, covariance, out, np.empty_like(out), square, present)
                quadratic[rows[gaps]] = square
                dof[rows[gaps]] = np.where(np.isfinite(square), present - n_par, np.nan)
    return quadratic, dof


@dataclass(frozen=True)
class EmpiricalErrors:
    """Spread of the rate differences of pairs of points too far apart to share a filter window.

    Attributes
    ----------
    distance : ndarray of float64, (distance class,)
        Nominal distance of the pairs, m.
    n_pairs : ndarray of int64, (stratum, distance class)
        Pairs found; stratum 0 unfiltered, 1 filtered.
    velocity_spread : ndarray of float64, (stratum, distance class)
        Robust standard deviation (1.4826 MAD) of the differences over sqrt(2), unit of the series per year;
        real differences of motion are in it. NaN where pairs are few.
    ratio : ndarray of float64, (stratum, distance class)
        Robust standard deviation of the differences over the one the noise model gives them.
    inflation : ndarray of float64, (stratum,)
        Factor to apply to the modelled standard deviation: the ratio of the nearest class with enough
        pairs, where it exceeds 1 by more than chance; never below 1.
    """

    distance: FloatArray
    n_pairs: npt.NDArray[np.int64]
    velocity_spread: FloatArray
    ratio: FloatArray
    inflation: FloatArray

    def velocity_std(
        self, is_filtered: npt.NDArray[np.bool_], distance: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float32]:
        """Spread of the stratum at the distance of each point from the reference.

        Parameters
        ----------
        is_filtered : ndarray of bool, (point,)
            Stratum.
        distance : ndarray of float, (point,)
            Distance to the nearest reference area, m.

        Returns
        -------
        ndarray of float32, (point,)
            Unit of the series per year; NaN where the stratum has too few pairs.
        """
        result = np.full(len(is_filtered), np.nan, np.float32)
        for stratum in (0, 1):
            known = np.isfinite(self.velocity_spread[stratum])
            rows = np.asarray(is_filtered).astype(int) == stratum
            if known.any():
                result[rows] = np.interp(
                    np.asarray(distance, np.float64)[rows],
                    self.distance[known],
                    self.velocity_spread[stratum, known],
                )
        return result


def empirical_errors(
    values: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    position: tuple[FloatArray, FloatArray],
    is_filtered: npt.NDArray[np.bool_],
    model: TimeModel,
    sensitivity: FloatArray | None = None,
    min_separation: float = 500.0,
    min_pairs: int = 100,
) -> EmpiricalErrors:
    """Compare rates of pairs of points of one stratum at several distances.

    Distances start at the separation beyond which no two points share a filter window and double up to half
    the scene. Points are taken at an even stride and their partners in directions that turn by the golden
    angle, so that the sample is the same every time.

    Parameters
    ----------
    values : ndarray of float, (point, date)
        Referenced series, atmosphere in them.
    days : ndarray of float64, (date,)
        Days since the first date.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    is_filtered : ndarray of bool, (point,)
        Stratum of each point.
    model : TimeModel
        Motion.
    sensitivity : ndarray of float64, (date,), optional
        As in :func:`estimate_noise`.
    min_separation : float
        Distance beyond which filter windows do not overlap, m.
    min_pairs : int
        Fewer pairs give no figure.

    Returns
    -------
    EmpiricalErrors
    """
    xy = np.column_stack(position).astype(np.float64)
    extent = float(np.hypot(*np.ptp(xy, axis=0))) if len(xy) else 0.0
    n_steps = max(1, int(np.floor(np.log2(max(extent / 2 / min_separation, 1.0)))) + 1)
    distance = min_separation * 2.0 ** np.arange(n_steps)
    pairs, codes = [], []
    for stratum in (0, 1):
        members = np.flatnonzero(np.asarray(is_filtered).astype(int) == stratum)
        if len(members) < 2:
            continue
        members = members[np.isfinite(values[members]).all(axis=1)]
        for k, radius in enumerate(distance):
            found = _partners(xy, members, float(radius))
            if len(found) >= min_pairs:
                pairs.append(found)
                codes.append(np.full(len(found), stratum * n_steps + k))
    shape = (2, n_steps)
    count, spread, ratio = np.zeros(shape, np.int64), np.full(shape, np.nan), np.full(shape, np.nan)
    if pairs:
        pair, code = np.concatenate(pairs), np.concatenate(codes)
        present, classes = np.unique(code, return_inverse=True)
        difference = np.asarray(values[pair[:, 1]], np.float64) - np.asarray(values[pair[:, 0]], np.float64)
        noise = estimate_noise(difference, days, classes=classes, model=model, sensitivity=sensitivity)
        design = model.fullest(days)
        if sensitivity is not None:
            design = np.column_stack([design, sensitivity])
        for c, where in enumerate(present):
            rows = np.flatnonzero(classes == c)
            inverse = np.linalg.inv(noise.covariance(c))
            cofactor = np.linalg.inv(design.T @ inverse @ design)
            rate = difference[rows] @ (inverse @ design @ cofactor[:, RATE])
            z = rate / np.sqrt(cofactor[RATE, RATE] * noise.scale[rows])
            index = divmod(int(where), n_steps)
            count[index] = len(rows)
            spread[index] = _MAD * np.median(np.abs(rate - np.median(rate))) / np.sqrt(2)
            ratio[index] = _MAD * np.median(np.abs(z - np.median(z)))
    return EmpiricalErrors(distance, count, spread, ratio, _inflation(ratio, count))


def _partners(xy: FloatArray, members: npt.NDArray[np.int64], radius: float) -> npt.NDArray[np.int64]:
    """Pairs of members about a radius apart, each unordered pair once."""
    if len(members) < 2:
        return np.empty((0, 2), np.int64)
    start = _strided(members)
    angle = _GOLDEN_ANGLE * np.arange(len(start))
    aim = xy[start] + 1.2 * radius * np.column_stack([np.cos(angle), np.sin(angle)])
    _, nearest = cKDTree(xy[members]).query(aim)
    partner = members[nearest]
    apart = np.hypot(*(xy[partner] - xy[start]).T)
    keep = (apart >= radius) & (apart <= 1.5 * radius)
    pair = np.sort(np.column_stack([start[keep], partner[keep]]), axis=1)
    return np.unique(pair, axis=0)


def _inflation(ratio: FloatArray, count: npt.NDArray[np.int64]) -> FloatArray:
    result = np.ones(len(ratio))
    for stratum in range(len(ratio)):
        known = np.flatnonzero(np.isfinite(ratio[stratum]))
        if len(known):
            k = known[0]
            chance = 2.0 / np.sqrt(count[stratum, k])
            if ratio[stratum, k] > 1 + chance:
                result[stratum] = ratio[stratum, k]
    return result
