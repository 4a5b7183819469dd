"""The compiled loops of the marching solver. Plain functions that write into `out`; no physics, no Python.

Arrays are time-major, ``rows[s, i]`` with time (or innovation) `s` and path `i`, so that every inner loop
runs over neighbouring paths. Sums over paths are taken serially in a fixed order: the bits do not depend
on the number of threads. Paths are visited in tiles that stay in the first-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TILE = 512


@njit(nogil=True, cache=True)
def weighted_rows(weights, rows, count, out):
    """``out[i] += Σ_{s<count} weights[s] rows[s, i]``: a history sum for every path."""
    n = out.shape[0]
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        s = 0
        while s + 4 <= count:
            w0, w1, w2, w3 = weights[s], weights[s + 1], weights[s + 2], weights[s + 3]
            for i in range(start, stop):
                out[i] += w0 * rows[s, i] + w1 * rows[s + 1, i] + w2 * rows[s + 2, i] + w3 * rows[s + 3, i]
            s += 4
        while s < count:
            w0 = weights[s]
            for i in range(start, stop):
                out[i] += w0 * rows[s, i]
            s += 1


@njit(nogil=True, cache=True)
def row_means(values, rows, count, out):
    """``out[s] = (1/n) Σ_i values[i] rows[s, i]`` for ``s < count``: one row of a two-time average."""
    n = values.shape[0]
    out[:count] = 0.0
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        for s in range(count):
            whole = start + (stop - start) // 8 * 8
            # eight partial sums in a fixed order: the compiler may use vector registers, the bits stay
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
            for i in range(start, whole, 8):
                a0 += values[i] * rows[s, i]
                a1 += values[i + 1] * rows[s, i + 1]
                a2 += values[i + 2] * rows[s, i + 2]
                a3 += values[i + 3] * rows[s, i + 3]
                a4 += values[i + 4] * rows[s, i + 4]
                a5 += values[i + 5] * rows[s, i + 5]
                a6 += values[i + 6] * rows[s, i + 6]
                a7 += values[i + 7] * rows[s, i + 7]
            rest = 0.0
            for i in range(whole, stop):
                rest += values[i] * rows[s, i]
            out[s] += ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7)) + rest
    for s in range(count):
        out[s] /= n


@njit(nogil=True, cache=True)
def mean_square(values):
    """``(1/n) Σ_i values[i]²`` in a fixed order."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i] * values[i]
    return total / values.shape[0]


@njit(nogil=True, cache=True)
def append_orthogonal_row(values, basis, rank, tolerance, coefficients):
    """Expand one vector over paths in an orthonormal basis that grows when it must (Gram–Schmidt).

    ``values = Σ_k coefficients[k] basis[k]`` with ``(1/n) Σ_i basis[k, i] basis[l, i] = δ_kl``. The projection is
    repeated when it cancels, so the basis stays orthogonal to round-off however dependent the vectors are
    (a Cholesky factor of their covariance would square the condition number). `values` is overwritten by what
    is left over; if its mean square exceeds ``tolerance`` times that of `values` it becomes a new basis vector.

    Returns
    -------
    rank : int
        Size of the basis after this vector.
    left_over : float
        Mean square left over relative to that of `values`, before it was made a basis vector or left out.
    """
    square = mean_square(values)
    coefficients[:rank] = 0.0
    left, before = square, np.inf
    projection = np.empty(rank)
    while rank > 0 and left > tolerance * square and left < 0.5 * before:
        before = left
        row_means(values, basis, rank, projection)
        for k in range(rank):
            coefficients[k] += projection[k]
            projection[k] = -projection[k]
        weighted_rows(projection, basis, rank, values)
        left = mean_square(values)
    if left > tolerance * square and rank < min(basis.shape[0], values.shape[0]):
        length = np.sqrt(left)
        coefficients[rank] = length
        for i in range(values.shape[0]):
            basis[rank, i] = values[i] / length
        return rank + 1, left / square
    return rank, (left / square if square > 0.0 else 0.0)


@njit(nogil=True, cache=True)
def combine_rows(weights, rows, count, out):
    """``out[k] += Σ_{v<count} weights[v] rows[v, k]`` for small square arrays."""
    for v in range(count):
        weight = weights[v]
        if weight != 0.0:
            for k in range(out.shape[0]):
                out[k] += weight * rows[v, k]


@njit(nogil=True, cache=True)
def gram(factor, scale, out):
    """``out[t, s] = scale Σ_k factor[t, k] factor[s, k]``: symmetric and positive semidefinite."""
    for t in range(out.shape[0]):
        for s in range(t + 1):
            total = 0.0
            for k in range(factor.shape[1]):
                total += factor[t, k] * factor[s, k]
            out[t, s] = scale * total
            out[s, t] = scale * total


@njit(nogil=True, cache=True)
def path_response_row(t, coupling, response_row, slope, offsets, counts, times, slopes, packed_offsets, packed, out):
    """Exact response of every path at time `t`, added to the row ``out[s] = (1/n) Σ_i D_i(t) ∂r_i(t)/∂P(s)``.

    ``ρ(t,s) = δ_ts − coupling Σ_{s<=v<t} R(t,v) D(v) ρ(v,s)`` only has terms in which D(v) ≠ 0, so each path
    keeps the packed lower triangle of ρ over its own active times, ``times[offsets[i] + k]``, k < counts[i].
    """
    n = counts.shape[0]
    out[: t + 1] = 0.0
    for i in range(n):
        d = slope[i]
        if d == 0.0:
            continue
        count = counts[i]
        first = offsets[i]
        base = packed_offsets[i]
        last = base + count * (count + 1) // 2
        row = packed[last : last + count + 1]
        row[:] = 0.0
        for k in range(count):
            weight = -coupling * response_row[times[first + k]] * slopes[first + k]
            old = packed[base + k * (k + 1) // 2 : base + k * (k + 1) // 2 + k + 1]
            for j in range(k + 1):
                row[j] += weight * old[j]
        row[count] = 1.0
        times[first + count] = t
        slopes[first + count] = d
        counts[i] = count + 1
        for k in range(count + 1):
            out[times[first + k]] += d * row[k]
    for s in range(t + 1):
        out[s] /= n
