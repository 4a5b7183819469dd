"""One training epoch of the convolutional network on digits: against PyTorch, replicas at once, im2col against FFT.

    python benchmarks/network_epoch.py [--batch 32] [--channels 16] [--replicas 8]

PyTorch is compared if it is installed; this package does not need it. One thread each; the best of several epochs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from dmft.simulation.backend import single_threaded_blas
from dmft.simulation.networks.activations import ReLU
from dmft.simulation.networks.convolution import Convolution
from dmft.simulation.networks.data.digits import digits
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import cross_entropy
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.norms import normalisation
from dmft.simulation.networks.optimisers import Momentum
from dmft.simulation.networks.reshaping import MeanPool

DTYPE = np.float32


def best(function: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the quickest of several calls, after one that warms up."""
    function()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def network(channels: int, norm: str) -> Network:
    """The network of ``group-norm/training``."""
    blocks = [
        (Convolution(channels, stride=stride, bias_start=None), normalisation(norm, 4), ReLU()) for stride in (1, 2)
    ]
    return Network((*blocks[0], *blocks[1], MeanPool(), Dense(10)), (8, 8, 1))


def epoch(net: Network, data: Any, batch: int, replicas: int) -> Callable[[], None]:
    """One pass over the data, in order, for stacked replicas."""
    weights = net.start([np.random.default_rng(i) for i in range(replicas)]).astype(DTYPE)
    inputs, targets = data.inputs.astype(DTYPE)[None], data.targets.astype(DTYPE)[None]
    optimiser = Momentum()
    start = optimiser.start(np, weights)

    def run() -> None:
        state, now = start, weights
        for first in range(0, inputs.shape[1] - batch + 1, batch):
            x, y = inputs[:, first : first + batch], targets[:, first : first + batch]
            outputs, caches = net.forward(np, now, x)
            _, slope = cross_entropy(np, outputs, y)
            gradient = net.backward(np, now, caches, slope)
            now, state = optimiser.step(np, now, gradient, state, 0.05)
            net.follow(np, now, caches)

    return run


def torch_epoch(data: Any, batch: int, channels: int, norm: str) -> Callable[[], None] | None:
    """The same in PyTorch, or None without it."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)

    def layer() -> Any:
        return torch.nn.BatchNorm2d(channels) if norm == "bn" else torch.nn.GroupNorm(4, channels)

    def convolution(inputs: int, stride: int) -> Any:
        return torch.nn.Conv2d(inputs, channels, 3, stride=stride, padding=1, bias=False)

    model = torch.nn.Sequential(
        convolution(1, 1), layer(), torch.nn.ReLU(), convolution(channels, 2), layer(), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 10),
    )  # fmt: skip
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    inputs = torch.from_numpy(np.moveaxis(data.inputs, -1, 1).astype(DTYPE))
    labels = torch.from_numpy(data.labels)

    def run() -> None:
        for first in range(0, len(inputs) - batch + 1, batch):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(
                model(inputs[first : first + batch]), labels[first : first + batch]
            )
            loss.backward()
            optimiser.step()

    return run


def convolve_by_fft(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The forward pass of a 3 × 3 convolution as a product of Fourier transforms: images (n, H, W, C)."""
    size = [part + 2 for part in images.shape[1:3]]
    shape = [fft.next_fast_len(part, real=True) for part in size]
    first = fft.rfft2(images, shape, axes=(1, 2))
    second = fft.rfft2(kernel[::-1, ::-1], shape, axes=(0, 1))
    product = np.matmul(np.moveaxis(first, 0, 2), second)  # (H, W, n, channels)
    found = fft.irfft2(np.moveaxis(product, 2, 0), shape, axes=(1, 2))
    return found[:, 1 : size[0] - 1, 1 : size[1] - 1]


def against_fft(batch: int, channels: int) -> None:
    """Seconds of one forward convolution, both ways."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, 8, 8, channels)).astype(DTYPE)
    kernel = rng.standard_normal((3, 3, channels, channels)).astype(DTYPE)
    layer = Convolution(channels, bias_start=None)
    weights = {"kernel": kernel.reshape(1, -1, channels)}
    one = layer.forward(np, weights, images[None])[0][0]
    np.testing.assert_allclose(convolve_by_fft(images, kernel), one, atol=1e-3)
    quick = best(lambda: layer.forward(np, weights, images[None]), 20)
    slow = best(lambda: convolve_by_fft(images, kernel), 20)
    print(f"forward convolution of {batch} images: im2col {1e6 * quick:.0f} μs, FFT {1e6 * slow:.0f} μs")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--replicas", type=int, default=8)
    options = parser.parse_args()
    data = digits()
    with single_threaded_blas():
        for norm in ("bn", "gn"):
            for batch in sorted({options.batch, 4}):
                net = network(options.channels, norm)
                alone = best(epoch(net, data, batch, 1))
                stacked = best(epoch(net, data, batch, options.replicas), 1) / options.replicas
                print(f"{norm}, batch {batch}: {alone:.3f} s an epoch; {options.replicas} replicas at once "
                      f"{stacked:.3f} s each, {alone / stacked:.2f} times as fast")  # fmt: skip
                other = torch_epoch(data, batch, options.channels, norm)
                if other is not None:
                    theirs = best(other)
                    print(f"    PyTorch, one thread: {theirs:.3f} s; ours/theirs {alone / theirs:.2f} alone, "
                          f"{stacked / theirs:.2f} stacked")  # fmt: skip
        against_fft(options.batch, options.channels)


if __name__ == "__main__":
    main()
