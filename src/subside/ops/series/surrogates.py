"""Surrogates of a driver: the same mean year and spectrum, departures at random."""

from __future__ import annotations

import numpy as np

from subside.ops.series.driver import Driver
from subside.ops.series.noise import FloatArray


def phase_random(driver: Driver, n: int, rng: np.random.Generator) -> FloatArray:
    """Departures from the mean year with random phases.

    The departures are divided by their spread by month of the year, their Fourier phases are drawn at random (Theiler
    et al. 1992, Physica D 58), and they are multiplied by the spread again, so that surrogates keep the mean year, the
    variance of each month of the year and the memory from month to month, and lose only the timing. They are turned
    on twice the length of the record and cut, so that the end does not touch the beginning.

    Parameters
    ----------
    driver : Driver
        Months without data stay 0.
    n : int
        Number of surrogates.
    rng : Generator
        Source of the phases.

    Returns
    -------
    ndarray of float64, (month, surrogate)
    """
    spread = driver.spread[driver.months.astype(np.int64) % 12]
    known = driver.is_known
    z = np.where(known & (spread > 0), driver.anomaly / np.where(spread > 0, spread, 1.0), 0.0)
    inside = slice(int(np.argmax(known)), len(known) - int(np.argmax(known[::-1])))
    z = z[inside]
    padded = np.concatenate([z, np.zeros(len(z))])
    power = np.abs(np.fft.rfft(padded)) ** 2
    # A smoothed spectrum: the periodogram of one short record is not that of its process.
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
    smooth = np.convolve(np.pad(power, 2, mode="reflect"), kernel, mode="valid")
    phase = rng.uniform(0.0, 2 * np.pi, (n, len(smooth)))
    drawn = np.fft.irfft(np.sqrt(smooth) * np.exp(1j * phase), len(padded), axis=1)[:, : len(z)]
    scale = np.sqrt(np.mean(z[known[inside]] ** 2)) / np.maximum(np.sqrt(np.mean(drawn**2, axis=1)), 1e-300)
    result = np.zeros((len(known), n))
    result[inside] = (drawn * scale[:, None]).T * spread[inside, None]
    result[~known] = 0.0
    return result
