"""GAMMA-style ``.par`` and ``.base`` text, as GAMMA and SNAP write them, with SNAP's known faults repaired.

Geometry on a sphere (``se`` radius of the orbit, ``re`` of the Earth, ``r`` slant range, ``h`` height)::

    look       = acos((se^2 + r^2 - (re + h)^2) / (2 se r))
    incidence  = acos((se^2 - (re + h)^2 - r^2) / (2 (re + h) r))

A ``.base`` file holds the position of the second satellite minus that of the first, along track (T), toward the look
side (C) and down (N). The slant range to a target seen at look angle ``theta`` changes by
``dR = -(C sin(theta) + N cos(theta))``, so that with height it changes by ``-(C cos(theta) - N sin(theta)) dtheta``.
The project's perpendicular baseline is positive where range grows with height, hence::

    bperp = -(C cos(theta) - N sin(theta)),   C = C0 + Cdot (line - mean line) / prf,   N likewise

(the negative of the ``bperp`` GAMMA and StaMPS print).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from subside.conventions import SPEED_OF_LIGHT
from subside.io.codes import refuse
from subside.io.stacks.source import Finding

SENTINEL1_RANGE_SPACING = SPEED_OF_LIGHT / (2 * 64.345238e6)
"""Slant-range spacing of a Sentinel-1 IW single-look sample, m."""

_EARTH_RADIUS_TOLERANCE = 500.0
_SEMI_MAJOR, _SEMI_MINOR = 6378137.0, 6356752.314245


@dataclass(frozen=True)
class ParFile:
    """Keys and values of one parameter file.

    Attributes
    ----------
    path : Path
        The file.
    values : dict of str to list of str
        Words after the colon, by key.
    """

    path: Path
    values: dict[str, list[str]]

    def text(self, key: str, default: str | None = None) -> str:
        """Return the words of a key joined by blanks."""
        if self.values.get(key):
            return " ".join(self.values[key])
        if default is None:
            refuse("S109", self.path, f"field `{key}` must be present")
        return default

    def numbers(self, key: str, n: int, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Return the first ``n`` numbers of a key; refuse what is not a finite number."""
        words = self.values.get(key)
        if words is None:
            if default is None:
                refuse("S109", self.path, f"field `{key}` must be present")
            return default
        try:
            found = tuple(float(w) for w in words[:n])
        except ValueError:
            found = ()
        if len(found) != n or not np.all(np.isfinite(found)):
            refuse("S109", self.path, f"field `{key}` must hold {n} finite numbers, got {' '.join(words)!r}")
        return found

    def number(self, key: str, default: float | None = None) -> float:
        """Return the first number of a key."""
        return self.numbers(key, 1, None if default is None else (default,))[0]

    def count(self, key: str) -> int:
        """Return a positive integer."""
        value = self.number(key)
        if value != int(value) or value < 1:
            refuse("S109", self.path, f"field `{key}` must be a positive integer, got {value}")
        return int(value)

    def is_integer_text(self, key: str) -> bool:
        """Whether the value is written without a decimal point or exponent."""
        words = self.values.get(key, [])
        return bool(words) and words[0].lstrip("+-").isdigit()


def read_par(path: Path) -> ParFile:
    """Read a ``key: value`` text file.

    Raises
    ------
    InputFileError
        S102 if it is missing, S109 if it is not text or holds no key.
    """
    if not path.is_file():
        refuse("S102", path, "file must exist")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        refuse("S109", path, "header must be text, got bytes that are not")
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if colon and key.strip():
            values.setdefault(key.strip(), rest.split())
    if not values:
        refuse("S109", path, "header must hold lines `key: value`, found none")
    return ParFile(path, values)


