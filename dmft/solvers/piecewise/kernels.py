"""The compiled event-driven integrator: zeros of sums of exponentials, one cone, one start, a loop over starts.

A pre-activation along the flow in a cone is ``f(t) = Σ_k b_k exp(−e_k t)`` with 0 = e_0 < e_1 < … < e_m. Its zeros are
isolated without a grid: after multiplication by exp(e_0 t) the derivative has one term less, and between its zeros f
is monotone. So the zeros of the last term but one are found first, then those of the function before it, and so on
back to f; each lies in an interval at whose ends the signs differ (theorem of Rolle). Laguerre's rule (f has no more
zeros at t > 0 than the partial sums of b have changes of sign) spares most functions that search.
Equation numbers are those of docs/theory/relu_neuron.rst.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, compiled_part

CONVERGED, ZENO, STOPPED = 0, 1, 2
#: Columns of the integers of a run.
STATUS, SWITCHES, REACTIVATIONS, INCREASING, SAVED, INTEGERS = 0, 1, 2, 3, 4, 5
EPSILON = 2.220446049250313e-16
#: Terms smaller than this part of all are round-off.
NEGLIGIBLE = 1e-14


@compiled_part
def evaluate(b, e, first, terms, t):
    """``Σ_{k ≥ first} b_k exp(−(e_k − e_first) t)``; at t = ∞ its limit b_first."""
    if t == np.inf:
        return b[first]
    total = b[first]
    for k in range(first + 1, terms):
        total += b[k] * np.exp(-(e[k] - e[first]) * t)
    return total


@compiled_part
def bracketed_zero(b, e, first, terms, low, high):
    """The zero in an interval with a change of sign: bisection and false position by turns.

    To neighbouring numbers for f itself; a zero of a derivative to 1e-8, since f is flat there: an error of 1e-16.
    """
    value = evaluate(b, e, first, terms, low)
    if high == np.inf:
        high = low + 1.0 / (e[first + 1] - e[first])
        while (evaluate(b, e, first, terms, high) > 0.0) == (value > 0.0):
            low, high = high, low + 2.0 * (high - low)
            if not high < 1e300:
                return np.inf
        value = evaluate(b, e, first, terms, low)
    other = evaluate(b, e, first, terms, high)
    secant = False
    while True:
        middle = 0.5 * (low + high)
        if secant:
            guess = low + (high - low) * (value / (value - other))
            middle = guess if low < guess < high else middle
        if not low < middle < high or (first > 0 and high - low < 1e-8 * high):
            return high
        secant = not secant
        inner = evaluate(b, e, first, terms, middle)
        if inner == 0.0:
            return middle
        if (inner > 0.0) == (value > 0.0):
            low, value = middle, inner
        else:
            high, other = middle, inner


@compiled_part
def may_leave(b, terms):
    """Laguerre's rule: False if no partial sum is negative, so that f cannot become so."""
    total = 0.0
    for k in range(terms):
        total += b[k]
        if total < 0.0:
            return True
    return False


@compiled_part
def first_exit(b, e, terms, end, edge, levels, marks):
    """First t in [0, `end`] where ``f`` goes from positive to negative, or ∞.

    `edge`: f(0) is 0 up to round-off, and then f'(0) tells whether f leaves at once.
    ``levels`` (terms, terms) holds the functions with ever fewer terms, ``marks`` (2, terms + 1) their zeros.
    """
    if terms == 0:
        return np.inf
    start = slope = 0.0
    for k in range(terms):
        start += b[k]
        slope -= e[k] * b[k]
    if edge:
        if slope < 0.0:
            return 0.0
    elif start < 0.0:
        return 0.0
    if terms == 1 or not (edge or may_leave(b, terms)):
        return np.inf
    for k in range(terms):
        levels[0, k] = b[k]
    for j in range(terms - 1):
        for k in range(j + 1, terms):
            levels[j + 1, k] = -levels[j, k] * (e[k] - e[j])
    found = 0
    for j in range(terms - 2, -1, -1):
        source, zeros = marks[(j + 1) % 2], marks[j % 2]
        count, low = 0, 0.0
        value = evaluate(levels[j], e, j, terms, 0.0)
        if j == 0 and edge:
            value = max(value, 0.0)
        for k in range(found + 1):
            high = source[k] if k < found else end
            other = evaluate(levels[j], e, j, terms, high)
            if (value > 0.0 and other < 0.0) or (value < 0.0 and other > 0.0):
                zero = bracketed_zero(levels[j], e, j, terms, low, high)
                if j == 0 and other < 0.0:
                    return zero
                if zero < end:
                    zeros[count] = zero
                    count += 1
            elif j == 0 and other < 0.0 and value == 0.0:
                return low
            low, value = high, other
        found = count
    return np.inf


