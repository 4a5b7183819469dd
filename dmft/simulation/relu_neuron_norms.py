"""Twin of ``relu-neuron/norms``: gradient descent of independent random runs, in replicas.

``size`` is the number of steps; the rate is such that the fastest mode of a run decays by 1/e in :data:`FAST` steps at
the default size. Each replica holds :data:`RUNS` runs. Zero loss takes exact flows to see: it is not measured. Modes
that are slower than all steps are followed to their end at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.relu_neuron_norms import ReLUNeuronNorms
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: Random runs of one replica.
RUNS = 100
#: Steps in which the fastest mode decays by 1/e, at 2000 steps in all; others in proportion.
FAST = 20.0
#: Steps between two looks at the progress and at Ctrl-C.
LOOKS = 50


def estimate(model: ReLUNeuronNorms, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    numbers = float(RUNS * model.norms * model.samples)
    ends = 4.0 * numbers * model.dimension
    workers = min(get_backend("numpy").workers, method.replicas)
    memory = workers * 8.0 * (RUNS * model.samples * (model.dimension + 1.0) + 6.0 * numbers + ends)
    return {"memory": memory, "seconds": 0.2 + method.replicas / workers * method.size * numbers * 1.5e-8}


def simulate(model: ReLUNeuronNorms, method: Simulation, progress: Progress) -> Solution:
    """Run independent replicas and average them.

    Returns
    -------
    Solution
        The observables of the theory except those about zero loss; mean and standard error over replicas.

    Raises
    ------
    MemoryLimitError
    """
    check_memory(estimate(model, method)["memory"], "try fewer threads (NUMBA_NUM_THREADS)")
    moments, status, facts = run_replicas(Replica, model, method, get_backend("numpy"), LOOKS, progress)
    mean = {name: moments.mean(name) for name in moments}
    stderr = {name: moments.stderr(name) for name in moments}
    diagnostics = {"runs": len(facts) * RUNS}
    return model.solution(mean, stderr, moments.count, status, method.as_dict(), diagnostics)


class Replica:
    """:data:`RUNS` random runs at all norms of the start, side by side."""

    def __init__(self, model: ReLUNeuronNorms, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.size = model, method.size
        self.x, self.y, direction = model.draw(rng, RUNS)
        self.w = model.start_norms[:, None, None] * direction
        fastest = np.linalg.norm(self.x, ord=2, axis=(1, 2)) ** 2
        self.rate = (2000.0 / method.size / FAST / fastest)[:, None]

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Descend to the end or until ``stop()``; what counts is there at the end only."""
        x, y, w = self.x, self.y, self.w
        back = np.ascontiguousarray(x.transpose(0, 2, 1))
        seen = np.zeros((*w.shape[:2], x.shape[1]), dtype=bool)
        left, again = seen.copy(), np.zeros(w.shape[:2], dtype=bool)
        grows, norm, start = np.ones(w.shape[:2], dtype=bool), np.linalg.norm(w, axis=2), w.copy()
        done = 0
        for look, steps in enumerate(np.diff(np.linspace(0, self.size, LOOKS + 1).astype(int))):
            if stop():
                return Member({}, look)
            for _ in range(steps):
                z = self._inputs(w)
                active = z > 0.0
                again |= np.any(active & left, axis=2)
                left |= seen & ~active
                seen |= active
                w = w + self.rate * np.einsum("mdn,rmn->rmd", back, active * (y - z))
                before, norm = norm, np.linalg.norm(w, axis=2)
                grows &= norm >= before * (1.0 - 1e-14)  # a flow that has arrived changes by round-off
                done += 1
            update(1.0)
        update(1.0)
        w = self._arrived(w)
        alive = np.any(self._inputs(w) > 0.0, axis=2)
        moved = np.any(w != start, axis=2)
        return Member({}, LOOKS + 1, at_end=self._sample(w, grows & moved, again, alive))

    def _inputs(self, w: Array) -> Array:
        """Product of the weights with every sample: (starts, runs, samples)."""
        return np.asarray(np.einsum("mnd,rmd->rmn", self.x, w))

    def _arrived(self, w: Array) -> Array:
        """Where slow modes lead: least squares on the active samples from w on, if that switches none of them.

        A few samples, as many as dimensions or fewer, have modes that are slower than any number of steps.
        """
        z = self._inputs(w)
        active = z > 0.0
        left = np.where(active, self.y - z, 0.0)
        moved = w + np.einsum("rmdn,rmn->rmd", np.linalg.pinv(active[..., None] * self.x), left)
        same = np.all((self._inputs(moved) > 0.0) == active, axis=2)
        return np.asarray(np.where(same[..., None], moved, w))

    def _sample(self, w: Array, grows: Array, again: Array, alive: Array) -> dict[str, Any]:
        per_norm = [
            self.model.measure(self.x, self.y, float(norm), w[r], alive[r])
            for r, norm in enumerate(self.model.start_norms)
        ]
        sample = {name: np.array([item[name].mean() for item in per_norm]) for name in ("dead", "norm_ratio")}
        return sample | {"norm_increasing": grows.mean(axis=1), "reactivating": again.mean(axis=1)}
