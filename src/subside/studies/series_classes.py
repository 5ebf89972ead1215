"""Mean series of land classes: of ground well inside a class, by track and of the tracks together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.io.vectors import Polygons
from subside.model.points import PointSet
from subside.ops.point_covariance import ErrorCorrelation, fit_error_correlation, independent_errors
from subside.ops.series.combine import class_series, combine_tracks, relative_series, spread_points
from subside.ops.series.places import FEWEST_PLACES, PlaceSeries, mean_of_places, place_means
from subside.ops.series.sites import SiteSeries, correlation_of_dates
from subside.studies.land import OUTSIDE, land_classes
from subside.studies.series_rows import Analysed

_FEWEST_OF_CLASS: Final = 50
"""Points of a land class that make a mean series."""
_CANDIDATES: Final = 4000
_AROUND: Final = (150.0, 300.0)
"""Distances at which the cover around a point is looked at, m."""
_LEAST_AROUND: Final = 0.5
_SIDES: Final = (5000.0, 2500.0, 1250.0)
"""Sides of places that are tried, m."""
_FEWEST_OF_PLACE: Final = 3

Members = npt.NDArray[np.int64]
_Cells = dict[tuple[int, int], npt.NDArray[np.float64]]


def classes_of(tracks: Sequence[PointSet], land: Polygons, datum_class: str, warn: Any) -> list[Analysed]:
    """Vertical mean series of each land class and relative to one of them, by track and of the tracks together.

    A class is that of its ground, not of what stands on it: a farm in the fields moves with the fields. Points count
    where at least half of the cover 150 m and 300 m around them is of their class; a class without fifty such points
    is that of all of its points, which is said. Relative to another class, differences within places are averaged,
    since farther apart the air differs and not only the ground: places of 5, 2.5 or 1.25 km, whichever makes the mean
    most certain.

    What is compared with rain is chosen beforehand, so that few tests share the probability of a false claim: classes
    relative to the one taken as the datum, and that one itself, of all tracks together. A class on mixed ground says
    nothing of its own and is not compared.
    """
    by_class: dict[str, list[tuple[SiteSeries, PlaceSeries]]] = {}
    mixed: set[str] = set()
    for track in tracks:
        for name, made in _of_track(track, land, datum_class, (warn, mixed)).items():
            by_class.setdefault(name, []).append(made)
    found = []
    for name, members in by_class.items():
        is_wanted = " relative to " in name or name == f"all {datum_class}" or f"all {datum_class}" not in by_class
        is_compared = is_wanted and name.split(" relative to ")[0].removeprefix("all ") not in mixed
        is_alone = len(members) == 1
        found += [Analysed(s, name, True, True, is_compared and is_alone, places=(p,)) for s, p in members]
        if not is_alone:
            together = combine_tracks([s for s, _ in members], name=name)
            found.append(Analysed(together, name, True, True, is_compared, places=tuple(p for _, p in members)))
    return found


def date_correlation(track: PointSet, warn: Any) -> ErrorCorrelation:
    """Correlation of the errors of single dates; independent where it cannot be told, which is said."""
    try:
        return correlation_of_dates(fit_error_correlation(track))
    except ArgumentError as error:
        warn(f"errors of the points of {track.name} are taken as independent: {error}")
        return independent_errors()


def _of_track(
    track: PointSet, land: Polygons, datum_class: str, told: tuple[Any, set[str]]
) -> dict[str, tuple[SiteSeries, PlaceSeries]]:
    """Series and places of the classes of a track; classes on mixed ground are warned of and added to the set."""
    warn, mixed = told
    labels = land_classes(land, track.easting, track.northing, track.crs)
    correlation = date_correlation(track, warn)
    made: dict[str, tuple[SiteSeries, PlaceSeries]] = {}
    cells: dict[str, list[_Cells]] = {}
    for label in sorted(set(labels) - {OUTSIDE}):
        rows, is_pure = _inside(track, land, np.flatnonzero(labels == label), str(label))
        if len(rows) < _FEWEST_OF_CLASS:
            continue
        if not is_pure:
            mixed.add(str(label))
            warn(
                f"the ground of {label} in {track.name} lies in patches of less than some 300 m: its mean series is "
                "that of mixed ground"
            )
        member = np.zeros(track.n_points, bool)
        member[rows] = True
        name = f"all {label}"
        cells[name] = [_cells(track, rows, side) for side in _SIDES]
        places = _places(track, list(cells[name][0].values()))
        made[name] = (class_series(track, member, correlation, name=name), places)
    datum = f"all {datum_class}"
    for name in [n for n in made if n != datum] if datum in made else []:
        relative = f"{name.removeprefix('all ')} relative to {datum_class}"
        difference = relative_series(made[name][0], made[datum][0], name=relative)
        tried = [_shared(track, own, other) for own, other in zip(cells[name], cells[datum], strict=True)]
        places = min(tried, key=_uncertainty)
        made[relative] = (mean_of_places(difference, places), places)
    return made


def _shared(track: PointSet, own: _Cells, other: _Cells) -> PlaceSeries:
    return _places(track, [motion - other[k] for k, motion in own.items() if k in other])


def _uncertainty(places: PlaceSeries) -> float:
    """Mean variance of the mean of the places by their scatter; infinite where they are too few to tell."""
    n = len(places.motion)
    if n < FEWEST_PLACES:
        return np.inf
    level = places.motion - places.motion.mean(axis=1, keepdims=True)
    return float(level.var(axis=0, ddof=1).mean() / n)


def _inside(track: PointSet, land: Polygons, rows: Members, label: str) -> tuple[Members, bool]:
    """Rows well inside the class, of some thousand spread over the ground; all, and False, where these are too few."""
    if len(rows) < _FEWEST_OF_CLASS:
        return rows, False
    tried = spread_points(track, rows, _CANDIDATES)
    angle = np.arange(8) * np.pi / 4
    east, north = (np.outer(_AROUND, f(angle)).ravel() for f in (np.cos, np.sin))
    around = land_classes(
        land,
        (track.easting[tried][:, None] + east).ravel(),
        (track.northing[tried][:, None] + north).ravel(),
        track.crs,
    )
    kept: Members = tried[np.mean(around.reshape(len(tried), -1) == label, axis=1) >= _LEAST_AROUND]
    return (kept, True) if len(kept) >= _FEWEST_OF_CLASS else (rows, False)


def _cells(track: PointSet, rows: Members, side: float) -> _Cells:
    motion = np.asarray(track.displacement, np.float64)[rows] if track.displacement is not None else np.zeros((0, 0))
    up = track.los[rows, 2:3]
    return place_means(motion / up, track.easting[rows], track.northing[rows], side=side, fewest=_FEWEST_OF_PLACE)


def _places(track: PointSet, motion: list[npt.NDArray[np.float64]]) -> PlaceSeries:
    return PlaceSeries(track.dates, np.reshape(motion, (len(motion), len(track.dates))))
