"""A railway from above and along its chainage: rates, zones, slopes, density, time to limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from subside.conventions import MM_PER_M
from subside.figures.labels import MapLabel, rows_of, share_of_width, write_labels
from subside.figures.style import (
    CATEGORIES,
    INK,
    MOTION,
    MUTED,
    NORMAL_95,
    SINKING,
    FigureResult,
    dress,
    legend,
    motion_norm,
    new_figure,
    number,
    numbers_of,
    symmetric_limit,
)
from subside.model.points import GEOGRAPHIC, transform
from subside.ops.corridor.chainage import CorridorLine
from subside.ops.corridor.profile import Profile
from subside.ops.corridor.smooth import SmoothProfile
from subside.ops.corridor.tracks import TrackRates
from subside.ops.corridor.zones import Zone, Zones

FloatArray = npt.NDArray[np.float64]

_MOST_DOTS: Final = 40_000
_SITE_COLOURS: Final = ("#d6336c", "#9c2f1f", "#22272e", "#7b5ea7", "#1f6f8b")
_ZONE: Final = "#f3d9c9"
_WHOLE: Final = 0.85
_ROW: Final = 0.055


@dataclass(frozen=True)
class Site:
    """A named place drawn as a triangle.

    Attributes
    ----------
    name, group : str
        Label, and the class that shares a colour.
    easting, northing : float
        m.
    """

    name: str
    group: str
    easting: float
    northing: float


@dataclass(frozen=True)
class CorridorFigureInput:
    """What the map and the profile of a corridor are drawn from.

    Attributes
    ----------
    line : CorridorLine
        The line.
    crs : str
        Coordinate system of line and points.
    tracks : sequence of TrackRates
        Points.
    half_width, track_half_width : float
        Of the corridor, and of the points that make the profile, m.
    profile : Profile
        Bins.
    smooth : SmoothProfile
        Smooth rate.
    zones : Zones
        Zones.
    sites : sequence of Site
        Places.
    rate_limit : float
        Half-range of the colours, m/yr; 0 takes it from the data.
    """

    line: CorridorLine
    crs: str
    tracks: Sequence[TrackRates]
    half_width: float
    track_half_width: float
    profile: Profile
    smooth: SmoothProfile
    zones: Zones
    sites: Sequence[Site] = ()
    rate_limit: float = 0.0

    @property
    def span(self) -> tuple[float, float]:
        """Chainages of the ends of the stretch that is drawn, m."""
        return seen_span(self.line, self.tracks, self.half_width)

    @property
    def seen_half_width(self) -> float:
        """Distance from the line of the farthest point in the corridor, m; the half-width without points."""
        far = [np.abs(t.positions.offset[t.positions.within(self.half_width)]).max(initial=0.0) for t in self.tracks]
        return float(min(1.08 * max(far), self.half_width)) if max(far, default=0.0) > 0 else self.half_width

    @property
    def component(self) -> str:
        """What the rates are, for labels."""
        kinds = {t.component for t in self.tracks}
        return kinds.pop() if len(kinds) == 1 else "vertical / line of sight"


def seen_span(line: CorridorLine, tracks: Sequence[TrackRates], half_width: float) -> tuple[float, float]:
    """Ends of the stretch of a line that has points beside it, with a margin; the whole line where it is most of it.

    Parameters
    ----------
    line : CorridorLine
        The line.
    tracks : sequence of TrackRates
        Points.
    half_width : float
        Of the corridor, m.

    Returns
    -------
    tuple of float
        Chainages, m.
    """
    whole = (line.chainage_start, line.chainage_end)
    found = [t.positions.chainage[t.positions.within(half_width)] for t in tracks]
    s = np.concatenate(found) if found else np.zeros(0)
    if not len(s) or np.ptp(s) > _WHOLE * line.length:
        return whole
    margin = max(0.06 * float(np.ptp(s)), 200.0)
    return max(float(s.min()) - margin, whole[0]), min(float(s.max()) + margin, whole[1])


def span_words(line: CorridorLine, span: tuple[float, float]) -> str:
    """Which part of a line is shown, for titles and captions; empty for the whole line."""
    if span[1] - span[0] >= line.length - 1.0:
        return ""
    return f"{line.label(span[0])} to {line.label(span[1])} of {line.length / 1e3:.0f} km"


def corridor_figure(data: CorridorFigureInput) -> FigureResult:
    """Draw the corridor from above and its profile (Figure 5 of Zhu et al.).

    Panel a: mean rate of the points in cells, the line, zones as ellipses, sites as triangles. Panel b: the corridor
    straightened, chainage against distance from the line. Panel c: points beside the line of every track, robust bins
    with their 95 % interval, the smooth rate, zones shaded; chainage below and longitude above.

    Parameters
    ----------
    data : CorridorFigureInput
        Inputs.

    Returns
    -------
    FigureResult
        Rates in mm/yr, negative sinks; chainage in km.
    """
    part = span_words(data.line, data.span)
    figure = new_figure(8.8, 10.4, "Rates along the line" + (f", {part}" if part else ""))
    rates = np.concatenate([t.rate[t.positions.within(data.half_width)] for t in data.tracks]) * MM_PER_M
    norm = motion_norm(data.rate_limit * MM_PER_M or symmetric_limit(rates))
    x, y = _geographic(data, *data.line.position_at(np.linspace(*data.span, 200)))
    is_wide = np.ptp(x) * np.cos(np.radians(y.mean())) >= np.ptp(y)
    grid = figure.add_gridspec(3, 1, height_ratios=[1.5 if is_wide else 2.4, 0.8, 1.5])
    map_axes = figure.add_subplot(grid[0])
    picture = _draw_map(map_axes, data, norm)
    strip = figure.add_subplot(grid[1])
    _draw_strip(strip, data, norm)
    profile = figure.add_subplot(grid[2], sharex=strip)
    _draw_profile(profile, data)
    strip.tick_params(labelbottom=False)
    label = f"rate, mm/yr ({data.component}; red sinks)"
    bar = figure.colorbar(picture, ax=[map_axes, strip], shrink=0.8, pad=0.015, aspect=32, extend="both")
    bar.set_label(label, fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_linewidth(0.4)
    write_labels(map_axes, _map_labels(data))
    return FigureResult(figure, _profile_numbers(data))


def _profile_numbers(data: CorridorFigureInput) -> dict[str, Any]:
    profile = data.profile
    return {
        "chainage_km": numbers_of(profile.bins.centre / 1e3),
        "rate_mm_yr": numbers_of(profile.rate * MM_PER_M),
        "std_mm_yr": numbers_of(profile.std * MM_PER_M),
        "smooth_mm_yr": numbers_of(data.smooth.mean * MM_PER_M),
        "n_points": [int(n) for n in profile.n_points],
        "component": data.component,
        "shown_km": numbers_of(np.array(data.span) / 1e3),
        "bias_mm_yr": {t.name: number(b * MM_PER_M) for t, b in zip(data.tracks, profile.bias, strict=True)},
        "zones": [
            {
                "start_km": number(z.start / 1e3),
                "end_km": number(z.end / 1e3),
                "length_km": number(z.length / 1e3),
                "mean_mm_yr": number(z.mean * MM_PER_M),
            }
            for z in data.zones.zones
        ],
        "threshold_mm_yr": number(data.zones.rule.threshold * MM_PER_M),
    }


def _geographic(data: CorridorFigureInput, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    return transform(x, y, source=data.crs, target=GEOGRAPHIC)


def _cell_means(
    first: FloatArray, second: FloatArray, values: FloatArray, cells: tuple[float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Middle of the occupied cells and the mean of their values."""
    index = np.column_stack([np.floor(first / cells[0]), np.floor(second / cells[1])]).astype(np.int64)
    occupied, number_of, count = np.unique(index, axis=0, return_inverse=True, return_counts=True)
    mean = np.asarray(np.bincount(number_of.ravel(), values) / count, np.float64)
    middle = (occupied.astype(np.float64) + 0.5) * np.asarray(cells)
    return middle[:, 0], middle[:, 1], mean


