"""Twin of ``relu-neuron/hidden``: gradient descent of both layers; see :mod:`dmft.simulation.relu_neuron`."""

from __future__ import annotations

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..theory.relu_neuron import POINTS
from ..theory.relu_neuron_hidden import ReLUNeuronHidden
from .method import Simulation
from .relu_neuron import descend_thrice, step_error, substeps

Array = np.ndarray


def estimate(model: ReLUNeuronHidden, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    steps = method.size if model.learning_rate is None else model.t_max / model.learning_rate
    return {"memory": 8.0 * 4.0 * (POINTS + 1.0) * len(model.start), "seconds": 0.2 + 7.0 * 3e-5 * max(steps, POINTS)}


def simulate(model: ReLUNeuronHidden, method: Simulation, progress: Progress) -> Solution:
    """Gradient descent at η, η/2 and η/4; `stderr` is the estimated error of the step, as in ``relu-neuron``."""
    count = substeps(model.learning_rate, method, model.t_max)
    paths, step, status = descend_thrice(
        model.start[None, :], lambda s, eta, k: update(model, s, eta, k), model.t_max, count, progress
    )
    length = min(path.shape[1] for path in paths)
    measured = [model.along(path[0, :length]) for path in paths]
    curves = {}
    for name, values in measured[0].items():
        error = step_error([item[name][None] for item in measured])[0] if len(paths) > 1 else None
        curves[name] = model.observable(name).curve(values, error)
    facts = {"learning_rate": step}
    return Solution(curves, model.coordinates(length), status, 0, method.as_dict(), facts)


def update(model: ReLUNeuronHidden, state: Array, step: float, k: int) -> Array:
    """One step; from w = 0 all samples count as active."""
    x, y = model.instance.x, model.instance.y
    w, v = state[:, :-1], state[:, -1:]
    z = w @ x.T
    active = (z > 0.0) | (k == 0)
    residual = y - v * (active * z)
    return np.concatenate(
        [w + step * v * ((active * residual) @ x), v + step * np.sum(residual * active * z, axis=1, keepdims=True)],
        axis=1,
    )
