"""The stages, in an order in which inputs come first."""

from __future__ import annotations

from subside.errors import ProjectError
from subside.stages import (
    alignment,
    correct,
    extract,
    geometry,
    invert,
    network,
    rates,
    reference,
    select,
    stack,
    survey,
    unwrap,
)
from subside.stages.stage import Stage

STAGES: tuple[Stage, ...] = (
    geometry.STAGE,
    alignment.STAGE,
    stack.STAGE,
    survey.STAGE,
    network.STAGE,
    extract.STAGE,
    select.STAGE,
    unwrap.STAGE,
    invert.STAGE,
    correct.STAGE,
    reference.STAGE,
    rates.STAGE,
)


def stages_between(first: str | None, last: str | None) -> tuple[Stage, ...]:
    """Return the stages from ``first`` to ``last``, both included; None means the end of the catalogue.

    Raises
    ------
    ProjectError
        For a name that is not in the catalogue, or ``first`` after ``last``.
    """
    names = [s.name for s in STAGES]
    for name in (first, last):
        if name is not None and name not in names:
            raise ProjectError(f"no stage is called {name!r}; the stages are {', '.join(names)}")
    start = names.index(first) if first else 0
    stop = names.index(last) if last else len(names) - 1
    if start > stop:
        raise ProjectError(f"--from {first} comes after --to {last}; the order is {', '.join(names)}")
    return STAGES[start : stop + 1]
