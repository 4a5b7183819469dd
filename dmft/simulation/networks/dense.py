"""Dense layer: every output is a weighted sum of all inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ParameterError
from . import starts
from .layer import Arrays, Layer, Shape

#: The start of a kernel unless another one is given.
LECUN = starts.fan_in(1.0)


@dataclass(frozen=True)
class Dense(Layer):
    """y = multiplier·(x @ kernel) + bias.

    Attributes
    ----------
    width : int
        Number of outputs.
    kernel_start, bias_start : callable
        See :mod:`.starts`; ``bias_start=None`` leaves the bias out.
    multiplier : float
        Constant factor of the kernel: 1/√inputs with a start of variance 1 is the tangent-kernel parametrisation.
    trained : bool
        Whether the weights get a gradient; if not it stays zero.
    """

    width: int
    kernel_start: starts.Start = LECUN
    bias_start: starts.Start | None = starts.zero
    multiplier: float = 1.0
    trained: bool = True

    def outputs(self, inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise ParameterError(f"a dense layer takes samples with one axis, got the shape {inputs}: flatten them")
        return (self.width,)

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {"kernel": (inputs[0], self.width)}
        if self.bias_start is not None:
            shapes["bias"] = (self.width,)
        return shapes

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        shapes = self.shapes(inputs)
        weights = {"kernel": self.kernel_start(shapes["kernel"], rng)}
        if self.bias_start is not None:  # drawn as a row, so that it may share the start of the kernel
            weights["bias"] = self.bias_start((1, self.width), rng)[0]
        return weights

    def constants(self) -> tuple[str, ...]:
        return () if self.trained else ("kernel", "bias")

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        outputs = xp.matmul(inputs, weights["kernel"])
        if self.multiplier != 1.0:
            outputs *= self.multiplier
        if "bias" in weights:
            outputs += weights["bias"][:, None, :]
        return outputs, inputs

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        scaled = slope if self.multiplier == 1.0 else self.multiplier * slope
        if self.trained:
            gradient["kernel"][...] = xp.matmul(cache.swapaxes(1, 2), scaled)
            if "bias" in weights:
                gradient["bias"][...] = slope.sum(axis=1)
        return xp.matmul(scaled, weights["kernel"].swapaxes(1, 2))
