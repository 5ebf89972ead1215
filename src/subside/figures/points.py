"""Figures of homogeneous neighbours, candidates and selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize

from subside.conventions import FLAG_DESCRIPTIONS, PointFlag
from subside.figures.maps import PointPositions, Scale, draw_points, frame_map, map_figure_size
from subside.figures.style import (
    ACCENT,
    INK,
    MUTED,
    QUALITY,
    SECOND,
    SINKING,
    FigureResult,
    dress,
    histogram,
    legend,
    new_figure,
    number,
    numbers_of,
    say,
    summary,
)


@dataclass(frozen=True)
class HomogeneityFigureInput:
    """Statistically homogeneous pixels found around each pixel.

    Attributes
    ----------
    positions : PointPositions
        Pixels tested.
    n_shp : ndarray, (point,)
        Homogeneous pixels in the window; NaN is unknown.
    threshold : int
        Pixels with more are filtered.
    """

    positions: PointPositions
    n_shp: npt.NDArray[np.floating]
    threshold: int


@dataclass(frozen=True)
class CandidatesFigureInput:
    """Candidate points.

    Attributes
    ----------
    positions : PointPositions
        Candidates.
    amplitude_difference_dispersion : ndarray, (point,)
        NaN is unknown.
    shp_coherence : ndarray, (point,)
        Mean coherence over the homogeneous neighbours, 0 to 1; NaN is unknown.
    is_filtered : ndarray of bool, (point,)
        Whether the phase was filtered over its neighbours.
    dispersion_limit : float
        Largest dispersion a candidate may have.
    """

    positions: PointPositions
    amplitude_difference_dispersion: npt.NDArray[np.floating]
    shp_coherence: npt.NDArray[np.floating]
    is_filtered: npt.NDArray[np.bool_]
    dispersion_limit: float


@dataclass(frozen=True)
class SelectionFigureInput:
    """Temporal coherence of the candidates against that of random phase.

    Attributes
    ----------
    positions : PointPositions
        Candidates.
    gamma : ndarray, (point,)
        Temporal coherence, 0 to 1; NaN is unknown.
    is_selected : ndarray of bool, (point,)
        Whether the point was kept.
    bin_edges : ndarray, (bin + 1,)
        Bins of ``random_counts``.
    random_counts : ndarray, (bin,)
        Temporal coherence of random phase, any normalisation.
    threshold : float or None
        Typical threshold; None where it cannot be given as one number.
    flags : ndarray of int, (point,), or None
        Quality bits of the kept points.
    """

    positions: PointPositions
    gamma: npt.NDArray[np.floating]
    is_selected: npt.NDArray[np.bool_]
    bin_edges: npt.NDArray[np.floating]
    random_counts: npt.NDArray[np.floating]
    threshold: float | None = None
    flags: npt.NDArray[np.integer] | None = None


def homogeneity_figure(data: HomogeneityFigureInput) -> FigureResult:
    """Draw the number of homogeneous pixels as a map and a histogram.

    Parameters
    ----------
    data : HomogeneityFigureInput
        Counts.

    Returns
    -------
    FigureResult
        Numbers: histogram, quantiles and the share above the threshold.
    """
    n_shp = np.asarray(data.n_shp, np.float64)
    is_known = np.isfinite(n_shp)
    figure = new_figure(11.0, map_figure_size(data.positions, width=6.0) + 0.8, "Homogeneous pixels")
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1.0])
    top = float(n_shp[is_known].max()) if is_known.any() else 1.0
    scale = Scale(QUALITY, Normalize(0, max(top, 1.0)), "homogeneous pixels in the window")
    draw_points(left, data.positions, n_shp, scale=scale, title="map")
    dress(right, title="distribution", xlabel="homogeneous pixels", ylabel="pixels")
    edges = np.linspace(0, max(top, 1.0), int(min(max(top, 1.0), 60)) + 1)
    counts, as_json = histogram(n_shp, edges)
    right.stairs(counts, edges, fill=True, color=ACCENT)
    share = float((n_shp[is_known] > data.threshold).mean()) if is_known.any() else None
    right.axvline(data.threshold, color=SINKING, lw=1.2, ls="--")
    note = f"filtered above {data.threshold}" + ("" if share is None else f": {100 * share:.0f} %")
    right.set_title(note, fontsize=8.5, color=SINKING, loc="right")
    numbers = {
        "threshold": data.threshold,
        "share_filtered": number(share),
        "n_shp": summary(n_shp),
        "histogram": as_json,
    }
    return FigureResult(figure, numbers)


def candidates_figure(data: CandidatesFigureInput) -> FigureResult:
    """Draw where candidates are, filtered or not, and the two measures that admit them.

    Parameters
    ----------
    data : CandidatesFigureInput
        Candidates.

    Returns
    -------
    FigureResult
        Numbers: counts and histograms of either kind.
    """
    is_filtered = np.asarray(data.is_filtered, bool)
    figure = new_figure(11.0, max(map_figure_size(data.positions, width=6.0) + 0.8, 5.0), "Candidates")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.7, 1.0])
    left = figure.add_subplot(grid[:, 0])
    frame_map(left, data.positions, title="")
    x, y = data.positions.across, data.positions.along
    size = float(np.clip(30_000.0 / max(len(x), 1), 0.3, 20.0))
    for chosen, colour, name in (
        (is_filtered, ACCENT, "filtered (distributed)"),
        (~is_filtered, SECOND, "unfiltered (point-like)"),
    ):
        label = f"{name}: {int(chosen.sum()):,}"
        left.scatter(x[chosen], y[chosen], s=size, color=colour, linewidths=0, rasterized=True, label=label)
    legend(left, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, markerscale=3.0 / max(size, 0.3) ** 0.5)
    numbers: dict[str, object] = {
        "n": len(is_filtered),
        "n_filtered": int(is_filtered.sum()),
        "dispersion_limit": number(data.dispersion_limit),
    }
    panels = (
        ("amplitude_difference_dispersion", "amplitude difference dispersion", 0),
        ("shp_coherence", "coherence of the neighbourhood", 1),
    )
    for name, label, row in panels:
        values = np.asarray(getattr(data, name), np.float64)
        axes = figure.add_subplot(grid[row, 1])
        dress(axes, xlabel=label, ylabel="candidates")
        if not np.isfinite(values).any():
            say(axes, f"{label}: unknown")
            numbers[name] = None
            continue
        edges = np.linspace(0.0, max(float(np.nanquantile(values, 0.995)), 1e-3), 51)
        kinds = {}
        for chosen, colour, kind in ((is_filtered, ACCENT, "filtered"), (~is_filtered, SECOND, "unfiltered")):
            counts, kinds[kind] = histogram(values[chosen], edges)
            axes.stairs(counts, edges, color=colour, lw=1.4)
        if row == 0:
            axes.axvline(data.dispersion_limit, color=SINKING, lw=1, ls="--")
        numbers[name] = kinds
    return FigureResult(figure, numbers)


def selection_figure(data: SelectionFigureInput) -> FigureResult:
    """Draw temporal coherence of candidates over that of random phase, and where the kept points are.

    Parameters
    ----------
    data : SelectionFigureInput
        Coherences.

    Returns
    -------
    FigureResult
        Numbers: both histograms (random scaled to the candidates' lowest fifth), counts and flags.
    """
    gamma = np.asarray(data.gamma, np.float64)
    is_selected = np.asarray(data.is_selected, bool)
    kept = data.positions.subset(is_selected)
    figure = new_figure(11.0, max(map_figure_size(data.positions, width=6.0) + 0.8, 4.2), "Selection")
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1.0])
    scale = Scale(QUALITY, Normalize(0, 1), "temporal coherence γ")
    title = f"{int(is_selected.sum()):,} points of {len(gamma):,} candidates"
    draw_points(left, kept, gamma[is_selected], scale=scale, title=title)
    edges = np.asarray(data.bin_edges, np.float64)
    counts, as_json = histogram(gamma, edges)
    kept_counts, kept_json = histogram(gamma[is_selected], edges)
    random = _scale_random(counts, np.asarray(data.random_counts, np.float64), edges)
    dress(right, title="distribution", xlabel="temporal coherence γ", ylabel="points")
    right.stairs(counts, edges, color=MUTED, lw=1.2, label="candidates")
    right.stairs(kept_counts, edges, color=ACCENT, fill=True, alpha=0.55, label="kept")
    right.stairs(random, edges, color=INK, lw=1.2, ls=":", label="random phase")
    if data.threshold is not None:
        right.axvline(data.threshold, color=SINKING, lw=1.2, ls="--", label=f"threshold {data.threshold:.2f}")
    legend(right, loc="best")
    numbers = {
        "n_candidates": len(gamma),
        "n_selected": int(is_selected.sum()),
        "threshold": number(data.threshold),
        "candidates": as_json,
        "selected": kept_json["counts"],
        "random": numbers_of(random),
        "flags": _flag_counts(data.flags),
    }
    return FigureResult(figure, numbers)


def _scale_random(
    counts: npt.NDArray[np.int64], random: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Scale the random histogram to the candidates where γ is below 0.3, where none can be signal."""
    is_low = edges[:-1] < 0.3
    weight = random[is_low].sum()
    return random * (counts[is_low].sum() / weight) if weight > 0 else random


def _flag_counts(flags: npt.NDArray[np.integer] | None) -> dict[str, int] | None:
    if flags is None:
        return None
    result = {"none": int(np.count_nonzero(flags == int(PointFlag.NONE)))}
    for described in FLAG_DESCRIPTIONS:
        name = str(described.flag.name).lower()
        result[name] = int(np.count_nonzero(flags & int(described.flag)))
    return result
