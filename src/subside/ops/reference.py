"""The reference: areas adjusted together, tested against each other.

Only relative motion can be seen. The areas are the largest set that agree with each other; that they stand
still is an assumption nothing in the data can check, and the datum is therefore unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import f as f_distribution
from scipy.stats import norm

from subside import _check
from subside.errors import ArgumentError
from subside.ops.noise_model import NoiseModel, unknown_noise
from subside.ops.reference_areas import ReferenceArea
from subside.ops.time_model import RATE, TimeModel
from subside.ops.uncertainty import dates_needed, estimate_noise

FloatArray = npt.NDArray[np.float64]

DATUM_NOTE: Final = "Rates are relative to the mean of the reference areas; whether these move together is unknown."
"""Printed wherever a rate is."""


@dataclass(frozen=True)
class AreaResidual:
    """One area against the mean of the others.

    Attributes
    ----------
    area : ReferenceArea
        The area.
    is_kept : bool
        Whether it is in the adjusted reference.
    reason : str
        Why it was rejected; empty if kept.
    n_points : int
        Points used.
    residual_rate, residual_rate_std : float
        m/yr, standard deviation with temporally correlated noise; NaN with a single area, and the latter with too
        few dates.
    residual_rms : float
        Root mean square of the difference series about the time model, m.
    seasonal_amplitude, seasonal_p_value : float
        m and probability by chance; NaN where the series is too short.
    rate_change_without : float
        What would be added to every rate if this area were left out (if kept) or taken in (if rejected), m/yr.
    """

    area: ReferenceArea
    is_kept: bool
    reason: str
    n_points: int
    residual_rate: float
    residual_rate_std: float
    residual_rms: float
    seasonal_amplitude: float
    seasonal_p_value: float
    rate_change_without: float


@dataclass(frozen=True)
class Referenced:
    """The adjusted reference.

    Attributes
    ----------
    offset : ndarray of float64, (date,)
        To be subtracted from every series, m; 0 at the first date.
    weights : ndarray of float64, (point,)
        ``offset = weights @ displacement``, sum 1: put a truth through the same reference with it.
    table : tuple of AreaResidual
        A row per area, rejected ones included.
    datum : str
        What the rates are relative to, in words.
    """

    offset: FloatArray
    weights: FloatArray
    table: tuple[AreaResidual, ...]
    datum: str = DATUM_NOTE

    @property
    def kept(self) -> tuple[ReferenceArea, ...]:
        """Areas in the reference."""
        return tuple(row.area for row in self.table if row.is_kept)


def adjust_reference(
    displacement: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    areas: tuple[ReferenceArea, ...],
    model: TimeModel | None = None,
    significance: float = 0.01,
    min_rate: float = 0.0005,
    max_rms_ratio: float = 2.5,
) -> Referenced:
    """Adjust the areas to one reference and reject those that disagree.

    The reference is the weighted mean of the areas' mean series, weights from the scatter of each area. Each
    area is then compared with the mean of the others: its difference rate over its standard deviation (with
    the temporally correlated noise of the differences) against a Bonferroni limit, and its scatter against the
    median of the areas. The worst offender is rejected and the rest adjusted again, down to two areas. Where the
    dates are too few to tell noise from motion, the standard deviations are NaN and nothing is rejected.

    Parameters
    ----------
    displacement : ndarray of float, (point, date)
        m. Points of the areas with gaps are left out.
    days : ndarray of float64, (date,)
        Days since the first date.
    areas : tuple of ReferenceArea
        Found or given.
    model : TimeModel, optional
        Motion; default linear and annual where the dates allow.
    significance : float
        Of the rate test over all areas together.
    min_rate : float
        A smaller difference rate is no reason to reject, m/yr.
    max_rms_ratio : float
        Greatest scatter relative to the median of the areas.

    Returns
    -------
    Referenced

    Raises
    ------
    ArgumentError
        If no area has a point without gaps.
    """
    _check.shape((None, len(days)), displacement=displacement)
    _check.in_range(1e-9, 0.5, significance=significance)
    model = model or TimeModel()
    members = []
    for area in areas:
        points = area.points[np.isfinite(displacement[area.points]).all(axis=1)]
        if len(points):
            members.append((area, points))
    if not members:
        raise ArgumentError("`areas` must hold a point without gaps, got none")
    series = np.stack([np.asarray(displacement[p], np.float64).mean(axis=0) for _, p in members])
    rejected: dict[int, str] = {}
    while True:
        kept = np.array([k for k in range(len(members)) if k not in rejected])
        share = _area_weights(series[kept], days, model)
        check = _compare(series, kept, share, days, model)
        worst = _worst(check, kept, (significance, min_rate, max_rms_ratio)) if len(kept) > 2 else None
        if worst is None:
            break
        rejected[worst[0]] = worst[1]
    weights = np.zeros(len(displacement))
    for k, w in zip(kept, share, strict=True):
        weights[members[k][1]] += w / len(members[k][1])
    offset = share @ series[kept]
    table = tuple(
        AreaResidual(
            area=area,
            is_kept=k not in rejected,
            reason=rejected.get(k, ""),
            n_points=len(points),
            residual_rate=check.rate[k],
            residual_rate_std=check.rate_std[k],
            residual_rms=check.rms[k],
            seasonal_amplitude=check.amplitude[k],
            seasonal_p_value=check.p_value[k],
            rate_change_without=check.change[k],
        )
        for k, (area, points) in enumerate(members)
    )
    return Referenced(offset - offset[0], weights, table)


@dataclass(frozen=True)
class _Comparison:
    rate: list[float]
    rate_std: list[float]
    rms: list[float]
    amplitude: list[float]
    p_value: list[float]
    change: list[float]


def _area_weights(series: FloatArray, days: FloatArray, model: TimeModel) -> FloatArray:
    """Inverse of the variance of each area about the mean of all, drawn halfway to equal weights."""
    design = model.fullest(days)
    keep = np.eye(len(days)) - design @ np.linalg.pinv(design)
    residual = (series - series.mean(axis=0)) @ keep.T
    variance = np.mean(residual**2, axis=1)
    variance = variance + max(float(np.median(variance)), 1e-30)
    weight = 1.0 / variance
    result: FloatArray = weight / weight.sum()
    return result


def _compare(
    series: FloatArray, kept: npt.NDArray[np.int64], share: FloatArray, days: FloatArray, model: TimeModel
) -> _Comparison:
    n = len(series)
    blank = [float("nan")] * n
    weight = np.zeros(n)
    weight[kept] = share
    if len(kept) == 1 and n == 1:
        return _Comparison(blank, blank, blank, blank, blank, blank)
    others = np.array([_without(weight, k) for k in range(n)])
    difference = series - others @ series
    noise = _difference_noise(difference, days, model)
    design = model.fullest(days)
    inverse = np.linalg.inv(noise.covariance(0))
    cofactor = np.linalg.inv(design.T @ inverse @ design)
    parameters = difference @ inverse @ design @ cofactor
    residual = difference - parameters @ design.T
    rms = np.sqrt(np.mean(residual**2, axis=1))
    amplitude, p_value = np.full(n, np.nan), np.full(n, np.nan)
    if model.can_season(days):
        amplitude = np.hypot(parameters[:, -2], parameters[:, -1])
        block = np.linalg.inv(cofactor[-2:, -2:])
        explained = np.einsum("ki,ij,kj->k", parameters[:, -2:], block, parameters[:, -2:]) / 2
        dof = len(days) - design.shape[1]
        left = np.einsum("kt,ts,ks->k", residual, inverse, residual) / dof
        p_value = f_distribution.sf(explained / np.maximum(left, 1e-30), 2, dof)
    estimator = inverse @ design @ cofactor[:, RATE]
    mean_rate = float(weight @ series @ estimator)
    change = []
    for k in range(n):
        toggled = others[k] if weight[k] > 0 else _with(weight, k)
        change.append(mean_rate - float(toggled @ series @ estimator))
    std = np.sqrt(noise.variance_of(estimator, 0, np.arange(n)))
    return _Comparison(
        parameters[:, RATE].tolist(), std.tolist(), rms.tolist(), amplitude.tolist(), p_value.tolist(), change
    )


def _difference_noise(difference: FloatArray, days: FloatArray, model: TimeModel) -> NoiseModel:
    if len(days) < dates_needed(model, days):
        return unknown_noise(len(difference), days)
    classes = np.zeros(len(difference), np.int16)
    return estimate_noise(difference, days, classes=classes, model=model, date_factor=np.ones(len(days)))


def _without(weight: FloatArray, k: int) -> FloatArray:
    rest = weight.copy()
    rest[k] = 0.0
    total = rest.sum()
    if total <= 0:
        return weight
    result: FloatArray = rest / total
    return result


def _with(weight: FloatArray, k: int) -> FloatArray:
    more = weight.copy()
    more[k] = weight[weight > 0].mean()
    result: FloatArray = more / more.sum()
    return result


def _worst(
    check: _Comparison, kept: npt.NDArray[np.int64], limits: tuple[float, float, float]
) -> tuple[int, str] | None:
    significance, min_rate, max_rms_ratio = limits
    bound = float(norm.isf(significance / 2 / len(kept)))
    rate, std, rms = (np.array(column)[kept] for column in (check.rate, check.rate_std, check.rms))
    if np.isnan(std).all():
        return None
    z = np.where(np.abs(rate) >= min_rate, np.abs(rate) / std, 0.0)
    ratio = rms / max(float(np.median(rms)), 1e-30)
    excess = np.maximum(z / bound, ratio / max_rms_ratio)
    k = int(np.argmax(excess))
    if excess[k] <= 1:
        return None
    if z[k] / bound >= ratio[k] / max_rms_ratio:
        return int(kept[k]), f"moves by {rate[k] * 1000:+.1f} mm/yr against the others ({z[k]:.1f} sigma)"
    return int(kept[k]), f"scatters {ratio[k]:.1f} times as much as the median area"