@compiled_part
def decompose(rows, active, a, v, scale):
    """Singular values by one-sided Jacobi rotations of the active rows: to relative accuracy, and no library.

    ``a`` (n, d) becomes U Σ, ``v`` (d, d) the right vectors in its columns, ``scale`` the eigenvalues σ² of H_S, 0
    where they are round-off. Returns the number of active rows.
    """
    n, d = rows.shape
    count = 0
    for i in range(n):
        if active[i]:
            for k in range(d):
                a[count, k] = rows[i, k]
            count += 1
    for j in range(d):
        for k in range(d):
            v[j, k] = 1.0 if j == k else 0.0
    for _ in range(60):
        rotated = False
        for p in range(d - 1):
            for q in range(p + 1, d):
                alpha = beta = gamma = 0.0
                for i in range(count):
                    alpha += a[i, p] * a[i, p]
                    beta += a[i, q] * a[i, q]
                    gamma += a[i, p] * a[i, q]
                if gamma == 0.0 or abs(gamma) <= 2.0 * EPSILON * np.sqrt(alpha * beta):
                    continue
                rotated = True
                zeta = (beta - alpha) / (2.0 * gamma)
                tangent = (1.0 if zeta >= 0.0 else -1.0) / (abs(zeta) + np.sqrt(1.0 + zeta * zeta))
                cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
                sine = cosine * tangent
                for i in range(count):
                    a[i, p], a[i, q] = cosine * a[i, p] - sine * a[i, q], sine * a[i, p] + cosine * a[i, q]
                for i in range(d):
                    v[i, p], v[i, q] = cosine * v[i, p] - sine * v[i, q], sine * v[i, p] + cosine * v[i, q]
        if not rotated:
            break
    largest = 0.0
    for k in range(d):
        scale[k] = 0.0
        for i in range(count):
            scale[k] += a[i, k] * a[i, k]
        largest = max(largest, scale[k])
    least = (max(n, d) * EPSILON) ** 2 * largest
    for k in range(d):
        if scale[k] <= least:
            scale[k] = 0.0
    return count


@compiled_part
def modes(labels, active, w, a, v, scale, fixed, moving):
    """The flow in a cone, eqs. (3) and (4): coordinate k along v is ``fixed_k + moving_k exp(−scale_k t)``."""
    d = w.shape[0]
    for k in range(d):
        now = pull = 0.0
        for j in range(d):
            now += v[j, k] * w[j]
        if scale[k] > 0.0:
            row = 0
            for i in range(active.shape[0]):
                if active[i]:
                    pull += a[row, k] * labels[i]
                    row += 1
            fixed[k] = pull / scale[k]
            moving[k] = now - fixed[k]
            if abs(moving[k]) <= 8.0 * EPSILON * (abs(now) + abs(fixed[k])):
                fixed[k], moving[k] = now, 0.0
        else:  # eq. (5): what no active sample sees is frozen
            fixed[k], moving[k] = now, 0.0


@compiled_part
def collect(constant, values, rates, order, b, e):
    """Sort terms by rate into ``b``, ``e``, with equal rates added and round-off left out; returns their number."""
    size = abs(constant)
    for k in range(values.shape[0]):
        size += abs(values[k])
    terms = 0
    if abs(constant) > NEGLIGIBLE * size:
        b[0], e[0] = constant, 0.0
        terms = 1
    for k in order:
        if abs(values[k]) <= NEGLIGIBLE * size:
            continue
        if terms > 0 and rates[k] - e[terms - 1] <= 1e-13 * rates[k]:
            b[terms - 1] += values[k]
        else:
            b[terms], e[terms] = values[k], rates[k]
            terms += 1
    return terms


