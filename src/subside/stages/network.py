"""Choice of the reference image and of the pairs."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from subside.errors import UnknownQuantityError
from subside.io.store import TrackStore
from subside.model.network import Network, PairStatus
from subside.model.stack import format_dates, parse_dates
from subside.ops import network as network_op
from subside.ops.pairs import quality_index
from subside.ops.spectral import common_bandwidth, range_band
from subside.stages.stage import Parameters, Stage, StageContext

log = logging.getLogger("subside")

ENOUGH_COMMON_BANDWIDTH = 0.95
"""Common bandwidth above which pairs need no spectral filter (Zhu et al. 2020)."""


class PairDecision(BaseModel):
    """A user's decision on one pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    earlier: str = Field(pattern=r"^\d{8}$", description="first date, YYYYMMDD")
    later: str = Field(pattern=r"^\d{8}$", description="second date, YYYYMMDD")
    reason: str = Field(min_length=1, description="why, quoted in the table of pairs")


class NetworkParameters(Parameters):
    """Pruning and reconnection of the network."""

    min_links: int = Field(2, ge=1, description="pairs every date takes part in (Zhu et al. 2020: at least two)")
    noise_margin: float = Field(
        3.0, ge=0, description="a pair is noisy below the noise coherence plus this many standard deviations"
    )
    outlier_deviations: float = Field(
        4.0, gt=0, description="a pair is noisy this many robust deviations below pairs of similar temporal baseline"
    )
    force: tuple[PairDecision, ...] = Field((), description="pairs to use whatever their coherence")
    drop: tuple[PairDecision, ...] = Field((), description="pairs never to use")


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    stack = store.open_stack()
    bperp = None if stack.bperp is None else stack.mean_bperp()
    level, deviation = store.read("survey/noise_level")
    survey = network_op.SurveyedPairs(
        days=stack.days,
        bperp=bperp,
        pairs=store.read("survey/pairs"),
        is_regular=store.read("survey/is_regular"),
        coherence=store.read("survey/coherence"),
        noise_level=float(level),
        noise_deviation=float(deviation),
    )
    requests = network_op.request_pairs(
        format_dates(stack.dates),
        [(d.earlier, d.later, d.reason) for d in parameters.force],
        [(d.earlier, d.later, d.reason) for d in parameters.drop],
    )
    network = network_op.build_network(
        survey,
        options=network_op.NetworkOptions(
            min_links=parameters.min_links,
            noise_margin=parameters.noise_margin,
            outlier_deviations=parameters.outlier_deviations,
            requests=requests,
        ),
    )
    index = quality_index(stack.days, bperp=bperp)
    write_network(store, network)
    store.write("network/quality_index", index.index, dims=("date",))
    hanging = network_op.dates_behind_bridges(network)
    store.write("network/is_behind_bridge", hanging, dims=("date",))
    count = {s: sum(t is s for t in network.status) for s in PairStatus}
    n_not_needed = sum(r == network_op.NOT_NEEDED for r in network.reason)
    return {
        "kept": count[PairStatus.KEPT],
        "added": count[PairStatus.ADDED],
        "dropped": count[PairStatus.DROPPED] - n_not_needed,
        "not_needed": n_not_needed,
        "bridges": int(network.is_bridge.sum()),
        "best_reference": format_dates(stack.dates)[index.best],
        "common_bandwidth_min": _least_common_bandwidth(store, network),
    }


def _least_common_bandwidth(store: TrackStore, network: Network) -> float | None:
    """Smallest share of the range bandwidth that the images of a used pair have in common; None where unknown."""
    try:
        band = range_band(store.open_stack())
    except UnknownQuantityError:
        return None
    least = float(common_bandwidth(band, network.used).min())
    if least < ENOUGH_COMMON_BANDWIDTH:
        log.warning(
            "network: a pair has only %.1f %% of the range bandwidth in common; consider a smaller survey.max_bperp, "
            "or extract.filter_method = 'spectral'",
            100 * least,
        )
    return least


def write_network(store: TrackStore, network: Network) -> None:
    """Write a network into its group."""
    for name, units in (("earlier", "1"), ("later", "1"), ("bperp", "m"), ("coherence", "1"), ("is_bridge", "1")):
        store.write(f"network/{name}", getattr(network, name), dims=("pair",), units=units)
    store.write_attributes("network", {"status": [str(s) for s in network.status], "reason": list(network.reason)})


def date_days(store: TrackStore) -> npt.NDArray[np.float64]:
    """Days since the first date, (date,)."""
    dates = parse_dates(store.stack_attributes()["dates"])
    return np.asarray((dates - dates[0]).astype("timedelta64[D]").astype(np.float64))


def load_network(store: TrackStore) -> Network:
    """Read the network of a track."""
    words = store.read_attributes("network")
    return Network(
        days=date_days(store),
        earlier=store.read("network/earlier"),
        later=store.read("network/later"),
        bperp=store.read("network/bperp"),
        coherence=store.read("network/coherence"),
        status=tuple(PairStatus(s) for s in words["status"]),
        reason=tuple(words["reason"]),
        is_bridge=store.read("network/is_bridge"),
    )


STAGE = Stage(
    name="network",
    title="reference image, pairs kept, dropped and added, each with its reason",
    inputs=("survey",),
    parameters=NetworkParameters,
    version=1,
    run=_run,
    memory=lambda store, parameters: 50_000_000,
)
