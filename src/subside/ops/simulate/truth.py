"""What is true in a simulated scene. For scoring and tests; an estimator never sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.model.stack import Stack
from subside.ops.simulate.spec import SceneSpec, Stratum

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CoherenceTruth:
    """Temporal coherence of the clutter.

    ``gamma(i, j) = s (gamma_inf sqrt(v_i v_j) + (gamma_0 - gamma_inf) exp(-|c_j - c_i| / tau))`` for i != j,
    with ``s = snr / (1 + snr)``, ``c`` the decorrelation clock and ``v`` the visibility of the land cover.

    Attributes
    ----------
    gamma_0, gamma_inf : ndarray of float32, (azimuth, range)
        Coherence at zero lag and at long lags, 0 to 1.
    tau_days : ndarray of float32, (azimuth, range)
        Decay time, days; infinite for noise.
    snr : ndarray of float32, (azimuth, range)
        Clutter power over thermal noise.
    class_index : ndarray of uint8, (azimuth, range)
        Land class of the pixel: position in the spec's classes.
    clock : ndarray of float64, (class, date)
        Decorrelation clock of each land class, days.
    visibility : ndarray of float64, (class, date)
        Visible share of the permanent part, 0 to 1.
    """

    gamma_0: Float32
    gamma_inf: Float32
    tau_days: Float32
    snr: Float32
    class_index: npt.NDArray[np.uint8]
    clock: npt.NDArray[np.float64]
    visibility: npt.NDArray[np.float64]

    def of_pair(self, earlier: int, later: int) -> Float32:
        """Expected coherence of the clutter in the pair of two date indices, (azimuth, range) float32."""
        if earlier == later:
            return np.ones_like(self.gamma_0)
        lag = np.abs(self.clock[:, later] - self.clock[:, earlier]).astype(np.float32)[self.class_index]
        seen = np.sqrt(self.visibility[:, earlier] * self.visibility[:, later]).astype(np.float32)
        fading = (self.gamma_0 - self.gamma_inf) * np.exp(-lag / self.tau_days)
        result: Float32 = (self.gamma_inf * seen[self.class_index] + fading) * (self.snr / (1 + self.snr))
        return result


@dataclass(frozen=True)
class Truth:
    """Everything known about a simulated scene, held in memory (four float32 values a pixel and date).

    Phases are in the convention ``4 pi / wavelength * R`` of each date, so that a pair's phase is
    ``phase[j] - phase[i]``.

    Attributes
    ----------
    stratum : ndarray of uint8, (azimuth, range)
        :class:`Stratum` of the pixel. Only the pixel of a point's peak is ``POINT``.
    land_cover : ndarray of uint8, (azimuth, range)
        :class:`LandCover`.
    segment : ndarray of int32, (azimuth, range)
        Land-cover segment; clutter parameters are constant within one.
    point_to_clutter : ndarray of float32, (azimuth, range)
        Power of the points' response over the clutter's, mean of all dates.
    velocity : ndarray of float32, (azimuth, range)
        Steady line-of-sight rate, m/yr, positive toward the satellite.
    displacement : ndarray of float32, (date, azimuth, range)
        Line-of-sight displacement with season and steps, zero at the first date, m.
    dem_error : ndarray of float32, (azimuth, range)
        Height of the scatterer above the reference height, m.
    phase : ndarray of float32, (date, azimuth, range)
        Displacement, height error, atmosphere and ramp, rad.
    atmosphere_phase, ramp_phase : ndarray of float32, (date, azimuth, range)
        Parts of ``phase``, rad.
    coherence : CoherenceTruth
        Temporal coherence of the clutter.
    days : ndarray of float64, (date,)
        Days since the first date.
    wavelength : float
        m.
    spacing : tuple of float
        Pixel spacing on the ground along azimuth and range, m.
    """

    stratum: npt.NDArray[np.uint8]
    land_cover: npt.NDArray[np.uint8]
    segment: npt.NDArray[np.int32]
    point_to_clutter: Float32
    velocity: Float32
    displacement: Float32
    dem_error: Float32
    phase: Float32
    atmosphere_phase: Float32
    ramp_phase: Float32
    coherence: CoherenceTruth
    days: npt.NDArray[np.float64]
    wavelength: float
    spacing: tuple[float, float]

    def __post_init__(self) -> None:
        """Check that the parts have one shape."""
        for name in ("displacement", "phase", "atmosphere_phase", "ramp_phase"):
            got = getattr(self, name).shape
            if got != (len(self.days), *self.stratum.shape):
                raise ArgumentError(f"`{name}` must be (date, azimuth, range), got {got}")

    @property
    def ps_influenced(self) -> npt.NDArray[np.bool_]:
        """Pixels that are not a point's peak but take a fifth or more of their power from points."""
        result: npt.NDArray[np.bool_] = (self.stratum != Stratum.POINT) & (self.point_to_clutter >= 0.25)
        return result


@dataclass(frozen=True)
class SimulatedScene:
    """A simulated stack and its truth.

    Attributes
    ----------
    spec : SceneSpec
        What was asked for.
    seed : int
        Of the random numbers.
    stack : Stack
        What an estimator may see.
    truth : Truth
        What it may not.
    """

    spec: SceneSpec
    seed: int
    stack: Stack
    truth: Truth
