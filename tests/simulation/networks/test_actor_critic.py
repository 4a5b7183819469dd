"""The loss of an actor–critic and the sparse layer, against differences and the dense layer."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import BackendError, ParameterError
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import ReLU
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import actor_critic
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.sparse import Sparse


def test_gradient_of_policy_and_value_loss(differences):
    rng = np.random.default_rng(0)
    network = Network(
        (Sparse(5, 7, starts.normal(1.0), starts.normal(1.0)), ReLU(), Dense(5, starts.normal(1.0))), (3,)
    )
    weights = network.start([np.random.default_rng([1, i]) for i in range(2)])
    places = rng.integers(-1, 7, (1, 6, 3))
    targets = np.stack([rng.integers(0, 4, 6), rng.standard_normal(6), rng.standard_normal(6)], axis=-1)[None]
    for entropy, value in ((0.0, 0.0), (0.7, 0.0), (0.0, 0.9), (0.3, 0.5)):
        loss = actor_critic(entropy, value)
        _, gradient, *_ = network.descend(np, weights, places, targets, loss)
        expected = differences(lambda moved, loss=loss: network.descend(np, moved, places, targets, loss)[0], weights)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_loss_by_hand():
    outputs, targets = np.log([[[0.5, 0.25, 0.25, np.e**2]]]), np.array([[[1.0, 3.0, 5.0]]])
    entropy = 0.5 * np.log(2.0) + 0.5 * np.log(4.0)
    value, _ = actor_critic(0.1, 2.0)(np, outputs, targets)
    assert value[0] == pytest.approx(3.0 * np.log(4.0) - 0.1 * entropy + 9.0)


def test_sparse_layer_is_the_dense_one():
    rng = np.random.default_rng(0)
    places = np.stack([rng.permutation(9)[:4] for _ in range(20)]).reshape(1, 20, 4).astype(np.int32)
    places[0, :5, 0] = -1
    dense = np.zeros((1, 20, 9))
    for i in range(20):
        dense[0, i, places[0, i][places[0, i] >= 0]] = 1.0
    sparse, full = (
        Network((layer, ReLU(), Dense(2)), shape) for layer, shape in ((Sparse(6, 9), (4,)), (Dense(6), (9,)))
    )
    weights = full.start([np.random.default_rng(i) for i in range(3)])
    assert sparse.size == full.size
    targets, loss = rng.standard_normal((1, 20, 3)), actor_critic(0.1, 1.0)
    one, other = (net.descend(np, weights, x, targets, loss)[:3] for net, x in ((sparse, places), (full, dense)))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    with pytest.raises(ParameterError, match="places of ones"):
        Network((Sparse(6, 9),), (4, 4))
    with pytest.raises(BackendError, match="CPU"):
        sparse.forward(object(), weights, places)
