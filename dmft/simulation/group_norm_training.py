"""Trained twin of ``group-norm/training``: two convolutions of `size` channels, each normalised, on 8 × 8 digits."""

from __future__ import annotations

import numpy as np

from ..errors import ParameterError
from ..results.curve import Coordinate, Curve
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..theory.group_norm import check_groups
from ..theory.group_norm_training import GroupNormTraining
from .backend import backend_for, get_backend
from .method import Simulation
from .networks.activations import ReLU
from .networks.convolution import Convolution
from .networks.data.choose import choose
from .networks.data.dataset import Dataset
from .networks.dense import Dense
from .networks.group_norm import divisors
from .networks.layer import Layer
from .networks.losses import cross_entropy
from .networks.network import Network
from .networks.norms import normalisation
from .networks.optimisers import Momentum
from .networks.reshaping import MeanPool
from .networks.schedules import linearly_scaled, warm_up_linear_decay
from .networks.settings import Setting, error_rate, estimate_settings, run_settings
from .networks.training import Problem, Trained

Array = np.ndarray
#: Batch for which the learning rate is given.
REFERENCE = 32


def estimate(model: GroupNormTraining, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    return estimate_settings(_settings(model, method, choose(model.data)), method, get_backend(method.backend))


def simulate(model: GroupNormTraining, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own start, own batches) with each normalisation and batch, and test them.

    Returns
    -------
    Solution
        Test errors (with running statistics for batch normalisation) and training losses at the end.

    Raises
    ------
    ParameterError
        Also if groups do not divide the channels, or the data are no images.
    MemoryLimitError, BackendError

    Notes
    -----
    2 to 3 ms a step of 32 images for each replica on one core, with 16 channels.
    """
    data = choose(model.data)
    settings = _settings(model, method, data)
    needs = estimate_settings(settings, method, get_backend(method.backend))
    backend = backend_for(method, needs, "try fewer --replicas or a smaller --size")

    def outcome(problem: Problem, trained: Trained) -> dict[str, Array]:
        wrong = error_rate(problem.network, backend, trained.weights, data.test_inputs, data.test_labels)
        return {"test_error": wrong, "last_loss": trained.records["train_loss"][:, -1]}

    found, status = run_settings(settings, method, backend, outcome, progress)
    axes = {"batch_size": Coordinate("batch_size", model.sizes_of_batches.astype(float), "B", "samples of a batch")}
    if model.ablation:
        axes["group_count"] = Coordinate("group_count", np.array(divisors(method.size), float), "G", "groups")
    diagnostics = {"weights": next(iter(settings.values())).problem.network.size, "test_samples": len(data.test_labels)}
    return Solution(
        _curves(model, method, found),
        axes if found else {},
        status,
        min((item.count for item in found.values()), default=0),
        method.as_dict(),
        diagnostics,
    )


def _curves(model: GroupNormTraining, method: Simulation, found: dict[str, Moments]) -> dict[str, Curve]:
    """Curves over batches and groups; NaN where a setting was lost."""
    curves = {}
    wanted = {
        f"{norm}_{name}": ([_name(norm, batch, model.groups) for batch in model.sizes_of_batches], part)
        for norm in model.chosen
        for name, part in (("test_error", "test_error"), ("train_loss", "last_loss"))
    }
    if model.ablation:
        largest = int(model.sizes_of_batches[-1])
        wanted["group_test_error"] = ([_name("gn", largest, groups) for groups in divisors(method.size)], "test_error")
    for name, (keys, part) in wanted.items():
        pairs = [(found[key].mean(part), found[key].stderr(part)) if key in found else (np.nan,) * 2 for key in keys]
        values, stderr = np.array(pairs, dtype=float).T
        if any(key in found for key in keys):
            curves[name] = model.observable(name).curve(values, stderr)
    if {"bn_test_error", "gn_test_error"} <= set(curves):
        first, second = curves["bn_test_error"], curves["gn_test_error"]
        # replicas of both start alike, so that this error is on the safe side
        error = np.hypot(first.stderr[0], second.stderr[0])  # type: ignore[index]
        curves["gap"] = model.observable("gap").curve(np.array(first.values[0] - second.values[0]), error)
    return curves


def _name(norm: str, batch: int, groups: int) -> str:
    return f"{norm} {groups} groups, batch {batch}" if norm == "gn" else f"{norm}, batch {batch}"


def _settings(model: GroupNormTraining, method: Simulation, data: Dataset) -> dict[str, Setting]:
    """All trainings by name."""
    if "gn" in model.chosen:
        check_groups(model.groups, method.size)
    count = len(data.inputs)
    if model.sizes_of_batches[-1] > count:
        raise ParameterError(f"batches = {model.batches!r}: there are {count} samples to train on, give at most that")
    settings = {}
    for norm in model.chosen:
        for batch in model.sizes_of_batches:
            settings[_name(norm, batch, model.groups)] = _setting(model, method, data, norm, int(batch), model.groups)
    if model.ablation:
        largest = int(model.sizes_of_batches[-1])
        for groups in divisors(method.size):
            name = _name("gn", largest, groups)
            settings.setdefault(name, _setting(model, method, data, "gn", largest, groups))
    return settings


def _setting(
    model: GroupNormTraining, method: Simulation, data: Dataset, norm: str, batch: int, groups: int
) -> Setting:
    def block(stride: int) -> tuple[Layer, ...]:
        return (Convolution(method.size, stride=stride, bias_start=None), normalisation(norm, groups), ReLU())

    layers = (*block(1), *block(2), MeanPool(), Dense(data.targets.shape[1]))
    network = Network(layers, data.inputs.shape[1:])
    steps = max(1, model.epochs * len(data.inputs) // batch)
    schedule = warm_up_linear_decay(linearly_scaled(model.learning_rate, batch, REFERENCE), 0, steps)
    problem = Problem(network, cross_entropy, Momentum(model.momentum), schedule, data.inputs, data.targets, batch)
    return Setting(problem, np.array([0, steps]))