def _corridor_points(data: CorridorFigureInput) -> list[tuple[TrackRates, npt.NDArray[np.int64]]]:
    return [(t, np.flatnonzero(t.positions.within(data.half_width))) for t in data.tracks]


def _draw_map(axes: Axes, data: CorridorFigureInput, norm: Any) -> Any:
    held = _corridor_points(data)
    x = np.concatenate([t.points.easting[k] for t, k in held])
    y = np.concatenate([t.points.northing[k] for t, k in held])
    v = np.concatenate([t.rate[k] - b for (t, k), b in zip(held, data.profile.bias, strict=True)]) * MM_PER_M
    span = data.span
    cell = max(np.sqrt((span[1] - span[0]) * 2 * data.seen_half_width / _MOST_DOTS), 25.0)
    if len(v):
        x, y, v = _cell_means(x, y, v, (cell, cell))
    lon, lat = _geographic(data, x, y)
    line_x, line_y = _geographic(data, *data.line.vertices.T)
    frame_x, frame_y = _geographic(data, *data.line.position_at(np.linspace(*span, 200)))
    frame_x, frame_y = np.append(frame_x, lon), np.append(frame_y, lat)
    shrink = np.cos(np.radians(line_y.mean()))
    extent = max(float(np.ptp(frame_x)) * shrink, float(np.ptp(frame_y)), 1e-3)
    size = float(np.clip((cell / 111e3 / extent * 450) ** 2, 0.6, 9.0))
    dots = axes.scatter(lon, lat, c=v, s=size, marker="s", cmap=MOTION, norm=norm, linewidths=0, rasterized=True)
    axes.plot(line_x, line_y, color=INK, lw=1.1, label="line")
    for zone in data.zones.zones:
        axes.plot(*_geographic(data, *_ellipse(data, zone)), color="black", lw=1.3)
    _draw_sites(axes, data)
    rings = [_geographic(data, *_ellipse(data, zone)) for zone in data.zones.zones]
    frame_x = np.concatenate([frame_x, *(r[0] for r in rings)])
    frame_y = np.concatenate([frame_y, *(r[1] for r in rings)])
    pad = 0.06 * max(float(np.ptp(frame_x)) * shrink, float(np.ptp(frame_y)), 1e-3)
    axes.set_xlim(frame_x.min() - pad / shrink, frame_x.max() + pad / shrink, auto=True)
    axes.set_ylim(frame_y.min() - pad, frame_y.max() + 2 * pad, auto=True)
    axes.set_aspect(1.0 / shrink, adjustable="datalim")
    dress(axes, title="a  Mean rate in cells, the line and its zones", xlabel="longitude, °", ylabel="latitude, °")
    axes.ticklabel_format(useOffset=False)
    return dots


