"""Group normalisation, with layer and instance normalisation as its ends: statistics of one sample, not a batch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ...errors import ParameterError
from .layer import Arrays, Shape
from .normalisation import Normalisation, standardise, standardised_slope


@dataclass(frozen=True)
class GroupNorm(Normalisation):
    """μ and σ² over the pixels and the channels of a group of neighbouring channels (arXiv:1803.08494, eqs. 2–7).

    Attributes
    ----------
    groups : int
        G; it divides the channels. 1 is layer normalisation, one channel a group instance normalisation.
    """

    groups: int = 32

    def groups_of(self, channels: int) -> int:
        """G for so many channels."""
        return self.groups

    def outputs(self, inputs: Shape) -> Shape:
        groups = self.groups_of(inputs[-1])
        if groups < 1 or inputs[-1] % groups:
            raise ParameterError(
                f"groups = {groups} do not divide {inputs[-1]} channels: give one of {divisors(inputs[-1])}"
            )
        if prod(inputs) // groups < 2:
            raise ParameterError(
                f"{groups} groups of {inputs[-1]} channels without pixels have one value each, which has no variance: "
                "give fewer groups"
            )
        return inputs

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        shape = inputs.shape
        flat = inputs.reshape(*shape[:2], -1, shape[-1])
        standard, _, _, inverse = standardise(xp, flat, self.groups_of(shape[-1]), self.epsilon)
        outputs = self.rescaled(weights, standard)
        return outputs.reshape(-1, *shape[1:]), (standard, inverse)

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        standard, inverse = cache
        flat = slope.reshape(*slope.shape[:2], -1, slope.shape[-1])
        inner = self.unscaled(xp, weights, standard, flat, gradient)
        result = standardised_slope(xp, standard, inverse, inner, self.groups_of(slope.shape[-1]))
        return result.reshape(slope.shape)


@dataclass(frozen=True)
class LayerNorm(GroupNorm):
    """All channels in one group (arXiv:1607.06450)."""

    groups: int = 1


@dataclass(frozen=True)
class InstanceNorm(GroupNorm):
    """Each channel on its own (arXiv:1607.08022); `groups` is not used."""

    def groups_of(self, channels: int) -> int:
        return channels


def divisors(number: int) -> list[int]:
    """All of them, in order."""
    return [part for part in range(1, number + 1) if number % part == 0]
