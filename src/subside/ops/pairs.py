"""Reference image, admissible pairs, and the network: pruned, bridged, every pair with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from subside import _check
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


@dataclass(frozen=True)
class QualityIndex:
    """Suitability of each date as the reference image.

    Attributes
    ----------
    index : ndarray of float64, (date,)
        Sum over dates of the product of the temporal, perpendicular and Doppler factors; higher is better.
    best : int
        Position of the largest (the earliest of equals).
    """

    index: Floats
    best: int


def quality_index(
    days: Floats,
    *,
    bperp: Floats | None = None,
    doppler_centroid: Floats | None = None,
    critical: tuple[float, float, float] = (1800.0, 1100.0, 1380.0),
) -> QualityIndex:
    """Rate each date as reference image.

    Parameters
    ----------
    days : ndarray, (date,)
        Acquisition times, days.
    bperp : ndarray, (date,), optional
        Perpendicular baselines, m. Unknown baselines leave their factor at 1.
    doppler_centroid : ndarray, (date,), optional
        Doppler centroid of each date, Hz. Unknown leaves its factor at 1.
    critical : tuple of float
        Temporal (days), perpendicular (m) and Doppler (Hz) separation at which coherence is taken to vanish.

    Returns
    -------
    QualityIndex
        The index and its maximum.

    Notes
    -----
    ``rho_m = sum_i (1 - |T_i - T_m|/T_c)+ (1 - |B_i - B_m|/B_c)+ (1 - |F_i - F_m|/F_c)+``, the thermal factor
    being constant (Hooper et al. 2007, eq. 2; Zhu et al. 2020, section 3).
    """
    product = np.ones((len(days), len(days)))
    for values, limit in zip((days, bperp, doppler_centroid), critical, strict=True):
        if values is not None:
            _check.finite(values=np.asarray(values))
            product *= np.clip(1.0 - np.abs(values[:, None] - values[None, :]) / limit, 0.0, None)
    index = product.sum(axis=1)
    return QualityIndex(index, int(np.argmax(index)))


def admissible(
    days: Floats, bperp: Floats | None, *, max_bperp: float, max_gap_days: float
) -> tuple[Pairs, npt.NDArray[np.bool_]]:
    """List the pairs worth surveying.

    Parameters
    ----------
    days : ndarray, (date,)
        Acquisition times, days, ascending.
    bperp : ndarray, (date,), or None
        Perpendicular baselines, m; None is unknown and limits by time only.
    max_bperp, max_gap_days : float
        Limits of a regular pair, m and days.

    Returns
    -------
    pairs : ndarray of int32, (pair, 2)
        Regular pairs and candidates for bridging, sorted.
    is_regular : ndarray of bool, (pair,)
        Whether the pair is within both limits. The others are bridging candidates: each date's next three dates
        beyond the limits, and its neighbours one year later, where long-lived coherence may join what a gap parts.
    """
    _check.in_range(0.0, float("inf"), max_bperp=max_bperp)
    _check.in_range(0.0, float("inf"), max_gap_days=max_gap_days)
    n = len(days)
    earlier, later = np.triu_indices(n, k=1)
    gap = days[later] - days[earlier]
    is_regular = gap <= max_gap_days
    if bperp is not None:
        is_regular &= np.abs(bperp[later] - bperp[earlier]) <= max_bperp
    beyond_before = np.concatenate([[0], np.cumsum(~is_regular)])[np.searchsorted(earlier, earlier)]
    rank = np.cumsum(~is_regular) - beyond_before
    is_bridging = ~is_regular & ((rank <= 3) | (np.abs(gap - 365.0) <= 24.0))
    keep = is_regular | is_bridging
    pairs = np.stack([earlier[keep], later[keep]], axis=1).astype(np.int32)
    return pairs, is_regular[keep]


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


# -- the survey ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SurveyWindows:
    """Regular grid of small windows in which coherence is surveyed.

    Attributes
    ----------
    size : tuple of int
        Lines and samples of a window.
    stride : tuple of int
        Lines and samples between window starts.
    shape : tuple of int
        Windows along azimuth and range.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    shape: tuple[int, int]


