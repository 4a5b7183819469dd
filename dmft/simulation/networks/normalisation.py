"""What the normalising layers share: standardised numbers, and a scale and a bias for each channel.

Channels are the last axis. Variances are biased, and ε is added to them. Inputs are looked at as (R, m, p, C), where
statistics are shared by the p values of a channel, and by channels of a group: m = 1 and p samples and pixels in batch
normalisation, m samples of p pixels in group normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .layer import Arrays, Layer, Shape


@dataclass(frozen=True)
class Normalisation(Layer):
    """Base of the normalising layers: y = scale·x̂ + bias.

    Attributes
    ----------
    affine : bool
        Whether there are a scale (1 at the start) and a bias (0 at the start) for each channel.
    epsilon : float
        Added to the variance.
    """

    affine: bool = True
    epsilon: float = 1e-5

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        return {"scale": inputs[-1:], "bias": inputs[-1:]} if self.affine else {}

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"scale": np.ones(inputs[-1]), "bias": np.zeros(inputs[-1])} if self.affine else {}

    def products(self, inputs: Shape) -> float:
        return 5.0 * prod(inputs)

    def kept(self, inputs: Shape) -> float:
        return float(prod(inputs))

    def rescaled(self, weights: Arrays, standard: Any) -> Any:
        """The outputs for standardised numbers (R, m, p, C)."""
        if not self.affine:
            return standard
        outputs = standard * weights["scale"][:, None, None, :]
        outputs += weights["bias"][:, None, None, :]
        return outputs

    def unscaled(self, xp: Any, weights: Arrays, standard: Any, slope: Any, gradient: Arrays) -> Any:
        """∂L/∂x̂ from ∂L/∂y, both (R, m, p, C); writes the gradients of scale and bias."""
        if not self.affine:
            return slope
        gradient["scale"][...] = products(xp, slope, standard).sum(axis=1)
        gradient["bias"][...] = sums(xp, slope).sum(axis=1)
        return slope * weights["scale"][:, None, None, :]


def sums(xp: Any, values: Any) -> Any:
    """Over the p of (R, m, p, C); as a matrix product, which is ten times as fast as a sum over an inner axis."""
    return xp.matmul(xp.ones((1, values.shape[2]), dtype=values.dtype), values)[:, :, 0, :]


def products(xp: Any, first: Any, second: Any) -> Any:
    """Sums of products over the p of (R, m, p, C)."""
    return xp.einsum("rmpc,rmpc->rmc", first, second)


def shared(xp: Any, totals: Any, groups: int, pixels: int) -> Any:
    """The mean over the p and the channels of a group, for each channel: (R, m, 1, C) from sums (R, m, C)."""
    replicas, samples, channels = totals.shape
    size = channels // groups
    if size > 1:
        totals = totals.reshape(replicas, samples, groups, size).sum(axis=3, keepdims=True)
        totals = xp.broadcast_to(totals, (replicas, samples, groups, size)).reshape(replicas, samples, channels)
    return (totals / (pixels * size))[:, :, None, :]


def standardise(xp: Any, inputs: Any, groups: int, epsilon: float) -> tuple[Any, Any, Any, Any]:
    """x̂ = (x − μ)/√(σ² + ε) for (R, m, p, C), with μ and σ² over p and the channels of a group.

    Returns
    -------
    standard, mean, variance, inverse
        The latter three have the shape (R, m, 1, C); inverse is 1/√(σ² + ε).
    """
    pixels = inputs.shape[2]
    mean = shared(xp, sums(xp, inputs), groups, pixels)
    standard = inputs - mean
    variance = shared(xp, products(xp, standard, standard), groups, pixels)
    inverse = (variance + epsilon) ** -0.5
    standard *= inverse
    return standard, mean, variance, inverse


def standardised_slope(xp: Any, standard: Any, inverse: Any, slope: Any, groups: int) -> Any:
    """∂L/∂x from ∂L/∂x̂ (arXiv:1502.03167, section 3): what shifts or stretches all values of a group has no effect."""
    pixels = slope.shape[2]
    drift = shared(xp, sums(xp, slope), groups, pixels)
    stretch = shared(xp, products(xp, slope, standard), groups, pixels)
    result = slope - drift
    result -= standard * stretch
    result *= inverse
    return result
