"""Colours, scales and panels shared by every figure.

Rates and displacements are red where the ground sinks or moves away and blue where it rises or moves toward the
satellite, on a symmetric scale whose range and unit are printed. The maps are perceptually uniform and safe for
colour-blind readers (scientific colour maps of F. Crameri).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, Normalize
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from subside.errors import ArgumentError
from subside.model.stack import parse_dates

MOTION: Final[Colormap] = cm.vik_r
"""Rates and displacements: red negative (sinking, away), blue positive (rising, toward)."""

QUALITY: Final[Colormap] = cm.batlow
"""Coherence and counts: dark is low, light is high."""

SPREAD: Final[Colormap] = cm.lajolla_r
"""Standard deviations: light is small, dark is large."""

PHASE: Final[Colormap] = cm.romaO
"""Wrapped phase, cyclic."""

INK: Final = "#22272e"
MUTED: Final = "#7a828e"
GRID: Final = "#dfe3e8"
NO_DATA: Final = "#c3c8cf"
ACCENT: Final = "#1f6f8b"
SECOND: Final = "#c2703d"
SINKING: Final = "#9c2f1f"
CATEGORIES: Final = ("#1f6f8b", "#c2703d", "#6a8d3a", "#7b5ea7", "#b0485f", "#4d4d4d")
"""Hues of classes, apart in lightness as well."""

NORMAL_95: Final = 1.959964
"""Half-width of a 95 % interval of a normal distribution, in standard deviations."""

LOS_NOTE: Final = "+ toward the satellite"
"""Sign printed beside every line-of-sight quantity."""


@dataclass(frozen=True)
class FigureResult:
    """A figure and the numbers behind it.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Not known to pyplot; save it with ``savefig``.
    numbers : dict
        JSON values; unknown numbers are None.
    """

    figure: Figure
    numbers: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse numbers that JSON cannot carry."""
        json.dumps(self.numbers, allow_nan=False)


def new_figure(width: float, height: float, title: str) -> Figure:
    """Make an empty figure of a size in inches with a title at its upper left."""
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    return figure


def dress(axes: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: bool = True) -> None:
    """Give a panel its title, labels, light frame and grid."""
    axes.set_title(title, fontsize=9.5, color=INK, loc="left")
    axes.set_xlabel(xlabel, fontsize=8.5, color=INK)
    axes.set_ylabel(ylabel, fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
        axes.spines[side].set_linewidth(0.6)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, color=GRID, linewidth=0.6)


def say(axes: Axes, text: str) -> None:
    """Write a sentence in an empty panel, in place of data that are not there."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=9, color=MUTED, wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend in the house style."""
    axes.legend(**{"fontsize": 8, "frameon": False, "labelcolor": INK, **options})


def colour_bar(axes: Axes, mappable: Any, label: str, *, extend: Literal["neither", "max"] = "neither") -> None:
    """Add a colour bar beside a panel."""
    bar = axes.figure.colorbar(mappable, ax=axes, shrink=0.85, pad=0.015, aspect=28, extend=extend)
    bar.set_label(label, fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    bar.outline.set_linewidth(0.4)


def symmetric_limit(values: npt.NDArray[np.floating], *, share: float = 0.995) -> float:
    """Half-range of a symmetric scale: the smallest 1, 1.5, 2, 3, 4, 6 or 8 times a power of ten that holds ``share``.

    Parameters
    ----------
    values : ndarray
        NaN is ignored.
    share : float
        Part of the values that must fit.

    Returns
    -------
    float
        1 where there are no values or all are zero.
    """
    known = np.abs(values[np.isfinite(values)])
    reach = float(np.quantile(known, share)) if known.size else 0.0
    if reach <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(reach))
    steps = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
    return next(step * power for step in steps if step * power >= reach * (1 - 1e-9))


def motion_norm(limit: float) -> Normalize:
    """Symmetric scale ``-limit`` to ``limit`` for :data:`MOTION`.

    Raises
    ------
    ArgumentError
        If ``limit`` is not positive.
    """
    if not limit > 0:
        raise ArgumentError(f"`limit` must be positive, got {limit}")
    return Normalize(-limit, limit)


def robust_norm(values: npt.NDArray[np.floating], *, low: float | None = None) -> Normalize:
    """Scale from ``low`` (or the 1 % quantile) to the 99 % quantile; NaN is ignored."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Normalize(0.0, 1.0)
    bottom = float(np.quantile(known, 0.01)) if low is None else low
    top = float(np.quantile(known, 0.99))
    return Normalize(bottom, top if top > bottom else bottom + max(abs(bottom), 1.0) * 1e-3)


def summary(values: npt.NDArray[Any]) -> dict[str, float | int | None]:
    """Count, unknowns and quantiles of an array as JSON values."""
    flat = np.asarray(values, np.float64).ravel()
    known = flat[np.isfinite(flat)]
    result: dict[str, float | int | None] = {"n": int(flat.size), "n_unknown": int(flat.size - known.size)}
    names = ("minimum", "p05", "median", "p95", "maximum")
    quantiles = np.quantile(known, [0, 0.05, 0.5, 0.95, 1]) if known.size else [None] * 5
    result.update({n: number(q) for n, q in zip(names, quantiles, strict=True)})
    result["mean"] = number(known.mean()) if known.size else None
    return result


def number(value: Any) -> float | None:
    """A float for JSON with six significant digits; None where unknown."""
    if value is None or not math.isfinite(float(value)):
        return None
    return float(f"{float(value):.6g}")


def numbers_of(values: npt.NDArray[Any]) -> list[float | None]:
    """A list of floats for JSON; None where unknown."""
    return [number(v) for v in np.asarray(values).ravel().tolist()]


def histogram(
    values: npt.NDArray[Any], edges: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], dict[str, list[float | None]]]:
    """Counts in bins, values beyond the ends in the end bins, and the same as JSON values."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    counts = np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0].astype(np.int64)
    return counts, {"edges": numbers_of(edges), "counts": numbers_of(counts)}


def date_axis(dates: Sequence[str]) -> npt.NDArray[np.datetime64]:
    """Dates ``YYYYMMDD`` as matplotlib takes them."""
    return parse_dates(list(dates))


def tidy_dates(axes: Axes) -> None:
    """Short date labels on the horizontal axis."""
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(8)
