"""Dimensions, signs, physical constants and flag bits shared by every floor.

Signs: an interferogram is ``s_i * conj(s_j)``, ``i`` earlier than ``j``; its phase is
``+4 pi / wavelength * (R_j - R_i)``, so a point that sinks has a positive pair phase. Line-of-sight
displacement is positive toward the satellite: ``d = -wavelength / (4 pi) * phase``.
A point above the DEM by ``h`` metres has pair phase ``+4 pi / wavelength * bperp * h / (R sin(incidence))`` with
``bperp = bperp_j - bperp_i``, each date's perpendicular baseline being relative to the reference date
(positive when the slant range of that date grows faster with height than the reference's).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

SPEED_OF_LIGHT: Final = 299_792_458.0
"""Speed of light in vacuum, m/s (exact, SI)."""

SENTINEL1_WAVELENGTH: Final = 0.05546576
"""Wavelength of Sentinel-1, m (c / 5.405000454 GHz)."""

DAYS_PER_YEAR: Final = 365.25
"""Julian year, days."""

MM_PER_M: Final = 1000.0
"""Millimetres in a metre (exports and figures only)."""


class PointFlag(IntFlag):
    """Quality bits of a point; ``flags == 0`` is the default set."""

    NONE = 0
    LOW_COHERENCE = 1
    UNWRAP_SUSPECT = 2
    BRIDGED = 4
    ADJACENT_DUPLICATE = 8
    ISOLATED_COMPONENT = 16
    ALIAS_RISK = 32


@dataclass(frozen=True)
class FlagDescription:
    """One flag bit in words.

    Attributes
    ----------
    flag : PointFlag
        The bit.
    description : str
        What it means to a reader of the export.
    """

    flag: PointFlag
    description: str


FLAG_DESCRIPTIONS: Final[tuple[FlagDescription, ...]] = (
    FlagDescription(PointFlag.LOW_COHERENCE, "temporal coherence (eq. 4) below the re-estimated threshold"),
    FlagDescription(PointFlag.UNWRAP_SUSPECT, "integer closure of the interferogram network fails at this point"),
    FlagDescription(
        PointFlag.BRIDGED, "series depends on a single interferogram that bridges two parts of the network"
    ),
    FlagDescription(PointFlag.ADJACENT_DUPLICATE, "shares its coordinates with a point of higher temporal coherence"),
    FlagDescription(PointFlag.ISOLATED_COMPONENT, "not joined to the reference areas by arcs that can be trusted"),
    FlagDescription(
        PointFlag.ALIAS_RISK, "motion around it is too steep for the pairs: cycles may be lost (set by the studies)"
    ),
)
