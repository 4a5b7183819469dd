"""Exact reduction of a network to weights on the unit sphere and bounded thresholds.

Equation numbers are those of docs/theory/reduced_space.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterError
from .network import Network, as_network

Array = np.ndarray
#: A threshold at the bound may exceed it by this factor when its weights are normalised again.
ROUND_OFF = 1.0 + 8.0 * float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Reduction:
    """A network and its equal on the reduced space.

    Attributes
    ----------
    original, network : Network
        Before and after: hidden weights of `network` have norm 1, its thresholds lie in ±`bounds`.
    bounds : tuple of float
        X_B of each hidden layer: the largest norm of what enters it.
    dead, saturated : tuple of int
        Neurons of each hidden layer that are 0, or never switch off, on the whole domain. ReLU: the first are dropped,
        the second merged; binary: both stay, their thresholds clipped.
    """

    original: Network
    network: Network
    bounds: tuple[float, ...]
    dead: tuple[int, ...]
    saturated: tuple[int, ...]

    def difference(self, points: Array) -> float:
        """Largest difference of the two at `points` (n, inputs), relative to the largest value there."""
        before, after = self.original(points), self.network(points)
        scale = float(np.abs(before).max(initial=0.0))
        largest = float(np.abs(after - before).max(initial=0.0))
        return largest / scale if scale else largest


def reduce(network: Any, domain: Any, *, activation: str = "relu") -> Reduction:
    """Reduce a network exactly: hidden weights to the unit sphere, thresholds to an interval.

    Parameters
    ----------
    network : Network, str, Path, mapping or sequence
        As :func:`dmft.theory.network.as_network` takes it: a .npz or .h5 file, named arrays, or pairs (W, b).
    domain : float or array_like, shape (n, inputs)
        Radius X_B of the ball on which the two must agree, or points (corners of a box, data) whose largest norm it is.
    activation : str
        ``relu`` or ``binary``, for a network that does not say.

    Returns
    -------
    Reduction
        N ReLU neurons of one hidden layer become at most N + 1, and N − K + 2 if K of them are saturated; with a
        constant at the output, as in every layer of a deep network but the last, at most N. Binary: N.

    Raises
    ------
    ParameterError
        If the radius is not positive and finite, or the network is not one.

    Notes
    -----
    Cost O(neurons · inputs) a layer, and a singular value decomposition of a matrix (neurons of the next layer, inputs)
    where neurons are saturated. Binary networks agree off a null set.

    References
    ----------
    T. Qin, L. Zhou, D. Xiu, arXiv:1805.08340: propositions 3.1 to 3.3 and section 3.4.

    Examples
    --------
    >>> made = reduce({"w": [[2.0], [0.5], [-1.0]], "b": [1.0, 3.0, -4.0], "c": [1.0, 2.0, 5.0]}, 1.0)
    >>> made.network.neurons, made.dead, made.saturated
    ((3,), (1,), (1,))
    >>> made.network.arrays()["w"].ravel(), made.network.arrays()["b"]
    (array([ 1.,  1., -1.]), array([0.5, 1. , 1. ]))
    """
    original = as_network(network, activation)
    bound = _radius(domain, original.inputs)
    step = _reduce_relu if original.activation == "relu" else _reduce_binary
    weights, biases = list(original.weights), list(original.biases)
    bounds, dead, saturated = [], [], []
    for layer in range(len(weights) - 1):
        here, above = layer, layer + 1
        threshold = biases[here]
        assert threshold is not None, "every hidden layer has thresholds"
        bounds.append(bound)
        (weights[here], weights[above]), (biases[here], biases[above]), bound, counts = step(
            weights[here], weights[above], threshold, biases[above], bound
        )
        dead.append(counts[0])
        saturated.append(counts[1])
    made = Network(tuple(weights), tuple(biases), original.activation)
    return Reduction(original, made, tuple(bounds), tuple(dead), tuple(saturated))


def norms(rows: Array) -> Array:
    """Euclidean norms of rows, without overflow or underflow of the squares."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    scale = np.where(largest > 0.0, largest, 1.0)
    return scale * np.sqrt(np.sum((rows / scale[:, None]) ** 2, axis=1))


