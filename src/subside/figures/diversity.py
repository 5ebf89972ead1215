"""Figures of spectral diversity: what each burst overlap says before and after the alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import date2num

from subside.figures.shifts import DAYS_LABEL, RESIDUAL, draw_matrix, spread_days
from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    GRID,
    INK,
    MUTED,
    PHASE,
    SECOND,
    FigureResult,
    date_axis,
    dress,
    legend,
    new_figure,
    number,
    numbers_of,
    say,
    summary,
    tidy_dates,
)


@dataclass(frozen=True)
class OverlapWindow:
    """A window of a burst overlap.

    Attributes
    ----------
    swath : str
    first, second : int
        Ids of its bursts.
    time : float
        Since the first line of the merged grid, s.
    sample : int
        First merged sample.
    """

    swath: str
    first: int
    second: int
    time: float
    sample: int

    @property
    def label(self) -> str:
        """Short name."""
        return f"{self.swath} {self.first}/{self.second % 10}"


@dataclass(frozen=True)
class OverlapsFigureInput:
    """Spectral diversity in each window of each overlap, before and after the alignment.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    earlier, later : ndarray of int, (pair,)
        Date indices.
    windows : tuple of OverlapWindow
    phase_before, phase_after : ndarray of float64, (pair, window)
        Phase of the first look's interferogram against the second's, with the geometry alone and with the shifts
        of the network, rad; NaN is no data.
    coherence_before, coherence_after : ndarray of float64, (pair, window)
        Of one look; NaN is no data.
    window_shift : ndarray of float64, (date, window)
        What each window alone would still add to the shift of a date, lines.
    trend : ndarray of float64, (date,)
        Slope of ``window_shift`` along the track, lines/s.
    """

    dates: tuple[str, ...]
    earlier: npt.NDArray[np.integer[Any]]
    later: npt.NDArray[np.integer[Any]]
    windows: tuple[OverlapWindow, ...]
    phase_before: npt.NDArray[np.float64]
    phase_after: npt.NDArray[np.float64]
    coherence_before: npt.NDArray[np.float64]
    coherence_after: npt.NDArray[np.float64]
    window_shift: npt.NDArray[np.float64]
    trend: npt.NDArray[np.float64]


def overlap_phase_figure(data: OverlapsFigureInput) -> FigureResult:
    """Draw the phase of spectral diversity before and after the alignment, and its run along the track.

    Parameters
    ----------
    data : OverlapsFigureInput
        Phases.

    Returns
    -------
    FigureResult
        Numbers: a row a window, phases before and after by pair, root mean squares in rad, and by date the shift left
        in each window (lines) and its slope along the track (lines/s).
    """
    figure = new_figure(11.0, 7.8, "Spectral diversity by burst overlap, before and after")
    panels = figure.subplots(2, 2)
    pairs = tuple(f"{data.dates[i]} {data.dates[j]}" for i, j in zip(data.earlier, data.later, strict=True))
    names = (pairs, tuple(w.label for w in data.windows))
    rms = {"before": _rms(data.phase_before), "after": _rms(data.phase_after)}
    title = f"before: geometry alone, rms {_text(rms['before'])} rad"
    draw_matrix(panels[0, 0], data.phase_before, PHASE, (title, "phase (rad)"), names, limit=np.pi)
    title = f"after: shifts of the network, rms {_text(rms['after'])} rad"
    draw_matrix(panels[0, 1], data.phase_after, RESIDUAL, (title, "phase (rad)"), names)
    _draw_along_track(panels[1, 0], data)
    _draw_trend(panels[1, 1], data)
    numbers = {
        "rms_before": number(rms["before"]),
        "rms_after": number(rms["after"]),
        "windows": _window_numbers(data),
        "pairs": _pair_numbers(data, {"before": data.phase_before, "after": data.phase_after}),
        "dates": {
            d: {"shift_left": numbers_of(data.window_shift[k]), "trend_per_second": number(data.trend[k])}
            for k, d in enumerate(data.dates)
        },
    }
    return FigureResult(figure, numbers)


def _rms(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else np.nan


def _text(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "unknown"


def _draw_along_track(axes: Axes, data: OverlapsFigureInput) -> None:
    """Shift left in each window against its place along the track; each date a dot, the medians a dash."""
    dress(axes, title="shift left along the track", xlabel="time from the first line (s)", ylabel="10⁻³ lines")
    left = 1e3 * data.window_shift
    if not np.isfinite(left).any():
        say(axes, "not measured")
        return
    time = np.array([w.time for w in data.windows])
    axes.axhline(0.0, color=MUTED, lw=0.8)
    for k, swath in enumerate(sorted({w.swath for w in data.windows})):
        chosen = np.array([w.swath == swath for w in data.windows])
        at = np.broadcast_to(time[chosen], left[:, chosen].shape)
        axes.scatter(at, left[:, chosen], s=14, alpha=0.6, linewidths=0, color=CATEGORIES[k], label=swath)
    places = np.unique(time)
    medians = [_median(left[:, time == t]) for t in places]
    axes.plot(
        places,
        medians,
        color=INK,
        lw=0,
        marker="_",
        ms=14 if len(places) <= 12 else 5,
        mew=1.6,
        label="median of dates",
    )
    axes.margins(0.06, 0.25)
    legend(axes, loc="upper left", ncols=4)


def _median(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _draw_trend(axes: Axes, data: OverlapsFigureInput) -> None:
    dress(axes, title="slope along the track, by date", ylabel="10⁻³ lines per second")
    if not np.isfinite(data.trend).any():
        say(axes, "needs overlaps at two or more times")
        return
    when = np.asarray(date2num(date_axis(data.dates)))
    axes.axhline(0.0, color=MUTED, lw=0.8)
    known = np.isfinite(data.trend)
    axes.vlines(when[known], 0.0, 1e3 * data.trend[known], color=ACCENT, lw=1.0)
    axes.scatter(when[known], 1e3 * data.trend[known], s=20, color=ACCENT, linewidths=0)
    axes.xaxis_date()
    tidy_dates(axes)
    axes.margins(0.05, 0.15)


def _window_numbers(data: OverlapsFigureInput) -> list[dict[str, Any]]:
    return [
        {"swath": w.swath, "first": w.first, "second": w.second, "time_s": number(w.time), "sample": w.sample}
        for w in data.windows
    ]


def _pair_numbers(data: OverlapsFigureInput, values: dict[str, npt.NDArray[np.float64]]) -> list[dict[str, Any]]:
    return [
        {"earlier": data.dates[i], "later": data.dates[j], **{n: numbers_of(v[k]) for n, v in values.items()}}
        for k, (i, j) in enumerate(zip(data.earlier.tolist(), data.later.tolist(), strict=True))
    ]


def joint_coherence(coherence: npt.NDArray[np.float64], phase: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Coherence of the mean of both looks' interferograms, ``c |cos(phase / 2)|`` for looks of equal strength."""
    return np.asarray(coherence * np.abs(np.cos(0.5 * phase)))


