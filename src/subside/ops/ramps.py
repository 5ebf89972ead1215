"""A plane per date, fitted with weights that leave moving areas out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.ops.corrections import Rows

FloatArray = npt.NDArray[np.float64]

_BLOCK: Final = 32768
_MAD: Final = 1.4826
_BISQUARE: Final = 4.685
_N_REWEIGHT: Final = 40


@dataclass(frozen=True)
class RampTerm:
    """A plane per date.

    Attributes
    ----------
    easting, northing : ndarray of float64, (point,)
        Position relative to ``centre``, m.
    centre : tuple of float
        Easting and northing where the planes are zero, m.
    slopes : ndarray of float64, (date, 2)
        Phase per metre of easting and northing, unit of the series per m; 0 at the first date.
    weights : ndarray of float64, (point,)
        Weight of each point in every plane, sum 1; give them back to :func:`fit_ramps` to put another series
        (a model, a truth) through the same operator.
    """

    easting: FloatArray
    northing: FloatArray
    centre: tuple[float, float]
    slopes: FloatArray
    weights: FloatArray

    @property
    def kind(self) -> Literal["ramp"]:
        """The effect."""
        return "ramp"

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Planes at the points named, (point, date)."""
        position = np.column_stack([self.easting[rows], self.northing[rows]])
        return (position @ self.slopes.T).astype(np.float32)


def fit_ramps(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    easting: FloatArray,
    northing: FloatArray,
    mask: npt.NDArray[np.bool_] | None = None,
    weights: FloatArray | None = None,
    cell: float = 300.0,
) -> RampTerm:
    """Fit a plane to every date with one set of robust weights.

    The weights come from the rates: a plane is fitted to the rates of the points by iteratively reweighted
    least squares (absolute deviations first, then Tukey's bisquare), so that what moves differently from the
    scene, a bowl above all, has no say in the plane of any date. Every cell of the scene has the same weight,
    however many points it holds. With common weights the planes are one linear operator on the series, and the
    tilt in time that remains is the robust one. A motion that is itself a plane over the whole mask cannot be told
    from a ramp.

    Parameters
    ----------
    phase : ndarray of float, (point, date)
        Series; any unit. NaN is a gap: a point with gaps has no weight.
    days : ndarray of float64, (date,)
        Days since the first date.
    easting, northing : ndarray of float64, (point,)
        Position, m.
    mask : ndarray of bool, (point,), optional
        Points that may have weight (reference areas); None is all.
    weights : ndarray of float64, (point,), optional
        Weights of an earlier term, used as they are; ``mask`` is then ignored.
    cell : float
        Side of the cells of equal weight, m.

    Returns
    -------
    RampTerm

    Raises
    ------
    ArgumentError
        If fewer than three cells in general position have a point.
    """
    _check.shape((None, len(days)), phase=phase)
    n_points = len(phase)
    _check.shape((n_points,), easting=easting)
    _check.shape((n_points,), northing=northing)
    if weights is None:
        usable = np.isfinite(phase).all(axis=1) & (np.ones(n_points, bool) if mask is None else mask)
        weights = _ramp_weights(phase, days, np.column_stack([easting, northing]), usable, cell)
    total = float(weights.sum())
    if not total > 0:
        raise ArgumentError(f"`weights` must have a positive sum, got {total}")
    share = weights / total
    centre = (float(share @ easting), float(share @ northing))
    east, north = easting - centre[0], northing - centre[1]
    position = np.column_stack([east, north])
    inverse = np.linalg.pinv(position.T @ (share[:, None] * position))
    moment = np.zeros((2, len(days)))
    rows = np.flatnonzero(share > 0)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        moment += (share[part, None] * position[part]).T @ np.asarray(phase[part], np.float64)
    return RampTerm(east, north, centre, (inverse @ moment).T, share)


@dataclass(frozen=True)
class TiltRate:
    """Part of the planes that is linear in time.

    Attributes
    ----------
    rate : ndarray of float64, (2,)
        Slope per day along easting and northing, unit of the series per m and day.
    covariance : ndarray of float64, (2, 2)
        Of the same, if planes are independent from date to date. A scene much longer than wide, at an angle to the
        axes, ties the two together.
    """

    rate: FloatArray
    covariance: FloatArray

    @property
    def std(self) -> FloatArray:
        """Standard deviation of each slope."""
        result: FloatArray = np.sqrt(np.diag(self.covariance))
        return result

    def without(self, slopes: FloatArray, days: FloatArray) -> FloatArray:
        """Planes less this part, (date, 2); zero at the first date."""
        result: FloatArray = slopes - (days - days[0])[:, None] * self.rate
        return result


