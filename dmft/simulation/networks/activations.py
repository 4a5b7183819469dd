"""Activations: a function of each number on its own, with its derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import UnknownNameError
from .layer import Arrays, Layer


@dataclass(frozen=True)
class Identity(Layer):
    """y = x."""

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        return inputs, None

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        return slope


@dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0), with derivative 0 at 0."""

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        outputs = xp.maximum(inputs, 0.0)
        return outputs, outputs

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        slope *= cache > 0.0
        return slope


@dataclass(frozen=True)
class Tanh(Layer):
    """y = tanh x."""

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        outputs = xp.tanh(inputs)
        return outputs, outputs

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        derivative = cache * cache
        derivative -= 1.0
        derivative *= -slope
        return derivative


@dataclass(frozen=True)
class Softplus(Layer):
    """y = ln(1 + exp x)."""

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        return xp.logaddexp(xp.zeros(1, dtype=inputs.dtype), inputs), inputs

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        return slope * (0.5 + 0.5 * xp.tanh(0.5 * cache))  # the logistic function, without overflow


ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "tanh": Tanh, "identity": Identity, "softplus": Softplus}


def activation(name: str) -> Layer:
    """The activation of that name.

    Raises
    ------
    UnknownNameError
    """
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()
