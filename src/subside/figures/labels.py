"""Words on maps and profiles that do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from subside.figures.geographic import HALO
from subside.figures.style import MUTED

FloatArray = npt.NDArray[np.float64]

_WIDTH: Final = 0.7
"""Mean width of a letter, in sizes of the font."""
_HEIGHT: Final = 1.25
_RADII: Final = (7.0, 16.0, 27.0, 40.0)
_DIRECTIONS: Final = (90, 0, 180, 270, 45, 135, 315, 225)
_MARKER: Final = 7.0


@dataclass(frozen=True)
class MapLabel:
    """A word beside a place.

    Attributes
    ----------
    text : str
        The word.
    x, y : float
        Place, data coordinates.
    colour : str
        Of the word.
    size : float
        Of the font, points.
    """

    text: str
    x: float
    y: float
    colour: str
    size: float = 8.0


def write_labels(axes: Axes, labels: Sequence[MapLabel]) -> list[str]:
    """Write words beside their places so that none covers another or a place; call when all else is drawn.

    Each word takes the first free position of eight directions at growing distance, with a thin line to its place where
    it is far; one that finds none is left out.

    Parameters
    ----------
    axes : Axes
        A panel whose limits are set.
    labels : sequence of MapLabel
        Those wanted first come first.

    Returns
    -------
    list of str
        Words written.
    """
    figure = axes.get_figure(root=True)
    if figure is None or not labels:
        return []
    figure.draw_without_rendering()
    scale = 72.0 / figure.dpi
    frame = axes.get_window_extent()
    room = np.array([frame.x0, frame.y0, frame.x1, frame.y1]) * scale
    at = axes.transData.transform([(label.x, label.y) for label in labels]) * scale
    taken = [np.array([x - _MARKER / 2, y - _MARKER / 2, x + _MARKER / 2, y + _MARKER / 2]) for x, y in at]
    written = []
    for (x, y), label in zip(at, labels, strict=True):
        half = np.array([0.5 * _WIDTH * label.size * len(label.text), 0.5 * _HEIGHT * label.size])
        found = _free_place(np.array([x, y]), half, room, taken)
        if found is None:
            continue
        offset, box = found
        taken.append(box)
        note = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(float(offset[0]), float(offset[1])),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=label.size,
            color=label.colour,
            zorder=18,
            path_effects=list(HALO),
            arrowprops={"arrowstyle": "-", "color": MUTED, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
        )
        note.set_in_layout(False)
        written.append(label.text)
    return written


def _free_place(
    place: FloatArray, half: FloatArray, room: FloatArray, taken: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray] | None:
    boxes = np.array(taken)
    for radius in _RADII:
        for direction in np.radians(_DIRECTIONS):
            unit = np.array([np.cos(direction), np.sin(direction)])
            offset = unit * (radius + np.abs(unit) * half)
            low, high = place + offset - half, place + offset + half
            is_inside = bool(np.all(low >= room[:2]) and np.all(high <= room[2:]))
            covers = np.all((boxes[:, :2] < high) & (boxes[:, 2:] > low), axis=1)
            if is_inside and not covers.any():
                return offset, np.concatenate([low, high])
    return None


def rows_of(centres: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Lowest row in which each of some words fits beside those before it; one unit for both arguments."""
    ends: list[float] = []
    rows = []
    for centre, width in sorted(zip(centres, widths, strict=True)):
        start = centre - width / 2
        row = next((k for k, end in enumerate(ends) if end <= start), len(ends))
        ends[row : row + 1] = [centre + width / 2]
        rows.append(row)
    order = np.argsort(np.argsort(np.array(centres), kind="stable"), kind="stable")
    return [rows[k] for k in order]


def share_of_width(figure: Figure, text: str, size: float, *, panel: float = 0.85) -> float:
    """Width of a word as a share of a panel that takes ``panel`` of the width of a figure."""
    return _WIDTH * size * len(text) / (72.0 * panel * float(figure.get_figwidth()))
