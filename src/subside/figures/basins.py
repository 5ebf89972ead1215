"""Figures of mining basins: wrapped interferograms, fringe rates, risk of aliasing, outlines and their kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from subside.errors import ArgumentError
from subside.figures.style import (
    ACCENT,
    GRID,
    INK,
    MOTION,
    MUTED,
    NO_DATA,
    PHASE,
    SINKING,
    SPREAD,
    FigureResult,
    colour_bar,
    dress,
    motion_norm,
    new_figure,
    number,
    say,
    symmetric_limit,
)

FloatArray = npt.NDArray[np.float64]

_KM: Final = 1e3
_MM: Final = 1e3
_LINE_OF_KIND: Final = {"primary": "-", "secondary": "--", "unexplained": ":"}
NOISE_SHARE: Final = 0.1
"""Standard deviation of a fringe rate, in shares of what neighbouring looks carry, beyond which it is noise."""
_MOST_DRAWN: Final = 200_000


@dataclass(frozen=True)
class GalleryPair:
    """One wrapped interferogram of a gallery.

    Attributes
    ----------
    title : str
        Track, dates, perpendicular baseline.
    phase, coherence : ndarray of float64, (row, column)
        rad and 0 to 1; as the radar sees it.
    longitude, latitude : ndarray of float64, (row, column)
        Degree.
    """

    title: str
    phase: FloatArray
    coherence: FloatArray
    longitude: FloatArray
    latitude: FloatArray


@dataclass(frozen=True)
class GalleryInput:
    """Interferograms of one box.

    Attributes
    ----------
    name : str
        Of the box.
    pairs : sequence of GalleryPair
        Six at most are drawn.
    fringe : float
        Motion along the line of sight of one cycle of colour, m.
    outlines : sequence of (str, longitude, latitude)
        Kind and outline of basins.
    """

    name: str
    pairs: Sequence[GalleryPair]
    fringe: float
    outlines: Sequence[tuple[str, FloatArray, FloatArray]] = ()


_MOST_PAIRS: Final = 6


def gallery_figure(data: GalleryInput) -> FigureResult:
    """Draw up to six wrapped interferograms of a box on one map frame (the paper's Figs. 9 and 10).

    Parameters
    ----------
    data : GalleryInput
        Interferograms.

    Returns
    -------
    FigureResult
        Numbers: titles and mean coherence.

    Raises
    ------
    ArgumentError
        Without interferograms.
    """
    pairs = list(data.pairs)[:_MOST_PAIRS]
    if not pairs:
        raise ArgumentError("`pairs` must hold at least one interferogram, got none")
    west, east = min(p.longitude.min() for p in pairs), max(p.longitude.max() for p in pairs)
    south, north = min(p.latitude.min() for p in pairs), max(p.latitude.max() for p in pairs)
    aspect = 1.0 / math.cos(math.radians((south + north) / 2))
    ratio = (north - south) * aspect / max(east - west, 1e-9)
    n_columns = 3 if ratio > 0.5 else 2
    n_rows = math.ceil(len(pairs) / n_columns)
    width = 8.8
    height = float(np.clip((width - 1.7) / n_columns * ratio, 1.0, 4.5)) * n_rows + 0.42 * n_rows + 1.0
    cycle = f"one cycle of colour is {data.fringe * 100:.2f} cm along the line of sight"
    title = f"Wrapped interferograms of box {data.name}:\n{cycle}"
    figure = new_figure(width, height, title)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    norm = Normalize(-math.pi, math.pi)
    for k, axes in enumerate(panels.ravel()):
        if k >= len(pairs):
            axes.set_visible(False)
            continue
        pair = pairs[k]
        axes.set_facecolor(NO_DATA)
        shown = np.ma.masked_invalid(pair.phase)
        axes.pcolormesh(pair.longitude, pair.latitude, shown, cmap=PHASE, norm=norm, shading="nearest", rasterized=True)
        for kind, longitude, latitude in data.outlines:
            axes.plot(longitude, latitude, color=INK, linewidth=1.1, linestyle=_LINE_OF_KIND.get(kind, ":"))
        dress(axes, title=pair.title.replace(", ", "\n", 1), grid=False)
        axes.title.set_fontsize(8.0)
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        axes.set_aspect(aspect)
        axes.ticklabel_format(useOffset=False)
        axes.locator_params(nbins=4)
    bar = figure.colorbar(ScalarMappable(norm, PHASE), ax=panels, shrink=0.6, pad=0.01, aspect=30)
    bar.set_ticks([-math.pi, 0, math.pi], labels=["-π", "0", "π"])
    bar.set_label("wrapped phase (rad)\ngrows as the ground moves away", fontsize=8.5, color=INK)
    numbers = {
        "fringe_m": number(data.fringe),
        "pairs": [{"title": p.title, "mean_coherence": number(np.nanmean(p.coherence))} for p in pairs],
    }
    return FigureResult(figure, numbers)


@dataclass(frozen=True)
class FringeRateInput:
    """Gradient of the rate from fringes.

    Attributes
    ----------
    name : str
        Of the track and box.
    longitude, latitude, gradient : ndarray of float64, (row, column)
        Degree, degree, (m/yr)/m.
    limit : float
        Gradient that neighbouring looks carry over the pairs, (m/yr)/m.
    std : ndarray of float64, (row, column), or None
        Standard deviation of the gradient from the scatter of the pairs, (m/yr)/m; NaN with fewer than two.
    """

    name: str
    longitude: FloatArray
    latitude: FloatArray
    gradient: FloatArray
    limit: float
    std: FloatArray | None = None

    @property
    def is_noise(self) -> npt.NDArray[np.bool_]:
        """Looks whose pairs disagree by more than a tenth of what neighbouring looks carry, or that only one pair saw.

        Nothing is told where no look has two pairs.
        """
        if self.std is None or not np.isfinite(self.std).any():
            return np.zeros(self.gradient.shape, np.bool_)
        return np.isfinite(self.gradient) & ~(self.std <= NOISE_SHARE * self.limit)


def fringe_rate_figure(data: FringeRateInput) -> FigureResult:
    """Draw how much the rate changes from metre to metre, from the fringes alone; noise is grey."""
    width = np.ptp(data.longitude) * math.cos(math.radians(data.latitude.mean()))
    panel = float(np.clip(6.6 * np.ptp(data.latitude) / max(width, 1e-9), 1.8, 7.0))
    figure = new_figure(8.4, panel + 1.5, f"Fringe rate, {data.name}")
    axes = figure.add_subplot()
    dress(axes, xlabel="longitude (°)", ylabel="latitude (°)", grid=False)
    axes.set_facecolor(NO_DATA)
    axes.set_aspect(1.0 / math.cos(math.radians(float(np.nanmean(data.latitude)))))
    axes.ticklabel_format(useOffset=False)
    values = np.where(data.is_noise, np.nan, data.gradient * _MM)
    known = np.isfinite(values)
    if known.any():
        shown = np.ma.masked_invalid(values)
        drawn = axes.pcolormesh(
            data.longitude,
            data.latitude,
            shown,
            cmap=SPREAD,
            norm=Normalize(0.0, max(float(np.quantile(values[known], 0.999)), 1e-6)),
            shading="nearest",
            rasterized=True,
        )
        colour_bar(axes, drawn, "gradient of the line-of-sight rate (mm/yr per m)", extend="max")
    else:
        say(axes, "no look in which the pairs agree")
    beyond = float((data.gradient[known] > data.limit).mean()) if known.any() else None
    axes.set_title(
        f"neighbouring looks carry {data.limit * _MM:.2f} mm/yr per m over the pairs shown\n"
        f"grey: no data, or noise ({100 * data.is_noise.mean():.1f} % of the looks)",
        fontsize=8.5,
        loc="left",
    )
    numbers = {
        "share_known": number(known.mean()),
        "share_noise": number(data.is_noise.mean()),
        "share_beyond_limit": number(beyond),
        "limit_per_year": number(data.limit),
    }
    return FigureResult(figure, numbers)


@dataclass(frozen=True)
class RiskInput:
    """Points of a track and whether they are at risk.

    Attributes
    ----------
    name : str
        Track.
    easting, northing : ndarray of float64, (point,)
        m.
    is_at_risk : ndarray of bool, (point,)
        Whether cycles may be lost there.
    load : ndarray of float64, (point,)
        Motion between neighbours over a pair as a share of a quarter wavelength.
    outlines : sequence of shapely geometry
        Of the mask.
    """

    name: str
    easting: FloatArray
    northing: FloatArray
    is_at_risk: npt.NDArray[np.bool_]
    load: FloatArray
    outlines: Sequence[Any] = ()


def risk_figure(tracks: Sequence[RiskInput]) -> FigureResult:
    """Draw where motion is too steep for the pairs, a panel a track.

    Raises
    ------
    ArgumentError
        Without tracks.
    """
    if not tracks:
        raise ArgumentError("`tracks` must hold at least one track, got none")
    width = 8.8
    ratios = [np.ptp(t.northing) / max(np.ptp(t.easting), 1.0) for t in tracks]
    panel = float(np.clip(0.85 * width * max(ratios), 1.4, 7.0)) + 0.7
    figure = new_figure(width, panel * len(tracks) + 0.8, "Risk of aliasing")
    panels = np.atleast_1d(figure.subplots(len(tracks), 1, squeeze=True))
    colours = ListedColormap(["#d5dbe1", SINKING])
    numbers = {}
    for axes, track in zip(panels, tracks, strict=True):
        share = float(track.is_at_risk.mean())
        dress(axes, title=f"{track.name}: {100 * share:.2f} % of the points", xlabel="easting (km)", grid=False)
        axes.set_ylabel("northing (km)", fontsize=8.5, color=INK)
        order = np.argsort(track.is_at_risk, kind="stable")
        step = max(len(order) // _MOST_DRAWN, 1)
        rows = np.concatenate([order[: len(order) - track.is_at_risk.sum() : step], np.flatnonzero(track.is_at_risk)])
        axes.scatter(
            track.easting[rows] / _KM,
            track.northing[rows] / _KM,
            c=track.is_at_risk[rows],
            cmap=colours,
            vmin=0,
            vmax=1,
            s=float(np.clip(20_000 / len(rows), 0.4, 6.0)),
            linewidths=0,
            rasterized=True,
        )
        for shape in track.outlines:
            _outline(axes, shape, color=INK, linewidth=0.9)
        axes.set_aspect("equal")
        numbers[track.name] = {
            "share": number(share),
            "load_p99": number(np.nanquantile(track.load, 0.99)) if np.isfinite(track.load).any() else None,
        }
    handles = [
        Line2D([], [], marker="o", linestyle="", color=SINKING, markersize=5, label="cycles may be lost: not trusted"),
        Line2D([], [], marker="o", linestyle="", color="#d5dbe1", markersize=5, label="within what pairs carry"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=8, frameon=False)
    return FigureResult(figure, {"tracks": numbers})


@dataclass(frozen=True)
class BasinMapInput:
    """Rates on cells and the basins in them.

    Attributes
    ----------
    easting, northing : float
        Lower left corner, m.
    cell : float
        Side, m.
    rate : ndarray of float64, (row, column)
        Vertical rate, m/yr; row 0 in the south.
    basins : sequence of (name, kind, shapely geometry)
        Outlines.
    layers : sequence of (label, shapely geometry)
        Mines, faults, wells.
    rate_limit : float
        Half-range of the colours, m/yr; 0 takes it from the rates.
    """

    easting: float
    northing: float
    cell: float
    rate: FloatArray
    basins: Sequence[tuple[str, str, Any]]
    layers: Sequence[tuple[str, Any]] = ()
    rate_limit: float = 0.0


def basin_map_figure(data: BasinMapInput) -> FigureResult:
    """Draw vertical rates with basins: solid primary, dashed secondary, dotted unexplained."""
    extent = (
        data.easting / _KM,
        (data.easting + data.rate.shape[1] * data.cell) / _KM,
        data.northing / _KM,
        (data.northing + data.rate.shape[0] * data.cell) / _KM,
    )
    ratio = (extent[3] - extent[2]) / (extent[1] - extent[0])
    width = 8.8
    figure = new_figure(width, float(np.clip(0.85 * width * ratio, 1.8, 8.0)) + 1.6, "Basins")
    axes = figure.add_subplot()
    dress(axes, xlabel="easting (km)", ylabel="northing (km)", grid=False)
    axes.set_facecolor(NO_DATA)
    limit = data.rate_limit * _MM or symmetric_limit(data.rate * _MM)
    drawn = axes.imshow(
        data.rate * _MM, extent=extent, origin="lower", cmap=MOTION, norm=motion_norm(limit), interpolation="nearest"
    )
    colour_bar(axes, drawn, f"vertical rate (mm/yr), negative sinks; scale ±{limit:g}")
    for label, shape in data.layers:
        colour = {"mine": ACCENT, "fault": MUTED}.get(label, "#6a8d3a")
        _outline(axes, shape, color=colour, linewidth=1.0)
    for name, kind, shape in data.basins:
        _outline(axes, smooth_outline(shape, data.cell), color=INK, linewidth=1.4, linestyle=_LINE_OF_KIND[kind])
        place = shape.representative_point()
        label_of = axes.annotate(
            name, (place.x / _KM, place.y / _KM), fontsize=8, color=INK, ha="center", va="center", clip_on=True
        )
        label_of.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])
    handles = [Line2D([], [], color=INK, linestyle=s, label=k) for k, s in _LINE_OF_KIND.items()]
    names = dict.fromkeys(label for label, _ in data.layers)
    handles += [Line2D([], [], color={"mine": ACCENT, "fault": MUTED}.get(n, "#6a8d3a"), label=n) for n in names]
    figure.legend(handles=handles, loc="outside lower left", ncols=6, fontsize=8, frameon=False)
    axes.grid(color=GRID, linewidth=0.4)
    return FigureResult(figure, {"n_basins": len(data.basins), "scale_mm_yr": number(limit)})


def smooth_outline(shape: Any, cell: float) -> Any:
    """Outline without the steps of its cells, for drawing.

    Parameters
    ----------
    shape : shapely geometry
        Union of cells.
    cell : float
        Side of the cells, m.

    Returns
    -------
    shapely geometry
        The shape itself where it is too thin to be smoothed.
    """
    smooth = shape.buffer(cell).buffer(-1.5 * cell).buffer(0.5 * cell).simplify(0.1 * cell)
    return shape if smooth.is_empty else smooth


def _outline(axes: Axes, shape: Any, **style: Any) -> None:
    for part in shapely.get_parts(shape):
        if part.geom_type == "Point":
            axes.plot(part.x / _KM, part.y / _KM, marker="v", **{k: v for k, v in style.items() if k == "color"})
            continue
        ring = part.exterior if part.geom_type == "Polygon" else part
        corners = shapely.get_coordinates(ring) / _KM
        axes.plot(corners[:, 0], corners[:, 1], **style)
