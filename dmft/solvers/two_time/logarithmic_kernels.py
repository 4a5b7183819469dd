"""The compiled loops of the logarithmic grid: one row of C and R as the root of a dense system, and its Jacobian.

Row n is ``C[n, i]`` = C(tₙ, θᵢ tₙ). Between rows functions are interpolated at equal θ, along a row in the variable in
which the θᵢ are evenly spaced. Sums are serial: the bits do not depend on threads. Equation numbers are those of
docs/theory/two_time.rst.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


@compiled
def law(coefficients, x):
    """A polynomial and its derivative."""
    value = slope = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        slope = slope * x + value
        value = value * x + coefficients[k]
    return value, slope


@compiled
def weights_at(position, length, scale, out):
    """Weights of the values at the whole numbers around `position` in a table of `length`; returns the first one.

    ``scale[j]`` = 1/Π_{k≠j} (j − k), the constant part of Lagrange's polynomials; as many values as it has.
    """
    count = scale.shape[0]
    first = min(max(int(position) - count // 2 + 1, 0), length - count)
    x, product = position - first, 1.0
    for j in range(count):
        out[j] = product * scale[j]
        product *= x - j
    product = 1.0
    for j in range(count - 1, -1, -1):
        out[j] *= product
        product *= x - j
    return first


@compiled
def row_position(t, start, spacing):
    """Where time t lies between the rows."""
    return np.log1p(t / start) / spacing


@compiled
def history(n, t, start, spacing, theta, later, ratio, row_scale, scale, C, R, drag, known, inner, outer):
    """What the rows before n give to the integrals of row n; the weights of row n itself stay open.

    Parameters
    ----------
    later, ratio : ndarray, (M + 1, M + 1)
        v/t of the nodes v between s and t, and the position of s/v in a row.
    known : ndarray, (2, M + 1)
        Receives μ(s) and the weight of μ(t) in it.
    inner : ndarray, (2, M + 1, M + 1)
        Receives C(s, v) and R(s, v) at v = sθⱼ; row n enters with the weight ``known[1]``.
    outer : ndarray, (3, M + 1, M + 1)
        Receives C(v, s), R(v, s) and the weight of row n at the nodes between s and t.
    """
    last = theta.shape[0] - 1
    wt, wx = np.empty(row_scale.shape[0]), np.empty(scale.shape[0])
    for i in range(last + 1):
        position = row_position(theta[i] * t, start, spacing) if i < last else float(n)
        first = weights_at(position, n + 1, row_scale, wt)
        known[:, i] = 0.0
        inner[0, i, :] = 0.0
        inner[1, i, :] = 0.0
        for r in range(wt.shape[0]):
            m = first + r
            if m == n:
                known[1, i] = wt[r]
                continue
            known[0, i] += wt[r] * drag[m]
            for j in range(last + 1):
                inner[0, i, j] += wt[r] * C[m, j]
                inner[1, i, j] += wt[r] * R[m, j]
        if i == last:
            break
        for j in range(last + 1):
            position = row_position(later[i, j] * t, start, spacing) if j < last else float(n)
            first = weights_at(position, n + 1, row_scale, wt)
            column = weights_at(ratio[i, j], last + 1, scale, wx)
            c = g = open_weight = 0.0
            for r in range(wt.shape[0]):
                m = first + r
                if m == n:
                    open_weight = wt[r]
                    continue
                for k in range(wx.shape[0]):
                    c += wt[r] * wx[k] * C[m, column + k]
                    g += wt[r] * wx[k] * R[m, column + k]
            outer[0, i, j], outer[1, i, j], outer[2, i, j] = c, g, open_weight


@compiled
def inner_integral(i, s, noise_law, memory_law, quadrature, before, scale, share, inner, C, R, J, factor, want):
    """∫_0^s [Σ(s,v) C(t,v) + D(s,v) R(t,v)] dv of eq. (6); adds −factor times its derivatives to row M + 1 + i of J."""
    size = C.shape[0]
    w, total, row = np.empty(scale.shape[0]), 0.0, size + i
    for j in range(size):
        first = weights_at(before[i, j], size, scale, w)
        c = g = 0.0
        for k in range(w.shape[0]):
            c += w[k] * C[first + k]
            g += w[k] * R[first + k]
        past_c = inner[0, i, j] + share * C[j]
        past_g = inner[1, i, j] + share * R[j]
        m, m_slope = law(memory_law, past_c)
        d, d_slope = law(noise_law, past_c)
        q = quadrature[j] * s
        total += q * (m * past_g * c + d * g)
        if want:
            q *= factor
            for k in range(w.shape[0]):
                J[row, first + k] -= q * d * w[k]
                J[row, size + first + k] -= q * m * past_g * w[k]
            J[row, j] -= q * share * m * c
            J[row, size + j] -= q * share * (m_slope * past_g * c + d_slope * g)
    return total


@compiled
def outer_integrals(i, lag, noise_law, memory_law, quadrature, beyond, ratio, scale, outer, C, R, J, factor, want):
    """∫_s^t D(v,s) R(t,v) dv and ∫_s^t R(t,v) Σ(v,s) dv of eqs. (6) and (5), with derivatives as above."""
    size = C.shape[0]
    w, u, row = np.empty(scale.shape[0]), np.empty(scale.shape[0]), size + i
    noise = memory = 0.0
    for j in range(size):
        first = weights_at(beyond[i, j], size, scale, w)
        g = 0.0
        for k in range(w.shape[0]):
            g += w[k] * R[first + k]
        share, past_c, past_g, column = outer[2, i, j], outer[0, i, j], outer[1, i, j], 0
        if share != 0.0:
            column = weights_at(ratio[i, j], size, scale, u)
            for k in range(u.shape[0]):
                past_c += share * u[k] * C[column + k]
                past_g += share * u[k] * R[column + k]
        m, m_slope = law(memory_law, past_c)
        d, d_slope = law(noise_law, past_c)
        q = quadrature[j] * lag
        noise += q * d * g
        memory += q * m * past_g * g
        if want:
            q *= factor
            for k in range(w.shape[0]):
                J[row, first + k] -= q * d * w[k]
                J[i, first + k] += q * m * past_g * w[k]
            if share != 0.0:
                q *= share * g
                for k in range(u.shape[0]):
                    J[row, size + column + k] -= q * d_slope * u[k]
                    J[i, column + k] += q * m * u[k]
                    J[i, size + column + k] += q * m_slope * past_g * u[k]
    return noise, memory


@compiled
def residual(
    t, temperature, noise_law, memory_law, theta, rest, stretch, quadrature, before, beyond, ratio, scale,
    down, down_first, up, up_first, known, inner, outer, C, R, mu, F, J, want,
):  # fmt: skip
    """What row n lacks to be a solution, ``F`` = (of R, of C, of μ), and the Jacobian ``J`` if `want`: eq. (11).

    Every equation is divided by the larger of its two sides' scales, 1 + ds/dx. Returns ``∫ D(t,v) R(t,v) dv``.
    """
    size = C.shape[0]
    if want:
        J[:, :] = 0.0
    for i in range(size):
        pace = t * stretch[i]
        norm = 1.0 / (1.0 + pace)
        factor = pace * norm
        s, share = theta[i] * t, known[1, i]
        drag = known[0, i] + share * mu
        slope_r = slope_c = 0.0
        for k in range(down.shape[1]):
            slope_r += down[i, k] * R[down_first[i] + k]
            slope_c += up[i, k] * C[up_first[i] + k]
        total = inner_integral(
            i, s, noise_law, memory_law, quadrature, before, scale, share, inner, C, R, J, factor, want and i > 0
        )
        memory = 0.0
        if i < size - 1:
            noise, memory = outer_integrals(
                i, rest[i] * t, noise_law, memory_law, quadrature, beyond, ratio, scale, outer, C, R, J, factor, want
            )
            total += noise
        F[i] = norm * slope_r - factor * (drag * R[i] - memory)
        F[size + i] = norm * slope_c - factor * (total + 2.0 * temperature * R[i] - drag * C[i])
        if want:
            for k in range(down.shape[1]):
                J[i, down_first[i] + k] += norm * down[i, k]
                J[size + i, size + up_first[i] + k] += norm * up[i, k]
            J[i, i] -= factor * drag
            J[size + i, size + i] += factor * drag
            J[size + i, i] -= factor * 2.0 * temperature
            J[i, 2 * size] -= factor * share * R[i]
            J[size + i, 2 * size] += factor * share * C[i]
    return ends(t, temperature, noise_law, memory_law, quadrature, C, R, mu, F, J, want)


@compiled
def ends(t, temperature, noise_law, memory_law, quadrature, C, R, mu, F, J, want):
    """R(t,t) = 1, C(t,0) = R(t,0), and μ(t): eq. (4)."""
    size = C.shape[0]
    F[size - 1] = R[size - 1] - 1.0
    F[size] = C[0] - R[0]
    if want:
        J[size - 1, :] = 0.0
        J[size, :] = 0.0
        J[size - 1, size - 1] = J[size, size] = J[2 * size, 2 * size] = 1.0
        J[size, 0] = -1.0
    driven = total = 0.0
    for j in range(size):
        m, m_slope = law(memory_law, C[j])
        d, d_slope = law(noise_law, C[j])
        q = quadrature[j] * t
        driven += q * d * R[j]
        total += q * (m * C[j] + d) * R[j]
        if want:
            J[2 * size, j] -= q * (m * C[j] + d)
            J[2 * size, size + j] -= q * (m_slope * C[j] + m + d_slope) * R[j]
    F[2 * size] = mu - temperature - total
    return driven


@compiled
def sample(position, column, row_scale, scale, rows, out):
    """Values of `rows` at pairs of (position among the rows, position in the row)."""
    wt, wx = np.empty(row_scale.shape[0]), np.empty(scale.shape[0])
    for p in range(out.shape[0]):
        first = weights_at(position[p], rows.shape[0], row_scale, wt)
        start = weights_at(column[p], rows.shape[1], scale, wx)
        total = 0.0
        for r in range(wt.shape[0]):
            for k in range(wx.shape[0]):
                total += wt[r] * wx[k] * rows[first + r, start + k]
        out[p] = total
