"""The map of ``bn-weight-decay/sphere``: projected gradient descent on Σ a_i sin²φ_i with Σ ρ_i² = 1.

State: tan²φ_i = m · 2^(512 e) and ρ_i² of each group, then the sum of the losses so far; parameters: the effective
learning rate and all a_i. Equation numbers are those of docs/theory/bn_weight_decay_sphere.rst.
"""

from __future__ import annotations

from ...solvers.map.callbacks import step

SMALL, LARGE, LIFT, LOWER = 2.0**-256, 2.0**256, 2.0**512, 2.0**-512


@step
def sphere(y, parameters):
    """One step, eq. (1), of the members of a block."""
    groups = parameters.shape[0] - 1
    for lane in range(y.shape[1]):
        total, loss = 0.0, 0.0
        for i in range(groups):
            m, e, square = y[3 * i, lane], y[3 * i + 1, lane], y[3 * i + 2, lane]
            a = parameters[1 + i, lane]
            t = m if e == 0.0 else (0.0 if e < 0.0 else LARGE)
            p = 1.0 + t
            loss += a * t / p
            beta = 2.0 * a * parameters[0, lane] / square
            ratio = (p - beta) / (p + beta * t)
            square *= 1.0 + beta * beta * (t / p) / p
            m *= ratio * ratio
            up, down = m > LARGE, m < SMALL
            y[3 * i, lane] = m * LOWER if up else (m * LIFT if down else m)
            y[3 * i + 1, lane] = e + 1.0 if up else (e - 1.0 if down else e)
            y[3 * i + 2, lane] = square
            total += square
        for i in range(groups):
            y[3 * i + 2, lane] /= total
        y[3 * groups, lane] += loss
