"""Figures of two tracks checked against each other; vertical rates in mm/yr, differences second minus first."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from subside.conventions import MM_PER_M
from subside.figures.style import (
    ACCENT,
    CATEGORIES,
    INK,
    MOTION,
    MUTED,
    NO_DATA,
    QUALITY,
    SECOND,
    SINKING,
    FigureResult,
    colour_bar,
    dress,
    histogram,
    legend,
    motion_norm,
    new_figure,
    number,
    say,
    summary,
    symmetric_limit,
)
from subside.ops.two_tracks.agreement import TrackAgreement
from subside.ops.two_tracks.statistics import Estimate
from subside.ops.two_tracks.strata import Stratum

FloatArray = npt.NDArray[np.float64]

_SHARE: Final = 0.998
_N_BINS: Final = 61
_MOST_RASTER: Final = 4_000_000
_KILOMETRE: Final = 1000.0


def estimate_numbers(estimate: Estimate, *, scale: float = 1.0) -> dict[str, float | None]:
    """A number with its interval as JSON values."""
    return {k: number(getattr(estimate, k) * scale) for k in ("value", "low", "high")}


def _span(low: float, high: float, decimals: int = 2) -> str:
    return f" [{low:.{decimals}f}, {high:.{decimals}f}]" if np.isfinite(low) and np.isfinite(high) else ""


def _words(name: str, estimate: Estimate, *, unit: str = "", decimals: int = 2) -> str:
    scale = MM_PER_M if unit else 1.0
    value, low, high = (scale * v for v in (estimate.value, estimate.low, estimate.high))
    return f"{name} = {value:.{decimals}f}{_span(low, high, decimals)}{' ' + unit if unit else ''}"


def agreement_figure(agreement: TrackAgreement, *, names: tuple[str, str]) -> FigureResult:
    """Draw the rates of two tracks against each other, and the histogram of their difference.

    Parameters
    ----------
    agreement : TrackAgreement
        Result of the comparison.
    names : tuple of str
        Names of the first and the second track.

    Returns
    -------
    FigureResult
        Numbers: statistics with 95 % intervals in mm/yr, and the histogram.
    """
    s = agreement.statistics
    first, second = agreement.cells.first.mean * MM_PER_M, agreement.cells.second.mean * MM_PER_M
    figure = new_figure(
        10.4, 4.9, f"Vertical rates of two tracks, {s.n:,} cells of {agreement.spacing:g} m (mm/yr, + up)"
    )
    left, right = figure.subplots(1, 2)
    _scatter(left, agreement, first, second, names=names)
    counts = _difference_histogram(right, agreement)
    return FigureResult(
        figure,
        {
            "unit": "mm/yr",
            "n_cells": s.n,
            "n_effective": number(s.n_effective),
            "pearson": estimate_numbers(s.pearson),
            "rmse": estimate_numbers(s.rmse, scale=MM_PER_M),
            "bias": estimate_numbers(s.bias, scale=MM_PER_M),
            "sigma": estimate_numbers(s.sigma, scale=MM_PER_M),
            "deming_slope": estimate_numbers(s.slope),
            "deming_intercept": estimate_numbers(s.intercept, scale=MM_PER_M),
            "histogram": counts,
        },
    )


def _scatter(
    axes: Axes, agreement: TrackAgreement, first: FloatArray, second: FloatArray, *, names: tuple[str, str]
) -> None:
    s = agreement.statistics
    both = np.concatenate([first, second])
    low, high = np.quantile(both, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    margin = 0.05 * max(high - low, 0.1)
    reach = (float(low - margin), float(high + margin))
    dress(axes, title="a  rates of the cells", xlabel=f"{names[0]} (mm/yr)", ylabel=f"{names[1]} (mm/yr)")
    drawn = axes.hexbin(
        np.clip(first, *reach),
        np.clip(second, *reach),
        gridsize=55,
        extent=(*reach, *reach),
        cmap=QUALITY.reversed(),
        norm=LogNorm(1, None),
        mincnt=1,
        linewidths=0.1,
    )
    colour_bar(axes, drawn, "cells")
    line = np.array(reach)
    axes.plot(line, line, color=MUTED, lw=1.0, ls="--", label="1 : 1")
    axes.plot(
        line,
        s.intercept.value * MM_PER_M + s.slope.value * line,
        color=SECOND,
        lw=1.6,
        label=f"Deming line, slope {s.slope.value:.2f}{_span(s.slope.low, s.slope.high)}",
    )
    axes.set_xlim(reach)
    axes.set_ylim(reach)
    axes.set_aspect("equal", adjustable="box")
    text = "\n".join([_words("r", s.pearson), _words("RMSE", s.rmse, unit="mm/yr")])
    axes.text(
        0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=8, color=INK,
        bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 2},
    )  # fmt: skip
    legend(axes, loc="lower right", fontsize=7.5, frameon=True, facecolor="white", framealpha=0.8, edgecolor="none")


def _difference_histogram(axes: Axes, agreement: TrackAgreement) -> dict[str, Any]:
    s = agreement.statistics
    difference = agreement.cells.difference * MM_PER_M
    bias, sigma = s.bias.value * MM_PER_M, s.sigma.value * MM_PER_M
    half = max(3.5 * sigma, float(np.quantile(np.abs(difference - bias), 0.99)), 1e-3)
    edges = np.linspace(bias - half, bias + half, _N_BINS)
    counts, numbers = histogram(difference, edges)
    width = edges[1] - edges[0]
    dress(axes, title="b  second minus first", xlabel="difference (mm/yr)", ylabel="cells")
    axes.bar(edges[:-1], counts, width=width, align="edge", color=ACCENT, alpha=0.55, linewidth=0)
    x = np.linspace(edges[0], edges[-1], 400)

    def normal(spread: float) -> FloatArray:
        result: FloatArray = s.n * width * np.exp(-0.5 * ((x - bias) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        return result

    if sigma > 0:
        axes.plot(x, normal(sigma), color=INK, lw=1.2, label=f"normal, observed σ {sigma:.2f}")
    for row, colour, style in zip(
        agreement.calibration, (MUTED, *CATEGORIES[1:]), (":", "--", "-.", "-"), strict=False
    ):
        predicted = row.predicted * MM_PER_M
        if row.definition in ("stated", "with scatter") and np.isfinite(predicted) and predicted > 0:
            axes.plot(x, normal(predicted), color=colour, lw=1.4, ls=style,
                      label=f"predicted, {row.definition}: σ {predicted:.2f}")  # fmt: skip
    axes.axvline(bias, color=SECOND, lw=1.2)
    axes.set_ylim(0, 1.9 * float(max(counts.max(), 1)))
    text = "\n".join([_words("mean", s.bias, unit="mm/yr"), _words("σ", s.sigma, unit="mm/yr"),
                      _words("σ/√2 per track", s.sigma_per_track, unit="mm/yr")])  # fmt: skip
    axes.text(0.02, 0.98, text, transform=axes.transAxes, va="top", fontsize=8, color=INK)
    legend(axes, loc="upper left", bbox_to_anchor=(0.0, 0.84), fontsize=7.5)
    return numbers


def difference_map_figure(agreement: TrackAgreement, *, names: tuple[str, str]) -> FigureResult:
    """Map the difference of two tracks, cell by cell.

    Parameters
    ----------
    agreement : TrackAgreement
        Result of the comparison.
    names : tuple of str
        Names of the tracks.

    Returns
    -------
    FigureResult
        Numbers: the scale and a summary of the differences, mm/yr.
    """
    cells = agreement.cells
    values = cells.difference * MM_PER_M
    limit = symmetric_limit(values, share=0.98)
    width, height = map_size(cells.easting, cells.northing, width=8.4)
    figure = new_figure(width, height, f"Difference of vertical rates, {names[1]} minus {names[0]}")
    axes = figure.subplots()
    label = f"{names[1]} minus {names[0]} (mm/yr), scale ±{limit:g}"
    draw_cells(
        axes,
        (cells.easting, cells.northing),
        values,
        spacing=agreement.spacing,
        look=(MOTION, motion_norm(limit), label),
    )
    return FigureResult(figure, {"unit": "mm/yr", "limit": limit, "crs": agreement.crs, "difference": summary(values)})


def map_size(easting: FloatArray, northing: FloatArray, *, width: float) -> tuple[float, float]:
    """Size in inches of a figure with one map of these places and a colour bar beside it."""
    ratio = float(np.ptp(northing)) / max(float(np.ptp(easting)), 1.0)
    return width, float(np.clip((width - 1.8) * ratio + 1.1, 3.0, 9.5))


def draw_cells(
    axes: Axes,
    places: tuple[FloatArray, FloatArray],
    values: FloatArray,
    *,
    spacing: float,
    look: tuple[Any, Any, str],
    title: str = "",
) -> None:
    """Draw cells of a grid at their true size, kilometres on the axes.

    Parameters
    ----------
    axes : Axes
        Panel.
    places : tuple of ndarray of float64, (cell,)
        Easting and northing of the centres, m.
    values : ndarray of float64, (cell,)
        NaN is not drawn.
    spacing : float
        Side of a cell, m.
    look : tuple
        Colour map, scale and label of the colour bar.
    title : str
        Title of the panel.
    """
    colours, norm, label = look
    dress(axes, title=title, xlabel="easting (km)", ylabel="northing (km)", grid=False)
    axes.set_facecolor("#eef0f2")
    known = np.isfinite(values)
    if not known.any():
        say(axes, "no cell to draw")
        return
    column, row = (np.rint((c[known] - c[known].min()) / spacing).astype(np.int64) for c in places)
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    merge = max(int(np.ceil(np.sqrt(shape[0] * shape[1] / _MOST_RASTER))), 1)
    shape = (shape[0] // merge + 1, shape[1] // merge + 1)
    flat = row // merge * shape[1] + column // merge
    count = np.bincount(flat, minlength=shape[0] * shape[1])
    total = np.bincount(flat, values[known], shape[0] * shape[1])
    image = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0).reshape(shape)
    step = spacing * merge
    west, south = (float(c[known].min()) - spacing / 2 for c in places)
    west, east, south, north = (v / _KILOMETRE for v in (west, west + shape[1] * step, south, south + shape[0] * step))
    drawn = axes.imshow(
        image, extent=(west, east, south, north), origin="lower", cmap=colours, norm=norm, interpolation="nearest"
    )
    axes.set_aspect("equal", adjustable="box")
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(nbins=6)
    colour_bar(axes, drawn, label)


def bland_altman_figure(agreement: TrackAgreement, *, names: tuple[str, str]) -> FigureResult:
    """Draw the difference of two tracks against their mean, with the limits of agreement (Bland and Altman 1986).

    Parameters
    ----------
    agreement : TrackAgreement
        Result of the comparison.
    names : tuple of str
        Names of the tracks.

    Returns
    -------
    FigureResult
        Numbers: bias and limits with intervals, and the share of cells within the limits.
    """
    s = agreement.statistics
    mean = 0.5 * (agreement.cells.first.mean + agreement.cells.second.mean) * MM_PER_M
    difference = agreement.cells.difference * MM_PER_M
    figure = new_figure(7.6, 4.6, f"Limits of agreement, {names[1]} minus {names[0]}")
    axes = figure.subplots()
    dress(axes, xlabel="mean of the two vertical rates (mm/yr)", ylabel="difference (mm/yr)")
    across = np.quantile(mean, [(1 - _SHARE) / 2, (1 + _SHARE) / 2]) + np.array([-1, 1]) * 1e-6
    up = np.quantile(difference, [(1 - _SHARE) / 2, (1 + _SHARE) / 2]) + np.array([-1, 1]) * 1e-6
    drawn = axes.hexbin(
        np.clip(mean, *across), np.clip(difference, *up), gridsize=(60, 34), cmap=QUALITY.reversed(),
        norm=LogNorm(1, None), mincnt=1, linewidths=0.1,
    )  # fmt: skip
    colour_bar(axes, drawn, "cells")
    rows = (
        ("bias", s.bias, SECOND, "-"),
        ("lower limit", s.limits[0], SINKING, "--"),
        ("upper limit", s.limits[1], SINKING, "--"),
    )
    for name, estimate, colour, style in rows:
        value, low, high = (v * MM_PER_M for v in (estimate.value, estimate.low, estimate.high))
        axes.axhline(value, color=colour, lw=1.3, ls=style)
        if np.isfinite(low) and np.isfinite(high):
            axes.axhspan(low, high, color=colour, alpha=0.12, linewidth=0)
        axes.annotate(
            f"{name} {value:+.2f}{_span(low, high)}", (1.0, value), xycoords=("axes fraction", "data"), ha="right",
            xytext=(-3, 2), textcoords="offset points", fontsize=7.5, color=INK,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
        )  # fmt: skip
    within = (difference >= s.limits[0].value * MM_PER_M) & (difference <= s.limits[1].value * MM_PER_M)
    return FigureResult(
        figure,
        {
            "unit": "mm/yr",
            "bias": estimate_numbers(s.bias, scale=MM_PER_M),
            "lower_limit": estimate_numbers(s.limits[0], scale=MM_PER_M),
            "upper_limit": estimate_numbers(s.limits[1], scale=MM_PER_M),
            "share_within": number(float(within.mean())),
        },
    )


def calibration_figure(agreement: TrackAgreement) -> FigureResult:
    """Draw observed over predicted standard deviation of the difference, for each definition and each stratum.

    Parameters
    ----------
    agreement : TrackAgreement
        Result of the comparison.

    Returns
    -------
    FigureResult
        Numbers: a row a definition and a row a stratum.
    """
    rows = [("definition", c.definition, c.ratio, agreement.statistics.n) for c in agreement.calibration]
    rows += [(s.by, s.label, s.calibration, s.n) for s in agreement.strata if np.isfinite(s.calibration.value)]
    figure = new_figure(
        7.6, 1.7 + 0.27 * max(len(rows), 3), "Observed over predicted σ of the difference of two tracks"
    )
    axes = figure.subplots()
    numbers: list[dict[str, Any]] = []
    if not rows:
        dress(axes)
        say(axes, "no standard deviation is known")
        return FigureResult(figure, {"rows": numbers})
    groups = list(dict.fromkeys(r[0] for r in rows))
    for k, (by, label, ratio, n) in enumerate(rows):
        colour = CATEGORIES[groups.index(by) % len(CATEGORIES)]
        if np.isfinite(ratio.low) and np.isfinite(ratio.high):
            axes.plot([ratio.low, ratio.high], [k, k], color=colour, lw=2.2, solid_capstyle="butt", alpha=0.6)
        axes.plot(ratio.value, k, "o", color=colour, ms=5)
        numbers.append({"by": by, "label": label, "n_cells": n, "ratio": estimate_numbers(ratio)})
    has_bars = any(np.isfinite(ratio.low) for _, _, ratio, _ in rows)
    dress(axes, xlabel="observed σ / predicted σ (log scale)" + ("; bars: 95 % interval" if has_bars else ""))
    axes.axvline(1.0, color=INK, lw=1.0)
    axes.axvspan(0.8, 1.25, color=NO_DATA, alpha=0.35, linewidth=0)
    axes.set_xscale("log")
    values = [v for r in rows for v in (r[2].value, r[2].low, r[2].high) if np.isfinite(v) and v > 0]
    ends = (min([*values, 0.7]) / 1.1, max([*values, 1.5]) * 1.1)
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50) if ends[0] <= t <= ends[1]]
    axes.set_xlim(ends)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(rows)), [f"{by}: {label}  ({n:,})" for by, label, _, n in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    return FigureResult(figure, {"rows": numbers})


def stratum_numbers(stratum: Stratum) -> dict[str, Any]:
    """A row of a table of strata, mm/yr."""
    return {
        "by": stratum.by,
        "label": stratum.label,
        "n_cells": stratum.n,
        "n_blocks": stratum.n_blocks,
        "r": stratum.pearson,
        **_spread_columns("bias", stratum.bias),
        **_spread_columns("sigma", stratum.sigma),
        "robust_sigma_mm_yr": stratum.robust_sigma * MM_PER_M,
        "rmse_mm_yr": stratum.rmse * MM_PER_M,
        "predicted_sigma_mm_yr": stratum.predicted * MM_PER_M,
        "calibration": stratum.calibration.value,
        "calibration_low": stratum.calibration.low,
        "calibration_high": stratum.calibration.high,
    }


def _spread_columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        f"{name}_mm_yr": estimate.value * MM_PER_M,
        f"{name}_low_mm_yr": estimate.low * MM_PER_M,
        f"{name}_high_mm_yr": estimate.high * MM_PER_M,
    }