def _ellipse(data: CorridorFigureInput, zone: Zone) -> tuple[FloatArray, FloatArray]:
    """Outline around a zone, as wide as the corridor, along the chord between its ends."""
    x, y = data.line.position_at(np.array([zone.start, zone.end]))
    along = np.array([x[1] - x[0], y[1] - y[0]])
    half = max(float(np.hypot(*along)) / 2, 1.0)
    unit = along / (2 * half)
    angle = np.linspace(0, 2 * np.pi, 121)
    a, b = 1.12 * half * np.cos(angle), 1.2 * data.seen_half_width * np.sin(angle)
    return x.mean() + a * unit[0] - b * unit[1], y.mean() + a * unit[1] + b * unit[0]


def _map_labels(data: CorridorFigureInput) -> list[MapLabel]:
    """Zones first, then chainages, then sites: what finds no room is left out."""
    labels = []
    for k, zone in enumerate(data.zones.zones, start=1):
        x, y = _geographic(data, *_ellipse(data, zone))
        top = int(np.argmax(y))
        labels.append(MapLabel(f"zone {k}", float(x[top]), float(y[top]), "black", 8.5))
    at = _chainage_ticks(data)
    lon, lat = _geographic(data, *data.line.position_at(at))
    labels += [
        MapLabel(data.line.label(float(c)), float(a), float(b), INK, 8.0) for a, b, c in zip(lon, lat, at, strict=True)
    ]
    groups = list(dict.fromkeys(s.group for s in data.sites))
    for site in data.sites:
        x, y = _geographic(data, np.array([site.easting]), np.array([site.northing]))
        colour = _SITE_COLOURS[groups.index(site.group) % len(_SITE_COLOURS)]
        labels.append(MapLabel(site.name, float(x[0]), float(y[0]), colour))
    return labels


