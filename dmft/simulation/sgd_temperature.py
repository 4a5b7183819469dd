"""Finite-size twin of ``sgd/temperature``: displacement of the weights, and their response to fields switched on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Sample
from ..theory.sgd_temperature import SGDTemperature
from . import sgd
from .backend import Backend
from .method import Simulation

estimate = sgd.estimate


def simulate(model: SGDTemperature, method: Simulation, progress: Progress) -> Solution:
    """See :func:`dmft.simulation.sgd.simulate`.

    Notes
    -----
    The response is that of a twin under the same mini-batches with a small random ±1 field from the waiting time on,
    in the limit of a small field, where it is linear and costs one more simulation per waiting time.
    """
    return sgd.simulate(model, method, progress, Switched)


class Switched(sgd.Replica):
    """A replica with its displacements by constant fields, one for each waiting time."""

    def __init__(self, model: SGDTemperature, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        super().__init__(model, method, backend, rng)
        self.trajectory = Shifted(self, self.runs[0].weights, method, rng)
        self.runs = [self.trajectory]

    def sample(self, done: int) -> Sample:
        """With ``switched``, χ(t_w + lag, t_w), once all of it is known."""
        known = {"switched": self.trajectory.chi} if done > self.model.steps else {}
        return {**super().sample(done), **known}


class Shifted(sgd.Trajectory):
    """Weights, and the derivatives of the weights with respect to fields that are switched on at waiting times."""

    model: SGDTemperature

    def __init__(self, problem: sgd.Replica, weights: Any, method: Simulation, rng: np.random.Generator) -> None:
        super().__init__(problem, problem.backend.to_host(weights), method, rng)
        size = len(self.weights)
        signs = 2.0 * rng.integers(0, 2, size) - 1.0
        signs[0] = 0.0  # orthogonal to the signal, like C
        self.signs = self.xp.asarray(signs.astype(self.data.dtype))
        self.moved = self.xp.zeros((size, len(self.model.waiting_times)), dtype=self.data.dtype)
        self.chi = np.zeros((len(self.model.waiting_times), self.model.lags))

    def observe(self, step: int) -> bool:
        """As without fields; then what the displacements are, and their way through this step."""
        good = super().observe(step)
        waits = self.model.waiting_times
        if good and step > waits[0]:
            self._record(step)
        if good and step >= waits[0]:
            on = self.xp.asarray((waits <= step).astype(self.data.dtype))
            kick = self.signs[:, None] * on[None, :]
            pull = self.data.T @ (self.slope[:, None] * (self.data @ self.moved))
            self.moved = self.decay * self.moved + self.model.learning_rate * (kick - pull)
        return good

    def _record(self, step: int) -> None:
        if self.model.sphere:  # displacements stay tangent to it
            inward = self.weights[:, None] * (self.weights @ self.moved)[None, :]
            self.moved = self.moved - inward / len(self.weights)
        overlap = self.backend.to_host(self.signs @ self.moved) / (len(self.weights) - 1)
        for index, wait in enumerate(self.model.waiting_times):
            if 0 < step - wait <= self.model.lags:
                self.chi[index, step - wait - 1] = overlap[index]

    def step(self) -> Any:
        """Move the weights; on the sphere displacements shrink with them."""
        shrink = super().step()
        self.moved = self.moved * shrink
        return shrink