def survey_windows(
    shape: tuple[int, int], spacing: tuple[float, float], *, extent: float = 80.0, max_windows: int = 20_000
) -> SurveyWindows:
    """Lay out the survey: windows of about ``extent`` metres, thinned to ``max_windows``.

    Parameters
    ----------
    shape : tuple of int
        Lines and samples of the stack.
    spacing : tuple of float
        Azimuth and ground range spacing, m.
    extent : float
        Side of a window, m; at least five pixels are taken.
    max_windows : int
        Windows at most; the stride grows to meet it, so that the survey costs the same for any scene.

    Returns
    -------
    SurveyWindows
        The layout, a function of the scene only.
    """
    size = (
        min(max(5, round(extent / spacing[0])), shape[0]),
        min(max(5, round(extent / spacing[1])), shape[1]),
    )
    fit = (max(1, shape[0] // size[0]), max(1, shape[1] // size[1]))
    thinning = max(1.0, np.sqrt(fit[0] * fit[1] / max_windows))
    stride = (int(size[0] * thinning), int(size[1] * thinning))
    return SurveyWindows(size, stride, ((shape[0] - size[0]) // stride[0] + 1, (shape[1] - size[1]) // stride[1] + 1))


@dataclass(frozen=True)
class WindowRow:
    """Survey of one row of windows.

    Attributes
    ----------
    interferogram : ndarray of complex64, (pair, window)
        Mean of ``s_i conj(s_j)`` over the root of the mean powers: its modulus is the coherence estimate, NaN
        where a window holds no valid power.
    noise : ndarray of float32, (pair, window)
        The same modulus with the later image taken from the next window (displaced by half a window where there
        is only one): what pure noise gives.
    amplitude : ndarray of float32, (window,)
        Mean amplitude over dates and pixels.
    amplitude_sum : ndarray of float64, (date,)
        Sum of valid amplitudes.
    amplitude_count : ndarray of int64, (date,)
        Number of valid amplitudes.
    """

    interferogram: npt.NDArray[np.complex64]
    noise: npt.NDArray[np.float32]
    amplitude: npt.NDArray[np.float32]
    amplitude_sum: Floats
    amplitude_count: npt.NDArray[np.int64]


def survey_row(slc: npt.NDArray[np.complex64], pairs: Pairs, *, windows: SurveyWindows) -> WindowRow:
    """Survey one row of windows.

    Parameters
    ----------
    slc : ndarray of complex64, (date, line, sample)
        The lines of the row; NaN counts as no data.
    pairs : ndarray of int, (pair, 2)
        Date indices.
    windows : SurveyWindows
        Layout.

    Returns
    -------
    WindowRow
        Coherence with phase, noise level, and amplitudes for calibration.

    Notes
    -----
    Coherence estimate ``|sum s_i conj(s_j)| / sqrt(sum |s_i|^2 sum |s_j|^2)`` (Bamler and Hartl 1998).
    """
    _check.shape((None, windows.size[0], None), slc=slc)
    starts = np.arange(windows.shape[1]) * windows.stride[1]
    columns = starts[:, None] + np.arange(windows.size[1])
    samples = np.nan_to_num(slc, nan=0.0)[:, :, columns]
    samples = np.ascontiguousarray(samples.transpose(2, 0, 1, 3)).reshape(len(starts), len(slc), -1)
    power = np.einsum("wdn,wdn->wd", samples, samples.conj()).real.astype(np.float64)
    cross = samples @ samples.conj().transpose(0, 2, 1)
    displaced = np.roll(samples, 1, axis=0) if len(starts) > 1 else np.roll(samples, samples.shape[2] // 2, axis=2)
    shifted = samples @ displaced.conj().transpose(0, 2, 1)
    first, second = pairs[:, 0], pairs[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1.0 / np.sqrt(power[:, first] * power[:, second])
        shifted_scale = 1.0 / np.sqrt(power[:, first] * np.roll(power, 1, axis=0)[:, second])
    scale[~np.isfinite(scale)] = np.nan
    shifted_scale[~np.isfinite(shifted_scale)] = np.nan
    amplitude = np.abs(samples)
    return WindowRow(
        interferogram=(cross[:, first, second] * scale).T.astype(np.complex64),
        noise=(np.abs(shifted[:, first, second]) * shifted_scale).T.astype(np.float32),
        amplitude=amplitude.mean(axis=(1, 2)),
        amplitude_sum=amplitude.sum(axis=(0, 2), dtype=np.float64),
        amplitude_count=np.count_nonzero(amplitude, axis=(0, 2)).astype(np.int64),
    )


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