def overlap_coherence_figure(data: OverlapsFigureInput) -> FigureResult:
    """Draw the coherence of each overlap before and after the alignment.

    The coherence of one look hardly feels a shift, but both looks together do: their interferograms differ by the phase
    of spectral diversity, and :func:`joint_coherence` is what is left of their mean.

    Parameters
    ----------
    data : OverlapsFigureInput
        Coherences and phases.

    Returns
    -------
    FigureResult
        Numbers: a row a window, joint and single-look coherence before and after by pair, and their summaries.
    """
    before = joint_coherence(data.coherence_before, data.phase_before)
    after = joint_coherence(data.coherence_after, data.phase_after)
    figure = new_figure(11.0, 5.0, "Coherence of the burst overlaps before and after spectral diversity")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.25))
    _draw_before_after(left, data, before, after)
    _draw_by_days(right, data, before, after)
    values = {
        "joint_before": before,
        "joint_after": after,
        "single_look_before": data.coherence_before,
        "single_look_after": data.coherence_after,
    }
    numbers = {
        **{n: summary(v) for n, v in values.items()},
        "windows": _window_numbers(data),
        "pairs": _pair_numbers(data, values),
    }
    return FigureResult(figure, numbers)


def _draw_before_after(
    axes: Axes, data: OverlapsFigureInput, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]
) -> None:
    dress(axes, title="both looks averaged, by pair and window", xlabel="coherence before", ylabel="coherence after")
    if not (np.isfinite(before) & np.isfinite(after)).any():
        say(axes, "not measured")
        return
    for k, swath in enumerate(sorted({w.swath for w in data.windows})):
        chosen = np.array([w.swath == swath for w in data.windows])
        axes.scatter(
            before[:, chosen], after[:, chosen], s=18, alpha=0.7, linewidths=0, color=CATEGORIES[k], label=swath
        )
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--", label="no change")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    legend(axes, loc="lower right")


def _draw_by_days(
    axes: Axes, data: OverlapsFigureInput, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]
) -> None:
    """Mean of the windows by pair: one look as the bound, both looks before and after."""
    dress(
        axes,
        title="mean of the windows, by pair",
        xlabel=DAYS_LABEL,
        ylabel="coherence",
    )
    when = np.asarray(date2num(date_axis(data.dates)))
    days = spread_days(when[data.later] - when[data.earlier])
    size = 22 if len(days) <= 40 else 8
    means = [_row_means(v) for v in (data.coherence_after, before, after)]
    if not any(np.isfinite(m).any() for m in means):
        say(axes, "not measured")
        return
    axes.vlines(days, means[1], means[2], color=GRID, lw=1.0, zorder=1)
    looks: tuple[tuple[npt.NDArray[np.float64], str, dict[str, Any]], ...] = (
        (means[0], "one look: the most there is", {"marker": "_", "color": INK, "s": 3 * size}),
        (means[1], "both looks averaged, before", {"marker": "o", "color": SECOND, "s": size, "linewidths": 0}),
        (means[2], "both looks averaged, after", {"marker": "o", "color": ACCENT, "s": size, "linewidths": 0}),
    )
    for values, label, style in looks:
        axes.scatter(days, values, label=label, **style)
    axes.set_ylim(0, 1)
    axes.margins(0.06)
    legend(axes, loc="upper right", bbox_to_anchor=(1.0, -0.12), ncols=3, columnspacing=1.0, handletextpad=0.2)


def _row_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    known = np.isfinite(values)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(1) / np.maximum(count, 1), np.nan)
