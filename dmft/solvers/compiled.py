"""The decorators of all kernels: compiled by Numba without the interpreter lock, cached on disk if that can be.

Division by zero gives what NumPy gives, not an exception: the check would keep loops out of vector registers, and an
exception would end all members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import cfunc, njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use. Where neither package nor home can be written to, every process compiles anew."""
    return _compiled(function)


def compiled_part(function: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for what only other kernels call: without an entry from Python it compiles faster."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def compiled_sums(function: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for sums over paths: the compiler may add in the order that fills vector registers.

    It is one order for every call, so the bits still do not depend on the number of threads.
    """
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})


def inlined(function: Callable[..., Any]) -> Any:
    """For parts of one large kernel: compiled as text of their callers, which halves the time to compile these."""
    return _compiled(function, inline="always")


def callback(function: Callable[..., Any], signature: Any, **options: Any) -> Any:
    """A C function for kernels to call: all of one signature have one type, so a kernel is compiled once for all.

    Numba does not cache a kernel that takes another compiled function as an argument, but does with one of these.
    """
    if hasattr(function, "address"):  # is one already
        return function
    return _cached(partial(cfunc, signature), function, **options)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    return _cached(njit, function, nogil=True, error_model="numpy", **options)


def _cached(compiler: Callable[..., Any], function: Callable[..., Any], **options: Any) -> Any:
    try:
        return compiler(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": a function without a file, or no place for the cache
        return compiler(**options)(function)