def _chainage_ticks(data: CorridorFigureInput) -> FloatArray:
    low, high = data.span
    at = np.asarray(MaxNLocator(8).tick_values(low, high), np.float64)
    return at[(at >= low) & (at <= high)]


def _draw_sites(axes: Axes, data: CorridorFigureInput) -> None:
    groups = list(dict.fromkeys(s.group for s in data.sites))
    for k, group in enumerate(groups):
        chosen = [s for s in data.sites if s.group == group]
        x, y = _geographic(data, np.array([s.easting for s in chosen]), np.array([s.northing for s in chosen]))
        colour = _SITE_COLOURS[k % len(_SITE_COLOURS)]
        axes.scatter(x, y, marker="^", s=30, color=colour, edgecolors="white", linewidths=0.6, zorder=5, label=group)
    at = _chainage_ticks(data)
    axes.plot(*_geographic(data, *data.line.position_at(at)), ls="none", marker="|", ms=7, color=INK)
    if groups:
        legend(axes, loc="upper left", ncols=len(groups) + 1)


def _draw_strip(axes: Axes, data: CorridorFigureInput, norm: Any) -> None:
    held = _corridor_points(data)
    s = np.concatenate([t.positions.chainage[k] for t, k in held])
    d = np.concatenate([t.positions.offset[k] for t, k in held])
    v = np.concatenate([t.rate[k] - b for (t, k), b in zip(held, data.profile.bias, strict=True)]) * MM_PER_M
    _shade_zones(axes, data, is_labelled=False)
    if len(v):
        nx, ny = 420, 40
        edges_s = np.linspace(*data.span, nx + 1)
        edges_d = np.linspace(-data.seen_half_width, data.seen_half_width, ny + 1)
        total = np.histogram2d(s, d, (edges_s, edges_d), weights=v)[0]
        count = np.histogram2d(s, d, (edges_s, edges_d))[0]
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        axes.pcolormesh(edges_s / 1e3, edges_d / 1e3, mean.T, cmap=MOTION, norm=norm, rasterized=True)
    axes.axhline(0.0, color=INK, lw=0.9)
    axes.set_ylim(-data.seen_half_width / 1e3, data.seen_half_width / 1e3)
    dress(axes, title="b  The corridor straightened", ylabel="left of the line, km", grid=False)


def _shade_zones(axes: Axes, data: CorridorFigureInput, *, is_labelled: bool) -> int:
    """Shade the zones and, on request, write what they are in rows at the foot; returns the number of rows."""
    zones = data.zones.zones
    for zone in zones:
        axes.axvspan(zone.start / 1e3, zone.end / 1e3, color=_ZONE, lw=0, zorder=0)
    if not is_labelled or not zones:
        return 0
    texts = [
        f"zone {k}: {z.length / 1e3:.1f} km, {z.bin_low * MM_PER_M:.0f} to {z.bin_high * MM_PER_M:.0f} mm/yr"
        for k, z in enumerate(zones, start=1)
    ]
    figure = axes.get_figure(root=True)
    low, high = data.span
    widths = [share_of_width(figure, t, 8.0) if figure else 0.2 for t in texts]
    middles = [(0.5 * (z.start + z.end) - low) / (high - low) for z in zones]
    middles = [float(np.clip(m, w / 2, 1 - w / 2)) for m, w in zip(middles, widths, strict=True)]
    rows = rows_of(middles, widths)
    for text, middle, row in zip(texts, middles, rows, strict=True):
        axes.annotate(
            text, (middle, 0.02 + _ROW * row), xycoords="axes fraction", ha="center", fontsize=8, color=SINKING
        )
    return max(rows) + 1


