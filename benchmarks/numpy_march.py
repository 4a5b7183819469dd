"""The same equations as plain vectorised NumPy: oracle of the tests, baseline of the benchmarks.

Textbook form: pseudo-random paths, one ±1 probe a path, Cholesky rows of C, history sums as BLAS products.
Two-cluster or teacher data with the ridge; independent sampling.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular


def logistic(y, r):
    """ℓ, ∂ℓ/∂r, ∂²ℓ/∂r² of ln(1 + e^{−yr})."""
    p = 1.0 / (1.0 + np.exp(np.clip(y * r, -500, 500)))
    return np.logaddexp(0.0, -y * r), -y * p, p * (1.0 - p)


def hinge2(y, r, kappa=0.0):
    """ℓ, ∂ℓ/∂r, ∂²ℓ/∂r² of ½(κ − yr)²θ(κ − yr)."""
    gap = np.maximum(kappa - y * r, 0.0)
    return 0.5 * gap**2, -y * gap, (gap > 0.0) * 1.0


def regression(y, r):
    """ℓ, ∂ℓ/∂r, ∂²ℓ/∂r² of ½(r − y)²."""
    return 0.5 * (r - y) ** 2, r - y, np.ones_like(r)


def march(loss, *, alpha, delta, ridge, b, eta, steps, paths, seed, m0=0.0, r0=1.0, teacher_noise=None):
    """March once and return a dict with magnetization, norm, train_loss, correlation, response."""
    rng = np.random.default_rng(seed)
    times = steps + 1
    u = rng.standard_normal(paths)
    if teacher_noise is None:
        y = c = np.where(rng.random(paths) < 0.5, -1.0, 1.0)
    else:
        c, y = np.zeros(paths), u + np.sqrt(teacher_noise) * rng.standard_normal(paths)
    direction, width = c + np.sqrt(delta) * u, np.sqrt(delta)
    z = rng.standard_normal((times, paths))
    sign = np.where(rng.random((times, paths)) < 0.5, -1.0, 1.0)
    force, probed = np.zeros((times, paths)), np.zeros((times, paths))
    C, R, K, M = (np.zeros((times, times)) for _ in range(4))
    L = np.zeros((times, times))
    m, train = np.zeros(times), np.zeros(times)
    m[0], C[0, 0] = m0, r0
    decay = 1.0 - eta * ridge
    for t in range(times):
        if t:
            L[t, :t] = solve_triangular(L[:t, :t], C[t, :t], lower=True)
        L[t, t] = np.sqrt(max(C[t, t] - L[t, :t] @ L[t, :t], 1e-8 * C[t, t]))  # the usual jitter
        g = L[t, : t + 1] @ z[: t + 1]
        h = g - width * eta * (R[t, :t] @ force[:t])
        r = m[t] * direction + width * h
        value, first, second = loss(y, r)
        s = rng.random(paths) < b
        train[t] = value.mean()
        force[t] = s * first
        probe = sign[t] - delta * eta * (R[t, :t] @ probed[:t])
        probed[t] = s * second * probe
        M[t, : t + 1] = M[: t + 1, t] = alpha * delta * (force[: t + 1] @ force[t]) / paths
        K[t, :t] = -alpha * delta * (sign[:t] @ probed[t]) / paths
        K[t, t] = -alpha * delta * (s * second).mean()
        if t == steps:
            break
        m[t + 1] = decay * m[t] - eta * alpha * (force[t] * direction).mean()
        R[t + 1, :t] = decay * R[t, :t] + eta * (K[t, : t + 1] @ R[: t + 1, :t])
        R[t + 1, t] = 1.0
        C[t + 1, : t + 1] = decay * C[t, : t + 1] + eta * (K[t, : t + 1] @ C[: t + 1, : t + 1])
        C[t + 1, : t + 1] += eta**2 * (R[: t + 1, : t + 1] @ M[t, : t + 1])
        C[: t + 1, t + 1] = C[t + 1, : t + 1]
        C[t + 1, t + 1] = decay * C[t, t + 1] + eta * (K[t, : t + 1] @ C[: t + 1, t + 1])
        C[t + 1, t + 1] += eta**2 * (M[t, : t + 1] @ R[t + 1, : t + 1])
    return {"magnetization": m, "norm": np.diagonal(C).copy(), "train_loss": train, "correlation": C, "response": R}
