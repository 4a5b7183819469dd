"""A network: layers one after the other, with all weights in one flat array (R, P)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .layer import Arrays, Layer, Shape
from .losses import Loss

#: Numbers that one replica holds when it is evaluated.
PORTION = 2**20


@dataclass(frozen=True)
class Block:
    """Where one array of one layer lies among the weights: columns `start` to `stop`; constants are not `trained`."""

    layer: int
    name: str
    start: int
    stop: int
    shape: Shape
    trained: bool = True


@dataclass(frozen=True)
class Network:
    """Layers and the axes of one input sample.

    Raises
    ------
    ParameterError
        When a layer cannot take what the one before it gives.
    """

    layers: tuple[Layer, ...]
    inputs: Shape

    def __post_init__(self) -> None:
        self.features  # noqa: B018 — checks that the layers fit

    @cached_property
    def features(self) -> tuple[Shape, ...]:
        """Axes of a sample before each layer, and at the end."""
        shapes = [self.inputs]
        for layer in self.layers:
            shapes.append(layer.outputs(shapes[-1]))
        return tuple(shapes)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The arrays of all layers, in order."""
        blocks: list[Block] = []
        for index, layer in enumerate(self.layers):
            for name, shape in layer.shapes(self.features[index]).items():
                start = blocks[-1].stop if blocks else 0
                blocks.append(Block(index, name, start, start + prod(shape), shape, name not in layer.constants()))
        return tuple(blocks)

    @property
    def size(self) -> int:
        """P, the number of weights."""
        return self.blocks[-1].stop if self.blocks else 0

    def start(self, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """Weights (R, P) in float64; each replica draws from its own generator."""
        weights = np.empty((len(rngs), self.size))
        for row, rng in zip(weights, rngs, strict=True):
            arrays = [layer.start(shape, rng) for layer, shape in zip(self.layers, self.features, strict=False)]
            for block in self.blocks:
                row[block.start : block.stop] = arrays[block.layer][block.name].ravel()
        return weights

    def views(self, weights: Any) -> list[Arrays]:
        """The flat weights as arrays of each layer, without copying."""
        arrays: list[Arrays] = [{} for _ in self.layers]
        for block in self.blocks:
            part = weights[:, block.start : block.stop]
            arrays[block.layer][block.name] = part.reshape(weights.shape[0], *block.shape)
        return arrays

    def forward(self, xp: Any, weights: Any, inputs: Any) -> tuple[Any, list[Any]]:
        """Outputs (R, n, …) for inputs (R or 1, n, …), and what :meth:`backward` needs."""
        caches = []
        for layer, arrays in zip(self.layers, self.views(weights), strict=True):
            inputs, cache = layer.forward(xp, arrays, inputs)
            caches.append(cache)
        return inputs, caches

    def backward(self, xp: Any, weights: Any, caches: list[Any], slope: Any) -> Any:
        """∂L/∂weights (R, P) for the `slope` ∂L/∂outputs: a sum over samples."""
        gradient = xp.zeros_like(weights)
        arrays, parts = self.views(weights), self.views(gradient)
        for index in reversed(range(len(self.layers))):
            slope = self.layers[index].backward(xp, arrays[index], caches[index], slope, parts[index])
        return gradient

    def descend(self, xp: Any, weights: Any, inputs: Any, targets: Any, loss: Loss) -> tuple[Any, Any, Any, list[Any]]:
        """Loss (R,), its gradient (R, P), the outputs that it was calculated from, and what the layers remember."""
        outputs, caches = self.forward(xp, weights, inputs)
        values, slope = loss(xp, outputs, targets)
        return values, self.backward(xp, weights, caches, slope), outputs, caches

    def follow(self, xp: Any, weights: Any, caches: list[Any]) -> None:
        """Let running statistics follow the data of a forward pass: changes these constants in `weights`."""
        for layer, arrays, cache in zip(self.layers, self.views(weights), caches, strict=True):
            for name, values in layer.statistics(xp, arrays, cache).items():
                arrays[name][...] = values

    def at_test(self) -> Network:
        """The network that is evaluated when this one is trained."""
        return Network(tuple(layer.at_test() for layer in self.layers), self.inputs)

    def evaluate(self, xp: Any, weights: Any, inputs: Any) -> Any:
        """Outputs at test time, in portions of samples that do not depend on the replicas, nor do the bits then."""
        network, held = self.at_test(), sum(prod(shape) for shape in self.features)
        held += int(sum(layer.kept(shape) for layer, shape in zip(self.layers, self.features, strict=False)))
        portion = max(1, PORTION // max(held, 1))
        parts = [
            network.forward(xp, weights, inputs[:, first : first + portion])[0]
            for first in range(0, inputs.shape[1], portion)
        ]
        return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=1)

    def memory(self, replicas: int, samples: int, itemsize: int, copies: int = 6) -> float:
        """Bytes of one step of training: caches and slopes, and `copies` of the weights (optimiser, gradient)."""
        numbers = 2.5 * sum(prod(shape) for shape in self.features)
        numbers += 2.0 * sum(layer.kept(shape) for layer, shape in zip(self.layers, self.features, strict=False))
        return float(replicas) * itemsize * (numbers * samples + copies * self.size)

    def flops(self, replicas: int, samples: int) -> float:
        """Rough number of operations of one step: six a multiplication of the forward pass."""
        products = sum(layer.products(shape) for layer, shape in zip(self.layers, self.features, strict=False))
        return 6.0 * replicas * samples * products
