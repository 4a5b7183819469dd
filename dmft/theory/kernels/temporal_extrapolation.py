"""Right side, Jacobian and stochastic steps of linear recurrent networks, compiled by Numba.

State y = (A row by row, B, C, q), q the integral of 2 Σ j r_j m_j. Shared numbers: d, k, targets μ_0 … μ_{k−1}.
Equation numbers are those of docs/theory/temporal_extrapolation.rst.
"""

from __future__ import annotations

import numpy as np

from ...solvers.compiled import compiled
from ...solvers.flow.callbacks import jacobian, right_side


@compiled
def powers(y, d, count, U, V):
    """Rows U_j = CA^j and V_j = A^jB for j < count."""
    nb = d * d
    for i in range(d):
        V[0, i] = y[nb + i]
        U[0, i] = y[nb + d + i]
    for j in range(1, count):
        for i in range(d):
            total = 0.0
            for e in range(d):
                total += y[i * d + e] * V[j - 1, e]
            V[j, i] = total
            U[j, i] = 0.0
        for i in range(d):
            for e in range(d):
                U[j, e] += U[j - 1, i] * y[i * d + e]


@compiled
def add_gradient(d, count, slope, U, V, factor, out):
    """Add factor · Σ_j slope_j ∂m_j/∂(A, B, C) to out: eq. (3), with Σ_{q<j} as products of Hankel form."""
    nb = d * d
    row = np.empty(d)
    for q in range(count - 1):
        for i in range(d):
            row[i] = 0.0
        for p in range(count - 1 - q):
            g = factor * slope[q + p + 1]
            for i in range(d):
                row[i] += g * V[p, i]
        for i in range(d):
            for e in range(d):
                out[i * d + e] += U[q, i] * row[e]
    for j in range(count):
        g = factor * slope[j]
        for i in range(d):
            out[nb + i] += g * U[j, i]
            out[nb + d + i] += g * V[j, i]


@compiled
def residuals(d, count, data, U, V, r):
    """r_j = m_j − μ_j."""
    for j in range(count):
        total = 0.0
        for i in range(d):
            total += U[0, i] * V[j, i]
        r[j] = total - data[2 + j]


@right_side
def descent(t, y, parameters, data, out):
    """Gradient flow of eq. (2)."""
    d, k = int(data[0]), int(data[1])
    U, V, r = np.empty((k, d)), np.empty((k, d)), np.empty(k)
    powers(y, d, k, U, V)
    residuals(d, k, data, U, V, r)
    n = d * d + 2 * d
    for i in range(n):
        out[i] = 0.0
    add_gradient(d, k, r, U, V, -1.0, out)
    total = 0.0
    for j in range(1, k):
        total += 2.0 * j * r[j] * (r[j] + data[2 + j])
    out[n] = total


@compiled
def moved_powers(y, d, count, axis, U, V, dU, dV):
    """Derivatives of U and V with respect to component `axis` of the state."""
    nb = d * d
    for j in range(count):
        for i in range(d):
            dU[j, i] = 0.0
            dV[j, i] = 0.0
    if axis >= nb + d:
        dU[0, axis - nb - d] = 1.0
    elif axis >= nb:
        dV[0, axis - nb] = 1.0
    for j in range(1, count):
        if axis < nb + d:  # V knows nothing of C
            for i in range(d):
                total = 0.0
                for e in range(d):
                    total += y[i * d + e] * dV[j - 1, e]
                dV[j, i] = total
        if axis < nb or axis >= nb + d:
            for i in range(d):
                for e in range(d):
                    dU[j, e] += dU[j - 1, i] * y[i * d + e]
        if axis < nb:
            i, e = axis // d, axis % d
            dV[j, i] += V[j - 1, e]
            dU[j, e] += U[j - 1, i]


@compiled
def add_moved(d, count, r, U, V, dU, dV, out):
    """Subtract Σ_j r_j (the change of ∂m_j/∂(A, B, C)) from out."""
    nb = d * d
    row, moved = np.empty(d), np.empty(d)
    for q in range(count - 1):
        for i in range(d):
            row[i] = 0.0
            moved[i] = 0.0
        for p in range(count - 1 - q):
            g = r[q + p + 1]
            for i in range(d):
                row[i] += g * V[p, i]
                moved[i] += g * dV[p, i]
        for i in range(d):
            for e in range(d):
                out[i * d + e] -= dU[q, i] * row[e] + U[q, i] * moved[e]
    for j in range(count):
        for i in range(d):
            out[nb + i] -= r[j] * dU[j, i]
            out[nb + d + i] -= r[j] * dV[j, i]


@jacobian
def curvature(t, y, parameters, data, out):
    """The Jacobian of :func:`descent`, exact: its derivative along every component of the state."""
    d, k = int(data[0]), int(data[1])
    n = d * d + 2 * d
    U, V, r = np.empty((k, d)), np.empty((k, d)), np.empty(k)
    dU, dV, dr, column = np.empty((k, d)), np.empty((k, d)), np.empty(k), np.empty(n)
    powers(y, d, k, U, V)
    residuals(d, k, data, U, V, r)
    for axis in range(n):
        moved_powers(y, d, k, axis, U, V, dU, dV)
        for j in range(k):
            total = 0.0
            for i in range(d):
                total += dU[0, i] * V[j, i] + U[0, i] * dV[j, i]
            dr[j] = total
        for i in range(n):
            column[i] = 0.0
        add_gradient(d, k, dr, U, V, -1.0, column)
        add_moved(d, k, r, U, V, dU, dV, column)
        total = 0.0
        for j in range(1, k):
            total += 2.0 * j * dr[j] * (2.0 * r[j] + data[2 + j])
        for i in range(n):
            out[i, axis] = column[i]
        out[n, axis] = total
    for i in range(n + 1):
        out[i, n] = 0.0


@compiled
def stochastic_steps(y, d, k, sequences, labels, rate, largest):
    """SGD in place on ``sequences`` (steps, batch, k), latest entry first, with ``labels`` (steps, batch): eq. (7).

    Returns the number of steps done before a weight left the float range.
    """
    n = d * d + 2 * d
    U, V, m, slope, change = np.empty((k, d)), np.empty((k, d)), np.empty(k), np.empty(k), np.empty(n)
    batch = sequences.shape[1]
    for step in range(sequences.shape[0]):
        powers(y, d, k, U, V)
        for j in range(k):
            total = 0.0
            for i in range(d):
                total += U[0, i] * V[j, i]
            m[j] = total
            slope[j] = 0.0
        for b in range(batch):
            error = -labels[step, b]
            for j in range(k):
                error += m[j] * sequences[step, b, j]
            for j in range(k):
                slope[j] += error * sequences[step, b, j] / batch
        for i in range(n):
            change[i] = 0.0
        add_gradient(d, k, slope, U, V, -rate, change)
        for i in range(n):
            if not abs(y[i] + change[i]) < largest:
                return step
        for i in range(n):
            y[i] += change[i]
    return sequences.shape[0]
