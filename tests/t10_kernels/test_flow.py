"""Flow and graph kernels against plain oracles and an optimality certificate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford, connected_components

from subside.kernels.flow import components, curl, integrate, quadratic_flow, spanning_tree


def incidence(tail, head, n_nodes):
    at = [[] for _ in range(n_nodes)]
    for arc, (u, v) in enumerate(zip(tail, head, strict=True)):
        at[u].append(arc)
        at[v].append(arc)
    offsets = np.append(0, np.cumsum([len(a) for a in at])).astype(np.int32)
    return offsets, np.array([arc for a in at for arc in a], np.int32)


def lattice_graph(n):
    node = np.arange(n * n).reshape(n, n)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel(), node[0]])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel(), np.full(n, n * n)])
    return tail.astype(np.int32), head.astype(np.int32), n * n + 1


def divergence(flow, tail, head, n_nodes):
    return np.bincount(tail, flow, n_nodes) - np.bincount(head, flow, n_nodes)


def has_negative_cycle(flow, tail, head, weight, offset, n_nodes):
    """A convex-cost flow is optimal exactly when its residual graph has no cycle of negative cost."""
    forward = weight * (2.0 * flow + 1) + offset
    backward = weight * (1 - 2.0 * flow) - offset
    best = {}
    for u, v, cost in zip(np.append(tail, head), np.append(head, tail), np.append(forward, backward), strict=True):
        best[u, v] = min(cost, best.get((u, v), np.inf))
    u, v = np.array(list(best)).T
    # An explicit zero would be read as no arc; the sum of such shifts stays below one cost unit.
    cost = np.array(list(best.values())) + 0.5 / n_nodes**2
    try:
        bellman_ford(csr_array((cost, (u, v)), shape=(n_nodes, n_nodes)), indices=0)
    except NegativeCycleError:
        return True
    return False


@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("ground", [0, 40, -40])
def test_flow_delivers_supply_and_is_optimal(density, ground):
    rng = np.random.default_rng(int(density * 100) + ground + 100)
    tail, head, n_nodes = lattice_graph(8)
    for _ in range(4):
        weight = rng.integers(1, 300, len(tail)).astype(np.int32)
        offset = rng.integers(-weight, weight + 1).astype(np.int32)
        supply = np.zeros(n_nodes, np.int32)
        where = rng.random(n_nodes - 1) < density
        supply[:-1][where] = rng.integers(-2, 3, where.sum())
        supply[rng.integers(0, n_nodes - 1, abs(ground))] += np.sign(ground)
        supply[-1] -= supply.sum()
        flow, is_feasible = quadratic_flow(tail, head, weight, offset, supply, *incidence(tail, head, n_nodes))
        assert is_feasible
        np.testing.assert_array_equal(divergence(flow, tail, head, n_nodes), supply)
        assert not has_negative_cycle(flow, tail, head, weight, offset, n_nodes)
        if ground:
            assert np.abs(flow).max() >= 1


def test_certificate_rejects_a_flow_that_is_not_optimal():
    tail, head, n_nodes = lattice_graph(4)
    weight = np.full(len(tail), 5, np.int32)
    offset = np.zeros(len(tail), np.int32)
    flow = np.zeros(len(tail), np.int32)
    assert not has_negative_cycle(flow, tail, head, weight, offset, n_nodes)
    around = [(0, 1), (1, 5), (4, 5), (0, 4)]
    signs = [1, 1, -1, -1]
    for (u, v), s in zip(around, signs, strict=True):
        flow[np.flatnonzero((tail == u) & (head == v))] = s
    assert np.all(divergence(flow, tail, head, n_nodes) == 0)
    assert has_negative_cycle(flow, tail, head, weight, offset, n_nodes)


def test_flow_splits_over_parallel_ways_by_convexity():
    # Two ways of 1 and 3 per squared unit: 4 units split 3 and 1 (9 + 3 = 12; 2 + 2 would cost 16).
    tail = np.array([0, 0], np.int32)
    head = np.array([1, 1], np.int32)
    supply = np.array([4, -4], np.int32)
    weight = np.array([1, 3], np.int32)
    flow, _ = quadratic_flow(tail, head, weight, np.zeros(2, np.int32), supply, *incidence(tail, head, 2))
    np.testing.assert_array_equal(flow, [3, 1])


def test_flow_reports_what_cannot_be_delivered():
    tail, head = np.array([0, 2], np.int32), np.array([1, 3], np.int32)
    one = np.ones(2, np.int32)
    apart = np.array([1, 0, -1, 0], np.int32)
    assert not quadratic_flow(tail, head, one, 0 * one, apart, *incidence(tail, head, 4))[1]
    unbalanced = np.array([0, -1, 0, 0], np.int32)
    assert not quadratic_flow(tail, head, one, 0 * one, unbalanced, *incidence(tail, head, 4))[1]


def test_curl_of_a_gradient_is_zero_and_matches_a_loop():
    rng = np.random.default_rng(3)
    arcs = np.array([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]])
    triangle_arcs = np.array([[0, 2, 1], [3, 4, 2]], np.int32)
    triangle_signs = np.array([[1, 1, -1], [1, -1, -1]], np.int8)
    potential = rng.integers(-9, 9, 4)
    gradient = (potential[arcs[:, 1]] - potential[arcs[:, 0]]).astype(np.int32)
    np.testing.assert_array_equal(curl(gradient, triangle_arcs, triangle_signs), [0, 0])
    gradient[2] += 1
    np.testing.assert_array_equal(curl(gradient, triangle_arcs, triangle_signs), [1, -1])


def random_graph(seed, n=60, m=90):
    rng = np.random.default_rng(seed)
    arcs = np.unique(np.sort(rng.integers(0, n, (m, 2)), axis=1), axis=0)
    return arcs[arcs[:, 0] != arcs[:, 1]].astype(np.int32)


@pytest.mark.parametrize("seed", range(4))
def test_components_match_scipy(seed):
    n = 60
    arcs = random_graph(seed)
    is_open = np.random.default_rng(seed + 50).random(len(arcs)) < 0.6
    some = arcs[is_open]
    graph = csr_array((np.ones(len(some)), (some[:, 0], some[:, 1])), shape=(n, n))
    count, want = connected_components(graph, directed=False)
    got = components(arcs, is_open, n)
    assert 1 < count == len(np.unique(got))
    for label in range(count):
        members = np.flatnonzero(want == label)
        np.testing.assert_array_equal(got[members], members.min())


def test_spanning_tree_integrates_every_gradient():
    n = 60
    arcs = np.unique(np.vstack([random_graph(9), [[i, i + 1] for i in range(n - 1)]]), axis=0).astype(np.int32)
    offsets, node_arcs = incidence(arcs[:, 0], arcs[:, 1], n)
    point, parent, arc, sign = spanning_tree(arcs, offsets, node_arcs, np.ones(len(arcs), bool), 0)
    assert sorted(point) == list(range(1, n))
    reached = {0}
    for p, q in zip(point, parent, strict=True):
        assert q in reached
        reached.add(p)
    potential = np.random.default_rng(1).integers(-50, 50, n)
    gradient = (potential[arcs[:, 1]] - potential[arcs[:, 0]]).astype(np.int32)
    np.testing.assert_array_equal(integrate(gradient, point, parent, arc, sign), potential - potential[0])


def test_spanning_tree_stays_on_open_arcs():
    arcs = np.array([[0, 1], [1, 2], [2, 3]], np.int32)
    offsets, node_arcs = incidence(arcs[:, 0], arcs[:, 1], 4)
    point, *_ = spanning_tree(arcs, offsets, node_arcs, np.array([True, False, True]), 0)
    np.testing.assert_array_equal(point, [1])
