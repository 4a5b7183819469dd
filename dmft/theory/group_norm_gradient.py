"""Growth of the gradient through a deep random network with normalisation after each layer.

At infinite width, batch normalisation multiplies the mean square of the gradient by a factor above 1 in each layer,
which depends on the batch; layer and group normalisation, with many channels a group, leave it alone. Equation numbers
are those of docs/theory/group_norm_gradient.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .group_norm import REFERENCES
from .registry import register

Array = np.ndarray
#: Batches of the figure.
BATCHES = (4, 5, 6, 8, 12, 16, 32, 64, 128, 256)
#: π/(π − 1): the growth for ReLU and infinite batches.
RELU_LIMIT = np.pi / (np.pi - 1.0)


@register
@dataclass(frozen=True)
class GroupNormGradient(Model):
    """Random dense layers of infinite width, each followed by a normalisation; its twin has `size` channels a layer."""

    slug: ClassVar[str] = "group-norm/gradient"
    title: ClassVar[str] = "Growth of the gradient in a deep network with normalisation"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable(
            "log_gradient", "ln g_l", "logarithm of the squared gradient over that of the last layer", ("layer",)
        ),
        Observable("growth_against_batch", "λ_B", "growth of the squared gradient for each layer", ("batch_size",)),
        Observable("infinite_batch", "λ_∞", "the same for infinite batches", ()),
        Observable("growth", "λ", "growth of the squared gradient for each layer", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("log_gradient"),
        Panel("growth_against_batch", log="x", guides=(Guide("infinite_batch"),)),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (400, 800)
    size_means: ClassVar[str] = "channels of each layer"

    norm: str = declare("bn", "", "normalisation: batch, group or layer", choices=("bn", "gn", "ln"))
    batch: int = declare(8, "B", "samples of a batch", bounds="[1, 1e5]")
    activation: str = declare("identity", "", "activation behind the normalisation", choices=("identity", "relu"))
    depth: int = declare(30, "L", "layers", bounds="[3, 10000]")
    groups: int = declare(4, "G", "groups of channels, of group normalisation (simulation)", bounds="[1, 1e6]")

    def check(self) -> None:
        if self.norm == "bn" and self.batch <= 3:
            raise ParameterError(
                f"batch = {self.batch} is not allowed: for batches of 3 and fewer samples the mean squared gradient is "
                "infinite behind batch normalisation, give at least 4"
            )

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Exact for infinite width."""
        growth = self.growth_at(self.batch)
        limit = 1.0 if self.norm != "bn" or self.activation == "identity" else RELU_LIMIT
        values = {
            "log_gradient": (self.depth - 1.0 - self.layers) * np.log(growth),
            "growth_against_batch": np.array([self.growth_at(batch) for batch in BATCHES]),
            "infinite_batch": np.array(limit),
            "growth": np.array(growth),
        }
        curves = self.exact_curves(values)
        return Solution(curves, self.coordinates(), Status(CONVERGED, "closed form"), 0, method.as_dict())

    def growth_at(self, batch: int) -> float:
        """Factor on the squared gradient from one layer to the one before it."""
        if self.norm != "bn":
            return 1.0
        return linear_growth(batch) if self.activation == "identity" else relu_growth(batch)

    @property
    def layers(self) -> Array:
        """l = 1…L − 1: the gradient behind the last layer has not passed a normalisation yet."""
        return np.arange(1.0, self.depth)

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "layer": Coordinate("layer", self.layers, "l", "layer, from the input"),
            "batch_size": Coordinate("batch_size", np.array(BATCHES, dtype=float), "B", "samples of a batch"),
        }


def linear_growth(batch: int) -> float:
    """(B − 2)/(B − 3), eq. (2)."""
    return (batch - 2.0) / (batch - 3.0)


def relu_growth(batch: int) -> float:
    """The same for ReLU, eqs. (3)–(5): moments of the rectified, uniform direction u in B − 1 dimensions.

    E tr[(G − uuᵀ) D G D] with G = 1 − 11ᵀ/B and D the derivative of ReLU, over the variance q − c of the outputs that
    reaches the next layer.
    """
    b = float(batch)
    rho = -1.0 / (b - 1.0)  # correlation of two values with their mean subtracted
    both = 0.25 + np.arcsin(rho) / (2.0 * np.pi)  # probability that both are positive
    product = (np.sqrt(1.0 - rho**2) + rho * (np.pi - np.arccos(rho))) / (2.0 * np.pi)  # E relu relu, of variance 1
    pair = product * (1.0 - 1.0 / b) / (b - 1.0)  # E u₁₊ u₂₊: |g|² of the Gaussian has the mean B − 1
    spread = 0.5 - b * pair  # q − c of √B·relu(u)
    positive, squared = b / 2.0, b / 2.0 + b * (b - 1.0) * both  # E k and E k² of the number k of positive values
    trace = positive * (1.0 - 2.0 / b) + squared / b**2
    along = 0.5 - (0.5 + b * (b - 1.0) * pair) / b  # E uᵀ D G D u
    return float(b * (trace - along) / (spread * (b - 3.0) * (b - 1.0)))
