"""Figures of the images: mean amplitude, and a gallery of interferograms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from subside.figures.style import (
    INK,
    MUTED,
    NO_DATA,
    PHASE,
    SINKING,
    FigureResult,
    colour_bar,
    dress,
    new_figure,
    number,
    robust_norm,
    say,
    summary,
)

MAX_THUMBNAILS = 24
"""Interferograms in a gallery."""


@dataclass(frozen=True)
class AmplitudeFigureInput:
    """Mean amplitude of a stack.

    Attributes
    ----------
    mean_amplitude : ndarray of float, (row, column)
        Temporal mean, any linear unit; NaN or zero is no data. May be averaged over blocks of pixels.
    azimuth_spacing, range_spacing : float
        Size of a row and of a column on the ground, m.
    n_dates : int
        Dates averaged.
    """

    mean_amplitude: npt.NDArray[np.floating]
    azimuth_spacing: float
    range_spacing: float
    n_dates: int


@dataclass(frozen=True)
class PairsFigureInput:
    """Interferograms to look at.

    Attributes
    ----------
    titles : sequence of str, (pair,)
        Dates, or whatever names the pair.
    phase : ndarray of float, (pair, row, column)
        Wrapped phase, rad; NaN is no data. Averaged over blocks of pixels.
    coherence : ndarray of float, (pair,)
        Mean coherence; NaN is unknown.
    is_used : ndarray of bool, (pair,)
        Whether the pair entered the processing.
    azimuth_spacing, range_spacing : float
        Size of a row and of a column on the ground, m.
    """

    titles: tuple[str, ...]
    phase: npt.NDArray[np.floating]
    coherence: npt.NDArray[np.floating]
    is_used: npt.NDArray[np.bool_]
    azimuth_spacing: float = 1.0
    range_spacing: float = 1.0


def amplitude_figure(data: AmplitudeFigureInput) -> FigureResult:
    """Draw the temporal mean amplitude in decibels.

    Parameters
    ----------
    data : AmplitudeFigureInput
        The image.

    Returns
    -------
    FigureResult
        Numbers: quantiles in dB and the share of pixels without data.
    """
    amplitude = np.asarray(data.mean_amplitude, np.float64)
    has_data = np.isfinite(amplitude) & (amplitude > 0)
    decibels = np.full(amplitude.shape, np.nan)
    np.log10(amplitude, out=decibels, where=has_data)
    decibels *= 20.0
    aspect = data.azimuth_spacing / data.range_spacing
    height = float(np.clip(7.0 * amplitude.shape[0] * aspect / max(amplitude.shape[1], 1), 2.5, 9.0))
    figure = new_figure(8.0, height + 0.9, f"Mean amplitude of {data.n_dates} dates")
    axes = figure.add_subplot()
    dress(axes, xlabel="range (samples)", ylabel="azimuth (lines)", grid=False)
    axes.set_facecolor(NO_DATA)
    norm = robust_norm(decibels)
    if has_data.any():
        image = axes.imshow(decibels, cmap="gray", norm=norm, aspect=aspect, interpolation="antialiased")
        colour_bar(axes, image, "amplitude (dB)")
    else:
        say(axes, "no data")
    numbers = {
        "n_dates": data.n_dates,
        "share_without_data": number(1.0 - has_data.mean()),
        "amplitude_db": summary(decibels),
    }
    return FigureResult(figure, numbers)


def pairs_figure(data: PairsFigureInput) -> FigureResult:
    """Draw a gallery of wrapped interferograms; titles of dropped pairs are red.

    Parameters
    ----------
    data : PairsFigureInput
        The interferograms; the first :data:`MAX_THUMBNAILS` are drawn.

    Returns
    -------
    FigureResult
        Numbers: a row a pair with its coherence and whether it was used.
    """
    n = min(len(data.titles), MAX_THUMBNAILS)
    n_columns = min(max(n, 1), 6)
    n_rows = max(math.ceil(n / n_columns), 1)
    aspect = data.azimuth_spacing / data.range_spacing
    ratio = data.phase.shape[1] * aspect / max(data.phase.shape[2], 1)
    cell = float(np.clip(1.75 * ratio, 0.9, 3.0)) + 0.45
    width = max(1.75 * n_columns + 1.2, 5.0)
    figure = new_figure(width, cell * n_rows + 0.7, "Interferograms (wrapped phase)")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    norm = Normalize(-math.pi, math.pi)
    for index, panel in enumerate(axes.ravel()):
        panel.set_xticks([])
        panel.set_yticks([])
        if index >= n:
            panel.set_visible(False)
            continue
        panel.set_facecolor(NO_DATA)
        panel.imshow(data.phase[index], cmap=PHASE, norm=norm, aspect=aspect, interpolation="nearest")
        known = number(data.coherence[index])
        text = data.titles[index] + ("" if known is None else f"\ncoherence {known:.2f}")
        panel.set_title(text, fontsize=7.5, color=INK if data.is_used[index] else SINKING, loc="left")
        for spine in panel.spines.values():
            spine.set_color(MUTED)
            spine.set_linewidth(0.5)
    bar = figure.colorbar(ScalarMappable(norm, PHASE), ax=axes, shrink=min(1.0, 2.2 / (cell * n_rows) + 0.3), pad=0.01)
    bar.set_ticks([-math.pi, 0, math.pi], labels=["-π", "0", "π"])
    bar.set_label("phase (rad); red title: dropped", fontsize=8.5, color=INK)
    numbers = {
        "n_pairs": len(data.titles),
        "n_drawn": n,
        "pairs": [
            {"title": t, "coherence": number(c), "is_used": bool(u)}
            for t, c, u in zip(data.titles, data.coherence, data.is_used, strict=True)
        ],
    }
    return FigureResult(figure, numbers)