def _radius(domain: Any, inputs: int) -> float:
    try:
        points = np.asarray(domain, dtype=np.float64)
    except (ValueError, TypeError):
        raise ParameterError(f"domain = {domain!r} is not allowed: give a radius or points (n, {inputs})") from None
    if points.ndim not in (0, 2) or (points.ndim == 2 and (points.shape[1] != inputs or not len(points))):
        raise ParameterError(f"domain has shape {points.shape}: give a radius, or points of shape (n, {inputs})")
    if not np.all(np.isfinite(points)):
        raise ParameterError("domain is NaN or infinite: give a finite radius, or finite points")
    radius = float(points) if points.ndim == 0 else float(norms(points).max())
    if radius <= 0.0:
        raise ParameterError(f"domain has radius {radius:g}: give one above 0, the largest norm of any input")
    return radius


Step = tuple[list[Array], list[Array | None], float, tuple[int, int]]


def _reduce_relu(w: Array, c: Array, b: Array, d: Array | None, bound: float) -> Step:
    """One hidden layer and the layer after it: eqs. (1) to (4)."""
    length = norms(w)
    constant = length == 0.0
    scale = np.where(constant, 1.0, length)
    with np.errstate(over="ignore"):  # an infinite threshold is far beyond the bound, on the right side of it
        threshold = np.where(constant, np.where(b > 0.0, np.inf, -np.inf), b / scale)
    dead, saturated = threshold <= -bound, threshold > bound * ROUND_OFF
    kept = ~(dead | saturated)
    unit, outer = w[kept] / length[kept, None], c[:, kept] * length[kept]
    threshold = np.minimum(threshold[kept], bound)
    if saturated.any():
        slope, level = c[:, saturated] @ w[saturated], c[:, saturated] @ b[saturated]
        more, weight, d = _affine(slope, level, d, bound)
        unit, outer = np.vstack([unit, more]), np.hstack([outer, weight])
        threshold = np.append(threshold, np.full(len(more), bound))
    above = float(norms(np.maximum(bound + threshold, 0.0)[None, :])[0])  # ≤ 2 X_B √J, eq. (6)
    return [unit, outer], [threshold, d], above, (int(dead.sum()), int(saturated.sum()))


def _affine(slope: Array, level: Array, d: Array | None, bound: float) -> tuple[Array, Array, Array | None]:
    """slope·x + level (outputs, inputs) by neurons with threshold X_B, which never switch off: eqs. (3) and (4).

    Returns their directions, outer weights, and the constant of the outputs.
    """
    outputs, inputs = slope.shape
    left, size, right = np.linalg.svd(slope, full_matrices=False)
    rank = int(np.sum(size > max(slope.shape) * np.finfo(float).eps * size[0])) if inputs else 0
    directions, weight = right[:rank], left[:, :rank] * size[:rank]
    if d is not None or not inputs:
        rest = level - bound * weight.sum(axis=1)
        return directions, weight, rest if d is None else d + rest
    if not level.any() and not rank:
        return directions, weight, None
    if not rank:
        directions, weight = np.eye(1, inputs), np.zeros((outputs, 1))
    # the first direction in both signs carries the constant as well
    rest = level / bound - weight[:, 1:].sum(axis=1)
    first = weight[:, :1].copy()
    weight[:, 0] = 0.5 * (rest + first[:, 0])
    opposite = 0.5 * (rest - first[:, 0])
    return np.vstack([directions, -directions[:1]]), np.hstack([weight, opposite[:, None]]), None


def _reduce_binary(w: Array, c: Array, b: Array, d: Array | None, bound: float) -> Step:
    """Thresholds clipped, constants as neurons at ±X_B: eq. (5)."""
    length = norms(w)
    constant = length == 0.0
    scale = np.where(constant, 1.0, length)
    unit = np.where(constant[:, None], np.eye(1, w.shape[1]), w / scale[:, None])
    with np.errstate(over="ignore"):
        threshold = np.where(constant, np.where(b > 0.0, np.inf, -np.inf), b / scale)
    counts = int(np.sum(threshold <= -bound)), int(np.sum(threshold > bound))
    # the next layer sees corners of the unit cube, no null set: its bound is above √J, not at it
    return [unit, c], [np.clip(threshold, -bound, bound), d], float(np.sqrt(len(w) + 1.0)), counts
