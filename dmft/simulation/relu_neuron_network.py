"""Twin of ``relu-neuron/network``: gradient descent of the whole network; see :mod:`dmft.simulation.relu_neuron`."""

from __future__ import annotations

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..theory.relu_neuron import POINTS
from ..theory.relu_neuron_network import ReLUNeuronNetwork
from .method import Simulation
from .relu_neuron import LARGEST, step_error, substeps

Array = np.ndarray


def estimate(model: ReLUNeuronNetwork, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    steps = model.times[-1] / model.learning_rate
    return {"memory": 8.0 * 12.0 * model.neurons, "seconds": 0.5 + 7.0 * max(steps, POINTS) * model.neurons * 4e-8}


def simulate(model: ReLUNeuronNetwork, method: Simulation, progress: Progress) -> Solution:
    """Gradient descent at η, η/2 and η/4 from the start of the model; `stderr` is the estimated error of the step."""
    times = model.times
    count = substeps(model.learning_rate, method, times[-1])
    step = times[-1] / (POINTS * count)
    runs, status = [], Status(CONVERGED, f"gradient descent at rate {step:.4g}; errors from halving it twice")
    progress.start("gradient descent", 7.0 * POINTS)
    try:
        for fold in (1, 2, 4):
            runs.append(descend(model, step / fold, count * fold, progress, fold))
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, "interrupted: run again for the rest")
    finally:
        progress.finish()
    length = min((len(run[0]) for run in runs), default=0)
    if status.success and length <= POINTS:
        words = f"gradient descent at rate {step:.3g} left the range after t = {times[length - 1]:.4g}"
        status = Status(DIVERGED, f"{words}; the data up to there are kept; try a smaller --learning-rate")
    facts = {"learning_rate": step}
    if not runs:
        return Solution({}, {}, status, 0, method.as_dict(), facts)
    measured = [model.along(output[:length], squares[:length]) for output, squares in runs]
    curves = {}
    for name, values in measured[0].items():
        error = step_error([item[name][None] for item in measured])[0] if len(runs) > 1 else None
        curves[name] = model.observable(name).curve(values, error)
    curves |= model.finals(curves)
    for k, name in enumerate(("negative_half_time", "positive_half_time")):
        crossed = [half_time(times[:length], np.abs(run[0][:length, k]), abs(model.targets[k])) for run in runs]
        if np.all(np.isfinite(crossed)):
            error = step_error([np.array([[value]]) for value in crossed])[0, 0] if len(runs) > 1 else None
            curves[name] = model.observable(name).curve(np.array(crossed[0]), error)
    return Solution(curves, model.coordinates(length), status, 0, method.as_dict(), facts)


def descend(model: ReLUNeuronNetwork, step: float, count: int, progress: Progress, fold: int) -> tuple[Array, Array]:
    """Outputs (times, 2) and Σ a² (times,) after every `count` steps, as far as they stay in the range of numbers."""
    from .kernels.relu_network import descend as advance

    x, y = model.inputs, model.targets
    a, w = (array.copy() for array in model.start)
    z, output = np.empty((len(a), len(y))), np.empty(len(y))
    outputs, squares = np.empty((POINTS + 1, len(y))), np.empty(POINTS + 1)
    for k in range(POINTS + 1):
        outputs[k] = a @ np.maximum(w @ x.T, 0.0)
        squares[k] = a @ a
        progress.update(float(fold))
        if not squares[k] < LARGEST:
            return outputs[:k], squares[:k]
        if k < POINTS:
            advance(x, y, a, w, step, count, z, output)
    return outputs, squares


def half_time(times: Array, size: Array, target: float) -> float:
    """When a growing output reaches half of its target: the logit is a straight line in time; NaN if it never does."""
    late = np.flatnonzero(size >= 0.5 * target)
    if not len(late) or late[0] == 0 or not size[late[0] - 1] > 0.0:
        return float("nan")
    k = late[0]
    low, high = (np.log(size[i] / max(target - size[i], 1e-300)) for i in (k - 1, k))
    return float(times[k - 1] + (times[k] - times[k - 1]) * (-low) / (high - low))
