"""Figures of the interferogram network and of the coherence it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.dates import date2num

from subside.figures.style import (
    ACCENT,
    INK,
    MUTED,
    NO_DATA,
    QUALITY,
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
    tidy_dates,
)
from subside.model.network import Network, PairStatus

_COLOURS: Final = {PairStatus.KEPT: ACCENT, PairStatus.ADDED: SECOND, PairStatus.DROPPED: NO_DATA}
_ORDER: Final = (PairStatus.DROPPED, PairStatus.KEPT, PairStatus.ADDED)


@dataclass(frozen=True)
class NetworkFigureInput:
    """The network of a track.

    Attributes
    ----------
    network : Network
        Pairs, what became of each and why.
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    bperp : ndarray of float64, (date,), or None
        Perpendicular baseline of each date relative to the reference, m; None is unknown.
    reference_date : str
        ``YYYYMMDD``; empty where there is none.
    """

    network: Network
    dates: tuple[str, ...]
    bperp: npt.NDArray[np.float64] | None = None
    reference_date: str = ""


@dataclass(frozen=True)
class CoherenceFigureInput:
    """Surveyed coherence.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    earlier, later : ndarray of int, (pair,)
        Date indices of the surveyed pairs.
    coherence : ndarray of float, (pair,)
        Mean coherence, 0 to 1; NaN was not surveyed.
    threshold : float or None
        Coherence below which pairs are dropped.
    """

    dates: tuple[str, ...]
    earlier: npt.NDArray[np.integer[Any]]
    later: npt.NDArray[np.integer[Any]]
    coherence: npt.NDArray[np.floating]
    threshold: float | None = None


def network_figure(data: NetworkFigureInput) -> FigureResult:
    """Draw dates against perpendicular baseline (against their number where baselines are unknown).

    Parameters
    ----------
    data : NetworkFigureInput
        The network.

    Returns
    -------
    FigureResult
        Numbers: a row a pair, links a date, and counts.
    """
    figure = new_figure(9.5, 5.2, "Interferogram network")
    axes = figure.add_subplot()
    is_known = draw_network(axes, data)
    legend(axes, loc="upper left", bbox_to_anchor=(0.0, -0.08), ncols=6)
    return FigureResult(figure, network_numbers(data, is_known=is_known))


def draw_network(axes: Axes, data: NetworkFigureInput, *, title: str = "") -> bool:
    """Draw a network in a panel; returns whether the vertical axis is the perpendicular baseline."""
    network = data.network
    is_known = data.bperp is not None and bool(np.isfinite(data.bperp).all())
    vertical = data.bperp if is_known and data.bperp is not None else np.arange(network.n_dates, dtype=float)
    when = np.asarray(date2num(date_axis(data.dates)))
    label = "perpendicular baseline (m)" if is_known else "date number (baselines unknown)"
    dress(axes, title=title, ylabel=label)
    _draw_pairs(axes, network, when, vertical)
    _draw_dates(axes, data, when, vertical)
    axes.xaxis_date()
    tidy_dates(axes)
    axes.margins(0.04, 0.08)
    return is_known


def _draw_pairs(axes: Axes, network: Network, when: npt.NDArray[np.float64], vertical: npt.NDArray[np.float64]) -> None:
    status = np.array(network.status, dtype=object)
    for zorder, kind in enumerate(_ORDER, start=1):
        chosen = np.flatnonzero((status == kind) & ~network.is_bridge)
        label = f"{kind.value}: {int(np.count_nonzero(status == kind))}"
        _draw_lines(axes, network, chosen, (when, vertical), color=_COLOURS[kind], label=label, zorder=zorder)
    bridges = np.flatnonzero(network.is_bridge & network.is_used)
    if len(bridges):
        label = f"single bridge: {len(bridges)}"
        _draw_lines(axes, network, bridges, (when, vertical), color=SINKING, label=label, zorder=5, width=2.2)


def _draw_lines(
    axes: Axes,
    network: Network,
    chosen: npt.NDArray[np.int64],
    places: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    *,
    color: str,
    label: str,
    zorder: int,
    width: float = 0.9,
) -> None:
    ends = np.stack([network.earlier[chosen], network.later[chosen]], axis=1)
    segments = np.stack([places[0][ends], places[1][ends]], axis=2)
    lines = LineCollection(list(segments), colors=color, linewidths=width, label=label, zorder=zorder)
    axes.add_collection(lines)


def _draw_dates(
    axes: Axes,
    data: NetworkFigureInput,
    when: npt.NDArray[np.float64],
    vertical: npt.NDArray[np.float64],
) -> None:
    axes.scatter(when, vertical, s=22, color=INK, zorder=6, linewidths=0, label=f"dates: {len(when)}")
    if data.reference_date in data.dates:
        index = data.dates.index(data.reference_date)
        axes.scatter(
            when[index],
            vertical[index],
            s=110,
            facecolors="none",
            edgecolors=SINKING,
            linewidths=1.5,
            zorder=7,
            label=f"reference {data.reference_date}",
        )


def network_numbers(data: NetworkFigureInput, *, is_known: bool) -> dict[str, Any]:
    """Counts, links of each date and a row a pair, as JSON values."""
    network = data.network
    status = [s.value for s in network.status]
    links = np.bincount(network.used.ravel(), minlength=network.n_dates)
    return {
        "n_dates": network.n_dates,
        "reference_date": data.reference_date or None,
        "n_kept": status.count("kept"),
        "n_dropped": status.count("dropped"),
        "n_added": status.count("added"),
        "n_bridges": int(np.count_nonzero(network.is_bridge & network.is_used)),
        "links": dict(zip(data.dates, links.tolist(), strict=True)),
        "bperp_m": {
            d: number(b) for d, b in zip(data.dates, data.bperp if data.bperp is not None else [], strict=is_known)
        },
        "pairs": [
            {
                "earlier": data.dates[i],
                "later": data.dates[j],
                "days": number(network.days[j] - network.days[i]),
                "bperp_m": number(network.bperp[k]),
                "coherence": number(network.coherence[k]),
                "status": status[k],
                "is_bridge": bool(network.is_bridge[k]),
                "reason": network.reason[k],
            }
            for k, (i, j) in enumerate(zip(network.earlier.tolist(), network.later.tolist(), strict=True))
        ],
    }


def coherence_figure(data: CoherenceFigureInput) -> FigureResult:
    """Draw the coherence of each surveyed pair as a matrix and against the time between its dates.

    Parameters
    ----------
    data : CoherenceFigureInput
        The survey.

    Returns
    -------
    FigureResult
        Numbers: a row a pair and medians by class of days.
    """
    n = len(data.dates)
    when = np.asarray(date2num(date_axis(data.dates)))
    days = when[data.later] - when[data.earlier]
    coherence = np.asarray(data.coherence, np.float64)
    is_known = np.isfinite(coherence)
    figure = new_figure(10.5, 4.7, "Surveyed coherence")
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.15])
    matrix = np.full((n, n), np.nan)
    matrix[data.earlier, data.later] = coherence
    matrix[data.later, data.earlier] = coherence
    dress(left, title="by date", grid=False)
    left.set_facecolor(NO_DATA)
    norm = Normalize(0.0, max(float(coherence[is_known].max()), 0.1) if is_known.any() else 1.0)
    colour_bar(left, left.imshow(matrix, cmap=QUALITY, norm=norm, interpolation="nearest"), "coherence")
    ticks = np.unique(np.linspace(0, n - 1, min(n, 6)).round().astype(int))
    left.set_xticks(ticks, [data.dates[k] for k in ticks], rotation=35, ha="right")
    left.set_yticks(ticks, [data.dates[k] for k in ticks])
    dress(right, title="by time between dates", xlabel="days", ylabel="coherence")
    medians = _median_by_days(days[is_known], coherence[is_known])
    if is_known.any():
        right.scatter(days[is_known], coherence[is_known], s=12, color=ACCENT, alpha=0.45, linewidths=0)
        right.plot([m["days"] for m in medians], [m["median"] for m in medians], color=INK, lw=1.5, label="median")
        right.set_ylim(0, None)
    else:
        say(right, "no pair was surveyed")
    if data.threshold is not None:
        right.axhline(data.threshold, color=SINKING, lw=1, ls="--", label=f"threshold {data.threshold:.2f}")
    if right.get_legend_handles_labels()[0]:
        legend(right, loc="upper right")
    for spine in left.spines.values():
        spine.set_color(MUTED)
    numbers = {
        "threshold": number(data.threshold),
        "median_by_days": medians,
        "pairs": [
            {"earlier": data.dates[i], "later": data.dates[j], "days": number(t), "coherence": number(c)}
            for i, j, t, c in zip(data.earlier.tolist(), data.later.tolist(), days, coherence, strict=True)
        ],
    }
    return FigureResult(figure, numbers)


def _median_by_days(
    days: npt.NDArray[np.float64], coherence: npt.NDArray[np.float64]
) -> list[dict[str, float | int | None]]:
    """Median coherence in at most a dozen classes of equal width in days."""
    if not len(days):
        return []
    edges = np.linspace(days.min(), days.max() + 1e-9, 13)
    group = np.clip(np.digitize(days, edges) - 1, 0, 11)
    return [
        {
            "days": number(days[group == g].mean()),
            "median": number(np.median(coherence[group == g])),
            "n_pairs": int(np.count_nonzero(group == g)),
        }
        for g in np.unique(group)
    ]
