"""Losses ℓ(y, r) with two derivatives in r: built in, or a user's own as Numba-compilable functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError

BUILT_IN = ("logistic", "hinge2", "square")
Scalar = Callable[[float, float], float]


@dataclass(frozen=True)
class Loss:
    """A loss of your own: three functions of ``(y, r)`` that Numba can compile.

    Parameters
    ----------
    name : str
        Recorded in files in place of the code.
    value, first, second : callable
        ℓ(y, r), ∂ℓ/∂r and ∂²ℓ/∂r² for two floats; plain Python functions or ``numba.njit`` ones.

    Examples
    --------
    >>> import dmft
    >>> def value(y, r): return 0.25 * (r - y) ** 4
    >>> def first(y, r): return (r - y) ** 3
    >>> def second(y, r): return 3.0 * (r - y) ** 2
    >>> quartic = dmft.Loss("quartic", value, first, second)
    """

    name: str
    value: Scalar
    first: Scalar
    second: Scalar

    def __str__(self) -> str:
        return f"own:{self.name}"

    @functools.cached_property
    def compiled(self) -> tuple[Any, Any, Any]:
        """The three functions as Numba dispatchers, checked on one pair of numbers.

        Raises
        ------
        ParameterError
            If one of them does not compile or the derivatives do not fit to the value.
        """
        from numba import njit
        from numba.core.errors import NumbaError

        made = []
        for part in (self.value, self.first, self.second):
            try:
                function = part if hasattr(part, "py_func") else njit(part)
                if not isinstance(function(1.0, 0.3), (int, float)):
                    raise TypeError(f"it returns {function(1.0, 0.3)!r}, not a number")
            except (NumbaError, TypeError) as error:
                reason = str(error).strip().splitlines()[0]
                raise ParameterError(
                    f"loss {self.name!r}: {getattr(part, '__name__', part)} is not a Numba function of (y, r): {reason}"
                ) from None
            made.append(function)
        self._check_derivatives(made)
        self._check_jumps(made)
        return tuple(made)  # type: ignore[return-value]

    def _check_jumps(self, functions: list[Scalar]) -> None:
        """The response would miss a jump of the first derivative: halve each step that changes it until it is tiny."""
        first = functions[1]
        for y in (1.0, -1.0):
            for k in range(-400, 400):
                low, high = 0.01 * (k - 0.5), 0.01 * (k + 0.5)
                while high - low > 1e-9 and _change(first, y, low, high) > 0.05:
                    middle = 0.5 * (low + high)
                    left = _change(first, y, low, middle) > _change(first, y, middle, high)
                    low, high = (low, middle) if left else (middle, high)
                if high - low <= 1e-9:
                    raise ParameterError(
                        f"loss {self.name!r}: its first derivative jumps near y={y:g}, r={low:.4g}; "
                        "the theory needs a continuous one"
                    )

    def _check_derivatives(self, functions: list[Scalar]) -> None:
        h = 1e-5
        for order in (0, 1):
            f, df = functions[order], functions[order + 1]
            for y, r in ((1.0, 0.3137), (-1.0, 0.7171), (1.0, -1.2345)):
                slope = (f(y, r + h) - f(y, r - h)) / (2 * h)
                if abs(slope - df(y, r)) > 1e-5 * (1.0 + abs(slope)):
                    raise ParameterError(
                        f"loss {self.name!r}: derivative {order + 1} at y={y}, r={r} is {df(y, r):.6g}, "
                        f"but differences of the function before give {slope:.6g}"
                    )


def _change(first: Scalar, y: float, low: float, high: float) -> float:
    """Change of the first derivative, relative to its size where that is large."""
    return abs(first(y, high) - first(y, low)) / (1.0 + abs(first(y, low)))


def is_own(value: Any) -> bool:
    """True for a loss that a user made."""
    return isinstance(value, Loss)
