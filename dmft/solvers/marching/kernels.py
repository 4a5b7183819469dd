"""The compiled loops of the marching solver, from sums over paths up to the march itself; no physics, no Python.

One file, because Numba's cache does not notice a change in another one. Arrays are time-major, ``rows[s, i]`` with
time (or innovation) `s` and path `i`, so that every inner loop runs over neighbouring paths. Sums over paths are taken
serially: the bits do not depend on the number of threads. Paths are visited in tiles.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, compiled_sums, inlined

TILE = 2048
GROUP, GRAIN = 128, 16  #: most paths in one triangular solve, and what their number is a multiple of


@compiled
def weighted_rows(weights, rows, count, out):
    """``out[i] += Σ_{s<count} weights[s] rows[s, i]``: a history sum for every path, in the precision of `rows`."""
    n = out.shape[0]
    whole = count // 4 * 4
    tile = np.empty(TILE, dtype=rows.dtype)
    w = np.empty(count, dtype=rows.dtype)
    for s in range(count):
        w[s] = weights[s]
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


@compiled_sums
def row_means(values, rows, count, out):
    """``out[s] = (1/n) Σ_i values[i] rows[s, i]`` for ``s < count``: one row of a two-time average.

    Products and sums in the precision of `rows` within a tile; the sums over tiles are in double precision.
    """
    n = values.shape[0]
    out[:count] = 0.0
    tile = np.empty(TILE, dtype=rows.dtype)
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        size = stop - start
        for i in range(size):
            tile[i] = values[start + i]
        # the sums before ended with the last rows, which are still in the cache; two at a time share the tile
        for s in range(count - 1, -1, -2):
            upper, lower = rows[s, start:stop], rows[max(s - 1, 0), start:stop]
            a = b = tile.dtype.type(0.0)
            for i in range(size):
                a += tile[i] * upper[i]
                b += tile[i] * lower[i]
            out[s] += a
            if s:
                out[s - 1] += b
    for s in range(count):
        out[s] /= n


@compiled_sums
def mean_square(values):
    """``(1/n) Σ_i values[i]²``."""
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

    Returns the size of the basis after this vector, the mean square left over relative to that of `values` (before it
    was made a basis vector or left out), and whether the new vector still has to be made of `values`.
    """
    square = mean_square(values)
    coefficients[:rank] = 0.0
    left, before = square, np.inf
    room = rank < min(basis.shape[0], values.shape[0])
    projection = np.empty(rank)
    while rank > 0 and left > tolerance * square and left < 0.5 * before:
        row_means(values, basis, rank, projection)
        remaining = square
        for k in range(rank):
            remaining -= projection[k] * projection[k]
        if before == np.inf and room and remaining > 0.5 * square:
            for k in range(rank):
                coefficients[k] = projection[k]
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
        coefficients[rank] = np.sqrt(left)
        for i in range(values.shape[0]):
            basis[rank, i] = values[i] / coefficients[rank]
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
    w, c = np.empty(last + 1, dtype=basis.dtype), np.empty(last + 1, dtype=basis.dtype)
    for k in range(last + 1):
        w[k], c[k] = memory[k], coefficients[k]
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
    """``out[k] += Σ_{v<count} weights[v] rows[v, k]`` where rows are 0 for k > v; four rows at a time."""
    whole = count // 4 * 4
    for v in range(0, whole, 4):
        size = min(v + 4, out.shape[0])
        w0, w1, w2, w3 = weights[v], weights[v + 1], weights[v + 2], weights[v + 3]
        r0, r1, r2, r3 = rows[v, :size], rows[v + 1, :size], rows[v + 2, :size], rows[v + 3, :size]
        for k in range(size):
            out[k] += w0 * r0[k] + w1 * r1[k] + w2 * r2[k] + w3 * r3[k]
    size = out.shape[0]
    for v in range(whole, count):
        w0, r0 = weights[v], rows[v, :size]
        for k in range(size):
            out[k] += w0 * r0[k]


@inlined
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


