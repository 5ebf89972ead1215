"""Wrapped interferograms and fringe rates of boxes around basins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from subside.conventions import DAYS_PER_YEAR, MM_PER_M
from subside.figures.basins import (
    NOISE_SHARE,
    FringeRateInput,
    GalleryInput,
    fringe_rate_figure,
    gallery_figure,
    smooth_outline,
)
from subside.io.project import CONFIGURATION, Project
from subside.model.points import GEOGRAPHIC, PointSet, transform
from subside.ops.basins.classify import ClassifiedBasin
from subside.studies.basin_boxes import Box, BoxPairs, read_box
from subside.studies.output import StudyFolder

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GalleryChoices:
    """What galleries show.

    Attributes
    ----------
    boxes : tuple of (west, south, east, north)
        Degree; empty takes those around the two basins most at risk.
    looks : tuple of int
        Lines and samples averaged.
    days : tuple of float
        Shortest and longest span of a pair.
    cell : float
        Side of the cells of the outlines, m.
    """

    boxes: tuple[tuple[float, float, float, float], ...]
    looks: tuple[int, int]
    days: tuple[float, float]
    cell: float


def save_galleries(
    folder: StudyFolder,
    project: Project,
    tracks: Sequence[PointSet],
    found: Sequence[ClassifiedBasin],
    choices: GalleryChoices,
) -> list[str]:
    """Draw each box from the images of all tracks that see it.

    Parameters
    ----------
    folder : StudyFolder
        Where figures go.
    project : Project
        Tracks with images, by name.
    tracks : sequence of PointSet
        Points, in one coordinate system.
    found : sequence of ClassifiedBasin
        Basins to outline.
    choices : GalleryChoices
        What is shown.

    Returns
    -------
    list of str
        What could not be shown, in words.
    """
    crs = tracks[0].crs
    outlines = [(str(one.kind), *_geographic(smooth_outline(one.basin.outline, choices.cell), crs)) for one in found]
    messages = []
    for name, box in _boxes(found, choices, crs):
        boxes = [
            pairs
            for t in tracks
            if t.name in project.track_names()
            if (pairs := read_box(project.track(t.name), box, looks=choices.looks, days=choices.days))
        ]
        if not boxes:
            messages.append(
                f"there is no gallery of box {name}: no track of {project.path / CONFIGURATION} holds images there "
                f"with pairs of {choices.days[0]:g} to {choices.days[1]:g} days"
            )
            continue
        messages += [
            f"box {name} holds more pixels of {pairs.track} than a gallery can show: its middle is shown, "
            f"{100 * pairs.shown:.0f} % of it; give smaller `boxes` to see the rest"
            for pairs in boxes
            if pairs.shown < 1.0
        ]
        fringe = boxes[0].wavelength / 2.0
        share = -(-6 // len(boxes))
        gallery = GalleryInput(name, [p for b in boxes for p in b.gallery()[:share]], fringe, outlines)
        folder.save_figure(
            f"gallery_{name}",
            gallery_figure(gallery),
            f"Wrapped interferograms of box {name}, rad; one cycle of colour is {fringe * 100:.2f} cm along the line "
            "of sight, and the phase grows as the ground moves away. Outlines: basins, solid primary, dashed "
            "secondary, dotted unexplained.",
        )
        for pairs in boxes:
            _fringe_figure(folder, name, pairs)
    return messages


def _fringe_figure(folder: StudyFolder, name: str, pairs: BoxPairs) -> None:
    rate = pairs.fringe_rate()
    limit = pairs.wavelength / 4.0 * DAYS_PER_YEAR / pairs.median_days / max(pairs.spacing)
    if np.isfinite(rate.std).any():
        grey = (
            "Grey: no data, or no more than noise: the pairs disagree by more than "
            f"{NOISE_SHARE * limit * MM_PER_M:.2g} mm/yr per metre (1 σ), a tenth of what neighbouring looks carry, or "
            "a single pair could be used."
        )
    else:
        grey = "No look has two pairs, so that noise cannot be told: dark patches may be no motion."
    data = FringeRateInput(f"{pairs.track}, box {name}", pairs.longitude, pairs.latitude, rate.size, limit, rate.std)
    folder.save_figure(
        f"fringes_{name}_{pairs.track}",
        fringe_rate_figure(data),
        f"Size of the gradient of the line-of-sight rate of {pairs.track} in box {name}, mm/yr per metre, from fringes "
        f"alone, without unwrapping; it has no sign. {grey}",
    )


def _boxes(found: Sequence[ClassifiedBasin], choices: GalleryChoices, crs: str) -> list[tuple[str, Box]]:
    if choices.boxes:
        return [(chr(97 + k), Box(*corners)) for k, corners in enumerate(choices.boxes)]
    ranked = sorted(found, key=lambda one: -one.basin.risk_share * one.basin.area)[:2]
    boxes = []
    for k, one in enumerate(ranked):
        reach = max(1.2 * float(np.sqrt(one.basin.area)), 600.0)
        west, south, east, north = one.basin.outline.buffer(0.3 * reach).bounds
        longitude, latitude = transform(
            [west, east, west, east], [south, south, north, north], source=crs, target=GEOGRAPHIC
        )
        boxes.append((chr(97 + k), Box(longitude.min(), latitude.min(), longitude.max(), latitude.max())))
    return boxes


def _geographic(outline: Any, crs: str) -> tuple[FloatArray, FloatArray]:
    largest = max(shapely.get_parts(outline), key=lambda p: float(p.area))
    corners = shapely.get_coordinates(largest.exterior)
    return transform(corners[:, 0], corners[:, 1], source=crs, target=GEOGRAPHIC)
