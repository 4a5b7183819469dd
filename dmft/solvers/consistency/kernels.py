"""The march of :mod:`.line`, compiled."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


@compiled
def march(costs, penalties, low, high, labels):
    """Minimum cost; the minimiser is written into `labels`; sums of integers are exact.

    Parameters
    ----------
    costs : (n, 2) of float64
    penalties : (n,) of float64
    low, high : (n + 1,) of int64
    labels : (n,) of int64, out
    """
    n = len(penalties)
    # before[t]: penalties of the samples before t
    before = np.empty(n + 1)
    before[0] = 0.0
    for x in range(n):
        before[x + 1] = before[x] + penalties[x]
    # the last change t' at which label s began: value there minus cost(s) up to there, …
    far = np.zeros(2)
    near = np.zeros(2)  # … and minus the penalties up to the end of its interval
    far_at = np.zeros(2, np.int64)
    near_at = np.zeros(2, np.int64)
    spent = np.zeros(2)
    came = np.zeros((n, 2), np.int64)
    value = np.zeros(2)
    for t in range(1, n):
        for s in range(2):
            spent[s] += costs[t - 1, s]
        for s in range(2):
            o = 1 - s
            apart = far[o] - before[low[t]]
            if apart <= near[o]:
                best, came[t, s] = apart, far_at[o]
            else:
                best, came[t, s] = near[o], near_at[o]
            value[s] = best + spent[o] + before[high[t]]
        for s in range(2):
            new = value[s] - spent[s]
            if new < far[s]:
                far[s], far_at[s] = new, t
            new -= before[high[t]]
            if new < near[s]:
                near[s], near_at[s] = new, t
    for s in range(2):
        spent[s] += costs[n - 1, s]
    s = 0 if far[0] + spent[0] <= far[1] + spent[1] else 1
    minimum = far[s] + spent[s]
    end = n
    at = far_at[s]
    while end > 0:
        for x in range(at, end):
            labels[x] = s
        end = at
        if end > 0:
            at = came[end, s]
            s = 1 - s
    return minimum
