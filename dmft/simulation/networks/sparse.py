"""Dense layer for inputs that are zeros and a few ones: the ones are given by their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import BackendError, ParameterError
from . import starts
from .dense import LECUN
from .layer import Arrays, Layer, Shape


@dataclass(frozen=True)
class Sparse(Layer):
    """y = Σ_j kernel[x_j] + bias: a :class:`.dense.Dense` layer of as many inputs as `features`, of which k are 1.

    Inputs are integers (R, n, k): the places of the ones, −1 for none. The first layer of a network, since nothing has
    a derivative with respect to a place.

    Attributes
    ----------
    width : int
        Number of outputs.
    features : int
        Number of inputs of the dense layer.
    kernel_start, bias_start : callable
        See :mod:`.starts`.
    """

    width: int
    features: int
    kernel_start: starts.Start = LECUN
    bias_start: starts.Start = starts.zero

    def outputs(self, inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise ParameterError(f"a sparse layer takes the places of ones along one axis, got the shape {inputs}")
        return (self.width,)

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        return {"kernel": (self.features, self.width), "bias": (self.width,)}

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        kernel = self.kernel_start((self.features, self.width), rng)
        return {"kernel": kernel, "bias": self.bias_start((1, self.width), rng)[0]}

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        kernel, shape = weights["kernel"], (len(weights["kernel"]), inputs.shape[1], self.width)
        if xp is not np:
            raise BackendError("a sparse layer runs on the CPU alone: use the backend numpy, or a dense layer")
        from ..kernels.sparse import gather

        outputs = np.empty(shape, kernel.dtype)
        outputs[...] = weights["bias"][:, None, :]
        places = np.broadcast_to(inputs, (shape[0], *inputs.shape[1:]))
        gather(kernel, np.ascontiguousarray(places), outputs)
        return outputs, places

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        from ..kernels.sparse import scatter

        gradient["kernel"][...] = 0.0
        scatter(slope, np.ascontiguousarray(cache), gradient["kernel"])
        gradient["bias"][...] = slope.sum(axis=1)
        return None

    def products(self, inputs: Shape) -> float:
        return float(inputs[0] * self.width)
