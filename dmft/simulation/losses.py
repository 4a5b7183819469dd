"""The losses of ``sgd`` as array formulas, for NumPy and CuPy alike (the solver has its own compiled ones)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..theory.losses import Loss

#: ``f(y, r) -> (ℓ, ∂ℓ/∂r, ∂²ℓ/∂r², margin)``
Derivatives = Callable[[Any, Any], tuple[Any, Any, Any, Any]]


def derivatives(model: Any, xp: Any) -> Derivatives:
    """The loss of `model` (``loss``, ``output``, ``kappa``, ``door``, ``data``) with two derivatives in r."""

    def output(y: Any, r: Any) -> tuple[Any, Any, Any]:
        if model.output == "door":
            return y * (r * r - model.door**2), 2.0 * y * r, 2.0 * y
        return y * r, y, xp.zeros_like(r)

    def logistic(v: Any) -> tuple[Any, Any, Any]:
        p = 1.0 / (1.0 + xp.exp(xp.clip(v, -80.0, 80.0)))  # float32 overflows at e^88
        return xp.logaddexp(0.0, -v), -p, p * (1.0 - p)

    def hinge2(v: Any) -> tuple[Any, Any, Any]:
        gap = xp.maximum(model.kappa - v, 0.0)
        return 0.5 * gap * gap, -gap, (gap > 0.0).astype(v.dtype)

    def square(v: Any) -> tuple[Any, Any, Any]:
        return 0.5 * (1.0 - v) ** 2, v - 1.0, xp.ones_like(v)

    def classification(y: Any, r: Any) -> tuple[Any, Any, Any, Any]:
        v, dv, ddv = output(y, r)
        loss, d, dd = formula(v)
        return loss, d * dv, dd * dv * dv + d * ddv, v

    def regression(y: Any, r: Any) -> tuple[Any, Any, Any, Any]:
        return 0.5 * (r - y) ** 2, r - y, xp.ones_like(r), y * r

    if isinstance(model.loss, Loss):
        return _own(model.loss, output, xp)
    if model.data == "teacher":
        return regression
    formula = {"logistic": logistic, "hinge2": hinge2, "square": square}[model.loss]
    return classification


def _own(loss: Loss, output: Callable[[Any, Any], tuple[Any, Any, Any]], xp: Any) -> Derivatives:
    """A user's scalar functions over arrays; on a GPU by way of the host, since they are compiled for the CPU."""
    parts = _over_arrays(loss)

    def evaluate(y: Any, r: Any) -> tuple[Any, Any, Any, Any]:
        host = [item if xp is np else xp.asnumpy(item) for item in (y, r)]
        first, second, third = (xp.asarray(part(*host).astype(r.dtype)) for part in parts)
        return first, second, third, output(y, r)[0]

    return evaluate


@functools.lru_cache(maxsize=16)
def _over_arrays(loss: Loss) -> tuple[Any, ...]:
    """The three functions of a user's loss as ufuncs, compiled once for all replicas."""
    from numba import vectorize

    return tuple(vectorize(function.py_func) for function in loss.compiled)
