"""Reference image, admissible pairs, the network, and the survey of a row of windows."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subside.errors import ArgumentError
from subside.model.network import PairStatus
from subside.ops import network as network_op
from subside.ops import pairs as pairs_op
from subside.ops import survey as survey_op

RNG = np.random.default_rng


def test_quality_index_by_hand() -> None:
    """Four dates 12 days apart with baselines 62, 0, -87, -38 m; published with Doppler 3.6689 3.7887 3.7089 3.7852."""
    days, bperp = np.array([0.0, 12, 24, 36]), np.array([62.0, 0, -87, -38])
    found = pairs_op.quality_index(days, bperp=bperp)
    expected = [
        1 + (1 - 12 / 1800) * (1 - 62 / 1100) + (1 - 24 / 1800) * (1 - 149 / 1100) + (1 - 36 / 1800) * (1 - 100 / 1100),
        1 + (1 - 12 / 1800) * (1 - 62 / 1100) + (1 - 12 / 1800) * (1 - 87 / 1100) + (1 - 24 / 1800) * (1 - 38 / 1100),
    ]
    np.testing.assert_allclose(found.index[:2], expected, rtol=1e-12)
    np.testing.assert_allclose(found.index, [3.6689, 3.7887, 3.7089, 3.7852], atol=0.02)
    assert found.best == 1


def test_quality_index_factors_vanish_and_unknown_ones_stay_one() -> None:
    days = np.array([0.0, 900, 3000])
    np.testing.assert_allclose(pairs_op.quality_index(days).index, [1.5, 1.5, 1.0])
    with_doppler = pairs_op.quality_index(days * 0, doppler_centroid=np.array([0.0, 690, 0]))
    np.testing.assert_allclose(with_doppler.index, [2.5, 2.0, 2.5])
    assert with_doppler.best == 0
    with pytest.raises(ArgumentError, match="finite"):
        pairs_op.quality_index(days, bperp=np.array([0.0, np.nan, 1]))


def test_admissible_limits_are_inclusive_and_both_count() -> None:
    days, bperp = np.array([0.0, 84, 85, 97]), np.array([0.0, 150, 0, 151])
    pairs, regular = pairs_op.admissible(days, bperp, max_bperp=150, max_gap_days=84)
    table = {tuple(p): bool(r) for p, r in zip(pairs.tolist(), regular, strict=True)}
    assert table[0, 1] and table[1, 2] and table[1, 3]
    assert not table[0, 2] and not table[2, 3]
    by_time = pairs_op.admissible(days, None, max_bperp=150, max_gap_days=84)
    assert dict(zip(map(tuple, by_time[0].tolist()), by_time[1], strict=True))[2, 3]


def test_admissible_adds_three_next_dates_and_the_next_year() -> None:
    days = np.arange(80) * 12.0
    pairs, regular = pairs_op.admissible(days, None, max_bperp=150, max_gap_days=84)
    assert pairs.dtype == np.int32 and np.array_equal(pairs, np.unique(pairs, axis=0))
    gap = days[pairs[:, 1]] - days[pairs[:, 0]]
    np.testing.assert_array_equal(regular, gap <= 84)
    extra = sorted(set(gap[~regular & (pairs[:, 0] == 0)]))
    assert extra == [96, 108, 120, 348, 360, 372, 384]
    assert np.count_nonzero(regular & (pairs[:, 0] == 0)) == 7


def _bridges_brute(pairs: np.ndarray, n: int) -> list[bool]:
    def parts(edges: list[tuple[int, int]]) -> int:
        parent = list(range(n))

        def root(k: int) -> int:
            while parent[k] != k:
                k = parent[k]
            return k

        for a, b in edges:
            parent[root(a)] = root(b)
        return len({root(k) for k in range(n)})

    edges = [(int(a), int(b)) for a, b in pairs]
    return [parts(edges[:k] + edges[k + 1 :]) > parts(edges) for k in range(len(edges))]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(2, 9).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_bridges_equal_the_brute_force_answer(case: tuple[int, set[tuple[int, int]]]) -> None:
    n, raw = case
    edges = sorted({(min(e), max(e)) for e in raw if e[0] != e[1]})
    pairs = np.array(edges, np.int32).reshape(-1, 2)
    assert network_op.find_bridges(pairs, n).tolist() == _bridges_brute(pairs, n)


def _survey(days: np.ndarray, coherence: float | np.ndarray = 0.6) -> network_op.SurveyedPairs:
    pairs, regular = pairs_op.admissible(days, None, max_bperp=150, max_gap_days=84)
    values = np.broadcast_to(np.asarray(coherence, float), len(pairs)).copy()
    return network_op.SurveyedPairs(days, None, pairs, regular, values, noise_level=0.1, noise_deviation=0.02)


def _row(network, i: int, j: int) -> tuple[PairStatus, str]:  # type: ignore[no-untyped-def]
    (k,) = np.flatnonzero((network.earlier == i) & (network.later == j))
    return network.status[k], network.reason[k]


def test_a_coherent_regular_network_is_kept_whole() -> None:
    survey = _survey(np.arange(10) * 12.0)
    network = network_op.build_network(survey, options=network_op.NetworkOptions())
    np.testing.assert_array_equal(network.is_used, survey.is_regular)
    assert {r for r, u in zip(network.reason, network.is_used, strict=True) if u} == {"within the limits"}
    assert not network.is_bridge.any() and not network_op.dates_behind_bridges(network).any()
    assert np.isnan(network.bperp).all()


@pytest.mark.parametrize("gap", [96.0, 132.0])
def test_gaps_are_bridged_by_the_most_coherent_pairs_until_no_bridge_remains(gap: float) -> None:
    days = np.concatenate([np.arange(8) * 12.0, 84 + gap + np.arange(8) * 12.0])
    survey = _survey(days)
    crossing = (survey.pairs[:, 0] < 8) & (survey.pairs[:, 1] >= 8)
    assert not (crossing & survey.is_regular).any()
    survey.coherence[crossing] = RNG(1).permutation(np.linspace(0.2, 0.5, crossing.sum()))
    network = network_op.build_network(survey, options=network_op.NetworkOptions())
    added = np.flatnonzero([s is PairStatus.ADDED for s in network.status])
    best = np.flatnonzero(crossing)[np.argsort(-survey.coherence[crossing])[:2]]
    assert sorted(added) == sorted(best)
    assert (
        "joins two parts" in network.reason[best[0]] and f"{survey.coherence[best[0]]:.2f}" in network.reason[best[0]]
    )
    assert "second link" in network.reason[best[1]]
    assert not network.is_bridge.any()
    assert not network_op.find_bridges(network.used, 16).any()
    assert np.bincount(network.used.ravel(), minlength=16).min() >= 2


def test_a_bridge_that_must_remain_is_marked_with_the_dates_behind_it() -> None:
    days = np.array([0.0, 12, 24, 36, 48, 200, 212, 224])
    survey = _survey(days)
    crossing = (survey.pairs[:, 0] < 5) & (survey.pairs[:, 1] >= 5)
    only = int(np.flatnonzero(crossing)[0])
    survey.coherence[crossing] = np.nan
    survey.coherence[only] = 0.3
    network = network_op.build_network(survey, options=network_op.NetworkOptions())
    assert np.flatnonzero(network.is_bridge).tolist() == [only]
    np.testing.assert_array_equal(network_op.dates_behind_bridges(network), [False] * 5 + [True] * 3)
    assert not network.is_used[crossing & (np.arange(len(crossing)) != only)].any(), "a pair without data was used"


def test_min_links_gives_every_date_its_pairs() -> None:
    survey = _survey(np.arange(6) * 60.0)
    few = network_op.build_network(survey, options=network_op.NetworkOptions(min_links=2))
    many = network_op.build_network(survey, options=network_op.NetworkOptions(min_links=4))
    assert np.bincount(few.used.ravel()).min() >= 2
    assert np.bincount(many.used.ravel()).min() >= 4
    assert many.is_used.sum() > few.is_used.sum()
    assert any("gives its date 4 links" in r for r in many.reason)


def test_noisy_pairs_are_dropped_with_their_numbers() -> None:
    survey = _survey(np.arange(12) * 12.0)
    index = {tuple(p): k for k, p in enumerate(survey.pairs.tolist())}
    survey.coherence[index[3, 5]] = 0.159
    survey.coherence[index[3, 6]] = 0.161
    survey.coherence[index[4, 5]] = np.nan
    survey.coherence[index[0, 1]] = 0.5
    network = network_op.build_network(survey, options=network_op.NetworkOptions(outlier_deviations=50.0))
    assert _row(network, 3, 5) == (PairStatus.DROPPED, "noisy: coherence 0.159 is not above noise (0.160)")
    assert _row(network, 3, 6)[0] is PairStatus.KEPT
    assert _row(network, 4, 5) == (PairStatus.DROPPED, "no valid pixels")
    strict = network_op.build_network(survey, options=network_op.NetworkOptions(outlier_deviations=4.0))
    assert _row(strict, 0, 1) == (PairStatus.DROPPED, "noisy: coherence 0.500, pairs of similar gap have 0.600")


DATES = ["20180101", "20180113", "20180125", "20180206", "20180218", "20180302"]


def test_the_user_decides_and_the_reason_is_quoted() -> None:
    survey = _survey(np.arange(6) * 12.0)
    index = {tuple(p): k for k, p in enumerate(survey.pairs.tolist())}
    survey.coherence[index[0, 4]] = 0.05
    requests = network_op.request_pairs(
        DATES, [("20180218", "20180101", "dry day")], [("20180113", "20180125", "snow")]
    )
    network = network_op.build_network(survey, options=network_op.NetworkOptions(requests=requests))
    assert _row(network, 0, 4) == (PairStatus.ADDED, "forced by the user: dry day")
    assert _row(network, 1, 2) == (PairStatus.DROPPED, "dropped by the user: snow")
    with pytest.raises(ArgumentError, match="20180102"):
        network_op.request_pairs(DATES, [("20180102", "20180113", "x")], [])


def test_a_dropped_pair_is_not_brought_back_and_a_pair_not_surveyed_is_refused() -> None:
    survey = _survey(np.array([0.0, 60, 120]))
    drops = [network_op.PairRequest(0, 1, False, "r"), network_op.PairRequest(0, 2, False, "r")]
    with pytest.raises(ArgumentError, match=re.escape("dates [0]")):
        network_op.build_network(survey, options=network_op.NetworkOptions(requests=tuple(drops)))
    long = _survey(np.arange(40) * 12.0)
    with pytest.raises(ArgumentError, match="surveyed"):
        network_op.build_network(
            long, options=network_op.NetworkOptions(requests=(network_op.PairRequest(0, 20, True, "r"),))
        )


def test_no_data_at_all_is_an_error_and_not_a_network() -> None:
    survey = _survey(np.arange(5) * 12.0, np.nan)
    with pytest.raises(ArgumentError, match="cannot be connected"):
        network_op.build_network(survey, options=network_op.NetworkOptions())


def test_windows_cover_the_scene_and_stay_inside_their_number() -> None:
    windows = survey_op.survey_windows((1000, 2000), (14.0, 3.5), extent=80.0, max_windows=500)
    assert windows.size == (6, 23)
    assert windows.shape[0] * windows.shape[1] <= 560
    assert (windows.shape[0] - 1) * windows.stride[0] + windows.size[0] <= 1000
    assert (windows.shape[1] - 1) * windows.stride[1] + windows.size[1] <= 2000
    assert survey_op.survey_windows((3, 4), (14.0, 3.5)).shape == (1, 1)


def _images(seed: int, shape: tuple[int, int, int], share: float = 0.6) -> np.ndarray:
    rng = RNG(seed)

    def noise(*size: int) -> np.ndarray:
        return rng.normal(size=size) + 1j * rng.normal(size=size)

    return (np.sqrt(share) * noise(1, *shape[1:]) + np.sqrt(1 - share) * noise(*shape)).astype(np.complex64)


def test_survey_row_equals_plain_loops() -> None:
    windows = survey_op.SurveyWindows((5, 4), (5, 6), (1, 3))
    slc = _images(0, (4, 5, 18))
    slc[1, 2, 7] = np.nan
    slc[2, :, 12:16] = 0
    slc[3, 0, 0] = 0
    pairs = np.array([[0, 1], [0, 2], [1, 3], [2, 3]], np.int32)
    found = survey_op.survey_row(slc, pairs, windows=windows)
    clean = np.nan_to_num(slc, nan=0.0)
    for w in range(3):
        boxes = [clean[d, :, 6 * w : 6 * w + 4].astype(complex) for d in range(4)]
        before = [clean[d, :, 6 * ((w - 1) % 3) :][:, :4].astype(complex) for d in range(4)]
        for k, (i, j) in enumerate(pairs):
            power = np.sum(np.abs(boxes[i]) ** 2) * np.sum(np.abs(boxes[j]) ** 2)
            if power == 0:
                assert np.isnan(found.interferogram[k, w])
            else:
                value = np.sum(boxes[i] * boxes[j].conj()) / np.sqrt(power)
                assert found.interferogram[k, w] == pytest.approx(value, abs=1e-5)
            power = np.sum(np.abs(boxes[i]) ** 2) * np.sum(np.abs(before[j]) ** 2)
            if power == 0:
                assert np.isnan(found.noise[k, w])
            else:
                expected = abs(np.sum(boxes[i] * before[j].conj())) / np.sqrt(power)
                assert found.noise[k, w] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(found.interferogram[1, 2]) and np.isfinite(found.interferogram[0]).all()
    used = np.concatenate([np.arange(6 * w, 6 * w + 4) for w in range(3)])
    np.testing.assert_allclose(found.amplitude_sum, np.abs(clean[:, :, used]).sum(axis=(1, 2)), rtol=1e-5)
    assert found.amplitude_count.tolist() == [60, 59, 40, 59]
    with pytest.raises(ArgumentError, match="slc"):
        survey_op.survey_row(slc[:, :4], pairs, windows=windows)


def test_survey_tells_signal_from_noise_even_in_one_window() -> None:
    for n_windows in (1, 40):
        windows = survey_op.SurveyWindows((15, 15), (15, 15), (1, n_windows))
        found = survey_op.survey_row(
            _images(1, (3, 15, 15 * n_windows)), np.array([[0, 1], [1, 2]], np.int32), windows=windows
        )
        assert np.abs(found.interferogram).mean() > 0.5
        assert found.noise.mean() < 0.15


def test_sinking_makes_a_positive_phase() -> None:
    slc = np.ones((2, 5, 5), np.complex64)
    slc[1] *= np.exp(-0.5j)
    found = survey_op.survey_row(
        slc, np.array([[0, 1]], np.int32), windows=survey_op.SurveyWindows((5, 5), (5, 5), (1, 1))
    )
    assert np.angle(found.interferogram[0, 0]) == pytest.approx(0.5, abs=1e-6)


def test_a_network_of_surveyed_pairs_carries_its_baselines() -> None:
    survey = replace(_survey(np.arange(4) * 12.0), bperp=np.array([0.0, 10, -20, 5]))
    network = network_op.build_network(survey, options=network_op.NetworkOptions())
    np.testing.assert_allclose(network.bperp, [10, -20, 5, -30, -5, 25])
