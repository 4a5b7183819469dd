"""A real scale-invariant network: exact kinematics, exponential learning rate, cycles or equilibrium, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation.backend import get_backend
from dmft.simulation.bn_weight_decay_network import Replica, _data, measured
from dmft.simulation.method import Simulation
from dmft.simulation.networks.losses import cross_entropy
from dmft.theory.bn_weight_decay_network import BNWeightDecayNetwork
from dmft.theory.scale_invariant import cosine, next_norm

SLUG = "bn-weight-decay/network"


def replica(size=8, seed=0, **options):
    model = BNWeightDecayNetwork(data="teacher", **options)
    return Replica(model, Simulation(size=size), get_backend("numpy"), np.random.default_rng(seed), _data(model))


def gradient_at(run, weights, chosen):
    outputs, caches = run.network.forward(np, weights, run.inputs[None, chosen])
    _, slope = cross_entropy(np, outputs, run.targets[None, chosen])
    return run.network.backward(np, weights, caches, slope)[:, run.columns]


def test_kinematics_of_a_step_to_round_off():
    """Eq. (1) and (2), and that the gradient is across the weights and of degree −1."""
    run = replica(eta=0.7, weight_decay=0.3, batch=64)
    for _ in range(5):
        before = run.weights.copy()
        _, norm, gradient, cos = run.step()
        moved = np.linalg.norm(run.weights[0, run.columns])
        k = run.model.k
        assert moved == pytest.approx(next_norm(norm, gradient, 0.7, k), rel=1e-13)
        assert cos == pytest.approx(cosine(norm, gradient, 0.7, k), rel=1e-13)
    chosen = np.arange(64)
    pull = gradient_at(run, before, chosen)
    w = before[0, run.columns]
    assert abs(pull[0] @ w) < 1e-13 * np.linalg.norm(pull) * np.linalg.norm(w)
    scaled = before.copy()
    scaled[:, run.columns] *= 3.0
    np.testing.assert_allclose(gradient_at(run, scaled, chosen), pull / 3.0, rtol=0.0, atol=1e-13 * np.abs(pull).max())


def test_decay_is_an_exponential_learning_rate():
    """k^(−t) w_t follows the network without decay at the rate η k^(−2t−1), on the same batches."""
    eta, decay, steps = 0.3, 0.1, 20
    with_decay, without = replica(eta=eta, weight_decay=decay, batch=64), replica(eta=eta, weight_decay=0.0, batch=64)
    k, columns = with_decay.model.k, with_decay.columns
    for t in range(steps):
        with_decay.step()
        chosen = without.batch()
        pull = gradient_at(without, without.weights, chosen)
        without.weights[:, columns] -= eta * k ** (-2 * t - 1) * pull
        grown = with_decay.weights[:, columns] / k ** (t + 1)
        # round-off grows with the steps of a ReLU network; a wrong rate would show in the first digits
        np.testing.assert_allclose(without.weights[:, columns], grown, rtol=0.0, atol=1e-9 * np.abs(grown).max())


def test_teacher_settles_into_equilibrium():
    """No cycles; the effective learning rate is √(2ηλ/G) with the measured G, and the angle √(2ηλ)."""
    run = dmft.simulate(SLUG, data="teacher", size=16, weight_decay=0.01, steps=1000, replicas=2, seed=1)
    assert run.status.success
    assert "no network cycles" in run.status.message
    assert np.isnan(run["scaled_period"].last)
    # G fluctuates by its swing; half of that of ln η̃ bounds the difference of means
    assert abs(np.log(run["mean_elr"].last / run["equilibrium_elr"].last)) < 0.5 * run["elr_swing"].last
    assert run["kinematics_error"].last < 1e-13
    assert run["angle"].last == pytest.approx(np.sqrt(2.0 * 0.5 * 0.01), rel=0.2)
    np.testing.assert_allclose(run["angle"].values, run["angle_law"].values, rtol=1e-6)


@pytest.mark.slow
def test_digits_cycle_and_periods_scale_with_the_inverse_decay():
    """T·ηλ is of order one and constant within its spread over a factor of 4 of ηλ."""
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    found = []
    for decay in (0.002, 0.008):
        run = dmft.simulate(SLUG, weight_decay=decay, steps=int(8 / decay), replicas=3, seed=1)
        assert "3 of 3 networks cycle" in run.status.message
        found.append((run["scaled_period"].last, run["scaled_period"].last_stderr))
    assert all(0.2 < value < 2.0 for value, _ in found)
    assert abs(np.log(found[0][0] / found[1][0])) < np.log(2.0)


def test_free_growth_bounds_the_effective_learning_rate():
    run = dmft.compare(SLUG, data="teacher", size=32, steps=100, replicas=1)
    start = run.simulation["elr"].values[0]
    bound = run.theory["elr_bound"].values * start / run.theory["elr_bound"].values[0]
    assert (run.simulation["elr"].values <= bound * (1.0 + 1e-12)).all()


def test_cycles_are_peaks_of_the_effective_learning_rate():
    model = BNWeightDecayNetwork(data="teacher", eta=0.1, weight_decay=0.01, steps=400)
    t = np.arange(401)
    norm = np.exp(-0.25 * np.cos(2.0 * np.pi * t / 50.0))
    taken = np.stack([np.ones(401), norm, np.ones(401), np.ones(401)], axis=1)
    found = measured(model, taken)
    assert found["n_periods"] == 6.0
    assert found["period_mean"] == pytest.approx(50.0)
    assert found["scaled_period"] == pytest.approx(0.05)
    assert measured(model, np.ones((401, 4)))["n_periods"] == 0.0


def test_same_seed_same_bits():
    runs = [dmft.simulate(SLUG, data="teacher", size=8, steps=20, replicas=2, seed=4) for _ in range(2)]
    assert np.array_equal(runs[0]["norm"].values, runs[1]["norm"].values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 1}, "2 or more"),
        ({"eta": 100.0, "weight_decay": 0.01}, "must be below 1"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0"),
        ({"batch": 5000}, "there are 1500 samples"),
        ({"network": "conv"}, "needs images"),
        ({"data": "/nowhere.npz"}, "nowhere.npz"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.simulate(SLUG, **{"data": "teacher", "steps": 5, "size": 4, **options})
