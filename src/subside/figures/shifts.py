"""Figure of the alignment: the shift of each date, and what overlaps and pairs say against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.dates import date2num

from subside.figures.style import (
    ACCENT,
    GRID,
    INK,
    MUTED,
    NO_DATA,
    SECOND,
    SINKING,
    FigureResult,
    colour_bar,
    date_axis,
    dress,
    legend,
    new_figure,
    number,
    say,
    symmetric_limit,
    tidy_dates,
)

RESIDUAL: Final[Colormap] = cm.broc
"""Signed residuals: blue below zero, brown above; never a motion of the ground."""

DAYS_LABEL: Final = "days between the dates, pairs side by side"

_MAX_TICKS: Final = 12


@dataclass(frozen=True)
class ShiftPairs:
    """Pairs of dates whose shift was measured.

    Attributes
    ----------
    earlier, later : ndarray of int, (pair,)
        Date indices.
    azimuth_shift, azimuth_sigma : ndarray of float64, (pair,)
        Later minus earlier date as the pair alone tells, whole cycles from the network, lines; NaN is not measured.
    range_shift, range_sigma : ndarray of float64, (pair,)
        Alike, samples.
    coherence : ndarray of float64, (pair,)
        Mean over the overlaps.
    is_coherent : ndarray of bool, (pair,)
        Whether the pair is used for the azimuth shift.
    azimuth_residual, range_residual : ndarray of float64, (pair,)
        Pair minus network, lines and samples.
    """

    earlier: npt.NDArray[np.integer[Any]]
    later: npt.NDArray[np.integer[Any]]
    azimuth_shift: npt.NDArray[np.float64]
    azimuth_sigma: npt.NDArray[np.float64]
    range_shift: npt.NDArray[np.float64]
    range_sigma: npt.NDArray[np.float64]
    coherence: npt.NDArray[np.float64]
    is_coherent: npt.NDArray[np.bool_]
    azimuth_residual: npt.NDArray[np.float64]
    range_residual: npt.NDArray[np.float64]


@dataclass(frozen=True)
class ShiftsFigureInput:
    """Shifts of all dates, actual minus predicted from annotation and orbit, zero at the reference.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    reference_date : str
    azimuth_shift, azimuth_sigma : ndarray of float64, (date,)
        Lines; sigma NaN where the geometry alone stands.
    range_shift, range_sigma : ndarray of float64, (date,)
        Samples.
    windows : sequence of str, (window,)
        Names of the windows of the overlaps.
    window_shift : ndarray of float64, (date, window)
        What each window alone would still add, lines; NaN is unknown.
    pairs : ShiftPairs
    """

    dates: tuple[str, ...]
    reference_date: str
    azimuth_shift: npt.NDArray[np.float64]
    azimuth_sigma: npt.NDArray[np.float64]
    range_shift: npt.NDArray[np.float64]
    range_sigma: npt.NDArray[np.float64]
    windows: tuple[str, ...]
    window_shift: npt.NDArray[np.float64]
    pairs: ShiftPairs


def shifts_figure(data: ShiftsFigureInput) -> FigureResult:
    """Draw the shift of each date, what each overlap window would still add, and the residual of each pair.

    Parameters
    ----------
    data : ShiftsFigureInput
        The shifts.

    Returns
    -------
    FigureResult
        Numbers: ``reference``, ``dates`` with shifts and standard deviations, ``pairs`` with theirs; lines and
        samples, None is unknown.
    """
    figure = new_figure(11.0, 7.6, f"Shifts against annotation and orbit, reference {data.reference_date}")
    panels = figure.subplots(2, 2, width_ratios=(1.15, 1.0))
    _draw_shift(panels[0, 0], data, (data.azimuth_shift, data.azimuth_sigma), ("azimuth shift (lines)", ACCENT))
    _draw_shift(panels[0, 1], data, (data.range_shift, data.range_sigma), ("range shift (samples)", SECOND))
    draw_matrix(
        panels[1, 0],
        1e3 * data.window_shift,
        RESIDUAL,
        ("azimuth shift left by overlap window; hatched: reference, or unknown", "10⁻³ lines"),
        (data.dates, data.windows),
    )
    _draw_pair_residual(panels[1, 1], data)
    return FigureResult(figure, _shift_numbers(data))


def _draw_shift(
    axes: Axes,
    data: ShiftsFigureInput,
    values: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    names: tuple[str, str],
) -> None:
    (shift, sigma), (label, colour) = values, names
    when = np.asarray(date2num(date_axis(data.dates)))
    dress(axes, ylabel=label, title="actual minus predicted, ± 2σ")
    axes.axhline(0.0, color=MUTED, lw=0.8)
    known = np.isfinite(sigma) & np.isfinite(shift)
    axes.errorbar(
        when[known], shift[known], 2 * sigma[known], fmt="o", ms=4.5, color=colour, ecolor=colour, elinewidth=1.3,
        capsize=2.5,
    )  # fmt: skip
    alone = ~known & np.isfinite(shift)
    if alone.any():
        axes.scatter(
            when[alone], shift[alone], marker="x", s=34, color=SINKING, label="not measured: geometry alone", zorder=4
        )
    if data.reference_date in data.dates:
        k = data.dates.index(data.reference_date)
        axes.scatter(
            when[k], shift[k], s=110, facecolors="none", edgecolors=INK, linewidths=1.3, label="reference", zorder=5
        )
    axes.xaxis_date()
    tidy_dates(axes)
    axes.margins(0.05, 0.15)
    if axes.get_legend_handles_labels()[0]:
        legend(axes, loc="best")


def _draw_pair_residual(axes: Axes, data: ShiftsFigureInput) -> None:
    pairs = data.pairs
    when = np.asarray(date2num(date_axis(data.dates)))
    days = spread_days(when[pairs.later] - when[pairs.earlier])
    residual = 1e3 * pairs.azimuth_residual
    known = np.isfinite(residual)
    dress(
        axes,
        title="pair minus network",
        xlabel=DAYS_LABEL,
        ylabel="azimuth residual (10⁻³ lines)",
    )
    if not known.any():
        say(axes, "no pair is coherent")
        return
    axes.axhline(0.0, color=MUTED, lw=0.8)
    bars = 2e3 * np.nan_to_num(pairs.azimuth_sigma[known])
    axes.errorbar(
        days[known], residual[known], bars, fmt="none", ecolor=GRID if known.sum() > 60 else MUTED, elinewidth=0.8
    )
    axes.scatter(days[known], residual[known], s=16, color=ACCENT, linewidths=0, zorder=3, label="pairs, ± 2σ")
    n_lost = int(np.count_nonzero(~pairs.is_coherent))
    if n_lost:
        axes.scatter([], [], marker="x", s=24, color=SINKING, label=f"not coherent, not used: {n_lost}")
    axes.margins(0.06, 0.2)
    legend(axes, loc="upper left", ncols=2)


def spread_days(days: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Set pairs of the same time span side by side, within half of the least step between spans."""
    spans, group, count = np.unique(days, return_inverse=True, return_counts=True)
    step = float(np.diff(spans).min()) if len(spans) > 1 else 12.0
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(days))
    rank[order] = np.arange(len(days)) - np.repeat(np.cumsum(count) - count, count)
    share = np.where(count > 1, np.maximum(count - 1, 1), np.inf)[group]
    middle = np.where(count > 1, 0.5, 0.0)[group]
    return np.asarray(days + (rank / share - middle) * 0.5 * step)


