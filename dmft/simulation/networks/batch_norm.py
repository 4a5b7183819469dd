"""Batch normalisation, and normalisation by the statistics of the population, which takes its place at test time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ParameterError
from .layer import Arrays, Layer, Shape
from .normalisation import Normalisation, standardise, standardised_slope


@dataclass(frozen=True)
class PopulationNorm(Normalisation):
    """y = scale·(x − mean)/√(variance + ε) + bias with running statistics, which count as constants.

    Attributes
    ----------
    forgetting : float
        Part of a batch in the running statistics, which training follows: m ← (1 − forgetting)·m + forgetting·batch.

    Notes
    -----
    The running variance is unbiased: that of a batch times n/(n − 1) (arXiv:1502.03167, algorithm 2).
    """

    forgetting: float = 0.1

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        return {**super().shapes(inputs), "mean": inputs[-1:], "variance": inputs[-1:]}

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {**super().start(inputs, rng), "mean": np.zeros(inputs[-1]), "variance": np.ones(inputs[-1])}

    def constants(self) -> tuple[str, ...]:
        return ("mean", "variance")

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        flat = _flat(inputs)
        inverse = ((weights["variance"] + self.epsilon) ** -0.5)[:, None, None, :]
        standard = flat - weights["mean"][:, None, None, :]
        standard *= inverse
        return _as(inputs, self.rescaled(weights, standard)), (standard, inverse, flat)

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        standard, inverse, _ = cache
        return _as(slope, self.unscaled(xp, weights, standard, _flat(slope), gradient) * inverse)

    def statistics(self, xp: Any, weights: Arrays, cache: Any) -> Arrays:
        flat = cache[2]
        _, mean, variance, _ = standardise(xp, flat, flat.shape[-1], self.epsilon)
        return self.followed(weights, mean[:, 0, 0], variance[:, 0, 0], flat.shape[2])

    def followed(self, weights: Arrays, mean: Any, variance: Any, count: int) -> Arrays:
        """Running statistics after a batch of `count` values a channel."""
        new = {"mean": mean, "variance": variance * (count / max(count - 1, 1))}
        return {name: weights[name] + self.forgetting * (part - weights[name]) for name, part in new.items()}


@dataclass(frozen=True)
class BatchNorm(PopulationNorm):
    """The same with the statistics of the batch: μ and σ² of each channel over its samples and pixels."""

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        flat = _flat(inputs)
        if flat.shape[2] < 2:
            raise ParameterError("batch normalisation of a batch of 1 value a channel: give a batch of at least 2")
        standard, mean, variance, inverse = standardise(xp, flat, flat.shape[-1], self.epsilon)
        cache = (standard, inverse, mean[:, 0, 0], variance[:, 0, 0])
        return _as(inputs, self.rescaled(weights, standard)), cache

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        standard, inverse = cache[:2]
        inner = self.unscaled(xp, weights, standard, _flat(slope), gradient)
        return _as(slope, standardised_slope(xp, standard, inverse, inner, slope.shape[-1]))

    def statistics(self, xp: Any, weights: Arrays, cache: Any) -> Arrays:
        standard, _, mean, variance = cache
        return self.followed(weights, mean, variance, standard.shape[2])

    def at_test(self) -> Layer:
        return PopulationNorm(self.affine, self.epsilon, self.forgetting)


def _flat(values: Any) -> Any:
    """(R, 1, p, C): samples and pixels together."""
    return values.reshape(values.shape[0], 1, -1, values.shape[-1])


def _as(model: Any, values: Any) -> Any:
    """The axes of samples and pixels of `model` back again."""
    return values.reshape(values.shape[0], *model.shape[1:])
