"""Gaussian clouds, one a class."""

from __future__ import annotations

import numpy as np

from .dataset import Array


def gaussian_mixture(samples: int, means: Array, deviation: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Inputs x = m_c + deviation·ξ (n, d) and labels c (n,), each class as likely as the others.

    Parameters
    ----------
    means : ndarray (classes, d)
        m_c.
    """
    labels = rng.integers(len(means), size=samples)
    return means[labels] + deviation * rng.standard_normal((samples, means.shape[1])), labels


def random_means(number: int, dimension: int, distance: float, rng: np.random.Generator) -> Array:
    """Means (classes, d) in random directions, `distance` away from the origin."""
    directions = rng.standard_normal((number, dimension))
    found: Array = distance * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return found
