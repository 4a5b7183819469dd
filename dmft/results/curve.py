"""Named observables with dimensions, units and standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Observable:
    """Declaration of something measured. ``dims=()`` makes it a scalar."""

    name: str
    symbol: str
    long_name: str
    dims: tuple[str, ...] = ("t",)
    unit: str = "1"

    def final(self) -> Observable:
        """The scalar ``final_NAME``: the value at the end of the axis."""
        return Observable(f"final_{self.name}", f"{self.symbol}_end", f"{self.long_name}, at the end", (), self.unit)

    def curve(self, values: Array, stderr: Array | None = None) -> Curve:
        """Attach values (and standard errors of the same shape) to this declaration."""
        values = np.array(values, dtype=np.float64)
        if values.ndim != len(self.dims):
            raise ValueError(f"{self.name} has dims {self.dims}, got an array of shape {values.shape}")
        if stderr is not None:
            stderr = np.array(stderr, dtype=np.float64)
            if stderr.shape != values.shape:
                raise ValueError(f"{self.name}: values {values.shape} but stderr {stderr.shape}")
        return Curve(self.name, values, stderr, self.dims, self.symbol, self.long_name, self.unit)


@dataclass(frozen=True, eq=False)
class Curve:
    """An observable with its values.

    Attributes
    ----------
    values : ndarray
        Mean; one axis per entry of `dims`.
    stderr : ndarray or None
        Standard error of `values` (same shape), scaled such that ``values ± 2 stderr`` covers the truth
        with 95.4 % probability however few batches it comes from; None for exact results.
    dims : tuple of str
        Names of the axes, e.g. ``("t", "t_prime")``; empty for a scalar.
    """

    name: str
    values: Array
    stderr: Array | None
    dims: tuple[str, ...]
    symbol: str
    long_name: str
    unit: str = "1"

    def __repr__(self) -> str:
        return f"<Curve {self.name}({', '.join(self.dims)}), shape {self.values.shape}>"

    def __post_init__(self) -> None:
        for array in (self.values, self.stderr):
            if array is not None:
                array.setflags(write=False)

    @property
    def last(self) -> float:
        """The value at the end of every axis."""
        return float(self.values[(-1,) * self.values.ndim]) if self.values.size else float("nan")

    @property
    def last_stderr(self) -> float | None:
        """The standard error of :attr:`last`."""
        if self.stderr is None:
            return None
        return float(self.stderr[(-1,) * self.values.ndim]) if self.values.size else float("nan")


@dataclass(frozen=True, eq=False)
class Coordinate:
    """The points of one axis, e.g. ``t``. ``dim`` differs from ``name`` for a second scale such as ``step``."""

    name: str
    values: Array
    symbol: str
    long_name: str
    unit: str = "1"
    dim: str = ""

    @property
    def axis(self) -> str:
        """The dimension that these points belong to."""
        return self.dim or self.name
