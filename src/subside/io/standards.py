"""Engineering limits, read from a file that a person edits: each with its source, and whether it was verified."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from tomlkit.exceptions import TOMLKitError

from subside.io._cells import text_digest
from subside.io.atomic import atomic_path
from subside.io.codes import refuse

SHIPPED: Final = "standards.toml"
"""Name of the file that is shipped."""

_RULE: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*\*\s*V\s*\^\s*2\s*$")


class Quantity(StrEnum):
    """What is limited."""

    SETTLEMENT = "settlement_mm"
    DIFFERENTIAL = "differential_mm"
    SLOPE = "slope_permille"
    ANGLE = "angular_distortion"
    RADIUS = "curve_radius_m"
    RATE = "rate_mm_yr"


class Side(StrEnum):
    """On which side of the limit a value is good."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class TrackType(StrEnum):
    """Kind of permanent way."""

    BALLASTLESS = "ballastless"
    BALLASTED = "ballasted"
    ANY = "any"


class StructureKind(StrEnum):
    """Where along a line a limit holds."""

    SUBGRADE = "subgrade"
    BRIDGE = "bridge"
    TUNNEL = "tunnel"
    STATION = "station"
    CULVERT = "culvert"
    JOINT = "joint"


UNITS: Final[Mapping[Quantity, str]] = MappingProxyType(
    {
        Quantity.SETTLEMENT: "mm",
        Quantity.DIFFERENTIAL: "mm",
        Quantity.SLOPE: "permille",
        Quantity.ANGLE: "1",
        Quantity.RADIUS: "m",
        Quantity.RATE: "mm/yr",
    }
)
"""Unit of each quantity in the file."""

