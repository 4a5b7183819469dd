"""Exact equivalence of a network with one on the reduced space: unit weights and bounded thresholds.

The network is random, or the user's own from a file. Equation numbers are those of docs/theory/reduced_space.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.memory import check_memory
from .base import Model
from .network import ACTIVATIONS, Network, as_network
from .reduction import Reduction, norms, reduce
from .registry import register

Array = np.ndarray
REFERENCES = (
    "T. Qin, L. Zhou, D. Xiu, Reducing parameter space for neural network training, Theor. Appl. Mech. Lett. 10, 170 "
    "(2020), arXiv:1805.08340",
)
FRACTIONS = (
    Observable("dead_fraction", "p_0", "neurons of the first layer that are 0 on the whole domain", ("radius",)),
    Observable("saturated_fraction", "p_1", "neurons of the first layer that never switch off", ("radius",)),
    Observable("active_fraction", "p_a", "neurons of the first layer that switch on the domain", ("radius",)),
)
ALONG = (
    Observable("output", "f", "network along the first axis", ("x",)),
    Observable("reduced_output", "f'", "reduced network along the first axis", ("x",)),
)
LAYERS = (
    Observable("layer_neurons", "N_l", "neurons before the reduction", ("layer",)),
    Observable("layer_reduced_neurons", "N'_l", "neurons after the reduction", ("layer",)),
    Observable("threshold_bound", "X_B", "bound of the thresholds", ("layer",)),
)
SCALARS = (
    Observable("neurons", "N", "hidden neurons before the reduction", ()),
    Observable("reduced_neurons", "N'", "hidden neurons after the reduction", ()),
    Observable("dead_neurons", "Z", "neurons that are 0 on the whole domain", ()),
    Observable("saturated_neurons", "K", "neurons that never switch off", ()),
    Observable("largest_difference", "δ", "largest difference, relative to the largest value", ()),
)
FIGURE = (
    Panel("output", guides=(Guide("reduced_output", label="reduced network"),), title="one and the same function"),
    Panel("layer_neurons", log="", guides=(Guide("layer_reduced_neurons", label="after the reduction"),)),
    Panel("dead_fraction", log="x"),
    Panel("active_fraction", log="x"),
)
#: Radii of the fractions, in units of the radius of the domain.
RADII = np.geomspace(0.1, 10.0, 21)
#: Neurons and inputs of a random network, and the spread of its thresholds, unless given.
DEFAULTS = {"neurons": 100, "input_dim": 2, "hidden_layers": 1, "threshold_scale": 1.0}


@dataclass(frozen=True)
class Check(Declared):
    """How the difference of the two networks is measured."""

    points: int = declare(10_000, "", "random points of the ball on which the two are compared", bounds="[1, 1e8]")
    seed: int = declare(0, "seed", "seed of the points", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class ReducedSpace(Model):
    """A random network W ~ N(0, 1/inputs), b ~ N(0, threshold_scale²), or one from a file, on the ball ‖x‖ ≤ radius."""

    slug: ClassVar[str] = "reduced-space"
    title: ClassVar[str] = "Exact reduction of a network to unit weights and bounded thresholds"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = FRACTIONS + ALONG + LAYERS + SCALARS
    figure: ClassVar[tuple[Panel, ...]] = FIGURE
    method: ClassVar[type[Check]] = Check
    size_means: ClassVar[str] = "neurons of each hidden layer"

    network: str | None = declare(None, "", "file with the weights, .npz or .h5 [none: a random network]", kind=str)
    neurons: int = declare(None, "N", "neurons of each hidden layer [100]", kind=int, bounds="[1, 1e7]")
    input_dim: int = declare(None, "d", "inputs [2]", kind=int, bounds="[1, 1e6]")
    hidden_layers: int = declare(None, "", "hidden layers [1]", kind=int, bounds="[1, 100]")
    threshold_scale: float = declare(
        None, "σ_b", "standard deviation of the thresholds [1]", kind=float, bounds="[0, 1e100]"
    )
    activation: str = declare("relu", "σ", "activation", choices=ACTIVATIONS)
    radius: float = declare(1.0, "X_B", "radius of the domain", bounds="(0, 1e100]")
    seed: int = declare(0, "seed", "seed of the random network", bounds="[0, inf)")

    def check(self) -> None:
        if self.network is None:
            self.resolve(**DEFAULTS)
            return
        given = [name for name in DEFAULTS if getattr(self, name) is not None]
        if given:
            raise ParameterError(f"{given[0]} is given with network = {self.network!r}: the file has its own, leave it")
        if Path(self.network).suffix not in (".npz", ".h5", ".hdf5"):
            raise ParameterError(f"network = {self.network!r} is not allowed: give the name of a .npz or .h5 file")

    def draw(self, neurons: int, rng: np.random.Generator) -> Network:
        """A random network with that many neurons in each hidden layer and one output, without a constant there."""
        sizes = [self.input_dim, *[neurons] * self.hidden_layers, 1]
        weights = [rng.standard_normal((out, into)) / np.sqrt(into) for into, out in pairwise(sizes)]
        biases = [self.threshold_scale * rng.standard_normal(len(weight)) for weight in weights[:-1]]
        return Network(tuple(weights), (*biases, None), self.activation)

    def made(self) -> Network:
        """The network of this model."""
        if self.network is not None:
            return as_network(self.network, self.activation)
        return self.draw(self.neurons, np.random.default_rng(self.seed))

    def estimate(self, method: Check) -> dict[str, float]:
        if self.network is not None:
            return {"memory": 0.0, "seconds": 1.0}
        weights = float(self.neurons) * (self.input_dim + (self.hidden_layers - 1.0) * self.neurons + 2.0)
        memory = 8.0 * (4.0 * weights + 3.0 * method.points * max(self.neurons, self.input_dim))
        return {"memory": memory, "seconds": 0.01 + 2e-9 * weights * method.points}

    def solve(self, method: Check, progress: Progress) -> Solution:
        """Reduce the network and compare; no standard errors, the fractions are those of infinitely many neurons."""
        check_memory(self.estimate(method)["memory"], "try fewer --neurons or --points")
        reduction = reduce(self.made(), self.radius)
        inputs = reduction.original.inputs
        axis = self.radius * np.linspace(-1.0, 1.0, 201)
        along = np.zeros((len(axis), inputs))
        along[:, 0] = axis
        before, after = reduction.original.neurons, reduction.network.neurons
        points = np.vstack([ball(method.points, inputs, self.radius, np.random.default_rng(method.seed)), along])
        values = {
            "output": reduction.original(along)[:, 0],
            "reduced_output": reduction.network(along)[:, 0],
            "layer_neurons": before,
            "layer_reduced_neurons": after,
            "threshold_bound": reduction.bounds,
            **self._fractions(reduction),
            **counts(reduction),
            "largest_difference": reduction.difference(points),
        }
        curves = self.exact_curves(values)
        axes = {
            "x": Coordinate("x", axis, "x_1", "first input"),
            "layer": Coordinate("layer", np.arange(1.0, len(before) + 1.0), "l", "hidden layer"),
            **self.radii(),
        }
        status = Status(CONVERGED, f"{sum(before)} hidden neurons reduced to {sum(after)}, exactly")
        return Solution(curves, axes, status, 0, method.as_dict())

    def radii(self) -> dict[str, Coordinate]:
        """The axis of :data:`FRACTIONS`."""
        return {"radius": Coordinate("radius", self.radius * RADII, "X_B", "radius of the domain")}

    def _fractions(self, reduction: Reduction) -> dict[str, Array]:
        if self.network is not None:
            return fractions(reduction.original, self.radius * RADII)
        if self.threshold_scale == 0.0:
            beyond = np.zeros_like(RADII)
        else:  # b/‖w‖ is Student's t with d degrees of freedom, times the scale: eq. (7)
            from scipy.special import stdtr

            beyond = stdtr(float(self.input_dim), -self.radius * RADII / self.threshold_scale)
        return {"dead_fraction": beyond, "saturated_fraction": beyond, "active_fraction": 1.0 - 2.0 * beyond}


def counts(reduction: Reduction) -> dict[str, int]:
    """Neurons of all hidden layers together."""
    return {
        "neurons": sum(reduction.original.neurons),
        "reduced_neurons": sum(reduction.network.neurons),
        "dead_neurons": sum(reduction.dead),
        "saturated_neurons": sum(reduction.saturated),
    }


def fractions(network: Network, radii: Array) -> dict[str, Array]:
    """Counts of :data:`FRACTIONS` of the first hidden layer for every radius, by reducing that layer."""
    first = Network(network.weights[:1] + network.weights[1:2], network.biases[:2], network.activation)
    rows = []
    for radius in radii:
        made = reduce(first, float(radius))
        rows.append((made.dead[0], made.saturated[0]))
    dead, saturated = np.array(rows).T / network.neurons[0]
    return {"dead_fraction": dead, "saturated_fraction": saturated, "active_fraction": 1.0 - dead - saturated}


def ball(count: int, inputs: int, radius: float, rng: np.random.Generator) -> Array:
    """Points of shape (count, inputs), uniform in the ball."""
    points = rng.standard_normal((count, inputs))
    points /= norms(points)[:, None]
    return radius * points * rng.random((count, 1)) ** (1.0 / inputs)
