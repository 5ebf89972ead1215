"""One plausible input for each figure, with known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from coregistration_inputs import make_coregistration_inputs

from subside.figures.maps import PointPositions
from subside.figures.motion import PointValueFigureInput, SeriesFigureInput, VelocityFigureInput
from subside.figures.network import CoherenceFigureInput, NetworkFigureInput
from subside.figures.points import CandidatesFigureInput, HomogeneityFigureInput, SelectionFigureInput
from subside.figures.recovery import RecoveryFigureInput
from subside.figures.reference import RampsFigureInput, ReferenceArea, ReferenceFigureInput
from subside.figures.stack import AmplitudeFigureInput, PairsFigureInput
from subside.figures.unwrapping import UnwrappingFigureInput
from subside.model.network import Network, PairStatus


def make_dates(n: int) -> tuple[str, ...]:
    start = np.datetime64("2019-01-05")
    return tuple(str(start + np.timedelta64(12 * k, "D")).replace("-", "") for k in range(n))


def make_positions(n: int, *, is_geographic: bool = True, seed: int = 1) -> PointPositions:
    rng = np.random.default_rng(seed)
    azimuth = rng.integers(0, 900, n)
    range_ = rng.integers(0, 4000, n)
    lon = 13.10 + range_ * 2.33 / 87_000 + azimuth * 2e-5
    lat = 38.60 + azimuth * 14.0 / 111_000 - range_ * 2e-6
    return PointPositions(
        azimuth,
        range_,
        lon if is_geographic else None,
        lat if is_geographic else None,
        azimuth_spacing=14.0,
        range_spacing=2.33,
    )


def bowl(positions: PointPositions) -> np.ndarray:
    """Sinking bowl, m/yr."""
    a, r = positions.azimuth_index * 14.0, positions.range_index * 2.33
    return -0.025 * np.exp(-((a - 5000) ** 2 + (r - 5000) ** 2) / (2 * 1500.0**2))


def make_network(n_dates: int = 30) -> NetworkFigureInput:
    rng = np.random.default_rng(4)
    dates = make_dates(n_dates)
    bperp = rng.normal(0, 60, n_dates)
    bperp[n_dates // 2] = 0.0
    days = 12.0 * np.arange(n_dates)
    earlier, later = np.array([(i, j) for i in range(n_dates) for j in range(i + 1, min(i + 5, n_dates))], np.int32).T
    status = [PairStatus.KEPT] * len(earlier)
    for k in range(3, len(earlier), 6):
        status[k] = PairStatus.DROPPED
    status[10] = status[13] = PairStatus.ADDED
    is_bridge = np.zeros(len(earlier), bool)
    is_bridge[17] = True
    coherence = 0.15 + 0.5 * np.exp(-(days[later] - days[earlier]) / 30) + rng.normal(0, 0.02, len(earlier))
    coherence[5] = np.nan
    network = Network(
        days, earlier, later, bperp[later] - bperp[earlier], coherence, tuple(status), ("",) * len(earlier), is_bridge
    )
    return NetworkFigureInput(network, dates, bperp, dates[n_dates // 2])


def make_inputs(n: int = 4000, *, is_geographic: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    positions = make_positions(n, is_geographic=is_geographic)
    truth = bowl(positions)
    velocity = truth + rng.normal(0, 0.001, n)
    velocity[: n // 100] = np.nan
    flags = np.where(rng.random(n) < 0.1, 2, 0).astype(np.int32)
    gamma = np.clip(np.where(rng.random(n) < 0.6, rng.normal(0.7, 0.12, n), rng.rayleigh(0.09, n)), 0, 1)
    edges = np.linspace(0, 1, 51)
    random_counts = np.histogram(rng.rayleigh(0.09, 50_000), edges)[0]
    data = make_network()
    net = data.network
    rows, columns = np.mgrid[0:60, 0:200]
    phase = np.angle(
        np.exp(1j * np.stack([(rows * k + columns) / 15.0 + rng.normal(0, 0.4, rows.shape) for k in range(14)]))
    )
    texture = rng.rayleigh(1.0, (300, 900)) * (1 + 3 * (np.hypot(*(np.mgrid[-1:1:300j, -1:1:900j])) < 0.4))
    texture[:, :20] = 0.0
    dates = data.dates
    t = net.days / 365.25
    series = np.stack(
        [
            v * t + 0.003 * np.sin(2 * np.pi * t) + rng.normal(0, 0.002, len(t))
            for v in (-0.02, -0.005, 0.0, 0.008, 0.01)
        ]
    )
    series -= series[:, :1]
    areas = tuple(
        ReferenceArea(
            f"R{k}", float(positions.across[k * 7]), float(positions.along[k * 7]), 100 + k, r, 0.0004, r / 3, k == 3
        )
        for k, r in enumerate((0.0002, -0.0004, 0.0001, -0.0031))
    )
    wrapped = truth / 0.0555 * 4 * np.pi
    return {
        **make_coregistration_inputs(),
        "amplitude": AmplitudeFigureInput(texture, 14.0, 9.32, 30),
        "coherence": CoherenceFigureInput(dates, net.earlier, net.later, net.coherence, 0.25),
        "network": data,
        "pairs": PairsFigureInput(
            tuple(f"{dates[k]}\n{dates[k + 1]}" for k in range(14)),
            phase,
            np.linspace(0.2, 0.7, 14),
            np.arange(14) != 2,
            14.0,
            9.32,
        ),
        "homogeneity": HomogeneityFigureInput(positions, rng.integers(1, 248, n).astype(float), 18),
        "candidates": CandidatesFigureInput(
            positions, rng.rayleigh(0.3, n), rng.beta(4, 3, n), rng.random(n) < 0.8, 0.6
        ),
        "selection": SelectionFigureInput(positions, gamma, gamma > 0.4, edges, random_counts, 0.4, flags[gamma > 0.4]),
        "unwrapping": UnwrappingFigureInput(
            positions,
            np.where(rng.random(n) < 0.02, rng.integers(1, 9, n), 0).astype(float),
            rng.beta(1, 60, 84),
            f"{dates[0]} {dates[5]}",
            np.angle(np.exp(1j * wrapped)),
            -wrapped,
        ),
        "dem-error": PointValueFigureInput(positions, rng.normal(0, 4, n), flags),
        "ramps": RampsFigureInput(dates, rng.normal(0, 4e-8, len(dates)), rng.normal(0, 4e-8, len(dates))),
        "reference": ReferenceFigureInput(positions, velocity, areas),
        "series": SeriesFigureInput(
            dates, tuple(f"point {k}" for k in range(5)), series, np.full(series.shape, 0.003), series * 0.9
        ),
        "velocity": VelocityFigureInput(positions, velocity, flags),
        "velocity-std": PointValueFigureInput(positions, rng.gamma(8, 0.0001, n), flags),
        "quality": PointValueFigureInput(positions, gamma, flags),
        "recovery": RecoveryFigureInput(
            ("persistent", "distributed", "decaying", "noise"),
            rng.integers(0, 3, n),
            velocity,
            truth,
            np.full(n, 0.001),
        ),
    }
