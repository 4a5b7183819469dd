"""Two-time functions of a march from their factors."""

from __future__ import annotations

from ..compiled import compiled


@compiled
def gram(factor, scale, out):
    """``out[t, s] = scale Σ_k factor[t, k] factor[s, k]``: symmetric and positive semidefinite; four k at a time."""
    transposed = factor.T.copy()
    rank = factor.shape[1]
    whole = rank // 4 * 4
    for t in range(out.shape[0]):
        row, size = out[t, : t + 1], t + 1
        for s in range(size):
            row[s] = 0.0
        for k in range(0, whole, 4):
            w0, w1, w2, w3 = factor[t, k], factor[t, k + 1], factor[t, k + 2], factor[t, k + 3]
            r0, r1, r2, r3 = transposed[k], transposed[k + 1], transposed[k + 2], transposed[k + 3]
            for s in range(size):
                row[s] += w0 * r0[s] + w1 * r1[s] + w2 * r2[s] + w3 * r3[s]
        for k in range(whole, rank):
            w0, r0 = factor[t, k], transposed[k]
            for s in range(size):
                row[s] += w0 * r0[s]
        for s in range(size):
            row[s] *= scale
            out[s, t] = row[s]
