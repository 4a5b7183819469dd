"""Gradient descent of a two-layer ReLU network, compiled."""

from __future__ import annotations

from ...solvers.compiled import compiled


@compiled
def descend(x, y, a, w, rate, steps, z, output):
    """`steps` steps on (1/n) Σ (f(x_i) − y_i)², f(x) = Σ_j a_j σ(w_j·x), in place; ``z`` (m, n) and ``output`` (n,)."""
    n, d = x.shape
    for _ in range(steps):
        output[:] = 0.0
        for j in range(a.shape[0]):
            for i in range(n):
                total = 0.0
                for k in range(d):
                    total += w[j, k] * x[i, k]
                z[j, i] = total
                if total > 0.0:
                    output[i] += a[j] * total
        for j in range(a.shape[0]):
            change = 0.0
            for i in range(n):
                if z[j, i] > 0.0:
                    pull = 2.0 * rate / n * (y[i] - output[i])
                    change += pull * z[j, i]
                    for k in range(d):
                        w[j, k] += pull * a[j] * x[i, k]
            a[j] += change
