"""Whole-interval Picard iteration of the same equations: what public DMFT codes do.

Guess C, R and m on the whole time square; draw fresh Gaussian fields with that C; run all paths; average K, M
and the drive; rebuild C, R and m; mix with the old ones; repeat. Two-cluster data, ridge, independent sampling.
"""

from __future__ import annotations

import numpy as np


def iterate(loss, *, alpha, delta, ridge, b, eta, steps, paths, seed, iterations=25, mixing=0.5, averaged=8):
    """Iterate and return magnetization, norm, correlation and response averaged over the last iterations."""
    rng = np.random.default_rng(seed)
    times, decay, width = steps + 1, 1.0 - eta * ridge, np.sqrt(delta)
    idle = decay ** np.arange(times)
    m, C = np.zeros(times), np.outer(idle, idle)
    R = np.tril(decay ** np.maximum(np.subtract.outer(np.arange(times), np.arange(times)) - 1.0, 0.0), -1)
    kept = []
    for iteration in range(iterations):
        K, M, drive = _paths(loss, alpha, delta, eta, b, m, C, R, paths, width, rng)
        new = _kernels(K, M, drive, decay, eta, alpha, C[0, 0])
        m, C, R = (mixing * fresh + (1.0 - mixing) * old for fresh, old in zip(new, (m, C, R), strict=True))
        if iteration >= iterations - averaged:
            kept.append(new)
    m, C, R = (np.mean([item[i] for item in kept], axis=0) for i in range(3))
    return {"magnetization": m, "norm": np.diagonal(C).copy(), "correlation": C, "response": R}


def _paths(loss, alpha, delta, eta, b, m, C, R, paths, width, rng):
    times = len(m)
    factor = np.linalg.cholesky(C + 1e-9 * np.trace(C) / times * np.eye(times))
    g = factor @ rng.standard_normal((times, paths))
    y = np.where(rng.random(paths) < 0.5, -1.0, 1.0)
    direction = y + width * rng.standard_normal(paths)
    sign = np.where(rng.random((times, paths)) < 0.5, -1.0, 1.0)
    force, slope, probed = (np.zeros((times, paths)) for _ in range(3))
    for t in range(times):
        r = m[t] * direction + width * (g[t] - width * eta * (R[t, :t] @ force[:t]))
        _, first, second = loss(y, r)
        s = rng.random(paths) < b
        force[t], slope[t] = s * first, s * second
        probed[t] = slope[t] * (sign[t] - delta * eta * (R[t, :t] @ probed[:t]))
    K = -alpha * delta * np.tril(probed @ sign.T / paths, -1) - alpha * delta * np.diag(slope.mean(1))
    M = alpha * delta * (force @ force.T) / paths
    return K, M, (force * direction).mean(1)


def _kernels(K, M, drive, decay, eta, alpha, start):
    times = len(drive)
    m, R, start_response = np.zeros(times), np.zeros((times, times)), np.zeros(times)
    start_response[0] = 1.0
    for t in range(times - 1):
        kernel = eta * K[t, : t + 1]
        kernel[t] += decay
        m[t + 1] = decay * m[t] - eta * alpha * drive[t]
        R[t + 1, : t + 1] = kernel @ R[: t + 1, : t + 1]
        R[t + 1, t] = 1.0
        start_response[t + 1] = kernel @ start_response[: t + 1]
    return m, start * np.outer(start_response, start_response) + eta**2 * (R @ M @ R.T), R
