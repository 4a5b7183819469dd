"""What the twins of ``temporal-extrapolation`` share: SGD of a linear recurrent network on sampled sequences.

``size`` N is the number of sequences seen in a unit of time, so the learning rate is batch_size/N: both the bias of a
finite step and the noise of a finite batch are of order 1/N, and N → ∞ is the gradient flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import ParameterError
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED
from ..solvers.ensemble import Member
from ..theory.linear_rnn import OVER_TIME, LinearRNN, response
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Fresh sequences on which the losses are measured at each time, and steps whose sequences are drawn at once.
SAMPLES, CHUNK = 500, 256
#: A weight beyond this ends a replica: its powers would leave the float range.
LARGEST = 1e30


def learning_rate(model: LinearRNN, method: Simulation) -> float:
    """η of one step."""
    return model.batch_size / method.size


def reported(model: LinearRNN) -> np.ndarray:
    """Those of the model's times that the simulation reaches."""
    times = model.times()
    return times[times <= min(model.simulated_time, model.t_max) * (1.0 + 1e-12)]


def estimate(model: LinearRNN, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    k, T, d = model.train_length, model.test_length, model.state_dim
    workers = min(get_backend(method.backend).workers, method.replicas)
    steps = min(model.simulated_time, model.t_max) / learning_rate(model, method)
    step = k * d * d * 3e-9 + model.batch_size * (k + T) * 1.2e-8 + 2e-6
    losses = len(reported(model)) * SAMPLES * T * (d * d * 2e-10 + d * 4e-9)
    memory = workers * 8.0 * (CHUNK * model.batch_size * 2.0 * T + SAMPLES * (T + 3.0 * d))
    return {"memory": memory, "seconds": 0.3 + method.replicas / workers * (steps * step + losses)}


def simulate(model: LinearRNN, method: Simulation, progress: Progress) -> Solution:
    """Train replicas from the first start of the theory on sequences of their own.

    Returns
    -------
    Solution
        Losses on fresh sequences, extrapolation error and norms of the weights, over the times of the theory up to
        ``simulated_time``; mean and standard error over replicas.

    Raises
    ------
    ParameterError
        If the rate is too large to reach the first time, or an option has no meaning here.
    MemoryLimitError

    Notes
    -----
    ``simulated_time`` · N/batch_size steps of O(train_length d² + batch_size train_length) each.
    """
    method.only("recurrent nets need", backend="numpy", precision="float64", field_response=False)
    times = reported(model)
    if not len(times):
        raise ParameterError(f"simulated_time = {model.simulated_time:g} is not allowed: give at least 0.01")
    backend = backend_for(method, estimate(model, method), "try a smaller --batch-size or --test-length")
    moments, status, facts = run_replicas(Replica, model, method, backend, len(times) - 1, progress)
    done = max((moments.mean(name).shape[0] for name in moments), default=0)
    rate = learning_rate(model, method)
    if status.code == CONVERGED:
        status = replace(status, message=f"{moments.count} replicas trained up to t = {times[-1]:.4g} at rate {rate:g}")
    elif status.code == DIVERGED:
        reached = f"after t = {times[done - 1]:.4g}: the data up to there are kept" if done else "at once"
        status = replace(
            status, message=f"weights left the range of numbers {reached}; try a larger --size (rate {rate:g} now)"
        )
    curves = {
        item.name: item.curve(moments.mean(item.name), moments.stderr(item.name))
        for item in OVER_TIME
        if item.name in moments
    }
    diagnostics = {"learning_rate": rate, "replicas_used": len(facts)}
    axes = {"t": model.axes(times[:done], model.test_length, 1)["t"]} if curves else {}
    return Solution(curves, axes, status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """One run of SGD, from the first start of the model."""

    def __init__(self, model: LinearRNN, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.rng, self.rate = model, rng, learning_rate(model, method)
        self.state = model.starts(1)[0]
        self.step = 0
        self.targets = model.targets()

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Step from one reported time to the next; weights between two steps are interpolated."""
        times = reported(self.model)
        rows: list[list[float]] = []
        diverged = False
        before = self.state.copy()
        for t in times:
            if stop():
                break
            wanted = int(np.ceil(t / self.rate))
            if wanted > self.step:
                diverged = not self._advance(wanted - 1 - self.step)
                before = self.state.copy()
                diverged = diverged or not self._advance(1)
            part = t / self.rate - (self.step - 1)
            row = [] if diverged else self._observe((1.0 - part) * before + part * self.state)
            diverged = diverged or not np.all(np.isfinite(row))
            if diverged:
                break
            rows.append(row)
            update(1.0)
        columns = np.array(rows).reshape(-1, len(OVER_TIME)).T
        sample = {item.name: column for item, column in zip(OVER_TIME, columns, strict=True)}
        return Member(sample, len(rows), diverged)

    def _advance(self, steps: int) -> bool:
        """Steps of SGD; False if a weight left the range."""
        from ..theory.kernels.temporal_extrapolation import stochastic_steps

        d, k = self.model.state_dim, self.model.train_length
        while steps > 0:
            count = min(CHUNK, steps)
            sequences = self.rng.standard_normal((count, self.model.batch_size, k))
            labels = sequences @ self.targets[:k]
            done = stochastic_steps(self.state, d, k, sequences, labels, self.rate, LARGEST)
            if done < count:
                return False
            steps -= count
            self.step += count
        return True

    def _observe(self, state: np.ndarray) -> list[float]:
        """Losses on fresh sequences by running the network on them, the rest from the weights."""
        model = self.model
        train, test = (losses(state, model, length, self.rng) for length in (model.train_length, model.test_length))
        path = state[None, None]
        measured = model.measure(path, response(path, model.state_dim, model.test_length))
        return [train, test, *(float(measured[item.name][0, 0]) for item in OVER_TIME[2:])]


def losses(state: np.ndarray, model: LinearRNN, length: int, rng: np.random.Generator) -> float:
    """Mean of ½ (ŷ − y)² at the end of sampled sequences of that length, by running the network."""
    d = model.state_dim
    A, B, C = state[: d * d].reshape(d, d), state[d * d : d * d + d], state[d * d + d :]
    inputs = rng.standard_normal((length, SAMPLES))
    hidden = np.zeros((SAMPLES, d))
    for x in inputs:
        hidden = hidden @ A.T + x[:, None] * B
    labels = model.targets()[:length][::-1] @ inputs
    return float(np.mean(0.5 * (hidden @ C - labels) ** 2))
