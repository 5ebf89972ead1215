"""Numbers as a reader sees them: rounded to what is known, with the unit that the name of a result carries."""

from __future__ import annotations

import math
from typing import Any, Final

_UNITS: Final[tuple[tuple[str, float, str], ...]] = (
    ("_mm_yr2", 1.0, "mm/yr²"),
    ("_mm_yr", 1.0, "mm/yr"),
    ("_cm_yr", 1.0, "cm/yr"),
    ("_m_yr2", 1e3, "mm/yr²"),
    ("_m_yr", 1e3, "mm/yr"),
    ("_per_km2", 1.0, "per km²"),
    ("_km2", 1.0, "km²"),
    ("_per_mille", 1.0, "‰"),
    ("_percent", 1.0, "%"),
    ("_days", 1.0, "days"),
    ("_months", 1.0, "months"),
    ("_years", 1.0, "years"),
    ("_km", 1.0, "km"),
    ("_mm", 1.0, "mm"),
    ("_cm", 1.0, "cm"),
    ("_rad", 1.0, "rad"),
    ("_deg", 1.0, "°"),
    ("_m", 1.0, "m"),
)


def unit_of(key: str) -> tuple[float, str]:
    """Factor and unit by the suffix of a name; a rate in m/yr is shown in mm/yr. No suffix: 1 and nothing.

    Parameters
    ----------
    key : str
        Name of a result such as ``rmse_mm_yr``; the last part of a dotted one counts.

    Returns
    -------
    factor : float
        To multiply the value by.
    unit : str
        As printed.
    """
    last = [part for part in key.split(".") if not part.isdigit()][-1:] or [key]
    name = last[0].removesuffix("_low").removesuffix("_high").removesuffix("_interval").removesuffix("_std")
    return next(((f, u) for suffix, f, u in _UNITS if name.endswith(suffix) or last[0].endswith(suffix)), (1.0, ""))


SUFFIXES: Final = tuple(suffix for suffix, _, _ in _UNITS)
"""Endings of names that carry a unit."""

RATE: Final = (1e3, "mm/yr")
"""Factor and unit of a rate in m/yr whose name carries no unit."""

LENGTH_MM: Final = (1e3, "mm")
"""Factor and unit of a displacement in m whose name carries no unit."""

LENGTH_KM: Final = (1e-3, "km")
"""Factor and unit of a distance in m that is shown in km."""


def shown(value: Any, *, decimals: int | None = None) -> str:
    """A value as text: whole numbers with thin thousands, others with three significant digits.

    Parameters
    ----------
    value : bool, int, float, str or None
        None and numbers that are not finite are "unknown".
    decimals : int, optional
        Fixed number of decimals.

    Returns
    -------
    str
        With a true minus sign.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and decimals is None:
        return f"{value:,}".replace(",", "\u202f").replace("-", "−")
    if isinstance(value, (int, float)):
        return _rounded(float(value), decimals).replace(",", "\u202f").replace("-", "−")
    return str(value)


def is_chance(key: str) -> bool:
    """Whether a name is that of a probability or a p value."""
    last = key.rsplit(".", maxsplit=1)[-1]
    return "probability" in last or last.endswith("p_value")


def chance(value: float) -> str:
    """A probability as text: two digits, and never nought or certainty, which no estimate can give."""
    if not math.isfinite(value):
        return "unknown"
    if value < _LEAST_CHANCE:
        return f"< {_LEAST_CHANCE:g}"
    if value > 1.0 - _LEAST_CHANCE:
        return f"> {1.0 - _LEAST_CHANCE:g}"
    return f"{value:.3f}" if value < 0.1 or value > 0.99 else f"{value:.2f}"


_LEAST_CHANCE: Final = 0.001


def places_of(spread: float) -> int:
    """Decimals that leave two digits of an uncertainty; 3 where it is zero."""
    if not (math.isfinite(spread) and spread > 0):
        return 3
    return min(max(0, 1 - math.floor(math.log10(spread))), 6)


def _rounded(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2g}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(text: str, unit: str) -> str:
    """Number and unit, held together."""
    if not unit or text == "unknown":
        return text
    return f"{text}{unit}" if unit == "°" else f"{text}\u00a0{unit}"
