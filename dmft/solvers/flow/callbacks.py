"""How a model hands its equations to the integrator: decorators that compile a function to a machine address.

Numba does not cache a kernel that takes another compiled function as an argument. It does if the argument is a
C callback: all callbacks of one signature have the same type, so the integrator is compiled once for all models and
kept on disk, and so is each callback. A call through the address costs about 15 ns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from ..compiled import callback

Function = Callable[..., Any]
_VECTOR = types.Array(types.float64, 1, "C")
_MATRIX = types.Array(types.float64, 2, "C")
VECTOR_FIELD = types.void(types.float64, _VECTOR, _VECTOR, _VECTOR, _VECTOR)
MATRIX_FIELD = types.void(types.float64, _VECTOR, _VECTOR, _VECTOR, _MATRIX)


def right_side(function: Function) -> Any:
    """Compile ``f(t, y, parameters, data, out)``, which writes dy/dt into ``out``.

    ``t`` is a float, the others are one-dimensional C-contiguous arrays of floats: the state (n,), the member's own
    parameters, numbers that all members share, and ``out`` (n,). The function must not keep, return or resize them.
    An exception inside cannot reach the caller: it is printed and ignored.
    """
    return callback(function, VECTOR_FIELD)


def jacobian(function: Function) -> Any:
    """Compile ``f(t, y, parameters, data, out)``, which writes ∂(dy_i/dt)/∂y_j into ``out[i, j]``, zeros as well."""
    return callback(function, MATRIX_FIELD)


def event(function: Function) -> Any:
    """Compile ``f(t, y, parameters, data, out)``, which writes the values whose zeros are events into ``out``."""
    return callback(function, VECTOR_FIELD)


@right_side
def no_event(t, y, parameters, data, out):
    """Stands where there is no event."""


@jacobian
def no_jacobian(t, y, parameters, data, out):
    """Stands where the Jacobian is made from differences."""
