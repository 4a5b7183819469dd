"""Compiled nonlinearity of ``sgd``: ℓ(y φ(r)) and its derivatives in r for every path.

One cached kernel for the built-in losses (chosen by number), one made to measure for a user's own.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from numba import njit

from .losses import Loss

LOGISTIC, HINGE2, SQUARE, REGRESSION = range(4)


@njit(nogil=True, cache=True)
def evaluate_built_in(kind, kappa, has_door, door, label, r, loss, first, second, margin):
    """Write ℓ(v), ∂ℓ/∂r, ∂²ℓ/∂r² and the margin v = y φ(r), φ(r) = r or r² − L²; regression has ½(r−y)²."""
    for i in range(r.shape[0]):
        y, x = label[i], r[i]
        if kind == REGRESSION:
            loss[i], first[i], second[i], margin[i] = 0.5 * (x - y) ** 2, x - y, 1.0, y * x
            continue
        if has_door:
            v, dv, ddv = y * (x * x - door * door), 2.0 * y * x, 2.0 * y
        else:
            v, dv, ddv = y * x, y, 0.0
        if kind == LOGISTIC:  # ln(1+e^{−v}) without overflow
            e = math.exp(-abs(v))
            value = math.log1p(e) + max(-v, 0.0)
            p = e / (1.0 + e) if v > 0.0 else 1.0 / (1.0 + e)
            d, dd = -p, e / (1.0 + e) ** 2
        elif kind == HINGE2:
            gap = max(kappa - v, 0.0)
            value, d, dd = 0.5 * gap * gap, -gap, 1.0 if gap > 0.0 else 0.0
        else:
            value, d, dd = 0.5 * (1.0 - v) ** 2, v - 1.0, 1.0
        loss[i], first[i], second[i], margin[i] = value, d * dv, dd * dv * dv + d * ddv, v


@functools.lru_cache(maxsize=16)
def evaluate_own(own: Loss) -> Any:
    """The same kernel for a user's loss; compiled once per process (Numba cannot cache such a kernel)."""
    value, slope, curvature = own.compiled

    @njit(nogil=True)
    def evaluate(kind, kappa, has_door, door, label, r, loss, first, second, margin):
        for i in range(r.shape[0]):
            y, x = label[i], r[i]
            loss[i], first[i], second[i] = value(y, x), slope(y, x), curvature(y, x)
            margin[i] = y * (x * x - door * door) if has_door else y * x

    return evaluate
