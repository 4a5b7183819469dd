"""Trained twin of ``bn-weight-decay/network``: `size` channels a layer, plain SGD with weight decay.

Curves are those of the first replica, since cycles of several run out of step; scalars are means over all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.signal import find_peaks

from ..errors import ParameterError
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import two_sigma_factor
from ..results.status import DIVERGED, Status
from ..solvers.ensemble import Member
from ..theory.bn_weight_decay_network import CURVES, GAIN, SCALARS, BNWeightDecayNetwork
from ..theory.scale_invariant import cosine, next_norm
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks import starts
from .networks.activations import ReLU
from .networks.batch_norm import BatchNorm
from .networks.convolution import Convolution
from .networks.data.choose import choose
from .networks.data.dataset import Dataset, classes, split
from .networks.data.teachers import teacher
from .networks.dense import Dense
from .networks.layer import Layer
from .networks.losses import cross_entropy
from .networks.network import Network
from .networks.optimisers import SGD
from .networks.reshaping import MeanPool
from .networks.settings import error_rate
from .replicas import run_replicas

Array = np.ndarray
#: Added to variances: so small that outputs do not depend on the norm of the weights.
EPSILON = 1e-30
#: Norm of the last layer.
LAST = 10.0
#: The synthetic teacher: inputs, neurons, classes, samples.
TEACHER = (20, 30, 5, 2000)


def estimate(model: BNWeightDecayNetwork, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    data = _data(model)
    network = build(model, method.size, data)
    workers = min(get_backend(method.backend).workers, method.replicas)
    memory = workers * (network.memory(1, model.batch, 8) + 48.0 * model.steps) + 8.0 * data.inputs.size
    seconds = 3e-4 + network.flops(1, model.batch) / 2.5e9 + 4e-8 * network.size
    return {"memory": memory, "seconds": 0.3 + method.replicas * model.steps * seconds / workers}


def simulate(model: BNWeightDecayNetwork, method: Simulation, progress: Progress) -> Solution:
    """Train independent replicas (own start, own batches).

    Raises
    ------
    ParameterError
        If there are fewer samples than a batch.
    MemoryLimitError, BackendError
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    data = _data(model)
    if model.batch > len(data.inputs):
        raise ParameterError(
            f"batch = {model.batch}: there are {len(data.inputs)} samples to train on, give at most that"
        )

    def kind(model: BNWeightDecayNetwork, method: Simulation, backend: Backend, rng: np.random.Generator) -> Replica:
        return Replica(model, method, backend, rng, data)

    recorded = model.recorded_steps
    moments, status, facts = run_replicas(kind, model, method, backend, len(recorded) - 1, progress)
    paths: list[dict[str, Array]] = [item["path"] for item in facts]
    curves = {name: model.observable(name).curve(values) for name, values in (paths[0] if paths else {}).items()}
    for name in SCALARS if "n_periods" in moments else ():
        mean, error = _over([item["scalars"][name] for item in facts])
        curves[name] = model.observable(name).curve(np.array(mean), None if error is None else np.array(error))
    kept = len(curves["norm"].values) if curves else 0
    told: dict[str, Any] = {"train_samples": len(data.inputs)}
    status = _told(status, recorded, kept, [int(item["scalars"].get("n_periods", 0)) for item in facts])
    return Solution(curves, model.coordinates(kept), status, moments.count, method.as_dict(), told)


