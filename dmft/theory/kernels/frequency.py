"""Kernels of wide two-layer networks f = Σ a σ(w·x + b) per neuron: linear frequency principle and exact.

r = |w| is uniform in [0, W], the direction of w uniform, b in ±B, a in ±A; the trained weights are a, w and b. The
linear frequency principle (LFP) takes B → ∞ at constant density 1/(2B), and leaves ∂f/∂w out. Equation numbers are
those of docs/theory/f_principle.rst. Plain NumPy: each kernel is evaluated once.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
#: Nodes of the quadratures over |w|, over its direction, and (tanh) over b.
RADII, DIRECTIONS, BIASES = 24, 64, 96


def lfp_relu(distance: Array, weight: float, output: float, dimension: int) -> Array:
    """Eq. (7): |x|³ and −|x| per density of biases, the FT of the two powers of |ξ| in one or two dimensions."""
    cubic, linear = moments(weight, output)
    if dimension == 1:
        return cubic * distance**3 / 12.0 - linear * distance / 2.0
    return cubic * distance**3 / (9.0 * np.pi) - linear * distance / np.pi


def lfp_tanh(distance: Array, weight: float, output: float) -> Array:
    """Eq. (9): the FT of eq. (8) in closed form, averaged over w; its value at distance 0 is that of ∂f/∂b."""
    radii, weights = _legendre(0.0, weight, RADII * 4)
    delta = np.multiply.outer(distance, radii)
    # δ coth δ − 1 and its quotient by sinh² δ, by their series where they would cancel
    small = delta < 1e-2
    safe = np.where(small, 1.0, np.minimum(delta, 300.0))
    square = delta * delta
    excess = np.where(small, square / 3.0 - square**2 / 45.0, delta / np.tanh(safe) - 1.0)
    overlap = np.where(small, 1.0 / 3.0 - 2.0 * square / 15.0, (safe / np.tanh(safe) - 1.0) / np.sinh(safe) ** 2)
    found: Array = (-2.0 * excess + output**2 / 3.0 * 4.0 * overlap) @ weights
    return found


def lfp_spectrum(frequency: Array, activation: str, weight: float, output: float, dimension: int) -> Array:
    """γ²(ξ) per density of biases: eqs. (6) and (8)."""
    if activation == "relu":
        cubic, linear = moments(weight, output)
        sphere = 1.0 if dimension == 1 else 2.0
        k = 2.0 * np.pi * frequency
        return sphere * (cubic / k ** (dimension + 3) + linear / k ** (dimension + 1))
    radii, weights = _legendre(0.0, weight, RADII * 16)
    argument = np.minimum(np.pi**2 * np.divide.outer(frequency, radii), 300.0)
    part = 1.0 + 4.0 * np.pi**2 * output**2 / 3.0 * np.divide.outer(frequency, radii) ** 2
    found: Array = (np.pi**2 / np.sinh(argument) ** 2 * part / radii) @ weights
    return found


def moments(weight: float, output: float) -> tuple[float, float]:
    """⟨r³⟩ and ⟨a²r⟩."""
    return weight**3 / 4.0, output**2 / 3.0 * weight / 2.0


def tangent(points: Array, others: Array, activation: str, weight: float, output: float, bias: float) -> Array:
    """The exact tangent kernel (m, n) per neuron of infinitely many, by quadrature: eq. (10).

    Over b the integral is exact for ReLU. For tanh all integrals are Gaussian.
    """
    kernel = np.zeros((len(points), len(others)))
    product = points @ others.T + 1.0
    radii, weights = _legendre(0.0, weight, RADII)
    for direction in _directions(points.shape[1]):
        here, there = points @ direction, others @ direction
        for radius, part in zip(radii, weights, strict=True):
            first, second = radius * here[:, None], radius * there[None, :]
            moved, gates = (_relu if activation == "relu" else _tanh)(first, second, bias)
            kernel += part * (moved + output**2 / 3.0 * product * gates)
    return kernel / len(_directions(points.shape[1]))


def _relu(first: Array, second: Array, bias: float) -> tuple[Array, Array]:
    """⟨σσ'⟩ and ⟨σ'σ'⟩ over b, at w·x = `first` and w·x' = `second`."""
    low = np.clip(-np.minimum(first, second), -bias, bias)
    length, mean, square = bias - low, (bias**2 - low**2) / 2.0, (bias**3 - low**3) / 3.0
    return (first * second * length + (first + second) * mean + square) / (2.0 * bias), length / (2.0 * bias)


def _tanh(first: Array, second: Array, bias: float) -> tuple[Array, Array]:
    moved, gates = (np.zeros(np.broadcast_shapes(first.shape, second.shape)) for _ in range(2))
    for node, part in zip(*_legendre(-bias, bias, BIASES), strict=True):
        one, two = np.tanh(first + node), np.tanh(second + node)
        moved += part * one * two
        gates += part * (1.0 - one**2) * (1.0 - two**2)
    return moved, gates


def _directions(dimension: int) -> Array:
    """Unit vectors (D, d) that stand for all."""
    if dimension == 1:
        return np.array([[1.0], [-1.0]])
    angles = 2.0 * np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _legendre(low: float, high: float, count: int) -> tuple[Array, Array]:
    """Nodes and weights of the mean over an interval."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return low + 0.5 * (high - low) * (nodes + 1.0), 0.5 * weights
