"""The compiled loops of the march on a uniform grid and of the exact recursion: new rows from all rows before.

Uniform grid: ``memory[v, s]`` = Σ and ``noise[v, s]`` = D on the grid of times, both triangles filled with the same
numbers, so that sums over either argument run along rows; equation numbers are those of docs/theory/two_time.rst.
Recursion in discrete time, for a square loss of Gaussian random functions with any polynomial covariance h: all
arrays are (T+1, T+1); equation numbers are those of docs/theory/sgd_random_functions.rst.
Sums are serial: the bits do not depend on threads.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

#: Rows before the current one from which its correlation is extrapolated.
HISTORY = 5


@compiled
def polynomial(coefficients, x):
    """``Σ_k coefficients[k] x^k`` by Horner's rule."""
    total = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        total = total * x + coefficients[k]
    return total


@compiled
def add_row(weight, row, out):
    """``out += weight row``."""
    for i in range(out.shape[0]):
        out[i] += weight * row[i]


@compiled
def extrapolate(n, past, row):
    """First guess of C(n,·): a polynomial through the last rows, ``past[k]`` = C(n−1−k,·).

    Smooth at equal distance from the diagonal; close to s = 0, where those values end, at equal s.
    """
    for s in range(n + 1):
        along = s >= HISTORY or n < 2 * HISTORY
        order = max(1, min(HISTORY, s)) if along else HISTORY
        weight, total = 1.0, 0.0
        for k in range(order):
            weight *= (order - k) / (k + 1.0)  # binomial coefficients with changing sign
            total += (weight if k % 2 == 0 else -weight) * past[k, s - 1 - k if along and s else s]
        row[s] = total


@compiled
def response_row(n, h, temperature, drag, noise_law, memory_law, memory, correlation, response, work):
    """R(n,·) and μ(n) for a given C(n,·), backward in s from R(n,n) = 1: eqs. (5) and (7) of two_time.

    The row is (1 − hμ(n)/2) times a row ρ that does not contain μ(n), so μ(n) follows without iteration.
    """
    sums = work
    sums[:n] = 0.0
    half = 0.5 * h
    before = 1.0
    slope = 0.0
    for s in range(n - 1, -1, -1):
        local = drag[s] - half * (memory[s, s] + polynomial(memory_law, correlation[s]))
        value = (before + half * (slope + h * sums[s])) / (1.0 + half * local)
        response[s] = value
        before = value
        slope = -local * value + h * sums[s]
        add_row(value, memory[s, :s], sums[:s])
    total = 0.0
    for s in range(n):
        c = correlation[s]
        part = (polynomial(memory_law, c) * c + polynomial(noise_law, c)) * response[s]
        total += 0.5 * part if s == 0 else part
    c = correlation[n]
    end = half * (polynomial(memory_law, c) * c + polynomial(noise_law, c)) if n else 0.0
    total *= h
    drag[n] = (temperature + total + end) / (1.0 + half * total)
    for s in range(n):
        response[s] *= 1.0 - half * drag[n]
    response[n] = 1.0


@compiled
def correlation_row(n, h, temperature, drag, noise_law, memory_law, memory, noise, correlation, response, work):
    """C(n,·) for given R(n,·) and μ(n), forward in s from C(n,0) = R(n,0): eq. (6) of two_time.

    Returns the largest change of the row. Where the right side needs C(n,s) ahead of the sweep, in D(s,n), it
    takes the old value; its weight is h²/4.
    """
    half = 0.5 * h
    driven, sums = work[0], work[1]
    driven[:n] = 0.0
    sums[: n + 1] = 0.0
    for v in range(n):
        add_row(0.5 * response[v] if v == 0 else response[v], noise[v, :n], driven[:n])
    for s in range(n):
        driven[s] += 0.5 * polynomial(noise_law, correlation[s])
    own = 0.0
    for v in range(n + 1):
        part = polynomial(noise_law, correlation[v]) * response[v]
        own += 0.5 * part if v == 0 or v == n else part
    driven[n] = own
    largest = 0.0
    before = slope = 0.0
    for s in range(n + 1):
        inside = s > 0
        if s < n:
            diagonal = memory[s, s]
        else:
            diagonal = polynomial(memory_law, correlation[n])
            total = 0.0
            for v in range(n):
                part = polynomial(memory_law, correlation[v]) * response[v] * correlation[v]
                total += 0.5 * part if v == 0 else part
            sums[n] = total
        local = drag[s] - (half * diagonal if inside else 0.0)
        source = h * (sums[s] + driven[s]) + 2.0 * temperature * response[s]
        value = (before + half * (slope + source)) / (1.0 + half * local) if inside else response[0]
        change = abs(value - correlation[s])
        if not change <= largest:
            largest = change
        correlation[s] = value
        before = value
        slope = source - local * value
        if s < n:
            add_row(value if inside else 0.5 * value, memory[s, s + 1 : n], sums[s + 1 : n])
    return largest


@compiled
def advance(n, h, temperature, drag, noise_law, memory_law, memory, noise, past, rows, work, tolerance, most):
    """Row n: iterate response and correlation until C changes by less than `tolerance`, then fill Σ, D.

    ``rows[0]`` and ``rows[1]`` receive C(n,·) and R(n,·), ``past`` is moved on.

    Returns
    -------
    sweeps : int
    change : float
        Of C in the last sweep; NaN if the row left the float range.
    driven : float
        ``∫ D(t,v) R(t,v) dv``.
    """
    correlation, response = rows[0], rows[1]
    extrapolate(n, past, correlation)
    sweeps, change = 0, np.inf
    while change > tolerance and sweeps < most:
        response_row(n, h, temperature, drag, noise_law, memory_law, memory, correlation, response, work[0])
        change = correlation_row(
            n, h, temperature, drag, noise_law, memory_law, memory, noise, correlation, response, work
        )
        sweeps += 1
    driven = 0.0
    for s in range(n + 1):
        d = polynomial(noise_law, correlation[s])
        m = polynomial(memory_law, correlation[s]) * response[s]
        noise[n, s] = noise[s, n] = d
        memory[n, s] = memory[s, n] = m
        driven += 0.5 * d * response[s] if s == 0 or s == n else d * response[s]
    for k in range(HISTORY - 1, 0, -1):
        past[k, :n] = past[k - 1, :n]
    past[0, : n + 1] = correlation[: n + 1]
    return sweeps, change, h * driven if n else 0.0


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
