"""Two tracks over a simulated field of east and up motion, with errors that neighbours share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky

from subside.model.points import PointKind, PointSet, PointSource, transform

ORIGIN = (500_000.0, 3_900_000.0)
CRS = "EPSG:32650"
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def los_of(incidence_deg: float, heading_deg: float) -> np.ndarray:
    """Unit vector from the ground to a satellite that looks to the right."""
    inc, head = np.radians(incidence_deg), np.radians(heading_deg)
    return np.array([-np.sin(inc) * np.cos(head), np.sin(inc) * np.sin(head), np.cos(inc)])


def noise(rng: np.random.Generator, xy: np.ndarray, *, share: float, length: float, n: int) -> np.ndarray:
    """Unit-variance errors, ``share`` of them correlated over ``length`` m, (point, n)."""
    distance = np.hypot(*(np.subtract.outer(c, c) for c in xy.T))
    matrix = share * np.exp(-distance / length) + (1 - share + 1e-9) * np.eye(len(xy))
    return cholesky(matrix, lower=True) @ rng.standard_normal((len(xy), n))


def make_track(
    name: str,
    rng: np.random.Generator,
    *,
    los: np.ndarray,
    up: Field,
    east: Field,
    scale: float = 0.004,
    n: int = 900,
    size: tuple[float, float] = (6000.0, 3000.0),
    dates: np.ndarray | None = None,
    share: float = 0.3,
    stated: float | None = None,
) -> PointSet:
    """A track with series: motion along the line of sight and errors of standard deviation ``scale`` m by date."""
    xy = rng.uniform(0, 1, (n, 2)) * size
    when = np.datetime64("2016-01-01") + (12 * np.arange(70)).astype("timedelta64[D]") if dates is None else dates
    years = (when - np.datetime64("2016-01-01")).astype("timedelta64[D]").astype(float) / 365.25
    rate = los[2] * up(*xy.T) + los[0] * east(*xy.T)
    errors = scale * noise(rng, xy, share=share, length=300.0, n=len(when))
    series = rate[:, None] * years + 0.003 * np.sin(2 * np.pi * years) + errors
    x = years - years.mean()
    lon, lat = transform(xy[:, 0] + ORIGIN[0], xy[:, 1] + ORIGIN[1], source=CRS, target="EPSG:4326")
    formal = scale / np.sqrt(x @ x)
    return PointSet.from_geographic(
        name,
        longitude=lon,
        latitude=lat,
        crs=CRS,
        source=PointSource(name, sigma_definition="of the simulation"),
        columns={
            "dates": when,
            "displacement": series.astype(np.float32),
            "los": np.tile(los, (n, 1)),
            "velocity": series @ x / (x @ x),
            "velocity_std": np.full(n, formal if stated is None else stated),
            "kind": np.where(np.arange(n) % 2 == 0, PointKind.PS, PointKind.DS).astype(np.uint8),
            "coherence": np.linspace(0.45, 0.95, n),
        },
    )


def bowl(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A bowl of 30 mm/yr, up."""
    return -0.03 * np.exp(-((x - 3000) ** 2 + (y - 1500) ** 2) / 6e6)


def still(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """No motion."""
    return np.zeros_like(x + y)


def drift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """East motion that grows to 10 mm/yr across the scene."""
    return 0.01 * x / 6000.0 + 0.0 * y
