"""Finite-size twin of ``reduced-space``: random networks of N neurons in each hidden layer, reduced one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import ParameterError
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.reduced_space import RADII, ReducedSpace, ball, counts, fractions
from ..theory.reduction import reduce
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Points of the ball on which each network and its reduction are compared.
POINTS = 1000


def estimate(model: ReducedSpace, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    if model.network is not None:
        return {"memory": 0.0, "seconds": 0.0}
    weights = float(method.size) * (model.input_dim + (model.hidden_layers - 1.0) * method.size + 2.0)
    workers = min(get_backend(method.backend).workers, method.replicas)
    memory = workers * 8.0 * (4.0 * weights + 3.0 * POINTS * max(method.size, model.input_dim))
    seconds = 2e-9 * weights * POINTS + len(RADII) * 2e-8 * method.size * (model.input_dim + 10.0)
    return {"memory": memory, "seconds": 0.05 + method.replicas / workers * seconds}


def simulate(model: ReducedSpace, method: Simulation, progress: Progress) -> Solution:
    """Draw independent networks with ``size`` neurons in each hidden layer, reduce them and count.

    Returns
    -------
    Solution
        The fractions over ``radius``; counts and the largest difference; mean and standard error over replicas.

    Raises
    ------
    ParameterError
        If the model holds one given network, or the options ask for what counting has no use for.
    MemoryLimitError
    """
    if model.network is not None:
        raise ParameterError(f"network = {model.network!r} is one network: leave it out to simulate random ones")
    method.only("counting needs", backend="numpy", precision="float64", field_response=False)
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    moments, status, facts = run_replicas(Replica, model, method, backend, 0, progress)
    if status.success:
        status = replace(status, message=f"{moments.count} random networks of {method.size} neurons reduced")
    curves = model.mean_curves(moments)
    diagnostics = {"replicas_used": len(facts)}
    axes = model.radii() if curves else {}
    return Solution(curves, axes, status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """One random network."""

    def __init__(self, model: ReducedSpace, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.rng = model, rng
        self.network = model.draw(method.size, rng)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Reduce it on the domain, and its first layer on all radii."""
        model = self.model
        reduction = reduce(self.network, model.radius)
        points = ball(POINTS, model.input_dim, model.radius, self.rng)
        numbers = {name: np.array(value) for name, value in counts(reduction).items()}
        numbers["largest_difference"] = np.array(reduction.difference(points))
        shares = fractions(self.network, model.radius * RADII)
        update(1.0)
        return Member({}, 1, at_end={**numbers, **shares})
