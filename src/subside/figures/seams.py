"""Figure of the phase jumps at the cuts between bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from subside.figures.style import (
    ACCENT,
    GRID,
    INK,
    MUTED,
    SECOND,
    FigureResult,
    dress,
    histogram,
    legend,
    new_figure,
    number,
    numbers_of,
    say,
    symmetric_limit,
)

_MAX_BARS: Final = 120


@dataclass(frozen=True)
class SeamsFigureInput:
    """Phase jumps of pairs at the cuts between bursts.

    Attributes
    ----------
    dates : sequence of str, (date,)
        ``YYYYMMDD``.
    reference_date : str
    earlier, later : ndarray of int, (pair,)
        Date indices.
    cuts : tuple of (str, int, int, int)
        Swath, ids of the bursts before and after, first merged line of the later one.
    jump, sigma : ndarray of float64, (pair, cut)
        rad, and the standard deviation expected from the coherence; NaN where nothing is coherent.
    """

    dates: tuple[str, ...]
    reference_date: str
    earlier: npt.NDArray[np.integer[Any]]
    later: npt.NDArray[np.integer[Any]]
    cuts: tuple[tuple[str, int, int, int], ...]
    jump: npt.NDArray[np.float64]
    sigma: npt.NDArray[np.float64]

    @property
    def is_with_reference(self) -> npt.NDArray[np.bool_]:
        """Pairs that hold the reference date."""
        reference = self.dates.index(self.reference_date) if self.reference_date in self.dates else -1
        return np.asarray((self.earlier == reference) | (self.later == reference))


def seams_figure(data: SeamsFigureInput) -> FigureResult:
    """Draw the phase jump of each pair at each cut, and its distribution against the noise expected.

    Parameters
    ----------
    data : SeamsFigureInput
        The jumps.

    Returns
    -------
    FigureResult
        Numbers: greatest and root mean square jump (rad), the latter also in expected standard deviations, a row a cut,
        and a row a pair with its jumps.
    """
    known = np.isfinite(data.jump)
    worst = float(np.abs(data.jump[known]).max()) if known.any() else np.nan
    overall = _rms(data.jump)
    ratio = np.divide(data.jump, data.sigma, out=np.full(data.jump.shape, np.nan), where=known & (data.sigma > 0))
    words = f", rms {overall:.2g} rad, greatest {worst:.2g} rad" if known.any() else ""
    figure = new_figure(11.0, 4.8, f"Phase jumps at {len(data.cuts)} burst cuts{words}")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1.0))
    _draw_jumps(left, data)
    counts = _draw_ratio(right, ratio)
    numbers = {
        "reference": data.reference_date or None,
        "max_jump": number(worst),
        "rms_jump": number(overall),
        "rms_in_sigma": number(_rms(ratio)),
        "median_sigma": number(np.median(data.sigma[known])) if known.any() else None,
        "n_unknown": int(np.count_nonzero(~known)),
        "in_sigma": counts,
        "cuts": [{"swath": s, "earlier_burst": a, "later_burst": b, "line": n} for s, a, b, n in data.cuts],
        "pairs": [
            {
                "earlier": data.dates[i],
                "later": data.dates[j],
                "max_jump": number(_largest(data.jump[k])),
                "rms_jump": number(_rms(data.jump[k])),
                "jump": numbers_of(data.jump[k]),
                "sigma": numbers_of(data.sigma[k]),
            }
            for k, (i, j) in enumerate(zip(data.earlier.tolist(), data.later.tolist(), strict=True))
        ],
    }
    return FigureResult(figure, numbers)


def _rms(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else np.nan


def _largest(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.abs(known).max()) if known.size else np.nan


def _draw_jumps(axes: Axes, data: SeamsFigureInput) -> None:
    """A column of dots a cut: pairs with the reference to the left, the others to the right."""
    dress(axes, title="by cut; bars and band: ± 2σ of noise", ylabel="phase jump (rad)")
    if not np.isfinite(data.jump).any():
        say(axes, "no cut, or no pair coherent at one")
        return
    n_pairs, n_cuts = data.jump.shape
    spread = np.median(np.where(np.isfinite(data.sigma), data.sigma, np.nanmedian(data.sigma)), axis=0)
    place = np.arange(n_cuts)
    has_bars = n_pairs * n_cuts <= _MAX_BARS
    axes.bar(place, 4 * spread, 0.84, bottom=-2 * spread, color=GRID, linewidth=0, zorder=0)
    axes.axhline(0.0, color=MUTED, lw=0.8)
    kinds = ((data.is_with_reference, ACCENT, "with the reference"), (~data.is_with_reference, SECOND, "other dates"))
    for side, (chosen, colour, label) in zip((-1, 1), kinds, strict=True):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        offset = side * (0.04 + 0.34 * (np.arange(len(rows)) + 0.5) / len(rows))
        x = place[None, :] + offset[:, None]
        jump, sigma = data.jump[rows], data.sigma[rows]
        if has_bars:
            drawn = np.isfinite(jump)
            axes.errorbar(x[drawn], jump[drawn], 2 * sigma[drawn], fmt="none", ecolor=colour, elinewidth=0.8)
        axes.scatter(x, jump, s=16 if n_pairs <= 30 else 5, color=colour, linewidths=0, label=label, zorder=3)
    ticks = np.unique(np.linspace(0, n_cuts - 1, min(n_cuts, 8)).round().astype(int))
    texts = [f"{s}\n{a}/{b % 10}" for s, a, b, _ in data.cuts]
    axes.set_xticks(ticks, [texts[k] for k in ticks])
    axes.set_xlim(-0.6, n_cuts - 0.4)
    tops = np.abs(data.jump) + (2 * data.sigma if has_bars else 0.0)
    reach = 1.15 * symmetric_limit(np.concatenate([tops.ravel(), 2 * spread]), share=1.0)
    axes.set_ylim(-reach, reach)
    legend(axes, loc="upper left", ncols=2)


def _draw_ratio(axes: Axes, ratio: npt.NDArray[np.float64]) -> dict[str, list[float | None]]:
    edges = np.linspace(-6.0, 6.0, 25)
    counts, numbers = histogram(ratio, edges)
    dress(axes, title="against noise alone", xlabel="jump over its expected σ", ylabel="pairs × cuts")
    if not counts.any():
        say(axes, "nothing to count")
        return numbers
    axes.bar(0.5 * (edges[1:] + edges[:-1]), counts, np.diff(edges), color=ACCENT, alpha=0.75, linewidth=0)
    x = np.linspace(-6, 6, 241)
    normal = counts.sum() * (edges[1] - edges[0]) * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    axes.plot(x, normal, color=INK, lw=1.3, label="noise alone")
    axes.set_xlim(-6, 6)
    legend(axes, loc="upper left")
    return numbers
