"""Random fields and smooth shapes over a scene, on metric coordinates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.spatial import cKDTree

from subside.ops.simulate.spec import Bowl, GeometrySpec, LandClass

Float = npt.NDArray[np.float64]


def _wavenumbers(shape: tuple[int, int], spacing: tuple[float, float]) -> Float:
    ky = 2 * np.pi * fft.fftfreq(shape[0], spacing[0])
    kx = 2 * np.pi * fft.rfftfreq(shape[1], spacing[1])
    result: Float = np.hypot(ky[:, None], kx[None, :])
    return result


def _filtered_noise(rng: np.random.Generator, geometry: GeometrySpec, margin: float, kind: tuple[str, float]) -> Float:
    """Real noise with a given amplitude spectrum on a domain larger than the scene, cropped to it."""
    lines, samples = geometry.lines, geometry.samples
    spacing = (geometry.azimuth_spacing, geometry.range_spacing)
    shape = (
        fft.next_fast_len(lines + int(np.ceil(margin / spacing[0])), real=True),
        fft.next_fast_len(samples + int(np.ceil(margin / spacing[1])), real=True),
    )
    k = _wavenumbers(shape, spacing)
    if kind[0] == "power":
        amplitude = np.zeros_like(k)
        np.power(k, kind[1] / 2, out=amplitude, where=k > 0)
    else:
        amplitude = np.exp(-((k * kind[1]) ** 2) / 8)
    white = rng.standard_normal(shape)
    field = fft.irfft2(fft.rfft2(white, workers=1) * amplitude, s=shape, workers=1)
    if kind[0] == "gaussian":
        power = fft.irfft2(amplitude**2, s=shape, workers=1)[0, 0]
        field = field / np.sqrt(power)
    result: Float = field[:lines, :samples]
    return result


def plane_coordinates(geometry: GeometrySpec) -> tuple[Float, Float]:
    """Scene coordinates from -0.5 to 0.5 as a column (azimuth) and a row (range)."""
    az = np.linspace(-0.5, 0.5, geometry.lines)[:, None]
    rg = np.linspace(-0.5, 0.5, geometry.samples)[None, :]
    return az, rg


def _without_plane(field: Float, geometry: GeometrySpec) -> Float:
    az, rg = plane_coordinates(geometry)
    az, rg = az - az.mean(), rg - rg.mean()
    centred = field - field.mean()
    slope_az = (centred * az).mean() / (az**2).mean()
    slope_rg = (centred * rg).mean() / (rg**2).mean()
    result: Float = centred - slope_az * az - slope_rg * rg
    return result


def turbulence(rng: np.random.Generator, geometry: GeometrySpec, rms: float) -> Float:
    """Draw a turbulent delay with 2-D power spectrum k^-8/3 and a given rms about its own plane, zero mean.

    The field is cut from a domain twice as large, so that it does not repeat; its structure function rises as
    the separation to the power 2/3.
    """
    extent = max(geometry.lines * geometry.azimuth_spacing, geometry.samples * geometry.range_spacing)
    field = _filtered_noise(rng, geometry, extent, ("power", -8.0 / 3.0))
    field = field - field.mean()
    result: Float = field * (rms / _without_plane(field, geometry).std())
    return result


def correlated(rng: np.random.Generator, geometry: GeometrySpec, std: float, length: float) -> Float:
    """Draw a field of given standard deviation and covariance ``exp(-(r/length)**2)``."""
    return std * _filtered_noise(rng, geometry, 4 * length, ("gaussian", length))


def bowl_field(bowl: Bowl, geometry: GeometrySpec) -> Float:
    """Evaluate a Gaussian bowl over the scene."""
    height = geometry.lines * geometry.azimuth_spacing
    width = geometry.samples * geometry.range_spacing
    az = (np.arange(geometry.lines) + 0.5) * geometry.azimuth_spacing - bowl.azimuth * height
    rg = (np.arange(geometry.samples) + 0.5) * geometry.range_spacing - bowl.range * width
    radius = bowl.radius * min(height, width)
    result: Float = bowl.amplitude * np.outer(np.exp(-((az / radius) ** 2) / 2), np.exp(-((rg / radius) ** 2) / 2))
    return result


def segments(rng: np.random.Generator, geometry: GeometrySpec, size: float) -> npt.NDArray[np.int32]:
    """Cut the scene into the Voronoi cells of random seeds, one per ``size`` squared metres."""
    height = geometry.lines * geometry.azimuth_spacing
    width = geometry.samples * geometry.range_spacing
    n = max(round(height * width / size**2), 4)
    seeds = rng.uniform(0, 1, (n, 2)) * (height, width)
    az = (np.arange(geometry.lines) + 0.5) * geometry.azimuth_spacing
    rg = (np.arange(geometry.samples) + 0.5) * geometry.range_spacing
    pixels = np.stack(np.broadcast_arrays(az[:, None], rg[None, :]), axis=-1)
    _, nearest = cKDTree(seeds).query(pixels.reshape(-1, 2), workers=1)
    result: npt.NDArray[np.int32] = nearest.reshape(geometry.lines, geometry.samples).astype(np.int32)
    return result


def assign_classes(
    rng: np.random.Generator, segment: npt.NDArray[np.int32], classes: tuple[LandClass, ...]
) -> npt.NDArray[np.intp]:
    """Give each segment a class so that the classes' areas come out at their fractions, (segment,)."""
    area = np.bincount(segment.ravel())
    order = rng.permutation(len(area))
    middle = np.cumsum(area[order]) - area[order] / 2
    edges = np.cumsum([c.fraction for c in classes])[:-1] * segment.size
    assigned = np.empty(len(area), dtype=np.intp)
    assigned[order] = np.searchsorted(edges, middle)
    return assigned
