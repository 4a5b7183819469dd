"""Tangent kernel of a deep network of infinite width: moments of activations, layer by layer.

Plain NumPy. Equation numbers are those of docs/theory/f_principle.rst.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
#: Terms of the Hermite series, and nodes of its quadrature.
TERMS, NODES = 80, 400


def tangent_kernel(
    inputs: Array, activation: str, widths: Sequence[int], weight: float, bias: float
) -> tuple[Array, Array]:
    """Mean tangent kernel and covariance of the output at the start, both (n, n).

    Parameters
    ----------
    inputs : ndarray (n, d)
    widths : sequence of int
        Of the hidden layers. They enter with the variance `weight` of each weight; `bias` is that of the biases.

    Notes
    -----
    Eqs. (14) to (17), exact when all widths grow at constant weight·width. n² times :data:`TERMS` operations a layer.
    """
    covariance = weight * (inputs @ inputs.T) + bias
    moments, slopes = [], []
    for width in widths:
        moment, slope = _moments(covariance, activation)
        moments.append(width * moment)
        slopes.append(width * weight * slope)
        covariance = width * weight * moment + bias
    back = np.ones_like(covariance)  # Σ_j δ_j δ'_j of the gradients at the pre-activations
    kernel = back.copy()  # the bias of the output
    for moment, slope in zip(reversed(moments), reversed(slopes), strict=True):
        kernel += moment * back
        back = back * slope
        kernel += back
    return kernel + (inputs @ inputs.T) * back, covariance


def _moments(covariance: Array, activation: str) -> tuple[Array, Array]:
    """⟨φφ'⟩ and the same of the derivatives, for Gaussian pre-activations of this covariance."""
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), 1e-300))
    scale = np.outer(deviation, deviation)
    correlation = np.clip(covariance / scale, -1.0, 1.0)
    if activation == "identity":
        return covariance, np.ones_like(covariance)
    if activation == "relu":  # kernels of the arc cosine
        angle = np.arccos(correlation)
        sine = np.sqrt(np.maximum(1.0 - correlation**2, 0.0))
        gates = (np.pi - angle) / (2.0 * np.pi)
        return scale * (sine / (2.0 * np.pi) + correlation * gates), gates
    found = []
    for values in _hermite(activation, deviation):
        total = np.zeros_like(correlation)
        for order in reversed(range(TERMS)):  # Mehler: ⟨φφ'⟩ = Σ_k c_k c'_k ρ^k, by Horner's rule
            total *= correlation
            total += np.outer(values[:, order], values[:, order])
        found.append(total)
    return found[0], found[1]


def _hermite(activation: str, deviation: Array) -> tuple[Array, Array]:
    """Coefficients (n, TERMS) of φ(σz) and of φ'(σz) in orthonormal Hermite polynomials, for each σ."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    z, weights = 9.0 * nodes, 9.0 * weights * np.exp(-0.5 * (9.0 * nodes) ** 2) / np.sqrt(2.0 * np.pi)
    basis = np.empty((TERMS, NODES))
    basis[0], basis[1] = 1.0, z
    for order in range(2, TERMS):
        basis[order] = (z * basis[order - 1] - np.sqrt(order - 1.0) * basis[order - 2]) / np.sqrt(order)
    argument = np.outer(deviation, z)
    if activation == "tanh":
        value = np.tanh(argument)
        slope = 1.0 - value**2
    else:
        value = np.logaddexp(0.0, argument)
        slope = 0.5 + 0.5 * np.tanh(0.5 * argument)
    return (value * weights) @ basis.T, (slope * weights) @ basis.T
