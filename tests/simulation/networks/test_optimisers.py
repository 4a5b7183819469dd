"""Optimisers against their definition, written out for one number; schedules."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.simulation.networks.optimisers import OPTIMISERS, SGD, Adam, Momentum
from dmft.simulation.networks.schedules import constant, root_scaled, warm_up_linear_decay

RATE = 0.1


def path(optimiser, gradients, start=2.0):
    """Weights of one replica with one weight under a sequence of gradients."""
    weights, found = np.full((1, 1), start), []
    state = optimiser.start(np, weights)
    for gradient in gradients:
        weights, state = optimiser.step(np, weights, np.full((1, 1), gradient), state, RATE)
        found.append(float(weights[0, 0]))
    return found


def test_sgd():
    assert path(SGD(), [1.0, -3.0]) == pytest.approx([1.9, 2.2])


def test_momentum():
    assert path(Momentum(0.5), [1.0, 1.0, 0.0]) == pytest.approx([1.9, 1.75, 1.675])


def test_adam():
    gradients, m, v, w, expected = [0.3, -2.0, 1e-9, 5.0], 0.0, 0.0, 2.0, []
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= RATE * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
        expected.append(w)
    assert path(Adam(), gradients) == pytest.approx(expected, rel=1e-12)


def test_first_step_of_adam_has_the_size_of_the_rate():
    assert path(Adam(), [1e-3])[0] == pytest.approx(2.0 - RATE, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_are_pure(name):
    rng = np.random.default_rng(0)
    optimiser, weights = OPTIMISERS[name](), rng.standard_normal((2, 5))
    state = optimiser.start(np, weights)
    _, state = optimiser.step(np, weights, rng.standard_normal((2, 5)), state, RATE)
    given = (weights.copy(), {key: np.copy(part) for key, part in state.items()})
    first, _ = optimiser.step(np, weights, np.ones((2, 5)), state, RATE)
    second, _ = optimiser.step(np, weights, np.ones((2, 5)), state, RATE)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(weights, given[0])
    for key, part in given[1].items():
        np.testing.assert_array_equal(state[key], part)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_float32_stays_float32(name):
    optimiser, weights = OPTIMISERS[name](), np.ones((2, 3), dtype=np.float32)
    state = optimiser.start(np, weights)
    for _ in range(2):
        weights, state = optimiser.step(np, weights, weights, state, RATE)
    assert weights.dtype == np.float32
    assert all(np.asarray(part).dtype == np.float32 for key, part in state.items() if key != "count")


def test_schedules():
    assert [constant(0.3)(step) for step in (0, 7)] == [0.3, 0.3]
    schedule = warm_up_linear_decay(1.0, 4, 12)
    assert [schedule(step) for step in (0, 3, 4, 8, 12, 20)] == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.0, 0.0])
    assert root_scaled(0.1, 400, 100) == pytest.approx(0.2)
