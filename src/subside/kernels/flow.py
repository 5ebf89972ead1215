"""Minimum-cost integer flow with quadratic costs, and the integer sums around it, on a planar graph.

All quantities are integers, so that results are exact and free of rounding. Arrays carry no NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.kernels._jit import kernel

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@kernel
def _push(keys: I64, nodes: I32, size: int, key: int, node: int) -> int:
    i = size
    while i > 0:
        parent = (i - 1) >> 2
        if keys[parent] <= key:
            break
        keys[i] = keys[parent]
        nodes[i] = nodes[parent]
        i = parent
    keys[i] = key
    nodes[i] = node
    return size + 1


@kernel
def _pop(keys: I64, nodes: I32, size: int) -> int:
    size -= 1
    key = keys[size]
    node = nodes[size]
    i = 0
    while True:
        first = 4 * i + 1
        if first >= size:
            break
        least = first
        for child in range(first + 1, min(first + 4, size)):
            if keys[child] < keys[least]:
                least = child
        if keys[least] >= key:
            break
        keys[i] = keys[least]
        nodes[i] = nodes[least]
        i = least
    keys[i] = key
    nodes[i] = node
    return size


@kernel
def quadratic_flow(
    tail: I32, head: I32, weight: I32, offset: I32, supply: I32, node_offsets: I32, node_arcs: I32
) -> tuple[I32, bool]:
    """Integer flow that minimises ``sum(weight * flow**2 + offset * flow)``, exactly.

    Successive shortest paths (Ahuja, Magnanti and Orlin 1993, section 9.7 and 14.5): each unit of supply goes
    along the cheapest path of the residual graph, whose arc costs are the increments of the convex cost; node
    potentials keep them non-negative, so that a Dijkstra search that stops at the first node in need suffices.

    Parameters
    ----------
    tail, head : ndarray of int32, (arc,)
        Nodes of each arc; flow may be of either sign and has no bound.
    weight, offset : ndarray of int32, (arc,)
        Cost, ``weight >= 0`` and ``abs(offset) <= weight`` (zero flow is then optimal without supply).
    supply : ndarray of int32, (node,)
        Flow that leaves a node less flow that enters it; sums to zero.
    node_offsets, node_arcs : ndarray of int32, (node + 1,), (2 * arc,)
        Arcs at each node, compressed by rows.

    Returns
    -------
    flow : ndarray of int32, (arc,)
    is_feasible : bool
        False when supply could not be delivered (graph not connected or sum not zero).
    """
    n_nodes = supply.size
    flow = np.zeros(tail.size, np.int32)
    excess = supply.copy()
    potential = np.zeros(n_nodes, np.int64)
    distance = np.zeros(n_nodes, np.int64)
    stamp = np.zeros(n_nodes, np.int32)
    settled = np.zeros(n_nodes, np.int32)
    arrival = np.zeros(n_nodes, np.int32)
    visited = np.zeros(n_nodes, np.int32)
    keys = np.zeros(2 * tail.size + 2, np.int64)
    nodes = np.zeros(2 * tail.size + 2, np.int32)
    round_ = 0
    for source in range(n_nodes):
        while excess[source] > 0:
            round_ += 1
            size = _push(keys, nodes, 0, 0, source)
            distance[source] = 0
            stamp[source] = round_
            arrival[source] = -1
            n_visited = 0
            target = -1
            while size > 0:
                reach = keys[0]
                u = nodes[0]
                size = _pop(keys, nodes, size)
                if settled[u] == round_:
                    continue
                settled[u] = round_
                if excess[u] < 0:
                    target = u
                    break
                visited[n_visited] = u
                n_visited += 1
                base = reach + potential[u]
                for i in range(node_offsets[u], node_offsets[u + 1]):
                    arc = node_arcs[i]
                    if tail[arc] == u:
                        v = head[arc]
                        cost = np.int64(weight[arc]) * (2 * flow[arc] + 1) + offset[arc]
                    else:
                        v = tail[arc]
                        cost = np.int64(weight[arc]) * (1 - 2 * flow[arc]) - offset[arc]
                    if settled[v] == round_:
                        continue
                    reached = base + cost - potential[v]
                    if stamp[v] != round_ or reached < distance[v]:
                        stamp[v] = round_
                        distance[v] = reached
                        arrival[v] = arc
                        size = _push(keys, nodes, size, reached, v)
            if target < 0:
                return flow, False
            for i in range(n_visited):
                u = visited[i]
                potential[u] += distance[u] - distance[target]
            v = target
            while v != source:
                arc = arrival[v]
                if head[arc] == v:
                    flow[arc] += 1
                    v = tail[arc]
                else:
                    flow[arc] -= 1
                    v = head[arc]
            excess[source] -= 1
            excess[target] += 1
    balanced = True
    for u in range(n_nodes):
        balanced = balanced and excess[u] == 0
    return flow, balanced


@kernel
def curl(gradient: I32, triangle_arcs: I32, triangle_signs: I8) -> I32:
    """Sum of an arc quantity around each triangle: ``sum(sign * gradient)``.

    Parameters
    ----------
    gradient : ndarray of int32, (arc,)
    triangle_arcs : ndarray of int32, (triangle, 3)
    triangle_signs : ndarray of int8, (triangle, 3)
        +1 where the arc is walked from its first point to its second.

    Returns
    -------
    ndarray of int32, (triangle,)
    """
    out = np.empty(triangle_arcs.shape[0], np.int32)
    for t in range(out.size):
        total = 0
        for s in range(3):
            total += triangle_signs[t, s] * gradient[triangle_arcs[t, s]]
        out[t] = total
    return out


@kernel
def integrate(gradient: I32, tree_point: I32, tree_parent: I32, tree_arc: I32, tree_sign: I8) -> I32:
    """Sum an arc quantity from the root of a spanning tree to every point; the root is zero.

    Parameters
    ----------
    gradient : ndarray of int32, (arc,)
    tree_point, tree_parent, tree_arc : ndarray of int32, (point - 1,)
        Point reached, from where and by which arc, parents before children.
    tree_sign : ndarray of int8, (point - 1,)
        +1 where the arc is walked from its first point to its second.

    Returns
    -------
    ndarray of int32, (point,)
    """
    out = np.zeros(tree_point.size + 1, np.int32)
    for i in range(tree_point.size):
        out[tree_point[i]] = out[tree_parent[i]] + tree_sign[i] * gradient[tree_arc[i]]
    return out


@kernel
def spanning_tree(
    arcs: I32, node_offsets: I32, node_arcs: I32, is_open: npt.NDArray[np.bool_], root: int
) -> tuple[I32, I32, I32, I8]:
    """Breadth-first spanning tree over the open arcs.

    Parameters
    ----------
    arcs : ndarray of int32, (arc, 2)
    node_offsets, node_arcs : ndarray of int32
        Arcs at each point, compressed by rows.
    is_open : ndarray of bool, (arc,)
        Arcs that may be walked.
    root : int

    Returns
    -------
    tree_point, tree_parent, tree_arc : ndarray of int32, (reached point - 1,)
    tree_sign : ndarray of int8
    """
    n = node_offsets.size - 1
    seen = np.zeros(n, np.bool_)
    queue = np.empty(n, np.int32)
    parent = np.empty(n, np.int32)
    by = np.empty(n, np.int32)
    sign = np.empty(n, np.int8)
    queue[0] = root
    seen[root] = True
    filled = 1
    read = 0
    while read < filled:
        u = queue[read]
        read += 1
        for i in range(node_offsets[u], node_offsets[u + 1]):
            arc = node_arcs[i]
            forward = arcs[arc, 0] == u
            v = arcs[arc, 1] if forward else arcs[arc, 0]
            if is_open[arc] and not seen[v]:
                seen[v] = True
                queue[filled] = v
                parent[filled] = u
                by[filled] = arc
                sign[filled] = 1 if forward else -1
                filled += 1
    return queue[1:filled].copy(), parent[1:filled].copy(), by[1:filled].copy(), sign[1:filled].copy()


@kernel
def components(arcs: I32, is_open: npt.NDArray[np.bool_], n_points: int) -> I32:
    """Label of the connected component of each point over the open arcs: its lowest point index.

    Parameters
    ----------
    arcs : ndarray of int32, (arc, 2)
    is_open : ndarray of bool, (arc,)
    n_points : int

    Returns
    -------
    ndarray of int32, (point,)
    """
    label = np.arange(n_points).astype(np.int32)
    for arc in range(arcs.shape[0]):
        if not is_open[arc]:
            continue
        a = arcs[arc, 0]
        while label[a] != a:
            label[a] = label[label[a]]
            a = label[a]
        b = arcs[arc, 1]
        while label[b] != b:
            label[b] = label[label[b]]
            b = label[b]
        if a < b:
            label[b] = a
        else:
            label[a] = b
    for p in range(n_points):
        label[p] = label[label[p]]
    return label
