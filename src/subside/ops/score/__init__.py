"""Score the results of the chain against simulated truth, by kind of scatterer."""

from subside.ops.score.chain import pixel_groups, pool_coverage, score_chain, true_rates
from subside.ops.score.inputs import ScoredPoints, TruthReference
from subside.ops.score.results import (
    CellScore,
    Coverage,
    Group,
    GroupScore,
    NoiseScore,
    Row,
    Score,
    UnwrapScore,
)

__all__ = [
    "CellScore",
    "Coverage",
    "Group",
    "GroupScore",
    "NoiseScore",
    "Row",
    "Score",
    "ScoredPoints",
    "TruthReference",
    "UnwrapScore",
    "pixel_groups",
    "pool_coverage",
    "score_chain",
    "true_rates",
]
