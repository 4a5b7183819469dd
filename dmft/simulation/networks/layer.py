"""What a layer of a network is: pure functions of weights and inputs, with an exact backward pass."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

#: Axes of one sample, without those of replicas and samples.
Shape = tuple[int, ...]
#: Arrays of one layer by name, each with the leading axis of replicas.
Arrays = dict[str, Any]


class Layer:
    """Base of all layers; subclasses are frozen dataclasses, and hold options but no arrays.

    Inputs have the shape (R, n, *features): R replicas, n samples; R may be 1 for inputs that all replicas share.
    What a layer does at test time may be another layer (:meth:`at_test`): batch against population statistics.
    """

    def outputs(self, inputs: Shape) -> Shape:
        """Features of the outputs.

        Raises
        ------
        ParameterError
            If the layer cannot take these inputs.
        """
        return inputs

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        """Shapes of the weights, by name, without the axis of replicas."""
        return {}

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Weights of one replica at the start, in float64."""
        return {}

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        """Outputs, and what :meth:`backward` needs to know."""
        raise NotImplementedError

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        """Write ∂L/∂weights into `gradient`; return ∂L/∂inputs from `slope` = ∂L/∂outputs.

        `slope` may be overwritten. The gradient is a sum over samples; `gradient` has the keys and shapes of `weights`.
        """
        raise NotImplementedError

    def constants(self) -> tuple[str, ...]:
        """Names of the weights that are not trained: they get no gradient, and no decay."""
        return ()

    def statistics(self, xp: Any, weights: Arrays, cache: Any) -> Arrays:
        """New values of constants that follow the data, after a forward pass in training."""
        return {}

    def products(self, inputs: Shape) -> float:
        """Multiplications of a forward pass for one sample."""
        return float(sum(prod(shape) for shape in self.shapes(inputs).values()))

    def kept(self, inputs: Shape) -> float:
        """Numbers that :meth:`backward` needs for one sample, beyond inputs and outputs."""
        return 0.0

    def at_test(self) -> Layer:
        """The layer that takes its place when the network is evaluated, not trained."""
        return self