@compiled_part
def sort_rates(rates, order):
    """Indices of increasing rates, by insertion."""
    for k in range(rates.shape[0]):
        place = k
        while place > 0 and rates[order[place - 1]] > rates[k]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = k


@compiled_part
def project(row, sign, v, fixed, moving, scale, w, work):
    """The pre-activation of one sample, times its sign, as ``constant + Σ_k work_k exp(−scale_k t)``.

    Returns constant, value and slope at t = 0, and the size of the terms.
    """
    d = w.shape[0]
    constant = now = slope = size = 0.0
    for k in range(d):
        along = 0.0
        for j in range(d):
            along += row[j] * v[j, k]
        constant += sign * along * fixed[k]
        work[k] = sign * along * moving[k]
        slope -= scale[k] * work[k]
        size += abs(along * fixed[k]) + abs(work[k])
        now += sign * row[k] * w[k]
    return constant, now, slope, size


@compiled_part
def stays_positive(constant, work, decay):
    """True if even the sum of the smallest values that the terms take until then is positive."""
    least = constant
    for k in range(work.shape[0]):
        least += work[k] * (decay[k] if work[k] > 0.0 else 1.0)
    return least > 0.0


@compiled_part
def next_switch(rows, active, w, v, scale, fixed, moving, order, work, decay, b, e, levels, marks):
    """Time to the first change of a pre-activation's sign and which; (∞, −1) if there is none.

    Begins with the sample that a straight line would bring to zero first: most others cannot be faster.
    """
    n, d = rows.shape
    leader, soonest = 0, np.inf
    for i in range(n):
        sign = 1.0 if active[i] else -1.0
        _, now, slope, _ = project(rows[i], sign, v, fixed, moving, scale, w, work)
        if slope < 0.0 and now < -soonest * slope:
            leader, soonest = i, -now / slope
    best, which = np.inf, -1
    for k in range(d):
        decay[k] = 0.0 if scale[k] > 0.0 else 1.0
    for place_in_line in range(n):
        i = leader if place_in_line == 0 else (place_in_line - 1 if place_in_line <= leader else place_in_line)
        sign = 1.0 if active[i] else -1.0
        constant, now, _, size = project(rows[i], sign, v, fixed, moving, scale, w, work)
        edge = now <= 64.0 * EPSILON * size
        if not edge and stays_positive(constant, work, decay):
            continue
        terms = collect(constant if abs(constant) > NEGLIGIBLE * size else 0.0, work, scale, order, b, e)
        exit_time = first_exit(b, e, terms, best, edge, levels, marks)
        if exit_time < best:
            best, which = exit_time, i
            if best == 0.0:
                break
            for k in range(d):
                decay[k] = np.exp(-scale[k] * best)
    return best, which


@compiled_part
def norm_grows(scale, fixed, moving, order, end, double, rates, turn, b, e, levels, marks):
    """True if w·dw/dt stays positive until `end`: 2d exponentials, whose first zero is found as those above."""
    d = scale.shape[0]
    for k in range(d):
        rates[k], rates[d + k] = scale[k], 2.0 * scale[k]
        double[k] = -scale[k] * moving[k] * fixed[k]
        double[d + k] = -scale[k] * moving[k] * moving[k]
    sort_rates(rates, turn)
    terms = collect(0.0, double, rates, turn, b, e)
    total = size = 0.0
    for k in range(terms):
        total += b[k]
        size += abs(b[k])
    if terms == 0:
        return False
    return first_exit(b, e, terms, end, abs(total) <= 64.0 * EPSILON * size, levels, marks) >= end


@compiled_part
def place(v, scale, fixed, moving, t, out):
    """w at time t after entering the cone."""
    d = out.shape[0]
    for j in range(d):
        out[j] = 0.0
    for k in range(d):
        value = fixed[k] if moving[k] == 0.0 or t == np.inf else fixed[k] + moving[k] * np.exp(-scale[k] * t)
        for j in range(d):
            out[j] += v[j, k] * value


