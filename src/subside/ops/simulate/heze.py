"""The ground of the simulated Heze region: one truth that every track, every variant and every score reads.

Built from the description of Zhu et al. (2020). Positions are map coordinates in :data:`CRS`; inside, ``u`` is the
chainage of the railway at the foot of a place and ``v`` its offset to the left (north), both in kilometres.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from subside.conventions import DAYS_PER_YEAR
from subside.errors import ArgumentError
from subside.ops.simulate.heze_cover import Cover
from subside.ops.simulate.heze_drivers import Drivers
from subside.ops.simulate.region import CurvedLine, Floats, FourierField, Frame, Panel

CRS: Final = "EPSG:32650"
"""WGS 84 / UTM zone 50N."""

FRAME: Final = Frame(358_985.679, 3_901_868.693, 77.89472, -0.89472)
"""Axis at 77 degrees from true north (range of heading 347) through 115.45 E, 35.25 N; convergence -0.8947 degrees."""

FIRST_DAY: Final = np.datetime64("2015-07-01")
"""Day zero of the motion."""

LAST_DAY: Final = np.datetime64("2019-11-30")
"""End of the period over which the curves of time have a mean slope of one a year."""

LINE: Final = CurvedLine(-45_000.0, 150_000.0, ((350.0, 23_000.0, 0.4), (450.0, 71_000.0, 2.1)))
"""The railway: 150 km, bends within 0.8 km of its axis, radius of curvature above 25 km."""

_MM: Final = 1e-3
_LN4: Final = float(np.log(4.0))


@dataclass(frozen=True)
class HezeLayout:
    """Where things are, chainages in kilometres.

    Attributes
    ----------
    zone_1, zone_2 : tuple of float
        Ends of the two zones that subside by 10 mm/yr or more.
    bowl : tuple of float
        Chainage and offset of the small steep basin.
    bowl_rate : float
        Its rate at the middle of an infinitely wide panel, m/yr.
    belt : float
        Half width of the belt of secondary basins along the line, km; faults bound it.
    """

    zone_1: tuple[float, float] = (40.0, 60.0)
    zone_2: tuple[float, float] = (72.0, 87.0)
    bowl: tuple[float, float] = (78.0, -0.95)
    bowl_rate: float = 0.9
    belt: float = 0.75

    def __post_init__(self) -> None:
        """Refuse zones out of order."""
        if not 0 < self.zone_1[0] < self.zone_1[1] < self.zone_2[0] < self.zone_2[1] < LINE.length / 1000:
            raise ArgumentError(f"`zone_1` and `zone_2` must follow each other along the line, got {self}")


CONDENSED: Final = HezeLayout(zone_1=(58.4, 60.0), zone_2=(62.4, 63.6), bowl=(61.4, -0.3), bowl_rate=0.6, belt=0.4)
"""The region of the small variant: zones of 1.6 and 1.2 km with still ground around them, the steep basin between."""


@dataclass(frozen=True)
class HezeGround:
    """Motion, cover and drivers of the region.

    Attributes
    ----------
    seed : int
        Of everything random about the ground (not of the radar's noise).
    layout : HezeLayout
        Where things are.
    """

    seed: int = 0
    layout: HezeLayout = HezeLayout()

    def describe(self) -> dict[str, Any]:
        """Seed and layout, JSON-able; :meth:`from_description` restores the same ground, to the bit."""
        return {"seed": self.seed, "layout": asdict(self.layout)}

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> HezeGround:
        """Restore a ground from what :meth:`describe` gave."""
        given = description["layout"]
        layout: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        return cls(int(description["seed"]), HezeLayout(**layout))

    @cached_property
    def drivers(self) -> Drivers:
        """Rain and groundwater."""
        return Drivers(self.seed)

    @cached_property
    def cover(self) -> Cover:
        """Land cover."""
        return Cover(self.seed, FRAME, LINE, self.layout.zone_1, self.layout.zone_2)

    def line_coordinates(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Chainage and offset to the left of map positions, km."""
        x, y = FRAME.to_frame(easting, northing)
        return LINE.chainage(x) / 1000, (y - LINE.offset(x)) / 1000

    def line_position(self, chainage: npt.ArrayLike, offset: npt.ArrayLike = 0.0) -> tuple[Floats, Floats]:
        """Map position of chainages and offsets, km."""
        x, y = LINE.position(1000 * np.asarray(chainage, np.float64))
        return FRAME.to_map(x, y + 1000 * np.asarray(offset, np.float64))

    # -- shapes of the motion ------------------------------------------------------------------------

    def deep_rate(self, u: Floats, v: Floats) -> Floats:
        """Zone 1, driven by deep groundwater: -40 mm/yr in the middle, -10 at both ends of the line in it, m/yr."""
        middle, half = np.mean(self.layout.zone_1), np.diff(self.layout.zone_1)[0] / 2
        across = min(6.0, 4 * half)
        r2 = ((u - middle) / half) ** 2 + ((v - 0.8) / across) ** 2 - (0.8 / across) ** 2
        return np.asarray(-40 * _MM * np.exp(-_LN4 * np.maximum(r2, 0.0) ** 2))

    def coalfield_rate(self, u: Floats, v: Floats) -> Floats:
        """Zone 2, the secondary basins: steep flanks, -80 mm/yr at the most, linear in time, m/yr.

        Faults bound them on either side of the line; the ground beyond is still.
        """
        first, last = self.layout.zone_2
        width = 0.24 * min(1.0, (last - first) / 6.0)
        # tanh(-0.16824) gives 10 of the 24 mm/yr of the plain at the ends of the zone.
        shift = 0.168236 * width
        flank = 0.5 * (np.tanh((u - first - shift) / width) - np.tanh((u - last + shift) / width))
        belt = self.layout.belt
        side = 0.5 * (np.tanh((v + belt) / (0.19 * belt)) - np.tanh((v - belt) / (0.19 * belt)))
        scale = (last - first) / 15.0
        depth = np.full(np.shape(u), 24.0)
        for at, size, extent in ((4.0, 20.0, 1.0), (7.6, 56.0, 0.85), (11.2, 34.0, 1.2)):
            depth = depth + size * np.exp(-(((u - first - scale * at) / (scale * extent)) ** 2) - (v / 1.7) ** 2)
        return np.asarray(-_MM * depth * flank * side)

    def local_rate(self, u: Floats, v: Floats) -> Floats:
        """Airport, the feature beyond the coalfield, galleries and the basin along the fault, m/yr."""
        u0, last = self.layout.zone_2
        airport = self.airport_centre
        rate = -31 * np.exp(-(((u - airport[0]) / 1.25) ** 2) - ((v - airport[1]) / 0.7) ** 2)
        rate = rate - 30 * np.exp(-((u - last - 3.5) ** 2 + (v - 2.0) ** 2) / 0.8**2)
        for at in self.gallery_chainages:
            along = 0.5 * (np.tanh((v - 1.3) / 0.2) - np.tanh((v - 6.0) / 0.3))
            rate = rate - 30 * along * np.exp(-(((u - at) / 0.35) ** 2))
        du, dv = u - (u0 + 7.0 + _ARC[1] - 2.4), v + 8.3
        radius, angle = np.hypot(du, dv), np.degrees(np.arctan2(dv, -du))
        along = 0.5 * (np.tanh((angle + _ARC[2]) / 5.0) - np.tanh((angle - _ARC[2]) / 5.0))
        rate = rate - 35 * along * np.exp(-(((radius - _ARC[1]) / 0.4) ** 2))
        return np.asarray(_MM * rate)

    @property
    def fault(self) -> tuple[Floats, Floats]:
        """Chainage and offset of the fault under the arc-shaped basin, km, 14 km long with its ends."""
        angle = np.radians(np.linspace(-_ARC[2], _ARC[2], 81))
        middle = self.layout.zone_2[0] + 7.0 + _ARC[1] - 2.4
        return middle - _ARC[1] * np.cos(angle), _ARC[1] * np.sin(angle) - 8.3

    @property
    def airport_centre(self) -> tuple[float, float]:
        """Chainage and offset of the airport, km."""
        return self.layout.zone_1[1] + 5.5, -2.4

    @property
    def gallery_chainages(self) -> tuple[float, float]:
        """Chainages of the two galleries that link the northern mine with the coalfield, km."""
        return self.layout.zone_2[0] + 4.2, self.layout.zone_2[0] + 8.4

    @cached_property
    def _trend_field(self) -> FourierField:
        return FourierField(self.seed, 11, 9_000.0)

    def rural_rate(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Slow motion of the plain: -20 to +10 mm/yr, within 6 mm/yr along the line, none in the zones, m/yr."""
        x, y = FRAME.to_frame(easting, northing)
        u, v = self.line_coordinates(easting, northing)
        size = 0.35 + 0.65 * (1 - np.exp(-((v / 4.0) ** 2)))
        drawn = 7.0 * self._trend_field.at(x, y) * size
        rate = np.where(drawn > 0, 10 * np.tanh(drawn / 10), 20 * np.tanh(drawn / 20))
        near_line = np.exp(-((v / 3.0) ** 2))
        bounded = near_line * 6 * np.tanh(rate / 6) + (1 - near_line) * rate
        return np.asarray(_MM * bounded * (1 - self._in_zones(u, v)))

    def _in_zones(self, u: Floats, v: Floats) -> Floats:
        """1 in the zones, 0 in the plain, smooth over 3 km."""
        share = np.ones(np.shape(u))
        for (first, last), half in ((self.layout.zone_1, 8.0), (self.layout.zone_2, 9.0)):
            beyond = np.hypot(np.maximum(np.maximum(first - u, u - last), 0.0), np.maximum(np.abs(v) - half, 0.0))
            share = share * (1 - np.exp(-((beyond / 3.0) ** 2)))
        return np.asarray(1 - share)

    @cached_property
    def panels(self) -> dict[str, tuple[Panel, ...]]:
        """Mined panels in frame metres, by box: ``a`` 5 to 8 km north, ``b`` 5 to 11 km south of the line."""
        u0 = self.layout.zone_2[0]
        boxes: dict[str, tuple[tuple[float, float, float], ...]] = {
            "a": ((3.6, 6.0, -200.0), (3.6, 6.7, 350.0), (7.8, 6.4, 100.0), (7.8, 7.2, 800.0)),
            "b": ((6.5, -6.0, 0.0), (6.5, -7.2, 400.0), (6.5, -8.6, 700.0), (6.5, -10.0, 1100.0)),
        }
        made: dict[str, tuple[Panel, ...]] = {}
        for box, rows in boxes.items():
            corner = [LINE.position(1000 * (u0 + at)) for at, _, _ in rows]
            made[box] = tuple(
                Panel(float(x), float(y) + 1000 * v, 1200.0, 450.0, 2.4, 330.0, first_day=day, speed=2.6)
                for (x, y), (_, v, day) in zip(corner, rows, strict=True)
            )
        return made

    @cached_property
    def bowl(self) -> Panel:
        """The small steep basin, steady: its motion is a rate."""
        u, v = self.layout.bowl
        x, y = LINE.position(1000 * u)
        return Panel(float(x) - 190.0, float(y) + 1000 * v, 380.0, 380.0, self.layout.bowl_rate, 170.0)

    # -- motion --------------------------------------------------------------------------------------

    def linear_up(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Steady vertical rate without zone 1, the bowl and the mines, m/yr."""
        u, v = self.line_coordinates(easting, northing)
        return self.coalfield_rate(u, v) + self.local_rate(u, v) + self.rural_rate(easting, northing)

    def season_size(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Size of the seasonal motion, 1 on farmland, 0 in the city, in villages and on the coalfield."""
        return self.cover.open_country(easting, northing)

    def curves(self, dates: npt.NDArray[np.datetime64]) -> dict[str, Floats]:
        """Curves of time: ``linear`` and ``deep`` (years, mean slope 1), ``season`` (m), zero on the first day."""
        days = (np.asarray(dates, "datetime64[D]") - FIRST_DAY).astype(np.float64)
        whole = float((LAST_DAY - FIRST_DAY).astype(np.float64)) / DAYS_PER_YEAR
        years = days / DAYS_PER_YEAR
        season = self.drivers.seasonal_motion(dates) - self.drivers.seasonal_motion(np.array([FIRST_DAY]))
        return {"linear": years, "deep": self.drivers.decline(years, whole), "season": season}

    def motion(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> GroundMotion:
        """Prepare the motion of places, so that dates can be asked for one after the other."""
        e, n = np.broadcast_arrays(np.asarray(easting, np.float64), np.asarray(northing, np.float64))
        u, v = self.line_coordinates(e, n)
        x, y = FRAME.to_frame(e, n)
        linear = np.zeros((3, *e.shape))
        linear[2] = self.linear_up(e, n)
        near = self.bowl.reaches(x, y)
        if near.any():
            along, left, up = self.bowl.motion(x[near], y[near], self.bowl.length)
            linear[0, near], linear[1, near] = FRAME.turn(along, left)
            linear[2, near] += up
        mines = tuple(
            (panel, np.nonzero(reached))
            for box in self.panels.values()
            for panel in box
            if (reached := panel.reaches(x, y)).any()
        )
        return GroundMotion(self, x, y, linear, self.deep_rate(u, v), self.season_size(e, n), mines)

    def displacement(
        self, easting: npt.ArrayLike, northing: npt.ArrayLike, dates: npt.NDArray[np.datetime64]
    ) -> Floats:
        """Motion since the first date, m, (..., date, 3): east, north and up."""
        motion = self.motion(easting, northing)
        moved = np.stack([motion.at(d) for d in np.asarray(dates, "datetime64[D]")], axis=1)
        return np.moveaxis(moved - moved[:, :1], (0, 1), (-1, -2))

    def linear_rate(self, easting: npt.ArrayLike, northing: npt.ArrayLike, dates: npt.NDArray[np.datetime64]) -> Floats:
        """Least-squares slope of the true motion over dates, m/yr, (..., 3): east, north and up.

        The annual term is fitted beside the slope (as a user does), so that the season does not leak into it.
        """
        dates = np.asarray(dates, "datetime64[D]")
        years = (dates - dates[0]).astype(np.float64) / DAYS_PER_YEAR
        wave = 2 * np.pi * years
        design = np.stack([np.ones_like(years), years, np.sin(wave), np.cos(wave)], axis=1)
        row = np.linalg.pinv(design)[1]
        motion = self.motion(easting, northing)
        total = sum((w * motion.at(d) for w, d in zip(row, dates, strict=True)), np.zeros((3, *motion.x.shape)))
        return np.moveaxis(total, 0, -1)

    def line_profile(self, chainage: npt.ArrayLike) -> Floats:
        """Vertical mean rate of the ground under the line at chainages in km, m/yr."""
        e, n = self.line_position(chainage)
        u, v = self.line_coordinates(e, n)
        return self.linear_up(e, n) + self.deep_rate(u, v)


_ARC: Final = (14.0, 4.8, 80.0)
"""Length (km) of the basin along the fault, its radius (km) and half angle (degrees)."""


@dataclass(frozen=True)
class GroundMotion:
    """Motion of fixed places, by date; made by :meth:`HezeGround.motion`.

    Attributes
    ----------
    ground : HezeGround
        Whose.
    x, y : ndarray, (...)
        Frame positions, m.
    linear : ndarray, (3, ...)
        Steady rate east, north, up, m/yr.
    deep : ndarray, (...)
        Mean vertical rate of zone 1, m/yr.
    season : ndarray, (...)
        Size of the seasonal motion.
    mines : tuple of (Panel, indices)
        Panels that reach any of the places.
    """

    ground: HezeGround
    x: Floats
    y: Floats
    linear: Floats
    deep: Floats
    season: Floats
    mines: tuple[tuple[Panel, tuple[npt.NDArray[np.int64], ...]], ...]

    def at(self, date: np.datetime64) -> Floats:
        """Motion since the first day of the region, m, (3, ...): east, north, up."""
        curve = {k: float(c[0]) for k, c in self.ground.curves(np.array([date])).items()}
        moved = self.linear * curve["linear"]
        moved[2] += self.deep * curve["deep"] + self.season * curve["season"]
        day = float((date.astype("datetime64[D]") - FIRST_DAY).astype(np.float64))
        for panel, places in self.mines:
            now = panel.motion(self.x[places], self.y[places], panel.advanced(day))
            before = panel.motion(self.x[places], self.y[places], panel.advanced(0.0))
            along, left, up = (a - b for a, b in zip(now, before, strict=True))
            east, north = FRAME.turn(along, left)
            for axis, part in enumerate((east, north, up)):
                moved[axis][places] += part
        return moved

    def along(self, los: Floats, date: np.datetime64) -> Floats:
        """Line-of-sight motion, m toward the satellite; ``los`` is (3,) or (3, ...)."""
        moved = self.at(date)
        los = np.asarray(los, np.float64).reshape(3, *([1] * self.x.ndim)) if np.ndim(los) == 1 else los
        return np.asarray((moved * los).sum(axis=0))
