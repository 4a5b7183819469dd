"""Weight normalisation: the kernel of another layer as length times direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .layer import Arrays, Layer, Shape


@dataclass(frozen=True)
class WeightNorm(Layer):
    """kernel = gain·direction/‖direction‖ for each output (arXiv:1602.07868, eqs. 2 and 3).

    Attributes
    ----------
    layer : Layer
        With a weight ``kernel`` whose last axis counts the outputs: dense or a convolution. At the start, the gain is
        the length that its kernel starts with.
    """

    layer: Layer

    def outputs(self, inputs: Shape) -> Shape:
        return self.layer.outputs(inputs)

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        shapes = dict(self.layer.shapes(inputs))
        kernel = shapes.pop("kernel")
        return {"direction": kernel, "gain": kernel[-1:], **shapes}

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        weights = self.layer.start(inputs, rng)
        kernel = weights.pop("kernel")
        return {"direction": kernel, "gain": np.sqrt((kernel**2).sum(axis=0)), **weights}

    def products(self, inputs: Shape) -> float:
        return self.layer.products(inputs)

    def kept(self, inputs: Shape) -> float:
        return self.layer.kept(inputs)

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        length = xp.sqrt((weights["direction"] ** 2).sum(axis=1, keepdims=True))
        unit = weights["direction"] / length
        inner = {name: part for name, part in weights.items() if name not in ("direction", "gain")}
        inner["kernel"] = unit * weights["gain"][:, None, :]
        outputs, cache = self.layer.forward(xp, inner, inputs)
        return outputs, (cache, inner, unit, length)

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        cache, inner, unit, length = cache
        parts = {**gradient, "kernel": xp.zeros_like(inner["kernel"])}
        result = self.layer.backward(xp, inner, cache, slope, parts)
        along = (parts["kernel"] * unit).sum(axis=1, keepdims=True)
        gradient["gain"][...] = along[:, 0]
        gradient["direction"][...] = weights["gain"][:, None, :] / length * (parts["kernel"] - along * unit)
        return result
