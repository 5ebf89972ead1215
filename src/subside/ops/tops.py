"""Signal model of a TOPS burst: how its Doppler centroid runs over lines and samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TopsModel:
    """One burst as a signal: ``f(t, tau) = f_dc(tau) + k_t(tau) (t - t_ref(tau))``, ``t`` from mid-burst.

    ``k_t = k_a k_s / (k_a - k_s)``; ``t_ref = t_c(tau) - t_c(tau_mid)``, ``t_c = -f_dc / k_a`` (ESA technical note
    COPE-GSEG-EOPG-TN-14-0025, with the middle of the swath as reference).

    Attributes
    ----------
    line_interval : float
        s.
    mid_line : float
        Line of ``t = 0``: half the lines of a burst.
    slant_range_time, range_sampling_rate : float
        Two-way fast time of sample 0, s, and Hz.
    mid_sample : float
        Sample of ``tau_mid``.
    steering_doppler : float
        ``k_s = 2 v k_psi / wavelength``, Hz/s.
    doppler, fm_rate : RangePolynomial
        ``f_dc``, Hz, and ``k_a``, Hz/s.
    wavelength : float
        m.
    valid_lines, valid_samples : tuple of int
        First and last valid line and sample, inclusive.
    range_bandwidth, azimuth_bandwidth : float
        Processed bandwidth, Hz.
    window_coefficient : float
        Of the Hamming window of both spectra.
    """

    line_interval: float
    mid_line: float
    slant_range_time: float
    range_sampling_rate: float
    mid_sample: float
    steering_doppler: float
    doppler: RangePolynomial
    fm_rate: RangePolynomial
    wavelength: float
    valid_lines: tuple[int, int]
    valid_samples: tuple[int, int]
    range_bandwidth: float
    azimuth_bandwidth: float
    window_coefficient: float

    def _fast_time(self, sample: npt.ArrayLike) -> FloatArray:
        return self.slant_range_time + np.asarray(sample, np.float64) / self.range_sampling_rate

    def _slow_time(self, line: npt.ArrayLike) -> FloatArray:
        return (np.asarray(line, np.float64) - self.mid_line) * self.line_interval

    def doppler_rate(self, sample: npt.ArrayLike) -> FloatArray:
        """``k_t`` at samples, Hz/s, positive."""
        return np.asarray(self.steering_doppler / (1.0 - self.steering_doppler / self.fm_rate(self._fast_time(sample))))

    def doppler_centroid(self, sample: npt.ArrayLike) -> FloatArray:
        """``f_dc`` at samples, Hz."""
        return self.doppler(self._fast_time(sample))

    def reference_time(self, sample: npt.ArrayLike) -> FloatArray:
        """``t_ref`` at samples, s."""
        fast_time, middle = self._fast_time(sample), self._fast_time(self.mid_sample)
        centre = -self.doppler(middle) / self.fm_rate(middle)
        return np.asarray(-self.doppler(fast_time) / self.fm_rate(fast_time) - centre)

    def instantaneous_doppler(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> FloatArray:
        """Doppler centroid at real-valued lines and samples (broadcast), Hz."""
        time = self._slow_time(line) - self.reference_time(sample)
        return np.asarray(self.doppler_centroid(sample) + self.doppler_rate(sample) * time)

    def phase_coefficients(self, sample: npt.ArrayLike) -> FloatArray:
        """Deramping phase as ``c0 + c1 t + c2 t^2`` in turns, ``t`` in s from mid-burst.

        Returns
        -------
        ndarray of float64, (3, sample)
            ``-k_t t_ref^2 / 2``, ``k_t t_ref - f_dc``, ``-k_t / 2``.
        """
        rate, reference = self.doppler_rate(sample), self.reference_time(sample)
        linear = rate * reference - self.doppler_centroid(sample)
        return np.stack([-0.5 * rate * reference**2, linear, -0.5 * rate])

    def deramp_phase(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> FloatArray:
        """Deramping phase at real-valued lines and samples (broadcast), rad, not wrapped.

        ``-pi k_t (t - t_ref)^2 - 2 pi f_dc t``: added, it brings the burst to baseband.
        """
        time = self._slow_time(line)
        c0, c1, c2 = self.phase_coefficients(sample)
        return np.asarray(2.0 * np.pi * (c0 + time * (c1 + time * c2)))

    @property
    def n_looks_per_pixel(self) -> float:
        """Independent looks of one pixel of speckle, below 1 for oversampled data."""
        azimuth = _looks(self.azimuth_bandwidth * self.line_interval, self.window_coefficient)
        return azimuth * _looks(self.range_bandwidth / self.range_sampling_rate, self.window_coefficient)


def _looks(bandwidth: float, window_coefficient: float) -> float:
    """``B (mean P)^2 / mean(P^2)`` of a Hamming power spectrum ``P`` over its band, of 1 for white noise."""
    angle = np.linspace(-np.pi, np.pi, 513)[:-1]
    power = (window_coefficient + (1.0 - window_coefficient) * np.cos(angle)) ** 2
    return float(bandwidth * power.mean() ** 2 / np.mean(power**2))


def speed_at(orbit: Orbit, time: float) -> float:
    """Length of the Earth-fixed velocity at ``time`` (s since the epoch), m/s; linear between state vectors."""
    return float(np.interp(time, orbit.time, np.linalg.norm(orbit.velocity, axis=1)))


def tops_model(acquisition: Acquisition, swath: str, burst: Burst) -> TopsModel:
    """Make the signal model of one burst.

    Parameters
    ----------
    acquisition : Acquisition
        Gives the orbit (speed at mid-burst) and the wavelength.
    swath : str
        Name of a swath of the acquisition.
    burst : Burst
        A burst of that swath.

    Returns
    -------
    TopsModel
    """
    of = acquisition.swaths[swath]
    middle = burst.time + 0.5 * of.lines_per_burst * of.azimuth_time_interval
    steering = 2.0 * speed_at(acquisition.orbit, middle) / acquisition.wavelength * of.steering_rate
    return TopsModel(
        line_interval=of.azimuth_time_interval,
        mid_line=0.5 * of.lines_per_burst,
        slant_range_time=of.slant_range_time,
        range_sampling_rate=of.range_sampling_rate,
        mid_sample=0.5 * of.samples_per_burst,
        steering_doppler=steering,
        doppler=burst.doppler,
        fm_rate=burst.fm_rate,
        wavelength=acquisition.wavelength,
        valid_lines=(burst.first_line, burst.last_line),
        valid_samples=(burst.first_sample, burst.last_sample),
        range_bandwidth=of.range_bandwidth,
        azimuth_bandwidth=of.azimuth_bandwidth,
        window_coefficient=of.window_coefficient,
    )
