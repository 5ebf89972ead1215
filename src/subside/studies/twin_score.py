"""What the studies of a simulated Heze project found, against what is true there. Nothing here is read by a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.conventions import MM_PER_M
from subside.io.atomic import read_json
from subside.io.store import TrackStore
from subside.model.points import PointKind, PointSet
from subside.ops.simulate import Stratum
from subside.ops.simulate.heze_cover import CLASS_NAMES
from subside.stages.heze_inputs import ground_chainage, line_vertices
from subside.stages.simulating_heze import HezeTruth, load_heze_truth
from subside.stages.tables import used_pairs
from subside.studies.output import SUMMARY
from subside.studies.project import ProjectStudy

FloatArray = npt.NDArray[np.float64]

_SAMPLE: Final = 20_000
"""Points of a track whose rates are scored, spread evenly."""
_PHASE_SAMPLE: Final = 4_000
"""Points of a track whose unwrapped phases are scored."""
_ALIASED_SHARE: Final = 0.02
"""Share of its pairs that must be unwrapped wrongly for a point to count as aliased."""
_COLUMNS: Final = 16
"""Pairs read at a time."""
_FEWEST: Final = 30
"""Pixels of a kind and land class that make a share."""
_NORMAL_95: Final = 1.959964
_RURAL, _CITY = "farmland relative to urban", "all urban"


@dataclass(frozen=True)
class ScoreRow:
    """One figure of the score.

    Attributes
    ----------
    quantity, stratum : str
        What, and of what.
    value : float
        In ``unit``; NaN where there is nothing to score.
    unit : str
        Unit.
    limit : tuple of float or None
        Least and greatest value aimed at; None is reported only.
    """

    quantity: str
    stratum: str
    value: float
    unit: str
    limit: tuple[float, float] | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the value is within its limit; None where there is no limit or no value."""
        if self.limit is None or not np.isfinite(self.value):
            return None
        return self.limit[0] <= self.value <= self.limit[1]


def score_twin(project: Path) -> list[ScoreRow]:
    """Score the tracks and the finished studies of a simulated Heze project.

    Parameters
    ----------
    project : Path
        Made by :func:`subside.stages.simulating_heze.simulate_heze`, run and studied.

    Returns
    -------
    list of ScoreRow
        A study that was not made is a row that does not hold.

    Raises
    ------
    ProjectError, ArgumentError
        If there is no project or no truth.
    """
    study, truth = ProjectStudy.open(project), load_heze_truth(project)
    rows: list[ScoreRow] = []
    for name, score in (("corridor", _zone_rows), ("tracks", _agreement_rows), ("series", _lag_rows)):
        results = (read_json(study.folder(name) / SUMMARY) or {}).get("results")
        rows.append(ScoreRow("study made", name, float(results is not None), "1", (1.0, 1.0)))
        if results is not None:
            rows += score(results, truth)
    for points in study.points:
        store = study.project.track(points.name)
        rows += _rate_rows(points, store, truth)
        rows += _unwrapping_rows(points, store, truth)
        if not truth.variant.is_point_level:
            rows += _recall_rows(points, store, truth)
    return rows


# -- the line --------------------------------------------------------------------------------------------


def _zone_rows(results: Mapping[str, Any], truth: HezeTruth) -> Iterator[ScoreRow]:
    """Ends, lengths and rates (means over 50 m, as the bins are) of the zones, as far as the scene shows them."""
    first, last = truth.variant.chainage
    counted, plane = ground_chainage(truth.ground), line_vertices()
    found = [(*np.interp([z["start"] / 1e3, z["end"] / 1e3], counted, plane).tolist(), z) for z in results["zones"]]
    seen = [z for z in truth.zones() if z["end_km"] > first and z["start_km"] < last]
    total = 0.0
    for k, zone in enumerate(seen, start=1):
        label = f"zone {k}"
        start, end = max(zone["start_km"], first), min(zone["end_km"], last)
        total += end - start
        overlap = [f for f in found if f[0] < end and f[1] > start]
        yield ScoreRow("zone found", label, float(len(overlap)), "stretches", (1.0, 1.0))
        if not overlap:
            continue
        ends = (overlap[0][0], overlap[-1][1])
        for name, true, at, is_seen in (
            ("start", zone["start_km"], ends[0], zone["start_km"] > first),
            ("end", zone["end_km"], ends[1], zone["end_km"] < last),
        ):
            if is_seen:
                yield ScoreRow(f"zone {name}, error", label, at - true, "km", (-0.5, 0.5))
        fine = start + 0.005 * np.arange(10 * int((end - start) / 0.05))
        profile = truth.ground.line_profile(fine).reshape(-1, 10).mean(axis=1) * MM_PER_M
        for name, true, got in (
            ("lowest rate", float(profile.min()), min(o[2]["lowest"] for o in overlap)),
            ("5 % of the rates", float(np.quantile(profile, 0.05)), min(o[2]["bin_low"] for o in overlap)),
            ("95 % of the rates", float(np.quantile(profile, 0.95)), max(o[2]["bin_high"] for o in overlap)),
        ):
            yield ScoreRow(f"{name}, error", label, got * MM_PER_M - true, "mm/yr", (-3.0, 3.0))
    inside = sum(max(0.0, min(b, last) - max(a, first)) for a, b, _ in found)
    yield ScoreRow("affected length, true", "line", total, "km")
    yield ScoreRow("affected length, error", "line", inside - total, "km", (-1.0, 1.0))
    false = [f for f in found if not any(f[0] < z["end_km"] and f[1] > z["start_km"] for z in seen)]
    yield ScoreRow("zones that are none", "line", float(len(false)), "stretches", (0.0, 0.0))


