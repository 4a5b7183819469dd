"""Twin of ``relu-neuron``: plain gradient descent at a finite rate η, on the same data from the same starts.

What is finite here is not the number of weights but the step: ``size`` is the number of steps up to ``t_max``. The run
is deterministic, so its error bars are its own estimate of the error of the step: the differences from runs with half
and a quarter of the rate. They shrink like η, and so does the deviation from the flow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..solvers.memory import check_memory
from ..solvers.piecewise.method import Piecewise
from ..theory.relu_neuron import POINTS, ReLUNeuron
from .method import Simulation

Array = np.ndarray
#: Points before and after one whose differences also count as its error: near a switch it is not smooth.
NEAR = 2
#: Larger weights are called divergence.
LARGEST = 1e100


class Interrupted(Exception):
    """Ctrl-C within a run of gradient descent, with what there was of it."""

    def __init__(self, path: Array) -> None:
        super().__init__()
        self.path = path


def substeps(rate: float | None, method: Simulation, end: float) -> int:
    """Steps of gradient descent between two times that are reported, for a given rate or the number of all steps."""
    return max(1, round((method.size if rate is None else end / rate) / POINTS))


def estimate(model: ReLUNeuron, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    n, d = model.instance.x.shape
    steps = method.size if model.learning_rate is None else (model.t_max or 10.0) / model.learning_rate
    work = 7.0 * max(steps, POINTS) * (2e-5 + 2e-9 * model.starts * n * d)
    return {"memory": 8.0 * model.starts * (4.0 * (POINTS + 1.0) * (d + 1.0) + 3.0 * n), "seconds": 0.2 + work}


def simulate(model: ReLUNeuron, method: Simulation, progress: Progress) -> Solution:
    """Gradient descent from all starts, three times: at η, η/2 and η/4.

    Returns
    -------
    Solution
        ``weights``, ``loss``, ``norm`` and ``distance`` at rate η; ``stderr`` is the estimated error of the step.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    ``replicas``, ``seed`` and ``precision`` have no effect: nothing is drawn but what the model draws.
    """
    check_memory(estimate(model, method)["memory"], "try fewer --starts")
    times = model.times(model.flows(Piecewise(), Progress(), np.zeros(0), 0))
    count = substeps(model.learning_rate, method, times[-1])
    paths, step, status = descend_thrice(
        model.initial, lambda w, eta, k: update(model, w, eta, k), times[-1], count, progress
    )
    length = min(path.shape[1] for path in paths)
    measured = [model.along(path[:, :length]) for path in paths]
    errors = {name: step_error([item[name] for item in measured]) for name in measured[0]} if len(paths) > 1 else None
    curves = model.curves(measured[0], errors)
    facts = {"learning_rate": step}
    return Solution(curves, model.coordinates(times[:length], curves), status, 0, method.as_dict(), facts)


def update(model: ReLUNeuron, w: Array, step: float, k: int) -> Array:
    """One step of gradient descent.

    From w = 0 all samples count as active, whatever their slope at 0 is: else nothing would move.
    """
    x, y = model.instance.x, model.instance.y
    z = w @ x.T
    active = z > 0.0
    if k == 0 and not w.any():
        active[:] = True
    elif k == 0 and model.slope_at_zero:
        active |= z == 0.0
    return w + step * ((active * (y - z)) @ x)


def descend_thrice(
    start: Array, move: Callable[[Array, float, int], Array], end: float, count: int, progress: Progress
) -> tuple[list[Array], float, Status]:
    """Paths (starts, times, d) with `count` steps between times, twice and four times as many; η; how it ended."""
    step = end / (POINTS * count)
    paths, status = [], Status(CONVERGED, f"gradient descent at rate {step:.4g}; errors from halving it twice")
    progress.start("gradient descent", 7.0 * POINTS)
    try:
        for fold in (1, 2, 4):
            paths.append(descend(start, move, step / fold, count * fold, progress, fold))
    except Interrupted as stop:
        status = Status(INTERRUPTED, "interrupted: run again for the rest")
        paths = paths or [stop.path]
    finally:
        progress.finish()
    length = min(path.shape[1] for path in paths)
    if length <= POINTS and status.success:
        status = Status(
            DIVERGED,
            f"gradient descent at rate {step:.3g} left the range after t = {end * (length - 1) / POINTS:.4g}; "
            "the data up to there are kept; try a larger --size or a smaller --learning-rate",
        )
    return paths, step, status


def descend(
    start: Array, move: Callable[[Array, float, int], Array], step: float, count: int, progress: Progress, fold: int
) -> Array:
    """Weights (starts, times, d) after every `count` steps, as far as they stay in the range of numbers."""
    w = start.copy()
    path = np.empty((len(w), POINTS + 1, w.shape[1]))
    for k in range(POINTS + 1):
        path[:, k] = w
        try:
            progress.update(float(fold))
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is found in the values
                for j in range(count if k < POINTS else 0):
                    w = move(w, step, k + j)
        except KeyboardInterrupt:
            raise Interrupted(path[:, : k + 1]) from None
        if not np.all(np.abs(w) < LARGEST):
            return path[:, : k + 1]
    return path


def step_error(values: list[Array]) -> Array:
    """Estimated error at η of values (starts, times, …) at η, η/2 and maybe η/4, if it is proportional to the rate.

    A switch falls on a step, early or late by chance: so the largest of the three differences counts.
    """
    full, half = values[:2]
    error = 2.0 * np.abs(full - half)
    if len(values) > 2:
        error = np.maximum(error, np.abs(full - values[2]) * (4.0 / 3.0))
        error = np.maximum(error, np.abs(half - values[2]) * 4.0)
    wide = error.copy()
    for shift in range(1, NEAR + 1):
        wide[:, shift:] = np.maximum(wide[:, shift:], error[:, :-shift])
        wide[:, :-shift] = np.maximum(wide[:, :-shift], error[:, shift:])
    return wide
