"""The compiled loops of the marching solver. Plain functions that write into `out`; no physics, no Python.

Arrays are time-major, ``rows[s, i]`` with time (or innovation) `s` and path `i`, so that every inner loop
runs over neighbouring paths. Sums over paths are taken serially in a fixed order: the bits do not depend
on the number of threads. Paths are visited in tiles that stay in the first-level cache.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

TILE = 512
LANES = 64


@compiled
def weighted_rows(weights, rows, count, out):
    """``out[i] += Σ_{s<count} weights[s] rows[s, i]``: a history sum for every path, in the precision of `rows`."""
    n = out.shape[0]
    whole = count // 4 * 4
    tile = np.empty(TILE, dtype=rows.dtype)
    w = weights[:count].astype(rows.dtype)
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        size = stop - start
        tile[:] = 0.0
        # views that start at 0 let the compiler drop the checks for negative indices and use vector registers
        for s in range(0, whole, 4):
            w0, w1, w2, w3 = w[s], w[s + 1], w[s + 2], w[s + 3]
            r0, r1 = rows[s, start:stop], rows[s + 1, start:stop]
            r2, r3 = rows[s + 2, start:stop], rows[s + 3, start:stop]
            for i in range(size):
                tile[i] += w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i]
        for s in range(whole, count):
            w0, r0 = w[s], rows[s, start:stop]
            for i in range(size):
                tile[i] += w0 * r0[i]
        result = out[start:stop]
        for i in range(size):
            result[i] += tile[i]


@compiled
def row_means(values, rows, count, out):
    """``out[s] = (1/n) Σ_i values[i] rows[s, i]`` for ``s < count``: one row of a two-time average.

    Products in the precision of `rows`; the sums over tiles are in double precision.
    """
    n = values.shape[0]
    out[:count] = 0.0
    tile = np.empty(TILE, dtype=rows.dtype)
    sums = np.empty(LANES, dtype=rows.dtype)  # partial sums in a fixed order fill vector registers
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        size = stop - start
        for i in range(size):
            tile[i] = values[start + i]
        whole = size // (4 * LANES)
        for s in range(count):
            row = rows[s, start:stop]
            sums[:] = 0.0
            for q in range(whole):  # four groups of lanes at a time: fewer stores of the partial sums
                a = LANES * 4 * q
                v0, v1 = tile[a : a + LANES], tile[a + LANES : a + 2 * LANES]
                v2, v3 = tile[a + 2 * LANES : a + 3 * LANES], tile[a + 3 * LANES : a + 4 * LANES]
                r0, r1 = row[a : a + LANES], row[a + LANES : a + 2 * LANES]
                r2, r3 = row[a + 2 * LANES : a + 3 * LANES], row[a + 3 * LANES : a + 4 * LANES]
                for lane in range(LANES):
                    sums[lane] += v0[lane] * r0[lane] + v1[lane] * r1[lane] + v2[lane] * r2[lane] + v3[lane] * r3[lane]
            width = LANES // 2
            while width:  # add pairs
                for lane in range(width):
                    sums[lane] += sums[lane + width]
                width //= 2
            total = np.float64(sums[0])
            for i in range(4 * LANES * whole, size):
                total += tile[i] * row[i]
            out[s] += total
    for s in range(count):
        out[s] /= n


@compiled
def mean_square(values):
    """``(1/n) Σ_i values[i]²`` in a fixed order."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i] * values[i]
    return total / values.shape[0]


@compiled
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


@compiled
def combine_rows(weights, rows, count, out):
    """``out[k] += Σ_{v<count} weights[v] rows[v, k]`` for small square arrays."""
    for v in range(count):
        weight = weights[v]
        if weight != 0.0:
            for k in range(out.shape[0]):
                out[k] += weight * rows[v, k]


@compiled
def gram(factor, scale, out):
    """``out[t, s] = scale Σ_k factor[t, k] factor[s, k]``: symmetric and positive semidefinite."""
    transposed = factor.T.copy()
    out[:] = 0.0
    for t in range(out.shape[0]):
        row = out[t, : t + 1]
        for k in range(factor.shape[1]):
            weight = scale * factor[t, k]
            if weight != 0.0:
                column = transposed[k, : t + 1]
                for s in range(t + 1):
                    row[s] += weight * column[s]
        for s in range(t):
            out[s, t] = row[s]


@compiled
def local_fields(t, rank, response, forces, fields, basis, innovations, width, step, overlap, direction, r):
    """``r = m (c + √Δ u) + √Δ [Σ_k l(t,k) z_k − √Δ η Σ_{s<t} R(t,s) F(s)]`` for every path."""
    memory = np.zeros(rank)
    combine_rows(response[t], forces, t, memory)
    for k in range(rank):
        memory[k] *= -width * step
    r[:] = 0.0
    weighted_rows(fields[t], innovations, rank + 1, r)
    weighted_rows(memory, basis, rank, r)
    for i in range(r.shape[0]):
        r[i] = overlap * direction[i] + width * r[i]


