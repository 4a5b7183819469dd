"""Training of replicas: exact dynamics, bits, divergence, interruption."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.results.progress import SILENT, Progress
from dmft.simulation.backend import Backend, get_backend
from dmft.simulation.method import Simulation
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import ReLU, Tanh
from dmft.simulation.networks.batch_norm import BatchNorm
from dmft.simulation.networks.convolution import Convolution
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.group_norm import GroupNorm
from dmft.simulation.networks.losses import cross_entropy, square
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.optimisers import LAMB, SGD, SMALL, Adam
from dmft.simulation.networks.replicas import estimate, groups, run_training
from dmft.simulation.networks.reshaping import MeanPool
from dmft.simulation.networks.schedules import constant
from dmft.simulation.networks.training import Problem, train

TIMES = np.arange(0, 21, 5)


def measure(weights, outputs, losses):
    return {"train_loss": losses, "outputs": np.asarray(outputs[:, :, 0], dtype=float)}


def problem(**changes):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((12, 2))
    network = Network((Dense(7), Tanh(), Dense(6, starts.fan_in(1.0), starts.normal(0.1)), Tanh(), Dense(1)), (2,))
    given = {
        "network": network, "loss": square, "optimiser": Adam(), "schedule": constant(0.01), "inputs": inputs,
        "targets": np.sin(inputs[:, :1]),
    }  # fmt: skip
    return Problem(**{**given, **changes})


def linear(**changes):
    network = Network((Dense(1, starts.normal(1.0), None),), (2,))
    return problem(network=network, optimiser=SGD(), schedule=constant(0.3), **changes)


def once(given, precision="float64", indices=range(5), stop=lambda: False):
    rngs = [np.random.default_rng(np.random.SeedSequence(3, spawn_key=(i,))) for i in indices]
    return train(given, rngs, Backend(np, 1), precision, TIMES, measure, stop, lambda units: None)


def test_linear_network_follows_the_exact_recursion():
    given = linear()
    trained = once(given)
    count = len(given.inputs)
    hessian, pull = given.inputs.T @ given.inputs / count, given.inputs.T @ given.targets / count
    best = np.linalg.solve(hessian, pull)
    start = given.network.start([np.random.default_rng(np.random.SeedSequence(3, spawn_key=(i,))) for i in range(5)])
    decay = np.linalg.matrix_power(np.eye(2) - 0.3 * hessian, int(TIMES[-1]))
    expected = (best + decay @ (start[:, :, None] - best))[:, :, 0]
    np.testing.assert_allclose(trained.weights, expected, rtol=1e-12)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("batch", [None, 5])
def test_replicas_trained_together_have_the_bits_of_replicas_alone(precision, batch):
    given = problem(batch=batch)
    together = once(given, precision)
    for i in range(5):
        alone = once(given, precision, range(i, i + 1))
        np.testing.assert_array_equal(together.weights[i], alone.weights[0])
        for name, values in together.records.items():
            np.testing.assert_array_equal(values[i], alone.records[name][0])
    assert together.weights.dtype == precision


def convolutional(**changes):
    rng = np.random.default_rng(4)
    inputs, targets = rng.standard_normal((12, 4, 4, 1)), np.eye(2)[rng.integers(2, size=12)]
    layers = (Convolution(4), BatchNorm(), ReLU(), Convolution(4), GroupNorm(groups=2), ReLU(), MeanPool(), Dense(2))
    network = Network(layers, (4, 4, 1))
    optimiser = LAMB(decay=0.1, blocks=network.blocks, excluded=SMALL)
    return problem(network=network, loss=cross_entropy, optimiser=optimiser, inputs=inputs, targets=targets, **changes)


def test_convolutional_replicas_have_the_bits_of_replicas_alone_and_running_statistics():
    given = convolutional(batch=5)
    together, moved = once(given, "float32"), 0
    for i in range(5):
        alone = once(given, "float32", range(i, i + 1))
        np.testing.assert_array_equal(together.weights[i], alone.weights[0])
    for block in given.network.blocks:
        change = np.abs(together.weights - together.start)[:, block.start : block.stop]
        assert np.all(change > 0.0), block
        moved += not block.trained
    assert moved == 2  # the running mean and variance


def test_mini_batches_differ_between_replicas_and_still_learn():
    trained = once(problem(batch=3, schedule=constant(0.03)))
    losses = trained.records["train_loss"]
    assert np.all(losses[:, -1] < losses[:, 0])
    assert len(np.unique(losses[:, -1])) == 5


def test_threads_and_groups_do_not_change_the_bits(monkeypatch):
    method, given = Simulation(replicas=5, seed=2), problem()
    results = []
    for workers, stacked in ((1, 1.0), (2, 1e9), (3, 1e9)):
        monkeypatch.setattr("dmft.simulation.networks.replicas.STACKED", stacked)
        moments, status, _ = run_training(given, method, Backend(np, workers), TIMES, measure, SILENT)
        assert status.success
        results.append((moments.mean("outputs"), moments.stderr("outputs")))
    for mean, stderr in results[1:]:
        np.testing.assert_array_equal(mean, results[0][0])
        np.testing.assert_array_equal(stderr, results[0][1])


def test_groups_cover_all_replicas_once():
    for replicas, workers, numbers in ((8, 2, 10.0), (7, 3, 1e5), (3, 16, 1.0), (1, 2, 1e9)):
        split = groups(replicas, workers, numbers)
        assert [i for part in split for i in part] == list(range(replicas))
    assert len(groups(8, 2, 10.0)) == 2


def test_divergence_keeps_the_last_finite_weights():
    given = linear()
    given = problem(network=given.network, optimiser=SGD(), schedule=lambda step: 0.1 if step < 7 else 1e200)
    with np.errstate(over="ignore", invalid="ignore"):
        trained = once(given)
    assert trained.diverged.all()
    assert trained.done == 2  # steps 0 and 5 were measured
    assert np.isfinite(trained.weights).all()
    moments, status, _ = run_training(given, Simulation(replicas=3), Backend(np, 1), TIMES, measure, SILENT)
    assert status.code == "diverged"
    assert "after step 5: the data up to step 5 are kept" in status.message
    assert moments.mean("train_loss").shape == (2,)
    assert moments.mean("outputs").shape == (2, 12)
    assert np.isfinite(moments.mean("outputs")).all()


def test_target_loss_lets_replicas_rest():
    given = problem(target_loss=0.1, schedule=constant(0.05))
    trained = once(given)
    losses = trained.records["train_loss"]
    assert trained.rests.all()
    assert losses.shape == (5, len(TIMES))
    for row in losses:
        reached = int(np.argmax(row < 0.1))
        np.testing.assert_array_equal(row[reached:], row[reached])
    _, status, _ = run_training(problem(target_loss=1e-9), Simulation(), Backend(np, 1), TIMES, measure, SILENT)
    assert status.message == "8 networks trained for 20 steps; 0 reached the loss 1e-09 before"


def test_interruption_keeps_what_there_is():
    class Impatient(Progress):
        calls = 0

        def update(self, done):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt

    count = 0

    def stop():
        nonlocal count
        count += 1
        return count > 12

    trained = once(problem(), stop=stop)
    assert trained.done == 3
    assert not trained.diverged.any()
    moments, status, _ = run_training(problem(), Simulation(), Backend(np, 1), TIMES, measure, Impatient())
    whole, _, _ = run_training(problem(), Simulation(), Backend(np, 1), TIMES, measure, SILENT)
    assert status.code == "interrupted"
    assert "interrupted after step 10 of 20" in status.message
    np.testing.assert_array_equal(moments.mean("train_loss"), whole.mean("train_loss")[:3])


def test_estimate_grows_with_the_work():
    given, backend = problem(), get_backend("numpy")
    small, large = (estimate(given, Simulation(replicas=r), backend, TIMES, 13.0) for r in (2, 2000))
    assert large["memory"] > 100 * small["memory"] / 2
    assert large["seconds"] > small["seconds"]