def _over(values: list[float]) -> tuple[float, float | None]:
    """Mean over the replicas that have a value (those without cycles have no period), and its standard error."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan"), None
    error = (
        two_sigma_factor(len(known)) * float(np.std(known, ddof=1)) / np.sqrt(len(known)) if len(known) > 1 else None
    )
    return float(np.mean(known)), error


def _told(status: Status, recorded: Array, kept: int, cycles: list[int]) -> Status:
    """The status, with what the networks do: cycles or not."""
    if status.code == DIVERGED:
        last = int(recorded[kept - 1]) if kept else 0
        message = f"a loss left the float range after step {last}: the data up to there are kept; try a smaller --eta"
        return Status(DIVERGED, message)
    if not status.success:
        return status
    count = sum(number > 0 for number in cycles)
    if count:
        return Status(
            status.code, f"{count} of {len(cycles)} networks cycle, with {min(cycles)} to {max(cycles)} periods"
        )
    return Status(status.code, "no network cycles: equilibrium, or fewer steps than a period; try more --steps to tell")


def _data(model: BNWeightDecayNetwork) -> Dataset:
    if model.data != "teacher":
        found = choose(model.data).standardised()
        return found if model.network == "conv" else found.flat()
    inputs, neurons, number, samples = TEACHER
    rng = np.random.default_rng(0)
    layers = (Dense(neurons, starts.fan_in(2.0), None), ReLU(), Dense(number))
    x, outputs = teacher(samples, Network(layers, (inputs,)), 0.0, rng)
    outputs -= outputs.mean(axis=0)  # so that no class is rare
    return split(*classes(x, np.argmax(outputs, axis=1), number), 0.25, rng)


def build(model: BNWeightDecayNetwork, size: int, data: Dataset) -> Network:
    """The network; all but the last layer are trained, and scale invariant."""

    def last(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        kernel = rng.standard_normal(shape)
        return LAST * kernel / np.linalg.norm(kernel)

    start, layers = starts.fan_in(GAIN), list[Layer]()
    for _ in range(model.depth):
        conv = model.network == "conv"
        layers.append(Convolution(size, kernel_start=start, bias_start=None) if conv else Dense(size, start, None))
        layers += [BatchNorm(affine=False, epsilon=EPSILON), ReLU()]
    pool = [MeanPool()] if model.network == "conv" else []
    end = Dense(data.targets.shape[1], last, None, trained=False)
    return Network((*layers, *pool, end), data.inputs.shape[1:])


def trained_columns(network: Network) -> Array:
    """Which of the flat weights are trained: not the last layer, not running statistics."""
    mask = np.zeros(network.size, dtype=bool)
    for block in network.blocks:
        if block.trained:
            mask[block.start : block.stop] = True
    return mask


class Replica:
    """One network in training."""

    def __init__(
        self, model: BNWeightDecayNetwork, method: Simulation, backend: Backend, rng: np.random.Generator, data: Dataset
    ) -> None:
        self.model, self.backend, self.rng, self.data = model, backend, rng, data
        self.network, dtype = build(model, method.size, data), np.dtype(method.precision)
        self.weights = backend.xp.asarray(self.network.start([rng]).astype(dtype))
        self.inputs, self.targets = (backend.xp.asarray(p.astype(dtype)) for p in (data.inputs, data.targets))
        self.optimiser = SGD(decay=model.weight_decay, blocks=self.network.blocks)
        self.columns = backend.xp.asarray(trained_columns(self.network))
        self.order = np.zeros(0, dtype=int)

    def batch(self) -> Array:
        """Indices of the next mini-batch; each epoch has an order of its own."""
        if len(self.order) < self.model.batch:
            self.order = self.rng.permutation(len(self.inputs))
        chosen, self.order = self.order[: self.model.batch], self.order[self.model.batch :]
        return chosen

    def step(self) -> tuple[float, float, float, float]:
        """One step; the loss of the batch, ρ, ‖g̃‖ and the cosine of the angle."""
        xp, w = self.backend.xp, self.weights
        chosen = xp.asarray(self.batch())
        outputs, caches = self.network.forward(xp, w, self.inputs[None, chosen])
        loss, slope = cross_entropy(xp, outputs, self.targets[None, chosen])
        gradient = self.network.backward(xp, w, caches, slope)
        self.weights, _ = self.optimiser.step(xp, w, gradient, {}, self.model.eta)
        self.network.follow(xp, self.weights, caches)
        before, after, pull = (part[0, self.columns] for part in (w, self.weights, gradient))
        norm, moved = float(xp.sqrt(before @ before)), float(xp.sqrt(after @ after))
        return float(loss[0]), norm, norm * float(xp.sqrt(pull @ pull)), float(before @ after) / (norm * moved)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Train to the end, to an interrupt, or to a loss that is no number."""
        model, times = self.model, self.model.recorded_steps
        taken = np.empty((int(times[-1]) + 1, 4))
        rows: list[tuple[float, float]] = []
        now, diverged = 0, False
        for now in range(int(times[-1]) + 1):
            if now == times[len(rows)]:
                if stop():
                    break
                rows.append(self._test())
                update(1.0)
            taken[now] = self.step()
            if not np.isfinite(taken[now]).all():
                diverged = True
                rows = rows[:-1] if now == times[len(rows) - 1] else rows
                break
        done = len(rows)
        count = int(times[done - 1]) + 1 if done else 0
        path = self._path(np.array(rows), taken[:count], times[:done])
        scalars = measured(model, taken[:count]) if done else {}
        ends = {name: np.array(value) for name, value in scalars.items()} if done == len(times) else {}
        facts = {"path": path, "scalars": scalars}
        return Member({}, done, diverged, facts=facts, series={"norm": path["norm"]} if done else {}, at_end=ends)

    def _test(self) -> tuple[float, float]:
        """Training loss and test error with running statistics."""
        network, weights = self.network, self.weights
        outputs = network.evaluate(self.backend.xp, weights, self.inputs[None])
        loss, _ = cross_entropy(self.backend.xp, outputs, self.targets[None])
        wrong = error_rate(network, self.backend, weights, self.data.test_inputs, self.data.test_labels)
        return float(loss[0]), float(wrong[0])

    def _path(self, rows: Array, taken: Array, times: Array) -> dict[str, Array]:
        """Curves at the recorded times; gradients and angles are means over the steps since the time before."""
        if not len(rows):
            return {}
        _, norm, gradient, cos = taken.T
        law = np.arccos(np.minimum(cosine(norm, gradient, self.model.eta, self.model.k), 1.0))
        edges = np.concatenate([[0], times[:-1] + 1])
        counts = np.diff(np.append(edges, len(taken)))
        angle = np.arccos(np.clip(cos, -1.0, 1.0))
        means = [np.add.reduceat(part, edges) / counts for part in (gradient, angle, law)]
        columns = (rows[:, 0], rows[:, 1], norm[times], self.model.eta / norm[times] ** 2, *means)
        return dict(zip(CURVES, columns, strict=True))


