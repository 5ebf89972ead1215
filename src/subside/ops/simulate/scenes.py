"""Scenes with a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from subside.errors import ArgumentError
from subside.ops.simulate.spec import (
    AtmosphereSpec,
    Bowl,
    DatesSpec,
    DeformationSpec,
    DemErrorSpec,
    GeometrySpec,
    LandClass,
    LandCover,
    SceneSpec,
    Season,
    SeasonSpec,
    SpeckleSpec,
    Step,
)

_SLANT_SPACING_ON_GROUND = 3.70
"""2.33 m of slant range at 39 degrees of incidence, m on the ground."""

_FARM_SEASON = SeasonSpec(swing=0.8, dip=0.7, peak_day=200.0)


def _reference() -> SceneSpec:
    """30 dates, 14 m square pixels, 5 % points, 50 % distributed scatterers without long-term coherence."""
    return SceneSpec(
        name="reference",
        dates=DatesSpec(),
        geometry=GeometrySpec(),
        speckle=SpeckleSpec(
            classes=(
                LandClass(LandCover.BARE, 10 / 19, -11.0, 2.5, 0.05, gamma_0=(0.4, 0.95)),
                LandClass(LandCover.VEGETATION, 9 / 19, -12.5, 2.5, 0.05),
            )
        ),
        deformation=DeformationSpec(rates=(Bowl(0.45, 0.42, 0.1, -0.060), Bowl(0.75, 0.75, 0.1, -0.020))),
        dem_error=DemErrorSpec(),
        atmosphere=AtmosphereSpec(),
    )


def _chain() -> SceneSpec:
    """Sentinel-1 sampling, four land covers, gaps beyond 84 days, season, steps, stratified delay."""
    return SceneSpec(
        name="chain",
        dates=DatesSpec(n_dates=40, gaps=((0.3, 96), (0.7, 120))),
        geometry=GeometrySpec(
            lines=300, samples=1200, range_spacing=_SLANT_SPACING_ON_GROUND, relief=15.0, relief_length=1500.0
        ),
        speckle=SpeckleSpec(
            classes=(
                LandClass(LandCover.URBAN, 0.22, -7.0, 2.0, 0.06, (0.6, 0.9), (0.3, 0.6), 200.0),
                LandClass(
                    LandCover.FARMLAND,
                    0.46,
                    -12.0,
                    2.0,
                    0.002,
                    (0.4, 0.85),
                    (0.05, 0.25),
                    70.0,
                    season=_FARM_SEASON,
                    fading_phase_rate=4.0,
                ),
                LandClass(LandCover.BARE, 0.14, -14.0, 1.5, 0.005, (0.6, 0.95), (0.2, 0.5), 150.0),
                LandClass(LandCover.WATER, 0.06, -20.0, 1.0, 0.0),
                LandClass(LandCover.VEGETATION, 0.12, -10.0, 1.5, 0.0),
            ),
            nesz_db=-24.0,
            gain_std_db=0.2,
        ),
        deformation=DeformationSpec(
            rates=(Bowl(0.45, 0.35, 0.12, -0.060), Bowl(0.3, 0.75, 0.12, -0.025)),
            seasons=(Season(Bowl(0.6, 0.6, 0.4, 0.006), 40.0),),
            steps=(Step(Bowl(0.75, 0.2, 0.08, -0.015), 0.6),),
        ),
        dem_error=DemErrorSpec(),
        atmosphere=AtmosphereSpec(stratified_std=0.008),
    )


def _noise() -> SceneSpec:
    """Noise everywhere, with segments of different brightness."""
    base = _reference()
    classes = (
        LandClass(LandCover.VEGETATION, 0.6, -12.5, 2.5, 0.0),
        LandClass(LandCover.WATER, 0.4, -19.0, 1.5, 0.0),
    )
    return replace(
        base,
        name="noise",
        speckle=replace(base.speckle, classes=classes, nesz_db=-24.0),
        deformation=DeformationSpec(),
    )


def _demo() -> SceneSpec:
    """The chain scene at a size that is processed in about a minute."""
    base = _chain()
    return replace(
        base,
        name="demo",
        dates=replace(base.dates, n_dates=24, gaps=((0.5, 108),)),
        geometry=replace(base.geometry, lines=200, samples=500),
        speckle=replace(base.speckle, segment_size=200.0),
    )


_SCENES: dict[str, Callable[[], SceneSpec]] = {
    "reference": _reference,
    "chain": _chain,
    "noise": _noise,
    "demo": _demo,
}

SCENE_NAMES: tuple[str, ...] = tuple(_SCENES)
"""Names :func:`scene` knows."""


def scene(name: str, *, lines: int | None = None, samples: int | None = None, n_dates: int | None = None) -> SceneSpec:
    """Describe a named scene, at its own size or another.

    Parameters
    ----------
    name : str
        ``reference``: 400 x 400 pixels of 14 m, 30 dates every 24 days; two bowls, 5 % point scatterers (3 to
        16 dB), 50 % distributed scatterers whose coherence decays to zero, 45 % noise.
        ``chain``: Sentinel-1 pixels (14 m by 2.33 m slant), gaps above 84 days, town, farmland with season,
        bare ground, water and vegetation; long-term coherence, seasonal motion, a step, stratified delay.
        ``noise``: no coherent pixel. ``demo``: the chain scene, small.
    lines, samples, n_dates : int, optional
        Size in place of the scene's own.

    Returns
    -------
    SceneSpec
        To be changed with :func:`dataclasses.replace` where needed.

    Raises
    ------
    ArgumentError
        If the name is unknown or the size too small (16 lines and samples, 3 dates).
    """
    if name not in _SCENES:
        raise ArgumentError(f"`name` must be one of {list(SCENE_NAMES)}, got {name!r}")
    spec = _SCENES[name]()
    geometry = replace(
        spec.geometry,
        lines=spec.geometry.lines if lines is None else int(lines),
        samples=spec.geometry.samples if samples is None else int(samples),
    )
    dates = replace(spec.dates, n_dates=spec.dates.n_dates if n_dates is None else int(n_dates))
    return replace(spec, geometry=geometry, dates=dates)