SI_PER_UNIT: Final[Mapping[Quantity, float]] = MappingProxyType(
    {
        Quantity.SETTLEMENT: 1e-3,
        Quantity.DIFFERENTIAL: 1e-3,
        Quantity.SLOPE: 1e-3,
        Quantity.ANGLE: 1.0,
        Quantity.RADIUS: 1.0,
        Quantity.RATE: 1e-3,
    }
)
"""Metres, metres a year or pure numbers in a unit of the file."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class AppliesTo(_Strict):
    """Where a limit holds."""

    structures: tuple[StructureKind, ...] = Field(description="structures, at least one", min_length=1)
    track: TrackType = Field(description="kind of track")
    speed_km_h: tuple[float, ...] = Field(description="lowest and highest speed, km/h; empty for any")

    @field_validator("speed_km_h")
    @classmethod
    def _check_speed(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (len(value) != 2 or not 0 < value[0] <= value[1]):
            raise ValueError("must be [lowest, highest] or empty")
        return value


class Limit(_Strict):
    """One limit.

    ``value`` is a number in the unit of the quantity, or, for a radius, a rule ``c*V^2`` in the speed in km/h.
    """

    name: str = Field(min_length=1, description="name")
    quantity: Quantity = Field(description="what is limited")
    value: float | str = Field(description="the limit, or a rule in V")
    unit: str = Field(description="unit of the value")
    side: Side = Field(description="on which side a value is good: at_least for a radius, else at_most")
    applies_to: AppliesTo = Field(description="where it holds")
    source: str = Field(min_length=1, description="where it was read")
    verified: bool = Field(description="whether it was held against the text of the code")

    @model_validator(mode="after")
    def _check(self) -> Limit:
        if self.unit != UNITS[self.quantity]:
            raise ValueError(f"unit of {self.quantity.value} must be {UNITS[self.quantity]!r}, got {self.unit!r}")
        side = Side.AT_LEAST if self.quantity is Quantity.RADIUS else Side.AT_MOST
        if self.side is not side:
            raise ValueError(f"side of {self.quantity.value} must be {side.value!r}, got {self.side.value!r}")
        if isinstance(self.value, str):
            if self.quantity is not Quantity.RADIUS or not _RULE.match(self.value):
                raise ValueError(f"value must be a number, or for curve_radius_m a rule 'c*V^2', got {self.value!r}")
        elif not self.value > 0:
            raise ValueError(f"value must be positive, got {self.value:g}")
        return self

    def limit_si(self, speed_km_h: float | None = None) -> float:
        """The limit in m, m/yr or as a pure number; NaN for a rule in the speed where that is not known.

        Parameters
        ----------
        speed_km_h : float, optional
            Speed of the line, km/h.
        """
        if isinstance(self.value, str):
            rule = _RULE.match(self.value)
            return float("nan") if speed_km_h is None or rule is None else float(rule[1]) * speed_km_h**2
        return self.value * SI_PER_UNIT[self.quantity]

    def holds(self, structure: str, *, track: str = "any", speed_km_h: float | None = None) -> bool:
        """Whether the limit holds for a place; a track or speed that is not known excludes nothing."""
        speeds = self.applies_to.speed_km_h
        return (
            structure in self.applies_to.structures
            and (track == "any" or self.applies_to.track in (track, TrackType.ANY))
            and (not speeds or speed_km_h is None or speeds[0] <= speed_km_h <= speeds[1])
        )


@dataclass(frozen=True)
class Standards:
    """Limits of one file.

    Attributes
    ----------
    limits : tuple of Limit
        In the order of the file.
    label : str
        File name.
    digest : str
        Of the file.
    """

    limits: tuple[Limit, ...]
    label: str
    digest: str

    def of(
        self, quantity: Quantity, structure: str, *, track: str = "any", speed_km_h: float | None = None
    ) -> tuple[Limit, ...]:
        """Limits of a quantity that hold for a place."""
        return tuple(
            limit
            for limit in self.limits
            if limit.quantity is Quantity(quantity) and limit.holds(structure, track=track, speed_km_h=speed_km_h)
        )


def read_standards(path: str | Path | None = None) -> Standards:
    """Read limits from a file, or those shipped.

    Parameters
    ----------
    path : str or Path, optional
        An edited copy; None reads the file that is shipped, none of whose limits is verified.

    Returns
    -------
    Standards

    Raises
    ------
    InputFileError
        S101 not found; S151 for TOML that is broken, an unknown key, a missing key, or a value that breaks its rule.
    """
    if path is None:
        return _parsed(shipped_text(), SHIPPED)
    file = Path(path)
    if not file.is_file():
        refuse("S101", file, "the path must be that of a file of limits, got nothing there")
    try:
        return _parsed(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError:
        refuse("S151", file, "the file must be text in UTF-8, got other bytes")


def copy_standards(path: str | Path) -> Path:
    """Write the file that is shipped to a place where it can be edited."""
    target = Path(path)
    with atomic_path(target) as temporary:
        temporary.write_text(shipped_text(), encoding="utf-8")
    return target


def shipped_text() -> str:
    """Text of the file that is shipped."""
    return resources.files("subside.io").joinpath(SHIPPED).read_text(encoding="utf-8")


def _parsed(text: str, label: str) -> Standards:
    try:
        content: dict[str, Any] = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        refuse("S151", label, f"the file must be TOML, got: {error}")
    strange = sorted(set(content) - {"limit"})
    if strange:
        refuse("S151", label, f"there must be nothing but [[limit]] tables, got {', '.join(strange)}")
    entries = content.get("limit", [])
    if not isinstance(entries, list) or not entries:
        refuse("S151", label, "there must be at least one [[limit]], got none")
    limits = tuple(_limit(entry, number, label) for number, entry in enumerate(entries, start=1))
    names = [limit.name for limit in limits]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        refuse("S151", label, f"names of limits must differ, got {twice[0]!r} twice")
    return Standards(limits, Path(label).name, text_digest(text))


def _limit(entry: Any, number: int, label: str) -> Limit:
    try:
        return Limit.model_validate(entry)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"] if part not in ("float", "str"))
            if fault["type"] == "extra_forbidden":
                faults.append(f"key {key!r} is not known")
            elif fault["type"] == "missing":
                faults.append(f"key {key!r} is missing")
            else:
                faults.append(f"{key + ': ' if key else ''}{fault['msg']}, got {fault['input']!r}"[:200])
        name = entry.get("name", "") if isinstance(entry, dict) else ""
        refuse("S151", label, f"limit {number} ({name}): " + "; ".join(dict.fromkeys(faults)))