@compiled_part
def set_start(rows, labels, w, edge_active, active, seen):
    """Active samples at the start; from w = 0 the direction is Σ y_i x_i, eq. (7)."""
    n, d = rows.shape
    zero = True
    for j in range(d):
        zero = zero and w[j] == 0.0
    for i in range(n):
        along = 0.0
        for j in range(d):
            if zero:
                direction = 0.0
                for k in range(n):
                    direction += labels[k] * rows[k, j]
                along += rows[i, j] * direction
            else:
                along += rows[i, j] * w[j]
        active[i] = along > 0.0 or (edge_active and along == 0.0)
        seen[i] = active[i]


@compiled_part
def integrate_start(
    rows, labels, w, edge_active, most, stop, times, active, seen, a, v, vectors, order, turn, b, e, levels, marks,
    path, pattern, switch_times, switch_samples, integers
):  # fmt: skip
    """One start, in place: ``w`` becomes the limit. Returns the time of the last switch."""
    n, d = rows.shape
    scale, fixed, moving, work = vectors[0, :d], vectors[1, :d], vectors[2, :d], vectors[3, :d]
    double, rates, decay = vectors[4], vectors[5], vectors[6, :d]
    set_start(rows, labels, w, edge_active, active, seen)
    t, saved, increasing, moved, instant = 0.0, 0, True, False, 0
    while True:
        if stop[0]:
            integers[STATUS] = STOPPED
            break
        decompose(rows, active, a, v, scale)
        modes(labels, active, w, a, v, scale, fixed, moving)
        sort_rates(scale, order)
        step, which = next_switch(rows, active, w, v, scale, fixed, moving, order, work, decay, b, e, levels, marks)
        if step > 0.0:
            instant = 0
            moves = False
            for k in range(d):
                moves = moves or moving[k] != 0.0
            moved = moved or moves
            if increasing and moves:
                increasing = norm_grows(scale, fixed, moving, order, step, double, rates, turn, b, e, levels, marks)
        while saved < times.shape[0] and times[saved] < t + step:
            place(v, scale, fixed, moving, times[saved] - t, path[saved])
            for i in range(n):
                pattern[saved, i] = active[i]
            saved += 1
        if which < 0:
            place(v, scale, fixed, moving, np.inf, w)
            integers[STATUS] = CONVERGED
            break
        if step > 0.0:
            place(v, scale, fixed, moving, step, w)
            t += step
        switches = integers[SWITCHES]
        if switches < switch_times.shape[0]:
            switch_times[switches], switch_samples[switches] = t, which
        integers[SWITCHES] += 1
        instant += 1
        active[which] = not active[which]
        if active[which]:
            integers[REACTIVATIONS] += seen[which]
            seen[which] = True
        if instant > 4 * n + 4 or integers[SWITCHES] >= most:
            integers[STATUS] = ZENO
            break
    integers[INCREASING] = increasing and moved
    integers[SAVED] = saved
    return t


@compiled
def integrate_starts(
    first, last, rows, labels, starts, edge_active, most, stop, times, active, paths, patterns, switch_times,
    switch_samples, integers, last_switch
):  # fmt: skip
    """Starts `first` to `last` − 1; ``rows`` (1 or starts, n, d) and ``labels`` (1 or starts, n) are their data."""
    n, d = rows.shape[1], rows.shape[2]
    seen, order, turn = np.zeros(n, np.bool_), np.zeros(d, np.int64), np.zeros(2 * d, np.int64)
    a, v, vectors = np.zeros((n, d)), np.zeros((d, d)), np.zeros((7, 2 * d))
    b, e, marks = np.zeros(2 * d + 1), np.zeros(2 * d + 1), np.zeros((2, 2 * d + 2))
    levels = np.zeros((2 * d + 1, 2 * d + 1))
    for m in range(first, last):
        own = m if rows.shape[0] > 1 else 0
        last_switch[m] = integrate_start(
            rows[own], labels[own], starts[m], edge_active, most, stop, times, active[m], seen, a, v, vectors, order,
            turn, b, e, levels, marks, paths[m], patterns[m], switch_times[m], switch_samples[m], integers[m]
        )  # fmt: skip
