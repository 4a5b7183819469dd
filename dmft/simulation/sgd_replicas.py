"""Finite-size twin of ``sgd/replicas``: two runs on the same data from one start, mini-batches of their own."""

from __future__ import annotations

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Sample
from ..theory.sgd_replicas import SGDReplicas
from . import sgd
from .method import Simulation

estimate = sgd.estimate


def simulate(model: SGDReplicas, method: Simulation, progress: Progress) -> Solution:
    """See :func:`dmft.simulation.sgd.simulate`: each of the independent replicas there is a pair of runs here."""
    return sgd.simulate(model, method, progress, Pair)


class Pair(sgd.Replica):
    """One data set, one start and two runs."""

    copies = 2

    def sample(self, done: int) -> Sample:
        """Means over the two runs, and what they have in common."""
        xp, to_host = self.backend.xp, self.backend.to_host
        one, two = (run.weight_history[:done] for run in self.runs)
        size = one.shape[1]
        overlap = to_host(one[:, 1:] @ two[:, 1:].T) / size
        force, other = (run.force_history[:done] for run in self.runs)
        noise = to_host(force @ other.T) * (self.model.delta / size)
        return {
            **super().sample(done),
            "cross_correlation": 0.5 * (overlap + overlap.T),
            "cross_noise_kernel": 0.5 * (noise + noise.T),
            "distance": to_host(xp.sum((one - two) ** 2, axis=1)) / size,
        }
