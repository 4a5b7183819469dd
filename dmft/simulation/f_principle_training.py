"""Finite-size twin of ``f-principle/training``: a deep network, trained on all samples at each step.

With `size` equal to the largest of the model's widths it is the network of the model. Other sizes N scale all widths,
multiply the kernels between neurons by sqrt(width/N), which keeps the tangent kernel, and the rate of Adam alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import infinite
from ..theory.f_principle import crossing
from ..theory.f_principle_training import LEVEL, FPrincipleTraining
from .backend import backend_for, get_backend
from .method import Simulation
from .networks import starts
from .networks.activations import activation
from .networks.dense import Dense
from .networks.layer import Layer
from .networks.losses import mean_square
from .networks.network import Network
from .networks.optimisers import OPTIMISERS
from .networks.replicas import estimate as estimate_training
from .networks.replicas import run_training
from .networks.schedules import constant
from .networks.training import Problem, Trained

Array = np.ndarray


def estimate(model: FPrincipleTraining, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    count = float(model.samples)
    recorded = count + 8.0 if model.on_a_line else 20.0
    needs = estimate_training(
        _problem(model, method), method, get_backend(method.backend), model.recorded_steps, recorded
    )
    return {"memory": needs["memory"] + (0.0 if model.on_a_line else 64.0 * count**2), "seconds": needs["seconds"]}


def simulate(model: FPrincipleTraining, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own start) and average them.

    Returns
    -------
    Solution
        Errors and loss at the recorded steps and at the stages of training, times to fit (infinite where a replica
        did not get there), the output at the end, and the information plane.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    6 n P operations a step and replica. The default network takes 1.5 ms a step in float32 and twice that in float64
    on one core.
    """
    backend = backend_for(
        method, estimate(model, method), "try fewer --replicas, a smaller --size or --precision float32"
    )

    def measure(weights: Any, outputs: Any, losses: Array) -> dict[str, Array]:
        host = backend.to_host(outputs)
        missing = model.pairs[1] - host
        values = model.errors((model.spectral if model.on_a_line else model.filtered)(missing))
        plane = np.array([model.information(row) for row in host])
        values |= {"output_entropy": plane[:, 0], "output_information": plane[:, 1]}
        return values | ({"prediction": host[:, :, 0]} if model.on_a_line else {})

    problem = _problem(model, method)
    moments, status, facts = run_training(
        problem, method, backend, model.recorded_steps, measure, progress, _ends(model)
    )
    curves = model.exact_curves(model.about_the_target())
    for name in moments:
        values, stderr = moments.mean(name), moments.stderr(name)
        if name == "prediction":
            values, stderr = values[-1], stderr[-1]
        curves[name] = model.observable(name).curve(infinite(values) if name == "time_to_fit" else values, stderr)
    kept = len(curves["train_loss"].values) if "train_loss" in curves else 0
    diagnostics = {
        "weights": problem.network.size,
        "replicas_used": len(facts),
    }
    return Solution(
        curves if kept else {}, model.coordinates(kept), status, moments.count, method.as_dict(), diagnostics
    )


def _ends(model: FPrincipleTraining) -> Any:
    def at_end(trained: Trained) -> dict[str, Array]:
        rows = range(len(trained.records["train_loss"]))
        stages = [model.at_stages({name: part[row] for name, part in trained.records.items()}) for row in rows]
        ends = {name: np.stack([row[name] for row in stages]) for name in stages[0]}
        if model.on_a_line:
            ends["time_to_fit"] = crossing(model.recorded_steps, trained.records["peak_error"], LEVEL)
        return ends

    return at_end


def _problem(model: FPrincipleTraining, method: Simulation) -> Problem:
    """The network, its data and its optimiser."""
    x, y = model.pairs
    largest = max(model.hidden)
    shrink = float(np.sqrt(largest / method.size))
    start = starts.normal(model.start_deviation)
    layers: list[Layer] = []
    for index, width in enumerate(model.hidden):
        neurons = max(1, round(width * method.size / largest))
        layers.append(Dense(neurons, start, start, multiplier=shrink if index else 1.0))
        layers.append(activation(model.activation))
    layers.append(Dense(y.shape[1], start, start, multiplier=shrink))
    rate = model.learning_rate * (shrink if model.optimiser == "adam" else 1.0)
    network, optimiser = Network(tuple(layers), (x.shape[1],)), OPTIMISERS[model.optimiser]()
    return Problem(network, mean_square, optimiser, constant(rate), x, y, target_loss=model.target_loss)
