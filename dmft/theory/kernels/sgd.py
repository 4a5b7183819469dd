"""Compiled nonlinearity of ``sgd``: ℓ(y φ(r)) and its derivatives in r for every path.

One cached kernel for the built-in losses (chosen by number), one made to measure for a user's own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ...solvers.compiled import compiled

if TYPE_CHECKING:
    from ..losses import Loss

LOGISTIC, HINGE2, SQUARE, REGRESSION = range(4)
#: 2^−k, down to 0
POWERS = 2.0 ** -np.arange(1076.0)
LOG2_E, LOG_2_HIGH, LOG_2_LOW = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
#: Adding and subtracting it rounds to an integer.
ROUNDING = 1.5 * 2.0**52


@compiled
def _exponentials(v, exponential, logarithm):
    """``e^{−|v|}`` and ``ln(1 + e^{−|v|})`` to round-off: Taylor's series after division by a power of 2, and artanh's.

    Straight loops that fill vector registers: three times as fast as one scalar exponential and logarithm after
    the other, which were most of the time of a march.
    """
    n = v.shape[0]
    for i in range(n):
        a = abs(v[i])
        a = a if a < 745.0 else 745.0
        k = (a * LOG2_E + ROUNDING) - ROUNDING
        x = (k * LOG_2_HIGH - a) + k * LOG_2_LOW  # |x| <= ln(2)/2
        p = 1.0 + x * (1 / 11 + x * (1 / 132 + x / 1716))
        p = 1.0 + x * (1 / 7 + x * (1 / 56 + x * (1 / 504 + x * (1 / 5040) * p)))
        p = 1.0 + x * (1 / 4 + x * (1 / 20 + x * (1 / 120) * p))
        exponential[i] = 1.0 + x * (1.0 + x * (1 / 2 + x * (1 / 6) * p))
        logarithm[i] = k
    for i in range(n):
        exponential[i] *= POWERS[int(logarithm[i])]
    for i in range(n):
        q = exponential[i] / (2.0 + exponential[i])  # ln(1 + e) = 2 artanh(q), q <= 1/3
        w = q * q
        p = 1 / 17 + w * (1 / 19 + w * (1 / 21 + w * (1 / 23 + w * (1 / 25 + w * (1 / 27 + w * (1 / 29 + w / 31))))))
        p = 1 / 3 + w * (1 / 5 + w * (1 / 7 + w * (1 / 9 + w * (1 / 11 + w * (1 / 13 + w * (1 / 15 + w * p))))))
        logarithm[i] = 2.0 * q * (1.0 + w * p)


@compiled
def evaluate_built_in(parameters, label, r, loss, first, second, margin):
    """Write ℓ(v), ∂ℓ/∂r, ∂²ℓ/∂r² and the margin v = y φ(r), φ(r) = r or r² − L²; regression has ½(r−y)².

    `parameters` are the number of the loss, κ, whether φ is the door, and L. One loop without
    branches for each loss, in which the compiler uses vector registers.
    """
    n = r.shape[0]
    kind, kappa, has_door, door = int(parameters[0]), parameters[1], parameters[2] != 0.0, parameters[3]
    for i in range(n):
        margin[i] = label[i] * (r[i] * r[i] - door * door if has_door else r[i])
    if kind == REGRESSION:
        for i in range(n):
            gap = r[i] - label[i]
            loss[i], first[i], second[i] = 0.5 * gap * gap, gap, 1.0
        return
    if kind == LOGISTIC:
        _exponentials(margin, second, loss)
        for i in range(n):
            e, v = second[i], margin[i]
            share = 1.0 / (1.0 + e)
            loss[i] += 0.0 if v > 0.0 else -v  # ln(1 + e^{−v})
            first[i] = -(e * share if v > 0.0 else share)
            second[i] = e * share * share
    elif kind == HINGE2:
        for i in range(n):
            gap = kappa - margin[i]
            gap = 0.0 if gap < 0.0 else gap  # NaN stays NaN
            loss[i], first[i], second[i] = 0.5 * gap * gap, -gap, 1.0 if gap > 0.0 else 0.0
    else:
        for i in range(n):
            gap = margin[i] - 1.0
            loss[i], first[i], second[i] = 0.5 * gap * gap, gap, 1.0
    if has_door:  # v = y (r² − L²): from derivatives in v to those in r
        for i in range(n):
            d, slope = first[i], 2.0 * label[i] * r[i]
            first[i], second[i] = d * slope, second[i] * slope * slope + 2.0 * label[i] * d
    else:  # v = y r with y = ±1
        for i in range(n):
            first[i] *= label[i]


@functools.lru_cache(maxsize=16)
def evaluate_own(own: Loss) -> Any:
    """The same kernel for a user's loss; compiled once per process (Numba cannot cache such a kernel)."""
    value, slope, curvature = own.compiled

    @njit(nogil=True)
    def evaluate(parameters, label, r, loss, first, second, margin):
        has_door, door = parameters[2] != 0.0, parameters[3]
        for i in range(r.shape[0]):
            y, x = label[i], r[i]
            loss[i], first[i], second[i] = value(y, x), slope(y, x), curvature(y, x)
            margin[i] = y * (x * x - door * door) if has_door else y * x

    return evaluate
