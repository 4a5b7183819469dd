"""What the marching solver needs to know of a model: numbers, one draw and one nonlinearity."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..markov import TwoStateChain

Array = np.ndarray
Sample = dict[str, Array]


@dataclass(frozen=True)
class Nonlinearity:
    """A compiled function of every path, with parameters.

    Attributes
    ----------
    function : Numba dispatcher
        ``function(parameters, label, r, loss, first, second, margin)`` writes into the last four; all are
        arrays of float64.
    parameters : ndarray
        Its own numbers.
    """

    function: Any
    parameters: Array

    def __call__(self, label: Array, r: Array, loss: Array, first: Array, second: Array, margin: Array) -> None:
        self.function(self.parameters, label, r, loss, first, second, margin)

    @property
    def compiled(self) -> Any:
        """The same as a C function: kernels that take one as argument need no compilation of their own for it."""
        return _c_function(self.function)


@functools.lru_cache(maxsize=16)
def _c_function(function: Any) -> Any:
    from numba import types

    from ..compiled import callback

    vector = types.float64[::1]
    return callback(function.py_func, types.void(*[vector] * 7), error_model="numpy")


@dataclass(frozen=True)
class MarchingProblem:
    """A single-site process ``r = m (c + √Δ u) + √Δ h`` driven by its own force, or two coupled copies of it.

    Attributes
    ----------
    load, delta, learning_rate, decay : float
        α, Δ, η and 1 − ηλ.
    sphere : bool
        Rescale to ``C(t,t) + m(t)² = 1`` after every step.
    m0, r0 : float
        Initial overlap and variance of the orthogonal part.
    chain : TwoStateChain
        Mini-batch membership of a sample over time.
    amplitude : float
        Value of an active s.
    copies : int
        1; or 2 for two copies with the same sample and start, each with mini-batches of its own.
    uniforms : int
        Uniform numbers a path needs for `draw`.
    draw : callable
        ``draw(uniforms[uniforms, n]) -> (centre[n], field[n], label[n])``: c, u and y.
    evaluate : Nonlinearity
        Writes ℓ, ∂ℓ/∂r, ∂²ℓ/∂r² and the margin.
    derived : callable
        ``derived(sample) -> dict`` of observables computed from one march's averages.
    at_end : callable
        ``at_end(sample, margin[n]) -> dict`` of observables of the end of one march, from its averages and the
        margins of its paths (of both copies).
    """

    load: float
    delta: float
    learning_rate: float
    decay: float
    sphere: bool
    m0: float
    r0: float
    chain: TwoStateChain
    amplitude: float
    copies: int
    uniforms: int
    draw: Callable[[Array], tuple[Array, Array, Array]]
    evaluate: Nonlinearity
    derived: Callable[[Sample], Sample]
    at_end: Callable[[Sample, Array], Sample]
