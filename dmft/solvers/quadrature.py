"""Averages over Gaussian numbers of functions that are smooth in pieces: nodes by piece, moments of parts."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
#: Standard deviations beyond which a Gaussian has no weight (below 1e-15).
TAIL = 8.3


@cache
def _legendre(nodes: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(nodes)


def piece(low: Array, high: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss–Legendre points and weights (…, nodes) of the intervals from `low` to `high`; empty ones weigh nothing."""
    point, weight = _legendre(nodes)
    half = 0.5 * np.maximum(np.asarray(high, dtype=float) - low, 0.0)[..., None]
    return np.asarray(low)[..., None] + half * (point + 1.0), half * weight


def normal_pieces(edge: Array, nodes: int) -> tuple[Array, Array]:
    """Points and weights (…, 2·nodes) of the normal distribution, for functions with a kink or jump at `edge`."""
    middle = np.clip(np.asarray(edge, dtype=float), -TAIL, TAIL)
    left, right = piece(np.full_like(middle, -TAIL), middle, nodes), piece(middle, np.full_like(middle, TAIL), nodes)
    point = np.concatenate([left[0], right[0]], axis=-1)
    weight = np.concatenate([left[1], right[1]], axis=-1) * np.exp(-0.5 * point**2) / np.sqrt(2.0 * np.pi)
    return point, weight


def part_moments(mean: Array, deviation: float, low: Array, high: Array) -> tuple[Array, Array, Array]:
    """E x^n for n = 0, 1, 2 of a Gaussian x, counted only between `low` and `high`."""
    a, b = (low - mean) / deviation, (high - mean) / deviation
    bell_a, bell_b = (np.exp(-0.5 * np.minimum(z**2, 1e4)) / np.sqrt(2.0 * np.pi) for z in (a, b))
    mass = ndtr(b) - ndtr(a)
    first = bell_a - bell_b
    ends = (np.where(np.isfinite(z), z, 0.0) * bell for z, bell in ((a, bell_a), (b, bell_b)))
    second = mass + next(ends) - next(ends)
    one = mean * mass + deviation * first
    return mass, one, mean**2 * mass + 2.0 * mean * deviation * first + deviation**2 * second