@compiled
def apply_membership(loss, first, second, margin, direction, likely, unlikely, before, active, amplitude):
    """Averages over paths, then ``first *= s`` and ``second *= s`` with s = `amplitude` where `active`, else 0.

    Membership given the step before is independent of r: averages that are linear in s use its conditional
    mean, `likely` for the paths that were active `before` and `unlikely` for the others, not its draw.

    Returns
    -------
    means : tuple of float
        ``E[ℓ]``, ``P(margin < 0)``, ``E[s ∂ℓ/∂r (c + √Δ u)]`` and ``E[s ∂²ℓ/∂r²]``.
    largest : float
        Largest absolute force; NaN if any is NaN.
    """
    n = loss.shape[0]
    total = errors = drive = slope = largest = 0.0
    for i in range(n):
        chance = likely if before[i] else unlikely
        total += loss[i]
        errors += 1.0 if margin[i] < 0.0 else 0.0
        drive += chance * first[i] * direction[i]
        slope += chance * second[i]
        weight = amplitude if active[i] else 0.0
        first[i] *= weight
        second[i] *= weight
        size = abs(first[i])
        if not size <= largest:
            largest = size
    return (total / n, errors / n, amplitude * drive / n, amplitude * slope / n), largest


@compiled
def next_response(t, kernel, response):
    """Row t+1 of R: ``R(t+1,s) = Σ_v kernel[v] R(v,s)`` and 1 for a field at t."""
    combine_rows(kernel, response, t + 1, response[t + 1, :t])
    response[t + 1, t] = 1.0


@compiled
def next_fields(t, rank, kernel, fields, forces, strength):
    """Row t+1 of l: ``l(t+1) = Σ_v kernel[v] l(v) + strength f(t)``. Returns Σ_k l(t+1,k)²."""
    row = fields[t + 1, : rank + 1]
    combine_rows(kernel, fields, t + 1, row)
    for k in range(rank):
        row[k + 1] += strength * forces[t, k]
    norm = 0.0
    for k in range(rank + 1):
        norm += row[k] * row[k]
    return norm


@compiled
def sum_and_difference(first, second, scale):
    """Two rows become `scale` times their sum and their difference: exactly 0 where they are equal."""
    for i in range(first.shape[0]):
        a, b = first[i], second[i]
        first[i], second[i] = scale * (a + b), scale * (a - b)


@compiled
def _triangle_times_row(weights, packed, count, row):
    """``row[j] += Σ_{j<=k<count} weights[k] ρ[k, j]`` for a packed lower triangle, four rows at a time."""
    whole = count // 4 * 4
    for k in range(0, whole, 4):
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        p = k * (k + 1) // 2
        r0 = packed[p : p + k + 1]
        r1 = packed[p + k + 1 : p + 2 * k + 3]
        r2 = packed[p + 2 * k + 3 : p + 3 * k + 6]
        r3 = packed[p + 3 * k + 6 : p + 4 * k + 10]
        for j in range(k + 1):
            row[j] += w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j]
        row[k + 1] += w1 * r1[k + 1] + w2 * r2[k + 1] + w3 * r3[k + 1]
        row[k + 2] += w2 * r2[k + 2] + w3 * r3[k + 2]
        row[k + 3] += w3 * r3[k + 3]
    for k in range(whole, count):
        w0 = weights[k]
        r0 = packed[k * (k + 1) // 2 : k * (k + 1) // 2 + k + 1]
        for j in range(k + 1):
            row[j] += w0 * r0[j]


@compiled
def path_response_row(t, coupling, response_row, slope, offsets, counts, times, slopes, packed_offsets, packed, out):
    """Exact response of every path at time `t`, added to the row ``out[s] = (1/n) Σ_i D_i(t) ∂r_i(t)/∂P(s)``.

    ``ρ(t,s) = δ_ts − coupling Σ_{s<=v<t} R(t,v) D(v) ρ(v,s)`` only has terms in which D(v) ≠ 0, so each path
    keeps the packed lower triangle of ρ over its own active times, ``times[offsets[i] + k]``, k < counts[i].
    """
    n = counts.shape[0]
    out[: t + 1] = 0.0
    row = np.empty(t + 1)
    weights = np.empty(t + 1)
    for i in range(n):
        d = slope[i]
        if d == 0.0:
            continue
        count, first, base = counts[i], offsets[i], packed_offsets[i]
        for k in range(count):
            weights[k] = -coupling * response_row[times[first + k]] * slopes[first + k]
        row[: count + 1] = 0.0
        _triangle_times_row(weights, packed[base : base + count * (count + 1) // 2], count, row)
        row[count] = 1.0
        last = packed[base + count * (count + 1) // 2 :]
        for k in range(count + 1):
            last[k] = row[k]
        times[first + count] = t
        slopes[first + count] = d
        counts[i] = count + 1
        for k in range(count + 1):
            out[times[first + k]] += d * row[k]
    for s in range(t + 1):
        out[s] /= n
