"""Averages over the Marchenko–Pastur law, exact to round-off for polynomials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class MarchenkoPastur:
    """Eigenvalues of XᵀX for X with P = αN rows and independent entries of variance 1/N.

    Attributes
    ----------
    nodes, weights : ndarray (n,)
        Quadrature of the continuous part on [(√α−1)², (√α+1)²], of total weight min(1, α).
    atom : float
        Weight of the eigenvalue 0: max(0, 1 − α).
    """

    nodes: Array
    weights: Array
    atom: float

    @classmethod
    def quadrature(cls, alpha: float, count: int) -> MarchenkoPastur:
        """Midpoint rule in the angle, x = 1 + α + 2√α cos θ: exact for polynomials below degree `count`."""
        theta = np.pi * (np.arange(count) + 0.5) / count
        x = 1.0 + alpha + 2.0 * np.sqrt(alpha) * np.cos(theta)
        # density sqrt((x₊−x)(x−x₋))/(2πx) dx; for α = 1 both sin²θ and x vanish at θ = π, their ratio does not
        weights = 2.0 * alpha * np.sin(theta) ** 2 / x / count
        return cls(x, weights, max(0.0, 1.0 - alpha))

    def mean(self, values: Array, at_zero: float | Array = 0.0) -> Array:
        """Average of a function given at the nodes (last axis) and at eigenvalue 0."""
        return values @ self.weights + self.atom * np.asarray(at_zero)
