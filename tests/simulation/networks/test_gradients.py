"""Every backward pass against central differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError, UnknownNameError
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import ACTIVATIONS, activation
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import LOSSES, cross_entropy, loss, one_hot, square
from dmft.simulation.networks.network import Network

REPLICAS, SAMPLES = 3, 4


def streams(seed, count):
    return [np.random.default_rng([seed, i]) for i in range(count)]


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    return rng.standard_normal((1, SAMPLES, 3)), rng.standard_normal((1, SAMPLES, 2))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_gradient_of_a_network(name, kind, data, differences):
    inputs, targets = data
    if name == "cross_entropy":
        targets = np.abs(targets)  # need not be normalised
    layers = (
        Dense(5, starts.fan_in(1.0), starts.normal(0.5), multiplier=1.7),
        activation(kind),
        Dense(4, starts.fan_in(2.0), None),
        activation(kind),
        Dense(2, starts.uniform(-1.0, 1.0), starts.normal(1.0)),
    )
    network = Network(layers, (3,))
    weights = network.start(streams(2, REPLICAS))
    losses, gradient, outputs, _ = network.descend(np, weights, inputs, targets, loss(name))
    assert losses.shape == (REPLICAS,)
    assert outputs.shape == (REPLICAS, SAMPLES, 2)
    assert gradient.shape == weights.shape == (REPLICAS, network.size)
    expected = differences(lambda moved: network.descend(np, moved, inputs, targets, loss(name))[0], weights)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_slope_at_the_inputs(kind, differences):
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((REPLICAS, SAMPLES, 3))
    network = Network((Dense(4, starts.normal(1.0)), activation(kind)), (3,))
    weights = network.start(streams(3, REPLICAS))
    outputs, caches = network.forward(np, weights, inputs)
    pull = rng.standard_normal(outputs.shape)
    arrays = network.views(weights)
    slope = pull
    for index in (1, 0):
        gradient = {name: np.zeros_like(part) for name, part in arrays[index].items()}
        slope = network.layers[index].backward(np, arrays[index], caches[index], slope, gradient)
    expected = differences(lambda x: (network.forward(np, weights, x)[0] * pull).sum(axis=(1, 2)), inputs)
    np.testing.assert_allclose(slope, expected, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_slope_of_a_loss(name, differences):
    rng = np.random.default_rng(4)
    outputs, targets = rng.standard_normal((2, 3, 4, 2))
    targets = np.abs(targets)
    expected = differences(lambda moved: loss(name)(np, moved, targets)[0], outputs)
    np.testing.assert_allclose(loss(name)(np, outputs, targets)[1], expected, atol=1e-6)


def test_values_of_the_losses():
    outputs, targets = np.array([[[1.0, 2.0], [0.0, 0.0]]]), np.array([[[0.0, 0.0], [2.0, 0.0]]])
    assert square(np, outputs, targets)[0] == pytest.approx([(1 + 4 + 4) / 4])
    labels = one_hot(np, np.array([[0, 1]]), 2, np.float64)
    expected = (np.log1p(np.e) + np.log(2.0)) / 2
    assert cross_entropy(np, outputs, labels)[0] == pytest.approx([expected])
    far = cross_entropy(np, 1e4 * outputs, labels)  # no overflow
    assert far[0] == pytest.approx([(1e4 + np.log(2.0)) / 2])


def test_frozen_layer_has_no_gradient_but_passes_it_on(data):
    inputs, targets = data
    layers = (Dense(5), activation("tanh"), Dense(2, trained=False))
    network = Network(layers, (3,))
    weights = network.start(streams(5, 1))
    _, gradient, *_ = network.descend(np, weights, inputs, targets, square)
    parts = network.views(gradient)
    assert not parts[2]["kernel"].any()
    assert not parts[2]["bias"].any()
    assert parts[0]["kernel"].all()


def test_wrong_use_is_told():
    with pytest.raises(ParameterError, match=r"one axis, got the shape \(8, 8\)"):
        Network((Dense(3),), (8, 8))
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        activation("relo")
    with pytest.raises(UnknownNameError, match="loss 'l2'"):
        loss("l2")
    with pytest.raises(ParameterError, match="labels reach from 0 to 3: give integers from 0 to 2"):
        one_hot(np, np.array([0, 3]), 3, np.float64)
