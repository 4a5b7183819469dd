"""Compiled nonlinearity of ``sgd``: ℓ(y φ(r)) and its derivatives in r for every path.

One cached kernel for the built-in losses (chosen by number), one made to measure for a user's own.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import njit

from ...solvers.compiled import compiled
from ..losses import Loss

LOGISTIC, HINGE2, SQUARE, REGRESSION = range(4)


def evaluate_built_in(kind, kappa, has_door, door, label, r, loss, first, second, margin):
    """Write ℓ(v), ∂ℓ/∂r, ∂²ℓ/∂r² and the margin v = y φ(r), φ(r) = r or r² − L²; regression has ½(r−y)².

    The exponentials of the logistic loss are NumPy's, whose vectorised ones are several times faster than
    Numba's scalar ones; the rest is one compiled pass.
    """
    _margins(has_door, door, label, r, margin)
    if kind == LOGISTIC:
        np.abs(margin, out=second)
        np.negative(second, out=second)
        np.exp(second, out=second)  # e^{−|v|} never overflows
        np.log1p(second, out=loss)
    _derivatives(kind, kappa, has_door, label, r, loss, first, second, margin)


@compiled
def _margins(has_door, door, label, r, margin):
    if has_door:
        for i in range(r.shape[0]):
            margin[i] = label[i] * (r[i] * r[i] - door * door)
    else:
        for i in range(r.shape[0]):
            margin[i] = label[i] * r[i]


@compiled
def _derivatives(kind, kappa, has_door, label, r, loss, first, second, margin):
    """For the logistic loss, `second` comes in as e^{−|v|} and `loss` as ln(1 + e^{−|v|})."""
    for i in range(r.shape[0]):
        y, x, v = label[i], r[i], margin[i]
        if kind == REGRESSION:
            loss[i], first[i], second[i] = 0.5 * (x - y) ** 2, x - y, 1.0
            continue
        if kind == LOGISTIC:
            e = second[i]
            share = 1.0 / (1.0 + e)
            value = loss[i] + max(-v, 0.0)  # ln(1+e^{−v})
            d, dd = -(e * share if v > 0.0 else share), e * share * share
        elif kind == HINGE2:
            gap = max(kappa - v, 0.0)
            value, d, dd = 0.5 * gap * gap, -gap, 1.0 if gap > 0.0 else 0.0
        else:
            value, d, dd = 0.5 * (1.0 - v) ** 2, v - 1.0, 1.0
        dv, ddv = (2.0 * y * x, 2.0 * y) if has_door else (y, 0.0)
        loss[i], first[i], second[i] = value, d * dv, dd * dv * dv + d * ddv


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
