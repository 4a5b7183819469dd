"""Two labels on a line: the exact minimiser by dynamic programming over the places where the label changes.

A change between two neighbours makes an interval of samples inconsistent, and both ends of these intervals grow from
left to right. So the cost of one more change depends on the last one alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ParameterError
from ..memory import check_memory

Array = np.ndarray
#: Up to here all integers are exact in float64.
LARGEST = 2**53


def minimise_on_line(costs: Any, penalties: Any, low: Any, high: Any) -> tuple[int | float, Array]:
    """Labels (n,) in {0, 1} that minimise ``Σ costs[x, label] + Σ penalties[x]·[x is inconsistent]``, and the minimum.

    Parameters
    ----------
    costs : ndarray (n, 2)
    penalties : ndarray (n,)
        Integers that add up to at most 2⁵³ are exact; real numbers are summed in float64.
    low, high : ndarray (n + 1,) of int
        A change of the label between the samples t − 1 and t makes those from ``low[t]`` to ``high[t] − 1``
        inconsistent. Both must not decrease; see :func:`balls_of_points` and :func:`balls_of_cells`.

    Returns
    -------
    value : int or float
    labels : ndarray (n,)

    Raises
    ------
    ParameterError, MemoryLimitError

    Notes
    -----
    O(n) in time and memory: a sample in the intervals of two changes is paid once, as
    ``max(high of the last, low of this)`` is where the new part begins, and minus a maximum is the smaller of two
    running minima.

    Examples
    --------
    >>> import numpy as np
    >>> costs = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
    >>> minimise_on_line(costs, np.ones(4, dtype=int), *balls_of_cells(4, 1))
    (1, array([0, 0, 0, 0]))
    """
    from .kernels import march

    costs, penalties = np.asarray(costs), np.asarray(penalties)
    n = len(costs)
    if costs.shape != (n, 2) or penalties.shape != (n,) or not n:
        raise ParameterError(f"costs {costs.shape}, penalties {penalties.shape}: give (n, 2) and (n,) with n >= 1")
    low, high = (np.asarray(part, dtype=np.int64) for part in (low, high))
    if low.shape != (n + 1,) or high.shape != (n + 1,) or (np.diff(low) < 0).any() or (np.diff(high) < 0).any():
        raise ParameterError(f"low {low.shape}, high {high.shape}: give ({n + 1},) numbers that do not decrease")
    if (low < 0).any() or (high < low).any() or high[-1] > n:
        raise ParameterError(f"intervals must lie within 0 to {n}: give 0 <= low <= high <= {n}")
    check_memory(120.0 * n, "try fewer samples")
    exact = np.issubdtype(costs.dtype, np.integer) and np.issubdtype(penalties.dtype, np.integer)
    costs, penalties = (part.astype(np.float64) for part in (costs, penalties))
    if exact and not costs.max(axis=1).sum() + penalties.sum() <= LARGEST:
        raise ParameterError(f"costs and penalties add up to more than {LARGEST}: give smaller integers")
    for name, part in (("costs", costs), ("penalties", penalties)):
        if not (np.isfinite(part).all() and (part >= 0).all()):
            raise ParameterError(f"{name} must be finite and not negative")
    labels = np.empty(n, dtype=np.int64)
    value = march(np.ascontiguousarray(costs), penalties, low, high, labels)
    return (int(value) if exact else float(value)), labels


def balls_of_points(points: Array, radius: float) -> tuple[Array, Array]:
    """The intervals of :func:`minimise_on_line` for sorted points (n,), in each other's ball up to `radius` apart."""
    points = np.asarray(points, dtype=np.float64)
    low, high = np.zeros(len(points) + 1, dtype=np.int64), np.full(len(points) + 1, len(points), dtype=np.int64)
    low[1:-1] = np.searchsorted(points, points[1:] - radius, side="left")
    high[1:-1] = np.searchsorted(points, points[:-1] + radius, side="right")
    low[-1], high[0] = len(points), 0
    return low, np.maximum(low, high)  # neighbours further apart than 2r: nobody sees both


def balls_of_cells(cells: int, reach: int) -> tuple[Array, Array]:
    """The same for cells of equal width, in each other's ball up to `reach` cells apart."""
    change = np.arange(cells + 1, dtype=np.int64)
    low, high = np.maximum(change - reach, 0), np.minimum(change + reach, cells)
    high[0], low[-1] = 0, cells
    return low, high


def inconsistent_on_line(labels: Array, low: Array, high: Array) -> Array:
    """Samples (n,) that the changes of `labels` make inconsistent."""
    changes = np.flatnonzero(np.diff(labels)) + 1
    depth = np.zeros(len(labels) + 1, dtype=np.int64)
    np.add.at(depth, low[changes], 1)
    np.add.at(depth, high[changes], -1)
    return np.asarray(np.cumsum(depth[:-1]) > 0)
