"""The compiled integrator: steps, dense output, events, one member from start to end, and a loop over members.

``field``, ``matrix`` and ``events`` are C callbacks (see callbacks.py), ``table`` a Rosenbrock method as arrays;
an empty table means Dormand–Prince 5(4). Sums are serial and every member has its own step, so that neither threads
nor neighbours change a bit.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, compiled_part

FINISHED, EVENT = 0, 1
TOO_SMALL, DIVERGED, TOO_MANY, STOPPED = -1, -2, -3, -4
#: Columns of the counts of a member.
STATUS, SAVED, NFEV, NJEV, NLU, ACCEPTED, REJECTED, COUNTS = 0, 1, 2, 3, 4, 5, 6, 7
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0
EPSILON = 2.220446049250313e-16


@compiled_part
def copy(source, out):
    """``out[:] = source``: written out, it compiles ten times faster."""
    for i in range(out.shape[0]):
        out[i] = source[i]


@compiled_part
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


@compiled_part
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


@compiled_part
def scaled_norm(values, y, other, rtol, atol):
    """Root mean square of the values in units of the tolerance."""
    total = 0.0
    for i in range(values.shape[0]):
        total += (values[i] / (atol + rtol * max(abs(y[i]), abs(other[i])))) ** 2
    return np.sqrt(total / max(1, values.shape[0]))


@compiled_part
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


@compiled_part
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


@compiled_part
def linearise(field, matrix, analytic, t, h, y, parameters, data, slope, controls, derivative, drift, work, counts):
    """Jacobian (given, or from forward differences) and ∂f/∂t at (t, y), where f is `slope`.

    The increments are those of CVODE: round-off of f must not show, in units of the tolerance and of the step.
    """
    n = y.shape[0]
    counts[NJEV] += 1
    if analytic:
        matrix(t, y, parameters, data, derivative)
    else:
        least = 1000.0 * EPSILON * n * abs(h) * scaled_norm(slope, y, y, controls[0], controls[1])
        for j in range(n):
            kept = y[j]
            scale = controls[1] + controls[0] * abs(kept)
            y[j] = kept + max(np.sqrt(EPSILON) * abs(kept), least * scale, EPSILON * scale)
            field(t, y, parameters, data, work)
            for i in range(n):
                derivative[i, j] = (work[i] - slope[i]) / (y[j] - kept)
            y[j] = kept
        counts[NFEV] += n
    later = t + np.sqrt(EPSILON * max(1e-5, abs(t)))
    field(later, y, parameters, data, work)
    counts[NFEV] += 1
    for i in range(n):
        drift[i] = (work[i] - slope[i]) / (later - t)


@compiled_part
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


@compiled_part
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


@compiled_part
def interpolate(theta, y, q, out):
    """The dense output at a part `theta` of the step."""
    for i in range(y.shape[0]):
        out[i] = y[i] + theta * (q[0, i] + theta * (q[1, i] + theta * (q[2, i] + theta * q[3, i])))


@compiled_part
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


@compiled_part
def crossed(before, after, direction):
    """True if the event function changed its sign in the wanted direction; a start on the zero is no event."""
    up, down = before < 0.0 and after >= 0.0, before > 0.0 and after <= 0.0
    return (up and direction >= 0.0) or (down and direction <= 0.0)


@compiled_part
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


@compiled_part
def find_events(events, parameters, data, rule, t, h, y, q, marks, work, counted, when, where):
    """Roots in this step, kept up to the first that ends the run; returns its part of the step, or 2."""
    terminal, direction = rule
    before, after, roots, values = marks[0], marks[1], marks[2], marks[3]
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


@compiled_part
def begin(field, events, parameters, data, order, t, target, controls, y, space, marks, bound, counts):
    """First slope, event values and step; returns the step, or −1 if the start is not in the range of numbers."""
    rtol, atol, given, longest, fixed = controls
    work, slope, probe = space[9], space[13], space[14]
    field(t, y, parameters, data, slope)
    counts[NFEV] += 1
    for i in range(y.shape[0]):
        if not (abs(y[i]) < bound and abs(slope[i]) < np.inf):
            return -1.0
    if marks.shape[1] > 0:
        events(t, y, parameters, data, marks[0])
    size = fixed if fixed > 0.0 else given
    if size == 0.0 and target != t:
        size = first_step(field, t, target - t, y, slope, parameters, data, order, rtol, atol, work, probe)
        counts[NFEV] += 1
    return min(size, longest)


@compiled_part
def attempt(field, matrix, analytic, parameters, data, table, t, h, y, fresh, space, squares, pivots, controls, counts):
    """One trial step into ``space``: its end, its error, the slope there; returns the error in units of tolerance."""
    k, work, end, error, drift, slope = space[:9], space[9], space[10], space[11], space[12], space[13]
    stages = table[1].shape[0]
    if stages == 0:
        copy(slope, k[0])
        dormand_prince(field, t, h, y, parameters, data, k, work, end, error)
        counts[NFEV] += 6
        return scaled_norm(error, y, end, controls[0], controls[1])
    if not fresh:
        linearise(field, matrix, analytic, t, h, y, parameters, data, slope, controls, squares[0], drift, work, counts)
    counts[NLU] += 1
    if not rosenbrock(
        field, t, h, y, slope, parameters, data, table, squares[0], drift, squares[1], pivots, k, work, end, error
    ):
        return np.inf
    counts[NFEV] += stages - 1
    return scaled_norm(error, y, end, controls[0], controls[1])


@compiled_part
def arrive(field, parameters, data, explicit, later, space, bound, counts):
    """Slope at the end of an accepted step; False if anything there is not in the range of numbers."""
    end, probe = space[10], space[14]
    if explicit:
        copy(space[6], probe)
    else:
        field(later, end, parameters, data, probe)
        counts[NFEV] += 1
    inside = True
    for i in range(end.shape[0]):
        inside = inside and abs(end[i]) < bound and abs(probe[i]) < np.inf
    return inside


@compiled_part
def look(events, parameters, data, rule, table, t, h, later, y, between, space, marks, counted, when, where):
    """Events in an accepted step, and its dense output if that or `between` needs it; returns as `find_events`."""
    end, work, q = space[10], space[9], space[15:19]
    happened = False
    if marks.shape[1] > 0:
        events(later, end, parameters, data, marks[1])
        for e in range(marks.shape[1]):
            happened = happened or crossed(marks[0, e], marks[1, e], rule[1][e])
    if between or happened:
        if table[1].shape[0] == 0:
            dormand_prince_dense(h, y, space[:9], end, q)
        else:
            rosenbrock_dense(y, space[:9], table[5], end, q)
    if not happened:
        return 2.0
    return find_events(events, parameters, data, rule, t, h, y, q, marks, work, counted, when, where)


@compiled_part
def record(t, h, later, reached, sign, y, space, times, path, counts, starts, pieces):
    """States at the times that this step passes, and its dense output where there is room."""
    end, q, step = space[10], space[15:19], counts[ACCEPTED]
    if step < pieces.shape[0]:
        starts[step], starts[step + 1] = t, later
        copy(y, pieces[step, 0])
        for j in range(4):
            copy(q[j], pieces[step, j + 1])
    saved = counts[SAVED]
    while saved < times.shape[0] and sign * (times[saved] - reached) <= 0.0:
        if times[saved] == later:
            copy(end, path[saved])
        else:
            interpolate((times[saved] - t) / h, y, q, path[saved])
        saved += 1
    counts[SAVED] = saved


@compiled_part
def integrate_member(
    field, matrix, analytic, events, parameters, data, rule, table, order, t, target, controls, bound, most, stop, y,
    times, space, squares, pivots, marks, path, counts, counted, when, where, starts, pieces
):  # fmt: skip
    """Integrate `y` in place from `t` to `target`; returns the status and the time where it ended.

    ``controls`` = rtol, atol, first step (0: chosen), longest step, fixed step (0: adaptive); ``space`` holds k
    (9 rows), work, end, error, ∂f/∂t, slope, next slope, dense output (4 rows).
    """
    fixed, explicit, sign = controls[4], table[1].shape[0] == 0, 1.0 if target >= t else -1.0
    while counts[SAVED] < times.shape[0] and sign * (times[counts[SAVED]] - t) <= 0.0:
        if times[counts[SAVED]] == t:  # earlier ones, of a member that starts later, stay NaN
            copy(y, path[counts[SAVED]])
        counts[SAVED] += 1
    size = begin(field, events, parameters, data, order, t, target, controls, y, space, marks, bound, counts)
    if size < 0.0:
        return DIVERGED, t
    memory, fresh, rejected = 1e-4, False, False
    while sign * (target - t) > 0.0:
        if stop[0]:
            return STOPPED, t
        if counts[ACCEPTED] + counts[REJECTED] >= most:
            return TOO_MANY, t
        if fixed == 0.0 and not size > 10.0 * abs(np.nextafter(t, sign * np.inf) - t):
            return TOO_SMALL, t
        h = sign * size
        later = t + h
        if sign * (target - later) <= (1e-3 if fixed == 0.0 else 1e-9) * size:  # no tiny last step
            h, later = target - t, target
        error = attempt(
            field, matrix, analytic, parameters, data, table, t, h, y, fresh, space, squares, pivots, controls, counts
        )
        fresh = True
        if fixed == 0.0 and not error <= 1.0:  # NaN as well
            counts[REJECTED] += 1
            rejected = True
            size = abs(h) * (max(SHRINK, SAFETY * error ** (-1.0 / order)) if error < np.inf else SHRINK)
            continue
        if not arrive(field, parameters, data, explicit, later, space, bound, counts):
            return DIVERGED, t
        saved = counts[SAVED]
        between = saved < times.shape[0] and sign * (times[saved] - later) < 0.0
        between = between or counts[ACCEPTED] < pieces.shape[0]
        last = look(events, parameters, data, rule, table, t, h, later, y, between, space, marks, counted, when, where)
        reached = t + last * h if last <= 1.0 else later
        record(t, h, later, reached, sign, y, space, times, path, counts, starts, pieces)
        counts[ACCEPTED] += 1
        if last <= 1.0:
            interpolate(last, y, space[15:19], space[9])
            copy(space[9], y)
            return EVENT, reached
        if fixed == 0.0:  # proportional and integral control: Solving ODEs II, section IV.2
            grow = SAFETY * max(error, 1e-10) ** (-0.85 / order) * memory ** (0.2 / order)
            size = min(abs(h) * min(1.0 if rejected else GROW, max(SHRINK, grow)), controls[3])
            memory = max(error, 1e-4)
        rejected, fresh, t = False, False, later
        copy(space[10], y)
        copy(space[14], space[13])
        copy(marks[1], marks[0])
    return FINISHED, t


@compiled
def integrate_members(
    first, last, field, matrix, analytic, events, rule, table, order, controls, bound, most, spans, stop, states,
    parameters, data, times, paths, counts, counted, when, where, ends, offsets, starts, pieces
):  # fmt: skip
    """Members `first` to `last` − 1, each into its own rows; ``offsets`` are their places in the dense output."""
    n, kinds = states.shape[1], counted.shape[1]
    space, pivots, marks = np.zeros((19, n)), np.zeros(n, np.int64), np.zeros((4, kinds))
    squares = np.zeros((2, 0 if table[1].shape[0] == 0 else n, n))
    for m in range(first, last):
        begin_at, end_at = offsets[m], offsets[m + 1]
        counts[m, STATUS], ends[m] = integrate_member(
            field, matrix, analytic, events, parameters[m], data, rule, table, order, spans[m, 0], spans[m, 1],
            controls, bound, most, stop, states[m], times, space, squares, pivots, marks, paths[m], counts[m],
            counted[m], when[m], where[m], starts[begin_at + m : end_at + m + 1], pieces[begin_at:end_at]
        )  # fmt: skip
