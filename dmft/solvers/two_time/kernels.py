"""The compiled loops of the continuous-time solver: rows C(t,·) and R(t,·) from all rows before.

``memory[v, s]`` = Σ and ``noise[v, s]`` = D on the grid of times, both triangles filled with the same numbers, so
that sums over either argument run along rows. Sums are serial: the bits do not depend on threads.
Equation numbers are those of docs/theory/two_time.rst.
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
