"""Batch statistics of a normalised unit: what BN adds to a loss on average, exact for Gaussian inputs.

Equation numbers are those of docs/theory/bn_regularization_decay.rst.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, ndtr

from ..errors import ParameterError

Array = np.ndarray
REFERENCES = (
    "P. Luo, X. Wang, W. Shao, Z. Peng, Towards understanding regularization in batch normalization, ICLR 2019, "
    "arXiv:1809.00846",
)
#: Excess kurtosis of the pre-activation.
KURTOSIS = {"gaussian": 0.0, "uniform": -1.2, "laplace": 3.0}
ACTIVATIONS = ("identity", "relu")
NODES = 240


def check_batch(batch: int) -> None:
    """Refuse a batch of one sample, which BN maps to zero.

    Raises
    ------
    ParameterError
    """
    if batch < 2:
        raise ParameterError(
            f"batch = {batch} is not allowed: batch normalisation of one sample is zero whatever the sample, give 2 or "
            "more"
        )


def zeta(batch: Array, activation: str, kurtosis: float = 0.0) -> Array:
    """ζ of eq. (1) for a pre-activation that is symmetric about its mean: ⟨g'⟩ = ⟨g'u²⟩ = 1, or 1/2 for ReLU."""
    share = 1.0 if activation == "identity" else 0.5
    return share * (0.5 + (kurtosis + 2.0) / 8.0) / np.asarray(batch, dtype=float)


def mean_deviation(batch: Array) -> Array:
    """c_M = E σ_B for Gaussian numbers of variance 1, eq. (2)."""
    z = 0.5 * np.asarray(batch, dtype=float) - 0.5
    # Γ(z + ½)/Γ(z)/√z: logarithms of large gamma functions would lose the digits of 1 − c_M
    series = 1.0 - 1.0 / (8.0 * z) + 1.0 / (128.0 * z**2) + 5.0 / (1024.0 * z**3) - 21.0 / (32768.0 * z**4)
    small = np.minimum(z, 200.0)
    ratio = np.where(z > 200.0, series, np.exp(gammaln(small + 0.5) - gammaln(small)) / np.sqrt(small))
    return ratio * np.sqrt(z / (z + 0.5))


def gaussian_penalty(batch: int, activation: str) -> float:
    """½ E (g(u) − g(û))² for Gaussian inputs, to round-off: eq. (3).

    û is independent of batch mean and deviation (Basu), and û²/(M − 1) has a beta distribution.
    """
    if activation == "identity":
        return float(1.0 - mean_deviation(np.array(batch)))
    point, weight = np.polynomial.legendre.leggauss(NODES)
    # û = √(M − 1) sin θ with density cos^(M−3) θ; for M = 2 it is ±1
    end = min(0.5 * np.pi, 14.0 / np.sqrt(batch))
    theta, share = 0.5 * end * (point + 1.0), weight.copy()
    if batch == 2:
        theta, share = np.array([0.5 * np.pi]), np.ones(1)
    else:
        share *= np.cos(theta) ** (batch - 3)
    normalised = np.sqrt(batch - 1.0) * np.sin(theta)
    low, high = max(0.0, 1.0 - 14.0 / np.sqrt(2.0 * batch)), 1.0 + 14.0 / np.sqrt(2.0 * batch)
    s = low + 0.5 * (high - low) * (point + 1.0)
    logarithm = (batch - 2.0) * np.log(s) - 0.5 * batch * s**2
    density = weight * np.exp(logarithm - logarithm.max())
    total = 0.0
    for sign in (1.0, -1.0):
        first, second = _relu_moments(sign * np.outer(normalised, s), 1.0 / np.sqrt(batch))
        square = second - 2.0 * (sign > 0.0) * normalised[:, None] * first + (sign > 0.0) * normalised[:, None] ** 2
        total += 0.5 * float(share @ square @ density / share.sum() / density.sum())
    return 0.5 * total


def _relu_moments(mean: Array, deviation: float) -> tuple[Array, Array]:
    """E relu(x) and E relu(x)² for Gaussian x."""
    z = mean / deviation
    bell = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return mean * ndtr(z) + deviation * bell, (mean**2 + deviation**2) * ndtr(z) + mean * deviation * bell