def tilt_rate(slopes: FloatArray, days: FloatArray) -> TiltRate:
    """Fit a line in time to the planes of the dates.

    Orbit errors and delays tilt each date anew, so that their planes have no trend but by chance. A trend beyond its
    standard deviation is motion: of the ground as a whole, or of a bowl that the robust weights did not leave out.

    Parameters
    ----------
    slopes : ndarray of float64, (date, 2)
        From :func:`fit_ramps`.
    days : ndarray of float64, (date,)
        Days since the first date.

    Returns
    -------
    TiltRate
    """
    design = np.column_stack([np.ones(len(days)), days - days.mean()])
    terms = np.linalg.lstsq(design, slopes, rcond=None)[0]
    residual = slopes - design @ terms
    covariance = residual.T @ residual / max(len(days) - 2, 1)
    return TiltRate(terms[1], covariance / float(((days - days.mean()) ** 2).sum()))


def tilt_std(covariance: FloatArray, position: tuple[FloatArray, FloatArray], *, weights: FloatArray) -> FloatArray:
    """Error of the rates of points from the error of a tilt rate that was left in the data.

    Rates relative to the weighted mean of the reference areas hold none of it at the weighted mean of their positions,
    wherever the nearest area lies: ``sqrt(l' C l)`` with the lever ``l`` from there.

    Parameters
    ----------
    covariance : ndarray of float64, (2, 2)
        ``C`` (:class:`TiltRate`); all zero where the planes were removed with their trend.
    position : tuple of ndarray of float64, (point,)
        Easting and northing, m.
    weights : ndarray of float64, (point,)
        Of the points in the reference, not negative, sum positive.

    Returns
    -------
    ndarray of float64, (point,)
        Standard deviation, unit of the series per day.
    """
    lever = np.stack([axis - float(weights @ axis) / float(weights.sum()) for axis in position])
    return np.asarray(np.sqrt(np.einsum("ip,ij,jp->p", lever, covariance, lever)), np.float64)


def _ramp_weights(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    position: FloatArray,
    usable: npt.NDArray[np.bool_],
    cell: float,
) -> FloatArray:
    rows = np.flatnonzero(usable)
    code = np.floor((position[rows] - position.min(axis=0)) / cell).astype(np.int64)
    _, member, count = np.unique(code, axis=0, return_inverse=True, return_counts=True)
    member = member.reshape(-1)
    if len(count) < 3:
        raise ArgumentError(f"`phase` must have points without gaps in at least 3 cells, got {len(count)}")
    design = np.column_stack([np.ones(len(days)), days - days.mean()])
    estimator = np.linalg.pinv(design)[1]
    rate = np.concatenate(
        [np.asarray(phase[rows[a : a + _BLOCK]], np.float64) @ estimator for a in range(0, len(rows), _BLOCK)]
    )
    centre = np.stack([np.bincount(member, position[rows, k]) / count for k in (0, 1)], axis=1)
    centre -= centre.mean(axis=0)
    order = np.argsort(rate, kind="stable")
    order = order[np.argsort(member[order], kind="stable")]
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    median = 0.5 * (rate[order[first + (count - 1) // 2]] + rate[order[first + count // 2]])
    plane = np.column_stack([np.ones(len(count)), centre / max(float(np.abs(centre).max()), 1.0)])
    if np.linalg.matrix_rank(plane) < 3:
        raise ArgumentError("`easting, northing` must not lie on one line")
    trust = _robust_plane(plane, median, np.sqrt(np.minimum(count, 20.0)))
    weights = np.zeros(len(phase))
    weights[rows] = (trust / count)[member]
    return weights


def _robust_plane(design: FloatArray, values: FloatArray, prior: FloatArray) -> FloatArray:
    """Weights of a bisquare fit started from least absolute deviations."""
    weight = prior.copy()
    residual = values
    for step in range(_N_REWEIGHT):
        root = np.sqrt(weight)
        coefficient = np.linalg.lstsq(root[:, None] * design, root * values, rcond=None)[0]
        residual = values - design @ coefficient
        scale = max(_MAD * float(np.median(np.abs(residual - np.median(residual)))), 1e-12)
        if step < _N_REWEIGHT // 2:
            weight = prior / np.maximum(np.abs(residual) / scale, 0.05)
        else:
            weight = prior * np.clip(1 - (residual / (_BISQUARE * scale)) ** 2, 0, None) ** 2
    return weight
