"""Made-up points along a railway, with errors that neighbours share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from subside.model.points import GEOGRAPHIC, PointKind, PointSet, PointSource, transform
from subside.ops.corridor.chainage import CorridorLine, locate_points
from subside.ops.corridor.tracks import TrackRates, vertical_rates
from subside.ops.point_covariance import ErrorCorrelation

CRS = "EPSG:32650"
ORIGIN = (400_000.0, 3_900_000.0)
LOS = np.array([-0.66, 0.12, 0.74])
LOS /= np.linalg.norm(LOS)


def straight(length: float, azimuth_deg: float = 90.0) -> CorridorLine:
    import shapely

    angle = np.radians(azimuth_deg)
    s = np.linspace(0.0, length, 31)
    xy = np.column_stack([ORIGIN[0] + s * np.sin(angle), ORIGIN[1] + s * np.cos(angle)])
    return CorridorLine.from_geometry(shapely.LineString(xy))


def correlation(shares: tuple[float, float] = (0.2, 0.2), lengths: tuple[float, float] = (150.0, 5000.0)):
    table = np.tile(np.array(shares), (len(PointKind), 1))
    return ErrorCorrelation(np.array(lengths), table, np.zeros(0), np.zeros((3, 0)), "given")


def exponential_field(
    rng: np.random.Generator, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], length: float, n: int = 80
) -> npt.NDArray[np.float64]:
    """Field of unit variance with correlation exp(-h / length): random waves of its spectrum."""
    k = np.sqrt((1 - rng.random(n)) ** -2 - 1) / length
    angle, phase = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 2 * np.pi, n)
    out = np.zeros(len(x))
    for a, b, c in zip(k * np.cos(angle), k * np.sin(angle), phase, strict=True):
        out += np.cos(a * (x - x.mean()) + b * (y - y.mean()) + c)
    return out * np.sqrt(2 / n)


def make_points(
    line: CorridorLine,
    rate: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    *,
    seed: int = 0,
    density: float = 200.0,
    half_width: float = 500.0,
    sigma: float = 0.0015,
    shared: ErrorCorrelation | None = None,
    n_dates: int = 0,
    bias: float = 0.0,
    name: str = "A",
) -> PointSet:
    """Points around a straight line whose vertical rate (m/yr) depends on chainage only; density per km2."""
    rng = np.random.default_rng(seed)
    shared = shared or correlation()
    n = rng.poisson(density * line.length * 2 * half_width / 1e6)
    s, across = rng.uniform(0, line.length, n), rng.uniform(-half_width, half_width, n)
    x0, y0 = line.position_at(s + line.chainage_start)
    azimuth = np.radians(line.azimuth_at(s + line.chainage_start))
    x, y = x0 - across * np.cos(azimuth), y0 + across * np.sin(azimuth)
    own = 1 - shared.shares[0].sum()
    error = np.sqrt(own) * rng.standard_normal(n)
    for share, length in zip(shared.shares[0], shared.lengths, strict=True):
        if share > 0:
            error += np.sqrt(share) * exponential_field(rng, x, y, float(length))
    vertical = rate(s) + sigma * error + bias
    velocity = vertical * LOS[2]
    lon, lat = transform(x, y, source=CRS, target=GEOGRAPHIC)
    columns = {
        "velocity": velocity,
        "velocity_std": np.full(n, sigma * LOS[2]),
        "los": np.tile(LOS, (n, 1)),
        "kind": np.where(rng.random(n) < 0.4, PointKind.PS, PointKind.DS).astype(np.uint8),
    }
    if n_dates:
        dates = np.datetime64("2016-01-05") + np.arange(n_dates) * np.timedelta64(24, "D")
        years = (dates - dates[0]).astype(float) / 365.25
        season = 0.004 * np.cos(2 * np.pi * years)
        series = velocity[:, None] * years + season + 0.002 * rng.standard_normal((n, n_dates))
        columns |= {"dates": dates, "displacement": (series - series[:, :1]).astype(np.float32)}
    source = PointSource(f"made-up:{name}", heading_deg=347.0, filter_extent=270.0)
    return PointSet.from_geographic(name, longitude=lon, latitude=lat, crs=CRS, source=source, columns=columns)


def as_track(points: PointSet, line: CorridorLine, shared: ErrorCorrelation | None = None) -> TrackRates:
    factor, std, component = vertical_rates(points)
    positions = locate_points(line, (points.easting, points.northing), max_distance=3000.0)
    return TrackRates(
        points.name, points, points.velocity * factor, std, factor, component, shared or correlation(), positions
    )


def bowls(s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """20 km of -10 to -40 mm/yr from km 10, and 15 km of -20 to -80 mm/yr with steep flanks from km 45."""
    wide = -0.040 * np.exp(-np.log(4) * ((s - 20e3) / 10e3) ** 4)
    width, shift = 240.0, 0.0
    flank = 0.5 * (np.tanh((s - 45e3 - shift) / width) - np.tanh((s - 60e3 + shift) / width))
    steep = -(0.020 + 0.060 * np.exp(-(((s - 52.5e3) / 2.5e3) ** 2))) * flank
    return wide + steep


ZONES = ((10e3, 30e3), (45e3, 60e3))
"""Where :func:`bowls` crosses -10 mm/yr."""
