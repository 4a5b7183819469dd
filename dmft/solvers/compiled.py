"""The decorators of all kernels: compiled by Numba without the interpreter lock, cached on disk if that can be.

Division by zero gives what NumPy gives, not an exception: the check would keep loops out of vector registers, and an
exception would end all members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use. Where neither package nor home can be written to, every process compiles anew."""
    return _compiled(function)


def compiled_part(function: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for what only other kernels call: without an entry from Python it compiles faster."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: Callable[..., Any]) -> Any:
    """For parts of one large kernel: compiled as text of their callers, which halves the time to compile these."""
    return _compiled(function, inline="always")


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": there is no place for the cache
        return njit(**options)(function)
