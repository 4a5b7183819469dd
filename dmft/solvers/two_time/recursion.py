"""Compiled exact recursion in discrete time for a square loss of Gaussian random functions; no sampling.

Works for any polynomial covariance h. All arrays are (T+1, T+1), row t from rows before; equation numbers are those
of docs/theory/sgd_random_functions.rst.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


@compiled
def polynomial(coefficients, x):
    """``Σ_k coefficients[k] x^k`` by Horner's rule."""
    total = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        total = total * x + coefficients[k]
    return total


@compiled
def residual_row(
    t, step, mean, square, label_noise, laws, overlap, correlation, response, inverse, field, forces, fresh
):
    """Row t of ρ (`inverse`), S (`field`) and B (`forces`), and the mean squared residual: eqs. (4) to (7).

    ``laws`` holds the coefficients of h, h' and h''; `mean` and `square` are moments of the batch variable.
    `fresh` is working space that receives row t of G.
    """
    for v in range(t):
        full = correlation[t, v] + overlap[t] * overlap[v]
        field[t, v] = polynomial(laws[1], full) * response[t, v]
    inverse[t, : t + 1] = 0.0
    inverse[t, t] = 1.0
    for v in range(t):
        weight = -step * mean * field[t, v]
        for s in range(v + 1):
            inverse[t, s] += weight * inverse[v, s]
    here = polynomial(laws[0], overlap[t])
    own = polynomial(laws[0], 1.0) + label_noise
    for s in range(t + 1):
        full = correlation[t, s] + overlap[t] * overlap[s]
        fresh[s] = polynomial(laws[0], full) - here - polynomial(laws[0], overlap[s]) + own
    loss = 0.0
    for s in range(t + 1):
        crossed = 0.0
        for v in range(s + 1):
            crossed += inverse[s, v] * fresh[v]
        if s == t:
            loss += crossed
            break
        felt = mean * crossed
        for v in range(t):
            felt -= step * field[t, v] * forces[v, s]
        loss -= step * field[t, s] * felt
        forces[t, s] = forces[s, t] = mean * felt
    forces[t, t] = square * loss
    return loss


@compiled
def kernel_row(t, step, load, mean, laws, overlap, correlation, response, inverse, forces, memory, noise):
    """Row t of the memory kernel K and of the noise covariance M: eqs. (8) and (9). Returns the teacher's pull."""
    pull = 0.0
    for s in range(t + 1):
        full = correlation[t, s] + overlap[t] * overlap[s]
        first = polynomial(laws[1], full)
        memory[t, s] = -load * mean * inverse[t, s] * first
        if s < t:
            memory[t, s] += load * step * forces[t, s] * polynomial(laws[2], full) * response[t, s]
        noise[t, s] = noise[s, t] = load * forces[t, s] * first
        pull += inverse[t, s]
    return load * mean * pull * polynomial(laws[1], overlap[t])


@compiled
def next_row(t, step, decay, pull, sphere, overlap, correlation, response, memory, noise):
    """Row t+1 of R, C and m: eqs. (10) to (12). Returns the full squared norm before any rescaling."""
    kernel = step * memory[t, : t + 1]
    kernel[t] += decay
    gain = response[t + 1]
    row = correlation[t + 1]
    moved = 0.0
    for v in range(t + 1):
        weight = kernel[v]
        for s in range(v):
            gain[s] += weight * response[v, s]
        for s in range(t + 1):
            row[s] += weight * correlation[v, s]
        moved += weight * overlap[v]
    gain[t] = 1.0
    for s in range(t + 1):
        total = 0.0
        for v in range(s):
            total += noise[t, v] * response[s, v]
        row[s] += step * step * total
    norm = 0.0
    for v in range(t + 1):
        norm += kernel[v] * row[v] + step * step * noise[t, v] * gain[v]
    row[t + 1] = norm
    overlap[t + 1] = moved + step * pull
    norm += overlap[t + 1] ** 2
    if sphere:
        shrink = 1.0 / np.sqrt(norm)
        overlap[t + 1] *= shrink
        for s in range(t + 1):
            gain[s] *= shrink
            row[s] *= shrink
        row[t + 1] *= shrink * shrink
    for s in range(t + 1):
        correlation[s, t + 1] = row[s]
    return norm
