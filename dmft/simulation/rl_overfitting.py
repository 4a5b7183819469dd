"""Finite-size twin of ``rl-overfitting``: least squares on nested pools of levels, visited with fresh noise.

Whether any linear policy memorises random rewards is decided exactly, by Gordan's alternative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

from ..errors import ParameterError
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.rl_overfitting import DIMENSIONS, LOADS, RLOverfitting, levels, test_reward
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: Visits of which each draws its own states. Of more, the mean state of a level and the covariance of what is left are
#: drawn by their exact laws (Gaussian and Wishart). Unlimited visits are a million of them.
LITERAL, UNLIMITED = 32, 1_000_000
#: Sequences of levels with random rewards in each dimension, in each replica.
TRIALS = 25
#: A distance below it is round-off.
ZERO = 1e-9
CURVES = ("train_reward_by_alpha", "test_reward_by_alpha", "overlap_by_alpha")


def estimate(model: RLOverfitting, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend("numpy").workers, method.replicas)
    n, most = float(method.size), max(float(LOADS[-1]), model.alpha)
    looks = float(model.visits or 2) if model.state_noise else 1.0
    looks = looks if looks <= LITERAL else 2.0
    work = looks * most * n**2 * (n + 100.0) + (len(LOADS) + 1.0) * n**3
    memory = 8.0 * workers * (2.0 * most * n**2 + 4.0 * n**2)
    return {"memory": memory, "seconds": method.replicas * (0.5 + 2e-10 * work) / workers}


def simulate(model: RLOverfitting, method: Simulation, progress: Progress) -> Solution:
    """Learn from pools of all sizes and average over replicas with levels of their own.

    Raises
    ------
    MemoryLimitError
    ParameterError
        If the pool of this `alpha` has no level at this size.

    Notes
    -----
    On the CPU in float64, whatever ``backend`` and ``precision`` say. The least squares are those of all visits, each
    with noise of its own; no equivalent ridge enters.
    """
    if round(model.alpha * method.size) < 1:
        raise ParameterError(
            f"alpha = {model.alpha:g} with size = {method.size}: the pool has no level; give a larger --alpha or --size"
        )
    check_memory(estimate(model, method)["memory"], "try a smaller --size or --alpha")
    moments, status, _ = run_replicas(Replica, model, method, get_backend("numpy"), len(LOADS) - 1, progress)
    return Solution(model.mean_curves(moments), model.coordinates(), status, moments.count, method.as_dict())


class Replica:
    """One teacher and one sequence of levels, of which each pool takes the first."""

    def __init__(self, model: RLOverfitting, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.size, self.rng = model, method.size, rng
        self.teacher = rng.standard_normal(self.size)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Rewards of every pool, and of that of the model."""
        done = 0
        loads = np.sort(np.append(LOADS, self.model.alpha))
        own = int(np.searchsorted(loads, self.model.alpha))
        rows = []
        for row in self._pools(np.maximum(1, np.round(loads * self.size).astype(int))):
            rows.append(row)
            if stop():
                break
            update(1.0)
        ends: dict[str, Array] = {}
        if len(rows) == len(loads):
            train, test, overlap = rows.pop(own)
            ends = {"train_reward": train, "test_reward": test, "generalisation_gap": train - test, "overlap": overlap}
            ends = {name: np.array(value) for name, value in ends.items()}
            ends["memorisation_probability"] = self._memorised()  # last: sizes do not share its random numbers
            done = len(rows)
        elif len(rows) > own:
            del rows[own]
        done = done or len(rows)
        found = np.array(rows).reshape(len(rows), 3)
        series = {name: found[:, i] for i, name in enumerate(CURVES)}
        return Member({}, done, series=series, at_end=ends)

    def _pools(self, counts: Array) -> Iterator[Array]:
        """Train reward, test reward and overlap for each number of levels, one after the other."""
        model, n = self.model, self.size
        x, y = np.empty((counts[-1], n)), np.empty(counts[-1])
        gram, right, first = np.zeros((n, n)), np.zeros(n), 0
        for last in counts:
            part = self.rng.standard_normal((last - first, n)) / np.sqrt(n)
            flips = self.rng.random(last - first) < model.flip_probability
            x[first:last] = part
            y[first:last] = np.where(part @ self.teacher > 0.0, 1.0, -1.0) * np.where(flips, -1.0, 1.0)
            for seen, weight in self._seen(part):
                gram += weight * (seen.T @ seen)
                right += weight * (seen.T @ y[first:last])
            gram += self._rest(last - first)
            first = last
            yield self._measure(x[:last], y[:last], gram, right)

    def _seen(self, part: Array) -> Iterator[tuple[Array, float]]:
        """States of the levels at their visits, or their means, with their weights."""
        noise, visits = self.model.state_noise, self.model.visits or UNLIMITED
        if not noise:
            yield part, 1.0
        elif visits <= LITERAL:
            for _ in range(visits):
                yield part + np.sqrt(noise / self.size) * self.rng.standard_normal(part.shape), 1.0 / visits
        else:
            yield part + np.sqrt(noise / self.size / visits) * self.rng.standard_normal(part.shape), 1.0

    def _rest(self, count: int) -> Array | float:
        """What the states of many visits add to the covariance beyond that of their mean."""
        noise, visits = self.model.state_noise, self.model.visits or UNLIMITED
        if not noise or visits <= LITERAL or not count:
            return 0.0
        return noise / visits / self.size * wishart(self.rng, count * (visits - 1), self.size)

    def _measure(self, x: Array, y: Array, gram: Array, right: Array) -> Array:
        w = self._fit(x, y, gram, right)
        cosine = float(w @ self.teacher / (np.linalg.norm(w) * np.linalg.norm(self.teacher)))
        return np.array([np.mean(np.sign(y * (x @ w))), test_reward(cosine), cosine])

    def _fit(self, x: Array, y: Array, gram: Array, right: Array) -> Array:
        """Weights of least squares; without ridge, of least norm where there are fewer rows than weights."""
        ridge, noise = self.model.ridge, self.model.state_noise
        rows = len(y) * (self.model.visits or UNLIMITED) if noise else len(y)
        with suppress(np.linalg.LinAlgError):  # as many rows as weights may be singular to round-off
            if ridge or rows >= self.size:
                return np.asarray(cho_solve(cho_factor(gram + ridge * np.eye(self.size), overwrite_a=True), right))
            if not noise:
                return np.asarray(x.T @ cho_solve(cho_factor(x @ x.T, overwrite_a=True), y))
        return np.asarray(np.linalg.lstsq(gram, right, rcond=1e-11)[0])  # round-off counts as zero

    def _memorised(self) -> Array:
        """Part of the sequences (dimensions, loads) whose random rewards can be memorised up to that load."""
        counts = levels()
        part = np.zeros(counts.shape)
        for row, dimension in enumerate(DIMENSIONS):
            for _ in range(TRIALS):
                x = self.rng.standard_normal((counts[row, -1], dimension))
                y = self.rng.choice((-1.0, 1.0), len(x))
                low, high = int(dimension), len(x) + 1  # memorised up to low, not from high on
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if separable(x[:middle], y[:middle]) else (low, middle)
                part[row] += (counts[row] <= low) / TRIALS
        return part


def wishart(rng: np.random.Generator, freedom: int, size: int) -> Array:
    """Sum of `freedom` squares zzᵀ of Gaussian vectors of this size, by Bartlett's decomposition if they are many."""
    if freedom < 2 * size:
        z = rng.standard_normal((freedom, size))
        return np.asarray(z.T @ z)
    root = np.tril(rng.standard_normal((size, size)), -1)
    root[np.diag_indices(size)] = np.sqrt(rng.chisquare(freedom - np.arange(size)))
    return np.asarray(root @ root.T)


def separable(x: Array, y: Array) -> bool:
    """True if some w has y_i w·x_i > 0 for all i: if no convex combination of the y_i x_i is zero (Gordan)."""
    rows = np.vstack([(y[:, None] * x).T, np.ones(len(x))])
    return bool(nnls(rows, np.append(np.zeros(x.shape[1]), 1.0))[1] > ZERO)
