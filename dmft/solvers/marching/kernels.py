"""The compiled loops of the marching solver. Plain functions that write into `out`; no physics, no Python.

Arrays are time-major, ``rows[s, i]`` with time (or innovation) `s` and path `i`, so that every inner loop
runs over neighbouring paths. Sums over paths are taken serially in a fixed order: the bits do not depend
on the number of threads. Paths are visited in tiles that stay in the first-level cache.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

TILE = 2048
LANES = 32


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
    (a Cholesky factor of their covariance would square the condition number). If the mean square of what is left
    over exceeds ``tolerance`` times that of `values`, it becomes a new basis vector.

    Where nothing cancels, the length of the new vector follows from Pythagoras, and its subtraction is left to
    :func:`local_fields`, which reads the basis anyway: until then row `rank` of the basis holds `values`.

    Returns
    -------
    rank : int
        Size of the basis after this vector.
    left_over : float
        Mean square left over relative to that of `values`, before it was made a basis vector or left out.
    pending : bool
        Whether the new vector still has to be made of `values`.
    """
    square = mean_square(values)
    coefficients[:rank] = 0.0
    left, before = square, np.inf
    room = rank < min(basis.shape[0], values.shape[0])
    projection = np.empty(rank)
    while rank > 0 and left > tolerance * square and left < 0.5 * before:
        row_means(values, basis, rank, projection)
        remaining = square - np.sum(projection * projection)
        if before == np.inf and room and remaining > 0.5 * square:
            coefficients[:rank] = projection
            coefficients[rank] = np.sqrt(remaining)
            for i in range(values.shape[0]):
                basis[rank, i] = values[i]
            return rank + 1, remaining / square, True
        before = left
        for k in range(rank):
            coefficients[k] += projection[k]
            projection[k] = -projection[k]
        weighted_rows(projection, basis, rank, values)
        left = mean_square(values)
    if left > tolerance * square and room:
        length = np.sqrt(left)
        coefficients[rank] = length
        for i in range(values.shape[0]):
            basis[rank, i] = values[i] / length
        return rank + 1, left / square, False
    return rank, (left / square if square > 0.0 else 0.0), False


@compiled
def _finish_row(memory, coefficients, basis, last, out):
    """``out += Σ_{k<=last} memory[k] basis[k]``, and make row `last` of the values it holds.

    One pass over the rows before it gives both sums.
    """
    n = out.shape[0]
    width = min(TILE, n)
    kept, projected = np.empty(width, dtype=basis.dtype), np.empty(width, dtype=basis.dtype)
    w, c = memory[: last + 1].astype(basis.dtype), coefficients[: last + 1].astype(basis.dtype)
    whole = last // 4 * 4
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        size = stop - start
        kept[:] = 0.0
        projected[:] = 0.0
        for s in range(0, whole, 4):
            w0, w1, w2, w3 = w[s], w[s + 1], w[s + 2], w[s + 3]
            c0, c1, c2, c3 = c[s], c[s + 1], c[s + 2], c[s + 3]
            r0, r1 = basis[s, start:stop], basis[s + 1, start:stop]
            r2, r3 = basis[s + 2, start:stop], basis[s + 3, start:stop]
            for i in range(size):
                kept[i] += w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i]
                projected[i] += c0 * r0[i] + c1 * r1[i] + c2 * r2[i] + c3 * r3[i]
        for s in range(whole, last):
            w0, c0, r0 = w[s], c[s], basis[s, start:stop]
            for i in range(size):
                kept[i] += w0 * r0[i]
                projected[i] += c0 * r0[i]
        row, result, weight, scale = basis[last, start:stop], out[start:stop], w[last], 1 / c[last]
        for i in range(size):
            row[i] = (row[i] - projected[i]) * scale
            result[i] += kept[i] + weight * row[i]


@compiled
def combine_rows(weights, rows, count, out):
    """``out[k] += Σ_{v<count} weights[v] rows[v, k]`` for small square arrays, four rows at a time."""
    whole = count // 4 * 4
    size = out.shape[0]
    for v in range(0, whole, 4):
        w0, w1, w2, w3 = weights[v], weights[v + 1], weights[v + 2], weights[v + 3]
        r0, r1, r2, r3 = rows[v, :size], rows[v + 1, :size], rows[v + 2, :size], rows[v + 3, :size]
        for k in range(size):
            out[k] += w0 * r0[k] + w1 * r1[k] + w2 * r2[k] + w3 * r3[k]
    for v in range(whole, count):
        w0, r0 = weights[v], rows[v, :size]
        for k in range(size):
            out[k] += w0 * r0[k]


@compiled
def gram(factor, scale, out):
    """``out[t, s] = scale Σ_k factor[t, k] factor[s, k]``: symmetric and positive semidefinite."""
    transposed = factor.T.copy()
    out[:] = 0.0
    for t in range(out.shape[0]):
        row = out[t, : t + 1]
        combine_rows(scale * factor[t], transposed, factor.shape[1], row)
        for s in range(t):
            out[s, t] = row[s]


