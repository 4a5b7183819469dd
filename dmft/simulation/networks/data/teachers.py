"""Teacher networks: Gaussian inputs with the outputs of another network."""

from __future__ import annotations

import numpy as np

from ..network import Network
from .dataset import Array


def teacher(samples: int, network: Network, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Inputs x ~ N(0, 1) (n, …) and targets (n, …): the outputs of `network`, with noise of this deviation.

    The weights of the teacher are drawn from the same generator, before the inputs. For classes take the largest of the
    targets.
    """
    weights = network.start([rng])
    inputs = rng.standard_normal((samples, *network.inputs))
    outputs = network.forward(np, weights, inputs[None])[0][0]
    return inputs, outputs + noise * rng.standard_normal(outputs.shape)
