"""Normalising layers by their short names."""

from __future__ import annotations

from ...errors import UnknownNameError
from .batch_norm import BatchNorm, PopulationNorm
from .group_norm import GroupNorm, InstanceNorm, LayerNorm
from .layer import Layer

NAMES = ("bn", "gn", "in", "ln", "pn")


def normalisation(name: str, groups: int = 32, affine: bool = True, epsilon: float = 1e-5) -> Layer:
    """The layer: bn batch, pn population, gn group, ln layer, in instance; `groups` are those of gn.

    Raises
    ------
    UnknownNameError
    """
    if name == "gn":
        return GroupNorm(affine, epsilon, groups)
    kinds = {"bn": BatchNorm, "pn": PopulationNorm, "ln": LayerNorm, "in": InstanceNorm}
    if name not in kinds:
        raise UnknownNameError("normalisation", name, NAMES)
    return kinds[name](affine, epsilon)
