"""Primary and secondary mining basins told apart by stated rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from subside import _check
from subside.ops.basins.outline import Basin

FloatArray = npt.NDArray[np.float64]

_MOSTLY: Final = 0.5
_TROUGH: Final = 2.0
"""Longest over shortest axis of a trough."""
_MOST_OFF: Final = 15.0
_LENGTHS: Final = 2.0
"""Lengths of a trough within which it may point to a source."""
_SIGNIFICANCE: Final = 0.05


class BasinKind(StrEnum):
    """What a basin looks like."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Surroundings:
    """Layers a user may know, in the coordinate system of the points; empty is unknown.

    Attributes
    ----------
    mines, faults, wells : tuple of shapely geometry
        Polygons, lines, points.
    """

    mines: tuple[Any, ...] = ()
    faults: tuple[Any, ...] = ()
    wells: tuple[Any, ...] = ()


@dataclass(frozen=True)
class KindRules:
    """Rules after the description of Zhu et al. (2020, section 5.2).

    Attributes
    ----------
    risk_share : float
        Share of a basin at risk of aliasing (dense fringes, lost points) that makes it primary.
    cumulative : float
        Subsidence in four years beyond which mining is direct, m.
    linearity : float
        Share of the trend that a straight line must explain in a secondary basin; noise does not count.
    reach : float
        Distance from a mine or a primary basin beyond which no basin is secondary, m.
    margin : float
        Gap that still joins a basin to a mine or a primary basin, m: the radius of influence of deep mining.
    fault_reach : float
        Distance within which ground counts as along a fault, m.
    fault_share : float
        Share of a basin along faults that ties it to mining within reach.
    """

    risk_share: float = 0.2
    cumulative: float = 0.5
    linearity: float = 0.9
    reach: float = 10_000.0
    margin: float = 500.0
    fault_reach: float = 500.0
    fault_share: float = 0.5

    def __post_init__(self) -> None:
        """Check ranges."""
        _check.in_range(0.0, 1.0, risk_share=self.risk_share)
        _check.in_range(0.0, 1.0, linearity=self.linearity)
        _check.in_range(0.0, 1.0, fault_share=self.fault_share)


@dataclass(frozen=True)
class RuleOutcome:
    """One rule applied to one basin.

    Attributes
    ----------
    rule : str
        In words.
    value : float
        What was found; NaN is unknown.
    is_met : bool or None
        None where the value is unknown or the rule not applied.
    speaks_for : BasinKind
        What the basin is if the rule is met.
    is_applied : bool
        False where only a lower bound of the sinking is known, which cannot tell: the rule has no say.
    """

    rule: str
    value: float
    is_met: bool | None
    speaks_for: BasinKind
    is_applied: bool = True


@dataclass(frozen=True)
class ClassifiedBasin:
    """A basin, its kind and why.

    Attributes
    ----------
    basin : Basin
        The basin.
    kind : BasinKind
        Verdict.
    outcomes : tuple of RuleOutcome
        Every rule that was tried.
    mine_distance, fault_distance, well_distance : float
        From its outline, m; NaN where the layer is not given.
    mine_share : float
        Share of its area within two margins of a mine; NaN where there is no layer.
    fault_share : float
        Share of its area along a fault; NaN where there is no layer.
    fault_p_value : float
        Share of random places of the same outline within the reach of the study with as much of it along a fault.
    """

    basin: Basin
    kind: BasinKind
    outcomes: tuple[RuleOutcome, ...]
    mine_distance: float
    fault_distance: float
    well_distance: float
    mine_share: float
    fault_share: float
    fault_p_value: float


