"""Two-time functions of a march from their factors."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


@compiled
def gram(factor, scale, out):
    """``out[t, s] = scale Σ_k factor[t, k] factor[s, k]``: symmetric and positive semidefinite; four k at a time.

    A factor begins with zeros where its column came later than its row: those are left out.
    """
    transposed = factor.T.copy()
    times, rank = out.shape[0], factor.shape[1]
    whole = rank // 4 * 4
    first = np.full(rank, times)  # the row before which this column and all later ones are 0
    for k in range(rank - 1, -1, -1):
        if k + 1 < rank:
            first[k] = first[k + 1]
        for s in range(first[k]):
            if transposed[k, s] != 0.0:
                first[k] = s
                break
    for t in range(times):
        row, size = out[t, : t + 1], t + 1
        for s in range(size):
            row[s] = 0.0
        for k in range(0, whole, 4):
            w0, w1, w2, w3 = factor[t, k], factor[t, k + 1], factor[t, k + 2], factor[t, k + 3]
            r0, r1 = transposed[k, first[k] : size], transposed[k + 1, first[k] : size]
            r2, r3 = transposed[k + 2, first[k] : size], transposed[k + 3, first[k] : size]
            part = row[first[k] :]
            for s in range(part.shape[0]):
                part[s] += w0 * r0[s] + w1 * r1[s] + w2 * r2[s] + w3 * r3[s]
        for k in range(whole, rank):
            w0, r0, part = factor[t, k], transposed[k, first[k] : size], row[first[k] :]
            for s in range(part.shape[0]):
                part[s] += w0 * r0[s]
        for s in range(size):
            row[s] *= scale
            out[s, t] = row[s]