@compiled_sums
def apply_membership(loss, first, second, margin, direction, likely, unlikely, before, active, amplitude):
    """Averages over paths, then ``first *= s`` and ``second *= s`` with s = `amplitude` where `active`, else 0.

    Membership given the step before is independent of r: averages that are linear in s use its conditional
    mean, `likely` for the paths that were active `before` and `unlikely` for the others, not its draw.

    Returns
    -------
    means : tuple of float
        ``E[ℓ]``, ``P(margin < 0)``, ``E[s ∂ℓ/∂r (c + √Δ u)]`` and ``E[s ∂²ℓ/∂r²]``.
    squares : float
        Sum of the squared forces; not finite if any force is not.
    """
    n = loss.shape[0]
    total = errors = drive = slope = squares = 0.0
    for i in range(n):
        chance = likely if before[i] else unlikely
        total += loss[i]
        errors += 1.0 if margin[i] < 0.0 else 0.0
        drive += chance * first[i] * direction[i]
        slope += chance * second[i]
        weight = amplitude if active[i] else 0.0
        first[i] *= weight
        second[i] *= weight
        squares += first[i] * first[i]
    scale = amplitude / n
    return (total / n, errors / n, scale * drive, scale * slope), squares


@inlined
def next_kernels(t, slope, numbers, state):
    """Row t of K from the mean of ``state.rows`` and its diagonal, and row t+1 of R.

    ``K(t,s) = −αΔ E[D(t) ∂r(t)/∂P(s)]``; ``R(t+1,s) = Σ_v kernel[v] R(v,s)`` and 1 for a field at t, with
    ``kernel = η K(t) + decay δ``. Returns whether row t of K is finite.
    """
    row, rows, kernel = state.memory[t, : t + 1], state.rows, state.kernel
    finite = True
    for s in range(t + 1):
        mean = slope
        if s < t:
            mean = rows[0, s] if rows.shape[0] == 1 else 0.5 * (rows[0, s] + rows[1, s])
        row[s] = -numbers.noise * mean
        finite = finite and np.isfinite(row[s])
        kernel[s] = numbers.step * row[s]
    kernel[t] += numbers.decay
    if t + 1 < state.response.shape[0]:
        combine_rows(kernel, state.response, t + 1, state.response[t + 1, :t])
        state.response[t + 1, t] = 1.0
    return finite


@compiled
def sum_and_difference(first, second, scale):
    """Two rows become `scale` times their sum and their difference: exactly 0 where they are equal."""
    for i in range(first.shape[0]):
        a, b = first[i], second[i]
        first[i], second[i] = scale * (a + b), scale * (a - b)


@compiled
def affordable_paths(slopes, most, least):
    """Largest 2^-k of all paths of which at most `most` have a slope that is not 0, but no fewer than `least`.

    The share of such paths is that of all: stopping at the first that is too many would favour small slopes.
    """
    paths, live = slopes.shape[0], 0
    for i in range(paths):
        if slopes[i] != 0.0:
            live += 1
    while paths >= 2 * least and live > most:
        paths //= 2
        live //= 2
    return paths


@compiled_sums
def _solved_row(s, t, coupling, response, slope, members, width, sums, x):
    """``x(s) = D(s) [R(t,s) − coupling sums]`` of a group of paths, and its sum times D(t), which is row t of `x`."""
    c, row, last, total = x.dtype.type(coupling), x[s, :width], x[t, :width], x.dtype.type(0.0)
    for lane in range(width):
        row[lane] = slope[members[lane]] * (response - c * sums[lane])
    for lane in range(width):
        total += last[lane] * row[lane]
    return np.float64(total)


