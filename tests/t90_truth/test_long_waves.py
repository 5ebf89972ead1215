"""Errors of rates from air and planes that are longer than a scene: one scene shows one draw of them, many show σ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from subside.conventions import DAYS_PER_YEAR, MM_PER_M, SENTINEL1_WAVELENGTH
from subside.ops.ramps import fit_ramps, tilt_rate, tilt_std
from subside.ops.rates import fit_rates
from subside.ops.simulate.heze import FRAME
from subside.ops.simulate.heze_track import TrackModel
from subside.ops.simulate.heze_variants import variant
from subside.ops.time_model import TimeModel
from subside.ops.uncertainty import LocalPairs, estimate_noise, noise_classes

pytestmark = pytest.mark.slow

SEEDS = range(101, 141)
N_POINTS, N_AREAS = 800, 9
TO_MM = SENTINEL1_WAVELENGTH / (4 * np.pi) * MM_PER_M


@dataclass(frozen=True)
class Track:
    """Vertical rates of ground at rest and their standard deviations, mm/yr, at the same places for every track."""

    error: np.ndarray
    std: np.ndarray


def _track(model: TrackModel, places: np.ndarray, areas: np.ndarray) -> Track:
    """Delays of all dates through planes, reference areas, noise and rates, as the stages do."""
    x, y = np.concatenate([places, areas], axis=1)
    easting, northing = FRAME.to_map(x, y)
    view = model.places(easting, northing)
    phase = np.stack([model.delay(k, view) for k in range(len(model.spec.dates))], axis=1)
    phase -= phase[:, :1]
    days = (model.spec.dates - model.spec.dates[0]).astype(np.float64)
    ramp = fit_ramps(phase, days, easting=easting, northing=northing)
    tilt = tilt_rate(ramp.slopes, days)
    phase = phase - replace(ramp, slopes=tilt.without(ramp.slopes, days)).phase(slice(None))
    weights = np.zeros(len(x))
    weights[-areas.shape[1] :] = 1.0
    series = TO_MM * (phase - weights @ phase / weights.sum())
    distance = np.hypot(x[:, None] - areas[0], y[:, None] - areas[1]).min(axis=1)
    no_chain = LocalPairs(np.empty((0, 2), np.int64), np.full(len(x), -1, np.int16))
    noise = estimate_noise(
        series,
        days,
        classes=noise_classes(np.zeros(len(x), bool), np.ones(len(x)), distance=distance),
        model=TimeModel(),
        local=no_chain,
    )
    rates = fit_rates(series, days, noise=noise, model=TimeModel())
    tilted = TO_MM * DAYS_PER_YEAR * tilt_std(tilt.covariance, (easting, northing), weights=weights)
    up = view.los[2]
    return Track(*((v / up)[: places.shape[1]] for v in (rates.velocity, np.hypot(rates.velocity_std, tilted))))


def _draws(name: str) -> Iterator[tuple[Track, Track]]:
    for seed in SEEDS:
        _, models = variant(name).models(seed)
        rng = np.random.default_rng(seed)
        extent = models[0].extent
        places, *areas = (
            np.stack([rng.uniform(*extent.x, n), rng.uniform(*extent.y, n)]) for n in (N_POINTS, N_AREAS, N_AREAS)
        )
        first, second = (_track(replace(m, grid=250.0), places, own) for m, own in zip(models, areas, strict=True))
        yield first, second


@pytest.mark.parametrize("name", ["corridor", "line"])
def test_errors_from_the_air_are_as_large_as_stated(name: str) -> None:
    draws = list(_draws(name))
    error = np.concatenate([t.error for pair in draws for t in pair])
    std = np.concatenate([t.std for pair in draws for t in pair])
    assert 0.8 <= np.sqrt(np.mean(error**2) / np.mean(std**2)) <= 1.25
    assert 0.90 <= np.mean(np.abs(error) <= 1.96 * std) <= 0.98
    difference = np.concatenate([b.error - a.error for a, b in draws])
    predicted = np.concatenate([np.hypot(a.std, b.std) for a, b in draws])
    assert 0.8 <= np.sqrt(np.mean(difference**2) / np.mean(predicted**2)) <= 1.25