@compiled
def local_fields(
    t, rank, pending, response, forces, fields, basis, innovations, width, step, overlap, direction, r
):  # fmt: skip
    """``r = m (c + √Δ u) + √Δ [Σ_k l(t,k) z_k − √Δ η Σ_{s<t} R(t,s) F(s)]`` for every path.

    The last row of the basis is completed first if it is `pending`: see :func:`append_orthogonal_row`.
    """
    memory = np.zeros(rank)
    combine_rows(response[t], forces, t, memory)
    for k in range(rank):
        memory[k] *= -width * step
    r[:] = 0.0
    weighted_rows(fields[t], innovations, rank + 1, r)
    if pending:
        _finish_row(memory, forces[t - 1], basis, rank - 1, r)
    else:
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
def next_kernels(t, rows, slope, load, step, decay, memory, response, kernel):
    """Row t of K from the mean of `rows` and its diagonal, and row t+1 of R.

    ``K(t,s) = −load E[D(t) ∂r(t)/∂P(s)]``; ``R(t+1,s) = Σ_v kernel[v] R(v,s)`` and 1 for a field at t, with
    ``kernel = step K(t) + decay δ``. Returns whether row t of K is finite.
    """
    row = memory[t, : t + 1]
    row[:] = 0.0
    for copy in range(rows.shape[0]):
        for s in range(t):
            row[s] += rows[copy, s]
    finite = True
    for s in range(t):
        row[s] *= -load / rows.shape[0]
    row[t] = -load * slope
    for s in range(t + 1):
        finite = finite and np.isfinite(row[s])
        kernel[s] = step * row[s]
    kernel[t] += decay
    if t + 1 < response.shape[0]:
        combine_rows(kernel, response, t + 1, response[t + 1, :t])
        response[t + 1, t] = 1.0
    return finite


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
def _back_substitute(s, t, coupling, columns, slopes, members, x, sums, out):
    """Row s of x for the paths of one tile, given rows s+1 … t−1, and its share of `out`: see path_response_row."""
    slope, row, response, c = slopes[s], x[s], columns[s, t], x.dtype.type(coupling)
    for lane in range(LANES):
        row[lane] = slope[members[lane]] * (response - c * sums[lane])
    total = x.dtype.type(0.0)
    last = x[t]
    for lane in range(LANES):
        total += last[lane] * row[lane]
    out[s] -= coupling * np.float64(total)


@compiled
def path_response_row(t, coupling, columns, slopes, out):
    """Exact response of every path at time `t`: the row ``out[s] = (1/n) Σ_i D_i(t) ∂r_i(t)/∂P(s)`` for s < t.

    ``ρ = (1 + coupling R D)⁻¹``, of which only row t is needed: ρ(t,s) = −coupling x(s) with
    ``x(s) = D(s) [R(t,s) − coupling Σ_{s<v<t} x(v) R(v,s)]``, from s = t−1 down. R is common to all paths, so this is
    a triangular solve with many right-hand sides: paths with D(t) ≠ 0 in tiles, two times s and four v at once.

    Parameters
    ----------
    columns : ndarray (times, times)
        ``columns[s, v] = R(v, s)``: the response, transposed.
    slopes : ndarray (times, n)
        D of every path up to time t; its precision is that of the sums.
    """
    n = slopes.shape[1]
    out[: t + 1] = 0.0
    live = np.flatnonzero(slopes[t])
    members = np.zeros(LANES, dtype=np.int64)
    x = np.zeros((t + 1, LANES), dtype=slopes.dtype)  # its row t holds D(t), 0 in unused lanes
    first, second = np.empty(LANES, dtype=slopes.dtype), np.empty(LANES, dtype=slopes.dtype)
    for start in range(0, live.shape[0], LANES):
        size = min(LANES, live.shape[0] - start)
        x[t] = 0.0
        for lane in range(size):
            members[lane] = live[start + lane]
            x[t, lane] = slopes[t, members[lane]]
        s = t - 1
        while s >= 0:
            q = max(s - 1, 0)
            first[:] = 0.0
            second[:] = 0.0
            a, b = columns[s], columns[q]
            v = s + 1
            while v + 3 < t:
                a0, a1, a2, a3 = a[v], a[v + 1], a[v + 2], a[v + 3]
                b0, b1, b2, b3 = b[v], b[v + 1], b[v + 2], b[v + 3]
                x0, x1, x2, x3 = x[v], x[v + 1], x[v + 2], x[v + 3]
                for lane in range(LANES):
                    first[lane] += a0 * x0[lane] + a1 * x1[lane] + a2 * x2[lane] + a3 * x3[lane]
                    second[lane] += b0 * x0[lane] + b1 * x1[lane] + b2 * x2[lane] + b3 * x3[lane]
                v += 4
            while v < t:
                a0, b0, x0 = a[v], b[v], x[v]
                for lane in range(LANES):
                    first[lane] += a0 * x0[lane]
                    second[lane] += b0 * x0[lane]
                v += 1
            _back_substitute(s, t, coupling, columns, slopes, members, x, first, out)
            if s > 0:
                b0, x0 = b[s], x[s]
                for lane in range(LANES):
                    second[lane] += b0 * x0[lane]
                _back_substitute(q, t, coupling, columns, slopes, members, x, second, out)
            s -= 2
    for s in range(t):
        out[s] /= n
