"""The network: pruned, bridged, every pair with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from subside.errors import ArgumentError
from subside.model.network import Network, PairStatus

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int32]

NOT_NEEDED = "beyond the limits, not needed"
"""Reason of a bridging candidate that stays out."""


@dataclass(frozen=True)
class PairRequest:
    """A pair a user forces in or keeps out.

    Attributes
    ----------
    earlier, later : int
        Date indices.
    is_forced : bool
        True forces the pair in, False keeps it out.
    reason : str
        The user's reason, quoted in the table of pairs.
    """

    earlier: int
    later: int
    is_forced: bool
    reason: str


@dataclass(frozen=True)
class NetworkOptions:
    """Limits of the network.

    Attributes
    ----------
    max_bperp : float
        Largest perpendicular baseline of a pair, m (150 in Zhu et al. 2020).
    max_gap_days : float
        Largest temporal baseline of a pair, days (84 in Zhu et al. 2020).
    min_links : int
        Pairs every date must take part in.
    noise_margin : float
        A pair is noisy when its coherence is below the noise level plus this many standard deviations of it.
    outlier_deviations : float
        A pair is noisy when its coherence is this many robust standard deviations below that of pairs of similar
        temporal baseline.
    requests : tuple of PairRequest
        The user's own decisions; they are always honoured.
    """

    max_bperp: float = 150.0
    max_gap_days: float = 84.0
    min_links: int = 2
    noise_margin: float = 3.0
    outlier_deviations: float = 4.0
    requests: tuple[PairRequest, ...] = field(default_factory=tuple)


def request_pairs(
    dates: Sequence[str], forced: Iterable[tuple[str, str, str]], dropped: Iterable[tuple[str, str, str]]
) -> tuple[PairRequest, ...]:
    """Translate a user's list of dates into requests.

    Parameters
    ----------
    dates : sequence of str
        ``YYYYMMDD`` dates of the stack.
    forced, dropped : iterable of (date, date, reason)
        The user's decisions.

    Raises
    ------
    ArgumentError
        For a date that is not in the stack.
    """
    index = {d: k for k, d in enumerate(dates)}
    requests = []
    for entries, is_forced in ((forced, True), (dropped, False)):
        for first, second, reason in entries:
            for date in (first, second):
                if date not in index:
                    raise ArgumentError(f"`pairs` must name dates of the stack, got {date!r}")
            i, j = sorted((index[first], index[second]))
            requests.append(PairRequest(i, j, is_forced, reason))
    return tuple(requests)


def find_bridges(pairs: Pairs, n_dates: int) -> npt.NDArray[np.bool_]:
    """Find the pairs whose removal would split their part of the network.

    Parameters
    ----------
    pairs : ndarray of int, (pair, 2)
        Date indices.
    n_dates : int
        Number of dates.

    Returns
    -------
    ndarray of bool, (pair,)
        True for a bridge. A network of pairs without bridges is 2-edge-connected.
    """
    base = _n_parts(pairs, n_dates)
    everything = np.ones(len(pairs), dtype=bool)
    result = np.zeros(len(pairs), dtype=bool)
    for k in range(len(pairs)):
        everything[k] = False
        result[k] = _n_parts(pairs[everything], n_dates) > base
        everything[k] = True
    return result


def _labels(pairs: Pairs, n_dates: int) -> npt.NDArray[np.int32]:
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_dates, n_dates))
    labels: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _n_parts(pairs: Pairs, n_dates: int) -> int:
    return int(_labels(pairs, n_dates).max()) + 1


@dataclass(frozen=True)
class SurveyedPairs:
    """Pairs with their surveyed coherence.

    Attributes
    ----------
    days : ndarray of float64, (date,)
        Days since the first date.
    bperp : ndarray of float64, (date,), or None
        Perpendicular baselines, m.
    pairs : ndarray of int32, (pair, 2)
        As :func:`admissible` returns them.
    is_regular : ndarray of bool, (pair,)
        Within both limits.
    coherence : ndarray of float64, (pair,)
        Mean coherence, 0 to 1.
    noise_level, noise_deviation : float
        Mean coherence that pure noise shows in the same estimator, and its standard deviation.
    """

    days: Floats
    bperp: Floats | None
    pairs: Pairs
    is_regular: npt.NDArray[np.bool_]
    coherence: Floats
    noise_level: float
    noise_deviation: float


class _Builder:
    """Mutable book-keeping of :func:`build_network`: status and reason per pair."""

    def __init__(self, survey: SurveyedPairs) -> None:
        self.survey = survey
        self.status = [PairStatus.KEPT if r else PairStatus.DROPPED for r in survey.is_regular]
        self.reason = ["within the limits" if r else NOT_NEEDED for r in survey.is_regular]
        self.is_barred = np.zeros(len(survey.pairs), dtype=bool)

    def used(self) -> npt.NDArray[np.bool_]:
        return np.array([s is not PairStatus.DROPPED for s in self.status], dtype=bool)

    def drop(self, k: int, reason: str) -> None:
        self.status[k], self.reason[k] = PairStatus.DROPPED, reason

    def add_best(self, allowed: npt.NDArray[np.bool_], why: str) -> bool:
        """Add the most coherent allowed pair that is not used; False when there is none."""
        allowed = allowed & ~self.used() & ~self.is_barred & np.isfinite(self.survey.coherence)
        if not allowed.any():
            return False
        coherence = np.where(allowed, self.survey.coherence, -np.inf)
        k = int(np.argmax(coherence))
        was = self.reason[k]
        self.status[k] = PairStatus.ADDED
        self.reason[k] = f"{why}: most coherent choice ({self.survey.coherence[k]:.2f}; was: {was})"
        return True


def build_network(survey: SurveyedPairs, *, options: NetworkOptions) -> Network:
    """Choose the pairs to process.

    Regular pairs are kept unless noisy; then the most coherent other pairs are added until the network is
    connected, has no bridge, and gives every date ``min_links`` pairs, as far as the surveyed pairs allow.

    Parameters
    ----------
    survey : SurveyedPairs
        Pairs and their coherence.
    options : NetworkOptions
        Limits and the user's own decisions, which override every rule.

    Returns
    -------
    Network
        Every surveyed pair with status and reason; remaining bridges are marked.

    Raises
    ------
    ArgumentError
        When no choice of surveyed pairs connects all dates, naming the dates that stay apart; or a request names
        a pair that was not surveyed.
    """
    builder = _Builder(survey)
    _drop_noisy(builder, options)
    _apply_requests(builder, options.requests)
    _connect(builder)
    _remove_bridges(builder)
    _fill_links(builder, options.min_links)
    return _finish(builder)


def _drop_noisy(builder: _Builder, options: NetworkOptions) -> None:
    survey = builder.survey
    floor = survey.noise_level + options.noise_margin * survey.noise_deviation
    gap = survey.days[survey.pairs[:, 1]] - survey.days[survey.pairs[:, 0]]
    for k in np.flatnonzero(survey.is_regular):
        value = survey.coherence[k]
        if not np.isfinite(value):
            builder.drop(int(k), "no valid pixels")
            continue
        if value < floor:
            builder.drop(int(k), f"noisy: coherence {value:.3f} is not above noise ({floor:.3f})")
            continue
        peers = survey.coherence[survey.is_regular & (np.abs(gap - gap[k]) <= 12.0)]
        peers = peers[np.isfinite(peers)]
        middle = float(np.median(peers))
        spread = max(1.4826 * float(np.median(np.abs(peers - middle))), survey.noise_deviation, 0.01)
        if len(peers) >= 5 and value < middle - options.outlier_deviations * spread:
            builder.drop(int(k), f"noisy: coherence {value:.3f}, pairs of similar gap have {middle:.3f}")


def _apply_requests(builder: _Builder, requests: Iterable[PairRequest]) -> None:
    index = {(int(i), int(j)): k for k, (i, j) in enumerate(builder.survey.pairs)}
    for request in requests:
        k = index.get((request.earlier, request.later))
        if k is None:
            raise ArgumentError(
                f"`requests` must name surveyed pairs, got dates {request.earlier} and {request.later}; "
                "raise the limits so that the pair is surveyed"
            )
        if request.is_forced:
            builder.status[k] = PairStatus.ADDED
            builder.reason[k] = f"forced by the user: {request.reason}"
        else:
            builder.drop(k, f"dropped by the user: {request.reason}")
            builder.is_barred[k] = True


def _connect(builder: _Builder) -> None:
    survey = builder.survey
    n = len(survey.days)
    while True:
        labels = _labels(survey.pairs[builder.used()], n)
        if labels.max() == 0:
            return
        crossing = labels[survey.pairs[:, 0]] != labels[survey.pairs[:, 1]]
        if not builder.add_best(crossing, "joins two parts of the network"):
            apart = np.flatnonzero(labels != np.bincount(labels).argmax())
            raise ArgumentError(
                f"the network cannot be connected: dates {apart.tolist()} (counted from 0) share no allowed pair with "
                "the others. Raise `max_gap_days` or `max_bperp`, or lift a dropped pair."
            )


def _remove_bridges(builder: _Builder) -> None:
    survey = builder.survey
    n = len(survey.days)
    hopeless: set[int] = set()
    while True:
        used = np.flatnonzero(builder.used())
        bridges = [int(used[k]) for k in np.flatnonzero(find_bridges(survey.pairs[used], n))]
        bridges = [k for k in bridges if k not in hopeless]
        if not bridges:
            return
        bridge = bridges[0]
        without = survey.pairs[used[used != bridge]]
        labels = _labels(without, n)
        crossing = labels[survey.pairs[:, 0]] != labels[survey.pairs[:, 1]]
        if not builder.add_best(crossing, "second link across a weak place"):
            hopeless.add(bridge)


def _fill_links(builder: _Builder, min_links: int) -> None:
    survey = builder.survey
    for date in range(len(survey.days)):
        touches = (survey.pairs == date).any(axis=1)
        while np.count_nonzero(touches & builder.used()) < min_links:
            if not builder.add_best(touches, f"gives its date {min_links} links"):
                break


def _finish(builder: _Builder) -> Network:
    survey = builder.survey
    n = len(survey.days)
    used = builder.used()
    is_bridge = np.zeros(len(survey.pairs), dtype=bool)
    is_bridge[used] = find_bridges(survey.pairs[used], n)
    earlier, later = survey.pairs[:, 0], survey.pairs[:, 1]
    bperp = np.full(len(survey.pairs), np.nan)
    if survey.bperp is not None:
        bperp = survey.bperp[later] - survey.bperp[earlier]
    return Network(
        days=survey.days,
        earlier=earlier,
        later=later,
        bperp=bperp,
        coherence=survey.coherence,
        status=tuple(builder.status),
        reason=tuple(builder.reason),
        is_bridge=is_bridge,
    )


def dates_behind_bridges(network: Network) -> npt.NDArray[np.bool_]:
    """Mark the dates that hang on a single bridge.

    Parameters
    ----------
    network : Network
        The network.

    Returns
    -------
    ndarray of bool, (date,)
        True for dates that a bridge parts from the larger side.
    """
    pairs = network.used
    result = np.zeros(network.n_dates, dtype=bool)
    for k in np.flatnonzero(network.is_bridge[network.is_used]):
        labels = _labels(np.delete(pairs, k, axis=0), network.n_dates)
        sizes = np.bincount(labels)
        result |= labels != sizes.argmax()
    return result
