"""Simulated truth: coregistered single-look stacks with known answers.

``simulate(scene("reference"), seed=0)`` makes a stack and what is true of it. A scene is described by
:class:`SceneSpec`, which may be changed with :func:`dataclasses.replace`.
"""

from subside.ops.simulate.generate import simulate
from subside.ops.simulate.scenes import SCENE_NAMES, scene
from subside.ops.simulate.spec import (
    AtmosphereSpec,
    Bowl,
    DatesSpec,
    DeformationSpec,
    DemErrorSpec,
    GeometrySpec,
    ImpulseSpec,
    LandClass,
    LandCover,
    SceneSpec,
    Season,
    SeasonSpec,
    SpeckleSpec,
    Step,
    Stratum,
)
from subside.ops.simulate.truth import CoherenceTruth, SimulatedScene, Truth

__all__ = [
    "SCENE_NAMES",
    "AtmosphereSpec",
    "Bowl",
    "CoherenceTruth",
    "DatesSpec",
    "DeformationSpec",
    "DemErrorSpec",
    "GeometrySpec",
    "ImpulseSpec",
    "LandClass",
    "LandCover",
    "SceneSpec",
    "Season",
    "SeasonSpec",
    "SimulatedScene",
    "SpeckleSpec",
    "Step",
    "Stratum",
    "Truth",
    "scene",
    "simulate",
]