@compiled
def path_response_row(t, coupling, columns, slopes, n, out):
    """Exact response of the first `n` paths at time `t`: the row ``out[s] = (1/n) Σ_i D_i(t) ∂r_i(t)/∂P(s)`` for s < t.

    ``ρ = (1 + coupling R D)⁻¹``, of which only row t is needed: ρ(t,s) = −coupling x(s) with
    ``x(s) = D(s) [R(t,s) − coupling Σ_{s<v<t} x(v) R(v,s)]``, from s = t−1 down. R is common to all paths, so this is
    a triangular solve with many right-hand sides: the paths with D(t) ≠ 0 in groups, two s and four v at once.

    Parameters
    ----------
    columns : ndarray (times, times)
        ``columns[s, v] = R(v, s)``: the response, transposed.
    slopes : ndarray (times, paths)
        D of every path up to time t; its precision is that of the sums.
    """
    out[: t + 1] = 0.0
    live, alive = np.empty(n, dtype=np.int64), 0
    for i in range(n):
        if slopes[t, i] != 0.0:
            live[alive] = i
            alive += 1
    groups = max((alive + GROUP - 1) // GROUP, 1)
    width = (alive + groups * GRAIN - 1) // (groups * GRAIN) * GRAIN  # groups of one size waste few lanes
    members = np.zeros(GROUP, dtype=np.int64)
    x = np.zeros((t + 1, GROUP), dtype=slopes.dtype)  # its row t holds D(t), 0 in unused lanes
    upper, lower = np.empty(GROUP, dtype=slopes.dtype), np.empty(GROUP, dtype=slopes.dtype)
    for group in range(groups):
        start = group * width
        x[t] = 0.0
        for lane in range(min(width, alive - start)):
            members[lane] = live[start + lane]
            x[t, lane] = slopes[t, members[lane]]
        for s in range(t - 1, -1, -2):  # x(s) and x(s−1), which need the same later x; the latter x(s) as well
            a, b = columns[s], columns[max(s - 1, 0)]
            upper[:] = 0.0
            lower[:] = 0.0
            v = s + 1
            while v + 3 < t:
                a0, a1, a2, a3 = a[v], a[v + 1], a[v + 2], a[v + 3]
                b0, b1, b2, b3 = b[v], b[v + 1], b[v + 2], b[v + 3]
                x0, x1, x2, x3 = x[v], x[v + 1], x[v + 2], x[v + 3]
                for lane in range(width):
                    y0, y1, y2, y3 = x0[lane], x1[lane], x2[lane], x3[lane]
                    upper[lane] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                    lower[lane] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                v += 4
            while v < t:
                a0, b0, x0 = a[v], b[v], x[v]
                for lane in range(width):
                    upper[lane] += a0 * x0[lane]
                    lower[lane] += b0 * x0[lane]
                v += 1
            out[s] -= coupling * _solved_row(s, t, coupling, a[t], slopes[s], members, width, upper, x)
            if s:
                b0, x0 = b[s], x[s]
                for lane in range(width):
                    lower[lane] += b0 * x0[lane]
                out[s - 1] -= coupling * _solved_row(s - 1, t, coupling, b[t], slopes[s - 1], members, width, lower, x)
    for s in range(t):
        out[s] /= n


@inlined
def probe_row(t, coupling, response_row, slope, signs, weighted, out):
    """The same by one random ±1 field a path: ``out[s] = (1/n) Σ_i D_i(t) δ_i(t) ε_i(s)`` for s < t.

    ``δ(t) = ε(t) − coupling Σ_{v<t} R(t,v) D(v) δ(v)``; `weighted` keeps D δ.
    """
    probe = np.zeros(slope.shape[0])
    weighted_rows(response_row, weighted, t, probe)
    for i in range(slope.shape[0]):
        probe[i] = slope[i] * (signs[t, i] - coupling * probe[i])
        weighted[t, i] = probe[i]
    row_means(probe, signs, t, out)


@compiled
def march(evaluate, parameters, numbers, state, start, stop):
    """Steps `start` to `stop` − 1.

    ``evaluate(parameters, label, r, loss, first, second, margin)`` is the nonlinearity, a C function.

    Returns
    -------
    done : int
        Times that are complete.
    diverged : bool
        Whether a number left the float range at or after the last of them.
    """
    for t in range(start, stop):
        drive, finite = _observe(evaluate, parameters, t, numbers, state)
        if not finite:
            return t, True
        if t + 1 < state.norm.shape[0] and not _advance(t, drive, numbers, state):
            return t + 1, True
    return stop, False


@inlined
def _observe(evaluate, parameters, t, numbers, state):
    """Paths at step t: fields, forces, rows t of M and K and t+1 of R. Returns the drive of m, and if all is finite."""
    copies, work = state.work.shape[0], state.work
    for c in range(copies):
        local_fields(
            t, state.rank[c], state.pending[c], state.response, state.forces[c], state.fields[c], state.basis[c],
            state.innovations[c], numbers.width, numbers.step, 0.0 if c else state.magnetization[t],
            state.direction, work[c, 0],
        )  # fmt: skip
    if copies == 2:
        sum_and_difference(work[0, 0], work[1, 0], 1.0)
    drive = slope = squares = 0.0
    for c in range(copies):
        evaluate(parameters, state.label, work[c, 0], work[c, 1], work[c, 2], work[c, 3], work[c, 4])
        stay, join = (numbers.stay, numbers.join) if t else (numbers.mean, numbers.mean)
        means, square = apply_membership(
            work[c, 1], work[c, 2], work[c, 3], work[c, 4], state.direction, stay, join,
            state.active[c, max(t - 1, 0)], state.active[c, t], numbers.amplitude,
        )  # fmt: skip
        state.loss[t] += means[0] / copies
        state.error[t] += means[1] / copies
        drive += means[2] / copies
        slope += means[3] / copies
        squares += square  # NaN stays NaN
    if not (abs(state.loss[t]) < numbers.largest and squares < numbers.largest):
        return drive, False
    for c in range(copies):
        if state.signs.shape[1]:
            probe_row(
                t, numbers.coupling, state.response[t], work[c, 3], state.signs[c], state.weighted[c], state.rows[c]
            )
        else:
            for i in range(state.slopes.shape[2]):
                state.slopes[c, t, i] = work[c, 3, i]
            paths = affordable_paths(work[c, 3], numbers.budget / max(t, 1), numbers.least)
            state.carriers[c] += paths
            path_response_row(t, numbers.coupling, state.columns, state.slopes[c], paths, state.rows[c])
    if not next_kernels(t, slope, numbers, state):
        return drive, False
    if copies == 2:
        sum_and_difference(work[0, 2], work[1, 2], 0.5)
    for c in range(copies):
        rank = state.rank[c]
        state.rank[c], left, state.pending[c] = append_orthogonal_row(
            work[c, 2], state.basis[c], rank, numbers.tolerance, state.forces[c, t]
        )
        if state.rank[c] == rank:
            state.left_out[c] += 1
            state.largest_left_out[c] = max(state.largest_left_out[c], left)
    return drive, True


@inlined
def _advance(t, drive, numbers, state):
    """Row t+1 of l, and m(t+1), from rows up to t; shrink them and R to the sphere. Returns whether all is finite."""
    norm, strength = 0.0, numbers.step * np.sqrt(numbers.noise)
    for c in range(state.fields.shape[0]):  # l(t+1) = Σ_v kernel[v] l(v) + η √(αΔ) f(t)
        rank = state.rank[c]
        row = state.fields[c, t + 1, : rank + 1]
        combine_rows(state.kernel, state.fields[c], t + 1, row)
        for k in range(rank):
            row[k + 1] += strength * state.forces[c, t, k]
        for k in range(rank + 1):
            norm += row[k] * row[k]
    m = numbers.decay * state.magnetization[t] - numbers.step * numbers.load * drive
    if not (norm < numbers.largest and m * m < numbers.largest):
        return False
    if numbers.sphere:
        shrink = 1.0 / np.sqrt(norm + m * m)
        m *= shrink
        norm *= shrink * shrink
        for s in range(t + 1):
            state.response[t + 1, s] *= shrink
        for c in range(state.fields.shape[0]):
            for k in range(state.rank[c] + 1):
                state.fields[c, t + 1, k] *= shrink
    state.magnetization[t + 1] = m
    state.norm[t + 1] = norm
    if state.columns.shape[0]:
        for s in range(t + 1):
            state.columns[s, t + 1] = state.response[t + 1, s]
    return True
