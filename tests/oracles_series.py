"""Simulated date series with known motion and noise, for the rooms after unwrapping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WAVELENGTH = 0.05546576
RAD_TO_M = -WAVELENGTH / (4 * np.pi)


@dataclass(frozen=True)
class Scene:
    days: np.ndarray
    pairs: np.ndarray
    bperp: np.ndarray
    easting: np.ndarray
    northing: np.ndarray
    is_filtered: np.ndarray
    coherence: np.ndarray
    rate: np.ndarray  # m/yr
    season: np.ndarray  # m
    height: np.ndarray  # m
    truth: np.ndarray  # displacement, m, (point, date)
    phase: np.ndarray  # everything, rad, float32, (point, date)
    unwrapped: np.ndarray  # rad, float32, (point, pair)


def small_network(n_dates: int, reach: int = 3) -> np.ndarray:
    return np.array([(i, j) for i in range(n_dates) for j in range(i + 1, min(i + reach + 1, n_dates))], np.int32)


def turbulence(rng: np.random.Generator, n: int, n_dates: int, power: float = 8 / 3) -> np.ndarray:
    """Unit-variance fields with spectrum k^-power on an n x n periodic grid."""
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    k[0, 0] = np.inf
    noise = rng.normal(size=(n_dates, n, n // 2 + 1)) + 1j * rng.normal(size=(n_dates, n, n // 2 + 1))
    field = np.fft.irfft2(noise * k ** (-power / 2), s=(n, n))
    return field / field.std(axis=(1, 2), keepdims=True)


def make_scene(
    seed: int,
    n_points: int = 2500,
    n_dates: int = 30,
    side: float = 5600.0,
    atmosphere: tuple[float, float] = (0.35, 1.05),
    ramp: float = np.pi / 2,
    height_std: float = 4.5,
    bowl: float = -0.06,
    season: float = 0.0,
    pair_noise: float = 0.35,
) -> Scene:
    rng = np.random.default_rng(seed)
    days = 24.0 * np.arange(n_dates)
    pairs = small_network(n_dates)
    bperp = rng.normal(0, 70, n_dates).clip(-150, 150)
    easting, northing = rng.uniform(0, side, (2, n_points))
    order = np.lexsort((easting, -np.floor(northing / 14)))
    easting, northing = easting[order] + 5e5, northing[order] + 4e6
    x, y = easting - 5e5, northing - 4e6
    is_filtered = rng.random(n_points) < 0.7
    rate = bowl * np.exp(-(((x - 0.65 * side) ** 2 + (y - 0.6 * side) ** 2) / (2 * (0.1 * side) ** 2)))
    rate += bowl / 3 * np.exp(-(((x - 0.2 * side) ** 2 + (y - 0.25 * side) ** 2) / (2 * (0.08 * side) ** 2)))
    amplitude = np.where(x > 0.7 * side, season, 0.0)
    years = days / 365.25
    truth = rate[:, None] * years + amplitude[:, None] * np.sin(2 * np.pi * years)
    height = height_std * (0.78 * _at(turbulence(rng, 64, 1, 2.0), x, y, side)[:, 0] + 0.62 * rng.normal(size=n_points))
    lever = 4 * np.pi / WAVELENGTH * bperp / (850e3 * np.sin(np.radians(39)))
    rms = rng.uniform(*atmosphere, n_dates)
    phase = truth / RAD_TO_M + height[:, None] * lever
    phase += _at(turbulence(rng, 64, n_dates), x, y, side) * rms
    phase += (x / side)[:, None] * rng.normal(0, ramp, n_dates) + (y / side)[:, None] * rng.normal(0, ramp, n_dates)
    thermal = np.where(is_filtered, 0.1, rng.uniform(0.15, 0.5, n_points))
    phase += thermal[:, None] * rng.normal(size=phase.shape)
    level = np.where(is_filtered, pair_noise * rng.uniform(0.4, 1.6, n_points), 0.0)
    unwrapped = phase[:, pairs[:, 1]] - phase[:, pairs[:, 0]]
    unwrapped += level[:, None] * rng.normal(size=unwrapped.shape)
    coherence = np.where(is_filtered, np.exp(-(level**2) / 2), np.exp(-(thermal**2)))
    coherence = np.clip(coherence + 0.03 * rng.normal(size=n_points), 0, 1)
    phase -= phase[:, :1]
    truth -= truth[:, :1]
    return Scene(
        days,
        pairs,
        bperp,
        easting,
        northing,
        is_filtered,
        coherence,
        rate,
        amplitude,
        height,
        truth,
        phase.astype(np.float32),
        unwrapped.astype(np.float32),
    )


def _at(fields: np.ndarray, x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
    """Bilinear values at points; the grid holds twice the scene, so that it is not periodic over it."""
    n = fields.shape[1]
    u, v = x / side * n / 2, y / side * n / 2
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = u - i, v - j
    result = np.zeros((len(x), len(fields)))
    for di, wi in ((0, 1 - a), (1, a)):
        for dj, wj in ((0, 1 - b), (1, b)):
            result += (wi * wj)[:, None] * fields[:, (i + di) % n, (j + dj) % n].T
    return result
