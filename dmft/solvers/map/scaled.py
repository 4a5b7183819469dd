"""Positive numbers beyond the range of float64: mantissa and exponent, value = m · 2^(512 e).

The logarithm of such a number is split: its fine part is the mantissa, which a map can multiply without taking
logarithms or exponentials, its coarse part a count. Products stay exact to round-off however small the number gets.
Numba does not notice edits in other files, so that a map has these few lines in its own file::

    if m < SMALL: m *= LIFT; e -= 1.0
    elif m > LARGE: m /= LIFT; e += 1.0
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
#: A mantissa lies between SMALL and LARGE = 1/SMALL; LIFT is what one unit of the exponent stands for.
SMALL, LARGE, LIFT = 2.0**-256, 2.0**256, 2.0**512
_LN_LIFT = 512.0 * np.log(2.0)


def from_log(logarithm: Array) -> tuple[Array, Array]:
    """Mantissa and exponent of e^logarithm; −∞ becomes zero."""
    finite = np.where(np.isfinite(logarithm), logarithm, 0.0)
    exponent = np.round(finite / _LN_LIFT)
    mantissa = np.exp(finite - exponent * _LN_LIFT)
    return np.where(np.isfinite(logarithm), mantissa, 0.0), exponent


def to_log(mantissa: Array, exponent: Array) -> Array:
    """ln m + e ln 2^512; −∞ for zero."""
    with np.errstate(divide="ignore"):
        return np.log(mantissa) + exponent * _LN_LIFT
