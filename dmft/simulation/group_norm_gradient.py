"""Finite-width twin of ``group-norm/gradient``: a random network with N channels a layer, and a random gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.group_norm import check_groups
from ..theory.group_norm_gradient import GroupNormGradient
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks.activations import activation
from .networks.dense import Dense
from .networks.network import Network
from .networks.norms import normalisation
from .replicas import run_replicas

Array = np.ndarray


def estimate(model: GroupNormGradient, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    weights = float(model.depth) * method.size**2
    passes = 4.0 * weights * model.batch / 2e9 + 3e-8 * weights
    memory = workers * (17.0 * weights + 60.0 * model.depth * method.size * model.batch)
    return {"memory": memory, "seconds": 0.2 + method.replicas * passes / workers}


def simulate(model: GroupNormGradient, method: Simulation, progress: Progress) -> Solution:
    """Send a batch forward and a random gradient back through independent random networks.

    Returns
    -------
    Solution
        ``log_gradient`` at each layer, and ``growth``, from its slope.

    Raises
    ------
    ParameterError
        If `size` channels do not fall into equal groups of at least 4.
    MemoryLimitError, BackendError

    Notes
    -----
    4 B N² operations a layer, and N² random numbers.
    """
    if model.norm == "gn":
        check_groups(model.groups, method.size)
    backend = backend_for(method, estimate(model, method), "try a smaller --size or --depth")
    label = f"random networks of N={method.size}"
    moments, status, facts = run_replicas(Replica, model, method, backend, 0, progress, label)
    if status.success:
        status = replace(status, message=f"gradients of {len(facts)} random networks")
    curves = model.mean_curves(moments)
    diagnostics = {"replicas_used": len(facts)}
    return Solution(curves, model.coordinates(), status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """One random network with its batch."""

    def __init__(
        self, model: GroupNormGradient, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.method, self.backend, self.rng = model, method, backend, rng

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """The gradient at all layers, and its growth from the slope of the logarithms."""
        if stop():
            return Member({}, 0)
        logs = _logarithms(self.model, self.method, self.backend, self.rng)
        update(1.0)
        slope = -np.polyfit(self.model.layers, logs, 1)[0]
        return Member({}, 1, at_end={"log_gradient": logs, "growth": np.exp(slope)})


def _logarithms(model: GroupNormGradient, method: Simulation, backend: Backend, rng: np.random.Generator) -> Array:
    """ln of the squared gradient at the outputs of each layer, over that of the last but one."""
    xp, size = backend.xp, method.size
    block = (
        Dense(size, bias_start=None, trained=False),
        normalisation(model.norm, model.groups, affine=False, epsilon=0.0),
        activation(model.activation),
    )
    network = Network(block * model.depth, (size,))
    weights = xp.asarray(network.start([rng]).astype(method.precision))
    inputs = xp.asarray(rng.standard_normal((1, model.batch, size)).astype(method.precision))
    outputs, caches = network.forward(xp, weights, inputs)
    slope = xp.asarray(rng.standard_normal(outputs.shape).astype(method.precision))
    squares = []
    views = network.views(weights)
    for index in reversed(range(len(network.layers))):
        slope = network.layers[index].backward(xp, views[index], caches[index], slope, {})
        if index % len(block) == 0 and index:
            squares.append(float((slope.astype(np.float64) ** 2).sum()))
    logs = np.log(np.array(squares[::-1]))
    found: Array = logs - logs[-1]
    return found
