"""The variants in which the simulated Heze region is seen: a small strip, a corridor, the whole line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from subside.errors import ArgumentError
from subside.ops.simulate.heze import CONDENSED, LINE, HezeGround, HezeLayout
from subside.ops.simulate.heze_track import Extent, TrackModel, TrackSpec

# 63 and 61 dates from July 2015 to November 2019 in steps of 12, 24 and 36 days with three gaps beyond 84 days; the
# order is chosen so that pairs within 84 days and 150 m, with two across each gap, number 192 and 171.
_T40: Final = TrackSpec(
    "t40",
    43.8,
    "20180108",
    76,
    tuple(int(c, 36) for c in "2222332232321921223323112222131122212211112812221321111a221111"),
    0,
)
_T142: Final = TrackSpec(
    "t142",
    33.8,
    "20180115",
    76,
    tuple(int(c, 36) for c in "332123323322222222228212332113122211211322122211119111b22111"),
    1,
)
_T40_SMALL: Final = TrackSpec("t40", 43.8, "20180108", 27, tuple(int(c) for c in "232231223212281232213223123"), 0)
_T142_SMALL: Final = TrackSpec("t142", 33.8, "20180115", 26, tuple(int(c) for c in "322132221322122921232231223"), 1)


@dataclass(frozen=True)
class Variant:
    """One way of seeing the region.

    Attributes
    ----------
    name : str
        ``small``, ``corridor`` or ``line``.
    layout : HezeLayout
        Of the ground.
    tracks : tuple of TrackSpec
        What sees it.
    chainage : tuple of float
        First and last chainage, km.
    half_width : float
        Of the scene across the line's mean course, m.
    shift : float
        Of the scene's middle to the left of that course, m.
    is_point_level : bool
        Whether wrapped phases of points are made, without images.
    """

    name: str
    layout: HezeLayout
    tracks: tuple[TrackSpec, ...]
    chainage: tuple[float, float]
    half_width: float
    shift: float = 0.0
    is_point_level: bool = False

    @property
    def extent(self) -> Extent:
        """Of the scene in the region's frame; both tracks cover it."""
        x, y = LINE.position(1000 * np.linspace(*self.chainage, 201))
        middle = float(y.min() + y.max()) / 2 + self.shift
        return Extent((float(x[0]), float(x[-1])), (middle - self.half_width, middle + self.half_width))

    def models(self, seed: int) -> tuple[HezeGround, tuple[TrackModel, ...]]:
        """Ground and tracks for a seed."""
        ground = HezeGround(seed, self.layout)
        grid = 150.0 if self.is_point_level else 50.0
        return ground, tuple(TrackModel(t, ground, self.extent, seed, grid) for t in self.tracks)


_VARIANTS: Final = {
    v.name: v
    for v in (
        Variant("small", CONDENSED, (_T40_SMALL, _T142_SMALL), (57.6, 64.2), 660.0, -60.0),
        Variant("corridor", HezeLayout(), (_T40, _T142), (56.5, 92.0), 1300.0, -120.0),
        Variant("line", HezeLayout(), (_T40, _T142), (0.0, 150.0), 3900.0, is_point_level=True),
    )
}

VARIANTS: Final = tuple(_VARIANTS)
"""Names :func:`variant` knows."""


def variant(name: str) -> Variant:
    """Describe a named variant.

    Raises
    ------
    ArgumentError
        For an unknown name.
    """
    if name not in _VARIANTS:
        raise ArgumentError(f"`variant` must be one of {list(VARIANTS)}, got {name!r}")
    return _VARIANTS[name]
