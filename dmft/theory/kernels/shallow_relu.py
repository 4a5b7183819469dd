"""Gradient of the mean squared error of one hidden layer of ReLU, f(x) = Σ c_j σ(w_j·x + b_j), compiled by Numba.

State y = (c, w row by row, b). Two measures: points with weights, and the uniform law on an interval, whose integrals
are closed. Shared numbers of the flows: neurons N, inputs d, bound X_B, then those of the measure. The parameter of a
member is 1 for the reduced space. Equation numbers are those of docs/theory/reduced_space_training.rst.
"""

from __future__ import annotations

import numpy as np

from ...solvers.compiled import compiled
from ...solvers.flow.callbacks import right_side

SINE, ABSOLUTE, STEP = 0, 1, 2
FREQUENCY = 4.0 * np.pi


@compiled
def gradient_on_points(y, N, d, points, out):
    """Gradient into out; `points` (P, d + 2) hold x, the target and the weight. Returns the mean squared error."""
    for i in range(y.shape[0]):
        out[i] = 0.0
    field = np.empty(N)
    loss = 0.0
    for p in range(points.shape[0]):
        error = -points[p, d]
        for j in range(N):
            s = y[N + N * d + j]
            for i in range(d):
                s += y[N + j * d + i] * points[p, i]
            field[j] = s
            if s > 0.0:
                error += y[j] * s
        loss += points[p, d + 1] * error * error
        factor = 2.0 * points[p, d + 1] * error
        for j in range(N):
            if field[j] > 0.0:
                out[j] += factor * field[j]
                pull = factor * y[j]
                for i in range(d):
                    out[N + j * d + i] += pull * points[p, i]
                out[N + N * d + j] += pull
    return loss


@compiled
def primitives(target, x):
    """∫_0^x g and ∫_0^x g x' of the targets sin 4πx, |x| and the step 1{x > 0}."""
    if target == SINE:
        angle = FREQUENCY * x
        return (1.0 - np.cos(angle)) / FREQUENCY, (np.sin(angle) - angle * np.cos(angle)) / FREQUENCY**2
    if target == ABSOLUTE:
        return 0.5 * x * abs(x), abs(x) ** 3 / 3.0
    positive = max(x, 0.0)
    return positive, 0.5 * positive**2


@compiled
def gradient_on_interval(y, N, target, low, high, out):
    """Gradient into out for x uniform on [low, high], d = 1: eqs. (3) and (4). Returns the mean squared error."""
    left, right = np.empty(N), np.empty(N)
    for j in range(N):
        w, b = y[N + j], y[2 * N + j]
        left[j], right[j] = low, high
        if w > 0.0:
            left[j] = min(max(low, -b / w), high)
        elif w < 0.0:
            right[j] = max(min(high, -b / w), low)
        elif b <= 0.0:
            right[j] = low
    width = high - low
    if target == SINE:
        angle = 2.0 * FREQUENCY
        square = 0.5 * width - (np.sin(angle * high) - np.sin(angle * low)) / (2.0 * angle)
    elif target == ABSOLUTE:
        square = (high**3 - low**3) / 3.0
    else:
        square = max(high, 0.0) - max(low, 0.0)
    loss = square
    for j in range(N):
        start, end = primitives(target, left[j]), primitives(target, right[j])
        g0, g1 = end[0] - start[0], end[1] - start[1]
        r0, r1 = -g0, -g1
        for i in range(N):
            low_, high_ = max(left[i], left[j]), min(right[i], right[j])
            if high_ > low_:
                m0, m1 = high_ - low_, 0.5 * (high_**2 - low_**2)
                m2 = (high_**3 - low_**3) / 3.0
                r0 += y[i] * (y[N + i] * m1 + y[2 * N + i] * m0)
                r1 += y[i] * (y[N + i] * m2 + y[2 * N + i] * m1)
        c, w, b = y[j], y[N + j], y[2 * N + j]
        loss += c * (w * (r1 - g1) + b * (r0 - g0))
        out[j] = 2.0 * (w * r1 + b * r0) / width
        out[N + j] = 2.0 * c * r1 / width
        out[2 * N + j] = 2.0 * c * r0 / width
    return loss / width


@compiled
def tangent(y, N, d, out):
    """Remove from the part of out that belongs to w what is along w: the gradient on the sphere, eq. (5)."""
    for j in range(N):
        along, square = 0.0, 0.0
        for i in range(d):
            along += out[N + j * d + i] * y[N + j * d + i]
            square += y[N + j * d + i] ** 2
        for i in range(d):
            out[N + j * d + i] -= along / square * y[N + j * d + i]


@compiled
def descend(y, N, d, bound, constrained, out):
    """Turn a gradient into a velocity, on the reduced space if `constrained`: eqs. (2) and (5)."""
    for i in range(y.shape[0]):
        out[i] = -out[i]
    if constrained > 0.0:
        tangent(y, N, d, out)
        for j in range(N + N * d, y.shape[0]):
            if (y[j] >= bound and out[j] > 0.0) or (y[j] <= -bound and out[j] < 0.0):
                out[j] = 0.0


@right_side
def flow_on_points(t, y, parameters, data, out):
    """Gradient flow; data = N, d, X_B, then points row by row."""
    N, d = int(data[0]), int(data[1])
    points = data[3:].reshape(-1, d + 2)
    gradient_on_points(y, N, d, points, out)
    descend(y, N, d, data[2], parameters[0], out)


@right_side
def flow_on_interval(t, y, parameters, data, out):
    """Gradient flow; data = N, 1, X_B, target, low, high."""
    N = int(data[0])
    gradient_on_interval(y, N, int(data[3]), data[4], data[5], out)
    descend(y, N, 1, data[2], parameters[0], out)


@compiled
def train(y, N, d, points, steps, first, rate, adam, bound, constrained, moments):
    """Steps of gradient descent, or Adam with `moments` (2, n), in place, on all points; `first` steps came before.

    On the reduced space: tangent gradient, step, back to the sphere and into the interval. Returns False when a weight
    is not finite.
    """
    out = np.empty(y.shape[0])
    for step in range(first, first + steps):
        gradient_on_points(y, N, d, points, out)
        if constrained:
            tangent(y, N, d, out)
        if adam:
            one, two = 1.0 - 0.9 ** (step + 1.0), 1.0 - 0.999 ** (step + 1.0)
            for i in range(y.shape[0]):
                moments[0, i] = 0.9 * moments[0, i] + 0.1 * out[i]
                moments[1, i] = 0.999 * moments[1, i] + 0.001 * out[i] * out[i]
                out[i] = moments[0, i] / one / (np.sqrt(moments[1, i] / two) + 1e-8)
        for i in range(y.shape[0]):
            y[i] -= rate * out[i]
            if not abs(y[i]) < 1e100:
                return False
        if constrained:
            for j in range(N):
                square = 0.0
                for i in range(d):
                    square += y[N + j * d + i] ** 2
                for i in range(d):
                    y[N + j * d + i] /= np.sqrt(square)
            for j in range(N + N * d, y.shape[0]):
                y[j] = min(max(y[j], -bound), bound)
    return True
