"""Optimisers against their definition, written out for one number; schedules."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError, UnknownNameError
from dmft.simulation.networks.network import Block
from dmft.simulation.networks.optimisers import LAMB, LARS, OPTIMISERS, SGD, SMALL, Adam, Momentum, optimiser
from dmft.simulation.networks.schedules import constant, linearly_scaled, root_scaled, warm_up_linear_decay

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


BLOCKS = (
    Block(0, "kernel", 0, 3, (3,)), Block(0, "bias", 3, 5, (2,)), Block(1, "mean", 5, 6, (1,), trained=False),
    Block(2, "kernel", 6, 8, (2,)),
)  # fmt: skip


def many(chosen, steps=4):
    """Starts, gradients and path of two replicas of the weights of BLOCKS."""
    rng = np.random.default_rng(3)
    weights, gradients = rng.standard_normal((2, 8)), rng.standard_normal((steps, 2, 8))
    gradients[:, :, 5] = 0.0  # that of a constant
    path, state = [weights], chosen.start(np, weights)
    for gradient in gradients:
        weights, state = chosen.step(np, weights, gradient, state, RATE)
        path.append(weights)
    return gradients, np.array(path)


def reference(kind, gradients, start, decay, low, high, excluded):
    """LARS and LAMB as in the tables of arXiv:1904.00962, block by block and replica by replica."""
    result = start.copy()
    for r in range(len(start)):
        for block in BLOCKS:
            if not block.trained:
                continue
            x = start[r, block.start : block.stop].copy()
            m, v = np.zeros_like(x), np.zeros_like(x)
            for t, gradient in enumerate(gradients, start=1):
                g, fixed = gradient[r, block.start : block.stop], block.name in excluded
                pull = 0.0 if fixed else decay * x
                if kind == "lars":
                    m = 0.9 * m + 0.1 * (g + pull)
                    u = m
                else:
                    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                    u = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + pull
                ratio = 1.0 if fixed else np.clip(np.linalg.norm(x), low, high) / np.linalg.norm(u)
                x -= RATE * ratio * u
            result[r, block.start : block.stop] = x
    return result


@pytest.mark.parametrize("excluded", [(), SMALL])
@pytest.mark.parametrize("bounds", [(0.0, np.inf), (1.0, 1.0), (0.9, 1.4)])
@pytest.mark.parametrize("kind", [LARS, LAMB])
def test_lars_and_lamb_as_published(kind, bounds, excluded):
    low, high = bounds
    chosen = kind(decay=0.3, blocks=BLOCKS, excluded=excluded, lower=low, upper=high)
    gradients, path = many(chosen)
    name = kind.__name__.lower()
    expected = reference(name, gradients, path[0], 0.3, low, high, excluded)
    np.testing.assert_allclose(path[-1], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [LARS, LAMB])
def test_ratio_is_one_where_a_norm_is_zero(kind):
    chosen = kind(lower=0.5)
    zero, pull = np.zeros((1, 2)), np.ones((1, 2))
    moved = chosen.step(np, zero, pull, chosen.start(np, zero), RATE)[0]
    expected = -RATE * (0.1 if kind is LARS else 1.0 / (1.0 + 1e-6))
    np.testing.assert_allclose(moved, expected)
    np.testing.assert_array_equal(chosen.step(np, pull, zero, chosen.start(np, zero), RATE)[0], pull)


def test_decay_shrinks_all_trained_weights_but_the_excluded():
    for kind in (SGD, Momentum):
        gradients, path = many(kind(decay=0.2, blocks=BLOCKS, excluded=SMALL), 1)
        expected = path[0] - RATE * gradients[0]
        expected[:, [0, 1, 2, 6, 7]] -= RATE * 0.2 * path[0][:, [0, 1, 2, 6, 7]]
        np.testing.assert_allclose(path[1], expected, rtol=1e-13)
        gradients, path = many(kind(decay=0.2), 1)
        np.testing.assert_allclose(path[1], path[0] - RATE * (gradients[0] + 0.2 * path[0]), rtol=1e-13)


def test_momentum_with_decay_is_the_heavy_ball_of_the_decayed_gradient():
    gradients, path = many(Momentum(0.5, decay=0.2))
    velocity, weights = 0.0, path[0]
    for gradient in gradients:
        velocity = 0.5 * velocity + gradient + 0.2 * weights
        weights = weights - RATE * velocity
    np.testing.assert_allclose(path[-1], weights, rtol=1e-13)


def test_wrong_optimisers_are_told():
    with pytest.raises(UnknownNameError, match="unknown optimiser 'lambs': did you mean 'lamb'"):
        optimiser("lambs")
    with pytest.raises(ParameterError, match=r"weight decay -1 is not allowed: give a number in \[0, inf\)"):
        optimiser("sgd", decay=-1.0)
    assert optimiser("lars", decay=0.1) == LARS(decay=0.1)


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
    assert linearly_scaled(0.1, 400, 100) == pytest.approx(0.4)
