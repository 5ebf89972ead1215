"""Covariance of the noise of displacement series: a white part by date, and a part that accumulates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NoiseModel:
    """Covariance of the noise of each point: ``alpha * white * diag(date_factor) + kappa * chain``.

    Attributes
    ----------
    days : ndarray of float64, (date,)
        Days since the first date.
    class_index : ndarray of int16, (point,)
        Class of each point.
    white : ndarray of float64, (class,)
        Mean variance of the white part, squared unit of the series.
    chain : ndarray of float64, (class, date, date)
        Covariance of the part that accumulates in time, squared unit of the series.
    date_factor : ndarray of float64, (date,)
        Relative white variance of each date, mean 1.
    scale : ndarray of float32, (point, 2)
        ``alpha`` and ``kappa`` of each point, about 1; NaN where the series is too short to tell.
    n_points : ndarray of int64, (class,)
        Points in the class.
    """

    days: FloatArray
    class_index: npt.NDArray[np.int16]
    white: FloatArray
    chain: FloatArray
    date_factor: FloatArray
    scale: npt.NDArray[np.float32]
    n_points: npt.NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.white)

    def covariance(self, index: int) -> FloatArray:
        """Covariance of a class at scale 1, (date, date), squared unit of the series."""
        result: FloatArray = self.chain[index].copy()
        result[np.diag_indices(len(result))] += self.white[index] * self.date_factor
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
            ``sqrt(C_tt + C_00 - 2 C_0t)``, unit of the series; 0 at the first date.
        """
        white = self.white[:, None] * (self.date_factor + self.date_factor[0])
        chain = np.einsum("ctt->ct", self.chain) + self.chain[:, :1, 0] - 2 * self.chain[:, 0]
        index, scale = self.class_index[points], self.scale[points].astype(np.float64)
        variance = scale[:, :1] * white[index] + scale[:, 1:] * chain[index]
        variance[:, 0] = 0.0
        return np.asarray(np.sqrt(variance), np.float32)

    def parts(self, index: int) -> tuple[FloatArray, FloatArray]:
        """White and accumulated covariance of a class at scale 1, each (date, date)."""
        return np.diag(self.white[index] * self.date_factor), self.chain[index]

    def variance_of(self, functional: FloatArray, index: int, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Variance of a linear combination of the dates.

        Parameters
        ----------
        functional : ndarray of float64, (date,)
            Coefficients.
        index : int
            Class of the points.
        rows : ndarray of int64, (row,)
            Points, all of the class.

        Returns
        -------
        ndarray of float64, (row,)
            ``g' (alpha W + kappa K) g``, squared unit of the series.
        """
        by_part = np.array([functional @ part @ functional for part in self.parts(index)])
        result: FloatArray = self.scale[rows].astype(np.float64) @ by_part
        return result


def unknown_noise(n_points: int, days: FloatArray) -> NoiseModel:
    """Noise of series with too few dates to tell it from motion.

    Parameters
    ----------
    n_points : int
        Number of points.
    days : ndarray of float64, (date,)
        Days since the first date.

    Returns
    -------
    NoiseModel
        One class whose dates weigh alike, so that generalised least squares is ordinary; the scales, and with them
        every standard deviation, are NaN.
    """
    n_dates = len(days)
    return NoiseModel(
        days=np.asarray(days, np.float64),
        class_index=np.zeros(n_points, np.int16),
        white=np.ones(1),
        chain=np.zeros((1, n_dates, n_dates)),
        date_factor=np.ones(n_dates),
        scale=np.full((n_points, 2), np.nan, np.float32),
        n_points=np.array([n_points], np.int64),
    )
