"""Gradient flow of a network: exact for a linear one, against an integrator for one that is not lazy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dmft.simulation.backend import Backend
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import Softplus, Tanh
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.flow import gradient_flow, jacobian
from dmft.simulation.networks.network import Network

CPU = Backend(np, 1)
TIMES = np.array([0.1, 1.0, 5.0])


def small(hidden=6, activation=None):
    layers = (Dense(hidden, starts.normal(1.0), starts.normal(0.5)), activation or Tanh(), Dense(1, starts.normal(0.7)))
    return Network(layers, (2,))


def data(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4, 2)), rng.standard_normal(4), rng


def test_jacobian_is_made_of_gradients_of_single_samples():
    inputs, _, rng = data()
    network = small()
    weights = network.start([rng])[0]
    outputs, slopes = jacobian(network, CPU, weights, inputs)
    for i in range(4):
        alone, caches = network.forward(np, weights[None], inputs[None, i : i + 1])
        assert outputs[i] == pytest.approx(alone[0, 0, 0], rel=1e-13)
        np.testing.assert_allclose(slopes[i], network.backward(np, weights[None], caches, np.ones((1, 1, 1)))[0])


def test_linear_network_is_exact_in_one_step_a_time():
    inputs, targets, rng = data()
    network = Network((Dense(1, starts.normal(1.0), None),), (2,))
    weights = network.start([rng])[0]
    flow = gradient_flow(network, CPU, weights, inputs, targets, TIMES, rate=0.7)
    rates, modes = np.linalg.eigh(0.7 * inputs @ inputs.T)
    start = inputs @ weights - targets
    for t, residual, push in zip(TIMES, flow.residuals, flow.pushes, strict=True):
        np.testing.assert_allclose(residual, modes @ (np.exp(-rates * t) * (modes.T @ start)), atol=1e-12)
        grown = np.where(rates > 1e-12, -np.expm1(-rates * t) / np.maximum(rates, 1e-12), t)
        np.testing.assert_allclose(push, -modes @ (grown * (modes.T @ start)), atol=1e-11)
    assert flow.steps == len(TIMES)


@pytest.mark.parametrize("activation", [Tanh(), Softplus()])
def test_small_network_against_an_integrator(activation):
    inputs, targets, rng = data(1)
    network = small(activation=activation)
    weights = network.start([rng])[0]

    def slope(t, w):
        outputs, slopes = jacobian(network, CPU, w, inputs)
        return slopes.T @ (targets - outputs)

    exact = solve_ivp(slope, (0.0, TIMES[-1]), weights, t_eval=TIMES, rtol=1e-9, atol=1e-11).y.T
    errors = []
    for tolerance in (1e-4, 1e-6):
        flow = gradient_flow(network, CPU, weights, inputs, targets, TIMES, tolerance=tolerance)
        assert not flow.diverged
        errors.append(np.abs(flow.weights - exact[-1]).max())
    assert errors[0] < 0.05
    assert errors[1] < 0.3 * errors[0]  # of first order, the error of a step being of second: a factor 10 is expected


def test_stop_and_divergence_keep_what_there_is():
    inputs, targets, rng = data()
    network = small()
    weights = network.start([rng])[0]
    calls = []
    flow = gradient_flow(
        network, CPU, weights, inputs, targets, TIMES, stop=lambda: len(calls) >= 2, update=calls.append
    )
    assert flow.residuals.shape == (2, 4)
    with np.errstate(over="ignore", invalid="ignore"):
        bad = gradient_flow(network, CPU, np.full_like(weights, np.nan), inputs, targets, TIMES)
    assert bad.diverged
    assert len(bad.residuals) == 0