def classify_basins(
    basins: Sequence[Basin], *, years: float, around: Surroundings, rules: KindRules, seed: int = 0
) -> list[ClassifiedBasin]:
    """Tell primary from secondary basins.

    A basin is primary if it is at risk of aliasing beyond a share, if it sank beyond half a metre in four years, or
    if a void of it lies over a mine and half of it is of the mine's scale: within two margins of it.

    It is secondary if it is not primary, moves along a straight line, sank less than that, lies within reach of a mine
    or a primary basin, and something more than nearness ties it to them: it adjoins one, it lies along a fault beyond
    chance, or it is a trough whose axis points to one (the "galleries" of Zhu et al. 2020). Sinking by groundwater is
    linear too, and a city may lie near a mine. Where the sinking of a basin is a lower bound
    (:attr:`.outline.Basin.is_lower_bound`), that it sank less than half a metre is not known: the rule has no say, and
    a basin that is secondary by the others may hold a primary one.

    All else is unexplained by mining as far as the layers tell: the cause has to be looked for elsewhere.

    Parameters
    ----------
    basins : sequence of Basin
        From :func:`subside.ops.basins.outline.outline_basins`.
    years : float
        Time span of the dates.
    around : Surroundings
        Layers.
    rules : KindRules
        Rules.
    seed : int
        Of the random places of the test along faults.

    Returns
    -------
    list of ClassifiedBasin
        In the order given.
    """
    first = [_primary_outcomes(b, years, around, rules) for b in basins]
    is_primary = [any(o.is_met for o in outcomes) for outcomes in first]
    sources = [b.outline for b, p in zip(basins, is_primary, strict=True) if p] + list(around.mines)
    found = []
    for basin, outcomes, primary in zip(basins, first, is_primary, strict=True):
        share, p_value = _along_faults(basin, basins, around.faults, rules, seed)
        needed, ties = ((), ()) if primary else _secondary_outcomes(basin, years, sources, rules)
        if not primary:
            ties = (*ties, _fault_tie(share, p_value, rules))
        if primary:
            kind = BasinKind.PRIMARY
        elif all(o.is_met for o in needed if o.is_applied) and any(o.is_met for o in ties):
            kind = BasinKind.SECONDARY
        else:
            kind = BasinKind.UNEXPLAINED
        found.append(
            ClassifiedBasin(
                basin,
                kind,
                (*outcomes, *needed, *ties),
                _distance(basin, around.mines),
                _distance(basin, around.faults),
                _distance(basin, around.wells),
                _mine_share(basin, around, rules),
                share,
                p_value,
            )
        )
    return found


def _four_years(basin: Basin, years: float) -> float:
    return -basin.peak_rate * 4.0 if np.isfinite(basin.peak_rate) and years > 0 else np.nan


def _outcome(rule: str, value: float, is_met: bool, kind: BasinKind) -> RuleOutcome:
    return RuleOutcome(rule, float(value), bool(is_met) if np.isfinite(value) else None, kind)


def _primary_outcomes(basin: Basin, years: float, around: Surroundings, rules: KindRules) -> tuple[RuleOutcome, ...]:
    sunk = _four_years(basin, years)
    voids = [] if basin.void is None else [basin.void.distance(m) for m in around.mines]
    over_mine = min(voids, default=np.inf) <= rules.margin and _mine_share(basin, around, rules) >= _MOSTLY
    return (
        _outcome(
            f"at least {rules.risk_share:g} of it at risk of aliasing",
            basin.risk_share,
            basin.risk_share >= rules.risk_share,
            BasinKind.PRIMARY,
        ),
        _sinking(basin, rules, sunk, BasinKind.PRIMARY),
        _outcome(
            "mostly at a mine, with a void over it",
            float(over_mine) if around.mines else np.nan,
            over_mine,
            BasinKind.PRIMARY,
        ),
    )


def _sinking(basin: Basin, rules: KindRules, sunk: float, kind: BasinKind) -> RuleOutcome:
    """Whether a basin sinks as fast as over mining (primary) or less (secondary); a lower bound tells only the first.

    NaN is unknown.
    """
    is_fast = sunk >= rules.cumulative
    rule = f"sinks {rules.cumulative:g} m or more in four years"
    if kind == BasinKind.SECONDARY:
        rule = f"sinks less than {rules.cumulative:g} m in four years"
    if basin.is_lower_bound and np.isfinite(sunk) and not is_fast:
        return RuleOutcome(f"{rule} (not applied: the rate is a lower bound)", float(sunk), None, kind, False)
    return _outcome(rule, sunk, is_fast == (kind == BasinKind.PRIMARY), kind)


