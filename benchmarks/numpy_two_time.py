"""The two-time equations of the spherical p-spin model as plain NumPy: oracle of the tests, baseline of benchmarks.

Textbook form: Euler or Heun steps of both functions in the later time, trapezoidal or left sums over the history.
"""

from __future__ import annotations

import numpy as np


def slopes(n, h, p, temperature, C, R, heun):
    """∂_t C(t,·), ∂_t R(t,·), μ and energy at row n."""
    weight = np.full(n + 1, h)
    if heun:
        weight[0] *= 0.5
        weight[n] *= 0.5
    if n == 0:
        weight[:] = 0.0
    c, r = C[n, : n + 1], R[n, : n + 1]
    noise = 0.5 * p * c ** (p - 1)
    memory = 0.5 * p * (p - 1) * c ** (p - 2) * r
    energy = -(weight * noise * r).sum()
    mu = temperature - p * energy
    # ∫_s^t Σ(t,v) R(v,s) dv and ∫_0^s D(t,v) R(s,v) dv need half weights at v = s
    lower = np.tril(R[: n + 1, : n + 1])
    into = (weight * memory) @ lower
    driven = lower @ (weight * noise)
    if heun:
        end = np.arange(n + 1)
        inner = (end > 0) & (end < n)
        into -= np.where(inner, 0.5 * h * memory, 0.0)
        driven -= np.where(inner, 0.5 * h * noise, 0.0)
        into[n] = 0.0
        driven[0] = 0.0
    dC = -mu * c + (weight * memory) @ C[: n + 1, : n + 1] + driven
    dR = -mu * r + into
    return dC, dR, mu, energy


def march(p, temperature, t_max, steps, heun=True):
    """Energy (steps + 1,), C and R (steps + 1, steps + 1) by Heun's rule, or Euler's."""
    h = t_max / steps
    C, R = np.zeros((2, steps + 1, steps + 1))
    C[0, 0] = R[0, 0] = 1.0
    energy = np.zeros(steps + 1)
    for n in range(steps):
        dC, dR, _, energy[n] = slopes(n, h, p, temperature, C, R, heun)
        before, before_R = C[n, : n + 1].copy(), R[n, : n + 1].copy()
        _fill(C, R, n + 1, before + h * dC, before_R + h * dR)
        if heun:
            dC1, dR1, _, _ = slopes(n + 1, h, p, temperature, C, R, True)
            _fill(C, R, n + 1, before + 0.5 * h * (dC + dC1[:-1]), before_R + 0.5 * h * (dR + dR1[:-1]))
    energy[steps] = slopes(steps, h, p, temperature, C, R, heun)[3]
    return energy, C, R


def _fill(C, R, n, correlation, response):
    C[n, :n] = C[:n, n] = correlation
    R[n, :n] = response
    C[n, n] = R[n, n] = 1.0
