"""The triangulation that carries points, its arcs and its dual graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, QhullError

from subside import _check
from subside.errors import ArgumentError
from subside.kernels.flow import spanning_tree

JITTER = 1e-6
"""Largest shift of a point before triangulation, as a fraction of the extent; breaks ties of a lattice."""

_COLLINEAR = 1e-5
"""Ratio of the second to the first principal extent below which points lie on a line."""


@dataclass(frozen=True)
class Triangulation:
    """Delaunay triangulation of points, its arcs and its dual graph.

    A dual node is a triangle; node ``n_triangles`` is the outside ("ground"). Arc ``e`` joins dual node
    ``dual_tail[e]`` to ``dual_head[e]``; a unit of flow on it adds one cycle to the gradient of the arc, which
    takes one from the curl of the tail and adds one to the curl of the head.

    Attributes
    ----------
    arcs : ndarray of int32, (arc, 2)
        Point indices, low before high, sorted, unique.
    triangles : ndarray of int32, (triangle, 3)
        Point indices, anticlockwise, sorted.
    triangle_arcs : ndarray of int32, (triangle, 3)
        Arcs from corner 0 to 1, 1 to 2, 2 to 0.
    triangle_signs : ndarray of int8, (triangle, 3)
        +1 where the arc is walked from low to high point.
    dual_tail, dual_head : ndarray of int32, (arc,)
        Triangle that walks the arc from high to low, and from low to high; ground where there is none.
    dual_offsets, dual_arcs : ndarray of int32, (triangle + 2,), (2 * arc,)
        Arcs at each dual node, compressed by rows.
    is_boundary : ndarray of bool, (arc,)
        Whether the arc has a triangle on one side only.
    tree_point, tree_parent, tree_arc : ndarray of int32, (point - 1,)
        Breadth-first spanning tree from point 0, parents first.
    tree_sign : ndarray of int8, (point - 1,)
        +1 where the arc is walked from low to high point.
    """

    arcs: npt.NDArray[np.int32]
    triangles: npt.NDArray[np.int32]
    triangle_arcs: npt.NDArray[np.int32]
    triangle_signs: npt.NDArray[np.int8]
    dual_tail: npt.NDArray[np.int32]
    dual_head: npt.NDArray[np.int32]
    dual_offsets: npt.NDArray[np.int32]
    dual_arcs: npt.NDArray[np.int32]
    is_boundary: npt.NDArray[np.bool_]
    tree_point: npt.NDArray[np.int32]
    tree_parent: npt.NDArray[np.int32]
    tree_arc: npt.NDArray[np.int32]
    tree_sign: npt.NDArray[np.int8]

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self.tree_point) + 1

    @property
    def n_arcs(self) -> int:
        """Number of arcs."""
        return len(self.arcs)

    @property
    def n_triangles(self) -> int:
        """Number of triangles."""
        return len(self.triangles)


def incidence_lists(
    first: npt.NDArray[np.int32], second: npt.NDArray[np.int32], n_nodes: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Arcs at each node, compressed by rows.

    Parameters
    ----------
    first, second : ndarray of int32, (arc,)
        Nodes of each arc.
    n_nodes : int
        Number of nodes.

    Returns
    -------
    offsets : ndarray of int32, (node + 1,)
    arcs : ndarray of int32, (2 * arc,)
        Ascending within a node.
    """
    n_arcs = len(first)
    node = np.empty(2 * n_arcs, np.int32)
    node[0::2] = first
    node[1::2] = second
    order = np.argsort(node, kind="stable")
    offsets = np.zeros(n_nodes + 1, np.int32)
    np.cumsum(np.bincount(node, minlength=n_nodes), out=offsets[1:])
    return offsets, (order // 2).astype(np.int32)


def _jittered(points: npt.NDArray[np.float64], extent: float) -> npt.NDArray[np.float64]:
    # A recurrence such as multiples of the golden ratio shifts equally spaced points onto a line again.
    fraction = np.random.default_rng(len(points)).random(points.shape)
    shifted: npt.NDArray[np.float64] = points + JITTER * extent * (2.0 * fraction - 1.0)
    return shifted


def _triangles(points: npt.NDArray[np.float64], extent: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    shifted = _jittered(points, float(extent.max()))
    try:
        found = Delaunay(shifted).simplices.astype(np.int32)
    except QhullError as error:
        raise ArgumentError(
            f"`easting, northing` must span an area that can be triangulated, got {len(points)} points of extent "
            f"{extent[0]:.3g} m x {extent[1]:.3g} m; drop outlying points"
        ) from error
    corner = shifted[found]
    side, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    is_clockwise = side[:, 0] * other[:, 1] - side[:, 1] * other[:, 0] < 0
    found[is_clockwise, 1:] = found[is_clockwise, :0:-1]
    first = np.argmin(found, axis=1)[:, None]
    turned = np.take_along_axis(found, (first + np.arange(3)) % 3, axis=1)
    ordered: npt.NDArray[np.int32] = turned[np.lexsort((turned[:, 2], turned[:, 1], turned[:, 0]))]
    return ordered


def _checked(easting: npt.NDArray[np.float64], northing: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _check.shape((None,), easting=easting)
    _check.shape((len(easting),), northing=northing)
    _check.finite(easting=easting)
    _check.finite(northing=northing)
    if len(easting) < 2:
        raise ArgumentError(f"`easting` must hold at least 2 points to unwrap between, got {len(easting)}")
    order = np.lexsort((northing, easting))
    same = (np.diff(easting[order]) == 0) & (np.diff(northing[order]) == 0)
    if same.any():
        first = int(np.argmax(same))
        raise ArgumentError(
            f"`easting, northing` must be different for every point, got {int(same.sum())} duplicates "
            f"(points {order[first]} and {order[first + 1]}); drop one of each"
        )
    points = np.column_stack([easting, northing]).astype(np.float64)
    centred: npt.NDArray[np.float64] = points - points.mean(axis=0)
    return centred


def triangulate(easting: npt.NDArray[np.float64], northing: npt.NDArray[np.float64]) -> Triangulation:
    """Triangulate points (Delaunay), ties of a lattice broken by a small seeded shift.

    Parameters
    ----------
    easting, northing : ndarray of float64, (point,)
        Metric coordinates, m, finite, no two points the same. Points on one line are joined in a chain.

    Returns
    -------
    Triangulation

    Raises
    ------
    ArgumentError
        For fewer than two points, duplicates, or values that are not finite.
    """
    points = _checked(np.asarray(easting, np.float64), np.asarray(northing, np.float64))
    n = len(points)
    axes = np.linalg.svd(points.T @ points)[2]
    along = points @ axes.T
    extent = np.ptp(along, axis=0)
    if n < 3 or extent[1] <= _COLLINEAR * extent[0]:
        order = np.argsort(along[:, 0], kind="stable")
        triangles = np.empty((0, 3), np.int32)
        sides = np.column_stack([order[:-1], order[1:]]).astype(np.int64)
    else:
        triangles = _triangles(points, extent)
        ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2)
        sides = ends.reshape(-1, 2).astype(np.int64)
    return _assemble(n, triangles, sides)


def _assemble(n: int, triangles: npt.NDArray[np.int32], sides: npt.NDArray[np.int64]) -> Triangulation:
    low, high = sides.min(axis=1), sides.max(axis=1)
    key, inverse = np.unique(low * n + high, return_inverse=True)
    arcs = np.column_stack([key // n, key % n]).astype(np.int32)
    signs = np.where(sides[:, 0] == low, 1, -1).astype(np.int8)
    n_triangles, n_arcs = len(triangles), len(arcs)
    dual = np.full((2, n_arcs), n_triangles, np.int32)
    triangle_arcs = np.empty((0, 3), np.int32)
    triangle_signs = np.empty((0, 3), np.int8)
    if n_triangles:
        owner = np.repeat(np.arange(n_triangles, dtype=np.int32), 3)
        dual[(signs > 0).astype(np.int64), inverse] = owner
        triangle_arcs = inverse.reshape(-1, 3).astype(np.int32)
        triangle_signs = signs.reshape(-1, 3)
        if int(np.count_nonzero(dual < n_triangles)) != 3 * n_triangles:
            raise ArgumentError("`easting, northing` must give a plane triangulation, got overlapping triangles")
    dual_offsets, dual_arcs = incidence_lists(dual[0], dual[1], n_triangles + 1)
    offsets, node_arcs = incidence_lists(arcs[:, 0], arcs[:, 1], n)
    tree = spanning_tree(arcs, offsets, node_arcs, np.ones(n_arcs, bool), 0)
    if len(tree[0]) != n - 1:
        raise ArgumentError(
            f"`easting, northing` must be separable in double precision, got {n - 1 - len(tree[0])} points "
            "left out of the triangulation; drop points closer than a millionth of the extent"
        )
    return Triangulation(
        arcs,
        triangles,
        triangle_arcs,
        triangle_signs,
        dual[0],
        dual[1],
        dual_offsets,
        dual_arcs,
        (dual == n_triangles).any(axis=0),
        *tree,
    )
