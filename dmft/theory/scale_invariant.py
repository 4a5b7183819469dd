"""What the models of scale-invariant weights under weight decay share: sources, checks, exact kinematics."""

from __future__ import annotations

import numpy as np
from scipy.special import spence

from ..errors import ParameterError

Array = np.ndarray
REFERENCES = (
    "E. Lobacheva, M. Kodryan, N. Chirkova, A. Malinin, D. Vetrov, On the periodic behavior of neural network training "
    "with batch normalization and weight decay, NeurIPS 2021, arXiv:2106.15739",
    "T. van Laarhoven, L2 regularization versus batch and weight normalization, arXiv:1706.05350",
    "Z. Li, S. Arora, An exponential learning rate schedule for deep learning, ICLR 2020, arXiv:1910.07454",
    "Z. Li, K. Lyu, S. Arora, Reconciling modern deep learning with traditional optimization analyses: the intrinsic "
    "learning rate, NeurIPS 2020, arXiv:2010.02916",
    "R. Wan, Z. Zhu, X. Zhang, J. Sun, Spherical motion dynamics: learning dynamics of normalized neural network using "
    "SGD and weight decay, arXiv:2006.08419",
    "M. Kodryan, E. Lobacheva, M. Nakhodnov, D. Vetrov, Training scale-invariant neural networks on the sphere can "
    "happen in three regimes, NeurIPS 2022, arXiv:2209.03695",
)


def check_decay(eta: float, weight_decay: float) -> None:
    """Refuse ηλ ≥ 1, where a step of decay turns the weights round.

    Raises
    ------
    ParameterError
    """
    if eta * weight_decay >= 1.0:
        raise ParameterError(
            f"eta = {eta:g} with weight_decay = {weight_decay:g}: the product {eta * weight_decay:.4g} must be "
            "below 1, or a step of decay turns the weights round; give a smaller eta or weight_decay"
        )


def next_norm(norm: Array, gradient: Array, eta: float, k: float) -> Array:
    """ρ' of eq. (1) from ρ, the effective gradient norm ‖g̃‖ and k = 1 − ηλ."""
    return np.sqrt(k**2 * norm**2 + eta**2 * gradient**2 / norm**2)


def cosine(norm: Array, gradient: Array, eta: float, k: float) -> Array:
    """cos∠(w, w') of eq. (2)."""
    return k / np.sqrt(k**2 + (eta * gradient / norm**2) ** 2)


def contraction(s: Array) -> Array:
    """F(s) = ∫₀ˢ ln|1 − eˣ| dx = π²/6 − Re Li₂(eˢ): how an angle shrinks while ln β rises to s."""
    x = np.exp(np.asarray(s, dtype=float))
    below, above = np.minimum(x, 1.0), np.maximum(x, 1.0)
    # beyond 1 by inversion: Li₂(x) = π²/3 − ln²x/2 − Li₂(1/x)
    dilogarithm = np.where(
        x <= 1.0, spence(1.0 - below), np.pi**2 / 3.0 - 0.5 * np.log(above) ** 2 - spence(1.0 - 1.0 / above)
    )
    return np.pi**2 / 6.0 - dilogarithm


def inverse_contraction(value: Array) -> Array:
    """The s ≥ ln 2 with F(s) = `value`, on the branch where F rises, by bisection."""
    low = np.full(np.shape(value), np.log(2.0))
    # F grows as s²/2: twice the root of twice the height is above it
    high = np.log(2.0) + 2.0 + 2.0 * np.sqrt(2.0 * np.maximum(value - contraction(np.log(2.0)), 0.0))
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = contraction(middle) > value
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)