def _agreement_rows(results: Mapping[str, Any], truth: HezeTruth) -> Iterator[ScoreRow]:
    statistics = results["statistics"]
    yield ScoreRow("correlation of the tracks", "cells", statistics["pearson"]["value"], "1", (0.95, 1.0))
    yield ScoreRow("RMSE between the tracks", "cells", statistics["rmse_mm_yr"]["value"], "mm/yr", (0.0, 3.0))
    for sigma in results["sigmas"]:
        ratio = sigma["observed_over_predicted"]["value"]
        limit = (0.8, 1.25) if "stated" in sigma["definition"] else None
        yield ScoreRow("σ of the difference, observed over predicted", sigma["definition"], ratio, "1", limit)


def _lag_rows(results: Mapping[str, Any], truth: HezeTruth) -> Iterator[ScoreRow]:
    """Lag behind rain of farmland, relative to built-up ground, and of that: claimed for the former alone."""
    for row in results.get("lags", ()):
        if "rain" not in row["driver"] or "+" not in row["track"]:
            continue
        group, label = row["group"], f"{row['group']}, {row['track']}"
        if group == _RURAL:
            yield ScoreRow("lag behind rain claimed", label, float(row["is_claimed"]), "1", (1.0, 1.0))
            if row["is_claimed"]:
                yield ScoreRow("lag behind rain, error", label, row["lag_days"] - 60.0, "day", (-15.0, 15.0))
        elif group == _CITY:
            yield ScoreRow("lag behind rain claimed", label, float(row["is_claimed"]), "1", (0.0, 0.0))


# -- the points ------------------------------------------------------------------------------------------


def _spread(n: int, at_most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).astype(np.int64))


def _through_the_run(points: PointSet, store: TrackStore, truth: HezeTruth, rows: npt.NDArray[np.int64]) -> FloatArray:
    """True rates of some points as the run would see them: planes of the dates taken out, relative to its areas."""
    weights = {name: store.read(name) for name in ("correct/ramp_weights", "reference/weights")}
    helpers = _spread(points.n_points, 5 * _SAMPLE)
    inside = np.flatnonzero(weights["reference/weights"] > 0)
    known = np.unique(np.concatenate([rows, helpers, inside[_spread(len(inside), _SAMPLE)]]))
    rate = truth.los_rate(points.name, points.easting[known], points.northing[known])
    ramp, reference = (weights[name][known].astype(np.float64) for name in weights)
    if ramp.any() and not store.read("correct/tilt_covariance").any():
        east = (points.easting[known] - points.easting.mean()) / 1e4
        north = (points.northing[known] - points.northing.mean()) / 1e4
        design = np.column_stack([np.ones(len(known)), east, north])
        root = np.sqrt(ramp)
        rate = rate - design @ np.linalg.lstsq(design * root[:, None], rate * root, rcond=None)[0]
    rate = rate - float(reference @ rate) / float(reference.sum())
    return np.asarray(rate[np.searchsorted(known, rows)])