def _draw_profile(axes: Axes, data: CorridorFigureInput) -> None:
    profile, centre = data.profile, data.profile.bins.centre / 1e3
    n_rows = _shade_zones(axes, data, is_labelled=True)
    low, high = [], []
    for k, (track, bias) in enumerate(zip(data.tracks, profile.bias, strict=True)):
        rows = np.flatnonzero(track.positions.within(data.track_half_width))
        shown = rows[:: max(len(rows) // _MOST_DOTS, 1)]
        values = (track.rate[shown] - bias) * MM_PER_M
        axes.plot(
            track.positions.chainage[shown] / 1e3,
            values,
            ls="none",
            marker=".",
            ms=2.2,
            mew=0,
            alpha=0.45,
            color=CATEGORIES[k % len(CATEGORIES)],
            rasterized=True,
            label=f"points of {track.name} within {data.track_half_width:g} m",
        )
        if len(values):
            low.append(np.quantile(values, 0.001))
            high.append(np.quantile(values, 0.999))
    rate, half = profile.rate * MM_PER_M, NORMAL_95 * profile.std * MM_PER_M
    axes.fill_between(centre, rate - half, rate + half, color=INK, alpha=0.35, lw=0, label="95 % interval of a bin")
    known = np.where(np.isfinite(data.zones.probability), data.smooth.mean, np.nan)
    axes.plot(centre, known * MM_PER_M, color=INK, lw=0.8, ls=":")
    here = np.where(np.isfinite(rate), known, np.nan)
    axes.plot(centre, here * MM_PER_M, color=INK, lw=1.2, label="smooth rate (dotted: no points)")
    threshold = -data.zones.rule.threshold * MM_PER_M
    axes.axhline(threshold, color=SINKING, lw=0.9, ls="--", label=f"threshold {threshold:g} mm/yr")
    if low:
        margin = 0.08 * (max(high) - min(low)) + 1.0
        axes.set_ylim(min(low) - (1 + n_rows) * margin, max(high) + margin)
    axes.set_xlim(data.span[0] / 1e3, data.span[1] / 1e3)
    dress(
        axes,
        title="c  Profile",
        xlabel=f"chainage, km ({data.line.prefix})",
        ylabel=f"{data.component} rate, mm/yr\n(negative sinks)",
    )
    legend(axes, loc="lower center", bbox_to_anchor=(0.5, 1.16), ncols=3, markerscale=4)
    _longitude_axis(axes, data)


def _longitude_axis(axes: Axes, data: CorridorFigureInput) -> None:
    line = data.line
    s = np.linspace(*data.span, 400)
    lon, lat = _geographic(data, *line.position_at(s))
    is_north = np.ptp(lat) > np.ptp(lon) * np.cos(np.radians(lat.mean()))
    values = lat if is_north else lon
    top = axes.secondary_xaxis("top")
    if not (np.all(np.diff(values) > 0) or np.all(np.diff(values) < 0)):
        at = np.linspace(s[0], s[-1], 7)
    else:
        ticks = MaxNLocator(8).tick_values(values.min(), values.max())
        ticks = ticks[(ticks >= values.min()) & (ticks <= values.max())]
        order = np.argsort(values)
        at = np.interp(ticks, values[order], s[order])
    shown = np.interp(at, s, values)
    top.set_xticks(at / 1e3, [f"{v:.{2 if np.ptp(values) > 0.1 else 3}f}" for v in shown])
    top.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    top.spines["top"].set_color(MUTED)
    top.set_xlabel(("latitude" if is_north else "longitude") + " of the line, °", fontsize=8.5, color=INK)
