"""Slope and radius of a cosine dip, and whether a sampling can see one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError


@dataclass(frozen=True)
class DipValues:
    """Largest slope and smallest radius of a dip.

    Attributes
    ----------
    slope : float
        Dimensionless (1e-3 is one permille).
    radius : float
        m.
    """

    slope: float
    radius: float


def _check_dip(depth: float, wavelength: float) -> None:
    if not (depth > 0 and wavelength > 0):
        raise ArgumentError(f"`depth` and `wavelength` must be positive, got {depth} and {wavelength}")


def point_values(depth: float, wavelength: float) -> DipValues:
    r"""Values at a point of the dip :math:`-\frac{s}{2}(1 + \cos(2 \pi x / L))`.

    The largest slope is :math:`\pi s / L`, the smallest radius :math:`L^2 / (2 \pi^2 s)`.

    Parameters
    ----------
    depth, wavelength : float
        ``s`` and ``L``, m.

    Returns
    -------
    DipValues

    Raises
    ------
    ArgumentError
        If one is not positive.
    """
    _check_dip(depth, wavelength)
    return DipValues(np.pi * depth / wavelength, wavelength**2 / (2 * np.pi**2 * depth))


def chord_values(depth: float, wavelength: float, chord: float) -> DipValues:
    r"""Values over a chord :math:`c` of the same dip.

    The largest difference over the chord is :math:`s \sin(\pi c / L)` for :math:`c \le L/2`, else :math:`s`; the
    largest mid-chord ordinate is :math:`f = \frac{s}{2}(1 - \cos(\pi c / L))`, at the bottom, for :math:`c \le L`,
    and the radius :math:`c^2 / (8 f)`.

    Parameters
    ----------
    depth, wavelength, chord : float
        m; the chord at most the wavelength.

    Returns
    -------
    DipValues

    Raises
    ------
    ArgumentError
        If one is not positive or the chord is longer than the wavelength.
    """
    _check_dip(depth, wavelength)
    if not 0 < chord <= wavelength:
        raise ArgumentError(f"`chord` must lie in (0, {wavelength}] (the wavelength), got {chord}")
    ordinate = 0.5 * depth * (1 - np.cos(np.pi * chord / wavelength))
    difference = depth * np.sin(np.pi * chord / wavelength) if chord <= wavelength / 2 else depth
    return DipValues(float(difference / chord), float(chord**2 / (8 * ordinate)))


@dataclass(frozen=True)
class Sampling:
    """How a line is sampled.

    Attributes
    ----------
    bin_length : float
        m.
    spacing : float
        Mean distance along the line between points where there are some (:func:`mean_spacing`), m.
    bin_std : float
        Standard deviation of the cumulative settlement of a bin relative to its neighbours, m.
    window : float
        Length along the line over which a value is averaged: the resolution cell, or the filter window of distributed
        scatterers, m.
    """

    bin_length: float
    spacing: float
    bin_std: float
    window: float


@dataclass(frozen=True)
class Detectability:
    """Whether a dip shows in a sampling.

    Attributes
    ----------
    is_detectable : bool
        No reason against it.
    reasons : tuple of str
        Every reason against it, in words.
    chord : float
        Chord judged, half the wavelength, m.
    slope, mdc : float
        Slope over the chord after averaging, and its minimum detectable change (1.96 standard deviations).
    attenuation : float
        Share of the depth left after averaging over bin and window.
    """

    is_detectable: bool
    reasons: tuple[str, ...]
    chord: float
    slope: float
    mdc: float
    attenuation: float


def dip_detectability(depth: float, wavelength: float, sampling: Sampling) -> Detectability:
    r"""Judge whether a dip of a depth and wavelength can be seen.

    Averaging over a length :math:`b` leaves :math:`\operatorname{sinc}(b / L)` of a wave. The dip is seen if bins and
    points are no farther apart than a quarter of the wavelength (two samples between crest and trough), the averaging
    leaves at least half of it, and its slope over half a wavelength exceeds 1.96 standard deviations,
    :math:`1.96 \sqrt 2 \sigma / (L/2)`.

    Parameters
    ----------
    depth, wavelength : float
        m.
    sampling : Sampling
        How the line is sampled.

    Returns
    -------
    Detectability

    Raises
    ------
    ArgumentError
        If depth or wavelength is not positive.
    """
    _check_dip(depth, wavelength)
    chord = 0.5 * wavelength
    left = 1.0
    for extent in (sampling.bin_length, sampling.window):
        left *= float(np.sinc(extent / wavelength)) if extent < wavelength else 0.0
    slope = left * depth / chord
    mdc = 1.959964 * np.sqrt(2.0) * sampling.bin_std / chord
    quarter = 0.25 * wavelength
    reasons = []
    if sampling.bin_length > quarter:
        reasons.append(f"bins of {sampling.bin_length:.0f} m exceed a quarter of the wavelength, {quarter:.0f} m")
    if not sampling.spacing <= quarter:
        reasons.append(
            f"points are {sampling.spacing:.0f} m apart along the line, more than a quarter of the wavelength, "
            f"{quarter:.0f} m"
        )
    if left < 0.5:
        reasons.append(
            f"averaging over bins and a window of {sampling.window:.0f} m along the line leaves {100 * left:.0f} %"
        )
    if not slope > mdc:
        reasons.append(
            f"its slope over {chord:.0f} m, {1e3 * slope:.2f} permille after averaging, does not exceed the minimum "
            f"detectable {1e3 * mdc:.2f} permille"
        )
    return Detectability(not reasons, tuple(reasons), chord, float(slope), float(mdc), left)


def mean_spacing(chainage: npt.NDArray[np.float64], ends: tuple[float, float], *, hole: float = 1000.0) -> float:
    """Mean distance along a line between points, stretches without points left out.

    Parameters
    ----------
    chainage : ndarray of float64, (point,)
        Of at least one point, m, finite.
    ends : tuple of float
        Chainage of the ends of the line, m.
    hole : float
        A stretch without a point that is longer is not sampled and says nothing about how the rest is, m.

    Returns
    -------
    float
        Mean of the other distances from point to point, m; length over points where every one is longer.
    """
    steps = np.diff(np.concatenate([[ends[0]], np.sort(chainage), [ends[1]]]))
    sampled = steps[steps <= hole]
    return float(sampled.mean()) if len(sampled) else (ends[1] - ends[0]) / len(chainage)


def window_along(line_azimuth_deg: float, heading_deg: float, extent: tuple[float, float]) -> float:
    """Length along a line of a window given along the flight direction and across it.

    Parameters
    ----------
    line_azimuth_deg, heading_deg : float
        Directions clockwise from north, degree.
    extent : tuple of float
        Extent of the window in azimuth and in range, m.

    Returns
    -------
    float
        Length of the stretch that the rectangle cuts out of a line through its centre, m.
    """
    angle = np.radians(line_azimuth_deg - heading_deg)
    along, across = abs(np.cos(angle)), abs(np.sin(angle))
    cuts = [e / share for e, share in zip(extent, (along, across), strict=True) if share > 1e-12]
    return float(min(cuts))
