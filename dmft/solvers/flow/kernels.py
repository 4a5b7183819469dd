"""The compiled integrator: one member from start to end, and a loop over members.

``field``, ``matrix`` and ``events`` are C callbacks (see callbacks.py), ``table`` a Rosenbrock method as arrays;
an empty table means Dormand–Prince 5(4). Sums are serial and every member has its own step, so that neither threads
nor neighbours change a bit.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

FINISHED, EVENT = 0, 1
TOO_SMALL, DIVERGED, TOO_MANY, STOPPED = -1, -2, -3, -4
#: Columns of the counts of a member.
STATUS, SAVED, NFEV, NJEV, NLU, ACCEPTED, REJECTED, COUNTS = 0, 1, 2, 3, 4, 5, 6, 7
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0


@compiled
def copy(source, out):
    """``out[:] = source``: written out, it compiles ten times faster."""
    for i in range(out.shape[0]):
        out[i] = source[i]


@compiled
def dormand_prince(field, t, h, y, parameters, data, k, work, end, error):
    """One step of Dormand & Prince, J. Comput. Appl. Math. 6, 19 (1980): order 5, error estimate of order 4.

    ``k[0]`` holds f(t, y); ``k[6]`` becomes f(t + h, end), the first stage of the next step.
    """
    n = y.shape[0]
    for i in range(n):
        work[i] = y[i] + h * (k[0, i] / 5.0)
    field(t + h / 5.0, work, parameters, data, k[1])
    for i in range(n):
        work[i] = y[i] + h * (3.0 / 40.0 * k[0, i] + 9.0 / 40.0 * k[1, i])
    field(t + 0.3 * h, work, parameters, data, k[2])
    for i in range(n):
        work[i] = y[i] + h * (44.0 / 45.0 * k[0, i] - 56.0 / 15.0 * k[1, i] + 32.0 / 9.0 * k[2, i])
    field(t + 0.8 * h, work, parameters, data, k[3])
    for i in range(n):
        work[i] = y[i] + h * (
            19372.0 / 6561.0 * k[0, i]
            - 25360.0 / 2187.0 * k[1, i]
            + 64448.0 / 6561.0 * k[2, i]
            - 212.0 / 729.0 * k[3, i]
        )
    field(t + 8.0 / 9.0 * h, work, parameters, data, k[4])
    for i in range(n):
        work[i] = y[i] + h * (
            9017.0 / 3168.0 * k[0, i]
            - 355.0 / 33.0 * k[1, i]
            + 46732.0 / 5247.0 * k[2, i]
            + 49.0 / 176.0 * k[3, i]
            - 5103.0 / 18656.0 * k[4, i]
        )
    field(t + h, work, parameters, data, k[5])
    for i in range(n):
        end[i] = y[i] + h * (
            35.0 / 384.0 * k[0, i]
            + 500.0 / 1113.0 * k[2, i]
            + 125.0 / 192.0 * k[3, i]
            - 2187.0 / 6784.0 * k[4, i]
            + 11.0 / 84.0 * k[5, i]
        )
    field(t + h, end, parameters, data, k[6])
    for i in range(n):
        error[i] = h * (
            71.0 / 57600.0 * k[0, i]
            - 71.0 / 16695.0 * k[2, i]
            + 71.0 / 1920.0 * k[3, i]
            - 17253.0 / 339200.0 * k[4, i]
            + 22.0 / 525.0 * k[5, i]
            - 1.0 / 40.0 * k[6, i]
        )


@compiled
def dormand_prince_dense(h, y, k, end, q):
    """``y(t + θh) = y + Σ_j q_j θ^(j+1)``, order 4: Hairer, Nørsett & Wanner, Solving ODEs I, section II.6."""
    for i in range(y.shape[0]):
        whole = end[i] - y[i]
        left = h * k[0, i] - whole
        right = whole - h * k[6, i] - left
        bubble = h * (
            -12715105075.0 / 11282082432.0 * k[0, i]
            + 87487479700.0 / 32700410799.0 * k[2, i]
            - 10690763975.0 / 1880347072.0 * k[3, i]
            + 701980252875.0 / 199316789632.0 * k[4, i]
            - 1453857185.0 / 822651844.0 * k[5, i]
            + 69997945.0 / 29380423.0 * k[6, i]
        )
        q[0, i] = whole + left
        q[1, i] = right + bubble - left
        q[2, i] = -right - 2.0 * bubble
        q[3, i] = bubble


@compiled
def factorise(matrix, pivots):
    """LU factors in place with row exchanges; False if the matrix is singular or not finite."""
    n = matrix.shape[0]
    for column in range(n):
        pivot = column
        for i in range(column + 1, n):
            if abs(matrix[i, column]) > abs(matrix[pivot, column]):
                pivot = i
        pivots[column] = pivot
        if not 0.0 < abs(matrix[pivot, column]) < np.inf:
            return False
        if pivot != column:
            for j in range(n):
                matrix[column, j], matrix[pivot, j] = matrix[pivot, j], matrix[column, j]
        for i in range(column + 1, n):
            factor = matrix[i, column] / matrix[column, column]
            matrix[i, column] = factor
            for j in range(column + 1, n):
                matrix[i, j] -= factor * matrix[column, j]
    return True


@compiled
def back_substitute(matrix, pivots, x):
    """Solve in place with the factors of :func:`factorise`."""
    n = matrix.shape[0]
    for i in range(n):
        x[i], x[pivots[i]] = x[pivots[i]], x[i]
    for i in range(n):
        total = x[i]
        for j in range(i):
            total -= matrix[i, j] * x[j]
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = x[i]
        for j in range(i + 1, n):
            total -= matrix[i, j] * x[j]
        x[i] = total / matrix[i, i]


@compiled
def linearise(field, matrix, analytic, t, y, parameters, data, slope, derivative, drift, work, counts):
    """Jacobian (given, or from forward differences) and ∂f/∂t at (t, y), where f is `slope`."""
    n = y.shape[0]
    counts[NJEV] += 1
    if analytic:
        matrix(t, y, parameters, data, derivative)
    else:
        for j in range(n):
            kept = y[j]
            y[j] = kept + np.sqrt(2.2e-16 * max(1e-5, abs(kept)))
            field(t, y, parameters, data, work)
            for i in range(n):
                derivative[i, j] = (work[i] - slope[i]) / (y[j] - kept)
            y[j] = kept
        counts[NFEV] += n
    later = t + np.sqrt(2.2e-16 * max(1e-5, abs(t)))
    field(later, y, parameters, data, work)
    counts[NFEV] += 1
    for i in range(n):
        drift[i] = (work[i] - slope[i]) / (later - t)


@compiled
def rosenbrock(field, t, h, y, slope, parameters, data, table, derivative, drift, factors, pivots, k, work, end, error):
    """One step of a stiffly accurate Rosenbrock method (see tableaus.py); ``k[i]`` are the stages U_i."""
    gamma, nodes, slopes, a, c, _ = table
    n, stages = y.shape[0], nodes.shape[0]
    for i in range(n):
        for j in range(n):
            factors[i, j] = -derivative[i, j]
        factors[i, i] += 1.0 / (h * gamma)
    if not factorise(factors, pivots):
        return False
    for stage in range(stages):
        if stage == 0:
            copy(slope, work)
        else:
            for i in range(n):
                total = y[i]
                for j in range(stage):
                    total += a[stage, j] * k[j, i]
                end[i] = total
            field(t + nodes[stage] * h, end, parameters, data, work)
        for i in range(n):
            total = 0.0
            for j in range(stage):
                total += c[stage, j] * k[j, i]
            k[stage, i] = work[i] + total / h + slopes[stage] * h * drift[i]
        back_substitute(factors, pivots, k[stage])
    for i in range(n):
        error[i] = k[stages - 1, i]
        end[i] += error[i]
    return True


@compiled
def rosenbrock_dense(y, k, h, end, q):
    """As :func:`dormand_prince_dense`, from the rows ``h`` of the table."""
    for i in range(y.shape[0]):
        first = second = third = 0.0
        for j in range(h.shape[1]):
            first += h[0, j] * k[j, i]
            second += h[1, j] * k[j, i]
            third += h[2, j] * k[j, i]
        q[0, i] = end[i] - y[i] + first
        q[1, i] = second - first
        q[2, i] = third - second
        q[3, i] = -third


@compiled
def interpolate(theta, y, q, out):
    """The dense output at a part `theta` of the step."""
    for i in range(y.shape[0]):
        out[i] = y[i] + theta * (q[0, i] + theta * (q[1, i] + theta * (q[2, i] + theta * q[3, i])))


@compiled
def scaled_norm(values, y, other, rtol, atol):
    """Root mean square of the values in units of the tolerance."""
    total = 0.0
    for i in range(values.shape[0]):
        total += (values[i] / (atol + rtol * max(abs(y[i]), abs(other[i])))) ** 2
    return np.sqrt(total / max(1, values.shape[0]))


@compiled
def first_step(field, t, span, y, slope, parameters, data, order, rtol, atol, work, probe):
    """Hairer, Nørsett & Wanner, Solving ODEs I, section II.4: the step of which an Euler step would be good."""
    d0, d1 = scaled_norm(y, y, y, rtol, atol), scaled_norm(slope, y, y, rtol, atol)
    h = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    h = min(h, abs(span))
    sign = 1.0 if span > 0.0 else -1.0
    for i in range(y.shape[0]):
        work[i] = y[i] + sign * h * slope[i]
    field(t + sign * h, work, parameters, data, probe)
    for i in range(y.shape[0]):
        probe[i] -= slope[i]
    d2 = scaled_norm(probe, y, y, rtol, atol) / h
    largest = max(d1, d2)
    better = max(1e-6, 1e-3 * h) if largest <= 1e-15 else (0.01 / largest) ** (1.0 / order)
    return min(100.0 * h, better, abs(span)) if better > 0.0 else h


@compiled
def crossed(before, after, direction):
    """True if the event function changed its sign in the wanted direction; a start on the zero is no event."""
    up, down = before < 0.0 and after >= 0.0, before > 0.0 and after <= 0.0
    return (up and direction >= 0.0) or (down and direction <= 0.0)


@compiled
def event_root(events, which, before, t, h, y, q, parameters, data, work, values):
    """Part of the step where the event function changes sign, bisected down to neighbouring numbers."""
    low, high = 0.0, 1.0
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return high
        interpolate(middle, y, q, work)
        events(t + middle * h, work, parameters, data, values)
        if (values[which] < 0.0) == (before < 0.0) and values[which] != 0.0:
            low = middle
        else:
            high = middle


@compiled
def find_events(
    events, rule, t, h, y, end, q, parameters, data, before, after, roots, work, values, counted, when, where
):
    """Roots in this step, kept up to the first that ends the run; returns its part of the step, or 2."""
    terminal, direction = rule
    last = 2.0
    for e in range(before.shape[0]):
        roots[e] = 3.0
        if crossed(before[e], after[e], direction[e]):
            roots[e] = event_root(events, e, before[e], t, h, y, q, parameters, data, work, values)
            if terminal[e] > 0 and counted[e] + 1 >= terminal[e]:
                last = min(last, roots[e])
    for e in range(before.shape[0]):
        if roots[e] <= min(last, 1.0):
            if counted[e] < when.shape[1]:
                when[e, counted[e]] = t + roots[e] * h
                interpolate(roots[e], y, q, where[e, counted[e]])
            counted[e] += 1
    return last


@compiled
def integrate_member(
    field, matrix, analytic, events, rule, table, order, span, controls, most, stop, y, parameters, data, times,
    space, squares, pivots, marks, path, counts, counted, when, where, starts, pieces
):  # fmt: skip
    """Integrate `y` in place from ``span[0]`` to ``span[1]``; returns the time where it ended.

    ``controls`` = rtol, atol, first step (0: chosen), longest step, fixed step (0: adaptive), bound of divergence.
    ``path`` receives the states at `times`, ``when`` and ``where`` the events, ``starts`` and ``pieces`` the dense
    output of every step if they have room.
    """
    rtol, atol, given, longest, fixed, bound = controls
    explicit = table[1].shape[0] == 0
    k, work, end, error, drift, slope, probe = (
        space[:9], space[9], space[10], space[11], space[12], space[13], space[14]
    )  # fmt: skip
    q = space[15:19]
    derivative, factors = squares[0], squares[1]
    before, after, roots, values = marks[0], marks[1], marks[2], marks[3]
    t, target = span[0], span[1]
    sign = 1.0 if target >= t else -1.0
    n, saved, finite = y.shape[0], 0, True
    while saved < times.shape[0] and sign * (times[saved] - t) <= 0.0:
        copy(y, path[saved])
        saved += 1
    counts[SAVED] = saved
    field(t, y, parameters, data, slope)
    counts[NFEV] += 1
    for i in range(n):
        finite = finite and abs(y[i]) < bound and abs(slope[i]) < np.inf
    if not finite:
        counts[STATUS] = DIVERGED
        return t
    if before.shape[0] > 0:
        events(t, y, parameters, data, before)
    size = fixed if fixed > 0.0 else given
    if size == 0.0 and target != t:
        size = first_step(field, t, target - t, y, slope, parameters, data, order, rtol, atol, work, probe)
        counts[NFEV] += 1
    size = min(size, longest)
    memory, fresh, rejected = 1e-4, False, False
    while sign * (target - t) > 0.0:
        if stop[0]:
            counts[STATUS] = STOPPED
            return t
        if counts[ACCEPTED] + counts[REJECTED] >= most:
            counts[STATUS] = TOO_MANY
            return t
        if fixed == 0.0 and not size > 10.0 * abs(np.nextafter(t, sign * np.inf) - t):
            counts[STATUS] = TOO_SMALL
            return t
        h = sign * size
        later = t + h
        if sign * (target - later) <= (1e-3 if fixed == 0.0 else 1e-9) * size:  # no tiny last step
            h, later = target - t, target
        if explicit:
            copy(slope, k[0])
            dormand_prince(field, t, h, y, parameters, data, k, work, end, error)
            counts[NFEV] += 6
            solved = True
        else:
            if not fresh:
                linearise(field, matrix, analytic, t, y, parameters, data, slope, derivative, drift, work, counts)
                fresh = True
            solved = rosenbrock(
                field, t, h, y, slope, parameters, data, table, derivative, drift, factors, pivots, k, work, end, error
            )
            counts[NLU] += 1
            counts[NFEV] += table[1].shape[0] - 1
        size_of_error = scaled_norm(error, y, end, rtol, atol) if solved else np.inf
        if fixed > 0.0:
            size_of_error = 0.5
        if not size_of_error <= 1.0:  # NaN as well
            counts[REJECTED] += 1
            rejected = True
            defined = size_of_error < np.inf
            size = abs(h) * (max(SHRINK, SAFETY * size_of_error ** (-1.0 / order)) if defined else SHRINK)
            continue
        if not explicit:
            field(later, end, parameters, data, probe)
            counts[NFEV] += 1
        else:
            copy(k[6], probe)
        for i in range(n):
            finite = finite and abs(end[i]) < bound and abs(probe[i]) < np.inf
        if not finite:
            counts[STATUS] = DIVERGED
            return t
        known, last = False, 2.0
        if counts[ACCEPTED] < pieces.shape[0] or (saved < times.shape[0] and sign * (times[saved] - later) < 0.0):
            known = True
        if before.shape[0] > 0:
            events(later, end, parameters, data, after)
            for e in range(before.shape[0]):
                known = known or crossed(before[e], after[e], rule[1][e])
        if known:
            if explicit:
                dormand_prince_dense(h, y, k, end, q)
            else:
                rosenbrock_dense(y, k, table[5], end, q)
            if before.shape[0] > 0:
                last = find_events(
                    events, rule, t, h, y, end, q, parameters, data, before, after, roots, work, values,
                    counted, when, where
                )  # fmt: skip
        if counts[ACCEPTED] < pieces.shape[0]:
            starts[counts[ACCEPTED]] = t
            starts[counts[ACCEPTED] + 1] = later
            copy(y, pieces[counts[ACCEPTED], 0])
            for j in range(4):
                copy(q[j], pieces[counts[ACCEPTED], j + 1])
        ended = last <= 1.0
        reached = t + last * h if ended else later
        while saved < times.shape[0] and sign * (times[saved] - reached) <= 0.0:
            if times[saved] == later:
                copy(end, path[saved])
            else:
                interpolate((times[saved] - t) / h, y, q, path[saved])
            saved += 1
        counts[SAVED] = saved
        counts[ACCEPTED] += 1
        if ended:
            interpolate(last, y, q, work)
            copy(work, y)
            counts[STATUS] = EVENT
            return reached
        if fixed == 0.0:
            grow = SAFETY * max(size_of_error, 1e-10) ** (-0.85 / order) * memory ** (0.2 / order)
            size = abs(h) * min(1.0 if rejected else GROW, max(SHRINK, grow))
            size = min(size, longest)
            memory = max(size_of_error, 1e-4)
        rejected, fresh = False, False
        t = later
        copy(end, y)
        copy(probe, slope)
        copy(after, before)
    counts[STATUS] = FINISHED
    return t


@compiled
def integrate_members(
    first, last, field, matrix, analytic, events, rule, table, order, span, controls, most, stop, states, parameters,
    data, times, paths, counts, counted, when, where, ends, offsets, starts, pieces
):  # fmt: skip
    """Members `first` to `last` − 1, each into its own rows; ``offsets`` are their places in the dense output."""
    n, kinds = states.shape[1], counted.shape[1]
    space, pivots, marks = np.zeros((19, n)), np.zeros(n, np.int64), np.zeros((4, kinds))
    squares = np.zeros((2, 0 if table[1].shape[0] == 0 else n, n))
    for m in range(first, last):
        begin, stop_at = offsets[m], offsets[m + 1]
        ends[m] = integrate_member(
            field, matrix, analytic, events, rule, table, order, span, controls, most, stop, states[m], parameters[m],
            data, times, space, squares, pivots, marks, paths[m], counts[m], counted[m], when[m], where[m],
            starts[begin + m : stop_at + m + 1], pieces[begin:stop_at]
        )  # fmt: skip
