"""Solvers of the integer flow that makes arc gradients consistent."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError, SubsideError
from subside.kernels.flow import quadratic_flow
from subside.ops.triangulation import Triangulation

I32 = npt.NDArray[np.int32]


class FlowSolver(Protocol):
    """Finds the integer flow of least ``sum(weight * flow**2 + offset * flow)``."""

    def solve(self, triangulation: Triangulation, *, weight: I32, offset: I32, supply: I32) -> I32:
        """Solve on the dual graph.

        Parameters
        ----------
        triangulation : Triangulation
            Its dual graph carries the flow.
        weight, offset : ndarray of int32, (arc,)
            ``weight >= 1``, ``abs(offset) <= weight``.
        supply : ndarray of int32, (triangle,)
            Curl of the gradients, cycles; the ground takes what remains.

        Returns
        -------
        ndarray of int32, (arc,)
            Cycles to add to the gradient of each arc, from its low to its high point.
        """


def objective(flow: I32, weight: I32, offset: I32) -> int:
    """Cost of a flow, ``sum(weight * flow**2 + offset * flow)``, as an exact integer."""
    f = flow.astype(np.int64)
    return int(np.sum(weight * f * f + offset * f))


def _with_ground(supply: I32) -> I32:
    balanced: I32 = np.append(supply, -supply.sum(dtype=np.int64)).astype(np.int32)
    return balanced


def _check_costs(weight: I32, offset: I32) -> None:
    if np.any(weight < 1) or np.any(np.abs(offset.astype(np.int64)) > weight):
        raise ArgumentError("`weight, offset` must satisfy weight >= 1 and abs(offset) <= weight")


class ShortestPathSolver:
    """Successive shortest paths with convex costs (exact; the production solver)."""

    def solve(self, triangulation: Triangulation, *, weight: I32, offset: I32, supply: I32) -> I32:
        """See :meth:`FlowSolver.solve`."""
        _check_costs(weight, offset)
        t = triangulation
        flow: I32
        flow, is_feasible = quadratic_flow(
            t.dual_tail, t.dual_head, weight, offset, _with_ground(supply), t.dual_offsets, t.dual_arcs
        )
        if not is_feasible:
            raise SubsideError("the curl of the arc gradients cannot be balanced: the triangulation is not connected")
        return flow


class OrToolsSolver:
    """The same flow by Google OR-tools' network solver, each convex cost a stack of unit arcs (the reference)."""

    def solve(self, triangulation: Triangulation, *, weight: I32, offset: I32, supply: I32) -> I32:
        """See :meth:`FlowSolver.solve`."""
        _check_costs(weight, offset)
        levels = 4
        while True:
            flow = self._solve_levels(triangulation, weight, offset, _with_ground(supply), levels)
            if flow is not None and int(np.abs(flow).max(initial=0)) < levels:
                return flow
            levels *= 4

    def _solve_levels(self, t: Triangulation, weight: I32, offset: I32, supply: I32, levels: int) -> I32 | None:
        from ortools.graph.python import min_cost_flow

        solver = min_cost_flow.SimpleMinCostFlow()
        step = np.arange(levels, dtype=np.int64)
        w, o = weight.astype(np.int64)[:, None], offset.astype(np.int64)[:, None]
        cost = np.stack([w * (2 * step + 1) + o, w * (2 * step + 1) - o])
        tail = np.repeat(np.stack([t.dual_tail, t.dual_head]), levels)
        head = np.repeat(np.stack([t.dual_head, t.dual_tail]), levels)
        arcs = solver.add_arcs_with_capacity_and_unit_cost(tail, head, np.ones(cost.size, np.int64), cost.ravel())
        solver.set_nodes_supplies(np.arange(len(supply)), supply.astype(np.int64))
        status = solver.solve()
        if status == solver.INFEASIBLE:
            return None
        if status != solver.OPTIMAL:
            raise SubsideError(f"the reference flow solver stopped with status {status}")
        used = np.asarray(solver.flows(arcs), np.int64).reshape(2, t.n_arcs, levels).sum(axis=2)
        flow: I32 = (used[0] - used[1]).astype(np.int32)
        return flow
