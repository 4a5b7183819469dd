"""Finite-size twin of ``f-principle/lfp``: a two-layer network of N neurons under gradient flow.

The second half of the neurons repeats the first with −a, so that f = 0 at the start (antisymmetric start). All weights
are trained, at the rate 1/N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import infinite
from ..results.status import DIVERGED, Status
from ..solvers.ensemble import Member
from ..theory.f_principle_lfp import TIMES, FPrincipleLFP
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks.activations import activation
from .networks.dense import Dense
from .networks.flow import gradient_flow
from .networks.network import Network
from .replicas import run_replicas

Array = np.ndarray
#: Places at which the output is calculated together.
CHUNK = 64


def estimate(model: FPrincipleLFP, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    item, count = np.dtype(method.precision).itemsize, len(model.points)
    weights = (model.dimension + 2.0) * method.size
    workers = min(get_backend(method.backend).workers, method.replicas)
    memory = item * (8.0 * count * weights + 4.0 * CHUNK * method.size) + 8.0 * TIMES * (count + 100.0)
    passes = 3.0 * TIMES * count + 0.5 * len(model.places)
    seconds = method.replicas / workers * passes * weights * 3e-8
    return {"memory": workers * memory, "seconds": 0.2 + seconds}


def simulate(model: FPrincipleLFP, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own start) to interpolation and average them.

    Returns
    -------
    Solution
        The curves of the theory, except splines and ``gamma_squared``.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    An exponential step of the tangent kernel takes n passes through the network; a wide one needs few steps.
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size or fewer points")
    moments, status, facts = run_replicas(Replica, model, method, backend, TIMES - 1, progress)
    if status.code == DIVERGED:
        status = Status(DIVERGED, "the gradient flow needs too many steps: try a larger --size, which makes it lazy")
    curves = {}
    for name in moments:
        values = moments.mean(name)
        values = infinite(values) if name == "time_to_fit" else values
        curves[name] = model.observable(name).curve(values, moments.stderr(name))
    kept = len(curves["train_loss"].values) if curves else 0
    diagnostics = {
        "steps": max((item["steps"] for item in facts), default=0),
        "replicas_used": len(facts),
    }
    return Solution(curves, model.coordinates(kept), status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """One start of the network."""

    def __init__(self, model: FPrincipleLFP, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.backend = model, backend
        self.network = _network(model, method.size)
        self.weights = backend.xp.asarray(self.network.start([rng])[0].astype(method.precision))
        # outputs cannot be followed below round-off of sums that cancel
        self.tolerance = 1e-4 if method.precision == "float64" else 1e-2

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Follow the gradient flow to the end or until ``stop()``."""
        model = self.model
        flow = gradient_flow(
            self.network, self.backend, self.weights, model.points, model.values, model.times,
            1.0 / self.network.features[1][0], self.tolerance, stop, update,
        )  # fmt: skip
        done = len(flow.residuals)
        facts = {"steps": flow.steps}
        if done < TIMES:  # the rest is known at the end only
            loss, remainder = 0.5 * np.mean(flow.residuals**2, axis=1), model.remainder(flow.residuals)
            series = {"train_loss": loss, "spectral_remainder": remainder}
            return Member({}, done, flow.diverged, facts, series=series)
        curves = model.curves(self.predict(flow.weights), flow.residuals)
        fit = curves.pop("time_to_fit")
        series = {name: curves.pop(name) for name in ("train_loss", "spectral_remainder")}
        return Member({}, done, flow.diverged, facts, {**curves, "time_to_fit": _known(fit)}, series)

    def predict(self, weights: Any) -> Array:
        """Outputs (m,) at the places of the model."""
        xp, parts = self.backend.xp, []
        for first in range(0, len(self.model.places), CHUNK):
            places = xp.asarray(self.model.places[first : first + CHUNK].astype(weights.dtype))
            outputs, _ = self.network.forward(xp, weights[None], places[None])
            parts.append(self.backend.to_host(outputs[0, :, 0]))
        return np.concatenate(parts)


def _known(times: Array) -> Array:
    return np.where(np.isfinite(times), times, np.nan)


def _network(model: FPrincipleLFP, size: int) -> Network:
    """Two layers of `size` neurons, rounded up to an even number."""
    half = -(-size // 2)

    def kernel(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        direction = rng.standard_normal((shape[0], half))
        direction /= np.linalg.norm(direction, axis=0)
        return np.tile(model.weight_range * rng.random(half) * direction, 2)

    def bias(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.tile(rng.uniform(-model.bias_range, model.bias_range, (1, half)), 2)

    def output(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        a = rng.uniform(-model.output_range, model.output_range, (half, 1))
        return np.concatenate([a, -a])

    layers = (Dense(2 * half, kernel, bias), activation(model.activation), Dense(1, output, None))
    return Network(layers, (model.dimension,))