def _secondary_outcomes(
    basin: Basin, years: float, sources: Sequence[Any], rules: KindRules
) -> tuple[tuple[RuleOutcome, ...], tuple[RuleOutcome, ...]]:
    """Rules that all must be met, and ties of which one is enough."""
    sunk, distance = _four_years(basin, years), _distance(basin, sources)
    needed = (
        _outcome(
            f"a line explains {rules.linearity:g} of its motion",
            basin.linearity,
            basin.linearity >= rules.linearity,
            BasinKind.SECONDARY,
        ),
        _sinking(basin, rules, sunk, BasinKind.SECONDARY),
        _outcome(
            f"within {rules.reach / 1e3:g} km of a mine or a primary basin",
            distance,
            distance <= rules.reach,
            BasinKind.SECONDARY,
        ),
    )
    off = _axis_off_source(basin, sources)
    ties = (
        _outcome(
            f"within {rules.margin:g} m of a mine or a primary basin",
            distance,
            distance <= rules.margin,
            BasinKind.SECONDARY,
        ),
        _outcome(
            f"a trough whose axis points within {_MOST_OFF:g} degrees to a mine or a primary basin, {_LENGTHS:g} "
            "lengths away at most",
            off,
            off <= _MOST_OFF,
            BasinKind.SECONDARY,
        ),
    )
    return needed, ties


def _fault_tie(share: float, p_value: float, rules: KindRules) -> RuleOutcome:
    return _outcome(
        f"at least {rules.fault_share:g} of it along faults, beyond chance ({_SIGNIFICANCE:g})",
        share,
        share >= rules.fault_share and p_value <= _SIGNIFICANCE,
        BasinKind.SECONDARY,
    )


def _axis_off_source(basin: Basin, sources: Sequence[Any]) -> float:
    """Least angle between the axis of a trough and the way to a source within two lengths, degree; NaN without."""
    if basin.elongation < _TROUGH:
        return float("nan")
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(basin.outline))
    length = float(np.hypot(*np.diff(corners, axis=0).T).max())
    near = [s for s in sources if basin.outline.distance(s) <= _LENGTHS * length]
    if not near:
        return float("nan")
    ways = shapely.get_coordinates(shapely.shortest_line(shapely.Point(basin.easting, basin.northing), near))
    east, north = (ways[1::2] - ways[::2]).T
    off = np.abs(np.degrees(np.arctan2(east, north)) - basin.azimuth_deg) % 180.0
    return float(np.minimum(off, 180.0 - off).min())


def _mine_share(basin: Basin, around: Surroundings, rules: KindRules) -> float:
    if not around.mines:
        return float("nan")
    zone = shapely.union_all([m.buffer(2.0 * rules.margin) for m in around.mines])
    return float(basin.outline.intersection(zone).area / basin.outline.area)


def _distance(basin: Basin, shapes: Sequence[Any]) -> float:
    return min((float(basin.outline.distance(s)) for s in shapes), default=float("nan"))


_DRAWS = 499


def _along_faults(
    basin: Basin, basins: Sequence[Basin], faults: Sequence[Any], rules: KindRules, seed: int
) -> tuple[float, float]:
    """Share of the area along faults, and how often a random place and turn of the outline has as much."""
    if not faults:
        return float("nan"), float("nan")
    zone = shapely.union_all([f.buffer(rules.fault_reach) for f in faults])
    shapely.prepare(zone)
    simple = basin.outline.simplify(50.0)
    share = float(simple.intersection(zone).area / simple.area)
    west, south, east, north = shapely.total_bounds([*(b.outline for b in basins), *faults])
    rng = np.random.default_rng(seed)
    centre = shapely.Point(basin.easting, basin.northing)
    at_least = 0
    for x, y, turn in zip(
        rng.uniform(west, east, _DRAWS), rng.uniform(south, north, _DRAWS), rng.uniform(0, 360, _DRAWS), strict=True
    ):
        moved = shapely.affinity.translate(
            shapely.affinity.rotate(simple, turn, origin=centre), x - basin.easting, y - basin.northing
        )
        at_least += moved.intersection(zone).area / moved.area >= share
    return share, (1.0 + at_least) / (1.0 + _DRAWS)
