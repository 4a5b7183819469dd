"""The decorators of all kernels: compiled by Numba without the interpreter lock, cached on disk if that can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use. Where neither package nor home can be written to, every process compiles anew.

    Division by zero gives what NumPy gives, not an exception: the check would keep loops out of vector registers.
    """
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # "no locator available": there is no place for the cache
        return njit(nogil=True, error_model="numpy")(function)


def compiled_part(function: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for what only other kernels call: without an entry from Python it compiles faster.

    Division by zero gives infinity or NaN, as in NumPy: an exception would end all members of an ensemble.
    """
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
    try:
        return njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        return njit(nogil=True, **options)(function)
