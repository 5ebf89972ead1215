"""What a stage is, and what it is given when it runs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from subside.io.store import TrackStore

log = logging.getLogger("subside")


class Parameters(BaseModel):
    """Base of the parameter model of a stage: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


BlockFunction = Callable[[TrackStore, Any, Mapping[str, Any]], Mapping[str, Any]]
"""``function(store, block, common) -> small JSON result``; reads its inputs, writes its own chunks."""


class BlockRunner(Protocol):
    """Runs the blocks of a stage: skips the committed, commits each after its data."""

    def __call__(
        self,
        function: BlockFunction,
        blocks: Sequence[tuple[str, Any]],
        *,
        common: Mapping[str, Any],
        block_bytes: int,
        label: str,
        digest: str | Mapping[str, str] = ...,
    ) -> dict[str, Mapping[str, Any]]:
        """Run and return each block's result by block name; blocks may have digests of their own, by name."""


@dataclass(frozen=True)
class StageContext:
    """What a stage function is given.

    Attributes
    ----------
    store : TrackStore
        State of the track.
    parameters : Parameters
        The stage's own parameter model.
    run_blocks : BlockRunner
        The parallel axis.
    is_resumed : bool
        Whether blocks committed by an interrupted run of the same digest may exist: then arrays must not be made anew.
    """

    store: TrackStore
    parameters: Any
    run_blocks: BlockRunner
    is_resumed: bool


@dataclass(frozen=True)
class Stage:
    """A declared step.

    Attributes
    ----------
    name : str
        Group in the store, key in ``subside.toml``.
    title : str
        What it does, for the plan.
    inputs : tuple of str
        Stages (or ``"stack"``) whose digests enter this one's.
    parameters : type
        Parameter model.
    version : int
        Raised whenever the stage's results change for the same inputs.
    run : callable
        Does the work and returns facts for the log (counts, warnings).
    memory : callable
        Peak bytes of the stage with one block in flight, from (store, parameters): its floor.
    requires : callable
        Why the stage must be skipped for this track, in words; empty when it can run.
    keeps_blocks : bool
        Whether blocks have digests of their own and outlive a change of the stage's digest.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    parameters: type[Parameters]
    version: int
    run: Callable[[StageContext], Mapping[str, Any]]
    memory: Callable[[TrackStore, Any], int]
    requires: Callable[[TrackStore], str] = field(default=lambda store: "")
    keeps_blocks: bool = False


def stage_digest(stage: Stage, parameters: Parameters, input_digests: Mapping[str, str]) -> str:
    """Digest a stage's name, version, parameters and inputs: the one test of staleness."""
    content = {
        "stage": stage.name,
        "version": stage.version,
        "parameters": parameters.model_dump(mode="json"),
        "inputs": dict(sorted(input_digests.items())),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
