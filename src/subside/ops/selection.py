"""What goes into the selection of coherent targets, what comes out, and the tiles it runs on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from subside import _check
from subside.errors import ArgumentError
from subside.ops.patch_phase import ClapOptions

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SelectOptions:
    """How coherent targets are selected.

    Attributes
    ----------
    cell_size : float
        Side of a grid cell, m.
    clap : ClapOptions
        Filter of the cells during the iteration.
    reestimation : ClapOptions
        The same where a candidate's own neighbourhood is left out; its window has a hole, so it leans
        more on the adaptive part and on longer wavelengths. Its pad adds to the window.
    max_dem_error : float
        Largest height error searched, m.
    max_iterations : int
        Of coherence and weights.
    convergence : float
        Change of the rms change of coherence that ends the iteration.
    n_random : int
        Draws of the distribution of pure noise.
    random_density : float
        Noise points let through per square kilometre of occupied cells.
    max_false_rate : float
        Largest share of pure-noise candidates let through.
    min_filtered_coherence : float
        Temporal coherence demanded of adaptively filtered pixels.
    dispersion_bin : int
        Unfiltered pixels per bin of amplitude-difference dispersion.
    core_cells, halo_cells : int
        Tile of :func:`tile_plan`, cells.
    """

    cell_size: float = 50.0
    clap: ClapOptions = field(default_factory=ClapOptions)
    reestimation: ClapOptions = field(
        default_factory=lambda: ClapOptions(alpha=2.0, beta=1.0, low_pass_wavelength=1200.0)
    )
    max_dem_error: float = 20.0
    max_iterations: int = 3
    convergence: float = 0.005
    n_random: int = 50_000
    random_density: float = 2.0
    max_false_rate: float = 0.01
    min_filtered_coherence: float = 0.4
    dispersion_bin: int = 2000
    core_cells: int = 64
    halo_cells: int = 16

    def __post_init__(self) -> None:
        """Validate."""
        _check.in_range(1.0, 10_000.0, cell_size=self.cell_size)
        _check.in_range(0.0, 1000.0, max_dem_error=self.max_dem_error)
        _check.in_range(1, 100, max_iterations=self.max_iterations)
        _check.in_range(0.0, 1.0, convergence=self.convergence)
        _check.in_range(1000, 10_000_000, n_random=self.n_random)
        _check.in_range(0.0, 1e6, random_density=self.random_density)
        _check.in_range(1e-6, 0.5, max_false_rate=self.max_false_rate)
        _check.in_range(0.0, 1.0, min_filtered_coherence=self.min_filtered_coherence)
        _check.in_range(100, 10**9, dispersion_bin=self.dispersion_bin)
        _check.in_range(2, 10_000, core_cells=self.core_cells)
        _check.in_range(0, 10_000, halo_cells=self.halo_cells)


@dataclass(frozen=True)
class SelectInput:
    """Candidates of one tile, in the order of (azimuth, range).

    Attributes
    ----------
    easting, northing : ndarray of float64, (candidate,)
        m, local metric frame; used to find repeated coordinates. NaN is unknown.
    azimuth, range : ndarray of int32, (candidate,)
        Pixel of the stack.
    phase : ndarray of float32, (candidate, pair)
        Wrapped pair phase, rad. A row with a NaN, or with exact zeros in all pairs of a date, is left out.
    bperp : ndarray of float32, (pair,) or (candidate, pair), or None
        Perpendicular baseline of the pairs, m. None is unknown: no look-angle error is fitted.
    dispersion : ndarray of float32, (candidate,)
        Amplitude-difference dispersion; NaN is unknown.
    is_filtered : ndarray of bool, (candidate,)
        Whether the phase is an average over homogeneous neighbours.
    shp_coherence : ndarray of float32, (candidate,)
        Mean coherence over the homogeneous neighbours, 0 to 1; NaN is unknown.
    n_shp : ndarray of int, (candidate,)
        Homogeneous neighbours averaged.
    pairs : ndarray of int, (pair, 2)
        Date indices, earlier and later.
    n_dates : int
        Number of dates.
    window : tuple of int
        Lines and samples of the filter window, odd.
    azimuth_spacing, range_spacing : float
        Pixel spacing on the ground, m.
    height_per_look_angle : float or None
        ``wavelength R sin(incidence) / (4 pi)``: height error per look-angle error, m per (rad/m).
        Needed with ``bperp``.
    """

    easting: npt.NDArray[np.float64]
    northing: npt.NDArray[np.float64]
    azimuth: npt.NDArray[np.int32]
    range: npt.NDArray[np.int32]
    phase: Float
    bperp: Float | None
    dispersion: Float
    is_filtered: npt.NDArray[np.bool_]
    shp_coherence: Float
    n_shp: npt.NDArray[np.integer]
    pairs: npt.NDArray[np.integer]
    n_dates: int
    window: tuple[int, int]
    azimuth_spacing: float
    range_spacing: float
    height_per_look_angle: float | None = None

    def __post_init__(self) -> None:
        """Validate shapes, dtypes and what depends on each other."""
        _check.shape((None, None), phase=self.phase)
        _check.dtype(np.float32, phase=self.phase)
        n, n_pairs = self.phase.shape
        for name in ("easting", "northing", "azimuth", "range", "dispersion", "is_filtered", "shp_coherence", "n_shp"):
            _check.shape((n,), **{name: getattr(self, name)})
        _check.shape((n_pairs, 2), pairs=self.pairs)
        _check.odd_window(window=self.window)
        if n_pairs < 3:
            raise ArgumentError(f"`pairs` must be at least 3, got {n_pairs}: widen the network's limits")
        if self.pairs.min() < 0 or self.pairs.max() >= self.n_dates:
            raise ArgumentError(f"`pairs` must be date indices below {self.n_dates}, got {self.pairs.max()}")
        for name in ("azimuth_spacing", "range_spacing"):
            _check.in_range(1e-3, 1e5, **{name: getattr(self, name)})
        if self.bperp is not None:
            _check.shape((n_pairs,) if self.bperp.ndim == 1 else (n, n_pairs), bperp=self.bperp)
            _check.finite(bperp=self.bperp)
            if self.height_per_look_angle is None or not self.height_per_look_angle > 0:
                raise ArgumentError(
                    "`height_per_look_angle` must be positive when `bperp` is given, got "
                    f"{self.height_per_look_angle}: pass wavelength R sin(incidence) / (4 pi), or bperp=None"
                )


@dataclass(frozen=True)
class Selection:
    """Outcome of the selection, per candidate.

    Attributes
    ----------
    gamma : ndarray of float32, (candidate,)
        Temporal coherence (eq. 4), the candidate's own neighbourhood left out of its patch phase, 0 to 1;
        NaN for candidates left out.
    look_angle_error : ndarray of float32, (candidate,)
        ``K``, rad of pair phase per metre of perpendicular baseline; NaN where left out or baselines are
        unknown.
    threshold : ndarray of float32, (candidate,)
        Coherence demanded.
    is_selected : ndarray of bool, (candidate,)
        Coherent and not a duplicate by coordinates.
    flags : ndarray of uint16, (candidate,)
        :class:`~subside.conventions.PointFlag` bits.
    iterations : int
        Done.
    converged : bool
        Whether the change fell below the limit before the iterations were spent.
    false_rate_unfiltered, false_rate_filtered : float
        Share of pure-noise candidates expected above the threshold, 0 to 1; NaN without candidates.
    n_expected_false : float
        Noise candidates expected among the selected.
    """

    gamma: Float
    look_angle_error: Float
    threshold: Float
    is_selected: npt.NDArray[np.bool_]
    flags: npt.NDArray[np.uint16]
    iterations: int
    converged: bool
    false_rate_unfiltered: float
    false_rate_filtered: float
    n_expected_false: float


@dataclass(frozen=True)
class Tile:
    """One tile of the scene, as half-open pixel intervals.

    Attributes
    ----------
    core : tuple of tuple of int
        ``((first line, past last line), (first sample, past last sample))`` whose points are kept.
    halo : tuple of tuple of int
        The same with the surroundings whose candidates go into :func:`select`.
    """

    core: tuple[tuple[int, int], tuple[int, int]]
    halo: tuple[tuple[int, int], tuple[int, int]]


def tile_plan(
    shape: tuple[int, int], spacing: tuple[float, float], *, options: SelectOptions | None = None
) -> list[Tile]:
    """Cut a scene into tiles for :func:`select`.

    Parameters
    ----------
    shape : tuple of int
        Lines and samples of the stack.
    spacing : tuple of float
        Ground spacing of lines and samples, m.
    options : SelectOptions
        Cell size, core and halo.

    Returns
    -------
    list of Tile
        In (azimuth, range) order; cores are disjoint and cover the scene.
    """
    options = options or SelectOptions()
    axes: list[list[tuple[tuple[int, int], tuple[int, int]]]] = []
    for length, step in zip(shape, spacing, strict=True):
        core = max(1, round(options.core_cells * options.cell_size / step))
        halo = int(np.ceil(options.halo_cells * options.cell_size / step))
        starts = range(0, length, core)
        axes.append([((s, min(s + core, length)), (max(0, s - halo), min(s + core + halo, length))) for s in starts])
    return [Tile((a[0], r[0]), (a[1], r[1])) for a in axes[0] for r in axes[1]]
