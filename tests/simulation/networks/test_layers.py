"""Convolution, normalising layers and reshaping: published definitions, and gradients against central differences."""

from __future__ import annotations

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import Tanh
from dmft.simulation.networks.batch_norm import BatchNorm, PopulationNorm
from dmft.simulation.networks.convolution import Convolution
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.group_norm import GroupNorm, InstanceNorm, LayerNorm
from dmft.simulation.networks.losses import cross_entropy, one_hot
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.reshaping import Flatten, MeanPool
from dmft.simulation.networks.weight_norm import WeightNorm

EPSILON = 1e-5
IMAGE = (4, 3, 4)
ONES = starts.normal(0.5)
ON_IMAGES = {
    "convolution": Convolution(3, kernel_start=ONES, bias_start=ONES),
    "convolution-strided": Convolution(3, stride=2, kernel_start=ONES, bias_start=None),
    "convolution-valid": Convolution(2, padding="valid", kernel_start=ONES),
    "convolution-even": Convolution(2, width=2, kernel_start=ONES),
    "convolution-one": Convolution(2, width=1, stride=3, kernel_start=ONES),
    "weight-norm": WeightNorm(Convolution(2, kernel_start=ONES, bias_start=ONES)),
    "flatten": Flatten(),
    "mean-pool": MeanPool(),
}
ON_BOTH = {
    "batch": BatchNorm(),
    "batch-plain": BatchNorm(affine=False),
    "population": PopulationNorm(),
    "group": GroupNorm(groups=2),
    "group-plain": GroupNorm(affine=False, groups=2),
    "layer": LayerNorm(),
}
CASES = [(layer, IMAGE) for layer in (*ON_IMAGES.values(), *ON_BOTH.values(), InstanceNorm())]
CASES += [(layer, (4,)) for layer in (*ON_BOTH.values(), WeightNorm(Dense(3, ONES, ONES)))]
NAMES = [*ON_IMAGES, *ON_BOTH, "instance", *(f"{name}-dense" for name in (*ON_BOTH, "weight-norm"))]


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def weights_of(network, replicas):
    """Weights off their start, so that scales and biases count; variances stay positive."""
    weights = network.start([np.random.default_rng([7, i]) for i in range(replicas)])
    weights += 0.3 * np.random.default_rng(8).standard_normal(weights.shape)
    for arrays in network.views(weights):
        if "variance" in arrays:
            arrays["variance"][...] = 0.5 + arrays["variance"] ** 2
    return weights


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=NAMES)
def test_gradients_of_a_layer(layer, shape, differences):
    network = Network((layer,), shape)
    weights, inputs = weights_of(network, 2), draw(1, 2, 5, *shape)
    outputs, caches = network.forward(np, weights, inputs)
    assert outputs.shape == (2, 5, *network.features[-1])
    pull = draw(2, *outputs.shape)
    arrays, gradient = network.views(weights)[0], np.zeros_like(weights)
    slope = layer.backward(np, arrays, caches[0], pull.copy(), network.views(gradient)[0])
    for point, found, function in (
        (inputs, slope, lambda moved: network.forward(np, weights, moved)[0]),
        (weights, gradient, lambda moved: network.forward(np, moved, inputs)[0]),
    ):
        if point.shape[1]:
            expected = differences(lambda moved, f=function: (f(moved) * pull).reshape(2, -1).sum(axis=1), point)
            for block in network.blocks if point is weights else ():
                if not block.trained:
                    expected[:, block.start : block.stop] = 0.0  # constants have no gradient
            # two values that happen to lie close together have a steep slope: relative to the largest
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNorm(groups=2), PopulationNorm()], ids=["bn", "gn", "pn"])
def test_gradient_of_a_convolutional_network(norm, differences):
    layers = (WeightNorm(Convolution(4)), norm, Tanh(), Convolution(4, stride=2), norm, Tanh(), MeanPool(), Dense(3))
    network = Network(layers, (4, 4, 1))
    weights, inputs = weights_of(network, 2), draw(3, 1, 6, 4, 4, 1)  # inputs that the replicas share
    targets = one_hot(np, np.array([[0, 1, 2, 0, 1, 2]]), 3, np.float64)
    _, gradient, *_ = network.descend(np, weights, inputs, targets, cross_entropy)
    expected = differences(lambda moved: network.descend(np, moved, inputs, targets, cross_entropy)[0], weights)
    for block in network.blocks:
        if not block.trained:
            expected[:, block.start : block.stop] = 0.0
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def applied(layer, inputs):
    network = Network((layer,), inputs.shape[2:])
    weights = weights_of(network, len(inputs))
    return network.forward(np, weights, inputs)[0], network.views(weights)[0]