def _shift_numbers(data: ShiftsFigureInput) -> dict[str, Any]:
    pairs = data.pairs
    names = ("azimuth_shift", "azimuth_sigma", "range_shift", "range_sigma")
    measured = (*names, "coherence", "azimuth_residual", "range_residual")
    return {
        "reference": data.reference_date,
        "dates": {d: {n: number(getattr(data, n)[k]) for n in names} for k, d in enumerate(data.dates)},
        "pairs": [
            {
                "earlier": data.dates[i],
                "later": data.dates[j],
                "is_coherent": bool(pairs.is_coherent[k]),
                **{n: number(getattr(pairs, n)[k]) for n in measured},
            }
            for k, (i, j) in enumerate(zip(pairs.earlier.tolist(), pairs.later.tolist(), strict=True))
        ],
    }


def draw_matrix(
    axes: Axes,
    values: npt.NDArray[np.float64],
    colours: Colormap,
    words: tuple[str, str],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    limit: float | None = None,
) -> None:
    """Draw values by row and column, hatched where unknown; ``words`` are title and unit, ``names`` of the axes."""
    dress(axes, title=words[0], grid=False)
    axes.patch.set(facecolor="white", edgecolor=NO_DATA, hatch="////", linewidth=0.0)
    if not np.isfinite(values).any():
        say(axes, "not measured")
        return
    reach = symmetric_limit(values) if limit is None else limit
    image = axes.imshow(values, cmap=colours, norm=Normalize(-reach, reach), aspect="auto", interpolation="nearest")
    for axis, texts in ((axes.yaxis, names[0]), (axes.xaxis, names[1])):
        ticks = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _MAX_TICKS)).round().astype(int))
        axis.set_ticks(ticks, [texts[k] for k in ticks])
    axes.tick_params(axis="x", labelrotation=0 if len(names[1]) <= 4 else 60, labelsize=7.5)
    axes.tick_params(axis="y", labelsize=7.5)
    text = "±π" if reach == np.pi else f"±{reach:.3g}"
    colour_bar(axes, image, f"{words[1]}, {text}")
