"""From images to rows of numbers: flattening, and the mean over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ...errors import ParameterError
from .layer import Arrays, Layer, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """All numbers of a sample in one row."""

    def outputs(self, inputs: Shape) -> Shape:
        return (prod(inputs),)

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        return inputs.reshape(*inputs.shape[:2], -1), inputs.shape[2:]

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        return slope.reshape(*slope.shape[:2], *cache)


@dataclass(frozen=True)
class MeanPool(Layer):
    """The mean of each channel over the pixels."""

    def outputs(self, inputs: Shape) -> Shape:
        if len(inputs) != 3:
            raise ParameterError(f"a mean over pixels takes images (rows, columns, channels), got the shape {inputs}")
        return inputs[2:]

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        return inputs.mean(axis=(2, 3)), inputs.shape[2:4]

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        rows, columns = cache
        shape = (*slope.shape[:2], rows, columns, slope.shape[2])
        return xp.broadcast_to((slope / (rows * columns))[:, :, None, None, :], shape).copy()
