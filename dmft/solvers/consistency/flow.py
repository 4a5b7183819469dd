"""Two labels on a graph: the exact minimiser as a minimum cut.

That the ball of x has both labels is ``max − min`` over the ball, and costs p_x: two auxiliary nodes a_x ≥ all labels
of the ball ≥ b_x, and an edge a_x → b_x of capacity p_x (a hyperedge, cut or not as a whole; Lawler 1973). All
capacities are integers, so nothing is rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ParameterError
from ..memory import check_memory
from .graph import BallGraph, checked_costs

Array = np.ndarray
#: Capacities of SciPy's maximum flow are 32-bit integers.
LARGEST = 2**31 - 2


def minimise_by_flow(graph: BallGraph, costs: Any, penalties: Any) -> tuple[int, Array]:
    """Labels (n,) in {0, 1} that minimise ``Σ costs[x, label] + Σ penalties[x]·[x is inconsistent]``, and the minimum.

    Parameters
    ----------
    costs : ndarray (n, 2) of integers
    penalties : ndarray (n,) of integers

    Returns
    -------
    value : int
    labels : ndarray (n,)
        Of all minimisers the one with fewest labels 1, which is unique.

    Raises
    ------
    ParameterError
        If costs are not integers, or add up to more than 2³¹ − 2.
    MemoryLimitError

    Notes
    -----
    One maximum flow (Dinic) with 3n + 2 nodes and 2·(n + members of balls) + 2n edges; time grows a little faster than
    the number of edges.

    Examples
    --------
    >>> graph = BallGraph.from_edges([1, 5, 5, 5], [(0, 1), (1, 2), (2, 3)])
    >>> minimise_by_flow(graph, [[1, 0], [0, 5], [0, 5], [0, 5]], [1, 5, 5, 5])
    (1, array([0, 0, 0, 0]))
    """
    costs, penalties = checked_costs(graph, costs, penalties)
    if costs.shape[1] != 2:
        raise ParameterError(f"{costs.shape[1]} labels: a cut has two, for more try exhaustive.minimise_by_trial")
    base = costs.min(axis=1)
    off, on = (costs - base[:, None]).T  # what label 0, and label 1, cost more than the other
    # all labels 0, or all 1, cut nothing else: no minimum cut is larger
    most = int(min(off.sum(dtype=object), on.sum(dtype=object)))
    if most > LARGEST or int(max(off.max(), on.max())) > LARGEST:
        raise ParameterError(f"costs reach {most}: give integers that add up to at most {LARGEST}")
    check_memory(150.0 * (len(graph.members) + 2.0 * len(graph)), "try a smaller radius or fewer samples")
    high = _source_side(graph, off, on, np.minimum(penalties, most + 1), most + 1)
    labels = high[: len(graph)].astype(np.int64)
    return graph.cost(costs, penalties, labels), labels


def _source_side(graph: BallGraph, off: Array, on: Array, penalties: Array, infinite: int) -> Array:
    """Nodes (3n + 2,) that the source still reaches when the flow is largest."""
    from scipy import sparse
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    n = len(graph)
    every, source, sink = np.arange(n), 3 * n, 3 * n + 1
    centre, member = np.concatenate([graph.centres, every]), np.concatenate([graph.members, every])
    up, down, open_ = np.flatnonzero(off), np.flatnonzero(on), np.flatnonzero(penalties)
    parts = (  # from, to, capacity
        (np.full(len(up), source), up, off[up]),
        (down, np.full(len(down), sink), on[down]),
        (member, n + centre, np.full(len(centre), infinite)),
        (n + open_, 2 * n + open_, penalties[open_]),
        (2 * n + centre, member, np.full(len(centre), infinite)),
    )
    tail, head, capacity = (np.concatenate(items) for items in zip(*parts, strict=True))
    shape = (3 * n + 2, 3 * n + 2)
    network = sparse.csr_array((capacity.astype(np.int32), (tail, head)), shape=shape)
    left = network - maximum_flow(network, source, sink).flow
    left.eliminate_zeros()
    reached = np.zeros(3 * n + 2, dtype=bool)
    reached[breadth_first_order(left, source, return_predecessors=False)] = True
    return reached