@dataclass(frozen=True)
class RadarGeometry:
    """Facts of one image header, repaired.

    Attributes
    ----------
    shape : tuple of int
        Lines and samples.
    image_format : str
        ``FCOMPLEX``, ``SCOMPLEX`` or ``FLOAT``.
    sensor : str
        As written.
    wavelength : float
        m.
    heading : float
        Flight direction at scene centre, degrees clockwise from north.
    range_spacing, azimuth_spacing : float
        Slant-range and azimuth spacing, m. Azimuth is NaN where the header has it truncated and lacks the speed.
    near_range : float
        Slant range of the first sample, m.
    orbit_radius, earth_radius : float
        From the Earth's centre, m.
    line_time : float
        Seconds between lines.
    baseline_rate_time : float
        Seconds a line counts in the rates of ``.base``: the line time, or 1 / prf for SNAP, whose prf is not the
        line rate.
    n_looks : float
        Range looks times azimuth looks.
    """

    shape: tuple[int, int]
    image_format: str
    sensor: str
    wavelength: float
    heading: float
    range_spacing: float
    azimuth_spacing: float
    near_range: float
    orbit_radius: float
    earth_radius: float
    line_time: float
    baseline_rate_time: float
    n_looks: float

    def slant_range(self, sample: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Slant range of samples, m."""
        return self.near_range + np.asarray(sample, np.float64) * self.range_spacing

    def look_angle(self, slant_range: npt.ArrayLike, height: npt.ArrayLike = 0.0) -> npt.NDArray[np.float64]:
        """Angle at the satellite between nadir and target, rad."""
        r, e = np.asarray(slant_range, np.float64), self.earth_radius + np.asarray(height, np.float64)
        result: npt.NDArray[np.float64] = np.arccos((self.orbit_radius**2 + r**2 - e**2) / (2 * self.orbit_radius * r))
        return result

    def incidence_angle(self, slant_range: npt.ArrayLike, height: npt.ArrayLike = 0.0) -> npt.NDArray[np.float64]:
        """Angle at the target between the vertical and the line of sight, rad."""
        r, e = np.asarray(slant_range, np.float64), self.earth_radius + np.asarray(height, np.float64)
        result: npt.NDArray[np.float64] = np.arccos((self.orbit_radius**2 - e**2 - r**2) / (2 * e * r))
        return result


def _looks(par: ParFile) -> tuple[int, int]:
    looks = [int(par.number(f"{axis}_looks", 1.0)) for axis in ("range", "azimuth")]
    return tuple(n if 1 <= n <= 1000 else 1 for n in looks)  # type: ignore[return-value]


def _is_sentinel1(sensor: str) -> bool:
    return sensor.upper().replace("-", "").startswith(("S1", "SENTINEL1"))


def _velocity(par: ParFile) -> float | None:
    """Mean satellite speed from the state vectors, m/s."""
    n = int(par.number("number_of_state_vectors", 0.0))
    speeds = [np.linalg.norm(par.numbers(f"state_vector_velocity_{k + 1}", 3)) for k in range(n)]
    return float(np.mean(speeds)) if speeds else None


def _repair_range(par: ParFile, sensor: str, range_looks: int) -> tuple[float, list[Finding]]:
    spacing, path = par.number("range_pixel_spacing"), str(par.path)
    findings = []
    true_spacing = SENTINEL1_RANGE_SPACING * range_looks
    is_truncated = par.is_integer_text("range_pixel_spacing") and spacing == int(true_spacing)
    if is_truncated and _is_sentinel1(sensor):
        message = f"range_pixel_spacing is {spacing:g} m; replaced by {true_spacing:.6f} m"
        findings.append(Finding("W101", path, message))
        spacing = true_spacing
    near, width = par.number("near_range_slc"), par.count("range_samples")
    centre = par.number("center_range_slc", near)
    if centre == near and width > 1:
        computed = near + (width - 1) / 2 * spacing
        message = f"center_range_slc equals near_range_slc ({near:.1f} m); computed as {computed:.1f} m"
        findings.append(Finding("W102", path, message))
    return spacing, findings


def _repair_azimuth(par: ParFile, sensor: str, ground_scale: float) -> tuple[float, list[Finding]]:
    """Azimuth spacing, NaN where it is truncated and the header does not tell the speed."""
    spacing, line_time = par.number("azimuth_pixel_spacing"), par.number("azimuth_line_time", np.nan)
    if not (par.is_integer_text("azimuth_pixel_spacing") and _is_sentinel1(sensor)):
        return spacing, []
    computed = (_velocity(par) or np.nan) * ground_scale * line_time
    value = f"{computed:.4f} m" if np.isfinite(computed) else "the spacing of the longitude and latitude grids"
    message = f"azimuth_pixel_spacing is {spacing:g} m; replaced by {value}"
    return computed, [Finding("W103", str(par.path), message)]


def earth_radius_at(latitude: float) -> float:
    """Geocentric radius of the WGS 84 ellipsoid at a geodetic latitude in degrees, m."""
    phi = np.deg2rad(latitude)
    a, b = _SEMI_MAJOR * np.cos(phi), _SEMI_MINOR * np.sin(phi)
    return float(np.sqrt(((_SEMI_MAJOR * a) ** 2 + (_SEMI_MINOR * b) ** 2) / (a**2 + b**2)))


def _repair_earth_radius(par: ParFile) -> tuple[float, list[Finding]]:
    radius = par.number("earth_radius_below_sensor")
    if "center_latitude" not in par.values:
        return radius, []
    latitude = par.number("center_latitude")
    expected = earth_radius_at(latitude)
    if abs(radius - expected) <= _EARTH_RADIUS_TOLERANCE:
        return radius, []
    message = (
        f"earth_radius_below_sensor is {radius:.0f} m at latitude {latitude:.3f} degrees; replaced by {expected:.0f} m"
    )
    return expected, [Finding("W104", str(par.path), message)]


def _halved_times(par: ParFile) -> list[Finding]:
    if not {"start_time", "end_time", "azimuth_line_time"} <= par.values.keys():
        return []
    stated = par.number("end_time") - par.number("start_time")
    expected = (par.count("azimuth_lines") - 1) * par.number("azimuth_line_time")
    if expected <= 0 or abs(stated / expected - 0.5) > 0.02:
        return []
    message = f"start and end time are {stated:.4f} s apart where the lines take {expected:.4f} s; times are not used"
    return [Finding("W106", str(par.path), message)]


def radar_geometry(par: ParFile) -> tuple[RadarGeometry, list[Finding]]:
    """Read the facts of an image header, repairing what SNAP is known to write wrongly.

    Parameters
    ----------
    par : ParFile
        Header of a single-look (or multilooked) image.

    Returns
    -------
    RadarGeometry
        Repaired facts.
    list of Finding
        W101 to W104 and W106 for what was repaired.

    Raises
    ------
    InputFileError
        S109 for a missing field or an impossible geometry.
    """
    sensor = par.text("sensor", "")
    range_looks, azimuth_looks = _looks(par)
    radius, radius_findings = _repair_earth_radius(par)
    orbit_radius = par.number("sar_to_earth_center")
    range_spacing, range_findings = _repair_range(par, sensor, range_looks)
    azimuth_spacing, azimuth_findings = _repair_azimuth(par, sensor, radius / orbit_radius)
    frequency = par.number("radar_frequency")
    geometry = RadarGeometry(
        shape=(par.count("azimuth_lines"), par.count("range_samples")),
        image_format=par.text("image_format", "FCOMPLEX").upper(),
        sensor=sensor,
        wavelength=SPEED_OF_LIGHT / frequency if frequency > 0 else np.nan,
        heading=par.number("heading"),
        range_spacing=range_spacing,
        azimuth_spacing=azimuth_spacing,
        near_range=par.number("near_range_slc"),
        orbit_radius=orbit_radius,
        earth_radius=radius,
        line_time=par.number("azimuth_line_time", np.nan),
        baseline_rate_time=_rate_time(par, azimuth_looks),
        n_looks=float(range_looks * azimuth_looks),
    )
    _check_possible(par, geometry)
    return geometry, [*range_findings, *azimuth_findings, *radius_findings, *_halved_times(par)]


def _rate_time(par: ParFile, azimuth_looks: int) -> float:
    prf = par.number("prf")
    if not prf > 0:
        refuse("S109", par.path, f"field `prf` must be positive, got {prf}")
    line_time = par.number("azimuth_line_time", np.nan)
    is_line_rate = abs(line_time * prf / azimuth_looks - 1) < 0.01
    return line_time if is_line_rate else 1 / prf


def _check_possible(par: ParFile, geometry: RadarGeometry) -> None:
    if not geometry.wavelength > 0:
        refuse("S109", par.path, f"field `radar_frequency` must be positive, got {par.text('radar_frequency')}")
    for name in ("range_spacing", "azimuth_spacing", "near_range"):
        if getattr(geometry, name) <= 0:
            refuse("S109", par.path, f"`{name}` must be positive, got {getattr(geometry, name)}")
    height = geometry.orbit_radius - geometry.earth_radius
    far = geometry.slant_range(geometry.shape[1] - 1)
    if not (1e5 < height < geometry.near_range and far < geometry.orbit_radius):
        refuse(
            "S109",
            par.path,
            f"`near_range_slc` must exceed the orbit height {height:.0f} m, got {geometry.near_range:.0f} m",
        )


@dataclass(frozen=True)
class Baseline:
    """Baseline of a pair at the middle line and its rate.

    Attributes
    ----------
    cross, down : float
        Second minus first satellite, toward the look side and down, m.
    cross_rate, down_rate : float
        m/s.
    """

    cross: float
    down: float
    cross_rate: float
    down_rate: float

    def perpendicular(self, seconds: npt.ArrayLike, look_angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Perpendicular baseline of the project's sign at seconds from the middle line, m."""
        t = np.asarray(seconds, np.float64)
        cross, down = self.cross + self.cross_rate * t, self.down + self.down_rate * t
        result: npt.NDArray[np.float64] = down * np.sin(look_angle) - cross * np.cos(look_angle)
        return result


def read_base(path: Path, vertical: str = "auto") -> tuple[Baseline, list[Finding]]:
    """Read a ``.base`` file.

    Parameters
    ----------
    path : Path
        The file.
    vertical : {'auto', 'down', 'up'}
        Sense of the N column. ``'auto'`` takes it as up where the file has SNAP's mark (precision baseline all
        zero), else down as GAMMA defines it. A precision baseline that is not zero is preferred to the initial one.

    Returns
    -------
    Baseline
        With N down.
    list of Finding
        W105 if the sense was turned.

    Raises
    ------
    InputFileError
        S102 or S109.
    """
    par = read_par(path)
    zero = (0.0, 0.0, 0.0)
    initial = par.numbers("initial_baseline(TCN)", 3)
    rate = par.numbers("initial_baseline_rate", 3, zero)
    precision = par.numbers("precision_baseline(TCN)", 3, zero)
    is_precise = any(precision)
    if is_precise:
        initial, rate = precision, par.numbers("precision_baseline_rate", 3, zero)
    baseline = Baseline(cross=initial[1], down=initial[2], cross_rate=rate[1], down_rate=rate[2])
    has_snap_mark = "precision_baseline(TCN)" in par.values and not is_precise
    if vertical == "up" or (vertical == "auto" and has_snap_mark):
        turned = replace(baseline, down=-baseline.down, down_rate=-baseline.down_rate)
        message = f"N column {baseline.down:.3f} m is positive upward; read as {turned.down:.3f} m downward"
        return turned, [Finding("W105", str(path), message)]
    return baseline, []


def corner_baselines(baseline: Baseline, geometry: RadarGeometry) -> npt.NDArray[np.float64]:
    """Perpendicular baseline at first and last line, first and last sample, m, (2, 2), project sign."""
    n_lines, n_samples = geometry.shape
    lines = np.array([0.0, n_lines - 1.0]) - (n_lines / 2 - 0.5)
    look = geometry.look_angle(geometry.slant_range([0, n_samples - 1]))
    return baseline.perpendicular((lines * geometry.baseline_rate_time)[:, None], look[None, :])


def line_of_sight(incidence_angle: npt.NDArray[np.float64], heading: float) -> dict[str, npt.NDArray[np.float64]]:
    """Unit vector from ground to a right-looking satellite flying at ``heading`` degrees: east, north, up."""
    azimuth, s = np.deg2rad(heading), np.sin(incidence_angle)
    return {
        "los_east": -s * np.cos(azimuth),
        "los_north": s * np.sin(azimuth),
        "los_up": np.cos(incidence_angle),
    }
