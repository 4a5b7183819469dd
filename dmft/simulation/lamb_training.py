"""Trained twin of ``lamb/training``: two hidden layers of `size` ReLU neurons on 8 × 8 digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.curve import Coordinate
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import infinite
from ..theory.lamb_training import LambTraining
from .backend import backend_for, get_backend
from .method import Simulation
from .networks import starts
from .networks.activations import ReLU
from .networks.data.choose import choose
from .networks.data.dataset import Dataset
from .networks.dense import Dense
from .networks.losses import cross_entropy
from .networks.network import Network
from .networks.optimisers import SMALL, Optimiser, optimiser
from .networks.schedules import warm_up_linear_decay
from .networks.settings import Setting, error_rate, estimate_settings, run_settings
from .networks.training import Problem, Trained

Array = np.ndarray
HE = starts.fan_in(2.0)
#: Training error that counts as learned, and how often it is looked at.
LEVEL, RECORDS = 0.05, 60


def estimate(model: LambTraining, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    settings = _settings(model, method, choose(model.data).flat())
    return estimate_settings(settings, method, get_backend(method.backend))


def simulate(model: LambTraining, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own start, own batches) with each optimiser and batch, and test them.

    Returns
    -------
    Solution
        Test error and training loss at the end, and steps to 95 % training accuracy: infinite where a replica does not
        get there. A setting that diverges shows its last finite state, and is told in the status.

    Raises
    ------
    ParameterError, MemoryLimitError, BackendError
    """
    data = choose(model.data).flat()
    settings = _settings(model, method, data)
    needs = estimate_settings(settings, method, get_backend(method.backend))
    backend = backend_for(method, needs, "try fewer --replicas or a smaller --size")

    def outcome(problem: Problem, trained: Trained) -> dict[str, Array]:
        wrong = error_rate(problem.network, backend, trained.weights, data.test_inputs, data.test_labels)
        times = settings_of[id(problem)]
        errors = trained.records["train_error"]
        return {
            "test_error": wrong,
            "last_loss": trained.records["train_loss"][:, -1],
            "steps_to_95": np.array([_first(times[: trained.done], row) for row in errors]),
        }

    settings_of = {id(item.problem): item.times for item in settings.values()}
    found, status = run_settings(settings, method, backend, outcome, progress)
    sizes = model.sizes_of_batches(len(data.inputs))
    curves = {}
    for name in model.chosen:
        keys = [_name(name, int(batch)) for batch in sizes]
        for part, kind in (("test_error", "test_error"), ("last_loss", "train_loss"), ("steps_to_95", "steps_to_95")):
            pairs = [
                (found[key].mean(part), found[key].stderr(part)) if key in found else (np.nan,) * 2 for key in keys
            ]
            values, stderr = np.array(pairs, dtype=float).T
            lost = np.array([key not in found for key in keys])
            if not lost.all():
                values = np.where(lost, np.nan, infinite(values))
                curves[f"{name}_{kind}"] = model.observable(f"{name}_{kind}").curve(values, stderr)
    axes = {"batch_size": Coordinate("batch_size", sizes.astype(float), "B", "samples of a batch")}
    diagnostics: dict[str, Any] = {
        "weights": next(iter(settings.values())).problem.network.size,
        "test_samples": len(data.test_labels),
    }
    count = min((item.count for item in found.values()), default=0)
    return Solution(curves, axes if curves else {}, status, count, method.as_dict(), diagnostics)


def _first(times: Array, errors: Array) -> float:
    """Step at which the error falls below the level for the first time, between records linearly; NaN if never."""
    below = errors <= LEVEL
    if not below.any():
        return float("nan")
    after = int(np.argmax(below))
    if after == 0:
        return float(times[0])
    part = (errors[after - 1] - LEVEL) / (errors[after - 1] - errors[after])
    return float(times[after - 1] + part * (times[after] - times[after - 1]))


def _name(name: str, batch: int) -> str:
    return f"{name}, batch {batch}"


def _settings(model: LambTraining, method: Simulation, data: Dataset) -> dict[str, Setting]:
    """All trainings by name."""
    count = len(data.inputs)
    hidden = (Dense(method.size, HE), ReLU(), Dense(method.size, HE), ReLU())
    network = Network((*hidden, Dense(data.targets.shape[1])), data.inputs.shape[1:])
    settings = {}
    for name in model.chosen:
        for batch in model.sizes_of_batches(count):
            steps = max(1, model.epochs * count // int(batch))
            schedule = warm_up_linear_decay(model.rate(name, float(batch)), round(model.warm_up * steps), steps)
            times = np.unique(np.round(np.concatenate([[0], np.geomspace(1, steps, RECORDS)])).astype(int))
            part = int(batch) if batch < count else None
            chosen = _optimiser(model, name, network)
            problem = Problem(network, cross_entropy, chosen, schedule, data.inputs, data.targets, part)
            settings[_name(name, int(batch))] = Setting(problem, times)
    return settings


def _optimiser(model: LambTraining, name: str, network: Network) -> Optimiser:
    """LARS and LAMB with decay of the kernels; biases are left to themselves."""
    if name in ("lars", "lamb"):
        return optimiser(name, decay=model.weight_decay, blocks=network.blocks, excluded=SMALL)
    return optimiser(name)