def measured(model: BNWeightDecayNetwork, taken: Array) -> dict[str, float]:
    """Cycles, gradients and the check of eq. (1) from all steps (T, 4) of a run."""
    _, norm, gradient, _ = taken.T
    log_elr = np.log(model.eta) - 2.0 * np.log(norm)
    # the start falls to its first minimum: peaks at the edges are none
    peaks, _ = find_peaks(log_elr, prominence=model.prominence)
    period = float(np.diff(peaks).mean()) if len(peaks) > 1 else float("nan")
    half = slice(len(taken) // 2, None)
    square = float(np.mean(gradient[half] ** 2))
    law = next_norm(norm[:-1], gradient[:-1], model.eta, model.k)
    return {
        "n_periods": float(max(len(peaks) - 1, 0)),
        "period_mean": period,
        "scaled_period": period * model.eta * model.weight_decay,
        "gradient_sq": square,
        "equilibrium_elr": float(np.sqrt(2.0 * model.eta * model.weight_decay / max(square, 1e-300))),
        "mean_elr": float(np.exp(log_elr[half].mean())),
        "elr_swing": float(np.ptp(log_elr[half])),
        "kinematics_error": float(np.abs(norm[1:] / law - 1.0).max()) if len(norm) > 1 else 0.0,
    }
