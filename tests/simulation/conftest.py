"""What the tests of the simulations share."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.results.statistics import Moments
from dmft.simulation.backend import Backend
from dmft.simulation.method import Simulation
from dmft.simulation.sgd import Replica


@pytest.fixture
def replicas(monkeypatch):
    """``replicas(**options)``: what every single replica of one simulation measured."""

    def simulate(**options):
        samples = []
        add = Moments.add
        with monkeypatch.context() as patch:
            patch.setattr(Moments, "add", lambda self, sample: (samples.append(sample), add(self, sample))[1])
            dmft.simulate("sgd", **options)
        return samples

    return simulate


class Recorded:
    """One replica that has run, with its problem: data, labels, start and mini-batches."""

    def __init__(self, model, **options) -> None:
        replica = Replica(model, Simulation(**options), Backend(np, 1), np.random.default_rng(1))
        run = replica.runs[0]
        self.model, self.data, self.label = model, replica.data.copy(), replica.label.copy()
        self.start = run.weights.copy()
        self.signs = None if run.fields is None else run.fields.signs.copy()
        self.batches: list[np.ndarray] = []
        draw = run._membership

        def keep(step):
            self.batches.append(draw(step).copy())
            return self.batches[-1]

        run._membership = keep
        self.member = replica.run(lambda: False, lambda done: None)

    def again(self, push_at: int = -1, push: float = 0.0):
        """Weights, losses and forces of the same run in plain NumPy, the update of step `push_at` pushed."""
        model, weights = self.model, self.start.copy()
        history, losses, forces = [], [], []
        out = np.empty((4, len(self.label)))
        for step, batch in enumerate(self.batches):
            model.problem().evaluate(self.label, self.data @ weights, *out)
            force = np.where(batch, model.amplitude, 0.0) * out[1]
            history.append(weights)
            losses.append(out[0].mean())
            forces.append(force)
            gradient = self.data.T @ force + model.ridge * weights
            weights = weights - model.learning_rate * gradient
            if step == push_at:
                weights = weights + push * self.signs
            if model.sphere:
                weights = weights * np.sqrt(len(weights)) / np.linalg.norm(weights)
        return np.array(history), np.array(losses), np.array(forces)


@pytest.fixture
def recorded():
    return Recorded
