"""How a model hands its map to the solver: decorators that compile a function to a machine address.

As for flows (:mod:`dmft.solvers.flow.callbacks`): all callbacks of one signature have the same type, so the loop is
compiled once for all maps and kept on disk, and so is each callback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from ..compiled import callback

Function = Callable[..., Any]
_BLOCK = types.Array(types.float64, 2, "C")
STEP = types.void(_BLOCK, _BLOCK)
EVENT = types.void(_BLOCK, _BLOCK, _BLOCK)


def _callback(function: Function, signature: Any) -> Any:
    # a check for division by zero would keep the loop over lanes out of vector registers
    return callback(function, signature, error_model="numpy")


def step(function: Function) -> Any:
    """Compile ``f(y, parameters)``, which replaces the states y (n, lanes) by their images."""
    return _callback(function, STEP)


def event(function: Function) -> Any:
    """Compile ``f(y, parameters, out)``, which writes into out (k, lanes) values whose changes of sign are events."""
    return _callback(function, EVENT)


@event
def no_event(y, parameters, out):
    """Stands where there is no event."""
