"""The layers and optimisers on a CUDA GPU, if there is one, against the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import BackendError
from dmft.simulation.backend import get_backend
from dmft.simulation.networks.activations import ReLU, Softplus
from dmft.simulation.networks.convolution import Convolution
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import cross_entropy
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.norms import normalisation
from dmft.simulation.networks.optimisers import OPTIMISERS
from dmft.simulation.networks.reshaping import MeanPool
from dmft.simulation.networks.schedules import constant
from dmft.simulation.networks.training import Problem, train
from dmft.simulation.networks.weight_norm import WeightNorm


@pytest.fixture
def gpu():
    pytest.importorskip("cupy", reason="cupy is not installed", exc_type=ImportError)
    try:
        return get_backend("cupy")
    except BackendError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("norm", ["bn", "gn", "ln", "in", "pn"])
def test_training_on_a_gpu_is_that_on_a_cpu(gpu, norm, optimiser):
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((20, 5, 4, 2)), np.eye(3)[rng.integers(3, size=20)]
    layers = (
        WeightNorm(Convolution(4)), normalisation(norm, 2), ReLU(),
        Convolution(4, stride=2), normalisation(norm, 2), Softplus(), MeanPool(), Dense(3),
    )  # fmt: skip
    network = Network(layers, (5, 4, 2))
    problem = Problem(network, cross_entropy, OPTIMISERS[optimiser](), constant(0.01), inputs, targets, batch=6)
    found = []
    for backend in (get_backend("numpy"), gpu):
        rngs = [np.random.default_rng([1, i]) for i in range(3)]
        times = np.array([0, 10])
        trained = train(
            problem,
            rngs,
            backend,
            "float64",
            times,
            lambda w, o, losses: {"loss": losses},
            lambda: False,
            lambda u: None,
        )
        found.append(backend.to_host(trained.weights))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-8, atol=1e-8)