def _rate_rows(points: PointSet, store: TrackStore, truth: HezeTruth) -> Iterator[ScoreRow]:
    """Errors of the rates of the default set and how often their intervals hold the truth."""
    good = np.flatnonzero((points.flags == 0) & np.isfinite(points.velocity))
    rows = good[_spread(len(good), _SAMPLE)]
    error = points.velocity[rows] - _through_the_run(points, store, truth, rows)
    absolute = points.velocity[rows] - truth.los_rate(points.name, points.easting[rows], points.northing[rows])
    std = points.velocity_std[rows]
    yield ScoreRow("points of the default set", points.name, float(len(good)), "1")
    yield ScoreRow("datum of the rates, mean error", points.name, float(absolute.mean()) * MM_PER_M, "mm/yr")
    for kind in (PointKind.PS, PointKind.DS):
        mine = points.kind[rows] == kind
        if mine.any():
            label = f"{points.name}, {kind.name}"
            rms = float(np.sqrt(np.mean(error[mine] ** 2)))
            held = np.abs(error[mine]) <= _NORMAL_95 * std[mine]
            yield ScoreRow("rate error, rms", label, rms * MM_PER_M, "mm/yr")
            yield ScoreRow("95 % interval holds the true rate", label, 100.0 * float(held.mean()), "%", (90.0, 98.0))


def _unwrapping_rows(points: PointSet, store: TrackStore, truth: HezeTruth) -> Iterator[ScoreRow]:
    """Whole cycles that are wrong, of points with and without a flag; points that are wrong in many pairs."""
    pairs = used_pairs(store)
    rows = _spread(points.n_points, _PHASE_SAMPLE)
    model = truth.tracks[points.name]
    places = model.places(points.easting[rows], points.northing[rows])
    phase = np.stack([model.phase(k, places) for k in range(len(model.spec.dates))], axis=-1)
    wrong = np.empty((len(rows), len(pairs)), bool)
    observed, unwrapped = store.array("select/phase"), store.array("unwrap/phase")
    for k in range(0, len(pairs), _COLUMNS):
        columns = slice(k, min(k + _COLUMNS, len(pairs)))
        true = phase[:, pairs[columns, 1]] - phase[:, pairs[columns, 0]]
        noise = np.angle(np.exp(1j * (np.asarray(observed[:, columns])[rows] - true)))
        cycles = np.rint((np.asarray(unwrapped[:, columns])[rows] - true - noise) / (2 * np.pi))
        wrong[:, columns] = cycles != np.median(cycles, axis=0)
    is_flagged = points.flags[rows] != 0
    is_aliased = wrong.mean(axis=1) > _ALIASED_SHARE
    clean = ~is_flagged
    share = 100.0 * float(wrong[clean].mean()) if clean.any() else np.nan
    yield ScoreRow("unwrapping errors, point × pair", f"{points.name}, unflagged", share, "%", (0.0, 0.1))
    yield ScoreRow("points flagged", points.name, 100.0 * float(is_flagged.mean()), "%")
    yield ScoreRow("points wrong in many pairs", points.name, 100.0 * float(is_aliased.mean()), "%")
    if is_aliased.any():
        caught = 100.0 * float(is_flagged[is_aliased].mean())
        yield ScoreRow("of them flagged", points.name, caught, "%", (90.0, 100.0))


def _recall_rows(points: PointSet, store: TrackStore, truth: HezeTruth) -> Iterator[ScoreRow]:
    """Scatterers that became unflagged points, by kind and land class, over all pixels of the scene."""
    strip = truth.strip(points.name)
    lines, samples = strip.shape
    azimuth, range_ = np.meshgrid(np.arange(lines), np.arange(samples), indexing="ij")
    stratum = strip.stratum(azimuth, range_)
    cover = truth.ground.cover.class_at(*strip.map_position(azimuth, range_))
    kept = np.zeros(strip.shape, bool)
    good = points.flags == 0
    kept[store.read("select/azimuth")[good], store.read("select/range")[good]] = True
    area = lines * samples * float(np.prod(strip.spacing)) / 1e6
    yield ScoreRow("density", points.name, float(kept.sum()) / area, "points/km²")
    for kind, name in ((Stratum.POINT, "PS"), (Stratum.DISTRIBUTED, "DS"), (Stratum.NOISE, "noise")):
        for index, land in enumerate(CLASS_NAMES):
            these = (stratum == kind) & (cover == index)
            if these.sum() >= _FEWEST:
                what = "points on noise, of its pixels" if name == "noise" else f"{name} kept"
                yield ScoreRow(what, f"{points.name}, {land}", 100.0 * float(kept[these].mean()), "%")


def shown(rows: Sequence[ScoreRow]) -> list[tuple[str, str, str, str, str]]:
    """Rows as text: quantity, stratum, value with unit, limit, verdict."""
    words = {True: "holds", False: "DOES NOT HOLD", None: ""}
    return [
        (
            r.quantity,
            r.stratum,
            f"{r.value:.4g} {r.unit}" if r.unit != "1" else f"{r.value:.4g}",
            "" if r.limit is None else f"{r.limit[0]:g} to {r.limit[1]:g}",
            words[r.holds],
        )
        for r in rows
        if np.isfinite(r.value)
    ]
