"""The decorators of all kernels: compiled by Numba without the interpreter lock, cached on disk if that can be.

Division by zero gives what NumPy gives, not an exception: the check would keep loops out of vector registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use. Where neither package nor home can be written to, every process compiles anew."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # "no locator available": there is no place for the cache
        return njit(**_OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """For parts of one large kernel: compiled as text of their callers, which halves the time to compile these."""
    return njit(inline="always", **_OPTIONS)(function)
