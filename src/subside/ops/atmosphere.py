"""The part of the series that is smooth in space and rough in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from subside import _check
from subside.errors import ArgumentError
from subside.ops.corrections import Rows
from subside.ops.time_model import TimeModel

FloatArray = npt.NDArray[np.float64]

_BLOCK: Final = 32768


@dataclass(frozen=True)
class AtmosphereTerm:
    """Spatially smooth, temporally rough part of the series.

    Attributes
    ----------
    values : ndarray of float32, (point, date)
        rad; 0 at the first date and where the series has a gap.
    """

    values: npt.NDArray[np.float32]

    @property
    def kind(self) -> Literal["atmosphere"]:
        """The effect."""
        return "atmosphere"

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Phase of the atmosphere at the points named, rad, (point, date)."""
        return self.values[rows]


def estimate_atmosphere(
    phase: npt.NDArray[np.floating],
    days: FloatArray,
    *,
    easting: FloatArray,
    northing: FloatArray,
    model: TimeModel | None = None,
    wavelength: float = 1000.0,
    window_days: float = 90.0,
) -> AtmosphereTerm:
    """Estimate the atmosphere of each date: smooth in space, rough in time, blind to the time model.

    The time model is fitted and taken away first, then a Gaussian mean over neighbouring dates (the date itself
    left out of its own mean), then the rest is smoothed in space over cells. Last the time model is fitted
    to the result and taken away, so that the term holds no part of a linear or annual motion. It smooths series
    for the eye; rates do not change, so their noise must be estimated *before* this term is removed.

    Parameters
    ----------
    phase : ndarray of float, (point, date)
        Deramped series, rad; points with a gap get zero and have no say.
    days : ndarray of float64, (date,)
        Days since the first date.
    easting, northing : ndarray of float64, (point,)
        Position, m.
    model : TimeModel, optional
        Motion to protect; default linear and annual where the dates allow.
    wavelength : float
        Standard deviation of the spatial Gaussian, m.
    window_days : float
        Standard deviation of the temporal Gaussian, days.

    Returns
    -------
    AtmosphereTerm

    Raises
    ------
    ArgumentError
        If shapes disagree or a length is not positive.
    """
    _check.shape((None, len(days)), phase=phase)
    if not (wavelength > 0 and window_days > 0):
        raise ArgumentError(f"`wavelength, window_days` must be positive, got {wavelength}, {window_days}")
    model = model or TimeModel()
    design = model.fullest(days)
    keep = np.eye(len(days)) - design @ np.linalg.pinv(design)
    near = np.exp(-0.5 * ((days[:, None] - days[None]) / window_days) ** 2)
    np.fill_diagonal(near, 0.0)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-300)
    rough = (np.eye(len(days)) - near) @ keep
    whole = np.isfinite(phase).all(axis=1)
    size = wavelength / 3
    position = np.column_stack([easting, northing])
    code = np.floor((position - position.min(axis=0)) / size).astype(np.int64)
    shape = tuple(code.max(axis=0) + 1)
    flat = code[:, 0] * shape[1] + code[:, 1]
    n_cells = int(shape[0] * shape[1])
    members = np.flatnonzero(whole)
    count = np.bincount(flat[members], minlength=n_cells).astype(np.float64).reshape(shape)
    presence = gaussian_filter(count, 3.0, mode="constant")
    smooth = np.zeros((len(days), n_cells), np.float32)
    for t in range(len(days)):
        residual = _apply_rows(phase, members, rough[t])
        total = np.bincount(flat[members], residual, minlength=n_cells).reshape(shape)
        smoothed = gaussian_filter(total, 3.0, mode="constant") / np.maximum(presence, 1e-12)
        smooth[t] = smoothed.reshape(-1)
    smooth = (keep @ smooth).astype(np.float32)
    smooth -= smooth[:1]
    values = np.zeros(phase.shape, np.float32)
    for start in range(0, len(members), _BLOCK):
        rows = members[start : start + _BLOCK]
        values[rows] = smooth[:, flat[rows]].T
    return AtmosphereTerm(values)


def _apply_rows(phase: npt.NDArray[np.floating], members: npt.NDArray[np.int64], weights: FloatArray) -> FloatArray:
    result = np.empty(len(members))
    for start in range(0, len(members), _BLOCK):
        rows = members[start : start + _BLOCK]
        result[start : start + len(rows)] = phase[rows] @ weights
    return result
