"""One network trained at many settings, such as batches and optimisers: an outcome for each, and one status for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...results.progress import Progress
from ...results.statistics import Moments
from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..backend import Backend
from ..method import Simulation
from .network import Network
from .replicas import estimate, run_training
from .training import Problem, Trained

#: What is measured when a training is done: ``outcome(problem, trained) -> (R, …)`` by name.
Outcome = Callable[[Problem, Trained], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Setting:
    """A problem, and the steps before which its loss and its training error are recorded."""

    problem: Problem
    times: np.ndarray


def run_settings(
    settings: Mapping[str, Setting],
    method: Simulation,
    backend: Backend,
    outcome: Outcome,
    progress: Progress,
) -> tuple[dict[str, Moments], Status]:
    """Train all replicas at one setting after the other.

    Returns
    -------
    moments : dict
        Of what `outcome` measured, for each setting; of one that diverged, in its last finite state. Without those
        that were interrupted, or diverged at once.
    status : Status
        ``diverged`` if a setting did; ``interrupted`` ends all.
    """
    found: dict[str, Moments] = {}
    lost: list[str] = []
    for name, setting in settings.items():
        problem = setting.problem

        def measure(weights: Any, outputs: Any, losses: np.ndarray, targets: Any = problem.targets) -> Any:
            host = backend.to_host(outputs)
            wrong = np.argmax(host, axis=2) != np.argmax(targets, axis=1)
            return {"train_loss": losses, "train_error": wrong.mean(axis=1)}

        def at_end(trained: Trained, problem: Problem = problem) -> dict[str, np.ndarray]:
            return outcome(problem, trained)

        # no seed of its own: all settings start from the same weights
        moments, status, _ = run_training(problem, method, backend, setting.times, measure, progress, at_end, True)
        if status.code == INTERRUPTED:
            message = f"interrupted at {name}: {len(found)} of {len(settings)} settings are complete and kept"
            return found, Status(INTERRUPTED, message)
        if status.code == DIVERGED:
            lost.append(name)
        if moments.count:
            found[name] = moments
    if lost:
        message = f"{len(lost)} of {len(settings)} settings left the float range, their last finite state is kept: "
        return found, Status(DIVERGED, f"{message}{'; '.join(lost)}. Try a smaller learning rate")
    return found, Status(CONVERGED, f"{method.replicas} networks trained at each of {len(settings)} settings")


def estimate_settings(settings: Mapping[str, Setting], method: Simulation, backend: Backend) -> dict[str, float]:
    """Memory in bytes, of the largest, and a rough number of seconds on a CPU, of all."""
    needs = [estimate(item.problem, method, backend, item.times, 4.0) for item in settings.values()]
    return {"memory": max(item["memory"] for item in needs), "seconds": sum(item["seconds"] for item in needs)}


def error_rate(network: Network, backend: Backend, weights: Any, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Part (R,) of samples whose largest output is not at their label."""
    data = backend.xp.asarray(inputs.astype(weights.dtype))[None]
    outputs = backend.to_host(network.evaluate(backend.xp, weights, data))
    wrong: np.ndarray = np.mean(np.argmax(outputs, axis=2) != labels, axis=1)
    return wrong