def test_batch_normalisation_as_published():
    inputs = draw(4, 2, 5, *IMAGE)
    outputs, weights = applied(BatchNorm(), inputs)
    for replica in range(2):  # arXiv:1502.03167, algorithm 1, for each channel over samples and pixels
        for channel in range(IMAGE[2]):
            x = inputs[replica, ..., channel]
            standard = (x - x.mean()) / np.sqrt(x.var() + EPSILON)
            expected = weights["scale"][replica, channel] * standard + weights["bias"][replica, channel]
            np.testing.assert_allclose(outputs[replica, ..., channel], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "groups"), [(GroupNorm(groups=2), 2), (LayerNorm(), 1), (InstanceNorm(), 4)], ids=["gn", "ln", "in"]
)
def test_group_normalisation_as_published(layer, groups):
    inputs = draw(5, 2, 5, *IMAGE)
    outputs, weights = applied(layer, inputs)
    # arXiv:1803.08494, figure 3: the code of the paper, with channels before pixels
    x = np.moveaxis(inputs, -1, 2)
    replicas, samples, channels, height, width = x.shape
    x = x.reshape(replicas, samples, groups, channels // groups, height, width)
    mean, variance = x.mean(axis=(3, 4, 5), keepdims=True), x.var(axis=(3, 4, 5), keepdims=True)
    x = ((x - mean) / np.sqrt(variance + EPSILON)).reshape(replicas, samples, channels, height, width)
    gamma, beta = (weights[name][:, None, :, None, None] for name in ("scale", "bias"))
    np.testing.assert_allclose(outputs, np.moveaxis(x * gamma + beta, 2, -1), rtol=1e-10, atol=1e-12)


def test_population_normalisation_takes_the_place_of_batch_normalisation():
    layer, inputs = BatchNorm(forgetting=0.25), draw(6, 2, 50, 3)
    network = Network((layer,), (3,))
    weights = network.start([np.random.default_rng(0)] * 2)
    mean, variance = np.zeros((2, 3)), np.ones((2, 3))
    for step in range(4):
        batch = 2.0 + 3.0 * inputs[:, 10 * step : 10 * step + 10]
        network.follow(np, weights, network.forward(np, weights, batch)[1])
        mean = 0.75 * mean + 0.25 * batch.mean(axis=1)
        variance = 0.75 * variance + 0.25 * batch.var(axis=1, ddof=1)  # unbiased, arXiv:1502.03167, algorithm 2
    arrays = network.views(weights)[0]
    np.testing.assert_allclose(arrays["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(arrays["variance"], variance, rtol=1e-12)
    tested = network.at_test()
    outputs, caches = tested.forward(np, weights, inputs)
    expected = (inputs - mean[:, None]) / np.sqrt(variance[:, None] + EPSILON)
    np.testing.assert_allclose(outputs, expected, rtol=1e-10, atol=1e-12)
    followed = weights.copy()  # the layer on its own follows in the same way
    tested.follow(np, followed, caches)
    expected = 0.75 * mean + 0.25 * inputs.mean(axis=1)
    np.testing.assert_allclose(tested.views(followed)[0]["mean"], expected, rtol=1e-10)


def test_weight_normalisation_as_published():
    inner, inputs = Dense(4, ONES, ONES), draw(9, 2, 5, 3)
    outputs, weights = applied(WeightNorm(inner), inputs)
    direction = weights["direction"]
    kernel = weights["gain"][:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    np.testing.assert_allclose(outputs, inputs @ kernel + weights["bias"][:, None], rtol=1e-12)
    plain = Network((inner,), (3,)).start([np.random.default_rng(1)])
    wrapped = Network((WeightNorm(inner),), (3,))
    started = wrapped.forward(np, wrapped.start([np.random.default_rng(1)]), inputs)[0]
    np.testing.assert_allclose(started, Network((inner,), (3,)).forward(np, plain, inputs)[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "width"), [(1, "same", 3), (2, "same", 3), (1, "valid", 3), (2, "same", 2)]
)
def test_convolution_as_defined(stride, padding, width):
    layer, inputs = Convolution(3, width, stride, padding, ONES, ONES), draw(10, 2, 2, 5, 4, 2)
    outputs, weights = applied(layer, inputs)
    kernel = weights["kernel"].reshape(2, width, width, 2, 3)
    before, behind = ((width - 1) // 2, width // 2) if padding == "same" else (0, 0)
    padded = np.pad(inputs, ((0, 0), (0, 0), (before, behind), (before, behind), (0, 0)))
    for i in range(outputs.shape[2]):
        for j in range(outputs.shape[3]):
            patch = padded[:, :, stride * i : stride * i + width, stride * j : stride * j + width]
            expected = np.einsum("rnabd,rabdc->rnc", patch, kernel) + weights["bias"][:, None]
            np.testing.assert_allclose(outputs[:, :, i, j], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [BatchNorm(), LayerNorm(), InstanceNorm()], ids=["bn", "ln", "in"])
def test_a_normalised_layer_does_not_feel_the_length_of_its_kernel(layer):
    network = Network((Convolution(4, bias_start=None), layer), (4, 4, 2))
    weights, inputs = network.start([np.random.default_rng(0)]), draw(11, 1, 6, 4, 4, 2)
    longer = weights.copy()
    network.views(longer)[0]["kernel"][...] *= 1e3
    layers = [network.forward(np, part, inputs)[0] for part in (weights, longer)]
    # ε = 1e-5 next to a variance of order 1 is all that differs
    np.testing.assert_allclose(layers[0], layers[1], atol=1e-3)


def test_wrong_use_is_told():
    with pytest.raises(ParameterError, match="batch of 1 value a channel: give a batch of at least 2"):
        applied(BatchNorm(), draw(0, 1, 1, 3))
    with pytest.raises(ParameterError, match=r"groups = 3 do not divide 4 channels: give one of \[1, 2, 4\]"):
        Network((GroupNorm(groups=3),), IMAGE)
    with pytest.raises(ParameterError, match="have one value each, which has no variance"):
        Network((InstanceNorm(),), (4,))
    with pytest.raises(ParameterError, match=r"a convolution takes images .* got the shape \(4,\)"):
        Network((Convolution(3),), (4,))
    with pytest.raises(ParameterError, match="a kernel of 5 pixels does not fit"):
        Network((Convolution(3, 5, padding="valid"),), (4, 4, 1))
    with pytest.raises(ParameterError, match="padding = 'full' is not allowed: give same or valid"):
        Network((Convolution(3, padding="full"),), (4, 4, 1))
    with pytest.raises(ParameterError, match="a mean over pixels takes images"):
        Network((MeanPool(),), (4,))
