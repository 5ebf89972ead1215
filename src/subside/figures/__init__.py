"""Figures: arrays in, a matplotlib figure and the numbers behind it out, found by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from subside.figures.coregistration import (
    BaselinesFigureInput,
    BurstsFigureInput,
    VisibilityFigureInput,
    baselines_figure,
    bursts_figure,
    visibility_figure,
)
from subside.figures.diversity import (
    OverlapsFigureInput,
    overlap_coherence_figure,
    overlap_phase_figure,
)
from subside.figures.motion import (
    PointValueFigureInput,
    SeriesFigureInput,
    VelocityFigureInput,
    dem_error_figure,
    quality_figure,
    series_figure,
    velocity_figure,
    velocity_std_figure,
)
from subside.figures.network import (
    CoherenceFigureInput,
    NetworkFigureInput,
    coherence_figure,
    network_figure,
)
from subside.figures.points import (
    CandidatesFigureInput,
    HomogeneityFigureInput,
    SelectionFigureInput,
    candidates_figure,
    homogeneity_figure,
    selection_figure,
)
from subside.figures.recovery import RecoveryFigureInput, recovery_figure
from subside.figures.reference import RampsFigureInput, ReferenceFigureInput, ramps_figure, reference_figure
from subside.figures.seams import SeamsFigureInput, seams_figure
from subside.figures.shifts import ShiftsFigureInput, shifts_figure
from subside.figures.stack import AmplitudeFigureInput, PairsFigureInput, amplitude_figure, pairs_figure
from subside.figures.style import FigureResult
from subside.figures.unwrapping import UnwrappingFigureInput, unwrapping_figure

__all__ = ["FIGURES", "FigureResult", "FigureSpec"]


@dataclass(frozen=True)
class FigureSpec:
    """One figure of the catalogue.

    Attributes
    ----------
    key : str
        Name on the command line.
    title : str
        What it shows, in a line.
    needs : str
        Stage whose output it draws; ``import`` where the import suffices, ``acquisitions`` where it must be of SAFE
        products, ``truth`` for a simulated scene.
    input_type : type
        Dataclass the function takes.
    draw : callable
        ``draw(input) -> FigureResult``.
    """

    key: str
    title: str
    needs: str
    input_type: type[Any]
    draw: Callable[[Any], FigureResult]


_SPECS: Final = (
    FigureSpec("bursts", "bursts over the DEM", "acquisitions", BurstsFigureInput, bursts_figure),
    FigureSpec("baselines", "perpendicular and parallel baselines", "import", BaselinesFigureInput, baselines_figure),
    FigureSpec("visibility", "layover and shadow", "geometry", VisibilityFigureInput, visibility_figure),
    FigureSpec("esd", "azimuth and range shifts of the dates", "alignment", ShiftsFigureInput, shifts_figure),
    FigureSpec(
        "esd-residual", "spectral diversity by burst overlap", "alignment", OverlapsFigureInput, overlap_phase_figure
    ),
    FigureSpec(
        "esd-coherence",
        "coherence of the overlaps before and after",
        "alignment",
        OverlapsFigureInput,
        overlap_coherence_figure,
    ),
    FigureSpec("seams", "phase jumps at burst cuts", "stack", SeamsFigureInput, seams_figure),
    FigureSpec("amplitude", "mean amplitude", "survey", AmplitudeFigureInput, amplitude_figure),
    FigureSpec("coherence", "surveyed coherence", "survey", CoherenceFigureInput, coherence_figure),
    FigureSpec("network", "interferogram network", "network", NetworkFigureInput, network_figure),
    FigureSpec("pairs", "gallery of interferograms", "network", PairsFigureInput, pairs_figure),
    FigureSpec("homogeneity", "homogeneous pixels", "extract", HomogeneityFigureInput, homogeneity_figure),
    FigureSpec("candidates", "candidate points", "extract", CandidatesFigureInput, candidates_figure),
    FigureSpec("selection", "selected points", "select", SelectionFigureInput, selection_figure),
    FigureSpec("unwrapping", "unwrapping and its closure", "unwrap", UnwrappingFigureInput, unwrapping_figure),
    FigureSpec("dem-error", "height error of the DEM", "correct", PointValueFigureInput, dem_error_figure),
    FigureSpec("ramps", "planes removed", "correct", RampsFigureInput, ramps_figure),
    FigureSpec("reference", "reference areas", "reference", ReferenceFigureInput, reference_figure),
    FigureSpec("series", "displacement series", "rates", SeriesFigureInput, series_figure),
    FigureSpec("velocity", "line-of-sight velocity", "rates", VelocityFigureInput, velocity_figure),
    FigureSpec("velocity-std", "σ of the velocity", "rates", PointValueFigureInput, velocity_std_figure),
    FigureSpec("quality", "temporal coherence", "rates", PointValueFigureInput, quality_figure),
    FigureSpec("recovery", "recovered against true", "truth", RecoveryFigureInput, recovery_figure),
)

FIGURES: Final[Mapping[str, FigureSpec]] = MappingProxyType({spec.key: spec for spec in _SPECS})
"""Figures by key, in the order of the processing."""
